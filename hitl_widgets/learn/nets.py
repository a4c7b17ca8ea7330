"""Nets for small training sets: a small CNN, and k-means features with a trained last layer.

The backbone of a `kmeans_net` consists of filters, which are typical patches of the items, and the principal components
of their outputs. It is fitted to the pool without answers and then frozen. Only the last layer is trained, which needs
few answers. Such a net is trained only on request (``start="frozen"``), since light models are more accurate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from .checkpoint import Checkpoint
from .data import TrainingData
from .patches import PatchFilters, SoftThreshold
from .train import Progress, Trained, TrainingOptions, train
from .weights import shapes_in, unset

N_FEATURES, N_FITTED = 96, 1_500


def kmeans_net(n_labels: int, views: Sequence[Tensor] | Tensor, *, seed: int = 0) -> nn.Module:
    """Make a net of which only the last layer is trained; its backbone is fitted to some views, without labels.

    Grad-CAM uses its convolution, and the embedding is the input of the last layer.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    views : sequence of Tensor, or Tensor of shape (n, C, h, w)
        One or more, without NaN; about 1,000 are enough.
    seed : int
        Seed of the patches and the first weights; torch's own generator isn't used.

    References
    ----------
    Coates, Lee and Ng (2011), An Analysis of Single-Layer Networks in Unsupervised Feature Learning.
    """
    sample = torch.stack(list(views[:N_FITTED])).float()
    channels = sample.shape[1]
    backbone = PatchFilters(channels)
    backbone.fit(sample.numpy(), rng=np.random.default_rng(seed))
    projection = nn.Linear(backbone.n_outputs, N_FEATURES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(N_FEATURES, n_labels)
    with torch.no_grad():
        outputs = torch.cat([backbone(part) for part in sample.split(256)])
        mean = outputs.mean(dim=0)
        _, spread, axes = torch.linalg.svd(outputs - mean, full_matrices=False)
        n = min(N_FEATURES, int((spread > 1e-4 * spread[0].clamp_min(1e-6)).sum()))
        # Scaled so that the variances of the components add up to n.
        scale = (n * max(1, len(sample) - 1) / float(spread[:n].square().sum().clamp_min(1e-12))) ** 0.5 if n else 0.0
        projection.weight.zero_()
        projection.weight[:n] = scale * axes[:n]
        projection.bias.copy_(-projection.weight @ mean)
    net = nn.Sequential(*backbone, projection, head)
    for layer in (net[0], projection):
        layer.requires_grad_(requires_grad=False)
    return net


class BackboneFeatures(Sequence[Tensor]):
    """A backbone's outputs for some views, each computed when it is asked for.

    Parameters
    ----------
    backbone : nn.Sequential
        All but the last layer of a net.
    views : sequence of Tensor, or Tensor of shape (n, C, h, w)
        Its inputs.
    """

    def __init__(self, backbone: nn.Sequential, views: Sequence[Tensor] | Tensor) -> None:
        self._backbone, self._views = backbone, views

    def __len__(self) -> int:
        return len(self._views)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return BackboneFeatures(self._backbone, self._views[index])
        with torch.no_grad():
            features: Tensor = self._backbone(self._views[index].unsqueeze(0))
            return features[0]


def train_head(net: nn.Module, data: TrainingData, options: TrainingOptions | None = None, *,
               checkpoint: Checkpoint | None = None, progress: Progress | None = None,
               device: str = "auto") -> Trained:
    """Train the last layer of a `kmeans_net`; views aren't augmented, since its backbone reads each view only once.

    Parameters
    ----------
    net : nn.Module
        The net; it isn't changed.
    data, options, checkpoint, progress, device
        See `train`.
    """
    backbone, head = net[:-1], net[-1]  # type: ignore[index]
    options = replace(options or TrainingOptions(), augment=None, backbone_lr_scale=1.0, head=None)
    trained = train(head, replace(data, images=BackboneFeatures(backbone.eval(), data.images)), options,
                    checkpoint=checkpoint, progress=progress, device=device)
    return replace(trained, net=nn.Sequential(*backbone, trained.net).eval())


def is_kmeans_net(net: nn.Module | None) -> bool:
    """Whether a net was made by `kmeans_net`.

    Parameters
    ----------
    net : nn.Module, optional
        Any net.
    """
    return isinstance(net, nn.Sequential) and len(net) == 7 and isinstance(net[1], SoftThreshold)


def holds_kmeans_net(path: Path) -> bool:
    """Whether a file of weights is that of a `kmeans_net`; False for one that can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    """
    try:
        return set(shapes_in(path)) == {"0.weight", "5.weight", "5.bias", "6.weight", "6.bias"}
    except (OSError, safetensors.SafetensorError):
        return False


def unfitted_kmeans_net(n_labels: int, *, channels: int) -> nn.Module:
    """An unfitted `kmeans_net`, to load stored weights into.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    channels : int
        Channels of the views.
    """
    backbone = PatchFilters(channels)
    projection = unset(nn.Linear, backbone.n_outputs, N_FEATURES)
    projection.requires_grad_(requires_grad=False)
    return nn.Sequential(*backbone, projection, unset(nn.Linear, N_FEATURES, n_labels))


def small_cnn(n_labels: int, *, channels: int = 1, size: int | tuple[int, int] = 28, seed: int = 0) -> nn.Module:
    """The workbench's own net, for pools that come without one: a few convolutions, for views of 28 to 128 pixels.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    channels : int
        Channels of the views, 1 or 3.
    size : int or tuple of int
        Size of the views; decides how often they are halved: the last maps are about 7 pixels wide.
    seed : int
        Seed of the first weights; torch's own generator is left as it was.
    """
    side = min(size) if isinstance(size, Sequence) else size
    halvings = max(1, round(math.log2(max(side, 14) / 7)))
    stride = 2 if halvings > 2 else 1  # at full resolution, a larger view would cost more than it gains
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
