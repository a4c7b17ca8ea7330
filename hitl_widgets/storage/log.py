"""The log of a project: append-only events, and the annotations that follow from them.

`Log.append` makes events durable. The other methods of `Log` read it, hold items for an annotator, or keep copies. The
databases' own parts are in `sqlite` and `postgres`.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import bindparam, delete, func, select

from ..errors import BadInput, LogDamaged, StoreError
from ..events import KINDS, Event
from ..records import LABELLING, utc_now
from .appending import GENERATION, Act, Appender, Rewritten, about_value
from .backups import Copy, listed
from .checks import UNREADABLE, Outdated, is_intact
from .derived import derive
from .location import Location, ServerLocation, locate
from .lock import is_local
from .migrations import is_current, make, migrate, reseal
from .moved import MOVE, Move, refusal
from .redaction import Redactions, redactions_in
from .schema import (
    ABOUT,
    ANNOTATION,
    CLAIM,
    EVENT,
    OF_LABELS,
    about_of,
    add,
    batches,
    event_of,
    microseconds,
    rows_of,
)
from .sqlite import Database

_T = TypeVar("_T")
logger = logging.getLogger(__name__)


class Unplaced(NamedTuple):
    """An annotation without a place in the taxonomy, such as "unsure"; `seq` is the number of its decision."""

    seq: int
    item_id: str
    annotator: str
    verdict: str
    label_id: str | None
    taxonomy: int | None
    flags: str | None
    note: str | None


# Rows that are read at once; writers wait for one chunk, which takes tens of milliseconds.
_CHUNK = 2_000

_SINCE: sa.BindParameter[int] = bindparam("since")
_ITEMS: sa.BindParameter[str] = bindparam("items", expanding=True)
# Acts outside their person's role don't count anywhere.
_ALLOWED = EVENT.c.aside == 0


_LAST_SEQ = select(func.max(EVENT.c.seq), about_value(GENERATION))
_NEXT_NAME = select(func.min(EVENT.c.annotator)).where(EVENT.c.annotator > bindparam("name"))
_IDS = select(EVENT.c.id).where(EVENT.c.id.in_(bindparam("ids", expanding=True)))
_ABOUT_ITEMS = select(EVENT).where(EVENT.c.item_id.in_(_ITEMS), _ALLOWED)
_STANDING = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    ANNOTATION.c.item_id == bindparam("item_id"), ANNOTATION.c.annotator == bindparam("annotator"))
_STANDING_IDS = select(ANNOTATION.c.item_id, ANNOTATION.c.decision_id).where(
    ANNOTATION.c.item_id.in_(_ITEMS), ANNOTATION.c.annotator == bindparam("annotator"),
    ANNOTATION.c.decision_id.is_not(None))
_LATEST = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    ANNOTATION.c.annotator == bindparam("annotator"), ANNOTATION.c.scripted == 0).order_by(
    ANNOTATION.c.acted_at.desc(), EVENT.c.seq.desc()).limit(bindparam("n"))
_RECENT = select(ANNOTATION.c.item_id).where(
    ANNOTATION.c.annotator == bindparam("annotator"), ANNOTATION.c.verdict != "skip").order_by(
    ANNOTATION.c.acted_at.desc(), ANNOTATION.c.seq.desc()).limit(bindparam("n"))
# Only among the latest: if nobody was timed, the query would have to read a million rows.
_LATELY = select(ANNOTATION.c.shown_ms).order_by(ANNOTATION.c.seq.desc()).limit(bindparam("n")).subquery()
_TIMED = select(_LATELY).where(_LATELY.c.shown_ms.is_not(None))
# An answer to a planted suggestion isn't a vote.
_COUNTS = func.coalesce(ANNOTATION.c.planted, 0) == 0
# No other key of a body has this name, and quotes inside a note are escaped.
_JUDGING = select(EVENT).join(ANNOTATION, EVENT.c.id == ANNOTATION.c.decision_id).where(
    _COUNTS, EVENT.c.body.contains('"reason":"', autoescape=True)).order_by(EVENT.c.seq)
_CHANGED = select(EVENT.c.item_id).where(
    EVENT.c.seq > _SINCE, EVENT.c.kind.in_(("decided", "retracted")), _ALLOWED).distinct()
# Reads only the index, no rows.
_REVISITED = select(EVENT.c.item_id).where(EVENT.c.item_id.is_not(None)).group_by(EVENT.c.item_id).having(
    func.count() > 1)
_ANSWERS = ANNOTATION.c.verdict.in_(sorted(LABELLING)) & ANNOTATION.c.label_id.is_not(None) & _COUNTS
_NEWEST = select(ANNOTATION.c.item_id, ANNOTATION.c.label_id, ANNOTATION.c.taxonomy).where(_ANSWERS).order_by(
    ANNOTATION.c.seq.desc()).limit(bindparam("n"))
# Ordered by the number of the decision itself, since an undo changes which decision is current, not when it was made.
_UNPLACED = select(EVENT.c.seq, *(ANNOTATION.c[name] for name in Unplaced._fields[1:])).join(
    EVENT, EVENT.c.id == ANNOTATION.c.decision_id).where(
    ((ANNOTATION.c.verdict == "unsure") & _COUNTS)
    | (ANNOTATION.c.flags.contains("not_in_taxonomy", autoescape=True) & _COUNTS)
    | (_ANSWERS & ANNOTATION.c.label_id.in_(bindparam("labels", expanding=True)))).order_by(EVENT.c.seq)
# Columns that are always read, to find the newest row.
_KEY_COLUMNS = ("seq", "item_id", "annotator", "decision_id")


class Log:
    """The log of one project: append-only, durable, safe for threads and for several processes.

    Parameters
    ----------
    location : str, path or Location
        The project's folder, which is made if it doesn't exist and holds ``log.db`` and ``copies/``; or its location on
        a server, see `location.locate`.
    now : callable
        Returns the time, for `stored_at`, claims and copies. By default it is the server's clock or, for a folder, this
        machine's.
    engine : sqlalchemy.Engine or None
        Used in place of one made here on ``log.db``.
    local : callable
        Whether the locks of a folder's file system are reliable. If they aren't, one process at a time may open it.
    coming : (str, str) or None
        For `transfer`, which moves a project here: its id and former location, to make a new log. With it, a location
        at which a project isn't complete yet can be opened, too.

    Attributes
    ----------
    location : Location
        The location of the log.
    name : str
        The project's name in messages.
    n_writes : int
        Number of transactions of this object that wrote, or tried to.
    id : str
        The project's own id, made once.
    created : bool
        Whether the log was made just now.
    rebuilt : bool
        Whether its table of annotations didn't agree with the events and was rebuilt.

    Raises
    ------
    ReadOnly, LogDamaged, LogBusy, DiskFull
        The constructor and every method may raise these; the message says what to do. Nothing was stored then.
    StoreError
        If the log was written by a newer version of this package.

    Notes
    -----
    A standing decision is an annotator's current decision on an item, which hasn't been retracted or replaced by a
    later one (see `events.standing`).

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

    def __init__(self, location: str | os.PathLike[str] | Location, *, now: Callable[[], datetime] = utc_now,
                 engine: sa.Engine | None = None, local: Callable[[Path], bool] = is_local,
                 coming: tuple[str, str] | None = None) -> None:
        self.location = location if isinstance(location, Location) else locate(location)
        self.name, self._now = self.location.name, now
        self._lock = threading.Lock()
        self._waiting: dict[Act, None] = {}
        self._closed = self.rebuilt = False
        self.gone: str | None = None  # after a move: the new location, as the row of `about`
        self.n_writes = 0
        # Set by the follower of the log: the generation that it has taken in, and a function that replaces events which
        # were made before it noticed a newer generation.
        self.taken_in: int | None = None
        self.catch_up: Callable[[Sequence[Event], int | None], Sequence[Event]] | None = None
        self._aside: tuple[int, int, tuple[Event, ...]] = 0, 0, ()  # of a generation, up to an event
        self._aside_lock = threading.Lock()
        self._database = _database(self.location, engine=engine, local=local)
        # A server's clock is the same for all; a clock that was passed takes precedence.
        self._clock = self._database.clock if now is utc_now else sa.null()
        try:
            self.created = self._create({} if coming is None else {"id": coming[0], **Move(coming_from=coming[1]).row})
            self._read(self._database.check_structure)
            while not self._read(is_current):
                # The copy is read through another connection: SQLite copies nothing from one that is writing.
                self._write(lambda conn: migrate(conn, at=now(), keep_copy=self.keep_copy))
            about = self._read(about_of)
            is_coming = Move.of(about.get(MOVE)).coming_from is not None
            if is_coming and coming is None:
                raise refusal(about.get(MOVE), self.name) or AssertionError
            if not is_coming and not self._read(lambda conn: self._database.check(conn, at=now())):
                self._rebuild()
            self.id = about["id"]
            self._appender = Appender(self._database, self._event, self._redactions_in, name=self.name, id=self.id,
                                      now=now, clock=self._clock, generation=int(about.get(GENERATION, 0)))
        except BaseException:
            self.close()
            raise

    def _create(self, about: Mapping[str, str]) -> bool:
        try:
            return self._database.create(lambda conn: make(conn, at=self._now(), about=about))
        except (sa.exc.DBAPIError, self._database.Error, OSError) as error:
            if isinstance(error, StoreError):
                raise
            raise self._database.explained(error) from error

    def _rebuild(self) -> None:
        """Rebuild indexes and annotations if they don't agree with the events, after keeping a copy."""
        def keep_copy() -> Path:
            return self._read(lambda conn: self._database.keep_copy(conn, "before-rebuild", made_at=self._now(),
                                                                    derived=False))

        if self._write(lambda conn: self._database.rebuild(conn, keep_copy=keep_copy)):
            self.rebuilt = True
            logger.warning("the annotations in the log of %s were damaged and made anew from its events", self.name)

    @property
    def folder(self) -> Path | None:
        """The project's folder, absolute; None if the log is on a server."""
        return None if isinstance(self.location, ServerLocation) else self.location.folder

    @property
    def server(self) -> ServerLocation | None:
        """The location on a server; None if the log is in a folder."""
        return self.location if isinstance(self.location, ServerLocation) else None

    @property
    def generation(self) -> int:
        """How often the log's events were reordered, as far as this object knows: see `rewrite`."""
        return self._appender.generation

    def close(self) -> None:
        """Close the log. A second call does nothing."""
        with self._lock:
            self._closed = True
            self._database.close()

    def discard(self) -> None:
        """Close a log that was made just now, for a project that could not be opened, and remove it."""
        self.close()
        if self.created:
            self._database.discard()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Log({str(self.location)!r})"

    def append(self, *events: Event, known: Collection[str] | None = None, since: int | None = None,
               keep_aside: bool = False, generation: int | None = None) -> list[Event]:
        """Store events, all of them or none. When this returns they are on the disk.

        An event that is in the log already, with the same id and meaning, isn't stored again.

        Parameters
        ----------
        *events : Event
        known : collection of str or None
            For decisions: ids of the earlier decisions that the person has seen. None skips the check.
        since : int or None
            For decisions: number of the newest event that was known when they were made. None skips the check.
        keep_aside : bool
            Store an event even if its person's role doesn't allow it: it doesn't count anywhere, and its `aside` is
            True. Otherwise it is refused.
        generation : int or None
            The value of `generation` when the events were made; None for the one that was taken in last.

        Returns
        -------
        list of Event
            The stored events, with `stored_at` and `seq`, in the order of the arguments.

        Raises
        ------
        IdReused
            If an id is in the log with another meaning.
        AlreadyDecided
            If the annotator's current decision on the item is neither a skip nor among `known`, or anything was stored
            about one of the items after event number `since`.
        NotAllowed
            If the role of an event's person doesn't allow it.
        BadInput
            If an event can't be written as a row: `schema.row_of`.
        """
        if not events:
            return []
        made = self.taken_in if generation is None else generation
        act = Act(events, known, since, made, keep_aside=keep_aside)
        try:
            self._waiting[act] = None
            with self._lock:
                try:
                    return self._settle(act) if act.stored is None else act.stored
                finally:
                    self.n_writes += 1
        except Rewritten:
            assert self.catch_up is not None
            return self.append(*self.catch_up(events, made), known=known, since=since, keep_aside=keep_aside)
        finally:
            self._waiting.pop(act, None)

    def _settle(self, mine: Act) -> list[Event]:
        # One commit serves all threads that were waiting during the last one: on a slow disk, eight threads wait for
        # two commits, not for eight. An act that was committed while its caller was interrupted is recognised by its
        # ids and not stored twice.
        acts = list(self._waiting)
        try:
            events = self._run(self._database.writer, lambda conn: self._appender.store(conn, acts), again=True)
        except (BadInput, OverflowError, TypeError, Rewritten):
            if acts == [mine]:
                raise
            acts = [mine]  # another thread's mistake isn't mine
            events = self._run(self._database.writer, lambda conn: self._appender.store(conn, acts), again=True)
        for act in acts:
            act.stored = [events[event.id] for event in act.events]
            self._waiting.pop(act, None)
        return [events[event.id] for event in mine.events]

    def who(self, name: str) -> str:
        """The number of a person who was forgotten in this project; every other name unchanged.

        After this call, a forgotten name is also removed from texts that are stored.
        """
        return self.redactions.who(name)

    @property
    def redactions(self) -> Redactions:
        """The project's redactions, as far as this process knows."""
        if not self._closed:
            self._appender.look_up_redactions(self._read)
        return self._appender.redactions

    def _redactions_in(self, conn: sa.Connection) -> Redactions:
        try:
            return redactions_in(conn)
        except UNREADABLE as error:
            raise self.unreadable(error) from error

    @property
    def closed(self) -> bool:
        """Whether this object was closed, so that nothing can be read from it any more."""
        return self._closed

    def read(self, act: Callable[[sa.Connection], _T]) -> _T:
        """Run a function on a read-only connection."""
        return self._read(act)

    def write(self, act: Callable[[sa.Connection], _T]) -> _T:
        """Run a function in a write transaction, which waits for its turn. Only `rewrite` changes events."""
        return self._write(act)

    def erase(self) -> bool:
        """Rewrite the database, so that no removed content is left in it; False if that isn't permitted."""
        with self._lock:
            self._check_open()
            try:
                return self._database.erase()
            except (sa.exc.DBAPIError, self._database.Error) as error:
                raise self._database.explained(error) from error

    def append_within(self, conn: sa.Connection, *events: Event) -> list[Event]:
        """Store events, all of them or none, in the transaction of a `rewrite`; see `append`."""
        by_id = self._appender.store(conn, [Act(events)])
        return [by_id[event.id] for event in events]

    def rewrite(self, name: str | None, change: Callable[[sa.Connection], _T]) -> _T:
        """Change events or their order, to join two logs, to redact, or to take acts in; no other method does.

        Indexes and annotations are rebuilt in the same transaction, and every process that has the log open replays
        it.

        Parameters
        ----------
        name : str or None
            Name of the copy that a folder keeps of the log before the change; None keeps no copy.
        change : callable
            Changes rows of `schema.EVENT` on a connection. Afterwards `seq` must count from 1, and `tick` never fall.

        Returns
        -------
        object
            The result of `change`. If it raises, nothing is changed.

        Raises
        ------
        StoreError
            If the events aren't numbered from 1 afterwards.
        """
        if name is not None:
            self.keep_copy(name)

        def act(conn: sa.Connection) -> _T:
            schema, id, move = conn.execute(select(about_value("schema"), about_value("id"), about_value(MOVE))).one()
            self._appender.check_same(schema, id, move)
            result = change(conn)
            n, first, last = conn.execute(select(func.count(), func.min(EVENT.c.seq), func.max(EVENT.c.seq))).one()
            if n and (first, last) != (1, n):
                raise StoreError(f"{n:,} events are numbered from {first:,} to {last:,}; 1 to {n:,} is expected. "
                                 "Nothing was changed.")
            derive(conn)
            generation = int(conn.scalar(select(about_value(GENERATION))) or 0) + 1
            conn.execute(delete(ABOUT).where(ABOUT.c.name == GENERATION))
            add(conn, ABOUT, [{"name": GENERATION, "value": str(generation)}])
            reseal(conn)
            self._database.notify(conn, last or 0)
            return result

        return self._write(act)

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard`, on another thread, when a process has stored something; the function that is returned ends it.

        A server notifies at once, a folder never: poll every few seconds, also with a server, since a connection may
        break.
        """
        return self._database.listen(heard)

    def claim(self, item_ids: Iterable[str], annotator: str, *, seconds: float) -> list[str]:
        """Claim items for an annotator for a number of seconds from now, also items that they have claimed already.

        Returns
        -------
        list of str
            The items among `item_ids` that the annotator holds now, without items held by others.
        """
        ids, annotator = list(dict.fromkeys(item_ids)), self.who(annotator)

        def hold(conn: sa.Connection) -> list[str]:
            at = self._time()
            return self._database.hold(conn, ids, annotator, at=at, until=at + round(seconds * 1e6))

        return self._claiming(hold) if ids else []

    def _time(self) -> Any:
        """The time for claims, in microseconds since 1970; for a server, an expression computed there."""
        return microseconds(self._now()) if isinstance(self._clock, sa.sql.elements.Null) else self._clock

    def _claiming(self, act: Callable[[sa.Connection], _T]) -> _T:
        if self._database.claimer is self._database.writer:
            return self._write(act)
        # Each statement is a transaction of its own, so that a claim is one round trip to the server.
        return self._run(self._database.reader, act, again=True)

    def release(self, item_ids: Iterable[str] | None, annotator: str) -> None:
        """Release an annotator's claims on these items, or all their claims if `item_ids` is None."""
        mine = delete(CLAIM).where(CLAIM.c.annotator == annotator)
        statements = [mine] if item_ids is None else [mine.where(CLAIM.c.item_id.in_(batch))
                                                      for batch in batches(list(item_ids))]
        if statements:
            self._claiming(lambda conn: [conn.execute(statement) for statement in statements])

    def claims(self, *, exclude: str | None = None) -> dict[str, str]:
        """The claims that haven't run out, without those of `exclude`: item id -> annotator."""
        def live(conn: sa.Connection) -> Sequence[Any]:
            return conn.execute(select(CLAIM).where(CLAIM.c.until > self._time(),
                                                    CLAIM.c.annotator.is_distinct_from(exclude))).all()

        return {row.item_id: row.annotator for row in self._read(live)}

    def get(self, id: str) -> Event | None:
        """The event with this id; None if there is none, or it was set aside."""
        return self._one(select(EVENT).where(EVENT.c.id == id, _ALLOWED))

    def set_aside_events(self) -> list[Event]:
        """The acts that were set aside, in the order in which they were stored.

        They don't count, because the person's role didn't allow them. Results are cached, and later calls read only
        later events.
        """
        with self._aside_lock:
            last, (generation, since, found) = self.last_seq(), self._aside
            if generation != self.generation or since > last:
                generation, since, found = self.generation, 0, ()
            if since < last:
                statement = select(EVENT).where(EVENT.c.seq > since, EVENT.c.seq <= last, EVENT.c.aside != 0)
                found = (*found, *map(self._event, self._read(rows_of(statement.order_by(EVENT.c.seq)))))
                self._aside = generation, last, found
            return list(found)

    def is_aside(self, id: str) -> bool:
        """Whether the event with this id is one that was set aside."""
        return bool(self._read(lambda conn: conn.scalar(select(EVENT.c.aside).where(EVENT.c.id == id))))

    def people(self) -> set[str]:
        """The people who acted here themselves, without those whose answers were only imported."""
        acted = select(EVENT.c.annotator).where(
            EVENT.c.kind.not_in(("decided", "repeated", "retracted", "told"))).union(
            select(ANNOTATION.c.annotator).where(ANNOTATION.c.chosen_by.is_distinct_from("import")))
        return set(self._read(lambda conn: conn.scalars(acted).all()))

    def known_ids(self, ids: Sequence[str]) -> set[str]:
        """The ids among these that belong to an event of any kind."""
        return {str(row[0]) for batch in batches(ids) for row in self._read(rows_of(_IDS, ids=batch))}

    def is_retracted(self, decision: Event) -> bool:
        """Whether a decision was retracted by anybody."""
        return any(event.kind == "retracted" and event.body["decision_id"] == decision.id
                   for event in self.events_of([decision.item_id or ""]))

    def standing_of(self, item_id: str, annotator: str) -> Event | None:
        """The standing decision of an annotator on an item, or None."""
        return self._one(_STANDING, item_id=item_id, annotator=annotator)

    def standing_ids(self, item_ids: Iterable[str], annotator: str) -> dict[str, str]:
        """An annotator's standing decisions on some items: item_id -> decision id."""
        return {str(item_id): str(decision_id) for batch in batches(list(item_ids))
                for item_id, decision_id in self._read(rows_of(_STANDING_IDS, items=batch, annotator=annotator))}

    def latest(self, annotator: str, n: int) -> list[Event]:
        """The last n standing decisions that an annotator made on a screen, in the order of `acted_at`."""
        rows = self._read(rows_of(_LATEST, annotator=annotator, n=n))
        return [self._event(row) for row in reversed(rows)]

    def recent_items(self, annotator: str, n: int) -> list[str]:
        """The items of the last n standing decisions of an annotator, unordered."""
        return list(self._read(lambda conn: conn.scalars(_RECENT, {"annotator": annotator, "n": n}).all()))

    def paces(self, n: int) -> list[float]:
        """Seconds from showing an item to the key press, for the timed ones among the last n standing decisions."""
        # Older logs may have a text where a number belongs.
        return [row[0] / 1000 for row in self._read(rows_of(_TIMED, n=n)) if isinstance(row[0], (int, float))]

    def newest(self, n: int) -> list[tuple[str, str, int | None]]:
        """The last n current answers, newest first: item_id, label_id and the taxonomy version at that time."""
        return [tuple(row) for row in self._read(rows_of(_NEWEST, n=n))]

    def unplaced(self, label_ids: Iterable[str]) -> list[Unplaced]:
        """Current decisions that an item belongs to no label, in the order in which they were stored.

        These are decisions that are "unsure", have the flag "not_in_taxonomy", or have one of `label_ids` as label.
        """
        return list(map(Unplaced._make, self._read(rows_of(_UNPLACED, labels=list(label_ids)))))

    def judging(self) -> list[Event]:
        """The current decisions that contain feedback on an explanation, in the order in which they were stored."""
        return list(map(self._event, self._read(rows_of(_JUDGING))))

    def last_seq(self) -> int:
        """The number of the newest event; 0 if there is none. It also updates `generation`."""
        last, generation = self._read(lambda conn: conn.execute(_LAST_SEQ).one())
        self._appender.generation = int(generation or 0)
        return last or 0

    def annotators(self) -> list[str]:
        """Everybody who acted, sorted by name. Quick in a log of any size: one index look-up for each person."""
        found: list[str] = []
        while True:
            name = self._read(lambda conn: conn.scalar(_NEXT_NAME, {"name": found[-1] if found else ""}))
            if name is None:
                return found
            found.append(name)

    def changed_items(self, since: int) -> list[str]:
        """Ids of the items with an event after number `since`, each once, unordered."""
        return list(self._read(lambda conn: conn.scalars(_CHANGED, {"since": since}).all()))

    def revisited_items(self) -> set[str]:
        """Ids of the items with more than one decision or retraction."""
        return set(self._read(lambda conn: conn.scalars(_REVISITED).all()))

    def events(self, since: int = 0, *, kind: str | Sequence[str] | None = None, item_id: str | None = None,
               annotator: str | None = None) -> Iterator[Event]:
        """The events after number `since`, of one kind or several, in the order in which they were stored."""
        filters = {"kind": kind, "item_id": item_id, "annotator": annotator}
        statement = select(EVENT).where(EVENT.c.seq > _SINCE, _ALLOWED).order_by(EVENT.c.seq).limit(_CHUNK).where(
            *(EVENT.c[name] == value if isinstance(value, str) else EVENT.c[name].in_(value)
              for name, value in filters.items() if value is not None))
        for rows in self._chunks(statement, since):
            yield from map(self._event, rows)

    def events_of(self, item_ids: Sequence[str]) -> Iterator[Event]:
        """All events about some items, such as decisions and retractions, in each item's order; none set aside."""
        for batch in batches(item_ids):
            yield from map(self._event, sorted(self._read(rows_of(_ABOUT_ITEMS, items=batch))))

    def annotations(self, *, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """The standing annotation of each (item, annotator), as columns.

        Parameters
        ----------
        columns : sequence of str or None
            The columns to read, beside seq, item_id, annotator and decision_id, which are always read. None reads all
            except those of `schema.OF_ATTRIBUTES` and `schema.OF_OBJECTS`, which take longer.

        Returns
        -------
        dict of list
            Lists of equal length, unordered: item_id, annotator, decision_id, verdict, label_id and label as decided,
            certainty, certainty_source, flags (tuples), note, acted_at (int, microseconds UTC), model, taxonomy,
            hidden, scripted, chosen_by, shown_ms, content, suggestion, arm, arm_probability, planted, first_label_id
            and first_taxonomy (the answer before the suggestion was shown), and seq (number of the event that caused
            the annotation).
        """
        start = self.last_seq()
        names = list(dict.fromkeys((*_KEY_COLUMNS, *columns))) if columns is not None else list(OF_LABELS)
        statement = select(*(ANNOTATION.c[name] for name in names))
        table: dict[str, list[Any]] = {name: [] for name in names}
        with gc_paused():
            for rows in self._since(statement, 0):
                for name, values in zip(names, zip(*rows, strict=True), strict=True):
                    table[name].extend(values)
        if table["seq"] and (table["seq"][-1] > start or None in table["decision_id"]):
            table = _newest_rows(table)
        if "flags" in table:
            table["flags"] = [tuple(flags.split()) if flags else () for flags in table["flags"]]
        for name in {"hidden", "scripted", "planted"} & table.keys():
            table[name] = list(map(bool, table[name]))
        return table

    def changed_annotations(self, since: int, item_ids: Sequence[str] = (), *,
                            columns: Sequence[str]) -> dict[str, list[Any]]:
        """The annotations that changed after an event, and the annotations of some further items.

        Parameters
        ----------
        since : int
            The number of that event.
        item_ids : sequence of str
            Items whose annotations are always included.
        columns : sequence of str
            See `annotations`.

        Returns
        -------
        dict of list
            As returned by `annotations`, but flags are one text. Each (item, annotator) is listed once; decision_id is
            None if every decision was retracted.
        """
        names = list(dict.fromkeys((*_KEY_COLUMNS, *columns)))
        statement = select(*(ANNOTATION.c[name] for name in names))
        rows = [row for batch in batches(item_ids)
                for row in self._read(rows_of(statement.where(ANNOTATION.c.item_id.in_(_ITEMS)), items=batch))]
        rows += chain.from_iterable(self._since(statement, since))
        newest = {row[1:3]: row for row in rows}.values()  # rows that changed meanwhile appear again later
        return {name: [row[column] for row in newest] for column, name in enumerate(names)}

    def _since(self, statement: sa.Select[Any], seq: int) -> Iterator[Sequence[Any]]:
        return self._chunks(statement.where(ANNOTATION.c.seq > _SINCE).order_by(ANNOTATION.c.seq).limit(_CHUNK), seq)

    def _chunks(self, statement: sa.Select[Any], since: int) -> Iterator[Sequence[Any]]:
        """The rows of a statement in the order of `seq`, its first column, a chunk at a time."""
        while rows := self._read(rows_of(statement, since=since)):
            yield rows
            since = rows[-1][0]

    def _one(self, statement: sa.Select[Any], **values: str) -> Event | None:
        rows = self._read(rows_of(statement, **values))
        return self._event(rows[0]) if rows else None

    def unreadable(self, error: Exception) -> LogDamaged:
        """The error for a log with content that this package can't read; it names the newest good copy."""
        return self._database.damaged(f"it says something that hitl_widgets never writes: {error!r}")

    def _event(self, row: Sequence[Any]) -> Event:
        """The event in a row, after checking that the row is as it was stored."""
        try:
            if is_intact(row):
                if row[2] not in KINDS:
                    raise StoreError(f"event {row[0]} of the log of {self.name} is of a kind that this version of "
                                     f"hitl_widgets doesn't know, {row[2]!r}: a newer one wrote it. Upgrade with: "
                                     "pip install -U hitl-widgets")
                return event_of(row)
        except UNREADABLE as error:
            raise self._database.damaged(f"event {row[0]} can't be read: {error!r}") from error
        raise self._database.damaged(f"event {row[0]} ({row[1]!r}) isn't what was stored: its checksum differs")

    def snapshot(self, path: str | os.PathLike[str]) -> Path:
        """Write a consistent, checked copy of the log to any path; an existing file is replaced."""
        return self._copied(lambda conn: self._database.snapshot(conn, Path(path)))

    def keep_copy(self, name: str) -> Path | None:
        """Put a checked copy into ``copies/``, which keeps the newest ten; None if the log is on a server."""
        return self._copied(lambda conn: self._database.keep_copy(conn, name, made_at=self._now()))

    def _copied(self, copy: Callable[[sa.Connection], _T]) -> _T:
        try:
            return self._read(copy)
        except Outdated:
            self._rebuild()
            return self._read(copy)

    def copies(self) -> list[Copy]:
        """The stored copies, newest first: (path, n_decisions, made_at); n_decisions is None for a damaged one."""
        return [] if self._database.copies is None else list(listed(self._database.copies))

    def about(self) -> dict[str, str]:
        """The log's table "about": name -> value."""
        return self._read(about_of)

    def transact(self, act: Callable[[sa.Connection], _T], *, writes: bool = False) -> _T:
        """Run a function in a transaction of its own.

        Parameters
        ----------
        act : callable
            Takes the connection. Without `writes` it may be run twice, if the connection breaks.
        writes : bool
            Whether it waits for its turn before it reads, as `append` does. Otherwise it must not write to tables of
            `schema`.
        """
        if writes:
            return self._write(act)
        return self._run(self._database.reader if self.server is None else self._database.claimer, act, again=True)

    def add_rows(self, conn: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert many rows, in a transaction of this log; only for `transfer`, with rows of another log."""
        self._database.add_rows(conn, table, rows)

    def _read(self, act: Callable[[sa.Connection], _T]) -> _T:
        return self._run(self._database.reader, act, again=True)

    def _write(self, act: Callable[[sa.Connection], _T]) -> _T:
        with self._lock:
            try:
                return self._run(self._database.writer, act)
            finally:
                self.n_writes += 1

    def _run(self, engine: sa.Engine, act: Callable[[sa.Connection], _T], *, again: bool = False) -> _T:
        """Run an act in a transaction; `again` repeats it once if the connection had broken."""
        self._check_open()
        pool = engine.pool
        try:
            with engine.connect() as conn:
                try:
                    conn.begin()  # an act that uses only the driver wouldn't begin the transaction
                    result = act(conn)
                    conn.commit()
                    return result
                except BaseException as error:
                    self._database.give_up(conn, error)
                    raise
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, self._database.Error, UnicodeDecodeError) as error:
            if again and self._database.is_lost(error):
                return self._run(engine, act)
            raise self._database.explained(error) from error
        finally:
            if self._closed:  # meanwhile: a connection returned to a disposed pool would stay open
                pool.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise refusal(self.gone, self.name) or StoreError(
                f"the log of {self.name} was closed here. Open the project again.")


def _database(location: Location, *, engine: sa.Engine | None, local: Callable[[Path], bool]) -> Any:
    """The database of a log: `sqlite.Database`, or `postgres.Database`, which has the same methods."""
    if not isinstance(location, ServerLocation):
        return Database(location.folder, engine=engine, local=local)
    try:
        from . import postgres
    except ImportError as error:
        raise StoreError("a project on a server needs psycopg, which isn't installed; install it with: "
                         "pip install 'hitl-widgets[teams]'") from error
    return postgres.Database(location, engine=engine)


@contextmanager
def gc_paused() -> Iterator[None]:
    """Switch the garbage collector off inside a with block, for reading a large log.

    Reading makes a million strings, and the collector would go through all of them again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _newest_rows(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The last row of each (item, annotator); pairs without a standing decision are left out.

    While somebody writes, a row that changes between two chunks is read a second time in a later chunk.
    """
    pairs = zip(table["item_id"], table["annotator"], strict=True)
    last = {pair: row for row, pair in enumerate(pairs)}.values()
    kept = [row for row in last if table["decision_id"][row] is not None]
    return {name: [column[row] for row in kept] for name, column in table.items()}
