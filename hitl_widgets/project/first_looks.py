"""First looks: each person's first answer to each image, with the proposals they saw. Read `first_looks`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pandas as pd

from ..errors import BadInput
from ..events import size_of
from ..records import CLOSING, Seen, objects_on_screen
from ..taxonomy.history import Lineage
from .project import Project

COLUMNS = ["item_id", "position", "annotator", "decision_id", "verdict", "arm", "arm_probability", "threshold",
           "threshold_probability", "hidden", "chosen_by", "model", "shown_ms", "acted_at", "width", "height",
           "objects", "seen", "withheld"]


def first_looks(project: Project) -> pd.DataFrame:
    """List each person's first answer to each image, from the log: the table that `quality.prefill` takes.

    Revisions don't count, since the person had seen the image and their own objects before; neither do retracted
    answers.

    Returns
    -------
    DataFrame
        A row for each image and annotator, with the columns `COLUMNS`. Three columns have lists of dicts: objects (of
        the answer, with deleted proposals), seen (the proposals on the screen; for a blind image, those that would have
        been shown) and withheld (the proposals that were withheld). Their label_id has the label's name today, or its
        last name if the label was removed, or may mean several labels since an edit.
    """
    project.refresh()
    back = {event.body["decision_id"] for event in project.log.events(kind="retracted")}
    places: dict[str, int] = {}
    if project.has_pool:
        places = {str(item_id): place for place, item_id in enumerate(project.pool.ids)}
    named = _naming(project.lineage)
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    for event in project.log.events(kind="decided"):
        body, key = event.body, (event.item_id or "", event.annotator)
        size, seen = size_of(body), _seen(body)
        if not isinstance(body.get("objects"), list) or size is None or seen is None or event.id in back \
                or key in rows or body["verdict"] not in CLOSING:
            continue
        version = seen.taxonomy
        rows[key] = (key[0], places.get(key[0], -1), key[1], event.id, body["verdict"], seen.arm,
                     seen.arm_probability, seen.threshold, seen.threshold_probability, seen.hidden, seen.chosen_by,
                     seen.model, seen.shown_ms, event.acted_at, *size,
                     named(objects_on_screen(body["objects"]), version),
                     [one for one in named(seen.objects, version) if one.get("origin", "model") == "model"],
                     named(seen.withheld, version))
    table = pd.DataFrame(list(rows.values()), columns=COLUMNS, dtype=object)
    return table.astype({"position": int, "hidden": bool, "shown_ms": float, "arm_probability": float,
                         "threshold": float, "threshold_probability": float})


def _seen(body: Mapping[str, Any]) -> Seen | None:
    """What was on the screen; None where a forged log has something that can't be."""
    try:
        return Seen.from_log(body.get("seen", {}))
    except (BadInput, TypeError, AttributeError):
        return None


def _naming(lineage: Lineage) -> Callable[[Any, int | None], list[dict[str, Any]]]:
    """A function that puts label names in place of the ids of objects on a screen or of an answer.

    It takes the objects and the version of the taxonomy. The names are today's, or the last ones of labels that are
    gone or in doubt; this holds for answers, for the proposals that they replaced, and for the proposals on the screen.
    """
    @cache
    def name_of(label_id: str, version: int | None) -> str:
        now = lineage.exactly(label_id, version) or label_id
        taxonomy = lineage.versions.newest_with(now)
        return now if taxonomy is None else taxonomy.name_of(now)

    def named(objects: Any, version: int | None) -> list[dict[str, Any]]:
        rows = []
        for one in objects:
            row = {**one, "label_id": name_of(one["label_id"], version)}
            if was := one.get("was"):
                row["was"] = {**was, "label_id": name_of(was["label_id"], version)}
            rows.append(row)
        return rows

    return named
