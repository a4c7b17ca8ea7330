"""Projects made from files of other tools: the pool, the taxonomy and the task of a file in any format.

Read `foreign_project`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..errors import BadInput
from ..items.pool import Pool
from ..taxonomy.labels import Taxonomy
from .files import PoolNames, Source
from .format import Contents, Format
from .recognising import suggesting
from .registry import find_format


class ForeignProject(NamedTuple):
    """What a project is made of: its items, labels and task, and the options with which its file is read."""

    pool: Pool
    taxonomy: Taxonomy
    task: str
    purpose: str | None
    options: Mapping[str, Any]


def foreign_project(path: Path, format: str | None = None, *, images: Any = None, task: str | None = None,
                    options: Mapping[str, Any] | None = None) -> ForeignProject:
    """Read a file's items, labels and task.

    Parameters
    ----------
    path : Path
    format : str or None
    images : folder, Pool or None
        Folder or pool with the images that the file names: they are found there by their names, and no path in the
        file is opened. None for `path` itself, if it is a folder with images.
    task : str or None
        The project's task; formats with an option of this name read the file accordingly.
    options : mapping or None
        Options of the format.

    Raises
    ------
    BadInput
        When the file can't be read, or none of its images is found.
    """
    chosen = find_format(format, path)
    options = {**({"task": task} if task is not None and "task" in chosen.options else {}), **(options or {})}
    with suggesting(chosen, path):
        return _project(chosen, path, images, options)


def _project(chosen: Format, path: Path, images: Any, options: Mapping[str, Any]) -> ForeignProject:
    """Read the items, labels and task of a file of a known format."""
    pool = None if images is None and not path.is_dir() else _images(images if images is not None else path)
    contents = chosen.opened(Source(path, pool), options)
    header = contents.header
    taxonomy = header.taxonomy.at_version(1)
    purpose = header.about.get("purpose")
    purpose = purpose if isinstance(purpose, str) else None
    if header.kind == "text":
        texts: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for record in contents.records:
            if record.text is not None:
                texts.setdefault(record.item_id, (record.text, record.metadata))
        if not texts:
            raise BadInput(f"{path} has no texts.")
        return ForeignProject(Pool.from_texts([text for text, _ in texts.values()], ids=list(texts),
                                              meta=_frame([meta for _, meta in texts.values()])),
                              taxonomy, header.task, purpose, options)
    if pool is None:
        if chosen.name == "csv":
            raise BadInput(f"{path} has no column 'text', so its items should be images. Pass their folder as "
                           "images=; or if the items are texts, rename their column to 'text'.")
        raise BadInput(f"{path} has answers to images, but images aren't read from it. Pass images=, a folder that "
                       "has them under the same names.")
    return ForeignProject(_named(pool, contents, path), taxonomy, header.task, purpose, options)


def _images(images: Any) -> Pool | None:
    if isinstance(images, Pool):
        return images
    try:
        return Pool.from_images(images)
    except BadInput:
        if isinstance(images, Path):  # a folder with labels but no images, perhaps for texts
            return None
        raise


def _named(pool: Pool, contents: Contents, path: Path) -> Pool:
    """Return the pool with the items' ids and metadata from a file."""
    names = PoolNames(pool)
    ids: dict[int, str] = {}
    meta: list[Mapping[str, Any]] = [{} for _ in range(len(pool))]
    taken = set[str]()
    n_found = 0
    for record in contents.records:
        called = (contents.images.get(record.item_id), record.item_id, record.name)
        position = next((at for name in called if name is not None and (at := names.get(name)) >= 0), -1)
        if position < 0:
            continue
        n_found += 1
        meta[position] = record.metadata
        if position not in ids and record.item_id not in taken and (
                record.item_id == pool.ids[position] or record.item_id not in pool):
            ids[position] = record.item_id
            taken.add(record.item_id)
    if not n_found:
        raise BadInput(f"none of the images that {path} names is in the folder of images; the first there is "
                       f"{pool.ids[0]!r}. Pass images=, the folder in which they lie.")
    return pool.known_as(ids, meta=_frame(meta) if pool.frame is None else None)


def _frame(meta: list[Mapping[str, Any]]) -> pd.DataFrame | None:
    """The metadata of all items; None if no item has any."""
    return pd.DataFrame([dict(one) for one in meta]) if any(meta) else None
