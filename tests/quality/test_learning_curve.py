"""Does a learning curve promise what comes?"""

import math

import numpy as np
import pytest
from scale import as_promised, tenth

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.learning_curve import (
    BENDS,
    BEYOND,
    EXPONENTS,
    STRAY,
    answers_left,
    expected_gain,
    points_of,
    points_of_rounds,
)


def held(curves, *, n_simulations, correlation=0.0, seed=0):
    """How many intervals hold the gain of the next model, over curves drawn by `curves(rng, answers)`."""
    rng, hits, n = np.random.default_rng(seed), 0, 0
    while n < n_simulations:
        answers = int(rng.choice([20, 50])) * np.arange(1, rng.integers(3, 9))
        curve, stray = curves(rng, answers)
        if curve(answers[0]) < 0.05:
            continue
        true, then = (np.clip(curve(at) + stray * rng.normal(size=np.shape(at)), 0.001, 0.999)
                      for at in (answers.astype(float), answers[-1] + 50.0))
        m = int(rng.choice([60, 150, 400]))
        gain = expected_gain(answers, rng.binomial(m, true), np.full(len(answers), m), correlation=correlation)
        hits += gain.low <= then - true[-1] <= gain.high
        n += 1
    return hits / n


def as_assumed(rng, answers):
    now, c, stray = rng.uniform(0.4, 0.95), rng.choice(EXPONENTS), rng.choice(STRAY)
    gap, bend = (1 - rng.choice(BEYOND)) * (1 - now), rng.choice(BENDS) * answers[-1]
    return lambda at: now + gap * (1 - ((at + bend) / (answers[-1] + bend)) ** -c), stray


def exponential(rng, answers):
    a, b, slow = rng.uniform(0.6, 0.98), rng.uniform(0.2, 0.6), rng.uniform(40, 300)
    return lambda at: a - b * np.exp(-at / slow), 0.01


def test_the_interval_of_the_next_gain_holds_it_as_often_as_promised():
    n = tenth(2_000)
    assert as_promised(held(as_assumed, n_simulations=n), n)


def test_curves_of_another_form_are_held_nearly_as_often():
    n = tenth(500)
    assert held(exponential, n_simulations=n) >= (0.9 if n == 500 else 0.86)  # three standard errors of 50 below 0.95


def test_a_flat_curve_promises_little_and_a_steep_one_much():
    flat = expected_gain([50, 100, 150, 200], [180, 181, 180, 181], [200] * 4)
    steep = expected_gain([50, 100, 150, 200], [80, 104, 120, 132], [200] * 4)
    assert flat.value < 0.01 < 0.025 < steep.value
    assert flat.low <= 0 <= flat.high < 0.05


def test_one_round_tells_less_than_four():
    one = expected_gain([50], [140], [200])
    four = expected_gain([20, 30, 40, 50], [120, 130, 136, 140], [200] * 4)
    assert one.high - one.low > 1.5 * (four.high - four.low)


def test_more_measuring_items_narrow_it():
    few, many = (expected_gain([50, 100, 200], np.array([0.7, 0.7, 0.7]) * m, [m] * 3) for m in (40, 4_000))
    assert many.high - many.low < 0.75 * (few.high - few.low)


def test_what_cannot_be_a_curve_is_refused():
    with pytest.raises(BadInput, match="a model that learnt"):
        expected_gain([], [], [])
    with pytest.raises(BadInput, match="a model that learnt"):
        expected_gain([50], [3], [0])
    with pytest.raises(ShapeError, match="one number per model"):
        expected_gain([50, 100], [3], [4])


def on_the_same_items(accuracies, n_items, rng):
    """Which items each model got right: one that a worse model got right, a better one mostly does, too."""
    hard, luck = rng.random(n_items), rng.random((len(accuracies), n_items))
    own = rng.random((len(accuracies), n_items)) < 0.2
    return np.where(own, luck, hard) < np.asarray(accuracies)[:, None]


def test_the_number_of_answers_left_lies_in_its_interval_as_often_as_promised():
    """Where the interval begins at 0 or doesn't end it holds more than promised, never less."""
    rng, answers, hits, n = np.random.default_rng(3), np.array([20, 40, 60, 80, 100]), 0, 0
    while n < 60:
        curve, stray = [as_assumed, exponential][n % 2](rng, answers)
        true = np.clip(curve(answers.astype(float)) + stray * rng.normal(size=5), 0.001, 0.999)
        if true[0] < 0.05:
            continue
        further = np.arange(1, 3_001)
        later = curve(100.0 + further)
        goal = float(np.clip(curve(100.0) + rng.uniform(-0.1, 1.2) * (later[-1] - curve(100.0)), 0.01, 0.99))
        reached = np.flatnonzero(later >= goal)
        left = 0 if curve(100.0) >= goal else further[reached[0]] if len(reached) else math.inf
        right = on_the_same_items(true, int(rng.choice([50, 200, 1_000])), rng)
        told = answers_left(points_of(answers, right), goal, most=3_000)
        hits += told.low - 1 <= left <= told.high + 1
        n += 1
    assert hits / n >= 0.87  # three standard errors of 60 below 0.95


def points(*accuracies, n=2_000, answers=(50, 100, 200)):
    return points_of(list(answers), np.arange(n) < np.array(accuracies)[:, None] * n)


def test_a_goal_that_is_reached_needs_no_answer():
    told = answers_left(points(0.7, 0.8, 0.85), 0.7, most=1_000)
    assert (told.value, told.low, told.high, told.n) == (0, 0, 0, 2_000)
    assert "probably reached, 0 answers left" in repr(told)


def test_a_goal_above_where_the_curve_levels_off_is_not_within_reach():
    told = answers_left(points(0.7, 0.72, 0.722, 0.722, answers=(50, 200, 400, 800)), 0.95, most=1_000)
    assert math.isinf(told)
    assert math.isinf(told.high)
    assert 0.7 < told.levels_off.low <= told.levels_off.value <= told.levels_off.high < 0.85
    assert "not within reach of the 1,000 answers that are left" in repr(told)
    assert f"{told.levels_off.value:.3f}" in repr(told)


def test_a_higher_goal_needs_more_answers_and_a_smaller_pool_reaches_less():
    low, high = (answers_left(points(0.7, 0.8, 0.85), goal, most=5_000) for goal in (0.87, 0.9))
    assert 0 < low.value < high.value
    assert low.low <= high.low
    assert math.isinf(answers_left(points(0.7, 0.8, 0.85), 0.9, most=20))


def test_an_end_that_is_not_known_is_put_into_words():
    told = answers_left(points(0.7, 0.8, 0.85, n=60), 0.9, most=5_000)
    assert math.isinf(told.high)
    assert "to more than 5,000" in repr(told)


def test_points_on_the_same_items_share_their_error():
    """Five points on 50 items tell hardly more of the accuracy now than the last one alone."""
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random((1, 50)) < 0.8, 5, axis=0)
    five = answers_left(points_of([20, 40, 60, 80, 100], right), 0.9, most=1_000).now
    one = answers_left(points_of([100], right[:1]), 0.9, most=1_000).now
    assert five.high - five.low > 0.8 * (one.high - one.low)


def test_items_of_groups_tell_less():
    right = np.arange(600) < np.array([[420], [480], [510]])
    alone, grouped = (answers_left(points_of([50, 100, 200], right, effect=effect), 0.9, most=5_000).now
                      for effect in (1.0, 6.0))
    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)


def test_rounds_of_which_only_counts_are_known_have_points_too():
    told = answers_left(points_of_rounds([50, 100, 200], [700, 800, 850], [1_000] * 3, correlation=0.5), 0.87,
                        most=5_000)
    assert 0 < told.value < 1_000


@pytest.mark.parametrize("goal", [0.0, 1.0, -1.0, 2.0, math.nan])
def test_a_goal_that_is_no_share_is_refused(goal):
    with pytest.raises(BadInput, match="above 0 and below 1"):
        answers_left(points(0.7, 0.8, 0.85), goal, most=10)


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="one row a model"):
        points_of([50], np.ones((2, 3), bool))
    with pytest.raises(BadInput, match="a model that learnt"):
        points_of([50], np.ones((1, 0), bool))
