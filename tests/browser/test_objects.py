"""Boxes on real blood-cell images, in a real JupyterLab: by keys alone; the log has exactly what was pressed."""

from __future__ import annotations

from typing import Any

import pytest

playwright = pytest.importorskip("playwright")
from browser.blood import DATA, HERE, SETUP  # noqa: E402
from browser.lab import Lab, Notebook  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not HERE, reason=f"the blood cells of BCCD aren't at {DATA}")]

# The first has another label, the second isn't there, the third is off by 4 pixels, the fourth by more; the rest stay.
TWENTY = """
wb = cells(3, least=19, most=19)
inside = lambda at: np.clip(at, 0, [640, 480] * 2)
def off(boxes):
    (label, a), (_, b), (third, c), (fourth, d), *rest = [*boxes[:1], ("RBC", (300, 5, 340, 40)), *boxes[1:]]
    return [("Platelets" if label != "Platelets" else "RBC", a), ("RBC", b), (third, inside(np.add(c, [4, -4, 4, -4]))),
            (fourth, inside(np.add(d, [-23, 12, -23, 12]))), *rest]
proposes(wb, off)
opened(wb)"""
_POINTERS = """() => {
  window.pointed = 0;
  for (const name of ['pointerdown', 'mousedown', 'wheel', 'click']) {
    document.addEventListener(name, (event) => { if (event.isTrusted) window.pointed++; }, true);
  }
}"""

_MOVED_IS_KEPT = """() => Object.entries(localStorage).some(([key, kept]) => key.includes('/draft/')
  && JSON.parse(kept).kept.objects.list.some(({at, proposal}) => proposal && at[0] !== proposal.at[0]))"""


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(code: str, *then: str) -> Notebook:
        notebook = lab.take([f"{SETUP}\n{code}", *then])
        opened.append(notebook)
        notebook.run_cell(0)
        take(notebook)
        return notebook

    yield opening
    for notebook in opened:
        assert notebook.errors() == []


def take(notebook: Notebook) -> None:
    """Wait for an item and give the card the keys; from here on the mouse isn't touched."""
    notebook.wait_for_item()
    notebook.settle()
    notebook.card.focus()
    notebook.page.evaluate(_POINTERS)


def press(notebook: Notebook, *keys: str) -> int:
    """Press keys; gives how many, where one that goes on and on is held down."""
    for key in keys:
        notebook.page.keyboard.press(key)
    return sum(key != before for key, before in zip(keys, (None, *keys), strict=False))


def in_focus(notebook: Notebook) -> str:
    """What the card says of the object in focus."""
    notebook.settle()
    return str(notebook.card.locator(".hitl-objects").get_attribute("aria-label"))


def decide(notebook: Notebook, *keys: str) -> str:
    """Press keys, of which the last one decides; the next image is there then."""
    before = notebook.item
    press(notebook, *keys)
    notebook.wait_for_item(before)
    return before


def stored(notebook: Notebook, expression: str) -> Any:
    notebook.wait_until_stored()
    return notebook.value(expression)


def test_an_image_of_twenty_boxes_is_corrected_by_few_keys_and_no_mouse(open_card):
    notebook = open_card(TWENTY)
    assert in_focus(notebook) == "20 objects, none in focus"
    kinds = {"RBC": "1", "WBC": "2", "Platelets": "3"}
    label = notebook.value(f"boxes_of({notebook.item!r})[0][0]")
    truth = notebook.value(f"boxes_of({notebook.item!r})[2][1]")
    keys = {"relabel": press(notebook, "Tab", kinds[label]), "delete": press(notebook, "Tab", "x"),
            "snap": press(notebook, "e")}  # the next one is in focus after a deletion
    assert in_focus(notebook).startswith("2 of 19")
    keys["move"] = press(notebook, "Tab", *["Shift+ArrowRight"] * 2, *["ArrowRight"] * 3, "Shift+ArrowUp",
                         *["ArrowUp"] * 2)
    item = decide(notebook, "Enter")
    rows = stored(notebook, f"of({item!r})")
    acts = [row[0] for row in rows]
    assert acts.count("accepted") + acts.count("moved") == 18
    assert acts[0] == "relabelled"
    assert rows[0][1] == label
    assert rows[-1][:2] == ["deleted", "RBC"]
    assert acts[2] == "moved"  # where it was put
    assert all(abs(a - b) <= 1 for a, b in zip(rows[2][5:], truth, strict=True))
    assert all(row[2] == "model" for row in rows)
    assert max(keys[what] for what in ("relabel", "delete", "snap")) <= 3
    assert keys["move"] <= 12
    assert notebook.page.evaluate("() => window.pointed") == 0


def test_what_was_pressed_is_what_the_log_says(open_card):
    notebook = open_card(TWENTY)
    first = decide(notebook, "Tab", "Shift+8", "u", "Enter")
    drawn = decide(notebook, "n", "1", *["ArrowRight"] * 5, " ", "Shift+ArrowRight", " ", "Shift+9", "Escape",
                   "Shift+4", "Enter")
    rows = stored(notebook, f"of({first!r})")
    assert [row[0] for row in rows] == ["accepted"] * 20
    assert rows[0][3:5] == [8, "unsure"]
    rows = notebook.value(f"of({drawn!r})")
    assert len(rows) == 21
    assert rows[-1][:4] == ["added", "RBC", "person", 9]
    bodies = "[e.body for e in wb.history().query(\"kind == 'decided'\").itertuples()]"
    decisions = notebook.value(f"[[b['verdict'], b.get('certainty'), len(b['seen']['objects'])] for b in {bodies}]")
    assert decisions == [["accept", None, 20], ["correct", 4, 20]]


# Questions of the card's code that a browser can answer only after it has laid out the page.
_WATCH_LAYOUT = """() => {
  window.asked = [];
  window.unwatch = () => {};
  for (const [of, names] of [[HTMLElement.prototype, ['offsetTop', 'offsetLeft', 'offsetWidth', 'offsetHeight']],
    [Element.prototype, ['scrollTop', 'scrollHeight', 'clientHeight', 'clientWidth']]]) {
    for (const name of names) {
      const own = Object.getOwnPropertyDescriptor(of, name);
      const {get, set, ...rest} = own;
      const told = function () { if (this.closest('.hitl-card')) window.asked.push(name); };
      Object.defineProperty(of, name, {...rest, get() { told.call(this); return get.call(this); },
        ...(set ? {set(value) { told.call(this); set.call(this, value); }} : {})});
      const before = window.unwatch;
      window.unwatch = () => { Object.defineProperty(of, name, own); before(); };
    }
  }
}"""


def test_a_key_for_an_object_asks_the_page_for_no_layout_and_the_next_object_is_in_view(open_card):
    notebook = open_card(TWENTY)
    press(notebook, "Tab")
    notebook.settle()
    notebook.page.evaluate(_WATCH_LAYOUT)
    try:
        press(notebook, "ArrowRight", "2", "Shift+8", "u")
        notebook.card.locator(".hitl-object-row.hitl-focused").get_by_text("certainty 8, unsure").wait_for()
        assert notebook.page.evaluate("() => window.asked") == []
        for _ in range(14):
            press(notebook, "Tab")
        notebook.page.wait_for_function("""() => {
          const row = document.querySelector('.hitl-object-row.hitl-focused');
          const [inner, outer] = [row, row.parentNode].map((node) => node.getBoundingClientRect());
          return [...row.parentNode.children].indexOf(row) === 14 && inner.top >= outer.top - 1
            && inner.bottom <= outer.bottom + 1;
        }""")
        decide(notebook, "Enter")
        notebook.page.wait_for_function("() => document.querySelector('.hitl-object-rows').scrollTop === 0")
    finally:
        notebook.page.evaluate("() => window.unwatch()")  # other tests have the same page


def test_undo_goes_on_after_the_decision_and_a_reload_keeps_the_draft(open_card, lab):
    notebook = open_card(TWENTY)
    notebook.save()
    item = decide(notebook, "Tab", "2", "Tab", "x", "Enter")
    press(notebook, "Tab", "z")  # nothing was changed in the second image: its first undo is that of the decision
    assert notebook.item == item
    press(notebook, "z")  # the deletion
    assert in_focus(notebook).startswith("2 of 20")
    press(notebook, "Tab", "ArrowRight")
    before = in_focus(notebook)
    notebook.wait_until_stored()
    notebook.page.wait_for_function(_MOVED_IS_KEPT, timeout=20_000)
    notebook.page.reload(wait_until="commit")
    lab.wait_for_kernel(notebook)
    take(notebook)
    assert notebook.item == item
    assert "objects and note for this item are here again" in notebook.card.locator(".hitl-footer").inner_text()
    assert in_focus(notebook) == before
    decide(notebook, "Enter")
    rows = stored(notebook, f"of({item!r})")
    acts = [row[0] for row in rows]
    assert acts.count("moved") == 1
    assert acts.count("relabelled") == 1
    assert acts.count("deleted") == 0
    assert notebook.value("wb.history().kind.tolist().count('retracted')") == 1


REASONS = """
wb = cells(3, least=8, most=12)
proposes(wb)
explains(wb)
opened(wb, explain=("gradcam",))
review"""
_MARK_IS_KEPT = """() => Object.entries(localStorage).some(([key, kept]) => key.includes('/draft/')
  && JSON.parse(kept).kept.objects.reasons.some(({reason}) => reason.wrong))"""


def test_the_reason_of_one_object_is_judged_and_marked_by_keys_alone(open_card, lab):
    notebook = open_card(REASONS)
    notebook.save()

    def is_told() -> bool:
        press(notebook, "w")
        return "Choose an object first" in notebook.card.locator(".hitl-footer").inner_text()
    notebook.wait_until(is_told)
    press(notebook, "Tab")
    notebook.card.locator(".hitl-map-words").get_by_text("Grad-CAM for this").wait_for()
    press(notebook, "w", "b", "ArrowUp", "ArrowUp", " ", "ArrowUp", " ", "z", "Tab")  # the second stroke is taken back
    notebook.settle()  # the words are of the second object from here on
    assert notebook.card.locator(".hitl-object-rows").get_by_text("wrong reason").count() == 1

    def judged() -> bool:  # nothing is said of a map that isn't there yet
        if "reason right" not in in_focus(notebook):
            press(notebook, "r")
        return "reason right" in in_focus(notebook)
    notebook.wait_until(judged)
    notebook.page.wait_for_function(_MARK_IS_KEPT, timeout=20_000)
    item = notebook.item
    notebook.page.reload(wait_until="commit")
    lab.wait_for_kernel(notebook)
    take(notebook)
    assert "reason right" in in_focus(notebook)
    assert decide(notebook, "x", "Enter") == item
    said = ("[[one.id[-2:], one.reason, one.method, one.display, one.wrong and one.wrong.n_pixels] "
            "for one in wb.project.latest()[-1].reasons]")
    (first, *how, n_pixels), right = stored(notebook, said)
    assert [first, *how] == [".0", "wrong", "gradcam", "overlay"]
    assert 0.2 < n_pixels / (3.1416 * (0.06 * 640)**2) < 1.1  # one spot of the brush, perhaps cut off at the edge
    assert right == [".1", "right", "gradcam", "overlay", None]
    press(notebook, "z")  # the decision comes back with what was marked
    assert notebook.item == item
    assert notebook.card.locator(".hitl-object-rows").get_by_text("wrong reason").count() == 1
    decide(notebook, "Enter")
    assert [one[:2] for one in stored(notebook, said)] == [[".0", "wrong"], [".1", "right"]]
    assert notebook.page.evaluate("() => window.pointed") == 0


LEARNS = """
wb = cells(30, least=5, most=14)
few = sorted(wb.pool.ids, key=lambda i: len(boxes_of(i)))[:6]
def answered(items):
    for item in items:
        wb.decide(item, objects=[hw.Box(*at, label=label) for label, at in boxes_of(item)])
def overlap(item, objects):
    from hitl_widgets.objects.overlap import iou
    true = np.array([at for _, at in boxes_of(item)])
    return float(iou(true, np.array(objects)).max(1).mean()) if len(objects) else 0.0
answered([i for i in wb.pool.ids if i not in few][:18])
claim = wb.session.claim  # the images with few objects are asked first: they are drawn by hand
wb.session.claim = lambda *given, **more: Items([replace(wb.session.item(i), chosen_by="random") for i in few
    if i not in wb.session.standing(few) and i not in more.get("showing", ())])
opened(wb)"""
TRAIN = "run = wb.finetune(adopt='always')"  # without a budget: a busy machine learns as much
CARD = "opened(wb, explain='gradcam')"
_BOUNDS = """() => {
  const path = document.querySelector('.hitl-object-halo').getAttribute('d').match(/[-.\\d]+/g).map(Number);
  return [path[0], path[1], path[4], path[5]];
}"""


def arrows(dx: float, dy: float) -> list[str]:
    """The keys that go so far: ten pixels a key with Shift, then single ones."""
    keys = []
    for by, (ahead, back) in ((dx, ("ArrowRight", "ArrowLeft")), (dy, ("ArrowDown", "ArrowUp"))):
        far, near = divmod(round(abs(by)), 10)
        keys += [f"Shift+{ahead if by > 0 else back}"] * far + [ahead if by > 0 else back] * near
    return keys


def draw(notebook: Notebook, label_key: str, box: list[float]) -> None:
    """Draw a box from nothing by keys: to its corner, Space, to its size, Space."""
    press(notebook, "n", label_key)
    notebook.settle()
    x0, y0, x1, y1 = notebook.page.evaluate(_BOUNDS)
    # It stays inside the image while it is moved: it is made as small as it must be later.
    press(notebook, *arrows(box[0] - x0, box[1] - y0), " ")
    notebook.settle()
    x0, y0, x1, y1 = notebook.page.evaluate(_BOUNDS)
    press(notebook, *arrows(box[2] - x1, box[3] - y1), " ")


@pytest.mark.long
def test_a_real_image_is_drawn_by_keys_and_what_is_learnt_of_it_proposes_on_the_next(open_card):
    notebook = open_card(LEARNS, TRAIN, CARD)
    keys = {"RBC": "1", "WBC": "2", "Platelets": "3"}
    assert in_focus(notebook) == "No objects"
    true = notebook.value(f"boxes_of({notebook.item!r})")
    for label, box in true:
        draw(notebook, keys[label], box)
    item = decide(notebook, "Enter")
    rows = stored(notebook, f"of({item!r})")
    assert [row[:3] for row in rows] == [["added", label, "person"] for label, _ in true]
    assert notebook.value(f"overlap({item!r}, {[row[5:] for row in rows]})") > 0.8
    assert notebook.page.evaluate("() => window.pointed") == 0
    before = notebook.item
    assert in_focus(notebook) == "No objects"  # nothing is proposed yet
    notebook.run_cell(1)
    notebook.run_cell(2)
    notebook.page.wait_for_function("() => document.querySelectorAll('.hitl-card').length === 2")
    take(notebook)
    assert notebook.value("run.adopted")
    assert notebook.item == before
    shown = f"[one['at'] for one in wb.session.shown_objects(wb.session.item({before!r})).objects]"
    assert notebook.value(f"overlap({before!r}, {shown})") > 0.3
    press(notebook, "Tab")
    assert notebook.card.locator(".hitl-objects").get_attribute("aria-label").startswith("1 of ")
    notebook.card.locator(".hitl-map-words").get_by_text("Grad-CAM for this").wait_for()
    decide(notebook, "x", "Enter")
    rows = stored(notebook, f"of({before!r})")
    assert [row[0] for row in rows].count("deleted") == 1
    assert all(row[2] == "model" for row in rows)
