"""Are the images that lessons start with what they are said to be?"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import (
    STICKERS,
    SURFACES,
    digits_on_photographs,
    digits_with_stickers,
    photographs_with_faults,
    side_by_side,
)


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
