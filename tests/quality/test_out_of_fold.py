"""Does a model speak of an item without having heard an answer to it?"""

import numpy as np
import pytest

from hitl_widgets.errors import ShapeError
from hitl_widgets.quality.out_of_fold import out_of_fold


def blobs(n=200, n_labels=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % n_labels
    return rng.normal(0, 1, (n, 6)) + 3 * np.eye(n_labels, 6)[truth], truth, rng.random(n)


def test_it_finds_the_labels_of_items_that_it_never_heard_of():
    features, truth, draws = blobs()
    probs = out_of_fold([features], truth, 4, draws=draws)
    assert probs.shape == (200, 4)
    assert probs.sum(axis=1) == pytest.approx(np.ones(200))
    assert (probs.argmax(axis=1) == truth).mean() > 0.9


def test_what_is_said_of_an_item_does_not_hang_on_its_own_answer():
    features, truth, draws = blobs()
    unanswered = truth.copy()
    unanswered[7] = -1
    told = out_of_fold([features], truth, 4, draws=draws)[7].argmax()
    assert out_of_fold([features], unanswered, 4, draws=draws)[7].argmax() == told
    wrong = truth.copy()
    wrong[::9] = (wrong[::9] + 1) % 4
    said = out_of_fold([features], wrong, 4, draws=draws)
    assert (said.argmax(axis=1) == truth)[::9].mean() > 0.8  # not what they were answered


def test_pure_noise_can_not_be_learnt_by_heart():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    probs = out_of_fold([rng.normal(size=(300, 50))], labels, 4, draws=rng.random(300))
    assert (probs.argmax(axis=1) == labels).mean() < 0.35


def test_a_label_with_one_example_is_never_ruled_out():
    features, truth, draws = blobs()
    truth[0] = 4
    probs = out_of_fold([features], truth, 5, draws=draws)
    assert probs[0, 4] > 0.2   # nobody else was given it: at least 1 / 2 before the sum is made 1


@pytest.mark.parametrize("targets", [np.full(20, -1), np.zeros(20, np.int64), np.r_[0, np.full(19, -1)]])
def test_with_too_little_to_learn_from_it_says_nothing(targets):
    features, _, draws = blobs(20)
    assert out_of_fold([features], targets, 4, draws=draws) == pytest.approx(np.full((20, 4), 0.25))


def test_no_items_are_no_rows():
    assert out_of_fold([], np.empty(0, np.int64), 4, draws=np.empty(0)).shape == (0, 4)


def test_the_same_items_in_another_order_are_spoken_of_alike():
    features, truth, draws = blobs()
    order = np.random.default_rng(1).permutation(200)
    said, again = (out_of_fold([features[o]], truth[o], 4, draws=draws[o]) for o in (np.arange(200), order))
    assert again == pytest.approx(said[order], abs=1e-3)


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ShapeError, match="3 draws"):
        out_of_fold([np.zeros((4, 2))], np.zeros(4, np.int64), 2, draws=np.zeros(3))
