"""Checks of a whole log: its pages, the checksums of its events, and the annotations that follow from them.

Each event is stored with a checksum (`checksum`), which detects a flipped bit on a disk, or a row that somebody changed
by hand. `fault` checks a SQLite file in full; `events_fault` checks some events; `rebuild` makes indexes and
annotations anew from the events.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any

from ..events import Event, standing
from .roles import Roles
from .schema import EVENT, N_CHECKED, TABLES, annotation_of, annotation_row, event_of

# The columns that a checksum covers: all columns of the oldest logs.
_EVENTS = f"SELECT {', '.join(EVENT.c.keys()[:N_CHECKED])} FROM event"
_ORDERED_EVENTS = f"SELECT {', '.join(EVENT.c.keys()[:N_CHECKED + 1])} FROM event"
# An annotation whose event number is after the last event and whose decision is missing: not just a damaged number.
_DECIDED_LATER = "SELECT seq FROM annotation WHERE seq > ? AND decision_id IS NOT NULL " \
                 "AND decision_id NOT IN (SELECT id FROM event) LIMIT 1"
# Exceptions raised on reading an event that isn't in the form of this package.
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
# The first schema whose events have checksums.
WITH_CHECKSUMS = 3


class Outdated(Exception):
    """Raised if the events are intact, but indexes or annotations don't agree with them; `rebuild` recomputes these."""


def content_hash(annotator: str, item_id: str | None, body: str) -> str:
    """Hash of an event's content: 32 hexadecimal digits. It isn't stored anywhere: see decisions/0015-redaction.md."""
    return blake2b(f"{annotator}\0{item_id or ''}\0{body}".encode(), digest_size=16).hexdigest()


def checksum(row: Mapping[str, Any]) -> str:
    """Checksum of an event's row: 16 hexadecimal digits, over its number, id, kind, instants and `content_hash`."""
    content = content_hash(row["annotator"], row["item_id"], row["body"])
    return _checksum(row["seq"], row["id"], row["kind"], row["acted_at"], row["stored_at"], content)


def _checksum(seq: int, id: str, kind: str, acted_at: int, stored_at: int, content: str) -> str:
    return blake2b(f"{seq}\0{id}\0{kind}\0{acted_at}\0{stored_at}\0{content}".encode(), digest_size=8).hexdigest()


def is_intact(row: Sequence[Any]) -> bool:
    """Whether a row of `EVENT`, its columns in the table's order, has the right checksum."""
    seq, id, kind, annotator, item_id, acted_at, stored_at, body, expected = row[:N_CHECKED]
    try:
        return _checksum(seq, id, kind, acted_at, stored_at, content_hash(annotator, item_id, body)) == expected
    except UnicodeEncodeError:
        return False


def rows_fault(rows: Iterable[Sequence[Any]]) -> str | None:
    """The first fault in successive rows of `EVENT`, by their checksums or their order; None without one.

    No checksum covers ticks. A tick is wrong if it is less than the one before, or than the time at which the event was
    stored: then the events aren't in the order in which they were stored (decisions/0008-checksums.md).
    """
    least = 0
    for row in rows:
        if not is_intact(row):
            return f"event {row[0]} ({row[1]!r}) isn't what was stored: its checksum differs"
        for tick in row[N_CHECKED:N_CHECKED + 1]:
            if type(tick) is not int or tick < max(least, row[6]):
                return f"event {row[0]} ({row[1]!r}) has the tick {tick!r}, which isn't its place in the log's order"
            least = tick
    return None


def pages_fault(connection: sqlite3.Connection, *, indexes: bool) -> str | None:
    """The first fault in a database's pages, in SQLite's words; None if all are intact.

    It reads every page: about 0.1 s for 100,000 decisions, 0.4 s if indexes are compared with their tables.
    """
    try:
        pragma = "integrity_check" if indexes else "quick_check"
        words = str(connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "decode" not in str(error):
            raise  # no room, or locked by others: no fault in the pages
        words = str(error)
    return None if words == "ok" else " ".join(words.replace("***", "").split())


def structure_fault(connection: sqlite3.Connection) -> str | None:
    """The first difference of a database's structure from that of a log, such as a trigger; None if there is none."""
    known = {(kind, name) for table in TABLES.tables.values()
             for kind, name in [("table", table.name), *(("index", index.name) for index in table.indexes)]}
    there = {(kind, name) for kind, name in connection.execute("SELECT type, name FROM sqlite_master")
             if not name.startswith("sqlite_")}
    if strange := sorted(there - known):
        kind, name = strange[0]
        return f"it holds a {kind} {name!r}, which hitl_widgets never makes; whoever added it may have changed more"
    if missing := sorted({("table", "about"), ("table", "event"), ("table", "annotation")} - there):
        return f"its table {missing[0][1]!r} is missing"
    about = dict(connection.execute("SELECT name, value FROM about"))
    if not about.get("id") or not str(about.get("schema")).isdecimal():
        return f"its table 'about' says {about!r}; an id and the number of a schema are expected"
    return None


def events_fault(connection: sqlite3.Connection, since: int = 0, until: int | None = None) -> str | None:
    """What is wrong with the events after number `since`, up to `until`; None when nothing is.

    It takes about 0.5 s for 100,000 events. Missing events are detected anywhere, except at the end of the log, where
    they are detected if one of them was a standing decision.
    """
    try:
        n, last = connection.execute("SELECT count(*), coalesce(max(seq), 0) FROM event").fetchone()
        if n != last:
            return f"it holds {n:,} events, but the last one has number {last:,}: some are missing"
        gone = connection.execute(_DECIDED_LATER, (last,)).fetchone()
        if gone is not None:
            return f"its last event has number {last:,}, but an annotation follows from event {gone[0]:,}: some are " \
                   "missing at the end"
        until = last if until is None else until
        of_events = _ORDERED_EVENTS if _has(connection, "tick") else _EVENTS
        return rows_fault(connection.execute(f"{of_events} WHERE seq > ? AND seq <= ? ORDER BY seq", (since, until)))
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
        return f"an event holds text that is none: {error}"


def seal(connection: sqlite3.Connection) -> str:
    """Checksum of a log's metadata: its id, schema, migrations and table definitions."""
    parts = [connection.execute(query).fetchall() for query in (
        "SELECT name, value FROM about WHERE name != 'seal' ORDER BY name",
        "SELECT * FROM migration ORDER BY version",
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name")]
    return blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def seal_fault(connection: sqlite3.Connection) -> str | None:
    """The fault if a log's metadata was changed since it was made or migrated; None without one."""
    kept = connection.execute("SELECT value FROM about WHERE name = 'seal'").fetchone()
    if kept is None or kept[0] != seal(connection):
        return "its id, its schema or the definition of its tables was changed"
    return None


def fault(connection: sqlite3.Connection) -> str | None:
    """The first fault that makes a log unusable: in its pages, its structure or its events; None without one.

    Indexes and annotations, which can be rebuilt from the events, are checked by `is_derived_right` instead.
    """
    if words := pages_fault(connection, indexes=False) or structure_fault(connection):
        return words
    if schema_of(connection) < WITH_CHECKSUMS:
        return None
    return seal_fault(connection) or events_fault(connection)


def schema_of(connection: sqlite3.Connection) -> int:
    """The version of a log's schema."""
    return int(connection.execute("SELECT value FROM about WHERE name = 'schema'").fetchone()[0])


# -- what follows from the events ----------------------------------------------------------------------------

def is_derived_right(connection: sqlite3.Connection) -> bool:
    """Whether the indexes, the marks of acts set aside and the table of annotations agree with the events.

    It takes about 2.6 s for 100,000 events.
    """
    if pages_fault(connection, indexes=True) is not None or any(True for _ in _wrongly_aside(connection)):
        return False
    with _Expected(connection) as expected:
        return expected.holds()


def rebuild(connection: sqlite3.Connection) -> None:
    """Rebuild what follows from the events (see `is_derived_right`), in the transaction of this connection."""
    connection.execute("REINDEX").close()
    marks = [(aside, seq) for seq, aside in _wrongly_aside(connection)]
    connection.executemany("UPDATE event SET aside = ? WHERE seq = ?", marks).close()
    with _Expected(connection) as expected:
        expected.replace()


class _Expected:
    """A temporary table with the annotations computed from the events.

    The comparison is made in SQLite, so that values are compared in the form in which SQLite stores them.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # A log before its migration has fewer columns.
        self._names = [name for _, name, *_ in connection.execute("PRAGMA table_info(annotation)")]
        self._columns = ", ".join(self._names)

    def __enter__(self) -> _Expected:
        self._execute("DROP TABLE IF EXISTS temp.expected")
        self._execute("CREATE TEMP TABLE expected AS SELECT * FROM annotation WHERE 0")
        places = ", ".join("?" * len(self._names))
        self._connection.executemany(f"INSERT INTO temp.expected VALUES ({places})",
                                     _annotations(self._connection, self._names[3:])).close()
        return self

    def __exit__(self, *_: object) -> None:
        self._execute("DROP TABLE IF EXISTS temp.expected")

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement).close()

    def holds(self) -> bool:
        for left, right in (("annotation", "temp.expected"), ("temp.expected", "annotation")):
            # Only whether a row exists: damaged text couldn't be fetched.
            cursor = self._connection.execute(f"SELECT EXISTS (SELECT {self._columns} FROM {left} "
                                              f"EXCEPT SELECT {self._columns} FROM {right})")
            [differs] = cursor.fetchone()
            cursor.close()
            if differs:
                return False
        return True

    def replace(self) -> None:
        self._execute("DELETE FROM annotation")
        self._execute(f"INSERT INTO annotation ({self._columns}) SELECT {self._columns} FROM temp.expected")


def _annotations(connection: sqlite3.Connection, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Compute the rows of the table `ANNOTATION` from all events.

    Parameters
    ----------
    connection : sqlite3.Connection
    names : sequence of str
        The columns after the first three, in order.
    """
    # NOT INDEXED, since the index may be damaged.
    kept = "AND aside = 0 " if _has(connection, "aside") else ""
    rows = connection.execute(f"{_EVENTS} NOT INDEXED WHERE kind IN ('decided', 'retracted') {kept}"
                              "ORDER BY item_id, seq")
    return annotations_of(rows, names)


def _wrongly_aside(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Find events of a SQLite file whose column `aside` contradicts the roles; see `aside_by_roles`."""
    if not _has(connection, "aside"):
        return
    names = ", ".join(EVENT.c.keys())

    def rows(kinds: Collection[str] | None) -> Iterator[Sequence[Any]]:
        of_kinds = "" if kinds is None else f"WHERE kind IN ({', '.join('?' * len(kinds))}) "
        return connection.execute(f"SELECT {names} FROM event NOT INDEXED {of_kinds}ORDER BY seq", tuple(kinds or ()))

    if not any(True for _ in rows(Roles.OF_OWNERS)):
        marked = "SELECT seq FROM event NOT INDEXED WHERE aside IS NOT 0"
        yield from [(seq, 0) for [seq] in connection.execute(marked)]
        return
    ids = {event_of(row).body["decision_id"] for row in rows(("retracted",))}
    authors = {id: annotator for id, annotator in connection.execute("SELECT id, annotator FROM event NOT INDEXED")
               if id in ids}
    yield from aside_by_roles(rows, authors)


def aside_by_roles(rows: Callable[[Collection[str] | None], Iterable[Sequence[Any]]], authors: Mapping[str, str]
                   ) -> Iterator[tuple[int, int]]:
    """Find events whose column `aside` contradicts the roles that were valid before them.

    Yields the number of each such event, and the right value of `aside` (0 or 1).

    Parameters
    ----------
    rows : callable
        Kinds of events, or None for all -> rows of `EVENT` in their order.
    authors : mapping
        Decision id -> annotator, for each retracted decision.
    """
    roles, taken_in = Roles(), set[str]()
    for event in map(event_of, rows((*Roles.KINDS, *Roles.OF_OWNERS))):
        if event.kind == "taken_in" and roles.permits(event) and isinstance(named := event.body.get("events"), list):
            taken_in.update(id for id in named if isinstance(id, str))
        elif event.kind in Roles.KINDS:
            roles.take(event)
    roles = Roles(taken_in)
    for row in rows(None):
        event = event_of(row)
        author = authors.get(event.body["decision_id"]) if event.kind == "retracted" else None
        aside = int(not roles.permits(event, author=author))
        if event.kind in Roles.KINDS:
            roles.take(event)
        if aside != row[-1]:
            yield row[0], aside


def _has(connection: sqlite3.Connection, column: str) -> bool:
    return any(name == column for _, name, *_ in connection.execute("PRAGMA table_info(event)"))


def annotations_of(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Compute the rows of the table `ANNOTATION` from decisions and retractions.

    Parameters
    ----------
    rows : iterable of sequences
        Rows of `EVENT`, ordered by item and then by number.
    names : sequence of str
        The columns after the first three.
    """
    for item_id, group in groupby(rows, key=itemgetter(4)):
        of_item = list(group)
        if len(of_item) == 1 and of_item[0][2] == "decided":  # the most frequent case
            seq, id, _, annotator, _, acted_at, _, body = of_item[0][:8]
            values = annotation_row(id, json.loads(body), acted_at=acted_at)
            yield (seq, item_id, annotator, *(values[name] for name in names))
            continue
        events = list(map(event_of, of_item))
        for annotator, seq in changed_last(events).items():
            mine = [event for event in events if event.kind == "retracted" or event.annotator == annotator]
            values = annotation_of(standing(mine))
            yield (seq, item_id, annotator, *(values[name] for name in names))


def changed_last(events: Iterable[Event]) -> dict[str, int]:
    """Find the last event on an item that could change each person's annotation: annotator -> number of the event."""
    events = list(events)
    by = {event.id: event.annotator for event in events if event.kind == "decided"}
    changed: dict[str, int] = {}
    for event in events:
        annotator = by.get(event.body["decision_id"] if event.kind == "retracted" else event.id)
        if annotator is not None:
            changed[annotator] = event.seq or 0
    return changed

