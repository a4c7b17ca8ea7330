"""Location of a project's log: a folder, or a PostgreSQL server. Read `locate`.

The URL of a project on a server is SQLAlchemy's, with the project's name in its query:
``postgresql+psycopg://user@host/database?project=cells``. Everything else in the query goes to the driver, such as
``sslmode=verify-full`` or ``passfile=/home/ann/.pgpass``. No password is ever shown.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..errors import BadInput
from ..records import ADDRESS, MEANT_AS_ADDRESS
from .files import make_folder, write_whole

DRIVER = "postgresql+psycopg"
# PostgreSQL's names have up to 63 bytes; a project's schema is named SCHEMA_PREFIX + the project's name.
SCHEMA_PREFIX = "hitl_"
_PROJECT = re.compile(r"[A-Za-z0-9_.-]{1,50}\Z")
# A misspelt URL of a server, which must not become a folder's name, since it may hold a password.
_MEANT_AS_URL = re.compile(r"\s*postgres(ql)?(\+\w+)?:|\s+[a-z0-9+.-]+://", re.IGNORECASE)
_PASSWORD_WITHIN = re.compile(r"passw(or)?d\s*=", re.IGNORECASE)
# Query keys whose values are never shown: misspelt ones, and secrets of libpq that SQLAlchemy doesn't hide.
_SECRET_NAME = re.compile(r"pass(?!file\Z)|pwd|secret|token|scram_.*_key", re.IGNORECASE)
# A file in a cache folder with the id of the project that it belongs to.
OWNER = "project.id"
EXPECTED = f"{DRIVER}://user@host/database?project=cells is expected: the user, the machine, the database, and the " \
           "name of the project in it"


@dataclass(frozen=True)
class FolderLocation:
    """A project's folder.

    Parameters
    ----------
    folder : Path
        The absolute path.
    """

    folder: Path

    @property
    def name(self) -> str:
        """What messages call the project."""
        return self.folder.name

    def __str__(self) -> str:
        return str(self.folder)


@dataclass(frozen=True, repr=False)
class ServerLocation:
    """A project on a PostgreSQL server.

    Parameters
    ----------
    url : sqlalchemy.URL
        URL of the database, without the project. A password is only in the part that SQLAlchemy hides, never in the
        query.
    project : str
        The project's name in the database.
    sslpassword : str or None
        Password of the client's private key.
    """

    url: sa.URL
    project: str
    sslpassword: str | None = None

    @property
    def name(self) -> str:
        """What messages call the project."""
        return self.project

    @property
    def schema(self) -> str:
        """The PostgreSQL schema with the project's tables."""
        return f"{SCHEMA_PREFIX}{self.project}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The passwords in the URL, which no message may hold."""
        return tuple(str(secret) for secret in (self.url.password, self.sslpassword) if secret)

    def hide(self, text: str) -> str:
        """Return a text without the URL's passwords."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def __str__(self) -> str:
        # The password is left out, not masked, so that the printed URL can be used.
        shown = sa.URL.create(self.url.drivername, self.url.username, None, self.url.host, self.url.port,
                              self.url.database, {**self.url.query, "project": self.project})
        return shown.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"ServerLocation({str(self)!r})"


Location = FolderLocation | ServerLocation


def locate(given: str | os.PathLike[str], cache: str | os.PathLike[str] | None = None) -> Location:
    """Turn the argument for a project's folder, a path or the URL of a server, into its location.

    Raises
    ------
    BadInput
        When it is neither, or the URL lacks the project or is for another kind of database; or when a `cache` is passed
        for a folder, or isn't the path of a folder itself.

    Examples
    --------
    >>> locate("postgresql://ann@db.example.org/labels?project=cells").schema
    'hitl_cells'
    """
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise BadInput(f"folder is {given!r}; the path of a folder for the project is expected, or the URL of a "
                       f"server: {DRIVER}://user@host/database?project=cells.")
    _check_cache(cache)
    text = os.fspath(given)
    if isinstance(given, os.PathLike) or not ADDRESS.match(text):
        if _MEANT_AS_URL.match(str(text)) or _PASSWORD_WITHIN.search(str(text)):
            raise BadInput(f"what was passed as the project's folder looks like a server's address, and isn't its URL "
                           f"as a string; {EXPECTED}.")
        if cache is not None:
            raise BadInput(f"cache={os.fspath(cache)!r} is for a project on a server, and {text!r} is a folder, which "
                           "keeps its own files. Leave cache out.")
        return FolderLocation(Path(given).absolute())  # a notebook may change its working directory
    return _server(text)


# 20 branches: a check for each part of a URL, in an order in which no message shows a password.
def _server(text: str) -> ServerLocation:
    scheme = text.partition("://")[0]
    if scheme not in ("postgres", "postgresql", DRIVER):  # the URL itself may hold a password
        raise BadInput(f"a URL that begins with {scheme}:// was passed as the project's folder; {EXPECTED}.")
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise BadInput(f"the URL of the server can't be read; {EXPECTED}. A sign such as @ or / in a part of it is "
                       "written as %40 or %2F.") from None
    if "@" in (url.host or "") or "@" in (url.database or ""):  # usually the rest of a password
        raise BadInput(f"the URL of the server has an @ too many; {EXPECTED}. A sign such as @ or / in a part of it is "
                       "written as %40 or %2F.")
    for name in url.query:
        if _SECRET_NAME.search(name) and name not in ("password", "sslpassword"):
            raise BadInput(f"the URL's {name!r} can't be used: it would be shown in messages. A password belongs into "
                           "a password file, any other secret into a service file (service=... in the URL).")
    shown = url.difference_update_query(["password", "sslpassword"]).set(password=None)
    if _PASSWORD_WITHIN.search(" ".join(map(str, (shown.username, shown.database, *shown.query.items())))):
        raise BadInput(f"the URL holds a password in another of its parts; {EXPECTED}, and then &name=value for "
                       "everything else.")
    project = url.query.get("project")
    if not isinstance(project, str) or not _PROJECT.match(project):
        raise BadInput(f"the URL's project is {project!r}; a name of 1 to 50 letters, digits or _ . - is expected: "
                       f"{EXPECTED}.")
    ports = url.query.get("port", ())
    if not all(port.isdecimal() for port in ([ports] if isinstance(ports, str) else ports)):
        raise BadInput(f"the URL's port is {ports!r}; a number is expected: {EXPECTED}.")
    if not url.database:
        raise BadInput(f"the URL names no database; {EXPECTED}.")
    # SQLAlchemy shows the query of a URL, but never its password.
    password, sslpassword = (url.query.get(name) for name in ("password", "sslpassword"))
    if not isinstance(password, str | None) or not isinstance(sslpassword, str | None):
        raise BadInput(f"the URL holds a password twice; {EXPECTED}.")
    if password is not None:
        url = url.set(password=password)
    return ServerLocation(url.set(drivername=DRIVER).difference_update_query(["project", "password", "sslpassword"]),
                          project, sslpassword)


def _check_cache(cache: str | os.PathLike[str] | None) -> None:
    """Raise BadInput if a cache isn't a folder's path; a URL, which may hold a password, isn't shown."""
    if cache is None:
        return
    if not isinstance(cache, (str, os.PathLike)):
        raise BadInput(f"cache is {cache!r:.80}; the path of a folder on this machine is expected.")
    text = str(os.fspath(cache))
    if MEANT_AS_ADDRESS.match(text) or _MEANT_AS_URL.match(text) or _PASSWORD_WITHIN.search(text):
        raise BadInput("what was passed as cache looks like the address of a server; the path of a folder on this "
                       "machine is expected. Leave cache out for one in the user's cache directory.")


def cache_folder(project: str, project_id: str, cache: str | os.PathLike[str] | None) -> Path:
    """Make the cache folder of a project on a server, for models, predictions and maps on this machine.

    Parameters
    ----------
    project : str
        The project's name.
    project_id : str
        The id of its log: another project's folder is refused.
    cache : str, path or None
        The folder; None for one in the user's cache directory.

    Raises
    ------
    BadInput
        When the folder belongs to another project, or holds other files, or `cache` is a URL.
    """
    _check_cache(cache)
    folder = _caches() / "hitl_widgets" / f"{project}-{project_id[:12]}" if cache is None else Path(cache).absolute()
    owner = folder / OWNER
    try:
        found = owner.read_text(encoding="utf-8").strip()
    except OSError:
        found = None
    if found is None and folder.is_dir() and any(folder.iterdir()):
        raise BadInput(f"cache={str(folder)!r} holds other files; name a new folder, or leave cache out for one in the "
                       "user's cache directory.")
    if found not in (None, project_id):
        raise BadInput(f"cache={str(folder)!r} belongs to another project ({found}); name a new folder for this one, "
                       "or leave cache out for one in the user's cache directory.")
    if found is None:
        try:
            make_folder(folder)
            with write_whole(owner) as part:
                part.write_text(f"{project_id}\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"the cache folder {folder} can't be made ({error.strerror}); pass cache= a folder that you "
                           "may write to.") from error
    return folder


def _caches() -> Path:
    """The user's directory for caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
