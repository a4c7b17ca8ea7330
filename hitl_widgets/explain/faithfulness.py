"""Are the maps to be trusted?

Four questions to each method, asked on a few items and answered in plain words. Read `check` first. Every random number
comes from a generator of its own.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
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
from ..records import Estimate
from .attribute import Asked, NetExplainer

# A map is cut into so many cells a side, which are hidden or shown in so many steps.
CELLS, STEPS, ORDERS = 14, 20, 3
NETS, HIDDEN, NOISES, SHAKEN = 2, 32, 4, 8
# A rank correlation beyond this with the map of a randomised net says that the map isn't about the net.
SAME = 0.8
FEWEST = 4


@dataclass(frozen=True)
class Checked:
    """What came of checking one method.

    Attributes
    ----------
    randomised : rank correlation of its maps with those of the net whose upper half was randomised
    deletion, insertion : by how much the target's probability, averaged over the steps, falls faster when cells are
        hidden, or rises faster when they are shown, in the map's order than in a random one
    infidelity : share of what hiding random squares does that the map doesn't foretell, 0 to 1
    sensitivity : how much the map changes, as a share of itself, under noise of 2 % of the view's range
    n : on how many items
    seconds : how long it took
    """

    method: str
    randomised: Estimate
    deletion: Estimate
    insertion: Estimate
    infidelity: Estimate
    sensitivity: Estimate
    n: int
    seconds: float

    @property
    def trusted(self) -> bool | None:
        """True when it depends on the model and finds what counts, False when it fails either; None when undecided."""
        if self.n < FEWEST or not np.isfinite(self.randomised.value):
            return None
        if self.randomised.value > SAME or max(self.deletion.high, self.insertion.high) < 0:
            return False
        return True if min(self.deletion.low, self.insertion.low) > 0 else None

    @property
    def verdict(self) -> str:
        """The same in plain words."""
        if self.n < FEWEST:
            return f"Can't tell from {self.n} items: give it more time or more items."
        if not np.isfinite(self.randomised.value):
            return "It says nothing: its maps are flat."
        if self.randomised.value > SAME:
            return "Don't trust it: a net with randomised layers gives nearly the same map, so that it shows the " \
                   "item, not what the model makes of it."
        finds = {name for name, mean in (("hiding", self.deletion), ("showing", self.insertion)) if mean.low > 0}
        if len(finds) == 2:
            words = "It depends on the model, and finds what counts better than chance does."
        elif finds:
            words = f"It depends on the model; that it finds what counts better than chance is seen by {finds.pop()} " \
                    "only."
        elif max(self.deletion.high, self.insertion.high) < 0:
            return "Don't trust it: hiding cells at random changes more than hiding those that it marks."
        else:
            words = f"It depends on the model, but {self.n} items don't show that it finds what counts better than " \
                    "chance."
        if self.sensitivity.value > 1:
            words += " It is unsteady: noise too small to see turns it into another map."
        return words

    def as_row(self) -> dict[str, Any]:
        """For a table."""
        row: dict[str, Any] = {"method": self.method, "trusted": self.trusted, "verdict": self.verdict,
                               "randomised": self.randomised.value}
        for name in ("deletion", "insertion"):
            mean: Estimate = getattr(self, name)
            row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        return row | {"infidelity": self.infidelity.value, "sensitivity": self.sensitivity.value, "n": self.n,
                      "seconds": round(self.seconds, 1)}


def check(explainer: NetExplainer, positions: Sequence[int], *, methods: Sequence[str] | None = None,
          budget_s: float = 60.0, seed: int = 0) -> list[Checked]:
    """Ask of each method whether its maps are about the model, and whether they find what counts.

    Parameters
    ----------
    positions : items to ask about, in order of preference; each is explained for what the model suggests
    methods : None for all that serve the net
    budget_s : seconds, shared out evenly; fewer items are taken when they wouldn't fit

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
        explainer.check(method)
    views, asked = _sample(explainer, positions)
    rng = np.random.default_rng(seed)
    nets = [_with_random_top(explainer, views, rng) for _ in range(NETS)]
    done: list[Checked] = []
    for left, method in zip(range(len(methods), 0, -1), methods, strict=True):
        share = (budget_s - sum(one.seconds for one in done)) / left
        done.append(_check_one(explainer, nets, method, views, asked, budget_s=share, seed=seed))
    return done


def _sample(explainer: NetExplainer, positions: Sequence[int]) -> tuple[Tensor, Asked]:
    """Views of one shape, and the question why the model says what it says of them."""
    alike: dict[torch.Size, list[Tensor]] = {}
    for position in positions:
        try:
            view = explainer.predictor.view(int(position))[0]
        except HitlError:
            continue
        alike.setdefault(view.shape, []).append(view)
    if not alike:
        raise BadInput("none of the items can be read, so there is nothing to check the maps on.")
    views = torch.stack(max(alike.values(), key=len))
    logits = _in_passes(explainer, views)
    target = torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).bool()
    return views, Asked(target, torch.ones_like(target), torch.zeros(len(views)))


def _in_passes(explainer: NetExplainer, views: Tensor) -> Tensor:
    """The net's logits for any number of views, within the memory of one pass at a time."""
    predictor, found = explainer.predictor, []
    for part in views.split(explainer.at_once(views[0].shape)):
        with predictor.lock, torch.no_grad():
            found.append(predictor.logits(part).cpu())
    return torch.cat(found)


def _maps(explainer: NetExplainer, method: str, views: Tensor, asked: Asked) -> np.ndarray:
    """Attributions (n, h, w); NaN for an item on which the method failed."""
    found = explainer.attribute(method, list(views), asked)
    return np.array([np.full(views.shape[2:], np.nan, np.float32) if isinstance(one, Exception) else one
                     for one in found])


def _check_one(explainer: NetExplainer, nets: Sequence[NetExplainer], method: str, views: Tensor, asked: Asked, *,
               budget_s: float, seed: int) -> Checked:
    began = time.monotonic()
    _maps(explainer, method, views[:1], asked.rows(slice(1)))  # the first call looks for a layer, and imports
    warm = time.monotonic()
    _maps(explainer, method, views[:2], asked.rows(slice(2)))
    a_map = (time.monotonic() - warm) / len(views[:2])
    warm = time.monotonic()
    _in_passes(explainer, views[:1].repeat(16, 1, 1, 1))
    a_pass = (time.monotonic() - warm) / 16
    an_item = a_map * (1 + NETS) + a_pass * (2 * (STEPS + 1) * (1 + ORDERS) + 2 * HIDDEN)
    shaking = min(SHAKEN, len(views)) * a_map * (1 + NOISES)
    n = int(min(len(views), max(2, (budget_s - (time.monotonic() - began) - shaking) / max(an_item, 1e-6))))
    views, asked = views[:n], asked.rows(slice(n))
    maps = _maps(explainer, method, views, asked)
    sound = np.isfinite(maps).all(axis=(1, 2))
    views, asked, maps = views[torch.from_numpy(sound)], asked.rows(torch.from_numpy(sound)), maps[sound]
    if not len(maps):
        nothing = student_mean([])
        return Checked(method, nothing, nothing, nothing, nothing, nothing, 0, time.monotonic() - began)
    alike = np.array([_alike(maps, _maps(net, method, views, asked)) for net in nets])
    told = np.isfinite(alike).sum(axis=0)
    same = np.where(told, np.nansum(alike, axis=0) / np.maximum(told, 1), np.nan)
    rng = np.random.default_rng(seed)
    deletion, insertion = _curves(explainer, maps, views, asked, rng)
    missed = _unforetold(explainer, maps, views, asked, seed=seed)
    few = min(SHAKEN, len(views))
    in_time = time.monotonic() - began + few * a_map * (1 + NOISES) < 1.2 * budget_s
    shaken = _shaken(explainer, method, views[:few], asked.rows(slice(few)), seed=seed) if in_time else np.array([])
    return Checked(method, student_mean(same), student_mean(deletion), student_mean(insertion), student_mean(missed),
                   student_mean(shaken), len(maps), time.monotonic() - began)


def _alike(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of two maps, item by item; 0 where one of them says nothing, NaN where both do."""
    found = np.full(len(ours), np.nan)
    for row, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        flat = [np.ptp(one) == 0, not np.isfinite(other).all() or np.ptp(other) == 0]
        if not any(flat):
            found[row] = np.corrcoef(rankdata(one), rankdata(other))[0, 1]
        elif not all(flat):
            found[row] = 0.0
    return found


def _curves(explainer: NetExplainer, maps: np.ndarray, views: Tensor, asked: Asked,
            rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What the map's order gains over a random one, item by item: when its cells are hidden, and when shown."""
    n, height, width = maps.shape
    rows, columns = (np.arange(side) * min(side, CELLS) // side for side in (height, width))
    cell = torch.from_numpy(rows[:, None] * (columns.max() + 1) + columns)
    n_cells = int(cell.max()) + 1
    within = np.stack([np.bincount(cell.ravel(), one.ravel(), n_cells) for one in maps]) / np.bincount(cell.ravel())
    reached = torch.from_numpy(np.linspace(0, n_cells, STEPS + 1).round())
    columns_asked = asked.target.int().argmax(dim=1)
    found: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for order in range(1 + ORDERS):
        by = within if order == 0 else np.zeros_like(within)
        # Ties, such as a map of zeros, are broken by chance: else they would follow the rows of the item.
        ranks = np.stack([np.argsort(np.lexsort((rng.random(n_cells), -one))) for one in by])
        first = torch.from_numpy(ranks)[:, cell]  # (n, h, w): when a pixel's turn comes
        for hide, curves in found.items():
            areas = np.empty(n)
            for row in range(n):
                begun = first[row][None] < reached[:, None, None]
                shown = views[row][None] * (~begun if hide else begun)[:, None]
                probs = _in_passes(explainer, shown).softmax(dim=1)[:, columns_asked[row]].double().numpy()
                areas[row] = (probs[1:] + probs[:-1]).mean() / 2
            curves.append(areas)
    (hidden, *hidden_by_chance), (shown_, *shown_by_chance) = found[True], found[False]
    return np.mean(hidden_by_chance, axis=0) - hidden, shown_ - np.mean(shown_by_chance, axis=0)


def _unforetold(explainer: NetExplainer, maps: np.ndarray, views: Tensor, asked: Asked, *, seed: int) -> np.ndarray:
    """Captum's infidelity, as the share of what hiding squares does: 0 foretells all of it up to a scale, 1 nothing."""
    predictor = explainer.predictor
    at_once = explainer.at_once(views[0].shape)
    missed = []
    for start in range(0, len(views), at_once):
        some = slice(start, start + at_once)
        given = views[some].to(predictor.device)
        said = torch.from_numpy(maps[some])[:, None].expand(given.shape).to(given) / given.shape[1]
        more = {"additional_forward_args": tuple(part[some].to(predictor.device) for part in asked),
                "n_perturb_samples": HIDDEN, "max_examples_per_batch": max(len(given), min(at_once, HIDDEN))}

        def hide(given: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            mask = torch.from_numpy(_squares(len(given), given.shape[2], given.shape[3], rng)).to(given)[:, None]
            return mask.expand(given.shape), given * (1 - mask)
        # Twice with the same squares: how much of what they do is missed, and how much they do.
        with predictor.lock, torch.no_grad():
            left, effect = (infidelity(explainer.speaks, partial(hide, rng=np.random.default_rng(seed + start)), given,
                                       attributions, normalize=normalize, **more).double().cpu().numpy()
                            for attributions, normalize in ((said, True), (torch.zeros_like(said), False)))
        missed.append(np.where(effect > 1e-12, left / np.maximum(effect, 1e-12), np.nan))
    return np.concatenate(missed)


def _squares(n: int, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A square anywhere, from a seventh to a half of the side: float32, (n, height, width)."""
    down, across = np.arange(height)[:, None], np.arange(width)
    masks = np.zeros((n, height, width), np.float32)
    for mask in masks:
        share = rng.uniform(1 / 7, 1 / 2)
        tall, wide = max(1, round(share * height)), max(1, round(share * width))
        top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
        mask[(down >= top) & (down < top + tall) & (across >= left) & (across < left + wide)] = 1
    return masks


def _shaken(explainer: NetExplainer, method: str, views: Tensor, asked: Asked, *, seed: int) -> np.ndarray:
    """Captum's maximal sensitivity: the largest change of a map under small noise, as a share of the map."""
    noise = torch.Generator().manual_seed(seed)
    radius = 0.02 * float(views.max() - views.min())

    def explained(given: Any, additional_forward_args: Any) -> tuple[Tensor]:
        given = given[0] if isinstance(given, tuple) else given
        return (torch.from_numpy(_maps(explainer, method, given, Asked(*additional_forward_args))),)

    def shake(given: Any) -> Tensor:
        given = given[0] if isinstance(given, tuple) else given
        return given + radius * (2 * torch.rand(given.shape, generator=noise) - 1)
    return sensitivity_max(explained, views, perturb_func=shake, n_perturb_samples=NOISES,
                           additional_forward_args=tuple(asked)).double().numpy()


def _with_random_top(explainer: NetExplainer, views: Tensor, rng: np.random.Generator) -> NetExplainer:
    """The same explainer on a copy of the net, of which the upper half of the layers was drawn anew.

    A layer's weights keep their mean and spread; running means are taken anew, as they belong to former weights.
    """
    with explainer.predictor.lock:
        net = private_copy(explainer.predictor.net)
    twin = copy.copy(explainer.predictor)
    twin.net, twin.lock = net, threading.RLock()
    ran: dict[nn.Module, None] = {}
    learning = [layer for layer in net.modules() if any(p.ndim > 1 for p in layer.parameters(recurse=False))]
    hooks = [layer.register_forward_hook(lambda layer, *_: ran.setdefault(layer)) for layer in learning]
    try:
        with torch.enable_grad():  # else a transformer takes a way past its own layers
            twin.logits(views[:1])
    finally:
        for hook in hooks:
            hook.remove()
    layers = [layer for layer in learning if layer not in ran] + list(ran)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    with torch.no_grad():
        for layer in layers[len(layers) - ceil(len(layers) / 2):]:
            for weights in layer.parameters(recurse=False):
                drawn = torch.randn(weights.shape, generator=generator)
                spread = float(weights.float().std()) if weights.numel() > 1 else 0.0
                weights.copy_(drawn * (spread or 0.1) + float(weights.float().mean()))
        norms = [layer for layer in net.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
                 and layer.track_running_stats]
        if norms and len(views) > 1:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None
                norm.train()
            twin.logits(views[:32])
            net.eval()
    return NetExplainer(twin, layer=explainer.layer)
