"""Accuracy of a model after splits and merges of its labels.

Fashion-MNIST (../shared/data), 2,000 items to learn from and 2,000 others to measure on.

Split: a net that learned coarse answers (top, shoe, trousers, bag); then "top" becomes five labels and "shoe" three,
and some fine answers are given. Fine-tuned with the parents' sum in the loss for all the others, beside the same start
without them, and a net from scratch on the same exact answers (fine ones, trousers, bags). Accuracy on parents (by the
sum of the children's probabilities) and on children, both on items that nobody learned from. All learn for as many
passes as `wb.finetune()` takes.

Merge: a net that learned ten labels, of which several become one: how far is the probability of the merged row from the
sum before anything is trained, beside the mean of the rows.

    python benchmarks/fine.py [--seeds 0 1 2] [--fine 20 50 100 200 500]
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.last_layer import with_outputs
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
PARENT = np.array([0, 1, 0, 0, 0, 2, 0, 2, 3, 2])  # top, trousers, shoe, bag
SPLIT = np.isin(PARENT, (0, 2))
FINE = (20, 50, 100, 200, 500)
MERGES = {"five tops": (0, 2, 3, 4, 6), "three shoes": (5, 7, 9), "pullover and coat": (2, 4),
          "trousers and bag": (1, 8)}


def probs(net: nn.Module, views: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return torch.cat([net(some).softmax(dim=1) for some in views.split(200)]).numpy()


def right(net: nn.Module, views: torch.Tensor, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy on parents, and on children."""
    said = probs(net, views)
    parents = np.stack([said[:, np.equal(PARENT, parent)].sum(axis=1) for parent in range(4)], axis=1)
    fine = SPLIT[labels]
    return float((parents.argmax(axis=1) == PARENT[labels]).mean()), \
        float((said.argmax(axis=1) == labels)[fine].mean())


def after_split(views: torch.Tensor, labels: np.ndarray, *, seed: int, fine: Sequence[int] = FINE) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(labels))
    learnt, measured = chosen[:2_000], chosen[2_000:]
    coarse = train(small_cnn(4, seed=seed), TrainingData(views[learnt], PARENT[labels[learnt]]),
                   TrainingOptions(epochs=8, min_steps=256, seed=seed, augment=random_affine)).net
    before = float((probs(coarse, views[measured]).argmax(axis=1) == PARENT[labels[measured]]).mean())
    halves = np.zeros((4, 10), np.float32)
    halves[PARENT, np.arange(10)] = 1 / np.bincount(PARENT)[PARENT]
    affected = rng.permutation(learnt[SPLIT[labels[learnt]]])
    exact = learnt[~SPLIT[labels[learnt]]]
    rows = []
    for n in fine:
        start = with_outputs(copy.deepcopy(coarse), 10, old=4, rows=halves, seed=seed)
        known = np.concatenate([exact, affected[:n]])
        candidates = np.equal.outer(PARENT[labels[learnt]], PARENT)
        candidates[np.isin(learnt, known)] = np.eye(10, dtype=bool)[labels[learnt][np.isin(learnt, known)]]
        options = TrainingOptions(epochs=20, min_steps=640, seed=seed, augment=random_affine)
        exactly = TrainingData(views[known], labels[known])
        nets = {"with the sum": train(start, TrainingData(views[learnt], labels[learnt], candidates=candidates),
                                      options).net,
                "without": train(start, exactly, options).net,
                "from scratch": train(small_cnn(10, seed=seed), exactly, options).net}
        row = {"seed": seed, "fine answers": n, "parents before": before}
        for name, net in nets.items():
            row[f"parents {name}"], row[f"children {name}"] = right(net, views[measured], labels[measured])
        rows.append(row)
        print(pd.DataFrame([row]).round(3).to_string(index=False, header=n == fine[0]), flush=True)
    return pd.DataFrame(rows)


def after_merge(views: torch.Tensor, labels: np.ndarray, *, seed: int) -> list[dict[str, object]]:
    chosen = np.random.default_rng(seed).permutation(len(labels))
    net = train(small_cnn(10, seed=seed), TrainingData(views[chosen[:2_000]], labels[chosen[:2_000]]),
                TrainingOptions(epochs=8, min_steps=256, seed=seed, augment=random_affine)).net
    fresh = views[chosen[2_000:]]
    with torch.no_grad():
        seen = torch.cat([net[:-1](some) for some in views[chosen[:2_000]].split(200)]).numpy()  # type: ignore[index]
    rows = []
    for name, merged in MERGES.items():
        rest = [label for label in range(10) if label not in merged]
        sums = np.zeros((10, 1 + len(rest)), np.float32)
        sums[list(merged), 0] = sums[rest, np.arange(1, 1 + len(rest))] = 1
        wanted = probs(net, fresh) @ sums
        row: dict[str, object] = {"seed": seed, "merge": name}
        for kind in ("mean of the rows", "and their number", "fitted"):
            other = with_outputs(copy.deepcopy(net), 1 + len(rest), old=10, rows=sums,
                                 embeddings=seen if kind == "fitted" else None)
            if kind == "mean of the rows":
                with torch.no_grad():
                    other[-1].bias[0] -= float(np.log(len(merged)))  # type: ignore[index]
            got = probs(other, fresh)
            row[kind] = float(np.abs(got - wanted)[:, 0].mean())
            row[f"same label, {kind}"] = float((got.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        rows.append(row)
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--fine", type=int, nargs="+", default=FINE)
    given, data, began = arguments.parse_args(), np.load(DATA), time.perf_counter()
    seeds = given.seeds
    views, labels = torch.from_numpy(data["images"][:, None] / np.float32(255)), data["labels"].astype(int)
    table = pd.concat([after_split(views, labels, seed=seed, fine=given.fine) for seed in seeds])
    print("\nmean over seeds")
    print(table.drop(columns="seed").groupby("fine answers").mean().round(3).to_string())
    lost = (table["parents before"] - table["parents with the sum"]).max()
    ahead = (table["children with the sum"] - table["children from scratch"]).min()
    print(f"\nat worst {100 * lost:.1f} points lost on the parents, and {100 * ahead:+.1f} points to the net from "
          f"scratch on the children; {time.perf_counter() - began:.0f} s")
    merges = pd.DataFrame([row for seed in seeds for row in after_merge(views, labels, seed=seed)])
    print("\nmean difference in probability from the sum, and share of items with the same suggestion")
    print(merges.drop(columns="seed").groupby("merge", sort=False).mean().round(4).to_string())


if __name__ == "__main__":
    main()
