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
    """Which page acts. Safe for many threads.

    Parameters
    ----------
    now : callable, optional
        Gives the time in seconds, as `time.monotonic` does.

    Notes
    -----
    A page becomes active with its first greeting if no page is active, if the active one has left, or if this page is
    the active one, reloaded. A page that watches says so every few seconds: the active one is then asked whether it is
    there still, and where it doesn't answer, the page that watches becomes active.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._page: str | None = None
        self._asked_at: float | None = None  # the active page was asked then, and hasn't been heard of since
        self._left_at: float | None = None
        self._listeners: WeakSet[Listener] = WeakSet()

    @property
    def page(self) -> str | None:
        """The id of the active page, None as long as there is none."""
        return self._page

    def listen(self, listener: Listener) -> None:
        """Tell `listener` from now on, as long as it lives, when another page becomes active."""
        self._listeners.add(listener)

    def greet(self, page: str, *, left: str | None = None, shows: bool = True, takes: bool = False) -> bool:
        """Take in the greeting of a page.

        Parameters
        ----------
        page : str
            Its id.
        left : str, optional
            What its id was before it was reloaded.
        shows : bool
            Whether a widget is visible in it. A page without one doesn't become active, except by reloading.
        takes : bool
            Whether its person wants to act in it, whatever page was active.

        Returns
        -------
        bool
            Whether the active page is to be asked if it is there still.
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
        """Take in that a page watches; it becomes active if the active one is gone. Returns the same as `greet`."""
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
        """Take in that a page is there; `acts`: that its person did something in it."""
        with self._lock:
            if (waits := self._page is None and acts) or page == self._page:
                changed = self._become(page) if waits else False
                self._asked_at = self._left_at = None
            else:
                changed = acts  # it hasn't heard that another one is active
        self._tell(changed)

    def leave(self, page: str) -> None:
        """Take in that a page goes: it is closed, or reloaded."""
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
