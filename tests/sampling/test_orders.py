"""The beginning of an order is that of the whole order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.sampling import orders
from hitl_widgets.sampling.audit import Audit
from hitl_widgets.sampling.orders import RandomOrder, best_of
from hitl_widgets.sampling.queue import Queue
from hitl_widgets.sampling.uncertainty import best


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch):
    """What large pools are made for happens in small ones."""
    for name, value in {"BEGUN": 8, "FURTHER": 2, "LARGE": 20, "SAMPLE": 16}.items():
        monkeypatch.setattr(orders, name, value)


@given(seed=st.integers(0, 10**6), n_items=st.integers(1, 200), share=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
       n=st.integers(0, 220), kind=st.sampled_from(["uniform", "ties", "all alike", "beyond 1"]))
def test_the_first_of_a_random_order_are_those_of_the_sorted_pool(seed, n_items, share, n, kind):
    rng = np.random.default_rng(seed)
    draws = {"uniform": rng.random(n_items), "ties": rng.integers(0, 5, n_items) / 5, "all alike": np.ones(n_items),
             "beyond 1": rng.random(n_items) * 1000}[kind]
    order = RandomOrder(draws)
    for _ in range(2):  # also when it is sorted already
        mask = rng.random(n_items) < share
        places = np.flatnonzero(mask)
        expected = places[np.argsort(draws[places], kind="stable")[:n]]
        np.testing.assert_array_equal(order.first(mask, n), expected)


@given(seed=st.integers(0, 10**6), n_items=st.integers(1, 200), share=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
       n=st.integers(0, 220), lowest=st.booleans(), ties=st.booleans())
def test_the_order_without_the_hold_out_is_that_of_the_others(seed, n_items, share, n, lowest, ties):
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, 7, n_items) / 7 if ties else rng.random(n_items)
    holdout = draws < 0.3 if lowest else rng.random(n_items) < 0.3
    order = RandomOrder(draws, without=holdout)
    for _ in range(2):
        mask = (rng.random(n_items) < share) & ~holdout
        places = np.flatnonzero(mask)
        np.testing.assert_array_equal(order.first(mask, n), places[np.argsort(draws[places], kind="stable")[:n]])


def test_items_that_are_never_asked_for_are_not_sorted():
    draws = np.random.default_rng(0).random(400)
    order = RandomOrder(draws, without=draws < 0.2)
    order.first(draws >= 0.2, 3)
    assert sum(map(len, order._parts.values())) < 60


@given(seed=st.integers(0, 10**6), n_items=st.integers(1, 300), share=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
       n=st.integers(0, 320), kind=st.sampled_from(["floats", "ties", "all alike", "mostly unknown", "unknown"]))
def test_the_best_of_a_mask_are_those_of_all_its_scores(seed, n_items, share, n, kind):
    rng = np.random.default_rng(seed)
    scores = {"floats": rng.random(n_items), "ties": rng.integers(0, 3, n_items) / 3, "all alike": np.zeros(n_items),
              "mostly unknown": np.where(rng.random(n_items) < 0.9, np.nan, rng.random(n_items)),
              "unknown": np.full(n_items, np.nan)}[kind].astype(np.float32)
    draws, mask = rng.random(n_items), rng.random(n_items) < share
    places = np.flatnonzero(mask)
    expected = places[best(scores[places], n, tie_break=draws[places])]
    np.testing.assert_array_equal(best_of(mask, scores, n, tie_break=draws), expected)


@given(seed=st.integers(0, 10**6), n_items=st.integers(1, 120), share=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
       ties=st.booleans())
def test_the_audit_reaches_up_to_its_first_open_item(seed, n_items, share, ties):
    rng = np.random.default_rng(seed)
    order = rng.integers(0, 9, n_items) / 9 if ties else rng.random(n_items)
    holdout = rng.random(n_items) < 0.2
    queue = Queue(draws=rng.random(n_items), holdout=holdout, audit=Audit(lambda seed: order, 0.3))
    answered = np.flatnonzero(rng.random(n_items) < share)
    queue.mark_all(answered, "ada", closed=np.ones(len(answered), np.bool_))
    skipped = [place for place in range(0, n_items, 7) if place not in answered]
    for place in skipped:
        queue.mark(place, "ada", closed=False, skipped_at=1)
    queue.gold[::5] = True  # it waits in a line of its own, and ended the audit for good
    reached = []
    for place in sorted(np.flatnonzero(~holdout & ~queue.gold).tolist(), key=lambda place: (order[place], place)):
        if place not in answered and place not in skipped:
            break
        reached.append(place)
    assert queue.audited().tolist() == reached
