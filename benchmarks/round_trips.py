"""Round trips of random projects through every format: whatever a file doesn't say was reported.

    python benchmarks/round_trips.py [--seeds 200] [--formats jsonl coco] [--first 0] [--faults 20]

For each format and seed a random project of a task that the format can hold is exported (everybody's answers, or the
consensus), read back, and made a project of again. What the file says is compared with what the project said, field by
field, apart from what the package counts itself; a difference that the report doesn't have is a fault. Beside the
faults stands how much was lost and reported, without which no fault could be found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from exchange.random_projects import KINDS_OF, random_project
from exchange.round_trip import faults_of

from hitl_widgets.exchange.registry import available, find_format

TARGET = "0 faults in 200 projects a format"


def cases(name: str, n_seeds: int, first: int) -> list[tuple[str, str, int]]:
    """Task, kind of items and seed of each project for a format."""
    chosen = find_format(name)
    fitting = [(task, kind) for task in chosen.tasks for kind in KINDS_OF.get(task, ("memory", "files", "text"))
               if ("text" if kind == "text" else "image") in chosen.kinds]
    return [(*fitting[seed % len(fitting)], seed) for seed in range(first, first + n_seeds)]


def main() -> None:
    """Run and print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--formats", nargs="*", default=available())
    parser.add_argument("--faults", type=int, default=20, help="how many faults of a format are shown")
    arguments = parser.parse_args()
    print(f"{'format':16} {'projects':>8} {'at fault':>8} {'seconds':>8}   target: {TARGET}")
    n_bad = 0
    for name in arguments.formats:
        began, bad, faults = time.perf_counter(), 0, Counter[str]()
        for task, kind, seed in cases(name, arguments.seeds, arguments.first):
            with ExitStack() as stack:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                made = stack.enter_context(random_project(seed, task=task, kind=kind, n_items=6))
                try:
                    found = faults_of(made.wb, name, folder, labels=["annotations", "consensus"][seed % 2])
                except Exception as error:  # a fault like any other: which projects, and how often
                    found = [f"{type(error).__name__}: {error}"]
            bad += bool(found)
            faults.update({f"{task} {kind} (seed {seed}): {fault}": 1 for fault in found})
        n_bad += bad
        print(f"{name:16} {arguments.seeds:8} {bad:8} {time.perf_counter() - began:8.1f}", flush=True)
        for fault in list(faults)[:arguments.faults]:
            print(f"    {fault[:400]}")
    print("met" if not n_bad else "missed")


if __name__ == "__main__":
    main()
