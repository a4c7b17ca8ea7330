"""Pooled probabilities hold as often as they say, and weigh each annotator by their reliability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from hitl_widgets.errors import ShapeError
from hitl_widgets.quality.pooling import LogLinearPool, Votes, agreement_of_others, fit_pool, posterior

NOBODY = np.zeros((1, 2))
EVEN = np.array([[0.5, 0.5]])


def worth(nats, *, certainty_slope=0.0, unsure_shift=0.0, sharpness=1.0, annotators=NOBODY):
    return LogLinearPool(sharpness, nats, certainty_slope, unsure_shift, annotators)


def crowd(n=1000, *, n_labels=5, error=0.2, separation=1.5, model=0.7, n_known=50, seed=0):
    """A model that is right so often, one annotator's answers, and the truth of the last items.

    A certainty's log-odds lie `separation` higher where the answer is right.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_labels, n)
    probs = np.full((n, n_labels), 0.3 / (n_labels - 1))
    top = np.where(rng.random(n) < model, truth, rng.integers(0, n_labels, n))
    probs[np.arange(n), top] = 0.7
    right = rng.random(n) >= error
    label = np.where(right, truth, (truth + rng.integers(1, n_labels, n)) % n_labels)
    certainty = 10 * expit(rng.normal(np.where(right, separation, 0.0), 1))
    known = np.where(np.arange(n) >= n - n_known, truth, -1)
    return probs, Votes.of(np.arange(n), label, certainty=certainty), known, truth, label == truth


def test_an_answer_worth_log_9_beside_a_model_that_says_nothing_is_believed_at_nine_tenths():
    assert posterior(worth(np.log(9)), EVEN, Votes.of([0], [1])) == pytest.approx(np.array([[0.1, 0.9]]))


def test_model_and_answer_multiply_their_odds():
    found = posterior(worth(np.log(9)), np.array([[0.75, 0.25]]), Votes.of([0], [1]))
    assert found[0, 1] / found[0, 0] == pytest.approx(9 / 3)


def test_two_annotators_who_agree_count_as_one_and_three_fifths_and_two_who_differ_cancel_out():
    agree = posterior(worth(np.log(3)), EVEN, Votes.of([0, 0], [1, 1]))
    assert agree[0, 1] / agree[0, 0] == pytest.approx(3 ** (2 / 1.25))
    assert posterior(worth(np.log(3)), EVEN, Votes.of([0, 0], [0, 1])) == pytest.approx(EVEN)


def test_a_better_annotator_counts_for_more():
    two = worth(0.0, annotators=np.array([[np.log(9), 0], [np.log(3), 0]]))
    found = posterior(two, EVEN, Votes.of([0, 0], [0, 1], annotator=[0, 1]))
    assert found[0, 0] / found[0, 1] == pytest.approx(3 ** (1 / 1.25))


def test_however_many_agree_they_never_count_as_more_than_four():
    found = posterior(worth(np.log(3)), EVEN, Votes.of([0] * 1000, [1] * 1000))
    assert 3 ** 3.9 < found[0, 1] / found[0, 0] < 3 ** 4


def test_an_item_without_an_answer_gets_the_models_word():
    found = posterior(worth(3.0, sharpness=2.0), np.array([[0.75, 0.25]]), Votes.of([], []))
    assert found == pytest.approx(np.array([[0.9, 0.1]]))


def test_an_unsure_without_a_guess_halves_the_models_word():
    found = posterior(worth(3.0, sharpness=2.0), np.array([[0.75, 0.25]]), Votes.of([0], [-1], unsure=[True]))
    assert found == pytest.approx(np.array([[0.75, 0.25]]))


def test_beside_somebodys_answer_an_unsure_without_a_guess_takes_nothing_away():
    answers = Votes.of([0, 0], [-1, 1], unsure=[True, False])
    assert posterior(worth(np.log(9)), EVEN, answers) == pytest.approx(np.array([[0.1, 0.9]]))


def test_a_best_guess_counts_less_by_what_an_unsure_takes_off():
    answers = Votes.of([0], [1], unsure=[True])
    found = posterior(worth(np.log(9), unsure_shift=-np.log(3)), EVEN, answers)
    assert found == pytest.approx(np.array([[0.25, 0.75]]))


def test_who_rates_everything_alike_says_nothing_by_it():
    assert Votes.of(range(4), [0] * 4, certainty=[10] * 4).centred_log_odds() == pytest.approx(np.zeros(4))


def test_a_certainty_that_was_not_given_lies_in_the_middle():
    steps = Votes.of(range(3), [0] * 3, certainty=[2, np.nan, 8]).centred_log_odds()
    assert steps == pytest.approx([-np.log(8.5 / 2.5), 0, np.log(8.5 / 2.5)])


def test_each_annotators_certainty_is_taken_from_their_own_middle():
    n = 400
    answers = Votes.of(range(2 * n), [0] * 2 * n, annotator=np.repeat([0, 1], n),
                         certainty=np.r_[np.tile([1, 3], n // 2), np.tile([7, 9], n // 2)])
    low, high = answers.centred_log_odds()[:n], answers.centred_log_odds()[n:]
    assert abs(low.mean()) < 0.05
    assert abs(high.mean()) < 0.05


@pytest.mark.parametrize("certainty", [[11.0], [-1.0], [5.0, 5.0]])
def test_columns_that_can_not_be_answers_are_refused(certainty):
    with pytest.raises(ShapeError):
        Votes.of([0], [0], certainty=certainty)


def test_an_answer_is_judged_by_two_others_who_agree():
    answers = Votes.of([0, 0, 0, 1, 1, 2], [1, 1, 0, 0, 0, 1], annotator=[0, 1, 2, 0, 1, 0])
    rows, verdicts = agreement_of_others(answers, 3, 2)
    # Of item 0 the third is judged by the first two; these see one of each beside them, and items 1 and 2 have too few.
    assert (rows.tolist(), verdicts.tolist()) == ([2], [1])


def test_who_is_unsure_judges_nobody_but_is_judged():
    answers = Votes.of([0, 0, 0], [1, 1, 0], annotator=[0, 1, 2], unsure=[False, False, True])
    assert [found.tolist() for found in agreement_of_others(answers, 1, 2)] == [[2], [1]]


def test_the_slope_that_the_search_follows_is_the_costs_own(monkeypatch):
    probs, answers, known, _, _ = crowd(60, n_known=12)
    answers = Votes.of(answers.item, answers.label, certainty=answers.certainty, annotator=np.arange(60) % 3,
                         unsure=np.arange(60) % 5 == 0)
    caught = {}

    def look(cost, start, **_):
        caught.update(cost=cost, start=start)
        return type("Found", (), {"x": start})

    monkeypatch.setattr("scipy.optimize.minimize", look)
    fit_pool(probs, answers, known)
    at = caught["start"] + np.random.default_rng(0).normal(0, 0.3, len(caught["start"]))
    numeric = approx_fprime(at, lambda values: caught["cost"](values)[0], 1e-6)
    assert caught["cost"](at)[1] == pytest.approx(numeric, abs=1e-3)


def test_beliefs_are_as_often_right_as_they_say():
    probs, answers, known, _, right = crowd(4000, n_known=200)
    said = posterior(fit_pool(probs, answers, known), probs, answers)[answers.item, answers.label]
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 0.9), (0.9, 1)):
        inside = (said >= low) & (said < high)
        assert right[inside].mean() == pytest.approx(said[inside].mean(), abs=0.1)


def test_a_certainty_that_means_something_finds_more_of_the_wrong_answers():
    probs, answers, known, _, right = crowd()
    mute = Votes.of(answers.item, answers.label)
    told = posterior(fit_pool(probs, answers, known), probs, answers)[answers.item, answers.label]
    untold = posterior(fit_pool(probs, mute, known), probs, mute)[answers.item, answers.label]
    assert roc_auc_score(right, told) > roc_auc_score(right, untold) + 0.03


def test_a_certainty_that_says_nothing_changes_little():
    probs, answers, known, truth, _ = crowd(3000, separation=0.0)
    mute = Votes.of(answers.item, answers.label)
    assert abs(fit_pool(probs, answers, known).certainty_slope) < 0.2
    told, untold = (posterior(fit_pool(probs, said, known), probs, said) for said in (answers, mute))
    rows = np.arange(len(truth))
    assert np.log(told[rows, truth]).mean() > np.log(untold[rows, truth]).mean() - 0.01


def test_without_gold_agreement_with_the_model_tells_that_a_certainty_means_something():
    probs, answers, known, _, right = crowd()
    found = fit_pool(probs, answers, np.full_like(known, -1))
    assert (found.n_known, found.certainty_slope > 0.5) == (0, True)
    assert roc_auc_score(right, posterior(found, probs, answers)[answers.item, answers.label]) > 0.9


def test_without_gold_or_a_model_annotators_are_told_apart_by_their_consensus():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    errs = rng.random((4, 200)) < np.array([0.05, 0.05, 0.05, 0.5])[:, None]
    label = np.where(errs, (truth + rng.integers(1, 3, (4, 200))) % 3, truth)
    answers = Votes.of(np.tile(np.arange(200), 4), label.ravel(), annotator=np.repeat(np.arange(4), 200))
    found = fit_pool(np.full((200, 3), 1 / 3), answers, np.full(200, -1))
    assert found.annotators[:3, 0].min() > found.annotators[3, 0] + 1


def test_who_has_few_gold_answers_is_taken_for_like_the_others():
    probs, answers, known, _, _ = crowd()
    annotator = np.where(np.arange(1000) >= 998, 1, 0)  # two answers, both gold
    found = fit_pool(probs, Votes.of(answers.item, answers.label, annotator=annotator), known)
    assert abs(found.annotators[1, 0]) < 0.4


@pytest.mark.parametrize("certainty", [None, 10.0])
def test_when_all_is_right_all_is_believed(certainty):
    probs, _, known, truth, _ = crowd()
    answers = Votes.of(np.arange(1000), truth, certainty=None if certainty is None else np.full(1000, certainty))
    found = posterior(fit_pool(probs, answers, known), probs, answers)
    assert (found.argmax(axis=1) == truth).mean() > 0.98
    assert found[np.arange(1000), truth].mean() > 0.93


def test_with_nothing_to_go_by_what_held_before_stands():
    found = fit_pool(np.empty((0, 4)), Votes.of([], []), np.empty(0, np.int64))
    assert (found.sharpness, found.certainty_slope, found.n_known) == (1.3, 0.4, 0)
    assert found.answer_evidence == pytest.approx(0.8 + np.log(3))


def test_one_label_only_is_believed_whole():
    answers = Votes.of([0, 1], [0, 0], certainty=[3, 9])
    probs = np.ones((2, 1))
    assert posterior(fit_pool(probs, answers, np.array([0, -1])), probs, answers) == pytest.approx(np.ones((2, 1)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(0, 40))
def test_beliefs_are_probabilities_and_the_order_of_answers_does_not_matter(seed, n_labels, n_answers):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(n_labels), 8)
    columns = {"item": rng.integers(0, 8, n_answers), "label": rng.integers(-1, n_labels, n_answers)}
    more = {"certainty": np.where(rng.random(n_answers) < 0.3, np.nan, rng.uniform(0, 10, n_answers)),
            "annotator": rng.integers(0, 3, n_answers)}
    unsure = columns["label"] < 0
    found = fit_pool(probs, Votes.of(*columns.values(), **more, unsure=unsure), rng.integers(-1, n_labels, 8))
    q = posterior(found, probs, Votes.of(*columns.values(), **more, unsure=unsure))
    assert np.isfinite(q).all()
    assert q.sum(axis=1) == pytest.approx(np.ones(8))
    order = rng.permutation(n_answers)
    again = Votes.of(*(column[order] for column in columns.values()), **{k: v[order] for k, v in more.items()},
                       unsure=unsure[order])
    assert posterior(found, probs, again) == pytest.approx(q)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 4), st.floats(0, 2), st.floats(0, 10), st.floats(0, 10))
def test_the_more_certain_of_two_answers_is_never_believed_less(nats, step, one, other):
    answers = Votes.of([0, 1], [0, 0], certainty=[min(one, other), max(one, other)])
    found = posterior(worth(nats, certainty_slope=step), np.full((2, 3), 1 / 3), answers)
    assert found[1, 0] >= found[0, 0] - 1e-12
