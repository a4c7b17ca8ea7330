"""Answers as they are spelt in tables: one label, several labels or attribute values, also after a round trip by CSV.

Read `Spelling` first. `text_of` and `names_of` read one cell.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, UnknownLabel
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import NONE_OF_THEM, is_set, members, set_id
from ..taxonomy.labels import Taxonomy

# The columns with a row's labels, in order of precedence.
SET_COLUMNS = ("labels", "label", "label_ids", "label_id")


class Spelling:
    """Reads the answers of a table's rows, for one project.

    Parameters
    ----------
    lineage : Lineage
        Labels are known by their former names too.
    task : str
        The project's task: rows have several labels with "multilabel", none with "scale".
    columns : set of str
        The table's columns; a column named like an attribute holds its values.
    """

    def __init__(self, lineage: Lineage, task: str, columns: Set[str]) -> None:
        self.lineage, self.task = lineage, task
        self._attributes = attributes_in(lineage.today, columns)
        self._known: dict[str | tuple[str, ...], tuple[str | None, BadInput | None]] = {}

    @property
    def attributes(self) -> tuple[str, ...]:
        """The ids of the attributes that the table has a column for."""
        return tuple(attribute.id for attribute in self._attributes.values())

    def label(self, record: Mapping[Any, Any]) -> tuple[str | None, str | None, BadInput | None]:
        """Read a row's label: as it is spelt, the id of the label or set, and the error if there is no such label.

        All three are None if the row has no label.
        """
        if self.task == "scale":
            return None, None, None
        names = self._names(record) if self.task == "multilabel" else None
        text = _one_label(record, self.lineage) if self.task != "multilabel" else \
            None if names is None else ", ".join(names) or NONE_OF_THEM
        if text is None:
            return None, None, None
        # Names may contain commas, so that the text of a set may be ambiguous.
        if (said := text if names is None else names) not in self._known:
            self._known[said] = self._find(text, names)
        return text, *self._known[said]

    def names(self, record: Mapping[Any, Any]) -> tuple[str, ...]:
        """The names or ids of a row's labels, as they are spelt; one of them where items have one label."""
        if self.task == "multilabel":
            return self._names(record) or ()
        text = self.label(record)[0]
        return () if text is None else (text,)

    def values(self, record: Mapping[Any, Any]) -> dict[str, Value]:
        """Read a row's values: attribute id -> value, without missing ones.

        Raises
        ------
        BadInput
            When a value doesn't fit its attribute.
        """
        found: dict[str, Value] = {}
        for column, attribute in self._attributes.items():
            given = record.get(column)
            if (text := text_of(given)) is not None:
                found[attribute.id] = attribute.check(text if attribute.kind == "choices" else _number(given))
        return found

    def _names(self, record: Mapping[Any, Any]) -> tuple[str, ...] | None:
        """The names or ids of a row's labels, () for the empty set; None if the row has no answer."""
        for column in SET_COLUMNS:
            if (names := names_of(record.get(column), self.lineage)) is not None:
                return names
        return None

    def _find(self, text: str, names: tuple[str, ...] | None) -> tuple[str | None, BadInput | None]:
        try:
            if names is None:
                return self.lineage.answer(text).id, None
            return set_id(self.lineage.answer(name).id for name in names), None
        except BadInput as error:
            return None, error


def attributes_in(taxonomy: Taxonomy, columns: Set[str]) -> dict[str, Attribute]:
    """The attributes in a table: column, named by the attribute's name or id -> attribute."""
    found = {}
    for attribute in taxonomy.attributes:
        column = next((name for name in (attribute.name, attribute.id) if name in columns), None)
        if column is not None:
            found[column] = attribute
    return found


def with_sets(table: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """Add the column "labels" to a table with a column, or a row, for each label that says whether it is on.

    Raises
    ------
    BadInput
        If one of today's labels is missing (it isn't assumed to be off), or a cell has another value than yes or no.
    """
    columns = set(map(str, table.columns))
    if {"item_id", "label", "value"} <= columns and not columns & {"labels", "label_ids", "label_id"}:
        return _sets_of_rows(table, [name for name in ("item_id", "annotator", "certainty") if name in columns],
                             taxonomy)
    named = {name: taxonomy.label(name).id for name in taxonomy.names if name in columns - _OF_ROWS}
    if not named or columns & set(SET_COLUMNS) or "item_id" not in columns:
        return table
    sets: list[Any] = [_those_on({label_id: _is_on(record[name], name, record["item_id"]) for name, label_id
                                  in named.items()}, taxonomy, record) for record in table.to_dict("records")]
    return table.assign(labels=sets)


def _sets_of_rows(table: pd.DataFrame, keys: Sequence[str], taxonomy: Taxonomy) -> pd.DataFrame:
    """Merge the rows with the same keys, each of which says whether one label is on, into one row."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in table.to_dict("records"):
        row = rows.setdefault(tuple(text_of(record[name]) for name in keys), {name: record[name] for name in keys})
        label_id = taxonomy.answer(text_of(record["label"]) or "").id
        on = _is_on(record["value"], record["label"], record["item_id"])
        if row.setdefault("on", {}).setdefault(label_id, on) != on:
            raise BadInput(f"item {record['item_id']!r} has label {record['label']!r} on in one row and off in "
                           "another; leave one of them out.")
    return pd.DataFrame([{**{name: row[name] for name in keys}, "labels": _those_on(row["on"], taxonomy, row)}
                         for row in rows.values()], columns=[*keys, "labels"])


# Columns of a table that aren't labels.
_OF_ROWS = frozenset(("item_id", "id", "annotator", "verdict", "certainty", "certainty_source", "note", "flags",
                      "status", "acted_at", "model", "value"))


def _those_on(on: Mapping[str, bool], taxonomy: Taxonomy, record: Mapping[Any, Any]) -> list[str]:
    if unsaid := [taxonomy.name_of(label_id) for label_id in taxonomy.label_ids if label_id not in on]:
        raise BadInput(f"the table doesn't say of item {record['item_id']!r} whether it has {', '.join(unsaid)!r:.80}; "
                       "give every label as true or false, or a column 'labels' with a list of those that are on.")
    return [label_id for label_id, is_on in on.items() if is_on]


def _is_on(value: Any, label: Any, item_id: Any) -> bool:
    said = (text_of(value) or "").strip().lower()
    if said not in ("true", "false", "1", "0", "1.0", "0.0"):
        raise BadInput(f"label {label!r:.80} of item {item_id!r} is {value!r:.80}; true or false, or 1 or 0, is "
                       "expected.")
    return said in ("true", "1", "1.0")


def text_of(value: Any) -> str | None:
    """A label, an id or a name as text: a whole number without ".0"; None where it is missing.

    >>> text_of(3.0), text_of("3.0"), text_of(float("nan"))
    ('3', '3.0', None)
    """
    if isinstance(value, str):
        return value
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return None
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))  # whole numbers become floats in a column with missing values
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else str(value)


# 14 branches: one for each way in which several labels may be written.
def names_of(value: Any, lineage: Lineage) -> tuple[str, ...] | None:
    """Read the labels of one cell; () for the empty set, None if the cell is missing.

    The cell holds a sequence or a text: a tuple as written by `to_csv`, a set's id, or names separated by commas,
    semicolons or bars. A text that is the name of one label is that label, even if it contains a separator.

    Parameters
    ----------
    value : object
    lineage : Lineage
        Has the labels.

    Raises
    ------
    BadInput
        If the sequence has elements that aren't texts.
    """
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        names = [text_of(one) for one in value]
        if None in names:
            raise BadInput(f"labels is {value!r:.80}; names of labels are expected, and no missing ones.")
        return tuple(name for name in names if name is not None)
    if (text := text_of(value)) is None:
        return None
    if is_set(text):
        return members(text)
    if _is_label(text, lineage):
        return (text,)
    if (bare := text.strip()) in ("", NONE_OF_THEM):
        return () if bare else None
    if bare[0] in "([":
        try:
            return names_of(ast.literal_eval(bare), lineage)
        except (ValueError, SyntaxError):
            pass
    mark = next((mark for mark in "|;," if mark in bare), None)
    return (text,) if mark is None else tuple(name.strip() for name in bare.split(mark) if name.strip())


def _is_label(text: str, lineage: Lineage) -> bool:
    try:
        lineage.answer(text)
    except UnknownLabel:
        return False
    return True


def _one_label(record: Mapping[Any, Any], lineage: Lineage) -> str | None:
    label = record.get("label")
    if isinstance(label, (float, np.floating)) and str(label) in lineage.today:
        return str(label)  # a label that is spelt 3.0
    # A name such as "NA" is read from a file as missing; the id in its own column still identifies the label.
    return text_of(record.get("label_id")) if (text := text_of(label)) is None else text


def _number(value: Any) -> Any:
    """A number that a table holds as text; any other value unchanged, for the attribute to check."""
    if not isinstance(value, str):
        return value.item() if isinstance(value, np.generic) else value
    try:
        return float(value)
    except ValueError:
        return value
