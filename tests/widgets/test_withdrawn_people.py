"""People whose role was withdrawn while a page was open: each page refuses what they do, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from shades import POOL

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.records import new_id

ITEM = POOL.ids[0]


def to_triage(wb: hw.Workbench) -> tuple[Any, dict[str, Any]]:
    wb.decide(ITEM, label="other")
    return wb.edits.triage(), {"kind": "assign", "item_ids": [ITEM], "label_id": wb.taxonomy.label("cat").id}


def to_adjudication(wb: hw.Workbench) -> tuple[Any, dict[str, Any]]:
    for who, label in (("ben", "cat"), ("cleo", "dog")):
        wb.decide(ITEM, label=label, annotator=who)
    desk = wb.people.adjudicate()
    return desk, {"kind": "adjudicate", "item_id": ITEM, "label_id": wb.taxonomy.label("cat").id, "cause": "slip"}


def to_editor(wb: hw.Workbench) -> tuple[Any, dict[str, Any]]:
    return wb.edits.open(), {"kind": "apply", "edits": [edits.rename("cat", "lynx").to_dict()], "base": 1}


@pytest.mark.parametrize(("page", "words"), [
    (to_triage, "sorting items in triage needs that of"), (to_adjudication, "adjudicating needs that of"),
    (to_editor, "editing the taxonomy needs that of")])
def test_what_somebody_does_whose_role_was_withdrawn_is_refused_in_a_sentence(
        bench: Callable[..., Any], page: Callable[[hw.Workbench], tuple[Any, dict[str, Any]]], words: str) -> None:
    owner = bench(taxonomy=["cat", "dog", "other"], annotator="olga", annotators_per_item=2)
    owner.people.invite("eve", role="reviewer")
    eve = bench(taxonomy=None, annotator="eve", annotators_per_item=2)
    desk, act = page(eve)
    owner.people.withdraw("eve")
    before = owner.project.log.last_seq()
    reply = desk.receive({**act, "decision_id": new_id(), "annotator": "eve", "acted_at": "2026-03-01T09:30:00.250Z"})
    assert reply["kind"] == "rejected"
    assert not reply.get("again")
    assert "eve has no role in this project" in reply["reason"]
    assert words in reply["reason"]
    assert owner.project.log.last_seq() == before
