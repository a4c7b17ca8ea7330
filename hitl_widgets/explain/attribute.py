"""Why does the model say so?

Captum's attribution methods, on any net, with no setting. Read `NetExplainer` first; `METHODS` lists what it can do.
Nothing here draws from a random generator that others use.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, LimeBase, Occlusion, Saliency
from torch import Tensor, nn
from torch.nn import functional

from ..errors import BadInput, HitlError, ModelError, UnknownLabel
from ..items.superpixels import superpixels
from ..learn.predict import NetPredictor
from ..learn.preprocess import picture
from ..records import Attribution
from .shapley import coalitions, shares

STEPS = 50
# Occlusion hides a window of a seventh of the view's sides, and moves it by half of that.
WINDOWS = 7
SEGMENTS, SAMPLES = 30, 160
# Values in one pass through the net, and views: larger passes take more memory, and on a CPU leave its caches.
PASS, LARGEST = 1_500_000, {"cpu": 32}


class Asked(NamedTuple):
    """What is asked of the net for each of n items: the columns of the target and of what it is held against.

    `target` and `against` are bool, shape (n, n_labels): a label that was merged from several of the model's has
    several columns. `held` is 1 where there is something to hold against, else 0, shape (n,).
    """

    target: Tensor
    against: Tensor
    held: Tensor

    def rows(self, which: Any) -> Asked:
        """The questions for some of the items."""
        return Asked(self.target[which], self.against[which], self.held[which])


@dataclass(frozen=True)
class Method:
    """A way to explain: `compute` maps views (n, C, h, w) and what is asked of them to (n, h, w); `signed` if less
    than 0 means "against"; `on_maps` if it reads a convolution's maps."""

    compute: Callable[[NetExplainer, Tensor, Asked], Tensor]
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
        """The methods that serve this net."""
        has_maps = self._layer is not None or bool(_convolutions(self.predictor.net))
        return tuple(name for name, method in METHODS.items() if has_maps or not method.on_maps)

    @property
    def maps_back(self) -> bool:
        """False when some explanation couldn't be placed on its item, so that its box is the whole of it: show it on
        the net's own view (`preprocess.picture`)."""
        return self.predictor.preprocess.maps_back

    def explain(self, position: int, *, method: str = "gradcam", target: str,
                against: str | None = None) -> Attribution:
        """What spoke for a label, on one item.

        Parameters
        ----------
        position : of the item in the pool
        method : one of `methods`
        target : a label_id of the predictor
        against : another, to learn what speaks for the target rather than for that one

        Raises
        ------
        ImageError
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
        """The attribution of each item for its target; an error stands in the place of one that failed.

        Parameters
        ----------
        targets, against : one a position; no `against` for any when None
        parts : which of the predictor's labels a label is made of, where it was merged from several. Its logit is then
            the logarithm of the sum of their exponentials, as its probability is their sum
        """
        against = [None] * len(targets) if against is None else against
        if not len(positions) == len(targets) == len(against):
            raise BadInput(f"{len(positions)} items and {len(targets)} targets were given; one target an item is "
                           "expected.")
        self.check(method)
        asked = self.ask(targets, against, parts)
        answers: dict[int, Attribution | HitlError] = {}
        for start in range(0, len(positions), self.predictor.batch_size):
            seen: dict[int, tuple[Tensor, tuple[int, int]]] = {}
            for row, position in enumerate(positions[start:start + self.predictor.batch_size], start):
                try:
                    seen[row] = self.predictor.view(position)
                except HitlError as error:
                    answers[row] = error
            views = [view for view, _ in seen.values()]
            for row, values in zip(seen, self.attribute(method, views, asked.rows(list(seen))), strict=True):
                answers[row] = self._as_answer(positions[row], method, (targets[row], against[row]), values, *seen[row])
        return [answers[row] for row in range(len(positions))]

    def check(self, method: str) -> None:
        """BadInput when there is no such method, ModelError when it doesn't serve this net; both say which do."""
        if method not in METHODS:
            raise BadInput(f"saliency method {method!r} is unknown; known are {', '.join(METHODS)}.")
        if method not in self.methods:
            *most, last = self.methods
            raise ModelError(f"{method!r} reads the maps of a convolution, and this net has none. "
                             f"{', '.join(most)} and {last} serve it; or name a layer that gives maps.")

    def ask(self, targets: Sequence[str], against: Sequence[str | None],
            parts: Mapping[str, Sequence[str]] | None = None) -> Asked:
        """What is asked of the net for these targets; UnknownLabel, or BadInput where one is held against itself."""
        known = self.predictor.label_ids
        columns = {label_id: [column] for column, label_id in enumerate(known)}
        columns |= {label_id: [known.index(part) for part in made_of] for label_id, made_of in (parts or {}).items()
                    if made_of}
        if unknown := [label for label in (*targets, *against) if label is not None and label not in columns]:
            raise UnknownLabel(f"label_id {unknown[0]!r} is none of the model's: {', '.join(known[:10])}.")
        if same := [one for one, other in zip(targets, against, strict=True) if one == other]:
            raise BadInput(f"label_id {same[0]!r} is held against itself; another label is expected, or none.")

        def marked(labels: Sequence[str | None]) -> Tensor:
            marks = torch.zeros(len(labels), len(known), dtype=torch.bool)
            for row, label in enumerate(labels):
                # Counted 0 times where there is nothing to hold against; but a sum of no columns has no logarithm.
                marks[row, slice(None) if label is None else columns[label]] = True
            return marks
        return Asked(marked(targets), marked(against), torch.tensor([float(label is not None) for label in against]))

    def attribute(self, method: str, views: Sequence[Tensor], asked: Asked) -> list[np.ndarray | Exception]:
        """Values (h, w) for each view, whatever their sizes; an exception stands for one that failed.

        As many at a time as the memory for one pass allows. A batch that fails is halved, until it fits into memory or
        what is broken stands alone.
        """
        answers: dict[int, np.ndarray | Exception] = {}
        alike: dict[torch.Size, list[int]] = {}
        for row, view in enumerate(views):
            alike.setdefault(view.shape, []).append(row)
        for shape, rows in alike.items():
            at_once = self.at_once(shape)
            for start in range(0, len(rows), at_once):
                some = rows[start:start + at_once]
                answers |= zip(some, self._halved(method, [views[row] for row in some], asked.rows(some)), strict=True)
        return [answers[row] for row in range(len(views))]

    def _halved(self, method: str, views: list[Tensor], asked: Asked) -> list[np.ndarray | Exception]:
        try:
            with self.predictor.lock, torch.enable_grad():
                there = Asked(*(tensor.to(self.predictor.device) for tensor in asked))
                batch = torch.stack(views).to(self.predictor.device).requires_grad_()
                return list(METHODS[method].compute(self, batch, there).detach().float().cpu().numpy())
        except Exception as error:  # a user's net, which may raise anything
            if len(views) == 1:
                return [error]
        middle = len(views) // 2
        return [*self._halved(method, views[:middle], asked.rows(slice(middle))),
                *self._halved(method, views[middle:], asked.rows(slice(middle, None)))]

    def _as_answer(self, position: int, method: str, labels: tuple[str, str | None], values: np.ndarray | Exception,
                   view: Tensor, size: tuple[int, int]) -> Attribution | HitlError:
        if not isinstance(values, Exception) and not np.isfinite(values).all():
            values = ModelError(f"{method!r} gave values that aren't finite numbers; another method may serve.")
        if isinstance(values, Exception):
            return self.predictor.failure(values, position, view)
        height, width = size
        box = self.predictor.preprocess.box(height, width) or (0.0, 0.0, float(width), float(height))
        return Attribution(item_id=str(self.predictor.pool.ids[position]), method=method, target=labels[0],
                           against=labels[1], model=self.predictor.version, values=values, box=box,
                           signed=METHODS[method].signed)

    def at_once(self, shape: torch.Size) -> int:
        """How many views of a shape (C, h, w) go through the net in one pass."""
        return max(1, min(LARGEST.get(self.predictor.device.type, 256), PASS // shape.numel()))

    def speaks(self, views: Tensor, target: Tensor, against: Tensor, held: Tensor) -> Tensor:
        """How much the net speaks for what is asked, shape (n,): the target's logit, less the other's where there is
        one. Hold the predictor's lock."""
        logits = self.predictor.logits(views)

        def of(columns: Tensor) -> Tensor:
            return logits.masked_fill(~columns, -torch.inf).logsumexp(dim=1)
        return of(target) - held * of(against)

    def _maps_layer(self, views: Tensor) -> nn.Module:
        if self._layer is None:
            self._layer = last_convolution(self.predictor.net, lambda: self.predictor.logits(views[:1].detach()))
        return self._layer

    def _gradcam(self, views: Tensor, asked: Asked) -> Tensor:
        maps = LayerGradCam(self.speaks, self._maps_layer(views)).attribute(
            views, additional_forward_args=asked, relu_attributions=True)
        if not isinstance(maps, Tensor) or maps.ndim != 4:
            raise ModelError("the layer named for 'gradcam' gives no maps (n, channels, h, w); name a convolution.")
        return functional.interpolate(maps.float(), views.shape[2:], mode="bilinear", align_corners=False)[:, 0]

    def _saliency(self, views: Tensor, asked: Asked) -> Tensor:
        return Saliency(self.speaks).attribute(views, additional_forward_args=asked).sum(dim=1)

    def _input_x_gradient(self, views: Tensor, asked: Asked) -> Tensor:
        return InputXGradient(self.speaks).attribute(views, additional_forward_args=asked).sum(dim=1)

    def _integrated_gradients(self, views: Tensor, asked: Asked) -> Tensor:
        # At least 10 steps a pass: fewer take far longer, and even of large views 10 fit.
        at_once = max(10, self.at_once(views[0].shape))
        return IntegratedGradients(self.speaks).attribute(views, additional_forward_args=asked, n_steps=STEPS,
                                                          internal_batch_size=at_once).sum(dim=1)

    def _occlusion(self, views: Tensor, asked: Asked) -> Tensor:
        channels, *sides = views.shape[1:]
        window = [ceil(side / WINDOWS) for side in sides]
        # Each channel of a pixel gets the same.
        return Occlusion(self.speaks).attribute(
            views.detach(), (channels, *window), strides=(channels, *(ceil(side / 2) for side in window)),
            additional_forward_args=asked,
            perturbations_per_eval=max(1, self.at_once(views[0].shape) // len(views)))[:, 0]

    def _kernelshap(self, views: Tensor, asked: Asked) -> Tensor:
        return torch.stack([self._shares(views[row:row + 1].detach(), asked.rows(slice(row, row + 1)))
                            for row in range(len(views))])

    def _shares(self, view: Tensor, asked: Asked) -> Tensor:
        """Each superpixel's share in one view, shape (h, w)."""
        segments = torch.from_numpy(superpixels(picture(view[0]), n=SEGMENTS)).to(view.device)
        shown, weights = coalitions(int(segments.max()) + 1, SAMPLES)
        rows = iter(torch.from_numpy(shown).to(view.device).split(1))
        solver = _Solver(shown, weights)
        LimeBase(self.speaks, solver, lambda *_, **__: torch.ones(1), lambda *_, **__: next(rows), True,
                 lambda row, view, **_: view * row[0][segments], None).attribute(
            view, additional_forward_args=asked, n_samples=len(shown),
            perturbations_per_eval=self.at_once(view[0].shape))
        return torch.from_numpy(solver.found)[segments.cpu()]


class _Solver:
    """What Captum's LimeBase fits to the outcomes. Captum's own draws from torch's global generator for each item."""

    def __init__(self, shown: np.ndarray, weights: np.ndarray) -> None:
        self.shown, self.weights = shown, weights

    def fit(self, loader: Any) -> None:
        self.found = shares(self.shown, self.weights, loader.dataset.tensors[1].cpu().numpy())

    def representation(self) -> Tensor:
        return torch.from_numpy(self.found)


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
# Simonyan, Vedaldi and Zisserman (2014), arXiv:1312.6034. Input x gradient: Shrikumar et al. (2016), arXiv:1605.01713.
# Integrated gradients, from a view of zeros: Sundararajan, Taly and Yan (2017), arXiv:1703.01365. Occlusion, by zeros:
# Zeiler and Fergus (2014), arXiv:1311.2901. KernelSHAP: Lundberg and Lee (2017), arXiv:1705.07874.
METHODS: dict[str, Method] = {
    "gradcam": Method(NetExplainer._gradcam, on_maps=True),
    "saliency": Method(NetExplainer._saliency),
    "input_x_gradient": Method(NetExplainer._input_x_gradient, signed=True),
    "integrated_gradients": Method(NetExplainer._integrated_gradients, signed=True),
    "occlusion": Method(NetExplainer._occlusion, signed=True),
    "kernelshap": Method(NetExplainer._kernelshap, signed=True),
}
