"""Known answers (gold): storing them, and listing them under today's names. Read `set_gold`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..events import Event
from ..taxonomy.attributes import Value
from .importing import WITHDRAWN, is_known, known_answers
from .label_index import Pair
from .labels_required import require_labels

if TYPE_CHECKING:
    from .project import Project


def set_gold(project: Project, known: Any) -> None:
    """Store known answers; see `Project.set_gold`."""
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
    """Store known answers, if given, and return all of them under today's names; see `Workbench.gold`."""
    if known is not None and (len(known) or isinstance(known, pd.DataFrame)):
        require_labels(project, "known answers are", "models are measured on the hold-out, which is answered blind")
    gold, taxonomy = project.set_gold({} if known is None else known), project.taxonomy
    if project.task == "scale":
        return {item_id: {taxonomy.attribute(name).name: value for name, value in values.items()}
                for item_id, values in project.gold_values().items()}
    if project.task == "multilabel":
        return {item_id: taxonomy.names_in(label_id) for item_id, label_id in gold.items()}
    return {item_id: taxonomy.name_of(label_id) for item_id, label_id in gold.items()}


def take_gold_in(labels: dict[str, Pair], values: dict[str, tuple[Mapping[str, Value], int | None]],
                 since: dict[str, int], events: Iterable[Event]) -> list[str]:
    """Apply events of kind "gold", in the log's order.

    Parameters
    ----------
    labels : dict
        item_id -> the known label and its taxonomy version; modified in place.
    values : dict
        item_id -> the known values, by attribute id, and their taxonomy version; modified in place.
    since : dict
        item_id -> number of the event since which the item has a known answer; modified in place.
    events : iterable of Event

    Returns
    -------
    list of str
        The items that the events are about, each once.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        If an event isn't in the form that this package writes.
    """
    items: dict[str, None] = {}
    for event in events:
        of_labels, of_values, version = event.body["answers"], event.body.get("values", {}), event.body["taxonomy"]
        if type(version) is not int or not all(isinstance(id, str | None) for id in of_labels.values()):
            raise ValueError(f"known answers are {of_labels!r:.80} with taxonomy version {version!r:.80}; a label_id "
                             "or None for each item, and a whole number as version, are expected")
        for item_id, label_id in of_labels.items():
            labels.pop(item_id, None)
            if label_id is not None:  # None withdraws the known label
                labels[item_id] = label_id, version
        for item_id, of_item in of_values.items():
            values.pop(item_id, None)
            if of_item is not None:
                values[item_id] = of_item, version
        for item_id in (*of_labels, *of_values):
            items[item_id] = None
            if item_id in labels or item_id in values:
                since.setdefault(item_id, event.seq or 0)
            else:
                since.pop(item_id, None)
    return list(items)
