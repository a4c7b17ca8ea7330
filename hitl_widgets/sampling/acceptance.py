"""Acceptance sampling: deciding by random checks whether predicted labels are good enough.

The labels are predicted by a small classifier (the "probe" of `relabel_order`). `presumable` selects the items for
which its predictions are confident enough, `check_order` puts them into the random order in which people check them,
and `assess` estimates how many of the unchecked labels are wrong, and whether they may be accepted. Read `assess`
first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from ..errors import BadInput
from ..records import Estimate
from .relabel_order import RelabelOrder

Verdict = Literal["good", "bad", "more"]

# The part of the tolerance that the probe's expected errors may use: the rest is for errors of the probe and the
# checks.
EXPECTED = 1 / 3
# Numbers of checks after which the error of presumed labels is estimated, and the risk at each end of the interval.
LOOKS, TAIL = (30, 60, 120), 0.0275


@dataclass(frozen=True)
class Acceptance:
    """Error of presumed labels, estimated from random checks, and whether they may be accepted.

    Parameters
    ----------
    verdict : {"good", "bad", "more"}
        "good" if the whole interval lies within the tolerance; "bad" if all of it lies beyond, or nothing was decided
        by the last look; "more" if more checks are needed.
    error : Estimate
        Share of the presumed labels that are wrong; its n is the number of checks. NaN, from 0 to 1, before the first
        look.
    n_presumed : int
        Number of labels to be presumed (accepted without a check).
    n_wrong : int
        In how many of the checks a person gave another label.
    n_needed : int
        Checks until the next look; 0 when there is none.
    tolerance : float
        Largest acceptable share of wrong labels.
    """

    verdict: Verdict
    error: Estimate
    n_presumed: int
    n_wrong: int
    n_needed: int
    tolerance: float

    @property
    def n_checked(self) -> int:
        """Number of checks that the estimate rests on."""
        return self.error.n

    def to_dict(self) -> dict[str, Any]:
        """Return all figures, ready for JSON; None for unknown ones."""
        return {"verdict": self.verdict, "n_presumed": self.n_presumed,
                "error": None if math.isnan(self.error) else self.error.value, "low": self.error.low,
                "high": self.error.high, "n_checked": self.n_checked, "n_wrong": self.n_wrong,
                "n_needed": self.n_needed, "tolerance": self.tolerance}

    def __repr__(self) -> str:
        if not self.n_checked:
            return f"nothing can be said of {self.n_presumed} labels before {self.n_needed} checks"
        end = {"good": f"good enough for {self.tolerance:.0%}", "bad": f"not good enough for {self.tolerance:.0%}",
               "more": f"{self.n_needed} more checks are needed"}[self.verdict]
        return (f"{self.error.value:.1%} of {self.n_presumed} labels wrong ({self.error.low:.1%} to "
                f"{self.error.high:.1%}; {self.n_wrong} of {self.n_checked} checks): {end}")


def presumable(ranked: RelabelOrder, *, tolerance: float = 0.05) -> np.ndarray:
    """Select the rows with the most confident predictions, so that their error should be within a tolerance.

    As many rows are selected as the probe expects to have at most a third of `tolerance` of wrong labels. If it
    expected the whole tolerance, no number of checks could show that there aren't more; and the probe is slightly
    overconfident, since it chose which items were asked. `assess` then estimates the true error, from checks of these
    rows in the order of `check_order`. The most confident rows come first.

    Parameters
    ----------
    ranked : RelabelOrder
        From `relabel_order.order`. Rows without a probe's probabilities are never presumed.
    tolerance : float
        Largest acceptable share of wrong labels, between 0 and 1.

    Returns
    -------
    ndarray of int64, shape (n_presumed,)

    Raises
    ------
    BadInput
        If the tolerance isn't between 0 and 1.
    """
    _check_tolerance(tolerance)
    rows = ranked.rows[ranked.modelled[ranked.rows]]
    doubt = 1 - ranked.probs[rows].max(axis=1).astype(np.float64)
    surest = np.argsort(doubt, kind="stable")
    held = np.cumsum(doubt[surest]) <= EXPECTED * tolerance * np.arange(1, len(rows) + 1)
    return np.asarray(rows[surest[:int(held.nonzero()[0].max()) + 1 if held.any() else 0]])


def check_order(rows: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Put the rows to be presumed into random order; people check the first ones, as many as `assess` requires."""
    return np.random.default_rng(seed).permutation(np.sort(np.asarray(rows, np.int64)))


def assess(wrong: Sequence[bool] | np.ndarray, n_presumed: int, *, tolerance: float = 0.05) -> Acceptance:
    """Estimate how many of the labels to be presumed are wrong, and whether enough were checked.

    The checks are evaluated (a "look") after 30, 60 and 120 of them, or after all if there are fewer. Between two
    looks, the result of the earlier one is returned. The first verdict "good" or "bad" is final, whatever is checked
    later.
    So the function may be called after every check without biasing its estimates.

    Each look computes an interval for the number of wrong labels among the unchecked ones, under Jeffreys' prior. The
    distribution is beta-binomial, since the number of labels is finite; numbers at its ends have half their weight
    (mid-P), and the risk at each end is 2.75 %, since whole numbers make the interval too wide otherwise. Over all
    looks, the interval at which checking stops contains the truth in 97 % of cases for errors from 1 to 5 %, in 95 %
    for errors from 1 to 10 %, and in 94 % for errors from 0.5 to 20 % (Clopper and Pearson's in 98 to 99 %). For one
    fixed small error the coverage can be 85 % or 100 %, because 30 checks have only a few possible counts.

    Parameters
    ----------
    wrong : array_like of bool, shape (n_checks,)
        The checks in the order of `check_order`: True where the person gave another label.
    n_presumed : int
        Number of labels from which the checks were drawn, the checked ones included.
    tolerance : float
        Largest acceptable share of wrong labels, between 0 and 1.

    Returns
    -------
    Acceptance

    Raises
    ------
    BadInput
        If there are more checks than labels, or the tolerance isn't between 0 and 1.

    References
    ----------
    Brown, Cai and DasGupta (2001), Interval Estimation for a Binomial Proportion, doi:10.1214/ss/1009213286; mid-P:
    Lancaster (1961), doi:10.1080/01621459.1961.10482105; looks: Pocock (1977), doi:10.1093/biomet/64.2.191.

    Examples
    --------
    >>> assess([False] * 30, 400, tolerance=0.1)
    1.6% of 370 labels wrong (0.0% to 7.8%; 0 of 30 checks): good enough for 10%
    """
    wrong = np.asarray(wrong, bool)
    if len(wrong) > n_presumed:
        raise BadInput(f"{len(wrong)} checks of {n_presumed} labels; there can't be more checks than labels.")
    _check_tolerance(tolerance)
    looks = [look for look in LOOKS if look < n_presumed] or [n_presumed]
    latest = Acceptance("more", Estimate(math.nan, 0, 1), n_presumed, 0, looks[0] - len(wrong), tolerance)
    for look, following in zip(looks, [*looks[1:], None], strict=True):
        if len(wrong) < look:
            break
        k, left = int(wrong[:look].sum()), n_presumed - look
        low, high = unchecked_interval(k, look, left)
        verdict: Verdict = "good" if high <= tolerance else "bad" if low > tolerance or following is None else "more"
        needed = following - len(wrong) if following is not None and verdict == "more" else 0
        latest = Acceptance(verdict, Estimate((k + 0.5) / (look + 1) if left else 0.0, low, high, n=look), left, k,
                            needed, tolerance)
        if verdict != "more":
            break
    return latest


@lru_cache(maxsize=4_096)
def unchecked_interval(k: int, n: int, left: int, *, tail: float = TAIL) -> tuple[float, float]:
    """The share of wrong labels among the unchecked ones, from k wrong ones in n random checks; see `assess`."""
    from scipy.stats import betabinom  # takes long to load
    chances = betabinom.pmf(np.arange(left + 1), left, k + 0.5, n - k + 0.5)
    below = chances.cumsum() - chances / 2
    inside = np.flatnonzero((below > tail) & (below < 1 - tail))
    return (float(inside[0]) / max(1, left) if k else 0.0), float(inside[-1]) / max(1, left)


def n_without_error(tolerance: float = 0.05, *, level: float = 0.95) -> int:
    """Number of random checks that, if none is wrong, show that the share of wrong labels is below the tolerance.

    Parameters
    ----------
    tolerance : float
        Largest acceptable share of wrong labels, between 0 and 1.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    int

    Examples
    --------
    >>> n_without_error(0.05), n_without_error(0.01)
    (59, 299)
    """
    _check_tolerance(tolerance)
    return math.ceil(math.log(1 - level) / math.log(1 - tolerance))


def _check_tolerance(tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise BadInput(f"tolerance is {tolerance!r}; a share of wrong labels between 0 and 1 is expected, such as "
                       "0.05.")
