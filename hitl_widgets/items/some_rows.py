"""Sparse table of rows for items of a pool, in memory: a row takes memory only once it is set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class SomeRows:
    """A table with a row for each item of a pool, of which few are known. Not safe for threads by itself.

    Parameters
    ----------
    n_items : int
    n_features : int
        Width of a row.

    Examples
    --------
    >>> rows = SomeRows(1_000_000, 2)
    >>> rows.put(np.array([7, 3]), np.array([[1, 2], [3, 4]], np.float32))
    >>> rows.get(np.array([3, 4])).tolist(), rows.has(np.array([3, 4])).tolist()
    ([[3.0, 4.0], [nan, nan]], [True, False])
    """

    def __init__(self, n_items: int, n_features: int) -> None:
        # Pages of zeros take no memory before they are written to; row 0 stands for all items without a row.
        self._place = np.zeros(n_items, np.int32)
        self._rows = np.full((1, n_features), np.nan, np.float32)
        self._n = 1

    def put(self, positions: npt.NDArray[np.int64], rows: npt.NDArray[np.float32]) -> None:
        """Set the rows of some items, each item once: shape (n, n_features)."""
        new = positions[self._place[positions] == 0]
        if self._n + len(new) > len(self._rows):
            larger = np.empty((max(2 * len(self._rows), self._n + len(new)), self._rows.shape[1]), np.float32)
            larger[:self._n] = self._rows[:self._n]
            self._rows = larger
        self._place[new] = np.arange(self._n, self._n + len(new))
        self._n += len(new)
        self._rows[self._place[positions]] = rows

    def get(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows of some items: float32, shape (n, n_features); NaN where there is none."""
        rows: npt.NDArray[np.float32] = self._rows[self._place[positions]]
        return rows

    def has(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Whether each of some items has a row: (n,)."""
        has: npt.NDArray[np.bool_] = self._place[positions] > 0
        return has


def drawn(n_items: int, n: int, *, seed: int) -> npt.NDArray[np.int64]:
    """Draw n positions of a pool at random, or all: shape (min(n, n_items),)."""
    rng = np.random.default_rng(seed)
    if n_items <= 1_000_000:
        return rng.permutation(n_items)[:n]
    return rng.choice(n_items, n, replace=False)  # without an array of all
