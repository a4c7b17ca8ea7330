"""Reading files of other tools within limits, and writing files completely or not at all.

`Source` reads files under one path, and never opens a path that a file names. `Target` writes to a temporary path,
which `written_whole` moves to its final place at the end.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from ..errors import BadInput, ItemError, StoreError
from ..records import is_text
from ..storage.files import share_like_folder
from .records import ItemRecord

if TYPE_CHECKING:
    from ..items.pool import Pool

# Bytes of one file, nested brackets of JSON, and files in a folder: more is no list of labels.
MOST_BYTES, DEEPEST, MOST_FILES = 2**31, 60, 2_000_000
_BRACKETS = np.zeros(256, np.int8)
_BRACKETS[[ord("["), ord("{")]], _BRACKETS[[ord("]"), ord("}")]] = 1, -1
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# Names that a file may not have on some systems.
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
LONGEST_NAME = 150
# Files that a system, not a person, puts into folders.
_OF_THE_SYSTEM = {".DS_Store", "Thumbs.db", "desktop.ini"}


def safe_name(text: str) -> str:
    """A file name for any text; `unsafe_name` gives the text back.

    Escapes begin with ``~``, since a browser would decode those with a percent sign.

    Examples
    --------
    >>> safe_name("a/b: cat?"), unsafe_name(safe_name("a/b: cat?"))
    ('a~2Fb~3A~20cat~3F', 'a/b: cat?')
    """
    name = quote(text, safe="").replace("~", "%7E")
    if not name or name.startswith(".") or _RESERVED.match(name):
        name = "".join(f"%{byte:02X}" for byte in name[:1].encode()) + name[1:] or "%"
    if name.endswith("."):  # Windows would leave it out
        name = name[:-1] + "%2E"
    return name.replace("%", "~")


def readable_name(text: str) -> str:
    """A file name for any text, readable for people: letters of all alphabets and spaces between words are kept.

    Examples
    --------
    >>> readable_name("hot dog"), readable_name("a/b"), readable_name("chien méchant"), readable_name("con")
    ('hot dog', 'a~2Fb', 'chien méchant', '~63on')
    """
    name = "".join(char if char.isalnum() or char in " -_,.()" else safe_name(char) for char in text)
    if unicodedata.normalize("NFC", text) != text or name != name.strip(" .") or not name or _RESERVED.match(name):
        return safe_name(text)
    return name


def unsafe_name(name: str) -> str:
    """The text from which `safe_name` made a file name."""
    return "" if name == "~" else unquote(name.replace("~", "%"))


def inner_path(name: str) -> PurePosixPath | None:
    r"""The relative path that a name in a file means; None if it leads out of its folder, or is a URL.

    Examples
    --------
    >>> inner_path("images/a.png"), inner_path("../a.png"), inner_path("C:\\a.png"), inner_path("file:///etc/passwd")
    (PurePosixPath('images/a.png'), None, None, None)
    """
    text = name.replace("\\", "/")
    path = PurePosixPath(text)
    if not is_text(text) or ":" in text.split("/")[0] or "://" in text or path.is_absolute() or ".." in path.parts \
            or not path.parts:
        return None
    return path


class Source:
    """A file or folder that a format reads.

    Parameters
    ----------
    path : Path
    pool : Pool or None
        The items that the file is about, if known: sizes of images come from it.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: Path, pool: Pool | None = None) -> None:
        self.path, self.pool = Path(path), pool
        if not self.path.exists():
            raise BadInput(f"{self.path} isn't there; the path of a file or folder is expected.")
        if not self.path.is_dir() and not self.path.is_file():
            raise BadInput(f"{self.path} isn't a file or folder: reading a pipe or a device may never end.")
        self._names: list[str] | None = None
        self._listed: frozenset[str] | None = None
        self._inside = self.path.resolve()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    def names(self, *suffixes: str) -> list[str]:
        """The files in the folder, with forward slashes, sorted; hidden ones and links that lead out are left out.

        Parameters
        ----------
        *suffixes : str
            Endings such as ".xml", in any case; without some all files.
        """
        if self._names is None:
            found: list[str] = []
            for folder, folders, files in os.walk(self.path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(files):
                    file = Path(folder, name)
                    if not name.startswith(".") and file.is_file() and (
                            not file.is_symlink() or file.resolve().is_relative_to(self._inside)):
                        found.append(file.relative_to(self.path).as_posix())
                if len(found) > MOST_FILES:
                    raise BadInput(f"{self.path} has more than {MOST_FILES:,} files; name a folder inside it.")
            self._names, self._listed = found, frozenset(found)
        ends = tuple(suffix.lower() for suffix in suffixes)
        return [name for name in self._names if not ends or name.lower().endswith(ends)]

    def file(self, name: str | None = None) -> Path:
        """The path of a file in the folder, or of the one file; BadInput if it would lie elsewhere."""
        if name is None:
            if self.is_folder:
                raise BadInput(f"{self.path} is a folder; the path of a file is expected.")
            return self.path
        if self._listed is not None and name in self._listed:  # its links were checked
            return self.path / name
        inner = inner_path(name)
        path = None if inner is None else self.path / inner
        if path is None or not path.resolve().is_relative_to(self._inside):
            raise BadInput(f"{name!r:.200} lies outside of {self.path}; a file inside it is expected.")
        return path

    def _regular(self, name: str | None) -> Path:
        """The path of a regular file; BadInput for anything else: reading a pipe or a device may never end."""
        path = self.file(name)
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} isn't a file; the path of a file is expected.")
        return path

    def has(self, name: str) -> bool:
        """Whether the folder has such a file."""
        if self._listed is not None:
            inner = inner_path(name)
            return inner is not None and inner.as_posix() in self._listed
        return self.is_folder and inner_path(name) is not None and self.file(name).is_file()

    def bytes(self, name: str | None = None) -> bytes:
        """A file's content; BadInput if it can't be read or has more than `MOST_BYTES`."""
        path = self._regular(name)
        try:
            if (size := path.stat().st_size) > MOST_BYTES:
                raise BadInput(f"{path} has {size:,} bytes; at most {MOST_BYTES:,} are read.")
            return path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path} can't be read: {error.strerror}.") from error

    def text(self, name: str | None = None) -> str:
        """A file's text, in UTF-8 with or without a byte order mark."""
        try:
            return self.bytes(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.file(name)} isn't UTF-8: byte {error.start:,}. Save it as UTF-8.") from error

    def json(self, name: str | None = None) -> Any:
        """A file's JSON; BadInput with line and column where it is malformed, or nested too deeply."""
        return parsed(self.text(name), str(self.file(name)))

    def lines(self, name: str | None = None) -> Iterator[tuple[int, str]]:
        """Yield the non-blank lines of a file without line ends, with their numbers from 1, one in memory at a time.

        A line ends only at a line feed, since a text may hold other line breaks.
        """
        path = self._regular(name)
        try:
            with path.open("rb") as file:
                for number, raw in enumerate(iter(lambda: file.readline(MOST_BYTES), b""), 1):
                    try:
                        line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                    except UnicodeDecodeError as error:
                        raise BadInput(f"{path}, line {number:,} isn't UTF-8. Save it as UTF-8.") from error
                    if line.strip():
                        yield number, line
        except OSError as error:
            raise BadInput(f"{path} can't be read: {error.strerror}.") from error

    def json_lines(self, name: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the objects of a JSON Lines file, with the lines' numbers from 1."""
        path = self.file(name)
        for number, line in self.lines(name):
            one = parsed(line, f"{path}, line {number:,}")
            if not isinstance(one, dict):
                raise BadInput(f"{path}, line {number:,} is a {type(one).__name__}; an object in braces is expected.")
            yield number, one

    def xml(self, name: str | None = None) -> Element:
        """The root of a file's XML. A DTD is refused: it could name files, or expand without end."""
        path, data = self.file(name), self.bytes(name)
        builder = TreeBuilder()
        parser = expat.ParserCreate()
        depth = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal depth
            depth += 1
            if depth > DEEPEST:
                raise BadInput(f"{path} is nested more than {DEEPEST} deep.")
            builder.start(tag, attributes)

        def end(tag: str) -> None:
            nonlocal depth
            depth -= 1
            builder.end(tag)

        def refuse(*_: object) -> None:
            raise BadInput(f"{path} has a DTD, which could name other files; files with one aren't read. Take its "
                           "<!DOCTYPE ...> out if you trust it.")
        parser.StartElementHandler, parser.EndElementHandler = start, end
        parser.CharacterDataHandler = builder.data
        parser.StartDoctypeDeclHandler = refuse
        parser.EntityDeclHandler = refuse
        try:
            parser.Parse(data, True)
            return builder.close()
        except expat.ExpatError as error:
            raise BadInput(f"{path} isn't XML: {error}.") from error

    def size_of(self, *names: str | None) -> tuple[int, int] | None:
        """Width and height of an image of the pool, by any of these ids or file names; None if it isn't known."""
        for name in names:
            if name is not None and self.pool is not None and (position := self.positions.get(name, -1)) >= 0:
                with suppress(ItemError):
                    height, width = self.pool.size(position)
                    return int(width), int(height)
        return None

    @cached_property
    def positions(self) -> PoolNames:
        """Finds the pool's items by the names that a file uses for them."""
        return PoolNames(self.pool)


class PoolNames:
    """Finds items of a pool by their id, the path or name of their file, or that name without its ending.

    A name that several items share finds none of them.

    Parameters
    ----------
    pool : Pool or None
    """

    def __init__(self, pool: Pool | None) -> None:
        self._pool = pool
        self._by_name: dict[str, int] | None = None

    def get(self, name: str, otherwise: int = -1) -> int:
        """The position of the item with this id or file name; `otherwise` if no item, or more than one, matches."""
        if self._pool is None:
            return otherwise
        if (position := int(self._pool.positions([name])[0])) >= 0:
            return position
        if self._by_name is None:
            self._by_name = self._names()
        path = PurePosixPath(name.replace("\\", "/"))
        for key in (name, str(path), path.name, path.stem):
            if (position := self._by_name.get(key, -1)) >= 0:
                return position
        return otherwise

    def _names(self) -> dict[str, int]:
        assert self._pool is not None
        names: dict[str, int] = {}
        many = set[str]()
        for position, item_id in enumerate(self._pool.ids.tolist()):
            path = PurePosixPath(str(item_id).replace("\\", "/"))
            file = self._pool.file_name(position)
            keys = {str(item_id), path.name, path.stem}
            if file is not None:
                named = PurePosixPath(file)
                keys |= {file, named.name, named.stem}
            for key in keys:
                if names.setdefault(key, position) != position:
                    many.add(key)
        return {name: position for name, position in names.items() if name not in many}


def parsed(text: str, where: str) -> Any:
    """A JSON text's value; BadInput with the place where it is malformed or nested too deeply."""
    raw = text.encode("utf-8", "surrogatepass")
    if np.cumsum(_BRACKETS[np.frombuffer(raw, np.uint8)], dtype=np.int32).max(initial=0) > DEEPEST \
            and _depth(text) > DEEPEST:
        raise BadInput(f"{where} is nested more than {DEEPEST} deep, as no file of labels is.")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{where} isn't JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from error
    except (RecursionError, ValueError) as error:  # such as a number of ten thousand digits
        raise BadInput(f"{where} can't be read as JSON: {error}.") from error


def _depth(text: str) -> int:
    """How deep brackets are nested, not counting those in texts."""
    # An unclosed text extends to the end: trying again from each quote in it would take quadratic time.
    bare = re.sub(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)', "", text, flags=re.DOTALL)
    return int(np.cumsum(_BRACKETS[np.frombuffer(bare.encode("utf-8", "replace"), np.uint8)],
                         dtype=np.int32).max(initial=0))


class Target:
    """The folder or file to which a format is written.

    Parameters
    ----------
    path : Path
        The temporary place.
    folder : bool
    copy_image : callable or None
        (record, path) -> None: writes the image of a record, or raises ItemError; None if images aren't copied.
    """

    def __init__(self, path: Path, *, folder: bool, copy_image: Callable[[ItemRecord, Path], None] | None = None,
                 suffix_of: Callable[[ItemRecord], str] = lambda record: ".png") -> None:
        self.path, self.is_folder = path, folder
        self._copy_image, self._suffix_of = copy_image, suffix_of
        self._stems: dict[str, str] = {}
        self._taken = set[str]()
        self._next: tuple[str, Path] | None = None
        self.files: list[str] = []

    @property
    def copies(self) -> bool:
        """Whether images are copied, too."""
        return self._copy_image is not None

    def file(self, name: str | None = None) -> Path:
        """The path of a file to write, by its name inside the folder, or of the one file; its folder is made."""
        if name is None:
            return self.path
        inner = inner_path(name)
        if inner is None:
            raise BadInput(f"{name!r:.200} can't be a file's name here.")
        path = self.path / inner
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files.append(inner.as_posix())
        return path

    @contextmanager
    def text(self, name: str | None = None) -> Iterator[IO[str]]:
        """A text file to write to, in UTF-8, with unchanged line ends."""
        with self.file(name).open("w", encoding="utf-8", newline="") as file:
            yield file

    def stem(self, record: ItemRecord) -> str:
        """A name for the files of an item, without an ending: `wanted_stem`, with a number if another item has it.

        Two items never share a name, not even on a case-insensitive file system.
        """
        if (known := self._stems.get(record.item_id)) is not None:
            return known
        wanted = wanted_stem(record.item_id, record.name)
        stem, n = wanted, 1
        while stem.lower() in self._taken:
            n += 1
            stem = f"{wanted}-{n}"
        self._taken.add(stem.lower())
        self._stems[record.item_id] = stem
        return stem

    def fetch(self, record: ItemRecord) -> None:
        """Copy the image of the next record, which `image` then moves to its place; ItemError if it can't be copied."""
        if self._copy_image is not None:
            path = self.path.with_name(f".next{self._suffix_of(record)}")
            self._copy_image(record, path)
            self._next = record.item_id, path

    def _copy(self, record: ItemRecord, path: Path) -> None:
        assert self._copy_image is not None
        if self._next is not None and self._next[0] == record.item_id:
            os.replace(self._next[1], path)
            self._next = None
        else:
            self._copy_image(record, path)

    def image(self, record: ItemRecord, folder: str = "images") -> str:
        """Return the name of a record's image for a file of labels, and copy the image if images are copied.

        Parameters
        ----------
        record : ItemRecord
        folder : str
            The folder for copies, inside the target's.
        """
        if self._copy_image is None:
            return record.name or record.item_id
        name = f"{folder}/{self.stem(record)}{self._suffix_of(record)}" if folder else \
            f"{self.stem(record)}{self._suffix_of(record)}"
        self._copy(record, self.file(name))
        return name

    def image_bytes(self, record: ItemRecord) -> tuple[str, bytes]:
        """A name for the image of a record, and the content of the file that would be copied."""
        name = f"{self.stem(record)}{self._suffix_of(record)}"
        path = self.path / f".one{PurePosixPath(name).suffix}"
        self._copy(record, path)
        content = path.read_bytes()
        path.unlink()
        return name, content


def wanted_stem(item_id: str, name: str | None) -> str:
    """A name for an item's files without an ending, made from its file's name or its id."""
    wanted = safe_name(item_id if name is None else name.rpartition(".")[0] or name)
    if len(wanted) <= LONGEST_NAME:
        return wanted
    return wanted[:LONGEST_NAME].rpartition("~")[0] if "~" in wanted[LONGEST_NAME - 2:LONGEST_NAME] \
        else wanted[:LONGEST_NAME]


def check_replaceable(path: Path, draft: Path, stems: Callable[[], Collection[str]]) -> None:
    """Raise BadInput if a folder that is to be replaced has files that no export would have put there.

    A file may be replaced if the new folder has a file with its name; a file of labels also if the new folder has one
    with its ending; an image also if it has the name that a copy of one of the project's images would have.

    Parameters
    ----------
    path : Path
        The folder to be replaced; nothing is checked if it doesn't exist.
    draft : Path
        The folder that takes its place.
    stems : callable
        Returns `wanted_stem` of all items of the project, in lower case.
    """
    new = {file.relative_to(draft).as_posix() for file in draft.rglob("*") if not file.is_dir()}
    kinds = {".cache", *(PurePosixPath(name).suffix.lower() for name in new)}.difference(IMAGE_SUFFIXES, [""])
    known = cache(stems)
    for folder, folders, names in os.walk(path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in sorted([*names, *links]):
            inner, file = Path(folder, name).relative_to(path).as_posix(), PurePosixPath(name)
            suffix = file.suffix.lower()
            if inner in new or suffix in kinds or name in _OF_THE_SYSTEM:
                continue
            if suffix in IMAGE_SUFFIXES:
                stem = file.stem.lower()
                if stem in known() or re.sub(r"-\d+$", "", stem) in known():
                    continue
            raise BadInput(f"{path} has {inner!r:.200}, which no export of this project would have put there and which "
                           "would be lost. Nothing was written; choose another path, or move that file away.")


@contextmanager
def written_whole(path: Path, *, folder: bool, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `path`, moved there at the end if nothing was raised.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    folder : bool
        Whether a folder is written.
    overwrite : bool
        Whether an existing file or folder may be replaced.

    Raises
    ------
    BadInput
        When something exists at the path that can't be replaced, or the path's folder doesn't exist.
    StoreError
        When there is no room, or it can't be written.
    """
    check_free(path, folder=folder, overwrite=overwrite)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:50]}-", dir=path.parent))
    draft, former = temporary / "new", temporary / "former"
    try:
        if folder:
            draft.mkdir()
        yield draft
        for one in [draft, *draft.rglob("*")] if folder else [draft]:
            share_like_folder(one)
        if folder and path.exists():  # a file replaces another one in a single step
            os.replace(path, former)
        try:
            os.replace(draft, path)
        except OSError:
            if former.exists():
                os.replace(former, path)
            raise
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror or error}. Nothing was changed.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _bring_back(path: Path) -> None:
    """Put a folder back at its path, if an export was killed after moving it away and before replacing it."""
    if not os.path.lexists(path):
        for former in sorted(path.parent.glob(f".{glob.escape(path.name[:50])}-*/former")):
            if former.is_dir() and not former.is_symlink():
                os.replace(former, path)
                shutil.rmtree(former.parent, ignore_errors=True)
                return


# 14 branches: what can be in the way differs for a file, a folder and an empty folder.
def check_free(path: Path, *, folder: bool, overwrite: bool) -> None:
    """Raise BadInput where something is in the way of a file or folder to be written."""
    if not path.parent.is_dir():
        raise BadInput(f"{path.parent} isn't there; make that folder first.")
    if folder:
        _bring_back(path)
    if path.is_symlink() or (path.exists() and path.is_dir() != folder and not (folder and path.is_dir())):
        raise BadInput(f"{path} is {'a link' if path.is_symlink() else 'a folder' if path.is_dir() else 'a file'}; "
                       f"choose another path for {'a folder' if folder else 'one file'}.")
    if path.exists() and not overwrite and not (folder and not any(path.iterdir())):
        raise BadInput(f"{path} is there already, and nothing was written; pass overwrite=True to replace it.")


def json_text(value: Any, *, indent: int | None = None) -> str:
    """JSON with sorted keys, non-ASCII characters unescaped, and no NaN: equal values give equal texts."""
    if indent is None:
        return _COMPACT(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent,
                      separators=(",", ": "))


# Made once: millions of lines are written with it.
_COMPACT = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def as_mapping(value: Any) -> Mapping[str, Any]:
    """A value from JSON if it is a mapping; else an empty mapping."""
    return value if isinstance(value, dict) else {}
