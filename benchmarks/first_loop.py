"""The gain from 150 decisions of a simulated annotator, beside the gain from true labels.

The journey of notebook 01 without its card, over several seeds: a weak model from 60 imported labels, 150 decisions
picked by the queue with 5 % errors, a fine-tuning, measured on the whole hold-out. Beside it, from the same weak model,
the same number of true labels: of the very items that the annotator was asked.

    python benchmarks/first_loop.py [--seeds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

import hitl_widgets as hw
from hitl_widgets.items.datasets import digits_on_photographs

EPOCHS_WEAK = 12


def begun(folder: Path, pool: hw.Pool, labels: np.ndarray, seed: int) -> tuple[hw.Workbench, dict[str, str]]:
    """A project with its weak model."""
    truth = dict(zip(pool.ids, labels, strict=True))
    wb = hw.Workbench(folder, pool, hw.Taxonomy([str(digit) for digit in range(10)]), seed=seed, annotator="bench")
    wb.gold({item_id: truth[item_id] for item_id in wb.holdout})
    wb.import_annotations(pd.DataFrame({"item_id": pool.ids[:60], "label": labels[:60]}))
    wb.finetune(epochs=EPOCHS_WEAK, min_steps=32 * EPOCHS_WEAK)
    return wb, truth


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    rows = []
    for seed in range(arguments.parse_args().seeds):
        images, labels = digits_on_photographs(seed=seed)
        pool = hw.Pool.from_images(images)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as home, contextlib.redirect_stderr(io.StringIO()):
            wb, truth = begun(Path(home) / "sim", pool, labels, seed)
            said = hw.simulate(wb, truth, n=150, error=0.05, seed=seed)
            run: Any = wb.finetune()
            took = time.perf_counter() - began
            wb.close()
            other, _ = begun(Path(home) / "true", pool, labels, seed)
            other.import_annotations(pd.DataFrame({"item_id": said["item_id"], "label": said["truth"]}),
                                     annotator="truth")
            ideal: Any = other.finetune()
            other.close()
        rows.append({"seed": seed, "n": run.after.n, "weak": float(run.before["accuracy"]),
                     "after": float(run.after["accuracy"]), "gain": float(run.gain), "gain_low": run.gain.low,
                     "gain_high": run.gain.high, "true labels": float(ideal.after["accuracy"]), "seconds": took})
        print(pd.DataFrame(rows[-1:]).round(3).to_string(header=seed == 0, index=False), flush=True)
    table = pd.DataFrame(rows)
    short = 100 * (table["true labels"] - table["after"])
    print(f"\ngain {100 * table['gain'].mean():.1f} points (smallest {100 * table['gain'].min():.1f}; target 10); "
          f"short of true labels by {short.mean():.1f} points (largest {short.max():.1f}; target 3); "
          f"{table['seconds'].median():.0f} s a loop; peak memory {psutil.Process().memory_info().rss / 2**20:.0f} MB")


if __name__ == "__main__":
    main()
