"""Do the strategies put the right items first?"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.sampling.strategies import strategy_named
from hitl_widgets.sampling.uncertainty import BY_ROW, balanced, best, disagreement, entropy, least_confidence, margin

TOY = np.array([[0.5, 0.3, 0.2],    # by hand: lc 0.5, margin 1 - 0.2, entropy 1.0297
                [1.0, 0.0, 0.0],    # sure: 0, 0, 0
                [1 / 3, 1 / 3, 1 / 3]])


def test_scores_are_those_worked_out_by_hand():
    assert least_confidence(TOY) == pytest.approx([0.5, 0, 2 / 3])
    assert margin(TOY) == pytest.approx([0.8, 0, 1])
    assert entropy(TOY) == pytest.approx([1.029653, 0, np.log(3)], abs=1e-6)


@pytest.mark.parametrize("name", BY_ROW)
def test_an_unreadable_item_scores_nan_and_disturbs_no_other(name):
    scores = BY_ROW[name](np.vstack([TOY, np.full(3, np.nan)]))
    assert np.isnan(scores[3])
    assert scores[:3] == pytest.approx(BY_ROW[name](TOY))


@pytest.mark.parametrize("name", BY_ROW)
def test_logits_are_refused_with_the_rows_named(name):
    with pytest.raises(ShapeError, match=r"rows \[1\].*logits"):
        BY_ROW[name](np.array([[0.5, 0.5], [3.0, -1.0]]))


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 2, 2)])
def test_a_wrong_shape_is_refused(shape):
    with pytest.raises(ShapeError, match=r"\(n_items, n_labels\)"):
        margin(np.zeros(shape))


def test_one_label_leaves_nothing_to_doubt():
    assert margin(np.ones((2, 1))).tolist() == [0, 0]
    assert entropy(np.ones((2, 1))).tolist() == [0, 0]


def test_no_items_give_no_scores():
    assert margin(np.empty((0, 3))).shape == (0,)


@pytest.mark.parametrize("n_labels", [2, 48, 49, 200])
def test_margin_agrees_with_sorting_however_many_labels_there_are(n_labels):
    probs = np.random.default_rng(0).dirichlet(np.ones(n_labels), 500)
    ranked = -np.sort(-probs, axis=1)
    assert margin(probs) == pytest.approx(1 - (ranked[:, 0] - ranked[:, 1]), abs=1e-12)


def test_answers_that_differ_come_before_answers_that_agree():
    votes = np.array([[1, 1, 0], [2, 0, 0], [1, 1, 1], [0, 0, 0]])
    # Shares 1/2 and 1/2; 1; three thirds.
    assert disagreement(votes) == pytest.approx([np.log(2), 0, np.log(3), np.nan], nan_ok=True)


def test_an_answer_that_the_model_contradicts_comes_before_one_that_it_expects():
    votes, probs = np.array([[1, 0], [0, 1], [1, 0]]), np.array([[0.9, 0.1], [0.9, 0.1], [np.nan, np.nan]])
    expected, contradicted, unread = disagreement(votes, probs)
    # By hand: shares 0.95 and 0.05; 0.45 and 0.55.
    assert expected == pytest.approx(-0.95 * np.log(0.95) - 0.05 * np.log(0.05))
    assert contradicted == pytest.approx(-0.45 * np.log(0.45) - 0.55 * np.log(0.55))
    assert unread == 0
    with pytest.raises(ShapeError, match="of both"):
        disagreement(votes, probs[:2])


def test_a_balanced_strategy_asks_first_for_the_label_with_the_fewest_answers():
    probs = np.array([[0.6, 0.4, 0], [0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0.3, 0.7], [0, 0.4, 0.6], [np.nan] * 3])
    # Suggested 0, 0, 1, 2, 2. Label 2 has no answers, label 0 has one, label 1 three: by doubt within a label, the
    # places are 0: 2, 3; 1: 4; 2: 2 (item 3 is surer than 4), 1.
    assert balanced(margin)(probs, np.array([1, 3, 0])) == pytest.approx([-2, -3, -4, -2, -1, np.nan], nan_ok=True)
    assert balanced(margin).__name__ == "balanced_margin"


def test_an_unknown_strategy_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="'random', 'least_confidence', 'margin', 'entropy'"):
        strategy_named("marign")


@settings(deadline=None)
@given(arrays(np.float64, st.integers(0, 40), elements=st.sampled_from([0.0, 0.5, 0.7, 1.0, np.nan])),
       st.integers(0, 45))
def test_best_agrees_with_a_full_sort(scores, n):
    draws = np.random.default_rng(1).random(len(scores))
    for tie_break in (draws, draws.round(1)):  # ids may share a draw
        order = np.lexsort((tie_break, -np.where(np.isnan(scores), -np.inf, scores)))
        assert best(scores, n, tie_break=tie_break).tolist() == order[:n].tolist()
