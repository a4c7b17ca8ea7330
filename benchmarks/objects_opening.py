"""Time to open a project of 10,000 images with 200,000 objects, beside reading all their JSON.

    python benchmarks/objects_opening.py [--items 10000] [--objects 20] [--seeds 5] [--profile]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ["RBC", "WBC", "Platelets"]
TARGET_S = 1.5

FRAME = """
import sys, time
import numpy as np, pandas as pd
folder, n = sys.argv[1], int(sys.argv[2])
frame = pd.DataFrame({"id": [f"item-{k:06d}" for k in range(n)], "path": [f"{k // 1000}/{k}.png" for k in range(n)]})
"""
OPEN = FRAME + """
import hitl_widgets as hw
from hitl_widgets.workbench import Workbench
import hitl_widgets.project.project
pool = hw.Pool.from_frame(frame)
if len(sys.argv) > 3:
    import cProfile, pstats
    profile = cProfile.Profile()
    profile.enable()
began = time.perf_counter()
wb = Workbench(folder, pool, annotator="ada")
took = time.perf_counter() - began
if len(sys.argv) > 3:
    profile.disable()
    pstats.Stats(profile).sort_stats("cumulative").print_stats(28)
began = time.perf_counter()
table = wb.objects()
print(took, time.perf_counter() - began, len(table))
wb.close()
"""
READ = FRAME + """
import json, sqlite3
began = time.perf_counter()
rows = sqlite3.connect(folder + "/log.db").execute("select body from event").fetchall()
n_objects = sum(len(json.loads(body).get("objects", ())) for body, in rows)
print(time.perf_counter() - began, 0, n_objects)
"""


def run(code: str, *arguments: object) -> list[float]:
    """The numbers that a fresh Python prints last; what comes before them is passed on."""
    output = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True,
                            check=True).stdout.rstrip("\n").split("\n")
    if len(output) > 1:
        print("\n".join(output[:-1]))
    return [float(number) for number in output[-1].split()]


def a_log(folder: Path, n_items: int, n_objects: int, seed: int) -> None:
    """A project whose images all have so many objects, three quarters of them proposed."""
    import hitl_widgets as hw
    from hitl_widgets.events import decided
    from hitl_widgets.records import Decision, ObjectAnswer, Seen, new_id
    from hitl_widgets.taxonomy.label_sets import set_id
    from hitl_widgets.workbench import Workbench
    frame = pd.DataFrame({"id": [f"item-{k:06d}" for k in range(n_items)],
                          "path": [f"{k // 1000}/{k}.png" for k in range(n_items)]})
    wb = Workbench(folder, hw.Pool.from_frame(frame), hw.Taxonomy(LABELS), task="boxes", annotator="ada")
    rng, ids = np.random.default_rng(seed), wb.taxonomy.label_ids
    corners = rng.uniform(0, 600, (n_items, n_objects, 2)).round(2)
    sides = rng.uniform(10, 60, (n_items, n_objects, 2)).round(2)
    boxes = np.concatenate([corners, corners + sides], axis=2).round(2).tolist()
    kinds, scores = rng.integers(0, 3, (n_items, n_objects)), rng.uniform(0.3, 1, (n_items, n_objects)).round(4)
    n_seen, now, events = 3 * n_objects // 4, datetime.now(timezone.utc), []
    for item, rows in enumerate(boxes):
        objects = tuple(ObjectAnswer(f"m.{k}", "box", tuple(at), ids[kinds[item, k]], LABELS[kinds[item, k]],
                                     origin="model" if k < n_seen else "person",
                                     act="accepted" if k < n_seen else "added", iou=1.0 if k < n_seen else None,
                                     score=float(scores[item, k]) if k < n_seen else None)
                        for k, at in enumerate(rows))
        seen = Seen(model="0123456789abcdef", taxonomy=1, chosen_by="margin", shown_ms=812.5, threshold=0.3,
                    threshold_probability=1.0, objects=tuple(
                        {"id": one.id, "kind": "box", "at": list(one.at), "label_id": one.label_id,
                         "score": one.score} for one in objects[:n_seen]))
        there = set_id(one.label_id for one in objects)
        events.append(decided(Decision(new_id(), f"item-{item:06d}", "ada", "correct", label=wb.taxonomy.name_of(there),
                                       label_id=there, objects=objects, size=(640, 640), seen=seen, acted_at=now)))
    for start in range(0, n_items, 1000):
        wb.project.log.append(*events[start:start + 1000])
    wb.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="say what takes the time")
    arguments = parser.parse_args()
    figures = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "cells"
            a_log(project, arguments.items, arguments.objects, seed)
            if arguments.profile:
                run(OPEN, project, arguments.items, "profile")
            run(OPEN, project, arguments.items)  # the first opening after a bulk append writes what later ones read
            opened, listed, n = run(OPEN, project, arguments.items)
            figures.append((opened, listed, run(READ, project, arguments.items)[0]))
            size = (project / "log.db").stat().st_size / 2**20
            print(f"seed {seed}: {arguments.items:,} images, {n:,.0f} objects, log of {size:.0f} MiB: opened in "
                  f"{opened:.2f} s; wb.objects() {listed:.2f} s; reading all JSON {figures[-1][2]:.2f} s")
    opened, listed, read = np.median(figures, axis=0)
    print(f"median of {arguments.seeds}: opening {opened:.2f} s (target {TARGET_S} s, "
          f"{'met' if opened < TARGET_S else 'missed'}), wb.objects() {listed:.2f} s; a loop that only parses the "
          f"log's JSON {read:.2f} s")


if __name__ == "__main__":
    main()
