"""Saliency maps of a whole pool on disk: a file for each block of items, with a checksum for each map.

`MapBlocks` reads and writes them. `packed` turns a map into bytes: compressed numbers of 16 bits, relative to the
largest; `unpacked` reads them. The files can be recomputed.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import DiskFull
from ..records import Attribution
from .files import make_folder, write_whole

# Number of file indexes that are kept in memory.
N_KEPT = 16
# Maximum number of files in a folder.
IN_FOLDER = 1_000


class Entry(NamedTuple):
    """A map in a file.

    Attributes
    ----------
    key : tuple of str
        What the map depends on, beginning with the model's version, the item's id, the identifier of its content, and
        the method.
    stamp : str or None
        The stamp of the item's file when it was read.
    begin, end : int
        Start and end of the map, in bytes after the index.
    check : int
        CRC-32 of the map.
    """

    key: tuple[str, ...]
    stamp: str | None
    begin: int
    end: int
    check: int


class _Index(NamedTuple):
    entries: dict[str, Entry]
    at: int
    changed_ns: int


class MapBlocks:
    """Maps of the items of a pool, by model and method. Safe for many threads.

    Parameters
    ----------
    folder : Path
        Made when the first map is stored.
    size : int
        Number of items in a block.
    """

    def __init__(self, folder: Path, *, size: int) -> None:
        self.folder, self.size = Path(folder), size
        self._lock = threading.Lock()
        self._indexes: OrderedDict[Path, _Index] = OrderedDict()

    def get(self, key: Sequence[str], position: int) -> Attribution | None:
        """The map under a key; None if it is missing or can't be read.

        Parameters
        ----------
        key : sequence of str
            The key of an `Entry`.
        position : int
            Position of the item in the pool.
        """
        entry = self.entries(key[0], key[3], position // self.size).get(key[1])
        return None if entry is None or entry.key != tuple(key) else self.read(entry, position)

    def read(self, entry: Entry, position: int) -> Attribution | None:
        """The map of an entry; None if it is damaged, in which case it counts as missing from now on."""
        path = self._path(entry.key[0], entry.key[3], position // self.size)
        index = self._index(path)
        try:
            with path.open("rb") as file:
                file.seek(0 if index is None else index.at + entry.begin)
                blob = file.read(entry.end - entry.begin)
            if zlib.crc32(blob) == entry.check:
                return unpacked(blob)
        except (OSError, ValueError, KeyError, TypeError, zlib.error):
            pass
        with self._lock:
            if index is not None and index.entries.get(entry.key[1]) is entry:
                del index.entries[entry.key[1]]
        return None

    def entries(self, model: str, method: str, number: int) -> Mapping[str, Entry]:
        """The stored maps of a block: item id -> entry.

        Parameters
        ----------
        model, method : str
        number : int
            Number of the block.
        """
        index = self._index(self._path(model, method, number))
        return {} if index is None else index.entries

    def put(self, model: str, method: str, number: int, maps: Mapping[str, tuple[tuple[str, ...], str | None, bytes]]
            ) -> None:
        """Store maps of a block, with the intact maps of its other items.

        Parameters
        ----------
        model, method : str
        number : int
            Number of the block.
        maps : mapping
            Item id -> its key, its stamp, and the bytes of the map (see `packed`).

        Raises
        ------
        DiskFull
            If the disk is full.
        """
        path = self._path(model, method, number)
        with self._lock:
            former = self._read_index(path)
            blobs: dict[str, tuple[tuple[str, ...], str | None, bytes]] = {}
            if former is not None:
                data = path.read_bytes()[former.at:]
                # Nor maps in another process's file that replaced this one just now.
                blobs = {item_id: (one.key, one.stamp, data[one.begin:one.end])
                         for item_id, one in former.entries.items()
                         if zlib.crc32(data[one.begin:one.end]) == one.check}
            blobs = dict(sorted({**blobs, **maps}.items()))
            at, told = 0, []
            for key, stamp, blob in blobs.values():
                told.append([list(key), stamp, at, at + len(blob), zlib.crc32(blob)])
                at += len(blob)
            index = json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")
            try:
                make_folder(path.parent)
                with write_whole(path, durable=False) as part, part.open("wb") as file:
                    file.write(blake2b(index, digest_size=16).hexdigest().encode() + b"\n" + index + b"\n")
                    file.writelines(blob for *_, blob in blobs.values())
            except OSError as error:
                raise DiskFull(f"maps can't be kept in {path.parent} ({error.strerror}). Make room on the disk and "
                               "call this again: what is kept isn't computed again.") from error
            self._indexes.pop(path, None)

    def n_bytes(self, model: str, method: str) -> int:
        """Size in bytes of a model's maps by a method."""
        return sum(path.stat().st_size for path in (self.folder / model / f"all-{method}").glob("*/*.maps"))

    def _path(self, model: str, method: str, number: int) -> Path:
        return self.folder / model / f"all-{method}" / f"{number // IN_FOLDER:04}" / f"{number:07}.maps"

    def _index(self, path: Path) -> _Index | None:
        try:
            changed_ns = path.stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            index = self._indexes.get(path)
            if index is None or index.changed_ns != changed_ns:
                index = self._read_index(path)
                if index is None:
                    return None
                self._indexes[path] = index
                while len(self._indexes) > N_KEPT:
                    self._indexes.popitem(last=False)
            return index

    @staticmethod
    def _read_index(path: Path) -> _Index | None:
        try:
            changed_ns = path.stat().st_mtime_ns
            with path.open("rb") as file:
                check, line = file.readline().strip().decode(), file.readline()
                if blake2b(line[:-1], digest_size=16).hexdigest() != check:
                    return None
                at = file.tell()
                room = os.fstat(file.fileno()).st_size - at  # less if the file was truncated
                entries = [Entry(tuple(key), *rest) for key, *rest in json.loads(line)]
                return _Index({entry.key[1]: entry for entry in entries if entry.end <= room}, at, changed_ns)
        except (OSError, ValueError, TypeError):
            return None


def packed(attribution: Attribution, content: str) -> bytes:
    """A map as bytes; the result is deterministic.

    The numbers of an image are stored with 11 bits of precision, relative to the largest; those of a text unchanged.

    Parameters
    ----------
    attribution : Attribution
    content : str
        The identifier of the item's content.
    """
    values, tokens = np.ascontiguousarray(attribution.values, "<f4"), attribution.tokens
    scale = 1.0
    if tokens is None:
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        halves = (values / np.float32(scale)).astype("<f2").reshape(-1)
        # High and low bytes separately, since the high bytes hardly change from one place to the next.
        raw = halves.view(np.uint8).reshape(-1, 2).T.tobytes()
    else:
        raw = values.tobytes() + np.ascontiguousarray(tokens, "<i4").tobytes()
    about: dict[str, Any] = {
        "content": content, "shape": list(values.shape), "scale": scale, "item_id": attribution.item_id,
        "method": attribution.method, "target": attribution.target, "against": attribution.against,
        "model": attribution.model, "box": [float(side) for side in attribution.box], "signed": attribution.signed,
        "tokens": None if tokens is None else len(tokens),
        "delta": None if attribution.delta is None else float(attribution.delta)}
    return json.dumps(about).encode() + b"\n" + zlib.compress(raw, 1)


def content_of(blob: bytes) -> str:
    """The identifier of the item's content in a packed map."""
    return str(json.loads(blob[:blob.index(b"\n")])["content"])


def unpacked(blob: bytes) -> Attribution:
    """Turn the bytes of `packed` back into a map.

    Parameters
    ----------
    blob : bytes
    """
    head, _, data = blob.partition(b"\n")
    about, raw = json.loads(head), zlib.decompress(data)
    about.pop("content")
    shape, scale, n_tokens = about.pop("shape"), about.pop("scale"), about.pop("tokens")
    tokens = None
    if n_tokens is None:
        halves = np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(2, -1).T).view("<f2")
        values = (halves.astype(np.float32) * np.float32(scale)).reshape(shape)
    else:
        end = len(raw) - 8 * n_tokens
        values = np.frombuffer(raw[:end], "<f4").astype(np.float32).reshape(shape)
        tokens = np.frombuffer(raw[end:], "<i4").astype(np.int32).reshape(-1, 2)
    return Attribution(values=values, tokens=tokens, **{**about, "box": tuple(about["box"])})
