"""Stored objects that a detector found: a file of plain text, a line for each item. Read `FoundObjects` first."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ItemError
from ..items.pool import Pool
from ..storage.files import make_folder
from .object_predictors import Candidate

# Items whose objects are held in memory.
N_REMEMBERED = 2_000


class FoundObjects:
    """The objects that one model found in a pool's items. Safe for many threads; several processes may add lines.

    A line has an item's id, the stamp of its file, and its objects, each as label number, score and coordinates. The
    last complete line of an item counts, unless the item's file has changed since.

    Parameters
    ----------
    path : Path
        The file with the lines.
    pool : Pool
    """

    def __init__(self, path: Path, pool: Pool) -> None:
        self._path, self._pool = path, pool
        self._lock = threading.RLock()
        self._places: dict[int, tuple[int, str]] = {}  # position -> where its line begins, and the file's stamp
        self._known: OrderedDict[int, list[Candidate]] = OrderedDict()
        self._homeless: dict[int, list[Candidate]] = {}  # where the disk is full
        self._end = 0

    def missing(self, positions: Iterable[int]) -> list[int]:
        """Which of these items have no stored objects, or have changed since; each once."""
        with self._lock:
            self._read_on()
            return [position for position in dict.fromkeys(map(int, positions))
                    if position not in self._homeless
                    and (position not in self._places or self._places[position][1] != self._stamp(position))]

    def get(self, position: int) -> list[Candidate]:
        """The objects found in an item, the best first; empty where none are stored."""
        with self._lock:
            if position in self._homeless:
                return self._homeless[position]
            if position in self._known:
                self._known.move_to_end(position)
                return self._known[position]
            if position not in self._places:
                return []
            try:
                with self._path.open("rb") as file:
                    file.seek(self._places[position][0])
                    found = [_candidate(one) for one in json.loads(file.readline().split(b"\t")[2])]
            except (OSError, ValueError, TypeError, LookupError, RecursionError):  # damaged: it is searched again
                del self._places[position]
                return []
            self._remember(position, found)
            return found

    def forget(self, position: int) -> None:
        """Drop an item's stored objects as damaged, so that it is searched again."""
        with self._lock:
            self._places.pop(position, None)
            self._known.pop(position, None)

    def put(self, positions: Sequence[int], found: Sequence[Sequence[Candidate]]) -> None:
        """Store the objects found in some items; in memory where there is no room on the disk."""
        lines = []
        for position, candidates in zip(positions, found, strict=True):
            objects = [[int(one.label), round(one.score, 6), one.at] for one in candidates]
            lines.append(f"{json.dumps(str(self._pool.ids[position]))}\t{self._stamp(position)}\t"
                         f"{json.dumps(objects, separators=(',', ':'))}\n")
        with self._lock:
            self._read_on()
            for position, candidates in zip(positions, found, strict=True):
                self._known.pop(position, None)
                self._homeless[position] = list(candidates)
            with suppress(OSError):
                make_folder(self._path.parent)
                with self._path.open("ab") as file:
                    cut_off = file.tell() > self._end  # a line of a process that ended while it wrote
                    file.write(b"\n" * cut_off + "".join(lines).encode())
                self._read_on()
                for position in positions:
                    self._homeless.pop(position, None)

    def _stamp(self, position: int) -> str:
        with suppress(ItemError):
            return self._pool.stamp(position) or ""
        return "gone"

    def _remember(self, position: int, found: list[Candidate]) -> None:
        self._known[position] = found
        while len(self._known) > N_REMEMBERED:
            self._known.popitem(last=False)

    def _read_on(self) -> None:
        """Read the lines that were added since the last call, also by other processes."""
        if not self._path.is_file() or self._path.stat().st_size <= self._end:
            return
        with self._path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written, or was cut off
                begin, self._end = self._end, self._end + len(line)
                parts = line.split(b"\t")
                if len(parts) != 3:
                    continue
                with suppress(ValueError, KeyError, RecursionError):  # damaged: it is searched again
                    item_id = json.loads(parts[0])
                    if isinstance(item_id, str) and item_id in self._pool:
                        position = self._pool.position(item_id)
                        self._places[position] = begin, parts[1].decode()
                        self._known.pop(position, None)


def _candidate(one: Any) -> Candidate:
    """An object of a line; ValueError or TypeError where it can't be one."""
    label, score, at = one
    if type(label) is not int or label < 0 or not 0 <= score <= 1 or not isinstance(at, list) or len(at) < 2 \
            or not all(isinstance(number, (int, float)) and math.isfinite(number) for number in at):
        raise ValueError("no object")
    return Candidate(tuple(at), label, score)
