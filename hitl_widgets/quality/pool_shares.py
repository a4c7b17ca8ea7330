"""Shares of labels in a pool, of which a strategy asked some items and chance others. Read `shares_of_pool` first."""

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
        The estimate of each label, from `least` to `most`; NaN where nothing was drawn by chance.
    worth : ndarray of float64, shape (n_labels,)
        So many items that are drawn by chance from an endless pool tell as much.
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
        """Draw the shares towards others, which count as so many more items drawn by chance.

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

    Each item that chance drew stands for the items that were open when it was asked, and those that were answered
    before count as they are: together they estimate the whole pool without bias. These estimates differ in how much
    they had to guess; their mean has weights by that. So the figure becomes exact as the pool is used up. (What chance
    drew by itself tells of what the strategy left, which has fewer items of the kinds that the strategy likes.)

    Parameters
    ----------
    on : array_like of float, shape (n_items, n_labels)
        Whether each answered item has each label, or how probable that is; NaN where it isn't known. In the order in
        which the items were first asked.
    by_chance : array_like of bool, shape (n_items,)
        The items that were drawn by chance from those that were open.
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
    A strategy asked for both rare items of ten first; chance drew two of the eight that were left.

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
