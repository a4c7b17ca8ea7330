"""Claims of a team on PostgreSQL: eight processes claim and decide items, and some of them are killed.

Each process claims an item, reads by page what the others stored meanwhile, decides the item if nobody has, and lets go
of it. Processes are killed at random moments and others take their place; what a killed one held is free when its claim
runs out, which here is at once. Counted are items that nobody decided (lost), that two decided (doubled), and events
that a page left out (skipped). The server is one of the benchmark's own, whose commits wait for the disk; the reference
is a row that psycopg inserts and commits beside the same processes.

    python benchmarks/team_claims.py [--n 10000] [--processes 8] [--kills 20] [--short]

``--short`` has a thousand items and 3 kills, and takes less than four minutes.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import IO

import numpy as np
import psutil
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from postgres_server import Server

from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import CLAIM

LABELLER = """
import random, sys, time
from datetime import datetime, timezone
from hitl_widgets.events import Event
from hitl_widgets.storage.log import Log

url, me, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
log, rng = Log(url), random.Random(me)
last, done = 0, set()

def look():
    global last
    for event in log.events(last):
        if event.seq != last + 1:
            print("skipped", last + 1, flush=True)
        last = event.seq
        done.add(event.item_id)

look()
while len(done) < n:
    item = f"item-{rng.randrange(n)}"
    if item in done:
        continue
    began = time.perf_counter()
    mine = log.claim([item], me, seconds=3600)
    print("claimed", 1000 * (time.perf_counter() - began), flush=True)
    look()
    if mine:
        if item not in done:
            log.append(Event(f"{me}-on-{item}", "decided", me, datetime.now(timezone.utc), {"verdict": "skip"},
                             item_id=item))
        log.release(mine, me)
"""


def floor_ms(server: Server, n: int) -> np.ndarray:
    """Milliseconds to change a row and commit it."""
    import psycopg
    took = []
    with psycopg.connect(**server.connection()) as conn:
        conn.execute("create table if not exists plain (item text primary key, who text)")
        for number in range(n):
            began = time.perf_counter()
            conn.execute("insert into plain values (%s, 'ann') on conflict do nothing", [f"item-{number}"])
            conn.commit()
            took.append(1000 * (time.perf_counter() - began))
    return np.array(took)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000, help="items, each to be claimed once")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="1,000 items, 3 kills")
    args = parser.parse_args()
    if args.short:
        args.n, args.kills = 1_000, 3
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    rng, names = random.Random(0), iter(range(10**6))
    with Server(durable=True) as server:
        url = server.new_project_url()
        with Log(url) as log:
            at_work: list[tuple[str, subprocess.Popen[str]]] = []
            files: list[Path] = []

            def start() -> None:
                name = f"ann-{next(names)}"
                files.append(server.folder / f"{name}.txt")
                file: IO[str]
                with files[-1].open("w") as file:
                    at_work.append((name, subprocess.Popen(
                        [sys.executable, "-c", LABELLER, url, name, str(args.n)], stdout=file, text=True)))

            began = time.perf_counter()
            for _ in range(args.processes):
                start()
            alone = np.array([]) if args.kills else floor_ms(server, 200)
            for kill in range(args.kills):
                goal = args.n * (kill + 1) // (args.kills + 1)
                while log.last_seq() < goal:
                    if any(process.poll() for _, process in at_work):
                        raise SystemExit("a process ended with an error")
                    time.sleep(rng.random() * 0.05)
                if kill == args.kills // 2:
                    alone = floor_ms(server, 200)
                name, process = at_work.pop(rng.randrange(len(at_work)))
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                # Its claims run out. Deleting them waits for nothing of the log's, as a claim does.
                with log._database.claimer.connect() as conn, conn.begin():
                    conn.execute(sa.delete(CLAIM).where(CLAIM.c.annotator == name))
                start()
            for _, process in at_work:
                if process.wait():
                    raise SystemExit("a process ended with an error")
            took_s = time.perf_counter() - began
            said = [line.split() for file in files for line in file.read_text().splitlines()]
            items = Counter(event.item_id for event in log.events())
            times = np.array([float(line[1]) for line in said if line[0] == "claimed" and len(line) == 2])
            skipped = sum(line[0] == "skipped" for line in said)
            held = len(log.claims())
        print(f"{args.n:,} items, {args.processes} processes, {args.kills} killed, {len(times):,} claims, "
              f"{took_s:.0f} s\n")
        print(f"{'':34}{'ours':>26}   reference, target")
        doubled = sum(count > 1 for count in items.values())
        for title, count in (("items lost", args.n - len(items)), ("items doubled", doubled),
                             ("events skipped by pages", skipped), ("claims left", held)):
            print(f"{title:34}{count:>26}   0: {'missed' if count else 'met'}")
        slow = float(np.percentile(times, 95))
        print(f"{'a claim, median':34}{np.median(times):>23.1f} ms   an insert alone {np.median(alone):.1f} ms")
        print(f"{'a claim, 95th percentile':34}{slow:>23.1f} ms   an insert alone {np.percentile(alone, 95):.1f} ms; "
              f"under 15 ms: {'met' if slow < 15 else 'missed'}")


if __name__ == "__main__":
    main()
