"""A project moves between a folder and a server, with every event as it is, and whenever it is cut off.

The moves run in processes of their own, which end in the middle without any chance to clean up.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from postgres_server import Server

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, LogDamaged, StoreError
from hitl_widgets.events import Event, decided, retracted
from hitl_widgets.records import Decision, new_id, utc_now
from hitl_widgets.storage import transfer
from hitl_widgets.storage.blobs import TeamFiles
from hitl_widgets.storage.checks import checksum
from hitl_widgets.storage.location import FolderLocation, Location, cache_folder, locate
from hitl_widgets.storage.log import Log
from hitl_widgets.storage.moved import Move, move_of, told
from hitl_widgets.storage.schema import ABOUT, ANNOTATION, EVENT, add

MODEL = "models/0123456789abcdef.safetensors"
Way = tuple[Location, Location]


def decision(item: int, annotator: str = "ada", label: str = "cat") -> Event:
    return decided(Decision(new_id(), f"item-{item:04}", annotator, "answer", label=label, label_id=f"L-{label}",
                            certainty=item % 11, note=f"Anmerkung {item}: 猫 \N{GRINNING FACE} \\ \t"))


def fill(log: Log, n: int = 25) -> None:
    """Decisions of two people, some revised, one taken back, and an event about no item."""
    stored = log.append(*(decision(item, annotator) for item in range(n) for annotator in ("ada", "ben")))
    log.append(*(decision(item, label="dog") for item in range(0, n, 5)))
    first = Decision(stored[2].id, stored[2].item_id or "", "ada", "answer", label="cat", label_id="L-cat")
    log.append(retracted(first, id=new_id(), acted_at=utc_now()),
               Event(id=new_id(), kind="policy", annotator="ada", acted_at=utc_now(), body={"purpose": "Übung"}))


def rows(log: Log, table: sa.Table = EVENT) -> list[tuple[Any, ...]]:
    order = table.c.seq if "seq" in table.c else table.c.name
    return log.transact(lambda conn: [tuple(row) for row in conn.execute(sa.select(table).order_by(order))])


def files(log: Log, folder: Path) -> TeamFiles:
    return TeamFiles(log, folder)


def folder_of(location: Location, tmp_path: Path) -> Path:
    return location.folder if isinstance(location, FolderLocation) else tmp_path / f"cache-{location.project}"


def move(way: Way, tmp_path: Path, **more: Any) -> transfer.Moved:
    start, goal = way
    with Log(start) as log:
        return transfer.move(log, files(log, folder_of(start, tmp_path)), goal,
                             cache=None if isinstance(goal, FolderLocation) else folder_of(goal, tmp_path), **more)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK", 7)


@pytest.fixture
def places(postgres: Server, tmp_path: Path) -> dict[str, Callable[[], Location]]:
    """Makes new places of each kind."""
    numbers = iter(range(100))
    return {"folder": lambda: locate(tmp_path / f"folder-{next(numbers)}"),
            "server": lambda: locate(postgres.new_project_url())}


WAYS = [("folder", "server"), ("server", "folder"), ("folder", "folder"), ("server", "server")]


@pytest.fixture(params=WAYS, ids=[" to ".join(way) for way in WAYS])
def way(request: pytest.FixtureRequest, places: dict[str, Callable[[], Location]], tmp_path: Path) -> Way:
    """From a place with a project to a new one."""
    start, goal = (places[kind]() for kind in request.param)
    with Log(start) as log:
        fill(log)
        folder = folder_of(start, tmp_path)
        if log.server is not None:
            cache_folder(log.name, log.id, folder)
        (folder / "models").mkdir(parents=True)
        (folder / MODEL).write_bytes(b"weights")
        (folder / "pool.ids").write_bytes(b"ids")
        files(log, folder).share(folder / MODEL)
        files(log, folder).share_pool()
    return start, goal


def test_every_event_arrives_as_it_is(way: Way, tmp_path: Path) -> None:
    start, goal = way
    with Log(start) as log:
        before, standing, id = rows(log), rows(log, ANNOTATION), log.id
    moved = move(way, tmp_path)
    assert (moved.n_events, moved.n_files, moved.lost) == (len(before), 2, [])
    with Log(goal) as log:
        assert log.id == id
        assert rows(log) == before
        assert rows(log, ANNOTATION) == standing
        assert list(log.events())  # each is read, and has its checksum
        assert (folder_of(goal, tmp_path) / MODEL).read_bytes() == b"weights"
        assert files(log, folder_of(goal, tmp_path)).names() == [MODEL, "pool.ids"]
        log.append(decision(1))


def test_the_old_place_refuses_and_can_be_read(way: Way, tmp_path: Path) -> None:
    start, goal = way
    with Log(start) as was_open:
        before = rows(was_open)
        move(way, tmp_path)
        with Log(start) as opened_later:
            for log in (was_open, opened_later):
                with pytest.raises(StoreError, match="has moved to") as refused:
                    log.append(decision(3))
                assert told(goal) in str(refused.value)
                with pytest.raises(StoreError, match="has moved to"):
                    log.rewrite(None, lambda conn: None)
                assert rows(log) == before


def test_back_again_the_old_place_goes_on_with_what_was_stored_meanwhile(way: Way, tmp_path: Path) -> None:
    start, goal = way
    with Log(start) as was_open:
        before = rows(was_open)
        move(way, tmp_path)
        with Log(goal) as log:
            log.append(decision(3, label="dog"), decision(70))
            there, standing = rows(log), rows(log, ANNOTATION)
        move((goal, start), tmp_path)
        assert rows(was_open) == there
        assert there[:len(before)] == before
        assert rows(was_open, ANNOTATION) == standing
        was_open.append(decision(4, label="dog"))
    with Log(goal) as log, pytest.raises(StoreError, match="has moved to"):
        log.append(decision(5))
    move((start, goal), tmp_path)
    with Log(goal) as log:
        assert len(rows(log)) == len(there) + 1


def test_a_log_whose_order_changed_meanwhile_comes_back_whole(way: Way, tmp_path: Path) -> None:
    start, goal = way
    move(way, tmp_path)

    def swap(conn: sa.Connection) -> None:  # as joining does
        second, third = conn.execute(sa.select(EVENT).where(EVENT.c.seq.in_((2, 3))).order_by(EVENT.c.seq)).mappings()
        conn.execute(sa.delete(EVENT).where(EVENT.c.seq.in_((2, 3))))
        for row, seq, tick in ((third, 2, second["tick"]), (second, 3, third["tick"])):
            moved = {**row, "seq": seq, "tick": tick}
            add(conn, EVENT, [{**moved, "checksum": checksum(moved)}])
    with Log(goal) as log:
        log.rewrite(None, swap)
        log.append(decision(9))
        there, standing, generation = rows(log), rows(log, ANNOTATION), log.about()["generation"]
    move((goal, start), tmp_path)
    with Log(start) as log:
        assert (rows(log), rows(log, ANNOTATION), log.about()["generation"]) == (there, standing, generation)


# -- cut off ---------------------------------------------------------------------------------------------------


def killed_at(n: int, way: Way, tmp_path: Path, *, late: bool) -> bool:
    """Move in a process that ends before, or right after, its n-th transaction; whether it came so far."""
    pid = os.fork()
    if pid == 0:
        try:
            transact, done = Log.transact, 0

            def counted(self: Log, act: Any, **more: Any) -> Any:
                nonlocal done
                done += 1
                if done == n and not late:
                    os._exit(9)
                result = transact(self, act, **more)
                if done == n:
                    os._exit(9)
                return result
            Log.transact = counted  # type: ignore[method-assign]
            move(way, tmp_path)
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="ends a forked process")
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", [("folder", "server"), ("server", "folder")], ids=["out", "back"], indirect=True)
def test_a_move_that_is_killed_anywhere_is_finished_by_calling_it_again(way: Way, tmp_path: Path, late: bool) -> None:
    start, goal = way
    with Log(start) as log:
        before = {row[1]: row for row in rows(log)}
    n, n_kills, n_closed = 1, 0, 0
    while killed_at(n, way, tmp_path, late=late):
        n, n_kills = n + (1 if n < 6 else 3), n_kills + 1
        takers = []
        for place in way:  # people go on, in one place or in none
            try:
                with Log(place) as log:
                    if place == goal and log.created:  # nobody had come there yet
                        log.discard()
                        continue
                    event = log.append(decision(n))[0]
                takers.append(place)
                before[event.id] = ()
            except StoreError:
                n_closed += place == start
        assert len(takers) <= 1
    assert n_kills > 8
    with Log(goal) as log:
        there = {row[1]: row for row in rows(log)}
        assert there.keys() == before.keys()
        assert all(there[id] == row for id, row in before.items() if row)
        assert len(rows(log, ANNOTATION)) == len({(row[3], row[4]) for row in there.values() if row[4]})
        log.append(decision(1))
    assert n_closed  # of the last steps some left both places closed
    assert move(way, tmp_path).n_events == len(there) + 1  # it is there: nothing is left to do


def test_where_it_fails_while_the_old_place_is_closed_that_is_opened_again(
        way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_rest = transfer._Transfer._copy_rest

    def failing(self: Any, *args: Any) -> None:
        with Log(way[0]) as log, pytest.raises(StoreError, match="has moved"):
            log.append(decision(1))
        raise KeyboardInterrupt
    monkeypatch.setattr(transfer._Transfer, "_copy_rest", failing)
    with pytest.raises(KeyboardInterrupt):
        move(way, tmp_path)
    with Log(way[0]) as log:
        log.append(decision(2))
    with pytest.raises(StoreError, match="isn't whole yet"):
        Log(way[1])
    monkeypatch.setattr(transfer._Transfer, "_copy_rest", copy_rest)
    move(way, tmp_path)
    with Log(way[0]) as old, Log(way[1]) as new:
        assert rows(old) == rows(new)


def test_what_is_stored_while_it_moves_is_in_the_new_place_or_was_refused(way: Way, tmp_path: Path) -> None:
    start, goal = way
    kept, refused = list[str](), threading.Event()
    begun = threading.Barrier(3)

    def label(annotator: str) -> None:
        with Log(start) as log:
            begun.wait()
            for item in range(10_000):
                event = decision(item, annotator)
                try:
                    log.append(event)
                    kept.append(event.id)
                except StoreError:
                    refused.set()
                    return
    threads = [threading.Thread(target=label, args=(annotator,)) for annotator in ("cleo", "dan")]
    for thread in threads:
        thread.start()
    begun.wait()
    moved = move(way, tmp_path)
    for thread in threads:
        thread.join()
    assert refused.is_set()
    with Log(goal) as log:
        assert set(kept) <= {row[1] for row in rows(log)}
        assert moved.n_events == len(rows(log))
        standing = log.annotations()
    assert len(set(zip(standing["item_id"], standing["annotator"], strict=True))) == len(standing["item_id"])
    assert sum(annotator in ("cleo", "dan") for annotator in standing["annotator"]) == len(kept)


def test_of_two_that_move_at_once_one_does_and_nothing_is_in_two_places(
        places: dict[str, Callable[[], Location]], tmp_path: Path) -> None:
    start, goal = places["folder"](), places["server"]()
    with Log(start) as log:
        fill(log)
        n = log.last_seq()
    begun, outcomes = threading.Barrier(2), list[object]()

    def one() -> None:
        begun.wait()
        try:
            outcomes.append(move((start, goal), tmp_path).n_events)
        except (StoreError, BadInput) as error:
            outcomes.append(error)
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    move((start, goal), tmp_path)  # if both gave way
    with Log(goal) as log:
        assert log.last_seq() == n
    with Log(start) as log, pytest.raises(StoreError, match="has moved"):
        log.append(decision(1))


# -- refused ---------------------------------------------------------------------------------------------------


def untouched(way: Way, tmp_path: Path, error: type[Exception], words: str) -> None:
    """Check that a move is refused, and that both places go on as they were."""
    kept = []
    for place in way:
        with Log(place) as log:
            kept.append((rows(log), rows(log, ABOUT)))
    with pytest.raises(error, match=words):
        move(way, tmp_path)
    for place, (events, about) in zip(way, kept, strict=True):
        with Log(place) as log:
            assert (rows(log), rows(log, ABOUT)) == (events, about)
            log.append(decision(1))


def test_a_place_of_another_project_is_refused(way: Way, tmp_path: Path) -> None:
    with Log(way[1]) as log:
        fill(log, 3)
    untouched(way, tmp_path, BadInput, "another project")


def test_a_place_that_was_changed_apart_is_refused_with_the_remedy(way: Way, tmp_path: Path) -> None:
    start, goal = way
    with Log(start) as log, Log(goal, coming=(log.id, "elsewhere")):
        pass
    move(way, tmp_path)
    for place in way:  # as of a copy that somebody made of the folder before
        with Log(place) as log:
            log.transact(lambda conn: Move().write(conn), writes=True)
            log.append(decision(500, annotator=str(place)))
    untouched(way, tmp_path, BadInput, r"changed independently: it has 1 events .* from event 58 on.*wb\.join")


def test_the_same_place_is_refused_however_it_is_spelt(postgres: Server, tmp_path: Path) -> None:
    url = postgres.new_project_url()
    with Log(locate(url)) as log:
        fill(log, 3)
    with pytest.raises(BadInput, match=r"is at .* already"):
        move((locate(url), locate(url)), tmp_path)
    with pytest.raises(BadInput, match=r"is at .* already"):
        move((locate(url), locate(url + "&sslmode=disable")), tmp_path)
    (tmp_path / "p").mkdir()
    os.symlink(tmp_path / "p", tmp_path / "q")
    with Log(tmp_path / "p") as log:
        fill(log, 3)
    with pytest.raises(BadInput, match=r"is at .* already"):
        move((locate(tmp_path / "p"), locate(tmp_path / "q")), tmp_path)
    for place in (locate(url), locate(tmp_path / "p")):
        with Log(place) as log:
            log.append(decision(1))
            assert set(log.about()) <= {"id", "schema", "seal"}


def test_a_project_that_has_gone_cannot_go_somewhere_else(way: Way, places: dict[str, Any], tmp_path: Path) -> None:
    move(way, tmp_path)
    with pytest.raises(StoreError, match="has moved to") as refused:
        move((way[0], places["folder"]()), tmp_path)
    assert told(way[1]) in str(refused.value)


def test_a_damaged_event_does_not_move(places: dict[str, Callable[[], Location]], tmp_path: Path) -> None:
    start = places["server"]()
    with Log(start) as log:
        fill(log)
        log.transact(lambda conn: conn.execute(sa.update(EVENT).where(EVENT.c.seq == 9).values(body="{}")))
    with pytest.raises(LogDamaged):
        move((start, places["folder"]()), tmp_path)


def test_what_postgresql_cannot_hold_is_named(places: dict[str, Callable[[], Location]], tmp_path: Path) -> None:
    start = places["folder"]()
    with Log(start) as log:
        fill(log, 3)
        log.append(decided(Decision(new_id(), "odd\0item", "ada", "answer", label="cat", label_id="L")))
    with pytest.raises(BadInput, match=r"event 10 .*odd\\x00item"):
        move((start, places["server"]()), tmp_path)
    with Log(start) as log:
        log.append(decision(1))


def test_no_password_is_in_what_is_told(postgres: Server) -> None:
    location = locate("postgresql://ann:s3cret@db.example.org/labels?project=cells&sslmode=require&passfile=/home/ann/p"
                      "&sslpassword=hidden")
    assert told(location) == "postgresql+psycopg://db.example.org/labels?project=cells&sslmode=require"


def test_a_copy_of_a_log_on_a_server_is_a_whole_log(places: dict[str, Callable[[], Location]], tmp_path: Path) -> None:
    with Log(places["server"]()) as log:
        fill(log)
        log.rewrite(None, lambda conn: None)
        (tmp_path / "copied").mkdir()
        transfer.snapshot(log, tmp_path / "copied/log.db")
        with Log(tmp_path / "copied") as copied:
            assert copied.id == log.id
            assert rows(copied) == rows(log)
            assert rows(copied, ANNOTATION) == rows(log, ANNOTATION)
            assert copied.generation == 1
            assert move_of(copied.about()) == Move()
            assert not copied.rebuilt
            copied.append(decision(1))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_workbench_that_moved_says_where_the_project_is(tmp_path: Path) -> None:
    pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8))
    old = hw.Workbench(tmp_path / "a", pool, ["cat", "dog"], annotator="ada", progress=False)
    with old.move_to(tmp_path / "b"):
        for act in (lambda: old.decide("0", label="cat"), old.annotations):
            with pytest.raises(StoreError, match=re.escape(f"has moved to {tmp_path / 'b'}")):
                act()
