"""Predictions and embeddings of model versions, memory-mapped files beside the log.

The files can be recomputed, and contain no answers of people. `Predictions` has the probabilities of one model version
for all items of a pool. `Embeddings` has the inputs of its last layer, in the same folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DiskFull, ReadOnly, ShapeError
from .files import InUse, in_turn, is_free, make_folder, share_like_folder, write_whole

EMBEDDINGS_LIMIT = 2**30
# File with what the files of a model's folder were made for; a process that uses the folder keeps it locked.
_ABOUT = "about.json"
# Maximum number of subfolders for other pools that are used at the same time.
_OF_ANOTHER_POOL, _MOST_POOLS = "pool-", 20
# Seconds to wait for another process that makes files in a folder. Otherwise one process would truncate files that the
# other has mapped already.
_MAKING_S = 5.0
# Disk space is allocated in pages of this many bytes.
_PAGE = 4096
# Rows whose checksums are computed together.
_CHECKED_AT_ONCE = 4096


class Predictions:
    """Probabilities of one model version for all items of a pool, on disk.

    Parameters
    ----------
    folder : Path
        The folder of all model versions; this one gets a subfolder named by its version or, while another process uses
        that for another pool, a folder inside it.
    model : str
        The model's version, a content hash.
    label_ids : sequence of str
        The label of each column.
    ids_digest : str
        Digest of the pool's ids. Stored rows with another digest are deleted, unless a process uses them.
    n_items : int
        Number of rows.
    recipe : str
        What the rows depend on beside weights and items, such as the preprocessing. Stored rows with another recipe are
        deleted, unless a process uses them.

    Attributes
    ----------
    probs : KnownRows, float32, shape (n_items, n_labels)
        Indexed as an array; NaN where nothing is predicted yet.
    tried : ndarray, bool, shape (n_items,)
        Memory map; True where the model was applied, even if the item was unreadable.
    home : Path
        The folder of this version.
    """

    def __init__(self, folder: Path, *, model: str, label_ids: Sequence[str], ids_digest: str, n_items: int,
                 recipe: str = "") -> None:
        self.model, self.label_ids = model, tuple(label_ids)
        self.home = Path(folder) / model
        self._lock = threading.Lock()
        about = {"model": model, "label_ids": list(label_ids), "ids_digest": ids_digest, "n_items": n_items,
                 "recipe": recipe}
        with suppress(OSError):  # raised below
            make_folder(self.home.parent)
        with in_turn(self.home.parent, most_s=_MAKING_S):
            places = [self.home, *(self.home / f"{_OF_ANOTHER_POOL}{n}" for n in range(_MOST_POOLS))]
            own = next((home for home in places if _made_for(home, about)), None)
            self.home = next(filter(_is_free, places), places[-1]) if own is None else own
            if own is None:
                _clear(self.home)
                self._make(about)
            self._in_use = InUse(self.home / _ABOUT)
            self._rows: np.memmap = np.load(self.home / "probs.npy", mmap_mode="r+")
            self.tried: np.ndarray = np.load(self.home / "tried.npy", mmap_mode="r+")
        self.probs = KnownRows(self._rows, self.tried)

    def put(self, positions: Sequence[int] | np.ndarray, probs: np.ndarray) -> None:
        """Store the rows of some items. Safe for many threads and processes.

        Raises
        ------
        ShapeError
            When the rows don't have the right shape.
        DiskFull
            When there is no room for them; none of them is stored then.
        """
        if probs.shape != (len(positions), len(self.label_ids)):
            raise ShapeError(f"predictions have shape {probs.shape}; "
                             f"({len(positions)}, {len(self.label_ids)}) is expected.")
        if not len(positions):
            return
        with self._lock:
            try:
                _reserve(self._rows, positions)
                _reserve(self.tried, positions)
            except OSError as error:
                raise self._no_room(error) from error
            self._rows[positions] = probs
            self._rows.flush()  # otherwise the mark may reach the disk first, and the power may fail in between
            self.tried[positions] = True  # after the row: another process reads it from now on

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """The positions to which the model wasn't applied yet, in their order."""
        positions = np.asarray(positions, dtype=np.int64)
        missing: np.ndarray = positions[~self.tried[positions]]
        return missing

    def _make(self, about: dict[str, object]) -> None:
        try:
            make_folder(self.home)
        except OSError as error:
            raise ReadOnly(f"predictions can't be kept in {self.home} ({error.strerror}): a folder that may be written "
                           "to is expected there. Remove what is in its way, or change its permissions.") from error
        try:
            self._fill(int(str(about["n_items"])))
        except OSError as error:
            raise self._no_room(error) from error
        # Written last: a folder without it is incomplete, and is made again.
        with write_whole(self.home / _ABOUT) as part:
            part.write_text(json.dumps(about), "utf-8")

    def _fill(self, n_items: int) -> None:
        # Sparse files: rows that weren't written take no room on the disk, and are read as NaN, since `tried` says so.
        np.lib.format.open_memmap(self.home / "probs.npy", mode="w+", dtype=np.float32,
                                  shape=(n_items, len(self.label_ids)))
        np.lib.format.open_memmap(self.home / "tried.npy", mode="w+", dtype=np.bool_, shape=(n_items,))
        for name in ("probs.npy", "tried.npy"):
            share_like_folder(self.home / name)

    def _no_room(self, error: OSError) -> DiskFull:
        return DiskFull(f"predictions can't be kept in {self.home} ({error.strerror}). Make room on the disk and try "
                        "again, without a restart; no answer is lost.")


def _made_for(home: Path, about: dict[str, Any]) -> bool:
    """Whether a folder has the files of this model and pool."""
    try:
        probs, tried = (np.load(home / name, mmap_mode="r") for name in ("probs.npy", "tried.npy"))
        return bool(json.loads((home / _ABOUT).read_text("utf-8")) == about
                    and (probs.shape, probs.dtype) == ((about["n_items"], len(about["label_ids"])), np.float32)
                    and (tried.shape, tried.dtype) == ((about["n_items"],), np.bool_))
    except (OSError, ValueError, EOFError):
        return False


def _is_free(home: Path) -> bool:
    return is_free(home / _ABOUT)


def _clear(home: Path) -> None:
    """Remove the files of a folder that no process uses, except subfolders that are in use."""
    with suppress(OSError):
        for path in home.iterdir():
            if not path.is_dir():
                path.unlink()
            elif _is_free(path):
                shutil.rmtree(path, ignore_errors=True)


class KnownRows:
    """Read-only rows of a memory map, NaN where they aren't known yet; indexed as an array.

    A slice whose rows are all known is a view of the memory map, as with numpy; otherwise the result is an array in
    memory.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_items, n_features)
        A memory map of a sparse file.
    known : ndarray of bool, shape (n_items,)

    Examples
    --------
    >>> rows = KnownRows(np.zeros((3, 2), np.float32), np.array([True, False, True]))
    >>> rows[[0, 1]].tolist(), rows[2:].tolist(), rows.shape
    ([[0.0, 0.0], [nan, nan]], [[0.0, 0.0]], (3, 2))
    """

    def __init__(self, rows: np.ndarray, known: np.ndarray) -> None:
        self._rows, self._known = rows, known
        self.shape, self.dtype, self.ndim = rows.shape, rows.dtype, rows.ndim

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        of_rows, *others = index if isinstance(index, tuple) else (index,)
        known = np.asarray(self._known[of_rows])
        if known.all():
            rows: np.ndarray = self._rows[of_rows]
        else:
            rows = np.full((*known.shape, *self.shape[1:]), np.nan, self.dtype)
            if known.any():  # the other rows take no space on the disk
                places = np.arange(len(self._rows))[of_rows] if isinstance(of_rows, slice) else np.asarray(of_rows)
                places = np.flatnonzero(places) if places.dtype == np.bool_ else places
                rows[known] = self._rows[places[known]]
        columns = (..., *others)
        return rows[columns] if others else rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        rows: np.ndarray = np.asarray(self[:])
        return rows.astype(rows.dtype if dtype is None else dtype, copy=bool(copy))


class Rows:
    """Rows of numbers for the items of a pool, on disk. Safe for many threads and processes.

    The files are made with the first rows, which determine the width. Each row has a checksum: a row that was only half
    written when the power failed, or was changed since, counts as missing.

    Parameters
    ----------
    home : Path
        The folder, which must exist.
    n_items : int
        Number of items in the pool.
    name : str
        Name of the rows' content; rows with another name are stored separately.
    limit : int
        Maximum size in bytes. If all rows together would take more, none is stored unless asked for.

    Attributes
    ----------
    n_features : int
        Width of a row; 0 as long as it isn't known.
    """

    def __init__(self, home: Path, *, n_items: int, name: str, limit: int = EMBEDDINGS_LIMIT) -> None:
        self._limit = limit
        name = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
        self._home = home
        self._file, self._sums_file = (home / f"{kind}-{name}.npy" for kind in ("embedding", "embedded"))
        self._lock = threading.Lock()
        self._rows: np.ndarray | None = None
        # The checksum of each row, 0 where there is none; and the rows whose checksums were verified.
        self._sums, self._fits_sum = np.zeros(n_items, np.uint32), np.zeros(n_items, np.bool_)
        self.n_features = 0
        with in_turn(home, most_s=_MAKING_S):
            self._load()

    def _load(self) -> None:
        """Map the files on disk, if they have the right shape."""
        with suppress(OSError, ValueError, EOFError):
            for mode in ("r", "r+"):  # the second alone would extend a truncated file
                rows, sums = (np.load(file, mmap_mode=mode) for file in (self._file, self._sums_file))
            if rows.ndim == 2 and len(rows) == len(self._sums) and sums.shape == self._sums.shape \
                    and (rows.dtype, sums.dtype) == (np.float32, np.uint32):
                self._rows, self._sums, self.n_features = rows, sums, rows.shape[1]
                self._fits_sum[:] = False

    @property
    def has_room(self) -> bool:
        """Whether `put` stores rows without ``asked=True``: all rows fit into the limit, or the width isn't known."""
        return self._fits(self.n_features)

    def _fits(self, n_features: int) -> bool:
        return 4 * n_features * len(self._sums) <= self._limit

    def put(self, positions: Sequence[int] | np.ndarray, rows: np.ndarray, *, asked: bool = False) -> None:
        """Store the rows of some items; OSError without room on the disk.

        Parameters
        ----------
        positions : sequence of int
        rows : ndarray of float32, shape (n, n_features)
            NaN for an item that can't be read.
        asked : bool
            Store them even if all rows together take more than the limit.
        """
        with self._lock:
            if not len(positions) or not rows.shape[1] or not (asked or self._fits(rows.shape[1])):
                return
            if rows.shape[1] != self.n_features:
                with in_turn(self._home, most_s=_MAKING_S):
                    self._load()  # another process may have made them meanwhile
                    if rows.shape[1] != self.n_features:
                        self._make(rows.shape[1])
            assert self._rows is not None
            _reserve(self._rows, positions)
            rows = np.ascontiguousarray(rows, np.float32)
            self._rows[positions] = rows
            self._sums[positions] = _checksums(rows)  # after the row: another process reads it from now on
            self._fits_sum[positions] = True

    def _make(self, n_features: int) -> None:
        """Make new files without any rows. Processes that have the old files mapped can still read those."""
        shape = (len(self._sums), n_features)
        self._sums_file.unlink(missing_ok=True)  # first: its checksums aren't those of the new rows
        with write_whole(self._file, durable=False) as part:
            # A sparse file: rows that weren't written take no space on the disk.
            np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        with write_whole(self._sums_file, durable=False) as part:
            _reserve(np.lib.format.open_memmap(part, mode="w+", dtype=np.uint32, shape=shape[:1]))
        self._rows, self._sums = (np.load(file, mmap_mode="r+") for file in (self._file, self._sums_file))
        self._fits_sum[:] = False
        self.n_features = n_features

    def _known(self, positions: np.ndarray) -> np.ndarray:
        """Whether the rows of some items are stored, with correct checksums: bool, shape (n,)."""
        if self._rows is None:
            self._load()  # another process may have made them meanwhile
        sums = np.asarray(self._sums[positions])
        unsure = np.flatnonzero((sums > 0) & ~self._fits_sum[positions])
        for some in np.split(unsure, range(_CHECKED_AT_ONCE, len(unsure), _CHECKED_AT_ONCE)):
            if self._rows is not None and len(some):
                self._fits_sum[positions[some]] = _checksums(self._rows[positions[some]]) == sums[some]
        return (sums > 0) & self._fits_sum[positions]

    def get(self, positions: np.ndarray | None = None) -> np.ndarray:
        """Rows of some items, or of all: float32, shape (n, n_features); NaN for missing rows."""
        with self._lock:
            positions = np.arange(len(self._sums)) if positions is None else np.asarray(positions, np.int64)
            known = self._known(positions)
            found = np.full((len(positions), self.n_features), np.nan, np.float32)
            if self._rows is None:
                return found
            found[known] = self._rows[positions[known]]  # the other rows take no space on the disk
            return found

    def memory_map(self) -> np.ndarray:
        """All rows as a read-only memory map, NaN for missing ones: float32, shape (n_items, n_features).

        It takes disk space for all rows; OSError if there isn't enough. Rows that aren't stored are still `missing`.
        """
        with self._lock:
            if self._rows is None:
                return np.full((len(self._sums), 0), np.nan, np.float32)
            if len(unknown := np.flatnonzero(~self._known(np.arange(len(self._sums))))):
                _reserve(self._rows, unknown)
                self._rows[unknown] = np.nan
        every: np.ndarray = np.load(self._file, mmap_mode="r")
        return every

    def some(self, n: int) -> np.ndarray:
        """Up to n of the stored rows, spread over the pool."""
        known = np.flatnonzero(self._sums)
        return self.get(known[np.linspace(0, len(known) - 1, min(n, len(known))).astype(int)])

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """The positions whose rows aren't stored, in their order."""
        positions = np.asarray(positions, dtype=np.int64)
        with self._lock:
            missing: np.ndarray = positions[~self._known(positions)]
            return missing


class Embeddings(Rows):
    """Inputs of one model version's last layer, for the items of a pool, on disk beside its `Predictions`.

    Parameters
    ----------
    predictions : Predictions
        Predictions of the same model; they make sure that the folder belongs to this pool.
    head : str
        Name of the layer; another layer's rows are stored separately.
    limit : int
        See `Rows`.
    """

    def __init__(self, predictions: Predictions, *, head: str, limit: int = EMBEDDINGS_LIMIT) -> None:
        super().__init__(predictions.home, n_items=len(predictions.tried), name=head, limit=limit)


def _checksums(rows: np.ndarray) -> np.ndarray:
    """A checksum of each row, which is never 0: uint32, shape (n,)."""
    factors = np.random.default_rng(0).integers(2**31, size=rows.shape[1]).astype(np.uint32) * 2 + 1
    sums: np.ndarray = (rows.view(np.uint32) * factors).sum(axis=1, dtype=np.uint32) | np.uint32(1)
    return sums


def _reserve(array: np.ndarray, positions: Sequence[int] | np.ndarray | None = None) -> None:
    """Reserve disk space for some rows of a memory map, or for all; OSError if there isn't enough.

    Writing to a memory map on a full disk ends the whole process (SIGBUS).
    """
    if not isinstance(array, np.memmap) or not array.nbytes or not hasattr(os, "posix_fallocate"):
        return
    width = array.nbytes // len(array)
    places = np.array([0]) if positions is None else np.unique(np.asarray(positions, np.int64))
    n_bytes = array.nbytes if positions is None else width
    first, last = places * width // _PAGE, (places * width + n_bytes - 1) // _PAGE
    apart = np.flatnonzero(first[1:] > last[:-1] + 1) + 1
    with Path(str(array.filename)).open("rb+") as file:
        for start, stop in zip(first[np.append(0, apart)].tolist(), last[np.append(apart - 1, -1)].tolist(),
                               strict=True):
            stop = min((stop + 1) * _PAGE, array.nbytes)
            os.posix_fallocate(file.fileno(), array.offset + start * _PAGE, stop - start * _PAGE)
