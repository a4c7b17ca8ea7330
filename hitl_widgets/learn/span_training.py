"""Training of a `SpanNet` on corrected texts, and the score from which its spans are proposed.

Read `fit_spans` first. Nothing here depends on a project.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .object_learning import MIN_FOR_THRESHOLDS, PART_LATER, PRIOR_OBJECTS, THRESHOLD, best_score, carried_over
from .object_rationales import MarkedObject
from .object_training import BEFORE_LATER, average, schedule
from .optimizers import AdamW
from .span_net import EncodedText, SpanNet, encoded, find_spans, part_of
from .span_rationales import SpanRationaleLoss
from .span_targets import N_TAGS, CorrectedText, FoundSpans, Targets, may_overlap, targets_of, tokens_of

STEPS, BATCH = 240, 16
# Maximum number of tokens of a text in a step; of longer texts a part is used.
PART = 256
HIDDEN = 0.35
# With fewer steps all texts train from the beginning.
FEW_STEPS = 10


@dataclass(frozen=True)
class SpanOptions:
    """How a `SpanNet` is trained.

    Attributes
    ----------
    steps, batch : int
        How many steps, and texts in each.
    lr, weight_decay : float
        Those of AdamW; the learning rate rises during the first steps and then falls as a cosine.
    stays : float
        Largest decay of the exponential moving average of the weights.
    hidden : float
        Share of the words that are hidden, so that the net also learns from characters and neighbours.
    seed : int
        Seed of all random draws.
    """

    steps: int = STEPS
    batch: int = BATCH
    lr: float = 4e-3
    weight_decay: float = 0.02
    stays: float = 0.98
    hidden: float = HIDDEN
    seed: int = 0


class FittedSpans(NamedTuple):
    """A trained net, with the thresholds of its labels.

    Attributes
    ----------
    net : SpanNet
    thresholds : ndarray of float, shape (n_labels,)
        The score from which each label is proposed.
    n_later : int
        Number of held-out texts on which the thresholds were found before they joined; 0 if too few.
    history : list of (int, float)
        Step and loss of the first, every tenth and the last step.
    stopped : str
        "done" or "budget".
    n_marked : int
        Number of marked spans that the loss used.
    """

    net: SpanNet
    thresholds: np.ndarray
    n_later: int
    history: list[tuple[int, float]]
    stopped: str
    n_marked: int


@dataclass(frozen=True)
class _Example:
    """A text with its targets."""

    text: EncodedText
    targets: Targets
    corrected: CorrectedText = field(repr=False)


# 13 branches: most are comprehensions over the texts; the others are for short trainings and those with a budget.
def fit_spans(texts: Sequence[CorrectedText], n_labels: int, options: SpanOptions, *, budget_s: float | None = None,
              unlabelled: Sequence[str] = (), marked: Sequence[MarkedObject] = (),
              show: Callable[[int, float], object] = lambda step, loss: None) -> FittedSpans:
    """Train a net on corrected texts, and find the scores from which its spans are proposed.

    Parameters
    ----------
    texts : sequence of CorrectedText
    n_labels : int
    options : SpanOptions
    budget_s : float or None
        Seconds for the training; fewer steps are made if they don't suffice for all.
    unlabelled : sequence of str
        Unanswered texts: thresholds are adapted to the final net so that it finds as many spans in these.
    marked : sequence of MarkedObject
        Spans with the words that people marked: see `SpanRationaleLoss`.
    show : callable
        Called with the number of steps that are done and the loss.
    """
    began, rng = time.monotonic(), np.random.default_rng(options.seed)
    examples = [_Example(text, targets_of(one, text.places, n_labels), one) for one, text in
                ((one, encoded(one.text)) for one in texts)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        net = SpanNet(n_labels)
        net.together.copy_(torch.from_numpy(may_overlap(texts, n_labels)))
        first, later = _parted(examples, rng) if options.steps >= FEW_STEPS else (examples, [])
        others = [encoded(text) for text in unlabelled] if later else []
        history: list[tuple[int, float]] = []
        early = np.full(n_labels, THRESHOLD)
        before: list[FoundSpans] = []

        def join(averaged: SpanNet) -> None:
            nonlocal early, before
            early = span_thresholds(later, find_spans(averaged, [one.text for one in later]), n_labels)
            before = find_spans(averaged, others)

        def shown(step: int, loss: float) -> None:
            if len(history) > 1 and history[-1][0] % 10:
                history.pop()  # every tenth step stays, the first and the last
            history.append((step, round(loss, 4)))
            show(step, loss)
        rationales = SpanRationaleLoss(marked, [one.text for one in examples], seed=options.seed)
        trained, stopped = _train(net, first, later, options, rng, join=join, show=shown, rationales=rationales,
                                  until=None if budget_s is None else began + budget_s)
    # If a budget ends the training before these texts join, there are no thresholds yet.
    thresholds = carried_over(early, before, find_spans(trained, others), n_labels) if before else early
    return FittedSpans(trained, thresholds, len({one.corrected.item_id or place for place, one in enumerate(later)}),
                       history, stopped, len(rationales))


def _parted(examples: Sequence[_Example], rng: np.random.Generator) -> tuple[list[_Example], list[_Example]]:
    """Texts that train from the start, and those that join later; answers to a text and its copies stay together."""
    of_text: dict[str, list[_Example]] = {}
    for one in examples:
        of_text.setdefault(" ".join(one.corrected.text.casefold().split()), []).append(one)
    each = list(of_text.values())
    n_later = max(2, round(PART_LATER * len(each))) if len(each) >= MIN_FOR_THRESHOLDS else 0
    order = rng.permutation(len(each)).tolist()
    first, later = ([one for place in places for one in each[place]] for places in (order[n_later:], order[:n_later]))
    return first, later


# 13 branches: one loop, in which further texts join late, a budget may end it, and texts without words teach nothing.
def _train(net: SpanNet, first: Sequence[_Example], later: Sequence[_Example], options: SpanOptions,
           rng: np.random.Generator, *, join: Callable[[SpanNet], object], show: Callable[[int, float], object],
           rationales: SpanRationaleLoss, until: float | None) -> tuple[SpanNet, str]:
    """Train a net; return it with averaged weights, and why the training ended."""
    net, averaged = net.train(), copy.deepcopy(net)
    optimizer = AdamW(net.parameters(), lr=options.lr, weight_decay=options.weight_decay, fused=True)
    examples, queue = [one for one in first if len(one.text.words)], list[int]()
    began, stopped, step, part = time.monotonic(), "done", 0, 0.0
    while part < 1:
        if later and part >= BEFORE_LATER:
            join(averaged.eval())
            examples, later, queue = [*examples, *(one for one in later if len(one.text.words))], (), []
        if not examples:
            if not later:
                break
            part = BEFORE_LATER
            continue
        for group in optimizer.param_groups:
            group["lr"] = options.lr * schedule(part)
        while len(queue) < options.batch:
            queue += rng.permutation(len(examples)).tolist()
        some, queue = [examples[place] for place in queue[:options.batch]], queue[options.batch:]
        loss = _loss(net, [_part(one, rng) for one in some], options.hidden) + rationales(net)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        average(averaged, net, min(options.stays, (step + 1) / (step + 10)))
        step += 1
        part = step / options.steps
        if until is not None and (spent := (time.monotonic() - began) / max(until - began, 1e-3)) > part:
            part, stopped = spent, "budget"
        show(step, float(loss.detach()))
    return averaged.eval(), stopped


def _part(one: _Example, rng: np.random.Generator) -> tuple[EncodedText, Targets]:
    """A text, or a random part of a long one."""
    n = len(one.text.words)
    if n <= PART:
        return one.text, one.targets
    spans = [tokens_of(one.text.places, *shape[:2])[0] for shape in one.corrected.shapes]
    if spans and rng.random() < 0.7:  # long texts have long stretches without a span
        first = int(rng.choice(spans)) - int(rng.integers(PART // 4, 3 * PART // 4))
    else:
        first = int(rng.integers(0, n - PART + 1))
    first = min(max(first, 0), n - PART)
    return part_of(one.text, first, first + PART), Targets(one.targets.tags[first:first + PART],
                                                          one.targets.weights[first:first + PART])


def _loss(net: SpanNet, some: Sequence[tuple[EncodedText, Targets]], hidden: float) -> torch.Tensor:
    """Mean cross-entropy of the tags, by their weights."""
    logits = net.of([text for text, _ in some], drop=hidden)
    rows = torch.cat([logits[row, :len(text.words)] for row, (text, _) in enumerate(some)])
    tags = torch.from_numpy(np.concatenate([targets.tags for _, targets in some]))
    weights = torch.from_numpy(np.concatenate([targets.weights for _, targets in some]))
    each = functional.cross_entropy(rows.reshape(-1, N_TAGS), tags.reshape(-1), reduction="none")
    return (each * weights.reshape(-1)).sum() / max(len(rows), 1)


def span_thresholds(examples: Sequence[_Example], found: Sequence[FoundSpans], n_labels: int) -> np.ndarray:
    """Find the threshold with the best F1 for each label's proposals, shrunk towards the best one for all labels.

    A proposal is right if a span has its tokens and label; proposals where nothing is known don't count.

    Parameters
    ----------
    examples : sequence of _Example
    found : sequence of FoundSpans
        Spans found in each text.
    n_labels : int

    Returns
    -------
    ndarray of float, shape (n_labels,)
        Between 0.05 and 0.95.
    """
    scores, labels, right = list[float](), list[int](), list[bool]()
    counts = np.zeros(n_labels, np.int64)
    for one, of_text in zip(examples, found, strict=True):
        true = {(label, *tokens_of(one.text.places, *at[:2])) for at, label in
                zip(one.corrected.shapes, one.corrected.labels, strict=True)}
        true = {(label, first, last) for label, first, last in true if first < last}
        np.add.at(counts, [label for label, _, _ in true], 1)
        for (first, last), label, score in zip(of_text.tokens.tolist(), of_text.labels.tolist(),
                                               of_text.scores.tolist(), strict=True):
            is_right = (label, first, last) in true
            if is_right or (one.targets.weights[first:last, label] > 0).any():
                scores.append(score)
                labels.append(label)
                right.append(is_right)
    of_score, of_label, of_right = np.array(scores), np.array(labels, np.int64), np.array(right, bool)
    overall = best_score(of_score, of_right, int(counts.sum()))
    thresholds = np.full(n_labels, overall)
    for label in range(n_labels):
        some = of_label == label
        own = best_score(of_score[some], of_right[some], int(counts[label]))
        thresholds[label] = (counts[label] * own + PRIOR_OBJECTS * overall) / (counts[label] + PRIOR_OBJECTS)
    return thresholds
