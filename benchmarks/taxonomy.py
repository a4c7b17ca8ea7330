"""Cost of a taxonomy that changed fifty times over a million answers, beside references, from one run.

    python benchmarks/taxonomy.py [--items 1000000] [--edits 50]

With TMPDIR on a disk of memory the disk's own share is left out.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = [f"label {k}" for k in range(10)]

OPEN = """
import sys, time, pandas as pd
import hitl_widgets as hw
from hitl_widgets.workbench import Workbench
folder, n = sys.argv[1], int(sys.argv[2])
frame = pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n)], "path": "none.png"})
pool = hw.Pool.from_frame(frame)
began, worked = time.perf_counter(), time.process_time()
wb = Workbench(folder, pool, annotator="ada")
print(time.perf_counter() - began, time.process_time() - worked)
began, worked = time.perf_counter(), time.process_time()
frame = wb.annotations()
print(time.perf_counter() - began, time.process_time() - worked)
print(len(frame), (frame["status"] == "to_review").sum())
"""


def pool_of(n_items: int):
    import hitl_widgets as hw
    return hw.Pool.from_frame(pd.DataFrame({"id": [f"item-{k:07d}" for k in range(n_items)], "path": "none.png"}))


def a_log(folder: Path, n_items: int, n_edits: int) -> None:
    """A project of so many answers by four people, spread over the versions that so many edits made."""
    import hitl_widgets as hw
    from hitl_widgets import edits
    from hitl_widgets.events import decided
    from hitl_widgets.records import Decision, Seen
    from hitl_widgets.storage import schema as tables
    from hitl_widgets.storage.checks import checksum
    from hitl_widgets.workbench import Workbench
    wb = Workbench(folder, pool_of(n_items), hw.Taxonomy(LABELS), annotator="ada")
    for k in range(n_edits):
        name, other = (wb.taxonomy.names[i % len(wb.taxonomy)] for i in (k, k + 1))
        made = wb.apply([edits.rename(name, f"renamed {k}"), edits.split(name, [f"{k} a", f"{k} b"]),
                         edits.merge([name, other], f"merged {k}"), edits.add(f"added {k}"),
                         edits.describe(name, definition=f"what {k} is")][k % 5])
        if k % 10 == 9:
            wb.revert(made.id)
    versions = [(version, taxonomy.label_ids) for version, taxonomy in wb.project.lineage.versions.items()]
    engine, seq = wb.project.log._database.reader, wb.project.log.last_seq()
    wb.close()
    for start in range(0, n_items, 50_000):
        acts = []
        for k in range(start, min(start + 50_000, n_items)):
            version, label_ids = versions[k * len(versions) // n_items]
            acts.append(decided(Decision(f"decision-{k:07d}", f"item-{k:07d}", f"person {k % 4}", "answer",
                                         label="as it was", label_id=label_ids[k % len(label_ids)],
                                         seen=Seen(taxonomy=version))))
        with engine.connect() as conn:
            conn.exec_driver_sql("BEGIN")
            rows = [{**tables.row_of(act), "stored_at": 0, "seq": seq + i, "tick": seq + i, "aside": 0}
                    for i, act in enumerate(acts, 1)]
            tables.add(conn, tables.EVENT, [{**row, "checksum": checksum(row)} for row in rows])
            tables.add(conn, tables.ANNOTATION, [{"seq": seq + i, "item_id": act.item_id, "annotator": act.annotator,
                                                  **tables.annotation_of(act)} for i, act in enumerate(acts, 1)])
            conn.commit()
        seq += len(acts)
    engine.dispose()


def run(folder: Path, n_items: int) -> list[float]:
    """Seconds to open and to read, by the clock and of the processor, rows, rows in doubt, in a fresh Python: the best
    of three."""
    said = [subprocess.run([sys.executable, "-c", OPEN, str(folder), str(n_items)], capture_output=True, text=True,
                           check=True).stdout for _ in range(3)]
    return [float(column) for column in np.min([list(map(float, text.split())) for text in said], axis=0)]


def editing(folder: Path, n_items: int) -> dict[str, list[float]]:
    """Milliseconds of what people do around an edit, while somebody else decides all the time."""
    from hitl_widgets import edits
    from hitl_widgets.storage.arrays import Predictions
    from hitl_widgets.taxonomy.history import Lineage
    from hitl_widgets.workbench import Workbench
    wb = Workbench(folder, pool_of(n_items), annotator="ada")
    table = wb.project.log.annotations(columns=("label_id", "taxonomy"))
    took: defaultdict[str, list[float]] = defaultdict(list)

    def timed(name: str, act):
        began, worked = time.perf_counter(), time.thread_time()
        result = act()
        took[name].append(1000 * (time.perf_counter() - began))
        took[f"{name}, processor"].append(1000 * (time.thread_time() - worked))
        return result

    def naive():
        steps = Lineage(wb.project.log.events(kind="taxonomy")).steps
        some = slice(0, n_items, 100)  # a hundredth, since it takes so long
        for label_id, version in zip(table["label_id"][some], table["taxonomy"][some], strict=True):
            stands: edits.Resolution = {label_id: (label_id,)}
            for step in steps:
                if step.version > version:
                    stands = edits.compose(stands, step.resolution)

    timed("naive", naive)
    predictions = Predictions(folder / "predictions", model="m", label_ids=wb.taxonomy.label_ids,
                              ids_digest=wb.pool.digest, n_items=n_items)
    for start in range(0, n_items, 100_000):
        some = np.arange(start, min(start + 100_000, n_items))
        predictions.put(some, np.random.default_rng(0).dirichlet(
            np.ones(len(wb.taxonomy)), len(some)).astype(np.float32))
    wb.project.use_predictions(predictions)
    wb.project.next(20)
    stop, name, errors = threading.Event(), "alone", []

    def decide():
        k = 0
        while not stop.is_set():
            try:
                timed(name, lambda k=k: wb.project.decide(f"item-{k % n_items:07d}", label=wb.taxonomy.label_ids[0],
                                                          annotator="bob", seen={"taxonomy": wb.taxonomy.version}))
            except Exception as error:
                errors.append(error)
            k += 1
            time.sleep(0.002)

    with closing(sqlite3.connect(folder / "beside.db", isolation_level=None)) as beside:
        for pragma in ("journal_mode = persist", "synchronous = full"):
            beside.execute(f"pragma {pragma}")
        beside.execute("create table said (what text)")
        for _ in range(50):
            timed("insert", lambda: beside.execute("insert into said values ('a decision')"))
    thread = threading.Thread(target=decide)
    thread.start()
    time.sleep(2)
    for k in range(10):
        edit = edits.split(wb.taxonomy.names[0], [f"new {k} a", f"new {k} b"])
        timed("preview", lambda edit=edit: wb.preview(edit))
        name = "meanwhile"
        applied = timed("apply", lambda edit=edit: wb.apply(edit))
        time.sleep(0.05)
        timed("revert", lambda applied=applied: wb.revert(applied.id))
        time.sleep(0.05)
        name = "alone"
        timed("counts", wb.edits.counts)
    wb.project.ordering = None  # what the pictures look like is no part of it
    wb.apply(edits.split(wb.taxonomy.names[0], ["last a", "last b"]))
    for _ in range(5):
        timed("next", lambda: wb.project.next(20, queue="relabel"))
    stop.set()
    thread.join()
    assert not errors, errors[0]
    wb.close()
    return took


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--items", type=int, default=1_000_000)
    asked.add_argument("--edits", type=int, default=50)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        plain, changed = Path(kept, "plain"), Path(kept, "changed")
        a_log(plain, given.items, 0)
        a_log(changed, given.items, given.edits)
        without, after = run(plain, given.items), run(changed, given.items)
        took = editing(changed, given.items)
    print(f"{given.items:,} annotations, {given.edits} edits, {after[5]:,.0f} in doubt; by the clock (the processor's)")
    for at, what in ((0, "opening"), (2, "reading what stands, resolved")):
        print(f"{what}: {after[at]:.2f} s ({after[at + 1]:.2f}); without a history {without[at]:.2f} s "
              f"({without[at + 1]:.2f})")
    print(f"resolving each row by itself: {took['naive'][0] / 10:.0f} s ({took['naive, processor'][0] / 10:.0f})")
    for name in ("preview", "apply", "revert", "counts", "next"):
        print(f"{name}: {np.median(took[name]):.0f} ms ({np.median(took[f'{name}, processor']):.0f})")
    print(f"one plain sqlite3 INSERT, as durable: {np.median(took['insert']):.1f} ms")
    for name in ("alone", "meanwhile"):
        low, high = np.percentile(took[name], [50, 99])
        print(f"a decision, {name}: {low:.1f} ms ({np.median(took[f'{name}, processor']):.1f}), 99th percentile "
              f"{high:.0f}, largest {np.max(took[name]):.0f}, n = {len(took[name])}")


if __name__ == "__main__":
    main()
