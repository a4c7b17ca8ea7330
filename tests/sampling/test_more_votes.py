"""Which items another person is asked about, and the light consensus that says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.sampling.more_votes import another_person, fit_people


def simulated(n_items=300, n_people=6, n_votes=4, n_labels=3, seed=0):
    """Votes of people right in 55 to 95 of 100, each of an item's by another person."""
    rng = np.random.default_rng(seed)
    truth, skill = rng.integers(0, n_labels, n_items), np.linspace(0.55, 0.95, n_people)
    item = np.repeat(np.arange(n_items), n_votes)
    annotator = np.concatenate([rng.permutation(n_people)[:n_votes] for _ in range(n_items)])
    wrong = (truth[item] + rng.integers(1, n_labels, len(item))) % n_labels
    label = np.where(rng.random(len(item)) < skill[annotator], truth[item], wrong)
    return item, annotator, label, truth, skill


def test_ties_come_first_then_the_lowest_posterior_then_items_with_too_few_votes():
    n_votes = np.array([0, 2, 2, 2, 1, 5, 1])
    top = np.array([np.nan, 0.6, 0.8, 0.5, 0.7, 0.5, 0.99])
    tied = np.array([False, False, False, True, False, True, False])
    asked = another_person(n_votes, top, tied)
    assert asked.order.tolist() == [3, 1, 4, 2, 0]
    assert np.flatnonzero(asked.open).tolist() == [0, 1, 2, 3, 4]


def test_at_most_so_many_people_are_asked_and_at_least_so_many():
    n_votes, top, tied = np.array([1, 2, 4, 5]), np.array([1.0, 1.0, 0.3, 0.3]), np.array([False, False, True, True])
    assert another_person(n_votes, top, tied, least=2).open.tolist() == [True, False, True, False]
    assert another_person(n_votes, top, tied, least=2, most=4).open.tolist() == [True, False, False, False]


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1), st.booleans(), st.booleans()), max_size=40))
def test_nobody_is_asked_twice_and_the_order_is_of_the_open_items(rows):
    n_votes, top, tied, voted = (np.array([row[k] for row in rows], kind)
                                 for k, kind in enumerate((int, float, bool, bool)))
    asked = another_person(n_votes, top, tied, voted=voted)
    assert not (asked.open & voted).any()
    assert sorted(asked.order.tolist()) == np.flatnonzero(asked.open).tolist()
    assert not asked.open[(n_votes >= 5) | ((n_votes >= 1) & (top >= 0.95) & ~tied)].any()


@pytest.mark.parametrize("options", [{"least": 0}, {"least": 4, "most": 3}, {"threshold": 1.0}])
def test_a_rule_that_cannot_be_is_refused(options):
    with pytest.raises(BadInput):
        another_person(np.array([1]), np.array([0.5]), np.array([False]), **options)


def test_arrays_of_another_length_are_refused():
    with pytest.raises(ShapeError, match="top"):
        another_person(np.array([1]), np.array([0.5, 0.5]), np.array([False]))


def test_people_are_known_by_their_votes_alone():
    item, annotator, label, truth, skill = simulated()
    people = fit_people(item, annotator, label, n_items=300, n_annotators=6, n_labels=3)
    right = np.exp(people.log_confusion).diagonal(axis1=1, axis2=2).mean(axis=1)
    assert np.abs(right[:6] - skill).max() < 0.1
    probs = people.posterior(item, annotator, label, 300)
    counts = np.zeros((300, 3))
    np.add.at(counts, (item, label), 1)
    assert (probs.argmax(axis=1) == truth).mean() > (counts.argmax(axis=1) == truth).mean() + 0.02
    assert abs(probs.max(axis=1).mean() - (probs.argmax(axis=1) == truth).mean()) < 0.05


def test_one_vote_more_or_less_gives_the_posterior_of_all_votes():
    item, annotator, label, _, _ = simulated(n_items=20)
    people = fit_people(item, annotator, label, n_items=20, n_annotators=6, n_labels=3)
    whole = people.posterior(item, annotator, label, 20)
    less = people.posterior(item[:-1], annotator[:-1], label[:-1], 20)
    assert people.updated(less[19], annotator[-1], label[-1]) == pytest.approx(whole[19])
    assert people.updated(whole[19], annotator[-1], label[-1], removed=True) == pytest.approx(less[19])


def test_somebody_new_labels_as_everybody_does():
    item, annotator, label, _, _ = simulated()
    people = fit_people(item, annotator, label, n_items=300, n_annotators=6, n_labels=3)
    prior = people.posterior(*(np.empty(0, np.int64),) * 3, n_items=1)[0]
    after = people.updated(prior, -1, 2)
    assert after.argmax() == 2
    assert 0.5 < after[2] < 0.95


@pytest.mark.parametrize(("n_people", "n_votes", "n_labels"), [(1, 1, 2), (2, 2, 1), (3, 1, 4), (0, 0, 2), (0, 0, 0)])
def test_little_is_enough(n_people, n_votes, n_labels):
    item = np.repeat(np.arange(5), n_votes)
    annotator = np.tile(np.arange(max(n_votes, 1)), 5)[:len(item)] % max(n_people, 1)
    label = (item % max(n_labels, 1)).astype(np.int64)
    people = fit_people(item, annotator, label, n_items=5, n_annotators=n_people, n_labels=n_labels)
    probs = people.posterior(item, annotator, label, 5)
    assert probs.shape == (5, n_labels)
    assert np.isfinite(probs).all()
    if n_labels:
        assert probs.sum(axis=1) == pytest.approx(1)
