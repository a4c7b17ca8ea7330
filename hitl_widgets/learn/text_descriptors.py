"""The descriptors of a project's texts: fitted once, computed once for each text, kept on disk.

`TextDescriptorNet` is `items.text_features.TextFeatures` as a net that reads code points, so that light heads can be
put on it as on other nets. `TextDescriptors` has the rows of a pool, for the queue, clusters and heads for values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors
import torch
from torch import Tensor

from ..errors import ModelError
from ..items.pool import Pool
from ..items.text_features import N_FITTED, N_SKETCH, TextFeatures, fit_text_features, readable_texts
from .descriptors import Descriptors, holds_descriptors, unfitted_descriptors
from .pool_descriptors import PoolDescriptors
from .text_views import TextPreprocess, text_of
from .weights import load_weights, shapes_in

# Changed whenever the descriptors of the same texts change.
FORM = "components and sketch of texts, 1"


class TextDescriptorNet(Descriptors):
    """Descriptors of texts from their code points; it isn't trained, and has no gradients.

    Parameters
    ----------
    n_kept, n_components : int
        Shape of `TextFeatures.axes`, which are kept in half precision.
    """

    buckets: Tensor
    weights: Tensor
    axes: Tensor
    rare: Tensor

    reads_code_points = True
    n_windows = 1

    def __init__(self, n_kept: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("buckets", torch.zeros(n_kept, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(n_kept))
        self.register_buffer("axes", torch.zeros(n_kept, n_components, dtype=torch.float16))
        self.register_buffer("rare", torch.tensor(0.0))

    @property
    def n_components(self) -> int:
        """Width of a descriptor."""
        return int(self.axes.shape[1]) + N_SKETCH

    @property
    def n_features(self) -> int:
        """Width of a descriptor; texts have no tones."""
        return self.n_components

    @property
    def features(self) -> TextFeatures:
        """The features as plain arrays."""
        return TextFeatures(self.buckets.cpu().numpy(), self.weights.cpu().numpy(),
                            self.axes.float().cpu().numpy(), float(self.rare))

    def forward(self, views: Tensor) -> Tensor:
        """Compute descriptors, shape (n, n_features), from code points, shape (n, n_characters), padded with -1."""
        return self.rows_of(list(views))

    def rows_of(self, views: Sequence[Tensor]) -> Tensor:
        """Compute descriptors as `forward`, from code points of texts of different lengths."""
        rows = torch.from_numpy(self.features.of([text_of(view.detach()) for view in views]))
        return rows.to(self.axes.device)


def fit_text_descriptors(texts: Sequence[str], *, seed: int = 0) -> TextDescriptorNet:
    """Fit descriptors to some texts of a pool, without labels; BadInput if there is no text.

    Parameters
    ----------
    texts : sequence of str
        The first 4,000 are used.
    seed : int
        Seed of the decomposition.
    """
    fitted = fit_text_features(texts, seed=seed)
    net = TextDescriptorNet(*fitted.axes.shape).eval()
    with torch.no_grad():
        net.buckets.copy_(torch.from_numpy(fitted.buckets))
        net.weights.copy_(torch.from_numpy(fitted.weights))
        net.axes.copy_(torch.from_numpy(fitted.axes))
        net.rare.fill_(fitted.rare)
    return net


def holds_any_descriptors(path: Path, *, prefix: str = "") -> bool:
    """Whether a file of weights has descriptors of images or texts; False if it can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the names of the descriptors' tensors in the file.
    """
    with suppress(OSError, safetensors.SafetensorError):
        return f"{prefix}buckets" in shapes_in(path) or holds_descriptors(path, prefix=prefix)
    return False


def unfitted_descriptors_of(path: Path, *, prefix: str = "") -> Descriptors:
    """Build descriptors of images or texts with the tensor shapes in a file, ready to load the file's weights.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the names of the descriptors' tensors in the file.

    Raises
    ------
    OSError, SafetensorError
        When the file can't be read, or has no descriptors.
    """
    if (shape := shapes_in(path).get(f"{prefix}axes")) is not None:
        return TextDescriptorNet(*shape).eval()
    return unfitted_descriptors(path, prefix=prefix)


class TextDescriptors(PoolDescriptors):
    """Descriptors of the texts of a pool, with the methods of `PoolDescriptors`. Safe for many threads.

    They depend only on the texts, not on the preprocessing of the user's net.

    Parameters
    ----------
    pool : Pool
        The texts.
    folder : Path
        Folder of the descriptors.
    measures : callable
        Returns a mask of the pool's measuring items (hold-out and gold): bool, shape (n_items,). Descriptors are
        fitted to the other items, if there are any.
    seed : int
        Seed of the draw of texts to fit to.
    """

    def __init__(self, pool: Pool, folder: Path, *, measures: Callable[[], np.ndarray], seed: int) -> None:
        super().__init__(pool, folder, view=TextPreprocess, measures=measures, seed=seed)

    def _fit(self) -> Descriptors:
        # Twice as many texts as are needed, since some may be unreadable.
        texts = [text for text in readable_texts(self.pool, self._learnable()[:2 * N_FITTED]) if text is not None]
        if not texts:
            raise ModelError("none of the pool's items can be read, so they have no descriptors.")
        return fit_text_descriptors(texts, seed=self.seed)

    def _compute(self, net: Descriptors, positions: np.ndarray) -> np.ndarray:
        assert isinstance(net, TextDescriptorNet)
        return text_rows(net, self.pool, positions)

    def _form(self) -> str:
        return FORM

    def _read(self, path: Path) -> Descriptors | None:
        with suppress(OSError, safetensors.SafetensorError, ModelError):
            if path.exists():
                net = load_weights(unfitted_descriptors_of(path), path)
                assert isinstance(net, TextDescriptorNet)
                return net
        return None


def text_rows(net: TextDescriptorNet, pool: Pool, positions: np.ndarray) -> np.ndarray:
    """Descriptors of some texts: float32, shape (n, n_features), NaN where one can't be read.

    Parameters
    ----------
    net : TextDescriptorNet
    pool : Pool
        The texts.
    positions : ndarray of int, shape (n,)
        Positions of the texts in the pool.
    """
    texts = {row: text for row, text in enumerate(readable_texts(pool, positions)) if text is not None}
    rows = np.full((len(positions), net.n_features), np.nan, np.float32)
    if texts:
        rows[list(texts)] = net.features.of(list(texts.values()))
    return rows
