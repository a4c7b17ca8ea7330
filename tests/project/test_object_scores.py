"""Which image comes next where objects are asked for: the queue goes by doubt, disagreement and corrections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.sampling.selector import TYPICAL_OF_OBJECTS

N = 60


class Finder:
    """A detector that is as doubtful about an image as its picture is bright."""

    version = "finder"

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        return [{"boxes": np.array([(2, 2, 12, 12), (20, 2, 30, 12)], np.float32), "labels": ["RBC", "WBC"],
                 "scores": np.array([0.97 - 0.6 * image.mean() / 255, 0.95], np.float32)} for image in images]


@pytest.fixture(scope="module")
def pool() -> hw.Pool:
    rng = np.random.default_rng(0)
    light = np.arange(N) * 4.0
    return hw.Pool.from_images((light[:, None, None] + rng.normal(0, 3, (N, 32, 40))).clip(0, 255).astype(np.uint8))


@pytest.fixture
def wb(tmp_path: Path, pool: hw.Pool):
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task="boxes", model=Finder(), annotator="ada", holdout=0,
                      audit=0, progress=False) as wb:
        yield wb


def answer(wb: hw.Workbench, item_id: str, *, off: float = 0.0, who: str = "ada") -> None:
    seen = wb.session.would_show(wb.session.item(item_id, who), who)
    given = [{"id": one["id"], "at": [x + off for x in one["at"]], "label_id": one["label_id"]}
             for one in seen.visible_objects]
    wb.decide(item_id, objects=given, seen={**seen.to_dict(), "hidden": False}, annotator=who)


def test_typical_images_come_first_and_then_those_in_doubt(wb):
    wb.session.describe()
    assert {item.chosen_by for item in wb.next(8)} == {"typiclust"}
    for k in range(TYPICAL_OF_OBJECTS):
        answer(wb, str(k))
    chosen = wb.next(8)
    assert {item.chosen_by for item in chosen} == {"diverse_doubt"}
    assert "least certain" in wb.project.selector.why
    named = wb.next(5, strategy="margin")
    assert {item.chosen_by for item in named} == {"doubt"}
    assert min(item.position for item in named) >= N - 25  # the brightest are in most doubt
    assert np.mean([item.position for item in chosen]) > np.mean(range(TYPICAL_OF_OBJECTS, N))


def test_another_model_is_asked_anew(wb):
    scores = wb.project.object_scores
    wb.next(5, strategy="doubt")
    first = scores.doubt(np.arange(N))
    assert not np.isnan(first).any()
    other = Finder()
    other.version = "another"
    wb.adopt(other)
    assert np.isnan(scores.doubt(np.arange(N))).all()
    wb.next(5, strategy="doubt")
    assert np.allclose(scores.doubt(np.arange(N)), first)


def test_images_come_first_that_look_like_those_that_were_corrected(wb):
    wb.session.describe()
    for k in range(0, N, 2):
        answer(wb, str(k), off=3.0 if k > 40 else 0.0)
    places = [item.position for item in wb.next(4, strategy="most_corrected")]
    assert {item.chosen_by for item in wb.next(4, strategy="most_corrected")} == {"most_corrected"}
    assert np.mean(places) > 38


def test_images_come_first_on_whose_objects_people_disagree(tmp_path, pool):
    with hw.Workbench(tmp_path / "p", pool, ["RBC", "WBC"], task="boxes", annotator="ada", holdout=0, audit=0,
                      annotators_per_item=3, progress=False) as wb:
        box = {"x0": 2, "y0": 2, "x1": 12, "y1": 12}
        for k in range(6):
            wb.decide(str(k), objects=[hw.Box(**box, label="RBC")])
            wb.decide(str(k), objects=[] if k == 4 else [hw.Box(**box, label="WBC" if k == 2 else "RBC")],
                      annotator="bob")
        wb.annotator = "eve"
        items = [*wb.next(6, strategy="disagreement")]
        assert {item.chosen_by for item in items} <= {"contested", "disagreement"}
        first = wb.project.object_scores.contested(np.arange(6))
        assert set(np.argsort(-first)[:2].tolist()) == {2, 4}
        assert {item.id for item in items if item.chosen_by == "contested"} == {"0", "1", "3", "5"}
        assert wb.project.object_scores.contested(np.array([0, 2, 9])).tolist()[:2] == [0.0, 1.0]
