"""Does a learning curve promise what comes?"""

import numpy as np
import pytest
from scale import as_promised, tenth

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.learning_curve import BENDS, BEYOND, EXPONENTS, STRAY, expected_gain


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
    with pytest.raises(ShapeError, match="one number a model"):
        expected_gain([50, 100], [3], [4])
