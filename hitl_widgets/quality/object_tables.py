"""Objects as tables: the current objects, and the images on which a detector is trained or evaluated.

The functions compute them from the log's table of current annotations, with its columns of objects, and the taxonomy's
lineage. Read `objects_table` first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..events import objects_in
from ..objects.overlap import iou_pair
from ..objects.shapes import bounds_of
from ..records import CLOSING, ObjectAnswer, objects_on_screen
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import set_id
from .annotation_tables import answer_weights
from .object_matching import Reviewed, Sizes, with_label_ids

Table = Mapping[str, Sequence[Any]]

# The columns of the log's table that these need.
STORED_COLUMNS = ("verdict", "label_id", "taxonomy", "certainty", "certainty_source", "acted_at", "chosen_by",
                  "planted", "hidden", "scripted", "model", "arm", "arm_probability", "shown_ms", "content", "touched",
                  "objects", "size", "seen_objects")
OBJECT_COLUMNS = ["item_id", "annotator", "object_id", "kind", "label", "label_id", "x0", "y0", "x1", "y1", "points",
                  "certainty", "origin", "act", "iou_to_proposal", "score", "decision_id", "model", "status", "verdict"]
# Further columns of spans.
SPAN_COLUMNS = ["start", "end", "quote"]
IMAGE_COLUMNS = ["item_id", "annotator", "verdict", "weight", "width", "height", "hidden", "arm", "chosen_by",
                 "threshold", "decision_id", "objects", "ignore", "unknown"]
# An added object finds a withheld proposal that it overlaps by this or more.
FOUND = 0.3
NOTHING = set_id(())
_NUMBERS = ("x0", "y0", "x1", "y1", "certainty", "iou_to_proposal", "score")


class Answered(NamedTuple):
    """An image as one annotator answered it: the row of the table, its size (width, height), and all its objects."""

    row: int
    size: tuple[int, int]
    objects: tuple[ObjectAnswer, ...]


def answered(table: Table) -> Iterator[Answered]:
    """List the images that were answered, an unsure answer included, in the order of the table."""
    for row, (verdict, text, size) in enumerate(zip(table["verdict"], table["objects"], table["size"], strict=True)):
        if text is not None and verdict in CLOSING:
            width, height = map(int, size.split("x"))
            yield Answered(row, (width, height), objects_in(json.loads(text)))


# 16 branches: which objects count under today's labels, and how spans and boxes differ.
def objects_table(table: Table, lineage: Lineage, *, deleted: bool = False, changed: Collection[str] = (),
                  spans: bool = False) -> pd.DataFrame:
    """Make a table of the current objects under today's labels, one row each.

    Parameters
    ----------
    table : mapping of str to sequence
        Current annotations, with the columns `STORED_COLUMNS`.
    lineage : Lineage
    deleted : bool
        List the proposals that were deleted, too.
    changed : collection of str
        Ids of decisions on images whose content isn't what the annotator saw.
    spans : bool
        Whether the objects are spans; x0 to points are missing then.

    Returns
    -------
    DataFrame
        `OBJECT_COLUMNS`, for spans `SPAN_COLUMNS` too, by item and annotator; see `Workbench.objects`. Objects whose
        label is retired are left out; the log keeps them.
    """
    today, gone = _meanings(lineage)
    rows: list[tuple[Any, ...]] = []
    for row, _, objects in answered(table):
        version, outdated = table["taxonomy"][row], table["decision_id"][row] in changed
        for one in objects:
            if not (one.is_there or deleted) or gone(one.label_id, version) or spans != (one.kind == "span"):
                continue
            label_id = None if outdated else today(one.label_id, version)
            status = "planted" if table["planted"][row] else "to_review" if label_id is None else \
                "unsure" if table["verdict"][row] == "unsure" or one.unsure else "decided"
            points = tuple(zip(one.at[::2], one.at[1::2], strict=True)) if one.kind == "polygon" else None
            rows.append((table["item_id"][row], table["annotator"][row], one.id, one.kind,
                         None if label_id is None else lineage.today.name_of(label_id), label_id,
                         *((None,) * 4 if spans else bounds_of(one.at)), points, one.certainty, one.origin, one.act,
                         one.iou, one.score, table["decision_id"][row], table["model"][row], status,
                         table["verdict"][row],
                         *((*one.at, one.quote) if spans else ())))
    rows.sort(key=lambda row: row[:2])
    return _frame(rows, [*OBJECT_COLUMNS, *(SPAN_COLUMNS if spans else ())])


def images_table(table: Table, lineage: Lineage, *, changed: Collection[str] = ()) -> pd.DataFrame:
    """Make a table of the images that were answered for certain, under today's labels: one row per image and annotator.

    Skips, unsure and planted answers, and answers to images that have changed are left out.

    Parameters
    ----------
    table, lineage, changed
        See `objects_table`.

    Returns
    -------
    DataFrame
        `IMAGE_COLUMNS`: weight as `annotation_tables.votes_by_item`; objects, a tuple of `ObjectAnswer` under today's
        labels, without those that are deleted, retired, in doubt or unsure; ignore, a tuple of boxes (x0, y0, x1, y1)
        that are neither certain objects nor background: objects that are unsure or in doubt, and withheld proposals
        that the annotator didn't find; unknown, a tuple of the label_ids that were added after the answer, whose
        objects it can't have.
    """
    today, gone = _meanings(lineage)
    weights = answer_weights(table)

    @cache
    def unknown(version: int | None) -> tuple[str, ...]:
        return tuple(label_id for label_id, on in lineage.label_states(NOTHING, version).items() if on is None)

    rows: list[tuple[Any, ...]] = []
    for row, size, objects in answered(table):
        if table["verdict"][row] == "unsure" or table["planted"][row] or table["decision_id"][row] in changed:
            continue
        version, seen = table["taxonomy"][row], json.loads(table["seen_objects"][row] or "{}")
        there, ignore = [], []
        for one in objects:
            if not one.is_there or gone(one.label_id, version):
                continue
            if one.unsure or (label_id := today(one.label_id, version)) is None:
                ignore.append(bounds_of(one.at, one.kind))
            else:
                there.append(replace(one, label_id=label_id, label=lineage.today.name_of(label_id)))
        ignore += [bounds_of(one["at"], one["kind"]) for one in objects_on_screen(seen.get("withheld"))
                   if not found(one, objects, size)]
        rows.append((table["item_id"][row], table["annotator"][row], table["verdict"][row], weights[row], *size,
                     bool(table["hidden"][row]), table["arm"][row], table["chosen_by"][row],
                     _score(seen.get("threshold")), table["decision_id"][row], tuple(there), tuple(ignore),
                     unknown(version)))
    rows.sort(key=lambda row: row[:2])
    return _frame(rows, IMAGE_COLUMNS)


def doubted_since(table: Table, lineage: Lineage) -> dict[str, int]:
    """Find the answers with an object whose label an edit left in doubt.

    Objects of which the annotator was unsure don't count: they are ignored whatever their label is.

    Parameters
    ----------
    table, lineage
        See `objects_table`.

    Returns
    -------
    dict of str to int
        Decision id -> the newest version of the taxonomy that left one of its labels in doubt.
    """
    today, gone = _meanings(lineage)
    cause, since = cache(lineage.cause_of_doubt), dict[str, int]()
    for row, _, objects in answered(table):
        version, decision_id = table["taxonomy"][row], table["decision_id"][row]
        for one in objects:
            if not one.is_there or one.unsure or gone(one.label_id, version) or today(one.label_id, version):
                continue
            if (step := cause(one.label_id, version)) is not None:
                since[decision_id] = max(step.version, since.get(decision_id, 0))
    return since


def without_unknown(predictions: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Drop predictions of labels that were added after their image was answered, since their truth is unknown.

    Parameters
    ----------
    predictions : DataFrame
        With item_id and label_id, as a column or as `with_label_ids` reads it.
    images : DataFrame
        As returned by `images_table`, a row per image.
    """
    predictions = with_label_ids(predictions)
    unknown = {(str(item_id), label_id) for item_id, of in zip(images["item_id"], images["unknown"], strict=True)
               for label_id in of}
    kept = [(str(item_id), label_id) not in unknown for item_id, label_id in
            zip(predictions["item_id"], predictions["label_id"], strict=True)]
    return predictions.iloc[np.flatnonzero(kept)].reset_index(drop=True)


def reviewed_images(table: Table, *, changed: Collection[str] = ()) -> tuple[Reviewed, Sizes]:
    """List who answered which images for certain, and how large the images are.

    Parameters
    ----------
    table, changed
        See `objects_table`. Unsure and planted answers, and those to images that have changed, don't count.

    Returns
    -------
    reviewed : Reviewed
        Pairs of item_id and annotator.
    sizes : Sizes
        item_id -> width and height, of all that were answered.
    """
    pairs: list[tuple[Any, Any]] = []
    sizes = Sizes()
    for row, (verdict, text, size) in enumerate(zip(table["verdict"], table["objects"], table["size"], strict=True)):
        if text is None or verdict not in CLOSING:
            continue
        width, height = map(int, size.split("x"))
        sizes[table["item_id"][row]] = width, height
        if verdict != "unsure" and not table["planted"][row] and \
                table["decision_id"][row] not in changed:
            pairs.append((table["item_id"][row], table["annotator"][row]))
    return Reviewed(pairs), sizes


def found(withheld: Mapping[str, Any], objects: Sequence[ObjectAnswer], size: tuple[int, int]) -> bool:
    """Whether an annotator added an object where a proposal was withheld.

    Parameters
    ----------
    withheld : mapping
        The proposal's kind and coordinates (`at`).
    objects : sequence of ObjectAnswer
        The annotator's objects in the image.
    size : (int, int)
        Width and height of the image.
    """
    return any(one.act == "added" and one.kind == withheld["kind"]
               and iou_pair(one.kind, one.at, withheld["at"], size=size[::-1]) >= FOUND for one in objects)


def _score(value: Any) -> float | None:
    """Return a valid score, and None for anything else that a log may hold."""
    return value if isinstance(value, (int, float)) and abs(value) < 1e15 else None


def _meanings(lineage: Lineage) -> tuple[Callable[[str, int | None], str | None], Callable[[str, int | None], bool]]:
    """Two functions of a label_id and its version: today's label_id (None if uncertain), and whether it was retired."""
    known: dict[tuple[str, int | None], tuple[str | None, bool]] = {}

    def look_up(label_id: str, version: int | None) -> tuple[str | None, bool]:
        if (label_id, version) not in known:
            now = lineage.exactly(label_id, version)
            known[label_id, version] = now, now is None and not lineage.candidates(label_id, version)
        return known[label_id, version]

    return (lambda label_id, version: look_up(label_id, version)[0]), \
        (lambda label_id, version: look_up(label_id, version)[1])


def _frame(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for place, name in enumerate(names):
        column = [row[place] for row in rows]
        dtype = float if name in (*_NUMBERS, "weight", "threshold") else \
            np.int64 if name in ("width", "height") else \
            "Int64" if name in ("start", "end") else bool if name == "hidden" else object
        columns[name] = pd.Series(column, dtype=dtype)
    return pd.DataFrame(columns)
