"""Texts on the card: what the browser gets of them, and what comes back; no browser here, only messages."""

from __future__ import annotations

import json

import pytest

from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.keys import configured
from hitl_widgets.widgets.packing import pack_item, pack_segments

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
