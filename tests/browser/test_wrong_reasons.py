"""A person paints the wrong reason on the card, trains below it, and the model leans on it less."""

from __future__ import annotations

import pytest

playwright = pytest.importorskip("playwright")
from browser.lab import Notebook  # noqa: E402

pytestmark = pytest.mark.browser

MARKED = 8
CELLS = [
    """import pandas as pd, torch, hitl_widgets as hw
from torch import nn
from hitl_widgets.items.datasets import digits_with_stickers
images, labels, stickers = digits_with_stickers(600, share=0.8, seed=0)
pool = hw.Pool.from_images(images)
truth = dict(zip(pool.ids, labels))
clean = ~stickers.any(axis=(1, 2))
where = {item: [int(edge) for edge in (*sticker.nonzero()[1][[0, -1]], *sticker.nonzero()[0][[0, -1]])]
         for item, sticker in zip(pool.ids, stickers) if sticker.any()}""",
    """torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4096, 10))
wb = hw.Workbench("stickers", pool, [str(d) for d in range(10)], model=net, holdout=0, annotator="ada",
                  arms={"blind": 0})
wb.gold({item: truth[item] for item in pool.ids[clean]})
wb.import_annotations(pd.DataFrame({"item_id": pool.ids[:400], "label": labels[:400]}))
spoiled = wb.finetune(epochs=4, min_steps=128, adopt="always")""",
    "wb.review(explain='saliency')",
    "run = wb.finetune(epochs=4, min_steps=128, adopt='always')\nrun",
]


def paint_by_mouse(notebook: Notebook, left: int, right: int, top: int, bottom: int) -> None:
    """Along the middle of the region, which a brush as wide as it covers."""
    box, side = notebook.card.locator(".hitl-sheet").first.bounding_box(), 32
    y = box["y"] + box["height"] * ((top + bottom + 1) / 2 / side)
    start, stop = (box["x"] + box["width"] * ((x + 0.5) / side) for x in (left + 2, right - 2))
    notebook.page.mouse.move(start, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(stop, y, steps=4)
    notebook.page.mouse.up()


def paint_by_keys(notebook: Notebook, left: int, right: int, top: int, bottom: int) -> None:
    """Into the corner, where the brush stops, one step back towards the middle, and a spot there."""
    across, back = ("ArrowLeft", "ArrowRight") if left == 0 else ("ArrowRight", "ArrowLeft")
    down, up = ("ArrowUp", "ArrowDown") if top == 0 else ("ArrowDown", "ArrowUp")
    for key in (*[across] * 6, *[down] * 6, back, up, "Space"):
        notebook.page.keyboard.press(key)


@pytest.mark.long
def test_what_is_painted_on_the_card_is_relied_on_less_after_a_training(lab):
    notebook = lab.take(CELLS)
    notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 3; }")
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-above'); }")
    notebook.wait_for_item(timeout_s=240)
    truth, where = notebook.value("truth"), notebook.value("where")
    notebook.card.scroll_into_view_if_needed()
    notebook.card.locator(".hitl-stage").click()
    painted: list[str] = []
    brush_words = notebook.card.locator(".hitl-brush-words")
    while len(painted) < MARKED:
        item = notebook.item
        notebook.settle()  # what the page says is of this item from here on
        if item in where and not notebook.card.get_by_text("hidden while the item is blind").is_visible():
            notebook.card.locator(".hitl-scale").wait_for()
            notebook.page.keyboard.press("b")
            brush_words.wait_for()
            for key in [] if painted else ["]", "]"]:  # it keeps its size
                notebook.page.keyboard.press(key)
            (paint_by_keys if len(painted) % 2 else paint_by_mouse)(notebook, *where[item])
            notebook.page.keyboard.press("Escape")
            painted.append(item)
        # The taxonomy's keys are the digits in order from 1 on, and 0 for the tenth.
        label = notebook.card.locator(f".hitl-chip[title='{truth[item]}']").get_attribute("aria-keyshortcuts")
        notebook.page.keyboard.press(label)
        notebook.wait_for_item(item)
    notebook.wait_until_stored()
    said = notebook.value("{item: d[0].wrong.mask()[stickers[pool.position(item)]].mean() for item, d in "
                          "wb.project.reasons().items()}")
    assert set(said) == set(painted)
    assert min(map(float, said.values())) > 0.5  # the better part of each sticker is painted

    notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 3; }")
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    notebook.wait_for_cells(240)
    before, after = notebook.value("[[float(r.marked), r.marked.low, r.marked.high, r.marked.n] for r in "
                                   "(run.relies_before, run.relies_after)]")
    assert before[3] == after[3] == MARKED
    assert after[0] < before[0]
    assert after[2] < before[1]  # further than chance would have it
    assert "reliance, marked items" in notebook.page.locator(".jp-Cell").nth(3).inner_text()
    assert notebook.errors() == []
