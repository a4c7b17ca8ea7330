"""How much the scores of objects rest on marked regions: hand-made detectors, and what a run says of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from circles import NAMES, drawn
from detectors import OneBox

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn import object_run
from hitl_widgets.learn.object_learning import CorrectedImage
from hitl_widgets.learn.object_rationales import MarkedObject
from hitl_widgets.learn.object_reliance import MAX_OBJECTS, Measured, measure_object_reliance
from hitl_widgets.learn.object_run import ObjectRun

AT = (10.0, 8.0, 30.0, 24.0)


class Sticker:
    """Finds one box, with a score of 0.9 where the pixels to the right of it are all white, else with 0.2."""

    def __init__(self, at: tuple[float, ...] = AT, *, blind: bool = False, label: Any = "cell") -> None:
        self.at, self.blind, self.label = at, blind, label

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        scores = [0.9 if self.blind or (image[10:20, 34:44] == 255).all() else 0.2 for image in images]
        return [{"boxes": np.array([self.at], float), "labels": [self.label], "scores": np.array([score])}
                for score in scores]


def image_with(sticker: bool, *, size: tuple[int, int] = (40, 60), colour: bool = True) -> np.ndarray:
    image = np.random.default_rng(0).integers(0, 200, (*size, 3) if colour else size, np.uint8)
    image[10:20, 34:44] = 255 if sticker else image[10:20, 34:44]
    return image


def marked(image: np.ndarray, *, at: tuple[float, ...] = AT) -> MarkedObject:
    mask = np.zeros(image.shape[:2], bool)
    mask[10:20, 34:44] = True
    return MarkedObject(image, at, 0, mask, None)


def objects_of(*, colour: bool = True, n: int = 3, at: tuple[float, ...] = AT) -> Measured:
    others = [CorrectedImage(image_with(False, size=(50, 70), colour=colour), [AT], [0], [1.0])] * n
    return Measured.of([marked(image_with(True, colour=colour), at=at)] * n, others, "box", labels=[0], seed=0)


@pytest.mark.parametrize("colour", [True, False])
def test_a_score_that_rests_on_a_marked_region_moves_when_it_is_repainted(colour: bool):
    relies = measure_object_reliance(Sticker(), objects_of(colour=colour), "box", lambda label: {"cell"})
    assert float(relies.marked) == pytest.approx(0.7), "0.9 with the sticker, 0.2 without it"
    assert float(relies.unmarked) == 0, "there is no sticker that could go"
    assert relies.marked.n == relies.unmarked.n == 3
    assert relies.area == pytest.approx(100 / 2400)
    assert math.isnan(relies.share)
    blind = measure_object_reliance(Sticker(blind=True), objects_of(colour=colour), "box", lambda label: {"cell"})
    assert float(blind.marked) == 0


def test_only_what_lies_there_and_has_its_label_is_the_object():
    elsewhere = measure_object_reliance(Sticker(at=(40, 20, 58, 38)), objects_of(), "box", lambda label: {"cell"})
    another = measure_object_reliance(Sticker(label="other"), objects_of(), "box", lambda label: {"cell"})
    unknown = measure_object_reliance(Sticker(), objects_of(), "box", lambda label: frozenset())
    assert (float(elsewhere.marked), float(another.marked)) == (0, 0)
    assert unknown.marked.n == 0


def test_objects_that_nobody_marked_take_the_regions_as_far_from_their_middle():
    image = CorrectedImage(np.zeros((50, 70, 3), np.uint8), [(20, 18, 40, 34), (60, 40, 70, 50)], [0, 0], [1.0, 1.0])
    found = Measured.of([marked(image_with(True))], [image], "box", labels=[0], seed=0)
    assert [one.at for one in found.others] == [(20, 18, 40, 34)], "beside the second there is no room for it"
    [region] = [one.wrong for one in found.others]
    ys, xs = np.nonzero(region)
    assert (ys.min(), ys.max() + 1, xs.min(), xs.max() + 1) == (20, 30, 44, 54)


def test_of_many_objects_some_are_measured_and_without_a_wrong_region_none():
    many = Measured.of([marked(image_with(True))] * 40, [CorrectedImage(image_with(False), [AT] * 40, [0] * 40,
                                                                          [1.0] * 40)], "box", labels=[0], seed=0)
    assert (len(many.marked), len(many.others)) == (MAX_OBJECTS, MAX_OBJECTS)
    missing = marked(image_with(True))._replace(wrong=None, missing=np.ones((40, 60), bool))
    assert Measured.of([missing], [], "box", labels=[0], seed=0) == Measured([], [])


class Recorder(Sticker):
    """Keeps the images that it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[bytes] = []

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        [image] = images  # one repainting at a time is in memory
        self.images.append(image.tobytes())
        return super().predict(images)


def test_an_object_has_the_same_paint_whatever_else_a_model_knows():
    images = [np.random.default_rng(place).integers(0, 200, (40, 60, 3), np.uint8) for place in range(4)]
    objects = Measured.of([marked(image)._replace(label=place % 2) for place, image in enumerate(images)], [], "box",
                          labels=[0, 1], seed=0)
    both, one = Recorder(), Recorder()
    measure_object_reliance(both, objects, "box", lambda label: {"cell"})
    measure_object_reliance(one, objects, "box", lambda label: {"cell"} if label else frozenset())
    assert (len(both.images), len(one.images)) == (20, 10), "each as it is, and repainted four times"
    assert len(set(one.images)) > 6, "what another image has there may be its own"
    assert set(one.images) < set(both.images)


def test_objects_of_a_label_that_a_model_lacks_are_none_of_those_that_are_drawn():
    unknown = marked(image_with(True))._replace(label=1)
    others = CorrectedImage(image_with(False), [AT] * 40, [1] * 38 + [0] * 2, [1.0] * 40)
    some = Measured.of([unknown] * 40 + [marked(image_with(True))] * 3, [others], "box", labels=[0], seed=0)
    assert [one.label for one in some.marked] == [0] * 3
    assert [one.label for one in some.others] == [0] * 2


# -- a project


def boxes_of(place: int) -> list[hw.Box]:
    _, boxes, labels = drawn(place)
    return [hw.Box(*box, label=NAMES[label], id=f"b{k}") for k, (box, label) in
            enumerate(zip(boxes.tolist(), labels.tolist(), strict=True))]


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(6)])
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", annotator="ada", holdout=0, progress=False) as wb:
        for place in range(len(pool)):
            mask = np.zeros(wb.pool.size(place), bool)
            mask[:9, :9] = True
            wb.decide(str(pool.ids[place]), objects=boxes_of(place),
                      **({"reasons": {"b0": {"wrong": mask}}} if place < 2 else {}))
        yield wb


@pytest.mark.long
def test_a_run_of_the_workbenchs_own_net_says_it_in_words_and_keeps_it_in_the_log(wb: hw.Workbench):
    first = wb.finetune(epochs=1, adopt="always")
    assert first.relies_before is None
    assert first.relies_after.marked.n == 2
    assert first.relies_after.unmarked.n > 2
    assert 0 <= first.relies_after.share <= 1
    run = wb.finetune(epochs=1, adopt="never", reasons="off")
    assert run.n_marked == 0
    assert float(run.relies_before.share) == pytest.approx(float(first.relies_after.share)), "of the same model"
    assert run.relies_before.unmarked.n == first.relies_after.unmarked.n
    line = f"reliance, marked objects: {run.relies_before.marked} before, {run.relies_after.marked} after"
    assert line in repr(run)
    assert line[1:] in run._repr_html_()
    assert f"regions marked as wrong cover {run.relies_after.area:.1%} of their images" in repr(run)
    again = ObjectRun.from_dict(run.to_dict())
    assert again.relies_after == run.relies_after
    older = {name: value for name, value in run.to_dict().items() if not name.startswith("relies")}
    assert ObjectRun.from_dict(older).relies_after is None


@pytest.mark.long
def test_a_mark_that_came_since_is_measured_where_marks_are_left_out_of_the_loss(wb: hw.Workbench):
    first = wb.finetune(epochs=1, adopt="never", reasons="off")
    mask = np.zeros(wb.pool.size(3), bool)
    mask[:9, :9] = True
    wb.decide(str(wb.pool.ids[3]), objects=boxes_of(3), reasons={"b0": {"wrong": mask}})
    assert wb.finetune(epochs=1, adopt="never", reasons="off").relies_after.marked.n == 1 + first.relies_after.marked.n


@pytest.mark.long
def test_an_object_of_a_new_label_is_measured_by_neither_model(wb: hw.Workbench):
    wb.finetune(epochs=1, adopt="always")
    wb.apply(edits.add("square"))
    mask = np.zeros(wb.pool.size(3), bool)
    mask[:9, :9] = True
    first, *others = boxes_of(3)
    wb.decide(str(wb.pool.ids[3]), objects=[replace(first, label="square", id="s0"), *others],
              reasons={"s0": {"wrong": mask}})
    run = wb.finetune(epochs=1, adopt="never")
    assert run.relies_before.marked.n == run.relies_after.marked.n == 2


@pytest.mark.long
def test_a_mark_that_nothing_measures_trains_no_model_anew(wb: hw.Workbench):
    def key_after(**reasons: Any) -> str:
        wb.decide(str(wb.pool.ids[3]), objects=boxes_of(3), **reasons)
        wb.finetune(epochs=1, adopt="never", reasons="off")
        return str(list(wb.project.log.events(kind="trained"))[-1].body["key"])
    mask = np.zeros(wb.pool.size(3), bool)
    mask[:9, :9] = True
    before = key_after()
    assert key_after(reasons={"b0": {"missing": mask}}) == before
    assert key_after(reasons={"b0": {"wrong": mask}}) != before


@pytest.mark.long
@pytest.mark.parametrize("name", ["measure_object_reliance", "Measured"])
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("the allocator has nothing left")])
def test_a_failure_of_measuring_costs_no_trained_model(wb: hw.Workbench, monkeypatch, name: str, error: Exception):
    told: list[str] = []
    saved: list[int] = []
    wb.project.notify = told.append  # type: ignore[method-assign]

    def fails(*_: Any, **__: Any) -> Any:
        saved.append(len(list(wb.project.folder.rglob("*.safetensors"))))
        raise error
    monkeypatch.setattr(object_run, name, fails if name != "Measured" else SimpleNamespace(of=fails))
    run = wb.finetune(epochs=1)
    assert saved == [1], "the model is on the disk by then"
    assert (run.adopted, run.relies_before, run.relies_after) == (True, None, None)
    [notice] = [text for text in told if "isn't measured" in text]
    assert (str(error) or "MemoryError") in notice
    folder, pool = wb.project.folder, wb.pool
    wb.close()
    with hw.Workbench(folder, pool, NAMES, task="boxes", annotator="ada", holdout=0, progress=False) as again:
        assert again.models().query("adopted")["model"].item() == run.model
        assert again.finetune(epochs=1).model == run.model, "the run is in the log"


def test_a_run_without_marks_says_nothing_of_them(tmp_path: Path):
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(2)])
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", holdout=0, progress=False) as wb:
        wb.decide(str(pool.ids[0]), objects=boxes_of(0))
        run = wb.finetune(epochs=1, adopt="never")
    assert (run.relies_before, run.relies_after) == (None, None)
    assert "relies_after" not in run.to_dict()
    assert "reliance" not in repr(run)


class Picky:
    """A person's detector that raises on an image that isn't of the pool."""

    def __init__(self, images: list[np.ndarray]) -> None:
        self.known = {image.tobytes() for image in images}

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        if not all(image.tobytes() in self.known for image in images):
            raise ValueError("never seen")
        return [{"boxes": np.zeros((0, 4)), "labels": [], "scores": np.zeros(0)} for _ in images]


def test_a_persons_net_is_measured_too_and_one_that_raises_on_repainted_images_is_told(tmp_path: Path):
    images = [drawn(seed)[0] for seed in range(3)]
    for name, model in (("net", OneBox()), ("picky", Picky(images))):
        told: list[str] = []
        pool = hw.Pool.from_images(images)
        with hw.Workbench(tmp_path / name, pool, NAMES, task="boxes", holdout=0, progress=False, model=model) as wb:
            wb.project.notify = told.append  # type: ignore[method-assign]
            mask = np.zeros(pool.size(0), bool)
            mask[:9, :9] = True
            wb.decide(str(pool.ids[0]), objects=boxes_of(0), reasons={"b0": {"wrong": mask}})
            run = wb.finetune(epochs=1, adopt="never")
        assert run.relies_after.marked.n == 1
        assert (run.relies_before is None) == (name == "picky")
        assert any("isn't measured" in text and "never seen" in text for text in told) == (name == "picky")
