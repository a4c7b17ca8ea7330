"""What does a model of few answers look at?

A net whose body is fitted to the pool without any answer and then stays as it is: filters that are typical patches of
the items, and the components of what these find. Only the last layer learns, which little can lead astray. Read
`filter_net` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from ..coverage import clusters
from .finetune import Trained, train

N_FILTERS, SIDE, GRID, N_FEATURES = 32, 6, 4, 96
BAR = 0.25  # how far a filter's answer lies above the usual before it counts
N_PATCHES, N_FITTED = 20_000, 1_500
# Against filters of mere noise: added to the contrast of a patch, and to the variance of its components.
FLAT, FAINT = 0.01, 0.1


class TwoSided(nn.Module):
    """How far each filter's answer lies above the bar, and how far below its negative: twice as many maps."""

    def forward(self, maps: Tensor) -> Tensor:
        """Shape (n, c, h, w) to (n, 2 c, h, w)."""
        return torch.cat([torch.relu(maps - BAR), torch.relu(-maps - BAR)], dim=1)


class Root(nn.Module):
    """The square root, by which a strong answer of one filter doesn't drown the others."""

    def forward(self, means: Tensor) -> Tensor:
        """The same shape; a little is added, since the root's gradient at 0 is infinite."""
        return torch.sqrt(means + 1e-4)


def filter_net(n_labels: int, views: Sequence[Tensor] | Tensor, *, seed: int = 0) -> nn.Module:
    """A net whose last layer alone learns; the rest is fitted to some views of the pool.

    Grad-CAM has its convolution, and the embedding is what the last layer reads.

    Parameters
    ----------
    views : shape (n, channels, height, width), without NaN; 1 or more, some 1,000 serve well
    seed : of the patches and the first weights; torch's own generator is left as it was

    References
    ----------
    Coates, Lee and Ng (2011), An Analysis of Single-Layer Networks in Unsupervised Feature Learning.
    """
    seen = torch.stack(list(views[:N_FITTED])).float()
    channels = seen.shape[1]
    body = nn.Sequential(nn.Conv2d(channels, N_FILTERS, SIDE, padding=SIDE // 2, bias=False), TwoSided(),
                         nn.AdaptiveAvgPool2d(GRID), Root(), nn.Flatten())
    reading = nn.Linear(2 * N_FILTERS * GRID ** 2, N_FEATURES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(N_FEATURES, n_labels)
    with torch.no_grad():
        first = body[0]
        assert isinstance(first, nn.Conv2d)
        first.weight.copy_(torch.from_numpy(patches(seen.numpy(), rng=np.random.default_rng(seed))))
        found = torch.cat([body(some) for some in seen.split(256)])
        middle = found.mean(dim=0)
        _, spread, axes = torch.linalg.svd(found - middle, full_matrices=False)
        n = min(N_FEATURES, int((spread > 1e-4 * spread[0].clamp_min(1e-6)).sum()))
        # All components together have as much variance as so many numbers of variance one.
        scale = (n * max(1, len(seen) - 1) / float(spread[:n].square().sum().clamp_min(1e-12))) ** 0.5 if n else 0.0
        reading.weight.zero_()
        reading.weight[:n] = scale * axes[:n]
        reading.bias.copy_(-reading.weight @ middle)
    net = nn.Sequential(*body, reading, head)
    for layer in (net[0], reading):
        layer.requires_grad_(requires_grad=False)
    return net


class Read(Sequence[Tensor]):
    """What a body reads of views, each when it is asked for."""

    def __init__(self, body: nn.Sequential, views: Sequence[Tensor] | Tensor) -> None:
        self._body, self._views = body, views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Read(self._body, self._views[index])
        with torch.no_grad():
            read: Tensor = self._body(self._views[index].unsqueeze(0))
            return read[0]


def train_head(net: nn.Module, views: Sequence[Tensor] | Tensor, targets: Any, **how: Any) -> Trained:
    """`train` for a `filter_net`: its body reads each view once, then the last layer learns from what it read."""
    trained = train(net[-1], Read(net[:-1].eval(), views), targets, **how)  # type: ignore[index]
    return replace(trained, net=nn.Sequential(*net[:-1], trained.net).eval())  # type: ignore[index]


def is_filter_net(net: nn.Module | None) -> bool:
    """Whether a net was made by `filter_net`."""
    return isinstance(net, nn.Sequential) and len(net) == 7 and isinstance(net[1], TwoSided)


def holds_filter_net(path: Path) -> bool:
    """Whether a file of weights is that of a `filter_net`; False for one that can't be read."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            return set(file.keys()) == {"0.weight", "5.weight", "5.bias", "6.weight", "6.bias"}
    except (OSError, safetensors.SafetensorError):
        return False


def empty(n_labels: int, *, channels: int) -> nn.Module:
    """A `filter_net` that was fitted to nothing, into which stored weights go."""
    return filter_net(n_labels, torch.zeros(1, channels, 2 * SIDE, 2 * SIDE))


def patches(views: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Filters: the middles of clusters of whitened patches, each of length one: float32, (n_filters, c, side, side)."""
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
    flat = (flat / np.sqrt(flat.var(axis=1, keepdims=True) + FLAT)).astype(np.float32)
    strength, axes = np.linalg.eigh(np.cov(flat.T))
    whiten = (axes / np.sqrt(np.maximum(strength, 0) + FAINT)) @ axes.T
    white = ((flat - flat.mean(axis=0)) @ whiten).astype(np.float32)
    cluster = clusters(white, N_FILTERS, rng)
    middles = np.stack([white[cluster == k].mean(axis=0) if (cluster == k).any() else white[k]
                        for k in range(N_FILTERS)])
    middles /= np.linalg.norm(middles, axis=1, keepdims=True) + 1e-9
    filters = middles @ whiten
    filters -= filters.mean(axis=1, keepdims=True)
    return filters.reshape(N_FILTERS, channels, SIDE, SIDE).astype(np.float32)
