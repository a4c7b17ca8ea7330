"""Values that were probably given by mistake come back for a second look."""

from __future__ import annotations

import numpy as np
import pytest
from shade_values import KIND, LIGHT, LOOK, SHADE, answer
from shades import NAMES

from hitl_widgets.learn.value_suspects import probability_right
from hitl_widgets.learn.values import FittedAttribute


def fitted(attribute, values, predicted, deviations):
    n = len(values)
    return FittedAttribute(attribute, None, np.arange(n), np.arange(n), tuple(values), predicted, deviations)


def test_a_value_far_from_what_is_expected_is_probably_a_slip():
    rng = np.random.default_rng(0)
    predicted = rng.uniform(2, 8, 100)
    values = predicted + rng.normal(0, 0.5, 100)
    values[0], predicted[0] = 9.5, 2.0  # 15 deviations away
    right = probability_right(fitted(SHADE, values, predicted, np.full(100, 0.5)))
    assert right[0] < 1e-6
    assert (right[1:] > 0.5).mean() > 0.97
    assert right.argmin() == 0


def test_without_slips_hardly_any_value_is_suspected():
    rng = np.random.default_rng(1)
    predicted = rng.uniform(2, 8, 200)
    values = predicted + rng.normal(0, 1, 200)
    right = probability_right(fitted(SHADE, values, predicted, np.ones(200)))
    assert (right < 0.5).sum() <= 1
    assert (right < 0.9).mean() < 0.1


def test_a_choice_that_the_head_hardly_believes_is_probably_a_slip():
    probs = np.tile([0.98, 0.01, 0.01], (50, 1))
    right = probability_right(fitted(LOOK, [NAMES[0]] * 49 + [NAMES[1]], probs, np.full(50, np.nan)))
    assert right[-1] < 0.5 < 0.99 < right[0]


@pytest.fixture
def slipped(values_bench):
    """A workbench in which five of eighty values are far off, and their items."""
    wb = values_bench(SHADE)
    answered = answer(wb, 80, SHADE, noise=0.3)
    wrong = answered[5:80:16]
    for item_id in wrong:
        wb.decide(item_id, values={"shade": 10.0 if LIGHT[item_id] < 5 else 0.0})
    return wb, wrong


def test_slips_come_first_among_second_looks(slipped):
    wb, wrong = slipped
    table = wb.people.second_looks()
    assert list(table) == ["item_id", "annotator", "attribute", "value", "expected", "certainty", "right", "looked"]
    assert set(table["item_id"].head(5)) == set(wrong)
    assert table["right"].head(5).max() < 0.01
    true = [LIGHT[item_id] for item_id in table["item_id"].head(5)]
    assert np.abs(table["expected"].head(5).astype(float) - true).max() < 2
    assert table["right"].is_monotonic_increasing
    assert not table["looked"].any()


def test_the_queue_asks_about_them_again_until_they_are_put_right(slipped):
    wb, wrong = slipped
    first = wb.next(5, queue="second_look")
    assert set(first.ids) == set(wrong)
    for item_id in first.ids:
        wb.decide(item_id, values={"shade": float(LIGHT[item_id])})
    assert set(wb.next(5, queue="second_look").ids).isdisjoint(wrong)


def test_several_attributes_are_looked_at_each(values_bench):
    wb = values_bench(SHADE, LOOK)
    answered = answer(wb, 60, SHADE, LOOK)
    one, other = answered[10], answered[20]
    wb.decide(one, values={"shade": 10.0 if LIGHT[one] < 5 else 0.0, "look": KIND[one]})
    wb.decide(other, values={"shade": float(LIGHT[other]), "look": next(name for name in NAMES if name != KIND[other])})
    table = wb.people.second_looks()
    assert {(one, "shade"), (other, "look")} <= set(zip(table["item_id"], table["attribute"], strict=True))
