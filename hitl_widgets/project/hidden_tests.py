"""Hidden tests: gold items asked blind, suggestions that are wrong on purpose, and repeats of a person's own answers.

The items, their order and their places follow from a hash of seed, person and item, so that they can be recomputed from
the log. Half of a person's gold is reserved for planted suggestions where the owner plants any and the person agreed;
no gold item is asked twice. Read `HiddenTests.lines`, `HiddenTests.insert` and `places_due` first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadInput
from ..items.pool import Pool
from ..records import LABELLING, Item, Prediction
from ..sampling.gold_order import gold_order
from ..storage.log import Log
from ..taxonomy.history import Lineage, unknown_in
from ..taxonomy.label_sets import is_set, members, set_id
from ..taxonomy.labels import Taxonomy
from .label_index import Pair
from .policy import PLANTED
from .state import State

# Share of a person's gold items that is reserved for planted suggestions, where there are any.
RESERVED = 0.5
# Number of gold items that are predicted ahead, since what is planted depends on the prediction.
AHEAD = 8
# Minimum number of items that a person answers before one of theirs is asked again.
REPEAT_AFTER = 50
# `chosen_by` of answers that aren't asked again: nobody saw a screen, or the item was reviewed already.
NOT_REPEATED = frozenset({"import", "desk", "revision", "relabel", "check", "second look", "second_look"})


class Lines(NamedTuple):
    """Positions of gold items in the order in which they are asked."""

    blind: list[int]
    planted: list[int]


class HiddenTests:
    """The hidden tests of each person. Safe for many threads.

    Parameters
    ----------
    state : State
    pool : Pool
    log : Log
    seed : int
        The project's seed.
    prediction : function
        Position -> the model's prediction, None where there is none yet.
    """

    def __init__(self, state: State, pool: Pool, log: Log, *, seed: int,
                 prediction: Callable[[int], Prediction | None]) -> None:
        self._state, self._pool, self._log, self._seed, self._prediction = state, pool, log, seed, prediction
        self._draws: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._handed_out: dict[str, set[int]] = {}  # annotator -> positions that got a planted suggestion

    def plants(self, annotator: str) -> bool:
        """Whether suggestions that are wrong on purpose may reach a person: the owner wants it, the person agreed."""
        return bool(self._state.policy.get(PLANTED)) and bool(self._state.agreements.consent(annotator, PLANTED))

    def lines(self, annotator: str, taken: Collection[int] = ()) -> Lines:
        """The gold items that a person hasn't seen, in the order in which they are asked.

        Parameters
        ----------
        annotator : str
        taken : collection of int
            Positions of items on somebody's screen.
        """
        state, queue, lineage = self._state, self._state.queue, self._state.lineage
        places = np.flatnonzero(queue.gold)
        if not len(places):
            return Lines([], [])
        pairs_of = [state.reference.gold.get(place) for place in places.tolist()]
        names = {pair: truth_of(pair, lineage) or "" for pair in set(pairs_of)}
        labels, draws = np.array([names[pair] for pair in pairs_of], object), self._draws_of(annotator, places)
        seen = queue.is_closed(annotator)
        seen[[*queue.skipped(annotator), *taken]] = True
        seen = seen[places]
        given = state.policy.get("gold", {})
        rare, pairs = declared(given, lineage)
        labels = _strata(labels, rare, pairs)
        allowed = queue.allowed(annotator)
        asked = np.ones(len(places), np.bool_) if allowed is None else allowed[places]
        reserved = np.zeros(len(places), np.bool_)
        planted = list[int]()
        if self.plants(annotator):
            reserved = np.isin(places, plantable(state)) & (draws[:, 1] < RESERVED)
            by = state.policy[PLANTED].get("by")
            groups = self._groups(by, places) if by not in (None, "label") else None
            spread, kept = labels if by == "label" else np.full(len(places), "", object), reserved & asked
            planted = places[kept][gold_order(spread[kept], seen[kept], draws[kept, 0],
                                              groups=None if groups is None else groups[kept])].tolist()
        blind, groups = ~reserved & asked, self._groups(given.get("by"), places)
        order = gold_order(labels[blind], seen[blind], draws[blind, 0], rare=rare, pairs=pairs,
                           groups=None if groups is None else groups[blind])
        return Lines(places[blind][order].tolist(), planted)

    def ahead(self, annotator: str) -> list[int]:
        """Positions that the model should have predicted before the next items are asked."""
        with self._state.lock:
            return self.lines(annotator).planted[:AHEAD] if self.plants(annotator) else []

    def insert(self, items: Sequence[Item], n: int, annotator: str, planted: Sequence[int], showing: Collection[int]
               ) -> list[Item]:
        """Put planted suggestions and own repeats between the next items of a person.

        Parameters
        ----------
        items : sequence of Item
            The next items of the queue.
        n : int
            Number of items wanted, at most.
        annotator : str
        planted : sequence of int
            The gold items that may get a planted suggestion, in the order in which they are asked.
        showing : collection of int
            Positions of items on this person's screens.
        """
        with self._state.lock:
            policy, queue = self._state.policy, self._state.queue
            n_repeated = len(self._state.repeated.get(annotator, ()))
            n_asked = queue.n_asked(annotator, showing) + n_repeated
            n_planted = len(queue.planted.get(annotator, set())
                            | self._handed_out.get(annotator, set()).intersection(showing))
            plants = self.plants(annotator)
        due: dict[int, Iterator[Item]] = {}
        if share := policy.get("repeats", 0.0):
            again = self._repeats(annotator, {*showing, *(item.position for item in items)})
            due |= dict.fromkeys(places_due(n_asked, n, n_repeated, share=share, seed=self._seed, annotator=annotator,
                                            of="repeat"), again)
        if plants and planted:
            wrong = self._planted(annotator, planted, items)
            due |= dict.fromkeys(places_due(n_asked, n, n_planted, share=policy[PLANTED]["share"], seed=self._seed,
                                            annotator=annotator, of=PLANTED), wrong)
        if not due:
            return list(items)
        mixed, rest = list[Item](), iter(items)
        for place in range(n):
            if (item := next(due[place], None) if place in due else None) or (item := next(rest, None)):
                mixed.append(item)
        return mixed

    def _planted(self, annotator: str, places: Sequence[int], items: Sequence[Item]) -> Iterator[Item]:
        # The reason on the card is that of the neighbouring items, so that it doesn't give the test away.
        reason = next((item.chosen_by for item in items if item.chosen_by not in ("gold", "holdout", "skipped")),
                      "random")
        for place in places:
            with self._state.lock:
                label_id = self.wrong_label(place, self._prediction(place))
            if label_id is not None:
                self._handed_out.setdefault(annotator, set()).add(place)
                yield Item(str(self._pool.ids[place]), place, reason, False, self._pool.meta(place), planted=label_id)

    def _repeats(self, annotator: str, leave: Collection[int]) -> Iterator[Item]:
        with self._state.lock:
            queue, done = self._state.queue, self._state.repeated.get(annotator, set())
            answered = queue.is_closed(annotator) & ~queue.holdout & ~queue.gold
            answered[list({*leave, *queue.planted.get(annotator, ())})] = False
            if (allowed := queue.allowed(annotator)) is not None:
                answered &= allowed
        answered[self._state.places(self._log.recent_items(annotator, REPEAT_AFTER))] = False
        ids = [item_id for item_id in self._pool.ids[answered].tolist() if item_id not in done]
        for item_id in sorted(ids, key=lambda item_id: draw(self._seed, annotator, item_id, "repeat")):
            standing = self._log.standing_of(item_id, annotator)
            if standing is None or standing.body["verdict"] not in LABELLING:
                continue
            seen = standing.body.get("seen", {})
            if seen.get("chosen_by") not in NOT_REPEATED and not standing.body.get("replaces"):
                place = self._pool.position(item_id)
                yield Item(item_id, place, "repeat", True, self._pool.meta(place), repeat_of=standing.id)

    def wrong_label(self, position: int, prediction: Prediction | None) -> str | None:
        """Choose the most plausible wrong label to plant on an item.

        It is the likeliest partner of the known label in a declared pair, or else the likeliest other label, never a
        sensitive one, and none above or below the known label. For a known set of labels it is the set in which one
        label is switched on or off, the one that the prediction makes most plausible. None without a candidate or a
        prediction.
        """
        truth, taxonomy = self._truth(position), self._state.lineage.today
        if prediction is None or truth is None:
            return None
        _, pairs = declared(self._state.policy.get("gold", {}), self._state.lineage)
        if is_set(truth):
            return wrong_set(truth, prediction, sensitive(taxonomy), pairs)
        partners = {label for pair in pairs if truth in pair for label in pair}
        leave = {truth, *sensitive(taxonomy), *(label.id for label in taxonomy.below(truth))}
        likeliest = [prediction.label_ids[column] for column in np.argsort(-prediction.probs, kind="stable").tolist()]
        wrong = [label_id for label_id in likeliest if label_id not in leave
                 and truth not in {label.id for label in taxonomy.below(label_id)}]
        return next((label_id for label_id in wrong if label_id in partners), next(iter(wrong), None))

    def _truth(self, place: int) -> str | None:
        """The known label; None for a known set that doesn't tell of a label that was added later."""
        given, lineage = self._state.reference.gold.get(place), self._state.lineage
        return None if given is None or unknown_in(*given, lineage) else truth_of(given, lineage)

    def _draws_of(self, annotator: str, places: np.ndarray) -> np.ndarray:
        """Two random numbers of each gold item for a person: one for the order, one to reserve items for planting."""
        former = self._draws.get(annotator)
        if former is None or not np.array_equal(former[0], places):
            former = places, np.array([[draw(self._seed, annotator, item_id, of) for of in ("gold", PLANTED)]
                                       for item_id in self._pool.ids[places].tolist()])
            self._draws[annotator] = former
        return former[1]

    def _groups(self, column: Any, places: np.ndarray) -> np.ndarray | None:
        if column is None:
            return None
        try:
            return self._pool.group_sums(column)[places]
        except BadInput:  # this pool lacks the column
            return None


def draw(seed: int, annotator: str, item_id: str, of: str) -> float:
    """Compute a pseudo-random number of a person and an item, for one use, from 0 up to (not including) 1.

    It is the BLAKE2b hash of 8 bytes of ``seed``, ``annotator``, ``item_id`` and ``of``, joined by one NUL character
    each, as a big-endian integer, shifted right by 11 bits and divided by 2 to the power 53.
    """
    text = f"{seed}\0{annotator}\0{item_id}\0{of}".encode("utf-8", "surrogatepass")
    return float((int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 11) * 2.0**-53)


def places_due(n_asked: int, n: int, n_before: int, *, share: float, seed: int, annotator: str, of: str) -> list[int]:
    """Which of the next n items are hidden tests of one kind, as places from 0.

    The items of a person are divided into blocks of 1 / share items. From the second block on, a hash draws one place
    in each, so that it can't be foreseen. Tests never exceed the share of the items asked so far.

    Parameters
    ----------
    n_asked : int
        Number of items that the person answered or sees now.
    n : int
        Number of items that come next.
    n_before : int
        Number of earlier items that were such tests.
    share : float
        Maximum share of the items that are such tests.
    seed : int
    annotator : str
    of : str
        The kind of test.

    Examples
    --------
    >>> places_due(0, 20, 0, share=0.05, seed=0, annotator="ada", of="planted")
    []
    >>> len(places_due(0, 100, 0, share=0.05, seed=0, annotator="ada", of="planted"))
    4
    """
    block, places = math.ceil(1 / share - 1e-9), []
    for place in range(n):
        number, within = divmod(n_asked + place, block)
        if n_before < number and within == int(draw(seed, annotator, str(number), f"block of {of}") * block):
            places.append(place)
            n_before += 1
    return places


def wrong_set(truth: str, prediction: Prediction, leave: Collection[str],
              pairs: Collection[tuple[str, str]]) -> str | None:
    """Choose the most plausible wrong set: the known one with one label more, or one less.

    Parameters
    ----------
    truth : str
        The known set's id.
    prediction : Prediction
        Has the probability that each label is on.
    leave : collection of str
        Labels that aren't changed.
    pairs : collection of (str, str)
        Pairs of labels whose confusion does harm: partners of a label that is on are switched on first.

    Returns
    -------
    str or None
        A set's id; None where no label may be changed.
    """
    on = set(members(truth))
    plausible = {label_id: float(1 - p if label_id in on else p)
                 for label_id, p in zip(prediction.label_ids, prediction.probs, strict=True) if label_id not in leave}
    partners = {one for pair in pairs if on.intersection(pair) for one in pair} - on
    changed = max(plausible, key=lambda label_id: (label_id in partners, plausible[label_id]), default=None)
    return None if changed is None else set_id(on ^ {changed})


def plantable(state: State) -> list[int]:
    """Positions of gold items on which a wrong suggestion may be planted.

    Their known label is one of today's labels and isn't sensitive, and they aren't in the hold-out. A known set tells
    of all of today's labels.
    """
    leave = sensitive(state.lineage.today)
    return [place for place, given in state.reference.gold.items() if not state.queue.holdout[place]
            and (label_id := truth_of(given, state.lineage)) is not None and leave.isdisjoint(members(label_id))
            and not unknown_in(*given, state.lineage)]


def none_plantable(state: State) -> str:
    """A message that no gold item is plantable, and what to do."""
    n_older = sum(bool(unknown_in(*given, state.lineage)) for given in state.gold.values())
    older = f" {n_older:,} of them are sets that were given before a label was added; withdraw them with " \
        "wb.gold({item_id: None}) and give them again." if n_older else ""
    return "suggestions are planted on gold items only, never on hold-out or sensitive ones: of " \
        f"{len(state.gold):,} gold items none is left.{older} wb.gold({{item_id: label}}) adds some."


def _strata(labels: np.ndarray, rare: Collection[str], pairs: Collection[tuple[str, str]]) -> np.ndarray:
    """The known labels by which gold is stratified; for a set its rare label, or the one of a pair, if any."""
    declared_ = dict.fromkeys((*rare, *(label for pair in pairs for label in pair)))
    return np.array([next((label for label in declared_ if label in members(known)), known) if is_set(known) else known
                     for known in labels], object)


def sensitive(taxonomy: Taxonomy) -> set[str]:
    """The label_ids that the taxonomy marks sensitive, and all labels under them."""
    marked = [label for label in taxonomy.labels if label.sensitive]
    return {below.id for label in marked for below in (label, *taxonomy.below(label.id))}


def truth_of(given: Pair | None, lineage: Lineage) -> str | None:
    """The known label under today's taxonomy; None if there is none, or it may mean several labels since an edit."""
    return None if given is None else lineage.exactly(*given)


def declared(gold: Mapping[str, Any], lineage: Lineage) -> tuple[list[str], list[tuple[str, str]]]:
    """The labels that were declared rare and the declared pairs, as today's label_ids."""
    def today(label_ids: Iterable[str]) -> list[str]:
        return [new for label_id in label_ids if (new := lineage.exactly(label_id, gold["taxonomy"])) is not None]

    pairs = [today(pair) for pair in gold.get("pairs", ())]
    return today(gold.get("rare", ())), [(pair[0], pair[1]) for pair in pairs if len(set(pair)) == 2]
