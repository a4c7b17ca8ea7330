"""Objects that a person or a script passes for an item: checks of them, and what became of each proposal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, ModelError, UnknownLabel
from ..objects.deciding import accepted, checked_seen, given_shapes, judge_objects, judge_reasons, verdict_of
from ..records import SHAPE_OF, Item, ObjectAnswer, ObjectReason, Seen
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import set_id
from ..taxonomy.labels import Taxonomy
from .evidence import explanation_feedback
from .shown_objects import Shown, shown

if TYPE_CHECKING:
    from .project import Project


def answered_objects(project: Project, position: int, objects: Iterable[Any] | None, verdict: str | None, seen: Seen,
                     offered: Taxonomy, decision_id: str) -> dict[str, Any]:
    """Check the objects that were given for an item, and return the fields of a `Decision` that follow from them.

    Parameters
    ----------
    project : Project
    position : int
        Position of the item in the pool.
    objects : iterable or None
        See `Workbench.decide`.
    verdict : str or None
    seen : Seen
        What was on the screen, checked.
    offered : Taxonomy
        The version that was on the screen.
    decision_id : str

    Returns
    -------
    dict
        verdict, label, label_id, objects and size.

    Raises
    ------
    BadInput, UnknownLabel
        When an object can't be used, or verdict and objects contradict each other.
    """
    kind = SHAPE_OF[project.task]
    if objects is None and verdict == "accept":
        # When an earlier answer is reviewed, its verdict is kept.
        objects, verdict = accepted(seen), None
    answers: tuple[ObjectAnswer, ...] | None = None
    if objects is not None:  # an item that can't be shown has no size, but can still be flagged or skipped
        height, width = project.pool.size(position)
        size = (int(width), int(height))
        text = project.pool.load(position) if kind == "span" else None
        shapes = given_shapes(objects, kind, size, decision_id=decision_id)
        label_ids = [_label_id(project, one.label, offered, kind) for one in shapes]
        answers = judge_objects([replace(one, label=label_id) for one, label_id in zip(shapes, label_ids, strict=True)],
                                seen, size=size, name_of=_name_of(project, offered), text=text)
    verdict = verdict_of(verdict, answers, seen)
    if answers is None:
        return {"verdict": verdict, "label": None, "label_id": None}
    label_id = set_id(one.label_id for one in answers if one.is_there)
    return {"verdict": verdict, "label": offered.name_as_answered(label_id), "label_id": label_id, "objects": answers,
            "size": size}


def given_reasons(project: Project, position: int, reasons: Mapping[str, Any] | None,
                  objects: Iterable[ObjectAnswer] | None, seen: Seen) -> tuple[ObjectReason, ...]:
    """Check an annotator's feedback on the explanations of single objects: see `deciding.judge_reasons`.

    Parameters
    ----------
    project : Project
    position : int
        Position of the item in the pool.
    reasons : mapping or None
        See `Workbench.decide`.
    objects : iterable of ObjectAnswer or None
        The objects of the decision, with deleted proposals.
    seen : Seen
        What was on the screen, checked.
    """
    return () if reasons is None else judge_reasons(
        reasons, objects or (), seen, partial(explanation_feedback, project.pool, position))


def seen_objects(seen: Seen, offered: Taxonomy, lineage: Lineage) -> Seen:
    """Check the objects that were on a screen, and those that were withheld.

    Parameters
    ----------
    seen : Seen
    offered : Taxonomy
        The version that was on the screen.
    lineage : Lineage
        An object that was withheld at an earlier answer may have a label that isn't offered any more.

    Raises
    ------
    BadInput, UnknownLabel
        When one of them isn't an object, or has a label that wasn't offered.
    """
    def offered_id(label: str) -> str:
        return offered.label(label).id

    def withheld_id(label: str) -> str:
        return label if label not in offered and lineage.versions.newest_with(label) else offered_id(label)

    return replace(seen, objects=tuple(checked_seen(one, offered_id) for one in seen.objects),
                   withheld=tuple(checked_seen(one, withheld_id) for one in seen.withheld))


def seen_of_objects(project: Project, item: Item, annotator: str, *, scripted: bool = False) -> Seen:
    """What a person would see of an item now, where objects are asked for."""
    try:
        now = shown(project, item, annotator)
    except ModelError as error:  # nothing was proposed then; the answer is stored all the same
        project.notify(f"Nothing was proposed for item {item.id!r}: {error}")
        now = Shown(hidden=item.blind)
    arm = item.arm if now.model is not None or item.arm is None else "none"
    return Seen(hidden=now.hidden, chosen_by=item.chosen_by, taxonomy=project.taxonomy.version, scripted=scripted,
                model=now.model, repeat_of=item.repeat_of, objects=now.objects, withheld=now.withheld,
                threshold=now.threshold, threshold_probability=now.threshold_probability, arm=arm,
                arm_probability=item.arm_probability if arm == item.arm else None)


def check_given(project: Project, objects: Iterable[Any] | None, reasons: Mapping[str, Any] | None = None,
                **others: object) -> None:
    """Raise BadInput where a project was given something that it doesn't ask for.

    Parameters
    ----------
    project : Project
    objects : iterable or None
    reasons : mapping or None
        Feedback on the explanations of single objects.
    **others
        label, labels and values, None where they weren't given.
    """
    if project.task not in SHAPE_OF:
        if objects is not None:
            raise BadInput(f"objects=[...] was given, and a project with task={project.task!r} asks for none; make one "
                           "with task='boxes', 'polygons' or 'points', of texts with task='spans'.")
        if reasons is not None:
            raise BadInput(f"reasons= was given, which are of single objects, and a project with task={project.task!r} "
                           "asks for none; pass reason=, wrong= and missing=.")
        return
    if given := [name for name, value in others.items() if value is not None]:
        raise BadInput(f"{given[0]}= was given, and this project asks for the objects in an item; pass objects=[hw."
                       f"{SHAPE_OF[project.task].capitalize()}(...)], empty where there are none.")


def _label_id(project: Project, label: str | None, offered: Taxonomy, kind: str) -> str:
    if label is None:
        if len(offered.label_ids) == 1:
            return offered.label_ids[0]
        raise BadInput(f"a {kind} has no label; pass label=..., one of {', '.join(offered.names[:20])}.")
    return (project.lineage.answer(label) if offered is project.taxonomy else offered.answer(label)).id


def _name_of(project: Project, offered: Taxonomy) -> Callable[[str], str]:
    def name_of(label_id: str) -> str:
        taxonomy = offered if label_id in offered else project.lineage.versions.newest_with(label_id)
        if taxonomy is None:
            raise UnknownLabel(f"label {label_id!r} is in no version of the taxonomy.")
        return taxonomy.name_as_answered(label_id)

    return name_of
