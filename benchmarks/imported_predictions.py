"""Wrong answers among 100 that come back for a second look, by probabilities that somebody imported.

The setting of `second_looks.py`: 1,000 answers with errors in 17 of 100 and a certainty of AUROC 0.85, and 50 gold
items. The imported probabilities are out-of-sample, of scikit-learn's logistic regression on components of the pixels:
by cross-validation over the very answers that are checked, wrong ones included, or of a model that learnt the true
labels of 1,000 other images, as a colleague may have one. Beside them the queue of `second_looks.py`, which has quick
models of its own, and probabilities that aren't out-of-sample, against which the documentation warns. Also how long
importing takes.

    python benchmarks/imported_predictions.py [--seeds 5] [--first 0] [--n-scale 100000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from certainty import NAMES, Answered, answered, project
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

import hitl_widgets as hw

N_LOOKS, TARGET = 100, 80
N_OTHERS = 1_000


def table_of(probs: np.ndarray, ids: Any) -> pd.DataFrame:
    """The probabilities as a data scientist has them."""
    return pd.DataFrame({"item_id": ids, **dict(zip(NAMES, probs.T, strict=True))})


def imported(data: Answered, seed: int) -> dict[str, np.ndarray]:
    """Probabilities of the items that were answered, by the way in which they were made."""
    flat = data.images.reshape(len(data.images), -1) / 255
    others = np.random.default_rng(seed).choice(len(data.test), N_OTHERS, replace=False)
    linear = make_pipeline(PCA(60, random_state=seed), LogisticRegression(C=0.01, max_iter=300))
    forest = RandomForestClassifier(300, random_state=seed)
    by_other = linear.fit(data.test[others].reshape(N_OTHERS, -1) / 255, data.test_truth[others]).predict_proba(flat)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"imported, cross-validated over these answers": cross_val_predict(
                    linear, flat, data.said, cv=5, method="predict_proba"),
                "imported, cross-validated, random forest": cross_val_predict(
                    forest, flat, data.said, cv=5, method="predict_proba"),
                "imported, of a model that learnt other images": by_other,
                "imported, not out-of-sample": forest.fit(flat, data.said).predict_proba(flat)}


def one_seed(seed: int) -> pd.Series:
    """How many wrong answers each way finds."""
    told = answered(seed)
    wrong, row = told.said != told.truth, dict[str, int]()
    with project(told) as wb:
        items = wb.next(N_LOOKS, queue="second_look", annotator="import")
        row["second_looks.py: quick models and the net"] = int(wrong[[item.position for item in items]].sum())
        for name, probs in imported(told, seed).items():
            wb.import_predictions(table_of(probs, wb.pool.ids), model=name)
            items = wb.next(N_LOOKS, queue="second_look", annotator="import")
            row[name] = int(wrong[[item.position for item in items]].sum())
    print(f"seed {seed}: {row}", flush=True)
    return pd.Series(row)


def seconds(n_items: int) -> tuple[float, float, float]:
    """Seconds for importing so many items of ten labels, for opening the project again, and for the next 100 items."""
    rng = np.random.default_rng(0)
    pool = hw.Pool.from_images(rng.integers(0, 255, (n_items, 8, 8), np.uint8))
    table = table_of(rng.dirichlet(np.ones(10), n_items), pool.ids)
    with tempfile.TemporaryDirectory() as folder:
        with hw.Workbench(Path(folder) / "p", pool, NAMES, progress=False) as wb:
            began = time.perf_counter()
            wb.import_predictions(table)
            imported_s = time.perf_counter() - began
        began = time.perf_counter()
        with hw.Workbench(Path(folder) / "p", pool, progress=False) as wb:
            opened_s, began = time.perf_counter() - began, time.perf_counter()
            wb.next(100, strategy="margin")
            return imported_s, opened_s, time.perf_counter() - began


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--n-scale", type=int, default=100_000)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    table = pd.DataFrame([one_seed(given.first + seed) for seed in range(given.seeds)]).T
    print(f"\n{given.seeds} seeds from {given.first} on; of {N_LOOKS} answers looked at again so many were wrong\n")
    print("| chosen by | mean | smallest | largest | target |")
    print("|---|---|---|---|---|")
    for name, row in table.iterrows():
        verdict = "" if not str(name).startswith("imported, cross-validated over") else \
            f"{TARGET}: {'met' if row.mean() >= TARGET else 'missed'}"
        print(f"| {name} | {row.mean():.1f} | {row.min()} | {row.max()} | {verdict} |")
    times = seconds(given.n_scale)
    print("\n{:,} items of 10 labels: imported in {:.1f} s, opened again in {:.1f} s, the next 100 items in {:.1f} s"
          .format(given.n_scale, *times))


if __name__ == "__main__":
    main()
