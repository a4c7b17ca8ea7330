"""Moving a project to a server or to a folder. Read `move_project`; `storage.transfer` copies the data."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..records import Bars
from ..storage import transfer
from ..storage.location import locate
from ..storage.moved import MOVE
from ..storage.roles import MOVING
from .project import Project


def move_project(project: Project, place: str | os.PathLike[str], *, cache: str | os.PathLike[str] | None,
                 close: Callable[[], None], bars: Bars) -> None:
    """Move a project with every event unchanged, close it at its old place, and notify of the result.

    Parameters
    ----------
    project : Project
    place : str or path
        A folder, or the URL of a server.
    cache : str, path or None
        The cache folder on this machine, if the place is a server.
    close : callable
        Closes the project and its widgets once it has moved.
    bars : Bars
        Progress bars.

    Raises
    ------
    BadInput, StoreError
        As `Workbench.move_to` does.
    """
    location = locate(place, cache)
    project.require_role(MOVING)
    moved = transfer.move(project.log, project.files, location, cache=cache, bars=bars)
    project.log.gone = project.log.about().get(MOVE)
    close()
    for name in moved.lost:
        project.notify(f"{name} was damaged and didn't move; train again, or adopt another version.")
    project.notify(f"{project.name} is at {moved.to} now: {moved.n_events:,} events, "
                   f"{moved.n_files:,} {'file' if moved.n_files == 1 else 'files'}.")
