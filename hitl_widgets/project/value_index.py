"""Value index: each annotator's attribute values for each item, and which of them are unclear since an edit.

A value is in doubt if an edit changed its attribute so that the value has no certain meaning today. Items are positions
in the pool. The values of an answer are stored as a code, so that the effect of later edits is computed once for each
different answer. Read `ValueIndex.note_all` and `ValueIndex.doubtful` first. `LabelIndex.values` is one. The class
isn't thread-safe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..taxonomy.attributes import Value
from ..taxonomy.history import Lineage

# The label, its taxonomy version, and the values as in the log's table: JSON by attribute id.
Given = tuple[str | None, int | None, str]
EVERYWHERE = slice(None)


class ValueIndex:
    """The current attribute values, for each annotator and position of a pool.

    Parameters
    ----------
    n_items : int
        Number of items in the pool.
    """

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._given: list[Given | None] = [None]  # code 0: no values were given
        self._code: dict[Given, int] = {}
        self._codes: dict[str, npt.NDArray[np.int32]] = {}
        # The step that asks again, for each code, under the lineage that was asked for last.
        self._doubts: tuple[Lineage | None, npt.NDArray[np.int64]] = (None, np.zeros(1, np.int64))

    def note_all(self, positions: npt.NDArray[np.int64], annotator: str, given: Sequence[Given | None]) -> None:
        """Set the values that one annotator's answers give to some items now; they replace earlier ones.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Each item once.
        annotator : str
        given : sequence, length n
            None where no values were given.
        """
        codes = np.fromiter((0 if one is None else self._code_of(one) for one in given), np.int32, len(positions))
        if annotator not in self._codes:
            if not codes.any():
                return
            self._codes[annotator] = np.zeros(self._n_items, np.int32)
        self._codes[annotator][positions] = codes

    def noted(self) -> npt.NDArray[np.int64]:
        """Positions of the items with values from anybody."""
        return np.concatenate([np.empty(0, np.int64), *map(np.flatnonzero, self._codes.values())])

    def given(self, annotator: str, at: npt.NDArray[np.int64] | slice = EVERYWHERE) -> npt.NDArray[np.bool_] | None:
        """Mask of the items with values from an annotator, among all items or some; None if there are no values."""
        return None if annotator not in self._codes else self._codes[annotator][at] > 0

    def doubtful(self, lineage: Lineage, annotator: str, at: npt.NDArray[np.int64] | slice = EVERYWHERE
                 ) -> npt.NDArray[np.int64] | None:
        """Find the step that left an annotator's values for each item in doubt, or asks for values not given yet.

        Parameters
        ----------
        lineage : Lineage
        annotator : str
        at : ndarray of int, optional
            Only these items.

        Returns
        -------
        ndarray of int, a number for each item, or None
            The step's version, the newest of several; 0 if there is no such step. None if the annotator gave no values,
            or no step changed values or asked for an added attribute.
        """
        if annotator not in self._codes or not (lineage.mapped or lineage.asks):
            return None
        known, doubts = self._doubts
        if known is not lineage:
            doubts = np.zeros(0, np.int64)
        if len(doubts) < len(self._given):
            new = _doubts(lineage, self._given[len(doubts):])
            doubts = np.concatenate([doubts, np.array(new, np.int64)])
            self._doubts = lineage, doubts
        of_items: npt.NDArray[np.int64] = doubts[self._codes[annotator][at]]
        return of_items

    def given_since(self, version: int, annotator: str, at: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_] | None:
        """Mask of the items, among some, with values from an annotator under a taxonomy version or a later one."""
        if annotator not in self._codes:
            return None
        late = np.array([one is not None and (one[1] or 1) >= version for one in self._given], np.bool_)
        of_items: npt.NDArray[np.bool_] = late[self._codes[annotator][at]]
        return of_items

    def of(self, position: int) -> dict[str, Given]:
        """The values of an item: annotator -> the answer."""
        return {annotator: one for annotator, codes in self._codes.items() if (one := self._given[codes[position]])}

    def counts(self) -> Iterator[tuple[Given, int]]:
        """Count the answers that gave the same values under the same label and version."""
        n = sum((np.bincount(codes, minlength=len(self._given)) for codes in self._codes.values()),
                np.zeros(len(self._given), np.int64))
        return ((one, int(n[code])) for code, one in enumerate(self._given) if one is not None and n[code])

    def _code_of(self, one: Given) -> int:
        if one not in self._code:
            self._code[one] = len(self._given)
            self._given.append(one)
        return self._code[one]


def values_of(text: str) -> Mapping[str, Value]:
    """Read the values of a row of the log's table: attribute id -> value."""
    values: Mapping[str, Value] = json.loads(text)
    return values


def doubts_of(lineage: Lineage, label_id: str | None, version: int | None, values: Mapping[str, Value]
              ) -> dict[str, int]:
    """List the attributes that are asked again for an answered item: attribute id -> version of the step.

    An answer whose label is in doubt has none: the whole item is asked again.

    Parameters
    ----------
    lineage : Lineage
    label_id, version
        The label as it was given, and its taxonomy version; a label_id of None where only values are asked.
    values : mapping
        The values as they were given.
    """
    now = lineage.exactly(label_id, version)
    if label_id is not None and now is None:
        return {}
    doubts = {attribute_id: step.version for attribute_id, step in lineage.asks_since(version).items()
              if attribute_id not in values}
    doubts |= {attribute_id: step.version for attribute_id, value in values.items() if attribute_id in lineage.mapped
               if (step := lineage.value_doubt(attribute_id, value, version)) is not None}
    asked = {attribute.id for attribute in lineage.today.attributes_of(now)} if doubts else set()
    return {attribute_id: step for attribute_id, step in doubts.items() if attribute_id in asked}


def _doubts(lineage: Lineage, given: Sequence[Given | None]) -> list[int]:
    """For each answer, the version of the newest step because of which it is asked again; 0 if there is none."""
    # Few of thousands of different answers differ in an attribute that an edit changed.
    asked = lineage.mapped | lineage.asked
    known: dict[object, int] = {}

    def doubt(label_id: str | None, version: int | None, text: str) -> int:
        values = {attribute_id: value for attribute_id, value in values_of(text).items() if attribute_id in asked}
        key = (label_id, version, *values.items())
        if key not in known:
            known[key] = max(doubts_of(lineage, label_id, version, values).values(), default=0)
        return known[key]

    return [0 if one is None else doubt(*one) for one in given]
