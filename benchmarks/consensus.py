"""The consensus of several annotators: where votes copied a model, and on four crowds with known truths.

Three worlds of 1,000 items, 4 labels and 3 votes an item by 10 people, who are right in 62 to 95 of 100 of their own
judgements; the model is right in 75 of 100, and 70 of 100 votes were given in sight of its suggestion:

- fits: 40 of 100 of those are copies.
- misfits: items differ in difficulty for people and model alike, and the harder one is, the more often it is copied.
- none: nobody copies.

Each is a reconstruction, tuned until a plain count scores what it did where these worlds were first tried (.875, .849
and .895). Then the coverage of intervals; each crowd, with up to 3, 8 and all of its votes an item, in several random
orders; and times. crowd-kit and cleanlab (CROWDLAB) are printed beside ours where they are installed.

    python benchmarks/consensus.py --seeds 20 --coverage 200 --orders 4
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hitl_widgets.quality import consensus
from hitl_widgets.quality.calibration import calibration_error

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "crowd"
CROWDS = ("bluebirds", "weather_cf", "weather_amt", "zencrowd")
PLAIN = ("majority", "one_coin", "dawid_skene", "mace", "glad")
NAMES = np.array(["ant", "bee", "cat", "dog"])
N_ITEMS, N_PEOPLE, N_VOTES = 1000, 10, 3
ECE_TARGETS = {"fits": 0.04, "misfits": 0.06, "none": 0.03}


def world(kind: str, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Votes, each item's truth and suggestion, and the probability with which each shown vote was a copy."""
    rng = np.random.default_rng(seed)

    def err(labels: np.ndarray) -> np.ndarray:
        return (labels + rng.integers(1, 4, len(labels))) % 4
    truth, ability = rng.integers(0, 4, N_ITEMS), rng.uniform(0.62, 0.95, N_PEOPLE)
    difficulty = rng.uniform(-0.5, 0.5, N_ITEMS) if kind == "misfits" else np.zeros(N_ITEMS)
    suggestion = np.where(rng.random(N_ITEMS) < 0.75 - 0.4 * difficulty, truth, err(truth))
    item = np.repeat(np.arange(N_ITEMS), N_VOTES)
    person = np.argsort(rng.random((N_ITEMS, N_PEOPLE)), axis=1)[:, :N_VOTES].ravel()
    right = np.clip(ability[person] - 0.3 * difficulty[item], 0.3, 0.99)
    own = np.where(rng.random(len(item)) < right, truth[item], err(truth[item]))
    shown = rng.random(len(item)) < 0.7
    rate = np.zeros(len(item)) if kind == "none" else 0.4 + 0.6 * difficulty[item]
    label = np.where(shown & (rng.random(len(item)) < rate), suggestion[item], own)
    votes = pd.DataFrame({"item_id": item, "annotator": person, "label": NAMES[label], "shown": shown,
                          "suggestion": NAMES[suggestion[item]]})
    return votes, NAMES[truth], NAMES[suggestion], rate[shown]


def rivals(votes: pd.DataFrame, suggestion: np.ndarray) -> dict[str, pd.DataFrame]:
    """Probabilities by other ways: ours that ignore exposure, and other packages' where they are installed."""
    model = pd.DataFrame({"item_id": np.arange(N_ITEMS), "annotator": -1, "label": suggestion})
    with_model = pd.concat([votes[["item_id", "annotator", "label"]], model])
    found = {"majority": consensus(votes, "majority", dependence=0).probs,
             "Dawid-Skene": consensus(votes, "dawid_skene", dependence=0).probs,
             "DS + model": consensus(with_model, "dawid_skene", dependence=0).probs.reindex(np.arange(N_ITEMS))}
    try:
        from crowdkit.aggregation import DawidSkene  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        theirs = DawidSkene(n_iter=100).fit_predict_proba(votes.rename(columns={"annotator": "worker",
                                                                                "item_id": "task"}))
        found["crowd-kit DS"] = theirs.reindex(index=np.arange(N_ITEMS), columns=NAMES)
    try:
        from cleanlab.multiannotator import (  # type: ignore[import-not-found, unused-ignore]
            get_label_quality_multiannotator,
        )
    except ImportError:
        return found
    table = votes.assign(label=np.searchsorted(NAMES, votes["label"])).pivot_table(
        index="item_id", columns="annotator", values="label")
    sure = np.full((N_ITEMS, 4), 0.25 / 3)
    sure[np.arange(N_ITEMS), np.searchsorted(NAMES, suggestion)] = 0.75
    result = get_label_quality_multiannotator(table, sure, verbose=False,
                                              return_detailed_quality=False)["label_quality"]
    probs = np.repeat(((1 - result["consensus_quality_score"].to_numpy()) / 3)[:, None], 4, axis=1)
    probs[np.arange(N_ITEMS), result["consensus_label"].to_numpy(int)] = result["consensus_quality_score"]
    found["CROWDLAB"] = pd.DataFrame(probs, columns=NAMES)
    return found


def figures(probs: pd.DataFrame, truth: np.ndarray, suggestion: np.ndarray, model: float | None = None) -> list[float]:
    """Accuracy, where the model is wrong, calibration error, and the model's estimated minus its true accuracy."""
    probs = probs.sort_index()
    labels = probs.columns.to_numpy()[probs.to_numpy().argmax(axis=1)]
    hits, wrong = labels == truth, suggestion != truth
    if model is None:  # as a user would: how often the consensus agrees with the model
        model = float((labels == suggestion).mean())
    return [float(hits.mean()), float(hits[wrong].mean()),
            calibration_error(probs.max(axis=1).to_numpy(), hits)[0], model - float((~wrong).mean())]


def print_worlds(n_seeds: int) -> None:
    print("| world | method | accuracy | where the model is wrong | calibration error | model's accuracy, estimated - "
          "true (mean absolute) | copy rate - planted |\n|---|---|---|---|---|---|---|")
    for kind in ECE_TARGETS:
        rows: dict[str, list[list[float]]] = {}
        rates, took, taken = [], [], set()
        for seed in range(n_seeds):
            votes, truth, suggestion, planted = world(kind, seed)
            start, start_cpu = time.perf_counter(), time.process_time()
            ours = consensus(votes)
            took.append((time.perf_counter() - start, time.process_time() - start_cpu))
            taken.add(ours.method)
            rates.append(ours.copy_rate - planted.mean())
            rows.setdefault("**auto**", []).append(figures(ours.probs, truth, suggestion, float(ours.model)))
            for name, probs in rivals(votes, suggestion).items():
                rows.setdefault(name, []).append(figures(probs, truth, suggestion))
        for name, values in rows.items():
            mean, off = np.mean(values, axis=0), np.abs(np.array(values)[:, 3]).mean()
            rate = f"{np.mean(rates):+.3f}" if name == "**auto**" else ""
            print(f"| {kind} | {name} | {mean[0]:.3f} | {mean[1]:.3f} | {mean[2]:.3f} | {mean[3]:+.3f} ({off:.3f}) | "
                  f"{rate} |")
        against = ("DS + model",) if kind == "none" else ("majority", "Dawid-Skene")
        best = max(np.mean(rows[name], axis=0)[0] for name in against)
        print(f"| {kind} | target | {best - 0.01:.3f} | {'0.600' if kind == 'fits' else ''} | {ECE_TARGETS[kind]} | "
              f"0.030 | 0.030 |")
        wall, cpu = np.median(took, axis=0)
        print(f"\n{kind}: auto took {', '.join(sorted(taken))}; {wall:.2f} s, of the processor {cpu:.2f} s "
              "(target 2)\n")


def print_coverage(n_seeds: int) -> None:
    print("| world | interval of each person's rate | mean width | of the rate of all | of the model's accuracy | "
          "target |\n|---|---|---|---|---|---|")
    for kind, target in (("fits", "0.93 to 0.97"), ("misfits", "reported"), ("none", "0.93 or more")):
        rows = []
        for seed in range(n_seeds):
            votes, truth, suggestion, planted = world(kind, 1000 + seed)
            ours = consensus(votes, "exposure", dependence=0)
            rate, right = planted.mean(), (suggestion == truth).mean()
            assert ours.copying is not None
            low, high = ours.copying["low"].to_numpy(), ours.copying["high"].to_numpy()
            rows.append([((low <= rate) & (rate <= high)).mean(), (high - low).mean(),
                         ours.copy_rate.low <= rate <= ours.copy_rate.high,
                         ours.model.low <= right <= ours.model.high])
        mean = np.mean(np.array(rows, float), axis=0)
        print(f"| {kind} | {mean[0]:.3f} | {mean[1]:.2f} | {mean[2]:.3f} | {mean[3]:.3f} | {target} |")
    print()


def crowd(name: str, order: int) -> tuple[pd.DataFrame, pd.Series]:
    """Its votes in an order drawn by chance, and the truths."""
    votes = pd.read_csv(DATA / f"{name}_labels.csv", dtype=str).rename(columns={"worker": "annotator",
                                                                               "task": "item_id"})
    votes = votes.drop_duplicates(["annotator", "item_id"], keep="last").sample(frac=1, random_state=order)
    return votes[["item_id", "annotator", "label"]], \
        pd.read_csv(DATA / f"{name}_truth.csv", dtype=str).set_index("task")["truth"]


def scores(labels: pd.Series, probs: pd.DataFrame, truth: pd.Series) -> tuple[float, float]:
    """Accuracy, and mean of -log of the truth's probability, over items with a known truth."""
    known = truth.reindex(labels.index)
    known = known[known.isin(probs.columns)]
    p = probs.loc[known.index].to_numpy()[np.arange(len(known)), probs.columns.get_indexer(pd.Index(known))]
    return float((labels[known.index] == known).mean()), float(-np.log(np.maximum(p, 1e-9)).mean())


def of_crowdkit(votes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Probabilities by crowd-kit's methods, where it is installed."""
    try:
        from crowdkit import aggregation  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return {}
    table = votes.rename(columns={"annotator": "worker", "item_id": "task"})
    methods: dict[str, Callable[[], object]] = {
        "crowd-kit majority": aggregation.MajorityVote, "crowd-kit DS": aggregation.DawidSkene,
        "crowd-kit one-coin": aggregation.OneCoinDawidSkene}
    return {name: make().fit_predict_proba(table).fillna(0.0) for name, make in methods.items()}  # type: ignore[attr-defined]


def print_crowds(n_orders: int) -> None:
    """Print each crowd's scores in the first order, and in how many orders "auto" is within .01 of the best."""
    print("| crowd | votes an item | " + " | ".join(PLAIN) + " | **auto** | took | within .01 | in other orders | "
          "crowd-kit majority, DS, one-coin |\n|---|---|" + "---|" * (len(PLAIN) + 5))
    for name in CROWDS:
        for most in (3, 8, 10_000):
            met = []
            for order in range(n_orders):
                everything, truth = crowd(name, order)
                votes = everything[everything.groupby("item_id").cumcount() < most]
                found, took = {}, ""
                for method in (*PLAIN, "auto"):
                    c = consensus(votes, method)
                    found[method], took = scores(c.labels, c.probs, truth), c.method
                accuracy, loss = found["auto"]
                met.append((accuracy >= max(found[m][0] for m in PLAIN) - 0.01,
                            loss <= min(found[m][1] for m in PLAIN) + 0.01))
                if order == 0:
                    theirs = ", ".join("{:.3f} / {:.2f}".format(*scores(probs.idxmax(axis=1), probs, truth))
                                       for probs in of_crowdkit(votes).values())
                    row = (f"| {name} | {len(votes) / votes['item_id'].nunique():.1f} | "
                           + " | ".join(f"{a:.3f} / {b:.3f}" for a, b in found.values()) + f" | {took}")
            others = np.sum(met[1:], axis=0) if n_orders > 1 else (0, 0)
            print(f"{row} | {' and '.join('met' if there else 'missed' for there in met[0])} | {others[0]} and "
                  f"{others[1]} of {n_orders - 1} | {theirs} |")
    print()


def print_times() -> None:
    rng = np.random.default_rng(0)
    n_items, n_votes, n_people = 6000, 30_000, 60
    truth = rng.integers(0, 5, n_items)
    item = np.repeat(np.arange(n_items), 5)
    person = np.argsort(rng.random((n_items, n_people)), axis=1)[:, :5].ravel()
    suggestion = np.where(rng.random(n_items) < 0.75, truth, rng.integers(0, 5, n_items))[item]
    shown = rng.random(n_votes) < 0.7
    label = np.where(rng.random(n_votes) < 0.75, truth[item], rng.integers(0, 5, n_votes))
    label = np.where(shown & (rng.random(n_votes) < 0.3), suggestion, label)
    votes = pd.DataFrame({"item_id": item, "annotator": person, "label": label.astype(str), "shown": shown,
                          "suggestion": suggestion.astype(str)})
    bare = votes.drop(columns=["shown", "suggestion"])
    print("| 30,000 votes | s | of the processor | target |\n|---|---|---|---|")
    for method in (*PLAIN, "exposure", "auto", "auto without suggestions"):
        start, start_cpu = time.perf_counter(), time.process_time()
        consensus(votes if method in ("exposure", "auto") else bare, method.split()[0])
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        print(f"| {method} | {wall:.1f} | {cpu:.1f} | {60 if 'auto' in method else 10} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--coverage", type=int, default=200, help="seeds for the coverage of intervals")
    parser.add_argument("--orders", type=int, default=4, help="random orders of each crowd's votes")
    parser.add_argument("--only", choices=["worlds", "coverage", "crowds", "times"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = {"worlds": lambda: print_worlds(arguments.seeds), "coverage": lambda: print_coverage(arguments.coverage),
             "crowds": lambda: print_crowds(arguments.orders), "times": print_times}
    for name, part in parts.items():
        if arguments.only in (None, name):
            part()


if __name__ == "__main__":
    main()
