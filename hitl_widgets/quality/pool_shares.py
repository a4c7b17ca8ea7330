"""Shares of labels in a pool, from items chosen by a strategy and at random. Read `shares_of_pool` first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from .intervals import jeffreys

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PoolShares:
    """How frequent each label is in a pool.

    Attributes
    ----------
    shares : ndarray of float64, shape (n_labels,)
        The estimate for each label, from `least` to `most`; NaN if no item was drawn at random.
    worth : ndarray of float64, shape (n_labels,)
        Effective sample size: the number of items drawn at random from an infinite pool that give the same precision.
    least, most : ndarray of float64, shape (n_labels,)
        The shares if no open item, and if every open item has the label.
    """

    shares: Floats
    worth: Floats
    least: Floats
    most: Floats

    def interval(self, label: int, *, level: float = 0.95) -> tuple[float, float]:
        """Interval for the share of a label in the pool, by Jeffreys' prior; never beyond `least` and `most`."""
        least, most, worth = float(self.least[label]), float(self.most[label]), float(self.worth[label])
        if not worth:
            return least, most
        low, high = jeffreys(float(self.shares[label]) * worth, worth, level=level)
        return max(low, least), min(high, most)

    def towards(self, others: Floats, weight: float) -> Floats:
        """Shrink the shares towards others, which count as `weight` further items drawn at random.

        Parameters
        ----------
        others : ndarray, shape (n_labels,)
        weight : float
            Above 0.

        Returns
        -------
        ndarray, shape (n_labels,)
            From `least` to `most`.
        """
        drawn: Floats = (np.nan_to_num(self.shares) * self.worth + weight * others) / (self.worth + weight)
        return drawn.clip(self.least, self.most)


def shares_of_pool(on: npt.ArrayLike, by_chance: npt.ArrayLike, n_open: int) -> PoolShares:
    """Estimate how frequent labels are in a pool, whichever items a strategy picked.

    Each item that was drawn at random represents the items that were unanswered when it was asked; items answered
    before are counted by their own labels. So each random item gives an unbiased estimate for the whole pool. Their
    mean, weighted by 1 / (unanswered items)^2, becomes exact as the pool is used up. (Random items alone describe only
    the rest that the strategy left, which has fewer items of the kinds that it prefers.)

    Parameters
    ----------
    on : array_like of float, shape (n_items, n_labels)
        Whether each answered item has each label, or how probable that is; NaN where it isn't known. In the order in
        which the items were first asked.
    by_chance : array_like of bool, shape (n_items,)
        The items that were drawn at random from those that were open.
    n_open : int
        Items of the pool that nobody has answered.

    Raises
    ------
    ShapeError
        If the two don't have a row for each item.

    References
    ----------
    Des Raj (1956), Some Estimators in Sampling with Varying Probabilities without Replacement,
    doi:10.1080/01621459.1956.10501326; Farquhar, Gal and Rainforth (2021), On Statistical Bias in Active Learning,
    arXiv:2101.11665.

    Examples
    --------
    A strategy asked for both rare items of ten first; two of the eight that were left were drawn at random.

    >>> pool = shares_of_pool([[1, 0], [1, 0], [0, 1], [0, 1]], [False, False, True, True], n_open=6)
    >>> pool.shares.tolist()
    [0.2, 0.8]
    >>> [round(end, 2) for end in pool.interval(0)]
    [0.2, 0.7]
    """
    given, drawn = np.asarray(on, np.float64), np.asarray(by_chance, np.bool_)
    if given.ndim != 2 or drawn.shape != given.shape[:1]:
        raise ShapeError(f"labels of shape {given.shape} and draws of shape {drawn.shape} were given; (n_items, "
                         "n_labels) and (n_items,) are expected.")
    known, values, n_pool = ~np.isnan(given), np.nan_to_num(given), len(given) + n_open
    left = n_pool - (known.cumsum(axis=0) - known)
    sums = values.cumsum(axis=0) - values + left * values
    weights = np.where(drawn[:, None] & known, 1.0 / left**2, 0.0)
    total = weights.sum(axis=0)
    least, unknown = values.sum(axis=0), n_pool - known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        rest = ((weights * sums).sum(axis=0) / total - least).clip(0, unknown)
    return PoolShares((least + rest) / max(1, n_pool), n_pool**2 * total, least / max(1, n_pool),
                      (least + unknown) / max(1, n_pool))


def shares_of_parts(on: npt.ArrayLike, by_chance: npt.ArrayLike, part: npt.ArrayLike, n_open: npt.ArrayLike
                    ) -> PoolShares:
    """Estimate how frequent labels are in a pool whose parts are asked of different people.

    Random items are drawn among those that a person is asked, and one person may be far ahead of another: so each part
    is estimated by itself (`shares_of_pool`) and weighted by its size. A part without random items is assumed to be
    like the others.

    Parameters
    ----------
    on, by_chance
        See `shares_of_pool`.
    part : array_like of int, shape (n_items,)
        The part of the pool that each answered item is in, from 0.
    n_open : array_like of int, shape (n_parts,)
        Items of each part that nobody has answered.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd edition, 5.3, stratified sampling.

    Examples
    --------
    All eight items of one part are answered, and two of the eight of another, which have another label.

    >>> cats = [[1]] * 8 + [[0]] * 2
    >>> round(shares_of_pool(cats, [True] * 10, 6).shares.item(), 2)
    0.81
    >>> shares_of_parts(cats, [True] * 10, [0] * 8 + [1] * 2, [0, 6]).shares.tolist()
    [0.5]
    """
    given, drawn, place = np.asarray(on, np.float64), np.asarray(by_chance, np.bool_), np.asarray(part, np.int64)
    left = np.asarray(n_open, np.int64)
    if len(left) == 1:
        return shares_of_pool(given, drawn, int(left[0]))
    each = [shares_of_pool(given[place == k], drawn[place == k], int(n)) for k, n in enumerate(left)]
    size = (np.bincount(place, minlength=len(left)) + left)[:, None] / max(1, len(given) + int(left.sum()))
    shares, worth, least, most = (np.stack([getattr(one, name) for one in each])
                                  for name in ("shares", "worth", "least", "most"))
    whole = least == most  # all items are answered: nothing is left to estimate
    shares = np.where(whole, least, shares)
    known = whole | (worth > 0)
    told = (size * known).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (size * np.where(known, shares, 0.0)).sum(axis=0) / told
        error = np.where(known & ~whole, (size / told) ** 2 / worth, 0.0).sum(axis=0)
        at_all = worth.max(axis=0, initial=0.0)
        of_all = np.where(at_all > 0, told ** 2 / np.where(error > 0, error, 1 / np.maximum(at_all, 1.0)), 0.0)
    shares = np.where(known, shares, mean).clip(least, most)
    return PoolShares((size * shares).sum(axis=0), of_all, (size * least).sum(axis=0), (size * most).sum(axis=0))
