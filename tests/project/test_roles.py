"""Who may do what in a project: checked before anything is stored, exact in the log, and what is kept aside counts."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from postgres_server import Server

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, NotAllowed
from hitl_widgets.events import Event
from hitl_widgets.records import utc_now

NAMES = ["cat", "dog", "owl"]
Opening = Callable[..., hw.Workbench]


def pool() -> hw.Pool:
    return hw.Pool.from_images(np.random.default_rng(0).integers(0, 255, (24, 4, 4), np.uint8),
                               ids=[f"i{k:02}" for k in range(24)])


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Where the project lies: arguments of the workbench."""
    if request.param == "folder":
        return {"folder": tmp_path / "p"}
    server: Server = request.getfixturevalue("postgres")
    return {"folder": server.new_project_url(), "cache": tmp_path / "cache"}


@pytest.fixture
def open_(place: dict[str, Any]) -> Iterator[Opening]:
    """Opens the project as somebody; olga made it."""
    opened: list[hw.Workbench] = []

    def one_more(annotator: str = "olga", **more: Any) -> hw.Workbench:
        where = {**place, "cache": place["cache"] / annotator} if "cache" in place else place
        opened.append(hw.Workbench(**where, pool=pool(), taxonomy=NAMES, annotator=annotator, device="cpu", holdout=0,
                                   progress=False, **more))
        return opened[-1]
    yield one_more
    for wb in opened:
        wb.close()


def n_events(wb: hw.Workbench) -> int:
    return wb.project.log.last_seq()


def late(wb: hw.Workbench, item_id: str = "i00", label: str = "cat", *, id: str, who: str = "ada",
         **more: Any) -> hw.Decision:
    """An answer of a card, which waited in a browser."""
    return wb.session.decide(item_id, label=label, annotator=who, id=id, keep_aside=True, **more)


def test_a_project_without_roles_goes_on_as_before(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    ada.decide("i00", label="cat")
    ada.apply(hw.edits.add("fox"))
    ada.gold({"i01": "dog"})
    olga.retract(ada.annotations()["decision_id"].iloc[0])
    assert olga.people.roles()[["annotator", "role"]].values.tolist() == [["olga", "owner"]]
    assert [event.kind for event in olga.project.log.events()] == [
        "created", "taxonomy", "decided", "taxonomy", "gold", "retracted"]
    assert "by" not in next(olga.project.log.events(kind="decided")).body
    assert olga.people.set_aside().empty
    assert (olga.session.reading("ada"), olga.session.aside("ada")) == (None, None)


def test_who_worked_here_before_becomes_an_annotator_with_the_first_invitation(
        open_: Opening, capsys: pytest.CaptureFixture[str]) -> None:
    olga, ada = open_(), open_("ada")
    ada.decide("i00", label="cat")
    olga.import_annotations(pd.DataFrame({"item_id": ["i01"], "label": ["dog"]}), annotator="old-file")
    table = olga.people.invite("ben", role="reviewer")
    assert table[["annotator", "role", "given_by"]].fillna("").values.tolist() == [
        ["olga", "owner", ""], ["ben", "reviewer", "olga"], ["ada", "annotator", "olga"]]
    assert "ada worked here before, and is an annotator now" in capsys.readouterr().out
    ada.decide("i02", label="owl")
    olga.people.invite("ben", role="reviewer")  # again: no news
    assert len(list(olga.project.log.events(kind="role"))) == 2


def test_a_role_is_changed_and_withdrawn_and_what_was_said_before_stays(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    ada.decide("i00", label="cat")
    olga.people.withdraw("ada")
    assert olga.people.roles().set_index("annotator")["role"].to_dict() == {"olga": "owner", "ada": "none"}
    with pytest.raises(NotAllowed, match=r"ada has no role in this project, and answering items needs that of "
                                         r"annotator, reviewer or owner. olga gives roles"):
        ada.decide("i01", label="cat")
    assert olga.annotations()["item_id"].tolist() == ["i00"]
    olga.people.invite("ada", role="guest")
    with pytest.raises(NotAllowed, match="ada has the role of a guest"):
        ada.decide("i01", label="cat")
    olga.people.invite("ada")
    ada.decide("i01", label="cat")


@pytest.mark.long
@pytest.mark.parametrize("call", [
    lambda wb: wb.people.invite("eve"), lambda wb: wb.people.withdraw("olga"), lambda wb: wb.people.take_in("x"),
    lambda wb: wb.people.set(purpose="mine"), lambda wb: wb.apply(hw.edits.add("fox")),
    lambda wb: wb.gold({"i01": "dog"}), lambda wb: wb.people.adjudicate(),
    lambda wb: wb.edits.triage(), lambda wb: wb.edits.presume(),
    lambda wb: wb.import_annotations(pd.DataFrame({"item_id": ["i01"], "label": ["dog"]})),
    lambda wb: wb.import_predictions(pd.DataFrame({"item_id": ["i01"], "cat": [1.0], "dog": [0.0], "owl": [0.0]}),
                                     partial=True),
    lambda wb: wb.decide("i01", label="dog", annotator="somebody"),
    lambda wb: wb.decide("i01", label="dog", annotator="olga"),
    lambda wb: wb.retract("decision-of-olga", annotator="olga"),
    lambda wb: wb.people.threads().ask("why?", annotator="olga"),
    lambda wb: wb.claim(1, annotator="olga"), lambda wb: wb.move_to(wb.folder.parent / "mine"),
    lambda wb: hw.simulate(wb, dict.fromkeys(wb.pool.ids, "cat"), n=2),
    lambda wb: wb.retract("decision-of-olga")])
def test_what_an_annotator_may_not_do_is_refused_and_stores_nothing(open_: Opening, call: Callable[[Any], object]
                                                                   ) -> None:
    olga, ada = open_(), open_("ada")
    olga.decide("i05", label="cat", id="decision-of-olga")
    olga.people.invite("ada")
    before = n_events(olga)
    with pytest.raises(NotAllowed, match="ada"):
        call(ada)
    assert n_events(olga) == before
    assert ada.taxonomy.version == 1


def test_a_guest_reads_and_does_nothing_else(open_: Opening) -> None:
    olga, guy = open_(), open_("guy")
    olga.people.invite("guy", role="guest")
    olga.decide("i00", label="cat")
    assert guy.annotations()["label"].tolist() == ["cat"]
    assert len(guy.next(3)) == 3
    assert guy.project.log.claims() == {}
    for call in (lambda: guy.decide("i01", label="cat"), lambda: guy.finetune(), lambda: guy.adopt("abc"),
                 lambda: guy.claim(2), lambda: guy.join(guy.folder),
                 lambda: guy.people.threads().ask("Why?", item_id="i00")):
        with pytest.raises(NotAllowed, match="guy has the role of a guest"):
            call()
    assert guy.session.claim(2).ids
    assert guy.project.log.claims() == {}


def test_a_reviewer_edits_imports_and_takes_back_answers_of_others(open_: Opening) -> None:
    olga, rose = open_(), open_("rose")
    olga.people.invite("rose", role="reviewer")
    olga.decide("i05", label="cat", id="decision-of-olga")
    rose.apply(hw.edits.add("fox"))
    rose.gold({"i01": "dog"})
    assert rose.import_annotations(pd.DataFrame({"item_id": ["i02"], "label": ["dog"]})) == 1
    assert rose.import_annotations(pd.DataFrame({"item_id": ["i02"], "label": ["dog"]})) == 0
    rose.decide("i03", label="owl", annotator="somebody")
    assert len(hw.simulate(rose, dict.fromkeys(rose.pool.ids, "cat"), n=2)) == 2
    rose.retract("decision-of-olga")
    assert rose.people.set_aside().empty
    by = {event.annotator: event.body.get("by") for event in rose.project.log.events(kind="decided")}
    assert by == {"olga": None, "import": "rose", "somebody": "rose", "sim": "rose"}
    [undo] = rose.project.log.events(kind="retracted")
    assert undo.annotator == "rose"
    assert "i05" not in set(olga.annotations()["item_id"])


def test_the_last_owner_can_t_be_withdrawn_and_another_one_can_follow(open_: Opening) -> None:
    olga = open_()
    for call in (lambda: olga.people.withdraw("olga"), lambda: olga.people.invite("olga", role="guest")):
        with pytest.raises(NotAllowed, match="olga is the last owner, and a project keeps one"):
            call()
    assert not olga.project.state.roles.in_force
    olga.people.invite("ben", role="owner")
    ben = open_("ben")
    ben.people.withdraw("olga")
    with pytest.raises(NotAllowed, match="ben, who owns the project, sets this; olga acts now"):
        olga.people.set(purpose="mine")
    assert ben.people.set(purpose="ours")["purpose"] == "ours"


def test_a_role_that_there_is_none_of_is_refused_in_a_sentence(open_: Opening) -> None:
    olga = open_()
    with pytest.raises(BadInput, match=r"role is 'boss'; one of owner, reviewer, annotator, guest is expected"):
        olga.people.invite("ada", role="boss")
    with pytest.raises(BadInput, match="'nobody' has no role in this project"):
        olga.people.withdraw("nobody")


def test_an_answer_of_a_card_whose_role_was_withdrawn_is_kept_aside_and_counts_nowhere(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    late(ada, "i00", "cat", id="answer-one")
    olga.people.withdraw("ada")
    late(ada, "i01", "dog", id="answer-two")
    late(ada, "i01", "dog", id="answer-two")  # sent again
    for wb in (olga, ada):
        assert wb.annotations()["item_id"].tolist() == ["i00"]
        assert wb.votes()["item_id"].tolist() == ["i00"]
        assert wb.people.set_aside()[["id", "annotator", "kind", "item_id", "label", "role"]].values.tolist() == [
            ["answer-two", "ada", "decided", "i01", "dog", "none"]]
        assert wb.history()["id"].tolist().count("answer-two") == 0
    assert not ada.project.queue.is_closed("ada")[ada.pool.position("i01")]
    assert "Kept aside: ada has no role" in (ada.session.kept_aside("answer-two") or "")
    assert ada.session.kept_aside("answer-one") is None
    assert (ada.session.aside() or "").startswith("1 of your answers is kept aside")
    assert "1 act by ada is kept aside" in (olga.session.aside() or "")
    assert ada.session.reading() \
        == "You have no role in this project: this card is for reading. olga can invite you."
    stranger = open_("ben")
    assert stranger.people.set_aside().empty


def test_what_an_owner_takes_in_counts_in_every_open_notebook(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    olga.people.withdraw("ada")
    late(ada, "i01", "dog", id="answer-one")
    late(ada, "i02", "owl", id="answer-two")
    with pytest.raises(NotAllowed, match="taking in what is kept aside needs that of owner"):
        ada.people.take_in("answer-one")
    rest = olga.people.take_in(["answer-one"])
    assert rest["id"].tolist() == ["answer-two"]
    for wb in (olga, ada):
        assert wb.annotations().set_index("item_id")["label"].to_dict() == {"i01": "dog"}
        assert wb.project.queue.n_training() == 1
    assert olga.people.take_in(rest).empty
    assert len(ada.annotations()) == 2
    with pytest.raises(BadInput, match="'answer-two' isn't kept aside"):
        olga.people.take_in("answer-two")
    assert len(open_("ada").annotations()) == 2  # opened anew


def test_an_answer_that_its_author_took_back_since_is_taken_in_with_that(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    late(ada, "i00", "cat", id="answer-one")
    olga.people.withdraw("ada")
    late(ada, "i01", "dog", id="answer-two")
    # Its undo comes from the card too, when the answer itself is kept aside.
    at = utc_now() + timedelta(seconds=1)
    ada.project.log.append(Event("undo-of-two", "retracted", "ada", at, {"decision_id": "answer-two"}, "i01"),
                           keep_aside=True)
    ada.session.retract("answer-one", id="undo-of-one", annotator="ada", keep_aside=True)
    assert olga.annotations()["item_id"].tolist() == ["i00"]
    assert olga.people.take_in("answer-two")["id"].tolist() == ["undo-of-one"]
    assert olga.annotations()["item_id"].tolist() == ["i00"]
    assert olga.people.take_in("undo-of-one").empty
    assert olga.annotations().empty


def test_the_owner_takes_back_an_answer_whose_authors_own_undo_is_kept_aside(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    decision = ada.decide("i00", label="cat")
    olga.people.withdraw("ada")
    ada.session.retract(decision.id, annotator="ada", keep_aside=True)
    olga.retract(decision.id)
    assert olga.annotations().empty


def test_a_later_answer_stands_over_one_that_is_taken_in(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    olga.people.withdraw("ada")
    late(ada, "i01", "dog", id="answer-one")
    olga.people.invite("ada")
    ada.decide("i01", label="owl")
    olga.people.take_in("answer-one")
    assert ada.annotations()["label"].tolist() == ["owl"]


def test_edits_and_roles_can_t_be_taken_in(open_: Opening) -> None:
    olga = open_()
    olga.people.invite("ada")
    olga.project.log.append(Event("forged-role", "role", "ada", utc_now(), {"annotator": "ada", "role": "owner"}),
                            keep_aside=True)
    assert olga.people.set_aside()["id"].tolist() == ["forged-role"]
    with pytest.raises(BadInput, match="'forged-role' can't be taken in"):
        olga.people.take_in("forged-role")
    assert olga.project.state.roles.of("ada") == "annotator"


def test_a_role_that_was_withdrawn_a_moment_ago_by_another_notebook_holds_at_once(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    ada.decide("i00", label="cat")
    assert ada.project.state.roles.of("ada") == "annotator"
    olga.people.withdraw("ada")
    assert ada.project.state.roles.of("ada") == "annotator"  # ada's notebook hasn't looked yet
    before = n_events(olga)
    with pytest.raises(NotAllowed, match="ada has no role"):
        ada.decide("i01", label="cat")
    assert n_events(olga) == before


def test_threads_that_share_a_commit_are_judged_one_by_one(open_: Opening) -> None:
    olga = open_()
    olga.people.invite("ada")
    log, refused = olga.project.log, list[str]()
    begin = threading.Barrier(8)

    def decide(k: int) -> None:
        begin.wait()
        try:
            olga.decide(f"i{k:02}", label="cat", annotator="ada" if k % 2 else "nobody", id=f"decision-{k}",
                        seen={"chosen_by": "random"})
        except NotAllowed:
            refused.append(f"decision-{k}")

    olga.annotator = "ada"  # who may not answer in another name
    threads = [threading.Thread(target=decide, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(refused) == [f"decision-{k}" for k in (0, 2, 4, 6)]
    assert sorted(event.id for event in log.events(kind="decided")) == [f"decision-{k}" for k in (1, 3, 5, 7)]
    assert not log.set_aside_events()


def _answer_until_refused(place: dict[str, Any], began: Any, results: Any) -> None:
    """In a process of its own: ada's script answers until her role is gone."""
    wb = hw.Workbench(**place, pool=pool(), annotator="ada", device="cpu", progress=False)
    n = 0
    try:
        while True:
            wb.decide(f"i{n % 24:02}", label=NAMES[n % 3])
            n += 1
            began.set()
    except NotAllowed as error:
        results.put((n, str(error)))
    finally:
        wb.close()


def test_a_process_that_answers_while_its_role_is_withdrawn_is_refused_from_that_event_on(
        open_: Opening, place: dict[str, Any]) -> None:
    olga = open_()
    olga.people.invite("ada")
    context = multiprocessing.get_context("spawn")
    began, results = context.Event(), context.Queue()
    where = {**place, "cache": place["cache"] / "elsewhere"} if "cache" in place else place
    process = context.Process(target=_answer_until_refused, args=(where, began, results))
    process.start()
    assert began.wait(120)
    olga.people.withdraw("ada")
    n, message = results.get(timeout=120)
    process.join()
    assert "ada has no role" in message
    events = list(olga.project.log.events())
    withdrawn = next(event.seq for event in events if event.kind == "role" and event.body["role"] == "none")
    answers = [event.seq or 0 for event in events if event.kind == "decided"]
    assert len(answers) == n
    assert max(answers) < (withdrawn or 0)
    assert not olga.project.log.set_aside_events()


def test_a_rewrite_works_out_again_what_is_aside_and_what_was_taken_in(open_: Opening) -> None:
    olga, ada = open_(), open_("ada")
    olga.people.invite("ada")
    olga.people.withdraw("ada")
    late(ada, "i01", "dog", id="answer-one")
    late(ada, "i02", "owl", id="answer-two")
    olga.people.take_in("answer-one")
    olga.project.log.rewrite(None, lambda conn: None)
    assert [event.id for event in olga.project.log.set_aside_events()] == ["answer-two"]
    assert ada.annotations()["item_id"].tolist() == ["i01"]


def test_nobody_is_asked_to_agree_to_what_their_role_doesn_t_allow(open_: Opening) -> None:
    olga, guy = open_(), open_("guy")
    olga.gold(dict.fromkeys(olga.pool.ids[:12], "cat"))
    olga.people.plant(0.05, purpose="to see")
    assert guy.people.consent() is not None
    olga.people.invite("guy", role="guest")
    assert guy.people.consent() is None
    with pytest.raises(NotAllowed):
        guy.people.consent(True)
    guy.people.consent(False)
