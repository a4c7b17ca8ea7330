"""Headers and records in which every field is set, by hand and by chance, for tests of formats.

How a format writes and reads any records is here, too: `write`, `read`, `bytes_in`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hitl_widgets.exchange.files import Source, Target
from hitl_widgets.exchange.format import Contents, Format
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction, facts, header_facts
from hitl_widgets.records import FLAGS, SHAPE_OF, ObjectAnswer, Region
from hitl_widgets.taxonomy.labels import Label, Taxonomy

AT = datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=timezone.utc)
# Names that syntaxes stumble over: two of one name under two parents, commas, slashes, formulas, what pandas drops.
TAXONOMY = Taxonomy(
    [Label("Lanimal", "animal", definition="it\nlives"), Label("Lcat", "cat", parent="Lanimal", key="c"),
     Label("Ltoy", "toy, or other", colour="#1b9e77", ratings={"ease": 2.5}, sensitive="care"),
     Label("Lcat2", "cat", parent="Ltoy", examples=("a.png",), edge_cases={"tiny": ("b.png",)}),
     Label("Lcar", "=car/van; \"old\""), Label("Lna", "NA"), Label("Lsun", "🌞 sun's"), Label("Lplus", "+1"),
     Label("Ldash", "-"), Label("Lquote", "'=quoted'"), Label("Lwide", "＝wide")],
    version=7, inner_answers=False, former_ids=["Lgone"],
    attributes=[{"name": "blur", "scale": (0, 10)}, {"name": "share, of it", "scale": (0.0, 1.0)},
                {"name": "note", "choices": ["NA", "=front", "a, b"], "labels": ["Lanimal"], "sensitive": "why"}])
BLUR, SHARE, NOTE = (attribute.id for attribute in TAXONOMY.attributes)
KINDS = {"spans": "text"}


def header(task: str = "classify", kind: str | None = None) -> Header:
    """A header in which everything is set."""
    return Header(task, kind or KINDS.get(task, "image"), TAXONOMY,
                  ({"edit": {"kind": "rename", "from": "a", "to": "b"}, "acted_at": AT.isoformat()}, {"edit": {}}),
                  {"purpose": "research\n", "n": 3})


def _objects(shape: str) -> tuple[ObjectAnswer, ...]:
    places: dict[str, list[tuple[Any, ...]]] = {
        "box": [(0, 0, 5.25, 7.125), (10.5, 3.001, 90.0, 47.9)], "point": [(1.5, 2.25), (7, 9)],
        "polygon": [(0.5, 0.25, 10, 0, 10, 8.125), (1, 1, 5, 1, 5, 5, 1, 5)], "span": [(0, 3), (4, 9)]}
    first, second = places[shape]
    quotes: list[dict[str, Any]] = [{"quote": "one"}, {"quote": "two,\n"}] if shape == "span" else [{}, {}]
    return (ObjectAnswer("o1", shape, first, "Lcat", "animal / cat", 7.5, True, "model", "moved",  # type: ignore[arg-type]
                         0.75, 0.875, {"at": [*second], "label_id": "Lcat2"}, **quotes[0]),
            ObjectAnswer("o2", shape, second, "Lcar", "=car/van; \"old\"", **quotes[1]),  # type: ignore[arg-type]
            ObjectAnswer("o3", shape, first, "Lna", "NA", origin="model", act="deleted", score=0.5))  # type: ignore[arg-type]


def answer(task: str, annotator: str = "ann", **more: Any) -> Answer:
    """An answer in which every field is set, but for those of a consensus."""
    label_ids = {"classify": ("Lcat",), "multilabel": ("Lcar", "Lna")}.get(task)
    objects = _objects(SHAPE_OF[task]) if task in SHAPE_OF else None
    return dataclasses.replace(Answer(
        annotator, "correct", label_ids, 7.5, "given", ("bad_data", "second_look"), "=1+1\nwell, \"so\" '", AT,
        "decided", {BLUR: 3, SHARE: 0.25, NOTE: "NA"}, objects, "wrong",
        Region((2, 3), (1, 2, 3)), Region((2, 3), (0, 6)),
        {"suggestion": "Lcar", "probs": {"Lcat": 0.25, "Lcar": 0.75}, "model": "m1", "arm": "shown"}, "decision-1",
        ("Lcat", BLUR), {"label_id": "Lcar", "label": "car", "verdict": "answer"}, ("Lgone", "gone", 3)), **more)


def records(task: str) -> list[ItemRecord]:
    """Records of a task: with everything, with answers of several kinds, and with nothing at all."""
    text = "one two,\n three" if KINDS.get(task) else None
    vote = answer(task)
    unsure = Answer("bob", "unsure", objects=() if task in SHAPE_OF else None, acted_at=AT + timedelta(days=1))
    consensus = dataclasses.replace(
        answer(task, "consensus"), verdict="answer", certainty=None, share=0.625, n_answers=2, votes=(vote, unsure))
    probs = {"Lcat": 0.25, "Lcar": 0.75} if task not in SHAPE_OF else {}
    proposals = tuple(dataclasses.replace(one, id=f"p{n}", origin="model", act="accepted", was=None, unsure=False)
                      for n, one in enumerate(_objects(SHAPE_OF[task]))) if task in SHAPE_OF else ()
    known = {"gold_ids": ("Lcat",)} if task == "classify" else {"gold_ids": ("Lcar", "Lna")} \
        if task == "multilabel" else {}
    whole = ItemRecord("a/1, \"one\".png", "photos/a 1.png", (640, 480), text, "holdout",
                       {"camera": "x, y", "n": [1, 2.5, None, {"deep": True}]}, **known,
                       gold_values={BLUR: 4, NOTE: "=front"}, answers=(consensus,),
                       predictions=(Prediction("m1", probs, proposals), Prediction("m,2")))
    several = ItemRecord("007", None, None, text, "train", answers=(
        vote, unsure, Answer("eve", "skip", note=""), answer(
            task, "🌞", status="to_review", label_ids=() if task == "multilabel" else None, values={}, touched=(),
            note="NA", certainty=0.0)))
    return [whole, several, ItemRecord("nothing"), ItemRecord("=cmd|' /C calc'!A0", answers=(vote,))]


def write(format: Format, of: Header, records: Iterable[ItemRecord], path: Path, *,
          copy: Callable[[ItemRecord, Path], None] | None = None, **options: Any) -> tuple[Header, list[ItemRecord]]:
    """Write to a path what a format can hold of records and their header, which is returned."""
    options = {**format.options, **options}
    header = format.reduce_header(of, options)
    kept = [one for record in records if (one := format.reduce(header, record, options)) is not None]
    if format.folder:
        path.mkdir()
    format.write(header, iter(kept), Target(path, folder=format.folder, copy_image=copy), options)
    return header, kept


def written(format: Format, of: Header, records: Iterable[ItemRecord], path: Path, **options: Any) -> Path:
    """As `write`, and give the path."""
    write(format, of, records, path, **options)
    return path


def read(format: Format, path: Path, **options: Any) -> tuple[Contents, list[ItemRecord]]:
    """What a file says, with all of its records."""
    assert format.read is not None
    contents = format.read(Source(path), {**format.options, **options})
    return contents, list(contents.records)


def bytes_in(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of each file in a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def check_every_field_comes_back(format: Format, task: str, folder: Path) -> None:
    """Check that a format of ours holds everything, and gives the same bytes for it each time."""
    of, given = header(task), records(task)
    path = written(format, of, given, folder / "a")
    contents, again = read(format, path)
    assert contents.header == of
    assert header_facts(contents.header) == header_facts(of)
    assert again == given
    assert [facts(of, one) for one in again] == [facts(of, one) for one in given]
    assert len(contents.lost) == 0
    assert bytes_in(written(format, of, given, folder / "b")) == bytes_in(path)


def check_any_texts_come_back(format: Format, task: str, data: st.DataObject, path: Path) -> None:
    """Check that a format of ours holds records by chance."""
    of = data.draw(random_headers(task))
    given = data.draw(random_records(of))
    contents, again = read(format, written(format, of, given, path))
    assert (contents.header, again) == (of, given)


# -- by chance -----------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=15).filter(
    lambda name: bool(name.strip()) and " / " not in name)
values = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | texts
                      | st.floats(allow_nan=False, allow_infinity=False),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
                      max_leaves=5)
numbers = st.integers(0, 100_000).map(lambda n: n / 1000)


@st.composite
def random_headers(draw: Any, task: str = "classify") -> Header:
    """A flat taxonomy of names by chance."""
    labels = draw(st.lists(names, min_size=1, max_size=5, unique_by=lambda name: Taxonomy([name]).labels[0].name))
    return Header(task, KINDS.get(task, "image"), Taxonomy(labels), (),
                  draw(st.dictionaries(texts, values, max_size=2)))


@st.composite
def random_answers(draw: Any, of: Header) -> Answer:
    """An answer with fields by chance."""
    ids = list(of.taxonomy.label_ids)
    label_ids: Any = None
    if of.task == "classify":
        label_ids = draw(st.none() | st.sampled_from(ids).map(lambda one: (one,)))
    elif of.task == "multilabel":
        label_ids = draw(st.none() | st.lists(st.sampled_from(ids), unique=True).map(sorted).map(tuple))
    objects = None
    if of.shape is not None:
        objects = tuple(draw(st.lists(random_objects(of), max_size=3)))
    return Answer(
        draw(names.map(str.strip)), draw(st.sampled_from(["accept", "correct", "answer", "unsure"])), label_ids,
        draw(st.none() | numbers.map(lambda n: n / 10)), draw(st.sampled_from([None, "given", "carried"])),
        tuple(sorted(draw(st.sets(st.sampled_from(FLAGS))))), draw(st.none() | texts),
        draw(st.none() | st.datetimes(timezones=st.just(timezone.utc))), objects=objects,
        seen=draw(st.dictionaries(texts, values, max_size=2)))


@st.composite
def random_objects(draw: Any, of: Header) -> ObjectAnswer:
    """An object with coordinates by chance."""
    shape: Any = of.shape
    if shape == "span":
        start = draw(st.integers(0, 1000))
        at: tuple[Any, ...] = start, start + draw(st.integers(1, 50))
    else:
        x, y = draw(numbers), draw(numbers)
        at = {"point": (x, y), "box": (x, y, x + draw(numbers) + 1, y + draw(numbers) + 1),
              "polygon": (x, y, x + 1, y, x, y + draw(numbers) + 1)}[shape]
    label_id = draw(st.sampled_from(of.taxonomy.label_ids))
    return ObjectAnswer(draw(names), shape, at, label_id, of.name_of(label_id), draw(st.none() | numbers.map(
        lambda n: n / 10)), draw(st.booleans()))


@st.composite
def random_records(draw: Any, of: Header) -> list[ItemRecord]:
    """Records with ids, names, notes and metadata by chance."""
    ids = draw(st.lists(texts.filter(bool), min_size=1, max_size=4, unique=True))
    return [ItemRecord(item_id, draw(st.none() | texts.filter(bool)), text=draw(st.none() | texts),
                       split=draw(st.sampled_from([None, "train", "holdout"])),
                       metadata=draw(st.dictionaries(texts, values, max_size=2)),
                       answers=tuple(draw(st.lists(random_answers(of), max_size=3, unique_by=lambda a: a.annotator))))
            for item_id in ids]
