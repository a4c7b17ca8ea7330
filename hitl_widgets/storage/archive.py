"""Archives: a whole project in one zip file.

`write` puts the log (a consistent copy) and the files beside it into an archive; `unpack` makes a project's folder of
one. The items themselves aren't in it: the log knows them by id and content hash.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ..errors import BadInput
from ..records import __version__
from .files import POOL_GROUPS, POOL_IDS, write_whole
from .log import Log

ABOUT = "hitl_widgets.json"
LOG = "log.db"
BESIDE = (POOL_IDS, POOL_GROUPS, "models", "predictions")


def write(folder: Path, log: Log, path: Path) -> Path:
    """Write a project into one zip file and return its path; an older file is replaced when all is done.

    Parameters
    ----------
    folder : Path
        The project's folder.
    log : Log
        Its log, open.
    path : Path
        The zip file, in a folder that exists.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"{path} can't be written; the path of a zip file, in a folder that is there, is expected.")
    copy = folder / f"{LOG}.archive"
    try:
        log.snapshot(copy)
        with write_whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(ABOUT, json.dumps({"project": log.id, "version": __version__}))
            archive.write(copy, LOG)
            for name in BESIDE:
                beside = folder / name
                for file in [beside] if beside.is_file() else sorted(p for p in beside.rglob("*") if p.is_file()):
                    archive.write(file, file.relative_to(folder).as_posix())
    finally:
        copy.unlink(missing_ok=True)
    return path


def unpack(path: Path, folder: Path) -> None:
    """Unpack an archive into a new or empty folder.

    Raises
    ------
    BadInput
        When the file isn't an archive of a project, names files outside the folder, or the folder isn't empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} isn't empty; choose a new folder for the archive.")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path} can't be read as an archive: {error}. A file that wb.archive(path) wrote is expected."
                       ) from error
    with archive:
        names = _checked_names(archive, path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            draft = Path(temporary, "project")
            try:
                for name in names:
                    target = draft / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.open(name) as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
            except (zipfile.BadZipFile, zlib.error) as error:
                raise BadInput(f"{path} is damaged: {error}. Nothing was unpacked; fetch the archive again.") from error
            if folder.exists():
                folder.rmdir()
            os.replace(draft, folder)


def _checked_names(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """The files of a project in an archive; BadInput where it lacks one, or holds something else."""
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    if ABOUT not in names or LOG not in names:
        raise BadInput(f"{path} is no archive of a project: it lacks {ABOUT} or {LOG}.")
    names = [name for name in names if name != ABOUT]
    for name in names:
        parts = PurePosixPath(name).parts
        if parts[0] not in (LOG, *BESIDE) or ".." in parts or "\\" in name or ":" in name:
            raise BadInput(f"{path} holds {name!r}, which is no part of a project; nothing was unpacked.")
    return names
