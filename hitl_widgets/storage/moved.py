"""The mark of a move in a log: the project has moved elsewhere, or a move to this location isn't finished.

It is a row of the table `about`. `transfer` sets it; the log checks `refusal` before it stores anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from ..errors import StoreError
from .location import Location, ServerLocation
from .migrations import reseal
from .schema import ABOUT, add

MOVE = "move"


class Move(NamedTuple):
    """The new location of a project, or the former one during a move; both None without a move.

    `by` is the id of the call that moves the project: of two simultaneous calls, only one continues.
    """

    to: str | None = None
    coming_from: str | None = None
    by: str | None = None

    @classmethod
    def of(cls, value: str | None) -> Move:
        """Read the value of the row of `about`, None without such a row."""
        try:
            said = json.loads(value or "{}")
            return cls(said.get("to"), said.get("from"), said.get("by"))
        except (ValueError, AttributeError):
            return cls()

    @property
    def row(self) -> dict[str, str]:
        """The row of `about`, as name -> value; empty without a move."""
        if self.to is None and self.coming_from is None:
            return {}
        return {MOVE: json.dumps({"to": self.to, "from": self.coming_from, "by": self.by})}

    def write(self, conn: sa.Connection) -> None:
        """Write the row, in the transaction of this connection."""
        conn.execute(sa.delete(ABOUT).where(ABOUT.c.name == MOVE))
        if row := self.row:
            add(conn, ABOUT, [{"name": MOVE, "value": row[MOVE]}])
        reseal(conn)


def move_of(about: Mapping[str, str]) -> Move:
    """Read the move from a log's table `about`."""
    return Move.of(about.get(MOVE))


def read_move(conn: sa.Connection) -> Move:
    """Read the move in a transaction."""
    return Move.of(conn.scalar(sa.select(ABOUT.c.value).where(ABOUT.c.name == MOVE)))


def refusal(value: str | None, place: str) -> StoreError | None:
    """The error that nothing can be stored in a log, by its row of `about`; None if storing is possible.

    Parameters
    ----------
    value : str or None
        The value of the row.
    place : str
        The project's name in messages.
    """
    move = Move.of(value)
    if move.coming_from is not None:
        return StoreError(f"{place} is being moved here from {move.coming_from} and isn't whole yet. Open it there and "
                          "call wb.move_to(...) again, which goes on where it was cut off.")
    if move.to is not None:
        return StoreError(f"{place} has moved to {move.to}; nothing was stored here. Open it there: "
                          f"hw.Workbench({move.to!r}, ...). What waits on a card is stored there.")
    return None


def told(location: Location) -> str:
    """A location that can be shown to everybody: a folder's path, or a URL without user, password and local files."""
    if not isinstance(location, ServerLocation):
        return str(location.folder)
    kept = {name: value for name, value in location.url.query.items() if name in ("host", "port", "sslmode")}
    return sa.URL.create(location.url.drivername, None, None, location.url.host, location.url.port,
                         location.url.database, {**kept, "project": location.project}).render_as_string()
