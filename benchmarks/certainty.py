"""The share of the damage by wrong answers that the annotators' certainty repairs.

Of the 3,000 training images of Fashion-MNIST, 1,000 are answered by one annotator who errs in 17 of 100, towards what a
weak model (logistic regression on 100 other images) takes the image for, with a certainty that tells right from wrong
by an AUROC of 0.85; so are 50 gold items. Each condition trains the workbench's own net from its first weights as
`wb.finetune` does, and is measured on all 2,850 images that nobody was asked about. "Recovered" is the share of what
true labels gain over ``certainty="off"`` with the same loss. That loss has a label smoothing of 0.1 built in, so off
and true labels are also trained without any.

    python benchmarks/certainty.py [--seeds 5] [--first 0] [--jobs 1]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtr, ndtri
from sklearn.linear_model import LogisticRegression

import hitl_widgets as hw
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.train import TrainingOptions, train

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
N_ANSWERS, N_GOLD, N_WEAK, ERROR, AUROC = 1_000, 50, 100, 0.17, 0.85
NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
CLEAN, OFF, CLEAN_BARE, OFF_BARE = "true labels", "off", "true labels, no smoothing", "off, no smoothing"


class Answered(NamedTuple):
    """One draw: images that were answered (the last of them gold), the truth, what was said, and what measures."""

    images: np.ndarray
    truth: np.ndarray
    said: np.ndarray
    certainty: np.ndarray
    test: np.ndarray
    test_truth: np.ndarray


def answered(seed: int, *, auroc: float = AUROC) -> Answered:
    """Answers drawn by this seed; with another AUROC the same labels and errors."""
    with np.load(DATA) as data:
        images, truth, is_test = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(~is_test))
    asked, weak = order[:N_ANSWERS + N_GOLD], order[N_ANSWERS + N_GOLD:][:N_WEAK]
    flat = images.reshape(len(images), -1) / 255
    model = LogisticRegression(C=0.01, max_iter=300).fit(flat[weak], truth[weak])
    confused = np.full((len(asked), len(NAMES)), 1e-9)
    confused[:, model.classes_] += model.predict_proba(flat[asked])
    confused[np.arange(len(asked)), truth[asked]] = 0
    errs = rng.random(len(asked)) < ERROR
    other = [rng.choice(len(NAMES), p=row / row.sum()) for row in confused]
    distance = float(np.sqrt(2) * ndtri(auroc))  # binormal, as the simulated annotator's
    felt = rng.normal(np.where(errs, 0.0, distance)) - distance / 2
    rest = np.setdiff1d(np.arange(len(images)), order[:N_ANSWERS + N_GOLD + N_WEAK])
    return Answered(images[asked], truth[asked], np.where(errs, other, truth[asked]),
                    np.minimum(10, np.floor(11 * ndtr(felt))), images[rest], truth[rest])


@contextmanager
def project(data: Answered, *, certain: bool = True) -> Iterator[hw.Workbench]:
    """A project with these answers in its log, all of them or without what was said of certainty."""
    with tempfile.TemporaryDirectory() as folder:
        pool = hw.Pool.from_images(data.images)
        wb = hw.Workbench(Path(folder) / "p", pool, hw.Taxonomy(NAMES), annotator="ada", holdout=0.0, device="cpu")
        wb.import_annotations(pd.DataFrame({"id": pool.ids, "label": [NAMES[label] for label in data.said],
                                            "certainty": data.certainty if certain else np.nan}))
        wb.gold({pool.ids[i]: NAMES[data.truth[i]] for i in range(N_ANSWERS, len(pool))})
        try:
            yield wb
        finally:
            wb.close()


def one_seed(seed: int) -> pd.Series:
    """Accuracy for each condition."""
    found: dict[str, float] = {}
    told, mute = answered(seed), answered(seed, auroc=0.5)
    views, test_truth = torch.from_numpy(told.test[:, None] / np.float32(255)), told.test_truth

    def run(name: str, wb: hw.Workbench, targets: np.ndarray, weights: np.ndarray | None = None) -> None:
        items = wb.training_set()
        trained = train(wb.registry.start("initial", seed=seed),
                        TrainingData(items.images, targets, weights=weights, draws=items.draws),
                        TrainingOptions(seed=seed, augment=random_affine), device="cpu")
        with torch.no_grad():
            found[name] = float((trained.net(views).argmax(dim=1).numpy() == test_truth).mean())
        print(f"seed {seed}: {name}: {found[name]:.3f}", flush=True)

    def rows(labels: np.ndarray, smoothing: float) -> np.ndarray:
        return ((1 - smoothing) * np.eye(len(NAMES))[labels] + smoothing / len(NAMES)).astype(np.float32)

    with project(told) as wb:
        weighted, soft = wb.training_set(), wb.training_set(certainty="soft")
        truth = told.truth[wb.pool.positions(weighted.item_ids)]
        run(CLEAN, wb, truth)
        run(OFF, wb, weighted.targets)
        run(CLEAN_BARE, wb, rows(truth, 0.0))
        run(OFF_BARE, wb, rows(weighted.targets, 0.0))
        run("label smoothing 0.3", wb, rows(weighted.targets, 0.3))
        run("weight", wb, weighted.targets, weighted.weights)
        run("soft", wb, soft.targets, soft.weights)
    with project(told, certain=False) as wb:
        soft = wb.training_set(certainty="soft")
        run("soft, no certainty given", wb, soft.targets, soft.weights)
    with project(mute) as wb:
        soft = wb.training_set(certainty="soft")
        run("soft, an uninformative certainty", wb, soft.targets, soft.weights)
    return pd.Series(found)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--jobs", type=int, default=1)
    given = arguments.parse_args()
    with ProcessPoolExecutor(given.jobs, initializer=torch.set_num_threads, initargs=(1,)) as jobs:
        table = pd.DataFrame(jobs.map(one_seed, range(given.first, given.first + given.seeds))).T
    gain = table.loc[CLEAN].mean() - table.loc[OFF].mean()
    bare = table.loc[CLEAN_BARE].mean() - table.loc[OFF_BARE].mean()
    print(f"\n{given.seeds} seeds from {given.first} on; true labels gain {gain:.3f} over off, "
          f"{bare:.3f} without smoothing\n")
    print("| condition | accuracy | over off | worst seed | recovered, % | of the gap without smoothing, % |")
    print("|---|---|---|---|---|---|")
    for name, row in table.iterrows():
        over, over_bare = row - table.loc[OFF], row - table.loc[OFF_BARE]
        print(f"| {name} | {row.mean():.3f} | {over.mean():+.3f} | {over.min():+.3f} | "
              f"{100 * over.mean() / gain:.0f} | {100 * over_bare.mean() / bare:.0f} |")
    soft, mute = table.loc["soft"] - table.loc[OFF], table.loc["soft, an uninformative certainty"] - table.loc[OFF]
    for claim, met in ((f"soft recovers 60 % or more: {100 * soft.mean() / gain:.0f} %", soft.mean() >= 0.6 * gain),
                       (f"in every seed not worse than off: smallest {soft.min():+.3f}", soft.min() >= 0),
                       (f"with an uninformative certainty it loses under 1 point: {mute.mean():+.3f}, smallest "
                        f"{mute.min():+.3f}", mute.mean() > -0.01)):
        print(f"\n{claim}: {'met' if met else 'missed'}")


if __name__ == "__main__":
    main()
