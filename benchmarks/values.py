"""How far predicted values are from the true ones: mean ink of Fashion-MNIST on a scale from 0 to 10.

Answers are the true ink with planted noise of a standard deviation of 1, kept within the scale. 3,000 items to choose
from, the same 1,000 to test in every row, through the project's own queue: 20 items are claimed and answered, heads are
learnt as in the background, and so on up to 200. The error is against the true ink, the coverage that of new noisy
answers by the 90 % intervals. Beside it: items drawn by chance, and as the reference scikit-learn's kernel ridge
regression on the same items and descriptors, its kernel and penalty chosen by its own cross-validation. "10 % by
chance": so many answers are anywhere on the scale.

    python benchmarks/values.py [--seeds 5] [--only default]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV

import hitl_widgets as hw
from hitl_widgets.learn.background import BackgroundLearning
from hitl_widgets.learn.light import rows_of
from hitl_widgets.learn.values import predict_values

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
N_POOL, AT_ONCE, SHOWN = 3_000, 20, (40, 100, 200)
NOISE, TARGET, AIM = 1.0, 0.8, 0.5
# How items are chosen, and which share of the answers is anywhere on the scale.
WAYS: dict[str, tuple[str | None, float]] = {"default": (None, 0.0), "by chance": ("random", 0.0),
                                             "default, 10 % by chance": (None, 0.1)}
INK = hw.Attribute("ink", scale=(0.0, 10.0))


def ink_of(images: np.ndarray) -> np.ndarray:
    """Mean ink of each image, from 0 (the faintest) to 10."""
    ink = images.reshape(len(images), -1).mean(axis=1)
    return np.asarray(10 * (ink - ink.min()) / np.ptp(ink))


def grown(images: np.ndarray, ink: np.ndarray, answers: np.ndarray, *, strategy: str | None, seed: int
          ) -> dict[int, dict[str, float]]:
    """The figures after some numbers of answers, of one way to choose items."""
    found: dict[int, dict[str, float]] = {}
    pool = hw.Pool.from_images(images[:N_POOL])
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, pool, hw.Taxonomy(attributes=[INK]), task="scale", annotator="ada", holdout=0.0,
                          seed=seed, progress=False)
        wb.session.describe()
        learning = BackgroundLearning(wb.project, lambda: wb.registry, notify=print)
        asked: list[int] = []
        while len(asked) < max(SHOWN):
            items = wb.claim(AT_ONCE, strategy=strategy)
            for item in items:
                wb.decide(item.id, values={"ink": float(answers[item.position])})
            wb.project.log.release(items.ids, "ada")
            asked += [item.position for item in items]
            began = time.perf_counter()
            learning.learn()
            seconds = time.perf_counter() - began
            if len(asked) in SHOWN and (model := wb.registry.values.adopted) is not None:
                views = torch.from_numpy(images[N_POOL:, None] / 255.0).float()
                rows = rows_of(model.descriptors, views)
                said = predict_values(model.heads.heads[0], model.attributes[0], rows)
                low, high = (np.array(end, float) for end in (said.low, said.high))
                found[len(asked)] = {
                    "error": float(np.abs(said.numbers - ink[N_POOL:]).mean()), "learning, s": seconds,
                    "coverage": float(((low <= answers[N_POOL:]) & (answers[N_POOL:] <= high)).mean()),
                    "reference": reference(wb.registry.descriptors.of(np.array(asked)), answers[asked], rows.numpy(),
                                           ink[N_POOL:])}
        wb.close()
    return found


def reference(known: np.ndarray, answers: np.ndarray, rows: np.ndarray, ink: np.ndarray) -> float:
    """The mean absolute error of scikit-learn's kernel ridge regression."""
    search = GridSearchCV(KernelRidge(kernel="rbf"), {"alpha": 10.0 ** np.arange(-3, 2.5, 0.5),
                                                      "gamma": 10.0 ** np.arange(-2, 1, 0.5)},
                          scoring="neg_mean_absolute_error")
    search.fit(known, answers - answers.mean())
    return float(np.abs(search.predict(rows) + answers.mean() - ink).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = np.load(DATA)["images"]
    ink, rows = ink_of(images), []
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        answers = (ink + rng.normal(0, NOISE, len(ink))).clip(0, 10)
        slips = rng.random(len(ink)), rng.uniform(0, 10, len(ink))
        for name in given.only:
            strategy, share = WAYS[name]
            said = np.where(slips[0] < share, slips[1], answers)
            for n, figures in grown(images, ink, said, strategy=strategy, seed=seed).items():
                rows.append({"items": name, "answers": n, **figures})
    table = pd.DataFrame(rows).groupby(["items", "answers"], sort=False).mean()
    print(table.round(3).to_string())
    if "default" not in given.only:
        return
    error = table.loc[("default", 200), "error"]
    print(f"\nmean absolute error after 200 answers: {error:.2f} (target {TARGET}, aim {AIM}): "
          f"{'met' if error <= TARGET else 'missed'}, {given.seeds} seeds")


if __name__ == "__main__":
    main()
