"""The ids of a pool's items, stored as bytes: each takes the memory of its letters plus 9 bytes.

`Ids` is used like an array of str. `Ids.of` makes one from any iterable and checks each id.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput
from .texts import in_arrow

LONGEST_ID = 500
# Number of ids that are processed together.
AT_ONCE = 1 << 13


class Ids(Sequence[str]):
    r"""An immutable sequence of texts, used like a numpy array.

    An int gives a str; a slice, a mask or an array of positions gives an object array of str. ``np.asarray(ids)`` makes
    one of all, which takes some 60 bytes an item.

    Parameters
    ----------
    data : bytes
        The texts in UTF-8, each followed by a NUL.
    checksums : ndarray of uint32, shape (n,), optional
        The CRC-32 of each text; made when they are needed where it is None.

    Examples
    --------
    >>> ids = Ids("a\0bé\0c\0".encode())
    >>> ids[1], ids[[2, 0]].tolist(), list(ids)
    ('bé', ['c', 'a'], ['a', 'bé', 'c'])
    """

    ndim, dtype = 1, np.dtype(object)

    def __init__(self, data: bytes, checksums: npt.NDArray[np.uint32] | None = None) -> None:
        letters = np.frombuffer(data, np.uint8)
        ends = [np.flatnonzero(letters[start:start + (1 << 24)] == 0) + (start + 1)
                for start in range(0, len(letters), 1 << 24)]
        self._data, self._starts = data, np.concatenate([np.zeros(1, np.int64), *ends])
        self._checksums = checksums

    @cached_property
    def checksums(self) -> npt.NDArray[np.uint32]:
        """The CRC-32 of each text in UTF-8: uint32, shape (n,)."""
        if (found := self._checksums) is None:
            found = np.concatenate([np.empty(0, np.uint32), *(
                _checksums(self._bytes(start, stop).split(b"\0")) for start, stop in _blocks(len(self)))])
        found.flags.writeable = False
        return found

    # 13 branches: ids may be a range, a column or others, and each thing that may be wrong has its own message.
    @classmethod
    def of(cls, values: Iterable[Hashable], n_items: int, kind: str) -> Ids:
        """Take the ids of some items, as text, each checked.

        Parameters
        ----------
        values : iterable
        n_items : int
            How many are expected.
        kind : str
            Kind of the items, for messages.

        Raises
        ------
        BadInput
            If the number of ids is wrong, or one is missing or can't be an id.
        """
        if isinstance(values, range) and len(values) == n_items:  # they need no check
            return cls._joined((list(map(str, values[start:stop])) for start, stop in _blocks(n_items)))
        column = values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
        if len(column) != n_items:
            raise BadInput(f"{len(column):,} ids were given for {n_items:,} {kind}s; one for each is expected.")
        if column.hasnans:
            raise BadInput(f"there is no id in row {some(np.flatnonzero(column.isna()).tolist())}; each item needs "
                           "one.")
        try:
            ids = cls._of_arrow(column) or cls._joined(as_texts(column.iloc[start:stop])
                                                       for start, stop in _blocks(n_items))
            fit = len(ids) == n_items and ids._fit()
        except UnicodeEncodeError:  # an unpaired surrogate
            fit = False
        if not fit:
            bad = [item_id[:60] for start, stop in _blocks(n_items) for item_id in as_texts(column.iloc[start:stop])
                   if not is_fit(item_id)]
            raise BadInput(f"{some(bad)} can't be an id: 1 to {LONGEST_ID} characters of Unicode without NUL are "
                           "expected. Rename the files, or pass ids=....")
        return ids

    @classmethod
    def _joined(cls, blocks: Iterable[list[str]]) -> Ids:
        data, checksums = bytearray(), [np.empty(0, np.uint32)]
        for block in blocks:
            encoded = "\0".join(block).encode()
            data += encoded
            data += b"\0"
            checksums.append(_checksums(encoded.split(b"\0")))
        return cls(bytes(data), np.concatenate(checksums))

    @classmethod
    def _of_arrow(cls, column: pd.Series) -> Ids | None:
        """The ids of a column of Arrow's strings, without making a Python object of each; None for another column."""
        if not in_arrow(column):
            return None
        array: Any = column.array.__arrow_array__()
        parts = []
        for chunk in getattr(array, "chunks", [array]):
            width = np.int32 if str(chunk.type) == "string" else np.int64
            _, ends, letters = chunk.buffers()
            if not len(chunk) or letters is None:
                continue
            ends = np.frombuffer(ends, width)[chunk.offset:chunk.offset + len(chunk) + 1]
            letters = np.frombuffer(letters, np.uint8)
            for start, stop in _blocks(len(chunk)):
                own = ends[start:stop + 1].astype(np.int64) - int(ends[start])
                within = np.ones(int(own[-1]) + stop - start, np.bool_)
                within[own[1:] + np.arange(stop - start)] = False
                part = np.zeros(len(within), np.uint8)
                part[within] = letters[int(ends[start]):int(ends[stop])]
                parts.append(part.tobytes())
        return cls(b"".join(parts))

    def _fit(self) -> bool:
        """Whether each text can be an id."""
        if not len(self):
            return True
        sizes = np.diff(self._starts) - 1  # in bytes, of which a character may have four
        return int(sizes.min()) > 0 and all(len(one) <= LONGEST_ID for one in self[np.flatnonzero(sizes > LONGEST_ID)])

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def shape(self) -> tuple[int]:
        """The number of ids, as that of an array."""
        return (len(self),)

    @property
    def size(self) -> int:
        """The number of ids."""
        return len(self)

    def __getitem__(self, which: Any) -> Any:
        """One id, or an object array of some."""
        if isinstance(which, (int, np.integer)) and not isinstance(which, bool):
            if not -len(self) <= which < len(self):
                raise IndexError(f"position {which} is outside of {len(self):,} ids.")
            start, end = self._starts[which % len(self):][:2].tolist()
            return self._data[start:end - 1].decode()
        if isinstance(which, slice):
            start, stop, step = which.indices(len(self))
            texts = self._texts(start, stop) if step == 1 else self._at(np.arange(start, stop, step))
            return np.fromiter(texts, object, len(texts))
        places = np.asarray(which)
        if places.dtype == np.bool_:
            if places.shape != self.shape:
                raise IndexError(f"a mask has the shape {places.shape}; {self.shape} is expected.")
            places = np.flatnonzero(places)
        places = places.astype(np.int64, casting="same_kind") if places.size else np.empty(places.shape, np.int64)
        if places.size and not (-len(self) <= int(places.min()) and int(places.max()) < len(self)):
            raise IndexError(f"a position is outside of {len(self):,} ids.")
        flat = places.ravel() % max(1, len(self))
        found = np.empty(len(flat), object)
        for start, stop in _blocks(len(flat)):
            found[start:stop] = self._at(flat[start:stop])
        return found.reshape(places.shape)

    def __iter__(self) -> Iterator[str]:
        for start, stop in _blocks(len(self)):
            yield from self._texts(start, stop)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The first position of each block of ids, and the block's ids in UTF-8 with a NUL between two of them."""
        for start, stop in _blocks(len(self)):
            yield start, self._bytes(start, stop)

    def holds(self, position: int, block: bytes) -> bool:
        """Whether the ids from a position on are equal to these: UTF-8, with a NUL between two of them."""
        if position >= len(self):
            return False
        start = int(self._starts[position])
        return self._data[start:start + len(block) + 1] == block + b"\0"

    def tolist(self) -> list[str]:
        """All ids."""
        return list(self)

    def astype(self, dtype: Any) -> np.ndarray:
        """A numpy array of all ids."""
        return np.asarray(self).astype(dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.fromiter(self, object, len(self))
        return array if dtype is None else array.astype(dtype)

    def __eq__(self, other: object) -> Any:
        return np.asarray(self) == (np.asarray(other) if isinstance(other, Ids) else other)

    def __ne__(self, other: object) -> Any:
        return np.asarray(self) != (np.asarray(other) if isinstance(other, Ids) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self):,} ids: {some(self)}>"

    @property
    def joined(self) -> memoryview:
        """All ids in UTF-8, with a NUL between two of them."""
        return memoryview(self._data)[:-1]

    def digest(self) -> str:
        """A hash of the ids in their order, 32 hexadecimal digits."""
        return blake2b(self.joined, digest_size=16).hexdigest()

    def _bytes(self, start: int, stop: int) -> bytes:
        return self._data[self._starts[start]:self._starts[stop] - 1]

    def _texts(self, start: int, stop: int) -> list[str]:
        return self._bytes(start, stop).decode().split("\0") if start < stop else []

    def _at(self, places: npt.NDArray[np.int64]) -> list[str]:
        data = self._data
        return [data[start:end - 1].decode() for start, end in
                zip(self._starts[places].tolist(), self._starts[places + 1].tolist(), strict=True)]


def as_texts(values: Iterable[Hashable]) -> list[str]:
    """The values as str, each as it is where it is one."""
    listed: list[Any] = values.tolist() if isinstance(values, (pd.Series, np.ndarray)) else list(values)
    return listed if set(map(type, listed)) <= {str} else list(map(str, listed))


def checksums(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The CRC-32 of each text in UTF-8."""
    try:
        return _checksums([text.encode() for text in texts])
    except UnicodeEncodeError:  # an unpaired surrogate: not a valid id, but callers may look it up
        return _checksums([text.encode("utf-8", "surrogatepass") for text in texts])


def is_fit(text: str) -> bool:
    """Whether a text can be an id: neither empty nor too long, without NUL characters and unpaired surrogates."""
    return 0 < len(text) <= LONGEST_ID and "\0" not in text \
        and (text.isascii() or text == text.encode("utf-8", "ignore").decode())


def some(values: Sequence[Any] | np.ndarray, n: int = 5) -> str:
    """The first of some values, in words."""
    more = len(values) - n
    return ", ".join(map(repr, values[:n])) + (f" and {more:,} more" if more > 0 else "")


def _checksums(encoded: Sequence[bytes]) -> npt.NDArray[np.uint32]:
    return np.fromiter(map(zlib.crc32, encoded), np.uint32, len(encoded))


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    return ((start, min(n, start + AT_ONCE)) for start in range(0, n, AT_ONCE))
