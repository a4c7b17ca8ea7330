"""Forgetting: a name or a note leaves everything that a project keeps, and nobody's work is lost."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, UnknownDecision
from hitl_widgets.project.adjudication import Adjudication
from hitl_widgets.project.names import pseudonyms
from hitl_widgets.storage import archive, backups, checks, forgetting, redaction
from hitl_widgets.storage.files import PACKING, REDACTING, working_folder
from hitl_widgets.storage.log import Log

N = 12
NAME = "Berta Brontë"


def pool_of():
    rng = np.random.default_rng(0)
    return hw.Pool.from_images(rng.integers(0, 256, (N, 8, 8, 3), np.uint8), ids=[f"i{n:02d}" for n in range(N)])


@pytest.fixture
def open_(tmp_path):
    opened = []

    def open_(annotator="owner", folder=tmp_path / "p", **more):
        opened.append(hw.Workbench(folder, pool_of(), None if opened else ["cat", "dog"], annotator=annotator,
                                   holdout=0, progress=False, annotators_per_item=2, **more))
        return opened[-1]
    yield open_
    for wb in opened:
        wb.close()


def bytes_of(folder):
    return b"".join(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes()
                    for file in sorted(folder.rglob("*")) if file.is_file())


def everything(wb, name=NAME, labels=("fox", "owl")):
    """Name somebody wherever a person can be named."""
    for n in range(4):
        wb.decide(f"i{n:02d}", label="cat", annotator=name, certainty=7, note=f"{name} wrote {n}")
        wb.decide(f"i{n:02d}", label="dog", note=f"see {name}")
    wb.decide("i00", label="dog", annotator=name)  # a revision
    wb.retract(wb.decide("i04", label="cat", annotator=name), annotator=name)
    wb.people.set(purpose=f"for {name} and others")
    wb.apply(hw.edits.add(labels[0]), why=f"{name} saw one")
    threads = wb.people.threads()
    thread = threads.ask(f"What does {name} say?", item_id="i01", annotator=name)
    threads.settle(threads.answer(thread, f"{name} says cat", annotator=name), hw.edits.add(labels[1]), annotator=name)
    Adjudication(wb.project).decide("i02", "cat", "slip", note=f"as {name} said", annotator=name)
    wb.gold({"i11": "cat"})
    wb.project.log.keep_copy("one")
    wb.project.log.claim(["i09"], name, seconds=600)


def test_the_name_is_in_no_byte_of_the_folder_and_no_answer_is_lost(open_):
    wb = open_()
    everything(wb)
    folder = wb.folder
    before = wb.annotations()
    assert NAME.encode() in bytes_of(folder)
    found = wb.people.forget(NAME)
    assert NAME.encode() not in bytes_of(folder)
    after = wb.annotations()
    assert set(after["annotator"]) == {"owner", found.number}
    assert after.drop(columns=["annotator", "note"]).equals(before.drop(columns=["annotator", "note"]))
    assert f"{found.number} wrote 1" in set(after["note"])
    assert wb.people.threads().table["asked_by"].tolist() == [found.number]
    assert wb.people.policy()["purpose"] == f"for {found.number} and others"
    wb.close()
    again = open_()
    assert again.annotations().equals(after)
    assert NAME.encode() not in bytes_of(folder)


def test_what_was_removed_and_what_can_not_be_is_said_without_the_name(open_, tmp_path):
    wb = open_()
    everything(wb)
    wb.export(tmp_path / "named.jsonl", people="names")
    wb.export(tmp_path / "pseudonyms.jsonl")
    wb.archive(tmp_path / "whole.zip")
    wb.apply(hw.edits.describe("cat", definition=f"what {NAME} calls a cat"))
    (wb.folder / "remarks.txt").write_text(f"{NAME} is quick", encoding="utf-8")
    found = wb.people.forget(NAME)
    left = found.not_reached
    assert left.loc[left["what"] == "export", "where"].str.startswith("named.jsonl").tolist() == [True]
    assert left.loc[left["what"] == "archive", "where"].str.startswith("whole.zip").tolist() == [True]
    assert left.loc[left["what"] == "file in the project's folder", "where"].tolist() == ["remarks.txt"]
    assert "a word of the taxonomy" in set(left["what"])
    assert {"outputs and cells of notebooks",
            "folders that aren't joined yet, and places from which the project was moved"} <= set(left["what"])
    assert set(found.removed["what"]) == {"name of who acted", "name in a text", "claim"}
    for text in (repr(found), found._repr_html_(), found.removed.to_string(), left.to_string()):
        assert NAME not in text


def test_a_kernel_that_is_open_under_the_name_goes_on_under_the_number(open_):
    owner, person = open_(), open_(NAME)
    owner.decide("i00", label="dog")
    first = person.decide("i00", label="cat")
    number = owner.people.forget(NAME).number
    second = person.decide("i01", label="dog")  # as from an old page, which has the name
    third = person.project.decide("i02", label="dog", annotator=NAME)
    assert person.annotator == number
    assert {second.annotator, third.annotator} == {number}
    assert person.session.decide("i00", label="cat", id=first.id, annotator=NAME, seen=first.seen).id == first.id
    left = {item.id for item in person.next(N)}
    assert not {"i00", "i01", "i02"} & left  # what the person answered before is theirs still
    revised = person.project.decide("i00", label="dog", annotator=NAME)
    assert revised.replaces == first.id
    owner.project.refresh()
    assert set(owner.annotations()["annotator"]) == {"owner", number}
    assert NAME.encode() not in bytes_of(owner.folder)


def test_who_comes_back_under_the_name_acts_under_the_number(open_, capsys):
    wb = open_()
    wb.decide("i00", label="dog", annotator=NAME)
    number = wb.people.forget(NAME).number
    wb.close()
    capsys.readouterr()
    back = open_(NAME)
    assert back.annotator == number
    said = capsys.readouterr().out
    assert "was forgotten here" in said
    assert NAME not in said + repr(back) + back._repr_html_()
    back.decide("i01", label="cat")
    assert NAME.encode() not in bytes_of(back.folder)


def test_the_owner_may_forget_themselves_and_stays_the_owner(open_):
    wb = open_(NAME)
    wb.decide("i00", label="cat")
    number = wb.people.forget(NAME).number
    assert wb.annotator == number == wb.project.state.agreements.owner
    wb.people.set(purpose="still mine")
    assert NAME.encode() not in bytes_of(wb.folder)


def test_only_the_owner_and_the_person_may_forget_a_name(open_):
    owner, person, other = open_(), open_(NAME), open_("Carl")
    person.decide("i00", label="cat")
    with pytest.raises(BadInput, match="by the owner of the project, or by themselves") as error:
        other.people.forget(NAME)
    assert NAME not in str(error.value)
    assert NAME in set(owner.annotations()["annotator"])
    assert person.people.forget(NAME).number == person.annotator
    for nobody in ("Dora", "import", "person 3f2a91bc"):
        with pytest.raises(BadInput, match="nobody"):
            owner.people.forget(nobody)
    with pytest.raises(BadInput, match="one of annotator="):
        owner.people.forget()


def test_forgetting_twice_is_forgetting_once(open_):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    first = wb.people.forget(NAME)
    seq = wb.project.log.last_seq()
    again = wb.people.forget(NAME)
    assert (again.number, wb.project.log.last_seq()) == (first.number, seq)
    assert not len(again.removed)
    wb.project.log.keep_copy("knows")
    assert wb.people.forget(NAME).number == first.number
    assert len(wb.project.log.copies()) == 1


def test_a_word_of_the_language_stays_in_notes_where_it_is_asked_for(open_):
    wb = open_()
    wb.decide("i00", label="cat", annotator="may", note="it may be a dog")
    found = wb.people.forget("may", texts=False)
    row = wb.annotations().iloc[0]
    assert (row.annotator, row.note) == (found.number, "it may be a dog")
    assert "notes and other texts" in set(found.not_reached["what"])


def test_a_note_is_forgotten_with_those_that_say_the_same_and_the_decision_stays(open_):
    wb = open_()
    first = wb.decide("i00", label="cat", note="the patient of room 7", annotator=NAME)
    wb.decide("i00", label="dog", note="the patient of room 7", annotator=NAME)
    wb.decide("i01", label="dog", note="kept", annotator=NAME)
    wb.project.log.keep_copy("one")
    found = wb.people.forget(note_of=first.id)
    assert found.number is None
    assert b"room 7" not in bytes_of(wb.folder)
    assert wb.annotations()["note"].fillna("").tolist() == ["", "kept"]
    assert wb.annotations()["label"].tolist() == ["dog", "dog"]
    [said] = wb.project.log.events(kind="redacted")
    assert first.id in said.body["events"]
    with pytest.raises(BadInput, match="has no note"):
        wb.people.forget(note_of=first.id)
    with pytest.raises(UnknownDecision):
        wb.people.forget(note_of="no-such-decision")


def test_a_question_is_forgotten_with_the_edit_that_quotes_it(open_):
    wb = open_()
    threads = wb.people.threads()
    thread = threads.ask("Is Mr Miller of bed 4 a cat?", item_id="i00")
    threads.settle(threads.answer(thread, "No."), hw.edits.add("patient"))
    wb.people.forget(note_of=thread.id)
    assert b"Miller" not in bytes_of(wb.folder)
    assert wb.people.threads().table["text"].tolist() == ["[removed]"]
    assert "patient" in wb.taxonomy


def test_only_who_wrote_it_and_the_owner_may_forget_a_note(open_):
    owner, person = open_(), open_(NAME)
    mine = owner.decide("i00", label="cat", note="mine")
    theirs = person.decide("i01", label="cat", note="theirs")
    with pytest.raises(BadInput, match="by who wrote it"):
        person.people.forget(note_of=mine)
    person.people.forget(note_of=theirs)
    owner.people.forget(note_of=mine)
    assert owner.annotations()["note"].isna().all()


def test_a_file_brings_back_neither_name_nor_note(open_, tmp_path):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME, note="about room 7")
    wb.decide("i01", label="cat", annotator=NAME)
    for suffix in ("jsonl", "csv"):
        wb.export(tmp_path / f"x.{suffix}", labels="annotations", people="names")
    table = wb.annotations()
    noted = wb.people.forget(note_of=wb.annotations()["decision_id"].iloc[0])
    number = wb.people.forget(NAME).number
    assert noted.number is None
    for suffix in ("jsonl", "csv"):
        got = wb.import_file(tmp_path / f"x.{suffix}")
        assert (got.n_new, got.n_known) == (0, 2)
    assert wb.import_annotations(table.drop(columns="note")) == 0
    assert wb.import_annotations(table) == 0
    assert set(wb.annotations()["annotator"]) == {number}
    for word in (NAME.encode(), b"room 7"):
        assert word not in bytes_of(wb.folder)


def test_a_table_with_a_forgotten_note_says_that_it_was_left_out_and_other_notes_come(open_, capsys):
    wb = open_()
    noted = wb.decide("i00", label="cat", note="about room 7")
    wb.decide("i01", label="cat", note="kept")
    table = wb.annotations()
    wb.people.forget(note_of=noted)
    capsys.readouterr()
    assert wb.import_annotations(table) == 0
    assert "1 note of the table to import left out" in capsys.readouterr().out
    changed = table.assign(label="dog", note=["about room 7", "new"])
    assert wb.import_annotations(changed) == 2
    assert wb.annotations()["note"].fillna("").tolist() == ["", "new"]
    assert b"room 7" not in bytes_of(wb.folder)


def test_a_name_comes_back_in_no_text_of_a_file_or_table_that_names_the_person(open_, tmp_path):
    wb = open_()
    wb.decide("i00", label="cat", note=f"{NAME} said so")
    wb.decide("i01", label="cat", annotator=NAME, note=f"I am {NAME}")
    table = wb.annotations()
    for suffix in ("jsonl", "csv"):
        wb.export(tmp_path / f"x.{suffix}", labels="annotations", people="names")
    number = wb.people.forget(NAME).number
    wb = open_()
    for suffix in ("jsonl", "csv"):
        got = wb.import_file(tmp_path / f"x.{suffix}")
        assert (got.n_new, got.n_known) == (0, 2)
    assert wb.import_annotations(table) == 0
    assert wb.import_annotations(table.assign(item_id=["i02", "i03"])) == 2
    assert wb.annotations().set_index("item_id")["note"].loc[["i02", "i03"]].tolist() == [
        f"{number} said so", f"I am {number}"]
    assert NAME.encode() not in b"".join(path.read_bytes() for path in wb.folder.glob("log.db*"))


def test_a_name_comes_back_in_no_text_of_whoever_acts_under_it(open_):
    wb, person = open_(), open_(NAME)
    wb.decide("i00", label="cat", annotator=NAME)
    number = wb.people.forget(NAME).number
    wb.decide("i01", label="cat", annotator=NAME, note=f"{NAME} wrote this")
    person.decide("i02", label="cat", note=f"{NAME} wrote this")
    assert person.annotations()["note"].dropna().tolist() == 2 * [f"{number} wrote this"]
    person.people.threads().ask(f"What does {NAME} say?", item_id="i01")
    Adjudication(wb.project).decide("i02", "cat", "slip", note=f"as {NAME} said", annotator=NAME)
    person.apply(hw.edits.add("fox"), why=f"{NAME} saw one")
    wb.people.set(purpose=f"for {NAME}")
    wb.import_annotations({"i03": "cat"}, annotator=NAME)
    assert NAME.encode() not in bytes_of(wb.folder)


def test_a_name_that_somebody_else_types_anew_is_stored_until_its_person_comes_back(open_):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    number, again = wb.people.forget(NAME).number, open_()
    again.decide("i01", label="cat", note=f"{NAME} said so")
    again.decide("i02", label="cat", annotator=NAME)
    again.people.forget(note_of=again.decide("i03", label="cat", note="room 7").id)
    again.decide("i04", label="cat", note=f"{NAME} said so")
    assert again.annotations()["note"].dropna().tolist() == [f"{NAME} said so", f"{number} said so"]


def test_an_opening_finishes_what_was_interrupted_before_anything_is_read(open_, monkeypatch):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    wb.project.log.keep_copy("one")
    monkeypatch.setattr(Log, "erase", lambda log: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        wb.people.forget(NAME)
    wb.close()
    monkeypatch.undo()
    folder = wb.folder
    assert NAME.encode() in bytes_of(folder)
    again = open_()
    assert NAME.encode() not in bytes_of(folder)
    assert forgetting.is_complete(again.project.log)


def test_what_a_killed_process_has_left_of_a_copy_is_removed(open_):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    copy = wb.project.log.keep_copy("one")
    copy.with_name(f".{copy.name}.123.456.part").write_bytes(copy.read_bytes())
    (wb.folder / "log.db.archive").write_bytes(copy.read_bytes())
    code = ("import os, sys; from pathlib import Path; from hitl_widgets.storage.files import working_folder\n"
            "with working_folder(Path(sys.argv[1]), sys.argv[3]) as made:\n"
            "    (made / 'log.db').write_text(sys.argv[2]); os._exit(0)")
    for purpose in (REDACTING, PACKING):
        subprocess.run([sys.executable, "-c", code, str(wb.folder), NAME, purpose], check=True)
        assert any(wb.folder.glob(f"{purpose}*"))
    with working_folder(wb.folder) as mine, working_folder(wb.folder, PACKING) as packed:
        wb.people.forget(NAME)
        assert set(wb.folder.glob(".*-*")) == {mine, packed}  # of a process that is at work
    assert NAME.encode() not in bytes_of(wb.folder)


def test_a_copy_that_is_being_written_while_a_name_is_forgotten_does_not_have_it(open_, monkeypatch):
    wb, other = open_(), open_()
    wb.decide("i00", label="cat", annotator=NAME)

    def meanwhile(connection):
        monkeypatch.undo()  # once: what was read of the log has the name still
        other.people.forget(NAME)
        return checks.fault(connection)

    monkeypatch.setattr(backups, "fault", meanwhile)
    copy = wb.project.log.keep_copy("one")
    assert backups.n_decisions(copy) == 1
    assert NAME.encode() not in bytes_of(wb.folder)


def test_two_who_forget_at_the_same_time_put_nothing_back_into_a_copy(open_, monkeypatch):
    wb, other = open_(), open_()
    for name in (NAME, "Carl Corb"):
        wb.decide("i00", label="cat", annotator=name)
    wb.project.log.keep_copy("one")
    redact = redaction.redact

    def meanwhile(conn, redactions):
        if ".redacting-" in str(conn.engine.url):
            monkeypatch.undo()  # once, while the first of them works on the copy
            other.people.forget("Carl Corb")
        return redact(conn, redactions)

    monkeypatch.setattr(forgetting, "redact", meanwhile)
    wb.people.forget(NAME)
    assert NAME.encode() not in bytes_of(wb.folder)
    assert b"Carl Corb" not in bytes_of(wb.folder)
    assert forgetting.is_complete(wb.project.log)


def test_a_copy_that_makes_way_for_a_newer_one_meanwhile_stops_nobody_from_forgetting(open_, monkeypatch):
    """Opening a project ended in a FileNotFoundError while others joined folders and made copies."""
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    wb.project.log.keep_copy("one")
    wb.project.log.keep_copy("two")
    copies = wb.project.log.copies()

    def listed():
        copies[-1].path.unlink()
        return copies

    monkeypatch.setattr(wb.project.log, "copies", listed)
    wb.people.forget(NAME)
    assert NAME.encode() not in bytes_of(wb.folder)


def test_two_copies_of_a_project_forget_a_person_in_the_same_way(open_, tmp_path):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    wb.archive(tmp_path / "whole.zip")
    with hw.Workbench.from_archive(tmp_path / "whole.zip", tmp_path / "second", pool=pool_of(), annotator="owner",
                                   progress=False) as other:
        assert other.people.forget(NAME).number == wb.people.forget(NAME).number
        assert [one.body for one in other.project.log.events(kind="redacted")] == [
            one.body for one in wb.project.log.events(kind="redacted")]


# -- archives and pseudonyms


def test_an_archive_with_pseudonyms_has_no_name_and_is_another_project(open_, tmp_path):
    wb = open_("Owen Owner")
    everything(wb)
    wb.people.forget(NAME)
    everything(wb, "Carla Carlsen", ["bee", "cow"])
    path = wb.archive(tmp_path / "x.zip", people="pseudonyms")
    called = pseudonyms(wb.project)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked")
    inside = bytes_of(tmp_path / "unpacked")
    hashed = next(iter(wb.project.log.events(kind="redacted"))).body["hash"]
    for secret in ("Owen Owner", "Carla Carlsen", NAME, wb.project.id, wb.project.settings["key"], hashed):
        assert secret.encode() not in inside
    with hw.Workbench.from_archive(path, tmp_path / "second", pool=pool_of(), annotator="reader",
                                   progress=False) as other:
        assert other.project.id != wb.project.id
        assert set(other.annotations()["annotator"]) == {called[name] for name in wb.annotations()["annotator"]}
        same = ["item_id", "label", "certainty", "status"]
        assert other.annotations()[same].equals(wb.annotations()[same])
        assert other.people.threads().table["asked_by"].isin(called.values()).all()
    assert "Owen Owner" in set(wb.annotations()["annotator"])  # the project itself stays as it is


def test_an_archive_with_pseudonyms_has_no_name_though_another_is_written_meanwhile(open_, tmp_path, monkeypatch):
    """Both worked on one file: the names of one came into the other, or it was gone."""
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    with_names = forgetting.with_names

    def meanwhile(copy, called):
        made = with_names(copy, called)
        wb.archive(tmp_path / "whole.zip")
        return made

    monkeypatch.setattr(archive, "with_names", meanwhile)
    with zipfile.ZipFile(wb.archive(tmp_path / "shared.zip", people="pseudonyms")) as shared:
        assert NAME.encode() not in shared.read("log.db")
    with zipfile.ZipFile(tmp_path / "whole.zip") as whole:
        assert NAME.encode() in whole.read("log.db")


def test_an_archive_has_names_unless_told_otherwise(open_, tmp_path):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME)
    wb.archive(tmp_path / "x.zip")
    with hw.Workbench.from_archive(tmp_path / "x.zip", tmp_path / "second", pool=pool_of(), progress=False) as other:
        assert set(other.annotations()["annotator"]) == {NAME}
    with pytest.raises(BadInput, match="'names' or 'pseudonyms'"):
        wb.archive(tmp_path / "y.zip", people="nobody")


def test_pseudonyms_are_the_owners_to_read(open_):
    owner, person = open_(), open_(NAME)
    person.decide("i00", label="cat")
    table = owner.people.pseudonyms()
    assert dict(zip(table["annotator"], table["pseudonym"], strict=True)) == pseudonyms(owner.project)
    assert table["pseudonym"].str.fullmatch("person [0-9a-f]{6}").all()
    with pytest.raises(BadInput, match="owner"):
        person.people.pseudonyms()


@pytest.mark.parametrize("forgets", ["here", "there", "both"])
def test_what_was_forgotten_in_one_folder_stays_so_when_another_is_joined(forgets, open_, tmp_path):
    wb = open_()
    wb.decide("i00", label="cat", annotator=NAME, note=f"{NAME} was here")
    wb.archive(tmp_path / "whole.zip")
    with hw.Workbench.from_archive(tmp_path / "whole.zip", tmp_path / "second", pool=pool_of(), annotator="owner",
                                   progress=False) as other:
        other.decide("i01", label="dog", annotator=NAME)
        wb.decide("i02", label="dog", annotator=NAME)
        if forgets in ("here", "both"):
            wb.people.forget(NAME)
        if forgets in ("there", "both"):
            other.people.forget(NAME)
        number = (other if forgets == "there" else wb).project.log.who(NAME)
    joined = wb.join(tmp_path / "second")
    assert joined.n_conflicting == 0
    assert set(wb.annotations()["annotator"]) == {number}
    assert sorted(wb.annotations()["item_id"]) == ["i00", "i01", "i02"]
    assert NAME.encode() not in bytes_of(wb.folder)
    assert NAME not in repr(joined)
    assert forgetting.is_complete(wb.project.log)
