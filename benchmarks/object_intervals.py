"""Intervals of average precision: how often they hold the truth, and how long a resampling of 1,000 images takes.

Worlds like blood smears: about twelve common and one each of two rare objects in an image; images differ in how hard
they are, so that their objects are found or missed together. The truth is the figure over 4,000 images of the world;
each sample is some of them. The reference is the percentile bootstrap over images.

    python benchmarks/object_intervals.py [--seeds 400]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from hitl_widgets.quality import detection
from hitl_widgets.quality.object_detection import interval, rarest
from hitl_widgets.quality.object_matching import Curve, ap_figures, encode, match

N_WORLD = 4_000
FIGURES = ("map", "map50", "map75")


def world(n: int, rng: np.random.Generator, *, skill: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True and predicted boxes of n images; a model finds an object with probability `skill`, more or less by image."""
    counts = rng.poisson([12, 1, 1], (n, 3)).ravel()
    image, label = np.repeat(np.repeat(np.arange(n), 3), counts), np.repeat(np.tile([0, 1, 2], n), counts)
    corner, side = rng.uniform(0, 600, (len(image), 2)), rng.uniform(20, 60, (len(image), 2))
    box = np.concatenate([corner, corner + side], axis=1)
    names = ["x0", "y0", "x1", "y1"]
    truth = pd.DataFrame(box, columns=names).assign(item_id=image, label=label)
    hard = rng.normal(0, 1, n)
    ability = np.array([1.0, 0.6, 0.0])[label] + np.log(skill / (1 - skill)) - hard[image]
    found = rng.random(len(image)) < 1 / (1 + np.exp(-ability))
    score = 1 / (1 + np.exp(-(ability / 2 + rng.normal(0.5, 1, len(image)))))
    moved = box + rng.normal(0, 2.5, box.shape) * np.exp(hard[image] / 3)[:, None]
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    right = pd.DataFrame(moved, columns=names).assign(item_id=image, label=label, score=score)[found]
    n_wrong = rng.poisson(4 * np.exp(hard / 2))
    places = np.repeat(np.arange(n), n_wrong)
    corner = rng.uniform(0, 600, (len(places), 2))
    wrong = pd.DataFrame(np.concatenate([corner, corner + rng.uniform(20, 60, (len(places), 2))], axis=1),
                         columns=names).assign(item_id=places, label=rng.choice(3, len(places), p=[.6, .2, .2]),
                                               score=1 / (1 + np.exp(-rng.normal(-0.7, 1, len(places)))))
    return truth, pd.concat([right, wrong], ignore_index=True)


def part(curve: Curve, images: np.ndarray) -> Curve:
    """The curve of some of the images."""
    place = np.full(len(curve.n_true), -1)
    place[images] = np.arange(len(images))
    some = place[curve.image] >= 0
    return Curve(place[curve.image[some]], curve.right[:, some], curve.spared[:, some], curve.n_true[images],
                 curve.score[some])


def coverage(n_seeds: int) -> None:
    print("Coverage, of 100 (mean width in brackets; percentile bootstrap after the stroke). Target: 93 to 97.\n")
    print("| model | images | " + " | ".join(FIGURES) + " | gain in map50 |\n|---|---|---|---|---|---|")
    for skill in (0.6, 0.9):
        rng = np.random.default_rng(int(100 * skill))
        truth, after = world(N_WORLD, rng, skill=skill)
        before = after.sample(frac=0.85, random_state=1)
        before = before.assign(score=np.clip(before["score"] + rng.normal(0, 0.1, len(before)), 0, 1))
        both = [match(encode(truth, table, images=range(N_WORLD))).curves() for table in (before, after)]
        true = [ap_figures(curves, None)[1] for curves in both]
        for n in (20, 40, 100):
            held: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in (*FIGURES, "gain")}
            for seed in range(n_seeds):
                draw = np.random.default_rng([seed, n])
                images = np.sort(draw.choice(N_WORLD, n, replace=False))
                weights = draw.multinomial(n, np.full(n, 1 / n), 1_000).astype(np.float32)
                of = []
                for curves in both:
                    some = [part(curve, images) for curve in curves]
                    of.append((ap_figures(some, None)[1], ap_figures(some, weights)[1]))
                for name in (*FIGURES, "gain"):
                    if name == "gain":
                        value, truly = (float(model[1]["map50"][0] - model[0]["map50"][0]) for model in
                                        (tuple(figures[0] for figures in of), true))
                        samples = of[1][1]["map50"] - of[0][1]["map50"]
                    else:
                        value, truly, samples = float(of[1][0][name][0]), float(true[1][name][0]), of[1][1][name]
                    low, high = interval(value, samples, rarest(some), signed=name == "gain")
                    plain = np.nanquantile(samples, [0.025, 0.975])
                    held[name].append((low <= truly <= high, high - low, plain[0] <= truly <= plain[1],
                                       plain[1] - plain[0]))
            cells = [np.mean(rows, axis=0) for rows in held.values()]
            print(f"| finds {skill:.0%} | {n} | " + " | ".join(
                f"{100 * ours:.1f} ({width:.3f}) / {100 * plain:.1f} ({wide:.3f})"
                for ours, width, plain, wide in cells) + " |", flush=True)


def pace() -> None:
    truth, predictions = world(1_000, np.random.default_rng(0), skill=0.9)
    start = time.perf_counter()
    found = detection(truth, predictions)
    print(f"\n1,000 images, {len(truth):,} objects, {len(predictions):,} predictions, 1,000 resamples: "
          f"{time.perf_counter() - start:.1f} s (map50 {found['map50'].value:.3f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=400)
    arguments = parser.parse_args()
    pace()
    coverage(arguments.seeds)
