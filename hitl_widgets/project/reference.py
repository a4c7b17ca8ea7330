"""Reference labels: the answers that measure people and models.

They are gold, and hold-out items that were answered without a visible suggestion. Items are positions in the pool. Read
`ReferenceLabels.truth` first.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..quality.consensus import leaders
from ..quality.intervals import jeffreys
from ..sampling.ranking import Ranking
from ..taxonomy.history import Lineage
from .label_index import Pair

NARROW = 0.05


class ReferenceLabels:
    """The labels of the items that measure, kept up to date decision by decision.

    Parameters
    ----------
    holdout : ndarray of bool, shape (n_items,)
        The random part of the pool that only measures.

    Attributes
    ----------
    gold : dict
        position -> (label_id, taxonomy version) of every item whose answer is known.
    """

    def __init__(self, holdout: np.ndarray) -> None:
        self._holdout = holdout
        self._blind: dict[int, dict[str, Pair]] = {}
        self.gold: dict[int, Pair] = {}
        self._revision = 0
        self._known: tuple[object, dict[int, str], tuple[int, ...]] = (None, {}, ())
        self._narrow: tuple[object, bool] = (None, False)

    def note_all(self, answers: Iterable[tuple[int, str, Pair | None]]) -> None:
        """Take in blind answers to hold-out items: position, annotator and label, None where there is none any more."""
        for position, annotator, pair in answers:
            if pair is not None:
                self._blind.setdefault(position, {})[annotator] = pair
            elif position in self._blind:
                self._blind[position].pop(annotator, None)
        self._revision += 1

    def set_gold(self, position: int, given: Pair) -> None:
        """Keep the known answer of an item; it counts more than what annotators answer."""
        self.gold[position] = given
        self._revision += 1

    def truth(self, lineage: Lineage) -> dict[int, str]:
        """List every item that measures: position -> today's label_id; a tie between annotators doesn't measure."""
        return self._read(lineage)[0]

    def tied(self, lineage: Lineage) -> tuple[int, ...]:
        """List the hold-out items that don't measure since as many annotators gave one label as another: positions."""
        return self._read(lineage)[1]

    def _read(self, lineage: Lineage) -> tuple[dict[int, str], tuple[int, ...]]:
        key = (self._revision, lineage.today.version)
        if self._known[0] != key:
            truth, tied = {}, []
            for position, answers in self._blind.items():
                votes = [label for given in answers.values() if (label := lineage.exactly(*given)) is not None]
                if votes and len(top := leaders(votes)[0]) > 1:
                    tied.append(position)
                elif votes:
                    truth[position] = top[0]
            for position, given in self.gold.items():
                if (label := lineage.exactly(*given)) is not None:
                    truth[position] = label
            self._known = (key, truth, tuple(place for place in tied if place not in truth))
        return self._known[1:]

    def is_narrow(self, ranking: Ranking, lineage: Lineage) -> bool:
        """Whether the current model's accuracy is known within 5 points at 95 %.

        While some of these items aren't predicted yet, an accuracy of one half is assumed: no interval is wider.
        """
        predictions = ranking.predictions
        key = (self._revision, lineage.today.version, id(predictions), ranking.revision)
        if self._narrow[0] != key:
            truth = self.truth(lineage)
            n = len(truth)
            n_right = n // 2
            if predictions is not None and n:
                probs = ranking.probs(lineage, np.fromiter(truth, np.int64, n))
                if not np.isnan(probs).any():
                    top = np.array(lineage.today.label_ids, object)[probs.argmax(axis=1)]
                    n_right = int((top == np.array(list(truth.values()), object)).sum())
            low, high = jeffreys(n_right, n) if n else (0.0, 1.0)
            self._narrow = (key, bool((high - low) / 2 <= NARROW))
        return self._narrow[1]
