"""Assignments: which items only some people are asked about.

An assignment is an event of kind "assigned": one person, and what their items have in common. Its items are asked only
of the people to whom they are assigned, unless it has ``only=False``; items that no assignment covers are asked of
everybody. An assignment to somebody whose role doesn't let them answer keeps no items from others. An answer by
somebody else counts like any other: assignments decide what is asked, not what counts. Read `Assignment` and
`Assignments.route` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import BadInput
from ..events import Event
from ..items.pool import Pool
from ..records import OBJECT_TASKS, check_annotator, is_text
from ..sampling.queue import Route
from ..sampling.ranking import Ranking
from ..storage.roles import NEEDS
from ..taxonomy.history import Lineage
from .policy import require_owner

if TYPE_CHECKING:
    from .project import Project
    from .state import State

Mask = npt.NDArray[np.bool_]
# Maximum number of values, labels or ids named in a sentence.
N_NAMED = 5
# A value with which a column of the pool's metadata is compared: plain JSON.
Plain = str | int | float | bool | None


@dataclass(frozen=True)
class Assignment:
    """What one person is asked: the items that meet all of these conditions.

    Parameters
    ----------
    annotator : str
        Who is asked.
    labels : tuple of str, or None
        label_ids: items whose suggestion is one of them, or, without a suggestion, whose answer may mean one of them or
        another label since a taxonomy edit. None for any.
    taxonomy : int or None
        The taxonomy version of the labels.
    where : mapping of str to tuple
        Column of the pool's metadata -> the values that items may have there.
    items : tuple of str, or None
        Ids of items. None for any.
    only : bool
        Whether only people to whom the items are assigned are asked about them.
    """

    annotator: str
    labels: tuple[str, ...] | None = None
    taxonomy: int | None = None
    where: Mapping[str, tuple[Plain, ...]] = field(default_factory=dict)
    items: tuple[str, ...] | None = None
    only: bool = True

    @classmethod
    def of(cls, event: Event) -> Assignment | None:
        """Read an assignment from its event; None if the event ends an assignment or can't be used."""
        body = event.body
        labels, where, items, version = (body.get(name) for name in ("labels", "where", "items", "taxonomy"))
        one = cls(str(body.get("annotator", "")), None if labels is None else _texts(labels),
                  version if type(version) is int else None,
                  {str(column): tuple(values) for column, values in where.items() if isinstance(values, list)}
                  if isinstance(where, Mapping) else {}, None if items is None else _texts(items),
                  body.get("only") is not False)
        return None if body.get("ended") or (one.labels is None and not one.where and one.items is None) else one

    def body(self) -> dict[str, Any]:
        """The event's body, plain JSON."""
        return {"annotator": self.annotator, "only": self.only,
                **({} if self.labels is None else {"labels": list(self.labels), "taxonomy": self.taxonomy}),
                **({"where": {column: list(values) for column, values in self.where.items()}} if self.where else {}),
                **({} if self.items is None else {"items": list(self.items)})}


def todays_labels(assignment: Assignment, lineage: Lineage) -> tuple[str, ...]:
    """List the answers of today that the labels of an assignment mean.

    The labels into which a label was split or merged take its place, with all labels under them now. A label that was
    removed has none.
    """
    today, found = lineage.today, list[str]()
    for label_id in assignment.labels or ():
        version = assignment.taxonomy if assignment.taxonomy in lineage.versions else None
        meant = lineage.resolve(label_id, version) or lineage.candidates(label_id, version)
        for one in dict.fromkeys((label_id, *meant)):
            if one in today:
                found += [label.id for label in (today.label(one), *today.below(one)) if label.id in today.answerable]
    return tuple(dict.fromkeys(found))


def in_words(assignment: Assignment, lineage: Lineage) -> str:
    """Say which items are assigned, by their conditions.

    Such as "labels lynx, bobcat; site = A". Labels have the names of today.
    """
    parts = list[str]()
    if assignment.labels is not None:
        labels = todays_labels(assignment, lineage)
        gone = [name for label_id in assignment.labels if not todays_labels(
            Assignment(assignment.annotator, (label_id,), assignment.taxonomy), lineage)
            and (name := _former_name(lineage, label_id, assignment.taxonomy)) is not None]
        names = _some([lineage.today.name_of(label_id) for label_id in labels])
        parts += [f"{'label' if len(labels) == 1 else 'labels'} {names}"] if labels else []
        parts += [f"{_some(gone)} {'is' if len(gone) == 1 else 'are'} no label any more"] if gone else []
    parts += [f"{column} = {_some([_word(value) for value in values], last='or')}"
              for column, values in assignment.where.items()]
    if assignment.items is not None:
        n = len(assignment.items)
        parts.append(f"{n:,} items by their ids" if n != 1 else f"the item {assignment.items[0]}")
    return "; ".join(parts)


def news_of(event: Event, lineage: Lineage, *, reader: str) -> str | None:
    """Say in a sentence what was assigned to the reader; None where it was assigned to somebody else."""
    if event.body.get("annotator") != reader or event.annotator == reader:
        return None
    if (assignment := Assignment.of(event)) is None:
        return f"{event.annotator} ended what was assigned to you."
    return f"{event.annotator} assigned items to you: {in_words(assignment, lineage)}."


class Assignments:
    """The assignments up to some event of the log; masks over the pool are made once and kept.

    Parameters
    ----------
    state : State
        Its lineage and answers determine which items a label covers. Its lock is held while masks are made.
    pool : Pool or None
    ranking : Ranking

    Attributes
    ----------
    by_annotator : dict
        annotator -> their assignment, in the order of the first assignment to each.
    """

    def __init__(self, state: State, pool: Pool | None, ranking: Ranking) -> None:
        self._state, self._pool, self._ranking = state, pool, ranking
        self.by_annotator: dict[str, Assignment] = {}
        self._fixed: dict[str, Mask] = {}  # annotator -> items that meet the conditions that never change
        self._columns: dict[str, tuple[npt.NDArray[np.intp], list[Any]]] = {}
        self._key: object = None
        self._covered: dict[str, Mask] = {}
        self._routes: dict[str, Route] = {}
        self._exclusive: Mask | None = None

    def take_in(self, events: Iterable[Event]) -> None:
        """Apply "assigned" events: each person's last assignment is in force."""
        for event in events:
            annotator = str(event.body.get("annotator", ""))
            self._fixed.pop(annotator, None)
            if (assignment := Assignment.of(event)) is None:
                self.by_annotator.pop(annotator, None)
            else:
                self.by_annotator[annotator] = assignment
        self._key = None
        self._columns.clear()

    @property
    def by_label(self) -> bool:
        """Whether an assignment is by label, so that whom an item is asked depends on its suggestion."""
        return any(one.labels is not None for one in self.by_annotator.values())

    def able(self) -> frozenset[str]:
        """The people with an assignment whose role lets them answer; only theirs keep items from others."""
        roles = self._state.roles
        return frozenset(name for name in self.by_annotator if roles.allows(name, NEEDS["decided"]))

    def missing_columns(self) -> list[str]:
        """List the metadata columns that assignments name and this pool lacks."""
        there = self._names()
        return sorted({column for one in self.by_annotator.values() for column in one.where} - there)

    def labels_of(self, annotator: str) -> tuple[str, ...]:
        """List the answers of today that are assigned to a person, as label_ids; empty for none."""
        with self._state.lock:
            assignment = self.by_annotator.get(annotator)
            return () if assignment is None else todays_labels(assignment, self._state.lineage)

    def covered(self, annotator: str) -> Mask | None:
        """Mask of the items that are assigned to a person: bool, shape (n_items,); None where nothing is."""
        if annotator not in self.by_annotator:
            return None
        with self._state.lock:
            self._bring_up_to_date()
            return self._covered.get(annotator)

    def exclusive(self) -> Mask | None:
        """Mask of the items that are asked only of some people: bool, shape (n_items,); None without assignments."""
        if not self.by_annotator:
            return None
        with self._state.lock:
            self._bring_up_to_date()
            return self._exclusive

    def route(self, annotator: str) -> Route | None:
        """The items that a person may be asked about; None without assignments or pool. Quick, on any thread."""
        if not self.by_annotator or self._pool is None:
            return None
        with self._state.lock:
            self._bring_up_to_date()
            if (route := self._routes.get(annotator)) is None and self._exclusive is not None:
                route = self._routes[annotator] = self._route(annotator, self._exclusive)
            return route

    def _route(self, annotator: str, exclusive: Mask) -> Route:
        if (own := self._covered.get(annotator)) is None:
            return Route(~exclusive)
        by_label = self.by_annotator[annotator].labels is not None
        return Route(own | ~exclusive, own, own & exclusive, self._fixed[annotator] if by_label else None)

    def _bring_up_to_date(self) -> None:
        """Make the masks anew where suggestions, doubts, labels or assignments changed; the caller holds the lock."""
        lineage, index = self._state.lineage, self._state.label_index
        able = self.able()
        key: tuple[object, ...] = (lineage.today.version, able)
        if self.by_label:
            key = (*key, self._ranking.take_in_suggestions(lineage), index.revision if index.has_doubt(lineage) else -1)
        if key == self._key or self._pool is None:
            return
        self._routes.clear()
        exclusive = np.zeros(len(self._pool), np.bool_)
        covered = {name: self._cover(one, lineage) for name, one in self.by_annotator.items()}
        for name, one in self.by_annotator.items():
            if one.only and name in able:
                exclusive |= covered[name]
        if self.by_label:  # suggestions are computed when they are first read
            key = (*key[:2], self._ranking.n_suggested, key[3])
        self._covered, self._exclusive, self._key = covered, exclusive, key

    def _cover(self, one: Assignment, lineage: Lineage) -> Mask:
        if one.annotator not in self._fixed:
            self._fixed[one.annotator] = self._fixed_of(one)
        fixed = self._fixed[one.annotator]
        if one.labels is None:
            return fixed
        label_ids = frozenset(todays_labels(one, lineage))
        suggests = self._ranking.suggests(label_ids, lineage)
        in_doubt = self._state.label_index.may_mean(lineage, label_ids)
        mask = np.zeros(len(fixed), np.bool_) if suggests is None else suggests == 1
        if in_doubt is not None:
            mask |= in_doubt if suggests is None else in_doubt & (suggests < 0)
        return fixed & mask

    def _fixed_of(self, one: Assignment) -> Mask:
        """The items that meet the conditions on ids and metadata."""
        assert self._pool is not None
        mask = np.ones(len(self._pool), np.bool_)
        if one.items is not None:
            mask[:] = False
            places = self._pool.positions(one.items)
            mask[places[places >= 0]] = True
        for column, values in one.where.items():
            mask &= self._is_in(column, values)
        return mask

    def _is_in(self, column: str, values: Sequence[Plain]) -> Mask:
        """Mask of the items that have one of the values in a metadata column; all False without such a column."""
        assert self._pool is not None
        if column not in self._names():
            return np.zeros(len(self._pool), np.bool_)
        if column not in self._columns:
            self._columns[column] = self._pool.values_of(column)
        codes, named = self._columns[column]
        wanted = np.array([any(bool(one == value) for value in values) for one in named], np.bool_)
        return wanted[codes]

    def _names(self) -> set[str]:
        frame = None if self._pool is None else self._pool.frame
        return set() if frame is None else set(map(str, frame.columns))


def assign(project: Project, annotator: str, *, labels: Iterable[str] | None = None,
           where: Mapping[str, Any] | None = None, items: Iterable[Any] | None = None, only: bool = True) -> Assignment:
    """Assign the items that meet some conditions to a person, as the owner; it replaces their earlier assignment.

    Parameters
    ----------
    project : Project
    annotator : str
        The person's name; they need not have answered anything yet.
    labels : iterable of str, or None
        Names or label_ids; a label with others under it means all of these.
    where : mapping or None
        Column of the pool's metadata -> a value, or a list of allowed values.
    items : iterable or None
        Ids of items.
    only : bool
        Whether only this person is asked about the items; False to ask others too.

    Raises
    ------
    BadInput, UnknownLabel, UnknownItem
        When somebody else than the owner acts, or a condition can't be used; nothing is stored then.
    """
    annotator = check_annotator(annotator)
    project.require_pool()
    require_owner(project, "assigns items")
    if not isinstance(only, bool):
        raise BadInput(f"only is {only!r}; True (nobody else is asked for these items) or False is expected.")
    if labels is None and where is None and items is None:
        raise BadInput(f"nothing is said of what {annotator} is to be asked; pass labels=[...], where={{column: "
                       "value} or items=[...]. None in place of labels ends what was assigned.")
    assignment = Assignment(
        annotator, None if labels is None else _checked_labels(project, labels),
        None if labels is None else project.taxonomy.version, _checked_where(project, where),
        None if items is None else _checked_items(project, items), only)
    project.record("assigned", assignment.body())
    _after(project)
    if (covered := project.state.assignments.covered(annotator)) is not None and not covered.any():
        project.notify(f"{in_words(assignment, project.lineage)}: that is none of the pool's items now. Items that "
                       f"come to meet it are asked of {annotator}.")
    return assignment


def end(project: Project, annotator: str) -> None:
    """End a person's assignment, as the owner: the items are asked of everybody again.

    Raises
    ------
    BadInput
        When somebody else than the owner acts, or nothing is assigned to this person.
    """
    annotator = check_annotator(annotator)
    require_owner(project, "assigns items")
    if annotator not in (by := project.state.assignments.by_annotator):
        raise BadInput(f"nothing is assigned to {annotator!r}; something is assigned to: {', '.join(by) or 'nobody'}.")
    project.record("assigned", {"annotator": annotator, "ended": True})
    _after(project)


def _after(project: Project) -> None:
    project.refresh()
    project.tell("assigned")


def _checked_labels(project: Project, labels: Iterable[str]) -> tuple[str, ...]:
    if project.task == "scale" or project.task in OBJECT_TASKS:
        what = "values alone" if project.task == "scale" else "the objects in an item"
        raise BadInput(f"labels= assigns items by the label that is suggested for the whole of them, and this project "
                       f"asks for {what}; assign items by where= or items=.")
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise BadInput(f"labels is {labels!r:.80}; a list of labels is expected, such as labels=['lynx'].")
    if not (found := tuple(dict.fromkeys(project.taxonomy.label(one).id for one in labels))):
        raise BadInput("labels is empty; at least one label is expected. None in its place ends what was assigned.")
    return found


def _checked_where(project: Project, where: Mapping[str, Any] | None) -> dict[str, tuple[Plain, ...]]:
    if where is None:
        return {}
    if not isinstance(where, Mapping) or not where:
        raise BadInput(f"where is {where!r:.80}; a column of the pool's metadata and its value are expected, such as "
                       "where={'site': 'A'} or where={'site': ['A', 'B']}.")
    frame = project.pool.frame
    columns = [] if frame is None else list(map(str, frame.columns))
    checked: dict[str, tuple[Plain, ...]] = {}
    for column, given in where.items():
        if columns.count(str(column)) != 1:
            raise BadInput(f"the pool's metadata have no column {column!r}; they have "
                           f"{_some([repr(one) for one in columns]) or 'none'}.")
        several = isinstance(given, (list, tuple, set, frozenset, np.ndarray))
        values = tuple(map(_as_plain, given if several else (given,)))
        if not values or not all(map(_is_plain, values)):
            raise BadInput(f"where[{column!r}] is {given!r:.80}; a text, a number, True, False, None or a list of "
                           "these is expected, since it is kept in the log.")
        checked[str(column)] = tuple(dict.fromkeys(values))
    return checked


def _as_plain(value: Any) -> Any:
    """A value of NumPy as Python's own, and an instant as a text."""
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _checked_items(project: Project, items: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
        raise BadInput(f"items is {items!r:.80}; a list of ids is expected, such as items=['cat.png'].")
    given = [getattr(item, "id", item) for item in items]
    places = project.pool.positions(given)
    if (places < 0).any():
        project.pool.position(given[int(np.flatnonzero(places < 0)[0])])  # raises, and names ids that are like it
    if not given:
        raise BadInput("items is empty; at least one id is expected. None in place of labels ends what was assigned.")
    return tuple(dict.fromkeys(project.pool.ids[places].tolist()))


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return bool(np.isfinite(value))
    return value is None or (isinstance(value, str) and is_text(value)) or type(value) in (int, bool)


def _texts(values: Any) -> tuple[str, ...]:
    """The texts of a list from the log; a forged log may have something else there."""
    return tuple(value for value in values if isinstance(value, str)) if isinstance(values, list) else ()


def _word(value: Plain) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _some(words: Sequence[str], *, last: str = "") -> str:
    """List words in a sentence; of many only the first few."""
    if len(words) > N_NAMED:
        return f"{', '.join(words[:N_NAMED])} and {len(words) - N_NAMED:,} more"
    if last and len(words) > 1:
        return f"{', '.join(words[:-1])} {last} {words[-1]}"
    return ", ".join(words)


def _former_name(lineage: Lineage, label_id: str, version: int | None) -> str | None:
    taxonomy = lineage.versions[version if version in lineage.versions else lineage.steps[0].version]  # type: ignore[index]
    return taxonomy.name_of(label_id) if label_id in taxonomy else None
