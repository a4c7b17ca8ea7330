"""Orders of a large pool of which only the beginning is wanted: `RandomOrder.first` and `best_of`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .uncertainty import Scores, best

# Of a random order so many items are sorted at first, and so many times as many when these are used up.
BEGUN, FURTHER = 1 << 17, 16
# Fewer than one in so many are looked through by themselves.
RARE = 8
# In a pool of more items, the best are looked for among those above a bar, which so many of them tell.
LARGE, SAMPLE = 1 << 17, 1 << 14


class RandomOrder:
    """Items in the order of their draws, sorted as far as it is asked for. Threads may share it.

    Parameters
    ----------
    draws : ndarray of float64, shape (n_items,)
        A fixed random number of each item, from 0 to 1; equal ones are in the order of their positions.
    """

    def __init__(self, draws: npt.NDArray[np.float64]) -> None:
        self.draws = draws
        self._parts: dict[int, npt.NDArray[np.integer]] = {}

    def first(self, mask: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.intp]:
        """Positions of the first n items of a mask, in order.

        Examples
        --------
        >>> RandomOrder(np.array([0.3, 0.1, 0.2, 0.0])).first(np.array([True, True, True, False]), 2)
        array([1, 2])
        """
        if (n_there := int(np.count_nonzero(mask))) == 0 or n <= 0:
            return np.empty(0, np.intp)
        if n_there <= BEGUN or RARE * n_there < len(mask):  # walking along the order would pass too many others
            places = np.flatnonzero(mask)
            draws = self.draws[places]
            if n < n_there:
                few = draws <= np.partition(draws, n - 1)[n - 1]
                places, draws = places[few], draws[few]
            return places[np.argsort(draws, kind="stable")[:n]]
        found: list[npt.NDArray[np.integer]] = []
        n_left, number = min(n, n_there), 0
        while n_left > 0:
            part = self._part(number)
            found.append(part[mask[part]][:n_left])
            n_left, number = n_left - len(found[-1]), number + 1
        return np.concatenate(found).astype(np.intp, copy=False)

    def _part(self, number: int) -> npt.NDArray[np.integer]:
        """One part of the order after another: 131,072 items or so, then 16 times as many at a time."""
        if number not in self._parts:
            n = len(self.draws)
            bars = [0 if part == 0 else BEGUN * FURTHER ** (part - 1) / n for part in (number, number + 1)]
            inside = self.draws < bars[1] if bars[1] < 1 else np.ones(n, np.bool_)
            if number:
                inside &= self.draws >= bars[0]
            places = np.flatnonzero(inside)
            order = places[np.argsort(self.draws[places], kind="stable")]
            self._parts[number] = order.astype(np.int32 if n < 1 << 31 else np.int64)
        return self._parts[number]


def best_of(mask: npt.NDArray[np.bool_], scores: Scores, n: int, *, tie_break: npt.NDArray[np.floating]
            ) -> npt.NDArray[np.intp]:
    """Positions of the n items of a mask with the largest scores, as `uncertainty.best` orders them.

    In a large pool a sample of the scores tells a bar that few of them reach, so that the others are only compared
    with it.

    Parameters
    ----------
    mask : ndarray of bool, shape (n_items,)
    scores, tie_break : ndarray, shape (n_items,)
    n : int

    Examples
    --------
    >>> best_of(np.array([True, True, False, True]), np.array([0.1, np.nan, 0.9, 0.2]), 3, tie_break=np.zeros(4))
    array([3, 0, 1])
    """
    if n <= 0:
        return np.empty(0, np.intp)
    if len(mask) > LARGE:
        step = len(mask) // SAMPLE
        seen = scores[::step][mask[::step]]
        seen = seen[~np.isnan(seen)]
        rank = 8 + 2 * n // step
        if rank < len(seen):
            places = np.flatnonzero(mask & (scores >= np.partition(seen, len(seen) - rank)[len(seen) - rank]))
            if len(places) >= n:
                return places[best(scores[places], n, tie_break=tie_break[places])]
    places = np.flatnonzero(mask)
    return places[best(scores[places], n, tie_break=tie_break[places])]
