r"""CSV: one file with a row for each answer, or for each object, that spreadsheets and pandas read. Read `FORMAT`.

The file is UTF-8 with a byte order mark, which Excel needs. Cells are separated by commas; use `delimiter=";"` for a
spreadsheet in which the comma is the decimal point. Read it with ``pd.read_csv(path, keep_default_na=False)``: without
that option, pandas takes labels such as "NA" or "None" for missing values.

Columns of the item: item_id, name (of the file), split ("train" or "holdout"), text, width, height, metadata (JSON),
gold, gold_values (JSON).

Columns of the answer: annotator ("consensus" in the row of an item's consensus), verdict, label (a name; a path if
several labels have the same name) or labels (a JSON list of names), one column per attribute, certainty,
certainty_source, flags (separated by blanks), note, acted_at, status, reason, share, n_answers, decision_id. An item
without answers has one row, in which annotator is empty.

Columns of the object, where the project asks for objects; each object then has its own row: n_objects (the number of
objects in the answer, which may be 0), object_id, label, x0, y0, x1, y1 (for a point only x0 and y0), points (of a
polygon, "((x, y), ...)"), start, end and quote (of a span), object_certainty, unsure, origin, act, iou_to_proposal,
score.

The last column is empty. Its name has, as JSON, the task, the kind of items, the attributes and the labels, from which
the reader restores the taxonomy. The column may be deleted.

A spreadsheet could run some texts as formulas. An apostrophe is written before these: texts whose first character,
apart from blanks and apostrophes, is = + - @ or the full-width form of one of these; texts that begin with a tab or a
line break; and texts that are empty or have only blanks and apostrophes. The reader removes this apostrophe again.

The reader also takes CSV files from other tools. Cells may be separated by ``,`` ``;`` or tabs. Needed are a column
item_id (or id, image, file_name ...), and a column label (or labels, class, category ...) or coordinates as above. All
other columns become metadata. It also reads what ``wb.annotations().to_csv(path)`` and ``wb.objects().to_csv(path)``
write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ...errors import BadInput
from ...records import TASKS, ObjectAnswer
from ...taxonomy.attributes import Attribute
from ..files import Target, json_text
from ..format import Format, Options
from ..plain_records import instant_text
from ..records import Answer, Header, ItemRecord, Value
from .csv_cells import DELIMITERS, MARK, PLACES, QUOTED, attribute_columns, columns_of, escaped
from .csv_reading import read

# -- what it can hold ----------------------------------------------------------------------------------------

def reduce_header(header: Header, options: Options) -> Header:
    """The labels by their names, and the attributes."""
    return header.flat().without("history", "about")


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord:
    """The record without what was shown, regions, predictions, deleted proposals and the votes of a consensus."""
    gold = record.gold_ids
    return replace(record, predictions=(), answers=tuple(_reduced(header, answer) for answer in record.answers),
                   gold_ids=gold if gold is not None and _has_place(header, gold) else None,
                   gold_values=_held_values(header, record.gold_values))


def _reduced(header: Header, answer: Answer) -> Answer:
    ids, names, objects = answer.label_ids, header.names, answer.objects
    if ids is not None and not _has_place(header, ids):
        ids = None
    if header.shape is None:
        objects = None
    if objects is not None:
        objects = tuple(replace(one, was=None) if one.was is not None else one for one in objects
                        if one.is_there and one.label_id in names and one.kind == header.shape)
    values = _held_values(header, answer.values) if answer.values else answer.values
    return Answer(answer.annotator, answer.verdict, ids, answer.certainty, answer.certainty_source, answer.flags,
                  answer.note, answer.acted_at, answer.status, values, objects, answer.reason,
                  decision_id=answer.decision_id, share=answer.share, n_answers=answer.n_answers)


def _has_place(header: Header, label_ids: Sequence[str]) -> bool:
    """Whether these labels of an item can be written in one cell."""
    return header.task in ("classify", "multilabel") and all(one in header.names for one in label_ids) \
        and (header.task == "multilabel" or len(label_ids) == 1)


def _held_values(header: Header, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of the taxonomy's attributes: valid choices, and numbers, including a mean between two steps."""
    return {one.id: values[one.id] for one in header.taxonomy.attributes if one.id in values and (
        values[one.id] in one.choices if one.choices else not isinstance(values[one.id], str))}


# -- writing -------------------------------------------------------------------------------------------------

def _mark(header: Header) -> str:
    """The name of the last column."""
    attributes = [{**one.to_dict(), **({"labels": [*map(header.name_of, one.labels)]} if one.labels else {})}
                  for one in header.taxonomy.attributes]
    return MARK + json_text({"task": header.task, "kind": header.kind, "attributes": attributes,
                             "labels": [header.name_of(label_id) for label_id in header.taxonomy.label_ids]})


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write a row for each answer, object, or item without answers."""
    delimiter = options.get("delimiter") or ","
    if delimiter not in DELIMITERS:
        raise BadInput(f"delimiter is {delimiter!r:.40}; ',', ';' or a tab is expected.")
    attributes = attribute_columns(header)
    columns = columns_of(header)
    place = columns.index("certainty")
    columns[place:place] = attributes
    with target.text() as file:
        file.write("\ufeff" + _line([escaped(name) for name in [*columns, _mark(header)]], delimiter))
        for record in records:
            try:
                for cells in _rows_of(header, record, attributes):
                    file.write(_line([*[cells.get(name, "") for name in columns], ""], delimiter))
            except (TypeError, ValueError) as error:
                raise BadInput(f"item {record.item_id!r:.80} can't be written as CSV: {error}.") from error


def _rows_of(header: Header, record: ItemRecord, attributes: Mapping[str, Attribute]) -> Iterator[dict[str, str]]:
    """The cells of each row of an item."""
    of_item = _item_cells(header, record)
    for answer in record.answers:
        of_answer = of_item | _answer_cells(header, answer)
        for name, attribute in attributes.items():
            if (value := answer.values.get(attribute.id)) is not None:
                of_answer[name] = escaped(value) if isinstance(value, str) else repr(value)
        if not answer.objects:
            yield of_answer
        for one in answer.objects or ():
            yield of_answer | _object_cells(header, one)
    if not record.answers:
        yield of_item


def _line(cells: Sequence[str], delimiter: str) -> str:
    return delimiter.join(['"' + cell.replace('"', '""') + '"' if cell and QUOTED.search(cell) else cell
                           for cell in cells]) + "\n"


def _item_cells(header: Header, record: ItemRecord) -> dict[str, str]:
    cells = {"item_id": escaped(record.item_id)}
    for name in ("name", "split", "text"):
        if (value := getattr(record, name)) is not None:
            cells[name] = escaped(value)
    if record.size is not None:
        cells["width"], cells["height"] = map(str, record.size)
    if record.metadata:
        cells["metadata"] = json_text(record.metadata)
    if record.gold_ids is not None:
        cells["gold"] = _named(header, record.gold_ids)
    if record.gold_values:
        names = {one.id: one.name for one in header.taxonomy.attributes}
        cells["gold_values"] = json_text({names[one]: value for one, value in record.gold_values.items()})
    return cells


def _named(header: Header, label_ids: Sequence[str]) -> str:
    names = [header.names[label_id] for label_id in label_ids]
    return json_text(names) if header.task == "multilabel" else escaped(names[0])


def _answer_cells(header: Header, answer: Answer) -> dict[str, str]:
    cells = {"annotator": escaped(answer.annotator), "verdict": answer.verdict, "status": answer.status}
    if answer.label_ids is not None:
        cells["labels" if header.task == "multilabel" else "label"] = _named(header, answer.label_ids)
    if answer.note is not None:
        cells["note"] = escaped(answer.note)
    if answer.flags:
        cells["flags"] = " ".join(answer.flags)
    if answer.acted_at is not None:
        cells["acted_at"] = instant_text(answer.acted_at)
    for name in ("certainty", "share", "n_answers"):
        if (value := getattr(answer, name)) is not None:
            cells[name] = repr(value)
    for name in ("certainty_source", "reason", "decision_id"):
        if (value := getattr(answer, name)) is not None:
            cells[name] = escaped(value)
    if answer.objects is not None:
        cells["n_objects"] = str(len(answer.objects))
    return cells


def _object_cells(header: Header, one: ObjectAnswer) -> dict[str, str]:
    cells = {"object_id": escaped(one.id), "label": escaped(header.names[one.label_id]), "origin": one.origin,
             "act": one.act}
    if one.kind == "polygon":
        cells["points"] = repr(tuple(zip(one.at[::2], one.at[1::2], strict=True)))
    else:
        cells |= dict(zip(PLACES[one.kind], map(repr, one.at), strict=False))
    if one.quote is not None:
        cells["quote"] = escaped(one.quote)
    if one.unsure:
        cells["unsure"] = "True"
    for name, value in (("object_certainty", one.certainty), ("iou_to_proposal", one.iou), ("score", one.score)):
        if value is not None:
            cells[name] = repr(value)
    return cells


FORMAT = Format(
    name="csv", title="CSV", tasks=TASKS, folder=False, suffixes=(".csv", ".tsv"),
    cannot_hold="What was shown, marked regions, deleted proposals, predictions, the votes behind a consensus (labels="
                "'annotations' writes them as rows), hierarchies and descriptions of labels, and their history.",
    reduce=reduce, write=write, read=read, reduce_header=reduce_header,
    why={"what was shown": "A row has no place for it; format='parquet' or 'jsonl' keeps it.",
         "marked region": "A row has no place for pixels; format='parquet' or 'jsonl' keeps them.",
         "deleted proposal": "A row would read as an object that is there.",
         "prediction": "A row is what people said; format='parquet' or 'jsonl' has predictions."},
    otherwise="A row has no place for it; format='parquet' or 'jsonl' keeps everything.",
    options={"delimiter": None, "task": None})
