"""SQLite backend of the log: connections, pragmas, locks and error messages.

`log.Log` uses SQLite only through `Database`; the class of that name in `postgres` has the same methods. A commit is on
the disk when it returns.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from ..errors import BadInput, DiskFull, HitlError, LogBusy, LogDamaged, ReadOnly, StoreError
from . import backups, checks
from .files import POOL_GROUPS, POOL_IDS, share_like_folder
from .lock import is_local, take
from .schema import CLAIM, add, batches, insertion

if sys.platform != "win32":
    import grp
    import pwd

_T = TypeVar("_T")

BUSY_S = 10.0
# Below this size (bytes) every page is read at opening, which takes no noticeable time. Up to this number of events,
# all of them and the annotations are checked at opening; of a larger log the same number of events, half of them the
# newest. Logs of any size are checked in full whenever a copy is kept.
CHECKED_AT_OPENING = 64 * 2**20
EVENTS_CHECKED_AT_OPENING = 10_000
# SQLite's messages about a damaged file.
_DAMAGE = ("malformed", "not a database", "no such table", "no such column", "decode to UTF-8")
# SQLite's smallest page size: a smaller file isn't a database.
_SMALLEST = 512


class Database:
    """The SQLite file of a log.

    Parameters
    ----------
    folder : Path
        The project's folder, absolute; made if it doesn't exist.
    engine : sqlalchemy.Engine or None
        Used in place of one made here on ``log.db``.
    local : callable
        Whether the locks of a folder's file system are reliable. If they aren't, one process at a time may open it.

    Attributes
    ----------
    path : Path
        The file.
    copies : Path
        The folder of its copies.
    reader, writer : sqlalchemy.Engine
        A transaction of `writer` waits for its turn before it reads.
    claimer : sqlalchemy.Engine
        For `hold`; in SQLite, the same as `writer`.
    clock : sqlalchemy.ColumnElement
        NULL: this machine's clock is used.

    Raises
    ------
    ReadOnly
        If the folder or the file can't be written.
    LogBusy
        If another process has the folder, and the file system's locks can't be relied on.
    """

    Error = sqlite3.Error
    clock: sa.ColumnElement[Any] = sa.null()

    def __init__(self, folder: Path, *, engine: sa.Engine | None = None,
                 local: Callable[[Path], bool] = is_local) -> None:
        if engine is not None and engine.dialect.name != "sqlite":
            raise StoreError(f"the engine is for {engine.dialect.name}; the log of a folder lies in SQLite.")
        self.path, self.copies = folder / "log.db", folder / "copies"
        _check_writable(folder, self.path)
        self._release = weakref.finalize(self, (lambda: None) if local(folder) else take(folder))
        self._folder, self._is_own = folder, engine is None
        self.reader = engine or _connect(self.path)
        sa.event.listen(self.reader, "connect", _on_connect)
        sa.event.listen(self.reader, "begin", _on_begin)
        self.writer = self.claimer = self.reader.execution_options(hitl_writes=True)

    def close(self) -> None:
        """Close the file and release its lock. A second call does nothing."""
        if self._is_own:
            self.reader.dispose()
        self._release()

    def discard(self) -> None:
        """Remove the file of a log that was made just now, and the stored ids of its pool."""
        for name in (self.path.name, f"{self.path.name}-journal", POOL_IDS, POOL_GROUPS):
            (self._folder / name).unlink(missing_ok=True)

    def give_up(self, conn: sa.Connection, error: BaseException) -> None:
        """End a transaction after an error."""
        # The connection isn't reused: after an interrupted commit, SQLAlchemy believes that the transaction has ended.
        conn.invalidate()

    def is_lost(self, error: Exception) -> bool:
        """Whether the connection broke, so that the same act may succeed on a new one. A file is always there."""
        return False

    def hold(self, conn: sa.Connection, item_ids: Sequence[str], annotator: str, *, at: int, until: int) -> list[str]:
        """Claim items for an annotator, in a transaction of `writer`; return the items that they have claimed now.

        Parameters
        ----------
        conn : sqlalchemy.Connection
        item_ids : sequence of str
        annotator : str
        at, until : int
            Now, and when the claims run out, in microseconds since 1970.
        """
        conn.execute(sa.delete(CLAIM).where(CLAIM.c.until <= at))
        holders = {row.item_id: row.annotator for batch in batches(item_ids)
                   for row in conn.execute(sa.select(CLAIM).where(CLAIM.c.item_id.in_(batch)))}
        mine = [item_id for item_id in item_ids if holders.get(item_id, annotator) == annotator]
        for batch in batches(mine):
            conn.execute(sa.delete(CLAIM).where(CLAIM.c.item_id.in_(batch)))
            add(conn, CLAIM, [{"item_id": item_id, "annotator": annotator, "until": until} for item_id in batch])
        return mine

    def add_rows(self, conn: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, each with the values of every column, in the table's order."""
        conn.exec_driver_sql(insertion(table, conn.dialect), list(map(tuple, rows)))

    def rows(self, conn: sa.Connection, *questions: tuple[sa.Select[Any], Mapping[str, Any]]
             ) -> list[Sequence[Sequence[Any]]]:
        """The rows of several statements with their values."""
        return [conn.execute(statement, dict(values)).cursor.fetchall() for statement, values in questions]

    def at_once(self, conn: sa.Connection) -> AbstractContextManager[object]:
        """Do nothing; in `postgres` it saves round trips to the server."""
        return nullcontext()

    def notify(self, conn: sa.Connection, seq: int) -> None:
        """Do nothing: other processes poll the file."""

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Do nothing: a file can't notify."""
        return lambda: None

    def create(self, make: Callable[[sa.Connection], bool]) -> bool:
        """Create the file of a new log, as a whole or not at all; False if it exists.

        Parameters
        ----------
        make : callable
            Creates the tables on a connection in a transaction; False if they exist already.

        Raises
        ------
        LogDamaged
            If the file is gone or empty, though there are traces of a log.
        """
        if not self._is_own:
            with self.writer.connect() as conn, conn.begin():
                return make(conn)
        if self.path.exists():
            if self.path.stat().st_size < _SMALLEST:
                raise self.damaged("it is empty or cut off")
            return False
        if trace := next(self._traces(), None):
            raise self.damaged(f"it is gone, though {trace} is there")
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            share_like_folder(part)
            engine = _connect(part)
            sa.event.listen(engine, "connect", _on_connect)
            sa.event.listen(engine, "begin", _on_begin)
            try:
                with engine.execution_options(hitl_writes=True).connect() as conn, conn.begin():
                    make(conn)
            finally:
                engine.dispose()
            return _put(part, self.path)
        finally:
            for leftover in (part, part.with_name(f"{part.name}-journal")):
                leftover.unlink(missing_ok=True)

    def _traces(self) -> Iterator[str]:
        """Files in the folder that show that there was a log."""
        for name in ("log.db-journal", POOL_IDS):
            if (self._folder / name).is_file():
                yield name
        for pattern in ("copies/*.db", "models/*.safetensors", "predictions/*/about.json"):
            yield from (path.relative_to(self._folder).as_posix() for path in sorted(self._folder.glob(pattern))[:1])

    def check_structure(self, conn: sa.Connection) -> None:
        """Raise LogDamaged if the file doesn't have the structure of a log, before anything else is read from it."""
        if self._is_own and (fault := checks.structure_fault(_raw(conn))):
            raise self.damaged(fault)

    def check(self, conn: sa.Connection, *, at: datetime) -> bool:
        """Check a log, a large one in part, and raise LogDamaged if its pages or events aren't as they were stored.

        Parameters
        ----------
        conn : sqlalchemy.Connection
        at : datetime
            The time, which determines the events of a large log that are checked.

        Returns
        -------
        bool
            False if indexes or annotations don't agree with the events, so that `rebuild` has to be called.
        """
        if not self._is_own:
            return True
        raw = _raw(conn)
        last = raw.execute("SELECT max(seq) FROM event").fetchone()[0] or 0
        is_small, half = last <= EVENTS_CHECKED_AT_OPENING, EVENTS_CHECKED_AT_OPENING // 2
        windows = [(0, last)]
        if not is_small:
            since = int(at.timestamp()) * half % (last - half)
            windows = [(since, since + half), (last - half, last)]
        fault = (checks.pages_fault(raw, indexes=False) if self._size() <= CHECKED_AT_OPENING else None) \
            or checks.seal_fault(raw)
        for window in windows:
            fault = fault or checks.events_fault(raw, *window)
        if fault:
            raise self.damaged(fault)
        if not is_small:
            return True
        raw.execute("BEGIN").close()  # a consistent view of events and annotations while others write
        return self._derived(lambda: checks.is_derived_right(raw))

    def rebuild(self, conn: sa.Connection, *, keep_copy: Callable[[], object]) -> bool:
        """Rebuild indexes and annotations from the events, in the transaction of this connection.

        A copy is kept before. False if they are right by now, since another process has rebuilt them.
        """
        raw = _raw(conn)
        if self._derived(lambda: checks.is_derived_right(raw)):
            return False
        keep_copy()
        self._derived(lambda: checks.rebuild(raw))
        return True

    def _derived(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except checks.UNREADABLE as error:
            raise self.damaged(f"its events can't be read: {error!r}") from error

    def snapshot(self, conn: sa.Connection, path: Path) -> Path:
        """Write a consistent, checked copy to `path`; an existing file is replaced."""
        with self._copying():
            return backups.snapshot(_raw(conn), path)

    def keep_copy(self, conn: sa.Connection, name: str, *, made_at: datetime, derived: bool = True) -> Path:
        """Put a checked copy into `copies`, which keeps the newest ten."""
        with self._copying():
            return backups.keep(_raw(conn), self.copies, name, made_at=made_at, derived=derived)

    @contextmanager
    def _copying(self) -> Iterator[None]:
        try:
            yield
        except (LogDamaged, UnicodeDecodeError) as error:
            raise self.damaged(str(error)) from error
        except (OSError, sqlite3.Error) as error:
            shut = isinstance(error, OSError) or "unable to open" in str(error)
            raise (ReadOnly if shut else DiskFull)(
                f"no copy of the log could be written ({error}). The log itself is as it was. "
                f"{'Choose a folder that you may write to' if shut else 'Make room'}, and try again.") from error

    def damaged(self, why: str) -> LogDamaged:
        """The error for a file that can't be read; it names the newest good copy."""
        return backups.damaged(self.path, self.copies, why)

    def explained(self, error: Exception) -> HitlError:
        """Convert an error of SQLite or SQLAlchemy into an error of this package that says what to do."""
        words = str(getattr(error, "orig", error))
        if isinstance(error, UnicodeDecodeError):  # damaged names occur even in SQLite's messages
            return self.damaged(words)
        if isinstance(error, sa.exc.InterfaceError | sa.exc.ProgrammingError):
            return BadInput(f"the log can't hold one of these values: {words}.")
        # Distinguished by SQLite's messages: Python has its error codes only from 3.11 on.
        if "locked" in words:
            return LogBusy(f"the log {self.path} was held by another program for {BUSY_S:.0f} s; nothing was stored. "
                           "Another notebook may be writing a lot, or a backup holds the file. Try again.")
        if not self.path.exists() or "readonly" in words or "unable to open" in words:
            return ReadOnly(f"the log {self.path} can't be written ({words}): it was moved or deleted, or its "
                            "permissions changed; nothing was stored. Put it right and open the project again.")
        if "full" in words or "disk I/O" in words:
            return DiskFull(f"the log {self.path} couldn't be written ({words}): the disk is full or failing, or your "
                            "quota is used up. Nothing was half stored. Make room and try again, without a restart.")
        if any(sign in words for sign in _DAMAGE):
            return self.damaged(words)
        return StoreError(f"the log {self.path} refused: {words}.")

    def erase(self) -> bool:
        """Rewrite the file without free pages, and delete its journal.

        Returns False, and does nothing, if the engine was passed by the caller.
        """
        if not self._is_own:
            return False
        # A connection of its own, whose journal is deleted at the end: a journal holds the former pages.
        with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as connection:
            for statement in ("PRAGMA secure_delete = ON", "PRAGMA journal_mode = DELETE", "PRAGMA synchronous = FULL",
                              "PRAGMA fullfsync = ON", "VACUUM"):
                connection.execute(statement).close()
        return True

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def _check_writable(folder: Path, log: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReadOnly(f"the project folder {folder} can't be made ({error.strerror}). Choose a folder that "
                       "you may write to.") from error
    for path in (folder, log):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise ReadOnly(f"{path} can't be {'written' if os.access(path, os.R_OK) else 'read'}, so no decision could "
                           f"be kept. {_permissions(path)} Change its permissions, or copy the project to a folder of "
                           "your own and open it there.")


def _permissions(path: Path) -> str:
    """The permissions of a file, in a sentence; empty if they aren't known."""
    if sys.platform == "win32":
        return ""
    about = path.stat()
    try:
        owner, group = pwd.getpwuid(about.st_uid).pw_name, grp.getgrgid(about.st_gid).gr_name
    except KeyError:
        owner, group = str(about.st_uid), str(about.st_gid)
    return f"It belongs to {owner} (group {group}), with permissions {stat.filemode(about.st_mode)}."


class _Compiled(LRUCache[Any, Any]):
    """A cache of compiled SQL for all logs of this process: SQLAlchemy would compile it again for each opened log.

    Its keys begin with the engine's dialect, which is the same for all engines made here; keys of another form are
    unchanged.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_for_all(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_for_all(key), value)


def _for_all(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return key[1:] if isinstance(key[0], sa.Dialect) else key


_compiled = _Compiled(500)


def _connect(log: Path) -> sa.Engine:
    """An engine on an existing SQLite file. A statement waits up to `BUSY_S` for another process."""
    # mode=rw, since SQLite would otherwise create an empty file if this one was moved away.
    uri = f"{log.absolute().as_uri()}?mode=rw"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=BUSY_S, factory=_Connection, check_same_thread=False)

    return sa.create_engine(sa.URL.create("sqlite", database=str(log.absolute())), creator=connect,
                            execution_options={"compiled_cache": _compiled},
                            max_overflow=-1)  # a thread never waits for another thread's connection


def _put(part: Path, path: Path) -> bool:
    """Move a finished file to its final path; False if a file exists there."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        os.replace(part, path)
    return True


def _raw(conn: sa.Connection) -> sqlite3.Connection:
    connection = conn.connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


class _Connection(sqlite3.Connection):
    """A connection that releases the file whenever it is rolled back or closed.

    After an interrupt, IPython keeps the traceback, and thereby the active cursor. From Python 3.11 on such a cursor
    outlives its connection, and SQLite's lock with it: nobody could write until the next traceback.
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
    connection.isolation_level = None  # the driver doesn't begin transactions: _on_begin does
    for pragma in ("journal_mode = PERSIST", "synchronous = FULL", "fullfsync = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(conn: sa.Connection) -> None:
    # A deferred BEGIN lets two writers read first and then collide; this one waits before it reads.
    if conn.get_execution_options().get("hitl_writes"):
        conn.exec_driver_sql("BEGIN IMMEDIATE")
