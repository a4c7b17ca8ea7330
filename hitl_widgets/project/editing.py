"""Preview and commit of taxonomy edits, also while others are editing.

Read `Editing.commit` first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..errors import BadInput, EditError, IdReused
from ..events import Event
from ..sampling.ranking import Ranking
from ..storage.log import Log
from ..storage.schema import id_of_edit
from ..taxonomy.history import Change, Lineage
from . import preview as preview_
from .preview import Applied, Preview
from .state import State

# Number of the latest decisions from which the time per decision is estimated.
PACES = 2_000
# Number of tries when others' edits keep coming first.
TRIES = 20


class Editing:
    """Previews taxonomy edits and stores them in the log. Safe for threads.

    Parameters
    ----------
    log : Log
    state : State
    ranking : Ranking
        Has the predictions that a preview describes.
    has_pool : bool
        Whether the project has its items; without them there are no answers to count.
    own : set of str
        Ids of the events that this process made; `commit` adds to it.
    task : str
        The project's task; in a project of values alone, at least one attribute must remain.
    """

    def __init__(self, log: Log, state: State, ranking: Ranking, *, has_pool: bool, own: set[str],
                 task: str = "classify") -> None:
        self._task = task
        self._log, self._state, self._ranking, self._has_pool, self._own = log, state, ranking, has_pool, own
        self._latest: tuple[Any, Preview] | None = None  # the last preview, and what it was computed from

    def preview(self, change: Change, lineage: Lineage) -> Preview:
        """Say what a change would do to the answers and to the model; nothing changes."""
        if self._task == "scale" and not change.taxonomy.attributes:
            raise EditError("no attribute would be left, and this project asks for nothing else. Add another one "
                            "first.")
        predictions = self._ranking.predictions
        label_ids = () if predictions is None else predictions.label_ids
        seconds = self._log.paces(PACES)
        with self._state.lock:
            key = (change, self._state.taken_in, label_ids)
            if self._latest is not None and self._latest[0] == key:  # nothing happened between preview and apply
                return self._latest[1]
            preview = preview_.preview(change, lineage, self._state.label_index if self._has_pool else None,
                                     seconds=seconds, label_ids=label_ids, presumed=self._state.presumed_positions(),
                                       several=self._task == "multilabel")
            self._latest = (key, preview)
        return preview

    def commit(self, make: Callable[[Lineage], Change], *, why: str | None, annotator: str, acted_at: datetime,
               beside: Callable[[str], Sequence[Event]] | None = None) -> Applied:
        """Store a change of today's taxonomy; of simultaneous changes, each is applied to the result of the one before.

        Parameters
        ----------
        make : function
            Lineage -> the change of its newest version; it may be called again, for a newer version.
        why : str or None
            The reason, for the team.
        annotator : str
        acted_at : datetime
        beside : function or None
            Edit id -> events that are stored in the same transaction.

        Raises
        ------
        EditError
            When the change doesn't fit; then nothing was changed.
        LogDamaged
            When the log has something else under the id of the next edit.
        """
        if why is not None and not isinstance(why, str):
            raise BadInput(f"why is {why!r}; text is expected.")
        for _ in range(TRIES):
            lineage = self._state.lineage
            change = make(lineage)
            preview = self.preview(change, lineage)
            # The id contains the version that is edited: of two edits of one version, the log takes one.
            id = id_of_edit(self._log.id, lineage.today.version)
            more = () if beside is None else beside(id)
            self._own.update([id, *(event.id for event in more)])
            try:
                event, *_ = self._log.append(change.event(id=id, why=why, annotator=annotator, acted_at=acted_at),
                                             *more)
            except IdReused:  # somebody else's edit came first
                self._own.discard(id)
                self._state.refresh()
                continue
            self._state.refresh()
            return Applied(event.id, change.taxonomy.version, change.taxonomy, tuple(change.edits), preview.prose, why,
                           event.annotator, event.acted_at, preview)
        if self._state.lineage is lineage and self._state.is_current:  # nobody's edit came first
            raise self._log.unreadable(ValueError(f"the event {id!r} isn't an edit of version {lineage.today.version}"))
        raise BadInput("the taxonomy kept changing while this edit was applied; try again.")
