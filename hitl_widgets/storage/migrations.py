"""Schema versions: an ordered list of migrations, each committed together with its own record.

`make` creates a log at today's version; `migrate` applies the next step of `MIGRATIONS` to an older one. A migration is
a small function on a connection. It defines the tables that it changes itself, since `schema` has only today's tables.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..errors import StoreError
from ..records import __version__, new_id
from .checks import WITH_CHECKSUMS, checksum, seal
from .schema import ABOUT, MIGRATION, TABLES, about_of, add, microseconds


class Migration(NamedTuple):
    """One step from the version before to `version`."""

    version: int
    name: str
    apply: Callable[[sa.Connection], None]


def record_migrations(conn: sa.Connection) -> None:
    """Add the table of migrations. Its columns never change: every later version of the package reads it."""
    MIGRATION.create(conn)


def add_checksums(conn: sa.Connection) -> None:
    """Give every event a checksum. The table is recreated, so that its definition is the same as in a new log."""
    tables = sa.MetaData()
    event = sa.Table(
        "event", tables, sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False, index=True), sa.Column("annotator", sa.String, nullable=False),
        sa.Column("item_id", sa.String, index=True), sa.Column("acted_at", sa.BigInteger, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False), sa.Column("body", sa.Text, nullable=False),
        sa.Column("checksum", sa.String, nullable=False))
    conn.exec_driver_sql("ALTER TABLE event RENAME TO event_without_checksums")
    for index in event.indexes:
        conn.exec_driver_sql(f"DROP INDEX {index.name}")
    event.create(conn)
    names = event.c.keys()[:-1]
    of_chunk = f"SELECT {', '.join(names)} FROM event_without_checksums WHERE seq > ? ORDER BY seq LIMIT 2000"
    since = 0
    while rows := conn.exec_driver_sql(of_chunk, (since,)).fetchall():
        since = rows[-1][0]
        with_names = [dict(zip(names, row, strict=True)) for row in rows]
        add(conn, event, [{**row, "checksum": checksum(row)} for row in with_names])
    conn.exec_driver_sql("DROP TABLE event_without_checksums")


def add_exposure(conn: sa.Connection) -> None:
    """Add the suggestion to every annotation; arms, planted suggestions and first answers came with this version."""
    tables = sa.MetaData()
    names = ("seq", "item_id", "annotator", "decision_id", "verdict", "label_id", "label", "certainty",
             "certainty_source", "flags", "note", "acted_at", "model", "taxonomy", "hidden", "scripted", "chosen_by",
             "shown_ms", "content")
    kinds: dict[str, type[sa.types.TypeEngine[Any]]] = {
        "seq": sa.Integer, "certainty": sa.Float, "note": sa.Text, "acted_at": sa.BigInteger, "taxonomy": sa.Integer,
        "hidden": sa.Integer, "scripted": sa.Integer, "shown_ms": sa.Float, "arm_probability": sa.Float,
        "planted": sa.Integer, "first_taxonomy": sa.Integer}
    new = ("suggestion", "arm", "arm_probability", "planted", "first_label_id", "first_taxonomy")
    annotation = sa.Table("annotation", tables, *(
        sa.Column(name, kinds.get(name, sa.String), primary_key=name == "seq", nullable=name not in names[:3],
                  autoincrement=False if name == "seq" else "auto") for name in (*names, *new)),
        sa.UniqueConstraint("item_id", "annotator"))
    conn.exec_driver_sql("ALTER TABLE annotation RENAME TO annotation_without_exposure")
    annotation.create(conn)
    of_chunk = (f"SELECT {', '.join(f'a.{name}' for name in names)}, event.body FROM annotation_without_exposure AS a "
                "LEFT JOIN event ON event.id = a.decision_id WHERE a.seq > ? ORDER BY a.seq LIMIT 2000")

    def text(value: Any) -> str | None:  # older versions didn't check suggestions
        return value if isinstance(value, str) else None

    since = 0
    while rows := conn.exec_driver_sql(of_chunk, (since,)).fetchall():
        since = rows[-1][0]
        seen = [{} if row[-1] is None else json.loads(row[-1]).get("seen", {}) for row in rows]
        add(conn, annotation, [{
            **dict(zip(names, row[:-1], strict=True)), **dict.fromkeys(new), "suggestion": text(saw.get("suggestion")),
            "planted": None if row[-1] is None else 0} for row, saw in zip(rows, seen, strict=True)])
    conn.exec_driver_sql("DROP TABLE annotation_without_exposure")
    conn.exec_driver_sql("CREATE INDEX ix_event_annotator ON event (annotator)")


# The columns of the annotations at version 4, with the types of those that aren't text of a limited length.
_ANNOTATED = ("seq", "item_id", "annotator", "decision_id", "verdict", "label_id", "label", "certainty",
              "certainty_source", "flags", "note", "acted_at", "model", "taxonomy", "hidden", "scripted", "chosen_by",
              "shown_ms", "content", "suggestion", "arm", "arm_probability", "planted", "first_label_id",
              "first_taxonomy")
_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "seq": sa.Integer, "certainty": sa.Float, "note": sa.Text, "acted_at": sa.BigInteger, "taxonomy": sa.Integer,
    "hidden": sa.Integer, "scripted": sa.Integer, "shown_ms": sa.Float, "arm_probability": sa.Float,
    "planted": sa.Integer, "first_taxonomy": sa.Integer}
_OF_VALUES = {"given_values": sa.Text, "suggested_values": sa.Text, "first_values": sa.Text, "touched": sa.Text}


def add_values(conn: sa.Connection) -> None:
    """Add attribute values and touched ids to every annotation, empty for logs of older versions."""
    _widen(conn, _ANNOTATED, _TYPES, _OF_VALUES, before="annotation_without_values")


def add_objects(conn: sa.Connection) -> None:
    """Add objects to every annotation, empty for logs of older versions."""
    _widen(conn, (*_ANNOTATED, *_OF_VALUES), {**_TYPES, **_OF_VALUES},
           {"objects": sa.Text, "size": sa.String, "seen_objects": sa.Text}, before="annotation_without_objects")


def add_order(conn: sa.Connection) -> None:
    """Add to every event a tick, for an order that all copies of a log share, and `aside`, which is 0."""
    event = sa.Table(
        "event", sa.MetaData(), sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String, nullable=False, unique=True),
        sa.Column("kind", sa.String, nullable=False, index=True),
        sa.Column("annotator", sa.String, nullable=False, index=True),
        sa.Column("item_id", sa.String, index=True), sa.Column("acted_at", sa.BigInteger, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False), sa.Column("body", sa.Text, nullable=False),
        sa.Column("checksum", sa.String, nullable=False), sa.Column("tick", sa.BigInteger, nullable=False),
        sa.Column("aside", sa.Integer, nullable=False))
    conn.exec_driver_sql("ALTER TABLE event RENAME TO event_without_order")
    for index in event.indexes:
        conn.exec_driver_sql(f"DROP INDEX {index.name}")
    event.create(conn)
    # At least stored_at, and at least one more than the tick of the event before.
    names = ", ".join(event.c.keys()[:-2])
    conn.exec_driver_sql(f"INSERT INTO event ({names}, tick, aside) SELECT {names}, "
                         "seq + max(stored_at - seq) OVER (ORDER BY seq), 0 FROM event_without_order ORDER BY seq")
    conn.exec_driver_sql("DROP TABLE event_without_order")


def _widen(conn: sa.Connection, names: Sequence[str], types: Mapping[str, type[sa.types.TypeEngine[Any]]],
           new: Mapping[str, type[sa.types.TypeEngine[Any]]], *, before: str) -> None:
    """Recreate the table of annotations with more columns, so that its definition is the same as in a new log.

    Parameters
    ----------
    conn : sqlalchemy.Connection
    names, types
        The present columns, and the types of those that aren't `sa.String`.
    new : mapping
        The new columns, which hold NULL, and their types.
    before : str
        Temporary name of the old table.
    """
    kinds = {**types, **new}
    annotation = sa.Table("annotation", sa.MetaData(), *(
        sa.Column(name, kinds.get(name, sa.String), primary_key=name == "seq", nullable=name not in names[:3],
                  autoincrement=False if name == "seq" else "auto") for name in (*names, *new)),
        sa.UniqueConstraint("item_id", "annotator"))
    conn.exec_driver_sql(f"ALTER TABLE annotation RENAME TO {before}")
    annotation.create(conn)
    conn.exec_driver_sql(f"INSERT INTO annotation ({', '.join(names)}) SELECT {', '.join(names)} FROM {before} "
                         "ORDER BY seq")
    conn.exec_driver_sql(f"DROP TABLE {before}")


# Version 1 is the schema of the first logs, which have no table of migrations.
MIGRATIONS = (Migration(2, "record_migrations", record_migrations),
              Migration(WITH_CHECKSUMS, "add_checksums", add_checksums),
              Migration(4, "add_exposure", add_exposure),
              Migration(5, "add_values", add_values),
              Migration(6, "add_objects", add_objects),
              Migration(7, "add_order", add_order))
SCHEMA = MIGRATIONS[-1].version


def make(conn: sa.Connection, *, at: datetime, about: Mapping[str, str] | None = None) -> bool:
    """Create the tables of a new log; False if another process did so first.

    Parameters
    ----------
    conn : sqlalchemy.Connection
    at : datetime
        The time, for the record.
    about : mapping of str to str, optional
        Rows of the table `about`, such as the ``id`` of a project that moves here; a fresh id without one.
    """
    if about_of(conn):
        return False
    TABLES.create_all(conn)
    rows = {"id": new_id(), "schema": str(SCHEMA), **(about or {})}
    add(conn, ABOUT, [{"name": name, "value": value} for name, value in rows.items()])
    _record(conn, SCHEMA, "make", at=at)
    reseal(conn)
    return True


def is_current(conn: sa.Connection) -> bool:
    """Whether a log has today's schema; False if it is older.

    Raises
    ------
    StoreError
        If a newer version of this package changed the log.
    """
    schema = int(about_of(conn)["schema"])
    if schema > SCHEMA:
        raise StoreError(f"the log {conn.engine.url.database} was written by a newer hitl_widgets"
                         f"{_last_package(conn)} (schema {schema}; this one, {__version__}, knows {SCHEMA}). "
                         "Upgrade with: pip install -U hitl-widgets")
    return schema == SCHEMA


def migrate(conn: sa.Connection, *, at: datetime, keep_copy: Callable[[str], object]) -> None:
    """Apply the next step of `MIGRATIONS` that a log needs, if any, in the transaction of this connection.

    Parameters
    ----------
    conn : sqlalchemy.Connection
        In a transaction during which no other process can write. If it isn't committed, the log is unchanged.
    at : datetime
        The time, for the record.
    keep_copy : callable
        Makes a checked copy of the log, under a name, by another connection. It is called before anything changes; if
        it raises, nothing changes.
    """
    # Read inside the transaction: another process may have taken the step while this one waited.
    version = int(about_of(conn)["schema"])
    step = next((migration for migration in MIGRATIONS if migration.version > version), None)
    if step is None:
        return
    keep_copy(f"before-schema-{step.version}")
    step.apply(conn)
    _record(conn, step.version, step.name, at=at)
    conn.execute(sa.update(ABOUT).where(ABOUT.c.name == "schema").values(value=str(step.version)))
    reseal(conn)


def reseal(conn: sa.Connection) -> None:
    """Store the checksum of the log's metadata."""
    connection = conn.connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        return
    conn.execute(sa.delete(ABOUT).where(ABOUT.c.name == "seal"))
    add(conn, ABOUT, [{"name": "seal", "value": seal(connection)}])


def _last_package(conn: sa.Connection) -> str:
    if not sa.inspect(conn).has_table(MIGRATION.name):
        return ""
    newest = sa.select(MIGRATION.c.package).order_by(MIGRATION.c.version.desc()).limit(1)
    return f", version {conn.scalar(newest)}"


def _record(conn: sa.Connection, version: int, name: str, *, at: datetime) -> None:
    add(conn, MIGRATION, [{"version": version, "name": name, "package": __version__,
                           "applied_at": microseconds(at)}])
