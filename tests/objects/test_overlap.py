"""Overlaps and distances of boxes, polygons and points, and which of them are paired."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from hitl_widgets.errors import BadInput
from hitl_widgets.objects import overlap


def boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    corner, side = rng.uniform(0, 60, (n, 2)), rng.uniform(1, 40, (n, 2))
    return np.concatenate([corner, corner + side], axis=1)


def outline(box: np.ndarray) -> tuple[float, ...]:
    x0, y0, x1, y1 = box
    return x0, y0, x1, y0, x1, y1, x0, y1


def test_the_overlap_of_boxes_is_that_of_pycocotools() -> None:
    rng = np.random.default_rng(0)
    a, b = boxes(rng, 40), boxes(rng, 30)
    crowd = rng.random(30) < 0.3
    theirs = mask.iou(*(np.concatenate([of[:, :2], of[:, 2:] - of[:, :2]], axis=1) for of in (a, b)),
                      crowd.astype(np.uint8).tolist())
    assert np.allclose(overlap.overlaps("box", a.tolist(), b.tolist(), crowd=crowd), theirs, atol=1e-12)


def test_polygons_that_are_boxes_overlap_and_lie_apart_as_boxes_do() -> None:
    rng = np.random.default_rng(1)
    a, b = boxes(rng, 12), boxes(rng, 9)
    of_a, of_b = [outline(box) for box in a], [outline(box) for box in b]
    assert np.allclose(overlap.overlaps("polygon", of_a, of_b), overlap.iou(a, b))
    crowd = [True] * 9
    assert np.allclose(overlap.overlaps("polygon", of_a, of_b, crowd=crowd), overlap.covered(a, b))


def test_a_polygon_that_crosses_itself_is_mended() -> None:
    bow = (0, 0, 2, 2, 2, 0, 0, 2)  # two triangles of area 1 each
    assert overlap.overlaps("polygon", [bow], [(0, 0, 2, 0, 2, 2, 0, 2)])[0, 0] == pytest.approx(0.5)


def test_a_pair_overlaps_as_in_a_table() -> None:
    for kind, a, b in (("box", (0, 0, 4, 4), (2, 0, 6, 4)), ("polygon", (0, 0, 4, 0, 4, 4), (2, 0, 6, 0, 6, 4)),
                       ("point", (3, 4), (3, 5))):
        assert overlap.iou_pair(kind, a, b, size=(30, 40)) == \
            pytest.approx(overlap.overlaps(kind, [a], [b], size=(30, 40))[0, 0])


def test_points_are_the_same_within_three_percent_of_the_diagonal() -> None:
    size = (300, 400)  # 15 px are 3 %
    found = overlap.overlaps("point", [(0, 0)], [(0, 0), (0, 7.5), (0, 15), (9, 12.1), (100, 0)], size=size)
    assert np.allclose(found, [[1, 0.5, 0, 0, 0]])
    assert overlap.nearness([(0, 0)], [(0, 30)], size=size)[0, 0] == pytest.approx(-1)


def test_points_without_a_size_are_refused() -> None:
    with pytest.raises(BadInput, match="size is None"):
        overlap.overlaps("point", [(0, 0)], [(0, 0)])


def test_objects_of_different_kinds_overlap_by_the_boxes_around_them() -> None:
    class Shape:
        def __init__(self, kind: str, *at: float) -> None:
            self.kind, self.at = kind, at

    box, polygon, point = Shape("box", 0, 0, 2, 2), Shape("polygon", 0, 0, 2, 0, 2, 2), Shape("point", 1, 1)
    found = overlap.iou_of([box, polygon, point], [box, polygon, point], size=(100, 100))
    assert np.allclose(found, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_distances_are_symmetric_zero_for_the_same_and_at_most_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = boxes(rng, 4)
    for kind, ats in (("box", a.tolist()), ("polygon", [outline(box) for box in a]), ("point", a[:, :2].tolist())):
        found = overlap.distances(kind, ats, ats, size=(100, 100))
        assert np.allclose(found, found.T)
        assert np.allclose(np.diag(found), 0, atol=1e-9)
        assert ((found > -1e-9) & (found <= 1)).all()


def test_the_distance_of_polygons_takes_the_hull_around_both() -> None:
    square, far = (0, 0, 1, 0, 1, 1, 0, 1), (3, 0, 4, 0, 4, 1, 3, 1)
    assert overlap.distances("polygon", [square], [far])[0, 0] == pytest.approx(0.75)


def test_the_same_pixel_error_counts_more_on_a_small_box() -> None:
    small = overlap.pixel_error([[0, 0, 10, 10]], [[2, 2, 12, 12]])[0, 0]
    large = overlap.pixel_error([[0, 0, 100, 100]], [[2, 2, 102, 102]])[0, 0]
    assert small == pytest.approx(0.2)
    assert large == pytest.approx(0.02)


def test_the_best_scored_prediction_chooses_first() -> None:
    assert overlap.match_by_score([[0.6, 0.8], [0.1, 0.9]], [0.5, 0.7]).tolist() == [[1, -1], [1, -1]]


def test_an_ignored_object_is_paired_only_where_no_other_is_left_and_a_crowd_any_number_of_times() -> None:
    many = [[0.6, 0.9], [0.1, 0.9], [0.1, 0.9]]
    assert overlap.match_by_score(many, [0.5], ignored=[False, True]).tolist() == [[0, 1, -1]]
    assert overlap.match_by_score(many, [0.5], crowd=[False, True]).tolist() == [[0, 1, 1]]


def test_of_one_to_one_pairs_the_sum_of_overlaps_is_largest() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        worth = rng.random((4, 3))
        first, second = overlap.match_one_to_one(worth, 0.3)
        assert len(set(first)) == len(first) == len(set(second))
        kept = np.where(worth >= 0.3, worth, 0)
        best = max(sum(kept[row, column] for column, row in enumerate(rows))
                   for rows in itertools.permutations(range(4), 3))
        assert worth[first, second].sum() == pytest.approx(best)
        assert (worth[first, second] >= 0.3).all()


def test_nothing_overlaps_nothing() -> None:
    assert overlap.iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert overlap.match_by_score(np.zeros((2, 0)), [0.5]).tolist() == [[-1, -1]]
    assert overlap.match_one_to_one(np.zeros((0, 3)))[0].tolist() == []
    assert overlap.overlaps("polygon", [], []).shape == (0, 0)
