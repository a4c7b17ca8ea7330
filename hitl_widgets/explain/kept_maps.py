"""A cache of maps, in memory and on disk. Read `KeptMaps`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from ..records import Attribution
from ..storage.attribution_cache import AttributionCache


class KeptMaps:
    """Attributions by key, a sequence of str that begins with the model's version. Safe for many threads.

    Parameters
    ----------
    folder : Path
        Folder of the maps on disk; see `AttributionCache`.
    most : int
        Maximum number of maps in memory; the oldest are dropped first.
    """

    def __init__(self, folder: Path, *, most: int = 256) -> None:
        self._most, self._on_disk = most, AttributionCache(folder)
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], Attribution] = OrderedDict()

    def get(self, key: Sequence[str]) -> Attribution | None:
        """The map under a key; None when there is none."""
        with self._lock:
            kept = self._kept.get(tuple(key))
        if kept is None and (kept := self._on_disk.get(key)) is not None:
            self._remember(key, kept)
        return kept

    def put(self, key: Sequence[str], attribution: Attribution) -> None:
        """Keep a map."""
        self._remember(key, attribution)
        self._on_disk.put(key, attribution)

    def _remember(self, key: Sequence[str], attribution: Attribution) -> None:
        with self._lock:
            self._kept[tuple(key)] = attribution
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
