"""A small project as commit 780c17c made it (schema 4), and the tables that its own code reads from it.

Run it with the package of that commit:

    git worktree add /tmp/780c17c 780c17c
    PYTHONPATH=/tmp/780c17c:tests python tests/storage/projects/make_780c17c.py

It writes ``780c17c.zip`` (the project's folder) and ``780c17c.json`` (the tables) beside itself.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path

from storage.projects.make_1f92640 import act, tables
from storage.projects.make_fa1687a import HERE, START, make_net, make_pool

import hitl_widgets as hw

ARGUMENTS = {"model": make_net(), "annotator": "ann", "seed": 3, "device": "cpu", "annotators_per_item": 2}


def act_in_arms(wb: hw.Workbench) -> None:
    """What came with schema 4: arms, first answers, planted suggestions, repeats, and events about people."""
    model = wb.session.prediction(1).model
    seen = {"suggestion": "house cat", "probs": {"house cat": 0.7}, "model": model, "chosen_by": "margin"}
    first = {**seen, "hidden": True, "arm": "answer_first", "arm_probability": 0.1}
    wb.decide("img-02", label="house cat", annotator="eve", seen=first, acted_at=START, id="decision-eve-02")
    wb.decide("img-02", label="other", annotator="eve", seen={**seen, "arm": "answer_first", "arm_probability": 0.1},
              acted_at=START + timedelta(minutes=1), id="decision-eve-02-again")
    wb.decide("img-10", label="house cat", annotator="eve", seen={**seen, "planted": True, "arm": "shown"},
              acted_at=START + timedelta(minutes=2), id="decision-eve-10")
    wb.decide("img-02", label="house cat", annotator="eve", seen={"repeat_of": "decision-eve-02-again", "hidden": True},
              acted_at=START + timedelta(minutes=3), id="decision-eve-02-repeated")
    wb.annotator = "ann"
    wb.people.set(purpose="to keep an old project")


def main() -> None:
    """Make the project, and write the two files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        with hw.Workbench(folder, make_pool(), ["cat", "dog", "other"], **ARGUMENTS) as wb:
            wb.predict()
            act(wb)
            act_in_arms(wb)
        with hw.Workbench(folder, make_pool(), **ARGUMENTS) as wb:
            read = {"tables": tables(wb), "gold": wb.gold(), "holdout": wb.holdout,
                    "next": wb.next(5, strategy="random").ids, "taxonomy": wb.taxonomy.to_yaml(),
                    "events": [event.kind for event in wb.project.log.events()]}
        (HERE / "780c17c.json").write_text(json.dumps(read, indent=1, ensure_ascii=False) + "\n", "utf-8")
        with zipfile.ZipFile(HERE / "780c17c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder).as_posix())


if __name__ == "__main__":
    main()
