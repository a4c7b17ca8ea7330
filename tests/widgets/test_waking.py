"""What others store on a server wakes open widgets; polling is off here, so that nothing else wakes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from postgres_server import Server
from shades import NAMES, POOL

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.testing import MemoryHost, wait_for
from hitl_widgets.widgets import card, editor, triage
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.widget import Widget

NEVER_S = 1e6


@pytest.fixture(autouse=True)
def no_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "FOLLOW_S", NEVER_S)
    monkeypatch.setattr(editor, "POLL_S", NEVER_S)
    monkeypatch.setattr(triage, "POLL_S", NEVER_S)


class TellingHost(MemoryHost):
    """Counts how often it was followed, and tells when something is stored elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Callable[[], None]] = []
        self.n_followed = 0

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        self.heard.append(heard)
        return lambda: self.heard.remove(heard)

    @contextmanager
    def following(self) -> Iterator[None]:
        self.n_followed += 1
        yield


def test_a_card_follows_when_it_hears_that_something_was_stored():
    host = TellingHost()
    review = Review(host, explain=None)
    assert host.heard == [], "no page has opened it yet"
    review.receive({"kind": "hello"})
    wait_for(lambda: host.n_followed == 1)
    [heard] = host.heard
    heard()
    wait_for(lambda: host.n_followed == 2)
    review.close()
    assert host.heard == []


def test_news_that_comes_while_a_card_follows_is_followed_again():
    began, may_go = threading.Event(), threading.Event()

    class Slow(TellingHost):
        @contextmanager
        def following(self) -> Iterator[None]:
            with super().following():
                if self.n_followed == 2:
                    began.set()
                    may_go.wait(60)
                yield

    host = Slow()
    review = Review(host, explain=None)
    review.receive({"kind": "hello"})
    wait_for(lambda: host.n_followed == 1)
    host.heard[0]()
    assert began.wait(60)
    host.heard[0]()
    may_go.set()
    wait_for(lambda: host.n_followed == 3)
    review.close()


class Desk:
    """A workbench of one person on the server, and what its widget pushes."""

    def __init__(self, workbench: Any) -> None:
        self.workbench = workbench
        self.pushed: list[dict[str, Any]] = []

    def open(self, widget: Widget[Any]) -> None:
        widget.feed.push = lambda message, buffers=None: self.pushed.append(message)  # type: ignore[method-assign]
        widget.receive({"kind": "hello"})

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in list(self.pushed) if message["kind"] == kind]


@pytest.fixture
def desks(postgres: Server, tmp_path: Any) -> Iterator[Callable[[str], Desk]]:
    url, opened = postgres.new_project_url(), []

    def opening(annotator: str) -> Desk:
        opened.append(hw.Workbench(url, POOL, hw.Taxonomy(NAMES), annotator=annotator, cache=tmp_path / annotator))
        return Desk(opened[-1])

    yield opening
    for workbench in opened:
        workbench.close()


def test_a_card_shows_what_others_do_on_a_server(desks):
    ada, grace = desks("ada"), desks("grace")
    ada.open(ada.workbench.review(explain=None))
    wait_for(lambda: len(ada.of_kind("item")) >= 2)
    grace.workbench.apply(edits.add("teal"))
    wait_for(lambda: any("teal" in news["text"] for news in ada.of_kind("news")))
    wait_for(lambda: any("teal" in [label["name"] for label in push["taxonomy"]["labels"]]
                         for push in ada.of_kind("taxonomy")))
    grace.workbench.session.ask("What is dark?", label_id=grace.workbench.taxonomy.label_ids[0])
    wait_for(lambda: any(push["threads"] for push in ada.of_kind("threads")))
    before = ada.of_kind("progress")[-1]["progress"]["open"]
    grace.workbench.decide(grace.workbench.next(1)[0].id, "answer", label="dark")
    wait_for(lambda: ada.of_kind("progress")[-1]["progress"]["open"] == before - 1)


def test_the_editor_and_triage_show_what_others_do_on_a_server(desks):
    ada, grace = desks("ada"), desks("grace")
    ada.open(ada.workbench.edits.open())
    wait_for(lambda: ada.of_kind("taxonomy"))
    grace.workbench.apply(edits.add("teal"))
    wait_for(lambda: any(push["taxonomy"]["version"] == 2 for push in ada.of_kind("taxonomy")))
    sorting = Desk(ada.workbench)
    sorting.open(ada.workbench.edits.triage())
    wait_for(lambda: sorting.of_kind("pages"))
    item = grace.workbench.next(1)[0].id
    grace.workbench.decide(item, "unsure")
    wait_for(lambda: any(item in push["item_ids"] for push in sorting.of_kind("unplaced")))


@pytest.mark.long
def test_one_connection_listens_for_all_widgets_of_a_project_and_ends_with_the_last(desks, postgres):
    project, n_others = desks("ada").workbench.project, 0

    def listening() -> int:
        [(n,)] = postgres.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'")
        return int(n) - n_others

    n_others = listening()
    ends = [project.listen(lambda: None), project.listen(lambda: None)]
    wait_for(lambda: listening() == 1)
    ends[0]()
    ends[0]()
    assert listening() == 1
    ends[1]()
    wait_for(lambda: listening() == 0)
