"""What stands in a project now? The log's answer, held in memory for the queue.

A `State` is read from the log when a project is opened, and follows it: whatever this or another process stores is
taken in at the next look. Read `State.read` and `State.refresh` first.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from ..errors import LogDamaged, WrongPool
from ..events import Event
from ..items.integrity import Contents
from ..items.pool import Pool
from ..records import LABELLING
from ..sampling.queue import Queue
from ..storage.arrays import Ranking
from ..storage.log import Log, gc_paused, standing
from ..storage.schema import annotation_of, microseconds
from ..taxonomy.history import Lineage
from .label_index import LabelIndex, Pair
from .reference import ReferenceLabels

CONTENT_BUDGET_S = 0.05
# Past so many foreign events, reading the table of annotations again is quicker than following them one by one.
FOLLOW_AT_MOST = 2_000
OPENING_COLUMNS = ("verdict", "label_id", "taxonomy", "acted_at", "content", "flags")


class State:
    """Who answered what, by what people and models are measured, and which taxonomy holds: up to `seq` of the log.

    Parameters
    ----------
    log : the log
    pool : the items; None for a project that is opened without them
    ranking : follows the taxonomy
    annotators_per_item : how many annotators are asked about each item
    now, notify : tell the time, and tell the person something

    Attributes
    ----------
    lock : one for all that is held here; whoever looks at more than one thing holds it
    lineage : every version of the taxonomy
    contents, queue, reference, label_index : only with a pool
    presumed : item_id -> (label_id, taxonomy version) of items that nobody spoke of since they were presumed
    absent : ids of answered items that aren't in the pool
    proposal, n_proposed : the last proposal of what to presume that isn't concluded, and how many there were
    n_trained, trained_at : how many trainings there were, and when the last was, in microseconds since 1970
    """

    def __init__(self, log: Log, pool: Pool | None, ranking: Ranking, *, annotators_per_item: int,
                 now: Callable[[], datetime], notify: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        if pool is not None:
            self.contents = Contents(pool)
        self.absent: tuple[str, ...] = ()
        self.presumed: dict[str, tuple[str, int]] = {}
        self.proposal: Event | None = None
        self.n_proposed = 0
        self._log, self._pool, self._ranking = log, pool, ranking
        self._annotators_per_item = annotators_per_item
        self._now, self._notify = now, notify
        # The log is taken in up to _seq; this process's own decisions beyond it are in _ahead until the gap is closed.
        self._seq = 0
        self._ahead: set[int] = set()
        self.read_lineage()

    def read_lineage(self) -> None:
        """Take in every version of the taxonomy."""
        lineage = Lineage(self._log.events(kind="taxonomy"))
        if not lineage.steps:
            raise LogDamaged(f"{self._log.folder} has a log without a taxonomy. Go back to one of its copies: "
                             f"{[str(copy) for copy in self._log.copies()] or 'there is none'}.")
        self.lineage = lineage

    def open(self, settings: Mapping[str, Any], *, shares: bool) -> None:
        """Take in the whole log for the first time.

        Parameters
        ----------
        settings : hold-out share and seed
        shares : whether the pool is known to have items of this project

        Raises
        ------
        WrongPool, ItemChanged
            When the pool doesn't fit the answers.
        """
        self._settings = settings
        with gc_paused():
            self.read(check=True, shares=shares)

    def read(self, *, check: bool = False, shares: bool = True) -> None:
        """Take in the whole table of annotations."""
        self._seq = self._log.last_seq()
        self._ahead.clear()
        trained = list(self._log.events(kind="trained"))
        self.n_trained, self.trained_at = len(trained), microseconds(trained[-1].acted_at) if trained else 0
        self.presumed, self.proposal, self.n_proposed = {}, None, 0
        for event in self._log.events(kind="presumed"):
            self._take_presumed(event, spoken_of=self._log.changed_items(event.seq or 0))
        if self._pool is None:
            return
        pool, table = self._pool, self._log.annotations(columns=OPENING_COLUMNS)
        places = pool.positions(table["item_id"])
        if len(places) and not shares and not (places >= 0).any():
            raise WrongPool(f"{self._log.folder} has answers for items such as {table['item_id'][0]!r}; none of them "
                            f"is in this pool of {len(pool)} such as {pool.ids[0]!r}. Open it with its own pool.")
        absent = sorted({table["item_id"][i] for i in np.flatnonzero(places < 0)})
        if absent and check:
            self._notify(f"{self._log.folder.name}: {len(absent)} answered items, such as {absent[0]!r}, are absent "
                      "from this pool; their answers are kept.")
        draws = pool.draws(self._settings["seed"])
        queue = Queue(draws=draws, holdout=draws < self._settings["holdout"],
                      annotators_per_item=self._annotators_per_item)
        reference, given, recent = ReferenceLabels(queue.holdout), LabelIndex(len(pool)), dict[str, dict[int, int]]()
        labels, versions = np.array(table["label_id"], object), np.array(table["taxonomy"], object)
        since = min(midnight(self._now()), self.trained_at or sys.maxsize)
        verdicts, annotators = np.array(table["verdict"], object), np.array(table["annotator"], object)
        acted_at, here = np.array(table["acted_at"], np.int64), places >= 0
        self._sent_back, asked_again = self._read_sent_back(), np.zeros(len(places), np.bool_)
        for i in np.flatnonzero(np.isin(places, list(self._sent_back))).tolist():
            decision = self._log.get(table["decision_id"][i])
            asked_again[i] = decision is not None and (decision.seq or 0) <= self._sent_back[int(places[i])]
        closed = here & (verdicts != "skip")
        for annotator in dict.fromkeys(table["annotator"]):
            mine = closed & (annotators == annotator)
            queue.close(places[mine & ~asked_again], annotator)
            labelled = np.flatnonzero(mine & (verdicts != "unsure"))
            given.note_all(places[labelled], annotator, labels[labelled].tolist(), versions[labelled].tolist())
            new = mine & (acted_at >= since)
            recent[annotator] = dict(zip(places[new].tolist(), acted_at[new].tolist(), strict=True))
        for i in np.flatnonzero(here & ~closed).tolist():
            queue.mark(int(places[i]), annotators[i], closed=False, skipped_at=table["acted_at"][i])
            if len(self.lineage.steps) > 1 and (skip := self._log.get(table["decision_id"][i])) is not None:
                given.note(int(places[i]), annotators[i], self._passed_over(skip))
        for i in [i for i, flags in enumerate(table["flags"]) if "not_in_taxonomy" in flags or verdicts[i] == "unsure"]:
            if closed[i]:
                given.astray.setdefault(annotators[i], {})[int(places[i])] = versions[i] or 1
        measuring = np.flatnonzero(here & (verdicts == "answer") & queue.holdout[places]).tolist()
        reference.note_all((place, annotators[i], (labels[i], versions[i]))
                           for place, i in zip(places[measuring].tolist(), measuring, strict=True))
        self.queue, self.reference, self._recent, self.absent = queue, reference, recent, tuple(absent)
        self.label_index = given
        self._take_gold(self.read_gold())
        if check:
            self.contents.check(zip(places.tolist(), table["content"], table["decision_id"], strict=True),
                                budget_s=CONTENT_BUDGET_S)

    def refresh(self) -> None:
        """Take in what this or another process has stored since the last look."""
        with self.lock:
            last = self._log.last_seq()
            if last == self._seq:
                return
            if last - self._seq > FOLLOW_AT_MOST:
                self.read_lineage()
                self.read()
                self._ranking.use(self._ranking.predictions)
                return
            touched: dict[tuple[str, str], Event | None] = {}
            for event in self._log.events(since=self._seq):
                if event.item_id is not None:
                    self.presumed.pop(event.item_id, None)
                if event.seq in self._ahead:
                    self._ahead.discard(event.seq or 0)
                elif event.kind == "decided":
                    key = (event.item_id or "", event.annotator)
                    touched[key] = None if key in touched else event
                elif event.kind == "retracted" and (former := self._log.get(event.body["decision_id"])) is not None:
                    touched[former.item_id or "", former.annotator] = None
                elif event.kind == "taxonomy":
                    self.lineage = self.lineage.then(event)
                    self._ranking.use(self._ranking.predictions)
                elif event.kind == "gold":
                    self._take_gold({item_id: (label_id, event.body["taxonomy"])
                                     for item_id, label_id in event.body["answers"].items()})
                elif event.kind == "presumed":
                    self._take_presumed(event)
                elif event.kind == "sorted" and self._pool is not None:
                    self._sent_back = self._read_sent_back()
                    touched.update(dict.fromkeys(self._log.standing_for(event.body["item_ids"])))
                elif event.kind == "trained":
                    self.n_trained, self.trained_at = self.n_trained + 1, microseconds(event.acted_at)
                self._seq = max(self._seq, event.seq or 0)
            if self._pool is not None:
                places = self._pool.positions([item_id for item_id, _ in touched])
                for ((item_id, annotator), first), place in zip(touched.items(), places.tolist(), strict=True):
                    if place >= 0:
                        # A first decision stands; where there was one before, or a retraction, the log has to say.
                        known = first is None or self.queue.knows(place, annotator)
                        self._take(place, annotator, self._log.standing_of(item_id, annotator) if known else first)

    def took(self, position: int, event: Event, before: Event | None) -> None:
        """A decision of this process was stored; `before` is what stood until then."""
        with self.lock:
            if (event.seq or 0) <= self._seq:  # somebody's look at the log has taken it in already
                return
            self.presumed.pop(event.item_id or "", None)
            latest = before is None or event.acted_at >= before.acted_at
            self._take(position, event.annotator,
                       event if latest else self._log.standing_of(event.item_id or "", event.annotator))
            self._ahead.add(event.seq or 0)
            while self._seq + 1 in self._ahead:
                self._seq += 1
                self._ahead.discard(self._seq)

    def n_acted(self, annotator: str, since: int) -> int:
        """How many items an annotator closed since an instant of today or of this round, in microseconds."""
        return sum(at >= since for at in self._recent.get(annotator, {}).values())

    def read_gold(self) -> dict[str, tuple[str, int]]:
        """The known answers as they were given: item_id -> (label_id, taxonomy version)."""
        return {item_id: (label_id, event.body["taxonomy"]) for event in self._log.events(kind="gold")
                for item_id, label_id in event.body["answers"].items()}

    def _take(self, place: int, annotator: str, stands: Event | None) -> None:
        verdict = None if stands is None else stands.body["verdict"]
        acted_at = None if stands is None else microseconds(stands.acted_at)
        asked_again = stands is not None and (stands.seq or 0) <= self._sent_back.get(place, 0)
        closed = verdict not in (None, "skip")
        self.queue.mark(place, annotator, closed=closed and not asked_again,
                        skipped_at=acted_at if verdict == "skip" else None)
        recent = self._recent.setdefault(annotator, {})
        recent.pop(place, None)
        if closed and acted_at is not None:
            recent[place] = acted_at
        body = {} if stands is None else stands.body
        astray = verdict == "unsure" or (closed and "not_in_taxonomy" in body.get("flags", ()))
        self.label_index.note(place, annotator, None if stands is None else self._passed_over(stands),
                        astray=(body.get("seen", {}).get("taxonomy") or 1) if astray else None)
        blind = stands is not None and verdict == "answer"
        self.reference.note(place, annotator, (stands.body["label_id"], stands.body.get("seen", {}).get("taxonomy"))
                            if blind and stands is not None else None)

    def _passed_over(self, event: Event) -> Pair | None:
        """The label that a decision gives. A skip gives that of the answer which it put off: it still narrows the
        choices."""
        former: Event | None = event
        while former is not None and former.body["verdict"] == "skip":
            former = self._log.get(former.body["replaces"]) if former.body.get("replaces") else None
        if former is None or former.body["verdict"] not in LABELLING:
            return None
        return former.body["label_id"], former.body.get("seen", {}).get("taxonomy")

    def _take_presumed(self, event: Event, *, spoken_of: Collection[str] = ()) -> None:
        body, later = event.body, set(spoken_of)
        self.presumed |= {item_id: (label_id, body["taxonomy"]) for item_id, label_id in body["labels"].items()
                          if item_id not in later}
        if "proposed" in body:
            self.proposal, self.n_proposed = event, self.n_proposed + 1
        elif self.proposal is not None and body.get("concludes") == self.proposal.id:
            self.proposal = None

    def _read_sent_back(self) -> dict[int, int]:
        """Items that were sent back to the queue: position -> number of the event; what was answered before it closes
        them no longer."""
        sent = sent_back(self._log.events(kind="sorted"))
        places = () if self._pool is None else self._pool.positions(list(sent)).tolist()
        return {place: seq for place, seq in zip(places, sent.values(), strict=True) if place >= 0}

    def _take_gold(self, known: Mapping[str, tuple[str, int]]) -> None:
        if self._pool is not None and known:
            for place, given in zip(self._pool.positions(list(known)).tolist(), known.values(), strict=True):
                if place >= 0:
                    self.queue.gold[place] = True
                    self.reference.set_gold(place, given)


def as_of(log: Log, version: int) -> dict[str, list[Any]]:
    """The annotations that stood under an older version of the taxonomy: decisions made under later ones left out, with
    what they replaced in their place.
    """
    table = log.annotations()
    then = [row for row, given in enumerate(table["taxonomy"]) if (given or version) <= version]
    found = {name: [column[row] for row in then] for name, column in table.items()}
    kept = set(then)
    later = {(item_id, annotator) for row, (item_id, annotator) in enumerate(
        zip(table["item_id"], table["annotator"], strict=True)) if row not in kept}
    told: dict[tuple[str, str], list[Event]] = {}
    undone: dict[str, list[Event]] = {}
    for event in log.events_of(sorted({item_id for item_id, _ in later})):
        if event.kind == "retracted":
            undone.setdefault(event.item_id or "", []).append(event)
        elif (event.body.get("seen", {}).get("taxonomy") or 1) <= version:
            told.setdefault((event.item_id or "", event.annotator), []).append(event)
    for (item_id, annotator), events in told.items():
        if (item_id, annotator) in later and (stands := standing([*events, *undone.get(item_id, ())])) is not None:
            row = {**annotation_of(stands), "item_id": item_id, "annotator": annotator, "seq": stands.seq}
            for name, column in found.items():
                column.append(tuple(row[name].split()) if name == "flags" else row[name])
    return found


def standing_acts(log: Iterable[Event]) -> list[Event]:
    """Of the "sorted" events, in the log's order, those that weren't undone."""
    log = list(log)
    undone = {event.body["undoes"] for event in log if event.body["act"] == "undone"}
    return [event for event in log if event.body["act"] != "undone" and event.id not in undone]


def sent_back(log: Iterable[Event]) -> dict[str, int]:
    """The items that were sent back to the queue: item_id -> the event's number. An answer before it doesn't close the
    item any more."""
    return {item_id: event.seq or 0 for event in standing_acts(log) if event.body["act"] == "sent_back"
            for item_id in event.body["item_ids"]}


def midnight(now: datetime) -> int:
    """The beginning of the day where the person sits, in microseconds since 1970."""
    return microseconds(now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0))
