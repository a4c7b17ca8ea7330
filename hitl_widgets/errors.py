"""Exceptions, as one hierarchy.

Every error that this package raises on purpose is one of these, apart from Python's own IndexError and AttributeError
for a position or a name that doesn't exist. The tree:

    HitlError
      BadInput (also a ValueError)
        ShapeError          an array of the wrong shape, or rows that don't sum to 1
        UnknownItem         an item id that isn't in the pool
        UnknownLabel        a label that isn't in the taxonomy
        UnknownDecision     a decision id that isn't in the log
        TaxonomyError       a taxonomy that contradicts itself, or a file that can't be read as one
        EditError           an edit that doesn't fit the taxonomy
        TaxonomyMismatch    a project opened with a taxonomy that it never had
        WrongPool           a project opened with a pool that shares no item with it
        ItemError           an item that can't be read
          ImageError        a file that can't be shown as an image
          TextError         a text that can't be shown
          ViewError         an item that the preprocessing or the net can't take
        ModelError          a model that doesn't fit the pool or the taxonomy, or that raised
        IdReused            an event id sent again with another body
        AlreadyDecided      a decision on an item that was decided in another place meanwhile
        NotAllowed          an act that the person's role doesn't allow; says who may
      StoreError (also an OSError)
        ReadOnly            the folder or its log can't be written
        LogDamaged          the log can't be read; names the newest good copy
        LogBusy             another process holds the log, and may be on another machine
        DiskFull            the log couldn't be written; nothing was half stored
      TrainingStopped       training gave up (a loss that is not a number); the adopted model stands

Each message says what was wrong, with the value; what was expected; and what to do. In a notebook the frames of this
package aren't shown above it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

_PACKAGE = str(Path(__file__).parent) + os.sep


class HitlError(Exception):
    """The base class of this package's own exceptions.

    In a notebook its traceback ends with the line that called this package; ``%debug`` still goes through all frames.
    """

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows; it looks for a method of this name."""
        tb = self.__traceback__
        cause, suppressed = self.__cause__, self.__suppress_context__
        # A causing error adds to the message only if it was raised in the person's own code.
        if not _is_in_own_code(cause or (None if suppressed else self.__context__)):
            self.__cause__, self.__suppress_context__ = None, True
        try:
            shell = sys.modules["IPython"].get_ipython()
            lines: list[str] = shell.InteractiveTB.structured_traceback(
                type(self), self, _without_package(tb) or tb, tb_offset=1)
            return lines
        finally:
            # Setting the cause also sets __suppress_context__, so it comes first.
            self.__cause__, self.__suppress_context__ = cause, suppressed


class BadInput(HitlError, ValueError):
    """An argument that can't be used as it is."""


class ShapeError(BadInput):
    """An array of the wrong shape, or probabilities that don't sum to 1."""


class UnknownItem(BadInput):
    """An item id that isn't in the pool."""


class UnknownLabel(BadInput):
    """A label that isn't in the taxonomy."""


class UnknownDecision(BadInput):
    """A decision id that isn't in the log."""


class TaxonomyError(BadInput):
    """A taxonomy that contradicts itself, or a file that can't be read as one."""


class EditError(BadInput):
    """An edit that doesn't fit the taxonomy it is applied to."""


class TaxonomyMismatch(BadInput):
    """A project opened with a taxonomy that it never had."""


class WrongPool(BadInput):
    """A project opened with a pool that shares no item with it."""


class ItemError(BadInput):
    """An item that can't be read. It stays in the queue, and the card says that it can't be shown."""


class ImageError(ItemError):
    """A file that can't be shown as an image."""


class TextError(ItemError):
    """A text that can't be shown, such as an empty one, or bytes that aren't UTF-8."""


class ViewError(ItemError):
    """An item that the preprocessing or the net can't take; it counts as one that can't be read."""


class ModelError(BadInput):
    """A model that doesn't fit the pool or the taxonomy, or that raised."""


class IdReused(BadInput):
    """An event id sent again with another body."""


class AlreadyDecided(BadInput):
    """A decision on an item that the same person decided in another tab or notebook meanwhile."""


class NotAllowed(BadInput):
    """An act that the person's role doesn't allow; nothing was stored. The message says who may."""


class StoreError(HitlError, OSError):
    """The project's folder or its log can't be used."""


class ReadOnly(StoreError):
    """The folder or its log can't be written."""


class LogDamaged(StoreError):
    """The log can't be read; the message names the newest good copy and what it holds."""


class LogBusy(StoreError):
    """Another process holds the log, and may be on another machine."""


class DiskFull(StoreError):
    """The log couldn't be written; nothing was half stored."""


class TrainingStopped(HitlError):
    """Training gave up; the adopted model stands."""


def _without_package(tb: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of this package."""
    if tb is None:
        return None
    rest = _without_package(tb.tb_next)
    if tb.tb_frame.f_code.co_filename.startswith(_PACKAGE):
        return rest
    return TracebackType(rest, tb.tb_frame, tb.tb_lasti, tb.tb_lineno)


def _is_in_own_code(error: BaseException | None) -> bool:
    """Whether an error passed through code that is neither of this package nor installed, such as a person's net."""
    tb = None if error is None else error.__traceback__
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        if not file.startswith((_PACKAGE, sys.prefix, sys.base_prefix)) and not file.startswith("<frozen"):
            return True
        tb = tb.tb_next
    return False
