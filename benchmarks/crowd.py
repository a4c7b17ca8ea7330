"""Calibration of the consensus of several annotators: its probability beside its accuracy.

Four crowds with known truths, no certainty, no gold, no model, so that there is the annotators' consensus alone.
Of each item up to 3, 8 or all of its answers. "Expected" is the mean probability of the top label; the loss is
the mean of -log of the truth's probability, in nats, also as if all erred independently (DEPENDENCE = 0) and at other
values.

    python benchmarks/crowd.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from hitl_widgets.quality import pooling
from hitl_widgets.quality.pooling import Votes, fit_pool, posterior

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "crowd"
CROWDS = ("bluebirds", "weather_cf", "weather_amt", "zencrowd")
OTHERS = (0.0, 0.1, 0.2, 0.3, 0.5)


def crowd(name: str) -> tuple[Votes, np.ndarray, int]:
    """Its answers in an order drawn by chance, each item's true label (-1 unknown), and the number of labels."""
    said = pd.read_csv(DATA / f"{name}_labels.csv").drop_duplicates(["worker", "task"], keep="last")
    said = said.sample(frac=1, random_state=0)
    tasks, workers, labels = (sorted(said[column].unique()) for column in ("task", "worker", "label"))
    known = pd.read_csv(DATA / f"{name}_truth.csv").set_index("task")["truth"]
    truth = np.array([labels.index(known[task]) if known.get(task) in labels else -1 for task in tasks])
    return Votes.of(pd.Categorical(said["task"], tasks).codes, pd.Categorical(said["label"], labels).codes,
                      annotator=pd.Categorical(said["worker"], workers).codes), truth, len(labels)


def main() -> None:
    print("| crowd | answers an item | majority | top | expected | loss | " +
          " | ".join(f"at {value:g}" for value in OTHERS) + " |")
    print("|---|---|---|---|---|---|" + "---|" * len(OTHERS))
    standard = pooling.DEPENDENCE
    for name in CROWDS:
        answers, truth, n_labels = crowd(name)
        even, known = np.full((len(truth), n_labels), 1 / n_labels), np.flatnonzero(truth >= 0)
        nth = pd.Series(answers.item).groupby(answers.item).cumcount().to_numpy()
        for most in (3, 8, 10_000):
            rows = nth < most
            some = Votes(answers.item[rows], answers.label[rows], answers.annotator[rows], answers.certainty[rows],
                           answers.unsure[rows])
            votes = np.zeros_like(even)
            np.add.at(votes, (some.item, some.label), 1)
            losses = []
            for value in (standard, *OTHERS):
                pooling.DEPENDENCE = value
                found = posterior(fit_pool(even, some, np.full(len(truth), -1)), even, some)
                losses.append(float(-np.log(np.maximum(found[known, truth[known]], 1e-9)).mean()))
                if value == standard:
                    right, promised = (found.argmax(axis=1) == truth)[known].mean(), found.max(axis=1)[known].mean()
            pooling.DEPENDENCE = standard
            print(f"| {name} | {rows.sum() / len(truth):.1f} | {(votes.argmax(axis=1) == truth)[known].mean():.3f} | "
                  f"{right:.3f} | {promised:.3f} | " + " | ".join(f"{loss:.2f}" for loss in losses) + " |")


if __name__ == "__main__":
    main()
