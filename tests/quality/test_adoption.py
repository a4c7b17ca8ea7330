"""A new model is adopted where it got more items right, and not otherwise."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scale import WHOLE

from hitl_widgets.quality.adoption import better, better_sets, better_values

spec = importlib.util.spec_from_file_location("adoption", Path(__file__).parents[2] / "benchmarks" / "adoption.py")
benchmark = importlib.util.module_from_spec(spec)
spec.loader.exec_module(benchmark)


def right(n_right, n=40):
    return np.arange(n) < n_right


@pytest.mark.parametrize(("new", "adopted", "best", "expected", "words"), [
    (31, 30, None, True, "1 of 40 items more right than the former model; can't be told apart at n = 40"),
    (40, 20, None, True, "20 of 40 items more right than the former model"),
    (30, 30, None, False, "as many of 40 items right"),
    (29, 30, None, False, "1 of 40 items fewer right"),
    (31, 30, 33, False, "2 fewer than the best one so far"),
    (33, 30, 33, True, "3 of 40 items more right")])
def test_the_point_estimate_decides_against_the_adopted_and_the_best_model(new, adopted, best, expected, words):
    verdict = better(right(new), right(adopted), None if best is None else right(best))
    assert verdict.adopted is expected
    assert words in verdict.why


def test_what_is_beyond_doubt_is_not_called_doubtful():
    assert "told apart" not in better(right(40), right(20)).why
    assert "told apart" not in better(right(20), right(40)).why


def test_without_items_a_model_is_adopted_as_not_measured():
    verdict = better(right(0, 0), right(0, 0))
    assert (verdict.adopted, verdict.why) == (True, "not measured")


@pytest.mark.parametrize("n_items", [60, 150, 350])
def test_eight_models_that_are_each_a_little_worse_lose_little(n_items):
    """Each was held against the last only, and adopted unless shown to be worse: 11 to 22 points were lost."""
    n = 1000 if WHOLE else 100
    assert benchmark.points_lost(benchmark.by_points, n_items, n=n) <= 4
    assert benchmark.points_lost(benchmark.unless_shown_worse, n_items, n=10) > 8


def test_of_sets_the_higher_macro_f1_is_adopted_unless_the_best_was_higher():
    truth = np.repeat([[1, 0], [0, 1], [1, 1]], 20, axis=0)
    half, most = truth.copy(), truth.copy()
    half[:15] = half[25:35] = 0
    most[:5] = 0
    assert better_sets(truth, most, half).adopted
    assert not better_sets(truth, half, most).adopted
    assert not better_sets(truth, most, most).adopted
    held = better_sets(truth, most, half, best=truth)
    assert not held.adopted
    assert "lower than of the best one so far" in held.why
    assert better_sets(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))).why == "not measured"


def test_of_sets_right_decisions_decide_where_no_item_has_a_label():
    truth = np.zeros((30, 2))
    assert better_sets(truth, truth, np.ones((30, 2))).adopted
    assert not better_sets(truth, np.ones((30, 2)), truth).adopted


def test_of_values_the_smaller_error_is_adopted_unless_the_best_was_smaller():
    small, large = np.full(40, 0.5), np.linspace(0.5, 1.5, 40)
    assert better_values(small, large).adopted
    assert not better_values(large, small).adopted
    assert "higher than of the best one so far" in better_values(small, large, np.full(40, 0.1)).why
    assert better_values(small + np.tile([0.3, -0.31], 20), small).why.endswith("can't be told apart at n = 40")
    assert better_values([], []).why == "not measured"
