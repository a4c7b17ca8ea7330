"""Items about which one more person is asked, because the votes so far leave their label uncertain.

This is used if ``annotators_per_item`` is a minimum and a maximum, such as (1, 5). The posterior of each item's leading
label is computed from the current votes and each person's reliability. Reliabilities are fitted again whenever there
are a tenth more votes. Where an item may have several labels, each has a posterior of its own, on or off, and the least
certain one is used. Read `Doubt.note` first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..sampling.more_votes import THRESHOLD, People, fit_people
from ..sampling.queue import Queue
from ..taxonomy.history import Lineage
from .label_index import LabelIndex

# Maximum number of votes on which reliabilities are fitted, so that an answer never waits for it.
FITTED = 20_000
# With more probabilities to fit than this, one reliability is assumed for all people.
MOST_CELLS = 5_000_000


class Doubt:
    """The posterior probability of each item's leading label. Not thread-safe: `State` calls it under its lock.

    Parameters
    ----------
    index : LabelIndex
        The current labels of all annotators.
    queue : Queue
        Receives the posteriors.
    """

    def __init__(self, index: LabelIndex, queue: Queue) -> None:
        self._index, self._queue = index, queue
        self._people: People | None = None
        self._names: dict[str, int] = {}
        self._n_fitted = 0

    def forget(self) -> None:
        """Fit reliabilities anew at the next `note`, since the taxonomy has changed."""
        self._people, self._n_fitted = None, 0

    def note(self, lineage: Lineage, positions: npt.NDArray[np.int64] | None = None) -> None:
        """Compute the posteriors of some items, or of all; always of all when reliabilities are fitted anew.

        Parameters
        ----------
        lineage : Lineage
        positions : ndarray of int, shape (n,), optional
            Places of the items whose votes have changed.
        """
        n_votes = self._index.n_votes
        if self._people is None or n_votes >= 1.1 * self._n_fitted:
            self._fit(lineage)
            self._n_fitted, positions = n_votes, None
        assert self._people is not None
        places = np.flatnonzero(self._index.is_answered) if positions is None else positions
        item, name, label = self._votes(lineage, places)
        of_name = np.array([self._names.get(each, -1) for each in self._index.annotators], np.int64)
        n_each = self._n_each(lineage)  # posteriors per item
        probs = self._people.posterior(item, of_name[name], label, len(places) * n_each)
        voted = np.bincount(item, minlength=len(places) * n_each) > 0
        tops = np.where(voted, probs.max(axis=1, initial=0.0), 0.0)
        if n_each > 1:  # a label that was added later is unknown, and no reason to ask again
            tops = np.where(voted, tops, 1.0).reshape(-1, n_each).min(axis=1) \
                * voted.reshape(-1, n_each).any(axis=1)
        if positions is None:
            self._queue.tops[:], self._queue.in_doubt[:] = 0.0, True
        self._queue.tops[places], self._queue.in_doubt[places] = tops, tops < THRESHOLD

    def _n_each(self, lineage: Lineage) -> int:
        return len(lineage.today.label_ids) if self._index.has_sets else 1

    def _votes(self, lineage: Lineage, places: npt.NDArray[np.int64]
               ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return (self._index.label_votes if self._index.has_sets else self._index.votes)(lineage, places)

    def _fit(self, lineage: Lineage) -> None:
        n_each, names = self._n_each(lineage), self._index.annotators
        n_labels = 2 if self._index.has_sets else len(lineage.today.label_ids)
        alike = (len(names) + 1) * n_labels ** 2 > MOST_CELLS
        self._names = {} if alike else {name: place for place, name in enumerate(names)}
        answered = np.flatnonzero(self._index.is_answered)
        per_item = max(1.0, self._index.n_votes / max(1, len(answered)))
        most = max(1, int(FITTED / per_item / n_each))
        if len(answered) > most:  # a sample of items that represents all, whoever answered them and when
            answered = answered[np.argsort(self._queue.draws[answered])[:most]]
        item, name, label = self._votes(lineage, answered)
        self._people = fit_people(item, np.zeros_like(name) if alike else name, label, n_items=len(answered) * n_each,
                                  n_annotators=1 if alike else max(1, len(names)), n_labels=n_labels)
