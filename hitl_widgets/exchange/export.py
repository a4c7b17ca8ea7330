"""Export: a project's labels in a file or folder of any format. Read `export`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import pandas as pd
from PIL import Image

from ..errors import BadInput, ItemError
from ..project.forgetting import note_export
from ..records import Bars
from ..storage.log import gc_paused
from .files import IMAGE_SUFFIXES, Target, check_free, check_replaceable, wanted_stem, written_whole
from .format import Format
from .losses import Losses, in_short, losses_page
from .project_records import Called, ProjectRecords
from .records import Header, ItemRecord, header_facts, lost_facts
from .registry import available, find_format, load_format

if TYPE_CHECKING:
    from ..items.pool import Pool
    from ..project.project import Project

_ORIENTATION = 0x0112  # EXIF tag; 1 is upright
# How many of the images that can't be copied are listed one by one.
_N_NAMED = 20
_WITHOUT_ITEM = "Its item isn't written."
_ABSENT = "In this format an item without labels counts as empty; nobody has said that these items are empty."


@dataclass(frozen=True)
class Exported:
    """Result of an export: what was written, and what was left out.

    Attributes
    ----------
    path : Path
    files : list of str
        The files in the folder, with forward slashes, or the name of the one file; empty after a dry run.
    n : int
        Number of items that were written, or would be.
    lost : DataFrame
        A row for each thing that the format can't hold or that was left out: what, n (how often), why.
    """

    path: Path
    files: list[str]
    n: int
    lost: pd.DataFrame

    def __repr__(self) -> str:
        where = f"in {self.path.name}" if self.files else "would be written"
        return f"<Exported {self.n:,} item{'' if self.n == 1 else 's'} {where}, {in_short(self.lost)}>"

    def _repr_html_(self) -> str:
        return losses_page(repr(self)[1:-1], self.lost)


def export(project: Project, path: Path, format: str | None = None, *, labels: Any = "consensus",
           dry_run: bool = False, overwrite: bool = False, images: str | None = None, to_review: bool = False,
           presumed: bool = False, unanswered: bool = False, predictions: bool = False,
           people: Called = "pseudonyms",
           options: Mapping[str, Any] | None = None, bars: Bars, notify: Callable[[str], None]) -> Exported:
    """Write a project's labels; see `Workbench.export`.

    Parameters
    ----------
    project : Project
    path : Path
    format : str or None
        One of `registry.available()`; by default it follows from the ending of the path.
    labels, to_review, presumed, unanswered, predictions, people
        See `ProjectRecords`.
    dry_run : bool
        Only report what would be lost.
    overwrite : bool
        Replace what is at the path.
    images : "reference", "copy" or None
    options : mapping or None
        Options of the format.
    bars : Bars
    notify : callable
        Called with the report before anything is written.

    Raises
    ------
    BadInput, StoreError
        When an argument can't be used, or the files can't be written. Nothing was written then.
    """
    chosen = find_format(format, path)
    given = chosen.checked(options)
    records = ProjectRecords(project, labels=labels, to_review=to_review, presumed=presumed, unanswered=unanswered,
                             predictions=predictions, people=people)
    _check_fits(chosen, records.header)
    way = _way(chosen, project.pool, images)
    if not dry_run:
        check_free(path, folder=chosen.folder, overwrite=overwrite)
        _check_apart(project, path, chosen)
    looked = _Looked(chosen, records, given)
    suffixes = _suffixes(project.pool)
    if dry_run:
        if way == "copy":
            looked.fetch = lambda record: _image(project.pool, record, suffixes(record)).close()
        with bars(len(records), title=f"Looking at what {chosen.title} can hold") as bar:
            report = looked.report(path, bar)
        notify(report)
        return looked.exported(path, [])
    with written_whole(path, folder=chosen.folder, overwrite=overwrite) as draft, \
            bars(len(records), title=f"Writing {path.name}") as bar, gc_paused():
        target = Target(draft, folder=chosen.folder, suffix_of=suffixes,
                        copy_image=_copier(project.pool) if way == "copy" else None)
        looked.fetch = target.fetch
        chosen.write(looked.header, looked.reduced(bar), target, given)
        report = looked.report(path, bar)
        if chosen.folder:
            check_replaceable(path, draft, lambda: _stems(project.pool))
        notify(report)  # before anything lies at the path
    note_export(project, path, chosen.name, people)
    return looked.exported(path, sorted(set(target.files)) if chosen.folder else [path.name])


class _Looked:
    """A project's records, reduced to what a format can hold, with counts of what is lost. The log is read only once.

    Attributes
    ----------
    fetch : callable
        Called with each record before the format takes it; if it raises ItemError, since the image can't be copied, the
        record is left out.
    """

    fetch: Callable[[ItemRecord], None]

    def __init__(self, chosen: Format, records: ProjectRecords, options: Mapping[str, Any]) -> None:
        self._chosen, self._records, self._options = chosen, records, options
        self.header = chosen.reduce_header(records.header, options)
        self._losses, self._n, self._unreadable = Losses(), 0, 0
        self.fetch = lambda record: None
        self._losses.compare(header_facts(records.header), header_facts(self.header), chosen.why, _otherwise(chosen))
        self._all: Iterator[ItemRecord] | None = None

    def reduced(self, bar: Any) -> Iterator[ItemRecord]:
        """The records as the format can hold them."""
        if self._all is None:
            self._all = self._each(bar)
        return self._all

    def _each(self, bar: Any) -> Iterator[ItemRecord]:
        chosen, header, whole = self._chosen, self.header, self._records.header
        for number, record in enumerate(self._records, 1):
            if not number % 1000:
                bar(1000)
            unheld = not chosen.holds_unanswered and not record.answers
            reduced = None if unheld else chosen.reduce(header, record, self._options)
            why, otherwise = {**chosen.why, "item": _ABSENT} if unheld else chosen.why, _otherwise(chosen)
            if reduced is not None:
                try:
                    self.fetch(reduced)
                except ItemError as error:
                    reduced, why, otherwise = None, {"item": self._why_unreadable(error)}, _WITHOUT_ITEM
            if reduced is not record:
                self._losses.count(lost_facts(whole, record, reduced), why, otherwise)
            if reduced is not None:
                self._n += 1
                yield reduced
        self._losses.update(self._records.lost)

    def _why_unreadable(self, error: ItemError) -> str:
        self._unreadable += 1
        if self._unreadable > _N_NAMED:
            return "Its image can't be copied either."
        cure = "images='reference'" if "reference" in self._chosen.ways else "format='csv'"
        return f"Its image can't be copied: {error} An export with {cure} has its labels."

    def report(self, path: Path, bar: Any) -> str:
        """Describe the losses in words, after reading the records that the format itself didn't read."""
        for _ in self.reduced(bar):
            pass
        lost = f"Not in it:\n{self._losses.in_words()}" if len(self._losses) else "Nothing is lost."
        return f"{self._n:,} item{'' if self._n == 1 else 's'} as {self._chosen.title} for {path}. {lost}"

    def exported(self, path: Path, files: list[str]) -> Exported:
        """Return the result of the export; call `report` first."""
        return Exported(path, files, self._n, self._losses.table())


def _otherwise(chosen: Format) -> str:
    return chosen.otherwise or f"{chosen.title} has no place for it."


def _check_fits(chosen: Format, header: Header) -> None:
    if header.task not in chosen.tasks or header.kind not in chosen.kinds:
        fitting = [name for name in available() if header.task in (one := load_format(name)).tasks
                   and header.kind in one.kinds]
        raise BadInput(f"{chosen.title} can't hold task={header.task!r} on {header.kind}s; one of "
                       f"{', '.join(fitting)} can. hw.formats() lists what each holds.")


def _check_apart(project: Project, path: Path, chosen: Format) -> None:
    """Raise BadInput if the path to be replaced is the project, or contains it or files of its pool."""
    if not path.exists():
        return
    real, own = path.resolve(), project.folder.resolve()
    if own.is_relative_to(real) or (real.is_relative_to(own) and not chosen.folder
                                    and real.suffix.lower() not in chosen.suffixes):
        raise BadInput(f"{path} {'holds' if real.is_dir() else 'is a file of'} the project in {own}, which would be "
                       "lost. Nothing was written; choose another path.")
    _check_no_items_in(path, project.pool, chosen)


def _check_no_items_in(path: Path, pool: Pool, chosen: Format) -> None:
    """Raise BadInput if the path to be replaced is a file of the pool, or contains some."""
    if not pool.in_files or pool.remote:
        return
    real = path.resolve()
    inside: dict[Path, bool] = {}
    for position in range(len(pool)):
        with suppress(ItemError):
            if (file := pool.file_path(position)) is None:
                continue
            if file.parent not in inside:
                inside[file.parent] = file.parent.resolve().is_relative_to(real)
            if inside[file.parent] or (not chosen.folder and file.resolve() == real):
                raise BadInput(f"{path} holds files of the pool, such as {file.name!r:.100}, which would be lost. "
                               "Nothing was written; choose another path.")


def _stems(pool: Pool) -> frozenset[str]:
    """File names under which the images of a pool are copied, in lower case and without ending."""
    return frozenset(wanted_stem(str(item_id), pool.file_name(position)).lower()
                     for position, item_id in enumerate(pool.ids.tolist()))


def _way(chosen: Format, pool: Pool, images: str | None) -> str:
    """Return "copy" if images are copied, "reference" if files refer to them by name."""
    if images not in (None, "reference", "copy"):
        raise BadInput(f"images is {images!r}; 'reference' or 'copy' is expected.")
    if pool.kind == "text":
        return "reference"
    if images is None:
        return "copy" if "copy" in chosen.ways and (not pool.in_files or "reference" not in chosen.ways) \
            else "reference"
    if images not in chosen.ways:
        raise BadInput(f"{chosen.title} can't have images={images!r}; {' or '.join(map(repr, chosen.ways))} is "
                       "possible.")
    return images


def _suffixes(pool: Pool) -> Callable[[ItemRecord], str]:
    def suffix_of(record: ItemRecord) -> str:
        suffix = PurePosixPath(record.name or "").suffix.lower()
        return suffix if suffix in IMAGE_SUFFIXES and _is_upright(pool, record.item_id) else ".png"
    return suffix_of


def _copier(pool: Pool) -> Callable[[ItemRecord, Path], None]:
    """A function that writes a record's image: its file unchanged, or a PNG if it has to be turned or isn't a file."""
    def copy(record: ItemRecord, path: Path) -> None:
        with _image(pool, record, path.suffix) as image:
            if isinstance(image, Image.Image):
                image.save(path, "PNG")
            else:
                with path.open("wb") as copied:
                    shutil.copyfileobj(image, copied)
    return copy


def _image(pool: Pool, record: ItemRecord, suffix: str) -> IO[bytes] | Image.Image:
    """The image of a record: the pool's own file if it has this ending and is upright, else pixels to save as PNG."""
    position = pool.position(record.item_id)
    as_it_is = suffix.lower() == PurePosixPath(pool.file_name(position) or "").suffix.lower() and (
        suffix.lower() != ".png" or _is_upright(pool, record.item_id))  # only upright files keep another ending
    file = pool.open_file(position) if as_it_is else None
    return Image.fromarray(pool.load(position)) if file is None else file


def _is_upright(pool: Pool, item_id: str) -> bool:
    """Whether a file shows its image as people saw it, also in a program that ignores EXIF."""
    try:
        file = pool.open_file(pool.position(item_id))
        if file is None:
            return False
        with file, Image.open(file) as image:
            return image.getexif().get(_ORIENTATION, 1) == 1
    except (ItemError, OSError):
        return False
