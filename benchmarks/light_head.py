"""Cost of the first model: descriptors of a pool, and the head that learns from its answers.

Pools made by code: 3,000 grey images of 28 px as an array and as JPEG files, 2,000 in colour of 224 px as an array and
20,000 as JPEG files. Every item has an answer. Each pool is measured in a process of its own, on one thread unless
OMP_NUM_THREADS says otherwise; memory is the largest so far less that before. Times are those of the clock, and in
brackets those of the processor, which other programs change less.

    python benchmarks/light_head.py [--seeds 1] [--only 0 1 2 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.learn.light import fit_light

# Name, images of a file each or None for an array, items, pixels a side, channels; target of the training in seconds.
POOLS = (("3,000 of 28 px, array", False, 3_000, 28, 1, 2.0), ("3,000 of 28 px, JPEG", True, 3_000, 28, 1, 2.0),
         ("2,000 of 224 px, array", False, 2_000, 224, 3, 10.0), ("20,000 of 224 px, JPEG", True, 20_000, 224, 3, 10.0))
N_LABELS = 10
MS_AN_ITEM, MEGABYTES = 5.0, 500
# Different images; larger pools show each several times, with a little noise where they are an array.
N_DIFFERENT = 500


def drawn(n: int, side: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth patterns with stripes of one of ten directions, and which one it is."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, N_LABELS, n)
    y, x = np.mgrid[:side, :side] / side
    images = np.empty((n, side, side, channels), np.uint8)
    for row, kind in enumerate(kinds):
        angle = np.pi * (kind + rng.normal(0, 0.35)) / N_LABELS
        wave = np.sin(2 * np.pi * (rng.uniform(3, 6) * (x * np.cos(angle) + y * np.sin(angle)) + rng.random()))
        coarse = 25 * np.kron(rng.normal(0, 1, (7, 7, channels)), np.ones((side // 7, side // 7, 1)))
        images[row] = (128 + 45 * wave[..., None] + coarse + rng.normal(0, 12, coarse.shape)).clip(0, 255)
    return images if channels == 3 else images[..., 0], kinds


def pool_of(folder: Path, number: int, seed: int) -> tuple[hw.Pool, np.ndarray]:
    """A pool, and the label of each item."""
    _, files, n, side, channels, _ = POOLS[number]
    if not files:
        images, kinds = drawn(n, side, channels, seed)
        return hw.Pool.from_images(images), kinds
    images, kinds = drawn(min(n, N_DIFFERENT), side, channels, seed)
    for row in range(n):
        Image.fromarray(images[row % len(images)]).save(folder / f"{row:05d}.jpg", quality=60 + row // len(images) % 40)
    return hw.Pool.from_images(folder), np.resize(kinds, n)


class Peak:
    """Largest memory of this process while a block runs, in MB above that before it."""

    def __enter__(self) -> Peak:
        self._ended, self._least = threading.Event(), self._now()
        self.megabytes = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.005):
            self.megabytes = max(self.megabytes, self._now() - self._least)

    @staticmethod
    def _now() -> float:
        try:
            # Anonymous memory: pages of mapped files are the system's to take back.
            lines = Path("/proc/self/status").read_text("utf-8").splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
        except (OSError, StopIteration):  # not on Linux: the largest since the process began
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)


def measured(number: int, seed: int) -> dict[str, float]:
    """The figures of one pool."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as text:
        (folder := Path(text) / "items").mkdir()
        pool, kinds = pool_of(folder, number, seed)
        wb = hw.Workbench(Path(text) / "project", pool, hw.Taxonomy([f"label {k}" for k in range(N_LABELS)]),
                          annotator="ada", holdout=0.0, seed=seed)
        every, descriptors = np.arange(len(pool)), wb.registry.descriptors
        with Peak() as peak:
            for name, work in (("fit", lambda: descriptors.net), ("rows", lambda: descriptors.of(every))):
                began, worked = time.perf_counter(), time.process_time()
                work()
                found |= {name: time.perf_counter() - began, f"{name}, processor": time.process_time() - worked}
        found["descriptors, MB"] = peak.megabytes
        with Peak() as peak:
            began, worked = time.perf_counter(), time.process_time()
            rows = torch.from_numpy(descriptors.of(every))
            light = fit_light(rows, torch.from_numpy(kinds), torch.ones(len(pool)), n_labels=N_LABELS,
                              draws=np.random.default_rng(seed).random(len(pool)))
            found |= {"head": time.perf_counter() - began, "head, processor": time.process_time() - worked}
        found |= {"head, MB": peak.megabytes, "right": float((light.logits.argmax(dim=1).numpy() == kinds).mean())}
        wb.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="+", default=list(range(len(POOLS))))
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        print(json.dumps(measured(*given.one)))
        return
    columns = ("pool", "fit of the net, once", f"rows, ms an item, target {MS_AN_ITEM:g}", "with the fit",
               "head and folds", "target", f"descriptors, MB, target {MEGABYTES}", "head, MB", "right, out of fold")
    print(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for number in given.only:
        name, _, n, _, _, seconds = POOLS[number]
        runs = []
        for seed in range(given.seeds):
            text = subprocess.run([sys.executable, __file__, "--one", str(number), str(seed)], check=True,
                                  stdout=subprocess.PIPE).stdout
            runs.append(json.loads(text.splitlines()[-1]))
        worst = {key: max(run[key] for run in runs) for key in runs[0]}
        each = {key: 1000 * value / n for key, value in worst.items()}
        cells = (name, f"{worst['fit']:.1f} s ({worst['fit, processor']:.1f})",
                 f"{each['rows']:.2f} ({each['rows, processor']:.2f}){_missed(each['rows'], MS_AN_ITEM)}",
                 f"{each['rows'] + each['fit']:.2f}",
                 f"{worst['head']:.2f} s ({worst['head, processor']:.2f}){_missed(worst['head'], seconds)}",
                 f"{seconds:g} s", f"{worst['descriptors, MB']:.0f}{_missed(worst['descriptors, MB'], MEGABYTES)}",
                 f"{worst['head, MB']:.0f}", f"{min(run['right'] for run in runs):.3f}")
        print(f"| {' | '.join(cells)} |", flush=True)


def _missed(value: float, target: float) -> str:
    return " **missed**" if value > target else ""


if __name__ == "__main__":
    main()
