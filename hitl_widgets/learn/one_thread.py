"""torch on a single thread, for work in the background that must leave the cores to others. Use `one_thread`."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on the calling thread alone; other threads, such as a user's cells, aren't affected.

    `torch.set_num_threads` would count for the whole process. On small batches a second thread gains little, and where
    many kernels share the cores, each thread spends most of its time waiting for the others.

    Examples
    --------
    >>> before = torch.get_num_threads()
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    torch.get_num_threads()  # applies a number that was set elsewhere, else the first computation would
    of_mkl = _mkl_threads()
    former = of_mkl(1)
    try:
        with _pools().limit(limits=1, user_api="openmp"):
            yield
    finally:
        of_mkl(former)


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


@cache
def _mkl_threads() -> Any:
    """A function that sets MKL's threads for the calling thread, and returns the former number; 0: the process's."""
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        with suppress(OSError, AttributeError):  # a torch without MKL, or one that doesn't export it
            return ctypes.CDLL(str(path)).MKL_Set_Num_Threads_Local
    return lambda n: n
