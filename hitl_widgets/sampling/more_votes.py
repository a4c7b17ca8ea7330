"""Selection of items for another person: those on which one more answer may change the consensus.

`another_person` selects the items, given any consensus. `fit_people` and `People.posterior` compute a fast consensus
for it: people's reliabilities are fitted now and then, and each vote in between costs one addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, ShapeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Above this posterior of its leading label an item needs no other person.
THRESHOLD = 0.95
# Number of votes, for each true label, by which a person's confusions are shrunk towards those of all people.
PERSON_WEIGHT = 3.0
# Share of all votes by which those of all people are shrunk towards errors that are equal for all other labels.
COMMON_WEIGHT = 0.15


class MoreVotes(NamedTuple):
    """Which items are open, and in which order.

    Attributes
    ----------
    open : ndarray of bool, shape (n_items,)
        Whether another person should be asked about the item.
    order : ndarray of int64, shape (n_open,)
        The open items, the first to be asked first.
    """

    open: Mask
    order: Ints


def another_person(n_votes: npt.NDArray[np.integer], top: Floats, tied: Mask, *, least: int = 1, most: int = 5,
                   threshold: float = THRESHOLD, voted: Mask | None = None) -> MoreVotes:
    """Select the items that another person should be asked about, ties first.

    An item is open with fewer than `least` votes; from there to `most` votes where it is tied or the posterior of its
    leading label is below `threshold`. Tied items come first, then those in doubt, the lowest posterior first, then
    those with fewer than `least` votes. Equal items stay in their order.

    Parameters
    ----------
    n_votes : ndarray of int, shape (n_items,)
        How many people have answered each item.
    top : ndarray of float64, shape (n_items,)
        Posterior of the leading label; NaN where there is none, as without votes.
    tied : ndarray of bool, shape (n_items,)
        Whether two labels lead with equally many votes.
    least, most : int
        Minimum and maximum number of votes; see `annotators_per_item` of `Workbench`.
    threshold : float
        Between 0 and 1.
    voted : ndarray of bool, shape (n_items,), optional
        Items that the person has answered or claimed, or of which they have seen other answers: never open to them.

    Returns
    -------
    MoreVotes

    Raises
    ------
    BadInput
        If not 1 <= least <= most, or the threshold isn't between 0 and 1.
    ShapeError
        If the arrays differ in length.

    Examples
    --------
    >>> n_votes, top = np.array([0, 1, 2, 2, 5]), np.array([np.nan, 0.97, 0.6, 0.5, 0.6])
    >>> another_person(n_votes, top, np.array([False, False, False, True, False])).order.tolist()
    [3, 2, 0]
    """
    if not 1 <= least <= most:
        raise BadInput(f"least is {least} and most {most}; 1 <= least <= most is expected, such as (1, 5).")
    if not 0 < threshold < 1:
        raise BadInput(f"threshold is {threshold!r}; a probability between 0 and 1 is expected, such as 0.95.")
    n_items = len(n_votes)
    for name, given in (("top", top), ("tied", tied), ("voted", voted)):
        if given is not None and len(given) != n_items:
            raise ShapeError(f"{name} has {len(given)} values for {n_items} items; one for each is expected.")
    short = n_votes < least
    unsure = np.asarray(tied, np.bool_) | ~(top >= threshold)  # NaN is unsure
    is_open = short | ((n_votes < most) & unsure)
    if voted is not None:
        is_open &= ~np.asarray(voted, np.bool_)
    rows = np.flatnonzero(is_open)
    doubt = np.where(short[rows], 2.0, np.where(tied[rows], -1.0, np.nan_to_num(top[rows])))
    return MoreVotes(is_open, np.asarray(rows[np.argsort(doubt, kind="stable")], np.int64))


@dataclass(frozen=True)
class People:
    """How each person labels items of each true label, as fitted by `fit_people`.

    Attributes
    ----------
    log_prior : ndarray of float64, shape (n_labels,)
        Logarithm of each label's share.
    log_confusion : ndarray of float64, shape (n_annotators + 1, n_labels, n_labels)
        Logarithm of the probability that a person gives a label (last axis), by the true one (middle axis). The last
        row, -1, is an unknown person.
    """

    log_prior: Floats
    log_confusion: Floats

    def posterior(self, item: Ints, annotator: Ints, label: Ints, n_items: int) -> Floats:
        """Posterior of each label of each item, from these votes.

        Parameters
        ----------
        item, annotator, label : ndarray of int64, shape (n_votes,)
            Places; an annotator that came after the fit is -1.
        n_items : int

        Returns
        -------
        ndarray of float64, shape (n_items, n_labels)
            Rows sum to 1; the labels' shares where an item has no vote.
        """
        n_labels = len(self.log_prior)
        evidence = self.log_confusion[annotator, :, label]
        scores = np.tile(self.log_prior, (n_items, 1))
        for k in range(n_labels):
            scores[:, k] += np.bincount(item, evidence[:, k], n_items)
        return _normalised(scores)

    def updated(self, probs: Floats, annotator: int, label: int, *, removed: bool = False) -> Floats:
        """Posterior of one item after one more vote, or without one that was taken back.

        Parameters
        ----------
        probs : ndarray of float64, shape (n_labels,)
            The item's posterior before, by the same `People`.
        annotator, label : int
            See `posterior`.
        removed : bool
            Whether the vote is taken back.

        Returns
        -------
        ndarray of float64, shape (n_labels,)
        """
        evidence = self.log_confusion[annotator, :, label]
        return _normalised((np.log(np.maximum(probs, 1e-300)) + (-evidence if removed else evidence))[None])[0]


def fit_people(item: Ints, annotator: Ints, label: Ints, *, n_items: int, n_annotators: int, n_labels: int,
               n_steps: int = 25) -> People:
    """Fit how each person labels, from votes: Dawid and Skene's model, shrunk towards the confusions of all people.

    The fit of a person with few votes is close to that of everybody. So it can be used from the first votes on, and
    little is lost by refitting it only when there are a tenth more votes.

    Parameters
    ----------
    item, annotator, label : ndarray of int64, shape (n_votes,)
        Places of each vote's item, person and label, each person once for an item.
    n_items, n_annotators, n_labels : int
    n_steps : int
        Largest number of EM steps.

    Returns
    -------
    People

    References
    ----------
    Dawid and Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm,
    doi:10.2307/2346806.

    Examples
    --------
    >>> item, annotator = np.repeat(np.arange(4), 2), np.tile(np.arange(2), 4)
    >>> people = fit_people(item, annotator, np.array([0, 0, 1, 1, 0, 0, 0, 1]), n_items=4, n_annotators=2, n_labels=2)
    >>> people.posterior(item, annotator, np.array([0, 0, 1, 1, 0, 0, 0, 1]), 4).argmax(axis=1)[:3].tolist()
    [0, 1, 0]
    """
    if n_labels < 2:  # nothing to confuse
        return People(np.zeros(n_labels), np.zeros((n_annotators + 1, n_labels, n_labels)))
    counts = np.bincount(item * n_labels + label, minlength=n_items * n_labels).reshape(n_items, n_labels)
    probs = (counts + 0.3) / (counts + 0.3).sum(axis=1, keepdims=True)
    people = _maximised(probs, item, annotator, label, n_annotators)
    for _ in range(n_steps):
        before, probs = probs, people.posterior(item, annotator, label, n_items)
        people = _maximised(probs, item, annotator, label, n_annotators)
        if np.abs(probs - before).max(initial=0.0) < 1e-3:
            break
    return people


def _maximised(probs: Floats, item: Ints, annotator: Ints, label: Ints, n_annotators: int) -> People:
    """Shares of the labels and confusions of the people, given the items' posteriors (the M step)."""
    n_items, n_labels = probs.shape
    shares = probs.sum(axis=0) + n_items / n_labels + 1.0
    place = annotator * n_labels + label
    own = np.stack([np.bincount(place, probs[item, k], n_annotators * n_labels).reshape(n_annotators, n_labels)
                    for k in range(n_labels)], axis=1)
    common, same = own.sum(axis=0), np.eye(n_labels, dtype=bool)
    right = (np.trace(common) + 2.8) / (common.sum() + 4.0)  # as if 4 votes were known, 70 % of them right
    even = np.where(same, right, (1 - right) / (n_labels - 1))
    weight = COMMON_WEIGHT * len(item) / n_labels + 1.0
    common = (common + weight * even) / (common.sum(axis=1, keepdims=True) + weight)
    drawn = (own + PERSON_WEIGHT * common) / (own.sum(axis=2, keepdims=True) + PERSON_WEIGHT)
    return People(np.log(shares / shares.sum()), np.log(np.maximum(np.concatenate([drawn, common[None]]), 0.005)))


def _normalised(scores: Floats) -> Floats:
    probs = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf)) if scores.shape[1] else scores
    return np.asarray(probs / probs.sum(axis=1, keepdims=True))
