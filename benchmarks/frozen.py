"""Accuracy of a light model, of a small CNN, of their average, and of the one that `wb.finetune()` chooses.

Answers drawn by chance, nets trained as `wb.finetune` does, measured on 800 other items: Fashion-MNIST (28 px, grey),
handwritten digits over photographs (32 px, colour) and scikit-learn's digits (8 px, grey). "Taken" is what
`wb.finetune()` takes without a model, "frozen" what it trains with ``start="frozen"``. The target: what is taken is no
further below the best of the three than chance explains, two standard errors of the difference on the same test items.

    python benchmarks/frozen.py [--seeds 2] [--only fashion digits sklearn] [--sizes 60 100 300 1000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits

import hitl_widgets as hw
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.learn import choose
from hitl_widgets.learn.average import AverageNet, is_average_net
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.light import is_light_net, learn_rows, rows_of
from hitl_widgets.learn.nets import train_head
from hitl_widgets.learn.registry import Registry
from hitl_widgets.learn.train import Trained, TrainingOptions, train
from hitl_widgets.learn.training_set import training_set

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
POOLS = {"fashion": "Fashion-MNIST, 28 px, grey", "digits": "digits over photographs, 32 px, colour",
         "sklearn": "scikit-learn's digits, 8 px, grey"}
SIZES = (60, 100, 300, 1_000)
N_POOL, N_TEST = 4_000, 800
CANDIDATES = ("light", "cnn", "average")


def images_of(pool: str) -> tuple[np.ndarray, np.ndarray]:
    """Images and their labels as text."""
    if pool == "digits":
        return digits_on_photographs(size=32)
    if pool == "sklearn":
        digits = load_digits()
        return (digits.images * 15.9).astype(np.uint8), digits.target.astype(str)
    with np.load(DATA) as data:
        return data["images"][:N_POOL], data["labels"][:N_POOL].astype(str)


@contextmanager
def answered(images: np.ndarray, labels: np.ndarray, n: int, seed: int, *, n_test: int = N_TEST
             ) -> Iterator[tuple[Registry, TrainingData, TrainingOptions, torch.Tensor, torch.Tensor]]:
    """A project with n answers drawn by chance: its registry, what it learns from and how, and other views to test."""
    names, order = sorted(set(labels)), np.random.default_rng(seed).permutation(len(images))
    test, asked = order[-n_test:], order[:-n_test][:n]
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, hw.Pool.from_images(images), names, annotator="ada", holdout=0.0, seed=seed)
        wb.import_annotations(pd.DataFrame({"item_id": wb.pool.ids[asked], "label": labels[asked]}), annotator="ada")
        items, registry = training_set(wb.project, wb.registry), wb.registry
        views = torch.stack([registry.architecture.view(images[k]) for k in test])
        targets = torch.tensor([names.index(labels[k]) for k in test])
        yield registry, items.training_data(), TrainingOptions(seed=seed, augment=random_affine), views, targets
        wb.close()


@contextmanager
def trained_once(n: int) -> Iterator[dict[str, Trained]]:
    """While it is entered the CNN that learns from all n answers is trained once: the same call gives the same net."""
    known: dict[str, Trained] = {}

    def remember(net: torch.nn.Module, data: TrainingData, options: TrainingOptions, **more: Any) -> Trained:
        if len(data) != n:
            return train(net, data, options, **more)
        if "cnn" not in known:
            known["cnn"] = train(net, data, options, **more)
        return known["cnn"]
    with patch.object(choose, "train", remember):
        yield known


def figures(pool: str, n: int, seed: int) -> dict[str, float]:
    """Accuracy of each, which was taken, and seconds: of the light model, and of the CNN."""
    with answered(*images_of(pool), n, seed) as (registry, data, options, views, truth):
        cnn, descriptors = registry.start("initial", seed=seed), registry.descriptors.net
        n_labels = int(truth.max()) + 1
        with trained_once(len(data)) as known:
            taken, _ = choose.train_and_choose(cnn, descriptors, data, n_labels, options)
            began = time.monotonic()
            small = known.get("cnn") or train(cnn, data, options)
        cnn_s, began = time.monotonic() - began, time.monotonic()
        light = learn_rows(descriptors, rows_of(descriptors, data.images), data, n_labels=n_labels)
        light_s = time.monotonic() - began
        frozen = train_head(registry.start("frozen", seed=seed), data, options)
    nets = {"light": light.net, "cnn": small.net, "average": AverageNet(light.net, small.net).eval(),
            "taken": taken.net, "frozen": frozen.net}
    with torch.no_grad():
        right = {name: torch.cat([net(some) for some in views.split(200)]).argmax(dim=1).eq(truth).numpy()
                 for name, net in nets.items()}
    accuracy = {name: float(each.mean()) for name, each in right.items()}
    best = max(CANDIDATES, key=lambda name: accuracy[name])
    difference = right[best].astype(float) - right["taken"]
    return accuracy | {"best": accuracy[best], "below": accuracy[best] - accuracy["taken"],
                       "always average": accuracy[best] - accuracy["average"],
                       "noise": 2 * difference.std() / len(truth) ** 0.5,
                       "took light": is_light_net(taken.net), "took average": is_average_net(taken.net),
                       "light s": light_s, "cnn s": cnn_s}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(POOLS), choices=list(POOLS))
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows, every = [], []
    for pool in given.only:
        for n in given.sizes:
            each = pd.DataFrame([figures(pool, min(n, len(images_of(pool)[0]) - N_TEST), seed)
                                 for seed in range(given.seeds)])
            mean, n_seeds = each.mean(), len(each)
            light, average = int(each["took light"].sum()), int(each["took average"].sum())
            met = "met" if mean["below"] <= mean["noise"] else "missed"
            rows.append(f"| {POOLS[pool]} | {n:,} | {mean['light']:.3f} | {mean['frozen']:.3f} | {mean['cnn']:.3f} | "
                        f"{mean['average']:.3f} | {mean['best']:.3f} | {mean['taken']:.3f} | "
                        f"light {light}, CNN {n_seeds - light - average}, average {average} | "
                        f"{mean['below']:.3f} (<= {mean['noise']:.3f}), {met} |")
            print(rows[-1], flush=True)
            every.append(each.assign(pool=POOLS[pool]))
    print("\n| pool | answers | light | frozen | small CNN | average | best of each draw | taken | of the draws | "
          "below the best (target) |\n|---|---|---|---|---|---|---|---|---|---|\n" + "\n".join(rows))
    print("\nMean loss of accuracy against the best of each draw, of what is taken and of the average always:")
    print(pd.concat(every).groupby("pool")[["below", "always average"]].mean().round(4).to_string())


if __name__ == "__main__":
    main()
