"""Derived data of a log: which acts count, and the current annotations.

`derive` recomputes both from the events, on any database, after the events were reordered. An act doesn't count (its
column `aside` is 1) if the role of its person didn't allow it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from .checks import annotations_of, aside_by_roles
from .roles import Roles
from .schema import ANNOTATION, EVENT, add, batches, event_of

_CHUNK = 2_000


def derive(conn: sa.Connection) -> None:
    """Recompute the derived data from the events, in the transaction of this connection."""
    _mark_aside(conn)
    names = ANNOTATION.c.keys()
    conn.execute(sa.delete(ANNOTATION))
    decisions = sa.select(EVENT).where(EVENT.c.kind.in_(("decided", "retracted")), EVENT.c.aside == 0).order_by(
        EVENT.c.item_id, EVENT.c.seq)
    rows = annotations_of(_read(conn, decisions), names[3:])
    while chunk := [dict(zip(names, row, strict=True)) for row in islice(rows, _CHUNK)]:
        add(conn, ANNOTATION, chunk)


def _mark_aside(conn: sa.Connection) -> None:
    """Set the column `aside` of each event: 1 if the roles given before it didn't allow the event, else 0."""
    if conn.scalar(sa.select(sa.func.count()).where(EVENT.c.kind.in_(Roles.OF_OWNERS))) == 0:
        conn.execute(sa.update(EVENT).where(EVENT.c.aside != 0).values(aside=0))
        return

    def rows(kinds: Collection[str] | None) -> Iterator[Sequence[Any]]:
        events = sa.select(EVENT).order_by(EVENT.c.seq)
        return _read(conn, events if kinds is None else events.where(EVENT.c.kind.in_(kinds)))

    if marked := list(aside_by_roles(rows, _authors(conn))):
        conn.execute(sa.update(EVENT).where(EVENT.c.seq == sa.bindparam("of")).values(aside=sa.bindparam("is_aside")),
                     [{"of": seq, "is_aside": aside} for seq, aside in marked])


def _authors(conn: sa.Connection) -> dict[str, str]:
    """The authors of retracted decisions: decision id -> annotator."""
    ids = [event_of(row).body["decision_id"] for row in
           _read(conn, sa.select(EVENT).where(EVENT.c.kind == "retracted"))]
    return {id: annotator for batch in batches(ids) for id, annotator in
            conn.execute(sa.select(EVENT.c.id, EVENT.c.annotator).where(EVENT.c.id.in_(batch)))}


def _read(conn: sa.Connection, statement: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """The rows of a statement, without loading all of them into memory."""
    for rows in conn.execute(statement, execution_options={"stream_results": True}).partitions(_CHUNK):
        yield from rows
