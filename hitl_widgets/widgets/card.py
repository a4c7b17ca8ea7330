"""The decision card, and the review that serves it.

Acts are answered at once, on whichever thread they arrive; whatever takes longer (pictures, predictions, maps,
claims) is done by one thread in the background, the person's next items first. Start with `Review` and
`Review._next_job`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol, cast, get_args
from weakref import WeakValueDictionary

from ..errors import AlreadyDecided, BadInput, HitlError
from ..records import LABELLING, OBJECT_TASKS, Decision, Items, Task
from .acts import on
from .card_people import CardPeople, Pushed
from .comm import Card
from .host import CardHost, LearningHost, own_labels
from .keys import configured
from .messages import (
    NOTED,
    CardPush,
    CardReady,
    Certainty,
    Decide,
    End,
    Fetch,
    Hello,
    More,
    Name,
    Noted,
    Progress,
    Rejected,
    Retract,
    Stored,
    WantArchive,
    WantExamples,
    WantMap,
    WantSegments,
    labels_of,
    learning_of,
    pasts_of,
)
from .packing import check_size, pack_archive, pack_examples, pack_item, pack_map, pack_segments
from .widget import WAKE_S, Job, Widget, rest_s, took_over
from .window import Entry, Window

REFILL_BELOW = 16
STRIP = 16  # thumbnails of past decisions that a page gets when it opens
AGAIN = ("revision", "relabel", "check", "second look")  # reasons to ask about an item that was answered before
KEPT = 2  # the item on the screen and the next one stay when the model or the taxonomy changes
NEAR = 6  # items of the new model that are pushed before those of the former model are dropped
POLL_S = 10.0  # how often an empty queue is asked again: claims expire, others skip
SETTLE_S = 0.3  # changes that come in a burst are handled together
FOLLOW_S = 2.0  # how often an open card looks for what others stored


class Following:
    """When a card looks for what others stored: every two seconds or soon after it is woken, less often if it is slow.

    It isn't thread-safe: its owner has the lock.
    """

    def __init__(self) -> None:
        self.at = 0.0  # the next time, of `time.monotonic`
        self._began, self._rest_s = 0.0, WAKE_S

    def wake(self) -> None:
        """Somebody stored something."""
        self.at = min(self.at, self._began + self._rest_s)

    def begin(self) -> None:
        """A look begins now."""
        self._began = time.monotonic()
        self.at = self._began + FOLLOW_S

    def end(self) -> None:
        """A look is over."""
        self._rest_s = rest_s(time.monotonic() - self._began)
        self.at = max(self.at, self._began + self._rest_s)


class Errand(NamedTuple):
    """Work that the card asked for besides its items; the smaller `place`, the sooner it is done."""

    place: float
    job: Job


class _Review(Protocol):
    def close(self, reason: str = ...) -> None: ...


_open: WeakValueDictionary[str, _Review] = WeakValueDictionary()


def take_over(host: CardHost, review: _Review) -> None:
    """Close the review that was open in this project: there is one at a time."""
    if (former := _open.get(host.project_id)) is not None:
        former.close(took_over("review"))
    _open[host.project_id] = review


class Review(Widget[CardPush]):
    """A card on which a person decides the items of a project, best first.

    Parameters
    ----------
    host : CardHost
        The project, as far as a card needs it.
    n : int, optional
        How many items to ask about, None for as long as there are any.
    strategy : str or strategy, optional
        Which items come first; None leaves it to the project.
    explain : str or sequence of str, optional
        A saliency method, or several to switch between; None for no map.
    blind : bool
        Hide every suggestion and map.
    certainty : "keep", "ask" or "unsure_only"
        "keep" carries a certainty over until another is given, "ask" wants one for each decision, "unsure_only" for
        each unsure.
    keys : mapping, optional
        Other keys for what the card does, such as {"skip": "x", "accept": ["Enter", "j"]}.
    queue : str, optional
        Another queue than that of open items, such as "relabel".

    Raises
    ------
    BadInput
        When one of these can't be used.

    Notes
    -----
    Opening a review closes the project's former one, which may still deliver the decisions it holds.
    """

    NAME = "review"
    FAILING = "The next items can't be prepared"
    CLOSING = "Another card has taken over."

    def __init__(self, host: CardHost, *, n: int | None = None, strategy: Any = None,
                 explain: str | Sequence[str] | None = "gradcam", blind: bool = False, certainty: Certainty = "keep",
                 keys: Mapping[str, str | Sequence[str]] | None = None, queue: str | None = None) -> None:
        if certainty not in get_args(Certainty):
            raise BadInput(f"certainty={certainty!r} is unknown; 'keep', 'ask' or 'unsure_only' is expected.")
        if n is not None and n < 1:
            raise BadInput(f"n={n} asks for no items; a number from 1 on is expected, or None for all.")
        self.host, self.n, self.strategy, self.blind, self.certainty = host, n, strategy, blind, certainty
        self.task: Task = cast("Task", host.task)
        self.queue, self.keys = queue, configured(keys or {}, "card", self.task, host.pool.kind)
        self.methods = () if explain is None else (explain,) if isinstance(explain, str) else tuple(explain)
        self._window = Window(n)
        self._end: str | None = None
        self._ask_again_at = 0.0
        self._look_at: float | None = None
        self._keeps_former = True  # only the model has changed
        self._following = Following()
        self._asked: int | None = None  # number of items in a queue other than that of open items
        self._n_news = len(host.news)  # what happened before is no news to this card
        self._errands: list[Errand] = []
        self._gone: list[tuple[str, str]] = []  # items decided in one tab, to be dropped in the others
        self._greeted: dict[str | None, int] = {}  # by tab
        self._count = True  # progress is due
        self._taxonomy, self._own = host.taxonomy, own_labels(host)
        self._labels = labels_of(host.taxonomy, self._own)
        self._learns = host if isinstance(host, LearningHost) else None
        self._pushed = Pushed()
        self._people = CardPeople(host, self._pushed, push=self._push, errand=self._errand,
                                  choose_anew=self._choose_anew, drop_planted=self._drop_planted)
        take_over(host, self)
        super().__init__(Card, on(Hello, self._hello), on(Decide, self._decide), on(Retract, self._retract),
                         on(More, self._more), on(Name, self._name), on(Fetch, self._fetch), on(WantMap, self._map),
                         on(WantExamples, self._examples), on(WantArchive, self._archive),
                         on(WantSegments, self._segments), *self._people.handlers)
        self._unsubscribe, self._listen = host.subscribe(self._on_change), host.listen

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._window)} items waiting"
        return f"<Review by {self.host.annotator}: {self._window.n_decisions} decided, {state}>"

    def _let_go(self) -> None:
        with self._changed:
            waiting = self._window.take_all()
        if waiting:
            self.host.release(waiting, self.host.annotator)
        self._people.end()

    # -- acts: answered at once

    def _hello(self, act: Hello) -> CardReady | Noted:
        if act.n is not None:
            with self._changed:
                if act.n <= self._greeted.get(act.tab, 0):  # it waited for a cell, while a later one was answered
                    return NOTED
                self._greeted[act.tab] = act.n
        self._resend(act.have)
        self._pushed.forget()
        self._errand(2.5, self._push_past)
        self._errand(2.6, self._count_asked)
        self._errand(2.7, self._people.push)
        self._errand(2.8, self._push_learning)
        return self._ready()

    def _more(self, act: More) -> Noted:
        self._resend(act.have)
        return NOTED

    def _fetch(self, act: Fetch) -> Noted | Rejected:
        try:
            entry = Entry(self.host.item(act.item_id), again=True)
        except HitlError as error:
            return {"kind": "rejected", "item_id": act.item_id, "reason": str(error)}
        self.host.pool.fetch_ahead([entry.item.position], first=True,
                                   then=partial(self._errand, 0.0, partial(self._push_item, entry)))
        for order, method in enumerate(self.methods):
            self._errand(0.5 + order, partial(self._push_map, entry, method))
        return NOTED

    def _map(self, act: WantMap) -> Noted:
        if act.method not in self.methods:
            raise BadInput(f"saliency method {act.method!r} isn't shown here; {', '.join(self.methods) or 'none'} is.")
        item = self.host.item(act.item_id)
        if item.arm == "no_map":
            raise BadInput("this item is shown without a map.")
        with self._changed:  # the window needn't push it then
            for entry in self._window.entries:
                if (entry.item.id, entry.target, None) == (act.item_id, act.target, act.against):
                    entry.mapped.add(act.method)
        self._errand(1.0, lambda: self._push(*pack_map(self.host, item, act.method, act.target, act.against)))
        return NOTED

    def _segments(self, act: WantSegments) -> Noted:
        item = self.host.item(act.item_id)
        self._errand(0.5, lambda: self._push(*pack_segments(self.host, item)))
        return NOTED

    def _examples(self, act: WantExamples) -> Noted:
        for label_id in act.label_ids:
            self._errand(2.0, partial(self._push_examples, self.host.taxonomy.label(label_id)))
        return NOTED

    def _archive(self, _: WantArchive) -> Noted:
        self._errand(3.0, lambda: self._push(*pack_archive(self.host)))
        return NOTED

    def _name(self, act: Name) -> CardReady:
        former = self.host.annotator
        if act.annotator == former and not self.host.annotator_is_default:
            return self._ready()  # sent twice
        self.host.rename_annotator(act.annotator)
        with self._changed:
            waiting = self._window.take_all()
            self._window.forget()
            self._end = None
            self._stir()
        if waiting:
            self.host.release(waiting, former)
        self._pushed.forget()
        self._own = own_labels(self.host)
        self._labels = labels_of(self._taxonomy, self._own)
        self._errand(2.5, self._push_past)
        self._errand(2.7, self._people.push)
        return self._ready()

    def _decide(self, act: Decide) -> Stored | Rejected:
        try:
            decision = self._store(act)
        except AlreadyDecided as error:
            self._following.at = 0.0
            self._errand(2.5, self._push_past)  # the page learns which decision stands
            return {"kind": "rejected", "decision_id": act.decision_id, "reason": str(error), "decided": True}
        if (why := self._people.kept_aside(act)) is not None:
            with self._changed:
                self._window.drop([entry for entry in self._window.entries if entry.item.id == decision.item_id])
                self._stir()
            return {"kind": "stored", "decision_id": decision.id, "aside": why}
        with self._changed:
            self._window.decide(decision)
            self._gone.append((decision.item_id, decision.id))
            self._stir()
        return {"kind": "stored", "decision_id": decision.id}

    def _store(self, act: Decide) -> Decision:
        # For values alone, and for objects, the verdict follows from what was seen.
        verdict = None if self.task in ("scale", *OBJECT_TASKS) and act.verdict in LABELLING else act.verdict
        if act.objects is not None and act.size is not None:
            check_size(self.host, act.item_id, act.size)
        return self.host.decide(
            act.item_id, verdict, label=None if self.task in OBJECT_TASKS else act.label_id, values=act.values,
            objects=act.objects, touched=act.touched, certainty=act.certainty, note=act.note, flags=act.flags,
            reason=act.reason, wrong=act.wrong, missing=act.missing, reasons=act.reasons, seen=act.seen,
            id=act.decision_id, annotator=act.annotator, acted_at=act.acted_at, known=act.known, **self._people.keeping)

    def _retract(self, act: Retract) -> Stored:
        decision = self.host.retract(act.retracts, id=act.decision_id, annotator=act.annotator, acted_at=act.acted_at,
                                     **self._people.keeping)
        if (why := self._people.kept_aside(act)) is not None:
            return {"kind": "stored", "decision_id": act.decision_id, "aside": why}
        with self._changed:
            if decision.seen.chosen_by in AGAIN or decision.replaces is not None:  # the revised decision stands again
                self._errand(2.5, self._push_past)
            self._window.retract(act.retracts)
            if self._closed:
                self._window.cut()
            self._stir()
        return {"kind": "stored", "decision_id": act.decision_id}

    def _drop_planted(self) -> None:
        """Take out waiting items with a suggestion that is wrong on purpose, except the item on the screen."""
        if self._window.former:
            self._drop_former(keep=1)
        with self._changed:
            gone = self._window.take_planted()
            self._stir()
        if gone:
            self._push({"kind": "drop", "item_ids": gone, "keep": 1})
            self.host.release(gone, self.host.annotator)

    def _errand(self, place: float, job: Job) -> None:
        with self._changed:
            self._errands.append(Errand(place, job))
            self._changed.notify_all()

    def _choose_anew(self) -> None:
        """Note that the waiting items must be chosen again, for instance since the annotator's role has changed."""
        with self._changed:
            self._look_at, self._keeps_former = time.monotonic(), False
            self._changed.notify_all()

    def _stir(self) -> None:
        """Note that the log has grown: progress is due, and an empty queue may have something again."""
        self._count, self._ask_again_at = True, 0.0
        self._changed.notify_all()

    def _resend(self, have: Collection[str]) -> None:
        with self._changed:
            self._window.resend(have)
            self._end = None
            self._stir()
        self._start()

    def _ready(self) -> CardReady:
        about, consent = self._people.about()
        return {"kind": "ready", "project_id": self.host.project_id, "annotator": self.host.annotator,
                "annotator_is_default": bool(self.host.annotator_is_default), "task": self.task,
                "taxonomy": self._labels, "certainty": self.certainty, "methods": list(self.methods),
                "keys": self.keys, "n": self.n, "queue": self.queue, "temporary": on_temporary_server(),
                "progress": self._progress(), "people": self._people.can_ask, "about": about, "consent": consent,
                "reading": self._people.reading()}

    # -- pushes: prepared in the background

    def _next_job(self) -> Job | None:
        """Choose what serves the person soonest: the very next items, a fuller window, maps, then the rest."""
        now = time.monotonic()
        if self._look_at is not None and now >= self._look_at:
            return self._look
        if now >= self._following.at:
            return self._follow
        soonest = min([*self._item_jobs(), *self._errands], key=lambda errand: errand.place, default=None)
        may_wait = soonest is None or soonest.place >= 3
        if may_wait and self._is_refill_due():
            return self._refill
        if soonest is None:
            return self._push_progress if self._count or self._gone else None
        if soonest in self._errands:
            self._errands.remove(soonest)
        return soonest.job

    def _item_jobs(self) -> list[Errand]:
        """List the jobs that send the browser the items and maps that it lacks, and drop what a former model chose."""
        jobs = [Errand(place, partial(self._push_item, entry) if method is None else
                       partial(self._push_map, entry, method))
                for place, entry, method in self._window.lacking(self.methods, self.host.pool.is_fetching)]
        if self._window.former and all(entry.pushed for entry in self._window.entries[:NEAR]) and \
                not self._is_refill_due():
            jobs.append(Errand(0.4, self._drop_former))
        return jobs

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _is_refill_due(self) -> bool:
        return len(self._window) < REFILL_BELOW and time.monotonic() >= self._ask_again_at

    def _wakes_at(self) -> float:
        asks_again = [self._ask_again_at] if len(self._window) < REFILL_BELOW else []
        return min([self._following.at, *asks_again, *([] if self._look_at is None else [self._look_at])])

    def _refill(self) -> None:
        with self._changed:
            room, showing = self._window.ask()
        annotator = self.host.annotator
        items = Items([]) if room <= 0 else self.host.claim(
            room, annotator=annotator, strategy=self.strategy, showing=showing, queue=self.queue)
        self.host.pool.fetch_ahead([item.position for item in items], first=True, then=self._notify)
        with suppress(HitlError):  # each item that it concerns will say so
            self.host.prepare(items[:REFILL_BELOW // 2])
        with self._changed:
            if self._closed or annotator != self.host.annotator:
                return
            self._window.add(items)
            self._ask_again_at = 0.0 if 0 < room <= len(items) else time.monotonic() + POLL_S
            if self._window.entries:
                self._end = None
                return
            end: End = {"kind": "end", "reason": "enough" if room <= 0 else "empty"}
            if end["reason"] != self._end:
                self._push(end)
            self._end = end["reason"]

    def _push_item(self, entry: Entry) -> None:
        # A review that is blind throughout takes no part in the random assignment of items to arms.
        item = replace(entry.item, blind=True, arm=None, arm_probability=None) if self.blind else entry.item
        message, buffers = pack_item(self.host, item, annotator=self.host.annotator, blind=item.blind)
        entry.standing, entry.target = message.get("standing"), message.get("target", message.get("suggestion"))
        # The browser shows the prediction of a blind item after the answer: a second look at it then gets a map.
        hidden = message["blind"] and not message.get("answer_first") and (self.blind or not entry.again)
        if hidden or message.get("no_map") or entry.target is None or "broken" in message:
            entry.mapped = set(self.methods)
        with self._changed:
            entry.pushed = True
            # A decision may have come in meanwhile: its item must not come back.
            if entry.again or entry in self._window.entries:
                self._push({"kind": "item", "item": message, "again": entry.again}, buffers)

    def _push_map(self, entry: Entry, method: str) -> None:
        if entry.target is not None and method not in entry.mapped:
            entry.mapped.add(method)
            self._push(*pack_map(self.host, entry.item, method, entry.target))

    def _push_past(self) -> None:
        latest = self.host.latest(50, self.host.annotator)
        self._push({"kind": "past", "past": pasts_of(latest)})
        for item_id in dict.fromkeys(decision.item_id for decision in reversed(latest[-STRIP:])):
            with suppress(HitlError):  # an item that left the pool has none
                position = self.host.item(item_id).position
                self.host.pool.fetch_ahead([position], then=partial(
                    self._errand, 6.0, partial(self._push_thumbnail, item_id, position)))

    def _push_thumbnail(self, item_id: str, position: int) -> None:
        with suppress(HitlError):  # nor has one that can't be read
            self._push({"kind": "thumbnail", "item_id": item_id}, [self.host.pool.thumbnail(position)])

    def _push_examples(self, label: Any) -> None:
        self._push(*pack_examples(self.host, label))

    def _push_progress(self) -> None:
        with self._changed:
            gone, self._gone, self._count = self._gone, [], False
        for item_id, decision_id in gone:
            self._push({"kind": "drop", "item_ids": [item_id], "keep": 1, "decision_id": decision_id})
        progress = self._progress()
        self._pushed.is_new("progress", progress)
        self._push({"kind": "progress", "progress": progress})
        self._push_learning()

    def _progress(self) -> Progress:
        with self._changed:
            here = self._window.n_answered
        more = {} if self._asked is None else {"asked": self._asked}
        return cast("Progress", {**self.host.tally(self.host.annotator), "here": here, **more})

    def _count_asked(self) -> None:
        """Count how many items the queue had when it was opened; a count each time would take too long."""
        if self.queue is not None:
            left = self.host.waiting(self.queue, self.host.annotator)
            with self._changed:
                self._asked = left + self._window.n_answered
                self._stir()

    # -- the model or the taxonomy may have changed, and others may have done something

    def _wake(self) -> None:
        self._following.wake()

    def _follow(self) -> None:
        with self._changed:  # anything stored from here on wakes it again
            self._following.begin()
        with self.host.following():
            news = self.host.news
            for text in news[self._n_news:]:
                self._push({"kind": "news", "text": text})
            self._n_news = len(news)
            self._people.push()
            self._push_learning()
            self._drop_decided()
            if self._pushed.is_new("progress", self._progress()):  # others have answered
                with self._changed:
                    self._count = True
        with self._changed:
            self._following.end()

    def _push_learning(self) -> None:
        """Push what the model learns in the background, where it has changed since it was pushed last."""
        learning = None if self._learns is None else learning_of(self._learns.learning)
        if self._pushed.is_new("learning", learning):
            self._push({"kind": "learning", "learning": learning})

    def _drop_decided(self) -> None:
        """Drop items that this annotator decided in another notebook, or in a script, since they were pushed."""
        with self._changed:
            pushed = [entry for entry in self._window.entries if entry.pushed]
        standing = self.host.standing([entry.item.id for entry in pushed], self.host.annotator)
        with self._changed:
            if decided := self._window.drop_decided(pushed, standing):
                self._gone += [(entry.item.id, standing[entry.item.id]) for entry in decided]
                self._stir()

    def _on_change(self, what: str) -> None:
        with self._changed:
            if what == "decisions":
                self._stir()
            elif what == "learning":
                self._errand(2.8, self._push_learning)
            elif what == "assigned":
                self._choose_anew()  # the waiting items may be assigned to somebody else now
            elif what == "people":
                self._errand(0.2, self._people.push)
            elif what in ("taxonomy", "model") and self._look_at is None:
                self._look_at = time.monotonic() + SETTLE_S
                self._changed.notify_all()

    def _look(self) -> None:
        taxonomy, own = self.host.taxonomy, own_labels(self.host)
        with self._changed:
            self._look_at = None
            self._stir()
            self._window.former += self._window.cut(KEPT)
            keeps, self._keeps_former = self._keeps_former, True
            if taxonomy is not self._taxonomy or own != self._own:
                self._taxonomy, self._own, self._labels, keeps = taxonomy, own, labels_of(taxonomy, own), False
                self._push({"kind": "taxonomy", "taxonomy": self._labels})
        if not keeps:
            self._drop_former()
        self._count_asked()

    def _drop_former(self, keep: int = KEPT) -> None:
        """Take out what the former model chose; under a new model only once its own items wait in the browser."""
        with self._changed:
            gone = self._window.take_former()
            self._push({"kind": "drop", "item_ids": gone, "keep": keep})
        if gone:
            self.host.release(gone, self.host.annotator)


def on_temporary_server() -> bool:
    """Tell whether this runs on Binder, whose machines are deleted with everything on them."""
    return any(name.startswith(("BINDER_LAUNCH", "BINDER_REPO", "BINDER_REF")) for name in os.environ)
