"""A detector learns from corrected images: working size, meaningless turns, thresholds, and the training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from circles import drawn

from hitl_widgets.learn.object_learning import (
    CorrectedImage,
    Fitting,
    best_thresholds,
    boxes_of,
    carried_over,
    fit_objects,
    hits,
    meaningless_turns,
    usual_outlines,
    working_side,
)
from hitl_widgets.learn.object_net import Found
from hitl_widgets.learn.object_predictors import OwnDetector
from hitl_widgets.learn.object_targets import Annotated
from hitl_widgets.learn.object_training import ObjectOptions
from hitl_widgets.learn.object_views import Augmentation, Drawer

QUICK = ObjectOptions(steps=60, batch=4)


def corrected(seed, *, kind="box", **more):
    image, boxes, labels = drawn(seed)
    shapes = boxes.tolist() if kind == "box" else ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist()
    return CorrectedImage(image, shapes, labels.tolist(), [1.0] * len(labels), **more)


@pytest.fixture(scope="module")
def fitted():
    return fit_objects([corrected(seed) for seed in range(12)], 2, Fitting(options=QUICK),
                       unlabelled=[drawn(seed)[0] for seed in range(40, 46)])


def f1_of(net, seeds, threshold=0.3, kind="box"):
    right = n_found = n_true = 0
    for seed in seeds:
        image, boxes, labels = drawn(seed)
        [output] = OwnDetector(net, kind).predict([image])
        shown = output["scores"] >= threshold
        _, _, hit = hits(boxes, labels, Found(output["boxes"][shown], output["labels"][shown],
                                              output["scores"][shown]), np.zeros((0, 4)))
        right, n_found, n_true = right + hit.sum(), n_found + shown.sum(), n_true + len(boxes)
    return 2 * right / (n_found + n_true)


def test_it_learns_discs_and_rings_from_twelve_images_in_seconds(fitted):
    assert fitted.stopped == "done"
    assert f1_of(fitted.net, range(100, 112), float(fitted.thresholds.min())) > 0.8
    assert fitted.n_later == 2
    assert ((fitted.thresholds > 0.01) & (fitted.thresholds < 0.99)).all()
    assert fitted.history[0][0] == 1
    assert fitted.history[-1][0] == 60


def test_the_same_seed_gives_the_same_net():
    images = [corrected(seed) for seed in range(4)]
    options = ObjectOptions(steps=4, batch=2)
    first, second = (fit_objects(images, 2, Fitting(options=options)).net.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.long
def test_a_training_goes_on_from_a_net_and_ends_with_its_budget(fitted):
    again = fit_objects([corrected(seed) for seed in range(12, 16)], 2, Fitting(
        options=ObjectOptions(steps=100_000, batch=2), budget_s=1.5), begin=fitted.net)
    assert again.stopped == "budget"
    assert not torch.equal(again.net.centres.weight, fitted.net.centres.weight)
    assert int(again.net.side) == int(fitted.net.side)


def test_images_without_objects_and_of_other_sizes_train_too():
    images = [corrected(0), CorrectedImage(np.zeros((50, 40), np.uint8), [], [], []),
              CorrectedImage(drawn(3, size=(120, 60))[0], [(2, 2, 20, 20)], [1], [0.5], [(30, 30, 50, 50)])]
    net = fit_objects(images, 2, Fitting(options=ObjectOptions(steps=2, batch=3))).net
    assert all(torch.isfinite(weight).all() for weight in net.state_dict().values())
    nothing = fit_objects(images[1:2], 2, Fitting(options=ObjectOptions(steps=2, batch=2)))
    assert nothing.n_later == 0
    assert nothing.thresholds.tolist() == [0.3, 0.3]


@pytest.mark.long
def test_points_are_learnt_as_centres():
    net = fit_objects([corrected(seed, kind="point") for seed in range(8)], 2,
                      Fitting(kind="point", options=QUICK)).net
    far = []
    for seed in range(100, 106):
        image, boxes, _ = drawn(seed)
        [output] = OwnDetector(net, "point").predict([image])
        points = output["points"][output["scores"] >= 0.3]
        if len(points):
            middles = (boxes[:, :2] + boxes[:, 2:]) / 2
            far += np.hypot(*(points[:, None] - middles[None]).transpose(2, 0, 1)).min(axis=0).tolist()
    assert np.median(far) < 0.03 * np.hypot(96, 72)


def test_small_objects_get_a_larger_view():
    image = np.zeros((480, 640, 3), np.uint8)
    large, small = (CorrectedImage(image, [(0, 0, side, side)] * 9, [0] * 9, [1.0] * 9) for side in (100, 20))
    assert working_side([large], "box") == 320
    assert working_side([small], "box") == 512
    tiny = CorrectedImage(image[:60, :64], [(0, 0, 10, 10)] * 9, [0] * 9, [1.0] * 9)
    assert working_side([tiny], "box") == 128
    assert working_side([CorrectedImage(image, [], [], [])], "box") == 320


def test_a_turn_means_nothing_for_discs_and_something_for_shaded_ones():
    images = []
    for seed in range(12):
        image, boxes, labels = drawn(seed, labels=0)
        images.append(Annotated(torch.from_numpy(image).permute(2, 0, 1), boxes, labels, np.ones(len(labels)),
                                np.zeros((0, 4), np.float32)))
    assert meaningless_turns(images) == (True, True)
    light = torch.linspace(60, 0, 72, dtype=torch.float32)[None, :, None]
    shaded = [one._replace(view=(one.view.float() / 2 + light).to(torch.uint8)) for one in images]
    assert meaningless_turns(shaded) == (True, False)
    assert meaningless_turns(images[:2]) == (True, False)  # too few to tell


def test_a_crop_keeps_its_boxes_on_their_objects():
    image, boxes, labels = drawn(5, labels=0)
    one = Annotated(torch.from_numpy(image).permute(2, 0, 1), boxes, labels, np.ones(len(labels), np.float32),
                    np.zeros((0, 4), np.float32))
    drawer = Drawer([one], Augmentation(colour=0.0), np.random.default_rng(0), mean=torch.full((3,), 0.8), n_labels=1)
    n = 0
    for view in drawer.batch(24):
        for x0, y0, x1, y1 in np.round(view.boxes).astype(int).tolist():
            if x1 - x0 >= 10 and y1 - y0 >= 10:
                middle = view.view[1, (y0 + y1) // 2 - 1:(y0 + y1) // 2 + 1, (x0 + x1) // 2 - 1:(x0 + x1) // 2 + 1]
                assert middle.mean() < 0.45  # discs are dark, the ground is light
                n += 1
    assert n > 30


def test_thresholds_are_where_f1_is_best_and_are_carried_over_by_how_many_are_found():
    truth = Annotated(torch.zeros(3, 96, 96), np.array([(0, 0, 10, 10), (20, 0, 30, 10)] * 20, np.float32)
                      + np.repeat(np.arange(20) * 40, 2)[:, None].astype(np.float32) % 37,
                      np.zeros(40, np.int64), np.ones(40), np.zeros((0, 4), np.float32))
    found = Found(np.vstack([truth.boxes, truth.boxes + 400]), np.zeros(80, np.int64),
                  np.concatenate([np.linspace(0.9, 0.6, 40), np.linspace(0.5, 0.1, 40)]).astype(np.float32))
    [threshold] = best_thresholds([truth], [found], 1)
    assert 0.45 < threshold < 0.65
    sharper = found._replace(scores=found.scores ** 0.5)
    [carried] = carried_over(np.array([threshold]), [found], [sharper], 1)
    assert (sharper.scores >= carried).sum() == (found.scores >= threshold).sum()


def test_a_found_object_in_an_ignored_region_is_no_fault():
    found = Found(np.array([(0, 0, 10, 10), (50, 50, 60, 60)], np.float32), np.zeros(2, np.int64),
                  np.array([0.9, 0.8], np.float32))
    _, _, right = hits(np.array([(0, 0, 10, 10)], np.float32), np.zeros(1), found, np.zeros((0, 4)))
    assert right.tolist() == [True, False]
    _, _, right = hits(np.array([(0, 0, 10, 10)], np.float32), np.zeros(1), found, np.array([(45, 45, 65, 65)]))
    assert right.tolist() == [True, False]
    _, _, right = hits(np.array([(0, 0, 10, 10)], np.float32), np.zeros(1), found, np.array([(48, 48, 61, 61)]))
    assert right.tolist() == [True]


def test_the_usual_outline_is_that_of_the_polygons():
    square = (0, 0, 20, 0, 20, 10, 0, 10)
    one = CorrectedImage(np.zeros((40, 40), np.uint8), [square, square], [0, 0], [1, 1])
    outlines = usual_outlines([one], 2)
    assert np.abs(outlines[0] - 0.5).max(axis=1) == pytest.approx(0.5, abs=0.06)  # on the sides of the box
    assert np.hypot(*(outlines[1] - 0.5).T) == pytest.approx(0.5)  # nothing is known: an ellipse
    assert boxes_of([square], "polygon", (40, 40)).tolist() == [[0, 0, 20, 10]]
    assert boxes_of([(20, 20)], "point", (30, 40)).tolist() == [[18.5, 18.5, 21.5, 21.5]]
