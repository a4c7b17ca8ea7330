"""Objects from the decision to the log and back: tables, revisions, edits, resending, what measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, IdReused, UnknownLabel
from hitl_widgets.records import Proposal

COLUMNS = ["item_id", "annotator", "object_id", "kind", "label", "label_id", "x0", "y0", "x1", "y1", "points",
           "certainty", "origin", "act", "iou_to_proposal", "score", "decision_id", "model", "status", "verdict"]


@pytest.fixture
def pool() -> hw.Pool:
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (30, 60, 80, 3), np.uint8))


@pytest.fixture
def wb(tmp_path: Path, pool: hw.Pool):
    with hw.Workbench(tmp_path / "cells", pool, ["RBC", "WBC"], task="boxes", holdout=0.3, annotator="ada") as wb:
        yield wb


def propose(wb: hw.Workbench) -> None:
    """A model that proposes two boxes in every image."""
    rbc = wb.taxonomy.label("RBC").id
    wb.project.propose = lambda position: (Proposal("m.0", "box", (1.0, 1.0, 21.0, 21.0), rbc, 0.9),
                                           Proposal("m.1", "box", (30.0, 30.0, 40.0, 50.0), rbc, 0.6))
    wb.project.record("adopted", {"model": "m", "label_ids": list(wb.taxonomy.label_ids), "origin": "given",
                                  "own": False, "kind": "objects"})


def training_ids(wb: hw.Workbench) -> list[str]:
    return [str(id) for id, held in zip(wb.project.pool.ids, wb.project.queue.holdout, strict=True) if not held]


def test_objects_are_kept_as_they_were_given(wb, pool, tmp_path):
    wb.decide("3", objects=[hw.Box(1.25, 2, 30, 40, "RBC", certainty=8), hw.Box(5, 5, 10, 10.5, "WBC", unsure=True)])
    assert wb.decide("4", objects=[]).verdict == "answer"
    table = wb.objects()
    assert list(table) == COLUMNS
    assert table[["item_id", "label", "x0", "y1", "origin", "act", "status"]].to_numpy().tolist() == [
        ["3", "RBC", 1.25, 40.0, "person", "added", "decided"], ["3", "WBC", 5.0, 10.5, "person", "added", "unsure"]]
    assert table["certainty"].iloc[0] == 8
    assert np.isnan(table["certainty"].iloc[1])
    assert wb.annotations().set_index("item_id")["label"].to_dict() == {"3": "RBC, WBC", "4": "none of them"}
    wb.close()
    with hw.Workbench(tmp_path / "cells", pool, annotator="ada") as again:
        assert again.project.task == "boxes"
        assert again.objects().equals(table)


def test_polygons_and_points(tmp_path, pool):
    with hw.Workbench(tmp_path / "p", pool, ["cell"], task="polygons") as wb:
        wb.decide("0", objects=[hw.Polygon([(1, 1), (9, 1), (5, 8)])])  # the only label there is
        row = wb.objects().iloc[0]
        assert (row.label, row.points, row.x1, row.y1) == ("cell", ((1.0, 1.0), (9.0, 1.0), (5.0, 8.0)), 9.0, 8.0)
        with pytest.raises(BadInput, match="asks for polygons"):
            wb.decide("1", objects=[hw.Box(1, 1, 2, 2)])
    with hw.Workbench(tmp_path / "q", pool, ["cell"], task="points") as wb:
        wb.decide("0", objects=[hw.Point(3, 4)])
        assert wb.objects()[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [3, 4, 3, 4]


def test_what_became_of_proposals_is_in_the_log(wb):
    propose(wb)
    one, two, *_ = training_ids(wb)
    assert wb.decide(one, "accept").verdict == "accept"
    first = wb.decide(two, objects=[hw.Box(1, 1, 31, 21, "WBC", id="m.0"), hw.Box(50, 30, 60, 50, "RBC")])
    assert first.verdict == "correct"
    body = wb.history().set_index("id").loc[first.id, "body"]
    assert [one["act"] for one in body["objects"]] == ["relabelled", "added", "deleted"]
    assert body["size"] == [80, 60]
    assert body["seen"]["threshold"] > 0
    table = wb.objects(deleted=True)
    assert table["act"].tolist() == ["accepted", "accepted", "relabelled", "added", "deleted"]
    assert len(wb.objects()) == 4
    # A revision keeps the ids, and what had been proposed.
    added = first.objects[1].id
    second = wb.decide(two, objects=[hw.Box(1, 1, 21, 21, "RBC", id="m.0"), hw.Box(51, 30, 60, 50, "RBC", id=added)])
    assert second.replaces == first.id
    assert {one.id: one.act for one in second.objects} == {"m.0": "accepted", added: "added", "m.1": "deleted"}
    wb.retract(second.id)
    assert wb.objects()[lambda t: t["item_id"] == two]["act"].tolist() == ["relabelled", "added"]


def test_the_same_act_sent_again_is_stored_once(wb):
    given = [hw.Box(1, 1, 20, 20, "RBC"), hw.Box(5, 5, 9, 9, "WBC")]
    first = wb.decide("5", objects=given, id="decision-5")
    propose(wb)  # what a script would see meanwhile
    assert wb.decide("5", objects=given, id="decision-5") == first
    with pytest.raises(IdReused):
        wb.decide("5", objects=given[:1], id="decision-5")


@pytest.mark.parametrize(("what", "error", "says"), [
    ({"label": "RBC"}, BadInput, r"pass objects=\[hw.Box"), ({"values": {"a": 1}}, BadInput, "objects"),
    ({"objects": [hw.Box(1, 1, 90, 20, "RBC")]}, BadInput, "80 x 60"), ({}, BadInput, "neither"),
    ({"objects": [hw.Box(1, 1, 9, 20)]}, BadInput, "no label"), ({"verdict": "accept"}, BadInput, "no visible"),
    ({"objects": [hw.Box(1, 1, 9, 20, "platelet")]}, UnknownLabel, "platelet"),
    ({"objects": [hw.Box(1, 1, 2, 2, "RBC")] * 10_000}, BadInput, "1,000"),
    ({"objects": [], "seen": {"objects": [{"id": "a"}]}}, BadInput, "on the screen"),
    ({"objects": [], "seen": {"objects": [{"id": "a", "kind": "box", "at": [1, 2, 3, 4], "label_id": "nobody"}]}},
     UnknownLabel, "nobody")])
def test_what_cannot_be_used_is_refused_and_nothing_stored(wb, what, error, says):
    with pytest.raises(error, match=says):
        wb.decide("3", **what)
    assert wb.annotations().empty


def test_objects_are_refused_where_labels_are_asked_for(tmp_path, pool):
    with hw.Workbench(tmp_path / "c", pool, ["cat", "dog"]) as wb:
        with pytest.raises(BadInput, match="task='boxes'"):
            wb.decide("0", objects=[])
        with pytest.raises(BadInput, match="no objects"):
            wb.objects()


def test_edits_reach_every_object(wb):
    wb.decide("3", objects=[hw.Box(1, 1, 9, 9, "RBC"), hw.Box(20, 20, 29, 29, "WBC")])
    wb.decide("4", objects=[hw.Box(1, 1, 9, 9, "WBC")])
    wb.apply(edits.rename("WBC", to="leucocyte"))
    assert wb.objects()["label"].tolist() == ["RBC", "leucocyte", "leucocyte"]
    split = wb.apply(edits.split("RBC", into=["disc", "ring"]))
    table = wb.objects()
    assert table["status"].tolist() == ["to_review", "decided", "decided"]
    assert table["label"].iloc[0] is None
    assert wb.relabel_queue()["item_id"].tolist() == ["3"]
    item = wb.session.item("3")
    doubtful, certain = wb.session.shown_objects(item).objects
    assert doubtful["doubt"]
    assert wb.taxonomy.name_of(doubtful["label_id"]) == "disc"
    assert "doubt" not in certain
    wb.revert(split)
    assert wb.objects()["status"].tolist() == ["decided"] * 3
    wb.apply(edits.merge(["RBC", "leucocyte"], into="cell"))
    assert wb.objects()["label"].tolist() == ["cell"] * 3
    wb.apply(edits.add("platelet"))
    wb.apply(edits.retire("cell"))
    assert wb.objects().empty


def test_what_a_detector_learns_from(wb):
    one, two, three, *_ = training_ids(wb)
    held = [str(id) for id, held in zip(wb.project.pool.ids, wb.project.queue.holdout, strict=True) if held]
    rbc = wb.taxonomy.label("RBC").id
    at = {"kind": "box", "label_id": rbc, "score": 0.7}
    withheld = [{"id": "m.7", "at": [40, 10, 60, 30], "p": 0.05, **at},
                {"id": "m.8", "at": [5, 40, 15, 50], "p": 0.05, **at}]
    wb.decide(one, objects=[hw.Box(41, 10, 60, 30, "RBC"), hw.Box(1, 1, 9, 9, "WBC", unsure=True)],
              seen={"model": "m", "withheld": withheld, "threshold": 0.3, "threshold_probability": 0.8})
    wb.decide(two, "unsure", objects=[hw.Box(1, 1, 9, 9, "RBC")])
    wb.decide(three, objects=[])
    wb.decide(held[0], objects=[hw.Box(2, 2, 8, 8, "RBC")])
    wb.apply(edits.add("platelet"))
    images = wb.project.answers().reviewed_images().set_index("item_id")
    assert sorted(images.index) == sorted([one, three])
    assert [box.label for box in images.loc[one, "objects"]] == ["RBC"]
    assert sorted(images.loc[one, "ignore"]) == [(1, 1, 9, 9), (5, 40, 15, 50)]  # m.7 was found
    assert images.loc[one, "unknown"] == (wb.taxonomy.label("platelet").id,)
    assert images.loc[three, "objects"] == ()
    assert wb.objects().set_index("item_id").loc[two, "status"] == "unsure"
    reference = wb.project.reference_objects()
    assert reference["item_id"].tolist() == [held[0]]
    assert len(reference["objects"].iloc[0]) == 1


def test_only_what_was_given_blind_measures(wb):
    propose(wb)
    held = [str(id) for id, held in zip(wb.project.pool.ids, wb.project.queue.holdout, strict=True) if held]
    own = [hw.Box(2, 2, 8, 8, "RBC")]
    wb.decide(held[0], objects=own)  # a script that follows the queue is shown nothing there
    wb.decide(held[0], objects=[])  # corrected later
    wb.decide(held[1], "accept")  # saw the proposals
    wb.decide(held[1], objects=own)
    assert wb.project.reference_objects()["item_id"].tolist() == [held[0]]
    assert len(wb.project.reference_objects()["objects"].iloc[0]) == 1


def test_what_several_people_found_has_a_consensus_and_says_who_reviewed_what(wb):
    for who, boxes in (("ada", [(10, 10, 30, 30)]), ("bob", [(11, 11, 31, 31), (40, 40, 55, 55)]),
                       ("cleo", [(12, 12, 32, 32)])):
        wb.decide("3", objects=[hw.Box(*box, "RBC") for box in boxes], annotator=who)
        wb.decide("4", objects=[], annotator=who)
    table = wb.objects(consensus=True)
    assert list(table) == [*COLUMNS[:-1], "share", "n"]  # several answers have no verdict
    assert table[["item_id", "annotator", "label", "x0", "y1", "status", "n"]].to_numpy().tolist() == [
        ["3", "consensus", "RBC", 11.0, 31.0, "decided", 3]]
    assert set(wb.objects().attrs["reviewed"]) == {(item, who) for item in "34" for who in ("ada", "bob", "cleo")}
    # An image in which everybody found nothing measures: what a model finds there is wrong.
    found = wb.objects(consensus=True).assign(score=0.5)
    wrong = pd.concat([found.assign(item_id="4", score=0.9), found, found.assign(item_id="5", score=1.0)])
    assert quality.detection(wb.objects(consensus=True), wrong)["map50"].value == pytest.approx(0.5)
    assert quality.agreement_objects(wb.objects())["found"].n == 2


def test_an_earlier_answer_is_accepted_as_it_is(wb):
    propose(wb)
    one, *_ = training_ids(wb)
    first = wb.decide(one, objects=[hw.Box(1, 1, 21, 21, "WBC", 7, id="m.0", unsure=True)])
    again = wb.decide(one, "accept")
    assert (again.verdict, again.replaces) == ("correct", first.id)
    assert again.objects == first.objects
    wb.apply(edits.split("WBC", into=["big", "small"]))
    with pytest.raises(BadInput, match="in doubt"):
        wb.decide(one, "accept")


def test_the_relabel_queue_names_the_objects(wb):
    wb.decide("3", objects=[hw.Box(1, 1, 9, 9, "RBC", id="a"), hw.Box(20, 20, 29, 29, "WBC", id="b")])
    wb.decide("4", objects=[hw.Box(1, 1, 9, 9, "WBC")])
    wb.apply(edits.split("RBC", into=["disc", "ring"]))
    queue = wb.relabel_queue()
    assert queue[["item_id", "objects"]].to_numpy().tolist() == [["3", ("a",)]]


def test_the_relabel_queue_leaves_out_what_the_documentation_says(tmp_path, pool):
    """Guesses at images that were answered "unsure", and doubt that can't change what an image has."""
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task="boxes", annotator="ada", annotators_per_item=2) as wb:
        doubtful, certain = hw.Box(1, 1, 9, 9, "RBC", id="a"), hw.Box(20, 20, 29, 29, "WBC", id="b")
        wb.decide("3", "unsure", objects=[doubtful])
        wb.decide("4", objects=[doubtful, certain])
        for name in ("bob", "cleo"):
            wb.decide("4", objects=[certain], annotator=name)
        wb.decide("5", objects=[doubtful])
        wb.apply(edits.split("RBC", into=["disc", "ring"]))
        assert wb.relabel_queue()[["item_id", "objects"]].to_numpy().tolist() == [["5", ("a",)]]
        table = wb.objects()
        assert table.loc[table["status"] == "to_review", "item_id"].tolist() == ["3", "4", "5"]


def test_as_many_objects_as_are_possible_may_stand_beside_deleted_ones(wb):
    propose(wb)
    one, *_ = training_ids(wb)
    given = [hw.Box(k % 70, k // 70, k % 70 + 5, k // 70 + 5, "RBC") for k in range(1000)]
    assert len(wb.decide(one, objects=given).objects) == 1002
    assert len(wb.objects()) == 1000
