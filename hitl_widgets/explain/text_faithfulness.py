"""Faithfulness of attribution methods on texts: the same checks as for images, with words in place of pixels.

`measure_text_faithfulness` gives the verdicts. Torch's global generator isn't used.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata

from ..errors import BadInput, HitlError
from ..learn.predict import private_copy
from ..quality.intervals import student_mean
from ..records import Bars, no_bars
from .attribute import Targets
from .faithfulness import HIDDEN, NETS, NOISES, ORDERS, STEPS, Faithfulness, layers_by_depth, randomise
from .text_explainer import TextExplainer
from .text_maps import without


@dataclass(frozen=True)
class TextFaithfulness(Faithfulness):
    """The faithfulness of one method on texts."""

    @property
    def verdict(self) -> str:
        """`trusted` in words, with the reason."""
        return super().verdict.replace(" cells", " words").replace("shows the item", "shows the text")


class _Checked(NamedTuple):
    """The measurements on one text."""

    correlation: float
    deletion: float
    insertion: float
    missed: float
    change: float


def measure_text_faithfulness(explainer: TextExplainer, positions: Sequence[int], *,
                              methods: Sequence[str] | None = None, budget_s: float = 60.0, seed: int = 0,
                              bars: Bars = no_bars) -> list[TextFaithfulness]:
    """Measure whether each method's values depend on the model, and whether they find the words that count.

    Parameters
    ----------
    explainer : TextExplainer
        Its net is explained.
    positions : sequence of int
        Items in the pool, in order of preference; each is explained for the model's suggestion. Those with fewer than
        three words and signs are left out.
    methods, budget_s, seed, bars
        As for `faithfulness.measure_faithfulness`.

    Raises
    ------
    BadInput
        When there is no such method, or no item has enough words.
    ModelError
        When a method doesn't serve this model.
    """
    names = [explainer.method_of(method) for method in (explainer.methods if methods is None else methods)]
    texts = _sample(explainer, positions)
    rng = np.random.default_rng(seed)
    with bars(None, title="Randomising nets"):
        twins = _randomised(explainer, texts, rng)
    done: list[TextFaithfulness] = []
    for number, method in enumerate(names, 1):
        began = time.monotonic()
        share = (budget_s - sum(one.seconds for one in done)) / (len(names) - number + 1)
        checked: list[_Checked] = []
        with bars(len(texts), title=f"Checking {method} ({number} of {len(names)} methods)", unit="text") as advance:
            for text, targets in texts:
                if len(checked) > 1 and (time.monotonic() - began) * (1 + 1 / len(checked)) > share:
                    break
                checked += _of_text(explainer, twins, method, text, targets, np.random.default_rng(seed))
                advance(1)
        randomised, deletion, insertion, missed, change = (
            student_mean(figures) for figures in np.array(checked).reshape(-1, len(_Checked._fields)).T)
        done.append(TextFaithfulness(method, randomised, deletion, insertion, missed, change, len(checked),
                                     time.monotonic() - began, layers=bool(twins)))
    return done


def _sample(explainer: TextExplainer, positions: Sequence[int]) -> list[tuple[str, Targets]]:
    """Texts with at least three tokens, and the model's suggestions as targets."""
    texts: list[tuple[str, Targets]] = []
    for position in positions:
        try:
            text = str(explainer.predictor.pool.load(int(position)))
            if len(explainer.tokens(text)) < 3:
                continue
            logits = explainer.logits([text])
        except HitlError:
            continue
        target = torch.nn.functional.one_hot(logits.argmax(dim=1), logits.shape[1]).bool()
        texts.append((text, Targets(target, torch.ones_like(target), torch.zeros(1))))
    if not texts:
        raise BadInput("none of the items can be read and has three words, so there is nothing to check the maps on.")
    return texts


def _of_text(explainer: TextExplainer, twins: Sequence[TextExplainer], method: str, text: str, targets: Targets,
             rng: np.random.Generator) -> list[_Checked]:
    """All measures on one text; nothing where the method fails on it."""
    try:
        tokens, found = explainer.values(text, method, targets)
        others = [twin.values(text, method, targets)[1].values for twin in twins]
        deletion, insertion = _gains(explainer, text, tokens, found.values, targets, rng)
        return [_Checked(_correlation(found.values, others), deletion, insertion,
                         _missed(explainer, text, tokens, found.values, targets, rng),
                         _change(explainer, method, text, tokens, found.values, targets, rng))]
    except HitlError:
        return []


def _correlation(ours: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """Mean rank correlation with the values from other nets; NaN if there are none, or all are flat."""
    each = []
    for other in others:
        flat = [np.ptp(ours) == 0, np.ptp(other) == 0]
        if not all(flat):
            each.append(0.0 if any(flat) else float(np.corrcoef(rankdata(ours), rankdata(other))[0, 1]))
    return float(np.mean(each)) if each else float("nan")


def _gains(explainer: TextExplainer, text: str, tokens: np.ndarray, values: np.ndarray, targets: Targets,
           rng: np.random.Generator) -> tuple[float, float]:
    """The gains of the values' order over a random one: in deletion and in insertion of the words."""
    n = len(tokens)
    reached = np.unique(np.linspace(0, n, STEPS + 1).round().astype(int))
    areas: list[list[float]] = []
    for order in range(1 + ORDERS):
        ranks = np.argsort(np.lexsort((rng.random(n), -values if order == 0 else np.zeros(n))))
        left = [without(text, tokens[ranks < some]) for some in reached]
        shown = [without(text, tokens[ranks >= some]) for some in reached]
        logits = explainer.logits([*left, *shown])
        every = logits.sigmoid() if explainer.predictor.multilabel else logits.softmax(dim=1)
        probs = every[:, int(targets.target.int().argmax())].double().numpy()
        areas.append([float(np.trapezoid(some, reached / n)) for some in (probs[:len(left)], probs[len(left):])])
    (hidden, revealed), at_random = areas[0], np.mean(areas[1:], axis=0)
    return float(at_random[0]) - hidden, revealed - float(at_random[1])


def _missed(explainer: TextExplainer, text: str, tokens: np.ndarray, values: np.ndarray, targets: Targets,
            rng: np.random.Generator) -> float:
    """Infidelity: the share of the effect of leaving out random runs of words that values fail to predict to scale."""
    n, runs = len(tokens), []
    for _ in range(HIDDEN):
        length = int(rng.integers(1, max(2, ceil(n / 2) + 1)))
        start = int(rng.integers(0, n - length + 1))
        runs.append(slice(start, start + length))
    scores = explainer.scores([text, *(without(text, tokens[run]) for run in runs)], targets)
    effects, told = scores[0] - scores[1:], np.array([values[run].sum() for run in runs])
    whole, size = float(effects @ effects), float(told @ told)
    if whole <= 1e-12:
        return float("nan")
    scale = float(effects @ told) / size if size else 0.0
    return float(((effects - scale * told) ** 2).sum()) / whole


def _change(explainer: TextExplainer, method: str, text: str, tokens: np.ndarray, values: np.ndarray, targets: Targets,
            rng: np.random.Generator) -> float:
    """The largest change of the other words' values when a word is left out, as a share of all; NaN if all are 0."""
    changes = []
    for left in rng.choice(len(tokens), min(NOISES, len(tokens)), replace=False):
        start, end = tokens[left].tolist()
        # As many blanks, so that the other words stay in place.
        again, found = explainer.values(text[:start] + " " * (end - start) + text[end:], method, targets)
        rest = np.delete(values, left)
        if len(again) == len(rest):
            changes.append(float(np.linalg.norm(found.values - rest)))
    size = float(np.linalg.norm(values))
    return max(changes) / size if changes and size else float("nan")


def _randomised(explainer: TextExplainer, texts: Sequence[tuple[str, Targets]], rng: np.random.Generator
                ) -> list[TextExplainer]:
    """The same explainer on copies of the net whose upper half of layers has random weights."""
    twins: list[TextExplainer] = []
    for _ in range(NETS):
        with explainer.predictor.lock:
            net = private_copy(explainer.predictor.net)
        twin = copy.copy(explainer.predictor)
        twin.net, twin.lock = net, threading.RLock()
        other = TextExplainer(twin)
        layers = layers_by_depth(net, partial(other.logits, [texts[0][0]]))
        if not layers:
            return []
        randomise(layers[len(layers) - ceil(len(layers) / 2):],
                  torch.Generator().manual_seed(int(rng.integers(2**31))))
        twins.append(other)
    return twins
