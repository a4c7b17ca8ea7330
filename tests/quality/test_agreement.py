"""Agreement of annotators: published values, undefined ones, intervals, and what is no vote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import agreement
from hitl_widgets.quality.annotator_agreement import COEFFICIENTS, COLUMNS
from hitl_widgets.quality.coefficients import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    kinds_of,
    krippendorff_alpha,
    ordinal_weights,
    percent,
    standard_error,
)
from hitl_widgets.quality.pairwise import Pairs
from hitl_widgets.quality.resampling import LeaveOut, Resamples
from hitl_widgets.quality.votes import encode

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

# Krippendorff (2011), section C, and Gwet's cac.raw4raters: 12 units, 4 observers, some without a vote.
RELIABILITY = """1 1 . 1
2 2 3 2
3 3 3 3
3 3 3 3
2 2 2 2
1 2 3 4
4 4 4 4
1 1 2 1
2 2 2 2
. 5 5 5
. . 1 1
. . 3 ."""

# Six psychiatrists and 15 patients: Gwet's distrib.6raters.
PATIENTS = np.array([[0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
                     [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
                     [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1]], float)

# Two abstractors and 100 pregnancies: Gwet's cont3x3abstractors.
ABSTRACTORS = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]])

# Fourteen raters, ten subjects, five categories: the worked example of Fleiss' kappa (Wikipedia), .210.
FOURTEEN = np.array([[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
                     [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]], float)


def reliability() -> pd.DataFrame:
    return pd.DataFrame([{"item_id": item, "annotator": person, "label": int(label)}
                         for item, line in enumerate(RELIABILITY.splitlines())
                         for person, label in enumerate(line.split()) if label != "."])


def abstractors() -> pd.DataFrame:
    names = ["ectopic", "AIU", "NIU"]
    cells = [(names[i], names[j]) for i in range(3) for j in range(3) for _ in range(ABSTRACTORS[i, j])]
    return pd.DataFrame([{"item_id": item, "annotator": person, "label": label}
                         for item, pair in enumerate(cells) for person, label in zip("ab", pair, strict=True)])


def simulated(rng: np.random.Generator, n_items: int, n_people: int, n_votes: int, *, right: float = 0.8,
              labels: str = "xyz") -> pd.DataFrame:
    true = rng.integers(len(labels), size=n_items)
    person = rng.random((n_items, n_people)).argsort(axis=1)[:, :n_votes].ravel()
    label = np.where(rng.random(len(person)) < right, np.repeat(true, n_votes), rng.integers(len(labels),
                                                                                             size=len(person)))
    return pd.DataFrame({"item_id": np.repeat(np.arange(n_items), n_votes), "annotator": [f"p{k:02}" for k in person],
                         "label": [labels[k] for k in label]})


def ones(counts: np.ndarray) -> np.ndarray:
    return np.ones((1, len(counts)))


def test_krippendorffs_reliability_data() -> None:
    nominal, ordinal = agreement(reliability()), agreement(reliability(), "ordinal")
    assert nominal["krippendorff_alpha"] == pytest.approx(0.743, abs=5e-4)
    assert ordinal["krippendorff_alpha"] == pytest.approx(0.815, abs=5e-4)
    assert nominal["krippendorff_alpha"].n == 11


def test_gwets_values_for_the_same_data() -> None:
    found = agreement(reliability())
    for name, value in (("percent", 0.8181818), ("gwet_ac1", 0.77544), ("fleiss_kappa", 0.76117),
                        ("krippendorff_alpha", 0.74342), ("gwet_ac2", 0.77544)):
        assert found[name] == pytest.approx(value, abs=5e-6), name


def test_gwets_values_and_standard_errors_for_six_psychiatrists() -> None:
    weights = ones(PATIENTS)
    for measured, value, error in ((gwet_ac(PATIENTS, weights), 0.4448007, 0.08418757),
                                   (fleiss_kappa(PATIENTS, weights), 0.4139265, 0.08119291),
                                   (krippendorff_alpha(PATIENTS, weights), 0.4204384, None),
                                   (percent(PATIENTS, weights), 0.5511111, None)):
        assert measured.value[0] == pytest.approx(value, abs=1e-7)
        if error:
            assert standard_error(measured, weights)[0] == pytest.approx(error, abs=1e-7)


def test_ac2_with_quadratic_weights_is_gwets() -> None:
    steps = np.subtract.outer(np.arange(5), np.arange(5))
    measured = gwet_ac(PATIENTS, ones(PATIENTS), credit=1 - steps ** 2 / 16)
    assert measured.value[0] == pytest.approx(0.4837438, abs=1e-7)
    assert standard_error(measured, ones(PATIENTS))[0] == pytest.approx(0.1058227, abs=1e-7)


def test_ordinal_weights_are_gwets() -> None:
    assert ordinal_weights(3) == pytest.approx(np.array([[1, 2 / 3, 0], [2 / 3, 1, 2 / 3], [0, 2 / 3, 1]]))
    assert ordinal_weights(4)[0] == pytest.approx([1, 5 / 6, 1 / 2, 0])


def test_ordinal_distance_gives_ac2_gwets_ordinal_weights() -> None:
    counts = np.zeros((12, 5))
    votes = reliability()
    np.add.at(counts, (votes["item_id"], votes["label"] - 1), 1.0)
    expected = gwet_ac(counts, ones(counts), credit=ordinal_weights(5)).value[0]
    found = agreement(votes, "ordinal")
    assert found["gwet_ac2"] == pytest.approx(expected)
    assert found["gwet_ac2"] > found["gwet_ac1"] == agreement(votes)["gwet_ac1"]


def test_two_abstractors() -> None:
    found = agreement(abstractors())
    for name, value in (("cohen_kappa", 0.7964094), ("gwet_ac1", 0.8493305), ("krippendorff_alpha", 0.7972585),
                        ("percent", 0.89)):
        assert found[name] == pytest.approx(value, abs=1e-7), name
    first, second = np.divmod(np.arange(9), 3)
    weights = ABSTRACTORS.reshape(1, 9).astype(float)
    error = standard_error(cohen_kappa(first, second, 3, weights), weights)
    assert error[0] * np.sqrt(99 / 100) == pytest.approx(0.05891072, abs=1e-7)  # Gwet divides by n, not by n - 1


def test_fourteen_raters() -> None:
    assert fleiss_kappa(FOURTEEN, ones(FOURTEEN)).value[0] == pytest.approx(0.210, abs=5e-4)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "crowd").exists(), reason="the data aren't here")
def test_bluebirds() -> None:
    votes = pd.read_csv(DATA / "crowd" / "bluebirds_labels.csv")
    found = agreement(votes.rename(columns={"worker": "annotator", "task": "item_id"}))
    assert found["krippendorff_alpha"] == pytest.approx(0.1255, abs=1e-4)
    assert found["gwet_ac1"] == pytest.approx(0.2218, abs=1e-4)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "text" / "convabuse_dev.csv").exists(), reason="the data aren't here")
def test_convabuse_with_own_repeats_kept_apart() -> None:
    votes = pd.read_csv(DATA / "text" / "convabuse_dev.csv").rename(columns={"annotator_id": "annotator"})
    levels = ["is_abuse.1", "is_abuse.0", "is_abuse.-1", "is_abuse.-2", "is_abuse.-3"]
    votes["label"] = votes[levels].to_numpy().argmax(axis=1)
    text = ["conv_id", "prev_agent", "prev_user", "agent", "user"]
    votes["item_id"] = votes[text].astype(str).agg("|".join, axis=1)
    votes["repeat_of"] = np.where(votes.duplicated(["item_id", "annotator"]), "earlier", None)
    found = agreement(votes)
    assert found["krippendorff_alpha"] == pytest.approx(0.3809, abs=1e-4)
    assert agreement(votes, "ordinal")["krippendorff_alpha"] == pytest.approx(0.6394, abs=1e-4)
    abuse = votes.assign(label=np.where(votes["label"] >= 2, "abuse", "none"))
    assert agreement(abuse)["krippendorff_alpha"] == pytest.approx(0.6016, abs=1e-4)
    assert found.n_repeated == 0
    everybody = found.within.set_index("annotator").loc["all"]
    assert everybody["n"] == 95  # 3,119 rows, 3,024 of them first votes
    assert found["percent"] < everybody["value"]


def test_kappa_of_two_is_that_of_sklearn() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        votes = simulated(rng, 30, 2, 2)
        wide = votes.pivot_table(index="item_id", columns="annotator", values="label", aggfunc="first")
        found = agreement(votes)
        assert found["cohen_kappa"] == pytest.approx(cohen_kappa_score(wide["p00"], wide["p01"]))
        assert found.pairs["cohen_kappa"][0] == pytest.approx(found["cohen_kappa"])


def test_kappa_of_several_is_the_mean_over_pairs_weighted_by_their_items() -> None:
    votes = simulated(np.random.default_rng(4), 60, 4, 2)
    wide = votes.pivot_table(index="item_id", columns="annotator", values="label", aggfunc="first")
    kappas, items = [], []
    for one in range(4):
        for other in range(one + 1, 4):
            both = wide[[f"p{one:02}", f"p{other:02}"]].dropna()
            kappas.append(cohen_kappa_score(*both.to_numpy().T))
            items.append(len(both))
    found = agreement(votes)
    assert found["cohen_kappa"] == pytest.approx(np.average(kappas, weights=items))
    assert found.pairs["cohen_kappa"].tolist() == pytest.approx(kappas)
    assert found.pairs["n_items"].tolist() == items
    assert (found.pairs["low"] < found.pairs["cohen_kappa"]).all()
    assert (found.pairs["cohen_kappa"] < found.pairs["high"]).all()


def test_a_reader_is_compared_with_enough_others_together_and_never_with_one() -> None:
    votes = simulated(np.random.default_rng(4), 60, 6, 2)
    whole = agreement(votes)
    own = whole.pairs[(whole.pairs["first"] == "p02") | (whole.pairs["second"] == "p02")]
    seen = whole.seen_by("p02", fewest=5)
    [row] = seen.pairs.to_dict("records")
    assert (row["first"], row["second"], row["why"]) == ("p02", "5 others", "")
    items = votes.groupby("item_id").filter(lambda of: len(of) >= 2 and "p02" in set(of["annotator"]))
    assert row["n_items"] == items["item_id"].nunique()
    assert row["percent"] == pytest.approx(np.average(own["percent"], weights=own["n_items"]))
    assert row["cohen_kappa"] == pytest.approx(np.average(own["cohen_kappa"], weights=own["n_items"]))
    assert row["low"] < row["cohen_kappa"] < row["high"]
    assert list(seen.pairs) == list(whole.pairs)
    assert repr(seen) == repr(whole)
    assert seen.plot() is not None
    for reader, fewest in (("p02", 6), ("somebody", 5)):
        assert whole.seen_by(reader, fewest=fewest).pairs.empty
        assert list(whole.seen_by(reader, fewest=fewest).pairs) == list(whole.pairs)


def test_the_columns_of_the_table() -> None:
    table = agreement(reliability()).table
    assert table.columns.tolist() == COLUMNS
    assert COLUMNS[:7] == ["coefficient", "value", "low", "high", "n_items", "n_annotators", "over"]
    assert set(table["coefficient"]) == set(COEFFICIENTS)
    assert (table["low"].isna() | (table["low"] <= table["value"])).all()


def test_one_label_only_is_undefined_and_not_perfect() -> None:
    votes = pd.DataFrame({"item_id": [1, 1, 2, 2, 3, 3], "annotator": list("ababab"), "label": ["cat"] * 6})
    found = agreement(votes)
    for name in ("cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "gwet_ac1"):
        assert np.isnan(found[name])
        assert "one label" in found[name].why
    assert np.isnan(agreement(votes, labels=["cat", "dog"])["krippendorff_alpha"])
    assert found["percent"] == 1
    assert found["percent"].low == pytest.approx(0.025 ** (1 / 3), abs=0.01)  # none of 3 items differs
    assert np.isnan(found.per_label["gwet_ac1"]).all()
    assert "none" in repr(found)


def test_without_items_of_two_annotators_nothing_is_known() -> None:
    votes = pd.DataFrame({"item_id": [1, 2, 3], "annotator": list("aba"), "label": ["cat", "dog", "dog"]})
    found = agreement(votes)
    assert found.table["value"].isna().all()
    assert (found.table["why"] == "no item has votes of two annotators").all()
    assert found.pairs.empty
    assert found.per_label["krippendorff_alpha"].isna().all()
    none = agreement(votes.head(0))
    assert none.table["value"].isna().all()
    assert none._repr_html_()


def test_an_interval_of_those_who_never_differ_has_a_width() -> None:
    votes = pd.DataFrame({"item_id": np.repeat(np.arange(20), 2), "annotator": ["a", "b"] * 20,
                          "label": np.repeat(["cat", "dog"] * 10, 2)})
    found = agreement(votes)
    for name in COEFFICIENTS:
        assert found[name] == 1
        assert found[name].high == 1
        # None of 20 differs, so that up to 1 - .025^(1/20) = .168 of all may.
        low = 1 - 0.168 if name == "percent" else 1 - 2 * 0.168
        assert found[name].low == pytest.approx(low, abs=0.02), name


def test_items_that_are_all_alike_give_no_interval_of_no_width() -> None:
    votes = pd.DataFrame({"item_id": np.repeat(np.arange(5), 2), "annotator": ["a", "b"] * 5, "label": ["x", "y"] * 5})
    found = agreement(votes)
    for name in COEFFICIENTS:
        assert not np.isnan(found[name])
        assert np.isnan(found[name].low)
        assert "alike" in found[name].why
    assert "alike" in found.pairs["why"][0]
    assert found.plot()


def test_planted_rows_and_own_repeats_are_no_votes() -> None:
    votes = simulated(np.random.default_rng(0), 30, 3, 2)
    planted = votes.head(20).assign(label="z", planted=True)
    again = votes.tail(20).assign(label="x", repeat_of="earlier")
    mixed = pd.concat([votes.assign(planted=False, repeat_of=None), planted.assign(repeat_of=None),
                       again.assign(planted=False)], ignore_index=True)
    pd.testing.assert_frame_equal(agreement(mixed).table, agreement(votes).table)


def test_agreement_with_oneself_compares_a_repeat_with_the_first_vote() -> None:
    rows = [("x", "ann", "cat", None, 1), ("y", "ann", "dog", None, 2), ("x", "ann", "cat", "d1", 3),
            ("y", "ann", "cat", "d2", 4), ("x", "bob", "cat", None, 5), ("x", "bob", "cat", "d5", 6),
            ("y", "bob", "dog", None, 7), ("y", "bob", "dog", None, 8)]
    votes = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "repeat_of", "acted_at"])
    votes["acted_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(votes["acted_at"], unit="h")
    within = agreement(votes.iloc[::-1]).within.set_index("annotator")
    assert within["n"].to_dict() == {"ann": 2, "bob": 1, "all": 3}
    assert within["value"].to_dict() == {"ann": 0.5, "bob": 1.0, "all": pytest.approx(2 / 3)}
    assert (within["low"] < within["value"]).all()
    assert agreement(votes.drop(columns="repeat_of")).within.empty
    seen = {fewest: agreement(votes).seen_by("ann", fewest=fewest).within["annotator"].tolist() for fewest in (1, 2)}
    assert seen == {1: ["ann", "all"], 2: ["ann"]}  # "all" of two people is the other one's, too


def test_ordinal_needs_an_order() -> None:
    votes = pd.DataFrame({"item_id": [1, 1, 2, 2], "annotator": list("abab"), "label": ["low", "mid", "high", "high"]})
    with pytest.raises(BadInput, match="order"):
        agreement(votes, "ordinal")
    right = agreement(votes, "ordinal", labels=["low", "mid", "high"])["krippendorff_alpha"]
    numbers = votes.assign(label=votes["label"].map({"low": 2, "mid": 9, "high": 10}))
    assert agreement(numbers, "ordinal")["krippendorff_alpha"] == pytest.approx(right)
    texts = numbers.assign(label=numbers["label"].astype(str))  # "10" comes after "9"
    assert agreement(texts, "ordinal")["krippendorff_alpha"] == pytest.approx(right)
    with pytest.raises(BadInput, match="distance"):
        agreement(votes, "interval")


def test_the_number_of_labels_that_could_be_given_counts_for_gwet() -> None:
    votes = simulated(np.random.default_rng(0), 30, 3, 2, labels="xy")
    assert agreement(votes, labels=list("xyz"))["gwet_ac1"] > agreement(votes)["gwet_ac1"]
    suggested = votes.assign(suggestion="w")  # what a model suggested and nobody gave is no label of the votes
    assert agreement(suggested)["gwet_ac1"] == agreement(votes)["gwet_ac1"]


def test_over_people_the_interval_is_wider_and_needs_five_of_them() -> None:
    found = agreement(simulated(np.random.default_rng(1), 100, 8, 3))
    for name in COEFFICIENTS:
        narrow, wide = found[name], found.estimate(name, "items and people")
        assert wide.low < narrow.low < narrow < narrow.high < wide.high
    few = agreement(simulated(np.random.default_rng(1), 100, 3, 3)).estimate("percent", "items and people")
    assert np.isnan(few.low)
    assert "5 annotators" in few.why
    assert not np.isnan(few)


@pytest.mark.long
def test_the_jackknife_over_people_leaves_out_their_votes() -> None:
    votes = simulated(np.random.default_rng(2), 40, 6, 3)
    encoded = encode(votes)
    left_out = LeaveOut(encoded.counts(), encoded.item, encoded.annotator, encoded.label, 6)
    alphas, of_votes = left_out.measure(krippendorff_alpha)
    kappas, _ = Pairs.of(encoded).leave_out(6)
    without = [agreement(votes[votes["annotator"] != f"p{k:02}"]) for k in range(6)]
    assert alphas.tolist() == pytest.approx([found["krippendorff_alpha"].value for found in without])
    assert kappas.tolist() == pytest.approx([found["cohen_kappa"].value for found in without])
    # The variance over votes by slopes is near that by leaving out one vote after the other.
    rest = np.array([agreement(votes.drop(index=row))["krippendorff_alpha"].value for row in votes.index])
    assert of_votes == pytest.approx(((rest - rest.mean()) ** 2).sum(), rel=0.2)


def test_the_mean_of_kappas_of_few_items_has_an_interval_around_the_unbiased_one() -> None:
    votes = simulated(np.random.default_rng(3), 300, 12, 2, right=0.7, labels="xy")  # five items a pair
    found = agreement(votes)
    assert "fewer than 10 items in common" in found["cohen_kappa"].why
    # Of two labels a vote is right in 85 of 100, so that kappa is .7 squared for every pair.
    assert found["cohen_kappa"] < 0.49 < found["cohen_kappa"].high


def test_a_mean_of_kappas_without_each_item_is_that_of_the_other_items() -> None:
    votes = simulated(np.random.default_rng(4), 12, 3, 2)
    means, _, _ = Pairs.of(encode(votes))._without_item(12)
    by_hand = [agreement(votes[votes["item_id"] != item])["cohen_kappa"].value for item in range(12)]
    assert means.tolist() == pytest.approx(by_hand)


def test_per_label_is_each_label_against_the_rest() -> None:
    votes = simulated(np.random.default_rng(5), 50, 4, 3)
    found = agreement(votes)
    table = found.per_label.set_index("label")
    for label in "xyz":
        alone = agreement(votes.assign(label=np.where(votes["label"] == label, "it", "rest")))
        assert table.loc[label, "krippendorff_alpha"] == pytest.approx(alone["krippendorff_alpha"])
        assert table.loc[label, "gwet_ac1"] == pytest.approx(alone["gwet_ac1"])
        assert table.loc[label, "alpha_low"] < table.loc[label, "krippendorff_alpha"] < table.loc[label, "alpha_high"]
    assert table["n_votes"].sum() == len(votes)
    # Weighted by their votes, the labels' own shares of agreement are the share of agreeing pairs.
    assert np.average(table["specific"], weights=table["n_votes"]) == pytest.approx(found["percent"])


def test_over_time_each_item_is_in_one_window() -> None:
    rng = np.random.default_rng(6)
    votes = pd.concat([simulated(rng, 60, 3, 2, right=0.5), simulated(rng, 60, 3, 2, right=0.95).assign(
        item_id=lambda table: table["item_id"] + 60)], ignore_index=True)
    votes["acted_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(votes)), unit="h")
    found = agreement(votes)
    halves = found.over_time(2)
    percents = halves[halves["coefficient"] == "percent"]
    assert percents["n_items"].tolist() == [60, 60]
    assert percents["value"].iloc[0] + 0.2 < percents["value"].iloc[1]
    assert (percents["start"] < percents["end"]).all()
    days = found.over_time("1D")
    assert days.loc[days["coefficient"] == "percent", "n_items"].tolist() == [12] * 10
    with pytest.raises(BadInput):
        found.over_time("often")
    with pytest.raises(ShapeError, match="acted_at"):
        agreement(votes.drop(columns="acted_at")).over_time()


def test_the_same_seed_gives_the_same_interval() -> None:
    votes = simulated(np.random.default_rng(7), 25, 3, 2)
    pd.testing.assert_frame_equal(agreement(votes, seed=1).table, agreement(votes.sample(frac=1, random_state=0),
                                                                            seed=1).table)
    assert agreement(votes, seed=2)["krippendorff_alpha"] == agreement(votes)["krippendorff_alpha"]


def test_slopes_are_derivatives() -> None:
    rng = np.random.default_rng(0)
    counts = rng.multinomial(3, [0.5, 0.3, 0.2], 40).astype(float)
    counts[:4] = [[1, 0, 0], [0, 1, 1], [0, 0, 0], [2, 1, 3]]
    kinds, place = kinds_of(counts)
    sizes = np.bincount(place).astype(float)
    weights = np.vstack([sizes, rng.multinomial(40, sizes / 40, 2)])
    for measure in (percent, fleiss_kappa, gwet_ac, lambda k, w: gwet_ac(k, w, ordinal_weights(3))):
        slope = measure(kinds, weights).slope
        for t in range(len(kinds)):
            step = np.zeros_like(weights)
            step[:, t] = 1e-5
            by_hand = (measure(kinds, weights + step).value - measure(kinds, weights - step).value) / 2e-5
            assert slope[:, t] == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("ordinal", [False, True])
def test_slopes_of_alpha_are_those_of_many_items(ordinal: bool) -> None:
    rng = np.random.default_rng(0)
    kinds, place = kinds_of(rng.multinomial(3, [0.5, 0.3, 0.2], 40).astype(float))
    weights = np.bincount(place).astype(float)[None] * 1e5  # where the number of votes that is held fixed is no matter
    slope = krippendorff_alpha(kinds, weights, ordinal=ordinal).slope[0]
    for t in range(len(kinds)):
        step = np.zeros_like(weights)
        step[0, t] = 100.0
        more, less = (krippendorff_alpha(kinds, weights + sign * step, ordinal=ordinal).value[0] for sign in (1, -1))
        assert slope[t] == pytest.approx((more - less) / 200, rel=1e-3, abs=1e-12)


def test_intervals_of_alpha_hold_the_truth_where_one_label_is_rare() -> None:
    # Two votes of a 90/10 pool, each right in 85 of 100: the share of such pairs by hand.
    second = 0.9 * 0.15 + 0.1 * 0.85
    same = 0.85 ** 2 + 0.15 ** 2
    chance = second ** 2 + (1 - second) ** 2
    truth = (same - chance) / (1 - chance)
    both, neither = 0.9 * 0.15 ** 2 + 0.1 * 0.85 ** 2, 0.9 * 0.85 ** 2 + 0.1 * 0.15 ** 2
    kinds = np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0], [1.0, 1.0]])
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        sizes = np.append(rng.multinomial(40, [neither, 1 - both - neither, both]), 0).astype(float)
        found = Resamples(sizes, rng).interval(lambda weights: krippendorff_alpha(kinds, weights), 40)
        held += found.low <= truth <= found.high
    assert held >= 0.93 * 400


def test_names_of_any_type_and_markup_are_drawn_as_text() -> None:
    votes = simulated(np.random.default_rng(8), 20, 3, 2)
    votes["label"] = votes["label"].map({"x": "<b>", "y": "y", "z": "z"})
    found = agreement(votes)
    assert "krippendorff_alpha" in found._repr_html_()
    panels = found.plot().axes
    assert [text.get_text() for text in panels[0].get_yticklabels()] == list(COEFFICIENTS)
    assert any(text.get_text().startswith("<b>") for text in panels[1].get_yticklabels())
    assert "Agreement: 20 items" in repr(found)
    with pytest.raises(BadInput, match="kappa"):
        found["kappa"]
