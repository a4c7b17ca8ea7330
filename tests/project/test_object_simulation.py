"""Simulated annotators of objects: they correct proposals, overlook, keep wrong ones and place with noise, as told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.project.first_looks import first_looks
from hitl_widgets.project.simulation import simulate
from hitl_widgets.quality.prefill import prefill_bias

N = 40
PLACES = [(4.0 + 24 * k, 4.0, 20.0 + 24 * k, 24.0) for k in range(8)]
TRUTH = {str(k): [hw.Box(*at, label=("RBC", "WBC")[place % 2]) for place, at in enumerate(PLACES[:4 + k % 4])]
         for k in range(N)}


class Finder:
    """A detector that finds the first five places, one of them some pixels off, and one where nothing is."""

    version = "finder"

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        boxes = [*PLACES[:4], (100.0 + 3, 30.0, 120.0, 46.0)]
        boxes[1] = tuple(x + 2 for x in boxes[1])
        return [{"boxes": np.array(boxes, np.float32), "labels": ["RBC", "WBC", "RBC", "RBC", "WBC"],
                 "scores": np.array([0.95, 0.9, 0.9, 0.9, 0.8], np.float32)} for _ in images]


@pytest.fixture
def opened(tmp_path: Path):
    made: list[hw.Workbench] = []

    def open_(task: str = "boxes", *, model: Any = None, **more: Any) -> hw.Workbench:
        pool = hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (N, 50, 210), np.uint8))
        made.append(hw.Workbench(tmp_path / f"p{len(made)}", pool, ["RBC", "WBC"], task=task, annotator="ada",
                                 model=model, progress=False, **more))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def test_a_careful_person_leaves_the_truth(opened):
    wb = opened(model=Finder(), arms={"shown": 1.0, "blind": 0.0})
    table = simulate(wb, TRUTH, 12, error=0, bias=0)
    assert table["right"].all()
    assert not table["missed"].any()
    objects = wb.objects()
    for item_id, of_image in objects.groupby("item_id"):
        assert sorted(of_image["label"]) == sorted(one.label for one in TRUTH[item_id])
    assert (table["n_objects"] == table["n_true"]).all()
    seen = table[table["verdict"] != "answer"]
    assert (seen["deleted"] >= 1).all()  # the place where nothing is
    assert seen["relabelled"].sum() > 0  # the fourth place has another label
    assert seen["moved"].sum() > 0
    again = simulate(wb, TRUTH, 0)
    assert not len(again)


def test_who_follows_proposals_keeps_wrong_ones_and_overlooks_what_is_not_proposed(opened):
    arms = {"blind": 0.5, "shown": 0.5}
    wb = opened(model=Finder(), arms=arms, holdout=0.1, audit=0)
    table = simulate(wb, TRUTH, N, error=0.02, bias=0.7)
    shown = table[table["verdict"] != "answer"]
    assert 0 < shown["deleted"].mean() < 1  # of one wrong place
    assert shown["missed"].mean() > table[table["verdict"] == "answer"]["missed"].mean() + 0.3
    bias = prefill_bias(first_looks(wb.project))
    assert bias.proposed.value > 0  # the wrong place is kept where it is proposed


def test_noise_and_errors_are_as_told(opened):
    wb = opened()
    table = simulate(wb, TRUTH, 30, error=0.5, bias=0, noise=0.05, seed=3)
    assert 0.3 < table["missed"].sum() / table["n_true"].sum() < 0.7
    assert (table["verdict"] == "answer").all()
    x0 = wb.objects()["x0"].to_numpy()
    apart = np.abs(x0[:, None] - np.array([at[0] for at in PLACES])).min(axis=1)
    assert 0.2 < apart.mean() < 2


@pytest.mark.parametrize("task", ["polygons", "points"])
def test_other_shapes_are_left_too(opened, task):
    wb = opened(task)
    one = hw.Polygon([(5, 5), (30, 8), (12, 40)], "RBC") if task == "polygons" else hw.Point(50, 20, "WBC")
    table = simulate(wb, {str(k): [one] for k in range(N)}, 5, error=0, bias=0, noise=0.01)
    assert table["right"].all()
    assert set(wb.objects()["kind"]) == {task[:-1]}


def test_truth_may_be_a_table_and_what_cannot_be_one_is_refused(opened):
    wb = opened()
    rows = pd.DataFrame([{"item_id": "3", "label": "RBC", "x0": 4, "y0": 4, "x1": 20, "y1": 24}])
    table = simulate(wb, rows, 6, error=0, bias=0)
    assert (table["n_true"] == (table["item_id"] == "3")).all()
    with pytest.raises(BadInput, match="truth is a list"):
        simulate(wb, [], 3)
