"""What does a label of yesterday's taxonomy mean today?

The taxonomies of a project in the order of their versions, with the step from each to the next. Read
`Lineage.resolve` first: every old answer passes through it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import TaxonomyMismatch
from ..events import Event
from .diff import between
from .edits import compose, from_body
from .labels import Taxonomy

Resolution = Mapping[str, Sequence[str]]


def taxonomy_event(taxonomy: Taxonomy, *, id: str, annotator: str, acted_at: datetime, edits: Iterable[Any] = (),
                   resolution: Resolution | None = None, why: str | None = None, reverts: str | None = None) -> Event:
    """The event that makes a taxonomy today's. `resolution` tells what became of the labels that changed; `reverts`
    is the id of the event that this one takes back."""
    body = {"taxonomy": taxonomy.to_dict(), "edits": [edit.to_dict() for edit in edits], "why": why,
            "resolution": {old: list(new) for old, new in (resolution or {}).items()}}
    return Event(id=id, kind="taxonomy", annotator=annotator, acted_at=acted_at,
                 body=body if reverts is None else body | {"reverts": reverts})


@dataclass(frozen=True)
class Step:
    """How a version of the taxonomy came about: by edits that hold together, or by taking such a step back.

    `version` is the one it led to, `before` the one it started from (None for the project's first). `resolution` tells
    what became of each answer; `reverts` is the id of the step that this one takes back, `reverted_by` of the one that
    takes this one back now.
    """

    id: str
    version: int
    before: int | None
    annotator: str
    acted_at: datetime
    why: str | None
    edits: tuple[Mapping[str, Any], ...]
    resolution: Mapping[str, tuple[str, ...]]
    reverts: str | None = None
    reverted_by: str | None = None
    prose: str = ""


def _undone(prose: str) -> str:
    back, again = "Take back: ", "Again: "
    return again + prose.removeprefix(back) if prose.startswith(back) else back + prose.removeprefix(again)


class _Versions(Mapping[int, Taxonomy]):
    """Taxonomies by version, each built when it is first asked for: a long history costs nothing at opening."""

    def __init__(self) -> None:
        self.bodies: dict[int, Mapping[str, Any]] = {}
        self.built: dict[int, Taxonomy] = {}

    def __getitem__(self, version: int) -> Taxonomy:
        if version not in self.built:
            # Of two threads that build it at once, both get the same.
            self.built.setdefault(version, Taxonomy.from_dict(self.bodies[version]))
        return self.built[version]

    def __iter__(self) -> Iterator[int]:
        return iter(self.bodies)

    def __len__(self) -> int:
        return len(self.bodies)


class Lineage:
    """Every version of a project's taxonomy; built from the log's events of kind "taxonomy", in their order.

    Attributes
    ----------
    versions : version -> `Taxonomy`, the oldest first
    steps : one for each version, in the same order
    """

    def __init__(self, history: Iterable[Event]) -> None:
        self._events = tuple(history)
        self.versions = _Versions()
        self._resolved: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._known: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._likely: dict[tuple[str, int | None], tuple[str, ...]] = {}
        self._stages: dict[tuple[int, int], list[Step]] = {}
        taken_back: dict[str, str] = {}
        for event in reversed(self._events):  # what takes back is itself taken back, or not
            if event.id not in taken_back and (undone := event.body.get("reverts")):
                taken_back[undone] = event.id
        steps: list[Step] = []
        for event in self._events:
            body, version = event.body, int(event.body["taxonomy"]["version"])
            self.versions.bodies[version] = body["taxonomy"]
            reverts = next((step for step in steps if step.id == body.get("reverts")), None)
            prose = _undone(reverts.prose) if reverts else " ".join(
                from_body(edit).prose() for edit in body["edits"]) or "The taxonomy as the project began."
            steps.append(Step(event.id, version, steps[-1].version if steps else None, event.annotator, event.acted_at,
                              body.get("why"), tuple(body["edits"]),
                              {old: tuple(new) for old, new in body["resolution"].items()},
                              body.get("reverts"), taken_back.get(event.id), prose))
        self.steps = tuple(steps)

    def then(self, event: Event) -> Lineage:
        """The lineage with one more step."""
        later = Lineage((*self._events, event))
        later.versions.built.update(self.versions.built)
        later._known.update(self._known)
        return later

    @property
    def today(self) -> Taxonomy:
        """The newest version."""
        return self.versions[self.steps[-1].version]

    def stages(self, version: int | None, to: int | None = None) -> list[Step]:
        """The steps that an answer of some version passes on its way to another (None: the first, today).

        A step and the one that takes it back cancel out for what was answered before both: what an answer meant then,
        it means again, exactly.
        """
        key = (version or self.steps[0].version, to or self.steps[-1].version)
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

    def resolve(self, label_id: str, version: int | None, to: int | None = None) -> tuple[str, ...]:
        """What a label of some version (None: the first) means today, or meant at a later version: one label_id, when
        it is carried over exactly; several, when it is in doubt among them; none, when nothing is left of it."""
        key = (label_id, version or self.steps[0].version, to or self.steps[-1].version)
        if key not in self._resolved:
            stands = self._passed(*key)
            # A label of which a part is no answer any more is certain of nothing.
            self._resolved[key] = stands if self.versions[key[2]].answerable.issuperset(stands) else ()
        return self._resolved[key]

    def _passed(self, label_id: str, version: int, to: int) -> tuple[str, ...]:
        """What the steps from one version to another make of a label, answers or not. Each is built on what was known
        before the last step, so that one more edit costs one more step, however long the history."""
        key = (label_id, version, to)
        if key not in self._known:
            stages = self.stages(version, to)
            stands: tuple[str, ...] = (label_id,)
            if stages and stages[-1].before is not None and stages[-1].version == to \
                    and (before := self._known.get((label_id, version, stages[-1].before))) is not None:
                stands, stages = before, stages[-1:]
            for step in stages:
                if stands == (label_id,):  # as most are through most steps
                    stands = step.resolution.get(label_id, stands)
                else:
                    stands = compose({label_id: stands}, step.resolution)[label_id]
            self._known[key] = stands
        return self._known[key]

    def candidates(self, label_id: str, version: int | None) -> tuple[str, ...]:
        """The label_ids that an old answer leaves as likely today, when it isn't carried over exactly: those that it is
        in doubt among; else what is left of them, or what lies under its label now. None when it says nothing."""
        if len(stands := self.resolve(label_id, version)) > 1:
            return stands
        if (label_id, version) not in self._likely:
            self._likely[label_id, version] = self._left(label_id, version)
        return self._likely[label_id, version]

    def _left(self, label_id: str, version: int | None) -> tuple[str, ...]:
        left: tuple[str, ...] = (label_id,)
        for step in self.stages(version):
            after = self.versions[step.version]
            found = [new for old in left for new in step.resolution.get(old, (old,)) or (old,)]
            left = tuple(dict.fromkeys(new for old in found for new in self._leaves(after, old)))
        return tuple(label_id for label_id in left if label_id in self.today.label_ids)

    def blurred(self, label_id: str, version: int | None) -> Step | None:
        """The step that left an answer in doubt; None when it is carried over exactly."""
        if self.exactly(label_id, version) is not None:
            return None
        stands: tuple[str, ...] = (label_id,)
        for step in self.stages(version):
            stands = compose({label_id: stands}, step.resolution)[label_id]
            if len(stands) != 1:
                return step
        # Exact, but no answer today: by a step that cancelled out, under which another was made.
        return next((step for step in reversed(self.steps) if step.before is not None
                     and stands[0] in self.versions[step.before].label_ids
                     and stands[0] not in self.versions[step.version].label_ids), self.steps[-1])

    def _leaves(self, taxonomy: Taxonomy, label_id: str) -> tuple[str, ...]:
        """The label itself while it isn't an answer's parent only, else the answers under it."""
        if label_id in taxonomy.label_ids or label_id not in taxonomy:
            return (label_id,)
        return tuple(label.id for label in taxonomy.below(label_id) if label.id in taxonomy.label_ids)

    def exactly(self, label_id: str | None, version: int | None, to: int | None = None) -> str | None:
        """Today's label_id, or that of a later version, when it is certain, else None."""
        if label_id is None:
            return None
        stands = self.resolve(label_id, version, to)
        return stands[0] if len(stands) == 1 else None

    def columns(self, label_ids: Sequence[str]) -> np.ndarray:
        """How a model's columns add up to today's labels: float32, shape (len(label_ids), n_labels).

        A merged label sums its parts, the children of a split share their parent's probability, a new label has none
        and a retired one leaves.
        """
        today = {label_id: column for column, label_id in enumerate(self.today.label_ids)}
        sums = np.zeros((len(label_ids), len(today)), np.float32)
        # A label's id may outlive a change of its meaning: what a model's labels meant is told best by all of them.
        known = sorted(self.versions, reverse=True)
        alike = next((v for v in known if set(self.versions[v].label_ids) == set(label_ids)), None)
        for row, label_id in enumerate(label_ids):
            newest = alike or next((v for v in known if label_id in self.versions[v].label_ids), known[0])
            stands = self.resolve(label_id, newest)
            for new in stands:
                sums[row, today[new]] += 1 / len(stands)
        return sums

    def recognise(self, given: Taxonomy) -> int:
        """Which version a taxonomy equals (the newest, where several do).

        Raises
        ------
        TaxonomyMismatch
            When it was never one; the message names the edits that would lead there.
        """
        former = [v for v, t in self.versions.items() if t.digest == given.digest]
        if former:
            return max(former)
        today, names = self.today, list(self.today.names)
        has = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        steps = [str(edit) for edit in between(today, given)]
        more = ", ..." if len(steps) > 8 else ""
        raise TaxonomyMismatch(
            f"the project is at taxonomy v{today.version}, which has: {has}. The taxonomy given was never one of its "
            f"versions. These edits would lead there: wb.apply([{', '.join(steps[:8])}{more}]). Open the project "
            "without a taxonomy and apply them, or choose another folder.")


def factorize(label_ids: Sequence[str | None], versions: Sequence[int | None]
              ) -> tuple[list[tuple[str | None, int | None]], npt.NDArray[np.int64]]:
    """The distinct pairs of label_id (None where there is none) and version, and for each row the index of its pair.

    A million answers are only a few hundred different pairs: what became of a label is looked up once for each pair.

    >>> factorize(["a", "b", "a"], [1, 1, 1])
    ([('a', 1), ('b', 1)], array([0, 1, 0]))
    """
    index = {pair: code for code, pair in enumerate(dict.fromkeys(zip(label_ids, versions, strict=True)))}
    return list(index), np.fromiter(map(index.__getitem__, zip(label_ids, versions, strict=True)), np.int64,
                                    len(label_ids))
