"""The whole loop as a person goes through it: look, decide by keyboard, fine-tune, go on deciding, see the gain."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import PATIENCE_S, TESTS, Notebook, shut_down  # noqa: E402
from browser.person import Person, Said, take_the_card  # noqa: E402

pytestmark = pytest.mark.browser

NOTEBOOK = TESTS.parent / "notebooks" / "01_first_loop.ipynb"
SHOTS = os.environ.get("HITL_SHOTS")
# Half of the images and shorter trainings, so that its cells take seconds.
SMALLER = {"digits_on_photographs(seed=0)": "digits_on_photographs(900, seed=0)", "min_steps=400": "min_steps=120",
           "run = wb.finetune()": "run = wb.finetune(epochs=4, min_steps=120)"}
ANNOTATOR = "ada"

CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
FASHION = [
    """import numpy as np, pandas as pd, hitl_widgets as hw
with np.load({path!r}) as file:
    chosen = np.random.default_rng(0).permutation(len(file["labels"]))[:1500]
    images, labels = file["images"][chosen], [{names!r}[label] for label in file["labels"][chosen]]
pool = hw.Pool.from_images(images)
truth = dict(zip(pool.ids, labels))""",
    """wb = hw.Workbench("clothes", pool, {names!r}, seed=0)
wb.gold({{item_id: truth[item_id] for item_id in wb.holdout}})
wb.import_annotations(pd.DataFrame({{"item_id": pool.ids[:100], "label": labels[:100]}}))""",
    "weak = wb.finetune(epochs=3, min_steps=96)\nweak",
    "wb.review()",
    "hw.simulate(wb, truth, n=100)",
    "run = wb.finetune()\nrun",
    "run.table().round(2)",
    "run.plot()",
]

# A cell that waits for its turn says "running" too; one that shows its curve does run.
_TRAINS = """(i) => {
  const {executionState, outputs} = window.jupyterapp.shell.currentWidget.content.widgets[i].model;
  return executionState === 'running' && outputs.length > 0;
}"""
_ACTIVATE = "(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }"
_COMMAND = "(id) => { window.jupyterapp.commands.execute(id); }"


def place_of(notebook: Notebook, source: str) -> int:
    """Which code cell has this in its source."""
    return next(i for i, cell in enumerate(notebook.cells()) if cell["type"] == "code" and source in cell["source"])


def run_cells_to(notebook: Notebook, last: int, timeout_s: float = 3 * PATIENCE_S) -> None:
    """Run > Run All Above, from the cell below the last one; RuntimeError with the traceback where a cell fails."""
    notebook.page.evaluate(_ACTIVATE, last + 1)
    notebook.page.evaluate(_COMMAND, "notebook:run-all-above")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        cells = [cell for cell in notebook.cells()[:last + 1] if cell["type"] == "code"]
        for output in (output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"):
            raise RuntimeError("\n".join(output["traceback"]))
        if all(cell["count"] and cell["state"] != "running" for cell in cells):
            return
        notebook.page.wait_for_timeout(200)
    raise TimeoutError(f"cells still running after {timeout_s} s")


def start_cells_from(notebook: Notebook, first: int) -> None:
    """Run > Run Selected Cell and All Below, and don't wait for them."""
    notebook.page.evaluate(_ACTIVATE, first)
    notebook.page.evaluate(_COMMAND, "notebook:run-all-below")


def answer_while_it_trains(person: Person, cell: int, n: int) -> int:
    """Answer n items from when that cell trains; how many of them were stored before it ended."""
    notebook, n_stored = person.notebook, 0
    notebook.page.wait_for_function(_TRAINS, arg=cell, timeout=2000 * PATIENCE_S)
    take_the_card(notebook)
    for i in range(n):
        person.answer()
        notebook.wait_until_stored()
        n_stored = i + 1 if notebook.page.evaluate(_TRAINS, cell) else n_stored
    return n_stored


def assert_the_log_holds(person: Person) -> None:
    """Exactly what was decided on the card stands in the log, each once, and every act is in its history."""
    person.notebook.wait_until_stored()
    standing = mine(person, "annotations", "item_id", "verdict", "label", "certainty")
    assert {row[0]: Said(*row) for row in standing} == person.said
    assert len(standing) == len(person.said)
    acts = [(kind, id) for kind, id in mine(person, "history", "kind", "id") if kind in ("decided", "retracted")]
    assert Counter(kind for kind, _ in acts) == person.n_acts
    assert len({id for _, id in acts}) == len(acts)


def mine(person: Person, table: str, *columns: str) -> list[list[Any]]:
    """The person's own rows of a table of the workbench; None where it has no value."""
    query = f"annotator == {ANNOTATOR!r}"
    rows = person.notebook.value(f"wb.{table}().query({query!r})[{list(columns)}].values.tolist()")
    return [[value if value == value else None for value in row] for row in rows]


def assert_the_gain_is_seen(notebook: Notebook) -> None:
    """The new model is better on the hold-out than the first one, and the run's gain is in the kernel and on the page.

    The gain is that over the model in use. On a busy machine this may be one that learnt in the background meanwhile.
    """
    before, after, gain, low, high = notebook.value(
        "[float(run.before['accuracy']), float(run.after['accuracy']), float(run.gain), run.gain.low, run.gain.high]")
    first = notebook.value("float(wb.progress().accuracy.query('source == \"holdout\"')['share'].iloc[0])")
    assert gain == pytest.approx(after - before)
    assert low < gain < high
    assert after > first + 0.1
    assert low > 0 or before > first
    printed, table, plot = (output_of(notebook, source) for source in ("run = wb.finetune", "run.table()",
                                                                      "run.plot()"))
    assert f"{after:.1%}" in printed.text_content()
    assert "gain" in table.locator("th").all_text_contents()
    assert plot.locator("img").evaluate("image => image.naturalWidth") > 300


def output_of(notebook: Notebook, source: str) -> Any:
    output = notebook.page.locator(".jp-Cell").nth(place_of(notebook, source)).locator(".jp-Cell-outputArea")
    output.scroll_into_view_if_needed()
    return output


def assert_no_item_is_in(content: dict[str, Any]) -> None:
    """But for plots and the pool that a cell shows, the saved notebook has no picture and no state of a widget."""
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/png", None)
            if "".join(cell["source"]).splitlines()[-1] == "pool":
                output["data"].pop("text/html")
    text = json.dumps(content)
    assert "widgets" not in content["metadata"]
    assert "iVBOR" not in text
    assert len(text) < 60_000


def photograph(notebook: Notebook, name: str, what: str) -> None:
    """A picture of the page with the cell of this source at its top, where $HITL_SHOTS names a folder."""
    if SHOTS:
        cell = notebook.page.locator(".jp-Cell").nth(place_of(notebook, what))
        cell.evaluate("cell => cell.scrollIntoView({block: 'start'})")
        notebook.settle()
        notebook.page.screenshot(path=Path(SHOTS) / name)


@pytest.fixture
def notebook_01(lab) -> Iterator[Notebook]:
    """The first notebook as a newcomer opens it, but for `SMALLER`: in a folder and with a kernel of its own."""
    (lab.folder / "first").mkdir()
    source = NOTEBOOK.read_text(encoding="utf-8")
    for whole, smaller in SMALLER.items():
        assert source.count(whole) == 1
        source = source.replace(whole, smaller)
    (lab.folder / "first" / NOTEBOOK.name).write_text(source, encoding="utf-8")
    notebook = lab.open(f"first/{NOTEBOOK.name}")
    yield notebook
    shut_down(notebook)


def answer_until_a_map_of(method: str, person: Person) -> None:
    """Answer the items that have none: blind ones, and those that came before the model learnt more."""
    notebook = person.notebook

    def is_there() -> bool:
        words = notebook.card.locator(".hitl-map-words").inner_text()
        if words.startswith(("hidden", "no map", "no prediction")):
            person.answer()
        return words.startswith(f"{method} for") and notebook.card.locator(".hitl-scale").is_visible()
    try:
        notebook.wait_until(is_there)
    except TimeoutError as error:
        raise TimeoutError(f"the card says: {notebook.card.inner_text()}") from error


def test_a_person_goes_through_notebook_01_and_sees_the_gain(notebook_01):
    notebook = notebook_01
    card, tuning = place_of(notebook, "review = wb.review("), place_of(notebook, "run = wb.finetune(")
    run_cells_to(notebook, card)
    take_the_card(notebook)
    person = Person(notebook)
    person.rate(8)
    person.answer_mostly(20)
    person.undo(person.answer())
    assert {said.verdict for said in person.said.values()} >= {"accept", "correct", "unsure", "skip"}
    assert person.n_acts == {"decided": 25, "retracted": 3}
    assert_the_log_holds(person)
    answer_until_a_map_of("Grad-CAM", person)
    photograph(notebook, "readme-card.png", "review = wb.review(")
    notebook.page.keyboard.press("v")
    answer_until_a_map_of("Integrated gradients", person)
    notebook.page.keyboard.press("v")

    start_cells_from(notebook, card + 1)
    assert answer_while_it_trains(person, tuning, 20) > 0
    notebook.wait_for_cells(3 * PATIENCE_S)
    assert_the_log_holds(person)
    assert_the_gain_is_seen(notebook)
    photograph(notebook, "readme-plot.png", "run.plot()")
    assert_no_item_is_in(json.loads(notebook.save()))
    assert notebook.errors() == []


@pytest.mark.long
def test_the_same_journey_with_clothes(lab, shared_data):
    path = str(shared_data / "fashion_mnist" / "fashion_dev.npz")
    notebook = lab.take([cell.format(path=path, names=CLOTHES) for cell in FASHION])
    card, tuning = place_of(notebook, "wb.review()"), place_of(notebook, "run = wb.finetune()")
    run_cells_to(notebook, card)
    take_the_card(notebook)
    person = Person(notebook)
    person.answer_mostly(20)
    assert_the_log_holds(person)

    start_cells_from(notebook, card + 1)
    assert answer_while_it_trains(person, tuning, 10) > 0
    notebook.wait_for_cells(3 * PATIENCE_S)
    assert_the_log_holds(person)
    assert_the_gain_is_seen(notebook)
    assert notebook.errors() == []
