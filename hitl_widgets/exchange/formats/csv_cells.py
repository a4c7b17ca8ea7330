"""Escaping of cells and names of columns, for writing and reading CSV. Read `escaped` and `columns_of`."""

from __future__ import annotations

import re

from ...taxonomy.attributes import Attribute
from ..records import Header

# The beginning of the last column's name, before the JSON with labels, attributes and task.
MARK = "hitl_widgets "
DELIMITERS = (",", ";", "\t")
# Most characters of a cell: a quotation mark that is never closed isn't followed further.
LONGEST_CELL = 2**24
# What may come before a formula: blanks, and invisible characters, which some programs remove.
_FORMULA = re.compile(r"['\s\x00-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff]*(?:[=+\-@＝＋－＠]|\Z)|'*[\t\r\n]")
QUOTED = re.compile(r'[",;\t\r\n]|\A\s|\s\Z')


def escaped(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> escaped("=1+1"), escaped("it's"), unescaped(escaped("'=1+1"))
    ("'=1+1", "it's", "'=1+1")
    """
    return "'" + text if _FORMULA.match(text) else text


def unescaped(cell: str) -> str:
    """The text from which `escaped` made a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


OF_ITEM = ("item_id", "name", "split", "text", "width", "height", "metadata", "gold", "gold_values")
OF_ANSWER = ("annotator", "verdict", "label", "labels", "certainty", "certainty_source", "flags", "note", "acted_at",
              "status", "reason", "share", "n_answers", "decision_id")
OF_OBJECT = ("n_objects", "object_id", "x0", "y0", "x1", "y1", "points", "start", "end", "quote", "object_certainty",
              "unsure", "origin", "act", "iou_to_proposal", "score")
PLACES = {"box": ("x0", "y0", "x1", "y1"), "point": ("x0", "y0"), "polygon": ("points",), "span": ("start", "end",
                                                                                                    "quote")}


def columns_of(header: Header) -> list[str]:
    """The columns of a file, except those of attributes and the last."""
    shape = header.shape
    left_out = {"labels" if header.task != "multilabel" else "label"}
    if header.kind != "text":
        left_out.add("text")
    if shape is not None:
        left_out |= {"gold"} | {name for names in PLACES.values() for name in names} - set(PLACES[shape])
    if header.task == "scale":
        left_out |= {"label", "gold"}
    if not header.taxonomy.attributes:
        left_out.add("gold_values")
    return [name for name in (*OF_ITEM, *OF_ANSWER, *(OF_OBJECT if shape else ())) if name not in left_out]


def attribute_columns(header: Header) -> dict[str, Attribute]:
    """Name of a column -> the attribute whose values it has."""
    taken = {*OF_ITEM, *OF_ANSWER, *OF_OBJECT}
    return {f"value of {one.name}" if one.name in taken else one.name: one for one in header.taxonomy.attributes}
