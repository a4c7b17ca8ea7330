"""Reference labels: the answers against which people and models are measured.

There are three kinds, which are reported separately (`Measuring`): hold-out items answered blind, gold, and imported
labels of hold-out items. An answer "measures" if it is used in this way. Items are positions in the pool. Read
`blind_answers` and `ReferenceLabels.measuring` first.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from ..events import Event, is_planted
from ..quality.annotation_tables import leaders, undecided, undecided_labels
from ..quality.intervals import design_effect, jeffreys
from ..quality.object_tables import doubted_since
from ..records import LABELLING, objects_on_screen
from ..sampling.ranking import Ranking, likeliest, suggested_sets
from ..storage.schema import ANNOTATION, annotation_of
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, set_id
from .label_index import Pair

# The hold-out is asked until its accuracy is known this precisely and this many of its items are answered. With fewer,
# the rule, which is applied after each answer, would often stop at a lucky run.
NARROW, FEWEST = 0.05, 100

# `chosen_by` of hold-out items whose answers measure: the hold-out's own queue, which is in random order, the same item
# after a skip, gold, and a script that doesn't say (it is assumed to follow the queue). Answers in a review, for
# whatever reason, don't measure.
QUEUED = frozenset({"holdout", "skipped", "gold"})
LINE = QUEUED | {"script", None}
IMPORTED, SORTED = "import", "desk"


@dataclass(frozen=True)
class BlindAnswers:
    """One annotator's answers to one hold-out item, as far as models may be measured with them.

    Attributes
    ----------
    labels : tuple of (label_id, taxonomy version)
        Answers given blind in the hold-out's own queue. The first that means one of today's labels counts.
    unsure : bool
        Whether the item was answered "unsure" there, and no label was given there since.
    imported : (label_id, taxonomy version) or None
        The label that was imported, or that a script put in its place: what its author had seen isn't recorded.
    moved_to : (label_id, taxonomy version) or None
        The label that the item got in triage. It replaces a blind answer such as "other", which gave no real label.
    """

    labels: tuple[Pair, ...] = ()
    unsure: bool = False
    imported: Pair | None = None
    moved_to: Pair | None = None


NOTHING = BlindAnswers()


def _label_of(body: Mapping[str, Any]) -> Any:
    return body.get("label_id")


def _values_of(body: Mapping[str, Any]) -> Any:
    return body.get("values") or None


# 26 branches: one pass in the order of the acts, since whether an answer measures depends on earlier ones.
def blind_answers(events: Iterable[Event], changed: Collection[str] = (), *, others: Iterable[Event] = (),
                  what: Callable[[Mapping[str, Any]], Any] = _label_of) -> BlindAnswers:
    """Find out which of one annotator's answers to one hold-out item measure.

    An answer is used for measuring if it was given blind, in the hold-out's own queue (`LINE`), before the annotator
    had seen a suggestion for the item. A later review changes the annotation, but measuring still uses the blind
    answer. A retracted answer isn't used. If the queue asked again, after an edit or from triage, the newer answer is
    used. If a script decides on an item twice, the second decision counts as a review, so the first one is used. If a
    script decides on an item that already had an imported label, its answer is a correction of that label and counts as
    imported.

    Parameters
    ----------
    events : iterable of Event
        The "decided" events of one annotator on one item, and the item's "retracted" events, in any order.
    changed : collection of str
        Ids of decisions on items whose content has changed since: they are treated as retracted.
    others : iterable of Event
        The "decided" events of everybody on the item, searched only for an imported answer.
    what : callable
        Decision's body -> its answer, or None without one; by default the label_id.
    """
    events = list(events)
    void = {event.body["decision_id"] for event in events if event.kind == "retracted"}.union(changed)
    imported_at = min((event.seq or 0 for event in (*events, *others) if event.kind == "decided" and what(
        event.body) is not None and event.body.get("seen", {}).get("chosen_by") == IMPORTED), default=inf)
    asked: list[Pair] = []
    scripted: list[Pair] = []
    unsure, imported, moved_to = False, None, None
    for event in sorted((event for event in events if event.kind == "decided"), key=lambda e: (e.acted_at, e.id)):
        body, seen = event.body, event.body.get("seen", {})
        if _was_shown(seen) and not asked and not scripted:
            break  # after a suggestion was seen, no answer is blind, not even after an undo
        given = what(body) if body["verdict"] in LABELLING else None
        pair = None if given is None else (given, seen.get("taxonomy"))
        why = seen.get("chosen_by")
        if event.id in void or is_planted(body):
            continue
        if why == IMPORTED:
            imported = pair
        elif why == SORTED:
            moved_to = pair
        elif why in LINE and (is_script := why not in QUEUED or seen.get("scripted", False)) \
                and (event.seq or 0) > imported_at:
            imported = pair
        elif why in LINE and pair is not None:
            (scripted if is_script else asked).append(pair)
            unsure = False
        elif why in LINE and body["verdict"] == "unsure":
            unsure = True
    return BlindAnswers((*reversed(asked), *scripted), unsure, imported, moved_to)


def _was_shown(seen: Mapping[str, Any]) -> bool:
    """Whether a suggestion was visible: a label, a value or an object."""
    proposed = any(one.get("origin") != "person" for one in objects_on_screen(seen.get("objects")))
    suggested = seen.get("suggestion") is not None or bool(seen.get("values")) or proposed
    return suggested and not seen.get("hidden", False)


def blind_answer(verdict: str | None, pair: Pair | None, chosen_by: str | None) -> BlindAnswers:
    """As `blind_answers`, for a single decision, from the row of the log's table of annotations."""
    if chosen_by == IMPORTED:
        return BlindAnswers(imported=pair)
    if chosen_by == SORTED:
        return BlindAnswers(moved_to=pair)
    if chosen_by not in LINE or verdict not in ("answer", "unsure"):
        return NOTHING
    return BlindAnswers(unsure=True) if verdict == "unsure" else BlindAnswers(() if pair is None else (pair,))


VALUE_COLUMNS = ["item_id", "position", "attribute_id", "value", "source"]


# 14 branches: loops over items, sources and attributes; gold values replace answers.
def measuring_values(events: Iterable[Event], places: Mapping[str, int], lineage: Lineage, *,
                     changed: Collection[str] = (), gold: Mapping[str, Mapping[str, Value]] | None = None
                     ) -> pd.DataFrame:
    """List the values that measure: those given blind to hold-out items (see `blind_answers`), and gold.

    Parameters
    ----------
    events : iterable of Event
        The "decided" and "retracted" events of the hold-out's items.
    places : mapping
        item_id -> position, for hold-out items and gold.
    lineage : Lineage
    changed : collection of str
        See `blind_answers`.
    gold : mapping, optional
        item_id -> attribute id -> the known value under today's scale.

    Returns
    -------
    DataFrame
        A row for each item and attribute: item_id, position, attribute_id, value, source ("gold", "holdout", or
        "imported" for hold-out items whose author may have seen anything). With several annotators, the value is the
        median on a scale, or the most frequent choice; tied choices are left out.
    """
    found: dict[tuple[str, str], tuple[Any, str]] = {}
    for item_id, of_annotator in _by_item(events).items():
        every = list(itertools.chain(*of_annotator.values()))
        blind = [blind_answers(own, changed, others=every, what=_values_of) for own in of_annotator.values()]
        for source, given in (("imported", [[one.imported] if one.imported else [] for one in blind]),
                              ("holdout", [one.labels for one in blind])):
            for attribute in lineage.today.attributes:
                value = _middle([value for pairs in given
                                 if (value := _first_value(pairs, attribute.id, lineage)) is not None], attribute)
                if value is not None:
                    found[item_id, attribute.id] = value, source
    for item_id, values in (gold or {}).items():
        if item_id in places:
            found |= {(item_id, attribute_id): (value, "gold") for attribute_id, value in values.items()}
    rows = [(item_id, places[item_id], attribute_id, value, source)
            for (item_id, attribute_id), (value, source) in found.items()]
    table: pd.DataFrame = pd.DataFrame(rows, columns=VALUE_COLUMNS)
    return table.astype({"position": np.int64, "value": object})


def _by_item(events: Iterable[Event]) -> dict[str, dict[str, list[Event]]]:
    """Group events: item_id -> annotator -> the annotator's decisions on the item, and the item's retractions."""
    decided: dict[str, dict[str, list[Event]]] = {}
    back: dict[str, list[Event]] = {}
    for event in events:
        if event.kind == "decided":
            decided.setdefault(event.item_id or "", {}).setdefault(event.annotator, []).append(event)
        elif event.kind == "retracted":
            back.setdefault(event.item_id or "", []).append(event)
    return {item_id: {name: [*own, *back.get(item_id, ())] for name, own in of_annotator.items()}
            for item_id, of_annotator in decided.items()}


# 14 branches: which of an annotator's events are answers that measure, and the row of the first of them.
def first_blind(events: Iterable[Event], changed: Collection[str] = (), *, imported: bool = False
                ) -> dict[str, list[Any]]:
    """List the answers that measure, where objects are asked for: those that were given blind, as `blind_answers` says.

    Parameters
    ----------
    events : iterable of Event
        The "decided" and "retracted" events of the hold-out's items.
    changed : collection of str
        See `blind_answers`.
    imported : bool
        List imported answers instead. It isn't known what their authors had seen.

    Returns
    -------
    dict of list
        The columns of the log's table of annotations, a row for each item and annotator, and first_seq: the `seq` of
        the annotator's first answer to the item that measures. It is smaller than `seq` if they were asked again.
    """
    table: dict[str, list[Any]] = {name: [] for name in (*ANNOTATION.c.keys(), "first_seq")}
    about_objects = (event for event in events if event.kind != "decided" or "objects" in event.body)
    for item_id, of_annotator in _by_item(about_objects).items():
        every = list(itertools.chain(*of_annotator.values()))
        blind = {name: blind_answers(own, changed, others=every, what=lambda body: body)
                 for name, own in of_annotator.items()}
        for name, one in blind.items():
            answers: Sequence[Any] = one.labels if not imported else [one.imported] if one.imported else []
            if not answers:
                continue
            given = [next(event for event in of_annotator[name] if event.body is body) for body, _ in answers]
            earlier = _imports(of_annotator[name], changed) if imported else given
            row = {**annotation_of(given[0]), "seq": given[0].seq, "item_id": item_id, "annotator": name,
                   "first_seq": min(event.seq or 0 for event in (*earlier, given[0]))}
            for column, values in table.items():
                values.append(row[column])
    return table


def _imports(events: Iterable[Event], changed: Collection[str]) -> list[Event]:
    """The imported answers among an annotator's events that weren't retracted, and aren't about former content."""
    events = list(events)
    void = {event.body["decision_id"] for event in events if event.kind == "retracted"}.union(changed)
    return [event for event in events if event.kind == "decided" and event.id not in void
            and event.body.get("seen", {}).get("chosen_by") == IMPORTED]


def measuring_rows(table: Mapping[str, Sequence[Any]], usable: Iterable[str], lineage: Lineage) -> frozenset[str]:
    """Choose one answer to each image that measures: that of the person who was the first to answer it.

    If an edit left a label of this answer in doubt (it may mean several labels of today), the first answer given since
    the edit whose labels are certain replaces it. Older answers of other people don't: they are certain only because
    their authors marked no object with that label, so that the objects of the first person would count as the model's
    false positives.

    Parameters
    ----------
    table : mapping
        The result of `first_blind`.
    usable : iterable of str
        Ids of the decisions to choose from.
    lineage : Lineage

    Returns
    -------
    frozenset of str
        Decision ids.
    """
    usable, doubted, of_item = frozenset(usable), doubted_since(table, lineage), dict[str, list[int]]()
    for row in sorted(range(len(table["item_id"])), key=lambda row: table["first_seq"][row]):
        if table["decision_id"][row] in usable:
            of_item.setdefault(table["item_id"][row], []).append(row)
    chosen = set[str]()
    for first, *others in of_item.values():
        edited = doubted.get(table["decision_id"][first])
        newer = (row for row in others if edited is not None and table["decision_id"][row] not in doubted
                 and lineage.since(table["taxonomy"][row]) >= edited)
        chosen.add(table["decision_id"][next(newer, first)])
    return frozenset(chosen)


def _first_value(pairs: Iterable[Any], attribute_id: str, lineage: Lineage) -> Value | None:
    """The first value of an attribute that isn't in doubt today."""
    for values, version in pairs:
        value = lineage.value(attribute_id, values[attribute_id], version) if attribute_id in values else None
        if value is not None:
            return value
    return None


def _middle(votes: Sequence[Any], attribute: Attribute) -> Value | None:
    """The median on a scale, the most frequent choice, or None where choices are tied or there are no votes."""
    if not votes:
        return None
    if attribute.kind == "choices":
        counts = Counter(votes).most_common(2)
        return None if len(counts) > 1 and counts[0][1] == counts[1][1] else counts[0][0]
    return votes[0] if len(votes) == 1 else float(np.median(votes))


@dataclass(frozen=True)
class Measuring:
    """The items with which models are measured, under today's labels, as mappings position -> label_id.

    Attributes
    ----------
    holdout : dict
        Hold-out items with a blind answer: the first one, or the adjudicated label. If all hold-out items are gold, the
        known answers.
    gold : dict
        Other items whose answer is known, in the hold-out or not.
    imported : dict
        Hold-out items with an imported label: what its author had seen isn't recorded.
    tied : tuple of int
        Hold-out items whose votes are tied: models aren't measured with them.
    n_unsure : int
        Number of hold-out items without a blind answer that somebody answered "unsure", also when asked again after an
        edit.
    n_in_doubt : int
        Number of hold-out items whose blind answers may mean several labels since an edit. They are asked again.
    unknown : dict
        Where an item may have several labels: "holdout", "gold" or "imported" -> position -> ids of the labels that the
        measuring answers don't cover, since they were added later.
    """

    holdout: dict[int, str] = field(default_factory=dict)
    gold: dict[int, str] = field(default_factory=dict)
    imported: dict[int, str] = field(default_factory=dict)
    tied: tuple[int, ...] = ()
    n_unsure: int = 0
    n_in_doubt: int = 0
    unknown: dict[str, dict[int, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def all(self) -> dict[int, str]:
        """The items of all three kinds. If an item has several labels, gold is preferred, then hold-out."""
        return {**self.imported, **self.holdout, **self.gold}


class ReferenceLabels:
    """The labels of the items against which people and models are measured, updated with each decision.

    Parameters
    ----------
    holdout : ndarray of bool, shape (n_items,)
        The random part of the pool that only measures.
    groups : ndarray, shape (n_items,), optional
        The group of each item, where the hold-out is drawn by whole groups.

    Attributes
    ----------
    gold : dict
        position -> (label_id, taxonomy version) of every item whose answer is known.
    """

    def __init__(self, holdout: np.ndarray, groups: np.ndarray | None = None) -> None:
        self._holdout, self._groups, self._n_holdout = holdout, groups, int(np.count_nonzero(holdout))
        self._answers: dict[int, dict[str, BlindAnswers]] = {}
        self.gold: dict[int, Pair] = {}
        self._verdicts: dict[int, Pair] = {}
        self._revision = 0
        self._known: tuple[object, Measuring] = (None, Measuring())
        self._narrow: tuple[object, bool] = (None, False)

    def note_all(self, answers: Iterable[tuple[int, str, BlindAnswers]]) -> None:
        """Set the measuring answers to hold-out items: position, annotator, and all their answers to the item."""
        for position, annotator, blind in answers:
            if blind != NOTHING:
                self._answers.setdefault(position, {})[annotator] = blind
            elif position in self._answers:
                self._answers[position].pop(annotator, None)
        self._revision += 1

    def set_gold(self, position: int, given: Pair | None) -> None:
        """Set the known answer of an item, or remove it."""
        if given is None:
            self.gold.pop(position, None)
        else:
            self.gold[position] = given
        self._revision += 1

    def set_verdict(self, position: int, given: Pair | None) -> None:
        """Set the adjudicated label of an item, or remove it.

        It replaces the blind answers that measure, provided there is at least one: adjudication never shows the
        model's predictions.
        """
        if given is None:
            self._verdicts.pop(position, None)
        else:
            self._verdicts[position] = given
        self._revision += 1

    # 17 branches: one pass over the answers; an item is tied, in doubt or unsure only where no case before holds.
    def measuring(self, lineage: Lineage) -> Measuring:
        """List the items that measure: hold-out, gold and imported."""
        key = (self._revision, lineage.today.version)
        if self._known[0] != key:
            holdout, imported, gold = _Decided(lineage), _Decided(lineage), _Decided(lineage)
            tied, n_unsure, n_in_doubt = list[int](), 0, 0
            for position, of_item in self._answers.items():
                judged = _certain([self._verdicts.get(position)], lineage)
                if not judged and _is_undecided(of_item, lineage):
                    n_in_doubt += 1
                elif votes := _measuring_votes(of_item, lineage):
                    unsaid = frozenset[str]() if judged else _undecided_labels(of_item, lineage)
                    if not holdout.decide(position, [judged] if judged else votes, unsaid=unsaid):
                        tied.append(position)
                elif any(blind.labels and not blind.unsure for blind in of_item.values()):
                    n_in_doubt += 1
                elif any(blind.unsure for blind in of_item.values()):
                    n_unsure += 1
                if votes := [one for blind in of_item.values() if (one := _certain([blind.imported], lineage))]:
                    imported.decide(position, votes)
            for position, given in self.gold.items():
                if of_gold := _certain([given], lineage):
                    gold.decide(position, [of_gold])
            if 0 < self._n_holdout <= len(self.gold) \
                    and self.gold.keys() >= set(np.flatnonzero(self._holdout).tolist()):
                # The whole hold-out is gold: no items were selected, and no answers are surer.
                holdout, gold = (gold.where(self._holdout, there) for there in (True, False))
                tied, n_unsure, n_in_doubt = [], 0, 0
            unknown = {"holdout": holdout.unknown, "gold": gold.unknown, "imported": imported.unknown}
            self._known = (key, Measuring(holdout.chosen, gold.chosen, imported.chosen, tuple(tied), n_unsure,
                                          n_in_doubt, unknown))
        return self._known[1]

    def is_narrow(self, ranking: Ranking, lineage: Lineage) -> bool:
        """Whether the current model's hold-out accuracy is known within 5 points at 95 %, from 100 items or more.

        While some of these items aren't predicted yet, an accuracy of one half is assumed, which has the widest
        interval, and each group counts as one item.
        """
        predictions = ranking.predictions
        key = (self._revision, lineage.today.version, id(predictions), ranking.revision)
        if self._narrow[0] != key:
            truth = self.measuring(lineage).holdout
            n, effect = len(truth), 1.0
            right = np.full(n, 0.5)
            if predictions is not None and n:
                probs = ranking.probs(lineage, np.fromiter(truth, np.int64, n))
                if not np.isnan(probs).any():
                    right = _right(probs, list(truth.values()), ranking, lineage)
            if self._groups is not None:
                effect = design_effect(right, self._groups[np.fromiter(truth, np.int64, n)])
            low, high = jeffreys(float(right.sum()) / effect, n / effect) if n else (0.0, 1.0)
            self._narrow = (key, bool(n / effect >= FEWEST and (high - low) / 2 <= NARROW))
        return self._narrow[1]


def _right(probs: np.ndarray, truth: Sequence[str], ranking: Ranking, lineage: Lineage) -> np.ndarray:
    """Whether the suggestions for items are right, shape (n,); a fraction where several labels are equally likely."""
    label_ids = lineage.today.label_ids
    if ranking.multilabel:
        on = suggested_sets(probs, label_ids, ranking.thresholds)
        return np.array([set_id(itertools.compress(label_ids, row)) == given
                         for row, given in zip(on, truth, strict=True)], np.float64)
    best = likeliest(probs, ranking.families(lineage))
    column_of = {label_id: column for column, label_id in enumerate(label_ids)}
    given = best[np.arange(len(truth)), [column_of[label_id] for label_id in truth]]
    return np.asarray(given / best.sum(axis=1))


class _Decided:
    """Majority answers to items.

    Parameters
    ----------
    lineage : Lineage

    Attributes
    ----------
    chosen : dict
        Position -> label_id of the majority.
    unknown : dict
        Position -> labels about which no answer says anything, for example because they were added later.
    """

    def __init__(self, lineage: Lineage) -> None:
        self.chosen: dict[int, str] = {}
        self.unknown: dict[int, tuple[str, ...]] = {}
        self._lineage = lineage
        self._states: dict[Pair, Mapping[str, bool | None]] = {}

    def decide(self, position: int, votes: Sequence[Sequence[Pair]], *, unsaid: Collection[str] = ()) -> bool:
        """Add the majority of the answers to an item; returns False, and adds nothing, if there is a tie.

        Parameters
        ----------
        position : int
        votes : sequence
            For each annotator a list of answers, the most important first. Their meaning under today's labels must be
            certain. An answer says nothing about labels that were added later; then the annotator's next answer is
            used.
        unsaid : collection of str
            Labels of sets to leave out, since an edit made other answers uncertain about them.
        """
        missing: tuple[str, ...] = ()
        top = leaders([self._lineage.exactly(*own[0]) or "" for own in votes])[0]
        if is_set(top[0]) and len(self._lineage.versions) > 1:
            top, missing = self._of_sets(votes, unsaid)
        if len(top) > 1:
            return False
        self.chosen[position] = top[0]
        if missing:
            self.unknown[position] = missing
        return True

    def _of_sets(self, votes: Sequence[Sequence[Pair]], unsaid: Collection[str]
                 ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The most frequent sets, as in `leaders`, and the labels about which no answer says anything.

        Each label is decided by the answers that say something about it.
        """
        given = [[self._states_of(pair) for pair in own] for own in votes]
        most, tied, missing = list[str](), list[str](), list[str]()
        for label_id in self._lineage.today.label_ids:
            said = [on for own in given if (on := next((state[label_id] for state in own
                                                        if state[label_id] is not None), None)) is not None
                    and label_id not in unsaid]
            if 2 * sum(said) >= max(1, len(said)):
                (tied if 2 * sum(said) == len(said) else most).append(label_id)
            if not said:
                missing.append(label_id)
        return tuple(dict.fromkeys((set_id(most), set_id([*most, *tied])))), tuple(missing)

    def _states_of(self, pair: Pair) -> Mapping[str, bool | None]:
        if pair not in self._states:
            self._states[pair] = self._lineage.label_states(*pair)
        return self._states[pair]

    def where(self, mask: np.ndarray, there: bool) -> _Decided:
        """The answers to the items for which the mask has the value `there`."""
        some = _Decided(self._lineage)
        some.chosen = {position: label for position, label in self.chosen.items() if mask[position] == there}
        some.unknown = {position: missing for position, missing in self.unknown.items() if mask[position] == there}
        return some


def _measuring_votes(of_item: Mapping[str, BlindAnswers], lineage: Lineage) -> list[list[Pair]]:
    """The answers to an item that are used for measuring: a list for each annotator who has any.

    These are the blind answers whose meaning under today's labels is certain. If the item then got a label in triage,
    this label is used instead. The list is empty if no blind answer has a certain meaning.
    """
    votes = [one for blind in of_item.values() if (one := _certain(blind.labels, lineage))]
    moved = [one for blind in of_item.values() if (one := _certain([blind.moved_to], lineage))]
    return moved or votes if votes else []


def _is_undecided(of_item: Mapping[str, BlindAnswers], lineage: Lineage) -> bool:
    """Whether an edit made the meaning of so many blind answers uncertain that the others may not be the majority."""
    return undecided(_several(of_item, lineage), lineage) is not None


def _undecided_labels(of_item: Mapping[str, BlindAnswers], lineage: Lineage) -> frozenset[str]:
    """The undecided labels of an item that may have several: see `quality.annotation_tables.undecided_labels`."""
    given = _several(of_item, lineage)
    return undecided_labels(given, lineage) if given and is_set(given[0][0]) else frozenset()


def _several(of_item: Mapping[str, BlindAnswers], lineage: Lineage) -> list[Pair]:
    """One blind answer of each annotator: the first with a certain meaning, or else the first.

    The list is empty if fewer than two annotators answered the item blind, or if it got a label in triage.
    """
    labels = [blind.labels for blind in of_item.values() if blind.labels]
    if len(labels) < 2 or any(blind.moved_to for blind in of_item.values()):
        return []
    return [(_certain(own, lineage) or own)[0] for own in labels]


def _certain(pairs: Iterable[Pair | None], lineage: Lineage) -> list[Pair]:
    """The answers that certainly mean one label, or one set of labels, of today's taxonomy."""
    return [pair for pair in pairs if pair is not None and lineage.exactly(*pair) is not None]
