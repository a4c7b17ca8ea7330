"""A labeller of ipyannotations before the project's queue, in a real JupyterLab: buttons, keys, text field, pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook  # noqa: E402
from browser.recorder import Recorder  # noqa: E402

pytestmark = pytest.mark.browser

SETUP = """
import tempfile, types, warnings
import numpy as np
import hitl_widgets as hw
warnings.simplefilter("ignore")   # the labellers' own deprecations
from ipyannotations import images
from hitl_widgets.widgets.ipyannotations import labeller
now = [0.0]
labeller.time = types.SimpleNamespace(monotonic=lambda: now[0])
dull = np.linspace(100, 130, 24 * 28 * 28).reshape(24, 28, 28).astype(np.uint8)

class Project:
    def __init__(self):
        pool = hw.Pool.from_images(dull, ids=[f"item-{i:02d}" for i in range(24)])
        self.wb = hw.Workbench(tempfile.mkdtemp(), pool, hw.Taxonomy(["cat", "dog", "owl"]), annotator="ada", holdout=0)

    def review(self, labeller, **more):
        self.view = labeller
        self.open = self.wb.review(view=self.view, **more)
        return self.open

    @property
    def rows(self):
        said = self.wb.annotations().sort_values("acted_at")
        return said[["verdict", "label", "note"]].astype(object).where(said.notna(), None).values.tolist()

    @property
    def events(self):
        return [kind for kind in self.wb.history()["kind"] if kind in ("decided", "retracted")]

buttons, list_, many, twice = (Project() for _ in range(4))
names = ["cat", "dog", "owl"]
"""
CELLS = [SETUP,
         "buttons.review(images.ClassLabeller(options=names))",
         "list_.review(images.ClassLabeller(options=names, max_buttons=2))",
         "many.review(images.MulticlassLabeller(options=names))",
         "twice.review(images.ClassLabeller(options=names))",
         "twice.review(twice.view, n=1)"]
# The screen's own pixels of the picture: what a person sees, whatever was sent.
PIXELS = """(image) => {
  const canvas = Object.assign(document.createElement('canvas'),
                               {width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, Array.from(data).filter((_, i) => i % 4 === 0)];
}"""


class Labeller:
    """One cell's labeller on the page, and the project behind it."""

    def __init__(self, notebook: Notebook, cell: int, project: str) -> None:
        self.notebook, self.page, self.project = notebook, notebook.page, project
        self.output = notebook.page.locator(".jp-Cell").nth(cell).locator(".jp-Cell-outputArea")
        self.picture = self.output.locator("img")
        self.field = self.output.locator("input[type=text]")
        self.output.scroll_into_view_if_needed()
        self.picture.wait_for()
        self.look()

    @property
    def rows(self) -> list[list[str | None]]:
        return self.notebook.value(f"{self.project}.rows")

    @property
    def events(self) -> list[str]:
        return self.notebook.value(f"{self.project}.events")

    def look(self) -> None:
        """A second goes by on the labellers' clock: a press within UNSEEN_S of an item is for the item before."""
        self.notebook.settle()
        self.notebook.execute("now[0] += 1")

    def button(self, text: str) -> Any:
        return self.output.locator("button", has_text=text)

    def hover(self) -> None:
        """Keys are heard while the mouse is over the labeller."""
        self.page.mouse.move(2, 2)
        self.picture.hover()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def wait_for(self, text: str) -> None:
        self.output.get_by_text(text).wait_for()

    def wait_for_answers(self, n: int) -> None:
        self.wait_for(f"{n} of 24 answered by ada")
        self.look()

    def assert_no_red_box(self) -> None:
        for text in ("Javascript Error", "Error displaying widget", "Failed to"):
            assert self.output.get_by_text(text).count() == 0, text
        assert self.output.locator(".jupyter-widgets-error-widget, [data-mime-type*=error]").count() == 0


@pytest.fixture(scope="module")
def notebook(shared_lab: Lab, recorder: Recorder) -> Iterator[Notebook]:
    notebook = shared_lab.take(CELLS)
    notebook.run_all()
    cells = [(cell["type"], cell["source"]) for cell in notebook.cells()]
    yield notebook
    assert [(cell["type"], cell["source"]) for cell in notebook.cells()] == cells
    assert notebook.errors() == []


def test_the_picture_on_the_screen_has_its_own_contrast_and_no_cell_keeps_it(notebook):
    labeller = Labeller(notebook, 1, "buttons")
    width, height, pixels = labeller.picture.evaluate(PIXELS)
    assert (width, height) == (28 * 17, 28 * 17)
    shown = np.array(pixels, np.uint8).reshape(height, width)[8::17, 8::17]
    item = notebook.value("buttons.wb.pool.load(buttons.open._item.position).tolist()")
    assert np.array_equal(shown, item)
    assert "image/png" not in str(notebook.cells())


def test_buttons_and_digits_label_and_what_is_typed_in_the_text_field_does_not(notebook):
    labeller = Labeller(notebook, 1, "buttons")
    labeller.button("dog").click()
    labeller.wait_for_answers(1)
    labeller.hover()
    labeller.press("3")
    labeller.wait_for_answers(2)

    labeller.field.click()
    notebook.page.keyboard.type("1", delay=30)
    labeller.press("Backspace")
    notebook.page.keyboard.type("2 cats", delay=30)
    labeller.hover()  # the mouse leaves and comes back: the focus has left the field
    labeller.press("2")
    labeller.wait_for("Keys do nothing while there is text in the field")
    labeller.press("Backspace")
    labeller.look()
    assert labeller.rows == [["answer", "dog", None], ["answer", "owl", None]]
    assert labeller.events == ["decided"] * 2

    labeller.field.click()
    labeller.press("Enter")
    labeller.wait_for_answers(3)
    assert labeller.rows[2] == ["unsure", None, "2 cats"]

    labeller.hover()
    labeller.press("Backspace")
    labeller.wait_for_answers(2)
    labeller.button("Skip").click()
    labeller.wait_for("skipped; it comes again later")
    assert labeller.events == ["decided"] * 3 + ["retracted", "decided"]
    labeller.assert_no_red_box()


def test_jupyterlabs_shortcuts_do_not_reach_the_notebook(notebook):
    labeller = Labeller(notebook, 1, "buttons")
    labeller.hover()
    before = [(cell["type"], cell["source"]) for cell in notebook.cells()]
    labeller.press("m", "x", "d", "d", "a", "b", "z")
    labeller.look()
    assert [(cell["type"], cell["source"]) for cell in notebook.cells()] == before


def test_a_double_click_decides_one_item_and_a_list_of_labels_takes_no_digit(notebook):
    labeller = Labeller(notebook, 2, "list_")
    labeller.hover()
    labeller.press("2")
    labeller.look()
    assert labeller.events == []
    labeller.button("cat").dblclick()
    labeller.wait_for("Not counted")
    assert labeller.rows == [["answer", "cat", None]]
    labeller.assert_no_red_box()


def test_several_labels_at_once_are_refused_in_words_and_no_red_box_is_shown(notebook):
    labeller = Labeller(notebook, 3, "many")
    labeller.assert_no_red_box()
    labeller.hover()
    labeller.press("1", "2")
    labeller.button("dog").and_(notebook.page.locator(".mod-active")).wait_for()
    labeller.press("Enter")
    labeller.wait_for("2 labels were chosen (cat, dog), and an item keeps one.")
    labeller.press("1", "Enter")
    labeller.wait_for_answers(1)
    assert labeller.rows == [["answer", "dog", None]]
    labeller.assert_no_red_box()


def test_the_end_has_a_plain_face_from_which_undo_leads_back_to_keys_that_work(notebook):
    closed = notebook.page.locator(".jp-Cell").nth(4).locator(".jp-Cell-outputArea")
    assert "has taken over." in closed.inner_text()
    labeller = Labeller(notebook, 5, "twice")
    labeller.button("dog").click()
    labeller.wait_for("That was all: 1 item is answered.")
    assert labeller.picture.count() == 0
    labeller.button("Undo the last").click()
    labeller.picture.wait_for()
    labeller.look()
    labeller.hover()
    labeller.press("1")
    labeller.wait_for("That was all: 1 item is answered.")
    assert labeller.rows == [["answer", "cat", None]]
    labeller.assert_no_red_box()
