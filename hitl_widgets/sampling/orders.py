"""The first items of a large pool in some order, without sorting the whole pool: `RandomOrder.first`, `best_of`."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from .uncertainty import Scores, best

# Number of items of a random order that are sorted at first, and the factor by which later parts grow.
BEGUN, FURTHER = 1 << 17, 16
# A mask of fewer than one item in this many is sorted by itself.
RARE = 8
# In a pool of more items than the first, the best are searched above a bar that a sample of the second size gives.
LARGE, SAMPLE = 1 << 17, 1 << 14


class RandomOrder:
    """Items in the order of their draws, sorted as far as needed. Threads may share it.

    Parameters
    ----------
    draws : ndarray of float64, shape (n_items,)
        A fixed random number of each item, from 0 to 1; equal ones are in the order of their positions.
    without : ndarray of bool, shape (n_items,), optional
        Items that are never asked for, and aren't sorted: the hold-out has the lowest draws of a pool.
    """

    def __init__(self, draws: npt.NDArray[np.float64], *, without: npt.NDArray[np.bool_] | None = None) -> None:
        self.draws, self._without = draws, without
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
        n_wanted, found, number = min(n, n_there), list[npt.NDArray[np.integer]](), 0
        if n_there > BEGUN:
            while (n_left := n_wanted - sum(map(len, found))) > 0 and (not number or RARE * n_there >= len(mask)):
                part = self._part(number)
                found.append(part[mask[part]][:n_left])
                number += 1
            if n_left <= 0:
                return np.concatenate(found).astype(np.intp, copy=False)
        # Walking further along the order would pass too many other items.
        places = np.flatnonzero(mask)
        draws = self.draws[places]
        if n < n_there:
            few = draws <= np.partition(draws, n - 1)[n - 1]
            places, draws = places[few], draws[few]
        return places[np.argsort(draws, kind="stable")[:n]]

    @cached_property
    def _bars(self) -> list[float]:
        """The draws that end each part, estimated from a sample: of about 131,072 items, then 16 times as many."""
        step = max(1, len(self.draws) // SAMPLE)
        sample = self.draws[::step]
        sample = np.sort(sample if self._without is None else sample[~self._without[::step]])
        bars, rank = list[float](), BEGUN // step
        while rank < len(sample):
            bars.append(float(sample[rank]))
            rank = max(rank + 1, rank * FURTHER)
        return [*bars, np.inf]

    def _part(self, number: int) -> npt.NDArray[np.integer]:
        """Sort and keep one part of the order."""
        if number not in self._parts:
            inside = self.draws < self._bars[number]
            if number:
                inside &= self.draws >= self._bars[number - 1]
            if self._without is not None:
                inside &= ~self._without
            places = np.flatnonzero(inside)
            order = places[np.argsort(self.draws[places], kind="stable")]
            self._parts[number] = order.astype(np.int32 if len(self.draws) < 1 << 31 else np.int64)
        return self._parts[number]


def best_of(mask: npt.NDArray[np.bool_], scores: Scores, n: int, *, tie_break: npt.NDArray[np.floating]
            ) -> npt.NDArray[np.intp]:
    """Positions of the n items of a mask with the largest scores, in the order of `uncertainty.best`.

    In a large pool, a threshold that few scores reach is estimated from a sample; only scores above it are sorted.

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
