"""The net for objects: its maps, what it should give, the loss, and how boxes come out of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hitl_widgets.learn.object_net import Found, ObjectNet, decoded, distinct
from hitl_widgets.learn.object_targets import Annotated, object_loss, targets_of

NOTHING = np.zeros((0, 4), np.float32)


def annotated(boxes, labels, *, weights=None, ignored=NOTHING, size=(64, 96), **more):
    return Annotated(torch.zeros(3, *size), np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64),
                     np.ones(len(labels), np.float32) if weights is None else np.array(weights, np.float32),
                     np.asarray(ignored, np.float32).reshape(-1, 4), **more)


def test_the_net_gives_a_map_at_a_quarter_of_the_view_and_is_small():
    net = ObjectNet(3)
    centres, sides = net(torch.rand(2, 3, 64, 96))
    assert centres.shape == (2, 3, 16, 24)
    assert sides.shape == (2, 4, 16, 24)
    assert 150_000 < sum(weight.numel() for weight in net.parameters()) < 260_000
    assert centres.sigmoid().mean().item() == pytest.approx(0.01, abs=0.005)
    assert sides.mean().item() == pytest.approx(24, rel=0.2)


def test_a_centre_is_one_in_the_cell_that_holds_it_and_falls_by_the_size_of_the_box():
    targets = targets_of([annotated([(8, 8, 48, 24)], [1])], 2)
    assert targets.centres[0, 1].argmax().item() == 4 * 24 + 7  # the centre (28, 16) lies in row 4, column 7
    assert targets.centres[0, 1, 4, 7] == 1
    assert targets.centres[0, 1, 4, 8] > targets.centres[0, 1, 5, 7] > 0  # the box is wider than high
    assert targets.centres[0, 0].max() == 0
    assert targets.shares.sum().item() == pytest.approx(1)
    assert (targets.boxes == torch.tensor([8.0, 8.0, 48.0, 24.0])).all()


def test_what_the_targets_say_is_decoded_to_the_same_boxes():
    boxes = [(8, 8, 48, 24), (50, 30, 90, 60)]
    targets = targets_of([annotated(boxes, [1, 0])], 2)
    sides = torch.ones(1, 4, 16, 24)
    number, rows, columns = targets.cells
    x, y = (columns + 0.5) * 4, (rows + 0.5) * 4
    left, top, right, bottom = targets.boxes.T
    sides[number, :, rows, columns] = torch.stack([x - left, y - top, right - x, bottom - y], dim=1)
    [found] = decoded(0.9 * targets.centres, sides, least=0.85)
    assert sorted(map(tuple, found.boxes.tolist())) == sorted(boxes)
    assert found.scores.tolist() == pytest.approx([0.9, 0.9])
    assert {(label, box[0]) for label, box in zip(found.labels.tolist(), found.boxes.tolist(), strict=True)} == \
        {(1, 8), (0, 50)}


def test_the_loss_is_least_where_the_net_says_what_is_there():
    targets = targets_of([annotated([(8, 8, 48, 24)], [0])], 1)
    sides = torch.full((1, 4, 16, 24), 1.0)
    number, rows, columns = targets.cells
    x, y = (columns + 0.5) * 4, (rows + 0.5) * 4
    right = sides.clone()
    right[number, :, rows, columns] = torch.stack([x - 8, y - 8, 48 - x, 24 - y], dim=1)
    logits = torch.where(targets.centres == 1, 9.0, -9.0)
    best = object_loss(logits, right, targets).item()
    assert best == pytest.approx(0, abs=1e-3)
    assert object_loss(logits, sides, targets) > 0.5
    assert object_loss(-logits, right, targets) > 5
    assert object_loss(logits, sides, targets, of_sides=0.0).item() == pytest.approx(best, abs=1e-3)


def test_an_ignored_region_counts_neither_as_background_nor_as_object():
    logits = torch.full((1, 2, 16, 24), -9.0)
    logits[:, :, 8:12, 4:10] = 5.0  # sure of something where nothing is annotated
    sides = torch.ones(1, 4, 16, 24)
    plain, ignored = (object_loss(logits, sides, targets_of([one], 2)) for one in (
        annotated([], []), annotated([], [], ignored=[(16, 32, 40, 48)])))
    assert plain > 50
    assert ignored < 0.01
    unknown = object_loss(logits, sides, targets_of([annotated([], [], unknown=(0,))], 2))
    assert unknown.item() == pytest.approx(plain.item() / 2, rel=0.01)


def test_an_object_of_weight_nothing_is_as_if_it_were_ignored():
    logits = torch.full((1, 1, 16, 24), -9.0)
    sides = torch.ones(1, 4, 16, 24)
    no_weight = object_loss(logits, sides, targets_of([annotated([(16, 32, 40, 48)], [0], weights=[0])], 1))
    assert no_weight.item() == pytest.approx(0, abs=1e-3)
    half, whole = (object_loss(logits, sides, targets_of([annotated(
        [(16, 32, 40, 48), (60, 10, 90, 40)], [0, 0], weights=[weight, 1])], 1)) for weight in (0.5, 1.0))
    assert half.item() == pytest.approx(whole.item(), rel=0.2)  # per object of weight 1


def test_of_objects_that_overlap_the_better_one_stays():
    found = Found(np.array([(0, 0, 20, 20), (2, 0, 22, 20), (1, 0, 21, 20), (40, 0, 60, 20)], np.float32),
                  np.array([0, 0, 1, 0]), np.array([0.5, 0.9, 0.4, 0.3], np.float32))
    kept = distinct(found)
    assert kept.boxes[:, 0].tolist() == [2, 40]  # the one of label 1 is nearly the same box as the best
    assert kept.scores.tolist() == pytest.approx([0.9, 0.3])
    assert len(distinct(found, n=1).boxes) == 1
