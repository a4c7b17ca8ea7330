"""A bounded cache of files on disk, for threads and processes that share a folder. Read `FileCache`.

A file is stored as a whole or not at all. When the cache is full, the least recently used files are removed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import uuid4

from ..errors import BadInput

# Fraction of the limit to which a full cache is reduced, so that it isn't scanned for every file.
_DOWN_TO = 0.9
# Fraction of the limit after which the folder is scanned for other processes' files.
_LOOK = 0.05
# Seconds without changes after which an unfinished file is left over from a process that ended.
_LEFT_S = 3600.0
_OURS = re.compile(r"[0-9a-f]{32}\.(?:file|[0-9a-f]+\.part)\Z")


class _Kept(NamedTuple):
    used_ns: int
    path: str
    size: int


class FileCache:
    """Files under keys, readable only by their owner.

    Parameters
    ----------
    folder : path, optional
        The folder of a persistent cache; if it doesn't exist, it is made, private to its owner. None for a temporary
        folder, which is removed when the cache is garbage-collected or the process ends.
    limit : int
        Maximum size in bytes of all files together. The last file is kept, whatever its size.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, limit: int) -> None:
        self.limit, self._lock, self._size, self._put = limit, threading.Lock(), -1, 0
        if folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="hitl-remote-"))
            weakref.finalize(self, _remove, self.folder, os.getpid())
        else:
            self.folder = Path(os.path.abspath(os.path.expanduser(folder)))
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise BadInput(f"cache={str(self.folder)!r} can't be used as a folder: {error.strerror or error}. "
                               "Choose one that you may write to, or leave cache out for a temporary one.") from error

    def has(self, key: str) -> bool:
        """Whether there is a file under a key."""
        with suppress(OSError):
            return stat.S_ISREG(os.lstat(self._path(key)).st_mode)
        return False

    def open(self, key: str) -> BinaryIO | None:
        """The file under a key, open for reading; None if there is none."""
        path = self._path(key)
        try:
            file = open(path, "rb", opener=_open)  # noqa: SIM115 - for the caller to close
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # a symbolic link, which only another person can have made
                return None
            raise
        with suppress(OSError):
            os.utime(path)
        return file

    def put(self, key: str, write: Callable[[Path], None]) -> None:
        """Store a file: `write` gets a path and writes the file there; nothing is stored if it raises."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.folder / f"{key}.{uuid4().hex}.part"
        try:
            # Private to its owner, even in a folder that others may read.
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            write(part)
            size = part.stat().st_size
            os.replace(part, self._path(key))
        finally:
            with suppress(OSError):
                part.unlink()
        with self._lock:
            self._put += size
            if self._size < 0 or self._size + self._put > self.limit or self._put > _LOOK * self.limit:
                self._shrink(self.limit, keep=key)

    def shrink(self) -> None:
        """Free half of the cache, for a full disk."""
        with self._lock:
            self._shrink(self.limit, keep="")  # says what is there
            self._shrink(self._size // 2, keep="")

    def _shrink(self, limit: int, *, keep: str) -> None:
        """Reduce the files to a size; files of other processes are counted, too."""
        kept, old = list[_Kept](), time.time() - _LEFT_S
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if not _OURS.match(entry.name):  # somebody else's file
                    continue
                with suppress(OSError):
                    about = entry.stat(follow_symlinks=False)
                    if entry.name.endswith(".file"):
                        kept.append(_Kept(about.st_mtime_ns, entry.path, about.st_size))
                    elif about.st_mtime < old:
                        os.unlink(entry.path)
        self._size, self._put = sum(one.size for one in kept), 0
        if self._size <= limit:
            return
        for one in sorted(kept):
            if self._size <= _DOWN_TO * limit:
                break
            if one.path != self._path(keep):
                with suppress(OSError):  # on Windows, a file that is being read
                    os.unlink(one.path)
                    self._size -= one.size

    def _path(self, key: str) -> str:
        return os.path.join(self.folder, f"{key}.file")


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # a fork shares the folder
        shutil.rmtree(folder, ignore_errors=True)
