"""Agreement on objects: does it order noisier people lower at every threshold?

Worlds of images with about eight objects each and three people. Each level of noise misses more objects, mistakes more
labels and places boxes worse than the one before. A seed counts for a figure and a threshold where every noisier level
is lower than the one before. The reference is alpha over 1 - IoU: observed disagreement the mean 1 - IoU of objects
that are paired at the threshold, expected disagreement that of objects of different images. At 0.9 the noisiest people
have hardly any pairs left, so that their labels say little.

    python benchmarks/object_agreement.py [--seeds 200]
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np
import pandas as pd

from hitl_widgets.objects.overlap import iou, match_by_overlap
from hitl_widgets.quality import agreement_objects

LEVELS = (0.03, 0.06, 0.1, 0.16)
QUESTIONS = ("found", "named", "placed", "together")
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
N_IMAGES, N_PEOPLE, N_OBJECTS = 60, 3, 8
SIDES = ["x0", "y0", "x1", "y1"]


def world(seed: int, noise: float) -> pd.DataFrame:
    """Objects of three people; the images and what is in them depend on the seed alone."""
    of_images, of_people = np.random.default_rng(seed), np.random.default_rng([seed, int(1000 * noise)])
    rows = []
    for image in range(N_IMAGES):
        n = 1 + of_images.poisson(N_OBJECTS - 1)
        corner, side = of_images.uniform(0, 500, (n, 2)), of_images.uniform(25, 70, (n, 2))
        label, sides = of_images.integers(0, 3, n), np.hstack([side, side])
        for person in range(N_PEOPLE):
            seen = of_people.random(n) > noise
            box = np.hstack([corner, corner + side]) + of_people.normal(0, 0.4 * noise, (n, 4)) * sides
            named = np.where(of_people.random(n) < 2 * noise, of_people.integers(0, 3, n), label)
            rows.append(pd.DataFrame(box[seen], columns=SIDES).assign(item_id=image, annotator=f"person {person}",
                                                                      label=named[seen]))
    return pd.concat(rows, ignore_index=True)


def alpha_over_iou(objects: pd.DataFrame) -> list[float]:
    """Alpha over 1 - IoU of paired objects, at each threshold."""
    boxes = {who: rows[SIDES].to_numpy(float) for who, rows in objects.groupby(["item_id", "annotator"])}
    people = sorted(objects["annotator"].unique())
    within: list[float] = []
    between: list[float] = []
    for image in range(N_IMAGES):
        for one, other in combinations(people, 2):
            if (image, one) in boxes and (image, other) in boxes:
                overlap = iou(boxes[image, one], boxes[image, other])
                within += overlap[match_by_overlap(overlap, 0.01)].tolist()
            if (image, one) in boxes and ((image + 1) % N_IMAGES, other) in boxes:
                between += iou(boxes[image, one], boxes[(image + 1) % N_IMAGES, other]).ravel().tolist()
    paired, expected = np.array(within), 1 - float(np.mean(between))
    return [1 - float((1 - paired[paired >= threshold]).mean()) / expected for threshold in THRESHOLDS]


def main(n_seeds: int) -> None:
    held = {name: np.zeros(len(THRESHOLDS)) for name in (*QUESTIONS, "1 - IoU alpha")}
    means = {name: np.zeros((len(LEVELS), len(THRESHOLDS))) for name in held}
    every = dict.fromkeys(held, 0)
    for seed in range(n_seeds):
        values = {name: np.zeros((len(LEVELS), len(THRESHOLDS))) for name in held}
        for place, noise in enumerate(LEVELS):
            objects = world(seed, noise)
            found = agreement_objects(objects, resamples=2)
            for name in QUESTIONS:
                values[name][place] = [found.at(name, threshold).value for threshold in THRESHOLDS]
            values["1 - IoU alpha"][place] = alpha_over_iou(objects)
        for name, of in values.items():
            ordered = (np.diff(of, axis=0) < 0).all(axis=0)
            held[name] += ordered
            every[name] += bool(ordered.all())
            means[name] += of / n_seeds
    print(f"Seeds of {n_seeds} in which noisier people are ordered lower. Target: all, at every threshold, for ours.\n")
    head = "| figure | " + " | ".join(map(str, THRESHOLDS)) + " |"
    print(f"{head} at every one |\n|---|" + "---|" * (len(THRESHOLDS) + 1))
    for name, n_held in held.items():
        print(f"| {name} | " + " | ".join(f"{n:.0f}" for n in n_held) + f" | {every[name]} |")
    print("\nMean values, from the least noise to the most.\n")
    print(f"{head}\n|---|" + "---|" * len(THRESHOLDS))
    for name, mean in means.items():
        print(f"| {name} | " + " | ".join(" / ".join(f"{value:.3f}" for value in column) for column in mean.T) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=200)
    main(parser.parse_args().seeds)
