"""The log's tables in a database, and the rows of events and annotations.

`EVENT` is the log itself; `ANNOTATION` has the current decisions, which are updated in the same transactions.
`row_of` and `event_of` convert an event to a row and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Column, Float, MetaData, Table
from sqlalchemy.dialects import postgresql

from ..errors import BadInput
from ..events import ANSWERS, Event, canonical, is_planted, objects_of
from ..records import are_values

_T = TypeVar("_T")

# Older SQLites compare with no more than 999 values in a statement.
_VALUES = 400

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)

_PLAIN = frozenset({str, int, float, bool, type(None)})

# On a server, text is compared by its bytes and integers have 64 bits, as in SQLite.
_BYTEWISE = postgresql.TEXT(collation="C")
String = sa.String().with_variant(_BYTEWISE, "postgresql")
Text = sa.Text().with_variant(_BYTEWISE, "postgresql")
Integer = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
BigInteger = sa.BigInteger()

TABLES = MetaData()

ABOUT = Table("about", TABLES, Column("name", String, primary_key=True), Column("value", String, nullable=False))

MIGRATION = Table(
    "migration", TABLES,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("package", String, nullable=False),  # the version of this package that took the step
    Column("applied_at", BigInteger, nullable=False),
)

EVENT = Table(
    "event", TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("kind", String, nullable=False, index=True),
    Column("annotator", String, nullable=False, index=True),
    Column("item_id", String, index=True),
    Column("acted_at", BigInteger, nullable=False),  # every instant is in microseconds since 1970, UTC
    Column("stored_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("checksum", String, nullable=False),  # of all columns above: `checks.checksum`
    # It increases with every event of a log; sorted by it and the id, all copies of a project have the same order.
    Column("tick", BigInteger, nullable=False),
    Column("aside", Integer, nullable=False),  # 1 if the act was outside its person's role and doesn't count
    sa.Index("ix_event_annotator_seq", "annotator", "seq").ddl_if(dialect="postgresql"),
)
# The checksum of an event doesn't cover its last two columns: `aside` follows from the log as a whole, and ticks are
# checked by their order (`checks.rows_fault`).
N_CHECKED = len(EVENT.c) - 2

ANNOTATION = Table(
    "annotation", TABLES,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # of the event that caused it
    Column("item_id", String, nullable=False),
    Column("annotator", String, nullable=False),
    # NULL if every decision was retracted: a reader between two chunks would miss that a row was deleted.
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
    Column("suggestion", String),
    Column("arm", String),
    Column("arm_probability", Float),
    Column("planted", Integer),
    Column("first_label_id", String),  # answered before the suggestion was shown
    Column("first_taxonomy", Integer),
    Column("given_values", Text),  # attribute id -> value: JSON, NULL without values
    Column("suggested_values", Text),
    Column("first_values", Text),  # values given before the suggestion was shown
    Column("touched", Text),  # ids of what the person touched, NULL if not recorded
    Column("objects", Text),  # objects in the item: JSON, NULL where none are asked for
    Column("size", String),  # size of the item at that time, "width x height"
    Column("seen_objects", Text),  # objects on the screen, and withheld ones: JSON
    sa.UniqueConstraint("item_id", "annotator"),
)

# Columns that are empty in projects without attributes, and aren't read there.
OF_ATTRIBUTES = ("given_values", "suggested_values", "first_values", "touched")
OF_OBJECTS = ("objects", "size", "seen_objects")
# The columns of the table of annotations that are read by default.
OF_LABELS = tuple(name for name in ANNOTATION.c.keys()  # noqa: SIM118 - no mapping
                  if name not in (*OF_ATTRIBUTES, *OF_OBJECTS))

CLAIM = Table(
    "claim", TABLES,
    Column("item_id", String, primary_key=True),
    Column("annotator", String, nullable=False),
    Column("until", BigInteger, nullable=False),
)


def batches(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Parts of a sequence that are small enough for one statement each."""
    return (values[i:i + _VALUES] for i in range(0, len(values), _VALUES))


def microseconds(at: datetime) -> int:
    """An aware instant as whole microseconds since 1970, UTC."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """The aware instant of whole microseconds since 1970, UTC."""
    return _EPOCH + at * _MICROSECOND


def id_of_edit(project_id: str, version: int | str) -> str:
    """The id of the edit of a taxonomy version: of two edits of one version, a log takes only one."""
    return f"taxonomy-{project_id}-{version}"


def row_of(event: Event) -> dict[str, Any]:
    """The row of `EVENT` for an event that isn't stored yet, without the columns that the log adds.

    Raises
    ------
    BadInput
        If the body isn't plain JSON, lacks what its kind needs, or holds text that can't be encoded.
    """
    if not _well_formed(event):
        raise BadInput(f"event {event.id!r} of kind {event.kind!r} doesn't have its form: a text item_id is expected, "
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
    if event.kind not in ("decided", "repeated", "retracted"):
        return event.item_id is None or isinstance(event.item_id, str)
    if not isinstance(event.item_id, str) \
            or not isinstance(event.body.get("decision_id" if event.kind == "retracted" else "verdict"), str):
        return False
    try:
        # A decision may become the current one only later, when another is retracted; that undo must not fail.
        # Objects are stored as text whatever the body holds; reading them twice would take as long as all the rest.
        return event.kind == "retracted" or all(map(_is_plain, annotation_row(
            event.id, {**event.body, "objects": None}, acted_at=0).values()))
    except (AttributeError, TypeError):
        return False


def _is_plain(value: Any) -> bool:
    """Whether a value fits a cell of the table of annotations: databases can't store larger whole numbers."""
    return type(value) in _PLAIN and not (type(value) is int and not -2**63 <= value < 2**63)


def event_of(row: Sequence[Any]) -> Event:
    """The event in a row of `EVENT`, with columns in the table's order; ValueError if it isn't an event."""
    body = json.loads(row[7])
    if not isinstance(body, dict):
        raise ValueError(f"its body is a {type(body).__name__}")
    nth = body.pop("nth", None)
    if row[2] in ("adopted", "imported"):
        body = _adoption(body)
    elif row[2] in ANSWERS and isinstance(seen := body.get("seen"), dict) \
            and not (type(seen.get("taxonomy")) is int or seen.get("taxonomy") is None):
        body["seen"] = {**seen, "taxonomy": None}  # an earlier version didn't check it
    return Event(seq=row[0], nth=nth if isinstance(nth, int) else None, id=row[1], kind=row[2], annotator=row[3],
                 item_id=row[4], body=body, acted_at=_EPOCH + row[5] * _MICROSECOND,
                 stored_at=_EPOCH + row[6] * _MICROSECOND, aside=len(row) > N_CHECKED and bool(row[-1]))


def _adoption(body: dict[str, Any]) -> dict[str, Any]:
    """The body of an "adopted" event, without the parts on background learning if they are invalid.

    A model of an earlier version lacks these parts, too, so that a project can be used without them.
    """
    if not isinstance(body.get("model", ""), str):
        raise ValueError(f"its model is a {type(body['model']).__name__}")
    for name in ("learnt", "name"):
        if not isinstance(body.get(name, ""), str):
            del body[name]
    if "out_of_fold" in body and not _is_figure(body["out_of_fold"]):
        del body["out_of_fold"]
    if not _is_count(body.get("n_training", 0)):
        del body["n_training"]
    return {"n_training": 0, **body} if body.get("origin") == "background" else body


def _is_figure(figure: Any) -> bool:
    return isinstance(figure, dict) and _is_count(figure.get("n")) and _is_count(figure.get("right")) \
        and bool(figure["right"] <= figure["n"])


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def annotation_of(decision: Event | None) -> dict[str, Any]:
    """The row of `ANNOTATION` for the current decision, if any, without the first three columns."""
    if decision is None:
        return dict.fromkeys(ANNOTATION.c.keys()[3:])
    return annotation_row(decision.id, decision.body, acted_at=microseconds(decision.acted_at))


def annotation_row(decision_id: str, body: Mapping[str, Any], *, acted_at: int) -> dict[str, Any]:
    """The row of `ANNOTATION` for a decision, given its parts, without the first three columns."""
    seen, first = body.get("seen", {}), body.get("first", {})
    return {"decision_id": decision_id, "verdict": body["verdict"], "label_id": body.get("label_id"),
            "label": body.get("label"), "certainty": body.get("certainty"), "certainty_source": seen.get("certainty"),
            "flags": " ".join(body.get("flags", ())), "note": body.get("note"),
            "acted_at": acted_at, "model": seen.get("model"),
            "taxonomy": version if type(version := seen.get("taxonomy")) is int else None,
            "hidden": seen.get("hidden", False), "scripted": seen.get("scripted", False),
            "chosen_by": seen.get("chosen_by"), "shown_ms": seen.get("shown_ms"), "content": body.get("content"),
            # A revision of an answer to a planted suggestion doesn't measure.
            "suggestion": None if "planted" in body else text_or_none(seen.get("suggestion")),
            "arm": seen.get("arm") or (first and "answer_first") or None,
            "arm_probability": seen.get("arm_probability", first.get("arm_probability")),
            "planted": is_planted(body), "first_label_id": first.get("label_id"),
            "first_taxonomy": first.get("taxonomy"),
            "given_values": _as_json(body.get("values")), "suggested_values": _as_json(seen.get("values")),
            "first_values": _as_json(first.get("values")),
            "touched": " ".join(touched) if (touched := body.get("touched")) is not None else None,
            **_of_objects(body, seen)}


def _of_objects(body: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of objects, without invalid ones: a forged log may hold anything."""
    if not (given := objects_of(body)):
        return dict.fromkeys(OF_OBJECTS)
    shown = {name: value for name in ("objects", "withheld", "threshold", "threshold_probability")
             if (value := seen.get(name)) not in (None, [], ())} if isinstance(seen, Mapping) else {}
    return {"objects": canonical([one.to_dict() for one in given["objects"]]), "size": "{}x{}".format(*given["size"]),
            "seen_objects": canonical(shown) if shown else None}


def _as_json(values: Any) -> str | None:
    """Attribute values as text, without invalid ones: a forged log may hold anything."""
    if not isinstance(values, Mapping):
        return None
    kept = {name: value for name, value in values.items() if are_values({name: value})}
    return canonical(kept) if kept else None


def text_or_none(value: Any) -> str | None:
    """A text unchanged, and None in place of anything else: older versions didn't check suggestions."""
    return value if isinstance(value, str) else None


def add(conn: sa.Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that name every column of the table."""
    # Straight to the driver: for a large import, Core's processing of each value takes as long again as the insert.
    names = table.c.keys()
    if not conn.dialect.positional:  # a server, which accepts only values of a column's type
        conn.exec_driver_sql(insertion(table, conn.dialect), [typed(table, row) for row in rows])
        return
    conn.exec_driver_sql(insertion(table, conn.dialect), [tuple(row[name] for name in names) for row in rows])


def typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with values of the columns' own types; in a table that follows from the events, NULL if one doesn't fit.

    SQLite stores values of any type from a forged event.
    """
    if table is EVENT:
        return {name: int(value) if value is True or value is False else value for name, value in row.items()}
    return {name: _fitting(value, kind) for name, kind in _kinds(table).items() for value in [row[name]]}


@lru_cache
def _kinds(table: Table) -> dict[str, type]:
    return {column.name: column.type.python_type for column in table.c}


def _fitting(value: Any, kind: type) -> Any:
    if kind is str:
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else None
    if kind is int:
        return int(value) if isinstance(value, int) and -2**63 <= value < 2**63 else None
    return float(value) if isinstance(value, (int, float)) else None


@lru_cache
def insertion(table: Table, dialect: sa.Dialect) -> str:
    """The statement that inserts rows into a table, for the driver."""
    return str(sa.insert(table).compile(dialect=dialect))


def about_of(conn: sa.Connection) -> dict[str, str]:
    """The project's `id` and the log's `schema`; empty if no log was made yet."""
    if not sa.inspect(conn).has_table(ABOUT.name):
        return {}
    return {row.name: row.value for row in conn.execute(sa.select(ABOUT))}


def rows_of(statement: sa.Select[Any], **values: Any) -> Callable[[sa.Connection], Sequence[Any]]:
    """A function that reads the rows of a statement with these values on a connection."""
    def rows(conn: sa.Connection) -> Sequence[Any]:
        cursor = conn.execute(statement, values).cursor
        return cursor.fetchall() if cursor else ()  # plain tuples: a Row for each would take as long again

    return rows
