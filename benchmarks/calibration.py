"""Calibration of a model's confidence, and the share that a rare label keeps.

Fashion-MNIST, 300 answers drawn by chance, the nets of `wb.finetune` without a model of one's own, measured on 1,500
other images: the calibration error (ECE, 10 bins of equally many items) with and without the temperature. Then two
overlapping normal kinds, 2 standard deviations apart, of which one is rare, everything answered, measured on twice as
many others.

    python benchmarks/calibration.py [--seeds 5] [--answers 300]
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import pandas as pd
import torch
from frozen import answered, images_of

from hitl_widgets.learn.data import TrainingData, make_batches
from hitl_widgets.learn.nets import small_cnn, train_head
from hitl_widgets.learn.train import Trained, TrainingOptions, forward, train
from hitl_widgets.quality.calibration import calibration_error

N_TEST, N_NORMAL = 1_500, 1_200  # of the normal kinds, twice as many measure


def logits_of(trained: Trained, views: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The net's logits for all views."""
    with torch.no_grad():
        return torch.cat([forward(trained.net, some, wanted) for some, wanted, _ in
                          make_batches(views, targets, None, np.arange(len(views)))])


def figures(name: str, trained: Trained, views: torch.Tensor, targets: torch.Tensor) -> dict[str, float | str]:
    """Accuracy, temperature, and the calibration error with and without it."""
    logits = logits_of(trained, views, targets)
    right = (logits.argmax(dim=1) == targets).numpy()
    scale = 1.0 if math.isnan(trained.temperature) else trained.temperature
    (ece, by_chance), (raw, _) = (calibration_error((logits * factor).softmax(dim=1).max(dim=1).values.numpy(), right)
                                  for factor in (1.0, scale))
    return {"net": name, "accuracy": float(right.mean()), "temperature": trained.temperature, "ECE": ece,
            "ECE without": raw, "by chance": by_chance}


def fashion(n: int, seed: int) -> list[dict[str, float | str]]:
    """The figures of the small CNN and of the frozen backbone after n answers."""
    with answered(*images_of("fashion"), n, seed, n_test=N_TEST) as (registry, data, options, views, targets):
        return [figures(name, learn(registry.start(start, seed=seed), data, options), views, targets)
                for name, start, learn in (("small CNN", "initial", train), ("frozen backbone", "frozen", train_head))]


def rare(share: float, seed: int) -> dict[str, float]:
    """Accuracy and the mean probability of the rare kind, beside its share and the best that can be had."""
    rng = np.random.default_rng(seed)
    kinds = (rng.random(3 * N_NORMAL) < share).astype(np.int64)
    values = rng.normal(2.0 * kinds, 1.0)
    images = (128 + 25 * values)[:, None, None] + rng.normal(0, 3, (len(kinds), 9, 9))
    views, targets = torch.from_numpy(images.clip(0, 255).astype(np.float32) / 255)[:, None], torch.from_numpy(kinds)
    train_on = TrainingData(views[:N_NORMAL], targets[:N_NORMAL], draws=rng.random(N_NORMAL))
    trained = train(small_cnn(2, size=9, seed=seed), train_on, TrainingOptions(epochs=15, seed=seed))
    probs = logits_of(trained, views[N_NORMAL:], targets[N_NORMAL:]).softmax(dim=1).numpy()
    truth, best = kinds[N_NORMAL:], 2 * values[N_NORMAL:] - 2 + math.log(share / (1 - share)) > 0
    return {"share": share, "accuracy": float((probs.argmax(axis=1) == truth).mean()),
            "always common": float((truth == 0).mean()), "best possible": float((best == truth).mean()),
            "mean P(rare)": float(probs[:, 1].mean()), "its share": float(truth.mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--answers", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = pd.DataFrame([row for seed in range(given.seeds) for row in fashion(given.answers, seed)])
    print(table.groupby("net", sort=False).mean().round(3), table.round(3), sep="\n\n", flush=True)
    rows = pd.DataFrame([rare(share, seed) for share in (0.05, 0.1, 0.3) for seed in range(given.seeds)])
    print(rows.groupby("share").mean().round(3))


if __name__ == "__main__":
    main()
