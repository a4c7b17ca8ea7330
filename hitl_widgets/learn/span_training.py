"""Learning of a `SpanNet` from corrected texts: training, and the score from which its spans are worth proposing.

Read `fit_spans` first. It knows nothing of a project.
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
# Tokens of a text that a step sees at most; of longer ones some part.
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
        Of AdamW; the learning rate rises during the first steps and then falls as a cosine.
    stays : float
        How much of the averaged weights stays in each step.
    hidden : float
        Part of the words that are hidden, so that their characters and their neighbours are learnt too.
    seed : int
        Of what is drawn.
    """

    steps: int = STEPS
    batch: int = BATCH
    lr: float = 4e-3
    weight_decay: float = 0.02
    stays: float = 0.98
    hidden: float = HIDDEN
    seed: int = 0


class FittedSpans(NamedTuple):
    """A trained net.

    Attributes
    ----------
    net : SpanNet
    thresholds : ndarray of float, shape (n_labels,)
        The score from which each label is proposed.
    n_later : int
        How many texts the thresholds were found on, before they were learnt; 0 where there were too few.
    history : list of (int, float)
        Step and loss, a few times.
    stopped : str
        "done" or "budget".
    n_marked : int
        How many marked spans the loss used.
    """

    net: SpanNet
    thresholds: np.ndarray
    n_later: int
    history: list[tuple[int, float]]
    stopped: str
    n_marked: int


@dataclass(frozen=True)
class _Example:
    """A text as it is learnt."""

    text: EncodedText
    targets: Targets
    corrected: CorrectedText = field(repr=False)


def fit_spans(texts: Sequence[CorrectedText], n_labels: int, options: SpanOptions, *, budget_s: float | None = None,
              unlabelled: Sequence[str] = (), marked: Sequence[MarkedObject] = (),
              show: Callable[[int, float], object] = lambda step, loss: None) -> FittedSpans:
    """Train a net on corrected texts, and find the score from which its spans are worth proposing.

    Parameters
    ----------
    texts : sequence of CorrectedText
    n_labels : int
    options : SpanOptions
    budget_s : float or None
        Seconds for the training; fewer steps are made where it wouldn't last.
    unlabelled : sequence of str
        Texts that nobody answered: thresholds are carried over to the final net by how many spans are found here.
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
    # Where a budget ends the training before they join, nothing was found on them.
    thresholds = carried_over(early, before, find_spans(trained, others), n_labels) if before else early
    return FittedSpans(trained, thresholds, len({one.corrected.item_id or place for place, one in enumerate(later)}),
                       history, stopped, len(rationales))


def _parted(examples: Sequence[_Example], rng: np.random.Generator) -> tuple[list[_Example], list[_Example]]:
    """Which texts train from the beginning, and which join later: all answers to a text, and its copies, together."""
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
    """The averaged weights of a net that was trained, and why it ended."""
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
    """A text, or some part of a long one."""
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
    """The threshold with the best F1 for each label's proposals, drawn towards that of all labels.

    A proposal is right that has the tokens and the label of a span; one that lies where nothing is known doesn't count.

    Parameters
    ----------
    examples : sequence of _Example
    found : sequence of FoundSpans
        In each text.
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
