"""Records of every task, drawn at random: what a project may say of its items, for round trips through formats."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from odd_texts import texts

from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord, Prediction
from hitl_widgets.records import FLAGS, OBJECT_ACTS, OBJECT_TASKS, SHAPE_OF, TASKS, ObjectAnswer, Region
from hitl_widgets.taxonomy.attributes import Attribute
from hitl_widgets.taxonomy.labels import Taxonomy

LABELS: dict[str, Any] = {"shoe": ["Boot", "Sneaker, low"], "hat": ["Boot", "cap/beanie"], "a 🎈": "carried, not worn",
                          "<&\"'>": "", "$price": "", "ab\ufffec": "", "مرحبا": "", "- dash": ""}
ATTRIBUTES = [Attribute("stars", scale=(1, 5)), Attribute("blur, in all", scale=(0, 10)),
              Attribute("share", scale=(0.0, 1.0)),
              Attribute("view", choices=["front, left", "$side", "<&>", "a\uffff"]),
              Attribute("label", choices=["yes", "no"])]
SIZE = (640, 480)


def odd_text(most: int = 12) -> st.SearchStrategy[str]:
    """Notes and names of any signs that can be kept."""
    return texts().map(lambda text: text.replace("\0", "")[:most] or "x")


def headers(tasks: tuple[str, ...] = TASKS) -> st.SearchStrategy[Header]:
    """Headers of a task, with images or texts where it may have both."""
    def of(task: str, kind: str, attributes: list[Attribute], inner: bool) -> Header:
        if task in OBJECT_TASKS:
            kind = "text" if task == "spans" else "image"
        taxonomy = Taxonomy(() if task == "scale" else LABELS, inner_answers=inner,
                            attributes=attributes or ATTRIBUTES[:1] if task == "scale" else attributes)
        return Header(task, kind, taxonomy, ({"op": "add", "name": "hat"},), {"purpose": "a test 🎈"})
    return st.builds(of, st.sampled_from(tasks), st.sampled_from(["image", "text"]),
                     st.lists(st.sampled_from(ATTRIBUTES), unique_by=lambda one: one.id), st.booleans())


@st.composite
def records(draw: st.DrawFn, header: Header, item_id: str) -> ItemRecord:
    """A record of an item."""
    text = draw(texts()) if header.kind == "text" else None
    size = (len(text), 1) if text is not None else draw(st.sampled_from([SIZE, (3, 1), (1999, 2001)]))
    some = st.sampled_from(header.taxonomy.label_ids) if header.taxonomy.label_ids else None
    gold = None if some is None or header.task in OBJECT_TASKS else draw(st.none() | label_ids(header))
    return ItemRecord(
        item_id, size=size, text=text,
        name=draw(st.none() | st.just(f"folder/{item_id}.png")) if text is None else None,
        split=draw(st.sampled_from([None, "train", "holdout"])), gold_ids=gold, gold_values=draw(values(header)),
        metadata=draw(st.dictionaries(odd_text(), odd_text() | st.integers() | st.just([1, {"a": None}]), max_size=2)),
        answers=tuple(draw(st.lists(answers(header, size, text), max_size=3))),
        predictions=tuple(draw(st.lists(predictions(header, size, text), max_size=2, unique_by=lambda one: one.model))))


def label_ids(header: Header) -> st.SearchStrategy[tuple[str, ...]]:
    """The labels of an answer: one, or some."""
    some = st.sampled_from(header.taxonomy.label_ids)
    return st.lists(some, unique=True, max_size=3).map(tuple) if header.task == "multilabel" else st.tuples(some)


def values(header: Header) -> st.SearchStrategy[dict[str, Any]]:
    """Values of some attributes."""
    def of(attribute: Attribute) -> st.SearchStrategy[Any]:
        if attribute.kind == "continuous":
            return st.floats(*attribute.scale).map(attribute.check)  # type: ignore[misc]
        return st.sampled_from(attribute.steps)
    return st.fixed_dictionaries({}, optional={one.id: of(one) for one in header.taxonomy.attributes})


@st.composite
def objects(draw: st.DrawFn, header: Header, size: tuple[int, int], text: str | None,
            proposals: bool = False) -> tuple[ObjectAnswer, ...]:
    """Objects of an answer, and deleted proposals; or proposals alone."""
    found = []
    for n in range(draw(st.integers(0, 3))):
        at = draw(places(SHAPE_OF[header.task], size))
        label_id = draw(st.sampled_from(header.taxonomy.label_ids))
        act = "accepted" if proposals else draw(st.sampled_from(OBJECT_ACTS))
        score = draw(st.floats(0, 1)) if proposals else draw(st.none() | st.floats(0, 1))
        more: dict[str, Any] = {} if proposals else {
            "certainty": draw(st.none() | st.floats(0, 10)), "unsure": draw(st.booleans()),
            "iou": draw(st.none() | st.floats(0, 1)),
            "quote": draw(st.sampled_from([None, text[at[0]:at[1]]])) if text is not None else None,
            "was": {"at": list(at), "label_id": label_id} if act in ("moved", "relabelled") else None}
        found.append(ObjectAnswer(f"o{draw(st.sampled_from([n, 0]))}", SHAPE_OF[header.task], at, label_id,
                                  header.taxonomy.name_of(label_id), act=act, score=score,
                                  origin="person" if act == "added" else "model", **more))
    return tuple(found)


def places(kind: str, size: tuple[int, int]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Places of an object in an item of a size."""
    x, y = (st.floats(0, side, allow_nan=False) for side in size)
    if kind == "span":
        ends = st.lists(st.integers(0, size[0]), min_size=2, max_size=2, unique=True)
        return ends.map(lambda two: tuple(sorted(two)))
    if kind == "point":
        return st.tuples(x, y)
    if kind == "box":
        return st.tuples(x, y, x, y).map(lambda at: (*map(min, at[:2], at[2:]), *map(max, at[:2], at[2:]))).filter(
            lambda at: at[2] - at[0] > 0.01 and at[3] - at[1] > 0.01)
    return st.lists(st.tuples(x, y), min_size=3, max_size=5, unique_by=lambda point: (round(point[0]), round(point[1]))
                    ).map(lambda points: tuple(one for point in points for one in point)) if min(size) > 5 else \
        st.just((0.0, 0.0, float(size[0]), 0.0, float(size[0]), float(size[1])))


@st.composite
def answers(draw: st.DrawFn, header: Header, size: tuple[int, int], text: str | None, votes: bool = True) -> Answer:
    """An answer of somebody, or of all together."""
    verdict = draw(st.sampled_from(["accept", "correct", "answer", "answer", "unsure", "skip"]))
    has_labels = header.task in ("classify", "multilabel") and verdict != "skip"
    labels = draw(label_ids(header)) if has_labels and (verdict != "unsure" or draw(st.booleans())) else None
    found = draw(objects(header, size, text)) if header.task in OBJECT_TASKS and verdict != "skip" else None
    region = Region((2, 2), (1, 2, 1))
    more: dict[str, Any] = {}
    if votes and draw(st.booleans()):
        more = {"annotator": CONSENSUS, "share": draw(st.floats(0, 1)), "n_answers": 2,
                "votes": tuple(draw(st.lists(answers(header, size, text, votes=False), max_size=2)))}
    label_id = next(iter(header.taxonomy.label_ids), None)
    return Answer(**{
        "annotator": draw(odd_text().map(str.strip).filter(bool)), "verdict": verdict, "label_ids": labels,
        "objects": found if verdict != "unsure" or draw(st.booleans()) else None,
        "values": draw(values(header)) if verdict != "skip" else {},
        "certainty": draw(st.none() | st.floats(0, 10)), "certainty_source": draw(st.sampled_from([None, "given"])),
        "flags": tuple(sorted(draw(st.sets(st.sampled_from(FLAGS), max_size=2)))), "note": draw(st.none() | odd_text()),
        "acted_at": draw(st.none() | st.timedeltas(timedelta(0), timedelta(9999)).map(
            lambda since: datetime(2020, 1, 1, tzinfo=timezone.utc) + since)),
        "status": draw(st.sampled_from(["decided", "decided", "to_review", "presumed"])),
        "reason": draw(st.sampled_from([None, "right", "wrong"])), "wrong": draw(st.sampled_from([None, region])),
        "seen": draw(st.sampled_from([{}, {"shown_ms": 1234.5, "probs": {"La": 0.25}, "arm": "shown",
                                           "arm_probability": 0.5}])),
        "decision_id": draw(st.none() | st.just("decision-1")),
        "touched": draw(st.none() | st.just(("La", "Lb"))),
        "first": draw(st.none() | st.just({"label_id": label_id, "verdict": "answer"})),
        "as_decided": draw(st.none() | st.just(("Lold", "old name", 3))), **more})


@st.composite
def predictions(draw: st.DrawFn, header: Header, size: tuple[int, int], text: str | None) -> Prediction:
    """What a model says."""
    model = draw(odd_text())
    if header.task in OBJECT_TASKS:
        return Prediction(model, objects=draw(objects(header, size, text, proposals=True)))
    if header.task == "scale":
        return Prediction(model)
    return Prediction(model, draw(st.dictionaries(st.sampled_from(header.taxonomy.label_ids), st.floats(0, 1))))
