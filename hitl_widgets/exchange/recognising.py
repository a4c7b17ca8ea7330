"""Recognition of a file's or folder's format, for messages when it was read as another one. Read `suggesting`.

No path that a file names is opened, and only the beginning of a large file is read.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .files import Source
from .format import Format
from .plain_records import NAME

# Bytes that are read of a file, and files that are looked at in a folder.
BEGINNING, MOST_FILES = 1 << 18, 10_000
# Formats of JSON Lines that are so similar that a file of one can be read as the other.
ALIKE = ("prodigy", "doccano")
_TAG = re.compile(r"\S+.*[ \t](O|[BIESLU]-\S+)")
_PRODIGY = {"_input_hash", "_task_hash", "_view_id", "_annotator_id", "_session_id"}
_COLUMNS = {"item_id", "label", "labels", "annotator", "text", "verdict"}


@contextmanager
def suggesting(chosen: Format, path: Path) -> Iterator[None]:
    """Add the format that a file looks like to any BadInput that is raised in reading it as another one.

    Raises
    ------
    BadInput
        Also if a file of one of `ALIKE` is about to be read as the other, which would give wrong answers.
    """
    if chosen.name in ALIKE and path.is_file() and (name := recognised(path)) in ALIKE and name != chosen.name:
        raise BadInput(f"{path} looks like format={name!r}; nothing was read as {chosen.name!r}.")
    try:
        yield
    except BadInput as error:
        if (name := recognised(path)) in (None, chosen.name) or f"format={name!r}" in str(error):
            raise
        raise type(error)(f"{error} It looks like format={name!r}, and was read as {chosen.name!r}.") from error


def recognised(path: Path) -> str | None:
    """The name of the format that a file or folder looks like; None if it isn't recognised.

    Parameters
    ----------
    path : Path
    """
    try:
        return _of_folder(path) if path.is_dir() else _of_file(path)
    except (OSError, BadInput):
        return None


def _of_folder(path: Path) -> str | None:
    names = Source(path).names()[:MOST_FILES]
    last = {name.rpartition("/")[2] for name in names}
    ends = {name.rpartition(".")[2].lower() for name in last}
    if "parquet" in ends:
        return "parquet" if "taxonomy.json" in last else "hugging_face"
    if "tasks.json" in last:
        return "label_studio"
    if last & {"annotations.json", "_annotations.coco.json"} or any(one.startswith("instances_") for one in last):
        return "coco"
    if last & {"data.yaml", "classes.txt"}:
        return "yolo"
    if "xml" in ends:
        return "voc"
    lines = [name for name in names if name.lower().endswith(".jsonl")]
    return _of_file(path / lines[0]) if lines else None


def _of_file(path: Path) -> str | None:
    with path.open("rb") as file:
        raw = file.read(BEGINNING)
    if raw.startswith(b"PAR1"):
        return "hugging_face"
    text = raw.decode("utf-8-sig", errors="replace").lstrip()
    if text.startswith("<"):
        return "voc" if "<annotation" in text else None
    first = text.partition("\n")[0]
    if text.startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            return _of_json(json.loads(first))
        with suppress(ValueError, RecursionError):
            return _of_json(json.loads(text))
        return _of_long_json(text)
    if _is_conll(text):
        return "conll"
    cells = next(csv.reader([first], delimiter=max(",;\t", key=first.count)), [])
    return "csv" if len(_COLUMNS & {cell.strip().lower() for cell in cells}) > 1 else None


# 20 branches: the signs of each format, one after the other.
def _of_json(body: Any) -> str | None:
    """The format of a line of JSON, or of a whole file."""
    if isinstance(body, list):
        tasks = body and all(isinstance(one, Mapping) and isinstance(one.get("data"), Mapping) for one in body)
        return "label_studio" if tasks else None
    if not isinstance(body, Mapping):
        return None
    if body.get("format") == NAME:
        return "jsonl"
    if "images" in body and ("annotations" in body or "categories" in body):
        return "coco"
    if {"options", "task", "items"} <= set(body):
        return "ipyannotations"
    if not ("text" in body or "image" in body or "filename" in body):
        return None
    is_prodigy = not _PRODIGY.isdisjoint(body) or body.get("answer") in ("accept", "reject", "ignore")
    is_doccano = any(isinstance(body.get(name), list) for name in ("label", "labels", "entities", "bbox", "Comments"))
    return "prodigy" if is_prodigy and not is_doccano else "doccano" if is_doccano and not is_prodigy else None


def _of_long_json(text: str) -> str | None:
    """The format of a JSON file of which only the beginning was read."""
    if text.startswith("["):
        return "label_studio" if re.search(r'"data"\s*:\s*{', text) else None
    return "coco" if re.search(r'"images"\s*:\s*\[', text) else None


def _is_conll(text: str) -> bool:
    """Whether all lines are words with tags, apart from comments and blank lines."""
    lines = [line for line in text.split("\n")[:-1][:200] or [text] if line.strip() and not line.startswith("#")]
    lines = [line for line in lines if not line.startswith("-DOCSTART-")]
    return bool(lines) and all(_TAG.fullmatch(line.rstrip("\r")) for line in lines)
