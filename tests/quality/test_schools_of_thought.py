"""Schools of thought: found where people agree by groups on what items are, and not where they merely differ."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from hitl_widgets import quality
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import one_school
from hitl_widgets.quality.schools_of_thought import adjusted_rand
from hitl_widgets.quality.votes import encode

spec = importlib.util.spec_from_file_location("schools_benchmark",
                                              Path(__file__).parents[2] / "benchmarks" / "schools.py")
benchmark = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = benchmark
spec.loader.exec_module(benchmark)


def two_schools(n_items=60, n_people=6, divided=20):
    """People of even and odd number agree on all but the first `divided` items."""
    return pd.DataFrame([(f"i{i}", f"p{j}", "cat" if i % 2 == 0 or (i < divided and j % 2) else "dog")
                         for i in range(n_items) for j in range(n_people)],
                        columns=["item_id", "annotator", "label"])


def test_two_planted_schools_are_found_with_their_people_and_items():
    votes, school = benchmark.planted("two of 4", np.random.default_rng(0))
    found = quality.schools(votes)
    assert found.n == 2
    assert isinstance(found.p_value, float)
    assert found.p_value == pytest.approx(1 / 200)
    assert adjusted_rand_score(school, found.members[[f"p{j}" for j in range(8)]]) == 1
    assert found.stability >= 0.9
    assert found.people["agreement_own"].min() > found.people["agreement_others"].max() - 0.1
    assert (found.people["agreement_own"] > found.people["agreement_others"]).all()
    assert "2 schools" in str(found)


def test_the_dividing_items_come_first_with_each_schools_labels():
    found = quality.schools(two_schools())
    assert found.members.to_dict() == {"p0": 1, "p1": 2, "p2": 1, "p3": 2, "p4": 1, "p5": 2}
    assert set(found.dividing_items.index) == {f"i{i}" for i in range(1, 20, 2)}
    first = found.dividing_items.iloc[0]
    assert (first["label_1"], first["label_2"], first["n_1"]) == ("dog", "cat", 3)
    assert first["school 1: dog"] > 0.8 > 0.2 > first["school 2: dog"]
    assert first["division"] > 0.6


def test_soft_targets_keep_both_schools_whoever_voted_more():
    votes = two_schools()
    votes = votes[~((votes["item_id"] == "i1") & votes["annotator"].isin(["p3", "p5"]))]
    found = quality.schools(votes)
    assert np.allclose(found.soft_targets.sum(axis=1), 1)
    assert list(found.soft_targets.columns) == ["cat", "dog"]
    # 3 dog and 1 cat, but schools of the same size.
    assert found.soft_targets.loc["i1", "cat"] > 0.35
    assert found.soft_targets_of[2].loc["i3", "cat"] > 0.8
    assert found.soft_targets_of[1].loc["i3", "dog"] > 0.8


@pytest.mark.long
@pytest.mark.parametrize("kind", ["skill", "confusions, 2 labels", "4 lenient, 4 strict, 2 labels",
                                  "a spammer and one of another opinion", "4 copy a model that is seen"])
def test_people_who_merely_differ_are_one_school(kind):
    alarms = [quality.schools(benchmark.one_school(kind, np.random.default_rng(seed)), n_boot=39).n > 1
              for seed in range(6)]
    assert sum(alarms) <= 2  # of 6 at 5 %: 3 or more once in 400


def test_people_who_copy_a_visible_suggestion_are_a_school_only_where_nobody_says_that_it_was_visible():
    """They agree with each other on the model's errors, which is no idea of their own."""
    votes = benchmark.one_school("4 copy a model that is seen", np.random.default_rng(1))
    assert quality.schools(votes).n == 1
    assert quality.schools(votes[["item_id", "annotator", "label"]]).n == 2
    coded = encode(votes)
    copying = one_school.fit(coded).copying
    assert copying[:4].min() > 0.5 > copying[4:].max()


def test_with_one_school_nothing_divides():
    found = quality.schools(benchmark.one_school("alike", np.random.default_rng(0)))
    assert found.n == 1
    assert found.p_value > 0.05
    assert set(found.members) == {1}
    assert found.dividing_items.empty
    assert found.stability < 0.5
    assert np.isnan(found.people["agreement_others"]).all()
    assert found.soft_targets.equals(found.soft_targets_of[1])


def test_three_schools_are_found():
    votes, school = benchmark.planted("three of 4 people each", np.random.default_rng(0))
    found = quality.schools(votes)
    assert found.n == 3
    assert adjusted_rand_score(school, found.members[[f"p{j}" for j in range(12)]]) == 1
    assert found.stability > 0.8
    assert {"label_1", "label_2", "label_3"} <= set(found.dividing_items.columns)


def test_thinned_votes_of_many_people_are_split_by_the_leading_eigenvector():
    votes, school = benchmark.planted("two, 20 people", np.random.default_rng(0))
    found = quality.schools(votes[np.random.default_rng(0).random(len(votes)) < 0.4], n_boot=39)
    assert found.n == 2
    assert adjusted_rand_score(school, found.members[[f"p{j}" for j in range(20)]]) == 1


@pytest.mark.parametrize(("votes", "words"), [
    (two_schools(n_people=3), "4 people or more"),
    (two_schools(n_people=1), "nobody"),
    (two_schools().iloc[:0], "nobody"),
    (two_schools(n_people=8).loc[lambda v: v["annotator"].str[1:].astype(int) // 2 == v["item_id"].str[1:].astype(int)
                                 % 4], "4 pairs")])
def test_too_few_people_are_one_school_and_the_reason_is_given(votes, words):
    found = quality.schools(votes)
    assert found.n == 1
    assert np.isnan(found.p_value)
    assert words in found.why
    assert words in str(found)
    assert found.plot()._repr_png_()[0].startswith(b"\x89PNG")


def test_who_shares_no_item_is_in_no_school():
    votes = pd.concat([two_schools(), pd.DataFrame([("alone", "zoe", "cat")],
                                                   columns=["item_id", "annotator", "label"])])
    found = quality.schools(votes)
    assert found.n == 2
    assert pd.isna(found.members["zoe"])
    assert "alone" in found.soft_targets.index


def test_everybody_of_one_mind_is_one_school():
    votes = two_schools(divided=0)
    found = quality.schools(votes, n_boot=39)
    assert found.n == 1
    assert found.p_value > 0.05


def test_the_same_seed_gives_the_same_schools():
    votes = benchmark.one_school("skill", np.random.default_rng(3))
    assert quality.schools(votes, n_boot=39, seed=1).p_value == quality.schools(votes, n_boot=39, seed=1).p_value


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ShapeError, match="annotator"):
        quality.schools(pd.DataFrame({"item_id": ["a"], "label": ["x"]}))
    with pytest.raises(BadInput, match="n_boot is 5"):
        quality.schools(two_schools(), n_boot=5)
    with pytest.raises(BadInput, match="level is 2"):
        quality.schools(two_schools(), level=2)


def test_one_school_fits_its_own_draws():
    """Pairs of people agree in data drawn from the fitted model as often as in the votes that it was fitted to."""
    votes = encode(benchmark.one_school("skill", np.random.default_rng(0)))
    model, rng = one_school.fit(votes), np.random.default_rng(1)
    drawn = np.mean([one_school.pairs(one_school.grid(model.draw(votes, rng), votes)) for _ in range(100)], axis=0)
    seen = one_school.pairs(one_school.grid(votes.label, votes))
    assert np.abs(drawn - seen).max() / len(votes.items) < 0.06
    assert np.allclose(model.of_item.sum(axis=1), 1)
    assert np.allclose(model.confusion.sum(axis=2), 1)


def test_the_adjusted_rand_index_is_scikit_learns():
    rng = np.random.default_rng(0)
    for first, second in rng.integers(3, size=(20, 2, 9)):
        assert adjusted_rand(first, second) == pytest.approx(adjusted_rand_score(first, second))
    assert adjusted_rand(first, first) == 1
    assert adjusted_rand(np.zeros(5, int), np.zeros(5, int)) == 1


def test_pairs_are_counted_by_hand():
    table = np.array([[0, 0, 1], [1, -1, 1], [2, 2, 2]])
    assert one_school.pairs(table).tolist() == [[0, 2, 2], [2, 0, 1], [2, 1, 0]]


def test_the_plot_names_people_with_their_school():
    figure = quality.schools(two_schools()).plot()
    assert "p1 (2)" in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert "i1" in [tick.get_text() for tick in figure.axes[1].get_yticklabels()]


def test_one_person_sees_their_own_school_and_how_many_are_in_each():
    whole = quality.schools(two_schools())
    assert whole.sizes.to_dict() == {1: 3, 2: 3}
    assert "p0, p2, p4" in whole._repr_html_()
    seen = whole.seen_by("p1")
    assert seen.members.to_dict() == {"p1": 2}
    assert list(seen.people.index) == list(seen.together.index) == list(seen.together.columns) == ["p1"]
    assert (seen.n, seen.p_value, seen.sizes.to_dict()) == (whole.n, whole.p_value, {1: 3, 2: 3})
    assert seen.dividing_items.equals(whole.dividing_items)
    page = seen._repr_html_()
    assert "p1, 2 others" in page
    assert "3 people" in page
    axes = seen.plot().axes
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["school 1", "school 2, with p1"]
    assert "i1" in [tick.get_text() for tick in axes[1].get_yticklabels()]
    assert whole.seen_by("somebody").members.empty
    assert whole.seen_by("somebody").plot() is not None


def test_who_is_in_no_school_isn_t_counted_in_one():
    votes = pd.concat([two_schools(), pd.DataFrame({"item_id": ["alone"], "annotator": ["p9"], "label": ["cat"]})])
    found = quality.schools(votes, n_boot=19)
    assert found.sizes.sum() == 6
    assert found.seen_by("p9").plot() is not None
    assert "3 people" in found.seen_by("p9")._repr_html_()
