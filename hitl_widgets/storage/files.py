"""Files in a project's folder: atomic writes, locks, permissions and the pool's ids.

Use `write_whole` for every file that must never be seen half written.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import socket
import stat
import tempfile
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..errors import BadInput

try:
    import fcntl
except ImportError:  # Windows, where a file that another process has mapped can't be truncated
    fcntl = None  # type: ignore[assignment]

POOL_IDS = "pool.ids"
POOL_GROUPS = "pool.groups"
# Maximum unpacked size of `pool.ids` in bytes.
POOL_IDS_LIMIT = 2**30
_AT_ONCE = 1 << 20
# Prefixes of the folders of `working_folder`; a process number and a machine name follow.
REDACTING, PACKING = ".redacting-", ".packing-"
_OF_PROCESS = re.compile(r"(?P<pid>\d+)@(?P<host>.*)-[^-]*\Z", re.DOTALL)
_KILLED_S = 3_600


@contextmanager
def write_whole(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """In a with block, a new path to write to; its file replaces `path` at the end, unless an error was raised.

    Parameters
    ----------
    path : Path
        The path of the final file. Its folder must exist.
    durable : bool
        Wait until the bytes are on the disk. False is quicker, for files that cost only time when they are lost.

    Yields
    ------
    Path
        A path in the same folder that no other process or thread uses. It is always removed at the end.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with write_whole(path) as part:
    ...     _ = part.write_text("all of it")
    >>> path.read_text()
    'all of it'
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield part
        share_like_folder(part)
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def in_turn(path: Path, *, most_s: float, until: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Context manager: lock a folder or file against other processes and threads.

    A killed process releases it. If the file system has no such lock, or somebody holds it for long, the block runs
    without the lock.

    Parameters
    ----------
    path : Path
        A folder or file, which isn't changed; if it doesn't exist, there is no lock.
    most_s : float
        Maximum number of seconds to wait.
    until : callable
        Whether waiting has become unnecessary, since another process has done the work.

    Raises
    ------
    RuntimeError
        If the interpreter ends meanwhile.
    """
    held = None
    if fcntl is not None:
        with suppress(OSError):  # no such folder, or no lock
            held = os.open(path, os.O_RDONLY)
            end, pause_s = time.monotonic() + most_s, 0.005
            while time.monotonic() < end and not until():
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not threading.main_thread().is_alive():
                        os.close(held)
                        raise RuntimeError("nobody waits at interpreter shutdown") from None
                    time.sleep(pause_s)
                    pause_s = min(2 * pause_s, 0.04)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


class InUse:
    """A mark that this process uses a file, as long as this object exists; see `is_free`.

    If the file system has no such lock, nothing is marked.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        if fcntl is not None:
            with suppress(OSError):
                held = os.open(path, os.O_RDONLY)
                weakref.finalize(self, os.close, held)
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)


def is_free(path: Path) -> bool:
    """Whether no process has a file `InUse`; True if that can't be determined."""
    if fcntl is not None:
        with suppress(OSError):
            held = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            finally:
                os.close(held)
    return True


@contextmanager
def working_folder(folder: Path, purpose: str = REDACTING) -> Iterator[Path]:
    """A new folder in a project's folder, for a copy of its log that is changed or packed; removed after the block.

    If the process is killed, `clear_leftovers` removes the folder later.

    Parameters
    ----------
    folder : Path
    purpose : str
        Prefix of its name: `REDACTING` or `PACKING`.
    """
    with tempfile.TemporaryDirectory(prefix=f"{purpose}{os.getpid()}@{socket.gethostname()}-", dir=folder) as made:
        yield Path(made)


def clear_leftovers(folder: Path) -> None:
    """Remove unfinished copies of the log that killed processes left in a project's folder.

    A copy that somebody is writing into ``copies/`` is removed, too, and has to be started again.
    """
    # log.db.archive is from an earlier version.
    for part in (*(folder / "copies").glob(".*.part*"), *folder.glob("log.db.archive*")):
        with suppress(OSError):  # on Windows, if somebody is writing it
            part.unlink(missing_ok=True)
    for made in (*folder.glob(f"{REDACTING}*"), *folder.glob(f"{PACKING}*")):
        with suppress(FileNotFoundError):
            if _is_ended(made.name) or time.time() - made.stat().st_mtime > _KILLED_S:
                shutil.rmtree(made, ignore_errors=True)


def _is_ended(name: str) -> bool:
    """Whether a working folder belongs to a process of this machine that has ended."""
    found = _OF_PROCESS.match(name.partition("-")[2])
    if found is None or found["host"] != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def share_like_folder(path: Path) -> None:
    """Give a file or folder the read and write permissions of its parent folder."""
    if os.name != "posix":
        return
    mode, of_folder = stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)
    wanted = of_folder & 0o2777 if path.is_dir() else of_folder & 0o666
    if mode != wanted:
        with suppress(OSError):  # somebody else's, or a file system without permissions
            path.chmod(wanted)


def make_folder(path: Path) -> None:
    """Make a folder and missing parents, each with the permissions of its own parent folder."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        share_like_folder(path)


def read_groups(folder: Path) -> np.ndarray | None:
    """The group number of each item of the pool last opened, in the order of its ids: uint32; None if not stored."""
    try:
        return np.frombuffer((folder / POOL_GROUPS).read_bytes(), "<u4")
    except (OSError, ValueError):
        return None


def write_groups(folder: Path, sums: np.ndarray) -> None:
    """Store the group numbers for `read_groups`."""
    with write_whole(folder / POOL_GROUPS) as part:
        part.write_bytes(sums.astype("<u4").tobytes())


def read_pool_ids(folder: Path) -> tuple[str, bytes]:
    """The digest and the ids of the pool that was last opened with this folder; ``("", b"")`` if not stored.

    The ids are in UTF-8, each followed by a NUL.
    """
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress((folder / POOL_IDS).read_bytes(), POOL_IDS_LIMIT)
        digest, _, ids = text.partition(b"\0")
        if unpacking.eof:
            reader, view = codecs.getincrementaldecoder("utf-8")(), memoryview(ids)
            for start in range(0, len(ids), _AT_ONCE):  # a damaged file counts as missing
                reader.decode(view[start:start + _AT_ONCE], final=start + _AT_ONCE >= len(ids))
            return digest.decode(), ids + b"\0" if ids else b""
    except (OSError, zlib.error, ValueError):
        return "", b""
    if unpacking.unconsumed_tail:
        raise BadInput(f"{folder / POOL_IDS} unpacks to more than {POOL_IDS_LIMIT:,} bytes, as no list of ids does "
                       "that this package wrote. Delete it: it only tells which items joined. The limit is "
                       "hitl_widgets.storage.files.POOL_IDS_LIMIT.")
    return "", b""


def read_pool_digest(folder: Path) -> str:
    """The digest of `read_pool_ids` alone, without unpacking a million ids; empty if not stored."""
    try:
        with (folder / POOL_IDS).open("rb") as file:
            digest, end, _ = zlib.decompressobj().decompress(file.read(4096), 512).partition(b"\0")
        return digest.decode() if end else ""
    except (OSError, zlib.error, ValueError):
        return ""


def write_pool_ids(folder: Path, digest: str, ids: bytes | memoryview) -> None:
    """Store a pool's digest and ids for `read_pool_ids`; only the digest if the ids exceed `POOL_IDS_LIMIT`.

    Parameters
    ----------
    folder : Path
    digest : str
    ids : bytes
        The ids in UTF-8, with a NUL between two of them.
    """
    if len(ids) + len(digest) + 1 > POOL_IDS_LIMIT:
        ids = b""
    packing = zlib.compressobj(1)
    with write_whole(folder / POOL_IDS) as part, part.open("wb") as file:
        file.write(packing.compress(digest.encode() + b"\0"))
        for start in range(0, len(ids), _AT_ONCE):
            file.write(packing.compress(ids[start:start + _AT_ONCE]))
        file.write(packing.flush())
