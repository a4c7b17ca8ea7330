"""Reliance of the workbench's own net on a misleading hint, before and after a few people marked it.

Digits over photographs (`items.datasets.digits_with_stickers`): training images have a sticker whose colour gives
the digit, next month's have none. The net learns from 600 or 1,000 of them, 30 more are answered with the sticker
marked as wrong, and `wb.finetune` continues, once without the marks and once with them. Half of the items without
stickers are gold, and measure for the workbench; accuracy is measured on the other half, and on items with stickers
that nobody answered.

    python benchmarks/stickers.py [--seeds 3] [--first 0]
"""

from __future__ import annotations

import argparse
import tempfile
from typing import Any

import pandas as pd
import torch

import hitl_widgets as hw
from hitl_widgets.items.datasets import N_DIGITS, digits_with_stickers

SIZE, EPOCHS, EPOCHS_MORE, N_MARKED, N_UNSEEN = 40, 8, 5, 30, 150


def one_run(n_labelled: int, seed: int) -> pd.DataFrame:
    """Accuracy without stickers and with them, reliance on the marked regions, and whether the model was adopted."""
    with_sticker = n_labelled + N_MARKED + N_UNSEEN
    images, labels, stickers = digits_with_stickers(size=SIZE, share=with_sticker / N_DIGITS, seed=seed)
    pool = hw.Pool.from_images(images)
    truth, without = pd.Series(labels, pool.ids), pool.ids[with_sticker:]
    gold, unseen = without[::2], {"without": without[1::2], "with": pool.ids[with_sticker - N_UNSEEN:with_sticker]}
    wb = hw.Workbench(tempfile.mkdtemp(prefix="stickers-"), pool, [str(digit) for digit in range(10)], holdout=0,
                      seed=seed, device="cpu")
    wb.gold(truth[gold])
    taught = pool.ids[:n_labelled]
    wb.import_annotations(pd.DataFrame({"item_id": taught, "label": truth[taught]}))
    rows = []

    def tell(name: str, run: Any) -> None:
        says = wb.predict().set_index("item_id")["label"]
        row = {"labelled": n_labelled, "model": name, "adopted": run.adopted, "gain on gold": float(run.gain)}
        row |= {place: (says[items] == truth[items]).mean() for place, items in unseen.items()}
        if run.relies_after is not None:
            row |= {"reliance, marked": float(run.relies_after.marked),
                    "unmarked": float(run.relies_after.unmarked)}
        rows.append(row)

    tell("spoiled", wb.finetune(epochs=EPOCHS, min_steps=32 * EPOCHS))
    spoiled = wb.models().query("adopted")["model"].item()
    for item_id in pool.ids[n_labelled:n_labelled + N_MARKED]:
        wb.decide(item_id, label=truth[item_id], wrong=stickers[pool.position(item_id)])
    for name, reasons in (("deaf", "off"), ("hearing", "auto")):
        run = wb.finetune(epochs=EPOCHS_MORE, min_steps=32 * EPOCHS_MORE, reasons=reasons)
        if not run.adopted:
            wb.adopt(run.model)  # to be told of all the same
        tell(name, run)
        wb.adopt(spoiled)
    return pd.DataFrame(rows)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--first", type=int, default=0)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    tables = []
    for seed in range(given.first, given.first + given.seeds):
        for n_labelled in (600, 1_000):
            tables.append(one_run(n_labelled, seed))
            print(f"seed {seed}\n{tables[-1].round(3).to_string(index=False)}", flush=True)
    table = pd.concat(tables)
    print(f"\nmean of {given.seeds} seeds from {given.first} on; smallest accuracy without stickers beside\n")
    found = table.groupby(["labelled", "model"], sort=False)
    print(found.mean().assign(smallest=found["without"].min()).round(3).to_string())


if __name__ == "__main__":
    main()
