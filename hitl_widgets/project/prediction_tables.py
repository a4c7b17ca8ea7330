"""Reading of other models' predictions from a table. Read `read_probabilities` first."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, ShapeError, UnknownItem, UnknownLabel
from ..items.pool import Pool
from ..taxonomy.history import Lineage
from .project import Project
from .spelling import text_of

# Maximum deviation of the sum of an item's probabilities from 1.
TOLERANCE = 1e-3
# Number of rows and names that a message lists.
N_LISTED = 8
# Columns that aren't labels, beside those of the pool's metadata.
METADATA = frozenset(("item_id", "id", "label", "label_id", "labels", "prediction", "confidence", "margin", "model",
                      "annotator", "acted_at", "note", "split", "path", "image", "text", "version"))


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of items of a pool, read from a table and checked.

    Attributes
    ----------
    positions : ndarray of int64, shape (n,)
        Positions of the items in the pool, each once.
    probs : ndarray of float64, shape (n, n_labels)
        Rows sum to 1, unless an item may have several labels.
    label_ids : tuple of str
        Ids of the columns: today's labels in their order.
    notes : list of str
        Remarks on the table, a sentence each.
    """

    positions: np.ndarray
    probs: np.ndarray
    label_ids: tuple[str, ...]
    notes: list[str]


def read_probabilities(project: Project, table: Any, *, partial: bool = False) -> Probabilities:
    """Read a table of a model's probabilities for the items of a pool.

    Parameters
    ----------
    project : Project
        With a pool, and a task that asks for labels.
    table : DataFrame
        See `Workbench.import_predictions`.
    partial : bool
        Whether items of the pool may have no row.

    Raises
    ------
    UnknownItem, UnknownLabel, ShapeError, BadInput
        With the numbers of the rows that can't be used, counted from 0, and a remedy.
    """
    if project.task == "scale":
        raise BadInput("this project asks for values of attributes alone, and imported predictions are of labels; "
                       "wb.finetune() learns the values from the answers.")
    if not isinstance(partial, bool):
        raise BadInput(f"partial is {partial!r}; True or False is expected.")
    lineage = project.lineage
    table, positions = items_of(table, project.pool)
    several = project.task == "multilabel"
    if {"label", "confidence"} <= set(table.columns):
        read = _read_long(table, positions, lineage, project.pool, several=several)
    else:
        read = _read_wide(table, positions, lineage, project.pool, several=several)
    if not partial:
        require_all(read.positions, project.pool)
    return read


# -- items ---------------------------------------------------------------------------------------------------

# 14 branches: one for each thing that may be wrong with the items of a table, with its own message.
def items_of(table: Any, pool: Pool) -> tuple[pd.DataFrame, np.ndarray]:
    """The table with a plain index, and the position of each row's item.

    Parameters
    ----------
    table : DataFrame
        The items are in a column item_id or id, or in the index.
    pool : Pool

    Raises
    ------
    BadInput, UnknownItem
        When it isn't a table, doesn't name the items, or names items that aren't in the pool.
    """
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"a {type(table).__name__} was given; a DataFrame is expected, with the column item_id and one "
                       "for each label (probabilities), or with item_id, label and confidence.")
    if isinstance(table.columns, pd.MultiIndex) or isinstance(table.index, pd.MultiIndex):
        raise BadInput("the table has columns or rows of several levels; one level is expected. Flatten it with "
                       "df.reset_index(), and df.columns = [...].")
    if len(double := table.columns[table.columns.duplicated()]):
        raise BadInput(f"the table has more than one column {double[0]!r}; one of each name is expected.")
    if not len(table):
        raise BadInput("the table has no rows; predictions of the pool's items are expected.")
    column = next((name for name in ("item_id", "id") if name in table.columns), None)
    given = table.index if column is None else table[column]
    texts = [text_of(value) for value in given.tolist()]
    table = table.reset_index(drop=True)
    if nameless := [row for row, text in enumerate(texts) if text is None]:
        raise UnknownItem(f"{rows_in_words(nameless)} of the table {have(nameless)} no item_id; leave them out with "
                          "df.dropna(subset=['item_id']).")
    positions = pool.positions([str(text) for text in texts])
    unknown = np.flatnonzero(positions < 0)
    if len(unknown) == len(texts) and column is None:
        raise BadInput(f"the table has the columns {listed(table.columns)}; item_id is missing, and its index doesn't "
                       f"name items of the pool, such as {str(pool.ids[0])!r}. Add it with df.insert(0, 'item_id', "
                       "...), or make it the index.")
    if len(unknown):
        raise UnknownItem(f"{rows_in_words(unknown)} of the table {have(unknown, 'is', 'are')} about items that "
                          f"aren't in the pool, such as {texts[unknown[0]]!r}; the pool's ids are like "
                          f"{str(pool.ids[0])!r}. Leave them out with df[df.item_id.isin(wb.pool.ids)], or, where ids "
                          "begin with zeros, read the file with dtype={'item_id': str}.")
    return table, positions


def require_all(positions: np.ndarray, pool: Pool) -> None:
    """Raise BadInput where an item of the pool isn't among these positions."""
    missing = np.setdiff1d(np.arange(len(pool)), positions)
    if len(missing):
        raise BadInput(f"{len(missing):,} of the pool's {len(pool):,} items have no row in the table: "
                       f"{listed(pool.ids[missing])}. Add them, or pass partial=True: they have no prediction then.")


# -- a column for each label ---------------------------------------------------------------------------------

def _read_wide(table: pd.DataFrame, positions: np.ndarray, lineage: Lineage, pool: Pool, *, several: bool
               ) -> Probabilities:
    """Read a table with a row for each item and a column for each label."""
    columns = _columns_of_labels(table, lineage, pool)
    _refuse_repeats(positions, pool)
    label_ids = lineage.today.label_ids
    probs = np.stack([numbers_of(table[columns[label_id]], columns[label_id]) for label_id in label_ids], axis=1)
    _refuse_rows(np.isnan(probs).any(axis=1), "{rows} of the table {have} no probability for some label. Give every "
                 "label one, or leave such rows out with df.dropna() and pass partial=True.")
    _refuse_rows((probs < 0).any(axis=1), "{rows} of the table {have} a probability below 0. Probabilities are "
                 "expected: of logits, scipy.special.softmax(logits, axis=1), or expit where items may have several "
                 "labels, gives them.")
    if several:
        _refuse_rows((probs > 1).any(axis=1), "{rows} of the table {have} a probability above 1; each label's is from "
                     "0 to 1.")
        return Probabilities(positions, probs, label_ids, [])
    return Probabilities(positions, _with_sum_1(probs), label_ids, [])


def _columns_of_labels(table: pd.DataFrame, lineage: Lineage, pool: Pool) -> dict[str, Hashable]:
    """The column of each of today's labels: label_id -> column."""
    found, others = dict[str, Hashable](), list[Hashable]()
    known = METADATA | ({*map(str, pool.frame.columns)} if pool.frame is not None else set())
    for column in table.columns:
        if column in ("item_id", "id"):
            continue
        try:
            label_id = lineage.answer(text_of(column) or "").id
        except UnknownLabel:
            others += [] if str(column) in known else [column]
            continue
        if label_id in found:
            raise BadInput(f"the columns {found[label_id]!r} and {column!r} are of one label, "
                           f"{lineage.today.name_of(label_id)!r}; leave one of them out.")
        found[label_id] = column
    missing = [label_id for label_id in lineage.today.label_ids if label_id not in found]
    names = [lineage.today.name_of(label_id) for label_id in lineage.today.label_ids]
    if not found:
        raise BadInput(f"the table has the columns {listed(table.columns)}; one for each label is expected, "
                       f"{listed(names)}, or the columns item_id, label and confidence.")
    if others:
        raise UnknownLabel(f"the table has the columns {listed(others)}, which are no labels of taxonomy "
                           f"v{lineage.today.version}: {listed(names)}. Rename them with df.rename(columns={{...}}), "
                           f"or leave them out with df.drop(columns={list(map(str, others))[:N_LISTED]!r}).")
    if missing:
        raise UnknownLabel(f"the table has no column for {listed(map(lineage.today.name_of, missing))}; every label "
                           "of the taxonomy needs one. Where a model knows nothing of a label, give it 0: "
                           f"df[{lineage.today.name_of(missing[0])!r}] = 0.0.")
    return found


def _refuse_repeats(positions: np.ndarray, pool: Pool) -> None:
    repeated = pd.Series(positions).duplicated(keep=False).to_numpy()
    if repeated.any():
        first = positions[np.flatnonzero(repeated)[0]]
        rows = np.flatnonzero(positions == first)
        raise BadInput(f"{rows_in_words(rows)} of the table are about one item, {str(pool.ids[first])!r}"
                       f"{f' ({repeated.sum():,} rows share their item with another)' if repeated.sum() > 2 else ''}; "
                       "one row each is expected. Keep one with df.drop_duplicates('item_id').")


def numbers_of(column: pd.Series, name: Hashable) -> np.ndarray:
    """A column as float64, NaN where a value is missing; BadInput where a value isn't a finite number."""
    if column.dtype == bool:
        column = column.astype(float)
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = (np.isnan(numbers) & ~column.isna().to_numpy()) | np.isinf(numbers)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadInput(f"{rows_in_words(np.flatnonzero(wrong))} of the table {have(np.flatnonzero(wrong))} no number "
                       f"in the column {name!r}, such as {column.iloc[row]!r:.60}; probabilities from 0 to 1 are "
                       "expected.")
    return numbers


def _with_sum_1(probs: np.ndarray) -> np.ndarray:
    """The rows divided by their sums; ShapeError where a sum is too far from 1."""
    sums = probs.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > TOLERANCE)
    if len(off):
        worst = off[np.argmax(np.abs(sums[off] - 1))]
        raise ShapeError(f"{rows_in_words(off)} of the table {have(off, 'does', 'do')} not sum to 1 within "
                         f"{TOLERANCE:g} over the labels: row {worst} sums to {sums[worst]:.4g}. Divide them by "
                         "their sums, df[labels].div(df[labels].sum(axis=1), axis=0), if they are shares; logits need "
                         "a softmax.")
    normal: np.ndarray = probs / sums[:, None]
    return normal


# -- a row for each label ------------------------------------------------------------------------------------

def _read_long(table: pd.DataFrame, positions: np.ndarray, lineage: Lineage, pool: Pool, *, several: bool
               ) -> Probabilities:
    """Read a table with item_id, label and confidence."""
    label_ids = lineage.today.label_ids
    numbers = label_numbers(table["label"], lineage)
    values = numbers_of(table["confidence"], "confidence")
    _refuse_rows(np.isnan(values), "{rows} of the table {have} no confidence. Leave such rows out with "
                 "df.dropna(subset=['confidence']).")
    _refuse_rows((values < 0) | (values > 1 + TOLERANCE), "{rows} of the table {have} a confidence below 0 or above 1; "
                 "probabilities are expected. Of percentages, df.confidence / 100 gives them.")
    pairs = pd.Series(positions * len(label_ids) + numbers)
    if (repeated := pairs.duplicated(keep=False).to_numpy()).any():
        rows = np.flatnonzero(pairs == pairs[repeated].iloc[0])
        raise BadInput(f"{rows_in_words(rows)} of the table give item {str(pool.ids[positions[rows[0]]])!r} the same "
                       "label; one confidence for each is expected. Keep one with "
                       "df.drop_duplicates(['item_id', 'label']).")
    places, row_of = np.unique(positions, return_inverse=True)
    probs = np.zeros((len(places), len(label_ids)))
    probs[row_of, numbers] = values.clip(max=1)
    if several:
        return Probabilities(places, probs, label_ids, [])
    named = np.zeros(probs.shape, bool)
    named[row_of, numbers] = True
    sums, n_left = probs.sum(axis=1), (~named).sum(axis=1)
    off = (sums > 1 + TOLERANCE) | ((n_left == 0) & (np.abs(sums - 1) > TOLERANCE))
    if off.any():
        first = np.flatnonzero(row_of == np.flatnonzero(off)[0])
        raise ShapeError(f"{rows_in_words(np.flatnonzero(off[row_of]))} of the table are about items whose confidences "
                         f"don't sum to 1: those of item {str(pool.ids[places[row_of[first[0]]]])!r}, "
                         f"{rows_in_words(first).lower()}, sum to {sums[row_of[first[0]]]:.4g}.")
    rest = np.maximum(1 - sums, 0) / np.maximum(n_left, 1)
    probs = np.where(named, probs, rest[:, None])
    return Probabilities(places, probs / probs.sum(axis=1, keepdims=True), label_ids, _overtaken(probs, named))


def _overtaken(probs: np.ndarray, named: np.ndarray) -> list[str]:
    """Remarks on items for which a label without a row got the largest probability."""
    n = int((np.where(named, probs, -1).max(axis=1) < np.where(named, -1, probs).max(axis=1)).sum())
    return [] if not n else [
        f"For {n:,} items the table's confidence is so low that labels without a row, which share the rest, are more "
        "probable: one of them is suggested there. With a column for each label, nothing has to be assumed."]


def label_numbers(column: pd.Series, lineage: Lineage) -> np.ndarray:
    """The index of each row's label among today's; UnknownLabel for any other label."""
    number = {label_id: place for place, label_id in enumerate(lineage.today.label_ids)}
    texts = [text_of(value) for value in column.tolist()]
    found, errors = dict[str | None, int](), dict[str | None, str]()
    for text in dict.fromkeys(texts):
        try:
            found[text] = number[lineage.answer(text or "").id]
        except UnknownLabel as error:
            errors[text] = str(error) if text else "there is no label. Leave such rows out with " \
                                                   "df.dropna(subset=['label'])."
    if errors:
        wrong = [row for row, text in enumerate(texts) if text in errors]
        raise UnknownLabel(f"{rows_in_words(wrong)} of the table: {errors[texts[wrong[0]]]}")
    return np.array([found[text] for text in texts], np.int64)


# -- words ---------------------------------------------------------------------------------------------------

def rows_in_words(rows: Sequence[int] | np.ndarray) -> str:
    """List row numbers, as the beginning of a sentence.

    Examples
    --------
    >>> rows_in_words([3]), rows_in_words([3, 5, 9])
    ('Row 3', 'Rows 3, 5 and 9')
    """
    some = [f"{row}" for row in np.asarray(rows)[:N_LISTED]]
    if len(rows) == 1:
        return f"Row {some[0]}"
    if len(rows) > N_LISTED:
        return f"Rows {', '.join(some)} and {len(rows) - N_LISTED:,} more"
    return f"Rows {', '.join(some[:-1])} and {some[-1]}"


def listed(names: Any) -> str:
    """List the first few of some names, and how many more there are."""
    names = [str(name) for name in names]
    return ", ".join(map(repr, names[:N_LISTED])) + (f" and {len(names) - N_LISTED:,} more"
                                                     if len(names) > N_LISTED else "")


def have(rows: Sequence[int] | np.ndarray, one: str = "has", several: str = "have") -> str:
    """The verb that follows `rows_in_words`."""
    return one if len(rows) == 1 else several


def _refuse_rows(wrong: Any, why: str) -> None:
    """Raise BadInput if any row is wrong; `why` begins with "{rows}" and may have "{have}"."""
    rows = np.flatnonzero(wrong)
    if len(rows):
        raise BadInput(why.replace("{rows}", rows_in_words(rows)).replace("{have}", have(rows)))
