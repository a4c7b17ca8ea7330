"""Table of the standing decisions, with what was on the screen and the round of each. Read `decisions`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..events import Event
from ..project.project import Project
from ..quality.annotation_tables import in_common, leaders, restricted
from ..records import LABELLING

COLUMNS = ["seq", "decision_id", "item_id", "place", "annotator", "round", "verdict", "label_id", "suggestion",
           "visible", "chosen_by", "certainty", "flags", "shown_ms", "model", "scripted", "agreed", "taxonomy"]


def decisions(project: Project, trained: Sequence[Event]) -> pd.DataFrame:
    """Make a table of the standing decisions, in the order in which they were stored; columns: `COLUMNS`.

    Decisions on planted suggestions are left out: they say nothing about the model or the item.

    Labels and suggestions are today's label_ids, None where an edit left them in doubt. `place` is the position in the
    pool, -1 for an item that isn't in it; `agreed` says whether the label was the suggestion, under the labels of that
    time, None if one of the two is missing; `visible` says whether the suggestion (or suggested values, if only values
    are asked) could be seen; a certainty that was only carried over is NaN; `round` is 1 plus the number of trainings
    before.

    Parameters
    ----------
    trained : the log's "trained" events, in their order
    """
    standing = set(project.log.annotations(columns=("decision_id",))["decision_id"])
    ends = [event.seq or 0 for event in trained]
    rows = [(event.seq, event.id, event.item_id, event.annotator, 1 + bisect_left(ends, event.seq or 0),
             *_act(event.body, project)) for event in project.log.events(kind="decided")
            if event.id in standing and not event.body.get("seen", {}).get("planted")]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "place"])
    table.insert(3, "place", project.pool.positions(table["item_id"].tolist()) if len(table) else np.empty(0, np.int64))
    return table.astype({"certainty": float, "shown_ms": float, "visible": bool, "scripted": bool})


def _act(body: Mapping[str, Any], project: Project) -> tuple[Any, ...]:
    """The answer of a decision, and what was on the screen: the columns from verdict on."""
    seen: Mapping[str, Any] = body.get("seen", {})

    def today(label_id: str | None) -> str | None:
        return None if label_id is None else project.lineage.exactly(label_id, seen.get("taxonomy"))

    suggestion = seen.get("suggestion")
    suggested = suggestion is not None or (project.task == "scale" and bool(seen.get("values")))
    return (body["verdict"], today(body.get("label_id")), today(suggestion),
            suggested and not seen.get("hidden", False), seen.get("chosen_by"),
            np.nan if seen.get("certainty") == "carried" else body.get("certainty", np.nan),
            tuple(body.get("flags", ())), _number(seen.get("shown_ms")), seen.get("model"), seen.get("scripted", False),
            None if suggestion is None or body.get("label_id") is None else body["label_id"] == suggestion,
            seen.get("taxonomy"))


def comparable(table: pd.DataFrame, project: Project) -> tuple[pd.DataFrame, dict[str, str]]:
    """Restrict sets of labels to those that all answers to an item, and its known answer, tell of; also return these.

    Returns
    -------
    table : DataFrame
        With restricted sets in label_id and suggestion.
    gold : dict
        item_id -> the known label_id, restricted likewise.
    """
    gold = project.gold()
    if project.task != "multilabel" or not len(table):
        return table, gold
    given = dict(project.state.gold)  # another thread may withdraw some of it
    known = [item_id for item_id in dict.fromkeys(table["item_id"]) if item_id in gold and item_id in given]
    labels, left_out = in_common(
        [*table["item_id"], *known], [*table["label_id"], *(gold[item_id] for item_id in known)],
        [*table["taxonomy"], *(given[item_id][1] for item_id in known)],
        [*table["annotator"], *[None] * len(known)], project.lineage)
    suggestions = [restricted(label_id if isinstance(label_id, str) else None, left_out.get(item_id, ()),
                              project.lineage)
                   for item_id, label_id in zip(table["item_id"], table["suggestion"], strict=True)]
    table = table.assign(label_id=pd.Series(labels[:len(table)], table.index, dtype=object),
                         suggestion=pd.Series(suggestions, table.index, dtype=object))
    of_known = zip(known, labels[len(table):], strict=True)
    return table, {item_id: label_id for item_id, label_id in of_known if label_id is not None}


def consensus(table: pd.DataFrame) -> dict[str, tuple[str | None, int, int]]:
    """item_id -> the most frequent label (None for a tie), its number of votes, and the number of answers."""
    said = table[table["verdict"].isin(LABELLING) & table["label_id"].notna()]
    rows: dict[str, tuple[str | None, int, int]] = {}
    for item_id, given in said.groupby("item_id", sort=False)["label_id"].agg(list).items():
        (top, *tied), most = leaders(given)
        rows[str(item_id)] = None if tied else top, most, len(given)
    return rows


def against_others(table: pd.DataFrame) -> pd.DataFrame:
    """Compare every answer with those of the item's other annotators: annotator, round, right.

    An answer is right if most of the others gave it too; answers for which the others are tied are left out.
    """
    said = table[table["verdict"].isin(LABELLING) & table["label_id"].notna()]
    rows = []
    for _, group in said.groupby("item_id", sort=False):
        given = group["label_id"].tolist()
        for k, (annotator, n_round) in enumerate(zip(group["annotator"], group["round"], strict=True)):
            others = given[:k] + given[k + 1:]
            if others and len(top := leaders(others)[0]) == 1:
                rows.append((annotator, n_round, given[k] == top[0]))
    return pd.DataFrame(rows, columns=["annotator", "round", "right"])


def _number(value: object) -> float:
    """A number, or NaN for anything else: older logs may have a text where a number belongs."""
    return float(value) if isinstance(value, (int, float)) else float("nan")
