"""Votes about a part of the answers: one label of several that an item may have, or one attribute.

Each function makes a table of votes with the columns `votes.VOTE_COLUMNS`, the input of all algorithms for several
annotators. Read `about_label` first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..taxonomy.attributes import Attribute
from ..taxonomy.history import Lineage
from .annotation_tables import all_votes

Table = Mapping[str, Sequence[Any]]


def about_label(table: Table, lineage: Lineage, label_id: str) -> pd.DataFrame:
    """List the votes about one label, where an item may have several: its name, or "not" and its name.

    Answers from which neither follows with certainty are left out: the label was added later, or an edit made the
    meaning of the answer uncertain.

    Parameters
    ----------
    table : mapping of str to sequence
        See `annotation_tables.all_votes`; each label_id is that of a set (`taxonomy.label_sets`).
    lineage : Lineage
    label_id : str
        A label of today.
    """
    on, off = names_of_states(lineage.today.name_of(label_id))

    def state(given: str, version: int | None) -> str | None:
        is_on = lineage.label_states(given, version).get(label_id)
        return None if is_on is None else on if is_on else off

    return _saying(all_votes(table, lineage, meaning=state))


def names_of_states(name: str) -> tuple[str, str]:
    """Names of the votes about a label: that an item has it, and that it hasn't.

    >>> names_of_states("night")
    ('night', 'not night')
    """
    return name, f"not {name}"


def about_attribute(table: Table, lineage: Lineage, attribute: Attribute) -> pd.DataFrame:
    """List the votes about one attribute: `label` and `suggestion` are values under today's scale or choices.

    Values that an edit left in doubt are left out.

    Parameters
    ----------
    table : mapping of str to sequence
        See `annotation_tables.all_votes`; also with the columns given_values, suggested_values and first_values.
    lineage : Lineage
    attribute : Attribute
        An attribute of today.
    """
    given, suggested, first = (_of(table[name], attribute.id)
                               for name in ("given_values", "suggested_values", "first_values"))
    answered_first = np.array([version is not None for version in table["first_taxonomy"]], bool)
    versions = [version if value is not None or not at_first else None
                for version, value, at_first in zip(table["first_taxonomy"], first, answered_first, strict=True)]
    told = {**table, "label_id": given, "suggestion": suggested, "first_label_id": first, "first_taxonomy": versions}

    def meaning(value: Any, version: int | None) -> Any:
        return lineage.value(attribute.id, value, version)

    votes = _saying(all_votes(told, lineage, meaning=meaning))
    if attribute.kind == "choices":
        return votes
    return votes.assign(**{name: votes[name].astype(float) for name in ("label", "label_after", "suggestion")})


def _saying(votes: pd.DataFrame) -> pd.DataFrame:
    kept: pd.DataFrame = votes[votes["label"].notna()].reset_index(drop=True)
    return kept


def _of(texts: Sequence[str | None], attribute_id: str) -> list[Any]:
    return [None if text is None else json.loads(text).get(attribute_id) for text in texts]
