"""Time and memory of exporting a large project, each format beside its target and a plain copy of the log.

A project of n / 2 images, answered by two people each; the log has what was on the screen at each answer, as the card
writes it. Each export runs in a process of its own, and the peak is that of the whole process. The reference reads the
log's events with sqlite3 and writes each as a line of JSON: no consensus, no checks, no report.

    python benchmarks/export_scale.py [--n 1000000] [--formats jsonl parquet csv] [--labels annotations] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd

import hitl_widgets as hw
from hitl_widgets.events import Event, decided
from hitl_widgets.records import Decision, Seen

LABELS = [f"label {k}" for k in range(10)]
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
AT_ONCE = 10_000

POOL = """
import resource, sys, time, pandas as pd
import hitl_widgets as hw
def pool(n):
    return hw.Pool.from_frame(pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n)],
                                            "path": [f"{k // 1000}/{k}.png" for k in range(n)]}))
folder, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
"""
EXPORT = POOL + """
wb = hw.Workbench(folder, pool(n), annotator="ann")
began = time.perf_counter()
done = wb.export(out, sys.argv[4], sys.argv[5])
took = time.perf_counter() - began
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, done.n)
"""
PLAIN = POOL + """
import json, sqlite3
began = time.perf_counter()
with open(out, "w") as file:
    for item_id, annotator, body in sqlite3.connect(folder + "/log.db").execute(
            "select item_id, annotator, body from event order by item_id"):
        file.write(json.dumps({"item_id": item_id, "annotator": annotator, **json.loads(body)}) + "\\n")
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, n)
"""


def a_project(folder: Path, n_items: int) -> None:
    """A project in which two people answered each item."""
    frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n_items)],
                          "path": [f"{k // 1000}/{k}.png" for k in range(n_items)]})
    rng = np.random.default_rng(0)
    with hw.Workbench(folder, hw.Pool.from_frame(frame), LABELS, annotator="ann", holdout=0) as wb:
        ids, names = wb.taxonomy.label_ids, dict(zip(wb.taxonomy.label_ids, LABELS, strict=True))
        batch: list[Event] = []
        for k, (guess, first, second) in enumerate(rng.integers(0, 10, (n_items, 3)).tolist()):
            probs = {ids[(guess + step) % 10]: round(0.55 - 0.1 * step, 2) for step in range(5)}
            for who, label in (("ann", first), ("bob", second if k % 4 else first)):
                number = 2 * k + (who == "bob")
                seen = Seen(suggestion=ids[guess], probs=probs, method="gradcam", target=ids[guess],
                            model="0123456789abcdef", taxonomy=1, certainty="given", chosen_by="margin",
                            shown_ms=812.5, arm="shown", arm_probability=0.8)
                batch.append(decided(Decision(
                    f"decision-{number:08d}", f"item-{k:07d}", who, "accept" if label == guess else "correct",
                    label=names[ids[label]], label_id=ids[label], certainty=float(number % 11), seen=seen,
                    note="a little blurred" if number % 20 == 0 else None,
                    acted_at=BEGIN + timedelta(seconds=number))))
            if len(batch) >= AT_ONCE:
                wb.project.log.append(*batch)
                batch = []
        wb.project.log.append(*batch)


def run(code: str, *arguments: object) -> list[float]:
    """The numbers that a fresh Python prints last."""
    said = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True,
                          check=False)
    if said.returncode:
        sys.exit(said.stderr)
    return [float(number) for number in said.stdout.strip().split("\n")[-1].split()]


def megabytes(path: Path) -> float:
    """Size of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*"))) / 2**20


def main() -> None:
    """Make the project, export it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["jsonl", "parquet", "csv"])
    parser.add_argument("--labels", default="annotations")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    share = options.n / 1_000_000
    with tempfile.TemporaryDirectory() as temporary:
        home = options.keep or Path(temporary)
        home.mkdir(exist_ok=True)
        project = home / f"project-{options.n}"
        if not project.exists():
            began = time.perf_counter()
            a_project(project, options.n // 2)
            print(f"(made the project in {time.perf_counter() - began:.0f} s)")
        print(f"{options.n:,} answers, labels={options.labels!r}; targets: {60 * share:.0f} s, 1024 MB")
        print(f"{'':>14} {'seconds':>8} {'peak MB':>8} {'file MB':>8}")
        for number, name in enumerate(["(plain lines)", *options.formats]):
            out = Path(temporary) / f"{number}-{name.strip('()').replace(' ', '-')}"
            took, peak, _ = run(PLAIN, project, out, options.n // 2) if not number else \
                run(EXPORT, project, out, options.n // 2, name, options.labels)
            met = "" if not number else "met" if took <= 60 * share and peak <= 1024 else "MISSED"
            print(f"{name:>14} {took:8.1f} {peak:8.0f} {megabytes(out):8.1f}  {met}", flush=True)


if __name__ == "__main__":
    main()
