"""The net's views of items: read on threads, and kept in a temporary file, so that no file is decoded twice.

`Views` has the views of a training set, `TextViews` those of texts in memory. `read_view` makes one view; a JPEG is
decoded no larger than the view needs. `batched` makes a batch of several.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, NamedTuple, Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor

from ..errors import ItemError, ShapeError
from ..items.pool import Pool
from ..items.reading import fetch_ahead, fetched_ahead, in_order, lies_in_files
from .preprocess import Preprocess, Probed
from .text_views import Batch, ProbedText, TextPreprocess, TextView, collate

# Limits on the views kept: size, and share of the free space on the disk.
KEPT_BYTES, KEPT_SHARE = 4 * 2**30, 0.25
# Number of batches that are read while the net works on one.
BATCHES_AHEAD = 3
# A net's view of an item: a tensor, or for a text also a mapping of tensors (`text_views.EncodedText`).
View = Any


class Images(Protocol):
    """The part of a pool that a predictor needs: its items, and their ids.

    Images are uint8 arrays (H, W) or (H, W, 3), texts are str.
    """

    @property
    def ids(self) -> Any:
        """The items' ids, by position."""
        ...

    def __len__(self) -> int:
        """Number of items."""
        ...

    def load(self, position: int) -> Any:
        """The item at a position; ItemError when it can't be read."""
        ...


class Seen(NamedTuple):
    """The values that a view is made from, and the size of its item.

    Attributes
    ----------
    values : ndarray, Tensor or mapping of tensors
        For a `Preprocess` its `pixels`, uint8; for any other function the view itself.
    size : tuple of int
        Height and width of the item; for a text 1 and its number of characters.
    """

    values: Any
    size: tuple[int, int]

    def view(self, preprocess: Callable[[Any], View], *, out: Tensor | None = None) -> View:
        """The view; for an image its shape is (C, h, w).

        Parameters
        ----------
        preprocess : callable
            The preprocessing that the values come from.
        out : Tensor, optional
            Where to write it, such as a row of a batch.

        Raises
        ------
        ShapeError
            If the view doesn't fit into `out`.
        """
        if isinstance(self.values, np.ndarray) and isinstance(preprocess, Preprocess):
            return preprocess.normalised(self.values, *self.size, out=out)
        # A copy, since what was kept can't be written to.
        view = torch.from_numpy(self.values.copy()) if isinstance(self.values, np.ndarray) else self.values
        if out is not None and out.shape != view.shape:
            raise ShapeError(f"a view of shape {tuple(view.shape)} doesn't fit among others of {tuple(out.shape)}.")
        return view if out is None else out.copy_(view)


def _read(pool: Images, position: int, preprocess: Callable[[Any], View]) -> Seen:
    if isinstance(preprocess, Preprocess) and isinstance(pool, Pool):
        image, size = pool.load_reduced(position, preprocess.scaled_size)
        return Seen(preprocess.pixels(image, size), size)
    item = pool.load(position)
    return Seen(preprocess(item), (1, len(item)) if isinstance(item, str) else item.shape[:2])


def read_view(pool: Images, position: int, preprocess: Callable[[Any], View]) -> tuple[View, tuple[int, int]]:
    """The net's view of an item, and the item's own height and width.

    Parameters
    ----------
    pool : Images
        The items.
    position : int
        Position of the item.
    preprocess : callable
        Maps an item to the net's view of it.

    Raises
    ------
    ItemError
        If the item can't be read, or the function refuses it.
    """
    seen = _read(pool, position, preprocess)
    return seen.view(preprocess), seen.size


def batched(views: Sequence[View], preprocess: Callable[[Any], View]) -> Batch:
    """A batch of views: images are stacked, texts are padded (`text_views.collate`).

    Parameters
    ----------
    views : sequence of Tensor, or of mappings of tensors
    preprocess : callable
        The preprocessing that they come from.
    """
    if isinstance(preprocess, (TextPreprocess, ProbedText)):
        return collate(views, pad=preprocess.pad)
    return torch.stack(list(views))


def read_ahead(read: Callable[[int], View], positions: Iterable[int], *, pool: Images, ahead: int = 64,
               needed: Callable[[int], bool] | None = None) -> Iterator[View | ItemError]:
    """The views of some items in order, with an error in place of an unreadable one; read on threads if from files.

    Parameters
    ----------
    read : callable
        Returns the view at a position.
    positions : iterable of int
        Positions of the items.
    pool : Images
        The pool of the items.
    ahead : int
        Maximum number of views waiting to be taken.
    needed : callable, optional
        Tells whether the file of an item will be read; all are by default.
    """
    def tried(position: int) -> View | ItemError:
        try:
            return read(position)
        except ItemError as error:
            return error
    if not lies_in_files(pool):
        return map(tried, positions)
    return in_order(tried, fetched_ahead(pool, positions, needed=needed), ahead=ahead)


class _Row(NamedTuple):
    """The place of a kept view in the file, and what it was made from."""

    begin: int
    stamp: str
    dtype: np.dtype
    shape: tuple[int, ...]
    size: tuple[int, int]


class KeptViews:
    """Views of a pool under one preprocessing, in a temporary file that ends with the process.

    The values in `Seen` are kept: for a `Preprocess` uint8 before normalisation, so that nothing is lost; for any other
    function the view itself, four times as large. When the file has reached its limit, or the disk is full, no more
    views are kept. Safe for many threads.

    Parameters
    ----------
    limit : int, optional
        Size of the file in bytes, at most; 4 GB when None, and never more than a quarter of the free disk space.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = KEPT_BYTES if limit is None else limit
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._rows: dict[int, _Row] = {}
        self._file: IO[bytes] | None = None
        self._end = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, position: int) -> bool:
        return position in self._rows

    def __reduce__(self) -> tuple[type[KeptViews], tuple[int]]:
        return KeptViews, (self._limit,)  # another process begins with none

    def get(self, position: int, stamp: str) -> Seen | None:
        """The values kept for an item; None if there are none, or its file has changed.

        Parameters
        ----------
        position : int
            Position of the item.
        stamp : str
            The item's current `Pool.stamp`.
        """
        row = self._rows.get(position)
        # A forked process shares the file, but not the table of places in it.
        if row is None or row.stamp != stamp or self._file is None or os.getpid() != self._process:
            return None
        n_bytes = math.prod(row.shape) * row.dtype.itemsize
        if hasattr(os, "pread"):
            data = os.pread(self._file.fileno(), n_bytes, row.begin)
        else:
            with self._lock:
                self._file.seek(row.begin)
                data = self._file.read(n_bytes)
        return Seen(np.frombuffer(data, row.dtype).reshape(row.shape), row.size) if len(data) == n_bytes else None

    def put(self, position: int, stamp: str, seen: Seen) -> None:
        """Keep the values of a view, if there is room.

        Parameters
        ----------
        position, stamp
            See `get`.
        seen : Seen
            The values as they were read.
        """
        try:
            values = np.ascontiguousarray(seen.values)
        except TypeError:  # a type of torch's that NumPy doesn't have
            return
        with self._lock:
            if os.getpid() != self._process:
                return
            try:
                if self._file is None:
                    free = shutil.disk_usage(tempfile.gettempdir()).free
                    self._limit = min(self._limit, int(KEPT_SHARE * free))
                    self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
                    weakref.finalize(self, self._file.close)
                if self._end + values.nbytes > self._limit:
                    return
                self._file.seek(self._end)
                written = self._file.write(values.tobytes())
            except OSError:  # no room on the disk
                written = 0
            if written != values.nbytes:
                self._limit = 0
                return
            # Never where another view lies: a thread may be reading it.
            self._rows[position] = _Row(self._end, stamp, values.dtype, values.shape, seen.size)
            self._end += values.nbytes


class Views(Sequence[View]):
    """The net's views of some items of a pool. A view of a file is made when it is first asked for, and then kept.

    Parameters
    ----------
    pool : Images
        The items.
    positions : sequence of int
        Positions of the items.
    preprocess : callable
        Maps an item to the net's view of it.
    kept : KeptViews, optional
        Views kept before, under the same preprocessing.
    """

    def __init__(self, pool: Images, positions: Sequence[int], preprocess: Callable[[Any], View], *,
                 kept: KeptViews | None = None) -> None:
        self._pool, self._positions, self._preprocess = pool, [int(position) for position in positions], preprocess
        self._kept = KeptViews() if kept is None else kept
        # Looked up once: a file that changes during a training is noticed by the next training.
        self._stamps: dict[int, str | None] = {}
        # A random function never gives the same view twice.
        self._keeps = isinstance(pool, Pool) and pool.in_files \
            and not (isinstance(preprocess, Probed) and preprocess.random)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Views(self._pool, self._positions[index], self._preprocess, kept=self._kept)
        return self._seen(self._positions[index]).view(self._preprocess)

    def select(self, rows: Iterable[int]) -> Views:
        """The views of some of the items.

        Parameters
        ----------
        rows : iterable of int
            Rows of the items.
        """
        return Views(self._pool, [self._positions[row] for row in rows], self._preprocess, kept=self._kept)

    def each(self) -> Iterator[View | ItemError]:
        """All views in order, with an error in place of an unreadable one."""
        return read_ahead(lambda position: self._seen(position).view(self._preprocess), self._positions,
                          pool=self._pool, needed=self._is_read)

    def batch(self, views: Sequence[View]) -> Batch:
        """A batch of some of the views; see `batched`."""
        return batched(views, self._preprocess)

    @property
    def of_texts(self) -> TextView | None:
        """The preprocessing, where the items are texts."""
        return self._preprocess if isinstance(self._preprocess, (TextPreprocess, ProbedText)) else None

    def batches(self, rows: Iterable[np.ndarray]) -> Iterator[Batch]:
        """Batches of the views, for images of shape (n, C, h, w); files are read ahead.

        Parameters
        ----------
        rows : iterable of ndarray
            The rows of each batch.
        """
        def stacked(some: np.ndarray) -> Batch:
            seen = [self._seen(self._positions[row]) for row in some]
            if self.of_texts is not None:
                return batched([one.values for one in seen], self._preprocess)
            first = seen[0].view(self._preprocess)
            batch = first.new_empty(len(some), *first.shape)
            for place, one in zip(batch, seen, strict=True):
                one.view(self._preprocess, out=place)
            return batch
        if not lies_in_files(self._pool):
            return map(stacked, rows)
        return in_order(stacked, map(self._fetched_ahead, rows), ahead=BATCHES_AHEAD)

    def _fetched_ahead(self, rows: np.ndarray) -> np.ndarray:
        fetch_ahead(self._pool, filter(self._is_read, (self._positions[row] for row in rows)))
        return rows

    def _is_read(self, position: int) -> bool:
        return not self._keeps or position not in self._kept

    def _seen(self, position: int) -> Seen:
        if not self._keeps or not isinstance(self._pool, Pool):
            return _read(self._pool, position, self._preprocess)
        if position not in self._stamps:
            self._stamps[position] = self._pool.stamp(position)
        stamp = self._stamps[position] or ""
        seen = self._kept.get(position, stamp)
        if seen is None:
            seen = _read(self._pool, position, self._preprocess)
            self._kept.put(position, stamp, seen)
        return seen


class TextViews(Sequence[View]):
    """The views of some texts, in memory.

    Parameters
    ----------
    views : sequence of Tensor, or of mappings of tensors
        As returned by `preprocess`; None in place of an unreadable one.
    preprocess : TextPreprocess or ProbedText
        The preprocessing that they come from.
    """

    def __init__(self, views: Sequence[View], preprocess: TextView) -> None:
        self._views, self.of_texts = list(views), preprocess

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: Any) -> Any:
        return TextViews(self._views[index], self.of_texts) if isinstance(index, slice) else self._views[index]

    def select(self, rows: Iterable[int]) -> TextViews:
        """The views of some of the items."""
        return TextViews([self._views[row] for row in rows], self.of_texts)

    def each(self) -> Iterator[View]:
        """All views in order; None in place of an unreadable one."""
        return iter(self._views)

    def batches(self, rows: Iterable[np.ndarray]) -> Iterator[Batch]:
        """Batches of the views; see `text_views.collate`.

        Parameters
        ----------
        rows : iterable of ndarray
            The rows of each batch.
        """
        return (batched([self._views[row] for row in some], self.of_texts) for some in rows)


def are_of_texts(views: Sequence[View] | Tensor) -> TypeGuard[Views | TextViews]:
    """Whether these are views of texts, which may differ in length and needn't be tensors.

    Parameters
    ----------
    views : Tensor, or sequence of Tensor or of mappings of tensors
        Such as `LabelledImages.images`.
    """
    return isinstance(views, (Views, TextViews)) and views.of_texts is not None
