"""A figure says how far to trust it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, precision_recall_fscore_support

from hitl_widgets.errors import BadInput, ShapeError, UnknownLabel
from hitl_widgets.quality.metrics import Metrics, compare, measure

IDS = ("Lcat", "Ldog", "Lowl")
NAMES = ("cat", "dog", "owl")


def said(columns, n_labels=3):
    return np.eye(n_labels)[columns] * 0.7 + 0.1


@pytest.fixture
def metrics():
    truth = ["Lcat"] * 4 + ["Ldog"] * 2
    return measure(said([0, 0, 0, 1, 1, 0]), truth, IDS, NAMES)


def test_of_whole_groups_the_intervals_hold_although_their_items_are_alike():
    """Items of a patient were taken as independent: 52 of 100 intervals held the accuracy, and 57 the gain."""
    rng, group, held = np.random.default_rng(0), np.repeat(np.arange(8), 25), np.zeros(2)
    for _ in range(200):  # two models, right on 85 and 75 of 100 items; the correlation within a group is 0.2
        right, former = (rng.random(200) < rng.beta(4 * mean, 4 * (1 - mean), 8)[group] for mean in (0.85, 0.75))
        probs = np.stack([right, ~right], axis=1).astype(float)
        accuracy = measure(probs, ["a"] * 200, ["a", "b"], groups=group)["accuracy"]
        gain = compare(former, right, group)
        held += [accuracy.low <= 0.85 <= accuracy.high, gain.low <= 0.1 <= gain.high]
    assert (held / 200 > 0.9).all()


def test_figures_worked_out_by_hand(metrics):
    # 3 of 4 cats and 1 of 2 dogs: recall 3/4 and 1/2; F1 of cat 2*3/(4+4), of dog 2*1/(2+2), no owl anywhere.
    assert metrics.n == 6
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["balanced_accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics["macro_f1"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.confusion.loc["cat"].tolist() == [3, 1, 0]


def test_the_table_has_a_row_for_each_label(metrics):
    table = metrics.per_label
    assert list(table["label"]) == list(NAMES)
    assert list(table.index) == list(IDS)
    assert list(table["n"]) == [4, 2, 0]
    assert math.isnan(table["recall"]["Lowl"])
    for name in ("precision", "recall", "f1"):
        there = table[table["n"] > 0]
        assert ((there[f"{name}_low"] < there[name]) & (there[name] < there[f"{name}_high"])).all()


def test_they_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    truth, guess = rng.choice(5, 300, p=[0.5, 0.3, 0.1, 0.08, 0.02]), rng.integers(0, 5, 300)
    guess = np.where(rng.random(300) < 0.6, truth, guess)
    ids = [f"L{i}" for i in range(6)]
    metrics = measure(said(guess, 6), [ids[i] for i in truth], ids)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, guess))
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, guess, average="macro"))
    theirs = precision_recall_fscore_support(truth, guess)
    table = metrics.per_label.iloc[:5]
    np.testing.assert_allclose(table[["precision", "recall", "f1", "n"]].to_numpy().T, np.array(theirs))


@pytest.mark.parametrize(("n", "accuracy", "skew"), [(100, 0.8, 1.0), (300, 0.9, 1.0), (200, 0.8, 0.75)])
def test_the_intervals_of_means_over_labels_hold_the_truth_most_of_the_time(n, accuracy, skew):
    rng, n_labels = np.random.default_rng(1), 8
    share = skew ** np.arange(n_labels)
    cells = np.array([np.insert(rng.dirichlet(np.ones(n_labels - 1)) * (1 - accuracy), i, accuracy)
                      for i in range(n_labels)]) * (share / share.sum())[:, None]
    right, asked, guessed = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
    truth = {"balanced_accuracy": (right / asked).mean(), "macro_f1": (2 * right / (asked + guessed)).mean()}
    held = dict.fromkeys(truth, 0)
    for _ in range(200):
        metrics = Metrics(rng.multinomial(n, cells.ravel()).reshape(cells.shape), range(n_labels), range(n_labels))
        for name, value in truth.items():
            held[name] += metrics[name].low <= value <= metrics[name].high
    assert min(held.values()) >= 0.88 * 200


@pytest.mark.parametrize(("n", "tells"), [(29, False), (30, True)])
def test_under_thirty_it_says_too_few_to_tell(n, tells):
    figure = measure(said([0] * n), ["Lcat"] * n, IDS)["accuracy"]
    assert figure.tells is tells
    assert ("few items" in repr(figure)) is not tells


def test_without_answers_there_is_no_figure_and_it_says_why():
    metrics = measure(np.empty((0, 3)), [], IDS, NAMES)
    for name in Metrics.FIGURES:
        assert math.isnan(metrics[name])
        assert metrics[name].n == 0
        assert repr(metrics[name]) == "none (no item with a known answer)"
    assert len(metrics.per_label) == 3
    assert repr(compare([], [])) == "none (no item with a known answer)"


def test_items_that_cannot_be_read_are_left_out_and_counted():
    probs = said([0, 1, 2])
    probs[1] = np.nan
    metrics = measure(probs, ["Lcat", "Ldog", "Lcat"], IDS, NAMES)
    assert (metrics.n, metrics.left_out, metrics["accuracy"]) == (2, 1, 0.5)
    assert "none of 3 items has a prediction" in repr(measure(probs * np.nan, ["Lcat"] * 3, IDS)["accuracy"])


def test_it_is_kept_as_json_and_read_again(metrics):
    again = Metrics.from_dict(json.loads(json.dumps(metrics.to_dict())))
    assert repr(again) == repr(metrics)
    assert again.per_label.equals(metrics.per_label)


def test_the_difference_is_paired():
    before = np.array([True] * 30 + [False] * 20)
    after = before.copy()
    after[30:42] = True
    after[:2] = False
    gain = compare(before, after)
    # 12 gained, 2 lost, of 50; the interval is Newcombe's method 10 for 28, 12, 2, 8.
    assert gain == pytest.approx(0.2)
    assert 0 < gain.low < 0.2 < gain.high
    assert compare(after, before).high == pytest.approx(-gain.low)
    assert compare(before, before) == 0


def test_what_does_not_fit_together_is_refused(metrics):
    with pytest.raises(ShapeError, match=r"\(2, 3\)"):
        measure(said([0, 1]), ["Lcat"], IDS)
    with pytest.raises(UnknownLabel, match="Llynx"):
        measure(said([0]), ["Llynx"], IDS)
    with pytest.raises(BadInput, match="macro_f1"):
        metrics["f1"]
    with pytest.raises(ShapeError):
        compare([True], [True, False])


def test_answered_items_that_cannot_be_read_are_told():
    """16 items were answered and 15 measured, without a word about the other."""
    metrics = Metrics([[6, 2], [0, 0]], ["a", "b"], ["cat", "dog"], left_out=1, n_items=20)
    assert metrics.coverage == "9 of 20 items answered, 1 of them have no prediction"
    assert Metrics([[6, 2], [0, 0]], ["a", "b"], ["cat", "dog"], n_items=20).coverage == "8 of 20 items answered"
