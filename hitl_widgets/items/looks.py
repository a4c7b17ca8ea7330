"""What do items look like, as far as that can be known in time?

What the queue's strategies over embeddings see: what the model's last layer reads of an item or, without a model, the
components of its pixels, which a thread works out in the background. Read `Looks.prepare` first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from .features import Pixels
from .pool import Pool

_AT_ONCE = 256

# Rows that a model has given so far, NaN elsewhere; None where there is no model, or none whose last layer is known.
Embedded = Callable[[np.ndarray], "np.ndarray | None"]


class Looks:
    """What is at hand of how a pool's items look. Threads may share it.

    Parameters
    ----------
    embedded : what the model has said so far
    seed : of the sample from which the pixels' components come
    """

    def __init__(self, pool: Pool, *, embedded: Embedded, seed: int) -> None:
        self._pool, self._embedded, self._seed = pool, embedded, seed
        self._pixels: Pixels | None = None
        self._ready = np.zeros(len(pool), np.bool_)
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def at_hand(self, positions: np.ndarray) -> np.ndarray | None:
        """Rows of some items, float32, shape (n, n_features), NaN where nothing is known yet; None where nothing is
        known of any. All rows of one call, and of calls under the same model, can be compared."""
        if (rows := self._embedded(positions)) is not None:
            return rows
        with self._lock:
            ready = self._ready[positions]
            pixels = self._pixels
        if pixels is None or not self._ready.any():
            return None
        some = positions[ready]
        known = pixels.of(some if len(some) else np.flatnonzero(self._ready)[:1])
        rows = np.full((len(positions), known.shape[1]), np.nan, np.float32)
        rows[ready] = known[:len(some)]
        return rows

    def prepare(self, positions: np.ndarray, *, budget_s: float) -> None:
        """Have these items' pixels looked at, where no model speaks of them; what isn't done in time goes on."""
        with self._lock:
            missing = positions[~self._ready[positions]]
            worker = self._worker
            if len(missing) and (worker is None or not worker.is_alive()):
                worker = self._worker = threading.Thread(target=self._work, args=(missing,), daemon=True)
                worker.start()
        if len(missing) and worker is not None:
            worker.join(budget_s)

    def _work(self, positions: np.ndarray) -> None:
        pixels = self._pixels or Pixels(self._pool, seed=self._seed)
        for start in range(0, len(positions), _AT_ONCE):
            some = positions[start:start + _AT_ONCE]
            pixels.of(some)
            with self._lock:
                self._pixels = pixels
                self._ready[some] = True
