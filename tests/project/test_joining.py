"""Folders that were labelled apart come together: with real projects on SQLite and on PostgreSQL."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa
from desks import Desk, state_of

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput, EditError, HitlError, LogDamaged, UnknownLabel
from hitl_widgets.events import decided
from hitl_widgets.project import team
from hitl_widgets.project.forgetting import forget
from hitl_widgets.project.joining import join, settle, unsettled
from hitl_widgets.project.session import Session
from hitl_widgets.records import Decision, Seen
from hitl_widgets.storage.blobs import BLOB, BLOB_PART
from hitl_widgets.storage.checks import checksum
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import EVENT, add
from hitl_widgets.widgets.editor import waiting_of


@pytest.fixture
def two(tmp_path):
    """Two desks with five answers in common."""
    clock = [0]
    one = Desk(tmp_path / "one", "classify", "ada", clock)
    for k in range(5):
        one.project.decide(f"i{k}", label="cat")
    other = one.copy(tmp_path / "other", "bob")
    yield one, other
    for desk in (one, other):
        desk.project.close()


def rows(desk):
    """A log's events, byte for byte."""
    with closing(sqlite3.connect(desk.folder / "log.db")) as connection:
        return connection.execute("SELECT * FROM event ORDER BY seq").fetchall()


def forge(log, kind, body, **more):
    """Put an event with its right checksum into a log, whatever it says."""
    def act(conn):
        last = conn.execute(sa.select(EVENT).order_by(EVENT.c.seq.desc())).first()._mapping
        row = {**last, "seq": last["seq"] + 1, "id": "forged-event", "kind": kind, "item_id": "i7", "annotator": "eve",
               "body": json.dumps(body), "tick": last["tick"] + 1, **more}
        add(conn, EVENT, [{**row, "checksum": checksum(row)}])

    log.write(act)


def status(project, item_id, annotator="bob"):
    table = project.annotations().set_index(["item_id", "annotator"])
    label = table.loc[(item_id, annotator), "label"]
    return table.loc[(item_id, annotator), "status"], label if isinstance(label, str) else None


@pytest.mark.long
@pytest.mark.parametrize("task", ["classify", "boxes"])
@pytest.mark.parametrize("seed", [0, 1])
def test_five_folders_join_to_the_same_state_in_any_order(tmp_path, task, seed):
    rng, clock = random.Random(seed), [0]
    first = Desk(tmp_path / "0", task, "ada", clock)
    first.work(rng, 15)
    desks = [first, *(first.copy(tmp_path / str(k), who) for k, who in enumerate(["bob", "cy", "dee", "eve"], 1))]
    for desk in desks:
        desk.late = rng.choice([-3, 0, 3])
        desk.work(rng, 15)
        desk.project.close()
    found = []
    for order in range(4):
        here = tmp_path / f"order-{order}"
        waiting = list(range(5))
        for k in waiting:
            shutil.copytree(tmp_path / str(k), here / str(k))
        while len(waiting) > 1:
            rng.shuffle(waiting)
            other = here / str(waiting.pop())
            desk = Desk(here / str(waiting[0]), task, "ada", clock)
            join(desk.project, other)
            desk.project.close()
        found.append((rows(desk), desk))
    assert all(of[0] == found[0][0] for of in found)
    again = [Desk(of[1].folder, task, "ada", clock) for of in found[:2]]
    assert state_of(again[0].project) == state_of(again[1].project)
    assert again[0].project.lineage.forks.steps  # or nothing was tried
    for desk in again:
        desk.project.close()


def test_joining_says_what_met(two):
    one, other = two
    one.project.decide("i6", label="dog")
    other.project.decide("i7", label="dog")
    other.project.decide("i8", label="dog")
    joined = join(one.project, other.folder)
    table = joined.table.set_index(["kind", "annotator"])
    assert table.loc[("decided", "bob")].tolist() == [2, 0, 0]
    assert table.loc[("decided", "ada"), "same"] == 5
    assert joined.n_new == 2
    assert joined.n_conflicting == 0
    assert not len(joined.edits_to_settle)
    assert "2 events are new here" in repr(joined)
    assert status(one.project, "i7") == ("decided", "dog")


def test_joining_twice_changes_nothing_and_keeps_no_copy(two):
    one, other = two
    other.project.decide("i7", label="dog")
    join(one.project, other.folder)
    before, copies = rows(one), len(one.project.log.copies())
    joined = join(one.project, other.folder)
    assert joined.n_new == 0
    assert rows(one) == before
    assert len(one.project.log.copies()) == copies
    assert [copy.path.name.endswith("-before-join.db") for copy in one.project.log.copies()] == [True]


def test_joining_changes_nothing_in_the_other_folder(two):
    one, other = two
    one.project.decide("i7", label="dog")
    before, files = rows(other), sorted(path.name for path in other.folder.rglob("*"))
    join(one.project, other.folder)
    assert rows(other) == before
    assert sorted(path.name for path in other.folder.rglob("*")) == files


def test_both_ways_give_both_folders_the_same_log(two):
    one, other = two
    rng = random.Random(7)
    one.work(rng, 20)
    other.work(rng, 20)
    join(one.project, other.folder)
    join(other.project, one.folder)
    assert rows(one) == rows(other)
    assert state_of(one.project) == state_of(other.project)


def test_a_person_who_worked_in_both_folders_has_two_sequences(two):
    one, other = two
    for k, desk in enumerate((one, other)):
        desk.project.decide(f"i{6 + k}", label="dog", annotator="guest")
    joined = join(one.project, other.folder)
    assert joined.on_both == ("guest",)
    assert "guest" in str(joined)
    assert [event.nth for event in one.project.log.events(annotator="guest")] == [1, 1]


def test_a_skip_on_one_desk_puts_off_the_answer_that_was_given_on_the_other(two):
    """It was asked again for the edit of a label that the person had replaced on the other desk."""
    one, other = two
    mine = one.copy(other.folder.with_name("mine"), "ada")
    mine.project.apply(edits.split("cat", ["tom", "queen"]))
    mine.project.decide("i0", label="queen")
    mine.project.decide("i1", label="queen")
    one.project.decide("i0", "skip")  # puts off a "cat" that was replaced meanwhile
    one.project.decide("i2", "skip")
    join(one.project, mine.folder)
    assert sorted(one.project.next(9, queue="relabel").ids) == ["i2", "i3", "i4"]
    mine.project.close()


def test_of_two_edits_made_apart_the_first_holds_and_the_other_waits(two):
    one, other = two
    one.project.apply(edits.rename("dog", "hound"))
    other.project.apply(edits.split("cat", ["siamese", "persian"]), why="they differ")
    other.project.decide("i7", label="siamese")
    other.project.decide("i8", label="dog")
    joined = join(one.project, other.folder)
    assert one.project.taxonomy.names == ("cat", "hound", "bird", "other")
    [waiting] = joined.edits_to_settle.to_dict("records")
    assert (waiting["annotator"], waiting["why"], waiting["answers"]) == ("bob", "they differ", 2)
    assert "siamese" in waiting["prose"]
    assert "hound" in waiting["holds"]
    assert status(one.project, "i8") == ("decided", "hound")  # no edit touched its label
    assert status(one.project, "i7") == ("to_review", None)
    lineage = one.project.lineage
    [decision] = [event for event in one.project.log.events(kind="decided") if event.item_id == "i7"]
    assert lineage.candidates(decision.body["label_id"], -1) == (lineage.today.label("cat").id,)
    assert "“siamese”" in unsettled(one.project)["prose"][0]
    [entry] = waiting_of(lineage)  # as the editor shows it
    assert entry["version"] == -1
    assert entry["prose"].startswith("Split “cat” into “siamese”")
    with pytest.raises(UnknownLabel, match="made apart"):
        one.project.decide("i9", label="siamese")


def test_an_edit_that_is_applied_gives_its_answers_their_meaning_again(two):
    one, other = two
    one.project.apply(edits.rename("cat", "feline"))
    other.project.apply(edits.split("cat", ["siamese", "persian"]))
    other.project.decide("i7", label="siamese")
    join(one.project, other.folder)
    made = settle(one.project, unsettled(one.project)["id"][0], apply=True)
    assert made.version == 3
    assert not len(unsettled(one.project))
    assert status(one.project, "i7") == ("decided", "siamese")
    assert status(one.project, "i0", "ada")[0] == "to_review"  # "cat", split now, as when anybody splits it
    one.project.revert(made.id)
    assert status(one.project, "i7") == ("decided", "feline")


def test_an_edit_that_is_left_counts_as_taken_back(two):
    one, other = two
    one.project.apply(edits.add("lynx"))
    other.project.apply(edits.split("cat", ["siamese", "persian"]))
    other.project.decide("i7", label="siamese")
    other.project.apply(edits.merge(["dog", "bird"], "pet"))
    other.project.decide("i8", label="pet")
    join(one.project, other.folder)
    for edit_id in unsettled(one.project)["id"]:
        settle(one.project, edit_id, apply=False, why="not needed")
    assert status(one.project, "i7") == ("decided", "cat")
    assert status(one.project, "i8") == ("to_review", None)
    reopened = Desk(one.folder, "classify", "ada", one.clock)
    assert state_of(reopened.project) == state_of(one.project)
    assert not len(unsettled(reopened.project))
    reopened.project.close()
    join(other.project, one.folder)
    assert state_of(other.project) == state_of(one.project)


def test_a_label_that_both_added_is_one_label_once_that_is_settled(two):
    one, other = two
    one.project.apply([edits.add("lynx"), edits.rename("dog", "hound")])
    other.project.apply(edits.add("lynx"))
    other.project.decide("i7", label="lynx")
    join(one.project, other.folder)
    assert status(one.project, "i7") == ("to_review", None)
    assert settle(one.project, unsettled(one.project)["id"][0], apply=True) is None
    assert status(one.project, "i7") == ("decided", "lynx")
    assert one.project.taxonomy.version == 3


def test_edits_that_follow_one_another_apart_are_applied_one_after_the_other(two):
    one, other = two
    one.project.apply(edits.add("lynx"))
    other.project.apply(edits.split("cat", ["siamese", "persian"]))
    other.project.apply(edits.rename("siamese", "Siamese cat"))
    other.project.decide("i7", label="Siamese cat")
    join(one.project, other.folder)
    for edit_id in unsettled(one.project)["id"]:
        assert settle(one.project, edit_id, apply=True) is not None
    assert status(one.project, "i7") == ("decided", "Siamese cat")


def test_values_given_under_an_edit_that_does_not_hold_are_in_doubt_where_it_changed_their_scale(two):
    one, other = two
    one.project.apply(edits.add("lynx"))
    other.project.decide("i6", label="dog", values={"blur": 4})
    other.project.apply(edits.change_attribute("blur", scale=(0, 100), map={k: 10 * k for k in range(11)}))
    other.project.decide("i7", label="dog", values={"blur": 40})
    join(one.project, other.folder)
    values = one.project.values().set_index("item_id")
    assert values.loc["i6", "value"] == 4
    assert "i7" not in values.index or values.loc["i7", "value"] != 40
    settle(one.project, unsettled(one.project)["id"][0], apply=True)
    values = one.project.values().set_index("item_id")
    assert (values.loc["i6", "value"], values.loc["i7", "value"]) == (40, 40)


def test_what_cannot_be_settled_says_why(two):
    one, other = two
    with pytest.raises(EditError, match="none is to be settled"):
        settle(one.project, "no-such-edit", apply=True)
    one.project.apply(edits.merge(["cat", "dog"], "pet"))
    other.project.apply(edits.split("dog", ["small dog", "large dog"]))
    join(one.project, other.folder)
    [edit_id] = unsettled(one.project)["id"]
    with pytest.raises(EditError, match="dog"):
        settle(one.project, edit_id, apply=True)
    with pytest.raises(BadInput, match="True or False"):
        settle(one.project, edit_id, apply="yes")
    settle(one.project, edit_id, apply=False)
    with pytest.raises(EditError, match="settled already"):
        settle(one.project, edit_id, apply=True)


def test_a_notebook_that_has_the_project_open_goes_on(two):
    one, other = two
    open_ = Desk(one.folder, "classify", "cy", one.clock)
    told = []
    open_.project.subscribe(told.append)
    Session(open_.project, None)
    other.project.decide("i7", label="dog")
    join(one.project, other.folder)
    open_.project.follow()
    assert state_of(open_.project) == state_of(one.project)
    assert {"taxonomy", "decisions"} <= set(told)
    open_.project.decide("i9", label="bird")
    assert status(one.project, "i9", "cy") == ("decided", "bird")
    open_.project.close()


def test_an_answer_made_before_its_notebook_noticed_the_join_means_what_was_on_the_screen(two):
    one, other = two
    other.project.apply(edits.add("wolf"))
    one.project.apply(edits.add("fox"))
    open_ = Desk(one.folder, "classify", "cy", one.clock).project
    fox = open_.taxonomy.label("fox").id
    join(one.project, other.folder)  # the other's edit came first, and holds
    seen = Seen(taxonomy=2, chosen_by="order")
    late = Decision("late-decision", "i9", "cy", "answer", label="fox", label_id=fox, seen=seen)
    assert open_.lineage.today.names[-1] == "fox"  # it hasn't noticed
    open_.log.append(decided(late))
    [stored] = [event for event in one.project.log.events(kind="decided") if event.id == "late-decision"]
    assert stored.body["seen"]["taxonomy"] == -1
    assert status(one.project, "i9", "cy") == ("to_review", None)
    assert open_.log.append(decided(late))[0].seq == stored.seq  # sent again, it is the same
    open_.decide("i10", label=fox, seen=seen)  # a card that shows the former version
    assert status(one.project, "i10", "cy") == ("to_review", None)
    open_.close()


def test_an_answer_that_was_being_made_while_another_thread_took_a_join_in_keeps_its_version(two, monkeypatch):
    one, other = two
    other.project.apply(edits.merge(["cat", "dog"], "cat"))  # the earlier one holds
    one.project.apply(edits.split("cat", ["big", "small"]))
    notebook = Desk(one.folder, "classify", "cy", one.clock)
    content = notebook.project.content

    def meanwhile(position):
        if notebook.project.taxonomy.version == 2 and "big" in notebook.project.taxonomy.names:
            join(one.project, other.folder)
            notebook.project.refresh()
        return content(position)
    monkeypatch.setattr(notebook.project, "content", meanwhile)
    notebook.project.decide("i9", label="small")
    assert "small" not in notebook.project.taxonomy.names
    settle(one.project, unsettled(one.project)["id"][0], apply=False)
    assert status(one.project, "i9", "cy") == ("decided", "cat")
    assert one.project.annotations().set_index("item_id").loc["i9", "taxonomy"] == -1
    notebook.project.close()


def test_an_edit_made_before_its_notebook_noticed_the_join_is_made_of_what_holds(two):
    one, other = two
    other.project.apply(edits.add("wolf"))
    one.project.apply(edits.add("fox"))
    open_ = Desk(one.folder, "classify", "cy", one.clock).project
    join(one.project, other.folder)
    lineage = open_.lineage
    open_.state.refresh = lambda: None  # as if it didn't look before the edit
    try:
        with pytest.raises(BadInput, match="kept changing"):
            open_.apply(edits.add("hare"))
    finally:
        del open_.state.refresh
    assert open_.lineage is lineage
    assert open_.apply(edits.add("hare")).version == 3
    assert one.project.annotations() is not None
    assert one.project.taxonomy.names[-2:] == ("wolf", "hare")
    open_.close()


def test_decisions_that_are_stored_during_a_join_are_kept(two):
    one, other = two
    for k in range(6, 12):
        other.project.decide(f"i{k}", label="dog")
    beside = Desk(one.folder, "classify", "cy", one.clock)
    done = threading.Event()

    def decide():
        for k in range(12, 24):
            beside.project.decide(f"i{k}", label="bird")
        done.set()

    thread = threading.Thread(target=decide)
    thread.start()
    join(one.project, other.folder)
    thread.join()
    assert done.is_set()
    assert len(one.project.annotations()) == 5 + 6 + 12
    beside.project.close()


def test_a_folder_of_another_project_is_refused(two, tmp_path):
    one, _ = two
    stranger = Desk(tmp_path / "stranger", "classify", "bob", one.clock)
    with pytest.raises(BadInput, match="is another project"):
        join(one.project, stranger.folder)
    with pytest.raises(BadInput, match=r"has no log\.db"):
        join(one.project, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    stranger.project.close()


def test_a_damaged_folder_is_refused_and_nothing_changes(two):
    one, other = two
    other.project.decide("i7", label="dog", note="a note to be found")
    other.project.close()
    path = other.folder / "log.db"
    path.write_bytes(path.read_bytes().replace(b"a note to be found", b"a note to be fouND"))
    before = rows(one)
    with pytest.raises(LogDamaged, match="nothing was joined"):
        join(one.project, other.folder)
    assert rows(one) == before


@pytest.mark.parametrize(("kind", "body"), [
    ("decided", {"verdict": "xyzzy"}), ("thread", {}), ("gold", {}), ("adopted", {}), ("taxonomy", {}),
    ("redacted", {"of": "note"}), ("consented", ["a", "list"]), ("trained", 5), ("decided", {"verdict": 5}),
    ("redacted", {"of": "person", "hash": "x", "number": "person 1", "salt": "s", "hardness": [2**30, 8, 1]})])
def test_a_folder_that_says_what_no_project_could_be_opened_with_is_refused_and_nothing_changes(two, kind, body):
    one, other = two
    other.project.close()
    with Log(other.folder) as log:
        forge(log, kind, body)
    before = rows(one)
    with pytest.raises(LogDamaged, match="can't be joined"):
        join(one.project, other.folder)
    assert rows(one) == before
    one.project.decide("i9", label="cat")


@pytest.mark.parametrize("both", [False, True])
def test_text_that_no_log_can_hold_is_refused_in_words(two, both):
    """Where two acts had one id, or were to get one by a later join, it ended in a UnicodeEncodeError."""
    one, other = two
    for desk, text in ((one, "a"), (other, "\ud800")) if both else ((other, "\ud800"),):
        forge(desk.project.log, "decided", {"verdict": "skip", "reasons": [{"wrong": {"size": [text]}}]})
    other.project.abandon()
    before = rows(one)
    with pytest.raises(LogDamaged, match="can't be joined"):
        join(one.project, other.folder)
    assert rows(one) == before


def body_of(log, kind, version):
    if kind != "taxonomy":
        return {"verdict": "skip"} if kind == "decided" else {"kind": "notice"}
    [event] = log.events(kind="taxonomy")
    return {**event.body, "taxonomy": {**event.body["taxonomy"], "version": version}}


# The next edit gets an id that follows from the version it is made of.
TAKEN = [("told", 1, 0), ("decided", 1, 0), ("decided", 12, 0), ("taxonomy", 2, 2), ("taxonomy", 1, 1)]


@pytest.mark.parametrize(("kind", "of", "version"), TAKEN)
def test_a_folder_with_the_id_of_an_edit_to_come_is_refused_and_nothing_changes(two, kind, of, version):
    one, other = two
    other.project.close()
    with Log(other.folder) as log:
        body = body_of(log, kind, version)
        forge(log, kind, body, id=f"taxonomy-{log.id}-{of}")
    before = rows(one)
    with pytest.raises(LogDamaged, match=f"-{of}' isn't an edit of version {of}"):
        join(one.project, other.folder)
    assert rows(one) == before


@pytest.mark.parametrize(("kind", "of", "version"), [case for case in TAKEN if case[1] < 12])
def test_an_edit_whose_id_something_else_has_names_the_damage(two, kind, of, version):
    """It said for ever that the taxonomy kept changing."""
    one, _ = two
    log = one.project.log
    body = body_of(log, kind, version)
    forge(log, kind, body, id=f"taxonomy-{log.id}-{of}")
    copy = log.copies()
    with pytest.raises(LogDamaged, match=f"-{of}' isn't an edit of version {of}"):
        one.project.apply(edits.add("hare"))
    assert one.project.taxonomy.version == of
    assert log.copies() == copy


def test_a_clock_that_is_far_ahead_is_refused_until_that_is_meant(two):
    one, other = two
    other.late = timedelta(days=400).total_seconds()
    other.project.decide("i7", label="dog")
    with pytest.raises(BadInput, match="clock_ahead=True"):
        join(one.project, other.folder)
    assert join(one.project, other.folder, clock_ahead=True).n_new == 1
    one.project.decide("i8", label="dog")
    assert [event.item_id for event in one.project.log.events(kind="decided")][-2:] == ["i7", "i8"]


def test_no_message_of_a_damaged_folder_shows_whom_this_one_forgot(two):
    one, other = two
    for desk in two:
        desk.project.decide("i8", label="dog", annotator="guest")
    forge(other.project.log, "decided", {"verdict": "skip"}, annotator="guest", id="of guest, in Delft")
    one.project.annotator = "guest"
    forget(one.project, "guest")
    before = rows(one), rows(other)
    with pytest.raises(LogDamaged, match=r"event id 'of person-[0-9a-f]{8}, in Delft' can't be used") as caught:
        join(one.project, other.folder)
    assert "guest" not in str(caught.value)
    assert (rows(one), rows(other)) == before


@pytest.mark.parametrize("forgets", [0, 1])
def test_a_person_whom_one_folder_forgot_stays_forgotten(two, forgets):
    one, other = two
    for k, desk in enumerate(two):
        desk.project.decide(f"i{6 + k}", label="dog", annotator="guest")
    two[forgets].project.annotator = "guest"  # everybody may be forgotten by themselves
    forget(two[forgets].project, "guest")
    joined = join(one.project, other.folder)
    assert joined.n_conflicting == 0
    who = set(one.project.annotations()["annotator"])
    assert "guest" not in who
    assert len([name for name in who if name.startswith("person ")]) == 1
    assert len(one.project.annotations()) == 7
    one.project.close()
    assert not any(b"guest" in path.read_bytes() for path in one.folder.rglob("*") if path.is_file())


def test_a_copy_stays_good_when_a_redaction_comes_that_is_older_than_its_last_event(two):
    """Its events would have lain in another order than that of their ticks, and the copy would have been deleted."""
    one, other = two
    other.project.decide("i7", label="dog", annotator="guest")
    other.project.annotator = "guest"
    forget(other.project, "guest")
    one.project.decide("i6", label="dog", annotator="guest")
    join(one.project, other.folder)
    copies = one.project.log.copies()
    assert [copy.n_decisions for copy in copies] == [6]
    assert b"guest" not in copies[0].path.read_bytes()


def test_an_edit_by_somebody_who_lost_their_role_elsewhere_waits_to_be_settled(tmp_path):
    clock = [0]
    one = Desk(tmp_path / "one", "classify", "ada", clock)
    team.invite(one.project, "bob", role="reviewer")
    other = one.copy(tmp_path / "other", "bob")
    team.invite(one.project, "bob", role="annotator")
    other.project.apply(edits.rename("cat", "lynx"))
    other.project.apply(edits.split("dog", ["big dog", "small dog"]))
    other.project.decide("i0", label="big dog")
    join(one.project, other.folder)
    assert one.project.taxonomy.names == ("cat", "dog", "bird", "other")  # his edits don't hold
    assert len(team.set_aside(one.project, "ada")) == 0
    one.project.apply(edits.rename("bird", "fowl"))
    assert status(one.project, "i0")[0] == "to_review"
    waiting = unsettled(one.project)["id"]
    assert len(waiting) == 2
    settle(one.project, waiting[0], apply=False)
    settle(one.project, waiting[1], apply=True)
    assert one.project.taxonomy.names == ("cat", "big dog", "small dog", "fowl", "other")
    assert status(one.project, "i0") == ("decided", "big dog")
    join(other.project, one.folder)
    assert state_of(one.project) == state_of(other.project)
    assert rows(one) == rows(other)
    for desk in (one, other):
        desk.project.close()


def test_folders_in_which_roles_changed_apart_join_to_the_same_log_in_any_order(tmp_path):
    rng, clock = random.Random(4), [0]
    first = Desk(tmp_path / "0", "classify", "ada", clock)
    for name in ("bob", "cy", "zoe"):
        team.invite(first.project, name, role="owner")
    desks = [first, first.copy(tmp_path / "1", "bob"), first.copy(tmp_path / "2", "cy")]
    for desk in desks * 4:
        name, role = rng.choice(["ada", "bob", "cy"]), rng.choice(["guest", "annotator", "reviewer", "owner"])
        with suppress(HitlError):
            team.invite(desk.project, name, role=role)
        desk.work(rng, 6)
    found = []
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        here = tmp_path / f"order-{order[0]}"
        for k in order:
            shutil.copytree(tmp_path / str(k), here / str(k))
        desk = Desk(here / str(order[0]), "classify", "zoe", clock)
        for k in order[1:]:
            join(desk.project, here / str(k))
        found.append(rows(desk))
        again = Desk(here / str(order[0]), "classify", "zoe", clock)
        assert state_of(again.project) == state_of(desk.project)
        for one in (again, desk):
            one.project.close()
    assert found[0] == found[1] == found[2]
    assert any(row[-1] for row in found[0])  # something is aside, or nothing was tried
    for desk in desks:
        desk.project.close()


def test_models_that_are_missing_are_copied(two):
    one, other = two
    (other.folder / "models").mkdir(exist_ok=True)
    (other.folder / "models" / "abc.safetensors").write_bytes(b"weights")
    assert join(one.project, other.folder).files == ("models/abc.safetensors",)
    assert (one.folder / "models" / "abc.safetensors").read_bytes() == b"weights"
    assert join(one.project, other.folder).files == ()


KILLED = """
import os, signal, sys
import sqlalchemy as sa
sys.path.insert(0, sys.argv[1])
from desks import Desk
from hitl_widgets.project.joining import join
desk = Desk(__import__("pathlib").Path(sys.argv[2]), "classify", "ada", [100])
inserted = False
def see(conn, cursor, statement, *rest):
    global inserted
    inserted = inserted or statement.startswith("INSERT INTO event")
def kill(conn):
    if inserted:
        os.kill(os.getpid(), signal.SIGKILL)
sa.event.listen(sa.engine.Engine, "before_cursor_execute", see)
sa.event.listen(sa.engine.Engine, "commit", kill)
join(desk.project, sys.argv[3])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_join_that_is_killed_leaves_the_log_as_it_was(two):
    one, other = two
    other.project.decide("i7", label="dog")
    before = rows(one)
    killed = subprocess.run([sys.executable, "-c", KILLED, os.path.dirname(os.path.dirname(__file__)),
                             str(one.folder), str(other.folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    one.project.close()
    again = Desk(one.folder, "classify", "ada", one.clock)
    assert rows(one) == before
    assert len(again.project.annotations()) == 5
    assert join(again.project, other.folder).n_new == 1
    again.project.close()


def test_a_workbench_joins_and_settles(two):
    one, other = two
    one.project.apply(edits.add("lynx"))
    other.project.apply(edits.add("fox"))
    one.project.close()
    with hw.Workbench(one.folder, one.project.pool, annotator="ada", progress=False) as wb:
        joined = wb.join(other.folder)
        assert isinstance(joined, hw.Joined)
        assert "<table" in joined._repr_html_()
        [edit_id] = wb.edits.unsettled()["id"]
        table = wb.edits().set_index("prose")
        assert table["to_settle"].to_dict() == {"Add “lynx”.": False, "Add “fox”.": True}
        assert table.loc["Add “fox”.", "id"] == edit_id
        assert "fox" in wb.edits._repr_html_()
        assert wb.edits.settle(edit_id, apply=True, why="both").version == 3
        assert wb.taxonomy.names[-2:] == ("lynx", "fox")
        assert not len(wb.edits.unsettled())
        assert not wb.edits()["to_settle"].any()


def test_a_project_on_a_server_joins_a_folder(two, tmp_path, postgres):
    one, other = two
    rng = random.Random(3)
    url = postgres.new_project_url()
    server = Desk(url, "classify", "ada", one.clock, cache=tmp_path / "cache")
    with pytest.raises(BadInput, match="is another project"):
        join(server.project, one.folder)
    server.project.close()
    copied(one.folder, url)
    server = Desk(url, "classify", "ada", one.clock, cache=tmp_path / "cache-2")
    server.work(rng, 15)
    other.work(rng, 15)
    model = other.folder / "models" / "abc.safetensors"
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(b"weights")
    assert join(server.project, other.folder).files == ("models/abc.safetensors",)
    assert "models/abc.safetensors" in server.project.files.names()  # also where this machine is never seen again
    join(other.project, url)
    assert state_of(server.project) == state_of(other.project)
    assert join(server.project, other.folder).n_new == 0
    server.project.close()


def test_models_that_are_missing_are_fetched_from_a_server_which_is_as_it_was(two, tmp_path, postgres):
    one, _ = two
    url, said = postgres.new_project_url(), []
    server = Desk(url, "classify", "ada", one.clock, cache=tmp_path / "cache")
    copied(one.folder, url)
    for name in ("abc", "damaged", "here", "unsafe"):
        path = server.project.folder / "models" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"weights of {name}".encode())
        server.project.files.share(path)

    def harm(conn):
        spoilt = sa.select(BLOB.c.hash).where(BLOB.c.name == "models/damaged.safetensors").scalar_subquery()
        conn.execute(sa.update(BLOB_PART).where(BLOB_PART.c.hash == spoilt).values(data=b"else"))
        conn.execute(sa.update(BLOB).where(BLOB.c.name == "models/unsafe.safetensors").values(
            name="models/../../unsafe.safetensors"))
    server.project.log.transact(harm)

    def kept():
        return server.project.log.transact(lambda conn: sorted(conn.execute(sa.select(BLOB.c.name, BLOB.c.hash)).all()))
    before, own = kept(), one.folder / "models" / "here.safetensors"
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(b"mine")
    one.project.notify = said.append
    assert join(one.project, url).files == ("models/abc.safetensors",)
    assert (one.folder / "models" / "abc.safetensors").read_bytes() == b"weights of abc"
    assert sorted(path.name for path in tmp_path.rglob("*.safetensors") if "cache" not in path.parts) == [
        "abc.safetensors", "here.safetensors"]
    assert own.read_bytes() == b"mine"
    assert said == ["models/damaged.safetensors is damaged on the server and wasn't fetched; train again, or adopt "
                    "another version."]
    assert kept() == before
    assert join(one.project, url).files == ()
    server.project.close()


def test_a_folder_that_forgot_somebody_joins_a_server_that_did_not(two, tmp_path, postgres):
    one, _ = two
    one.project.decide("i8", label="dog", annotator="guest")
    url = postgres.new_project_url()
    Desk(url, "classify", "ada", one.clock, cache=tmp_path / "cache").project.close()
    copied(one.folder, url)
    forget(one.project, "guest")
    joined = join(one.project, url)
    assert (joined.n_new, joined.n_conflicting) == (0, 0)
    assert len(one.project.annotations()) == 6
    one.project.close()
    assert not any(b"guest" in path.read_bytes() for path in one.folder.rglob("*") if path.is_file())


def copied(folder, url):
    """Put the log of a folder on a server in place of the one that is there."""
    import sqlalchemy as sa

    from hitl_widgets.storage.joining import acts_of, write
    from hitl_widgets.storage.log import Log
    from hitl_widgets.storage.schema import ABOUT
    with Log(folder) as source, Log(url) as target:
        acts, id = source.read(acts_of), source.id
        target.rewrite(None, lambda conn: write(conn, acts))
        target.rewrite(None, lambda conn: conn.execute(sa.update(ABOUT).where(ABOUT.c.name == "id").values(value=id)))


@pytest.mark.parametrize("reading", ["annotations", "changed_annotations"])
def test_a_join_while_a_project_is_opened_or_looked_at_is_no_damage(two, monkeypatch, reading):
    """A sound log was told as damaged, with the advice to go back to a copy."""
    one, other = two
    one.project.apply(edits.add("wolf"))
    other.project.apply(edits.add("fox"))  # it doesn't hold: its version gets a negative number
    other.project.decide("i9", label="fox")
    other.project.decide("i9", label="dog", annotator="guest")
    third = Desk(one.folder, "classify", "cleo", one.clock)
    one.project.decide("i8", label="cat")
    read = getattr(Log, reading)

    def meanwhile(log, *values, **more):
        monkeypatch.undo()
        join(one.project, other.folder)
        return read(log, *values, **more)

    monkeypatch.setattr(Log, reading, meanwhile)
    if reading == "annotations":
        third.project.close()
        third = Desk(one.folder, "classify", "cleo", one.clock)
    third.project.refresh()
    assert state_of(third.project) == state_of(one.project)
    third.project.close()
