"""Projects of other tools' files, in a real JupyterLab: an item is labelled by keys, and they leave as another format.

The files are those of `exchange.foreign_files`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from exchange.foreign_files import coco, conll, csv, doccano, image_folders, label_studio, prodigy, voc, yolo

from hitl_widgets.exchange.registry import available, find_format

playwright = pytest.importorskip("playwright")
from browser.lab import Lab, Notebook  # noqa: E402

pytestmark = pytest.mark.browser


class Foreign(NamedTuple):
    """A file of another tool, and what becomes of it."""

    write: Callable[[Path], dict[str, Any]]  # writes it into a folder; gives path, and perhaps images
    format: str
    task: str
    keys: tuple[str, ...]  # that answer the first item on the card
    leaves_as: str
    says: str  # what the new answer says, as it stands in the file that leaves


DRAWS = ("n", "1", *["ArrowRight"] * 3, " ", "Shift+ArrowRight", " ", "Escape", "Enter")
# The first word that can be selected, as a span of the first label.
SELECTS = ("ArrowRight", "1", "Enter")
FOREIGN = [Foreign(coco, "coco", "boxes", DRAWS, "yolo", "0 "),
           Foreign(yolo, "yolo", "boxes", DRAWS, "coco", '"ada"'),
           Foreign(voc, "voc", "boxes", DRAWS, "label_studio", "rectanglelabels"),
           Foreign(image_folders, "image_folders", "classify", ("2",), "csv", "ada"),
           Foreign(csv, "csv", "classify", ("2",), "label_studio", "choices"),
           Foreign(label_studio, "label_studio", "classify", ("2",), "doccano", "ada"),
           Foreign(prodigy, "prodigy", "spans", SELECTS, "conll", "B-"),
           Foreign(doccano, "doccano", "spans", SELECTS, "prodigy", "ada"),
           Foreign(conll, "conll", "spans", SELECTS, "doccano", "ada")]


@pytest.fixture
def open_card(lab: Lab):
    opened: list[Notebook] = []

    def opening(code: str) -> Notebook:
        notebook = lab.take([code])
        opened.append(notebook)
        notebook.run_all()
        notebook.wait_for_item()
        notebook.settle()
        notebook.card.focus()
        return notebook

    yield opening
    for notebook in opened:
        assert notebook.errors() == []


@pytest.mark.parametrize("one", [each for each in FOREIGN if {each.format, each.leaves_as} <= set(available())],
                         ids=lambda one: f"{one.format}-to-{one.leaves_as}")
def test_a_project_of_another_tools_file_is_labelled_by_keys_and_leaves_as_another(one, open_card, tmp_path):
    (tmp_path / "foreign").mkdir()
    arguments = {name: str(value) for name, value in one.write(tmp_path / "foreign").items()}
    path = arguments.pop("path")
    notebook = open_card(f"""import hitl_widgets as hw
wb = hw.Workbench.from_file({path!r}, {str(tmp_path / "project")!r}, {one.format!r}, annotator="ada", holdout=0,
                            annotators_per_item=2, progress=False, **{arguments!r})
wb.review()""")
    assert notebook.value("wb.project.task") == one.task
    assert notebook.value("len(wb.annotations()) > 0 and 'ada' not in set(wb.annotations()['annotator'])")
    before = notebook.item
    for key in one.keys:
        notebook.page.keyboard.press(key)
    notebook.wait_for_item(before)
    notebook.wait_until_stored()
    assert notebook.value("wb.annotations().query(\"annotator == 'ada'\")['item_id'].tolist()") == [before]
    out = tmp_path / "out"
    target = out / ("all" if find_format(one.leaves_as).folder else "all.txt")
    out.mkdir()
    report = notebook.value(f"wb.export({str(target)!r}, {one.leaves_as!r}, 'annotations', people='names').n")
    assert report == notebook.value("wb.annotations()['item_id'].nunique()")
    files = [target] if target.is_file() else [file for file in target.rglob("*") if file.is_file()]
    assert any(one.says in file.read_text("utf-8") for file in files if file.suffix in (".json", ".txt", ".xml"))
