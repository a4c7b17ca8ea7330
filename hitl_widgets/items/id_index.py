"""Index of a pool's ids by their checksums, to find positions. Read `IdIndex`."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from pathlib import PurePath

import numpy as np

from ..errors import BadInput
from .ids import AT_ONCE, Ids, as_texts, checksums, some


class IdIndex:
    """Finds the positions of ids among those of a pool.

    Parameters
    ----------
    ids : Ids
        The pool's ids, in the order of their positions.

    Attributes
    ----------
    also : mapping of str to int
        Other ids under which items are found -> position.

    Raises
    ------
    BadInput
        If two ids are the same.
    """

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        # Positions sorted by their ids' checksums, instead of a dict with a million objects.
        self._sorted, self._order = _sorted_with_places(ids.checksums)
        self._refuse_duplicates()
        self.also: Mapping[str, int] = {}

    def positions(self, item_ids: Iterable[Hashable]) -> np.ndarray:
        """The position of each of these items: int64, shape (n,), -1 for unknown ids."""
        if isinstance(item_ids, Ids):
            return self._positions_of(item_ids)
        texts = as_texts(item_ids)
        found = np.full(len(texts), -1, np.int64)
        for start in range(0, len(texts), AT_ONCE):
            found[start:start + AT_ONCE] = self._found(texts[start:start + AT_ONCE])
        return found

    def _positions_of(self, ids: Ids) -> np.ndarray:
        """The positions of another pool's ids, fast if most of them are in the same order here."""
        found = np.full(len(ids), -1, np.int64)
        following = 0
        for start, block in ids.blocks():
            n = block.count(b"\0") + 1
            if not self.also and self._ids.holds(following, block):
                found[start:start + n] = np.arange(following, following + n)
            else:
                found[start:start + n] = self._found(block.decode().split("\0"))
            following = int(found[start:start + n].max()) + 1
        return found

    def _found(self, texts: list[str]) -> np.ndarray:
        wanted, crcs = np.fromiter(texts, object, len(texts)), checksums(texts)
        at = np.searchsorted(self._sorted, crcs)
        found = np.full(len(texts), -1, np.int64)
        left = np.arange(len(texts))
        while left.size:  # once more for as many ids as share a checksum, which is seldom more than two
            left = left[at[left] < len(self._ids)]
            left = left[self._sorted[at[left]] == crcs[left]]
            place = self._order[at[left]]
            same = self._ids[place] == wanted[left]
            found[left[same]] = place[same]
            left = left[~same]
            at[left] += 1
        for row in np.flatnonzero(found < 0).tolist() if self.also else ():
            found[row] = self.also.get(texts[row], -1)
        return found

    def like(self, item_id: str) -> list[str]:
        """Suggestions for an unknown id: ids that contain its file name, or else ids with a similar spelling."""
        stem = PurePath(item_id).stem.casefold()
        holding: list[str] = []
        for _, block in self._ids.blocks() if stem and "\0" not in stem else ():
            if stem in (text := block.decode()).casefold():
                holding += [known for known in text.split("\0") if stem in known.casefold()]
            if len(holding) >= 3:
                break
        first = self._ids[:2000].tolist()  # difflib takes some 10 us for each
        return holding[:3] or difflib.get_close_matches(item_id, first, cutoff=0.5) or first[:3]

    def _refuse_duplicates(self) -> None:
        twins = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        suspects = self._ids[self._order[np.union1d(twins, twins + 1)]]
        if repeated := sorted(item_id for item_id, n in Counter(suspects).items() if n > 1):
            raise BadInput(f"{len(repeated):,} ids are there more than once: {some(repeated)}. Each item needs an id "
                           "of its own; pass ids=..., or drop the copies.")


def _sorted_with_places(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Checksums in ascending order, and the position of each; both in one sort of one array, which is the quickest."""
    if len(sums) > 1 << 32:
        order = np.argsort(sums, kind="stable")
        return sums[order], order
    both = (sums.astype(np.uint64) << np.uint64(32)) | np.arange(len(sums), dtype=np.uint64)
    both.sort()
    places = (both & np.uint64(0xFFFFFFFF)).astype(np.int32 if len(sums) < 1 << 31 else np.int64)
    both >>= np.uint64(32)
    return both.astype(np.uint32), places
