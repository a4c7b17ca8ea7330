"""Intervals hold the truth as often as they say, and agree with published figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scale import as_promised, tenth
from scipy.stats import beta, binom, multinomial

from hitl_widgets.errors import BadInput
from hitl_widgets.quality.intervals import (
    across,
    jeffreys,
    newcombe,
    of_median,
    student_mean,
    tango,
    wilson,
)


def test_wilson_agrees_with_newcombes_published_example():
    # Newcombe (1998), Statist. Med. 17:857, table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_jeffreys_is_the_middle_of_its_posterior():
    assert jeffreys(3, 10) == pytest.approx(beta(3.5, 7.5).ppf([0.025, 0.975]))


def test_the_paired_difference_agrees_with_published_examples():
    # Fagerland, Lydersen and Laake (2014), Statist. Med. 33:2850, airway hyper-responsiveness, Tango's score interval.
    assert tango(1, 1, 7, 12) == pytest.approx((-0.517, -0.026), abs=5e-4)
    # Tango (1999), Statist. Med. 18:3511, on Newcombe's table II: 36, 12, 2, 0.
    assert tango(36, 12, 2, 0) == pytest.approx((0.0611, 0.3447), abs=5e-5)


@pytest.mark.parametrize("interval", [jeffreys, wilson])
def test_nothing_counted_tells_nothing(interval):
    assert interval(0, 0) == (0, 1)
    assert tango(0, 0, 0, 0) == (-1, 1)


@pytest.mark.parametrize("interval", [jeffreys, wilson])
def test_all_or_none_reaches_the_end(interval):
    assert interval(0, 8)[0] == 0 < interval(0, 8)[1] < 1
    assert interval(8, 8)[1] == 1 > interval(8, 8)[0] > 0


@pytest.mark.parametrize("interval", [jeffreys, wilson])
@pytest.mark.parametrize("n", [20, 60, 200])
def test_one_share_is_held_as_often_as_promised(interval, n):
    # Exactly, by the binomial distribution: averaged over the truth these intervals keep their word.
    truths = np.linspace(0.05, 0.95, 37)
    ends = np.array([interval(k, n) for k in range(n + 1)])
    held = [(binom.pmf(np.arange(n + 1), n, p) * ((ends[:, 0] <= p) & (p <= ends[:, 1]))).sum() for p in truths]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)
    assert min(held) > 0.87


@pytest.mark.long
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("n", "n_differ"), [(20, 2), (40, 5), (40, 10), (40, 15), (100, 12), (60, 30)])
def test_a_paired_difference_is_held_as_often_as_promised(n, n_differ, share):
    """By Newcombe's method 10 it was held in 97.6 to 100 of 100, so that real gains were told as none."""
    first, second = share * n_differ / n, (1 - share) * n_differ / n
    held = 0.0  # exactly, by the multinomial distribution
    for only_first in range(n + 1):
        for only_second in range(n + 1 - only_first):
            chance = multinomial.pmf([only_first, only_second, n - only_first - only_second], n,
                                     [first, second, 1 - first - second])
            if chance > 1e-7:
                low, high = tango(n - only_first - only_second, only_first, only_second, 0)
                held += chance * (low <= first - second <= high)
    assert 0.93 <= held <= (0.975 if n_differ >= 10 else 1.0)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0.8, 0.95, 0.99]))
def test_what_was_counted_lies_inside(k, more, level):
    n = k + more
    for interval in (jeffreys, wilson):
        low, high = interval(k, n, level=level)
        assert 0 <= low <= (k / n if n else 0.5) <= high <= 1


@settings(deadline=None)
@given(*[st.integers(0, 200)] * 4)
def test_swapping_the_two_turns_the_difference_around(both, first, second, neither):
    low, high = tango(both, first, second, neither)
    n = both + first + second + neither
    assert -1 <= low <= ((first - second) / n if n else 0) + 1e-12
    assert tango(both, second, first, neither) == pytest.approx((-high, -low))


def test_counts_that_contradict_each_other_are_refused():
    for wrong in (lambda: jeffreys(3, 2), lambda: wilson(-1, 2), lambda: tango(1, -1, 0, 0),
                  lambda: jeffreys(1, 2, level=95)):
        with pytest.raises(BadInput):
            wrong()


def test_a_difference_agrees_with_newcombes_published_examples():
    # Newcombe (1998), Statist. Med. 17:873, table II, method 10.
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert newcombe(10, 10, 0, 20) == pytest.approx((0.6791, 1.0), abs=5e-5)
    assert newcombe(3, 4, 0, 0) == (-1, 1)


@pytest.mark.parametrize(("n_1", "n_2"), [(20, 20), (50, 25), (200, 100)])
def test_a_difference_is_held_as_often_as_promised(n_1, n_2):
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.1, 0.95, (2_000, 2))
    counts = zip(rng.binomial(n_1, truth[:, 0]), rng.binomial(n_2, truth[:, 1]), truth[:, 0] - truth[:, 1],
                 strict=True)
    held = np.mean([low <= difference <= high for k_1, k_2, difference in counts
                    for low, high in [newcombe(int(k_1), n_1, int(k_2), n_2)]])
    assert 0.93 <= held <= 0.97


@pytest.mark.long
@pytest.mark.parametrize("n_people", [2, 3, 5, 12])
def test_a_share_over_people_who_differ_is_held_as_often_as_promised(n_people):
    rng, hits, n_simulations = np.random.default_rng(1), [], tenth(2_000)
    for _ in range(n_simulations):
        mean, alike = rng.uniform(0.1, 0.95), rng.choice([0.003, 0.01, 0.03, 0.06, 0.1, 0.2])
        size = 1 / alike - 1
        n = rng.integers(20, 80, n_people)
        low, high = across(rng.binomial(n, rng.beta(mean * size, (1 - mean) * size, n_people)), n)
        hits.append(low <= mean <= high)
    assert as_promised(np.mean(hits), n_simulations)


def test_taking_people_who_differ_for_one_promises_too_much():
    rng, hits = np.random.default_rng(2), []
    for _ in range(500):
        k = rng.binomial(50, rng.beta(0.8 * 9, 0.2 * 9, 4))
        low, high = jeffreys(int(k.sum()), 200)
        hits.append(low <= 0.8 <= high)
    assert np.mean(hits) < 0.8


def test_people_who_differ_make_it_wider_and_one_person_stands_alone():
    alike, apart = across([40, 40, 40], [50, 50, 50]), across([50, 40, 30], [50, 50, 50])
    assert apart[1] - apart[0] > 1.3 * (alike[1] - alike[0])
    assert across([40], [50]) == across([40, 0], [50, 0]) == jeffreys(40, 50)
    assert across([0, 0], [9, 9])[0] == 0
    assert across([9, 9], [9, 9])[1] == 1


@pytest.mark.parametrize("n", [6, 9, 20, 100])
def test_a_median_is_held_as_often_as_promised(n):
    values = np.random.default_rng(0).lognormal(0, 0.7, (2_000, n))
    held = np.mean([low <= 1 <= high for low, high in map(of_median, values)])
    assert 0.93 <= held <= 0.97


def test_the_median_of_few_values_is_anything():
    assert of_median([1, 2, 3, 4, 5]) == (-np.inf, np.inf)
    assert of_median([]) == (-np.inf, np.inf)


def test_a_mean_has_students_interval():
    # Of 0.2, 0.4, 0.6: mean 0.4, standard error 0.2 / sqrt(3), t(2) = 4.3027, so 0.4 -+ 0.4968, cut off at 0.
    figure = student_mean([0.2, 0.4, math.nan, 0.6], within=(0, 1))
    assert (float(figure), figure.n, figure.low) == (pytest.approx(0.4), 3, 0)
    assert figure.high == pytest.approx(0.8968, abs=1e-4)
    assert student_mean([]).n == 0
    assert (student_mean([0.3], within=(0, 1)).low, student_mean([0.3], within=(0, 1)).high) == (0, 1)
