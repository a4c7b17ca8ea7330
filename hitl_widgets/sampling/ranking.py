"""Scores of the adopted model's predictions under today's labels, kept per strategy for the queue.

`Ranking` follows the model and the taxonomy; any table of predictions with the members of `Predictions` will do.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..errors import BadInput
from ..taxonomy.history import Lineage
from .uncertainty import BY_ROW, Scores, Strategy


class Predictions(Protocol):
    """Probabilities of one model version for all items of a pool.

    Attributes
    ----------
    model : str
        The model's version.
    label_ids : tuple of str
        The label of each column.
    probs : ndarray, float32, shape (n_items, n_labels)
        NaN where nothing is known.
    tried : ndarray, bool, shape (n_items,)
        True where the model was asked, even if the item was unreadable.
    """

    model: str
    label_ids: tuple[str, ...]
    probs: np.ndarray
    tried: np.ndarray

    def put(self, positions: Sequence[int] | np.ndarray, probs: np.ndarray) -> None:
        """Keep the rows of some items."""
        ...

    def missing(self, positions: np.ndarray) -> np.ndarray:
        """Those of the positions that the model wasn't asked about yet, in their order."""
        ...


class Ranking:
    """The adopted model's probabilities under today's labels, and the scores that follow from them.

    Scores are kept per strategy and brought up to date as predictions come in, so that ordering a large pool doesn't
    read all its probabilities again. After a change of model an item keeps its former score until the new model has
    predicted it. Threads may share it.

    Attributes
    ----------
    predictions : Predictions or None
        Of the adopted model; None without one.
    revision : int
        Grows by one whenever rows come in.
    """

    def __init__(self) -> None:
        self.predictions: Predictions | None = None
        self.revision = 0
        self._scores: dict[str, Scores] = {}
        self._former: dict[str, Scores] = {}
        self._lock = threading.RLock()

    def use(self, predictions: Predictions | None) -> None:
        """Take another model's predictions, or the same under another taxonomy.

        Scores are computed when they are next needed, so that a change of the taxonomy doesn't wait for them.
        """
        with self._lock:
            self.predictions = predictions
            self._former |= self._scores
            self._scores = {}

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
                scores[positions] = BY_ROW[name](self.probs(lineage, positions))

    def probs(self, lineage: Lineage, positions: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Probabilities over today's labels, float32, shape (n, n_labels); NaN where nothing is known.

        The memory map itself where the model's labels are today's; else its columns summed, shared out or left away.
        """
        predictions = self.predictions
        if predictions is None:
            raise BadInput("there is no model; pass model=... to the workbench, or fine-tune first.")
        return todays_probs(predictions.probs[positions], predictions.label_ids, lineage)

    def scores(self, strategy: str | Strategy, lineage: Lineage) -> tuple[str, Scores | None]:
        """Name a strategy and its scores, shape (n_items,), NaN where unknown; without a model "random" and None.

        Parameters
        ----------
        strategy : str or callable
            A name of `uncertainty.BY_ROW`, whose scores are kept, or any function from probabilities to scores.
        lineage : Lineage
            It says what today's labels are.
        """
        with self._lock:
            if self.predictions is None:
                return "random", None
            if not isinstance(strategy, str):
                return getattr(strategy, "__name__", "custom"), self._score(strategy, lineage)
            if strategy not in self._scores:
                fresh, former = self._score(BY_ROW[strategy], lineage), self._former.pop(strategy, None)
                self._scores[strategy] = fresh if former is None else np.where(np.isnan(fresh), former, fresh)
            return strategy, self._scores[strategy]

    def _score(self, function: Strategy, lineage: Lineage) -> Scores:
        assert self.predictions is not None
        tried = self.predictions.tried
        scores = np.full(len(tried), np.nan, np.float32)
        if tried.all():
            scores[:] = function(self.probs(lineage))
        elif tried.any():
            positions = np.flatnonzero(tried)
            scores[positions] = function(self.probs(lineage, positions))
        return scores


def todays_probs(probs: np.ndarray, label_ids: Sequence[str], lineage: Lineage) -> np.ndarray:
    """Translate a model's probabilities to today's labels.

    `probs` itself where the model's labels are today's; else its columns summed, shared out or left away.
    """
    if tuple(label_ids) == lineage.today.label_ids:
        return probs
    mapped = probs @ lineage.columns(label_ids)
    total = mapped.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Where none of the model's labels is left, every label of today is as likely.
        return np.where(total == 0, 1 / mapped.shape[1], mapped / total).astype(np.float32, copy=False)
