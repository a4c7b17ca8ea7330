"""Adjudication: coverage of the residual error's interval, and reviews needed, beside plain random sampling.

Labels are reviewed 20 at a time until the interval of the residual error lies within the tolerance. Random sampling
stops by the same rule; its reviews are all random. "fixed" is the coverage after 200 reviews, wherever one would stop.

    python benchmarks/adjudication.py [--seeds 500] [--items 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hitl_widgets.sampling.more_votes import fit_people
from hitl_widgets.sampling.review_order import next_reviews, residual_error

Rng = np.random.Generator
TOLERANCES = (0.03, 0.05)
FIXED = 200


class World(NamedTuple):
    """The consensus' posterior of each label, and whether the label is wrong."""

    top: np.ndarray
    wrong: np.ndarray


def crowd(n: int, rng: Rng, *, copied: float = 0.0) -> World:
    """Three votes an item of 8 people right in 70 to 95 of 100, 4 labels; some copy a model right in 75 of 100."""
    truth, skill = rng.integers(0, 4, n), rng.uniform(0.7, 0.95, 8)
    item, annotator = np.repeat(np.arange(n), 3), np.argsort(rng.random((n, 8)), axis=1)[:, :3].ravel()
    wrong = (truth[item] + rng.integers(1, 4, 3 * n)) % 4
    label = np.where(rng.random(3 * n) < skill[annotator], truth[item], wrong)
    model = np.where(rng.random(n) < 0.75, truth, (truth + rng.integers(1, 4, n)) % 4)
    label = np.where(rng.random(3 * n) < copied, model[item], label)
    people = fit_people(item, annotator, label, n_items=n, n_annotators=8, n_labels=4)
    probs = people.posterior(item, annotator, label, n)
    return World(probs.max(axis=1), probs.argmax(axis=1) != truth)


def calibrated(n: int, rng: Rng, *, factor: float = 1.0, shift: float = 0.0) -> World:
    """Posteriors drawn from three kinds of items; errors are so many times as frequent as they say, and a few more."""
    kind = rng.choice(3, n, p=[0.65, 0.25, 0.10])
    doubt = np.choose(kind, [rng.beta(0.5, 60, n), rng.beta(2, 25, n), rng.beta(4, 8, n)])
    return World(1 - doubt, rng.random(n) < np.minimum(1, factor * doubt + shift))


WORLDS: dict[str, Callable[[int, Rng], World]] = {
    "three votes of a crowd": crowd,
    "three votes, 3 in 10 copied from a model": lambda n, rng: crowd(n, rng, copied=0.3),
    "posteriors that hold": calibrated,
    "twice as many errors as they say": lambda n, rng: calibrated(n, rng, factor=2.0, shift=0.01),
    "half as many errors": lambda n, rng: calibrated(n, rng, factor=0.5),
    "posteriors that say nothing": lambda n, rng: calibrated(n, rng, factor=0.0, shift=0.05),
}


def review(world: World, rng: Rng, tolerance: float, *, by_doubt: bool) -> tuple[int, bool, bool]:
    """Reviews until the labels are good enough; whether the interval held then, and whether it held at `FIXED`."""
    n = len(world.wrong)
    draws, reviewed, fixed = rng.random(n), np.zeros(n, bool), True
    by_chance = np.argsort(draws)
    top = world.top if by_doubt else np.ones(n)
    while True:
        found = residual_error(top, draws, reviewed, reviewed & world.wrong, tolerance=tolerance)
        held = found.after.low <= (world.wrong & ~reviewed).mean() <= found.after.high
        if found.n_reviewed <= FIXED:
            fixed = bool(held)
        if found.good:
            return found.n_reviewed, bool(held), fixed
        reviewed[next_reviews(top, draws, reviewed, reviewed & world.wrong, tolerance=tolerance) if by_doubt
                 else by_chance[found.n_reviewed:found.n_reviewed + 20]] = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--items", type=int, default=1_000)
    args = parser.parse_args()
    print("| world | wrong | tolerance | held at the end, of 100 | fixed | reviews | random: held | reviews | ratio | "
          "target |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, make in WORLDS.items():
        worlds = [make(args.items, np.random.default_rng(seed)) for seed in range(args.seeds)]
        wrong = np.mean([world.wrong.mean() for world in worlds])
        for tolerance in TOLERANCES:
            ours, theirs = (np.array([review(world, np.random.default_rng(10_000 + seed), tolerance, by_doubt=by_doubt)
                                      for seed, world in enumerate(worlds)], float) for by_doubt in (True, False))
            ratio, held = ours[:, 0].mean() / theirs[:, 0].mean(), 100 * ours[:, 1].mean()
            target = f"coverage {'met' if held >= 93 else 'missed'}, reviews {'met' if ratio <= 0.5 else 'missed'}"
            print(f"| {name} | {wrong:.1%} | {tolerance:.0%} | {held:.1f} | {100 * ours[:, 2].mean():.1f} | "
                  f"{ours[:, 0].mean():.0f} | {100 * theirs[:, 1].mean():.1f} | {theirs[:, 0].mean():.0f} | "
                  f"{ratio:.2f} | {target} |", flush=True)
    print("\nTargets: at least 93 of 100 intervals hold, and at most half the reviews of random sampling.")


if __name__ == "__main__":
    main()
