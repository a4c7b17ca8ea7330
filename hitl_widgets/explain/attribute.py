"""Attributions: Captum's methods, KernelSHAP and LIME on any net, without settings.

Read `NetExplainer` first; `METHODS` lists what it can do. Nothing here draws from torch's global random generator.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from captum.attr import (
    InputXGradient,
    IntegratedGradients,
    LayerGradCam,
    LayerGradientXActivation,
    Occlusion,
    Saliency,
)
from torch import Tensor, nn
from torch.nn import functional

from ..errors import BadInput, HitlError, ModelError, UnknownLabel
from ..items.superpixels import superpixels
from ..learn.callables import CallableNet
from ..learn.descriptors import FINE, DescriptorNet
from ..learn.light import is_light_net
from ..learn.predict import NetPredictor
from ..learn.preprocess import picture
from ..records import Attribution, check_methods
from .lime import samples, slopes
from .shapley import coalitions, shares

STEPS = 50
# Occlusion hides a window of a seventh of the view's sides, and moves it by half of that.
WINDOWS = 7
SEGMENTS, SAMPLES = 30, 160
# The default of the card and `Workbench.explain`, and the default for functions. Superpixels of images, which have
# their own size, are found for functions on a copy whose longer side is at most this.
DEFAULT, OF_FUNCTIONS, LARGEST_CUT = "gradcam", "kernelshap", 320
# Probabilities of functions are clipped at this minimum.
LEAST_PROB = 1e-3
# Maximum number of values, and of views, in one pass: larger passes take more memory, and overflow a CPU's caches.
PASS, LARGEST = 1_500_000, {"cpu": 32}


class Targets(NamedTuple):
    """What is explained for each of n items: the target label, alone or in contrast to another.

    Attributes
    ----------
    target, against : Tensor of bool, shape (n, n_labels)
        The columns of each label; a label merged from several of the model's labels has several.
    contrast : Tensor, shape (n,)
        1 where there is a label to contrast with, else 0.
    """

    target: Tensor
    against: Tensor
    contrast: Tensor

    def rows(self, which: Any) -> Targets:
        """The targets of some of the items.

        Parameters
        ----------
        which : index
            Any index of a tensor.
        """
        return Targets(self.target[which], self.against[which], self.contrast[which])


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Parameters
    ----------
    compute : callable
        Maps an explainer, views of shape (n, C, h, w) and their targets to values of shape (n, h, w).
    signed : bool
        Whether values below 0 mean "against".
    on_maps : bool
        Whether it reads the maps of a convolution.
    by_gradient : bool
        Whether it needs gradients, which functions don't have.
    """

    compute: Callable[[NetExplainer, Tensor, Targets], Tensor]
    signed: bool = False
    on_maps: bool = False
    by_gradient: bool = True


class NetExplainer:
    """Explains a predictor's net (`records.Explainer`), on the predictor's own copy of it.

    Parameters
    ----------
    predictor : NetPredictor
        Its net, lock and preprocessing are shared.
    layer : str, optional
        Name of the layer that "gradcam" reads, as in `net.named_modules()`; the last convolution when None.

    Raises
    ------
    BadInput
        If the net has no layer of that name.
    """

    def __init__(self, predictor: NetPredictor, *, layer: str | None = None) -> None:
        self.predictor, self.layer = predictor, layer
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
        """The methods that serve this net; for a function the perturbation methods."""
        if self.of_function:
            return tuple(name for name, method in METHODS.items() if not method.by_gradient)
        has_maps = self._layer is not None or bool(_convolutions(self.predictor.net))
        return tuple(name for name, method in METHODS.items() if has_maps or not method.on_maps)

    @property
    def of_function(self) -> bool:
        """Whether the model is a function or an estimator, which returns only probabilities."""
        return isinstance(self.predictor.net, CallableNet)

    def method_of(self, name: str) -> str:
        """The method that a name stands for: for a function, "gradcam" (the default) means "kernelshap"."""
        return OF_FUNCTIONS if name == DEFAULT and self.of_function else name

    @property
    def maps_back(self) -> bool:
        """False when some explanation couldn't be mapped back to its item, so that its box is the whole item.

        Show it on the net's own view then (`preprocess.picture`).
        """
        return self.predictor.preprocess.maps_back

    def explain(self, position: int, *, method: str = "gradcam", target: str,
                against: str | None = None) -> Attribution:
        """The attribution of one item.

        Parameters
        ----------
        position : int
            Position of the item in the pool.
        method : str
            One of `methods`.
        target : str
            A label_id of the predictor.
        against : str, optional
            Another label_id, to explain why the target rather than that one.

        Raises
        ------
        ItemError
            If the item can't be read.
        ModelError
            If the method doesn't serve this net, or the net raises.
        BadInput, UnknownLabel
            If there is no such method or label.
        """
        [answer] = self.explain_many([position], method=method, targets=[target], against=[against])
        if isinstance(answer, HitlError):
            raise answer
        return answer

    def explain_many(self, positions: Sequence[int], *, method: str = "gradcam", targets: Sequence[str],
                     against: Sequence[str | None] | None = None,
                     parts: Mapping[str, Sequence[str]] | None = None) -> list[Attribution | HitlError]:
        """The attribution of each item for its target; an error in place of one that failed.

        Parameters
        ----------
        positions : sequence of int
            Positions of the items in the pool.
        method : str
            One of `methods`.
        targets : sequence of str
            A label_id for each item.
        against : sequence of (str or None), optional
            Another label_id for each, as for `explain`.
        parts : mapping of str to sequence of str, optional
            For each merged label, the predictor's labels that it was merged from. Its probability is their sum,
            so that its logit is the log-sum-exp of their logits.
        """
        against = [None] * len(targets) if against is None else against
        if not len(positions) == len(targets) == len(against):
            raise BadInput(f"{len(positions)} items and {len(targets)} targets were given; one target an item is "
                           "expected.")
        method = self.method_of(method)
        self.check_method(method)
        contrasts = self.targets_of(targets, against, parts)
        answers: dict[int, Attribution | HitlError] = {}
        for start in range(0, len(positions), self.predictor.batch_size):
            views: dict[int, tuple[Tensor, tuple[int, int]]] = {}
            for row, position in enumerate(positions[start:start + self.predictor.batch_size], start):
                try:
                    views[row] = self.predictor.view(position)
                except HitlError as error:
                    answers[row] = error
            maps = self.attribute(method, [view for view, _ in views.values()], contrasts.rows(list(views)))
            for row, values in zip(views, maps, strict=True):
                answers[row] = self._attribution(positions[row], method, (targets[row], against[row]), values,
                                                 *views[row])
        return [answers[row] for row in range(len(positions))]

    def check_method(self, method: str) -> None:
        """Check that a method can be used.

        Parameters
        ----------
        method : str
            Its name.

        Raises
        ------
        BadInput
            If there is no such method.
        ModelError
            If it doesn't serve this net.
        """
        if method not in METHODS:  # tests add methods
            check_methods(method)
        if method not in self.methods:
            *most, last = self.methods
            if self.of_function:
                raise ModelError(f"{method!r} needs the gradients of a net, and this model is a function or an "
                                 f"estimator, which has none. Take one of those that serve it: {', '.join(most)} or "
                                 f"{last}.")
            raise ModelError(f"{method!r} reads the maps of a convolution, and this net has none. "
                             f"Take one of those that serve it: {', '.join(most)} or {last}.")

    def targets_of(self, targets: Sequence[str], against: Sequence[str | None],
                   parts: Mapping[str, Sequence[str]] | None = None) -> Targets:
        """The columns of these labels in the net's outputs.

        Parameters
        ----------
        targets, against, parts
            As for `explain_many`.

        Raises
        ------
        UnknownLabel
            If the model has no such label.
        BadInput
            If a label is compared with itself.
        """
        return targets_of(self.predictor.label_ids, targets, against, parts)

    def attribute(self, method: str, views: Sequence[Tensor], targets: Targets) -> list[np.ndarray | Exception]:
        """Values of shape (h, w) for each view, whatever its size; an exception in place of one that failed.

        As many views are computed at once as fit into one pass. A batch that fails is halved, until it fits into memory
        or the view that fails is alone.

        Parameters
        ----------
        method : str
            One of `methods`.
        views : sequence of Tensor
            Each of shape (C, h, w).
        targets : Targets
            What to explain.
        """
        answers: dict[int, np.ndarray | Exception] = {}
        by_shape: dict[torch.Size, list[int]] = {}
        for row, view in enumerate(views):
            by_shape.setdefault(view.shape, []).append(row)
        for shape, rows in by_shape.items():
            at_once = self.at_once(shape)
            for start in range(0, len(rows), at_once):
                some = rows[start:start + at_once]
                maps = self._halving(method, [views[row] for row in some], targets.rows(some))
                answers |= zip(some, maps, strict=True)
        return [answers[row] for row in range(len(views))]

    def _halving(self, method: str, views: list[Tensor], targets: Targets) -> list[np.ndarray | Exception]:
        try:
            # A function may take long: only its calls are under the lock, so that predictions needn't wait for a map.
            with nullcontext() if self.of_function else self.predictor.lock, torch.enable_grad():
                on_device = Targets(*(tensor.to(self.predictor.device) for tensor in targets))
                batch = torch.stack(views).to(self.predictor.device).requires_grad_()
                return list(METHODS[method].compute(self, batch, on_device).detach().float().cpu().numpy())
        except Exception as error:  # a user's net, which may raise anything
            if len(views) == 1:
                return [error]
        middle = len(views) // 2
        return [*self._halving(method, views[:middle], targets.rows(slice(middle))),
                *self._halving(method, views[middle:], targets.rows(slice(middle, None)))]

    def _attribution(self, position: int, method: str, labels: tuple[str, str | None], values: np.ndarray | Exception,
                     view: Tensor, size: tuple[int, int]) -> Attribution | HitlError:
        if not isinstance(values, Exception) and not np.isfinite(values).all():
            values = ModelError(f"{method!r} gave values that aren't finite numbers; try another method.")
        if isinstance(values, Exception):
            return self.predictor.failure(values, position, view)
        height, width = size
        box = self.predictor.preprocess.box(height, width) or (0.0, 0.0, float(width), float(height))
        return Attribution(item_id=str(self.predictor.pool.ids[position]), method=method, target=labels[0],
                           against=labels[1], model=self.predictor.version, values=values, box=box,
                           signed=METHODS[method].signed)

    def at_once(self, shape: torch.Size) -> int:
        """Maximum number of views in one pass through the net.

        Parameters
        ----------
        shape : torch.Size
            Their shape (C, h, w).
        """
        return max(1, min(LARGEST.get(self.predictor.device.type, 256), PASS // shape.numel()))

    def score(self, views: Tensor, target: Tensor, against: Tensor, contrast: Tensor) -> Tensor:
        """The number that is explained, shape (n,): the target's logit, minus the contrast label's if any.

        For a function it is the logarithm of the target's odds, see `score_of`. It takes the predictor's lock.

        Parameters
        ----------
        views : Tensor, shape (n, C, h, w)
            The items.
        target, against, contrast : Tensor
            As `Targets` has them.
        """
        with self.predictor.lock:
            logits = self.predictor.logits(views)
        return score_of(logits, Targets(target, against, contrast), of_function=self.of_function,
                        multilabel=self.predictor.multilabel)

    def _maps_layer(self, views: Tensor) -> nn.Module:
        if self._layer is None:
            self._layer = last_convolution(self.predictor.net, lambda: self.predictor.logits(views[:1].detach()))
        return self._layer

    def _gradcam(self, views: Tensor, targets: Targets) -> Tensor:
        if self._layer is None and is_light_net(self.predictor.net):
            return self._edges(views, targets)
        maps = LayerGradCam(self.score, self._maps_layer(views)).attribute(
            views, additional_forward_args=targets, relu_attributions=True)
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            raise ModelError("the layer named for 'gradcam' gives no maps (n, channels, h, w); name a convolution.")
        return functional.interpolate(maps.float(), views.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    def _edges(self, views: Tensor, targets: Targets) -> Tensor:
        """Attributions of a light net from its edges and patches, at each place of the view.

        Its last layer has weights for each direction in each cell, so that the mean gradient of a direction over the
        view, as in Grad-CAM, would say little: gradient times value is taken at each place, as in HiResCAM.
        """
        descriptors = self.predictor.net.get_submodule("0")
        assert isinstance(descriptors, DescriptorNet)
        side, form = descriptors.side, descriptors.form
        total = torch.zeros(len(views), form.n_windows, side, side)
        for layer in (descriptors.fine.slopes, descriptors.coarse.slopes, descriptors.patches[0]):
            values = LayerGradientXActivation(self.score, layer).attribute(views, additional_forward_args=targets)
            assert isinstance(values, Tensor)
            # Windows and colour channels are rows of the layer's batch, and the view has a frame.
            maps = values.sum(dim=1).unflatten(0, (len(views), form.n_windows, -1)).sum(dim=2)
            first = (maps.shape[-1] - side) // 2
            total = total.to(maps) + maps[:, :, first:first + side, first:first + side]
        width = side // FINE // 2 * 2 + 1
        whole = total.unflatten(1, (form.down, form.across)).transpose(2, 3).reshape(len(views), 1, *form.size)
        smooth = functional.avg_pool2d(whole, width, stride=1, padding=width // 2).relu()
        return functional.interpolate(smooth.float(), views.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    def _saliency(self, views: Tensor, targets: Targets) -> Tensor:
        return Saliency(self.score).attribute(views, additional_forward_args=targets).sum(dim=1)

    def _input_x_gradient(self, views: Tensor, targets: Targets) -> Tensor:
        return InputXGradient(self.score).attribute(views, additional_forward_args=targets).sum(dim=1)

    def _integrated_gradients(self, views: Tensor, targets: Targets) -> Tensor:
        # At least 10 steps a pass: fewer take far longer, and even of large views 10 fit.
        at_once = max(10, self.at_once(views[0].shape))
        return IntegratedGradients(self.score).attribute(views, additional_forward_args=targets, n_steps=STEPS,
                                                          internal_batch_size=at_once).sum(dim=1)

    def _occlusion(self, views: Tensor, targets: Targets) -> Tensor:
        channels, *sides = views.shape[1:]
        window = [ceil(side / WINDOWS) for side in sides]
        # All channels of a pixel get the same value.
        return Occlusion(self.score).attribute(
            views.detach(), (channels, *window), strides=(channels, *(ceil(side / 2) for side in window)),
            baselines=self.hidden(views.detach()).expand_as(views), additional_forward_args=targets,
            perturbations_per_eval=max(1, self.at_once(views[0].shape) // len(views)))[:, 0]

    def _kernelshap(self, views: Tensor, targets: Targets) -> Tensor:
        def fit(n_parts: int, ask: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
            shown, weights = coalitions(n_parts, SAMPLES)
            return shares(shown, weights, ask(shown))
        return self._by_superpixels(views, targets, fit)

    def _lime(self, views: Tensor, targets: Targets) -> Tensor:
        def fit(n_parts: int, ask: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
            shown = samples(n_parts, SAMPLES)
            return slopes(shown, ask(shown))
        return self._by_superpixels(views, targets, fit)

    def _by_superpixels(self, views: Tensor, targets: Targets,
                        fit: Callable[[int, Callable[[np.ndarray], np.ndarray]], np.ndarray]) -> Tensor:
        """The value of each superpixel, shape (n, h, w), from the scores of views in which some are hidden."""
        return torch.stack([self._of_parts(views[row].detach(), targets.rows(slice(row, row + 1)), fit)
                            for row in range(len(views))])

    def _of_parts(self, view: Tensor, targets: Targets,
                  fit: Callable[[int, Callable[[np.ndarray], np.ndarray]], np.ndarray]) -> Tensor:
        segments = torch.from_numpy(_segments(picture(view), most=LARGEST_CUT if self.of_function else None))
        hidden, places = self.hidden(view[None])[0], segments.to(view.device)
        if self.of_function:  # a function gets bytes in the end
            view, hidden = ((255 * one).round().to(torch.uint8) for one in (view, hidden))

        def ask(shown: np.ndarray) -> np.ndarray:
            scores = []
            with torch.no_grad():
                for some in torch.from_numpy(shown).to(view.device).split(self.at_once(view.shape)):
                    masked = torch.where(some[:, places][:, None], view, hidden)
                    scores.append(self.score(masked, *(part.expand(len(some), *part.shape[1:]) for part in targets)))
            return torch.cat(scores).cpu().double().numpy()
        return torch.from_numpy(fit(int(segments.max()) + 1, ask))[segments]

    def hidden(self, views: Tensor) -> Tensor:
        """The values that replace hidden parts, shape (n, C, 1, 1): zeros, or for a function the mean colour.

        A net's zeros are usually the mean of its views. A function gets pixels as they are, of which zeros are black.

        Parameters
        ----------
        views : Tensor, shape (n, C, h, w)
        """
        return views.mean(dim=(2, 3), keepdim=True) if self.of_function else views.new_zeros(*views.shape[:2], 1, 1)


def _segments(image: np.ndarray, *, most: int | None) -> np.ndarray:
    """The superpixels of an image, found on a smaller copy where a side is longer than `most`."""
    height, width = image.shape[:2]
    if most is None or max(height, width) <= most:
        return superpixels(image, n=SEGMENTS)
    step = ceil(max(height, width) / most)
    small = superpixels(np.ascontiguousarray(image[step // 2::step, step // 2::step]), n=SEGMENTS)
    rows, columns = (np.minimum(np.arange(n) // step, side - 1) for n, side in
                     zip((height, width), small.shape, strict=True))
    found: np.ndarray = small[rows[:, None], columns]
    return found


def score_of(logits: Tensor, targets: Targets, *, of_function: bool, multilabel: bool) -> Tensor:
    """The number that is explained, shape (n,): a label's logit, minus the logit of the label to contrast with, if any.

    A function returns only probabilities, so its number is the logarithm of the target's odds. Probabilities are
    clipped at `LEAST_PROB`: otherwise a label for which none of a forest's 100 trees votes would outweigh everything
    else.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
    targets : Targets
        Targets of the n items, or one for all.
    of_function, multilabel : bool
        Whether the model is a function, and whether an item may have several labels.
    """
    target, against, contrast = (part.to(logits.device) for part in targets)
    if of_function and multilabel:
        most = math.log((1 - LEAST_PROB) / LEAST_PROB)
        logits = logits.clamp(-most, most)
    elif of_function:
        logits = logits.clamp_min(math.log(LEAST_PROB))
        alone = (contrast == 0) & ~target.all(dim=1)
        against, contrast = torch.where(alone[:, None], ~target, against), torch.where(alone, 1.0, contrast)

    def logit(columns: Tensor) -> Tensor:
        return logits.masked_fill(~columns, -torch.inf).logsumexp(dim=1)
    return logit(target) - contrast * logit(against) if bool(contrast.any()) else logit(target)


def targets_of(label_ids: Sequence[str], targets: Sequence[str], against: Sequence[str | None],
               parts: Mapping[str, Sequence[str]] | None = None) -> Targets:
    """The columns of labels in a model's outputs.

    Parameters
    ----------
    label_ids : sequence of str
        Labels of the outputs.
    targets, against, parts
        As for `NetExplainer.explain_many`.

    Raises
    ------
    UnknownLabel
        If the model has no such label.
    BadInput
        If a label is compared with itself.
    """
    columns = {label_id: [column] for column, label_id in enumerate(label_ids)}
    columns |= {label_id: [label_ids.index(part) for part in merged] for label_id, merged in (parts or {}).items()
                if merged}
    if unknown := [label for label in (*targets, *against) if label is not None and label not in columns]:
        raise UnknownLabel(f"label_id {unknown[0]!r} is none of the model's: {', '.join(label_ids[:10])}.")
    if same := [one for one, other in zip(targets, against, strict=True) if one == other]:
        raise BadInput(f"label_id {same[0]!r} is compared with itself; another label is expected, or none.")

    def mask(labels: Sequence[str | None]) -> Tensor:
        rows = torch.zeros(len(labels), len(label_ids), dtype=torch.bool)
        for row, label in enumerate(labels):
            # Multiplied by 0 if there is no label; but the logarithm of an empty sum isn't finite.
            rows[row, slice(None) if label is None else columns[label]] = True
        return rows
    return Targets(mask(targets), mask(against), torch.tensor([float(label is not None) for label in against]))


def last_convolution(net: nn.Module, forward: Callable[[], object]) -> nn.Module:
    """The last convolution to run whose maps have more than one pixel.

    Parameters
    ----------
    net : nn.Module
        The net.
    forward : callable
        Runs the net once.

    Raises
    ------
    ModelError
        If no convolution runs.
    """
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
        raise ModelError("no convolution took part when the net ran, so that 'gradcam' has no maps to read. Take "
                         "another method, such as 'saliency' or 'occlusion'.")
    return next((layer for layer, n_pixels in reversed(ran) if n_pixels > 1), ran[-1][0])


def _convolutions(net: nn.Module) -> list[nn.Conv2d]:
    """The convolutions whose maps show where something is.

    A single convolution that only cuts the item into patches, as in a vision transformer, is left out.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    only_patches = len(layers) == 1 and layers[0].stride == layers[0].kernel_size != (1, 1)
    return [] if only_patches else layers


# Grad-CAM: Selvaraju et al. (2017), doi:10.1109/ICCV.2017.74, and of light nets HiResCAM: Draelos and Carin (2020),
# arXiv:2011.08891. Saliency, the gradient's size summed over channels: Simonyan, Vedaldi and Zisserman (2014),
# arXiv:1312.6034. Input x gradient: Shrikumar et al. (2016), arXiv:1605.01713. Integrated gradients, from a view of
# zeros: Sundararajan, Taly and Yan (2017), arXiv:1703.01365. Occlusion, by zeros: Zeiler and Fergus (2014),
# arXiv:1311.2901. KernelSHAP: Lundberg and Lee (2017), arXiv:1705.07874. LIME: Ribeiro, Singh and Guestrin (2016),
# doi:10.1145/2939672.2939778.
METHODS: dict[str, Method] = {
    "gradcam": Method(NetExplainer._gradcam, on_maps=True),
    "saliency": Method(NetExplainer._saliency),
    "input_x_gradient": Method(NetExplainer._input_x_gradient, signed=True),
    "integrated_gradients": Method(NetExplainer._integrated_gradients, signed=True),
    "occlusion": Method(NetExplainer._occlusion, signed=True, by_gradient=False),
    "kernelshap": Method(NetExplainer._kernelshap, signed=True, by_gradient=False),
    "lime": Method(NetExplainer._lime, signed=True, by_gradient=False),
}
