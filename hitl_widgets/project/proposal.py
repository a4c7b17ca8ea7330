"""What was proposed to be presumed, and what have people said of it since?

A proposal is an event that says which label each item in doubt would be taken for, and in which random order people are
asked about them. Read `Proposal.wrong` first.
"""

from __future__ import annotations

from ..events import Event
from ..items.pool import Pool
from .state import State


class Proposal:
    """A proposal that isn't concluded yet. Whoever uses it holds `State.lock`.

    Parameters
    ----------
    event : of kind "presumed", with `proposed`, `checks`, `tolerance`, `edit` and `taxonomy` in its body
    """

    def __init__(self, event: Event, state: State, pool: Pool) -> None:
        self.id, self.body = event.id, event.body
        self.labels: dict[str, str] = dict(event.body["proposed"])
        self._state, self._pool = state, pool

    @classmethod
    def of(cls, state: State, pool: Pool) -> Proposal | None:
        """The one that waits for its checks; None without one, or when the taxonomy has moved on under it."""
        if state.proposal is None:
            return None
        event, lineage = state.proposal, state.lineage
        stays = all(lineage.exactly(label_id, event.body["taxonomy"]) == label_id
                    for label_id in set(event.body["proposed"].values()))
        undone = any(step.id == event.body["edit"] and step.reverted_by for step in lineage.steps)
        return cls(event, state, pool) if stays and not undone else None

    def wrong(self) -> list[bool]:
        """Of the checks in the order in which they were drawn, as far as all were answered: whether people said another
        label. Where somebody looked and couldn't tell, the label is taken for wrong."""
        given, queue, lineage = self._state.label_index, self._state.queue, self._state.lineage
        said: list[bool] = []
        for item_id, place in zip(self.body["checks"], self._pool.positions(self.body["checks"]).tolist(), strict=True):
            labels = {lineage.exactly(*pair) for pair in given.of(place).values()} - {None} if place >= 0 else set()
            puzzled = any(astray.get(place, 0) >= self.body["taxonomy"] for astray in given.unplaced.values())
            if not labels and not puzzled and not queue.is_skipped(place):
                break
            said.append(labels != {self.labels[item_id]})
        return said

    def due(self) -> list[str]:
        """Ids of the items that people have to be asked about until the next look."""
        from ..sampling.acceptance import assess  # loads scipy, which opening a project doesn't need
        wrong = self.wrong()
        needed = assess(wrong, len(self.labels), tolerance=self.body["tolerance"]).n_needed
        return list(self.body["checks"][len(wrong):len(wrong) + needed])
