"""The workbench's own net for objects: a map of centres at a quarter of the view, and distances to the four sides.

For each cell of the map, `ObjectNet` computes a logit for each label, and the distances from the cell's centre to the
left, upper, right and lower side of its object; `decoded` turns both into boxes. Coordinates are pixels of the view,
which is the image resized for the net.

References
----------
Zhou, Wang, Krähenbühl (2019), Objects as Points. Liu et al. (2020), Training-Time-Friendly Network for Real-Time Object
Detection, AAAI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# Pixels of the view to a cell of the map; sides of a view are multiples of COARSEST.
STRIDE, COARSEST = 4, 32
# Vertices of a label's usual outline.
N_VERTICES = 16
# Channels of the heads for centres, and for distances to sides.
HEADS = 32, 16
# Score of each label in every cell before training: few cells are centres.
FIRST_SCORE = 0.01
# Non-maximum suppression: IoU above which the worse box is dropped, of two with the same label and of any two.
SAME_OBJECT, SAME_OF_ANY_LABEL = 0.55, 0.9
MOST_OBJECTS, LEAST_SCORE = 100, 0.01
# Largest exponent of a distance: some 55 times the typical one.
LARGEST_EXPONENT = 4.0


class Found(NamedTuple):
    """The objects of one image, the best first.

    Attributes
    ----------
    boxes : ndarray of float32, shape (n, 4)
        x0, y0, x1, y1.
    labels : ndarray of int64, shape (n,)
        Index of each object's label.
    scores : ndarray of float32, shape (n,)
        From 0 to 1.
    """

    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


class ObjectNet(nn.Module):
    """A small net for objects, with some 200,000 weights.

    Parameters
    ----------
    n_labels : int
        Number of labels.
    side : int
        Longest side of a view, in pixels. Images are resized to it.
    typical : float
        Distance from an object's centre to a side, in pixels of the view, that the untrained net predicts.
    mean, std : sequence of 3 floats
        Mean and standard deviation of the images' colours, which are from 0 to 1.
    flips : sequence of 2 bools
        Whether images may be mirrored, and turned upside down, without a change of meaning. If so, the flipped views
        are searched for objects too.
    """

    side: Tensor
    typical: Tensor
    mean: Tensor
    std: Tensor
    flips: Tensor
    outlines: Tensor

    def __init__(self, n_labels: int, *, side: int = 320, typical: float = 24.0,
                 mean: Sequence[float] = (0.5, 0.5, 0.5), std: Sequence[float] = (0.25, 0.25, 0.25),
                 flips: Sequence[bool] = (True, False)) -> None:
        super().__init__()
        for name, value in (("side", torch.tensor(side)), ("typical", torch.tensor(float(typical))),
                            ("mean", torch.tensor(list(mean)).float()), ("std", torch.tensor(list(std)).float()),
                            ("flips", torch.tensor(list(flips)))):
            self.register_buffer(name, value)
        # The usual outline of each label in its box, from 0 to 1: an ellipse, until polygons are learnt.
        self.register_buffer("outlines", torch.from_numpy(ellipse()).float().repeat(n_labels, 1, 1))
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 8, stride=STRIDE, padding=2, bias=False), nn.BatchNorm2d(32),
                                  nn.ReLU(inplace=True))
        self.at4 = _Residual(32)
        self.at8 = nn.Sequential(_conv(32, 48, stride=2), _Residual(48))
        self.at16 = nn.Sequential(_conv(48, 64, stride=2), _Separable(64), _Separable(64))
        self.at32 = nn.Sequential(_conv(64, 64, stride=2), _Separable(64), _Separable(64))
        self.from32, self.from16 = nn.Conv2d(64, 48, 1), nn.Conv2d(64, 48, 1)
        self.join16, self.from8, self.join8 = _Separable(48), nn.Conv2d(48, 48, 1), _conv(48, 32)
        self.join4 = _conv(32, 32)
        self.heads = _conv(32, sum(HEADS))
        self.centres, self.sides = nn.Conv2d(HEADS[0], n_labels, 1), nn.Conv2d(HEADS[1], 4, 1)
        nn.init.normal_(self.centres.weight, std=0.01)
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.centres.bias, float(np.log(FIRST_SCORE / (1 - FIRST_SCORE))))  # type: ignore[arg-type]
        nn.init.zeros_(self.sides.bias)  # type: ignore[arg-type]

    @property
    def n_labels(self) -> int:
        """Number of labels."""
        return self.centres.out_channels

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of centres and distances to the sides.

        Parameters
        ----------
        views : Tensor, shape (n, 3, height, width), from 0 to 1
            Sides are multiples of 32.

        Returns
        -------
        centres : Tensor, shape (n, n_labels, height / 4, width / 4)
            Logits.
        sides : Tensor, shape (n, 4, height / 4, width / 4)
            Distances from a cell's centre to the left, upper, right and lower side, in pixels of the view.
        """
        features = self.features(views)
        of_centres, of_sides = self.heads(features).split(HEADS, dim=1)
        exponents = self.sides(of_sides).clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
        return self.centres(of_centres), self.typical * exponents.exp()

    def features(self, views: Tensor) -> Tensor:
        """The input of the heads: shape (n, 32, height / 4, width / 4)."""
        views = (views - self.mean[:, None, None]) / self.std[:, None, None]
        at4 = self.at4(self.stem(views))
        at8 = self.at8(at4)
        at16 = self.at16(at8)
        up16 = self.join16(self.from16(at16) + _double(self.from32(self.at32(at16))))
        up8 = self.join8(self.from8(at8) + _double(up16))
        return self.join4(at4 + _double(up8))


def ellipse() -> np.ndarray:
    """The vertices of an ellipse in a box from 0 to 1: shape (N_VERTICES, 2)."""
    angles = 2 * np.pi * np.arange(N_VERTICES) / N_VERTICES
    points: np.ndarray = 0.5 + 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return points


class _Residual(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(n, n), nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu_(self.body(x) + x)


class _Separable(nn.Module):
    """A depthwise separable convolution with a residual connection."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(n, n, 5, padding=2, groups=n, bias=False), nn.BatchNorm2d(n),
                                  nn.ReLU(inplace=True), nn.Conv2d(n, n, 1, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu_(self.body(x) + x)


def _conv(n_in: int, n_out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(n_out),
                         nn.ReLU(inplace=True))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def decoded(centres: Tensor, sides: Tensor, *, n: int = MOST_OBJECTS, least: float = LEAST_SCORE) -> list[Found]:
    """Decode maps of centres and sides into objects: local maxima, after non-maximum suppression.

    Parameters
    ----------
    centres : Tensor, shape (n_images, n_labels, h, w)
        Probabilities.
    sides : Tensor, shape (n_images, 4, h, w)
        Distances in pixels of the view.
    n : int
        Maximum number of objects per image.
    least : float
        Minimum score.
    """
    peaks = centres * (functional.max_pool2d(centres, 3, stride=1, padding=1) == centres)
    found = []
    for of_image, distances in zip(peaks, sides, strict=True):
        scores, places = of_image.flatten().topk(min(4 * n, of_image.numel()))
        places, scores = places[scores >= least], scores[scores >= least]
        width, area = of_image.shape[2], of_image.shape[1] * of_image.shape[2]
        labels, cells = places // area, places % area
        x, y = (cells % width + 0.5) * STRIDE, (cells // width + 0.5) * STRIDE
        left, top, right, bottom = distances.flatten(1)[:, cells]
        boxes = torch.stack([x - left, y - top, x + right, y + bottom], dim=1)
        found.append(distinct(Found(boxes.numpy(), labels.numpy(), scores.numpy()), n=n))
    return found


def distinct(found: Found, *, n: int = MOST_OBJECTS, same: float = SAME_OBJECT) -> Found:
    """Non-maximum suppression: the best objects first, without those that overlap a better one too much.

    Too much is an IoU above `same` with an object of the same label, or above 0.9 with any object.
    """
    order = np.argsort(-found.scores, kind="stable")
    boxes, labels, scores = found.boxes[order], found.labels[order], found.scores[order]
    overlap = _overlaps(boxes)
    repeats = overlap > np.where(labels[:, None] == labels[None], same, SAME_OF_ANY_LABEL)
    kept = np.ones(len(boxes), bool)
    for row in range(len(boxes)):
        if kept[row]:
            kept[row + 1:] &= ~repeats[row, row + 1:]
    some = np.flatnonzero(kept)[:n]
    return Found(boxes[some], labels[some], scores[some])


def _overlaps(boxes: np.ndarray) -> np.ndarray:
    """IoU of each pair of boxes: shape (n, n)."""
    low, high = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(axis=2)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    overlaps: np.ndarray = both / np.maximum(areas[:, None] + areas[None] - both, 1e-9)
    return overlaps
