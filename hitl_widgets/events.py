"""What does the log remember, and how is it written down?

An `Event` is one line of the append-only log. Read `decided` and `decision_of` first: they turn a decision into
an event and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .errors import BadInput
from .records import Decision, Region, Seen, check_annotator, check_event_id

KINDS = ("created", "decided", "retracted", "taxonomy", "adopted", "trained", "gold", "presumed", "sorted")


@dataclass(frozen=True, slots=True)
class Event:
    """One act, as the log keeps it.

    `id` is made by whoever acts, so that sending twice is storing once. `acted_at` is when it was done and
    `stored_at` when the log had it (None before). `body` is plain JSON.
    """

    id: str
    kind: str
    annotator: str
    acted_at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    item_id: str | None = None
    stored_at: datetime | None = None
    seq: int | None = None

    def __post_init__(self) -> None:
        check_event_id(self.id)
        check_annotator(self.annotator)
        if self.kind not in KINDS:
            raise BadInput(f"event kind {self.kind!r} is unknown; one of {', '.join(KINDS)} is expected.")
        if self.acted_at.tzinfo is None:
            raise BadInput(f"acted_at {self.acted_at} has no time zone; an UTC-aware datetime is expected.")

    def same_act(self, other: Event) -> bool:
        """True when both say the same thing: kind, annotator, item and body, but for what the project worked out
        itself when it stored the act (`DERIVED`)."""
        return (self.kind, self.annotator, self.item_id) == (other.kind, other.annotator, other.item_id) \
            and _given(self.body) == _given(other.body)


# Worked out anew at every send: what a decision replaces, and what a script would have seen.
DERIVED = ("replaces", "content")


def _given(body: Mapping[str, Any]) -> str:
    given = {k: v for k, v in body.items() if k not in DERIVED}
    if given.get("seen", {}).get("scripted"):
        del given["seen"]
    return canonical(given)


def canonical(body: Mapping[str, Any]) -> str:
    """The body as JSON text: sorted keys, no spaces, no NaN, so that equal bodies are equal texts."""
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"an event's body must be plain JSON: {error}") from error


def decided(decision: Decision, *, content: str | None = None) -> Event:
    """The event of a decision. `content` is the hash of what the item looked like when it was decided."""
    body: dict[str, Any] = {"verdict": decision.verdict}
    for name in ("label", "label_id", "certainty", "note", "replaces", "reason"):
        if (value := getattr(decision, name)) is not None:
            body[name] = value
    for name in ("wrong", "missing"):
        if (region := getattr(decision, name)) is not None:
            body[name] = region.to_dict()
    if decision.flags:
        body["flags"] = list(decision.flags)
    if seen := decision.seen.to_dict():
        body["seen"] = seen
    if content is not None:
        body["content"] = content
    return Event(id=decision.id, kind="decided", annotator=decision.annotator, acted_at=decision.acted_at,
                 stored_at=decision.stored_at, item_id=decision.item_id, body=body)


def decision_of(event: Event) -> Decision:
    """The decision that an event of kind "decided" tells of."""
    body = event.body
    return Decision(id=event.id, item_id=event.item_id or "", annotator=event.annotator, verdict=body["verdict"],
                    label=body.get("label"), label_id=body.get("label_id"), certainty=body.get("certainty"),
                    note=body.get("note"), flags=tuple(body.get("flags", ())), replaces=body.get("replaces"),
                    seen=Seen.from_dict(body.get("seen", {})), acted_at=event.acted_at, stored_at=event.stored_at,
                    reason=body.get("reason"), **{name: Region.from_dict(body[name]) for name in ("wrong", "missing")
                                                  if name in body})


def retracted(decision: Decision, *, id: str, acted_at: datetime, annotator: str | None = None) -> Event:
    """The event that takes a decision back."""
    return Event(id=id, kind="retracted", annotator=annotator or decision.annotator, acted_at=acted_at,
                 item_id=decision.item_id, body={"decision_id": decision.id})


def stored(event: Event, *, stored_at: datetime, seq: int) -> Event:
    """The same event, as it came to lie in the log."""
    return replace(event, stored_at=stored_at, seq=seq)
