"""A small project as commit fa1687a made it, and the tables that its own code reads from it.

Run it with the package of that commit:

    git worktree add /tmp/fa1687a fa1687a
    PYTHONPATH=/tmp/fa1687a python tests/storage/projects/make_fa1687a.py

It writes ``fa1687a.zip`` (the project's folder) and ``fa1687a.json`` (the tables) beside itself.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import hitl_widgets as hw
from hitl_widgets import edits

HERE = Path(__file__).resolve().parent
START = datetime(2026, 5, 1, 9, tzinfo=timezone.utc)
N_ITEMS = 16


def make_pool() -> hw.Pool:
    """Sixteen grey images of 8 x 8 pixels, the same on every machine."""
    images = (np.arange(N_ITEMS * 64).reshape(N_ITEMS, 8, 8) * 37 % 251).astype(np.uint8)
    return hw.Pool.from_images(images, ids=[f"img-{i:02}" for i in range(N_ITEMS)])


def make_net() -> Any:
    """A linear net for three labels, the same on every machine."""
    import torch
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    with torch.no_grad():
        net[1].weight.copy_(torch.linspace(-0.1, 0.1, 192).reshape(3, 64))
        net[1].bias.zero_()
    return net


def act(wb: hw.Workbench) -> None:
    """Every kind of act that leaves an event in the log."""
    minute = iter(range(1_000))

    def at() -> datetime:
        return START + timedelta(minutes=next(minute))

    mask = np.zeros((8, 8), bool)
    mask[2:5, 1:7] = True
    wb.decide("img-00", label="cat", certainty=8, acted_at=at(), id="decision-00")
    suggested = wb.taxonomy.name_of(wb.prediction(1).suggestion)
    other = next(name for name in wb.taxonomy.names if name != suggested)
    seen = {"suggestion": suggested, "shown_ms": 812.5, "method": "gradcam", "target": suggested,
            "display": "overlay", "chosen_by": "margin", "certainty": "given"}
    wb.decide("img-01", label=suggested, seen=seen, acted_at=at(), id="decision-01")
    wb.decide("img-02", label=other, seen={}, acted_at=at(), id="decision-02", note="line\nbreak, ü and 🐈")
    wb.decide("img-03", "unsure", label="dog", certainty=2, flags=["second_look"], acted_at=at(), id="decision-03")
    wb.decide("img-04", "unsure", acted_at=at(), id="decision-04")
    wb.decide("img-05", "skip", acted_at=at(), id="decision-05")
    wb.decide("img-06", label="other", flags=["not_in_taxonomy", "bad_data", "ethics"], acted_at=at(),
              id="decision-06")
    wb.decide("img-07", label="dog", reason="wrong", wrong=mask, missing=~mask, seen=seen, acted_at=at(),
              id="decision-07")
    wb.decide("img-08", label="cat", reason="right", seen=seen, acted_at=at(), id="decision-08")
    for i in range(9, N_ITEMS):
        wb.decide(f"img-{i:02}", label=("cat", "dog")[i % 2], acted_at=at(), id=f"decision-{i:02}")
    wb.decide("img-00", label="dog", annotator="bob", certainty=3, acted_at=at(), id="decision-bob-0")
    wb.decide("img-09", label="cat", acted_at=at(), id="decision-09-again")
    wb.retract("decision-08", acted_at=at())
    wb.retract("decision-09-again", acted_at=at())
    wb.gold({"img-10": "cat", "img-11": "dog"})
    wb.import_annotations(pd.DataFrame({"item_id": ["img-12", "img-13"], "label": ["dog", "dog"],
                                        "annotator": ["carl", "carl"]}))
    desk = import_module("hitl_widgets.others").Others(wb.project)  # of that commit alone
    desk.assign(["img-06"], "dog", id="sorted-assign", acted_at=at())
    desk.leave_out(["img-04"], id="sorted-leave-out", acted_at=at())
    desk.undo("sorted-leave-out", id="sorted-undo", acted_at=at())
    desk.send_back(["img-03"], id="sorted-send-back", acted_at=at())
    wb.finetune(epochs=1, adopt="always", seed=0)
    wb.apply(edits.split("dog", into=["terrier", "poodle"]), why="two kinds of dogs")
    wb.decide("img-07", label="terrier", acted_at=at(), id="decision-07-again")
    wb.project.presume({"img-13": "poodle", "img-15": "terrier"}, estimate={"error": 0.02, "n": 30})
    merge = wb.apply(edits.merge(["terrier", "poodle"], into="hound"), why="too fine")
    wb.apply(edits.rename("cat", to="house cat"))
    wb.revert(merge, why="it was right before")
    wb.rename_annotator("dora")
    wb.decide("img-14", label="terrier", acted_at=at(), id="decision-14-dora")
    wb.project.store.keep_copy("round-1")


def tables(wb: hw.Workbench) -> dict[str, str]:
    """What the package reads from the project: each table as JSON of its rows."""
    frames = {"annotations": wb.annotations(), "annotations at version 1": wb.annotations(taxonomy=1),
              "history": wb.history(), "counts": wb.counts(), "consensus": wb.consensus(), "edits": wb.edits(),
              "models": wb.models()}
    return {name: json.loads(frame.to_json(orient="split", date_format="iso", date_unit="us", default_handler=str))
            for name, frame in frames.items()}


def main() -> None:
    """Make the project, and write the two files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        wb = hw.Workbench(folder, make_pool(), ["cat", "dog", "other"], model=make_net(), annotator="ann", seed=3,
                          device="cpu")
        wb.predict()
        act(wb)
        wb.close()
        wb = hw.Workbench(folder, make_pool(), model=make_net(), annotator="ann", seed=3,
                          device="cpu")
        read = {"tables": tables(wb), "gold": wb.gold(), "holdout": wb.holdout,
                "next": wb.next(5, strategy="random").ids, "taxonomy": wb.taxonomy.to_yaml(),
                "events": [event.kind for event in wb.project.store.events()]}
        wb.close()
        (HERE / "fa1687a.json").write_text(json.dumps(read, indent=1, ensure_ascii=False) + "\n", "utf-8")
        with zipfile.ZipFile(HERE / "fa1687a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder).as_posix())


if __name__ == "__main__":
    main()
