"""Gold and hidden tests: the posterior of a person's accuracy, and the sequential test of their answers."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.gold_tests import GOLD_COLUMNS, accuracy, gold_figures, run_length, sequential_test


def test_accuracy_is_the_beta_posterior_of_its_prior():
    estimate = accuracy([True] * 45 + [False] * 5)
    assert (round(estimate.low, 3), round(estimate.high, 3)) == (0.795, 0.961)  # Jeffreys' interval of 45 in 50
    assert estimate.value == pytest.approx(45.5 / 51)
    informed = accuracy([False], prior=(9, 1))
    assert informed.value == pytest.approx(9 / 11)
    assert informed.high == pytest.approx(beta(9, 2).ppf(0.975))


def test_accuracy_reaches_the_ends_and_is_undefined_without_answers():
    assert accuracy([True] * 5).high == 1.0
    assert accuracy([False] * 5).low == 0.0
    assert math.isnan(accuracy([]))
    assert "no gold" in accuracy([]).why


def test_the_interval_of_accuracy_holds_the_truth():
    rng = np.random.default_rng(0)
    truths = rng.uniform(0.5, 1, 2_000)
    held = [accuracy(rng.random(40) < truth) for truth in truths]
    assert 0.935 <= np.mean([e.low <= truth <= e.high for e, truth in zip(held, truths, strict=True)]) <= 0.97


@pytest.mark.parametrize(("answers", "state", "n_since"), [
    ([], "open", 0),
    ([0, 0], "open", 2),
    ([0, 0, 0], "alarm", 0),           # 3 log 3 = 3.30 is above log 19 = 2.94
    ([0, 0, 1, 0], "alarm", 0),        # 3 log 3 - log(9/7) = 3.04
    ([0, 1, 1, 0, 0], "open", 5),      # 3 log 3 - 2 log(9/7) = 2.79
    ([1] * 11, "open", 11),
    ([1] * 12, "fine", 0),             # 12 log(9/7) = 3.02
    ([1] * 12 + [0, 0, 0], "alarm", 0),
    ([1] * 12 + [0, 0], "fine", 2),
])
def test_the_sequential_test_ends_at_walds_bounds(answers, state, n_since):
    test = sequential_test([bool(right) for right in answers])
    assert (test.state, test.n_since, test.n) == (state, n_since, len(answers))


def test_after_a_conclusion_a_new_test_begins():
    test = sequential_test([False] * 3 + [True] * 12 + [False] * 7)
    assert test.conclusions == ((3, "alarm"), (15, "fine"), (18, "alarm"), (21, "alarm"))
    assert test.n_alarms == 3
    assert test.log_ratio == pytest.approx(math.log(3))


def test_the_risks_of_one_test_are_at_most_what_wald_promises():
    good, poor = run_length(0.9), run_length(0.7)
    assert good.p_alarm <= 0.05 / 0.95
    assert 1 - poor.p_alarm <= 0.05 / 0.95
    # Wald's approximation of the mean number of answers, which leaves out what goes beyond a bound.
    expected = (0.95 * math.log(0.05 / 0.95) + 0.05 * math.log(19)) / (0.9 * math.log(7 / 9) + 0.1 * math.log(3))
    assert expected <= good.n_answers <= 1.2 * expected


def test_the_run_length_is_that_of_simulated_people():
    rng = np.random.default_rng(0)
    for p_right in (0.9, 0.7):
        n_answers = 200_000
        test = sequential_test(rng.random(n_answers) < p_right)
        error = 4 / math.sqrt(test.n_alarms)
        assert n_answers / test.n_alarms == pytest.approx(run_length(p_right).between_alarms, rel=error)
        assert n_answers / len(test.conclusions) == pytest.approx(run_length(p_right).n_answers, rel=0.05)


def test_somebody_always_right_is_never_alarmed():
    assert run_length(1.0).between_alarms == math.inf
    assert run_length(0.0).between_alarms == 3


def test_a_person_has_a_row_and_the_first_answer_to_a_gold_item_counts():
    answers = pd.DataFrame({
        "item_id": ["a", "b", "c", "a", "d"], "annotator": ["ada", "ada", "ada", "ada", "bo"],
        "label": ["y", "y", "y", "x", "x"], "truth": ["x", "x", "x", "x", "x"], "acted_at": [1, 2, 3, 4, 0]})
    figures = gold_figures(answers.sample(frac=1, random_state=1))
    assert list(figures.columns) == GOLD_COLUMNS
    figures = figures.set_index("annotator")
    assert figures.loc["ada", ["n", "n_right", "state", "n_alarms"]].tolist() == [3, 0, "alarm", 1]
    assert figures.loc["bo", "state"] == "open"


def test_a_table_without_answers_gives_a_table_without_rows():
    empty = pd.DataFrame({"item_id": ["a"], "annotator": ["ada"], "label": [None], "truth": ["x"]})
    assert list(gold_figures(empty).columns) == GOLD_COLUMNS
    assert gold_figures(empty).empty
    with pytest.raises(ShapeError, match="truth"):
        gold_figures(empty.drop(columns="truth"))


@pytest.mark.parametrize("call", [
    lambda: accuracy([True], prior=(0, 1)), lambda: accuracy([True], level=1.0), lambda: accuracy([0.3, 0.7]),
    lambda: sequential_test([True], good=0.7, poor=0.9), lambda: sequential_test([True], missed=0.0),
    lambda: sequential_test([[True]]), lambda: run_length(1.5)])
def test_what_cannot_be_used_is_refused(call):
    with pytest.raises(BadInput):
        call()
