"""What is said of why a model finds one object: checked, kept with the decision, and read from older logs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, IdReused
from hitl_widgets.events import Event, decided, decision_of
from hitl_widgets.records import ObjectReason, Region, Seen, utc_now

# What a log of a package from before objects had reasons may have of an object: it leaves out one with anything else.
KNOWN_THEN = {"id", "kind", "at", "label_id", "label", "certainty", "unsure", "origin", "act", "iou", "score", "was",
              "quote"}
FIRST = {"id": "p1", "kind": "box", "at": [2, 2, 10, 10], "label_id": "cell", "score": 0.4}
SECOND = {"id": "p2", "kind": "box", "at": [12, 2, 20, 10], "label_id": "dust", "score": 0.6}
MASK = np.zeros((24, 32), bool)
MASK[3:5, 20:30] = True


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    """A project that asks for boxes in six images."""
    pool = hw.Pool.from_images(np.full((6, 24, 32), 90, np.uint8))
    with hw.Workbench(tmp_path / "project", pool, ["cell", "dust"], task="boxes", holdout=0, annotator="ann") as wb:
        yield wb


def seen_by(wb: hw.Workbench) -> dict[str, Any]:
    """Two proposals, by the ids of the labels."""
    objects = [{**one, "label_id": wb.taxonomy.label(str(one["label_id"])).id} for one in (FIRST, SECOND)]
    return {"objects": objects, "model": "0123456789abcdef"}


def test_a_reason_of_a_proposal_is_of_its_place_and_label_whatever_became_of_it(wb: hw.Workbench):
    decision = wb.decide("0", objects=[hw.Box(4, 4, 12, 12, label="dust", id="p1")], seen=seen_by(wb), reasons={
        "p1": {"wrong": MASK, "method": "gradcam", "display": "overlay"}, "p2": "right"})
    [event] = wb.project.log.events(kind="decided")
    moved, deleted = decision_of(event).reasons
    assert decision.reasons == (moved, deleted)
    assert (moved.id, moved.reason, moved.at, moved.label_id, moved.method, moved.display) == (
        "p1", "wrong", (2, 2, 10, 10), wb.taxonomy.label("cell").id, "gradcam", "overlay")
    assert moved.wrong is not None
    assert (moved.wrong.mask() == MASK).all()
    assert (deleted.id, deleted.reason, deleted.wrong) == ("p2", "right", None)


def test_an_object_that_was_added_is_named_by_an_id_of_ones_own(wb: hw.Workbench):
    [judged] = wb.decide("0", objects=[hw.Box(4, 4, 12, 12, label="dust", id="mine")],
                         reasons={"mine": {"missing": Region.of(MASK)}}).reasons
    assert (judged.reason, judged.at, judged.missing) == ("wrong", (4, 4, 12, 12), Region.of(MASK))


def test_the_table_of_reasons_has_a_row_for_each(wb: hw.Workbench):
    wb.decide("0", objects=[hw.Box(2, 2, 10, 10, label="cell", id="p1")], seen=seen_by(wb),
              reasons={"p1": {"wrong": MASK, "method": "occlusion"}, "p2": "right"})
    wb.decide("1", "unsure", reason="wrong")
    wb.decide("2", objects=[])
    wb.apply(hw.edits.rename("cell", "white cell"))
    table = wb.reasons()
    assert table[["item_id", "object_id", "label", "reason", "method", "model"]].to_numpy(object).tolist() == [
        ["0", "p1", "white cell", "wrong", "occlusion", "0123456789abcdef"],
        ["0", "p2", "dust", "right", None, "0123456789abcdef"],
        ["1", None, None, "wrong", None, None]]
    assert (table["wrong"][0].mask() == MASK).all()
    assert table["wrong"][1] is None
    assert list(wb.project.reasons()) == ["0"], "no region is marked in the others"


def test_an_undo_takes_reasons_back_and_a_revision_has_its_own(wb: hw.Workbench):
    objects = [hw.Box(2, 2, 10, 10, label="cell", id="p1")]
    wb.decide("0", objects=objects, seen=seen_by(wb), reasons={"p1": {"wrong": MASK}})
    later = wb.decide("0", objects=objects, seen=seen_by(wb), reasons={"p1": "right"})
    assert wb.reasons()["reason"].tolist() == ["right"]
    wb.retract(later)
    assert wb.reasons()["reason"].tolist() == ["wrong"]


def test_what_is_sent_again_is_stored_once_and_another_reason_is_another_act(wb: hw.Workbench):
    act: dict[str, Any] = {"objects": [hw.Box(4, 4, 12, 12, label="dust", id="a")], "id": "decision-1",
                           "reasons": {"a": {"wrong": MASK}}}
    assert wb.decide("0", **act) == wb.decide("0", **act)
    with pytest.raises(IdReused):
        wb.decide("0", **{**act, "reasons": {"a": "right"}})


@pytest.mark.parametrize(("reasons", "words"), [
    ({"p9": "wrong"}, "neither among the objects"), (["p1"], "a mapping is expected"),
    ({"p1": "perhaps"}, "'right', 'wrong' or None"), ({"p1": {"where": MASK}}, "has where"),
    ({"p1": {}}, "nothing is said"), ({"p1": {"reason": "right", "wrong": MASK}}, "has no wrong region"),
    ({"p1": {"wrong": MASK[:4]}}, "must be as large"), ({"p1": {"wrong": ~(MASK & False)}}, "covers the whole item"),
    ({"p1": {"reason": "wrong", "display": "beside"}}, "side_by_side")])
def test_what_cant_be_a_reason_is_refused_and_nothing_is_stored(wb: hw.Workbench, reasons: Any, words: str):
    with pytest.raises(BadInput, match=words):
        wb.decide("0", objects=[], seen=seen_by(wb), reasons=reasons)
    assert not list(wb.project.log.events(kind="decided"))


def test_a_project_without_objects_says_so(tmp_path: Path):
    pool = hw.Pool.from_images(np.full((3, 8, 8), 90, np.uint8))
    with hw.Workbench(tmp_path / "project", pool, ["a", "b"]) as wb:
        with pytest.raises(BadInput, match="asks for none"):
            wb.decide("0", label="a", reasons={"p1": "wrong"})
        wb.decide("0", label="a", reason="right", seen={"target": "b", "method": "gradcam"})
        assert wb.reasons()[["object_id", "label", "reason", "method"]].to_numpy().tolist() == [
            [None, "b", "right", "gradcam"]]


def test_a_log_from_before_says_the_reason_of_the_object_that_its_map_was_of(wb: hw.Workbench):
    seen = {**seen_by(wb), "method": "gradcam", "target": "object:p2", "display": "hot"}
    whole = decided(wb.decide("0", objects=[], seen=seen, reason="wrong", wrong=MASK))
    assert "reasons" not in whole.body, "as a package from before wrote it"
    [row] = wb.reasons().to_dict("records")
    assert (row["object_id"], row["label"], row["reason"], row["method"], row["display"]) == (
        "p2", "dust", "wrong", "gradcam", "hot")
    read = decision_of(whole)
    assert (read.reason, read.wrong) == (None, None), "it isn't the image's as well"
    assert read.reasons[0].at == (12, 2, 20, 10)
    assert read.reasons[0].wrong == Region.of(MASK)


def test_an_older_package_reads_all_objects_of_a_newer_log(wb: hw.Workbench):
    wb.decide("0", objects=[hw.Box(2, 2, 10, 10, label="cell", id="p1")], seen=seen_by(wb),
              reasons={"p1": {"wrong": MASK}})
    [event] = wb.project.log.events(kind="decided")
    assert [set(one) - KNOWN_THEN for one in (*event.body["objects"], *event.body["seen"]["objects"])] == [set()] * 4


def test_reasons_of_an_invented_log_that_cant_be_are_left_out():
    good = ObjectReason("p1", "right", (1.0, 2.0), "cell")
    for odd in (3, "p1", [3], [{}], [{"id": "p1"}], [{**good.to_dict(), "at": ["a"]}],
                [{**good.to_dict(), "wrong": {"size": [2, 2]}}], [{**good.to_dict(), "reason": None}]):
        body = {"verdict": "skip", "reasons": odd}
        event = Event(id="decision-1", kind="decided", annotator="ann", acted_at=utc_now(), item_id="0", body=body)
        assert decision_of(event).reasons == ()
    body = {"verdict": "skip", "reasons": [good.to_dict(), {}, good.to_dict()], "seen": Seen().to_dict()}
    event = Event(id="decision-1", kind="decided", annotator="ann", acted_at=utc_now(), item_id="0", body=body)
    assert decision_of(event).reasons == (good,)
