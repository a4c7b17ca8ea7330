"""Texts on the card: what the browser gets of them, and what comes back; no browser here, only messages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hitl_widgets.records import Attribution, new_id
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.keys import configured
from hitl_widgets.widgets.messages import past_of
from hitl_widgets.widgets.packing import pack_item, pack_map, pack_segments

TEXTS = ["Free prize! Call now.", "سلام 👩‍👩‍👧 <b>no</b> e\u0301", "\ufeffat eight\r\nor nine\x00?", None]


@pytest.fixture
def host() -> MemoryHost:
    return MemoryHost(TEXTS, ["ham", "spam"])


@pytest.mark.parametrize("position", range(3))
def test_a_text_is_packed_whole_and_as_it_came(host, position):
    entry, [data] = pack_item(host, host.item(f"item-000{position}"), blind=False, annotator="ada")
    assert data.decode() == TEXTS[position]
    assert (entry["mime"], entry["height"], entry["width"]) == ("text/plain", 1, len(TEXTS[position]))
    assert "broken" not in entry
    assert entry["suggestion"] in host.taxonomy.label_ids


def test_a_text_that_cant_be_read_is_decided_all_the_same(host):
    entry, buffers = pack_item(host, host.item("item-0003"), blind=False, annotator="ada")
    assert not buffers
    assert "ends after" in entry["broken"]


def test_a_text_has_no_parts_to_mark(host):
    message, buffers = pack_segments(host, host.item("item-0000"))
    assert (message["problem"], buffers) == ("a text is marked word by word.", [])


def test_keys_scroll_a_text_and_change_its_letters():
    table = configured({}, "card", "classify", "text")
    assert table["page_down"][0] == ["PageDown"]
    assert table["zoom_in"] == (["]"], "larger letters")
    assert "left" not in table  # a text is never wider than the card
    assert table["accept"] == configured({})["accept"]
    assert "page_down" not in configured({})


def test_what_the_browser_gets_of_a_text_is_no_part_of_a_message_in_json(host):
    entry, _ = pack_item(host, host.item("item-0000"), blind=False, annotator="ada")
    assert "Free prize" not in json.dumps(entry)


def test_what_came_before_a_text_goes_with_it(host):
    host.before["item-0000"] = [("item-0009", "Hello?"), ("item-0010", "Yes.")]
    entry, _ = pack_item(host, host.item("item-0000"), blind=False, annotator="ada")
    assert entry["before"] == [{"item_id": "item-0009", "text": "Hello?"}, {"item_id": "item-0010", "text": "Yes."}]
    assert "before" not in pack_item(host, host.item("item-0001"), blind=False, annotator="ada")[0]


def test_the_map_of_a_text_is_a_byte_for_each_token_and_where_they_are(host):
    text = TEXTS[1]
    message, [codes] = pack_map(host, host.item("item-0001"), "contributions", host.taxonomy.label_ids[1])
    tokens = list(zip(message["tokens"][::2], message["tokens"][1::2], strict=True))
    assert codes.shape == (1, len(tokens)) == (message["height"], message["width"])
    assert [text[start:end] for start, end in tokens][:2] == ["سلام", "👩"]
    assert (message["delta"], message["box"], message["signed"]) == (0.0, (0, 0, len(text), 1), True)
    json.dumps(message)
    assert "by" not in message


def attribution_of(text: str, **more: Any) -> Attribution:
    made = Attribution("item-0000", "contributions", "L", "m", np.ones((1, 1), np.float32), (0, 0, len(text), 1), True,
                       tokens=np.array([[0, 4]], np.int32))
    return replace(made, **more)


def test_the_card_learns_which_method_made_a_map_that_was_asked_for_as_the_best_one(host, monkeypatch):
    monkeypatch.setattr(host, "explanation", lambda *_, **__: attribution_of(TEXTS[0], delta=float("nan")))
    message, _ = pack_map(host, host.item("item-0000"), "gradcam", "L")
    assert (message["method"], message["by"], message["tokens"]) == ("gradcam", "contributions", [0, 4])
    assert "delta" not in message


def test_a_text_without_a_word_has_no_map(host, monkeypatch):
    nothing = attribution_of(TEXTS[0], values=np.empty((1, 0), np.float32), tokens=np.empty((0, 2), np.int32))
    monkeypatch.setattr(host, "explanation", lambda *_, **__: nothing)
    message, buffers = pack_map(host, host.item("item-0000"), "gradcam", "L")
    assert (message["problem"], buffers) == ("there is no word in this text.", [])


def test_marked_words_come_back_as_regions_of_one_line(host):
    review = Review(host)
    try:
        wrong = {"size": [1, len(TEXTS[0])], "runs": [5, 5, len(TEXTS[0]) - 10]}
        reply = review.receive({"kind": "decide", "decision_id": new_id(), "item_id": "item-0000", "verdict": "answer",
                                "label_id": host.taxonomy.label_ids[0], "acted_at": "2026-03-01T09:30:00.250Z",
                                "reason": "wrong", "wrong": wrong})
    finally:
        review.close()
    assert reply["kind"] == "stored", reply
    [decision] = host.decisions
    assert decision.wrong.size == (1, len(TEXTS[0]))
    assert decision.wrong.mask()[0].nonzero()[0].tolist() == [5, 6, 7, 8, 9]
    assert past_of(decision)["wrong"]["runs"] == wrong["runs"]
