"""What does a model of few answers look at?

A net whose body is fitted to the pool without any answer and then stays as it is: filters that are typical patches of
the items, and the components of what these find. Only the last layer learns, which little can lead astray. Whether that
beats a small CNN depends on the pool, so both can be tried. Read `kmeans_net` first, then `train_and_choose`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from .losses import kinds, with_candidates
from .train import SMOOTHING, Trained, as_targets, resident, take, train, validate

N_FILTERS, SIDE, GRID, N_FEATURES = 32, 6, 4, 96
BAR = 0.25  # how far a filter's answer lies above the usual before it counts
N_PATCHES, N_FITTED = 20_000, 1_500
# Against filters of mere noise: added to the contrast of a patch, and to the variance of its components.
FLAT, FAINT = 0.01, 0.1


class SoftThreshold(nn.Module):
    """How far each filter's answer lies above the bar, and how far below its negative: twice as many maps."""

    def forward(self, maps: Tensor) -> Tensor:
        """Shape (n, c, h, w) to (n, 2 c, h, w)."""
        return torch.cat([torch.relu(maps - BAR), torch.relu(-maps - BAR)], dim=1)


class Root(nn.Module):
    """The square root, by which a strong answer of one filter doesn't drown the others."""

    def forward(self, means: Tensor) -> Tensor:
        """The same shape; a little is added, since the root's gradient at 0 is infinite."""
        return torch.sqrt(means + 1e-4)


def kmeans_net(n_labels: int, views: Sequence[Tensor] | Tensor, *, seed: int = 0) -> nn.Module:
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
    body = nn.Sequential(nn.Conv2d(channels, N_FILTERS, SIDE, padding=SIDE // 2, bias=False), SoftThreshold(),
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
    """`train` for a `kmeans_net`: its body reads each view once, then the last layer learns from what it read."""
    trained = train(net[-1], Read(net[:-1].eval(), views), targets, **how)  # type: ignore[index]
    return replace(trained, net=nn.Sequential(*net[:-1], trained.net).eval())  # type: ignore[index]


def train_and_choose(whole: Callable[..., Trained], cnn: nn.Module, views: Sequence[Tensor] | Tensor, targets: Any, *,
                     frozen: nn.Module, draws: Any, weights: Any = None, candidates: Any = None,
                     budget_s: float | None = None, checkpoint: Any = None, progress: Any = None,
                     **how: Any) -> tuple[Trained, str]:
    """Train a small CNN and a `kmeans_net` on the same answers; the one that errs less where neither learnt, and why.

    That is on the items that validate. Where too few would, each half of the items is spoken of by nets that learnt
    from the other half. The lower mean loss wins, and the CNN where nothing can be told.

    Parameters
    ----------
    whole : `train`, or what calls it with more arguments
    cnn, frozen : what to begin with; where too few validate, neither may have learnt from these items before
    budget_s : seconds for all the trainings, at most
    draws, weights, candidates, how : as for `train`
    checkpoint, progress : of the CNN's training
    """
    targets = as_targets(targets, len(views))
    targets = targets if candidates is None else with_candidates(targets, candidates, smoothing=SMOOTHING)
    weights = np.ones(len(views)) if weights is None else np.asarray(weights)
    ways = {"small CNN": (whole, cnn), "frozen body": (train_head, frozen)}
    found, losses, n = {}, {}, 0
    for name, (learn, net) in ways.items():
        more = {"checkpoint": checkpoint, "progress": progress} if net is cnn else {}
        found[name] = learn(net, views, targets, weights=weights, draws=draws, **more, **how,
                            budget_s=budget_s and budget_s * (0.5 if net is cnn else 0.1))
        if found[name].stopped_because == "interrupted":
            return found[name], ""
        losses[name], n = found[name].validation_loss, found[name].n_validation
    if not n:
        images, readable = resident(views)
        rows = np.flatnonzero(readable)
        for name, (learn, net) in ways.items():
            losses[name], n = _unheard(learn, net, images, targets, rows, np.asarray(draws), weights,
                                       budget_s=budget_s and 0.1 * budget_s, **how), len(rows)
    better = "frozen body" if losses["frozen body"] < losses["small CNN"] else "small CNN"
    return found[better], (f"the {better}: mean loss {losses['frozen body']:.2f} of the frozen body and "
                           f"{losses['small CNN']:.2f} of the small CNN on {n} answers that neither had learnt from"
                           if not any(map(math.isnan, losses.values())) else
                           f"the {better}: {n} answers are too few to tell which is better")


def _unheard(learn: Callable[..., Trained], net: nn.Module, images: Any, targets: Tensor, rows: np.ndarray,
             draws: np.ndarray, weights: np.ndarray, **how: Any) -> float:
    """The mean loss of items, each half by a net that learnt from the other; NaN where a half has too few labels."""
    half = np.empty(len(rows), np.int64)
    half[np.lexsort((draws[rows], kinds(targets)[rows].numpy()))] = np.arange(len(rows)) % 2
    losses = []
    for number in range(2):
        learnt, asked = rows[half != number], rows[half == number]
        if len(kinds(targets)[learnt].unique()) < 2:
            return math.nan
        views = images[learnt] if isinstance(images, Tensor) else [images[row] for row in learnt]
        trained = learn(net, views, targets[learnt], weights=weights[learnt], draws=draws[learnt], **how)
        if trained.stopped_because == "interrupted":
            raise KeyboardInterrupt
        losses.append(validate(trained.net, take(images, targets, None, asked))[0])
    return float(np.concatenate(losses).mean())


def is_kmeans_net(net: nn.Module | None) -> bool:
    """Whether a net was made by `kmeans_net`."""
    return isinstance(net, nn.Sequential) and len(net) == 7 and isinstance(net[1], SoftThreshold)


def holds_kmeans_net(path: Path) -> bool:
    """Whether a file of weights is that of a `kmeans_net`; False for one that can't be read."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            return set(file.keys()) == {"0.weight", "5.weight", "5.bias", "6.weight", "6.bias"}
    except (OSError, safetensors.SafetensorError):
        return False


def empty(n_labels: int, *, channels: int) -> nn.Module:
    """A `kmeans_net` that was fitted to nothing, into which stored weights go."""
    return kmeans_net(n_labels, torch.zeros(1, channels, 2 * SIDE, 2 * SIDE))


def patches(views: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Filters: the middles of clusters of whitened patches, each of length one: float32, (n_filters, c, side, side)."""
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
    flat = (flat / np.sqrt(flat.var(axis=1, keepdims=True) + FLAT)).astype(np.float32)
    strength, axes = np.linalg.eigh(np.cov(flat.T))
    whiten = (axes / np.sqrt(np.maximum(strength, 0) + FAINT)) @ axes.T
    white = ((flat - flat.mean(axis=0)) @ whiten).astype(np.float32)
    cluster = KMeans(N_FILTERS, n_init=1, max_iter=20, random_state=int(rng.integers(2**31))).fit_predict(white)
    middles = np.stack([white[cluster == k].mean(axis=0) if (cluster == k).any() else white[k]
                        for k in range(N_FILTERS)])
    middles /= np.linalg.norm(middles, axis=1, keepdims=True) + 1e-9
    filters = middles @ whiten
    filters -= filters.mean(axis=1, keepdims=True)
    return filters.reshape(N_FILTERS, channels, SIDE, SIDE).astype(np.float32)


def small_cnn(n_labels: int, *, channels: int = 1, size: int | tuple[int, int] = 28, seed: int = 0) -> nn.Module:
    """The workbench's own net, for pools that come without one: a few convolutions, for views of 28 to 128 pixels.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    channels : int
        Of the view, 1 or 3.
    size : int or tuple of int
        Of the view; decides how often it is halved: the last maps are about 7 pixels wide.
    seed : int
        Of the first weights; torch's own generator is left as it was.
    """
    side = min(size) if isinstance(size, Sequence) else size
    halvings = max(1, round(math.log2(max(side, 14) / 7)))
    stride = 2 if halvings > 2 else 1  # at full size, a larger view would cost more than it tells
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = _stage(channels, 16, stride=stride)
        width = 16
        for _ in range(halvings - stride + 1):
            layers += [nn.MaxPool2d(2), *_stage(width, min(64, 2 * width))]
            width = min(64, 2 * width)
        return nn.Sequential(*layers, *_stage(width, width), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                             nn.Linear(width, n_labels))


def _stage(channels: int, width: int, *, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
