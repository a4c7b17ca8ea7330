"""Do the strategies put the right items first?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.sampling import STRATEGIES, best, entropy, least_confidence, margin, strategy_named

TOY = np.array([[0.5, 0.3, 0.2],    # by hand: lc 0.5, margin 1 - 0.2, entropy 1.0297
                [1.0, 0.0, 0.0],    # sure: 0, 0, 0
                [1 / 3, 1 / 3, 1 / 3]])


def test_scores_are_those_worked_out_by_hand():
    assert least_confidence(TOY) == pytest.approx([0.5, 0, 2 / 3])
    assert margin(TOY) == pytest.approx([0.8, 0, 1])
    assert entropy(TOY) == pytest.approx([1.029653, 0, np.log(3)], abs=1e-6)


@pytest.mark.parametrize("name", STRATEGIES)
def test_an_unreadable_item_scores_nan_and_disturbs_no_other(name):
    scores = STRATEGIES[name](np.vstack([TOY, np.full(3, np.nan)]))
    assert np.isnan(scores[3])
    assert scores[:3] == pytest.approx(STRATEGIES[name](TOY))


@pytest.mark.parametrize("name", STRATEGIES)
def test_logits_are_refused_with_the_rows_named(name):
    with pytest.raises(ShapeError, match=r"rows \[1\].*logits"):
        STRATEGIES[name](np.array([[0.5, 0.5], [3.0, -1.0]]))


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


def test_an_unknown_strategy_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="'random', 'least_confidence', 'margin', 'entropy'"):
        strategy_named("marign")


@given(arrays(np.float64, st.integers(0, 40), elements=st.sampled_from([0.0, 0.5, 0.7, 1.0, np.nan])),
       st.integers(0, 45))
def test_best_agrees_with_a_full_sort(scores, n):
    tie_break = np.random.default_rng(1).random(len(scores))
    order = np.lexsort((tie_break, -np.where(np.isnan(scores), -np.inf, scores)))
    assert best(scores, n, tie_break=tie_break).tolist() == order[:n].tolist()
