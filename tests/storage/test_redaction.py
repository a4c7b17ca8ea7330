"""Redactions: pure changes of events, and what becomes of a whole log."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from hitl_widgets.errors import IdReused
from hitl_widgets.events import Event, decided, undo_id
from hitl_widgets.records import Decision
from hitl_widgets.storage.forgetting import complete, is_complete
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.redaction import Change, Person, Redactions, body_of_person, fingerprint

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)
SALT = "a project's own"


def event(kind, body, *, annotator="Berta", id="event-0001", item_id=None):
    return Event(id=id, kind=kind, annotator=annotator, acted_at=AT, body=body, item_id=item_id)


def answer(id, annotator, note=None, item="i0"):
    return decided(Decision(id, item, annotator, "answer", label="cat", label_id="L1", note=note, acted_at=AT))


def redaction(name, *, texts=True, by="owner"):
    body = body_of_person(name, SALT, texts=texts)
    return event("redacted", body, annotator=by, id=f"redacted-{body['number'].replace(' ', '-')}")


def test_a_name_is_known_again_by_its_hash_and_nobody_else_is():
    redactions = Redactions([redaction("Berta").body])
    assert redactions
    assert redactions.who("Berta") == fingerprint("Berta", SALT)[1]
    assert redactions.who("berta") == "berta"
    assert redactions.who("import") == "import"
    assert not Redactions()


def test_hash_and_number_follow_from_name_and_project_alone():
    assert redaction("Berta", by="one").body == redaction("Berta", by="other").body
    assert fingerprint("Berta", SALT) != fingerprint("Berta", "another project's")
    digest, number = fingerprint("Berta", SALT)
    assert number.removeprefix("person ") not in digest  # a number in an export says nothing of the hash


def test_the_event_of_a_redaction_does_not_have_the_name():
    assert "Berta" not in str(redaction("Berta"))


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("decided", {"verdict": "skip", "note": "Berta and Bertal"}, {"verdict": "skip", "note": "# and Bertal"}),
    ("thread", {"act": "ask", "text": "Berta?"}, {"act": "ask", "text": "#?"}),
    ("policy", {"planted": {"purpose": "for Berta", "share": 0.1}}, {"planted": {"purpose": "for #", "share": 0.1}}),
    ("told", {"text": "Berta sees it", "lines": ["a", "Berta"]}, {"text": "# sees it", "lines": ["a", "#"]}),
    ("role", {"annotator": "Berta", "role": "guest"}, {"annotator": "#", "role": "guest"}),
    ("taxonomy", {"why": "Berta says so", "edits": [{"name": "Berta"}]},
     {"why": "# says so", "edits": [{"name": "Berta"}]}),  # a label's name stays
    ("decided", {"verdict": "answer", "label": "Berta"}, {"verdict": "answer", "label": "Berta"}),
])
def test_names_are_replaced_where_people_write_and_never_in_labels(kind, body, expected):
    change = Change({"Berta": Person("#", True)})
    assert change.body("event-0001", kind, body) == expected


def test_texts_stay_where_the_name_is_a_word_of_the_language_or_too_short():
    body = {"verdict": "skip", "note": "it may be Al"}
    assert Change({"may": Person("#", False), "Al": Person("#", True)}).body("event-0001", "decided", body) == body


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("decided", {"verdict": "skip", "note": "x"}, {"verdict": "skip"}),
    ("adjudicated", {"cause": "slip", "note": "x"}, {"cause": "slip"}),
    ("thread", {"act": "ask", "text": "x"}, {"act": "ask", "text": "[removed]"}),
    ("taxonomy", {"why": "x", "edits": []}, {"why": None, "edits": []}),
    ("decided", {"verdict": "skip"}, {"verdict": "skip"}),
])
def test_a_note_is_removed_from_the_event_that_has_it(kind, body, expected):
    assert Change({}, notes={"event-0001"}).body("event-0001", kind, body) == expected
    assert Change({}, notes={"event-0002"}).body("event-0001", kind, body) == body


@pytest.fixture
def log(tmp_path):
    with Log(tmp_path / "p") as log:
        yield log


def bytes_of(folder):
    return b"".join(file.name.encode() + b"\0" + file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_what_is_redacted_is_in_no_byte_of_the_folder(log):
    # More than a page, so that there are pages that nothing is written in afterwards.
    log.append(*(answer(f"decision-{n:04d}", "Berta", note=f"note of Berta {n} " * 20, item=f"i{n}")
                 for n in range(200)))
    log.keep_copy("one")
    log.append(answer("other-0001", "Carl", note="Berta saw this"), answer("Berta-000001", "Berta", item="i300"))
    log.keep_copy("two")
    log.claim(["i400"], "Berta", seconds=100)
    folder = log.folder
    assert b"Berta" in bytes_of(folder)
    log.append(redaction("Berta"))
    assert not is_complete(log)
    done = complete(log)
    assert is_complete(log)
    assert b"Berta" not in bytes_of(folder)
    number = fingerprint("Berta", SALT)[1]
    assert log.annotators() == ["Carl", "owner", number]
    assert (done.log.n_events, done.log.n_claims, len(done.copies)) == (201, 1, 2)
    assert len(log.annotations()["item_id"]) == 202
    with Log(folder) as again:  # every checksum fits
        assert [one.annotator for one in again.events()].count(number) == 201


def test_copies_are_good_afterwards_and_know_the_redaction(log):
    log.append(answer("decision-0001", "Berta", note="mine"))
    copy = log.keep_copy("one")
    log.append(answer("decision-0002", "Carl"), redaction("Berta"))
    complete(log)
    [kept] = log.copies()
    assert (kept.path, kept.n_decisions) == (copy, 1)
    back = log.folder.parent / "back"
    back.mkdir()
    (back / "log.db").write_bytes(copy.read_bytes())
    with Log(back) as restored:
        assert restored.who("Berta") == log.who("Berta")
        assert is_complete(restored)
        [stored] = restored.append(answer("decision-0009", "Berta"))
        assert stored.annotator == log.who("Berta")


def test_a_damaged_copy_is_deleted_since_nothing_can_be_removed_from_it(log):
    log.append(answer("decision-0001", "Berta"))
    copy = log.keep_copy("one")
    copy.write_bytes(copy.read_bytes()[:2000].replace(b"SQLite", b"SQLute") + b"Berta")
    log.append(redaction("Berta"))
    assert complete(log).deleted == [copy]
    assert not copy.exists()


def test_what_was_interrupted_is_done_by_the_next_call(log, monkeypatch):
    log.append(answer("decision-0001", "Berta"))
    log.keep_copy("one")
    log.append(redaction("Berta"))
    monkeypatch.setattr(log, "copies", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        complete(log)
    assert not is_complete(log)
    assert b"Berta" in bytes_of(log.folder)
    monkeypatch.undo()
    complete(log)
    assert is_complete(log)
    assert b"Berta" not in bytes_of(log.folder)


def test_an_old_page_stores_under_the_number_and_what_it_sends_again_is_stored_once(log):
    log.append(answer("decision-0001", "Berta", note="mine"))
    log.append(redaction("Berta"))
    complete(log)
    [again] = log.append(answer("decision-0001", "Berta", note="mine"))
    assert (again.seq, again.annotator) == (1, log.who("Berta"))
    [new] = log.append(answer("decision-0002", "Berta", item="i2"))
    assert new.annotator == log.who("Berta") != "Berta"
    assert log.claim(["i5"], "Berta", seconds=60) == ["i5"]
    assert log.claims() == {"i5": log.who("Berta")}
    assert b"Berta" not in bytes_of(log.folder)
    with pytest.raises(IdReused):
        log.append(answer("decision-0002", "Carl", item="i2"))


def test_another_process_that_has_the_log_open_writes_no_name_back(log):
    with Log(log.folder) as other:
        other.append(answer("decision-0001", "Berta"))
        log.append(redaction("Berta"))
        complete(log)
        [stored] = other.append(answer("decision-0002", "Berta", item="i2"))
        assert stored.annotator == log.who("Berta") == other.who("Berta")


def test_a_note_that_is_sent_again_stays_removed(log):
    log.append(answer("decision-0001", "Berta", note="a secret"))
    log.append(event("redacted", {"of": "note", "events": ["decision-0001"]}, annotator="Berta", id="redacted-0001"))
    complete(log)
    [again] = log.append(answer("decision-0001", "Berta", note="a secret"))
    assert (again.seq, again.body.get("note")) == (1, None)
    assert b"a secret" not in bytes_of(log.folder)
    assert log.annotations()["note"] == [None]


def test_ids_that_hold_the_name_or_were_made_of_it_are_others_wherever_they_stand(log):
    log.append(answer("Berta:000001", "Berta"))
    log.append(event("retracted", {"decision_id": "Berta:000001"}, id=undo_id("Berta:000001"), item_id="i0"))
    log.append(event("told", {"kind": "alarm", "text": "x"}, id="told-alarm-0123456789"))
    log.append(event("told", {"read": "told-alarm-0123456789"}, id="told-read-0123456789"))
    log.append(redaction("Berta"))
    complete(log)
    first, undo, told, read, _ = log.events()
    assert first.id == f"{log.who('Berta').replace(' ', '-')}:000001"
    assert (undo.id, undo.body["decision_id"]) == (undo_id(first.id), first.id)
    assert told.id != "told-alarm-0123456789"
    assert read.body["read"] == told.id
    assert log.annotations()["decision_id"] == []
