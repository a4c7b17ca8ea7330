"""Reading of CSV files, our own and those of others. Read `read`; `formats.csv_tables` says what it takes."""

from __future__ import annotations

import ast
import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from ...errors import BadInput
from ...records import FLAGS, SHAPE_OF, TASKS, VERDICTS, ObjectAnswer, are_values, check_annotator, check_certainty
from ...taxonomy.attributes import Attribute
from ...taxonomy.labels import Taxonomy
from ..files import Source, parsed
from ..format import Contents, Options
from ..label_names import named_labels
from ..losses import Losses
from ..plain_records import STATUSES, instant
from ..records import CONSENSUS, Answer, Header, ItemRecord, Value
from .csv_cells import (
    DELIMITERS,
    LONGEST_CELL,
    MARK,
    OF_ANSWER,
    OF_ITEM,
    OF_OBJECT,
    PLACES,
    attribute_columns,
    unescaped,
)

# What others call the columns, the likeliest first.
_CALLED = {"item_id": ("id", "item", "image_id", "image", "file_name", "filename", "file", "path", "img", "name",
                        "uid"),
           "label": ("class", "category", "target", "class_name", "y"), "labels": ("tags", "categories", "classes"),
           "text": ("sentence", "content", "document", "body"), "annotator": ("user", "worker", "rater"),
           "x0": ("xmin", "x_min", "x"), "y0": ("ymin", "y_min", "y"), "x1": ("xmax", "x_max"),
           "y1": ("ymax", "y_max")}
_KNOWN = frozenset({*OF_ITEM, *OF_ANSWER, *OF_OBJECT, "kind", "label_id", "label_ids"})
_DROPPED = {"model": "A CSV file doesn't say what was on the screen.", "taxonomy": "A CSV file has no earlier labels."}


class _Cells:
    """The rows of a file, as mappings of columns to texts; an empty cell is left out."""

    def __init__(self, path: Path, delimiter: str | None) -> None:
        self.path = path
        with self._opened() as file:
            first = file.readline(LONGEST_CELL)
        self._delimiter = delimiter or max(
            DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one), [])))
        names = next(self._rows(), (1, []))[1]
        self.given = [unescaped(name.strip()) for name in names]
        own = any(name.startswith(MARK) for name in self.given)
        self.names = list(self.given) if own else _own_names(self.given)
        if len(set(self.given) - {""}) < len([name for name in self.given if name]):
            raise BadInput(f"{path} has two columns of one name; give each its own.")

    def __iter__(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each row with its place, for messages."""
        rows = self._rows()
        next(rows, None)
        for line, cells in rows:
            if len(cells) > len(self.names):
                raise BadInput(f"{self.path}, line {line:,} has {len(cells)} cells, and the header has "
                               f"{len(self.names)}; a cell with the delimiter in it has to be in quotation marks.")
            of = {name: unescaped(cell) for name, cell in zip(self.names, cells, strict=False) if cell}
            if of:
                yield f"{self.path}, line {line:,}", of

    def _opened(self) -> Any:
        return self.path.open(encoding="utf-8-sig", newline="")

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each row, with the number of the line on which it ends."""
        try:
            with self._opened() as file:
                reader = csv.reader(file, delimiter=self._delimiter)
                while True:
                    former = csv.field_size_limit(LONGEST_CELL)
                    try:
                        cells = next(reader, None)
                    finally:
                        csv.field_size_limit(former)
                    if cells is None:
                        return
                    yield reader.line_num, cells
        except csv.Error as error:
            raise BadInput(f"{self.path}, line {reader.line_num:,} can't be read as CSV: {error}.") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path} isn't UTF-8: {error.reason} near byte {error.start:,}. Save it as 'CSV "
                           "UTF-8'.") from error


def _own_names(given: Sequence[str]) -> list[str]:
    """The columns by our names for them."""
    names = list(given)
    lower = [name.lower() for name in given]
    for ours, theirs in _CALLED.items():
        if ours not in names:
            for one in (ours, *theirs):
                if one in lower:
                    names[lower.index(one)] = ours
                    break
    return names


def read(source: Source, options: Options) -> Contents:
    """Read what `write` wrote, or a CSV file of others; the file is read twice."""
    try:
        cells = _Cells(source.file(), options.get("delimiter"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{source.path} isn't UTF-8: byte {error.start:,}. Save it as 'CSV UTF-8'.") from error
    if "item_id" not in cells.names:
        raise BadInput(f"{cells.path} has the columns {', '.join(cells.given)[:200]!r}; item_id is missing. Rename the "
                       "column with the ids or file names of the items.")
    mark = next((name for name in cells.given if name.startswith(MARK)), None)
    kind = None if source.pool is None else source.pool.kind
    lost = Losses()
    look = _look(cells, _foreign_task(cells, options) if mark is None else "")
    header, ids = _foreign_header(cells, look, kind, lost) if mark is None else \
        (_own_header(mark, str(cells.path)), {})
    reader = _Reader(header, cells, lost, own=mark is not None, ids=ids)
    return Contents(header, reader.records(in_order=look.in_order), lost)


@dataclass
class _Look:
    """Findings of a first pass: the task, the names of labels, and whether an item's rows are together."""

    task: str
    names: dict[str, None]
    in_order: bool = True


def _look(cells: _Cells, task: str) -> _Look:
    found, before, last = _Look(task, {}), set[str](), None
    for where, of in cells:
        item_id = of.get("item_id")
        if item_id is None:
            raise BadInput(f"{where} has no item_id.")
        if item_id != last:
            found.in_order &= item_id not in before
            before.add(item_id)
            last = item_id
        if task:
            for name in _names_in(of, task, where):
                found.names.setdefault(name)
    return found


def _names_in(of: Mapping[str, str], task: str, where: str) -> list[str]:
    """The names of the labels in a row of a foreign file, also in its gold."""
    if task == "multilabel":
        return [name for column in ("labels", "gold") if column in of for name in _list(of[column], where)]
    return [of[name] for name in ("label", "gold") if name in of]


def _list(cell: str, where: str) -> list[str]:
    """Labels in a cell: a JSON list, a list as Python writes it, or names with ``;``, ``|`` or commas between them."""
    text = cell.strip()
    if text[:1] in ("[", "("):
        try:
            value = parsed(text, where) if text[0] == "[" and "'" not in text[:2] else ast.literal_eval(text)
        except (BadInput, ValueError, SyntaxError, MemoryError, RecursionError):
            value = None
        if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
            return list(value)
        raise BadInput(f"{where} has the labels {cell!r:.80}; a list of names such as [\"cat\", \"dog\"] is expected.")
    between = next((one for one in (";", "|", ",") if one in text), None)
    return [text] if between is None else [name.strip() for name in text.split(between) if name.strip()]


def _foreign_task(cells: _Cells, options: Options) -> str:
    if options.get("task") is not None:
        if options["task"] not in TASKS:
            raise BadInput(f"task is {options['task']!r:.40}; one of {', '.join(TASKS)} is expected.")
        return str(options["task"])
    names = set(cells.names)
    if "kind" in names:
        kinds = {of.get("kind") for _, of in cells} - {None}
        fitting = [task for task, shape in SHAPE_OF.items() if kinds == {shape}]
        if fitting:
            return fitting[0]
    for task, needed in (("spans", {"start", "end"}), ("polygons", {"points"}), ("boxes", {"x0", "y0", "x1", "y1"}),
                         ("points", {"x0", "y0"}), ("multilabel", {"labels"}), ("classify", {"label"})):
        if needed <= names:
            return task
    raise BadInput(f"{cells.path} has the columns {', '.join(cells.given)[:200]!r}; label, labels or coordinates are "
                   "missing. Rename the column with the labels.")


def _foreign_header(cells: _Cells, look: _Look, kind: str | None, lost: Losses) -> tuple[Header, Mapping[str, str]]:
    """The header of a file of others, and the ids of the labels by their names in it."""
    if not look.names:
        raise BadInput(f"{cells.path} has no label in any row.")
    labels = named_labels(look.names)
    kind = kind or ("text" if look.task == "spans" or "text" in cells.names else "image")
    lost.add("name of a label", "A label has 1 to 200 characters without line breaks and control characters.",
             labels.n_changed)
    return Header(look.task, kind, labels.taxonomy, called=labels.names), labels.ids


def _own_header(mark: str, path: str) -> Header:
    body = parsed(mark[len(MARK):], f"{path}, the last column's name,")
    if not isinstance(body, dict) or body.get("task") not in TASKS or body.get("kind") not in ("image", "text") \
            or not isinstance(names := body.get("labels"), list) or not all(isinstance(one, str) for one in names) \
            or not isinstance(attributes := body.get("attributes"), list):
        raise BadInput(f"{path} has a last column {mark!r:.80}, which can't be right; delete that column.")
    labels = named_labels(names) if names else None
    read = [replace(attribute, labels=tuple(labels.ids.get(name, name) for name in attribute.labels)
                    if labels is not None else ()) for attribute in map(Attribute.from_dict, attributes)]
    if labels is None:
        return Header(body["task"], body["kind"], Taxonomy(attributes=read))
    taxonomy = Taxonomy(labels.taxonomy.labels, inner_answers=labels.taxonomy.inner_answers, attributes=read)
    return Header(body["task"], body["kind"], taxonomy, called=labels.names)


class _Reader:
    """Makes records of the rows of a file."""

    def __init__(self, header: Header, cells: _Cells, lost: Losses, *, own: bool, ids: Mapping[str, str]) -> None:
        self._given_ids = ids
        self._header, self._cells, self._lost, self._own = header, cells, lost, own
        self._attributes = attribute_columns(header) if own else {}
        # In a foreign file, the only column of certainties is about objects.
        self._of_object = "certainty" if "object_certainty" not in cells.names else "object_certainty"
        self._more = [] if own else [name for name in cells.names if name not in _KNOWN and name not in _DROPPED
                                     and name and not name.startswith("Unnamed: ")]

    @cached_property
    def _ids(self) -> dict[str, str]:
        ids = {**self._header.ids, **self._given_ids}
        for label in self._header.taxonomy.answers:  # a name alone, where a path was expected
            ids.setdefault(label.name, label.id)
        return ids

    def records(self, *, in_order: bool) -> Iterator[ItemRecord]:
        """The records, one after the other; all rows are held in memory if an item's rows aren't together."""
        for name, why in _DROPPED.items():
            if name in self._cells.names and not self._own:
                self._lost.add(name, why, sum(name in of for _, of in self._cells))
        if in_order:
            for _, together in groupby(self._cells, key=lambda row: row[1]["item_id"]):
                yield self._record(list(together))
            return
        items: dict[str, list[tuple[str, dict[str, str]]]] = {}
        for row in self._cells:
            items.setdefault(row[1]["item_id"], []).append(row)
        for rows in items.values():
            yield self._record(rows)

    def _record(self, rows: Sequence[tuple[str, dict[str, str]]]) -> ItemRecord:
        header, where, first = self._header, rows[0][0], rows[0][1]
        try:
            size = [_whole(first[name], name) for name in ("width", "height") if name in first]
            answers: dict[Any, list[tuple[str, dict[str, str]]]] = {}
            for number, (where, of) in enumerate(rows):
                if self._is_answer(of):
                    who = of.get("annotator")
                    answers.setdefault(who if header.shape is not None else number, []).append((where, of))
            found: list[Answer] = []
            for given in answers.values():
                where = given[0][0]
                found.append(self._answer(given))
            where = rows[0][0]
            split = first.get("split")
            return ItemRecord(
                first["item_id"], first.get("name"), (size[0], size[1]) if len(size) == 2 else None,
                first.get("text") if header.kind == "text" else None,
                {"test": "holdout", "val": "holdout"}.get(split, split) if split in (
                    "train", "holdout", "test", "val") else None,
                self._metadata(first, where), self._gold(first, where), self._gold_values(first, where), tuple(found))
        except BadInput as error:
            raise error if str(error).startswith(str(self._cells.path)) else type(error)(f"{where}: {error}") from error

    def _is_answer(self, of: Mapping[str, str]) -> bool:
        return "verdict" in of if self._own else any(name in of for name in (
            "verdict", "label", "labels", *(PLACES[self._header.shape] if self._header.shape else ())))

    def _metadata(self, of: Mapping[str, str], where: str) -> dict[str, Any]:
        found: dict[str, Any] = {name: of[name] for name in self._more if name in of}
        if "metadata" in of:
            value = parsed(of["metadata"], f"{where}, metadata,")
            if not isinstance(value, dict):
                raise BadInput(f"metadata is {of['metadata']!r:.80}; an object as JSON is expected.")
            found = value | found
        return found

    def _gold(self, of: Mapping[str, str], where: str) -> tuple[str, ...] | None:
        return None if "gold" not in of or self._header.shape is not None else self._label_ids(of["gold"], where)

    def _gold_values(self, of: Mapping[str, str], where: str) -> dict[str, Value]:
        if "gold_values" not in of:
            return {}
        value = parsed(of["gold_values"], f"{where}, gold_values,")
        if not isinstance(value, dict):
            raise BadInput(f"gold_values is {of['gold_values']!r:.80}; an object as JSON is expected.")
        attributes = {name: self._header.taxonomy.attribute(name) for name in value}
        if not are_values(value):
            raise BadInput(f"gold_values is {of['gold_values']!r:.80}; numbers and choices are expected.")
        return {one.id: one.check(value[name]) if one.choices else value[name] for name, one in attributes.items()}

    def _label_ids(self, cell: str, where: str) -> tuple[str, ...]:
        names = _list(cell, where) if self._header.task == "multilabel" else [cell]
        if odd := [name for name in names if name not in self._ids]:
            raise BadInput(f"label {odd[0]!r:.80} isn't among those that the last column names: "
                           f"{', '.join(self._header.ids)[:200]}. If pandas made a number of it, read the file with "
                           "dtype={'label': str}; if the label is new, delete the last column.")
        return tuple(self._ids[name] for name in names)

    def _answer(self, rows: Sequence[tuple[str, dict[str, str]]]) -> Answer:
        header, (where, of) = self._header, rows[0]
        label = of.get("labels" if header.task == "multilabel" else "label")
        objects = self._objects(rows)
        certainty = of.get("certainty") if header.shape is None or self._of_object != "certainty" else None
        values = {attribute.id: attribute.check(cell) if attribute.choices else _number(cell, name)
                  for name, attribute in self._attributes.items() if (cell := of.get(name)) is not None}
        n_answers = of.get("n_answers")
        return Answer(
            check_annotator(of.get("annotator", CONSENSUS)),
            _one_of(of.get("verdict", "answer"), "verdict", VERDICTS),  # type: ignore[arg-type]
            None if label is None or header.shape is not None else self._label_ids(label, where),
            None if certainty is None else check_certainty(_number(certainty, "certainty")),
            _one_of(of.get("certainty_source"), "certainty_source", ("given", "carried")),  # type: ignore[arg-type]
            self._flags(of.get("flags", "")), of.get("note"),
            None if "acted_at" not in of else _instant(of["acted_at"]),
            _one_of(of.get("status", "decided"), "status", STATUSES, {"unsure": "decided"}) or "decided", values,
            objects,
            _one_of(of.get("reason"), "reason", ("right", "wrong")),  # type: ignore[arg-type]
            decision_id=of.get("decision_id"), share=None if "share" not in of else _number(of["share"], "share"),
            n_answers=None if n_answers is None else _whole(n_answers, "n_answers"))

    def _objects(self, rows: Sequence[tuple[str, dict[str, str]]]) -> tuple[ObjectAnswer, ...] | None:
        """The objects of an answer; None if it isn't about objects."""
        shape, (_, of) = self._header.shape, rows[0]
        if shape is None or not ("n_objects" in of or (not self._own and of.get("verdict") != "skip")):
            return None
        placed = [(at, row) for at, row in rows if any(name in row for name in PLACES[shape])
                  and row.get("act") != "deleted"]
        objects = tuple(self._object(row, at, number) for number, (at, row) in enumerate(placed, 1))
        if self._own and _whole(of.get("n_objects", "0"), "n_objects") != len(objects):
            raise BadInput(f"n_objects is {of['n_objects']}, and there are {len(objects)} rows of objects.")
        return objects

    def _flags(self, cell: str) -> tuple[str, ...]:
        flags = re.findall(r"[^\s,;()\[\]{}'\"]+", cell)
        if odd := [flag for flag in flags if flag not in FLAGS]:
            raise BadInput(f"flag {odd[0]!r:.40} is unknown; known are {', '.join(FLAGS)}.")
        return tuple(sorted(set(flags)))

    def _object(self, of: Mapping[str, str], where: str, number: int) -> ObjectAnswer:
        shape: Any = self._header.shape
        if shape == "polygon":
            at = _points(of.get("points", ""))
        else:
            at = tuple((_whole if shape == "span" else _number)(of.get(name, ""), name)
                       for name in PLACES[shape] if name != "quote")
        (label_id,) = self._label_ids(of.get("label", ""), where) if "label" in of else (None,)
        if label_id is None:
            raise BadInput("an object has no label.")
        certainty, iou, score = (None if name not in of else _number(of[name], name)
                                 for name in (self._of_object, "iou_to_proposal", "score"))
        act = of.get("act", "added")
        return ObjectAnswer(of.get("object_id", str(number)), shape, at, label_id, self._header.name_of(label_id),
                            certainty, of.get("unsure") == "True" or of.get("status") == "unsure",
                            of.get("origin", "person"), act, iou, score, quote=of.get("quote"))  # type: ignore[arg-type]


def _one_of(value: str | None, name: str, known: Sequence[str], also: Mapping[str, str] | None = None) -> str | None:
    value = (also or {}).get(value or "", value)
    if value is not None and value not in known:
        raise BadInput(f"{name} is {value!r:.40}; one of {', '.join(known)} is expected.")
    return value


def _number(cell: str, name: str) -> float:
    """A number, a whole one as an int; BadInput if it isn't one."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{name} is {cell!r:.80}; a number is expected, with a point before its decimals.")
    return int(cell) if re.fullmatch(r"[+-]?\d{1,15}", cell) else value


def _whole(cell: str, name: str) -> int:
    value = _number(cell, name)
    if value != int(value) or not 0 <= value < 2**31:
        raise BadInput(f"{name} is {cell!r:.80}; a whole number is expected.")
    return int(value)


def _points(cell: str) -> tuple[float, ...]:
    """The vertices of a polygon, from ``((x, y), (x, y), (x, y))`` or its like."""
    text = cell.strip()
    if not re.fullmatch(r"[\s\d.,;()\[\]eE+-]+", text):
        raise BadInput(f"points is {cell!r:.80}; ((x, y), (x, y), (x, y)) is expected.")
    return tuple(_number(one, "points") for one in re.findall(r"[^\s,;()\[\]]+", text))


def _instant(cell: str) -> Any:
    """An instant; one without a time zone, as tables often have it, is taken as UTC."""
    try:
        return instant(cell)
    except BadInput:
        return instant(cell + "+00:00")
