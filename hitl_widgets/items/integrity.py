"""Is the pool the one that the project is about, and is each item what people saw when they answered?

An answer belongs to what the person saw. Read `Contents.check` and `belongs` first.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import ImageError, ItemChanged, WrongPool
from .pool import Pool


class Contents:
    """What lies under the items of a pool, remembered for as long as the file's size and time stay.

    May be used from many threads: at worst an item is read twice.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[int, str] = {}

    def of(self, position: int) -> str | None:
        """What lies under an item now, as the log keeps it: its hash, and for a file its size and time; None where it
        can't be read."""
        try:
            stamp, kept = self._pool.stamp(position), self._known.get(position)
            if kept is None or (stamp is not None and not kept.endswith(" " + stamp)):
                kept = self._pool.content(position) + (f" {stamp}" if stamp else "")
                self._known[position] = kept
            return kept
        except ImageError:  # broken: what people say of it is kept all the same
            return None

    def check(self, known: Iterable[tuple[int, str | None, str]], *, budget_s: float | None) -> None:
        """Compare what was answered (position, content then, decision) with what the items hold now.

        What the budget leaves over is checked when it is used.

        Raises
        ------
        ItemChanged
            With the item, the decision and both contents.
        """
        end = None if budget_s is None else time.monotonic() + budget_s
        for position, then, decision_id in known:
            if position < 0:
                continue
            if end is not None and time.monotonic() > end:
                return
            digest, _, stamp = (then or "").partition(" ")
            if not digest:
                continue
            with suppress(ImageError):
                if stamp and self._pool.stamp(position) == stamp:
                    continue
            now = (self.of(position) or "").partition(" ")[0]
            if now and now != digest:  # a broken or missing file is no other content
                raise ItemChanged(
                    f"item {self._pool.ids[position]!r} was answered (decision {decision_id}) when its content was "
                    f"{digest}; now it is {now}. An answer belongs to what the person saw: give the new content an id "
                    "of its own, or put the old content back.")


def belongs(pool: Pool, folder: Path, notify: Callable[[str], None]) -> bool:
    """Compare today's ids with those that the folder remembers, which lie beside the log: True when some are the same,
    False when it remembers none.

    Raises
    ------
    WrongPool
        When none is the same.
    """
    kept = folder / "pool.ids"
    try:
        digest, former = zlib.decompress(kept.read_bytes()).split(b"\0", 1)
    except (OSError, zlib.error, ValueError):  # losing it costs this comparison only
        digest, former = b"", b""
    if digest.decode() == pool.digest:
        return True
    if former:
        ids = former.decode().split("\0")
        found = int((pool.positions(ids) >= 0).sum())
        if not found:
            raise WrongPool(f"{folder} is about {len(ids)} items such as {ids[0]!r}; none of them is in this pool of "
                            f"{len(pool)} such as {pool.ids[0]!r}. Open it with its own pool, or choose another folder "
                            "for this one.")
        if len(pool) > found or len(ids) > found:
            notify(f"{folder.name}: {len(pool) - found} new items joined the pool, {len(ids) - found} are absent.")
    draft = kept.with_suffix(".new")
    draft.write_bytes(zlib.compress(pool.digest.encode() + b"\0" + "\0".join(pool.ids).encode(), 1))
    draft.replace(kept)
    return bool(former)
