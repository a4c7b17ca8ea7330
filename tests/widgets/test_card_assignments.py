"""What an assignment does on the card's Python side: what is asked, what waits, and which labels come first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from widgets.test_card_widget import Browser

import hitl_widgets as hw
from hitl_widgets.events import Event
from hitl_widgets.project import assignments
from hitl_widgets.records import new_id, utc_now
from hitl_widgets.taxonomy.labels import Label, Taxonomy
from hitl_widgets.testing import wait_for
from hitl_widgets.widgets import card
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.messages import labels_of

N = 60
Opened = Callable[..., tuple[hw.Workbench, Browser]]


@pytest.fixture
def open_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setattr(card, "FOLLOW_S", 0.05)
    opened: list[Any] = []

    def one_more(annotator: str = "grace", labels: Any = ("cat", "dog", "lynx"), **more: Any
                 ) -> tuple[hw.Workbench, Browser]:
        images = np.random.default_rng(0).integers(0, 255, (N, 8, 8), np.uint8)
        pool = hw.Pool.from_images(images, ids=[f"i{k}" for k in range(N)],
                                   meta=pd.DataFrame({"site": [["A", "B"][k % 2] for k in range(N)]}))
        wb = hw.Workbench(tmp_path / "p", pool, Taxonomy(list(labels)), annotator=annotator, holdout=0, **more)
        browser = Browser(Review(wb.session, explain=None))
        opened.extend([browser.review, wb])
        return wb, browser

    yield one_more
    for one in opened:
        one.close()


@pytest.mark.parametrize(("who", "parity"), [("bob", 1), ("grace", 0)])
def test_a_card_that_is_open_when_items_are_assigned_drops_what_is_not_its_persons(open_, who, parity):
    grace, browser = open_("grace")
    browser.review.host.rename_annotator(who)
    browser.hello()
    wait_for(lambda: browser.items)
    assignments.assign(grace.project, "bob", where={"site": "B"}) if who == "grace" else \
        grace.project.take_in(Event(new_id(), "assigned", "grace", utc_now(), {
            "annotator": "bob", "where": {"site": ["B"]}, "only": True}))
    wait_for(lambda: browser.of_kind("drop"))
    window = browser.review._window
    on_screen = browser.items[:card.KEPT]  # they stay until they are answered
    wait_for(lambda: len(window) > 5 and all(int(entry.item.id[1:]) % 2 == parity for entry in window.entries
                                             if entry.item.id not in on_screen))
    assert all(int(item_id[1:]) % 2 == parity or item_id in on_screen for item_id in
               wait_for(lambda: grace.project.log.claims(exclude="nobody")))


def test_a_person_reads_on_the_card_what_they_are_asked_and_how_far_they_are(open_):
    wb, browser = open_("grace")
    assert browser.hello()["about"] is None
    wb.people.assign("grace", where={"site": "B"})
    told = wait_for(lambda: [message["about"] for message in browser.of_kind("about") if message["about"]])
    assert told[-1]["asked"] == "You are asked these items (site = B): 0 of 30 answered."
    wait_for(lambda: browser.items)
    browser.decide("i1", "answer", label_id=wb.taxonomy.label("cat").id, annotator="grace")
    wait_for(lambda: "1 of 30" in browser.of_kind("about")[-1]["about"]["asked"])


def test_where_an_item_may_have_several_labels_those_that_are_assigned_come_first_with_the_first_keys(open_):
    names = [f"l{k:02d}" for k in range(14)]
    wb, browser = open_("grace", names, task="multilabel")
    first = browser.hello()["taxonomy"]["labels"]
    assert [entry["name"] for entry in first] == names
    assert [entry["key"] for entry in first] == [*"1234567890", None, None, None, None]
    wb.people.assign("grace", ["l12", "l05"])
    wait_for(lambda: browser.of_kind("taxonomy"))
    labels = browser.of_kind("taxonomy")[-1]["taxonomy"]["labels"]
    others = [name for name in names if name not in ("l05", "l12")]
    assert [entry["name"] for entry in labels] == ["l05", "l12", *others]
    assert [entry["key"] for entry in labels] == [*"1234567890", None, None, None, None]
    wb.people.assign("grace", None)
    wait_for(lambda: browser.of_kind("taxonomy")[-1]["taxonomy"]["labels"] == first)


def test_where_an_item_has_one_label_the_labels_stay_where_they_are(open_):
    wb, browser = open_("grace")
    wb.people.assign("grace", ["lynx"])
    assert [entry["name"] for entry in browser.hello()["taxonomy"]["labels"]] == ["cat", "dog", "lynx"]


def test_a_labels_own_key_stays_its_own_whatever_comes_first():
    taxonomy = Taxonomy([Label("Lc", "cat", key="c"), Label("Ld", "dog"), Label("L2", "2"), Label("Ll", "lynx")])
    keys = [(entry["name"], entry["key"]) for entry in labels_of(taxonomy, ["Ll"])["labels"]]
    assert keys == [("lynx", "1"), ("cat", "c"), ("dog", "3"), ("2", "2")]
