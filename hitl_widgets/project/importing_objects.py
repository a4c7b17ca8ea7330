"""Import of existing objects from a table in the form of `Workbench.objects`. Read `import_objects`."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .. import events
from ..errors import BadInput
from ..objects.shapes import Shape, Span, shape
from ..records import CLOSING, SHAPE_OF, Decision, ObjectAnswer, Seen, check_certainty, new_id, utc_now
from .given_objects import answered_objects
from .project import Project
from .spelling import text_of

# Kind of object -> the columns of its coordinates.
COORDINATES: Mapping[str, Sequence[str]] = {"box": ("x0", "y0", "x1", "y1"), "point": ("x0", "y0"),
                                            "polygon": ("points",), "span": ("start", "end")}
# Values of the status column in rows that aren't a person's answer.
_UNDECIDED = ("to_review", "planted")


def import_objects(project: Project, frame: pd.DataFrame, *, annotator: str = "import") -> int:
    """Store existing objects: all rows of a table with the same image and annotator are one answer.

    Importing the same table again changes nothing, also where the objects were revised or retracted since. An answer
    that differs in a place or label is new, and so is one that differs in a certainty, in "unsure" or in the verdict,
    where the table has a column for it (certainty, status, verdict).

    Parameters
    ----------
    project : Project
    frame : DataFrame
        A row for each object: item_id, label (its name, or a column label_id), and x0, y0, x1, y1 of a box, x0, y0 (or
        x, y) of a point, points of a polygon, start and end of a span; annotator, certainty, status, act and verdict
        where there are any, as in `Workbench.objects`, also after ``to_csv`` and ``pd.read_csv``. Where there is a
        column quote, a span has to cover exactly this text. If the only row of an item has no coordinates, the item has
        no objects. The status "unsure" is about one object, the verdict "unsure" about the whole item.
    annotator : str
        Author of the objects where the table has no annotator.

    Returns
    -------
    int
        Number of images with a new answer.

    Raises
    ------
    BadInput, UnknownItem, UnknownLabel
        With the number of the first row that can't be used, counted from 0; nothing was stored then.
    """
    frame = _as_frame(frame, SHAPE_OF[project.task])
    project.require_importing()
    images: dict[tuple[str, str], list[tuple[int, Shape]]] = {}
    undecided: set[tuple[str, str]] = set()
    unsure: dict[tuple[str, str], bool] = {}
    columns = frozenset(map(str, frame.columns))
    for number, record in enumerate(frame.to_dict("records")):
        try:
            key = _item(project, record["item_id"]), project.who(text_of(record.get("annotator")) or annotator)
            objects = images.setdefault(key, [])
            if unsure.setdefault(key, one_unsure := _is_unsure(record)) != one_unsure:
                raise BadInput(f"item {key[0]!r} has the verdict 'unsure' in some rows of {key[1]!r} only; all rows of "
                               "an answer have one verdict.")
            if record.get("status") in _UNDECIDED:
                undecided.add(key)
            elif record.get("act") != "deleted" and (one := shape_of_row(record, SHAPE_OF[project.task])) is not None:
                if isinstance(one, Span):
                    _check_quote(project, key[0], one, record.get("quote"))
                objects.append((number, one))
        except BadInput as error:
            raise type(error)(f"row {number} of the table to import: {error}") from None
    if undecided:
        project.notify(f"the objects of {len(undecided):,} answers are to be reviewed, or were given to a planted "
                       "suggestion. These aren't valid answers of a person, so they were left out.")
    decisions: list[Decision] = []

    def make() -> list[events.Event]:
        decisions[:] = [decision for key, numbered in images.items() if key not in undecided and (decision := _decision(
            project, *key, numbered, is_unsure=unsure[key], columns=columns)) is not None]
        return [events.decided(one, content=project.content(project.pool.position(one.item_id))) for one in decisions]
    project.take_in_new(make)
    return len(decisions)


def _as_frame(table: Any, kind: str) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"a {type(table).__name__} was given; a table with a row for each object is expected, as "
                       "wb.objects() gives it.")
    table = table.rename(columns={"id": "item_id"} if "item_id" not in table and "id" in table else {})
    if table.index.name in ("item_id", "id") and "item_id" not in table:
        table = table.rename_axis("item_id").reset_index()
    if kind == "point" and {"x", "y"} <= set(table) and "x0" not in table:
        table = table.rename(columns={"x": "x0", "y": "y0"})
    if missing := [name for name in ("item_id", *COORDINATES[kind]) if name not in table]:
        raise BadInput(f"the table of objects lacks {', '.join(missing)}; item_id, label and "
                       f"{', '.join(COORDINATES[kind])} are expected, as wb.objects() gives them.")
    return table


def _item(project: Project, item_id: Any) -> str:
    pool = project.pool
    text = str(item_id)
    return str(pool.ids[pool.position(text if text in pool else text_of(item_id) or text)])


def shape_of_row(record: Mapping[Any, Any], kind: str) -> Shape | None:
    """The object of a row; None for a row without coordinates."""
    if (at := coordinates_of(record, kind)) is None:
        return None
    label = text_of(record.get("label_id")) or text_of(record.get("label"))
    certainty = record.get("certainty")
    return shape(kind, at, label=label, certainty=None if _is_nothing(certainty) else check_certainty(certainty),
                 unsure=record.get("status") == "unsure")


def coordinates_of(record: Mapping[Any, Any], kind: str) -> Any:
    """The coordinates in a row, as they are there; None for a row without any.

    Raises
    ------
    BadInput
        When the row is of another kind of object, or its points can't be read.
    """
    given = text_of(record.get("kind"))
    if given not in (None, kind):
        raise BadInput(f"a {given} was given, and this project asks for one {kind} for each object.")
    values = [record.get(name) for name in COORDINATES[kind]]
    if all(_is_nothing(value) for value in values):
        return None
    return _points(values[0]) if kind == "polygon" else [*map(_whole, values)] if kind == "span" else values


def _whole(value: Any) -> Any:
    """A whole number that ``to_csv`` and ``pd.read_csv`` turned into a float, as an int; other values unchanged."""
    return int(value) if isinstance(value, (float, np.floating)) and float(value).is_integer() else value


def _check_quote(project: Project, item_id: str, span: Span, quote: Any) -> None:
    """Raise BadInput where a span doesn't cover its quote."""
    if not isinstance(quote, str):
        return
    text = project.pool.load(project.pool.position(item_id))
    if (covers := text[span.start:span.end]) == quote:
        return
    in_units = text.encode("utf-16-le")[2 * span.start:2 * span.end].decode("utf-16-le", "replace") == quote
    why = "The offsets count UTF-16 units, as JavaScript does; len(text.encode('utf-16-le')[:2 * n]" \
          ".decode('utf-16-le')) gives the character of unit n." if in_units else \
        "Was the text changed, or are the offsets those of another one?"
    raise BadInput(f"item {item_id!r} has {covers!r:.60} at [{span.start}, {span.end}), and the quote is "
                   f"{quote!r:.60}. {why}")


def _points(value: Any) -> list[float]:
    """A polygon's vertices, from a sequence or from the text that ``to_csv`` makes of one."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise BadInput(f"points {value!r:.80} can't be read; ((x, y), (x, y), (x, y)) is expected.") from None
    if not isinstance(value, Iterable):
        raise BadInput(f"points is {value!r:.80}; ((x, y), (x, y), (x, y)) is expected.")
    return [number for point in value for number in (point if isinstance(point, Iterable) else (point,))]


def _is_nothing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and math.isnan(value))


def _is_unsure(record: Mapping[Any, Any]) -> bool:
    """Whether a row says that its annotator was unsure of the whole item."""
    verdict = text_of(record.get("verdict"))
    if verdict not in (None, *CLOSING):
        raise BadInput(f"verdict {verdict!r:.40} is no answer about objects; {', '.join(sorted(CLOSING))} are "
                       "expected. Leave the rows of skipped items out, and rename a column verdict that says something "
                       "else.")
    return verdict == "unsure"


def _decision(project: Project, item_id: str, annotator: str, numbered: Sequence[tuple[int, Shape]], *,
              is_unsure: bool, columns: Collection[str]) -> Decision | None:
    """The decision for an image and annotator of a table; None where the annotator has given this answer before."""
    offered, decision_id = project.taxonomy, new_id()
    seen = Seen(taxonomy=offered.version, chosen_by="import", scripted=True)
    position = project.pool.position(item_id)
    try:
        answer = answered_objects(project, position, [one for _, one in numbered], "unsure" if is_unsure else None,
                                  seen, offered, decision_id)
    except BadInput as error:
        rows = f"row {numbered[0][0]}" if len(numbered) == 1 else f"rows {numbered[0][0]} to {numbered[-1][0]}"
        raise type(error)(f"{rows} of the table to import, item {item_id!r}: {error}") from None
    new = _compared(answer["objects"], lambda label_id: label_id, columns, is_unsure=is_unsure)
    for event in project.log.events_of([item_id]):
        if event.kind != "decided" or event.annotator != annotator or "objects" not in event.body:
            continue
        today = partial(project.lineage.exactly, version=event.body.get("seen", {}).get("taxonomy"))
        if new == _compared(events.objects_of(event.body).get("objects", ()), today, columns,
                            is_unsure=event.body.get("verdict") == "unsure"):
            return None
    standing = project.log.standing_of(item_id, annotator)
    return Decision(id=decision_id, item_id=item_id, annotator=annotator, seen=seen, acted_at=utc_now(),
                    replaces=None if standing is None else standing.id, **answer)


def _compared(objects: Iterable[ObjectAnswer], today: Callable[[str], str | None], columns: Collection[str], *,
              is_unsure: bool) -> tuple[bool | None, set[tuple[Any, ...]]]:
    """What an answer says in the columns of a table: answers that differ in it are different answers.

    The status of an object is "unsure", too, where its annotator was unsure of the whole item.
    """
    return is_unsure if "verdict" in columns else None, {
        (today(one.label_id), one.at, one.certainty if "certainty" in columns else None,
         "status" in columns and (is_unsure or one.unsure)) for one in objects if one.is_there}
