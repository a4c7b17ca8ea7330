"""Items to look at again after a split, and the error of the labels that are presumed for the others.

Fashion-MNIST (../shared/data), 2,000 items with coarse answers (top, shoe, trousers, bag), a net trained on them. Then
"top" is split into five and "shoe" into three; a simulated annotator answers in the order of `relabel_order.order`, ten
items at a time. Printed: the share of the affected items that was seen when 95 % of their labels are right, answers
being right and the rest as the head says; beside it the same head asked in random order, on the net's embedding alone,
and on embedding and pixels (the features of an earlier prototype). Then, after every fifty answers and for several
tolerances: the true error of what would be presumed, and how often the interval of its estimate holds it.

    python benchmarks/relabel.py [--seeds 5] [--draws 50]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hitl_widgets.items.features import OF_EDGES, Pixels, features
from hitl_widgets.items.pool import Pool
from hitl_widgets.learn.data import TrainingData, random_affine
from hitl_widgets.learn.nets import small_cnn
from hitl_widgets.learn.predict import NetPredictor
from hitl_widgets.learn.train import TrainingOptions, train
from hitl_widgets.sampling import acceptance, relabel_order

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
SPLITS = {"top": (0, 2, 3, 4, 6), "shoe": (5, 7, 9)}
COARSE = np.array([0, 1, 0, 0, 0, 2, 0, 2, 3, 2])
STEP, WANTED, EVERY, TOLERANCES = 10, 0.95, 5, (0.05, 0.1, 0.2)


def embedded(images: np.ndarray, labels: np.ndarray, *, seed: int) -> np.ndarray:
    """What a net that learned the coarse answers reads of each image."""
    views = torch.from_numpy(images[:, None] / np.float32(255))
    net = train(small_cnn(4, seed=seed), TrainingData(views, COARSE[labels]),
                TrainingOptions(epochs=8, min_steps=256, seed=seed, augment=random_affine)).net
    return NetPredictor(net, Pool.from_images(images), "abcd").embed(range(len(images)))


def asked(seen: np.ndarray, truth: np.ndarray, *, by_doubt: bool, seed: int
          ) -> tuple[list[tuple[float, float]], list[relabel_order.RelabelOrder]]:
    """(share seen, share right) after each ten answers, until 97 % are right; and what was said on the way."""
    answers = np.full(len(truth), -1)
    candidates = np.ones((len(truth), truth.max() + 1), bool)
    chance = np.random.default_rng(seed).permutation(len(truth))
    course: list[tuple[float, float]] = []
    orders: list[relabel_order.RelabelOrder] = []
    while True:
        said = relabel_order.order(seen, candidates, answers, seed=seed)
        right = np.where(answers >= 0, answers, said.probs.argmax(axis=1)) == truth
        course.append(((answers >= 0).mean(), right.mean()))
        orders.append(said)
        if (answers >= 0).all() or course[-1][1] >= 0.97:
            return course, orders
        following = said.rows if by_doubt else chance[answers[chance] < 0]
        answers[following[:STEP]] = truth[following[:STEP]]


def reached(course: list[tuple[float, float]]) -> float:
    """The share seen from which on 95 % are right for good."""
    return next(course[place][0] for place in range(len(course)) if min(right for _, right in course[place:]) >= WANTED)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--draws", type=int, default=50, help="of checks, for each set that would be presumed")
    given, data = arguments.parse_args(), np.load(DATA)
    images, labels, began = data["images"], data["labels"].astype(int), time.perf_counter()
    rows, checks = [], []
    for seed in range(given.seeds):
        chosen = np.random.default_rng(seed).permutation(len(images))[:2_000]
        pool, truth = Pool.from_images(images[chosen]), labels[chosen]
        net = embedded(images[chosen], truth, seed=seed)
        pixels, edges = Pixels(pool).of(range(2_000)), Pixels(pool, n=OF_EDGES, edges=True).of(range(2_000))
        for name, classes in SPLITS.items():
            affected = np.flatnonzero(np.isin(truth, classes))
            fine = np.searchsorted(classes, truth[affected])
            blocks = [block[affected] for block in (net, pixels, edges)]
            whole = features(*blocks)
            said_of_all: list[relabel_order.RelabelOrder] = []
            row = {"split": name, "seed": seed, "items": len(affected)}
            for kind, seen, by_doubt in (("order", whole, True), ("random order", whole, False),
                                         ("embedding alone", blocks[0], True),
                                         ("embedding, pixels", features(*blocks[:2]), True)):
                course, orders = asked(seen, fine, by_doubt=by_doubt, seed=seed)
                row[kind] = reached(course)
                said_of_all = orders if kind == "order" else said_of_all
            rows.append(row)
            print(pd.DataFrame([row]).round(3).to_string(index=False, header=len(rows) == 1), flush=True)
            for said in said_of_all[EVERY::EVERY]:
                wrong = said.probs.argmax(axis=1) != fine
                for tolerance in TOLERANCES:
                    if len(presumed := acceptance.presumable(said, tolerance=tolerance)) >= 2 * acceptance.LOOKS[0]:
                        checks += [{"split": name, "tolerance": tolerance, "presumed": len(presumed),
                                    "error": wrong[presumed].mean(),
                                    **checked(wrong, presumed, tolerance=tolerance, seed=1_000 * seed + draw)}
                                   for draw in range(given.draws)]
    table, checks_ = pd.DataFrame(rows), pd.DataFrame(checks)
    print("\nshare seen when 95 % of the labels are right, mean over seeds")
    print(table.drop(columns="seed").groupby("split").mean().round(3).to_string())
    print("\nwhat is presumed: true error, how often its interval holds it, checks taken, verdicts")
    shown = checks_.groupby(["split", "tolerance"]).mean()
    print(shown.round(3).to_string())
    print(f"\nthe interval holds the truth in {100 * checks_['covered'].mean():.1f} of 100 of {len(checks_)} "
          f"estimates; {time.perf_counter() - began:.0f} s")


def checked(wrong: np.ndarray, presumed: np.ndarray, *, tolerance: float, seed: int) -> dict[str, float]:
    """One estimate, checked as far as it asks; and whether it holds the error of the labels that weren't checked."""
    order = acceptance.check_order(presumed, seed=seed)
    said = acceptance.assess([], len(order), tolerance=tolerance)
    n = 0
    while said.n_needed:
        n += said.n_needed
        said = acceptance.assess(wrong[order[:n]], len(order), tolerance=tolerance)
    left = wrong[order[said.n_checked:]]
    error = left.mean() if len(left) else 0.0
    return {"covered": said.error.low - 1e-9 <= error <= said.error.high + 1e-9, "checks": said.n_checked,
            "good": said.verdict == "good", "good but beyond": said.verdict == "good" and error > tolerance}


if __name__ == "__main__":
    main()
