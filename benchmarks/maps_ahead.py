"""How often an item's map is ready before the item is shown.

A net built like a ResNet-18, at 224 px, in a project whose card asks for Grad-CAM. Nobody sits before it: the acts of a
card are sent, so many decisions a second, first while nothing else runs, then while `wb.finetune()` does. Counted is
which items' maps had been pushed when the item before was decided. The load of the machine stands beside it.

    python benchmarks/maps_ahead.py [--decisions 60] [--threads 2]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from typing import Any

import numpy as np
import torch
from maps import large_net

import hitl_widgets as hw
from hitl_widgets.records import new_id
from hitl_widgets.widgets.card import Review

SIDE, N_ITEMS, WARM_UP_S = 224, 600, 20.0
NAMES = [f"kind {i}" for i in range(10)]


class Hand:
    """Decides the items of a review at a steady pace, as a card would, and notes when each item and map came."""

    def __init__(self, review: Review) -> None:
        self._review, self._items, self._came = review, list[str](), dict[str, float]()
        self._map_came: dict[str, float] = {}
        review.feed.push = self._take  # type: ignore[method-assign,assignment]
        review.receive({"kind": "hello"})

    def _take(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        now = time.monotonic()
        if message["kind"] == "item":
            self._items.append(message["item"]["item_id"])
            self._came[self._items[-1]] = now
        elif message["kind"] == "map":
            self._map_came.setdefault(message["item_id"], now)

    def has_maps(self, n: int) -> bool:
        """Whether the maps of the next n items are there."""
        return len(self._items) >= n and all(item in self._map_came for item in self._items[:n])

    def work(self, n: int, *, a_second: float) -> tuple[float, float]:
        """Decide n items; the share whose map was there when they came up, and the share of items that were."""
        ready, there, began = 0, 0, time.monotonic()
        for step in range(n):
            time.sleep(max(0.0, began + step / a_second - time.monotonic()))
            while not self._items:
                time.sleep(0.005)
            item = self._items.pop(0)
            self._review.receive({"kind": "decide", "decision_id": new_id(), "item_id": item, "verdict": "answer",
                                  "label_id": self._review.host.taxonomy.label_ids[step % len(NAMES)],
                                  "acted_at": "2026-03-01T09:30:00.250Z", "annotator": self._review.host.annotator})
            shown_at = time.monotonic()
            while not self._items and time.monotonic() < shown_at + 60:
                time.sleep(0.002)
            there += self._came[self._items[0]] <= shown_at
            ready += self._map_came.get(self._items[0], np.inf) <= shown_at
        return ready / n, there / n


def pictures(n: int) -> np.ndarray:
    """Smooth noise in colour, uint8, shape (n, SIDE, SIDE, 3)."""
    coarse = np.random.default_rng(0).integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    return coarse.repeat(SIDE // 7, axis=1).repeat(SIDE // 7, axis=2)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--decisions", type=int, default=60)
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        wb = hw.Workbench(folder, hw.Pool.from_images(pictures(N_ITEMS)), NAMES, model=large_net(),
                          preprocess=hw.Preprocess(SIDE, channels=3), annotator="ada", device="cpu", holdout=0,
                          arms={"blind": 0})
        for place, item in enumerate(wb.next(40, strategy="random")):
            wb.decide(item.id, label=NAMES[place % len(NAMES)])
        hand = Hand(wb.review(explain="gradcam"))  # type: ignore[arg-type]
        began = time.monotonic()
        while not hand.has_maps(5) and time.monotonic() < began + WARM_UP_S:
            time.sleep(0.05)
        print(f"{given.threads} threads, torch {torch.__version__}; first five maps after "
              f"{time.monotonic() - began:.1f} s\n\n| while | decisions a second | maps there in time | items there in "
              "time | load |\n|---|---|---|---|---|", flush=True)

        def told(name: str, a_second: float) -> None:
            ready, there = hand.work(given.decisions, a_second=a_second)
            print(f"| {name} | {a_second:g} | {ready:.0%} | {there:.0%} | {os.getloadavg()[0]:.1f} |", flush=True)
        told("idle", 4)
        person = threading.Thread(target=told, args=("fine-tuning", 1))
        person.start()
        wb.finetune(budget_s=1.2 * given.decisions, adopt="never")
        person.join()
        wb.close()


if __name__ == "__main__":
    main()
