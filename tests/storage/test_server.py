"""A log on a PostgreSQL server that goes away, a connection that breaks, and passwords that nobody may read."""

import json
import logging
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import quote

import numpy as np
import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from postgres_server import PASSWORD, WITH_PASSWORD, Server, Wire

import hitl_widgets as hw
from hitl_widgets.errors import AlreadyDecided, BadInput, HitlError, LogBusy, ReadOnly, StoreError
from hitl_widgets.events import Event, decided
from hitl_widgets.records import Decision, new_id
from hitl_widgets.storage import postgres as postgres_module
from hitl_widgets.storage.location import cache_folder, locate
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.schema import CLAIM
from hitl_widgets.testing import wait_for

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def decision(item: str = "img-1", by: str = "ann", id: str = "", label: str = "cat", minute: int = 0) -> Event:
    return decided(Decision(id or new_id(), item, by, "answer", label=label, label_id=f"L-{label}",
                            acted_at=NOON + timedelta(minutes=minute)))


def ids(log: Log) -> list[str]:
    return [event.id for event in log.events()]


def append_until_stored(log: Log, event: Event, **more) -> None:
    """As the card's outbox does: what can't be stored now is sent again."""
    def sent() -> bool:
        try:
            return bool(log.append(event, **more))
        except LogBusy:
            return False
    wait_for(sent)


@pytest.fixture(scope="module")
def own(postgres):
    """A server of these tests' own, which may be killed; what it says is stored has reached the disk."""
    with Server(durable=True) as server:
        yield server


@pytest.fixture
def wire(postgres):
    with Wire(postgres) as wire:
        yield wire


# A server that goes away


@pytest.mark.parametrize("kill", [False, True], ids=["restarted", "killed"])
def test_a_server_that_restarts_between_two_commits_is_not_noticed(own: Server, kill: bool):
    with Log(own.new_project_url()) as log:
        log.append(decision())
        own.restart(kill=kill)
        log.append(decision("img-2"))
        assert log.claim(["img-3"], "ann", seconds=60) == ["img-3"]
        own.restart(kill=kill)
        assert log.claims() == {"img-3": "ann"}
        assert [event.seq for event in log.events()] == [1, 2]


def test_while_the_server_is_away_nothing_is_stored_and_it_is_said_in_a_sentence(own: Server):
    event = decision()
    with Log(own.new_project_url()) as log:
        own.stop()
        try:
            for act in (lambda: log.append(event), lambda: log.claim(["img-1"], "ann", seconds=60), log.last_seq,
                        lambda: list(log.events()), lambda: log.get(event.id)):
                with pytest.raises(LogBusy, match=r"can't be reached.*Try again"):
                    act()
        finally:
            own.start()
        assert log.append(event)[0].seq == 1
        assert log.append(event)[0].seq == 1


def test_a_project_on_a_server_that_is_away_says_so_when_it_is_opened(own: Server):
    url = own.new_project_url()
    own.stop()
    try:
        with pytest.raises(LogBusy, match=r"can't be reached.*Try again"):
            Log(url)
    finally:
        own.start()


def test_a_workbench_can_be_closed_while_the_server_is_away(own: Server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    wb = hw.Workbench(own.new_project_url(), POOL, ["cat", "dog"], annotator="ann", progress=False)
    card = wb.review(explain=None)
    card.receive({"kind": "hello"})
    wait_for(wb.project.log.claims)
    own.stop()
    try:
        card.close()
        wb.close()
    finally:
        own.start()


@pytest.mark.slow
def test_a_server_killed_while_many_write_loses_and_doubles_nothing(own: Server):
    rng, n_writers, n_events = random.Random(0), 4, 60
    with ExitStack() as stack:
        url = own.new_project_url()
        logs = [stack.enter_context(Log(url)) for _ in range(2)]
        failed: list[BaseException] = []

        def write(by: int) -> None:
            try:
                for number in range(n_events):
                    append_until_stored(logs[by % 2], decision(f"img-{number}", f"ann-{by}", f"event-{by}-{number}"))
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=write, args=(by,)) for by in range(n_writers)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            goal = logs[0].last_seq() + rng.randint(5, 40)
            wait_for(lambda goal=goal: failed or logs[0].last_seq() >= min(goal, n_writers * n_events))
            own.restart(kill=True)
        for thread in threads:
            thread.join()
        assert failed == []
        events = list(logs[0].events())
        assert [event.seq for event in events] == list(range(1, n_writers * n_events + 1))
        assert {event.id for event in events} == {f"event-{by}-{k}" for by in range(n_writers) for k in range(n_events)}
        for by in range(n_writers):
            assert [event.nth for event in events if event.annotator == f"ann-{by}"] == list(range(1, n_events + 1))
        assert len(logs[0].annotations()["decision_id"]) == n_writers * n_events


# A connection that breaks


@pytest.mark.parametrize("when", ["begin", "commit"])
def test_a_connection_that_the_server_ends_within_a_commit_is_made_again(postgres: Server, when: str):
    with Log(postgres.new_project_url()) as log:
        log.append(decision())
        n_ended = 0

        def end(conn: sa.Connection) -> None:
            nonlocal n_ended
            if n_ended == 0:
                n_ended = 1
                pid = conn.connection.driver_connection.info.backend_pid
                [[done]] = postgres.execute(f"select pg_terminate_backend({pid}, 10000)")
                assert done

        sa.event.listen(log._database.writer, when, end)
        event = decision("img-2")
        assert log.append(event)[0].seq == 2
        assert n_ended == 1
        assert ids(log)[1:] == [event.id]


@pytest.mark.parametrize("arrives", [False, True], ids=["before the server has it", "before its answer"])
@pytest.mark.parametrize("asks", ["nothing", "known", "since"])
def test_a_connection_cut_in_the_middle_of_a_commit_stores_once(postgres: Server, wire: Wire, arrives: bool, asks: str):
    project = postgres.new_project_url()
    with Log(project) as direct, Log(project.replace(quote(postgres.host, safe=""), quote(wire.host, safe=""))) as log:
        [first] = log.append(decision())
        wire.cut_at(b"COMMIT\0", arrives=arrives)
        event, stored_by_then = decision(label="dog", minute=1), []
        def look(_: object) -> None:
            stored_by_then.append(direct.last_seq() == 2)

        sa.event.listen(log._database.claimer, "handle_error", look)
        more = {"nothing": {}, "known": {"known": [first.id]}, "since": {"since": first.seq}}[asks]
        [stored] = log.append(event, **more)
        assert (wire.n_cut, stored_by_then[:1]) == (1, [arrives])
        assert (stored.seq, ids(direct)) == (2, [first.id, event.id])
        assert direct.annotations()["decision_id"] == [event.id]
        assert direct.append(event)[0] == stored


@pytest.mark.parametrize("words", [b"pg_advisory_xact_lock", b"event.tick", b"INSERT INTO annotation", b"pg_notify"])
def test_a_connection_cut_before_the_commit_is_made_again(postgres: Server, wire: Wire, words: bytes, caplog):
    project = postgres.new_project_url()
    with Log(project) as direct, Log(project.replace(quote(postgres.host, safe=""), quote(wire.host, safe=""))) as log:
        wire.cut_at(words, arrives=False)
        event = decision()
        assert log.append(event)[0].seq == 1
        assert (wire.n_cut, ids(direct)) == (1, [event.id])
        assert caplog.records == []


def test_a_connection_whose_answers_cannot_be_read_to_their_end_is_given_up(postgres: Server):
    with Log(postgres.new_project_url()) as log:
        [first] = log.append(decision())
        spoilt = []

        def spoil(conn: sa.Connection) -> None:
            raw = conn.connection.driver_connection
            if not spoilt:
                spoilt.append(raw)
                raw.pgconn.enter_pipeline_mode()
                raw.pgconn.send_query_params(b"SELECT 1", None)  # the driver doesn't know that its answer will come

        sa.event.listen(log._database.writer, "begin", spoil)
        event = decision("img-2")
        append_until_stored(log, event)
        assert spoilt[0].closed
        assert ids(log) == [first.id, event.id]


def test_a_connection_on_which_the_driver_loses_count_of_answers_is_given_up(postgres: Server):
    def lose_count(log: Log, conn: sa.Connection) -> None:
        with log._database.at_once(conn) as raw:
            raw.pgconn.send_query_params(b"SELECT 1", None)  # the driver doesn't know that its answer will come
            raw.pgconn.pipeline_sync()
            raw.pgconn.flush()
            select.select([raw.pgconn.socket], [], [], 10)
    with Log(postgres.new_project_url()) as log, log._database.writer.connect() as conn:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            lose_count(log, conn)
        assert caught.value.connection_invalidated
        log.append(decision())
        assert log.last_seq() == 1


def test_a_decision_asks_the_server_six_times(postgres: Server, wire: Wire, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pool, url = hw.Pool.from_images(np.zeros((20, 8, 8), np.uint8)), postgres.new_project_url(host=wire.host)
    with hw.Workbench(url, pool, ["cat", "dog"], annotator="ann", holdout=0) as wb:
        for item_id in pool.ids[:10]:  # the driver prepares what it has sent five times
            wb.decide(item_id, label="cat")
        before = wire.n_asked
        wb.decide(pool.ids[10], label="dog")
        # For the number of the newest event, to begin, for its turn, for all it has to know, to store, and to commit.
        assert wire.n_asked - before == 6


def test_of_two_that_decide_at_once_one_wins_also_when_its_answer_was_cut_off(postgres: Server, wire: Wire):
    project = postgres.new_project_url()
    with Log(project) as direct, Log(project.replace(quote(postgres.host, safe=""), quote(wire.host, safe=""))) as log:
        wire.cut_at(b"COMMIT\0", arrives=False)
        mine, other = decision(), decision(label="dog")

        def overtake(_: object) -> None:
            if direct.last_seq() == 0:
                direct.append(other, known=())

        sa.event.listen(log._database.claimer, "handle_error", overtake)  # between the cut and the repetition
        with pytest.raises(AlreadyDecided):
            log.append(mine, known=())
        assert ids(direct) == [other.id]


def test_a_claim_whose_answer_was_cut_off_is_still_theirs(postgres: Server, wire: Wire):
    with Log(postgres.new_project_url(host=wire.host)) as log:
        log.claim(["img-1"], "bob", seconds=60)
        wire.cut_at(b"INSERT INTO claim", arrives=True)
        assert log.claim(["img-1", "img-2"], "ann", seconds=60) == ["img-2"]
        assert wire.n_cut == 1
        assert log.claims() == {"img-1": "bob", "img-2": "ann"}


# Too many connections


def test_threads_that_use_up_the_connections_wait_and_then_hear_it(postgres: Server, monkeypatch):
    monkeypatch.setattr(postgres_module, "BUSY_S", 0.3)
    with Log(postgres.new_project_url()) as log, ExitStack() as held:
        for _ in range(postgres_module.KEPT + postgres_module.MORE):
            held.enter_context(log._database.claimer.connect())
        event = decision()
        with pytest.raises(LogBusy, match=r"connections.*nothing was stored"):
            log.append(event)
        held.close()
        assert log.append(event)[0].seq == 1


def test_a_server_without_a_free_connection_is_busy_and_nothing_is_lost(postgres: Server):
    with Server(max_connections=8, superuser_reserved_connections=0) as small:
        event, url = decision(), small.new_project_url()
        Log(url).close()
        with Log(url) as log, ExitStack() as held:
            log._database.claimer.dispose()
            with suppress(psycopg.OperationalError):
                while True:
                    held.enter_context(psycopg.connect(**small.connection()))
            with pytest.raises(LogBusy, match=r"too many clients.*nothing was lost"):
                log.append(event)
            held.close()
            append_until_stored(log, event)
            assert log.last_seq() == 1


def test_a_writer_that_hangs_makes_others_wait_for_a_bounded_time(postgres: Server, monkeypatch):
    monkeypatch.setattr(postgres_module, "BUSY_S", 0.3)
    url = postgres.new_project_url()
    with Log(url) as log, Log(url) as hanging, hanging._database.writer.connect() as conn:
        conn.begin()  # and no commit
        event = decision()
        with pytest.raises(LogBusy, match="nothing was lost"):
            log.append(event)
        assert log.claim(["img-1"], "ann", seconds=60) == ["img-1"]  # claims wait for nobody
        conn.rollback()
        assert log.append(event)[0].seq == 1


# Readers that page


def test_a_reader_that_pages_skips_nothing_that_is_committed_late(postgres: Server):
    url = postgres.new_project_url()
    with Log(url) as log, Log(url) as slow, Log(url) as quick:
        log.append(decision("img-0"))
        may_commit, at_commit = threading.Event(), threading.Event()

        def hold(_: object) -> None:
            at_commit.set()
            may_commit.wait()

        sa.event.listen(slow._database.writer, "commit", hold)
        first = threading.Thread(target=slow.append, args=(decision("slow"),))
        first.start()
        at_commit.wait()
        second = threading.Thread(target=quick.append, args=(decision("quick"),))
        second.start()
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        wait_for(lambda: postgres.execute(waiting) == [(1,)])
        # What has a higher number isn't there before what has a lower one.
        assert [event.item_id for event in log.events()] == ["img-0"]
        may_commit.set()
        first.join()
        second.join()
        assert [(event.seq, event.item_id) for event in log.events(1)] == [(2, "slow"), (3, "quick")]


def test_readers_that_page_while_many_write_see_each_event_once_and_in_order(postgres: Server):
    url, n_writers, n_events = postgres.new_project_url(), 4, 25
    with ExitStack() as stack:
        logs = [stack.enter_context(Log(url)) for _ in range(n_writers)]
        reader = stack.enter_context(Log(url))
        threads = [threading.Thread(target=lambda log=log, k=k: [
            log.append(decision(f"img-{i}", f"ann-{k}"), decision(f"more-{i}", f"ann-{k}")) for i in range(n_events)])
            for k, log in enumerate(logs)]
        for thread in threads:
            thread.start()
        seen: list[int] = []

        def paged() -> bool:
            seen.extend(event.seq for event in reader.events(seen[-1] if seen else 0))
            return len(seen) >= 2 * n_writers * n_events
        wait_for(paged)
        for thread in threads:
            thread.join()
        assert seen == list(range(1, 2 * n_writers * n_events + 1))


# Claims

LABELLER = """
import random, sys
from datetime import datetime, timezone
from hitl_widgets.events import Event
from hitl_widgets.storage.log import Log

url, me, n_items = sys.argv[1], sys.argv[2], int(sys.argv[3])
log, rng = Log(url), random.Random(me)
print("ready", flush=True)
while True:
    decided = {event.item_id for event in log.events(kind="decided")}
    left = [f"img-{i}" for i in range(n_items) if f"img-{i}" not in decided]
    if not left:
        break
    theirs = log.claims(exclude=me)
    free = [item for item in left if item not in theirs]
    mine = log.claim(rng.sample(free, min(5, len(free))), me, seconds=3600)
    # Between its look at the log and its claim another may have decided an item and released it.
    decided = {event.item_id for event in log.events(kind="decided")}
    for item in mine:
        if item not in decided:
            log.append(Event(f"{me}-on-{item}", "decided", me, datetime.now(timezone.utc), {"verdict": "skip"},
                             item_id=item))
    log.release(mine, me)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_processes_that_claim_and_are_killed_decide_each_item_once(postgres: Server):
    rng, url, n_items = random.Random(0), postgres.new_project_url(), 240
    names = iter(f"ann-{i}" for i in range(1_000))

    def start() -> tuple[str, subprocess.Popen[str]]:
        name = next(names)
        process = subprocess.Popen([sys.executable, "-c", LABELLER, url, name, str(n_items)], text=True,
                                   stdout=subprocess.PIPE)
        return name, process

    with Log(url) as log:
        at_work = [start() for _ in range(4)]
        for _ in range(5):
            goal = min(log.last_seq() + rng.randint(5, 40), n_items)
            wait_for(lambda goal=goal: log.last_seq() >= goal or any(one.poll() for _, one in at_work))
            name, process = at_work.pop(rng.randrange(len(at_work)))
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            # Its claims run out, an hour later as it were.
            log._write(lambda conn, name=name: conn.execute(sa.delete(CLAIM).where(CLAIM.c.annotator == name)))
            at_work.append(start())
        for _, process in at_work:
            process.communicate()
            assert process.returncode == 0
        items = Counter(event.item_id for event in log.events())
        assert items == {f"img-{i}": 1 for i in range(n_items)}
        assert log.claims() == {}


def test_claims_don_t_wait_for_each_other_and_nobody_gets_one_twice(postgres: Server):
    url, items = postgres.new_project_url(), [f"img-{i}" for i in range(200)]
    with ExitStack() as stack:
        logs = [stack.enter_context(Log(url)) for _ in range(8)]
        start, got = threading.Barrier(8), dict[int, list[str]]()

        def claim(k: int) -> None:
            mine = random.Random(k).sample(items, len(items))
            start.wait()
            got[k] = logs[k].claim(mine, f"ann-{k}", seconds=60)

        threads = [threading.Thread(target=claim, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(item for mine in got.values() for item in mine) == sorted(items)
        assert logs[0].claims() == {item: f"ann-{k}" for k, mine in got.items() for item in mine}


# Clocks

AHEAD = """
import sys
from datetime import timedelta
import hitl_widgets.records as records
right = records.utc_now
records.utc_now = lambda: right() + timedelta(hours=float(sys.argv[2]))
from hitl_widgets.events import decided
from hitl_widgets.records import Decision
from hitl_widgets.storage.log import Log
with Log(sys.argv[1]) as log:
    print(*log.claim(["img-1", "img-2"], "wrong clock", seconds=600))
    log.append(decided(Decision(records.new_id(), "img-2", "wrong clock", "skip")))
"""


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_machine_whose_clock_is_wrong_takes_and_keeps_nothing_longer(postgres: Server, hours: float):
    url = postgres.new_project_url()
    with Log(url) as log:
        log.append(decision())
        assert log.claim(["img-1"], "ann", seconds=600) == ["img-1"]
        said = subprocess.run([sys.executable, "-c", AHEAD, url, str(hours)], check=True, stdout=subprocess.PIPE,
                              text=True)
        assert said.stdout.split() == ["img-2"]
        assert log.claims() == {"img-1": "ann", "img-2": "wrong clock"}
        log.append(decision())
        events = list(log.events())
        assert [event.stored_at for event in events] == sorted(event.stored_at for event in events)
        assert events[-1].stored_at - events[0].stored_at < timedelta(hours=1)


# One project, made or migrated by many at once

OPEN = """
import sys
from hitl_widgets.storage.log import Log
print("ready", flush=True)
sys.stdin.readline()
with Log(sys.argv[1]) as log:
    print(log.id, log.created)
"""


@pytest.mark.long
@pytest.mark.parametrize("what", ["made", "migrated"])
def test_processes_that_open_a_project_at_once_make_it_once(postgres: Server, what: str):
    url = postgres.new_project_url()
    if what == "migrated":
        with Log(url) as log:
            event, = log.append(decision())
            as_of_schema_6(log)
    processes = [subprocess.Popen([sys.executable, "-c", OPEN, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in processes]
    assert len({id for id, _ in said}) == 1
    assert sorted(created for _, created in said) == ["False"] * 3 + ["True" if what == "made" else "False"]
    with Log(url) as log:
        assert log.id == said[0][0]
        if what == "migrated":
            assert log.get(event.id) == event
        assert log.append(decision("img-2"))


def as_of_schema_6(log: Log) -> None:
    """Take away what the newest schema added: no PostgreSQL project of an earlier one was ever made."""
    def change(conn: sa.Connection) -> None:
        for column in ("tick", "aside"):
            conn.exec_driver_sql(f"alter table event drop column {column}")
        conn.exec_driver_sql("update about set value = '6' where name = 'schema'")
        conn.exec_driver_sql("delete from migration where version > 6")
    log._write(change)


# What a person reads when the server says no


@pytest.mark.parametrize(("change", "words"), [
    (("@/", ":wr0ng@/"), r"refused the user.*password file"),
    (("@/", "@/"), r"refused the user.*password file"),
    (("/postgres?", "/nothing_there?"), r"does not exist.*createdb"),
    (("host=", "host=%2Fnowhere&x="), r"can't be reached"),
    (("host=", "host=nowhere.invalid&x="), r"can't be reached"),
    ((f"//{postgres_server.OWNER}@", "//nobody_here@"), r"has no such user .*CREATE ROLE name LOGIN"),
], ids=["wrong password", "no password", "no such database", "no such host", "no such name", "no such user"])
def test_what_is_wrong_is_said_in_a_sentence_that_names_the_project(postgres: Server, change, words, monkeypatch):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    user = postgres_server.OWNER if change[0] != "@/" else WITH_PASSWORD
    url = postgres.url("cells", user=user).replace(*change)
    url = url.replace("&x=" + quote(postgres.host, safe=""), "")
    with pytest.raises(HitlError, match=words) as caught:
        Log(url)
    assert "cells" in str(caught.value)
    assert "wr0ng" not in "".join(traceback.format_exception(caught.value))


def test_who_has_no_right_to_the_schema_is_told_so_and_not_that_the_log_is_damaged(postgres: Server):
    url = postgres.new_project_url()
    Log(url).close()
    with pytest.raises(ReadOnly, match=r"has no right to its schema.*docs/servers\.md"):
        Log(url.replace(f"//{postgres_server.OWNER}@", f"//{WITH_PASSWORD}:{quote(PASSWORD, safe='')}@"))
    with Log(url) as log:
        assert log.append(decision())


def test_an_address_that_nobody_listens_at_is_busy_within_seconds():
    with pytest.raises(LogBusy, match="can't be reached"):
        Log("postgresql://ann@127.0.0.1:1/labels?project=cells")


def test_a_password_file_and_the_variable_are_taken_as_psycopg_takes_them(postgres: Server, tmp_path, monkeypatch):
    file = tmp_path / "passwords"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"*:*:*:{WITH_PASSWORD}:{escaped}\n")
    file.chmod(0o600)
    url = postgres.new_project_url(user=WITH_PASSWORD)
    with Log(f"{url}&passfile={quote(str(file), safe='')}") as log:
        log.append(decision())
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with Log(url) as log:
        assert log.last_seq() == 1


@pytest.mark.parametrize("where", ["user part", "query"])
def test_no_password_is_ever_shown(postgres: Server, where: str, tmp_path, caplog, monkeypatch):
    """In no repr, error, traceback or log of this process, and in nothing that a notebook keeps."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def url(password: str, **more: str) -> str:
        quoted = quote(password, safe="")
        if where == "query":
            return postgres.url("q", user=WITH_PASSWORD, password=password, **more)
        return postgres.url("u", user=f"{WITH_PASSWORD}:{quoted}", **more)

    shown: list[object] = []
    wrong = "Wr0ng/pa:ss@word"
    for bad in (url(wrong), url(wrong, host="/nowhere"), url(wrong, database="nothing_there"),
                url(wrong, sslmode="nonsense"), url(wrong).replace("project=", "projekt="),
                url(wrong).replace("postgresql+psycopg", "mysql"), url(wrong).replace("port=5432", "port=none"),
                url(wrong).replace("/postgres?", "?")):
        with pytest.raises(HitlError) as caught:
            hw.Workbench(bad, POOL, ["cat", "dog"], annotator="ann")
        shown += [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
    with hw.Workbench(url(PASSWORD), POOL, ["cat", "dog"], annotator="ann", progress=False) as wb:
        wb.decide("0", label="cat")
        card = wb.review()
        shown += [wb, wb.project, wb.project.log, wb.project.log.location, wb.project.log._database,
                  wb.project.log._database.claimer, json.dumps(card.card.get_state(), default=repr),
                  getattr(wb, "_repr_html_", str)(), vars(wb.project.log.location).get("project")]
        with pytest.raises(HitlError) as caught:
            wb.project.log._read(lambda conn: conn.exec_driver_sql("select nonsense"))
        shown += traceback.format_exception(caught.value)
        files = [path for path in wb.project.folder.rglob("*") if path.is_file()]
        shown += [path.read_bytes() for path in files]
    shown += [record.getMessage() for record in caplog.records] + [caplog.text]
    for secret in (wrong, PASSWORD):
        for form in (secret, quote(secret, safe=""), quote(secret)):
            assert not [one for one in shown if form in repr(one) or form in str(one)]
    assert not [one for one in shown if "Wr0ng" in repr(one) or "s3cret" in repr(one)]


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server that speaks TLS as "localhost", and the folder with its certificate, which it signed itself."""
    if os.name != "posix" or not shutil.which("openssl"):
        pytest.skip("makes a certificate with openssl, for a server on a socket")
    with Server() as server:
        data, made = server.folder / "data", tmp_path_factory.mktemp("tls")
        for name in ("server", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                            made / f"{name}.key", "-out", made / f"{name}.crt"], check=True, capture_output=True)
        for name in ("server.key", "server.crt"):
            shutil.copy(made / name, data)
            os.chown(data / name, data.stat().st_uid, data.stat().st_gid)
            (data / name).chmod(0o600)
        try:
            server.execute("alter system set ssl = on", "alter system set listen_addresses = '127.0.0.1'",
                           f"alter system set port = {(port := postgres_server._free_port())}")
        except psycopg.Error as error:
            pytest.skip(f"this PostgreSQL was built without TLS: {error}")
        server.stop()
        server.port = port
        server.start()
        yield server, made


def over_tls(server: Server, certificate: Path, host: str = "localhost", project: str = "cells") -> str:
    return server.url(project, user=f"{WITH_PASSWORD}:{quote(PASSWORD, safe='')}", host=host, sslmode="verify-full",
                      sslrootcert=str(certificate))


def test_a_server_is_trusted_by_the_certificate_that_is_named(tls):
    server, made = tls
    with Log(over_tls(server, made / "server.crt")) as log:
        log.append(decision())
        assert log.read(lambda conn: conn.exec_driver_sql(
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar()) is True


@pytest.mark.parametrize(("certificate", "host"), [("other.crt", "localhost"), ("missing.crt", "localhost"),
                                                   ("server.crt", "127.0.0.1")])
def test_a_server_that_does_not_show_who_it_is_is_refused_in_a_sentence(tls, certificate: str, host: str):
    server, made = tls
    with pytest.raises(StoreError, match=r"couldn't show .* sslrootcert= has to name") as refused:
        Log(over_tls(server, made / certificate, host))
    told = "".join(traceback.format_exception(refused.value))
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told


@pytest.mark.parametrize("given", [
    "postgresql+psycopg://ann:a@s3cret@db.example.org/labels?project=cells",
    "postgresql+psycopg://ann:a@s3cret/x@db.example.org/labels?project=cells",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells&PASSWORD=s3cret",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells&passwd=s3cret",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells&password =s3cret",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells&oauth_client_secret=s3cret",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells?password=s3cret",
    "postgresql+psycopg://ann@db.example.org/labels?project=cells&sslmode=require?password=s3cret",
    "postgresql+psycopg:/ann:s3cret@db.example.org/labels?project=cells",
    " postgresql+psycopg://ann:s3cret@db.example.org/labels?project=cells",
    Path("postgresql://ann:s3cret@db.example.org/labels?project=cells"),
    "host=db.example.org user=ann password=s3cret dbname=labels",
])
def test_a_url_that_is_written_wrong_shows_no_password_and_becomes_no_folder(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput) as caught:
        Log(given)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert not list(tmp_path.iterdir())


POOL = hw.Pool.from_texts(["a black cat", "a brown dog", "a white cat"], ids=["0", "1", "2"])


@pytest.mark.parametrize("cache", [
    "postgresql+psycopg://ann:s3cret@db.example.org/labels?project=cells", "s3://ann:s3cret@bucket/cache",
    Path("https://ann:s3cret@host/cache"), "postgresql:ann:s3cret@host", "host=a password=s3cret"])
def test_a_cache_that_is_a_url_is_refused_without_being_shown(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = "postgresql+psycopg://ann@127.0.0.1:1/labels?project=cells"
    for open_ in (lambda: hw.Workbench("p", POOL, ["cat"], cache=cache), lambda: hw.Workbench(url, POOL, cache=cache),
                  lambda: hw.Workbench.from_archive("a.zip", "p", cache=cache), lambda: locate(url, cache),
                  lambda: cache_folder("cells", "1", cache)):
        with pytest.raises(BadInput, match="cache looks like the address of a server; the path of a folder") as caught:
            open_()
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_cache_that_is_no_path_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cache is 7; the path of a folder"):
        hw.Workbench(tmp_path / "p", POOL, ["cat"], cache=7)


# News


@pytest.mark.long
def test_what_another_process_stores_is_heard_also_after_the_connection_was_cut(own: Server):
    url = own.new_project_url()
    with Log(url) as log, Log(url) as other:
        heard = threading.Event()
        stop = log.listen(heard.set)
        wait_for(heard.is_set)  # it listens now

        def hears(item: str) -> None:
            heard.clear()
            other.append(decision(item))
            wait_for(heard.is_set)
        hears("img-1")
        hears("img-2")
        heard.clear()
        own.restart(kill=True)
        wait_for(heard.is_set)  # it is connected again, and may have missed something
        hears("img-3")
        stop()
        wait_for(lambda: not [one for one in threading.enumerate() if one.name.startswith("hitl listens")])


def test_a_thread_that_reads_while_its_log_is_closed_leaves_no_connection_open(postgres):
    def pid_of(conn: sa.Connection) -> int:
        found: int = conn.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        began.set()
        assert may_go.wait(60)
        return found
    log, pids = Log(postgres.new_project_url()), list[int]()
    began, may_go = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: pids.append(log.transact(pid_of)))
    thread.start()
    assert began.wait(60)
    log.close()
    may_go.set()
    thread.join()
    wait_for(lambda: not postgres.execute(f"SELECT 1 FROM pg_stat_activity WHERE pid = {pids[0]}"))
