"""Conversion of records to plain JSON and back, with checks: the native formats are built on it.

`header_to_dict` and `record_to_dict` write all fields; `header_from_dict` and `record_from_dict` read them, and raise
errors that explain which values are invalid. The docstring of `formats.jsonl` documents the fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, get_args

from ..errors import BadInput
from ..records import (
    LONGEST_NOTE,
    MOST_WITH_DELETED,
    TASKS,
    VERDICTS,
    CertaintySource,
    ObjectAnswer,
    ObjectReason,
    Reason,
    Region,
    are_values,
    check_annotator,
    check_certainty,
    check_flags,
    check_instant,
)
from ..taxonomy.labels import Taxonomy
from .losses import Losses
from .records import Answer, Header, ItemRecord, Prediction

# The format's name in the header of our own files, and the version of the fields.
NAME, VERSION = "hitl_widgets", 1
STATUSES = ("decided", "to_review", "presumed", "planted")
SPLITS = ("train", "holdout")
KINDS = ("image", "text")
_UNKNOWN = "hitl_widgets has no such field in this version; it is skipped."


# -- writing -------------------------------------------------------------------------------------------------

def header_to_dict(header: Header) -> dict[str, Any]:
    """A header as plain JSON."""
    return {"format": NAME, "version": VERSION, "task": header.task, "kind": header.kind,
            "taxonomy": header.taxonomy.to_dict(), "history": [dict(step) for step in header.history],
            "about": dict(header.about)}


def record_to_dict(header: Header, record: ItemRecord) -> dict[str, Any]:
    """A record as plain JSON, without what is None or empty."""
    gold = {} if record.gold_ids is None else _named(header, record.gold_ids)
    body = {
        "item_id": record.item_id, "name": record.name, "text": record.text, "split": record.split,
        "size": None if record.size is None else list(record.size), "metadata": record.metadata or None,
        "gold": gold | ({"values": record.gold_values} if record.gold_values else {}) or None,
        "answers": [answer_to_dict(header, answer) for answer in record.answers] or None,
        "predictions": [_prediction_to_dict(one) for one in record.predictions] or None}
    return {name: value for name, value in body.items() if value is not None}


def _prediction_to_dict(prediction: Prediction) -> dict[str, Any]:
    body = {"model": prediction.model, "probs": dict(prediction.probs),
            "objects": [one.to_dict() for one in prediction.objects]}
    return {name: value for name, value in body.items() if name == "model" or value}


def _named(header: Header, label_ids: Iterable[str]) -> dict[str, Any]:
    label_ids = list(label_ids)
    return {"label_ids": label_ids, "labels": [*map(header.name_of, label_ids)]}


# The fields of an answer that are written as they are.
_AS_THEY_ARE = ("certainty", "certainty_source", "note", "reason", "decision_id", "share", "n_answers")


# 16 branches: a line for each field.
def answer_to_dict(header: Header, answer: Answer) -> dict[str, Any]:
    """An answer as plain JSON, without what is None or empty."""
    body = {
        "annotator": answer.annotator, "verdict": answer.verdict,
        **({} if answer.label_ids is None else _named(header, answer.label_ids)),
        **{name: getattr(answer, name) for name in _AS_THEY_ARE},
        "acted_at": None if answer.acted_at is None else instant_text(answer.acted_at),
        "status": None if answer.status == "decided" else answer.status,
        "flags": answer.flags or None, "values": answer.values or None, "seen": answer.seen or None,
        "objects": None if answer.objects is None else [one.to_dict() for one in answer.objects],
        "wrong": None if answer.wrong is None else answer.wrong.to_dict(),
        "missing": None if answer.missing is None else answer.missing.to_dict(),
        "reasons": [one.to_dict() for one in answer.reasons] or None,
        "touched": answer.touched, "first": answer.first, "as_decided": answer.as_decided,
        "votes": [answer_to_dict(header, vote) for vote in answer.votes] or None}
    return {name: value for name, value in body.items() if value is not None}


def instant_text(at: datetime) -> str:
    """An instant in ISO form, in UTC."""
    return (at if at.tzinfo is timezone.utc else at.astimezone(timezone.utc)).isoformat()


# -- reading -------------------------------------------------------------------------------------------------

# 14 branches: a check for each part, with its own message.
def header_from_dict(body: Any, where: str) -> Header:
    """Read what `header_to_dict` wrote.

    Parameters
    ----------
    body : mapping
    where : str
        The file and line, for messages.

    Raises
    ------
    BadInput
        When it is something else, or of a later version.
    """
    if not isinstance(body, Mapping) or body.get("format") != NAME:
        raise BadInput(f"{where} isn't the header of a file that wb.export wrote: an object with \"format\": "
                       f"\"{NAME}\" is expected. Pass format= for a file of another tool; hw.formats() lists them.")
    version = body.get("version")
    if type(version) is not int or version < 1:
        raise BadInput(f"{where} has the version {version!r:.40}; a whole number from 1 on is expected.")
    if version > VERSION:
        raise BadInput(f"{where} is of version {version} of this format, and this hitl_widgets reads versions up to "
                       f"{VERSION}. Install a newer hitl_widgets.")
    history, about = body.get("history", []), body.get("about", {})
    for name, of, expected in (("task", TASKS, TASKS), ("kind", KINDS, KINDS)):
        if not isinstance(body.get(name), str) or body[name] not in of:
            raise BadInput(f"{where} has the {name} {body.get(name)!r:.80}; one of {', '.join(expected)} is expected.")
    if not isinstance(history, list) or not all(isinstance(step, Mapping) for step in history):
        raise BadInput(f"{where} has the history {history!r:.80}; a list of objects is expected.")
    if not isinstance(about, Mapping):
        raise BadInput(f"{where} has about {about!r:.80}; an object is expected.")
    if not isinstance(body.get("taxonomy"), Mapping):
        raise BadInput(f"{where} has the taxonomy {body.get('taxonomy')!r:.80}; an object with labels is expected.")
    try:
        taxonomy = Taxonomy.from_dict(body["taxonomy"])
    except (BadInput, TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        raise BadInput(f"{where}: {error}") from error
    return Header(body["task"], body["kind"], taxonomy, tuple(history), dict(about))


def record_from_dict(header: Header, body: Mapping[str, Any], where: str, lost: Losses) -> ItemRecord:
    """Read what `record_to_dict` wrote.

    Parameters
    ----------
    header : Header
        Its taxonomy has the labels.
    body : mapping
    where : str
        The file and line, for messages.
    lost : Losses
        Unknown fields are counted in it.

    Raises
    ------
    BadInput
        When a field has another type or an invalid value.
    """
    try:
        return _Reader(header, lost).record(body)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def answer_from_dict(header: Header, body: Any, where: str, lost: Losses) -> Answer:
    """Read what `answer_to_dict` wrote; see `record_from_dict`."""
    try:
        return _Reader(header, lost).answer(body)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def _size(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(type(one) is int and 0 <= one < 2**31
                                                                        for one in value)


def _as_decided(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and (value[2] is None or type(value[2]) is int) \
        and all(one is None or isinstance(one, str) for one in value[:2])


# Check of a field that isn't None, and what is expected, in words.
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "item_id": (lambda value: _text(value) and value != "", "a text that isn't empty"),
    "name": (_text, "the name of a file"), "text": (_text, "a text"),
    "split": (lambda value: value in SPLITS, "'train' or 'holdout'"),
    "size": (_size, "a list of width and height"),
    "metadata": (lambda value: isinstance(value, Mapping), "an object"),
    "gold": (lambda value: isinstance(value, Mapping), "an object with label_ids, labels or values"),
    "answers": (lambda value: isinstance(value, list), "a list of objects"),
    "predictions": (lambda value: isinstance(value, list), "a list of objects"),
    "verdict": (lambda value: value in VERDICTS, f"one of {', '.join(VERDICTS)}"),
    "label_ids": (_texts, "a list of ids"), "labels": (_texts, "a list of names"),
    "certainty_source": (lambda value: value in get_args(CertaintySource), "'given' or 'carried'"),
    "note": (lambda value: _text(value) and len(value) <= LONGEST_NOTE, f"a text of at most {LONGEST_NOTE:,} "
                                                                        "characters"),
    "status": (lambda value: value in STATUSES, f"one of {', '.join(STATUSES)}"),
    "values": (are_values, "an object of attribute ids to numbers or texts"),
    "objects": (lambda value: isinstance(value, (list, tuple)) and len(value) <= MOST_WITH_DELETED,
                f"a list of at most {MOST_WITH_DELETED:,} objects"),
    "reason": (lambda value: value in get_args(Reason), "'right' or 'wrong'"),
    "reasons": (lambda value: isinstance(value, (list, tuple)) and len(value) <= MOST_WITH_DELETED,
                f"a list of at most {MOST_WITH_DELETED:,} reasons of objects"),
    "seen": (lambda value: isinstance(value, Mapping), "an object"),
    "first": (lambda value: isinstance(value, Mapping), "an object"),
    "decision_id": (_text, "an id"), "touched": (_texts, "a list of ids"),
    "as_decided": (_as_decided, "a list of label_id, label and version of the taxonomy"),
    "share": (lambda value: _number(value) and 0 <= value <= 1 + 1e-9, "a number from 0 to 1"),
    "n_answers": (lambda value: type(value) is int and 0 <= value < 2**31, "a number of answers"),
    "votes": (lambda value: isinstance(value, list), "a list of answers"),
    "model": (_text, "a name"),
    "probs": (lambda value: isinstance(value, Mapping) and all(
        isinstance(label_id, str) and _number(p) and -1e-6 <= p <= 1 + 1e-6 for label_id, p in value.items()),
        "an object of label ids to probabilities"),
    **dict.fromkeys(("annotator", "certainty", "flags", "acted_at", "wrong", "missing"),
                    (lambda value: True, ""))}
_OF_ITEM = ("item_id", "name", "size", "text", "split", "metadata", "gold", "answers", "predictions")
_OF_GOLD = ("label_ids", "labels", "values")
_OF_ANSWER = ("annotator", "verdict", "label_ids", "labels", "certainty", "certainty_source", "flags", "note",
              "acted_at", "status", "values", "objects", "reason", "wrong", "missing", "reasons", "seen",
              "decision_id", "touched", "first", "as_decided", "share", "n_answers", "votes")
_OF_PREDICTION = ("model", "probs", "objects")


class _Reader:
    """Reads the parts of a record; a BadInput doesn't name the place in the file."""

    def __init__(self, header: Header, lost: Losses) -> None:
        self._header, self._known, self._lost = header, header.names, lost

    def record(self, body: Any) -> ItemRecord:
        """An item."""
        of = self._fields(body, "an item", _OF_ITEM)
        if "item_id" not in of:
            raise BadInput("an item has no item_id; a text is expected.")
        gold = self._fields(of.pop("gold", {}), "gold", _OF_GOLD)
        of |= {"gold_ids": self._label_ids(gold), "gold_values": gold.get("values", {}),
               "answers": tuple(map(self.answer, of.get("answers", ()))),
               "predictions": tuple(map(self._prediction, of.get("predictions", ())))}
        if "size" in of:
            of["size"] = tuple(of["size"])
        return ItemRecord(**of)

    def _fields(self, body: Any, what: str, known: tuple[str, ...]) -> dict[str, Any]:
        """The fields of a JSON object that aren't None, each checked; unknown ones are counted."""
        if not isinstance(body, Mapping):
            raise BadInput(f"{what} is {body!r:.80}; an object is expected.")
        found: dict[str, Any] = {}
        for name, value in body.items():
            if name not in known:
                self._lost.add(f"unknown field {str(name)[:80]}", _UNKNOWN)
            elif value is not None:
                fits, expected = _CHECKS[name]
                try:
                    sound = fits(value)
                except (TypeError, OverflowError):
                    sound = False
                if not sound:
                    raise BadInput(f"{name} is {value!r:.80}; {expected} is expected.")
                found[name] = value
        return found

    def _label_ids(self, of: dict[str, Any]) -> tuple[str, ...] | None:
        """Take label_ids and labels out of the fields: ids of the taxonomy, or names where there are no ids."""
        names, label_ids = of.pop("labels", None), of.pop("label_ids", None)
        if label_ids is None:
            if names is None:
                return None
            if odd := [name for name in names if name not in self._header.ids]:
                raise BadInput(f"label {odd[0]!r:.80} isn't in the file's taxonomy.")
            return tuple(self._header.ids[name] for name in names)
        for label_id in label_ids:
            self._check_label(label_id)
        if names is not None and list(names) != [self._known[label_id] for label_id in label_ids]:
            raise BadInput(f"label_ids are {', '.join(label_ids)!r:.80}, which the file's taxonomy calls "
                           f"{', '.join(self._known[one] for one in label_ids)!r:.80}, and labels are "
                           f"{', '.join(names)!r:.80}; leave one of both fields out.")
        return tuple(label_ids)

    def _check_label(self, label_id: str) -> None:
        if label_id not in self._known:
            raise BadInput(f"label id {label_id!r:.80} isn't in the file's taxonomy.")

    def answer(self, body: Any) -> Answer:
        """An answer."""
        of = self._fields(body, "an answer", _OF_ANSWER)
        of["annotator"] = check_annotator(of.get("annotator"))  # type: ignore[arg-type]
        of["label_ids"] = self._label_ids(of)
        if "certainty" in of:
            of["certainty"] = check_certainty(of["certainty"])
        if "flags" in of:
            of["flags"] = tuple(sorted(check_flags(of["flags"])))
        if "acted_at" in of:
            of["acted_at"] = instant(of["acted_at"])
        for name in ("wrong", "missing"):
            if name in of:
                of[name] = Region.from_dict(of[name])
        for name in ("touched", "as_decided"):
            if name in of:
                of[name] = tuple(of[name])
        if "objects" in of:
            of["objects"] = tuple(map(self._object, of["objects"]))
        if "reasons" in of:
            of["reasons"] = tuple(map(self._reason, of["reasons"]))
        if "votes" in of:
            of["votes"] = tuple(map(self.answer, of["votes"]))
        return Answer(**of)

    def _object(self, body: Any) -> ObjectAnswer:
        try:
            one = body if isinstance(body, ObjectAnswer) else ObjectAnswer.from_dict(body)
        except TypeError as error:
            raise BadInput(f"an object is {body!r:.80}: {error}.") from error
        self._check_label(one.label_id)
        return one

    def _reason(self, body: Any) -> ObjectReason:
        try:
            one = ObjectReason.from_dict(body)
        except TypeError as error:
            raise BadInput(f"the reason of an object is {body!r:.80}: {error}.") from error
        self._check_label(one.label_id)
        return one

    def _prediction(self, body: Any) -> Prediction:
        of = self._fields(body, "a prediction", _OF_PREDICTION)
        if "model" not in of:
            raise BadInput(f"a prediction is {body!r:.80}; the name of its model is expected.")
        for label_id in of.get("probs", ()):
            self._check_label(label_id)
        return Prediction(of["model"], of.get("probs", {}), tuple(map(self._object, of.get("objects", ()))))


def instant(value: Any) -> datetime:
    """An instant in UTC, from ISO form with a time zone; BadInput if it isn't one."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadInput(f"acted_at is {value!r:.80}; an instant such as '2026-05-01T10:00:00+00:00' is expected.") \
            from None
    return check_instant(at).astimezone(timezone.utc)
