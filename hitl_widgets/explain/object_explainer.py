"""Saliency maps of single objects, each computed once and then kept in memory and on disk.

`ObjectExplainer.explain` says why a detector finds an object: the workbench's own net, a net of torchvision's
convention, or anything with ``predict``. `object_maps` has the methods.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInput, HitlError, ModelError
from ..learn.object_net import STRIDE, ObjectNet
from ..learn.object_predictors import AT_ONCE, Detector, OwnDetector, TorchvisionDetector, predicted
from ..learn.object_views import padded, resized
from ..learn.predict import private_copy
from ..records import Attribution
from ..storage.attribution_cache import AttributionCache
from .object_maps import METHODS, Score, gradcam_of, occlusion_of, score_of_best

# Maps kept in memory.
N_KEPT = 256
# Before the id of an object, as a map's target.
OBJECT = "object:"


class Explained(NamedTuple):
    """An object whose score is explained.

    Attributes
    ----------
    id : str
        Of the object, among those of its image.
    bounds : tuple of 4 floats
        x0, y0, x1, y1 of the box around it, in pixels of the image.
    labels : collection of int or str
        The detector's own labels that stand for the object's.
    """

    id: str
    bounds: tuple[float, float, float, float]
    labels: Collection[int | str]


class _View(NamedTuple):
    """What a detector reads of an image, and how to score an object in it."""

    view: Tensor
    box: tuple[float, float, float, float]
    covers: tuple[float, float]
    score: Score
    net: nn.Module | None
    at_once: int


class ObjectExplainer:
    """Explains the objects that one detector finds. Several threads may use it.

    Parameters
    ----------
    detector : Detector
        A net is copied, since hooks on one that predicts meanwhile would mix both up.
    version : str
        Of the model.
    folder : Path
        Where maps are kept.
    """

    def __init__(self, detector: Detector, version: str, folder: Path) -> None:
        self.version, self._detector = version, detector
        self._lock, self._on_disk = threading.RLock(), AttributionCache(folder)
        self._kept: OrderedDict[tuple[str, ...], Attribution] = OrderedDict()
        self._net: nn.Module | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that may serve this detector; a net's gradients need not reach a convolution."""
        return METHODS if isinstance(self._detector, (OwnDetector, TorchvisionDetector)) else ("occlusion",)

    def explain(self, item_id: str, image: Callable[[], np.ndarray], one: Explained, method: str, *,
                content: str | None = None) -> Attribution:
        """Why the detector finds an object.

        Parameters
        ----------
        item_id : str
        image : callable
            Reads the item: uint8, shape (H, W) or (H, W, 3).
        one : Explained
        method : "gradcam" or "occlusion"
        content : str or None
            What identifies the item's content; None where that isn't known, and the map isn't kept.

        Raises
        ------
        BadInput
            When there is no such method for objects.
        ModelError
            When it doesn't serve this detector, or the detector raises.
        ImageError
            When the item can't be read.
        """
        if method not in METHODS:
            raise BadInput(f"method is {method!r}; for an object {' and '.join(METHODS)} are there.")
        if method not in self.methods:
            raise ModelError(f"{method!r} reads the maps of a convolution, and this model is only known by its "
                             "predict(images). Take 'occlusion'.")
        if not one.labels:
            raise ModelError("the model has no label that stands for this object's today, so that nothing of it can "
                             "be explained.")
        key = (self.version, item_id, content or "", method, repr([round(side, 2) for side in one.bounds]),
               repr(sorted(map(str, one.labels))))
        with self._lock:
            if content is not None and (kept := self._recall(key)) is not None:
                return replace(kept, target=f"{OBJECT}{one.id}")
            try:
                values, covers = self._values(image(), one, method)
            except HitlError:
                raise
            except Exception as error:  # a person's model, which may raise anything
                raise ModelError(f"the model raised on item {item_id!r} while an object was explained: "
                                 f"{type(error).__name__}: {error}.") from error
            made = Attribution(item_id=item_id, method=method, target=f"{OBJECT}{one.id}", model=self.version,
                               values=values, box=(0.0, 0.0, *covers), signed=method == "occlusion")
            if content is not None:
                self._keep(key, made)
            return made

    def _values(self, image: np.ndarray, one: Explained, method: str) -> tuple[np.ndarray, tuple[float, float]]:
        """The values of a map, and how much of the image they cover, across and down, from its upper left corner."""
        seen = self._own(image, one) if isinstance(self._detector, OwnDetector) else self._others(image, one)
        if method == "gradcam":
            assert seen.net is not None
            values = gradcam_of(seen.score, seen.net, seen.view, seen.box)
        else:
            values = occlusion_of(seen.score, seen.view, seen.box, at_once=seen.at_once)
        if not np.isfinite(values).all():
            raise ModelError(f"{method!r} gave values that aren't finite numbers; another method may serve.")
        return values, seen.covers

    def _own(self, image: np.ndarray, one: Explained) -> _View:
        """Our own net: the logit of the label at the object's centre, or at a cell beside it."""
        net = self._copied(self._detector.net)  # type: ignore[attr-defined]
        assert isinstance(net, ObjectNet)
        view, (across, down) = resized(image, int(net.side))
        whole = padded([view], net.mean)[0]
        box = (one.bounds[0] * across, one.bounds[1] * down, one.bounds[2] * across, one.bounds[3] * down)
        row, column = (min(int(middle / STRIDE), side // STRIDE - 1) for middle, side in
                       (((box[1] + box[3]) / 2, whole.shape[1]), ((box[0] + box[2]) / 2, whole.shape[2])))
        rows, columns = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
        labels = [int(label) for label in one.labels]

        def score(views: Tensor) -> Tensor:
            return net(views)[0][:, labels, rows, columns].flatten(1).amax(dim=1)
        return _View(whole, box, (whole.shape[2] / across, whole.shape[1] / down), score, net, 2 * AT_ONCE)

    def _others(self, image: np.ndarray, one: Explained) -> _View:
        """Somebody's detector: the score of the detection that stands for the object."""
        colour = image if image.ndim == 3 else np.broadcast_to(image[..., None], (*image.shape, 3))
        view = torch.from_numpy(np.ascontiguousarray(colour)).permute(2, 0, 1).float() / 255
        covers = (float(image.shape[1]), float(image.shape[0]))
        detector = self._detector
        if not isinstance(detector, TorchvisionDetector):
            def score_by_predict(views: Tensor) -> Tensor:
                images = [(255 * one).round().byte().permute(1, 2, 0).numpy() for one in views]
                return torch.stack([score_of_best(found, one.bounds, one.labels)
                                    for found in predicted(detector, images)])
            return _View(view, one.bounds, covers, score_by_predict, None, AT_ONCE)
        net, device = self._copied(detector.net), detector.device
        labels = [int(label) + 1 for label in one.labels]  # 0 is the background

        def score(views: Tensor) -> Tensor:
            return torch.stack([score_of_best(found, one.bounds, labels) for found in net(list(views.to(device)))])
        return _View(view.to(device), one.bounds, covers, score, net, AT_ONCE)

    def _copied(self, net: nn.Module) -> nn.Module:
        if self._net is None:
            self._net = private_copy(net)
        return self._net

    def _recall(self, key: tuple[str, ...]) -> Attribution | None:
        kept = self._kept.get(key) or self._on_disk.get(key)
        if kept is not None:
            self._remember(key, kept)
        return kept

    def _keep(self, key: tuple[str, ...], made: Attribution) -> None:
        self._remember(key, made)
        self._on_disk.put(key, made)

    def _remember(self, key: tuple[str, ...], made: Attribution) -> None:
        self._kept[key] = made
        while len(self._kept) > N_KEPT:
            self._kept.popitem(last=False)
