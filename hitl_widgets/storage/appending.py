"""Storing events in a log: in order, each once, checked against roles and redactions. Read `Appender.store`.

A redaction is the permanent removal of a note or a name (see `redaction`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, select

from ..errors import AlreadyDecided, IdReused, StoreError
from ..events import Event, canonical, standing, stored
from .checks import checksum
from .migrations import SCHEMA
from .moved import MOVE, refusal
from .redaction import KIND as REDACTED
from .redaction import Redactions
from .roles import Roles
from .schema import (
    ABOUT,
    ANNOTATION,
    EVENT,
    add,
    annotation_of,
    batches,
    instant,
    microseconds,
    row_of,
    rows_of,
)

# Key in the table "about": how often the events were reordered.
GENERATION = "generation"

_SINCE: sa.BindParameter[int] = bindparam("since")
_ITEMS: sa.BindParameter[str] = bindparam("items", expanding=True)


def about_value(name: str) -> sa.ScalarSelect[str]:
    """A value of a log's table "about", as part of a statement."""
    return select(ABOUT.c.value).where(ABOUT.c.name == name).scalar_subquery()


_LAST_TICK = select(EVENT.c.tick).order_by(EVENT.c.seq.desc()).limit(1).scalar_subquery()
_RULING = EVENT.c.kind.in_((*Roles.KINDS, REDACTED))
_LAST_RULE = select(func.max(EVENT.c.seq)).where(_RULING).scalar_subquery()
_TO_APPEND = select(func.max(EVENT.c.seq), _LAST_TICK, _LAST_RULE,
                    *map(about_value, ("schema", "id", MOVE, GENERATION)))
_LAST_OF = select(EVENT.c.body).where(EVENT.c.annotator == bindparam("annotator")).order_by(EVENT.c.seq.desc()).limit(1)
_COUNT_OF = select(func.count()).where(EVENT.c.annotator == bindparam("annotator"))
_KNOWN = select(EVENT).where(EVENT.c.id.in_(bindparam("ids", expanding=True)) | EVENT.c.item_id.in_(_ITEMS))
_RULES = select(EVENT).where(_RULING, EVENT.c.seq > _SINCE).order_by(EVENT.c.seq)
_FORGET = delete(ANNOTATION).where(ANNOTATION.c.item_id == bindparam("of_item"),
                                   ANNOTATION.c.annotator == bindparam("by"))


class Rewritten(Exception):
    """Raised if the log's events were reordered after the act that is to be stored was made."""


class Act:
    """The events that one call of `append` has to store, and afterwards the stored events."""

    __slots__ = ("events", "generation", "keep_aside", "known", "rows", "since", "stored")

    def __init__(self, events: Sequence[Event], known: Collection[str] | None = None, since: int | None = None,
                 generation: int | None = None, *, keep_aside: bool = False) -> None:
        self.events, self.known, self.since, self.generation = events, known, since, generation
        self.keep_aside = keep_aside
        self.rows = [row_of(event) for event in events]
        self.stored: list[Event] | None = None


# Events that are stored together, each with its row and its act.
_Part: TypeAlias = Sequence[tuple[Event, dict[str, Any], Act]]


class Appender:
    """Stores events in the transactions of a `Log`, which calls it with one writer at a time.

    Parameters
    ----------
    database : sqlite.Database or postgres.Database
    read_event : callable
        Row -> event; LogDamaged if the row isn't as it was stored.
    read_redactions : callable
        Connection -> redactions of the log; LogDamaged if they can't be read.
    name : str
        The project's name in messages.
    id : str
        The project's own id.
    now : callable
        Returns the time.
    clock : sqlalchemy expression
        The time on the server; NULL elsewhere.
    generation : int
        How often the events were reordered: see `Log.rewrite`.

    Attributes
    ----------
    generation : int
        The generation, as far as this object knows.
    redactions : Redactions
        The redactions, as far as this object knows.
    """

    def __init__(self, database: Any, read_event: Callable[[Sequence[Any]], Event],
                 read_redactions: Callable[[sa.Connection], Redactions], *, name: str, id: str,
                 now: Callable[[], datetime], clock: Any, generation: int) -> None:
        self._database, self._read_event, self._read_redactions = database, read_event, read_redactions
        self.name, self.id, self._now = name, id, now
        self._statement = _TO_APPEND.add_columns(clock)
        self.generation = generation
        self._roles, self._roles_known, self._roles_of = Roles(), 0, 0  # up to an event, of a generation
        self.redactions, self._redactions_of = Redactions(), -1  # of a generation

    # 18 branches: each event is new, sent again or refused; one loop, since its number depends on those before it.
    def store(self, conn: sa.Connection, acts: Sequence[Act]) -> dict[str, Event]:
        """Store the events of some acts, and return the stored events by their ids."""
        nth = dict[str, int]()
        parts = self._parts(acts)
        # One query for all that most acts need: on a server each query is a round trip.
        start, *answers = self._database.rows(conn, (self._statement, {}), *_about_part(parts[0], nth))
        last_seq, tick, at, redacted = self._start_appending(conn, acts, start[0])
        if redacted:
            parts, answers = self._parts(acts), []
        seq, by_id = last_seq, dict[str, Event]()
        for part in parts:
            known, *last = answers or self._database.rows(conn, *_about_part(part, nth))
            answers = []
            for annotator, rows in zip(_new_in(part, nth), last, strict=True):
                nth[annotator] = _n_of(conn, annotator, rows)
            before = {event.id: event for event in map(self._read_event, known)}
            aside = {row[1] for row in known if row[-1]}
            _check_since(part, before.values(), last_seq)
            new: dict[str, Event] = {}
            rows = []
            for event, row, act in part:
                former = before.get(event.id) or new.get(event.id)
                if former is None:
                    if act.known is not None:
                        _check_known(event, act.known, (one for one in (*before.values(), *new.values())
                                                        if one.id not in aside))
                    seq += 1
                    nth[event.annotator] = n = nth[event.annotator] + 1
                    tick = max(tick + 1, microseconds(at))
                    if not (allowed := self._allows(event, before, new, keep_aside=act.keep_aside)):
                        aside.add(event.id)
                    former = new[event.id] = stored(event, stored_at=at, seq=seq, nth=n, aside=not allowed)
                    if former.kind in Roles.KINDS:
                        self._roles.take(former)
                        self._roles_of = -1  # read again next time, since this transaction may still fail
                    full = {**row, "seq": seq, "stored_at": microseconds(at), "body": _numbered(row["body"], n)}
                    rows.append({**full, "checksum": checksum(full), "tick": tick, "aside": int(not allowed)})
                elif not former.same_act(event):
                    raise IdReused(f"event id {event.id!r} is in the log already and says: {_brief(former)}. It came "
                                   f"again with: {_brief(event)}. A new act needs a new id; leave id out to get one.")
                by_id[event.id] = former
            if rows:
                with self._database.at_once(conn):
                    add(conn, EVENT, rows)
                    _update_annotations(conn, *([event for event in events.values() if event.id not in aside]
                                                for events in (before, new)))
                    if part is parts[-1]:
                        self._database.notify(conn, seq)
        return by_id

    def _parts(self, acts: Sequence[Act]) -> list[_Part]:
        """Split the events of some acts, without redacted content, into parts of the size of one SQL statement."""
        return list(batches([(*self._without_redacted(event, row), act) for act in acts
                             for event, row in zip(act.events, act.rows, strict=True)]))

    def _allows(self, event: Event, before: Mapping[str, Event], new: Mapping[str, Event], *, keep_aside: bool) -> bool:
        """Whether the role of an event's person allows it; if not, raise NotAllowed unless `keep_aside` is True."""
        if not self._roles.in_force and event.kind not in Roles.OF_OWNERS:
            return True
        whose = None
        if event.kind == "retracted":
            decision = before.get(event.body["decision_id"]) or new.get(event.body["decision_id"])
            whose = None if decision is None else decision.annotator
        if not keep_aside:
            self._roles.check(event, author=whose)
            return True
        return self._roles.permits(event, author=whose)

    def _start_appending(self, conn: sa.Connection, acts: Sequence[Act], row: Sequence[Any]
                         ) -> tuple[int, int, datetime, bool]:
        """Return number and tick of the newest event, the time, and whether more was redacted since the last call.

        It also updates the roles and the redactions.
        """
        last_seq, tick, last_rule, schema, id, move, generation, clock = row
        self.check_same(schema, id, move)
        if int(generation or 0) != self.generation and any(act.since is not None for act in acts):
            raise AlreadyDecided("the events of this project were brought into another order while answers were made "
                                 "ready, by joining or redacting; nothing was stored. Try again.")
        self.generation = int(generation or 0)
        if any(act.generation not in (None, self.generation) for act in acts):
            raise Rewritten
        last_seq = last_seq or 0
        self._take_rules(conn, last_seq, last_rule or 0)
        if redacted := self._redactions_of != self.generation:
            self._know(self._read_redactions(conn), self.generation)
        return last_seq, tick or 0, self._now() if clock is None else instant(int(clock)), redacted

    def _take_rules(self, conn: sa.Connection, last_seq: int, last_rule: int) -> None:
        """Update the roles, and find out whether `redactions` has all redactions of the log."""
        if self._roles_of != self.generation or self._roles_known > last_seq:
            self._roles, self._roles_known, self._roles_of = Roles(), 0, self.generation
        if last_rule > self._roles_known:
            for event in map(self._read_event, rows_of(_RULES, since=self._roles_known)(conn)):
                if event.kind == REDACTED:
                    self._redactions_of = -1
                else:
                    self._roles.take(event)
        self._roles_known = last_seq

    def _without_redacted(self, event: Event, row: dict[str, Any]) -> tuple[Event, dict[str, Any]]:
        """An event without redacted content: forgotten people have numbers, and forgotten notes are missing."""
        if not self.redactions:
            return event, row
        applied = self.redactions.applied(event)
        return (event, row) if applied is event else (applied, row_of(applied))

    def look_up_redactions(self, read: Callable[[Callable[[sa.Connection], Redactions]], Redactions]) -> None:
        """Read the redactions if they aren't up to date; `read` calls a function with a connection."""
        if self._redactions_of != self.generation:
            generation = self.generation
            self._know(read(self._read_redactions), generation)

    def _know(self, redactions: Redactions, generation: int) -> None:
        for name in self.redactions.met:
            redactions.person(name)
        self.redactions, self._redactions_of = redactions, generation

    def check_same(self, schema: str | None, id: str | None, move: str | None) -> None:
        """Raise StoreError if the log isn't the one that was opened any more, or the project has moved."""
        if schema != str(SCHEMA):
            raise StoreError(f"the log of {self.name} was changed by another hitl_widgets (schema {schema}; this one "
                             f"knows {SCHEMA}) while it was open here; nothing was stored. Restart this notebook's "
                             "kernel with that version.")
        if id != self.id:
            raise StoreError(f"the log of {self.name} was replaced by the log of another project ({id}; this one is "
                             f"{self.id}) while it was open here; nothing was stored. Open the project again.")
        if (why := refusal(move, self.name)) is not None:
            raise why


def _new_in(part: _Part, nth: Mapping[str, int]) -> list[str]:
    """The annotators of some events that are missing in `nth`."""
    return [name for name in dict.fromkeys(event.annotator for event, _, _ in part) if name not in nth]


def _about_part(part: _Part, nth: Mapping[str, int]) -> list[tuple[sa.Select[Any], dict[str, Any]]]:
    """Queries before some events are stored: events with the same ids or items, and each annotator's last event."""
    item_ids = {event.item_id for event, _, _ in part if event.kind in ("decided", "retracted")}
    return [(_KNOWN, {"ids": [event.id for event, _, _ in part], "items": list(item_ids)}),
            *((_LAST_OF, {"annotator": name}) for name in _new_in(part, nth))]


def _n_of(conn: sa.Connection, annotator: str, last: Sequence[Sequence[str]]) -> int:
    """How many events of an annotator the log has: the number in the last one, if it has a number."""
    n = json.loads(last[0][0]).get("nth") if last else 0
    return n if isinstance(n, int) else conn.execute(_COUNT_OF, {"annotator": annotator}).scalar_one()


def _numbered(body: str, nth: int) -> str:
    """Add to a body, as JSON text, the event's number among those of its annotator."""
    return f'{body[:-1]}{"" if body == "{}" else ","}"nth":{nth}}}'


def _check_known(event: Event, known: Collection[str], in_log: Iterable[Event]) -> None:
    """Raise AlreadyDecided if the person's current decision on the item is no skip and not among the ids `known`."""
    former = standing(other for other in in_log if other.item_id == event.item_id
                      and (other.kind == "retracted" or other.annotator == event.annotator))
    if former is not None and former.id not in known and former.body["verdict"] != "skip":
        answer = former.body.get("label") or former.body["verdict"]
        raise AlreadyDecided(f"you decided this item in another tab or notebook meanwhile: {answer}. That stands; go "
                             "back to it to change it.")


def _check_since(part: _Part, in_log: Collection[Event], last_seq: int) -> None:
    """Raise AlreadyDecided where something was stored about an item after the event number `since` of its act.

    Events of this transaction, after number `last_seq`, and events that are sent again are ignored.
    """
    newest: dict[str | None, int] = {}
    ids = {event.id for event in in_log}
    for event in in_log:
        if event.seq is not None and event.seq <= last_seq:
            newest[event.item_id] = max(event.seq, newest.get(event.item_id, 0))
    for event, _, act in part:
        if act.since is not None and event.id not in ids and newest.get(event.item_id, 0) > act.since:
            raise AlreadyDecided(f"item {event.item_id!r} was answered while answers to it were made ready; nothing "
                                 "was stored. Try again.")


def _update_annotations(conn: sa.Connection, before: Sequence[Event], new: Sequence[Event]) -> None:
    """Bring the annotations up to date with new events; `before` holds all that the log had on their items."""
    changed = _changed_pairs(before, new)
    stale = {(event.item_id, event.annotator) for event in before if event.kind == "decided"} & changed.keys()
    if stale:
        conn.execute(_FORGET, [{"of_item": item_id, "by": annotator} for item_id, annotator in stale])
    if changed:
        by_item: defaultdict[str | None, list[Event]] = defaultdict(list)
        for event in (*before, *new):
            by_item[event.item_id].append(event)
        add(conn, ANNOTATION, [
            {"seq": seq, "item_id": item_id, "annotator": annotator, **annotation_of(standing(
                event for event in by_item[item_id] if event.kind == "retracted" or event.annotator == annotator))}
            for (item_id, annotator), seq in changed.items()])


def _changed_pairs(before: Sequence[Event], new: Sequence[Event]) -> dict[tuple[str | None, str], int | None]:
    """Find the annotations that new events may change: (item, annotator) -> number of the last such event."""
    decided = {event.id: event for event in (*before, *new) if event.kind == "decided"}
    changed: dict[tuple[str | None, str], int | None] = {}
    for event in new:
        # A retraction may be by another annotator, or be stored before its decision.
        decision = decided.get(event.body["decision_id"] if event.kind == "retracted" else event.id)
        if decision is not None and decision.item_id == event.item_id:
            changed[decision.item_id, decision.annotator] = event.seq
    return changed


def _brief(event: Event) -> str:
    body = canonical(event.body)
    return f"{event.annotator} {event.kind} {event.item_id!r} {body if len(body) <= 200 else body[:200] + ' ...'}"
