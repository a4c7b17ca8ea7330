"""How often the number of answers left to a goal lies in the interval that wb.progress(goal=) gives.

100 simulated projects: Fashion-MNIST, scikit-learn's digits, and synthetic pools, each with other items, another seed,
another number of answers (60 to 200) and another goal. A project goes on as the queue does: typical items first
(k-means), then the smallest margin and the audit's tenth, a linear light head after every batch. It is stopped once and
asked, with a hold-out of a third of the answers, of 150, 300 or 600 items; then it goes on to the end of the pool,
which tells the truth: the number of further answers at which the accuracy on all items that never teach, smoothed over
neighbouring batches, first reaches the goal. Goals lie between the accuracy then and that at the end, some of them a
little outside.

"below" and "above" say where the true number lay when the interval didn't hold it; "finite" is the share of intervals
that end, "tells" that of those that aren't from 0 to all answers that are left.

    python benchmarks/goal.py [--projects 100] [--seed 0]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from hitl_widgets.learn.descriptors import fit_descriptors
from hitl_widgets.learn.light import fit_head, rows_of
from hitl_widgets.learn.refits import refit_rows
from hitl_widgets.quality.learning_curve import AnswersLeft, answers_left

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "fashion_mnist" / "fashion_dev.npz"
AT_ONCE, PER_LABEL = 20, 6


@dataclass(frozen=True)
class Rows:
    """A pool as rows of descriptors: what may train, and what only measures."""

    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    truth: np.ndarray
    n_labels: int


def of_images(images: np.ndarray, labels: np.ndarray, n_train: int, n_test: int, rng: np.random.Generator) -> Rows:
    """Draw a pool from images; the descriptors are fitted to the part that may train."""
    some = rng.permutation(len(images))[:n_train + n_test]
    views = torch.from_numpy(images[some, None].astype(np.float32) / 255)
    rows = rows_of(fit_descriptors(list(views[:n_train]), seed=0), views).numpy()
    of = labels[some].astype(np.int64)
    return Rows(rows[:n_train], of[:n_train], rows[n_train:], of[n_train:], int(labels.max()) + 1)


def fashion(rng: np.random.Generator) -> Rows:
    """1,000 items of Fashion-MNIST, and 3,000 others that measure."""
    data = np.load(DATA)
    return of_images(data["images"], data["labels"], 1_000, 3_000, rng)


def digits(rng: np.random.Generator) -> Rows:
    """900 of scikit-learn's digits, enlarged, and the others."""
    data = load_digits()
    return of_images(np.kron(data.images * 15.9, np.ones((1, 2, 2))), data.target, 900, 897, rng)


def synthetic(rng: np.random.Generator) -> Rows:
    """Three to eight labels of several clusters each in 20 dimensions, some of whose answers are wrong."""
    n_labels, n_clusters = int(rng.integers(3, 9)), int(rng.integers(2, 6))
    centres = rng.normal(size=(n_labels, n_clusters, 20)) * rng.uniform(0.5, 1.2)
    labels = rng.integers(n_labels, size=4_000)
    rows = centres[labels, rng.integers(n_clusters, size=4_000)] + rng.normal(size=(4_000, 20))
    wrong = rng.random(4_000) < rng.choice([0.0, 0.05, 0.1])
    labels = np.where(wrong, rng.integers(n_labels, size=4_000), labels)
    rows = (rows / rows.std() * 0.4).astype(np.float32)
    return Rows(rows[:1_000], labels[:1_000], rows[1_000:], labels[1_000:], n_labels)


POOLS: dict[str, Callable[[np.random.Generator], Rows]] = {"fashion": fashion, "digits": digits, "synthetic": synthetic}


def typical(rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The item next to each centre of k-means, the largest cluster first."""
    means = KMeans(n, n_init=1, random_state=seed).fit(rows)
    nearest = means.transform(rows).argmin(axis=0)
    order = np.argsort(-np.bincount(means.labels_, minlength=n))
    return np.asarray(list(dict.fromkeys(nearest[order].tolist())))


def head_of(pool: Rows, order: np.ndarray) -> np.ndarray:
    """Weights of a head that learnt these items, the biases last."""
    head = fit_head(torch.from_numpy(pool.train[order]), torch.from_numpy(pool.labels[order]),
                    torch.ones(len(order)), n_labels=pool.n_labels)
    return np.hstack([head.weight.detach().numpy(), head.bias.detach().numpy()[:, None]])


def go_on(pool: Rows, order: np.ndarray, up_to: int, rng: np.random.Generator
          ) -> tuple[np.ndarray, dict[int, float]]:
    """Answer items until there are `up_to`: their order, and the accuracy at each number of answers."""
    accuracy: dict[int, float] = {}
    while len(order) < up_to:
        head = head_of(pool, order)
        accuracy[len(order)] = float(((pool.test @ head[:, :-1].T + head[:, -1]).argmax(axis=1) == pool.truth).mean())
        still = np.setdiff1d(np.arange(len(pool.train)), order)
        logits = pool.train[still] @ head[:, :-1].T + head[:, -1]
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        best = np.sort(probs / probs.sum(axis=1, keepdims=True), axis=1)
        n = min(max(AT_ONCE, len(order) // (10 if len(order) < 300 else 4)), up_to - len(order))
        n_audit = n // 10
        some = still[np.argsort(best[:, -1] - best[:, -2])[:n - n_audit]]
        drawn = rng.permutation(np.setdiff1d(still, some))[:n_audit]
        order = np.concatenate([order, rng.permutation(np.concatenate([some, drawn]))])
    return order, accuracy


@dataclass(frozen=True)
class Asked:
    """What a project was told at the time of asking, and what came."""

    pool: str
    n_answers: int
    n_holdout: int
    goal: float
    true: float
    left: AnswersLeft

    @property
    def holds(self) -> bool:
        """Whether the true number lies in the interval, to one answer."""
        return self.left.low - 1 <= self.true <= self.left.high + 1


def ask(number: int, seed: int) -> Asked:
    """Simulate a project up to its end."""
    rng = np.random.default_rng([seed, number])
    name = list(POOLS)[number % len(POOLS)]
    pool, n = POOLS[name](rng), int(rng.integers(60, 201))
    first = typical(pool.train, min(PER_LABEL * pool.n_labels, n), number)
    order, before = go_on(pool, first, n, rng)
    _, after = go_on(pool, order, len(pool.train), rng)
    answers, accuracy = np.array([*before, *after]), np.array([*before.values(), *after.values()])
    smooth = np.convolve(np.pad(accuracy, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    now = int(np.searchsorted(answers, n))
    later, smooth = answers[now:], np.maximum.accumulate(smooth[now:])
    goal = float(np.round(smooth[0] + rng.uniform(-0.1, 1.05) * (smooth[-1] - smooth[0]), 3))
    true = math.inf if smooth[-1] < goal else float(np.interp(goal, smooth, later)) - n
    measuring = min(len(pool.test), [max(20, n // 3), 150, 300, 600][number // len(POOLS) % 4])
    items = rng.permutation(len(pool.test))[:measuring]
    refits = refit_rows(pool.train[order], pool.labels[order], np.ones(n), pool.test[items], pool.truth[items],
                        n_labels=pool.n_labels, fit=fit_head)  # the heads of `go_on`, whose curve is the truth
    return Asked(name, n, measuring, goal, true, answers_left(refits.points, goal, most=len(pool.train) - n))


def report(name: str, asked: list[Asked]) -> None:
    """Print one line of the table."""
    widths = np.array([one.left.high - one.left.low for one in asked])
    bounded = np.array([not (one.left.low == 0 and math.isinf(one.left.high)) for one in asked])
    early = sum(one.true < one.left.low - 1 for one in asked)
    late = sum(one.true > one.left.high + 1 for one in asked)
    print(f"{name:<24} {len(asked):>8} {sum(one.holds for one in asked):>6} {early:>6} {late:>6} "
          f"{np.median(widths):>13.0f} {np.isfinite(widths).mean():>10.2f} {bounded.mean():>10.2f}")


def main() -> None:
    """Simulate the projects and print how often the interval held the true number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    asked = []
    for number in range(options.projects):
        asked.append(ask(number, options.seed))
        one = asked[-1]
        print(f"{number:>3} {one.pool:<9} {one.n_answers:>4} answers, {one.n_holdout:>3} hold-out, "
              f"goal {one.goal:.3f}: true {one.true:>5.0f}; {one.left}{'' if one.holds else '  MISSED'}", flush=True)
    print(f"\n{'':<24} {'projects':>8} {'held':>6} {'below':>6} {'above':>6} {'median width':>13} {'finite':>10} "
          f"{'tells':>10}")
    for name in POOLS:
        report(name, [one for one in asked if one.pool == name])
    for name, low, high in (("hold-out below 100", 0, 99), ("hold-out 150", 100, 150), ("hold-out 300", 151, 300),
                            ("hold-out 600", 301, 600)):
        if some := [one for one in asked if low <= one.n_holdout <= high]:
            report(name, some)
    report("all (target 90 to 99)", asked)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
