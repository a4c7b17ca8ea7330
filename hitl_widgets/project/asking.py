"""Asking: which items an annotator is asked next, and how each is shown to them. Read `Asking.next` first."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..quality.label_errors import SECOND_LOOK
from ..records import Item, Items, check_count
from ..sampling.selector import check_strategy
from ..sampling.uncertainty import Strategy
from ..taxonomy.label_sets import members
from . import adaptive
from .arms import ARMS, DEFAULT, HIDDEN, Arms

if TYPE_CHECKING:
    from .project import Project

CLAIM_S = 900


class Asking:
    """The queue of a project, as its annotators see it.

    Parameters
    ----------
    project : Project
        The project that has the items.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def next(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             showing: Collection[str] = (), queue: str | None = None, claiming: bool = False) -> Items:
        """List the next n items for an annotator, best first; nothing is claimed.

        Parameters
        ----------
        n : int
            0 or more.
        strategy : str, function or None
            "random", a name from `strategies.STRATEGIES`, or a function of the inputs in `strategies.INPUTS`. None
            begins with typical items, then turns to uncertain ones, and mixes in the audit's share.
        annotator : str or None
            None for the project's own.
        showing : collection of str
            Ids that are on this annotator's screens already.
        queue : "relabel", "second_look" or None
            "relabel" for items that taxonomy edits left in doubt, "second_look" for answers that may be wrong by the
            last estimate; None for open items.
        claiming : bool
            Mix in the audit's share with a named strategy too, as for a person who is about to answer.
        """
        project = self._project
        n = check_count("n", n, "a number of items, 0 or more,", least=0)
        annotator = project.who(annotator)
        project.require_pool()
        check_strategy(strategy)
        project.refresh()
        held, shown = self._places(project.log.claims(exclude=annotator)), self._places(showing)
        if queue is not None:
            if queue not in QUEUES:
                raise BadInput(f"queue is {queue!r}; one of {', '.join(QUEUES)} is expected, or None for what is open.")
            return QUEUES[queue](self, n, annotator, [*shown, *held])
        audit = project.audit_share if strategy is None or claiming else 0.0
        beside = project.queue.next_drawn(math.ceil(n * audit), annotator) if audit else ()
        # Not under the lock: it may take a second, and decisions mustn't wait that long.
        choice = project.selector.select(strategy, queue=project.queue, lineage=project.lineage, annotator=annotator,
                                         n=n, taken=[*held, *shown], answered=lambda: project.answers().labelled(),
                                         seed=project.settings["seed"], beside=beside)
        with project.state.lock:
            gold = project.hidden_tests.lines(annotator, {*held, *shown})
            asked = project.queue.order(
                n, annotator, scores=choice.scores, name=choice.name, by_chance=choice.by_chance, showing=shown,
                audit=audit, held=held,
                ask_holdout=not self.holdout_is_narrow(), gold=gold.blind)
        items = [self._shown(ask.position, annotator, ask.chosen_by) for ask in asked]
        return Items(project.hidden_tests.insert(items, n, annotator, gold.planted, shown))

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next items as `next` does, and hold them for the annotator for a quarter of an hour."""
        project = self._project
        annotator = project.who(annotator)
        held: list[Item] = []
        # Each failed try means that somebody else's claim succeeded: as many tries as there may be people at once.
        for _ in range(100):
            since = project.log.last_seq()
            wanted = self.next(n - len(held), strategy=strategy, annotator=annotator, queue=queue, claiming=True,
                               showing=[*showing, *(item.id for item in held)])
            got = set(project.log.claim(wanted.ids, annotator, seconds=CLAIM_S))
            # Somebody may have answered an item and given it up between the two looks.
            if late := got.intersection(project.log.changed_items(since)) if got else ():
                project.log.release(late, annotator)
                got.difference_update(late)
            held += [item for item in wanted if item.id in got]
            if len(got) == len(wanted):
                break
        return Items(held)

    def waiting(self, queue: str, annotator: str | None = None) -> int:
        """Count the items of the queue "relabel" or "second_look" that an annotator is asked about."""
        project = self._project
        annotator = project.who(annotator)
        project.refresh()
        if queue == "second_look":
            return len(self._next_second_look(len(project.pool), annotator, ()))
        with project.state.lock:
            own, others = project.relabel().asked(annotator)
            return int(((own > 0) | (others > 0)).sum())

    def holdout_is_narrow(self) -> bool:
        """Whether the hold-out accuracy is known within 5 points at 95 %; its items then aren't asked any more."""
        project = self._project
        with project.state.lock:
            return project.state.reference.is_narrow(project.ranking, project.lineage)

    def unforeseen(self, n: int, annotator: str | None = None) -> np.ndarray:
        """List the positions that the model should predict next, so that n open items are predicted."""
        project = self._project
        predictions = project.ranking.predictions
        if predictions is None:
            return np.empty(0, np.int64)
        with project.state.lock:
            project.refresh()
            return project.queue.unpredicted(n, project.who(annotator), predictions.tried)

    def item(self, item_id: str, annotator: str | None = None) -> Item:
        """One item outside the queue, to be looked at again by an annotator.

        It is shown as it was when they answered it: blind if it was blind. Where they answered before the suggestion
        was shown, they see it now.
        """
        project = self._project
        annotator = project.who(annotator)
        position = project.pool.position(item_id)
        standing = project.log.standing_of(str(project.pool.ids[position]), annotator)
        if standing is None or standing.body["verdict"] == "skip" or project.queue.is_blind(position):
            return self._shown(position, annotator, "revision")
        seen = standing.body.get("seen", {})
        suggested = seen.get("suggestion") is not None or "objects" in standing.body
        arm, hidden = seen.get("arm"), suggested and seen.get("hidden", False)
        drawn = arm in ARMS
        return Item(str(project.pool.ids[position]), position, "revision", hidden and arm != "answer_first",
                    project.pool.meta(position), arm=arm if drawn else None,
                    arm_probability=seen.get("arm_probability") if drawn else None)

    @property
    def arms(self) -> Arms:
        """The arms of the project, from which it is drawn how an item is shown to a person."""
        project = self._project
        return Arms(project.settings["seed"], project.state.policy.get("arms", DEFAULT))

    def _shown(self, position: int, annotator: str, chosen_by: str) -> Item:
        """One item as it is shown to an annotator: blind if it is used for measuring, else in the arm that is drawn."""
        project = self._project
        item_id, meta = str(project.pool.ids[position]), project.pool.meta(position)
        if project.queue.is_blind(position):
            return Item(item_id, position, chosen_by, True, meta)
        if project.ranking.predictions is None and project.state.adopted_values is None and project.propose is None:
            return Item(item_id, position, chosen_by, meta=meta, arm="none")
        arms, first = self.arms, adaptive.where(project, annotator)
        if None in first or (first and (prediction := project.prediction(position))
                             and not first.isdisjoint(members(prediction.suggestion))):
            arms = arms.answering_first()
        arm, probability = arms.of(annotator, item_id, audited=project.queue.audit.is_drawn(position))
        return Item(item_id, position, chosen_by, arm in HIDDEN, meta, arm=arm, arm_probability=probability)

    def _next_in_doubt(self, n: int, annotator: str, leave: Collection[int]) -> Items:
        relabel = self._project.relabel()
        return Items(relabel.items(relabel.order(n, annotator, leave=leave)))

    def _next_second_look(self, n: int, annotator: str, leave: Collection[int]) -> Items:
        project = self._project
        looks, pool = project.second_looks, project.pool
        places = [] if looks is None else looks.order(n, annotator, has_seen=project.queue.has_seen, leave=leave,
                                                        may_ask=project.queue.is_allowed)
        return Items([Item(str(pool.ids[place]), place, SECOND_LOOK, True, pool.meta(place)) for place in places])

    def _places(self, item_ids: Collection[str]) -> list[int]:
        positions = self._project.pool.positions(list(item_ids)).tolist() if item_ids else []
        return [place for place in positions if place >= 0]


# Queues of items that aren't open: (asking, n, annotator, positions to leave out) -> items.
QUEUES: dict[str, Callable[[Asking, int, str, Collection[int]], Items]] = {"relabel": Asking._next_in_doubt,
                                                                       "second_look": Asking._next_second_look}
