"""Bars below the cell, or in the terminal, for work that takes longer than a moment. Read `Bar`."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

logger = logging.getLogger(__name__)

# Work that ends sooner shows no bar.
DELAY_S = 1.0

# In a notebook, tqdm lists a bar before it can be moved: a sentence printed in between would raise.
_printing = threading.RLock()


class _Stderr:
    """The current stderr, for tqdm: never raises, since tqdm would then keep its lock for ever."""

    @property
    def encoding(self) -> str:
        return getattr(sys.stderr, "encoding", None) or "ascii"

    def write(self, text: str) -> None:
        with suppress(AttributeError, OSError, ValueError):  # missing, full, closed, or its encoding lacks a character
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()

    def fileno(self) -> int:
        """For the width of the terminal."""
        return sys.stderr.fileno()

    def __eq__(self, other: object) -> bool:
        return other is sys.stderr or isinstance(other, _Stderr)  # by which tqdm.write finds the bars to move

    __hash__ = object.__hash__


class Bar:
    """A tqdm bar for work that takes longer than a moment: a context manager that is called with each number of steps.

    It appears after `delay_s` also while one step is still running, and disappears when the work is done. It never
    interrupts the work: if it can't be shown, as on a closed stderr, nothing is shown.

    Parameters
    ----------
    total : int or None
        Number of steps; None if unknown, which shows only the title.
    title : str
        What is being done.
    unit : str
        What a step is.
    delay_s : float
        Seconds before it appears.
    """

    def __init__(self, total: int | None, *, title: str, unit: str = "item", delay_s: float = DELAY_S) -> None:
        self.total, self.title, self.unit, self.delay_s = total, title, unit, delay_s
        self._n, self._began = 0, 0.0
        self._lock = threading.Lock()
        self._bar: Any = None
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Bar:
        self._began = time.time()
        if self.delay_s <= 0:
            self._show()
        else:
            # In a copy of the context, by which a kernel knows the cell that the bar belongs to.
            self._timer = threading.Timer(self.delay_s, contextvars.copy_context().run, [self._show])
            self._timer.daemon = True
            self._timer.start()
        return self

    def __call__(self, n: int = 1, figures: Mapping[str, str] | None = None) -> None:
        """Count n steps more; the figures are shown behind the bar."""
        with self._lock:
            self._n += n
            if self._bar is not None:
                if figures:
                    self._try(lambda: self._bar.set_postfix(figures, refresh=False))
                self._try(lambda: self._bar.update(n))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            bar, self._bar, self._timer = self._bar, None, None
            self._began = 0.0
            if bar is not None:
                bar.total = bar.n  # else a notebook keeps it, in red, where the work stopped early
                self._try(bar.close)

    def _show(self) -> None:
        with self._lock:
            if self._began:
                self._try(self._make)

    def _make(self) -> None:
        bar_format = "{desc} …" if self.total is None else None
        with _printing:
            self._bar = tqdm(total=self.total, desc=self.title, unit=self.unit, leave=False, bar_format=bar_format,
                             file=_Stderr())
        self._bar.start_t, self._bar.n = self._began, self._n
        self._bar.refresh()

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception:  # whatever a terminal or a front end raises, the work goes on
            logger.debug("the bar %r can't be shown", self.title, exc_info=True)
            self._bar = None
            with suppress(RuntimeError):
                tqdm.get_lock().release()  # type: ignore[no-untyped-call]


def say(sentence: str) -> None:
    """Print a sentence, above the bars that are shown."""
    # tqdm raises if another thread is just making a bar of other code; the sentence has been printed by then.
    with _printing, suppress(AttributeError):
        tqdm.write(sentence)
