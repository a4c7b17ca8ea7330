"""A project of 10,000,000 items: seconds and memory of opening, asking, predicting and exporting.

    python benchmarks/ten_million.py [--items 10000000] [--phases open next ...] [--kind paths|objects|images|texts]
                                     [--seed 0] [--keep FOLDER] [--profile]

Each phase runs in a process of its own that first makes the user's table: ids, paths (no file is there, but of "images"
there are 256) or texts, and three columns of metadata. Memory is what the phase takes beyond that table: the most
anonymous memory (RssAnon of /proc/self/status, looked at 100 times a second), less what there was when the table was
made. Pages of memory maps are the system's cache: it takes them back when it needs room, and they aren't counted.
Beside a phase stands what pandas or numpy needs for the plainest form of it.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

SEEDS = range(256)
LABELS = [f"label {k}" for k in range(10)]
TARGETS = {"open": "10 s, 2 GB", "again": "10 s, 2 GB", "next": "0.5 s, 2 GB"}


def user_frame(kind: str, n: int, seed: int, folder: Path) -> pd.DataFrame:
    """The user's table: strings as pandas keeps them (Arrow), or as Python objects where kind is "objects".

    Of "images" the paths lead to 256 files, again and again; else no file is there.
    """
    images = folder / "images" if kind == "images" else None
    if images and not images.exists():
        images.mkdir(parents=True)
        for k in SEEDS:
            Image.fromarray(np.random.default_rng(k).integers(0, 256, (32, 32), np.uint8)).save(images / f"{k}.png")
    rng, parts = np.random.default_rng(seed), []
    words = np.array(["".join(row) for row in rng.choice(list("abcdefghij"), (2000, 5))], object)
    for start in range(0, n, step := 500_000):
        rows = range(start, min(n, start + step))
        part = pd.DataFrame({"id": [f"item-{k:08d}" for k in rows]})
        if kind == "texts":
            drawn = rng.integers(0, len(words), (len(rows), 8))
            part["text"] = [" ".join(row) for row in words[drawn]]
        else:
            part["path"] = [f"{images}/{k % len(SEEDS)}.png" if images else f"images/{k // 1000:05d}/{k:08d}.jpg"
                            for k in rows]
        shops = pd.Index([f"shop {k}" for k in range(100)])
        part["shop"] = pd.Categorical.from_codes(rng.integers(0, 100, len(rows)), categories=shops)
        part["price"] = rng.random(len(rows)).astype(np.float32)
        part["day"] = rng.integers(0, 1000, len(rows)).astype(np.int32)
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    return frame.astype(dict.fromkeys(("id", "path"), object)) if kind == "objects" else frame


def anonymous_mb() -> float:
    """Memory of this process that belongs to no file, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e3
    return float("nan")


class Phase:
    """Measures the steps of a phase: seconds, and the most memory beyond what there was at first."""

    def __init__(self, *, profile: bool) -> None:
        self.rows: list[dict[str, Any]] = []
        self._base, self._profile = anonymous_mb(), profile

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what is inside."""
        most, done = [anonymous_mb()], threading.Event()

        def look() -> None:
            while not done.wait(0.01):
                most.append(max(most.pop(), anonymous_mb()))
        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        profile = cProfile.Profile() if self._profile else None
        began, busy = time.perf_counter(), time.process_time()
        with profile or _nothing():
            yield
        took, busy = time.perf_counter() - began, time.process_time() - busy
        done.set()
        watcher.join()
        if profile:
            pstats.Stats(profile).sort_stats("cumulative").print_stats(35)
        self.rows.append({"step": name, "s": took, "cpu_s": busy, "peak_mb": max(most) - self._base,
                          "kept_mb": anonymous_mb() - self._base})
        print(f"   {name:<52} {took:8.3f} s ({busy:.3f} s of CPU), peak {max(most) - self._base:7,.0f} MB, kept "
              f"{anonymous_mb() - self._base:7,.0f} MB", flush=True)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def a_pool(frame: pd.DataFrame) -> Any:
    import hitl_widgets as hw
    return hw.Pool.from_frame(frame)


def opened(folder: Path, frame: pd.DataFrame, **more: Any) -> Any:
    import hitl_widgets as hw
    return hw.Workbench(folder, pool=a_pool(frame), taxonomy=LABELS, annotator="ada", **more)


def warm(folder: Path) -> None:
    """What the first project of a session imports isn't counted."""
    import hitl_widgets as hw
    with hw.Workbench(folder / "warm", hw.Pool.from_texts(["a", "b", "c"]), ["x", "y"]) as wb:
        wb.next()


def predicted(wb: Any, seed: int, share: float = 1.0) -> None:
    """Predictions of a model for all items, or for a share of them, by block."""
    from hitl_widgets.storage.arrays import Predictions
    n, rng = len(wb.pool), np.random.default_rng(seed)
    kept = Predictions(wb.folder / "predictions", model=f"m{share}", label_ids=wb.taxonomy.label_ids,
                       ids_digest=wb.pool.digest, n_items=n)
    for start in range(0, int(n * share), 2**17):
        rows = np.arange(start, min(start + 2**17, int(n * share)))
        if not kept.tried[rows[-1]]:
            probs = rng.random((len(rows), len(kept.label_ids)), np.float32) ** 4
            kept.put(rows, probs / probs.sum(axis=1, keepdims=True))
    wb.project.use_predictions(kept)


def folder_mb(folder: Path) -> dict[str, float]:
    """Room on the disk of each file of a folder, in MB."""
    return {str(path.relative_to(folder)): round(path.stat().st_blocks * 512 / 1e6, 1)
            for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_blocks * 512 > 1e5}


def size_mb(path: Path) -> float:
    """Bytes of a file, or of all files of a folder, in MB."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def phase_reference(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """Pandas and numpy on the same table."""
    with phase.step("pandas: unique ids in an index, one looked up"):
        index = pd.Index(frame["id"])
        assert index.is_unique
        assert index.get_loc(frame["id"].iloc[-1]) == len(frame) - 1
    del index
    probs = np.random.default_rng(seed).random((len(frame), 10), np.float32)
    with phase.step("numpy: margins, 20 best of all"):
        top = np.partition(probs, 8, axis=1)
        np.argpartition(top[:, 9] - top[:, 8], 20)
    del top
    with phase.step("pandas: to_parquet of the table"):
        frame.to_parquet(folder / "reference.parquet")


def phase_open(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """A new project."""
    with phase.step("pool"):
        pool = a_pool(frame)
    import hitl_widgets as hw
    with phase.step("new project"):
        wb = hw.Workbench(folder / "p", pool=pool, taxonomy=LABELS, annotator="ada")
    with phase.step("wb.next()"):
        wb.next()
    ids = wb.pool.ids[np.random.default_rng(seed).integers(0, len(frame), 1000)].tolist()
    wb.import_annotations(pd.DataFrame({"item_id": list(dict.fromkeys(ids)), "label": LABELS[0]}))
    for item in wb.next(20, strategy="random"):
        wb.decide(item, label=LABELS[1])
    wb.close()
    print("   on disk (MB):", json.dumps(folder_mb(folder / "p")))


def phase_again(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """The project with some 1,000 answers, opened again."""
    with phase.step("pool"):
        pool = a_pool(frame)
    import hitl_widgets as hw
    with phase.step("project with 1,000 answers"):
        wb = hw.Workbench(folder / "p", pool=pool, taxonomy=LABELS, annotator="ada")
    with phase.step("wb.progress()"):
        wb.progress()
    with phase.step("wb.annotations()"):
        wb.annotations()
    wb.close()


def phase_joined(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """Again, with ten items more in the table than when it was opened last."""
    more = pd.concat([frame, frame.iloc[:10].assign(id=[f"new-{seed}-{k}" for k in range(10)])], ignore_index=True)
    phase._base = anonymous_mb()
    with phase.step("pool and project, ten items joined"):
        opened(folder / "p", more).close()


def phase_groups(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """A project whose hold-out is drawn by group."""
    with phase.step("pool and new project with group='shop'"):
        opened(folder / "g", frame, group="shop").close()
    with phase.step("pool and project again"):
        opened(folder / "g", frame, group="shop").close()


def phase_next(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """Asking: without a model, with one, assigned, after an answer, of the relabel queue, for a second person."""
    import hitl_widgets as hw
    wb = opened(folder / "p", frame)

    def twice(name: str, ask: Callable[[], Any]) -> None:
        for turn in ("first", "again"):
            with phase.step(f"{name}, {turn}"):
                assert len(ask())
    twice("without a model: next()", wb.next)
    twice("next(20)", lambda: wb.next(20))
    twice("next(20) for a second person", lambda: wb.next(20, annotator="bob"))
    item = wb.next()[0]
    with phase.step("decide"):
        wb.decide(item, label=LABELS[1])
    twice("next(20) after an answer", lambda: wb.next(20))
    with phase.step("assign by metadata"):
        wb.people.assign("cleo", where={"shop": ["shop 1", "shop 2"]})
    twice("next(20), assigned", lambda: wb.next(20, annotator="cleo"))
    with phase.step("(a model's predictions are written)"):
        predicted(wb, seed)
    twice("with predictions: next()", wb.next)
    for strategy in ("margin", "entropy", "least_confidence"):
        twice(f"next(20), {strategy}", partial(wb.next, 20, strategy=strategy))
    twice("next(20, margin) for a second person", lambda: wb.next(20, strategy="margin", annotator="bob"))
    twice("next(20), assigned, with predictions", lambda: wb.next(20, annotator="cleo"))
    for item in wb.next(3):
        with phase.step("decide"):
            wb.decide(item, label=LABELS[1])
        with phase.step("next() after it"):
            wb.next()
    with phase.step("taxonomy edit: split"):
        wb.apply(hw.edits.split(LABELS[1], ["one", "two"]))
    twice("next(20) after the edit", lambda: wb.next(20))
    twice("next(20) of the relabel queue", lambda: wb.next(20, queue="relabel"))
    with phase.step("wb.progress()"):
        wb.progress()
    wb.close()
    print("   on disk (MB):", json.dumps(folder_mb(folder / "p")))


def phase_few(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """A model that has predicted one item in a thousand."""
    wb = opened(folder / "p", frame)
    with phase.step("predictions of 0.1 %"):
        predicted(wb, seed, 0.001)
    for name in ("next(20), first", "next(20), again"):
        with phase.step(name):
            wb.next(20, strategy="margin")
    wb.close()
    print("   on disk (MB):", json.dumps(folder_mb(folder / "p")))


def phase_predict(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """A quick function as the model: it predicts all items, and its table is made."""
    letters = np.random.default_rng(seed).random((256, len(LABELS)), np.float32)
    texts = "text" in frame.columns

    def model(items: list[str]) -> np.ndarray:
        probs = letters[[hash(item) & 255 for item in items]] + 0.01
        return np.asarray(probs / probs.sum(axis=1, keepdims=True))
    if not texts:
        print("   (of texts alone, since no image is there)")
        return
    wb = opened(folder / "m", frame, model=model)
    with phase.step(f"wb.predict() of {len(frame):,} texts by a function"):
        table = wb.predict()
    del table
    with phase.step("wb.predict() again: the table alone"):
        wb.predict()
    wb.close()


def phase_table(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """The table of predictions, where all are known."""
    from hitl_widgets.report.predictions import label_table
    wb = opened(folder / "p", frame)
    predicted(wb, seed)
    with phase.step("table of all predictions"):
        label_table(wb.project, np.arange(len(frame)))
    wb.close()


def phase_export(folder: Path, frame: pd.DataFrame, phase: Phase, seed: int) -> None:
    """Exports of all items, with predictions where there are any."""
    wb = opened(folder / "p", frame)
    predicted(wb, seed)
    for name in ("parquet", "csv", "jsonl"):
        with phase.step(f"wb.export(), {name}, with items that nobody answered"):
            done = wb.export(folder / f"out.{name}", name, unanswered=True, predictions=True)
        print(f"   {done.n:,} items, {size_mb(folder / f'out.{name}'):,.0f} MB")
    with phase.step("wb.export(), parquet, of the answers alone"):
        wb.export(folder / "few.parquet", "parquet")
    wb.close()


PHASES = {name.removeprefix("phase_"): function for name, function in list(globals().items())
          if name.startswith("phase_")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=["reference", "open", "again", "next"])
    parser.add_argument("--kind", choices=["paths", "objects", "images", "texts"], default="paths")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the projects, which is kept")
    parser.add_argument("--profile", action="store_true", help="say what takes the time")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        warm(given.keep)
        frame = user_frame(given.kind, given.items, given.seed, given.keep)
        before = anonymous_mb()
        print(f"   (the process with the user's table takes {before:,.0f} MB)", flush=True)
        PHASES[given.phases[0]](given.keep, frame, Phase(profile=given.profile), given.seed)
        return
    import psutil
    print(f"{given.items:,} items ({given.kind}), load {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores, "
          f"Python {sys.version.split()[0]}, numpy {np.__version__}, pandas {pd.__version__}")
    with tempfile.TemporaryDirectory() as home:
        keep = given.keep or Path(home)
        for name in given.phases:
            print(f"{name}: {(PHASES[name].__doc__ or '').splitlines()[0]}"
                  + (f" Target {TARGETS[name]}." if name in TARGETS else ""), flush=True)
            subprocess.run([sys.executable, __file__, "--inside", "--phases", name, "--items", str(given.items),
                            "--kind", given.kind, "--seed", str(given.seed), "--keep", str(keep),
                            *["--profile"] * given.profile], check=True)


if __name__ == "__main__":
    main()
