"""Accuracy after eight rounds that each train a slightly worse model, by two rules of adoption.

In each of eight rounds a model is trained from the adopted one; 5 % of all items change from wrong to right, and more
from right to wrong, so that it is 3 points worse in truth. The measuring items are the same in each round. The table
says how far the adopted model's true accuracy lies below the start, by today's rule and by one that adopts unless the
interval of the gain lies wholly below 0. A second table says by how much the adopted model's own figure is above its
true accuracy after eight rounds, since it was chosen by these items, and how often the figure's interval holds that.

    python benchmarks/adoption.py [--n 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from hitl_widgets.quality.adoption import better
from hitl_widgets.quality.intervals import jeffreys
from hitl_widgets.quality.metrics import compare

Right = np.ndarray
Rule = Callable[[Right, Right, "Right | None"], bool]
START, WORSE, GAINED, ROUNDS = 0.85, 0.03, 0.05, 8


def by_points(new: Right, adopted: Right, best: Right | None) -> bool:
    """Today's rule."""
    return better(new, adopted, best).adopted


def unless_shown_worse(new: Right, adopted: Right, best: Right | None) -> bool:
    """The rule of earlier versions."""
    return compare(adopted, new).high >= 0


def after_rounds(rule: Rule, n_items: int, rng: np.random.Generator, *, worse: float) -> tuple[float, Right]:
    """True accuracy of the model that is adopted in the end, and where it is right."""
    truth, adopted = START, rng.random(n_items) < START
    best = adopted
    for _ in range(ROUNDS):
        chance = np.where(adopted, (GAINED + worse) / truth, GAINED / (1 - truth))
        new = adopted ^ (rng.random(n_items) < chance)
        if rule(new, adopted, best):
            truth, adopted = truth - worse, new
            best = new if new.sum() > best.sum() else best
    return truth, adopted


def points_lost(rule: Rule, n_items: int, *, n: int, seed: int = 0) -> float:
    """True accuracy lost over all rounds, in percentage points: the mean of n projects."""
    rng = np.random.default_rng(seed)
    return 100 * float(np.mean([START - after_rounds(rule, n_items, rng, worse=WORSE)[0] for _ in range(n)]))


def flattery(n_items: int, *, worse: float, n: int, seed: int = 0) -> tuple[float, float]:
    """Points by which the adopted model's figure is too high, in the mean of n projects; how often its interval holds.

    Parameters
    ----------
    worse : float
        By how much each new model is worse in truth; below 0 where it is better.
    """
    rng, above, held = np.random.default_rng(seed), list[float](), list[bool]()
    for _ in range(n):
        truth, adopted = after_rounds(by_points, n_items, rng, worse=worse)
        low, high = jeffreys(int(adopted.sum()), n_items)
        above.append(float(adopted.mean()) - truth)
        held.append(low <= truth <= high)
    return 100 * float(np.mean(above)), float(np.mean(held))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000, help="simulated projects for each row")
    n = parser.parse_args().n
    print("| measuring items | better by the point estimate | unless shown to be worse |\n|---|---|---|")
    for n_items in (60, 150, 350):
        by_rule = (points_lost(rule, n_items, n=n) for rule in (by_points, unless_shown_worse))
        print(f"| {n_items} | " + " | ".join(f"{lost:.1f}" for lost in by_rule) + " |", flush=True)
    print("\n| measuring items | new models are as good: points too high, interval holds | 1 point better each |\n"
          "|---|---|---|")
    for n_items in (60, 150, 350):
        of_both = (flattery(n_items, worse=worse, n=n) for worse in (0.0, -0.01))
        print(f"| {n_items} | " + " | ".join(f"{above:.1f}, {held:.1%}" for above, held in of_both) + " |", flush=True)


if __name__ == "__main__":
    main()
