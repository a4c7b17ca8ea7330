"""The share of the damage by a misleading hint that a few marked items repair.

Decoy Fashion-MNIST, after the Decoy MNIST of Ross, Hughes and Doshi-Velez (2017): of 3,000 training images each has a
patch of 4 x 4 pixels in a corner drawn by chance, whose grey tells the label; the 1,000 test images have none. A person
marks the patch on a few items. "Closed" is the share of the gap between plain training and training without patches.

    python benchmarks/reasons.py [--seeds 5] [--first 0]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from hitl_widgets.learn.data import TrainingData
from hitl_widgets.learn.rationales import Rationales, regions_on_views
from hitl_widgets.learn.train import TrainingOptions, train

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
SIDE, SLOPPY = 4, 2
EPOCHS, EPOCHS_MORE = 6, 4
TARGETS = {"penalty from scratch, 20 marks": 90, "invariance fine-tuning, 30 marks": 80,
           "invariance fine-tuning, 150 marks": 90}
PLAIN, BOUND, PLAIN_MORE = "plain", "no decoy", "plain fine-tuning"


class Decoyed(NamedTuple):
    """One draw of the data: training images with and without their patches, where these are, and the test."""

    decoyed: Tensor
    clean: Tensor
    targets: np.ndarray
    patches: np.ndarray
    test: Tensor
    truth: np.ndarray


def decoyed(seed: int) -> Decoyed:
    """The images of `DATA`, with patches in corners drawn by this seed."""
    with np.load(DATA) as data:
        images, labels, is_test = data["images"], data["labels"].astype(np.int64), data["is_test"] == 1
    rng, train_images, targets = np.random.default_rng(seed), images[~is_test], labels[~is_test]
    patches = np.zeros(train_images.shape, bool)
    for patch, (top, left) in zip(patches, (28 - SIDE) * rng.integers(0, 2, (len(patches), 2)), strict=True):
        patch[top:top + SIDE, left:left + SIDE] = True
    spoiled = np.where(patches, (255 - 25 * targets)[:, None, None], train_images)
    return Decoyed(as_views(spoiled), as_views(train_images), targets, patches, as_views(images[is_test]),
                   labels[is_test])


def as_views(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images[:, None].astype(np.float32) / 255)


def marked(masks: np.ndarray, rows: Iterable[int]) -> Rationales:
    return regions_on_views({int(row): (masks[row], None) for row in rows}, lambda h, w: (0.0, 0.0, w, h),
                            masks.shape[1:])


def grown(masks: np.ndarray) -> np.ndarray:
    """Masks that are too large by `SLOPPY` pixels on each side."""
    wide = np.pad(masks, ((0, 0), (SLOPPY, SLOPPY), (SLOPPY, SLOPPY)))
    shifts = range(2 * SLOPPY + 1)
    return np.logical_or.reduce([wide[:, i:i + 28, j:j + 28] for i in shifts for j in shifts])


def strewn(n_items: int, seed: int) -> np.ndarray:
    """Masks as large as the patches, anywhere."""
    masks = np.zeros((n_items, 28, 28), bool)
    for mask, (top, left) in zip(masks, np.random.default_rng(seed).integers(0, 29 - SIDE, (n_items, 2)), strict=True):
        mask[top:top + SIDE, left:left + SIDE] = True
    return masks


def fresh(seed: int) -> nn.Module:
    """A small net that sees where a thing is; one that averages its maps over places is spoiled less by a patch."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10))


def one_seed(seed: int) -> pd.DataFrame:
    """Accuracy on the test, and seconds of this process, for each condition."""
    data = decoyed(seed)
    order = np.random.default_rng(seed + 1000).permutation(len(data.targets))
    sloppy, random = grown(data.patches), strewn(len(data.targets), seed + 2000)
    rows = []

    def run(name: str, net: nn.Module, images: Tensor, epochs: int, marks: Rationales | None = None) -> nn.Module:
        began = time.process_time()
        how = "penalty" if name.startswith("penalty") else "invariance"
        trained = train(net, TrainingData(images, data.targets, rationales=marks),
                        TrainingOptions(epochs=epochs, min_steps=32 * epochs, seed=seed,
                                        rationale_method=cast(Any, how)), device="cpu")
        seconds = time.process_time() - began
        with torch.no_grad():
            right = trained.net(data.test).argmax(dim=1).numpy() == data.truth
        rows.append({"condition": name, "accuracy": right.mean(), "seconds": seconds})
        print(f"seed {seed}: {name}: {right.mean():.3f}, {seconds:.0f} s", flush=True)
        return trained.net

    spoiled = run(PLAIN, fresh(seed), data.decoyed, EPOCHS)
    run(BOUND, fresh(seed), data.clean, EPOCHS)
    run(PLAIN_MORE, spoiled, data.decoyed, EPOCHS_MORE)
    for where, masks in (("", data.patches), (", masks 2 px too large", sloppy), (", at random places", random)):
        run(f"penalty from scratch, 20 marks{where}", fresh(seed), data.decoyed, EPOCHS, marked(masks, order[:20]))
        for n in (30, 150):
            run(f"invariance fine-tuning, {n} marks{where}", spoiled, data.decoyed, EPOCHS_MORE,
                marked(masks, order[:n]))
    return pd.DataFrame(rows).set_index("condition")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    tables = [one_seed(given.first + seed) for seed in range(given.seeds)]
    accuracy, seconds = (pd.concat([table[name] for table in tables], axis=1) for name in ("accuracy", "seconds"))
    closed = 100 * (accuracy - accuracy.loc[PLAIN]) / (accuracy.loc[BOUND] - accuracy.loc[PLAIN])
    print(f"\n{given.seeds} seeds from {given.first} on\n")
    print("| condition | accuracy | gap closed, % | smallest | target, % | time, of plain | |")
    print("|---|---|---|---|---|---|---|")
    for name in accuracy.index:
        reference = PLAIN_MORE if "fine-tuning" in name else PLAIN
        ratio = (seconds.loc[name] / seconds.loc[reference]).mean()
        mean, target = closed.loc[name].mean(), TARGETS.get(name)
        verdict = [] if target is None else ["gap met" if mean >= target else "gap missed"]
        if target is not None and "fine-tuning" in name:
            verdict.append("time met" if ratio <= 2 else "time missed")
        print(f"| {name} | {accuracy.loc[name].mean():.3f} | {mean:.0f} | {closed.loc[name].min():.0f} | "
              f"{target or ''} | {ratio:.2f} | {', '.join(verdict)} |")


if __name__ == "__main__":
    main()
