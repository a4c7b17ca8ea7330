"""Second looks at objects: images come back whose objects differ from what the model proposes, with these marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits

A, B = (2.0, 2.0, 22.0, 22.0), (40.0, 2.0, 60.0, 22.0)


class Finder:
    """A detector that finds two objects in each image, surely."""

    version = "finder"

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        return [{"boxes": np.array([A, B], np.float32), "labels": ["RBC", "WBC"],
                 "scores": np.array([0.95, 0.8], np.float32)} for _ in images]


@pytest.fixture
def wb(tmp_path: Path):
    pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (12, 32, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task="boxes", model=Finder(), annotator="ada", holdout=0,
                      progress=False) as wb:
        yield wb


def test_the_least_probable_objects_are_listed_and_their_images_asked_again(wb):
    right = [hw.Box(*A, label="RBC"), hw.Box(*B, label="WBC")]
    wb.decide("0", objects=right)
    wb.decide("1", objects=right[:1])
    wb.decide("2", objects=[hw.Box(*A, label="WBC"), right[1]])
    wb.decide("3", objects=[right[0], hw.Box(50, 2, 75, 22, "WBC")])
    wb.decide("4", objects=[hw.Box(2, 2, 60, 22, "RBC")])
    table = wb.people.second_looks()
    assert list(table) == ["item_id", "annotator", "object_id", "error", "label", "expected", "at", "right", "looked"]
    assert dict(zip(table["item_id"], table["error"], strict=True)) == {
        "1": "missing", "2": "wrong label", "3": "wrong place", "4": "wrongly grouped"}
    assert table["item_id"].iloc[0] == "2"  # the surest proposal contradicts it
    assert table.set_index("item_id").loc["2", ["label", "expected"]].tolist() == ["WBC", "RBC"]
    assert np.isnan(table["right"]).sum() == 0
    assert {item.id for item in wb.next(9, queue="second_look")} == {"1", "2", "3", "4"}


def test_an_image_comes_back_with_its_objects_those_in_doubt_marked(wb):
    first = wb.decide("2", objects=[hw.Box(*A, label="WBC"), hw.Box(*B, label="WBC")])
    wb.people.second_looks()
    [item] = wb.next(5, queue="second_look")
    shown = wb.session.shown_objects(item)
    there = [one for one in shown.objects if one.get("act") != "deleted"]
    assert [one.get("doubt", False) for one in there] == [True, False]
    assert [one["id"] for one in there] == [one.id for one in first.objects if one.is_there]
    wb.decide(item, objects=[{"id": one["id"], "at": one["at"], "label_id": one["label_id"]} for one in there],
              seen=wb.session.would_show(item))
    assert not len(wb.people.second_looks()) or wb.people.second_looks()["looked"].all()
    assert not wb.next(5, queue="second_look")  # who confirmed it isn't asked again


@pytest.mark.parametrize("task", ["boxes", "polygons", "points", "spans"])
def test_no_object_is_missing_where_one_is_in_doubt(task, tmp_path):
    make, place = {
        "boxes": (lambda **more: hw.Box(*A, **more), {"x0": 2.0, "y0": 2.0, "x1": 22.0, "y1": 22.0}),
        "polygons": (lambda **more: hw.Polygon([(2, 2), (22, 2), (2, 22)], **more),
                     {"points": ((2, 2), (22, 2), (2, 22))}),
        "points": (lambda **more: hw.Point(10, 10, **more), {"x": 10.0, "y": 10.0}),
        "spans": (lambda **more: hw.Span(0, 3, **more), {"start": 0, "end": 3})}[task]
    pool = hw.Pool.from_texts(["Ada met Grace.", "Ada met Alan.", "Ada met Mary."]) if task == "spans" else \
        hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (3, 32, 80), np.uint8))

    def predictions(label: str) -> pd.DataFrame:
        return pd.DataFrame([{"item_id": item, "label": label, "score": 0.95, **place} for item in pool.ids])
    with hw.Workbench(tmp_path / "q", pool, ["A", "B"], task=task, annotator="ada", holdout=0, progress=False) as wb:
        wb.decide("0", objects=[make(label="A", unsure=True)])
        wb.decide("1", objects=[make(label="A")])
        wb.decide("2", objects=[])
        wb.import_predictions(predictions("A"))
        missing = [["2", "missing"]]
        assert wb.people.second_looks()[["item_id", "error"]].to_numpy().tolist() == missing
        wb.apply(edits.split("A", into=["A1", "A2"]))
        wb.import_predictions(predictions("A1"), model="two")
        assert wb.objects()["status"].tolist() == ["to_review"] * 2
        assert wb.people.second_looks()[["item_id", "error"]].to_numpy().tolist() == missing


def test_an_answer_that_is_revised_while_the_model_searches_lacks_nothing(wb, monkeypatch):
    objects = [hw.Box(*A, label="RBC"), hw.Box(*B, label="WBC")]
    wb.decide("0", objects=objects)
    search = wb.project.propose

    def revised_meanwhile(position: int) -> Any:
        monkeypatch.setattr(wb.project, "propose", search)
        wb.decide("0", objects=[hw.Box(*A, label="RBC", certainty=9), objects[1]])
        return search(position)
    monkeypatch.setattr(wb.project, "propose", revised_meanwhile)
    assert not len(wb.people.second_looks())
    assert wb.objects()["certainty"].iloc[0] == 9


def test_without_a_model_nothing_is_suspected(tmp_path):
    pool = hw.Pool.from_images(np.zeros((3, 32, 80), np.uint8))
    with hw.Workbench(tmp_path / "q", pool, ["RBC"], task="boxes", annotator="ada", holdout=0, progress=False) as wb:
        wb.decide("0", objects=[hw.Box(*A, label="RBC")])
        assert not len(wb.people.second_looks())
