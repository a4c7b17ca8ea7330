"""Marked regions of single objects in the training of a detector: what is collected, the loss, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from circles import NAMES, drawn
from detectors import OneBox
from torch import Tensor, nn

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.learn.object_rationales import MarkedObject, ObjectRationaleLoss, marked_objects
from hitl_widgets.learn.rationales import RationaleMethod

SIZE = (96, 128)  # of an image


class Shade(nn.Module):
    """The logit of its one label in a cell is the cell's shade times a weight: nothing else is read."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.3))
        self.register_buffer("mean", torch.full((3,), 0.5))
        self.register_buffer("std", torch.full((3,), 0.25))

    def forward(self, views: Tensor) -> tuple[Tensor, None]:
        return self.weight * nn.functional.avg_pool2d(views, 4).sum(dim=1, keepdim=True), None


def marked(x: int, y: int, *, missing: bool = False, times: int = 1) -> MarkedObject:
    """An object of 20 pixels around (50, 42), in an image so many times larger, with a spot of 8 pixels marked."""
    height, width = (times * side for side in SIZE)
    mask = np.zeros((height, width), bool)
    mask[times * (y - 4):times * (y + 4), times * (x - 4):times * (x + 4)] = True
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    at = tuple(float(times * side) for side in (40, 32, 60, 52))
    return MarkedObject(image, at, 0, None if missing else mask, mask if missing else None)


def loss_of(one: MarkedObject, *, method: RationaleMethod = "penalty", n: int = 8) -> list[float]:
    """The losses of some steps in which marked objects are in the loss."""
    loss = ObjectRationaleLoss([one], side=128, n_labels=1, boxes=np.array([one.at], np.float32), method=method,
                               mirror=True, seed=0)
    net: Any = Shade()
    return [float(loss(net).detach()) for _ in range(n)]


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("method", ["penalty", "invariance"])
def test_an_object_whose_score_rests_on_a_wrong_region_costs_mirrored_or_not(method: RationaleMethod, times: int):
    assert max(loss_of(marked(50, 42, times=times), method=method)) > 1e-4
    assert loss_of(marked(80, 70, times=times), method=method) == [0.0] * 8, "its score doesn't rest on that region"


def test_a_missing_region_costs_as_long_as_the_score_doesnt_need_it():
    needless = loss_of(marked(80, 70, missing=True))
    assert needless == pytest.approx([np.log(2)] * 8, rel=1e-4)
    assert np.ptp(loss_of(marked(50, 42, missing=True))) > 0


def test_a_region_at_the_edge_of_a_large_image_and_one_too_small_for_the_view_break_nothing():
    far = marked(124, 4, times=2)
    assert loss_of(far) == [0.0] * 8
    dot = np.zeros(SIZE, bool)
    dot[90, 3] = True
    image = np.zeros((10 * SIZE[0], 10 * SIZE[1], 3), np.uint8)
    tiny = MarkedObject(image, (400, 320, 600, 520), 0, np.kron(dot, np.eye(10, dtype=bool)), None)
    assert set(loss_of(tiny)) <= {0.0}


def test_a_net_learns_to_rest_on_a_wrong_region_less():
    one, net = marked(50, 42), Shade()
    loss: Any = ObjectRationaleLoss([one], side=128, n_labels=1, boxes=np.array([one.at], np.float32), method="penalty",
                                    mirror=False, seed=0)
    optimizer = torch.optim.SGD(net.parameters(), lr=3.0)
    for _ in range(16):
        value = loss(net.train())
        if value.requires_grad:
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
    assert abs(float(net.weight.detach())) < 0.15, "it was 0.3"
    assert net.training, "the mode that it had"


# -- a project


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[hw.Workbench]:
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(8)])
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", annotator="ada", holdout=0.3, progress=False) as wb:
        for place in range(len(pool)):
            answer(wb, place)
        yield wb


def answer(wb: hw.Workbench, place: int, **more: Any) -> None:
    _, boxes, labels = drawn(place)
    wb.decide(str(wb.pool.ids[place]), objects=[hw.Box(*box, label=NAMES[label], id=f"b{k}") for k, (box, label) in
                                                enumerate(zip(boxes.tolist(), labels.tolist(), strict=True))], **more)


def mark_of(wb: hw.Workbench, place: int) -> np.ndarray:
    mask = np.zeros(wb.pool.size(place), bool)
    mask[:9, :9] = True
    return mask


def teaching(wb: hw.Workbench) -> list[int]:
    return [place for place, item_id in enumerate(wb.pool.ids) if item_id not in set(wb.holdout)]


def test_marks_are_collected_of_images_that_may_teach_under_todays_labels(wb: hw.Workbench):
    first, second, third = teaching(wb)[:3]
    answer(wb, first, reasons={"b0": {"wrong": mark_of(wb, first)}, "b1": "right"})
    answer(wb, second, reasons={"b0": {"missing": mark_of(wb, second)}})
    answer(wb, third, reasons={"b0": "wrong"})
    answer(wb, wb.pool.position(wb.holdout[0]), reasons={"b0": {"wrong": mark_of(wb, 0)}})
    wb.apply(edits.rename(NAMES[0], "another name"))
    found = marked_objects(wb.project, wb.taxonomy.label_ids)
    assert [(one.at, one.label) for one in found.objects] == [
        (tuple(drawn(place)[1][0].tolist()), drawn(place)[2][0]) for place in (first, second)]
    assert [(one.wrong is None, one.missing is None) for one in found.objects] == [(False, True), (True, False)]
    wb.apply(edits.retire("another name"))
    left = [drawn(place)[2][0] for place in (first, second)].count(1)
    assert len(marked_objects(wb.project, wb.taxonomy.label_ids).objects) == left


@pytest.mark.long
def test_a_run_says_how_many_marks_it_used_and_without_them_is_another_run(wb: hw.Workbench):
    [first] = teaching(wb)[:1]
    answer(wb, first, reasons={"b0": {"wrong": mark_of(wb, first)}})
    run = wb.finetune(epochs=1, adopt="never")
    assert run.n_marked == 1
    assert "the marked regions of 1 objects were in the loss" in repr(run)
    off = wb.finetune(epochs=1, adopt="never", reasons="off")
    assert off.n_marked == 0
    weights = [one.net.state_dict() for one in (run, off)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0]), "they were in the loss"
    with pytest.raises(hw.errors.BadInput, match="auto, penalty, invariance, off"):
        wb.finetune(reasons="loud")


def test_a_persons_net_says_why_marks_dont_train_it(tmp_path: Path):
    pool = hw.Pool.from_images([drawn(seed)[0] for seed in range(4)])
    told: list[str] = []
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", holdout=0, progress=False, model=OneBox()) as wb:
        wb.project.notify = told.append  # type: ignore[method-assign]
        answer(wb, 0, reasons={"b0": {"wrong": mark_of(wb, 0)}})
        run = wb.finetune(epochs=1, adopt="never")
    assert run.n_marked == 0
    assert any("computes its loss itself" in text and "the marked regions of 1 objects" in text for text in told)
