"""Asking another person only where it pays, beside a fixed number of people an item, on crowds with known truth.

People come in an order drawn by chance and answer up to 20 open items each, as `sampling.more_votes` orders them; then
the next one comes. Reliabilities are refitted whenever a tenth more votes have come. The same consensus takes all votes
in the end, fixed or not. "gap" is the accuracy of 5 votes an item minus this one, in the same orders of people.

    python benchmarks/more_votes.py [--seeds 50] [--sitting 20] [--crowds bluebirds]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hitl_widgets.sampling.more_votes import another_person, fit_people

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "crowd"
CROWDS = ("bluebirds", "weather_cf", "weather_amt")
THRESHOLDS = (0.7, 0.75, 0.8, 0.9, 0.95, 0.97, 0.99)
LEAST, MOST = 1, 5
# At most so many of the votes of 5 an item, for an accuracy at most so much lower.
TARGET_SHARE, TARGET_GAP = 0.6, 0.01


def crowd(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """The label that each person gives each item (-1: none), shape (n_people, n_items); the truth; number of labels."""
    rows = pd.read_csv(DATA / f"{name}_labels.csv").drop_duplicates(["worker", "task"], keep="last")
    known = pd.read_csv(DATA / f"{name}_truth.csv").set_index("task")["truth"]
    item, tasks = pd.factorize(rows["task"])
    labels = sorted(rows["label"].unique())
    person, people = pd.factorize(rows["worker"])
    votes = np.full((len(people), len(tasks)), -1)
    votes[person, item] = pd.Categorical(rows["label"], labels).codes
    return votes, np.array([labels.index(known[task]) if known.get(task) in labels else -1 for task in tasks]), \
        len(labels)


class Crowd:
    """Votes that were asked for so far, and their consensus."""

    def __init__(self, votes: np.ndarray, n_labels: int) -> None:
        self.votes, self.n_labels, self.asked = votes, n_labels, np.zeros(votes.shape, bool)
        self.counts, self.n_fitted = np.zeros((votes.shape[1], n_labels)), 0

    @property
    def n_votes(self) -> np.ndarray:
        return self.asked.sum(axis=0)

    def probs(self, *, refit: bool = False) -> np.ndarray:
        annotator, item = np.nonzero(self.asked)
        label = self.votes[annotator, item]
        if refit or len(item) >= 1.1 * self.n_fitted:
            self.people = fit_people(item, annotator, label, n_items=self.votes.shape[1],
                                     n_annotators=len(self.votes), n_labels=self.n_labels)
            self.n_fitted = len(item)
        return self.people.posterior(item, annotator, label, self.votes.shape[1])

    def sit(self, person: int, items: np.ndarray) -> None:
        self.asked[person, items] = True
        self.counts[items, self.votes[person, items]] += 1

    def tied(self) -> np.ndarray:
        ordered = np.sort(self.counts, axis=1)
        return (ordered[:, -1] == ordered[:, -2]) & (ordered[:, -1] > 0)


def ask(votes: np.ndarray, n_labels: int, rng: np.random.Generator, *, least: int, most: int, threshold: float,
        sitting: int) -> tuple[float, np.ndarray]:
    """Votes an item, and the label of each item, when nobody else needs to be asked."""
    crowd = Crowd(votes, n_labels)
    top, tied, draws = np.full(votes.shape[1], np.nan), np.zeros(votes.shape[1], bool), rng.permutation(votes.shape[1])
    people: list[int] = []
    idle = 0
    while idle < len(votes):
        people = people or rng.permutation(len(votes)).tolist()
        person = people.pop()
        left = crowd.asked[person] | (votes[person] < 0)
        order = another_person(crowd.n_votes[draws], top[draws], tied[draws], least=least, most=most,
                               threshold=threshold, voted=left[draws]).order
        idle = 0 if len(order) else idle + 1
        if len(order):
            crowd.sit(person, draws[order[:sitting]])
            if least < most:
                top, tied = crowd.probs().max(axis=1), crowd.tied()
    return float(crowd.n_votes.mean()), crowd.probs(refit=True).argmax(axis=1)


def curve(name: str, settings: Sequence[dict[str, Any]], n_seeds: int, sitting: int) -> np.ndarray:
    """Votes an item and accuracy, shape (n_settings, n_seeds, 2)."""
    votes, truth, n_labels = crowd(name)
    results = np.empty((len(settings), n_seeds, 2))
    for k, setting in enumerate(settings):
        for seed in range(n_seeds):
            n_votes, labels = ask(votes, n_labels, np.random.default_rng(seed), sitting=sitting, **setting)
            results[k, seed] = n_votes, (labels == truth)[truth >= 0].mean()
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="random orders of people")
    parser.add_argument("--sitting", type=int, default=20, help="items that a person answers before the next one comes")
    parser.add_argument("--crowds", nargs="+", default=CROWDS)
    args = parser.parse_args()
    fixed: list[dict[str, Any]] = [{"least": n, "most": n, "threshold": 0.5} for n in range(1, MOST + 1)]
    asked: list[dict[str, Any]] = [{"least": LEAST, "most": MOST, "threshold": t} for t in THRESHOLDS]
    names = [f"{n} an item" for n in range(1, MOST + 1)] + [f"({LEAST}, {MOST}), until {t:g}" for t in THRESHOLDS]
    print("| crowd | people asked | votes an item | of 5 an item | accuracy (se) | gap (se) | target |")
    print("|---|---|---|---|---|---|---|")
    for name in args.crowds:
        results = curve(name, [*fixed, *asked], args.seeds, args.sitting)
        full = results[MOST - 1]
        for label, result in zip(names, results, strict=True):
            n_votes, accuracy = result.mean(axis=0)
            gaps, share = full[:, 1] - result[:, 1], n_votes / full[:, 0].mean()
            error = np.sqrt(args.seeds)
            met = "" if share > TARGET_SHARE + 0.002 else "met" if gaps.mean() <= TARGET_GAP else "missed"
            print(f"| {name} | {label} | {n_votes:.2f} | {share:.0%} | {accuracy:.3f} "
                  f"({result[:, 1].std() / error:.3f}) | {gaps.mean():+.3f} ({gaps.std() / error:.3f}) | {met} |",
                  flush=True)
    print(f"\nTarget: a gap of at most {TARGET_GAP:g} for at most {TARGET_SHARE:.0%} of the votes.")


if __name__ == "__main__":
    main()
