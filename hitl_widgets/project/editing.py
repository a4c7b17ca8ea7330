"""Previewing and applying taxonomy edits, also while others are editing.

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

# Of so many of the latest decisions, those that were timed tell how long one takes.
PACES = 2_000
# As many edits by others may come first while one is made.
TRIES = 20


class Editing:
    """The way from an edit to its preview and to the log. Safe for threads.

    Parameters
    ----------
    log : Log
    state : State
    ranking : Ranking
        Has the predictions whose labels a preview speaks of.
    has_pool : bool
        Whether the project has its items; without them there are no answers to count.
    own : set of str
        Ids of the events that this process made; `commit` adds to it.
    task : str
        What is asked of an item: in a project of values alone, one attribute at least stays.
    """

    def __init__(self, log: Log, state: State, ranking: Ranking, *, has_pool: bool, own: set[str],
                 task: str = "classify") -> None:
        self._task = task
        self._log, self._state, self._ranking, self._has_pool, self._own = log, state, ranking, has_pool, own
        self._latest: tuple[Any, Preview] | None = None  # the last preview, and what it was worked out from

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
        """Make a change today's taxonomy; where several are made at once, each is tried on top of those before it.

        Parameters
        ----------
        make : function
            The change of a lineage's newest version; it may be called again, for a newer one.
        why : str or None
            What the team should know of it.
        annotator : str
        acted_at : datetime
        beside : function or None
            From the edit's id to events that are stored together with it, or not at all.

        Raises
        ------
        EditError
            When the change doesn't fit; then nothing was changed.
        LogDamaged
            When the log has something else under the id that today's next edit gets.
        """
        if why is not None and not isinstance(why, str):
            raise BadInput(f"why is {why!r}; text is expected.")
        for _ in range(TRIES):
            lineage = self._state.lineage
            change = make(lineage)
            preview = self.preview(change, lineage)
            # Named after the version it starts from: of two edits of one version, the log takes one.
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
