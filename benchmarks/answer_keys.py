"""Keys a decision, and time from Enter to the frame with the next item: several labels and values beside one label.

In JupyterLab and Chromium, in blocks that take turns, so that whatever else the machine does hits all alike. Items and
suggestions are made up; a simulated person presses the keys of random labels that differ from the suggestion, or gives
one random value, and then Enter. The reference is the card for one label in the same run.

    python benchmarks/answer_keys.py [--seeds 5] [--decisions 12]
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

SETUP = """import hitl_widgets as hw
from hitl_widgets.testing import MemoryHost, rings
from hitl_widgets.widgets.card import Review
labels = [f"label {{k}}" for k in range(10)]
blur = hw.Attribute("blur", scale=(0, 10))
desk = MemoryHost(rings(400), {taxonomy}, task="{task}")
review = Review(desk, explain=None)
review"""
CARDS = {"one label": SETUP.format(taxonomy="labels", task="classify"),
         "several labels": SETUP.format(taxonomy="labels", task="multilabel"),
         "values alone": SETUP.format(taxonomy="hw.Taxonomy(attributes=[blur])", task="scale")}
_COUNT = """() => {
  document.addEventListener('keydown', (event) => { if (event.key !== 'Shift') window.n_keys++; }, true); }"""


def decide(notebook: Notebook, card: str, rng: random.Random) -> int:
    """Make one decision; return how many keys it should take."""
    before = notebook.item
    wanted = rng.sample("1234567890", rng.randint(0, 3)) if card == "several labels" else \
        [rng.choice("012345678")] if card == "values alone" else []
    for key in wanted:
        notebook.page.keyboard.press(key)
        notebook.settle()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for_item(before)
    notebook.page.wait_for_timeout(100)
    return len(wanted) + 1


def block(lab: Lab, card: str, *, n_decisions: int, seed: int) -> tuple[list[float], int, int]:
    """Decide `n_decisions` items: milliseconds from each Enter to its frame, keys pressed, keys that it should take."""
    notebook = lab.take([CARDS[card]])
    notebook.run_all()
    notebook.wait_for_item()
    notebook.page.wait_for_timeout(1500)
    notebook.card.focus()
    if notebook.page.evaluate("() => window.n_keys === undefined"):  # the page is the same for all blocks
        notebook.watch_keys()
        notebook.page.evaluate(_COUNT)
    notebook.page.evaluate("() => { window.painted = []; window.n_keys = 0; }")
    rng = random.Random(seed)
    wanted = sum(decide(notebook, card, rng) for _ in range(n_decisions))
    notebook.wait_until_stored()
    stored = notebook.value("len(desk.decisions)")
    if stored != n_decisions:
        raise RuntimeError(f"{stored} decisions were stored of {n_decisions}")
    rows = notebook.page.evaluate("() => window.painted")
    return [row["ms"] for row in rows if row["key"] == "Enter" and row["other"]], \
        notebook.page.evaluate("() => window.n_keys"), wanted


def main() -> None:
    """Print a line for each card."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=12)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {card: [] for card in CARDS}
    keys = {card: [0, 0] for card in CARDS}
    with tempfile.TemporaryDirectory() as folder, Lab(folder) as lab:
        for seed in range(arguments.seeds):
            for card in CARDS:
                ms, pressed, wanted = block(lab, card, n_decisions=arguments.decisions, seed=seed)
                times[card] += ms
                keys[card][0] += pressed
                keys[card][1] += wanted
    reference = float(np.median(times["one label"]))
    print(f"{'card':<16}{'Enter to frame: median, 95 %':>30}{'target (one label)':>20}{'keys':>7}{'target':>8}")
    for card, ms in times.items():
        print(f"{card:<16}{np.median(ms):>17.1f} ms{np.quantile(ms, 0.95):>7.1f} ms{reference:>17.1f} ms"
              f"{keys[card][0]:>7}{keys[card][1]:>8}")


if __name__ == "__main__":
    main()
