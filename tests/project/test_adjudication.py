"""Do verdicts overrule votes without losing them, and does the estimate of what is still wrong hold?"""

import json
import threading
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest
from places import on_both

from hitl_widgets import Workbench, edits
from hitl_widgets.errors import BadInput, IdReused, UnknownDecision, UnknownItem, UnknownLabel
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.adjudication import Adjudication
from hitl_widgets.project.project import Project
from hitl_widgets.records import Seen
from hitl_widgets.taxonomy.labels import Taxonomy

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)
N = 12


def pool_of(n=N):
    return Pool.from_images(np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8), [f"i{k}" for k in range(n)])


@pytest.fixture
def opened(where):
    made = []

    def open_(annotator="ada", holdout=0.0, n=N):
        made.append(Project(where(), pool_of(n), Taxonomy(["cat", "dog"]), annotator=annotator, holdout=holdout,
                            annotators_per_item=3))
        return made[-1]
    yield open_
    for project in made:
        project.close()


def answer(project, answers):
    """Item -> the labels that ada, bob and eve gave it."""
    for item_id, labels in answers.items():
        for who, label in zip(("ada", "bob", "eve"), labels, strict=False):
            project.decide(item_id, label=label, annotator=who)


def label_of(project, item_id):
    label = project.answers().consensus().set_index("item_id").loc[item_id, "label"]
    return label if isinstance(label, str) else None


def taught(project):
    table = project.answers().training()
    return {row.item_id: project.taxonomy.name_of(row.label_id) for row in table.itertuples()}


@on_both
def test_a_verdict_overrules_the_votes_which_stay_as_they_were(opened):
    project = opened()
    answer(project, {"i0": ["cat", "cat", "dog"], "i1": ["cat", "dog"], "i2": ["dog"]})
    votes = project.answers().all_votes()
    session = Adjudication(project, seed=1)
    verdict = session.decide("i0", "dog", "slip")
    assert repr(verdict) == f"<Verdict on 'i0' by {verdict.annotator}: label 'dog', slip>"
    session.decide("i1", "cat", "edge_case")

    table = project.answers().consensus().set_index("item_id")
    assert table["label"].to_dict() == {"i0": "dog", "i1": "cat", "i2": "dog"}
    assert table.loc["i0", ["share", "n_answers", "tied"]].tolist() == [pytest.approx(1 / 3), 3, ()]
    assert taught(project) == {"i0": "dog", "i1": "cat", "i2": "dog"}
    assert project.answers().partial().empty
    assert project.answers().all_votes().equals(votes)
    assert not project.queue.tied[1]


@on_both
def test_honest_disagreement_without_a_label_leaves_the_votes_and_the_minority_s_share(opened):
    project = opened()
    answer(project, {"i0": ["cat", "cat", "dog"], "i1": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    session.decide("i0", None, "disagreement")
    session.decide("i1", None, "ambiguous", note="two animals")
    table = project.answers().consensus().set_index("item_id")
    assert (table.loc["i0", "label"], table.loc["i0", "share"]) == ("cat", pytest.approx(2 / 3))
    assert table.loc["i1", "tied"] == ("cat", "dog")
    assert len(project.answers().partial()) == 1
    assert project.queue.tied[1]
    assert list(session.table["label"].isna()) == [True, True]


@on_both
def test_a_verdict_that_is_taken_back_gives_the_votes_or_the_earlier_verdict_their_force_again(opened):
    project = opened()
    answer(project, {"i0": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    first = session.decide("i0", "cat", "slip")
    second = session.decide("i0", "dog", "guideline_gap")
    assert label_of(project, "i0") == "dog"
    session.retract(second)
    assert label_of(project, "i0") == "cat"
    for _ in range(2):
        session.retract(first.id)
    assert label_of(project, "i0") is None
    assert project.queue.tied[0]
    assert len(session.table) == 0
    assert len(list(project.log.events(kind="adjudicated"))) == 4
    with pytest.raises(UnknownDecision):
        session.retract("nothing-like-it")


@on_both
def test_whoever_adjudicates_sees_no_names_and_no_model_but_notes_reasons_and_certainties(opened):
    project = opened()
    seen = Seen(suggestion=project.taxonomy.label_ids[0], probs={}, chosen_by="margin", model="m1", taxonomy=1)
    project.decide("i0", label="cat", annotator="ada", note="whiskers", certainty=8, reason="wrong", seen=seen)
    project.decide("i0", label="dog", annotator="bob", flags=["second_look"])
    project.decide("i0", "skip", annotator="eve")
    session = Adjudication(project, seed=1)
    case = session.case("i0")
    assert [answer.letter for answer in case.answers] == ["A", "B"]
    by_label = {answer.label: answer for answer in case.answers}
    assert (by_label["cat"].note, by_label["cat"].certainty, by_label["cat"].reason) == ("whiskers", 8, "wrong")
    assert by_label["dog"].flags == ("second_look",)
    text = json.dumps(session.answers("i0")) + repr(case)
    assert not [word for word in ("ada", "bob", "m1", "margin", "accept") if word in text]


def test_letters_are_dealt_by_chance_so_that_nobody_is_always_a(opened):
    project = opened()
    answer(project, {f"i{k}": ["cat", "dog"] for k in range(N)})
    session = Adjudication(project, seed=1)
    firsts = {session.case(f"i{k}").answers[0].label for k in range(N)}
    assert firsts == {"cat", "dog"}


def test_reviewing_everything_leaves_no_wrong_label_and_says_how_many_there_were(opened):
    project = opened()
    answer(project, {f"i{k}": ["cat", "cat", "dog"] if k % 3 else ["dog", "dog", "dog"] for k in range(N)})
    session = Adjudication(project, seed=1)
    assert np.isnan(session.estimate)
    n = 0
    while (case := session.next()) is not None:
        session.decide(case, "dog", "slip")
        n += 1
    assert n == N
    assert (session.error.n_changed, session.estimate.value, session.estimate.high) == (8, 0.0, 0.0)
    assert session.error.before.value == pytest.approx(8 / 12)
    assert session.progress()["done"] == "At most 0.0% of the labels are still wrong."
    assert session.table["changed"].sum() == 8
    assert set(session.table["before"]) == {"cat", "dog"}


def test_a_plan_knows_which_labels_are_in_doubt(opened):
    n, doubtful = 24, {f"i{k}" for k in range(4)}
    project = opened(n=n)
    answer(project, {f"i{k}": ["cat", "dog"] if k < 4 else ["dog", "dog", "dog"] for k in range(n)})
    session = Adjudication(project, seed=1)
    plan = session._plan()
    in_doubt = np.array([item_id in doubtful for item_id in plan.item_ids])
    assert plan.top[in_doubt].max() < plan.top[~in_doubt].min()
    assert set(session.cases(n)) == set(plan.item_ids) == {f"i{k}" for k in range(n)}


def test_two_who_adjudicate_share_a_plan_and_get_different_items(opened):
    ada, bob = opened("ada"), opened("bob")
    answer(ada, {f"i{k}": ["cat", "dog"] for k in range(N)})
    first, second = Adjudication(ada, seed=1), Adjudication(bob, seed=2)
    assert len(first._plans()) == 1
    got, other = first.cases(4), second.cases(4)
    assert not set(got) & set(other)
    first.decide(got[0], "cat", "slip")
    assert second.progress()["judged"] == first.progress()["judged"] == 1
    assert label_of(bob, got[0]) == "cat"


def test_plans_that_are_drawn_at_once_are_one(opened):
    projects = [opened(name) for name in ("ada", "bob", "eve")]
    answer(projects[0], {"i0": ["cat", "dog"], "i1": ["dog"]})
    start, plans = threading.Barrier(3), []

    def draw(project):
        start.wait()
        plans.append(Adjudication(project)._plan().draws.tolist())
    workers = [threading.Thread(target=draw, args=(project,)) for project in projects]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(plans) == 3
    assert plans[0] == plans[1] == plans[2]


def test_the_same_verdict_sent_again_is_stored_once_and_another_under_its_id_is_refused(opened):
    project = opened()
    answer(project, {"i0": ["cat", "dog"], "i1": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    for _ in range(2):
        session.adjudicate("i0", project.taxonomy.label("cat").id, "slip", id="verdict-1", acted_at=AT)
        project.decide("i0", label="dog", annotator="ada")  # what it would find now differs
    assert len(list(project.log.events(kind="adjudicated"))) == 1
    for item_id, label, cause in (("i1", "cat", "slip"), ("i0", "dog", "slip"), ("i0", "cat", "ambiguous"),
                                  ("i0", None, "slip")):
        with pytest.raises(IdReused):
            session.decide(item_id, label, cause, id="verdict-1")


@pytest.mark.parametrize(("item_id", "label", "cause", "note", "error"), [
    ("nowhere", "cat", "slip", None, UnknownItem), ("i0", "lynx", "slip", None, UnknownLabel),
    ("i0", "cat", "tired", None, BadInput), ("i0", "cat", "slip", "a\0b", BadInput),
    ("i0", "cat", "slip", 3, BadInput)])
def test_what_can_t_be_a_verdict_is_refused_and_stores_nothing(opened, item_id, label, cause, note, error):
    project = opened()
    answer(project, {"i0": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    with pytest.raises(error):
        session.decide(item_id, label, cause, note=note)
    assert list(project.log.events(kind="adjudicated")) == []


def test_without_answers_and_with_a_tolerance_that_can_t_be_there_is_no_plan(opened):
    project = opened()
    with pytest.raises(BadInput, match="nobody answered"):
        Adjudication(project)
    answer(project, {"i0": ["cat"]})
    with pytest.raises(BadInput, match="tolerance"):
        Adjudication(project, tolerance=0)


def test_gold_is_not_reviewed_and_new_answers_wait_for_the_next_plan(opened):
    project = opened()
    answer(project, {"i0": ["cat", "dog"], "i1": ["cat", "dog"], "i2": ["cat"]})
    project.set_gold({"i1": "cat"})
    session = Adjudication(project, seed=1)
    assert set(session._plan().item_ids) == {"i0", "i2"}
    answer(project, {"i5": ["cat"]})
    assert session.n_new == 1
    assert "1 items were answered since the plan" in repr(session)
    assert set(Adjudication(project, new=True, seed=2)._plan().item_ids) == {"i0", "i2", "i5"}


def test_a_split_leaves_a_verdict_in_doubt_and_a_rename_doesn_t(opened):
    project = opened()
    answer(project, {"i0": ["cat", "dog"], "i1": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    session.decide("i0", "cat", "slip")
    session.decide("i1", "dog", "slip")
    project.apply(edits.rename("dog", to="hound"))
    assert label_of(project, "i1") == "hound"
    project.apply(edits.split("cat", into=["tabby", "calico"]))
    assert project.answers().adjudicated.keys() == {"i1"}
    assert "i0" not in session._plan().item_ids or label_of(project, "i0") == "hound"


def test_an_edit_of_a_verdicts_label_leaves_what_it_said_of_the_plans_label(opened):
    """The split label was in doubt, and the change to it counted as none: fewer labels seemed to be wrong."""
    project = opened()
    answer(project, {f"i{k}": ["cat", "cat"] for k in range(8)})
    session = Adjudication(project, seed=1)
    for k in range(6):
        session.decide(f"i{k}", "dog" if k < 3 else "cat", "slip")
    before = session.error
    split = project.apply(edits.split("dog", into=["puppy", "hound"])).id
    assert (before.n_changed, before.n_reviewed) == (3, 6)
    assert session.error == before
    assert session.table["changed"].sum() == 3
    project.revert(split)
    assert session.error == before
    project.apply(edits.merge(["cat", "dog"], "pet"))
    assert session.error.n_changed == 0


def test_an_item_that_was_adjudicated_after_an_edit_left_it_in_doubt_teaches_once(opened):
    """It taught with its verdict, and again as one of several candidates."""
    project = opened()
    answer(project, {"i0": ["cat", "cat"], "i1": ["dog", "dog"]})
    project.apply(edits.split("cat", into=["tabby", "calico"]))
    assert project.answers().partial()["item_id"].tolist() == ["i0"]
    Adjudication(project, seed=1).decide("i0", "tabby", "slip")
    assert taught(project) == {"i0": "tabby", "i1": "dog"}
    assert not len(project.answers().partial())


def test_a_hold_out_item_measures_with_its_verdict_once_somebody_answered_it_blind(opened):
    project = opened(holdout=0.5)
    held_out = [str(item_id) for item_id in project.pool.ids[project.queue.holdout]]
    first, second, third = held_out[:3]
    answer(project, {first: ["cat"], second: ["cat", "dog"], "i0" if "i0" not in held_out else third: ["cat"]})
    place = project.pool.position(second)
    assert place in project.measuring().tied
    session = Adjudication(project, seed=1)
    session.decide(first, "dog", "slip")
    verdict = session.decide(second, "dog", "slip")
    names = {item_id: project.taxonomy.name_of(label_id) for item_id, label_id in project.reference().items()}
    assert (names[first], names[second]) == ("dog", "dog")
    session.retract(verdict)
    assert second not in project.reference()


def test_verdicts_hold_when_the_project_is_opened_again(opened):
    project = opened()
    answer(project, {"i0": ["cat", "dog"], "i1": ["dog", "cat"]})
    session = Adjudication(project, seed=1)
    session.decide("i0", "dog", "slip")
    session.retract(session.decide("i1", "dog", "slip"))
    again = opened("bob")
    assert label_of(again, "i0") == "dog"
    assert label_of(again, "i1") is None
    assert again.queue.tied.tolist() == project.queue.tied.tolist()
    assert Adjudication(again).estimate == session.estimate or np.isnan(session.estimate)


@pytest.mark.long
def test_the_interval_of_the_residual_error_holds_the_truth_over_whole_adjudications(opened):
    n, rng = 45, np.random.default_rng(3)
    project = opened(n=n)
    truth = rng.choice(["cat", "dog"], n)
    for k in range(n):
        for who, right in (("ada", 0.9), ("bob", 0.8), ("eve", 0.7)):
            said = truth[k] if rng.random() < right else {"cat": "dog", "dog": "cat"}[truth[k]]
            project.decide(f"i{k}", label=said, annotator=who)
    held = []
    for seed in range(4):
        session = Adjudication(project, new=True, seed=seed, tolerance=0.1)
        verdicts = []
        for item_id in session.cases(20):
            verdicts.append(session.decide(item_id, truth[int(item_id[1:])], "slip"))
        plan, error = session._plan(), session.error
        left = [project.taxonomy.name_of(label) != truth[int(item_id[1:])]
                for item_id, label, reviewed in zip(plan.item_ids, plan.labels, plan.reviewed, strict=True)
                if not reviewed]
        held.append(error.after.low <= sum(left) / n <= error.after.high)
        for verdict in verdicts:
            session.retract(verdict)
    assert sum(held) >= 3


# -- through the workbench

def test_the_workbench_s_page_and_its_script_are_one_object(tmp_path):
    with Workbench(tmp_path / "p", pool_of(), ["cat", "dog"], annotator="ada", holdout=0.0, progress=False) as wb:
        for who, label in (("ada", "cat"), ("bob", "dog"), ("eve", "dog")):
            wb.decide("i7", label=label, annotator=who)
        session = wb.people.adjudicate(seed=1)
        case = session.next()
        assert case.item_id == "i7"
        session.decide(case, "cat", "slip", note="ears")
        assert session.next() is None
        assert (session.table["note"].tolist(), session.estimate.value) == (["ears"], 0.0)
        assert session.error.good
        page = wb.people.own()
        assert page.slips.empty  # ada was right
        wb.annotator = "bob"
        assert wb.people.own().slips[["item_id", "others", "judged_by"]].values.tolist() == [["i7", "cat", "verdict"]]
        assert wb.people.adjudicate() is not session
        reply: Any = session.receive({"kind": "hello"})
        assert reply["kind"] == "ready"
        assert [cause for cause, _ in reply["causes"]] == ["ambiguous", "guideline_gap", "slip", "edge_case",
                                                          "disagreement"]


def test_who_adjudicated_an_item_is_not_asked_for_a_vote_on_it(opened):
    """They had read the others' answers, and were asked the item afterwards as if they hadn't."""
    project = opened("olga", n=4)
    answer(project, {"i0": ["cat", "dog"]})
    session = Adjudication(project, seed=1)
    verdict = session.decide("i0", None, "ambiguous")
    for _ in range(2):
        assert "i0" not in project.next(10, annotator="olga", strategy="random").ids
        assert "i0" in project.next(10, annotator="dan", strategy="random").ids
        session.retract(verdict)  # what was read stays read
    again = opened("olga", n=4)
    assert "i0" not in again.next(10, annotator="olga", strategy="random").ids


def test_where_an_edit_left_every_label_in_doubt_nothing_is_said_to_be_right(opened):
    """It said that 0 of 0 labels were reviewed, and none of them wrong: good enough."""
    project = opened()
    answer(project, {"i0": ["cat", "cat"], "i1": ["cat"]})
    session = Adjudication(project, seed=1)
    project.apply(edits.split("cat", into=["small", "big"]))
    assert np.isnan(session.estimate.value)
    assert (session.estimate.low, session.estimate.high, session.error.good) == (0, 1, False)
    assert "nothing can be said" in repr(session)
    progress = session.progress()
    assert progress["error"] is None
    assert "a new plan" in progress["done"]
