"""Two people with a project each on one folder: what one asks, settles and adjudicates reaches the other's widgets."""

import shutil

import numpy as np
import pytest
from widgets.test_card_widget import Browser

import hitl_widgets as hw
from hitl_widgets.records import new_id
from hitl_widgets.testing import wait_for


@pytest.fixture
def people(tmp_path):
    made = []
    for who in ("ada", "bob"):
        pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (6, 8, 8), np.uint8),
                                   ids=[f"i{k}" for k in range(6)])
        made.append(hw.Workbench(tmp_path / "p", pool, ["cat", "dog"], annotator=who, holdout=0.0, progress=False))
    yield made
    for wb in made:
        wb.close()


def act(browser, kind, **more):
    return browser.review.receive({"kind": kind, "decision_id": new_id(), "acted_at": "2026-03-01T09:30:00.250Z",
                                   "annotator": "bob", **more})


def test_a_question_and_the_definition_that_settled_it_reach_the_card_of_a_colleague(people):
    ada, bob = people
    browser = Browser(bob.review(explain=None))
    browser.hello()
    thread = ada.people.threads().ask("Are kittens cats?", label="cat")
    ada.people.threads().settle(thread, "definition", text="Cats of any age.")
    wait_for(lambda: any(label.get("definition") == "Cats of any age." for push in browser.of_kind("taxonomy")
                         for label in push["taxonomy"]["labels"]))
    wait_for(lambda: any(entry["settled"] for push in browser.of_kind("threads") for entry in push["threads"]))
    wait_for(lambda: any("Are kittens cats?" in push["text"] for push in browser.of_kind("news")))

    act(browser, "ask", text="And lions?", item_id=None, label_id=ada.taxonomy.label("cat").id)
    assert ada.people.threads().table["text"].tolist() == ["And lions?", "Are kittens cats?"]


def test_a_verdict_on_the_page_is_the_project_s_and_is_taken_back_there(people):
    ada, bob = people
    for who, label in (("ada", "cat"), ("eve", "dog")):
        ada.decide("i2", label=label, annotator=who)
    browser = Browser(bob.people.adjudicate(seed=1))
    assert browser.hello()["kind"] == "ready"
    wait_for(lambda: browser.of_kind("case"))
    case = browser.of_kind("case")[0]["case"]
    assert case["item_id"] == "i2"
    assert {answer["label"] for answer in case["answers"]} == {"cat", "dog"}
    stored = act(browser, "adjudicate", item_id="i2", label_id=bob.taxonomy.label("dog").id, cause="edge_case",
                 note=None)
    assert stored["kind"] == "stored"
    assert ada.consensus().set_index("item_id").loc["i2", "label"] == "dog"
    wait_for(lambda: any(push["progress"]["judged"] == 1 for push in browser.of_kind("adjudication")))
    assert act(browser, "undo", retracts=stored["decision_id"])["kind"] == "stored"
    assert ada.consensus().set_index("item_id").loc["i2", "tied"] == ("cat", "dog")
    wait_for(lambda: browser.of_kind("adjudication")[-1]["past"] == [])
    refused = act(browser, "adjudicate", item_id="i2", label_id="no-such-label", cause="slip", note=None)
    assert refused["kind"] == "rejected"


def test_a_project_whose_folder_was_deleted_is_closed_with_its_card(people):
    bob = people[1]
    browser = Browser(bob.review(explain=None))
    browser.hello()
    wait_for(lambda: bob.project.log.claims())
    shutil.rmtree(bob.folder)
    for wb in people:  # claims that can't be given back run out by themselves
        wb.close()
        assert wb.project.log._closed
