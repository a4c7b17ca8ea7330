"""Items chosen for their embeddings are typical, or far from all others; groups hold items that look alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets.errors import ShapeError
from hitl_widgets.sampling.diversity import groups_of_alike, k_centre, typiclust


def chosen(scores):
    """Places of the items chosen, first to last."""
    order = np.argsort(-np.nan_to_num(scores, nan=-1))
    return order[:np.isfinite(scores).sum()].tolist()


def farthest_first(points, labelled, n):
    """What k-centre means, step by step."""
    near, found = ((points[:, None] - labelled[None]) ** 2).sum(axis=2).min(axis=1), []
    for _ in range(n):
        found.append(int(near.argmax()))
        near = np.minimum(near, ((points - points[found[-1]]) ** 2).sum(axis=1))
    return found


def test_k_centre_takes_the_farthest_each_time():
    # From 0: first 10, then 4 (4 away from 0, 6 from 10), then 7 (3 away from both 4 and 10).
    points = np.array([[1.0], [4.0], [7.0], [10.0], [9.0]])
    assert chosen(k_centre(points, np.array([[0.0]]), n=3)) == [3, 1, 2]


def test_without_labels_k_centre_begins_in_the_middle():
    assert chosen(k_centre(np.array([[0.0], [5.0], [4.0], [10.0], [6.0]]), n=2)) in ([1, 0], [1, 3])


@settings(deadline=None)
@given(st.integers(0, 1_000))
def test_the_lazy_choice_is_the_greedy_choice(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(int(rng.integers(300, 900)), int(rng.integers(1, 9)))) * 10.0 ** rng.integers(-3, 4)
    labelled = points[:int(rng.integers(1, 5))]
    assert chosen(k_centre(points, labelled, n=30)) == farthest_first(points, labelled, 30)


def blobs(sizes, *, seed=0, spread=0.1):
    rng = np.random.default_rng(seed)
    middles = 10 * np.eye(len(sizes))
    which = np.repeat(np.arange(len(sizes)), sizes)
    return middles[which] + spread * rng.normal(size=(len(which), len(sizes))), which


def test_typical_items_come_one_from_each_cluster_the_largest_first():
    points, which = blobs([30, 60, 90])
    assert which[chosen(typiclust(points, n=3))].tolist() == [2, 1, 0]


def test_a_cluster_that_has_a_label_waits_until_all_have_one():
    points, which = blobs([30, 60, 90])
    assert which[chosen(typiclust(points[1:], points[which == 2][:1], n=2))].tolist() == [1, 0]


def test_the_typical_item_of_a_cluster_lies_where_its_neighbours_are_nearest():
    # A dense spot of 21 and a thin ring around it: whatever is chosen lies in the spot.
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 60)
    points = np.concatenate([rng.normal(0, 0.01, (21, 2)), 3 * np.stack([np.cos(angle), np.sin(angle)], 1)])
    assert chosen(typiclust(points, n=1))[0] < 21


def test_outliers_are_not_typical():
    points, which = blobs([50, 50, 2])
    assert 2 not in which[chosen(typiclust(points, n=2))]


@pytest.mark.parametrize("strategy", [k_centre, typiclust])
def test_an_item_that_is_not_known_is_not_chosen(strategy):
    points, _ = blobs([20, 20])
    points[3] = np.nan
    scores = strategy(points, points[:4], n=100)
    assert np.isnan(scores[3])
    assert np.isfinite(scores).sum() == 39


@pytest.mark.parametrize("strategy", [k_centre, typiclust])
@pytest.mark.parametrize("points", [np.zeros((6, 2)), np.full((6, 2), np.nan), np.zeros((0, 2)), np.zeros((1, 2))])
def test_items_that_all_look_alike_or_are_not_there_do_no_harm(strategy, points):
    scores = strategy(points, points[:1], n=4)
    assert np.isfinite(scores).sum() == min(4, np.isfinite(points).all(axis=1).sum())


@pytest.mark.parametrize("strategy", [k_centre, typiclust])
def test_other_features_are_refused(strategy):
    with pytest.raises(ShapeError, match=r"\(5, 3\).*\(1, 2\)"):
        strategy(np.zeros((5, 3)), np.zeros((1, 2)), n=1)


def test_the_same_generator_chooses_the_same():
    points = np.random.default_rng(0).normal(size=(500, 4))
    one, two = (typiclust(points, n=9, rng=np.random.default_rng(3)) for _ in range(2))
    assert chosen(one) == chosen(two)


def test_what_looks_alike_lies_in_one_group():
    rng = np.random.default_rng(0)
    kinds = np.repeat(np.arange(4), 10)
    features = np.eye(4)[kinds] * 5 + rng.normal(scale=0.3, size=(40, 4))
    groups = groups_of_alike(features, size=10)
    assert sorted(sorted(set(kinds[group])) for group in groups) == [[0], [1], [2], [3]]
    assert sorted(np.concatenate(groups)) == list(range(40))


@pytest.mark.parametrize(("features", "sizes"), [
    (np.empty((0, 3)), []), (np.ones((5, 3)), [5]), (np.empty((4, 0)), [4]), (np.eye(3), [3])])
def test_few_or_equal_items_are_one_group(features, sizes):
    assert [len(group) for group in groups_of_alike(features)] == sizes


def test_items_that_can_not_be_read_come_last():
    features = np.vstack([np.eye(3), np.full((2, 3), np.nan)])
    assert groups_of_alike(features)[-1].tolist() == [3, 4]


def test_thousands_of_items_make_80_groups_at_most():
    features = np.random.default_rng(0).normal(size=(3_000, 5))
    groups = groups_of_alike(features, size=10)
    assert 40 <= len(groups) <= 80
    assert sorted(np.concatenate(groups)) == list(range(3_000))
    assert all((a == b).all() for a, b in zip(groups, groups_of_alike(features, size=10), strict=True))


def test_features_that_are_no_table_are_refused():
    with pytest.raises(ShapeError, match=r"\(3,\)"):
        groups_of_alike(np.ones(3))


@pytest.mark.parametrize("strategy", [typiclust, k_centre])
def test_items_without_any_feature_are_all_alike_and_still_asked(strategy):
    scores = strategy(np.zeros((30, 0), np.float32), np.zeros((2, 0), np.float32), n=5)
    assert np.count_nonzero(~np.isnan(scores)) == 5
