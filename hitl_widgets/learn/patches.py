"""Convolution filters from patches of unlabelled views (k-means), and features from their responses.

`kmeans_filters` clusters whitened patches; `PatchFilters` measures how strongly each part of a view resembles them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .weights import unset

# Number of filters; side of a filter in pixels; parts along each side of a view, over which outputs are averaged.
N_FILTERS, SIDE, GRID = 32, 6, 4
THRESHOLD = 0.25  # only the part of a filter's output above this counts
N_PATCHES = 20_000
# Keep noise from becoming filters: added to the contrast of a patch, and to the variance of its components.
CONTRAST_FLOOR, VARIANCE_FLOOR = 0.01, 0.1


class SoftThreshold(nn.Module):
    """Two maps for each filter: how far its output is above the threshold, and how far below minus the threshold."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map shape (n, c, h, w) to (n, 2 c, h, w)."""
        return torch.cat([torch.relu(maps - THRESHOLD), torch.relu(-maps - THRESHOLD)], dim=1)


class SquareRoot(nn.Module):
    """The square root, so that a strong output of one filter doesn't outweigh the others."""

    def forward(self, means: Tensor) -> Tensor:
        """Return the square root of each mean, plus a little, since the root's gradient at 0 is infinite."""
        return torch.sqrt(means + 1e-4)


class PatchFilters(nn.Sequential):
    """How strongly each of 16 parts of a view looks like typical patches of some views.

    Parameters
    ----------
    channels : int
        Channels of the views.
    padding_mode : str
        What lies around a view, as for nn.Conv2d.

    References
    ----------
    Coates, Lee and Ng (2011), An Analysis of Single-Layer Networks in Unsupervised Feature Learning.
    """

    def __init__(self, channels: int, *, padding_mode: str = "zeros") -> None:
        filters = unset(nn.Conv2d, channels, N_FILTERS, SIDE, padding=SIDE // 2, padding_mode=padding_mode, bias=False)
        super().__init__(filters, SoftThreshold(), nn.AdaptiveAvgPool2d(GRID), SquareRoot(), nn.Flatten())
        self.requires_grad_(requires_grad=False)

    @property
    def n_outputs(self) -> int:
        """Number of features of a view."""
        return 2 * N_FILTERS * GRID ** 2

    def fit(self, views: np.ndarray, *, rng: np.random.Generator) -> None:
        """Find the filters.

        Parameters
        ----------
        views : ndarray, shape (n, C, h, w)
            Where the patches are cut from.
        rng : Generator
            Source of the patches.
        """
        first = self[0]
        assert isinstance(first, nn.Conv2d)
        with torch.no_grad():
            first.weight.copy_(torch.from_numpy(kmeans_filters(views, rng=rng)))


def kmeans_filters(views: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Convolution filters from k-means over whitened patches: float32, shape (n_filters, c, side, side).

    The centroids are scaled to norm 1, multiplied by the whitening matrix, and their mean is removed.

    Parameters
    ----------
    views : ndarray, shape (n, c, h, w)
        Where the patches are cut from.
    rng : Generator
        Source of the patches.
    """
    from sklearn.cluster import KMeans
    n_views, channels, height, width = views.shape
    views = np.pad(views, ((0, 0), (0, 0), *((0, max(0, SIDE - side)) for side in (height, width))))
    item, top, left = (rng.integers(0, max(1, end), N_PATCHES) for end in
                       (n_views, views.shape[2] - SIDE + 1, views.shape[3] - SIDE + 1))
    rows, columns = np.arange(SIDE)[:, None], np.arange(SIDE)[None]
    cut = views[item[:, None, None], :, top[:, None, None] + rows, left[:, None, None] + columns]
    flat = np.moveaxis(cut, 3, 1).reshape(N_PATCHES, -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    contrast = flat.std(axis=1)
    flat = flat[contrast > 0.02] if (contrast > 0.02).sum() > N_FILTERS else \
        rng.normal(size=flat.shape).astype(np.float32)
    flat = (flat / np.sqrt(flat.var(axis=1, keepdims=True) + CONTRAST_FLOOR)).astype(np.float32)
    strength, axes = np.linalg.eigh(np.cov(flat.T))
    whiten = (axes / np.sqrt(np.maximum(strength, 0) + VARIANCE_FLOOR)) @ axes.T
    white = ((flat - flat.mean(axis=0)) @ whiten).astype(np.float32)
    cluster = KMeans(N_FILTERS, n_init=1, max_iter=20, random_state=int(rng.integers(2**31))).fit_predict(white)
    centroids = np.stack([white[cluster == k].mean(axis=0) if (cluster == k).any() else white[k]
                        for k in range(N_FILTERS)])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True) + 1e-9
    filters = centroids @ whiten
    filters -= filters.mean(axis=1, keepdims=True)
    return filters.reshape(N_FILTERS, channels, SIDE, SIDE).astype(np.float32)
