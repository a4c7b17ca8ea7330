"""Events: the entries of the append-only log, and their form as JSON.

Read `Event` first, then `decided` and `decision_of`, which turn a decision into an event and back. `standing` says
which of a person's decisions on an item holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

from .errors import BadInput
from .records import (
    MOST_WITH_DELETED,
    OBJECT_TARGET,
    Decision,
    ObjectAnswer,
    ObjectReason,
    Region,
    Seen,
    are_values,
    check_annotator,
    check_event_id,
    check_instant,
    objects_on_screen,
)

# `docs/architecture.md` describes the body of each kind.
KINDS = ("created", "decided", "retracted", "taxonomy", "adopted", "trained", "gold", "presumed", "sorted", "repeated",
         "policy", "consented", "planned", "thread", "adjudicated", "told", "adopted_values", "imported",
         "assigned", "exported", "redacted", "settled", "role", "taken_in")
# Answers of a person to an item. A repeated answer is used only to measure how consistent a person is; it never counts
# as their decision.
ANSWERS = ("decided", "repeated")


@dataclass(frozen=True, slots=True)
class Event:
    """One act, as the log stores it.

    Parameters
    ----------
    id : str
        Made by the sender, so that an act that is sent twice is stored once.
    kind : str
        One of `KINDS`.
    annotator : str
        Who acted.
    acted_at : datetime
        When it was done, UTC-aware.
    body : mapping
        Plain JSON.
    item_id : str or None
        The item that it is about, if any.
    stored_at : datetime or None
        When it was stored in the log; None before.
    seq : int or None
        Its number in the log, from 1; None before.
    nth : int or None
        Its number among the events of its annotator in the log, from 1; None before, and for events that were stored
        before these numbers were kept.
    aside : bool
        Whether it doesn't count, because the person's role didn't allow it when it was stored; False before.

    Raises
    ------
    BadInput
        When a field can't be used.
    """

    id: str
    kind: str
    annotator: str
    acted_at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    item_id: str | None = None
    stored_at: datetime | None = None
    seq: int | None = None
    nth: int | None = None
    aside: bool = False

    def __post_init__(self) -> None:
        check_event_id(self.id)
        check_annotator(self.annotator)
        if self.kind not in KINDS:
            raise BadInput(f"event kind {self.kind!r} is unknown; one of {', '.join(KINDS)} is expected.")
        check_instant(self.acted_at)

    def same_act(self, other: Event) -> bool:
        """Whether both have the same content: kind, annotator, item and body.

        Parts that the project computed when it stored the act (`DERIVED`) aren't compared.
        """
        bodies = [self.body, other.body]
        if any(_version_seen(body) < 0 for body in bodies):  # the number of a version that no longer holds
            bodies = [{**body, "seen": {**body.get("seen", {}), "taxonomy": None}} for body in bodies]
        return (self.kind, self.annotator, self.item_id) == (other.kind, other.annotator, other.item_id) \
            and comparable(bodies[0]) == comparable(bodies[1])


# Computed again whenever an act is sent: what a decision replaces, what a script would have seen, what the person
# answered before the suggestion was shown, what was planted when they answered before, and who stored it for them.
DERIVED = ("replaces", "content", "first", "planted", "by")
_GIVEN_OF_OBJECT = ("id", "kind", "at", "label_id", "certainty", "unsure")
# What was explained follows from what was on the screen.
_GIVEN_OF_REASON = ("id", "reason", "wrong", "missing", "method", "display")


def _version_seen(body: Mapping[str, Any]) -> int:
    seen = body.get("seen")
    version = seen.get("taxonomy") if isinstance(seen, Mapping) else None
    return version if type(version) is int else 0


def comparable(body: Mapping[str, Any]) -> str:
    """The content of an act as text, without the parts that the project computed when it stored it: see `DERIVED`."""
    fields = {k: v for k, v in body.items() if k not in DERIVED}
    if fields.get("seen", {}).get("scripted"):
        del fields["seen"]
        if isinstance(fields.get("reasons"), list):
            fields["reasons"] = [{name: one.get(name) for name in _GIVEN_OF_REASON} for one in fields["reasons"]
                                 if isinstance(one, Mapping)]
        # The acts on proposals follow from what the script would have seen.
        if isinstance(fields.get("objects"), list):
            fields["objects"] = [{name: one.get(name) for name in _GIVEN_OF_OBJECT} for one in fields["objects"]
                                 if isinstance(one, Mapping) and one.get("act") != "deleted"]
            fields["verdict"] = fields["verdict"] if fields["verdict"] in ("unsure", "skip") else "answer"
    return canonical(fields)


def canonical(body: Mapping[str, Any] | Sequence[Any]) -> str:
    """A body as JSON text: sorted keys, no spaces, no NaN, so that equal bodies are equal texts."""
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"an event's body must be plain JSON: {error}") from error


def decided(decision: Decision, *, content: str | None = None, first: Mapping[str, Any] | None = None,
            planted: str | None = None, by: str | None = None) -> Event:
    """Make the event of a decision, of kind "decided", or "repeated" for a repeat of a person's own answer.

    Parameters
    ----------
    decision : Decision
    content : str or None
        Hash of the item as it was when it was decided.
    first : mapping or None
        The person's answer before the suggestion was shown: see `first_answer`.
    planted : str or None
        The label_id that was suggested on purpose when the person answered before: see `planted_before`.
    by : str or None
        The person who stores it in the name of its annotator, such as an importer; their role is the one that counts.
    """
    circumstances = {"seen": decision.seen.to_dict() or None, "content": content,
                     "first": None if first is None else dict(first),
                     "planted": None if decision.seen.planted else planted,
                     "by": None if by == decision.annotator else by}
    body = _said(decision) | {name: value for name, value in circumstances.items() if value is not None}
    kind = "decided" if decision.seen.repeat_of is None else "repeated"
    return Event(id=decision.id, kind=kind, annotator=decision.annotator, acted_at=decision.acted_at,
                 stored_at=decision.stored_at, item_id=decision.item_id, body=body)


def _said(decision: Decision) -> dict[str, Any]:
    """A person's answer in a decision, as plain JSON, without fields that they left out."""
    body: dict[str, Any] = {"verdict": decision.verdict}
    for name in ("label", "label_id", "certainty", "note", "replaces", "reason"):
        if (value := getattr(decision, name)) is not None:
            body[name] = value
    for name in ("wrong", "missing"):
        if (region := getattr(decision, name)) is not None:
            body[name] = region.to_dict()
    if decision.flags:
        body["flags"] = list(decision.flags)
    if decision.values:
        body["values"] = dict(decision.values)
    if decision.touched is not None:
        body["touched"] = list(decision.touched)
    if decision.objects is not None and decision.size is not None:
        body["objects"] = [one.to_dict() for one in decision.objects]
        body["size"] = list(decision.size)
    if decision.reasons:
        body["reasons"] = [one.to_dict() for one in decision.reasons]
    return body


def first_answer(standing: Event | None) -> Mapping[str, Any] | None:
    """The answer that a person gave before they were shown the suggestion; None if there is none.

    Parameters
    ----------
    standing : Event or None
        The person's current decision on the item, which is about to be replaced.

    Returns
    -------
    mapping or None
        label_id, label, verdict, certainty, taxonomy, decision_id, arm_probability, acted_at (ISO form), and values if
        there are any. A decision that replaces another one stores it again, so it isn't lost.
    """
    if standing is None or "first" in standing.body:
        return None if standing is None else standing.body["first"]
    body, seen = standing.body, standing.body.get("seen", {})
    if seen.get("arm") != "answer_first" or not seen.get("hidden") or body["verdict"] == "skip":
        return None
    return {"label_id": body.get("label_id"), "label": body.get("label"), "verdict": body["verdict"],
            "certainty": body.get("certainty"), "taxonomy": seen.get("taxonomy"), "decision_id": standing.id,
            "arm_probability": seen.get("arm_probability"),
            "acted_at": standing.acted_at.isoformat(), **({"values": body["values"]} if body.get("values") else {})}


def is_planted(body: Mapping[str, Any]) -> bool:
    """Whether a decision, by its body, answers a suggestion that was wrong on purpose, or revises such an answer."""
    return bool(body.get("seen", {}).get("planted")) or "planted" in body


def planted_before(standing: Event | None) -> str | None:
    """The label_id of the planted suggestion (wrong on purpose) that a person was shown for an item; None without one.

    It is stored again in each decision that replaces another one, since a person who was shown a planted suggestion
    can't give a vote on the item any more.

    Parameters
    ----------
    standing : Event or None
        The person's current decision on the item.
    """
    if standing is None or not is_planted(standing.body):
        return None
    planted = standing.body.get("planted") or standing.body["seen"].get("suggestion")
    return planted if isinstance(planted, str) else None


def decision_of(event: Event) -> Decision:
    """Read the decision from an event of kind "decided" or "repeated"."""
    body = event.body
    touched = body.get("touched")
    feedback: dict[str, Any] = {"reason": body.get("reason"), **{
        name: Region.from_dict(body[name]) for name in ("wrong", "missing") if name in body}}
    if reasons := reasons_of(body):
        feedback = {"reasons": reasons} | (feedback if "reasons" in body else {})
    return Decision(id=event.id, item_id=event.item_id or "", annotator=event.annotator, verdict=body["verdict"],
                    label=body.get("label"), label_id=body.get("label_id"), certainty=body.get("certainty"),
                    note=body.get("note"), flags=tuple(body.get("flags", ())), replaces=body.get("replaces"),
                    seen=Seen.from_log(body.get("seen", {})), acted_at=event.acted_at, stored_at=event.stored_at,
                    values=values if are_values(values := body.get("values", {})) else {},
                    touched=None if touched is None else tuple(touched), **objects_of(body),
                    **feedback)


def reasons_of(body: Mapping[str, Any]) -> tuple[ObjectReason, ...]:
    """The valid feedback in a decision's body on the explanations of single objects.

    Earlier versions stored one reason for each decision. It was about the object whose map was on the screen, and is
    read as the reason of that object.
    """
    seen = body.get("seen", {})
    if "reasons" in body:
        given = body["reasons"] if isinstance(body["reasons"], list) else []
    elif body.get("reason") and str(target := seen.get("target")).startswith(OBJECT_TARGET):
        given = [{"id": one["id"], "at": former["at"], "label_id": former["label_id"],
                  **{name: body[name] for name in ("reason", "wrong", "missing") if name in body},
                  **{name: seen[name] for name in ("method", "display") if name in seen}}
                 for one in objects_on_screen(seen.get("objects")) if OBJECT_TARGET + str(one["id"]) == target
                 for former in [one.get("was") or one]][:1]
    else:
        return ()
    read: dict[str, ObjectReason] = {}
    for one in given[:MOST_WITH_DELETED]:
        with suppress(BadInput, TypeError):
            reason = ObjectReason.from_dict(one)
            read.setdefault(reason.id, reason)
    return tuple(read.values())


def objects_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The objects in a decision's body and the size of its image. Invalid objects, as in a forged log, are left out.

    Returns a mapping with objects (tuple of `ObjectAnswer`) and size (width and height), or an empty mapping.
    """
    objects, size = body.get("objects"), size_of(body)
    return {"objects": objects_in(objects), "size": size} if isinstance(objects, list) and size is not None else {}


def size_of(body: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height of the image of a decision on objects, by its body; None where they aren't known."""
    size = body.get("size")
    if isinstance(size, list) and len(size) == 2 and all(type(side) is int and 0 < side < 2**31 for side in size):
        return size[0], size[1]
    return None


def objects_in(objects: Iterable[Any]) -> tuple[ObjectAnswer, ...]:
    """Read the objects of a decision, each id once; invalid ones are left out."""
    read: dict[str, ObjectAnswer] = {}
    for one in objects:
        try:
            answer = ObjectAnswer.from_dict(one)
        except (BadInput, TypeError):
            continue
        read.setdefault(answer.id, answer)
    return tuple(read.values())[:MOST_WITH_DELETED]


def undo_id(decision_id: str) -> str:
    """Make the id of a decision's undo, the same for everybody, so that an undo is stored only once."""
    return f"undo-{blake2b(decision_id.encode(), digest_size=16).hexdigest()}"


def after_id(former: Event | None) -> str:
    """Make the part of an event's id that identifies the event before it.

    Two events that follow the same event get the same id, so only one of them is stored. Event numbers can't be used
    for this, since they change when logs are joined.
    """
    return "0" if former is None else blake2b(former.id.encode(), digest_size=8).hexdigest()


def retracted(decision: Decision, *, id: str, acted_at: datetime, annotator: str | None = None) -> Event:
    """Make the event that takes a decision back."""
    return Event(id=id, kind="retracted", annotator=annotator or decision.annotator, acted_at=acted_at,
                 item_id=decision.item_id, body={"decision_id": decision.id})


def stored(event: Event, *, stored_at: datetime, seq: int, nth: int, aside: bool = False) -> Event:
    """Complete an event with its numbers, the time at which it was stored, and whether it was set aside."""
    return replace(event, stored_at=stored_at, seq=seq, nth=nth, aside=aside)


def standing(events: Iterable[Event], *, skips: bool = True) -> Event | None:
    """The standing decision: the one that is valid, among all decisions of one annotator on one item.

    A decision isn't valid if it was retracted, or if a decision that wasn't retracted replaces it, directly or through
    other decisions. If several decisions are left, as after two kernels were offline, the one with the latest
    `acted_at` stands. The order in which the events arrived doesn't matter.

    Parameters
    ----------
    events : iterable of Event
        The "decided" events of one (item, annotator), and the "retracted" events of the item.
    skips : bool
        Whether a skip counts as a decision. If not, skips are ignored, and the answer before a skip may stand.

    Returns
    -------
    Event or None
        Of kind "decided"; None when nothing stands.
    """
    events = list(events)
    retracted = {event.body["decision_id"] for event in events if event.kind == "retracted"}
    live = [event for event in events if event.kind == "decided" and event.id not in retracted
            and (skips or event.body["verdict"] != "skip")]
    replaces = {event.id: event.body["replaces"] for event in events
                if event.kind == "decided" and event.body.get("replaces", event.id) != event.id}
    replaced = set[str]()
    for event in live:
        earlier = replaces.get(event.id)
        while earlier is not None and earlier not in replaced:  # a forged log may have a cycle
            replaced.add(earlier)
            earlier = replaces.get(earlier)
    return max((event for event in live if event.id not in replaced),
               key=lambda event: (event.acted_at, event.id), default=None)
