"""Time from a key press until the next text of 2,000 characters is painted: idle, and while models are trained.

As `benchmarks/latency.py` does for images, in one JupyterLab and in blocks that take turns:

- this card with texts of about 2,000 characters, their words tinted by the adopted model's map, its kernel idle;
- the same while a model of texts is trained in the background, one after the other;
- a bare page that swaps one text for the next: what a frame costs here.

Painted means: from the event's own time to the task after the first frame whose page has the next item's text.

    python benchmarks/latency_texts.py [--quick] [--json figures.json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
N_ANSWERED = 200  # which the models learn

# -- texts ---------------------------------------------------------------------------------------------------


def texts(n: int, length: int = 2000, seed: int = 0) -> tuple[list[str], list[int]]:
    """Paragraphs of made-up sentences, and whether each complains; a text begins with its number."""
    rng = np.random.default_rng(seed)
    parts = {"who": ["The guest", "Our neighbour", "A reader", "The driver", "My sister", "The team 🙂"],
             "did": ["waited for", "wrote about", "paid for", "remembered", "asked for", "looked at"],
             "what": ["the long way home", "a small parcel", "the second room", "an early train", "the naïve plan"],
             "good": ["and liked it.", "with pleasure.", "and was glad."],
             "bad": ["and was angry.", "in vain.", "and wants the money back."]}
    made, complains = [], rng.integers(2, size=n)
    for number, bad in enumerate(complains):
        text = f"Item {number} was written on a Tuesday."
        while len(text) < length:
            mood = "bad" if bad and rng.random() < 0.5 else "good"
            text += ("\n\n" if rng.random() < 0.15 else " ") + " ".join(
                rng.choice(parts[part]) for part in ("who", "did", "what", mood))
        made.append(text[:length])
    return made, complains.tolist()


# -- the notebooks -------------------------------------------------------------------------------------------

OPEN = """
import json, os, threading
import pandas as pd
import hitl_widgets as hw
texts, complains, N_ANSWERED = json.load(open("texts.json"))
names = ["praise", "complaint"]
pool = hw.Pool.from_texts(texts, ids=[f"{n:04d}" for n in range(len(texts))])
wb = hw.Workbench("FOLDER", pool, names, annotator="bench", seed=0, arms={"blind": 0}, holdout=0,
                  progress=False)
known = pool.ids[-N_ANSWERED:]
wb.import_annotations(pd.DataFrame({"item_id": known, "label": [names[complains[int(i)]] for i in known]}))
wb.review().close()
wb.session.learns.learn()
review, n_learnt = wb.review(), 0  # every text comes with what the model says of it
"""
LEARN = """
def learn():
    global n_learnt
    while os.path.exists("learning"):
        wb.session.learns.learn()
        n_learnt += 1
open("learning", "w").close()
threading.Thread(target=learn, daemon=True).start()
"""
WATCH_TEXTS = """
bench.shows = (picture, number) => document.querySelector(".hitl-lines")?.textContent.startsWith(`Item ${number} `);
bench.swapTexts = (texts, place) => {
  const page = document.createElement("div");
  Object.assign(page.style, { width: "560px", height: "420px", overflow: "auto", font: "17px/1.55 system-ui" });
  page.style.whiteSpace = "pre-wrap";
  page.tabIndex = 0;
  place.replaceChildren(page);
  let k = 0;
  page.textContent = texts[0];
  page.addEventListener("keydown", () => { k = (k + 1) % texts.length; page.textContent = texts[k]; });
  addEventListener("keydown", (event) => {
    const before = k;
    bench.pressed = event.timeStamp;
    bench.frame(event.timeStamp, () => k !== before, bench.done);
  }, true);
  page.focus();
};
"""
N_TINTED = "() => document.querySelectorAll('.hitl-lines .hitl-word').length"


def open_card(bench: Any, name: str, more: str, complains: list[int]) -> Any:
    """A card of a project of its own that has learnt from 400 answers, timed from here on."""
    from latency import card
    notebook = bench.lab.open(f"{name}.ipynb", [OPEN.replace("FOLDER", f"project-{name}") + more + "review"])
    notebook.run_all(240)
    notebook.wait_for_item(timeout_s=120)
    if not more:  # while one model follows the other, a map may be of a former one, and isn't shown then
        notebook.page.wait_for_selector(".hitl-lines .hitl-word", timeout=120_000)
    bench.watched(notebook, f"{WATCH_TEXTS}; bench.watchCard()")
    bench.add(name, "this card, texts of 2,000 characters", card(notebook, complains))
    return notebook


def measure(lab: Any, folder: Path, *, quick: bool) -> tuple[dict[str, Any], str]:
    """The ways with what was measured of each, and a word on what the map and the training were."""
    from latency import WATCH, Bench
    made, complains = texts(N_ANSWERED + (100 if quick else 500))
    (folder / "texts.json").write_text(json.dumps([made, complains, N_ANSWERED]))
    idle, learning = Bench(lab, folder, quick=quick), Bench(lab, folder, quick=quick)
    page = lab.context.new_page()
    page.set_content("<!doctype html><title>bare</title><div id=place></div>")
    page.add_script_tag(content=WATCH)
    page.add_script_tag(content=WATCH_TEXTS)
    page.evaluate("(texts) => bench.swapTexts(texts, document.querySelector('#place'))", made[:40])
    idle.add("bare", "a bare page", (page, lambda: page.keyboard.press("1"), 15,
                                     lambda: page.focus("div[tabindex]")))
    ours = open_card(idle, "idle", "", complains)
    idle.run(["idle", "bare"], 5)
    tinted = ours.page.evaluate(N_TINTED)
    ours.wait_until_stored(30)

    learning.ways = {"bare": replace(idle.ways["bare"], blocks=[], stored=[])}
    light = open_card(learning, "learning", LEARN, complains)
    learning.run(["learning", "bare"], 5)
    (folder / "learning").unlink(missing_ok=True)
    light.wait_until_stored(30)
    told = (f"The last text on the idle card had {tinted} tinted words. While texts were labelled, "
            f"{light.value('n_learnt')} models were trained on {N_ANSWERED} answers or more.")
    return {"idle": idle.ways["idle"], "learning": learning.ways["learning"], "bare": idle.ways["bare"],
            "bare, learning": learning.ways["bare"]}, told


def table(ways: dict[str, Any]) -> str:
    """Everything as one markdown table: the target is a frame and two, or twice what a bare page takes."""
    from latency import verdict
    rows = ["| | n | median | 95 % | stored, median | target | |", "|---|---|---|---|---|---|---|"]
    for key, words, floor in (("idle", "this card, kernel idle", "bare"),
                              ("learning", "this card, while models of texts are trained", "bare, learning"),
                              ("bare", "a bare page", ""), ("bare, learning", "a bare page, while they are", "")):
        way = ways[key]
        wanted, met = verdict(way, ways[floor]) if floor else ("", "")
        kept = f"{np.median(way.stored):.0f} ms" if way.stored else ""
        rows.append(f"| {words} | {way.ms.size} | {np.median(way.ms):.0f} ms | {np.percentile(way.ms, 95):.0f} ms | "
                    f"{kept} | {wanted} | {met} |")
    return "\n".join(rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="a few keys each, to see that it runs")
    arguments.add_argument("--json", type=Path, help="write every single figure here")
    given = arguments.parse_args()
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    from latency import absent
    if (why := absent()) is not None:
        print(why)
        return
    from browser.lab import Lab
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latency-", ignore_cleanup_errors=True) as home, Lab(home) as lab:
        ways, told = measure(lab, Path(home), quick=given.quick)
        version = lab.browser.version
    print(f"\n{psutil.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}, Chromium {version} at 1280 x 900, "
          f"{time.monotonic() - began:.0f} s\n\n{table(ways)}\n\n{told}")
    if given.json:
        given.json.write_text(json.dumps({key: {"ms": way.blocks, "stored": way.stored}
                                          for key, way in ways.items()}))


if __name__ == "__main__":
    main()
