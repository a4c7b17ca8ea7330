"""Suspected label errors among a project's objects. Read `suspected`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..quality.suspected_objects import suspected_objects
from ..records import ObjectAnswer, Proposal
from .project import Project


def suspected(project: Project) -> pd.DataFrame:
    """List the objects that may be wrong, by comparing answers with the adopted model's proposals.

    Hold-out images are left out: they mustn't be reviewed because of a model.

    Returns
    -------
    DataFrame
        As `quality.suspected_objects.suspected_objects`; empty without a model.
    """
    images = project.answers().reviewed_images()
    proposals: dict[str, Sequence[Proposal]] = {}
    if project.propose is not None:
        proposals = {str(item_id): project.propose(int(place)) for item_id, place in
                     dict(zip(images["item_id"], images["position"], strict=True)).items()}
    gone: dict[str, list[ObjectAnswer]] = {}
    table = project.objects(deleted=True)
    for row in table[(table["act"] == "deleted") & table["label_id"].notna()].to_dict("records"):
        at = tuple(number for point in row["points"] for number in point) if row["kind"] == "polygon" else \
            (int(row["start"]), int(row["end"])) if row["kind"] == "span" else \
            (row["x0"], row["y0"]) if row["kind"] == "point" else (row["x0"], row["y0"], row["x1"], row["y1"])
        gone.setdefault(row["decision_id"], []).append(ObjectAnswer(
            row["object_id"], row["kind"], at, row["label_id"], row["label"], origin="model", act="deleted"))
    objects = [(*there, *gone.get(decision_id, ())) for there, decision_id in
               zip(images["objects"], images["decision_id"], strict=True)]
    return suspected_objects(images.assign(objects=pd.Series(objects, index=images.index, dtype=object)), proposals)
