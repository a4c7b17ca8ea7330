"""Archives: a whole project in one zip file.

`write` puts a consistent copy of the log and the files beside it into an archive; `unpack` makes a project's folder
from an archive. The items themselves aren't in it: the log refers to them by id and content hash.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import BadInput
from ..records import __version__
from .blobs import TeamFiles
from .files import PACKING, POOL_GROUPS, POOL_IDS, working_folder, write_whole
from .forgetting import with_names
from .location import FolderLocation, Location, ServerLocation
from .log import Log
from .transfer import copy as copy_project
from .transfer import snapshot

ABOUT = "hitl_widgets.json"
LOG = "log.db"
BESIDE = (POOL_IDS, POOL_GROUPS, "models", "predictions")
# 8 GiB. A few megabytes can unpack to a thousand times as much.
MAX_BYTES = 8 * 2**30


def write(folder: Path, log: Log, path: Path, *, called: Mapping[str, str] | None = None) -> Path:
    """Write a project into one zip file and return its path; an older file is replaced at the end.

    Parameters
    ----------
    folder : Path
        The project's folder; for a project on a server its cache, into which the files of the team are fetched.
    log : Log
        Its log, open.
    path : Path
        The zip file, in a folder that exists.
    called : mapping or None
        Name -> the person's name in the archive, which then is another project: see `forgetting.with_names`. None keeps
        the log unchanged.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"{path} can't be written; the path of a zip file, in a folder that is there, is expected.")
    TeamFiles(log, folder).fetch_all()
    # A folder of this call alone: another archive may be written at the same time, with other names.
    with working_folder(folder, PACKING) as working:
        copy = snapshot(log, working / LOG)
        id = log.id if called is None else with_names(copy, called)
        with write_whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(ABOUT, json.dumps({"project": id, "version": __version__}))
            archive.write(copy, LOG)
            for name in BESIDE:
                beside = folder / name
                for file in [beside] if beside.is_file() else files_in(beside):
                    archive.write(file, file.relative_to(folder).as_posix())
    return path


def files_in(folder: Path) -> list[Path]:
    """The files in a folder, without links that lead out of it."""
    inside = folder.resolve()
    return sorted(file for file in folder.rglob("*") if file.is_file() and file.resolve().is_relative_to(inside))


def unpack_at(path: Path, location: Location, *, max_bytes: int = MAX_BYTES,
              cache: str | os.PathLike[str] | None = None) -> None:
    """Unpack an archive at a new place: into a folder, or onto a server.

    Parameters
    ----------
    path : Path
        The archive.
    location : Location
    max_bytes : int
        See `unpack`.
    cache : str, path or None
        For a project on a server, its cache folder on this machine.

    Raises
    ------
    BadInput
        As returned by `unpack`, and if there is a project at the location already.
    """
    if not isinstance(location, ServerLocation):
        unpack(path, location.folder, max_bytes=max_bytes)
        return
    with tempfile.TemporaryDirectory(prefix="hitl-") as temporary:
        folder = Path(temporary, "project")
        unpack(path, folder, max_bytes=max_bytes)
        with Log(FolderLocation(folder)) as log:
            copy_project(log, TeamFiles(log, folder), location, cache=cache)


def unpack(path: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Unpack an archive into a new or empty folder.

    Parameters
    ----------
    path : Path
        The archive.
    folder : Path
    max_bytes : int
        The largest size of all files together, unpacked.

    Raises
    ------
    BadInput
        When the file isn't an archive of a project, names files outside the folder, is larger than `max_bytes` when
        unpacked, or the folder isn't empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} isn't empty; choose a new folder for the archive.")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} can't be read as an archive: {error}. A file that wb.archive(path) wrote is expected."
                       ) from error
    with archive:
        names = _checked_names(archive, path)
        _check_size(sum(entry.file_size for entry in archive.infolist()), path, max_bytes)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            draft = Path(temporary, "project")
            try:
                for name in names:
                    target = draft / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(name) as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink)  # no more than the size that the archive says
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
                # RuntimeError: encrypted, or a method that zipfile doesn't know.
                raise BadInput(f"{path} can't be unpacked: {error}. Nothing was unpacked; make room, or fetch the "
                               "archive again.") from error
            if folder.exists():
                folder.rmdir()
            os.replace(draft, folder)


def _check_size(n_bytes: int, path: Path, max_bytes: int) -> None:
    if n_bytes > max_bytes:
        raise BadInput(f"{path} holds {n_bytes:,} bytes when unpacked, more than {max_bytes:,}; nothing was unpacked. "
                       f"If you trust it, allow that with max_bytes={n_bytes}.")


def _checked_names(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """The files of a project in an archive; BadInput where it lacks one, or holds something else."""
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    if ABOUT not in names or LOG not in names:
        raise BadInput(f"{path} is no archive of a project: it lacks {ABOUT} or {LOG}.")
    names = [name for name in names if name != ABOUT]
    for name in names:
        parts = PurePosixPath(name).parts
        is_file = parts[0] in (LOG, POOL_IDS, POOL_GROUPS)
        if parts[0] not in (LOG, *BESIDE) or is_file != (len(parts) == 1) or ".." in parts or "\\" in name \
                or ":" in name or "\0" in name:
            raise BadInput(f"{path} holds {name!r}, which is no part of a project; nothing was unpacked.")
    return names
