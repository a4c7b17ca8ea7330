"""Suspected label errors among a project's objects. Read `suspected`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..quality.object_matching import IN_DOUBT
from ..quality.suspected_objects import Placed, suspected_objects
from ..records import Proposal
from .project import Project


def suspected(project: Project) -> pd.DataFrame:
    """List the objects that may be wrong, by comparing answers with the adopted model's proposals.

    Hold-out images are left out: a second look because of a model would bias the measurement of models.

    Returns
    -------
    DataFrame
        The table of `quality.suspected_objects.suspected_objects`; empty without a model.
    """
    with project.state.lock:
        images = project.answers().reviewed_images()
        placed = _placed(project.objects(deleted=True))
    proposals: dict[str, Sequence[Proposal]] = {}
    if project.propose is not None:
        proposals = {str(item_id): project.propose(int(place)) for item_id, place in
                     dict(zip(images["item_id"], images["position"], strict=True)).items()}
    objects = [placed.get(decision_id, ()) for decision_id in images["decision_id"]]
    return suspected_objects(images.assign(objects=pd.Series(objects, index=images.index, dtype=object)), proposals)


def _placed(table: pd.DataFrame) -> dict[str, list[Placed]]:
    """The objects of each decision, from the table of `Workbench.objects`: decision_id -> list of objects."""
    found: dict[str, list[Placed]] = {}
    for row in table.to_dict("records"):
        at = tuple(number for point in row["points"] for number in point) if row["kind"] == "polygon" else \
            (int(row["start"]), int(row["end"])) if row["kind"] == "span" else \
            (row["x0"], row["y0"]) if row["kind"] == "point" else (row["x0"], row["y0"], row["x1"], row["y1"])
        found.setdefault(row["decision_id"], []).append(Placed(
            row["object_id"], at, row["label_id"], is_deleted=row["act"] == "deleted",
            in_doubt=row["status"] in IN_DOUBT))
    return found
