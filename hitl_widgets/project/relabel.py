"""Which items did an edit leave in doubt, and in which order are they asked again?

Only answers that mean nothing certain under today's labels are asked again, each with the labels that the old answer
leaves as likely. Read `Relabel.order` first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..items.pool import Pool
from ..records import Item
from ..taxonomy.history import Lineage, Step
from .label_index import Pair
from .proposal import Proposal
from .state import State

if TYPE_CHECKING:
    from ..sampling import relabel_order

COLUMNS = ["item_id", "annotator", "label", "candidates", "edit", "prose", "why"]


class Doubt(NamedTuple):
    """An item to be asked again: the step that left it in doubt, and the label_ids that are likely now."""

    position: int
    step: Step
    candidates: tuple[str, ...]
    check: bool = False  # of what is proposed to be presumed


@dataclass(frozen=True)
class Sight:
    """What is known of the items that one step left in doubt: their positions, examples first and then by chance, for
    each its candidates, the positions of the examples that the step named, the answers that teach, position ->
    label_id, and the positions of what fitted nowhere: answered unsure, or flagged so."""

    step: Step
    positions: np.ndarray
    candidates: tuple[tuple[str, ...], ...]
    examples: np.ndarray
    taught: dict[int, str]
    astray: frozenset[int]


# Puts a sight's positions into the order in which they are best asked.
Ordering = Callable[[Sight], np.ndarray]
# So many of the items that a step left in doubt are put in order at once, and so many answers teach how.
AMONG, TAUGHT = 2_000, 1_000


class Relabel:
    """The queue of what edits left in doubt, read off the project's state. Safe for threads; nothing is held while an
    order is worked out.

    Parameters
    ----------
    state : of the project
    pool : the items
    ordering : the order within one step; None takes the examples of its labels first, then a fixed chance
    """

    def __init__(self, state: State, pool: Pool, *, ordering: Ordering | None = None) -> None:
        self._state, self._pool = state, pool
        self._ordering = ordering

    def order(self, n: int, annotator: str, *, leave: Collection[int] = ()) -> list[Doubt]:
        """The next n items for an annotator: what the newest edit left in doubt first, and of that the annotator's own
        answers; those of others where one answer an item is enough. Checks of what is proposed to be presumed come
        first of all, what they skipped last.

        Parameters
        ----------
        leave : positions that are before somebody already
        """
        with self._state.lock:
            own, others = self.asked(annotator)
            skipped = [place for place in self._state.queue.skipped(annotator) if own[place] or others[place]]
            versions, steps_of = np.maximum(own, others), {step.version: step for step in self._state.lineage.steps}
            checks = [place for place in self._checks() if versions[place] and place not in {*leave, *skipped}][:n]
            found = [Doubt(place, steps_of[versions[place]], self.candidates(place), True) for place in checks]
        own[[*skipped, *checks]] = others[[*skipped, *checks]] = 0
        for version in sorted({*own[own > 0].tolist(), *others[others > 0].tolist()}, reverse=True):
            for steps in (own, others):
                places = np.flatnonzero(steps == version)
                if len(places) and len(found) < n:
                    found += self._of_step(version, places[~np.isin(places, list(leave))], n - len(found))
        with self._state.lock:
            found += [Doubt(place, steps_of[versions[place]], self.candidates(place))
                      for place in skipped if place not in leave][:n - len(found)]
        return found

    def newest(self, annotator: str, among: int) -> Sight | None:
        """What is known of so many of the items that the newest edit left in doubt; None where none is in doubt."""
        with self._state.lock:
            versions = np.maximum(*self.asked(annotator))
            newest = int(versions.max(initial=0))
            return self._sight(newest, np.flatnonzero(versions == newest), among)[0] if newest else None

    def asked(self, annotator: str) -> tuple[np.ndarray, np.ndarray]:
        """For each item the version of the step for which an annotator is asked about it again, 0 for none: because of
        an answer of their own, and of somebody else's; int, shape (n_items,) each. The caller holds `State.lock`."""
        state, lineage = self._state, self._state.lineage
        short = state.label_index.n_certain(lineage) < state.queue.annotators_per_item
        presumed = [item_id for item_id, pair in state.presumed.items() if lineage.exactly(*pair) is not None]
        places = self._pool.positions(presumed) if presumed else np.empty(0, np.int64)
        short[places[places >= 0]] = False
        own = np.where(short, state.label_index.doubtful(lineage, annotator), 0)
        others = np.zeros_like(own)
        if state.queue.annotators_per_item == 1:
            free = short & (own == 0) & ~state.queue.is_closed(annotator)
            others = np.where(free, state.label_index.doubtful(lineage), 0)
        for step in lineage.steps:
            if step.reverted_by is None and self._looked_for(step):
                for name, astray in state.label_index.unplaced.items():
                    mine = own if name == annotator else others
                    if name == annotator or state.queue.annotators_per_item == 1:
                        at = [place for place, version in astray.items() if version < step.version
                              and not own[place] and not others[place]]
                        mine[at] = step.version
        return own, others

    def candidates(self, position: int) -> tuple[str, ...]:
        """The label_ids that the answers to an item leave as likely, and those that a later edit looks for there."""
        state, lineage = self._state, self._state.lineage
        left = [label_id for pair in state.label_index.of(position).values() if lineage.exactly(*pair) is None
                for label_id in lineage.candidates(*pair)]
        oldest = min((places[position] for places in state.label_index.unplaced.values() if position in places),
                     default=None)
        if oldest is not None:
            left += [label_id for step in lineage.steps if step.version > oldest and step.reverted_by is None
                     for label_id in self._looked_for(step)]
        return tuple(dict.fromkeys(left))

    def frame(self, annotator: str) -> pd.DataFrame:
        """The whole queue of an annotator as a table of `COLUMNS`, in the order in which it would be asked."""
        lineage, rows = self._state.lineage, []
        for doubt in self.order(len(self._pool), annotator):
            with self._state.lock:
                given = self._state.label_index.of(doubt.position)
            whose, pair = next(((name, pair) for name, pair in sorted(given.items(), key=lambda of: of[0] != annotator)
                                if lineage.exactly(*pair) is None), (None, None))
            rows.append((str(self._pool.ids[doubt.position]), whose, self._name_then(pair),
                         tuple(map(lineage.today.name_of, doubt.candidates)), doubt.step.id, doubt.step.prose,
                         doubt.step.why))
        return pd.DataFrame(rows, columns=COLUMNS)

    def items(self, doubts: Sequence[Doubt]) -> list[Item]:
        """The doubts as the queue gives them out; what measures stays blind."""
        queue = self._state.queue
        return [Item(str(self._pool.ids[place]), place, "check" if check else "relabel",
                     bool(check or queue.holdout[place] or queue.gold[place]), self._pool.meta(place), candidates)
                for place, _, candidates, check in doubts]

    def _checks(self) -> list[int]:
        proposal = Proposal.of(self._state, self._pool)
        due = [] if proposal is None else proposal.due()
        return [place for place in self._pool.positions(due).tolist() if place >= 0] if due else []

    def _of_step(self, version: int, places: np.ndarray, n: int) -> list[Doubt]:
        with self._state.lock:
            sight, rest = self._sight(version, places, AMONG)
        order = (sight.positions if self._ordering is None else self._ordering(sight)).tolist() + rest.tolist()
        with self._state.lock:
            return [Doubt(place, sight.step, self.candidates(place)) for place in order[:n]]

    def _sight(self, version: int, places: np.ndarray, among: int) -> tuple[Sight, np.ndarray]:
        """What is known of the items that a step left in doubt, and the positions that are too many to be looked at."""
        state, lineage = self._state, self._state.lineage
        step = next(step for step in lineage.steps if step.version == version)
        named = [name for label in lineage.versions[version].labels for name in label.examples
                 if step.before is not None and label.id not in lineage.versions[step.before]]
        examples = self._pool.positions(named) if named else np.empty(0, np.int64)
        first = np.isin(places, examples)
        places = places[np.lexsort((state.queue.draws[places], ~first))]
        candidates = tuple(map(self.candidates, places[:among].tolist()))
        family = {label_id: column for column, label_id in enumerate(sorted(set().union(*candidates)), 1)}
        labels = state.label_index.look(lambda pair: family.get(lineage.exactly(*pair) or "", 0))
        teach = np.flatnonzero(labels)
        teach = teach[np.argsort(state.queue.draws[teach])[:TAUGHT]]
        taught = dict(zip(teach.tolist(), [list(family)[label - 1] for label in labels[teach]], strict=True))
        return Sight(step, places[:among], candidates, examples[examples >= 0], taught,
                     frozenset().union(*state.label_index.unplaced.values())), places[among:]

    def _looked_for(self, step: Step) -> tuple[str, ...]:
        """The labels of today that a step added to be looked for among others' answers."""
        if not any(edit["edit"] == "add" and edit.get("like") for edit in step.edits):
            return ()
        lineage = self._state.lineage
        before = lineage.versions[step.before] if step.before is not None else lineage.today
        return tuple(label_id for label_id in lineage.versions[step.version].label_ids
                     if label_id not in before and label_id in lineage.today.label_ids)

    def _name_then(self, pair: Pair | None) -> str | None:
        """What a label was called when it was given."""
        if pair is None:
            return None
        lineage: Lineage = self._state.lineage
        return lineage.versions[pair[1] or lineage.steps[0].version].name_of(pair[0])


def by_doubt(features: Callable[[np.ndarray], np.ndarray], *, seed: int) -> Ordering:
    """The order by what items look like: typical ones first, then whatever a light head doubts most
    (`relabel_order.order`).

    Parameters
    ----------
    features : positions -> float32, shape (n, n_features), NaN for what can't be read
    seed : of the clusters
    """
    def ordered(sight: Sight) -> np.ndarray:
        if (known := told(sight, features, seed=seed)) is None:
            return sight.positions
        positions, _, said = known
        first = np.empty(0, np.int64) if said.modelled.any() else _alike(sight, features)
        rest = np.concatenate([positions[said.rows], sight.positions[[not some for some in sight.candidates]]])
        return np.concatenate([first, rest[~np.isin(rest, first)]])

    return ordered


def _alike(sight: Sight, features: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Where an added label may hide, as long as no head knows: what fitted nowhere, then the neighbours of its examples
    and answers; empty when none was added."""
    from ..sampling import relabel_order
    if not any(edit["edit"] == "add" for edit in sight.step.edits):
        return np.empty(0, np.int64)
    new = set.intersection(*(set(some) for some in sight.candidates if some))
    shown = list(dict.fromkeys([*sight.examples.tolist(),
                                *(place for place, label_id in sight.taught.items() if label_id in new)]))
    asked = [place for place, some in zip(sight.positions.tolist(), sight.candidates, strict=True)
             if some and place not in set(shown)]
    positions = np.array([*shown, *asked], np.int64)
    nowhere = [row for row, place in enumerate(asked, len(shown)) if place in sight.astray]
    found = positions[relabel_order.neighbours(features(positions), range(len(shown)), first=nowhere)]
    return np.concatenate([sight.positions[np.isin(sight.positions, sight.examples)], found])


def told(sight: Sight, features: Callable[[np.ndarray], np.ndarray], *, seed: int
         ) -> tuple[np.ndarray, list[str], relabel_order.RelabelOrder] | None:
    """What can be told of a sight's items that have candidates, and of the answers that teach: their positions, the
    label_ids of the columns, and the order. None where there is nothing to choose."""
    from ..sampling import relabel_order  # loads scipy, which opening a project doesn't need
    family = sorted(set().union(*sight.candidates))
    asked = sight.positions[[bool(some) for some in sight.candidates]]
    if len(family) < 2 or len(asked) < 2:
        return None
    column, open_ = {label_id: place for place, label_id in enumerate(family)}, set(asked.tolist())
    taught = {place: label_id for place, label_id in sight.taught.items() if place not in open_}
    positions = np.concatenate([asked, np.fromiter(taught, np.int64, len(taught))])
    likely = np.zeros((len(positions), len(family)), np.bool_)
    for row, some in enumerate(candidates for candidates in sight.candidates if candidates):
        likely[row, [column[label_id] for label_id in some]] = True
    likely[len(asked):] = True
    answers = np.full(len(positions), -1, np.int64)
    answers[len(asked):] = [column[label_id] for label_id in taught.values()]
    examples = np.flatnonzero(np.isin(asked, sight.examples)).tolist()
    return positions, family, relabel_order.order(features(positions), likely, answers, seed=seed, examples=examples)
