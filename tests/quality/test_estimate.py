"""An estimate is a number with its interval, and says how far to trust it."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import pytest

from hitl_widgets.errors import BadInput
from hitl_widgets.records import Estimate


def test_an_estimate_is_a_number_with_its_interval():
    estimate = Estimate(0.9, 0.85, 0.94, n=200)
    assert estimate - 0.5 == pytest.approx(0.4)
    assert repr(estimate) == str(estimate) == "0.900 (0.850 to 0.940, n = 200)"
    assert f"{estimate:.1%}" == "90.0%"
    for twin in (copy.deepcopy(estimate), pickle.loads(pickle.dumps(estimate))):
        assert (twin, twin.n, twin.low, twin.high) == (0.9, 200, 0.85, 0.94)


def test_an_unknown_number_says_why():
    assert repr(Estimate(math.nan, why="no answers yet")) == "none (no answers yet)"
    assert math.isnan(Estimate(math.nan))


def test_an_estimate_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate(0.9).low = 0.0


@pytest.mark.parametrize(("low", "high", "n"), [(0.6, 0.4, 10), (0.4, 0.6, -1)])
def test_an_estimate_that_cannot_be_is_refused(low, high, n):
    with pytest.raises(BadInput, match="an estimate from"):
        Estimate(0.5, low, high, n=n)


def test_few_items_behind_a_number_are_told_and_nothing_more():
    """A gain whose interval was above 0 was called "too few to tell", beside a verdict that told it."""
    assert repr(Estimate(0.6, 0.156, 0.832, n=10)) == "0.600 (0.156 to 0.832, n = 10: few items)"
    assert not Estimate(0.6, 0.156, 0.832, n=10).tells
    assert Estimate(0.6, 0.156, 0.832, n=30).tells
