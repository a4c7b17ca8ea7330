"""Checks that the pool and its items are the same as when they were labelled.

An answer belongs to what the person saw. `Contents.check` compares the items' contents, `check_same_pool` their ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import ImageError, ItemChanged, WrongPool
from .pool import Pool


class Contents:
    """Content hashes of a pool's items, each kept as long as the size and time of its file stay the same.

    Threads may share it: at worst an item is read twice.

    Parameters
    ----------
    pool : Pool
        The items.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: dict[int, str] = {}

    def of(self, position: int) -> str | None:
        """An item's content now, as the log keeps it; None where it can't be read.

        It is a hash; for a file, a space, its size and its time follow.
        """
        try:
            stamp, kept = self._pool.stamp(position), self._known.get(position)
            if kept is None or (stamp is not None and not kept.endswith(" " + stamp)):
                kept = self._pool.content(position) + (f" {stamp}" if stamp else "")
                self._known[position] = kept
            return kept
        except ImageError:  # broken: what people say of it is kept all the same
            return None

    def check(self, known: Iterable[tuple[int, str | None, str]], *, budget_s: float | None) -> None:
        """Compare the contents that were answered with what the items hold now.

        Parameters
        ----------
        known : iterable of (int, str or None, str)
            Position, content at that time, and id of each decision; -1 for an item that isn't in the pool.
        budget_s : float or None
            Seconds, at most; what is left over is checked when it is used. None checks all.

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


def check_same_pool(pool: Pool, former_ids: Sequence[str], folder: Path, notify: Callable[[str], None]) -> None:
    """Compare a pool's ids with those that a project's folder was last opened with, and say what is different.

    Parameters
    ----------
    pool : Pool
        Today's items.
    former_ids : sequence of str
        The ids of then.
    folder : Path
        The project's folder, for messages.
    notify : callable
        Called with a sentence when items joined the pool or are absent.

    Raises
    ------
    WrongPool
        When no id is the same.
    """
    n_same = int((pool.positions(former_ids) >= 0).sum())
    if not n_same:
        raise WrongPool(f"{folder} is about {len(former_ids)} items such as {former_ids[0]!r}; none of them is in this "
                        f"pool of {len(pool)} such as {pool.ids[0]!r}. Open it with its own pool, or choose another "
                        "folder for this one.")
    if len(pool) > n_same or len(former_ids) > n_same:
        notify(f"{folder.name}: {len(pool) - n_same} new items joined the pool, {len(former_ids) - n_same} are absent.")
