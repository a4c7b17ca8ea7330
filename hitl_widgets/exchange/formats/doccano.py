"""doccano's JSON Lines, a line for each item, or for each answer where several people answered one. Read `FORMAT`.

A line is an example as doccano exports it, and imports it:

- ``id`` is the item's id, ``text`` the text, ``filename`` the name of an image's file (never opened).
- ``label``: the names of the labels, or a list of ``[start, end, name]`` for spans, sorted; it is absent where nobody
  answered, and empty for a skip and an unsure answer. ``bbox`` for boxes: a list of objects with ``x``, ``y``,
  ``width``, ``height`` and ``label``. doccano has no points.
- ``username`` is the annotator, ``Comments`` a list with the note. doccano keeps all other keys of a line, and exports
  them as the example's metadata. So the item's metadata are keys of the line, too, and ``hitl`` has everything that
  doccano has no field for: see `exchange.carried`.

doccano itself exports a file for each user if they don't share their labels. Such a folder can be read as a whole:
the name of the file is the annotator.

Offsets count characters, as in doccano's API and exports. Its pages count UTF-16 units in places (doccano#2264, #2484):
if a span comes with its words, these are compared; ``offsets="utf16"`` reads a file with UTF-16 units.

Reading takes files that others made: ``label``, ``labels``, ``entities`` (as lists, or as objects with
``start_offset``, ``end_offset`` and ``label``) and ``annotations``. doccano writes an empty list for an example that
nobody labelled, and for one without labels: it is read as not answered, or with ``empty=True`` as without labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

from ...errors import BadInput
from ...records import LABELLING, LONGEST_NOTE, ObjectAnswer, is_text
from ..carried import KEY, Carrier, Line, by_item, carried, with_labels
from ..files import Source, Target, inner_path
from ..format import Contents, Format, Options
from ..losses import NOTHING_READ, Losses
from ..records import Answer, Header, ItemRecord
from .jsonl import line_of
from .offsets import span_at

_OWN = ("text", "filename", "label", "bbox", "username", "Comments")
# Where labels may stand.
_LABELS = ("label", "labels", "entities", "annotations")
# Keys that aren't metadata.
_FIELDS = {*_OWN, *_LABELS, KEY, "id", "doc_id", "data", "relations", "segmentation", "meta"}
# Files of doccano's that aren't a user's.
_NOBODY = ("all", "unknown", "admin-all")


# -- writing -------------------------------------------------------------------------------------------------

def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """The record unchanged; None if the items are texts and the record has no text."""
    return None if header.kind == "text" and record.text is None else record


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write a line for each answer, and one for each item without any."""
    first = True
    with target.text() as file:
        for record in records:
            for n, answer in enumerate(record.answers or (None,)):
                line = {name: value for name, value in record.metadata.items() if name not in _FIELDS}
                line |= {"id": record.item_id} | ({"text": record.text} if header.kind == "text" else
                                                  {"filename": target.image(record)})
                if answer is not None:
                    line |= _answer(header, answer)
                own = {name: line[name] for name in _OWN if name in line}
                line[KEY] = carried(header, record, answer, own, first=n == 0, project=first)
                file.write(line_of(line, f"item {record.item_id!r:.80}"))
                first = False


def _answer(header: Header, answer: Answer) -> dict[str, Any]:
    """The fields of an answer."""
    line: dict[str, Any] = {"username": answer.annotator}
    if answer.note is not None:
        line["Comments"] = [answer.note]
    labelled = answer.verdict in LABELLING
    there = [one for one in answer.objects or () if one.is_there and labelled]
    if header.shape is None:
        line["label"] = [header.name_of(label_id) for label_id in answer.label_ids or () if labelled]
    elif header.shape == "span":
        line["label"] = sorted([int(one.at[0]), int(one.at[1]), header.name_of(one.label_id)] for one in there)
    else:
        line["bbox"] = [{"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "label": header.name_of(one.label_id)}
                        for one in there for x0, y0, x1, y1 in [map(float, one.at)]]
    return line


# -- reading -------------------------------------------------------------------------------------------------

def read(source: Source, options: Options) -> Contents:
    """Read a file of doccano's, or a folder with one for each user: once for its labels, and once for its answers."""
    if options["task"] is not None and options["task"] not in FORMAT.tasks:
        raise BadInput(f"task is {options['task']!r:.40}; one of {', '.join(FORMAT.tasks)} is expected, or None.")
    if not isinstance(options["empty"], bool):
        raise BadInput(f"empty is {options['empty']!r:.40}; True or False is expected.")
    lost = Losses()
    carrier, found = Carrier(lost), _Found()
    for where, line in _lines(source):
        carrier.look(line, where)
        found.look(line, where)
    if not found.n_lines:
        raise BadInput(f"{source.path} is empty; a line of JSON for each example is expected.")
    project = carrier.header
    task, kind = (options["task"] or found.task, found.kind) if project is None else (project.task, project.kind)
    try:
        header = with_labels(project, task, kind, found.labels)
    except BadInput as error:
        raise BadInput(f"{source.path}: {error}") from error
    carrier.header = None if project is None else header
    lost.add("example without text or image", "There is nothing to label in it.", found.n_unread)
    reader = _Reader(header, source, carrier, lost, options)
    groups = by_item(_lines(source), found.counts, item_of)
    return Contents(header, (reader.record(item_id, lines) for item_id, lines in groups), lost)


def _lines(source: Source) -> Iterator[Line]:
    """File and line of each example, and the example. In a folder, the annotator is the name of the file."""
    if not source.is_folder:
        for number, line in source.json_lines():
            yield f"{source.path}, line {number:,}", line
        return
    for name in source.names(".jsonl", ".json"):
        user = PurePosixPath(name).stem
        for number, line in source.json_lines(name):
            if user not in _NOBODY and "username" not in line:
                line["username"] = user
            yield f"{source.file(name)}, line {number:,}", line


def item_of(line: Mapping[str, Any]) -> str | None:
    """The id of a line's item; None for a line without text or image."""
    text, file = _text(line), line.get("filename")
    if text is None and not (isinstance(file, str) and file):
        return None
    body = line.get(KEY)
    item = body.get("item") if isinstance(body, Mapping) else None
    for of, name in ((item, "item_id"), (line, "id"), (line, "doc_id")):
        if isinstance(of, Mapping) and ((isinstance(value := of.get(name), str) and value) or type(value) is int):
            return str(value)
    return str(file) if text is None else \
        f"text:{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def _text(line: Mapping[str, Any]) -> str | None:
    """The text of an example: some versions call it data."""
    return next((line[name] for name in ("text", "data") if isinstance(line.get(name), str)), None)


def _entries(line: Mapping[str, Any], where: str) -> list[Any] | None:
    """The labels of an example, as they are in the file; None if no key has any."""
    found: list[Any] | None = None
    for name in _LABELS:
        if (some := line.get(name)) is None:
            continue
        if isinstance(some, str):
            some = [some]
        if not isinstance(some, list):
            raise BadInput(f"{where}: {name} is {some!r:.80}; a list is expected.")
        found = [*(found or []), *some]
    return found


def _span(one: Any, where: str) -> tuple[Any, Any, str, Any] | None:
    """Start, end, name and words of a span; None if the entry is only the name of a label."""
    if isinstance(one, str):
        return None
    if isinstance(one, list) and len(one) in (3, 4) and isinstance(one[2], str):
        return one[0], one[1], one[2], one[3] if len(one) == 4 else None
    if isinstance(one, Mapping) and isinstance(one.get("label"), (str, int)):
        if "start_offset" not in one and "end_offset" not in one:
            return None
        return one.get("start_offset"), one.get("end_offset"), str(one["label"]), one.get("text")
    raise BadInput(f"{where}: a label is {one!r:.80}; a name, [start, end, name], or an object with label, "
                   "start_offset and end_offset is expected.")


def _name(one: Any) -> str:
    return one if isinstance(one, str) else str(one["label"])


class _Found:
    """Findings of a first pass: labels, signs of the task, how many lines each item has."""

    def __init__(self) -> None:
        self.labels: dict[str, None] = {}
        self.counts = Counter[str]()
        self.n_lines = self.n_unread = self.n_texts = 0
        self._signs = set[str]()

    def look(self, line: dict[str, Any], where: str) -> None:
        """Take the findings of an example into account."""
        self.n_lines += 1
        if (item := item_of(line)) is None:
            self.n_unread += 1
            return
        self.counts[item] += 1
        self.n_texts += _text(line) is not None
        entries = _entries(line, where) or []
        spans = [_span(one, where) for one in entries]
        if any(spans) or "entities" in line:
            self._signs.add("spans")
        elif len(entries) > 1:
            self._signs.add("several")
        names = [_name(one) if span is None else span[2] for one, span in zip(entries, spans, strict=True)]
        if "bbox" in line:
            self._signs.add("boxes")
            names += [one["label"] for one in _boxes(line, where)]
        self.labels.update(dict.fromkeys(name for name in names if name))

    @property
    def task(self) -> str:
        """The task of the project that the file comes from, inferred from its lines."""
        return next((task for sign, task in (("spans", "spans"), ("boxes", "boxes"), ("several", "multilabel"))
                     if sign in self._signs), "classify")

    @property
    def kind(self) -> str:
        """The kind of its items: "image" or "text"."""
        return "text" if 2 * self.n_texts >= sum(self.counts.values()) else "image"


def _boxes(line: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    """The boxes of an example, checked."""
    boxes = line.get("bbox")
    if not isinstance(boxes, list):
        raise BadInput(f"{where}: bbox is {boxes!r:.80}; a list is expected.")
    for one in boxes:
        if not isinstance(one, Mapping) or not isinstance(one.get("label"), str) or not all(
                isinstance(one.get(name), (int, float)) and not isinstance(one[name], bool)
                and math.isfinite(one[name]) and abs(one[name]) < 1e15 for name in ("x", "y", "width", "height")):
            raise BadInput(f"{where}: a box is {one!r:.100}; an object with x, y, width, height and label is expected.")
    return boxes


class _Reader:
    """Makes records from lines."""

    def __init__(self, header: Header, source: Source, carrier: Carrier, lost: Losses, options: Options) -> None:
        self._header, self._source, self._carrier, self._lost = header, source, carrier, lost
        self._utf16, self._empty = options["offsets"] == "utf16", options["empty"]

    def record(self, item_id: str, lines: Sequence[Line]) -> ItemRecord:
        """The record of an item."""
        whole: ItemRecord | None = None
        answers: dict[str, Answer] = {}
        for where, line in lines:
            fields = {name: line[name] for name in _OWN if name in line}
            own, unchanged = self._carrier.read(line, fields, where)
            if own is not None and line[KEY].get("first"):
                whole = replace(own, answers=(), text=_text(line))
            given = own.answers if unchanged and own is not None else self._answers(line, where)
            for answer in given:
                if answers.pop(answer.annotator, None) is not None:
                    self._lost.add("earlier answer", "The same person answered the item again; the last one counts.")
                answers[answer.annotator] = answer
        base = whole if whole is not None else self._item(item_id, lines[0][1])
        return replace(base, answers=tuple(answers.values()))

    def _item(self, item_id: str, line: Mapping[str, Any]) -> ItemRecord:
        """The item of a line that wasn't written by this package."""
        meta = line.get("meta")
        metadata = {name: value for name, value in line.items() if name not in _FIELDS}
        metadata |= dict(meta) if isinstance(meta, Mapping) else {} if meta is None else {"meta": meta}
        text, file = _text(line), line.get("filename")
        if self._header.kind == "text" and text is not None:
            return ItemRecord(item_id, size=(len(text), 1), text=text, metadata=metadata)
        name = None if not isinstance(file, str) else file if inner_path(file) is not None else \
            PurePosixPath(file.replace("\\", "/")).name or None
        return ItemRecord(item_id, name=name, size=self._source.size_of(item_id, name), metadata=metadata)

    # 13 branches: a line may have labels, objects or neither, and things that an answer can't hold are counted.
    def _answers(self, line: Mapping[str, Any], where: str) -> tuple[Answer, ...]:
        """The answer in doccano's own fields of a line: one, or none."""
        for name, what in (("relations", "relation"), ("segmentation", "outline")):
            if isinstance(some := line.get(name), list):
                self._lost.add(what, "Objects have no such thing here.", len(some))
        note = self._note(line)
        user = line.get("username")
        who = user.strip()[:200] if isinstance(user, str) and is_text(user) else ""
        entries = self._entries(line, where)
        if entries is None or not (entries or self._empty):
            if entries is not None:
                self._lost.add("example without labels", "Nobody can tell whether somebody looked at it and found "
                                                         "nothing; empty=True reads it so.")
            if note is not None:
                self._lost.add("note", "It stands beside no answer.")
            return ()
        if self._header.shape is None:
            label_ids = self._label_ids(entries, where)
            return () if label_ids is None else (Answer(who, label_ids=label_ids, note=note),)
        objects = tuple(self._shapes(line, entries, where))
        if entries and not objects:
            self._lost.add("answer", NOTHING_READ)
            return ()
        return (Answer(who, objects=objects, note=note),)

    def _entries(self, line: Mapping[str, Any], where: str) -> Sequence[Any] | None:
        """The labels, spans or boxes of a line, whichever the task asks for; None if it has no such field."""
        if self._header.shape != "box":
            return _entries(line, where)
        return _boxes(line, where) if "bbox" in line else None

    def _label_ids(self, entries: Sequence[Any], where: str) -> tuple[str, ...] | None:
        """The label_ids of the whole item.

        Returns None if the task needs exactly one label and there are none or several; the answer is then counted in
        the losses. Entries that are spans are counted, too.
        """
        names = [_name(one) for one in entries if _span(one, where) is None]
        self._lost.add("object", "This file is one of labels for the whole item.", len(entries) - len(names))
        ids = tuple(dict.fromkeys(self._header.ids[name] for name in names if name in self._header.ids))
        if self._header.task == "classify" and len(ids) != 1:
            self._lost.add("answer", f"It has {len(ids)} labels, and an item of this task has one.")
            return None
        return ids

    def _note(self, line: Mapping[str, Any]) -> str | None:
        comments = line.get("Comments")
        some = [one for one in comments if isinstance(one, str)] if isinstance(comments, list) else \
            [comments] if isinstance(comments, str) else []
        note = "\n".join(some)
        if len(note) > LONGEST_NOTE:
            self._lost.add("note", f"It is longer than {LONGEST_NOTE:,} characters.")
            return None
        return note if some else None

    def _shapes(self, line: Mapping[str, Any], entries: Iterable[Any], where: str) -> Iterator[ObjectAnswer]:
        """The objects of an example. Entries that aren't valid objects are counted in the losses."""
        text = _text(line) or ""
        for n, one in enumerate(entries):
            span = None if self._header.shape == "box" else _span(one, where)
            name = _name(one) if span is None else span[2]
            if (label_id := self._header.ids.get(name)) is None:
                self._lost.add("object", "It has no label.")
            elif self._header.shape == "box":
                x, y, width, height = (float(one[side]) for side in ("x", "y", "width", "height"))
                if width > 0 and height > 0:
                    yield ObjectAnswer(f"b{n}", "box", (x, y, x + width, y + height), label_id, name)
                else:
                    self._lost.add("object", "It has no area.")
            elif span is None:
                self._lost.add("label of a whole text", "This file is one of spans.")
            elif (at := span_at(text, span[0], span[1], span[3], where, self._lost, utf16=self._utf16)) is not None:
                yield ObjectAnswer(f"s{n}", "span", at, label_id, name, quote=text[at[0]:at[1]])


FORMAT = Format(
    name="doccano", title="doccano JSON Lines", tasks=("classify", "multilabel", "boxes", "spans"), folder=False,
    suffixes=(".jsonl",),
    cannot_hold="Nothing is lost: what doccano has no field for stands in an example's metadata, which it keeps.",
    reduce=reduce, write=write, read=read, options={"offsets": "characters", "empty": False, "task": None},
    why={"item": "An item without a text can't be an example."})
