"""How far seeing a suggested value pulls values towards it: what was planted is found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.value_bias import value_bias


def experiment(seed, pull, *, n_items=100, n_people=4, copying=False, after=0.0):
    """Cards of which 3 of 10 are blind; a seen suggestion pulls each answer, or is copied as often. With the truth."""
    rng = np.random.default_rng(seed)
    true = rng.normal(5, 2, n_items)
    suggested, offset = true + rng.normal(0, 1.2, n_items), rng.normal(0, 0.5, n_people)
    own = true[:, None] + offset + rng.normal(0, 0.8, (n_items, n_people))
    shown = rng.random(own.shape) < 0.7
    moved = np.where(rng.random(own.shape) < pull, suggested[:, None], own) if copying else \
        own + pull * (suggested[:, None] - own)
    given = np.where(shown, moved, own) + rng.normal(0, after, own.shape)
    item, person = np.divmod(np.arange(own.size), n_people)
    cards = pd.DataFrame({"item_id": item, "annotator": [f"p{k}" for k in person], "value": given.ravel(),
                          "suggested": suggested[item], "shown": shown.ravel(),
                          "arm": np.where(shown.ravel(), "shown", "blind"),
                          "arm_probability": np.where(shown.ravel(), 0.7, 0.3)})
    return cards, dict(enumerate(true))


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("told", [False, True])
def test_the_pull_that_was_planted_is_found(copying, told):
    cards, truth = experiment(0, 0.4, n_items=400, copying=copying)
    bias = value_bias(cards, truth if told else None)
    assert bias.pull.value == pytest.approx(0.4, abs=0.1)
    assert bias.nearer.value == pytest.approx(0.4, abs=0.1)
    assert bias.pull.low > 0.1
    assert bias.taken.value == pytest.approx(0.4 if copying else 0, abs=0.08)


@pytest.mark.long
def test_intervals_hold_the_pull_and_no_pull_gives_no_alarm():
    held, alarms, values = 0, 0, []
    for seed in range(40):
        bias = value_bias(*experiment(seed, 0.3, after=0.5))
        held += bias.pull.low <= 0.3 <= bias.pull.high
        values.append(bias.pull.value)
        alarms += value_bias(*experiment(seed, 0.0)).pull.low > 0
    assert held >= 35
    assert alarms <= 4
    assert np.mean(values) == pytest.approx(0.3, abs=0.03)


def test_errors_after_the_pull_hide_it_from_the_distance_but_not_from_the_slope():
    cards, truth = experiment(1, 0.6, n_items=400, after=1.0)
    bias = value_bias(cards, truth)
    assert bias.pull.value == pytest.approx(0.6, abs=0.08)
    assert bias.nearer.value < 0.5


def test_each_person_has_a_pull_of_their_own():
    often, truth = experiment(2, 0.7, n_items=300)
    never, _ = experiment(2, 0.0, n_items=300)
    cards = pd.concat([often[often["annotator"] == "p0"], never[never["annotator"] != "p0"]])
    bias = value_bias(cards, truth)
    people = bias.per_annotator.set_index("annotator")
    assert people.loc["p0", "pull_low"] > 0.5
    assert (people.drop("p0")["pull_low"] < 0.1).all()
    assert bias.across_people.n == 4
    assert bias.across_people.low < bias.pull.value < bias.across_people.high


def test_cards_weigh_by_the_probability_of_their_arm():
    """Items on which nobody is pulled were shown to all but a few: unweighted they hide the pull of the others."""
    rng = np.random.default_rng(0)
    n = 6_000
    easy = rng.random(n) < 0.5
    probability = np.where(easy, 0.95, 0.3)
    shown = rng.random(n) < probability
    true = rng.normal(5, 1, n)
    suggested = true + rng.normal(0, 1, n)
    value = true + np.where(shown & ~easy, 0.6, 0) * (suggested - true) + rng.normal(0, 0.3, n)
    cards = pd.DataFrame({"item_id": range(n), "annotator": "ann", "value": value, "suggested": suggested,
                          "shown": shown, "arm": np.where(shown, "shown", "blind"),
                          "arm_probability": np.where(shown, probability, 1 - probability)})
    truth = dict(enumerate(true))
    assert value_bias(cards, truth).pull.value == pytest.approx(0.3, abs=0.05)
    assert value_bias(cards.drop(columns="arm_probability"), truth).pull.value < 0.22


def test_without_what_it_needs_it_says_why():
    cards, truth = experiment(0, 0.3, n_items=40)
    assert value_bias(cards[cards["shown"]], truth).pull.why.startswith("no card has a reference in both arms")
    alone = cards[cards["annotator"] == "p0"]
    assert value_bias(alone).pull.why.startswith("no card has a reference in both arms")
    assert value_bias(alone).nearer.n == 40
    assert "chance did not draw" in value_bias(cards.drop(columns=["arm", "arm_probability"]), truth).notes[0]
    certain = cards.assign(arm_probability=np.where(cards["item_id"] < 10, 1.0, cards["arm_probability"]))
    assert value_bias(certain, truth).notes == ("40 cards are left out, since no other arm was possible for them.",)


def test_suggestions_that_equal_the_truth_pull_nobody():
    cards, truth = experiment(0, 0.0, n_items=20)
    cards["suggested"] = cards["item_id"].map(truth)
    cards["value"] = cards["suggested"]
    assert np.isnan(value_bias(cards, truth).pull)


def test_a_result_can_be_shown():
    bias = value_bias(*experiment(0, 0.3, n_items=30))
    assert "part of the way to the suggestion" in repr(bias)
    assert "nearer" in bias._repr_html_()


def test_what_does_not_fit_is_refused_with_a_reason():
    cards, truth = experiment(0, 0.3, n_items=5)
    with pytest.raises(ShapeError, match="lacks suggested"):
        value_bias(cards.drop(columns="suggested"), truth)
    with pytest.raises(BadInput, match="choices are labels"):
        value_bias(cards.assign(value="front"), truth)
    with pytest.raises(BadInput, match="those of one attribute"):
        value_bias(cards.assign(attribute=["x", "y"] * 10), truth)
