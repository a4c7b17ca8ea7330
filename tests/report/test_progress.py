"""Does the progress tell what the log holds, and no more?"""

import math

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.items.datasets import digits_on_photographs
from hitl_widgets.quality.intervals import jeffreys_of_pool, newcombe
from hitl_widgets.quality.metrics import compare, measure

NAMES = ["cat", "dog"]


@pytest.fixture
def bench(tmp_path):
    made = []

    def open_(n=80, **more):
        pool = hw.Pool.from_images(np.zeros((n, 2, 2), np.uint8), ids=[f"i{k}" for k in range(n)])
        made.append(hw.Workbench(tmp_path / "p", pool, NAMES, annotator="ada", **{"holdout": 0.0, **more}))
        return made[-1]
    yield open_
    for wb in made:
        wb.close()


def shown(wb, suggestion, *, chosen_by="audit", **more):
    return hw.Seen(suggestion=wb.taxonomy.label(suggestion).id, chosen_by=chosen_by, model="m0",
                   taxonomy=wb.taxonomy.version, **more)


def trained(wb, n_training, n_right, *, n=100, before=None, adopted=True):
    """A round's event, as a fine-tuning writes it."""
    ids = wb.taxonomy.label_ids

    def metrics(n_right):
        return measure(np.eye(2)[(np.arange(n) < n_right).astype(int)], [ids[1]] * n, ids, NAMES)
    gain = None
    if before is not None:
        figure = compare(np.arange(n) < before, np.arange(n) < n_right)
        gain = [float(figure), figure.n, figure.low, figure.high]
    wb.project.record("trained", {
        "before": metrics(before or 0).to_dict(), "after": metrics(n_right).to_dict(), "gain": gain,
        "model": f"m{n_training}" if adopted else "rejected", "n_training": n_training, "n_validation": 0,
        "adopted": adopted, "key": ""})


def test_a_new_project_has_nothing_to_tell_and_says_so(bench):
    progress = bench().progress()
    assert all(len(getattr(progress, name)) == 0 for name in ("accuracy", "labels", "suggestions", "times", "people",
                                                              "difficulty"))
    assert "no round has ended yet" in repr(progress)
    assert "no round has been measured yet" in repr(progress)
    assert "no round has been measured yet" in progress._repr_html_()
    assert progress.queue.startswith("typical items until")
    assert "12 are answered" in progress.queue
    progress.plot()


def in_order(wb):
    """Positions in the order of the audit, the first to be asked first."""
    return np.argsort(wb.project.queue.audit.order).tolist()


def answered(wb, place, label, *, hidden, annotator=None, **more):
    """Answer an item as the audit asks it; without `arm`, as before arms were drawn."""
    return wb.decide(str(wb.pool.ids[place]), label=label, annotator=annotator,
                     seen=shown(wb, "cat", hidden=hidden, **more))


@pytest.mark.parametrize("drawn", [False, True])
def test_the_audit_tells_how_often_the_suggestions_were_right(bench, drawn):
    """It was drawn from what a strategy had left, and judged by answers given in sight of the suggestion."""
    wb = bench()
    order, right = in_order(wb), {True: [], False: []}
    for k, place in enumerate(order[:20]):  # whoever asked them: the strategy's count too
        if k == 18:
            continue  # it is still open, and ends the sample
        arm, probability = wb.project.asking.arms.of("ada", str(wb.pool.ids[place]), audited=True)
        hidden = arm == "blind" if drawn else bool(wb.project.queue.audit.is_hidden[place])
        more = {"arm": arm, "arm_probability": probability} if drawn else {}
        is_right = k % 4 != 0
        answered(wb, place, "cat" if is_right else "dog", hidden=hidden, chosen_by="margin" if k % 2 else "audit",
                 **more)
        if k < 18:
            right[hidden].append(is_right)
    progress = wb.progress()
    [row] = progress.accuracy.to_dict("records")
    k, n = sum(right[True]), len(right[True])
    assert 4 < n < 14
    assert (row["round"], row["source"], row["n"], row["share"]) == (1, "audit", n, pytest.approx(k / n))
    assert (row["low"], row["high"]) == jeffreys_of_pool(k, n, 80)
    k_seen, n_seen = sum(right[False]), len(right[False])
    assert (progress.bias.value, progress.bias.n) == (pytest.approx(k_seen / n_seen - k / n), 18)
    assert (progress.bias.low, progress.bias.high) == newcombe(k_seen, n_seen, k, n)
    answered(wb, order[1], "dog", hidden=False, chosen_by="revision")  # looking again changes nothing
    assert wb.progress().accuracy.to_dict("records") == [row]


def test_an_item_of_the_audit_belongs_to_the_half_of_whoever_answered_it_first(bench):
    """The half was the item's own: of several people all saw the suggestion, or none did."""
    wb = bench(annotators_per_item=2)
    half = {"arm_probability": 0.5}
    one, other, late = in_order(wb)[:3]
    answered(wb, one, "dog", hidden=True, annotator="ada", arm="blind", **half)
    answered(wb, one, "cat", hidden=False, annotator="bob", arm="shown", **half)  # another half: it says nothing here
    answered(wb, other, "cat", hidden=False, annotator="bob", arm="shown", **half)
    answered(wb, other, "dog", hidden=True, annotator="ada", arm="blind", **half)
    answered(wb, late, "cat", hidden=False, annotator="bob", arm="shown", arm_probability=0.9)  # none of the audit then
    progress = wb.progress()
    [row] = progress.accuracy.to_dict("records")
    assert (row["n"], row["share"]) == (1, 0.0)
    assert (progress.bias.value, progress.bias.n) == (1.0, 2)


def test_the_audit_allows_for_holdout_items_that_were_drawn_by_whole_groups(tmp_path):
    """Ten frames of a scene, which are right or wrong together, counted as ten items drawn one by one."""
    pool = hw.Pool.from_images(np.zeros((80, 2, 2), np.uint8), meta=[{"scene": k // 10} for k in range(80)])
    wb = hw.Workbench(tmp_path / "p", pool, NAMES, annotator="ada", holdout=0.6, group="scene")
    places = np.flatnonzero(wb.project.queue.holdout)
    scenes, of_item = np.unique(places // 10, return_inverse=True)
    assert 2 < len(scenes) < 8
    for place, scene in zip(places.tolist(), of_item.tolist(), strict=True):
        wb.decide(str(pool.ids[place]), label="dog" if scene == 0 else "cat",
                  seen=shown(wb, "cat", chosen_by="holdout", hidden=True))
    [row] = wb.progress().accuracy.to_dict("records")
    wb.close()
    assert (row["n"], row["share"]) == (len(places), pytest.approx(1 - 1 / len(scenes)))
    low, high = jeffreys_of_pool(len(places) - 10, len(places), 80)
    assert row["high"] - row["low"] > 2 * (high - low)


def test_the_audit_of_a_round_speaks_of_what_nobody_had_answered_before_it(bench):
    wb = bench()
    order, blind = in_order(wb), {"arm": "blind", "arm_probability": 0.5}
    for place in order[:3] + order[4:6]:  # 3 was open in this round
        answered(wb, place, "dog", hidden=True, **blind)
    trained(wb, 9, 60)
    for place in [order[3], *order[6:9]]:
        wb.decide(str(wb.pool.ids[place]), label="cat", seen=hw.Seen(
            suggestion=wb.taxonomy.label("cat").id, chosen_by="audit", model="m9", hidden=True, taxonomy=1, **blind))
    wb.decide(str(wb.pool.ids[order[9]]), "unsure", seen=shown(wb, "cat", hidden=True, **blind))
    table = wb.progress().accuracy.query("source == 'audit'").set_index("round")
    assert table[["model", "n", "share"]].to_numpy().tolist() == [["m0", 3, 0.0], ["m9", 4, 1.0]]
    assert table.loc[2, "low"] == jeffreys_of_pool(4, 4, 75)[0]


def test_holdout_items_are_a_random_blind_sample_too(bench):
    wb = bench(holdout=0.3)
    holdout = [str(item_id) for item_id in wb.pool.ids[wb.project.queue.holdout]][:10]
    for k, item_id in enumerate(holdout):
        wb.decide(item_id, label="cat" if k < 6 else "dog", seen=shown(wb, "cat", chosen_by="holdout", hidden=True))
    [row] = wb.progress().accuracy.to_dict("records")
    assert (row["source"], row["n"], row["share"]) == ("audit", 10, 0.6)


def test_suggestions_that_stood_are_counted_by_round_and_label(bench):
    wb = bench()
    for k in range(8):
        wb.decide(f"i{k}", label="cat" if k < 4 else "dog", seen=shown(wb, "cat"))
    wb.decide("i8", "unsure", seen=shown(wb, "dog"))
    wb.decide("i9", "skip", seen=shown(wb, "dog"))
    wb.decide("i10", label="cat", seen=shown(wb, "cat", hidden=True))
    trained(wb, 9, 60)
    for k in range(20, 30):
        wb.decide(f"i{k}", label="cat", seen=shown(wb, "cat"))
    table = wb.progress().suggestions.set_index(["round", "label"])
    assert table.loc[(1, "all"), ["n", "share"]].tolist() == [9, 4 / 9]
    assert table.loc[(1, "cat"), ["n", "share"]].tolist() == [8, 0.5]
    assert table.loc[(2, "all"), ["n", "share", "change"]].tolist() == [10, 1.0, 1 - 4 / 9]
    assert tuple(table.loc[(2, "all"), ["change_low", "change_high"]]) == newcombe(10, 10, 4, 9)


def test_what_was_taken_back_or_revised_does_not_count(bench):
    wb = bench()
    undone = wb.decide("i0", label="dog", seen=shown(wb, "cat"))
    wb.retract(undone)
    wb.decide("i1", label="dog", seen=shown(wb, "cat"))
    wb.decide("i1", label="cat", seen=shown(wb, "cat"))
    stood = wb.progress().suggestions
    assert stood[stood["label"] == "all"][["n", "share"]].to_numpy().tolist() == [[1, 1.0]]


def test_what_was_put_off_and_answered_in_the_end_counts_in_the_audit(bench):
    """Hold-out items that people skip at first are the hard ones; without them 0.5 was told as 1."""
    wb = bench(holdout=0.9)
    for k, item_id in enumerate(wb.holdout[:20]):
        late = k < 10
        if late:
            wb.decide(item_id, "skip", seen=shown(wb, "cat", chosen_by="holdout", hidden=True))
        wb.decide(item_id, label="dog" if late else "cat",
                  seen=shown(wb, "cat", chosen_by="skipped" if late else "holdout", hidden=True))
    row = wb.progress().accuracy.iloc[0]
    assert (row["source"], row["n"], row["share"]) == ("audit", 20, 0.5)


def test_time_per_decision_is_a_median_by_verdict(bench):
    wb = bench()
    for k, (label, ms) in enumerate([("cat", 1000), ("cat", 2000), ("cat", 9000), ("dog", 4000)]):
        wb.decide(f"i{k}", label=label, seen=shown(wb, "cat", shown_ms=ms))
    times = wb.progress().times.set_index("verdict")
    assert times["median_s"].to_dict() == {"all": 3.0, "accept": 2.0, "correct": 4.0}
    assert times.loc["accept", "high"] == np.inf


def test_people_are_measured_by_gold_and_by_each_other(bench):
    wb = bench(annotators_per_item=3, names=True)
    wb.gold({"i0": "cat", "i1": "cat"})
    for k in range(2):
        wb.decide(f"i{k}", label="cat", annotator="ada")
        wb.decide(f"i{k}", label="dog" if k else "cat", annotator="bob")
    for k in range(2, 6):
        for who in ("ada", "bob", "cyd"):
            wb.decide(f"i{k}", label="dog" if who == "bob" and k < 4 else "cat", annotator=who, seen=shown(wb, "cat"))
    people = wb.progress().people.set_index(["source", "annotator"])
    assert people.loc["gold"]["share"].to_dict() == {"ada": 1.0, "bob": 0.5, "all": 0.75}
    # bob contradicts two who agree; beside bob's "dog", the others' "cat" and "dog" are a tie, which says nothing.
    assert people.loc["others"][["n", "share"]].to_numpy().tolist()[:2] == [[2, 1.0], [4, 0.5]]
    assert people.loc["others"].loc["all", "high"] - people.loc["others"].loc["all", "low"] > 0.3
    wb.annotator = "bob"  # not the owner: the others' rows are theirs, and "all" of so few would tell them
    assert set(wb.progress().people["annotator"]) == {"bob"}


def test_other_people_s_figures_are_shown_from_five_on_and_together_only(bench):
    wb = bench(annotators_per_item=8)
    wb.gold({"i0": "cat"})
    for who in (wb.annotator, "bob", "cyd"):
        wb.decide("i0", label="cat", annotator=who)
    assert wb.progress().people["annotator"].tolist() == [wb.annotator]
    for who in ("dan", "eli", "fay"):
        wb.decide("i0", label="dog", annotator=who)
    people = wb.progress().people
    assert people["annotator"].tolist() == [wb.annotator, "all"]
    assert people["share"].tolist() == [1.0, 0.5]


def test_difficult_items_are_told_from_easy_ones(bench):
    wb = bench(annotators_per_item=2)
    for k in range(12):
        sure = k < 6
        wb.decide(f"i{k}", label="cat" if sure else "dog", certainty=10 if sure else 2,
                  flags=() if sure else ("second_look",),
                  seen=shown(wb, "cat", certainty="given", chosen_by="random", hidden=True))
    for k in range(12, 18):  # who sees the suggestion agrees with it: that says nothing of the model
        wb.decide(f"i{k}", label="cat", certainty=2, seen=shown(wb, "cat", certainty="given", chosen_by="random"))
    wb.decide("i20", label="dog", certainty=2, seen=shown(wb, "cat", certainty="given", chosen_by="margin"))
    table = wb.progress().difficulty.set_index(["by", "group"])
    assert table.loc[("certainty", "9 to 10"), ["n", "share"]].tolist() == [6, 1.0]
    assert table.loc[("certainty", "0 to 3"), ["n", "share"]].tolist() == [6, 0.0]
    assert table.loc[("flag", "second_look"), ["n", "share"]].tolist() == [6, 0.0]
    assert table.loc[("flag", "none"), ["n", "share"]].tolist() == [6, 1.0]


def test_agreement_with_the_model_is_told_blind_and_shown_with_the_difference(bench):
    """Agreement in sight of the suggestion was the only figure of it: it tells of people, not of the model."""
    wb = bench()
    assert not len(wb.progress().agreement)
    assert "agree with the model" not in repr(wb.progress())
    drawn = [("blind", 0.5, 10, 6), ("shown", 0.5, 10, 9), ("answer_first", 0.5, 10, 8)]
    ids = iter(wb.pool.ids.tolist())
    for arm, probability, n, agree in drawn:
        for k in range(n):
            wb.decide(next(ids), label="cat" if k < agree else "dog", seen=shown(
                wb, "cat", arm=arm, arm_probability=probability, hidden=arm != "shown"))
    for _ in range(10):  # not drawn by chance: no part of it
        wb.decide(next(ids), label="dog", seen=shown(wb, "cat"))
    agreement = wb.progress().agreement
    assert agreement["model"].tolist() == ["m0", "all"]
    row = agreement.iloc[-1]
    assert (row["blind"], row["n_blind"]) == (pytest.approx(0.7), 20)
    assert (row["shown"], row["n_shown"]) == (pytest.approx(0.9), 10)
    assert row["difference"] == pytest.approx(0.2)
    assert row["difference_low"] < 0.2 < row["difference_high"]
    assert "blind 0.700" in repr(wb.progress())
    assert "shown 0.900" in repr(wb.progress())
    assert "agree with the model" in wb.progress()._repr_html_()


def test_a_planted_suggestion_is_none_of_the_models(bench):
    wb = bench()
    wb.decide("i0", label="dog", seen=shown(wb, "cat", planted=True))
    wb.decide("i1", label="cat", seen=shown(wb, "cat"))
    stood = wb.progress().suggestions
    assert stood[stood["label"] == "all"][["n", "share"]].to_numpy().tolist() == [[1, 1.0]]


def test_the_last_answers_gain_is_told_with_its_interval_and_the_next_ones_foretold(bench):
    wb = bench()
    trained(wb, 50, 60)
    first = wb.progress()
    assert "two rounds are needed" in repr(first)
    assert first.likely.low < first.likely < first.likely.high
    trained(wb, 100, 75, before=60)
    trained(wb, 150, 80, before=75)
    progress = wb.progress()
    assert progress.gained_by == 50
    assert (float(progress.gained), progress.gained.n) == (pytest.approx(0.05), 100)
    assert 0 < progress.likely < 0.06
    assert wb.progress(100).gained_by == 100
    assert (wb.progress(100).gained.low, wb.progress(100).gained.high) == newcombe(80, 100, 60, 100)
    held = progress.accuracy[progress.accuracy["source"] == "holdout"]
    assert held[["answers", "share"]].to_numpy().tolist() == [[50, 0.6], [100, 0.75], [150, 0.8]]
    assert progress.labels["recall"].tolist() == [0.6, 0.75, 0.8]
    assert "last 50 answers" in repr(progress)
    assert "next 50 answers" in repr(progress)
    page = progress._repr_html_()
    assert page.count('class="bar"') == len(progress.accuracy) + (progress.labels["round"] == 3).sum()
    assert "likely to gain" in page
    assert len(progress.plot().axes) == 4


@pytest.mark.parametrize("answers", [0, 2.5, True, "50"])
def test_a_number_of_answers_must_be_one(bench, answers):
    with pytest.raises(BadInput, match="answers"):
        bench().progress(answers)


@pytest.mark.long
@pytest.mark.slow
def test_rounds_of_a_real_loop_are_told(tmp_path):
    images, labels = digits_on_photographs(240, size=32, seed=1)
    wb = hw.Workbench(tmp_path, hw.Pool.from_images(images), sorted(set(labels)), annotator="ada")
    for seed in range(2):
        hw.simulate(wb, labels.tolist(), n=50, seed=seed)
        wb.finetune(epochs=2)
    progress = wb.progress()
    assert progress.accuracy.query("source == 'holdout'")["round"].tolist() == [1, 2]
    assert progress.suggestions.query("label == 'all'")["n"].tolist()[0] > 20
    assert progress.times["median_s"].between(0.2, 10).all()
    assert progress.gained_by == progress.accuracy.query("source == 'holdout'")["answers"].diff().iloc[-1]
    wb.close()


def test_a_curve_starts_anew_where_the_labels_change(bench):
    """The accuracy of two labels and that of four were one curve: it told a gain of 0.379 in 60 answers."""
    wb = bench()
    trained(wb, 40, 90)
    trained(wb, 80, 94, before=90)
    wb.apply(edits.split("cat", ["tabby", "tom"]))
    body = next(iter(reversed(list(wb.project.log.events(kind="trained"))))).body
    fine = {**body["after"], "label_ids": list(wb.taxonomy.label_ids), "names": list(wb.taxonomy.names),
            "cells": [[1, 1, 60], [1, 0, 40]]}
    wb.project.record("trained", {**body, "model": "m140", "n_training": 140, "former": "m80", "after": fine,
                                  "before": fine, "gain": [0.0, 100, -0.05, 0.05]})
    progress = wb.progress()
    assert progress.accuracy["curve"].tolist() == [1, 1, 2]
    assert math.isnan(progress.gained)
    assert "two rounds are needed to tell, under these labels" in progress.gained.why
    assert progress.plot().axes


def test_labels_in_another_order_are_the_same_curve(bench):
    wb = bench()
    trained(wb, 60, 80)
    before = wb.taxonomy.label_ids
    wb.apply(edits.move("cat", None))
    assert wb.taxonomy.label_ids == before[::-1]
    trained(wb, 120, 90, before=80)
    progress = wb.progress()
    assert progress.accuracy["curve"].nunique() == 1
    assert (float(progress.gained), progress.gained_by) == (pytest.approx(0.1), 60)


def test_what_was_rolled_back_is_not_compared_with(bench):
    """The gain over round 1 was told as that over round 2, which had been rolled back."""
    wb = bench()
    trained(wb, 40, 90)
    trained(wb, 90, 96, before=90)
    wb.project.record("adopted", {"model": "m40", "label_ids": list(wb.taxonomy.label_ids), "origin": "rolled back",
                                  "own": False})
    trained(wb, 140, 92, before=90)
    progress = wb.progress()
    assert progress.gained_by == 100
    assert float(progress.gained) == pytest.approx(0.02)
    assert progress.gained.n == 100


def test_what_was_not_adopted_stays_on_the_curve(bench):
    wb = bench()
    trained(wb, 40, 90)
    trained(wb, 90, 88, before=90)
    last = list(wb.project.log.events(kind="trained"))[-1]
    wb.project.record("trained", {**last.body, "model": "m100", "n_training": 100, "adopted": False, "former": "m90"})
    trained(wb, 150, 95, before=88)
    assert wb.progress().gained_by == 50


def test_the_next_answers_gain_goes_by_the_model_that_stayed_where_a_worse_one_was_rejected(bench):
    """It was foretold from the rejected model: more than the adopted one can gain."""
    wb = bench()
    trained(wb, 90, 96)
    before = wb.progress().likely
    trained(wb, 90, 26, before=96, adopted=False)
    assert wb.progress().likely.high <= max(before.high, 0.04)


def test_rounds_on_the_same_answers_gained_nothing_by_answers(bench):
    """The gain from one training to the next was told as that of the "last answers", without their number."""
    wb = bench()
    trained(wb, 40, 60)
    last = list(wb.project.log.events(kind="trained"))[-1]
    wb.project.record("trained", {**last.body, "model": "again", "former": "m40"})
    progress = wb.progress()
    assert (progress.gained_by, math.isnan(progress.gained)) == (0, True)
    assert "last answers         none (the rounds so far learned from the same answers)" in repr(progress)


def test_a_round_whose_model_was_not_adopted_says_so(bench):
    """Its accuracy stood there as if it were that of the model in use."""
    wb = bench()
    label_ids = list(wb.taxonomy.label_ids)
    trained(wb, 40, 90)
    wb.project.record("adopted", {"model": "m40", "label_ids": label_ids, "origin": "trained", "own": True})
    assert "adopted" not in repr(wb.progress())
    trained(wb, 90, 88, before=90)
    last = list(wb.project.log.events(kind="trained"))[-1]
    wb.project.record("trained", {**last.body, "model": "m91", "adopted": False, "former": "m40"})
    progress = wb.progress()
    assert "in round 3, whose model isn't the adopted one (the adopted one had 0.900)" in repr(progress)
    assert progress.accuracy["adopted"].tolist() == [True, True, False]
    assert progress.labels.groupby("round")["adopted"].all().to_dict() == {1: True, 2: True, 3: False}
    page = progress._repr_html_()
    assert page.count("3 (not adopted)") == 1
    assert "2 (not adopted)" not in page
    assert "recall, latest round (not adopted)" in page
    lines = [line for line in progress.plot().axes[0].get_lines() if line.get_linestyle() == "-"]
    assert [list(line.get_xdata()) for line in lines] == [[40, 90]]  # the rejected one is a point beside the line


def test_what_qualifies_the_holdouts_figure_stands_in_the_notebook_too(bench):
    """A notebook showed the figure without the unsure, and neither it nor the text said that it had chosen models."""
    wb = bench()
    trained(wb, 40, 90)
    [event] = wb.project.log.events(kind="trained")
    after = {**event.body["after"], "n_unsure": 20, "n_items": 300}
    wb.project.record("trained", {**event.body, "model": "m41", "after": after, "n_decided_before": 3})
    progress = wb.progress()
    for told in (repr(progress), progress._repr_html_()):
        assert "100 of 300 items answered, 20 unsure (accuracy 0.750 to 0.917" in told
        assert "chose the best of 4 models" in told
    wb.project.record("trained", {**event.body, "model": "m42", "after": after, "n_decided_before": 2})
    assert "chose" not in repr(wb.progress())


def test_recall_is_told_of_todays_labels_by_todays_names(bench):
    """After a split the curve of the former label stood at 0 answers, and a renamed label had two curves."""
    wb = bench()
    for k in range(6):
        wb.decide(f"i{k}", label=NAMES[k % 2])
    trained(wb, 6, 90)
    assert wb.progress().labels[["label", "answers"]].to_numpy().tolist() == [["dog", 3]]
    wb.apply(edits.rename("dog", "hound"))
    trained(wb, 6, 90)
    assert wb.progress().labels[["label", "answers"]].to_numpy().tolist() == [["hound", 3], ["hound", 3]]
    wb.apply(edits.split("hound", into=["basset", "beagle"]))
    assert wb.progress().labels.empty
    assert len(wb.progress().plot().axes) == 4
