"""A cache of attributions on disk, so that none is computed twice.

It is a folder of small files beside the log, which can be recomputed. `AttributionCache` reads and writes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import zlib
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..records import Attribution
from .files import make_folder, write_whole

LIMIT, MOST = 512 * 2**20, 20_000
# Age from which an unfinished file is left over from a killed process.
FORGOTTEN_S = 3600


class AttributionCache:
    """Attributions on disk, each under a key: a sequence of texts that begins with the model's version.

    A file that is damaged or can't be read counts as absent. Several processes may use one folder.

    Parameters
    ----------
    folder : Path
        Made when the first attribution is stored.
    limit : int
        Approximate maximum size in bytes, above which the oldest files are deleted.
    most : int
        Approximate maximum number of files, above which the oldest are deleted.
    """

    def __init__(self, folder: Path, *, limit: int = LIMIT, most: int = MOST) -> None:
        self.folder, self.limit, self.most = Path(folder), limit, most
        self._lock = threading.Lock()
        self._left: tuple[int, int] | None = None  # bytes and files to write until the next count

    def get(self, key: Sequence[str]) -> Attribution | None:
        """The attribution under a key; None if it is missing or can't be read."""
        try:
            head, _, raw = self._path(key).read_bytes().partition(b"\n")
            about = json.loads(head)
            if about.pop("key") != list(key) or about.pop("check") != zlib.crc32(raw):
                return None
            shape, n_tokens = about.pop("shape"), about.pop("tokens", None)
            end = len(raw) - 8 * (n_tokens or 0)
            values = np.frombuffer(raw[:end], "<f4").astype(np.float32, copy=False).reshape(shape)
            tokens = None if n_tokens is None else np.frombuffer(raw[end:], "<i4").astype(np.int32).reshape(-1, 2)
            return Attribution(values=values, tokens=tokens, **{**about, "box": tuple(about["box"])})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, key: Sequence[str], attribution: Attribution) -> None:
        """Store an attribution, as a whole or not at all."""
        raw = np.ascontiguousarray(attribution.values, "<f4").tobytes()
        tokens = attribution.tokens
        if tokens is not None:
            raw += np.ascontiguousarray(tokens, "<i4").tobytes()
        about = {"key": list(key), "check": zlib.crc32(raw), "shape": list(attribution.values.shape),
                 "item_id": attribution.item_id, "method": attribution.method, "target": attribution.target,
                 "against": attribution.against, "model": attribution.model,
                 "box": [float(side) for side in attribution.box], "signed": attribution.signed,
                 **({} if tokens is None else {"tokens": len(tokens)}),
                 **({} if attribution.delta is None else {"delta": float(attribution.delta)})}
        path = self._path(key)
        try:
            make_folder(path.parent)
            with write_whole(path, durable=False) as part:
                part.write_bytes(json.dumps(about).encode() + b"\n" + raw)
        except OSError:  # a full disk, a folder that can't be written: it will be computed again
            return
        self._count(len(raw) + 500)

    def _path(self, key: Sequence[str]) -> Path:
        return self.folder / key[0] / f"{blake2b(json.dumps(list(key)).encode(), digest_size=16).hexdigest()}.map"

    def _count(self, size: int) -> None:
        with self._lock:
            n_bytes, n_files = self._left or (0, 0)
            self._left = n_bytes - size, n_files - 1
            if min(self._left) < 0:
                self._tidy()

    def _tidy(self) -> None:
        """Count the files, and delete the oldest when there are too many."""
        files = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    stat = os.stat(path)
                    if name.endswith(".part") and time.time() - stat.st_mtime > FORGOTTEN_S:
                        os.unlink(path)
                    elif name.endswith(".map"):
                        files.append((stat.st_mtime_ns, stat.st_size, path))
        files.sort(reverse=True)
        n_bytes = n_files = 0
        full = sum(size for _, size, _ in files) > self.limit or len(files) > self.most
        for _, size, path in files:
            # Down to nine tenths, so that the next file doesn't need another round.
            if full and (n_bytes + size > 0.9 * self.limit or n_files + 1 > 0.9 * self.most):
                with contextlib.suppress(OSError):
                    os.unlink(path)
            else:
                n_bytes, n_files = n_bytes + size, n_files + 1
        # Other processes write here too, so the files are counted now and then even if there should be room.
        self._left = (min(self.limit - n_bytes, self.limit // 10), min(self.most - n_files, self.most // 10))
