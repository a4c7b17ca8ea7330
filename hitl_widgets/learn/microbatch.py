"""What when a batch doesn't fit into memory? Read `MicroBatches`: it is taken in halves, or quarters, from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")


class MicroBatches:
    """Does something with a batch, all at once or in as many parts as memory needs.

    Attributes
    ----------
    n_parts : 1 until a batch didn't fit, then twice as many each time
    """

    def __init__(self, *, fewest: int = 2) -> None:
        self.n_parts, self._fewest = 1, fewest

    def each(self, act: Callable[[np.ndarray], T], n_items: int, *, afresh: Callable[[], object]) -> Sequence[T]:
        """What `act` gives for each part, called with the part's rows.

        Parameters
        ----------
        afresh : called before the first part, also when all is begun again in smaller parts

        Raises
        ------
        Exception
            Whatever `act` raises, when it isn't for lack of memory, or when parts would be smaller than `fewest`.
        """
        while True:
            afresh()
            try:
                return [act(rows) for rows in np.array_split(np.arange(n_items), self.n_parts)]
            except Exception as error:  # a user's net, which may raise anything
                if not out_of_memory(error) or n_items // (2 * self.n_parts) < self._fewest:
                    raise
            self.n_parts *= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that memory ran out."""
    while error is not None:
        if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or \
                (isinstance(error, RuntimeError) and any(words in str(error).lower()
                                                         for words in ("out of memory", "not enough memory"))):
            return True
        error = error.__cause__
    return False
