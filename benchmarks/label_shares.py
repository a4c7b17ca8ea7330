"""Shares of labels in small pools that are mostly answered: error and coverage, beside what chance drew by itself.

    python benchmarks/label_shares.py --projects 500

Simulated projects of 20 to 200 items, of which 50 to 100 % are answered through the queue: the scores of a strategy
depend on the labels, and change once on the way in half of the projects; a tenth is asked in the order of the audit.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from hitl_widgets.learn.training_set import PER_LABEL
from hitl_widgets.quality.intervals import jeffreys
from hitl_widgets.quality.pool_shares import shares_of_pool
from hitl_widgets.sampling.audit import Audit
from hitl_widgets.sampling.queue import AUDIT_SHARE, Queue


class Outcome(NamedTuple):
    """One project: errors of all shares (half of their sum), and of the label that the strategy likes most.

    "former" counts what chance drew by itself; `held` and `former_held` say whether the intervals of one label, drawn
    by chance, hold the truth.
    """

    answered: float
    error: float
    former_error: float
    liked: float
    former_liked: float
    held: bool
    former_held: bool
    width: float


def simulate(seed: int) -> Outcome:
    """Answer a part of one small project."""
    rng = np.random.default_rng(seed)
    n_items, n_labels = int(rng.integers(20, 201)), int(rng.integers(2, 5))
    labels = rng.choice(n_labels, n_items, p=rng.dirichlet(np.full(n_labels, 1.5)))
    n_answers = int(np.ceil(n_items * rng.uniform(0.5, 1)))
    order = rng.random(n_items)
    queue = Queue(draws=rng.random(n_items), holdout=np.zeros(n_items, np.bool_), audit=Audit(lambda seed: order, 1.0))

    def scores() -> np.ndarray:
        liking: np.ndarray = rng.normal(0, 1.5, n_labels)[labels] + rng.normal(0, 1, n_items)
        return liking.astype(np.float32)

    liking, changes = scores(), rng.random() < 0.5
    liked = int(np.argmax([liking[labels == label].mean() if (labels == label).any() else -np.inf
                           for label in range(n_labels)]))
    places, by_chance = list[int](), list[bool]()
    while len(places) < n_answers:
        if changes and 2 * len(places) > n_answers:
            liking, changes = scores(), False
        for ask in queue.order(min(10, n_answers - len(places)), "ada", scores=liking, name="margin",
                               audit=AUDIT_SHARE):
            queue.mark(ask.position, "ada", closed=True)
            places.append(ask.position)
            by_chance.append(ask.chosen_by == "audit")
    on, drawn = np.eye(n_labels)[labels[places]], np.array(by_chance)
    truth, every = np.bincount(labels, minlength=n_labels) / n_items, on.mean(axis=0)
    found = shares_of_pool(on, drawn, n_items - n_answers)
    shares = found.towards(every, PER_LABEL * n_labels)
    shares /= shares.sum()
    former = on[drawn].sum(axis=0) + PER_LABEL * n_labels * every
    former /= former.sum()
    label = int(rng.integers(n_labels))
    ends = found.interval(label)
    former_ends = jeffreys(float(on[drawn, label].sum()), int(drawn.sum()))
    held, former_held = (low - 1e-9 <= truth[label] <= high + 1e-9 for low, high in (ends, former_ends))
    return Outcome(n_answers / n_items, float(abs(shares - truth).sum() / 2), float(abs(former - truth).sum() / 2),
                   float(shares[liked] - truth[liked]), float(former[liked] - truth[liked]), bool(held),
                   bool(former_held), ends[1] - ends[0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=500)
    outcomes = [simulate(seed) for seed in range(parser.parse_args().projects)]
    print("| answered | projects | error of the shares | of what chance drew | bias of the label asked for first | of "
          "what chance drew | interval holds | of what chance drew | width |")
    print("|---|---|---|---|---|---|---|---|---|")
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.01), (0.5, 1.01)):
        some = np.array([one[1:] for one in outcomes if low <= one.answered < high], float)
        error, former, liked, former_liked, held, former_held, width = some.mean(axis=0)
        print(f"| {low:.0%} to {min(high, 1):.0%} | {len(some)} | {error:.3f} | {former:.3f} | {liked:+.3f} | "
              f"{former_liked:+.3f} | {held:.1%} | {former_held:.1%} | {width:.2f} |")


if __name__ == "__main__":
    main()
