"""The spans of a text on the card: what is packed, what becomes of an act, and what is refused; no browser here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hitl_widgets as hw
from hitl_widgets.records import new_id
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.keys import configured
from hitl_widgets.widgets.messages import past_of
from hitl_widgets.widgets.packing import pack_item

ASTRONAUT = "👩🏽\u200d🚀"
TEXTS = [f"Ana {ASTRONAUT} flew to Rome.\r\nالتقت آنا مع محمد", "e\u0301cole \x00 Paris 🏙",
         "\ufeffNew York, New York", " "]


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    pool = hw.Pool.from_texts(TEXTS, ids=[f"t-{k}" for k in range(len(TEXTS))])
    with hw.Workbench(tmp_path / "places", pool, ["place", "person"], task="spans", annotator="ada", holdout=0,
                      progress=False) as wb:
        yield wb


@pytest.fixture
def review(wb: hw.Workbench) -> Iterator[Review]:
    review = Review(wb.session)
    yield review
    review.close()


def _act(position: int, objects: Any, verdict: str = "answer", **more: Any) -> dict[str, Any]:
    return {"kind": "decide", "decision_id": new_id(), "item_id": f"t-{position}", "verdict": verdict, "label_id": None,
            "acted_at": "2026-03-01T09:30:00.250Z", "annotator": "ada", "objects": objects,
            "size": [len(TEXTS[position]), 1], **more}


def _span(label_id: str, start: Any, end: Any, id: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "span", "at": [start, end], "label_id": label_id, **more}


def _found(position: int, quote: str) -> tuple[int, int]:
    start = TEXTS[position].index(quote)
    return start, start + len(quote)


def _packed(host: Any, position: int = 0, **more: Any) -> dict[str, Any]:
    item = replace(host.item(host.pool.ids[position]), **more)
    return dict(pack_item(host, item, blind=item.blind, annotator="ada")[0])


def test_a_text_comes_with_the_spans_that_are_proposed() -> None:
    host = MemoryHost(TEXTS[:3], ["place", "person"], task="spans")
    entry = _packed(host)
    assert entry["mime"] == "text/plain"
    assert {one["kind"] for one in entry["objects"]} == {"span"}
    assert all(0 <= one["at"][0] < one["at"][1] <= len(TEXTS[0]) for one in entry["objects"])
    assert entry["threshold"] == 0.3
    assert entry["target"] == f"object:{entry['objects'][-1]['id']}"


def test_spans_are_stored_in_characters_with_their_quotes(wb: hw.Workbench, review: Review) -> None:
    place, person = wb.taxonomy.label_ids
    spans = [_span(place, *_found(0, "Rome"), certainty=8), _span(person, *_found(0, "محمد"), "b", unsure=True),
             _span(person, *_found(0, f"Ana {ASTRONAUT}"), "c"), _span(place, *_found(0, "Ana"), "d")]
    act = _act(0, spans, touched=["a", "b"], seen={})
    assert review.receive(act) == {"kind": "stored", "decision_id": act["decision_id"]}
    table = wb.objects()
    assert table["quote"].tolist() == ["Rome", "محمد", f"Ana {ASTRONAUT}", "Ana"]
    assert all(TEXTS[0][row.start:row.end] == row.quote for row in table.itertuples())
    assert table["certainty"].tolist()[0] == 8
    [event] = wb.project.log.events(kind="decided")
    assert event.body["objects"][0]["at"] == list(_found(0, "Rome"))
    assert all(isinstance(number, int) for one in event.body["objects"] for number in one["at"])
    assert event.body["content"] == wb.pool.content(0)


def test_a_text_that_is_looked_at_again_comes_with_its_spans(wb: hw.Workbench, review: Review) -> None:
    place, _ = wb.taxonomy.label_ids
    review.receive(_act(1, [_span(place, *_found(1, "Paris"))]))
    entry = _packed(wb.session, 1)
    [one] = entry["objects"]
    assert (one["at"], one["origin"], one["act"]) == (list(_found(1, "Paris")), "person", "added")
    assert entry["standing"] == wb.session.latest()[-1].id
    past = past_of(wb.session.latest()[-1])
    assert (past["counts"], past["objects"]) == ({place: 1}, entry["objects"])


def test_what_became_of_each_proposal_follows_from_what_was_seen(wb: hw.Workbench, review: Review) -> None:
    place, person = wb.taxonomy.label_ids
    at = {"a": _found(2, "New York"), "b": (5, 9), "c": (0, 1), "d": (11, 19)}
    shown = [{**_span(place, *at[id], id), "score": 0.5} for id in at]
    left = [_span(place, *at["a"], "a"), _span(place, 1, 9, "b"), _span(person, *at["d"], "d")]
    review.receive(_act(2, left, "accept", seen={"objects": shown, "model": "m", "threshold": 0.3,
                                                 "threshold_probability": 1.0}))
    [decision] = wb.session.latest()
    assert decision.verdict == "correct"
    assert {one.id: one.act for one in decision.objects or ()} == {"a": "accepted", "b": "moved", "c": "deleted",
                                                                  "d": "relabelled"}


def test_an_undo_takes_the_spans_back_and_a_revision_takes_their_place(wb: hw.Workbench, review: Review) -> None:
    place, person = wb.taxonomy.label_ids
    first = _act(1, [_span(place, *_found(1, "Paris"))])
    review.receive(first)
    review.receive({"kind": "retract", "decision_id": new_id(), "item_id": "t-1", "retracts": first["decision_id"],
                    "acted_at": "2026-03-01T09:31:00Z", "annotator": "ada"})
    assert not len(wb.objects())
    second = _act(1, [_span(person, *_found(1, "e\u0301cole"), "b")])
    review.receive(second)
    third = _act(1, [_span(place, *_found(1, "e\u0301cole"), "b"), _span(place, *_found(1, "🏙"), "c")],
                 known=[second["decision_id"]], seen={"chosen_by": "revision"})
    assert review.receive(third)["kind"] == "stored"
    assert wb.objects()[["label", "quote"]].values.tolist() == [["place", "e\u0301cole"], ["place", "🏙"]]


def test_where_another_decision_stands_that_the_page_does_not_know_it_is_kept(wb: hw.Workbench, review: Review) -> None:
    place, _ = wb.taxonomy.label_ids
    wb.decide("t-1", objects=[hw.Span(*_found(1, "Paris"), label="place")])
    reply: Any = review.receive(_act(1, [_span(place, 0, 1)], known=[]))
    assert (reply["kind"], reply.get("decided")) == ("rejected", True)
    assert wb.objects()["quote"].tolist() == ["Paris"]


def test_a_text_without_spans_is_an_answer_and_one_of_blanks_can_be_flagged(wb: hw.Workbench, review: Review) -> None:
    assert review.receive(_act(0, []))["kind"] == "stored"
    assert past_of(wb.session.latest()[-1])["counts"] == {}
    assert "broken" in _packed(wb.session, 3)
    act = _act(3, None, "unsure", flags=["bad_data"])
    del act["objects"], act["size"]
    assert review.receive(act) == {"kind": "stored", "decision_id": act["decision_id"]}


@pytest.mark.parametrize(("at", "words"), [
    ([3, 3], "is empty"), ([5, 3], "is inverted"), ([-1, 3], "begins before the text"), ([0, 999], "ends outside"),
    ([0.5, 3], "the number of a character"), ([0], "start, end are expected"), ([0, 1, 2], "start, end are expected"),
    (["0", 3], "a list of finite numbers"), ([0, True], "a list of finite numbers"), ([0, 1e300], "ends outside"),
])
def test_what_is_no_span_of_the_text_is_refused_in_words(wb: hw.Workbench, review: Review, at: Any, words: str) -> None:
    span = {**_span(wb.taxonomy.label_ids[0], 0, 1), "at": at}
    reply: Any = review.receive(_act(0, [span]))
    assert reply["kind"] == "rejected"
    assert not reply.get("again")
    assert words in reply["reason"]
    assert not wb.session.latest()
    assert review.receive(_act(0, [_span(span["label_id"], 0, 1)]))["kind"] == "stored", "it can be given again"


def test_a_text_that_has_another_length_now_is_refused_with_both(review: Review) -> None:
    reply: Any = review.receive(_act(1, [], size=[len(TEXTS[1].encode("utf-16-le")) // 2, 1]))
    assert f"has {len(TEXTS[1])} characters now, and it had {len(TEXTS[1]) + 1}" in reply["reason"]


def test_the_table_of_keys_has_no_key_twice_and_leaves_arrows_to_the_text(wb: hw.Workbench, review: Review) -> None:
    table = configured({}, "card", "spans", "text")
    keys = [key for keys, _ in table.values() for key in keys]
    assert len(keys) == len(set(keys))
    assert not {"ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Space"} & set(keys)
    assert (table["widen"][0], table["other_end"][0], table["draw"][0]) == (["a"], ["e"], ["n"])
    assert not {"snap", "close_up", "next_label", "next_corner"} & set(table)
    assert review.keys == table
