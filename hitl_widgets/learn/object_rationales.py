"""A training loss from the regions that people marked for single objects.

The score of an object shouldn't depend on regions marked as wrong, and should depend on regions marked as missing.
`marked_objects` collects the marked regions. `ObjectRationaleLoss` is added to the loss in each training step of an
`ObjectNet`, as `rationales.RationaleLoss` is for classifiers. For spans see `span_rationales`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ItemError
from ..project.project import Project
from .feedback import may_teach
from .object_net import COARSEST, STRIDE, ObjectNet
from .object_views import padded, resized
from .rationales import (
    WEIGHTS,
    RationaleMethod,
    evaluation_mode,
    gradient_penalty,
    mask_on_view,
    necessity_loss,
    occlusion_invariance,
    repaint,
)

# Marked objects in each step, besides eight views. Fewer, or only in every second step, hardly helped: benchmarks.md.
AT_ONCE = 3
# Margin around an object and its marked regions, in pixels of the view.
AROUND = 32


class MarkedObject(NamedTuple):
    """An object with the regions that were marked in its image.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3), or str
        A text where the object is a span.
    at : tuple of float
        The object's coordinates, in pixels of the image or characters of the text.
    label : int
        The net's output for its label.
    wrong, missing : ndarray of bool, shape (H, W), of a text (1, n_characters), or None
        Regions that the object's score shouldn't depend on, and regions that it should depend on.
    """

    image: Any
    at: tuple[float, ...]
    label: int
    wrong: np.ndarray | None
    missing: np.ndarray | None


@dataclass
class Marked:
    """The marked objects that can be used for training.

    Attributes
    ----------
    objects : list of MarkedObject
    logged : list
        The same objects as JSON values: item_id, annotator, the label's number, and the object as logged.
    left_out : dict of str to str
        item_id -> why a marked region of this item can't be used.
    """

    objects: list[MarkedObject] = field(default_factory=list)
    logged: list[Any] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


# 15 branches: loops over items, decisions and objects, each of which may be left out for reasons of its own.
def marked_objects(project: Project, label_ids: Sequence[str]) -> Marked:
    """The objects with marked regions, in the items that may be used for training.

    Parameters
    ----------
    project : Project
    label_ids : sequence of str
        Today's labels, in the order of the net's outputs. An object whose label is in doubt is left out.
    """
    marked, number_of = Marked(), {label_id: number for number, label_id in enumerate(label_ids)}
    for item_id, decisions in sorted(project.reasons().items()):
        if not may_teach(project, item_id):
            continue
        try:
            image = project.pool.load(project.pool.position(item_id))
        except ItemError:
            marked.left_out[item_id] = "it can't be read"
            continue
        size = (1, len(image)) if isinstance(image, str) else image.shape[:2]
        for decision in decisions:
            for one in decision.reasons:
                regions = [region for region in (one.wrong, one.missing) if region is not None]
                number = number_of.get(project.lineage.exactly(one.label_id, decision.seen.taxonomy) or "")
                if not regions or number is None:
                    continue
                if any(region.size != size for region in regions):
                    marked.left_out[item_id] = "it has another size than when it was marked"
                    continue
                marked.objects.append(MarkedObject(image, one.at, number, *(
                    None if region is None else region.mask() for region in (one.wrong, one.missing))))
                marked.logged.append([item_id, decision.annotator, number, one.to_dict()])
    return marked


class _View(NamedTuple):
    """The part of a view with an object and its marked regions; `centre` is (x, y) of the object's centre."""

    view: Tensor
    centre: tuple[float, float]
    label: int
    wrong: Tensor
    missing: Tensor


class ObjectRationaleLoss:
    """The loss of marked objects in each training step: a few of them in turn, mirrored at random.

    Parameters
    ----------
    objects : sequence of MarkedObject
    side : int
        Longest side of the net's views.
    n_labels : int
    boxes : ndarray of float32, shape (n, 4)
        The box around each object, in pixels of its image.
    method : {"penalty", "invariance"}
        The loss of wrong regions: `gradient_penalty` or `occlusion_invariance` of the scores of all labels at the
        object's centre. For missing regions it is always `necessity_loss`, of the object's label.
    mirror : bool
        Whether an image has the same meaning when it is mirrored.
    seed : int
        Seed of the order, the mirroring and the repainting.
    weight : float, optional
        Weight of the loss of wrong regions; from `rationales.WEIGHTS` when None.
    """

    def __init__(self, objects: Sequence[MarkedObject], *, side: int, n_labels: int, boxes: np.ndarray,
                 method: RationaleMethod, mirror: bool, seed: int, weight: float | None = None) -> None:
        self._views = [_view_of(one, box, side) for one, box in zip(objects, boxes, strict=True)]
        self._n_labels, self._method, self._mirror = n_labels, method, mirror
        self._weight = WEIGHTS[method] if weight is None else weight
        self._generator = torch.Generator().manual_seed(seed)
        self._waiting: list[int] = []

    def __call__(self, net: ObjectNet) -> Tensor:
        """The loss of the next few objects; the net's running statistics (batch normalisation) don't change."""
        n = min(AT_ONCE, len(self._views))
        while len(self._waiting) < n:
            self._waiting += torch.randperm(len(self._views), generator=self._generator).tolist()
        some, self._waiting = [self._turned(self._views[row]) for row in self._waiting[:n]], self._waiting[n:]
        total = torch.zeros(())
        for marked, loss_of, by_batch in ((1, self._wrong_loss, self._method == "invariance"),
                                          (0, self._missing_loss, True)):
            those = [one for one in some if bool((one.wrong if marked else one.missing).any())]
            if those:
                with evaluation_mode(net, by_batch=by_batch):
                    total = total + len(those) / n * loss_of(net, those)
        return total

    def _wrong_loss(self, net: ObjectNet, some: Sequence[_View]) -> Tensor:
        scores, views = _ScoresAt(net, some), _normalised(some, net)
        regions = _stacked([one.wrong for one in some], views)
        if self._method == "penalty":
            return self._weight * gradient_penalty(scores, views, regions, directions=1, generator=self._generator,
                                                   of_sets=True)
        return self._weight * occlusion_invariance(scores, views, repaint(views, regions, self._generator),
                                                   of_sets=True)

    def _missing_loss(self, net: ObjectNet, some: Sequence[_View]) -> Tensor:
        scores, views = _ScoresAt(net, some), _normalised(some, net)
        regions = _stacked([one.missing for one in some], views)
        labels = functional.one_hot(torch.tensor([one.label for one in some]), self._n_labels).float()
        return necessity_loss(scores, views, repaint(views, regions, self._generator), labels)

    def _turned(self, one: _View) -> _View:
        if not self._mirror or torch.rand((), generator=self._generator) < 0.5:
            return one
        x, y = one.centre
        return one._replace(view=one.view.flip(2), wrong=one.wrong.flip(1), missing=one.missing.flip(1),
                            centre=(one.view.shape[2] - x, y))


class _ScoresAt(nn.Module):
    """The logits of all labels in one cell of each view; a batch has all the (normalised) views once or more."""

    def __init__(self, net: ObjectNet, some: Sequence[_View]) -> None:
        super().__init__()
        self.net = net
        self._cells = torch.tensor([[min(max(int(at / STRIDE), 0), (end - 1) // STRIDE) for at, end in
                                     zip(reversed(one.centre), one.view.shape[1:], strict=True)] for one in some]).T

    def forward(self, views: Tensor) -> Tensor:
        net = self.net
        centres = net(views * net.std[:, None, None] + net.mean[:, None, None])[0]
        rows, columns = self._cells.repeat(1, len(views) // self._cells.shape[1])
        return centres[torch.arange(len(views)), :, rows, columns]


def _normalised(some: Sequence[_View], net: ObjectNet) -> Tensor:
    """Views in one batch, normalised by the net's mean and standard deviation: gradients are taken in these units."""
    return (padded([one.view for one in some], net.mean) - net.mean[:, None, None]) / net.std[:, None, None]


def _stacked(regions: Sequence[Tensor], views: Tensor) -> Tensor:
    """Regions, padded to the size of the batch of their views."""
    whole = torch.zeros(len(regions), *views.shape[2:], dtype=torch.bool)
    for row, region in enumerate(regions):
        whole[row, :region.shape[0], :region.shape[1]] = region
    return whole


def _view_of(one: MarkedObject, box: np.ndarray, side: int) -> _View:
    """The part of an image's view around an object and its marked regions."""
    view, (across, down) = resized(one.image, side)
    height, width = view.shape[1:]
    whole = (0.0, 0.0, float(one.image.shape[1]), float(one.image.shape[0]))
    wrong, missing = (torch.zeros(height, width, dtype=torch.bool) if mask is None else
                      torch.from_numpy(mask_on_view(mask, whole, (height, width))) for mask in (one.wrong, one.missing))
    x0, y0, x1, y1 = box * np.array([across, down, across, down])
    rows, columns = (places if len(places) else torch.tensor([edge]) for places, edge in
                     zip(torch.nonzero(wrong | missing, as_tuple=True), (int(y0), int(x0)), strict=True))
    # It begins at a cell's edge in the coarsest feature map, so that cells cover the same pixels as in the whole view.
    top, left = (max(0, COARSEST * math.floor((min(low, float(marked.min())) - AROUND) / COARSEST))
                 for low, marked in ((y0, rows), (x0, columns)))
    bottom, right = (min(end, math.ceil(max(high, float(marked.max())) + AROUND))
                     for end, high, marked in ((height, y1, rows), (width, x1, columns)))
    part = slice(top, bottom), slice(left, right)
    return _View(view[:, part[0], part[1]], ((x0 + x1) / 2 - left, (y0 + y1) / 2 - top), one.label, wrong[part],
                 missing[part])
