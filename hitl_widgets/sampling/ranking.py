"""Scores of the adopted model's predictions under today's labels, kept per strategy for the queue.

`Ranking` updates them when predictions arrive, or the model or the taxonomy changes. The predictions may be any object
with the members of `Predictions`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import BadInput, ShapeError
from ..taxonomy.history import Lineage
from .uncertainty import BY_ROW, BY_ROW_OF_SETS, Scores, Strategy

# Number of items that are searched for a suggestion at once.
_CHUNK = 65_536
# The most probable labels are tied if their probabilities differ by no more than this.
TIED = 1e-6


class Predictions(Protocol):
    """Probabilities of one model version for all items of a pool.

    Attributes
    ----------
    model : str
        The model's version.
    label_ids : tuple of str
        The label of each column.
    probs : float32, shape (n_items, n_labels)
        Indexed as an array; NaN where nothing is known.
    tried : ndarray, bool, shape (n_items,)
        True where the model has predicted the item, or found it unreadable.
    """

    model: str
    label_ids: tuple[str, ...]
    probs: Any
    tried: np.ndarray

    def put(self, positions: Sequence[int] | np.ndarray, probs: np.ndarray) -> None:
        """Store the probabilities of some items."""
        ...

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """Return the positions that the model hasn't predicted yet, in their order."""
        ...


class Ranking:
    """The adopted model's probabilities under today's labels, and the scores computed from them.

    Scores are stored per strategy and updated when predictions arrive, so that all probabilities needn't be read again
    to order a large pool. After a change of model, an item keeps its former score until the new model has predicted it.
    A `Ranking` may be used by several threads.

    Attributes
    ----------
    predictions : Predictions or None
        Predictions of the adopted model; None without one.
    revision : int
        Grows by one whenever rows come in.
    n_suggested : int
        Grows by one whenever the result of `suggests` may have changed.
    multilabel : bool
        Whether an item may have several labels: then probabilities are independent, and don't sum to 1.
    thresholds : mapping
        label_id -> the probability from which the label is suggested; 0.5 for those that aren't in it.
    """

    def __init__(self) -> None:
        self.predictions: Predictions | None = None
        self.revision = 0
        self.multilabel = False
        self.thresholds: Mapping[str, float] = {}
        self.n_suggested = 0
        self._scores: dict[str, Scores] = {}
        self._former: dict[str, Scores] = {}
        self._suggests: dict[frozenset[str], np.ndarray] = {}
        self._formerly: dict[frozenset[str], np.ndarray] = {}
        self._looked_at = np.zeros(0, np.bool_)  # the rows that `_suggests` knows
        self._n_looked_at = 0
        self._families: tuple[object, np.ndarray] | None = None
        self._lock = threading.RLock()

    def use(self, predictions: Predictions | None) -> None:
        """Use another model's predictions, or the same predictions under another taxonomy.

        Scores are computed when they are next needed, so that a change of the taxonomy doesn't wait for them.
        """
        with self._lock:
            self.predictions = predictions
            self._former |= self._scores
            self._formerly |= self._suggests
            self._scores, self._suggests = {}, {}
            self._looked_at = np.zeros(0 if predictions is None else len(predictions.tried), np.bool_)
            self._n_looked_at = 0
            self.n_suggested += 1

    def frozen(self) -> Ranking:
        """Return a ranking that keeps the current model's probabilities and thresholds if another model is adopted."""
        with self._lock:
            same = Ranking()
            same.use(self.predictions)
            same.multilabel, same.thresholds = self.multilabel, self.thresholds
            return same

    def put(self, positions: np.ndarray, probs: np.ndarray, lineage: Lineage) -> None:
        """Keep the adopted model's rows for some items.

        Raises
        ------
        BadInput
            Without a model; ShapeError when the rows don't fit.
        """
        with self._lock:
            if self.predictions is None:
                raise BadInput("there is no model whose predictions could be kept; pass model=... to the workbench.")
            self.predictions.put(positions, probs)
            self.revision += 1
            for name, scores in self._scores.items():
                scores[positions] = self._by_row[name](self.probs_by_family(lineage, positions))
            self._look_at(positions, lineage)

    def probs(self, lineage: Lineage, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Probabilities over today's labels, float32, shape (n, n_labels); NaN where nothing is known.

        For a slice it is the memory map itself if all rows are known and the model's labels are today's; else an array
        in memory, with columns summed, divided or dropped.
        """
        predictions = self.predictions
        if predictions is None:
            raise BadInput("there is no model; pass model=... to the workbench, run wb.finetune(), or go on labelling "
                           "with wb.review(), which learns one from some 20 answers.")
        return todays_probs(predictions.probs[positions], predictions.label_ids, lineage, multilabel=self.multilabel)

    def families(self, lineage: Lineage) -> np.ndarray:
        """Families of today's labels, as returned by `families` for the current model."""
        predictions, label_ids = self.predictions, lineage.today.label_ids
        if predictions is None or self.multilabel or tuple(predictions.label_ids) == label_ids:
            return np.arange(len(label_ids))
        key = (tuple(predictions.label_ids), lineage.today.version)
        if (kept := self._families) is None or kept[0] != key:
            self._families = kept = key, families(lineage.columns(predictions.label_ids))
        return kept[1]

    def probs_by_family(self, lineage: Lineage, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Probabilities like `probs`, but with a family's sum in the column of its first label, and 0 in its others.

        Until the next training the labels of a family share one probability. Taken one by one they would be tied, and
        each of their items would be the most doubtful of all.

        If an item may have several labels, each label has its own probability, moved so that its threshold is at 0.5.
        """
        if self.multilabel:
            return around_thresholds(self.probs(lineage, positions), lineage.today.label_ids, self.thresholds)
        probs, family = self.probs(lineage, positions), self.families(lineage)
        first, size = np.unique(family, return_index=True, return_counts=True)[1:]
        if (size == 1).all():
            return probs
        probs = probs.copy()
        for one, place in zip(np.flatnonzero(size > 1), first[size > 1], strict=True):
            labels = np.flatnonzero(family == one)
            probs[:, place] = probs[:, labels].sum(axis=1)
            probs[:, labels[labels != place]] *= 0  # an unreadable item's NaN stays
        return probs

    def scores(self, strategy: str | Strategy, lineage: Lineage) -> tuple[str, Scores | None]:
        """Return a strategy's name and scores, shape (n_items,), NaN where unknown; without a model "random" and None.

        Parameters
        ----------
        strategy : str or callable
            A name of `uncertainty.BY_ROW`, whose scores are kept and computed over families of labels, or any function
            from probabilities to scores.
        lineage : Lineage
            Lineage with today's labels.
        """
        with self._lock:
            if self.predictions is None:
                return "random", None
            if not isinstance(strategy, str):
                known = np.flatnonzero(self.predictions.tried)
                return getattr(strategy, "__name__", "custom"), self._score(strategy, [known], lineage, self.probs)
            if strategy not in self._scores:
                known = np.flatnonzero(self.predictions.tried)
                fresh = self._score(self._by_row[strategy], np.array_split(known, 1 + len(known) // _CHUNK), lineage,
                                    self.probs_by_family)
                former = self._former.pop(strategy, None)
                self._scores[strategy] = fresh if former is None else np.where(np.isnan(fresh), former, fresh)
            return strategy, self._scores[strategy]

    def suggests(self, label_ids: frozenset[str], lineage: Lineage) -> np.ndarray | None:
        """Find the items whose suggestion is one of some labels, or a set that has one of them.

        As with scores, after a change of model an item keeps its former suggestion until the new model has predicted
        it. New predictions are added row by row.

        Parameters
        ----------
        label_ids : frozenset of str
            Some of today's labels.
        lineage : Lineage

        Returns
        -------
        ndarray of int8, shape (n_items,), or None
            1 where it is, 0 where it isn't, -1 where nothing is suggested. None without a model. Don't modify it.
        """
        with self._lock:
            if self.predictions is None:
                return None
            self.take_in_suggestions(lineage)
            if label_ids not in self._suggests:
                former = self._formerly.pop(label_ids, None)
                suggests = np.full(len(self.predictions.tried), -1, np.int8) if former is None else former.copy()
                for some in np.array_split(rows := np.flatnonzero(self._looked_at), 1 + len(rows) // _CHUNK):
                    suggests[some] = self._among(label_ids, lineage, some)
                self._suggests[label_ids] = suggests
            return self._suggests[label_ids]

    def take_in_suggestions(self, lineage: Lineage) -> int:
        """Read the rows that other processes have put into the same files; return `n_suggested`. Fast."""
        with self._lock:
            tried = np.zeros(0, np.bool_) if self.predictions is None else np.asarray(self.predictions.tried)
            if np.count_nonzero(tried) != self._n_looked_at:
                late = np.flatnonzero(tried & ~self._looked_at)
                for some in np.array_split(late, 1 + len(late) // _CHUNK):
                    self._look_at(some, lineage)
            return self.n_suggested

    def _look_at(self, positions: np.ndarray, lineage: Lineage) -> None:
        for label_ids, suggests in self._suggests.items():
            suggests[positions] = self._among(label_ids, lineage, positions)
        self._looked_at[positions] = True
        self._n_looked_at = int(np.count_nonzero(self._looked_at))
        self.n_suggested += bool(self._suggests)

    def _among(self, label_ids: frozenset[str], lineage: Lineage, positions: np.ndarray) -> np.ndarray:
        """The result of `suggests` for some items."""
        todays, probs = lineage.today.label_ids, self.probs(lineage, positions)
        wanted = np.array([label_id in label_ids for label_id in todays], np.bool_)
        known = ~np.isnan(probs).any(axis=1)
        if self.multilabel:
            among = suggested_sets(probs, todays, self.thresholds)[:, wanted].any(axis=1)
        else:
            among = likeliest(probs, self.families(lineage))[:, wanted].any(axis=1)
        return np.where(known, among, -1).astype(np.int8)

    @property
    def _by_row(self) -> Mapping[str, Strategy]:
        return BY_ROW_OF_SETS if self.multilabel else BY_ROW

    def _score(self, function: Strategy, parts: Sequence[np.ndarray], lineage: Lineage,
               probs: Callable[[Lineage, np.ndarray | slice], np.ndarray]) -> Scores:
        """Scores over the pool, computed one part (of ascending positions) at a time."""
        assert self.predictions is not None
        scores = np.full(len(self.predictions.tried), np.nan, np.float32)
        for part in parts:
            if len(part):
                start, stop = int(part[0]), int(part[-1]) + 1
                where = slice(start, stop) if stop - start == len(part) else part
                scores[where] = _one_each(function, probs(lineage, where))
        return scores


def _one_each(function: Strategy, probs: np.ndarray) -> Scores:
    scores = np.asarray(function(probs), np.float32)
    if scores.shape != (len(probs),):
        raise ShapeError(f"the strategy gave scores of shape {scores.shape} for {len(probs)} items; one each is "
                         "expected.")
    return scores


def families(shares: np.ndarray) -> np.ndarray:
    """Group today's labels by the columns of a model that they share.

    Parameters
    ----------
    shares : ndarray, shape (n_outputs, n_labels)
        How the model's columns add up to today's labels, as returned by `Lineage.columns`.

    Returns
    -------
    ndarray of int, shape (n_labels,)
        The family of each label, from 0 on; a label that shares nothing is a family by itself.

    Examples
    --------
    >>> families(np.array([[0.5, 0, 0.5], [0, 1, 0]]))
    array([0, 1, 0])
    """
    family = np.arange(shares.shape[1])
    for row in np.flatnonzero((shares > 0).sum(axis=1) > 1):
        together = family[shares[row] > 0]
        family[np.isin(family, together)] = together.min()
    return np.unique(family, return_inverse=True)[1]


def likeliest(probs: np.ndarray, family: np.ndarray) -> np.ndarray:
    """Find the labels to suggest: the most probable of the most probable family; several if they are tied.

    Labels that the model learnt may be tied, too: after a split, it can't distinguish the parts until somebody answers
    with one of them.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels)
        Rows of NaN have none.
    family : ndarray of int, shape (n_labels,)
        As returned by `families`.

    Returns
    -------
    ndarray of bool, shape (n_items, n_labels)
        True at the label to suggest, or at those that are tied for it.

    Examples
    --------
    >>> likeliest(np.array([[0.3, 0.4, 0.3], [0.5, 0.4, 0.1]]), np.array([0, 1, 0])).astype(int)
    array([[1, 0, 1],
           [1, 0, 0]])
    >>> likeliest(np.array([[0.45, 0.1, 0.45]]), np.arange(3)).astype(int)
    array([[1, 0, 1]])
    """
    inside = np.nan_to_num(probs, nan=-1.0)
    n_families = int(family.max(initial=-1)) + 1
    if n_families < probs.shape[1]:  # seldom: nearly always each label is a family by itself
        of_family = np.stack([inside[:, family == one].sum(axis=1) for one in range(n_families)], axis=1)
        inside = np.where(family == of_family.argmax(axis=1)[:, None], inside, -np.inf)
    best = inside >= inside.max(axis=1, keepdims=True) - TIED
    labels: np.ndarray = best & ~np.isnan(probs).any(axis=1, keepdims=True)
    return labels


def around_thresholds(probs: np.ndarray, label_ids: Sequence[str], thresholds: Mapping[str, float]) -> np.ndarray:
    """Move each label's probabilities so that its threshold becomes 0.5: its odds are divided by the threshold's.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels)
        Independent probability of each label.
    label_ids : sequence of str, length n_labels
    thresholds : mapping
        See `Ranking.thresholds`.

    Examples
    --------
    >>> around_thresholds(np.array([[0.2, 0.9]]), ["a", "b"], {"a": 0.2}).round(2)
    array([[0.5, 0.9]])
    """
    limits = np.array([thresholds.get(label_id, 0.5) for label_id in label_ids], probs.dtype)
    on, off = probs * (1 - limits), (1 - probs) * limits
    moved: np.ndarray = on / (on + off)
    return moved


def suggested_sets(probs: np.ndarray, label_ids: Sequence[str], thresholds: Mapping[str, float]) -> np.ndarray:
    """Select the labels to suggest if an item may have several: bool, shape (n_items, n_labels).

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels)
        Independent probability of each label.
    label_ids : sequence of str, length n_labels
    thresholds : mapping
        See `Ranking.thresholds`.
    """
    from_on = np.array([thresholds.get(label_id, 0.5) for label_id in label_ids], np.float32)
    on: np.ndarray = np.nan_to_num(probs, nan=-1.0) >= from_on
    return on


def todays_probs(probs: np.ndarray, label_ids: Sequence[str], lineage: Lineage, *, multilabel: bool = False
                 ) -> np.ndarray:
    """Translate a model's probabilities to today's labels.

    Returns `probs` itself if the model's labels are today's; else its columns are summed, divided or dropped. If an
    item may have several labels, a merged label has the largest probability of its parts, each part of a split label
    that of the whole, and a label that the model never learnt 0.
    """
    if tuple(label_ids) == lineage.today.label_ids:
        return probs
    if multilabel:
        makes = lineage.columns(label_ids) > 0
        found = [probs[:, column].max(axis=1, initial=0) if column.any() else np.where(np.isnan(probs[:, :1]).all(
            axis=1), np.nan, 0) for column in makes.T]
        return np.stack(found, axis=1).astype(np.float32, copy=False)
    mapped = probs @ lineage.columns(label_ids)
    total = mapped.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        # If none of the model's labels is left, today's labels are equally probable.
        return np.where(total == 0, 1 / mapped.shape[1], mapped / total).astype(np.float32, copy=False)
