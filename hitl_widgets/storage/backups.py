"""Checked backup copies of a SQLite file, and the error that names the newest good one.

`snapshot` writes a checked copy; `damaged` is the error for a log that can't be read. This is for SQLite only: a
project on a server relies on the server's own backups.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from ..errors import BadInput, LogDamaged
from .checks import UNREADABLE, WITH_CHECKSUMS, Outdated, fault, is_derived_right, schema_of
from .files import make_folder, write_whole

KEPT = 10

_NAME = re.compile(r"[0-9A-Za-z_.-]{1,80}\Z")
_STAMP = "%Y%m%dT%H%M%S.%fZ"


class Copy(NamedTuple):
    """A copy of the log. `n_decisions` is None if the copy itself is damaged."""

    path: Path
    n_decisions: int | None
    made_at: datetime


def n_decisions(path: Path) -> int | None:
    """Number of decisions in a copy; None when it is damaged."""
    try:
        # immutable: the copy is read without leaving a lock or a journal beside it.
        with closing(sqlite3.connect(path.resolve().as_uri() + "?immutable=1", uri=True)) as connection:
            if fault(connection) is None:
                return int(connection.execute("SELECT count(*) FROM event WHERE kind = 'decided'").fetchone()[0])
    except (sqlite3.Error, *UNREADABLE):
        pass
    return None


def snapshot(source: sqlite3.Connection, path: Path, *, derived: bool = True) -> Path:
    """Write a consistent, checked copy of a database to `path`; if it fails, `path` is unchanged.

    Writers wait while the database is read, about 0.1 s for 100,000 decisions, but not while the copy is checked.

    Parameters
    ----------
    source : sqlite3.Connection
    path : Path
    derived : bool
        Whether indexes and annotations, which follow from the events, are checked too.

    Raises
    ------
    LogDamaged
        If the copy is damaged, since then the source is, too.
    Outdated
        If its events are intact, but indexes or annotations don't agree with them.
    OSError, sqlite3.Error
        If it can't be written.
    """
    with write_whole(path) as part, closing(sqlite3.connect(part)) as target:
        source.backup(target)
        if words := fault(target):
            raise LogDamaged(words)
        if derived and schema_of(target) >= WITH_CHECKSUMS and not is_derived_right(target):
            raise Outdated
    return path


def keep(source: sqlite3.Connection, folder: Path, name: str, *, made_at: datetime, derived: bool = True) -> Path:
    """Write a copy into the folder, with `snapshot`, and delete all copies but the newest `KEPT`."""
    if not _NAME.match(name):
        raise BadInput(f"copy name {name!r} can't be used: 1 to 80 letters, digits or _ . - are expected.")
    make_folder(folder)
    path = folder / f"{made_at.astimezone(timezone.utc):{_STAMP}}-{name}.db"
    try:
        snapshot(source, path, derived=derived)
    except FileNotFoundError:  # removed meanwhile, since something in it was redacted
        snapshot(source, path, derived=derived)
    for _, old in list(_stamped(folder))[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def listed(folder: Path) -> Iterator[Copy]:
    """The copies in a folder, newest first. Each is read in full as the iteration reaches it, to check it."""
    for made_at, path in _stamped(folder):
        yield Copy(path, n_decisions(path), made_at)


def _stamped(folder: Path) -> Iterator[tuple[datetime, Path]]:
    for path in sorted(folder.glob("*.db"), reverse=True):
        try:
            made_at = datetime.strptime(path.name.partition("-")[0], _STAMP).replace(tzinfo=timezone.utc)
        except ValueError:
            continue  # not a copy
        yield made_at, path


def damaged(log: Path, folder: Path, why: str) -> LogDamaged:
    """Make the error for a log that can't be read. Its message names the newest good copy, and how to restore it."""
    problem = f"the log {log} can't be read ({why}). It was left as it is. "
    good = next((copy for copy in listed(folder) if copy.n_decisions is not None), None)
    if good is None:
        return LogDamaged(problem + "There is no good copy beside it. Keep the file: the sqlite3 program's '.recover' "
                                 "may still get decisions out of it.")
    from_, to = shlex.quote(str(good.path)), shlex.quote(str(log))
    # The journal is removed first: otherwise SQLite would play it back into the copy.
    return LogDamaged(
        f"{problem}The newest good copy is {good.path}, made {good.made_at:%Y-%m-%d %H:%M} UTC, with "
        f"{good.n_decisions:,} decisions. To go on from it, close every notebook on this project and run: "
        f"mv {to} {to}.damaged; rm -f {to}-journal; cp {from_} {to}")
