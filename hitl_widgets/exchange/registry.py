"""Registry of file formats: `find_format` finds one by its name or a path; `formats` lists them in a table."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from ..errors import BadInput
from .format import Format

# Name -> the module in `exchange.formats`; a module is imported when its format is first used.
MODULES = {"jsonl": "jsonl", "parquet": "parquet", "csv": "csv_tables", "image_folders": "image_folders",
           "coco": "coco", "yolo": "yolo", "voc": "voc", "label_studio": "label_studio",
           "hugging_face": "hugging_face", "prodigy": "prodigy", "doccano": "doccano", "conll": "conll",
           "ipyannotations": "ipyannotations"}


def find_format(name: str | None, path: Path | None = None) -> Format:
    """Find a format by its name, or by a path if no name is given.

    Raises
    ------
    BadInput
        When there is no such format, it can't be guessed from the path, or it needs a package that isn't installed.
    """
    if name is None:
        name = _guess(path)
    key = name.lower().replace("-", "_").replace(" ", "_") if isinstance(name, str) else ""
    if key not in MODULES:
        raise BadInput(f"format {name!r} is unknown; one of {', '.join(MODULES)} is expected.")
    found = load_format(key)
    if found.extra is not None and find_spec(found.extra) is None:
        raise BadInput(f"format {name!r} needs {found.extra}, which isn't installed; pip install "
                       "'hitl-widgets[formats]' brings it.")
    return found


def load_format(name: str) -> Format:
    """Import the format with a name of `available`."""
    found: Format = import_module(f".formats.{MODULES[name]}", __package__).FORMAT
    return found


def available() -> list[str]:
    """The names of all formats."""
    return list(MODULES)


def formats() -> pd.DataFrame:
    """The formats that `Workbench.export` writes and `Workbench.import_file` reads.

    Returns
    -------
    DataFrame
        A row for each: format (its name), title, tasks, items ("image" and "text"), path ("folder" or "file"), reads,
        writes, what it can't hold, needs (an optional package).
    """
    rows = []
    for name in available():
        one = load_format(name)
        rows.append({"format": one.name, "title": one.title, "tasks": ", ".join(one.tasks),
                     "items": ", ".join(one.kinds), "path": "folder" if one.folder else "file",
                     "reads": one.read is not None, "writes": True, "what it can't hold": one.cannot_hold,
                     "needs": one.extra or ""})
    return pd.DataFrame(rows)


def _guess(path: Path | None) -> str:
    by_suffix: dict[str, list[str]] = {}
    for name in available():
        one = load_format(name)
        for suffix in one.suffixes:
            by_suffix.setdefault(suffix, []).append(name)
    fitting = by_suffix.get(path.suffix.lower(), []) if path is not None else []
    if len(fitting) == 1:
        return fitting[0]
    named = "" if path is None else path.suffix.lower()[1:]
    if named in fitting:  # a .jsonl is "jsonl", a .csv is "csv"
        return named
    if named in MODULES and load_format(named).folder:
        raise BadInput(f"{path} is named as a file, and {load_format(named).title} is a folder here: name a folder, "
                       f"and pass format={named!r}. A table in one file comes in by pandas and "
                       "wb.import_annotations(table).")
    raise BadInput(f"the format of {path} can't be told from its name; pass format=, one of "
                   f"{', '.join(fitting or available())}.")
