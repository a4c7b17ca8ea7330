"""Random projects with everything that an answer may have, made through a real workbench.

`random_project` makes one from a seed: names of labels that break files, hierarchies, labels that were renamed, merged,
split and retired after they were answers, several people, unsure answers, notes, flags, regions, gold, and ids of items
that no file can have.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, EditError, TaxonomyError, UnknownLabel
from hitl_widgets.records import FLAGS, SHAPE_OF, Seen
from hitl_widgets.taxonomy.label_sets import set_id

# A name has no line break, control character or " / ": the taxonomy refuses those.
NAMES = ["cat", "Hund", "red, green", "a/b", "=SUM(A1)", "+1", "-x", "@you", '"quoted"', "it's", "👩🏽\u200d🚀 astro",
         "NaN", "null", "7", "true", "B-PER", "O", "con", "..", ".hidden", "50%", "%41", "a:b", "#tag", "a;b|c",
         "back\\slash", "مرحبا", "猫", "é", "Straße", "UPPER", "upper", "two  blanks", "tail.", "<b>bold</b>",
         "&amp;", "{curly}", "[square]", "x=y", "*", "none of them", "unsure", "~", "$HOME", "label", "a" * 120]
TEXTS = ["see you at six", "Win a prize, now!", "Ada met Grace in Rome. Grace left.",
         "line one\nline two\r\nline three", "tab\tand \"quotes\", commas", "👩🏽\u200d🚀 went to 🏙 Rome",
         "مرحبا بالعالم ok", "=1+1", "-DOCSTART-", "e\u0301 and é", "{\"json\": [1, 2]}", "<p>html &amp; more</p>",
         "  blanks around  ", "你好世界", "one", "a \u2028 b \x85 c", "B-PER O\tI-LOC",
         "# comment\n\n\nafter blank lines", "word " * 60]
NOTES = ["plain", "two\nlines", "windows\r\nline", "<script>alert(1)</script> & <b>bold</b>", "=HYPERLINK(\"x\")",
         "comma, \"quote\"; tab\t", "🎈 note", "'leading", "null", "-", "\u2028", "  blanks  ", "%0A"]
IDS = ["a", "folder/inner/b.png", "with blank", "ünï", "猫.jpg", "a,b", "=cmd", "\"q\"", "x" * 180, "7", "007",
       "1.0", "../up", "C:\\x", "new\nline", "tab\tid", "con", "UPPER", "upper", "100%", "?query#frag", ".hidden",
       "🎈", "null", "http://example.org/x.png"]
FILES = ["a.png", "folder/inner/b.png", "with blank.png", "ünï.png", "猫.png", "deep/a.png", "comma, name.png",
         "UPPER.PNG", "two.dots.png", "100%.png", "it's.png", "#hash.png", "deep/er/🎈.png", "x" * 100 + ".png"]
PEOPLE = ["ada", "Grace Hopper", "José, the 2nd", "=eve"]
BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)


class RandomProject:
    """Makes one project, a step after the other; `wb` is the workbench.

    Parameters
    ----------
    seed : int
    folder : Path
        An empty one.
    task : str
        As in `Workbench`.
    kind : "memory", "files" or "text"
        Where the items are.
    n_items : int
        How many items.
    """

    def __init__(self, seed: int, folder: Path, *, task: str, kind: str, n_items: int = 8) -> None:
        self.rng = np.random.default_rng(seed)
        self.task, self.kind, self.folder = task, kind, folder
        self.n_acts = 0
        self.people = self.some(PEOPLE, 1, 3)
        self.pool = self.make_pool(n_items)
        self.wb = hw.Workbench(folder / "project", self.pool, self.make_taxonomy(), task=task, annotator=self.people[0],
                               holdout=self.one([0, 0.3]), seed=seed, progress=False, annotators_per_item=3,
                               group="patient" if self.maybe(0.3) and self.pool.meta(0) else None,
                               purpose=self.one([None, "to count, \"honestly\"\n& well"]))
        try:
            self.fill()
        except BaseException:
            self.wb.close()
            raise

    def maybe(self, p: float = 0.5) -> bool:
        """True with this probability."""
        return bool(self.rng.random() < p)

    def one(self, of: Sequence[Any]) -> Any:
        """One of these."""
        return of[int(self.rng.integers(len(of)))]

    def some(self, of: Sequence[Any], low: int, high: int) -> list[Any]:
        """Between so many of these, each once, in any order."""
        n = min(len(of), int(self.rng.integers(low, high + 1)))
        return [of[int(place)] for place in self.rng.permutation(len(of))[:n]]

    # -- items and labels

    def make_pool(self, n_items: int) -> hw.Pool:
        """A small pool."""
        meta = [{"patient": int(self.rng.integers(3)), "site": self.one(["north, east", "süd", ""]),
                 "score": self.one([0.5, -1.25])}
                for _ in range(n_items)]
        if self.kind == "text":
            texts = [self.one(TEXTS) for _ in range(n_items)]
            return hw.Pool.from_texts(texts, ids=self.some(IDS, n_items, n_items), meta=meta)
        images = [self.rng.integers(0, 255, (*self.rng.integers(9, 31, 2), *self.one([(), (3,)])), np.uint8)
                  for _ in range(n_items)]
        if self.kind == "memory":
            return hw.Pool.from_images(images, ids=self.some(IDS, n_items, n_items), meta=meta)
        folder = self.folder / "images"
        names = sorted(self.some(FILES, n_items, n_items))
        for name, image in zip(names, images, strict=True):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, "PNG")
        if self.maybe():
            return hw.Pool.from_images(folder)
        return hw.Pool.from_frame(pd.DataFrame(meta).assign(path=[str(folder / name) for name in names],
                                                            id=self.some(IDS, n_items, n_items)))

    def make_taxonomy(self) -> hw.Taxonomy:
        """Labels, some under others, perhaps two of one name; attributes."""
        names = self.some(NAMES, 4, 9)
        labels: list[dict[str, Any]] = [self.described(name) for name in names[:3]]
        if len(names) > 5:
            shared = self.one(NAMES)
            below = dict.fromkeys((names[4], shared))
            labels += [{"name": names[3], "labels": [self.described(name) for name in below]},
                       {"name": names[5], "labels": [self.described(name) for name in (shared, "other")]}]
        labels += [self.described(name) for name in names[6:]]
        attributes = [hw.Attribute("blur, or =not", scale=(0, 10)),
                      hw.Attribute("look", scale=(0.0, 1.0), sensitive="to measure it")]
        if self.task != "scale":
            attributes += [hw.Attribute("view/side", choices=["front", "a, b", "=c"])]
        attributes = [] if self.task in SHAPE_OF else attributes if self.task == "scale" else \
            self.some(attributes, 0, len(attributes))
        if self.task == "scale":
            return hw.Taxonomy(attributes=attributes)
        return hw.Taxonomy(labels, inner_answers=self.task not in SHAPE_OF and self.maybe(0.3), attributes=attributes)

    def described(self, name: str) -> dict[str, Any]:
        """A label that may have a definition and more."""
        more = {"definition": "when it is,\n\"really\"", "examples": [self.pool.ids[0]], "link": "https://example.org/?a=1&b=2",
                "colour": "#1b9e77", "ratings": {"easy": 2.0}, "attributes": {"team": "β"}, "sensitive": "with care"}
        return {"name": name, **{field: more[field] for field in self.some(list(more), 0, 2)}}

    # -- acts

    def fill(self) -> None:
        """Answers, edits, more answers, and what else stands in a log."""
        ids = list(map(str, self.pool.ids))
        for who in self.people:
            for item_id in self.some(ids, 2, len(ids)):
                self.answer(item_id, who)
        if self.task != "scale":
            for _ in range(int(self.rng.integers(7))):
                with suppress(EditError, TaxonomyError, UnknownLabel):
                    self.wb.apply(self.an_edit(), why=self.one([None, "why, \"exactly\"\n?"]))
            if self.task == "classify" and self.maybe(0.8):
                self.presume()
            for item_id in self.some(ids, 0, 3):
                self.answer(item_id, self.one(self.people))
        decisions = self.wb.session.latest()
        if decisions and self.maybe(0.3):
            self.wb.retract(self.one(decisions).id, id=self.id())
        self.know()

    def id(self) -> str:
        """A fresh id of an event, the same whenever the seed is."""
        self.n_acts += 1
        return f"act-{self.n_acts:06}"

    def an_edit(self) -> Any:
        """Some edit of the labels as they are."""
        labels = [self.wb.taxonomy.path(label.id) for label in self.wb.taxonomy.answers]
        label, *others = self.some(labels, len(labels), len(labels))
        answered = set(self.wb.annotations()["label_id"].dropna()) if self.task == "classify" else set()
        used = [name for name in others if self.wb.taxonomy.label(name).id in answered]
        if used and self.maybe(0.7):  # an edit that answers depend on
            others[others.index(used[0])], label = label, used[0]
        fresh = [name for name in NAMES if name not in {one.name for one in self.wb.taxonomy.labels}]
        kind = self.one(["rename", "merge", "split", "split", "retire", "retire to", "add", "move"])
        if kind == "rename":
            return edits.rename(label, self.one(fresh))
        if kind == "merge":
            return edits.merge([label, *others[:1]], self.one([label, self.one(fresh)]))
        if kind == "split":
            return edits.split(label, self.some(fresh, 2, 3), keep_parent=self.maybe(0.3))
        if kind == "retire" or not others:
            return edits.retire(label)
        if kind == "retire to":
            return edits.retire(label, others[0])
        if kind == "move":
            return edits.move(label, others[0])
        return edits.add(self.one(fresh), like=others[:1] if self.maybe() else ())

    def presume(self) -> None:
        """Some items in doubt are taken for a label."""
        doubt = self.wb.relabel_queue()
        known = dict(zip(doubt["item_id"], doubt["candidates"], strict=True)) if len(doubt) else {}
        for item_id, candidates in [pair for pair in known.items() if len(pair[1])][:2]:
            with suppress(BadInput, UnknownLabel):
                self.wb.project.presume({item_id: self.one(list(candidates))}, estimate={"error": 0.05})

    def know(self) -> None:
        """Gold of some items."""
        ids = self.some(list(map(str, self.pool.ids)), 0, 2)
        if self.task in SHAPE_OF or not ids:
            return
        names = list(self.wb.taxonomy.names)
        if self.task == "scale":
            self.wb.gold({item_id: {"blur, or =not": int(self.rng.integers(11))} for item_id in ids})
        else:
            self.wb.gold({item_id: self.some(names, 0, 3) if self.task == "multilabel" else self.one(names)
                          for item_id in ids})

    # -- one answer

    def answer(self, item_id: str, who: str) -> None:
        """One decision of a person on an item."""
        verdict = self.one(["label"] * 7 + ["unsure", "unsure with a guess", "skip"])
        acted_at = BEGIN + timedelta(minutes=self.n_acts, microseconds=int(self.rng.integers(999)))
        given: dict[str, Any] = {"annotator": who, "id": self.id(), "acted_at": acted_at}
        if verdict != "skip":
            given |= {"certainty": self.one([None, 0.0, 7.0, 10.0, 3.5]), "seen": self.seen(item_id)}
            if self.maybe(0.3):
                given |= {"note": self.one(NOTES)}
            if self.maybe(0.3):
                given |= {"flags": self.some(FLAGS, 1, 3)}
            if self.task not in ("scale", *SHAPE_OF) and self.maybe(0.3):
                given |= {"reason": "wrong", self.one(["wrong", "missing"]): self.region(item_id)}
            if (proposed := given["seen"].objects) and self.maybe(0.5):
                how = {"method": "occlusion", "display": "overlay"} if self.maybe() else {}
                given["reasons"] = {proposed[0]["id"]: self.one(["right", "wrong", {
                    self.one(["wrong", "missing"]): self.region(item_id), "reason": "wrong", **how}])}
        if verdict == "unsure":
            given["verdict"] = "unsure"
        elif verdict == "skip":
            given["verdict"] = "skip"
        else:
            given |= self.said(item_id, given["seen"]) | ({"verdict": "unsure"} if verdict != "label" else {})
        self.wb.decide(item_id, **given)

    def said(self, item_id: str, seen: Seen) -> dict[str, Any]:
        """What is said of an item, by its task."""
        labels = [label.id for label in self.wb.taxonomy.answers]
        if self.task in SHAPE_OF:
            return {"objects": self.objects(item_id, seen)}
        given: dict[str, Any] = {}
        if self.task == "classify":
            given["label"] = seen.suggestion if seen.visible_suggestion and self.maybe() else self.one(labels)
        elif self.task == "multilabel":
            given["labels"] = self.some(labels, 0, 4)
            if self.maybe(0.2):
                given["touched"] = given["labels"][:1]
        values = {attribute.name: self.value(attribute) for attribute in self.wb.taxonomy.attributes
                  if self.task == "scale" or self.maybe(0.6)}
        return given | ({"values": values} if values else {})

    def value(self, attribute: hw.Attribute) -> Any:
        """Some value of an attribute."""
        if attribute.choices:
            return self.one(attribute.choices)
        return int(self.rng.integers(11)) if attribute.kind == "ordinal" else round(float(self.rng.random()), 3)

    def region(self, item_id: str) -> Any:
        """Where the explanation was wrong, or what it missed."""
        if self.kind == "text":
            n = len(self.pool.load(self.pool.position(item_id)))
            start = int(self.rng.integers(n))
            end = int(self.rng.integers(start, n)) + 1
            return None if (start, end) == (0, n) else [(start, end)]  # the whole item says nothing
        height, width = self.pool.size(self.pool.position(item_id))
        mask = self.rng.random((height, width)) < 0.2
        mask[0, 0] = True
        return None if mask.all() else mask

    def seen(self, item_id: str) -> Seen:
        """What was on the screen."""
        taxonomy = self.wb.taxonomy
        rest: dict[str, Any] = {"taxonomy": taxonomy.version, "chosen_by": self.one(["margin", "holdout", None]),
                                "shown_ms": self.one([None, 812.5])}
        if self.task == "scale" or self.maybe(0.4):
            return Seen(**rest)
        labels = [label.id for label in taxonomy.answers]
        rest |= {"model": "0123456789abcdef", "hidden": self.maybe(0.2), "arm": self.one([None, "shown", "blind"])}
        rest |= {"arm_probability": 0.1} if rest["arm"] else {}
        if self.task in SHAPE_OF:
            proposals = [{"id": f"p{n}", "kind": SHAPE_OF[self.task], "at": at, "label_id": self.one(labels),
                          "score": 0.25 + n / 8} for n, at in enumerate(self.places(item_id, 3))]
            return Seen(objects=tuple(proposals), threshold=0.3, **rest)
        probs = self.rng.dirichlet(np.ones(len(labels))).round(4)
        top = labels[int(probs.argmax())]
        return Seen(suggestion=set_id([top]) if self.task == "multilabel" else top,
                    probs={label: float(p) for label, p in zip(labels, probs, strict=True)},
                    planted=self.maybe(0.1), **rest)

    def places(self, item_id: str, most: int) -> list[tuple[float, ...]]:
        """Coordinates of up to so many objects, of whole pixels or not."""
        position = self.pool.position(item_id)
        found: list[tuple[float, ...]] = []
        for _ in range(int(self.rng.integers(most + 1))):
            if self.task == "spans":
                n = len(self.pool.load(position))
                start = int(self.rng.integers(n))
                found.append((start, int(self.rng.integers(start, min(n, start + 20))) + 1))
                continue
            height, width = self.pool.size(position)
            decimals = int(self.one([0, 1, 2]))
            x0, y0 = (round(float(self.rng.uniform(0, side - 4)), decimals) for side in (width, height))
            x1, y1 = (round(float(self.rng.uniform(low + 2, side)), decimals)
                      for low, side in ((x0, width), (y0, height)))
            found.append({"boxes": (x0, y0, x1, y1), "points": (x0, y0),
                          "polygons": (x0, y0, x1, y0, x1, y1, *self.one([(), (x0, y1)]))}[self.task])
        return found

    def objects(self, item_id: str, seen: Seen) -> list[dict[str, Any]]:
        """Objects that were there, changed, or added; the others of those proposed are deleted."""
        labels = [label.id for label in self.wb.taxonomy.answers]
        found: list[dict[str, Any]] = []
        for one in seen.objects if not seen.hidden else ():
            act = self.one(["keep", "relabel", "delete"])
            if act != "delete":
                found.append({"id": one["id"], "at": one["at"],
                              "label_id": one["label_id"] if act == "keep" else self.one(labels)})
        for at in self.places(item_id, 4):
            found.append({"at": at, "label_id": self.one(labels), "unsure": self.maybe(0.15),
                          "certainty": self.one([None, None, 4.0, 10.0])})
        return found


OF_IMAGES = ("memory", "files")
KINDS_OF = {"spans": ("text",), "boxes": OF_IMAGES, "polygons": OF_IMAGES, "points": OF_IMAGES}


@contextmanager
def random_project(seed: int, *, task: str, kind: str | None = None, n_items: int = 8) -> Iterator[RandomProject]:
    """A random project in a folder that goes away at the end.

    Parameters
    ----------
    seed : int
    task : str
        As in `Workbench`.
    kind : "memory", "files" or "text", optional
        Where the items are; one of those that the task can have when None.
    n_items : int
        How many items.
    """
    kinds = KINDS_OF.get(task, ("memory", "files", "text"))
    folder = Path(tempfile.mkdtemp(prefix="random-project-"))
    try:
        made = RandomProject(seed, folder, task=task, kind=kind or kinds[seed % len(kinds)], n_items=n_items)
        try:
            yield made
        finally:
            made.wb.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
