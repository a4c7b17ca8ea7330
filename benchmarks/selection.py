"""Cost of choosing items, and agreement with other implementations.

Margin, k-centre and TypiClust on items made of numbers, beside plain numpy and, where it is installed, beside
scikit-activeml (which isn't needed by the project: `pip install scikit-activeml`). The better of three runs.

    python benchmarks/selection.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from hitl_widgets.sampling.diversity import k_centre, typiclust
from hitl_widgets.sampling.uncertainty import best, margin


def seconds(what: Callable[[], Any], *, repeat: int = 3) -> tuple[float, Any]:
    """The shortest of some runs, and what came of the last."""
    times, found = [], None
    for _ in range(repeat):
        began = time.perf_counter()
        found = what()
        times.append(time.perf_counter() - began)
    return min(times), found


def sorted_margin(probs: np.ndarray) -> np.ndarray:
    ranked = np.sort(probs, axis=1)
    return np.asarray(1 - (ranked[:, -1] - ranked[:, -2]))


def greedy(points: np.ndarray, labelled: np.ndarray, n: int) -> list[int]:
    """k-centre step by step, each time over all items."""
    near = np.min([np.square(points - one).sum(axis=1) for one in labelled], axis=0)
    found: list[int] = []
    for _ in range(n):
        found.append(int(near.argmax()))
        near = np.minimum(near, np.square(points - points[found[-1]]).sum(axis=1))
    return found


def first(scores: np.ndarray, n: int) -> list[int]:
    return best(scores, n, tie_break=np.arange(len(scores), dtype=float)).tolist()


def beside_others(points: np.ndarray, n: int) -> None:
    """The same on fewer items, beside scikit-activeml."""
    try:
        from skactiveml.pool import CoreSet, TypiClust
    except ImportError as error:
        print(f"| scikit-activeml is absent ({error}); nothing was compared with it | | | |")
        return
    answered = np.full(len(points), np.nan)
    answered[:10] = np.arange(10) % 2
    open_ = np.arange(10, len(points))
    for name, ours, theirs in (
            ("k-centre", lambda: k_centre(points[10:], points[:10], n=n), CoreSet(random_state=0)),
            ("TypiClust", lambda: typiclust(points[10:], points[:10], n=n), TypiClust(random_state=0))):
        took, scores = seconds(ours)
        others_took, chosen = seconds(lambda: theirs.query(X=points, y=answered, batch_size=n), repeat=1)  # noqa: B023
        same = open_[first(scores, n)].tolist() == np.asarray(chosen).tolist()
        told = f"the same {n} items: {same}" if name == "k-centre" else "clusters are drawn by chance"
        print(f"| {name}, {n} of {len(points):,} x {points.shape[1]} | {took:.2f} s | "
              f"scikit-activeml {others_took:.2f} s | {told} |")


def main() -> None:
    rng = np.random.default_rng(0)
    print("| | ours | reference | |\n|---|---|---|---|")
    for n_labels, target in ((10, 0.02), (1_000, 1.5)):
        probs = rng.dirichlet(np.ones(n_labels, np.float32), 100_000).astype(np.float32)
        took, scores = seconds(lambda: margin(probs))  # noqa: B023
        plain, expected = seconds(lambda: sorted_margin(probs), repeat=1)  # noqa: B023
        print(f"| margin, 100,000 items, {n_labels} labels | {1000 * took:.0f} ms | numpy sort {1000 * plain:.0f} ms | "
              f"target {1000 * target:.0f} ms; largest difference {np.abs(scores - expected).max():.0e} |")
    middles = 2 * rng.normal(size=(50, 512))
    points = (middles[rng.integers(50, size=100_000)] + rng.normal(size=(100_000, 512))).astype(np.float32)
    took, scores = seconds(lambda: k_centre(points[10:], points[:10], n=100))
    plain, chosen = seconds(lambda: greedy(points[10:], points[:10], 100), repeat=1)
    print(f"| k-centre, 100 of 100,000 x 512 | {took:.2f} s | numpy, step by step {plain:.1f} s | target 1.5 s; the "
          f"same items: {first(scores, 100) == chosen} |")
    took, _ = seconds(lambda: typiclust(points[10:], points[:10], n=100), repeat=1)
    print(f"| TypiClust, 100 of 100,000 x 512 | {took:.1f} s | | target 20 s |")
    beside_others(points[:10_000, :64].copy(), 100)


if __name__ == "__main__":
    main()
