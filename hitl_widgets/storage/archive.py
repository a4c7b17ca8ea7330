"""How does a whole project travel in one file?

A zip of the log (a consistent copy) and of the files beside it. The items themselves don't travel: the log knows
them by id and content hash.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from .. import __version__
from ..errors import BadInput
from ..project.project import Project

ABOUT = "hitl_widgets.json"
LOG = "log.db"
BESIDE = ("pool.ids", "models", "predictions")


def write(project: Project, path: Path) -> Path:
    """Write a project into one zip file and give back its path; an older file is replaced when all is done."""
    if path.is_dir() or not path.parent.is_dir():
        raise BadInput(f"{path} can't be written; the path of a zip file, in a folder that is there, is expected.")
    draft = path.with_name(path.name + ".new")
    log = project.folder / f"{LOG}.archive"
    try:
        project.log.snapshot(log)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(ABOUT, json.dumps({"project": project.id, "version": __version__}))
            archive.write(log, LOG)
            for name in BESIDE:
                beside = project.folder / name
                for file in [beside] if beside.is_file() else sorted(p for p in beside.rglob("*") if p.is_file()):
                    archive.write(file, file.relative_to(project.folder).as_posix())
        os.replace(draft, path)
    finally:
        log.unlink(missing_ok=True)
        draft.unlink(missing_ok=True)
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
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        if ABOUT not in names or LOG not in names:
            raise BadInput(f"{path} is no archive of a project: it lacks {ABOUT} or {LOG}.")
        for name in names:
            parts = PurePosixPath(name).parts
            if name != ABOUT and (parts[0] not in (LOG, *BESIDE) or ".." in parts or "\\" in name or ":" in name):
                raise BadInput(f"{path} holds {name!r}, which is no part of a project; nothing was unpacked.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as draft:
            try:
                for name in names:
                    if name != ABOUT:
                        target = Path(draft, "project", name)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        with archive.open(name) as source, target.open("wb") as sink:
                            shutil.copyfileobj(source, sink)
            except (zipfile.BadZipFile, zlib.error) as error:
                raise BadInput(f"{path} is damaged: {error}. Nothing was unpacked; fetch the archive again.") from error
            if folder.exists():
                folder.rmdir()
            os.replace(Path(draft, "project"), folder)
