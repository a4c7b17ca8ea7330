"""Files that a team shares through the server: they arrive whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from postgres_server import Server

from hitl_widgets.errors import LogBusy
from hitl_widgets.storage import blobs
from hitl_widgets.storage.blobs import BLOB, BLOB_PART, TeamFiles
from hitl_widgets.storage.location import locate
from hitl_widgets.storage.log import Log

NAME = "models/0123456789abcdef.safetensors"
CONTENT = bytes(range(256)) * 40


class Desk(TeamFiles):
    """One machine: a log of its own on the server, and a folder."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.log = Log(locate(url))
        super().__init__(self.log, folder)

    def write(self, content: bytes = CONTENT, name: str = NAME) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, name: str = NAME) -> bytes | None:
        path = self.here(self.folder / name)
        return path.read_bytes() if path.exists() else None

    def n_parts(self) -> int:
        return self.log.transact(lambda conn: int(conn.scalar(sa.select(sa.func.count()).select_from(BLOB_PART)) or 0))


@pytest.fixture
def desk(postgres: Server, tmp_path: Path) -> Iterator[Callable[[str], Desk]]:
    url, opened = postgres.new_project_url(), list[Desk]()

    def opening(name: str) -> Desk:
        opened.append(Desk(url, tmp_path / name))
        return opened[-1]
    yield opening
    for one in opened:
        one.log.close()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "PART", 1000)  # eleven parts


def test_what_one_machine_sends_another_fetches(desk: Callable[[str], Desk]) -> None:
    ada, ben = desk("ada"), desk("ben")
    ada.share(ada.write())
    assert ben.read() == CONTENT
    assert [path.name for path in ben.folder.rglob("*") if path.is_file()] == [Path(NAME).name]
    assert ben.names() == [NAME]


def test_what_nobody_has_is_not_there(desk: Callable[[str], Desk]) -> None:
    ben = desk("ben")
    assert ben.read() is None
    assert "The server doesn't have 0123456789abcdef.safetensors either" in ben.lost(ben.folder / NAME)


def test_an_empty_file_travels(desk: Callable[[str], Desk]) -> None:
    ada, ben = desk("ada"), desk("ben")
    ada.share(ada.write(b""))
    assert ben.read() == b""


@pytest.mark.parametrize("damaged", [CONTENT[:500], CONTENT[:-1] + b"x", b""])
def test_a_damaged_file_in_the_cache_is_fetched_again(desk: Callable[[str], Desk], damaged: bytes) -> None:
    ada, ben = desk("ada"), desk("ben")
    ada.share(ada.write())
    assert ben.read() == CONTENT
    ben.write(damaged)
    assert ben.read() == CONTENT


def test_a_deleted_cache_costs_nothing_but_time(desk: Callable[[str], Desk]) -> None:
    ada = desk("ada")
    path = ada.write()
    ada.share(path)
    path.unlink()
    assert ada.read() == CONTENT


def damage(conn: sa.Connection) -> None:
    conn.execute(sa.update(BLOB_PART).where(BLOB_PART.c.part == 3).values(data=b"x" * 1000))


def lose(conn: sa.Connection) -> None:
    conn.execute(sa.delete(BLOB_PART).where(BLOB_PART.c.part == 3))


def swell(conn: sa.Connection) -> None:
    conn.execute(sa.update(BLOB_PART).where(BLOB_PART.c.part == 3).values(data=b"x" * 100 * blobs.PART))


def add_parts(conn: sa.Connection) -> None:
    [hash] = conn.scalars(sa.select(BLOB_PART.c.hash).distinct())
    n = conn.scalar(sa.select(sa.func.count()).select_from(BLOB_PART))
    conn.execute(sa.insert(BLOB_PART), [{"hash": hash, "part": n + k, "data": b"x" * blobs.PART} for k in range(100)])


@pytest.mark.parametrize("harm", [damage, lose, swell, add_parts])
def test_a_file_that_is_damaged_on_the_server_is_never_used_and_comes_from_who_still_has_it(
        desk: Callable[[str], Desk], harm: Callable[[sa.Connection], None]) -> None:
    ada, ben = desk("ada"), desk("ben")
    path = ada.write()
    ada.share(path)
    ada.log.transact(harm)
    assert ben.read() is None
    assert not (ben.folder / NAME).exists()
    assert (ben.names(), ben.n_parts()) == ([], 0)
    assert ada.read() == CONTENT
    ada.share(path)  # as whoever opens the project with a model does
    assert ben.read() == CONTENT


@pytest.mark.parametrize("harm", [swell, add_parts])
def test_no_more_is_read_than_a_file_has(desk: Callable[[str], Desk], harm: Callable[[sa.Connection], None]) -> None:
    ada = desk("ada")
    ada.share(ada.write())
    ada.log.transact(harm)
    blob, read = ada.find(NAME), list[bytes]()
    assert blob is not None
    with pytest.raises(blobs._Damaged):
        read.extend(ada._parts(blob))
    assert len(b"".join(read)) <= blob.size


def test_sending_goes_on_where_it_was_cut_off(desk: Callable[[str], Desk], monkeypatch: pytest.MonkeyPatch) -> None:
    ada, ben = desk("ada"), desk("ben")
    path, transact, n_sent = ada.write(), ada.log.transact, 0

    def cut_off(act: Any, **more: Any) -> Any:
        nonlocal n_sent
        n_sent += 1
        if n_sent == 7:
            raise LogBusy("the connection was cut")
        return transact(act, **more)
    with monkeypatch.context() as patch:
        patch.setattr(ada.log, "transact", cut_off)
        with pytest.raises(LogBusy):
            ada.share(path)
    assert 0 < (n_before := ada.n_parts()) < 11
    assert ben.read() is None
    ada.share(path)
    assert (ada.n_parts(), ben.read()) == (11, CONTENT)
    assert n_before < 11


def test_parts_of_what_was_never_sent_whole_are_cleared_after_a_day(desk: Callable[[str], Desk]) -> None:
    ada = desk("ada")
    ada.share(ada.write())
    for hash, hours in (("old", 25), ("young", 23)):
        ada.log.transact(lambda conn, hash=hash, hours=hours: conn.execute(sa.insert(BLOB_PART).values(
            hash=hash, part=0, data=b"-", stored_at=sa.func.now() - timedelta(hours=hours))))
    assert ada.n_parts() == 13
    ada.remove(ada.folder / "models/gone.safetensors")
    assert ada.n_parts() == 12
    assert ada.read() == CONTENT


def test_a_removed_file_is_gone_here_and_on_the_server(desk: Callable[[str], Desk]) -> None:
    ada, ben = desk("ada"), desk("ben")
    ada.share(ada.write())
    ada.share(ada.write(name="models/other.safetensors"))  # of the same content
    ada.remove(ada.folder / NAME, ada.folder / "models/never-there.safetensors")
    assert ben.read() is None
    assert not (ada.folder / NAME).exists()
    assert ben.read("models/other.safetensors") == CONTENT
    ben.remove(ben.folder / "models/other.safetensors")
    assert ada.n_parts() == 0


def test_of_two_that_send_one_name_at_once_one_holds_for_everybody(desk: Callable[[str], Desk]) -> None:
    desks = [desk(name) for name in ("ada", "ben", "cleo")]
    contents = [bytes([number]) * 5_500 for number in range(3)]
    together = Barrier(3)

    def send(one: Desk, content: bytes) -> None:
        path = one.write(content)
        together.wait()
        one.share(path)
    threads = [Thread(target=send, args=pair) for pair in zip(desks, contents, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = {one.read() for one in desks}
    assert len(read) == 1
    assert read < set(contents)


def test_the_pool_that_was_opened_last_is_remembered_everywhere(desk: Callable[[str], Desk]) -> None:
    ada, ben = desk("ada"), desk("ben")
    ada.write(b"first", "pool.ids")
    ada.share_pool()
    ben.fetch_pool()
    assert (ben.folder / "pool.ids").read_bytes() == b"first"
    ben.write(b"second", "pool.ids")
    ben.write(b"groups", "pool.groups")
    ben.share_pool()
    ada.fetch_pool()
    assert [(ada.folder / name).read_bytes() for name in blobs.POOL] == [b"second", b"groups"]
    assert ada.n_parts() == 3  # the first content is cleared in a day, as it may be on its way to somebody


@pytest.mark.parametrize("name", ["models/../../etc/passwd", "models/x.pickle", "log.db", "models/a/b.safetensors"])
def test_no_other_file_is_sent_or_fetched(desk: Callable[[str], Desk], name: str) -> None:
    ada = desk("ada")
    with pytest.raises(ValueError, match="isn't one of the files that are shared"):
        ada.here(ada.folder / name)
    ada.log.transact(lambda conn: conn.execute(sa.insert(BLOB).values(name=name, size=0, hash="")))
    assert ada.fetch_all() == []


def test_what_is_here_is_used_while_the_server_is_away(tmp_path: Path) -> None:
    with Server() as server:
        ada = Desk(server.new_project_url(), tmp_path / "ada")
        path = ada.write()
        ada.share(path)
        path.write_bytes(CONTENT)
        os.utime(path, ns=(1, 1))  # another time than when it was checked
        server.stop()
        assert ada.read() == CONTENT
        path.unlink()
        with pytest.raises(LogBusy):
            ada.read()
        ada.log.close()


def test_a_project_in_a_folder_has_its_files_there(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        files = TeamFiles(log, tmp_path)
        path = tmp_path / NAME
        assert files.here(path) == path
        assert not files.lost(path)
        path.parent.mkdir()
        path.write_bytes(CONTENT)
        (tmp_path / "models/notes.txt").write_text("mine")
        files.share(path)
        files.fetch_pool()
        assert files.names() == [NAME]
        files.remove(path)
        assert files.names() == []
