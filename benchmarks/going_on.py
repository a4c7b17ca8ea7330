"""Ways to continue a training: learning rates of the layers, and all answers or the new ones only.

On Fashion-MNIST with the workbench's own net. "rounds": three rounds of 200 new answers each, every training going on
from the net before, which is what `wb.finetune()` does. "other labels": a net that learnt five labels from 1,000 images
gets a fresh last layer for the five others, and 50 answers of these. Accuracy on 1,000 test images.

    python benchmarks/going_on.py [--seeds 3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.last_layer import with_outputs
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.train import TrainingOptions, train

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
A_ROUND, N_ROUNDS, EPOCHS = 200, 3, 8
FIRST, FEW = 1_000, 50
BODIES = {"all at one rate": 1.0, "head first, body at 1/3": 1 / 3, "head first, body at 1/10": 0.1}


def accuracy(net: nn.Module, images: Tensor, targets: np.ndarray) -> float:
    with torch.no_grad():
        return float((net(images).argmax(dim=1).numpy() == targets).mean())


def rounds(images: Tensor, targets: np.ndarray, test: tuple[Tensor, np.ndarray], order: np.ndarray, seed: int
           ) -> dict[str, list[float]]:
    """Accuracy after each round, for each way to go on."""
    untrained = small_cnn(10, seed=seed)

    def learn(net: nn.Module, rows: np.ndarray, body: float = 1.0) -> nn.Module:
        return train(net, TrainingData(images[rows], targets[rows]),
                     TrainingOptions(epochs=EPOCHS, min_steps=32 * EPOCHS, seed=seed, augment=random_affine,
                                     backbone_lr_scale=body),
                     device="cpu").net

    def anew(net: nn.Module, old: np.ndarray, new: np.ndarray) -> nn.Module:
        return learn(untrained, np.concatenate([old, new]))

    def half_new(net: nn.Module, old: np.ndarray, new: np.ndarray) -> nn.Module:
        return learn(net, np.concatenate([old, np.tile(new, len(old) // len(new))]))

    ways: dict[str, Callable[..., nn.Module]] = {
        f"all answers, {name}": lambda net, old, new, body=body: learn(net, np.concatenate([old, new]), body)
        for name, body in BODIES.items()}
    ways |= {"all answers, each round from the first weights": anew, "half of the draws new, all at one rate": half_new,
             "new answers only, all at one rate": lambda net, old, new: learn(net, new)}
    first = learn(untrained, order[:A_ROUND])
    found = {}
    for name, go_on in ways.items():
        net, found[name] = first, [accuracy(first, *test)]
        for end in range(2 * A_ROUND, N_ROUNDS * A_ROUND + 1, A_ROUND):
            net = go_on(net, order[:end - A_ROUND], order[end - A_ROUND:end])
            found[name].append(accuracy(net, *test))
    return found


def other_labels(images: Tensor, targets: np.ndarray, test: tuple[Tensor, np.ndarray], order: np.ndarray, seed: int
                 ) -> dict[str, list[float]]:
    """Accuracy on five labels after few answers, for each way to go on from a net that knows five others."""
    kinds = np.random.default_rng(seed).permutation(10)
    place = np.argsort(kinds)  # of each label: 0 to 4 known, 5 to 9 new
    known, new = (order[np.isin(targets[order], kinds[part])] for part in (slice(5), slice(5, 10)))
    net = train(small_cnn(5, seed=seed), TrainingData(images[known[:FIRST]], place[targets[known[:FIRST]]]),
                TrainingOptions(epochs=EPOCHS, min_steps=32 * EPOCHS, seed=seed, augment=random_affine),
                device="cpu").net
    net, rows = with_outputs(net, 5, old=5, seed=seed), new[:FEW]
    asked = np.isin(test[1], kinds[5:])
    found = {}
    for name, body in BODIES.items():
        trained = train(net, TrainingData(images[rows], place[targets[rows]] - 5),
                        TrainingOptions(epochs=EPOCHS, min_steps=32 * EPOCHS, seed=seed, augment=random_affine,
                                     backbone_lr_scale=body),
                        device="cpu")
        found[name] = [accuracy(trained.net, test[0][asked], place[test[1][asked]] - 5)]
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=3)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    with np.load(DATA) as data:
        images, labels, is_test = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
    views = torch.from_numpy(images[:, None].astype(np.float32) / 255)
    test = views[is_test], labels[is_test]
    for work, told in ((other_labels, "other labels"), (rounds, "rounds")):
        tables = []
        for seed in range(given.seeds):
            order = np.random.default_rng(seed).permutation(int((~is_test).sum()))
            tables.append(pd.DataFrame(work(views[~is_test], labels[~is_test], test, order, seed)).T)
            print(f"seed {seed}, {told}:\n{tables[-1].round(3).to_string(header=False)}", flush=True)
        mean = sum(tables) / len(tables)
        print(f"\n{told}, mean of {given.seeds} seeds\n{mean.round(3).to_string(header=False)}\n", flush=True)


if __name__ == "__main__":
    main()
