"""Time from a key to the frame that shows its effect, and missed frames, with 100 spans on a text.

In JupyterLab and Chromium, idle and while a net trains, in blocks that take turns. Texts of 4,000 characters and their
spans are made up; every fourth span overlaps others. Enter shows the next text; Tab, arrows, Space and digits select,
move and relabel. A key whose effect comes later than the target has missed a frame; tasks of the page of over 50 ms are
counted too. The reference is a text with 10 spans in the same run.

    python benchmarks/span_frames.py [--seeds 5] [--decisions 4]
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
SETUP = """import random, hitl_widgets as hw
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Proposal
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
words = "Ana flew from Paris to New York \\U0001f5fd and met Sam Smith \\u0645\\u062d\\u0645\\u062f there".split()
texts = [" ".join(random.Random(k).choices(words, k=800))[:4000] for k in range(60)]
desk = MemoryHost(texts, ["place", "person", "organisation"], task="spans")
def shown(item, annotator=None):
    width, ids = len(texts[item.position]), desk.taxonomy.label_ids
    step = width // max(1, {n})
    at = [(k * step - (step if k % 4 == 3 else 0), k * step + min(12, step - 1)) for k in range({n})]
    objects = [Proposal(f"{{item.id}}.{{k}}", "span", place, ids[k % 3], .9 - .005 * k) for k, place in enumerate(at)]
    return Shown(tuple(one.to_dict() for one in objects), threshold=.3, threshold_probability=1.0, model=desk.model)
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
CARDS = {"10 spans": SETUP.format(n=10), "100 spans": SETUP.format(n=100)}
# What keeps the page from painting for over 50 ms.
WORK = """() => {
  window.worked = [];
  const seen = new PerformanceObserver((list) => list.getEntries().forEach((one) => window.worked.push(one.duration)));
  seen.observe({type: 'longtask'});
}"""


def decide(notebook: Notebook, rng: random.Random) -> None:
    """Select, move and relabel a few spans, and make the decision."""
    before = notebook.item
    for key in ["Tab", rng.choice("123"), "Space", "Tab", "Shift+ArrowRight", "ArrowRight", "ArrowRight",
                rng.choice("123"), "ArrowDown", "Tab", "x", "z"]:
        notebook.page.keyboard.press(key)
        notebook.settle()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for_item(before)
    notebook.page.wait_for_timeout(100)


def block(lab: Lab, card: str, *, training: bool, n_decisions: int, seed: int
          ) -> tuple[list[float], list[float], int]:
    """Milliseconds from each Enter to the next text, from each other key to its frame, and tasks of over 50 ms."""
    notebook = lab.take([CARDS[card], *([TRAINS] if training else [])])
    notebook.run_all()
    notebook.wait_for_item()
    notebook.page.wait_for_timeout(1500)
    notebook.card.focus()
    if notebook.page.evaluate("() => window.painted === undefined"):  # the page is the same for all blocks
        notebook.watch_keys()
        notebook.page.evaluate(WORK)
    notebook.page.evaluate("() => { window.painted = []; window.worked = []; }")
    rng = random.Random(seed)
    for _ in range(n_decisions):
        decide(notebook, rng)
    notebook.wait_until_stored()
    if (stored := notebook.value("len(desk.decisions)")) != n_decisions:
        raise RuntimeError(f"{stored} decisions were stored of {n_decisions}")
    if training:
        notebook.execute("stop.set()")
    rows, n_long = notebook.page.evaluate("() => [window.painted, window.worked.length]")
    return [row["ms"] for row in rows if row["key"] == "Enter" and row["other"]], \
        [row["ms"] for row in rows if row["key"] not in ("Enter", "Shift", "Alt")], n_long


def main() -> None:
    """Print a line for each card and what else runs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=4)
    arguments = parser.parse_args()
    ways = [(card, state) for state in TARGET_MS for card in CARDS]
    enters: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    others: dict[tuple[str, str], list[float]] = {way: [] for way in ways}
    long = dict.fromkeys(ways, 0)
    with tempfile.TemporaryDirectory() as folder, Lab(folder) as lab:
        for seed in range(arguments.seeds):
            for card, state in ways:
                enter, other, n_long = block(lab, card, training=state == "training", n_decisions=arguments.decisions,
                                             seed=seed)
                enters[card, state] += enter
                others[card, state] += other
                long[card, state] += n_long
    print(f"{'card':<12}{'kernel':<10}{'Enter: median, 95 %':>26}{'other keys: median, 95 %':>28}{'over 50 ms':>12}"
          f"{'target':>10}")
    for card, state in ways:
        told = [f"{np.median(ms):.1f} / {np.quantile(ms, 0.95):.1f} ms" if ms else "" for ms in
                (enters[card, state], others[card, state])]
        print(f"{card:<12}{state:<10}{told[0]:>26}{told[1]:>28}{long[card, state]:>12}{TARGET_MS[state]:>7} ms")


if __name__ == "__main__":
    main()
