"""Spans of texts: how well a tagger finds them after 50 and 200 texts, how fast, and whether agreement orders people.

Each text is made from templates, with places and persons in it; three names in ten are only in the texts that measure.
Printed with the mean over seeds:

- F1 (strict, exact and partial) on 200 other texts after 50 and 200 corrected ones, by wb.finetune(), and the seconds
  of the training; beside it F1 of looking up the names that were corrected, which finds no new one, and exact F1 by
  nervaluate from the same predictions (absent: it says so).
- texts with 100 spans: seconds to store a decision, to read the table of 50 such texts, and to compare them.
- agreement of three people who err more and more: whether exact and overlapping F1, alpha and found fall at each step.

    python benchmarks/spans.py --seeds 5
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import hitl_widgets as hw
from hitl_widgets import quality

NAMES = ["place", "person"]
FIRST = ["Ada", "Bob", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo", "Ines", "Jan", "Kim", "Lena", "Max", "Nora",
         "Otto", "Pia", "Quin", "Rosa", "Sam", "Tara", "Uwe", "Vera", "Wim", "Xena", "Yara", "Zoe", "Amir", "Chloe"]
LAST = ["Smith", "Jones", "Garcia", "Müller", "Rossi", "Silva", "Chen", "Novák", "Dubois", "Hansen", "Kowalski",
        "Ivanov", "Tanaka", "Okafor", "Andersson", "Brown"]
PLACES = ["Rome", "Paris", "Berlin", "Madrid", "Lisbon", "Vienna", "Prague", "Warsaw", "Dublin", "Oslo", "Cairo",
          "Lima", "Quito", "Delhi", "Tokyo", "Seoul", "Sydney", "Boston", "Nairobi", "New York", "San Francisco",
          "Cape Town", "القاهرة", "Los Angeles", "São Paulo", "Hong Kong", "Addis Ababa", "Reykjavík"]
TEMPLATES = ["{1} flew from {0} to {0} on Monday.", "In {0} I met {1} and {1}.", "The mayor of {0}, {1}, spoke.",
             "Nobody came, said {1}.", "It rained in {0} all week 👩‍👩‍👧.", "We had a nice day and ate fish.",
             "{0} is larger than {0}.", "{1} wrote to {1} about the trip.", "My aunt {1} lives near {0}; she likes it.",
             "Call me on Tuesday, please.", "🌧 Then {1} left {0} at 5 pm.", "The Hotel May in June was cold.",
             "According to {1}, {0} has changed.", "Tickets to {0} cost 40 euros.", "{1}'s brother works in {0}.",
             "Why did {1} call the office in {0}?", "Trains from {0} were late again.", "I asked {1} to wait."]
KNOWN = 0.7
Spans = list[tuple[int, int, int]]


def sentences(n: int, rng: np.random.Generator, *, known: float, most: int = 4) -> list[tuple[str, Spans]]:
    """Texts of some sentences, with their spans; of the names the first part alone where `known` is below 1."""
    names = [[FIRST, PLACES][1 - label][:round(known * len([FIRST, PLACES][1 - label]))] for label in range(2)]
    made = []
    for _ in range(n):
        text, spans = "", list[tuple[int, int, int]]()
        for _ in range(int(rng.integers(1, most))):
            rest = (" " if text else "") + TEMPLATES[rng.integers(len(TEMPLATES))]
            while "{" in rest:
                at = rest.index("{")
                label = int(rest[at + 1])
                name = str(rng.choice(names[label]))
                name += f" {rng.choice(LAST)}" if label and rng.random() < 0.5 else ""
                text += rest[:at] + name
                spans.append((len(text) - len(name), len(text), label))
                rest = rest[at + 3:]
            text += rest
        made.append((text, spans))
    return made


def objects(spans: Spans) -> list[hw.Span]:
    """The spans of a text as a person gives them."""
    return [hw.Span(start, end, label=NAMES[label]) for start, end, label in spans]


def table(texts: Sequence[tuple[str, Spans]], items: Sequence[str]) -> pd.DataFrame:
    """The true spans of some texts."""
    rows = [(item, NAMES[label], start, end) for item, (_, spans) in zip(items, texts, strict=True)
            for start, end, label in spans]
    return pd.DataFrame(rows, columns=["item_id", "label", "start", "end"])


def looked_up(learnt: Sequence[tuple[str, Spans]], texts: Sequence[tuple[str, Spans]], items: Sequence[str]
              ) -> pd.DataFrame:
    """What is found by looking up the names that were learnt, the longest first."""
    label_of = {text[start:end]: label for text, spans in learnt for start, end, label in spans}
    rows = []
    for item, (text, _) in zip(items, texts, strict=True):
        taken = np.zeros(len(text), bool)
        for name in sorted(label_of, key=len, reverse=True):
            at = text.find(name)
            while at >= 0:
                if not taken[at:at + len(name)].any():
                    taken[at:at + len(name)] = True
                    rows.append((item, NAMES[label_of[name]], at, at + len(name)))
                at = text.find(name, at + 1)
    return pd.DataFrame(rows, columns=["item_id", "label", "start", "end"])


def by_nervaluate(truth: pd.DataFrame, found: pd.DataFrame, items: Sequence[str]) -> float:
    """F1 of the same characters as nervaluate gives it; NaN where it isn't installed."""
    if importlib.util.find_spec("nervaluate") is None:
        return float("nan")
    import nervaluate  # type: ignore[import-untyped]

    lists = [[[{"label": row["label"], "start": int(row["start"]), "end": int(row["end"]) - 1}
               for row in rows.to_dict("records")] for _, rows in
              ((item, some[some["item_id"] == item]) for item in items)] for some in (truth, found)]
    result = nervaluate.Evaluator(*lists, tags=NAMES, loader="dict").evaluate()
    return float(result["overall"]["exact"].f1)


def learnt(seed: int) -> list[dict[str, Any]]:
    """F1 after 50 and after 200 corrected texts."""
    rng = np.random.default_rng(seed)
    train, test = sentences(200, rng, known=KNOWN), sentences(200, rng, known=1.0)
    texts = [text for text, _ in [*train, *test]]
    items = [str(place) for place in range(200, 400)]
    truth, rows = table(test, items), []
    with tempfile.TemporaryDirectory() as folder, hw.Workbench(
            Path(folder) / "p", hw.Pool.from_texts(texts), NAMES, task="spans", annotator="ada", holdout=0.0,
            progress=False) as wb:
        for n in (50, 200):
            for place in range(0 if n == 50 else 50, n):
                wb.decide(str(place), objects=objects(train[place][1]))
            run = wb.finetune(seed=seed)
            began = time.perf_counter()
            found = wb.predict_objects()
            searched_s = time.perf_counter() - began
            limits = found["label"].map({wb.taxonomy.name_of(key): value for key, value in run.thresholds.items()})
            shown = found[(found["score"] >= limits) & found["item_id"].isin(items)]
            measured = quality.spans(truth, shown, texts=items)
            rows.append({"texts": n, "f1_strict": measured["f1_strict"].value, "f1_exact": measured["f1_exact"].value,
                         "f1_partial": measured["f1_partial"].value,
                         "nervaluate's exact": by_nervaluate(truth, shown, items),
                         "looked up, f1_strict": quality.spans(truth, looked_up(train[:n], test, items), texts=items,
                                                               resamples=2)["f1_strict"].value,
                         "training s": run.seconds, "search ms a text": 1000 * searched_s / len(texts)})
    return rows


def many(seed: int, n_texts: int = 50, n_spans: int = 100) -> dict[str, Any]:
    """Seconds of decisions and tables with 100 spans a text."""
    rng, made = np.random.default_rng(seed), list[tuple[str, Spans]]()
    while len(made) < n_texts:
        parts = sentences(n_spans, rng, known=1.0)
        text, spans = "", list[tuple[int, int, int]]()
        for part, own in parts:
            spans += [(len(text) + start, len(text) + end, label) for start, end, label in own]
            text += part + "\n"
        made.append((text, spans[:n_spans]))
    with tempfile.TemporaryDirectory() as folder, hw.Workbench(
            Path(folder) / "p", hw.Pool.from_texts([text for text, _ in made]), NAMES, task="spans", annotator="ada",
            holdout=0.0, progress=False) as wb:
        times = []
        for place, (_, spans) in enumerate(made):
            given = objects(spans)
            began = time.perf_counter()
            wb.decide(str(place), objects=given)
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        kept = wb.objects()
        read_s = time.perf_counter() - began
        began = time.perf_counter()
        again = quality.spans(kept, kept.assign(score=1.0))
        measured_s = time.perf_counter() - began
        right = all(text[row["start"]:row["end"]] == row["quote"] for row in kept.to_dict("records")
                    for text in [made[int(row["item_id"])][0]])
    return {"characters a text": float(np.mean([len(text) for text, _ in made])), "spans": len(kept),
            "decide ms": 1000 * float(np.median(times)), "table of all s": read_s, "quality.spans s": measured_s,
            "f1_exact with itself": again["f1_exact"].value, "quotes right": right}


def people(seed: int, noise: float, n_texts: int = 60) -> pd.DataFrame:
    """Spans of three people who all err alike, in texts that depend on the seed alone."""
    rng = np.random.default_rng(seed)
    made = sentences(n_texts, rng, known=1.0)
    of_people, rows = np.random.default_rng([seed, round(1000 * noise)]), []
    for place, (text, spans) in enumerate(made):
        for person in range(3):
            for start, end, label in spans:
                missed, moved, renamed = of_people.random(3) < noise
                if missed:
                    continue
                ending = min(len(text), max(start + 1, end + int(of_people.integers(-3, 4)))) if moved else end
                rows.append((place, f"p{person}", NAMES[1 - label if renamed else label], start, ending))
    kept = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "start", "end"])
    kept.attrs["sizes"] = {place: (len(text), 1) for place, (text, _) in enumerate(made)}
    return kept


def agreement(seed: int) -> pd.DataFrame:
    """Figures of agreement as the noise grows."""
    from hitl_widgets.items.tokens import tokens

    rows = []
    for noise in (0.02, 0.05, 0.1, 0.2, 0.3):
        texts = sentences(60, np.random.default_rng(seed), known=1.0)
        places = {place: tokens(text) for place, (text, _) in enumerate(texts)}
        found = quality.agreement_objects(people(seed, noise), tokens=places, resamples=2)
        rows.append({"noise": noise, **{name: found[name].value for name in ("f1_exact", "f1_overlap", "alpha",
                                                                            "found")}})
    return pd.DataFrame(rows)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    n_seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    pd.set_option("display.width", 200)
    pd.set_option("display.max_columns", 20)
    rows = pd.DataFrame([row for seed in range(n_seeds) for row in learnt(seed)])
    print(f"F1 on 200 other texts, {n_seeds} seeds: mean and least")
    print(rows.groupby("texts").agg(["mean", "min"]).T.unstack().round(3).to_string())
    print(f"\nTexts with 100 spans, {n_seeds} seeds: mean")
    print(pd.DataFrame([many(seed) for seed in range(n_seeds)]).mean().round(4).to_string())
    levels = [agreement(seed) for seed in range(n_seeds)]
    print(f"\nAgreement of three people as they err more, {n_seeds} seeds: mean")
    print(pd.concat(levels).groupby("noise").mean().round(3).to_string())
    falls = {name: sum(bool((np.diff(level[name]) < 0).all()) for level in levels) for name in
             ("f1_exact", "f1_overlap", "alpha", "found")}
    print("falls at each step: " + ", ".join(f"{name} in {n} of {n_seeds} seeds" for name, n in falls.items()))


if __name__ == "__main__":
    main()
