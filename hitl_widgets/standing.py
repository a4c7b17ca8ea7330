"""What stands in a project now? The log's answer, held in memory for the queue.

A `Standing` is read from the log when a project is opened, and follows it: whatever this or another process stores is
taken in at the next look. Read `Standing.read` and `Standing.refresh` first.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np

from .contents import Contents
from .errors import LogDamaged, WrongPool
from .events import Event
from .lineage import Lineage
from .pool import Pool
from .predictions import Ranking
from .queue import Queue
from .store import Store
from .tables import microseconds
from .yardstick import Yardstick

CONTENT_BUDGET_S = 0.05
# Past so many foreign events, reading the table of annotations again is quicker than following them one by one.
FOLLOW_AT_MOST = 2_000
OPENING_COLUMNS = ("verdict", "label_id", "taxonomy", "acted_at", "content")


class Standing:
    """Who answered what, by what people and models are measured, and which taxonomy holds: up to `seq` of the log.

    Parameters
    ----------
    store : the log
    pool : the items; None for a project that is opened without them
    ranking : follows the taxonomy
    answers : how many annotators are asked about each item
    now, say : tell the time, and tell the person something

    Attributes
    ----------
    lock : one for all that is held here; whoever looks at more than one thing holds it
    lineage : every version of the taxonomy
    contents, queue, yardstick : only with a pool
    absent : ids of answered items that aren't in the pool
    n_trained, trained_at : how many trainings there were, and when the last was, in microseconds since 1970
    """

    def __init__(self, store: Store, pool: Pool | None, ranking: Ranking, *, answers: int, now: Callable[[], datetime],
                 say: Callable[[str], None]) -> None:
        self.lock = threading.RLock()
        if pool is not None:
            self.contents = Contents(pool)
        self.absent: tuple[str, ...] = ()
        self._store, self._pool, self._ranking, self._n_answers = store, pool, ranking, answers
        self._now, self._say = now, say
        # The log is taken in up to _seq; this process's own decisions beyond it are in _ahead until the gap is closed.
        self._seq = 0
        self._ahead: set[int] = set()
        self.read_lineage()

    def read_lineage(self) -> None:
        """Take in every version of the taxonomy."""
        self.lineage = Lineage(self._store.events(kind="taxonomy"))
        if not self.lineage.versions:
            raise LogDamaged(f"{self._store.folder} has a log without a taxonomy. Go back to one of its copies: "
                             f"{[str(copy) for copy in self._store.copies()] or 'there is none'}.")

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
        # A large log makes a million strings; the collector would go through all of them again and again.
        collecting = gc.isenabled()
        gc.disable()
        try:
            self.read(check=True, shares=shares)
        finally:
            if collecting:
                gc.enable()

    def read(self, *, check: bool = False, shares: bool = True) -> None:
        """Take in the whole table of annotations."""
        self._seq = self._store.last_seq()
        self._ahead.clear()
        trained = list(self._store.events(kind="trained"))
        self.n_trained, self.trained_at = len(trained), microseconds(trained[-1].acted_at) if trained else 0
        if self._pool is None:
            return
        pool, table = self._pool, self._store.annotations(columns=OPENING_COLUMNS)
        places = pool.positions(table["item_id"])
        if len(places) and not shares and not (places >= 0).any():
            raise WrongPool(f"{self._store.folder} has answers for items such as {table['item_id'][0]!r}; none of them "
                            f"is in this pool of {len(pool)} such as {pool.ids[0]!r}. Open it with its own pool.")
        absent = sorted({table["item_id"][i] for i in np.flatnonzero(places < 0)})
        if absent and check:
            self._say(f"{self._store.folder.name}: {len(absent)} answered items, such as {absent[0]!r}, are absent "
                      "from this pool; their answers are kept.")
        draws = pool.draws(self._settings["seed"])
        queue = Queue(draws=draws, holdout=draws < self._settings["holdout"], answers=self._n_answers)
        yardstick, recent = Yardstick(queue.holdout), dict[str, dict[int, int]]()
        since = min(midnight(self._now()), self.trained_at or sys.maxsize)
        verdicts, annotators = np.array(table["verdict"], object), np.array(table["annotator"], object)
        acted_at, here = np.array(table["acted_at"], np.int64), places >= 0
        closed = here & (verdicts != "skip")
        for annotator in dict.fromkeys(table["annotator"]):
            mine = closed & (annotators == annotator)
            queue.close(places[mine], annotator)
            new = mine & (acted_at >= since)
            recent[annotator] = dict(zip(places[new].tolist(), acted_at[new].tolist(), strict=True))
        for i in np.flatnonzero(here & ~closed).tolist():
            queue.mark(int(places[i]), annotators[i], closed=False, skipped_at=table["acted_at"][i])
        labels, versions = table["label_id"], table["taxonomy"]
        measuring = np.flatnonzero(here & (verdicts == "answer") & queue.holdout[places]).tolist()
        yardstick.note_all((place, annotators[i], (labels[i], versions[i]))
                           for place, i in zip(places[measuring].tolist(), measuring, strict=True))
        self.queue, self.yardstick, self._recent, self.absent = queue, yardstick, recent, tuple(absent)
        self._take_gold(self.read_gold())
        if check:
            self.contents.check(zip(places.tolist(), table["content"], table["decision_id"], strict=True),
                                budget_s=CONTENT_BUDGET_S)

    def refresh(self) -> None:
        """Take in what this or another process has stored since the last look."""
        with self.lock:
            last = self._store.last_seq()
            if last == self._seq:
                return
            if last - self._seq > FOLLOW_AT_MOST:
                self.read_lineage()
                self.read()
                self._ranking.use(self._ranking.predictions, self.lineage)
                return
            touched: dict[tuple[str, str], Event | None] = {}
            for event in self._store.events(since=self._seq):
                if event.seq in self._ahead:
                    self._ahead.discard(event.seq or 0)
                elif event.kind == "decided":
                    key = (event.item_id or "", event.annotator)
                    touched[key] = None if key in touched else event
                elif event.kind == "retracted" and (former := self._store.get(event.body["decision_id"])) is not None:
                    touched[former.item_id or "", former.annotator] = None
                elif event.kind == "taxonomy":
                    self.read_lineage()
                    self._ranking.use(self._ranking.predictions, self.lineage)
                elif event.kind == "gold":
                    self._take_gold({item_id: (label_id, event.body["taxonomy"])
                                     for item_id, label_id in event.body["answers"].items()})
                elif event.kind == "trained":
                    self.n_trained, self.trained_at = self.n_trained + 1, microseconds(event.acted_at)
                self._seq = max(self._seq, event.seq or 0)
            if self._pool is not None:
                places = self._pool.positions([item_id for item_id, _ in touched])
                for ((item_id, annotator), first), place in zip(touched.items(), places.tolist(), strict=True):
                    if place >= 0:
                        # A first decision stands; where there was one before, or a retraction, the log has to say.
                        known = first is None or self.queue.knows(place, annotator)
                        self._take(place, annotator, self._store.standing_of(item_id, annotator) if known else first)

    def took(self, position: int, event: Event, before: Event | None) -> None:
        """A decision of this process was stored; `before` is what stood until then."""
        with self.lock:
            if (event.seq or 0) <= self._seq:  # somebody's look at the log has taken it in already
                return
            latest = before is None or event.acted_at >= before.acted_at
            self._take(position, event.annotator,
                       event if latest else self._store.standing_of(event.item_id or "", event.annotator))
            self._ahead.add(event.seq or 0)
            while self._seq + 1 in self._ahead:
                self._seq += 1
                self._ahead.discard(self._seq)

    def n_acted(self, annotator: str, since: int) -> int:
        """How many items an annotator closed since an instant of today or of this round, in microseconds."""
        return sum(at >= since for at in self._recent.get(annotator, {}).values())

    def read_gold(self) -> dict[str, tuple[str, int]]:
        """The known answers as they were given: item_id -> (label_id, taxonomy version)."""
        return {item_id: (label_id, event.body["taxonomy"]) for event in self._store.events(kind="gold")
                for item_id, label_id in event.body["answers"].items()}

    def _take(self, place: int, annotator: str, stands: Event | None) -> None:
        verdict = None if stands is None else stands.body["verdict"]
        acted_at = None if stands is None else microseconds(stands.acted_at)
        closed = verdict not in (None, "skip")
        self.queue.mark(place, annotator, closed=closed, skipped_at=acted_at if verdict == "skip" else None)
        recent = self._recent.setdefault(annotator, {})
        recent.pop(place, None)
        if closed and acted_at is not None:
            recent[place] = acted_at
        blind = stands is not None and verdict == "answer"
        self.yardstick.note(place, annotator, (stands.body["label_id"], stands.body.get("seen", {}).get("taxonomy"))
                            if blind and stands is not None else None)

    def _take_gold(self, known: Mapping[str, tuple[str, int]]) -> None:
        if self._pool is not None and known:
            for place, given in zip(self._pool.positions(list(known)).tolist(), known.values(), strict=True):
                if place >= 0:
                    self.queue.gold[place] = True
                    self.yardstick.set_gold(place, given)


def midnight(now: datetime) -> int:
    """The beginning of the day where the person sits, in microseconds since 1970."""
    return microseconds(now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0))
