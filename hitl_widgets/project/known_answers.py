"""Known answers, the gold of a project: how they are kept, and what they are in today's names. Read `set_gold`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..taxonomy.attributes import Value
from .importing import WITHDRAWN, is_known, known_answers
from .labels_required import require_labels

if TYPE_CHECKING:
    from .project import Project


def set_gold(project: Project, known: Any) -> None:
    """Keep known answers; see `Project.set_gold`."""
    project.refresh()
    answers: dict[str, str | None] = {}
    values: dict[str, dict[str, Value] | None] = {}
    state = project.state
    for given, one in known_answers(project, known).items():
        item_id = str(project.pool.ids[project.pool.position(given)])
        if one is WITHDRAWN:
            answers |= {item_id: None} if item_id in state.gold else {}
            values |= {item_id: None} if item_id in state.gold_values else {}
            continue
        if not is_known(one, state.gold.get(item_id), project.lineage):
            if one.problem is not None:
                raise one.problem
            answers[item_id] = one.label_id
        if one.values and state.gold_values_of(item_id) != one.values:
            values[item_id] = dict(one.values)
    if answers or values:
        project.record("gold", {"answers": answers, "taxonomy": project.taxonomy.version,
                                **({"values": values} if values else {})})
        project.refresh()
        project.tell("decisions")


def gold_by_name(project: Project, known: Any = None) -> dict[str, Any]:
    """Keep known answers where there are any, and return all of them by today's names; see `Workbench.gold`."""
    if known is not None and (len(known) or isinstance(known, pd.DataFrame)):
        require_labels(project, "known answers are", "the hold-out, which is answered blind, measures")
    gold, taxonomy = project.set_gold({} if known is None else known), project.taxonomy
    if project.task == "scale":
        return {item_id: {taxonomy.attribute(name).name: value for name, value in values.items()}
                for item_id, values in project.gold_values().items()}
    if project.task == "multilabel":
        return {item_id: taxonomy.names_in(label_id) for item_id, label_id in gold.items()}
    return {item_id: taxonomy.name_of(label_id) for item_id, label_id in gold.items()}
