"""A lock file on a project's folder, for file systems whose own locks aren't reliable.

On a local file system, SQLite's locks let many kernels work on one project. Locks of network file systems aren't always
reliable, so there `take` lets in one kernel at a time. `is_local` distinguishes the two.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..errors import LogBusy

LOCAL = frozenset({"apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfsplus", "jfs",
                   "msdos", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "vfat", "xfs", "zfs"})

_held: Counter[Path] = Counter()
_guard = threading.Lock()


def is_local(folder: Path) -> bool:
    r"""Whether the folder lies on a file system known to be local (`LOCAL`).

    Linux lists the type of every mount. Elsewhere (macOS, Windows), only paths such as ``\\server\share`` count as
    remote.
    """
    try:
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return not str(folder.resolve()).startswith("\\\\")
    return file_system(folder.resolve(), mounts) in LOCAL


def file_system(folder: Path, mounts: str) -> str:
    r"""The kind of file system that holds a folder, from the text of Linux's mountinfo.

    >>> file_system(Path("/home/ann/x"), "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / /home rw - nfs4 srv:/ rw\n")
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4]))
        # A later mount on the same point hides the earlier one.
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split()[0]
    return kind


def take(folder: Path) -> Callable[[], None]:
    """Lock a folder for this process; call the result to release it. Logs of one process share the lock.

    Raises
    ------
    LogBusy
        If a running process holds the lock, or a process on another machine, which can't be checked.
    """
    folder = folder.resolve()
    with _guard:
        if not _held[folder]:
            _create(folder / "log.lock")
        _held[folder] += 1

    def release() -> None:
        with _guard:
            _held[folder] -= 1
            if not _held[folder]:
                (folder / "log.lock").unlink(missing_ok=True)

    return release


def _create(path: Path) -> None:
    mine = {"host": socket.gethostname(), "pid": os.getpid(), "started": _started(os.getpid())}
    for _ in range(2):
        try:
            with path.open("x") as file:
                json.dump(mine, file)
            return
        except FileExistsError:
            try:
                holder = json.loads(path.read_text())
                if holder == mine:
                    return
                host, pid, gone = holder["host"], holder["pid"], _gone(holder)
            except (OSError, ValueError, KeyError, TypeError):
                host, pid, gone = "unknown", "unknown", False
            if gone:
                path.unlink(missing_ok=True)
                continue
            break
    raise LogBusy(f"the project {path.parent} is open in another kernel (machine {host}, process {pid}), and it lies "
                  "on a file system whose locks can't be relied on. Close that notebook's kernel first; if it is "
                  f"gone, delete {path}.")


def _gone(holder: dict[str, object]) -> bool:
    pid = holder["pid"]
    if holder["host"] != socket.gethostname() or os.name != "posix" or not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    # A new machine may have the former one's name, and a process with the former one's number.
    return holder["started"] != _started(pid)


def _started(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
