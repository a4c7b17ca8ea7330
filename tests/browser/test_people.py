"""Two people in two browsers, with a kernel each, on one project: questions, traps, adjudication, their own pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook, shut_down  # noqa: E402

pytestmark = pytest.mark.browser

# Three brightnesses, with noise: a net of one layer learns them at once, and isn't always right.
PROJECT = """
import numpy as np, pandas as pd, torch, hitl_widgets as hw
rng = np.random.default_rng(0)
kinds = rng.integers(0, 3, 160)
images = np.clip(rng.normal(60 + 60 * kinds[:, None, None], 30, (160, 16, 16)), 0, 255).astype(np.uint8)
pool = hw.Pool.from_images(images, ids=[f"item-{{n:03d}}" for n in range(160)])
truth = {{item: ["dark", "grey", "light"][kind] for item, kind in zip(pool.ids, kinds)}}
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 3))
wb = hw.Workbench({folder!r}, pool, ["dark", "grey", "light"], model=net, annotator={who!r}, holdout=0,
                  annotators_per_item=2, audit=0, arms={arms}, purpose="Tell dark from light.")
"""
MODEL = """
wb.import_annotations(pd.DataFrame({"item_id": pool.ids[:60], "label": [truth[i] for i in pool.ids[:60]]}),
                      annotator="sam")
wb.finetune(epochs=6, min_steps=60, adopt="always")
wb.gold({item: truth[item] for item in pool.ids[100:]})
"""


ADJUDICATION = "desk = wb.people.adjudicate(tolerance=0.2, seed=0) if 'judge' in globals() else None\ndesk"


class Two(NamedTuple):
    """The notebooks of the owner, ada, and of bob."""

    ada: Notebook
    bob: Notebook


@pytest.fixture(scope="module")
def two(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A project that ada made, open in two kernels, each shown by a browser of its own."""
    folder = str(tmp_path_factory.mktemp("together") / "project")
    with ExitStack() as stack:
        notebooks = []
        for who, arms, more in (("ada", '{"blind": 0, "answer_first": 1}', MODEL), ("bob", "None", "")):
            context = shared_lab.browser.new_context(viewport={"width": 1366, "height": 768})
            context.set_default_timeout(30_000)
            stack.callback(context.close)
            notebook = shared_lab.open(f"{who}.ipynb", [PROJECT.format(folder=folder, who=who, arms=arms) + more,
                                                        "review = wb.review(explain='saliency')\nreview",
                                                        "wb.people.own()", ADJUDICATION], context=context)
            stack.callback(shut_down, notebook)
            notebooks.append(notebook)
        ada, bob = notebooks
        ada.start_run_all()
        bob.execute("import torch, captum, pandas, hitl_widgets.widgets.card")  # while ada makes the project
        ada.wait_for_cells()
        bob.run_all()
        for notebook in notebooks:
            notebook.wait_for_item()
        yield Two(*notebooks)


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def ask(notebook: Notebook, text: str) -> None:
    """Write into the field for a question, and send it."""
    notebook.page.keyboard.press("q")
    notebook.card.locator(".hitl-ask-box").wait_for()
    notebook.page.keyboard.type(text)


def answer_first(notebook: Notebook, own: str, then: str) -> str:
    """Answer the next item that is answered first with a key, see its suggestion, press the second key."""
    for _ in range(12):
        item = notebook.item
        if notebook.card.get_by_text("You answer first").is_visible():
            break
        press(notebook, "1")  # a gold item, which is blind throughout
        notebook.wait_for_item(item)
    assert not notebook.card.locator(".hitl-bars .hitl-bar:visible").count()
    press(notebook, own)
    notebook.wait_until(lambda: notebook.card.get_attribute("data-answered") == "first", timeout_s=20)
    assert notebook.item == item
    notebook.card.locator(".hitl-scale").wait_for()  # its map
    notebook.page.wait_for_timeout(200)  # nobody reads it in less
    press(notebook, then)
    notebook.wait_for_item(item)
    return item


@pytest.mark.long
def test_what_is_answered_first_shows_its_suggestion_then_and_both_answers_are_kept(two: Two) -> None:
    ada = two.ada
    ada.card.focus()
    items = [answer_first(ada, "1", "2"), answer_first(ada, "3", "Enter")]
    ada.wait_until_stored()
    votes = ada.value(f"[[v.label, v.label_after, bool(v.shown), v.arm] for item in {items} for v in "
                      "wb.votes().query('annotator == \"ada\" and item_id == @item').itertuples()]")
    assert votes == [["dark", "grey", False, "answer_first"], ["light", "light", False, "answer_first"]]
    assert ada.card.bounding_box()["height"] <= 650


@pytest.mark.long
def test_one_asks_the_other_answers_and_the_answer_becomes_the_definition(two: Two) -> None:
    ada, bob = two
    ada.card.focus()
    press(ada, "ArrowDown")
    ask(ada, "Is dusk dark?")
    ada.card.get_by_role("button", name="the label").click()
    press(ada, "Enter")
    bob.card.get_by_text("1 new").wait_for(timeout=4_000)
    bob.card.focus()
    press(bob, "q")
    bob.card.get_by_text("Is dusk dark?").first.wait_for()
    bob.card.get_by_role("button", name="Answer", exact=True).click()
    bob.page.keyboard.type("Yes: nothing casts a shadow.")
    press(bob, "Enter")
    press(bob, "Escape")
    ada.card.locator(".hitl-thread").get_by_text("nothing casts a shadow").wait_for(timeout=4_000)
    ada.card.get_by_role("button", name="Sentence of the definition").click()
    ada.card.get_by_text("went into the definition").wait_for(timeout=4_000)
    label = ada.value("[label.name for label in wb.taxonomy if label.definition]")
    press(bob, "g")
    bob.card.locator(f".hitl-chip:has-text('{label[0]}') .hitl-i").dispatch_event("click")
    bob.card.locator(".hitl-drawer").get_by_text("nothing casts a shadow").wait_for(timeout=5_000)
    assert bob.card.locator(".hitl-purpose").inner_text() == "Purpose Tell dark from light."
    press(bob, "Escape")
    press(ada, "Escape")
    assert two.ada.errors() == two.bob.errors() == []


def test_traps_are_agreed_to_first_and_told_when_the_sitting_is_over(two: Two) -> None:
    ada, bob = two
    ada.execute("wb.people.plant(0.05, purpose='To learn how far a suggestion moves us.')")
    for notebook, key in ((ada, "n"), (bob, "y")):
        notebook.card.get_by_text("wrong on purpose").wait_for(timeout=10_000)
        before = notebook.value("len(wb.votes())")
        notebook.card.focus()
        press(notebook, "1", "Enter")  # nothing is decided before
        assert notebook.value("len(wb.votes())") == before
        press(notebook, key)
        notebook.wait_for_item()
        notebook.wait_until_stored()
    ada.execute("wb.people.set(arms={'blind': 0})")
    planted = "int(wb.votes().query('annotator == \"bob\"')['planted'].sum())"
    for _ in range(80):
        item = bob.item
        press(bob, "1")
        bob.wait_until(lambda item=item: item != bob.item or bob.card.get_attribute("data-answered"), timeout_s=20)
        if item == bob.item:  # drawn before the arms were changed: answered first
            bob.page.wait_for_timeout(200)
            press(bob, "Enter")
            bob.wait_for_item(item)
        if int(item[-1]) % 3 == 0 and bob.value(planted):
            break
    bob.wait_until_stored()
    assert bob.value(planted) == 1
    assert "planted" not in bob.card.inner_text()
    press(bob, "Shift+P")
    bob.card.get_by_role("button", name="End the sitting").click()
    bob.card.get_by_text("Which ones?").click()
    assert bob.card.locator(".hitl-lines li").count() == 1
    bob.card.locator(".hitl-drawer").get_by_text("Understood").click()
    bob.wait_until(lambda: not bob.card.locator(".hitl-told").is_visible(), timeout_s=10)
    bob.wait_until_stored()
    assert not ada.card.locator(".hitl-told").is_visible()
    assert ada.value("int(wb.votes().query('annotator == \"ada\"')['planted'].sum())") == 0


def test_a_verdict_is_given_without_names_and_without_the_model_and_taken_back(two: Two) -> None:
    ada = two.ada
    ada.execute("judge = True")
    ada.run_cell(3)
    ada.page.locator(".hitl-adjudication").wait_for()
    first = ada.wait_for_item()
    answers = ada.card.locator(".hitl-answer")
    assert answers.first.locator(".hitl-letter").inner_text() == "A"
    text = ada.card.locator(".hitl-body").inner_text()
    assert not [name for name in ("bob", "sam", "model", "suggests") if name in text]
    assert not ada.card.locator(".hitl-bar").count()
    ada.card.focus()
    press(ada, "1", "3", "n")
    ada.page.keyboard.type("too dark")
    press(ada, "Enter")
    second = ada.wait_for_item(first)
    press(ada, "2", "5", "Enter")
    ada.wait_for_item(second)
    press(ada, "z")
    assert ada.item == second
    ada.wait_until_stored()
    rows = ada.value("[[row.item_id, row.label, row.cause, row.note] for row in desk.table.itertuples()]")
    assert rows == [[first, "dark", "slip", "too dark"]]
    ada.card.get_by_text("1 judged").wait_for(timeout=10_000)
    assert ada.card.bounding_box()["height"] <= 606
    assert ada.errors() == []


def test_each_reads_their_own_page_and_nobody_elses(two: Two) -> None:
    for notebook in two:
        notebook.run_cell(2)
        page = notebook.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output")
        page.get_by_text(str(notebook.value("wb.people.own().annotator"))).first.wait_for(timeout=20_000)
    names = [notebook.page.locator(".jp-CodeCell").nth(2).locator(".jp-OutputArea-output").inner_text()
             for notebook in two]
    assert "bob" not in names[0]
    assert "ada" not in names[1]
    assert two.ada.errors() == two.bob.errors() == []
