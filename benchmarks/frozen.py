"""Accuracy of a frozen backbone, of a small CNN, and of the one that `wb.finetune()` chooses.

Answers drawn by chance, two nets trained as `wb.finetune` does, measured on 800 other items: Fashion-MNIST (28 px,
grey) and handwritten digits over photographs (32 px, colour). "Taken" is what `wb.finetune()` takes without a model.

    python benchmarks/frozen.py [--seeds 2] [--only fashion digits]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import hitl_widgets as hw
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.learn.data import TrainingData, make_batches, random_affine
from hitl_widgets.learn.nets import is_kmeans_net, train_and_choose, train_head
from hitl_widgets.learn.registry import Registry
from hitl_widgets.learn.train import TrainingOptions, train, validate
from hitl_widgets.learn.training_set import training_set

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
POOLS = {"fashion": ("Fashion-MNIST, 28 px, grey", (60, 300, 1_000)),
         "digits": ("digits over photographs, 32 px, colour", (300, 700))}
N_TEST = 800


def images_of(pool: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and their labels as text."""
    if pool == "digits":
        return digits_on_photographs(size=32)
    with np.load(DATA) as data:
        return data["images"], data["labels"].astype(str)


@contextmanager
def answered(images: np.ndarray, labels: np.ndarray, n: int, seed: int, *, n_test: int = N_TEST
             ) -> Iterator[tuple[Registry, TrainingData, TrainingOptions, torch.Tensor, torch.Tensor]]:
    """A project with n answers drawn by chance: its registry, what it learns from and how, and other views to test."""
    names, order = sorted(set(labels)), np.random.default_rng(seed).permutation(len(images))
    asked, test = order[:n], order[-n_test:]
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, hw.Pool.from_images(images), names, annotator="ada", holdout=0.0, seed=seed)
        wb.import_annotations(pd.DataFrame({"item_id": wb.pool.ids[asked], "label": labels[asked]}), annotator="ada")
        items, registry = training_set(wb.project, wb.registry), wb.registry
        views = torch.stack([registry.architecture.view(images[k]) for k in test])
        targets = torch.tensor([names.index(labels[k]) for k in test])
        yield registry, items.training_data(), TrainingOptions(seed=seed, augment=random_affine), views, targets
        wb.close()


def figures(pool: str, n: int, seed: int) -> dict[str, float]:
    """Accuracy of the frozen body, of the small CNN and of what is taken; seconds of each."""
    with answered(*images_of(pool), n, seed) as (registry, data, options, views, truth):
        cnn, frozen = registry.start("initial", seed=seed), registry.start("frozen", seed=seed)
        began = time.monotonic()
        small = train(cnn, data, options)
        cnn_s, began = time.monotonic() - began, time.monotonic()
        taken, _ = train_and_choose(cnn, frozen, data, options)
        both_s = time.monotonic() - began
        head = taken if is_kmeans_net(taken.net) else train_head(frozen, data, options)

    def accuracy(net: torch.nn.Module) -> float:
        return validate(net, make_batches(views, truth, None, np.arange(N_TEST)))[1]
    return {"frozen": accuracy(head.net), "cnn": accuracy(small.net), "taken": accuracy(taken.net),
            "frozen taken": float(is_kmeans_net(taken.net)), "cnn s": cnn_s, "in all s": both_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(POOLS), choices=list(POOLS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for pool in given.only:
        name, sizes = POOLS[pool]
        for n in sizes:
            each = pd.DataFrame([figures(pool, n, seed) for seed in range(given.seeds)])
            mean = each.mean()
            rows.append(f"| {name} | {n:,} | {mean['frozen']:.3f} | {mean['cnn']:.3f} | {mean['taken']:.3f} | "
                        f"{int(each['frozen taken'].sum())} of {len(each)} | {mean['cnn s']:.0f} | "
                        f"{mean['in all s']:.0f} |")
            print(rows[-1], flush=True)
    print("\n| pool | answers | frozen | small CNN | taken | frozen taken | CNN alone, s | all, s |\n"
          "|---|---|---|---|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
