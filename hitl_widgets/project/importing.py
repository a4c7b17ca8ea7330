"""Import of existing labels from a table. Read `import_annotations` first.

`known_answers` reads the known answers that a user passes to `Project.set_gold`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .. import events
from ..errors import BadInput, UnknownItem, UnknownLabel
from ..items.pool import Pool
from ..records import (
    LABELLING,
    LONGEST_NOTE,
    OBJECT_TASKS,
    VERDICTS,
    Bars,
    Decision,
    Seen,
    check_certainty,
    check_flags,
    new_id,
    no_bars,
    utc_now,
)
from ..taxonomy.attributes import Value
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, members
from .evidence import named_values
from .label_index import Pair
from .spelling import SET_COLUMNS, Spelling, attributes_in, text_of, with_sets

if TYPE_CHECKING:
    from .project import Project

_SAID = ("verdict", "label_id", "taxonomy", "certainty", "note", "flags", "given_values", "chosen_by")
# Columns other than the label that are compared with the current decision.
_COMPARED = ("certainty", "flags")
# Notes that `pd.read_csv` reads as missing values, beside blank ones.
_READ_AS_NOTHING = frozenset(("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
                              "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"))


class _Row(NamedTuple):
    """One row of the table to import.

    `verdict` is None if the table has no verdicts. `said` has the columns of the table, and `attributes` the ids of
    those that are attributes. `problem` is the error if the row's label isn't one of today's labels. Such a row is kept
    since it may have been imported before.
    """

    number: int
    position: int
    item_id: str
    annotator: str
    verdict: str | None
    text: str | None
    label_id: str | None
    problem: BadInput | None
    certainty: float | None
    note: str | None
    flags: tuple[str, ...]
    certainty_source: str | None
    model: str | None
    acted_at: datetime | None
    said: frozenset[str]
    values: Mapping[str, Value]
    attributes: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def pair(self) -> tuple[str, str]:
        return self.item_id, self.annotator

    @property
    def answer(self) -> tuple[Any, ...]:
        """The answer in this row. All rows of one annotator and item must have the same answer."""
        return (self.verdict, self.text if self.label_id is None else self.label_id, self.certainty, self.note,
                self.flags, tuple(sorted(self.values.items())))


def import_annotations(project: Project, frame: pd.DataFrame | pd.Series | Mapping[Any, Any], *,
                       annotator: str = "import", bars: Bars = no_bars) -> int:
    """Store existing labels or, where objects are asked for, existing objects.

    Importing the same table again changes nothing: an answer that an annotator ever gave to an item isn't stored again,
    even if it was retracted or revised since. Labels are found by their former names too, where these mean one label
    today.

    Parameters
    ----------
    project : Project
    frame : DataFrame, Series or mapping
        A DataFrame with the columns item_id (or id, or an index of that name) and label; verdict, certainty, note,
        flags, annotator and acted_at where there are any, as in `Project.annotations`, also after `to_csv` and
        `read_csv`. A Series or a mapping gives item id -> label. Where an item may have several labels, the column
        labels has a list of names; or each label has a column that says whether it is on; or each has a row, as in
        `Project.labels_table`.
    annotator : str
        Author of the labels where the frame has no annotator.
    bars : Bars
        Progress bars.

    Returns
    -------
    int
        Number of labels that were new.

    Raises
    ------
    BadInput, UnknownItem, UnknownLabel
        If a row can't be used, or two rows have different answers of one annotator to one item. The message has the
        number of the row or rows, counted from 0. Nothing is stored in this case.
    """
    if project.task in OBJECT_TASKS:
        from .importing_objects import import_objects
        with bars(None, title="Importing objects"):
            return import_objects(project, frame, annotator=annotator)  # type: ignore[arg-type]
    title = f"Importing {len(frame):,} labels" if isinstance(frame, pd.DataFrame) else "Importing"
    with bars(None, title=title):
        return _import_labels(project, frame, annotator)


def _import_labels(project: Project, frame: pd.DataFrame | pd.Series | Mapping[Any, Any], annotator: str) -> int:
    project.require_importing()
    frame = _as_frame(frame, project)
    rows, n_undecided = _rows_of(frame, project, annotator)
    new: list[tuple[_Row, str | None]] = []
    n_changed_since = n_forgotten = 0

    def make() -> list[events.Event]:
        nonlocal n_changed_since, n_forgotten
        new[:], n_changed_since, n_forgotten = _new_rows(project, rows)
        now = utc_now()
        return [events.decided(_decision(row, former, project.lineage, now), content=project.content(row.position))
                for row, former in new]
    project.take_in_new(make)
    if n_undecided:
        project.notify(f"{n_undecided:,} rows of the table to import are to be reviewed, only presumed, or given to a "
                       "planted suggestion. These aren't valid answers of a person, so they were left out.")
    if n_changed_since:
        project.notify(f"{n_changed_since:,} rows of the table to import were stored before and revised or retracted "
                       "since; they weren't stored again.")
    if n_forgotten:
        project.notify(f"{n_forgotten:,} {'note' if n_forgotten == 1 else 'notes'} of the table to import left out: a "
                       "note of the same annotator on the item was forgotten here.")
    return len(new)


class Known(NamedTuple):
    """The known answer of an item: a label as it is spelt, its id (or the error if there is no such label), and values.

    With all of these missing, it withdraws the earlier known answer.
    """

    text: str | None = None
    label_id: str | None = None
    problem: BadInput | None = None
    values: Mapping[str, Value] = {}


WITHDRAWN = Known()


def known_answers(project: Project, known: Any) -> dict[str, Known]:
    """Read known answers from a mapping, a Series or a DataFrame: item id -> what is known.

    Raises
    ------
    BadInput
        When it is something else, an item is named twice with different answers, or an answer is missing.
    """
    task = project.task
    if not isinstance(known, (Mapping, pd.Series, pd.DataFrame)):
        raise BadInput(f"gold takes a mapping of item id to {_ANSWER[task]}, a Series or a DataFrame with the columns "
                       f"item_id and {_COLUMN[task]}, not {type(known).__name__}.")
    if isinstance(known, pd.DataFrame):
        records: list[tuple[Mapping[Any, Any], bool]] = [
            (record, False) for record in _as_frame(known, project).to_dict("records")]
    else:
        records = [(_record(item_id, given, task), given is None) for item_id, given in known.items()]
    spelling = Spelling(project.lineage, task, set().union(*(map(str, record) for record, _ in records)))
    answers: dict[str, Known] = {}
    for record, withdrawn in records:
        item, one = text_of(record["item_id"]) or "", \
            WITHDRAWN if withdrawn or _is_none(record) else _known(record, spelling)
        if (former := answers.setdefault(item, one)) != one:
            raise BadInput(f"item {record['item_id']!r} is named twice, as {former.text or dict(former.values)!r} and "
                           f"as {one.text or dict(one.values)!r}; an item has one known answer.")
    return answers


def _known(record: Mapping[Any, Any], spelling: Spelling) -> Known:
    """Read the known answer of a row."""
    one = Known(*spelling.label(record), spelling.values(record))
    if one.text is None and not one.values:
        raise BadInput(f"item {record['item_id']!r} has no {'value' if spelling.task == 'scale' else 'label'}; leave "
                       "such rows out, for instance with dropna().")
    return one


def is_known(answer: Known, given: Pair | None, lineage: Lineage) -> bool:
    """Whether a known label was given already, perhaps under a former name.

    Parameters
    ----------
    answer : Known
        The item's known answer.
    given : tuple of (str, int) or None
        The item's known answer until now: its label_id and taxonomy version.
    lineage : Lineage
    """
    if given is None or answer.text is None:
        return answer.text is None
    if answer.label_id is not None:
        return lineage.exactly(*given) == answer.label_id
    return not is_set(given[0]) and lineage.means(answer.text, *given)  # an edit may have removed the label since


# -- the table -----------------------------------------------------------------------------------------------

# Task -> the answer expected for an item, and the column that holds it.
_ANSWER = {"classify": "label", "multilabel": "a list of labels", "scale": "a mapping of attributes to values"}
_COLUMN = {"classify": "label", "multilabel": "labels", "scale": "one for each attribute"}


def _as_frame(table: Any, project: Project) -> pd.DataFrame:
    """Return the table with the column item_id and those of the answers; BadInput when it has none."""
    task = project.task
    if isinstance(table, (Mapping, pd.Series)):
        return pd.DataFrame([_record(item_id, given, task) for item_id, given in table.items()],
                            columns=None if len(table) else ["item_id", "label"])
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"a DataFrame with the columns item_id and {_COLUMN[task]} is expected, or a Series or mapping "
                       f"of item id to {_ANSWER[task]}, not {type(table).__name__}.")
    table = _with_item_id(table)
    if {"attribute", "value"} <= set(table.columns) and "item_id" in table and "label" not in table:
        table = _wide(table)
    if task == "multilabel":
        table = with_sets(table, project.taxonomy)
    columns = set(map(str, table.columns))
    answers = {"classify": {"label"}, "multilabel": set(SET_COLUMNS),
               "scale": set(attributes_in(project.taxonomy, columns))}[task]
    missing = [name for name, there in (("item_id", "item_id" in columns), (_COLUMN[task], answers & columns))
               if not there]
    if missing:
        raise BadInput(f"the table has the columns {list(map(str, table.columns))}; {missing} is missing. Rename yours "
                       "with df.rename(columns={...}).")
    return table


def _with_item_id(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column item_id from the column id or the index; BadInput for two columns of one name."""
    for name in ("item_id", "id"):
        if name not in table and "item_id" not in table and name in table.index.names:
            table = table.reset_index(level=name)
    if "item_id" not in table:
        table = table.rename(columns={"id": "item_id"})
    if repeated := sorted({str(name) for name in table.columns if list(table.columns).count(name) > 1}):
        raise BadInput(f"the table has more than one column {repeated[0]!r}; one of each name is expected.")
    return table


def _record(item_id: Any, given: Any, task: str) -> dict[str, Any]:
    """A row of a table, from a mapping's item id and answer."""
    if task == "scale":
        if given is not None and not isinstance(given, Mapping):
            raise BadInput(f"item {item_id!r} has {given!r:.80}; a mapping of attributes to values is expected, such "
                           "as {'blur': 3}.")
        return {"item_id": item_id, **({} if given is None else given)}
    return {"item_id": item_id, "labels" if task == "multilabel" else "label": given}


def _is_none(record: Mapping[Any, Any]) -> bool:
    """Whether a row of known answers has None, as an object, in place of labels, which withdraws the known answer."""
    given = [record[name] for name in ("label", "labels") if name in record]
    return bool(given) and all(each is None for each in given)


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """Pivot a long table of values, as from `Workbench.values`, to one row for each item and annotator."""
    keys = [name for name in ("item_id", "annotator", "certainty", "status", "acted_at") if name in table]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in table.to_dict("records"):
        key = tuple(text_of(record[name]) for name in keys)
        row = rows.setdefault(key, {name: record[name] for name in keys})
        row[str(record["attribute"])] = record["value"]
    return pd.DataFrame(list(rows.values()), columns=None if rows else [*keys, "label"])


def _rows_of(frame: pd.DataFrame, project: Project, annotator: str) -> tuple[list[_Row], int]:
    """Read and check every row; return those with an answer, and the number of rows without one."""
    said, pool = frozenset(map(str, frame.columns)), project.pool
    spelling = Spelling(project.lineage, project.task, said)
    rows: list[_Row] = []
    first: dict[tuple[str, str], _Row] = {}
    records = frame.to_dict("records")
    places = _places(pool, [record["item_id"] for record in records])
    n_undecided = 0
    for number, (record, position) in enumerate(zip(records, places, strict=True)):
        if record.get("status") in ("to_review", "presumed", "planted"):
            n_undecided += 1
            continue
        try:
            row = _row(number, record, pool, position, spelling, annotator=annotator, said=said, who=project.who)
        except BadInput as error:
            raise type(error)(f"row {number} of the table to import: {error}") from None
        former = first.setdefault(row.pair, row)
        if former.answer != row.answer:
            raise BadInput(f"rows {former.number} and {row.number} of the table to import give different answers of "
                           f"{row.annotator!r} to item {row.item_id!r}: {former.text or former.verdict!r} and "
                           f"{row.text or row.verdict!r}. Leave one of them out.")
        if former is row:
            rows.append(row)
    if (forgotten := project.log.redactions).met:  # including the names in the rows, which were looked up above
        rows = [row if row.note is None else row._replace(note=forgotten.text(row.note)) for row in rows]
    return rows, n_undecided


def _places(pool: Pool, item_ids: Sequence[Any]) -> list[int]:
    places = pool.positions(list(map(str, item_ids)))
    unknown = np.flatnonzero(places < 0)
    if unknown.size:  # 7.0 is item 7, unless there is an item 7.0
        places[unknown] = pool.positions([text_of(item_ids[row]) or "" for row in unknown.tolist()])
    return list(map(int, places))


# 13 branches: what may be wrong with a row, each with its own message.
def _row(number: int, record: Mapping[Any, Any], pool: Pool, position: int, spelling: Spelling, *, annotator: str,
         said: frozenset[str], who: Callable[[str], str]) -> _Row:
    if position < 0:
        _refuse_item(pool, record["item_id"])
    verdict, (text, label_id, problem) = text_of(record.get("verdict")), spelling.label(record)
    values = spelling.values(record)
    if problem is None:
        values = named_values(values, spelling.lineage.today, label_id)
    if verdict is not None and verdict not in VERDICTS:
        raise BadInput(f"verdict {verdict!r} is unknown; one of {', '.join(VERDICTS)} is expected.")
    if verdict not in ("skip", "unsure"):
        _require(text, values, spelling.task)
    if verdict == "skip" and (text is not None or values):
        raise BadInput(f"a skip carries no label, but {text or values!r} was given.")
    if (note := text_of(record.get("note"))) is not None and len(note) > LONGEST_NOTE:
        raise BadInput(f"the note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept.")
    source = text_of(record.get("certainty_source"))
    if source not in (None, "given", "carried"):
        raise BadInput(f"certainty_source is {source!r}; 'given' or 'carried' is expected.")
    return _Row(number, position, str(pool.ids[position]),
                who(text_of(record.get("annotator")) or annotator), verdict, text, label_id, problem,
                _certainty(record.get("certainty")), note, _flags(record.get("flags")), source,
                text_of(record.get("model")), _instant(record.get("acted_at")), said, values, spelling.attributes,
                spelling.names(record))


def _require(text: str | None, values: Mapping[str, Value], task: str) -> None:
    if task == "scale" and not values:
        raise BadInput("there is no value. Leave such rows out; a column for each attribute is expected, by its name.")
    if task != "scale" and text is None:
        raise BadInput("there is no label. Leave such rows out with df.dropna(subset=['label']); where the label is "
                       "spelt like 'NA' or 'None', read the file with keep_default_na=False.")


def _refuse_item(pool: Pool, item_id: Any) -> None:
    try:
        pool.position(item_id)
    except UnknownItem as error:
        hint = "" if isinstance(item_id, str) else \
            " Where ids begin with zeros, read the file with dtype={'item_id': str}."
        raise UnknownItem(f"{error}{hint}") from None


def _certainty(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise BadInput(f"certainty {value!r} can't be used: a number from 0 to 10 is expected.") from None
    missing = value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and math.isnan(value))
    return None if missing else check_certainty(value)


def _flags(value: Any) -> tuple[str, ...]:
    """Flags from a sequence, or from text such as "('bad_data', 'second_look')", which `to_csv` makes of one."""
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return check_flags(list(value))
    return check_flags(re.findall(r"[^\s,;()\[\]{}'\"]+", text_of(value) or ""))


def _instant(value: Any) -> datetime | None:
    if text_of(value) is None:
        return None
    try:
        at = pd.Timestamp(value)
        instant: datetime = (at.tz_localize("UTC") if at.tzinfo is None else at.tz_convert("UTC")).to_pydatetime(
            warn=False)
    except (ValueError, TypeError, OverflowError):
        raise BadInput(f"acted_at {value!r} is no instant; a date with a time is expected, such as "
                       "'2024-05-01 10:00'.") from None
    return instant


# -- what is new ---------------------------------------------------------------------------------------------

def _new_rows(project: Project, rows: Sequence[_Row]) -> tuple[list[tuple[_Row, str | None]], int, int]:
    """Return the new rows, each with the decision that it replaces.

    The two numbers count rows that were stored once and no longer stand, and notes that were left out: where a note of
    the annotator on the item was removed for good (`forget`), none is imported.
    """
    table = project.log.annotations(columns=_SAID)
    stands = {pair: row for row, pair in enumerate(zip(table["item_id"], table["annotator"], strict=True))}

    def stands_so(row: _Row) -> bool:
        place = stands.get(row.pair)
        return place is not None and _same(row, {name: table[name][place] for name in _SAID}, project.lineage)
    open_ = [row for row in rows if not stands_so(row)]
    before, forgotten = _said_before(project, open_)
    new: list[tuple[_Row, str | None]] = []
    n_changed_since = n_forgotten = 0
    for row in open_:
        if row.note is not None and row.pair in forgotten:
            n_forgotten += 1
            row = row._replace(note=None, said=row.said - {"note"})
            if stands_so(row):
                continue
        if any(_same(row, said, project.lineage) for said in before.get(row.pair, ())):
            n_changed_since += 1
            continue
        if row.problem is not None:
            raise type(row.problem)(f"row {row.number} of the table to import: {row.problem}")
        place = stands.get(row.pair)
        new.append((row, None if place is None else table["decision_id"][place]))
    return new, n_changed_since, n_forgotten


def _said_before(project: Project, rows: Sequence[_Row]
                 ) -> tuple[dict[tuple[str, str], list[dict[str, Any]]], set[tuple[str, str]]]:
    """Everything that the annotators of these rows ever answered to their items, also if retracted or revised.

    The second result has the (item, annotator) pairs of which a note was forgotten.
    """
    pairs, before = {row.pair for row in rows}, dict[tuple[str, str], list[dict[str, Any]]]()
    without_note, forgotten = project.log.redactions.notes, set[tuple[str, str]]()
    for event in project.log.events_of(sorted({item_id for item_id, _ in pairs})):
        if event.kind == "decided" and (pair := (event.item_id or "", event.annotator)) in pairs:
            if event.id in without_note:
                forgotten.add(pair)
            before.setdefault(pair, []).append({
                **{name: event.body.get(name) for name in ("verdict", "label_id", "certainty", "note")},
                "given_values": event.body.get("values"),
                "flags": tuple(event.body.get("flags", ())),
                **{name: event.body.get("seen", {}).get(name) for name in ("taxonomy", "chosen_by")}})
    return before, forgotten


# 18 branches: the columns that a table may have or lack.
def _same(row: _Row, said: Mapping[str, Any], lineage: Lineage) -> bool:
    """Whether a decision says the same as a row; only columns of the table are compared."""
    verdict = said["verdict"]
    if verdict != row.verdict if row.verdict is not None else verdict not in LABELLING:
        return False
    if any(name in row.said and said[name] != getattr(row, name) for name in _COMPARED):
        return False
    if "note" in row.said and said["note"] != row.note and _read_back(said["note"]) != _read_back(row.note):
        return False
    if row.attributes and _values_of(said, lineage, row.attributes) != dict(row.values):
        return False
    if row.text is None and said["label_id"] is not None:
        # A best guess that an edit left in doubt has no name: `annotations` lists the answer without it.
        return verdict == "unsure" and lineage.exactly(said["label_id"], said["taxonomy"]) is None
    if row.text is None or said["label_id"] is None:
        return row.text is None and said["label_id"] is None
    if row.label_id is not None and lineage.exactly(said["label_id"], said["taxonomy"]) == row.label_id:
        return True
    # A name of one of today's labels counts as a former name only in a table that was imported at that time.
    return _spelt_so(row.names, said["label_id"], said["taxonomy"], lineage,
                     formerly=row.label_id is None or said["chosen_by"] == "import")


def _spelt_so(names: Collection[str], label_id: str, version: int | None, lineage: Lineage, *, formerly: bool) -> bool:
    """Whether these names meant a label, or all labels of a set, at the decision's time; edits may have changed it."""
    parts = members(label_id) if is_set(label_id) else (label_id,)
    means = lineage.means if formerly else partial(_was_named, lineage)
    meant = {part for name in names for part in parts if means(name, part, version)}
    return len(set(names)) == len(parts) == len(meant)


def _was_named(lineage: Lineage, name: str, label_id: str, version: int | None) -> bool:
    """Whether a label had this very name, or id, under a version of the taxonomy (None: the first)."""
    with suppress(UnknownLabel):
        return lineage.versions[version or lineage.steps[0].version].label(name).id == label_id
    return False


def _values_of(said: Mapping[str, Any], lineage: Lineage, attributes: Collection[str]) -> dict[str, Value]:
    """The values of some attributes that a decision gave, under today's scales and choices."""
    given = said["given_values"] or {}
    given = json.loads(given) if isinstance(given, str) else given
    today = {name: lineage.value(name, value, said["taxonomy"]) for name, value in given.items() if name in attributes}
    return {name: value for name, value in today.items() if value is not None}


def _read_back(note: str | None) -> str | None:
    """A note after `to_csv` and `pd.read_csv`, where "NA" becomes missing and numbers are spelt differently."""
    if note is None or note in _READ_AS_NOTHING:
        return None
    try:
        return text_of(float(note))
    except ValueError:
        return note


def _decision(row: _Row, former: str | None, lineage: Lineage, now: datetime) -> Decision:
    label_id, accepted = row.label_id, row.verdict == "accept"
    seen = Seen(suggestion=label_id if accepted else None, model=row.model,
                values=row.values if accepted and label_id is None else {},
                certainty=row.certainty_source,  # type: ignore[arg-type]
                taxonomy=lineage.today.version, chosen_by="import", scripted=True)
    name = None if label_id is None else lineage.today.name_as_answered(label_id)
    return Decision(id=new_id(), item_id=row.item_id, annotator=row.annotator,
                    verdict=row.verdict or "answer",  # type: ignore[arg-type]
                    label=name, label_id=label_id, certainty=row.certainty, note=row.note, flags=row.flags,
                    acted_at=row.acted_at or now, replaces=former, seen=seen, values=row.values)
