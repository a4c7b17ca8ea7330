"""The order in which a person is asked gold items."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.sampling.gold_order import gold_order


def unseen(n):
    return np.zeros(n, bool)


def test_each_label_is_asked_equally_often_however_often_gold_has_it():
    labels = np.array(["cat"] * 90 + ["lynx"] * 10 + ["dog"] * 10)
    order = gold_order(labels, unseen(110), np.random.default_rng(0).random(110))
    assert Counter(labels[order[:15]].tolist()) == {"cat": 5, "lynx": 5, "dog": 5}
    assert sorted(order) == list(range(110))


def test_rare_labels_are_half_of_what_is_asked():
    labels = np.array(["cat", "dog", "cow"] * 30 + ["lynx"] * 20)
    order = gold_order(labels, unseen(110), np.random.default_rng(0).random(110), rare=["lynx"])
    assert Counter(labels[order[:12]].tolist()) == {"lynx": 6, "cat": 2, "dog": 2, "cow": 2}


def test_labels_of_a_sensitive_pair_are_asked_twice_as_often():
    labels = np.repeat(["a", "b", "c", "d"], 20)
    order = gold_order(labels, unseen(80), np.random.default_rng(0).random(80), pairs=[("a", "c")])
    assert Counter(labels[order[:24]].tolist()) == {"a": 8, "c": 8, "b": 4, "d": 4}


def test_groups_take_turns_within_a_label():
    labels, groups = np.repeat(["x", "y"], 20), np.array((["north"] * 16 + ["south"] * 4) * 2)
    order = gold_order(labels, unseen(40), np.random.default_rng(0).random(40), groups=groups)
    assert Counter(zip(labels[order[:16]].tolist(), groups[order[:16]].tolist(), strict=True)) == {
        (label, group): 4 for label in "xy" for group in ("north", "south")}


def test_what_was_seen_counts_towards_the_shares():
    labels, seen = np.repeat(["x", "y"], 10), unseen(20)
    seen[:4] = True  # four of x
    order = gold_order(labels, seen, np.random.default_rng(0).random(20))
    assert labels[order[:4]].tolist() == ["y"] * 4
    assert set(labels[order[4:6]]) == {"x", "y"}


def test_two_people_are_asked_in_orders_of_their_own():
    labels = np.repeat(["x", "y"], 50)
    first, second = (gold_order(labels, unseen(100), np.random.default_rng(seed).random(100)) for seed in (0, 1))
    assert first.tolist() != second.tolist()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from("uv")), max_size=30))
def test_whatever_was_seen_is_never_asked_again_and_everything_else_once(rows):
    labels, groups = [row[0] for row in rows], [row[2] for row in rows]
    seen = np.array([row[1] for row in rows], bool)
    order = gold_order(labels, seen, np.linspace(0, 1, len(rows)), rare=["a"], pairs=[("b", "c")], groups=groups)
    assert sorted(order.tolist()) == np.flatnonzero(~seen).tolist()


def test_asking_one_after_the_other_gives_the_order_itself():
    rng = np.random.default_rng(0)
    labels, draws, seen = rng.choice(list("abcd"), 60), rng.random(60), unseen(60)
    whole = gold_order(labels, seen, draws, rare=["d"], pairs=[("a", "b")]).tolist()
    asked = []
    while len(asked) < 60:
        asked.append(int(gold_order(labels, seen, draws, rare=["d"], pairs=[("a", "b")])[0]))
        seen[asked[-1]] = True
    assert asked == whole


def test_arrays_of_another_length_and_half_pairs_are_refused():
    with pytest.raises(ShapeError, match="seen"):
        gold_order(["a", "b"], unseen(3), np.zeros(2))
    with pytest.raises(BadInput, match="pair"):
        gold_order(["a", "b"], unseen(2), np.zeros(2), pairs=["ab"])
