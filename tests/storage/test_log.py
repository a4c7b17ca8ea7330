import gc
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import Place

from hitl_widgets.errors import AlreadyDecided, BadInput, DiskFull, IdReused, LogBusy, LogDamaged, ReadOnly, StoreError
from hitl_widgets.events import Event, decided, decision_of, retracted, standing
from hitl_widgets.records import Decision, Seen, new_id
from hitl_widgets.storage.location import ServerLocation
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import ABOUT, CLAIM
from hitl_widgets.testing import wait_for

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def decision(id: str = "", item: str = "img-1", by: str = "ann", label: str = "cat", *, minute: float = 0,
             replaces: str | None = None) -> Event:
    return decided(Decision(f"decision-{id}" if id else new_id(), item, by, "answer", label=label,
                            label_id=f"L-{label}", acted_at=NOON + timedelta(minutes=minute), replaces=replaces))


def taking_back(event: Event, id: str = "", by: str | None = None) -> Event:
    return retracted(decision_of(event), id=f"retract-{id}" if id else new_id(), acted_at=NOON, annotator=by)


def labels(log: Log) -> dict[tuple[str, str], str]:
    columns = log.annotations()
    return dict(zip(zip(columns["item_id"], columns["annotator"], strict=True), columns["label"], strict=True))


@pytest.fixture
def log(place: Place) -> Iterator[Log]:
    """A new log, on each database."""
    with Log(place("project")) as log:
        yield log


@pytest.fixture
def sqlite_log(tmp_path: Path) -> Iterator[Log]:
    """A new log in a folder, for what is SQLite's own."""
    with Log(tmp_path / "project") as log:
        yield log


# What stands


def test_nothing_stands_among_no_events():
    assert standing([]) is None


def test_what_stands_is_the_latest_decision_not_retracted():
    first, second, third = (decision(id, minute=minute) for minute, id in enumerate("abc"))
    assert standing([third, first, second]) is third
    assert standing([third, first, second, taking_back(third)]) is second


def test_of_decisions_of_one_instant_the_larger_id_stands():
    a, b = decision("a"), decision("b")
    assert standing([a, b]) is b
    assert standing([b, a]) is b


def test_a_revision_stands_even_when_its_clock_was_behind():
    first = decision("a", minute=10)
    revision = decision("b", minute=0, replaces=first.id)
    assert standing([first, revision]) is revision


def test_of_three_answers_the_last_stands_although_the_clock_went_back_and_the_middle_one_is_taken_back():
    """The first stood again, since its clock was the latest."""
    first = decision("a", minute=10)
    second = decision("b", minute=5, replaces=first.id)
    third = decision("c", minute=0, replaces=second.id)
    assert standing([third, taking_back(second), first, second]) is third
    assert standing([first, second, third, taking_back(second), taking_back(third)]) is first
    assert standing([first, second, third, taking_back(third)]) is second


def test_undoing_a_revision_restores_the_former_answer():
    first = decision("a", minute=10)
    revision = decision("b", minute=0, replaces=first.id)
    assert standing([first, revision, taking_back(revision)]) is first


def test_undoing_the_middle_of_a_chain_leaves_its_end():
    first = decision("a")
    second = decision("b", minute=1, replaces=first.id)
    third = decision("c", minute=2, replaces=second.id)
    events = [first, second, third, taking_back(second)]
    assert standing(events) is third
    assert standing([*events, taking_back(third)]) is first


def test_a_decision_that_names_itself_as_replaced_still_stands():
    odd = decision("a", replaces="decision-a")
    assert standing([odd]) is odd


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    for n in range(draw(st.integers(1, 8))):
        made = [event for event in events if event.kind == "decided"]
        if made and draw(st.booleans()):
            events.append(taking_back(draw(st.sampled_from(made)), f"{n:03}", by=draw(st.sampled_from("ab"))))
        else:
            item, by = draw(st.sampled_from("xy")), draw(st.sampled_from("ab"))
            mine = [event.id for event in made if (event.item_id, event.annotator) == (item, by)]
            events.append(decision(f"{n:03}", item, by, minute=draw(st.integers(0, 3)),
                                   replaces=draw(st.sampled_from([None, *mine]))))
    return events


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.randoms(use_true_random=False))
def test_the_annotations_follow_from_the_events_in_whatever_order_and_batches_they_arrive(place, events, rng):
    expected = {}
    for item in "xy":
        for by in "ab":
            about = [e for e in events if e.item_id == item and (e.kind == "retracted" or e.annotator == by)]
            if (holds := standing(about)) is not None:
                expected[item, by] = holds.id
    rng.shuffle(events)
    cut = rng.randrange(len(events) + 1)
    with Log(place(new_id())) as log:
        log.append(*events[:cut])
        for event in events[cut:]:
            log.append(event)
        found = log.annotations()
        assert dict(zip(zip(found["item_id"], found["annotator"], strict=True), found["decision_id"],
                        strict=True)) == expected
        for (item, by), id in expected.items():
            holds = log.standing_of(item, by)
            assert holds is not None
            assert holds.id == id


# Storing


def test_an_event_comes_back_as_it_was_given_with_its_number_and_instant(place: Place):
    at = datetime(2024, 5, 1, 14, 30, 59, 123457, tzinfo=timezone(timedelta(hours=2)))
    event = decided(Decision("decision-1", "bilder/katze ü.png", "Ann Ö.", "correct", label="Kätzchen 🐈",
                             label_id="L1", certainty=7.5, note="line\nbreak", flags=("ethics", "bad_data"),
                             acted_at=at, seen=Seen(suggestion="L2", probs={"L1": 0.25, "L2": 0.75}, shown_ms=812.5)))
    with Log(place(), now=lambda: NOON) as log:
        stored, = log.append(event)
        assert (stored.seq, stored.stored_at) == (1, NOON)
    with Log(place()) as again:
        found = again.get("decision-1")
        assert found == stored
        assert found.acted_at == at
        assert decision_of(found).seen.probs == {"L1": 0.25, "L2": 0.75}


def test_sending_twice_is_storing_once(log: Log):
    event = decision("a")
    first, = log.append(event)
    second, third = log.append(event, event)
    assert first == second == third
    assert log.last_seq() == 1


def test_one_id_with_two_meanings_is_refused_and_its_whole_batch_with_it(log: Log):
    log.append(decision("a"))
    with pytest.raises(IdReused, match=r"decision-a.*cat.*dog.*new id"):
        log.append(decision("b"), decision("a", label="dog"))
    assert log.get("decision-b") is None
    with pytest.raises(IdReused):
        log.append(decision("c"), decision("c", label="dog"))
    assert [event.id for event in log.events()] == ["decision-a"]


@pytest.mark.parametrize("event", [
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip"}),
    Event("decision-1", "decided", "ann", NOON, {"label": "cat"}, item_id="img-1"),
    Event("decision-1", "retracted", "ann", NOON, {}, item_id="img-1"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip", "note": float("nan")}, item_id="img-1"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip", "note": {1, 2}}, item_id="img-1"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip", "note": ["not", "text"]}, item_id="img-1"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip", "seen": "nothing"}, item_id="img-1"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip"}, item_id="caf\udce9.png"),
    Event("decision-1", "decided", "ann", NOON, {"verdict": "skip", "certainty": 2**63}, item_id="img-1"),
], ids=["no item", "no verdict", "takes nothing back", "nan", "a set", "a note that is no text",
        "seen that is no mapping", "half a surrogate pair", "a number beyond 64 bits"])
def test_an_event_that_cant_be_written_down_is_refused_in_words_and_the_next_is_stored(log: Log, event: Event):
    with pytest.raises(BadInput):
        log.append(decision("before"), event)
    assert log.last_seq() == 0
    assert len(log.append(decision("after"))) == 1


def test_names_that_look_like_sql_are_only_names(log: Log):
    nasty = ["'; DROP TABLE event; --", '"x" OR 1=1', "%", "_", "a\nb", "[img]", ":id", "?"]
    log.append(*(decision(item=name, by=name) for name in nasty))
    assert set(labels(log)) == {(name, name) for name in nasty}
    assert [event.item_id for event in log.events(item_id="%")] == ["%"]
    assert log.claim(nasty, nasty[0], seconds=60) == nasty
    assert log.claims() == dict.fromkeys(nasty, nasty[0])


def test_appending_nothing_stores_nothing(log: Log):
    assert log.append() == []
    assert log.last_seq() == 0


# Reading


def test_events_come_in_the_order_in_which_they_were_stored_and_can_be_chosen(log: Log):
    n = 4_500  # more than two chunks
    log.append(*(decision(f"{i:05}", item=f"img-{i % 3}", by=("bob", "ann")[i % 2], minute=-i) for i in range(n)))
    taxonomy = Event("taxonomy-1", "taxonomy", "ann", NOON, {"labels": []})
    log.append(taxonomy)
    assert [event.seq for event in log.events()] == list(range(1, n + 2))
    assert [event.id for event in log.events(n - 1)] == ["decision-04499", "taxonomy-1"]
    assert [event.id for event in log.events(kind="taxonomy")] == ["taxonomy-1"]
    assert [event.seq for event in log.events(4, item_id="img-1", annotator="ann")][:3] == [8, 14, 20]


def test_annotations_hold_what_was_said_and_what_was_seen(log: Log):
    event = decided(Decision(
        "decision-1", "img-1", "ann", "correct", label="cat", label_id="L1", certainty=7, note="sure?",
        flags=("ethics", "second_look"), acted_at=NOON, seen=Seen(
            suggestion="L2", hidden=True, model="m1", taxonomy=3, certainty="carried", chosen_by="margin",
            shown_ms=8.5, scripted=True, arm="blind", arm_probability=0.1)), content="blake2b:00")
    log.append(event, decision("other", item="img-2"))
    rows = [dict(zip(columns, values, strict=True)) for columns in [log.annotations()]
            for values in zip(*columns.values(), strict=True)]
    first, second = sorted(rows, key=lambda row: row["item_id"])
    assert first == {
        "item_id": "img-1", "annotator": "ann", "decision_id": "decision-1", "verdict": "correct", "label_id": "L1",
        "label": "cat", "certainty": 7.0, "certainty_source": "carried", "flags": ("ethics", "second_look"),
        "note": "sure?", "acted_at": int(NOON.timestamp()) * 10**6, "model": "m1", "taxonomy": 3, "hidden": True,
        "scripted": True, "chosen_by": "margin", "shown_ms": 8.5, "content": "blake2b:00", "seq": 1,
        "suggestion": "L2", "arm": "blind", "arm_probability": 0.1, "planted": False, "first_label_id": None,
        "first_taxonomy": None}
    assert (second["flags"], second["hidden"], second["scripted"], second["model"]) == ((), False, False, None)


def test_events_are_numbered_by_annotator(log: Log):
    """Also those that come after events without a number, which older logs hold."""
    stored = log.append(decision("a"), decision("b", item="img-2"), decision("c", item="img-1", by="bob"))
    assert [event.nth for event in stored] == [1, 2, 1]
    [again, new] = log.append(decision("a"), decision("d", item="img-3"))
    assert (again.nth, new.nth) == (1, 3)
    assert [event.nth for event in log.events()] == [1, 2, 1, 3]
    assert all("nth" not in event.body for event in log.events())


def test_a_repeated_answer_never_stands(log: Log):
    log.append(decision("first-one"))
    again = decided(Decision("second-one", "img-1", "ann", "answer", label="dog", label_id="L2",
                             seen=Seen(repeat_of="decision-first-one")))
    assert again.kind == "repeated"
    log.append(again)
    assert log.annotations()["decision_id"] == ["decision-first-one"]
    assert [event.id for event in log.events(kind="repeated")] == ["second-one"]


def test_a_few_columns_of_the_annotations_can_be_had_by_themselves(log: Log):
    first = decision("a")
    log.append(first, decision("b", item="img-2", label="dog"), taking_back(first))
    found = log.annotations(columns=["label"])
    assert set(found) == {"seq", "item_id", "annotator", "decision_id", "label"}
    assert (found["item_id"], found["label"]) == (["img-2"], ["dog"])
    assert log.annotations(columns=["flags", "hidden"])["flags"] == [()]


def test_annotations_of_an_empty_log_are_empty_columns(log: Log):
    columns = log.annotations()
    assert "label" in columns
    assert set(map(len, columns.values())) == {0}


def test_what_changed_since_can_be_read_by_itself(log: Log):
    mine, other = decision("a", "img-1", "ann"), decision("b", "img-2", "ann")
    log.append(mine, other, decision("c", "img-1", "bob"))
    seq = log.last_seq()
    log.append(decision("d", "img-1", "ann", "dog", minute=1), taking_back(other))
    assert sorted(log.changed_items(seq)) == ["img-1", "img-2"]
    changed = log.changed_annotations(seq, ["img-1"], columns=["label"])
    assert sorted(zip(changed["item_id"], changed["annotator"], changed["label"], strict=True)) == [
        ("img-1", "ann", "dog"), ("img-1", "bob", "cat"), ("img-2", "ann", None)]
    assert log.changed_annotations(seq, columns=["label"])["annotator"] == ["ann", "ann"]
    assert log.changed_items(log.last_seq()) == []
    assert log.changed_annotations(log.last_seq(), columns=["label"])["item_id"] == []


def test_an_undo_is_a_change_that_brings_the_former_answer_back(log: Log):
    first = decision("a")
    revision = decision("b", label="dog", minute=1, replaces=first.id)
    log.append(first, revision)
    seq = log.last_seq()
    log.append(taking_back(revision))
    assert log.changed_annotations(seq, columns=["label"])["label"] == ["cat"]
    log.append(taking_back(revision, "again"), taking_back(first))
    assert log.annotations()["label"] == []
    assert log.standing_of("img-1", "ann") is None


def test_a_retraction_counts_whoever_made_it_and_only_for_its_own_item(log: Log):
    wrong = decision("a", "img-1", "ann")
    stranger = Event("retract-x", "retracted", "ann", NOON, {"decision_id": "decision-b"}, item_id="img-9")
    log.append(wrong, decision("b", "img-2", "ann"), taking_back(wrong, by="the boss"), stranger)
    assert set(labels(log)) == {("img-2", "ann")}


@pytest.mark.parametrize("undo", [False, True], ids=["answers", "answers and undos"])
def test_a_reader_sees_what_was_written_between_its_chunks(place: Place, undo: bool):
    class Interrupted(Log):
        n_reads = -100  # whatever opening reads

        def _read(self, act):
            self.n_reads += 1
            if self.n_reads == 3:  # after the first chunk
                self.append(decision(item="img-0000", label="dog", minute=1), decision(item="img-new"),
                            *(taking_back(first[i]) for i in (1, 4_099) if undo))
            return super()._read(act)

    first = [decision(item=f"img-{i:04}") for i in range(4_100)]
    with Interrupted(place()) as log:
        log.append(*first)
        log.n_reads = 0  # type: ignore[attr-defined]
        found = log.annotations()
    expected = {event.item_id: "cat" for event in first} | {"img-0000": "dog", "img-new": "cat"}
    if undo:
        del expected["img-0001"], expected["img-4099"]
    assert len(found["item_id"]) == len(expected)
    assert dict(zip(found["item_id"], found["label"], strict=True)) == expected


# Claims


def test_an_item_is_claimed_by_one_at_a_time_until_the_claim_runs_out(log: Log):
    def pass_time(seconds: float) -> None:
        log._write(lambda conn: conn.execute(sa.update(CLAIM).values(until=CLAIM.c.until - int(seconds * 1e6))))

    assert log.claim(["a", "b"], "ann", seconds=600) == ["a", "b"]
    assert log.claim(["b", "c", "c"], "bob", seconds=600) == ["c"]
    assert log.claims() == {"a": "ann", "b": "ann", "c": "bob"}
    assert log.claims(exclude="ann") == {"c": "bob"}
    pass_time(400)
    assert log.claim(["a"], "ann", seconds=600) == ["a"]
    pass_time(400)
    assert log.claims() == {"a": "ann"}
    assert log.claim(["a", "b"], "bob", seconds=600) == ["b"]


def test_only_ones_own_claims_are_released(log: Log):
    log.claim(["a", "b"], "ann", seconds=60)
    log.claim(["c"], "bob", seconds=60)
    log.release(["a", "c"], "ann")
    assert log.claims() == {"b": "ann", "c": "bob"}
    log.release(None, "ann")
    assert log.claims() == {"c": "bob"}
    assert log.claim([], "ann", seconds=60) == []
    log.release([], "ann")


def test_thousands_of_items_can_be_claimed_at_once(log: Log):
    ids = [f"img-{i}" for i in range(2_500)]
    assert log.claim(ids, "ann", seconds=60) == ids
    log.release(ids[:2_000], "ann")
    assert set(log.claims()) == set(ids[2_000:])


# A project's log


def test_a_project_keeps_its_id_and_is_created_once(place: Place):
    with Log(place("a")) as first, Log(place("a")) as second:
        assert (first.created, second.created) == (True, False)
        assert first.id == second.id
    with Log(place("a")) as third, Log(place("c")) as other:
        assert not third.created
        assert third.id == first.id != other.id


@pytest.mark.parametrize("name", ["with space", "100%", "a?b=c", "#1", "ü", "-x"])
def test_a_folder_may_bear_any_name(tmp_path: Path, name: str):
    with Log(tmp_path / name) as log:
        log.append(decision("a"))
        kept = log.keep_copy("round-1")
        assert log.copies()[0][:2] == (kept, 1)
    assert (tmp_path / name / "log.db").stat().st_size > 0


def test_a_log_of_a_newer_version_is_refused_untouched(place: Place):
    with Log(place()) as log:
        log._write(lambda conn: conn.execute(sa.update(ABOUT).where(ABOUT.c.name == "schema").values(value="99")))
    with pytest.raises(StoreError, match=r"newer hitl_widgets.*99.*Upgrade"):
        Log(place())


def test_a_closed_store_says_so(place: Place):
    log = Log(place())
    log.close()
    log.close()
    with pytest.raises(StoreError, match="closed"):
        log.append(decision("a"))
    with pytest.raises(StoreError, match="closed"):
        log.last_seq()


# No decision is lost

WRITER = """
import sys
from datetime import datetime, timezone
from hitl_widgets.events import Event
from hitl_widgets.storage.location import locate
from hitl_widgets.storage.log import Log
log = Log(locate(sys.argv[1]))
print("ready", flush=True)
for i in range(int(sys.argv[3])):
    event, = log.append(Event(f"{sys.argv[2]}-{i:06}", "decided", sys.argv[2], datetime.now(timezone.utc),
                                {"verdict": "answer", "label_id": "L1", "label": "cat"}, item_id=f"img-{i}"))
    print(event.id, flush=True)
"""


def writer(where: Path | ServerLocation, name: str, n: int) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(where), name, str(n)], stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_every_commit_waits_for_the_disk(sqlite_log: Log):
    for engine in (sqlite_log._database.reader, sqlite_log._database.writer):
        with engine.connect() as conn:
            asked = [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        assert asked == ["persist", 2]  # 2 is FULL


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_loses_nothing_that_was_stored(place: Place):
    rng, told = random.Random(0), []
    for round in range(4):
        with writer(place(), f"killed-{round}", 100_000) as process:
            assert process.stdout is not None
            told += [process.stdout.readline().strip() for _ in range(rng.randint(1, 25))]
            os.kill(process.pid, signal.SIGKILL)
            told += process.stdout.read().split()
    with Log(place()) as log:
        there = {event.id for event in log.events()}
        assert set(told) <= there
        assert set(log.annotations()["decision_id"]) == there


def test_two_processes_write_one_log_and_each_sees_the_others_decisions(place: Place):
    with Log(place()) as log, writer(place(), "other-process", 30) as process:
        mine = [log.append(decision(item=f"mine-{i}"))[0] for i in range(30)]
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert [event.seq for event in log.events()] == list(range(1, 61))
        assert len(list(log.events(annotator="other-process"))) == 30
        assert len(labels(log)) == 60
        assert all(log.get(event.id) == event for event in mine)


def test_eight_threads_write_and_read_at_once(log: Log):
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for i in range(15):
                event, = log.append(decision(f"{name}-{i}", item=f"img-{i}", by=name))
                assert log.get(event.id) == event
                changed = log.changed_annotations(event.seq - 1, columns=["label"])
                assert (f"img-{i}", name) in zip(changed["item_id"], changed["annotator"], strict=True)
                log.claim([f"img-{i}"], name, seconds=1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"thread-{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [event.seq for event in log.events()] == list(range(1, 121))
    assert len(labels(log)) == 120


def test_what_waits_together_is_committed_together_and_one_threads_mistake_is_its_own(log: Log):
    log.append(decision("taken", item="first"))
    acts = {"a": decision("a"), "bad": decision("taken", label="dog"), "b": decision("b", by="bob")}
    outcome: dict[str, object] = {}
    n_commits = 0

    def count(_: object) -> None:
        nonlocal n_commits
        n_commits += 1

    def work(name: str) -> None:
        try:
            outcome[name] = log.append(acts[name])[0].id
        except IdReused as error:
            outcome[name] = error

    def all_at_once() -> None:
        threads = [threading.Thread(target=work, args=(name,)) for name in acts]
        with log._lock:  # as while another transaction is written
            for thread in threads:
                thread.start()
            while len(log._waiting) < len(acts):
                pass
        for thread in threads:
            thread.join()

    all_at_once()
    assert outcome["a"] == "decision-a"
    assert outcome["b"] == "decision-b"
    assert isinstance(outcome["bad"], IdReused)
    assert log.last_seq() == 3

    acts = {name: decision(name * 3, by=name) for name in "cdefg"}
    sa.event.listen(log._database.writer, "commit", count)
    all_at_once()
    assert n_commits == 1
    assert log.last_seq() == 8


def locked_out(log: Log) -> bool:
    """Whether another program would have to wait for this log."""
    if log.folder is None:
        lock = "SELECT pg_try_advisory_xact_lock(%(lock)s)"
        with log._database.reader.connect() as conn:
            return not conn.exec_driver_sql(lock, {"lock": log._database._lock_id}).scalar()
    with closing(sqlite3.connect(log.folder / "log.db", timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        other.execute("ROLLBACK")
    return False


@pytest.mark.long
# Python says so when an interrupt falls into a weak reference's callback, and goes on.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("act", ["append", "claim", "get", "annotations", "keep_copy"])
def test_an_interrupt_wherever_python_takes_one_leaves_all_or_nothing_and_holds_nobody_up(log: Log, act: str):
    # Python looks for signals when a function of Python begins, and when one of C returns; so interrupts strike there.
    if act == "keep_copy" and log.folder is None:
        pytest.skip("a server keeps no copies in a folder")
    packages = tuple(str(Path(sys.modules[name].__file__).parent) for name in ("hitl_widgets", "sqlalchemy"))
    event, countdown = decision("before"), 0
    acts = {"append": lambda: log.append(event), "claim": lambda: log.claim(["a"], "ann", seconds=60),
            "get": lambda: log.get(event.id), "annotations": lambda: log.annotations(),
            "keep_copy": lambda: log.keep_copy("round-1")}

    def interrupt(frame, what, _):
        nonlocal countdown
        if what in ("call", "c_return") and frame.f_code.co_filename.startswith(packages):
            countdown -= 1
            if countdown == 0:
                raise KeyboardInterrupt

    log.append(event)
    acts[act]()
    n_interrupted, outer = 0, sys.getprofile()
    step = 83 if act == "keep_copy" else 17  # a copy's check takes longer with each event that this test adds
    while True:
        event, other, countdown, caught = decision(item=new_id()), decision(), 1 + step * n_interrupted, None
        sys.setprofile(interrupt)
        try:
            acts[act]()
        except (KeyboardInterrupt, AttributeError, AssertionError) as error:  # SQLAlchemy may trip over itself
            caught = error  # kept with its frames, as IPython keeps the last one
        finally:
            sys.setprofile(outer)
        # A server notices a moment later that whoever was interrupted is gone.
        assert not locked_out(log) if log.folder else wait_for(lambda: not locked_out(log))
        was_stored = log.get(event.id) is not None
        assert was_stored == (log.standing_of(event.item_id, "ann") is not None)
        thread = threading.Thread(target=log.append, args=(other,), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "the log's lock is held by nobody who is at work"
        assert log.get(other.id) is not None
        assert (log.get(event.id) is not None) == was_stored, "an interrupted act was stored later, with another"
        if countdown > 0:
            break  # it came to its end before the interrupt
        while not isinstance(caught, KeyboardInterrupt | None):
            caught = caught.__context__
        n_interrupted += 1
    assert n_interrupted > 3
    assert log.append(event)[0].id == event.id
    assert log.claim(["a"], "ann", seconds=60) == ["a"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A process that was started in the background ignores interrupts from the keyboard; here they strike.

    Never while garbage is collected: what tools call then swallows the interrupt.
    """
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    yield
    gc.enable()
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("interruptible")
# An interrupt inside psycopg.connect leaves a connection that only the garbage collector closes.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
def test_interrupts_in_earnest_lose_nothing_that_was_stored(log: Log):
    rng, told, n_interrupted = random.Random(0), [], 0
    tried = [decision(f"{i:04}", item=f"img-{i}") for i in range(60)]
    for event in tried:
        timer = threading.Timer(rng.random() * 0.01, signal.raise_signal, (signal.SIGINT,))
        try:
            timer.start()
            told.append(log.append(event)[0].id)
            timer.join()
            for _ in range(1_000):
                pass  # the interrupt strikes here, if it hasn't yet
        except KeyboardInterrupt:
            n_interrupted += 1
    timer.join()
    assert n_interrupted == len(tried)
    assert not log._lock.locked()
    assert not locked_out(log) if log.folder else wait_for(lambda: not locked_out(log))
    there = {event.id for event in log.events()}
    assert set(told) <= there
    assert set(log.annotations()["decision_id"]) == there


# A full disk, a held log, a folder that can't be written


def test_a_full_disk_is_said_and_nothing_is_half_stored(tmp_path: Path):
    pages = 2**30
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'log.db'}", poolclass=sa.NullPool)
    with Log(tmp_path, engine=engine) as log:
        sa.event.listen(engine, "connect", lambda opened, _: opened.execute(f"PRAGMA max_page_count = {pages}"))
        log.append(decision("first"))
        pages = 1  # SQLite takes it for "no more than now"
        with pytest.raises(DiskFull, match="half stored"):
            log.append(*(decision(item=f"img-{i}") for i in range(500)))
        assert log.last_seq() == 1
        assert log.annotations()["decision_id"] == ["decision-first"]
        pages = 2**30
        assert len(log.append(*(decision(item=f"img-{i}") for i in range(500)))) == 500


def test_a_file_that_may_not_grow_is_said_and_works_again_without_reopening(sqlite_log: Log):
    resource = pytest.importorskip("resource")
    sqlite_log.append(decision("first"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((sqlite_log.folder / "log.db").stat().st_size, hard))
    try:
        with pytest.raises(DiskFull, match=r"quota.*half stored"):
            sqlite_log.append(*(decision(item=f"img-{i}") for i in range(500)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(sqlite_log.append(*(decision(item=f"img-{i}") for i in range(500)))) == 500


def test_a_copy_that_finds_no_room_leaves_nothing_behind(sqlite_log: Log):
    resource = pytest.importorskip("resource")
    sqlite_log.append(decision("first"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(DiskFull, match=r"no copy .* as it was"):
            sqlite_log.keep_copy("round-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((sqlite_log.folder / "copies").iterdir()) == []
    assert sqlite_log.last_seq() == 1


def test_a_log_that_another_program_holds_is_said_and_can_be_tried_again(tmp_path: Path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'log.db'}", connect_args={"timeout": 0.05})
    with Log(tmp_path, engine=engine) as log, \
            closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogBusy, match=r"nothing was stored.*[Tt]ry again"):
            log.append(decision("a"))
        assert log.last_seq() == 0
        other.execute("ROLLBACK")
        assert log.append(decision("a"))[0].seq == 1


def test_a_folder_that_cant_be_made_is_read_only_in_words(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ReadOnly, match="can't be made"):
        Log(tmp_path / "file" / "project")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX here")
@pytest.mark.parametrize("path", [".", "log.db"])
def test_a_folder_or_log_that_cant_be_written_is_read_only_in_words(path: str):
    with tempfile.TemporaryDirectory() as folder:
        Log(folder).close()
        mode = os.stat(Path(folder, path)).st_mode
        os.chmod(folder, 0o755)
        os.chmod(Path(folder, path), 0o555)
        if root := os.geteuid() == 0:
            os.setresuid(65534, 65534, 0)  # whom permissions bind
        try:
            with pytest.raises(ReadOnly, match="permissions"):
                Log(folder)
        finally:
            if root:
                os.setresuid(0, 0, 0)
            os.chmod(Path(folder, path), mode)


@pytest.mark.skipif(os.name != "posix", reason="an open file can't be moved elsewhere")
def test_a_log_moved_away_under_an_open_store_is_said(sqlite_log: Log):
    sqlite_log.append(decision("a"))
    (sqlite_log.folder / "log.db").rename(sqlite_log.folder / "elsewhere.db")
    with pytest.raises(ReadOnly, match="moved or deleted"):
        sqlite_log.append(decision("b"))


# Damage and copies


def garbage(log: Path) -> None:
    log.write_bytes(random.Random(0).randbytes(50_000))


def truncation(log: Path) -> None:
    log.write_bytes(log.read_bytes()[:log.stat().st_size // 2])


def bad_page(log: Path) -> None:
    content = bytearray(log.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle:middle + 4096] = random.Random(0).randbytes(4096)
    log.write_bytes(content)


def emptying(log: Path) -> None:
    log.write_bytes(b"")


def loss(log: Path) -> None:
    log.unlink()


def a_crash_and_then_garbage(log: Path) -> None:
    journal = log.with_name("log.db-journal")
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("DELETE FROM event WHERE seq > 200")
        connection.execute("BEGIN")
        connection.execute("UPDATE event SET body = body || printf('%2000s', '')")  # more than the cache holds
        hot = journal.read_bytes()
        connection.execute("ROLLBACK")
    garbage(log)
    journal.write_bytes(hot)


@pytest.mark.parametrize("harm", [garbage, truncation, bad_page, emptying, loss, a_crash_and_then_garbage])
def test_a_damaged_log_names_the_newest_good_copy_and_how_to_go_on(tmp_path: Path, harm):
    folder = tmp_path / "it's a project"
    with Log(folder) as log:
        log.append(*(decision(item=f"img-{i}") for i in range(300)))
        log.keep_copy("round-1")
        good = log.keep_copy("round-2")
        bad_page(log.keep_copy("round-3"))
        log.append(decision(item="after the last copy"))
    harm(folder / "log.db")
    with pytest.raises(LogDamaged) as caught:
        Log(folder)
    said = str(caught.value)
    assert str(good) in said
    assert "300 decisions" in said
    command = said.partition("run: ")[2]
    subprocess.run(command, shell=True, check=harm is not loss, stderr=subprocess.DEVNULL)
    with Log(folder) as restored:
        assert restored.last_seq() == len(labels(restored)) == 300
        assert [copy.n_decisions for copy in restored.copies()] == [None, 300, 300]


def test_a_damaged_log_without_copies_says_that_too(tmp_path: Path):
    Log(tmp_path).close()
    garbage(tmp_path / "log.db")
    with pytest.raises(LogDamaged, match=r"no good copy.*\.recover"):
        Log(tmp_path)


def test_a_log_too_large_to_check_at_opening_says_so_when_a_bad_page_is_read_or_copied(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("hitl_widgets.storage.sqlite.CHECKED_AT_OPENING", 0)
    monkeypatch.setattr("hitl_widgets.storage.sqlite.EVENTS_CHECKED_AT_OPENING", 2)
    with Log(tmp_path) as log:
        log.append(*(decision(item=f"img-{i}") for i in range(300)))
        log.keep_copy("round-1")
    bad_page(tmp_path / "log.db")
    at = datetime(2026, 1, 9, tzinfo=timezone.utc)  # decides which events are checked at opening
    with Log(tmp_path, now=lambda: at) as log:
        with pytest.raises(LogDamaged, match="300 decisions"):
            log.keep_copy("round-2")
        with pytest.raises(LogDamaged, match="300 decisions"):
            json.dumps([log.annotations(), [event.id for event in log.events()]])


def test_the_newest_ten_copies_stay(tmp_path: Path):
    at = NOON
    with Log(tmp_path, now=lambda: at) as log:
        for i in range(12):
            log.append(decision(item=f"img-{i}"))
            log.keep_copy(f"round-{i}")
            at += timedelta(minutes=1)
        (tmp_path / "copies" / "mine.db").write_text("not a copy")
        copies = log.copies()
    assert [copy.n_decisions for copy in copies] == list(range(12, 2, -1))
    assert copies[0].made_at == NOON + timedelta(minutes=11)
    assert copies[0].path.name.endswith("-round-11.db")


def test_a_project_opened_by_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    with Log("project") as log:
        os.chdir(tmp_path / "other")
        log.append(decision("a"))
        assert log.keep_copy("round-1").is_relative_to(tmp_path / "project")
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("name", ["", "a/b", "..\\x", "x" * 81, "a b"])
def test_a_copys_name_is_a_plain_file_name(sqlite_log: Log, name: str):
    with pytest.raises(BadInput):
        sqlite_log.keep_copy(name)


def test_a_snapshot_is_a_whole_log_at_any_path(sqlite_log: Log, tmp_path: Path):
    sqlite_log.append(decision("a"))
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "log.db"
    path.write_text("what was there before")
    assert sqlite_log.snapshot(path) == path
    sqlite_log.append(decision("b"))
    with Log(path.parent) as other:
        assert other.id == sqlite_log.id
        assert [event.id for event in other.events()] == ["decision-a"]
    with pytest.raises(StoreError, match="no copy"):
        sqlite_log.snapshot(tmp_path / "missing" / "log.db")


def test_a_copy_made_while_others_write_is_consistent(sqlite_log: Log):
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            sqlite_log.append(decision(item=new_id()))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        kept = [sqlite_log.keep_copy(f"round-{i}") for i in range(5)]
    finally:
        done.set()
        thread.join()
    for path in kept:
        folder = path.with_suffix("")
        folder.mkdir()
        shutil.copy(path, folder / "log.db")
        with Log(folder) as copy:
            assert len(list(copy.events())) == len(labels(copy))


def test_of_two_decisions_that_know_of_none_the_log_takes_one_whichever_thread_it_came_on(place):
    """Two tabs, or two notebooks, that decide an item at the same moment decide it once."""
    with Log(place()) as log, Log(place()) as other:
        outcomes, start = [], threading.Barrier(8)

        def decide(number):
            event = decided(Decision(f"decision-{number}", "img-1", "ada", "answer", label="cat", label_id="L1"))
            start.wait()
            try:
                (log if number % 2 else other).append(event, known=())
                outcomes.append(event.id)
            except AlreadyDecided as error:
                outcomes.append(str(error))

        threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [stored] = [event.id for event in log.events(kind="decided")]
        assert outcomes.count(stored) == 1
        assert sum("in another tab or notebook meanwhile: cat" in outcome for outcome in outcomes) == 7
        # The same act again is no other one, and whoever knows of it may revise it.
        [again] = log.append(next(log.events(kind="decided")), known=())
        assert again.id == stored
        log.append(decided(Decision("decision-9", "img-1", "ada", "skip", replaces=stored)), known=(stored,))
        log.append(decided(Decision("decision-bob", "img-1", "bob", "skip")), known=())
        # What was only skipped elsewhere can be decided, or skipped too.
        log.append(decided(Decision("decision-10", "img-1", "bob", "skip", replaces="decision-bob")), known=())
        log.append(decided(Decision("decision-11", "img-1", "bob", "unsure", replaces="decision-10")), known=())
        with pytest.raises(AlreadyDecided):
            log.append(decided(Decision("decision-12", "img-1", "bob", "skip")), known=())
