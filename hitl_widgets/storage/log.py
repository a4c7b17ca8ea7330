"""What has been done in this project, and what stands?

Read `Log.append` and `standing` first: one makes an act durable, the other says which of a person's decisions on
an item holds. Everything else here is a way to read the log, or to keep a copy of it.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, select

from ..errors import BadInput, DiskFull, HitlError, IdReused, LogBusy, LogDamaged, ReadOnly, StoreError
from ..events import Event, canonical, stored
from ..records import LABELLING, utc_now
from . import backups as copies
from .backups import Copy
from .lock import is_local, take
from .schema import (
    ANNOTATION,
    BUSY_S,
    CLAIM,
    EVENT,
    SCHEMA,
    about_of,
    add,
    annotation_of,
    connect,
    event_of,
    make,
    make_durable,
    microseconds,
    row_of,
)

_T = TypeVar("_T")


class Unplaced(NamedTuple):
    """An annotation that says that an item has no place in the taxonomy yet, or none that was found;
    `seq` is that of its decision."""

    seq: int
    item_id: str
    annotator: str
    verdict: str
    label_id: str | None
    taxonomy: int | None
    flags: str | None
    note: str | None



# A reader keeps writers waiting for one chunk, which is tens of milliseconds; older SQLites compare with no more
# than 999 values in a statement.
_CHUNK, _VALUES = 2_000, 400
# Below this, reading every page at opening isn't felt. Larger logs are checked whenever a copy is kept.
_CHECKED_AT_OPENING = 64 * 2**20

_SINCE: sa.BindParameter[int] = bindparam("since")
_ITEMS: sa.BindParameter[str] = bindparam("items", expanding=True)
_LAST_SEQ = select(func.max(EVENT.c.seq))
_KNOWN = select(EVENT).where(EVENT.c.id.in_(bindparam("ids", expanding=True)) | EVENT.c.item_id.in_(_ITEMS))
_STANDING = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    ANNOTATION.c.item_id == bindparam("item_id"), ANNOTATION.c.annotator == bindparam("annotator"))
_LATEST = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    ANNOTATION.c.annotator == bindparam("annotator"), ANNOTATION.c.scripted == 0).order_by(
    ANNOTATION.c.acted_at.desc(), EVENT.c.seq.desc()).limit(bindparam("n"))
# Among the latest only: where nobody was timed, a million rows would be gone through to find that out.
_LATELY = select(ANNOTATION.c.shown_ms).order_by(ANNOTATION.c.seq.desc()).limit(bindparam("n")).subquery()
_TIMED = select(_LATELY).where(_LATELY.c.shown_ms.is_not(None))
# Nothing else in a body is called so; and what a note says has its quotes escaped.
_MARKING = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    EVENT.c.body.contains('"wrong":{', autoescape=True) | EVENT.c.body.contains('"missing":{', autoescape=True)
).order_by(EVENT.c.seq)
_CHANGED = select(EVENT.c.item_id).where(EVENT.c.seq > _SINCE, EVENT.c.item_id.is_not(None)).distinct()
_ANSWERS = ANNOTATION.c.verdict.in_(sorted(LABELLING)) & ANNOTATION.c.label_id.is_not(None)
_NEWEST = select(ANNOTATION.c.item_id, ANNOTATION.c.label_id, ANNOTATION.c.taxonomy).where(_ANSWERS).order_by(
    ANNOTATION.c.seq.desc()).limit(bindparam("n"))
# By the number of the decision itself: an undo makes it stand anew, not say it anew.
_UNPLACED = select(EVENT.c.seq, *(ANNOTATION.c[name] for name in Unplaced._fields[1:])).join(
    EVENT, EVENT.c.id == ANNOTATION.c.decision_id).where(
    (ANNOTATION.c.verdict == "unsure") | ANNOTATION.c.flags.contains("not_in_taxonomy", autoescape=True)
    | (_ANSWERS & ANNOTATION.c.label_id.in_(bindparam("labels", expanding=True)))).order_by(EVENT.c.seq)
# What every reading of the annotations needs, to tell which row is the last word.
_WHOSE = ("seq", "item_id", "annotator", "decision_id")
_FORGET = delete(ANNOTATION).where(ANNOTATION.c.item_id == bindparam("of_item"),
                                   ANNOTATION.c.annotator == bindparam("by"))


def standing(events: Iterable[Event]) -> Event | None:
    """Which decision holds, among all that one annotator decided on one item.

    A decision falls when it is retracted, or when another that isn't retracted replaces it. Of those left, the one
    acted last holds. The order in which the events arrived doesn't matter.

    Parameters
    ----------
    events : the "decided" events of one (item, annotator), and the "retracted" events of the item

    Returns
    -------
    Event of kind "decided", or None when nothing stands
    """
    events = list(events)
    taken_back = {event.body["decision_id"] for event in events if event.kind == "retracted"}
    live = [event for event in events if event.kind == "decided" and event.id not in taken_back]
    replaced = {event.body["replaces"] for event in live if event.body.get("replaces", event.id) != event.id}
    return max((event for event in live if event.id not in replaced),
               key=lambda event: (event.acted_at, event.id), default=None)


class Log:
    """The log of one project, in its folder: append-only, durable, shared by threads and by processes.

    Parameters
    ----------
    folder : made when it doesn't exist; holds ``log.db`` and ``copies/``
    now : tells the time, for `stored_at`, claims and copies
    engine : a SQLAlchemy engine to use in place of one made here on ``log.db``
    local : says whether a folder's file system keeps its locks; where not, one process at a time may open it

    Attributes
    ----------
    folder : Path
    id : str, the project's own, made once
    created : bool, whether the log was made just now

    Raises
    ------
    ReadOnly, LogDamaged, LogBusy, DiskFull
        Here and from every method; the message says what to do. Whatever raises has stored nothing.
    StoreError
        If the log was written by a newer version of this package.

    Examples
    --------
    >>> import tempfile
    >>> from hitl_widgets.events import decided
    >>> from hitl_widgets.records import Decision
    >>> with tempfile.TemporaryDirectory() as folder, Log(folder) as log:
    ...     _ = log.append(decided(Decision("decision-1", "img-7", "ann", "answer", label="cat", label_id="L1")))
    ...     log.annotations()["label"]
    ['cat']
    """

    def __init__(self, folder: str | os.PathLike[str], *, now: Callable[[], datetime] = utc_now,
                 engine: sa.Engine | None = None, local: Callable[[Path], bool] = is_local) -> None:
        self.folder = Path(folder).absolute()  # a notebook may change its working directory
        self._path, self._copies = self.folder / "log.db", self.folder / "copies"
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[_Act, None] = {}
        self._closed = False
        self._check_writable()
        self._release = weakref.finalize(self, (lambda: None) if local(self.folder) else take(self.folder))
        self._own = engine is None
        self._engine = engine or connect(self._path)
        self._writer = make_durable(self._engine)
        try:
            self.id, self.created = self._open()
        except BaseException:
            self.close()
            raise

    def _check_writable(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReadOnly(f"the project folder {self.folder} can't be made ({error.strerror}). Choose a folder that "
                           "you may write to.") from error
        for path in (self.folder, self._path):
            if path.exists() and not os.access(path, os.W_OK):
                raise ReadOnly(f"{path} can't be written, so no decision could be kept. Change its permissions, or "
                               "copy the project to a folder of your own and open it there.")

    def _open(self) -> tuple[str, bool]:
        size = self._path.stat().st_size if self._path.exists() else 0
        if self._own and not size and any(self._copies.glob("*.db")):
            # SQLite takes an empty file for a new log, and the project would seem to have no decisions.
            raise self._damaged("it is empty or gone, though copies were made of it")
        about, created = self._read(about_of), False
        if not about:
            about, created = self._write(make)
        if int(about["schema"]) > SCHEMA:
            raise StoreError(f"the log {self._path} was written by a newer hitl_widgets (schema {about['schema']}; "
                             f"this one knows {SCHEMA}). Upgrade with: pip install -U hitl-widgets")
        if self._own and size <= _CHECKED_AT_OPENING and (said := self._read(lambda conn: copies.fault(_raw(conn)))):
            raise self._damaged(said)
        return about["id"], created

    def close(self) -> None:
        """Give up the log. Closing twice is closing once."""
        with self._lock:
            self._closed = True
            if self._own:
                self._engine.dispose()
            self._release()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Log({str(self.folder)!r})"

    def append(self, *events: Event) -> list[Event]:
        """Store events, all or none. When this returns they are on the disk.

        An event whose id is in the log already, saying the same, isn't stored again.

        Returns
        -------
        The events as they lie in the log, with `stored_at` and `seq`, in the order given

        Raises
        ------
        IdReused
            If an id is in the log with another meaning.
        BadInput
            If an event can't be written down: `schema.row_of`.
        """
        if not events:
            return []
        act = _Act(events)
        try:
            self._waiting[act] = None
            with self._lock:
                return self._settle(act) if act.stored is None else act.stored
        finally:
            self._waiting.pop(act, None)

    def _settle(self, mine: _Act) -> list[Event]:
        # One commit serves every thread that came to wait while the last one was written: on a slow disk eight threads
        # wait for two commits, not for eight. An act that was committed but not told so (an interrupt came between) is
        # found by its ids and not stored twice.
        acts = list(self._waiting)
        try:
            there = self._run(self._writer, lambda conn: self._store(conn, acts))
        except (BadInput, OverflowError, TypeError):
            if acts == [mine]:
                raise
            acts = [mine]  # another thread's mistake isn't mine
            there = self._run(self._writer, lambda conn: self._store(conn, acts))
        for act in acts:
            act.stored = [there[event.id] for event in act.events]
            self._waiting.pop(act, None)
        return [there[event.id] for event in mine.events]

    def _store(self, conn: sa.Connection, acts: Sequence[_Act]) -> dict[str, Event]:
        seq, at, there = conn.scalar(_LAST_SEQ) or 0, self._now(), dict[str, Event]()
        for some in _batches([pair for act in acts for pair in zip(act.events, act.rows, strict=True)]):
            about = {event.item_id for event, _ in some if event.kind in ("decided", "retracted")}
            asked = {"ids": [event.id for event, _ in some], "items": list(about)}
            before = {event.id: event for event in map(event_of, _rows(_KNOWN, **asked)(conn))}
            new: dict[str, Event] = {}
            rows = []
            for event, row in some:
                former = before.get(event.id) or new.get(event.id)
                if former is None:
                    seq += 1
                    former = new[event.id] = stored(event, stored_at=at, seq=seq)
                    rows.append({**row, "seq": seq, "stored_at": microseconds(at)})
                elif not former.same_act(event):
                    raise IdReused(f"event id {event.id!r} is in the log already and says: {_told(former)}. It came "
                                   f"again with: {_told(event)}. A new act needs a new id; leave id out to get one.")
                there[event.id] = former
            if rows:
                add(conn, EVENT, rows)
                _restate(conn, list(before.values()), list(new.values()))
        return there

    def claim(self, item_ids: Iterable[str], annotator: str, *, seconds: float) -> list[str]:
        """Hold items for an annotator for a while; an item that they hold already is held anew.

        Returns
        -------
        Those of `item_ids` that are theirs now; items that another annotator holds are left out
        """
        ids, at = list(dict.fromkeys(item_ids)), self._now()
        until = microseconds(at + timedelta(seconds=seconds))

        def hold(conn: sa.Connection) -> list[str]:
            conn.execute(delete(CLAIM).where(CLAIM.c.until <= microseconds(at)))
            taken = {row.item_id: row.annotator for some in _batches(ids)
                     for row in conn.execute(select(CLAIM).where(CLAIM.c.item_id.in_(some)))}
            got = [item_id for item_id in ids if taken.get(item_id, annotator) == annotator]
            for some in _batches(got):
                conn.execute(delete(CLAIM).where(CLAIM.c.item_id.in_(some)))
                add(conn, CLAIM, [{"item_id": item_id, "annotator": annotator, "until": until} for item_id in some])
            return got

        return self._write(hold) if ids else []

    def release(self, item_ids: Iterable[str] | None, annotator: str) -> None:
        """Give up an annotator's claims on these items; on all, when `item_ids` is None."""
        mine = delete(CLAIM).where(CLAIM.c.annotator == annotator)
        each = [mine] if item_ids is None else [mine.where(CLAIM.c.item_id.in_(some))
                                                for some in _batches(list(item_ids))]
        if each:
            self._write(lambda conn: [conn.execute(statement) for statement in each])

    def claims(self, *, exclude: str | None = None) -> dict[str, str]:
        """Item id -> annotator of every claim that hasn't run out, but for those of `exclude`."""
        live = select(CLAIM).where(CLAIM.c.until > microseconds(self._now()),
                                   CLAIM.c.annotator.is_distinct_from(exclude))
        return {row.item_id: row.annotator for row in self._read(lambda conn: conn.execute(live).all())}

    def get(self, id: str) -> Event | None:
        """The event with this id, or None."""
        return self._one(select(EVENT).where(EVENT.c.id == id))

    def standing_of(self, item_id: str, annotator: str) -> Event | None:
        """The decision that stands for an item and an annotator, or None."""
        return self._one(_STANDING, item_id=item_id, annotator=annotator)

    def latest(self, annotator: str, n: int) -> list[Event]:
        """The last n decisions that an annotator made on a screen and that stand, in the order in which they acted."""
        rows = self._read(_rows(_LATEST, annotator=annotator, n=n))
        return [event_of(row) for row in reversed(rows)]

    def paces(self, n: int) -> list[float]:
        """Seconds from paint to key press, of those of the last n decisions that were timed on a screen and stand."""
        return [row[0] / 1000 for row in self._read(_rows(_TIMED, n=n))]

    def newest(self, n: int) -> list[tuple[str, str, int | None]]:
        """The last n answers that stand, the newest first: item_id, label_id and the taxonomy's version as decided."""
        return [tuple(row) for row in self._read(_rows(_NEWEST, n=n))]

    def unplaced(self, label_ids: Iterable[str]) -> list[Unplaced]:
        """What stands as unsure, flagged "not_in_taxonomy", or answered with one of these labels as decided; in the
        order in which it was stored."""
        return list(map(Unplaced._make, self._read(_rows(_UNPLACED, labels=list(label_ids)))))

    def marking(self) -> list[Event]:
        """The decisions that stand and mark a region of their item, in the order in which they were stored."""
        return list(map(event_of, self._read(_rows(_MARKING))))

    def last_seq(self) -> int:
        """The number of the newest event; 0 when there is none."""
        return self._read(lambda conn: conn.scalar(_LAST_SEQ)) or 0

    def changed_items(self, since_seq: int) -> list[str]:
        """Ids of the items that any event after number `since_seq` speaks of, each once, in no order."""
        return list(self._read(lambda conn: conn.scalars(_CHANGED, {"since": since_seq}).all()))

    def events(self, since: int = 0, *, kind: str | Sequence[str] | None = None, item_id: str | None = None,
               annotator: str | None = None) -> Iterator[Event]:
        """The events after number `since`, of one kind or several, in the order in which they were stored."""
        asked = {"kind": kind, "item_id": item_id, "annotator": annotator}
        wanted = select(EVENT).where(EVENT.c.seq > _SINCE).order_by(EVENT.c.seq).limit(_CHUNK).where(
            *(EVENT.c[name] == value if isinstance(value, str) else EVENT.c[name].in_(value)
              for name, value in asked.items() if value is not None))
        for rows in self._chunks(wanted, since):
            yield from map(event_of, rows)

    def events_of(self, item_ids: Sequence[str]) -> Iterator[Event]:
        """The decisions on some items and what took them back, those of one item in the order in which they came."""
        for some in _batches(item_ids):
            yield from map(event_of, sorted(self._read(_rows(_KNOWN, ids=[], items=some))))

    def annotations(self, since_seq: int | None = None, *,
                    columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """What stands for each (item, annotator), as columns: all of them, or those named and seq, item_id, annotator
        and decision_id, which is quicker.

        With `since_seq`: all that stands, by any annotator, for the items in ``changed_items(since_seq)``. If such an
        item is missing here, its last decision was taken back.

        Returns
        -------
        Lists of equal length, in no order: item_id, annotator, decision_id, verdict, label_id and label as decided,
        certainty, certainty_source, flags (tuples), note, acted_at (int, microseconds UTC), model, taxonomy, hidden,
        scripted, chosen_by, shown_ms, content, and seq (of the event that brought it about)
        """
        start = self.last_seq()
        names = ANNOTATION.c.keys() if columns is None else list(dict.fromkeys((*_WHOSE, *columns)))
        wanted = select(*(ANNOTATION.c[name] for name in names))
        table: dict[str, list[Any]] = {name: [] for name in names}
        with gc_paused():
            everything = wanted.where(ANNOTATION.c.seq > _SINCE).order_by(ANNOTATION.c.seq).limit(_CHUNK)
            for rows in self._chunks(everything, 0) if since_seq is None else self._of_changed(wanted, since_seq):
                for name, values in zip(names, zip(*rows, strict=True), strict=True):
                    table[name].extend(values)
        n_rows = len(table["seq"])
        if n_rows and (table["seq"][-1] > start or None in table["decision_id"]):
            # Where somebody wrote meanwhile, what changed came again, further on, and the last word counts.
            pairs = zip(table["item_id"], table["annotator"], strict=True)
            last = {pair: row for row, pair in enumerate(pairs)}.values()
            kept = [row for row in last if table["decision_id"][row] is not None]
            table = {name: [column[row] for row in kept] for name, column in table.items()}
        if "flags" in table:
            table["flags"] = [tuple(flags.split()) if flags else () for flags in table["flags"]]
        for name in {"hidden", "scripted"} & table.keys():
            table[name] = list(map(bool, table[name]))
        return table

    def changed_annotations(self, since: int, item_ids: Sequence[str] = (), *,
                            columns: Sequence[str]) -> dict[str, list[Any]]:
        """The annotations that events after number `since` brought about, and those of some items besides.

        Columns as `annotations`, with the flags as one text. Each item and annotator comes once; decision_id is None
        where every decision was taken back.
        """
        names = list(dict.fromkeys((*_WHOSE, *columns)))
        wanted = select(*(ANNOTATION.c[name] for name in names))
        rows = [row for some in _batches(item_ids)
                for row in self._read(_rows(wanted.where(ANNOTATION.c.item_id.in_(_ITEMS)), items=some))]
        later = wanted.where(ANNOTATION.c.seq > _SINCE).order_by(ANNOTATION.c.seq).limit(_CHUNK)
        rows += chain.from_iterable(self._chunks(later, since))
        last = {row[1:3]: row for row in rows}.values()  # what changed meanwhile came again, and the last word counts
        return {name: [row[column] for row in last] for column, name in enumerate(names)}

    def _of_changed(self, wanted: sa.Select[Any], since_seq: int) -> Iterator[Sequence[Any]]:
        for some in _batches(self.changed_items(since_seq)):
            if rows := self._read(_rows(wanted.where(ANNOTATION.c.item_id.in_(_ITEMS)), items=some)):
                yield rows

    def _chunks(self, statement: sa.Select[Any], since: int) -> Iterator[Sequence[Any]]:
        """The rows of a statement in the order of `seq`, its first column, a chunk at a time."""
        while rows := self._read(_rows(statement, since=since)):
            yield rows
            since = rows[-1][0]

    def _one(self, statement: sa.Select[Any], **values: str) -> Event | None:
        rows = self._read(_rows(statement, **values))
        return event_of(rows[0]) if rows else None

    def snapshot(self, path: str | os.PathLike[str]) -> Path:
        """Write a consistent, checked copy of the log to any path, where it replaces what is there."""
        return self._copy(lambda log: copies.snapshot(log, Path(path)))

    def keep_copy(self, name: str) -> Path:
        """Put a checked copy into ``copies/``, where the newest ten stay."""
        return self._copy(lambda log: copies.keep(log, self._copies, name, made_at=self._now()))

    def copies(self) -> list[Copy]:
        """The copies kept, newest first: (path, n_decisions, made_at); n_decisions is None for a damaged one."""
        return list(copies.listed(self._copies))

    def _copy(self, write: Callable[[sqlite3.Connection], Path]) -> Path:
        def copy(conn: sa.Connection) -> Path:
            log = _raw(conn)
            try:
                return write(log)
            except LogDamaged as error:
                raise self._damaged(str(error)) from error
            except (OSError, sqlite3.Error) as error:
                shut = isinstance(error, OSError) or "unable to open" in str(error)
                raise (ReadOnly if shut else DiskFull)(
                    f"no copy of the log could be written ({error}). The log itself is as it was. "
                    f"{'Choose a folder that you may write to' if shut else 'Make room'}, and try again.") from error

        return self._read(copy)

    def _read(self, act: Callable[[sa.Connection], _T]) -> _T:
        return self._run(self._engine, act)

    def _write(self, act: Callable[[sa.Connection], _T]) -> _T:
        with self._lock:
            return self._run(self._writer, act)

    def _run(self, engine: sa.Engine, act: Callable[[sa.Connection], _T]) -> _T:
        self._check_open()
        try:
            with engine.connect() as conn:
                try:
                    got = act(conn)
                    conn.commit()
                    return got
                except BaseException:
                    # Thrown away, not trusted: interrupted in its commit, SQLAlchemy takes the transaction for ended.
                    conn.invalidate()
                    raise
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise self._explained(error) from error

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the log of {self.folder} was closed here. Open the project again.")

    def _damaged(self, why: str) -> LogDamaged:
        return copies.damaged(self._path, self._copies, why)

    def _explained(self, error: Exception) -> HitlError:
        said = str(getattr(error, "orig", error))
        if isinstance(error, sa.exc.InterfaceError | sa.exc.ProgrammingError):
            return BadInput(f"the log can't hold one of these values: {said}.")
        # Told apart by SQLite's words: its codes reach Python from 3.11 on only.
        gone = self._engine.dialect.name == "sqlite" and not self._path.exists()
        if "locked" in said:
            return LogBusy(f"the log {self._path} was held by another program for {BUSY_S:.0f} s; nothing was stored. "
                           "Another notebook may be writing a lot, or a backup holds the file. Try again.")
        if gone or "readonly" in said or "unable to open" in said:
            return ReadOnly(f"the log {self._path} can't be written ({said}): it was moved or deleted, or its "
                            "permissions changed; nothing was stored. Put it right and open the project again.")
        if "full" in said or "disk I/O" in said:
            return DiskFull(f"the log {self._path} couldn't be written ({said}): the disk is full or failing, or your "
                            "quota is used up. Nothing was half stored. Make room and try again, without a restart.")
        if "malformed" in said or "not a database" in said:
            return self._damaged(said)
        return StoreError(f"the log {self._path} refused: {said}.")


@contextmanager
def gc_paused() -> Iterator[None]:
    """For reading a large log: it makes a million strings, and the collector would go through all of them again and
    again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Act:
    """What one call of `append` wants stored, and the events as stored once they are."""

    __slots__ = ("events", "rows", "stored")

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.rows = [row_of(event) for event in events]
        self.stored: list[Event] | None = None


def _restate(conn: sa.Connection, before: Sequence[Event], new: Sequence[Event]) -> None:
    """Bring the annotations up to date with new events, given all that the log has of their items."""
    of_item: defaultdict[str | None, list[Event]] = defaultdict(list)
    for event in (*before, *new):
        of_item[event.item_id].append(event)
    decided = {event.id: event for event in (*before, *new) if event.kind == "decided"}
    touched: dict[tuple[str | None, str], int | None] = {}
    for event in new:
        # A retraction may be by another's hand, or come before its decision.
        decision = decided.get(event.body["decision_id"] if event.kind == "retracted" else event.id)
        if decision is not None and decision.item_id == event.item_id:
            touched[decision.item_id, decision.annotator] = event.seq
    stale = {(event.item_id, event.annotator) for event in before if event.kind == "decided"} & touched.keys()
    if stale:
        conn.execute(_FORGET, [{"of_item": item_id, "by": annotator} for item_id, annotator in stale])
    if touched:
        add(conn, ANNOTATION, [
            {"seq": seq, "item_id": item_id, "annotator": annotator, **annotation_of(standing(
                event for event in of_item[item_id] if event.kind == "retracted" or event.annotator == annotator))}
            for (item_id, annotator), seq in touched.items()])


def _rows(statement: sa.Select[Any], **values: Any) -> Callable[[sa.Connection], Sequence[Any]]:
    def rows(conn: sa.Connection) -> Sequence[Any]:
        cursor = conn.execute(statement, values).cursor
        return cursor.fetchall() if cursor else ()  # plain tuples: a Row for each would take as long again

    return rows


def _raw(conn: sa.Connection) -> sqlite3.Connection:
    connection = conn.connection.driver_connection
    if not isinstance(connection, sqlite3.Connection):
        raise StoreError(f"only a log in SQLite can be copied here; this one is in {conn.engine.name}.")
    return connection


def _batches(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[i:i + _VALUES] for i in range(0, len(values), _VALUES))


def _told(event: Event) -> str:
    said = canonical(event.body)
    return f"{event.annotator} {event.kind} {event.item_id!r} {said if len(said) <= 200 else said[:200] + ' ...'}"
