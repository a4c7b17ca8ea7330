"""Removal of names and notes from everywhere in a project: its log, the log's copies, and free database pages.

An event of kind "redacted" in the log says what to remove. `complete` carries out such events, and may be called again
if it was interrupted. `with_names` replaces people's names in a copy of a log, for an archive.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import HitlError, LogDamaged
from ..records import new_id
from .checks import checksum
from .files import clear_leftovers, share_like_folder, working_folder
from .log import Log
from .migrations import reseal
from .redaction import KIND, SHORTEST_IN_TEXTS, Person, Redacted, redact, redactions_in, rename
from .schema import ABOUT, EVENT, add

# Key in the table "about": the number of redactions that were carried out everywhere.
DONE = "redacted"
# Entries of a project's folder that aren't searched for names: the log and its copies, and arrays without names.
_OWN = ("log.db", "log.db-journal", "copies", "models", "predictions", "maps", "training")


@dataclass(frozen=True)
class Completed:
    """Result of `complete`: what was removed, and from which files.

    Attributes
    ----------
    log : Redacted
    copies : list of (Path, Redacted)
        Path of each copy of the log, and how much was changed in it.
    deleted : list of Path
        Damaged copies that couldn't be redacted and were deleted.
    erased : bool
        Whether the database was rewritten; False if the tables belong to another user of the server.
    """

    log: Redacted
    copies: list[tuple[Path, Redacted]]
    deleted: list[Path]
    erased: bool = True


def is_complete(log: Log) -> bool:
    """Whether all redactions were carried out everywhere."""
    return bool(log.read(lambda conn: _n_redactions(conn) <= _n_done(conn)))


def complete(log: Log) -> Completed:
    """Remove redacted content from the log, its copies, and free database pages.

    If it is interrupted, the next call, or the next opening of the project, does the rest.
    """
    in_log = log.rewrite(None, lambda conn: redact(conn, redactions_in(conn)))
    log.last_seq()  # updates `generation`
    erased = log.erase()
    copies, deleted = dict[Path, Redacted](), list[Path]()
    while True:
        rows = log.read(lambda conn: [dict(row._mapping) for row in conn.execute(
            sa.select(EVENT).where(EVENT.c.kind == KIND).order_by(EVENT.c.seq))])
        if log.folder is not None:
            clear_leftovers(log.folder)  # before the copies are listed: an unfinished one may become a copy
        for copy in log.copies():
            try:
                removed = _redact_copy(copy.path, rows)
                copies.setdefault(copy.path, removed)
            except LogDamaged:
                copy.path.unlink(missing_ok=True)
                deleted.append(copy.path)
            except FileNotFoundError:
                if copy.path.exists():  # otherwise a newer copy has replaced it meanwhile
                    raise
        # If somebody else redacts at the same time, a copy may have been put back without their redactions.
        if log.read(_n_redactions) == len(rows):
            break
    log.write(lambda conn: _set_done(conn, len(rows)))
    return Completed(in_log, list(copies.items()), deleted, erased)


def _n_redactions(conn: sa.Connection) -> int:
    return int(conn.scalar(sa.select(sa.func.count()).where(EVENT.c.kind == KIND)) or 0)


def _n_done(conn: sa.Connection) -> int:
    return int(conn.scalar(sa.select(ABOUT.c.value).where(ABOUT.c.name == DONE)) or 0)


def _set_done(conn: sa.Connection, n: int) -> None:
    conn.execute(sa.delete(ABOUT).where(ABOUT.c.name == DONE))
    add(conn, ABOUT, [{"name": DONE, "value": str(n)}])
    reseal(conn)


def _redact_copy(path: Path, redactions: Sequence[Mapping[str, Any]]) -> Redacted:
    """Remove redacted content from a copy of the log, and store the redactions in it."""
    with _opened(path) as log:
        known = log.known_ids([row["id"] for row in redactions])
        missing = [row for row in redactions if row["id"] not in known]

        def change(conn: sa.Connection) -> Redacted:
            last, tick = conn.execute(sa.select(sa.func.max(EVENT.c.seq), sa.func.max(EVENT.c.tick))).one()
            # A redaction that came with another folder may be older than the copy's last events.
            rows = [{**row, "seq": seq, "tick": max(row["tick"], tick)} for seq, row in enumerate(missing, last + 1)]
            if rows:
                add(conn, EVENT, [{**row, "checksum": checksum(row)} for row in rows])
            return redact(conn, redactions_in(conn))
        removed = log.rewrite(None, change)
        n = log.read(_n_redactions)
        log.write(lambda conn: _set_done(conn, n))
        log.erase()
        # Made in the working folder, since others who redact remove unfinished files beside the copies.
        made = log.snapshot(log.folder / "redacted.db")  # type: ignore[operator]
        os.replace(made, path)
        share_like_folder(path)
    return removed


@contextmanager
def _opened(path: Path) -> Iterator[Log]:
    """A copy of a SQLite log, opened in a temporary folder beside it under today's schema; the file isn't changed."""
    with working_folder(path.parent.parent if path.parent.name == "copies" else path.parent) as folder:
        shutil.copyfile(path, folder / "log.db")
        log = Log(folder, local=lambda folder: True)
        try:
            yield log
        finally:
            log.close()


def with_names(path: Path, called: Mapping[str, str]) -> str:
    """Replace names in a copy of a log, for an archive, which becomes another project.

    It gets another id, so that it can't be joined with the project that has the names. The key of pseudonyms and the
    hashes by which forgotten people are recognised are removed.

    Parameters
    ----------
    path : Path
        A SQLite file.
    called : mapping
        Name -> new name.

    Returns
    -------
    str
        The id of the new project.
    """
    people = {name: Person(other, True) for name, other in called.items() if name != other}
    with _opened(path) as log:
        former, new = log.id, new_id()

        def change(conn: sa.Connection) -> None:
            holding = sa.select(EVENT.c.id).where(EVENT.c.id.contains(former, autoescape=True))
            ids = {id: id.replace(former, new) for id in conn.scalars(holding)}
            rename(conn, people, ids=ids)
            for row in conn.execute(sa.select(EVENT).where(EVENT.c.kind.in_((KIND, "created")))).all():
                body = json.loads(row.body)
                if row.kind == "created":
                    body |= {"key": secrets.token_hex(16)}
                else:
                    body = {name: value for name, value in body.items() if name not in ("hash", "salt")}
                changed = {**row._mapping, "body": json.dumps(body, sort_keys=True, separators=(",", ":"),
                                                              ensure_ascii=False)}
                conn.execute(sa.update(EVENT).where(EVENT.c.seq == row.seq).values(
                    body=changed["body"], checksum=checksum(changed)))
            conn.execute(sa.update(ABOUT).where(ABOUT.c.name == "id").values(value=new))
        log.rewrite(None, change)
        log.erase()
        os.replace(log.folder / "log.db", path)  # type: ignore[operator]
    return new


def found_in(folder: Path, name: str) -> list[Path]:
    """Other files in a project's folder that contain a name as a whole word.

    Names of one or two letters aren't searched for: they would be found in every file.
    """
    if len(name) < SHORTEST_IN_TEXTS:
        return []
    pattern = re.compile(rb"(?<!\w)" + re.escape(name.encode("utf-8", "surrogatepass")) + rb"(?!\w)")
    found = []
    for file in sorted(folder.rglob("*")):
        if file.parts[len(folder.parts)] in _OWN or not file.is_file():
            continue
        try:
            if pattern.search(file.read_bytes()) or name in file.name:
                found.append(file)
        except (OSError, HitlError):
            continue
    return found
