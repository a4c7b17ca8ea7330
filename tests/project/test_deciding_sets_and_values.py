"""Are answers of several labels, and values of attributes, kept as they were given, and refused where they can't be?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.taxonomy.label_sets import set_id

SCENES = ["indoor", "people", "night"]
ANIMALS = hw.Taxonomy(["dog", "car"], attributes=[
    hw.Attribute("blur", scale=(0, 10)), hw.Attribute("view", choices=["front", "side"], labels=["dog"])])
BLUR = hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10)), hw.Attribute("tone", scale=(0.0, 1.0))])


def _open(folder: Path, taxonomy: Any = None, **more: Any) -> hw.Workbench:
    images = np.random.default_rng(0).integers(0, 255, (12, 8, 8), np.uint8)
    pool = hw.Pool.from_images(images, ids=[f"img-{k:02}" for k in range(12)])
    return hw.Workbench(folder, pool, taxonomy, annotator="ann", holdout=0, progress=False, **more)


@pytest.fixture
def scenes(tmp_path: Path) -> hw.Workbench:
    return _open(tmp_path, SCENES, task="multilabel")


@pytest.fixture
def animals(tmp_path: Path) -> hw.Workbench:
    return _open(tmp_path, ANIMALS)


@pytest.fixture
def scale(tmp_path: Path) -> hw.Workbench:
    return _open(tmp_path, BLUR, task="scale")


# Sets


def test_a_set_of_labels_is_one_answer(scenes: hw.Workbench) -> None:
    decision = scenes.decide("img-00", labels=["night", "indoor"], touched=["night"], certainty=7)
    assert (decision.verdict, decision.label) == ("answer", "indoor, night")
    scenes.decide("img-01", labels=[])
    scenes.decide("img-02", "unsure")
    table = scenes.annotations().set_index("item_id")
    assert table["labels"].to_dict() == {"img-00": ("indoor", "night"), "img-01": (), "img-02": None}
    rows = scenes.labels_table()
    assert list(rows.columns) == ["item_id", "annotator", "label", "value", "certainty"]
    assert rows.pivot(index="item_id", columns="label", values="value")[SCENES].to_numpy().tolist() == [
        [True, False, True], [False, False, False]]
    assert scenes.history()["body"].iloc[-3]["touched"] == [scenes.taxonomy.label("night").id]


def test_a_set_that_equals_the_visible_suggestion_is_accepted(scenes: hw.Workbench) -> None:
    suggested = scenes.taxonomy.label_set(["indoor", "night"])
    seen = {"suggestion": suggested, "probs": {"indoor": 0.9, "night": 0.8, "people": 0.7}, "taxonomy": 1}
    assert scenes.decide("img-00", labels=["night", "indoor"], seen=seen).verdict == "accept"
    assert scenes.decide("img-01", labels=["night"], seen=seen).verdict == "correct"
    assert scenes.decide("img-02", labels=["night", "indoor"], seen={**seen, "hidden": True}).verdict == "answer"
    assert scenes.decide("img-03", "accept", seen=seen).label_ids == tuple(sorted(suggested[1:].split("+")))


@pytest.mark.parametrize("what", [{"label": "indoor"}, {"labels": "indoor"}, {"labels": ["day"]}, {"labels": [3]}, {},
                                  {"labels": ["indoor"], "values": {"blur": 1}}, {"label": "indoor", "labels": []}])
def test_what_is_no_set_is_refused_and_nothing_is_lost(scenes: hw.Workbench, what: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        scenes.decide("img-00", **what)
    assert scenes.annotations().empty


def test_a_merge_joins_and_a_split_asks_which(scenes: hw.Workbench) -> None:
    scenes.decide("img-00", labels=["indoor", "night"])
    scenes.decide("img-01", labels=["people"])
    edit = scenes.apply(edits.split("indoor", ["kitchen", "office"]))
    table = scenes.annotations().set_index("item_id")
    assert table["status"].to_dict() == {"img-00": "to_review", "img-01": "decided"}
    known = scenes.labels_table()
    assert {(row.item_id, row.label): row.value for row in known.itertuples()} == {
        ("img-00", "night"): True, ("img-00", "people"): False, ("img-01", "kitchen"): False,
        ("img-01", "office"): False, ("img-01", "people"): True, ("img-01", "night"): False}
    assert scenes.relabel_queue()["item_id"].tolist() == ["img-00"]
    scenes.revert(edit.id)
    assert scenes.annotations()["status"].tolist() == ["decided", "decided"]
    scenes.apply(edits.merge(["night", "people"], into="after dark"))
    assert scenes.annotations().set_index("item_id")["labels"].to_dict() == {
        "img-00": ("indoor", "after dark"), "img-01": ("after dark",)}


def test_an_added_label_is_unknown_in_what_was_answered_before(scenes: hw.Workbench) -> None:
    scenes.decide("img-00", labels=["indoor"])
    scenes.apply(edits.add("sunny"))
    scenes.decide("img-01", labels=[])
    matrix = scenes.project.answers().label_matrix()
    sunny = matrix.label_ids.index(scenes.taxonomy.label("sunny").id)
    assert np.isnan(matrix.on[0, sunny])
    assert matrix.on[1, sunny] == 0
    assert scenes.annotations()["status"].tolist() == ["decided", "decided"]


def test_a_retired_label_leaves_the_sets_and_one_with_others_under_it_is_asked_again(scenes: hw.Workbench) -> None:
    scenes.decide("img-00", labels=["indoor", "night"])
    scenes.apply(edits.retire("night"))
    assert scenes.annotations()["labels"].tolist() == [("indoor",)]
    scenes.apply(edits.add("kitchen", under="indoor"))
    assert scenes.annotations()["status"].tolist() == ["to_review"]


def test_the_matrix_has_the_share_of_the_answers(tmp_path: Path) -> None:
    wb = _open(tmp_path, SCENES, task="multilabel", annotators_per_item=2)
    wb.decide("img-00", labels=["indoor"])
    wb.decide("img-00", labels=["indoor", "night"], annotator="ben")
    matrix = wb.project.answers().label_matrix()
    assert matrix.on.tolist() == [[1.0, 0.0, 0.5]]
    assert matrix.n_answers.tolist() == [2]


def test_the_task_is_fixed_when_a_project_is_made(tmp_path: Path) -> None:
    _open(tmp_path / "a", SCENES, task="multilabel").close()
    assert _open(tmp_path / "a").project.task == "multilabel"
    with pytest.raises(BadInput, match="task='multilabel'"):
        _open(tmp_path / "a", task="classify")
    with pytest.raises(BadInput, match="one of classify, multilabel, scale"):
        _open(tmp_path / "b", SCENES, task="sets")
    with pytest.raises(BadInput, match="has none"):
        _open(tmp_path / "c", SCENES, task="scale")
    with pytest.raises(BadInput, match="only attributes"):
        _open(tmp_path / "d", BLUR)
    wb = _open(tmp_path / "e", SCENES)
    assert "task" not in wb.history()["body"].iloc[0]
    with pytest.raises(BadInput, match="task='multilabel'"):
        wb.decide("img-00", labels=["indoor"])


# Values


def test_values_stand_beside_a_label(animals: hw.Workbench) -> None:
    decision = animals.decide("img-00", label="dog", values={"view": "side", "blur": 3})
    assert list(decision.values.values()) == [3, "side"]
    animals.decide("img-01", label="car")
    table = animals.values()
    assert list(table.columns) == ["item_id", "annotator", "attribute", "value", "certainty", "decision_id", "status"]
    assert table[["item_id", "attribute", "value", "status"]].to_numpy().tolist() == [
        ["img-00", "blur", 3, "decided"], ["img-00", "view", "side", "decided"]]
    animals.decide("img-00", label="dog", values={"blur": 5})
    assert animals.values()["value"].tolist() == [5]
    animals.retract(animals.annotations().set_index("item_id").loc["img-00", "decision_id"])
    assert animals.values()["value"].tolist() == [3, "side"]


@pytest.mark.parametrize(("what", "expected"), [
    ({"label": "car", "values": {"view": "side"}}, "isn't asked of 'car', only of dog"),
    ({"label": "dog", "values": {"blur": 11}}, "from 0 to 10"), ({"label": "dog", "values": {"size": 1}}, "size"),
    ({"label": "dog", "values": [3]}, "a mapping"), ({"values": {"blur": 1}}, "neither a verdict nor a label"),
    ({"verdict": "skip", "values": {"blur": 1}}, "a skip carries no values")])
def test_values_that_cant_be_are_refused(animals: hw.Workbench, what: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        animals.decide("img-00", **what)
    assert animals.annotations().empty


def test_values_alone_are_an_answer_and_compared_with_those_suggested(scale: hw.Workbench) -> None:
    blur = scale.taxonomy.attribute("blur").id
    seen = {"values": {"blur": 4}, "values_model": "v1", "taxonomy": 1}
    assert scale.decide("img-00", values={"blur": 4}).verdict == "answer"
    assert scale.decide("img-01", values={"blur": 4}, seen=seen).verdict == "accept"
    assert scale.decide("img-02", values={"blur": 5}, seen=seen).verdict == "correct"
    assert scale.decide("img-03", values={"blur": 4}, seen={**seen, "hidden": True}).verdict == "answer"
    assert dict(scale.decide("img-04", "accept", seen=seen).values) == {blur: 4}
    assert scale.decide("img-05", "unsure").closes
    with pytest.raises(BadInput, match="without a label"):
        scale.decide("img-06", label="dog")
    with pytest.raises(BadInput, match="neither a verdict nor a value"):
        scale.decide("img-06")
    votes = scale.project.answers().value_votes()
    assert votes.set_index("item_id")["suggested"].to_dict() == {"img-00": None, "img-01": 4, "img-02": 4, "img-03": 4,
                                                                 "img-04": 4}
    assert len(scale.next(20)) == 6


def test_values_that_a_skip_put_off_are_no_label(tmp_path: Path) -> None:
    with _open(tmp_path, BLUR, task="scale") as scale:
        scale.decide("img-00", values={"blur": 4, "tone": 0.5})
        scale.decide("img-00", "skip")
        scale.decide("img-01", values={"blur": 7, "tone": 0.5})
    with _open(tmp_path, BLUR, task="scale") as again:
        assert again.annotations().set_index("item_id")["verdict"].to_dict() == {"img-00": "skip", "img-01": "answer"}
        assert "img-00" in [item.id for item in again.next(12)]


def test_values_alone_agree_with_no_label_that_is_known_or_was_suggested(tmp_path: Path) -> None:
    taxonomy = hw.Taxonomy(["dog"], attributes=[hw.Attribute("blur", scale=(0, 10))])
    with _open(tmp_path, taxonomy, task="scale", audit=1.0) as wb:
        dog = wb.taxonomy.label("dog").id
        wb.project.record("gold", {"answers": {"img-00": dog}, "taxonomy": 1})
        wb.decide("img-00", values={"blur": 4})
        for k in range(1, 12):
            wb.decide(f"img-{k:02}", values={"blur": 4}, seen={"suggestion": dog, "taxonomy": 1, "model": "m"})
        [answer] = wb.project.people.gold_answers().to_dict("records")
        assert (answer["item_id"], answer["label"], answer["truth"]) == ("img-00", None, dog)
        assert len(wb.project.people.table("ann")[0]) == 0
        assert "audit" not in repr(wb.progress())


def test_what_was_suggested_and_touched_is_in_the_log(scale: hw.Workbench) -> None:
    scale.decide("img-00", values={"blur": 4, "tone": 0.5}, touched=["blur"],
                 seen={"values": {"blur": 3, "tone": 0.5}, "values_model": "v1", "taxonomy": 1})
    body = scale.history()["body"].iloc[-1]
    blur, tone = (scale.taxonomy.attribute(name).id for name in ("blur", "tone"))
    assert body["values"] == {blur: 4, tone: 0.5}
    assert body["touched"] == [blur]
    assert body["seen"]["values"] == {blur: 3, tone: 0.5}
    assert body["seen"]["values_model"] == "v1"


def test_sending_a_decision_again_stores_it_once(scenes: hw.Workbench) -> None:
    for wb, what in ((scenes, {"labels": ["indoor"]}),):
        first, again = (wb.decide("img-00", id="decision-0001", **what) for _ in range(2))
        assert first.stored_at == again.stored_at
        with pytest.raises(BadInput):
            wb.decide("img-00", id="decision-0001", labels=["night"])


def test_a_workbench_that_is_opened_again_reads_the_same(tmp_path: Path) -> None:
    wb = _open(tmp_path, SCENES, task="multilabel")
    wb.decide("img-00", labels=["indoor", "night"])
    wb.gold({"img-05": ["night"]})
    before = wb.annotations()
    wb.close()
    again = _open(tmp_path)
    assert again.annotations().equals(before)
    assert again.gold() == {"img-05": ("night",)}
    with pytest.raises(UnknownLabel):
        again.gold({"img-06": ["day"]})


def test_label_states_follow_like_and_merges(scenes: hw.Workbench) -> None:
    indoor, people, night = scenes.taxonomy.label_ids
    scenes.apply(edits.add("crowd", like=["people"]))
    crowd = scenes.taxonomy.label("crowd").id
    lineage = scenes.project.lineage
    assert lineage.label_states(set_id([people]), 1) == {indoor: False, people: None, night: False, crowd: None}
    assert lineage.label_states(set_id([night]), 1) == {indoor: False, people: False, night: True, crowd: False}
    assert lineage.resolve(set_id([people, night]), 1) == (people, crowd)
    assert lineage.cause_of_doubt(set_id([people, night]), 1) == lineage.steps[-1]
    scenes.apply(edits.retire("crowd"))  # where people were on they are asked again; where they were off they stay off
    lineage = scenes.project.lineage
    assert lineage.label_states(set_id([people]), 1) == {indoor: False, people: None, night: False}
    assert lineage.label_states(set_id([night]), 1) == {indoor: False, people: False, night: True}


def test_what_is_added_among_a_label_that_is_then_retired_stays_off_where_that_was_off(scenes: hw.Workbench) -> None:
    indoor, people, night = scenes.taxonomy.label_ids
    scenes.apply(edits.add("crowd", like=["people"]))
    crowd = scenes.taxonomy.label("crowd").id
    scenes.apply(edits.retire("people"))
    lineage = scenes.project.lineage
    assert lineage.label_states(set_id([people]), 1) == {indoor: False, night: False, crowd: None}
    assert lineage.label_states(set_id([night]), 1) == {indoor: False, night: True, crowd: False}
    assert lineage.resolve(set_id([people, night]), 1) == ()  # the people may be a crowd: asked again
    scenes.apply(edits.add("dusk", like=["night", "indoor"]))
    dusk = scenes.taxonomy.label("dusk").id
    scenes.apply(edits.retire("night"))  # where night was on it may be dusk: it was taken for off, as indoor was off
    assert scenes.project.lineage.label_states(set_id([night]), 1) == {indoor: False, crowd: False, dusk: None}
    scenes.apply([edits.retire("dusk"), edits.retire("crowd")])
    assert scenes.project.lineage.resolve(set_id([people, night]), 1) == (set_id([]),)  # nothing is left of them


@pytest.mark.parametrize("model", [torch.nn.Flatten(), lambda images: np.ones((len(images), 1))])
def test_a_model_of_labels_is_refused_where_values_alone_are_asked(tmp_path: Path, model: Any) -> None:
    with pytest.raises(BadInput, match="its heads learn from descriptors"):
        _open(tmp_path, BLUR, task="scale", model=model)
    _open(tmp_path, BLUR, task="scale").close()  # nothing stayed open
