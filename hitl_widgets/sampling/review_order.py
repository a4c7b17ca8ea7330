"""Adjudication: which labels a second person reviews, and how many wrong labels are left.

The least probable labels are all reviewed, and a random sample of the rest. The error of unreviewed labels is estimated
from this sample alone, so the estimate is valid even if the posterior of the consensus is wrong. Read `next_reviews`
and `residual_error` first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ..errors import BadInput, ShapeError
from ..records import Estimate
from .acceptance import n_without_error, unchecked_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# At least this share of each batch belongs to the random sample, so that each item may be reviewed.
RANDOM_SHARE = 1 / 3
# Risk at each end of the interval: less than the 2.5 % of a single look, since the interval is computed after every
# batch, and reviewing tends to stop after a lucky one.
TAIL = 0.01


@dataclass(frozen=True)
class ResidualError:
    """Estimate of how many labels are wrong, before and after reviewed labels were corrected.

    Attributes
    ----------
    before : Estimate
        Share of all labels that were wrong before any review: the Horvitz-Thompson estimate, each changed label
        divided by the probability with which it was reviewed.
    after : Estimate
        Share of all labels that are still wrong after the reviewed ones were corrected. NaN before the first random
        review.
    n_items, n_reviewed, n_changed : int
        Number of labels, of reviewed labels, and of labels that a review changed.
    n_random, n_random_changed : int
        Size of the random sample from which the estimate is computed, and how many of its labels were changed.
    n_needed : int
        Number of further random reviews that are needed before the labels can be accepted.
    tolerance : float
        Largest acceptable share of wrong labels.
    """

    before: Estimate
    after: Estimate
    n_items: int
    n_reviewed: int
    n_changed: int
    n_random: int
    n_random_changed: int
    n_needed: int
    tolerance: float

    @property
    def good(self) -> bool:
        """Whether reviewing may stop: enough random reviews, and the interval of `after` is within the tolerance."""
        return not self.n_needed and self.after.high <= self.tolerance

    def __repr__(self) -> str:
        if not self.n_items:
            return "no label can be reviewed, and nothing can be said of any"
        done = f"{self.n_reviewed} of {self.n_items} labels reviewed, {self.n_changed} changed"
        if math.isnan(self.after):
            return f"{done}; nothing can be said of the others before {self.n_needed} random reviews"
        end = f"good enough for {self.tolerance:.0%}" if self.good else "go on reviewing"
        return (f"{done}; still wrong: {self.after.value:.1%} of all ({self.after.low:.1%} to {self.after.high:.1%}; "
                f"before: {self.before.value:.1%}): {end}")


class _Strata(NamedTuple):
    """The items that were reviewed for sure, and the random sample of the rest."""

    by_doubt: Ints    # items in the order of doubt, without those sampled
    rest: Ints        # in random order: items that are neither reviewed for sure nor otherwise
    n_sampled: int    # number of items from the beginning of `rest` that are reviewed


def residual_error(top: Floats, draws: Floats, reviewed: Mask, changed: Mask, *,
                   tolerance: float = 0.05) -> ResidualError:
    """Estimate how many labels are wrong, from the reviews so far.

    The items with the lowest posteriors that are all reviewed are left aside. Of the others, a reviewed item belongs to
    the random sample if all others with a lower draw were reviewed too. Further reviewed items, which somebody picked,
    aren't used for estimating the rest. Reviews are treated as the truth.

    Parameters
    ----------
    top : ndarray of float64, shape (n_items,)
        The consensus' posterior of each item's label when reviewing began.
    draws : ndarray of float64, shape (n_items,)
        A fixed random number for each item, which isn't used for any other purpose.
    reviewed, changed : ndarray of bool, shape (n_items,)
        Which items were reviewed, and of which the label was changed.
    tolerance : float
        Largest acceptable share of wrong labels, between 0 and 1.

    Returns
    -------
    ResidualError
        The intervals contain the truth in at least 93 of 100 cases (`benchmarks/adjudication.py`).

    Raises
    ------
    ShapeError
        If the arrays differ in length.
    BadInput
        If a posterior isn't a probability, a label was changed without review, or the tolerance isn't between 0 and 1.

    References
    ----------
    Horvitz and Thompson (1952), A Generalization of Sampling Without Replacement from a Finite Universe,
    doi:10.1080/01621459.1952.10483446; the interval is that of `acceptance.assess`,
    for more looks.

    Examples
    --------
    >>> n = 500
    >>> top, draws = np.linspace(0.5, 1, n), np.random.default_rng(0).random(n)
    >>> reviewed = (top < 0.55) | (draws < 0.2)
    >>> residual_error(top, draws, reviewed, top < 0.53)
    137 of 500 labels reviewed, 30 changed; still wrong: 0.0% of all (0.0% to 2.8%; before: 6.0%): good enough for 5%
    """
    _check(top, draws, reviewed, changed)
    strata, n_items = _strata(top, draws, reviewed), len(top)
    n, left = strata.n_sampled, len(strata.rest) - strata.n_sampled
    k, n_reviewed, n_changed = int(changed[strata.rest[:n]].sum()), int(reviewed.sum()), int(changed.sum())
    needed = min(n_without_error(tolerance), len(strata.rest)) - n
    if not n_items:
        low, high, after = 0.0, 1.0, math.nan
    elif not left:
        low = high = after = 0.0
    else:
        after = k / n * left / n_items if n else math.nan
        low, high = (end * left / n_items for end in (unchecked_interval(k, n, left, tail=TAIL) if n else (0.0, 1.0)))
    found = n_changed / max(n_items, 1)
    why = "no labels" if not n_items else "" if n or not left else "no random reviews yet"
    return ResidualError(Estimate(after + found, low + found, high + found, n=n_reviewed, why=why),
                         Estimate(after, low, high, n=n_reviewed, why=why), n_items, n_reviewed, n_changed, n, k,
                         max(0, needed), tolerance)


def next_reviews(top: Floats, draws: Floats, reviewed: Mask, changed: Mask, *, n: int = 20,
                 tolerance: float = 0.05) -> Ints:
    """Choose the labels to review next: doubtful ones and random ones, in the proportion that needs fewest reviews.

    A further doubtful label is reviewed if this is expected to save more than one random review. The expectation uses
    the posteriors, corrected by how many of the reviewed labels were changed. At least a third of each batch is drawn
    at random, and in the end at least `acceptance.n_without_error` labels.

    Parameters
    ----------
    top, draws, reviewed, changed, tolerance
        See `residual_error`.
    n : int
        How many items are wanted.

    Returns
    -------
    ndarray of int64, shape (n,) or fewer
        Items that weren't reviewed, in random order, so that the place in the batch doesn't tell why an item is in it.
    """
    _check(top, draws, reviewed, changed)
    strata = _strata(top, draws, reviewed)
    doubtful = strata.by_doubt[~reviewed[strata.by_doubt]]
    n_doubtful, n_random = _still_to_review(1 - top, strata, doubtful, reviewed, changed, tolerance)
    total = max(n_doubtful + n_random, 1)
    first = strata.rest[strata.n_sampled:][:max(math.ceil(n * n_random / total), math.ceil(n * RANDOM_SHARE))]
    others = doubtful[~np.isin(doubtful, first)][:max(n - len(first), 0)]
    chosen = np.concatenate([first, others])[:n]
    return np.asarray(chosen[np.argsort(draws[chosen[::-1]], kind="stable")], np.int64)


def _strata(top: Floats, draws: Floats, reviewed: Mask) -> _Strata:
    by_chance = np.argsort(draws, kind="stable")
    by_doubt = np.lexsort((-draws, top))  # ties in the reverse order of draws, so that the random sample stays random
    # Reviewed for sure: the beginning of the order of doubt, and what was reviewed out of any order.
    n_sure = int(np.argmin(np.append(reviewed[by_doubt], False)))
    is_sure = np.zeros(len(top), np.bool_)
    is_sure[by_doubt[:n_sure]] = True
    rest = by_chance[~is_sure[by_chance]]
    n_sampled = int(np.argmin(np.append(reviewed[rest], False)))
    picked = reviewed[rest]
    picked[:n_sampled] = False
    return _Strata(by_doubt, np.asarray(rest[~picked], np.int64), n_sampled)


def _still_to_review(doubt: Floats, strata: _Strata, doubtful: Ints, reviewed: Mask, changed: Mask,
                     tolerance: float) -> tuple[int, int]:
    """The numbers of further doubtful and random reviews that end reviewing soonest, by the posteriors."""
    n_items, n = len(doubt), strata.n_sampled
    if not len(doubtful):
        return 0, 0
    # If more labels were changed than the posteriors predict, the others are expected to be worse by the same factor.
    # The random sample isn't used for this: its results must not choose the rest that it represents.
    sure = reviewed.copy()
    sure[strata.rest] = False
    worse = (changed[sure].sum() + 2.0) / (doubt[sure].sum() + 2.0)
    expected = np.append(np.cumsum(doubt[doubtful][::-1])[::-1], 0.0)
    more = np.unique(np.linspace(0, len(doubtful), 80).astype(np.int64))
    left = len(doubtful) - more
    share = np.minimum(0.5, worse * expected[more] / np.maximum(left, 1) + 1e-4)
    least = min(n_without_error(tolerance), len(strata.rest))
    sampled = np.unique(np.append(np.geomspace(max(least, 1), max(len(strata.rest), least, 1), 60).astype(np.int64), n))
    sampled = sampled[sampled >= max(n, least)] if (sampled >= max(n, least)).any() else sampled[-1:]
    unseen = np.maximum(left[:, None] - (sampled - n)[None] * (left / len(doubtful))[:, None], 1.0)
    size, z = 1 / (1 / (sampled + 1.0)[None] + 1 / unseen), -float(ndtri(TAIL))
    middle, weight = share[:, None] + z * z / (2 * size), 1 + z * z / size  # Wilson's upper end, in one go
    half = z * np.sqrt(share[:, None] * (1 - share[:, None]) / size + (z / (2 * size)) ** 2)
    high = (middle + half) / weight * unseen / n_items
    cost = more[:, None] + (sampled - n)[None]
    best = np.argmin(np.where(high <= 0.95 * tolerance, cost, cost + 10.0 * n_items * high))
    row, column = np.unravel_index(best, cost.shape)
    return int(more[row]), int(sampled[column] - n)


def _check(top: Floats, draws: Floats, reviewed: Mask, changed: Mask) -> None:
    for name, given in (("draws", draws), ("reviewed", reviewed), ("changed", changed)):
        if len(given) != len(top):
            raise ShapeError(f"{name} has {len(given)} values for {len(top)} items; one for each is expected.")
    if not ((top >= 0) & (top <= 1)).all():
        raise BadInput("top has values that aren't probabilities; leave out items without a consensus.")
    if (changed & ~reviewed).any():
        raise BadInput(f"{int((changed & ~reviewed).sum())} labels are changed, but not reviewed.")
