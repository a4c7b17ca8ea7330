"""Training targets of an `ObjectNet` for annotated views, and the loss.

`targets_of` draws a Gaussian at the centre of each box and selects the cells that predict its sides; `object_loss` is
focal loss on centres and GIoU loss on sides. Objects have weights, and ignored regions count neither as background nor
as object.

References
----------
Lin et al. (2017), Focal Loss for Dense Object Detection. Law, Deng (2018), CornerNet: Detecting Objects as Paired
Keypoints. Rezatofighi et al. (2019), Generalized Intersection over Union. Liu et al. (2020), Training-Time-Friendly
Network for Real-Time Object Detection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .object_net import STRIDE

# Standard deviation of the Gaussian as part of a box's side, and its least value in cells.
SPREAD, LEAST_SPREAD = 0.09, 0.6
# Cells in which the Gaussian is at least this high predict the sides.
INSIDE = 0.3
# Exponents by which the focal loss is reduced: for confident predictions, and for cells near a centre.
SURE, NEAR = 2.0, 4.0
# Weight of the loss on sides, where that on centres is 1.
OF_SIDES = 2.0


class Annotated(NamedTuple):
    """A view with its objects, in pixels of the view.

    Attributes
    ----------
    view : Tensor of float32, shape (3, height, width), from 0 to 1
    boxes : ndarray of float32, shape (n, 4)
    labels : ndarray of int64, shape (n,)
    weights : ndarray of float32, shape (n,)
        How much each object counts.
    ignored : ndarray of float32, shape (m, 4)
        Boxes in which nothing counts as background.
    weight : float
        How much the whole view counts.
    unknown : tuple of int
        Labels of which nothing is known in this view.
    """

    view: Tensor
    boxes: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    ignored: np.ndarray
    weight: float = 1.0
    unknown: tuple[int, ...] = ()


class Targets(NamedTuple):
    """Targets of the net for a batch of views.

    Attributes
    ----------
    centres : Tensor, shape (n_views, n_labels, h, w)
        1 at the centre of an object, falling to 0.
    counts : Tensor, shape (n_views, n_labels, h, w)
        Weight of each cell; 0 where it is ignored.
    boxes : Tensor, shape (n_cells, 4)
        The object's box for each cell that predicts sides.
    cells : tuple of 3 Tensors of int64, shape (n_cells,)
        View, row and column of each of these cells.
    shares : Tensor, shape (n_cells,)
        Weight of each of these cells; those of an object sum to its weight.
    """

    centres: Tensor
    counts: Tensor
    boxes: Tensor
    cells: tuple[Tensor, Tensor, Tensor]
    shares: Tensor


def targets_of(views: Sequence[Annotated], n_labels: int) -> Targets:
    """The targets of the net for a batch of views of the same size."""
    height, width = (side // STRIDE for side in views[0].view.shape[1:])
    centres = torch.zeros(len(views), n_labels, height, width)
    counts = torch.ones(len(views), n_labels, height, width)
    boxes, cells, shares = [], [], []
    for number, one in enumerate(views):
        counts[number] *= one.weight
        _ignore(counts[number], one.ignored)
        counts[number, list(one.unknown)] = 0
        if not len(one.boxes):
            continue
        hills = _hills(one.boxes, height, width)
        for row in np.argsort(one.weights, kind="stable"):  # the heavier object last: its weight holds in shared cells
            label, weight = int(one.labels[row]), float(one.weights[row]) * one.weight
            centres[number, label] = torch.maximum(centres[number, label], hills[row])
            peak = hills[row] == 1
            counts[number, label][peak] = weight
            if weight == 0:
                _ignore(counts[number], one.boxes[row:row + 1])
        some = _cells_of(hills)
        owner = some.argmax(dim=0)  # the smaller object, where two could have the cell
        best = some.amax(dim=0)
        rows, columns = torch.nonzero(best > 0, as_tuple=True)
        owners = owner[rows, columns]
        heights = best[rows, columns] / torch.zeros(len(one.boxes)).index_add_(0, owners, best[rows, columns])[owners]
        boxes.append(torch.from_numpy(one.boxes)[owners])
        cells.append(torch.stack([torch.full_like(rows, number), rows, columns]))
        shares.append(heights * torch.from_numpy(one.weights)[owners] * one.weight)
    if not boxes:
        return Targets(centres, counts, torch.zeros(0, 4), (*torch.zeros(3, 0, dtype=torch.int64),), torch.zeros(0))
    return Targets(centres, counts, torch.cat(boxes), (*torch.cat(cells, dim=1),), torch.cat(shares))


def _hills(boxes: np.ndarray, height: int, width: int) -> Tensor:
    """A Gaussian for each box, 1 in the cell of its centre: shape (n, height, width)."""
    at = torch.from_numpy(boxes).float() / STRIDE
    places = [torch.arange(n, dtype=torch.float32) for n in (width, height)]
    sides = []
    for axis, (n, place) in enumerate(zip((width, height), places, strict=True)):
        centre = ((at[:, axis] + at[:, axis + 2]) / 2).floor().clamp(0, n - 1)
        spread = (SPREAD * (at[:, axis + 2] - at[:, axis])).clamp(min=LEAST_SPREAD)
        sides.append(torch.exp(-((place - centre[:, None]) / spread[:, None]) ** 2 / 2))
    return sides[1][:, :, None] * sides[0][:, None, :]


def _cells_of(hills: Tensor) -> Tensor:
    """Heights of the Gaussians in the cells that predict sides; a cell belongs to the smallest one that covers it."""
    some = torch.where(hills >= INSIDE, hills, 0.0)
    sizes = (some > 0).sum(dim=(1, 2))
    smallest = torch.where(some > 0, sizes[:, None, None].float(), torch.inf)
    return torch.where((some > 0) & (smallest == smallest.amin(dim=0)), some, 0.0)


def _ignore(counts: Tensor, boxes: np.ndarray) -> None:
    for x0, y0, x1, y1 in np.round(np.asarray(boxes) / STRIDE).astype(int).clip(0).tolist():
        counts[:, y0:max(y1, y0 + 1), x0:max(x1, x0 + 1)] = 0


def object_loss(centres: Tensor, sides: Tensor, targets: Targets, *, of_sides: float = OF_SIDES) -> Tensor:
    """Focal loss on centres and GIoU loss on sides, divided by the objects' total weight (or 1, if that is less).

    Parameters
    ----------
    centres : Tensor, shape (n_views, n_labels, h, w)
        Logits.
    sides : Tensor, shape (n_views, 4, h, w)
        Distances in pixels of the view.
    targets : Targets
    of_sides : float
        Weight of the loss on sides, where that on centres is 1; 0 for points.
    """
    is_centre = targets.centres == 1
    probs = centres.sigmoid()
    at_centres = -functional.logsigmoid(centres) * (1 - probs) ** SURE
    elsewhere = -functional.logsigmoid(-centres) * probs ** SURE * (1 - targets.centres) ** NEAR
    loss = (torch.where(is_centre, at_centres, elsewhere) * targets.counts).sum()
    n_objects = (targets.counts * is_centre).sum().clamp(min=1.0)
    if of_sides and len(targets.boxes):
        overlap = _giou(boxes_of(sides, targets.cells), targets.boxes)
        loss = loss + of_sides * ((1 - overlap) * targets.shares).sum()
    return loss / n_objects


def boxes_of(sides: Tensor, cells: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The boxes that cells predict: shape (n_cells, 4)."""
    number, rows, columns = cells
    left, top, right, bottom = sides[number, :, rows, columns].unbind(dim=1)
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=1)


def _giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU, row by row."""
    both = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    around = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    joined = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - both
    return both / joined.clamp(min=1e-6) - (around - joined) / around.clamp(min=1e-6)
