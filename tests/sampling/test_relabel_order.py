"""After an edit the fewest items are asked again, and what is presumed of the rest is as good as it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from hitl_widgets.errors import ShapeError
from hitl_widgets.items.features import Pixels
from hitl_widgets.items.features import features as blocks
from hitl_widgets.sampling.relabel_order import neighbours, order
from hitl_widgets.testing import MemoryPool


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
    assert said.modelled.all()


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
    assert (said.modelled[:80].all(), said.modelled[80:].any()) == (True, False)
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
    gallery = MemoryPool(data["images"][chosen])
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
    assert neighbours(features, [0, 1], n=3, first=[5, 4]).tolist() == [4, 5, 3, 2, 6]
    assert neighbours(features, [], n=3, first=[4]).tolist() == [4]
    assert neighbours(features, [5], n=3).tolist() == []
