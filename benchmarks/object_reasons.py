"""A detector that leans on a misleading hint, trained with and without marks of a few people.

Drawn discs of two labels, with a thin stripe across or down. In the training images a green sticker lies above nearly
every disc of the first label; twelve of them are marked as wrong reasons. The detector is trained without the marks and
with them, and its labels are counted on images with stickers as in the training, with none, and with stickers above
the discs of the other label.

    python benchmarks/object_reasons.py [--seeds 3] [--images 40] [--steps 180]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from hitl_widgets.learn.object_learning import CorrectedImage, Fitting, fit_objects
from hitl_widgets.learn.object_rationales import MarkedObject
from hitl_widgets.learn.object_training import ObjectOptions, find_objects
from hitl_widgets.learn.object_views import resized
from hitl_widgets.learn.rationales import RationaleMethod
from hitl_widgets.learn.run import limit_torch_threads

SIDE, N_DISCS, N_MARKED, N_TESTED = 160, 5, 12, 30
FOUND = 0.4  # IoU
Drawn = tuple[np.ndarray, list[tuple[float, ...]], list[int], list[np.ndarray]]


def drawn(n: int, seed: int, sticks: Callable[[int, np.random.Generator], bool]) -> list[Drawn]:
    """Images, boxes, labels and the pixels of each box's sticker, which lies there where `sticks` says so."""
    rng, images = np.random.default_rng(seed), []
    y, x = np.mgrid[:SIDE, :SIDE]
    for _ in range(n):
        image = rng.normal(200, 8, (SIDE, SIDE, 3))
        boxes: list[tuple[float, ...]] = []
        labels, stickers = [], []
        for _ in range(400):
            radius = int(rng.integers(10, 14))
            cx, cy = (int(rng.integers(radius + room, SIDE - radius - 2)) for room in (2, 12))
            left, top, right, bottom = cx - radius - 8, cy - radius - 16, cx + radius + 8, cy + radius + 16
            if len(boxes) == N_DISCS or any(right > x0 and left < x1 and bottom > y0 and top < y1
                                            for x0, y0, x1, y1 in boxes):
                continue
            label, far = int(rng.random() < 0.5), (x - cx)**2 + (y - cy)**2
            image[far < radius**2] = (170, 120, 120)
            image[(far < (radius - 3)**2) & (np.abs(y - cy if label == 0 else x - cx) < 3)] = (150, 100, 110)
            sticker = np.zeros((SIDE, SIDE), bool)
            if sticks(label, rng):
                sticker[cy - radius - 9:cy - radius - 2, cx - 4:cx + 4] = True
                image[sticker] = (40, 160, 60)
            boxes.append((cx - radius, cy - radius, cx + radius, cy + radius))
            labels.append(label)
            stickers.append(sticker)
        images.append(((image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8), boxes, labels, stickers))
    return images


def accuracy(net: Any, images: list[Drawn]) -> float:
    """The share of discs of which the best box there has the right label."""
    right = []
    for image, boxes, labels, _ in images:
        view, by = resized(image, int(net.side))
        [found] = find_objects(net, [view])
        for box, label in zip(np.array(boxes) * np.tile(by, 2), labels, strict=True):
            low, high = np.maximum(found.boxes[:, :2], box[:2]), np.minimum(found.boxes[:, 2:], box[2:])
            shared = (high - low).clip(0).prod(axis=1)
            areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(axis=1)
            there = shared / (areas + (box[2:] - box[:2]).prod() - shared) > FOUND
            right.append(there.any() and found.labels[there][found.scores[there].argmax()] == label)
    return float(np.mean(right))


def one_seed(seed: int, *, n_images: int, steps: int) -> pd.DataFrame:
    """Accuracy on three kinds of images, and the seconds of the training, without the marks and with them."""
    train = drawn(n_images, seed, lambda label, rng: label == 0 and rng.random() < 0.95)
    tested = {name: drawn(N_TESTED, 1_000 * k + seed, sticks) for k, (name, sticks) in enumerate({
        "as trained": lambda label, rng: label == 0, "none": lambda label, rng: False,
        "other label": lambda label, rng: label == 1}.items(), 1)}
    images = [CorrectedImage(image, boxes, labels, [1.0] * len(boxes), item_id=str(k))
              for k, (image, boxes, labels, _) in enumerate(train)]
    marked = [MarkedObject(image, box, label, sticker, None) for image, boxes, labels, stickers in train
              for box, label, sticker in zip(boxes, labels, stickers, strict=True) if sticker.any()][:N_MARKED]
    rows = []
    method: RationaleMethod
    for name, method, some in (("without marks", "penalty", list[MarkedObject]()), ("penalty", "penalty", marked),
                               ("invariance", "invariance", marked)):
        began = time.monotonic()
        how = Fitting("box", ObjectOptions(steps=steps, seed=seed), rationales=method)
        with limit_torch_threads():
            net = fit_objects(images, 2, how, marked=some).net
        seconds = time.monotonic() - began
        rows.append({"seed": seed, "trained": name, **{kind: accuracy(net, those) for kind, those in tested.items()},
                     "seconds": seconds})
        print(pd.DataFrame(rows[-1:]).round(3).to_string(index=False), flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Print a line for each training, and the means."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--steps", type=int, default=180)
    given = parser.parse_args()
    table = pd.concat([one_seed(seed, n_images=given.images, steps=given.steps) for seed in range(given.seeds)])
    print(table.drop(columns="seed").groupby("trained", sort=False).mean().round(3))


if __name__ == "__main__":
    main()
