"""Reliance of detectors: how much the score of an object depends on a region that people marked as wrong.

`measure_object_reliance` repaints the region and measures how far the score moves, as `reliance.measure_reliance` does
for classifiers. `Measured.of` draws the objects to measure on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..objects.overlap import iou
from .object_learning import SAME_OBJECT, CorrectedImage, boxes_of
from .object_net import STRIDE
from .object_predictors import Detector, OwnDetector, checked, predicted
from .object_rationales import MarkedObject
from .object_views import padded, resized
from .predict import private_copy
from .rationales import mask_on_view, repaint
from .reliance import N_REPAINTINGS, Reliance, mean_share

# Most marked, and most other, objects that are measured: each is searched for five times in its whole image.
MAX_OBJECTS = 16

LabelsOf = Callable[[int], Collection[int | str]]


@dataclass(frozen=True)
class Measured:
    """The objects that reliance is measured on, the same for both models.

    Attributes
    ----------
    marked : list of MarkedObject
        Objects with the region that was marked as wrong.
    others : list of MarkedObject
        Objects of unmarked images, with the regions of the marked ones at the same offset from the centre.
    """

    marked: list[MarkedObject]
    others: list[MarkedObject]

    @classmethod
    def of(cls, marked: Sequence[MarkedObject], images: Sequence[CorrectedImage], kind: str, *, labels: Collection[int],
           seed: int) -> Measured:
        """Draw up to 16 of the objects with wrong regions, and up to 16 objects of other images.

        Parameters
        ----------
        marked : sequence of MarkedObject
        images : sequence of CorrectedImage
            Images that nobody marked.
        kind : "box", "polygon" or "point"
        labels : collection of int
            Numbers of the labels that both models have; objects of others are left out.
        seed : int
            Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        wrong = [one for one in marked if one.wrong is not None and one.label in labels]
        some = [wrong[row] for row in rng.permutation(len(wrong))[:MAX_OBJECTS]]
        places = [(image, row) for image in images for row, label in enumerate(image.labels) if label in labels]
        drawn = [places[row] for row in rng.permutation(len(places))[:MAX_OBJECTS]] if some else []
        others = [_with_region_of(some[turn % len(some)], image, row, kind) for turn, (image, row) in enumerate(drawn)]
        return cls(some, [one for one in others if one.wrong is not None and one.wrong.any()])


def measure_object_reliance(detector: Detector, objects: Measured, kind: str, labels_of: LabelsOf, *, seed: int = 0
                            ) -> Reliance:
    r"""Measure how the scores of objects move when regions of their images are repainted, four times each.

    For an object with the score s, and s_r after the r-th of R repaintings:

    .. math:: \frac{1}{R} \sum_r |s - s_r|

    The score of an object is the score of the best detection in the same place (an IoU of 0.5 or more) with one of the
    object's labels; 0 if there is none.

    Parameters
    ----------
    detector : Detector
    objects : Measured
    kind : "box", "polygon" or "point"
    labels_of : callable
        From a label's number to the detector's names for it; objects of a label that it lacks are left out.
    seed : int
        Seed of the paint over the regions, so that two models see the same.

    Returns
    -------
    Reliance
        `share` is of the gradient of the object's score, and NaN for a model that isn't the workbench's own net.
    """
    donors = _Donors([one.image for one in (objects.others or objects.marked)])
    # Each object's paint is seeded by its number, so that it doesn't depend on which other objects a model knows.
    moves = [np.array([_move(detector, one, kind, called, donors, np.random.default_rng((seed, sort, number)))
                       for number, one in enumerate(some) if (called := labels_of(one.label))])
             for sort, some in enumerate((objects.marked, objects.others))]
    net = private_copy(detector.net) if isinstance(detector, OwnDetector) else None
    shares = [] if net is None else [_slope_share(net, one, kind, called) for one in objects.marked
                                     if (called := labels_of(one.label))]
    areas = [float(one.wrong.mean()) for one in objects.marked if one.wrong is not None]
    return Reliance(marked=mean_share(moves[0]), unmarked=mean_share(moves[1]),
                    share=mean_share(np.array(shares)), area=float(np.mean(areas)) if areas else math.nan)


def _with_region_of(marked: MarkedObject, image: CorrectedImage, row: int, kind: str) -> MarkedObject:
    """An object with the region of another one, at the same offset from its centre."""
    at, pixels = tuple(image.shapes[row]), image.image
    from_box, to_box = (boxes_of([one], kind, (of.shape[1], of.shape[0]))[0] for one, of in
                        ((marked.at, marked.image), (at, pixels)))
    right, down = ((to_box[:2] + to_box[2:] - from_box[:2] - from_box[2:]) / 2).round().astype(int).tolist()
    height, width = pixels.shape[:2]
    region = np.zeros((height, width), bool)
    assert marked.wrong is not None
    y0, y1 = max(0, down), min(height, len(marked.wrong) + down)
    x0, x1 = max(0, right), min(width, marked.wrong.shape[1] + right)
    if y0 < y1 and x0 < x1:
        region[y0:y1, x0:x1] = marked.wrong[y0 - down:y1 - down, x0 - right:x1 - right]
    return MarkedObject(pixels, at, image.labels[row], region, None)


class _Donors:
    """Images that patches are taken from, and the range of each of their colours."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self._images = images
        ends = [[getattr(image, name)(axis=(0, 1)) for image in images] for name in ("min", "max")]
        low, high = (torch.from_numpy(np.stack([np.broadcast_to(one, 3) for one in each])).float() / 255
                     for each in ends)
        self.value_range = low.amin(dim=0).view(1, 3, 1, 1), high.amax(dim=0).view(1, 3, 1, 1)

    def patch(self, part: tuple[slice, slice], size: tuple[int, int], rng: np.random.Generator) -> Tensor:
        """A part of a random one of the images, after this is stretched to a size."""
        image = self._images[int(rng.integers(len(self._images)))]
        rows, columns = (np.arange(new)[of] * old // new for of, new, old in
                         zip(part, size, image.shape[:2], strict=True))
        return _as_view(image[rows][:, columns])


def _move(detector: Detector, one: MarkedObject, kind: str, labels: Collection[int | str], donors: _Donors,
          rng: np.random.Generator) -> float:
    """The mean change of an object's score when its region is repainted."""
    assert one.wrong is not None
    height, width = one.wrong.shape
    box = boxes_of([one.at], kind, (width, height))

    def score(image: np.ndarray) -> float:
        [output] = predicted(detector, [image])
        return _score(output, box, kind, (width, height), labels)
    before = score(one.image)
    # Images may be large: they are repainted one at a time, and only around the region.
    part = (_extent(one.wrong, axis=1), _extent(one.wrong, axis=0))
    view, region = _as_view(one.image[part])[None], torch.from_numpy(one.wrong[part])[None]
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    moves = []
    for _ in range(N_REPAINTINGS):
        patch = donors.patch(part, (height, width), rng)[None]
        painted = repaint(view, region, generator, others=patch, value_range=donors.value_range)
        moves.append(abs(score(_with_part(one.image, part, painted[0])) - before))
    return float(np.mean(moves))


def _extent(region: np.ndarray, *, axis: int) -> slice:
    """The slice from the first to the last row (axis 1) or column (axis 0) of a region."""
    places = np.flatnonzero(region.any(axis=axis))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _with_part(image: np.ndarray, part: tuple[slice, slice], view: Tensor) -> np.ndarray:
    """An image in colours, with a part of it replaced."""
    painted = np.array(image if image.ndim == 3 else np.broadcast_to(image[..., None], (*image.shape, 3)))
    painted[part] = (255 * view).round().byte().permute(1, 2, 0).numpy()
    return painted


def _score(output: Any, box: np.ndarray, kind: str, size: tuple[int, int], labels: Collection[int | str]) -> float:
    """The score of an object in a detector's output for its image; 0 where it isn't found."""
    found = [one for one in checked(output, kind, size)[0] if one.label in labels]
    overlaps = iou(boxes_of([one.at for one in found], kind, size), box)
    return max((one.score for one, overlap in zip(found, overlaps, strict=True) if overlap[0] >= SAME_OBJECT),
               default=0.0)


def _slope_share(net: Any, one: MarkedObject, kind: str, labels: Collection[int | str]) -> float:
    """The share of the gradient of an object's score that lies in its region; NaN where the gradient is 0."""
    assert one.wrong is not None
    view, (across, down) = resized(one.image, int(net.side))
    x0, y0, x1, y1 = boxes_of([one.at], kind, (one.image.shape[1], one.image.shape[0]))[0]
    with torch.enable_grad():
        whole = padded([view], net.mean).requires_grad_()
        scores = net(whole)[0]
        row, column = (min(max(int(middle / STRIDE), 0), end - 1) for middle, end in
                       zip(((y0 + y1) / 2 * down, (x0 + x1) / 2 * across), scores.shape[2:], strict=True))
        numbers = [label for label in labels if isinstance(label, int)]
        [slope] = torch.autograd.grad(scores[0, numbers, row, column].amax(), whole)
    height, width = view.shape[1:]
    saliency = slope.abs().sum(dim=1)[0, :height, :width]
    extent = (0.0, 0.0, float(one.image.shape[1]), float(one.image.shape[0]))
    region = torch.from_numpy(mask_on_view(one.wrong, extent, (height, width)))
    return float((saliency * region).sum() / saliency.sum())


def _as_view(image: np.ndarray) -> Tensor:
    colour = image if image.ndim == 3 else np.broadcast_to(image[..., None], (*image.shape, 3))
    return torch.from_numpy(np.ascontiguousarray(colour)).permute(2, 0, 1).float() / 255
