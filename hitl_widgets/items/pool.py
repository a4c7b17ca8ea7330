"""The pool: all the items of a project, with their ids, metadata, and images or texts.

`Pool.from_images`, `Pool.from_texts` and `Pool.from_frame` make a pool; `Pool.load` returns an item as a person sees
it. A pool holds columns, not an object per item, so that a million items take little more memory than their ids.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from PIL import Image

from ..drawing.html import page, paragraph, table, thumbnails
from ..errors import BadInput, ItemError, UnknownItem
from ..records import ADDRESS, Item, Items
from .id_index import IdIndex
from .ids import AT_ONCE, Ids, checksums, some
from .images import (
    Picture,
    as_seen,
    as_seen_reduced,
    check_pixels,
    explained,
    images_in,
    open_image,
    picture_of,
    size_of,
    thumbnail_of,
)
from .remote import (
    CACHE_SIZE,
    MAX_SIZE,
    TIMEOUT_S,
    RemoteFiles,
    check_addresses,
    check_ids,
    shown,
    without_secrets,
)
from .texts import Texts, snippet

# How many items the notebook shows of a pool, and how high (pixels).
_SHOWN, _SHOWN_PX = 8, 56

# Pillow reads an image's pixels, and its EXIF, into the object itself: two threads must not do so at once.
_in_memory = threading.Lock()

# A path that is safe on any system: names without leading dots, separated by single slashes.
_PLAIN_PATH = re.compile(r"(?:[^/\\.:][^/\\:]*/)*[^/\\.:][^/\\:]*\Z")


@dataclass(frozen=True, slots=True)
class PoolItem(Item):
    """One item of a pool, which `Workbench` accepts as an item: id, position, metadata, and image or text."""

    chosen_by: str = ""
    pool: Pool | None = field(default=None, repr=False, compare=False)

    @property
    def image(self) -> np.ndarray:
        """The image as a person should see it, read now; see `Pool.load`."""
        return self._read("image")

    @property
    def text(self) -> str:
        """The text as it came; see `Pool.load`."""
        return self._read("text")

    def _read(self, kind: str) -> Any:
        assert self.pool is not None
        if self.pool.kind != kind:
            raise BadInput(f"item {self.id!r} is of a pool of {self.pool.kind}s; take .{self.pool.kind}.")
        return self.pool.load(self.position)


class Pool:
    """All the items of a project; made by `Pool.from_images`, `Pool.from_texts` or `Pool.from_frame`.

    ``for item in pool``, ``pool[3]``, ``pool["cat.png"]`` and ``pool[:10]`` give items with `id`, `position`, `meta`
    and `image` or `text`. Positions run from 0 to ``len(pool) - 1`` and are valid only in this pool; ids are permanent.
    Images are read only when needed. Any number of threads may use a pool at once.

    A notebook cell that ends in a pool shows thumbnails, or the beginnings, of eight items. They are saved with the
    notebook, as a plot is; ``print(pool)`` shows none.

    Examples
    --------
    >>> pool = Pool.from_images(np.zeros((2, 28, 28), np.uint8), ids=["a", "b"], meta=[{"shop": 7}, {"shop": 8}])
    >>> pool.position("b"), pool.load(1).shape, pool.meta(1)
    (1, (28, 28), {'shop': 8})
    >>> pool["b"].position, pool[0].id, [item.image.shape for item in pool]
    (1, 'a', [(28, 28), (28, 28)])
    """

    def __init__(self, sources: Any, ids: Iterable[Hashable], *, frame: pd.DataFrame | None = None,
                 folder: Path | None = None, remote: RemoteFiles | None = None) -> None:
        if not len(sources):
            raise BadInput("the pool is empty; at least one item is expected.")
        self._sources = sources
        if frame is not None and len(frame) != len(sources):
            raise BadInput(f"meta has {len(frame):,} rows for {len(sources):,} {self.kind}s; one for each is expected.")
        self._frame = frame if frame is not None and frame.shape[1] else None
        self._folder, self._remote = folder, remote
        self._root = folder or Path.cwd()
        self._ids = Ids.of(ids, len(sources), self.kind)
        self._index = IdIndex(self._ids)

    @classmethod
    def from_images(cls, images: Any, ids: Iterable[Hashable] | None = None,
                    meta: pd.DataFrame | Iterable[Mapping[str, Any]] | None = None) -> Pool:
        """A pool of images in a folder, at paths or in memory.

        Parameters
        ----------
        images : folder, or paths, or uint8 array of shape (N, H, W) or (N, H, W, C), or PIL images, or uint8 arrays
            A folder is searched with its subfolders for names that end like an image's; hidden ones are left out.
            An array's C is 1 (grey), 3 (RGB) or 4 (RGBA).
        ids : one for each image, taken as text; by default the path (in a folder: from there on), or the row's number
        meta : a DataFrame, or dicts, with a row for each image in the same order

        Raises
        ------
        BadInput
            If there is no image, two have one id, or something can't be an image. Files aren't opened here: `load`
            says what is wrong with them.
        """
        folder = None
        if isinstance(images, (str, os.PathLike)):
            _refuse_address(images, "images")
            folder = Path(os.path.realpath(os.path.expanduser(images)))
            sources: Any = images_in(folder)
        else:
            sources = _as_sources(images)
        if ids is None:
            ids = [source if isinstance(source, str) else str(row) for row, source in enumerate(sources)]
        return cls(sources, ids, frame=_as_frame(meta), folder=folder)

    @classmethod
    def from_texts(cls, texts: Any, ids: Iterable[Hashable] | None = None,
                   meta: pd.DataFrame | Iterable[Mapping[str, Any]] | None = None) -> Pool:
        """A pool of texts.

        Parameters
        ----------
        texts : sequence of str, or of bytes in UTF-8
            They stay as they are: offsets count the characters (Unicode code points) of each as it came.
        ids : one for each text, taken as text; by default the row's number, since equal texts exist
        meta : a DataFrame, or dicts, with a row for each text in the same order

        Raises
        ------
        BadInput
            If there is no text, one is missing or isn't a text, or two have one id. What can't be shown, such as an
            empty text, is an item all the same, which can be flagged: `load` says what is wrong with it.

        Examples
        --------
        >>> pool = Pool.from_texts(["Call now 📞!", "See you at six."], ids=["a", "b"])
        >>> pool.load(0)[9:10], pool.size(0), pool["b"].text
        ('📞', (1, 11), 'See you at six.')
        """
        sources = Texts(texts)
        return cls(sources, range(len(sources)) if ids is None else ids, frame=_as_frame(meta))

    # 19 branches: what doesn't fit has a message for each parameter, and texts, images and addresses differ.
    @classmethod
    def from_frame(cls, df: pd.DataFrame, image: Hashable = "path", id: Hashable | None = "id", *,
                   text: Hashable | None = None, remote: bool = False,
                   storage_options: Mapping[str, Any] | None = None, cache: str | os.PathLike[str] | None = None,
                   cache_size: int = CACHE_SIZE, max_size: int = MAX_SIZE, timeout: float = TIMEOUT_S) -> Pool:
        """A pool of the images or texts of a table, a row each; the other columns become metadata.

        Parameters
        ----------
        df : the table; its index is left out of account
        image : the column that holds a path, a PIL image or an uint8 array
        id : the column that holds an id, taken as text; None for the rows' numbers
        text : the column that holds texts, instead of images. A table without a column "path" that has one named
            "text" needn't name it here
        remote : bool
            Whether the column holds addresses, such as "s3://bucket/a.png" or "https://host/a.png", whose files fsspec
            fetches when they are needed (``pip install "hitl_widgets[remote]"``). Without it nothing is fetched.
        storage_options : what fsspec's file system takes, such as credentials; kept in memory only, and never shown. By
            default fsspec reads its configuration and the environment
        cache : folder for files that were fetched, kept for other sessions; by default a temporary one
        cache_size : bytes of all files in the cache, at most
        max_size : bytes of one file, at most; a larger one is an item that can't be read
        timeout : seconds that fetching a file may take, with all attempts

        Raises
        ------
        BadInput
            If there is no row, a column is missing, a path or an id is missing, or two rows have one id, or without
            ``remote=True`` something is passed that is for fetching alone; with it also if a row has no address, or ids
            are addresses with a password or a query.
        """
        if not isinstance(df, pd.DataFrame):
            cure = "its method to_pandas() gives one" if hasattr(df, "to_pandas") else \
                "Pool.from_images takes folders, paths and arrays"
            raise BadInput(f"a pandas DataFrame is expected, not {type(df).__name__}; {cure}.")
        columns: list[Hashable] = list(df.columns)
        if text is None and image == "path" and "path" not in columns and "text" in columns:
            text = "text"
        content = image if text is None else text
        taken = [content] if id is None else [content, id]
        _check_columns(columns, taken, of_texts=text is not None)
        ids: Any = range(len(df)) if id is None else df[id]
        meta = df.drop(columns=taken).reset_index(drop=True)
        changed = {"storage_options": storage_options is not None, "cache": cache is not None,
                   "cache_size": cache_size != CACHE_SIZE, "max_size": max_size != MAX_SIZE,
                   "timeout": timeout != TIMEOUT_S}
        if not remote and (useless := [name for name in changed if changed[name]]):
            raise BadInput(f"{', '.join(useless)} {'is' if len(useless) == 1 else 'are'} for images that are fetched; "
                           "pass remote=True, or leave this out.")
        if text is not None:
            if remote:
                raise BadInput("remote=True is for images; texts are passed themselves, in the column text=....")
            return cls(Texts(df[text]), ids, frame=meta)
        images = df[image]
        if images.hasnans:
            raise BadInput(f"column {image!r} is empty in row {some(np.flatnonzero(images.isna()).tolist())}; leave "
                           f"such rows out with df.dropna(subset=[{image!r}]).")
        if not remote:
            return cls(_sources_of_column(images, f"column {image!r}"), ids, frame=meta)
        if not _is_of_texts(images):
            raise BadInput(f"column {image!r} isn't one of texts; with remote=True an address is expected in each "
                           "row, such as 's3://bucket/a.png'.")
        check_addresses(images, f"column {image!r}", storage_options)
        if id is not None:
            check_ids(df[id], f"column {id!r}")
        files = RemoteFiles(options=storage_options, cache=cache, cache_size=cache_size, max_size=max_size,
                            timeout=timeout)
        return cls(images.copy().array, ids, frame=without_secrets(meta), remote=files)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, item: Hashable) -> bool:
        return bool(self.positions([item.id if isinstance(item, Item) else item])[0] >= 0)

    def __iter__(self) -> Iterator[PoolItem]:
        return map(self._item, range(len(self)))

    def __getitem__(self, which: Any) -> Any:
        """The item at a position (from the end if negative), or with an id; `Items` for a slice.

        Raises
        ------
        UnknownItem
            If there is no such item.
        """
        if isinstance(which, slice):
            return Items([self._item(position) for position in range(len(self))[which]])
        if isinstance(which, (int, np.integer)) and not isinstance(which, bool):
            return self._item(self._checked(int(which) + len(self) if which < 0 else int(which)))
        if isinstance(which, str):
            return self._item(self.position(which))
        raise UnknownItem(f"pool[{which!r:.60}] names no item; a place from 0 to {len(self) - 1}, an id or a slice is "
                          "expected.")

    def _item(self, position: int) -> PoolItem:
        return PoolItem(id=str(self._ids[position]), position=position, meta=self.meta(position), pool=self)

    def __repr__(self) -> str:
        return f"<Pool of {len(self):,} items, {self._kind()}: {some(self._ids)}>"

    def _repr_html_(self) -> str:
        """Count, kind, sizes and thumbnails, or beginnings, of a handful of items; no others are read."""
        pictures: list[tuple[bytes, str]] = []
        beginnings: list[tuple[str, str]] = []
        sizes: list[str] = []
        positions = sorted({int(place) for place in np.linspace(0, len(self) - 1, _SHOWN)})
        self.fetch_ahead(positions)
        for position in positions:
            with suppress(ItemError):  # what can't be read isn't shown here; wb.review() says why
                if self.kind == "text":
                    beginnings.append((str(self._ids[position]), self.snippet(position)))
                    sizes.append(f"{self.size(position)[1]:,}")
                    continue
                sizes.append("{} x {}".format(*self.size(position)))
                pictures.append((self.thumbnail(position, side=2 * _SHOWN_PX), str(self._ids[position])))
        lines = [self._kind()]
        if sizes:
            what = "characters" if self.kind == "text" else "height x width"
            unit = "" if self.kind == "text" else ", in pixels"
            lines.append(f"{what} of some{unit}: {', '.join(dict.fromkeys(sizes))}")
        if self._frame is not None:
            lines.append(f"metadata: {', '.join(map(str, self._frame.columns[:20]))}")
        return page(f"Pool of {len(self):,} items", *map(paragraph, lines),
                    table(["id", "text"], beginnings) if self.kind == "text" else thumbnails(pictures))

    def _kind(self) -> str:
        if self._folder is not None:
            return f"image files in {self._folder}"
        if self.kind == "text":
            return "texts"
        first = self._sources[0]
        if self._remote is not None:
            return f"remote files such as {shown(first)}"
        return "image files" if isinstance(first, str) else \
            "arrays in memory" if isinstance(first, np.ndarray) else "PIL images in memory"

    @property
    def kind(self) -> Literal["image", "text"]:
        """What the items are: "image" or "text"."""
        return "text" if isinstance(self._sources, Texts) else "image"

    @property
    def in_files(self) -> bool:
        """Whether the items are files, by the first of them; False where they are in memory."""
        return self.kind == "image" and isinstance(self._sources[0], str)

    @property
    def remote(self) -> bool:
        """Whether the items are files that are fetched when they are needed; see `from_frame`."""
        return self._remote is not None

    def fetch_ahead(self, positions: Iterable[int], *, first: bool = False,
                    then: Callable[[], None] | None = None) -> None:
        """Have the files of some items fetched by threads; nothing has to be done where the pool isn't `remote`.

        Parameters
        ----------
        positions : iterable of int
            In the order in which they are needed.
        first : bool
            Whether they are needed before what waits to be fetched already.
        then : callable, optional
            Called once for each item, on any thread, when its file is there or can't be fetched.
        """
        if self._remote is not None:
            self._remote.ahead((self._source(position) for position in positions), first=first, then=then)
        elif then is not None:
            for _ in positions:
                then()

    def is_fetching(self, position: int) -> bool:
        """Whether the item's file is being fetched, or waits to be; False where the pool isn't `remote`."""
        return self._remote is not None and self._remote.is_waiting(self._source(position))

    def at_hand(self, positions: Iterable[int]) -> np.ndarray:
        """Whether items can be read without fetching: bool, shape (n,); all True where the pool isn't `remote`."""
        if self._remote is None:
            return np.ones(len(list(positions)), np.bool_)
        return np.array([self._remote.is_here(self._source(position)) for position in positions], np.bool_)

    @property
    def ids(self) -> Ids:
        """The items' ids, in the order of their positions; used as an object array of str that can't be written to."""
        return self._ids

    @property
    def frame(self) -> pd.DataFrame | None:
        """The items' metadata, a row for each position; None without any."""
        return None if self._frame is None else self._frame.copy(deep=False)

    @cached_property
    def digest(self) -> str:
        """A hash of the ids in their order, 32 hexadecimal digits."""
        return self._ids.digest()

    def known_as(self, ids: Mapping[int, str], *, meta: pd.DataFrame | None = None) -> Pool:
        """The same items, some of them under other ids; they are found under both.

        Parameters
        ----------
        ids : mapping of int to str
            Position -> the id that the item has in the new pool.
        meta : DataFrame, optional
            Metadata in place of the pool's, a row for each position.
        """
        texts = self._ids.tolist()
        for position, item_id in ids.items():
            texts[position] = item_id
        pool = Pool(self._sources, texts, frame=self._frame if meta is None else meta, folder=self._folder,
                    remote=self._remote)
        pool._root = self._root
        pool._index.also = {**self._index.also, **{str(self._ids[position]): position for position in ids}}
        return pool

    def position(self, item_id: Hashable) -> int:
        """The position of an item; a number is converted to text.

        Raises
        ------
        UnknownItem
            If no item has that id; the message names ids that are like it.
        """
        position = int(self.positions([item_id])[0])
        if position < 0:
            raise UnknownItem(f"item {item_id!r} isn't among the pool's {len(self):,}, which has "
                              f"{some(self._index.like(str(item_id)))}. Choose an id of pool.ids.")
        return position

    def positions(self, item_ids: Iterable[Hashable]) -> np.ndarray:
        """The position of each of these items: int64, shape (n,), -1 for items that aren't in the pool."""
        return self._index.positions(item_ids)

    def meta(self, position: int) -> dict[str, Any]:
        """The metadata of an item, ready for JSON; a value that is missing, NaN or infinite is None."""
        row = self._checked(position)
        if self._frame is None:
            return {}
        return {str(name): _plain(self._frame.iat[row, column]) for column, name in enumerate(self._frame.columns)}

    def metas(self, start: int, stop: int) -> list[dict[str, Any]]:
        """The metadata of consecutive items: see `meta`."""
        if self._frame is None:
            return [{} for _ in range(len(self))[start:stop]]
        names = list(map(str, self._frame.columns))
        columns = [self._frame.iloc[start:stop, column].tolist() for column in range(len(names))]
        return [dict(zip(names, map(_plain, row), strict=True)) for row in zip(*columns, strict=True)]

    def load(self, position: int) -> Any:
        """The item as a person should see it: a text as it came; an image as uint8, yours to change.

        An image has the shape (H, W) if grey, (H, W, 3) if in colour.

        `hitl_widgets.items.images.as_seen` says what becomes of EXIF rotation, transparency, 16-bit and 32-bit grey;
        CMYK and palettes become RGB, and of an animation the first frame is taken.

        Raises
        ------
        ImageError
            If the file is missing, damaged, no image, too large or outside of the pool's folder.
        TextError
            If the text is empty, has more than 2,000,000 characters, or its bytes aren't UTF-8.
        """
        if isinstance(self._sources, Texts):
            return self._text(position)
        with self._opened(position) as image:
            return np.array(as_seen(image))

    def load_reduced(self, position: int, scaled_size: Callable[[int, int], tuple[float, float]]
                     ) -> tuple[np.ndarray, tuple[int, int]]:
        """The item as `load` gives it, or a smaller copy that is quicker to decode; and its own height and width.

        Parameters
        ----------
        position : where the item is
        scaled_size : from the item's height and width to those at which it is needed; the copy has them twice at least
        """
        with self._opened(position) as image:
            height, width = size_of(image)
            return np.array(as_seen_reduced(image, *scaled_size(height, width))), (height, width)

    def size(self, position: int) -> tuple[int, int]:
        """Height and width of the item as loaded; for a file no more than the header is read.

        A text is one line, as wide as it has characters.
        """
        if isinstance(self._sources, Texts):
            return 1, len(self._text(position))
        with self._opened(position) as image:
            return size_of(image)

    def picture(self, position: int, *, max_side: int = 1600) -> Picture:
        """The item for a browser, neither side longer than `max_side` pixels; a smaller one isn't enlarged.

        PNG up to a megapixel, JPEG above; nothing of what the file said beside its pixels goes along. A text is
        "text/plain" in UTF-8, whole.
        """
        if isinstance(self._sources, Texts):
            text = self._text(position)
            return Picture(data=text.encode(), mime="text/plain", height=1, width=len(text))
        with self._opened(position) as image:
            return picture_of(image, max_side)

    def thumbnail(self, position: int, *, side: int = 64) -> bytes:
        """The item as a small PNG, neither side longer than `side` pixels; for a text its `snippet` in UTF-8."""
        if isinstance(self._sources, Texts):
            return self.snippet(position).encode()
        with self._opened(position) as image:
            return thumbnail_of(image, side)

    def snippet(self, position: int, n: int = 120) -> str:
        """The beginning of a text on one line, n characters at most; "…" follows where it goes on."""
        if not isinstance(self._sources, Texts):
            raise BadInput("this pool has images; pool.thumbnail(position) shows one small.")
        return snippet(self._text(position), n)

    def file_name(self, position: int) -> str | None:
        """The name of an item's file, with forward slashes, from the pool's folder on; None for an item in memory.

        For a file that was given by a path from elsewhere it is only the last part of the path; for a remote one its
        address, without user, password and query.
        """
        return self.file_names(self._checked(position), position + 1)[0]

    def file_names(self, start: int, stop: int) -> list[str | None]:
        """The names of the files of consecutive items: see `file_name`."""
        sources = self._sources[start:stop] if self.kind != "text" else [None] * len(range(len(self))[start:stop])
        if self._remote is not None:
            return [shown(str(source)) for source in sources]
        return [_file_name(source) for source in sources]

    def file_path(self, position: int) -> Path | None:
        """Where an item's file lies; None for an item in memory, and for a remote one.

        Raises
        ------
        ImageError
            If the file is missing, or outside of the pool's folder.
        """
        source = self._source(position)
        if self.kind == "text" or self._remote is not None or not isinstance(source, str):
            return None
        with explained(self._name(position)):
            return self._file(source)

    def open_file(self, position: int) -> BinaryIO | None:
        """An item's file, open for reading; None for an item in memory. A remote one is fetched.

        Raises
        ------
        ImageError
            If the file is missing, outside of the pool's folder, or can't be fetched.
        """
        source = self._source(position)
        if self.kind == "text" or not isinstance(source, str):
            return None
        with explained(self._name(position)):
            return self._open(position, source)

    def content(self, position: int) -> str:
        """A hash of the item: of its file, of its pixels without one, or of its text in UTF-8.

        It is ``"blake2b:"`` and 32 hexadecimal digits. For a remote file it is the hash of the bytes that were fetched
        last.
        """
        source = self._source(position)
        if self._remote is not None:
            return f"blake2b:{self._remote.content(source, self._name(position))}"
        hasher = blake2b(digest_size=16)
        if isinstance(self._sources, Texts):
            hasher.update(self._text(position).encode())
            return f"blake2b:{hasher.hexdigest()}"
        with explained(self._name(position)):
            if isinstance(source, str):
                with open(self._file(source), "rb") as file:
                    while block := file.read(1 << 20):
                        hasher.update(block)
            elif isinstance(source, np.ndarray):
                hasher.update(f"{source.shape} {source.dtype}".encode() + source.tobytes())
            else:
                with _in_memory:
                    hasher.update(f"{source.mode} {source.size}".encode() + source.tobytes())
                    hasher.update(bytes(source.getpalette() or ()))
        return f"blake2b:{hasher.hexdigest()}"

    def stamp(self, position: int) -> str | None:
        """A stamp that changes when the file does, without reading it: ``"size:mtime_ns"``.

        None for an item in memory, and for a remote one, for which it would take a request.
        """
        source = self._source(position)
        if self.kind == "text" or self._remote is not None or not isinstance(source, str):
            return None
        with explained(self._name(position)):
            stat = self._file(source).stat()
        return f"{stat.st_size}:{stat.st_mtime_ns}"

    def is_known(self, position: int) -> bool:
        """Whether `content` is available without fetching anything."""
        return self._remote is None or self._remote.is_known(self._source(position))

    def group_sums(self, column: str) -> np.ndarray:
        """A number for the group of each item, the CRC-32 of its text in a column of the metadata: uint32, shape (n,).

        An item without a value is a group of its own, with the CRC-32 of its id.

        Raises
        ------
        BadInput
            If there is no such column.
        """
        values = self._column(column)
        if values.dtype == object:  # such as 1 and True, which are equal and have other texts
            sums = np.concatenate([checksums(list(map(_text_of_group, values.iloc[start:start + AT_ONCE])))
                                   for start in range(0, len(values), AT_ONCE)])
        else:
            codes, uniques = pd.factorize(values)
            sums = np.append(checksums(list(map(_text_of_group, uniques))), np.uint32(0))[codes]
        return np.where(values.isna().to_numpy(), self._ids.checksums, sums).astype(np.uint32)

    def values_of(self, column: str) -> tuple[np.ndarray, list[Any]]:
        """The distinct values of a metadata column, ready for JSON, and which of them each item has.

        Parameters
        ----------
        column : str

        Returns
        -------
        codes : ndarray of int, shape (n_items,)
            Places in `values`.
        values : list
            As `meta` gives them; None where one is missing.

        Raises
        ------
        BadInput
            If there is no such column.

        Examples
        --------
        >>> pool = Pool.from_texts(["a", "b", "c"], meta=[{"shop": 7}, {"shop": None}, {"shop": 7}])
        >>> codes, values = pool.values_of("shop")
        >>> [values[code] for code in codes]
        [7.0, None, 7.0]
        """
        given = self._column(column)
        try:
            codes, uniques = pd.factorize(given)
        except TypeError:  # such as lists, which are compared by what they say
            codes, uniques = pd.factorize(given.map(lambda value: str(_plain(value))))
        values = [_plain(value) for value in uniques]
        return np.where(codes < 0, len(values), codes), [*values, None]

    def _column(self, column: str) -> pd.Series:
        columns = [] if self._frame is None else [str(name) for name in self._frame.columns]
        if column not in columns:
            raise BadInput(f"{column!r} is no metadata column of the pool, one of which is expected: "
                           f"{some(columns, 20) or 'it has none'}. Pool.from_frame keeps a table's other columns, and "
                           "Pool.from_images and Pool.from_texts take meta=.")
        assert self._frame is not None
        values: pd.Series = self._frame.iloc[:, columns.index(column)]
        return values

    def draws(self, seed: int, *, group: str | None = None) -> np.ndarray:
        """A pseudo-random number for each item, from `seed` and its id alone: float64, shape (n,), in [0, 1).

        An item has the same draw in any pool, on any machine. It is output number ``seed + 1`` of the generator
        SplitMix64 that starts from the CRC-32 of the id. With `group`, a column of the metadata, all items with the
        same value have the same draw, from that value.

        References
        ----------
        Steele, Lea, Flood (2014), Fast Splittable Pseudorandom Number Generators, OOPSLA.
        """
        step = np.uint64(0x9E3779B97F4A7C15 * (int(seed) + 1) % 2**64)
        sums = self._ids.checksums if group is None else self.group_sums(group)
        draws = np.empty(len(sums))
        for start in range(0, len(sums), AT_ONCE):
            some_sums = sums[start:start + AT_ONCE]
            draws[start:start + AT_ONCE] = (splitmix64(some_sums + step) >> np.uint64(11)) * 2.0**-53
        return draws

    def _checked(self, position: int) -> int:
        if not isinstance(position, (int, np.integer)):
            raise UnknownItem(f"{position!r} isn't a position; pool.position(item_id) gives an item's position.")
        if not 0 <= position < len(self):
            raise UnknownItem(f"position {position} is outside the pool, whose items are at 0 to {len(self) - 1}.")
        return int(position)

    def _source(self, position: int) -> Any:
        return self._sources[self._checked(position)]

    def _name(self, position: int) -> str:
        """The item's name in messages."""
        item_id, source = self._ids[position], self._sources[position]
        is_path = self.kind == "image" and isinstance(source, str) and source != item_id
        if is_path and self._remote is not None:
            source = shown(source)
            is_path = source != item_id
        return f"item {item_id!r}" + (f" ({source})" if is_path else "")

    def _text(self, position: int) -> str:
        row = self._checked(position)
        return self._sources.read(row, lambda: self._name(row))

    def _file(self, source: str) -> Path:
        path = self._root / source
        if self._folder and not Path(os.path.realpath(path)).is_relative_to(self._folder):
            raise PermissionError("it is a link that leads out of the pool's folder")
        if not path.is_file():
            raise FileNotFoundError
        return path

    def _open(self, position: int, source: str) -> BinaryIO:
        if self._remote is not None:
            return self._remote.open(source, self._name(position))
        return open(self._file(source), "rb")

    @contextmanager
    def _opened(self, position: int) -> Iterator[Image.Image]:
        source = self._source(position)
        with explained(self._name(position)):
            if isinstance(source, str):
                with self._open(position, source) as file:
                    yield open_image(file)
            elif isinstance(source, np.ndarray):
                yield Image.fromarray(source[..., 0] if source.shape[2:] == (1,) else source)
            else:
                with _in_memory:
                    source.load()  # now, for an image that is loaded can't be drafted smaller by `_shrink`
                    yield source

def _text_of_group(value: Any) -> str:
    # A column of whole numbers becomes one of floats where a value is missing; its groups stay the same.
    whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def splitmix64(state: np.ndarray) -> np.ndarray:
    """Numbers whose first bits depend on all bits of others: the last steps of splitmix64.

    Parameters
    ----------
    state : ndarray of uint64

    References
    ----------
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    mixed: np.ndarray = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _as_sources(images: Any) -> Any:
    """What `Pool` can index by position: a stack of images as it is, or a list of paths, arrays and PIL images."""
    if isinstance(images, (pd.DataFrame, Mapping, Image.Image)) or not isinstance(images, Iterable):
        raise BadInput(f"images is of type {type(images).__name__}; a folder, paths, arrays or PIL images are "
                       "expected. Pool.from_frame takes a DataFrame; pass [image] for a pool of one, and of a dict "
                       "list(images.values()) with ids=list(images).")
    if hasattr(images, "__array__") and (stack := np.asarray(images)).dtype.kind not in "OUT":
        if stack.ndim == 3 and stack.shape[2] in (3, 4) and min(stack.shape[:2]) >= 8:
            raise BadInput(f"images has the shape {stack.shape}, which is that of one image in colour; pass [image] "
                           "for a pool of one, or list(images) if they are so narrow.")
        check_pixels(stack.dtype, stack.shape[1:], "images")
        return stack
    return [_as_source(image, row) for row, image in enumerate(images)]


def _check_columns(columns: list[Hashable], needed: list[Hashable], *, of_texts: bool) -> None:
    """Check that a table has each column that it needs, and only once."""
    for column in needed:
        if columns.count(column) != 1:
            raise BadInput(f"one column {column!r} is expected; the frame has {some(columns, 20)}. Name yours "
                           f"with {'text=...' if of_texts else 'image=... (text=... for texts)'} and id=...; "
                           "df.reset_index() makes a column of the index, and id=None takes the rows' numbers.")


def _is_of_texts(column: pd.Series) -> bool:
    return pd.api.types.infer_dtype(column) == "string"


def _sources_of_column(images: pd.Series, name: str) -> Any:
    """The paths, PIL images or arrays of a column; nothing that would have to be fetched."""
    if not _is_of_texts(images):
        return _as_sources(list(images))
    if len(addresses := images[images.str.match(ADDRESS)]):
        _refuse_address(addresses.iloc[0], name)
    return images.copy().array


def _as_source(image: Any, row: int) -> Any:
    if isinstance(image, (str, os.PathLike)):
        _refuse_address(image, f"images[{row}]")
        return PurePath(image).as_posix()
    if isinstance(image, Image.Image):
        if 0 in image.size:
            raise BadInput(f"images[{row}] has no pixels: its size is {image.size}.")
        return image
    if hasattr(image, "__array__"):
        array = np.asarray(image)
        check_pixels(array.dtype, array.shape, f"images[{row}]")
        return array
    raise BadInput(f"images[{row}] is of type {type(image).__name__}; a path, a PIL image or an uint8 array is "
                   "expected.")


def _refuse_address(path: str | os.PathLike[str], name: str) -> None:
    if ADDRESS.match(text := os.fspath(path)):
        raise BadInput(f"{name} is {shown(text)!r}, an address; a folder or files on this machine are expected. "
                       "Pool.from_frame(df, image=..., remote=True) fetches files from addresses; or download them "
                       "first, and pass their paths.")


def _as_frame(meta: pd.DataFrame | Iterable[Mapping[str, Any]] | None) -> pd.DataFrame | None:
    if meta is None:
        return None
    if isinstance(meta, pd.DataFrame):
        renumbered: pd.DataFrame = meta.reset_index(drop=True)
        return renumbered
    rows = list(meta)
    if odd := [row for row in rows if not isinstance(row, Mapping)]:
        raise BadInput(f"meta holds {odd[0]!r}; a DataFrame, or a dict for each image, is expected.")
    frame: pd.DataFrame = pd.DataFrame(list(map(dict, rows)), dtype=object).infer_objects()
    return frame


def _plain(value: Any) -> Any:
    """The value as JSON can say it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _file_name(source: Any) -> str | None:
    if not isinstance(source, str):
        return None
    if _PLAIN_PATH.match(source):
        return source
    path = Path(source)
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()
