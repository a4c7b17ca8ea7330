"""How an item is shown to whom is drawn by chance, kept in the log, and can be drawn again from the log alone."""

import json
import math
from collections import Counter
from hashlib import blake2b

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.items.pool import Pool
from hitl_widgets.project.adaptive import adapt
from hitl_widgets.project.arms import ARMS, DEFAULT, Arms, draw
from hitl_widgets.project.project import Project
from hitl_widgets.project.simulation import simulate
from hitl_widgets.records import Item, Seen
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.taxonomy.labels import Taxonomy
from hitl_widgets.testing import MemoryHost
from hitl_widgets.widgets.packing import pack_item

NAMES = ["cat", "dog", "owl"]


def nothing(n):
    """A pool whose pictures nobody looks at."""
    return Pool.from_images(np.zeros((n, 2, 2), np.uint8), ids=[f"i{k}" for k in range(n)])


@pytest.fixture
def said():
    return []


@pytest.fixture
def open_(tmp_path, said):
    made = []

    def open_(n=300, *, folder="p", annotator="ada", **more):
        project = Project(tmp_path / folder, nothing(n), Taxonomy(NAMES), annotator=annotator, notify=said.append,
                          **{"holdout": 0.0, **more})
        made.append(project)
        return project
    yield open_
    for project in made:
        project.close()


def predicted(project, *, model="m1", suggestion=0):
    n = len(project.pool)
    predictions = Predictions(project.folder / "predictions", model=model, label_ids=project.taxonomy.label_ids,
                              ids_digest=project.pool.digest, n_items=n)
    probs = np.full((n, len(NAMES)), 0.1, np.float32)
    probs[:, suggestion] = 0.8
    predictions.put(np.arange(n), probs)
    project.use_predictions(predictions)


@pytest.fixture
def bench(tmp_path):
    """A workbench whose model suggests "cat" everywhere, with a session for a simulated annotator."""
    made = []

    def open_bench(n=200, **more):
        made.append(hw.Workbench(tmp_path / "w", nothing(n), NAMES, annotator="ada", progress=False,
                                 **{"holdout": 0.0, "audit": 0.0, **more}))
        predicted(made[-1].project)
        return made[-1]
    yield open_bench
    for wb in made:
        wb.close()


# -- the draw --------------------------------------------------------------------------------------------------

def test_the_number_of_a_person_and_an_item_is_the_one_of_the_recipe():
    """Worked out with `printf '7\\0ada\\0i1' | b2sum -l 64`."""
    assert draw(7, "ada", "i1") == pytest.approx(0xb865668270a4fdec / 2**64, abs=1e-15)


def test_each_arm_gets_its_share_and_a_person_always_the_same_one():
    shares = {"blind": 0.1, "no_map": 0.2, "answer_first": 0.3, "shown": 0.4}
    arms = Arms(3, shares)
    drawn = [arms.of("ada", f"i{k}") for k in range(8_000)]
    assert drawn == [Arms(3, shares).of("ada", f"i{k}") for k in range(8_000)]
    counts = Counter(arm for arm, _ in drawn)
    for arm, share in shares.items():
        assert counts[arm] == pytest.approx(8_000 * share, abs=4 * math.sqrt(8_000 * share * (1 - share)))
    assert dict(drawn) == shares


def test_what_one_person_sees_says_nothing_of_what_another_does():
    arms = Arms(0, {"blind": 0.5, "shown": 0.5})
    both = Counter((arms.of("ada", f"i{k}").arm, arms.of("bob", f"i{k}").arm) for k in range(4_000))
    assert all(n == pytest.approx(1_000, abs=4 * math.sqrt(750)) for n in both.values())
    assert len(both) == 4


@pytest.mark.parametrize(("shares", "blind", "others"), [
    (DEFAULT, 0.5, {"shown": 0.5}),
    ({"blind": 0.0, "no_map": 0.5, "answer_first": 0.0, "shown": 0.5}, 0.5, {"no_map": 0.25, "shown": 0.25}),
    ({"blind": 0.8, "no_map": 0.0, "answer_first": 0.0, "shown": 0.2}, 0.8, {"shown": 0.2}),
    ({"blind": 1.0, "no_map": 0.0, "answer_first": 0.0, "shown": 0.0}, 1.0, {})])
def test_at_least_one_half_of_the_audit_is_blind(shares, blind, others):
    got = Arms(0, shares).audit_shares
    assert {arm: share for arm, share in got.items() if share} == pytest.approx({"blind": blind, **others})
    drawn = [Arms(0, shares).of("ada", f"i{k}", audited=True) for k in range(2_000)]
    assert np.mean([arm == "blind" for arm, _ in drawn]) == pytest.approx(blind, abs=0.05)


def drawn_again(log_lines):
    """Draw every arm again from the events of a log, as its documentation tells how; nothing of the package is used."""
    shares, seed = {"blind": 0.1, "no_map": 0.0, "answer_first": 0.0, "shown": 0.9}, None
    for line in log_lines:
        event = json.loads(line)
        body = event["body"]
        if event["kind"] == "created":
            seed = body["seed"]
        elif event["kind"] == "policy":
            shares = body.get("arms", shares)
        elif event["kind"] == "decided" and body["seen"].get("arm") not in (None, "none"):
            text = "\0".join([str(seed), event["annotator"], event["item_id"]]).encode()
            number = (int(blake2b(text, digest_size=8).hexdigest(), 16) >> 11) / 2**53
            half = {arm: share if shares["blind"] >= 0.5 else 0.5 if arm == "blind" else
                    share * 0.5 / (1 - shares["blind"]) for arm, share in shares.items()}
            found = set()
            for mine in (shares, half):
                total = 0.0
                for arm in ("blind", "no_map", "answer_first", "shown"):
                    total += mine[arm]
                    if number < total:
                        found.add((arm, round(mine[arm], 9)))
                        break
            yield (body["seen"]["arm"], round(body["seen"]["arm_probability"], 9)), found


def test_a_script_draws_every_arm_again_from_the_log_alone(open_):
    project = open_(audit=0.3)
    predicted(project)
    for shares in (None, {"blind": 0.2, "no_map": 0.3, "answer_first": 0.1}):
        if shares is not None:
            project = open_(audit=0.3, arms=shares)
            predicted(project)
        for who in ("ada", "bob", "a, b"):
            for item in project.next(40, annotator=who):
                project.decide(item.id, label="cat", annotator=who, seen={
                    "suggestion": "cat", "model": "m1", "hidden": item.blind, "arm": item.arm,
                    "arm_probability": item.arm_probability, "chosen_by": item.chosen_by})
    lines = [json.dumps({"kind": event.kind, "annotator": event.annotator, "item_id": event.item_id,
                         "body": event.body}) for event in project.log.events()]
    rows = list(drawn_again(lines))
    assert len(rows) == 240
    assert all(kept in found for kept, found in rows)
    assert {arm for (arm, _), _ in rows} == set(ARMS)
    assert {kept for kept, _ in rows} >= {("blind", 0.1), ("blind", 0.5), ("shown", 0.9), ("blind", 0.2)}


# -- who sees what ---------------------------------------------------------------------------------------------

def test_one_in_ten_is_blind_and_the_item_says_so(open_):
    project = open_(2_000, audit=0.0)
    predicted(project)
    items = project.next(2_000)
    assert np.mean([item.blind for item in items]) == pytest.approx(0.1, abs=0.02)
    assert {(item.arm, item.blind, item.arm_probability) for item in items} == {("blind", True, 0.1),
                                                                              ("shown", False, 0.9)}
    assert [item.arm for item in project.claim(50)] == [item.arm for item in items[:50]]


def test_holdout_and_gold_are_always_blind_and_no_arm(open_):
    project = open_(holdout=0.3, arms={"blind": 0.0})
    predicted(project)
    project.set_gold({"i0": "cat", "i1": "dog"})
    items = project.next(300)
    measures = [item for item in items if item.chosen_by in ("holdout", "gold")]
    assert len(measures) > 40
    assert all(item.blind and item.arm is None and item.arm_probability is None for item in measures)
    assert {item.arm for item in items if item not in measures} == {"shown", "blind"}  # the audit's half


def test_without_a_model_there_is_no_arm_to_draw(open_):
    project = open_(audit=0.5)
    items = project.next(60)
    assert {(item.arm, item.blind, item.arm_probability) for item in items} == {("none", False, None)}
    seen = Seen(arm="shown", arm_probability=0.9, hidden=True)  # a card may have drawn before it found no prediction
    decision = project.decide(items[0].id, label="cat", seen=seen)
    assert (decision.seen.arm, decision.seen.arm_probability) == ("none", None)


def test_relabelling_and_second_looks_are_no_arm(open_):
    from hitl_widgets import edits
    project = open_()
    project.decide("i0", label="cat")
    predicted(project)
    project.apply(edits.split("cat", ["tabby", "tom"]))
    assert [(item.id, item.arm) for item in project.next(5, queue="relabel")] == [("i0", None)]


def test_a_script_without_a_screen_is_in_no_arm(open_):
    project = open_(arms={"blind": 0.5})
    predicted(project)
    decisions = [project.decide(item.id, label="cat") for item in project.next(20)]
    assert {(decision.seen.arm, decision.seen.scripted) for decision in decisions} == {(None, True)}


@pytest.mark.parametrize(("arm", "hidden", "kept"), [
    ("shown", False, "shown"), ("shown", True, None), ("no_map", False, "no_map"), ("no_map", True, None),
    ("blind", True, "blind"), ("blind", False, None), ("answer_first", True, "answer_first"),
    ("answer_first", False, "answer_first")])
def test_an_arm_that_the_screen_did_not_keep_is_none(open_, arm, hidden, kept):
    """A blind answer that is looked at again with the suggestion would count as a blind one that follows the model."""
    project = open_()
    decision = project.decide("i0", label="cat", seen=Seen(
        suggestion=project.taxonomy.label("cat").id, model="m1", hidden=hidden, arm=arm, arm_probability=0.1))
    assert (decision.seen.arm, decision.seen.arm_probability) == (kept, None if kept is None else 0.1)


# -- looking again ---------------------------------------------------------------------------------------------

def test_what_is_looked_at_again_is_shown_as_it_was(open_):
    project = open_(arms={"blind": 0.3, "no_map": 0.2, "answer_first": 0.2})
    predicted(project)
    cat = project.taxonomy.label("cat").id
    for item in project.next(60):
        before = project.asking.item(item.id)
        assert (before.arm, before.blind, before.arm_probability) == (item.arm, item.blind, item.arm_probability)
        project.decide(item.id, label="dog", seen=Seen(
            suggestion=cat, model="m1", hidden=item.blind, arm=item.arm, arm_probability=item.arm_probability))
        again, others = project.asking.item(item.id), project.asking.item(item.id, "bob")
        assert (again.arm, again.arm_probability, again.chosen_by) == (item.arm, item.arm_probability, "revision")
        assert again.blind == (item.arm == "blind")  # who answered first sees the suggestion now
        assert (others.arm, others.arm_probability) == project.asking.arms.of(
            "bob", item.id, audited=project.queue.audit.is_drawn(item.position))


def test_the_arm_of_an_answer_stays_when_the_shares_change(open_):
    project = open_(audit=0.0, arms={"blind": 1.0})
    predicted(project)
    [item] = project.next(1)
    project.decide(item.id, label="dog", seen=Seen(suggestion=project.taxonomy.label("cat").id, model="m1", hidden=True,
                                                   arm="blind", arm_probability=1.0))
    project = open_(audit=0.0, arms={"blind": 0.0})
    predicted(project)
    again = project.asking.item(item.id)
    assert (again.arm, again.blind, again.arm_probability) == ("blind", True, 1.0)
    assert {item.arm for item in project.next(20)} == {"shown"}


def test_what_was_answered_without_an_arm_stays_without(open_):
    project = open_(holdout=0.5)
    predicted(project)
    cat = project.taxonomy.label("cat").id
    blind = next(item for item in project.next(20) if item.chosen_by == "holdout")
    other = next(item for item in project.next(20) if item.chosen_by != "holdout")
    for item in (blind, other):
        project.decide(item.id, label="dog", seen=Seen(suggestion=cat, model="m0", hidden=item is blind))
    assert [(again.arm, again.blind) for again in map(project.asking.item, (blind.id, other.id))] == [(None, True),
                                                                                             (None, False)]


# -- the shares ------------------------------------------------------------------------------------------------

def test_the_project_carries_the_shares_and_the_log_when_they_changed(open_, said):
    project = open_(arms={"blind": 0.25})
    shares = {"blind": 0.25, "no_map": 0.0, "answer_first": 0.0, "shown": 0.75}
    assert project.asking.arms.shares == shares
    assert open_().asking.arms.shares == shares
    assert open_(arms={"blind": 0.25}).asking.arms.shares == shares
    assert [event.body for event in project.log.events(kind="policy")] == [{"arms": shares}]
    assert open_(annotator="bob", arms={"blind": 0.5}).asking.arms.shares == shares
    assert any("goes on with its own shares of the arms (blind 0.25, shown 0.75)" in line for line in said)
    open_(arms={"blind": 0.5})
    assert [event.body["arms"]["blind"] for event in project.log.events(kind="policy")] == [0.25, 0.5]


def test_shares_that_were_never_set_are_the_default_and_no_event(open_):
    project = open_()
    assert project.asking.arms.shares == DEFAULT
    assert not list(project.log.events(kind="policy"))
    open_(arms={"blind": 0.1})
    assert not list(project.log.events(kind="policy"))


def test_a_review_sets_the_shares_too(bench):
    wb = bench()
    wb.review(arms={"answer_first": 0.9, "blind": 0.1}, explain=None).close()
    assert wb.people.policy()["arms"]["answer_first"] == 0.9
    with pytest.raises(BadInput, match="shows every item blind"):
        wb.review(arms={"blind": 0.1}, blind=True)
    with pytest.raises(BadInput, match="add up"):
        wb.review(arms={"blind": 0.6, "no_map": 0.6})


# -- a simulated annotator and the card --------------------------------------------------------------------------

@pytest.mark.long
def test_a_simulated_annotator_follows_only_what_its_arm_shows(bench):
    wb = bench(arms={"blind": 0.4, "answer_first": 0.3})
    simulate(wb, ["dog"] * 200, n=150, error=0.0, bias=1.0)
    votes = wb.votes()
    by_arm = votes.groupby("arm")
    assert by_arm["label"].agg(set).to_dict() == {"blind": {"dog"}, "answer_first": {"dog"}, "shown": {"cat"}}
    assert by_arm["shown"].agg(set).to_dict() == {"blind": {False}, "answer_first": {False}, "shown": {True}}
    assert set(votes.loc[votes["arm"] == "answer_first", "label_after"]) == {"cat"}  # once it saw the suggestion
    assert votes["arm_probability"].map(lambda p: round(p, 6)).groupby(votes["arm"]).agg(set).to_dict() == {
        "blind": {0.4}, "answer_first": {0.3}, "shown": {0.3}}
    assert len(votes) == 150


@pytest.mark.parametrize(("item", "entry"), [
    ({"arm": "shown", "arm_probability": 0.9}, {"exposure": {"arm": "shown", "arm_probability": 0.9}, "blind": False}),
    ({"arm": "blind", "arm_probability": 0.1, "blind": True},
     {"exposure": {"arm": "blind", "arm_probability": 0.1}, "blind": True}),
    ({"arm": "no_map", "arm_probability": 0.2}, {"exposure": {"arm": "no_map", "arm_probability": 0.2},
                                                 "no_map": True}),
    ({"arm": "answer_first", "arm_probability": 0.3, "blind": True},
     {"exposure": {"arm": "answer_first", "arm_probability": 0.3}, "answer_first": True, "blind": True}),
    ({"arm": "answer_first", "arm_probability": 0.3, "chosen_by": "revision"},
     {"exposure": {"arm": "answer_first", "arm_probability": 0.3}, "blind": False}),
    ({"arm": "none"}, {"exposure": {"arm": "none"}, "blind": False}),
    ({"blind": True, "chosen_by": "holdout"}, {"blind": True}),
    ({"blind": True, "repeat_of": "a" * 32}, {"exposure": {"repeat_of": "a" * 32}, "blind": True})])
def test_the_card_gets_how_an_item_is_shown(item, entry):
    host = MemoryHost()
    made = Item("item-0000", 0, **item)
    got, _ = pack_item(host, made, blind=made.blind, annotator="ada")
    flags = ("exposure", "no_map", "answer_first")
    assert {key: value for key, value in got.items() if key in (*flags, "blind")} == {"blind": False, **entry}
    assert ("suggestion" in got) == (made.arm != "none")


def test_without_a_prediction_the_card_says_that_there_was_no_arm():
    got, _ = pack_item(MemoryHost(model=None), Item("item-0000", 0, arm="shown", arm_probability=0.9), blind=False,
                          annotator="ada")
    assert got["exposure"] == {"arm": "none"}


# -- adaptive answer first ---------------------------------------------------------------------------------------

@pytest.mark.long
def test_who_follows_wrong_suggestions_answers_first_and_is_told(bench):
    wb = bench(n=300, arms={"blind": 0.3})
    project = wb.project
    simulate(wb, ["dog"] * 300, n=60, error=0.0, bias=1.0, annotator="ada")
    simulate(wb, ["dog"] * 300, n=60, error=0.0, bias=0.0, annotator="bob")
    decided = {event.item_id: "dog" for event in project.log.events(kind="decided")}
    wb.gold(decided)
    assert adapt(project, "ada") == []  # the owner has set nothing
    wb.people.set(adaptive=0.3)
    said = adapt(project, "ada")
    assert "Your answers follow wrong suggestions" in said[0]
    assert adapt(project, "ada") == []  # once
    assert said[0] in [notice["text"] for notice in project.people.notices("ada")]
    ada = project.next(200, annotator="ada")
    drawn = [item for item in ada if item.arm is not None]
    assert {(item.arm, round(item.arm_probability, 6)) for item in drawn} == {
        ("blind", 0.3), ("answer_first", 0.525), ("shown", 0.175)}
    assert "answer_first" not in {item.arm for item in project.next(200, annotator="bob")}
    # Over all people the suggestion is followed too: bob is told of the label, not of himself.
    assert not any("Your answers" in text for text in adapt(project, "bob"))
    wb.people.set(adaptive=False)
    assert "answer_first" not in {item.arm for item in project.next(200, annotator="ada")}


@pytest.mark.parametrize("threshold", [-0.1, 2, True, "much"])
def test_a_threshold_that_is_none_is_refused(bench, threshold):
    with pytest.raises(BadInput, match="adaptive"):
        bench(n=10).people.set(adaptive=threshold)
