"""Are the images that lessons start with what they are said to be?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import (
    CELLS,
    STICKERS,
    SURFACES,
    cells,
    digits_on_photographs,
    digits_with_stickers,
    photographs_with_faults,
    side_by_side,
)
from hitl_widgets.objects.overlap import iou_pair


def test_a_stickers_colour_gives_the_digit_away_and_nothing_else_of_the_image_is_changed():
    plain, digits = digits_on_photographs(40, size=32)
    images, labels, stickers = digits_with_stickers(40, share=0.5)
    assert labels.tolist() == digits.tolist()
    assert (images[~stickers] == plain[~stickers]).all()
    assert stickers.sum(axis=(1, 2)).tolist() == [36] * 20 + [0] * 20
    for image, label, sticker in zip(images[:20], labels, stickers, strict=False):
        assert (image[sticker] == STICKERS[int(label)]).all()


def test_stickers_lie_in_all_four_corners_and_their_colours_are_far_apart():
    _, _, stickers = digits_with_stickers(40, share=1)
    corners = stickers[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.any(axis=0).all()
    assert (corners.sum(axis=1) == 1).all()
    apart = np.abs(STICKERS[:, None].astype(int) - STICKERS).max(axis=2)
    assert apart[~np.eye(10, dtype=bool)].min() >= 50


def test_a_share_that_is_none_is_refused():
    with pytest.raises(BadInput, match=r"share = 2"):
        digits_with_stickers(3, share=2)


def test_images_side_by_side_have_the_labels_of_their_halves_and_never_one_twice():
    images = np.arange(6, dtype=np.uint8).repeat(12).reshape(6, 3, 4)
    names = ["cat", "cat", "dog", "dog", "owl", "owl"]
    pairs, labels = side_by_side(images, names, 200, seed=1)
    assert pairs.shape == (200, 3, 8)
    for pair, (left, right) in zip(pairs, labels, strict=True):
        assert len(np.unique(pair[:, :4])) == len(np.unique(pair[:, 4:])) == 1
        assert (names[pair[0, 0]], names[pair[0, -1]]) == (left, right)
        assert left != right
    assert len(set(labels)) == 6


def test_the_same_seed_makes_the_same_pairs_and_colours_stay():
    images = np.random.default_rng(0).integers(0, 255, (5, 3, 4, 3), np.uint8)
    one, other = (side_by_side(images, [0, 1, 2, 3, 4], 9, seed=2) for _ in range(2))
    assert one[0].shape == (9, 3, 8, 3)
    assert np.array_equal(one[0], other[0])
    assert one[1] == other[1]


@pytest.mark.parametrize(("n", "labels"), [(0, [0, 1]), (1, [0, 0]), (1, [0, 1, 2])])
def test_pairs_that_cannot_be_made_are_refused(n, labels):
    with pytest.raises(BadInput, match="two different labels or more"):
        side_by_side(np.zeros((2, 4, 4), np.uint8), labels, n)


def test_photographs_have_the_faults_that_the_table_says():
    images, truth, discs = photographs_with_faults(300, seed=1)
    assert set(truth["surface"]) == set(SURFACES)
    assert set(truth["blur"]) == set(range(11))
    assert truth["covered"].tolist() == discs.mean(axis=(1, 2)).tolist()
    assert (images[discs] == 235).all()
    assert 0.3 < (truth["covered"] == 0).mean() < 0.5
    bare = images[truth["covered"] == 0].astype(float)
    contrast = np.abs(np.diff(bare, axis=2)).mean(axis=(1, 2))
    by_blur = pd.Series(contrast).groupby(truth["blur"][truth["covered"] == 0].to_numpy()).mean()
    assert by_blur[0] > 2 * by_blur[5] > 2 * by_blur[10]


@pytest.mark.parametrize(("n", "size"), [(0, 32), (3, 8), (3, 200)])
def test_photographs_that_cannot_be_made_are_refused(n, size):
    with pytest.raises(BadInput, match="size from 16 to 96"):
        photographs_with_faults(n, size=size)


def test_drawn_cells_are_where_their_boxes_say_in_the_colour_of_their_label():
    images, truth = cells(6, seed=3)
    light = images.astype(float)
    for image, objects in zip(light, truth, strict=True):
        covered = np.zeros(image.shape[:2], bool)
        for one in objects:
            x0, y0, x1, y1 = (round(number) for number in one.at)
            covered[max(0, y0 - 3):y1 + 3, max(0, x0 - 3):x1 + 3] = True
        background = np.median(image[~covered], axis=0)
        for one in objects:
            x0, y0, x1, y1 = (round(number) for number in one.at)
            inside = image[y0:y1, x0:x1].reshape(-1, 3)
            red, green, _ = background - np.quantile(inside, 0.2, axis=0)
            assert green > 25, f"{one} isn't to be seen"
            assert (red > 45) == (one.label != "RBC"), f"{one} has another colour"


def test_all_that_stands_out_of_the_background_lies_in_a_box_of_a_drawn_cell():
    images, truth = cells(6, seed=5)
    for image, objects in zip(images, truth, strict=True):
        outside = np.ones(image.shape[:2], bool)
        for one in objects:
            x0, y0, x1, y1 = one.at
            outside[max(0, int(y0) - 2):int(y1) + 3, max(0, int(x0) - 2):int(x1) + 3] = False
        green = image[..., 1].astype(float)
        assert green[outside].min() > np.median(green[outside]) - 35


def test_boxes_polygons_and_points_are_of_the_same_cells():
    pictures, boxes = cells(4, task="boxes")
    for task in ("polygons", "points"):
        images, truth = cells(4, task=task)
        assert (images == pictures).all()
        for of_image, objects in zip(boxes, truth, strict=True):
            assert [one.label for one in of_image] == [one.label for one in objects]
            for box, one in zip(of_image, objects, strict=True):
                x0, y0, x1, y1 = one.bounds
                assert box.x0 <= x0 <= x1 <= box.x1
                assert box.y0 <= y0 <= y1 <= box.y1
                if task == "polygons":
                    assert (x1 - x0) * (y1 - y0) > 0.85 * (box.x1 - box.x0) * (box.y1 - box.y0)


def test_drawn_cells_lie_in_their_images_overlap_a_little_and_are_of_three_labels():
    for size in ((240, 320), (96, 128)):
        images, truth = cells(20, size=size)
        assert images.shape == (20, *size, 3)
        assert {one.label for objects in truth for one in objects} == set(CELLS)
        for objects in truth:
            at = np.array([one.at for one in objects])
            assert at.min() >= 0
            assert (at[:, [0, 2]] <= size[1]).all()
            assert (at[:, [1, 3]] <= size[0]).all()
        assert 8 <= np.mean([len(objects) for objects in truth]) <= 25
    overlapping = [one for objects in truth for place, one in enumerate(objects) for other in objects[place + 1:]
                   if iou_pair("box", one.at, other.at, size=size) > 0]
    assert overlapping


def test_the_first_drawn_images_are_the_same_however_many_are_drawn():
    images, truth = cells(3, size=(96, 128))
    more, of_more = cells(5, size=(96, 128))
    other, _ = cells(3, size=(96, 128), seed=1)
    assert (more[:3] == images).all()
    assert of_more[:3] == truth
    assert (other != images).any()


@pytest.mark.parametrize("wrong", [{"n": 0}, {"task": "classify"}, {"size": (20, 320)}, {"size": (240, 5_000)}])
def test_cells_that_cant_be_drawn_are_refused(wrong):
    with pytest.raises(BadInput, match=r"n from 1 on"):
        cells(**{"n": 1} | wrong)
