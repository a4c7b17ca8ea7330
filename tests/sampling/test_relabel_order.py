"""After an edit the fewest items are asked again, and what is presumed of the rest is as good as it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import Gallery
from scipy.stats import hypergeom

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.items.features import Pixels
from hitl_widgets.items.features import features as blocks
from hitl_widgets.sampling.relabel_order import LOOKS, Order, alike, drawn, estimate, order, presume


def clouds(*centres, n=40, spread=0.4, seed=0):
    """Points around centres, and which centre each belongs to."""
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.normal(centre, spread, (n, len(centre))) for centre in centres])
    return points, np.repeat(np.arange(len(centres)), n)


def ask(features, candidates, truth, n, *, step=5):
    """The order after n answers that were asked for in its own order."""
    answers = np.full(len(truth), -1)
    while (answers >= 0).sum() < n:
        rows = order(features, candidates, answers).rows[:step]
        answers[rows] = truth[rows]
    return order(features, candidates, answers), answers


# -- in which order ------------------------------------------------------------------------------------------

def test_the_first_items_are_typical_and_no_cluster_is_left_out():
    features, kinds = clouds((0, 0), (9, 0), (0, 9), (9, 9), n=30)
    said = order(features, np.ones((120, 4), bool), np.full(120, -1))
    assert set(said.why) == {"typical"}
    assert set(kinds[said.rows[:20]]) == {0, 1, 2, 3}
    centres = np.array([(0, 0), (9, 0), (0, 9), (9, 9)])
    away = np.linalg.norm(features - centres[kinds], axis=1)
    assert away[said.rows[:20]].mean() < away.mean()


def test_examples_that_were_named_come_before_all_else():
    features, _ = clouds((0, 0), (9, 9))
    said = order(features, np.ones((80, 2), bool), np.full(80, -1), examples=[70, 3])
    assert set(said.rows[:2]) == {70, 3}
    assert said.why[:3] == ("example", "example", "typical")


def test_with_five_answers_a_label_doubtful_items_come_first():
    features, kinds = clouds((0, 0), (3, 0), spread=0.8)
    said, answers = ask(features, np.ones((80, 2), bool), kinds, 10)
    assert set(said.why) == {"doubt"}
    middle = np.abs(features[:, 0] - 1.5)
    assert middle[said.rows[:8]].mean() < 0.5 * middle[said.rows].mean()
    assert set(said.rows) == set(np.flatnonzero(answers < 0))


def test_the_head_finds_what_is_plain():
    features, kinds = clouds((0, 0), (4, 0), (0, 4))
    said, _ = ask(features, np.ones((120, 3), bool), kinds, 15)
    assert (said.probs.argmax(axis=1) == kinds).mean() > 0.97
    assert said.told.all()


def test_only_candidates_get_probability_and_answers_get_all_of_it():
    features, kinds = clouds((0, 0), (4, 0), (0, 4))
    candidates = np.ones((120, 3), bool)
    candidates[kinds == 0, 2] = False
    said, answers = ask(features, candidates, kinds, 30)
    assert (said.probs[~candidates] == 0).all()
    np.testing.assert_allclose(said.probs.sum(axis=1), 1, atol=1e-6)
    assert (said.probs[answers >= 0, answers[answers >= 0]] == 1).all()


def test_families_of_labels_take_turns_and_have_heads_of_their_own():
    features, kinds = clouds((0, 0), (4, 0), (50, 0), (54, 0))
    candidates = np.zeros((160, 4), bool)
    candidates[:80, :2] = candidates[80:, 2:] = True
    answers = np.full(160, -1)
    answers[:80:5] = kinds[:80:5]
    said = order(features, candidates, answers)
    assert (said.told[:80].all(), said.told[80:].any()) == (True, False)
    np.testing.assert_allclose(said.probs[80:, 2:], 0.5)
    assert 5 <= (said.rows[:20] < 80).sum() <= 15


def test_an_answer_that_was_no_candidate_stands_and_teaches_nothing():
    features, kinds = clouds((0, 0), (4, 0), (50, 0), (54, 0))
    candidates = np.zeros((160, 4), bool)
    candidates[:80, :2] = candidates[80:, 2:] = True
    answers = np.where(np.arange(160) % 4 == 0, kinds, -1)
    without = order(features, candidates, answers)
    answers[1] = 3
    said = order(features, candidates, answers)
    assert said.probs[1].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(np.delete(said.probs, 1, 0), np.delete(without.probs, 1, 0))


def test_what_cannot_be_read_comes_last_and_all_its_candidates_stay_open():
    features, kinds = clouds((0, 0), (4, 0))
    features[[5, 50]] = np.nan
    for answers in (np.full(80, -1), np.where(np.arange(80) % 4 == 0, kinds, -1)):
        said = order(features, np.ones((80, 2), bool), answers)
        assert set(said.rows[-2:]) == {5, 50}
        assert said.probs[5].tolist() == [0.5, 0.5]


def test_an_item_with_one_candidate_left_is_known():
    features, kinds = clouds((0, 0), (4, 0))
    candidates = np.ones((80, 2), bool)
    candidates[7, 1] = False
    assert order(features, candidates, np.where(np.arange(80) % 4 == 0, kinds, -1)).probs[7].tolist() == [1, 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_items_can_be_ordered(n):
    said = order(np.zeros((n, 3)), np.ones((n, 4), bool), np.full(n, -1))
    assert sorted(said.rows) == list(range(n))


def test_items_that_are_all_alike_can_be_ordered():
    said = order(np.zeros((40, 3)), np.ones((40, 2), bool), np.where(np.arange(40) < 12, np.arange(40) % 2, -1))
    np.testing.assert_allclose(said.probs[12:], 0.5, atol=0.05)


@pytest.mark.parametrize(("candidates", "answers", "message"), [
    (np.ones((3, 2)), [0, -1], "answers \\(2,\\)"),
    (np.zeros((3, 2)), [-1] * 3, "rows \\[0, 1, 2\\] have no candidate"),
    (np.ones((3, 2)), [2, -1, -1], "from -1 to 2")])
def test_arrays_that_do_not_fit_are_refused(candidates, answers, message):
    with pytest.raises(ShapeError, match=message):
        order(np.zeros((3, 1)), candidates, answers)


def test_the_order_asks_for_fewer_answers_than_chance_on_real_clothes(shared_data):
    data = np.load(shared_data / "fashion_mnist" / "fashion_dev.npz")
    chosen = np.flatnonzero(np.isin(data["labels"], (5, 7, 9)))[::3]
    truth = np.searchsorted((5, 7, 9), data["labels"][chosen])
    gallery = Gallery(data["images"][chosen])
    seen = [Pixels(gallery, edges=edges).of(range(len(chosen))) for edges in (False, True)]
    features = blocks(*seen)
    candidates, chance = np.ones((len(truth), 3), bool), np.random.default_rng(0).permutation(len(truth))
    by_doubt, _ = ask(features, candidates, truth, 80)
    by_chance = order(features, candidates, np.where(np.isin(np.arange(len(truth)), chance[:80]), truth, -1))
    right = [(said.probs.argmax(axis=1) == truth).mean() for said in (by_doubt, by_chance)]
    assert right[0] > right[1] + 0.02


# -- neighbours ----------------------------------------------------------------------------------------------

def test_neighbours_of_any_example_come_after_those_that_were_flagged():
    features = np.array([[0.0], [10.0], [0.2], [10.1], [5.0], [np.nan], [0.5]])
    assert alike(features, [0, 1], n=3, first=[5, 4]).tolist() == [4, 5, 3, 2, 6]
    assert alike(features, [], n=3, first=[4]).tolist() == [4]
    assert alike(features, [5], n=3).tolist() == []


# -- what is presumed ----------------------------------------------------------------------------------------

def told(probs):
    probs = np.asarray(probs, np.float32)
    n = len(probs)
    return Order(rows=np.arange(n), probs=probs, why=("doubt",) * n, told=np.ones(n, bool))


def test_as_much_is_presumed_as_the_tolerance_allows():
    said = told([[0.99, 0.01], [0.5, 0.5], [0.06, 0.94], [0.85, 0.15]])
    assert presume(said, tolerance=3 * 0.04).tolist() == [0, 2]       # 0.01 and 0.06: 0.035 a label
    assert presume(said, tolerance=3 * 0.0735).tolist() == [0, 2, 3]  # and 0.15: 0.0733
    assert presume(said, tolerance=0.001).tolist() == []


def test_nothing_is_presumed_before_a_head_spoke():
    features, _ = clouds((0, 0), (9, 9))
    assert presume(order(features, np.ones((80, 2), bool), np.full(80, -1))).tolist() == []


def test_what_is_drawn_to_be_checked_is_a_random_order_of_it():
    rows = np.array([8, 3, 5, 9])
    assert sorted(drawn(rows, seed=1)) == [3, 5, 8, 9]
    np.testing.assert_array_equal(drawn(rows, seed=1), drawn(rows[::-1], seed=1))
    assert len({tuple(drawn(rows, seed=seed)) for seed in range(200)}) == 24


# -- how wrong it is -----------------------------------------------------------------------------------------

def test_nothing_is_said_before_thirty_checks():
    said = estimate([True] * 29, 400)
    assert (said.verdict, said.n_needed, said.low, said.high) == ("more", 1, 0, 1)
    assert "before 1 checks" in repr(said)


def test_checks_between_two_looks_change_nothing():
    wrong = np.zeros(60, bool)
    wrong[[3, 35]] = True
    at_the_look = estimate(wrong[:30], 400, tolerance=0.06)
    between = estimate(wrong[:59], 400, tolerance=0.06)
    assert (at_the_look.verdict, at_the_look.n_needed, between.n_needed) == ("more", 30, 1)
    assert (between.low, between.high, between.n_wrong) == (at_the_look.low, at_the_look.high, 1)
    assert estimate(wrong, 400, tolerance=0.06).n_wrong == 2


def test_the_first_look_that_decides_stands():
    early = estimate([False] * 30, 400, tolerance=0.1)
    assert early.verdict == "good"
    assert estimate([False] * 30 + [True] * 30, 400, tolerance=0.1) == early
    assert estimate([True] * 15 + [False] * 15, 400, tolerance=0.1).verdict == "bad"


def test_what_is_undecided_after_the_last_look_is_not_good_enough():
    wrong = np.zeros(120, bool)
    wrong[::20] = True
    said = estimate(wrong, 4_000, tolerance=0.05)
    assert (said.verdict, said.n_checked, said.n_needed) == ("bad", 120, 0)
    assert said.low < 0.05 < said.high


def test_where_all_were_checked_nothing_is_left_to_be_wrong():
    said = estimate([True] + [False] * 11, 12)
    assert (said.verdict, said.n_presumed, said.low, said.high) == ("good", 0, 0, 0)


@pytest.mark.parametrize(("wrong", "n", "tolerance", "message"), [
    ([True] * 5, 4, 0.05, "5 checks of 4 labels"), ([], 40, 0, "tolerance is 0"), ([], 40, 1.0, "tolerance is 1.0")])
def test_what_cannot_be_estimated_is_refused(wrong, n, tolerance, message):
    with pytest.raises(BadInput, match=message):
        estimate(wrong, n, tolerance=tolerance)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 500), st.lists(st.booleans(), max_size=150))
def test_an_estimate_lies_in_its_interval(n, wrong):
    said = estimate(wrong[:n], n)
    assert 0 <= said.low <= said.high <= 1
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
        said = estimate(wrong, n_presumed, tolerance=tolerance)
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
        covered.append(sum(p for p, e, left in said if e.low <= left / e.n_presumed + 1e-9 <= e.high + 2e-9))
        if n_wrong / 300 > tolerance + 0.001:
            false.append(sum(p for p, e, left in said if e.verdict == "good" and left / e.n_presumed > tolerance))
    assert 0.93 <= np.mean(covered) <= 0.97
    assert max(false) < 0.06
