"""The project's state: what follows from the events of its log, kept in memory, mainly for the queue.

The table `PROJECTIONS` names the method that applies each kind of event; `State.place` applies current answers, which
are rows of the log's table of annotations. When a project is opened, the whole log is applied; later `State.refresh`
applies only new events, with the same methods. Read `PROJECTIONS` and `State.place` first.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import HitlError, LogDamaged, WrongPool
from ..events import Event, standing
from ..items.integrity import Contents
from ..items.pool import Pool
from ..records import LABELLING
from ..sampling.audit import Audit
from ..sampling.queue import Queue
from ..sampling.ranking import Ranking
from ..storage.checks import UNREADABLE
from ..storage.log import Log, gc_paused
from ..storage.roles import Roles
from ..storage.schema import annotation_of, microseconds
from ..taxonomy.attributes import Value
from ..taxonomy.history import Lineage
from .assignments import Assignments
from .copies import changed_in_words, copies_in_holdout
from .gold import take_gold_in
from .joining import renumbered
from .label_index import LabelIndex, Pair
from .policy import Agreements
from .reference import NOTHING, BlindAnswers, ReferenceLabels, blind_answer, blind_answers
from .threads import Thread
from .threads import take_in as take_threads_in
from .verdicts import Verdicts
from .votes_in_doubt import Doubt

CONTENT_BUDGET_S = 0.05
# Up to this number of hold-out items, all decisions are read, without checking which items have more than one.
FEW = 50
COLUMNS = ("verdict", "label_id", "taxonomy", "acted_at", "content", "flags", "chosen_by", "planted")

Table = Mapping[str, Sequence[Any]]


class State:
    """The answers, reference labels, taxonomy and people's settings up to some event of the log.

    Parameters
    ----------
    log : Log
    pool : Pool or None
        The items; None for a project that is opened without them.
    ranking : Ranking
        The models' scores; they are recomputed after a change of the taxonomy.
    settings : mapping
        The hold-out's share (``holdout``) and ``seed``.
    annotators_per_item : int or (int, int)
        Number of annotators who are asked about each item; two numbers are the minimum and the maximum.
    audit : float
        Share of the pool that is drawn for the audit.
    now : function returning an aware datetime
    notify : function taking a sentence for the person

    Attributes
    ----------
    lock : RLock
        The lock of the whole state; hold it to read more than one attribute.
    lineage : Lineage
        Every version of the taxonomy.
    contents, queue, reference, label_index
        Only with a pool.
    gold : dict
        item_id -> (label_id, taxonomy version) of every item with a known answer.
    gold_values : dict
        item_id -> (attribute id -> value, taxonomy version) of every item with known values.
    presumed : dict
        item_id -> (label_id, taxonomy version) of items that nobody answered since they were presumed.
    absent : tuple of str
        Ids of answered items that weren't in the pool when the project was opened.
    changed : frozenset of str
        Ids of decisions on items whose content has changed since, as far as that is known.
    proposal : Event or None
        The last proposal of labels to presume, while it is open.
    n_proposed : int
        Number of proposals so far.
    n_trained, trained_at : int
        Number of trainings so far, and the time of the last, in microseconds since 1970 (0 before the first).
    adopted : Event or None
        The last adoption of a model, by any process.
    agreements : Agreements
        The owner's policy, people's consents and their notices.
    threads : dict
        Id -> thread, a question with its answers, in the order of the questions.
    repeated : dict
        annotator -> ids of the items that they were asked again, to measure their agreement with themselves.
    gold_since : dict
        item_id -> number of the event since which its answer is known.
    verdicts : Verdicts
        The verdicts of adjudications.
    assignments : Assignments
        Which items are asked only of some people.
    generation : int
        How often the log's events had been reordered when this state began.
    news : list of Event
        Taxonomy edits, adopted models, posts in threads and assignments since the project was opened, by any process.
    """

    def __init__(self, log: Log, pool: Pool | None, ranking: Ranking, settings: Mapping[str, Any], *,
                 annotators_per_item: int | tuple[int, int], audit: float, now: Callable[[], datetime],
                 notify: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        self._log, self._pool, self._ranking, self._now, self._notify = log, pool, ranking, now, notify
        self._settings, self._annotators_per_item, self._audit = settings, annotators_per_item, audit
        self.news: list[Event] = []
        self._looks = threading.local()
        self._former: dict[int, Lineage] = {}  # generation -> its last lineage
        self._begin()
        log.catch_up = self._caught_up

    def _begin(self) -> None:
        """Rebuild the state from all events of the log that aren't answers."""
        log, pool, settings = self._log, self._pool, self._settings
        self.lineage, self.absent = Lineage(()), tuple[str, ...]()
        self.changed = frozenset[str]()
        self.gold, self.presumed = dict[str, Pair](), dict[str, Pair]()
        self.gold_values: dict[str, tuple[Mapping[str, Value], int | None]] = {}
        self.proposal: Event | None = None
        self.n_proposed = self.n_trained = self.trained_at = 0
        self.adopted: Event | None = None
        self.adopted_values: Event | None = None
        self.agreements = Agreements()
        self.threads: dict[str, Thread] = {}
        self.repeated: dict[str, set[str]] = {}
        self.gold_since: dict[str, int] = {}
        self.verdicts = Verdicts()
        self.assignments = Assignments(self, pool, self._ranking)
        self._judged = set[int]()  # positions of the items with an adjudicated label
        if pool is not None:
            seed = settings["seed"]
            draws = pool.draws(seed)
            drawn = Audit(lambda beyond: pool.draws(seed + beyond), self._audit)
            self.contents, self.label_index = Contents(pool), LabelIndex(len(pool))
            group = settings.get("group")
            holdout = (draws if group is None else pool.draws(seed, group=group)) < settings["holdout"]
            self.queue = Queue(draws=draws, holdout=holdout,
                               annotators_per_item=self._annotators_per_item, audit=drawn)
            self.queue.route = self.assignments.route
            self._doubt = None if self.queue.most is None else Doubt(self.label_index, self.queue)
            self.reference = ReferenceLabels(holdout, None if group is None else pool.group_sums(group))
        # annotator -> position -> when they closed it, today or in this round.
        self._recent: dict[str, dict[int, int]] = {}
        self._sorted: list[Event] = []
        self._sent_back: dict[int, int] = {}
        self._placed_under = self._sent_back
        # The log is taken in up to _seq; this process's own later decisions are in _ahead until the gap is closed.
        self._seq, self._ahead = log.last_seq(), set[int]()
        self.generation = log.taken_in = log.generation
        # So that no event is taken in twice when a refresh that failed halfway is repeated.
        self._projected, self._taken = 0, dict[str, int]()
        self._project(self._seq)
        if not self.lineage.steps:
            raise LogDamaged(f"{log.name} has a log without a taxonomy. Go back to one of its copies: "
                             f"{[str(copy) for copy in log.copies()] or 'there is none'}.")

    def _caught_up(self, events: Sequence[Event], generation: int | None) -> Sequence[Event]:
        """Take in a log whose events were reordered, and renumber the versions in these events for it."""
        with self.lock:
            self.refresh()
            before = self._former.get(self.generation if generation is None else generation, self.lineage)
            return renumbered(events, before, self.lineage)

    def restart(self) -> None:
        """Replay the whole log from its beginning, since joining or redacting has reordered its events."""
        with self.lock:
            self._former[self.generation] = self.lineage
            notify, self._notify = self._notify, lambda sentence: None  # notified at the opening
            try:
                self._begin()
                self._ranking.use(self._ranking.predictions)
                self.open(shares=True)
            except BaseException:
                self.generation = -1  # the next refresh replays the log
                raise
            finally:
                self._notify = notify

    def open(self, *, shares: bool) -> None:
        """Apply all current answers, and compare them with the pool.

        Parameters
        ----------
        shares : bool
            Whether the pool is known to have items of this project.

        Raises
        ------
        WrongPool
            When the pool has none of the answered items.
        """
        if (pool := self._pool) is None:
            return
        with gc_paused():
            table = self._log.annotations(columns=self._columns)
            places = pool.positions(table["item_id"])
            if len(places) and not shares and not (places >= 0).any():
                raise WrongPool(f"{self._log.name} has answers for items such as {table['item_id'][0]!r}; none of "
                                f"them is in this pool of {len(pool)} such as {pool.ids[0]!r}. Open it with its own "
                                "pool.")
            self.absent = tuple(sorted({table["item_id"][row] for row in np.flatnonzero(places < 0)}))
            if self.absent:
                self._notify(f"{self._log.name}: {len(self.absent)} answered items, such as {self.absent[0]!r}, "
                             "are absent from this pool; their answers are kept.")
            self.place(table, places)
            self.compare_contents(table, places, budget_s=CONTENT_BUDGET_S)
            for copies in copies_in_holdout(pool, self.queue.holdout, places, table["content"], self.contents.of):
                self._notify(f"{self._log.name}: {copies}")

    def compare_contents(self, table: Table, places: npt.NDArray[np.int64], *, budget_s: float | None) -> None:
        """Find answers to items whose content has changed since: they don't count, and the items are asked again.

        Parameters
        ----------
        table : mapping of columns
            Rows of the log's table of annotations: item_id, decision_id and content.
        places : ndarray of int, shape (n_rows,)
            The items' positions in the pool, -1 for those that aren't in it.
        budget_s : float or None
            Maximum number of seconds; the remaining items are compared when they are used. None compares all.
        """
        rows = self.contents.differing(zip(places.tolist(), table["content"], strict=True), budget_s=budget_s)
        with self.lock:
            new = [row for row in rows if table["decision_id"][row] not in self.changed]
            if not new:
                return
            self.changed |= {table["decision_id"][row] for row in new}
            item_ids = list(dict.fromkeys(table["item_id"][row] for row in new))
            stands = self._log.changed_annotations(self._log.last_seq(), item_ids, columns=self._columns)
            assert self._pool is not None
            self.place(stands, self._pool.positions(stands["item_id"]))
        self._notify(f"{self._log.name}: {changed_in_words(item_ids, self._pool.kind)}")

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """In a with block: read the log once; `refresh` on this thread reads again only after this process stored more.

        What others store meanwhile is taken in afterwards.
        """
        self._looks.n_writes = -1
        try:
            yield
        finally:
            self._looks.n_writes = None

    def refresh(self) -> None:
        """Apply what this or another process has stored since the last refresh."""
        seen, n_writes = getattr(self._looks, "n_writes", None), self._log.n_writes
        if seen != n_writes:
            self._look()
        if seen is not None:
            self._looks.n_writes = n_writes

    def _look(self) -> None:
        with self.lock:
            since, last = self._seq, self._log.last_seq()
            if self._log.generation != self.generation:
                self.restart()
                return
            if last == since:
                return
            try:
                self._take_in(since, last)
            except (LogDamaged, *UNREADABLE):
                self._log.last_seq()
                if self._log.generation == self.generation:
                    raise
                self.restart()  # somebody joined or redacted while it was read: the parts aren't consistent

    def _take_in(self, since: int, last: int) -> None:
        """Apply the events after number `since`, up to `last`."""
        for item_id in self._log.changed_items(since) if self.presumed else ():
            self.presumed.pop(item_id, None)
        self._project(last)
        if self._pool is not None:
            before = self._placed_under
            moved = [place for place in before.keys() | self._sent_back.keys()
                     if before.get(place) != self._sent_back.get(place)]
            rows = self._log.changed_annotations(since, self._pool.ids[moved].tolist(), columns=self._columns)
            self.place(rows, self._pool.positions(rows["item_id"]))
            self._placed_under = self._sent_back
        self._seq = last
        self._ahead = {seq for seq in self._ahead if seq > last}

    def apply(self, position: int, decision: Event, former: Event | None) -> None:
        """Apply a decision that this process has just stored.

        Parameters
        ----------
        position : int
            The item's place in the pool.
        decision : Event
        former : Event or None
            The annotator's previous decision on the item; None without one.
        """
        with self.lock:
            if self._log.generation != self.generation:
                self.restart()
                return
            if (seq := decision.seq or 0) <= self._seq:  # a refresh has taken it in already
                return
            stands: Event | None = decision
            if former is not None and decision.acted_at < former.acted_at:
                stands = self._log.standing_of(decision.item_id or "", decision.annotator)
            row = {**annotation_of(stands), "item_id": decision.item_id, "annotator": decision.annotator}
            self.presumed.pop(decision.item_id or "", None)
            self.place({name: [value] for name, value in row.items()}, np.array([position]))
            self._ahead.add(seq)
            while self._seq + 1 in self._ahead:
                self._seq += 1
                self._ahead.discard(self._seq)

    @property
    def _columns(self) -> tuple[str, ...]:
        """The columns of the log's table to read; those of values only if there may be values."""
        return (*COLUMNS, "given_values") if self.lineage.has_attributes else COLUMNS

    @property
    def policy(self) -> Mapping[str, Any]:
        """The owner's policy, by `policy.KEYS`; empty if nothing was set."""
        return self.agreements.policy

    @property
    def roles(self) -> Roles:
        """Who may do what."""
        return self.agreements.roles

    @property
    def is_current(self) -> bool:
        """Whether the whole log is taken in."""
        with self.lock:
            last = self._log.last_seq()
            return self._log.generation == self.generation and last <= self._seq

    @property
    def taken_in(self) -> tuple[int, frozenset[int]]:
        """The part of the log that was read: all events up to a number, and the numbers of some later decisions.

        The caller has to hold the lock.
        """
        return self._seq, frozenset(self._ahead)

    def n_acted(self, annotator: str, since: int) -> int:
        """Count the items that an annotator closed since an instant (microseconds) within today or this round."""
        return sum(at >= since for at in self._recent.get(annotator, {}).values())

    def places(self, item_ids: Sequence[str]) -> list[int]:
        """Positions of the items that are in the pool."""
        assert self._pool is not None
        return [place for place in self._pool.positions(item_ids).tolist() if place >= 0] if item_ids else []

    def presumed_today(self) -> dict[str, str]:
        """List the items whose label is presumed: item_id -> today's label_id."""
        with self.lock:
            return {item_id: label_id for item_id, pair in self.presumed.items()
                    if (label_id := self.lineage.exactly(*pair)) is not None}

    def presumed_positions(self) -> dict[int, Pair]:
        """List the items of the pool whose label is presumed: position -> (label_id, taxonomy version)."""
        if self._pool is None or not self.presumed:
            return {}
        places = self._pool.positions(list(self.presumed)).tolist()
        return {place: pair for place, pair in zip(places, self.presumed.values(), strict=True) if place >= 0}

    # -- the projection --------------------------------------------------------------------------------------

    def place(self, table: Table, places: npt.NDArray[np.int64]) -> None:
        """Set the current answers to some items; they replace earlier ones.

        Parameters
        ----------
        table : mapping of columns
            Rows of the log's table of annotations: `COLUMNS`, item_id, annotator and decision_id; each item and
            annotator once. Where decision_id is None, every decision was taken back.
        places : ndarray of int, shape (n_rows,)
            The items' positions in the pool, -1 for those that aren't in it.

        Raises
        ------
        LogDamaged
            When a row isn't in the form that this package writes.
        """
        try:
            rows = _Rows(table, places, changed=self.changed)
        except (KeyError, TypeError) as error:
            raise self._log.unreadable(error) from error
        self._look_up(rows)
        for annotator in dict.fromkeys(table["annotator"]):
            self._place_those_of(annotator, rows, np.flatnonzero(rows.here & (rows.annotators == annotator)))
        here = places[rows.here]
        self.queue.tied[here] = self.label_index.tied(self.lineage, here)
        if self._doubt is not None:
            self._doubt.note(self.lineage, here)
        self._settle_ties()
        self.reference.note_all(self._measuring(rows))

    def _measuring(self, rows: _Rows) -> list[tuple[int, str, BlindAnswers]]:
        """For each row of a hold-out item: position, annotator, and their answers that are used for measuring."""
        measuring = np.flatnonzero(rows.here & self.queue.holdout[rows.places]).tolist()
        item_ids = [rows.table["item_id"][row] for row in measuring]
        # For an item with a single decision, as nearly all in a large project, the row is sufficient.
        revisited = set(item_ids) if len(item_ids) <= FEW else self._log.revisited_items().intersection(item_ids)
        # Except for "unsure", whose verdict doesn't show whether a suggestion was visible.
        revisited |= {item_id for item_id, row in zip(item_ids, measuring, strict=True) if rows.unsure[row]}
        events: defaultdict[str, list[Event]] = defaultdict(list)
        for event in self._log.events_of(sorted(revisited)):
            events[event.item_id or ""].append(event)
        answers = []
        for item_id, row in zip(item_ids, measuring, strict=True):
            who = rows.annotators[row]
            answers.append((int(rows.places[row]), who, rows.blind_answer(row) if item_id not in revisited else
                            blind_answers((event for event in events[item_id]
                                           if event.kind == "retracted" or event.annotator == who), self.changed,
                                          others=events[item_id])))
        return answers

    def _look_up(self, rows: _Rows) -> None:
        """Read further events from the log for the rows of skipped items and of items that were sent back."""
        sent_back = np.isin(rows.places, list(self._sent_back)) if self._sent_back else False
        wanted = np.flatnonzero(rows.skipped | (rows.closed & sent_back)).tolist()
        item_ids = dict.fromkeys(rows.table["item_id"][row] for row in wanted)
        events: defaultdict[str, list[Event]] = defaultdict(list)
        for event in self._log.events_of(list(item_ids)):
            events[event.item_id or ""].append(event)
        for row in wanted:
            of_item = events[rows.table["item_id"][row]]
            if rows.skipped[row]:
                rows.label_ids[row], rows.versions[row] = _put_off(rows.annotators[row], of_item)
            else:
                decision = next((event for event in of_item if event.id == rows.table["decision_id"][row]), None)
                since = self._sent_back[int(rows.places[row])]
                rows.asked_again[row] |= decision is not None and (decision.seq or 0) <= since

    # 14 branches: each column of the rows goes to its own index; most are comprehensions over the rows that it has.
    def _place_those_of(self, annotator: str, rows: _Rows, mine: npt.NDArray[np.intp]) -> None:
        """Apply the rows of one annotator."""
        places, closed = rows.places[mine], rows.closed[mine]
        self.queue.mark_all(places, annotator, closed=closed & ~rows.asked_again[mine] & ~rows.planted[mine])
        if (planted := rows.planted[mine]).any() or annotator in self.queue.planted:
            shown = self.queue.planted.setdefault(annotator, set())
            shown.difference_update(places.tolist())
            shown.update(places[planted].tolist())
        for row in mine[rows.skipped[mine]].tolist():
            self.queue.mark(int(rows.places[row]), annotator, closed=False, skipped_at=int(rows.acted_at[row]))
        unplaced = {int(rows.places[row]): rows.versions[row] or 1 for row in mine[closed].tolist()
                    if rows.unsure[row] or ("not_in_taxonomy" in rows.table["flags"][row] and not rows.planted[row])}
        put_off = {int(rows.places[row]): (rows.label_ids[row], rows.versions[row])
                   for row in mine[rows.skipped[mine]].tolist() if rows.label_ids[row] is not None}
        rows.label_ids[mine[rows.skipped[mine]]] = None
        self.label_index.note_all(places, annotator, rows.label_ids[mine].tolist(), rows.versions[mine].tolist(),
                                  unplaced=unplaced, put_off=put_off)
        if rows.texts is not None:
            self.label_index.values.note_all(places, annotator, [
                None if text is None else (label_id, version, text)
                for label_id, version, text in zip(rows.label_ids[mine], rows.versions[mine], rows.texts[mine],
                                                   strict=True)])
        recent = self._recent.setdefault(annotator, {})
        since = min(midnight(self._now()), self.trained_at or sys.maxsize)
        for place in places.tolist() if recent else ():
            recent.pop(place, None)
        new = mine[closed & (rows.acted_at[mine] >= since)]
        recent.update(zip(rows.places[new].tolist(), rows.acted_at[new].tolist(), strict=True))

    def _project(self, last: int) -> None:
        """Apply the events up to a number, without answers, each once."""
        of_kind: defaultdict[str, list[Event]] = defaultdict(list)
        for event in self._log.events(self._projected, kind=tuple(PROJECTIONS)):
            if self._taken.get(event.kind, 0) < (event.seq or 0) <= last:
                of_kind[event.kind].append(event)
        opening = not self._projected
        for kind, events in of_kind.items():
            try:
                PROJECTIONS[kind](self, events)
            except UNREADABLE as error:
                if isinstance(error, HitlError):
                    raise
                raise self._log.unreadable(error) from error
            self._taken[kind] = events[-1].seq or 0
            if kind in NEWS and not opening:
                self.news += events
        self._projected = last

    def _take_taxonomies(self, events: Sequence[Event]) -> None:
        if self.lineage.steps:
            self._follow_lineage(reduce(Lineage.then, events, self.lineage))
        else:
            self.lineage = Lineage(events)

    def _take_settled(self, events: Sequence[Event]) -> None:
        self._follow_lineage(self.lineage.settled_by(events))

    def _follow_lineage(self, lineage: Lineage) -> None:
        """Switch to a lineage under which answers may have another meaning."""
        self.lineage = lineage
        if self._pool is not None:
            self.queue.tied = self.label_index.tied(lineage)
            if self._doubt is not None:
                self._doubt.forget()
                self._doubt.note(lineage)
            self._settle_ties()
        self._ranking.use(self._ranking.predictions)

    def _take_trainings(self, events: Sequence[Event]) -> None:
        self.n_trained, self.trained_at = self.n_trained + len(events), microseconds(events[-1].acted_at)

    def _take_verdicts(self, events: Sequence[Event]) -> None:
        items = list(self.verdicts.take_in(events))
        if self._pool is None:
            return
        given, places = self.verdicts.by_item(), self._pool.positions(items)
        for item_id, place in zip(items, places.tolist(), strict=True):
            verdict = given.get(item_id)
            label = None if verdict is None or verdict.label_id is None else (verdict.label_id, verdict.taxonomy)
            if place >= 0:
                self.reference.set_verdict(place, label)
                (self._judged.discard if label is None else self._judged.add)(place)
        for event in events:  # people who judged an item have read others' answers: they aren't asked about it again
            if "undoes" not in event.body and (place := int(self._pool.positions([event.item_id or ""])[0])) >= 0:
                self.queue.informed.setdefault(event.annotator, set()).add(place)
        here = places[places >= 0]
        self.queue.tied[here] = self.label_index.tied(self.lineage, here)
        if self._doubt is not None:
            self._doubt.note(self.lineage, here)
        self._settle_ties()

    def _settle_ties(self) -> None:
        """Mark adjudicated items as settled: nobody is asked to break their ties or for more votes."""
        if self._judged:
            self.queue.tied[list(self._judged)] = False
            if self._doubt is not None:
                self.queue.in_doubt[list(self._judged)] = False

    def _take_gold(self, events: Sequence[Event]) -> None:
        new = take_gold_in(self.gold, self.gold_values, self.gold_since, events)
        if self._pool is not None:
            for place, item_id in zip(self._pool.positions(new).tolist(), new, strict=True):
                if place >= 0:
                    self.queue.gold[place] = item_id in self.gold or item_id in self.gold_values
                    self.reference.set_gold(place, self.gold.get(item_id))

    def gold_values_of(self, item_id: str) -> dict[str, Value]:
        """The known values of an item under today's scales: attribute id -> value."""
        of_item, version = self.gold_values.get(item_id, ({}, None))
        today = {name: self.lineage.value(name, value, version) for name, value in of_item.items()}
        return {name: value for name, value in today.items() if value is not None}

    def _take_presumed(self, events: Sequence[Event]) -> None:
        answered_since = [set(self._log.changed_items(event.seq or 0)) for event in events]
        for event, answered in zip(events, answered_since, strict=True):
            body = event.body
            self.presumed |= {item_id: (label_id, body["taxonomy"]) for item_id, label_id in body["labels"].items()
                              if item_id not in answered}
            if "proposed" in body:
                self.proposal = event
            elif self.proposal is not None and body.get("concludes") == self.proposal.id:
                self.proposal = None
        self.n_proposed += sum("proposed" in event.body for event in events)

    def _take_sorted(self, events: Sequence[Event]) -> None:
        """Apply "sorted" events: earlier answers no longer close items that were sent back to the queue."""
        if self._pool is not None:
            every = [*self._sorted, *events]
            sent = sent_back(every)
            places = self._pool.positions(list(sent)).tolist()
            self._sorted, self._sent_back = every, {
                place: seq for place, seq in zip(places, sent.values(), strict=True) if place >= 0}


def _take_adoptions(state: State, events: Sequence[Event]) -> None:
    state.adopted = events[-1]


def _take_adopted_values(state: State, events: Sequence[Event]) -> None:
    state.adopted_values = events[-1]


def _take_repeated(state: State, events: Sequence[Event]) -> None:
    for event in events:
        state.repeated.setdefault(event.annotator, set()).add(event.item_id or "")


# Kind of event -> method that takes in such events, in the log's order, for opening and for following. Decisions and
# retractions are missing: `State.place` takes in their result from the log's table of annotations.
PROJECTIONS: Mapping[str, Callable[[State, Sequence[Event]], None]] = {
    "taxonomy": State._take_taxonomies, "trained": State._take_trainings, "gold": State._take_gold,
    "presumed": State._take_presumed, "sorted": State._take_sorted, "adopted": _take_adoptions,
    "created": lambda state, events: state.agreements.take_created(events),
    "role": lambda state, events: state.agreements.take_roles(events),
    "policy": lambda state, events: state.agreements.take_policies(events),
    "consented": lambda state, events: state.agreements.take_consents(events),
    "told": lambda state, events: state.agreements.take_told(events),
    "thread": lambda state, events: take_threads_in(state.threads, events),
    "repeated": _take_repeated, "adjudicated": State._take_verdicts, "adopted_values": _take_adopted_values,
    "assigned": lambda state, events: state.assignments.take_in(events), "settled": State._take_settled}
# Kinds of events that are news to other people in the project.
NEWS = ("taxonomy", "adopted", "thread", "assigned")


_SKIP, _UNSURE, _LABEL = 1, 2, 3
_CODES = {None: 0, "skip": _SKIP, "unsure": _UNSURE, "answer": _LABEL, "accept": _LABEL, "correct": _LABEL}


class _Rows:
    """Rows of the log's table of annotations as arrays, shape (n_rows,).

    Masks: `here` (the item is in the pool), `planted` (a wrong suggestion was shown on purpose), `closed` (the
    annotator answered the item), and `asked_again` (it is open again, because its content has changed or it was sent
    back to the queue).
    `label_ids` and `versions` describe the label that was given, None without one. `texts` has the attribute values as
    JSON; it is None if the project has no attributes.
    """

    def __init__(self, table: Table, places: npt.NDArray[np.int64], *, changed: Collection[str] = ()) -> None:
        self.table, self.places, self.here, self.changed = table, places, places >= 0, changed
        self.annotators = np.array(table["annotator"], object)
        verdicts = np.fromiter(map(_CODES.__getitem__, table["verdict"]), np.int8, len(places))
        self.label_ids, self.versions = np.array(table["label_id"], object), np.array(table["taxonomy"], object)
        self.acted_at = np.array([at or 0 for at in table["acted_at"]], np.int64)
        # An answer to a planted suggestion isn't a vote: the item is done, and has no label.
        self.planted = self.here & np.array([bool(planted) for planted in table["planted"]], np.bool_)
        self.skipped = self.here & (verdicts == _SKIP) & ~self.planted
        self.unsure = self.here & (verdicts == _UNSURE)
        labelled = self.here & (verdicts == _LABEL)
        self.closed = labelled | self.unsure
        self.unsure &= ~self.planted
        self.label_ids[~labelled | self.planted] = None
        texts = table.get("given_values")
        self.texts = None if texts is None else np.array(texts, object)
        if self.texts is not None:
            self.texts[~labelled | self.planted] = None
        self.asked_again = np.zeros(len(places), np.bool_)
        if changed:  # the content has changed since: the answer neither counts nor measures, and the item is open again
            self.asked_again = np.array([id in changed for id in table["decision_id"]], np.bool_)
            self.label_ids[self.asked_again] = None
            if self.texts is not None:
                self.texts[self.asked_again] = None
            self.unsure &= ~self.asked_again

    def blind_answer(self, row: int) -> BlindAnswers:
        """The part of the decision in a row that may measure people and models; `NOTHING` if it can't be used for this.

        It can if it was given blind to a hold-out item, imported, or made in triage: see `reference.blind_answer`.
        """
        if self.table["decision_id"][row] in self.changed or self.planted[row]:
            return NOTHING
        pair = None if self.label_ids[row] is None else (self.label_ids[row], self.versions[row])
        return blind_answer(self.table["verdict"][row], pair, self.table["chosen_by"][row])


def _put_off(annotator: str, events: Iterable[Event]) -> tuple[str | None, int | None]:
    """The label_id and taxonomy version of the answer that an annotator had given before skipping the item.

    The answer doesn't count any more, but its label still narrows the choices. Both are None without such an answer.
    """
    former = standing((event for event in events if event.kind == "retracted" or event.annotator == annotator),
                      skips=False)
    if former is None or former.body["verdict"] not in LABELLING:
        return None, None
    return former.body.get("label_id"), former.body.get("seen", {}).get("taxonomy")


def standing_acts(log: Iterable[Event]) -> list[Event]:
    """The "sorted" events that weren't undone, in the log's order."""
    log = list(log)
    undone = {event.body["undoes"] for event in log if event.body["act"] == "undone"}
    return [event for event in log if event.body["act"] != "undone" and event.id not in undone]


def sent_back(log: Iterable[Event]) -> dict[str, int]:
    """List the items that were sent back to the queue: item_id -> number of the event.

    An answer before that event doesn't close the item any more.
    """
    return {item_id: event.seq or 0 for event in standing_acts(log) if event.body["act"] == "sent_back"
            for item_id in event.body["item_ids"]}


def in_words(event: Event, lineage: Lineage, *, reader: str) -> str:
    """Describe an edit of the taxonomy, or the adoption of a model, in a sentence.

    Parameters
    ----------
    event : Event
        Of kind "taxonomy" or "adopted".
    lineage : Lineage
        The lineage with the step of the event.
    reader : str
        The annotator who reads it.
    """
    who = doer(event, reader)
    if event.kind == "adopted":
        name = f"{event.body['name']} (" if event.body.get("name") else ""
        return f"{who} adopted model {name}{event.body['model'][:7]}{')' * bool(name)}."
    step = next(step for step in lineage.steps if step.id == event.id)
    return f"{who} edited the taxonomy: {step.prose}"


def doer(event: Event, reader: str) -> str:
    """The name of the person who acted, for the beginning of a sentence; "You, in another notebook," for the reader."""
    return event.annotator if event.annotator != reader else "You, in another notebook,"


def midnight(now: datetime) -> int:
    """The beginning of the day in local time, in microseconds since 1970."""
    return microseconds(now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0))
