"""Shares of labels in a pool, where a strategy picked some of the answered items."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scale import tenth

from hitl_widgets.errors import ShapeError
from hitl_widgets.quality.pool_shares import shares_of_parts, shares_of_pool

simulate = runpy.run_path(str(Path(__file__).resolve().parents[2] / "benchmarks" / "label_shares.py"))["simulate"]


def test_each_draw_stands_for_what_was_open_and_what_was_answered_before_counts_as_it_is():
    # Pool of 6: the strategy asked for a "b", chance drew an "a" of the 5 left, the strategy asked for a "b", chance
    # drew a "b" of the 3 left. The first draw says 5 of "a", with weight 1/25; the second says 1, with weight 1/9.
    found = shares_of_pool([[0, 1], [1, 0], [0, 1], [0, 1]], [False, True, False, True], 2)
    share = (5 / 25 + 1 / 9) / (1 / 25 + 1 / 9) / 6
    assert found.shares == pytest.approx([share, 1 - share])
    assert found.worth == pytest.approx([36 * (1 / 25 + 1 / 9)] * 2)
    assert found.least == pytest.approx([1 / 6, 3 / 6])
    assert found.most == pytest.approx([3 / 6, 5 / 6])
    assert found.interval(0)[0] >= 1 / 6
    assert found.interval(0)[1] <= 3 / 6


@given(st.integers(0, 2**32 - 1))
def test_the_shares_are_exact_once_the_pool_is_used_up(seed):
    rng = np.random.default_rng(seed)
    on, by_chance = np.eye(3)[rng.integers(0, 3, 12)], rng.random(12) < 0.5
    found = shares_of_pool(on, by_chance, 0)
    assert found.towards(np.array([1.0, 0, 0]), 5.0) == pytest.approx(on.mean(axis=0))
    assert found.interval(0) == pytest.approx([on[:, 0].mean()] * 2)


def test_answers_that_say_nothing_of_a_label_are_as_open_for_it():
    found = shares_of_pool([[np.nan, 1], [1, 1], [0, 0]], [True, True, True], 0)
    assert found.least == pytest.approx([1 / 3, 2 / 3])
    assert found.most == pytest.approx([2 / 3, 2 / 3])
    assert found.shares[1] == pytest.approx(2 / 3)


def test_without_draws_by_chance_nothing_is_known_beyond_the_answers():
    found = shares_of_pool([[1, 0]], [False], 3)
    assert np.isnan(found.shares).all()
    assert found.interval(0) == (0.25, 1.0)
    assert found.towards(np.array([0.5, 0.5]), 10.0) == pytest.approx([0.5, 0.5])
    with pytest.raises(ShapeError, match="are expected"):
        shares_of_pool([[1, 0]], [False, True], 3)


def test_in_small_pools_that_are_mostly_answered_the_shares_are_right_and_the_interval_holds():
    """The label that a strategy asked for first was 0.05 too rare in pools that were nearly used up."""
    outcomes = [simulate(seed) for seed in range(tenth(500))]
    late = [one for one in outcomes if one.answered >= 0.9]
    assert abs(np.mean([one.liked for one in late])) < 0.015
    assert np.mean([one.error for one in late]) < 0.5 * np.mean([one.former_error for one in late])
    assert np.mean([one.held for one in outcomes]) >= 0.93


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12), st.integers(0, 9))
def test_a_pool_of_one_part_is_that_pool(answers, n_open):
    on, drawn = [[float(is_on), float(not is_on)] for is_on, _ in answers], [is_drawn for _, is_drawn in answers]
    on_ = np.array(on).reshape(-1, 2)
    whole, part = shares_of_pool(on_, drawn, n_open), shares_of_parts(on_, drawn, [0] * len(drawn), [n_open])
    assert part.worth == pytest.approx(whole.worth)
    assert (part.least, part.most) == (pytest.approx(whole.least), pytest.approx(whole.most))
    assert part.towards(np.array([0.3, 0.7]), 5.0) == pytest.approx(whole.towards(np.array([0.3, 0.7]), 5.0))


def test_parts_of_which_one_is_ahead_count_by_their_size():
    """The label's share is 0.5: 0.9 in one half of the pool, of which much is answered, and 0.1 in the other."""
    rng, n_pool = np.random.default_rng(0), 400
    means, held = [], 0
    for _ in range(200):
        on = np.concatenate([rng.random(n_pool // 2) < 0.9, rng.random(n_pool // 2) < 0.1])
        answered = np.concatenate([rng.choice(n_pool // 2, 120, replace=False),
                                   n_pool // 2 + rng.choice(n_pool // 2, 30, replace=False)])
        by_chance = rng.random(150) < 0.5
        part = (answered >= n_pool // 2).astype(int)
        found = shares_of_parts(on[answered][:, None].astype(float), by_chance, part, [80, 170])
        low, high = found.interval(0)
        means.append(found.shares[0] - on.mean())
        held += low <= on.mean() <= high
    assert abs(np.mean(means)) < 0.01
    assert held >= 180


def test_a_part_of_which_chance_drew_nothing_is_taken_to_be_like_the_others():
    on = [[1.0]] * 6 + [[0.0]] * 2
    found = shares_of_parts(on, [True] * 8, [0] * 8, [0, 8])
    assert found.shares.tolist() == [0.75]
    assert (found.least.tolist(), found.most.tolist()) == ([6 / 16], [14 / 16])
    assert np.isnan(shares_of_parts(on, [False] * 8, [0] * 8, [2, 6]).shares).all()
