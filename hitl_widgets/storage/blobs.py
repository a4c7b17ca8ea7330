"""Files that a team shares on the server: models, and the ids of the pool that was last opened.

A project in a folder has these files there and doesn't need this module. For a project on a server, every machine has a
cache folder: `TeamFiles` fetches missing or damaged files from the server, and uploads new ones. A file's content is
checked against its hash whenever it is fetched, and once in every session.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, func, select
from sqlalchemy.dialects import postgresql

from ..errors import DiskFull, LogBusy, StoreError
from .files import POOL_GROUPS, POOL_IDS, make_folder, write_whole
from .schema import BigInteger, Integer, String, batches

_T = TypeVar("_T")

# Size of a part in bytes, which is sent in one statement.
PART = 4 * 2**20
# How long parts of an incomplete upload are kept, so that it can be resumed.
KEPT_FOR = "1 day"
POOL = (POOL_IDS, POOL_GROUPS)
MODELS = "models"
_NAME = re.compile(rf"({re.escape(POOL_IDS)}|{re.escape(POOL_GROUPS)}|{MODELS}/[0-9A-Za-z_-]{{1,100}}\.safetensors)\Z")

BLOBS = MetaData()

BLOB = Table(
    "blob", BLOBS,
    Column("name", String, primary_key=True),  # the file's path in the project's folder
    Column("size", BigInteger, nullable=False),
    Column("hash", String, nullable=False),  # SHA-256 of the content, in hexadecimal digits
)

# By the hash of the whole file: a name never has parts of two contents.
BLOB_PART = Table(
    "blob_part", BLOBS,
    Column("hash", String, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


class Blob(NamedTuple):
    """A file on the server: its name there, its size in bytes and the SHA-256 of its content."""

    name: str
    size: int
    hash: str


class SharedLog(Protocol):
    """Protocol of a log, as far as `TeamFiles` needs it: whether it lies on a server, and transactions there."""

    @property
    def server(self) -> object | None:
        """The server's location, or None for a folder."""

    def transact(self, act: Callable[[sa.Connection], _T]) -> _T:
        """Run an act in a transaction of its own, which waits for no writer of events."""


class TeamFiles:
    """The files that all people of a project need. Safe for threads and for processes.

    Parameters
    ----------
    log : Log
        The project's log.
    folder : Path
        The folder of the files on this machine: the project's own, or the cache folder for a project on a server.

    Attributes
    ----------
    on_server : bool
        Whether the project is on a server. Otherwise nothing is fetched or sent.
    """

    def __init__(self, log: SharedLog, folder: Path) -> None:
        self.folder, self.on_server = folder, log.server is not None
        self._log = log
        # Name -> time and size of the file when its content was found equal to the server's.
        self._checked: dict[str, tuple[int, int]] = {}

    # -- one file --------------------------------------------------------------------------------------------

    def here(self, path: Path) -> Path:
        """Fetch a file from the server if it is missing or damaged here; return its path.

        If the server doesn't have it either, there is no file at this path.

        Raises
        ------
        LogBusy, DiskFull
            If it is missing here, and the server can't be reached or there is no room for it.
        """
        if not self.on_server:
            return path
        name, stamp = self._name(path), _stamp(path)
        if stamp is not None and self._checked.get(name) == stamp:
            return path
        try:
            blob = self.find(name)
            if blob is not None and not _is(path, blob) and not self._fetch(blob, path):
                same = (BLOB.c.name == blob.name) & (BLOB.c.hash == blob.hash)
                self._log.transact(lambda conn: _remove(conn, same))  # so that it can be uploaded again
        except (LogBusy, DiskFull):
            if stamp is None:
                raise
            return path  # unchecked
        if blob is not None and (stamp := _stamp(path)) is not None:
            self._checked[name] = stamp
        return path

    def share(self, path: Path, *, replace: bool = False) -> None:
        """Upload a finished file to the server, unless it is there.

        Parameters
        ----------
        path : Path
            A path in the folder.
        replace : bool
            Whether to replace a file with the same name but other content. Models aren't replaced: their names identify
        their weights.

        Raises
        ------
        LogBusy, StoreError
            When the upload fails; parts that arrived are kept, so that it can be resumed.
        """
        if not self.on_server or not path.is_file():
            return
        name, stamp = self._name(path), _stamp(path)
        with path.open("rb") as file:
            blob = Blob(name, *_measured(file))
            former = self.find(name)
            if former is None or (replace and former != blob):
                file.seek(0)
                while not self._send(blob, file, replace=replace):  # somebody removed parts meanwhile
                    file.seek(0)
                former = self.find(name)  # another machine may have been quicker, with another content
        if stamp is not None and former == blob:
            self._checked[name] = stamp

    def share_models(self, names: Iterable[str]) -> None:
        """Upload the models among some files; names are relative to the folder."""
        for name in names:
            if name not in POOL and _NAME.match(name):
                self.share(self.folder / name)

    def remove(self, *paths: Path) -> None:
        """Remove files here and on the server, and parts of incomplete uploads there that are older than `KEPT_FOR`."""
        for path in paths:
            self._checked.pop(self._name(path), None)
            with suppress(OSError):  # open elsewhere, on a file system that doesn't remove open files
                path.unlink(missing_ok=True)
        if self.on_server and paths:
            names = list(map(self._name, paths))
            for batch in batches(names):
                self._log.transact(partial(_remove, which=BLOB.c.name.in_(batch)))

    def lost(self, path: Path) -> str:
        """Advice, in a sentence, on a file that is neither here nor on the server; "" for a project in a folder."""
        return f" The server doesn't have {path.name} either, or has it damaged. Whoever opens the project with a " \
               "cache folder that still has it gives it to the server again." if self.on_server else ""

    # -- the pool --------------------------------------------------------------------------------------------

    def fetch_pool(self) -> None:
        """Fetch the stored ids of the pool that was last opened on any machine."""
        for name in POOL:
            self._checked.pop(name, None)  # another machine may have opened another pool since
            self.here(self.folder / name)

    def share_pool(self) -> None:
        """Upload the stored ids of the pool that was opened here, for other machines."""
        for name in POOL:
            self.share(self.folder / name, replace=True)

    # -- all files -------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The names of all files that the team shares, on the server or in the folder, in order."""
        if self.on_server:
            return sorted(name for name in self._log.transact(
                lambda conn: conn.scalars(select(BLOB.c.name)).all()) if _NAME.match(name))
        found = [path.relative_to(self.folder).as_posix() for path in self.folder.glob(f"{MODELS}/*.safetensors")]
        return sorted(name for name in (*POOL, *found) if _NAME.match(name) and (self.folder / name).is_file())

    def fetch_all(self) -> list[str]:
        """Fetch every file that the server has; return the names of those that are damaged there."""
        names = self.names()
        return [name for name in names if not self.here(self.folder / name).is_file()]

    def fetch_missing_models(self) -> tuple[list[str], list[str]]:
        """Fetch the models that aren't here, and change nothing on the server.

        Returns
        -------
        fetched, damaged : list of str
            Names of the fetched models, and of those that are damaged on the server.
        """
        fetched, damaged = list[str](), list[str]()
        for name in self.names():
            path = self.folder / name
            if name not in POOL and not path.exists() and (blob := self.find(name)) is not None:
                (fetched if self._fetch(blob, path) else damaged).append(name)
        return fetched, damaged

    def find(self, name: str) -> Blob | None:
        """The file that the server has under a name, or None."""
        row = self._log.transact(lambda conn: conn.execute(select(BLOB).where(BLOB.c.name == name)).first())
        return None if row is None else Blob(*row)

    # -- inside ----------------------------------------------------------------------------------------------

    def _name(self, path: Path) -> str:
        name = path.relative_to(self.folder).as_posix()
        if not _NAME.match(name):
            raise ValueError(f"{name!r} isn't one of the files that are shared through the server")
        return name

    def _fetch(self, blob: Blob, path: Path) -> bool:
        """Download a file; False, with nothing written, if it is damaged on the server."""
        try:
            make_folder(path.parent)
            for _ in range(2):  # a second failure isn't the connection's fault
                with suppress(_Damaged), write_whole(path) as part:
                    with part.open("wb") as file:
                        file.writelines(self._parts(blob))
                    with part.open("rb") as file:
                        if _measured(file) == blob[1:]:
                            return True
                    raise _Damaged
        except StoreError:
            raise
        except OSError as error:
            raise DiskFull(f"{path} can't be written ({error.strerror or error}). Make room on the disk, or pass "
                           "cache= another folder; nothing is lost.") from error
        return False

    def _parts(self, blob: Blob) -> Iterator[bytes]:
        """The parts of a file, one in memory at a time, up to the file's size."""
        part = size = 0
        data = select(func.substr(BLOB_PART.c.data, 1, PART + 1)).where(BLOB_PART.c.hash == blob.hash)
        while (found := self._log.transact(lambda conn, part=part: conn.scalar(  # type: ignore[misc]
                data.where(BLOB_PART.c.part == part)))) is not None:
            part, size = part + 1, size + len(found)
            if len(found) > PART or size > blob.size:
                raise _Damaged
            yield bytes(found)

    def _send(self, blob: Blob, file: IO[bytes], *, replace: bool) -> bool:
        """Upload a file in parts, each committed, and then its name; False if parts were removed meanwhile."""
        def parts_there(conn: sa.Connection) -> set[int]:
            # Parts of an earlier attempt get the current time, so that nobody removes them.
            return set(conn.scalars(sa.update(BLOB_PART).where(BLOB_PART.c.hash == blob.hash).values(
                stored_at=func.now()).returning(BLOB_PART.c.part)))

        there, part = self._log.transact(parts_there), 0
        while data := file.read(PART):
            if part not in there:
                values = {"hash": blob.hash, "part": part, "data": data}
                self._log.transact(lambda conn, values=values: conn.execute(  # type: ignore[misc]
                    postgresql.insert(BLOB_PART).values(values).on_conflict_do_nothing()))
            part += 1

        def name(conn: sa.Connection) -> bool:
            if conn.scalar(select(func.count()).where(BLOB_PART.c.hash == blob.hash)) != part:
                return False
            insert = postgresql.insert(BLOB).values(blob._asdict())
            conn.execute(insert.on_conflict_do_update(index_elements=["name"], set_={
                "size": insert.excluded.size, "hash": insert.excluded.hash}) if replace else
                insert.on_conflict_do_nothing())
            if replace:
                _clear(conn)
            return True
        return self._log.transact(name)


class _Damaged(Exception):
    """Raised if a download doesn't have the size or hash that the server states."""


def _remove(conn: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Remove some files from the server."""
    hashes = list(conn.scalars(sa.delete(BLOB).where(which).returning(BLOB.c.hash)))
    conn.execute(sa.delete(BLOB_PART).where(BLOB_PART.c.hash.in_(hashes), BLOB_PART.c.hash.not_in(select(BLOB.c.hash))))
    _clear(conn)


def _clear(conn: sa.Connection) -> None:
    """Delete parts that belong neither to a file nor to a current upload."""
    conn.execute(sa.delete(BLOB_PART).where(
        BLOB_PART.c.hash.not_in(select(BLOB.c.hash)),
        BLOB_PART.c.stored_at < func.now() - sa.cast(KEPT_FOR, postgresql.INTERVAL)))


def _measured(file: IO[bytes]) -> tuple[int, str]:
    """The size of an open file and the SHA-256 of its content."""
    digest, size = hashlib.sha256(), 0
    while data := file.read(PART):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()


def _is(path: Path, blob: Blob) -> bool:
    """Whether a local file has the same content as on the server."""
    try:
        if path.stat().st_size != blob.size:
            return False
        with path.open("rb") as file:
            return _measured(file) == blob[1:]
    except OSError:
        return False


def _stamp(path: Path) -> tuple[int, int] | None:
    """Time and size of a file; None if it doesn't exist."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size
