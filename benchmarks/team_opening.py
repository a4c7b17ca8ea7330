"""Time to open a project of 1,000,000 answers on PostgreSQL, beside the same project in a folder.

Fills a project in a folder with the answers of eight people, moves it to a server of the benchmark's own, and opens
both in turn, each time in a new process: from before `hw.Workbench` is called until it is there. The target is for the
difference.

    python benchmarks/team_opening.py [--answers 1000000] [--times 3] [--profile]

With ``--answers 200000 --times 2`` it takes less than four minutes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from postgres_server import Server

import hitl_widgets as hw
from hitl_widgets.events import canonical, decided
from hitl_widgets.records import Decision, Seen
from hitl_widgets.storage import transfer
from hitl_widgets.storage.blobs import TeamFiles
from hitl_widgets.storage.checks import checksum
from hitl_widgets.storage.location import locate
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import EVENT, microseconds

TARGET_S = 2.0
LABELS = [f"label {k}" for k in range(10)]
OPEN = """
import sys, time
import pandas as pd
import hitl_widgets as hw
place, n, profile = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
ids = [f"images/{k:07d}.png" for k in range(n)]
pool = hw.Pool.from_frame(pd.DataFrame({"id": ids, "path": ids}))
Workbench = hw.Workbench  # what is imported first isn't measured
if place.startswith("postgresql"):
    import hitl_widgets.storage.postgres
if profile:
    import cProfile, pstats
    run = cProfile.Profile()
    run.enable()
began = time.perf_counter()
wb = Workbench(place, pool, annotator="ada", progress=False)
took = time.perf_counter() - began
if profile:
    run.disable()
    pstats.Stats(run).sort_stats("cumulative").print_stats(40)
print(took)
"""


def rows(first_seq: int, n: int, label_ids: list[str]) -> Iterator[tuple[Any, ...]]:
    """Rows of the log's events: answers as the card sends them, one for each item, and their checksums."""
    began = microseconds(datetime(2026, 3, 1, tzinfo=timezone.utc))
    bodies = [canonical(decided(Decision("of-one-item", "item", "ada", "correct" if k else "accept", label=LABELS[k],
                                         label_id=label_ids[k], certainty=7.0, seen=Seen(
        suggestion=label_ids[0], probs=dict.fromkeys(label_ids[:3], 0.3), model="0123456789abcdef", taxonomy=1,
        certainty="given", chosen_by="margin", shown_ms=812.5))).body) for k in range(len(LABELS))]
    for number in range(n):
        at, body = began + 1_000_000 * number, f'{bodies[number % len(LABELS)][:-1]},"nth":{number // 8 + 1}}}'
        row = {"seq": first_seq + number, "id": f"{number:032x}", "kind": "decided",
               "annotator": f"person-{number % 8}", "item_id": f"images/{number:07d}.png",
               "acted_at": at, "stored_at": at, "body": body}
        yield (*row.values(), checksum(row), at, 0)


def fill(folder: Path, n: int) -> None:
    """Make a project with so many answers in a folder."""
    pool = hw.Pool.from_images(np.zeros((1, 1, 1), np.uint8), ids=["images/0000000.png"])
    with hw.Workbench(folder, pool, LABELS, annotator="ada", progress=False) as wb:
        label_ids = list(wb.taxonomy.label_ids)
    with Log(folder) as log:
        made = list(rows(log.last_seq() + 1, n, label_ids))

        def add(conn: sa.Connection) -> None:
            # Ticks never fall, and what the project begins with was stored just now.
            conn.execute(sa.update(EVENT).values(tick=EVENT.c.seq))
            log.add_rows(conn, EVENT, made)

        log.rewrite(None, add)


def opening_s(place: str, n: int, *, profile: bool = False) -> float:
    """Seconds until the workbench is there, in a new process."""
    command = [sys.executable, "-c", OPEN, place, str(n), *(["profile"] if profile else [])]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    if profile:
        print("\n".join(said[:-1]))
    return float(said[-1].split()[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="show where an opening spends its time")
    args = parser.parse_args()
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}; "
          f"{args.answers:,} answers\n", flush=True)
    with tempfile.TemporaryDirectory() as home, Server(durable=True) as server:
        os.environ["XDG_CACHE_HOME"] = f"{home}/cache"
        folder, moved, url = Path(home, "cells"), Path(home, "moved"), server.new_project_url()
        fill(folder, args.answers)
        shutil.copytree(folder, moved)
        with Log(moved) as log:
            transfer.move(log, TeamFiles(log, moved), locate(url))
        if args.profile:
            opening_s(url, args.answers, profile=True)
        took = np.array([[opening_s(str(place), args.answers) for place in (folder, url)] for _ in range(args.times)])
    here, there = np.median(took, axis=0)
    beyond = float(np.median(took[:, 1] - took[:, 0]))
    print(f"{'opening in a folder':32} {here:6.1f} s")
    print(f"{'opening on the server':32} {there:6.1f} s")
    print(f"{'the server beyond the folder':32} {beyond:6.1f} s   target: under {TARGET_S:g} s, "
          f"{'met' if beyond < TARGET_S else 'missed'}")


if __name__ == "__main__":
    main()
