"""Projects of blood cells for the browser: real images with their boxes, and what a model might propose of them.

`SETUP` is the code of a cell. After it, `cells(n)` is a project on `n` images, and `proposes(wb, change)` makes what is
proposed of the true boxes.
"""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parents[3] / "shared" / "data" / "bccd"
HERE = (DATA / "boxes.csv").exists()
SETUP = """
import tempfile, numpy as np, pandas as pd, hitl_widgets as hw
from dataclasses import replace
from pathlib import Path
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Attribution, Items, Proposal
from hitl_widgets.widgets.card import Review
review = None  # closed before the project is, when another test begins
bccd = Path("DATA")
truth = pd.read_csv(bccd / "boxes.csv").query("xmax > xmin and ymax > ymin").copy()
truth[["xmax", "ymax"]] = np.minimum(truth[["xmax", "ymax"]], [640, 480])
KINDS = [{"name": "RBC", "definition": "Red, round, pale in the middle.", "key": "1"},
         {"name": "WBC", "definition": "Larger, with a violet nucleus.", "key": "2"},
         {"name": "Platelets", "definition": "Small and violet.", "key": "3"}]
def cells(n=6, folder=None, least=8, most=100, **more):
    counts = truth.groupby("image").size()
    names = counts[(counts >= least) & (counts <= most)].index[:n]
    pool = hw.Pool.from_images([bccd / "images" / f"{name}.jpg" for name in names], ids=list(names))
    more = {"holdout": 0, "arms": {"blind": 0}, "task": "boxes", "annotator": "ada"} | more
    return hw.Workbench(folder or tempfile.mkdtemp(), pool, hw.Taxonomy(KINDS), progress=False, **more)
def boxes_of(item_id):
    rows = truth[truth.image == item_id]
    return [(row.label, tuple(map(float, (row.xmin, row.ymin, row.xmax, row.ymax)))) for row in rows.itertuples()]
def proposes(wb, change=lambda boxes: boxes):
    # The true boxes, changed; the first has the least score. What was answered comes as it is.
    answered = wb.session.shown_objects
    ids = {label.name: label.id for label in wb.taxonomy}
    def shown(item, annotator=None):
        if wb.session.standing([item.id], annotator):
            return answered(item, annotator)
        boxes = change(boxes_of(item.id))
        scores = np.linspace(.4, .9, len(boxes)).round(3).tolist()
        objects = [Proposal(f"{item.id}.{k}", "box", tuple(map(float, at)), ids[label], scores[k])
                   for k, (label, at) in enumerate(boxes)]
        return Shown(tuple(one.to_dict() for one in objects), (), .3, 1.0, item.blind, "a1b2c3")
    wb.session.shown_objects = shown
    claim = wb.session.claim  # without a model of its own the project would show no proposal
    wb.session.claim = lambda *given, **more: Items([replace(item, arm=None) for item in claim(*given, **more)])
def opened(wb, **more):
    global review
    review = Review(wb.session, **({"explain": None} | more))
    return review
def explains(wb):
    # Of each object a map that is hot at its upper left corner.
    def explanation(position, *, method, target, against=None):
        shown = wb.session.shown_objects(wb.session.item(wb.pool.ids[position]))
        x, y = next(one["at"] for one in shown.objects if f"object:{one['id']}" == target)[:2]
        down, across = np.mgrid[:48, :64] * 10
        values = np.exp(-((across - x) ** 2 + (down - y) ** 2) / 900).astype(np.float32)
        item_id, box = str(wb.pool.ids[position]), (0, 0, 640, 480)
        return Attribution(item_id, method, target, "a1b2c3", values, box, False, against)
    wb.session.explanation = explanation
def of(item_id):
    table = wb.objects(deleted=True)
    rows = table[table.item_id == item_id].astype(object).where(lambda t: t.notna(), None)
    return rows[["act", "label", "origin", "certainty", "status", "x0", "y0", "x1", "y1"]].values.tolist()
""".replace("DATA", str(DATA))
