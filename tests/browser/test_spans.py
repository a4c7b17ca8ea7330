"""Spans of texts in a real JupyterLab: by keys alone, with emoji and Arabic; the log has exactly what was selected."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from odd_texts import texts

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser

ASTRONAUT = "👩🏽\u200d🚀"
FLIGHT = f"Ana {ASTRONAUT} flew to New York. She met Sam!\r\nالتقت آنا مع محمد في القاهرة الكبيرة {ASTRONAUT}."
PAGE = "<b>Rome</b> <script>document.title = 'taken'</script> &amp; <img src=x onerror=\"document.title = 'taken'\">"
SETUP = """
import tempfile, hitl_widgets as hw
from dataclasses import replace
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Items, Proposal
from hitl_widgets.widgets.card import Review
review = None  # closed before the project is, when another test begins
def spans(texts, proposed=()):
    global review, wb
    wb = hw.Workbench(tempfile.mkdtemp(), hw.Pool.from_texts(texts), ["place", "person"], task="spans", holdout=0,
                      arms={"blind": 0}, annotator="ada", progress=False)
    answered, claim = wb.session.shown_objects, wb.session.claim
    ids = {label.name: label.id for label in wb.taxonomy}
    def shown(item, annotator=None):
        if wb.session.standing([item.id], annotator):
            return answered(item, annotator)
        text = wb.pool.load(item.position)
        found = [(text.index(quote), quote, label) for quote, label in proposed if quote in text]
        objects = [Proposal(f"{item.id}.{k}", "span", (start, start + len(quote)), ids[label], .9 - .1 * k)
                   for k, (start, quote, label) in enumerate(found)]
        return Shown(tuple(one.to_dict() for one in objects), (), .3, 1.0, item.blind, "a1b2c3")
    if proposed:
        wb.session.shown_objects = shown
    wb.session.claim = lambda *given, **more: Items(sorted(
        (replace(item, arm=None) for item in claim(*given, **more)), key=lambda item: item.position))
    review = Review(wb.session, explain=None)
    return review
def of(item_id):
    table = wb.objects(deleted=True)
    rows = table[table.item_id == item_id].astype(object).where(lambda t: t.notna(), None)
    text = wb.pool.load(wb.session.item(item_id).position)
    assert all(text[row.start:row.end] == row.quote for row in rows.itertuples())
    return rows[["act", "label", "quote", "certainty", "status", "start", "end"]].values.tolist()
"""
_POINTERS = """() => {
  window.pointed = 0;
  for (const name of ['pointerdown', 'mousedown', 'wheel', 'click']) {
    document.addEventListener(name, (event) => { if (event.isTrusted) window.pointed++; }, true);
  }
}"""
_QUOTES = "() => [...document.querySelectorAll('.hitl-object-row .hitl-quote')].map((quote) => quote.textContent)"
# A span is as high as its letters; one that isn't drawn has no rectangle.
_DRAWN = """() => [...document.querySelectorAll('.hitl-under > .hitl-span')].filter((span) =>
  span.checkVisibility() && [...span.children].some((box) => box.getBoundingClientRect().width > 2)).length"""
BLANK = re.compile("[\\s\ufeff\x1c-\x1f\x85]+")


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(texts: list[str], proposed: Any = ()) -> Notebook:
        notebook = lab.take([f"{SETUP}\nspans({texts!r}, {proposed!r})"])
        opened.append(notebook)
        notebook.run_cell(0)
        take(notebook)
        return notebook

    yield opening
    for notebook in opened:
        assert notebook.errors() == []


def take(notebook: Notebook) -> None:
    """Wait for a text and give the card the keys; from here on the mouse isn't touched."""
    notebook.wait_for_item()
    notebook.settle()
    notebook.card.focus()
    notebook.page.evaluate(_POINTERS)


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def said(notebook: Notebook) -> str:
    """What the card says of what is selected or in focus."""
    notebook.settle()
    return str(notebook.card.locator(".hitl-reader[aria-description]").get_attribute("aria-description"))


def reach(notebook: Notebook, key: str, word: str) -> None:
    """Press a key until a word is selected."""
    for _ in range(12):
        if said(notebook) == f"Selected: {word}":
            return
        press(notebook, key)
    raise AssertionError(f"{key} never led to {word}: {said(notebook)}")


def decide(notebook: Notebook, *keys: str) -> str:
    """Press keys, of which the last one decides; the next text is there then."""
    before = notebook.item
    press(notebook, *keys)
    notebook.wait_for_item(before)
    return before


def stored(notebook: Notebook, item: str) -> list[Any]:
    notebook.wait_until_stored()
    return list(notebook.value(f"of({item!r})"))


def test_spans_are_labelled_by_keys_alone_among_emoji_and_in_arabic(open_card):
    notebook = open_card([FLIGHT, "Next."])
    assert said(notebook) == "No spans"
    press(notebook, "ArrowRight", "2")  # two keys for the next word
    assert said(notebook) == "1 of 1: person, added: Ana"
    press(notebook, "ArrowRight", "2", "Shift+8")
    press(notebook, "ArrowRight", "ArrowRight", "ArrowRight", "Space")
    assert said(notebook) == "Selected: New York"
    press(notebook, "1", "ArrowDown")  # the line below is read from right to left
    reach(notebook, "ArrowRight", "التقت")
    reach(notebook, "ArrowLeft", "محمد")
    press(notebook, "2", "ArrowLeft", "ArrowLeft", "Space", "1", "u")
    item = decide(notebook, "Enter")
    assert [row[1:5] for row in stored(notebook, item)] == [
        ["person", "Ana", None, "decided"], ["person", ASTRONAUT, 8, "decided"], ["place", "New York", None, "decided"],
        ["person", "محمد", None, "decided"], ["place", "القاهرة الكبيرة", None, "unsure"]]
    assert notebook.page.evaluate("() => window.pointed") == 0
    bodies = "[e.body for e in wb.history().query(\"kind == 'decided'\").itertuples()]"
    assert notebook.value(f"[(b['size'], b['content'] == wb.pool.content(0)) for b in {bodies}]") == [
        [[len(FLIGHT), 1], True]]


def test_a_proposal_is_corrected_by_as_many_keys_as_looking_at_it_takes(open_card):
    proposed = [("Ana", "person"), ("New", "place"), ("met", "person"), ("Sam", "place"), ("القاهرة", "place")]
    notebook = open_card([FLIGHT, FLIGHT], proposed)
    assert said(notebook) == "5 spans, none in focus"
    item = decide(notebook, "Tab", "Tab", "Space", "Tab", "x", "2", "Enter")
    assert [row[:3] for row in stored(notebook, item)] == [
        ["accepted", "person", "Ana"], ["moved", "place", "New York"], ["relabelled", "person", "Sam"],
        ["accepted", "place", "القاهرة"], ["deleted", "person", "met"]]
    decide_last = notebook.item
    press(notebook, "Enter")
    assert [row[0] for row in stored(notebook, decide_last)] == ["accepted"] * 5


def test_spans_overlap_and_are_hidden_as_long_as_a_key_is_held(open_card):
    notebook = open_card([FLIGHT, "Next."])
    press(notebook, "ArrowRight", "2", "a", "n", "1", "ArrowRight", "ArrowRight", "ArrowRight", "1")
    notebook.settle()
    n_drawn = notebook.page.evaluate(_DRAWN)
    assert n_drawn == 3
    press(notebook, "Escape")
    notebook.page.keyboard.down("o")
    notebook.settle()
    assert notebook.page.evaluate(_DRAWN) == 0
    notebook.page.keyboard.up("o")
    notebook.settle()
    assert notebook.page.evaluate(_DRAWN) == 3
    item = decide(notebook, "Enter")
    sentence = FLIGHT[:FLIGHT.index(" She")]
    rows = stored(notebook, item)
    assert [row[1:3] for row in rows][:2] == [["person", sentence], ["place", sentence]]
    assert rows[2][1] == "place"


def test_undo_goes_on_after_the_decision_and_a_reload_keeps_the_draft(open_card, lab):
    notebook = open_card([FLIGHT, "Next one."], [("Ana", "person"), ("Sam", "person")])
    notebook.save()
    item = decide(notebook, "Tab", "1", "Tab", "x", "Enter")
    press(notebook, "ArrowRight", "z")  # nothing was marked in the second text: its first undo is that of the decision
    assert notebook.item == item
    press(notebook, "z")  # the deletion
    assert said(notebook) == "2 of 2: person, score 0.80: Sam"
    press(notebook, "Tab", "ArrowRight", "ArrowRight", "1")
    before = said(notebook)
    notebook.wait_until_stored()
    notebook.page.wait_for_function("""(n) => Object.entries(localStorage).some(([key, kept]) => key.includes('/draft/')
      && JSON.parse(kept).kept?.objects?.list.length === n)""", arg=3, timeout=20_000)
    notebook.page.reload(wait_until="commit")
    lab.wait_for_kernel(notebook)
    take(notebook)
    said(notebook)
    assert "spans and note for this item are here again" in notebook.card.locator(".hitl-footer").inner_text()
    assert said(notebook) == before
    decide(notebook, "Enter")
    assert [row[:2] for row in stored(notebook, item)][:2] == [["relabelled", "place"], ["accepted", "person"]]
    press(notebook, "<")  # looked at again, and revised
    assert said(notebook) == "3 spans, none in focus"
    press(notebook, "Tab", "Tab")
    assert said(notebook) == before
    press(notebook, "2", "Enter")
    assert sorted(row[1] for row in stored(notebook, item)) == ["person", "person", "place"]


def test_what_is_in_a_text_never_becomes_html(open_card):
    notebook = open_card([PAGE, "Next."])
    title = notebook.page.title()
    press(notebook, "ArrowRight", "ArrowRight", "1", "a", "n", "2")
    notebook.settle()
    for place in (".hitl-reader", ".hitl-panel"):
        assert notebook.card.locator(f"{place} :is(script, img, b)").count() == 0
    assert notebook.page.title() == title
    item = decide(notebook, "Enter")
    assert all(row[2] in PAGE for row in stored(notebook, item))


def test_the_mouse_selects_whole_graphemes_and_drags_ends(open_card):
    notebook = open_card([f"{ASTRONAUT * 4} Rome and Paris", "Next."])
    line = notebook.card.locator(".hitl-line").first.bounding_box()
    middle = line["y"] + line["height"] / 2
    mouse = notebook.page.mouse
    mouse.move(line["x"] + 3, middle)
    mouse.down()
    mouse.move(line["x"] + 20, middle, steps=4)
    mouse.up()
    notebook.page.keyboard.press("1")
    quote = said(notebook).split(": ")[-1]
    assert quote
    assert quote == ASTRONAUT * (len(quote) // len(ASTRONAUT))
    end = notebook.page.evaluate("() => document.querySelectorAll('.hitl-hands > span')[1].getBoundingClientRect().x")
    mouse.move(end + 1, middle)
    mouse.down()
    mouse.move(line["x"] + 250, middle, steps=8)
    mouse.up()
    longer = said(notebook).split(": ")[-1]
    assert len(longer) > len(quote)
    item = decide(notebook, "Enter")
    [row] = stored(notebook, item)
    assert row[2].startswith(quote)
    assert row[2] == longer


@pytest.mark.long
def test_a_hundred_odd_texts_go_through_the_browser_into_the_log(open_card):
    cases: list[tuple[str, list[str]]] = []
    keys = ["ArrowRight", "ArrowLeft", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowLeft", "Space", "Alt+ArrowRight",
            "a"]

    @settings(max_examples=160, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(texts())
    def gather(text: str) -> None:
        seen = [char for char in BLANK.sub("", text) if unicodedata.category(char) not in ("Cc", "Cf")]
        if text not in dict(cases) and seen:  # of signs that nobody sees, arrows select none
            cases.append((text, [keys[ord(char) % len(keys)] for char in text[:4]]))

    gather()
    cases = cases[:100]
    assert len(cases) == 100
    assert sum(max(text) > "\uffff" for text, _ in cases) > 10
    cases.append(("The end.", ["ArrowRight"]))
    notebook = open_card([text for text, _ in cases])
    for _ in range(100):
        item = notebook.item
        text, some = cases[int(item)]
        said(notebook)
        press(notebook, *some, "ArrowRight", "1", *reversed(some), "2")
        notebook.card.locator(".hitl-object-row").first.wait_for(timeout=20_000)
        notebook.settle()
        shown = notebook.page.evaluate(_QUOTES)
        notebook.page.keyboard.press("Enter")
        notebook.wait_for_item(item)
        rows = sorted(stored(notebook, item), key=lambda row: (row[5], -row[6]))
        assert rows, text
        assert [text[row[5]:row[6]] for row in rows] == [row[2] for row in rows]
        assert [BLANK.sub("", quote) for quote in shown] == [BLANK.sub("", row[2])[:60] for row in rows], text


MANY = """
from hitl_widgets.project.shown_objects import Shown
from hitl_widgets.records import Proposal
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
texts = [f"{'Ana and Rome. ' * 90}{end}" for end in ("One.", "Two.", "Three.")]
desk = MemoryHost(texts, ["place", "person"], task="spans")
def shown(item, annotator=None):
    return Shown(tuple(Proposal(f"{item.id}.{k}", "span", (14 * k, 14 * k + 3), desk.taxonomy.label_ids[1],
                                .9 - .005 * k).to_dict() for k in range(90)), threshold=.3, model=desk.model)
desk.shown_objects = shown
review = Review(desk, explain=None)
review"""


def test_the_frame_of_a_key_draws_the_spans_in_view_and_the_rest_come_after_it(lab: Lab):
    notebook = lab.take([MANY])
    notebook.run_cell(0)
    take(notebook)
    notebook.page.evaluate("""() => {
      const count = () => document.querySelectorAll('.hitl-under > .hitl-span').length;
      document.addEventListener('keydown', () => requestAnimationFrame(() => { window.counted = count(); }), true);
    }""")
    item = notebook.item
    press(notebook, "Enter")
    notebook.wait_for_item(item)
    notebook.page.wait_for_function("() => document.querySelectorAll('.hitl-under > .hitl-span').length === 90")
    in_frame = notebook.page.evaluate("() => window.counted")
    window = notebook.page.evaluate("""() => {
      const {top, bottom} = document.querySelector('.hitl-reader').getBoundingClientRect();
      return [...document.querySelectorAll('.hitl-under > .hitl-span > span')].filter((box) => {
        const at = box.getBoundingClientRect();
        return at.bottom > top && at.top < bottom;
      }).length;
    }""")
    assert 0 < window <= in_frame < 90
    assert notebook.errors() == []


KNOWS_DEAR = """
import tempfile, hitl_widgets as hw
class Greeting:
    labels = ["place", "person"]
    def predict(self, texts):
        at = [text.find("Ana") for text in texts]
        return [{"spans": [] if k < 0 else [(k, k + 3)], "labels": [] if k < 0 else ["person"],
                 "scores": [] if k < 0 else [0.9 if "dear" in text else 0.5]} for k, text in zip(at, texts)]
review = None
texts = ["\\U0001f5fd To dear Ana, at home.", "\\U0001f5fd Ana, dear, came."]
wb = hw.Workbench(tempfile.mkdtemp(), hw.Pool.from_texts(texts), ["place", "person"], task="spans", model=Greeting(),
                  holdout=0, arms={"blind": 0}, annotator="ada", progress=False)
wb.predict_objects()
review = wb.review()
review"""


def test_the_words_behind_a_proposal_are_tinted_and_marked_by_keys_and_reach_the_log(lab: Lab):
    notebook = lab.take([KNOWS_DEAR])
    notebook.run_cell(0)
    take(notebook)
    item = notebook.item
    press(notebook, "Tab")
    notebook.page.wait_for_selector(".hitl-lines .hitl-word")
    assert sorted(notebook.card.locator(".hitl-lines .hitl-strong").all_inner_texts()) == ["Ana", "dear"]
    assert "Words left out for this person" in notebook.card.locator(".hitl-map-words").inner_text()
    press(notebook, "b", ".", "Space")  # the span's own word counts most, and is in hand first
    notebook.card.locator(".hitl-object-rows").get_by_text("wrong reason").wait_for()
    press(notebook, "Escape", "Enter")
    notebook.wait_for_item(item)
    notebook.wait_until_stored()
    stored = ("[(r.label, r.reason, r.method, wb.pool.load(int(r.item_id))[r.wrong.runs[0]:][:r.wrong.runs[1]])"
              " for r in wb.reasons().itertuples()]")
    assert notebook.value(stored) == [["person", "wrong", "erasure", "dear"]]
    assert notebook.errors() == []
