"""An image falls into parts that touch, also where there is nothing to see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label
from skimage.segmentation import slic

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.items.superpixels import MOST_PARTS, PART_PIXELS, SIDE, clickable, superpixels


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from([(), (3,)]), st.integers(1, 12), st.integers(0, 9))
def test_every_pixel_has_a_part_and_no_number_is_left_out(height, width, channels, n, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    parts = superpixels(image, n=n)
    assert parts.shape == (height, width)
    assert np.unique(parts).tolist() == list(range(parts.max() + 1))
    np.testing.assert_array_equal(superpixels(image, n=n), parts)


def test_a_part_hangs_together_and_keeps_to_what_is_seen():
    image = np.full((40, 40, 3), 20, np.uint8)
    image[:, 23:] = (200, 40, 40)
    parts = superpixels(image, n=16)
    assert 4 <= parts.max() + 1 <= 30
    assert not set(parts[:, :23].ravel()) & set(parts[:, 23:].ravel())
    assert all(label(parts == part, connectivity=1).max() == 1 for part in range(parts.max() + 1))


@pytest.mark.parametrize("value", [0, 255])
def test_a_flat_image_falls_into_squares(value):
    parts = superpixels(np.full((30, 60), value, np.uint8), n=8)
    assert np.bincount(parts.ravel()).tolist() == [225] * 8


def test_an_image_in_which_slic_finds_one_part_only_falls_into_squares():
    image = np.zeros((28, 28), np.uint8)
    image[14, 14] = 20
    assert slic(image / 255, n_segments=2, compactness=0.1, channel_axis=None, start_label=0).max() == 0
    assert superpixels(image, n=2).max() > 0


def test_a_pixel_is_one_part():
    assert superpixels(np.zeros((1, 1), np.uint8), n=9).tolist() == [[0]]


def test_what_is_no_image_is_refused():
    with pytest.raises(ShapeError, match=r"float64.*uint8"):
        superpixels(np.zeros((3, 3)))
    with pytest.raises(BadInput, match="n is 0"):
        superpixels(np.zeros((3, 3), np.uint8), n=0)


@pytest.mark.parametrize("shape", [(28, 28), (1, 400, 3), (900, 600, 3), (6, 2000)])
def test_parts_to_click_on_are_few_and_of_an_image_that_is_small_enough(shape):
    rng = np.random.default_rng(0)
    parts = clickable(rng.integers(0, 256, shape, dtype=np.uint8))
    assert parts.dtype == np.uint16
    assert max(parts.shape) <= SIDE
    assert parts.shape[1] / parts.shape[0] == pytest.approx(shape[1] / shape[0], rel=0.01) or min(parts.shape) == 1
    assert 2 <= parts.max() + 1 <= max(2, min(1.5 * MOST_PARTS, 3 * parts.size / PART_PIXELS))
