"""How does an edit that was made against an older version meet today's taxonomy?

Read `rebased` first: an edit means the labels that it meant, whatever they are called by now.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import EditError, UnknownLabel
from .edits import Edit
from .history import Lineage
from .labels import Label, Taxonomy


def rebased(edits: Sequence[Edit], base: int, lineage: Lineage) -> list[Edit]:
    """The same edits for today's taxonomy: each label that they mean in version `base` is called as it is called now.

    Labels that one of the edits makes are found again by the next ones.

    Raises
    ------
    EditError
        When the log has no such version, the edits don't fit it, or a label is gone by now; the message says who took
        it away, and how.
    """
    if base not in lineage.versions:
        raise EditError(f"base is version {base!r}; the log has {', '.join(map(str, lineage.versions))}.")
    then, now = lineage.versions[base], lineage.today
    if then is now:
        return list(edits)
    twins: dict[str, str] = {}  # labels that these edits make: as it was meant -> today

    def call(label: Label) -> str:
        label_id = twins.get(label.id, label.id)
        if label_id not in now:
            raise EditError(gone(lineage, label.id, label.name))
        return now.name_of(label_id)

    found: list[Edit] = []
    for edit in edits:
        after = edit.apply(then)[0]
        found.append(edit.called_anew(then, call))
        later = found[-1].apply(now)[0]
        twins |= dict(zip(_made(then, after), _made(now, later), strict=True))
        then, now = after, later
    return found


def explained(error: EditError, edits: Sequence[Edit], lineage: Lineage) -> EditError:
    """The error, with the fate of the first label that an edit calls by a name which it had once."""
    for name in (name for edit in edits for field in edit.calling for name in _names(getattr(edit, field))):
        if name in lineage.today:
            continue
        for step in reversed(lineage.steps):
            try:
                label = lineage.versions[step.version].label(name)
            except UnknownLabel:
                continue
            if label.id in lineage.today:
                return EditError(f"{error} “{name}” is called “{lineage.today.name_of(label.id)}” by now.")
            return EditError(f"{error} {gone(lineage, label.id, name)}")
    return error


def gone(lineage: Lineage, label_id: str, name: str) -> str:
    """Who took a label away, when it is there no more."""
    had = [step.version for step in lineage.steps if label_id in lineage.versions[step.version]]
    step = next((step for step in lineage.steps if had and step.version > had[-1]), None)
    if step is None:
        return f"Label “{name}” is there no more."
    return f"Label “{name}” was taken away by {step.annotator} in version {step.version}: {step.prose}"


def _names(value: str | Sequence[str] | None) -> Sequence[str]:
    return () if value is None else (value,) if isinstance(value, str) else value


def _made(before: Taxonomy, after: Taxonomy) -> list[str]:
    """The ids of the labels that came with an edit, in their order."""
    known = {label.id for label in before.labels}
    return [label.id for label in after.labels if label.id not in known]
