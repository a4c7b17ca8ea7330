"""What became of proposals follows from what was on the screen and what the annotator left."""

from __future__ import annotations

import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.objects.deciding import accepted, as_seen, given_shapes, judge_objects, verdict_of
from hitl_widgets.records import Decision, ObjectAnswer, Seen

SIZE = (80, 60)
PROPOSED = ({"id": "m.0", "kind": "box", "at": [1.0, 1.0, 21.0, 21.0], "label_id": "La", "score": 0.9},
            {"id": "m.1", "kind": "box", "at": [30.0, 30.0, 40.0, 50.0], "label_id": "Lb", "score": 0.4})
SEEN = Seen(objects=PROPOSED, model="m")


def judge(*objects: hw.Box, seen: Seen = SEEN) -> tuple[ObjectAnswer, ...]:
    given = given_shapes(objects, "box", SIZE, decision_id="decision")
    return judge_objects(given, seen, size=SIZE, name_of=str.lower)


def box(number: int, **changes) -> hw.Box:
    one = PROPOSED[number]
    at = dict(zip(("x0", "y0", "x1", "y1"), one["at"], strict=True)) | changes
    return hw.Box(**{"label": one["label_id"], "id": one["id"], **at})


def test_each_act_is_told_from_what_was_proposed():
    moved, relabelled, added = judge(box(0, x1=31.0), box(1, label="La", x1=41.0), hw.Box(50, 5, 60, 15, "Lb", 7))
    assert (moved.act, moved.origin, moved.iou, moved.score) == ("moved", "model", pytest.approx(2 / 3), 0.9)
    assert moved.was == {"at": [1.0, 1.0, 21.0, 21.0], "label_id": "La"}
    assert (relabelled.act, relabelled.iou) == ("relabelled", pytest.approx(10 / 11))
    assert (added.act, added.origin, added.id, added.certainty) == ("added", "person", "decision.2", 7)
    assert added.iou is added.score is added.was is None
    accepted_, deleted = judge(box(0))
    assert (accepted_.act, accepted_.iou, accepted_.was) == ("accepted", 1.0, None)
    assert (deleted.id, deleted.act, deleted.at, deleted.score) == ("m.1", "deleted", (30, 30, 40, 50), 0.4)


def test_rounding_to_two_decimals_moves_nothing():
    seen = Seen(objects=({**PROPOSED[0], "at": [1.004, 1.0, 21.0, 21.0]},))
    assert judge(box(0), seen=seen)[0].act == "accepted"


def test_hidden_proposals_were_neither_accepted_nor_deleted():
    [one] = judge(box(0), seen=Seen(objects=PROPOSED, hidden=True))
    assert (one.act, one.origin) == ("added", "person")


def test_the_verdict_follows_from_the_objects():
    assert verdict_of(None, judge(box(0), box(1)), SEEN) == "accept"
    assert verdict_of(None, judge(box(0)), SEEN) == "correct"
    assert verdict_of(None, judge(box(0), box(1), hw.Box(1, 1, 2, 2, "La")), SEEN) == "correct"
    assert verdict_of(None, judge(seen=Seen()), Seen()) == "answer"
    hidden = Seen(objects=PROPOSED, hidden=True)
    assert verdict_of(None, judge(seen=hidden), hidden) == "answer"
    for verdict, objects, seen, says in [
            ("accept", judge(box(0)), SEEN, "as they are"), ("correct", judge(box(0), box(1)), SEEN, "nothing was"),
            ("answer", judge(box(0)), SEEN, "visible"), (None, None, SEEN, "neither"), ("skip", (), SEEN, "skip"),
            ("maybe", (), SEEN, "unknown")]:
        with pytest.raises(BadInput, match=says):
            verdict_of(verdict, objects, seen)
    with pytest.raises(BadInput, match="no visible proposals"):
        accepted(Seen(objects=PROPOSED, hidden=True))
    assert [one.id for one in accepted(SEEN)] == ["m.0", "m.1"]


def test_a_revision_still_tells_what_became_of_the_first_proposals():
    first = judge(box(0, x1=31.0), hw.Box(50, 5, 60, 15, "Lb"))
    decision = Decision("decision-1", "i", "ada", "correct", "a, b", "+La+Lb", seen=SEEN, objects=first, size=SIZE)
    again = Seen(objects=tuple(as_seen(decision)), model="m")
    assert [one["id"] for one in again.visible_objects] == ["m.0", "decision.1"]
    back, own, gone = judge(box(0), hw.Box(51, 5, 60, 15, "Lb", id="decision.1"), seen=again)
    assert (back.act, back.was) == ("accepted", None)  # moved back to where it was proposed
    assert (own.act, own.origin, own.id) == ("added", "person", "decision.1")
    assert (gone.id, gone.act, gone.at) == ("m.1", "deleted", (30, 30, 40, 50))
    restored, = (one for one in judge(box(1), seen=again) if one.id == "m.1")
    assert restored.act == "accepted"
    assert "decision.1" not in {one.id for one in judge(seen=again)}  # what a person added and took away is no proposal


def test_ids_and_numbers_are_checked():
    with pytest.raises(BadInput, match=r"two objects have the id 'm\.0'"):
        judge(box(0), box(0))
    with pytest.raises(BadInput, match="1,000 are possible"):
        judge(*[hw.Box(1, 1, 2, 2, "La")] * 10_000)
    with pytest.raises(BadInput, match=r"a list of hw\.Box"):
        given_shapes("box", "box", SIZE, decision_id="d")
    assert ObjectAnswer.from_dict(judge(box(0, x1=31.0))[0].to_dict()) == judge(box(0, x1=31.0))[0]
