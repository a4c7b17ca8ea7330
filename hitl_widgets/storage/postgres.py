"""PostgreSQL backend of the log: connections, locks, claims, notifications and error messages.

`log.Log` uses PostgreSQL only through `Database`; the class of that name in `sqlite` has the same methods. A project is
a schema of its own in the database, with the tables of `schema`. A commit is on the server's disk when it returns.

Writers take a lock of the project before they read, so that commits are in the order of the events' numbers: a reader
that pages by number never skips an event that is committed late.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql

from ..errors import BadInput, DiskFull, HitlError, LogBusy, LogDamaged, ReadOnly, StoreError
from .blobs import BLOBS
from .checks import rows_fault
from .location import ServerLocation
from .schema import ABOUT, ANNOTATION, CLAIM, EVENT, about_of, typed

logger = logging.getLogger(__name__)

BUSY_S = 10
# A machine that goes to sleep inside a transaction loses the project's lock after this time.
IDLE_S = 30
# Connections of one process: those that are kept, and additional ones while many threads are working.
KEPT, MORE = 4, 12
# How long a listener waits for notifications before it checks whether it was ended, and before it reconnects.
LISTEN_S, RECONNECT_S = 5.0, 2.0
EVENTS_CHECKED_AT_OPENING = 10_000

# Settings of a session: how long it waits for a lock, and commits that return only once they are on the disk.
_SETTINGS = """
SELECT set_config('search_path', %(schema)s, false), set_config('lock_timeout', %(busy)s, false),
       set_config('idle_in_transaction_session_timeout', %(idle)s, false),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                  ELSE current_setting('synchronous_commit') END, false)
"""
# Classes and codes of PostgreSQL's errors (its manual, appendix A) after which a retry may succeed: the server is
# unavailable or shutting down, too many connections, a lock, a deadlock.
_AGAIN = ("08", "53300", "55P03", "40", "57P", "57014", "25P03")
_AWAY = ("connection failed", "server closed the connection", "could not connect", "connection refused", "timeout",
         "starting up", "shutting down", "too many clients", "remaining connection slots", "connection is closed",
         "the connection is lost", "consuming input failed", "ssl syscall", "recovery mode", "terminating connection",
         "could not translate host name", "failed to resolve host", "no such file or directory", "connection is bad")
# Error code -> message, for errors after which nothing was written.
_NOT_WRITTEN: dict[str, tuple[type[HitlError], str]] = {
    "42501": (ReadOnly, "{place} can't be written ({words}); nothing was stored. Ask the database's owner for: GRANT "
                        "CREATE ON DATABASE, or the rights on the project's schema."),
    "25006": (ReadOnly, "{place} can't be written: the server takes no writes now ({words}). Nothing was stored."),
    "53100": (DiskFull, "{place} couldn't be written: the server's disk is full ({words}). Nothing was half stored. "
                        "Make room there and try again, without a restart.")}
_REFUSED = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "permission denied for database")
_NO_TLS = ("certificate verify failed", "server certificate for", "root certificate file",
           "server does not support SSL")


class Database:
    """A project's schema in a PostgreSQL database.

    Parameters
    ----------
    location : ServerLocation
    engine : sqlalchemy.Engine or None
        Used in place of one made here.

    Attributes
    ----------
    reader, writer, claimer : sqlalchemy.Engine
        Each statement of `reader` is a transaction of its own. A transaction of `writer` waits for its turn before it
        reads; one of `claimer` doesn't wait.
    clock : sqlalchemy.ColumnElement
        The time on the server, in microseconds since 1970.
    copies : None
        No copies: the server itself is backed up.
    """

    Error = psycopg.Error
    copies: Path | None = None
    clock: sa.ColumnElement[Any] = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)

    def __init__(self, location: ServerLocation, *, engine: sa.Engine | None = None) -> None:
        if engine is not None and engine.dialect.name != "postgresql":
            raise StoreError(f"the engine is for {engine.dialect.name}; the log of {location.name} lies in PostgreSQL.")
        self.location, self._is_own = location, engine is None
        self._lock_id = int.from_bytes(blake2b(location.schema.encode(), digest_size=8).digest(), "big", signed=True)
        self._channel = f"hitl_{self._lock_id & 2**64 - 1:016x}"
        self._stops: list[Callable[[], None]] = []
        engine = engine or _connect(location)
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "checkout", _on_checkout)
        sa.event.listen(engine, "begin", self._on_begin)
        self.claimer = engine
        self.reader = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.writer = engine.execution_options(hitl_writes=True)

    def _on_connect(self, connection: psycopg.Connection[Any], _: object) -> None:
        connection.autocommit = True
        try:
            # Quoted like an SQL identifier.
            schema = '"' + self.location.schema.replace('"', '""') + '"'
            connection.execute(_SETTINGS, {"schema": schema, "busy": f"{BUSY_S}s", "idle": f"{IDLE_S}s"})
        except BaseException:  # an interrupt may come in the middle of a server's response
            connection.close()
            raise
        connection.autocommit = False

    def _on_begin(self, conn: sa.Connection) -> None:
        # A statement of its own, so that later statements see what was committed while it waited.
        if conn.get_execution_options().get("hitl_writes"):
            with self.at_once(conn):  # the driver sends BEGIN before
                conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": self._lock_id})

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        for stop in self._stops:
            stop()
        if self._is_own:
            self.claimer.dispose()

    def discard(self) -> None:
        """Remove the schema of a log that was made just now, unless somebody uses it already."""
        engine = _connect(self.location)
        sa.event.listen(engine, "connect", self._on_connect)
        try:
            with engine.begin() as conn:
                conn.exec_driver_sql("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": self._lock_id})
                if conn.scalar(sa.select(sa.func.count()).where(EVENT.c.kind.in_(("decided", "adopted")))) == 0:
                    conn.exec_driver_sql(f'DROP SCHEMA "{self.location.schema}" CASCADE')
        except sa.exc.DBAPIError:
            logger.debug("the new log %s could not be removed", self.location, exc_info=True)
        finally:
            engine.dispose()

    def give_up(self, conn: sa.Connection, error: BaseException) -> None:
        """End a transaction after an error."""
        if isinstance(error, HitlError):
            with suppress(sa.exc.DBAPIError):
                conn.rollback()
        else:  # an interrupt may come in the middle of a server's response
            conn.invalidate()

    def is_lost(self, error: Exception) -> bool:
        """Whether the connection broke, so that the same act may succeed on a new one."""
        return isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated

    def create(self, make: Callable[[sa.Connection], bool]) -> bool:
        """Create the tables of a new log, all or none; False if they exist already.

        Parameters
        ----------
        make : callable
            Creates the tables on a connection in a transaction; False if they exist already.
        """
        with self.reader.connect() as conn:
            if about_of(conn):
                return False
        with self.writer.connect() as conn, conn.begin():
            encoding = conn.exec_driver_sql("SHOW server_encoding").scalar()
            if encoding != "UTF8":
                raise StoreError(f"the database of {self.location} keeps text as {encoding}, which can't hold every "
                                 "label and text. Make one with: createdb --encoding=UTF8 --template=template0 NAME")
            conn.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self.location.schema}"')
            if not make(conn):
                return False
            BLOBS.create_all(conn)
            return True

    def check_structure(self, conn: sa.Connection) -> None:
        """Raise LogDamaged if the schema doesn't have the structure of a log, before anything else is read from it."""
        there = set(sa.inspect(conn).get_table_names(schema=self.location.schema))
        if missing := sorted({ABOUT.name, EVENT.name, "annotation"} - there):
            raise self.damaged(f"its table {missing[0]!r} is missing")
        about = about_of(conn)
        if not about.get("id") or not str(about.get("schema")).isdecimal():
            raise self.damaged(f"its table 'about' says {about!r}; an id and the number of a schema are expected")

    def check(self, conn: sa.Connection, *, at: datetime) -> bool:
        """Check some events, half of them the newest, and raise LogDamaged if one isn't as it was stored.

        Indexes and annotations aren't checked, since the server keeps them consistent: it always returns True.
        """
        n, last = conn.execute(sa.select(sa.func.count(), sa.func.max(EVENT.c.seq))).one()
        if n != (last or 0):
            raise self.damaged(f"it holds {n:,} events, but the last one has number {last:,}: some are missing")
        half = EVENTS_CHECKED_AT_OPENING // 2
        starts = [0] if n <= 2 * half else [int(at.timestamp()) * half % (n - half), n - half]
        for start in starts:
            window = sa.select(EVENT).where(EVENT.c.seq > start, EVENT.c.seq <= start + 2 * half // len(starts))
            if fault := rows_fault(conn.execute(window.order_by(EVENT.c.seq))):
                raise self.damaged(fault)
        return True

    def rebuild(self, conn: sa.Connection, *, keep_copy: Callable[[], object]) -> bool:
        """Do nothing: `check` never requires it."""
        return False

    def snapshot(self, conn: sa.Connection, path: Path) -> Path:
        """Write a consistent copy of the log to a SQLite file."""
        raise StoreError(f"the log of {self.location} lies on a server; back that up with pg_dump.")

    def keep_copy(self, conn: sa.Connection, name: str, *, made_at: datetime, derived: bool = True) -> None:
        """Keep no copy: the server itself is backed up."""

    def hold(self, conn: sa.Connection, item_ids: Sequence[str], annotator: str, *, at: Any, until: Any) -> list[str]:
        """Claim items for an annotator, in one statement that doesn't wait; return the items that are claimed now.

        Parameters
        ----------
        conn : sqlalchemy.Connection
        item_ids : sequence of str
        annotator : str
        at, until : int or sqlalchemy.ColumnElement
            Now, and when the claims run out, in microseconds since 1970.
        """
        ids = sa.bindparam("ids", list(item_ids), type_=postgresql.ARRAY(sa.Text))
        free = sa.select(CLAIM.c.item_id).where(
            CLAIM.c.item_id == sa.any_(ids), (CLAIM.c.until <= at) | (CLAIM.c.annotator == annotator)).with_for_update(
            skip_locked=True)
        taken = sa.update(CLAIM).where(CLAIM.c.item_id.in_(free)).values(annotator=annotator, until=until).returning(
            CLAIM.c.item_id).cte("taken")
        # In the same order everywhere, so that two processes that insert the same items can't deadlock.
        wanted = sa.func.unnest(ids).column_valued("wanted")
        new = sa.select(wanted, sa.literal(annotator, sa.Text), sa.cast(until, sa.BigInteger)).order_by(wanted)
        added = postgresql.insert(CLAIM).from_select(["item_id", "annotator", "until"], new).on_conflict_do_nothing(
        ).returning(CLAIM.c.item_id).cte("added")
        mine = set(conn.scalars(sa.union_all(sa.select(taken.c.item_id), sa.select(added.c.item_id))))
        return [item_id for item_id in item_ids if item_id in mine]

    def add_rows(self, conn: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, each with the values of every column, in the table's order.

        Raises
        ------
        BadInput
            If an event contains text that PostgreSQL can't store.
        """
        try:
            with conn.begin_nested():
                _copy_in(conn, table, rows)
        except psycopg.DataError as error:
            if table is EVENT:
                row = next((row for row in rows if "\0" in "".join(map(str, row))), rows[0])
                raise BadInput(f"event {row[0]} ({row[1]!r}, of item {row[4]!r}) holds what PostgreSQL can't keep: "
                               f"{error}.") from error
            names = table.c.keys()
            _copy_in(conn, table, [tuple(typed(table, dict(zip(names, row, strict=True))).values()) for row in rows])

    def rows(self, conn: sa.Connection, *questions: tuple[sa.Select[Any], Mapping[str, Any]]
             ) -> list[Sequence[Sequence[Any]]]:
        """The rows of several statements with their values, in one round trip to the server."""
        texts = [_compiled(statement, conn.dialect).construct_expanded_state(values) for statement, values in questions]
        with self.at_once(conn) as raw:
            cursors = [raw.execute(text.statement, text.parameters) for text in texts]
        return [cursor.fetchall() for cursor in cursors]

    # 13 branches: what failed may be a statement, the driver, or an interrupt, which the driver's own errors hide.
    @contextmanager
    def at_once(self, conn: sa.Connection) -> Iterator[psycopg.Connection[Any]]:
        """Send the statements of a with block to the server in one message, if the driver can.

        Results can be read only after the block, and errors are raised at its end.
        """
        raw, handled = _raw(conn), sys.exc_info()[1]
        failed: BaseException | None = None
        try:
            with raw.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
                try:
                    yield raw
                except BaseException as error:  # raised below: the driver would log consequential errors
                    failed = error
        except psycopg.Error as error:
            failed = failed or error
        except Exception as error:  # the driver may lose count of the responses and raise an IndexError
            raw.close()
            failed = failed or psycopg.OperationalError(f"the server's answers don't fit what it was asked: {error}")
        if not raw.closed and raw.pgconn.pipeline_status != psycopg.pq.PipelineStatus.OFF:
            raw.close()  # cut off within a response: the driver can neither read the rest nor leave the pipeline
        # After an interrupt in the middle of a response, the driver fails a second time and raises the second error.
        before = failed
        while before is not None and before is not handled:
            if not isinstance(before, Exception):
                raise before from None
            before = before.__context__
        if isinstance(failed, psycopg.Error):
            raise sa.exc.DBAPIError(None, None, failed, hide_parameters=True,
                                    connection_invalidated=raw.closed) from failed
        if failed is not None:
            raise failed

    def notify(self, conn: sa.Connection, seq: int) -> None:
        """Tell other processes, when this transaction is committed, that something was stored."""
        conn.exec_driver_sql("SELECT pg_notify(%(channel)s, %(seq)s)", {"channel": self._channel, "seq": str(seq)})

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard`, on a thread of its own, whenever something was stored; the result ends it.

        After a broken connection it reconnects and calls `heard`, since a notification may have been missed.
        """
        ended = threading.Event()

        def run() -> None:
            while not ended.is_set():
                try:
                    with self._own_connection() as connection:
                        heard()
                        while not ended.is_set():
                            if any(True for _ in connection.notifies(timeout=LISTEN_S, stop_after=1)):
                                heard()
                except (psycopg.Error, OSError, sa.exc.SQLAlchemyError):
                    logger.debug("the connection that listens to %s was cut", self.location, exc_info=True)
                except Exception:  # an error in `heard` doesn't end the thread
                    logger.warning("news of %s could not be taken in", self.location, exc_info=True)
                ended.wait(RECONNECT_S)

        thread = threading.Thread(target=run, name=f"hitl listens to {self.location.name}", daemon=True)
        thread.start()

        def stop() -> None:
            ended.set()

        self._stops.append(stop)
        return stop

    @contextmanager
    def _own_connection(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection outside the pool, for listening."""
        arguments, keywords = self.claimer.dialect.create_connect_args(self.location.url)
        with psycopg.connect(*arguments, **{**_keywords(self.location), **keywords}, autocommit=True) as connection:
            connection.execute(f'LISTEN "{self._channel}"')
            yield connection

    def erase(self) -> bool:
        """Rewrite the tables, without changed or removed rows; everybody else waits meanwhile.

        False if the server didn't: it skips tables of another user with only a warning.
        """
        with self.reader.connect() as conn:
            former = self._files_of_tables(conn)
            for table in (EVENT, ANNOTATION, CLAIM):
                # ANALYZE, since the statistics contain the most frequent values, such as names and notes.
                conn.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table.name}")
            return not set(former) & set(self._files_of_tables(conn))

    @staticmethod
    def _files_of_tables(conn: sa.Connection) -> list[int]:
        return [conn.exec_driver_sql(f"SELECT pg_relation_filenode('{table.name}')").scalar_one()
                for table in (EVENT, ANNOTATION, CLAIM)]

    def damaged(self, why: str) -> LogDamaged:
        """The error for a log that can't be read."""
        return LogDamaged(f"the log {self.location} can't be read ({why}). It was left as it is. Restore the database "
                          "from the server's backup.")

    # 13 branches: one for each kind of error, with its own message.
    def explained(self, error: Exception) -> HitlError:
        """Convert an error of PostgreSQL or SQLAlchemy into an error of this package that says what to do."""
        cause = getattr(error, "orig", None) or error
        words = self.location.hide(" ".join(str(cause).split()))
        code = getattr(cause, "sqlstate", None) or ""
        place = f"the log {self.location}"
        if isinstance(error, UnicodeDecodeError):
            return self.damaged(words)
        if isinstance(error, sa.exc.TimeoutError):
            return LogBusy(f"{place}: all {KEPT + MORE} connections of this notebook were in use for {BUSY_S} s; "
                           "nothing was stored. Try again.")
        if not_let_in := _not_let_in(place, code, words):
            return not_let_in
        if code in ("42P01", "3F000"):
            return self.damaged(f"the project's tables are gone, or this user has lost the right to them: {words}")
        if code in _NOT_WRITTEN:
            kind, message = _NOT_WRITTEN[code]
            return kind(message.format(place=place, words=words))
        if code.startswith(_AGAIN) or getattr(error, "connection_invalidated", False) \
                or (not code and any(sign in words.lower() for sign in _AWAY)):
            return LogBusy(f"{place} can't be reached, or another process holds it ({words}); nothing was lost. Try "
                           "again.")
        if isinstance(cause, (psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)):
            return BadInput(f"the log can't hold one of these values: {words}.")
        return StoreError(f"{place} refused: {words}.")


# 13 branches: one for each reason, with its own message.
def _not_let_in(place: str, code: str, words: str) -> HitlError | None:
    """The error to raise if the server refuses this user, or the project's database; None for other errors."""
    if any(sign in words for sign in _REFUSED) or code.startswith("28"):
        return StoreError(f"the server of {place} refused the user ({words}). Put the password into a password "
                          "file (~/.pgpass, or passfile=... in the URL) or the variable PGPASSWORD.")
    if any(sign in words for sign in _NO_TLS):
        return StoreError(f"the server of {place} couldn't show that it is the one that is meant, so nothing was "
                          f"sent to it ({words}). sslrootcert= has to name the certificate of who signed the "
                          "server's, and the host has to be the name in it: docs/servers.md, \"TLS\".")
    if not code and 'role "' in words and "does not exist" in words:
        return StoreError(f"the server of {place} has no such user ({words}). Its administrator makes one: CREATE "
                          "ROLE name LOGIN. The user is the one in the URL, or PGUSER, or your name on this "
                          "machine.")
    if code == "3D000" or ("database" in words and "does not exist" in words):
        return StoreError(f"{place}: {words}. Make the database first: createdb NAME.")
    if code == "3F000" and "to create in" in words:
        return ReadOnly(f"{place} can't be opened: the project is there, and this user has no right to its schema "
                        f"({words}); nothing was changed. Whoever made it gives that right: docs/servers.md, "
                        "\"Making the database\".")
    return None


@lru_cache
def _compiled(statement: sa.Select[Any], dialect: sa.Dialect) -> Any:
    return statement.compile(dialect=dialect)


def _raw(conn: sa.Connection) -> psycopg.Connection[Any]:
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


def _copy_in(conn: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, table.c.keys()))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), names)
    with _raw(conn).cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _on_checkout(connection: psycopg.Connection[Any], *_: object) -> None:
    """Have the pool make another connection if an interrupt left a transaction open on this one."""
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        raise sa.exc.DisconnectionError("a transaction was left open on this connection")


def _connect(location: ServerLocation) -> sa.Engine:
    """An engine on a database of the server; nothing is connected yet."""
    # Error texts never contain values: they may be notes about patients.
    return sa.create_engine(location.url, pool_size=KEPT, max_overflow=MORE, pool_timeout=BUSY_S, hide_parameters=True,
                            connect_args=_keywords(location))


def _keywords(location: ServerLocation) -> dict[str, Any]:
    """Arguments of the driver beside the URL; by default, a server that has gone away is detected soon."""
    defaults = {"connect_timeout": BUSY_S, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3,
                "tcp_user_timeout": 30_000, "application_name": "hitl_widgets"}
    found = {name: value for name, value in defaults.items() if name not in location.url.query}
    return found if location.sslpassword is None else {**found, "sslpassword": location.sslpassword}
