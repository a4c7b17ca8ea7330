"""Relabelling: the queue of items that have to be asked again after edits of the taxonomy.

After an edit such as a split, an answer may stand for one of several labels of today. Such an answer is "in doubt", and
the labels that it may stand for are its candidates. Only items with answers in doubt are asked again, with their
candidates. Hold-out items come in a random order of their own: a strategy that chose among them would bias the
measurement. A `Proposal` has labels for some of the other items, which are labelled without asking once a sample of
them was checked. Read `RelabelQueue.order` first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput, UnknownLabel
from ..events import Event
from ..items.pool import Pool
from ..quality.annotation_tables import undecided, undecided_labels
from ..records import Item
from ..sampling.queue import mixed
from ..taxonomy.history import Step
from ..taxonomy.label_sets import members
from .label_index import Pair
from .state import State

if TYPE_CHECKING:
    from ..sampling.relabel_order import RelabelOrder

COLUMNS = ["item_id", "annotator", "label", "candidates", "edit", "prose", "why", "attributes"]
# Maximum number of items of one step that are ordered at once, and of answers that train the model for this.
N_ORDERED, N_TRAINING = 2_000, 1_000

Positions = npt.NDArray[np.int64]
# Positions -> features, float32, shape (n, n_features); NaN for an item that can't be read.
Features = Callable[[Positions], npt.NDArray[np.float32]]


class Doubt(NamedTuple):
    """An item about which is asked again, because an edit of the taxonomy left its label unclear.

    Parameters
    ----------
    position : int
        Its place in the pool.
    step : Step
        The edit of the taxonomy after which its label is unclear.
    candidates : tuple of str
        label_ids that are likely now.
    is_check : bool
        Whether the answer checks a proposed label.
    """

    position: int
    step: Step
    candidates: tuple[str, ...]
    is_check: bool = False


class _Asked(NamedTuple):
    """The step because of which each item is asked again: sorted positions, and versions as in `RelabelQueue.asked`."""

    places: Positions
    own: Positions
    others: Positions

    def version(self, place: int) -> int:
        """The version of the step because of which an item is asked again; 0 if it isn't asked."""
        row = int(np.searchsorted(self.places, place))
        there = row < len(self.places) and self.places[row] == place
        return max(int(self.own[row]), int(self.others[row])) if there else 0


@dataclass(frozen=True)
class DoubtfulItems:
    """The items that one step left in doubt, and the evidence for their labels.

    Attributes
    ----------
    step : Step
        The step of the taxonomy.
    positions : ndarray of int64, shape (n,)
        Positions of the items: examples of its labels first, the others in a fixed random order.
    candidates : tuple of tuples of str, length n
        For each item the label_ids that are likely now.
    examples : ndarray of int64
        Positions of the examples that the step named.
    answers : dict of int to str
        Position -> label_id, for certain answers with one of the candidates.
    unplaced : frozenset of int
        Positions of items that were answered unsure or flagged as not in the taxonomy.
    """

    step: Step
    positions: Positions
    candidates: tuple[tuple[str, ...], ...]
    examples: Positions
    answers: dict[int, str]
    unplaced: frozenset[int]


# Items in doubt -> their positions in the order in which they are asked.
Ordering = Callable[[DoubtfulItems], Positions]


class RelabelQueue:
    """The queue of items that edits left in doubt, by the project's state.

    It is safe for threads, and holds no lock while an order is computed.

    Parameters
    ----------
    state : State
        The state of the project.
    pool : Pool
        The items.
    ordering : callable, optional
        The order within one step; without it the examples of its labels come first, then a fixed random order.
    """

    def __init__(self, state: State, pool: Pool, *, ordering: Ordering | None = None) -> None:
        self._state, self._pool, self._ordering = state, pool, ordering

    def order(self, n: int, annotator: str, *, leave: Collection[int] = ()) -> list[Doubt]:
        """List the next items for an annotator.

        Checks of proposed labels come first. Then the newest edit comes before older ones, and the annotator's own
        answers before those of others, which are asked only where one answer per item is enough. Hold-out items of all
        edits are mixed in at the queue's own share and in random order, so that their order doesn't depend on how
        doubtful they are. Skipped items are last.

        Parameters
        ----------
        n : int
            Number of items, at most.
        annotator : str
            Who is asked.
        leave : collection of int
            Positions of items that somebody's screen shows already.
        """
        with self._state.lock:
            queue, asked = self._state.queue, self._asked(annotator)
            places, own, others = asked
            versions, steps = np.maximum(own, others), {step.version: step for step in self._state.lineage.steps}
            skipped = [place for place in queue.skipped(annotator) if asked.version(place)]
            shown = {*leave, *skipped}
            checks = [place for place in self._checks() if place not in shown and asked.version(place)][:n]
            n_asked = self._n_asked(annotator, asked, leave)
            measures = self._measures_at(places)
            holdout = places[measures & (versions > 0) & ~np.isin(places, list(shown))]
            holdout = holdout[np.argsort(queue.draws[holdout])][:n]

            def doubts(some: Sequence[int], *, is_check: bool = False) -> list[Doubt]:
                return [Doubt(place, steps[asked.version(place)], self.candidates(place), is_check) for place in some]

            first, line = doubts(checks, is_check=True), doubts(holdout.tolist())
            last = doubts([place for place in skipped if place not in leave])
        elsewhere = measures | np.isin(places, [*skipped, *checks])
        own[elsewhere] = others[elsewhere] = 0
        rest: list[Doubt] = []
        for version in np.unique([*np.unique(own), *np.unique(others)])[::-1].tolist():
            for cause in (own, others):
                of_step = places[cause == version]
                if version and len(of_step) and len(rest) < n - len(first):
                    rest += self._of_step(version, of_step[~np.isin(of_step, list(leave))], n - len(first) - len(rest))
        return [*first, *mixed(rest, line, n_asked=n_asked), *last][:n]

    def newest(self, annotator: str, most: int) -> DoubtfulItems | None:
        """Return up to `most` items whose labels the newest edit left in doubt; None if there are none.

        Hold-out items are left out: their labels are never proposed.
        """
        with self._state.lock:
            places, own, others = self._asked(annotator, assigned=False)
            versions = np.where(self._measures_at(places), 0, np.maximum(own, others))
            lineage, index = self._state.lineage, self._state.label_index
            if lineage.mapped or lineage.asks:
                certain = index.look(lambda pair: lineage.exactly(*pair) is None, put_off=True, at=places) == 0
                versions[index.values_in_doubt(lineage)[places] & certain] = 0
            newest = int(versions.max(initial=0))
            return self._doubtful(newest, places[versions == newest], most)[0] if newest else None

    def measures(self) -> npt.NDArray[np.bool_]:
        """Mask of the hold-out items, which have a random order of their own and are never presumed: (n_items,)."""
        mask: npt.NDArray[np.bool_] = self._state.queue.holdout & ~self._state.queue.gold
        return mask

    def asked(self, annotator: str, *, assigned: bool = True) -> tuple[Positions, Positions]:
        """Find the step because of which an annotator is asked again about each item; the caller holds `State.lock`.

        Parameters
        ----------
        annotator : str
        assigned : bool
            Leave out the items that are assigned to other people only. False includes all items in doubt, to work on
            labels without asking anybody.

        Returns
        -------
        two ndarrays of int64, shape (n_items,)
            Versions of the steps, 0 where nothing is asked: because of the annotator's own answer, and of somebody
            else's.
        """
        asked = self._asked(annotator, assigned=assigned)
        own, others = np.zeros((2, len(self._pool)), np.int64)
        own[asked.places], others[asked.places] = asked.own, asked.others
        return own, others

    # 13 branches: who may be asked depends on votes, assignments, presumed labels and labels that are looked for.
    def _asked(self, annotator: str, *, assigned: bool = True) -> _Asked:
        """As `asked`, only for items with an entry in the index: few of a large pool."""
        queue, lineage, index = self._state.queue, self._state.lineage, self._state.label_index
        places = index.noted()
        n_certain = index.n_certain(lineage, at=places)
        short = n_certain < queue.annotators_per_item
        if (several := ~short & (n_certain < index.n_given(places))).any():  # else no answer is in doubt beside others
            judged = self._pool.positions(list(self._state.verdicts.labels(lineage, self._state.changed)))
            short[several] = [undecided(given, lineage) is not None or bool(
                index.has_sets and undecided_labels(given, lineage))
                for given in (list(index.of(place).values()) for place in places[several].tolist())]
            short &= ~(several & np.isin(places, judged))
        presumed = [item_id for item_id, pair in self._state.presumed.items() if lineage.exactly(*pair) is not None]
        if presumed:
            short[np.isin(places, self._pool.positions(presumed)) & ~self._measures_at(places)] = False
        own = np.where(short, index.doubtful(lineage, annotator, at=places), 0)
        others = np.zeros_like(own)
        route, is_alone = queue.route(annotator), queue.annotators_per_item == 1
        # Answers of others are asked about where one answer per item is enough, or in a person's exclusive assignment.
        may_ask = np.full(len(places), is_alone) if is_alone or route is None or route.alone is None \
            else route.alone[places]
        if may_ask.any():
            free = short & (own == 0) & ~queue.is_closed(annotator)[places] & may_ask
            others = np.where(free, index.doubtful(lineage, at=places), 0)
        for step in lineage.steps:
            if step.reverted_by is None and self._looked_for(step):
                for name, unplaced in index.unplaced.items():
                    rows = np.searchsorted(places, np.fromiter(unplaced, np.int64, len(unplaced)))
                    before = np.fromiter(unplaced.values(), np.int64, len(unplaced)) < step.version
                    rows = rows[before & (own[rows] == 0) & (others[rows] == 0) & (may_ask[rows] | (name == annotator))]
                    (own if name == annotator else others)[rows] = step.version
        if assigned and route is not None:
            elsewhere = ~route.allowed[places]
            own[elsewhere] = others[elsewhere] = 0
        return _Asked(places, own, others)

    def candidates(self, position: int) -> tuple[str, ...]:
        """List the label_ids that are likely for an item, and those that a later edit looks for there."""
        state, lineage = self._state, self._state.lineage
        label_ids = [label_id for pair in state.label_index.of(position).values() if lineage.exactly(*pair) is None
                     for label_id in lineage.candidates(*pair)]
        oldest = min((places[position] for places in state.label_index.unplaced.values() if position in places),
                     default=None)
        if oldest is not None:
            label_ids += [label_id for step in lineage.steps if step.version > oldest and step.reverted_by is None
                          for label_id in self._looked_for(step)]
        return tuple(dict.fromkeys(label_ids))

    def settled(self, position: int, candidate: str) -> str | None:
        """What an item's answer in doubt means if it means this candidate; the caller holds `State.lock`.

        For a set of labels it is the whole set; None if more than one of its labels is in doubt.
        """
        lineage = self._state.lineage
        pairs = self._state.label_index.of(position).values()
        doubtful = next((pair for pair in pairs if lineage.exactly(*pair) is None), None)
        return candidate if doubtful is None else lineage.settled(*doubtful, candidate)

    def check_labels(self, labels: Mapping[int, str], annotator: str) -> dict[int, str]:
        """Check labels that are to be presumed; the caller holds `State.lock`.

        Parameters
        ----------
        labels : mapping
            Position -> label_id.
        annotator : str
            The annotator whose queue it is.

        Returns
        -------
        dict
            The labels of items that are still in doubt, without hold-out items.

        Raises
        ------
        BadInput
            When a label isn't among an item's candidates.
        """
        own, others = self.asked(annotator, assigned=False)
        measures, taxonomy = self.measures(), self._state.lineage.today
        open_ = {place: label_id for place, label_id in labels.items()
                 if (own[place] or others[place]) and not measures[place]}
        for place, label_id in open_.items():
            pairs = self._state.label_index.of(place).values()
            if label_id not in (candidates := self.candidates(place)) \
                    and not any(self._state.lineage.may_mean(*pair, label_id) for pair in pairs):
                names = ", ".join(map(taxonomy.name_of, candidates)) or "nothing"
                raise BadInput(f"item {self._pool.ids[place]!r} can't be presumed to be "
                               f"{taxonomy.name_of(label_id)!r}; it may be: {names}.")
        return open_

    def frame(self, annotator: str) -> pd.DataFrame:
        """Return an annotator's whole queue, in the order in which it would be asked; columns: `COLUMNS`."""
        lineage, rows = self._state.lineage, []
        for doubt in self.order(len(self._pool), annotator):
            with self._state.lock:
                by_annotator = self._state.label_index.of(doubt.position)
                attributes = self._state.label_index.attributes(lineage, doubt.position)
            own_first = sorted({**by_annotator, **attributes}, key=lambda name: name != annotator)
            whose = next((name for name in own_first if name in attributes
                          or lineage.exactly(*by_annotator[name]) is None), None)
            again = dict.fromkeys(id for of in attributes.values() for id in of)
            rows.append((str(self._pool.ids[doubt.position]), whose, self._name_then(by_annotator.get(whose or "")),
                         tuple(map(lineage.today.name_of, doubt.candidates)), doubt.step.id, doubt.step.prose,
                         doubt.step.why, tuple(lineage.today.attribute(id).name for id in again)))
        table: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS)
        return table

    def items(self, doubts: Sequence[Doubt]) -> list[Item]:
        """Return the doubts as items of a queue; hold-out and gold items are blind."""
        measures = self._measures_at(np.array([doubt.position for doubt in doubts], np.int64)).tolist()
        return [Item(str(self._pool.ids[place]), place,
                     "holdout" if measured else "check" if is_check else "relabel",
                     is_check or self._state.queue.is_blind(place), self._pool.meta(place), candidates)
                for (place, _, candidates, is_check), measured in zip(doubts, measures, strict=True)]

    def _measures_at(self, places: Positions) -> npt.NDArray[np.bool_]:
        """The mask `measures` at some positions."""
        mask: npt.NDArray[np.bool_] = self._state.queue.holdout[places] & ~self._state.queue.gold[places]
        return mask

    def _n_asked(self, annotator: str, asked: _Asked, showing: Collection[int]) -> dict[str, int]:
        """Count the hold-out and the other items that were answered since the edits in question, or are shown now."""
        versions = np.maximum(asked.own, asked.others)
        since = int(versions[versions > 0].min(initial=sys.maxsize))
        given = self._state.label_index.given_since(since, annotator)
        shown = np.array([place for place in showing if asked.version(place)], np.int64)
        counted = np.union1d(given[~np.isin(given, asked.places[versions > 0])], shown)
        n_holdout = int(self._measures_at(counted).sum())
        return {"holdout": n_holdout, "learn": len(counted) - n_holdout}

    def _checks(self) -> list[int]:
        proposal = Proposal.of(self._state, self._pool)
        due = [] if proposal is None else proposal.due()
        places = self._pool.positions(due) if due else np.empty(0, np.int64)
        places = places[places >= 0]
        checks: list[int] = places[~self._measures_at(places)].tolist()
        return checks

    def _of_step(self, version: int, places: Positions, n: int) -> list[Doubt]:
        with self._state.lock:
            doubtful, rest = self._doubtful(version, places, N_ORDERED)
        in_order = doubtful.positions if self._ordering is None else self._ordering(doubtful)
        with self._state.lock:
            return [Doubt(place, doubtful.step, self.candidates(place))
                    for place in [*in_order.tolist(), *rest.tolist()][:n]]

    def _doubtful(self, version: int, places: Positions, most: int) -> tuple[DoubtfulItems, Positions]:
        """Return up to `most` items that a step left in doubt, and the positions of the others."""
        state, lineage = self._state, self._state.lineage
        step = next(step for step in lineage.steps if step.version == version)
        example_ids = [item_id for label in lineage.versions[version].labels for item_id in label.examples
                       if step.before is not None and label.id not in lineage.versions[step.before]]
        examples = self._pool.positions(example_ids) if example_ids else np.empty(0, np.int64)
        places = places[np.lexsort((state.queue.draws[places], ~np.isin(places, examples)))]
        candidates = tuple(map(self.candidates, places[:most].tolist()))
        label_ids = sorted(set().union(*candidates))
        code_of = {label_id: code for code, label_id in enumerate(label_ids, 1)}

        def taught(pair: Pair) -> int:
            """Index of the candidate that an answer has; 0 if it has none, or is a set with several candidates."""
            of = [code_of[label_id] for label_id in members(lineage.exactly(*pair)) if label_id in code_of]
            return of[0] if len(of) == 1 else 0

        noted = state.label_index.noted()
        noted = noted[~self._measures_at(noted)]  # the hold-out is never used for training
        codes = state.label_index.look(taught, at=noted)
        answered, codes = noted[codes > 0], codes[codes > 0]
        teaching = np.argsort(state.queue.draws[answered])[:N_TRAINING]
        answers = {place: label_ids[code - 1] for place, code in
                   zip(answered[teaching].tolist(), codes[teaching].tolist(), strict=True)}
        return DoubtfulItems(step, places[:most], candidates, examples[examples >= 0], answers,
                             frozenset().union(*state.label_index.unplaced.values())), places[most:]

    def _looked_for(self, step: Step) -> tuple[str, ...]:
        """List today's labels that a step added, and whose items may have been answered with other labels."""
        if not any(edit["edit"] == "add" and edit.get("like") for edit in step.edits):
            return ()
        lineage = self._state.lineage
        before = lineage.versions[step.before] if step.before is not None else lineage.today
        return tuple(label_id for label_id in lineage.versions[step.version].label_ids
                     if label_id not in before and label_id in lineage.today.answerable)

    def _name_then(self, pair: Pair | None) -> str | None:
        """Return the name that a label had when the answer was given; its id if the version lacks the label."""
        if pair is None:
            return None
        lineage = self._state.lineage
        try:
            return lineage.versions[pair[1] or lineage.steps[0].version].name_of(pair[0])
        except UnknownLabel:  # only in a forged log
            return pair[0]


class Proposal:
    """Labels that were proposed for items in doubt, with the checks that people have answered so far.

    The caller holds `State.lock`.

    Parameters
    ----------
    event : Event
        Of kind "presumed", with `proposed`, `checks`, `tolerance`, `edit` and `taxonomy` in its body.
    state : State
        The state of the project.
    pool : Pool
        The items.
    """

    def __init__(self, event: Event, state: State, pool: Pool) -> None:
        self.id, self.body = event.id, event.body
        self.labels: dict[str, str] = dict(event.body["proposed"])
        self._state, self._pool = state, pool

    @classmethod
    def of(cls, state: State, pool: Pool) -> Proposal | None:
        """Return the proposal that waits for checks; None without one, or if an edit has invalidated it."""
        if state.proposal is None:
            return None
        event, lineage = state.proposal, state.lineage
        holds = all(lineage.exactly(label_id, event.body["taxonomy"]) == label_id
                    for label_id in set(event.body["proposed"].values()))
        reverted = any(step.id == event.body["edit"] and step.reverted_by for step in lineage.steps)
        return cls(event, state, pool) if holds and not reverted else None

    def wrong(self) -> list[bool]:
        """Whether the proposed label was wrong, for each answered check in the order in which they were drawn.

        The list ends at the first check without an answer. A check without a certain label, which was skipped, answered
        "unsure" or flagged as not in the taxonomy, counts as wrong.
        """
        state, checks = self._state, self.body["checks"]
        wrong: list[bool] = []
        for item_id, place in zip(checks, self._pool.positions(checks).tolist(), strict=True):
            pairs = state.label_index.of(place).values() if place >= 0 else ()
            labels = {state.lineage.exactly(*pair) for pair in pairs} - {None}
            unsure = any(places.get(place, 0) >= self.body["taxonomy"]
                         for places in state.label_index.unplaced.values())
            if not labels and not unsure and not state.queue.is_skipped(place):
                break
            wrong.append(labels != {self.labels[item_id]})
        return wrong

    def due(self) -> list[str]:
        """List the ids of the items that have to be checked before the next assessment."""
        from ..sampling.acceptance import assess  # loads scipy, which opening a project doesn't need
        wrong = self.wrong()
        n_needed = assess(wrong, len(self.labels), tolerance=self.body["tolerance"]).n_needed
        return list(self.body["checks"][len(wrong):len(wrong) + n_needed])


def by_features(features: Features, *, seed: int) -> Ordering:
    """Make an ordering by features: typical items first, then those about which a light model is most uncertain.

    Parameters
    ----------
    features : callable
        Positions -> float32, shape (n, n_features); NaN for an item that can't be read.
    seed : int
        Seed of the clusters by which typical items are found.
    """
    def ordered(doubtful: DoubtfulItems) -> Positions:
        if (modelled := model_order(doubtful, features, seed=seed)) is None:
            return doubtful.positions if any(doubtful.candidates) else _typical_first(doubtful, features, seed=seed)
        positions, _, order = modelled
        first = np.empty(0, np.int64) if order.modelled.any() else _near_examples(doubtful, features)
        without_candidates = doubtful.positions[[not some for some in doubtful.candidates]]
        rest = np.concatenate([positions[order.rows], without_candidates])
        return np.concatenate([first, rest[~np.isin(rest, first)]])

    return ordered


def model_order(doubtful: DoubtfulItems, features: Features, *, seed: int
                ) -> tuple[Positions, list[str], RelabelOrder] | None:
    """Order items in doubt by a light model of the answers, and predict their labels.

    Returns
    -------
    positions : ndarray of int64
        Positions of the items that have candidates, then of the answers that train the model.
    label_ids : list of str
        The columns of the order's probabilities.
    order : RelabelOrder
        The order; its rows are those of `positions`.

    The function returns None where there is nothing to choose.
    """
    from ..sampling import relabel_order  # loads scipy, which opening a project doesn't need
    label_ids = sorted(set().union(*doubtful.candidates))
    asked = doubtful.positions[[bool(some) for some in doubtful.candidates]]
    if len(label_ids) < 2 or len(asked) < 2:
        return None
    column_of, open_ = {label_id: column for column, label_id in enumerate(label_ids)}, set(asked.tolist())
    training = {place: label_id for place, label_id in doubtful.answers.items() if place not in open_}
    positions = np.concatenate([asked, np.fromiter(training, np.int64, len(training))])
    candidates = np.ones((len(positions), len(label_ids)), np.bool_)
    candidates[:len(asked)] = False
    for row, some in enumerate(some for some in doubtful.candidates if some):
        candidates[row, [column_of[label_id] for label_id in some]] = True
    answers = np.full(len(positions), -1, np.int64)
    answers[len(asked):] = [column_of[label_id] for label_id in training.values()]
    examples = np.flatnonzero(np.isin(asked, doubtful.examples)).tolist()
    order = relabel_order.order(features(positions), candidates, answers, seed=seed, examples=examples)
    return positions, label_ids, order


def _typical_first(doubtful: DoubtfulItems, features: Features, *, seed: int) -> Positions:
    """Put typical items first; for items whose values of attributes are in doubt, but not their labels."""
    from ..sampling import relabel_order
    positions = doubtful.positions
    ordered: Positions = positions[relabel_order.typical(features(positions), seed=seed)]
    return ordered


def _near_examples(doubtful: DoubtfulItems, features: Features) -> Positions:
    """Find items that may have an added label, while no model can predict it yet; empty if no label was added.

    The step's examples come first, then unplaced items, then the neighbours of examples and answers of the new label.
    """
    from ..sampling import relabel_order
    if not any(edit["edit"] == "add" for edit in doubtful.step.edits):
        return np.empty(0, np.int64)
    added = set.intersection(*(set(some) for some in doubtful.candidates if some))
    known = list(dict.fromkeys([*doubtful.examples.tolist(),
                                *(place for place, label_id in doubtful.answers.items() if label_id in added)]))
    asked = [place for place, some in zip(doubtful.positions.tolist(), doubtful.candidates, strict=True)
             if some and place not in set(known)]
    positions = np.array([*known, *asked], np.int64)
    unplaced = [row for row, place in enumerate(asked, len(known)) if place in doubtful.unplaced]
    near = positions[relabel_order.neighbours(features(positions), range(len(known)), first=unplaced)]
    return np.concatenate([doubtful.positions[np.isin(doubtful.positions, doubtful.examples)], near])
