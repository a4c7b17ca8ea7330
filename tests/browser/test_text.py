"""Texts in a real JupyterLab: classes by keys alone, words that count or are marked, markup that stays text."""

from __future__ import annotations

from typing import Any

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser

HTML = "<img src=x onerror='window.ran = true'><script>window.ran = true</script> &amp; <b>not bold</b>"
TEXTS = ["Free prize! Call now. 🎉", "مرحبا، نلتقي في الثامنة 🙂", HTML, "👩‍👩‍👧 at eight, e\u0301lan?\r\nBring 𝒳."]
WORKBENCH = f"""
import tempfile, hitl_widgets as hw
texts = {TEXTS!r}
pool = hw.Pool.from_texts(texts, ids=["sms", "arabic", "html", "emoji"])
wb = hw.Workbench(tempfile.mkdtemp(), pool, ["ham", "spam"], annotator="ada", holdout=0, progress=False)
wb.review(learn=False)
"""
HOST = f"""
import hitl_widgets as hw
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
texts = {TEXTS!r}
host = MemoryHost(texts{{more}}, labels=["ham", "spam"])
review = Review(host, explain="contributions")
review
"""
# What the page has of the item's text, line by line.
_LINES = "() => [...document.querySelectorAll('.hitl-lines p')].map((p) => p.textContent)"
_IN_HAND = """() => [...document.querySelectorAll('.hitl-text-in-hand')].map((box) => {
  const {left, top, width, height} = box.getBoundingClientRect();
  return [Math.round(width), Math.round(height)];
})"""


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(code: str) -> Notebook:
        notebook = lab.take([code])
        opened.append(notebook)
        notebook.run_cell(0)
        notebook.wait_for_item()
        notebook.settle()
        notebook.card.focus()
        return notebook

    yield opening
    for notebook in opened:
        assert notebook.errors() == []


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def lines_of(notebook: Notebook) -> list[str]:
    notebook.settle()
    return list(notebook.page.evaluate(_LINES))


def decide(notebook: Notebook, *keys: str) -> str:
    """Press keys, of which the last one decides; the next text is there then."""
    before = notebook.item
    press(notebook, *keys)
    notebook.wait_for_item(before)
    return before


def wait_for_map(notebook: Notebook) -> None:
    notebook.page.wait_for_selector(".hitl-lines .hitl-word")


def stored(notebook: Notebook, expression: str) -> Any:
    notebook.wait_until_stored()
    return notebook.value(expression)


def test_texts_are_labelled_by_keys_alone_with_emoji_and_arabic(open_card):
    notebook = open_card(WORKBENCH)
    seen = {}
    answers = {"sms": "spam", "arabic": "ham", "html": "spam", "emoji": "ham"}
    for _ in range(4):
        item = notebook.item
        seen[item] = lines_of(notebook)
        press(notebook, "Shift+7", "2" if answers[item] == "spam" else "1")
        notebook.wait_until(lambda item=item: notebook.item != item)
    rows = stored(notebook, "wb.annotations()[['item_id', 'label', 'certainty']].values.tolist()")
    assert {item: label for item, label, _ in rows} == answers
    assert {certainty for *_, certainty in rows} == {7}
    assert seen["sms"] == [TEXTS[0]]
    assert seen["arabic"] == [TEXTS[1]]
    assert seen["emoji"] == TEXTS[3].split("\r\n")


def test_markup_in_a_text_stays_text(open_card):
    notebook = open_card(HOST.format(more="[2:]"))
    wait_for_map(notebook)
    assert lines_of(notebook) == [HTML]
    press(notebook, "m", "m", "m", "b", "Space", "Escape")
    assert notebook.page.evaluate("() => document.querySelectorAll('.hitl-card :is(script, img, b:not(:empty))').length"
                                  ) == 0
    decide(notebook, "1")
    assert stored(notebook, "host.decisions[0].label") == "ham"
    press(notebook, "q")  # questions quote nothing of it as markup either
    assert notebook.page.evaluate("() => window.ran ?? null") is None


def test_arabic_is_read_from_right_to_left(open_card):
    notebook = open_card(HOST.format(more="[1:]"))
    directions = "() => [...document.querySelectorAll('.hitl-lines p')].map((p) => getComputedStyle(p).direction)"
    assert notebook.page.evaluate(directions) == ["rtl"]
    decide(notebook, "1")
    decide(notebook, "1")
    assert notebook.page.evaluate(directions) == ["ltr", "ltr"]


def test_words_are_marked_by_keys_and_the_log_has_their_characters(open_card):
    notebook = open_card(HOST.format(more="[3:]"))
    wait_for_map(notebook)
    press(notebook, "b", *["ArrowLeft"] * 9)
    assert notebook.page.evaluate(_IN_HAND)
    press(notebook, "Shift+ArrowRight", "Space", *["ArrowRight"] * 2, "b", "Space")  # family + at; élan is missing
    press(notebook, "1")
    notebook.wait_until(lambda: notebook.value("len(host.decisions)") == 1)
    marks = stored(notebook, "[[''.join(c for c, on in zip(texts[3], region.mask()[0]) if on) for region in "
                             "(host.decisions[0].wrong, host.decisions[0].missing)], host.decisions[0].reason]")
    assert marks == [["👩‍👩‍👧 at", "e\u0301lan"], "wrong"]


def test_in_arabic_the_arrow_to_the_left_goes_on_to_the_next_word(open_card):
    notebook = open_card(HOST.format(more="[1:2]"))
    wait_for_map(notebook)
    press(notebook, "b", *["ArrowRight"] * 6, "ArrowLeft", "Space", "1")
    notebook.wait_until(lambda: notebook.value("len(host.decisions)") == 1)
    assert stored(notebook, "''.join(c for c, on in zip(texts[1], host.decisions[0].wrong.mask()[0]) if on)") == "نلتقي"


def test_words_are_marked_with_the_mouse(open_card):
    notebook = open_card(HOST.format(more="[:1]"))
    wait_for_map(notebook)
    press(notebook, "b")
    at = notebook.page.evaluate("""() => {
      const lines = document.querySelector('.hitl-lines');
      const place = (word, end) => {
        const walker = document.createTreeWalker(lines, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const i = walker.currentNode.data.indexOf(word);
          if (i < 0) continue;
          const range = document.createRange();
          range.setStart(walker.currentNode, i);
          range.setEnd(walker.currentNode, i + word.length);
          const {left, top, width, height} = range.getBoundingClientRect();
          return [left + (end ? width - 3 : 3), top + height / 2];
        }
      };
      return [place('prize', false), place('Call', true)];
    }""")
    mouse = notebook.page.mouse
    mouse.move(*at[0])
    mouse.down()
    mouse.move(*at[1], steps=4)
    mouse.up()
    press(notebook, "1")
    notebook.wait_until(lambda: notebook.value("len(host.decisions)") == 1)
    assert stored(notebook, "''.join(c for c, on in zip(texts[0], host.decisions[0].wrong.mask()[0]) if on)"
                  ) == "prize! Call"


def test_of_a_long_text_only_what_is_near_is_in_the_page_and_keys_reach_its_end(open_card):
    notebook = open_card("""
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.card import Review
text = "".join(f"Line {n} of a long text, with a few words more than most.\\n" for n in range(20_000)) + "The end."
host = MemoryHost([text, "short"], labels=["ham", "spam"], model=None)
review = Review(host)
review""")
    lines = lines_of(notebook)
    assert lines[0].startswith("Line 0 ")
    assert len(lines) < 1000
    reader = "document.querySelector('.hitl-reader')"
    press(notebook, "PageDown")
    assert 80 < notebook.page.evaluate(f"() => 100 * {reader}.scrollTop / {reader}.clientHeight") < 100
    for _ in range(200):  # the heights of what isn't drawn yet are estimates
        notebook.page.evaluate(f"() => {{ {reader}.scrollTop = 1e9; }}")
        if lines_of(notebook)[-1] == "The end.":
            break
    assert lines_of(notebook)[-1] == "The end."
    assert len(lines_of(notebook)) < 1000
    press(notebook, "Home")
    notebook.wait_until(lambda: lines_of(notebook)[0].startswith("Line 0 "))
    decide(notebook, "2")
    assert lines_of(notebook) == ["short"]
