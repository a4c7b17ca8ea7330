"""The audit: a random sample of the pool by which the model's suggestions are checked.

The sample and its order depend on the project and the items alone, not on strategies or models. For each person and
item, the suggestion is hidden at random with a probability of one half or more. Read `Audit` first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .orders import RandomOrder

# Seeds of the items' random numbers, besides the project's own seed for the hold-out. The second one chose the items
# that were blind for everybody, before that was drawn for each person.
ORDER_SEED, HALF_SEED = 1 << 32, 1 << 33


class Audit:
    """A random order of the pool, of which a share is asked.

    An item of the audit that a strategy asks first is shown as an audit item, too, and its answer counts.

    Parameters
    ----------
    draws : callable
        Returns a random number for each item under a seed, shape (n_items,), from 0 to 1. It is called when the numbers
        are first needed, since opening a large project doesn't need them.
    share : float
        Share of the pool that is drawn, from 0 to 1.
    """

    def __init__(self, draws: Callable[[int], npt.NDArray[np.float64]], share: float) -> None:
        self._draws, self.share = draws, share

    @cached_property
    def order(self) -> npt.NDArray[np.float64]:
        """A random number of each item, from 0 to 1: the smallest are asked first."""
        return self._draws(ORDER_SEED)

    @cached_property
    def is_hidden(self) -> npt.NDArray[np.bool_]:
        """Mask of the half of the items that was blind before arms were drawn for each person: (n_items,)."""
        hidden: npt.NDArray[np.bool_] = self._draws(HALF_SEED) < 0.5
        return hidden

    @cached_property
    def _in_order(self) -> RandomOrder:
        return RandomOrder(self.order)

    def first(self, mask: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.intp]:
        """Positions of the first n items of a mask, in the audit's order."""
        return self._in_order.first(mask, n) if n > 0 else np.empty(0, np.intp)

    @cached_property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Mask of the items that are drawn: (n_items,)."""
        drawn: npt.NDArray[np.bool_] = self.order < self.share
        return drawn

    def is_drawn(self, position: int) -> bool:
        """Whether an item is drawn."""
        return self.share > 0 and bool(self.order[position] < self.share)

    @classmethod
    def none(cls, n_items: int) -> Audit:
        """Make an audit without items."""
        return cls(lambda seed: np.ones(n_items), 0.0)
