r"""Prodigy's JSON Lines, a line for each answer. Read `FORMAT`.

A line is a task with its answer, as ``prodigy db-out`` writes it:

- ``text``, or ``image`` (the name of the file; nothing that a line names is opened) with ``width`` and ``height``.
- One label or several: ``options`` (every label), ``accept`` (the chosen ones) and ``config.choice_style``.
- Spans: ``tokens`` (``text``, ``start``, ``end``, ``id``, ``ws``) and ``spans`` (``start``, ``end``, ``token_start``,
  ``token_end``, ``label``, ``text``). Offsets count characters, as Python does. Tokens are those of `items.tokens`,
  cut where a span begins or ends inside one, with a token for white space beyond a single blank, as in spaCy: every
  span fits tokens, and the tokens' ``text`` and ``ws`` together restore the text.
- Boxes and polygons: ``spans`` with ``type`` ("rect" or "polygon"), ``points``, ``x``, ``y``, ``width``, ``height``
  and ``center``. Prodigy has no points.
- ``answer``: "accept"; "ignore" for a skip and for an unsure answer; absent where nobody answered.
- ``_annotator_id``, ``_session_id``, ``_timestamp`` (seconds), ``_view_id``. ``_input_hash`` and ``_task_hash`` are
  left out: Prodigy computes them where they are missing.
- ``id`` is the item's id, ``path`` the name of its file, and ``meta`` has what of its metadata can be shown.
- ``hitl`` has what Prodigy has no field for, which is everything else: see `exchange.carried`. Prodigy keeps it. It
  isn't in ``meta``, since Prodigy shows what is there and can show numbers and texts only. ``extras=False`` leaves it
  out.

Reading takes files that others made. An item is found by ``id``, ``path``, ``meta.id``, ``meta.file``, ``_input_hash``
or, without any, a hash of its text. ``answer: "reject"`` says what an item isn't. No answer here can say that, so it is
counted as lost. If a person answered an item several times, the last answer counts, but accepted labels (``label``) and
single spans (view "ner") are merged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from hashlib import blake2b
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from ...errors import BadInput
from ...items.tokens import tokens
from ...records import LABELLING, ObjectAnswer, is_text
from ..carried import KEY, Carrier, Line, by_item, carried, with_labels
from ..files import Source, Target, inner_path
from ..format import Contents, Format, Options
from ..losses import NOTHING_READ, Losses
from ..records import Answer, Header, ItemRecord
from .jsonl import line_of
from .offsets import span_at

TASKS = ("classify", "multilabel", "boxes", "polygons", "spans")
_VIEWS = {"classify": "choice", "multilabel": "choice", "spans": "spans_manual", "boxes": "image_manual",
          "polygons": "image_manual"}
_MODES = {"box": "rect", "polygon": "polygon"}
# The fields with the answer: if one differs from what we wrote, somebody answered again.
_OWN = ("text", "image", "answer", "accept", "label", "spans", "_annotator_id", "_session_id", "_timestamp")
# Fields that aren't metadata.
_FIELDS = {*_OWN, KEY, "id", "path", "meta", "tokens", "options", "config", "width", "height", "html", "relations",
           "arcs", "audio", "video", "_input_hash", "_task_hash", "_view_id", "_is_binary", "answered", "priority"}
_OF_SPANS = {"start", "end", "token_start", "token_end", "label", "text", "type", "points", "x", "y", "width", "height",
             "center", "id", "score", "ws"}
_SPAN_VIEWS = {"ner", "ner_manual", "spans", "spans_manual", "pos", "pos_manual", "relations"}
_REJECTED = "Prodigy's reject says what an item isn't; an answer here says what it is."
_NO_PLACE = "Prodigy has no field for it; extras=True writes it under hitl."


# -- writing -------------------------------------------------------------------------------------------------

def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """The record; without extras only what Prodigy's own fields hold of it."""
    if header.kind == "text" and record.text is None:
        return None
    if options["extras"]:
        return record
    answers = tuple(_plain(header, answer) for answer in record.answers if _is_said(header, answer))
    return ItemRecord(record.item_id, name=record.name, size=record.size, text=record.text, answers=answers,
                      metadata={name: value for name, value in record.metadata.items() if _is_shown(value)})


def reduce_header(header: Header, options: Options) -> Header:
    """The header; without extras only its labels."""
    if options["extras"]:
        return header
    flat = header.flat().without("history", "about")
    return replace(flat, taxonomy=type(flat.taxonomy)(flat.taxonomy.labels, inner_answers=flat.taxonomy.inner_answers))


def _is_said(header: Header, answer: Answer) -> bool:
    """Whether Prodigy's own fields can hold an answer."""
    if answer.verdict not in LABELLING:
        return answer.verdict == "skip"
    if header.shape is not None:
        return answer.objects is not None
    return answer.label_ids is not None and (header.task == "multilabel" or len(answer.label_ids) == 1)


def _plain(header: Header, answer: Answer) -> Answer:
    """The part of an answer that Prodigy's own fields can hold."""
    skipped = answer.verdict == "skip"
    acted_at = answer.acted_at
    return Answer(answer.annotator, "skip" if skipped else "answer", None if skipped else answer.label_ids,
                  acted_at=None if acted_at is None else acted_at.replace(microsecond=0),
                  objects=None if skipped else answer.with_plain_objects().objects)


def _is_shown(value: Any) -> bool:
    return value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write a line for each answer, and one for each item without any."""
    names = [header.names[label.id] for label in header.taxonomy.answers]
    choices = [{"id": name, "text": name} for name in names] if header.shape is None else []
    first = True
    with target.text() as file:
        for record in records:
            item = _item(header, record, target, choices)
            for n, answer in enumerate(record.answers or (None,)):
                line = item | ({} if answer is None else _answer(header, record, answer))
                if options["extras"]:
                    line[KEY] = carried(header, record, answer, _own(line), first=n == 0, project=first)
                elif first and header.shape is not None:
                    line["config"] = {"labels": names, **({} if header.shape not in _MODES else
                                                          {"image_manual_modes": [_MODES[header.shape]]})}
                file.write(line_of(line, f"item {record.item_id!r:.80}"))
                first = False


def _own(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in _OWN if name in line}


def _item(header: Header, record: ItemRecord, target: Target, choices: list[dict[str, str]]) -> dict[str, Any]:
    """The fields of an item."""
    line: dict[str, Any] = {"id": record.item_id, "_view_id": _VIEWS[header.task]}
    if header.kind == "text":
        line["text"] = record.text
    else:
        line["image"] = target.image(record)
    if record.name is not None:
        line["path"] = record.name
    if record.size is not None and header.kind == "image":
        line["width"], line["height"] = record.size
    if meta := {name: value for name, value in record.metadata.items() if _is_shown(value)}:
        line["meta"] = meta
    if header.shape is None:
        line |= {"options": choices,
                 "config": {"choice_style": "multiple" if header.task == "multilabel" else "single"}}
    return line


def _answer(header: Header, record: ItemRecord, answer: Answer) -> dict[str, Any]:
    """The fields of an answer."""
    line: dict[str, Any] = {"answer": "accept" if answer.verdict in LABELLING else "ignore",
                            "_annotator_id": answer.annotator, "_session_id": answer.annotator}
    if answer.acted_at is not None:
        line["_timestamp"] = math.floor(answer.acted_at.timestamp())
    if header.shape is None:
        line["accept"] = [header.name_of(label_id) for label_id in answer.label_ids or ()]
        return line
    there = [one for one in answer.objects or () if one.is_there]
    if header.shape == "span":
        return line | _tokens_and_spans(header, record.text or "", there)
    line["spans"] = [_shape(one, header.name_of(one.label_id)) for one in there]
    return line


def _tokens_and_spans(header: Header, text: str, objects: Sequence[ObjectAnswer]) -> dict[str, Any]:
    """The fields of a text's spans: its tokens, and each span with the tokens where it begins and ends."""
    cut, words = _tokens(text, [one.at for one in objects])
    starts = {start: n for n, (start, _) in enumerate(cut)}
    ends = {end: n for n, (_, end) in enumerate(cut)}
    spans = []
    for one in objects:
        start, end = int(one.at[0]), int(one.at[1])
        span: dict[str, Any] = {"start": start, "end": end, "label": header.name_of(one.label_id)}
        if one.quote is not None:
            span["text"] = one.quote
        if start in starts and end in ends:
            span |= {"token_start": starts[start], "token_end": ends[end]}
        spans.append(span)
    return {"tokens": words, "spans": spans}


def _tokens(text: str, spans: Iterable[Sequence[float]]) -> tuple[list[tuple[int, int]], list[dict[str, Any]]]:
    """Tokens that every span fits and from which the text can be restored, as Prodigy writes them.

    Returns
    -------
    list of (int, int)
        Where each begins and ends.
    list of dict
    """
    starts, ends = {int(at[0]) for at in spans}, {int(at[1]) for at in spans}
    borders = sorted({0, len(text), *starts, *ends, *tokens(text).ravel().tolist()})
    cut: list[tuple[int, int]] = []
    words: list[dict[str, Any]] = []
    for start, end in pairwise(borders):
        if text[start] == " " and words and words[-1]["end"] == start and start not in starts \
                and start + 1 not in ends:
            words[-1]["ws"] = True
            start += 1
        if start < end:
            words.append({"id": len(words), "text": text[start:end], "start": start, "end": end, "ws": False})
            cut.append((start, end))
    return cut, words


def _has_our_tokens(line: Mapping[str, Any]) -> bool:
    """Whether a line's tokens are those that we would write."""
    text, spans = line.get("text"), line.get("spans") or ()
    at = [(one["start"], one["end"]) for one in spans if isinstance(one, Mapping) and type(one.get("start")) is int
          and type(one.get("end")) is int]
    return isinstance(text, str) and all(0 <= start < end <= len(text) for start, end in at) \
        and line["tokens"] == _tokens(text, at)[1]


def _shape(one: ObjectAnswer, label: str) -> dict[str, Any]:
    """A box or polygon as Prodigy's image_manual has it."""
    at = [float(value) for value in one.at]
    x, y = at[::2], at[1::2]
    if one.kind == "box":
        (x0, x1), (y0, y1) = x, y
        points = [[x0, y0], [x0, y1], [x1, y1], [x1, y0]]
    else:
        points = [[a, b] for a, b in zip(x, y, strict=True)]
    left, upper, width, height = min(x), min(y), max(x) - min(x), max(y) - min(y)
    return {"type": "rect" if one.kind == "box" else "polygon", "label": label, "points": points, "x": left, "y": upper,
            "width": width, "height": height, "center": [left + width / 2, upper + height / 2]}


# -- reading -------------------------------------------------------------------------------------------------

def read(source: Source, options: Options) -> Contents:
    """Read a file of Prodigy's: once for its labels and task, and once for its answers."""
    lost = Losses()
    carrier = Carrier(lost)
    found = _Found()
    path = source.file()
    for where, line in _lines(source):
        carrier.look(line, where)
        found.look(line, where)
    if not found.n_lines:
        raise BadInput(f"{path} is empty; a line for each task is expected, as prodigy db-out writes it.")
    if carrier.header is None:
        task, kind = found.task, "image" if found.n_images > found.n_texts else "text"
    else:
        task, kind = carrier.header.task, carrier.header.kind
    try:
        header = with_labels(carrier.header, task, kind, found.labels)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    carrier.header = header if carrier.header is not None else None
    reader = _Reader(header, source, carrier, lost, utf16=options["offsets"] == "utf16")
    for what, n in found.unread.items():
        lost.add(what, "It is no label, span, box or polygon of a text or an image.", n)
    groups = by_item(_lines(source), found.counts, item_of)
    return Contents(header, (reader.record(item_id, lines) for item_id, lines in groups), lost)


def _lines(source: Source) -> Iterator[Line]:
    """File and line of each task, and the task."""
    return ((f"{source.path}, line {number:,}", line) for number, line in source.json_lines())


def item_of(line: Mapping[str, Any]) -> str | None:
    """The id of a line's item; None for a line that can't be read: HTML, audio, video, an image without a name."""
    text = line.get("text")
    if not isinstance(text, str) and not isinstance(line.get("image"), str):
        return None
    body = line.get(KEY)
    item = body.get("item") if isinstance(body, Mapping) else None
    meta = line.get("meta") if isinstance(line.get("meta"), Mapping) else {}
    for of, name in ((item, "item_id"), (line, "id"), (line, "path"), (meta, "id"), (meta, "file")):
        if isinstance(of, Mapping) and _is_name(value := of.get(name)):
            return str(value)
    if not isinstance(text, str) and not (image := str(line["image"])).startswith("data:") and image:
        return image
    if isinstance(value := line.get("_input_hash"), (str, int)):
        return f"prodigy:{value}"
    if isinstance(text, str):
        return f"text:{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"
    return None


def _is_name(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or type(value) is int


class _Found:
    """Findings of a first pass: labels, signs of the task, how many lines each item has."""

    def __init__(self) -> None:
        self.labels: dict[str, None] = {}
        self.counts, self.unread = Counter[str](), Counter[str]()
        self.n_lines = self.n_images = self.n_texts = 0
        self._signs = set[str]()
        self._accepted: dict[tuple[str, str], str] = {}

    def look(self, line: dict[str, Any], where: str) -> None:
        """Look at a line."""
        self.n_lines += 1
        item = item_of(line)
        if item is None:
            what = next((f"of {name}" for name in ("html", "audio", "video") if name in line), "without text or image")
            self.unread[f"task {what if 'image' not in line else 'of an image without a name'}"] += 1
            return
        self.counts[item] += 1
        is_text = isinstance(line.get("text"), str)
        self.n_texts += is_text
        self.n_images += not is_text
        for name in ("options", "accept", "spans"):
            if line.get(name) is not None and not isinstance(line[name], list):
                raise BadInput(f"{where}: {name} is {line[name]!r:.80}; a list is expected.")
        self._look_at_labels(item, line, where, is_text=is_text)

    def _look_at_labels(self, item: str, line: dict[str, Any], where: str, *, is_text: bool) -> None:
        """Note the labels of a line in their order, and what they are signs of."""
        config: Any = line.get("config") if isinstance(line.get("config"), Mapping) else {}
        names = [_option(one, where) for one in line.get("options") or ()]
        if isinstance(config.get("labels"), list):
            names += [one for one in config["labels"] if isinstance(one, str)]
        chosen = [*map(str, line.get("accept") or ())]
        spans = [_span(one, where) for one in line.get("spans") or ()]
        names += [*_chosen(line, chosen), *(one["label"] for one in spans)]
        self._look_at_choice(line, config, len(chosen))
        self._look_at_spans(line, config, spans, is_text=is_text)
        if isinstance(label := line.get("label"), str):
            names.append(label)
            self._look_at_label(item, line, label)
        self.labels.update(dict.fromkeys(name for name in names if name))

    def _look_at_choice(self, line: Mapping[str, Any], config: Mapping[str, Any], n_chosen: int) -> None:
        if "options" in line or "accept" in line:
            self._signs.add("choice")
            if config.get("choice_style") == "multiple" or n_chosen > 1:
                self._signs.add("several")

    def _look_at_spans(self, line: Mapping[str, Any], config: Mapping[str, Any], spans: Sequence[Mapping[str, Any]], *,
                       is_text: bool) -> None:
        view = line["_view_id"] if isinstance(line.get("_view_id"), str) else None
        if spans or "tokens" in line or view in _SPAN_VIEWS or view == "image_manual":
            self._signs.add("spans" if is_text else "shapes")
        modes = config.get("image_manual_modes")
        if any(one.get("type") in ("polygon", "freehand") for one in spans) or (
                isinstance(modes, list) and "rect" not in modes):
            self._signs.add("polygons")

    def _look_at_label(self, item: str, line: Mapping[str, Any], label: str) -> None:
        self._signs.add("label")
        is_accepted = line.get("answer", "accept") == "accept"
        if is_accepted and self._accepted.setdefault((item, _annotator(line)), label) != label:
            self._signs.add("several")

    @property
    def task(self) -> str:
        """The task of the project that the file comes from, inferred from its lines."""
        if "choice" in self._signs or ("label" in self._signs and not {"spans", "shapes"} & self._signs):
            return "multilabel" if "several" in self._signs else "classify"
        if "shapes" in self._signs:
            return "polygons" if "polygons" in self._signs else "boxes"
        return "spans"


def _option(one: Any, where: str) -> str:
    """The name of a choice: its id, or its text where the id is a number."""
    if isinstance(one, str):
        return one
    if isinstance(one, Mapping) and (isinstance(one.get("id"), str) or "text" in one or "id" in one):
        return one["id"] if isinstance(one.get("id"), str) else str(one.get("text", one.get("id")))
    raise BadInput(f"{where}: an option is {one!r:.80}; an object with id and text is expected.")


def _chosen(line: Mapping[str, Any], chosen: list[str]) -> list[str]:
    """The names of the accepted choices: what `_option` calls those with these ids."""
    names = {str(one["id"]): str(one["text"]) for one in line.get("options") or ()
             if isinstance(one, Mapping) and not isinstance(one.get("id"), str) and "id" in one and "text" in one}
    return [names.get(one, one) for one in chosen]


def _span(one: Any, where: str) -> Mapping[str, Any]:
    """A span, with a label; BadInput if it is none."""
    if not isinstance(one, Mapping):
        raise BadInput(f"{where}: a span is {one!r:.80}; an object with label and place is expected.")
    if not isinstance(label := one.get("label", ""), str):
        raise BadInput(f"{where}: a span has the label {label!r:.80}; a name is expected.")
    return {**one, "label": label}


def _annotator(line: Mapping[str, Any]) -> str:
    for name in ("_annotator_id", "_session_id"):
        if isinstance(value := line.get(name), str) and value.strip() and is_text(value):
            return value.strip()[:200]
    return ""


class _Reader:
    """Makes records of lines."""

    def __init__(self, header: Header, source: Source, carrier: Carrier, lost: Losses, *, utf16: bool) -> None:
        self._header, self._source, self._carrier, self._lost, self._utf16 = header, source, carrier, lost, utf16

    def record(self, item_id: str, lines: Sequence[Line]) -> ItemRecord:
        """The record of an item."""
        whole: ItemRecord | None = None
        answers: list[Answer] = []
        for where, line in lines:
            own, unchanged = self._carrier.read(line, _own(line), where)
            if own is not None and line[KEY].get("first"):
                whole = replace(own, answers=(), text=line.get("text"))
            if unchanged and own is not None:
                answers += own.answers
            elif (answer := self._answer(line, where)) is not None:
                answers.append(answer)
        base = whole if whole is not None else self._item(item_id, lines[0][1])
        return replace(base, answers=self._standing(answers, [line for _, line in lines]))

    def _item(self, item_id: str, line: Mapping[str, Any]) -> ItemRecord:
        """The item of a line that others wrote."""
        meta = line.get("meta")
        metadata = {name: value for name, value in line.items() if name not in _FIELDS}
        metadata |= dict(meta) if isinstance(meta, Mapping) else {} if meta is None else {"meta": meta}
        text, image = line.get("text"), line.get("image")
        if self._header.kind == "text" and isinstance(text, str):
            return ItemRecord(item_id, name=_name_in(line), size=(len(text), 1), text=text, metadata=metadata)
        name = _name_in(line)
        if isinstance(image, str) and image.startswith("data:"):
            self._lost.add("image in the file", "Images inside a file aren't unpacked; the item is found by its name.")
        elif name is None and isinstance(image, str) and image != line.get("id"):
            name = _name_of_path(image)
        width, height = line.get("width"), line.get("height")
        size = (width, height) if type(width) is int and type(height) is int else self._source.size_of(item_id, name)
        return ItemRecord(item_id, name=name, size=size, metadata=metadata)

    def _standing(self, answers: list[Answer], lines: list[dict[str, Any]]) -> tuple[Answer, ...]:
        """One answer of each person: the last one, or several merged if each has only a part."""
        partial = any(line.get("_view_id") == "ner" for line in lines) or (
            self._header.task == "multilabel" and not any("accept" in line for line in lines))
        by_person: dict[str, Answer] = {}
        for answer in answers:
            former = by_person.get(answer.annotator)
            if former is not None and partial and not {former.verdict, answer.verdict} & {"skip", "unsure"}:
                answer = _together(former, answer)
            elif former is not None:
                self._lost.add("earlier answer", "The same person answered the item again; the last answer counts.")
            by_person[answer.annotator] = answer
        return tuple(by_person.values())

    def _answer(self, line: Mapping[str, Any], where: str) -> Answer | None:
        """The answer in Prodigy's own fields of a line."""
        self._count_lost(line)
        verdict = line.get("answer")
        if verdict not in (None, "accept", "reject", "ignore"):
            raise BadInput(f"{where}: answer is {verdict!r:.80}; 'accept', 'reject' or 'ignore' is expected.")
        told = line.get("label") is not None or line.get("accept") is not None or line.get("spans")
        if verdict is None and not told:
            return None
        if verdict == "reject":
            self._lost.add("rejected answer", _REJECTED)
            return None
        answer = Answer(_annotator(line), acted_at=_instant(line.get("_timestamp")))
        if verdict == "ignore":
            return replace(answer, verdict="skip")
        if self._header.shape is None:
            return self._with_labels(answer, line)
        return self._with_objects(answer, line, where)

    def _count_lost(self, line: Mapping[str, Any]) -> None:
        """Count what a line holds and an answer can't."""
        for name in ("relations", "arcs"):
            if isinstance(some := line.get(name), list):
                self._lost.add("relation", "Objects have no relations here.", len(some))
        if self._header.shape == "span" and "tokens" in line and not _has_our_tokens(line):
            self._lost.add("tokens of a text", "A text is cut into words anew; spans count characters.")

    def _with_objects(self, answer: Answer, line: Mapping[str, Any], where: str) -> Answer | None:
        """An answer with the objects of its line; None, and counted, if none of them can be read."""
        spans = [_span(one, where) for one in line.get("spans") or ()]
        text = str(line.get("text", ""))
        objects = [found for n, one in enumerate(spans) if (found := self._object(one, n, text, where)) is not None]
        if spans and not objects:
            self._lost.add("answer", NOTHING_READ)
            return None
        return replace(answer, objects=tuple(objects))

    def _with_labels(self, answer: Answer, line: Mapping[str, Any]) -> Answer | None:
        """An answer with the labels of its line; None, and counted, if the task can't have them."""
        if line.get("accept") is None and line.get("label") is None:
            self._lost.add("answer", "It has no label.")
            return None
        chosen = _chosen(line, [*map(str, line["accept"])]) if line.get("accept") is not None else [line["label"]]
        ids = tuple(dict.fromkeys(self._header.ids[name] for name in chosen if name in self._header.ids))
        if len(ids) != 1 and self._header.task == "classify":
            self._lost.add("answer", f"It has {len(ids)} labels; an item of this file has one.")
            return None
        return replace(answer, label_ids=ids)

    def _object(self, one: Mapping[str, Any], n: int, text: str, where: str) -> ObjectAnswer | None:
        """One span, box or polygon; None, and counted, if it can't be used here."""
        if (label_id := self._header.ids.get(one["label"])) is None:
            self._lost.add("object", "It has no label.")
            return None
        for name in one.keys() - _OF_SPANS:
            self._lost.add(f"{str(name)[:40]!r} of a span", "Objects have no such field here.")
        score = one.get("score")
        score = float(score) if isinstance(score, (int, float)) and not isinstance(score, bool) \
            and math.isfinite(score) else None
        if self._header.shape == "span":
            quote = one.get("text")
            at = span_at(text, one.get("start"), one.get("end"), quote, where, self._lost, utf16=self._utf16)
            return None if at is None else ObjectAnswer(f"s{n}", "span", at, label_id, one["label"],
                                                        quote=text[at[0]:at[1]], score=score)
        if (place := self._place(one, where)) is None:
            return None
        return ObjectAnswer(f"s{n}", self._header.shape, tuple(place.ravel().tolist()), label_id,  # type: ignore[arg-type]
                            one["label"], score=score)

    def _place(self, one: Mapping[str, Any], where: str) -> np.ndarray | None:
        """The points of a shape as the task needs them; None, and counted, if they don't fit the task."""
        place, kind = _place(one, where), self._header.shape
        if kind == "box" and place.shape != (2, 2):
            x, y = place.T
            if len(place) != 4 or len({*x.tolist()}) != 2 or len({*y.tolist()}) != 2:
                self._lost.add("object", "It is no box, and this file is one of boxes.")
                return None
            place = np.array([[x.min(), y.min()], [x.max(), y.max()]])
        elif kind == "polygon" and place.shape == (2, 2):
            (x0, y0), (x1, y1) = place
            place = np.array([[x0, y0], [x0, y1], [x1, y1], [x1, y0]])
        if len(place) < 2 + (kind == "polygon"):
            self._lost.add("object", "It has too few points.")
            return None
        return place


def _together(former: Answer, answer: Answer) -> Answer:
    """One answer from two of the same person, each of which has only a part."""
    if answer.objects is not None:
        seen = {(one.at, one.label_id) for one in former.objects or ()}
        new = [replace(one, id=f"{one.id}-{len(seen)}") for one in answer.objects if (one.at, one.label_id) not in seen]
        return replace(answer, objects=(*(former.objects or ()), *new))
    return replace(answer, label_ids=tuple(dict.fromkeys((*(former.label_ids or ()), *(answer.label_ids or ())))))


def _name_in(line: Mapping[str, Any]) -> str | None:
    """The name of an item's file, from `path` or `meta.file`."""
    meta = line.get("meta") if isinstance(line.get("meta"), Mapping) else {}
    assert isinstance(meta, Mapping)
    for value in (line.get("path"), meta.get("file")):
        if isinstance(value, str) and value and is_text(value):
            return _name_of_path(value)
    return None


def _name_of_path(path: str) -> str | None:
    """A path if it can be one inside a folder, else its last part."""
    return path if inner_path(path) is not None else PurePosixPath(path.replace("\\", "/")).name or None


def _instant(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(value, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None


def _place(one: Mapping[str, Any], where: str) -> np.ndarray:
    """The points of a shape, as an array of shape (n, 2); two corners for a box without points."""
    points = one.get("points")
    try:
        if points:
            place = np.asarray(points, float)
        else:
            x, y, width, height = (float(one[name]) for name in ("x", "y", "width", "height"))
            place = np.array([[x, y], [x + width, y + height]])
    except (KeyError, TypeError, ValueError, OverflowError):
        place = np.empty((0, 0))
    if place.ndim != 2 or place.shape[1] != 2 or not np.isfinite(place).all() or np.abs(place).max() >= 1e15:
        raise BadInput(f"{where}: a span has the points {str(points)[:80]}; a list of [x, y], or x, y, width and "
                       "height, are expected.")
    return place


FORMAT = Format(
    name="prodigy", title="Prodigy JSON Lines", tasks=TASKS, folder=False, suffixes=(".jsonl",),
    cannot_hold="Nothing is lost; with extras=False everything for which Prodigy has no field: certainty, notes, "
                "flags, unsure answers, what was shown, gold and the hierarchy of labels.",
    reduce=reduce, reduce_header=reduce_header, write=write, read=read,
    options={"extras": True, "offsets": "characters"},
    why={"verdict": "Prodigy has accept, reject and ignore; an unsure answer is none of them.",
         "answer": "Prodigy's own fields hold labels and skips; an unsure answer, or one without a label, is neither.",
         "whether it was accepted or corrected": "Prodigy keeps what was answered, not what was suggested.",
         "time of an answer": "Prodigy counts whole seconds.",
         "metadata": "Prodigy shows numbers and texts only.",
         "place of a label in the hierarchy": "Prodigy's labels are a list.",
         "label above others": "Prodigy's labels are a list of those that can be an answer.",
         "deleted proposal": "Prodigy keeps the spans that are there.",
         "item": "An item without a text can't be a task of Prodigy's."},
    otherwise=_NO_PLACE)
