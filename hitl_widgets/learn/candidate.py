"""A light head fitted to all answers, and its comparison with the adopted model, which it may replace.

`fit_candidate` makes the head (a `Candidate`, or a `SetCandidate` where an item may have several labels).
`compare_with` compares both models on answers from which neither learnt: the new one predicts out of fold, and only
items that the adopted one never saw, according to its record, are used. Hold-out and gold items aren't used.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..events import Event
from ..project.answers import Answers
from ..project.project import Project
from ..quality.intervals import student_mean
from ..records import Estimate
from ..sampling.ranking import suggested_sets, todays_probs
from .confidence import label_rows
from .data import LabelledImages, TrainingData, differ
from .label_calibration import item_means, known_of, label_shares
from .learnt import never_learnt, pack, unpack
from .light import Light, fit_light, is_light_net, light_net
from .multilabel import LightLabels, fit_light_labels
from .registry import Registry
from .text_feedback import text_feedback_of
from .text_light import fit_text_light, fit_text_light_labels
from .text_nets import is_additive_net
from .text_rationales import feature_penalty
from .text_views import TextPreprocess
from .training_set import BY_CHANCE, pool_shares, training_set

ORIGIN = "background"
# Reasons for asking an item other than a model's uncertainty. On the items about which a model was uncertain it errs
# most, so that a worse model could seem better there.
NOT_BY_DOUBT = (*BY_CHANCE, "typiclust", "k_centre", "script", "import")
# Least number of answers to compare with a model that wasn't learnt in the background.
FEWEST_COMPARED = 20
# Probabilities are clipped to at least this, so that one wrong answer doesn't decide alone.
LEAST = 1e-3


@dataclass(frozen=True)
class Candidate:
    """A light head, and what it learnt from.

    Attributes
    ----------
    items : LabelledImages
        The items to learn from.
    kept : ndarray of int
        Rows of the items that could be read.
    light : Light or LightLabels
        The head, with its logits out of fold, a row for each of `kept`.
    answers : Answers
        The answers, and the taxonomy that they were read under.
    seed : int
        The project's seed.
    """

    items: LabelledImages
    kept: np.ndarray
    light: Light | LightLabels
    answers: Answers
    seed: int

    @property
    def losses(self) -> np.ndarray:
        """The loss of each of the items out of fold, in nats; see `losses_of`."""
        return self.losses_of(self.probs, np.arange(len(self.kept)))

    @property
    def probs(self) -> np.ndarray:
        """The probabilities of each of the items out of fold, shape (n, n_labels)."""
        probs: np.ndarray = self.light.logits.softmax(dim=1).numpy()
        return probs

    @property
    def prior(self) -> np.ndarray:
        """The share of each label in the answers, shape (n_labels,)."""
        n_labels = len(self.items.label_ids)
        shares: np.ndarray = label_rows(self.targets, n_labels).numpy().mean(axis=0)
        return shares

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability from which each label counts as on, where an item may have several."""
        return {}

    def losses_of(self, probs: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The losses of a model's probabilities on some of the items, in nats; see `answer_losses`.

        Parameters
        ----------
        probs : ndarray, shape (n, n_labels)
            A model's probabilities for the items at `rows`.
        rows : ndarray of int, shape (n,)
            Rows of the items, among the items on which the candidate was trained.
        """
        return answer_losses(probs, self.targets[torch.from_numpy(rows)])

    def right(self, probs: np.ndarray, rows: np.ndarray, thresholds: Mapping[str, float]) -> np.ndarray:
        """Whether each prediction equals the answer: bool, shape (n,).

        Parameters
        ----------
        probs, rows
            See `losses_of`.
        thresholds : mapping of str to float
            Thresholds of the model that predicted the probabilities.
        """
        return is_right(probs, self.targets[torch.from_numpy(rows)])

    @cached_property
    def targets(self) -> Tensor:
        """The targets of the items on which the candidate was trained."""
        return self.items.training_data().targets[torch.from_numpy(self.kept)]

    @property
    def item_ids(self) -> list[str]:
        """Ids of the items on which the candidate was trained."""
        return [self.items.item_ids[row] for row in self.kept]

    def net(self, registry: Registry) -> nn.Module:
        """The whole net, descriptors included."""
        return self.light.head if is_additive_net(self.light.head) else \
            light_net(registry.descriptors.net, self.light.head)

    def body(self) -> dict[str, Any]:
        """Fields of the "adopted" event that describe the head."""
        right = self.right(self.probs, np.arange(len(self.kept)), self.thresholds)
        return {"learnt": pack(self.item_ids), "n_training": len(self.kept), "seed": self.seed,
                "taxonomy": self.answers.lineage.today.version,
                "out_of_fold": {"n": len(self.kept), "right": int(right.sum()),
                                "loss": round(float(self.losses.mean()), 6)},
                **({"thresholds": self.thresholds} if self.thresholds else {})}


@dataclass(frozen=True)
class SetCandidate(Candidate):
    """A candidate for items that may have several labels; an item's loss is the mean over its known labels."""

    @property
    def probs(self) -> np.ndarray:
        """The probability of each label of each item out of fold, shape (n, n_labels)."""
        probs: np.ndarray = self.light.logits.sigmoid().numpy()
        return probs

    @property
    def prior(self) -> np.ndarray:
        """For each label, the share of the answers in which it is on."""
        _, on, weights = known_of(self.targets, self._weights)
        shares: np.ndarray = label_shares(on, weights).numpy()
        return shares

    @property
    def thresholds(self) -> dict[str, float]:
        """The probability from which each label counts as on, out of fold."""
        assert isinstance(self.light, LightLabels)
        return {label_id: round(float(threshold), 4)
                for label_id, threshold in zip(self.items.label_ids, self.light.adjustment.thresholds, strict=True)}

    def losses_of(self, probs: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The losses of a model's probabilities on some of the items; see `set_answer_losses`."""
        some = torch.from_numpy(rows)
        return set_answer_losses(probs, self.targets[some], self._weights[some])

    def right(self, probs: np.ndarray, rows: np.ndarray, thresholds: Mapping[str, float]) -> np.ndarray:
        """Whether every known label of each of these items is right: bool, shape (n,)."""
        on = suggested_sets(probs, self.items.label_ids, thresholds)
        truth = self.targets[torch.from_numpy(rows)].numpy()
        whole: np.ndarray = ((on == (truth > 0.5)) | np.isnan(truth)).all(axis=1)
        return whole

    @cached_property
    def _weights(self) -> Tensor:
        weights: Tensor = self.items.training_data().weights[torch.from_numpy(self.kept)]
        return weights


@dataclass(frozen=True)
class Comparison:
    """Whether a candidate is adopted, why, and the mean losses of both models where they were compared."""

    adopted: bool
    why: str
    compared: dict[str, Any] | None = None


def fit_candidate(project: Project, registry: Registry) -> Candidate | str:
    """Fit a light head to all training answers; if there are too few, return a sentence that says so.

    Parameters
    ----------
    project : Project
        Its lock is held only while the answers are read.
    registry : Registry
        The registry, with the descriptors.
    """
    with project.state.lock:
        answers = project.answers()
    items = training_set(project, registry, answers=answers)
    what = "answers that differ in some label" if items.objective.of_sets else "answers with two different labels"
    if not len(items) or not _tell_apart(items.training_data().targets, of_sets=items.objective.of_sets):
        return f"It begins once there are {what}."
    lights = _Rows(registry, project.pool.positions(items.item_ids))
    kept = np.flatnonzero(lights.readable)
    data = replace(items.training_data().select(kept), shares=pool_shares(items, answers))
    if not _tell_apart(data.targets, of_sets=items.objective.of_sets):
        return f"It begins once items with {what} can be read."
    light = lights.fit(kept, data, n_labels=len(items.label_ids), penalty=lights.penalty(project, items, kept))
    of_sets = SetCandidate if items.objective.of_sets else Candidate
    return of_sets(items, kept, light, answers, project.settings["seed"])


class _Rows:
    """Inputs of a project's light models: descriptors of its images, or features of its texts."""

    def __init__(self, registry: Registry, positions: np.ndarray) -> None:
        self._registry = registry
        self.rows: Any
        if registry.texts is not None:
            self.rows, self.readable = registry.texts.rows(positions)
        else:
            self.rows = registry.descriptors.of(positions)
            self.readable = np.isfinite(self.rows).all(axis=1)

    def penalty(self, project: Project, items: LabelledImages, kept: np.ndarray) -> np.ndarray | None:
        """The penalty's factor of each text feature, from the words that people marked; None for images."""
        if self._registry.texts is None:
            return None
        exact = np.ones(len(items), bool) if items.candidates is None else items.candidates.sum(axis=1) <= 1
        marked = text_feedback_of(project, items.item_ids, TextPreprocess(), exact=exact, quiet=True)
        return None if marked is None else feature_penalty(marked.rationales, self.rows[kept])

    def fit(self, kept: np.ndarray, data: TrainingData, *, n_labels: int,
            penalty: np.ndarray | None = None) -> Light | LightLabels:
        """Fit a light model to some of the rows."""
        assert data.draws is not None
        targets, weights, of_sets = data.targets, data.weights, data.objective.of_sets
        if self._registry.texts is not None:
            prior = self._registry.texts.prior
            if of_sets:
                return fit_text_light_labels(self.rows[kept], targets, weights, prior=prior, draws=data.draws,
                                             shares=data.shares, penalty=penalty)
            return fit_text_light(self.rows[kept], targets, weights, prior=prior, n_labels=n_labels, draws=data.draws,
                                  shares=data.shares, penalty=penalty)
        rows = torch.from_numpy(self.rows[kept])
        if of_sets:
            return fit_light_labels(rows, targets, weights, draws=data.draws, shares=data.shares,
                                    n_windows=self._registry.descriptors.net.n_windows)
        return fit_light(rows, targets, weights, n_labels=n_labels, draws=data.draws, shares=data.shares)


# 13 branches: there may be no model to compare with, or too few answers that are fair to both.
def compare_with(project: Project, registry: Registry, new: Candidate, former: Event | None) -> Comparison:
    """Decide whether a candidate replaces the adopted model.

    Parameters
    ----------
    project : Project
    registry : Registry
        The registry, with the adopted model.
    new : Candidate
    former : Event or None
        The event of the last adoption; None without one.

    Notes
    -----
    Losses are compared on answers from which the adopted model didn't learn. If the adopted model is a light model that
    was trained in the background, the candidate replaces it when its mean loss is smaller. Any other adopted model is
    replaced only if the whole paired 95 % interval of the decrease in loss lies above 0 and at least as many answers
    are right. This is measured on at least 20 answers, to items that weren't chosen because a model was uncertain.
    Without an adopted model, the candidate's loss has to be smaller than that of the class priors.
    """
    n, loss = len(new.kept), float(new.losses.mean())
    if former is None or registry.inference.missing:
        prior = float(new.losses_of(np.tile(new.prior, (n, 1)), np.arange(n)).mean())
        return Comparison(loss < prior, f"The first model, from {n} answers." if loss < prior else
                          f"From {n} answers it can't tell the labels better than their shares do.")
    own = former.body["origin"] == ORIGIN and is_light_net(registry.inference.predictor.net)
    fresh = never_learnt(project, former.body["model"], new.item_ids)
    fresh &= ~np.isin(draws := new.items.draws[new.kept], draws[~fresh])  # of a group, all or none
    if not own and fresh.any():
        fresh &= np.isin(new.item_ids, np.array(sorted(new.answers.first_asked(NOT_BY_DOUBT)), str))
        if (n_fair := int(fresh.sum())) < FEWEST_COMPARED:
            return Comparison(False, f"Not better beyond doubt: of the answers that neither learnt, {n_fair} are to "
                                     "items that weren't picked because a model was in doubt; "
                                     f"{FEWEST_COMPARED} are needed to tell.")
    positions = project.pool.positions(new.item_ids)[fresh]
    probs, label_ids = registry.inference.own_probs(positions)
    probs = todays_probs(probs, label_ids, new.answers.lineage, multilabel=new.items.objective.of_sets)
    readable = np.isfinite(probs).all(axis=1)
    chosen = np.flatnonzero(fresh)[readable]
    if not len(chosen):
        return _nothing_new(project, new, former, own=own)
    before, after = new.losses_of(probs[readable], chosen), new.losses[chosen]
    compared = {"n": len(chosen), "new": round(float(after.mean()), 6), "adopted": round(float(before.mean()), 6)}
    fewer = int(new.right(probs[readable], chosen, former.body.get("thresholds", {})).sum()) \
        - int(new.right(new.probs[chosen], chosen, new.thresholds).sum())
    words = f"on {len(chosen)} answers that neither learnt, its mean loss is {after.mean():.3f} and the adopted " \
            f"model's {before.mean():.3f}"
    if own:
        better = bool(after.mean() < before.mean())
        return Comparison(better, f"{'Better' if better else 'Not better'}: {words}.", compared)
    gain = _of_groups(before - after, draws[chosen])
    better = bool(gain.low > 0) and fewer <= 0
    doubt = "" if better else "; another model than one of the background gives way only beyond doubt"
    return Comparison(better, f"{'Better beyond doubt' if better else 'Not better beyond doubt'}: {words}{doubt}.",
                      compared)


def _nothing_new(project: Project, new: Candidate, former: Event, *, own: bool) -> Comparison:
    """The comparison if the adopted model was trained on every answer, so that losses can't be compared."""
    if own and tuple(former.body["label_ids"]) != tuple(new.items.label_ids):
        return Comparison(True, "The labels were edited since the adopted model was learnt.")
    if own and len(new.kept) > former.body["n_training"]:
        return Comparison(True, f"It learnt {len(new.kept)} answers, the adopted model {former.body['n_training']}.")
    if own and (n := _n_changed(project, new, former)):
        return Comparison(True, f"Of the answers that the adopted model learnt, {n} were revised or taken back since.")
    return Comparison(False, "The adopted model learnt every answer, so nothing tells the two apart yet.")


def _n_changed(project: Project, new: Candidate, former: Event) -> int:
    """Count the training items of a model that have changed since.

    These are items that aren't training items any more, and items with a decision after the model was adopted.
    """
    ids = np.array([zlib.crc32(item_id.encode()) for item_id in new.item_ids], np.uint32)
    gone = np.setdiff1d(unpack(former.body["learnt"]), ids) if "learnt" in former.body else ids[:0]
    return len(gone) + len(set(new.item_ids).intersection(project.log.changed_items(former.seq or 0)))


def answer_losses(probs: np.ndarray, targets: Tensor) -> np.ndarray:
    """The log loss of each answer, in nats.

    It is minus the logarithm of the probability of the answered label. If an answer may mean several labels (its
    candidates), their probabilities are added first. Probabilities are clipped to at least 0.001.

    Parameters
    ----------
    probs : ndarray, shape (n, n_labels)
        A model's probabilities.
    targets : Tensor
        The targets of `data.TrainingData`.

    Examples
    --------
    >>> answer_losses(np.array([[0.5, 0.5], [1.0, 0.0]]), torch.tensor([0, 1])).round(3)
    array([0.693, 6.908])
    """
    said = (probs * _candidates(targets, probs.shape[1])).sum(axis=1)
    losses: np.ndarray = -np.log(np.clip(said, LEAST, 1.0))
    return losses


def set_answer_losses(probs: np.ndarray, on: Tensor, weights: Tensor) -> np.ndarray:
    """The mean log loss over each item's known labels, in nats.

    Parameters
    ----------
    probs : ndarray, shape (n, n_labels)
        Probability that each label is on.
    on, weights : Tensor, shape (n, n_labels)
        Whether it is on, from 0 to 1, NaN where that isn't known; and the weight of each.

    Examples
    --------
    >>> on, alike = torch.tensor([[1.0, 0.0], [1.0, torch.nan]]), torch.ones(2, 2)
    >>> set_answer_losses(np.array([[0.5, 0.5], [1.0, 0.2]]), on, alike).round(3)
    array([0.693, 0.001])
    """
    _, on, counted = known_of(on, weights)
    p = torch.from_numpy(np.clip(probs, LEAST, 1 - LEAST))
    losses: np.ndarray = item_means(-(on * p.log() + (1 - on) * (1 - p).log()), counted).numpy()
    return losses


def is_right(scores: np.ndarray, targets: Tensor) -> np.ndarray:
    """Whether the likeliest label is the answer, or one of the labels that the answer may mean: bool, shape (n,)."""
    right: np.ndarray = _candidates(targets, scores.shape[1])[np.arange(len(scores)), scores.argmax(axis=1)]
    return right


def _candidates(targets: Tensor, n_labels: int) -> np.ndarray:
    """The labels that each answer may mean: bool, shape (n, n_labels)."""
    if targets.ndim == 1:
        return np.asarray(targets.numpy()[:, None] == np.arange(n_labels))
    rows = targets.numpy()
    return np.asarray(rows >= rows.max(axis=1, keepdims=True))


def _exact(targets: Tensor) -> np.ndarray:
    """The label of each answer, -1 where it has several candidates."""
    if targets.ndim == 1:
        return targets.numpy()
    several = _candidates(targets, targets.shape[1]).sum(axis=1) > 1
    return np.where(several, -1, targets.numpy().argmax(axis=1))


def _tell_apart(targets: Tensor, *, of_sets: bool) -> bool:
    """Whether there are two labels to tell apart, or one that some items have and others don't."""
    return differ(targets) if of_sets else len(set(_exact(targets).tolist()) - {-1}) >= 2


def _of_groups(gains: np.ndarray, groups: np.ndarray) -> Estimate:
    """The mean gain with its interval; the items of a group count as one."""
    _, group = np.unique(groups, return_inverse=True)
    return student_mean((np.bincount(group, gains) / np.bincount(group)).tolist())
