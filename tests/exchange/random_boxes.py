"""Random records of boxes, polygons and points, and how a format writes and reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from whole_records import bytes_in
from whole_records import read as read
from whole_records import write as write

from hitl_widgets.exchange.format import Contents, Format
from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord, Prediction, facts, header_facts
from hitl_widgets.records import SHAPE_OF, ObjectAnswer, Region
from hitl_widgets.taxonomy.labels import Taxonomy

NAMES = ["cat", "red, blood", "a/b", "é 猫", "👩🏽\u200d🚀", "no", "1e3", "null", "x: y", "# hash", "'quoted\"",
         "<b>&amp;", "- dash", "con", "..", "%41", "back\\slash", "مرحبا", "0", "~"]
ITEM_IDS = ["plain", "a/b c.png", "ü 猫 👩🏽\u200d🚀", "con", "x,y", '"', "<&>", "=1+1", "UPPER", "upper", "..", "%20",
            "n\nl"]


def header(rng: np.random.Generator, task: str) -> Header:
    """A taxonomy with odd names, labels under others, and names that come twice."""
    names = [str(name) for name in rng.permutation(NAMES)[:int(rng.integers(1, 7))]]
    labels: list[Any] = [{"name": names[0], "definition": "the first: one"}, *names[1:]]
    if rng.random() < 0.6:
        labels += [{"name": "shoe", "labels": ["Boot", "Clog"]}, {"name": "hat", "labels": ["Boot", names[0]]}]
    attributes = [{"name": "blur", "scale": (0, 10)}] if rng.random() < 0.5 else []
    return Header(task, "image", Taxonomy(labels, attributes=attributes, version=3),
                  ({"kind": "renamed", "why": "typo"},), {"purpose": "counting cells"})


def place(rng: np.random.Generator, kind: str, size: tuple[int, int]) -> tuple[float, ...]:
    """Coordinates with three decimals at most; a polygon goes once around its middle."""
    width, height = size
    if kind == "box":
        xs, ys = (np.sort(rng.choice(1000 * side + 1, 2, replace=False)) / 1000 for side in size)
        return float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1])
    if kind == "point":
        return round(float(rng.uniform(0, width)), 3), round(float(rng.uniform(0, height)), 3)
    angles = np.sort(rng.choice(360, int(rng.integers(3, 12)), replace=False)) * np.pi / 180
    angles += np.linspace(0, 1e-3, len(angles))
    radii = rng.uniform(0.3, 0.45, len(angles))
    if len(angles) < 6:
        angles, radii = np.arange(3) * 2 * np.pi / 3 + rng.uniform(0, 6), rng.uniform(0.3, 0.45, 3)
    points = np.column_stack([width * (0.5 + radii * np.cos(angles)), height * (0.5 + radii * np.sin(angles))])
    return tuple(float(value) for value in points.round(3).ravel())


def an_object(rng: np.random.Generator, of: Header, number: int, size: tuple[int, int]) -> ObjectAnswer:
    """An object of which anything may be told."""
    kind = SHAPE_OF[of.task]
    label_id = str(rng.choice(of.taxonomy.label_ids))
    more: dict[str, Any] = {}
    if rng.random() < 0.5:
        more["certainty"] = float(rng.integers(0, 11))
    if rng.random() < 0.2:
        more["unsure"] = True
    if rng.random() < 0.4:
        act = str(rng.choice(["accepted", "moved", "deleted"]))
        more |= {"origin": "model", "act": act, "score": round(float(rng.random()), 4)}
        if act == "moved":
            more |= {"iou": round(float(rng.random()), 4),
                     "was": {"at": list(place(rng, kind, size)), "label_id": label_id}}
    return ObjectAnswer(f"o{number}", kind, place(rng, kind, size), label_id, of.names[label_id], **more)


def an_answer(rng: np.random.Generator, of: Header, annotator: str, size: tuple[int, int]) -> Answer:
    """An answer of which anything may be told."""
    verdict = str(rng.choice(["accept", "correct", "answer", "answer", "unsure", "skip"]))
    objects = None if verdict == "skip" else tuple(
        an_object(rng, of, n, size) for n in range(int(rng.integers(0, 5))))
    more: dict[str, Any] = {}
    if rng.random() < 0.5:
        more |= {"certainty": 7.0, "certainty_source": "given", "note": 'so, "odd"\nand < & >', "flags": ("ethics",)}
    if rng.random() < 0.5:
        more |= {"acted_at": datetime(2026, 3, 1, tzinfo=timezone.utc) + timedelta(seconds=int(rng.integers(10**6))),
                 "decision_id": f"decision-{int(rng.integers(10**9))}", "seen": {"model": "m", "hidden": True}}
    if rng.random() < 0.3:
        more |= {"wrong": Region((2, 2), (1, 3)), "reason": "wrong", "touched": ("o0",), "first": {"label": "x"}}
    if of.taxonomy.attributes and rng.random() < 0.5:
        more["values"] = {of.taxonomy.attributes[0].id: int(rng.integers(0, 11))}
    return Answer(annotator, verdict, objects=objects, **more)


def records(rng: np.random.Generator, of: Header, n: int = 6, *, several: bool = True) -> list[ItemRecord]:
    """Records with one answer each, a consensus with its votes, everybody's, or none."""
    made: list[ItemRecord] = []
    for item_id in [str(one) for one in rng.permutation(ITEM_IDS)[:n]]:
        size = int(rng.integers(40, 700)), int(rng.integers(40, 700))
        people = ["ann", "bo, the 2nd", "猫"][:int(rng.integers(0, 4))]
        answers = tuple(an_answer(rng, of, name, size) for name in people)
        if len(answers) > 1 and (not several or rng.random() < 0.5):
            joined = an_answer(rng, of, CONSENSUS, size)
            answers = (Answer(CONSENSUS, "answer", objects=joined.objects or (), share=0.5, n_answers=len(answers),
                              votes=answers),)
        proposals = tuple(ObjectAnswer(f"p{k}", SHAPE_OF[of.task], place(rng, SHAPE_OF[of.task], size),
                                       str(rng.choice(of.taxonomy.label_ids)), "", origin="model", act="accepted",
                                       score=round(float(rng.random()), 5)) for k in range(int(rng.integers(0, 3))))
        made.append(ItemRecord(
            item_id, name=f"shots/{len(made)}.jpg" if rng.random() < 0.7 else None, size=size,
            split=[None, "train", "holdout"][int(rng.integers(3))],
            metadata={"place": "Ulm, \"Süd\"", "n": len(made)} if rng.random() < 0.4 else {}, answers=answers,
            predictions=(Prediction("m/1 ü", {}, proposals),) if proposals and rng.random() < 0.5 else ()))
    return made


def told(of: Header, some: list[ItemRecord]) -> dict[str, Any]:
    """What records say: item id -> facts."""
    return {record.item_id: facts(of, record) for record in some}


def copy_image(record: ItemRecord, path: Path) -> None:
    """Write an image of the record's size."""
    Image.new("RGB", record.size or (40, 30), (200, 30, 60)).save(path)


def check_comes_back(format: Format, of: Header, some: list[ItemRecord], folder: Path, **options: Any
                     ) -> tuple[Contents, list[ItemRecord]]:
    """Check that what a format can hold of records is read again, and written in the same bytes each time."""
    reduced_header, reduced = write(format, of, some, folder / "a", **options)
    contents, again = read(format, folder / "a")
    assert told(contents.header, again) == told(reduced_header, reduced)
    assert header_facts(contents.header) == header_facts(reduced_header)
    assert len(contents.lost) == 0
    write(format, of, some, folder / "b", **options)
    assert bytes_in(folder / "a") == bytes_in(folder / "b")
    return contents, again


def check_copies_open(format: Format, folder: Path, n: int = 12) -> None:
    """Check that images which are copied are found again, and have the sizes of their records."""
    rng = np.random.default_rng(3)
    of = header(rng, "boxes")
    _, reduced = write(format, of, records(rng, of, n), folder / "out", copy=copy_image)
    contents, again = read(format, folder / "out")
    assert {record.item_id for record in again} == {record.item_id for record in reduced}
    for record in again:
        with Image.open(folder / "out" / contents.images[record.item_id]) as image:
            assert image.size == record.size
