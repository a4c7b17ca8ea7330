"""Projects of blood cells for the browser: real images with their boxes, and what a model might propose of them.

`SETUP` is the code of a cell. After it, `cells(n)` is a project on `n` images with proposals as `noise` says.
"""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "bccd"
SETUP = f"""
import tempfile, numpy as np, pandas as pd, hitl_widgets as hw
from dataclasses import replace
from pathlib import Path
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Items, Proposal
from hitl_widgets.widgets.card import Review
review = None  # closed before the project is, when another test begins
bccd = Path({str(DATA)!r})
truth = pd.read_csv(bccd / "boxes.csv").query("xmax > xmin and ymax > ymin")
truth.loc[:, ["xmin", "ymin"]] = truth[["xmin", "ymin"]].clip(0)
KINDS = [{{"name": "RBC", "definition": "Red, round, pale in the middle.", "key": "1"}},
         {{"name": "WBC", "definition": "Larger, with a violet nucleus.", "key": "2"}},
         {{"name": "Platelets", "definition": "Small and violet.", "key": "3"}}]
def cells(n=6, folder=None, least=8, **more):
    counts = truth.groupby("image").size()
    names = counts[counts >= least].index[:n]
    pool = hw.Pool.from_images([bccd / "images" / f"{{name}}.jpg" for name in names], ids=list(names))
    more = {{"holdout": 0, "arms": {{"blind": 0}}}} | more
    return hw.Workbench(folder or tempfile.mkdtemp(), pool, hw.Taxonomy(KINDS), task="boxes", annotator="ada", progress=False, **more)
def boxes_of(item_id, wb):
    size = wb.pool.size(wb.pool.position(item_id))
    rows = truth[truth.image == item_id]
    return [(row.label, (float(row.xmin), float(row.ymin), float(min(row.xmax, size[1])), float(min(row.ymax, size[0])))) for row in rows.itertuples()]
def proposes(wb, change=lambda boxes, item_id: boxes):
    # What a model would propose: the true boxes, changed; the first has the least score. What was answered comes as it is.
    answered = wb.session.shown_objects
    ids = {{label.name: label.id for label in wb.taxonomy}}
    def shown(item, annotator=None):
        own = answered(item, annotator)
        if any("origin" in one for one in own.objects) or wb.session.standing([item.id], annotator):
            return own
        boxes = change(boxes_of(item.id, wb), item.id)
        objects = [Proposal(f"{{item.id}}.{{k}}", "box", tuple(at), ids[label], round(.4 + .5 * k / len(boxes), 3)).to_dict()
                   for k, (label, at) in enumerate(boxes)]
        return Shown(tuple(objects), threshold=.3, threshold_probability=1.0, hidden=item.blind, model="a1b2c3")
    wb.session.shown_objects = shown
    claim = wb.session.claim  # without a model of its own the project would show no proposal
    wb.session.claim = lambda *given, **more: Items([replace(item, arm=None) for item in claim(*given, **more)])
def opened(wb, **more):
    global review
    review = Review(wb.session, **({{"explain": None}} | more))
    return review
def of(item_id, columns=("act", "label", "origin")):
    table = wb.objects(deleted=True)
    return table[table.item_id == item_id][list(columns)].values.tolist()
"""


def needs_data() -> pytest.MarkDecorator:
    """Skip where the images aren't there."""
    return pytest.mark.skipif(not (DATA / "boxes.csv").exists(), reason=f"the blood cells of BCCD aren't at {DATA}")
