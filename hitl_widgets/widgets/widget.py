"""Base class of the card, the taxonomy editor and the triage.

A widget is a subclass of `Widget` that says which acts it answers and what its thread does next.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

from IPython.core.getipython import get_ipython

from ..errors import HitlError
from ..records import is_text
from . import pages
from .acts import Acts, Handler
from .comm import Card, Feed
from .messages import Closed, Noted, Problem, Push, PushActive, Reply

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Push)
Job = Callable[[], object]

LONGEST_PAUSE_S = 30.0
# While others store all the time, a widget waits before its next look for the first of these, or for a multiple of what
# the last look took, up to the last: otherwise sixteen people would keep one machine busy with looking.
WAKE_S, REST, LONGEST_REST_S = 0.1, 20, 2.0
# How long the ending interpreter waits for the job that a thread has begun.
END_S = 10.0


def rest_s(took_s: float) -> float:
    """How many seconds to wait after the beginning of a look at the log, by the seconds that it took.

    >>> rest_s(0.001), rest_s(0.05), rest_s(7.0)
    (0.1, 1.0, 2.0)
    """
    return min(LONGEST_REST_S, max(WAKE_S, REST * took_s))


def took_over(name: str) -> str:
    """Say which widget took over, by the number of its cell in a notebook."""
    shell = get_ipython()
    # `shell.execution_count` is the next cell's already, in IPython 9.
    running = shell.displayhook.exec_result if shell is not None and hasattr(shell, "kernel") else None
    cell = f" in cell [{running.execution_count}]" if running is not None and running.execution_count else ""
    return f"The {name}{cell} has taken over." if cell else f"Another {name} has taken over."


class Widget(pages.Listener, ABC, Generic[P]):
    """A widget of the notebook, on the kernel's side.

    Parameters
    ----------
    card : type of Card
        What the browser shows.
    *handlers : Handler
        What answers its acts, made by `hitl_widgets.widgets.acts.on`.

    A subclass sets `_unsubscribe`, which ends its listening to the project, and `_listen`, where it wants to be woken
    when somebody stored something.
    """

    NAME: ClassVar[str]  # the name of its thread, also in log messages
    FAILING: ClassVar[str]  # the browser's message when preparing something raised
    CLOSING: ClassVar[str]  # its message when the widget was closed without a reason

    def __init__(self, card: type[Card], *handlers: Handler) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._thread: threading.Thread | None = None
        self._closed, self._closed_because = False, ""
        self._unsubscribe: Callable[[], None] = lambda: None
        self._listen: Callable[[Callable[[], None]], Callable[[], None]] = lambda heard: lambda: None
        self._unlisten: Callable[[], None] = lambda: None
        self._acts = Acts(*handlers)
        self._pages = pages.active_page
        self._pages.listen(self)
        self.feed = Feed()
        self.card = card(self.feed, self.receive)

    def show(self) -> None:
        """Display the widget in the notebook."""
        from IPython.display import display
        display(self.card)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.card._repr_mimebundle_(**kwargs)

    def receive(self, act: Any) -> Reply:
        """Answer one act of the browser: `ready`, `stored`, `rejected` or `noted`."""
        page = act.get("page") if isinstance(act, Mapping) else None
        if isinstance(page, str) and is_text(page) and self._is_of_page(page, act):
            noted: Noted = {"kind": "noted", "page": page}
            return noted
        reply = self._acts.receive(act)
        if reply["kind"] == "ready":
            reply["active"] = self._pages.page
        if self._closed and reply["kind"] == "ready":  # a page that opened after the widget was closed
            self.feed.push({"kind": "closed", "reason": self._closed_because})
        return reply

    def _is_of_page(self, page: str, act: Mapping[str, Any]) -> bool:
        """Take in what an act says about its page, and tell whether it says nothing else."""
        kind, asks = act.get("kind"), False
        if kind == "hello":
            left = act.get("left")
            asks = self._pages.greet(page, left=left if isinstance(left, str) else None,
                                     shows=act.get("shows") is not False, takes=act.get("takes") is True)
        elif kind == "watch":
            asks = self._pages.watch(page)
        elif kind == "leave":
            self._pages.leave(page)
        else:
            self._pages.hear(page, acts="decision_id" in act)
        if asks:
            self._push_active(asks=True)
        return kind in ("here", "watch", "leave")

    def on_active_page(self) -> None:
        """Tell the pages that another one has become active."""
        self._push_active()

    def _push_active(self, *, asks: bool = False) -> None:
        active: PushActive = {"kind": "active", "page": self._pages.page, "asks": asks}
        if not self._closed:
            self.feed.push(active)

    def close(self, reason: str = "") -> None:
        """Stop following the project. Acts that are still on their way are stored all the same."""
        with self._changed:
            if self._closed:
                return
            self._closed, self._closed_because = True, reason or self.CLOSING
            self._changed.notify_all()
        self._unsubscribe()
        self._unlisten()
        self._let_go()
        closed: Closed = {"kind": "closed", "reason": self._closed_because}
        self.feed.push(closed)

    def end(self, reason: str) -> None:
        """Close for good: the project was closed, and nothing here may keep it in memory."""
        self.close(reason)
        self.card.detach(reason)

    def _let_go(self) -> None:
        """Give back what the widget holds of the project."""

    def _push(self, message: P | Problem, buffers: Sequence[Any] | None = None) -> None:
        if not self._closed:
            self.feed.push(message, buffers)

    # -- the thread that feeds the browser

    @abstractmethod
    def _next_job(self) -> Job | None:
        """Choose what to do next, or None; called while `_changed` is held."""

    @abstractmethod
    def _wakes_at(self) -> float | None:
        """Say when to look for a job again, though nothing changed: a time of `time.monotonic`, or None."""

    def _wake(self) -> None:
        """Look soon for what others stored."""

    def _on_news(self) -> None:
        with self._changed:
            self._wake()
            self._changed.notify_all()

    def _start(self) -> None:
        """Start the thread, once."""
        with self._changed:
            if self._thread is None and not self._closed:
                _started.add(self)
                self._unlisten = self._listen(self._on_news)
                self._thread = threading.Thread(target=self._work, name=f"hitl-{self.NAME}", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        pause = 0.0
        while (job := self._wait_for_job(pause)) is not None:
            try:
                job()
                if pause:
                    pause = 0.0
                    self._push({"kind": "problem", "reason": None})
            except Exception as error:
                # The thread must outlive whatever goes wrong with one item.
                if not isinstance(error, HitlError):
                    log.exception("feeding the %s raised", self.NAME)
                self._push({"kind": "problem", "reason": f"{self.FAILING}: {error}"})
                pause = min(LONGEST_PAUSE_S, 2 * pause or 1.0)

    def _wait_for_job(self, pause: float) -> Job | None:
        """Wait for the next job, at least `pause` seconds; None ends the thread."""
        with self._changed:
            if pause and not self._closed:
                self._changed.wait(pause)
            while not self._closed:
                if (job := self._next_job()) is not None:
                    return job
                at = self._wakes_at()
                self._changed.wait(None if at is None else max(0.02, at - time.monotonic()))
            return None


# A thread that predicts or explains when the interpreter ends may take the whole process down.
_started: WeakSet[Widget[Any]] = WeakSet()


@atexit.register
def _end_all() -> None:
    for widget in list(_started):
        with widget._changed:
            widget._closed, thread = True, widget._thread
            widget._changed.notify_all()
        if thread is not None:
            thread.join(END_S)
