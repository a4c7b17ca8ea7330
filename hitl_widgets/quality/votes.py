"""The table of votes: the one input of every algorithm for several annotators.

Any DataFrame with `item_id`, `annotator` and `label` is a table of votes; `wb.votes()` makes one with all of
`VOTE_COLUMNS`. `encode` checks such a table and turns it into arrays of numbers. Read `encode` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput, ShapeError

Ints = npt.NDArray[np.int64]

VOTE_COLUMNS = ["item_id", "annotator", "label", "label_after", "label_id", "shown", "suggestion", "model", "arm",
                "arm_probability", "planted", "repeat_of", "chosen_by", "certainty", "acted_at"]

SHOWN, BLIND, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class EncodedVotes:
    """Votes with items, annotators and labels as integer codes, in the order of the table.

    Attributes
    ----------
    items, annotators, labels : Index
        The values that the codes stand for. `labels` has every label that was voted for, suggested or passed as
        `labels`.
    item, annotator, label : ndarray of int64, shape (n_votes,)
        Code of each vote's item, annotator and label: a position in `items`, `annotators` and `labels`.
    shown : ndarray of int64, shape (n_votes,)
        `SHOWN` where the suggestion was visible when the vote was given, `BLIND` where it wasn't, `UNKNOWN` where that
        isn't known.
    suggestion : ndarray of int64, shape (n_votes,)
        Position in `labels` of the model's suggestion, visible or not; -1 without one.
    rows : DataFrame
        The rows of the table that are votes, with a new index.
    n_repeated : int
        Number of rows left out because a later row has a vote of the same annotator on the same item.
    """

    items: pd.Index
    annotators: pd.Index
    labels: pd.Index
    item: Ints
    annotator: Ints
    label: Ints
    shown: Ints
    suggestion: Ints
    rows: pd.DataFrame
    n_repeated: int

    def __len__(self) -> int:
        return len(self.item)

    def counts(self) -> npt.NDArray[np.float64]:
        """How many annotators voted for each label, shape (n_items, n_labels)."""
        counts = np.zeros((len(self.items), len(self.labels)))
        np.add.at(counts, (self.item, self.label), 1.0)
        return counts


def encode(votes: pd.DataFrame, labels: Sequence[str] | None = None, *, exposure: bool = False) -> EncodedVotes:
    """Check a table of votes and turn it into arrays.

    Only votes are kept. Rows without a label aren't votes, nor are answers to suggestions that were wrong on purpose
    (`planted`) and repeated questions that measure how consistent a person is (`repeat_of`). If an annotator has
    several rows for an item, the last one is kept.

    Parameters
    ----------
    votes : DataFrame
        With the columns item_id, annotator and label; the other `VOTE_COLUMNS` are optional.
    labels : sequence of str, optional
        All labels that could have been given, in order. By default the labels that occur, sorted.
    exposure : bool
        Whether the columns `shown` and `suggestion` are required.

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If `labels` lacks a label that was given or suggested, or `shown` holds something else than True, False and NA.
    """
    if not isinstance(votes, pd.DataFrame):
        raise BadInput(f"votes is a {type(votes).__name__}; a DataFrame with item_id, annotator and label is expected.")
    needed = ["item_id", "annotator", "label", *(["shown", "suggestion"] if exposure else [])]
    if missing := [name for name in needed if name not in votes.columns]:
        raise ShapeError(f"the table of votes lacks {', '.join(missing)}; a row for each item and annotator with "
                         f"{', '.join(needed)} is expected. wb.votes() makes such a table.")
    rows = votes[is_vote(votes)]
    if rows[["item_id", "annotator"]].isna().to_numpy().any():
        raise BadInput("the table of votes has rows without an item_id or an annotator; each vote needs both.")
    n_all = len(rows)
    rows = rows.drop_duplicates(["item_id", "annotator"], keep="last").reset_index(drop=True)
    n_repeated = n_all - len(rows)
    suggested = rows["suggestion"] if "suggestion" in rows else pd.Series([None] * len(rows), dtype=object)
    every = _labels(rows["label"], suggested, labels)
    item, items = pd.factorize(rows["item_id"])
    annotator, annotators = pd.factorize(rows["annotator"], sort=True)
    return EncodedVotes(pd.Index(items, name="item_id"), pd.Index(annotators, name="annotator"), every,
                        item.astype(np.int64), annotator.astype(np.int64),
                        every.get_indexer(pd.Index(rows["label"])).astype(np.int64), _shown(rows),
                        np.where(suggested.isna(), -1, every.get_indexer(pd.Index(suggested))).astype(np.int64),
                        rows, n_repeated)


def is_vote(votes: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows of a table of votes are votes: those with a label that are neither planted nor repeats."""
    kept = np.array(votes["label"].notna(), np.bool_)
    if "planted" in votes:
        kept &= ~votes["planted"].to_numpy(np.bool_, na_value=False)
    if "repeat_of" in votes:
        kept &= votes["repeat_of"].isna().to_numpy(np.bool_)
    return kept


def _labels(given: pd.Series, suggested: pd.Series, labels: Sequence[str] | None) -> pd.Index:
    occurring = set(given.unique()) | set(suggested.dropna().unique())
    if labels is None:
        return pd.Index(sorted(occurring, key=str), name="label", dtype=object)
    index = pd.Index(list(labels), name="label", dtype=object)
    if not index.is_unique:
        raise BadInput(f"labels names {index[index.duplicated()][0]!r} twice; each label once is expected.")
    if unknown := sorted(map(str, occurring - set(index))):
        raise BadInput(f"labels lacks {', '.join(unknown[:5])}, which the table of votes has; name every label.")
    return index


def _shown(rows: pd.DataFrame) -> Ints:
    """Code `shown` as `SHOWN`, `BLIND` and `UNKNOWN`."""
    if "shown" not in rows:
        return np.full(len(rows), UNKNOWN, np.int64)
    known = rows["shown"].notna().to_numpy(np.bool_)
    values = rows["shown"].to_numpy(object)
    if odd := [value for value in values[known].tolist() if value not in (True, False)]:
        raise BadInput(f"shown has {odd[0]!r}; True (the suggestion was visible), False or a missing value is "
                       "expected.")
    return np.array([UNKNOWN if not there else int(bool(value))
                     for value, there in zip(values, known, strict=True)], np.int64)
