"""The active page: of all browser pages that show a kernel's widgets, one acts, and the others only watch.

A kernel is one person's. Two pages in which that person acts at once would show each other's items late, so that the
same item is answered twice. Start with `ActivePage`. An act is stored whichever page it comes from: it may have been
made before the page was told that it only watches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from weakref import WeakSet

SILENT_S = 5.0  # a page that hasn't answered for this long is gone
RELOAD_S = 10.0  # a page that has left may be reloading: those that watch wait this long for it


class ActivePage:
    """Keeps track of which browser page is active. Thread-safe.

    Parameters
    ----------
    now : callable, optional
        Returns the time in seconds, as `time.monotonic` does.

    Notes
    -----
    A page sends a greeting when it opens. It becomes active if there is no active page, if the active page has left,
    if it is the active page after a reload, or if its person asks for it. All other pages only watch, and report this
    every few seconds. After such a report, the active page is asked whether it is still open. If it doesn't answer
    within `SILENT_S` seconds, the watching page becomes active. If the active page has left, a watching page becomes
    active after `RELOAD_S` seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._page: str | None = None
        self._asked_at: float | None = None  # when the active page was asked; None after its answer
        self._left_at: float | None = None
        self._listeners: WeakSet[Listener] = WeakSet()

    @property
    def page(self) -> str | None:
        """The id of the active page, None as long as there is none."""
        return self._page

    def listen(self, listener: Listener) -> None:
        """Call `listener.on_active_page` whenever another page becomes active. Only a weak reference is kept."""
        self._listeners.add(listener)

    def greet(self, page: str, *, left: str | None = None, shows: bool = True, takes: bool = False) -> bool:
        """Process the greeting of a page.

        Parameters
        ----------
        page : str
            Its id.
        left : str, optional
            The id of the page before it was reloaded.
        shows : bool
            Whether a widget is visible in the page. Otherwise it becomes active only if it was active before a reload.
        takes : bool
            Whether the person wants to act in this page, whichever page is active.

        Returns
        -------
        bool
            Whether the active page has to be asked now if it is still open.
        """
        with self._lock:
            free = shows and (self._page is None or self._left_at is not None)
            same = self._page is not None and self._page in (page, left)
            if not (takes or free or same):
                return self._is_to_be_asked()
            changed = self._become(page)
        self._tell(changed)
        return False

    def watch(self, page: str) -> bool:
        """Process the report of a watching page, which becomes active if the active one is gone. Returns as `greet`."""
        with self._lock:
            now = self._now()
            gone = now - self._left_at >= RELOAD_S if self._left_at is not None else \
                self._asked_at is not None and now - self._asked_at >= SILENT_S
            if self._page is not None and self._page != page and not gone:
                return self._is_to_be_asked()
            self._become(page)
        self._tell(True)  # a page that is active already, and watches, hasn't heard of it
        return False

    def hear(self, page: str, *, acts: bool = False) -> None:
        """Note that a page is still open; `acts` says whether its person did something in it."""
        with self._lock:
            if (waits := self._page is None and acts) or page == self._page:
                changed = self._become(page) if waits else False
                self._asked_at = self._left_at = None
            else:
                changed = acts  # it hasn't heard that another one is active
        self._tell(changed)

    def leave(self, page: str) -> None:
        """Note that a page is being closed or reloaded."""
        with self._lock:
            if page == self._page:
                self._left_at = self._now()

    def _is_to_be_asked(self) -> bool:
        if self._left_at is None and self._asked_at is None:
            self._asked_at = self._now()
        return self._left_at is None

    def _become(self, page: str) -> bool:
        changed, self._page = page != self._page, page
        self._asked_at = self._left_at = None
        return changed

    def _tell(self, changed: bool) -> None:
        for listener in list(self._listeners) if changed else ():
            listener.on_active_page()


class Listener:
    """Base class of widgets that are told when another page becomes active."""

    def on_active_page(self) -> None:
        """Another page has become active."""


active_page = ActivePage()  # the one of this kernel
