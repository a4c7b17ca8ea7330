"""The data of ipyannotations' widgets in a JSON file: the value of `widget.data` at a submission, for each item.

ipyannotations stores nothing by itself: a callback gets the data of an item, and whoever wrote it keeps a mapping or a
list. Writing makes an object: ``task``, ``kind`` ("image" or "text"), ``options`` (the classes, as the widgets take
them) and ``items``, a list with an entry for each answer: ``item_id``, ``name`` (of a file), ``text``, ``annotator``
and ``data``:

- for a class labeller a class, for a multi-class labeller a list of them, None for a skip;
- for an annotator a list such as ``{"type": "box", "label": "RBC", "xyxy": [10, 20, 30, 40]}``, ``{"type": "polygon",
  "label": ..., "points": [[x, y], ...]}``, closed by its first point, and ``{"type": "point", "label": ...,
  "coordinates": [x, y]}``. Coordinates are pixels of the image, to a thousandth; ipyannotations rounds them when it
  loads them;
- for a text tagger a list of ``[start, end, class]``, which count UTF-16 units, as the browser does.

Reading takes, from other tools too: such an object; a mapping of items to data; a list of [item, data]; a list of
objects with an item (``item_id``, ``item``, ``id``, ``image``, ``path``, ``name`` or ``text``) and ``data``. The text
of a span is looked for beside the data, then in the pool; else the item's own name is taken for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ...errors import BadInput, ItemError
from ...objects.dialect import from_dialect, to_dialect
from ...records import LABELLING, ObjectAnswer
from ..files import IMAGE_SUFFIXES, Source, Target, json_text
from ..format import Contents, Format, Options
from ..label_names import named_labels
from ..losses import Losses
from ..places import bare_header, placed
from ..records import DECIMALS, Answer, Header, ItemRecord
from .checked_json import inside, listed, mapping, nameable, text
from .offsets import in_unit, units_before

TASKS = ("classify", "multilabel", "boxes", "polygons", "points", "spans")
_TASK_OF = {"box": "boxes", "polygon": "polygons", "point": "points"}
_ITEM_KEYS = ("item_id", "item", "id", "image", "path", "file", "name", "text")
_DATA_KEYS = ("data", "annotation", "annotations", "labels", "label")
# The annotator of answers for which the file names none.
NOBODY = "import"


# -- writing -------------------------------------------------------------------------------------------------

def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """Keep only who gave which labels or objects, with the objects' places, and who skipped the item."""
    if header.kind == "text" and record.text is None:
        return None
    answers = tuple(kept for answer in record.answers if (kept := _kept(header, record, answer)) is not None)
    if not answers:
        return None
    size = record.size if record.text is not None and record.size == (len(record.text), 1) else None
    return ItemRecord(record.item_id, record.name, size, record.text, answers=answers)


def _kept(header: Header, record: ItemRecord, answer: Answer) -> Answer | None:
    if answer.verdict == "skip":
        return Answer(answer.annotator, "skip")
    if answer.verdict not in LABELLING:
        return None
    if header.shape is not None:
        if answer.objects is None:
            return None
        bare = Answer(answer.annotator, objects=answer.objects).with_plain_objects()
        objects = bare.objects or ()
        if header.shape == "span":
            return replace(bare, objects=tuple(one for one in objects if one.label_id in header.taxonomy.answerable))
        return replace(bare, objects=placed(header, objects))
    ids = answer.label_ids
    if ids is None or not set(ids) <= header.taxonomy.answerable or (header.task == "classify" and len(ids) != 1):
        return None
    return Answer(answer.annotator, label_ids=ids)


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write an entry for each answer; one record is held at a time."""
    names = [header.names[label_id] for label_id in header.taxonomy.label_ids]
    with target.text() as file:
        file.write(f'{{"kind":{json_text(header.kind)},"options":{json_text(names)},'
                   f'"task":{json_text(header.task)},\n"items":[')
        comma = ""
        for record in records:
            for answer in record.answers:
                entry = {"item_id": record.item_id, "annotator": answer.annotator,
                         "data": _data(header, record, answer)}
                for name in ("name", "text"):
                    if (value := getattr(record, name)) is not None:
                        entry[name] = value
                file.write(f"{comma}\n{json_text(entry)}")
                comma = ","
        file.write("\n]}\n")


# 13 branches: a form for each task.
def _data(header: Header, record: ItemRecord, answer: Answer) -> Any:
    if answer.verdict == "skip":
        return None
    if header.task == "classify":
        return header.names[(answer.label_ids or ("",))[0]]
    if header.task == "multilabel":
        return [header.names[label_id] for label_id in answer.label_ids or ()]
    objects = answer.objects or ()
    if header.task == "spans":
        units = units_before(record.text or "")
        return sorted([units[int(one.at[0])], units[int(one.at[1])], header.names[one.label_id]] for one in objects)
    given = [{"kind": one.kind, "at": one.at, "label_id": one.label_id} for one in objects]
    written = to_dialect(given, (1, 1), header.names.__getitem__, digits=DECIMALS)
    for one in written:
        if one["type"] == "polygon":
            one["points"].append(one["points"][0])
    return written


# -- reading -------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class _Entry:
    """One answer of a file: its place in the file, annotator, item and data."""

    where: str
    item: str
    data: Any
    annotator: str = NOBODY
    name: str | None = None
    text: str | None = None


def read(source: Source, options: Options) -> Contents:
    """Read a file, once for its labels and once for its answers."""
    if (task := options.get("task")) not in (None, *TASKS):
        raise BadInput(f"task is {task!r:.60}; one of {', '.join(TASKS)} is expected, or None.")
    file, lost = str(source.file()), Losses()
    body = source.json()
    with inside(file):
        about = body if isinstance(body, dict) and isinstance(body.get("items"), list) and "task" in body else {}
        entries = list(_entries(about.get("items", body), ".items" if about else ""))
        task = task or about.get("task") or _task(entries)
        if task not in TASKS:
            raise BadInput(f".task is {task!r:.80}; one of {', '.join(TASKS)} is expected.")
        names: dict[str, None] = {}
        with inside(".options"):
            names |= dict.fromkeys(map(text, listed(about.get("options", []))))
        for entry in entries:
            with inside(entry.where):
                names |= dict.fromkeys(_names(task, entry.data))
        if not names:
            raise BadInput("no class is named in it; there is nothing to read.")
        kind = about.get("kind") or _kind(source, task, entries)
        if kind not in ("image", "text"):
            raise BadInput(f".kind is {kind!r:.80}; image or text is expected.")
        labels = named_labels(names)
    lost.add("name of a label", "no label here can have such a name", labels.n_changed)
    header = Header(task, kind, labels.taxonomy, called=labels.names)
    return Contents(header, _records(source, header, labels.ids, entries, file, lost), lost)


def _entries(body: Any, where: str) -> Iterator[_Entry]:
    if isinstance(body, dict):
        for item, data in body.items():
            with inside(f"[{item!r:.60}]"):
                yield _Entry(f"[{item!r:.60}]", nameable(item), data)
        return
    for n, entry in enumerate(listed(body)):
        at = f"{where}[{n}]"
        with inside(at):
            if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str):
                yield _Entry(at, nameable(entry[0]), entry[1])
            else:
                yield _entry(entry, n, at)


def _entry(entry: Any, n: int, at: str) -> _Entry:
    """An answer that is an object with the item, the data and what else is known."""
    found = mapping(entry)
    key = next((key for key in _ITEM_KEYS if found.get(key) is not None), None)
    data_key = next((key for key in _DATA_KEYS if key in found), None)
    if key is None or data_key is None:
        raise BadInput(f"{str(entry)[:80]!r} is no answer to an item; an object with item_id and data is expected.")
    item = found[key]
    who = NOBODY if found.get("annotator") is None else found["annotator"]
    with inside(".annotator"):
        who = nameable(who)
    rest = {}
    for name in ("name", "text"):
        with inside(f".{name}"):
            rest[name] = None if found.get(name) is None else text(found[name])
    with inside(f".{key}"):
        is_number = isinstance(item, int) and not isinstance(item, bool)
        item = str(n) if key == "text" else nameable(str(item) if is_number else item)
    return _Entry(f"{at}.{data_key}", item, found[data_key], who.strip()[:200] or NOBODY, **rest)


def _task(entries: Iterable[_Entry]) -> str:
    """The task, inferred from the data; multi-class if all are empty lists."""
    found = None
    for entry in entries:
        data = entry.data
        if isinstance(data, str):
            return "classify"
        if isinstance(data, list):
            first = data[0] if data else None
            if isinstance(first, dict) and first.get("type") in _TASK_OF:
                return _TASK_OF[first["type"]]
            if isinstance(first, list):
                return "spans"
            found = "multilabel"
    if found is None:
        raise BadInput("no data is in it; texts, lists of them, of objects or of spans are expected.")
    return found


def _kind(source: Source, task: str, entries: Iterable[_Entry]) -> str:
    if task == "spans" or source.pool is not None:
        return "text" if task == "spans" or source.pool is None else source.pool.kind
    is_image = task not in ("classify", "multilabel") or any(
        (entry.name or entry.item).lower().endswith(IMAGE_SUFFIXES) for entry in entries)
    return "image" if is_image or not any(entry.text for entry in entries) else "text"


def _names(task: str, data: Any) -> list[str]:
    """The classes in an item's data."""
    if data is None:
        return []
    if task == "classify":
        return [text(data)]
    if task == "multilabel":
        return list(map(text, listed(data)))
    names = []
    for n, one in enumerate(listed(data)):
        with inside(f"[{n}]"):
            if task == "spans":
                names.append(text(_span(one)[2]))
            else:
                with inside(".label"):
                    names.append(text(mapping(one).get("label")))
    return names


def _span(one: Any) -> list[Any]:
    if not isinstance(one, list) or len(one) != 3 or not all(
            isinstance(end, int) and not isinstance(end, bool) and abs(end) < 2**31 for end in one[:2]):
        raise BadInput(f"{one!r:.80} is given; a span is expected, such as [10, 14, 'city'].")
    return one


def _records(source: Source, header: Header, ids: Mapping[str, str], entries: list[_Entry], file: str,
             lost: Losses) -> Iterator[ItemRecord]:
    items: dict[str, list[_Entry]] = {}
    for entry in entries:
        items.setdefault(entry.item, []).append(entry)
    for item, given in items.items():
        name = next((one.name for one in given if one.name is not None), None)
        shown = next((one.text for one in given if one.text is not None), None)
        if header.kind == "text" and shown is None:
            shown = _in_pool(source, item)
        answers = []
        for entry in given:
            with inside(f"{file}{entry.where}"):
                answers.append(_answer(header, ids, entry, shown or "", lost))
        size = (len(shown), 1) if shown is not None and header.kind == "text" else None
        yield ItemRecord(item, name, size, shown if header.kind == "text" else None, answers=tuple(answers))


def _answer(header: Header, ids: Mapping[str, str], entry: _Entry, text: str, lost: Losses) -> Answer:
    if entry.data is None:
        return Answer(entry.annotator, "skip")
    if header.shape is None:
        names = _names(header.task, entry.data)
        return Answer(entry.annotator, label_ids=tuple(dict.fromkeys(ids[one] for one in names)))
    return Answer(entry.annotator, objects=tuple(_objects(header, ids, entry.data, text, lost)))


def _in_pool(source: Source, item: str) -> str:
    """The text of an item: the pool's, or its own name."""
    if source.pool is not None and source.pool.kind == "text" and (at := source.positions.get(item)) >= 0:
        with suppress(ItemError):
            return str(source.pool.load(at))
    return item


def _objects(header: Header, ids: Mapping[str, str], data: Any, shown: str, lost: Losses) -> Iterator[ObjectAnswer]:
    shape: Any = header.shape
    if shape != "span":
        found, n_flat = from_dialect(data, shape, (1, 1))
        lost.add("object", "it has no area", n_flat)
        for n, one in enumerate(found):
            label_id = ids[one["label"]] if one["label"] in ids else next(
                label_id for name, label_id in ids.items() if name.strip() == one["label"])
            at = tuple(round(value, DECIMALS) + 0.0 for value in one["at"])
            if max(map(abs, at)) >= 1e9:
                raise BadInput(f"{one['at']!r:.80} is where an object lies; pixels of an image are expected.")
            yield ObjectAnswer(f"object-{n}", shape, at, label_id, header.taxonomy.name_of(label_id))
        return
    for n, span in enumerate(map(_span, data)):
        place = in_unit(shown, span[0], span[1], "utf16")
        if place is None:
            lost.add("object", "the text has no such place, in UTF-16 units")
            continue
        label_id = ids[span[2]]
        yield ObjectAnswer(f"object-{n}", "span", place, label_id, header.taxonomy.name_of(label_id),
                           quote=shown[place[0]:place[1]])


_PLAIN = "ipyannotations' data is a label, or a list of labels, objects or spans, and nothing else"
FORMAT = Format(
    name="ipyannotations", title="ipyannotations' data", tasks=TASKS, folder=False, suffixes=(".json",),
    cannot_hold="Anything but the labels or objects that somebody gave, and skips: no certainty, notes, attributes, "
                "predictions, gold, and no answers of somebody who was unsure.",
    reduce=reduce, write=write, read=read, reduce_header=bare_header, options={"task": None}, holds_unanswered=False,
    why={"answer": "an unsure answer, or one without labels or objects, is no data of ipyannotations",
         "item": "nobody's answer to it is data of ipyannotations",
         "verdict": "an unsure answer is no data of ipyannotations", "size of an item": "the data says no sizes",
         "place of a label in the hierarchy": "its classes are a list of names",
         "label above others": "its classes are a list of names", "description of a label": "its classes are names"},
    otherwise=_PLAIN)
