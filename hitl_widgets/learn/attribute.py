"""Why does the model say so?

Captum's attribution methods, on any net, with no setting. Read `NetExplainer` first; `METHODS` lists what it can do.
Nothing here draws random numbers.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from torch import Tensor, nn
from torch.nn import functional

from ..errors import BadInput, HitlError, ModelError, UnknownLabel
from ..records import Attribution
from .predict import NetPredictor

STEPS = 50
# Values in one pass of integrated gradients: larger passes are slower on a CPU, and take more memory.
PASS = 1_500_000


@dataclass(frozen=True)
class Method:
    """A way to explain: `compute` maps views (n, C, h, w) and n targets to (n, h, w); `signed` if less than 0 means
    "against"; `on_maps` if it reads a convolution's maps."""

    compute: Callable[[NetExplainer, Tensor, list[int]], Tensor]
    signed: bool = False
    on_maps: bool = False


class NetExplainer:
    """Says why a predictor's net speaks for a label (`records.Explainer`), on the predictor's own copy of the net.

    Parameters
    ----------
    predictor : its net, lock and preprocessing are shared
    layer : name of the layer that "gradcam" reads, as in `net.named_modules()`; None finds the last convolution

    Raises
    ------
    BadInput
        If the net has no layer of that name.
    """

    def __init__(self, predictor: NetPredictor, *, layer: str | None = None) -> None:
        self.predictor = predictor
        self._layer: nn.Module | None = None
        if layer is not None:
            layers = dict(predictor.net.named_modules())
            if layer not in layers:
                near = difflib.get_close_matches(layer, layers) or list(layers)[-3:]
                raise BadInput(f"the net has no layer {layer!r}; did you mean {', '.join(near)}? See "
                               "[name for name, _ in net.named_modules()].")
            self._layer = layers[layer]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that serve this net."""
        has_maps = self._layer is not None or bool(_convolutions(self.predictor.net))
        return tuple(name for name, method in METHODS.items() if has_maps or not method.on_maps)

    @property
    def maps_back(self) -> bool:
        """False when some explanation couldn't be placed on its item, so that its box is the whole of it: show it on
        the net's own view (`preprocess.picture`)."""
        return self.predictor.preprocess.maps_back

    def explain(self, position: int, *, method: str = "gradcam", target: str) -> Attribution:
        """What spoke for a label, on one item.

        Parameters
        ----------
        position : of the item in the pool
        method : one of `methods`
        target : a label_id of the predictor

        Raises
        ------
        ImageError
            If the item can't be read.
        ModelError
            If the method doesn't serve this net, or the net raises.
        BadInput, UnknownLabel
            If there is no such method or label.
        """
        [answer] = self.explain_many([position], method=method, targets=[target])
        if isinstance(answer, HitlError):
            raise answer
        return answer

    def explain_many(self, positions: Sequence[int], *, method: str = "gradcam",
                     targets: Sequence[str]) -> list[Attribution | HitlError]:
        """The attribution of each item for its target; an error stands in the place of one that failed."""
        self._check(method, targets)
        if len(positions) != len(targets):
            raise BadInput(f"{len(positions)} items and {len(targets)} targets were given; one target an item is "
                           "expected.")
        answers: dict[int, Attribution | HitlError] = {}
        for start in range(0, len(positions), self.predictor.batch_size):
            seen: dict[int, tuple[Tensor, tuple[int, int]]] = {}
            for row, position in enumerate(positions[start:start + self.predictor.batch_size], start):
                try:
                    seen[row] = self.predictor.view(position)
                except HitlError as error:
                    answers[row] = error
            columns = [self.predictor.label_ids.index(targets[row]) for row in seen]
            views = [view for view, _ in seen.values()]
            for row, values in zip(seen, self._attribute(method, views, columns), strict=True):
                answers[row] = self._as_answer(positions[row], method, targets[row], values, *seen[row])
        return [answers[row] for row in range(len(positions))]

    def _check(self, method: str, targets: Sequence[str]) -> None:
        if method not in METHODS:
            raise BadInput(f"saliency method {method!r} is unknown; known are {', '.join(METHODS)}.")
        if method not in self.methods:
            raise ModelError(f"{method!r} reads the maps of a convolution, and this net has none. "
                             f"{' and '.join(self.methods)} serve it; or name a layer that gives maps.")
        if unknown := [target for target in targets if target not in self.predictor.label_ids]:
            raise UnknownLabel(f"label_id {unknown[0]!r} is none of the model's: "
                               f"{', '.join(self.predictor.label_ids[:10])}.")

    def _attribute(self, method: str, views: list[Tensor], columns: list[int]) -> list[np.ndarray | Exception]:
        """Values for each view; a batch that fails is halved, until it fits into memory or what is broken stands
        alone."""
        if not views:
            return []
        try:
            with self.predictor.lock, torch.enable_grad():
                batch = torch.stack(views).to(self.predictor.device).requires_grad_()
                return list(METHODS[method].compute(self, batch, columns).detach().float().cpu().numpy())
        except Exception as error:  # a user's net, which may raise anything
            if len(views) == 1:
                return [error]
        middle = len(views) // 2
        return [*self._attribute(method, views[:middle], columns[:middle]),
                *self._attribute(method, views[middle:], columns[middle:])]

    def _as_answer(self, position: int, method: str, target: str, values: np.ndarray | Exception, view: Tensor,
                   size: tuple[int, int]) -> Attribution | HitlError:
        if not isinstance(values, Exception) and not np.isfinite(values).all():
            values = ModelError(f"{method!r} gave values that aren't finite numbers; another method may serve.")
        if isinstance(values, Exception):
            return self.predictor.failure(values, position, view)
        height, width = size
        box = self.predictor.preprocess.box(height, width) or (0.0, 0.0, float(width), float(height))
        return Attribution(item_id=str(self.predictor.pool.ids[position]), method=method, target=target,
                           model=self.predictor.version, values=values, box=box, signed=METHODS[method].signed)

    def _maps_layer(self, views: Tensor) -> nn.Module:
        if self._layer is None:
            self._layer = last_convolution(self.predictor.net, lambda: self.predictor.logits(views[:1].detach()))
        return self._layer

    def _gradcam(self, views: Tensor, columns: list[int]) -> Tensor:
        maps = LayerGradCam(self.predictor.logits, self._maps_layer(views)).attribute(
            views, target=columns, relu_attributions=True)
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            raise ModelError("the layer named for 'gradcam' gives no maps (n, channels, h, w); name a convolution.")
        return functional.interpolate(maps.float(), views.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    def _saliency(self, views: Tensor, columns: list[int]) -> Tensor:
        return Saliency(self.predictor.logits).attribute(views, target=columns).sum(dim=1)

    def _integrated_gradients(self, views: Tensor, columns: list[int]) -> Tensor:
        at_once = max(10, min(256, PASS // views[0].numel()))
        method = IntegratedGradients(self.predictor.logits)
        return torch.cat([method.attribute(part, target=columns[start:start + at_once], n_steps=STEPS,
                                           internal_batch_size=at_once).sum(dim=1)
                          for start, part in zip(range(0, len(views), at_once), views.split(at_once), strict=True)])


def last_convolution(net: nn.Module, forward: Callable[[], object]) -> nn.Module:
    """The convolution that runs last and still gives maps of more than one pixel, found by running the net once."""
    ran: list[tuple[nn.Module, int]] = []
    hooks = [layer.register_forward_hook(lambda layer, _, maps: ran.append((layer, maps.shape[2:].numel())))
             for layer in _convolutions(net)]
    try:
        with torch.no_grad():
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError("no convolution took part when the net ran; name a layer that gives maps, or take another "
                         "method.")
    return next((layer for layer, n_pixels in reversed(ran) if n_pixels > 1), ran[-1][0])


def _convolutions(net: nn.Module) -> list[nn.Conv2d]:
    """The convolutions whose maps say where something is. One alone that cuts the item into patches, as in a vision
    transformer, has seen no more than its patch."""
    found = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    patches = len(found) == 1 and found[0].stride == found[0].kernel_size != (1, 1)
    return [] if patches else found


# Grad-CAM: Selvaraju et al. (2017), doi:10.1109/ICCV.2017.74. Saliency, the gradient's size summed over channels:
# Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034. Integrated gradients, from a view of zeros: Sundararajan,
# Taly and Yan (2017), arXiv:1703.01365.
METHODS: dict[str, Method] = {
    "gradcam": Method(NetExplainer._gradcam, on_maps=True),
    "saliency": Method(NetExplainer._saliency),
    "integrated_gradients": Method(NetExplainer._integrated_gradients, signed=True),
}
