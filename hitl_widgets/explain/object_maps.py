"""Attributions of one object's score: the parts of an image that it depends on.

`gradcam_of` and `occlusion_of` are the methods; both take any function from views to the object's score.
`score_of_best` computes that score from a model's detections.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil
from typing import Any, TypeAlias

import numpy as np
import torch
from captum.attr import LayerGradientXActivation, Occlusion
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

Score: TypeAlias = Callable[[Tensor], Tensor]

METHODS = ("gradcam", "occlusion")
# In an object and a margin of half its size, windows of half its sides are hidden, moved by half of that; elsewhere
# windows of a sixth of the view's sides, without overlap.
HALVES, SIXTHS = 2, 6
# Smallest window, in pixels of the view.
LEAST_WINDOW = 4
# A detection of the same label with a smaller overlap is taken for another object.
LEAST_OVERLAP = 0.1


def gradcam_of(score: Score, net: nn.Module, view: Tensor, box: Sequence[float], *,
               layer: nn.Module | None = None) -> np.ndarray:
    """Grad-CAM of an object's score: gradient times value at each place, as in HiResCAM.

    The mean gradient of a channel over the whole view, as in the original Grad-CAM, would highlight every object of the
    same kind, not this one.

    Parameters
    ----------
    score : callable
        Maps views (n, C, h, w) to the object's score, shape (n,), with gradients.
    net : nn.Module
        The net that `score` runs.
    view : Tensor, shape (C, h, w)
    box : sequence of 4 floats
        The object's place in the view, in pixels of the view.
    layer : nn.Module, optional
        The layer whose input is read; None finds the last convolution that reads all of the object.

    Returns
    -------
    ndarray of float32, shape (h, w), 0 or more

    Raises
    ------
    ModelError
        When no gradient of the score reaches a convolution.

    References
    ----------
    Selvaraju et al. (2017), doi:10.1109/ICCV.2017.74. Draelos and Carin (2020), arXiv:2011.08891.
    """
    views = view[None].detach().requires_grad_()
    layer = reading_layer(score, net, views, box) if layer is None else layer
    values = LayerGradientXActivation(score, layer).attribute(views, attribute_to_layer_input=True)
    maps = values[0] if isinstance(values, tuple) else values
    maps = maps.detach().float().sum(dim=1, keepdim=True)
    whole = functional.interpolate(maps, view.shape[1:], mode="bilinear", align_corners=False)
    return np.asarray(whole[0, 0].relu().cpu().numpy(), np.float32)


def reading_layer(score: Score, net: nn.Module, views: Tensor, box: Sequence[float]) -> nn.Module:
    """Find the last convolution whose input, as far as the score depends on it, covers the object.

    Convolutions that run several times, such as heads for several scales, and the first one, which reads the view
    itself, are left out. If none covers the object, the one that covers most of it is taken.

    Parameters
    ----------
    score, net, box
        As for `gradcam_of`.
    views : Tensor, shape (1, C, h, w)

    Raises
    ------
    ModelError
        When no gradient of the score reaches a convolution.
    """
    ran: list[tuple[nn.Module, Tensor]] = []
    hooks = [layer.register_forward_pre_hook(lambda layer, inputs: ran.append((layer, inputs[0])))
             for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    try:
        with torch.enable_grad():
            value = score(views)
    finally:
        for hook in hooks:
            hook.remove()
    often = [layer for layer, _ in ran]
    once = [(layer, maps) for layer, maps in ran[1:] if maps.requires_grad and often.count(layer) == 1]
    if not value.requires_grad or not once:
        raise ModelError("no gradient leads from the object's score to a convolution of the model, so that 'gradcam' "
                         "has no maps to read. Take 'occlusion'.")
    gradients = torch.autograd.grad(value.sum(), [maps for _, maps in once], allow_unused=True)
    covered = [0.0 if gradient is None else _covered(gradient, views, box) for gradient in gradients]
    if not max(covered):
        raise ModelError("the object's score has no gradient in any convolution of the model, so that 'gradcam' has no "
                         "maps to read. Take 'occlusion'.")
    enough = min(1.0, max(covered))
    return next(layer for (layer, _), part in zip(reversed(once), reversed(covered), strict=True) if part >= enough)


def _covered(gradient: Tensor, views: Tensor, box: Sequence[float]) -> float:
    """Extent of what a score depends on, as a share of the object's: the smaller of width and height."""
    there = gradient[0].abs().sum(dim=0) > 0
    if not bool(there.any()):
        return 0.0
    height, width = views.shape[2:]
    extents = [float(there.any(dim=1 - axis).sum()) * side / there.shape[axis]
               for axis, side in enumerate((height, width))]
    return min(extents[0] / max(1.0, min(float(box[3] - box[1]), height)),
               extents[1] / max(1.0, min(float(box[2] - box[0]), width)))


def occlusion_of(score: Score, view: Tensor, box: Sequence[float], *, at_once: int = 16) -> np.ndarray:
    """Occlusion: the fall of an object's score when a part of the view gets the view's usual colour.

    Parameters
    ----------
    score : callable
        Maps views (n, C, h, w) to the object's score, shape (n,).
    view : Tensor, shape (C, h, w)
    box : sequence of 4 floats
        The object's place in the view, in pixels of the view. In and around it the windows have half of the object's
        sides; further away, a sixth of the view's.
    at_once : int
        Views in one pass.

    Returns
    -------
    ndarray of float32, shape (h, w)
        Below 0 where hiding raises the score.

    References
    ----------
    Zeiler and Fergus (2014), arXiv:1311.2901.
    """
    height, width = view.shape[1:]
    left, top, right, bottom = _around(box, height, width)
    cut = view[:, top:bottom, left:right]
    colour = view.flatten(1).median(dim=1).values[:, None, None]

    def with_object(views: Tensor) -> Tensor:
        views = views.clone()
        views[:, :, top:bottom, left:right] = cut
        return score(views)

    def in_view(cuts: Tensor) -> Tensor:
        views = view[None].repeat(len(cuts), 1, 1, 1)
        views[:, :, top:bottom, left:right] = cuts
        return score(views)

    far = [ceil(side / SIXTHS) for side in (height, width)]
    near = [min(extent, max(LEAST_WINDOW, ceil((high - low) / HALVES))) for low, high, extent
            in ((box[1], box[3], cut.shape[1]), (box[0], box[2], cut.shape[2]))]
    values = _hidden(with_object, view, colour, far, far, at_once)
    values[top:bottom, left:right] = _hidden(in_view, cut, colour, near, [ceil(side / 2) for side in near], at_once)
    return values


def _hidden(score: Score, view: Tensor, colour: Tensor, window: Sequence[int], step: Sequence[int],
            at_once: int) -> np.ndarray:
    """The fall of a score when a window hides all channels of a view: shape (h, w)."""
    with torch.no_grad():
        values = Occlusion(score).attribute(
            view[None], (len(view), *window), strides=(len(view), *step), perturbations_per_eval=at_once,
            baselines=colour.expand_as(view)[None])
    return np.asarray(values[0, 0].float().cpu().numpy(), np.float32)


def _around(box: Sequence[float], height: int, width: int) -> tuple[int, int, int, int]:
    """The box with a margin of half its size, in whole pixels of the view."""
    x0, y0, x1, y1 = (float(side) for side in box)
    wide, high = max(x1 - x0, LEAST_WINDOW) / 2, max(y1 - y0, LEAST_WINDOW) / 2
    left, top = (int(max(0, min(start, extent - LEAST_WINDOW)))
                 for start, extent in ((x0 - wide, width), (y0 - high, height)))
    return left, top, int(max(left + 1, min(ceil(x1 + wide), width))), int(max(top + 1, min(ceil(y1 + high), height)))


def score_of_best(detections: Mapping[str, Any], box: Sequence[float], labels: Collection[Any]) -> Tensor:
    """The score of the detection that matches an object: the largest score times IoU among those of its labels.

    Parameters
    ----------
    detections : mapping
        boxes (n, 4), labels (n,) and scores (n,) of one view; polygons or points may stand in place of boxes.
    box : sequence of 4 floats
        The object's place.
    labels : collection
        The detections' labels that stand for the object's label.

    Returns
    -------
    Tensor of float, shape ()
        0 if no detection of these labels overlaps the object. Gradients flow only through the score.

    References
    ----------
    Petsiuk et al. (2021), Black-box Explanation of Object Detectors via Saliency Maps, arXiv:2006.03204.
    """
    scores = torch.as_tensor(detections["scores"]).float()
    same = torch.as_tensor(np.asarray([one in labels for one in _listed(detections["labels"])], bool))
    place = torch.tensor([float(side) for side in box])
    overlap = torch.where(same, _overlaps(_boxes(detections, place), place), 0.0)
    if not len(scores) or not bool((overlap >= LEAST_OVERLAP).any()):
        return scores.sum() * 0.0
    overlap = torch.where(overlap >= LEAST_OVERLAP, overlap, 0.0).to(scores.device)
    return (scores * overlap)[(scores.detach() * overlap).argmax()]


def _boxes(detections: Mapping[str, Any], place: Tensor) -> Tensor:
    """Boxes of detections; for a point, a box around it as large as the object's."""
    if "boxes" in detections:
        return torch.as_tensor(detections["boxes"]).detach().float().reshape(-1, 4).cpu()
    if "points" in detections:
        half = (place[2:] - place[:2]) / 2
        points = torch.as_tensor(detections["points"]).detach().float().reshape(-1, 2).cpu()
        return torch.cat([points - half, points + half], dim=1)
    outlines = [torch.as_tensor(np.asarray(one)).float().reshape(-1, 2) for one in detections.get("polygons", ())]
    return torch.stack([torch.cat([one.amin(dim=0), one.amax(dim=0)]) for one in outlines]) if outlines else \
        torch.empty(0, 4)


def _listed(labels: Any) -> list[Any]:
    return list(labels.tolist() if hasattr(labels, "tolist") else labels)


def _overlaps(boxes: Tensor, box: Tensor) -> Tensor:
    """IoU of each of some boxes with one box: shape (n,)."""
    low, high = torch.maximum(boxes[:, :2], box[:2]), torch.minimum(boxes[:, 2:], box[2:])
    both = (high - low).clamp(min=0).prod(dim=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)
    return both / (areas + (box[2:] - box[:2]).prod() - both).clamp(min=1e-9)
