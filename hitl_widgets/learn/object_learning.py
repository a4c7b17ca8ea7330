"""Training of an `ObjectNet` on corrected images: the views' size and flips, the steps, and a threshold per label.

Read `fit_objects` first. From images with the objects that people confirmed or corrected, it trains a net and finds a
threshold for each label. It doesn't depend on a project.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from sklearn.linear_model import RidgeClassifier
from torch import Tensor

from .object_net import COARSEST, N_VERTICES, Found, ObjectNet, ellipse
from .object_rationales import MarkedObject, ObjectRationaleLoss
from .object_targets import Annotated
from .object_training import ObjectOptions, find_objects, train_objects
from .object_views import resized
from .rationales import RationaleMethod

# Longest side of a view: usual, smallest and largest; it is chosen so that nine of ten objects have this many pixels a
# side.
USUAL_SIDE, SMALLEST_SIDE, LARGEST_SIDE = 320, 128, 640
PIXELS_OF_OBJECT = 16.0
# A point is treated as a square whose side is this part of the image's diagonal.
POINT_SIDE = 0.06
# Thresholds of proposals: the default, and their limits.
THRESHOLD, LEAST_THRESHOLD, MOST_THRESHOLD = 0.3, 0.2, 0.8
# From this many images on, one in five joins the training later: until then thresholds are chosen on these.
MIN_FOR_THRESHOLDS, PART_LATER = 8, 0.2
# Number of a label's objects with which its own threshold and that of all labels get the same weight.
PRIOR_OBJECTS = 15
# IoU from which two boxes are the same object.
SAME_OBJECT = 0.5
# A flip is meaningless where a classifier tells objects from their flipped copies with at most this accuracy.
TOLD_APART = 0.62
MIN_CROPS, MOST_CROPS, CROP = 24, 400, 12


@dataclass(frozen=True)
class CorrectedImage:
    """An image as somebody corrected it, in pixels of the image as it is shown.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
    shapes : sequence of tuple of float
        Coordinates of each object: see `objects.shapes.shape`.
    labels : sequence of int
        Index of each object's label.
    weights : sequence of float
        How much each counts.
    ignored : sequence of 4 floats
        Boxes that don't count as background.
    weight : float
        How much the image counts.
    unknown : tuple of int
        Labels of which nothing is known in this image.
    item_id : str or None
        Answers to the same image have the same item_id, so that thresholds aren't chosen on an image that was learnt.
    """

    image: np.ndarray
    shapes: Sequence[Sequence[float]]
    labels: Sequence[int]
    weights: Sequence[float]
    ignored: Sequence[Sequence[float]] = ()
    weight: float = 1.0
    unknown: tuple[int, ...] = ()
    item_id: str | None = None


class Fitted(NamedTuple):
    """A trained net, with the thresholds of its labels.

    Attributes
    ----------
    net : ObjectNet
    thresholds : ndarray of float, shape (n_labels,)
        The score from which each label is proposed.
    n_later : int
        Number of images on which thresholds were chosen, before they were learnt; 0 where there were too few.
    history : list of (int, float)
        Step and loss of the first, every tenth and the last step.
    stopped : str
        "done" or "budget".
    n_marked : int
        Number of marked objects in the loss.
    """

    net: ObjectNet
    thresholds: np.ndarray
    n_later: int
    history: list[tuple[int, float]]
    stopped: str
    n_marked: int


@dataclass(frozen=True)
class Fitting:
    """Settings with which `fit_objects` trains a net.

    Attributes
    ----------
    kind : "box", "polygon" or "point"
    options : ObjectOptions
    budget_s : float or None
        Seconds for the training; if all steps would need longer, fewer are made.
    flips : tuple of 2 bools, or None
        Whether images mean the same mirrored, and upside down; if None, `meaningless_turns` decides.
    rationales : "penalty" or "invariance"
        How the loss uses marked regions: see `ObjectRationaleLoss`.
    """

    kind: str = "box"
    options: ObjectOptions = field(default_factory=ObjectOptions)
    budget_s: float | None = None
    flips: tuple[bool, bool] | None = None
    rationales: RationaleMethod = "penalty"


# 18 branches: some images join the training late, where there are many, and give the thresholds then.
def fit_objects(images: Sequence[CorrectedImage], n_labels: int, fitting: Fitting, *, begin: ObjectNet | None = None,
                unlabelled: Sequence[np.ndarray] = (), marked: Sequence[MarkedObject] = (),
                show: Callable[[int, float], object] = lambda step, loss: None) -> Fitted:
    """Train a net on corrected images, and find the score from which its objects are worth proposing.

    Parameters
    ----------
    images : sequence of CorrectedImage
    n_labels : int
    fitting : Fitting
    begin : ObjectNet or None
        Training begins from its weights, where their shapes fit; None for fresh ones.
    unlabelled : sequence of ndarray
        Images that nobody answered, by which thresholds are carried over to the final net (`carried_over`).
    marked : sequence of MarkedObject
        Objects with regions on which their score shouldn't depend, or should.
    show : callable
        Called with the number of steps done and the loss.
    """
    side = working_side(images, fitting.kind)
    annotated = [_annotated(one, side, fitting.kind) for one in images]
    options, rng = fitting.options, np.random.default_rng(fitting.options.seed)
    flips = fitting.flips or meaningless_turns(annotated)
    how = replace(options.augmentation, mirror=flips[0] and options.augmentation.mirror,
                  upside_down=flips[1] and options.augmentation.upside_down)
    options = replace(options, augmentation=how)
    net = _first_net(annotated, n_labels, side=side, flips=flips, seed=options.seed, begin=begin)
    if fitting.kind == "polygon":
        net.outlines.copy_(torch.from_numpy(usual_outlines(images, n_labels)))
    at_first, at_last = _parted(images, rng)
    later, n_later = [annotated[row] for row in at_last], len({images[row].item_id or row for row in at_last})
    views = [resized(image, side)[0] for image in unlabelled] if n_later else []
    history: list[tuple[int, float]] = []
    before: list[tuple[list[Found], list[Found]]] = []

    def join(averaged: ObjectNet) -> None:
        before.append((_found(averaged, [one.view for one in later]), _found(averaged, views)))

    def shown(step: int, loss: float) -> None:
        if history and history[-1][0] % 10 and len(history) > 1:
            history.pop()  # every tenth step stays, the first and the last
        history.append((step, round(loss, 4)))
        show(step, loss)
    boxes = [boxes_of([one.at], fitting.kind, (one.image.shape[1], one.image.shape[0])) for one in marked]
    extra_loss = ObjectRationaleLoss(
        marked, side=side, n_labels=n_labels, boxes=np.concatenate(boxes), method=fitting.rationales, mirror=flips[0],
        seed=options.seed) if marked else None
    began = time.monotonic()
    trained, stopped = train_objects(
        net, [annotated[row] for row in at_first], options, later=later, join=join, show=shown, extra_loss=extra_loss,
        until=None if fitting.budget_s is None else began + fitting.budget_s)
    thresholds = np.full(n_labels, THRESHOLD)
    if before:
        found, on_others = before[0]
        early = best_thresholds(later, found, n_labels)
        thresholds = carried_over(early, on_others, _found(trained, views), n_labels) if views else early
    return Fitted(trained, thresholds, n_later, history, stopped, len(marked))


def _parted(images: Sequence[CorrectedImage], rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Rows that train from the beginning, and rows that join later; all answers to an image stay together."""
    rows_of: dict[str | int, list[int]] = {}
    for row, one in enumerate(images):
        rows_of.setdefault(row if one.item_id is None else one.item_id, []).append(row)
    each, n_later = list(rows_of.values()), 0
    order = rng.permutation(len(each)).tolist()
    if len(each) >= MIN_FOR_THRESHOLDS:
        n_later = max(2, round(PART_LATER * len(each)))
    first, later = ([row for place in places for row in each[place]] for places in (order[n_later:], order[:n_later]))
    return first, later


def working_side(images: Sequence[CorrectedImage], kind: str) -> int:
    """The longest side of views, so that small objects have enough pixels: a multiple of 32."""
    longest, parts = [], []
    for one in images:
        height, width = one.image.shape[:2]
        longest.append(max(height, width))
        boxes = boxes_of(one.shapes, kind, (width, height))
        parts += (np.sqrt((boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)) / max(height, width)).tolist()
    usual = min(USUAL_SIDE, int(np.median(longest)))
    small = max(float(np.quantile(parts, 0.1)), 1e-3) if parts else 1.0
    needed = max(usual, PIXELS_OF_OBJECT / small)
    side = int(np.clip(needed, SMALLEST_SIDE, max(SMALLEST_SIDE, min(LARGEST_SIDE, 2 * int(np.median(longest))))))
    return -(-side // COARSEST) * COARSEST


def boxes_of(shapes: Sequence[Sequence[float]], kind: str, size: tuple[int, int]) -> np.ndarray:
    """The box around each object, float32, shape (n, 4); for a point, a square relative to the image's diagonal."""
    if not len(shapes):
        return np.zeros((0, 4), np.float32)
    boxes = np.array([(min(at[::2]), min(at[1::2]), max(at[::2]), max(at[1::2])) for at in shapes], np.float32)
    if kind == "point":
        half = POINT_SIDE * float(np.hypot(*size)) / 2
        boxes += np.array([-half, -half, half, half], np.float32)
    return boxes


def _annotated(one: CorrectedImage, side: int, kind: str) -> Annotated:
    view, scale = resized(one.image, side)
    by = np.array([*scale, *scale], np.float32)
    size = one.image.shape[1], one.image.shape[0]
    boxes = boxes_of(one.shapes, kind, size) * by
    ignored = np.asarray(one.ignored, np.float32).reshape(-1, 4) * by
    return Annotated(view, boxes, np.asarray(one.labels, np.int64), np.asarray(one.weights, np.float32), ignored,
                     one.weight, one.unknown)


def _first_net(images: Sequence[Annotated], n_labels: int, *, side: int, flips: tuple[bool, bool], seed: int,
               begin: ObjectNet | None) -> ObjectNet:
    sides = np.concatenate([one.boxes[:, 2:] - one.boxes[:, :2] for one in images])
    pixels = torch.cat([one.view.flatten(1)[:, ::7] for one in images], dim=1).float() / 255
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ObjectNet(n_labels, side=side, typical=max(float(np.median(sides)) / 2, 2.0) if len(sides) else 24.0,
                        mean=pixels.mean(dim=1).tolist(), std=pixels.std(dim=1).clamp(min=0.02).tolist(), flips=flips)
    if begin is not None:
        own = net.state_dict()
        own |= {name: value for name, value in begin.state_dict().items()
                if name in own and value.shape == own[name].shape and name not in ("side", "flips", "outlines")}
        net.load_state_dict(own)
    return net


def _found(net: ObjectNet, views: Sequence[Tensor]) -> list[Found]:
    found: list[Found] = []
    for start in range(0, len(views), 8):
        found += find_objects(net, views[start:start + 8])
    return found


# -- flips


def meaningless_turns(images: Sequence[Annotated]) -> tuple[bool, bool]:
    """Whether objects look the same mirrored, and upside down, so that flipped images can be learnt too.

    A linear classifier learns which of two crops, an object and its flipped copy, is the object. If it fails on objects
    that it hasn't seen, the flip is meaningless. With few objects only mirroring is taken.
    """
    crops = []
    for one in images:
        grey = one.view.float().mean(dim=0).numpy()
        for x0, y0, x1, y1 in np.round(one.boxes).astype(int).clip(0).tolist():
            if x1 - x0 >= CROP // 2 and y1 - y0 >= CROP // 2 and grey[y0:y1, x0:x1].std() > 0:
                crop = torch.from_numpy(grey[y0:y1, x0:x1].copy())[None, None]
                small = torch.nn.functional.interpolate(crop, (CROP, CROP), mode="bilinear", antialias=True)[0, 0]
                crops.append(((small - small.mean()) / small.std().clamp(min=1e-3)).numpy())
    if len(crops) < MIN_CROPS:
        return True, False
    some = np.array(crops)[np.random.default_rng(0).permutation(len(crops))[:MOST_CROPS]]
    return _told_apart(some, some[:, :, ::-1]) <= TOLD_APART, _told_apart(some, some[:, ::-1]) <= TOLD_APART


def _told_apart(crops: np.ndarray, turned: np.ndarray, n_folds: int = 4) -> float:
    """Cross-validated accuracy of a classifier that tells crops from their flipped copies."""
    rows = (crops - turned).reshape(len(crops), -1)
    signs = np.where(np.arange(len(rows)) % 2, 1, -1)
    right = []
    for fold in range(n_folds):
        apart = np.arange(len(rows)) // 2 % n_folds == fold
        model = RidgeClassifier(alpha=30.0, fit_intercept=False)
        model.fit(rows[~apart] * signs[~apart, None], signs[~apart])
        right += (model.predict(rows[apart] * signs[apart, None]) == signs[apart]).tolist()
    return float(np.mean(right))


# -- thresholds


def best_thresholds(images: Sequence[Annotated], found: Sequence[Found], n_labels: int) -> np.ndarray:
    """Find the threshold with the best F1 for each label's proposals, shrunk towards the best one for all labels.

    Parameters
    ----------
    images : sequence of Annotated
    found : sequence of Found
        The objects that a net found in each image.
    n_labels : int

    Returns
    -------
    ndarray of float, shape (n_labels,)
        Between 0.05 and 0.95.
    """
    rows = [hits(one.boxes, one.labels, _known(each, one.unknown), one.ignored)
            for one, each in zip(images, found, strict=True)]
    scores, labels, right = (np.concatenate([row[part] for row in rows]) for part in range(3))
    counts = np.bincount(np.concatenate([one.labels for one in images]).astype(int), minlength=n_labels)
    overall = best_score(scores, right, int(counts.sum()))
    thresholds = np.full(n_labels, overall)
    for label in range(n_labels):
        of = labels == label
        own = best_score(scores[of], right[of], int(counts[label]))
        thresholds[label] = (counts[label] * own + PRIOR_OBJECTS * overall) / (counts[label] + PRIOR_OBJECTS)
    return thresholds


def _known(found: Found, unknown: Sequence[int]) -> Found:
    """The found objects, without those of unknown labels."""
    kept = ~np.isin(found.labels, list(unknown))
    return Found(found.boxes[kept], found.labels[kept], found.scores[kept])


def best_score(scores: np.ndarray, right: np.ndarray, n_true: int) -> float:
    """The threshold with the best F1 for proposals; 0.3 where there are no proposals or no true objects."""
    if not len(scores) or not n_true:
        return THRESHOLD
    order = np.argsort(-scores, kind="stable")
    n_right, n_found = np.cumsum(right[order]), np.arange(1, len(scores) + 1)
    best = int(np.argmax(2 * n_right / (n_found + n_true)))
    below = scores[order][best + 1] if best + 1 < len(scores) else 0.0
    return float(np.clip((scores[order][best] + below) / 2, 0.05, 0.95))


def hits(boxes: np.ndarray, labels: np.ndarray, found: Found, ignored: np.ndarray, *, same: float = SAME_OBJECT
         ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which found objects are right: matched one-to-one to true objects of the same label, the best score first.

    Returns
    -------
    scores, labels, right : ndarray
        Of the found objects, without unmatched ones in an ignored region.
    """
    free, right = np.ones(len(boxes), bool), np.zeros(len(found.boxes), bool)
    overlap, hidden = _iou(found.boxes, boxes), _iou(found.boxes, ignored)
    for row in np.argsort(-found.scores, kind="stable"):
        fitting = np.where(free & (labels == found.labels[row]), overlap[row], 0.0)
        if len(fitting) and fitting.max() >= same:
            free[fitting.argmax()], right[row] = False, True
    counted = right | ~((hidden >= 0.3).any(axis=1) if len(ignored) else np.zeros(len(right), bool))
    return found.scores[counted], found.labels[counted], right[counted]


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    both = np.clip(np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2]), 0, None)
    shared = both.prod(axis=2)
    areas = [np.clip(each[:, 2:] - each[:, :2], 0, None).prod(axis=1) for each in (a, b)]
    overlaps: np.ndarray = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)
    return overlaps


class Scored(Protocol):
    """The objects that a net found in an item: `Found` in an image, `FoundSpans` in a text."""

    @property
    def labels(self) -> np.ndarray:
        """Index of each object's label, int64."""

    @property
    def scores(self) -> np.ndarray:
        """From 0 to 1."""


def carried_over(thresholds: np.ndarray, before: Sequence[Scored], after: Sequence[Scored], n_labels: int
                 ) -> np.ndarray:
    """Thresholds with which another net finds as many objects of each label in the same items.

    Parameters
    ----------
    thresholds : ndarray, shape (n_labels,)
    before, after : sequence of Found or FoundSpans
        The objects found by the former net, and by the other one.
    n_labels : int
    """
    carried = thresholds.copy()
    for label in range(n_labels):
        former, new = (np.sort(np.concatenate([one.scores[one.labels == label] for one in found]))[::-1]
                       for found in (before, after))
        n = int((former >= thresholds[label]).sum())
        if n and len(new) > n:
            carried[label] = (new[n - 1] + new[n]) / 2
    return carried


# -- polygons


def usual_outlines(images: Sequence[CorrectedImage], n_labels: int) -> np.ndarray:
    """The mean outline of each label's polygons, in boxes from 0 to 1: shape (n_labels, N_VERTICES, 2).

    An ellipse for a label without polygons.
    """
    outlines = np.repeat(ellipse()[None], n_labels, axis=0).astype(np.float32)
    for label in range(n_labels):
        radii = [_radii(np.reshape(at, (-1, 2))) for one in images
                 for at, own in zip(one.shapes, one.labels, strict=True) if own == label]
        if radii:
            mean = np.mean(radii, axis=0)
            points = 0.5 + mean[:, None] * (2 * ellipse() - 1)
            low, high = points.min(axis=0), points.max(axis=0)
            outlines[label] = (points - low) / np.maximum(high - low, 1e-6)
    return outlines


def _radii(points: np.ndarray) -> np.ndarray:
    """How far an outline lies from the middle of its box, in N_VERTICES directions; the box is from 0 to 1."""
    low, high = points.min(axis=0), points.max(axis=0)
    at = (points - low) / np.maximum(high - low, 1e-9) - 0.5
    ends = np.roll(at, -1, axis=0)
    steps = np.linspace(0, 1, 40, endpoint=False)[:, None, None]
    line = (at + steps * (ends - at)).reshape(-1, 2)
    angle, far = np.arctan2(line[:, 1], line[:, 0]), np.hypot(*line.T)
    which = np.round(angle / (2 * np.pi) * N_VERTICES).astype(int) % N_VERTICES
    radii = np.array([far[which == number].max() if (which == number).any() else np.nan
                      for number in range(N_VERTICES)])
    return np.where(np.isnan(radii), np.nanmean(radii), radii)
