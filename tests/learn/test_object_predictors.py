"""Models of other people that find objects: what can be used of their output, and how the rest is counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.draw import disk
from torch import nn

from hitl_widgets.errors import ModelError
from hitl_widgets.learn.object_net import ObjectNet
from hitl_widgets.learn.object_predictors import (
    Candidate,
    OwnDetector,
    as_detector,
    checked,
    outline_of,
    predicted,
    without_repeats,
)

SIZE = (100, 80)


def output(boxes, labels=None, scores=None, **more):
    n = len(boxes)
    return {"boxes": np.array(boxes, np.float32).reshape(-1, 4), "labels": labels or ["a"] * n,
            "scores": np.linspace(0.9, 0.5, n) if scores is None else scores, **more}


def test_each_box_that_cannot_be_used_is_counted_and_the_rest_is_used():
    kept, faults = checked(output([(1, 2, 30, 40), (np.nan, 0, 5, 5), (30, 0, 10, 5), (5, 5, 5, 9), (200, 0, 220, 9),
                                   (90, 70, 140, 90)]), "box", SIZE)
    assert [one.at for one in kept] == [(1, 2, 30, 40), (90, 70, 100, 80)]  # the second is cut at the edge
    assert faults == {"with a coordinate that is no number": 1, "that are inverted": 1, "without area": 1,
                      "outside of the image": 1}


def test_scores_that_are_none_and_boxes_beyond_the_best_hundred_are_counted():
    kept, faults = checked(output([(0, 0, 9, 9)] * 4, scores=[0.5, np.nan, 1.5, 0.001]), "box", SIZE)
    assert len(kept) == 1
    assert faults == {"whose score isn't a number from 0 to 1": 2}  # one below .01 is no fault
    many = np.tile([[0, 0, 9, 9]], (10_000, 1)) + np.arange(10_000)[:, None] % 50
    kept, faults = checked(output(many, scores=np.linspace(1, 0.02, 10_000), labels=[0] * 10_000), "box", SIZE)
    assert len(kept) == 100
    assert kept[0].score == 1
    assert faults == {"beyond the 100 best": 9_900}


def test_without_boxes_or_with_another_number_of_scores_it_is_no_detector():
    with pytest.raises(ModelError, match="without boxes and scores"):
        checked({"labels": []}, "box", SIZE)
    with pytest.raises(ModelError, match="2 boxes, 2 labels, 1 scores"):
        checked(output([(0, 0, 9, 9)] * 2, scores=[0.5]), "box", SIZE)
    with pytest.raises(ModelError, match=r"shape \(1, 5\)"):
        checked({"boxes": np.zeros((1, 5)), "labels": [0], "scores": [1.0]}, "box", SIZE)
    with pytest.raises(ModelError, match="names, or numbers"):
        checked(output([(0, 0, 9, 9)], labels=[None]), "box", SIZE)


class Fixed(nn.Module):
    """A net of torchvision's convention that finds one box in each image."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images, targets=None):
        assert all(image.dtype == torch.float32 and image.shape[0] == 3 and image.max() <= 1 for image in images)
        return [{"boxes": torch.tensor([[1.0, 2.0, 30.0, 40.0]]), "labels": torch.tensor([2]),
                 "scores": torch.tensor([0.7]) * self.weight} for _ in images]


def test_a_net_of_torchvisions_convention_is_taken_as_it_is():
    detector = as_detector(Fixed())
    [one, other] = predicted(detector, [np.zeros((80, 100, 3), np.uint8), np.zeros((40, 50), np.uint8)])
    [candidate], faults = checked(one, "box", SIZE)
    assert candidate == Candidate((1, 2, 30, 40), 1, pytest.approx(0.7))  # its label 2 is ours 1: 0 is the background
    assert not faults
    assert checked(other, "box", (50, 40))[0]
    with pytest.raises(ModelError, match="torchvision"):
        predicted(as_detector(nn.Identity()), [np.zeros((8, 8, 3), np.uint8)])


def test_what_is_no_model_or_raises_is_told():
    with pytest.raises(ModelError, match=r"predict\(images\)"):
        as_detector("yolo")

    class Broken:
        def predict(self, images):
            raise ValueError("no such layer")
    with pytest.raises(ModelError, match="no such layer"):
        predicted(as_detector(Broken()), [np.zeros((8, 8, 3), np.uint8)])

    class TooFew:
        def predict(self, images):
            return []
    with pytest.raises(ModelError, match="a list of as many dicts"):
        predicted(as_detector(TooFew()), [np.zeros((8, 8, 3), np.uint8)])


def test_a_mask_becomes_the_polygon_around_it():
    mask = np.zeros((80, 100), bool)
    mask[disk((40, 50), 20)] = True
    at, fault = outline_of(mask, size=SIZE)
    points = np.reshape(at, (-1, 2))
    assert fault == ""
    assert 6 <= len(points) <= 40
    assert np.hypot(*(points - (50.5, 40.5)).T) == pytest.approx(20, abs=1.2)
    whole, _ = outline_of(np.ones((1, 80, 100)), size=SIZE)
    assert all(np.hypot(*(np.reshape(whole, (-1, 2)) - corner).T).min() < 1
               for corner in [(0, 0), (0, 80), (100, 0), (100, 80)])
    assert outline_of(np.zeros((80, 100)), size=SIZE) == (None, "whose mask is empty")
    assert "size" in outline_of(np.zeros((8, 10)), size=SIZE)[1]


def test_polygons_are_made_valid_or_counted():
    crossing = [(0, 0), (40, 40), (40, 0), (0, 30)]
    kept, faults = checked(output([(0, 0, 1, 1)] * 3, polygons=[crossing, [(0, 0), (5, 5)],
                                                               [(10, 10), (30, 10), (20, 30)]]), "polygon", SIZE)
    assert len(kept) == 2
    assert kept[1].at == (10, 10, 20, 30, 30, 10) or set(kept[1].at) == {10, 30, 20}
    assert faults == {"that cross themselves (their largest part is used)": 1, "with fewer than 3 vertices": 1}
    from_box, _ = checked(output([(1, 2, 30, 40)]), "polygon", SIZE)
    assert from_box[0].at == (1, 2, 30, 2, 30, 40, 1, 40)


def test_points_are_the_middles_of_boxes_or_are_given():
    kept, _ = checked(output([(0, 0, 10, 20)]), "point", SIZE)
    assert kept[0].at == (5, 10)
    kept, faults = checked({"points": [(3, 4), (500, 4)], "labels": [0, 0], "scores": [0.5, 0.5]}, "point", SIZE)
    assert [one.at for one in kept] == [(3, 4)]
    assert faults == {"outside of the image": 1}


def test_the_workbenchs_own_net_gives_boxes_in_pixels_of_the_image():
    torch.manual_seed(0)
    net = ObjectNet(2, side=96)
    net.centres.bias.data += 3
    [found] = OwnDetector(net).predict([np.zeros((120, 200, 3), np.uint8)])
    assert (found["boxes"] >= 0).all()
    assert (found["boxes"] <= [200, 120, 200, 120]).all()
    [found] = OwnDetector(net, "polygon").predict([np.zeros((120, 200, 3), np.uint8)])
    assert all(len(points) == 16 for points in found["polygons"])
    assert OwnDetector(net).predict([]) == []


def test_labels_that_became_one_do_not_say_an_object_twice():
    twice = [(Candidate((0, 0, 10, 10), 0, 0.9), "cell"), (Candidate((0, 0, 10, 9.5), 1, 0.8), "cell"),
             (Candidate((30, 0, 40, 9), 1, 0.7), "cell")]
    assert [one.score for one, _ in without_repeats(twice, "box")] == [0.9, 0.7]
    assert without_repeats([], "box") == []


@pytest.mark.parametrize(("kind", "more", "match"), [
    ("box", {"boxes": [["a", "b", "c", "d"]] * 2}, "can't be read"), ("box", {"boxes": None}, "can't be read"),
    ("box", {"boxes": [[1, 2, 3, 4], [1, 2]]}, "can't be read"), ("box", {"labels": {"a": 1, "b": 2}}, "can't be read"),
    ("box", {"scores": ["a", "b"]}, "can't be read"),
    ("polygon", {"polygons": [[(1, 1), (9, 9), (1, 9)]]}, "1 polygons for 2 objects"),
    ("polygon", {"polygons": None}, "can't be read"), ("polygon", {"masks": np.ones((1, 60, 80))}, "1 masks for 2"),
    ("point", {"points": [[1, 2]]}, r"points of shape \(1, 2\) for 2"),
    ("point", {"points": [[1, 2, 1], [3, 4, 1]]}, r"points of shape \(2, 3\) for 2")])
def test_what_cant_be_read_is_said_of_the_model(kind, more, match):
    output = {"boxes": np.array([[2, 3, 30, 40], [40, 10, 60, 30]]), "labels": [0, 1], "scores": [0.9, 0.4], **more}
    with pytest.raises(ModelError, match=match):
        checked(output, kind, (80, 60))


def test_tensors_of_half_precision_are_read():
    boxes = torch.tensor([[2.0, 3, 30, 40]], dtype=torch.bfloat16, requires_grad=True)
    found, faults = checked({"boxes": boxes, "labels": torch.tensor([0]), "scores": torch.tensor([0.5]).bfloat16()},
                            "box", (80, 60))
    assert found[0].at == (2, 3, 30, 40)
    assert not faults


def test_vertices_with_a_third_number_are_no_other_polygon():
    output = {"boxes": [[2, 3, 30, 40]], "labels": [0], "scores": [0.9],
              "polygons": [[(1, 1, 9), (9, 1, 9), (9, 9, 9), (1, 9, 9)]]}
    found, faults = checked(output, "polygon", (80, 60))
    assert not found
    assert faults
