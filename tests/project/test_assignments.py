"""Who is asked which items, where some are assigned to some people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from places import on_both

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, UnknownItem, UnknownLabel
from hitl_widgets.learn.training_set import pool_shares, training_set
from hitl_widgets.project.arms import DEFAULT
from hitl_widgets.project.assignments import Assignment, in_words, todays_labels
from hitl_widgets.records import Item, utc_now
from hitl_widgets.storage.arrays import Predictions

N = 60
SITES = ["A", "B", "C"]
LABELS = ["cat", "dog", "lynx"]
Opened = Callable[..., hw.Workbench]


def pool(n: int = N, **columns: Any) -> hw.Pool:
    images = np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8)
    meta = pd.DataFrame({"site": [SITES[k % 3] for k in range(n)], **columns})
    return hw.Pool.from_images(images, ids=[f"i{k}" for k in range(n)], meta=meta)


@pytest.fixture
def open_(where: Callable[..., str]) -> Iterator[Opened]:
    opened: list[hw.Workbench] = []

    def one_more(annotator: str = "ada", items: hw.Pool | None = None, **more: Any) -> hw.Workbench:
        opened.append(hw.Workbench(where(), items or pool(), hw.Taxonomy(LABELS), annotator=annotator, **more))
        return opened[-1]
    yield one_more
    for wb in opened:
        wb.close()


def asked(wb: hw.Workbench, annotator: str, n: int = 10 * N, **more: Any) -> list[Item]:
    return list(wb.project.next(n, annotator=annotator, strategy="random", **more))


def sites(items: list[Item]) -> list[str]:
    return [item.meta["site"] for item in items]


def suggest(wb: hw.Workbench, suggested: dict[str, str], model: str = "m1") -> None:
    """Have a model suggest one label for each of some items, and nothing for those that it hasn't predicted yet."""
    taxonomy, ranking = wb.taxonomy, wb.project.ranking
    probs = np.full((len(suggested), len(taxonomy.label_ids)), 0.1, np.float32)
    for row, label in enumerate(suggested.values()):
        probs[row, taxonomy.label_ids.index(taxonomy.label(label).id)] = 0.8
    if ranking.predictions is None or ranking.predictions.model != f"{model}-{taxonomy.version}":
        wb.project.use_predictions(Predictions(
            wb.project.folder / "predictions", model=f"{model}-{taxonomy.version}", label_ids=taxonomy.label_ids,
            ids_digest=wb.pool.digest, n_items=len(wb.pool)))
    ranking.put(wb.pool.positions(list(suggested)), probs / probs.sum(axis=1, keepdims=True), wb.project.lineage)


# -- by metadata and by id


def test_assigned_items_are_asked_only_of_their_people_and_come_first_for_them(open_):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"})
    assert set(sites(asked(wb, "ada"))) == {"B", "C"}
    grace = sites(asked(wb, "grace"))
    assert grace[:20] == ["A"] * 20
    assert sorted(set(grace[20:])) == ["B", "C"]
    assert len(asked(wb, "ada")) == 40
    assert len(grace) == N


def test_an_item_that_several_people_are_assigned_is_asked_of_each_of_them(open_):
    wb = open_(annotators_per_item=2)
    wb.people.assign("grace", where={"site": ["A", "B"]})
    wb.people.assign("alan", where={"site": ["B", "C"]})
    assert set(sites(asked(wb, "ada"))) == set()
    assert set(sites(asked(wb, "grace"))) == {"A", "B"}
    assert set(sites(asked(wb, "alan"))) == {"B", "C"}


def test_all_conditions_of_one_assignment_have_to_hold(open_):
    wb = open_(items=pool(day=[k // 30 for k in range(N)]))
    wb.people.assign("grace", where={"site": "A", "day": 1})
    theirs = {item.id for item in asked(wb, "grace")[:10]}
    assert theirs == {f"i{k}" for k in range(30, 60, 3)}
    wb.people.assign("grace", items=["i30", "i1"], where={"site": "A"})
    assert asked(wb, "grace")[0].id == "i30"
    assert wb.people.workload()["assigned"].tolist() == [1]


def test_a_later_assignment_takes_the_place_of_the_earlier_one_and_none_ends_it(open_):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"})
    wb.people.assign("grace", where={"site": "B"})
    assert set(sites(asked(wb, "ada"))) == {"A", "C"}
    assert not len(wb.people.assign("grace", None))
    assert set(sites(asked(wb, "ada"))) == {"A", "B", "C"}
    with pytest.raises(BadInput, match="nothing is assigned to 'grace'"):
        wb.people.assign("grace", None)


def test_items_that_come_first_for_one_person_may_be_asked_of_others_too(open_):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"}, only=False)
    assert set(sites(asked(wb, "ada"))) == set(SITES)
    assert sites(asked(wb, "grace"))[:20] == ["A"] * 20


def test_a_decision_on_an_item_that_is_assigned_to_somebody_else_counts_like_any_other(open_):
    wb = open_()
    wb.people.assign("grace", items=["i0"])
    wb.decide("i0", label="cat")
    assert wb.annotations()["annotator"].tolist() == ["ada"]
    assert "i0" not in [item.id for item in asked(wb, "grace")]
    assert wb.people.workload()[["assigned", "answered", "left"]].values.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(("column", "given", "expected"), [
    ("number", 7, {"a", "c"}), ("number", [7.0, 8], {"a", "b", "c"}), ("missing", None, {"b", "d"}),
    ("yes", True, {"a"}), ("mixed", 1, {"a", "b"}), ("mixed", "1", {"c"}),
    ("day", pd.Timestamp("2026-03-01"), {"a"}), ("day", "2026-03-02T00:00:00", {"b"}),
    ("lists", "['x']", {"a", "b"}), ("category", ["u", "v"], {"a", "b", "d"})])
def test_metadata_are_compared_as_json_says_them(tmp_path, column, given, expected):
    meta = pd.DataFrame({
        "number": [7, 8, 7, 9], "missing": ["x", None, "y", np.nan], "yes": [True, False, False, False],
        "mixed": pd.Series([1, True, "1", 0], dtype=object), "category": pd.Categorical(list("uvwu")),
        "lists": [["x"], ["x"], ["y"], []], "day": pd.date_range("2026-03-01", periods=4)})
    items = hw.Pool.from_texts(["one", "two", "three", "four"], ids=list("abcd"), meta=meta)
    with hw.Workbench(tmp_path / "p", items, hw.Taxonomy(LABELS), annotator="ada") as wb:
        wb.people.assign("grace", where={column: given})
        assert {item.id for item in asked(wb, "ada")} == set("abcd") - expected


def test_items_that_join_the_pool_later_are_covered(open_):
    open_(items=pool(30)).people.assign("grace", where={"site": "A"})
    later = open_(items=pool(N))
    assert set(sites(asked(later, "ada"))) == {"B", "C"}
    assert later.people.workload()["assigned"].tolist() == [20]


def test_another_process_follows_an_assignment_and_its_person_is_told(open_):
    wb, grace = open_(), open_("grace")
    told: list[str] = []
    grace.session.subscribe(told.append)
    wb.people.assign("grace", where={"site": "A"})
    grace.session.follow()
    assert "assigned" in told
    assert grace.session.news[-1] == "ada assigned items to you: site = A."
    assert set(sites(asked(grace, "ada"))) == {"B", "C"}
    wb.people.assign("grace", None)
    grace.session.follow()
    assert grace.session.news[-1] == "ada ended what was assigned to you."
    assert wb.session.news == []


def test_a_pool_without_the_column_says_that_everybody_is_asked(open_, capsys):
    open_().people.assign("grace", where={"site": "A"})
    images = np.random.default_rng(0).integers(0, 255, (N, 4, 4), np.uint8)
    wb = open_(items=hw.Pool.from_images(images, ids=[f"i{k}" for k in range(N)]))
    assert len(asked(wb, "ada")) == N
    wb.people.workload()
    assert "This pool has no column 'site'" in capsys.readouterr().out


# -- what is measured: hold-out, gold, audit, repeats, arms


def test_hold_out_and_gold_are_asked_only_of_their_people_too(open_):
    wb = open_(holdout=0.5)
    wb.gold({"i0": "cat", "i1": "dog", "i3": "cat"})
    wb.people.assign("grace", where={"site": "A"})
    ada, grace = asked(wb, "ada"), asked(wb, "grace")
    assert {item.id for item in ada if item.chosen_by == "gold"} == {"i1"}
    assert {item.id for item in grace if item.chosen_by == "gold"} == {"i0", "i1", "i3"}
    held_out = {str(wb.pool.ids[place]) for place in np.flatnonzero(wb.project.queue.holdout)}
    assert {item.id for item in ada if item.chosen_by == "holdout"} == \
        {item_id for item_id in held_out if int(item_id[1:]) % 3} - {"i1"}


def test_of_a_persons_own_items_a_quarter_is_hold_out_as_of_any(open_):
    wb = open_(items=pool(600), holdout=0.5)
    wb.people.assign("grace", where={"site": "A"})
    first = asked(wb, "grace", 40)
    assert set(sites(first)) == {"A"}
    assert sum(item.chosen_by == "holdout" for item in first) == 10
    assert all(item.blind for item in first if item.chosen_by == "holdout")


def test_the_order_within_what_is_asked_of_everybody_is_what_it_would_be_without(open_):
    wb = open_(holdout=0.0)
    before = [item.id for item in asked(wb, "ada")]
    wb.people.assign("grace", where={"site": "A"})
    assert [item.id for item in asked(wb, "ada")] == [item_id for item_id in before if int(item_id[1:]) % 3]


def test_an_arm_and_its_probability_are_those_that_the_person_and_the_item_had_before(open_):
    wb = open_(holdout=0.0, arms={"blind": 0.3, "no_map": 0.2})
    suggest(wb, {f"i{k}": LABELS[k % 3] for k in range(N)})
    before = {(who, item.id): (item.arm, item.arm_probability) for who in ("ada", "grace") for item in asked(wb, who)}
    assert {arm for arm, _ in before.values()} >= {"shown", "blind", "no_map"} - set(DEFAULT) | {"shown"}
    wb.people.assign("grace", where={"site": "A"})
    after = {(who, item.id): (item.arm, item.arm_probability) for who in ("ada", "grace") for item in asked(wb, who)}
    assert len(after) == 40 + 60
    assert after == {key: before[key] for key in after}


def test_own_answers_are_asked_again_only_where_the_item_is_not_somebody_elses_now(open_):
    wb = open_(items=pool(150), holdout=0.0)
    wb.people.set(repeats=0.2)
    for k in range(120):
        wb.decide(f"i{k}", label=LABELS[k % 3], seen={"chosen_by": "random"})
    repeats = [item for item in asked(wb, "ada") if item.repeat_of]
    assert set(sites(repeats)) == set(SITES)
    wb.people.assign("grace", where={"site": ["A", "B"]})
    again = [item for item in asked(wb, "ada") if item.repeat_of]
    assert set(sites(again)) == {"C"}
    assert not {item.id for item in again} - {f"i{k}" for k in range(2, 120, 3)}


def test_groups_stay_whole_and_the_hold_out_is_what_it_was(open_):
    shops = [f"s{k % 12}" for k in range(N)]
    wb = open_(items=pool(shop=shops), group="shop", holdout=0.4)
    held_out = wb.project.queue.holdout.copy()
    wb.people.assign("grace", where={"shop": ["s0", "s1", "s2", "s3"]})
    assert (wb.project.queue.holdout == held_out).all()
    assert not {item.meta["shop"] for item in asked(wb, "ada")} & {"s0", "s1", "s2", "s3"}
    assert {item.meta["shop"] for item in asked(wb, "grace")[:20]} == {"s0", "s1", "s2", "s3"}


def test_items_want_as_many_answers_as_before_from_the_people_to_whom_they_are_assigned(open_):
    wb = open_(annotators_per_item=2)
    wb.people.assign("grace", items=["i0"])
    wb.people.assign("alan", items=["i0"])
    for who in ("grace", "alan"):
        assert asked(wb, who)[0].id == "i0"
        wb.decide("i0", label="cat", annotator=who)
    wb.people.assign("edith", items=["i0"])
    assert "i0" not in [item.id for item in asked(wb, "edith")]


# -- by label


def test_items_are_assigned_by_the_label_that_is_suggested(open_):
    wb = open_(holdout=0.0)
    suggest(wb, {f"i{k}": LABELS[k % 3] for k in range(30)})
    wb.people.assign("grace", labels=["lynx"])
    assert {item.id for item in asked(wb, "grace")[:10]} == {f"i{k}" for k in range(2, 30, 3)}
    assert {item.id for item in asked(wb, "ada")} == {f"i{k}" for k in range(N) if k >= 30 or k % 3 != 2}
    suggest(wb, {"i31": "lynx", "i2": "cat"})
    assert "i31" not in {item.id for item in asked(wb, "ada")}
    assert "i2" in {item.id for item in asked(wb, "ada")}


@on_both
def test_a_label_that_was_split_is_covered_by_its_parts_and_a_merged_one_by_the_whole(open_):
    wb = open_(holdout=0.0)
    wb.people.assign("grace", labels=["cat"])
    [one] = wb.project.state.assignments.by_annotator.values()
    wb.apply(edits.split("cat", ["tabby", "siamese"]))
    names = [wb.taxonomy.name_of(label_id) for label_id in todays_labels(one, wb.project.lineage)]
    assert names == ["tabby", "siamese"]
    suggest(wb, {"i0": "tabby", "i1": "siamese", "i2": "dog"})
    assert {item.id for item in asked(wb, "grace")[:2]} == {"i0", "i1"}
    assert wb.people.workload()["asked"].tolist() == ["labels tabby, siamese"]
    wb.apply(edits.merge(["tabby", "dog"], "pet"))
    names = [wb.taxonomy.name_of(label_id) for label_id in todays_labels(one, wb.project.lineage)]
    assert names == ["pet", "siamese"]


def test_a_label_covers_the_labels_below_it_those_that_came_later_too(tmp_path):
    taxonomy = hw.Taxonomy({"mammal": ["cat", "dog"], "bird": ["owl", "hawk"]})
    with hw.Workbench(tmp_path / "p", pool(), taxonomy, annotator="ada") as wb:
        wb.people.assign("grace", labels=["bird"])
        wb.apply(edits.rename("bird", "birds"))
        wb.apply(edits.add("raven", under="birds"))
        wb.apply(edits.add("crow", under="birds"))
        assert wb.people.workload()["asked"].tolist() == ["labels owl, hawk, raven, crow"]


def test_a_label_that_was_removed_is_told(open_):
    wb = open_()
    suggest(wb, {"i0": "dog", "i1": "cat"})
    wb.people.assign("grace", labels=["cat", "dog"])
    wb.apply(edits.retire("dog"))
    assert wb.people.workload()["asked"].tolist() == ["label cat; dog is no label any more"]
    wb.people.assign("alan", labels=["lynx"])
    wb.apply(edits.retire("lynx"))
    assert wb.session.about("alan")["asked"] == \
        "You are asked these items (lynx is no label any more): 0 of 0 answered."
    assert len(asked(wb, "ada")) == N - 2  # cat is the only label left, and suggested for both


def test_answers_in_doubt_are_asked_of_the_people_of_their_likely_labels(open_):
    wb = open_(holdout=0.0)
    for k in range(12):
        wb.decide(f"i{k}", label=LABELS[k % 3])
    wb.apply(edits.split("cat", ["tabby", "siamese"]))
    wb.apply(edits.split("dog", ["poodle", "pug"]))
    wb.people.assign("grace", labels=["siamese"])
    in_doubt = {item.id for item in asked(wb, "ada", queue="relabel")}
    assert in_doubt == {f"i{k}" for k in range(1, 12, 3)}
    assert {item.id for item in asked(wb, "grace", queue="relabel")} == {f"i{k}" for k in range(12) if k % 3 != 2}
    assert wb.project.asking.waiting("relabel", "ada") == 4
    # Whoever presumes labels asks nobody.
    assert wb.project.presume({"i0": "tabby"}, estimate={"value": 0.1}) == ["i0"]


def test_with_several_answers_an_item_somebody_may_not_answer_again_goes_to_its_people(open_):
    wb = open_(holdout=0.0, annotators_per_item=2)
    for who in ("ada", "bob"):
        wb.decide("i0", label="cat", annotator=who)
    wb.apply(edits.split("cat", ["tabby", "siamese"]))
    assert [item.id for item in asked(wb, "ada", queue="relabel")] == ["i0"]
    assert not asked(wb, "grace", queue="relabel")
    wb.people.assign("grace", items=["i0"])
    assert not asked(wb, "ada", queue="relabel")
    assert [item.id for item in asked(wb, "grace", queue="relabel")] == ["i0"]
    wb.decide("i0", label="tabby", annotator="grace")
    assert not asked(wb, "grace", queue="relabel")


def test_the_words_of_an_assignment_are_short_and_complete(open_):
    lineage = open_().project.lineage
    labels = tuple(lineage.today.label_ids)
    assert in_words(Assignment("g", labels[:1], 1, {"site": ("A", "B"), "day": (None,)}), lineage) == \
        "label cat; site = A or B; day = nothing"
    assert in_words(Assignment("g", items=tuple(f"i{k}" for k in range(1200))), lineage) == "1,200 items by their ids"
    assert in_words(Assignment("g", where={"k": tuple(range(8))}), lineage) == "k = 0, 1, 2, 3, 4 and 3 more"


# -- the workload


@on_both
def test_the_workload_counts_what_is_assigned_answered_and_left(open_):
    wb = open_(names=True)
    wb.people.assign("grace", where={"site": "A"})
    wb.people.assign("alan", where={"site": ["A", "B"]})
    for k in (0, 3, 1):
        wb.decide(f"i{k}", label="cat", annotator="alan")
    table = wb.people.workload().set_index("annotator")
    assert table.loc["grace", ["assigned", "answered", "left", "nobody_else"]].tolist() == [20, 0, 18, 0]
    assert table.loc["alan", ["assigned", "answered", "left", "nobody_else"]].tolist() == [40, 3, 37, 19]
    assert table.loc["alan", "asked"] == "site = A or B"
    assert pd.isna(table.loc["grace", "last_acted_at"])
    people = wb.people().set_index("annotator")
    assert people.loc["alan", ["n_answers", "assigned", "left"]].tolist() == [3, 40, 37]
    assert people.loc["grace", ["n_answers", "assigned", "left"]].tolist() == [0, 20, 18]


def test_without_assignments_the_tables_are_empty_and_as_they_were(open_):
    wb = open_()
    assert wb.people.workload().empty
    assert list(wb.people().columns) == ["annotator", "n_answers", "n_unsure", "n_skipped", "last_acted_at"]
    assert wb.session.about("ada") is None


def test_it_is_told_which_items_are_asked_of_nobody_who_is_there(open_, capsys):
    wb = open_()

    def lines() -> str:
        capsys.readouterr()
        wb.people.workload()
        return capsys.readouterr().out

    wb.people.assign("grace", where={"site": "A"})
    assert "20 items are asked of grace alone, who has answered nothing yet." in lines()
    wb.decide("i0", label="cat", annotator="grace", acted_at=utc_now() - timedelta(days=20))
    assert "19 items are asked of grace alone, who answered last on " in lines()
    wb.people.assign("alan", where={"site": "A"})
    told = lines()
    assert "19 items are asked only of people who have answered nothing yet, or nothing for 14 days: grace " in told
    assert "; alan has answered nothing yet." in told
    wb.decide("i3", label="cat", annotator="grace")
    assert lines() == ""


@on_both
@pytest.mark.parametrize("role", ["guest", "none"])
def test_items_of_somebody_who_may_not_answer_any_more_are_asked_of_everybody(open_, capsys, role):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"})
    wb.people.invite("alan")
    wb.people.invite("grace")
    assert set(sites(asked(wb, "alan"))) == {"B", "C"}
    if role == "none":
        wb.people.withdraw("grace")
    else:
        wb.people.invite("grace", role=role)
    assert set(sites(asked(wb, "alan"))) == {"A", "B", "C"}
    capsys.readouterr()
    table = wb.people.workload().set_index("annotator")
    told = capsys.readouterr().out
    assert table.loc["grace", ["assigned", "left", "nobody_else"]].tolist() == [20, 0, 0]
    assert ("grace is a guest and can't answer" if role == "guest" else "grace has no role in this project") in told
    assert "items are asked" not in told
    wb.people.invite("grace")
    assert set(sites(asked(wb, "alan"))) == {"B", "C"}


def test_it_is_told_where_more_answers_are_wanted_than_people_are_assigned(open_, capsys):
    wb = open_(annotators_per_item=2)
    wb.people.assign("grace", items=["i0", "i1"])
    for item_id in ("i0", "i1"):
        wb.decide(item_id, label="cat", annotator="grace")
    capsys.readouterr()
    wb.people.workload()
    assert "2 items are asked of nobody any more, though more answers are wanted" in capsys.readouterr().out


def test_a_person_reads_what_they_are_asked_and_how_far_they_are(open_):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"})
    wb.decide("i0", label="cat", annotator="grace")
    assert wb.session.about("grace")["asked"] == "You are asked these items (site = A): 1 of 20 answered."
    wb.decide("i3", label="cat", annotator="bob")
    assert wb.session.about("grace")["asked"] == "You are asked these items (site = A): 1 of 20 answered, 18 left."
    assert wb.session.about("ada") is None


# -- claims, and what can't be used


@on_both
def test_claims_of_two_people_hold_only_what_they_are_asked_and_nothing_twice(open_):
    wb = open_()
    wb.people.assign("grace", where={"site": "A"})
    held = {who: {item.id for item in wb.project.claim(15, annotator=who)} for who in ("ada", "grace", "bob")}
    assert not held["ada"] & held["bob"]
    assert not held["grace"] & (held["ada"] | held["bob"])
    assert {int(item_id[1:]) % 3 for item_id in held["grace"]} == {0}
    assert {int(item_id[1:]) % 3 for item_id in held["ada"] | held["bob"]} == {1, 2}


@pytest.mark.parametrize(("given", "message"), [
    ({}, "nothing is said of what grace is to be asked"),
    ({"where": {"shop": "A"}}, "no column 'shop'; they have 'site'"),
    ({"where": {"site": {"a": 1}}}, r"where\['site'\] is \{'a': 1\}"),
    ({"where": {"site": []}}, r"where\['site'\] is \[\]"),
    ({"where": {"site": float("nan")}}, "a text, a number"),
    ({"where": "site"}, "where is 'site'"), ({"labels": "cat"}, "a list of labels is expected"),
    ({"labels": []}, "labels is empty"), ({"items": []}, "items is empty"), ({"items": "i0"}, "a list of ids"),
    ({"where": {"site": "A"}, "only": 1}, "only is 1")])
def test_a_condition_that_cannot_be_used_is_refused_and_nothing_is_stored(open_, given, message):
    wb = open_()
    last = wb.project.log.last_seq()
    with pytest.raises(BadInput, match=message):
        wb.people.assign("grace", **given)
    assert wb.project.log.last_seq() == last


def test_unknown_items_and_labels_and_people_who_do_not_own_the_project_are_refused(open_):
    wb, bob = open_(), open_("bob")
    with pytest.raises(UnknownItem, match="item 'nowhere'"):
        wb.people.assign("grace", items=["i0", "nowhere"])
    with pytest.raises(UnknownLabel, match="wolf"):
        wb.people.assign("grace", labels=["wolf"])
    with pytest.raises(BadInput, match="ada, who made the project, assigns items"):
        bob.people.assign("bob", where={"site": "A"})


def test_nothing_matches_is_told(open_, capsys):
    open_().people.assign("grace", where={"site": "Z"})
    assert "site = Z: that is none of the pool's items now." in capsys.readouterr().out


@pytest.mark.parametrize("body", [{"annotator": "grace", "labels": "x"}, {"annotator": "grace", "where": [1]}, {},
                                  {"annotator": "grace", "items": {"a": 1}, "only": None},
                                  {"annotator": "grace", "where": {"site": "A"}}])
def test_an_invented_event_asks_nothing_impossible_of_anybody(open_, body):
    wb = open_()
    wb.project.record("assigned", body)
    wb.project.refresh()
    assert len(asked(wb, "grace")) == N
    assert isinstance(wb.people.workload(), pd.DataFrame)


def test_labels_shares_in_the_pool_are_those_of_all_sites_though_one_is_far_ahead(open_):
    """Chance draws among what somebody is asked: the site of whoever answered most was taken for the whole pool."""
    wb = open_("owner", holdout=0.0)
    truth = {item.id: "cat" if item.meta["site"] == "A" else "dog" for item in wb.pool}
    for name, site, n in (("ann", ["A"], 20), ("bob", ["B", "C"], 4)):
        wb.people.assign(name, where={"site": site})
        for item in wb.project.next(n, annotator=name, strategy="random"):
            wb.decide(item.id, label=truth[item.id], annotator=name, seen={"chosen_by": "random", "hidden": True})
    shares = pool_shares(training_set(wb.project, wb.registry), wb.project.answers())
    assert shares[0] == pytest.approx(1 / 3, abs=0.05)  # 20 of 60 are cats, and 20 of the 24 answers
    wb.people.assign("bob", None)
    wb.people.assign("ann", None)
    assert pool_shares(training_set(wb.project, wb.registry), wb.project.answers())[0] > 0.5
