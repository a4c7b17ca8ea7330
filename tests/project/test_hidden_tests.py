"""Planted suggestions, gold tests and own repeats: who gets which, and that none of them counts as a vote."""

import threading

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits, quality
from hitl_widgets.errors import BadInput, IdReused
from hitl_widgets.events import decision_of
from hitl_widgets.project.hidden_tests import draw, places_due
from hitl_widgets.project.triage import UnplacedItems
from hitl_widgets.quality.votes import encode
from hitl_widgets.records import Prediction, Seen

NAMES = ["cat", "dog", "other"]
N = 300


def pool(n=N):
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8),
                               ids=[f"i{k:03}" for k in range(n)], meta=[{"source": "ab"[k % 2]} for k in range(n)])


def truth(item_id):
    return NAMES[int(item_id[1:]) % 3]


@pytest.fixture
def open_(tmp_path):
    opened = []

    def one_more(taxonomy=NAMES, **arguments):
        arguments = {"annotator": "olga", "device": "cpu", "progress": False, "holdout": 0.1, **arguments}
        wb = hw.Workbench(tmp_path / "p", pool(), taxonomy, **arguments)
        opened.append(wb)
        predict(wb)
        return wb
    yield one_more
    for wb in opened:
        wb.close()


def predict(wb):
    """Have a made-up model that is always right predict; its second choice is the next label."""
    def prediction(position):
        label_ids = wb.taxonomy.label_ids
        probs = np.full(len(label_ids), 0.05)
        names = [wb.taxonomy.name_of(label_id) for label_id in label_ids]
        right = names.index(truth(str(wb.pool.ids[position])))
        probs[right], probs[(right + 1) % len(probs)] = 0.7, 0.2
        return Prediction(str(wb.pool.ids[position]), label_ids, probs / probs.sum(), "fake")
    wb.project.prediction = prediction
    wb.project.hidden_tests._prediction = prediction


def gold_of(wb, n=120):
    ids = [i for i in wb.pool.ids.tolist() if i not in set(wb.holdout)][:n]
    wb.gold({item_id: truth(item_id) for item_id in ids})
    return ids


def label_all(wb, n, annotator="ada", *, take=lambda item: truth(item.id), batch=20):
    """Answer what the queue asks, with what a person would see; the items in their order."""
    asked = []
    while len(asked) < n:
        items = wb.session.claim(min(batch, n - len(asked)), annotator=annotator, strategy="random")
        if not items:
            break
        for item in items:
            seen = wb.session.would_show(item)
            label = take(item)
            if label == seen.suggestion and not seen.hidden:
                label = seen.suggestion
            wb.decide(item, label=label, annotator=annotator, seen=seen)
            asked.append(item)
    return asked


def agreeing(open_, *, share=0.05, by=None, annotator="ada"):
    wb = open_()
    gold_of(wb)
    wb.people.plant(share, purpose="To learn how far suggestions move us.", by=by)
    wb.session.consent("planted", True, annotator=annotator)
    return wb


# -- who sets it, and who agrees


def test_nothing_is_planted_by_default_and_nobody_is_asked(open_):
    wb = open_()
    gold_of(wb)
    assert wb.session.asks_consent("ada") is None
    assert not any(item.planted for item in label_all(wb, 100))


@pytest.mark.parametrize(("arguments", "says"), [
    ({"purpose": None}, "purpose is None; a sentence"),
    ({"purpose": " "}, "a sentence of 1 to 2,000 characters"),
    ({"purpose": "why", "share": 0.051}, "at most 0.05"),
    ({"purpose": "why", "share": 0}, "above 0"),
    ({"purpose": "why", "by": "nowhere"}, "nowhere")])
def test_planting_needs_a_purpose_and_is_refused_above_one_in_twenty(open_, arguments, says):
    wb = open_()
    gold_of(wb)
    with pytest.raises(BadInput, match=says):
        wb.people.plant(**arguments)
    assert wb.people.policy() == {}


def test_the_question_reads_well_where_the_purpose_has_no_full_stop(open_):
    """The purpose ran into the next sentence."""
    wb = open_()
    gold_of(wb)
    wb.people.plant(purpose="To learn")
    assert "Purpose: To learn. Such an answer" in wb.people.consent()


def test_planting_without_gold_is_refused_with_how_many_there_are(open_):
    wb = open_()
    with pytest.raises(BadInput, match="of 0 gold items none is left"):
        wb.people.plant(purpose="why")
    wb.gold({item_id: truth(item_id) for item_id in wb.holdout[:4]})
    with pytest.raises(BadInput, match="never on hold-out or sensitive ones: of 4 gold items none is left"):
        wb.people.plant(purpose="why")


def test_only_the_owner_plants(open_):
    gold_of(open_())
    with pytest.raises(BadInput, match="olga, who made the project"):
        open_(annotator="ben").people.plant(purpose="why")


def test_sensitive_labels_are_neither_planted_on_nor_suggested(open_):
    taxonomy = hw.Taxonomy([{"name": "animal", "sensitive": "a person may be in it", "labels": ["cat", "dog"]},
                            "other"])
    wb = open_(taxonomy)
    gold_of(wb, 60)
    wb.gold({item_id: None for item_id in wb.gold() if truth(item_id) == "other"})
    with pytest.raises(BadInput, match=r"of \d+ gold items none is left"):
        wb.people.plant(purpose="why")


def test_of_other_labels_with_only_sensitive_alternatives_none_is_planted(open_):
    wb = open_(hw.Taxonomy([{"name": "cat", "sensitive": "x"}, {"name": "dog", "sensitive": "x"}, "other"]))
    gold_of(wb)
    wb.people.plant(purpose="why")
    wb.session.consent("planted", True, annotator="ada")
    assert not any(item.planted for item in label_all(wb, 100))


def test_a_person_is_asked_and_gets_none_before_their_yes_or_after_their_no(open_):
    wb = open_()
    gold_of(wb)
    wb.people.plant(purpose="To learn how far suggestions move us.")
    assert "To learn how far suggestions move us. Such an answer is no vote" in wb.session.asks_consent("ada")["text"]
    assert not any(item.planted for item in label_all(wb, 80))
    wb.session.consent("planted", True, annotator="ada")
    assert wb.session.asks_consent("ada") is None
    assert wb.session.about("ada")["takes_part"] == ["planted"]
    assert any(item.planted for item in label_all(wb, 80))
    wb.session.consent("planted", False, annotator="ada")
    assert not any(item.planted for item in label_all(wb, 60))
    assert wb.session.asks_consent("ada") is None  # a no isn't asked again
    assert wb.session.asks_consent("ben")["to"] == "planted"


def test_a_yes_to_another_share_or_purpose_is_no_yes_to_this_one(open_):
    wb = agreeing(open_)
    wb.people.plant(0.02, purpose="Another purpose.")
    assert "Another purpose." in wb.session.asks_consent("ada")["text"]
    assert not any(item.planted for item in label_all(wb, 80))
    wb.people.plant(None)
    assert wb.session.asks_consent("ada") is None
    with pytest.raises(BadInput, match="nothing to agree to"):
        wb.session.consent("planted", True, annotator="ada")


def test_consent_in_a_script_says_what_is_asked_and_stores_the_answer(open_):
    wb = open_()
    gold_of(wb)
    wb.people.plant(purpose="why")
    assert "why" in wb.people.consent()
    assert wb.people.consent(True) is None
    assert [event.body["yes"] for event in wb.project.log.events(kind="consented")] == [True]


# -- what is planted


def test_at_most_one_in_twenty_is_planted_on_gold_visibly_wrong_and_plausible(open_):
    wb = agreeing(open_)
    asked = label_all(wb, 200)
    gold = wb.gold()
    planted = [(n, item) for n, item in enumerate(asked, 1) if item.planted]
    assert 7 <= len(planted) <= 10
    for so_far, (n, item) in enumerate(planted, 1):
        assert so_far <= 0.05 * n
        assert item.id in gold
        assert item.planted != gold[item.id]
        assert not item.blind
        of = {name: wb.taxonomy.answer(name).id for name in NAMES}
        assert item.planted == of[NAMES[(NAMES.index(truth(item.id)) + 1) % 3]]  # the second choice
        assert item.chosen_by not in ("gold", "holdout", "planted")  # the card's reason doesn't tell
    assert len({item.id for _, item in planted}) == len(planted)


def test_what_is_planted_follows_from_the_log_alone(open_):
    wb = agreeing(open_)
    again = open_(annotator="ada")
    for _ in range(4):
        mine = wb.session.peek(20, annotator="ada", strategy="random")
        theirs = again.session.peek(20, annotator="ada", strategy="random")
        assert [(item.id, item.planted) for item in mine] == [(item.id, item.planted) for item in theirs]
        label_all(wb, 20)
        again.project.refresh()


def test_a_declared_pair_is_planted_before_the_second_choice(open_):
    wb = open_()
    gold_of(wb)
    wb.people.set(pairs=[("cat", "other")])
    wb.people.plant(purpose="why")
    of = {wb.taxonomy.answer(name).id: name for name in NAMES}
    wb.session.consent("planted", True, annotator="ada")
    planted = {truth(item.id): of[item.planted] for item in label_all(wb, 240) if item.planted}
    assert planted.items() <= {"cat": "other", "other": "cat", "dog": "other"}.items()
    assert len(planted) >= 2


def test_planted_suggestions_are_spread_over_labels_or_a_column(open_):
    wb = agreeing(open_, by="label")
    planted = wb.project.hidden_tests.lines("ada").planted
    assert {truth(str(wb.pool.ids[place])) for place in planted[:3]} == set(NAMES)
    wb.people.plant(purpose="why", by="source")
    wb.session.consent("planted", True, annotator="ada")
    planted = wb.project.hidden_tests.lines("ada").planted
    assert {int(place) % 2 for place in planted[:2]} == {0, 1}


def test_blind_gold_and_planted_gold_share_no_item(open_):
    lines = agreeing(open_).project.hidden_tests.lines("ada")
    assert not set(lines.blind) & set(lines.planted)
    assert min(len(lines.planted), len(lines.blind)) > 20


def test_no_place_of_the_first_block_is_due_and_shares_hold_from_any_start():
    for seed in range(20):
        due = places_due(0, 2_000, 0, share=0.05, seed=seed, annotator="ada", of="planted")
        assert all(n <= (place + 1) * 0.05 for n, place in enumerate(due, 1))
        assert len(due) == 99
    assert len({place % 20 for place in due}) > 10  # nobody can wait for it
    assert places_due(100, 400, 4, share=0.05, seed=0, annotator="ada", of="x") == [
        place - 100 for place in places_due(0, 500, 0, share=0.05, seed=0, annotator="ada", of="x") if place >= 100]


def test_the_hash_is_the_documented_one():
    from hashlib import blake2b
    number = int.from_bytes(blake2b(b"3\0ada\0i1\0gold", digest_size=8).digest(), "big")
    assert draw(3, "ada", "i1", "gold") == (number >> 11) / 2 ** 53


# -- a planted decision is no vote


def plant_one(wb, item_id, verdict=None, *, label=None, annotator="ada", suggestion="other", **more):
    seen = Seen(suggestion=wb.taxonomy.answer(suggestion).id, probs={}, planted=True, model="fake", chosen_by="margin",
                taxonomy=wb.taxonomy.version)
    return wb.decide(item_id, verdict, label=label, annotator=annotator, seen=seen, **more)


@pytest.fixture
def planted(open_):
    """A project in which ben and cleo said "cat" of i010, and ada took the planted "other"."""
    wb = open_(annotators_per_item=3, holdout=0, names=True)
    wb.gold({"i010": "cat"})
    for who in ("ben", "cleo"):
        wb.decide("i010", label="cat", annotator=who, seen={"hidden": True})
    plant_one(wb, "i010", label="other")
    return wb


def without_gold(wb):
    """Gold is left out of much by itself; what was planted has to be left out when it is gold no more, too."""
    wb.gold({"i010": None})
    return wb


def test_the_log_says_planted_and_votes_have_it_but_no_algorithm_counts_it(planted):
    votes = planted.votes()
    row = votes[votes["annotator"] == "ada"].iloc[0]
    assert row[["planted", "chosen_by", "label", "shown"]].tolist() == [True, "planted", "other", True]
    assert encode(votes).annotators.tolist() == ["ben", "cleo"]


@pytest.mark.parametrize("version", [None, 1])
def test_a_planted_answer_is_marked_among_the_annotations(planted, version):
    rows = planted.annotations(taxonomy=version).set_index("annotator")[["label", "status"]]
    assert rows.to_dict("index") == {"ada": {"label": "other", "status": "planted"},
                                     **{who: {"label": "cat", "status": "decided"} for who in ("ben", "cleo")}}


def test_an_import_of_exported_annotations_leaves_it_out(planted, tmp_path, capsys):
    with hw.Workbench(tmp_path / "other", pool(), NAMES, annotator="olga", device="cpu", progress=False) as other:
        assert other.import_annotations(planted.annotations()) == 2
    assert "1 rows of the table to import are to be reviewed, only presumed, or given to a planted" in \
        capsys.readouterr().out


def test_consensus_and_training_and_counts_leave_it_out(planted):
    wb = without_gold(planted)
    assert wb.consensus()[["label", "n_answers", "share"]].to_numpy().tolist() == [["cat", 2, 1.0]]
    training = wb.project.answers().training()
    assert training[["n_answers", "share"]].to_numpy().tolist() == [[2, 1.0]]
    counts = wb.edits.counts().set_index("label")["decided"]
    assert counts.to_dict() == {"cat": 2, "dog": 0, "other": 0}
    assert len(wb.project.answers().by_annotator()) == 2
    assert len(wb.project.answers().labelled()) == 2


def test_it_ties_nothing_and_keeps_nobody_from_being_asked(planted):
    wb = without_gold(planted)
    place = wb.pool.position("i010")
    assert not wb.project.queue.tied[place]
    wb.decide("i010", label="dog", annotator="cleo", seen={"hidden": True})
    assert wb.project.queue.tied[place]
    item_ids = wb.next(N, strategy="random").ids
    assert "i010" in item_ids  # olga is asked: two of three answers are there
    wb.annotator = "ada"
    assert "i010" not in wb.next(N, strategy="random").ids  # ada saw what was planted


def test_it_is_no_answer_that_training_could_have_learnt_from(planted):
    from hitl_widgets.learn.learnt import _answered_at
    wb = planted
    plant_one(wb, "i020", label="other")
    assert set(_answered_at(wb.project, ["i010", "i020"])) == {"i010"}


def test_it_is_in_no_relabel_queue_after_an_edit(planted):
    wb = without_gold(planted)
    plant_one(wb, "i021", label="other")
    wb.apply(edits.split("other", ["sofa", "table"]))
    assert len(wb.relabel_queue()) == 0
    wb.annotator = "ada"
    assert len(wb.relabel_queue()) == 0
    assert wb.annotations().set_index("item_id").loc["i021", "status"] == "planted"


def test_it_waits_in_no_triage(planted):
    wb = without_gold(planted)
    plant_one(wb, "i022", "unsure", annotator="ada")
    plant_one(wb, "i023", label="dog", flags=["not_in_taxonomy"])
    plant_one(wb, "i024", label="other")
    assert UnplacedItems(wb.project).waiting() == []


def test_it_measures_no_model_and_no_person(planted):
    wb = planted
    assert wb.project.measuring().holdout == {}
    from hitl_widgets.report.decisions import decisions
    assert set(decisions(wb.project, [])["annotator"]) == {"ben", "cleo"}
    assert set(wb.progress().people["annotator"]) == {"ben", "cleo", "all"}
    assert "ada" not in wb.people.calibration().table.reset_index().to_string()
    assert "ada" not in set(wb.project.people.gold_answers()["annotator"])


def test_it_marks_no_region_for_training(planted):
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    plant_one(planted, "i030", label="cat", reason="wrong", wrong=mask)
    assert planted.project.reasons() == {}


def test_it_measures_nothing_on_the_hold_out_either(open_):
    wb = open_(holdout=0.5)
    item_id = wb.holdout[0]
    plant_one(wb, item_id, "unsure")
    plant_one(wb, wb.holdout[1], label="other")
    measuring = wb.project.measuring()
    assert (measuring.holdout, measuring.n_unsure) == ({}, 0)
    wb.decide(wb.holdout[1], label="cat", annotator="ada", seen={"hidden": True, "chosen_by": "holdout"})
    assert wb.project.measuring().holdout == {}  # who saw a planted suggestion isn't blind any more


def test_neither_agreement_nor_the_pace_of_an_audit_uses_it(planted):
    from hitl_widgets.report.audit import _first_answers
    events = list(planted.project.log.events_of(["i010"]))
    assert [event.annotator for event in _first_answers(events)["i010"]] == ["ben", "cleo"]
    votes = planted.votes()
    bias = quality.automation_bias(votes, truth={"i010": "cat"})
    assert bias.effect is None


def test_the_state_is_the_same_whether_it_was_followed_or_read(open_):
    wb, follower = agreeing(open_), open_(annotator="ada")
    label_all(wb, 120)
    follower.project.refresh()
    fresh = open_(annotator="ada")
    for one, other in ((wb, fresh), (follower, fresh)):
        assert one.project.queue.planted == other.project.queue.planted
        assert one.project.state.label_index.counts() == other.project.state.label_index.counts()
        assert [(i.id, i.planted) for i in one.next(20, strategy="random")] \
            == [(i.id, i.planted) for i in other.next(20, strategy="random")] or one is wb


def test_taking_a_planted_answer_back_opens_the_item_again(planted):
    wb = planted
    decision_id = wb.votes().query("annotator == 'ada'").index
    assert len(decision_id) == 1
    event = next(e for e in wb.project.log.events(kind="decided") if e.annotator == "ada")
    assert decision_of(event).seen.planted
    wb.retract(event.id)
    assert wb.project.queue.planted["ada"] == set()


# -- what a person is told


def test_which_ones_is_told_when_the_sitting_is_over_and_to_nobody_else(open_):
    wb = agreeing(open_)
    asked = label_all(wb, 100, take=lambda item: wb_name(wb, item.planted) if item.planted else truth(item.id))
    planted = [item for item in asked if item.planted]
    assert wb.session.notices("ada") == []
    wb.session.end_sitting("ada")
    [notice] = wb.session.notices("ada")
    assert notice["kind"] == "debrief"
    assert f"{len(planted)} suggestions that you saw in this sitting had been made wrong on purpose; you took " \
           f"{len(planted)} of them" in notice["text"]
    assert len(notice["lines"]) == len(planted)
    assert planted[0].id in notice["lines"][0]
    assert wb.session.notices("ben") == []
    wb.session.dismiss(notice["notice"], annotator="ada")
    assert wb.session.notices("ada") == [] == open_(annotator="ada").session.notices("ada")
    wb.session.end_sitting("ada")
    assert wb.session.notices("ada") == []  # told once


def wb_name(wb, label_id):
    return wb.taxonomy.name_of(label_id)


def test_planted_lists_ones_own_after_the_sitting(open_):
    wb = agreeing(open_)
    planted = [item.id for item in label_all(wb, 100) if item.planted]
    assert wb.project.people.planted("ada").empty
    wb.annotator = "ada"
    table = wb.people.planted()
    assert table["item_id"].tolist() == planted
    assert not table["taken"].any()
    wb.annotator = "ben"
    assert wb.people.planted().empty


def test_an_alarm_tells_the_person_alone_once_and_blocks_nothing(open_):
    wb = open_()
    gold_of(wb, 100)
    label_all(wb, 150, take=lambda item: NAMES[(NAMES.index(truth(item.id)) + 1) % 3])
    [notice] = wb.session.notices("ada")
    assert notice["kind"] == "alarm"
    assert "Nobody else is told, and nothing is blocked" in notice["text"]
    assert wb.session.notices("ada") == [notice] == open_(annotator="ada").session.notices("ada")
    assert wb.session.notices("ben") == [] == wb.session.notices("olga")
    assert len(wb.session.claim(5, annotator="ada", strategy="random")) == 5


def test_an_alarm_says_so_where_the_owner_sees_names(open_):
    wb = open_(names=True)
    gold_of(wb, 100)
    label_all(wb, 150, take=lambda item: NAMES[(NAMES.index(truth(item.id)) + 1) % 3])
    assert "olga, who made the project, can see it" in wb.session.notices("ada")[0]["text"]


def test_who_is_right_gets_no_alarm(open_):
    wb = open_()
    gold_of(wb, 100)
    label_all(wb, 150)
    assert wb.session.notices("ada") == []


def test_of_one_gold_item_the_first_blind_answer_counts_and_only_after_it_was_gold(open_):
    wb = open_()
    blind = {"hidden": True, "chosen_by": "gold"}
    wb.decide("i000", label="cat", annotator="ada", seen=blind)  # before anybody knew
    wb.gold({"i000": "cat", "i001": "dog", "i002": "other", "i003": "cat"})
    wb.decide("i001", label="cat", annotator="ada", seen=blind)
    wb.decide("i001", label="dog", annotator="ada", seen={"chosen_by": "revision"})
    wb.decide("i002", label="other", annotator="ada", seen={"suggestion": "other", "chosen_by": "margin"})
    wb.decide("i003", "unsure", annotator="ada", seen=blind)
    answers = wb.project.people.gold_answers()
    assert answers[["item_id", "annotator"]].to_numpy().tolist() == [["i001", "ada"]]
    assert answers["label"].iloc[0] != answers["truth"].iloc[0]


# -- whose figures they are


def answer_gold(wb, people):
    wb.gold({f"i{k:03}": truth(f"i{k:03}") for k in range(12)})
    for who in people:
        for k in range(12):
            wb.decide(f"i{k:03}", label=truth(f"i{k:03}"), annotator=who, seen={"hidden": True, "chosen_by": "gold"})


def test_without_names_the_owner_sees_no_others_below_five_people_and_why(open_, capsys):
    wb = open_()
    answer_gold(wb, ["ada", "ben", "cleo", "dan"])
    assert wb.people.table().empty
    assert "Figures of others are shown for 5 people or more together; 4 others" in capsys.readouterr().out
    wb.annotator = "ben"
    assert wb.people.table()["annotator"].tolist() == ["ben"]


def test_from_five_people_on_others_are_one_row_together(open_):
    wb = open_()
    answer_gold(wb, ["ada", "ben", "cleo", "dan", "eve"])
    [row] = wb.people.table().to_dict("records")
    assert (row["annotator"], row["n_people"], row["n"], row["state"]) == ("5 others", 5, 60, "0 in alarm")
    assert 0.9 < row["accuracy"] <= 1
    assert row["low"] < 0.96  # all of them are alike: that says little of the next one
    wb.annotator = "ben"  # four others: his row, and nothing from which another's could be worked out
    assert wb.people.table()["annotator"].tolist() == ["ben"]


def test_names_are_the_owners_only_and_sorted_by_name(open_):
    wb = open_(names=True)
    answer_gold(wb, ["dan", "ada", "ben"])
    table = wb.people.table()
    assert table["annotator"].tolist() == ["ada", "ben", "dan"]
    assert list(table) == ["annotator", "n_people", "n", "accuracy", "low", "high", "state"]  # nothing by speed
    assert table["state"].tolist() == ["fine"] * 3
    wb.annotator = "ben"
    assert wb.people.table()["annotator"].tolist() == ["ben"]


# -- gold


def test_gold_is_asked_of_everybody_by_label_and_never_twice(open_):
    wb = open_()
    gold_of(wb, 60)
    wb.people.set(rare=["other"])
    of = {}
    for who in ("ada", "ben"):
        asked = [item for item in label_all(wb, 130, who) if item.chosen_by == "gold"]
        assert len({item.id for item in asked}) == len(asked) >= 6
        of[who] = [item.id for item in asked]
        assert abs(sum(truth(item_id) == "other" for item_id in of[who]) - len(asked) / 2) <= 1
    assert of["ada"] != of["ben"]


# -- own repeats


def repeating(open_, share=0.1):
    wb = open_()
    gold_of(wb, 20)
    wb.people.set(repeats=share)
    return wb


def test_own_answers_come_again_blind_much_later_and_revise_nothing(open_):
    wb = repeating(open_)
    asked = label_all(wb, 160, take=lambda item: "dog" if item.repeat_of else "cat")
    again = [(n, item) for n, item in enumerate(asked) if item.repeat_of]
    assert 6 <= len(again) <= 16
    gold, holdout = set(wb.gold()), set(wb.holdout)
    for n, item in again:
        first = next(k for k, other in enumerate(asked) if other.id == item.id)
        assert n - first > 50
        assert (item.blind, item.chosen_by) == (True, "repeat")
        assert item.id not in gold | holdout
    assert len({item.id for _, item in again}) == len(again)
    annotations = wb.annotations().set_index("item_id")["label"]
    assert {annotations[item.id] for _, item in again} == {"cat"}
    votes = wb.votes()
    assert votes["repeat_of"].notna().sum() == len(again)
    assert wb.consensus().set_index("item_id")["n_answers"].max() == 1
    assert wb.project.state.repeated == open_().project.state.repeated


def test_without_a_share_nothing_is_asked_again(open_):
    assert not any(item.repeat_of for item in label_all(open_(), 120))


def test_a_repeat_must_repeat_an_answer_of_the_same_person_to_the_same_item(open_):
    wb = open_()
    decision = wb.decide("i001", label="cat", annotator="ada")
    for item_id, who in (("i002", "ada"), ("i001", "ben")):
        with pytest.raises(BadInput, match="the id of a decision of"):
            wb.decide(item_id, label="cat", annotator=who, seen={"hidden": True, "repeat_of": decision.id})
    again = wb.decide("i001", label="dog", annotator="ada", seen={"hidden": True, "repeat_of": decision.id})
    assert again.replaces is None
    assert wb.annotations()["label"].tolist() == ["cat"]
    wb.retract(again.id)
    assert wb.annotations()["label"].tolist() == ["cat"]
    assert wb.votes()["repeat_of"].isna().all()


def test_a_repeat_that_is_skipped_isnt_asked_without_end(open_):
    wb = repeating(open_, 0.2)
    label_all(wb, 70)
    n = 0
    for _ in range(40):
        [item] = wb.session.claim(1, annotator="ada", strategy="random")
        if item.repeat_of:
            n += 1
            wb.decide(item, "skip", annotator="ada", seen=wb.session.would_show(item))
        else:
            wb.decide(item, label="cat", annotator="ada", seen=wb.session.would_show(item))
    assert 3 <= n <= 9


# -- on several threads


def test_people_who_label_on_several_threads_are_planted_for_within_the_share(open_):
    wb = open_()
    gold_of(wb)
    wb.people.plant(purpose="why")
    wb.people.set(repeats=0.05)
    people, errors = ["ada", "ben", "cleo"], []
    for who in people:
        wb.session.consent("planted", True, annotator=who)

    def work(who):
        try:
            label_all(wb, 60, who, batch=5)
            wb.session.notices(who)
            wb.session.end_sitting(who)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=work, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    votes = wb.votes()
    by_person = votes[votes["repeat_of"].isna()].groupby("annotator")["planted"].agg(["sum", "size"])
    assert (by_person["sum"] <= 0.05 * by_person["size"]).all()
    assert by_person["sum"].sum() > 0
    told = [event for event in wb.project.log.events(kind="told") if event.body.get("kind") == "debrief"]
    assert {event.annotator for event in told} == set(by_person[by_person["sum"] > 0].index)


def test_a_revised_answer_to_a_planted_suggestion_is_no_vote_either(open_):
    """It was one: what a person said after they had seen the wrong suggestion entered the consensus."""
    wb = open_()
    [item_id] = gold_of(wb, 1)
    dog, cat = (wb.taxonomy.answer(name).id for name in ("dog", "cat"))
    planted = wb.decide(item_id, label="dog", annotator="ada", seen={"suggestion": dog, "planted": True})
    saw = {"suggestion": cat, "hidden": True, "chosen_by": "revision"}
    for _ in range(2):  # sent again, it is stored once
        wb.decide(item_id, label="dog", annotator="ada", seen=saw, id="revision-1")
    wb.decide(item_id, label="other", annotator="ada", seen=saw, id="revision-2")
    [vote] = wb.votes().to_dict("records")
    assert (vote["planted"], vote["label"], vote["suggestion"]) == (True, "other", None)
    assert wb.consensus().empty
    assert wb.annotations()["status"].tolist() == ["planted"]
    assert wb.project.answers().labelled() == []
    wb.retract("revision-2")
    wb.retract("revision-1")
    assert wb.votes()["planted"].tolist() == [True]
    wb.retract(planted.id)
    assert wb.votes().empty


def test_the_question_of_consent_says_small_shares_as_they_are(open_):
    """A share of 0.4 % was asked for as "at most 0%", one of 2.5 % as 2 %."""
    wb = open_()
    gold_of(wb)
    for share, says in ((0.004, "at most 0.4% of"), (0.025, "at most 2.5% of"), (0.05, "at most 5% of")):
        wb.people.plant(share, purpose="To learn how far suggestions move us.")
        assert says in wb.session.asks_consent("ada")["text"]


def test_a_no_under_the_id_of_a_yes_is_refused_and_a_yes_sent_again_is_stored_once(open_):
    """The no was taken for stored, and the person went on getting suggestions that were wrong on purpose."""
    wb = agreeing(open_)
    wb.session.consent("planted", True, annotator="bob", id="consent-1")
    wb.people.plant(0.01, purpose="Another one.")
    wb.session.consent("planted", True, annotator="bob", id="consent-1")
    with pytest.raises(IdReused):
        wb.session.consent("planted", False, annotator="bob", id="consent-1")
    with pytest.raises(IdReused):
        wb.session.consent("planted", True, annotator="eve", id="consent-1")


def test_only_ones_own_notices_are_noted_as_read(open_):
    """Whatever came was stored as read, also a text of megabytes."""
    wb = agreeing(open_)
    before = wb.project.log.last_seq()
    with pytest.raises(BadInput, match="isn't one that ada was told"):
        wb.session.dismiss("x" * 1_000_000, annotator="ada")
    assert wb.project.log.last_seq() == before


def test_a_yes_counts_for_the_question_that_was_read(open_):
    """A yes to a question on the screen counted for what the owner had set meanwhile, which nobody had read."""
    wb = open_()
    gold_of(wb)
    wb.people.plant(0.01, purpose="One.")
    read = wb.session.asks_consent("ada")
    wb.people.plant(0.05, purpose="Another one.")
    with pytest.raises(BadInput, match="has changed since you read it"):
        wb.session.consent("planted", True, policy=read["policy"], annotator="ada")
    now = wb.session.asks_consent("ada")
    assert now["policy"] != read["policy"]
    wb.session.consent("planted", True, policy=now["policy"], annotator="ada")
    assert wb.session.asks_consent("ada") is None
    wb.people.plant(0.01, purpose="One.")
    wb.session.consent("planted", False, policy=now["policy"], annotator="ada")  # a no is one to whatever is asked
    assert wb.session.asks_consent("ada") is None
