"""What a card's Python side does with roles: who may only read holds nothing, and an answer is never lost to a role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from widgets.test_card_widget import Browser

from hitl_widgets.records import Decision
from hitl_widgets.testing import MemoryHost, wait_for
from hitl_widgets.widgets import card
from hitl_widgets.widgets.card import Review

READING = "You have no role in this project: this card is for reading."


class TeamHost(MemoryHost):
    """A `MemoryHost` that is a `RolesHost`: what comes while `why` is set is kept aside."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.why: str | None = None
        self.kept: dict[str, Decision] = {}

    def reading(self, annotator: str | None = None) -> str | None:
        return self.why

    def aside(self, annotator: str | None = None) -> str | None:
        return f"{len(self.kept)} kept aside" if self.kept else None

    def kept_aside(self, id: str, annotator: str | None = None) -> str | None:
        return "Kept aside: no role." if id in self.kept else None

    def decide(self, item_id: Any, *args: Any, keep_aside: bool = False, **what: Any) -> Decision:
        if self.why is None:
            return super().decide(item_id, *args, **what)
        assert keep_aside, "a card never loses an answer to a role"
        decision = Decision(what["id"], item_id, what["annotator"], "answer", label="cat", label_id=what["label"])
        self.kept[decision.id] = decision
        return decision

    def retract(self, decision_id: str, *, keep_aside: bool = False, **what: Any) -> Decision:
        if self.why is None:
            return super().retract(decision_id, **what)
        assert keep_aside, "a card never loses an undo to a role"
        decision = next(one for one in self.decisions if one.id == decision_id)
        self.kept[what["id"]] = decision
        return decision

    def withdraw(self) -> None:
        """Take the annotator's role."""
        self.why = READING
        for listener in list(self._listeners):
            listener("people")


@pytest.fixture
def host() -> TeamHost:
    return TeamHost()


@pytest.fixture
def browser(host: TeamHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setattr(card, "FOLLOW_S", 0.05)
    review = Review(host)
    yield Browser(review)
    review.close()


def test_a_card_says_at_once_that_it_is_for_reading(host, browser):
    assert browser.hello()["reading"] is None
    host.why = READING
    assert browser.hello()["reading"] == READING


def test_a_role_that_is_withdrawn_or_given_while_the_card_is_open_is_pushed(host, browser):
    browser.hello()
    wait_for(lambda: browser.items)
    host.withdraw()
    wait_for(lambda: any(push["reading"] == READING for push in browser.of_kind("about")))
    host.why = None
    wait_for(lambda: browser.of_kind("about")[-1]["reading"] is None)


def test_an_answer_without_a_role_is_stored_and_the_reply_says_that_it_is_kept_aside(host, browser):
    browser.hello()
    wait_for(lambda: browser.items)
    host.withdraw()
    label = host.taxonomy.label_ids[0]
    reply = browser.decide("item-0000", "answer", label_id=label)
    assert (reply["kind"], reply["aside"]) == ("stored", "Kept aside: no role.")
    assert list(host.kept) == [reply["decision_id"]]
    assert host.decisions == []
    assert browser.review._progress()["here"] == 0
    wait_for(lambda: any(push["aside"] == "1 kept aside" for push in browser.of_kind("about")))


def test_an_answer_with_a_role_says_nothing_of_it(host, browser):
    browser.hello()
    wait_for(lambda: browser.items)
    reply = browser.decide("item-0000", "answer", label_id=host.taxonomy.label_ids[0])
    assert (reply["kind"], "aside" in reply) == ("stored", False)
    host.withdraw()
    undo = browser.review.receive({"kind": "retract", "decision_id": "undo-of-it", "retracts": reply["decision_id"],
                                   "item_id": "item-0000", "annotator": "ada", "acted_at": "2026-03-01T09:30:00Z"})
    assert undo == {"kind": "stored", "decision_id": "undo-of-it", "aside": "Kept aside: no role."}
