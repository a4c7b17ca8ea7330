"""Label Studio's own checks on what we export: tasks of every kind, with odd names and texts, in label-studio-sdk.

The tasks are random records of each task of a project, on images and on texts: labels whose names have signs of XML, a
``$`` or emoji, attributes of every kind, certainty, notes, votes, objects at the edges of images, spans in texts with
emoji. The SDK's `LabelInterface` reads ``config.xml`` and checks every task, annotation and prediction; the target is
no error. That it finds a wrong label is checked first.

    python benchmarks/label_studio_check.py [--seeds 5] [--tasks 1000]

label-studio-sdk takes 480 MB and is no dependency. Where it is absent the line says so: install it with
``pip install --target FOLDER label-studio-sdk``, and run this with FOLDER in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from hitl_widgets.exchange.files import Source, Target
from hitl_widgets.exchange.formats.label_studio import FORMAT
from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord, Prediction, facts
from hitl_widgets.records import FLAGS, OBJECT_TASKS, SHAPE_OF, TASKS, ObjectAnswer
from hitl_widgets.taxonomy.attributes import Attribute
from hitl_widgets.taxonomy.labels import Taxonomy

LABELS: Any = {"shoe": ["Boot", "Sneaker, low"], "hat": ["Boot", "cap/beanie"], "a 🎈": "carried, not worn",
               "<&\"'>": "", "$price": "", "مرحبا": ""}
ATTRIBUTES = [Attribute("stars", scale=(1, 5)), Attribute("blur, in all", scale=(0, 10)),
              Attribute("share", scale=(0.0, 1.0)), Attribute("view", choices=("front, left", "$side", "<&>"))]
WORDS = ["Rome 🏛", "👩🏽\u200d🚀", "שָׁלוֹם", "e\u0301te", "line\r\nbreak", "plain", "𝒳", "\t", "<b>&amp;</b>"]
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Records:
    """Random records of a task."""

    def __init__(self, task: str, kind: str, rng: np.random.Generator) -> None:
        self.rng = rng
        self.header = Header(task, kind, Taxonomy(() if task == "scale" else LABELS, attributes=ATTRIBUTES))
        self.ids = list(self.header.taxonomy.label_ids)

    def some(self, of: list[Any], least: int, most: int) -> list[Any]:
        """A few, each once."""
        n = min(len(of), int(self.rng.integers(least, most + 1)))
        return [of[int(i)] for i in self.rng.permutation(len(of))[:n]]

    def record(self, n: int) -> ItemRecord:
        """A record of an item."""
        text = " ".join(self.some(WORDS, 1, len(WORDS))) if self.header.kind == "text" else None
        width, height = map(int, self.rng.integers(3, 3_000, 2))
        size = (width, height) if text is None else (len(text), 1)
        answers = tuple(self.answer(text, size, who) for who in self.some(["Ada", "Ben 🎈", "C, D"], 0, 3))
        if self.rng.random() < 0.3 and answers:
            answers = (Answer(CONSENSUS, answers[0].verdict, answers[0].label_ids, values=answers[0].values,
                              objects=answers[0].objects, share=0.5, n_answers=len(answers), votes=answers),)
        gold = None if self.header.task in (*OBJECT_TASKS, "scale") or self.rng.random() < 0.7 \
            else tuple(self.some(self.ids, 1, 1))
        return ItemRecord(f"item {n}", None if text is not None else f"a b/{n}.png", size, text, gold_ids=gold,
                          metadata={"place": "Köln"}, answers=answers, predictions=tuple(
                              self.prediction(text, size, model) for model in self.some(["v1", "9f"], 0, 2)))

    def answer(self, text: str | None, size: Any, who: str) -> Answer:
        """Somebody's answer."""
        verdict = str(self.rng.choice(["answer", "accept", "unsure", "skip"], p=[0.6, 0.2, 0.1, 0.1]))
        task, skips = self.header.task, verdict == "skip"
        ids = None if skips or task in (*OBJECT_TASKS, "scale") else tuple(
            self.some(self.ids, 0, 3) if task == "multilabel" else self.some(self.ids, 1, 1))
        values: dict[str, Any] = {} if skips else {
            one.id: one.check(float(self.rng.uniform(*one.scale)) if one.kind == "continuous" and one.scale else
                              one.steps[int(self.rng.integers(len(one.steps)))])
            for one in self.some(list(ATTRIBUTES), 1 if task == "scale" else 0, 4)}
        return Answer(who, verdict, ids, certainty=float(self.rng.integers(11)), note="why 🤔",  # type: ignore[arg-type]
                      flags=tuple(sorted(self.some(list(FLAGS), 0, 2))), values=values,
                      acted_at=BEGIN + timedelta(seconds=float(self.rng.integers(10**6))),
                      seen={"shown_ms": 812.5, "chosen_by": "margin"},
                      objects=self.objects(text, size) if task in OBJECT_TASKS and not skips else None)

    def objects(self, text: str | None, size: Any, score: bool = False) -> tuple[ObjectAnswer, ...]:
        """Objects, some of them at the edges."""
        found = []
        for n in range(int(self.rng.integers(0, 5))):
            xs, ys = (np.sort(np.round(np.where(self.rng.random(4) < 0.2, [0, 0, side, side],
                                                self.rng.uniform(0, side, 4)), 3)) for side in size)
            kind = SHAPE_OF[self.header.task]
            at: tuple[Any, ...] = tuple(map(float, {
                "box": (xs[0], ys[0], xs[3], ys[3]), "point": (xs[1], ys[2]),
                "polygon": (xs[0], ys[0], xs[3], ys[1], xs[2], ys[3])}.get(kind, ())))
            if text is not None:
                start = int(self.rng.integers(len(text)))
                at = start, int(self.rng.integers(start, len(text))) + 1
            elif kind == "box" and (at[0] >= at[2] or at[1] >= at[3]):
                continue
            label_id = self.ids[int(self.rng.integers(len(self.ids)))]
            found.append(ObjectAnswer(f"o{n}", kind, at, label_id, self.header.names[label_id], unsure=n == 1,
                                      score=float(self.rng.random()) if score else None,
                                      quote=None if text is None else text[at[0]:at[1]]))
        return tuple(found)

    def prediction(self, text: str | None, size: Any, model: str) -> Prediction:
        """What a model says."""
        if self.header.task in OBJECT_TASKS:
            return Prediction(model, objects=self.objects(text, size, score=True))
        if not self.ids:
            return Prediction(model)
        return Prediction(model, dict(zip(self.ids, self.rng.dirichlet(np.ones(len(self.ids))).tolist(), strict=True)))


def errors_in(folder: Path, check: Any) -> tuple[int, int, list[str]]:
    """How many tasks and results a folder has, and what is wrong with them."""
    config = (folder / "config.xml").read_text(encoding="utf-8")
    interface, wrong, n_results = check(config), [], 0
    try:
        interface.validate()
    except Exception as error:  # whatever the SDK raises is what is reported
        wrong.append(f"config.xml: {error}")
    name, control = next((name, one) for name, one in interface._controls.items() if one.tag != "Number")
    odd = {"from_name": name, "to_name": control.to_name[0], "type": control.tag.lower(),
           "value": {control.tag.lower(): ["no such label"]}}
    assert interface.validate_prediction({"result": [odd]}, return_errors=True), "the SDK finds nothing wrong"
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    for task in tasks:
        # The SDK's check of a task calls its checks of annotations without one; so they are called here.
        if not interface.validate_task({"data": task["data"]}):
            wrong.append(f"task {task['id']}: its data")
        for one in (*task["annotations"], *task["predictions"]):
            n_results += len(one["result"])
            wrong += interface.validate_prediction(one, return_errors=True)
        wrong += ["an annotation" for one in task["annotations"] if not interface.validate_annotation(one)]
    return len(tasks), n_results, wrong


def run(seeds: int, n_tasks: int) -> Counter[str]:
    """Export, check, read back; prints a row for each task of a project."""
    try:
        check = importlib.import_module("label_studio_sdk.label_interface.interface").LabelInterface
    except ImportError:
        print("label-studio-sdk is absent, so nothing is checked by it: pip install --target FOLDER label-studio-sdk "
              "(480 MB), then run this with PYTHONPATH=FOLDER.")
        check = None
    total: Counter[str] = Counter()
    worlds = [(task, kind) for task in TASKS for kind in ("image", "text")
              if task not in OBJECT_TASKS or (kind == "text") == (task == "spans")]
    print(f"{'task':<12}{'items':<8}{'tasks':>7}{'results':>9}{'errors':>8}{'facts that differ':>19}")
    for n, (task, kind) in enumerate(worlds):
        row: Counter[str] = Counter()
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                made = Records(task, kind, np.random.default_rng([seed, n]))
                records = [FORMAT.reduce(made.header, made.record(m), FORMAT.options)
                           for m in range(-(-n_tasks // len(worlds)))]
                kept = [one for one in records if one is not None]
                FORMAT.write(made.header, kept, Target(folder, folder=True), FORMAT.options)
                assert FORMAT.read is not None
                contents = FORMAT.read(Source(folder), FORMAT.options)
                row["differ"] += sum(facts(contents.header, other) != facts(made.header, one)
                                     for one, other in zip(kept, contents.records, strict=True))
                if check is not None:
                    tasks, results, wrong = errors_in(folder, check)
                    row.update(tasks=tasks, results=results, errors=len(wrong))
                    for one in wrong[:3]:
                        print("   ", one[:200])
        total += row
        total["errors"] += 0
        print(f"{task:<12}{kind:<8}{row['tasks']:>7,}{row['results']:>9,}{row['errors']:>8,}{row['differ']:>19,}")
    if check is not None:
        print(f"\nours: {total['errors']:,} errors in {total['tasks']:,} tasks with {total['results']:,} results; "
              f"target: 0; reference: label-studio-sdk "
              f"{importlib.import_module('importlib.metadata').version('label-studio-sdk')}")
    print(f"ours: {total['differ']:,} items that came back otherwise; target: 0")
    return total


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=1_000, help="of each seed")
    arguments = parser.parse_args()
    found = run(arguments.seeds, arguments.tasks)
    raise SystemExit(bool(found["errors"] or found["differ"]))
