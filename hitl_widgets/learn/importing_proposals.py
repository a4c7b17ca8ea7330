"""Import of objects that a model proposed elsewhere, from a table. Read `import_objects`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, HitlError, ItemError, ModelError
from ..project.importing_objects import COORDINATES, coordinates_of
from ..project.prediction_tables import have, items_of, label_numbers, numbers_of, rows_in_words
from ..project.project import Project
from ..records import SHAPE_OF, Bars, no_bars
from .imported_objects import objects_net_of
from .importing_predictions import check_name
from .object_net import LEAST_SCORE
from .object_predictors import Candidate, checked
from .object_registry import ObjectRegistry
from .span_predictors import checked_spans

# Most objects that are kept for an item.
MOST = 1_000


def import_objects(project: Project, registry: ObjectRegistry, table: Any, *, name: str, adopt: bool = True,
                   bars: Bars = no_bars) -> str:
    """Make a table of proposed objects a model of the project; see `Workbench.import_predictions`.

    Parameters
    ----------
    project : Project
        A project whose task asks for objects.
    registry : ObjectRegistry
        The registry of detectors.
    table : DataFrame
        A row for each object; a row without coordinates means that nothing was found in its item.
    name : str
        The model's name.
    adopt : bool
        Whether it is adopted at once.
    bars : Bars
        Shows how many items were read, since objects belong to an item's content.

    Returns
    -------
    str
        The model's version.

    Raises
    ------
    BadInput, UnknownItem, UnknownLabel
        With the numbers of the rows that can't be used, counted from 0; nothing is imported then.
    """
    name = check_name(name)
    if not isinstance(adopt, bool):
        raise BadInput(f"adopt is {adopt!r}; True or False is expected.")
    project.refresh()
    lineage, kind, pool = project.lineage, SHAPE_OF[project.task], project.pool
    table, positions = items_of(table, pool)
    table = _with_columns(table, kind)
    places = _coordinates(table, kind)
    there = np.array([at is not None for at in places], np.bool_)
    numbers, scores = np.zeros(len(table), np.int64), np.zeros(len(table))
    if there.any():
        numbers[there] = _of_rows(there, lambda some: label_numbers(table["label"][some], lineage))
        scores[there] = _scores(table["score"], there)
    rows_of = pd.Series(np.arange(len(table))).groupby(positions)
    found: dict[int, Sequence[Candidate]] = {}
    with bars(len(rows_of), title="Reading the items that were searched") as advance:
        for position, rows in rows_of:
            size = _size(project, int(position))
            found[int(position)] = [one for row in rows[there[rows]].tolist()
                                    if (one := _candidate(row, places[row], int(numbers[row]), float(scores[row]), kind,
                                                          size)) is not None][:MOST]
            advance(1)
        net = objects_net_of(pool, found, lineage.today.label_ids, content=project.content)
    if n_faint := int((scores[there] < LEAST_SCORE).sum()):
        project.notify(f"{n_faint:,} objects with a score below {LEAST_SCORE} were left out, as of any model.")
    if n_without := len(pool) - len(found):
        project.notify(f"{n_without:,} of the pool's {len(pool):,} items {have(range(n_without))} no row in the table "
                       f"of {name!r}: it proposes nothing there.")
    return registry.add_objects(net, label_ids=lineage.today.label_ids, name=name, adopt=adopt)


def _with_columns(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The table with the columns label, score and those of the coordinates; BadInput where it lacks some."""
    if kind == "point" and {"x", "y"} <= set(table) and "x0" not in table:
        table = table.rename(columns={"x": "x0", "y": "y0"})
    if "score" not in table and "confidence" in table:
        table = table.rename(columns={"confidence": "score"})
    if missing := [name for name in ("label", "score", *COORDINATES[kind]) if name not in table]:
        raise BadInput(f"the table of objects has the columns {list(map(str, table.columns))}; {', '.join(missing)} "
                       f"is missing. item_id, label, {', '.join(COORDINATES[kind])} and score are expected, as "
                       "wb.predict_objects() gives them.")
    return table


def _coordinates(table: pd.DataFrame, kind: str) -> list[Any]:
    places: list[Any] = []
    for row, record in enumerate(table.to_dict("records")):
        try:
            places.append(coordinates_of(record, kind))
        except BadInput as error:
            raise BadInput(f"Row {row} of the table: {error}") from None
    return places


def _of_rows(there: np.ndarray, read: Any) -> Any:
    """The result of `read` for the rows that have an object; its errors name the row of the whole table."""
    try:
        return read(there)
    except BadInput as error:
        for row in np.flatnonzero(there).tolist():  # the first that can't be used
            try:
                read([row])
            except BadInput as one:
                words = str(one).partition(" of the table")[2]
                raise type(one)(f"Row {row} of the table{words}") from None
        raise type(error)(str(error)) from None


def _scores(column: pd.Series, there: np.ndarray) -> np.ndarray:
    scores = numbers_of(column.where(there), "score")
    wrong = np.flatnonzero(there & ~((scores >= 0) & (scores <= 1)))
    if len(wrong):
        raise BadInput(f"{rows_in_words(wrong)} of the table {have(wrong)} no score from 0 to 1, such as "
                       f"{column.iloc[int(wrong[0])]!r:.60}. A model's own confidence is expected; where it gives "
                       "none, df['score'] = 1.0.")
    return scores[there]


def _size(project: Project, position: int) -> tuple[int, int] | None:
    """Width and height of an image, or the number of a text's characters and 1; None where it can't be read."""
    try:
        if project.pool.kind == "text":
            return len(project.pool.load(position)), 1
        height, width = project.pool.size(position)
        return width, height
    except ItemError:
        return None


def _candidate(row: int, at: Any, number: int, score: float, kind: str, size: tuple[int, int] | None
               ) -> Candidate | None:
    """A row as a `Candidate`; None if its score is too small. BadInput where it can't be used."""
    if size is None:
        raise BadInput(f"Row {row} of the table is about an item that can't be read. Leave it out.")
    what = {"box": "boxes", "polygon": "polygons", "point": "points", "span": "spans"}[kind]
    try:
        shape = [np.reshape(np.asarray(at, np.float64), (-1, 2))] if kind == "polygon" else \
            np.asarray([at], np.float64)
        output = {what: shape, "labels": [number], "scores": np.array([max(score, LEAST_SCORE)])}
        found, faults = checked_spans(output, size[0]) if kind == "span" else checked(output, kind, size)
    except (ModelError, ValueError, TypeError) as error:
        words = str(error) if isinstance(error, HitlError) else "its coordinates aren't numbers."
        raise BadInput(f"Row {row} of the table: {words} {at!r:.80} was given.") from None
    if faults or not found:
        why = next(iter(faults), "that can't be used")
        unit = f"of {size[0]} characters" if kind == "span" else f"of {size[0]} x {size[1]} pixels"
        raise BadInput(f"Row {row} of the table is one of {what} {why}: {at!r:.80}, in an item {unit}. Coordinates "
                       f"count {'characters' if kind == 'span' else 'pixels of the item'} from 0; leave it out, or "
                       "correct it.")
    return found[0]._replace(score=score) if score >= LEAST_SCORE else None
