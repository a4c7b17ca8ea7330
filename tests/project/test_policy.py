"""What the owner of a project sets for its people, who may set it, and when."""

import threading

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, UnknownLabel
from hitl_widgets.project.policy import check_arms

NAMES = ["cat", "dog", "lynx"]


def pool(n=40):
    meta = [{"source": ("zoo", "wild")[k % 2]} for k in range(n)]
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (n, 4, 4), np.uint8),
                               ids=[f"i{k:02}" for k in range(n)], meta=meta)


@pytest.fixture
def open_(tmp_path):
    opened = []

    def one_more(**arguments):
        arguments = {"annotator": "olga", "device": "cpu", "progress": False, **arguments}
        opened.append(hw.Workbench(tmp_path / "p", pool(), NAMES, **arguments))
        return opened[-1]
    yield one_more
    for wb in opened:
        wb.close()


def kinds(wb):
    return [event.kind for event in wb.project.log.events()]


def test_a_project_that_sets_nothing_has_no_policy_and_no_event_of_one(open_):
    wb = open_()
    assert wb.people.policy() == {}
    assert kinds(wb) == ["created", "taxonomy"]


def test_purpose_and_names_are_logged_when_the_project_is_made(open_):
    wb = open_(purpose="Count lynxes. ", names=True)
    assert wb.people.policy() == {"purpose": "Count lynxes.", "names": True} == open_().people.policy()
    assert kinds(wb) == ["created", "taxonomy", "policy"]
    assert wb.session.purpose == "Count lynxes."


def test_names_are_refused_after_the_start_in_a_sentence(open_):
    open_()
    with pytest.raises(BadInput, match="was made with names=False, and its people answered on that understanding"):
        open_(names=True)
    assert open_(names=False).people.policy() == {}


def test_names_that_were_allowed_at_the_start_may_be_passed_again_but_not_withdrawn_unseen(open_):
    open_(names=True)
    assert open_(names=True).people.policy() == {"names": True}
    with pytest.raises(BadInput, match="was made with names=True"):
        open_(names=False)


def test_another_purpose_at_opening_changes_nothing_and_is_said(open_, capsys):
    open_(purpose="Count lynxes.")
    assert open_(purpose="Count cats.").people.policy()["purpose"] == "Count lynxes."
    assert "goes on with its own purpose (Count lynxes.); wb.people.set(purpose=...)" in capsys.readouterr().out


def test_what_is_set_later_wins_and_the_rest_stays(open_):
    wb, other = open_(purpose="Count lynxes."), open_(annotator="ben")
    wb.people.set(repeats=0.05, arms={"blind": 0.1})
    assert wb.people.set(purpose="Count cats.") == {
        "purpose": "Count cats.", "repeats": 0.05,
        "arms": {"shown": 0.9, "blind": 0.1, "no_map": 0.0, "answer_first": 0.0}}
    assert other.people.policy() == wb.people.policy() == open_().people.policy()


def test_only_who_made_the_project_sets_it(open_):
    open_()
    with pytest.raises(BadInput, match="olga, who made the project, sets this; ben acts now"):
        open_(annotator="ben").people.set(purpose="Count cats.")


def test_setting_what_holds_already_is_no_event(open_):
    wb = open_(purpose="Count lynxes.")
    n = len(kinds(wb))
    wb.people.set(purpose="Count lynxes.")
    assert len(kinds(wb)) == n


def test_which_gold_is_asked_more_often_is_kept_by_label_id(open_):
    wb = open_()
    of = {label.name: label.id for label in wb.taxonomy.labels}
    gold = wb.people.set(rare=["lynx"], pairs=[("cat", "lynx")], gold_by="source")["gold"]
    assert gold == {"rare": [of["lynx"]], "pairs": [[of["cat"], of["lynx"]]], "by": "source", "taxonomy": 1}


@pytest.mark.parametrize(("changes", "says"), [
    ({}, "nothing was set"),
    ({"purpose": "  "}, "a sentence of 1 to 2,000 characters"),
    ({"purpose": 3}, "a sentence of 1 to 2,000 characters"),
    ({"repeats": 0.3}, "a share from 0 to 0.2"),
    ({"repeats": True}, "a share from 0 to 0.2"),
    ({"arms": {"blind": 0.8, "no_map": 0.4}}, "add up to 1.2; 1 is expected"),
    ({"arms": {"shown": 0.5, "blind": 0.1}}, "add up to 0.6; 1 is expected"),
    ({"arms": {"hidden": 0.1}}, r"\(blind, no_map, answer_first, shown\) to their shares.*'hidden' is none of them"),
    ({"arms": 0.1}, "it is 0.1"),
    ({"rare": "lynx"}, "a text was given"),
    ({"pairs": [("cat",)]}, "isn't a pair of labels"),
    ({"gold_by": "nowhere"}, "nowhere")])
def test_what_cant_be_set_says_why_and_sets_nothing(open_, changes, says):
    wb = open_()
    with pytest.raises(BadInput, match=says):
        wb.people.set(**changes)
    assert wb.people.policy() == {}


def test_an_unknown_label_is_named(open_):
    with pytest.raises(UnknownLabel, match="puma"):
        open_().people.set(rare=["puma"])


@pytest.mark.parametrize("arguments", [{"names": "yes"}, {"purpose": ""}, {"names": 1}])
def test_a_project_isnt_made_with_a_policy_that_cant_be_used(open_, tmp_path, arguments):
    with pytest.raises(BadInput):
        open_(**arguments)
    assert open_().people.policy() == {}


def test_shares_of_arms_add_up_to_one_whatever_the_floats_say():
    assert check_arms({"blind": 0.1, "no_map": 0.2, "answer_first": 0.7})["shown"] == 0.0
    assert check_arms({"shown": 0.7, "blind": 0.1, "no_map": 0.2}) == {
        "shown": 0.7, "blind": 0.1, "no_map": 0.2, "answer_first": 0.0}


def test_policies_set_on_several_threads_are_all_logged(open_):
    wb = open_()

    def act(k):
        wb.people.set(purpose=f"purpose {k}")
    threads = [threading.Thread(target=act, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds(wb).count("policy") == 8
    last = [event.body["purpose"] for event in wb.project.log.events(kind="policy")][-1]
    assert wb.people.policy()["purpose"] == open_().people.policy()["purpose"] == last
