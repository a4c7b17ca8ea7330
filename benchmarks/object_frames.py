"""Time from a key to the frame that shows its effect: objects beside one label, idle and while a net trains.

In JupyterLab and Chromium, in blocks that take turns, so that whatever else the machine does hits all alike. Images
and proposals are made up. Enter shows the next image; Tab, an arrow and a digit change the object in focus. The
reference is the card for one label in the same run.

    python benchmarks/object_frames.py [--seeds 5] [--decisions 8]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from browser.lab import Lab, Notebook

TARGET_MS = {"idle": 17, "training": 34}
SETUP = """import numpy as np, hitl_widgets as hw
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Proposal
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
y, x = np.mgrid[:480, :640]
images = np.stack([((x * (k + 1) + y) % 255).astype(np.uint8) for k in range(120)])
desk = MemoryHost(images, ["RBC", "WBC", "Platelets"], task="{task}")
def shown(item, annotator=None):
    rng = np.random.default_rng(item.position)
    corner, side = rng.uniform(0, [540, 380], ({n}, 2)).round(2), rng.uniform(10, 90, ({n}, 2)).round(2)
    ids = desk.taxonomy.label_ids
    objects = [Proposal(f"{{item.id}}.{{k}}", "box", (*corner[k], *(corner[k] + side[k]).round(2)), ids[k % 3],
                        .9 - .001 * k) for k in range({n})]
    return Shown(tuple(one.to_dict() for one in objects), threshold=.3, threshold_probability=1.0, model=desk.model)
if {n}:
    desk.shown_objects = shown
review = Review(desk, explain=None)
review"""
TRAINS = """import threading, torch
stop = threading.Event()
def train():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(),
                              torch.nn.Conv2d(32, 32, 3, padding=1))
    optimiser, batch = torch.optim.SGD(net.parameters(), 1e-4), torch.zeros(8, 3, 120, 160)
    while not stop.is_set():
        optimiser.zero_grad(); net(batch).mean().backward(); optimiser.step()
thread = threading.Thread(target=train, daemon=True)
thread.start()"""
CARDS = {"one label": SETUP.format(task="classify", n=0), "20 boxes": SETUP.format(task="boxes", n=20),
         "500 boxes": SETUP.format(task="boxes", n=500)}


def decide(notebook: Notebook, card: str, rng: random.Random) -> None:
    """Correct a few objects, where there are some, and make the decision."""
    before = notebook.item
    if card != "one label":
        for key in ["Tab", *["ArrowRight", "Shift+ArrowDown"] * 2, "Tab", rng.choice("123"), "Alt+ArrowLeft"]:
            notebook.page.keyboard.press(key)
            notebook.settle()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for_item(before)
    notebook.page.wait_for_timeout(100)


def block(lab: Lab, card: str, *, training: bool, n_decisions: int, seed: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each Enter to the frame with the next image, and from each other key to its frame."""
    notebook = lab.take([CARDS[card], *([TRAINS] if training else [])])
    notebook.run_all()
    notebook.wait_for_item()
    notebook.page.wait_for_timeout(1500)
    notebook.card.focus()
    if notebook.page.evaluate("() => window.painted === undefined"):  # the page is the same for all blocks
        notebook.watch_keys()
    notebook.page.evaluate("() => { window.painted = []; }")
    rng = random.Random(seed)
    for _ in range(n_decisions):
        decide(notebook, card, rng)
    notebook.wait_until_stored()
    if (stored := notebook.value("len(desk.decisions)")) != n_decisions:
        raise RuntimeError(f"{stored} decisions were stored of {n_decisions}")
    if training:
        notebook.execute("stop.set()")
    rows = notebook.page.evaluate("() => window.painted")
    return [row["ms"] for row in rows if row["key"] == "Enter" and row["other"]], \
        [row["ms"] for row in rows if row["key"] not in ("Enter", "Shift", "Alt")]


def main() -> None:
    """Print a line for each card and what else runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=8)
    arguments = parser.parse_args()
    ways = [(card, state) for state in TARGET_MS for card in CARDS]
    enters: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    others: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder, Lab(folder) as lab:
        for seed in range(arguments.seeds):
            for card, state in ways:
                enter, other = block(lab, card, training=state == "training", n_decisions=arguments.decisions,
                                     seed=seed)
                enters[card, state] += enter
                others[card, state] += other
    print(f"{'card':<12}{'kernel':<10}{'Enter: median, 95 %':>26}{'other keys: median, 95 %':>28}{'target':>10}")
    for card, state in ways:
        told = [f"{np.median(ms):.1f} / {np.quantile(ms, 0.95):.1f} ms" if ms else "" for ms in
                (enters[card, state], others[card, state])]
        print(f"{card:<12}{state:<10}{told[0]:>26}{told[1]:>28}{TARGET_MS[state]:>7} ms")


if __name__ == "__main__":
    main()
