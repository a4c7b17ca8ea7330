"""Which answers are worth a second look, and whose?

The answers believed least (`believing.believe`) come back: first to their own author, blind; where the author stands by
one and it is still doubted, to somebody who hasn't spoken of the item. Read `SuspectedErrors.order`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pandas as pd

from ..events import Event

# What the log says of why such an item was on the screen.
SECOND_LOOK = "second look"
# An answer that is right with at least this probability isn't asked again.
BELIEVED = 0.9


class SuspectedErrors:
    """The answers that may be wrong, as one weighing of all answers found them.

    Parameters
    ----------
    answers : one row an answer: item_id, position, annotator, decision_id, unsure, chosen_by, and right, the
        probability that it is right
    stands : the decision that stands for an item and an annotator now; an answer that was revised since isn't asked
    """

    def __init__(self, answers: pd.DataFrame, stands: Callable[[str, str], Event | None]) -> None:
        doubted = answers[(answers["right"] < BELIEVED) & ~answers["unsure"].astype(bool)]
        self.frame = doubted.sort_values("right", kind="stable", ignore_index=True)
        self._rows: list[Any] = list(self.frame.itertuples(index=False))
        self._stands = stands

    def order(self, n: int, annotator: str, *, has_seen: Callable[[int, str], bool],
              leave: Collection[int] = ()) -> list[int]:
        """Positions of the next n items for an annotator, the least believed answer first.

        Parameters
        ----------
        has_seen : whether an annotator has spoken of the item at a position
        leave : positions that are before somebody already
        """
        found: dict[int, None] = {}
        for row in self._rows:
            if len(found) >= n:
                break
            if row.position in leave:
                continue
            own, stood_by = row.annotator == annotator, row.chosen_by == SECOND_LOOK
            if own == stood_by or (not own and has_seen(row.position, annotator)):
                continue
            stands = self._stands(row.item_id, row.annotator)
            if stands is not None and stands.id == row.decision_id:
                found[row.position] = None
        return list(found)
