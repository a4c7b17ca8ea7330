"""Answers that are more than one label, in a real JupyterLab: by keys alone; the log has exactly what was pressed."""

from __future__ import annotations

import re
from typing import Any

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import TESTS, Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser

SETUP = """
import tempfile
from dataclasses import replace
import numpy as np
import hitl_widgets as hw
from hitl_widgets.records import Items, PredictedValue, Prediction
from hitl_widgets.taxonomy.label_sets import set_id
from hitl_widgets.testing import rings
from hitl_widgets.widgets.card import Review
review = None  # closed before the project is, when another test begins
pool = hw.Pool.from_images(rings(30))
BLUR = hw.Attribute("blur", scale=(0, 10))
VIEW = hw.Attribute("view", choices=["front", "side", "above"], labels=["people"])
LOOK = hw.Attribute("look", scale=(0.0, 1.0), sensitive="to measure what a search engine shows")
def project(taxonomy, **more):
    return hw.Workbench(tempfile.mkdtemp(), pool, taxonomy, annotator="ada", holdout=0, progress=False, **more)
def suggests(wb, probs=None, values={}):
    # What a model would say: of every item the same, so that a test can tell what differs from it.
    ids = wb.taxonomy.label_ids
    def prediction(position):
        on = (set_id(i for i, p in zip(ids, probs) if p > .5),) if wb.session.task == "multilabel" else ()
        return Prediction(pool.ids[position], ids, np.array(probs), "a1b2c3", on)
    if probs:
        wb.session.prediction = prediction
    made = {a.id: PredictedValue(a.id, v, *((v - .1, v + .1) if a.scale else (np.nan, np.nan)), "v1")
            for a in wb.taxonomy.attributes for v in [values[a.name]] if a.name in values} if values else {}
    wb.session.predicted_values = lambda position: made
    claim = wb.session.claim  # without a model of its own the project would show no suggestion
    wb.session.claim = lambda *given, **more: Items([replace(item, arm=None) for item in claim(*given, **more)])
def opened(wb, **more):
    global review
    review = Review(wb.session, explain=None, **more)
    return review
def by_item(table, column):
    return {str(k): v for k, v in table.set_index("item_id")[column].items()}
"""
MANY = """wb = project(["indoor", "people", "night", "water"], task="multilabel")
suggests(wb, [.9, .2, .7, .1])
opened(wb)"""


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(code: str) -> Notebook:
        notebook = lab.take([f"{SETUP}\n{code}"])
        opened.append(notebook)
        notebook.run_all()
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


def decide(notebook: Notebook, *keys: str) -> str:
    """Press keys, of which the last one decides; the next item is there then."""
    before = notebook.item
    press(notebook, *keys)
    notebook.wait_for_item(before)
    return before


def stored(notebook: Notebook, expression: str) -> Any:
    notebook.wait_until_stored()
    return notebook.value(expression)


def states(notebook: Notebook) -> dict[str, tuple[str, str | None]]:
    """What the card shows of each label: whether it is on, and by whom."""
    chips = notebook.card.locator(".hitl-chip")
    return {chips.nth(i).locator(".hitl-name").inner_text():
            (chips.nth(i).get_attribute("aria-checked"), chips.nth(i).get_attribute("data-by"))
            for i in range(chips.count())}


@pytest.mark.long
def test_several_labels_by_keys_alone(open_card):
    notebook = open_card(MANY)
    assert states(notebook) == {"indoor": ("true", "model"), "people": ("false", "model"), "night": ("true", "model"),
                                "water": ("false", "model")}
    items = [decide(notebook, "Enter"),  # as suggested: one key
             decide(notebook, "2", "Enter"),  # one label differs: two keys
             decide(notebook, "1", "3", "4", "Enter"),
             decide(notebook, "1", "3", "Enter"),  # none of them
             decide(notebook, "u"), decide(notebook, "Shift+8", "2", "Enter")]
    table = stored(notebook, "[[d.item_id, d.verdict, d.label, d.certainty] for d in wb.session.latest()]")
    rows = {row[0]: row[1:] for row in table}
    assert [rows[item][:2] for item in items] == [
        ["accept", "indoor, night"], ["correct", "indoor, people, night"], ["correct", "water"],
        ["correct", "none of them"], ["unsure", None], ["correct", "indoor, people, night"]]
    assert rows[items[5]][2] == 8
    assert notebook.value("[list(x) if x is not None else None for x in wb.annotations()['labels']][:2]") == [
        ["indoor", "night"], ["indoor", "people", "night"]]
    on = notebook.value("sorted(map(list, wb.labels_table().query('value')[['item_id', 'label']].values.tolist()))")
    assert on == sorted([i, name] for i, names in zip(items, (
        ["indoor", "night"], ["indoor", "people", "night"], ["water"], [], [], ["indoor", "people", "night"]),
        strict=True) for name in names)
    names = "{d.item_id: [wb.taxonomy.name_of(i) for i in d.touched or ()] for d in wb.session.latest()}"
    touched = notebook.value(names)
    assert [sorted(touched[item]) for item in items] == [[], ["people"], ["indoor", "night", "water"],
                                                         ["indoor", "night"], [], ["people"]]


def test_a_decision_takes_a_key_for_each_label_that_differs_and_one_more(open_card):
    notebook = open_card(MANY)
    notebook.page.evaluate("() => { window.pressed = 0;"
                           " document.addEventListener('keydown', () => window.pressed++, true); }")
    suggested, n_keys = {"1", "3"}, 0
    for truth in ({"1", "3"}, {"1"}, {"1", "2", "3"}, set(), {"2", "4"}):
        differing = sorted(suggested ^ truth)
        decide(notebook, *differing, "Enter")
        n_keys += len(differing) + 1
        assert notebook.page.evaluate("() => window.pressed") == n_keys
    sets = stored(notebook, "[[str(wb.taxonomy.label_ids.index(i) + 1) for i in d.label_ids]"
                            " for d in wb.session.latest()]")
    assert [set(one) for one in sets] == [{"1", "3"}, {"1"}, {"1", "2", "3"}, set(), {"2", "4"}]


def test_what_was_not_touched_looks_different_from_what_was_turned_off(open_card):
    notebook = open_card(MANY)
    press(notebook, "2", "3")
    shown = states(notebook)
    assert (shown["indoor"], shown["people"], shown["night"], shown["water"]) == (
        ("true", "model"), ("true", "hand"), ("false", "hand"), ("false", "model"))
    boxes = [notebook.card.locator(".hitl-check").nth(i) for i in range(4)]
    assert [box.inner_text() for box in boxes] == ["✓", "✓", "×", ""]
    looks = [box.evaluate("(e) => { const s = getComputedStyle(e); return s.borderStyle + s.backgroundColor; }")
             for box in boxes]
    assert len(set(looks)) == 4
    names = [notebook.card.locator(".hitl-chip").nth(i).get_attribute("aria-label") for i in range(4)]
    assert names == ["indoor, 90 %, on, suggested", "people, 20 %, turned on", "night, 70 %, turned off, suggested",
                     "water, 10 %, off, not touched"]


def test_space_and_the_arrows_turn_labels_on_too_and_so_does_the_mouse(open_card):
    notebook = open_card(MANY)
    press(notebook, "ArrowDown", "Space")  # from the likeliest, indoor, to people
    notebook.card.locator(".hitl-chip", has_text="water").click()
    decide(notebook, "Enter")
    assert stored(notebook, "wb.annotations()['label'].tolist()") == ["indoor, people, night, water"]


def test_undo_and_a_revision_bring_the_set_back(open_card):
    notebook = open_card(MANY)
    first = decide(notebook, "2", "3", "Enter")
    press(notebook, "z")
    notebook.wait_until(lambda: notebook.item == first)
    assert states(notebook)["night"] == ("false", "hand")
    decide(notebook, "4", "Enter")
    decide(notebook, "Enter")
    press(notebook, "ArrowLeft", "ArrowLeft")
    notebook.wait_until(lambda: notebook.item == first)
    assert {name: on for name, (on, _) in states(notebook).items()} == {
        "indoor": "true", "people": "true", "night": "false", "water": "true"}
    press(notebook, "1", "Enter")
    labels = stored(notebook, "by_item(wb.annotations(), 'label')")
    assert labels[first] == "people, water"


def test_blind_no_label_is_on_and_nothing_tells_what_the_model_says(open_card):
    notebook = open_card(MANY.replace("opened(wb)", "opened(wb, blind=True)"))
    assert set(states(notebook).values()) == {("false", None)}
    assert notebook.card.locator(".hitl-p").all_inner_texts() == [""] * 4
    assert not notebook.card.locator(".hitl-merged .hitl-track").first.is_visible()
    assert notebook.card.get_by_text("stay hidden").is_visible()
    decide(notebook, "3", "Enter")
    decide(notebook, "Enter")
    assert stored(notebook, "[[d.verdict, d.label, d.seen.hidden] for d in wb.session.latest()]") == [
        ["answer", "night", True], ["answer", "none of them", True]]


BESIDE = """wb = project(hw.Taxonomy(["car", "people", "night"], attributes=[
    hw.Attribute("blur", scale=(0, 10), labels=["car", "people"]), VIEW]))
suggests(wb, [.2, .3, .5], {"blur": 3, "view": "side"})
opened(wb)"""


def test_attributes_beside_a_label_by_keys_alone(open_card):
    notebook = open_card(BESIDE)
    fields = notebook.card.locator(".hitl-value:visible")
    assert fields.count() == 0  # of the suggestion none is asked
    items = [decide(notebook, "Enter"), decide(notebook, "3")]  # one label is all that is asked: one key
    press(notebook, "2")
    assert fields.count() == 2
    assert notebook.card.get_attribute("data-field") == notebook.value("wb.taxonomy.attribute('blur').id")
    assert [fields.nth(i).get_attribute("data-by") for i in range(2)] == ["model", "model"]
    items += [decide(notebook, "1", "0", "Tab", "1", "Enter"), decide(notebook, "1", "Enter"),
              decide(notebook, "2", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "3")]
    assert stored(notebook, "[d.label for d in wb.session.latest()]") == ["night", "night", "people", "car", "night"]
    rows = notebook.value("wb.values()[['item_id', 'attribute', 'value']].values.tolist()")
    assert sorted(rows) == sorted([[items[2], "blur", 10], [items[2], "view", "front"], [items[3], "blur", 3]])
    touched = notebook.value("[list(d.touched) for d in wb.session.latest()][2:4]")
    ids = notebook.value("[*wb.taxonomy.label_ids, *(a.id for a in wb.taxonomy.attributes)]")
    assert [set(one) for one in touched] == [{ids[1], ids[3], ids[4]}, {ids[0]}]


LEARNT = """
from hitl_widgets.learn.background import BackgroundLearning
rng = np.random.default_rng(0)
N, at_right, light = 60, np.arange(60) % 2 == 1, rng.uniform(60, 235, 60)
squares = rng.normal(0, 2, (N, 48, 48))
for square, right, value in zip(squares, at_right, light):
    square[16:32, slice(28, 44) if right else slice(4, 20)] += value
pool = hw.Pool.from_images(squares.clip(0, 255).astype(np.uint8))
wb = project(hw.Taxonomy(["square", "disc"], attributes=[hw.Attribute("ink", scale=(0, 10)), hw.Attribute(
    "side", choices=["left", "right"])]), arms={"shown": 1, "blind": 0})
for item_id, right, value in zip(pool.ids[:50], at_right, light):
    wb.decide(item_id, label="disc" if value > 150 else "square", values={
        "ink": round(value / 25), "side": "right" if right else "left"})
wb.finetune(epochs=2, adopt="always")
review = Review(wb.session, explain=["gradcam", "occlusion"])
review"""


@pytest.mark.long
def test_while_an_attribute_is_in_hand_the_map_is_that_of_its_value(open_card):
    notebook = open_card(LEARNT)
    words = notebook.card.locator(".hitl-map-words")
    label = re.compile("Grad-CAM for (square|disc)$")
    value, choice = re.compile(r"Grad-CAM for ink \d+$"), re.compile("Grad-CAM for side: (left|right)$")
    notebook.wait_until(lambda: label.match(words.inner_text()))
    of_label = notebook.page.locator(".hitl-map:visible").first.evaluate("map => map.toDataURL()")
    for name in (value, choice):
        press(notebook, "Tab")
        notebook.wait_until(lambda name=name: name.match(words.inner_text()))
    assert notebook.page.locator(".hitl-map:visible").first.evaluate("map => map.toDataURL()") != of_label
    press(notebook, "Escape")
    notebook.wait_until(lambda: label.match(words.inner_text()))
    assert notebook.page.locator(".hitl-map:visible").first.evaluate("map => map.toDataURL()") == of_label
    press(notebook, "v", "Tab")
    notebook.wait_until(lambda: re.match(r"Occlusion for ink \d+$", words.inner_text()))
    assert notebook.card.locator(".hitl-scale").inner_text().split() == ["lower", "higher"]
    decide(notebook, "Enter")
    seen = stored(notebook, "[[d.seen.method, d.seen.target] for d in wb.session.latest()]")
    assert seen == [["occlusion", notebook.value("wb.taxonomy.attribute('ink').id")]]


def test_attributes_of_a_set_are_those_of_the_labels_that_are_on_and_those_of_all(open_card):
    notebook = open_card("""wb = project(hw.Taxonomy(["indoor", "people", "night"], attributes=[BLUR, VIEW]),
                 task="multilabel")
suggests(wb, [.9, .1, .2])
opened(wb)""")
    fields = notebook.card.locator(".hitl-value:visible")
    assert fields.count() == 1
    first = decide(notebook, "2", "Tab", "4", "Tab", "2", "Enter")
    assert stored(notebook, "sorted(wb.values()[['item_id', 'attribute', 'value']].values.tolist())") == [
        [first, "blur", 4], [first, "view", "side"]]
    assert fields.count() == 1
    press(notebook, "2", "Tab", "Tab", "1", "Tab", "2")
    assert fields.count() == 1
    decide(notebook, "Enter")
    assert stored(notebook, "len(wb.values())") == 2


SCALE = """wb = project(hw.Taxonomy(attributes=[BLUR, LOOK]), task="scale")
suggests(wb, None, {"blur": 3, "look": .62})
opened(wb)"""


def test_values_alone_by_keys_alone(open_card):
    notebook = open_card(SCALE)
    assert notebook.card.get_by_text("Sensitive: to measure what a search engine shows").is_visible()
    assert notebook.card.locator(".hitl-field-value").all_inner_texts() == ["3", "0.62"]
    items = [decide(notebook, "Enter"), decide(notebook, "Shift+8", "7", "Enter"),
             decide(notebook, "Home", "Tab", "7", "3", "ArrowRight", "Enter"),
             decide(notebook, "End", "ArrowDown", "1", ".", "Enter"), decide(notebook, "u")]
    assert stored(notebook, "wb.annotations()['verdict'].tolist()") == ["accept", *["correct"] * 3, "unsure"]
    assert notebook.value("[d.certainty for d in wb.session.latest()]") == [None, 8, 8, 8, 8]
    rows = notebook.value("wb.values()[['item_id', 'attribute', 'value']].values.tolist()")
    assert sorted(rows) == sorted([[item, name, value] for item, values in zip(items, (
        (3, 0.62), (7, 0.62), (0, 0.74), (10, 1.0), ()), strict=True)
        for name, value in zip(("blur", "look"), values, strict=False)])


def test_blind_no_value_is_shown_and_an_empty_answer_is_not_stored(open_card):
    notebook = open_card(SCALE.replace("opened(wb)", "opened(wb, blind=True)"))
    first = notebook.item
    assert notebook.card.locator(".hitl-field-value").all_inner_texts() == ["–", "–"]
    press(notebook, "Enter")
    notebook.card.get_by_text("No value is given yet").wait_for()
    assert notebook.item == first
    decide(notebook, "5", "Enter")
    assert stored(notebook, "wb.values()[['attribute', 'value']].values.tolist()") == [["blur", 5]]
    assert notebook.value("wb.annotations()['verdict'].tolist()") == ["answer"]


def test_a_value_is_dragged(open_card):
    notebook = open_card(SCALE)
    track = notebook.card.locator(".hitl-scale-track")
    box = track.bounding_box()
    # Whole pixels: the page sees no others, and half a pixel is less than half of the 0.01 that is shown.
    at_10, at_25 = (round(box["x"] + share * box["width"]) for share in (0.1, 0.25))
    y = round(box["y"] + 10)
    notebook.page.mouse.move(at_10, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(at_25, y)
    notebook.page.mouse.up()
    assert track.bounding_box() == box  # what is dragged stays where it is
    assert notebook.card.locator(".hitl-field-value").all_inner_texts()[1] == "0.25"
    decide(notebook, "Enter")
    assert stored(notebook, "wb.values()['value'].tolist()")[1] == 0.25


def test_a_set_that_cannot_be_stored_comes_back_as_it_was_with_the_reason(open_card):
    notebook = open_card(MANY)
    notebook.execute("""from hitl_widgets.errors import UnknownLabel
right = wb.session.decide
def refusing(*given, **more):
    wb.session.decide = right
    raise UnknownLabel("label 'people' was retired meanwhile.")
wb.session.decide = refusing""")
    first = decide(notebook, "2", "Enter")
    notebook.wait_until_stored()
    decide(notebook, "Enter")
    assert notebook.item == first
    notebook.card.get_by_text("label 'people' was retired meanwhile").wait_for()
    assert states(notebook)["people"] == ("true", "hand")
    press(notebook, "2")
    decide(notebook, "Enter")
    assert stored(notebook, "by_item(wb.annotations(), 'label')")[first] == "indoor, night"


def test_labels_that_are_on_outlive_a_reload(open_card, lab):
    notebook = open_card(MANY)
    press(notebook, "2", "4")
    first = notebook.item
    notebook.page.wait_for_function("() => Object.keys(localStorage).some((key) => key.includes('/draft/'))")
    notebook.save()
    notebook.page.reload()
    lab.wait_for_kernel(notebook)
    assert notebook.wait_for_item() == first
    assert {name: on for name, (on, _) in states(notebook).items()} == dict.fromkeys(states(notebook), "true")
    notebook.card.focus()
    decide(notebook, "Enter")
    assert stored(notebook, "wb.annotations()['label'].tolist()") == ["indoor, people, night, water"]


def test_the_next_item_is_painted_in_the_next_frame(open_card):
    notebook = open_card(MANY)
    notebook.watch_keys()
    for _ in range(6):
        press(notebook, "2")
        notebook.settle()
        decide(notebook, "Enter")
        notebook.settle()
    assert len(notebook.painted_ms()) == 6


@pytest.mark.parametrize("code", [
    """wb = project(hw.Taxonomy([f"label {i}" for i in range(10)], attributes=[BLUR, hw.Attribute(
        "view", choices=["front", "side", "above"]), LOOK]), task="multilabel")
suggests(wb, [.9, .1, .2, .1, .1, .1, .1, .1, .1, .1], {"blur": 3, "view": "side", "look": .62})
opened(wb)""",
    """wb = project(hw.Taxonomy([f"label {i}" for i in range(10)], attributes=[BLUR, hw.Attribute(
        "view", choices=["front", "side", "above"]), LOOK]))
suggests(wb, [.5, *[.05] * 9], {"blur": 3, "view": "side", "look": .62})
opened(wb)""",
    """wb = project([f"label {i}" for i in range(10)], task="multilabel")
suggests(wb, [.9, *[.05] * 9])
opened(wb)"""])
def test_ten_labels_and_three_attributes_fit_on_a_laptop(open_card, code):
    notebook = open_card(code)
    notebook.page.set_viewport_size({"width": 1366, "height": 768})
    try:
        notebook.settle()
        room = notebook.page.locator(".jp-Notebook, .jp-WindowedPanel-outer").first.bounding_box()
        box = notebook.card.bounding_box()
        assert box["height"] <= room["height"], (box, room)
        for scrolled in (".hitl-chips", ".hitl-values"):
            part = notebook.card.locator(scrolled)
            if part.is_visible():
                assert part.evaluate("(e) => e.scrollHeight - e.clientHeight") <= 1, scrolled
    finally:
        notebook.page.set_viewport_size({"width": 1280, "height": 900})


def test_the_list_of_keys_tells_those_of_the_task(open_card):
    notebook = open_card(SCALE)
    press(notebook, "?")
    help = notebook.card.locator(".hitl-help")
    assert help.get_by_text("digit by digit").is_visible()
    assert help.get_by_text("choose the label with that key").count() == 0


@pytest.mark.parametrize("code", [MANY, BESIDE, SCALE], ids=["several", "beside", "values"])
def test_axe_finds_nothing_serious(open_card, code):
    script = TESTS.parent / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("axe-core is fetched by `npm ci`")
    notebook = open_card(code)
    notebook.page.add_script_tag(path=script)
    for keys in ((), ("2",), ("Tab",), ("1",)):
        press(notebook, *keys)
        notebook.settle()
        found = notebook.page.evaluate("() => axe.run(document.querySelector('.hitl-card'))")
        serious = [(v["id"], v["help"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]
                   if v["impact"] in ("serious", "critical")]
        assert serious == []
        assert len(found["passes"]) > 5
