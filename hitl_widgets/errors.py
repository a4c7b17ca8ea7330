"""Exceptions, as one hierarchy.

Every error that this package raises on purpose is one of these. The tree:

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
        ImageError          a file that can't be shown as an image
          ViewError         an item that the preprocessing or the net can't take
        ModelError          a model that doesn't fit the pool or the taxonomy, or that raised
        IdReused            an event id sent again with another body
        AlreadyDecided      a decision on an item that was decided in another place meanwhile
      StoreError (also an OSError)
        ReadOnly            the folder or its log can't be written
        LogDamaged          the log can't be read; names the newest good copy
        LogBusy             another process holds the log, and may be on another machine
        DiskFull            the log couldn't be written; nothing was half stored
      TrainingStopped       training gave up (a loss that is not a number); the adopted model stands

Each message says what was wrong, with the value; what was expected; and what to do.
"""


class HitlError(Exception):
    """Any error that hitl_widgets raises on purpose."""


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


class ImageError(BadInput):
    """A file that can't be shown as an image."""


class ViewError(ImageError):
    """An item that the preprocessing or the net can't take; it counts as one that can't be read."""


class ModelError(BadInput):
    """A model that doesn't fit the pool or the taxonomy, or that raised."""


class IdReused(BadInput):
    """An event id sent again with another body."""


class AlreadyDecided(BadInput):
    """A decision on an item that the same person decided in another tab or notebook meanwhile."""


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
