"""Figures of sets of labels: how many items are behind each, and how far to trust it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, hamming_loss, precision_recall_fscore_support

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.multilabel import (
    MultilabelMetrics,
    best_thresholds,
    compare_sets,
    multilabel_metrics,
    reliability_of_labels,
)

NAN = math.nan


def world(n, n_labels, seed, *, share=0.3, skill=1.0, alike=0.0):
    """Truth and probabilities; with `alike` a part of the errors is the item's, and so common to its labels."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, n_labels)) < share
    noise = np.sqrt(1 - alike) * rng.normal(size=truth.shape) + np.sqrt(alike) * rng.normal(size=(n, 1))
    odds = np.where(truth, skill - noise, noise - skill)
    return truth.astype(float), 1 / (1 + np.exp(-odds))


def ids(n):
    return [f"L{k}" for k in range(n)]


def test_figures_worked_out_by_hand():
    # Label a: on, on, off; predicted on, off, on: F1 = 2*1 / (2*1 + 1 + 1). Label b: off, on, on; predicted right.
    metrics = multilabel_metrics([[1, 0], [1, 1], [0, 1]], [[.9, .1], [.2, .8], [.7, .9]], 0.5, ["a", "b"])
    assert metrics["macro_f1"] == pytest.approx((1 / 2 + 1) / 2)
    assert metrics["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert metrics["exact_match"] == pytest.approx(1 / 3)
    assert metrics["hamming"] == pytest.approx(2 / 6)
    assert metrics.counts.tolist() == [[1, 1, 1, 0], [2, 0, 0, 1]]


def test_figures_equal_those_of_scikit_learn():
    truth, probs = world(200, 7, 3)
    limits = np.linspace(0.3, 0.7, 7)
    on, metrics = probs >= limits, multilabel_metrics(truth, probs, limits, ids(7))
    assert metrics["macro_f1"] == pytest.approx(f1_score(truth, on, average="macro"))
    assert metrics["micro_f1"] == pytest.approx(f1_score(truth, on, average="micro"))
    assert metrics["exact_match"] == pytest.approx(accuracy_score(truth, on))
    assert metrics["hamming"] == pytest.approx(hamming_loss(truth, on))
    precision, recall, f1, n = precision_recall_fscore_support(truth, on)
    table = metrics.per_label
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1), ("n", n), ("threshold", limits)):
        assert table[name].to_numpy() == pytest.approx(values)


def test_what_nobody_knows_is_left_out_and_not_taken_for_off():
    truth = [[1, NAN], [1, NAN], [0, 1], [NAN, NAN]]
    metrics = multilabel_metrics(truth, [[.9, .9], [.9, .9], [.1, .9], [.9, .9]], 0.5, ["a", "b"])
    assert metrics["macro_f1"] == 1
    assert metrics["exact_match"].n == 1  # of one item both labels are known
    assert metrics.per_label["n_known"].tolist() == [3, 1]
    assert metrics.n == 3


def test_a_label_that_no_item_has_is_no_part_of_the_macro_f1():
    metrics = multilabel_metrics([[1, 0], [1, 0]], [[.9, .9], [.1, .1]], 0.5, ["a", "b"])
    assert metrics["macro_f1"] == pytest.approx(2 / 3)
    assert metrics.per_label["f1"].tolist() == pytest.approx([2 / 3, 0])
    assert math.isnan(metrics.per_label["recall"]["b"])


def test_items_that_cannot_be_read_are_counted_and_a_label_that_the_model_does_not_know_is_off():
    metrics = multilabel_metrics([[1, 1], [1, 1], [0, 1]], [[.9, NAN], [NAN, NAN], [.1, NAN]], 0.5, ["a", "b"],
                                 n_items=5)
    assert (metrics.n, metrics.left_out) == (2, 1)
    assert metrics.per_label["f1"].tolist() == [1, 0]
    assert metrics.coverage == "3 of 5 items answered, 1 of them have no prediction"


@pytest.mark.parametrize(("truth", "why"), [
    (np.zeros((0, 2)), "no item with a known answer"), ([[NAN, NAN]], "no item with a known answer")])
def test_without_items_each_figure_says_why(truth, why):
    metrics = multilabel_metrics(truth, np.full(np.shape(truth), 0.5), 0.5, ["a", "b"])
    assert all(math.isnan(metrics[name]) and metrics[name].why == why for name in metrics.FIGURES)
    assert metrics.why == why


def test_where_no_item_has_a_label_there_is_no_f1_but_an_exact_match():
    metrics = multilabel_metrics(np.zeros((9, 2)), np.zeros((9, 2)), 0.5, ["a", "b"])
    assert metrics["macro_f1"].why == "no item has any of the labels"
    assert metrics["exact_match"] == 1


def test_the_log_gives_back_what_was_written():
    truth, probs = world(60, 3, 1)
    truth[:30, 2] = NAN
    metrics = multilabel_metrics(truth, probs, [0.4, 0.5, 0.6], ids(3), ["x", "y", "z"], n_unsure=2, n_items=70,
                                 groups=np.arange(60) // 4)
    again = MultilabelMetrics.from_dict(json.loads(json.dumps(metrics.to_dict())))
    assert repr(again) == repr(metrics)
    assert again.per_label.equals(metrics.per_label)


@pytest.mark.long
def test_intervals_hold_the_truth_as_often_as_they_say():
    """At least 90 of 100; benchmarks/sets.py has more worlds."""
    for n, n_labels, share, alike in ((40, 4, 0.3, 0.0), (100, 8, 0.1, 0.5)):
        settings = {"share": share, "alike": alike}
        whole = multilabel_metrics(*world(20_000, n_labels, 0, **settings), 0.5, ids(n_labels))
        held = dict.fromkeys(whole.FIGURES, 0)
        for seed in range(1, 101):
            metrics = multilabel_metrics(*world(n, n_labels, seed, **settings), 0.5, ids(n_labels))
            for name in held:
                held[name] += metrics[name].low <= whole[name] <= metrics[name].high
        assert min(held.values()) >= 88, held


def test_of_whole_groups_the_intervals_hold_although_their_items_are_alike():
    held, plain = np.zeros(4), np.zeros(4)
    group = np.repeat(np.arange(12), 15)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        skill = 1 + rng.normal(size=12)[group, None] * 0.8  # how well the model knows the group
        truth = rng.random((180, 3)) < 0.4
        on = (np.where(truth, 1, -1) * (skill + rng.normal(size=truth.shape)) > 0).astype(float)
        rate = 0.5 * (1 + math.erf(1 / math.sqrt(2 * (1 + 0.64))))  # P(right) of a decision
        true_f1 = 2 * 0.4 * rate / (2 * 0.4 * rate + 0.6 * (1 - rate) + 0.4 * (1 - rate))
        for kept, groups in ((held, group), (plain, None)):
            metrics = multilabel_metrics(truth, on, 0.5, ids(3), groups=groups)
            figures = metrics["macro_f1"], metrics["micro_f1"], metrics["hamming"]
            kept[:3] += [f.low <= value <= f.high for f, value in
                         zip(figures, (true_f1, true_f1, 1 - rate), strict=True)]
            row = metrics.per_label.iloc[0]
            kept[3] += row["f1_low"] <= true_f1 <= row["f1_high"]
    assert (held >= 88).all(), held
    assert (plain[:3] < 88).all(), plain


def test_a_gain_is_found_and_its_interval_holds():
    held = dict.fromkeys(("macro_f1", "micro_f1", "exact_match"), 0)
    truth, first = world(20_000, 4, 0, skill=0.7)
    second = 0.5 * first + 0.5 * world(20_000, 4, 0, skill=1.2)[1]
    whole = {name: compare_sets(truth, first > .5, second > .5, name).value for name in held}
    assert min(whole.values()) > 0.01
    for seed in range(1, 101):
        truth, first = world(80, 4, seed, skill=0.7)
        second = 0.5 * first + 0.5 * world(80, 4, seed, skill=1.2)[1]
        for name in held:
            gain = compare_sets(truth, first > .5, second > .5, name)
            held[name] += gain.low <= whole[name] <= gain.high
    assert min(held.values()) >= 88, held


def test_a_gain_is_the_difference_of_both_figures():
    truth, probs = world(100, 4, 1)
    _, other = world(100, 4, 2)
    for name in ("macro_f1", "micro_f1", "exact_match"):
        first, second = (multilabel_metrics(truth, p, 0.5, ids(4))[name] for p in (probs, other))
        gain = compare_sets(truth, probs >= .5, other >= .5, name)
        assert gain == pytest.approx(second - first)
        assert gain.low < gain < gain.high
        assert compare_sets(truth, other >= .5, probs >= .5, name) == pytest.approx(-gain)


def test_two_equal_models_have_no_gain_and_an_interval_with_a_width():
    truth, probs = world(50, 3, 1)
    for name in ("macro_f1", "micro_f1", "exact_match"):
        gain = compare_sets(truth, probs >= .5, probs >= .5, name)
        assert gain == 0
        assert -0.2 < gain.low < 0 < gain.high < 0.2


def test_a_difference_in_a_label_that_no_item_has_is_no_gain_in_macro_f1():
    truth, probs = world(50, 2, 1)
    truth[:, 1] = 0
    on = probs >= .5
    other = np.column_stack([on[:, 0], ~on[:, 1]])
    gain = compare_sets(truth, on, other)
    assert gain.low < gain == 0 < gain.high
    assert compare_sets(truth, on, other, "micro_f1") != 0


def test_a_gain_on_few_items_is_held_by_its_interval():
    """One item of 20 differs, in all its labels; without the items taken to be unseen 82 of 100 intervals held it."""
    def pair(n, seed):
        truth, probs = world(n, 4, seed)
        rare = np.random.default_rng(seed + 500).random((n, 1)) < 0.05
        return truth, probs > .5, np.where(rare, 1 - probs, probs) > .5

    whole = compare_sets(*pair(40_000, 0)).value
    gains = [compare_sets(*pair(60, seed)) for seed in range(1, 101)]
    assert sum(gain.low <= whole <= gain.high for gain in gains) >= 88


def test_thresholds_follow_the_probabilities_where_there_are_many_items():
    truth, probs = world(4_000, 2, 0, share=0.2)
    low = probs / (probs + 6 * (1 - probs))  # a net that says less than it should
    limits = best_thresholds(truth, low)
    grid = np.linspace(0.01, 0.9, 60)
    for k in range(2):
        best = max(f1_score(truth[:, k], low[:, k] >= limit) for limit in grid)
        assert f1_score(truth[:, k], low[:, k] >= limits[k]) > best - 0.01


def test_thresholds_of_few_items_are_better_than_the_best_of_those_items_and_than_a_half():
    """Items with a label are rare; a net that says the truth, and one that says too little."""
    def f1(truth, on):
        return 2 * (truth & on).sum() / max(1, truth.sum() + on.sum())

    for slope, shift in ((1, 0), (0.5, -1)):
        gain = []
        for seed in range(100):
            rng = np.random.default_rng(seed)
            odds = rng.normal(-2, 2, 3_000)
            truth = rng.random(3_000) < 1 / (1 + np.exp(-odds))
            probs = 1 / (1 + np.exp(-slope * odds - shift))
            few, many = slice(0, 30), slice(30, None)
            if truth[few].any():
                raw = max(np.unique(probs[few]), key=lambda limit: f1(truth[few], probs[few] >= limit))
                ours = best_thresholds(truth[few, None], probs[few, None])
                scores = [f1(truth[many], probs[many] >= limit) for limit in (ours, raw, 0.5)]
                gain.append([scores[0] - scores[1], scores[0] - scores[2]])
        against_raw, against_half = np.mean(gain, axis=0)
        assert against_half > 0.02
        assert against_raw > (0.015 if slope == 1 else -0.03)


def test_a_label_that_no_item_has_or_all_have_keeps_a_half():
    assert best_thresholds([[0, 1], [0, 1], [NAN, 1]], [[.1, .2], [.2, .3], [.9, .9]]).tolist() == [0.5, 0.5]


def test_items_without_weight_have_no_say_in_thresholds():
    truth, probs = world(200, 1, 0)
    weights = np.ones(200)
    weights[100:] = 0
    flipped = truth.copy()
    flipped[100:] = 1 - flipped[100:]
    ours = [best_thresholds(some, probs, weights) for some in (truth, flipped)]
    assert ours[0] == ours[1]


def test_each_label_has_a_reliability_of_its_own():
    rng = np.random.default_rng(0)
    probs = rng.random((2_000, 2))
    truth = (rng.random(probs.shape) < [1, 0.5] * probs).astype(float)  # the second says twice what is true
    table = reliability_of_labels(truth, probs, ["a", "b"], n_bins=5)
    off = (table["confidence"] - table["right"]).groupby(table["label_id"]).mean()
    assert off["a"] == pytest.approx(0, abs=0.03)
    assert off["b"] == pytest.approx(0.25, abs=0.03)
    ece = multilabel_metrics(truth, probs, 0.5, ["a", "b"]).per_label["ece"]
    assert ece["a"] < 0.05
    assert ece["b"] == pytest.approx(0.25, abs=0.03)


def test_what_does_not_fit_is_refused_with_a_reason():
    with pytest.raises(ShapeError, match=r"probs has shape \(2, 1\)"):
        multilabel_metrics([[1, 0], [0, 1]], [[.1], [.2]], 0.5, ["a", "b"])
    with pytest.raises(BadInput, match=r"truth has 0\.5; 1 \(on\), 0 \(off\) or NaN"):
        multilabel_metrics([[0.5]], [[.1]], 0.5, ["a"])
    with pytest.raises(ShapeError, match="thresholds have shape"):
        multilabel_metrics([[1, 0]], [[.1, .2]], [0.5, 0.5, 0.5], ["a", "b"])
    with pytest.raises(BadInput, match="figure 'hamming' can't be compared"):
        compare_sets([[1]], [[1]], [[1]], "hamming")
    with pytest.raises(ShapeError, match="3 groups for 1 items"):
        multilabel_metrics([[1]], [[.1]], 0.5, ["a"], groups=[1, 2, 3])
