"""Where the tests of the store put their projects: in folders, and on a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres_server import Server

from hitl_widgets.storage.location import ServerLocation, locate

DATABASES = ("sqlite", "postgres")
# A test with this mark runs twice, too; others that open their project at the fixture `where` run with a folder alone.
on_both = pytest.mark.parametrize("where", DATABASES, indirect=True)


class Place:
    """Names of projects become places: `place("p")` is the same one each time.

    A place is what `Log` takes; its text, ``str(place("p"))``, is what `Project`, `Workbench` and another process take.
    """

    def __init__(self, folder: Path, server: Server | None) -> None:
        self.folder, self.server = folder, server
        self._places: dict[str, Path | ServerLocation] = {}

    def __call__(self, name: str = "p") -> Path | ServerLocation:
        """The place of a project."""
        if name not in self._places:
            if self.server is None:
                self._places[name] = self.folder / name
            else:
                found = locate(self.server.new_project_url())
                assert isinstance(found, ServerLocation)
                self._places[name] = found
        return self._places[name]

    @property
    def is_server(self) -> bool:
        """Whether the projects lie on a server."""
        return self.server is not None
