"""Notebooks: each runs from top to bottom, also after somebody labelled, and is kept without outputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Ends a cell that hangs; two minutes for a whole notebook on two cores are what the notebooks are written for.
LIMIT_S = 900

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_the_notebook_that_make_lab_opens_is_there():
    assert FOLDER / "01_first_loop.ipynb" in NOTEBOOKS


@pytest.mark.long
@each_notebook
def test_it_runs_from_top_to_bottom(path, tmp_path):
    shutil.copytree(FOLDER, tmp_path / "notebooks", ignore=lambda folder, names: [
        name for name in names if Path(folder, name).is_dir()])
    NotebookClient(nbformat.read(path, as_version=4), timeout=LIMIT_S, kernel_name="python3",
                   resources={"metadata": {"path": str(tmp_path / "notebooks")}}).execute()


@each_notebook
def test_it_is_kept_without_outputs(path):
    with_output = [cell.source for cell in code_cells(path) if cell.outputs or cell.execution_count]
    assert with_output == []
    assert "widgets" not in nbformat.read(path, as_version=4).metadata


@each_notebook
def test_no_cell_is_longer_than_ten_lines(path):
    assert [cell.source for cell in code_cells(path) if len(cell.source.splitlines()) > 10] == []


@pytest.mark.long
def test_the_first_notebook_trains_its_weak_model_once_although_somebody_labelled_meanwhile(tmp_path, monkeypatch):
    cells = [cell.source for cell in code_cells(FOLDER / "01_first_loop.ipynb")]
    [last] = [number for number, cell in enumerate(cells) if "finetune(min_steps=400)" in cell]
    source = "\n".join(cell for cell in cells[:last + 1] if "plt.subplots" not in cell)
    source = source.replace("finetune(min_steps=400)", "finetune(epochs=1, start='initial')")
    source = source.replace("digits_on_photographs(seed=0)", "digits_on_photographs(300, seed=0)")
    monkeypatch.chdir(tmp_path)
    for n_more in (5, 0):
        names: dict[str, Any] = {"display": print}
        exec(source, names)
        wb = names["wb"]
        for item in wb.next(n_more):
            wb.decide(item, label="7")
        assert len(wb.models()) == 1
        wb.close()
