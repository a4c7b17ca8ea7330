"""Parquet tables of this package: a folder with all of a project's labels and all their details. Read `FORMAT`.

``pandas.read_parquet(folder / "answers.parquet")`` loads a table; all have ``item_id``, and are in the order of the
pool.

items.parquet has a row for each item: name (of its file), width and height (for a text its number of characters, and
1), text, split ("train" or "holdout"), gold and gold_ids (names and ids of the labels that are known to be right),
gold_values and metadata (as JSON).

answers.parquet has a row for each answer: answer (its number within the item), vote_of (for an answer that a consensus
is made of, the number of the consensus), annotator ("consensus" for what stands over all of them), verdict, label
(where there is exactly one), labels and label_ids, certainty, certainty_source, flags, note, acted_at, status, values
(attribute id -> value, as JSON), reason, suggestion, model and arm (what was on the screen), decision_id, share,
n_answers, has_objects (whether objects were looked for), touched, as_decided (label_id, label and version of the
taxonomy as they were then), and as JSON wrong and missing (regions), reasons (of single objects), seen (all that was on
the screen) and first (what was answered before a suggestion was shown).

objects.parquet has a row for each object, if there are any: answer or prediction (the number of the one that it belongs
to), object_id, kind, label, label_id, x0, y0, x1, y1 (of a box; for a point x0 and y0), points (for a polygon), start
and end (of a span), certainty, unsure, origin, act, iou, score, was (as JSON) and quote. predictions.parquet has a row
for each label that a model gave a probability: prediction (its number within the item), model, label, label_id, p.

taxonomy.json is the header, as in `formats.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import BadInput
from ...records import TASKS, ObjectAnswer
from ..files import Source, Target, json_text, parsed
from ..format import Contents, Format, Options
from ..losses import Losses
from ..plain_records import header_from_dict, header_to_dict, record_from_dict
from ..records import Answer, Header, ItemRecord

if TYPE_CHECKING:
    import pyarrow as pa

# Rows, and characters of long texts, that are held in memory and then written together.
AT_ONCE, MOST_CHARACTERS = 20_000, 2**25
# Rows that are read together.
READ_AT_ONCE = 500
_UNKNOWN = "hitl_widgets has no such column in this version; it is skipped."


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord:
    """The record as it is: nothing is lost."""
    return record


# -- tables --------------------------------------------------------------------------------------------------

def _schemas() -> dict[str, pa.Schema]:
    """The columns of each table."""
    import pyarrow as pa
    text, texts, whole, number = pa.string(), pa.list_(pa.string()), pa.int32(), pa.float64()
    of_item = [("item_id", text)]
    return {
        "items": pa.schema([
            *of_item, ("name", text), ("width", whole), ("height", whole), ("text", text), ("split", text),
            ("gold", texts), ("gold_ids", texts), ("gold_values", text), ("metadata", text)]),
        "answers": pa.schema([
            *of_item, ("answer", whole), ("vote_of", whole), ("annotator", text), ("verdict", text), ("label", text),
            ("labels", texts), ("label_ids", texts), ("certainty", number), ("certainty_source", text),
            ("flags", texts), ("note", text), ("acted_at", pa.timestamp("us", "UTC")), ("status", text),
            ("values", text), ("reason", text), ("suggestion", text), ("model", text), ("arm", text),
            ("decision_id", text), ("share", number), ("n_answers", whole), ("has_objects", pa.bool_()),
            ("touched", texts),
            ("as_decided", pa.struct([("label_id", text), ("label", text), ("taxonomy", pa.int64())])),
            ("wrong", text), ("missing", text), ("reasons", text), ("seen", text), ("first", text)]),
        "objects": pa.schema([
            *of_item, ("answer", whole), ("prediction", whole), ("object_id", text), ("kind", text), ("label", text),
            ("label_id", text), ("x0", number), ("y0", number), ("x1", number), ("y1", number),
            ("points", pa.list_(pa.list_(number))), ("start", pa.int64()), ("end", pa.int64()), ("certainty", number),
            ("unsure", pa.bool_()), ("origin", text), ("act", text), ("iou", number), ("score", number), ("was", text),
            ("quote", text)]),
        "predictions": pa.schema([
            *of_item, ("prediction", whole), ("model", text), ("label", text), ("label_id", text), ("p", number)])}


# Columns that repeat what another one has.
_SAID_AGAIN = {"items": ("gold",), "answers": ("label", "labels", "suggestion", "model", "arm"), "objects": (),
               "predictions": ("label",)}
_NEEDED = {"items": ("item_id",), "answers": ("item_id", "answer", "annotator", "verdict"),
           "objects": ("item_id", "object_id", "kind", "label_id"), "predictions": ("item_id", "prediction", "model")}


class _Table:
    """A table that is written in groups of rows; its file is made with the first row, or by `start`."""

    def __init__(self, name: str, schema: pa.Schema, target: Target, files: ExitStack) -> None:
        self._name, self._schema, self._target, self._files = name, schema, target, files
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0
        self._writer: Any = None

    def add(self, *row: Any, characters: int = 0) -> None:
        """Add a row, with the number of characters of its long texts."""
        self._rows.append(row)
        self._characters += characters
        if len(self._rows) >= AT_ONCE or self._characters >= MOST_CHARACTERS:
            self.flush()

    def start(self) -> None:
        """Make the file, if it is to have no rows."""
        import pyarrow.parquet as pq
        if self._writer is None:
            self._writer = self._files.enter_context(pq.ParquetWriter(
                self._target.file(f"{self._name}.parquet"), self._schema, compression="zstd"))

    def flush(self) -> None:
        """Write the rows that are held."""
        import pyarrow as pa
        if not self._rows:
            return
        self.start()
        columns = zip(*self._rows, strict=True)
        try:
            batch = pa.RecordBatch.from_arrays(
                [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)],
                schema=self._schema)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError) as error:
            raise BadInput(f"{self._name}.parquet can't hold a value of items {self._rows[0][0]!r:.80} to "
                           f"{self._rows[-1][0]!r:.80}: {error}") from error
        self._writer.write_batch(batch)
        self._rows, self._characters = [], 0


def _json(value: Any) -> str | None:
    """A mapping as JSON; None for an empty one."""
    if not value:
        return None
    return _filled(value)


def _filled(value: Any) -> str:
    try:
        text = json_text(value)
        text.encode()
    except UnicodeEncodeError:  # an unpaired surrogate, which JSON can escape
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{value!r:.80} can't be written as JSON: {error}.") from error
    return text


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the tables in groups of rows, and the header."""
    with target.text("taxonomy.json") as file:
        file.write(json.dumps(header_to_dict(header), sort_keys=True, allow_nan=False, indent=1) + "\n")
    with ExitStack() as files:
        tables = {name: _Table(name, schema, target, files) for name, schema in _schemas().items()}
        writer = _Writer(header, tables)
        for record in records:
            writer.put(record)
        for name in ("items", "answers", *(["objects"] if header.shape else [])):
            tables[name].start()
        for table in tables.values():
            table.flush()


class _Writer:
    """Puts records into tables."""

    def __init__(self, header: Header, tables: Mapping[str, _Table]) -> None:
        self._name_of = header.name_of
        self._items, self._answers, self._objects, self._predictions = (
            tables[name] for name in ("items", "answers", "objects", "predictions"))

    def put(self, record: ItemRecord) -> None:
        """Add the rows of an item."""
        width, height = record.size or (None, None)
        gold, metadata = record.gold_ids, _json(record.metadata)
        self._items.add(record.item_id, record.name, width, height, record.text, record.split,
                        None if gold is None else [*map(self._name_of, gold)], gold, _json(record.gold_values),
                        metadata, characters=len(record.text or "") + len(metadata or ""))
        number = 0
        for answer in record.answers:
            number = self._answer(record.item_id, answer, number, None)
        for number, one in enumerate(record.predictions):
            if not one.probs:
                self._predictions.add(record.item_id, number, one.model, None, None, None)
            for label_id, p in one.probs.items():
                self._predictions.add(record.item_id, number, one.model, self._name_of(label_id), label_id, p)
            for each in one.objects:
                self._object(record.item_id, None, number, each)

    # 15 branches: a cell for each field.
    def _answer(self, item_id: str, answer: Answer, number: int, vote_of: int | None) -> int:
        """Add an answer and its votes; return the next number."""
        ids, seen = answer.label_ids, answer.seen
        names = None if ids is None else [*map(self._name_of, ids)]
        shown = _json(seen)
        decided = answer.as_decided
        self._answers.add(
            item_id, number, vote_of, answer.annotator, answer.verdict, names[0] if names and len(names) == 1 else None,
            names, ids, answer.certainty, answer.certainty_source, answer.flags, answer.note, answer.acted_at,
            answer.status, _json(answer.values), answer.reason, *(_text_of(seen, name) for name in (
                "suggestion", "model", "arm")), answer.decision_id, answer.share, answer.n_answers,
            answer.objects is not None, answer.touched,
            None if decided is None else dict(zip(("label_id", "label", "taxonomy"), decided, strict=True)),
            *(None if region is None else _filled(region.to_dict()) for region in (answer.wrong, answer.missing)),
            _filled([one.to_dict() for one in answer.reasons]) if answer.reasons else None, shown,
            None if answer.first is None else _filled(answer.first),
            characters=len(shown or "") + len(answer.note or ""))
        for one in answer.objects or ():
            self._object(item_id, number, None, one)
        following = number + 1
        for vote in answer.votes:
            following = self._answer(item_id, vote, following, number)
        return following

    def _object(self, item_id: str, answer: int | None, prediction: int | None, one: ObjectAnswer) -> None:
        at, kind = one.at, one.kind
        x0, y0, x1, y1 = at if kind == "box" else (*at, None, None) if kind == "point" else (None,) * 4
        start, end = at if kind == "span" else (None, None)
        points = [at[n:n + 2] for n in range(0, len(at), 2)] if kind == "polygon" else None
        self._objects.add(item_id, answer, prediction, one.id, kind, one.label, one.label_id, x0, y0, x1, y1, points,
                          start, end, one.certainty, one.unsure, one.origin, one.act, one.iou, one.score,
                          None if one.was is None else _filled({**one.was, "at": list(one.was["at"])}), one.quote,
                          characters=20 * len(at))


def _text_of(seen: Mapping[str, Any], name: str) -> str | None:
    value = seen.get(name)
    return value if isinstance(value, str) else None


# -- reading -------------------------------------------------------------------------------------------------

def read(source: Source, options: Options) -> Contents:
    """Read what `write` wrote: the header at once, the records in groups of rows."""
    if not source.is_folder or not source.has("taxonomy.json"):
        raise BadInput(f"{source.path} has no taxonomy.json; the folder that wb.export(format='parquet') wrote is "
                       "expected. Parquet files of others are read with format='hugging_face'.")
    header = header_from_dict(source.json("taxonomy.json"), str(source.file("taxonomy.json")))
    if not source.has("items.parquet"):
        raise BadInput(f"{source.path} has no items.parquet, where each item has a row.")
    lost = Losses()
    tables = {name: _Rows(source, name, schema, lost) for name, schema in _schemas().items()}
    return Contents(header, _records(header, tables, lost), lost)


@dataclass(frozen=True)
class _Row:
    """A row of a table, with its number from 0."""

    where: str
    of: dict[str, Any]


class _Rows:
    """The rows of a table, one after the other; none where there is no such file."""

    def __init__(self, source: Source, name: str, schema: pa.Schema, lost: Losses) -> None:
        self._schema, self._name, self._lost = schema, name, lost
        self._path = source.file(f"{name}.parquet")
        self._rows = self._read() if source.has(f"{name}.parquet") else iter(())
        self._next = next(self._rows, None)

    def take(self, item_id: str) -> list[_Row]:
        """The next rows that belong to an item."""
        found: list[_Row] = []
        while self._next is not None and self._next.of["item_id"] == item_id:
            found.append(self._next)
            self._next = next(self._rows, None)
        return found

    def __iter__(self) -> Iterator[_Row]:
        while self._next is not None:
            row, self._next = self._next, next(self._rows, None)
            yield row

    def check_end(self) -> None:
        """Raise BadInput if rows are left that belong to no item."""
        if self._next is not None:
            raise BadInput(f"{self._next.where} is about item {self._next.of['item_id']!r:.80}, which items.parquet "
                           "doesn't have at this place; rows in the order of items.parquet are expected. Sort both by "
                           "item_id, answers by answer too.")

    def _read(self) -> Iterator[_Row]:
        import pyarrow as pa
        import pyarrow.parquet as pq
        number = 0
        try:
            with pq.ParquetFile(self._path) as file:
                names = self._columns(file)
                for batch in file.iter_batches(READ_AT_ONCE, columns=names):
                    for of in self._cast(batch).to_pylist():
                        where = f"{self._path}, row {number:,}"
                        for name in _NEEDED[self._name]:
                            if of[name] is None:
                                raise BadInput(f"{where} has no {name}.")
                        yield _Row(where, of)
                        number += 1
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{self._path} can't be read as Parquet, from row {number:,} on: {error}") from error

    def _columns(self, file: Any) -> list[str]:
        there = file.schema_arrow.names
        if missing := [name for name in _NEEDED[self._name] if name not in there]:
            raise BadInput(f"{self._path} has no column {missing[0]!r}; it has {', '.join(there)[:200]}.")
        for name in there:
            if name not in self._schema.names and name != "__index_level_0__":
                self._lost.add(f"unknown column {name[:80]}", _UNKNOWN, file.metadata.num_rows)
        return [name for name in self._schema.names if name in there and name not in _SAID_AGAIN[self._name]]

    def _cast(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch in the types of the schema; BadInput names the column that has others."""
        import pyarrow as pa
        columns: list[Any] = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            expected = self._schema.field(name).type
            try:
                columns.append(column if column.type == expected else column.cast(expected))
            except (pa.ArrowException, ValueError) as error:
                raise BadInput(f"{self._path}, column {name!r} is {column.type}; {expected} is expected: {error}") \
                    from error
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _records(header: Header, tables: Mapping[str, _Rows], lost: Losses) -> Iterator[ItemRecord]:
    """Build the record of each item from its rows."""
    before = set[str]()
    for row in tables["items"]:
        item_id = row.of["item_id"]
        if item_id in before:
            raise BadInput(f"{row.where} is about item {item_id!r:.80}, as a row above it is; an item has one row.")
        before.add(item_id)
        body = _item(row)
        answers = {_number(one, "answer"): one for one in tables["answers"].take(item_id)}
        predictions: dict[int, list[_Row]] = {}
        for one in tables["predictions"].take(item_id):
            predictions.setdefault(_number(one, "prediction"), []).append(one)
        objects: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for one in tables["objects"].take(item_id):
            of = "answer" if one.of.get("answer") is not None else "prediction"
            number = _number(one, of)
            if number not in (answers if of == "answer" else predictions):
                raise BadInput(f"{one.where} is an object of {of} {number}, which item {item_id!r:.80} doesn't have.")
            objects.setdefault((of, number), []).append(_object(one))
        body["answers"] = _answers(answers, objects)
        body["predictions"] = [{"model": rows[0].of["model"], "objects": objects.get(("prediction", number)),
                                "probs": {one.of["label_id"]: one.of["p"] for one in rows
                                          if one.of.get("label_id") is not None}}
                               for number, rows in predictions.items()]
        yield record_from_dict(header, body, row.where, lost)
    for rows in tables.values():
        rows.check_end()


def _number(row: _Row, of: str) -> int:
    value = row.of.get(of)
    if value is None:
        raise BadInput(f"{row.where} has no {of}; a number is expected.")
    return int(value)


def _parsed(row: _Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: parsed(text, f"{row.where}, {name},") for name in names if (text := row.of.get(name)) is not None}


def _item(row: _Row) -> dict[str, Any]:
    of, more = row.of, _parsed(row, ("gold_values", "metadata"))
    size = [of.get("width"), of.get("height")]
    return {**{name: of.get(name) for name in ("item_id", "name", "text", "split")},
            "size": None if size == [None, None] else size, "metadata": more.get("metadata"),
            "gold": {"label_ids": of.get("gold_ids"), "values": more.get("gold_values")}}


_AS_THEY_ARE = ("annotator", "verdict", "label_ids", "certainty", "certainty_source", "flags", "note", "acted_at",
                "status", "reason", "decision_id", "share", "n_answers", "touched")
_AS_JSON = ("values", "wrong", "missing", "reasons", "seen", "first")


def _answers(rows: Mapping[int, _Row], objects: Mapping[tuple[str, int], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The answers of an item, with votes inside the consensus that they belong to."""
    found: dict[int, dict[str, Any]] = {}
    top: list[dict[str, Any]] = []
    for number, row in rows.items():
        body = {name: row.of.get(name) for name in _AS_THEY_ARE} | _parsed(row, _AS_JSON)
        if (decided := row.of.get("as_decided")) is not None:
            body["as_decided"] = [decided["label_id"], decided["label"], decided["taxonomy"]]
        if row.of.get("has_objects") or ("answer", number) in objects:
            body["objects"] = objects.get(("answer", number), [])
        if (vote_of := row.of.get("vote_of")) is None:
            top.append(body)
        elif vote_of in found:
            found[vote_of].setdefault("votes", []).append(body)
        else:
            raise BadInput(f"{row.where} is a vote of answer {vote_of}; an answer of the same item above it is "
                           "expected.")
        found[number] = body
    return top


_PLACES: dict[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "box": lambda of: [of.get(name) for name in ("x0", "y0", "x1", "y1")],
    "point": lambda of: [of.get("x0"), of.get("y0")],
    "polygon": lambda of: [number for point in of.get("points") or () for number in point or ()],
    "span": lambda of: [of.get("start"), of.get("end")]}


def _object(row: _Row) -> dict[str, Any]:
    of = row.of
    if of["kind"] not in _PLACES:
        raise BadInput(f"{row.where} has the kind {of['kind']!r:.40}; one of {', '.join(_PLACES)} is expected.")
    body = {"id": of["object_id"], "kind": of["kind"], "at": _PLACES[of["kind"]](of), "label_id": of["label_id"],
            "label": of.get("label") or ""}
    for name in ("certainty", "unsure", "origin", "act", "iou", "score", "quote"):
        if (value := of.get(name)) is not None:
            body[name] = value
    with suppress(KeyError):
        body["was"] = _parsed(row, ("was",))["was"]
    return body


FORMAT = Format(
    name="parquet", title="Parquet", tasks=TASKS, folder=True, suffixes=(),
    cannot_hold="Nothing is lost.", reduce=reduce, write=write, read=read, extra="pyarrow")
