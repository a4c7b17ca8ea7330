"""Checks of an answer and of what was on the screen, and their conversion to fields of a `Decision`.

Read `answered` first. `given_objects` does the same for objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import events
from ..errors import BadInput
from ..records import OBJECT_TASKS, Item, Seen, check_event_id, is_text, judge, judge_values
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, members, set_id
from ..taxonomy.labels import Label, Taxonomy
from .evidence import named_values, seen_now, seen_on_screen
from .given_objects import seen_objects, seen_of_objects

if TYPE_CHECKING:
    from .project import Project


def answered(project: Project, verdict: str | None, given: str | None, values: Mapping[str, Any] | None, seen: Seen,
             offered: Taxonomy) -> dict[str, Any]:
    """Turn a label or values into fields of a `Decision`: verdict, label, label_id and values."""
    if project.task == "scale":
        checked = named_values(values, offered, None)
        verdict = judge_values(verdict, checked, seen)
        return {"verdict": verdict,
                "values": dict(seen.visible_values) if verdict == "accept" and not checked else checked}
    verdict, label_id = judge(verdict, given, seen)
    return {"verdict": verdict, "label": None if label_id is None else offered.name_as_answered(label_id),
            "label_id": label_id, "values": named_values(values, offered, label_id)}


# 15 branches: one for each way of passing one or several labels, which the project's task accepts or refuses.
def given_label(project: Project, label: str | None, labels: Iterable[str] | None, offered: Taxonomy) -> str | None:
    """The id of the given label or set of labels; BadInput if the project's task asks for something else."""
    several = project.task == "multilabel"
    if project.task == "scale" and (label is not None or labels is not None):
        raise BadInput("this project asks for values of attributes alone; pass values={...} without a label.")
    if labels is not None and not several:
        raise BadInput("labels=[...] was given, and this project has one label an item; pass label=..., or make a "
                       "project with task='multilabel'.")
    if not several:
        return None if label is None else _answer(project, label, offered).id
    if label is not None and (labels is not None or not is_set(label)):
        raise BadInput(f"label={label!r} was given, and an item of this project may have several labels; pass "
                       f"labels=[{label!r}].")
    if label is not None:
        return offered.label_set(members(label))
    if labels is None:
        return None
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        return offered.label_set(labels)  # raises an error that says what is expected
    return set_id(_answer(project, one, offered).id for one in labels)


def _answer(project: Project, name_or_id: str, offered: Taxonomy) -> Label:
    """Find a label in the taxonomy that was offered. Former names are known only in today's taxonomy."""
    return project.lineage.answer(name_or_id) if offered is project.taxonomy else offered.answer(name_or_id)


def what_was_seen(project: Project, seen: Seen | Mapping[str, Any] | None, position: int, verdict: str | None,
                  annotator: str) -> Seen:
    """Complete the record of what was on the screen, for the log; for a script, make it from the current prediction."""
    if seen is not None:
        seen = seen if isinstance(seen, Seen) else Seen.from_dict(seen)
    if seen is None or seen.taxonomy not in project.lineage.versions:
        project.refresh()  # the taxonomy may have changed elsewhere; the card says which one it showed
    if seen is not None:
        # The screen gave another reason for asking, so that people don't recognise a planted suggestion.
        seen = seen_on_screen(replace(seen, chosen_by="planted") if seen.planted else seen, project.lineage)
        return seen if project.task not in OBJECT_TASKS else \
            seen_objects(seen, project.lineage.versions[seen.taxonomy or project.taxonomy.version], project.lineage)
    # On a blind item, a script that passes neither "accept" nor "correct" answers blind, as a person would.
    item_id = str(project.pool.ids[position])
    hidden = verdict not in ("accept", "correct") and (
        project.queue.is_blind(position) or (project.queue.audit.is_drawn(position) and
                                             project.asking.arms.of(annotator, item_id, audited=True).arm == "blind"))
    if project.task in OBJECT_TASKS:
        return seen_of_objects(project, Item(item_id, position, "script", hidden), annotator, scripted=True)
    return seen_now(project.prediction(position), hidden=hidden, chosen_by="script", taxonomy=project.taxonomy.version,
                    scripted=True, values=project.predicted_values(position))


def sent_before(project: Project, seen: Seen | Mapping[str, Any] | None, id: str, position: int,
                annotator: str) -> Seen | None:
    """What was on the screen, for a decision that is sent a second time and is already in the log.

    A missing taxonomy version, or the whole record of a scripted decision, is taken from the log. So the decision means
    the same as at first, even if the labels were edited or another model was adopted in between.
    """
    check_event_id(id)
    if seen is not None and not isinstance(seen, Seen):
        seen = Seen.from_dict(seen)
    if seen is not None and seen.taxonomy is not None:
        return seen
    former = project.log.get(id)
    if former is None or (former.kind, former.item_id, former.annotator) != (
            "decided", str(project.pool.ids[position]), annotator):
        return seen
    before = events.decision_of(former).seen
    if seen is not None:
        return replace(seen, taxonomy=before.taxonomy)
    return before if before.scripted else None


def as_offered(seen: Seen, label: str | None, lineage: Lineage) -> Seen:
    """Correct `seen` for a screen whose taxonomy version became invalid when logs were joined in the meantime."""
    version = seen.taxonomy
    if seen.scripted or version is None or label is None or label in lineage.versions[version]:
        return seen
    numbers = [number for number in lineage.forks.steps if lineage.versions[number].version == version]
    number = next((number for number in reversed(numbers) if label in lineage.versions[number]), None)
    return seen if number is None else replace(seen, taxonomy=number)


def check_repeat(project: Project, seen: Seen, item_id: str, annotator: str) -> None:
    """Raise BadInput if `seen.repeat_of` is given, but isn't a decision of the same person on the same item."""
    if seen.repeat_of is None:
        return
    former = project.log.get(seen.repeat_of) if is_text(seen.repeat_of) else None
    if former is None or (former.kind, former.item_id, former.annotator) != ("decided", item_id, annotator):
        raise BadInput(f"seen.repeat_of is {seen.repeat_of!r}; the id of a decision of {annotator} on item "
                       f"{item_id!r} is expected.")
