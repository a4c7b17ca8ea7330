"""Files in a project's folder, each written whole or not at all.

Use `write_whole` for every file that must never be seen half written.
"""

from __future__ import annotations

import codecs
import os
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from ..errors import BadInput

POOL_IDS = "pool.ids"
POOL_GROUPS = "pool.groups"
# Bytes that `pool.ids` may unpack to.
POOL_IDS_LIMIT = 2**30
_AT_ONCE = 1 << 20


@contextmanager
def write_whole(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A new path to write to; its file takes the place of `path` at the end, if nothing was raised.

    Parameters
    ----------
    path : Path
        Where the file shall be. Its folder must exist.
    durable : bool
        Wait until the bytes are on the disk. False is quicker, for files that cost only time when they are lost.

    Yields
    ------
    Path
        A path in the same folder that no other process or thread uses. It is removed in the end, whatever happens.

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


def share_like_folder(path: Path) -> None:
    """Let those read and write a file or folder who may do so in the folder that holds it, and nobody else."""
    if os.name != "posix":
        return
    mode, of_folder = stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)
    wanted = of_folder & 0o2777 if path.is_dir() else of_folder & 0o666
    if mode != wanted:
        with suppress(OSError):  # somebody else's, or a file system without permissions
            path.chmod(wanted)


def make_folder(path: Path) -> None:
    """Make a folder, and those that hold it, where they aren't there; each is shared like the one that holds it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        share_like_folder(path)


def read_groups(folder: Path) -> np.ndarray | None:
    """A number for the group of each item of the pool last opened, in the order of its ids: uint32; None without."""
    try:
        return np.frombuffer((folder / POOL_GROUPS).read_bytes(), "<u4")
    except (OSError, ValueError):
        return None


def write_groups(folder: Path, sums: np.ndarray) -> None:
    """Keep what `read_groups` gives."""
    with write_whole(folder / POOL_GROUPS) as part:
        part.write_bytes(sums.astype("<u4").tobytes())


def read_pool_ids(folder: Path) -> tuple[str, bytes]:
    """The digest and the ids of the pool that was last opened with this folder; ``("", b"")`` where none are kept.

    The ids are in UTF-8, each followed by a NUL.
    """
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress((folder / POOL_IDS).read_bytes(), POOL_IDS_LIMIT)
        digest, _, ids = text.partition(b"\0")
        if unpacking.eof:
            reader, view = codecs.getincrementaldecoder("utf-8")(), memoryview(ids)
            for start in range(0, len(ids), _AT_ONCE):  # a damaged file is as good as none
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
    """Only the digest of what `read_pool_ids` reads, without unpacking a million ids; empty where none is kept."""
    try:
        with (folder / POOL_IDS).open("rb") as file:
            digest, end, _ = zlib.decompressobj().decompress(file.read(4096), 512).partition(b"\0")
        return digest.decode() if end else ""
    except (OSError, zlib.error, ValueError):
        return ""


def write_pool_ids(folder: Path, digest: str, ids: bytes | memoryview) -> None:
    """Keep a pool's digest and ids for `read_pool_ids`; only the digest where they exceed `POOL_IDS_LIMIT`.

    Parameters
    ----------
    folder : Path
    digest : str
    ids : bytes
        In UTF-8, with a NUL between two of them.
    """
    if len(ids) + len(digest) + 1 > POOL_IDS_LIMIT:
        ids = b""
    packing = zlib.compressobj(1)
    with write_whole(folder / POOL_IDS) as part, part.open("wb") as file:
        file.write(packing.compress(digest.encode() + b"\0"))
        for start in range(0, len(ids), _AT_ONCE):
            file.write(packing.compress(ids[start:start + _AT_ONCE]))
        file.write(packing.flush())
