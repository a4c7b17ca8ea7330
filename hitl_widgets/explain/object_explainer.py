"""Saliency maps of single objects, computed once and then kept in memory and on disk.

`ObjectExplainer.explain` says why a detector finds an object: the workbench's own net, a net of torchvision's
convention, or anything with ``predict``. `object_maps` has the methods.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..drawing.overlay import resample
from ..errors import BadInput, HitlError, ModelError
from ..items.pool import Pool
from ..learn.imported import no_net
from ..learn.imported_objects import ImportedDetector
from ..learn.object_learning import POINT_SIDE
from ..learn.object_net import STRIDE, ObjectNet
from ..learn.object_predictors import AT_ONCE, Detector, OwnDetector, TorchvisionDetector, predicted
from ..learn.object_views import padded, resized
from ..learn.predict import private_copy
from ..objects.shapes import Shape, as_shape, bounds_of
from ..records import OBJECT_TARGET, Attribution, Bars, Proposal, no_bars
from .explanations import Explanations, token_table
from .kept_maps import KeptMaps
from .object_maps import METHODS, Score, gradcam_of, occlusion_of, score_of_best
from .span_explainer import METHOD as OF_SPANS
from .span_explainer import SpanExplainer


class Explained(NamedTuple):
    """An object whose score is explained.

    Attributes
    ----------
    id : str
        Id of the object, unique within its image.
    bounds : tuple of 4 floats
        x0, y0, x1, y1 of the box around it, in pixels of the image.
    labels : collection of int or str
        The detector's own labels that stand for the object's.
    """

    id: str
    bounds: tuple[float, float, float, float]
    labels: Collection[int | str]


class Detects(Protocol):
    """Protocol of the registry that an explainer of objects needs; `learn.object_registry.ObjectRegistry` has it."""

    def require(self) -> Any:
        """The adopted model, with version and detector; ModelError if there is none."""

    def proposals(self, position: int) -> Sequence[Proposal]:
        """The objects that the adopted model finds in an item, the best first."""

    def labels_of(self, label_id: str) -> Collection[int | str]:
        """The adopted detector's own labels that stand for one of today's labels."""


class _View(NamedTuple):
    """A detector's view of an image, and how to score an object in it."""

    view: Tensor
    box: tuple[float, float, float, float]
    extent: tuple[int, int]  # height and width that the image has in the view; the rest is padding
    score: Score
    net: nn.Module | None
    at_once: int


class ObjectExplainer:
    """Explains the objects that one detector finds. Several threads may use it.

    Parameters
    ----------
    detector : Detector
        A net is copied: hooks on it would also see the predictions that other threads make with the original.
    version : str
        Version of the model.
    folder : Path
        Folder where maps are kept.
    """

    def __init__(self, detector: Detector, version: str, folder: Path) -> None:
        self.version, self._detector = version, detector
        self._lock, self._kept = threading.RLock(), KeptMaps(folder)
        self._net: nn.Module | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that may serve this detector; for a net, the gradients may still fail to reach a convolution."""
        return METHODS if isinstance(self._detector, (OwnDetector, TorchvisionDetector)) else ("occlusion",)

    def explain(self, item_id: str, image: Callable[[], np.ndarray], one: Explained, method: str, *,
                content: str | None = None) -> Attribution:
        """The attribution of an object's score.

        Parameters
        ----------
        item_id : str
        image : callable
            Reads the item: uint8, shape (H, W) or (H, W, 3).
        one : Explained
        method : "gradcam" or "occlusion"
        content : str or None
            Identifies the item's content; None if unknown, and then the map isn't kept.

        Raises
        ------
        BadInput
            When there is no such method for objects.
        ModelError
            When the method doesn't serve this detector, or the detector raises.
        ItemError
            When the item can't be read.
        """
        if method not in METHODS:
            raise BadInput(f"method is {method!r}; for an object {' and '.join(METHODS)} are there.")
        if method not in self.methods:
            raise ModelError(f"{method!r} reads the maps of a convolution, and this model is only known by its "
                             "predict(images). Take 'occlusion'.")
        if not one.labels:
            raise ModelError("the model has no label that stands for the label of this object, so that the object "
                             "can't be explained.")
        key = (self.version, item_id, content or "", method, repr([round(side, 2) for side in one.bounds]),
               repr(sorted(map(str, one.labels))))
        with self._lock:
            if content is not None and (kept := self._kept.get(key)) is not None:
                return replace(kept, target=f"{OBJECT_TARGET}{one.id}")
            try:
                pixels = image()
                values = self._values(pixels, one, method)
            except HitlError:
                raise
            except Exception as error:  # a person's model, which may raise anything
                raise ModelError(f"the model raised on item {item_id!r} while an object was explained: "
                                 f"{type(error).__name__}: {error}.") from error
            box = (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
            made = Attribution(item_id=item_id, method=method, target=f"{OBJECT_TARGET}{one.id}", model=self.version,
                               values=values, box=box, signed=method == "occlusion")
            if content is not None:
                self._kept.put(key, made)
            return made

    def _values(self, image: np.ndarray, one: Explained, method: str) -> np.ndarray:
        """The values of the map, on the detector's view of the whole image."""
        seen = self._own(image, one) if isinstance(self._detector, OwnDetector) else self._others(image, one)
        if method == "gradcam":
            assert seen.net is not None
            values = gradcam_of(seen.score, seen.net, seen.view, seen.box)
        else:
            values = occlusion_of(seen.score, seen.view, seen.box, at_once=seen.at_once)
        if not np.isfinite(values).all():
            raise ModelError(f"{method!r} gave values that aren't finite numbers; try another method.")
        return np.ascontiguousarray(values[:seen.extent[0], :seen.extent[1]])

    def _own(self, image: np.ndarray, one: Explained) -> _View:
        """Our own net: the logit of the label at the object's centre, or at a neighbouring cell."""
        net = self._copied(self._detector.net)  # type: ignore[attr-defined]
        assert isinstance(net, ObjectNet)
        view, (across, down) = resized(image, int(net.side))
        whole = padded([view], net.mean)[0]
        box = (one.bounds[0] * across, one.bounds[1] * down, one.bounds[2] * across, one.bounds[3] * down)
        row, column = (min(int(middle / STRIDE), side // STRIDE - 1) for middle, side in
                       (((box[1] + box[3]) / 2, whole.shape[1]), ((box[0] + box[2]) / 2, whole.shape[2])))
        rows, columns = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
        labels = [label for label in one.labels if isinstance(label, int)]

        def score(views: Tensor) -> Tensor:
            return net(views)[0][:, labels, rows, columns].flatten(1).amax(dim=1)
        return _View(whole, box, (view.shape[1], view.shape[2]), score, net, 2 * AT_ONCE)

    def _others(self, image: np.ndarray, one: Explained) -> _View:
        """Somebody's detector: the score of the detection that matches the object."""
        colour = image if image.ndim == 3 else np.broadcast_to(image[..., None], (*image.shape, 3))
        view = torch.from_numpy(np.ascontiguousarray(colour)).permute(2, 0, 1).float() / 255
        extent = (image.shape[0], image.shape[1])
        detector = self._detector
        if not isinstance(detector, TorchvisionDetector):
            def score_by_predict(views: Tensor) -> Tensor:
                images = [(255 * one).round().byte().permute(1, 2, 0).numpy() for one in views]
                return torch.stack([score_of_best(found, one.bounds, one.labels)
                                    for found in predicted(detector, images)])
            return _View(view, one.bounds, extent, score_by_predict, None, AT_ONCE)
        net, device = self._copied(detector.net), detector.device
        labels = [label + 1 for label in one.labels if isinstance(label, int)]  # 0 is the background

        def score(views: Tensor) -> Tensor:
            return torch.stack([score_of_best(found, one.bounds, labels) for found in net(list(views.to(device)))])
        return _View(view.to(device), one.bounds, extent, score, net, AT_ONCE)

    def _copied(self, net: nn.Module) -> nn.Module:
        if self._net is None:
            self._net = private_copy(net)
        return self._net


class ObjectMaps:
    """Explains the objects of a project: those that its adopted detector proposes, or any place with a label.

    Parameters
    ----------
    detects : Detects
        Has the adopted detector.
    pool : Pool
    kind : "box", "polygon", "point" or "span"
    folder : Path
        Folder where maps are kept.
    content : callable
        Maps an item's position to an identifier of its content; None if unknown.
    """

    def __init__(self, detects: Detects, pool: Pool, kind: str, folder: Path, *,
                 content: Callable[[int], str | None]) -> None:
        self.detects, self.pool, self.kind = detects, pool, kind
        self._folder, self._content, self._lock = folder, content, threading.Lock()
        self._explainer: ObjectExplainer | SpanExplainer | None = None

    def explain(self, position: int, method: str, target: str) -> Attribution:
        """The attribution of a proposal of the adopted model.

        Parameters
        ----------
        position : int
            Position of the item in the pool.
        method : "gradcam" or "occlusion"
        target : str
            "object:" and the id of a proposal.

        Raises
        ------
        BadInput
            When the item has no such proposal, or there is no such method.
        ModelError
            Without a model, or when the method doesn't serve it.
        """
        object_id = target.removeprefix(OBJECT_TARGET)
        one = next((one for one in self.detects.proposals(position) if one.id == object_id), None)
        if one is None:
            raise BadInput(f"the model proposes no object {object_id!r} in item {str(self.pool.ids[position])!r}; a "
                           "map shows why it proposes one.")
        return self.explain_at(position, method, object_id, one.at, one.label_id)

    def explain_at(self, position: int, method: str, object_id: str, at: Sequence[float], label_id: str
                   ) -> Attribution:
        """The attribution of an object with a label at a place, whether the model proposes it or not.

        Parameters
        ----------
        position, method
            As for `explain`.
        object_id : str
            Id of the object, for the map's target.
        at : sequence of float
            Coordinates of the object, in pixels of the item.
        label_id : str
        """
        model = self.detects.require()
        refuse_without_net(model)
        with self._lock:
            if self._explainer is None or self._explainer.version != model.version:
                self._explainer = (SpanExplainer if self.kind == "span" else ObjectExplainer)(
                    model.detector, model.version, self._folder)
            explainer = self._explainer
        one = Explained(object_id, self._bounds(position, at), frozenset(self.detects.labels_of(label_id)))
        return explainer.explain(str(self.pool.ids[position]), lambda: self.pool.load(position), one, method,
                                 content=self._content(position))

    def _bounds(self, position: int, at: Sequence[float]) -> tuple[float, float, float, float]:
        """The box around an object; for a point, a box as large as a point stands for."""
        x0, y0, x1, y1 = bounds_of(at, self.kind)
        if self.kind == "point":
            half = POINT_SIDE * math.hypot(*self.pool.size(position)) / 2
            return x0 - half, y0 - half, x1 + half, y1 + half
        return x0, y0, x1, y1


def refuse_without_net(model: Any) -> None:
    """ModelError if the model consists of imported objects, which can't be explained."""
    if isinstance(model.detector, ImportedDetector):
        raise no_net("be explained")


def explain_objects(maps: ObjectMaps, item_ids: Sequence[Any], one: Any, *, method: str,
                    label_id_of: Callable[[str], str], name_of: Callable[[str], str],
                    bars: Bars = no_bars) -> Explanations:
    """Explain an object of each of some items; see `Workbench.explain`.

    Parameters
    ----------
    maps : ObjectMaps
    item_ids : sequence of str
    one : str, Box, Polygon, Point, Span or None
        The id of a proposal, or a place with a label; None for the proposal with the largest score of each item.
    method : "gradcam" or "occlusion"; for spans "erasure"
    label_id_of, name_of : callable
        Functions from a label's name or id to its id, and to its name.
    bars : Bars
        Shows how many items are explained.

    Raises
    ------
    BadInput
        When there is no such method, or `one` is of another type.
    """
    method = _checked_method(method, of_spans=maps.kind == "span")
    shape: Shape | None = None if one is None or isinstance(one, str) else as_shape(one, maps.kind)
    if shape is not None and shape.label is None:
        raise BadInput(f"the {maps.kind} that is to be explained has no label; pass label=...")
    refuse_without_net(maps.detects.require())
    positions = [maps.pool.position(item_id) for item_id in item_ids]
    names = [str(maps.pool.ids[position]) for position in positions]
    made: list[Attribution | None] = []
    arrays: list[Any] = []
    titles, errors = list[str](), dict[str, str]()
    with bars(len(positions), title=f"Explaining by {method}") as advance:
        for position, name in zip(positions, names, strict=True):
            try:
                object_id, at, label_id, title = _object_of(maps, position, one, shape, label_id_of, name_of)
                result = maps.explain_at(position, method, object_id, at, label_id)
                made.append(result)
                arrays.append(token_table(result, maps.pool.load(position)) if maps.kind == "span" else
                              resample(result, maps.pool.size(position)))
                titles.append(title)
            except HitlError as error:
                errors[name] = str(error)
                made.append(None)
                arrays.append(None)
                titles.append("")
            advance(1)
    return Explanations(maps.pool, item_ids=names, method=method, titles=titles, maps=arrays, attributions=made,
                        errors=errors, targets=[None if result is None else result.target for result in made])


def _checked_method(method: str, *, of_spans: bool) -> str:
    """The method of that name; "gradcam", the default, stands for the best one available."""
    if of_spans and method in ("gradcam", OF_SPANS):
        return OF_SPANS
    if of_spans:
        raise BadInput(f"method is {method!r}; for a span {OF_SPANS!r} is there.")
    if method not in METHODS:
        raise BadInput(f"method is {method!r}; for an object {' and '.join(METHODS)} are there.")
    return method


def _object_of(maps: ObjectMaps, position: int, one: Any, shape: Shape | None, label_id_of: Callable[[str], str],
               name_of: Callable[[str], str]) -> tuple[str, Sequence[float], str, str]:
    """The id, place and label of the object to explain in an item, and the map's title."""
    if shape is not None:
        label_id = label_id_of(str(shape.label))
        return shape.id or "given", shape.at, label_id, f"{name_of(label_id)} here"
    proposals = maps.detects.proposals(position)
    found = next((each for each in proposals if one is None or each.id == one), None)
    if found is None:
        raise BadInput(f"the model proposes {'no object' if one is None else f'no object {one!r}'} in item "
                       f"{str(maps.pool.ids[position])!r}; see wb.predict_objects(), or pass a place with a label.")
    return found.id, found.at, found.label_id, f"{name_of(found.label_id)}, score {found.score:.2f}"
