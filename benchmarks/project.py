"""Time to import, open, ask and decide, each figure beside its reference, from one run.

    python benchmarks/project.py [--items 1000000] [--decisions 100000]
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

LABELS = [f"label {k}" for k in range(10)]

OPEN = """
import sys, time, psutil, pandas as pd, numpy as np
import hitl_widgets as hw
from hitl_widgets.workbench import Workbench
folder, n = sys.argv[1], int(sys.argv[2])
frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n)], "path": [f"{k // 1000}/{k}.png" for k in range(n)]})
me = psutil.Process()
before, began = me.memory_info().rss, time.perf_counter()
wb = Workbench(folder, hw.Pool.from_frame(frame), hw.Taxonomy([f"label {k}" for k in range(10)]), annotator="ada")
took = time.perf_counter() - began
print(took, (me.memory_info().rss - before) / 2**20, len(wb.annotations()))
"""

READ = """
import sys, time, sqlite3, pandas as pd
n = int(sys.argv[2])
frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n)], "path": [f"{k // 1000}/{k}.png" for k in range(n)]})
began = time.perf_counter()
done = pd.read_sql("select * from annotation", sqlite3.connect(sys.argv[1] + "/log.db"))
open_ = ~frame["id"].isin(done["item_id"])
print(time.perf_counter() - began, 0, int((~open_).sum()))
"""


def run(code: str, *arguments: object) -> list[float]:
    """The numbers that a fresh Python prints last."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(number) for number in said.stdout.split("\n")[-2].split()]


def import_seconds(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(np.median([run(code)[0] for _ in range(5)]))


def a_log(folder: Path, n_items: int, n_decisions: int) -> None:
    """A project with so many decisions."""
    import hitl_widgets as hw
    from hitl_widgets.workbench import Workbench
    frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n_items)],
                          "path": [f"{k // 1000}/{k}.png" for k in range(n_items)]})
    wb = Workbench(folder, hw.Pool.from_frame(frame), hw.Taxonomy(LABELS), annotator="ada")
    wb.import_annotations(pd.DataFrame({"id": frame["id"][:n_decisions],
                                        "label": np.array(LABELS)[np.arange(n_decisions) % 10]}))
    wb.close()


def next_ms(folder: Path, n_items: int) -> tuple[list[float], list[float]]:
    """wb.next(20) from scored items; beside it a sort of all margins with numpy."""
    from hitl_widgets.items.pool import Pool
    from hitl_widgets.storage.arrays import Predictions
    from hitl_widgets.taxonomy.labels import Taxonomy
    from hitl_widgets.workbench import Workbench
    frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n_items)], "path": "none.png"})
    wb = Workbench(folder, Pool.from_frame(frame), Taxonomy(LABELS), annotator="ada")
    predictions = Predictions(folder / "predictions", model="m", label_ids=wb.taxonomy.label_ids,
                              ids_digest=wb.pool.digest, n_items=n_items)
    wb.project.use_predictions(predictions)
    probs = np.random.default_rng(0).dirichlet(np.ones(10), n_items).astype(np.float32)
    wb.project.ranking.put(np.arange(n_items), probs, wb.project.lineage)
    began = time.perf_counter()
    wb.next(20)
    print(f"(the first call, which scores all items, took {1000 * (time.perf_counter() - began):.0f} ms)")
    ours, theirs = [], []
    for _ in range(15):
        began = time.perf_counter()
        wb.next(20)
        ours.append(1000 * (time.perf_counter() - began))
        began = time.perf_counter()
        top = np.partition(probs, 8, axis=1)
        np.argsort(top[:, 9] - top[:, 8])[:20]
        theirs.append(1000 * (time.perf_counter() - began))
    wb.close()
    return ours, theirs


def decide_ms(folder: Path, *, threads: int, training: bool, n: int = 300) -> list[float]:
    """wb.decide, from one thread or several, alone or beside a fine-tuning in the same process."""
    import hitl_widgets as hw
    images = np.random.default_rng(0).integers(0, 255, (threads * n + 400, 28, 28), np.uint8)
    wb = hw.Workbench(folder, hw.Pool.from_images(images), hw.Taxonomy(LABELS), annotator="ada", holdout=0)
    ids = wb.pool.ids
    wb.import_annotations(pd.DataFrame({"id": ids[-400:], "label": [LABELS[k % 10] for k in range(400)]}))
    took: list[float] = []
    stop = threading.Event()

    def train() -> None:
        while not stop.is_set():
            wb.finetune(epochs=3, min_steps=96, start="initial", adopt="never")

    def work(k: int) -> None:
        for item_id in ids[k * n:(k + 1) * n]:
            began = time.perf_counter()
            wb.decide(item_id, label=LABELS[0], annotator=f"p{k}")
            took.append(1000 * (time.perf_counter() - began))
    trainer = threading.Thread(target=train)
    if training:
        trainer.start()
        time.sleep(3)
    workers = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    if training:
        trainer.join()
    wb.close()
    return took


def insert_ms(home: Path, n: int = 100) -> list[float]:
    """What the disk allows: a plain INSERT and COMMIT under the same pragmas, alone."""
    took = []
    with closing(sqlite3.connect(home / "plain.db", isolation_level=None)) as log:
        log.executescript("PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL; "
                          "CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body TEXT)")
        for _ in range(n):
            began = time.perf_counter()
            log.execute("BEGIN IMMEDIATE")
            log.execute("INSERT INTO event (body) VALUES (?)", ["x" * 600])
            log.execute("COMMIT")
            took.append(1000 * (time.perf_counter() - began))
    return took


def row(name: str, ours: str, reference: str, target: str) -> None:
    print(f"{name:<58} {ours:>22} {reference:>34}   {target}")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--items", type=int, default=1_000_000)
    arguments.add_argument("--decisions", type=int, default=100_000)
    given = arguments.parse_args()
    print(f"{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}\n")
    row("", "ours", "reference", "target")
    row("import hitl_widgets", f"{import_seconds('hitl_widgets'):.3f} s",
        f"import pandas {import_seconds('pandas'):.2f} s", "under 0.3 s")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "big"
        a_log(folder, given.items, given.decisions)
        opened = np.array([run(OPEN, folder, given.items) for _ in range(5)])
        read = np.array([run(READ, folder, given.items) for _ in range(5)])
        row(f"open {given.decisions:,} decisions over {given.items:,} items",
            f"{np.median(opened[:, 0]):.2f} s, {np.median(opened[:, 1]):.0f} MB",
            f"pandas.read_sql and isin {np.median(read[:, 0]):.2f} s", "under 1 s and 250 MB")
        ours, theirs = next_ms(Path(home) / "next", given.items)
        row(f"wb.next(20) from {given.items:,} scored items", f"{np.median(ours):.0f} ms",
            f"numpy partition and argsort {np.median(theirs):.0f} ms", "under 50 ms")
        for name, threads, training, target in (
                ("wb.decide, alone", 1, False, "median under 3 ms"),
                ("wb.decide, 8 threads", 8, False, ""),
                ("wb.decide, 8 threads while fine-tuning", 8, True, "median under 20 ms, p99 under 200 ms")):
            took = decide_ms(Path(home) / name.replace(" ", "-"), threads=threads, training=training)
            plain = insert_ms(Path(home))
            row(name, f"{np.median(took):.1f} ms, p99 {np.percentile(took, 99):.0f} ms",
                f"one sqlite3 INSERT {np.median(plain):.1f} ms", target)


if __name__ == "__main__":
    main()
