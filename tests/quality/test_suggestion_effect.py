"""What seeing a suggestion does: from cards whose arm chance drew, against a truth that nobody gave in its sight."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hitl_widgets import quality
from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality.intervals import newcombe
from hitl_widgets.quality.power import cards_needed, power_of, power_of_counts
from hitl_widgets.quality.suggestion_effect import contrast

spec = importlib.util.spec_from_file_location("automation_bias_benchmark",
                                              Path(__file__).parents[2] / "benchmarks" / "automation_bias.py")
benchmark = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = benchmark
spec.loader.exec_module(benchmark)

COLUMNS = ["item_id", "annotator", "label", "suggestion", "arm", "arm_probability"]


def table(rows, **more):
    votes = pd.DataFrame(rows, columns=COLUMNS)
    votes["shown"] = votes["arm"].map({"shown": True, "no_map": True, "blind": False, "answer_first": False})
    return votes.assign(**more)


def cards(n, arm, k_took, *, took="cat", otherwise="dog", suggestion="cat", who="ada", prefix="", p=0.5):
    return [(f"{prefix}{arm}{k}", who, took if k < k_took else otherwise, suggestion, arm, p) for k in range(n)]


def dogs(votes):
    return dict.fromkeys(votes["item_id"], "dog")


def test_the_effect_is_the_difference_between_arms_where_the_model_is_wrong():
    votes = table(cards(70, "shown", 56) + cards(80, "blind", 48))
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == pytest.approx(0.2)
    assert (bias.effect.low, bias.effect.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # Newcombe (1998), (a)
    assert bias.effect.n == 150


def test_right_and_wrong_suggestions_are_apart_and_anchoring_is_about_all():
    right = cards(40, "shown", 30, suggestion="dog", took="dog", otherwise="cat", prefix="r") \
        + cards(40, "blind", 36, suggestion="dog", took="dog", otherwise="cat", prefix="r")
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4) + right)
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == pytest.approx(0.5 - 0.1)
    assert bias.over_correction.value == pytest.approx(0.25 - 0.1)
    assert bias.anchoring.value == pytest.approx(50 / 80 - 40 / 80)
    assert bias.arms.loc["shown"].tolist() == [80, 40, 40, 20, 0.5]


def test_without_a_truth_of_its_own_there_is_no_effect_but_anchoring():
    bias = quality.automation_bias(table(cards(40, "shown", 20) + cards(40, "blind", 4)))
    assert bias.effect is None
    assert bias.over_correction is None
    assert "truth" in bias.why["effect"]
    assert bias.anchoring.value == pytest.approx(0.4)
    assert "none (" in str(bias)


def test_prefilled_votes_are_never_the_truth():
    rows = [(f"i{k}", who, "cat", "cat", "shown", 0.5) for k in range(30) for who in ("ada", "ben", "cyd")]
    rows += [(f"i{k}", "dan", "dog", "cat", "blind", 0.5) for k in range(30)]
    assert quality.automation_bias(table(rows)).effect is None
    assert quality.automation_bias(table(rows), min_blind=1).effect is None  # no blind card has another blind vote


def test_a_persons_own_blind_vote_is_no_part_of_the_truth_that_judges_it():
    """With it the model would be right more often on just the blind cards, and an effect would appear from nothing."""
    rng = np.random.default_rng(0)
    n, people = 3_000, 5
    truth, model = rng.integers(2, size=n), rng.integers(2, size=n)
    label = np.where(rng.random((people, n)) < 0.7, truth, 1 - truth)
    blind = rng.random((people, n)) < 0.5
    votes = pd.DataFrame({"item_id": np.tile(np.arange(n), people), "annotator": np.repeat(np.arange(people), n),
                          "label": label.ravel(), "suggestion": np.tile(model, people), "shown": ~blind.ravel(),
                          "arm": np.where(blind.ravel(), "blind", "shown"), "arm_probability": 0.5})
    bias = quality.automation_bias(votes)
    assert bias.effect.n > 2_000
    assert bias.effect.low < 0 < bias.effect.high
    assert abs(bias.effect) < 0.04
    # Judged by all blind votes, the difference is far from 0.
    counts = np.stack([((label == k) & blind).sum(axis=0) for k in (0, 1)], axis=1)
    wrong = (counts.sum(axis=1) >= 2) & (counts[:, 0] != counts[:, 1]) & (counts.argmax(axis=1) != model)
    took = (label == model)[:, wrong]
    assert took[~blind[:, wrong]].mean() - took[blind[:, wrong]].mean() > 0.1


def test_ties_and_single_blind_votes_make_no_truth():
    rows = [("a", "ada", "cat", "cat", "shown", 0.5), ("a", "ben", "dog", "cat", "blind", 0.5),
            ("a", "cyd", "cat", "cat", "blind", 0.5), ("b", "ada", "cat", "cat", "shown", 0.5),
            ("b", "ben", "dog", "cat", "blind", 0.5)]
    bias = quality.automation_bias(table(rows))
    assert bias.arms[["n_wrong", "n_right"]].to_numpy().sum() == 0
    more = quality.automation_bias(table(rows), min_blind=1)
    assert more.arms.loc["shown", ["n_wrong", "n_right"]].tolist() == [1, 0]


def test_only_drawn_arms_count():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4))
    noise = table(cards(40, "none", 40) + cards(40, "shown", 40, prefix="x")).assign(shown=True)
    noise.loc[40:, "arm"] = None
    certain = table(cards(40, "shown", 40, prefix="y", p=1.0))
    unknown = table(cards(40, "shown", 40, prefix="z", p=None))
    both = pd.concat([votes, noise, certain, unknown], ignore_index=True)
    bias, alone = quality.automation_bias(both, dogs(both)), quality.automation_bias(votes, dogs(votes))
    assert (bias.effect.value, bias.effect.n) == (alone.effect.value, alone.effect.n)
    assert "no other arm was possible" in bias.notes[0]
    assert bias.randomised


def test_a_table_without_arms_is_measured_and_called_not_randomised():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4))
    plain = votes.drop(columns=["arm", "arm_probability"])
    bias = quality.automation_bias(plain, dogs(votes))
    assert bias.effect.value == pytest.approx(0.4)
    assert not bias.randomised
    assert "chance did not draw" in bias.notes[0]
    assert quality.automation_bias(votes.assign(arm=None), dogs(votes)).effect is None


def test_answer_first_counts_as_blind_and_tells_how_often_people_revise():
    rows = cards(40, "shown", 20) + cards(40, "answer_first", 4)
    votes = table(rows, label_after=None)
    first = votes.index[votes["arm"] == "answer_first"]
    votes.loc[first, "label_after"] = votes.loc[first, "label"]
    votes.loc[first[4:13], "label_after"] = "cat"
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == pytest.approx(0.4)
    assert bias.revised.value == pytest.approx(9 / 40)
    assert bias.revised_to_suggestion.value == pytest.approx(9 / 36)


def test_the_maps_share_is_with_map_minus_without():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4) + cards(40, "no_map", 12))
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.map_share.value == pytest.approx(0.2)
    assert bias.effect.value == pytest.approx(0.4)
    assert quality.automation_bias(votes[votes["arm"] != "no_map"], dogs(votes)).map_share is None


def test_cards_weigh_by_the_inverse_of_their_arms_probability():
    """Audit items are harder and blind more often; unweighted they would dominate the blind cards alone."""
    queue = cards(900, "shown", 90, p=0.9) + cards(100, "blind", 10, p=0.1)
    audit = cards(100, "shown", 50, prefix="a") + cards(100, "blind", 50, prefix="a")
    votes = table(queue + audit)
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == pytest.approx(0.0)
    assert bias.effect.low < 0 < bias.effect.high
    assert (90 + 50) / 1000 - (10 + 50) / 200 < -0.15  # what the plain difference would have been


def test_plants_are_a_figure_of_their_own_and_no_votes():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4))
    gold = [(f"g{k}", "ben", "cat" if k < 2 else "dog", None, None, None) for k in range(40)]
    gold = pd.DataFrame(gold, columns=COLUMNS).assign(shown=False)
    plants = [(f"g{k}", "ada", "cat" if k < 18 else "dog", "cat", None, None) for k in range(36)]
    plants = pd.DataFrame(plants, columns=COLUMNS).assign(shown=True, planted=True)
    every = pd.concat([votes, gold, plants], ignore_index=True)
    bias = quality.automation_bias(every, dogs(every))
    assert bias.planted.value == pytest.approx(18 / 36 - 2 / 40)
    assert (bias.planted.low, bias.planted.high) == pytest.approx(newcombe(18, 36, 2, 40))
    alone = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == alone.effect.value
    assert bias.anchoring.value == alone.anchoring.value
    assert alone.planted is None
    assert alone.why["planted"] == "nothing was planted"


def test_plants_are_compared_with_gold_alone():
    gold = pd.DataFrame([(f"g{k}", "ben", "cat" if k < 2 else "dog", None, None, None) for k in range(40)],
                        columns=COLUMNS).assign(shown=False, chosen_by="gold")
    plants = pd.DataFrame([(f"g{k}", "ada", "cat" if k < 18 else "dog", "cat", None, None) for k in range(36)],
                          columns=COLUMNS).assign(shown=True, planted=True, chosen_by="planted")
    holdout = pd.DataFrame([(f"h{k}", who, "cat" if who == "cy" else "dog", None, None, None) for k in range(30)
                            for who in ("ada", "ben", "cy", "dan")], columns=COLUMNS)
    holdout = holdout.assign(shown=False, chosen_by="holdout")
    truth = {f"g{k}": "dog" for k in range(40)}
    every = pd.concat([gold, plants, holdout], ignore_index=True)
    for known in (truth, truth | {f"h{k}": "dog" for k in range(30)}):
        bias = quality.automation_bias(every, known)
        assert bias.planted.value == pytest.approx(18 / 36 - 2 / 40)
        assert (bias.planted.low, bias.planted.high) == pytest.approx(newcombe(18, 36, 2, 40))
        assert bias.planted.n == 36 + 40
    without = quality.automation_bias(every)
    assert without.planted is None
    assert "truth= has none of the items" in without.why["planted"]


def test_people_and_labels_have_figures_of_their_own():
    rows = cards(60, "shown", 30) + cards(60, "blind", 6) + cards(60, "shown", 6, who="ben", prefix="b") \
        + cards(60, "blind", 6, who="ben", prefix="b")
    right = cards(60, "shown", 54, took="dog", suggestion="dog", otherwise="cat", prefix="r")
    votes = table(rows + right)
    bias = quality.automation_bias(votes, dogs(votes))
    people = bias.per_annotator
    assert people["effect"].to_dict() == pytest.approx({"ada": 0.4, "ben": 0.0})
    assert tuple(people.loc["ada", ["effect_low", "effect_high"]]) == pytest.approx(newcombe(30, 60, 6, 60))
    assert people.loc["ada", "d_prime"] == pytest.approx(1.2446, abs=1e-3)  # z(54.5/61) - z(30.5/61)
    assert np.isnan(people.loc["ben", "d_prime"])
    assert bias.per_label.loc["cat", "effect"] == pytest.approx(0.2)
    assert np.isnan(bias.per_label.loc["dog", "effect"])
    assert bias.across_people.n == 2


def test_items_that_people_share_widen_the_interval_where_copying_depends_on_the_item():
    rows = [(f"i{k}", who, "cat" if k % 2 and arm == "shown" else "dog", "cat", arm, 0.5)
            for k in range(20) for j, who in enumerate("abcdefgh") for arm in [("shown", "blind")[(j + k // 2) % 2]]]
    votes = table(rows)
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect.value == pytest.approx(0.5)
    plain = newcombe(40, 80, 0, 80)
    assert bias.effect.high - bias.effect.low > 1.5 * (plain[1] - plain[0])


def test_an_arm_that_came_later_does_not_stand_for_the_cards_before_it():
    """Answer first came when the model had become better: anchoring was -.11 where seeing suggestions did nothing."""
    early = cards(900, "shown", 540, p=0.9, prefix="e") + cards(100, "blind", 60, p=0.1, prefix="e")
    late = cards(400, "shown", 360, p=0.4, prefix="l") + cards(100, "blind", 90, p=0.1, prefix="l") \
        + cards(500, "answer_first", 450, p=0.5, prefix="l")
    bias = quality.automation_bias(table(early + late))
    assert bias.anchoring.value == pytest.approx(0, abs=1e-9)
    assert "answer_first was possible for a part" in str(bias)
    late_only = quality.automation_bias(table(late))
    assert late_only.anchoring.n == 1000  # where both are possible, both count
    assert "a part" not in str(late_only)


def test_answers_that_are_alike_on_shared_items_leave_a_width():
    """Shown and blind answers to the same 100 items were all the same: the interval had no width."""
    rows = [(f"i{k}", who, "cat" if k < 50 else "dog", "cat", arm, 0.5)
            for k in range(100) for who, arm in (("ada", "shown"), ("bob", "blind"))]
    anchoring = quality.automation_bias(table(rows)).anchoring
    assert anchoring.value == 0
    assert (anchoring.low, anchoring.high) == pytest.approx((-0.037, 0.037), abs=1e-3)  # Tango's, of 100 equal pairs


def test_an_arm_without_cards_gives_no_number():
    votes = table(cards(40, "shown", 20))
    bias = quality.automation_bias(votes, dogs(votes))
    assert bias.effect is None
    assert np.isnan(bias.anchoring)
    assert "blind" in bias.anchoring.why
    assert quality.automation_bias(votes.iloc[:0]).anchoring.n == 0
    assert bias.power(0) == 0
    assert 0 < bias.power(1000) < 1
    assert np.isnan(contrast(votes.assign(took=True), ("no_map",)))


@pytest.mark.parametrize(("change", "error", "words"), [
    (lambda v: v.drop(columns="shown"), ShapeError, "lacks shown"),
    (lambda v: v.assign(arm_probability=1.5), BadInput, "arm_probability has 1.5"),
    (lambda v: v.assign(shown="yes"), BadInput, "shown")])
def test_a_table_that_cannot_be_read_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        quality.automation_bias(change(table(cards(4, "shown", 2))))


def test_a_truth_with_an_item_twice_is_refused():
    with pytest.raises(BadInput, match="twice"):
        quality.automation_bias(table(cards(4, "shown", 2)), pd.Series(["a", "b"], index=["x", "x"]))


@pytest.mark.parametrize(("to", "what"), [({"label": int, "suggestion": int}, "labels"), ({"item_id": int}, "items")])
def test_a_truth_of_another_type_than_the_votes_is_refused_rather_than_finding_every_suggestion_wrong(to, what):
    """A table from a CSV file has numbers where a truth has texts: the effect was that of all cards."""
    rows = [(str(k), "ann", "1", k % 2 == 0, "1") for k in range(40)]
    votes = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "shown", "suggestion"])
    truth = {str(k): "1" if k % 3 else "2" for k in range(40)}
    assert quality.automation_bias(votes, truth).effect.n < 20
    with pytest.raises(BadInput, match=rf"truth names {what} as str .*, and the votes as int"):
        quality.automation_bias(votes.astype(to), truth)


def test_a_truth_without_any_item_of_the_votes_is_said():
    votes = table(cards(4, "shown", 2))
    assert any("judges nothing" in note for note in quality.automation_bias(votes, {"elsewhere": "dog"}).notes)
    assert not quality.automation_bias(votes).notes


@pytest.mark.parametrize("arguments", [{"effect": "a"}, {"blind": None}, {"power": "high"}, {"level": "0.95"}])
def test_a_size_of_an_experiment_from_what_is_no_number_is_refused_in_a_sentence(arguments):
    with pytest.raises(BadInput, match="a number is expected"):
        cards_needed(**arguments)


def test_forty_seven_wrong_suggestions_an_arm_tell_25_from_5_percent():
    plan = cards_needed(0.2, blind=0.05, model_error=0.15)
    assert (plan.per_arm, plan.cards_per_arm, plan.n_plants) == (47, 308, 47)
    small = cards_needed(0.1, blind=0.05, model_error=0.15)
    assert (small.per_arm, small.cards_per_arm) == (138, 916)
    assert power_of(plan.n_cards, 0.2, blind=0.05, model_error=0.15) == pytest.approx(0.8, abs=0.001)
    assert "47 planted" in str(plan)
    with pytest.raises(BadInput, match="blind_share"):
        cards_needed(blind_share=0)


def test_power_grows_with_the_cards_to_come():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4))
    bias = quality.automation_bias(votes, dogs(votes))
    powers = [bias.power(n, 0.1) for n in (0, 200, 1_000, 10_000)]
    assert powers == sorted(powers)
    assert powers[-1] > 0.99


def test_cards_that_weigh_unequally_have_the_power_of_what_they_are_worth():
    """Half of the blind cards were drawn with 1/2, as the audit's are: power counted them as if all weighed alike."""
    alike = table(cards(400, "shown", 100) + cards(40, "blind", 4))
    mixed = table(cards(400, "shown", 100) + cards(20, "blind", 2, p=0.5) + cards(20, "blind", 2, p=0.1, prefix="b"))
    power, less = (quality.automation_bias(votes, dogs(votes)).power(0, 0.2) for votes in (alike, mixed))
    worth = (20 * 2 + 20 * 10) ** 2 / (20 * 4 + 20 * 100)
    assert less < power
    assert less == pytest.approx(power_of_counts(400, worth, 0.2, blind=4.5 / 41))


@pytest.mark.long
def test_intervals_hold_the_effect_in_simulated_experiments():
    worlds = {world.name: world for world in benchmark.worlds() if world.blind == 0.1 and world.effect}
    world = worlds["own cards, a harder audit"]
    true, held = benchmark.effect_of(world), 0
    for seed in range(40):
        votes, truth = benchmark.votes_of(world, np.random.default_rng(seed))
        effect = quality.automation_bias(votes, truth).effect
        held += effect.low <= true <= effect.high
    assert held >= 34


def test_the_plot_has_a_row_for_each_figure_and_person():
    votes = table(cards(40, "shown", 20) + cards(40, "blind", 4))
    figure = quality.automation_bias(votes, dogs(votes)).plot()
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert "effect, model wrong  (n = 80)" in names
    assert "ada  (n = 80)" in names
    assert figure._repr_png_()[0].startswith(b"\x89PNG")
