"""Comparisons of two models on the same items, separately for hold-out, gold, and imported labels.

Read `Figure` first, then `figures_of`. Whether a model is adopted depends on the hold-out's blind answers or, if there
are none, on gold. The comparison on imported labels of hold-out items is only reported. `project.reference` decides
which answers models are measured against ("measuring items").
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..project.reference import Measuring
from ..quality.adoption import Verdict, better, better_sets
from ..quality.metrics import Metrics, compare
from ..quality.metrics import measure as metrics_of
from ..quality.multilabel import MultilabelMetrics, compare_sets, multilabel_metrics
from ..records import Estimate
from ..sampling.ranking import families, likeliest, todays_probs
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import members
from ..taxonomy.labels import Taxonomy

if TYPE_CHECKING:
    from ..project.project import Project

# Kinds of items with which models are measured, in order of precedence, and their names.
SOURCES = {"holdout": "hold-out", "gold": "gold", "imported": "imported labels, exposure not recorded"}
DECIDING = ("holdout", "gold")
# From this many earlier runs on, a note says that the measuring items have chosen among many models.
MANY_ROUNDS = 3
# Metrics that are compared where an item may have several labels; the first is the gain.
GAINS = ("macro_f1", "micro_f1", "exact_match")


@dataclass(frozen=True)
class Outputs:
    """A model's probabilities for some items, over its own labels.

    Attributes
    ----------
    version : str
        The model.
    probs : ndarray, shape (n_items, n_labels of the model)
        NaN where an item can't be read.
    label_ids : tuple of str
        The label of each column.
    thresholds : mapping of str to float
        Where an item may have several labels, the probability from which each counts as on; 0.5 for those it lacks.
    """

    version: str
    probs: np.ndarray
    label_ids: tuple[str, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def today(self, lineage: Lineage, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows over the newest labels of a lineage."""
        return todays_probs(self.probs[rows], self.label_ids, lineage)

    def top(self, lineage: Lineage, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The label that is predicted for each of some rows: its index among the newest labels, int64, shape (n,).

        It is the best label of the best family, as a card suggests it. Among labels that the model can't tell apart,
        such as the children of a split for an older model, one is drawn at random: always taking the first would be
        right as often as that label is frequent.

        Parameters
        ----------
        lineage : Lineage
        rows : ndarray of int, shape (n,)
        places : ndarray of int, shape (n,)
            Positions of the items in the pool. They seed the draws, so that they are the same for two models.
        """
        probs = self.today(lineage, rows)
        family = np.arange(probs.shape[1]) if self.label_ids == lineage.today.label_ids else \
            families(lineage.columns(self.label_ids))
        best = likeliest(np.nan_to_num(probs), family)
        top: np.ndarray = best.argmax(axis=1)
        for row in np.flatnonzero(best.sum(axis=1) > 1).tolist():
            top[row] = np.random.default_rng(int(places[row])).choice(np.flatnonzero(best[row]))
        return top


@dataclass(frozen=True)
class Figure:
    """A comparison of two models on the same items.

    Attributes
    ----------
    before, after : Metrics or MultilabelMetrics
        Metrics of the model before and of the new one; `MultilabelMetrics` where an item may have several labels.
    gain : Estimate
        After minus before in accuracy, with the paired 95 % interval; where an item may have several labels, in macro
        F1.
    gains : dict of str to Estimate
        The gain in each of `GAINS`, where an item may have several labels.
    """

    before: Metrics | MultilabelMetrics
    after: Metrics | MultilabelMetrics
    gain: Estimate
    gains: Mapping[str, Estimate] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The figure as plain data, for the log."""
        gains = {name: [float(gain), gain.n, gain.low, gain.high] for name, gain in self.gains.items() if gain.n}
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), "why": self.gain.why,
                "gain": None if not self.gain.n else [float(self.gain), self.gain.n, self.gain.low, self.gain.high],
                **({"gains": gains} if gains else {})}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Figure:
        """Read what `to_dict` wrote."""
        value, n, low, high = body["gain"] or (math.nan, 0, math.nan, math.nan)
        before, after = (MultilabelMetrics.from_dict(body[name]) if body[name].get("kind") == "multilabel" else
                         Metrics.from_dict(body[name]) for name in ("before", "after"))
        gains = {name: Estimate(gain[0], gain[2], gain[3], n=gain[1]) for name, gain in body.get("gains", {}).items()}
        return cls(before, after, Estimate(value, low, high, n=n, why=body["why"]), gains)


@dataclass(frozen=True)
class Figures:
    """Comparison of two models on each kind of measuring items, and which of all versions is best on them.

    Attributes
    ----------
    by_source : dict
        A `Figure` for each of `SOURCES` that has items.
    verdict : Verdict
        Whether the new model should be adopted.
    best : str or None
        The version that got most of the deciding items right; None where nothing was measured.
    """

    by_source: dict[str, Figure]
    verdict: Verdict
    best: str | None


# The new model, the adopted one, and the best so far where that is another.
Models = tuple[Outputs, Outputs | None, Outputs | None]


@dataclass(frozen=True)
class Reference:
    """The items with which models are measured (hold-out and gold) at one moment, and their rows in the outputs.

    Attributes
    ----------
    measuring : Measuring
    lineage : Lineage
        The lineage at that moment.
    rows : mapping
        Position of each item that the models predicted -> its row in their outputs; others are left out.
    n_holdout : int
        Number of items in the hold-out.
    groups : ndarray, shape (n_items of the pool,), or None
        The group of each item, where the hold-out is drawn by whole groups.
    """

    measuring: Measuring
    lineage: Lineage
    rows: Mapping[int, int]
    n_holdout: int
    groups: np.ndarray | None = None

    @classmethod
    def of(cls, project: Project, positions: Iterable[int] | None = None) -> Reference:
        """The measuring items of a project now; rows are those of `positions`, by default of all measuring items."""
        with project.state.lock:
            measuring, lineage = project.measuring(), project.lineage
        asked = measuring.all if positions is None else positions
        column = project.settings.get("group")
        return cls(measuring, lineage, {position: row for row, position in enumerate(asked)},
                   int(project.queue.holdout.sum()), None if column is None else project.pool.group_sums(column))


# 17 branches: which kinds of items there are to measure on, and which of them decides.
def figures_of(reference: Reference, *, new: Outputs, adopted: Outputs | None, best: Outputs | None,
               why_alone: str = "there was no model before", learnt: Collection[int] = (), why: str = "",
               of_sets: bool = False) -> Figures:
    """Compare models on the measuring items, under the taxonomy of `reference`.

    Parameters
    ----------
    reference : Reference
        The items.
    new : Outputs
    adopted, best : Outputs or None
        The adopted model and the best one so far; None where there is none, or they are the same.
    why_alone : str
        Why there is no adopted model to compare with.
    learnt : collection of int
        Positions of gold items that one of the models was trained on; they are left out.
    why : str
        The reason to give where there is no item to measure on.
    of_sets : bool
        Whether an item may have several labels.
    """
    measuring, models = reference.measuring, (new, adopted, best)
    by_source, verdict, leader = dict[str, Figure](), None, None
    for source in SOURCES:
        truth = {position: label_id for position, label_id in getattr(measuring, source).items()
                 if position in reference.rows and (source != "gold" or position not in learnt)}
        left_out = {} if source != "holdout" else {
            "n_unsure": measuring.n_unsure, "n_tied": len(measuring.tied), "n_in_doubt": measuring.n_in_doubt}
        if not truth and not any(left_out.values()):
            continue
        compared = _Sets(reference, truth, models, measuring.unknown.get(source, {})) if of_sets else \
            _Labels(reference, truth, models)
        counts = {**left_out, "n_items": reference.n_holdout} if left_out else {}
        by_source[source] = compared.figure(counts, why_alone if truth else why)
        if verdict is None and source in DECIDING and truth:
            verdict, leader = compared.decide()
            if adopted is None and verdict.adopted:
                verdict = Verdict(adopted=True, why=why_alone)
    reason = f"not measured: {why}" if why else "not measured"
    return Figures(by_source, verdict or Verdict(adopted=True, why=reason), leader)


def _rows_and_groups(reference: Reference, truth: Mapping[int, str]) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of items in the models' outputs, and their groups."""
    rows = np.array([reference.rows[position] for position in truth], np.int64)
    return rows, None if reference.groups is None else reference.groups[np.array(list(truth), np.int64)]


class _Sets:
    """Comparison of models on the same items, where an item may have several labels.

    Parameters
    ----------
    reference : Reference
    truth : mapping of int to str
        Position -> id of the set of labels.
    models : Models
    not_known : mapping of int to tuple of str
        Position -> ids of the labels of which nothing is known, as in `Measuring.unknown`.
    """

    def __init__(self, reference: Reference, truth: Mapping[int, str], models: Models,
                 not_known: Mapping[int, tuple[str, ...]]) -> None:
        lineage = reference.lineage
        at, self._groups = _rows_and_groups(reference, truth)
        self._today = lineage.today
        label_ids = self._today.label_ids
        self._truth = np.full((len(truth), len(label_ids)), np.nan)
        for row, (position, chosen) in enumerate(truth.items()):
            held, unknown = set(members(chosen)), not_known.get(position, ())
            self._truth[row] = [math.nan if label_id in unknown else label_id in held for label_id in label_ids]
        self._models = [model for model in models if model is not None]
        self._new, self._adopted, self._best = models
        self._probs = {model.version: todays_probs(model.probs[at], model.label_ids, lineage, multilabel=True)
                       for model in self._models}
        self._limits = {model.version: np.array([model.thresholds.get(label_id, 0.5) for label_id in label_ids])
                        for model in self._models}
        self._known = np.logical_and.reduce([~np.isnan(probs).all(axis=1) for probs in self._probs.values()])

    def _on(self, model: Outputs) -> np.ndarray:
        """Which labels a model predicts as on, for the items that all models predicted."""
        on: np.ndarray = np.nan_to_num(self._probs[model.version][self._known], nan=-1.0) >= \
            self._limits[model.version].astype(np.float32)
        return on

    def _metrics(self, model: Outputs | None, **counts: int) -> MultilabelMetrics:
        names = [self._today.name_of(label_id) for label_id in self._today.label_ids]
        none = np.zeros((0, len(names)))
        return multilabel_metrics(none, none, 0.5, self._today.label_ids, names) if model is None else \
            multilabel_metrics(self._truth, self._probs[model.version], self._limits[model.version],
                               self._today.label_ids, names, groups=self._groups, **counts)

    def figure(self, counts: Mapping[str, int], why: str) -> Figure:
        """The metrics of the new and the adopted model, and the gains on the items that both predicted."""
        after = self._metrics(self._new, **counts)
        if self._adopted is None or not len(self._truth):
            return Figure(self._metrics(None), after, Estimate(math.nan, why=why))
        groups = None if self._groups is None else self._groups[self._known]
        gains = {name: compare_sets(self._truth[self._known], self._on(self._adopted), self._on(self._new), name,
                                    groups=groups) for name in GAINS}
        return Figure(self._metrics(self._adopted, **counts), after, gains[GAINS[0]], gains)

    def decide(self) -> tuple[Verdict, str | None]:
        """Whether to adopt the new model, and the version with the highest macro F1."""
        if not self._known.any():
            return Verdict(adopted=True, why="not measured: no item has a prediction by each of the models"), None
        truth, groups = self._truth[self._known], None if self._groups is None else self._groups[self._known]
        verdict = Verdict(adopted=True, why="") if self._adopted is None else better_sets(
            truth, self._on(self._new), self._on(self._adopted), None if self._best is None else self._on(self._best),
            groups)
        # Of a tie the older one: a new model that isn't adopted is never the best.
        older = [model for model in (self._best, self._adopted, self._new if verdict.adopted else None)
                 if model is not None]
        scores = {model.version: float(self._metrics(model)["macro_f1"]) for model in older}
        return verdict, max(scores, key=lambda version: -1.0 if math.isnan(scores[version]) else scores[version])


class _Said(NamedTuple):
    """A model's predictions: probabilities over today's labels, and the index of the predicted label."""

    probs: np.ndarray
    top: np.ndarray


class _Labels:
    """Comparison of models on the same items, where each item has one label.

    Parameters
    ----------
    reference, truth, models
        See `_Sets`; the truth is the id of a label.
    """

    def __init__(self, reference: Reference, truth: Mapping[int, str], models: Models) -> None:
        lineage, places = reference.lineage, np.array(list(truth), np.int64)
        at, self._groups = _rows_and_groups(reference, truth)
        self._today, self._labels = lineage.today, list(truth.values())
        self._new, self._adopted, self._best = models
        self._after, self._before, self._former = (
            None if model is None else _Said(model.today(lineage, at), model.top(lineage, at, places))
            for model in models)

    def _metrics(self, said: _Said | None, **counts: int) -> Metrics:
        names = [self._today.name_of(label_id) for label_id in self._today.label_ids]
        return metrics_of(np.empty((0, len(names))), [], self._today.label_ids, names) if said is None else \
            metrics_of(said.probs, self._labels, self._today.label_ids, names, groups=self._groups, top=said.top,
                       **counts)

    def figure(self, counts: Mapping[str, int], why: str) -> Figure:
        """The metrics of the new and the adopted model, and the gain on the items that both predicted."""
        after = self._metrics(self._after, **counts)
        if self._after is None or self._before is None:
            return Figure(self._metrics(None), after, Estimate(math.nan, why=why))
        known, (now, then) = _right([self._after, self._before], self._labels, self._today)
        gain = compare(then, now, None if self._groups is None else self._groups[known])
        return Figure(self._metrics(self._before, **counts), after, gain)

    def decide(self) -> tuple[Verdict, str | None]:
        """Whether to adopt the new model, and the version that got most items right."""
        there = [(model, said) for model, said in ((self._new, self._after), (self._adopted, self._before),
                                                   (self._best, self._former)) if model and said]
        known, right = _right([said for _, said in there], self._labels, self._today)
        if not known.any():
            return Verdict(adopted=True, why="not measured: no item has a prediction by each of the models"), None
        of = {model.version: of_model for (model, _), of_model in zip(there, right, strict=True)}
        adopted, best = self._adopted, self._best
        verdict = Verdict(adopted=True, why="") if adopted is None else \
            better(of[self._new.version], of[adopted.version], None if best is None else of[best.version],
                   None if self._groups is None else self._groups[known])
        # Of a tie the older one: a new model that isn't adopted is never the best.
        older = [model.version for model in (best, adopted, self._new if verdict.adopted else None)
                 if model is not None]
        return verdict, max(older, key=lambda version: int(of[version].sum()))


def _right(said: list[_Said], labels: list[str], today: Taxonomy) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which items all models predicted, bool, and for each model on which of these it was right: bool, shape (n,)."""
    known = np.logical_and.reduce([~np.isnan(of_model.probs).any(axis=1) for of_model in said])
    column = {label_id: index for index, label_id in enumerate(today.label_ids)}
    columns = np.array([column[label_id] for label_id in labels], np.int64)[known]
    return known, [of_model.top[known] == columns for of_model in said]
