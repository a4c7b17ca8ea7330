"""The description of a file format: what it can hold, how it is written and how it is read. Read `Format`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from ..records import OBJECT_TASKS
from .losses import Losses
from .records import Header, ItemRecord

if TYPE_CHECKING:
    from .files import Source, Target

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """The contents of a file.

    Attributes
    ----------
    header : Header
        Its labels, with ids made from their names if the file has none.
    records : iterator of ItemRecord
        Can be iterated once. Errors in the file may be raised meanwhile.
    lost : Losses
        Counts of what is in the file and can't be in the records; complete after all records were read.
    images : mapping
        Item id -> the path of its image inside the folder, if that isn't the record's name; filled while records are
        read.
    """

    header: Header
    records: Iterator[ItemRecord]
    lost: Losses = field(default_factory=Losses)
    images: Mapping[str, str] = field(default_factory=dict)


def _as_it_is(header: Header, options: Options) -> Header:
    return header


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name : str
        The name to pass as ``wb.export(format=...)``.
    title : str
        The name as its makers write it.
    tasks : tuple of str
        The tasks of a project that it can hold.
    folder : bool
        Whether it is a folder; else it is one file.
    suffixes : tuple of str
        Endings of the file, by which a format is guessed.
    cannot_hold : str
        What it can't hold, for people: a sentence.
    reduce : callable
        (header, record, options) -> the record without what the format can't hold, or None if it can't hold the
        item at all. Takes away, never adds. The header is the reduced one; label ids that it lacks have to go.
    write : callable
        (header, records, target, options): writes reduced records.
    read : callable or None
        (source, options) -> Contents; None if it can't be read.
    reduce_header : callable
        (header, options) -> the header without what the format can't hold.
    why : mapping
        Kind of lost fact (see `records.facts`) -> the reason, a sentence.
    otherwise : str
        The reason for all other losses.
    options : mapping
        Names of its own options of export and import -> their defaults.
    kinds : tuple of str
        "image" and "text": which items it can hold.
    extra : str or None
        An optional package that it needs.
    images : tuple of "reference" and "copy"
        How it can include images: as names, or as copies beside the labels. Default: both for a folder, names for one
        file.
    holds_unanswered : bool
        Whether it distinguishes an item that nobody answered from one answered with no labels. If not, unanswered items
        are left out.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    folder: bool
    suffixes: tuple[str, ...]
    cannot_hold: str
    reduce: Callable[[Header, ItemRecord, Options], ItemRecord | None]
    write: Callable[[Header, Iterable[ItemRecord], Target, Options], None]
    read: Callable[[Source, Options], Contents] | None = None
    reduce_header: Callable[[Header, Options], Header] = _as_it_is
    why: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[str, ...] = ("image", "text")
    extra: str | None = None
    images: tuple[str, ...] = ()
    holds_unanswered: bool = True

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways in which it can include images, the default first."""
        return self.images or (("reference", "copy") if self.folder else ("reference",))

    def reads_as(self, task: str, other: str) -> bool:
        """Whether a file's objects in images for one task can be read as those of another one, with ``task=``."""
        return "task" in self.options and {task, other} <= set(OBJECT_TASKS) - {"spans"} and task in self.tasks

    def checked(self, options: Options | None) -> dict[str, Any]:
        """Its own options, with the defaults of those that weren't given; BadInput if it has no such option."""
        given = options or {}
        if odd := sorted(set(given) - set(self.options)):
            own = f"its own are {', '.join(self.options)}" if self.options else "it has none of its own"
            raise BadInput(f"{odd[0]}= is no option of format {self.name!r}; {own}.")
        return {**self.options, **given}

    def opened(self, source: Source, options: Options | None) -> Contents:
        """The contents of a file or folder of this format; BadInput if the format can only be written."""
        if self.read is None:
            raise BadInput(f"{self.title} can be written, not read.")
        return self.read(source, self.checked(options))
