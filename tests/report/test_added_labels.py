"""Sets of labels that were given before a label was added don't say whether it is on: no figure takes it for off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.learn.soft_labels import judged_answers
from hitl_widgets.project.adaptive import _of_each_label
from hitl_widgets.project.hidden_tests import plantable
from hitl_widgets.report.several_people import known_of, subject

NAMES = ["indoor", "people", "night"]
IDS = [f"i{k:02}" for k in range(60)]
GOLD, SHARED = IDS[:20], IDS[20:]
RNG = np.random.default_rng(0)
TRUTH = {item_id: [name for name, on in zip([*NAMES, "snow"], RNG.random(4) < 0.5, strict=True) if on]
         for item_id in IDS}


def without_snow(item_id: str) -> list[str]:
    return [name for name in TRUTH[item_id] if name != "snow"]


@pytest.fixture
def wb(tmp_path):
    """Everybody is always right: bob, cleo and the gold before "snow" was added, ada after it."""
    pool = hw.Pool.from_texts([f"text {k}" for k in range(60)], ids=IDS)
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="multilabel", annotator="ada", holdout=0, progress=False,
                      names=True, audit=0) as made:
        made.gold({item_id: without_snow(item_id) for item_id in GOLD})
        for item_id in SHARED:
            for who in ("bob", "cleo"):
                made.decide(item_id, labels=without_snow(item_id), annotator=who, certainty=8)
        made.apply(edits.add("snow"))
        for item_id in IDS:
            seen = hw.Seen(hidden=True, chosen_by="gold", taxonomy=2) if item_id in GOLD else None
            made.decide(item_id, labels=TRUTH[item_id], certainty=7, seen=seen)
        yield made


def test_people_are_right_on_gold_and_raise_no_alarm(wb):
    row = wb.people.table().iloc[0]
    assert (row["n"], row["state"]) == (20, "fine")
    assert row["high"] == 1
    people = wb.progress().people
    assert people.set_index("source").loc["gold", ["n", "share"]].tolist() == [20, 1]


def test_people_agree(wb):
    table = wb.people.agreement().table
    of_items = table[table["over"] == "items"].set_index("coefficient")
    assert of_items.loc["krippendorff_alpha", "value"] == 1
    assert of_items.loc["percent", "n_items"] == 40
    assert set(wb.votes().loc[wb.votes()["annotator"] == "ada", "label"]) == {
        ", ".join(labels) or "none of them" for labels in TRUTH.values()}  # the votes themselves stay whole


def test_nobody_is_told_of_slips(wb):
    own = wb.people.own()
    assert (float(own.agreement), own.agreement.n, len(own.slips)) == (1, 40, 0)
    assert own.gold.n == 20
    assert own.gold.high == 1


def test_an_answer_that_differs_in_a_label_of_both_is_a_slip_all_the_same(wb):
    item_id = SHARED[0]
    wrong = [name for name in NAMES if name not in TRUTH[item_id]]
    wb.decide(item_id, labels=[*wrong, "snow"], certainty=7)
    assert wb.people.own().slips["item_id"].tolist() == [item_id]
    table = wb.people.agreement().table
    assert table.set_index(["coefficient", "over"]).loc[("krippendorff_alpha", "items"), "value"] < 1


def test_a_verdict_older_than_the_label_contradicts_nobody(tmp_path):
    pool = hw.Pool.from_texts(["a", "b"], ids=["a", "b"])
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="multilabel", annotator="ada", holdout=0, progress=False) as wb:
        for who, labels in (("bob", ["night"]), ("cleo", ["indoor"])):
            wb.decide("a", labels=labels, annotator=who)
        wb.people.adjudicate().decide("a", ["night"], "slip")
        wb.apply(edits.add("snow"))
        wb.decide("a", labels=["night", "snow"])
        assert not len(wb.people.own().slips)
        wb.decide("a", labels=["indoor", "snow"])
        assert wb.people.own().slips["judged_by"].tolist() == ["verdict"]


def test_certainty_is_judged_by_labels_that_both_answers_tell_of(wb):
    judged = judged_answers(wb.project)
    assert judged["right"].all()
    assert judged["judged_by"].value_counts().to_dict() == {"others": 120, "gold": 20}


def test_gold_says_nothing_of_the_label_until_it_is_given_again(wb):
    assert known_of(wb.project, subject(wb.project)).empty
    assert known_of(wb.project, subject(wb.project, label="snow")).empty
    assert len(known_of(wb.project, subject(wb.project, label="night"))) == 20
    assert not plantable(wb.project.state)
    with pytest.raises(BadInput, match="20 of them are sets that were given before a label was added; withdraw them"):
        wb.people.plant(0.05, purpose="how far a suggestion moves us")
    wb.gold({item_id: without_snow(item_id) for item_id in GOLD})  # the same cell again, written before the edit
    assert not plantable(wb.project.state)
    wb.gold(dict.fromkeys(GOLD))
    wb.gold({item_id: TRUTH[item_id] for item_id in GOLD})
    assert known_of(wb.project, subject(wb.project, label="snow")).value_counts().to_dict() == \
        pd.Series(["snow" if "snow" in TRUTH[item_id] else "not snow" for item_id in GOLD]).value_counts().to_dict()
    assert len(known_of(wb.project, subject(wb.project))) == len(plantable(wb.project.state)) == 20


def test_suggestions_of_the_label_are_never_wrong_by_older_gold(wb):
    wb.decide(GOLD[0], labels=["snow"], annotator="dora", seen=hw.Seen(
        suggestion=wb.taxonomy.label_set(["snow"]), taxonomy=2, chosen_by="random", arm="shown", arm_probability=0.5))
    bias = _of_each_label(wb.project, wb.project.answers())
    assert not bias.loc[bias.index == "snow", "n_wrong"].sum()


def opened(folder, names, n=20):
    pool = hw.Pool.from_texts([f"text {k}" for k in range(n)], ids=IDS[:n])
    return hw.Workbench(folder, pool, names, task="multilabel", annotator="ada", holdout=0, progress=False, names=True)


@pytest.mark.parametrize("verdict", ["unsure", "skip"])
def test_who_was_unsure_or_skipped_before_a_label_was_added_ends_no_figure(verdict, tmp_path):
    with opened(tmp_path / "p", NAMES) as wb:
        wb.decide(IDS[0], labels=["night"])
        wb.decide(IDS[1], verdict=verdict)
        wb.apply(edits.add("snow"))
        wb.progress()
        wb.people.own()
        wb.people.agreement()


def test_an_older_answer_hides_no_disagreement_of_two_who_know_the_label(tmp_path):
    with opened(tmp_path / "p", NAMES) as wb:
        for item_id in IDS[:20]:
            wb.decide(item_id, labels=["night"], annotator="bob")
        wb.apply(edits.add("snow"))
        for item_id in IDS[:20]:
            wb.decide(item_id, labels=["night"])
            wb.decide(item_id, labels=["night", "snow"], annotator="cleo")
        table = wb.people.agreement().table
        assert table.set_index(["coefficient", "over"]).loc[("percent", "items"), "value"] == 0
        assert set(wb.progress().people.query("source == 'others'")["share"]) <= {0.0}


def test_where_all_labels_are_others_there_is_nothing_to_compare_and_it_says_so(tmp_path):
    with opened(tmp_path / "p", ["a"]) as wb:
        for who in ("bob", "cleo", "ada"):
            wb.decide(IDS[0], labels=["a"], annotator=who)
        wb.apply([edits.add("b"), edits.retire("a")])
        assert np.isnan(wb.people.agreement().table["value"]).all()
        assert np.isnan(wb.people.own().agreement)
        wb.progress()
    with opened(tmp_path / "q", ["a"]) as wb:
        assert np.isnan(wb.people.agreement().table["value"]).all()
