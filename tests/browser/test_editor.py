"""The taxonomy editor and the other desk in a real JupyterLab, by hand: keys, mouse, preview, undo, two people."""

from __future__ import annotations

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import TESTS, Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser

SETUP = """
import tempfile, numpy as np, hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.testing import rings
folder = tempfile.mkdtemp()
images = rings(60)
images[::3] //= 3
pool = hw.Pool.from_images(images, ids=[f"item-{n:02d}" for n in range(60)])
wb = hw.Workbench(folder, pool, hw.Taxonomy(LABELS), annotator="ann", holdout=0)
names = lambda: list(wb.taxonomy.names)
"""
LABELS = '{"top": {"T-shirt": "Short sleeves.", "Pullover": ""}, "shoe": "Worn on the foot.", "Bag": "", "Other": ""}'
ANSWERED = """
for n in range(20): wb.decide(f"item-{n:02d}", label="shoe")
for n in range(20, 30): wb.decide(f"item-{n:02d}", label="Bag")
"""
OTHERS = """
for n in range(24): wb.decide(f"item-{n:02d}", label="Other")
for n in range(24, 30): wb.decide(f"item-{n:02d}", "unsure", note="blurred")
answered = lambda: dict(wb.consensus()[["item_id", "label"]].to_numpy().tolist())
"""


@pytest.fixture
def opened(lab: Lab):
    notebooks: list[Notebook] = []

    def opening(*cells: str, labels: str = LABELS) -> Notebook:
        notebook = lab.take([SETUP.replace("LABELS", labels), *cells])
        notebooks.append(notebook)
        notebook.run_all()
        return notebook

    yield opening
    for notebook in notebooks:
        assert notebook.errors() == []


def open_editor(opened, *cells: str, **more: str) -> Notebook:
    notebook = opened(ANSWERED, *cells, "wb.edits.open()", **more)
    notebook.page.locator(".hitl-editor:not([data-version='0'])").wait_for()
    tree(notebook).focus()
    notebook.page.keyboard.press("Home")
    return notebook


def open_desk(opened, *cells: str) -> Notebook:
    notebook = opened(OTHERS, *cells, "wb.edits.triage()")
    notebook.page.locator(".hitl-triage[data-unplaced='30']").wait_for()
    notebook.page.locator(".hitl-grid").focus()
    return notebook


def tree(notebook: Notebook):
    return notebook.page.locator(".hitl-tree")


def press(notebook: Notebook, *keys: str) -> None:
    for key in keys:
        notebook.page.keyboard.press(key)


def focused(notebook: Notebook) -> str:
    """The name of the label that assistive technology is pointed at."""
    return str(notebook.page.evaluate(
        "() => document.getElementById(document.querySelector('.hitl-tree').getAttribute('aria-activedescendant'))"
        ".querySelector('.hitl-name').textContent"))


def wait_for_preview(notebook: Notebook) -> str:
    """What the preview says, once the edit can be applied; a former one is gone with the next frame."""
    notebook.page.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    notebook.page.locator(".hitl-form .hitl-primary:not([aria-disabled])").wait_for()
    return str(notebook.page.locator(".hitl-preview").inner_text())


def wait_for_version(notebook: Notebook, version: int) -> None:
    notebook.page.locator(f".hitl-editor[data-version='{version}']:not([data-acting])").wait_for()


def unplaced(notebook: Notebook) -> int:
    return int(notebook.page.locator(".hitl-triage").get_attribute("data-unplaced"))


def assert_accessible(notebook: Notebook, selector: str) -> None:
    script = TESTS.parent / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        pytest.skip("axe-core is fetched by `npm ci`")
    notebook.settle()
    notebook.page.add_script_tag(path=script)
    found = notebook.page.evaluate("(selector) => axe.run(document.querySelector(selector))", selector)
    serious = [(v["id"], v["help"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]
               if v["impact"] in ("serious", "critical")]
    assert serious == []
    assert len(found["passes"]) > 5


# -- the editor


def test_a_label_is_renamed_in_its_place_by_keyboard_and_the_edit_is_undone(opened):
    notebook = open_editor(opened)
    press(notebook, "b", "F2")   # typing leads to Bag
    notebook.page.keyboard.type("Purse")
    press(notebook, "Enter")
    assert "30" in wait_for_preview(notebook)   # all answers are carried over
    press(notebook, "Enter")
    wait_for_version(notebook, 2)
    assert "Purse" in notebook.value("names()")
    assert notebook.page.evaluate("() => document.activeElement.className") == "hitl-tree"
    press(notebook, "Shift+Z")
    assert "Take back" in wait_for_preview(notebook)
    press(notebook, "Enter")
    wait_for_version(notebook, 3)
    assert "Bag" in notebook.value("names()")


def test_a_split_is_previewed_told_why_and_makes_a_relabel_queue(opened):
    notebook = open_editor(opened)
    press(notebook, "s", "Shift+S")
    notebook.page.locator(".hitl-form textarea").wait_for()
    notebook.page.keyboard.type("Sandal\nSneaker\nBoot")
    said = wait_for_preview(notebook)
    assert "Split “shoe” into “Sandal”, “Sneaker” and “Boot”." in said
    assert "20" in said
    notebook.page.get_by_label("Why?").fill("shops ask for it")
    press(notebook, "Enter")
    notebook.page.locator(".hitl-form .hitl-primary:focus").wait_for()
    press(notebook, "Enter")
    wait_for_version(notebook, 2)
    assert notebook.value("names()")[2:5] == ["Sandal", "Sneaker", "Boot"]
    assert notebook.value("len(wb.relabel_queue())") == 20
    notebook.page.get_by_text("20 to look at again").wait_for()
    press(notebook, "Shift+H")
    assert "shops ask for it" in notebook.page.locator(".hitl-history").inner_text()


def test_a_label_is_added_under_another_described_and_retired_by_mouse(opened):
    notebook = open_editor(opened)
    row = notebook.page.locator(".hitl-tree-row", has_text="top").first
    row.click()
    notebook.page.get_by_role("button", name="Add under").click()
    notebook.page.get_by_label("Name", exact=True).fill("Shirt")
    assert notebook.page.get_by_role("combobox", name="Under").input_value() == "top"
    wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Apply").click()
    wait_for_version(notebook, 2)
    assert focused(notebook) == "Shirt"
    notebook.page.get_by_role("button", name="Describe").click()
    notebook.page.get_by_label("Definition").fill("Buttons from top to bottom.")
    notebook.page.get_by_label("Key", exact=True).fill("s")
    wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Apply").click()
    wait_for_version(notebook, 3)
    assert notebook.value("[wb.taxonomy.label('Shirt').definition, wb.taxonomy.label('Shirt').key]") == \
        ["Buttons from top to bottom.", "s"]
    notebook.page.get_by_role("button", name="Retire").click()
    notebook.page.get_by_role("combobox", name="Its answers become").fill("t-sh")
    press(notebook, "Enter")
    assert "its answers become “T-shirt”" in wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Apply").click()
    wait_for_version(notebook, 4)
    assert "Shirt" not in notebook.value("names()")


def test_labels_are_merged_by_selecting_and_moved_by_dragging_and_by_keys(opened):
    notebook = open_editor(opened)
    press(notebook, "ArrowDown", "Space", "Shift+ArrowDown", "Shift+M")
    notebook.page.get_by_label("Into", exact=True).fill("Upper")
    assert "Merge “T-shirt” and “Pullover” into “Upper”." in wait_for_preview(notebook)
    press(notebook, "Enter", "Enter")
    wait_for_version(notebook, 2)
    rows = notebook.page.locator(".hitl-tree-row")
    rows.filter(has_text="Bag").drag_to(rows.filter(has_text="shoe"))
    assert "Move “Bag” under “shoe”." in wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Merge them instead").click()
    assert "Merge “shoe” and “Bag” into “shoe”." in wait_for_preview(notebook)
    press(notebook, "Escape")
    tree(notebook).focus()
    press(notebook, "b", "Control+x", "Home", "Control+v")
    assert "Move “Bag” under “top”." in wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Apply").click()
    wait_for_version(notebook, 3)
    assert notebook.value("wb.taxonomy.path('Bag')") == "top / Bag"


def test_the_second_of_two_people_is_told_and_nothing_typed_is_lost(opened):
    notebook = open_editor(opened)
    press(notebook, "b", "Shift+S")
    notebook.page.locator(".hitl-form textarea").wait_for()
    notebook.page.keyboard.type("Purse\nRucksack")
    wait_for_preview(notebook)
    notebook.execute("bob = hw.Workbench(folder, pool, annotator='bob'); bob.apply(edits.rename('Bag', 'Carrier'))")
    notebook.page.get_by_text("bob: Rename “Bag” to “Carrier”.").first.wait_for()
    assert notebook.page.locator(".hitl-form textarea").input_value() == "Purse\nRucksack"
    assert "Split “Carrier”" in wait_for_preview(notebook)
    notebook.page.get_by_role("button", name="Apply").click()
    wait_for_version(notebook, 3)
    assert {"Purse", "Rucksack"} <= set(notebook.value("names()"))


def test_an_undo_that_later_edits_rest_on_is_refused_in_words(opened):
    notebook = open_editor(opened, "wb.apply(edits.add('Hat')); wb.apply(edits.split('Hat', into=['Cap', 'Beret']));")
    press(notebook, "Shift+H")
    notebook.page.get_by_role("button", name="Undo version 2").click()
    notebook.page.locator(".hitl-preview-words", has_text="rest").wait_for()
    assert notebook.page.locator(".hitl-form .hitl-primary").get_attribute("aria-disabled") == "true"


APART = """
import shutil
shutil.copytree(folder, folder + "-other")
wb.apply(edits.add("Cap"))
other = hw.Workbench(folder + "-other", pool, annotator="bob", holdout=0)
for name in ("Hat", "Scarf"): other.apply(edits.add(name))
other.close()
wb.join(folder + "-other")
"""


def test_edits_made_apart_are_applied_and_left_by_keyboard(opened):
    notebook = open_editor(opened, APART)
    page = notebook.page
    page.locator(".hitl-notice", has_text="2 edits that were made apart wait").wait_for()

    def settle(button: str, why: str) -> str:
        page.get_by_role("button", name=button).focus()
        press(notebook, "Enter")
        told = wait_for_preview(notebook)
        page.get_by_label("Why?").focus()
        page.keyboard.type(why)
        press(notebook, "Enter")
        page.locator(".hitl-form .hitl-primary:focus").wait_for()
        press(notebook, "Enter")
        return told

    press(notebook, "Shift+H")
    assert "Add “Hat”." in settle("Apply the edit made apart: Add “Hat”.", "hats are no caps")
    wait_for_version(notebook, 3)
    assert "It never becomes an edit" in settle("Leave the edit made apart: Add “Scarf”.", "no scarves here")
    page.get_by_role("button", name="Leave the edit made apart").wait_for(state="detached")
    assert_accessible(notebook, ".hitl-editor")
    assert "hats are no caps" in page.locator(".hitl-history").inner_text()
    assert notebook.value("[names()[-2:], len(wb.edits.unsettled())]") == [["Cap", "Hat"], 0]


def test_jupyterlabs_shortcuts_do_not_reach_the_notebook_from_the_editor(opened):
    notebook = open_editor(opened, "'another cell'")
    before = [(c["type"], c["source"]) for c in notebook.cells()]
    press(notebook, *"mxddabyzcv00", "Control+x", "Control+v", "Escape", "Escape")
    notebook.settle()
    assert [(c["type"], c["source"]) for c in notebook.cells()] == before


def test_of_a_thousand_labels_those_in_sight_are_drawn_and_typing_finds_one(opened):
    notebook = open_editor(opened, labels="{f'genus {g:02d}': {f'species {g:02d}-{s:02d}': '' for s in range(25)} "
                                          "for g in range(40)} | {'shoe': '', 'Bag': ''}")
    assert notebook.page.locator(".hitl-tree-row").count() < 40
    press(notebook, "/")
    notebook.page.keyboard.type("17-03")
    press(notebook, "Enter")
    notebook.page.wait_for_function("() => document.querySelectorAll('.hitl-tree-row').length === 2")


def test_axe_finds_nothing_serious_in_the_editor(opened):
    notebook = open_editor(opened, "wb.apply(edits.rename('Bag', 'Purse'), why='so');")
    press(notebook, "s")
    assert_accessible(notebook, ".hitl-editor")
    for keys in ("Shift+S", "Shift+A", "Enter", "Shift+H", "?"):  # a split, a new label, a description, history, keys
        tree(notebook).focus()
        press(notebook, keys)
        assert_accessible(notebook, ".hitl-editor")
        press(notebook, "Escape")


# -- the desk


def test_the_desk_is_sorted_by_hand_and_each_act_is_undone_by_one_key(opened):
    notebook = open_desk(opened)
    n = notebook.page.locator(".hitl-tile").count()
    press(notebook, "1")   # all of the first cluster
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) == 30 - n)
    assert list(notebook.value("answered()").values()).count("T-shirt") == n
    press(notebook, "z")
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) == 30)
    assert "T-shirt" not in notebook.value("answered()").values()
    press(notebook, "Space", "ArrowRight", "Space")
    selected = notebook.page.locator(".hitl-tile[aria-selected=true]").evaluate_all(
        "tiles => tiles.map(tile => tile.dataset.item)")
    press(notebook, "3")
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) == 28)
    answers = notebook.value("answered()")
    assert [answers[item_id] for item_id in selected] == ["shoe", "shoe"]


def test_a_label_is_made_of_a_cluster_and_unmade(opened):
    notebook = open_desk(opened)
    n = notebook.page.locator(".hitl-tile").count()
    press(notebook, "n")
    notebook.page.get_by_label("Name", exact=True).wait_for()
    notebook.page.keyboard.type("Ring")
    press(notebook, "Enter")
    notebook.wait_until_stored()
    assert "Ring" in notebook.value("names()")
    assert list(notebook.value("answered()").values()).count("Ring") == n
    assert notebook.value("len(wb.taxonomy.label('Ring').examples)") == min(n, 6)
    notebook.page.locator(".hitl-triage-labels", has_text="Ring").wait_for()
    press(notebook, "z")
    notebook.wait_until_stored()
    assert "Ring" not in notebook.value("names()")
    notebook.wait_until(lambda: unplaced(notebook) == 30)


def test_leaving_out_and_sending_back(opened):
    notebook = open_desk(opened)
    n_open = notebook.value("wb.project.queue.n_open('ann')")
    press(notebook, "Space", "x")
    notebook.wait_until_stored()
    press(notebook, "Space", "b")
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) == 28)
    assert notebook.value("wb.project.queue.n_open('ann')") == n_open + 1
    assert notebook.value("list(wb.history().query(\"kind == 'sorted'\")['body'].map(lambda b: b['act']))") == \
        ["left_out", "sent_back"]
    press(notebook, "z", "z")
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) == 30)


def test_pages_are_turned_and_everything_can_be_sorted_away_by_mouse(opened):
    notebook = open_desk(opened)
    clusters = notebook.page.locator(".hitl-cluster")
    assert clusters.count() > 1
    press(notebook, "PageDown")
    assert clusters.nth(1).get_attribute("aria-current") == "true"
    clusters.first.click()
    while unplaced(notebook):
        before = unplaced(notebook)
        notebook.page.locator(".hitl-triage-labels .hitl-chip", has_text="Bag").click()
        notebook.page.wait_for_function("(n) => Number(document.querySelector('.hitl-triage').dataset.unplaced) < n",
                                        arg=before)
    notebook.page.get_by_text("Nothing to sort").wait_for()
    notebook.wait_until_stored()
    assert set(notebook.value("answered()").values()) == {"Bag"}


def test_the_desk_goes_on_while_a_cell_is_running(opened, busy):
    notebook = open_desk(opened)
    notebook.page.evaluate("""(code) => {
      window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code});
    }""", busy.code)
    busy.wait_for(notebook)
    press(notebook, "1")
    notebook.wait_until_stored()
    notebook.wait_until(lambda: unplaced(notebook) < 30)


def test_axe_finds_nothing_serious_at_the_desk(opened):
    notebook = open_desk(opened)
    assert_accessible(notebook, ".hitl-triage")
    for keys in (("Space", "ArrowRight", "Space"), ("n",), ("?",)):  # some selected, a new label, the keys
        notebook.page.locator(".hitl-grid").focus()
        press(notebook, *keys)
        assert_accessible(notebook, ".hitl-triage")
        press(notebook, "Escape")


def test_what_is_shown_does_not_end_in_the_saved_notebook(opened):
    notebook = open_desk(opened)
    notebook.page.locator(".hitl-tile").first.click()
    assert "iVBOR" not in notebook.save()
