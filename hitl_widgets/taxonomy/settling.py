"""Settling an edit of a fork: it is applied to today's taxonomy, or left out.

Read `settling` first; `forks` says what an edit to settle is.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EditError
from .edits import add
from .history import Change, Lineage, Step, change
from .revert import made_again, revert_step


@dataclass(frozen=True)
class AlreadyThere:
    """The outcome of applying an edit whose changes are all in today's taxonomy already."""

    version: int


def unsettled_step(lineage: Lineage, step_id: str) -> Step:
    """Find an edit to settle by its id.

    Raises
    ------
    EditError
        If no edit to settle has this id; the message lists those to settle.
    """
    unsettled = lineage.forks.unsettled
    step = next((step for step in unsettled if step.id == step_id), None)
    if step is None:
        ids = ", ".join(repr(step.id) for step in unsettled[:5]) or "none is to be settled"
        was = " It was settled already." if any(step.id == step_id for step in lineage.forks.steps.values()) else ""
        raise EditError(f"there is no edit {step_id!r} to settle.{was} wb.edits.unsettled() has those to settle: "
                        f"{ids}.")
    return step


def settling(lineage: Lineage, step_id: str) -> Change | AlreadyThere:
    """Work out today's taxonomy with an edit that was made for another version, and what becomes of today's answers.

    The edit refers to the labels of that version, whatever they are called now. Answers that were given under the edit
    have their former meaning again.

    Raises
    ------
    EditError
        If there is no such edit to settle, or it doesn't fit today's taxonomy; the message says why.
    """
    step = unsettled_step(lineage, step_id)
    assert step.before is not None
    if step.reverts is not None:
        return revert_step(lineage, _step_to_revert(lineage, step_id, step.reverts))._replace(settles=step_id)
    edits = [edit for edit, *_ in made_again(lineage, step)]
    before, after, today = (lineage.versions[step.before], lineage.versions[step.version], lineage.today)
    made = [label for label in after.labels if label.id not in before]
    if made and all(isinstance(edit, add) and not edit.like for edit in edits) and all(
            label.id in today.answerable and today.path(label.id) == after.path(label.id) for label in made):
        return AlreadyThere(today.version)
    twins = {old: new for earlier in reversed(lineage.forks.path(step.before))
             if (applied := lineage.forks.applied(earlier)) is not None for old, new in applied.twins.items()}
    return change(edits, step.before, lineage, twins=twins)._replace(settles=step_id)


def _step_to_revert(lineage: Lineage, step_id: str, reverts: str) -> str:
    """Find the step that holds which is reverted by settling a step that reverts the step `reverts`."""
    if all(one.id != reverts for one in lineage.forks.steps.values()):
        return reverts
    held = next((one for one in lineage.steps if one.settles == reverts), None)
    if held is None:
        raise EditError(f"edit {step_id!r} takes back {reverts!r}, which isn't applied here: there is nothing "
                        f"to take back. Leave it with wb.edits.settle({step_id!r}, apply=False).")
    return held.id
