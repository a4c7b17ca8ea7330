"""A part of a pool as plain data, for another process: paths of files, texts, or pixels of items in memory.

`part_of` extracts some items of a pool, and `pool_of` makes a small pool of them, with the same ids. For files, a part
holds only the paths, so that the other process needs access to the same files; for remote files, it holds addresses and
what is needed to fetch them, including credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ItemError
from ..records import Item
from .pool import Pool
from .remote import RemoteFiles
from .texts import Texts


@dataclass(frozen=True)
class Part:
    """Some items of a pool, as text, bytes and numbers only.

    Attributes
    ----------
    kind : str
        "image" or "text".
    ids : tuple of str
        The items' ids.
    sources : tuple
        What each item is: a path or an address (str), an array of uint8, or a text (str or bytes).
    root : str
        The folder that relative paths start from.
    within : bool
        Whether every file has to lie in that folder.
    remote : mapping or None
        The settings of remote files (`RemoteFiles.settings`), which no repr shows.
    """

    kind: str
    ids: tuple[str, ...]
    sources: tuple[Any, ...] = field(repr=False)
    root: str
    within: bool
    remote: Mapping[str, Any] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.ids)


def part_of(pool: Pool, positions: Sequence[int] | np.ndarray) -> Part:
    """Some items of a pool as plain data.

    Parameters
    ----------
    pool : Pool
        The items.
    positions : sequence of int
        Which of them, in the order that the part has.
    """
    places = np.asarray(positions, np.int64).tolist()
    ids = tuple(str(pool.ids[position]) for position in places)
    sources = tuple(_plain(pool, position) for position in places)
    remote = None if pool._remote is None else pool._remote.settings()
    return Part(pool.kind, ids, sources, str(pool._root), pool._folder is not None, remote)


def pool_of(part: Part) -> Pool:
    """A pool of the items of a part, with the same ids, at the positions 0, 1, 2, ...

    Parameters
    ----------
    part : Part
        As `part_of` made it, in this process or in another one.
    """
    sources: Any = Texts(part.sources) if part.kind == "text" else list(part.sources)
    remote = None if part.remote is None else RemoteFiles.of(part.remote)
    pool = Pool(sources, part.ids, folder=Path(part.root) if part.within else None, remote=remote)
    pool._root = Path(part.root)
    return pool


def positions_of(pool: Pool, item_ids: Any) -> np.ndarray:
    """Where one item or several are in a pool, in their order: int64, shape (n,).

    Parameters
    ----------
    pool : Pool
    item_ids : str, Item, or several of them

    Raises
    ------
    UnknownItem
        When there is no such item.
    """
    if isinstance(item_ids, (str, Item)) or not isinstance(item_ids, Iterable):
        item_ids = [item_ids]
    return np.array([pool.position(one.id if isinstance(one, Item) else one) for one in item_ids], np.int64)


def _plain(pool: Pool, position: int) -> Any:
    source = pool._source(position)
    if isinstance(source, (str, bytes)):
        return source
    if not isinstance(source, np.ndarray):  # an image of Pillow's, which holds more than its pixels
        with suppress(ItemError):
            return pool.load(position)
        return "(an image in memory that can't be read)"  # no file has this name, so that the item is unreadable there
    return np.ascontiguousarray(source)
