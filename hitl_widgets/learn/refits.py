"""The learning curve of a project: light models fitted to its first answers, to more of them, and to all.

They are refitted in the order in which the answers were given, so that the curve shows the effect of the queue in use,
and are measured only on the hold-out's blind answers. Read `refit`, then `goal_of`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..project.project import Project
from ..quality.intervals import design_effect
from ..quality.learning_curve import AnswersLeft, Points, answers_left, expected_gain, points_of
from ..quality.metrics import compare
from ..records import LABELLING, Estimate
from .data import pool_draws
from .light import fit_kernel_head, holds_light_net
from .registry import Registry
from .text_light import fit_text_light, row_logits
from .text_nets import AdditiveTextNet

# With fewer answers to learn from, or to measure on, a curve is guesswork.
FEWEST_ANSWERS, FEWEST_MEASURING = 40, 20
N_PREFIXES, SMALLEST = 10, 20


@dataclass(frozen=True)
class Refits:
    """Light models trained on the first answers of a project, measured on the same hold-out items.

    Attributes
    ----------
    answers : ndarray of int64, shape (n_models,)
        How many answers each model was trained on, ascending; the last one on all. Empty if there are no refits.
    right : ndarray of bool, shape (n_models, n_items)
        Which hold-out items each model got right.
    groups : ndarray or None
        The group of each hold-out item, where the hold-out is drawn by whole groups.
    why : str
        Why there are no refits; else empty.
    """

    answers: np.ndarray
    right: np.ndarray
    groups: np.ndarray | None = None
    why: str = ""

    @property
    def points(self) -> Points:
        """The models' points on the learning curve."""
        effect = 1.0 if self.groups is None else design_effect(self.right[-1].astype(float), self.groups)
        return points_of(self.answers, self.right, effect=effect)

    def gained(self, back: int) -> tuple[Estimate, int]:
        """The gain over an earlier model, and how many fewer answers that model had.

        It is the latest model with at least `back` fewer answers, or the first one if there is none.
        """
        if self.why:
            return Estimate(math.nan, why=self.why), 0
        former = int(np.flatnonzero(self.answers <= max(self.answers[0], self.answers[-1] - back))[-1])
        apart = int(self.answers[-1] - self.answers[former])
        if not apart:
            return Estimate(math.nan, why="there are too few answers to compare with"), 0
        return compare(self.right[former], self.right[-1], self.groups), apart

    def likely(self, more: int) -> Estimate:
        """The expected true gain from the next `more` answers."""
        if self.why:
            return Estimate(math.nan, why=self.why)
        points = self.points
        error = np.sqrt(np.diag(points.covariance))
        alike = points.covariance[-1, :-1] / (error[-1] * error[:-1])
        n = np.full(len(self.answers), max(1, round(points.n_effective)))
        return expected_gain(self.answers, np.round(self.right.mean(axis=1) * n).astype(np.int64), n, more=more,
                             correlation=float(np.clip(np.median(alike), 0, 0.9)) if len(alike) else 0.0)


def nothing(why: str) -> Refits:
    """An empty `Refits`, with the reason."""
    return Refits(np.empty(0, np.int64), np.empty((0, 0), bool), why=why)


# 13 branches: each number that is too small to tell ends it; groups and texts are refitted in their own way.
def refit(project: Project, registry: Registry, *, back: int = 50) -> Refits:
    """Refit light models on the first answers and on more of them, and measure each on the hold-out.

    Parameters
    ----------
    project : Project
    registry : Registry
        Has the descriptors of the pool's images, or the features of its texts.
    back : int
        One of the models learns from this many answers fewer than the last one.
    """
    with project.state.lock:
        answers, measuring = project.answers(), project.measuring().holdout
    training, label_ids = answers.training(), answers.lineage.today.label_ids
    if len(training) < FEWEST_ANSWERS:
        return nothing(f"{len(training)} answers can be learnt from; {FEWEST_ANSWERS} are needed to tell")
    if len(measuring) < FEWEST_MEASURING:
        return nothing(f"{len(measuring)} hold-out items have a blind answer; {FEWEST_MEASURING} are needed to tell")
    first: dict[str, int] = {}
    for event in project.log.events(kind="decided"):
        if event.body["verdict"] not in LABELLING:  # skipped, or answered unsure
            continue
        first.setdefault(event.item_id or "", event.seq or 0)
    training = training.assign(seq=training["item_id"].map(first)).sort_values("seq", ignore_index=True)
    column = {label_id: k for k, label_id in enumerate(label_ids)}
    places, positions = np.fromiter(measuring, np.int64, len(measuring)), training["position"].to_numpy(np.int64)
    (rows, readable), (test, known) = (_rows_of(registry, some) for some in (positions, places))
    labels = training["label_id"].map(column).to_numpy(np.int64)[readable]
    weights = training["weight"].to_numpy(np.float64)[readable]
    truth = np.array([column[label_id] for label_id in measuring.values()], np.int64)[known]
    of = project.settings.get("group")
    groups = None if of is None else project.pool.group_sums(of)[places[known]]
    if readable.sum() < FEWEST_ANSWERS or known.sum() < FEWEST_MEASURING:
        return nothing("too few of the answered items can be read")
    if registry.texts is None:
        return refit_rows(rows[readable], labels, weights, test[known], truth, n_labels=len(label_ids), back=back,
                          groups=groups)
    # The light model of texts is another one: a model over descriptors would measure worse than the one in use.
    prior, draws = registry.texts.prior, pool_draws(project.pool, positions[readable])
    teach, measure, targets, counts = rows[readable], test[known], torch.from_numpy(labels), torch.from_numpy(weights)

    def is_right(n: int) -> np.ndarray:
        light = fit_text_light(teach[:n], targets[:n], counts[:n], prior=prior, n_labels=len(label_ids),
                               draws=draws[:n])
        assert isinstance(light.head, AdditiveTextNet)
        right: np.ndarray = row_logits(light.head, measure).argmax(dim=1).numpy() == truth
        return right
    return _refitted(labels, is_right, back=back, groups=groups)


def _rows_of(registry: Registry, positions: np.ndarray) -> tuple[Any, np.ndarray]:
    """The inputs of a light model, a row for each item, and which items can be read."""
    if registry.texts is not None:
        return registry.texts.rows(positions)
    rows = registry.descriptors.of(positions)
    return rows, ~np.isnan(rows).any(axis=1)


def _refitted(labels: np.ndarray, is_right: Callable[[int], np.ndarray], *, back: int,
              groups: np.ndarray | None) -> Refits:
    """Fit models to growing numbers n of answers; `is_right(n)` returns which hold-out items such a model got right."""
    several = np.flatnonzero(labels != labels[0])
    if not len(several):
        return nothing("all answers so far are one label")
    sizes = [n for n in prefixes(len(labels), back=back) if n > several[0]]
    return Refits(np.array(sizes), np.array([is_right(n) for n in sizes]), groups)


def refit_rows(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, test: np.ndarray, truth: np.ndarray, *,
               n_labels: int, back: int = 50, groups: np.ndarray | None = None,
               fit: Callable[..., nn.Module] = fit_kernel_head) -> Refits:
    """Refit light models on rows of descriptors; `refit` reads them from a project.

    Parameters
    ----------
    rows : ndarray, shape (n_answers, n_features)
        Descriptors of the training items, in the order of their answers.
    labels : ndarray of int, shape (n_answers,)
        Their labels, below n_labels.
    weights : ndarray, shape (n_answers,)
        How much each counts.
    test : ndarray, shape (n_items, n_features)
        Descriptors of the measuring items, none of which is trained on.
    truth : ndarray of int, shape (n_items,)
        Their labels.
    n_labels : int
        Number of labels.
    back : int
        See `refit`.
    groups : ndarray, optional
        See `Refits`.
    fit : callable
        `light.fit_kernel_head`, which light models use, or `light.fit_head`.
    """
    teach, targets, counts = torch.from_numpy(rows), torch.from_numpy(labels), torch.from_numpy(weights)
    measure = torch.from_numpy(test).float()

    def is_right(n: int) -> np.ndarray:
        head = fit(teach[:n], targets[:n], counts[:n], n_labels=n_labels)
        with torch.no_grad():
            right: np.ndarray = head(measure).argmax(dim=1).numpy() == truth
        return right
    return _refitted(labels, is_right, back=back, groups=groups)


def prefixes(n: int, *, back: int = 50) -> list[int]:
    """Numbers of answers to refit on: evenly spaced on a log scale, and all but the last `back`."""
    start = min(n, max(SMALLEST, n // 8))
    sizes = {round(size) for size in np.geomspace(start, n, N_PREFIXES)}
    return sorted(sizes | {n, *([n - back] if n - back >= start else [])})


def goal_of(project: Project, refits: Refits, rounds: Points | None, goal: float) -> AnswersLeft:
    """Estimate how many more answers are needed to reach a goal.

    Parameters
    ----------
    project : Project
        Knows how many answers can still be given.
    refits : Refits
        The learning curve of light models.
    rounds : Points or None
        The measured fine-tunings, whose learning curve is used if the model in use isn't a light one.
    goal : float
        The accuracy that is wanted, above 0 and below 1.
    """
    queue = project.queue
    most = int((~queue.holdout & ~queue.gold & ~queue.is_answered()).sum())
    if rounds is not None:
        return answers_left(rounds, goal, most=most)
    if refits.why:
        return AnswersLeft(math.nan, why=refits.why, goal=goal, most=most)
    return answers_left(refits.points, goal, most=most)


def uses_light_model(registry: Registry) -> bool:
    """Whether the model in use is a light one, or there is none yet."""
    return registry.adopted is None or holds_light_net(registry.path(registry.adopted))
