"""Label errors in sets: what was left on or off by mistake is found, and how much of it is told honestly."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.state_errors import state_errors

LABELS = ["La", "Lb", "Lc", "Ld"]


def world(seed, n_items=150, wrong=0.08, n_people=1, shares=(0.5, 0.3, 0.2, 0.1)):
    """States of which some are wrong, and exact probabilities by a model that never saw them."""
    rng = np.random.default_rng(seed)
    odds = np.log(np.divide(shares, np.subtract(1, shares))) + 2.5 * rng.normal(size=(n_items, len(LABELS)))
    probs = 1 / (1 + np.exp(-odds))
    true = rng.random(probs.shape) < probs
    item, label = np.divmod(np.arange(true.size), len(LABELS))
    frames = []
    for person in range(n_people):
        given = true ^ (rng.random(true.shape) < wrong)
        frames.append(pd.DataFrame({"item_id": item, "annotator": f"p{person}", "value": given.ravel(),
                                    "label_id": np.array(LABELS, object)[label], "true": true.ravel()}))
    return pd.concat(frames, ignore_index=True), pd.DataFrame(probs, columns=LABELS)


def known_of(states, n_items):
    own = states[states["item_id"] < n_items].drop_duplicates(["item_id", "label_id"])
    return own[["item_id", "label_id"]].assign(value=own["true"])


def test_wrong_states_are_the_improbable_ones_and_their_number_is_about_right():
    areas, expected, actual = [], 0.0, 0
    for seed in range(5):
        states, probs = world(seed)
        found = state_errors(states, probs, known_of(states, 30)).states
        wrong = states["value"] != states["true"]
        areas.append(roc_auc_score(wrong, 1 - found["right"]))
        expected, actual = expected + (1 - found["right"]).sum(), actual + wrong.sum()
    assert np.mean(areas) > 0.85
    assert expected == pytest.approx(actual, rel=0.35)


def test_probabilities_after_the_answers_are_better_than_before_and_than_the_answers():
    states, probs = world(1, n_people=3, wrong=0.15)
    after = state_errors(states, probs, known_of(states, 30)).probs
    true = states["true"].to_numpy()[:len(probs) * len(LABELS)].reshape(len(probs), -1)
    given = states["value"].to_numpy().reshape(3, *true.shape).mean(axis=0)

    def brier(said):
        return float(np.mean((said - true) ** 2))

    assert brier(after.to_numpy()) < 0.6 * min(brier(probs.to_numpy()), brier(given))


def test_an_answer_is_as_doubtful_as_its_least_probable_label():
    states, probs = world(2, 40)
    states["decision_id"] = states["item_id"].map("d{}".format)
    result = state_errors(states, probs)
    own = result.states[result.states["item_id"] == 7]
    row = result.answers.set_index("item_id").loc[7]
    assert row["right"] == own["right"].min()
    assert row["label_id"] == own.loc[own["right"].idxmin(), "label_id"]
    assert row["n_wrong"] == pytest.approx((1 - own["right"]).sum())
    assert row["decision_id"] == "d7"


def test_each_label_has_its_expected_errors_on_and_off():
    states, probs = world(3)
    table = state_errors(states, probs).per_label
    assert list(table.index) == LABELS
    assert (table["n"] == 150).all()
    assert table["n_wrong"].to_numpy() == pytest.approx((table["n_wrong_on"] + table["n_wrong_off"]).to_numpy())
    assert (table["n_on"] + table["n_off"] == 150).all()


def test_a_label_that_was_not_asked_is_not_judged():
    states, probs = world(4, 30)
    some = states[(states["label_id"] != "Ld") | (states["item_id"] >= 10)]
    result = state_errors(some, probs)
    assert len(result.states) == len(some)
    unasked = result.probs.loc[:9, "Ld"]
    assert unasked.corr(probs.loc[:9, "Ld"]) > 0.9  # the model alone


def test_what_does_not_fit_is_refused_with_a_reason():
    states, probs = world(0, 10)
    with pytest.raises(ShapeError, match="lacks columns for Ld"):
        state_errors(states, probs.drop(columns="Ld"))
    with pytest.raises(ShapeError, match="no row for an item of states"):
        state_errors(states, probs.drop(index=3))
    with pytest.raises(BadInput, match="below 0 or above 1"):
        state_errors(states, probs + 1)
    with pytest.raises(ShapeError, match="lacks value"):
        state_errors(states.drop(columns="value"), probs)
