"""Objects that people already have: what is stored of a table, what isn't stored twice, what is refused."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, UnknownItem, UnknownLabel

BOXES = pd.DataFrame({"item_id": ["0", "0", "1", "2"], "label": ["RBC", "WBC", "RBC", None],
                      "x0": [1, 20, 3.5, np.nan], "y0": [2, 20, 4, np.nan], "x1": [11, 40, 30, np.nan],
                      "y1": [12, 50, 44, np.nan], "certainty": [8, np.nan, 3, np.nan]})


@pytest.fixture(scope="module")
def pool() -> hw.Pool:
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (8, 60, 80), np.uint8))


@pytest.fixture
def opened(tmp_path: Path, pool: hw.Pool):
    made: list[hw.Workbench] = []

    def open_(name: str = "p", task: str = "boxes") -> hw.Workbench:
        made.append(hw.Workbench(tmp_path / name, pool, ["RBC", "WBC"], task=task, annotator="ada", progress=False))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def test_all_rows_of_an_image_are_one_answer_and_one_without_coordinates_says_that_there_is_none(opened):
    wb = opened()
    assert wb.import_annotations(BOXES, "carol") == 3
    table = wb.objects()
    assert table[["item_id", "annotator", "label", "x0", "y1", "origin", "act"]].to_numpy().tolist() == [
        ["0", "carol", "RBC", 1.0, 12.0, "person", "added"], ["0", "carol", "WBC", 20.0, 50.0, "person", "added"],
        ["1", "carol", "RBC", 3.5, 44.0, "person", "added"]]
    assert table["certainty"].tolist()[::2] == [8, 3]
    assert wb.annotations().set_index("item_id")["label"].to_dict() == {
        "0": "RBC, WBC", "1": "RBC", "2": "none of them"}
    assert wb.votes()["chosen_by"].tolist() == ["import"] * 3


def test_importing_again_changes_nothing_also_after_a_revision(opened):
    wb = opened()
    assert wb.import_annotations(BOXES) == 3
    assert wb.import_annotations(BOXES) == 0
    wb.decide("1", objects=[], annotator="import")
    assert wb.import_annotations(BOXES) == 0
    assert wb.objects()["item_id"].unique().tolist() == ["0"]
    more = BOXES.assign(x1=BOXES["x1"] + 1)
    assert wb.import_annotations(more) == 2


@pytest.mark.parametrize("task", ["boxes", "polygons", "points"])
def test_what_one_project_has_another_takes_also_from_a_file(opened, task):
    first, second, third = opened("a", task), opened("b", task), opened("c", task)
    made = {"boxes": hw.Box(1, 2, 11, 12.5, "RBC", certainty=7), "points": hw.Point(4, 5.25, "RBC", certainty=7),
            "polygons": hw.Polygon([(1, 1), (20, 2), (9, 30)], "RBC", certainty=7)}[task]
    first.decide("3", objects=[made])
    table = first.objects()
    assert second.import_annotations(table) == 1
    assert third.import_annotations(pd.read_csv(StringIO(table.to_csv(index=False)))) == 1
    kept = ["item_id", "annotator", "kind", "label", "x0", "y0", "x1", "y1", "points", "certainty"]
    for other in (second, third):
        assert other.objects()[kept].equals(table[kept])


@pytest.mark.parametrize(("change", "error", "what"), [
    ({"x1": 0}, BadInput, "row 2.*inverted"), ({"x1": 300.0}, BadInput, "row 2.*item '1'"),
    ({"label": "cell"}, UnknownLabel, "row 2.*cell"), ({"item_id": "nobody"}, UnknownItem, "row 2"),
    ({"certainty": 99}, BadInput, "row 2.*certainty")])
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_stored(opened, change, error, what):
    wb = opened()
    table = BOXES.astype({"item_id": object, "label": object}).copy()
    for name, value in change.items():
        table.loc[2, name] = value
    with pytest.raises(error, match=what):
        wb.import_annotations(table)
    assert not len(wb.annotations())


def test_a_table_without_coordinates_is_refused(opened):
    with pytest.raises(BadInput, match="lacks x0, y0, x1, y1"):
        opened().import_annotations(pd.DataFrame({"item_id": ["0"], "label": ["RBC"]}))
    with pytest.raises(BadInput, match="row for each object"):
        opened("q").import_annotations({"0": "RBC"})


THINGS = {"boxes": {"x0": [1.0], "y0": [2.0], "x1": [11.0], "y1": [12.5]}, "points": {"x0": [4.0], "y0": [5.25]},
          "polygons": {"points": [((1, 1), (20, 2), (9, 30))]}, "spans": {"start": [0], "end": [3]}}


@pytest.mark.parametrize("task", ["boxes", "polygons", "points", "spans"])
def test_another_certainty_or_unsure_is_a_new_answer_once(task, tmp_path, pool):
    pool = hw.Pool.from_texts(["Ada met Grace."]) if task == "spans" else pool
    table = pd.DataFrame({"item_id": ["0"], "label": ["RBC"], **THINGS[task], "status": ["decided"], "certainty": [5]})
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task=task, annotator="ada", progress=False) as wb:
        for number, changed in enumerate((table, table.assign(status="unsure"), table.assign(certainty=1),
                                          table.assign(certainty=None))):
            assert wb.import_annotations(changed) == 1
            assert wb.import_annotations(changed) == 0
            assert wb.import_annotations(table) == 0  # said before
            assert wb.import_annotations(wb.objects().assign(annotator="import")) == 0
            assert wb.objects()["status"].tolist() == ["unsure" if number == 1 else "decided"]
        assert np.isnan(wb.objects()["certainty"].tolist()).all()
        assert wb.import_annotations(table.drop(columns=["status", "certainty"])) == 0  # it says nothing of these


def test_an_image_of_which_somebody_was_unsure_stays_unsure_also_from_a_file(opened, tmp_path):
    first, second, third, fourth = map(opened, "abcd")
    box = hw.Box(1, 2, 11, 12.5, "RBC")
    first.decide("3", "unsure", objects=[box])
    first.decide("4", objects=[hw.Box(1, 2, 11, 12.5, "RBC", unsure=True)])
    table = first.objects()
    assert table[["item_id", "status", "verdict"]].to_numpy().tolist() == [
        ["3", "unsure", "unsure"], ["4", "unsure", "answer"]]
    assert first.import_annotations(table) == first.import_annotations(table.drop(columns="verdict")) == 0
    table.to_csv(tmp_path / "objects.csv", index=False)
    assert second.import_annotations(table) == 2
    assert third.import_annotations(pd.read_csv(tmp_path / "objects.csv")) == 2
    assert fourth.import_file(tmp_path / "objects.csv").n_new == 2
    assert first.import_file(tmp_path / "objects.csv").n_new == 0
    for wb in (second, third, fourth):
        assert wb.annotations().set_index("item_id")["verdict"].to_dict() == {"3": "unsure", "4": "answer"}
        assert set(wb.objects().attrs["reviewed"]) == {("4", "ada")}
        assert wb.import_annotations(table) == 0


def test_an_answer_has_one_verdict(opened):
    wb = opened()
    with pytest.raises(BadInput, match=r"row 1.*item '0' has the verdict 'unsure' in some rows"):
        wb.import_annotations(BOXES.assign(verdict=["unsure", "answer", "answer", "answer"]))
    with pytest.raises(BadInput, match=r"row 3.*'skip' is no answer about objects"):
        wb.import_annotations(BOXES.assign(verdict=["answer", None, "correct", "skip"]))
    assert not len(wb.annotations())
    assert wb.import_annotations(BOXES.assign(verdict="unsure")) == 3
    assert wb.annotations()["verdict"].tolist() == ["unsure"] * 3
