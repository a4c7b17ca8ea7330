"""Reading ahead: items are read on threads, in order, while others are processed.

Pillow decodes without Python's lock, so that several files are decoded at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

A = TypeVar("A")
T = TypeVar("T")

# More threads than this would only wait for the disk, or for each other.
N_THREADS = min(8, max(2, os.cpu_count() or 2))

_one_by_one: ContextVar[bool] = ContextVar("one_by_one", default=False)


def in_order(function: Callable[[A], T], arguments: Iterable[A], *, ahead: int = 2 * N_THREADS) -> Iterator[T]:
    """The results of a function, in the order of its arguments, computed on threads before they are asked for.

    Parameters
    ----------
    function : callable
        Takes one argument; any number of threads may call it at once.
    arguments : iterable
        Its arguments.
    ahead : int
        Maximum number of results that are computed ahead.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3], ahead=1))
    [1, 2, 3]
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(N_THREADS, thread_name_prefix="reading") as executor:
        try:
            for argument in arguments:
                waiting.append(executor.submit(function, argument))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # the others aren't needed after an error, or if the loop was left
            for future in waiting:
                future.cancel()


@contextmanager
def one_by_one() -> Iterator[None]:
    """In a with block, read local files without threads: for a worker that shares its cores with others.

    Remote files are read on threads all the same: a fetch waits, it doesn't compute.
    """
    token = _one_by_one.set(True)
    try:
        yield
    finally:
        _one_by_one.reset(token)


def lies_in_files(pool: Any) -> bool:
    """Whether the items of a pool are files, which are read on threads; False for those in memory, and `one_by_one`.

    Parameters
    ----------
    pool : Pool, or what stands in its place
        Its `in_files`, if it has any.
    """
    alone = _one_by_one.get() and not getattr(pool, "remote", False)
    return bool(getattr(pool, "in_files", False)) and not alone


def is_remote(pool: Any) -> bool:
    """Whether the items of a pool are fetched when they are needed, so that nobody reads all of them unasked.

    Parameters
    ----------
    pool : Pool, or what stands in its place
        Its `remote`, if it has any.
    """
    return bool(getattr(pool, "remote", False))


def fetch_ahead(pool: Any, positions: Iterable[int]) -> None:
    """Have the files of some items of a remote pool fetched by threads, as `Pool.fetch_ahead` does.

    Parameters
    ----------
    pool : Pool, or what stands in its place
    positions : iterable of int
    """
    if is_remote(pool):
        pool.fetch_ahead(positions)


def fetched_ahead(pool: Any, positions: Iterable[int], *, needed: Callable[[int], bool] | None = None) -> Iterator[int]:
    """The positions as they are; threads fetch the files of those that were taken from a remote pool.

    Parameters
    ----------
    pool : Pool, or what stands in its place
    positions : iterable of int
    needed : callable, optional
        Whether the file of an item is read at all.
    """
    for position in positions:
        if needed is None or needed(position):
            fetch_ahead(pool, [position])
        yield position


def to_keep(pool: Any, positions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Mask of the rows, one for each of these items, that may be stored: bool, shape (n,).

    All rows except those of remote files that couldn't be fetched, which are requested again.

    Parameters
    ----------
    pool : Pool, or what stands in its place
    positions : ndarray of int, shape (n,)
    rows : ndarray, shape (n, n_columns)
        NaN for an item that couldn't be read.
    """
    kept = np.ones(len(rows), np.bool_)
    if is_remote(pool):
        unread = np.flatnonzero(np.isnan(rows).any(axis=1))
        kept[unread] = pool.at_hand(positions[unread])
    return kept
