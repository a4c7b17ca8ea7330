"""Taxonomy history: all versions, the steps between them, and what an old label means today.

A project's `Lineage` is read from its log and grows by one step with each edit. Read `Lineage.resolve` first: every old
answer passes through it. `change` applies edits that were made for an older version.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import BadInput, EditError, TaxonomyMismatch, UnknownLabel
from ..events import Event
from .attributes import Attribute, Value
from .diff import between
from .edits import Edit, Resolution, compose, from_body
from .forks import Forks
from .keys import KeyPlaces, own_keys
from .label_sets import is_set, members, set_id
from .labels import Label, Taxonomy
from .value_maps import ValueMap

# Attribute id -> maps of its values, to be applied in turn.
ValueMaps = Mapping[str, Sequence[ValueMap]]


class Change(NamedTuple):
    """A step before it is stored: the resulting taxonomy, and what today's answers mean in it.

    Parameters
    ----------
    taxonomy : Taxonomy
        The resulting taxonomy.
    resolution : Resolution
        Today's label_id -> what its answers mean after the step.
    edits : sequence of Edit
        The edits for today's taxonomy; none for a project's first version and for reverting a step.
    reverts : str or None
        Id of the step that this one reverts.
    values : mapping of str to sequence of ValueMap
        Attribute id -> maps of its values, to be applied in turn; for attributes whose values change.
    settles : str or None
        Id of the step of a fork that this one applies (`forks`).
    twins : mapping of str to str
        Ids of new labels and attributes: id in the version that the edits were made for -> id in this one, if they
        differ.
    """

    taxonomy: Taxonomy
    resolution: Resolution
    edits: Sequence[Edit] = ()
    reverts: str | None = None
    values: ValueMaps = MappingProxyType({})
    settles: str | None = None
    twins: Mapping[str, str] = MappingProxyType({})

    def event(self, *, id: str, annotator: str, acted_at: datetime, why: str | None = None) -> Event:
        """Make the log's event for this change."""
        body = {"taxonomy": self.taxonomy.to_dict(), "edits": [edit.to_dict() for edit in self.edits], "why": why,
                "resolution": {old: list(new) for old, new in self.resolution.items()}}
        if self.values:
            body["values"] = {attribute_id: [one.to_dict() for one in maps]
                              for attribute_id, maps in self.values.items()}
        if self.settles is not None:
            body |= {"settles": self.settles, "twins": dict(self.twins)}
        return Event(id=id, kind="taxonomy", annotator=annotator, acted_at=acted_at,
                     body=body if self.reverts is None else body | {"reverts": self.reverts})


@dataclass(frozen=True)
class Step:
    """How a version of the taxonomy was made: by edits that were applied together, or by reverting a step.

    Parameters
    ----------
    id : str
        Id of the log's event.
    version : int
        The resulting version.
    before : int or None
        The version that it started from; None for the project's first.
    annotator : str
        The person who made it.
    acted_at : datetime
        Time of the step, in UTC.
    why : str or None
        The reason that was given.
    edits : tuple of mappings
        The edits, as `Edit.to_dict` wrote them.
    resolution : mapping
        label_id -> what its answers mean after the step.
    values : mapping
        attribute id -> maps of earlier values, for attributes whose values change.
    reverts, reverted_by : str or None
        Id of the step that this one reverts, and of the one by which this one is reverted now.
    prose : str
        The step in sentences.
    settles : str or None
        Id of the step of a fork that this one applies.
    twins : mapping
        Ids of the labels and attributes that it made: id in the fork -> id here, if they differ.
    """

    id: str
    version: int
    before: int | None
    annotator: str
    acted_at: datetime
    why: str | None
    edits: tuple[Mapping[str, Any], ...]
    resolution: Mapping[str, tuple[str, ...]]
    values: ValueMaps = field(default_factory=dict)
    reverts: str | None = None
    reverted_by: str | None = None
    prose: str = ""
    settles: str | None = None
    twins: Mapping[str, str] = field(default_factory=dict)


class _Versions(Mapping[int, Taxonomy]):
    """Taxonomies by version, each built when it is first used: a long history costs nothing at opening.

    Versions of forks, which have negative numbers, can be looked up, but aren't listed.
    """

    def __init__(self, bodies: Mapping[int, Mapping[str, Any]], built: Mapping[int, Taxonomy] | None = None,
                 places: Mapping[int, KeyPlaces] | None = None) -> None:
        self._bodies, self._built, self._places = dict(bodies), dict(built or {}), dict(places or {})

    def then(self, version: int, body: Mapping[str, Any]) -> _Versions:
        return _Versions({**self._bodies, version: body}, self._built, self._places)

    def __getitem__(self, version: int) -> Taxonomy:
        if version not in self._built:
            # Two threads that build it at once get the same object.
            self._built.setdefault(version, Taxonomy.from_dict(self._bodies[version]).keeping_keys(
                partial(self._places_before, version)))
        return self._built[version]

    def _places_before(self, version: int) -> KeyPlaces:
        """The places of keys in the version before this one; of a fork, none."""
        places = KeyPlaces()
        for earlier in sorted(one for one in self._bodies if 0 < one < version):
            if earlier not in self._places:
                self._places[earlier] = places.then(*_without_key(self._bodies[earlier]))
            places = self._places[earlier]
        return places

    def have_attributes(self) -> bool:
        return any(body.get("attributes") for body in self._bodies.values())

    def newest_with(self, label_id: str) -> Taxonomy | None:
        """Return the newest version that has a label with this id; None if there is none. Forks come last."""
        for version in sorted(self._bodies, reverse=True):
            if any(label.id == label_id for label in self[version].labels):
                return self[version]
        return None

    def __iter__(self) -> Iterator[int]:
        return (version for version in self._bodies if version >= 0)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _without_key(body: Mapping[str, Any]) -> tuple[list[str], set[str]]:
    """`Taxonomy.without_key` and `own_keys` of a taxonomy in the log, which isn't built for it."""
    labels = body["labels"]
    above = set() if body.get("inner_answers") else {label.get("parent") for label in labels}
    answers = [(label["id"], label["name"], label.get("key")) for label in labels if label["id"] not in above]
    named = [label["key"] for label in labels if label.get("key")]
    own = own_keys(answers, named)
    return [label_id for label_id, _, _ in answers if label_id not in own], {*named, *own.values()}


class Lineage:
    """Every version of a project's taxonomy, and the steps between them.

    Parameters
    ----------
    events : iterable of Event
        The log's events of kind "taxonomy", in their order.

    Attributes
    ----------
    versions : mapping of int to Taxonomy
        The oldest first.
    steps : tuple of Step
        One for each version, in the same order.
    forks : Forks
        Steps that don't hold, since an earlier step from the same version does: two people edited copies of a project
        separately, and joined them.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        steps: list[Step] = []
        forked: dict[int, Step] = {}
        bodies: dict[int, Mapping[str, Any]] = {}
        for event in events:
            step = _step(event, steps, forked)
            if step.version < 0:
                forked[step.version] = step
            else:
                steps.append(step)
            bodies[step.version] = event.body["taxonomy"]
        self.versions, self.steps = _Versions(bodies), _with_reverts(steps)
        self.forks = Forks(forked, self.steps)
        self._passed: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._forget()

    def then(self, event: Event) -> Lineage:
        """Return this lineage with one more step; this one stays as it is."""
        later, step = copy.copy(self), _step(event, self.steps, self.forks.steps)
        later.versions = self.versions.then(step.version, event.body["taxonomy"])
        if step.version >= 0:
            later.steps = _with_reverts((*self.steps, step))
        forked = {**self.forks.steps, **({step.version: step} if step.version < 0 else {})}
        later.forks = Forks(forked, later.steps, self.forks.settled)
        later._passed = dict(self._passed)
        later._forget()
        return later

    def settled_by(self, events: Iterable[Event]) -> Lineage:
        """Return this lineage with those steps of forks marked as settled that events of kind "settled" name."""
        later = copy.copy(self)
        later.forks = Forks(self.forks.steps, self.steps, {
            **self.forks.settled, **{event.body["edit"]: int(event.body["taxonomy"]) if event.body["apply"] else None
                                     for event in events}})
        later._forget()
        return later

    def _forget(self) -> None:
        """Empty the caches that depend on today's version."""
        self._resolved: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._candidates: dict[tuple[str, int | None], tuple[str, ...]] = {}
        self._sources: dict[int, dict[str, list[tuple[str, bool]]]] = {}
        self._stages: dict[tuple[int, int], list[Step]] = {}
        self._columns: tuple[tuple[str, ...], npt.NDArray[np.float32]] | None = None
        self._asks: dict[int, dict[str, Step]] = {}
        self._values: dict[tuple[str, Value, int | None, int | None], tuple[Value | None, Step | None]] = {}
        self._mapped: frozenset[str] | None = None
        self._meant: dict[tuple[str, int], str | None] = {}

    @property
    def has_attributes(self) -> bool:
        """Whether any version has attributes."""
        return self.versions.have_attributes()

    @property
    def mapped(self) -> frozenset[str]:
        """Ids of the attributes whose values any step changed."""
        if self._mapped is None:
            self._mapped = frozenset(attribute_id for step in (*self.steps, *self.forks.steps.values())
                                     for attribute_id in step.values)
        return self._mapped

    @property
    def asks(self) -> bool:
        """Whether any step asked for an added attribute on items that were answered before."""
        return any(edit["edit"] == "add_attribute" and edit.get("ask") for step in self.steps for edit in step.edits)

    @property
    def today(self) -> Taxonomy:
        """The newest version."""
        return self.versions[self.steps[-1].version]

    def stages(self, version: int | None, to: int | None = None) -> list[Step]:
        """List the steps that apply to an answer between two versions (None: the first, today).

        A step and the one that reverts it cancel out for answers that are older than both: these have their former
        meaning again, exactly.
        """
        key = (self.since(version), to or self.steps[-1].version)
        if key not in self._stages:
            later = [step for step in self.steps if key[0] < step.version <= key[1]]
            ids, skipped, passed = {step.id for step in later}, set[str | None](), list[Step]()
            for step in reversed(later):
                if step.id not in skipped:
                    if step.reverts in ids:
                        skipped.add(step.reverts)
                    else:
                        passed.append(step)
            self._stages[key] = passed[::-1]
        return self._stages[key]

    def since(self, version: int | None) -> int:
        """The version from which all steps apply to an answer: for a fork, the version where it branches off."""
        version = version or self.steps[0].version
        return version if version >= 0 else self.forks.branch(version)

    def resolve(self, label_id: str, version: int | None, to: int | None = None) -> tuple[str, ...]:
        """Return what a label of some version (None: the first) means today, or at the version `to`.

        Parameters
        ----------
        label_id : str
            Id of a label, or of a set of labels (`label_sets`). A set is carried over exactly if each of its labels is;
            removed labels are dropped from it.

        Returns
        -------
        tuple of str
            One label_id when the answer is carried over exactly, several when it is in doubt among them, none when it
            has to be asked again. For a set in doubt, the labels among which a part of it is in doubt.
        """
        key = (label_id, version or self.steps[0].version, to or self.steps[-1].version)
        if key not in self._resolved and is_set(label_id):
            self._resolved[key] = self._resolve_set(*key)
        if key not in self._resolved:
            meaning, pending = self._from_fork(*key) if key[1] < 0 else (self._follow(*key), False)
            if pending and len(meaning) == 1:
                meaning = ()  # likely, but not confirmed: see `candidates`
            # If a part of a label is no longer an answer, nothing is certain about the whole label.
            self._resolved[key] = meaning if self.versions[key[2]].answerable.issuperset(meaning) else ()
        return self._resolved[key]

    def _resolve_set(self, label_id: str, version: int, to: int) -> tuple[str, ...]:
        parts = {one: self.resolve(one, version, to) for one in members(label_id)}
        if any(not part and not self._is_removed(one, version, to) for one, part in parts.items()):
            return ()  # one of them now has labels under it, which are asked in its place
        doubtful = [new for part in parts.values() if len(part) > 1 for new in part]
        return tuple(dict.fromkeys(doubtful)) or (set_id(new for part in parts.values() for new in part),)

    def _is_removed(self, label_id: str, version: int, to: int) -> bool:
        """Whether a label without a meaning was removed, and doesn't exist as the parent of others."""
        return version > 0 and not any(one in self.versions[to] for one in self._came_of(label_id, version, to))

    def label_states(self, label_id: str, version: int | None) -> dict[str, bool | None]:
        """Return which of today's labels an item has, from a set of labels that was given under some version.

        Returns
        -------
        dict of str to (bool or None)
            label_id of each of today's answers -> True where the item has it, False where it hasn't, None where that
            isn't known: the label was added later, or an edit left it in doubt.

        """
        key = version or self.steps[0].version
        known, held = self._of_version(key), set(members(label_id))
        states: dict[str, bool | None] = {}
        for today, sources in known.items():
            exact = [old in held for old, alone in sources if alone]
            doubtful = [old in held for old, alone in sources if not alone]
            states[today] = True if any(exact) else None if any(doubtful) or not sources else False
        return states

    def _of_version(self, version: int) -> Mapping[str, list[tuple[str, bool]]]:
        """List the answers of a version that today's answers come from, and whether each certainly means today's one.

        Labels that were removed are no source; labels that were added since have none. If a label has to be asked
        again, it is an uncertain source of all that it may mean today: items without it don't have these either.
        """
        if version not in self._sources:
            sources: dict[str, list[tuple[str, bool]]] = {label_id: [] for label_id in self.today.label_ids}
            # Nothing is known about versions that the log doesn't have.
            for old in self.versions[version].label_ids if version in self.versions else ():
                meaning = self.resolve(old, version)
                came = () if meaning or version < 0 else self._came_of(old, version, self.today.version)
                for new in meaning or (one for one in came if one in self.today.answerable):
                    sources[new].append((old, len(meaning) == 1))
            self._sources[version] = sources
        return self._sources[version]

    def _came_of(self, label_id: str, version: int, to: int) -> tuple[str, ...]:
        """List what a label became, including removed labels and those whose answers have to be asked again."""
        came: tuple[str, ...] = (label_id,)
        for step in self.stages(version, to):
            came = tuple(dict.fromkeys(new for old in came for new in step.resolution.get(old, (old,)) or (old,)))
        return came

    def exactly(self, label_id: str | None, version: int | None, to: int | None = None) -> str | None:
        """Return today's label_id, or that of the version `to`, if it is certain; else None."""
        if label_id is None:
            return None
        meaning = self.resolve(label_id, version, to)
        return meaning[0] if len(meaning) == 1 else None

    def candidates(self, label_id: str, version: int | None) -> tuple[str, ...]:
        """List the label_ids that are likely today for an old answer that isn't carried over exactly.

        These are the labels among which it is in doubt; else those of them that remain, or the labels that are now
        under its own label. Empty if nothing is likely.
        """
        if len(meaning := self.resolve(label_id, version)) > 1:
            return meaning
        if (label_id, version) not in self._candidates:
            parts = [one for one in members(label_id) if len(self.resolve(one, version)) != 1]
            self._candidates[label_id, version] = self._remaining(label_id, version) if not is_set(label_id) else \
                tuple(dict.fromkeys(new for one in parts for new in self._remaining(one, version)))
        return self._candidates[label_id, version]

    def settled(self, label_id: str, version: int | None, candidate: str) -> str | None:
        """Return what an answer in doubt means if it means one of its candidates; for a set, the whole set.

        Returns
        -------
        str or None
            None if more than one label of a set is in doubt, or the answer can't mean `candidate`.
        """
        if not is_set(label_id):
            return candidate if candidate in self.candidates(label_id, version) else None
        meanings = [self.resolve(one, version) for one in members(label_id)]
        doubtful = [meaning for meaning in meanings if len(meaning) > 1]
        if len(doubtful) != 1 or candidate not in doubtful[0] or len(self.resolve(label_id, version)) < 2:
            return None
        return set_id([candidate, *(meaning[0] for meaning in meanings if len(meaning) == 1)])

    def may_mean(self, label_id: str, version: int | None, today: str) -> bool:
        """Whether an answer in doubt may mean a label of today, or a set of them."""
        return any(self.settled(label_id, version, one) == today for one in self.candidates(label_id, version))

    def cause_of_doubt(self, label_id: str, version: int | None) -> Step | None:
        """Find the step that left an answer in doubt; None when it is carried over exactly."""
        if self.exactly(label_id, version) is not None:
            return None
        if is_set(label_id):
            first, last = version or self.steps[0].version, self.steps[-1].version
            causes = [step for one in members(label_id) if not self._is_removed(one, first, last)
                      if (step := self.cause_of_doubt(one, version)) is not None]
            return max(causes, key=lambda step: step.version, default=self.steps[-1])
        if version is not None and version < 0:
            return self._instead_of(version)
        meaning: tuple[str, ...] = (label_id,)
        for step in self.stages(version):
            meaning = compose({label_id: meaning}, step.resolution)[label_id]
            if len(meaning) != 1:
                return step
        # Exact, but no answer today: a step cancelled out, and another one had been made after it.
        return next((step for step in reversed(self.steps) if step.before is not None
                     and meaning[0] in self.versions[step.before].answerable
                     and meaning[0] not in self.versions[step.version].answerable), self.steps[-1])

    def value(self, attribute_id: str, value: Value, version: int | None, to: int | None = None) -> Value | None:
        """Return what a value of some version (None: the first) means today, or at the version `to`.

        Returns
        -------
        int, float, str or None
            None if the attribute no longer exists, or the value is in doubt.
        """
        return self._value(attribute_id, value, version, to)[0]

    def moved(self, attribute_id: str, version: int | None) -> bool:
        """Whether a step since a version changed what values of an attribute mean, even on the same scale."""
        return attribute_id in self.mapped and (
            any(attribute_id in step.values for step in self.stages(version))
            or any(attribute_id in step.values for step in self.forks.path(version)))

    def value_doubt(self, attribute_id: str, value: Value, version: int | None) -> Step | None:
        """Find the step that left a value in doubt; None if it is certain, or its attribute no longer exists."""
        if _attribute_of(self.today, attribute_id) is None:
            return None
        now, step = self._value(attribute_id, value, version, None)
        return None if now is not None else step or self.steps[-1]

    @property
    def asked(self) -> frozenset[str]:
        """Ids of today's attributes that some step asks for on items that were answered before."""
        return frozenset(attribute_id for step in (self.steps if self.asks else ()) if step.before is not None
                         for attribute_id in self.asks_since(step.before))

    def asks_since(self, version: int | None) -> Mapping[str, Step]:
        """List today's attributes that a later step asks on a version's answers, too: attribute id -> the step."""
        key = version or self.steps[0].version
        if key not in self._asks:
            asks: dict[str, Step] = {}
            for step in self.stages(version) if self.asks else ():
                named = {edit["name"] for edit in step.edits if edit["edit"] == "add_attribute" and edit.get("ask")}
                asks |= {one.id: step for one in self.versions[step.version].attributes if one.name in named
                         and step.before is not None and _attribute_of(self.versions[step.before], one.id) is None}
            self._asks[key] = {id: step for id, step in asks.items() if _attribute_of(self.today, id) is not None}
        return self._asks[key]

    def _value(self, attribute_id: str, value: Value, version: int | None, to: int | None
               ) -> tuple[Value | None, Step | None]:
        """Return what a value means, and the last step that changed its meaning."""
        key = (attribute_id, value, version, to)
        if key not in self._values:
            self._values[key] = self._followed(*key)
        return self._values[key]

    def _followed(self, attribute_id: str, value: Value, version: int | None, to: int | None
                  ) -> tuple[Value | None, Step | None]:
        last, meaning = None, value
        for step in self.forks.path(version):
            if attribute_id in step.values or _attribute_of(self.versions[step.before or 0], attribute_id) is None:
                if (applied := self.forks.applied(step, to)) is None:
                    return None, self._instead_of(step.version)
                version = applied.version
                attribute_id = applied.twins.get(attribute_id, attribute_id)
                break
        for step in self.stages(version, to):
            for one in step.values.get(attribute_id, ()):
                last, image = step, one.image(meaning)
                if image is None:
                    return None, step
                meaning = image
        one_ = _attribute_of(self.versions[to or self.steps[-1].version], attribute_id)
        try:
            return None if one_ is None else one_.check(meaning), last
        except BadInput:
            return None, last

    def columns(self, label_ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return the matrix by which a model's columns add up to today's labels.

        A merged label is the sum of its parts, the parts of a split share their parent's probability, a new label gets
        0, even if its items may have been answered with another one, and a retired one is dropped.

        Parameters
        ----------
        label_ids : sequence of str
            The labels of the model's outputs, in their order.

        Returns
        -------
        ndarray of float32, shape (len(label_ids), n_labels)
            Multiply probabilities of the model by it to get those of today's labels. Cached: don't modify it.
        """
        if (kept := self._columns) is not None and kept[0] == tuple(label_ids):
            return kept[1]
        column_of = {label_id: column for column, label_id in enumerate(self.today.label_ids)}
        shares = np.zeros((len(label_ids), len(column_of)), np.float32)
        # A label may change its meaning and keep its id: the version with exactly these labels is the most likely one.
        newest_first = [*sorted(self.versions, reverse=True), *self.forks.steps]
        same = next((v for v in newest_first if set(self.versions[v].label_ids) == set(label_ids)), None)
        for row, label_id in enumerate(label_ids):
            version = same or next((v for v in newest_first if label_id in self.versions[v].answerable),
                                   newest_first[0])
            meaning = self._outputs(label_id, version)
            for new in meaning:
                shares[row, column_of[new]] += 1 / len(meaning)
        shares.flags.writeable = False
        self._columns = tuple(label_ids), shares
        return shares

    def _outputs(self, label_id: str, version: int) -> tuple[str, ...]:
        """Return what a model's output for a label of some version is today: as `resolve`, without labels added since.

        An answer may be in doubt between its label and a similar one that was added; a model that never learnt the
        added label predicts nothing about it.
        """
        stages = self.stages(version)
        if version < 0:
            meaning = self._from_fork(label_id, version, self.steps[-1].version)[0]
            return meaning if self.today.answerable.issuperset(meaning) else ()
        if not any(_added(step) for step in stages):
            return self.resolve(label_id, version)
        meaning = tuple[str, ...]((label_id,))
        for step in stages:
            meaning = compose({label_id: meaning}, step.resolution)[label_id]
            if names := _added(step):
                after, before = self.versions[step.version], self.versions[step.before or step.version]
                # A label that is in neither was removed then by a step that was reverted since: it wasn't added here.
                known = tuple(new for new in meaning
                              if new in before or new not in after or after.label(new).name not in names)
                meaning = known or meaning
        return meaning if self.today.answerable.issuperset(meaning) else ()

    def version_of(self, taxonomy: Taxonomy) -> int:
        """Find the version that a taxonomy equals (the newest, where several do).

        Raises
        ------
        TaxonomyMismatch
            If it never was a version; the message names the edits that would lead to it.
        """
        if equal := [v for v in (*self.versions, *self.forks.steps) if self.versions[v].digest == taxonomy.digest]:
            return max(equal)
        today, names = self.today, list(self.today.names)
        has = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        steps = [str(edit) for edit in between(today, taxonomy)]
        more = ", ..." if len(steps) > 8 else ""
        raise TaxonomyMismatch(
            f"the project is at taxonomy v{today.version}, which has: {has}. The taxonomy given was never one of its "
            f"versions. These edits would lead there: wb.apply([{', '.join(steps[:8])}{more}]). Open the project "
            "without a taxonomy and apply them, or choose another folder.")

    def answer(self, name_or_id: str) -> Label:
        """Find today's answer of this id, path or name, or of a former name that means one answer today.

        Raises
        ------
        UnknownLabel
            If no label ever had this name, or it isn't certain which label of today is meant; the message says what
            became of it.
        """
        try:
            return self.today.answer(name_or_id)
        except UnknownLabel as error:
            former = self._formerly(name_or_id)
            meanings = {self.exactly(*pair) for pair in former}
            if len(meanings) == 1 and (label_id := meanings.pop()) is not None:
                return self.today.label(label_id)
            if not former:
                if (step := next((step for step in self.forks.unsettled if self._made_by(step, name_or_id)), None)):
                    raise UnknownLabel(f"{error} {name_or_id!r} is a label of an edit by {step.annotator} that was "
                                       "made apart and isn't settled: see wb.edits.unsettled().") from None
                raise
            fates = dict.fromkeys(self._fate(label_id, version, name_or_id) for label_id, version in former)
            raise UnknownLabel(" ".join([str(error), *fates])) from None

    def _made_by(self, step: Step, name: str) -> bool:
        return name in self.versions[step.version] and name not in self.versions[step.before or 0]

    def means(self, name_or_id: str, label_id: str | None, version: int | None) -> bool:
        """Whether a name or id meant this label_id under a version of the taxonomy (None: the first).

        Former names count, too, if no label had the name in that version.
        """
        version = version or self.steps[0].version
        if (key := (name_or_id, version)) not in self._meant:
            try:
                self._meant[key] = self.versions[version].label(name_or_id).id
            except UnknownLabel:
                meanings = {self.resolve(*pair, version) for pair in self._formerly(name_or_id, version)}
                meaning = meanings.pop() if len(meanings) == 1 else ()
                self._meant[key] = meaning[0] if len(meaning) == 1 else None
        return label_id is not None and self._meant[key] == label_id

    def _formerly(self, name: str, to: int | None = None) -> list[tuple[str, int]]:
        """List the answers that had a name which no label has at a version (None: today).

        Each is a label_id and the last version in which it had the name; empty for a version that doesn't hold
        (below 0).
        """
        to = self.today.version if to is None else to
        if to < 0 or not isinstance(name, str) or any(label.name == name.strip() for label in self.versions[to].labels):
            return []
        last: dict[str, int] = {}
        for version, taxonomy in self.versions.items():
            if version <= to:
                with suppress(UnknownLabel):
                    last[taxonomy.answer(name).id] = version
        return list(last.items())

    def _fate(self, label_id: str, version: int, name: str) -> str:
        if label_id not in self.today:
            return self.fate_of(label_id, name)
        return f"{name!r} was renamed to {self.today.name_of(label_id)!r} in v{version + 1}."

    def fate_of(self, label_id: str, name: str) -> str:
        """Return a sentence on who removed a label that no longer exists."""
        had = [step.version for step in self.steps if label_id in self.versions[step.version]]
        step = next((step for step in self.steps if had and step.version > had[-1]), None)
        if step is None:
            return f"Label “{name}” is there no more."
        return f"Label “{name}” was taken away by {step.annotator} in version {step.version}: {step.prose}"

    def fate_of_attribute(self, attribute_id: str, name: str) -> str:
        """Return a sentence on who retired an attribute that no longer exists."""
        had = [step.version for step in self.steps if _attribute_of(self.versions[step.version], attribute_id)]
        step = next((step for step in self.steps if had and step.version > had[-1]), None)
        if step is None:
            return f"Attribute “{name}” is there no more."
        return f"Attribute “{name}” was retired by {step.annotator} in version {step.version}: {step.prose}"

    def _follow(self, label_id: str, version: int, to: int) -> tuple[str, ...]:
        """Follow a label from one version to another, also through labels that aren't answers.

        Each result is built on the cached one before the last step, so that an edit costs one step, however long the
        history is.
        """
        key = (label_id, version, to)
        if key not in self._passed:
            stages = self.stages(version, to)
            meaning: tuple[str, ...] = (label_id,)
            if stages and stages[-1].before is not None and stages[-1].version == to \
                    and (before := self._passed.get((label_id, version, stages[-1].before))) is not None:
                meaning, stages = before, stages[-1:]
            for step in stages:
                if meaning == (label_id,):  # as most are through most steps
                    meaning = step.resolution.get(label_id, meaning)
                else:
                    meaning = compose({label_id: meaning}, step.resolution)[label_id]
            self._passed[key] = meaning
        return self._passed[key]

    def _from_fork(self, label_id: str, version: int, to: int) -> tuple[tuple[str, ...], bool]:
        """Follow a label of a fork's version: back to where the fork branches off, and on from there.

        Returns
        -------
        meaning : tuple of str
            As from `_follow`. The fork's steps are undone as if they were reverted, except steps that were applied
            later: from such a step on, the label is followed like one that was given there.
        pending : bool
            Whether a step that isn't settled changed the label.
        """
        meaning, out, pending = tuple[str, ...]((label_id,)), list[str](), False
        for step in self.forks.path(version):
            back = self.forks.back(step, self)
            made = [one for one in meaning if back.get(one, (one,)) != (one,)]
            if (applied := self.forks.applied(step, to)) is not None:
                made += [one for one in meaning if one not in made and step.resolution.get(one, (one,)) != (one,)]
                for one in made:
                    out += self._follow(applied.twins.get(one, one), applied.version, to)
                meaning = tuple(one for one in meaning if one not in made)
            elif made and not self.forks.is_settled(step):
                pending = True
            meaning = compose({label_id: meaning}, back)[label_id]
        branch = self.forks.branch(version)
        out += [new for one in meaning for new in self._follow(one, branch, to)]
        return tuple(dict.fromkeys(out)), pending

    def _instead_of(self, version: int) -> Step:
        """Find the step that holds and started where a version's fork branches off; the last step if none did."""
        branch = self.forks.branch(version)
        return next((step for step in self.steps if step.before == branch), self.steps[-1])

    def _remaining(self, label_id: str, version: int | None) -> tuple[str, ...]:
        if version is not None and version < 0:  # another edit may have made the same label, with the same id
            likely = self._from_fork(label_id, version, self.steps[-1].version)[0] or (label_id,)
            return tuple(one for one in likely if one in self.today.answerable)
        remaining: tuple[str, ...] = (label_id,)
        for step in self.stages(version):
            after = self.versions[step.version]
            next_ids = [new for old in remaining for new in step.resolution.get(old, (old,)) or (old,)]
            remaining = tuple(dict.fromkeys(new for old in next_ids for new in _answers_at(after, old)))
        return tuple(label_id for label_id in remaining if label_id in self.today.answerable)


# 15 branches: an edit of an older version names labels of that time, which are found again today or reported as
# removed.
def change(edits: Sequence[Edit], base: int, lineage: Lineage, *, twins: Mapping[str, str] | None = None) -> Change:
    """Apply edits that were made for the version `base` to today's taxonomy.

    Each edit refers to labels of that version, whatever they are called now. Later edits may refer to labels that
    earlier ones make, and to those of `twins` (id in that version -> id today).

    Raises
    ------
    EditError
        If the log has no such version, an edit doesn't fit, or a label no longer exists; the message says who removed
        it, and how.
    """
    if base not in lineage.versions:
        raise EditError(f"base is version {base!r}; the log has {', '.join(map(str, lineage.versions))}.")
    then, now = lineage.versions[base], lineage.today
    resolution: Resolution = {label_id: (label_id,) for label_id in now.label_ids}
    # Ids of labels and attributes that these edits make: id in the older version -> id today.
    twins, known = dict(twins or {}), dict(twins or {})
    values: dict[str, list[ValueMap]] = {}

    def call(one: Label | Attribute) -> str:
        id = twins.get(one.id, one.id)
        if isinstance(one, Attribute):
            if (today := _attribute_of(now, id)) is None:
                raise EditError(lineage.fate_of_attribute(id, one.name))
            return today.name
        if id not in now:
            raise EditError(lineage.fate_of(id, one.name))
        return now.name_of(id)

    rebased: list[Edit] = []
    for edit in edits:
        after = None if then is now else edit.apply(then)[0]
        rebased.append(edit if after is None else edit.with_names(then, call))
        try:
            later, became = rebased[-1].apply(now)
        except EditError as error:
            raise _explained(error, rebased[-1], lineage) from error
        resolution = compose(resolution, became)
        for attribute_id, one in rebased[-1].value_maps(now).items():
            values.setdefault(attribute_id, []).append(one)
        if after is None:
            then = now = later
        else:
            made, today = _made(then, after), _made(now, later)
            if len(made) > len(today):  # a merge into a new name that one of the labels has got since
                raise _no_new_label(rebased[-1], now, later, lineage)
            twins |= dict(zip(made, today, strict=True))
            then, now = after, later
    return Change(now, resolution, rebased, values=values, twins={
        id: today for id, today in twins.items() if id != today and known.get(id) != today})


def unknown_in(label_id: str, version: int | None, lineage: Lineage) -> frozenset[str]:
    """Return the label_ids of today's labels of which a set doesn't say whether they are on: they were added later.

    Empty for a single label, which excludes all others, also those that were added later.
    """
    return added_since(version, lineage) if is_set(label_id) else frozenset()


def added_since(version: int | None, lineage: Lineage) -> frozenset[str]:
    """Return the label_ids of today's labels that were added after a version: a set of that version lacks them."""
    sources = lineage._of_version(version or lineage.steps[0].version)
    return frozenset(today for today, of_label in sources.items() if not of_label)


def factorize(label_ids: Sequence[str | None], versions: Sequence[int | None]
              ) -> tuple[list[tuple[str | None, int | None]], npt.NDArray[np.int64]]:
    """List the distinct pairs of label_id (or None) and version, and the index of each row's pair.

    A million answers have only a few hundred different pairs, so that each meaning is looked up once.

    >>> factorize(["a", "b", "a"], [1, 1, 1])
    ([('a', 1), ('b', 1)], array([0, 1, 0]))
    """
    index = {pair: code for code, pair in enumerate(dict.fromkeys(zip(label_ids, versions, strict=True)))}
    return list(index), np.fromiter(map(index.__getitem__, zip(label_ids, versions, strict=True)), np.int64,
                                    len(label_ids))


# 13 branches: fields that are missing in a first version, a fork, a reverting step and logs of earlier versions.
def _step(event: Event, earlier: Sequence[Step], forked: Mapping[int, Step]) -> Step:
    """Read the step of an event of kind "taxonomy"."""
    body, reverts = event.body, event.body.get("reverts")
    version = int(body.get("fork") or body["taxonomy"]["version"])
    before = (earlier[-1].version if earlier else None) if version >= 0 else int(body["after"])
    reverted = next((step for step in (*reversed(earlier), *forked.values()) if step.id == reverts), None) \
        if reverts else None
    prose = _prose_of_revert(reverted.prose) if reverted else " ".join(
        from_body(edit).prose() for edit in body["edits"]) or "The taxonomy as the project began."
    if odd := [new for new in body["resolution"].values() if not all(isinstance(one, str) for one in new)]:
        raise ValueError(f"a label became {odd[0]!r:.80}")
    return Step(event.id, version, before, event.annotator,
                event.acted_at, body.get("why"), tuple(body["edits"]),
                {old: tuple(new) for old, new in body["resolution"].items()},
                {attribute_id: tuple(map(ValueMap.from_dict, maps))
                 for attribute_id, maps in body.get("values", {}).items()}, reverts, prose=prose,
                settles=body.get("settles"), twins=dict(body.get("twins", {})))


def _added(step: Step) -> frozenset[str]:
    """List the names of the labels that a step added whose items may have been answered with others."""
    return frozenset(edit["label"] for edit in step.edits if edit["edit"] == "add" and edit.get("like"))


def _with_reverts(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Note in each step the one that reverts it, if that one wasn't reverted itself."""
    by: dict[str, str] = {}
    for step in reversed(steps):
        if step.reverts is not None and step.id not in by:
            by[step.reverts] = step.id
    return tuple(step if step.reverted_by == by.get(step.id) else replace(step, reverted_by=by.get(step.id))
                 for step in steps)


def _prose_of_revert(prose: str) -> str:
    back, again = "Take back: ", "Again: "
    return again + prose.removeprefix(back) if prose.startswith(back) else back + prose.removeprefix(again)


def _answers_at(taxonomy: Taxonomy, label_id: str) -> tuple[str, ...]:
    """Return the label itself if it is an answer or doesn't exist, else the answers under it."""
    if label_id in taxonomy.answerable or label_id not in taxonomy:
        return (label_id,)
    return tuple(label.id for label in taxonomy.below(label_id) if label.id in taxonomy.answerable)


def _explained(error: EditError, edit: Edit, lineage: Lineage) -> EditError:
    """Add to the error what became of the first label that the edit names by a former name."""
    for name in edit.called():
        if name in lineage.today:
            continue
        for step in reversed(lineage.steps):
            try:
                label = lineage.versions[step.version].label(name)
            except UnknownLabel:
                continue
            if label.id in lineage.today:
                return EditError(f"{error} “{name}” is called “{lineage.today.name_of(label.id)}” by now.")
            return EditError(f"{error} {lineage.fate_of(label.id, name)}")
    return error


def _no_new_label(edit: Edit, before: Taxonomy, after: Taxonomy, lineage: Lineage) -> EditError:
    """Explain that a merge would make no new label, since one of its labels has got the new name."""
    label = next(label for label in map(before.label, edit.called()) if label.id in after)
    step = next((step for step in reversed(lineage.steps) if step.before is not None and label.id in (
        was := lineage.versions[step.before]) and was.label(label.id).name != label.name), None)
    renamed = "" if step is None else f" It was renamed by {step.annotator} in version {step.version}: {step.prose}"
    return EditError(f"{edit} doesn't fit taxonomy v{before.version}: “{label.name}” was to be a new label, but one of "
                     f"the merged labels has this name now.{renamed} Look at today's labels, and merge them again.")


def _made(before: Taxonomy, after: Taxonomy) -> list[str]:
    """List the ids of the labels and attributes that an edit added, in order."""
    former, later = ([*(label.id for label in taxonomy.labels), *(one.id for one in taxonomy.attributes)]
                     for taxonomy in (before, after))
    return [id for id in later if id not in set(former)]


def _attribute_of(taxonomy: Taxonomy, attribute_id: str) -> Attribute | None:
    return next((one for one in taxonomy.attributes if one.id == attribute_id), None)
