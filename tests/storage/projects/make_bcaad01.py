"""A small project as commit bcaad01 made it (schema 5), and the tables that its own code reads from it.

Run it with the package of that commit:

    git worktree add /tmp/bcaad01 bcaad01
    PYTHONPATH=/tmp/bcaad01:tests python tests/storage/projects/make_bcaad01.py

It writes ``bcaad01.zip`` (the project's folder) and ``bcaad01.json`` (the tables) beside itself.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from datetime import timedelta
from pathlib import Path

from storage.projects.make_1f92640 import act, tables
from storage.projects.make_780c17c import act_in_arms
from storage.projects.make_fa1687a import HERE, START, make_net, make_pool

import hitl_widgets as hw
from hitl_widgets import edits

ARGUMENTS = {"model": make_net(), "annotator": "ann", "seed": 3, "device": "cpu", "annotators_per_item": 2}


def give_values(wb: hw.Workbench) -> None:
    """What came with schema 5: attributes, their values, and what was touched."""
    wb.apply(edits.add_attribute("blur", scale=(1, 5)))
    for minute, (value, touched) in enumerate([(2, ["blur"]), (4, []), (5, None)], start=11):
        wb.decide(f"img-{minute}", label="house cat", values={"blur": value}, touched=touched, annotator="zoe",
                  acted_at=START + timedelta(minutes=minute), id=f"decision-zoe-{minute}")


def main() -> None:
    """Make the project, and write the two files."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        with hw.Workbench(folder, make_pool(), ["cat", "dog", "other"], **ARGUMENTS) as wb:
            wb.predict()
            act(wb)
            act_in_arms(wb)
            give_values(wb)
        with hw.Workbench(folder, make_pool(), **ARGUMENTS) as wb:
            read = {"tables": tables(wb), "gold": wb.gold(), "holdout": wb.holdout,
                    "next": wb.next(5, strategy="random").ids, "taxonomy": wb.taxonomy.to_yaml(),
                    "events": [event.kind for event in wb.project.log.events()]}
        (HERE / "bcaad01.json").write_text(json.dumps(read, indent=1, ensure_ascii=False) + "\n", "utf-8")
        with zipfile.ZipFile(HERE / "bcaad01.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                archive.write(path, path.relative_to(folder).as_posix())


if __name__ == "__main__":
    main()
