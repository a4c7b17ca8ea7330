"""Measurement: two models on the same items, a figure for each kind of items that measure.

Read `Figure` first, then `figures_of`. The figure that decides on adoption is that of the hold-out's blind answers;
where there are none, gold decides. A figure on imported labels of hold-out items is reported, and never decides. Which
answers measure is decided in `project.reference`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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

# Kinds of items that measure, the one that decides first, and what they are called.
SOURCES = {"holdout": "hold-out", "gold": "gold", "imported": "imported labels, exposure not recorded"}
DECIDING = ("holdout", "gold")
# Of sets of labels, what is compared; the first is the gain.
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
        Where an item may have several labels, the probability from which each counts as on; 0.5 when it isn't there.
    """

    version: str
    probs: np.ndarray
    label_ids: tuple[str, ...]
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def today(self, lineage: Lineage, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows over the newest labels of a lineage."""
        return todays_probs(self.probs[rows], self.label_ids, lineage)

    def top(self, lineage: Lineage, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The label that is predicted for each of some rows: int64, shape (n,), its place among the newest labels.

        That is the best of the best family, as a card suggests it. Between labels that the model can't tell apart, as
        the children of a split are to an older one, it guesses: always the first of them would be right as often as
        that label is frequent, without anything being known.

        Parameters
        ----------
        lineage : Lineage
        rows : ndarray of int, shape (n,)
        places : ndarray of int, shape (n,)
            Where the items are in the pool; of two models that can't tell labels apart, both guess alike.
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
    """Two models on the same items.

    Attributes
    ----------
    before, after : Metrics or MultilabelMetrics
        Of the model before and of the new one; the latter where an item may have several labels.
    gain : Estimate
        After minus before in accuracy, with the paired 95 % interval; where an item may have several labels, in macro
        F1.
    gains : dict of str to Estimate
        The same in each of `GAINS`, where an item may have several labels.
    """

    before: Metrics | MultilabelMetrics
    after: Metrics | MultilabelMetrics
    gain: Estimate
    gains: Mapping[str, Estimate] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What the log keeps of it."""
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
    """What two models, and the best one so far, made of the items that measure.

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


# The branches are what may be missing: a model to compare with, groups, or the items of one kind.
def figures_of(measuring: Measuring, rows: Mapping[int, int], lineage: Lineage, *, new: Outputs,
               adopted: Outputs | None, best: Outputs | None, why_alone: str = "there was no model before",
               n_holdout: int, learnt: Collection[int] = (), why: str = "",
               groups: np.ndarray | None = None, of_sets: bool = False) -> Figures:
    """Compare models on the items that measure, under the newest taxonomy of a lineage.

    Parameters
    ----------
    measuring : Measuring
        The items, with labels read at the same time as `lineage`.
    rows : mapping
        Position of each item that the models were asked about -> its row in their outputs; others are left out.
    lineage : Lineage
    new : Outputs
    adopted, best : Outputs or None
        The adopted model and the best one so far; None where there is none, or they are the same.
    why_alone : str
        Why there is no adopted model to compare with.
    n_holdout : int
        How many items the hold-out has.
    learnt : collection of int
        Positions of gold items that one of the models learnt once: they measure memory, and are left out.
    why : str
        The reason to give where there is no item to measure on.
    groups : ndarray, shape (n_items of the pool,), optional
        The group of each item, where the hold-out is drawn by whole groups.
    of_sets : bool
        Whether an item may have several labels.
    """
    by_source, verdict, leader = dict[str, Figure](), None, None
    for source in SOURCES:
        truth = {position: label_id for position, label_id in getattr(measuring, source).items()
                 if position in rows and (source != "gold" or position not in learnt)}
        holdout = source == "holdout"
        if not truth and not (holdout and (measuring.n_unsure or measuring.tied or measuring.n_in_doubt)):
            continue
        at_pool = np.array(list(truth), np.int64)
        at, labels = np.array([rows[position] for position in truth], np.int64), list(truth.values())
        if of_sets:
            compared = _Sets(truth, measuring.unknown.get(source, {}), lineage, at, (new, adopted, best),
                             None if groups is None else groups[at_pool])
            counts = {} if not holdout else _counts(measuring, n_holdout)
            by_source[source] = compared.figure(counts, why_alone if labels else why)
            if verdict is None and source in DECIDING and truth:
                verdict, leader = compared.decide()
                if adopted is None and verdict.adopted:
                    verdict = Verdict(adopted=True, why=why_alone)
            continue
        said = [None if model is None else _Said(model.today(lineage, at), model.top(lineage, at, at_pool))
                for model in (new, adopted, best)]
        counts = {} if not holdout else _counts(measuring, n_holdout)
        of_groups = None if groups is None else groups[at_pool]
        by_source[source] = _figure(said[0], said[1], labels, lineage.today, counts, why_alone if labels else why,
                                    of_groups)
        if verdict is None and source in DECIDING and truth:
            verdict, leader = _decide(said, labels, lineage.today, (new, adopted, best), of_groups)
            if adopted is None and verdict.adopted:
                verdict = Verdict(adopted=True, why=why_alone)
    reason = f"not measured: {why}" if why else "not measured"
    return Figures(by_source, verdict or Verdict(adopted=True, why=reason), leader)


def _counts(measuring: Measuring, n_holdout: int) -> dict[str, int]:
    return {"n_unsure": measuring.n_unsure, "n_tied": len(measuring.tied), "n_in_doubt": measuring.n_in_doubt,
            "n_items": n_holdout}


class _Sets:
    """Models on the same items, each of which may have several labels.

    Parameters
    ----------
    truth : mapping of int to str
        Position -> id of the set of labels.
    not_known : mapping of int to tuple of str
        Position -> ids of the labels of which nothing is known, as in `Measuring.unknown`.
    lineage : Lineage
    at : ndarray of int
        Rows of the items in the models' outputs.
    models : tuple of (Outputs or None)
        The new one, the adopted one, the best so far.
    groups : ndarray, optional
        Of the items.
    """

    def __init__(self, truth: Mapping[int, str], not_known: Mapping[int, tuple[str, ...]], lineage: Lineage,
                 at: np.ndarray, models: tuple[Outputs | None, Outputs | None, Outputs | None],
                 groups: np.ndarray | None) -> None:
        self._today, self._groups = lineage.today, groups
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
        """What a model says is on, of the items that all of them predicted."""
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
        assert self._new is not None
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
            return Verdict(adopted=True, why="not measured: none of the items can be read"), None
        truth, groups = self._truth[self._known], None if self._groups is None else self._groups[self._known]
        assert self._new is not None
        verdict = Verdict(adopted=True, why="") if self._adopted is None else better_sets(
            truth, self._on(self._new), self._on(self._adopted), None if self._best is None else self._on(self._best),
            groups)
        # Of a tie the older one: a new model that isn't adopted is never the best.
        older = [model for model in (self._best, self._adopted, self._new if verdict.adopted else None)
                 if model is not None]
        scores = {model.version: float(self._metrics(model)["macro_f1"]) for model in older}
        return verdict, max(scores, key=lambda version: -1.0 if math.isnan(scores[version]) else scores[version])


class _Said(NamedTuple):
    """What a model says of items: probabilities over today's labels, and the place of the label that it predicts."""

    probs: np.ndarray
    top: np.ndarray


def _figure(after: _Said | None, before: _Said | None, labels: list[str], today: Taxonomy,
            counts: Mapping[str, int], why: str, groups: np.ndarray | None) -> Figure:
    """The metrics of both models, and the gain on the items that both predicted."""
    assert after is not None
    names = [today.name_of(label_id) for label_id in today.label_ids]
    metrics = metrics_of(after.probs, labels, today.label_ids, names, groups=groups, top=after.top, **counts)
    if before is None:
        none = metrics_of(np.empty((0, len(names))), [], today.label_ids, names)
        return Figure(none, metrics, Estimate(math.nan, why=why))
    known, (now, then) = _right([after, before], labels, today)
    gain = compare(then, now, None if groups is None else groups[known])
    return Figure(metrics_of(before.probs, labels, today.label_ids, names, groups=groups, top=before.top, **counts),
                  metrics, gain)


def _decide(said: list[_Said | None], labels: list[str], today: Taxonomy, models: tuple[Outputs | None, ...],
            groups: np.ndarray | None) -> tuple[Verdict, str | None]:
    """Whether to adopt the new model, and the version that got most items right."""
    there = [(model, of_model) for model, of_model in zip(models, said, strict=True)
             if model is not None and of_model is not None]
    known, right = _right([of_model for _, of_model in there], labels, today)
    if not known.any():
        return Verdict(adopted=True, why="not measured: none of the items can be read"), None
    of = {model.version: of_model for (model, _), of_model in zip(there, right, strict=True)}
    new, adopted, best = models
    assert new is not None
    verdict = Verdict(adopted=True, why="") if adopted is None else \
        better(of[new.version], of[adopted.version], None if best is None else of[best.version],
               None if groups is None else groups[known])
    # Of a tie the older one: a new model that isn't adopted is never the best.
    older = [model.version for model in (best, adopted, new if verdict.adopted else None) if model is not None]
    return verdict, max(older, key=lambda version: int(of[version].sum()))


def _right(said: list[_Said], labels: list[str], today: Taxonomy) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which items all models predicted, bool, and where on these each was right: bool, shape (n,)."""
    known = np.logical_and.reduce([~np.isnan(of_model.probs).any(axis=1) for of_model in said])
    column = {label_id: index for index, label_id in enumerate(today.label_ids)}
    columns = np.array([column[label_id] for label_id in labels], np.int64)[known]
    return known, [of_model.top[known] == columns for of_model in said]
