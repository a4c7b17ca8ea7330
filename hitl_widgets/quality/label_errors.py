"""Suspected label errors, and the annotators who should check them again (second looks).

An answer that is probably wrong is first shown to its own author again, blind. If the author confirms it and it is
still improbable, the item is asked of somebody who hasn't answered it. Read `SuspectedErrors.order`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

from ..events import Event

# The reason in the log why such an item was on the screen.
SECOND_LOOK = "second look"
# An answer that is right with at least this probability isn't suspected.
NOT_SUSPECTED = 0.9


class SuspectedErrors:
    """The answers that may be wrong, from one estimation of their probabilities.

    Parameters
    ----------
    answers : DataFrame
        One row per answer: item_id, position, annotator, decision_id, unsure, chosen_by, and right, the probability
        that it is right.
    stands : callable
        Maps an item_id and an annotator to the event of their current decision, or None. With it, answers that were
        revised in the meantime aren't asked again.
    """

    def __init__(self, answers: pd.DataFrame, stands: Callable[[str, str], Event | None]) -> None:
        suspected = answers[(answers["right"] < NOT_SUSPECTED) & ~answers["unsure"].astype(bool)]
        self.frame = suspected.sort_values("right", kind="stable", ignore_index=True)
        self._rows: list[Any] = list(self.frame.itertuples(index=False))
        self._stands = stands

    def order(self, n: int, annotator: str, *, has_seen: Callable[[int, str], bool],
              leave: Collection[int] = (), may_ask: Callable[[int, str], bool] = lambda position, annotator: True
              ) -> list[int]:
        """Positions of the next n items for an annotator, the least probable answer first.

        An answer is looked at by its author first, and then, if they confirm it, by others. Where its author may not be
        asked about the item any more, others look at it at once.

        Parameters
        ----------
        n : int
        annotator : str
        has_seen : callable
            Whether an annotator has answered the item at a position.
        leave : collection of int
            Positions that are on a screen already.
        may_ask : callable
            Whether the item at a position may be asked of an annotator.

        Returns
        -------
        list of int
        """
        positions: dict[int, None] = {}
        for row in self._rows:
            if len(positions) >= n:
                break
            if row.position in leave or not may_ask(row.position, annotator):
                continue
            own, for_others = row.annotator == annotator, row.chosen_by == SECOND_LOOK
            for_others = for_others or not may_ask(row.position, row.annotator)
            if own == for_others or (not own and has_seen(row.position, annotator)):
                continue
            stands = self._stands(row.item_id, row.annotator)
            if stands is not None and stands.id == row.decision_id:
                positions[row.position] = None
        return list(positions)
