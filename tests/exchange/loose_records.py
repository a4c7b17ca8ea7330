"""Random records of texts and images, with everything that the fields of the neutral form can hold, for round trips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from odd_texts import texts
from whole_records import read, write

from hitl_widgets.exchange.format import Format
from hitl_widgets.exchange.losses import Losses
from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord, Prediction, facts, header_facts
from hitl_widgets.records import FLAGS, SHAPE_OF, ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy

# Names that break files; two labels share one.
TAXONOMY = Taxonomy({"things, or so": ["a-b c", "same/x", "B-PER", "50%"], "🎈 beings": ["same", "O", "#"],
                     "others": {"same": "with a definition,\nof two lines"}, "ünï|code": ""})
HEADERS = {task: Header(task, "text" if task in ("classify", "multilabel", "spans") else "image", TAXONOMY,
                        history=({"kind": "add", "name": "x"},), about={"purpose": "to count"})
           for task in ("classify", "multilabel", "spans", "boxes", "polygons")}
LABELS = TAXONOMY.label_ids
NAMES = st.sampled_from(["ada", "Grace Hopper", "José, the 2nd", "=eve", "👩🏽‍🚀"])
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)
WHEN = st.timedeltas(timedelta(0), timedelta(36_500)).map(lambda since: BEGIN + since)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 10**12) | st.floats(-9, 9) | texts(), lambda inner: (
    st.lists(inner, max_size=2) | st.dictionaries(texts(), inner, max_size=2)), max_leaves=4)


@st.composite
def objects(draw: st.DrawFn, task: str, text: str) -> tuple[ObjectAnswer, ...]:
    found: list[ObjectAnswer] = []
    kind = SHAPE_OF[task]
    number = st.integers(-50_000, 50_000).map(lambda n: n / 64)
    for n in range(draw(st.integers(0, 4))):
        quote = None
        at: tuple[Any, ...]
        if kind == "span":
            if not text:
                break
            start = draw(st.integers(0, len(text) - 1))
            at = start, draw(st.integers(start + 1, len(text)))
            quote = text[at[0]:at[1]]
        elif kind == "box":
            x, y = draw(number), draw(number)
            at = x, y, x + abs(draw(number)) + 1, y + abs(draw(number)) + 1
        else:
            at = tuple(draw(number) for _ in range(2 * draw(st.integers(3, 5))))
        label_id = draw(st.sampled_from(LABELS))
        act = draw(st.sampled_from(["added", "added", "accepted", "moved", "deleted"]))
        found.append(ObjectAnswer(f"o{n}", kind, at, label_id, TAXONOMY.name_of(label_id), quote=quote,
                                  certainty=draw(st.none() | st.integers(0, 10)), unsure=draw(st.booleans()), act=act,
                                  origin="person" if act == "added" else "model",
                                  score=None if act == "added" else draw(st.floats(0, 1))))
    return tuple(found)


@st.composite
def answers(draw: st.DrawFn, task: str, text: str, annotator: str) -> Answer:
    verdict = draw(st.sampled_from(["accept", "correct", "answer", "answer", "unsure", "skip"]))
    label_ids: tuple[str, ...] | None = None
    shapes: tuple[ObjectAnswer, ...] | None = None
    if task in SHAPE_OF:
        shapes = None if verdict == "skip" else draw(objects(task, text))
    elif verdict != "skip":
        label_ids = tuple(draw(st.lists(st.sampled_from(LABELS), max_size=4, unique=True))) if task == "multilabel" \
            else None if verdict == "unsure" else (draw(st.sampled_from(LABELS)),)
    return Answer(annotator, verdict, label_ids, draw(st.none() | st.integers(0, 10)),
                  flags=tuple(sorted(draw(st.sets(st.sampled_from(FLAGS), max_size=2)))),
                  note=draw(st.none() | texts()), acted_at=draw(st.none() | WHEN),
                  status=draw(st.sampled_from(["decided", "decided", "to_review"])),
                  objects=shapes, seen=draw(st.sampled_from([{}, {"arm": "blind", "hidden": True}])),
                  decision_id=draw(st.none() | st.just("d" * 12)))


@st.composite
def records(draw: st.DrawFn, task: str) -> ItemRecord:
    kind = HEADERS[task].kind
    text = draw(texts()) if kind == "text" else None
    people = draw(st.lists(NAMES, max_size=3, unique=True))
    given = tuple(draw(answers(task, text or "", one)) for one in people)
    if given and draw(st.booleans()):
        given = (Answer(CONSENSUS, "answer", given[0].label_ids if given[0].label_ids else
                        None if task in SHAPE_OF else LABELS[:1], objects=given[0].objects, share=0.5,
                        n_answers=len(given), votes=given),)
    return ItemRecord(
        draw(IDS), name=draw(st.none() | st.just("folder/é, 1.png")) if kind == "image" else None,
        size=(len(text), 1) if text is not None else
        draw(st.none() | st.tuples(st.integers(1, 9999), st.integers(1, 9999))), text=text,
        split=draw(st.sampled_from([None, "train", "holdout"])),
        metadata=draw(st.dictionaries(texts(), JSON, max_size=2)),
        gold_ids=draw(st.none() | st.just(LABELS[:1])) if task not in SHAPE_OF else None, answers=given,
        predictions=(Prediction("m1", {LABELS[0]: 0.25}),) if draw(st.booleans()) else ())


def items(task: str) -> st.SearchStrategy[list[ItemRecord]]:
    return st.lists(records(task), min_size=1, max_size=4, unique_by=lambda one: one.item_id)


def check_round_trip(format: Format, header: Header, some: Iterable[ItemRecord], path: Path, **given: Any) -> None:
    """read(write(reduce(x))) == reduce(x), told by facts, in the same order; nothing of ours is counted as lost."""
    before, kept = write(format, header, some, path, **given)
    first = path.read_bytes()
    write(format, header, some, path, **given)
    assert path.read_bytes() == first
    contents, after = read(format, path, **given)
    assert (contents.header.task, contents.header.kind) == (header.task, header.kind)
    assert missing(header_facts(before), header_facts(contents.header)) == ([], [])
    assert [one.item_id for one in after] == [one.item_id for one in kept]
    for one, other in zip(kept, after, strict=True):
        assert missing(facts(before, one), facts(contents.header, other)) == ([], [])
    assert contents.lost.counts() == {}


def missing(before: Counter[Any], after: Counter[Any]) -> tuple[list[Any], list[Any]]:
    return sorted(map(str, before - after)), sorted(map(str, after - before))



def read_lines(format: Format, path: Path, *lines: Any, **options: Any) -> tuple[Header, list[ItemRecord], Losses]:
    """Write lines of JSON, values or texts as they are, and give what a format reads of them."""
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines), "utf-8")
    contents, records = read(format, path, **options)
    return contents.header, records, contents.lost


def labels(header: Header, record: ItemRecord) -> dict[str, tuple[str, ...] | None]:
    """The names of the labels in each person's answer."""
    return {one.annotator: one.label_ids and tuple(map(header.name_of, one.label_ids)) for one in record.answers}
