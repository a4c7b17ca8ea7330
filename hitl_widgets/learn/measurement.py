"""Measurement: two models on the same items, a figure for each kind of items that measure.

Read `Figure` first, then `figures_of`. The figure that decides on adoption is that of the hold-out's blind answers;
where there are none, gold decides. Imported labels of hold-out items are told, and never decide. Which answers measure
is decided in `project.reference`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..project.reference import Measuring
from ..quality.adoption import Verdict, better
from ..quality.metrics import Metrics, compare
from ..quality.metrics import measure as metrics_of
from ..records import Estimate
from ..sampling.ranking import todays_probs
from ..taxonomy.history import Lineage
from ..taxonomy.labels import Taxonomy

# Kinds of items that measure, the one that decides first, and what they are called.
SOURCES = {"holdout": "hold-out", "gold": "gold", "imported": "imported labels, exposure not recorded"}
DECIDING = ("holdout", "gold")


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
    """

    version: str
    probs: np.ndarray
    label_ids: tuple[str, ...]

    def today(self, lineage: Lineage, rows: np.ndarray) -> np.ndarray:
        """The probabilities of some rows over the newest labels of a lineage."""
        return todays_probs(self.probs[rows], self.label_ids, lineage)


@dataclass(frozen=True)
class Figure:
    """Two models on the same items.

    Attributes
    ----------
    before, after : Metrics
        Of the model before and of the new one.
    gain : Estimate
        After minus before in accuracy, with the paired 95 % interval.
    """

    before: Metrics
    after: Metrics
    gain: Estimate

    def to_dict(self) -> dict[str, Any]:
        """What the log keeps of it."""
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), "why": self.gain.why,
                "gain": None if not self.gain.n else [float(self.gain), self.gain.n, self.gain.low, self.gain.high]}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Figure:
        """Read what `to_dict` wrote."""
        value, n, low, high = body["gain"] or (math.nan, 0, math.nan, math.nan)
        return cls(Metrics.from_dict(body["before"]), Metrics.from_dict(body["after"]),
                   Estimate(value, low, high, n=n, why=body["why"]))


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
               groups: np.ndarray | None = None) -> Figures:
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
        probs = [None if model is None else model.today(lineage, at) for model in (new, adopted, best)]
        counts = {} if not holdout else {"n_unsure": measuring.n_unsure, "n_tied": len(measuring.tied),
                                         "n_in_doubt": measuring.n_in_doubt, "n_items": n_holdout}
        of_groups = None if groups is None else groups[at_pool]
        by_source[source] = _figure(probs[0], probs[1], labels, lineage.today, counts, why_alone if labels else why,
                                    of_groups)
        if verdict is None and source in DECIDING and truth:
            verdict, leader = _decide(probs, labels, lineage.today, (new, adopted, best), of_groups)
            if adopted is None and verdict.adopted:
                verdict = Verdict(adopted=True, why=why_alone)
    reason = f"not measured: {why}" if why else "not measured"
    return Figures(by_source, verdict or Verdict(adopted=True, why=reason), leader)


def _figure(after: np.ndarray | None, before: np.ndarray | None, labels: list[str], today: Taxonomy,
            counts: Mapping[str, int], why: str, groups: np.ndarray | None) -> Figure:
    """The metrics of both models, and the gain on the items that both predicted."""
    assert after is not None
    names = [today.name_of(label_id) for label_id in today.label_ids]
    metrics = metrics_of(after, labels, today.label_ids, names, groups=groups, **counts)
    if before is None:
        none = metrics_of(np.empty((0, len(names))), [], today.label_ids, names)
        return Figure(none, metrics, Estimate(math.nan, why=why))
    known, (now, then) = _right([after, before], labels, today)
    gain = compare(then, now, None if groups is None else groups[known])
    return Figure(metrics_of(before, labels, today.label_ids, names, groups=groups, **counts), metrics, gain)


def _decide(probs: list[np.ndarray | None], labels: list[str], today: Taxonomy, models: tuple[Outputs | None, ...],
            groups: np.ndarray | None) -> tuple[Verdict, str | None]:
    """Whether to adopt the new model, and the version that got most items right."""
    there = [(model, of_model) for model, of_model in zip(models, probs, strict=True)
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


def _right(probs: list[np.ndarray], labels: list[str], today: Taxonomy) -> tuple[np.ndarray, list[np.ndarray]]:
    """Which items all models predicted, bool, and where on these each was right: bool, shape (n,)."""
    known = np.logical_and.reduce([~np.isnan(of_model).any(axis=1) for of_model in probs])
    column = {label_id: index for index, label_id in enumerate(today.label_ids)}
    columns = np.array([column[label_id] for label_id in labels], np.int64)[known]
    return known, [of_model[known].argmax(axis=1) == columns for of_model in probs]
