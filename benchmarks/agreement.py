"""Agreement: published values, coverage of the intervals, and time.

Worlds of two labels: each person is right with a probability of their own for each label, between .70 and .95; votes
are independent given the item's label. The truth over items is the coefficient of infinitely many items of the same
people; over items and people it is that of infinitely many people of the same kind. A coefficient that is undefined in
a world counts as not covered. The reference is the percentile bootstrap over items.

    python benchmarks/agreement.py [--seeds 1000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hitl_widgets.quality import agreement, coefficients
from hitl_widgets.quality.annotator_agreement import COEFFICIENTS
from hitl_widgets.quality.coefficients import Measured, kinds_of

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
LEVELS = ["is_abuse.1", "is_abuse.0", "is_abuse.-1", "is_abuse.-2", "is_abuse.-3"]
PUBLISHED = {"ConvAbuse, 5 levels, nominal alpha": 0.3809, "ConvAbuse, 5 levels, ordinal alpha": 0.6394,
             "ConvAbuse, abuse or not, alpha": 0.6016, "bluebirds, alpha": 0.1255, "bluebirds, AC1": 0.2218}
LEAST, MOST = 0.70, 0.95
SHOWN = [name for name in COEFFICIENTS if name != "gwet_ac2"]  # the same as gwet_ac1 here


def convabuse() -> pd.DataFrame:
    """Votes for five levels, 0 (no abuse) to 4; a person's second answer to a text is their own repeat."""
    votes = pd.read_csv(DATA / "text" / "convabuse_dev.csv")
    votes["label"] = votes[LEVELS].to_numpy().argmax(axis=1)
    votes["item_id"] = votes[["conv_id", "prev_agent", "prev_user", "agent", "user"]].astype(str).agg("|".join, axis=1)
    votes["annotator"] = votes["annotator_id"]
    votes["repeat_of"] = votes.duplicated(["item_id", "annotator"]).map({True: "earlier", False: None})
    return votes


def bluebirds() -> pd.DataFrame:
    votes = pd.read_csv(DATA / "crowd" / "bluebirds_labels.csv")
    return votes.rename(columns={"worker": "annotator", "task": "item_id"})


def values() -> None:
    votes = convabuse()
    abuse = votes.assign(label=(votes["label"] >= 2).astype(int))
    birds = agreement(bluebirds())
    ours = [agreement(votes)["krippendorff_alpha"], agreement(votes, "ordinal")["krippendorff_alpha"],
            agreement(abuse)["krippendorff_alpha"], birds["krippendorff_alpha"], birds["gwet_ac1"]]
    print("| value | ours | published | within 1e-4 |\n|---|---|---|---|")
    for (name, value), our in zip(PUBLISHED.items(), ours, strict=True):
        print(f"| {name} | {our.value:.4f} | {value:.4f} | {'yes' if abs(our - value) < 1e-4 else 'NO'} |")


def people(n: int, rng: np.random.Generator) -> np.ndarray:
    """Probability of the second label, of each person, for an item of each label: shape (2, n)."""
    right = rng.uniform(LEAST, MOST, (2, n))
    return np.stack([1 - right[0], right[1]])


def votes_of(second: np.ndarray, n_items: int, n_votes: int, skew: float, rng: np.random.Generator) -> pd.DataFrame:
    """Some votes an item, each of another person."""
    true = (rng.random(n_items) >= skew).astype(int)
    person = rng.random((n_items, second.shape[1])).argsort(axis=1)[:, :n_votes]
    label = rng.random(person.shape) < second[true[:, None], person]
    return pd.DataFrame({"item_id": np.repeat(np.arange(n_items), n_votes), "annotator": person.ravel(),
                         "label": label.ravel().astype(int)})


def truth(second: np.ndarray, skew: float, *, redrawn: bool = False) -> dict[str, float]:
    """Each coefficient of infinitely many items; with `redrawn` of infinitely many people, of whom these are some."""
    shares = np.array([skew, 1 - skew])
    one, other = np.arange(0, second.shape[1] - 1, 2), np.arange(1, second.shape[1], 2)
    if not redrawn:  # else independent people, two by two
        one, other = np.triu_indices(second.shape[1], 1)
    a, b = second[:, one], second[:, other]
    same = shares @ (a * b + (1 - a) * (1 - b))
    mean_a, mean_b = shares @ a, shares @ b
    chance = mean_a * mean_b + (1 - mean_a) * (1 - mean_b)
    share = float((shares @ second).mean())
    overall = share ** 2 + (1 - share) ** 2
    observed = float(same.mean())
    kappa = (observed - overall) / (1 - overall)
    return {"percent": observed, "cohen_kappa": float(((same - chance) / (1 - chance)).mean()), "fleiss_kappa": kappa,
            "krippendorff_alpha": kappa, "gwet_ac1": 1 - (1 - observed) / (1 - 2 * share * (1 - share))}


def percentile(votes: pd.DataFrame, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """The percentile bootstrap over items, of the coefficients that follow from counts."""
    counts = np.zeros((votes["item_id"].max() + 1, 2))
    np.add.at(counts, (votes["item_id"], votes["label"]), 1.0)
    kinds, place = kinds_of(counts)
    draws = rng.multinomial(len(counts), np.bincount(place) / len(counts), 1_000).astype(float)
    measures: dict[str, Callable[..., Measured]] = {
        "percent": coefficients.percent, "fleiss_kappa": coefficients.fleiss_kappa,
        "krippendorff_alpha": coefficients.krippendorff_alpha, "gwet_ac1": coefficients.gwet_ac}
    found = {name: np.nanquantile(measure(kinds, draws).value, [0.025, 0.975]) for name, measure in measures.items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def coverage(n_seeds: int) -> None:
    print("\nCoverage over items, of 100 (width in brackets; percentile bootstrap after the stroke). "
          "Target: at least 93.\n")
    print("| items | labels | votes | " + " | ".join(SHOWN) + " |\n|---|---|---|" + "---|" * len(SHOWN))
    for n_items in (40, 150):
        for skew in (0.5, 0.9):
            for n_people, n_votes in ((6, 3), (2, 2)):
                held = {name: np.zeros((n_seeds, 3)) for name in SHOWN}
                for seed in range(n_seeds):
                    rng = np.random.default_rng([seed, n_items, int(10 * skew), n_people])
                    second = people(n_people, rng)
                    votes = votes_of(second, n_items, n_votes, skew, rng)
                    result, plain, true = agreement(votes, seed=seed), percentile(votes, rng), truth(second, skew)
                    for name in SHOWN:
                        ours, (low, high) = result[name], plain.get(name, (np.nan, np.nan))
                        held[name][seed] = (ours.low <= true[name] <= ours.high, ours.high - ours.low,
                                            low <= true[name] <= high)
                cells = [f"{100 * part[:, 0].mean():.1f} ({np.nanmean(part[:, 1]):.2f})"
                         + ("" if name == "cohen_kappa" else f" / {100 * part[:, 2].mean():.1f}")
                         for name, part in held.items()]
                print(f"| {n_items} | {100 * skew:.0f}/{100 - 100 * skew:.0f} | {n_votes} of {n_people} | "
                      + " | ".join(cells) + " |", flush=True)


def coverage_of_people(n_seeds: int) -> None:
    print("\nCoverage over items and people, people redrawn (width in brackets; over items alone after the stroke). "
          "Target: at least 93.\n")
    print("| items | labels | votes | " + " | ".join(SHOWN) + " |\n|---|---|---|" + "---|" * len(SHOWN))
    everybody = people(400_000, np.random.default_rng(0))
    for n_items, n_people in ((150, 10), (600, 10), (150, 20)):
        for skew in (0.5, 0.9):
            true = truth(everybody, skew, redrawn=True)
            held = {name: np.zeros((n_seeds, 3)) for name in SHOWN}
            for seed in range(n_seeds):
                rng = np.random.default_rng([seed, n_items, int(10 * skew), n_people])
                votes = votes_of(people(n_people, rng), n_items, 3, skew, rng)
                result = agreement(votes, seed=seed)
                for name in SHOWN:
                    ours, narrow = result.estimate(name, "items and people"), result[name]
                    held[name][seed] = (ours.low <= true[name] <= ours.high, ours.high - ours.low,
                                        narrow.low <= true[name] <= narrow.high)
            cells = [f"{100 * part[:, 0].mean():.1f} ({np.nanmean(part[:, 1]):.2f}) / {100 * part[:, 2].mean():.1f}"
                     for part in held.values()]
            print(f"| {n_items} | {100 * skew:.0f}/{100 - 100 * skew:.0f} | 3 of {n_people} | "
                  + " | ".join(cells) + " |", flush=True)


def seconds() -> None:
    print("\n| votes | seconds | target |\n|---|---|---|")
    rng = np.random.default_rng(0)
    for n_items, n_people, n_votes, target in ((1_000, 10, 3, 1), (10_000, 100, 3, 5), (300, 100, 100, 5)):
        votes = votes_of(people(n_people, rng), n_items, n_votes, 0.7, rng)
        begin = time.perf_counter()
        agreement(votes)
        print(f"| {n_items:,} x {n_votes}, of {n_people} people | {time.perf_counter() - begin:.2f} | under {target} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="worlds of each cell")
    n_seeds = parser.parse_args().seeds
    values()
    seconds()
    coverage(n_seeds)
    coverage_of_people(n_seeds)


if __name__ == "__main__":
    main()
