"""Handling of acts from the browser: reading, answering once, keeping their order.

Every act gets a reply, at once and on whichever thread it arrived. An act that can't be stored just now is sent again;
an act that is sent twice is stored once; an act that follows another one in its tab waits for that one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, cast, get_args, get_origin, get_type_hints

from ..errors import BadInput, HitlError, StoreError
from ..records import MOST_OBJECTS, MOST_WITH_DELETED, Region, Seen, is_text
from ..taxonomy.edits import Edit, from_body
from .messages import AnyAct, Edits, GivenObject, Ids, Objects, Reasons, Rejected, Reply, Size, Values

A = TypeVar("A", bound=AnyAct)

KNOWN = 4_096  # acts whose answer is remembered
# Errors of an act that can never be stored as it is. After any other error the act is sent again.
NEVER = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)

log = logging.getLogger(__name__)


class Handler(NamedTuple):
    """The kind of an act, and the function that answers it."""

    kind: str
    answer: Callable[[Mapping[str, Any]], Reply]


def on(act_type: type[A], answer: Callable[[A], Reply]) -> Handler:
    """Make the handler of one type of act, which reads and checks what arrives and then answers it.

    Parameters
    ----------
    act_type : type
        An act of `hitl_widgets.widgets.messages`.
    answer : callable
        A `HitlError` that it raises becomes a `rejected` reply.
    """
    read = reader(act_type)
    return Handler(act_type.KIND, lambda act: answer(read(act)))


class Acts:
    """The acts that a widget answers, and the outcome of those that arrived.

    Parameters
    ----------
    *handlers : Handler
        One for each kind of act, made by `on`.
    """

    def __init__(self, *handlers: Handler) -> None:
        self._handlers = {handler.kind: handler.answer for handler in handlers}
        self._answered: dict[str, None] = {}  # ids of the acts that needn't be sent again
        self._raised: set[str] = set()  # ids of acts that raised an error of ours
        self._refusal = ""

    def receive(self, act: Any) -> Reply:
        """Answer one act."""
        if not isinstance(act, Mapping):
            return rejected({}, f"an act is a mapping, not {type(act).__name__}.")
        try:
            kind = str(act.get("kind"))
            if kind not in self._handlers:
                raise BadInput(f"an act of kind {kind!r} is unknown; known are {', '.join(self._handlers)}.")
            _check_ids(act)
            if self._comes_too_early(act):
                waits = "an earlier decision of this tab isn't stored yet; this one waits for it."
                return rejected(act, self._refusal or waits, again=True)
            reply = self._handlers[kind](act)
        except StoreError as error:
            self._refusal = str(error)
            return rejected(act, str(error), again=True)
        except HitlError as error:
            reply = rejected(act, str(error))
        except NEVER as error:
            log.exception("an act can't be stored")
            reply = rejected(act, f"it can't be stored: {type(error).__name__}: {error}.")
        except Exception:
            self._raised.add(str(act.get("decision_id")))
            raise
        if isinstance(act.get("decision_id"), str):
            self._refusal = ""
            self._answered[act["decision_id"]] = None
            while len(self._answered) > KNOWN:
                self._answered.pop(next(iter(self._answered)), None)
        return reply

    def _comes_too_early(self, act: Mapping[str, Any]) -> bool:
        """Whether the act before this one in its tab must be stored first. That one will be sent, or sent again."""
        after, undone = act.get("after"), str(act.get("retracts"))
        # An act that failed for a reason of its own makes nothing wait except its own undo.
        if undone in self._raised and undone not in self._answered:
            return True
        return after is not None and str(after) not in self._answered and str(after) not in self._raised


def _check_ids(act: Mapping[str, Any]) -> None:
    """Raise BadInput if the ids of an act can't identify it, or can't be sent back in a reply."""
    for name in ("decision_id", "after", "retracts", "item_id"):
        if (value := act.get(name)) is not None and not (isinstance(value, str) and is_text(value)):
            raise BadInput(f"{name} is {value!r:.80}; text without halves of a surrogate pair is expected.")


def rejected(act: Any, reason: str, *, again: bool = False) -> Rejected:
    """Refuse an act, with the reason."""
    reply: Rejected = {"kind": "rejected", "reason": reason}
    if isinstance(act, Mapping) and isinstance(act.get("decision_id"), str) and is_text(act["decision_id"]):
        reply["decision_id"] = act["decision_id"]
    if again:
        reply["again"] = True
    return reply


# -- reading


def reader(act_type: type[A]) -> Callable[[Mapping[str, Any]], A]:
    """Make a function that reads acts of one type; it raises BadInput with a field's name and value.

    A field that may be None may be left out, and so may one with a default.
    """
    hints = get_type_hints(act_type, include_extras=True)
    rows = [(field.name, field.default, *_reader_of(hints[field.name])) for field in fields(act_type)]

    def read(act: Mapping[str, Any]) -> A:
        values = {}
        for name, default, may_be_none, read_one in rows:
            value = act.get(name)
            if value is None and default is not MISSING:
                values[name] = default
            else:
                values[name] = None if may_be_none and value in (None, "") else read_one(act, name)
        return act_type(**values)

    return read


def _reader_of(hint: Any) -> tuple[bool, Callable[[Mapping[str, Any], str], Any]]:
    """Whether a field may be None, and what reads it otherwise."""
    arguments = get_args(hint)
    if NoneType in arguments:
        [hint] = [argument for argument in arguments if argument is not NoneType]
    return NoneType in arguments, READERS[str if get_origin(hint) is Literal else hint]


def _text(act: Mapping[str, Any], name: str) -> str:
    value = act.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"an act of kind {act.get('kind')!r} needs {name}, as text; it has {value!r}.")
    return value


def _number(act: Mapping[str, Any], name: str) -> float:
    value = act.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"{name} is {value!r:.80}; a number is expected.")
    return value


def _whole(act: Mapping[str, Any], name: str) -> int:
    value = act.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(f"{name} is {value!r:.80}; a whole number is expected.")
    return value


def _flag(act: Mapping[str, Any], name: str) -> bool:
    value = act.get(name)
    if not isinstance(value, bool):
        raise BadInput(f"{name} is {value!r:.80}; true or false is expected.")
    return value


def _texts(act: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = act.get(name) or ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
        raise BadInput(f"{name} is {value!r:.80}; a list of texts is expected.")
    return tuple(value)


def _ids(act: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = act.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) and is_text(text) for text in value):
        raise BadInput(f"{name} is {value!r:.80}; a list of one id or more, as text, is expected.")
    return tuple(value)


def _values(act: Mapping[str, Any], name: str) -> dict[str, float | str]:
    value = act.get(name)
    if not isinstance(value, Mapping):
        raise BadInput(f"{name} is {value!r:.80}; a value for each attribute is expected.")
    for attribute_id, one in value.items():
        if not isinstance(attribute_id, str) or isinstance(one, bool) or not isinstance(one, (int, float, str)):
            raise BadInput(f"{name} holds {attribute_id!r:.80}: {one!r:.80}; a number or one of the choices is "
                           "expected.")
    return dict(value)


def _objects(act: Mapping[str, Any], name: str) -> tuple[GivenObject, ...]:
    value = act.get(name)
    if not isinstance(value, list):
        raise BadInput(f"{name} is {value!r:.80}; a list of objects is expected, empty where there are none.")
    if len(value) > MOST_OBJECTS:
        raise BadInput(f"{name} holds {len(value):,} objects; {MOST_OBJECTS:,} are possible in one item.")
    return tuple(_object(one) for one in value)


# 15 branches: a check for each field.
def _object(one: Any) -> GivenObject:
    if not isinstance(one, Mapping) or set(one) - {"id", "kind", "at", "label_id", "certainty", "unsure"}:
        raise BadInput(f"an object is {one!r:.80}; id, kind, at, label_id, and perhaps certainty and unsure are "
                       "expected.")
    id = one.get("id")
    for field in ("id", "kind", "label_id"):
        if not isinstance(one.get(field), str) or not one[field]:
            raise BadInput(f"object {id!r:.80} has the {field} {one.get(field)!r:.80}; a text is expected.")
    at = one.get("at")
    if not isinstance(at, list) or not at or not all(map(_is_finite, at)):
        raise BadInput(f"object {id!r:.80} is at {at!r:.80}; a list of finite numbers is expected.")
    certainty, unsure = one.get("certainty"), one.get("unsure", False)
    if not (certainty is None or _is_finite(certainty)) or not isinstance(unsure, bool):
        raise BadInput(f"object {id!r:.80} has certainty {certainty!r:.80} and unsure {unsure!r:.80}; a number or "
                       "null, and true or false, are expected.")
    exact = int if one["kind"] == "span" and all(number == int(number) for number in at) else float  # of characters
    return cast("GivenObject", {**one, "at": [exact(number) for number in at], "certainty": certainty,
                                "unsure": unsure})


def _reasons(act: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    value = act.get(name)
    if not isinstance(value, Mapping) or len(value) > MOST_WITH_DELETED:
        raise BadInput(f"{name} is {value!r:.80}; what was said of the explanation of each object is expected, by its "
                       "id.")
    return {str(id): _reason(str(id), one) for id, one in value.items()}


def _reason(id: str, one: Any) -> dict[str, Any]:
    if not isinstance(one, Mapping) or not set(one) <= {"reason", "wrong", "missing", "method", "display"}:
        raise BadInput(f"what was said of object {id!r:.80} is {one!r:.80}; reason, and perhaps wrong, missing, method "
                       "and display are expected.")
    regions = {name: Region.from_dict(one[name]) for name in ("wrong", "missing") if one.get(name) is not None}
    return {**{name: one[name] for name in ("reason", "method", "display") if name in one}, **regions}


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _size(act: Mapping[str, Any], name: str) -> tuple[int, int]:
    value = act.get(name)
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(side, int) and not isinstance(side, bool)
                                                                 and side > 0 for side in value):
        raise BadInput(f"{name} is {value!r:.80}; width and height in pixels are expected, of a text its characters "
                       "and 1.")
    return value[0], value[1]


def _instant(act: Mapping[str, Any], name: str) -> datetime:
    text = _text(act, name)
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput(f"{name} {text!r} can't be read; an instant such as '2026-03-01T09:30:00.250Z' is expected.")
    return at


def _edits(act: Mapping[str, Any], name: str) -> tuple[Edit, ...]:
    value = act.get(name)
    if not isinstance(value, list) or not value:
        raise BadInput(f"{name} is {value!r:.80}; a list of one edit or more is expected.")
    return tuple(from_body(body) for body in value)


READERS: dict[Any, Callable[[Mapping[str, Any], str], Any]] = {
    str: _text, float: _number, int: _whole, bool: _flag, tuple[str, ...]: _texts,
    Ids: _ids, Values: _values, Objects: _objects, Reasons: _reasons, Size: _size, datetime: _instant, Edits: _edits,
    Region: lambda act, name: Region.from_dict(act[name]),
    Seen: lambda act, name: Seen.from_dict(act.get(name) or {})}
