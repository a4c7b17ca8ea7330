"""Faithfulness of attribution methods: sanity checks on a few items, with a verdict in words.

The measures for each method are randomised layers, deletion and insertion, infidelity, and sensitivity. Read
`measure_faithfulness` first. Torch's global generator isn't used.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import torch
from captum.metrics import infidelity, sensitivity_max
from scipy.stats import rankdata
from torch import Tensor, nn

from ..errors import BadInput, HitlError
from ..learn.predict import private_copy
from ..quality.intervals import student_mean
from ..records import Bars, Estimate, no_bars
from .attribute import NetExplainer, Targets

# Cells along each side of a map, steps in which they are hidden or shown, and random orders to compare with.
CELLS, STEPS, ORDERS = 14, 20, 3
# Numbers of randomised nets, of hidden squares an item, of noises an item, and of items that get noise.
NETS, HIDDEN, NOISES, NOISY_ITEMS = 2, 32, 4, 8
# Above this rank correlation with the map of a randomised net, the map doesn't depend on the net.
SAME = 0.8
MIN_ITEMS = 4
# Steps for each method: timing, maps, maps of randomised nets, cells, squares, noise.
STAGES = 6


@dataclass(frozen=True)
class Faithfulness:
    """The faithfulness of one method.

    Attributes
    ----------
    method : str
        Its name.
    randomised : Estimate
        Rank correlation of its maps with those of the net whose upper half was randomised.
    deletion, insertion : Estimate
        How much faster the target's probability, averaged over the steps, falls when cells are hidden, or rises when
        they are shown, in the map's order than in a random one.
    infidelity : Estimate
        The fraction of the occlusion effect of random squares that the map fails to predict, from 0 to 1.
    sensitivity : Estimate
        How much the map changes, as a share of itself, under noise of 2 % of the view's range.
    n : int
        Number of items.
    seconds : float
        How long it took.
    layers : bool
        Whether the model has layers that could be randomised; a function has none, and is judged only by deletion and
        insertion.
    """

    method: str
    randomised: Estimate
    deletion: Estimate
    insertion: Estimate
    infidelity: Estimate
    sensitivity: Estimate
    n: int
    seconds: float
    layers: bool = True

    @property
    def trusted(self) -> bool | None:
        """True if the maps depend on the model and find what counts, False if either fails; None if undecided."""
        if not self.layers and np.isnan(self.randomised.value):
            return self._independent().trusted
        if self.n < MIN_ITEMS or not np.isfinite(self.randomised.value):
            return None
        if self.randomised.value > SAME or max(self.deletion.high, self.insertion.high) < 0:
            return False
        return True if min(self.deletion.low, self.insertion.low) > 0 else None

    @property
    def verdict(self) -> str:
        """`trusted` in words, with the reason."""
        if not self.layers and np.isnan(self.randomised.value):
            return self._independent().verdict.replace("It depends on the model", "It asks the model itself")
        if self.n < MIN_ITEMS:
            return f"Can't tell from {self.n} items: give it more time or more items."
        if not np.isfinite(self.randomised.value):
            return "Its maps are flat, so they show nothing."
        if self.randomised.value > SAME:
            return "Don't trust it: a net with randomised layers gives nearly the same map, so that it shows the " \
                   "item, not what the model makes of it."
        finds = {name for name, mean in (("hiding", self.deletion), ("showing", self.insertion)) if mean.low > 0}
        if len(finds) == 2:
            words = "It depends on the model, and finds what counts better than chance does."
        elif finds:
            words = f"It depends on the model; only {finds.pop()} cells shows that it finds what counts better " \
                    "than chance."
        elif max(self.deletion.high, self.insertion.high) < 0:
            return "Don't trust it: hiding cells at random changes more than hiding those that it marks."
        else:
            words = f"It depends on the model, but {self.n} items don't show that it finds what counts better than " \
                    "chance."
        if self.sensitivity.value > 1:
            words += " It is unsteady: noise too small to see turns it into another map."
        return words

    def _independent(self) -> Faithfulness:
        return Faithfulness(self.method, student_mean([0.0]), self.deletion, self.insertion, self.infidelity,
                            self.sensitivity, self.n, self.seconds)

    def as_row(self) -> dict[str, Any]:
        """The fields as a row of a table."""
        row: dict[str, Any] = {"method": self.method, "trusted": self.trusted, "verdict": self.verdict,
                               "randomised": self.randomised.value}
        for name in ("deletion", "insertion"):
            mean: Estimate = getattr(self, name)
            row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        return row | {"infidelity": self.infidelity.value, "sensitivity": self.sensitivity.value, "n": self.n,
                      "seconds": round(self.seconds, 1)}


def measure_faithfulness(explainer: NetExplainer, positions: Sequence[int], *, methods: Sequence[str] | None = None,
                         budget_s: float = 60.0, seed: int = 0, bars: Bars = no_bars) -> list[Faithfulness]:
    """Measure whether each method's maps depend on the model, and whether they find what counts.

    Parameters
    ----------
    explainer : NetExplainer
        Its net is explained.
    positions : sequence of int
        Items in the pool, in order of preference; each is explained for the model's suggestion.
    methods : sequence of str, optional
        The methods; all that serve the net when None.
    budget_s : float
        Seconds, shared evenly among the methods; fewer items are used if time is short.
    seed : int
        Seed of all random numbers.
    bars : Bars
        Shows which method is checked, and at which step.

    Raises
    ------
    BadInput
        When there is no such method, or none of the items can be read.
    ModelError
        When a method doesn't serve this net.

    References
    ----------
    Randomised layers: Adebayo et al. (2018), doi:10.48550/arXiv.1810.03292. Deletion and insertion: Petsiuk, Das and
    Saenko (2018), arXiv:1806.07421. Infidelity and sensitivity: Yeh et al. (2019), arXiv:1901.09392.
    """
    methods = tuple(methods if methods is not None else explainer.methods)
    for method in methods:
        explainer.check_method(method)
    with bars(None, title="Drawing items and randomising nets"):
        views, targets = _sample(explainer, positions)
        rng = np.random.default_rng(seed)
        randomised = [] if explainer.of_function else [_randomised(explainer, views, rng) for _ in range(NETS)]
    done: list[Faithfulness] = []
    for number, method in enumerate(methods, 1):
        share = (budget_s - sum(one.seconds for one in done)) / (len(methods) - number + 1)
        with bars(STAGES, title=f"Checking {method} ({number} of {len(methods)} methods)", unit="stage") as advance:
            done.append(_of_method(explainer, randomised, method, views, targets, budget_s=share, seed=seed,
                                   advance=advance))
    return done


def _sample(explainer: NetExplainer, positions: Sequence[int]) -> tuple[Tensor, Targets]:
    """Views of one shape, and the model's suggestions as targets."""
    by_shape: dict[torch.Size, list[Tensor]] = {}
    for position in positions:
        try:
            view = explainer.predictor.view(int(position))[0]
        except HitlError:
            continue
        by_shape.setdefault(view.shape, []).append(view)
    if not by_shape:
        raise BadInput("none of the items can be read, so there is nothing to check the maps on.")
    views = torch.stack(max(by_shape.values(), key=len))
    logits = _in_passes(explainer, views)
    target = torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).bool()
    return views, Targets(target, torch.ones_like(target), torch.zeros(len(views)))


def _in_passes(explainer: NetExplainer, views: Tensor) -> Tensor:
    """The net's logits for any number of views, within the memory of one pass at a time."""
    predictor, logits = explainer.predictor, []
    for part in views.split(explainer.at_once(views[0].shape)):
        with predictor.lock, torch.no_grad():
            logits.append(predictor.logits(part).cpu())
    return torch.cat(logits)


def _maps(explainer: NetExplainer, method: str, views: Tensor, targets: Targets) -> np.ndarray:
    """Attributions (n, h, w); NaN for an item on which the method failed."""
    maps = explainer.attribute(method, list(views), targets)
    return np.array([np.full(views.shape[2:], np.nan, np.float32) if isinstance(one, Exception) else one
                     for one in maps])


def _of_method(explainer: NetExplainer, randomised: Sequence[NetExplainer], method: str, views: Tensor,
               targets: Targets, *, budget_s: float, seed: int, advance: Callable[[int], object]) -> Faithfulness:
    began = time.monotonic()
    map_s, pass_s = _durations(explainer, method, views, targets)
    advance(1)
    item_s = map_s * (1 + len(randomised)) + pass_s * (2 * (STEPS + 1) * (1 + ORDERS) + 2 * HIDDEN)
    left_s = budget_s - (time.monotonic() - began) - min(NOISY_ITEMS, len(views)) * map_s * (1 + NOISES)
    n = int(min(len(views), max(2, left_s / max(item_s, 1e-6))))
    views, targets = views[:n], targets.rows(slice(n))
    maps = _maps(explainer, method, views, targets)
    advance(1)
    finite = np.isfinite(maps).all(axis=(1, 2))
    views, targets, maps = views[torch.from_numpy(finite)], targets.rows(torch.from_numpy(finite)), maps[finite]
    if not len(maps):
        nothing = student_mean([])
        return Faithfulness(method, nothing, nothing, nothing, nothing, nothing, 0, time.monotonic() - began)
    correlations = np.array([_rank_correlations(maps, _maps(other, method, views, targets)) for other in randomised]
                            ).reshape(len(randomised), len(maps))
    advance(1)
    counts = np.isfinite(correlations).sum(axis=0)
    correlation = np.where(counts, np.nansum(correlations, axis=0) / np.maximum(counts, 1), np.nan)
    deletion, insertion = _gains(explainer, maps, views, targets, np.random.default_rng(seed))
    advance(1)
    missed = _infidelities(explainer, maps, views, targets, seed=seed)
    advance(1)
    few = min(NOISY_ITEMS, len(views))
    in_time = time.monotonic() - began + few * map_s * (1 + NOISES) < 1.2 * budget_s
    changes = _sensitivities(explainer, method, views[:few], targets.rows(slice(few)), seed=seed) if in_time else \
        np.array([])
    return Faithfulness(method, student_mean(correlation), student_mean(deletion), student_mean(insertion),
                        student_mean(missed), student_mean(changes), len(maps), time.monotonic() - began,
                        layers=bool(randomised))


def _durations(explainer: NetExplainer, method: str, views: Tensor, targets: Targets) -> tuple[float, float]:
    """Seconds of one map, and of one view's pass through the net."""
    _maps(explainer, method, views[:1], targets.rows(slice(1)))  # the first call finds a layer and imports modules
    began = time.monotonic()
    _maps(explainer, method, views[:2], targets.rows(slice(2)))
    map_s = (time.monotonic() - began) / len(views[:2])
    began = time.monotonic()
    _in_passes(explainer, views[:1].repeat(16, 1, 1, 1))
    return map_s, (time.monotonic() - began) / 16


def _rank_correlations(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of two maps, item by item; 0 where one of them is flat, NaN where both are."""
    correlations = np.full(len(ours), np.nan)
    for row, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        flat = [np.ptp(one) == 0, not np.isfinite(other).all() or np.ptp(other) == 0]
        if not any(flat):
            correlations[row] = np.corrcoef(rankdata(one), rankdata(other))[0, 1]
        elif not all(flat):
            correlations[row] = 0.0
    return correlations


def _gains(explainer: NetExplainer, maps: np.ndarray, views: Tensor, targets: Targets,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The gains of the map's order over a random one, for each item: in deletion and in insertion."""
    n, height, width = maps.shape
    rows, columns = (np.arange(side) * min(side, CELLS) // side for side in (height, width))
    cell = torch.from_numpy(rows[:, None] * (columns.max() + 1) + columns)
    n_cells = int(cell.max()) + 1
    means = np.stack([np.bincount(cell.ravel(), one.ravel(), n_cells) for one in maps]) / np.bincount(cell.ravel())
    reached = torch.from_numpy(np.linspace(0, n_cells, STEPS + 1).round())
    columns_of = targets.target.int().argmax(dim=1)
    behind = explainer.hidden(views)
    areas: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for order in range(1 + ORDERS):
        values = means if order == 0 else np.zeros_like(means)
        # Ties, such as a map of zeros, are broken at random: else they would follow the rows of the item.
        ranks = np.stack([np.argsort(np.lexsort((rng.random(n_cells), -one))) for one in values])
        first = torch.from_numpy(ranks)[:, cell]  # (n, h, w): when a pixel's turn comes
        for hide, by_order in areas.items():
            area = np.empty(n)
            for row in range(n):
                begun = first[row][None] < reached[:, None, None]
                shown = torch.where((~begun if hide else begun)[:, None], views[row][None], behind[row][None])
                logits = _in_passes(explainer, shown)
                every = logits.sigmoid() if explainer.predictor.multilabel else logits.softmax(dim=1)
                probs = every[:, columns_of[row]].double().numpy()
                area[row] = (probs[1:] + probs[:-1]).mean() / 2
            by_order.append(area)
    (hidden, *hidden_at_random), (revealed, *revealed_at_random) = areas[True], areas[False]
    return np.mean(hidden_at_random, axis=0) - hidden, revealed - np.mean(revealed_at_random, axis=0)


def _infidelities(explainer: NetExplainer, maps: np.ndarray, views: Tensor, targets: Targets, *,
                  seed: int) -> np.ndarray:
    """Captum's infidelity as a fraction of the effect of hiding squares: 0 if predicted to scale, 1 if not at all."""
    predictor = explainer.predictor
    at_once = explainer.at_once(views[0].shape)
    missed = []
    for start in range(0, len(views), at_once):
        some = slice(start, start + at_once)
        inputs = views[some].to(predictor.device)
        values = torch.from_numpy(maps[some])[:, None].expand(inputs.shape).to(inputs) / inputs.shape[1]
        more = {"additional_forward_args": tuple(part[some].to(predictor.device) for part in targets),
                "n_perturb_samples": HIDDEN, "max_examples_per_batch": max(len(inputs), min(at_once, HIDDEN))}

        def hide(inputs: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            mask = torch.from_numpy(_squares(len(inputs), inputs.shape[2], inputs.shape[3], rng)).to(inputs)[:, None]
            return mask.expand(inputs.shape), torch.where(mask.bool(), explainer.hidden(inputs), inputs)
        # Twice with the same squares: the part of their effect that the map misses, and their whole effect.
        with predictor.lock, torch.no_grad():
            left, effect = (infidelity(explainer.score, partial(hide, rng=np.random.default_rng(seed + start)), inputs,
                                       attributions, normalize=normalize, **more).cpu().double().numpy()
                            for attributions, normalize in ((values, True), (torch.zeros_like(values), False)))
        missed.append(np.where(effect > 1e-12, left / np.maximum(effect, 1e-12), np.nan))
    return np.concatenate(missed)


def _squares(n: int, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Masks of a random square, from a seventh to a half of the side: float32, (n, height, width)."""
    down, across = np.arange(height)[:, None], np.arange(width)
    masks = np.zeros((n, height, width), np.float32)
    for mask in masks:
        share = rng.uniform(1 / 7, 1 / 2)
        tall, wide = max(1, round(share * height)), max(1, round(share * width))
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        mask[(down >= top) & (down < top + tall) & (across >= left) & (across < left + wide)] = 1
    return masks


def _sensitivities(explainer: NetExplainer, method: str, views: Tensor, targets: Targets, *, seed: int) -> np.ndarray:
    """Captum's maximal sensitivity: the largest change of a map under small noise, as a share of the map."""
    noise = torch.Generator().manual_seed(seed)
    radius = 0.02 * float(views.max() - views.min())

    def explain(inputs: Any, additional_forward_args: Any) -> tuple[Tensor]:
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        return (torch.from_numpy(_maps(explainer, method, inputs, Targets(*additional_forward_args))),)

    def add_noise(inputs: Any) -> Tensor:
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        return inputs + radius * (2 * torch.rand(inputs.shape, generator=noise) - 1)
    return sensitivity_max(explain, views, perturb_func=add_noise, n_perturb_samples=NOISES,
                           additional_forward_args=tuple(targets)).double().numpy()


def _randomised(explainer: NetExplainer, views: Tensor, rng: np.random.Generator) -> NetExplainer:
    """The same explainer on a copy of the net whose upper half of layers has random weights."""
    with explainer.predictor.lock:
        net = private_copy(explainer.predictor.net)
    twin = copy.copy(explainer.predictor)
    twin.net, twin.lock = net, threading.RLock()
    layers = layers_by_depth(net, lambda: twin.logits(views[:1]))
    randomise(layers[len(layers) - ceil(len(layers) / 2):],
               torch.Generator().manual_seed(int(rng.integers(2**31))))
    _reset_running_means(net, lambda: twin.logits(views[:32]), n_views=len(views))
    return NetExplainer(twin, layer=explainer.layer)


def layers_by_depth(net: nn.Module, forward: Callable[[], object]) -> list[nn.Module]:
    """The layers with weight matrices in the order in which they run; those that don't run come first.

    Parameters
    ----------
    net : nn.Module
    forward : callable
        Runs the net once.
    """
    ran: dict[nn.Module, None] = {}
    layers = [layer for layer in net.modules() if any(p.ndim > 1 for p in layer.parameters(recurse=False))]
    hooks = [layer.register_forward_hook(lambda layer, *_: ran.setdefault(layer)) for layer in layers]
    try:
        with torch.enable_grad():  # else a transformer takes a fast path that bypasses its layers
            forward()
    finally:
        for hook in hooks:
            hook.remove()
    return [layer for layer in layers if layer not in ran] + list(ran)


def randomise(layers: Sequence[nn.Module], generator: torch.Generator) -> None:
    """Draw new weights, with the mean and the spread of the former ones.

    Parameters
    ----------
    layers : sequence of nn.Module
        The layers, which are changed.
    generator : torch.Generator
    """
    with torch.no_grad():
        for layer in layers:
            for weights in layer.parameters(recurse=False):
                drawn = torch.randn(weights.shape, generator=generator)
                spread = float(weights.float().std()) if weights.numel() > 1 else 0.0
                weights.copy_(drawn * (spread or 0.1) + float(weights.float().mean()))


def _reset_running_means(net: nn.Module, forward: Callable[[], object], *, n_views: int) -> None:
    """Estimate the running means anew in one pass, since the weights changed; one view isn't enough."""
    norms = [layer for layer in net.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
             and layer.track_running_stats]
    if norms and n_views > 1:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        with torch.no_grad():
            forward()
        net.eval()
