"""The triage widget: unplaced items are sorted in groups of items that look alike.

Acts are stored and answered at once; one background thread finds unplaced items, groups them by similarity and prepares
their pictures. Start with `Triage`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np

from ..errors import BadInput, HitlError
from ..project.triage import Sorted, Unplaced, UnplacedItems
from ..sampling.diversity import GROUP_SIZE, groups_of_alike
from ..taxonomy.labels import Taxonomy
from .acts import on
from .comm import STATIC, Card
from .keys import configured
from .messages import (
    NOTED,
    Assign,
    Hello,
    LeaveOut,
    Make,
    Noted,
    PastSorting,
    Regroup,
    SendBack,
    SignedAct,
    Sorting,
    SortingStored,
    TriageLabels,
    TriagePush,
    TriageReady,
    Undo,
    UnplacedItem,
    WantPictures,
    labels_of,
)
from .widget import Job, Widget

POLL_S = 2.0  # how often to look for what others answer and sort
LOOK_S = 0.5  # shortest time between two looks after changes
SIDE, LARGE = 112, 448  # pixels of a picture on the page, and of the one in focus
TILE_TEXT, LARGE_TEXT = 160, 600  # characters of a text on the page, and of the one in focus
AT_ONCE = 12  # pictures in one message
PAST = 50  # acts that can still be undone after a reload


class TriageCard(Card):
    """The page of thumbnails in the browser."""

    _esm = STATIC / "triage.js"
    _css = STATIC / "triage.css"


class Triage(Widget[TriagePush]):
    """A page on which a person sorts items that have no place in the taxonomy, a group at a time.

    Parameters
    ----------
    unplaced : UnplacedItems
        The items without a place and the steps that sort them; a script may use it too.
    features : callable
        From positions in the pool to floats, shape (n, n_features), by which items look alike.
    size : int
        Items in a group, about.
    keys : mapping, optional
        Other keys for what triage does, such as {"leave_out": "o"}.

    Attributes
    ----------
    pages : list of lists of Unplaced
        The groups as they were made last.
    """

    NAME = "triage"
    FAILING = "What has no place can't be looked at"
    CLOSING = "This triage was closed."

    def __init__(self, unplaced: UnplacedItems, features: Callable[[Sequence[int]], np.ndarray], *,
                 size: int = GROUP_SIZE, keys: Mapping[str, str | Sequence[str]] | None = None) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise BadInput(f"size is {size!r}; a number of items to a cluster, 1 or more, is expected.")
        self.unplaced, self.features, self.size = unplaced, features, size
        self.keys = configured(keys or {}, "triage")
        self.pages: list[list[Unplaced]] = []
        self._wanted: dict[tuple[str, int], None] = {}  # pictures: item_id and side
        self._due: set[Job] = set()
        self._look_at = self._rested_at = 0.0
        self._paged: set[str] = set()
        self._unplaced: list[str] = []
        self._taxonomy = unplaced.project.taxonomy
        super().__init__(TriageCard, on(Hello, self._hello), on(Assign, self._assign), on(Make, self._make),
                         on(LeaveOut, self._leave_out), on(SendBack, self._send_back), on(Undo, self._undo),
                         on(Regroup, self._regroup), on(WantPictures, self._pictures))
        self._unsubscribe = unplaced.project.subscribe(self._on_change)
        self._listen = unplaced.project.listen

    def __repr__(self) -> str:
        return f"<Triage: {len(self.unplaced.waiting())} items to sort>"

    def group(self) -> list[list[Unplaced]]:
        """Group the items that have no place now by similarity: the pages, the largest first."""
        others = self.unplaced.waiting()
        rows = self.features([other.position for other in others]) if others else np.empty((0, 0))
        return [[others[row] for row in cluster] for cluster in groups_of_alike(rows, size=self.size)]

    # -- acts: answered at once

    def _hello(self, _: Hello) -> TriageReady:
        project = self.unplaced.project
        self._taxonomy = project.taxonomy
        self._note(self._push_pages, self._push_acts)
        self._start()
        return {"kind": "ready", "project_id": project.id, "annotator": project.annotator, "keys": self.keys,
                "taxonomy": self._labels(self._taxonomy)}

    def _regroup(self, _: Regroup) -> Noted:
        self._note(self._push_pages)
        return NOTED

    def _pictures(self, act: WantPictures) -> Noted:
        side = LARGE if act.large else SIDE
        pool = self.unplaced.project.pool
        places = pool.positions(act.item_ids)
        with self._changed:
            # Items in sight now come before those paged past.
            self._wanted = {**{(item_id, side): None for item_id in act.item_ids}, **self._wanted}
            self._changed.notify_all()
        pool.fetch_ahead(places[places >= 0].tolist(), first=True, then=self._note)
        return NOTED

    def _assign(self, act: Assign) -> SortingStored:
        return _stored(act, self.unplaced.assign(act.item_ids, act.label_id, taxonomy=act.taxonomy, id=act.decision_id,
                                               annotator=act.annotator, acted_at=act.acted_at))

    def _make(self, act: Make) -> SortingStored:
        return _stored(act, self.unplaced.make_label(act.item_ids, act.name, under=act.under,
                                                   definition=act.definition or "", id=act.decision_id,
                                                   annotator=act.annotator, acted_at=act.acted_at))

    def _leave_out(self, act: LeaveOut) -> SortingStored:
        return _stored(act, self.unplaced.leave_out(act.item_ids, id=act.decision_id, annotator=act.annotator,
                                                  acted_at=act.acted_at))

    def _send_back(self, act: SendBack) -> SortingStored:
        return _stored(act, self.unplaced.send_back(act.item_ids, id=act.decision_id, annotator=act.annotator,
                                                  acted_at=act.acted_at))

    def _undo(self, act: Undo) -> SortingStored:
        return _stored(act, self.unplaced.undo(act.retracts, id=act.decision_id, annotator=act.annotator,
                                             acted_at=act.acted_at))

    # -- pushes: prepared in the background

    def _on_change(self, what: str) -> None:
        if what in ("decisions", "taxonomy"):
            with self._changed:
                self._look_at = self._rested_at
                self._note(*([self._push_labels] if what == "taxonomy" else []))

    def _note(self, *jobs: Job) -> None:
        with self._changed:
            self._due.update(jobs)
            self._changed.notify_all()

    def _next_job(self) -> Job | None:
        for job in (self._push_labels, self._push_pages, self._push_acts):
            if job in self._due:
                self._due.discard(job)
                return job
        if self._ready():
            return self._push_pictures
        return self._push_unplaced if time.monotonic() >= self._look_at else None

    def _wake(self) -> None:
        self._look_at = min(self._look_at, self._rested_at)

    def _wakes_at(self) -> float:
        return self._look_at

    def _push_labels(self) -> None:
        self._taxonomy = self.unplaced.project.taxonomy
        self._push({"kind": "taxonomy", "taxonomy": self._labels(self._taxonomy)})

    def _push_pages(self) -> None:
        self.pages = self.group()
        item_ids = [other.item_id for page in self.pages for other in page]
        self._paged, self._unplaced = set(item_ids), sorted(item_ids)
        self._push({"kind": "pages", "pages": [list(map(_entry, page)) for page in self.pages],
                    "words": self.unplaced.words(self.pages)})

    def _push_acts(self) -> None:
        acts: list[PastSorting] = [
            {"act_id": act.id, "act": cast("Sorting", act.act), "n": len(act.item_ids), "label": act.label}
            for act in self.unplaced.acts() if act.annotator == self.unplaced.project.annotator]
        self._push({"kind": "acts", "acts": acts[-PAST:]})

    def _push_unplaced(self) -> None:
        began = time.monotonic()
        self._look_at = began + POLL_S  # sooner, where something changes meanwhile
        others = self.unplaced.waiting()
        if self.unplaced.project.taxonomy is not self._taxonomy:
            self._push_labels()
        if (item_ids := sorted(other.item_id for other in others)) != self._unplaced:
            self._unplaced = item_ids
            more = [other for other in others if other.item_id not in self._paged]
            self._paged.update(other.item_id for other in more)
            self._push({"kind": "unplaced", "item_ids": item_ids, "more": list(map(_entry, more))})
        with self._changed:
            now = time.monotonic()
            self._rested_at = now + max(LOOK_S, 5 * (now - began))
            self._look_at = max(self._look_at, self._rested_at)

    def _ready(self) -> list[tuple[str, int]]:
        """The pictures that are wanted and whose files aren't being fetched."""
        pool = self.unplaced.project.pool
        if not pool.remote:
            return list(self._wanted)
        places = pool.positions([item_id for item_id, _ in self._wanted]).tolist()
        return [one for one, place in zip(self._wanted, places, strict=True)
                if place < 0 or not pool.is_fetching(place)]

    def _push_pictures(self) -> None:
        with self._changed:
            ready = self._ready()
            side = ready[0][1]
            item_ids = [item_id for item_id, its in ready if its == side][:AT_ONCE]
            for item_id in item_ids:
                del self._wanted[item_id, side]
        pool = self.unplaced.project.pool
        problems: list[str | None] = []
        buffers: list[bytes] = []
        for item_id in item_ids:
            try:
                position = pool.position(item_id)
                buffers.append(pool.thumbnail(position, side=side) if pool.kind == "image"
                               else pool.snippet(position, LARGE_TEXT if side == LARGE else TILE_TEXT).encode())
                problems.append(None)
            except HitlError as error:
                buffers.append(b"")
                problems.append(str(error))
        self._push({"kind": "pictures", "item_ids": item_ids, "problems": problems, "large": side == LARGE}, buffers)

    def _labels(self, taxonomy: Taxonomy) -> TriageLabels:
        """List the labels to choose from; the one that means "other" comes last, as nothing is sorted by it."""
        labels, other = labels_of(taxonomy), self.unplaced.label
        return {"version": labels["version"], "other": other,
                "labels": sorted(labels["labels"], key=lambda label: label["label_id"] == other),
                "places": [{"label_id": label.id, "name": label.name, "path": taxonomy.path(label.id)}
                           for label in taxonomy.labels]}


def _stored(act: SignedAct, done: Sorted) -> SortingStored:
    return {"kind": "stored", "decision_id": act.decision_id, "label": done.label, "label_id": done.label_id}


def _entry(other: Unplaced) -> UnplacedItem:
    return {"item_id": other.item_id, "why": other.why, "annotator": other.annotator, "note": other.note}
