"""Moving and copying a project to another location, a folder or a server, with every event unchanged.

After `move`, nothing can be stored at the old location any more, not even by kernels that have it open. `copy` and
`snapshot` don't change it. The events are copied while people go on labelling; the old location is closed only for the
last of them. A move that was interrupted at any point is finished by calling it again.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, select

from ..errors import BadInput, DiskFull, HitlError, StoreError
from ..records import Bars, new_id, no_bars
from .appending import GENERATION
from .blobs import POOL, TeamFiles
from .checks import rows_fault
from .files import make_folder, write_whole
from .location import FolderLocation, Location, ServerLocation, cache_folder
from .log import Log
from .moved import Move, move_of, read_move, told
from .schema import ABOUT, ANNOTATION, EVENT, about_of, add

# Number of rows that are read, and committed, at once.
CHUNK = 10_000
_PROBE = "probe"  # a row of `about` to find out whether two locations are the same

_KEY = (EVENT.c.seq, EVENT.c.id, EVENT.c.checksum, EVENT.c.tick, EVENT.c.aside)
_SINCE: sa.BindParameter[int] = bindparam("since")
_FORGET = delete(ANNOTATION).where(ANNOTATION.c.item_id == bindparam("of_item"),
                                   ANNOTATION.c.annotator == bindparam("by"))

# A function that reads the rows of a statement with a parameter `since`.
Reader = Callable[[sa.Select[Any], int], Sequence[Any]]


@dataclass(frozen=True)
class Moved:
    """The result of a move or a copy.

    Attributes
    ----------
    to : str
        The new location.
    n_events : int
        Total number of events in the log.
    n_files : int
        Number of other files: models, and the stored ids of the pool.
    lost : list of str
        Files that weren't copied, since they were damaged at the old location.
    """

    to: str
    n_events: int
    n_files: int
    lost: list[str]


def move(log: Log, files: TeamFiles, to: Location, *, cache: str | os.PathLike[str] | None = None,
         bars: Bars = no_bars) -> Moved:
    """Move a project to another location. Calling it again finishes a move that was interrupted.

    Parameters
    ----------
    log : Log
        The project's log, open.
    files : TeamFiles
        Its files.
    to : Location
        A new location, or a former location of the same project.
    cache : str, path or None
        For a server, the cache folder on this machine; None for the one in the user's cache directory.
    bars : Bars
        Progress bars.

    Raises
    ------
    BadInput
        When the location has another project, or the same one with events that are missing here.
    StoreError
        When the project has moved somewhere else already, or one of the locations can't be used. If this call had
        closed the old location, it is open again.
    """
    return _Transfer(log, files, to, cache=cache, bars=bars).move()


def copy(log: Log, files: TeamFiles, to: Location, *, cache: str | os.PathLike[str] | None = None,
         bars: Bars = no_bars) -> Moved:
    """Copy a project to a new location, such as from an archive to a server; parameters as for `move`.

    Raises
    ------
    BadInput
        When there is a project at the location already.
    """
    return _Transfer(log, files, to, cache=cache, bars=bars).copy()


def snapshot(log: Log, path: Path) -> Path:
    """Write a consistent copy of a log, from a folder or a server, to a SQLite file; an existing file is replaced."""
    if log.server is None:
        return log.snapshot(path)
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as temporary:
        place = FolderLocation(Path(temporary, "log"))
        with Log(place, coming=(log.id, told(log.location))) as target:
            log.transact(partial(_copy_all, log=log, target=target))
        os.replace(place.folder / "log.db", path)
    return path


def _copy_all(conn: sa.Connection, log: Log, target: Log) -> None:
    """Copy a log in a consistent state, in the transaction of this connection to it."""
    conn.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def write(here: sa.Connection) -> None:
        for table in (EVENT, ANNOTATION):
            here.execute(delete(table))  # rows of a first try whose connection broke
            for rows in _pages(partial(_fetch, conn), select(table), table.c.seq, 0):
                if table is EVENT:
                    _check(log, rows)
                target.add_rows(here, table, rows)
        _open(here, int(about_of(conn).get(GENERATION, 0)))
    target.transact(write, writes=True)


class _Relation(NamedTuple):
    """What the log at the new location has in common with the log that is moved there."""

    n_same: int  # number of identical events from the first one on
    replace: bool = False  # the other events there are older forms of events here
    is_there: bool = False  # everything was copied before


class _Transfer:
    """One move or copy, from an open log to a location that is opened for it."""

    def __init__(self, log: Log, files: TeamFiles, to: Location, *, cache: str | os.PathLike[str] | None,
                 bars: Bars) -> None:
        self.log, self.files, self.to, self._cache, self._bars = log, files, to, cache, bars
        self.here, self.there, self._id = told(log.location), told(to), new_id()
        self._annotated = 0  # the newest event when the copy of annotations began

    def move(self) -> Moved:
        gone = move_of(self.log.about()).to
        if gone not in (None, self.there):
            raise StoreError(f"{self.log.name} has moved to {gone}, or was on its way there. Open it there: "
                             f"hw.Workbench({gone!r}, ...). If it never came there, since the move was cut off, call "
                             f"wb.move_to(...) with that place again.")
        with self._opened() as (target, there):
            relation = self._compare(target, is_gone=gone is not None)
            if relation.is_there:
                return self._moved(target, there, [])
            is_fresh = self._begin(target, relation)
            self.log.last_seq()
            generation, n_events = self.log.generation, self._copy_events(target, relation.n_same)
            self._copy_annotations(target, 0 if is_fresh else relation.n_same, is_fresh=is_fresh)
            self._copy_files(there)
            try:
                self.log.transact(Move(to=self.there, by=self._id).write, writes=True)
                self._copy_rest(target, generation, n_events)
                lost = self._copy_files(there)
            except BaseException:
                # As long as the new location isn't opened, the old one is the project.
                self.log.transact(self._reopen, writes=True)
                raise
            self._open(target)
            return self._moved(target, there, lost)

    def copy(self) -> Moved:
        with self._opened() as (target, there):
            if not target.created and move_of(target.about()).coming_from is None:
                raise BadInput(f"there is a project at {self.there} already; choose another name, or another folder.")
            relation = self._compare(target, is_gone=False)
            is_fresh = self._begin(target, relation)
            self._copy_events(target, relation.n_same)
            self._copy_annotations(target, 0, is_fresh=is_fresh)
            lost = self._copy_files(there)
            self._open(target)
            return self._moved(target, there, lost)

    # -- the locations ---------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self) -> Iterator[tuple[Log, TeamFiles]]:
        """The log and the files at the new location, which is created if needed."""
        old, new = self.log.folder, None if isinstance(self.to, ServerLocation) else self.to.folder
        if self.here == self.there or (old is not None and new is not None and old.resolve() == new.resolve()):
            raise self._same_place()
        with Log(self.to, coming=(self.log.id, self.here)) as target:
            if target.id != self.log.id:
                raise BadInput(f"there is another project at {self.there}; nothing was changed. Choose another name "
                               "for the project, or another folder.")
            if old is None and new is None and self._is_same(target):
                raise self._same_place()
            folder = new or cache_folder(target.name, target.id, self._cache)
            yield target, TeamFiles(target, folder)

    def _same_place(self) -> BadInput:
        return BadInput(f"{self.log.name} is at {self.there} already. Name another folder, or another server's URL.")

    def _is_same(self, target: Log) -> bool:
        """Whether two URLs lead to the same location: a row written by one is read by the other."""
        sign = new_id()

        def write(conn: sa.Connection) -> None:
            conn.execute(delete(ABOUT).where(ABOUT.c.name == _PROBE))
            add(conn, ABOUT, [{"name": _PROBE, "value": sign}])
        self.log.transact(write)
        try:
            return target.about().get(_PROBE) == sign
        finally:
            self.log.transact(lambda conn: conn.execute(delete(ABOUT).where(ABOUT.c.name == _PROBE)))

    def _reopen(self, conn: sa.Connection) -> None:
        if read_move(conn).by == self._id:
            Move().write(conn)

    def _write(self, target: Log, act: Callable[[sa.Connection], object]) -> None:
        """Write to the new location, unless another call has begun to move the project there."""
        def write(conn: sa.Connection) -> None:
            if read_move(conn).by != self._id:
                raise StoreError(f"{self.log.name} is being moved to {self.there} by another notebook at the same "
                                 "time. Wait for it; nothing is lost.")
            act(conn)
        target.transact(write, writes=True)

    def _moved(self, target: Log, there: TeamFiles, lost: list[str]) -> Moved:
        return Moved(self.there, target.last_seq(), len(there.names()), lost)

    # -- data at the new location ----------------------------------------------------------------------------

    # 13 branches: one for each state in which an interrupted move may have left the two locations.
    def _compare(self, target: Log, *, is_gone: bool) -> _Relation:
        """Find out what was copied already; raise BadInput if the new location has events that the old one lacks."""
        n_same, here, there = self._walk(target)
        is_whole = move_of(target.about()).coming_from is None
        if not there:  # the events there are the first ones here
            return _Relation(n_same, is_there=is_gone and is_whole and not here)
        if is_gone and is_whole and (not here or not self._ids(self.log) - self._ids(target)):
            return _Relation(n_same, is_there=True)  # people have continued there
        target.last_seq(), self.log.last_seq()  # updates the generations
        only_there = self._ids(target) - self._ids(self.log) if here else set()
        if here and not only_there and (not is_whole or target.generation < self.log.generation):
            return _Relation(0, replace=True)
        n = f"{len(only_there) or target.last_seq() - n_same:,} events that {self.here} lacks, or other ones, " \
            f"from event {n_same + 1:,} on"
        raise BadInput(f"the project at {self.there} was changed independently: it has {n}. Nothing was changed. Join "
                       "the two with wb.join(...) first; then move.")

    def _walk(self, target: Log) -> tuple[int, bool, bool]:
        """The number of identical events from the first one on, and whether there are others here, and there."""
        n_same = 0
        both = (_pages(_reader(log), select(*_KEY), EVENT.c.seq, 0) for log in (self.log, target))
        if not target.last_seq():
            return 0, self.log.last_seq() > 0, False
        for ours, theirs in zip_longest(*both, fillvalue=()):
            n = next((place for place, (one, other) in enumerate(zip(ours, theirs, strict=False))
                      if tuple(one) != tuple(other)), min(len(ours), len(theirs)))
            n_same += n
            if n < max(len(ours), len(theirs)):
                return n_same, n < len(ours), n < len(theirs)
        return n_same, False, False

    @staticmethod
    def _ids(log: Log) -> set[str]:
        return {str(row[1]) for rows in _pages(_reader(log), select(EVENT.c.seq, EVENT.c.id), EVENT.c.seq, 0)
                for row in rows}

    # -- copying ---------------------------------------------------------------------------------------------

    def _begin(self, target: Log, relation: _Relation) -> bool:
        """Close the new location until the copy is complete; return whether all annotations have to be copied."""
        def begin(conn: sa.Connection) -> bool:
            # After an interrupted move, it isn't known how many annotations were copied.
            is_fresh = relation.replace or not relation.n_same or read_move(conn).coming_from is not None
            if relation.replace:
                conn.execute(delete(EVENT))
            if is_fresh:
                conn.execute(delete(ANNOTATION))
            Move(coming_from=self.here, by=self._id).write(conn)
            return is_fresh
        return target.transact(begin, writes=True)

    @staticmethod
    def _add(target: Log, table: sa.Table, rows: Sequence[Sequence[Any]], stale: Sequence[Sequence[Any]],
             conn: sa.Connection) -> None:
        """Insert rows, replacing the annotations of stale (item, annotator) pairs."""
        if stale:
            conn.execute(_FORGET, [{"of_item": row[1], "by": row[2]} for row in stale])
        target.add_rows(conn, table, rows)

    def _copy_events(self, target: Log, since: int) -> int:
        """Copy the events after a number, unchanged, up to the newest one now; return its number."""
        last = self.log.last_seq()
        with self._bars(last - since, title=f"Copying the events of {self.log.name}", unit="event") as done:
            for rows in _pages(_reader(self.log), select(EVENT).where(EVENT.c.seq <= last), EVENT.c.seq, since):
                _check(self.log, rows)
                self._write(target, partial(self._add, target, EVENT, rows, ()))
                done(len(rows))
        return last

    def _copy_annotations(self, target: Log, since: int, *, is_fresh: bool) -> None:
        """Copy the annotations that changed after an event; later changes are left for the next call."""
        self._annotated = last = self.log.last_seq()
        statement = select(ANNOTATION).where(ANNOTATION.c.seq <= last)
        with self._bars(None, title=f"Copying the annotations of {self.log.name}") as done:
            for rows in _pages(_reader(self.log), statement, ANNOTATION.c.seq, since):
                self._write(target, partial(self._add, target, ANNOTATION, rows, () if is_fresh else rows))
                done(len(rows))

    def _copy_rest(self, target: Log, generation: int, since: int) -> None:
        """Copy the events and annotations stored meanwhile; nothing more can be stored now."""
        last = self.log.last_seq()
        if self.log.generation != generation:  # the log was joined, or redacted, meanwhile
            self._begin(target, _Relation(0, replace=True))
            self._copy_events(target, 0)
            self._copy_annotations(target, 0, is_fresh=True)
        else:
            self._copy_events(target, since)
            self._copy_annotations(target, self._annotated, is_fresh=False)
        if (n := target.last_seq()) != last:
            raise StoreError(f"{self.there} has {n:,} events of {last:,} after they were copied: somebody else wrote "
                             "there. Nothing was changed here. Try again.")

    def _copy_files(self, there: TeamFiles) -> list[str]:
        """Copy the files of the team; return the names of those that are damaged here."""
        lost = []
        for name in self.files.names():
            source, place = self.files.here(self.files.folder / name), there.folder / name
            if not source.is_file():
                lost.append(name)
                continue
            try:
                if not place.exists() or not (source.samefile(place) or filecmp.cmp(source, place, shallow=False)):
                    make_folder(place.parent)
                    with write_whole(place) as part:
                        shutil.copyfile(source, part)
            except HitlError:
                raise
            except OSError as error:
                raise DiskFull(f"{place} can't be written ({error.strerror or error}). Make room there, and call "
                               "wb.move_to(...) again.") from error
            there.share(place, replace=name in POOL)
        return lost

    def _open(self, target: Log) -> None:
        """Open the new location for use, as the last step."""
        self.log.last_seq()
        generation = self.log.generation
        try:
            self._write(target, lambda conn: _open(conn, generation))
        except StoreError as error:
            raise StoreError(f"it isn't known whether the last step of the move was taken: {error} Call "
                             "wb.move_to(...) again.") from error
        if target.server is not None:  # so that the server's query planner has statistics at once
            target.transact(lambda conn: conn.exec_driver_sql("ANALYZE event, annotation"))


def _open(conn: sa.Connection, generation: int) -> None:
    conn.execute(delete(ABOUT).where(ABOUT.c.name == GENERATION))
    if generation:
        add(conn, ABOUT, [{"name": GENERATION, "value": str(generation)}])
    Move().write(conn)


def _check(log: Log, rows: Sequence[Sequence[Any]]) -> None:
    """Raise LogDamaged if an event isn't as it was stored."""
    if fault := rows_fault(rows):
        raise log.unreadable(ValueError(fault))


def _reader(log: Log) -> Reader:
    """A function that reads a page in a transaction of its own, so that writers don't wait for longer than a page."""
    def read(statement: sa.Select[Any], since: int) -> Sequence[Any]:
        return log.transact(lambda conn: _fetch(conn, statement, since))
    return read


def _fetch(conn: sa.Connection, statement: sa.Select[Any], since: int) -> Sequence[Any]:
    cursor = conn.execute(statement, {"since": since}).cursor
    return cursor.fetchall() if cursor else ()  # plain tuples


def _pages(read: Reader, statement: sa.Select[Any], by: sa.Column[Any], since: int) -> Iterator[Sequence[Any]]:
    """The rows of a statement whose first column is `by`, after a number, a chunk at a time."""
    page = statement.where(by > _SINCE).order_by(by).limit(CHUNK)
    while rows := read(page, since):
        yield rows
        since = rows[-1][0]
