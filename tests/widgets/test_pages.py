"""Of the browser pages that show a kernel's widgets one acts, and the others watch; no browser here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hitl_widgets.records import new_id
from hitl_widgets.testing import MemoryHost, wait_for
from hitl_widgets.widgets import pages
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.pages import RELOAD_S, SILENT_S, ActivePage, Listener


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Heard(Listener):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.n = 0

    def on_active_page(self) -> None:
        self.n += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def active(clock: Clock) -> ActivePage:
    return ActivePage(clock)


def test_the_first_page_that_shows_a_widget_is_active_and_a_second_one_watches(active):
    assert active.page is None
    active.greet("a")
    assert active.page == "a"
    assert active.greet("b"), "the first one is asked whether it is there"
    assert active.page == "a"


def test_a_page_that_shows_no_widget_does_not_become_active(active):
    active.greet("a", shows=False)
    assert active.page is None
    active.greet("b")
    assert active.page == "b"
    active.greet("a", shows=False)
    assert active.page == "b"


def test_a_page_whose_widget_appears_late_becomes_active_where_none_is(active):
    active.greet("a", shows=False)
    assert not active.watch("a")
    assert active.page == "a"


def test_a_page_takes_over_when_its_person_wants_to(active):
    active.greet("a")
    active.greet("b")
    active.greet("b", takes=True)
    assert active.page == "b"
    active.greet("a", takes=True)
    assert active.page == "a"


def test_a_reload_takes_over_from_itself_at_once(active):
    active.greet("a")
    active.greet("b")
    active.greet("c", left="a")
    assert active.page == "c"
    active.greet("d", left="b")  # it watched before, and watches again
    assert active.page == "c"


def test_a_reload_whose_goodbye_came_is_not_overtaken_by_a_page_that_watches(active, clock):
    active.greet("a")
    active.greet("b")
    active.leave("a")
    clock.at += RELOAD_S - 1
    assert not active.watch("b"), "who has left isn't asked"
    active.greet("c", left="a")
    assert active.page == "c"
    clock.at += RELOAD_S
    active.watch("b")
    assert active.page == "c"


def test_a_page_that_was_closed_is_followed_by_the_one_that_watches(active, clock):
    active.greet("a")
    active.greet("b")
    active.leave("a")
    clock.at += RELOAD_S
    active.watch("b")
    assert active.page == "b"


def test_a_page_that_opens_after_the_active_one_was_closed_is_active_at_once(active):
    active.greet("a")
    active.leave("a")
    active.greet("b")
    assert active.page == "b"


def test_the_goodbye_of_a_page_that_watches_changes_nothing(active, clock):
    active.greet("a")
    active.greet("b")
    active.leave("b")
    clock.at += RELOAD_S
    active.greet("c")
    assert active.page == "a"


def test_a_page_that_does_not_answer_is_gone(active, clock):
    active.greet("a")
    active.greet("b")
    clock.at += SILENT_S - 0.1
    assert active.watch("b")
    assert active.page == "a"
    clock.at += 0.2
    assert not active.watch("b")
    assert active.page == "b"


def test_a_page_that_answers_stays_active_however_long_it_does_nothing(active, clock):
    active.greet("a")
    active.greet("b")
    for _ in range(5):
        clock.at += SILENT_S - 0.1
        active.hear("a")
        assert active.watch("b")
        assert active.page == "a"
    clock.at += 1000  # nobody watched meanwhile, so nobody asked: an old question doesn't count
    active.hear("a")
    assert active.watch("b")
    assert active.page == "a"


def test_an_act_of_a_page_that_watches_makes_it_no_more_than_that(active):
    heard = Heard()
    active.listen(heard)
    active.greet("a")
    assert heard.n == 1
    active.hear("b")
    assert (active.page, heard.n) == ("a", 1)
    active.hear("b", acts=True)
    assert (active.page, heard.n) == ("a", 2), "it hadn't heard who is active: all are told again"


def test_an_act_makes_a_page_active_where_none_is(active):
    active.hear("a")
    assert active.page is None
    active.hear("a", acts=True)
    assert active.page == "a"


def test_a_listener_is_told_of_changes_alone_and_keeps_nothing_alive(active):
    heard = Heard()
    active.listen(heard)
    active.greet("a")
    active.greet("a")
    active.greet("b")
    assert heard.n == 1
    del heard
    active.greet("b", takes=True)
    assert active.page == "b"


# -- in a widget


class Pages:
    """Stands where the browser's pages stand: what is pushed reaches all of them."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.pushed: list[dict[str, Any]] = []
        review.feed.push = lambda message, buffers=None: self.pushed.append(message)  # type: ignore[method-assign]

    def send(self, page: str, kind: str, **more: Any) -> Any:
        return self.review.receive({"kind": kind, "page": page, **more})

    def decide(self, page: str, item_id: str, known: list[str] | None = None) -> Any:
        return self.send(page, "decide", decision_id=new_id(), item_id=item_id, verdict="answer",
                         label_id=self.review.host.taxonomy.label_ids[0], acted_at="2026-03-01T09:30:00.250Z",
                         annotator="ada", known=known)

    @property
    def active(self) -> list[tuple[str | None, bool]]:
        return [(message["page"], message["asks"]) for message in self.pushed if message["kind"] == "active"]


@pytest.fixture
def browser(active: ActivePage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setattr(pages, "active_page", active)
    review = Review(MemoryHost(), explain=None)
    yield Pages(review)
    review.close()


def test_ready_says_which_page_is_active(browser):
    assert browser.send("a", "hello")["active"] == "a"
    assert browser.send("b", "hello")["active"] == "a"
    assert browser.active[-1] == ("a", True), "and the active one is asked"
    assert browser.send("b", "hello", takes=True)["active"] == "b"
    assert browser.active[-1] == ("b", False)


def test_what_a_page_says_of_itself_is_answered_to_it_alone(browser, clock):
    browser.send("a", "hello")
    browser.send("b", "hello")
    assert browser.send("a", "here") == {"kind": "noted", "page": "a"}
    assert browser.send("b", "watch") == {"kind": "noted", "page": "b"}
    clock.at += SILENT_S
    assert browser.send("b", "watch") == {"kind": "noted", "page": "b"}
    assert browser.active[-1] == ("b", False)
    assert browser.send("b", "leave") == {"kind": "noted", "page": "b"}
    assert browser.send("c", "hello")["active"] == "c"


def test_a_decision_of_a_page_that_was_overtaken_is_stored_all_the_same(browser):
    browser.send("a", "hello")
    browser.send("b", "hello", takes=True)
    assert browser.decide("a", "item-0000")["kind"] == "stored"
    assert browser.active[-1] == ("b", False), "it hears again that it only watches"


def test_an_item_that_both_decided_is_decided_once(browser):
    browser.send("a", "hello")
    browser.send("b", "hello", takes=True)
    assert browser.decide("b", "item-0000", known=[])["kind"] == "stored"
    late = browser.decide("a", "item-0000", known=[])
    assert (late["kind"], late["decided"]) == ("rejected", True)
    wait_for(lambda: any(message["kind"] == "drop" for message in browser.pushed))


def test_a_widget_that_is_closed_says_no_more_of_pages(browser):
    browser.send("a", "hello")
    browser.review.close()
    n = len(browser.active)
    assert browser.send("b", "hello", takes=True)["active"] == "b"
    assert len(browser.active) == n


def test_a_host_that_names_no_page_has_none(browser):
    assert browser.review.receive({"kind": "hello"})["active"] is None
    assert browser.review.receive({"kind": "hello", "page": 3})["active"] is None
