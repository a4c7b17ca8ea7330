"""Removing what was redacted from every place that a project keeps: its log, the copies beside it, its free pages.

`complete` does what the events of kind "redacted" say, and may be called again where it was interrupted. `with_names`
makes a copy of a log in which people have other names, for an archive.
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

# The name in the table "about" of the number of redactions that were removed from everywhere.
DONE = "redacted"
# What a project keeps in its folder: the log, and arrays, in which nobody is named.
_OWN = ("log.db", "log.db-journal", "copies", "models", "predictions", "maps", "training")


@dataclass(frozen=True)
class Completed:
    """What was removed.

    Attributes
    ----------
    log : Redacted
    copies : list of (Path, Redacted)
        Path of each copy of the log, and how much was changed in it.
    deleted : list of Path
        Copies that were damaged, so that nothing could be removed from them: they are gone.
    erased : bool
        Whether the database was written anew; False where the tables belong to another user of the server.
    """

    log: Redacted
    copies: list[tuple[Path, Redacted]]
    deleted: list[Path]
    erased: bool = True


def is_complete(log: Log) -> bool:
    """Whether all that was redacted was removed from everywhere."""
    return bool(log.read(lambda conn: _n_redactions(conn) <= _n_done(conn)))


def complete(log: Log) -> Completed:
    """Remove what was redacted from the log, its copies, and the pages that nothing is written in any more.

    Nothing is half done: where it is interrupted, the next call, or the next opening, does the rest.
    """
    in_log = log.rewrite(None, lambda conn: redact(conn, redactions_in(conn)))
    log.last_seq()  # `generation` is up to date then
    erased = log.erase()
    copies, deleted = dict[Path, Redacted](), list[Path]()
    while True:
        rows = log.read(lambda conn: [dict(row._mapping) for row in conn.execute(
            sa.select(EVENT).where(EVENT.c.kind == KIND).order_by(EVENT.c.seq))])
        if log.folder is not None:
            clear_leftovers(log.folder)  # before the copies are listed: one may become a copy in between
        for copy in log.copies():
            try:
                removed = _redact_copy(copy.path, rows)
                copies.setdefault(copy.path, removed)
            except LogDamaged:
                copy.path.unlink(missing_ok=True)
                deleted.append(copy.path)
            except FileNotFoundError:
                if copy.path.exists():  # else it made way for a newer copy meanwhile
                    raise
        # Where somebody else forgot meanwhile, a copy may have been put back without what they removed from it.
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
    """Remove what was redacted from a copy of the log, which knows the redactions afterwards."""
    with _opened(path) as log:
        known = log.known_ids([row["id"] for row in redactions])
        missing = [row for row in redactions if row["id"] not in known]

        def change(conn: sa.Connection) -> Redacted:
            last, tick = conn.execute(sa.select(sa.func.max(EVENT.c.seq), sa.func.max(EVENT.c.tick))).one()
            # One that came with another folder may have been made before the copy's last events.
            rows = [{**row, "seq": seq, "tick": max(row["tick"], tick)} for seq, row in enumerate(missing, last + 1)]
            if rows:
                add(conn, EVENT, [{**row, "checksum": checksum(row)} for row in rows])
            return redact(conn, redactions_in(conn))
        removed = log.rewrite(None, change)
        n = log.read(_n_redactions)
        log.write(lambda conn: _set_done(conn, n))
        log.erase()
        # Made in the working folder: what lies unfinished beside the copies is removed by whoever else forgets.
        made = log.snapshot(log.folder / "redacted.db")  # type: ignore[operator]
        os.replace(made, path)
        share_like_folder(path)
    return removed


@contextmanager
def _opened(path: Path) -> Iterator[Log]:
    """A SQLite log, opened in a temporary folder beside it, brought to today's schema; the file itself stays."""
    with working_folder(path.parent.parent if path.parent.name == "copies" else path.parent) as folder:
        shutil.copyfile(path, folder / "log.db")
        log = Log(folder, local=lambda folder: True)
        try:
            yield log
        finally:
            log.close()


def with_names(path: Path, called: Mapping[str, str]) -> str:
    """Replace a copy of a log by one in which people are called otherwise, for an archive: it is another project then.

    Its id is another one, so that it is never joined with the project that has the names; the key of pseudonyms, and
    the hashes by which forgotten people are known again, aren't in it.

    Parameters
    ----------
    path : Path
        A SQLite file.
    called : mapping
        Name -> what the person is called.

    Returns
    -------
    str
        The id of that other project.
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
    """The files in a project's folder, apart from its own, in which a name stands as a word.

    A name of one or two letters is looked for in no file: it would be in every one.
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
