"""The objects of an image on the card: what is packed, what becomes of an act, and what is refused; no browser here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import OBJECT_TASKS, Proposal, Seen, new_id
from hitl_widgets.testing import MemoryHost, rings
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.keys import configured
from hitl_widgets.widgets.messages import MOST_PAST_OBJECTS, past_of, pasts_of
from hitl_widgets.widgets.packing import pack_item

CELLS = ["RBC", "WBC"]
IMAGE_TASKS = [task for task in OBJECT_TASKS if task != "spans"]


def _act(item_id: str, objects: Any, verdict: str = "answer", **more: Any) -> dict[str, Any]:
    return {"kind": "decide", "decision_id": new_id(), "item_id": item_id, "verdict": verdict, "label_id": None,
            "acted_at": "2026-03-01T09:30:00.250Z", "annotator": "ada", "objects": objects, **more}


def _box(label_id: str, at: Any = (1, 2, 5.5, 6), **more: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "box", "at": list(at), "label_id": label_id, **more}


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    images = np.random.default_rng(0).integers(0, 255, (6, 20, 30), np.uint8)
    pool = hw.Pool.from_images(images, ids=[f"img-{k}" for k in range(6)])
    with hw.Workbench(tmp_path / "cells", pool, CELLS, task="boxes", annotator="ada", holdout=0, progress=False) as wb:
        yield wb


@pytest.fixture
def review(wb: hw.Workbench) -> Iterator[Review]:
    review = Review(wb.session)
    yield review
    review.close()


def _packed(host: Any, position: int = 0, **more: Any) -> dict[str, Any]:
    item = replace(host.item(host.pool.ids[position]), **more)
    return dict(pack_item(host, item, blind=item.blind, annotator="ada")[0])


@pytest.mark.parametrize("task", IMAGE_TASKS)
def test_an_item_comes_with_its_objects_and_how_they_were_drawn(task: str) -> None:
    host = MemoryHost(rings(3), CELLS, task=task)
    entry = _packed(host, arm="shown", arm_probability=0.9)
    assert len(entry["objects"]) == 6
    assert entry["threshold"] == 0.3
    assert entry["exposure"] == {"arm": "shown", "arm_probability": 0.9, "threshold": 0.3, "threshold_probability": 1.0}
    assert entry["target"] == f"object:{entry['objects'][-1]['id']}"  # the least certain: Tab leads there first
    assert "suggestion" not in entry


def test_a_blind_item_comes_with_what_would_have_been_shown_and_without_a_map() -> None:
    entry = _packed(MemoryHost(rings(3), CELLS, task="boxes"), blind=True)
    assert entry["blind"]
    assert len(entry["objects"]) == 6
    assert "target" not in entry


def test_what_is_withheld_goes_into_the_log_and_not_among_the_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    host = MemoryHost(rings(3), CELLS, task="boxes")
    kept = {**Proposal("k", "box", (1.0, 1.0, 5.0, 5.0), host.taxonomy.label_ids[0], 0.8).to_dict(), "p": 0.05}
    monkeypatch.setattr(host, "shown_objects", lambda item, annotator=None: Shown((), (kept,), 0.4, 0.5, False, "m"))
    entry = _packed(host)
    assert entry["objects"] == []
    assert entry["exposure"] == {"withheld": [kept], "threshold": 0.4, "threshold_probability": 0.5}
    assert Seen.from_dict(entry["exposure"]).withheld == (kept,)


def test_a_decision_has_the_objects_that_were_left(wb: hw.Workbench, review: Review) -> None:
    rbc, wbc = wb.taxonomy.label_ids
    act = _act("img-0", [_box(rbc, certainty=8), _box(wbc, (10, 10, 20, 19), id="b", unsure=True)],
               size=[30, 20], touched=["a", "b"], seen={})
    assert review.receive(act) == {"kind": "stored", "decision_id": act["decision_id"]}
    table = wb.objects()
    assert table[["label", "x0", "x1", "certainty", "act"]].values.tolist()[0] == ["RBC", 1, 5.5, 8, "added"]
    assert len(table) == 2
    entry = _packed(wb.session)
    assert [(one["id"], one["origin"], one["act"]) for one in entry["objects"]] == [
        ("a", "person", "added"), ("b", "person", "added")]
    past = past_of(wb.session.latest()[-1])
    assert past["counts"] == {rbc: 1, wbc: 1}
    assert past["objects"] == entry["objects"]


def test_an_image_without_objects_is_an_answer(wb: hw.Workbench, review: Review) -> None:
    assert review.receive(_act("img-0", [], size=[30, 20]))["kind"] == "stored"
    assert past_of(wb.session.latest()[-1])["counts"] == {}


def test_a_proposal_that_was_moved_is_a_correction_whatever_the_page_says(wb: hw.Workbench, review: Review) -> None:
    rbc = wb.taxonomy.label_ids[0]
    seen = {"objects": [{**_box(rbc), "score": 0.7}], "model": "m", "threshold": 0.3, "threshold_probability": 1.0}
    review.receive(_act("img-0", [_box(rbc, (2, 2, 6.5, 6))], "accept", seen=seen, size=[30, 20]))
    [decision] = wb.session.latest()
    assert decision.verdict == "correct"
    assert [one.act for one in decision.objects or ()] == ["moved"]


@pytest.mark.parametrize(("objects", "words"), [
    ("box", "a list of objects is expected"),
    ([7], "id, kind, at, label_id"),
    ([{**_box("L"), "colour": "red"}], "id, kind, at, label_id"),
    ([{**_box("L"), "id": 3}], "has the id 3; a text is expected"),
    ([{**_box("L"), "label_id": None}], "has the label_id None; a text is expected"),
    ([_box("L", (1, 2, float("nan"), 4))], "a list of finite numbers is expected"),
    ([_box("L", ("1", 2, 3, 4))], "a list of finite numbers is expected"),
    ([_box("L", certainty="high")], "has certainty 'high'"),
    ([_box("L")] * 1001, "holds 1,001 objects; 1,000 are possible"),
    ([_box("L")], "label 'L'"),
    ([_box("RBC", (5, 5, 5, 9))], "has no area"),
    ([_box("RBC", (9, 5, 5, 9))], "x0 < x1"),
    ([_box("RBC", (5, 5, 500, 9))], "outside"),
    ([_box("RBC"), _box("RBC")], "two objects have the id 'a'"),
    ([{**_box("RBC"), "kind": "point", "at": [1, 2]}], "asks for boxes"),
])
def test_what_cannot_be_stored_is_refused_in_words(wb: hw.Workbench, review: Review, objects: Any, words: str) -> None:
    reply: Any = review.receive(_act("img-0", objects, size=[30, 20]))
    assert reply["kind"] == "rejected"
    assert not reply.get("again")
    assert words in reply["reason"]
    assert not wb.session.latest()


@pytest.mark.parametrize("size", [[30], "30x20", [30, 0], [30.5, 20]])
def test_a_size_is_two_whole_numbers(review: Review, size: Any) -> None:
    reply: Any = review.receive(_act("img-0", [], size=size))
    assert "width and height in pixels are expected" in reply["reason"]


def test_an_image_that_changed_its_size_is_refused_with_both(review: Review) -> None:
    reply: Any = review.receive(_act("img-0", [], size=[60, 40]))
    assert "30 x 20 pixels now, and it was 60 x 40" in reply["reason"]
    assert "your objects are kept" in reply["reason"]


def test_of_many_past_objects_those_of_the_newest_decisions_go_along() -> None:
    host = MemoryHost(np.zeros((9, 100, 100), np.uint8), CELLS, task="points")
    n, label = MOST_PAST_OBJECTS // 4 + 1, host.taxonomy.label_ids[0]
    points = [{"id": f"{k}", "kind": "point", "at": [k % 97, k // 97], "label_id": label} for k in range(n)]
    for item_id in host.pool.ids[:6]:
        host.decide(item_id, objects=points)
    pasts = pasts_of(host.latest())
    assert ["objects" in past for past in pasts] == [False] * 3 + [True] * 3
    assert all(past["counts"] == {label: n} for past in pasts)


@pytest.mark.parametrize("task", IMAGE_TASKS)
def test_a_table_of_keys_has_no_key_twice(task: str) -> None:
    table = configured({}, "card", task)
    keys = [key for keys, _ in table.values() for key in keys]
    assert len(keys) == len(set(keys))
    assert table["draw"][0] == ["n"]
    assert table["note"][0] == ["Shift+N"]
    assert "next_label" not in table
    assert ("next_corner" in table) == (task == "polygons")
    assert not {key for key in keys if key.startswith("Arrow")} - {"ArrowLeft", "ArrowRight"}


def test_the_keys_of_other_tasks_are_as_they_were() -> None:
    assert configured({}, "card", "classify") == configured({})
    assert "draw" not in configured({}, "card", "multilabel")


def test_what_is_said_of_an_objects_reason_is_kept_and_comes_back_later(wb: hw.Workbench, review: Review) -> None:
    rbc = wb.taxonomy.label_ids[0]
    region = {"size": [20, 30], "runs": [100, 5, 495]}
    seen = {"objects": [{**_box(rbc), "score": 0.7}, {**_box(rbc, (10, 2, 20, 8)), "id": "b", "score": 0.6}]}
    reasons = {"a": {"reason": "wrong", "wrong": region, "method": "gradcam", "display": "overlay"},
               "b": {"reason": "wrong"}}
    act = _act("img-0", [_box(rbc)], seen=seen, size=[30, 20], reasons=reasons)
    assert review.receive(act)["kind"] == "stored"
    assert wb.reasons()[["object_id", "reason", "method", "display"]].values.tolist() == [
        ["a", "wrong", "gradcam", "overlay"], ["b", "wrong", None, None]]
    there, deleted = past_of(wb.session.latest()[-1])["objects"]
    assert there["reason"] == reasons["a"]
    assert (deleted["act"], deleted["reason"]) == ("deleted", reasons["b"])


@pytest.mark.parametrize("reasons", [[], {"a": "wrong"}, {"a": {"reason": "wrong", "where": 1}},
                                     {"z": {"reason": "wrong"}},
                                     {"a": {"reason": "wrong", "wrong": {"size": [2, 2], "runs": [1, 3]}}},
                                     {"a": {"reason": "perhaps"}}, {"a": {"wrong": 3}}])
def test_a_reason_of_an_object_that_cant_be_is_refused_in_words(wb: hw.Workbench, review: Review, reasons: Any) -> None:
    act = _act("img-0", [_box(wb.taxonomy.label_ids[0])], size=[30, 20], seen={}, reasons=reasons)
    reply = review.receive(act)
    assert reply["kind"] == "rejected"
    assert not list(wb.project.log.events(kind="decided"))


def test_a_card_of_made_up_objects_keeps_reasons_too() -> None:
    host = MemoryHost(rings(3), CELLS, task="boxes")
    review = Review(host)
    seen = {"objects": _packed(host)["objects"]}
    review.receive(_act(host.pool.ids[0], [], seen=seen, size=[28, 28], reasons={
        seen["objects"][0]["id"]: {"reason": "right"}}))
    review.close()
    assert [(one.id, one.reason) for one in host.decisions[0].reasons] == [(seen["objects"][0]["id"], "right")]
