"""What may be presumed is as good as it is said to be, and the interval of its error holds the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from hitl_widgets.errors import BadInput
from hitl_widgets.sampling.acceptance import LOOKS, TAIL, assess, check_order, presumable
from hitl_widgets.sampling.relabel_order import RelabelOrder, order

# -- what is presumed ----------------------------------------------------------------------------------------

def ranked(probs):
    probs = np.asarray(probs, np.float32)
    n = len(probs)
    return RelabelOrder(rows=np.arange(n), probs=probs, why=("doubt",) * n, modelled=np.ones(n, bool))


def test_as_much_is_presumed_as_the_tolerance_allows():
    said = ranked([[0.99, 0.01], [0.5, 0.5], [0.06, 0.94], [0.85, 0.15]])
    assert presumable(said, tolerance=3 * 0.04).tolist() == [0, 2]       # 0.01 and 0.06: 0.035 a label
    assert presumable(said, tolerance=3 * 0.0735).tolist() == [0, 2, 3]  # and 0.15: 0.0733
    assert presumable(said, tolerance=0.001).tolist() == []


def test_nothing_is_presumed_before_there_is_a_probe():
    features = np.random.default_rng(0).normal(size=(80, 2))
    assert presumable(order(features, np.ones((80, 2), bool), np.full(80, -1))).tolist() == []


def test_the_order_of_the_checks_is_random():
    rows = np.array([8, 3, 5, 9])
    assert sorted(check_order(rows, seed=1)) == [3, 5, 8, 9]
    np.testing.assert_array_equal(check_order(rows, seed=1), check_order(rows[::-1], seed=1))
    assert len({tuple(check_order(rows, seed=seed)) for seed in range(200)}) == 24


# -- how wrong it is -----------------------------------------------------------------------------------------

def test_nothing_is_said_before_thirty_checks():
    said = assess([True] * 29, 400)
    assert (said.verdict, said.n_needed, said.error.low, said.error.high) == ("more", 1, 0, 1)
    assert "before 1 checks" in repr(said)


def test_checks_between_two_looks_change_nothing():
    wrong = np.zeros(60, bool)
    wrong[[3, 35]] = True
    at_the_look = assess(wrong[:30], 400, tolerance=0.06)
    between = assess(wrong[:59], 400, tolerance=0.06)
    assert (at_the_look.verdict, at_the_look.n_needed, between.n_needed) == ("more", 30, 1)
    assert (between.error.low, between.error.high) == (at_the_look.error.low, at_the_look.error.high)
    assert between.n_wrong == 1
    assert assess(wrong, 400, tolerance=0.06).n_wrong == 2


def test_the_first_look_that_decides_stands():
    early = assess([False] * 30, 400, tolerance=0.1)
    assert early.verdict == "good"
    assert assess([False] * 30 + [True] * 30, 400, tolerance=0.1) == early
    assert assess([True] * 15 + [False] * 15, 400, tolerance=0.1).verdict == "bad"


def test_what_is_undecided_after_the_last_look_is_not_good_enough():
    wrong = np.zeros(120, bool)
    wrong[::20] = True
    said = assess(wrong, 4_000, tolerance=0.05)
    assert (said.verdict, said.n_checked, said.n_needed) == ("bad", 120, 0)
    assert said.error.low < 0.05 < said.error.high


def test_where_all_were_checked_nothing_is_left_to_be_wrong():
    said = assess([True] + [False] * 11, 12)
    assert (said.verdict, said.n_presumed, said.error.low, said.error.high) == ("good", 0, 0, 0)


@pytest.mark.parametrize(("wrong", "n", "tolerance", "message"), [
    ([True] * 5, 4, 0.05, "5 checks of 4 labels"), ([], 40, 0, "tolerance is 0"), ([], 40, 1.0, "tolerance is 1.0")])
def test_what_cannot_be_estimated_is_refused(wrong, n, tolerance, message):
    with pytest.raises(BadInput, match=message):
        assess(wrong, n, tolerance=tolerance)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 500), st.lists(st.booleans(), max_size=150))
def test_an_estimate_lies_in_its_interval(n, wrong):
    said = assess(wrong[:n], n)
    assert 0 <= said.error.low <= said.error.high <= 1
    assert said.n_checked in (0, *LOOKS, n)
    if said.n_checked and said.n_presumed:
        assert said.n_checked + said.n_presumed == n
    assert (said.n_needed > 0) == (said.verdict == "more")


def outcomes(n_presumed, n_wrong, tolerance):
    """Every course that checking may take, until it is told to stop: its probability, and what is said then.

    Only the counts at the looks matter: a tree of them, each with its hypergeometric probability.
    """
    def grow(counts, probability, checked):
        wrong = np.concatenate([[True] * k + [False] * (n - k) for k, n in counts]) if counts else []
        said = assess(wrong, n_presumed, tolerance=tolerance)
        if not said.n_needed:
            yield probability, said, n_wrong - sum(k for k, _ in counts)
            return
        found, size = sum(k for k, _ in counts), said.n_needed
        chances = hypergeom.pmf(np.arange(size + 1), n_presumed - checked, n_wrong - found, size)
        for k in np.flatnonzero(chances * probability > 2e-5):
            yield from grow([*counts, (int(k), size)], probability * chances[k], checked + size)
    yield from grow([], 1.0, 0)


@pytest.mark.parametrize("tolerance", [0.05, 0.1])
def test_the_interval_at_which_one_stops_holds_the_truth_in_93_to_97_of_100(tolerance):
    covered, false = [], []
    for n_wrong in range(2, 61, 6):  # 0.7 to 20 % of 300
        said = list(outcomes(300, n_wrong, tolerance))
        assert sum(p for p, *_ in said) == pytest.approx(1, abs=0.01)
        covered.append(sum(p for p, e, left in said
                           if e.error.low <= left / e.n_presumed + 1e-9 <= e.error.high + 2e-9))
        if n_wrong / 300 > tolerance + 0.001:
            false.append(sum(p for p, e, left in said if e.verdict == "good" and left / e.n_presumed > tolerance))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert max(false) < 0.06


@pytest.mark.long
@pytest.mark.parametrize(("n_presumed", "tolerance"), [(300, 0.05), (2_000, 0.05), (2_000, 0.1), (10_000, 0.15)])
def test_good_is_said_of_labels_beyond_the_tolerance_no_oftener_than_the_three_looks_add_up_to(n_presumed, tolerance):
    """The page said less than 6 of 100, which holds for 300 labels; three looks of 2.75 % make 8.25."""
    false = []
    for beyond in (1.001, 1.03, 1.1, 1.3):
        n_wrong = int(np.ceil(beyond * tolerance * n_presumed)) + 1
        false.append(sum(p for p, said, left in outcomes(n_presumed, n_wrong, tolerance)
                         if said.verdict == "good" and left / said.n_presumed > tolerance))
    assert max(false) < 3 * TAIL
    if (n_presumed, tolerance) == (10_000, 0.15):
        assert 0.08 < max(false) < 0.083
