"""How does the log lie in a database?

`EVENT` is the log itself; `ANNOTATION` keeps what stands, in the same transactions. Read `row_of` and `event_of`
first: they turn an event into a row and back. `connect` opens SQLite so that a commit is on the disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text

from ..errors import BadInput
from ..events import Event, canonical
from ..records import new_id

SCHEMA = 1
BUSY_S = 10.0

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)

_PLAIN = frozenset({str, int, float, bool, type(None)})

TABLES = MetaData()

ABOUT = Table("about", TABLES, Column("name", String, primary_key=True), Column("value", String, nullable=False))

EVENT = Table(
    "event", TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False, index=True),
    Column("annotator", String, nullable=False),
    Column("item_id", String, index=True),
    Column("acted_at", BigInteger, nullable=False),  # every instant is in microseconds since 1970, UTC
    Column("stored_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

ANNOTATION = Table(
    "annotation", TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # of the event that brought it about
    Column("item_id", String, nullable=False),
    Column("annotator", String, nullable=False),
    # NULL where every decision was taken back: a row that vanished would be missed by a reader between two chunks.
    Column("decision_id", String),
    Column("verdict", String),
    Column("label_id", String),
    Column("label", String),
    Column("certainty", Float),
    Column("certainty_source", String),
    Column("flags", String),
    Column("note", Text),
    Column("acted_at", BigInteger),
    Column("model", String),
    Column("taxonomy", Integer),
    Column("hidden", Integer),
    Column("scripted", Integer),
    Column("chosen_by", String),
    Column("shown_ms", Float),
    Column("content", String),
    sa.UniqueConstraint("item_id", "annotator"),
)

CLAIM = Table(
    "claim", TABLES,
    Column("item_id", String, primary_key=True),
    Column("annotator", String, nullable=False),
    Column("until", BigInteger, nullable=False),
)


def microseconds(at: datetime) -> int:
    """An aware instant as whole microseconds since 1970, UTC."""
    return (at - _EPOCH) // _MICROSECOND


def row_of(event: Event) -> dict[str, Any]:
    """The row of an event that isn't stored yet: without `seq` and `stored_at`.

    Raises
    ------
    BadInput
        If the body isn't plain JSON, lacks what its kind needs, or holds text that no file can keep.
    """
    if not _well_formed(event):
        raise BadInput(f"event {event.id!r} of kind {event.kind!r} isn't formed as one: a text item_id is expected, "
                       "and in the body a 'verdict' and plain values (decided) or a 'decision_id' (retracted). It has "
                       f"item_id {event.item_id!r} and says {dict(event.body)!r}.")
    body = canonical(event.body)
    try:
        f"{event.item_id}{event.annotator}{body}".encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"event {event.id!r} on item {event.item_id!r} holds half a surrogate pair, which can't be "
                       "kept as text. Give such an item another id.") from error
    return {"id": event.id, "kind": event.kind, "annotator": event.annotator, "item_id": event.item_id,
            "acted_at": microseconds(event.acted_at), "body": body}


def _well_formed(event: Event) -> bool:
    if event.kind not in ("decided", "retracted"):
        return event.item_id is None or isinstance(event.item_id, str)
    if not isinstance(event.item_id, str) \
            or not isinstance(event.body.get("verdict" if event.kind == "decided" else "decision_id"), str):
        return False
    try:
        # It may come to stand only later, when another is taken back; that undo must not be what fails.
        return event.kind == "retracted" or all(map(_PLAIN.__contains__, map(type, annotation_of(event).values())))
    except (AttributeError, TypeError):
        return False


def event_of(row: Sequence[Any]) -> Event:
    """The event that a row of `EVENT` tells of."""
    return Event(seq=row[0], id=row[1], kind=row[2], annotator=row[3], item_id=row[4], body=json.loads(row[7]),
                 acted_at=_EPOCH + row[5] * _MICROSECOND, stored_at=_EPOCH + row[6] * _MICROSECOND)


def annotation_of(decision: Event | None) -> dict[str, Any]:
    """What `ANNOTATION` says of the decision that stands, as decided; empty columns when none does."""
    if decision is None:
        return dict.fromkeys(ANNOTATION.c.keys()[3:])
    body = decision.body
    seen = body.get("seen", {})
    return {"decision_id": decision.id, "verdict": body["verdict"], "label_id": body.get("label_id"),
            "label": body.get("label"), "certainty": body.get("certainty"), "certainty_source": seen.get("certainty"),
            "flags": " ".join(body.get("flags", ())), "note": body.get("note"),
            "acted_at": microseconds(decision.acted_at), "model": seen.get("model"), "taxonomy": seen.get("taxonomy"),
            "hidden": seen.get("hidden", False), "scripted": seen.get("scripted", False),
            "chosen_by": seen.get("chosen_by"), "shown_ms": seen.get("shown_ms"), "content": body.get("content")}


def add(conn: sa.Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name every column of the table."""
    # By the driver's own hand: for a large import, Core's care for each value costs as much again as the insert.
    names = table.c.keys()
    conn.exec_driver_sql(_insertion(table, conn.dialect),
                         [tuple(row[name] for name in names) for row in rows] if conn.dialect.positional else rows)


@lru_cache
def _insertion(table: Table, dialect: sa.Dialect) -> str:
    return str(sa.insert(table).compile(dialect=dialect))


def about_of(conn: sa.Connection) -> dict[str, str]:
    """The project's `id` and the log's `schema`; empty where no log was made yet."""
    if not sa.inspect(conn).has_table(ABOUT.name):
        return {}
    return {row.name: row.value for row in conn.execute(sa.select(ABOUT))}


def make(conn: sa.Connection) -> tuple[dict[str, str], bool]:
    """Make the tables, unless another process was quicker: what `about_of` then says, and whether they were made."""
    if about := about_of(conn):
        return about, False
    TABLES.create_all(conn)
    about = {"id": new_id(), "schema": str(SCHEMA)}
    add(conn, ABOUT, [{"name": name, "value": value} for name, value in about.items()])
    return about, True


def connect(log: Path) -> sa.Engine:
    """An engine on a SQLite file. A statement waits up to `BUSY_S` for another process."""
    url = sa.URL.create("sqlite", database=str(log.absolute()))
    return sa.create_engine(url, connect_args={"timeout": BUSY_S, "factory": _Connection},
                            max_overflow=-1)  # a thread never waits for another thread's connection


def make_durable(engine: sa.Engine) -> sa.Engine:
    """Have every commit reach the disk; returns a view of the engine whose transactions wait their turn to write."""
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _on_connect)
        sa.event.listen(engine, "begin", _on_begin)
    return engine.execution_options(hitl_writes=True)


class _Connection(sqlite3.Connection):
    """A connection that lets go of the file whenever it is rolled back or closed.

    After an interrupt the traceback, which IPython keeps, holds on to the cursor that was at work. From Python 3.11 on
    such a cursor outlives its connection, and SQLite's lock with it: nobody could write until the next traceback.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: list[sqlite3.Cursor] = []

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        self._cursors.append(super().cursor(*args, **kwargs))
        return self._cursors[-1]

    def rollback(self) -> None:
        while self._cursors:
            self._cursors.pop().close()
        super().rollback()

    def close(self) -> None:
        self.rollback()
        super().close()


def _on_connect(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: _on_begin does
    for pragma in ("journal_mode = PERSIST", "synchronous = FULL", "fullfsync = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(conn: sa.Connection) -> None:
    # A deferred BEGIN lets two writers read first and then collide; this one waits before it reads.
    if conn.get_execution_options().get("hitl_writes"):
        conn.exec_driver_sql("BEGIN IMMEDIATE")
