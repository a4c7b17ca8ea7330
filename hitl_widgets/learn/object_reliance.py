"""Reliance of detectors: how much the score of an object depends on a region that people marked as wrong.

`measure_object_reliance` repaints the region and looks how far the score moves, as `reliance.measure_reliance` does for
nets that classify. `Measured.of` collects the objects to measure on.
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

# Objects of each sort that are measured, at most: each is looked for five times in its whole image.
MAX_OBJECTS = 16

LabelsOf = Callable[[int], Collection[int | str]]


@dataclass(frozen=True)
class Measured:
    """The objects that reliance is measured on, the same for both models.

    Attributes
    ----------
    marked : list of MarkedObject
        With the region that was marked as wrong.
    others : list of MarkedObject
        Objects of images that nobody marked, with the regions of the marked ones, as far from their middles.
    """

    marked: list[MarkedObject]
    others: list[MarkedObject]

    @classmethod
    def of(cls, marked: Sequence[MarkedObject], images: Sequence[CorrectedImage], kind: str, *, seed: int) -> Measured:
        """Some of the objects with wrong regions, and as many of other images.

        Parameters
        ----------
        marked : sequence of MarkedObject
        images : sequence of CorrectedImage
            Those that nobody marked.
        kind : "box", "polygon" or "point"
        seed : int
            Of the draw, where there are more than 16.
        """
        rng = np.random.default_rng(seed)
        wrong = [one for one in marked if one.wrong is not None]
        some = [wrong[row] for row in rng.permutation(len(wrong))[:MAX_OBJECTS]]
        places = [(image, row) for image in images for row in range(len(image.shapes))]
        drawn = [places[row] for row in rng.permutation(len(places))[:MAX_OBJECTS]] if some else []
        others = [_with_region_of(some[turn % len(some)], image, row, kind) for turn, (image, row) in enumerate(drawn)]
        return cls(some, [one for one in others if one.wrong is not None and one.wrong.any()])


def measure_object_reliance(detector: Detector, objects: Measured, kind: str, labels_of: LabelsOf, *, seed: int = 0
                            ) -> Reliance:
    r"""Measure how the scores of objects move when regions of their images are repainted, four times each.

    For an object with the score s, and s_r after the r-th of R repaintings:

    .. math:: \frac{1}{R} \sum_r |s - s_r|

    The score is that of the best detection with a label of the object that covers the same place (an IoU of 0.5), 0
    where there is none.

    Parameters
    ----------
    detector : Detector
    objects : Measured
    kind : "box", "polygon" or "point"
    labels_of : callable
        What the detector calls the label with a number; objects of a label that it hasn't are left out.
    seed : int
        Of the paint, so that two models see the same.

    Returns
    -------
    Reliance
        `share` is of the slope of the object's score, and NaN for a model that isn't the workbench's own net.
    """
    generator = torch.Generator().manual_seed(seed)
    marked, others = ([one for one in some if labels_of(one.label)] for some in (objects.marked, objects.others))
    donors = [one.image for one in (others or marked)]
    moves = [[_move(detector, one, kind, labels_of(one.label), donors, generator) for one in some]
             for some in (marked, others)]
    net = private_copy(detector.net) if isinstance(detector, OwnDetector) else None
    shares = [] if net is None else [_slope_share(net, one, kind, labels_of(one.label)) for one in marked]
    areas = [float(one.wrong.mean()) for one in objects.marked if one.wrong is not None]
    return Reliance(marked=mean_share(np.array(moves[0])), unmarked=mean_share(np.array(moves[1])),
                    share=mean_share(np.array(shares)), area=float(np.mean(areas)) if areas else math.nan)


def _with_region_of(marked: MarkedObject, image: CorrectedImage, row: int, kind: str) -> MarkedObject:
    """An object with the region of another one, as far from its middle."""
    at, pixels = tuple(image.shapes[row]), image.image
    from_box, to_box = (boxes_of([one], kind, (of.shape[1], of.shape[0]))[0] for one, of in
                        ((marked.at, marked.image), (at, pixels)))
    right, down = ((to_box[:2] + to_box[2:] - from_box[:2] - from_box[2:]) / 2).round().astype(int).tolist()
    height, width = pixels.shape[:2]
    region = np.zeros((height, width), bool)
    assert marked.wrong is not None
    ys, xs = np.nonzero(marked.wrong)
    ys, xs = ys + down, xs + right
    inside = (ys >= 0) & (xs >= 0) & (ys < height) & (xs < width)
    region[ys[inside], xs[inside]] = True
    return MarkedObject(pixels, at, image.labels[row], region, None)


def _move(detector: Detector, one: MarkedObject, kind: str, labels: Collection[int | str],
          donors: Sequence[np.ndarray], generator: torch.Generator) -> float:
    """How far the score of an object moves, on average."""
    assert one.wrong is not None
    height, width = one.wrong.shape
    view, region = _as_view(one.image).unsqueeze(0), torch.from_numpy(one.wrong).unsqueeze(0)
    # Patches come from other images, which may have another size.
    drawn = [donors[place] for place in torch.randint(len(donors), (N_REPAINTINGS,), generator=generator).tolist()]
    patches = torch.stack([_as_view(_stretched(image, height, width)) for image in drawn])
    painted = repaint(view.expand(N_REPAINTINGS, -1, -1, -1), region.expand(N_REPAINTINGS, -1, -1), generator,
                      others=patches)
    images = [_as_image(each) for each in torch.cat([view, painted])]
    box = boxes_of([one.at], kind, (width, height))
    before, *after = [_score(output, box, kind, (width, height), labels) for output in predicted(detector, images)]
    return float(np.mean(np.abs(np.array(after) - before)))


def _score(output: Any, box: np.ndarray, kind: str, size: tuple[int, int], labels: Collection[int | str]) -> float:
    """The score of an object by what a detector gave for its image; 0 where it isn't found."""
    found = [one for one in checked(output, kind, size)[0] if one.label in labels]
    overlaps = iou(boxes_of([one.at for one in found], kind, size), box)
    return max((one.score for one, overlap in zip(found, overlaps, strict=True) if overlap[0] >= SAME_OBJECT),
               default=0.0)


def _slope_share(net: Any, one: MarkedObject, kind: str, labels: Collection[int | str]) -> float:
    """The share of the slope of an object's score that lies in its region; NaN where there is no slope."""
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


def _stretched(image: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = (np.arange(new) * old // new for new, old in ((height, len(image)), (width, image.shape[1])))
    stretched: np.ndarray = image[rows][:, columns]
    return stretched


def _as_view(image: np.ndarray) -> Tensor:
    colour = image if image.ndim == 3 else np.broadcast_to(image[..., None], (*image.shape, 3))
    return torch.from_numpy(np.ascontiguousarray(colour)).permute(2, 0, 1).float() / 255


def _as_image(view: Tensor) -> np.ndarray:
    image: np.ndarray = (255 * view).round().byte().permute(1, 2, 0).numpy()
    return image
