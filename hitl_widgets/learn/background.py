"""Learning in the background: while a card is open, a light head is fitted to the answers again and again.

A light head is a small classifier on fixed features of the items. A fit is due after `EVERY` further training answers
(or 2 % more, if that is larger), as many revisions, or an edit that changes labels or attributes.
`BackgroundLearning.learn` then fits a head and adopts it if it is better than the adopted model
(`candidate.compare_with`), and fits heads for the taxonomy's attributes (`value_learning`). The project's lock is held
only while the answers are read. torch is loaded when it is first needed.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple
from weakref import WeakSet

import numpy as np

from ..errors import HitlError, IdReused
from ..events import after_id
from ..project import experiment
from ..project.project import Project
from ..quality.intervals import wilson
from ..records import Estimate, LearningState
from ..taxonomy.labels import Taxonomy

if TYPE_CHECKING:
    from ..events import Event
    from .candidate import Candidate, Comparison
    from .registry import Registry

logger = logging.getLogger(__name__)

# A fit is due after this many further answers that may train, or this part of those learnt, whichever is more.
EVERY, PART = 20, 0.02
# After a fit the thread rests for this multiple of its duration: with many answers a fit takes seconds of a core.
RESTS = 9.0
# How often the thread checks whether a card is open, and tries again while a fine-tuning holds the models.
LOOK_S = 1.0
# How often it checks whether an experiment is over.
FROZEN_S = 5.0
# How long `stop` waits for a fit in progress, whose head isn't adopted.
STOP_S = 10.0
BACKGROUND = "background"
DROPPED = "Another kernel adopted a model that learnt as many answers or more."


class _Outcome(NamedTuple):
    """The outcome of one attempt; "busy" while a fine-tuning holds the models."""

    name: Literal["adopted", "dropped", "frozen", "busy"]
    why: str = ""
    version: str | None = None


class BackgroundLearning:
    """Fits light heads to the answers of a project while somebody labels. Safe for many threads.

    Parameters
    ----------
    project : Project
        The project whose answers are learnt.
    registry : callable
        Returns the registry of models; called on the thread that learns, when it is first needed.
    notify : callable
        Called with a sentence if learning failed, once for each reason.
    """

    def __init__(self, project: Project, registry: Callable[[], Registry], *, notify: Callable[[str], None]) -> None:
        self._project, self._registry, self._notify = project, registry, notify
        self._turn, self._changing = threading.Lock(), threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._name: Literal["off", "waiting", "learning", "frozen", "failed"] = "off"
        self._why = ""
        self._n_last, self._seq_last = 0, 0  # answers at the last attempt, and the number of the log's last event
        self._learnt_s, self._ended = 0.0, 0.0  # how long the last attempt took, and when it ended
        self._labels: tuple[str, ...] | None = None  # what the taxonomy asked for then
        self._told = set[str]()

    def __repr__(self) -> str:
        return f"<BackgroundLearning: {self.state.name}>"

    @property
    def state(self) -> LearningState:
        """The state of learning, such as "learning" or "failed"; quick, on any thread."""
        n_answers = self._project.queue.n_training()
        state = LearningState(self._name, n_answers, max(0, self._next_at() - n_answers), why=self._why)
        adopted = self._project.state.adopted
        return state if adopted is None else replace(state, out_of_fold=_share_right(adopted))

    def due(self) -> bool:
        """Whether enough answers, or the labels or attributes, changed since the last attempt; doesn't load torch."""
        n_answers, (n_learnt, since) = self._project.queue.n_training(), self._last()
        if n_answers >= self._next_at() or n_answers <= n_learnt - _step(n_learnt):
            return True
        labels = self._labels if self._labels is not None else self._learnt_labels()
        if n_answers < EVERY:
            return False
        return (labels is not None and labels != _asked(self._project.taxonomy)) or \
            self._n_changed(since) >= _step(n_learnt)

    def _next_at(self) -> int:
        """The number of answers at which the next fit is due; for a small pool, once all of it is answered."""
        queue, (n_learnt, _) = self._project.queue, self._last()
        n_in_all = int((~queue.holdout & ~queue.gold).sum())
        following = n_learnt + _step(n_learnt)
        return min(following, n_in_all) if n_in_all > n_learnt else following

    def _last(self) -> tuple[int, int]:
        """The last fit, here or in another kernel: its number of answers, and the log's last event number then."""
        event = self._adoption
        if event is not None and event.body["origin"] == BACKGROUND and (event.seq or 0) > self._seq_last:
            return int(event.body["n_training"]), event.seq or 0
        return self._n_last, self._seq_last

    @property
    def _adoption(self) -> Event | None:
        """The event of the last adoption: of a model of labels or, with ``task="scale"``, of heads for attributes."""
        state = self._project.state
        return state.adopted_values if self._project.task == "scale" else state.adopted

    def _learnt_labels(self) -> tuple[str, ...] | None:
        """What the taxonomy asked for when the adopted model was learnt; None where another kind is adopted."""
        event, versions = self._adoption, self._project.lineage.versions
        if event is None or event.body["origin"] != BACKGROUND or event.body["taxonomy"] not in versions:
            return None
        return _asked(versions[event.body["taxonomy"]])

    def _n_changed(self, since: int) -> int:
        """Count the answered items that may train and have a decision after an event of the log."""
        queue = self._project.queue
        with suppress(HitlError):  # the project is being closed
            places = self._project.pool.positions(self._project.log.changed_items(since))
            return int(np.isin(places, queue.training_positions()).sum())
        return 0

    # -- the thread

    def start(self, while_: Callable[[], bool] = lambda: True) -> None:
        """Start learning in a thread; does nothing if it runs already.

        Parameters
        ----------
        while_ : callable
            Called every second; the thread ends once it returns False.
        """
        with self._changing:
            if self._thread is not None and self._thread.is_alive() and not self._ending.is_set():
                return
            self._ending = threading.Event()
            self._name, self._why = "waiting", ""
            if self._labels is None:
                self._labels = self._learnt_labels() or _asked(self._project.taxonomy)
            self._unsubscribe()
            self._unsubscribe = self._project.subscribe(lambda what: self._wake.set())
            _started.add(self)
            self._thread = threading.Thread(target=self._work, args=(while_, self._ending), name="hitl-learning",
                                            daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait up to 10 seconds for a fit in progress, whose head isn't adopted."""
        with self._changing:
            self._ending.set()
            self._wake.set()
            self._unsubscribe()
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_S)
        self._set("off")

    def _work(self, while_: Callable[[], bool], ending: threading.Event) -> None:
        self._wake.set()  # answers may be due already
        while not ending.is_set():
            woken = self._wake.wait(LOOK_S)
            if ending.is_set() or not while_():
                break
            self._wake.clear()
            if woken and (rest := self._rest_s()) > 0:
                ending.wait(min(rest, LOOK_S))
                self._wake.set()
            elif woken and self.due():
                self._attempt(ending)
                if self.due():  # a fine-tuning holds the models, or an experiment is running: try again
                    ending.wait(FROZEN_S if self._name == "frozen" else LOOK_S)
                    self._wake.set()
        with self._changing:
            alone = not self._ending.is_set() and ending is self._ending  # no card is open any more
            if alone:
                self._ending.set()
                self._unsubscribe()
                self._thread = None
        if alone:
            self._set("off")

    def _rest_s(self) -> float:
        """Seconds for which the thread still rests."""
        return self._ended + RESTS * self._learnt_s - time.monotonic() if self._ended else 0.0

    # -- learning

    def learn(self) -> str | None:
        """Fit a head to today's answers, and adopt it if it is better than the adopted model; on the calling thread.

        Returns
        -------
        str or None
            The version that was adopted, or None. `state` has the reason.

        Notes
        -----
        Errors aren't raised: `state` becomes "failed", and says why.
        """
        return self._attempt(threading.Event())

    def _attempt(self, ending: threading.Event) -> str | None:
        with self._turn:
            name, began, seq = self._name, time.monotonic(), self._seq_last
            n_answers, labels = self._project.queue.n_training(), _asked(self._project.taxonomy)
            try:
                seq = self._project.log.last_seq()
                found = self._learn(ending)
            except Exception as error:  # the thread goes on, whatever one attempt meets
                if not ending.is_set():
                    self._fail(error)
                self._n_last, self._seq_last, self._labels = n_answers, seq, labels
                return None
            finally:
                self._ended = time.monotonic()
                self._learnt_s = self._ended - began
            if found.name == "busy":
                self._set(name, self._why)
            elif found.name == "frozen":
                self._set("frozen", found.why)
            else:
                adopted = self._adoption
                if found.version is not None and adopted is not None:
                    seq = adopted.seq or 0
                self._n_last, self._seq_last, self._labels = n_answers, seq, labels
                self._set("off" if name == "off" or ending.is_set() else "waiting", found.why)
            return found.version

    def _learn(self, ending: threading.Event) -> _Outcome:
        registry = self._registry()
        if not registry.training.acquire(blocking=False):
            return _Outcome("busy")
        try:
            registry.follow()
            if why := experiment.running(self._project):
                return _Outcome("frozen", why)
            self._set("learning", self._why)
            found = self._learn_labels(registry, ending)
            if self._project.taxonomy.attributes and found.name in ("adopted", "dropped") and not ending.is_set():
                found = self._learn_values(registry, ending, found)
            return found
        finally:
            registry.training.release()

    def _learn_labels(self, registry: Registry, ending: threading.Event) -> _Outcome:
        if self._project.task == "scale":
            return _Outcome("dropped")
        event = registry.adoption
        if registry.inference.missing and event is not None and not event.body["own"]:  # the user's net isn't here
            return _Outcome("dropped", registry.inference.missing)
        return self._challenge(registry, ending)

    def _learn_values(self, registry: Registry, ending: threading.Event, labels: _Outcome) -> _Outcome:
        """Fit heads for attributes too, and combine the outcome with that for labels."""
        from .run import limit_torch_threads
        from .value_learning import learn_values
        with limit_torch_threads():
            version, why, frozen = learn_values(self._project, registry, ending.is_set)
        if frozen:
            return _Outcome("frozen", why, labels.version)
        self._project.refresh()  # its state has the adoption then
        return _Outcome("adopted" if version or labels.version else "dropped",
                        f"{labels.why} Of values: {why[0].lower()}{why[1:]}" if labels.why else why,
                        labels.version or (version if self._project.task == "scale" else None))

    def _challenge(self, registry: Registry, ending: threading.Event) -> _Outcome:
        """Fit a head, and adopt it if it is better than the model that is adopted when the fit is done."""
        from .candidate import compare_with, fit_candidate
        from .run import limit_torch_threads
        with limit_torch_threads():
            new = fit_candidate(self._project, registry)
            if isinstance(new, str):
                return _Outcome("dropped", new)
            while True:
                compared_at, former = registry.adopted_at, registry.adoption
                found = compare_with(self._project, registry, new, former)
                registry.follow()
                if registry.adopted_at == compared_at:
                    break
                if _has_learnt(registry.adoption, len(new.kept)):
                    return _Outcome("dropped", DROPPED)
            if not found.adopted or ending.is_set():
                return _Outcome("dropped", found.why)
            if why := experiment.running(self._project):  # it began during the fit
                return _Outcome("frozen", why)
            return self._adopt(registry, new, found, former)

    def _adopt(self, registry: Registry, new: Candidate, found: Comparison, former: Event | None) -> _Outcome:
        try:
            # Two kernels that compared with the same model give their events the same id: the later one is refused.
            version = registry.install(
                new.net(registry), origin=BACKGROUND, label_ids=new.items.label_ids,
                event_id=f"background-{self._project.id}-{after_id(former)}",
                **new.body(), why=found.why, compared=found.compared)
        except IdReused:
            registry.follow()
            return _Outcome("dropped", DROPPED)
        registry.remove_old()
        registry.follow()  # the project's state has the adoption then
        return _Outcome("adopted", found.why, version)

    def _fail(self, error: Exception) -> None:
        why = str(error) if isinstance(error, HitlError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, HitlError):
            logger.exception("learning in the background raised")
        self._set("failed", f"Learning in the background failed ({why.rstrip('.')}); it tries again after {EVERY} "
                            "more answers.")
        if why not in self._told:
            self._told.add(why)
            self._notify(self._why)

    def _set(self, name: Literal["off", "waiting", "learning", "frozen", "failed"], why: str = "") -> None:
        if (name, why) != (self._name, self._why):
            self._name, self._why = name, why
            self._project.tell("learning")


def _step(n_learnt: int) -> int:
    """The number of further answers after which a fit is due, where n_learnt were learnt."""
    return max(EVERY, round(PART * n_learnt))


# A thread that is fitting a head when the interpreter ends may crash the process.
_started: WeakSet[BackgroundLearning] = WeakSet()


@atexit.register
def _stop_all() -> None:
    for learning in list(_started):
        learning.stop()


def _has_learnt(event: Event | None, n: int) -> bool:
    """Whether a model was learnt in the background from n answers or more."""
    return event is not None and event.body["origin"] == BACKGROUND and int(event.body["n_training"]) >= n


def _share_right(event: Event) -> Estimate | None:
    """Out-of-fold accuracy of a model that was learnt in the background, with its interval."""
    figure = event.body.get("out_of_fold")
    if not figure or not figure["n"]:
        return None
    low, high = wilson(figure["right"], figure["n"])
    return Estimate(figure["right"] / figure["n"], low, high, n=figure["n"])


def _asked(taxonomy: Taxonomy) -> tuple[str, ...]:
    """What a taxonomy asks for: its labels, and its attributes with their scales and choices."""
    return (*taxonomy.label_ids, *(f"{one.id} {one.scale} {one.choices}" for one in taxonomy.attributes))
