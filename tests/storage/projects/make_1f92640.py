"""A small project as commit 1f92640 made it (schema 3), and the tables that its own code reads from it.

Run it with the package of that commit:

    git worktree add /tmp/1f92640 1f92640
    PYTHONPATH=/tmp/1f92640:tests python tests/storage/projects/make_1f92640.py

It writes ``1f92640.zip`` (the project's folder) and ``1f92640.json`` (the tables) beside itself.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from storage.projects.make_fa1687a import HERE, N_ITEMS, START, make_net, make_pool

import hitl_widgets as hw
from hitl_widgets import edits

ARGUMENTS = {"model": make_net(), "annotator": "ann", "seed": 3, "device": "cpu", "annotators_per_item": 2}


def act(wb: hw.Workbench) -> None:
    """Every kind of act that leaves an event in the log."""
    minute = iter(range(1_000))

    def at():
        return START + timedelta(minutes=next(minute))

    mask = np.zeros((8, 8), bool)
    mask[2:5, 1:7] = True
    prediction = wb.session.prediction(1)
    suggested = wb.taxonomy.name_of(prediction.suggestion)
    other = next(name for name in wb.taxonomy.names if name != suggested)
    seen = {"suggestion": suggested, "probs": prediction.top(3), "model": prediction.model, "shown_ms": 812.5,
            "method": "gradcam", "target": suggested, "against": other, "display": "overlay", "chosen_by": "margin",
            "certainty": "given"}
    blind = {**{name: seen[name] for name in ("suggestion", "probs", "model", "shown_ms")}, "hidden": True}
    wb.decide("img-00", label="cat", certainty=8, acted_at=at(), id="decision-00")
    wb.decide("img-01", label=suggested, seen=seen, acted_at=at(), id="decision-01")
    wb.decide("img-02", label=other, seen=seen, acted_at=at(), id="decision-02", note="line\nbreak, ü and 🐈")
    wb.decide("img-03", "unsure", label="dog", certainty=2, flags=["second_look"], acted_at=at(), id="decision-03")
    wb.decide("img-04", "unsure", acted_at=at(), id="decision-04")
    wb.decide("img-05", "skip", acted_at=at(), id="decision-05")
    wb.decide("img-06", label="other", flags=["not_in_taxonomy", "bad_data", "ethics"], acted_at=at(),
              id="decision-06")
    wb.decide("img-07", label="dog", reason="wrong", wrong=mask, missing=~mask, seen=seen, acted_at=at(),
              id="decision-07")
    wb.decide("img-08", label="cat", reason="right", seen=seen, acted_at=at(), id="decision-08")
    for i in range(9, N_ITEMS):
        why = "holdout" if f"img-{i:02}" in wb.holdout else "audit"
        wb.decide(f"img-{i:02}", label=("cat", "dog")[i % 2], seen={**blind, "chosen_by": why}, acted_at=at(),
                  id=f"decision-{i:02}")
    for i, label in enumerate(("dog", "cat", "dog")):
        wb.decide(f"img-{i:02}", label=label, annotator="bob", certainty=3, acted_at=at(), id=f"decision-bob-{i}",
                  seen={**blind, "chosen_by": "random", "certainty": "carried"})
    wb.decide("img-09", label="cat", acted_at=at(), id="decision-09-again", seen={**seen, "chosen_by": "second look"})
    wb.retract("decision-08", acted_at=at())
    wb.retract("decision-09-again", acted_at=at())
    wb.gold({"img-10": "cat", "img-11": "dog"})
    wb.gold({"img-11": None})
    wb.import_annotations(pd.DataFrame({"item_id": ["img-12", "img-13"], "label": ["dog", "dog"],
                                        "annotator": ["carl", "carl"]}))
    triage = import_module("hitl_widgets.project.triage").UnplacedItems(wb.project)
    triage.assign(["img-06"], "dog", id="sorted-assign", acted_at=at())
    triage.leave_out(["img-04"], id="sorted-leave-out", acted_at=at())
    triage.undo("sorted-leave-out", id="sorted-undo", acted_at=at())
    triage.send_back(["img-03"], id="sorted-send-back", acted_at=at())
    wb.finetune(epochs=1, adopt="always", seed=0)
    wb.apply(edits.split("dog", into=["terrier", "poodle"]), why="two kinds of dogs")
    wb.decide("img-07", label="terrier", acted_at=at(), id="decision-07-again")
    wb.project.presume({"img-13": "poodle", "img-15": "terrier"}, estimate={"error": 0.02, "n": 30})
    merge = wb.apply(edits.merge(["terrier", "poodle"], into="hound"), why="too fine")
    wb.apply(edits.rename("cat", to="house cat"))
    wb.revert(merge, why="it was right before")
    wb.annotator = "dora"
    wb.decide("img-14", label="terrier", acted_at=at(), id="decision-14-dora")
    wb.project.log.keep_copy("round-1")


def tables(wb: hw.Workbench) -> dict:
    """What the package reads from the project: each table as JSON of its rows."""
    frames = {"annotations": wb.annotations(), "annotations at version 1": wb.annotations(taxonomy=1),
              "history": wb.history(), "counts": wb.edits.counts(), "consensus": wb.consensus(), "edits": wb.edits(),
              "models": wb.models()}
    return {name: json.loads(frame.to_json(orient="split", date_format="iso", date_unit="us", default_handler=str))
            for name, frame in frames.items()}


def main() -> None:
    """Make the project, and write the two files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        with hw.Workbench(folder, make_pool(), ["cat", "dog", "other"], **ARGUMENTS) as wb:
            wb.predict()
            act(wb)
        with hw.Workbench(folder, make_pool(), **ARGUMENTS) as wb:
            read = {"tables": tables(wb), "gold": wb.gold(), "holdout": wb.holdout,
                    "next": wb.next(5, strategy="random").ids, "taxonomy": wb.taxonomy.to_yaml(),
                    "events": [event.kind for event in wb.project.log.events()]}
        (HERE / "1f92640.json").write_text(json.dumps(read, indent=1, ensure_ascii=False) + "\n", "utf-8")
        with zipfile.ZipFile(HERE / "1f92640.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder).as_posix())


if __name__ == "__main__":
    main()
