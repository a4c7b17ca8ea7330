"""Answers of a team on PostgreSQL: how soon one is stored, alone and with sixteen people, and a server that is killed.

- `wb.decide` in a loop, beside the same loop on a folder (SQLite) and a row that psycopg inserts and commits;
- sixteen people, each a process with a card: a decision a second each, from the key's message to the card's "stored",
  once their processes have described the pool;
- a session of four people during which the server is killed again and again: the card is sent again what it couldn't
  store, as the browser does. Counted are answers that were lost and answers that are there twice.

The server is one of the benchmark's own, whose commits wait for the disk.

    python benchmarks/team_answers.py [--n 300] [--people 16] [--seconds 30] [--kills 20] [--short]

``--short`` asks for less of each. Where the benchmark is ended before, it ends the people's processes.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from postgres_server import Server

import hitl_widgets as hw
from hitl_widgets.errors import LogBusy
from hitl_widgets.storage.log import Log

PERSON = """
import os, random, sys, threading, time
from datetime import datetime, timezone
import numpy as np
import hitl_widgets as hw
from hitl_widgets.records import new_id
where, me, n, pause_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
pool = hw.Pool.from_images(np.zeros((4_000, 8, 8), np.uint8))
wb = hw.Workbench(where, pool, ["cat", "dog"], annotator=f"person-{me}", progress=False, annotators_per_item=1)
card = wb.review(explain=None)
card.receive({"kind": "hello"})
time.sleep(5)
label = wb.taxonomy.label_ids[0]
while any(thread.name == "hitl-describing" for thread in threading.enumerate()):
    time.sleep(0.1)
print("ready", flush=True)
sys.stdin.readline()
due = time.perf_counter() + random.Random(me).random() * pause_s
for number in range(n):
    time.sleep(max(0.0, due - time.perf_counter()))
    due += pause_s
    act = {"kind": "decide", "decision_id": new_id(), "item_id": str(16 * number + me), "annotator": f"person-{me}",
           "verdict": "answer", "label_id": label, "acted_at": datetime.now(timezone.utc).isoformat(), "seen": {}}
    began = time.perf_counter()
    while True:
        reply = card.receive(act)
        if reply["kind"] == "stored":
            break
        if not reply.get("again"):
            sys.exit(f"refused: {reply}")
        time.sleep(0.05)
    print(act["decision_id"], 1000 * (time.perf_counter() - began), flush=True)
wb.close()
sys.stdout.flush()
os._exit(0)  # on a busy machine a net that is being learnt wouldn't end in time
"""


def a_session(server: Server, url: str, *, people: int, n: int, pause_s: float, kills: int = 0) -> dict[str, float]:
    """Id of each decision that a card said is stored -> milliseconds that it took."""
    pool = hw.Pool.from_images(np.zeros((4_000, 8, 8), np.uint8))
    with hw.Workbench(url, pool, ["cat", "dog"], annotator="owner", progress=False):
        pass
    processes = [subprocess.Popen([sys.executable, "-c", PERSON, url, str(k), str(n), str(pause_s)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) for k in range(people)]
    try:
        return _answered(processes, server, url, n=n, kills=kills)
    finally:
        for process in processes:
            process.kill()


def _answered(processes: list[subprocess.Popen[str]], server: Server, url: str, *, n: int, kills: int
              ) -> dict[str, float]:
    for process in processes:
        assert process.stdin
        assert process.stdout
        while process.stdout.readline() != "ready\n":
            if process.poll() is not None:
                raise SystemExit("a person's process ended with an error")
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    rng = random.Random(0)
    with Log(url) as log:
        for kill in range(kills):
            goal = len(processes) * n * (kill + 1) // (kills + 1)
            while _last_seq(log) < goal and any(process.poll() is None for process in processes):
                time.sleep(0.02)
            time.sleep(rng.random() * 0.05)  # anywhere within a commit
            server.restart(kill=True)
    lines = [line.split() for process in processes for line in process.communicate()[0].splitlines()]
    if any(process.returncode for process in processes):
        raise SystemExit("a person's process ended with an error")
    return {line[0]: float(line[1]) for line in lines if len(line) == 2}


def _last_seq(log: Log) -> int:
    try:
        return log.last_seq()
    except LogBusy:
        return 0


def decide_ms(place: str, n: int) -> np.ndarray:
    """Milliseconds that each of n calls of `wb.decide` took."""
    took = []
    pool = hw.Pool.from_images(np.zeros((n, 8, 8), np.uint8))
    with hw.Workbench(place, pool, ["cat", "dog"], annotator="ada", progress=False) as wb:
        for item_id in pool.ids:
            began = time.perf_counter()
            wb.decide(item_id, label="cat")
            took.append(1000 * (time.perf_counter() - began))
    return np.array(took)


def insert_ms(server: Server, n: int) -> np.ndarray:
    """Milliseconds that it took to insert a row and commit it, with psycopg alone."""
    import psycopg
    took = []
    with psycopg.connect(**server.connection()) as conn:
        conn.execute("create table plain (item bigint primary key, body text)")
        conn.commit()
        for number in range(n):
            began = time.perf_counter()
            conn.execute("insert into plain values (%s, %s)", [number, "x" * 600])
            conn.commit()
            took.append(1000 * (time.perf_counter() - began))
    return np.array(took)


def row(name: str, ours: str, reference: str, target: str, *, met: bool | None = None) -> None:
    """Print a row of the table."""
    verdict = "" if met is None else ": met" if met else ": missed"
    print(f"{name:<44} {ours:>28}   {reference:<44} {target}{verdict}", flush=True)


def shown(took: np.ndarray) -> str:
    """Median and 95th percentile."""
    return f"{np.median(took):.1f} ms, p95 {np.percentile(took, 95):.0f} ms"


def main() -> None:
    """Print the table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=300, help="decisions in a loop")
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=30, help="of the people's session")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="100 decisions, 8 people for 10 seconds, 3 kills")
    args = parser.parse_args()
    if args.short:
        args.n, args.people, args.seconds, args.kills = 100, 8, 10, 3
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    row("", "ours", "reference", "target")
    with tempfile.TemporaryDirectory() as home, Server(durable=True) as server:
        os.environ["XDG_CACHE_HOME"] = home
        took = decide_ms(server.new_project_url(), args.n)
        row("wb.decide", shown(took), f"folder {shown(decide_ms(f'{home}/p', args.n))}", "median under 6 ms",
            met=bool(np.median(took) < 6))
        row("", "", f"one INSERT and COMMIT {shown(insert_ms(server, args.n))}", "")
        stored = a_session(server, server.new_project_url(), people=args.people, n=args.seconds, pause_s=1.0)
        took = np.array(list(stored.values()))
        row(f"{args.people} people, a decision a second each", shown(took),
            f"{psutil.getloadavg()[0]:.0f} processes were waiting", "p95 under 250 ms",
            met=bool(np.percentile(took, 95) < 250))
        if args.kills:
            killed(server, args.kills)


def killed(server: Server, kills: int) -> None:
    """Print the row of a session during which the server is killed."""
    url = server.new_project_url()
    stored = a_session(server, url, people=4, n=5 * kills, pause_s=0.1, kills=kills)
    with Log(url) as log:
        there = Counter(event.id for event in log.events(kind="decided"))
        asked = Counter((event.item_id, event.annotator) for event in log.events(kind="decided"))
    lost = sum(id not in there for id in stored) + 20 * kills - len(stored)
    doubled = sum(n > 1 for n in (*there.values(), *asked.values()))
    row(f"server killed {kills} times, {len(stored):,} decisions", f"{lost} lost, {doubled} doubled",
        f"slowest {max(stored.values()):.0f} ms", "0 lost, 0 doubled", met=lost == doubled == 0)


if __name__ == "__main__":
    main()
