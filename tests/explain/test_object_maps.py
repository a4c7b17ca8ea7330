"""The map of one object's score lies on that object, by both methods, for nets and for whatever else finds objects."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from finders import Finder, drawn, part_inside
from torch import nn

from hitl_widgets.errors import ModelError
from hitl_widgets.explain.object_maps import gradcam_of, occlusion_of, reading_layer, score_of_best


def score_at(finder, row):
    box = finder.boxes[row]
    return lambda views: torch.stack([score_of_best(found, box, [finder.labels[row]]) for found in finder(list(views))])


def test_both_maps_of_an_object_lie_on_it_and_not_on_another_of_its_label():
    view, boxes, purple = drawn(2)
    finder = Finder(boxes, [1] * len(boxes))
    for row in purple:
        score = score_at(finder, row)
        for values in (gradcam_of(score, finder, view, boxes[row]), occlusion_of(score, view, boxes[row])):
            assert values.shape == view.shape[1:]
            assert values.dtype == np.float32
            assert part_inside(values, boxes[row], by=4) > 0.8
            y, x = np.unravel_index(values.argmax(), values.shape)
            x0, y0, x1, y1 = boxes[row]
            assert x0 - 1 <= x <= x1 + 1
            assert y0 - 1 <= y <= y1 + 1


def test_occlusion_needs_no_gradient_and_is_highest_on_the_object():
    view, boxes, [row] = drawn()
    finder = Finder(boxes, [1] * len(boxes))

    def score(views):
        with torch.no_grad():
            return score_at(finder, row)(views)
    values = occlusion_of(score, view, boxes[row], at_once=5)
    assert part_inside(values, boxes[row], by=4) > 0.8
    with pytest.raises(ModelError, match="Take 'occlusion'"):
        gradcam_of(score, finder, view, boxes[row])


def test_occlusion_shows_what_counts_far_from_the_object_too():
    view = torch.full((3, 60, 60), 0.8)
    view[:, 20:30, 20:30] = 0.2
    view[:, 0:8, 50:58] = 0.0  # a sticker that gives it away

    def score(views):
        return (0.8 - views[:, 0, 20:30, 20:30]).mean(dim=(1, 2)) + (0.8 - views[:, 0, 0:8, 50:58]).mean(dim=(1, 2))
    values = occlusion_of(score, view, (20, 20, 30, 30))
    assert values[0:8, 50:58].min() > 0
    assert values[22:28, 22:28].min() > 0
    assert np.abs(values[45:, :]).max() < 1e-6
    # What hides the object as well isn't held against the place beside it.
    assert np.abs(values[20:30, 40:]).max() < 1e-6


def test_what_lowers_an_objects_score_is_below_0():
    view = torch.full((3, 40, 40), 0.8)
    view[:, 10:20, 10:20] = 0.2
    view[:, 30:36, 30:36] = 0.1

    def score(views):
        return (0.8 - views[:, 0, 10:20, 10:20]).mean(dim=(1, 2)) - (0.8 - views[:, 0, 30:36, 30:36]).mean(dim=(1, 2))
    values = occlusion_of(score, view, (10, 10, 20, 20))
    assert values[31:35, 31:35].max() < 0 < values[12:18, 12:18].min()


@pytest.mark.parametrize("box", [(0, 0, 3, 3), (57, 37, 60, 40), (-5, -5, 70, 50), (30, 20, 30, 20), (0, 10, 60, 12)])
def test_objects_at_the_edge_as_large_as_the_view_or_as_small_as_a_point_have_a_map(box):
    view = torch.rand(3, 40, 60)
    net = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))

    def score(views):
        return net(views).mean(dim=(1, 2, 3))
    for values in (occlusion_of(score, view, box), gradcam_of(score, net, view, box)):
        assert values.shape == (40, 60)
        assert np.isfinite(values).all()


def test_the_layer_that_is_read_covers_the_object():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 9, padding=4), nn.ReLU(),
                        nn.Conv2d(4, 1, 3, padding=1))

    def score(views):
        return net(views)[:, 0, 15, 15]
    views = torch.rand(1, 3, 30, 30)
    assert reading_layer(score, net, views, (14, 14, 17, 17)) is net[4]
    assert reading_layer(score, net, views, (11, 11, 20, 20)) is net[2]
    assert reading_layer(score, net, views, (0, 0, 30, 30)) is net[2]


def test_a_convolution_that_runs_for_several_scales_isnt_read():
    body, head = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 1, 3, padding=1)
    net = nn.Sequential(nn.Conv2d(3, 3, 1), body, head)

    def score(views):
        maps = body(net[0](views).relu()).relu()
        return head(maps)[:, 0, 5, 5] + head(maps[:, :, ::2, ::2])[:, 0, 2, 2]
    assert reading_layer(score, net, torch.rand(1, 3, 10, 10), (4, 4, 7, 7)) is body


def test_a_net_without_convolutions_has_no_gradcam():
    net = nn.Sequential(nn.Flatten(), nn.Linear(300, 1))
    with pytest.raises(ModelError, match="Take 'occlusion'"):
        gradcam_of(lambda views: net(views)[:, 0], net, torch.rand(3, 10, 10), (1, 1, 3, 3))


def test_the_detection_that_stands_for_an_object_is_of_its_label_and_its_place():
    found = {"boxes": torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]),
             "labels": torch.tensor([1, 2, 1]), "scores": torch.tensor([0.6, 0.9, 0.8], requires_grad=True)}
    one = score_of_best(found, (0, 0, 10, 10), [1])
    assert one.item() == pytest.approx(0.6)
    one.backward()
    assert found["scores"].grad.tolist() == [1, 0, 0]
    assert score_of_best(found, (0, 0, 10, 10), [2]).item() == pytest.approx(0.9 * 90 / 110)
    assert score_of_best(found, (30, 30, 40, 40), [1]).item() == 0
    assert score_of_best(found, (0, 0, 10, 10), [3]).item() == 0
    nothing = {"boxes": np.empty((0, 4)), "labels": [], "scores": np.empty(0)}
    assert float(score_of_best(nothing, (0, 0, 10, 10), [1])) == 0
    named = {"boxes": np.array([[0, 0, 10, 10]]), "labels": ["RBC"], "scores": np.array([0.5])}
    assert float(score_of_best(named, (0, 0, 10, 10), ["RBC"])) == 0.5
