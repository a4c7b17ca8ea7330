"""Planted suggestions and own repeats through the card of a project in a folder. Only messages here, no browser."""

import pytest
from project.test_hidden_tests import NAMES, gold_of, pool, predict, truth
from widgets.test_card_widget import Browser

import hitl_widgets as hw
from hitl_widgets.records import new_id
from hitl_widgets.testing import wait_for
from hitl_widgets.widgets import card
from hitl_widgets.widgets.card import Review


@pytest.fixture
def wb(tmp_path):
    with hw.Workbench(tmp_path, pool(), NAMES, annotator="ada", device="cpu", progress=False, holdout=0) as wb:
        predict(wb)
        wb.session.prediction = wb.project.prediction
        gold_of(wb, 100)
        yield wb


def label(browser, n):
    """Answer n items as they come, each with what the page says of it; the messages of the items."""
    answered = []
    while len(answered) < n:
        entry = wait_for(lambda: next((message["item"] for message in browser.of_kind("item")
                                       if message["item"]["item_id"] not in {e["item_id"] for e in answered}
                                       or ("repeat_of" in message["item"].get("exposure", {})
                                           and message["item"] not in answered)), None))
        answered.append(entry)
        suggestion, name = entry.get("suggestion"), truth(entry["item_id"])
        label_id = browser.review.host.taxonomy.answer(name).id
        visible = suggestion is not None and not entry["blind"]
        verdict = "answer" if not visible else "accept" if suggestion == label_id else "correct"
        reply = browser.decide(entry["item_id"], verdict, label_id=label_id,
                               known=[entry["standing"]] if "standing" in entry else [],
                               seen={**entry.get("exposure", {}), "hidden": entry["blind"],
                                     "chosen_by": entry["chosen_by"], "taxonomy": 1,
                                     **({} if suggestion is None else {"suggestion": suggestion, "model": "fake"})})
        assert reply["kind"] == "stored", reply
    return answered


def test_planted_suggestions_and_repeats_go_through_the_card_and_what_was_planted_is_told(wb, monkeypatch):
    monkeypatch.setattr(card, "FOLLOW_S", 0.05)
    wb.people.plant(purpose="To learn how far suggestions move us.")
    wb.people.set(repeats=0.2)
    review = Review(wb.session, explain=None, strategy="random")
    browser = Browser(review)
    assert browser.hello()["consent"]["to"] == "planted"
    review.receive({"kind": "consent", "to": "planted", "yes": True, "decision_id": new_id(), "annotator": "ada",
                    "acted_at": "2026-03-01T09:30:00.250Z"})
    wait_for(lambda: any(push["about"]["takes_part"] == ["planted"] for push in browser.of_kind("about")))
    entries = label(browser, 90)
    planted = [entry for entry in entries if entry.get("exposure", {}).get("planted")]
    again = [entry for entry in entries if "repeat_of" in entry.get("exposure", {})]
    assert 1 <= len(planted) <= 4
    assert len(again) >= 2
    for entry in planted:
        assert entry["chosen_by"] not in ("gold", "planted", "holdout")
        assert entry["suggestion"] != wb.gold()[entry["item_id"]]
    assert all(entry["blind"] and entry["standing"] == entry["exposure"]["repeat_of"] for entry in again)
    votes = wb.votes()
    assert set(votes.loc[votes["planted"], "item_id"]) == {entry["item_id"] for entry in planted}
    assert set(votes.loc[votes["repeat_of"].notna(), "item_id"]) == {entry["item_id"] for entry in again}
    assert not any(notice["kind"] == "debrief" for push in browser.of_kind("notices") for notice in push["notices"])
    review.receive({"kind": "stop"})
    [told] = wait_for(lambda: [notice for push in browser.of_kind("notices")[-1:] for notice in push["notices"]
                               if notice["kind"] == "debrief"])
    assert len(told["lines"]) == len(planted)
    review.close()


def test_an_own_repeat_that_is_undone_comes_back_and_the_first_answer_stands_all_along(wb):
    first = wb.decide("i200", label="cat", seen={"hidden": True, "chosen_by": "random"})
    review = Review(wb.session, explain=None, strategy="random")
    browser = Browser(review)
    reply = browser.decide("i200", "answer", label_id=wb.taxonomy.answer("dog").id, known=[first.id],
                           seen={"hidden": True, "repeat_of": first.id, "chosen_by": "repeat", "taxonomy": 1})
    assert reply["kind"] == "stored"
    assert wb.annotations()["label"].tolist() == ["cat"]
    assert review.receive({"kind": "retract", "retracts": reply["decision_id"], "decision_id": new_id(),
                           "annotator": "ada", "acted_at": "2026-03-01T09:30:00.250Z"})["kind"] == "stored"
    assert wb.annotations()["label"].tolist() == ["cat"]
    assert wb.votes()["repeat_of"].isna().all()
    review.close()


def test_a_card_that_closes_ends_the_sitting_and_what_was_planted_is_told(wb, monkeypatch):
    monkeypatch.setattr(card, "FOLLOW_S", 0.05)
    wb.people.plant(purpose="To learn how far suggestions move us.")
    review = Review(wb.session, explain=None, strategy="random")
    browser = Browser(review)
    browser.hello()
    review.receive({"kind": "consent", "to": "planted", "yes": True, "decision_id": new_id(), "annotator": "ada",
                    "acted_at": "2026-03-01T09:30:00.250Z"})
    wait_for(lambda: any(push["about"]["takes_part"] == ["planted"] for push in browser.of_kind("about")))
    planted = [entry for entry in label(browser, 60) if entry.get("exposure", {}).get("planted")]
    assert planted
    assert not list(wb.project.log.events(kind="told"))
    review.close()
    [told] = wb.project.log.events(kind="told")
    assert len(told.body["lines"]) == len(planted)
