"""How far predicted values are from known ones, and how far to trust that."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.value_metrics import ValueMetrics, compare_values, mean_of, spearman, value_metrics

NAN = math.nan


def test_figures_worked_out_by_hand():
    metrics = value_metrics([1, 2, 3, 6], [1.4, 3.6, 3, 4], "ordinal", low=[1, 3, 0, 0], high=[2, 4, 9, 6])
    assert metrics["mae"] == pytest.approx((0.4 + 1.6 + 0 + 2) / 4)
    assert metrics["mean_error"] == pytest.approx(0)
    assert metrics["accuracy"] == 0.5  # 1.4 is 1 and 3 is 3
    assert metrics["within"] == 0.75
    assert metrics.constant_mae == pytest.approx((1.5 + 0.5 + 0.5 + 3.5) / 4)


def test_spearman_equals_scipys():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 80)
    predicted = truth + rng.integers(0, 4, 80)
    assert value_metrics(truth, predicted, "ordinal")["spearman"] == pytest.approx(spearmanr(truth, predicted)[0])


def test_of_choices_there_is_an_accuracy_only():
    metrics = value_metrics(["front", "side", "side", None], ["front", "side", "front", "side"], "choices")
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["mae"].why == "choices have no distance"
    assert "accuracy" in repr(metrics)
    assert "spearman" not in repr(metrics)


def test_missing_values_are_left_out_and_missing_predictions_counted():
    metrics = value_metrics([1, NAN, 3, 4], [1, 2, NAN, 5], n_items=6)
    assert (metrics.n, metrics.left_out) == (2, 1)
    assert metrics["mae"] == 0.5
    assert metrics.coverage == "3 of 6 items answered, 1 of them have no prediction"
    assert value_metrics([NAN], [1.0])["mae"].why == "no item with a known value"
    assert value_metrics([1.0], [NAN])["mae"].why == "none of 1 items has a prediction"


def test_the_log_gives_back_what_was_written():
    rng = np.random.default_rng(0)
    truth = rng.random(30)
    for metrics in (value_metrics(truth, truth + rng.normal(size=30), n_items=40),
                    value_metrics(["a"] * 9, ["a"] * 8 + ["b"], "choices"), value_metrics([], [])):
        again = ValueMetrics.from_dict(json.loads(json.dumps(metrics.to_dict())))
        assert repr(again) == repr(metrics)
        assert {name: repr(metrics[name]) for name in metrics.FIGURES} == \
            {name: repr(again[name]) for name in metrics.FIGURES}


def test_intervals_hold_the_truth_as_often_as_they_say():
    held, n_seeds = dict.fromkeys(("mae", "mean_error", "spearman", "gain"), 0), 200
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        truth, error = rng.normal(size=30), rng.laplace(size=(2, 30))
        metrics = value_metrics(truth, truth + error[0])
        gain = compare_values(truth, truth + error[0], truth + 0.5 * error[0] + 0.2 * error[1])
        normal = spearman(truth, 0.8 * truth + 0.6 * rng.normal(size=30))
        # The expected error of 0.5 a + 0.2 b with a and b of Laplace's distribution: (b1^2 + b1 b2 + b2^2) / (b1 + b2)
        mean_2 = (0.25 + 0.1 + 0.04) / 0.7
        for name, estimate, true in (("mae", metrics["mae"], 1), ("mean_error", metrics["mean_error"], 0),
                                     ("spearman", normal, 6 / math.pi * math.asin(0.4)), ("gain", gain, 1 - mean_2)):
            held[name] += estimate.low <= true <= estimate.high
    assert min(held.values()) >= 0.9 * n_seeds, held


def test_of_whole_groups_the_intervals_hold_although_their_items_are_alike():
    held, plain, group = np.zeros(3), np.zeros(3), np.repeat(np.arange(12), 10)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=12)[group] + 0.5 * rng.normal(size=120)
        predicted = truth + rng.normal(size=12)[group] + 0.5 * rng.normal(size=120)
        rho = 6 / math.pi * math.asin(1.25 / math.sqrt(1.25 * 2.5) / 2)
        true = math.sqrt(1.25) * math.sqrt(2 / math.pi), 0, rho
        for kept, groups in ((held, group), (plain, None)):
            metrics = value_metrics(truth, predicted, groups=groups)
            kept += [f.low <= value <= f.high for f, value in
                     zip((metrics["mae"], metrics["mean_error"], metrics["spearman"]), true, strict=True)]
    assert (held >= 88).all(), held
    assert (plain < 88).all(), plain


def test_a_gain_is_above_0_where_the_second_model_errs_less():
    truth = np.arange(40.0)
    noise = np.random.default_rng(0).random(40)
    gain = compare_values(truth, truth + 1 + noise, truth + noise)
    assert gain == pytest.approx(1)
    other = compare_values(["a", "b"] * 20, ["a", "a"] * 20, ["a", "b"] * 20, "choices")
    assert other == 0.5
    assert other.low > 0.3


def test_two_equal_models_have_no_gain_and_an_interval_with_a_width():
    truth = np.arange(40.0)
    gain = compare_values(truth, truth + 1, truth + 1)
    assert gain.low < gain == 0 < gain.high
    assert gain.high < 0.2


def test_a_correlation_of_few_or_equal_values_says_why_there_is_none():
    assert spearman([1, 2, 3], [1, 2, 3]).why == "a correlation needs 4 items"
    assert spearman([1, 2, 3, 4], [1, 1, 1, 1]).why == "all values are the same"
    assert spearman([1, 2, 3, 4], [1, 2, 3, 4], [1, 1, 1, 1]).low == -1


def test_where_every_value_is_right_the_interval_has_a_width():
    """0.000 (0.000 to 0.000) was told of 12 values: as if it were known that no item would ever be a step off."""
    metrics = value_metrics([3] * 12, [3] * 12, "ordinal")
    unseen = 1.96 ** 2 / (12 + 1.96 ** 2)  # Wilson's upper end of none in 12
    assert (metrics["mae"].low, metrics["mae"].high) == (0, pytest.approx(unseen, abs=1e-3))
    assert (metrics["mean_error"].low, metrics["mean_error"].high) == pytest.approx((-unseen, unseen), abs=1e-3)
    above = value_metrics([1, 2, 3, 4], [2, 3, 4, 5], "ordinal")["mae"]
    assert (above.value, above.low < 1 < above.high) == (1, True)
    gain = compare_values([3] * 12, [3] * 12, [3] * 12, "ordinal")  # two models that are both always right
    assert (gain.low, gain.high) == pytest.approx((-unseen, unseen), abs=1e-3)
    in_groups = value_metrics([3] * 12, [3] * 12, "ordinal", groups=[1] * 6 + [2] * 6)["mae"]
    assert in_groups.high > metrics["mae"].high


def test_a_mean_of_one_cluster_has_no_interval():
    assert math.isnan(mean_of([1, 2, 3], [7, 7, 7]).low)
    assert mean_of([2, 2, 2]) == 2


def test_what_does_not_fit_is_refused_with_a_reason():
    with pytest.raises(BadInput, match="kind 'nominal' is unknown"):
        value_metrics([1], [1], "nominal")
    with pytest.raises(BadInput, match="truth holds values that aren't numbers"):
        value_metrics(["x"], [1])
    with pytest.raises(ShapeError, match="2 true values and 1 predicted"):
        value_metrics([1, 2], [1])
    with pytest.raises(BadInput, match="figure 'rmse' is unknown"):
        value_metrics([1], [1])["rmse"]
