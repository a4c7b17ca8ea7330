"""Saliency maps lie where they belong, in colours that everybody can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hitl_widgets.drawing.overlay import COLOURS, SIGNED, UNSIGNED, blend, colourise, quantise, resample
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.records import Attribution


def attribution(values, box, *, signed=False):
    return Attribution(item_id="a", method="gradcam", target="L1", model="m", values=np.asarray(values, np.float32),
                       box=box, signed=signed)


def test_two_values_are_joined_by_a_straight_line_and_held_at_the_edges():
    # Four pixels over two values: the values' centres lie at 1 and 3, the pixels' at 0.5, 1.5, 2.5, 3.5.
    assert resample(attribution([[0, 1]], (0, 0, 4, 1)), (1, 4)).tolist() == [[0, 0.25, 0.75, 1]]


def test_a_map_of_the_items_own_size_stays_as_it_is():
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_allclose(resample(attribution(values, (0, 0, 7, 5)), (5, 7)), values, rtol=1e-6)


def test_a_larger_map_is_averaged_not_sampled():
    # A chequer of single values would alias to all 0 or all 1 if one value were picked for each pixel.
    chequer = np.indices((64, 64)).sum(0) % 2
    drawn = resample(attribution(chequer, (0, 0, 8, 8)), (8, 8))
    np.testing.assert_allclose(drawn, 0.5, atol=0.01)


@pytest.mark.parametrize(("values", "size"), [((14, 14), (64, 48)), ((3, 5), (31, 17)), ((64, 48), (20, 15))])
def test_over_the_whole_item_it_agrees_with_pillow(values, size):
    values = np.random.default_rng(1).normal(size=values).astype(np.float32)
    theirs = np.asarray(Image.fromarray(values).resize(size[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(resample(attribution(values, (0, 0, size[1], size[0])), size), theirs, atol=1e-5)


def test_outside_of_its_box_it_says_nothing():
    drawn = resample(attribution(np.ones((2, 2)), (2, 1, 4, 4)), (6, 5))
    expected = np.zeros((6, 5))
    expected[1:4, 2:4] = 1
    np.testing.assert_array_equal(drawn, expected)


def test_a_box_that_reaches_beyond_the_item_loses_what_lies_there():
    # A padded view: 4 x 4 values over a box of 4 x 4 pixels, of which the item is the two rows in the middle.
    values = np.arange(16).reshape(4, 4)
    np.testing.assert_allclose(resample(attribution(values, (0, -1, 4, 3)), (2, 4)), values[1:3])


def test_a_marked_square_comes_back_within_a_pixel():
    # An item of 100 x 60 seen through a centre crop of 56 x 56, on a grid of 28 x 28: a square of values 10..14.
    values = np.zeros((28, 28))
    values[10:15, 10:15] = 1
    rows, columns = np.nonzero(resample(attribution(values, (2, 22, 58, 78)), (100, 60)) >= 0.5)
    assert (rows.min(), rows.max() + 1) == pytest.approx((22 + 20, 22 + 30), abs=1)
    assert (columns.min(), columns.max() + 1) == pytest.approx((2 + 20, 2 + 30), abs=1)


@pytest.mark.parametrize(("shape", "box"), [((2, 2, 3), (0, 0, 4, 4)), ((3,), (0, 0, 4, 4)), ((0, 2), (0, 0, 4, 4)),
                                            ((2, 2), (4, 0, 4, 4)), ((2, 2), (0, 0, float("nan"), 4))])
def test_what_has_no_shape_or_no_place_is_refused(shape, box):
    with pytest.raises(ShapeError):
        resample(attribution(np.ones(shape), box), (4, 4))


def test_a_broken_value_spoils_no_other():
    values = np.ones((4, 4))
    values[0, 0], values[3, 3] = np.nan, np.inf
    drawn = resample(attribution(values, (0, 0, 4, 4)), (4, 4))
    assert drawn[0, 0] == drawn[3, 3] == 0
    assert drawn.sum() == 14


def test_unsigned_bytes_run_from_nothing_to_the_peak():
    codes, peak = quantise(np.array([-3.0, 0.0, 0.5, 1.0]), signed=False, peak=1.0)
    assert (codes.tolist(), codes.dtype, peak) == ([0, 0, 128, 255], np.uint8, 1.0)


def test_signed_bytes_hold_zero_at_128_and_mirror():
    codes, _ = quantise(np.array([-4.0, -1.0, 0.0, 1.0, 4.0]), signed=True, peak=2.0)
    assert codes.tolist() == [1, 64, 128, 192, 255]  # 128 -+ 63.5, rounded to even


def test_a_few_extremes_do_not_darken_the_rest():
    values = np.concatenate([np.linspace(0, 1, 1000), [1e6]])
    codes, peak = quantise(values, signed=False)
    assert peak == pytest.approx(0.99, abs=0.01)
    assert int(codes[500]) == pytest.approx(128, abs=2)


def test_a_single_point_of_a_large_map_is_seen():
    values = np.zeros((100, 100))
    values[3, 4] = 2.0
    codes, peak = quantise(values, signed=False)
    assert (codes[3, 4], codes.sum(), peak) == (255, 255, 2.0)


@pytest.mark.parametrize(("signed", "nothing"), [(False, 0), (True, 128)])
@pytest.mark.parametrize("value", [0.0, np.nan, -np.inf])
@pytest.mark.parametrize("shape", [(3, 3), (1, 1)])
def test_a_map_that_says_nothing_is_drawn_as_nothing(value, shape, signed, nothing):
    codes, peak = quantise(np.full(shape, value), signed=signed)
    assert peak == 0.0
    assert (codes == nothing).all()


def test_a_constant_map_and_a_single_value_are_at_their_peak():
    assert quantise(np.full((3, 3), 0.2), signed=False)[0].tolist() == [[255] * 3] * 3
    assert quantise(np.array([[-0.2]]), signed=True)[0].tolist() == [[1]]


@settings(deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=30), st.booleans())
def test_bytes_keep_the_order_of_the_values(values, signed):
    values = np.array(values, np.float32)
    codes, peak = quantise(values, signed=signed)
    assert np.isfinite(peak)
    finite = np.isfinite(values)
    order = np.argsort(values[finite])
    assert (np.diff(codes[finite][order].astype(int)) >= 0).all()


def test_values_are_drawn_in_three_bytes_each_whatever_their_shape():
    assert colourise(np.zeros((2, 3)), signed=False).shape == (2, 3, 3)
    assert colourise(np.array([0.0, 1.0]), signed=False).tolist() == [[0, 0, 4], [252, 255, 164]]
    assert colourise(np.array([-1.0, 0.0, 1.0]), signed=True).tolist() == [[33, 102, 172], [247] * 3, [179, 88, 6]]


def linear(srgb):
    srgb = srgb / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1


def luminance(srgb):
    return linear(srgb) @ [0.2126, 0.7152, 0.0722]


def test_more_is_lighter_in_the_unsigned_colours_so_that_they_hold_in_grey():
    assert (np.diff(luminance(UNSIGNED)) >= 0).all()
    assert luminance(UNSIGNED)[-1] - luminance(UNSIGNED)[0] > 0.9


# tests/js/pieces.test.js says the same of the browser's tables.
@pytest.mark.parametrize(("name", "table"), [("unsigned", UNSIGNED), ("signed", SIGNED)])
def test_a_colour_table_is_linear_between_the_colours_of_the_shared_file(name, table):
    colours = [list(bytes.fromhex(colour[1:])) for colour in COLOURS[name]["colours"]]
    first, last = COLOURS[name]["first_code"], COLOURS[name]["last_code"]
    step = (last - first) / (len(colours) - 1)
    for code in range(256):
        at = max(0, code - first) / step
        low = min(int(at), len(colours) - 2)
        expected = [a + (at - low) * (b - a) for a, b in zip(colours[low], colours[low + 1], strict=True)]
        np.testing.assert_allclose(table[code], expected, atol=0.5 + 1e-9)


def test_more_is_darker_on_both_sides_of_the_signed_colours():
    steps = np.diff(luminance(SIGNED[1:]))
    assert (steps[:127] >= 0).all()
    assert (steps[127:] <= 0).all()


# Vienot, Brettel, Mollon (1999), for linear RGB: how protanopes and deuteranopes see.
@pytest.mark.parametrize("seen_as", [[[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
                                     [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]])
def test_against_and_for_differ_without_red_and_green(seen_as):
    against, _, speaks_for = linear(SIGNED[[1, 128, 255]]) @ np.transpose(seen_as)
    assert against[2] - against[0] > 0.2  # clearly blue
    assert speaks_for[2] - speaks_for[0] < -0.1  # clearly yellow


def test_a_blend_keeps_the_item_where_the_map_says_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    drawn = blend(image, attribution(np.ones((2, 2)), (0, 0, 4, 8)), opacity=1)
    np.testing.assert_array_equal(drawn[:, 4:], image[:, 4:])
    assert (drawn[:, :4] == UNSIGNED[255]).all()


def test_half_opacity_is_half_item_and_half_map():
    drawn = blend(np.full((2, 2), 100, np.uint8), attribution([[1.0]], (0, 0, 2, 2)))
    assert drawn.tolist() == np.full((2, 2, 3), np.rint((100 + UNSIGNED[255].astype(float)) / 2)).tolist()


def test_a_signed_blend_leaves_zero_untouched_and_shows_both_sides():
    drawn = blend(np.full((1, 3), 9, np.uint8), attribution([[-1, 0, 1]], (0, 0, 3, 1), signed=True), opacity=1)
    assert drawn[0].tolist() == [SIGNED[1].tolist(), [9, 9, 9], SIGNED[255].tolist()]


def test_a_small_box_is_scaled_by_its_own_values():
    # Of a 100 x 100 item 99.6 % lie outside: the zeros there mustn't count as the map's percentile.
    drawn = blend(np.zeros((100, 100), np.uint8), attribution(np.full((2, 2), 0.01), (0, 0, 6, 6)), opacity=1)
    assert (drawn[:6, :6] == UNSIGNED[255]).all()


def test_a_blend_of_one_pixel_and_of_no_opacity():
    image = np.array([[[1, 2, 3]]], np.uint8)
    np.testing.assert_array_equal(blend(image, attribution([[5.0]], (0, 0, 1, 1)), opacity=0), image)


def test_wrong_opacity_and_wrong_images_are_refused():
    over = attribution([[1.0]], (0, 0, 2, 2))
    for opacity in (-0.1, 1.1, float("nan")):
        with pytest.raises(BadInput, match="opacity"):
            blend(np.zeros((2, 2), np.uint8), over, opacity=opacity)
    for image in (np.zeros((2, 2)), np.zeros(2, np.uint8), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(ShapeError):
            blend(image, over)
