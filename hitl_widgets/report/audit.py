"""The audit of the model's suggestions: how often they are right in the pool, estimated from a random sample of it.

The items of the pool have a random order that depends only on the project and the items (`sampling.audit.Audit`). The
queue asks the first items of this order, in addition to the items that a strategy chooses. If a strategy has already
asked one of them, that answer is used. So the items of this order before the first unanswered one are a random sample
of the pool.

For each person and item it is drawn at random whether the suggestion is hidden or shown (`project.arms`). It is hidden
with a probability of one half or more. The sample has two halves, "hidden" and "shown"; the first answer to an item
decides in which half the item is. Read `audit` first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..events import Event
from ..project.arms import of_audit
from ..project.project import Project
from ..quality.annotation_tables import leaders
from ..quality.intervals import design_effect, jeffreys_of_pool, newcombe
from ..records import CLOSING, LABELLING, Estimate
from ..taxonomy.history import Lineage

# A round, and the version of the model that suggested.
Model = tuple[int, str]


@dataclass(frozen=True)
class Audited:
    """Estimates from the random sample.

    Attributes
    ----------
    sample : DataFrame
        One row per item of the sample that has an answer: item_id, half ("hidden" or "shown" of the audit, "holdout"),
        round, model, right (whether the answer agrees with the suggestion), drawn_with (the number of the sampling
        unit: hold-out items of one group share it if the hold-out is drawn by whole groups).
    n_open : dict
        (round, model) -> number of items, without gold, that nobody had answered when the model began to suggest: the
        pool to which its accuracy refers.
    n_unsure, n_tied : int
        Items of the sample that were answered "unsure", and items with tied answers. Both are left out of `sample`.
    """

    sample: pd.DataFrame
    n_open: dict[Model, int]
    n_unsure: int
    n_tied: int

    def accuracy(self) -> dict[Model, Estimate]:
        """Share of a model's suggestions that are right in the pool, by round and model.

        Only answers given while the suggestion was hidden are used: those to the audit's hidden half and to the
        hold-out. Both are random samples of the items that were unanswered when the model began to suggest. Answers
        given while the suggestion was shown are biased towards it. Intervals are wider if whole groups were drawn and
        the items of a group are alike.
        """
        blind = self.sample[self.sample["half"] != "shown"]
        figures = {}
        for (n_round, model), rows in blind.groupby(["round", "model"], sort=False):  # the oldest first
            k, n = int(rows["right"].sum()), len(rows)
            effect = design_effect(rows["right"].to_numpy(float), rows["drawn_with"])
            low, high = jeffreys_of_pool(k / effect, n / effect, max(n, self.n_open[n_round, model]) / effect)
            figures[n_round, model] = Estimate(k / n, low, high, n=n)
        return figures

    def bias(self) -> Estimate:
        """Automation bias: how much more often answers agree with a suggestion that is seen than with a hidden one.

        Both halves of the audit are random samples of the same pool in the same period, so that their difference is
        caused by seeing the suggestion.
        """
        halves = {half: group["right"] for half, group in self.sample.groupby("half")}
        if "shown" not in halves or "hidden" not in halves:
            return Estimate(np.nan, why="the audit has no answers in both halves yet")
        (k, n), (k_hidden, n_hidden) = ((int(halves[half].sum()), len(halves[half])) for half in ("shown", "hidden"))
        low, high = newcombe(k, n, k_hidden, n_hidden)
        return Estimate(k / n - k_hidden / n_hidden, low, high, n=n + n_hidden)


@dataclass(frozen=True)
class _Answered:
    """An answered item of the sample: first answers, half, the model that suggested, and the sampling unit."""

    item_id: str
    answers: list[Event]
    half: str | None
    model: tuple[int, str | None]
    drawn_with: int


# 16 branches: the two samples are drawn differently, and an item may count, be unsure, tied or not comparable.
def audit(project: Project, trained: Sequence[Event], table: pd.DataFrame) -> Audited:
    """Read the random sample from the log.

    An answer is used if it was the annotator's first answer to the item and was given on a screen, even if it was
    revised later. Imported labels, answers of scripts, and gold items, which somebody selected, are left out.

    Parameters
    ----------
    project : Project
    trained : sequence of Event
        The log's "trained" events, in their order.
    table : DataFrame
        The decisions that stand, as `decisions.decisions` gives them.
    """
    queue, pool = project.queue, project.pool
    holdout, audited = np.flatnonzero(queue.holdout & queue.is_answered()), queue.audited()
    firsts = _first_answers(project.log.events_of(pool.ids[np.concatenate([holdout, audited])].tolist()))
    ends = [event.seq or 0 for event in trained]
    began = table[table["model"].notna()].groupby(["round", "model"])["seq"].min().sort_values()
    age_of: dict[Any, int] = {model: age for age, model in enumerate(began.index)}
    column = project.settings.get("group")
    groups = None if column is None else pool.group_sums(column)

    def answered(place: int, *, was_hidden: bool | None, together: int) -> _Answered:
        item_id = str(pool.ids[place])
        answers = firsts[item_id]
        return _Answered(item_id, answers, _half(answers[0], was_hidden), _model_of(answers[0], ends), together)

    of_holdout = [answered(place, was_hidden=None, together=-1 - place if groups is None else int(groups[place]))
                  for place in holdout.tolist() if pool.ids[place] in firsts]
    of_order = [answered(place, was_hidden=bool(queue.audit.is_hidden[place]), together=-1 - place)
                for place in audited.tolist() if pool.ids[place] in firsts]
    sample = [one for items in (of_holdout, _while_open(of_order, age_of))
              for one in sorted((one for one in items if one.model in age_of), key=lambda one: age_of[one.model])]
    rows: list[tuple[Any, ...]] = []
    left_out = {"unsure": 0, "tied": 0}
    for one in sample:
        if one.half is None or not _fits(one.answers[0], one.half):
            continue
        right = _right([event for event in one.answers if _fits(event, one.half)], project.lineage)
        if isinstance(right, str):
            left_out[right] += 1
        else:
            rows.append((one.item_id, one.half, *one.model, right, one.drawn_with))
    first_seq = table.groupby("item_id")["seq"].min()
    places = pool.positions(first_seq.index.tolist())
    first_seq = first_seq[(places >= 0) & ~queue.gold[places]]
    n_asked = len(pool) - int(np.count_nonzero(queue.gold))
    return Audited(pd.DataFrame(rows, columns=["item_id", "half", "round", "model", "right", "drawn_with"]),
                   {model: n_asked - int((first_seq < seq).sum()) for model, seq in began.items()},
                   left_out["unsure"], left_out["tied"])


def _while_open(items: Iterable[_Answered], age_of: Mapping[Any, int]) -> Iterator[_Answered]:
    """The items that were asked while their model was in use: no item before them in the order has a newer model."""
    newest = -1
    for one in items:
        age = age_of.get(one.model, -1)
        newest = max(newest, age)
        if age == newest:
            yield one


def _first_answers(log: Iterable[Event]) -> dict[str, list[Event]]:
    """List for each item each annotator's first decision that closed it and wasn't retracted, in order."""
    log = list(log)
    undone = {event.body["decision_id"] for event in log if event.kind == "retracted"}
    answers: dict[str, dict[str, Event]] = {}
    for event in log:
        if event.kind == "decided" and event.id not in undone and event.body["verdict"] in CLOSING:
            answers.setdefault(event.item_id or "", {}).setdefault(event.annotator, event)
    # A person who first saw a planted suggestion on an item has no first answer to it.
    fair = {item_id: [event for event in of_item.values() if not event.body.get("seen", {}).get("planted")]
            for item_id, of_item in answers.items()}
    return {item_id: of_item for item_id, of_item in fair.items() if of_item}


def _half(first: Event, formerly_hidden: bool | None) -> str | None:
    """The half of an item, from its first answer; None if it wasn't drawn with the audit's probabilities.

    Parameters
    ----------
    first : Event
    formerly_hidden : bool or None
        Whether the item was hidden from everybody in older versions of the package, which didn't draw this for each
        person. Used for answers without an arm. None for hold-out items.
    """
    if formerly_hidden is None:
        return "holdout"
    seen = first.body.get("seen", {})
    if seen.get("arm") is None:
        return "hidden" if formerly_hidden else "shown"
    if not of_audit(seen["arm"], seen.get("arm_probability")):
        return None
    return "hidden" if seen.get("hidden", False) else "shown"


def _model_of(answer: Event, ends: Sequence[int]) -> tuple[int, str | None]:
    return 1 + bisect_left(ends, answer.seq or 0), answer.body.get("seen", {}).get("model")


def _fits(answer: Event, half: str) -> bool:
    """Whether an answer was given on a screen under the conditions of its half, at once or after a skip."""
    seen = answer.body.get("seen", {})
    return not seen.get("scripted", False) and seen.get("suggestion") is not None and not seen.get("planted") \
        and bool(seen.get("hidden", False)) == (half != "shown") \
        and (half != "holdout" or seen.get("chosen_by") in ("holdout", "skipped"))


def _right(answers: Sequence[Event], lineage: Lineage) -> bool | Literal["unsure", "tied"]:
    """Whether the suggestion was right under the taxonomy of the time, or why that isn't known."""
    labels = [event for event in answers if event.body["verdict"] in LABELLING]
    to = max((event.body["seen"].get("taxonomy") or 1 for event in labels), default=1)
    given = [lineage.exactly(event.body.get("label_id"), event.body["seen"].get("taxonomy"), to) for event in labels]
    seen = answers[0].body["seen"]
    suggestion = lineage.exactly(seen["suggestion"], seen.get("taxonomy"), to)
    votes = [label_id for label_id in given if label_id is not None]
    if not votes or suggestion is None:
        return "unsure"
    (top, *tied), _ = leaders(votes)
    return "tied" if tied else top == suggestion
