"""Wrong answers among 100 that come back for a second look.

The answers of `certainty.py`: 1,000 with errors in 17 of 100 and a certainty of AUROC 0.85, and 50 gold items. The
first 100 items of ``wb.next(queue="second_look")``, beside the 100 lowest certainties, the 100 answers that the
out-of-fold models find least probable, the queue where no certainty was given or where it says nothing, and chance.

    python benchmarks/second_looks.py [--seeds 5] [--first 0]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import torch
from certainty import N_ANSWERS, NAMES, answered, project

from hitl_widgets.learn.data import item_draws
from hitl_widgets.learn.soft_labels import features
from hitl_widgets.quality.out_of_fold import out_of_fold

N_LOOKS, TARGET = 100, 80


def one_seed(seed: int) -> pd.Series:
    """How many wrong answers each way finds."""
    told, mute = answered(seed), answered(seed, auroc=0.5)
    wrong = told.said != told.truth

    def found(data: object, *, certain: bool = True) -> int:
        with project(data, certain=certain) as wb:  # type: ignore[arg-type]
            items = wb.next(N_LOOKS, queue="second_look", annotator="import")
            return int(wrong[[item.position for item in items]].sum())

    with project(told) as wb:
        draws = item_draws(wb.pool.ids[:N_ANSWERS])
        seen = features(wb.pool, wb.registry.untrained_embeddings, list(range(N_ANSWERS)))
        probs = out_of_fold(seen, told.said[:N_ANSWERS], len(NAMES), draws=draws)
    ties = np.random.default_rng(seed).random(N_ANSWERS)
    by_certainty = np.lexsort((ties, told.certainty[:N_ANSWERS]))[:N_LOOKS]
    by_model = np.argsort(probs[np.arange(N_ANSWERS), told.said[:N_ANSWERS]])[:N_LOOKS]
    row = {"second look": found(told), "second look, no certainty given": found(told, certain=False),
           "second look, an uninformative certainty": found(mute),
           "out-of-fold probability alone": int(wrong[by_model].sum()),
           "certainty alone": int(wrong[by_certainty].sum()), "chance": round(100 * wrong[:N_ANSWERS].mean())}
    print(f"seed {seed}: {row}", flush=True)
    return pd.Series(row)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=5)
    arguments.add_argument("--first", type=int, default=0)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    table = pd.DataFrame([one_seed(given.first + seed) for seed in range(given.seeds)]).T
    print(f"\n{given.seeds} seeds from {given.first} on; of {N_LOOKS} answers looked at again so many were wrong\n")
    print("| chosen by | mean | smallest | largest | |")
    print("|---|---|---|---|---|")
    for name, row in table.iterrows():
        verdict = ("met" if row.mean() >= TARGET else "missed") if name == "second look" else ""
        print(f"| {name} | {row.mean():.0f} | {row.min()} | {row.max()} | {verdict} |")


if __name__ == "__main__":
    main()
