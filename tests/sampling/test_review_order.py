"""Adjudication: which labels are reviewed next, and how many wrong ones are left."""

import math

import numpy as np
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.sampling.acceptance import n_without_error
from hitl_widgets.sampling.review_order import next_reviews, residual_error


def labels(n=400, seed=0, share=0.08):
    """Posteriors, draws and which labels are wrong: doubtful ones more often."""
    rng = np.random.default_rng(seed)
    doubt = rng.beta(0.6, 0.6 * (1 - share) / share, n)
    return 1 - doubt, rng.random(n), rng.random(n) < doubt


def none(n):
    return np.zeros(n, bool)


def test_without_error_59_random_reviews_are_below_5_percent_and_fewer_are_not():
    assert n_without_error(0.05) == 59
    assert 0.95 ** 59 <= 0.05 < 0.95 ** 58


def test_before_is_the_horvitz_thompson_estimate_by_hand():
    # 10 labels; the 2 most doubtful are reviewed for sure, and 4 of the 8 others by chance: 1 of each kind is changed.
    top = np.array([0.3, 0.4, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])
    draws = np.array([0.95, 0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    reviewed, changed = none(10), none(10)
    reviewed[:6], changed[[0, 3]] = True, True
    found = residual_error(top, draws, reviewed, changed)
    assert found.before.value == pytest.approx((1 / 1 + 1 / 0.5) / 10)
    assert found.after.value == pytest.approx(4 * (1 / 4) / 10)  # what is left are 4 labels, a quarter of them wrong
    assert (found.n_random, found.n_random_changed, found.n_reviewed, found.n_changed) == (4, 1, 6, 2)
    assert found.before.low == pytest.approx(found.after.low + 0.2)


def test_what_somebody_picked_says_nothing_of_the_others():
    top, draws = np.full(100, 0.9), np.arange(100) / 100
    reviewed, changed = draws < 0.2, none(100)
    picked = reviewed | (np.arange(100) == 70)
    found = residual_error(top, draws, picked, np.arange(100) == 70)
    assert (found.n_random, found.n_random_changed, found.n_changed) == (20, 0, 1)
    assert found.after.value == 0
    assert found.after.high == residual_error(top, draws, reviewed, changed).after.high
    assert found.before.value == pytest.approx(0.01)


def test_before_any_random_review_nothing_is_said():
    top, draws, _ = labels()
    found = residual_error(top, draws, none(400), none(400))
    assert math.isnan(found.after)
    assert math.isnan(found.before)
    assert not found.good
    assert found.n_needed == 59


def test_when_all_is_reviewed_nothing_is_wrong_any_more():
    top, draws, wrong = labels()
    found = residual_error(top, draws, np.ones(400, bool), wrong)
    assert (found.after.value, found.after.high) == (0, 0)
    assert found.before.value == found.before.low == found.before.high == wrong.mean()
    assert found.good
    assert not len(next_reviews(top, draws, np.ones(400, bool), wrong))


def test_doubtful_labels_are_reviewed_more_often_and_every_label_may_be():
    top, draws, wrong = labels()
    times = np.zeros(400)
    for seed in range(100):
        draws = np.random.default_rng(seed).random(400)
        reviewed = none(400)
        for _ in range(5):
            reviewed[next_reviews(top, draws, reviewed, reviewed & wrong)] = True
        times += reviewed
    assert times.min() > 0
    doubtful = np.argsort(top)
    assert times[doubtful[:20]].mean() > 99
    assert times[doubtful[-100:]].mean() < 50


def test_a_batch_has_items_once_that_were_not_reviewed():
    top, draws, wrong = labels()
    reviewed = none(400)
    while not reviewed.all():
        batch = next_reviews(top, draws, reviewed, reviewed & wrong, n=30)
        assert len(set(batch.tolist())) == len(batch) == min(30, (~reviewed).sum())
        assert not reviewed[batch].any()
        reviewed[batch] = True


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("says", ["what holds", "nothing"])
def test_the_interval_holds_the_truth_when_reviewing_stops(says):
    held, n_reviews = [], []
    for seed in range(80):
        top, draws, wrong = labels(seed=seed)
        top = top if says == "what holds" else np.random.default_rng(900 + seed).permutation(top)
        reviewed = none(400)
        while not (found := residual_error(top, draws, reviewed, reviewed & wrong)).good:
            reviewed[next_reviews(top, draws, reviewed, reviewed & wrong)] = True
        held.append(found.after.low <= (wrong & ~reviewed).mean() <= found.after.high)
        n_reviews.append(reviewed.sum())
        assert found.after.high <= 0.05
    assert np.mean(held) >= 0.92
    assert np.mean(n_reviews) < (220 if says == "what holds" else 360)


def test_labels_of_equal_doubt_still_give_a_random_sample():
    """The random sample was swallowed by the doubtful ones where all posteriors were equal."""
    draws = np.random.default_rng(0).random(200)
    reviewed = draws < 0.4
    assert residual_error(np.ones(200), draws, reviewed, none(200)).n_random == reviewed.sum()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_little_is_enough(n):
    top, draws = np.full(n, 0.6), np.linspace(0.1, 0.9, n)
    assert sorted(next_reviews(top, draws, none(n), none(n)).tolist()) == list(range(n))
    assert residual_error(top, draws, np.ones(n, bool), none(n)).good == (n > 0)  # of no label nothing is known


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInput, match="not reviewed"):
        residual_error(np.ones(2), np.ones(2), none(2), np.ones(2, bool))
    with pytest.raises(BadInput, match="probabilities"):
        residual_error(np.array([np.nan, 1]), np.ones(2), none(2), none(2))
    with pytest.raises(ShapeError, match="draws"):
        next_reviews(np.ones(2), np.ones(3), none(2), none(2))
    with pytest.raises(BadInput, match="tolerance"):
        residual_error(np.ones(2), np.ones(2), none(2), none(2), tolerance=0.0)
