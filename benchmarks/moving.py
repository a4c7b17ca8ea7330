"""Time to move a project between a folder and a PostgreSQL server.

Makes a log of answers in a folder, moves it to a server that is started for this, back to the folder and to the server
again, and prints how long each takes, beside pg_dump and a copy of the file; then an archive of the server's project.

    python benchmarks/moving.py [--answers 1000000]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from hitl_widgets.events import Event, decided
from hitl_widgets.records import Decision, Seen, new_id
from hitl_widgets.storage import transfer
from hitl_widgets.storage.blobs import TeamFiles
from hitl_widgets.storage.location import Location, locate
from hitl_widgets.storage.log import Log

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from postgres_server import Server

LABELS = [f"L{i:010x}" for i in range(10)]
BATCH = 20_000


def answer(number: int) -> Event:
    """An answer as the card sends it."""
    seen = Seen(suggestion=LABELS[0], probs=dict.fromkeys(LABELS[:3], 0.3), model="0123456789abcdef", taxonomy=1,
                certainty="given", chosen_by="margin", shown_ms=812.5)
    return decided(Decision(new_id(), f"images/{number:07d}.png", f"annotator-{number % 8}", "accept", label="Sneaker",
                            label_id=LABELS[0], certainty=7.0, seen=seen))


def seconds(act: Callable[[], object]) -> float:
    """How long an act takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def moving(log_at: Location, folder: Path, to: Location, cache: Path) -> Callable[[], object]:
    """Move a project without its workbench."""
    def act() -> None:
        with Log(log_at) as log:
            transfer.move(log, TeamFiles(log, folder), to, cache=None if to == locate(folder) else cache)
    return act


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--answers", type=int, default=1_000_000)
    n = arguments.parse_args().answers
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}; "
          f"{n:,} answers\n")
    with tempfile.TemporaryDirectory() as home, Server(durable=True) as server:
        folder, cache = Path(home, "cells"), Path(home, "cache")
        with Log(folder) as log:
            for start in range(0, n, BATCH):
                log.append(*map(answer, range(start, min(start + BATCH, n))))
        here, there = locate(folder), locate(server.new_project_url())
        print(f"copy of the file alone             {seconds(lambda: shutil.copy(folder / 'log.db', home)):6.1f} s")
        print(f"from the folder to the server      {seconds(moving(here, folder, there, cache)):6.1f} s")
        with Log(there) as log:
            print(f"an archive's log from the server   "
                  f"{seconds(lambda: transfer.snapshot(log, Path(home, 'copy.db'))):6.1f} s")
        print(f"back to the folder, nothing new    {seconds(moving(there, cache, here, folder)):6.1f} s")
        print(f"to the server again, nothing new   {seconds(moving(here, folder, there, cache)):6.1f} s")
        other = Path(home, "other")
        print(f"from the server to a new folder    {seconds(moving(there, cache, locate(other), other)):6.1f} s")


if __name__ == "__main__":
    main()
