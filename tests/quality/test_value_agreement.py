"""Agreement about values and about sets of labels: published values, a sum over all pairs, and intervals that hold."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import agreement
from hitl_widgets.quality.coefficients import set_distances
from hitl_widgets.quality.value_agreement import value_agreement

NAN = math.nan
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section E: four observers, twelve units.
PUBLISHED = np.array([[1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
                      [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN]])


def table(ratings):
    rows = [(item, f"p{person}", value) for person, row in enumerate(ratings) for item, value in enumerate(row)]
    return pd.DataFrame(rows, columns=["item_id", "annotator", "value"]).dropna()


def by_brute_force(votes, distance):
    """Krippendorff's alpha as its definition says: within items over m - 1, and between all pairs of answers."""
    items = [group["label"].tolist() for _, group in votes.groupby("item_id") if len(group) >= 2]
    every = [label for item in items for label in item]
    observed = sum(distance(a, b) / (len(item) - 1) for item in items for a, b in permutations(item, 2)) / len(every)
    expected = sum(distance(a, b) for a, b in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - observed / expected


def masi(a, b):
    a, b = set(a), set(b)
    if a == b:
        return 0.0
    part = 2 / 3 if a <= b or b <= a else 1 / 3 if a & b else 0.0
    return 1 - part * len(a & b) / len(a | b)


def sets_of(rng, n_items, n_people=3, doubt=0.15):
    true = rng.random((n_items, 4)) < 0.4
    given = true[:, None, :] ^ (rng.random((n_items, n_people, 4)) < doubt)
    rows = [(i, f"p{p}", tuple(np.array(list("abcd"))[given[i, p]])) for i in range(n_items) for p in range(n_people)]
    return pd.DataFrame(rows, columns=["item_id", "annotator", "label"])


@pytest.mark.parametrize(("distance", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_equals_the_published_values(distance, alpha):
    votes = table(PUBLISHED)
    assert value_agreement(votes, distance).alpha.value == pytest.approx(alpha, abs=5e-4)
    ours = agreement(votes.rename(columns={"value": "label"}), distance)
    assert ours["krippendorff_alpha"].value == pytest.approx(alpha, abs=5e-4)


def test_alpha_of_sets_equals_the_sum_over_all_pairs():
    votes = sets_of(np.random.default_rng(0), 20)
    assert any(len(label) == 0 for label in votes["label"])  # none of them is an answer
    for distance, of_pair in (("masi", masi), ("jaccard", lambda a, b: 1 - len({*a} & {*b}) / len({*a} | {*b})
                                               if {*a} | {*b} else 0.0)):
        alpha = agreement(votes, distance)["krippendorff_alpha"]
        assert alpha.value == pytest.approx(by_brute_force(votes, of_pair))
        assert alpha.low < alpha.value < alpha.high


def test_distances_of_sets_worked_out_by_hand():
    distances = set_distances([{"a", "b"}, {"a"}, {"b", "c"}, {"c"}, set(), {"b", "a"}])
    assert distances[0] == pytest.approx([0, 1 - 1 / 2 * 2 / 3, 1 - 1 / 3 * 1 / 3, 1, 1, 0])
    assert distances[4].tolist() == [1, 1, 1, 1, 0, 1]
    assert (distances == distances.T).all()


def test_sets_may_be_tuples_of_names_or_set_ids():
    votes = sets_of(np.random.default_rng(1), 12)
    named = agreement(votes, "masi")
    ids = votes["label"].map(lambda names: "+" + "+".join(sorted(names)))
    texts = votes.assign(label=[", ".join(names) or "none of them" for names in votes["label"]], label_id=ids)
    assert agreement(texts, "masi").table.equals(named.table)
    assert agreement(votes.assign(label=ids), "masi").table.equals(named.table)
    with pytest.raises(BadInput, match="label 'cat' is no set of labels"):
        agreement(votes.assign(label="cat"), "masi")


def test_each_label_of_sets_has_an_alpha_of_on_and_off():
    votes = sets_of(np.random.default_rng(2), 40)
    per_label = agreement(votes, "masi").per_label.set_index("label")
    assert list(per_label.index) == list("abcd")
    for label in "abcd":
        plain = agreement(votes.assign(label=[label in names for names in votes["label"]]))
        row = per_label.loc[label]
        assert row["krippendorff_alpha"] == pytest.approx(plain["krippendorff_alpha"].value)
        assert row["alpha_low"] < row["krippendorff_alpha"] < row["alpha_high"]


def test_a_partly_common_set_disagrees_less_than_a_wholly_different_one():
    near = pd.DataFrame({"item_id": [1, 1, 2, 2, 3, 3], "annotator": ["ann", "bob"] * 3,
                         "label": [("a", "b"), ("a",), ("c",), ("c",), ("d",), ("d",)]})
    far = near.assign(label=[("a", "b"), ("e",), ("c",), ("c",), ("d",), ("d",)])
    alphas = [agreement(votes, "masi")["krippendorff_alpha"].value for votes in (near, far)]
    assert alphas[0] > alphas[1]
    assert alphas[0] > agreement(near.assign(label=near["label"].map(str)))["krippendorff_alpha"].value


def test_distance_interval_wants_numbers():
    votes = pd.DataFrame({"item_id": [1, 1], "annotator": ["ann", "bob"], "label": ["cat", "dog"]})
    with pytest.raises(BadInput, match="labels cat, dog aren't all numbers"):
        agreement(votes, "interval")
    with pytest.raises(BadInput, match="'masi' or 'jaccard' is expected"):
        agreement(votes, "cosine")


def values_of(n_items, n_votes, seed, offsets, *, spread=1.0):
    rng = np.random.default_rng(seed)
    person = rng.random((n_items, len(offsets))).argsort(axis=1)[:, :n_votes]
    value = rng.normal(5, 2, (n_items, 1)) + offsets[person] + spread * rng.normal(size=person.shape)
    return pd.DataFrame({"item_id": np.repeat(np.arange(n_items), n_votes),
                         "annotator": [f"p{k}" for k in person.ravel()], "value": value.ravel()})


@pytest.mark.long
def test_intervals_hold_the_truth_as_often_as_they_say():
    offsets, held = np.random.default_rng(0).normal(0, 0.5, 6), np.zeros(2)
    alpha = value_agreement(values_of(8_000, 3, 0, offsets)).alpha.value
    many = value_agreement(values_of(8_000, 3, 0, np.random.default_rng(0).normal(0, 0.5, 200))).alpha.value
    for seed in range(100):
        same = value_agreement(values_of(30, 3, seed, offsets)).alpha
        others = np.random.default_rng(1_000 + seed).normal(0, 0.5, 6)
        wider = value_agreement(values_of(30, 3, seed, others)).estimate("items and people")
        held += [same.low <= alpha <= same.high, wider.low <= many <= wider.high]
    assert (held >= 90).all(), held


def test_the_mean_difference_is_that_of_all_pairs():
    values = values_of(15, 4, 0, np.zeros(5))
    groups = values.groupby("item_id")["value"]
    pairs = [np.mean([abs(a - b) for a, b in combinations(group, 2)]) for _, group in groups]
    assert value_agreement(values).difference.value == pytest.approx(np.mean(pairs))


def test_pairs_say_who_answers_higher():
    values = pd.DataFrame({"item_id": [1, 1, 2, 2, 3, 3], "annotator": ["ann", "bob"] * 3,
                           "value": [3, 1, 4, 3, 5, 2]})
    row = value_agreement(values).pairs.iloc[0]
    assert (row["first"], row["second"], row["n_items"], row["difference"], row["mae"]) == ("ann", "bob", 3, 2, 2)


def test_planted_values_repeats_and_earlier_ones_do_not_count():
    values = table(PUBLISHED)
    more = pd.concat([values.assign(value=9)[:4], values]).assign(status="decided")  # the last ones count
    planted = values.assign(value=9, status="planted", annotator="p9")
    assert value_agreement(pd.concat([more, planted])).alpha.value == value_agreement(values).alpha.value


def test_a_reader_is_compared_with_enough_others_together():
    values = table([[1, 2, 3], [2, 2, 2], [3, 4, NAN]])
    found = value_agreement(values).seen_by("p0", fewest=2)
    [row] = found.pairs.to_dict("records")
    # Minus the others' means of 2.5, 3 and 2; the five differences are 1, 2, 0, 2 and 1.
    assert (row["first"], row["second"], row["n_items"]) == ("p0", "2 others", 3)
    assert row["difference"] == pytest.approx((-1.5 - 1 + 1) / 3)
    assert row["mae"] == pytest.approx(6 / 5)
    assert row["low"] < row["difference"] < row["high"]
    assert repr(found) == repr(value_agreement(values))
    for reader, fewest in (("p0", 3), ("somebody", 2)):
        assert value_agreement(values).seen_by(reader, fewest=fewest).pairs.empty


def test_without_pairs_or_differences_it_says_why():
    lone = pd.DataFrame({"item_id": [1, 2], "annotator": "ann", "value": [1, 2]})
    assert value_agreement(lone).alpha.why == "no item has values of two annotators"
    assert value_agreement(lone.iloc[:0]).alpha.why == "no item has values of two annotators"
    same = pd.DataFrame({"item_id": [1, 1, 2, 2], "annotator": ["ann", "bob"] * 2, "value": 3})
    assert value_agreement(same).alpha.why == "all values are the same"
    all_agree = same.assign(value=[3, 3, 7, 7])
    assert value_agreement(all_agree).alpha.value == 1
    assert value_agreement(all_agree).alpha.low < 1


def test_what_does_not_fit_is_refused_with_a_reason():
    values = table(PUBLISHED)
    with pytest.raises(ShapeError, match="lacks value"):
        value_agreement(values.drop(columns="value"))
    with pytest.raises(BadInput, match="choices are labels"):
        value_agreement(values.assign(value="front"))
    with pytest.raises(BadInput, match="those of one attribute"):
        value_agreement(values.assign(attribute=["x", "y"] * (len(values) // 2) + ["x"] * (len(values) % 2)))
    with pytest.raises(BadInput, match="distance 'masi' is unknown"):
        value_agreement(values, "masi")
