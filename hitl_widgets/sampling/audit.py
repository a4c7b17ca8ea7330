"""The audit: a random sample of the pool by which the model's suggestions are checked.

Which items are in it, in which order they are asked and from whom the suggestion is hidden follows from the project and
the item alone, never from what a strategy picked or a model said. Read `Audit` first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Items are drawn by their draws under these seeds beyond the project's own, which draws the hold-out.
ORDER_SEED, HALF_SEED = 1 << 32, 1 << 33


@dataclass(frozen=True)
class Audit:
    """A random order of the pool, of which a share is asked, one half of it blind.

    An item that a strategy asks first is shown as its half of the audit says, and counts with its answer.

    Parameters
    ----------
    order : ndarray of float64, shape (n_items,)
        A random number of each item, from 0 to 1: the smallest are asked first.
    is_hidden : ndarray of bool, shape (n_items,)
        A random half of the items.
    share : float
        How much of the pool is drawn, from 0 to 1.
    """

    order: npt.NDArray[np.float64]
    is_hidden: npt.NDArray[np.bool_]
    share: float

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """The items that are drawn: (n_items,)."""
        drawn: npt.NDArray[np.bool_] = self.order < self.share
        return drawn

    def is_blind(self, position: int) -> bool:
        """Whether an item is drawn, and its suggestion stays hidden."""
        return bool(self.is_hidden[position] and self.order[position] < self.share)

    @classmethod
    def none(cls, n_items: int) -> Audit:
        """Make an audit of nothing."""
        return cls(np.ones(n_items), np.zeros(n_items, np.bool_), 0.0)
