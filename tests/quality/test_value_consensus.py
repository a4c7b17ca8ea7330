"""Values of several people together: who answers high, who at random, and what stays open."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.value_consensus import value_consensus


def world(seed, n_items=120, n_votes=3, n_people=6, *, outliers=0.0):
    """Values with planted offsets and spreads; returns the true items, offsets and spreads too."""
    rng = np.random.default_rng(seed)
    offset, spread = rng.normal(0, 0.8, n_people), np.exp(rng.normal(0, 0.5, n_people))
    item, person = rng.normal(5, 2, n_items), rng.random((n_items, n_people)).argsort(axis=1)[:, :n_votes]
    error = spread[person] * rng.normal(size=person.shape)
    error = np.where(rng.random(person.shape) < outliers, 6 * rng.normal(size=person.shape), error)
    values = pd.DataFrame({"item_id": np.repeat(np.arange(n_items), n_votes),
                           "annotator": [f"p{k}" for k in person.ravel()],
                           "value": (item[:, None] + offset[person] + error).ravel()})
    return values, item + offset.mean(), offset - offset.mean(), spread


def rms(error):
    return float(np.sqrt(np.mean(np.square(error))))


def test_offsets_and_spreads_that_were_planted_are_found():
    values, _, offset, spread = world(0, 400)
    people = value_consensus(values).annotators
    assert people["offset"].to_numpy() == pytest.approx(offset, abs=0.25)
    assert people["spread"].to_numpy() == pytest.approx(spread, rel=0.3)
    assert (people["evidence"].to_numpy().argsort() == (-people["spread"].to_numpy()).argsort()).all()


@pytest.mark.parametrize("outliers", [0.0, 0.08])
def test_consensus_is_nearer_to_the_truth_than_mean_and_median(outliers):
    errors = np.zeros(3)
    for seed in range(10):
        values, item, _, _ = world(seed, outliers=outliers)
        errors += [rms(value_consensus(values, method).values - item) for method in ("model", "mean", "median")]
    assert errors[0] < 0.8 * errors[1:].min()


def test_intervals_hold_the_truth_as_often_as_they_say():
    of_items, of_offsets = [], []
    for seed in range(20):
        values, item, offset, _ = world(seed, 60, 2, 4, outliers=0.05 * (seed % 2))
        result = value_consensus(values)
        table, people = result.table, result.annotators
        of_items.append(((table["low"] <= item) & (item <= table["high"])).mean())
        of_offsets.append(((people["offset_low"] <= offset) & (offset <= people["offset_high"])).mean())
    assert 0.91 <= np.mean(of_items) <= 0.98
    assert np.mean(of_offsets) >= 0.88


def test_few_answers_say_little():
    values, *_ = world(1)
    once = pd.concat([values, pd.DataFrame({"item_id": [900, 0], "annotator": ["new", "new"],
                                            "value": [14.0, values["value"][0] + 9]})])
    result = value_consensus(once)
    row, people = result.table.set_index("item_id").loc[900], result.annotators.set_index("annotator")
    assert 5 < row["value"] < 14  # drawn to the mean of all items
    assert row["high"] - row["low"] > 2
    assert people.loc["new", "offset"] < 4
    assert people.loc["new", "offset_high"] - people.loc["new", "offset_low"] > 1


def test_an_answer_of_no_weight_has_no_say():
    values, *_ = world(2)
    values["weight"] = 1.0
    odd = values.assign(value=values["value"].where(values.index != 4, 50.0),
                        weight=values["weight"].where(values.index != 4, 0.0))
    dropped = value_consensus(values.drop(index=4))
    assert value_consensus(odd).table["value"].to_numpy() == pytest.approx(dropped.table["value"], abs=0.02)


def test_with_few_items_in_common_the_median_is_taken():
    values = pd.DataFrame({"item_id": [1, 1, 1, 2], "annotator": ["ann", "bob", "cleo", "ann"], "value": [1, 2, 9, 4]})
    result = value_consensus(values)
    assert result.method == "median"
    assert result.why == "1 items were answered by two people or more; the model needs 10"
    assert result.values.to_dict() == {1: 2, 2: 4}
    assert result.table["n"].tolist() == [3, 1]
    assert np.isnan(result.table["low"]).all()
    assert value_consensus(values, "mean").values.to_dict() == {1: 4, 2: 4}


def test_one_annotator_alone_or_equal_values_give_no_model():
    alone = pd.DataFrame({"item_id": range(20), "annotator": "ann", "value": range(20)})
    assert value_consensus(alone, "model").values.tolist() == list(range(20))
    same = pd.DataFrame({"item_id": np.repeat(range(20), 2), "annotator": ["ann", "bob"] * 20, "value": 3})
    assert value_consensus(same).values.tolist() == [3] * 20
    assert len(value_consensus(same.iloc[:0]).table) == 0


def test_the_consensus_stays_on_the_scale():
    values, *_ = world(3)
    table = value_consensus(values, scale=(4, 6)).table
    assert table[["value", "low", "high"]].to_numpy().min() == 4
    assert table[["value", "low", "high"]].to_numpy().max() == 6


def test_two_people_who_always_agree_have_narrow_intervals():
    values = pd.DataFrame({"item_id": np.repeat(range(30), 2), "annotator": ["ann", "bob"] * 30,
                           "value": np.repeat(range(30), 2)})
    result = value_consensus(values)
    assert result.values.to_numpy() == pytest.approx(np.arange(30), abs=0.1)
    assert result.annotators["spread"].max() < 0.5


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_an_annotator_without_items_in_common_keeps_their_values(noise):
    """What two others differ by says nothing of a third one, such as the author of an import."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, 101)
    rows = [(k, "import", truth[k]) for k in range(40)]
    for k in range(40, 100):
        rows += [(k, "ada", truth[k] + noise * rng.normal()), (k, "bob", truth[k] + 1 + noise * rng.normal())]
    rows += [(100, "ada", truth[100])]
    c = value_consensus(pd.DataFrame(rows, columns=["item_id", "annotator", "value"]))
    offset = c.annotators.set_index("annotator")["offset"]
    assert offset["import"] == pytest.approx(0, abs=1e-9)
    assert offset["bob"] - offset["ada"] == pytest.approx(1, abs=0.15)
    assert offset["bob"] + offset["ada"] == pytest.approx(0, abs=1e-9)
    assert abs(c.table["value"][:40] - truth[:40]).max() < 0.1
    assert np.isfinite(c.table[["low", "high"]].to_numpy()).all()
    assert np.isfinite(c.annotators[["offset_low", "offset_high"]].to_numpy()).all()


def test_what_does_not_fit_is_refused_with_a_reason():
    values, *_ = world(0)
    with pytest.raises(BadInput, match="method 'glad' isn't known"):
        value_consensus(values, "glad")
    with pytest.raises(BadInput, match="weights that are below 0"):
        value_consensus(values.assign(weight=-1.0))
    with pytest.raises(ShapeError, match="lacks annotator"):
        value_consensus(values.drop(columns="annotator"))


def test_a_result_can_be_shown():
    values, *_ = world(0)
    for result in (value_consensus(values), value_consensus(values, "median")):
        assert "6 people" in repr(result)
        assert "p3" in result._repr_html_()


def test_somebody_who_turns_the_scale_round_does_not_spoil_what_the_others_agree_on():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 10, 40)
    said = {"ann": truth + rng.normal(0, 0.5, 40), "ben": truth + rng.normal(0, 0.5, 40), "cleo": 10 - truth}
    values = pd.DataFrame([(f"i{k:02}", who, float(np.clip(of[k], 0, 10))) for k in range(40)
                           for who, of in said.items()], columns=["item_id", "annotator", "value"])
    found = value_consensus(values, scale=(0, 10))
    errors = np.abs(found.table.sort_values("item_id")["value"].to_numpy(float) - truth)
    assert errors.mean() < 0.6
    spread = found.annotators.set_index("annotator")["spread"]
    assert spread["cleo"] > 3 * max(spread["ann"], spread["ben"])
