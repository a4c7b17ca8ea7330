"""Measures of sets of labels and of values: reference libraries, coverage of intervals, thresholds, consensus, pull.

Each seed stands for 40 simulated projects. Coverage is the share of 95 % intervals that hold the truth, in its worst
world; the reference is the percentile bootstrap over items.

    python benchmarks/sets.py [--seeds 5]

krippendorff and nltk are references where they are installed; without them their lines say so.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import f1_score

from hitl_widgets.quality import agreement
from hitl_widgets.quality.label_states import set_bias
from hitl_widgets.quality.multilabel import best_thresholds, compare_sets, multilabel_metrics
from hitl_widgets.quality.value_agreement import value_agreement
from hitl_widgets.quality.value_bias import value_bias
from hitl_widgets.quality.value_consensus import value_consensus
from hitl_widgets.quality.value_metrics import compare_values, value_metrics

Rng = np.random.Generator
PER_SEED, N_BOOT = 40, 300
# Items, labels, how common a label is, and how much of an error is the item's.
SET_WORLDS = ((40, 5, 0.3, 0.0), (40, 5, 0.1, 0.5), (100, 10, 0.1, 0.5), (200, 20, 0.05, 0.0), (200, 3, 0.4, 0.5))


def sets(n: int, n_labels: int, share: float, alike: float, rng: Rng, skill: float = 1.0) -> tuple[Any, Any]:
    """Truth and probabilities."""
    truth = rng.random((n, n_labels)) < share
    noise = np.sqrt(1 - alike) * rng.normal(size=truth.shape) + np.sqrt(alike) * rng.normal(size=(n, 1))
    return truth.astype(float), 1 / (1 + np.exp(-np.where(truth, skill - noise, noise - skill)))


def reference(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def equal() -> None:
    """Figures beside those of reference libraries."""
    rng = np.random.default_rng(0)
    truth, probs = sets(300, 6, 0.3, 0.5, rng)
    metrics = multilabel_metrics(truth, probs, 0.5, list("abcdef"))
    rows = [("macro F1", metrics["macro_f1"].value, "scikit-learn", f1_score(truth, probs >= 0.5, average="macro")),
            ("micro F1", metrics["micro_f1"].value, "scikit-learn", f1_score(truth, probs >= 0.5, average="micro"))]
    value = rng.integers(0, 6, 300)
    guess = value + rng.integers(-2, 3, 300)
    rows.append(("Spearman", value_metrics(value, guess, "ordinal")["spearman"].value, "scipy",
                 float(spearmanr(value, guess)[0])))
    ratings = np.where(rng.random((4, 60)) < 0.3, np.nan, rng.integers(0, 6, 60) + rng.integers(-1, 2, (4, 60)))
    table = pd.DataFrame([(i, f"p{p}", ratings[p, i]) for p in range(4) for i in range(60)],
                         columns=["item_id", "annotator", "value"]).dropna()
    krippendorff = reference("krippendorff")
    for distance in ("interval", "ordinal", "nominal"):
        theirs = krippendorff and krippendorff.alpha(reliability_data=ratings, level_of_measurement=distance)
        rows.append((f"alpha, {distance}", value_agreement(table, distance).alpha.value, "krippendorff", theirs))
    given = [(f"p{p}", i, frozenset(np.array(list("abcd"))[on | (np.arange(4) == i % 4)])) for i in range(60)
             for p, on in enumerate(rng.random((3, 4)) < 0.4)]
    votes = pd.DataFrame([(i, p, label) for p, i, label in given], columns=["item_id", "annotator", "label"])
    nltk = reference("nltk.metrics.agreement")

    def masi(a: frozenset[str], b: frozenset[str]) -> float:  # nltk's own writes 2/3 and 1/3 as 0.67 and 0.33
        part = 1 if a == b else 2 / 3 if a <= b or b <= a else 1 / 3
        return 1 - len(a & b) / len(a | b) * part

    rows.append(("alpha, MASI", agreement(votes, "masi")["krippendorff_alpha"].value, "nltk",
                 nltk and nltk.AnnotationTask(given, distance=masi).alpha()))
    print("| figure | ours | reference | its value | equal to 1e-9 |\n|---|---|---|---|---|")
    for name, ours, library, theirs in rows:
        told = f"{theirs:.4f} | {'yes' if abs(ours - theirs) < 1e-9 else 'NO'}" if theirs is not None \
            else "not installed | not compared"
        print(f"| {name} | {ours:.4f} | {library} | {told} |")


def bootstrapped(n: int, rng: Rng, figure: Callable[[Any], float]) -> tuple[float, float]:
    """Percentile interval over items."""
    values = [figure(rng.integers(0, n, n)) for _ in range(N_BOOT)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


class Coverage:
    """Counts of intervals that hold the truth, by figure and world."""

    def __init__(self) -> None:
        self.held: dict[str, dict[Any, list[bool]]] = {}

    def add(self, name: str, world: Any, interval: Any, truth: float) -> None:
        low, high = interval if isinstance(interval, tuple) else (interval.low, interval.high)
        self.held.setdefault(name, {}).setdefault(world, []).append(bool(low <= truth <= high))

    def of(self, name: str) -> str:
        if name not in self.held:
            return "-"
        shares = [float(np.mean(held)) for held in self.held[name].values()]
        return f"{min(shares):.3f} ({np.mean(shares):.3f})"


def f1_means(truth: Any, on: Any) -> tuple[float, float]:
    """Macro and micro F1."""
    tp, every = (truth * on).sum(axis=0), truth.sum(axis=0) + on.sum(axis=0)
    there = truth.sum(axis=0) > 0
    return float((2 * tp / np.maximum(every, 1))[there].mean()), float(2 * tp.sum() / every.sum())


def coverage_of_sets(seeds: int) -> None:
    ours, boot = Coverage(), Coverage()
    for world in SET_WORLDS:
        n, n_labels, share, alike = world
        ids = [str(k) for k in range(n_labels)]
        truth, first = sets(60_000, n_labels, share, alike, np.random.default_rng(99))
        second = 0.5 * first + 0.5 * sets(60_000, n_labels, share, alike, np.random.default_rng(99), 1.4)[1]
        whole = multilabel_metrics(truth, first, 0.5, ids)
        gain = compare_sets(truth, first > 0.5, second > 0.5).value
        rare = np.where(np.random.default_rng(5).random((60_000, 1)) < 0.05, 1 - first, first)
        losses = {name: compare_sets(truth, first > 0.5, rare > 0.5, name).value for name in ("macro_f1", "micro_f1")}
        for seed in range(seeds * PER_SEED):
            truth, first = sets(n, n_labels, share, alike, np.random.default_rng(seed))
            second = 0.5 * first + 0.5 * sets(n, n_labels, share, alike, np.random.default_rng(seed), 1.4)[1]
            metrics = multilabel_metrics(truth, first, 0.5, ids)
            for name in whole.FIGURES:
                ours.add(name, world, metrics[name], whole[name].value)
            ours.add("gain in macro_f1", world, compare_sets(truth, first > 0.5, second > 0.5), gain)
            rare = np.where(np.random.default_rng(seed + 5).random((n, 1)) < 0.05, 1 - first, first)
            for name, loss in losses.items():
                ours.add(f"loss in {name}, 1 item of 20 differs", world,
                         compare_sets(truth, first > 0.5, rare > 0.5, name), loss)
            if seed % 4:
                continue
            on, rng = first >= 0.5, np.random.default_rng(seed)
            other = second >= 0.5
            boot.add("macro_f1", world, bootstrapped(
                n, rng, lambda of: f1_means(truth[of], on[of])[0]), whole["macro_f1"].value)  # noqa: B023
            boot.add("micro_f1", world, bootstrapped(
                n, rng, lambda of: f1_means(truth[of], on[of])[1]), whole["micro_f1"].value)  # noqa: B023
            boot.add("gain in macro_f1", world, bootstrapped(n, rng, lambda of: (
                f1_means(truth[of], other[of])[0] - f1_means(truth[of], on[of])[0])), gain)  # noqa: B023
    table(ours, boot)


def coverage_of_values(seeds: int) -> None:
    ours, boot = Coverage(), Coverage()
    for n in (20, 60, 200):
        for seed in range(seeds * PER_SEED):
            rng = np.random.default_rng(seed)
            truth, error = rng.normal(size=n), rng.laplace(size=n)
            metrics = value_metrics(truth, truth + error)
            ours.add("mae", n, metrics["mae"], 1.0)
            guess = 0.8 * truth + 0.6 * rng.normal(size=n)
            rho = 6 / np.pi * np.arcsin(0.4)
            ours.add("spearman", n, value_metrics(truth, guess)["spearman"], rho)
            better = 0.5 * error + 0.2 * rng.laplace(size=n)
            gain = 1 - (0.25 + 0.1 + 0.04) / 0.7
            ours.add("gain in mae", n, compare_values(truth, truth + error, truth + better), gain)
            if seed % 4:
                continue
            boot.add("mae", n, bootstrapped(n, rng, lambda of: abs(error[of]).mean()), 1.0)  # noqa: B023
            boot.add("spearman", n, bootstrapped(
                n, rng, lambda of: float(spearmanr(truth[of], guess[of])[0])), rho)  # noqa: B023
            boot.add("gain in mae", n, bootstrapped(
                n, rng, lambda of: (abs(error) - abs(better))[of].mean()), gain)  # noqa: B023
    table(ours, boot)


def table(ours: Coverage, boot: Coverage) -> None:
    print("\n| figure | coverage of ours: worst world (mean) | target | of the bootstrap |\n|---|---|---|---|")
    for name in ours.held:
        print(f"| {name} | {ours.of(name)} | >= .90 | {boot.of(name)} |")


def thresholds(seeds: int) -> None:
    """F1 on new items at thresholds from few; nets that say the truth, too little, and too much."""
    def f1(truth: Any, on: Any) -> float:
        return float(2 * (truth & on).sum() / max(1, truth.sum() + on.sum()))

    print("\n| net | items | F1 at ours | at the best of those items | at 0.5 |\n|---|---|---|---|---|")
    for name, slope, shift in (("says the truth", 1.0, 0.0), ("says too little", 0.5, -1.0),
                               ("says too much", 2.0, 1.0)):
        for n in (30, 100, 400):
            scores = []
            for seed in range(seeds * PER_SEED):
                rng = np.random.default_rng(seed)
                odds = rng.normal(-2, 2, 4_000)
                truth = rng.random(4_000) < 1 / (1 + np.exp(-odds))
                probs = 1 / (1 + np.exp(-slope * odds - shift))
                few, many = slice(0, n), slice(n, None)
                if truth[few].any():
                    raw = max(np.unique(probs[few]), key=lambda limit: f1(truth[few], probs[few] >= limit))
                    limits = (float(best_thresholds(truth[few, None], probs[few, None])[0]), raw, 0.5)
                    scores.append([f1(truth[many], probs[many] >= limit) for limit in limits])
            print(f"| {name} | {n} | {' | '.join(f'{score:.3f}' for score in np.mean(scores, axis=0))} |")


def raters(seed: int, n_items: int, n_votes: int, n_people: int, outliers: float) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    offset, spread = rng.normal(0, 0.7, n_people), np.exp(rng.normal(0, 0.5, n_people))
    item, person = rng.normal(5, 2, n_items), rng.random((n_items, n_people)).argsort(axis=1)[:, :n_votes]
    error = spread[person] * rng.normal(size=person.shape)
    error = np.where(rng.random(person.shape) < outliers, 6 * rng.normal(size=person.shape), error)
    return pd.DataFrame({"item_id": np.repeat(np.arange(n_items), n_votes),
                         "annotator": [f"p{k}" for k in person.ravel()],
                         "value": (item[:, None] + offset[person] + error).ravel()}), item + offset.mean()


def consensus_of_values(seeds: int) -> None:
    print("\n| people, values an item, outliers | error of ours | of the mean | of the median | coverage |\n"
          "|---|---|---|---|---|")
    for n_people, n_votes, outliers in ((8, 3, 0.0), (8, 3, 0.08), (4, 2, 0.0), (8, 6, 0.08)):
        errors, held = [], []
        for seed in range(seeds * 8):
            values, item = raters(seed, 150, n_votes, n_people, outliers)
            result = value_consensus(values)
            errors.append([np.sqrt(np.mean((value_consensus(values, method).values - item) ** 2))
                           for method in ("model", "mean", "median")])
            held.append(((result.table["low"] <= item) & (item <= result.table["high"])).mean())
        print(f"| {n_people}, {n_votes}, {outliers:g} | "
              f"{' | '.join(f'{error:.3f}' for error in np.mean(errors, axis=0))} | {np.mean(held):.3f} |")


def pulled(seed: int, pull: float, *, copying: bool, after: float) -> tuple[pd.DataFrame, dict[int, float]]:
    rng = np.random.default_rng(seed)
    n_items, n_people = 120, 4
    true = rng.normal(5, 2, n_items)
    suggested, offset = true + rng.normal(0, 1.2, n_items), rng.normal(0, 0.5, n_people)
    own = true[:, None] + offset + rng.normal(0, 0.8, (n_items, n_people))
    shown = rng.random(own.shape) < 0.7
    moved = np.where(rng.random(own.shape) < pull, suggested[:, None], own) if copying else \
        own + pull * (suggested[:, None] - own)
    given = np.where(shown, moved, own) + rng.normal(0, after, own.shape)
    item, person = np.divmod(np.arange(own.size), n_people)
    return pd.DataFrame({"item_id": item, "annotator": person, "value": given.ravel(), "suggested": suggested[item],
                         "shown": shown.ravel(), "arm": np.where(shown.ravel(), "shown", "blind"),
                         "arm_probability": np.where(shown.ravel(), 0.7, 0.3)}), dict(enumerate(true))


def pull_of_values(seeds: int) -> None:
    print("\n| planted pull | reference | pull: mean | coverage | nearer: mean |\n|---|---|---|---|---|")
    for name, pull, copying, after in (("none", 0.0, False, 0.0), (".3 of the way", 0.3, False, 0.0),
                                       (".3 are copies", 0.3, True, 0.0), (".6, and errors of 1 after it", 0.6, False,
                                                                           1.0)):
        for told in (True, False):
            found = []
            for seed in range(seeds * PER_SEED):
                cards, truth = pulled(seed, pull, copying=copying, after=after)
                bias = value_bias(cards, truth if told else None)
                found.append((bias.pull.value, bias.pull.low <= pull <= bias.pull.high, bias.nearer.value))
            values = np.array(found, float)
            told_by = "truth" if told else "others' blind values"
            none = int(np.isnan(values[:, 0]).sum())
            there = values[~np.isnan(values[:, 0])]
            print(f"| {name} | {told_by} | {there[:, 0].mean():.3f} | {there[:, 1].mean():.3f}"
                  f"{f' ({none} without a figure)' if none else ''} | {values[:, 2].mean():.3f} |")


def copies_of_labels(seeds: int) -> None:
    print("\n| planted copies of suggested states | kept, where wrong | true | coverage | alarms without copies |\n"
          "|---|---|---|---|---|")
    found: dict[float, list[Any]] = {0.0: [], 0.3: []}
    for copying in found:
        for seed in range(seeds * 10):
            rng = np.random.default_rng(seed)
            true = rng.random((100, 3)) < 0.4
            suggested = true ^ (rng.random(true.shape) < 0.25)
            rows = []
            for i, person in np.ndindex(100, 3):
                shown = bool(rng.random() < 0.5)
                given = np.where(shown & (rng.random(3) < copying), suggested[i], true[i] ^ (rng.random(3) < 0.1))
                rows += [(i, person, f"L{k}", bool(given[k]), bool(suggested[i, k]), shown,
                          "shown" if shown else "blind", 0.5) for k in range(3)]
            states = pd.DataFrame(rows, columns=["item_id", "annotator", "label_id", "value", "suggestion", "shown",
                                                 "arm", "arm_probability"])
            known = pd.DataFrame([(i, f"L{k}", bool(true[i, k])) for i, k in np.ndindex(100, 3)],
                                 columns=["item_id", "label_id", "value"])
            found[copying].append(set_bias(states, known).kept_wrong)
    with_copies, without = found[0.3], found[0.0]
    print(f"| 0.3 | {np.mean([e.value for e in with_copies]):.3f} | 0.270 | "
          f"{np.mean([e.low <= 0.27 <= e.high for e in with_copies]):.3f} | "
          f"{np.mean([not e.low <= 0 <= e.high for e in without]):.3f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    n_seeds = parser.parse_args().seeds
    equal()
    for part in (coverage_of_sets, coverage_of_values, thresholds, consensus_of_values, pull_of_values,
                 copies_of_labels):
        part(n_seeds)
