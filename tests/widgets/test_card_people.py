"""What people ask, agree to and are told, on the card's Python side; and how an item is shown. Only messages here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from people_host import PeopleHost
from widgets.test_card_widget import Browser

from hitl_widgets.records import new_id
from hitl_widgets.taxonomy.labels import Taxonomy
from hitl_widgets.testing import MemoryHost, wait_for
from hitl_widgets.widgets import card
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.messages import examples_of, labels_of
from hitl_widgets.widgets.packing import pack_item


@pytest.fixture
def host() -> PeopleHost:
    return PeopleHost(arms={"item-0000": "answer_first", "item-0001": "no_map", "item-0002": "blind"},
                      purpose="Find cats.", asks="Some suggestions are wrong on purpose. Do you agree?")


@pytest.fixture
def browser(host: PeopleHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setattr(card, "FOLLOW_S", 0.05)
    review = Review(host)
    yield Browser(review)
    review.close()


def act(browser: Browser, kind: str, **more: object) -> dict[str, object]:
    return browser.review.receive({"kind": kind, "decision_id": new_id(), "acted_at": "2026-03-01T09:30:00.250Z",
                                   "annotator": "ada", **more})


def test_an_item_says_how_it_is_shown_and_a_map_comes_where_it_is_seen(browser):
    browser.hello()
    wait_for(lambda: len(browser.of_kind("map")) >= 4)
    items = {message["item"]["item_id"]: message["item"] for message in browser.of_kind("item")}
    assert items["item-0000"]["answer_first"] is True
    assert items["item-0000"]["blind"] is True
    assert items["item-0001"]["no_map"] is True
    assert items["item-0002"]["exposure"] == {"arm": "blind", "arm_probability": 0.1}
    mapped = {message["item_id"] for message in browser.of_kind("map")}
    assert "item-0000" in mapped  # it waits in the browser until the item is answered
    assert not {"item-0001", "item-0002"} & mapped


def test_the_second_answer_to_an_item_that_is_answered_first_replaces_the_first(host, browser):
    browser.hello()
    wait_for(lambda: browser.items)
    label = host.taxonomy.label_ids
    first = browser.decide("item-0000", "answer", label_id=label[1],
                           seen={"hidden": True, "suggestion": label[0], "arm": "answer_first", "arm_probability": 0.1})
    reply = browser.decide("item-0000", "accept", label_id=label[0], known=[first["decision_id"]],
                           seen={"suggestion": label[0], "arm": "answer_first", "arm_probability": 0.1})
    assert reply["kind"] == "stored"
    assert host.decisions[1].replaces == first["decision_id"]
    assert "1 decided" in repr(browser.review) or "2 decided" in repr(browser.review)
    assert act(browser, "retract", retracts=reply["decision_id"])["kind"] == "stored"
    assert act(browser, "retract", retracts=first["decision_id"])["kind"] == "stored"
    assert "0 decided" in repr(browser.review)


def test_a_question_is_pushed_to_every_page_within_two_seconds_and_only_when_something_was_said(host, browser):
    browser.hello()
    wait_for(lambda: browser.of_kind("threads"))
    host.ask("When is it a cat?", label_id=host.taxonomy.label_ids[0], id="t1", annotator="bob")
    wait_for(lambda: len(browser.of_kind("threads")) == 2)
    assert act(browser, "respond", thread="t1", text="With ears.")["kind"] == "stored"
    wait_for(lambda: len(browser.of_kind("threads")) == 3)
    assert [post["annotator"] for post in browser.of_kind("threads")[-1]["threads"][0]["posts"]] == ["bob", "ada"]
    assert card.FOLLOW_S <= 2
    assert act(browser, "respond", thread="nowhere", text="?")["kind"] == "rejected"


def test_an_answer_becomes_a_sentence_of_the_definition_and_every_card_gets_it(host, browser):
    label = host.taxonomy.label_ids[0]
    browser.hello()
    act(browser, "ask", text="When?", label_id=label)
    [thread] = host.entries
    act(browser, "respond", thread=thread, text="With ears.")
    act(browser, "settle", thread=thread, how="sentence", label_id=label, text="With ears.")
    wait_for(lambda: browser.of_kind("taxonomy"))
    assert browser.of_kind("taxonomy")[-1]["taxonomy"]["labels"][0]["definition"] == "With ears."


def test_consent_is_asked_in_the_greeting_and_what_waits_is_drawn_anew_once_it_is_given(host, browser):
    ready = browser.hello()
    assert ready["consent"] == {"to": "planted", "text": "Some suggestions are wrong on purpose. Do you agree?"}
    assert ready["about"]["purpose"] == "Find cats."
    wait_for(lambda: len(browser.items) >= 16)
    assert act(browser, "consent", to="planted", yes=True)["kind"] == "stored"
    wait_for(lambda: any(push["about"]["takes_part"] == ["planted"] for push in browser.of_kind("about")))
    wait_for(lambda: any(push["keep"] == card.KEPT and push["item_ids"] for push in browser.of_kind("drop")))
    assert host.agreed == {"planted": True}


def test_what_was_planted_is_told_at_the_end_of_the_sitting_until_it_is_dismissed(host, browser):
    browser.hello()
    browser.review.receive({"kind": "stop"})
    told = wait_for(lambda: [push["notices"] for push in browser.of_kind("notices") if push["notices"]])
    assert told[0][0]["kind"] == "debrief"
    act(browser, "dismiss", notice=told[0][0]["notice"])
    wait_for(lambda: browser.of_kind("notices")[-1]["notices"] == [])


def test_a_project_without_people_asks_and_tells_nothing():
    review = Review(MemoryHost())
    browser = Browser(review)
    ready = browser.hello()
    assert (ready["people"], ready["about"], ready["consent"]) == (False, None, None)
    assert act(browser, "ask", text="?")["kind"] == "rejected"
    review.close()


def test_examples_that_are_hard_to_see_say_why_and_count():
    taxonomy = Taxonomy([{"name": "cat", "examples": ["a"], "edge_cases": {"tiny": ["b", "a"]}}, "dog"])
    assert labels_of(taxonomy)["labels"][0]["n_examples"] == 2
    examples, _ = examples_of([(False, "a"), (False, "b"), (True, "c")], str.encode, 6, {"a": "tiny", "b": "tiny"})
    cases = [(example["name"], example.get("case")) for example in examples]
    assert cases == [("a", "tiny"), ("b", "tiny"), ("c", None)]


def test_a_planted_suggestion_looks_like_the_models_and_the_log_gets_the_models_own_probabilities():
    host = MemoryHost()
    prediction = host.prediction(0)
    worst = prediction.label_ids[int(np.argmin(prediction.probs))]
    item = replace(host.item("item-0000"), planted=worst)
    entry, *_ = pack_item(host, item, blind=False, annotator="ada")
    assert entry["suggestion"] == worst == entry["probs"][0][0]
    assert [p for _, p in entry["probs"]] == sorted((p for _, p in entry["probs"]), reverse=True)
    own = entry["exposure"]["probs"]
    assert entry["exposure"]["planted"] is True
    assert worst not in own
    assert own[prediction.suggestion] == entry["probs"][0][1]
    entry, *_ = pack_item(host, replace(item, planted="newer than the model"), blind=False, annotator="ada")
    assert (entry["suggestion"], "exposure" in entry) == (prediction.suggestion, False)


@pytest.mark.parametrize("yes", ["false", "no", 1, [], {}])
def test_consent_is_true_or_false_and_no_word_for_it(host, browser, yes):
    """The text "false" was stored as a yes."""
    browser.hello()
    reply = act(browser, "consent", to="planted", yes=yes)
    assert reply["kind"] == "rejected"
    assert "true or false" in reply["reason"]
    assert act(browser, "consent", to="planted")["kind"] == "rejected"


def test_a_no_takes_planted_suggestions_that_wait_out_of_the_queue(host, browser):
    """The next item after a no could have one."""
    browser.hello()
    wait_for(lambda: len(browser.items) >= 3)
    entries = browser.review._window.entries
    waits = entries[1].item.id
    entries[1].item = replace(entries[1].item, planted=host.taxonomy.label_ids[0])
    assert act(browser, "consent", to="planted", yes=False)["kind"] == "stored"
    wait_for(lambda: any(push["item_ids"] == [waits] and push["keep"] == 1 for push in browser.of_kind("drop")))
