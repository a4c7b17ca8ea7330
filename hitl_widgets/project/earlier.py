"""Earlier texts of a text's group, such as the earlier messages of a conversation. Read `EarlierTexts`."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np

from ..errors import ItemError
from ..items.pool import Pool

MOST = 5  # earlier texts that are shown
CHARACTERS = 2_000  # of each


class EarlierTexts:
    """For a text of the pool, the texts of the same group that come before it in the pool.

    Parameters
    ----------
    pool : Pool
        A pool of texts.
    column : str
        Metadata column with the group: texts with the same value belong together.
    """

    def __init__(self, pool: Pool, column: str) -> None:
        self._pool, self._column = pool, column
        self._lock = threading.Lock()
        self._sums: np.ndarray | None = None  # checksum of each position's group
        self._order: np.ndarray = np.empty(0, np.intp)
        self._sorted: np.ndarray = np.empty(0, np.uint32)

    def of(self, position: int) -> list[tuple[str, str]]:
        """List up to five earlier texts of an item's group: ids and first 2,000 characters, the nearest last.

        Texts that can't be read are left out. An item without a value in the column has no earlier texts.
        """
        group = self._value(position)
        if group is None:
            return []
        earlier: list[tuple[str, str]] = []
        for before in self._before(position):
            if self._value(before) != group:
                continue  # another group with the same checksum
            try:
                earlier.append((str(self._pool.ids[before]), str(self._pool.load(before))[:CHARACTERS]))
            except ItemError:
                continue
            if len(earlier) == MOST:
                break
        return earlier[::-1]

    def _before(self, position: int) -> Iterator[int]:
        """The earlier positions whose groups have the same checksum, the nearest first."""
        with self._lock:
            if self._sums is None:
                self._sums = self._pool.group_sums(self._column)
                self._order = np.argsort(self._sums, kind="stable")  # group after group, each in the pool's order
                self._sorted = self._sums[self._order]
            sums, order = self._sums, self._order
        first, last = np.searchsorted(self._sorted, sums[position], "left"), np.searchsorted(
            self._sorted, sums[position], "right")
        members = order[first:last]
        yield from map(int, members[:np.searchsorted(members, position)][::-1])

    def _value(self, position: int) -> str | None:
        value = self._pool.meta(position).get(self._column)
        return None if value is None else str(value)
