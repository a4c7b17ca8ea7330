"""The messages are the same on both sides, and what arrives is read once."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from widgets.typescript import FILE, typescript

from hitl_widgets.errors import BadInput
from hitl_widgets.records import Region, Seen
from hitl_widgets.taxonomy import edits
from hitl_widgets.widgets.acts import reader
from hitl_widgets.widgets.messages import Apply, Assign, Decide, Hello, Make, WantPictures

SIGNED = {"decision_id": "d", "annotator": "ann", "acted_at": "2026-03-01T09:30:00.250Z"}


def test_the_types_of_the_browser_are_made_of_these():
    assert FILE.read_text("utf-8") == typescript(), "run python tests/widgets/typescript.py, and commit what it wrote"


def test_a_decision_is_read_with_its_parts():
    act = reader(Decide)({**SIGNED, "kind": "decide", "item_id": "a", "verdict": "correct", "label_id": "L1",
                          "certainty": 7, "flags": ["second_look"], "wrong": {"size": [1, 2], "runs": [1, 1]},
                          "seen": {"hidden": True}})
    assert act.acted_at == datetime(2026, 3, 1, 9, 30, 0, 250_000, timezone.utc)
    assert (act.label_id, act.certainty, act.flags, act.wrong) == ("L1", 7, ("second_look",), Region((1, 2), (1, 1)))
    assert act.seen == Seen(hidden=True)
    assert (act.note, act.reason, act.missing, act.after) == (None, None, None, None)


def test_what_may_be_left_out_has_its_default():
    assert reader(Hello)({"kind": "hello"}) == Hello()
    assert reader(WantPictures)({"item_ids": ["a"], "large": None}) == WantPictures(item_ids=("a",))
    assert reader(Make)({**SIGNED, "item_ids": ["a"], "name": "owl", "under": ""}).under is None


def test_edits_are_read():
    act = reader(Apply)({"decision_id": "d", "edits": [edits.add("owl").to_dict()], "base": 2})
    assert (act.edits, act.base, act.why) == ((edits.add("owl"),), 2, None)


@pytest.mark.parametrize(("change", "words"), [
    ({"label_id": None}, "an act of kind 'assign' needs label_id, as text; it has None."),
    ({"item_ids": []}, r"item_ids is \[\]; a list of one id or more, as text, is expected."),
    ({"item_ids": [1]}, r"item_ids is \[1\]; a list"),
    ({"taxonomy": True}, "taxonomy is True; a whole number is expected."),
    ({"acted_at": "2026-03-01T09:30:00"}, "can't be read; an instant such as"),
])
def test_what_can_not_be_read_is_refused_by_name(change, words):
    with pytest.raises(BadInput, match=words):
        reader(Assign)({"kind": "assign", **SIGNED, "item_ids": ["a"], "label_id": "L1", "taxonomy": 1, **change})
