"""Sets of labels and values of attributes on the card: what is packed, and what becomes of an act; no browser here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.records import Item, PredictedValue, Prediction, new_id
from hitl_widgets.taxonomy.label_sets import set_id
from hitl_widgets.testing import MemoryHost, rings, wait_for
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.keys import configured
from hitl_widgets.widgets.messages import labels_of, past_of, step_of
from hitl_widgets.widgets.packing import pack_item, pack_map

SCENES = ["indoor", "people", "night", "water"]
BLUR = hw.Attribute("blur", scale=(0, 10), definition="0 is sharp.")
VIEW = hw.Attribute("view", choices=["front", "side"], labels=["dog"])
LOOK = hw.Attribute("look", scale=(0.0, 1.0), sensitive="to measure a search engine")


def _act(item_id: str, verdict: str, label_id: str | None, **more: Any) -> dict[str, Any]:
    return {"kind": "decide", "decision_id": new_id(), "item_id": item_id, "verdict": verdict, "label_id": label_id,
            "acted_at": "2026-03-01T09:30:00.250Z", "annotator": "ada", **more}


@pytest.fixture
def reviews() -> Iterator[list[Review]]:
    opened: list[Review] = []
    yield opened
    for review in opened:
        review.close()


@pytest.fixture(autouse=True)
def projects() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


OPENED: list[hw.Workbench] = []


def _project(folder: Path, taxonomy: Any, **more: Any) -> hw.Workbench:
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), np.uint8)
    pool = hw.Pool.from_images(images, ids=[f"img-{k:02}" for k in range(12)])
    OPENED.append(hw.Workbench(folder, pool, taxonomy, annotator="ada", holdout=0, progress=False, **more))
    return OPENED[-1]


def _review(wb: hw.Workbench, reviews: list[Review]) -> Review:
    review = Review(wb.session)
    reviews.append(review)
    return review


def test_the_card_is_told_what_is_asked() -> None:
    entry = labels_of(hw.Taxonomy(["dog", "car"], attributes=[BLUR, VIEW, LOOK]))
    dog = entry["labels"][0]["label_id"]
    assert entry["attributes"] == [
        {"attribute_id": BLUR.id, "name": "blur", "kind": "ordinal", "low": 0, "high": 10, "step": 1,
         "definition": "0 is sharp."},
        {"attribute_id": VIEW.id, "name": "view", "kind": "choices", "choices": ["front", "side"], "labels": [dog]},
        {"attribute_id": LOOK.id, "name": "look", "kind": "continuous", "low": 0, "high": 1, "step": 0.01,
         "sensitive": "to measure a search engine"}]
    assert "attributes" not in labels_of(hw.Taxonomy(["dog", "car"]))


@pytest.mark.parametrize(("scale", "step"), [((0.0, 1.0), 0.01), ((-20.0, 40.0), 1), ((0.0, 5.0), 0.1),
                                             ((0, 100), 1)])
def test_a_step_of_a_scale_is_a_power_of_ten(scale: tuple[float, float], step: float) -> None:
    assert step_of(hw.Attribute("x", scale=scale)) == pytest.approx(step)


def test_keys_are_those_of_the_task() -> None:
    assert configured({}, "card", "multilabel")["accept"][0] == ["Enter"]
    assert configured({}, "card", "multilabel")["toggle"][0] == ["Space"]
    assert "search" not in configured({}, "card", "scale")
    assert configured({}, "card", "classify") == configured({})


def _packed(host: Any, position: int = 0, **more: Any) -> dict[str, Any]:
    item = replace(host.item(host.pool.ids[position]), **more)
    return dict(pack_item(host, item, blind=item.blind, annotator="ada")[0])


def test_of_several_labels_each_has_its_probability_and_the_likeliest_in_the_set_has_the_map() -> None:
    host = MemoryHost(rings(3), SCENES, task="multilabel")
    prediction = host.prediction(0)
    assert prediction is not None
    entry = _packed(host)
    assert entry["suggestion"] == prediction.suggestion
    assert dict(entry["probs"]) == {label_id: pytest.approx(p, abs=1e-4)
                                    for label_id, p in zip(prediction.label_ids, prediction.probs, strict=True)}
    members = prediction.suggestion[1:].split("+") if prediction.suggestion != "+" else prediction.label_ids
    assert entry["target"] == max(members, key=dict(entry["probs"]).__getitem__)


def test_a_label_that_the_model_does_not_know_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    host = MemoryHost(rings(3), SCENES, task="multilabel")
    known, new = host.taxonomy.label_ids[0], host.taxonomy.label_ids[1]
    probs = np.array([0.9, np.nan, 0.1, 0.2])
    monkeypatch.setattr(host, "prediction", lambda position: Prediction(
        "item-0000", host.taxonomy.label_ids, probs, "m", (set_id([known]),)))
    entry = _packed(host)
    assert entry["suggestion"] == set_id([known])
    assert new not in dict(entry["probs"])


def test_a_planted_set_is_shown_as_if_the_model_meant_it() -> None:
    host = MemoryHost(rings(3), SCENES, task="multilabel")
    prediction = host.prediction(0)
    assert prediction is not None
    own = prediction.suggestion or ""
    wrong = set_id(set(prediction.label_ids) - set(own[1:].split("+")))
    entry = _packed(host, planted=wrong)
    assert entry["suggestion"] == wrong
    assert all((p >= 0.5) == (label_id in wrong) for label_id, p in entry["probs"])
    assert entry["exposure"]["probs"] == pytest.approx(dict(_packed(host)["probs"]))


def test_suggested_values_come_as_the_card_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    host = MemoryHost(rings(3), hw.Taxonomy(["dog", "car"], attributes=[BLUR, VIEW, LOOK]))
    values = {BLUR.id: PredictedValue(BLUR.id, 3.4, 1.5, 12.0, "v1"), LOOK.id: PredictedValue(
        LOOK.id, 0.73468, 0.7, 0.8, "v1"), VIEW.id: PredictedValue(VIEW.id, "above", np.nan, np.nan, "v1")}
    monkeypatch.setattr(host, "predicted_values", lambda position: values)
    entry = _packed(host)
    assert entry["values"] == {BLUR.id: {"value": 3, "low": 1.5, "high": 12.0},
                               LOOK.id: {"value": 0.73, "low": 0.7, "high": 0.8}}, "a choice that is gone isn't shown"
    assert entry["values_model"] == "v1"
    assert "values" not in _packed(host, arm="none")


def test_values_alone_are_shown_under_an_arm_as_labels_are() -> None:
    host = MemoryHost(rings(3), hw.Taxonomy(attributes=[BLUR]), task="scale")
    entry = _packed(host, arm="answer_first", arm_probability=0.2, blind=True)
    assert (entry["answer_first"], entry["exposure"]) == (True, {"arm": "answer_first", "arm_probability": 0.2})
    assert ("suggestion" in entry, entry["target"]) == (False, BLUR.id), "the map is that of the first attribute"
    host.model = None
    assert _packed(host, arm="shown", arm_probability=0.8)["exposure"] == {"arm": "none"}


def test_the_map_of_a_choice_is_of_the_choice_that_is_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    host = MemoryHost(rings(3), hw.Taxonomy(attributes=[replace(VIEW, labels=())]), task="scale")
    predicted = {VIEW.id: PredictedValue(VIEW.id, "side", np.nan, np.nan, "v1")}
    monkeypatch.setattr(host, "predicted_values", lambda position: predicted)
    assert _packed(host)["target"] == f"{VIEW.id}=side"
    message, _ = pack_map(host, Item("item-0000", 0, "random"), "gradcam", f"{VIEW.id}=side")
    assert message["target"] == f"{VIEW.id}=side"


def test_the_log_keeps_the_map_of_an_attribute_and_what_is_said_of_it_teaches_no_label(
        tmp_path: Path, reviews: list[Review]) -> None:
    wb = _project(tmp_path / "p", hw.Taxonomy(["dog", "car"], attributes=[BLUR, VIEW]))
    dog = wb.taxonomy.label("dog").id
    region = {"size": [8, 8], "runs": [0, 8, 56]}
    said = {"reason": "wrong", "wrong": region, "values": {BLUR.id: 3, VIEW.id: "side"}, "touched": []}
    of_value, of_label = ({"taxonomy": 1, "suggestion": dog, "method": "gradcam", "target": target,
                           "display": "overlay"} for target in (f"{VIEW.id}=side", dog))
    review = _review(wb, reviews)
    assert review.receive(_act("img-00", "accept", dog, seen=of_value, **said))["kind"] == "stored"
    assert review.receive(_act("img-01", "accept", dog, seen=of_label, **said))["kind"] == "stored"
    first, second = wb.session.latest()
    assert first.seen.target == f"{VIEW.id}=side"
    assert past_of(first)["map"] == {"method": "gradcam", "target": f"{VIEW.id}=side", "display": "overlay",
                                     "against": None, "models": []}
    assert list(wb.project.reasons()) == [second.item_id], "the labels' model doesn't learn from the other"
    wb.apply(hw.edits.rename_attribute("view", "side"))
    table = wb.reasons().set_index("item_id")
    assert table["attribute"].to_dict() == {"img-00": "side", "img-01": None}
    assert table["label"].to_dict() == {"img-00": None, "img-01": "dog"}


def test_what_a_map_was_of_outlives_an_export_and_an_import(tmp_path: Path, reviews: list[Review]) -> None:
    def opened(name: str, *attributes: hw.Attribute) -> hw.Workbench:
        return _project(tmp_path / name, hw.Taxonomy(["dog", "car"], attributes=attributes))
    wb = opened("from", BLUR, VIEW)
    dog = wb.taxonomy.label("dog").id
    for item, target in (("img-00", f"{VIEW.id}=side"), ("img-01", BLUR.id), ("img-02", dog)):
        seen = {"taxonomy": 1, "suggestion": dog, "method": "gradcam", "target": target, "display": "overlay"}
        assert _review(wb, reviews).receive(_act(item, "accept", dog, seen=seen, values={}))["kind"] == "stored"
    wb.export(tmp_path / "out.jsonl", format="jsonl", labels="annotations")
    other = opened("to", hw.Attribute("blur", id="sharpness", scale=(0, 10)), VIEW)
    other.import_file(tmp_path / "out.jsonl", format="jsonl")
    own = other.taxonomy.label("dog").id
    assert [event.body["seen"]["target"] for event in other.project.log.events(kind="decided")] == [
        f"{VIEW.id}=side", "sharpness", own]


def test_a_set_is_stored_as_it_was_pressed(tmp_path: Path, reviews: list[Review]) -> None:
    wb = _project(tmp_path, SCENES, task="multilabel")
    review = _review(wb, reviews)
    assert dict(review.receive({"kind": "hello"}))["task"] == "multilabel"
    ids = {label.name: label.id for label in wb.taxonomy}
    suggested = set_id([ids["indoor"], ids["people"]])
    seen = {"suggestion": suggested, "probs": {ids["indoor"]: 0.9}, "model": "m", "taxonomy": 1}
    act = _act("img-00", "correct", set_id([ids["indoor"], ids["night"]]), touched=[ids["night"], ids["people"]],
               seen=seen)
    assert review.receive(act) == review.receive(act) == {"kind": "stored", "decision_id": act["decision_id"]}
    assert review.receive(_act("img-01", "accept", suggested, touched=[], seen=seen))["kind"] == "stored"
    assert review.receive(_act("img-02", "correct", "+", touched=[], seen=seen))["kind"] == "stored"
    table = wb.annotations().set_index("item_id")
    assert table["labels"].to_dict() == {"img-00": ("indoor", "night"), "img-01": ("indoor", "people"), "img-02": ()}
    assert table["verdict"].to_dict() == {"img-00": "correct", "img-01": "accept", "img-02": "correct"}
    [first, *_] = wb.session.latest()
    assert set(first.touched or ()) == {ids["night"], ids["people"]}
    past = past_of(first)
    assert (past["label_id"], past["touched"]) == (act["label_id"], list(first.touched or ()))


def test_values_are_stored_with_their_label_and_alone(tmp_path: Path, reviews: list[Review]) -> None:
    wb = _project(tmp_path / "beside", hw.Taxonomy(["dog", "car"], attributes=[BLUR, VIEW]))
    dog = wb.taxonomy.label("dog").id
    act = _act("img-00", "answer", dog, values={BLUR.id: 3, VIEW.id: "side"}, touched=[dog, VIEW.id],
               seen={"taxonomy": 1})
    assert _review(wb, reviews).receive(act)["kind"] == "stored"
    assert wb.values().set_index("attribute")["value"].to_dict() == {"blur": 3, "view": "side"}
    alone = _project(tmp_path / "alone", hw.Taxonomy(attributes=[BLUR]), task="scale")
    review = _review(alone, reviews)
    seen = {"values": {BLUR.id: 4}, "values_model": "v", "taxonomy": 1}
    for item, value in (("img-00", 4), ("img-01", 5)):
        assert review.receive(_act(item, "answer", None, values={BLUR.id: value}, touched=[],
                                   seen=seen))["kind"] == "stored"
    assert alone.annotations()["verdict"].tolist() == ["accept", "correct"]
    assert past_of(alone.session.latest()[-1])["values"] == {BLUR.id: 5}


@pytest.mark.parametrize(("change", "words"), [
    ({"label_id": "+Lgone"}, "Lgone"),
    ({"label_id": "Lone"}, "several labels"),
    ({"values": {"Agone": 3}}, "Agone"),
    ({"values": {BLUR.id: 11}}, "blur.*11"),
    ({"values": {BLUR.id: True}}, "True"),
    ({"values": [3]}, "values"),
    ({"values": {VIEW.id: "side"}}, "view"),
    ({"touched": "everything"}, "touched"),
])
def test_what_cannot_be_is_refused_with_a_word_and_what_was_right_is_stored_after_it(
        tmp_path: Path, reviews: list[Review], change: dict[str, Any], words: str) -> None:
    view = replace(VIEW, labels=("night",))
    wb = _project(tmp_path, hw.Taxonomy(SCENES, attributes=[BLUR, view]), task="multilabel")
    review = _review(wb, reviews)
    indoor = set_id([wb.taxonomy.label("indoor").id])
    good = _act("img-00", "answer", indoor, values={BLUR.id: 3}, touched=[], seen={"taxonomy": 1})
    reply = review.receive({**good, **change})
    assert reply["kind"] == "rejected"
    assert "again" not in reply
    assert re.search(words, reply["reason"])
    assert wb.annotations().empty
    assert review.receive({**good, "decision_id": new_id()})["kind"] == "stored"


def test_what_was_pushed_of_a_blind_item_is_kept_back_by_the_page_alone(reviews: list[Review]) -> None:
    host = MemoryHost(rings(30), hw.Taxonomy(SCENES, attributes=[BLUR]), task="multilabel", blind=("item-0000",))
    review = Review(host)
    reviews.append(review)
    pushed: list[dict[str, Any]] = []
    review.feed.push = lambda message, buffers=None: pushed.append(message)  # type: ignore[method-assign]
    review.receive({"kind": "hello"})
    wait_for(lambda: any(message["kind"] == "map" for message in pushed))
    first = next(message["item"] for message in pushed if message["kind"] == "item")
    assert (first["item_id"], first["blind"]) == ("item-0000", True)
    assert "suggestion" in first
    assert "item-0000" not in {message["item_id"] for message in pushed if message["kind"] == "map"}
    map_of = next(message for message in pushed if message["kind"] == "map")
    item = next(message["item"] for message in pushed
                if message["kind"] == "item" and message["item"]["item_id"] == map_of["item_id"])
    assert map_of["target"] == item["target"]


def test_an_item_asked_again_names_the_labels_among_which_it_is_in_doubt() -> None:
    host = MemoryHost(rings(3), SCENES, task="multilabel")
    item = Item("item-0000", 0, "relabel", candidates=host.taxonomy.label_ids[:2])
    entry, _ = pack_item(host, item, blind=False, annotator="ada")
    assert entry["candidates"] == list(host.taxonomy.label_ids[:2])
