"""Values of attributes as tables: the current values, and those that a model learns from.

The functions compute them from the log's table of current annotations, with its columns of values, and the taxonomy's
lineage. Read `values_table` first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..records import CLOSING
from ..taxonomy.history import Lineage
from .annotation_tables import answer_weights, overruled_rows

Table = Mapping[str, Sequence[Any]]

# The columns of the log's table that these need.
STORED_COLUMNS = ("verdict", "label_id", "taxonomy", "certainty", "certainty_source", "acted_at", "chosen_by",
                  "planted", "hidden", "model", "arm", "given_values", "suggested_values", "first_values")
VALUE_COLUMNS = ["item_id", "annotator", "attribute", "value", "certainty", "decision_id", "status"]
VOTE_COLUMNS = ["item_id", "annotator", "attribute_id", "value", "weight", "decision_id", "chosen_by", "suggested",
                "hidden", "arm"]


class Given(NamedTuple):
    """A value as it was given: the row of the table, the attribute's id, and the value."""

    row: int
    attribute_id: str
    value: Any


def given_values(table: Table, *, first: bool = False) -> Iterator[Given]:
    """List the values of every row that closes its item.

    Parameters
    ----------
    table : mapping of str to sequence
    first : bool
        Whether to list the values that were given before the suggestion was shown, if there are any.
    """
    for row, (verdict, text, before) in enumerate(zip(table["verdict"], table["given_values"], table["first_values"],
                                                      strict=True)):
        if (text := (before or text) if first else text) and verdict in CLOSING:
            for attribute_id, value in json.loads(text).items():
                yield Given(row, attribute_id, value)


def values_table(table: Table, lineage: Lineage, *, changed: Collection[str] = ()) -> pd.DataFrame:
    """Make a table of the current values, under today's attributes.

    Parameters
    ----------
    table : mapping of str to sequence
        Current annotations, with the columns `STORED_COLUMNS`.
    lineage : Lineage
    changed : collection of str
        Ids of decisions on items whose content isn't what the annotator saw.

    Returns
    -------
    DataFrame
        `VALUE_COLUMNS`, a row for each value, by item, annotator and the attributes' order. The status is "decided",
        "to_review" where an edit left the value in doubt or the item has changed (then it is None), or "planted".
        Values of attributes that are retired are left out; the log keeps them.
    """
    place_of = {attribute.id: place for place, attribute in enumerate(lineage.today.attributes)}
    names = [attribute.name for attribute in lineage.today.attributes]
    rows: list[tuple[Any, ...]] = []
    for row, attribute_id, value in given_values(table):
        if (place := place_of.get(attribute_id)) is None:
            continue
        today = lineage.value(attribute_id, value, table["taxonomy"][row])
        status = "planted" if table["planted"][row] else \
            "to_review" if today is None or table["decision_id"][row] in changed else "decided"
        certainty = table["certainty"][row]
        rows.append((table["item_id"][row], table["annotator"][row], place, None if status == "to_review" else today,
                     np.nan if certainty is None else float(certainty), table["decision_id"][row], status))
    rows.sort(key=lambda row: row[:3])
    found = pd.DataFrame(rows, columns=VALUE_COLUMNS, dtype=object).astype({"certainty": float})
    return found.assign(attribute=pd.Series([names[row[2]] for row in rows], dtype=object))


def value_votes(table: Table, lineage: Lineage, *, changed: Collection[str] = ()) -> pd.DataFrame:
    """Make a table of the values that count, under today's attributes: a row for each.

    A value that was given before the suggestion was shown counts in place of the final one. Planted values, values in
    doubt, and answers that were replaced in the triage or given unsure are left out.

    Parameters
    ----------
    table, lineage, changed
        See `values_table`.

    Returns
    -------
    DataFrame
        `VOTE_COLUMNS`: weight as `annotation_tables.votes_by_item`; suggested is the suggested value or None; hidden,
        chosen_by and arm are as in the log.
    """
    rows: list[tuple[Any, ...]] = []
    weights, overruled = answer_weights(table), overruled_rows(table)
    for row, attribute_id, value in given_values(table, first=True):
        if row in overruled or table["planted"][row] or table["verdict"][row] == "unsure" \
                or table["decision_id"][row] in changed:
            continue
        version = table["taxonomy"][row]
        if (today := lineage.value(attribute_id, value, version)) is None:
            continue
        suggested = json.loads(table["suggested_values"][row] or "{}").get(attribute_id)
        rows.append((table["item_id"][row], table["annotator"][row], attribute_id, today, weights[row],
                     table["decision_id"][row], table["chosen_by"][row],
                     None if suggested is None else lineage.value(attribute_id, suggested, version),
                     bool(table["hidden"][row]), table["arm"][row]))
    columns = list(zip(*rows, strict=True)) or [() for _ in VOTE_COLUMNS]
    return pd.DataFrame({name: pd.Series(column, dtype=object if name in ("value", "suggested", "arm") else None)
                         for name, column in zip(VOTE_COLUMNS, columns, strict=True)})
