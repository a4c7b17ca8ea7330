"""What passes between a project and its decision card? `Review` answers the card's acts and feeds it items.

Acts are answered at once, on whichever thread they arrive; whatever takes longer (pictures, predictions, maps,
claims) is done by one thread in the background, the person's next items first. Read `Review.receive` and
`Review._next_job` first.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args
from weakref import WeakValueDictionary

import numpy as np

from ..drawing.overlay import quantise
from ..errors import BadInput, HitlError
from ..items.superpixels import clickable
from ..records import Item, Items, Prediction, Seen
from .acts import Acts
from .comm import Card, Feed, Message, keep_feeding
from .host import CardHost
from .keys import configured
from .messages import examples_body, instant, needed, past_body, regions_of, taxonomy_body

log = logging.getLogger(__name__)

WINDOW = 20  # items that wait in the browser
REFILL_BELOW = 16
STRIP = 16  # thumbnails of past decisions that a page gets when it opens
AGAIN = ("revision", "relabel", "check", "second look")  # why an item is asked that was answered before
KEPT = 2  # the item on the screen and the next one stay when the model or the taxonomy changes
SHOWN = 5  # predictions on the card
POLL_S = 10.0  # an empty queue is asked again: claims expire, others skip
EXAMPLES = 6  # of a label, shown for it and as many against
SETTLE_S = 0.3  # changes that come in a burst are looked at once

Certainty = Literal["keep", "ask", "unsure_only"]


@dataclass(eq=False)
class _Entry:
    """An item of the window, and how much of it the browser has."""

    item: Item
    prediction: Prediction | None = None
    pushed: bool = False
    again: bool = False  # outside the queue: an undone or revised item
    mapped: set[str] = field(default_factory=set)


_open: WeakValueDictionary[str, Any] = WeakValueDictionary()


def take_over(host: CardHost, review: Any) -> None:
    """One review is open in a project: whichever was before is closed, and gives its items back."""
    if (former := _open.get(host.project_id)) is not None:
        former.close()
    _open[host.project_id] = review


class Review:
    """A card on which a person decides the items of a project, best first.

    Parameters
    ----------
    host : CardHost
        The project, as far as a card needs it.
    n : how many items to ask, None for as long as there are any
    strategy : which items come first; None leaves it to the project
    explain : saliency method, or several to switch between; None for no map
    blind : hide every suggestion and map
    certainty : "keep" carries a certainty over until another is given, "ask" wants one for each decision,
        "unsure_only" for each unsure
    keys : other keys for what the card does, such as {"skip": "x", "accept": ["Enter", "j"]}
    queue : another queue than what is open, such as "relabel"

    Opening a review closes the project's former one, which may still deliver the decisions it holds.
    """

    def __init__(self, host: CardHost, *, n: int | None = None, strategy: Any = None,
                 explain: str | Sequence[str] | None = "gradcam", blind: bool = False,
                 certainty: Certainty = "keep", keys: Mapping[str, str | Sequence[str]] | None = None,
                 queue: str | None = None) -> None:
        if certainty not in get_args(Certainty):
            raise BadInput(f"certainty={certainty!r} is unknown; 'keep', 'ask' or 'unsure_only' is expected.")
        if n is not None and n < 1:
            raise BadInput(f"n={n} asks for no items; a number from 1 on is expected, or None for all.")
        self.host, self.n, self.strategy, self.blind, self.certainty = host, n, strategy, blind, certainty
        self.queue, self.keys = queue, configured(keys or {})
        self.methods = () if explain is None else (explain,) if isinstance(explain, str) else tuple(explain)
        self._changed = threading.Condition(threading.RLock())
        self._window: list[_Entry] = []
        self._decided: dict[str, _Entry] = {}  # by decision id, so that an undo finds its item
        self._closing: dict[str, str] = {}  # by decision id, the item it closed
        self._thread: threading.Thread | None = None
        self._closed = False
        self._end: str | None = None
        self._ask_again_at = 0.0
        self._look_at: float | None = None
        self._errands: list[tuple[float, Callable[[], None]]] = []  # asked for by the card: how soon, and what
        self._gone: list[tuple[str, str]] = []  # items decided in one tab, to be dropped in the others
        self._greeted: dict[str, int] = {}  # by tab
        self._acts = Acts({
            "hello": self._hello, "decide": self._decide, "retract": self._retract, "more": self._more,
            "name": self._name, "fetch": self._fetch, "map": self._map, "examples": self._examples,
            "archive": self._archive, "segments": self._segments})
        self._count = True
        self._taxonomy = host.taxonomy
        self._taxonomy_body = taxonomy_body(host.taxonomy)
        take_over(host, self)
        self.feed = Feed()
        self.card = Card(self.feed, self.receive)
        self._unsubscribe = host.subscribe(self._on_change)

    def show(self) -> None:
        """Display the card in the notebook."""
        from IPython.display import display
        display(self.card)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.card._repr_mimebundle_(**kwargs)

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._window)} items waiting"
        return f"<Review by {self.host.annotator}: {len(self._closing)} decided, {state}>"

    def close(self, reason: str = "Another card has taken over.") -> None:
        """Give the waiting items back. Decisions that are still on their way are stored all the same."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            waiting, self._window = [e.item.id for e in self._window], []
            self._changed.notify_all()
        self._unsubscribe()
        if waiting:
            self.host.release(waiting, self.host.annotator)
        self.feed.push({"kind": "closed", "reason": reason})

    # -- acts: answered at once

    def receive(self, act: Any) -> Message:
        """The reply to one act of the card: `ready`, `stored`, `rejected` or `noted`."""
        return self._acts.receive(act)

    def _hello(self, act: Mapping[str, Any]) -> Message:
        tab, n = str(act.get("tab")), act.get("n")
        with self._changed:
            late = isinstance(n, int) and n <= self._greeted.get(tab, 0)
            if isinstance(n, int) and not late:
                self._greeted[tab] = n
        if late:  # it waited for a running cell, while a later one was answered
            return {"kind": "noted"}
        self._resend(act.get("have", ()))
        self._errand(2.5, self._push_past)
        return self._ready()

    def _more(self, act: Mapping[str, Any]) -> Message:
        self._resend(act.get("have", ()))
        return {"kind": "noted"}

    def _fetch(self, act: Mapping[str, Any]) -> Message:
        item_id = needed(act, "item_id")
        try:
            entry = _Entry(self.host.item(item_id), again=True)
        except HitlError as error:
            return {"kind": "rejected", "item_id": item_id, "reason": str(error)}
        self._errand(0.0, partial(self._push_item, entry))
        for order, method in enumerate(self.methods):
            self._errand(0.5 + order, partial(self._push_map, entry, method))
        return {"kind": "noted"}

    def _map(self, act: Mapping[str, Any]) -> Message:
        method, target, against = needed(act, "method"), needed(act, "target"), act.get("against")
        if method not in self.methods:
            raise BadInput(f"saliency method {method!r} isn't shown here; {', '.join(self.methods) or 'none'} is.")
        item = self.host.item(needed(act, "item_id"))
        against = None if against is None else needed(act, "against")
        self._errand(1.0, partial(self._push_map_of, item, method, target, against))
        return {"kind": "noted"}

    def _segments(self, act: Mapping[str, Any]) -> Message:
        self._errand(0.5, partial(self._push_segments, self.host.item(needed(act, "item_id"))))
        return {"kind": "noted"}

    def _examples(self, act: Mapping[str, Any]) -> Message:
        label = self.host.taxonomy.label(needed(act, "label_id"))
        self._errand(2.0, partial(self._push_examples, label))
        return {"kind": "noted"}

    def _archive(self, act: Mapping[str, Any]) -> Message:
        self._errand(3.0, self._push_archive)
        return {"kind": "noted"}

    def _name(self, act: Mapping[str, Any]) -> Message:
        former, name = self.host.annotator, needed(act, "annotator")
        if name == former and not self.host.annotator_is_default:
            return self._ready()  # sent twice
        self.host.rename_annotator(name)
        with self._changed:
            given, self._window = [e.item.id for e in self._window], []
            self._decided.clear()
            self._count, self._end, self._ask_again_at = True, None, 0.0
            self._changed.notify_all()
        if given:
            self.host.release(given, former)
        self._errand(2.5, self._push_past)
        return self._ready()

    def _decide(self, act: Mapping[str, Any]) -> Message:
        decision = self.host.decide(
            needed(act, "item_id"), needed(act, "verdict"), label=act.get("label_id"),
            certainty=act.get("certainty"), note=act.get("note"), flags=tuple(act.get("flags") or ()),
            reason=act.get("reason"), **regions_of(act),
            seen=Seen.from_dict(act.get("seen") or {}), id=needed(act, "decision_id"), acted_at=instant(act),
            annotator=act.get("annotator") or self.host.annotator)
        with self._changed:
            entry = next((e for e in self._window if e.item.id == decision.item_id), None)
            if entry is not None:
                self._window.remove(entry)
                self._decided[decision.id] = entry
                while len(self._decided) > 50:
                    del self._decided[next(iter(self._decided))]
            if decision.closes:
                self._closing[decision.id] = decision.item_id
            self._gone.append((decision.item_id, decision.id))
            self._stir()
        return {"kind": "stored", "decision_id": decision.id}

    def _retract(self, act: Mapping[str, Any]) -> Message:
        undone = needed(act, "retracts")
        decision = self.host.retract(undone, id=needed(act, "decision_id"), acted_at=instant(act),
                                     annotator=act.get("annotator") or self.host.annotator)
        with self._changed:
            self._closing.pop(undone, None)
            entry = self._decided.pop(undone, None)
            if decision.seen.chosen_by in AGAIN:  # what it revised stands again
                self._errand(2.5, self._push_past)
            if entry is not None and not self._closed and all(e.item.id != entry.item.id for e in self._window):
                self._window.insert(0, entry)
            self._stir()
        return {"kind": "stored", "decision_id": act["decision_id"]}

    def _errand(self, place: float, job: Callable[[], None]) -> None:
        """Do something in the background that the card asked for; the smaller `place`, the sooner."""
        with self._changed:
            self._errands.append((place, job))
            self._changed.notify_all()

    def _stir(self) -> None:
        """The log has grown: progress is due, and an empty queue may have something again."""
        self._count, self._ask_again_at = True, 0.0
        self._changed.notify_all()

    def _resend(self, have: Any) -> None:
        """What the browser doesn't have is pushed again."""
        held = {str(item_id) for item_id in have} if isinstance(have, (list, tuple)) else set()
        with self._changed:
            for entry in self._window:
                if entry.item.id not in held:
                    entry.pushed, entry.mapped = False, set()
            self._count, self._end, self._ask_again_at = True, None, 0.0
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="hitl-review", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _ready(self) -> Message:
        annotator = self.host.annotator
        return {"kind": "ready", "project_id": self.host.project_id, "annotator": annotator,
                "annotator_is_default": bool(self.host.annotator_is_default), "taxonomy": self._taxonomy_body,
                "certainty": self.certainty, "methods": list(self.methods), "keys": self.keys, "n": self.n,
                "temporary": on_temporary_server(),
                "progress": self._progress(annotator)}

    # -- pushes: prepared in the background

    def _work(self) -> None:
        keep_feeding(self._wait_for_job, self._push, log=log, raised="preparing items for the card raised",
                     failing="The next items can't be prepared")

    def _wait_for_job(self, pause: float) -> Callable[[], None] | None:
        with self._changed:
            if pause and not self._closed:
                self._changed.wait(pause)
            while not self._closed:
                if (job := self._next_job()) is not None:
                    return job
                due = [at for at in (self._look_at, self._ask_again_at) if at is not None]
                self._changed.wait(max(0.02, min(due) - time.monotonic()) if due else None)
            return None

    def _next_job(self) -> Callable[[], None] | None:
        """What serves the person soonest: the very next items, a fuller window, maps, then the rest."""
        now = time.monotonic()
        if self._look_at is not None and now >= self._look_at:
            return self._look
        jobs: list[tuple[float, Callable[[], None]]] = [
            (place, partial(self._push_item, entry)) for place, entry in enumerate(self._window) if not entry.pushed]
        # A map may come a few items later than its item, a second method's a window later.
        jobs += [(place + 3.5 + WINDOW * order, partial(self._push_map, entry, method))
                 for place, entry in enumerate(self._window)
                 for order, method in enumerate(self.methods) if entry.pushed and method not in entry.mapped]
        jobs += [(errand[0], partial(self._run_errand, errand)) for errand in self._errands]
        soonest = min(jobs, key=lambda job: job[0], default=None)
        if (soonest is None or soonest[0] >= 3) and len(self._window) < REFILL_BELOW and now >= self._ask_again_at:
            return self._refill
        if soonest is not None:
            return soonest[1]
        return self._push_progress if self._count or self._gone else None

    def _run_errand(self, errand: tuple[float, Callable[[], None]]) -> None:
        with self._changed:
            self._errands.remove(errand)
        errand[1]()

    def _refill(self) -> None:
        with self._changed:
            room = WINDOW - len(self._window)
            if self.n is not None:
                room = min(room, self.n - len(set(self._closing.values())) - len(self._window))
            held = {e.item.id for e in self._window}
        annotator = self.host.annotator
        items = Items([])
        if room > 0:
            items = self.host.claim(room, annotator=annotator, strategy=self.strategy, showing=held,
                                    **({} if self.queue is None else {"queue": self.queue}))
        with suppress(HitlError):  # said again, with its reason, by each item that it concerns
            self.host.prepare(items[:REFILL_BELOW // 2])
        with self._changed:
            if self._closed or annotator != self.host.annotator:
                return
            self._window += [_Entry(item) for item in items if item.id not in {e.item.id for e in self._window}]
            self._ask_again_at = time.monotonic() + POLL_S if len(items) < room or room <= 0 else 0.0
            end = None if self._window else "enough" if room <= 0 else "empty"
            if end is not None and end != self._end:
                self._push({"kind": "end", "reason": end})
            self._end = end

    def _push_item(self, entry: _Entry) -> None:
        item, buffers = entry.item, []
        body: Message = {"item_id": item.id, "chosen_by": item.chosen_by, "blind": item.blind or self.blind,
                         "meta": dict(item.meta), "height": 0, "width": 0, "probs": []}
        try:
            picture = self.host.pool.picture(item.position)
            body |= {"mime": picture.mime, "height": picture.height, "width": picture.width}
            buffers.append(picture.data)
        except HitlError as error:
            body["broken"] = str(error)
        try:
            entry.prediction = self.host.prediction(item.position)
        except HitlError as error:
            entry.prediction, body["problem"] = None, str(error)
        if item.candidates:
            body["candidates"] = list(item.candidates)
        if (prediction := entry.prediction) is not None and np.isfinite(prediction.probs).all():
            best = np.argsort(-prediction.probs, kind="stable")[:SHOWN]
            body |= {"suggestion": prediction.suggestion, "model": prediction.model,
                     "probs": [[prediction.label_ids[i], round(float(prediction.probs[i]), 4)] for i in best]}
        if body["blind"] or "suggestion" not in body or "broken" in body:
            entry.mapped = set(self.methods)
        with self._changed:
            entry.pushed = True
            # A decision may have come in meanwhile: its item must not come back.
            if entry.again or entry in self._window:
                self._push({"kind": "item", "item": body, "again": entry.again}, buffers)

    def _push_map(self, entry: _Entry, method: str) -> None:
        prediction = entry.prediction
        if prediction is None or method in entry.mapped:
            return
        entry.mapped.add(method)
        self._push_map_of(entry.item, method, prediction.suggestion)

    def _push_map_of(self, item: Item, method: str, target: str, against: str | None = None) -> None:
        body: Message = {"kind": "map", "item_id": item.id, "method": method, "target": target, "against": against,
                         "height": 0, "width": 0, "box": [0, 0, 0, 0], "signed": False}
        buffers: list[Any] = []
        try:
            attribution = self.host.explanation(item.position, method=method, target=target, against=against)
            if attribution is None:
                body["problem"] = f"{method} gave no map for this item."
            else:
                values, _ = quantise(attribution.values, signed=attribution.signed)
                height, width = values.shape
                body |= {"height": height, "width": width, "box": [float(v) for v in attribution.box],
                         "signed": attribution.signed, "target": attribution.target}
                buffers.append(np.ascontiguousarray(values))
        except HitlError as error:
            body["problem"] = str(error)
        self._push(body, buffers)

    def _push_segments(self, item: Item) -> None:
        body: Message = {"kind": "segments", "item_id": item.id, "height": 0, "width": 0}
        buffers: list[Any] = []
        try:
            numbers = clickable(self.host.pool.load(item.position))
            body |= {"height": numbers.shape[0], "width": numbers.shape[1]}
            buffers.append(np.ascontiguousarray(numbers, "<u2"))
        except HitlError as error:
            body["problem"] = str(error)
        self._push(body, buffers)

    def _push_past(self) -> None:
        latest = self.host.latest(50, self.host.annotator)
        self._push({"kind": "past", "past": list(map(past_body, latest))})
        for item_id in dict.fromkeys(d.item_id for d in reversed(latest[-STRIP:])):
            self._errand(6.0, partial(self._push_thumbnail, item_id))

    def _push_thumbnail(self, item_id: str) -> None:
        with suppress(HitlError):  # an item that left the pool, or can't be read, has none
            self._push({"kind": "thumbnail", "item_id": item_id},
                       [self.host.pool.thumbnail(self.host.item(item_id).position)])

    def _push_examples(self, label: Any) -> None:
        named = [(against, name) for against, names in ((False, label.examples), (True, label.counter_examples))
                 for name in names]
        examples, buffers = examples_body(named, self.host.example, EXAMPLES)
        self._push({"kind": "examples", "label_id": label.id, "examples": examples}, buffers)

    def _push_archive(self) -> None:
        with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
            name = f"{self.host.project_id[:8]}-{datetime.now():%Y-%m-%d-%H%M}.zip"
            try:
                data = self.host.archive(Path(folder, name)).read_bytes()
            except (HitlError, OSError) as error:
                self._push({"kind": "archive", "name": name, "problem": f"No archive was made: {error}"})
                return
        self._push({"kind": "archive", "name": name}, [data])

    def _push_progress(self) -> None:
        with self._changed:
            gone, self._gone, self._count = self._gone, [], False
        for item_id, decision_id in gone:
            self._push({"kind": "drop", "item_ids": [item_id], "keep": 1, "decision_id": decision_id})
        self._push({"kind": "progress", "progress": self._progress(self.host.annotator)})

    def _progress(self, annotator: str) -> Message:
        with self._changed:
            here = len(set(self._closing.values()))
        return {**self.host.tally(annotator), "here": here}

    def _push(self, message: Message, buffers: list[Any] | None = None) -> None:
        if not self._closed:
            self.feed.push(message, buffers)

    # -- the model or the taxonomy may have changed

    def _on_change(self, what: str) -> None:
        with self._changed:
            if what == "decisions":
                self._stir()
            elif self._look_at is None:
                self._look_at = time.monotonic() + SETTLE_S
                self._changed.notify_all()

    def _look(self) -> None:
        taxonomy = self.host.taxonomy
        with self._changed:
            self._look_at, self._count, self._ask_again_at = None, True, 0.0
            gone = [e.item.id for e in self._window[KEPT:]]
            del self._window[KEPT:]
            if taxonomy is not self._taxonomy:
                self._taxonomy, self._taxonomy_body = taxonomy, taxonomy_body(taxonomy)
                self._push({"kind": "taxonomy", "taxonomy": self._taxonomy_body})
            self._push({"kind": "drop", "item_ids": gone, "keep": KEPT})
        if gone:
            self.host.release(gone, self.host.annotator)


def on_temporary_server() -> bool:
    """True on Binder, whose machines vanish with all that is on them."""
    return any(name.startswith(("BINDER_LAUNCH", "BINDER_REPO", "BINDER_REF")) for name in os.environ)
