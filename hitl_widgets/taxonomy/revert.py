"""Reverting a step of the taxonomy, also after later steps.

The step's changes of labels are undone. Later steps stay, if they didn't change these labels. Read
`revert_step` first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from typing import NamedTuple

from ..errors import EditError, TaxonomyError, UnknownLabel
from .attributes import Attribute
from .edits import Edit, Resolution, compose, from_body
from .history import Change, Lineage, Step, ValueMaps
from .labels import Label, Taxonomy
from .value_maps import ValueMap

_FIELDS = [f.name for f in fields(Label) if f.name != "id"]
_ATTRIBUTE_FIELDS = [f.name for f in fields(Attribute) if f.name != "id"]


class _Traces(NamedTuple):
    """What a step changed.

    Parameters
    ----------
    came, went : set of str
        Ids of labels and attributes that it added and removed.
    changed : set of (id, field)
        Fields of labels and attributes that stayed.
    followed : set of str
        Ids of attributes whose labels were replaced, as after a split: added labels are removed again and removed ones
        restored, whatever became of the others since.
    answers : set of str
        label_ids whose answers changed their meaning, and what they became.
    needed : set of str
        label_ids that have to exist: the parents of labels that were added, removed or moved.
    asked, asks : set of str
        label_ids for which an attribute was asked before but not after, and the reverse.
    inner : bool
        Whether it changed whether labels with others under them may be answers.
    """

    came: set[str]
    went: set[str]
    changed: set[tuple[str, str]]
    followed: set[str]
    answers: set[str]
    needed: set[str]
    asked: set[str]
    asks: set[str]
    inner: bool

    def rest_on(self, earlier: _Traces) -> bool:
        """Whether the earlier step can't be undone while this one is in force."""
        ids = {label_id for label_id, _ in self.changed} | self.went | self.needed | self.asks | self.answers
        labels, earlier_labels = ({id for id, name in traces.changed if name == "labels"} for traces in (self, earlier))
        return bool(ids & earlier.came or self.changed & earlier.changed or self.answers & earlier.answers
                    or (labels | self.went) & earlier.followed or self.followed & earlier_labels
                    or self.went & ({label_id for label_id, _ in earlier.changed} | earlier.needed | earlier.asked)
                    or (self.inner and earlier.inner))


# 15 branches: the reasons why a step can't be reverted, each with its own message.
def revert_step(lineage: Lineage, step_id: str) -> Change:
    """Work out today's taxonomy without one step, and what becomes of today's answers.

    Removed labels and attributes are restored with their ids, changed fields get their former values, and additions are
    removed. Answers from before the step have their former meaning again (`Lineage.stages`). In answers given after the
    step, a part of a split means the whole, and a merged label is in doubt among its parts; the rest stays, or has to
    be asked again. A value is mapped back to the value that it came from, if there is only one.

    Raises
    ------
    EditError
        If there is no such step, it was reverted already, or later steps depend on it; the message names them.
    """
    step = next((step for step in lineage.steps if step.id == step_id), None)
    if step is None or step.before is None:
        latest = ", ".join(repr(step.id) for step in lineage.steps[-5:] if step.before is not None)
        raise EditError(f"edit {step_id!r} can't be taken back: " + (
            "it is how the project began." if step else f"there is none of this id. The latest are {latest or 'none'}; "
            "wb.edits() has them all."))
    if step.reverted_by is not None:
        by = next(other for other in lineage.steps if other.id == step.reverted_by)
        raise EditError(f"{_named(step)} was taken back already, by {by.annotator} in version {by.version}. To have it "
                        f"again, take that back: wb.revert({by.id!r}).")
    step = _in_force(lineage, step)
    traces = _traces(lineage, step)
    later = _effective_after(lineage, step)
    if resting := [other for other in later if _traces(lineage, other).rest_on(traces)]:
        raise EditError(_refusal(step, resting))
    today = lineage.today
    try:
        after = _without(lineage, step, today)
    except (TaxonomyError, UnknownLabel) as error:
        # The first version in which it can't be undone shows the step in the way, which reused a name or a key.
        blocking = next(other for other in later if not _can(lambda at=other.version: _without(  # type: ignore[misc]
            lineage, step, lineage.versions[at])))
        raise EditError(f"{_refusal(step, [blocking])} The reason: {error}") from error
    back, stay = reverse(lineage, step), set(after.label_ids)
    resolution = {old: back.get(old, (old,)) for old in today.label_ids}
    return Change(after, {old: new if set(new) <= stay else () for old, new in resolution.items()}, reverts=step.id,
                  values=_values_back(lineage, step))


def _in_force(lineage: Lineage, step: Step) -> Step:
    """Return the step by which a step is in force: the last one that redid it, or the step itself.

    An answer that was given while it was undone is older than the step that redid it, and has its former meaning again
    if that one is reverted.
    """
    again = {one.reverted_by for one in lineage.steps if one.reverts == step.id} - {None}
    return next((_in_force(lineage, one) for one in lineage.steps if one.id in again), step)


def _effective_after(lineage: Lineage, step: Step) -> list[Step]:
    """List the later steps, without those that were undone and the steps that undid them."""
    later = [other for other in lineage.steps if other.version > step.version]
    ids = {other.id for other in later}
    return [other for other in later if other.reverted_by is None and other.reverts not in ids]


# 19 branches: one line for each set of changes.
def _traces(lineage: Lineage, step: Step) -> _Traces:
    assert step.before is not None
    before, after = lineage.versions[step.before], lineage.versions[step.version]
    old, new = ({label.id: label for label in taxonomy.labels} for taxonomy in (before, after))
    asked, asks = ({one.id: one for one in taxonomy.attributes} for taxonomy in (before, after))
    came, went = set(new.keys() - old.keys()), set(old.keys() - new.keys())
    changed, of_attributes = _changed(old, new, _FIELDS), _changed(asked, asks, _ATTRIBUTE_FIELDS)
    followed = set() if _names_labels(lineage, step) else {id for id, name in of_attributes if name == "labels"}
    moved = {label_id for label_id, name in changed if name == "parent"}
    above = {new[label_id].parent for label_id in came | moved} | {old[label_id].parent for label_id in went | moved}
    of_before, of_after = ({(id, label_id) for id, one in attributes.items() for label_id in one.labels}
                           for attributes in (asked, asks))
    answers = {label_id for label_id, stands in step.resolution.items() if stands != (label_id,)}
    answers |= {label_id for other in answers for label_id in step.resolution[other]}
    return _Traces(
        came=came | (asks.keys() - asked.keys()), went=went | (asked.keys() - asks.keys()),
        changed=changed | (of_attributes - {(id, "labels") for id in followed}), followed=followed,
        answers=answers | set(step.values), needed={label_id for label_id in above if label_id},
        asked={label_id for _, label_id in of_before - of_after} - went,
        asks={label_id for _, label_id in of_after - of_before} - came,
        inner=before.inner_answers != after.inner_answers)


def _changed(before: Mapping[str, object], after: Mapping[str, object], names: Iterable[str]) -> set[tuple[str, str]]:
    """List the fields, as (id, field), in which labels or attributes of both versions differ."""
    return {(id, name) for id in before.keys() & after.keys() for name in names
            if getattr(before[id], name) != getattr(after[id], name)}


def _names_labels(lineage: Lineage, step: Step) -> bool:
    """Whether a step names the labels of an attribute."""
    while step.reverts is not None:
        step = next(other for other in lineage.steps if other.id == step.reverts)
    return any(edit["edit"] == "change_attribute" and "labels" in edit for edit in step.edits)


def _without(lineage: Lineage, step: Step, taxonomy: Taxonomy) -> Taxonomy:
    """Return a later taxonomy with all changes of a step undone."""
    assert step.before is not None
    before, traces = lineage.versions[step.before], _traces(lineage, step)
    was: dict[str, dict[str, object]] = {}
    for id, name in traces.changed:
        one = before.label(id) if id in before else before.attribute(id)
        was.setdefault(id, {})[name] = getattr(one, name)
    labels = {label.id: replace(label, **was.get(label.id, {})) for label in taxonomy.labels  # type: ignore[arg-type]
              if label.id not in traces.came}
    labels |= {label.id: label for label in before.labels if label.id in traces.went}
    back = {label_id for label_id in labels if label_id in traces.went or "parent" in was.get(label_id, {})}
    former = (taxonomy.former_ids - traces.went) | traces.came
    inner = before.inner_answers if traces.inner else taxonomy.inner_answers
    return Taxonomy([labels[label_id] for label_id in _in_order(labels, back, before)],
                    version=taxonomy.version + 1, former_ids=former, inner_answers=inner,
                    attributes=_attributes_without(lineage, step, taxonomy, was))


def _in_order(label_ids: Collection[str], back: set[str], before: Taxonomy) -> list[str]:
    """Order the labels: a label that is restored or moved back follows the one that it followed before."""
    follow: dict[str | None, list[str]] = {}
    previous: str | None = None
    for label in before.labels:
        if label.id in back:
            follow.setdefault(previous, []).append(label.id)
        elif label.id in label_ids:
            previous = label.id
    return [*follow.get(None, ()), *(label_id for kept in label_ids if kept not in back
                                     for label_id in (kept, *follow.get(kept, ())))]


def _attributes_without(lineage: Lineage, step: Step, taxonomy: Taxonomy, was: Mapping[str, Mapping[str, object]]
                        ) -> list[Attribute]:
    """Return a later taxonomy's attributes without a step; restored ones are asked last."""
    assert step.before is not None
    asked, asks = ({one.id: one for one in lineage.versions[version].attributes}
                   for version in (step.before, step.version))
    attributes: list[Attribute] = []
    for one in taxonomy.attributes:
        if one.id in asks and one.id not in asked:
            continue
        new = dict(was.get(one.id, {}))
        if one.id in asked and one.id in asks and "labels" not in new:
            new["labels"] = _labels_without(one, asked[one.id].labels, asks[one.id].labels)
        attributes.append(replace(one, **new))  # type: ignore[arg-type]
    return [*attributes, *(one for id, one in asked.items() if id not in asks)]


def _labels_without(attribute: Attribute, before: Collection[str], after: Collection[str]) -> tuple[str, ...]:
    """List an attribute's labels without the step that changed them from `before` to `after`."""
    labels = tuple(dict.fromkeys([*(id for id in attribute.labels if id in before or id not in after),
                                  *(id for id in before if id not in after)]))
    if attribute.labels and not labels:
        raise TaxonomyError(f"the attribute {attribute.name!r} would be asked of no label.")
    return labels


def _values_back(lineage: Lineage, step: Step) -> ValueMaps:
    """Return the maps from values given after a step to values without it."""
    if step.reverts is not None:  # undoing an undo is redoing
        return next(other for other in lineage.steps if other.id == step.reverts).values
    back = dict[str, list[ValueMap]]()
    for edit, before, *_ in made_again(lineage, step):
        for attribute_id, one in edit.value_maps_back(before).items():
            back.setdefault(attribute_id, []).insert(0, one)
    return back


def made_again(lineage: Lineage, step: Step) -> Iterator[tuple[Edit, Taxonomy, Taxonomy, Resolution]]:
    """Repeat the edits of a step: yield each with the taxonomies before and after it, and its resolution."""
    assert step.before is not None
    taxonomy = lineage.versions[step.before]
    for body in step.edits:
        edit = from_body(body).as_made(taxonomy, lineage.versions[step.version])
        after, resolution = edit.apply(taxonomy)
        yield edit, taxonomy, after, resolution
        taxonomy = after


def reverse(lineage: Lineage, step: Step) -> Resolution:
    """Return what answers given after a step mean without it."""
    if step.reverts is not None:  # undoing an undo is redoing
        every = (*lineage.steps, *lineage.forks.steps.values())
        return dict(next(other for other in every if other.id == step.reverts).resolution)
    stages = [_reverse_of_one(before, after, resolution) for _, before, after, resolution in made_again(lineage, step)]
    back: Resolution = {label_id: (label_id,) for label_id in lineage.versions[step.version].label_ids}
    for stage in reversed(stages):
        back = compose(back, stage)
    return back


def _reverse_of_one(before: Taxonomy, after: Taxonomy, resolution: Resolution) -> Resolution:
    back: Resolution = {}
    for label in after.answers:
        parts = tuple(old for old in before.label_ids if label.id in resolution[old] and old not in after.label_ids)
        if label.id in before.label_ids:  # with what was merged or retired into it
            back[label.id] = (label.id, *parts)
        elif label.id in before:  # it had others under it, and may mean any of them
            back[label.id] = ()
        else:
            back[label.id] = parts or _above(label, before, after)
    return back


def _above(label: Label, before: Taxonomy, after: Taxonomy) -> tuple[str, ...]:
    """Find the nearest former answer above a new label, which is a part of it."""
    while label.parent is not None:
        label = after.label(label.parent)
        if label.id in before.label_ids:
            return (label.id,)
    return ()


def _named(step: Step) -> str:
    return f"version {step.version} ({step.prose.rstrip('.')})"


def _refusal(step: Step, resting: list[Step]) -> str:
    many = len(resting) > 1
    names = "; ".join(f"version {step.version} by {step.annotator}: {step.prose} ({step.id!r})" for step in resting)
    return f"{_named(step)} can't be taken back, since {'later edits rest' if many else 'a later edit rests'} on it: " \
           f"{names}. Take {'these back first, the newest first,' if many else 'that back first'} with wb.revert(...)."


def _can(act: Callable[[], object]) -> bool:
    try:
        act()
    except (TaxonomyError, UnknownLabel):
        return False
    return True
