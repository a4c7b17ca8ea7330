"""The adjudication widget answers acts, and feeds the page with competing answers; only messages here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest
from widgets.test_card_widget import Browser

from hitl_widgets.records import new_id
from hitl_widgets.testing import MemoryHost, wait_for
from hitl_widgets.widgets.adjudication import AHEAD, CAUSES, AdjudicationReview


class Cases(MemoryHost):
    """Eight items with two answers each."""

    def __init__(self) -> None:
        super().__init__(annotator="eve", broken=["item-0001"])
        self.judged: dict[str, tuple[str, str | None, str, str | None]] = {}

    def cases(self, n: int, *, showing: Collection[str] = ()) -> list[str]:
        over = {item_id for item_id, *_ in self.judged.values()} | set(showing)
        return [item_id for item_id in self.pool.ids[:8] if item_id not in over][:n]

    def answers(self, item_id: str) -> list[dict[str, Any]]:
        return [{"letter": letter, "label_id": self.taxonomy.label_ids[i], "label": self.taxonomy.names[i],
                 "certainty": 7, "note": None, "reason": None, "flags": []} for i, letter in enumerate("AB")]

    def adjudicate(self, item_id: str, label_id: str | None, cause: str, *, note: str | None = None,
                   id: str | None = None, **who: Any) -> None:
        self.judged[id or new_id()] = (item_id, label_id, cause, note)

    def retract(self, decision_id: str, **who: Any) -> Any:
        del self.judged[decision_id]

    def progress(self) -> dict[str, Any]:
        return {"judged": len(self.judged), "error": 0.1, "low": 0.02, "high": 0.2, "goal": 0.05, "left": 9,
                "done": None}

    def verdicts(self, n: int = 50) -> list[dict[str, Any]]:
        return [{"decision_id": id, "item_id": item_id, "label": None, "cause": cause}
                for id, (item_id, _, cause, _) in self.judged.items()]


@pytest.fixture
def host() -> Cases:
    return Cases()


@pytest.fixture
def browser(host: Cases) -> Iterator[Browser]:
    review = AdjudicationReview(host)
    yield Browser(review)  # type: ignore[arg-type]
    review.close()


def act(browser: Browser, kind: str, **more: Any) -> dict[str, Any]:
    return browser.review.receive({"kind": kind, "decision_id": new_id(), "acted_at": "2026-03-01T09:30:00.250Z",  # type: ignore[return-value]
                                   "annotator": "eve", **more})


def cases(browser: Browser) -> list[str]:
    return [push["case"]["item_id"] for push in browser.of_kind("case")]


def test_a_few_cases_wait_with_pictures_and_answers_that_name_nobody(browser):
    ready = browser.hello()
    assert [cause for cause, _ in ready["causes"]] == [cause for cause, _ in CAUSES]
    assert len(CAUSES) == 5
    wait_for(lambda: len(cases(browser)) == AHEAD)
    message, buffers = next(row for row in browser.pushed if row[0]["kind"] == "case")
    assert buffers[0].startswith(b"\x89PNG")
    assert [answer["letter"] for answer in message["case"]["answers"]] == ["A", "B"]
    assert "annotator" not in str(message)
    assert "suggestion" not in str(message)
    assert "broken" in browser.of_kind("case")[1]["case"]
    wait_for(lambda: browser.of_kind("adjudication"))
    assert browser.of_kind("adjudication")[0]["progress"]["left"] == 9


def test_a_verdict_is_stored_with_its_cause_and_the_next_case_follows(host, browser):
    browser.hello()
    wait_for(lambda: len(cases(browser)) == AHEAD)
    reply = act(browser, "adjudicate", item_id="item-0000", label_id=host.taxonomy.label_ids[1], cause="slip", note="?")
    assert reply["kind"] == "stored"
    assert list(host.judged.values()) == [("item-0000", host.taxonomy.label_ids[1], "slip", "?")]
    wait_for(lambda: len(cases(browser)) == AHEAD + 1)
    wait_for(lambda: browser.of_kind("adjudication")[-1]["progress"]["judged"] == 1)
    act(browser, "undo", retracts=reply["decision_id"])
    assert host.judged == {}
    wait_for(lambda: browser.of_kind("adjudication")[-1]["progress"]["judged"] == 0)
    assert cases(browser).count("item-0000") == 1  # the page has it


def test_the_end_is_said_once_and_a_page_that_reloads_gets_what_it_lacks(host, browser):
    browser.hello()
    for item_id in host.pool.ids[:8]:
        wait_for(lambda item_id=item_id: item_id in cases(browser))
        act(browser, "adjudicate", item_id=item_id, label_id=None, cause="ambiguous")
    wait_for(lambda: browser.of_kind("end"))
    host.judged.popitem()
    browser.hello()
    wait_for(lambda: cases(browser)[-1] == "item-0007")
    assert len(browser.of_kind("end")) == 1


def test_the_end_is_said_where_each_case_is_judged_as_soon_as_it_comes(browser, monkeypatch):
    push_case = browser.review._push_case

    def judged_at_once(item_id: str) -> None:
        push_case(item_id)
        act(browser, "adjudicate", item_id=item_id, label_id=None, cause="ambiguous")
    monkeypatch.setattr(browser.review, "_push_case", judged_at_once)
    browser.hello()
    wait_for(lambda: browser.of_kind("end"))
