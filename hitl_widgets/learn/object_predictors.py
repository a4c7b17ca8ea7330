"""Models that find objects: the protocol, torchvision's convention, the workbench's own net, and checks of outputs.

A model is an object with a method `predict`, which is called with a list of images (uint8 arrays, shape (H, W, 3)) and
returns for each a mapping with boxes, labels and scores. `as_detector` accepts such an object, or a net like those of
torchvision. `checked` converts the output for an image into `Candidate` objects, and counts objects that can't be used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import shapely
import torch
from skimage.measure import approximate_polygon, find_contours
from torch import nn

from ..errors import ModelError
from ..objects.overlap import bounds
from .object_net import LEAST_SCORE, MOST_OBJECTS, Found, ObjectNet, distinct
from .object_training import find_objects
from .object_views import resized
from .predict import private_copy

# Images in a batch for a model.
AT_ONCE = 8
# Tolerance when a mask's outline is simplified, as a part of the outline's length, and its least value in pixels.
ROUGH, ROUGH_PX = 0.004, 0.75


class Detector(Protocol):
    """A model that finds objects in images."""

    def predict(self, images: list[np.ndarray]) -> Sequence[Mapping[str, Any]]:
        """Find the objects in each image.

        Parameters
        ----------
        images : list of ndarray of uint8, shape (H, W, 3)

        Returns
        -------
        sequence of mapping
            For each image ``boxes`` (n, 4), x0 y0 x1 y1 in its pixels, ``labels`` (n), names or numbers, ``scores``
            (n), and perhaps ``masks`` (n, H, W), ``polygons`` (a list of (k, 2)) or ``points`` (n, 2).
        """


class Candidate(NamedTuple):
    """An object that a model found: its coordinates, the model's own name or number of its label, and its score."""

    at: tuple[float, ...]
    label: int | str
    score: float


class TorchvisionDetector:
    """Wrapper that makes a `Detector` from a net with the inputs and outputs of torchvision's detection models.

    Parameters
    ----------
    net : torch.nn.Module
        In evaluation mode it is called with a list of (3, H, W) tensors from 0 to 1, and returns for each a dict with
        boxes, labels (0 is the background, 1 the first label) and scores. It is copied.
    device : torch.device or str
    """

    def __init__(self, net: nn.Module, *, device: torch.device | str = "cpu") -> None:
        self.net, self.device = private_copy(net).eval().to(device), torch.device(device)

    @torch.no_grad()
    def predict(self, images: list[np.ndarray]) -> Sequence[Mapping[str, Any]]:
        """Find the objects in each image; labels count from 0, without the background. See `Detector.predict`."""
        views = [torch.from_numpy(image).permute(2, 0, 1).float().div(255).to(self.device) for image in images]
        output = self.net(views)
        if not isinstance(output, (list, tuple)) or len(output) != len(views) or \
                not all(isinstance(one, Mapping) and {"boxes", "labels", "scores"} <= set(one) for one in output):
            raise ModelError("the net didn't give a list with a dict of boxes, labels and scores for each image, as "
                             "torchvision's detectors do in evaluation mode; pass such a net, or an object with "
                             "predict(images).")
        return [{**one, "labels": as_array(one["labels"]) - 1} for one in output]


class OwnDetector:
    """Wrapper that makes a `Detector` from an `ObjectNet`.

    Parameters
    ----------
    net : ObjectNet
    kind : "box", "polygon" or "point"
    """

    def __init__(self, net: ObjectNet, kind: str = "box") -> None:
        self.net, self.kind = net.eval(), kind

    def predict(self, images: list[np.ndarray]) -> Sequence[Mapping[str, Any]]:
        """Find the objects in each image; labels are numbers from 0. See `Detector.predict`."""
        if not images:
            return []
        views, scales = zip(*(resized(image, int(self.net.side)) for image in images), strict=True)
        outputs: list[Mapping[str, Any]] = []
        for image, found, scale in zip(images, find_objects(self.net, views), scales, strict=True):
            height, width = image.shape[:2]
            boxes = np.clip(found.boxes / np.array([*scale, *scale], np.float32), 0, [width, height, width, height])
            more: dict[str, Any] = {}
            if self.kind == "point":
                more["points"] = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 / np.array(scale, np.float32)
            elif self.kind == "polygon":
                more["polygons"] = [self._outline(box, label) for box, label in zip(boxes, found.labels, strict=True)]
            outputs.append({"boxes": boxes, "labels": found.labels, "scores": found.scores, **more})
        return outputs

    def _outline(self, box: np.ndarray, label: int) -> np.ndarray:
        """The usual outline of a label, in a box."""
        outline = self.net.outlines[label].numpy()
        points: np.ndarray = box[:2] + outline * (box[2:] - box[:2])
        return points


def as_detector(model: Any, *, device: torch.device | str = "cpu") -> Detector:
    """Make a `Detector` from a user's model.

    Raises
    ------
    ModelError
        When it is neither a net nor has `predict`.
    """
    if callable(getattr(model, "predict", None)):
        found: Detector = model
        return found
    if isinstance(model, ObjectNet):
        return OwnDetector(model)
    if isinstance(model, nn.Module):
        return TorchvisionDetector(model, device=device)
    raise ModelError(f"model is {type(model).__name__}; an object with predict(images) is expected, or a "
                     "torch.nn.Module that returns a list of dicts with boxes, labels and scores, as torchvision's "
                     "detectors do.")


def predicted(detector: Detector, images: Sequence[np.ndarray]) -> list[Mapping[str, Any]]:
    """A model's outputs for some images, a few at a time.

    Parameters
    ----------
    detector : Detector
    images : sequence of ndarray of uint8, shape (H, W) or (H, W, 3)

    Raises
    ------
    ModelError
        When the model raises, or doesn't return a mapping for each image.
    """
    outputs: list[Mapping[str, Any]] = []
    for start in range(0, len(images), AT_ONCE):
        some = [np.ascontiguousarray(np.broadcast_to(image[..., None], (*image.shape, 3)) if image.ndim == 2 else image)
                for image in images[start:start + AT_ONCE]]
        try:
            output = detector.predict(some)
        except ModelError:
            raise
        except Exception as error:  # a person's model, which may raise anything
            raise ModelError(f"the model raised {type(error).__name__} on {len(some)} images, the first of size "
                             f"{some[0].shape[1]} x {some[0].shape[0]}: {error}. predict(images) is called with a list "
                             "of uint8 arrays of shape (H, W, 3).") from error
        if not isinstance(output, (list, tuple)) or len(output) != len(some) \
                or not all(isinstance(one, Mapping) for one in output):
            raise ModelError(f"predict gave {type(output).__name__} for {len(some)} images; a list of as many dicts "
                             "with boxes, labels and scores is expected.")
        outputs += output
    return outputs


def checked(output: Mapping[str, Any], kind: str, size: tuple[int, int], *, most: int = MOST_OBJECTS,
            least: float = LEAST_SCORE) -> tuple[list[Candidate], Counter[str]]:
    """The usable objects in a model's output for an image, the best first, and counts of faults in the output.

    Parameters
    ----------
    output : mapping
        The output of `Detector.predict` for one image.
    kind : "box", "polygon" or "point"
    size : (int, int)
        Width and height of the image.
    most : int
        Maximum number of objects.
    least : float
        Minimum score; objects below it are left out, and aren't counted as faults.

    Raises
    ------
    ModelError
        When boxes, labels or scores are missing, differ in number, or can't be read.
    """
    try:
        return _checked(output, kind, size, most, least)
    except ModelError:
        raise
    except Exception as error:  # what a person's model gives may be anything
        raise ModelError(f"what the model gave for an image can't be read ({type(error).__name__}: {error}); boxes of "
                         "shape (n, 4), n labels and n scores are expected, and perhaps n masks, polygons or "
                         "points.") from error


def _checked(output: Mapping[str, Any], kind: str, size: tuple[int, int], most: int, least: float
             ) -> tuple[list[Candidate], Counter[str]]:
    boxes, labels, scores = _columns(output, kind)
    shapes = _shapes(output, boxes, kind, len(scores))
    faults: Counter[str] = Counter()
    width, height = size
    kept: list[Candidate] = []
    with np.errstate(invalid="ignore"):
        is_score = np.isfinite(scores) & (scores >= 0) & (scores <= 1)
    faults["whose score isn't a number from 0 to 1"] = int((~is_score).sum())
    for row in np.argsort(np.where(is_score, -scores, np.inf), kind="stable"):
        if not is_score[row] or scores[row] < least:
            continue
        if len(kept) == most:
            faults[f"beyond the {most} best"] += 1
            continue
        at, fault = shapes(int(row), width, height)
        if fault:
            faults[fault] += 1
        if at is not None:
            label = labels[row]
            kept.append(Candidate(at, label if isinstance(label, str) else int(label), float(scores[row])))
    return kept, +faults


Shapes = Callable[[int, int, int], tuple["tuple[float, ...] | None", str]]


# 16 branches: the columns that a model may give or lack, for each kind of object.
def _columns(output: Mapping[str, Any], kind: str) -> tuple[np.ndarray | None, Sequence[Any], np.ndarray]:
    """Boxes, labels and scores, of the same length."""
    missing = {"labels", "scores"} - set(output)
    if "boxes" not in output and not (kind == "point" and "points" in output) \
            and not (kind == "polygon" and {"polygons", "masks"} & set(output)):
        missing |= {"boxes"}
    if missing:
        raise ModelError(f"the model gave {', '.join(map(str, sorted(output)))} for an image, without "
                         f"{' and '.join(sorted(missing))}.")
    scores = as_array(output["scores"]).astype(np.float64).reshape(-1)
    labels, boxes = as_list(output["labels"]), None
    if "boxes" in output:
        boxes = as_array(output["boxes"]).astype(np.float64)
        boxes = boxes.reshape(-1, 4) if boxes.size % 4 == 0 and (boxes.size == 0 or boxes.shape[-1] == 4) else boxes
    lengths = {name: len(column) for name, column in
               {"boxes": boxes, "labels": labels, "scores": scores}.items() if column is not None}
    if len(set(lengths.values())) > 1 or (boxes is not None and boxes.shape[1:] != (4,)):
        raise ModelError(f"the model gave {', '.join(f'{n} {name}' for name, n in lengths.items())} for an image"
                         + ("" if boxes is None else f", boxes of shape {boxes.shape}")
                         + "; the same number of each is expected, and boxes of shape (n, 4).")
    check_labels(labels)
    return boxes, labels, scores


def as_list(labels: Any) -> list[Any]:
    """The labels that a model gave, as a list."""
    return list(labels) if isinstance(labels, (list, tuple)) else as_array(labels).tolist()


def check_labels(labels: Sequence[Any]) -> None:
    """Raise ModelError where labels that a model gave are neither names nor numbers of labels."""
    if not all(isinstance(label, (str, int, np.integer)) or (isinstance(label, float) and label.is_integer())
               for label in labels):
        raise ModelError(f"the model gave the labels {str(labels)[:60]}; names, or numbers of labels, are expected.")


def _as_many(name: str, values: Any, n: int) -> Any:
    if len(values) != n:
        raise ModelError(f"the model gave {len(values)} {name} for {n} objects in an image; as many are expected.")
    return values


def _shapes(output: Mapping[str, Any], boxes: np.ndarray | None, kind: str, n: int) -> Shapes:
    """A function from a row and the image's size to the object's coordinates and its fault."""
    if kind == "point":
        points = as_array(output["points"]).astype(np.float64) if "points" in output else \
            (np.asarray(boxes)[:, :2] + np.asarray(boxes)[:, 2:]) / 2
        if points.size and points.shape != (n, 2):
            raise ModelError(f"the model gave points of shape {points.shape} for {n} objects in an image; ({n}, 2), x "
                             "and y of each, is expected.")
        return lambda row, width, height: _point(points[row], width, height)
    if kind == "polygon" and "polygons" in output:
        polygons = _as_many("polygons", list(output["polygons"]), n)
        return lambda row, width, height: _polygon(as_array(polygons[row]), width, height)
    if kind == "polygon" and "masks" in output:
        masks = _as_many("masks", output["masks"], n)
        return lambda row, width, height: outline_of(as_array(masks[row]), size=(width, height))
    of_boxes = np.asarray(boxes)
    if kind == "polygon":
        return lambda row, width, height: _corners(of_boxes[row], width, height)
    return lambda row, width, height: _box(of_boxes[row], width, height)


def _box(box: np.ndarray, width: int, height: int) -> tuple[tuple[float, ...] | None, str]:
    if not np.isfinite(box).all():
        return None, "with a coordinate that is no number"
    if box[0] > box[2] or box[1] > box[3]:
        return None, "that are inverted"
    if box[0] == box[2] or box[1] == box[3]:
        return None, "without area"
    x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height]).tolist()
    if x1 - x0 < 0.01 or y1 - y0 < 0.01:
        return None, "outside of the image"
    return (round(x0, 2), round(y0, 2), round(x1, 2), round(y1, 2)), ""


def _corners(box: np.ndarray, width: int, height: int) -> tuple[tuple[float, ...] | None, str]:
    at, fault = _box(box, width, height)
    if at is None:
        return None, fault
    x0, y0, x1, y1 = at
    return (x0, y0, x1, y0, x1, y1, x0, y1), ""


def _point(point: np.ndarray, width: int, height: int) -> tuple[tuple[float, ...] | None, str]:
    x, y = point.tolist()
    if not (math.isfinite(x) and math.isfinite(y)):
        return None, "with a coordinate that is no number"
    if not (-1 <= x <= width + 1 and -1 <= y <= height + 1):
        return None, "outside of the image"
    return (round(min(max(x, 0.0), width), 2), round(min(max(y, 0.0), height), 2)), ""


def _polygon(points: np.ndarray, width: int, height: int) -> tuple[tuple[float, ...] | None, str]:
    if np.ndim(points) > 1 and np.shape(points)[-1] != 2:
        return None, "whose polygon isn't of shape (k, 2)"
    points = np.asarray(points, np.float64).reshape(-1, 2) if np.size(points) % 2 == 0 else np.zeros((0, 2))
    if not np.isfinite(points).all():
        return None, "with a coordinate that is no number"
    if len(points) < 3:
        return None, "with fewer than 3 vertices"
    whole = shapely.Polygon(points)
    parts = shapely.get_parts(shapely.intersection(shapely.make_valid(whole), shapely.box(0, 0, width, height)))
    parts = [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0.01]
    if not parts:
        return None, "without area in the image"
    best = max(parts, key=lambda part: float(part.area))
    rounded = shapely.Polygon(np.round(np.array(best.exterior.coords), 2))
    if not rounded.is_valid or rounded.area <= 0:
        return None, "without area in the image"
    return tuple(np.array(rounded.exterior.coords)[:-1].ravel().tolist()), "" if whole.is_valid else \
        "that cross themselves (their largest part is used)"


def outline_of(mask: np.ndarray, *, size: tuple[int, int]) -> tuple[tuple[float, ...] | None, str]:
    """The outline of the largest part of a mask as x, y of its vertices; None and the reason where there is none.

    Parameters
    ----------
    mask : ndarray, shape (H, W) or (1, H, W)
        True, or above 0.5, inside.
    size : (int, int)
        Width and height of the image.
    """
    width, height = size
    mask = np.asarray(mask, np.float64)
    mask = mask.reshape(mask.shape[-2:]) if mask.ndim > 1 and mask.size == np.prod(mask.shape[-2:]) else mask
    if mask.shape != (height, width):
        return None, f"whose mask isn't of the image's size, {height} x {width}"
    lines = find_contours(np.pad(mask, 1), 0.5)  # type: ignore[no-untyped-call]
    if not lines:
        return None, "whose mask is empty"
    line = max(lines, key=lambda one: abs(_area(one)))
    length = float(np.hypot(*np.diff(line, axis=0).T).sum())
    rough = approximate_polygon(line, max(ROUGH_PX, ROUGH * length))  # type: ignore[no-untyped-call]
    points = rough[:-1, ::-1] - 0.5  # without the padding, from a pixel's centre to its corner
    return _polygon(points, width, height)


def _area(line: np.ndarray) -> float:
    y, x = line.T
    return float((x * np.roll(y, 1) - y * np.roll(x, 1)).sum() / 2)


def as_array(values: Any) -> np.ndarray:
    """A model's output as a NumPy array, from any device."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values if values.layout == torch.strided else values.to_dense()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()  # numpy has no bfloat16
    return np.asarray(values)


def without_repeats(candidates: Sequence[tuple[Candidate, str]], kind: str) -> list[tuple[Candidate, str]]:
    """Objects after non-maximum suppression: after a merge of labels, a model may find an object under several.

    Parameters
    ----------
    candidates : sequence of (Candidate, str)
        Objects, the best first, each with its label_id of today.
    kind : "box", "polygon", "point" or "span"
        Points are never left out.
    """
    if kind == "point" or not candidates:
        return list(candidates)
    boxes = bounds([one.at for one, _ in candidates], kind).astype(np.float32)
    ids = sorted({label_id for _, label_id in candidates})
    labels = np.array([ids.index(label_id) for _, label_id in candidates])
    # Scores that are all different, by which the kept rows are identified.
    order = np.arange(len(candidates), 0, -1, dtype=np.float32)
    kept = distinct(Found(boxes, labels, order), n=len(candidates))
    return [candidates[len(candidates) - int(row)] for row in kept.scores]
