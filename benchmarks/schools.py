"""Schools of thought: false alarms under one school of people who differ, and how often planted schools are found.

8 people label 300 items with 4 labels, or as the row says. Under one school they differ in skill, in what they confuse,
in how they take ambiguous or hard items, or in how often they copy a suggestion. Beside ours stands what a chi-square
test of the likelihood ratio would say where two fixed halves of the people have distributions of their own.

    python benchmarks/schools.py [--seeds 500] [--planted 50]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.stats import chi2
from sklearn.metrics import adjusted_rand_score

from hitl_widgets.quality.schools_of_thought import schools

Rng = np.random.Generator


def drawn(probs: np.ndarray, rng: Rng) -> np.ndarray:
    """A label of each distribution along the last axis."""
    return (rng.random(probs.shape[:-1])[..., None] > np.cumsum(probs, axis=-1)[..., :-1]).sum(axis=-1)


def table(labels: np.ndarray, rng: Rng, thinned: int = 0) -> pd.DataFrame:
    """Votes from labels, shape (n_people, n_items); of each item only `thinned` where that isn't 0."""
    kept = np.ones(labels.shape, bool)
    if thinned:
        kept = np.argsort(np.argsort(rng.random(labels.shape), axis=0), axis=0) < thinned
    person, item = np.nonzero(kept)
    return pd.DataFrame({"item_id": item, "annotator": np.char.add("p", person.astype(str)),
                         "label": np.char.add("label ", labels[person, item].astype(str))})


def noisy(truth: np.ndarray, skill: np.ndarray, n_labels: int, rng: Rng) -> np.ndarray:
    """Answers that are right with a skill of each person; the other labels are equally likely errors."""
    right = rng.random((len(skill), truth.shape[-1])) < skill[:, None]
    other = (truth + rng.integers(1, n_labels, (len(skill), truth.shape[-1]))) % n_labels
    return np.where(right, truth, other)


def one_school(kind: str, rng: Rng) -> pd.DataFrame:
    n_people, n_items, n_labels = (20 if kind == "20 people" else 8), 300, (2 if "2 labels" in kind else 4)
    truth = rng.integers(n_labels, size=n_items)
    if kind in ("alike", "20 people", "2 labels", "3 votes an item"):
        skill = np.full(n_people, 0.85)
    else:
        skill = rng.uniform(0.55, 0.95, n_people)
    if "confusions" in kind:
        rows = np.stack([rng.dirichlet(np.full(n_labels, 0.4), n_labels) for _ in range(n_people)])
        probs = skill[:, None, None] * np.eye(n_labels) + (1 - skill)[:, None, None] * rows
        return table(drawn(probs[:, truth], rng), rng)
    if kind == "4 lenient, 4 strict, 2 labels":
        says_one = np.where(np.arange(n_people)[:, None] < 4, [0.25, 0.97], [0.03, 0.75])
        share = says_one[:, truth]
        return table((rng.random(share.shape) < share).astype(int), rng)
    if kind == "4 lenient, 4 strict on a scale, 2 labels":
        severity = rng.normal(size=n_items)
        bar = np.where(np.arange(n_people) < 4, -0.5, 0.5)
        return table((severity + rng.normal(0, 0.5, (n_people, n_items)) > bar[:, None]).astype(int), rng)
    if "ambiguous" in kind:
        theta = rng.dirichlet(np.full(n_labels, 0.3), n_items)
        genuine = drawn(np.broadcast_to(theta, (n_people, n_items, n_labels)), rng)
        return table(noisy(genuine, skill, n_labels, rng), rng)
    if kind == "hard items":
        hard = rng.beta(1, 2, n_items)
        right = rng.random((n_people, n_items)) < 1 - hard * (1.3 - skill[:, None])
        other = (truth + rng.integers(1, n_labels, right.shape)) % n_labels
        return table(np.where(right, truth, other), rng)
    labels = noisy(truth, skill, n_labels, rng)
    if kind == "a spammer and one of another opinion":
        labels[0] = rng.integers(n_labels, size=n_items)
        labels[1] = (truth + 1) % n_labels
    if kind == "4 copy a model that is seen":
        model = np.where(rng.random(n_items) < 0.75, truth, (truth + rng.integers(1, n_labels, n_items)) % n_labels)
        shown = rng.random(labels.shape) < 0.8
        copies = shown & (rng.random(labels.shape) < np.where(np.arange(n_people) < 4, 0.7, 0.05)[:, None])
        votes = table(np.where(copies, model, labels), rng)
        person = votes["annotator"].str[1:].astype(int)
        return votes.assign(shown=shown[person, votes["item_id"]],
                            suggestion=np.char.add("label ", model[votes["item_id"]].astype(str)))
    return table(labels, rng, thinned=3 if kind == "3 votes an item" else 0)


def planted(kind: str, rng: Rng) -> tuple[pd.DataFrame, np.ndarray]:
    n_people, n_items, n_labels, divided = 8, 300, 2 if "2 labels" in kind else 4, 0.3
    if "10 %" in kind:
        divided = 0.1
    if "20 people" in kind:
        n_people = 20
    school = np.zeros(n_people, int)
    school[rng.permutation(n_people)[:3 if "3 of 8" in kind else 2 if "2 of 8" in kind else n_people // 2]] = 1
    if kind.startswith("three"):
        n_people, school = 12, np.repeat([0, 1, 2], 4)
    truth = rng.integers(n_labels, size=(3, n_items))
    truth = np.where(rng.random(n_items) < divided, truth[0] + [[0], [1], [2]], truth[0]) % n_labels
    skill = rng.uniform(0.7, 0.95, n_people)
    labels = np.stack([noisy(truth[school[j]], skill[j:j + 1], n_labels, rng)[0] for j in range(n_people)])
    return table(labels, rng, thinned=3 if "3 votes" in kind else 0), school


def chi_square(votes: pd.DataFrame) -> float:
    """p-value of a likelihood ratio of two distributions an item against one, people split at their names' middle."""
    sides = votes["annotator"].isin(sorted(votes["annotator"].unique())[::2])

    def likelihood(rows: pd.DataFrame) -> float:
        counts = pd.crosstab(rows["item_id"], rows["label"]).to_numpy(float)
        shares = counts / counts.sum(axis=1, keepdims=True)
        return float((counts * np.log(np.where(shares > 0, shares, 1))).sum())

    ratio = 2 * (likelihood(votes[sides]) + likelihood(votes[~sides]) - likelihood(votes))
    return float(chi2.sf(ratio, votes["item_id"].nunique() * (votes["label"].nunique() - 1)))


NULLS = ("alike", "skill", "confusions", "confusions, 2 labels", "4 lenient, 4 strict, 2 labels", "ambiguous items",
         "ambiguous items, 2 labels", "hard items", "4 copy a model that is seen",
         "a spammer and one of another opinion", "2 labels", "3 votes an item", "20 people")
BETWEEN = ("4 lenient, 4 strict on a scale, 2 labels",)
PLANTED = ("two of 4", "two, 2 labels", "two, 3 of 8", "two, 2 of 8", "two, 10 % of items divided",
           "two, 3 votes an item", "two, 20 people", "three of 4 people each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--planted", type=int, default=50, help="seeds of each planted world")
    parser.add_argument("--boot", type=int, default=99)
    parser.add_argument("--only", default="", help="worlds whose names begin with one of these, by ;")
    asked = parser.parse_args()
    began = time.perf_counter()
    print(f"| one school, {asked.seeds} seeds | false alarms, of 100 (at most 7) | p up to .05 | chi-square "
          "| seconds a test |\n|---|---|---|---|---|", flush=True)
    for kind in (kind for kind in (*NULLS, *BETWEEN) if kind.startswith(tuple(asked.only.split(';')))):
        alarms, beyond, plain, start = [], [], [], time.perf_counter()
        for seed in range(asked.seeds):
            votes = one_school(kind, np.random.default_rng(seed))
            found = schools(votes, n_boot=asked.boot, seed=seed)
            alarms.append(found.n > 1)
            beyond.append(found.p_value <= 0.05)
            plain.append(chi_square(votes) <= 0.05 if seed < 20 else np.nan)
        name = f"{kind} (schools, if one likes)" if kind in BETWEEN else kind
        print(f"| {name} | {100 * np.mean(alarms):.1f} | {100 * np.mean(beyond):.1f} "
              f"| {100 * np.nanmean(plain):.0f} "
              f"| {(time.perf_counter() - start) / asked.seeds:.2f} |", flush=True)
    print(f"\n| planted, {asked.planted} seeds | right number found, of 100 | adjusted Rand, mean (at least .9) "
          "| least | stability |\n|---|---|---|---|---|")
    for kind in (kind for kind in PLANTED if kind.startswith(tuple(asked.only.split(';')))):
        number, rand, stable = [], [], []
        for seed in range(asked.planted):
            votes, school = planted(kind, np.random.default_rng(seed))
            found = schools(votes, n_boot=asked.boot, seed=seed)
            number.append(found.n == len(np.unique(school)))
            rand.append(adjusted_rand_score(school, [found.members[f"p{j}"] for j in range(len(school))]))
            stable.append(found.stability.value)
        print(f"| {kind} | {100 * np.mean(number):.0f} | {np.mean(rand):.3f} | {np.min(rand):.3f} "
              f"| {np.mean(stable):.2f} |", flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
