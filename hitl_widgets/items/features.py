"""Features of images: principal components of pixels and of edges, alone or beside a model's embedding.

`Pixels` needs neither model nor torch. `features` joins blocks of features, such as pixels and an embedding: a coarse
model has dropped the detail that finer labels need, and the pixels still have it. `AvailableFeatures` provides the
queue with features within a time budget.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol
from weakref import WeakSet

import numpy as np
from PIL import Image

from ..errors import BadInput, ItemError, ModelError, ShapeError
from .pool import Pool
from .some_rows import SomeRows, drawn

SIDE = 28
COMPONENTS, OF_EDGES = 50, 100
# Number of items to which components are fitted: they are stable long before all items of a large pool are read.
FITTED_ON = 2_000
_AT_ONCE, _IN_BACKGROUND_AT_ONCE = 1_024, 256
# How long the interpreter waits at its end for the thread's current task.
END_S = 10.0

# Positions -> embeddings by a person's net, NaN where not computed yet; None without a net with a known last layer.
Embeddings = Callable[[np.ndarray], "np.ndarray | None"]


class Loads(Protocol):
    """Protocol of a pool, as far as `Pixels` needs it."""

    def __len__(self) -> int:
        """Number of items."""
        ...

    def load(self, position: int) -> np.ndarray:
        """The item as uint8, shape (H, W) or (H, W, 3); ItemError when it can't be read."""
        ...


class Pixels:
    """Principal components of items' pixels, computed when needed and kept in memory; threads may share it.

    Every item is reduced to 28 x 28 pixels, in grey if the pool is. With `edges` it is reduced further, to histograms
    of edge directions in 7 x 7 cells, which are robust to small shifts and lighting. The components are fitted to a
    sample of at most 2,000 items, and scaled together so that the sample's total variance is one. The same pool and
    seed give the same components. If all items are equal, there are no components.

    Parameters
    ----------
    pool : Loads
        The items.
    n : int
        Number of components, at most; fewer if the sample has fewer items.
    seed : int
        Seed of the sample.
    edges : bool
        Use edge directions instead of brightness.

    References
    ----------
    Dalal and Triggs (2005), Histograms of oriented gradients for human detection, doi:10.1109/CVPR.2005.177;
    Halko, Martinsson, Tropp (2011), Finding structure with randomness, doi:10.1137/090771806.

    Examples
    --------
    >>> import hitl_widgets as hw
    >>> pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8))
    >>> Pixels(pool, n=5).of([3, 4]).shape
    (2, 5)
    """

    def __init__(self, pool: Loads, *, n: int = COMPONENTS, seed: int = 0, edges: bool = False) -> None:
        if isinstance(n, bool) or n < 1:
            raise BadInput(f"n is {n!r}; a number of components, 1 or more, is expected.")
        self.pool, self.n, self.seed, self.edges = pool, n, seed, edges
        self._lock = threading.Lock()
        self._rows: SomeRows | None = None

    def of(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """Components of some items: float32, shape (len(positions), n_components), NaN for one that can't be read."""
        positions = np.asarray(positions, np.int64)
        with self._lock:
            if self._rows is None:
                self._fit()
            assert self._rows is not None
            missing = np.unique(positions[~self._rows.has(positions)])
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start:start + _AT_ONCE]
            rows = self._components(self._seen(self._read_all(some)))
            with self._lock:
                self._rows.put(some, rows)
        with self._lock:
            return self._rows.get(positions)

    def _fit(self) -> None:
        from sklearn.decomposition import PCA
        n_items = len(self.pool)
        sample = drawn(n_items, FITTED_ON, seed=self.seed)
        images: list[np.ndarray | None] = [image for image in self._read_all(sample) if image is not None]
        self._colour = any(image is not None and image.ndim == 3 for image in images)
        seen = self._seen(images)
        n = min(self.n, *seen.shape) if len(seen) and np.ptp(seen, axis=0).any() else 0
        self._pca = PCA(n, svd_solver="randomized", random_state=self.seed).fit(seen) if n else None
        self._scale = 1.0 if self._pca is None else float(self._pca.explained_variance_.sum()) ** -0.5
        self._rows = SomeRows(n_items, n)

    def _seen(self, images: list[np.ndarray | None]) -> np.ndarray:
        return outlines(images) if self.edges else thumbnails(images, colour=self._colour)

    def _components(self, seen: np.ndarray) -> np.ndarray:
        rows = np.full((len(seen), 0 if self._pca is None else self._pca.n_components_), np.nan, np.float32)
        readable = ~np.isnan(seen).any(axis=1)
        if self._pca is not None and readable.any():
            rows[readable] = self._pca.transform(seen[readable]) * self._scale
        return rows

    def _read_all(self, positions: np.ndarray) -> list[np.ndarray | None]:
        if isinstance(self.pool, Pool):
            self.pool.fetch_ahead(positions.tolist())
        return [self._read(position) for position in positions]

    def _read(self, position: int) -> np.ndarray | None:
        try:
            if isinstance(self.pool, Pool):
                return self.pool.load_reduced(int(position), lambda height, width: (SIDE, SIDE))[0]
            return self.pool.load(int(position))
        except ItemError:
            return None


def pixels(images: Iterable[np.ndarray | None], *, n: int = COMPONENTS, seed: int = 0) -> np.ndarray:
    """`Pixels` of images in memory: float32, shape (n_images, at most n); NaN where there is None."""
    held = _Held(list(images))
    return Pixels(held, n=n, seed=seed).of(range(len(held)))


def features(*blocks: Any) -> np.ndarray:
    """Blocks of features side by side, each centred and scaled so that all its columns together have variance one.

    The scale is that of the rows passed in: pass all rows that are to be compared in one call.

    Parameters
    ----------
    *blocks : array-like, shape (n_items, n)
        Such as a model's embeddings and `pixels`. A row with NaN in one block is NaN in all.

    Returns
    -------
    ndarray, float32, shape (n_items, sum of n)

    Raises
    ------
    ShapeError
        When the blocks differ in their number of rows.

    Examples
    --------
    >>> features([[0.0], [2.0]], [[10.0, 0.0], [10.0, 300.0]])
    array([[-1.,  0., -1.],
           [ 1.,  0.,  1.]], dtype=float32)
    """
    arrays = [np.asarray(block, np.float64) for block in blocks]
    if any(array.ndim != 2 or len(array) != len(arrays[0]) for array in arrays):
        raise ShapeError(f"blocks of features have shapes {[array.shape for array in arrays]}; (n_items, n) with the "
                         "same items is expected of each.")
    readable = ~np.any([np.isnan(array).any(axis=1) for array in arrays], axis=0)
    rows = np.full((len(readable), sum(array.shape[1] for array in arrays)), np.nan, np.float32)
    if readable.any():
        rows[readable] = np.concatenate([_scaled(array[readable]) for array in arrays], axis=1)
    return rows


def thumbnails(images: Iterable[np.ndarray | None], *, colour: bool = False, side: int = SIDE) -> np.ndarray:
    """Images as rows of side * side numbers from 0 to 1, in grey, or three times as many in colour; NaN for None."""
    width = side * side * (3 if colour else 1)
    rows = [np.full(width, np.nan, np.float32) if image is None else
            np.asarray(Image.fromarray(image).convert("RGB" if colour else "L").resize(
                (side, side), Image.Resampling.BOX), np.float32).ravel() / 255 for image in images]
    return np.stack(rows) if rows else np.empty((0, width), np.float32)


def outlines(images: Iterable[np.ndarray | None]) -> np.ndarray:
    """Images as the square roots of histograms of edge directions, in 7 x 7 blocks; NaN for None."""
    from skimage.feature import hog
    seen = thumbnails(images).reshape(-1, SIDE, SIDE)
    rows = np.full((len(seen), 7 * 7 * 2 * 2 * 8), np.nan, np.float32)
    for row, image in zip(rows, seen, strict=True):
        if not np.isnan(image).any():
            row[:] = np.sqrt(hog(np.pad(image, 2), orientations=8, pixels_per_cell=(4, 4), cells_per_block=(2, 2)))
    return rows


def _scaled(block: np.ndarray) -> np.ndarray:
    centred = block - block.mean(axis=0)
    spread = float((centred ** 2).mean(axis=0).sum())
    return centred / np.sqrt(spread) if spread > 1e-12 else np.zeros_like(centred)


class AvailableFeatures:
    """Features that can be used without waiting: embeddings of the user's own net, or else the pool's descriptors.

    Descriptors are computed by a background thread. This class is thread-safe.

    Parameters
    ----------
    n_items : int
        Number of items in the pool.
    embeddings : callable
        Takes positions and returns the embeddings by the user's net that have been computed so far, or None if there
        are none.
    describe : callable
        Takes positions and returns descriptors, float32, shape (n, n_features); missing ones are computed. It is called
        only on the background thread, and the first call may take seconds.
    """

    def __init__(self, n_items: int, *, embeddings: Embeddings, describe: Callable[[np.ndarray], np.ndarray]) -> None:
        self._embeddings, self._describe = embeddings, describe
        self._rows: SomeRows | None = None
        self._ready, self._known_since = np.zeros(n_items, np.bool_), threading.Condition()
        self._wanted: list[np.ndarray] = []
        self._works = False
        self._thread: threading.Thread | None = None

    def get(self, positions: np.ndarray) -> np.ndarray | None:
        """Features of some items, float32, shape (n, n_features), with NaN for missing rows; None without any features.

        Rows can be compared with each other if they are from the same call, or from calls with the same model.
        """
        if (rows := self._embeddings(positions)) is not None:
            return rows
        return self.descriptors(positions)

    def descriptors(self, positions: np.ndarray) -> np.ndarray | None:
        """Descriptors of some items, as in `get`, even if the user's net has embeddings."""
        with self._known_since:
            if self._rows is None:
                return None
            return self._rows.get(positions)

    def prepare(self, positions: np.ndarray, *, budget_s: float, then: np.ndarray | None = None) -> None:
        """Compute the descriptors of some items in the background, and wait for them for at most `budget_s` seconds.

        Parameters
        ----------
        positions : ndarray of int
            The items to wait for.
        budget_s : float
            Longest time to wait, in seconds. The thread continues after that.
        then : ndarray of int, optional
            Items to compute afterwards. The call doesn't wait for them.
        """
        with self._known_since:
            self._wanted = [some[~self._ready[some]] for some in (positions, then) if some is not None]
            if not any(len(some) for some in self._wanted):
                return
            if not self._works:
                self._works = True
                _started.add(self)
                self._thread = threading.Thread(target=self._work, name="hitl-describing", daemon=True)
                self._thread.start()
            self._known_since.wait_for(lambda: bool(self._ready[positions].all()) or not self._works, budget_s)

    def stop(self) -> None:
        """Stop the thread after its current task, until the next call of `prepare`."""
        with self._known_since:
            self._wanted = []

    def end(self) -> None:
        """Stop the thread, and wait for the end of its current task, for at most `END_S` seconds."""
        with self._known_since:
            self._wanted, thread = [], self._thread
        if thread is not None:
            thread.join(END_S)

    def _work(self) -> None:
        try:
            while len(some := self._next()):
                rows = self._describe(some)
                with self._known_since:
                    if self._rows is None:
                        self._rows = SomeRows(len(self._ready), rows.shape[1])
                    self._rows.put(some, rows)
                    self._ready[some] = True
                    self._known_since.notify_all()
        except ModelError:  # no item can be read: there are no descriptors, and no further attempts
            with self._known_since:
                self._ready[:] = True
        except RuntimeError as error:  # when the interpreter ends, executors refuse work and can't be imported
            if "shutdown" not in str(error):
                raise
        finally:
            with self._known_since:
                self._works = False
                self._known_since.notify_all()

    def _next(self) -> np.ndarray:
        """The items to compute next; if there are none, the thread ends."""
        with self._known_since:
            for wanted in self._wanted:
                if len(some := wanted[~self._ready[wanted]]):
                    return some[:_IN_BACKGROUND_AT_ONCE]
            self._works = False
            return np.empty(0, np.int64)


# A thread that computes while the interpreter ends may crash the whole process.
_started: WeakSet[AvailableFeatures] = WeakSet()


@atexit.register
def _end_all() -> None:
    for features in list(_started):
        features.end()


class _Held:
    """Images in memory, as a pool."""

    def __init__(self, images: list[np.ndarray | None]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def load(self, position: int) -> np.ndarray:
        image = self._images[position]
        if image is None:
            raise ItemError(f"image {position} isn't there")
        return image
