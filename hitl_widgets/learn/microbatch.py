"""Micro-batching after an out-of-memory error. Read `MicroBatches`: it cuts batches into 2, 4, 8 ... parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")


class MicroBatches:
    """Applies a function to a batch, in as many parts as memory needs.

    Parameters
    ----------
    min_size : int
        Smallest number of items in a part.

    Attributes
    ----------
    n_parts : int
        1 until a batch didn't fit into memory, then doubled each time.
    """

    def __init__(self, *, min_size: int = 2) -> None:
        self.n_parts, self._min_size = 1, min_size

    def map(self, function: Callable[[np.ndarray], T], n_items: int, *, reset: Callable[[], object]) -> Sequence[T]:
        """The function's result for each part.

        Parameters
        ----------
        function : callable
            Called with the rows of one part.
        n_items : int
            Number of items in the batch.
        reset : callable
            Called before the first part, and again before a retry with smaller parts.

        Raises
        ------
        Exception
            Whatever the function raises, when it isn't for lack of memory, or when parts would be too small.
        """
        while True:
            reset()
            try:
                return [function(rows) for rows in np.array_split(np.arange(n_items), self.n_parts)]
            except Exception as error:  # a user's net, which may raise anything
                if not out_of_memory(error) or n_items // (2 * self.n_parts) < self._min_size:
                    raise
            self.n_parts *= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or its cause, says that memory ran out.

    Parameters
    ----------
    error : BaseException, optional
        The error.
    """
    while error is not None:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or \
                (isinstance(error, RuntimeError) and any(words in str(error).lower()
                                                         for words in ("out of memory", "not enough memory"))):
            return True
        error = error.__cause__
    return False
