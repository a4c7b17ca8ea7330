"""Coverage of each kind of interval, beside the 95 of 100 that are promised.

A truth is drawn, then counts, then the interval. The table says of each kind the lowest and the highest share over its
settings, most of which are those of tests/test_intervals.py and tests/test_curves.py.

    python benchmarks/intervals.py [--n 2000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from hitl_widgets.quality.intervals import across, jeffreys, newcombe, of_median, tango
from hitl_widgets.quality.learning_curve import BENDS, BEYOND, EXPONENTS, STRAY, expected_gain

Interval = tuple[float, float]
Rng = np.random.Generator


def held(intervals: Iterable[Interval], truth: Iterable[float]) -> float:
    """The share of intervals that hold the truth."""
    return float(np.mean([low <= true <= high for (low, high), true in zip(intervals, truth, strict=True)]))


def counted(make: Callable[..., Interval], counts: np.ndarray) -> Iterator[Interval]:
    """An interval for each row of counts; each kind of row is worked out once."""
    kinds, place = np.unique(counts, axis=0, return_inverse=True)
    found = [make(*row) for row in kinds.tolist()]
    return (found[k] for k in place.ravel())


def shares(n: int, rng: Rng) -> Iterator[float]:
    for trials in (20, 60, 200):
        truth = rng.uniform(0.02, 0.98, n)
        yield held(counted(lambda k, m=trials: jeffreys(k, m), rng.binomial(trials, truth)[:, None]), truth)


def differences(n: int, rng: Rng) -> Iterator[float]:
    for n_1, n_2 in ((20, 20), (50, 25), (200, 100)):
        truth = rng.uniform(0.1, 0.95, (n, 2))
        counts = rng.binomial((n_1, n_2), truth)
        yield held(counted(lambda a, b, m=(n_1, n_2): newcombe(a, m[0], b, m[1]), counts), truth[:, 0] - truth[:, 1])


def paired(n: int, rng: Rng) -> Iterator[float]:
    for cells in ((0.7, 0.1, 0.05, 0.15), (0.4, 0.2, 0.2, 0.2), (0.93, 0.03, 0.01, 0.03)):
        for trials in (40, 150):
            counts = rng.multinomial(trials, cells, n)
            yield held(counted(tango, counts), np.full(n, cells[1] - cells[2]))


def people(n: int, rng: Rng) -> Iterator[float]:
    for n_people in (2, 3, 5, 12):
        mean, size = rng.uniform(0.1, 0.95, n), 1 / rng.choice([0.003, 0.01, 0.03, 0.06, 0.1, 0.2], n) - 1
        trials = rng.integers(20, 80, (n, n_people))
        own = rng.beta((mean * size)[:, None], ((1 - mean) * size)[:, None], (n, n_people))
        yield held(map(across, rng.binomial(trials, own), trials), mean)


def taken_for_one(n: int, rng: Rng) -> Iterator[float]:
    counts = rng.binomial(50, rng.beta(0.8 * 9, 0.2 * 9, (n, 4))).sum(axis=1)
    yield held(counted(lambda k: jeffreys(k, 200), counts[:, None]), np.full(n, 0.8))


def medians(n: int, rng: Rng) -> Iterator[float]:
    for size in (6, 9, 20, 100):
        yield held(map(of_median, rng.lognormal(0, 0.7, (n, size))), np.ones(n))


def gains(n: int, rng: Rng, *, exponential: bool = False) -> Iterator[float]:
    intervals: list[Interval] = []
    truth: list[float] = []
    while len(truth) < n:
        answers = int(rng.choice([20, 50])) * np.arange(1, rng.integers(3, 9)).astype(float)
        at = np.append(answers, answers[-1] + 50)
        if exponential:
            a, b, slow, stray = rng.uniform(0.6, 0.98), rng.uniform(0.2, 0.6), rng.uniform(40, 300), 0.01
            curve = a - b * np.exp(-at / slow)
        else:
            now, c, stray = rng.uniform(0.4, 0.95), rng.choice(EXPONENTS), rng.choice(STRAY)
            gap, bend = (1 - rng.choice(BEYOND)) * (1 - now), rng.choice(BENDS) * answers[-1]
            curve = now + gap * (1 - ((at + bend) / (answers[-1] + bend)) ** -c)
        if curve[0] < 0.05:
            continue
        true, m = np.clip(curve + stray * rng.normal(size=len(at)), 0.001, 0.999), int(rng.choice([60, 150, 400]))
        gain = expected_gain(answers.astype(int), rng.binomial(m, true[:-1]), np.full(len(answers), m), correlation=0.0)
        intervals.append((gain.low, gain.high))
        truth.append(float(true[-1] - true[-2]))
    yield held(intervals, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2_000, help="simulations of each setting")
    n = parser.parse_args().n
    kinds = {"a share": ("Jeffreys", shares), "a difference on other items": ("Newcombe's method 10", differences),
             "a difference on the same items": ("Newcombe's method 10, paired", paired),
             "a share over people who differ": ("beta-binomial, weighed over how far they may differ "
                                                "(`intervals.across`)", people),
             "a median time": ("interpolated order statistics", medians),
             "the likely gain": ("curves weighed by their likelihood", gains),
             "the likely gain, of exponential curves, which it doesn't know": (
                 "the same", lambda n, rng: gains(n, rng, exponential=True)),
             "a share over 4 people who differ, taken for one": ("Jeffreys, **wrong here**", taken_for_one)}
    print("| figure | interval | held the truth, of 100 simulations |\n|---|---|---|")
    for figure, (interval, settings) in kinds.items():
        found = [100 * share for share in settings(n, np.random.default_rng(0))]
        text = f"{found[0]:.1f}" if len(found) == 1 else f"{min(found):.1f} to {max(found):.1f}"
        print(f"| {figure} | {interval} | {text} |", flush=True)
    print(f"\nStandard error of one setting: {100 * (0.95 * 0.05 / n) ** 0.5:.1f} of 100.")


if __name__ == "__main__":
    main()
