"""Checks that the pool and its items are the same as when they were labelled.

An answer belongs to what the person saw. `Contents.differing` compares the items' contents, `check_same_pool` their
ids, and `renamed_items` finds files by their contents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import ItemError, WrongPool
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
        """An item's content now, in the form that the log keeps; None if it can't be read.

        It is a hash; for a file, a space, its size and its time follow. For a remote file it is the hash of what was
        fetched last; nothing is fetched for it.
        """
        try:
            if self._pool.remote:  # the version that was shown, not the one on the server now
                return self._pool.content(position) if self._pool.is_known(position) else None
            stamp, kept = self._pool.stamp(position), self._known.get(position)
            if kept is None or (stamp is not None and not kept.endswith(" " + stamp)):
                kept = self._pool.content(position) + (f" {stamp}" if stamp else "")
                self._known[position] = kept
            return kept
        except ItemError:  # unreadable: answers to it are stored all the same
            return None

    def differing(self, known: Iterable[tuple[int, str | None]], *, budget_s: float | None) -> list[int]:
        """Compare the contents that were answered with what the items hold now.

        Parameters
        ----------
        known : iterable of (int, str or None)
            Position, and content at that time; -1 for an item that isn't in the pool.
        budget_s : float or None
            Seconds, at most; the rest isn't compared. None compares all; of a remote pool, only the files that were
            fetched.

        Returns
        -------
        list of int
            Places in `known` of the items whose content has changed. Unreadable items aren't among them.
        """
        end = None if budget_s is None else time.monotonic() + budget_s
        differing = []
        for row, (position, then) in enumerate(known):
            if end is not None and time.monotonic() > end:
                break
            digest, _, stamp = (then or "").partition(" ")
            if position < 0 or not digest:
                continue
            with suppress(ItemError):
                if stamp and self._pool.stamp(position) == stamp:
                    continue
            now = (self.of(position) or "").partition(" ")[0]
            if now and now != digest:  # a broken or missing file doesn't count as changed
                differing.append(row)
        return differing


def renamed_items(pool: Pool, former: Mapping[str, str | None], joined: Iterable[int]) -> dict[int, str]:
    """Find files that were renamed or moved, by their contents.

    Parameters
    ----------
    pool : Pool
        Today's items.
    former : mapping of str to str or None
        Id -> content, as `Contents.of` gave it, of items that aren't in the pool any more.
    joined : iterable of int
        Positions of the items among which they are looked for. Only files of the right size are read.

    Returns
    -------
    dict of int to str
        Position -> former id. Each former id is found once at most.
    """
    wanted: dict[str, dict[str, list[str]]] = {}
    for item_id, content in former.items():
        digest, _, stamp = (content or "").partition(" ")
        if stamp:
            wanted.setdefault(stamp.partition(":")[0], {}).setdefault(digest, []).append(item_id)
    renamed: dict[int, str] = {}
    for position in joined if wanted else ():
        with suppress(ItemError):
            of_size = wanted.get((pool.stamp(position) or "").partition(":")[0])
            if of_size and (ids := of_size.get(pool.content(position))):
                renamed[position] = ids.pop(0)
    return renamed


def shared_contents(contents: Iterable[tuple[int, str | None]], holdout: npt.NDArray[np.bool_]
                    ) -> list[tuple[int, int]]:
    """Find hold-out items with the same content as an item that may train.

    Parameters
    ----------
    contents : iterable of (int, str or None)
        Position and content of each item, as `Contents.of` gives it.
    holdout : ndarray of bool, shape (n_items,)

    Returns
    -------
    list of (int, int)
        Each such hold-out item, and the first of the others that is the same.
    """
    sides: tuple[dict[str, int], dict[str, int]] = {}, {}
    for position, content in contents:
        if content and position >= 0:
            sides[bool(holdout[position])].setdefault(content.partition(" ")[0], position)
    return sorted((sides[True][digest], sides[False][digest]) for digest in sides[True].keys() & sides[False].keys())


def alike_in_size(pool: Pool, *, budget_s: float) -> Iterator[int]:
    """Positions of files with the same size as another file, until the time budget is used up.

    Only these have to be read to find copies; items in memory are left out.
    """
    end, seen = time.monotonic() + budget_s, dict[str, int]()
    for position in range(len(pool)):
        if time.monotonic() > end:
            return
        with suppress(ItemError):
            if (stamp := pool.stamp(position)) is None:
                continue
            size = stamp.partition(":")[0]
            former = seen.setdefault(size, position)
            if former >= 0 and former != position:
                yield former
                seen[size] = -1
            if former != position:
                yield position


def check_same_pool(pool: Pool, former_ids: Sequence[str], folder: Path, notify: Callable[[str], None]) -> None:
    """Compare a pool's ids with those that a project's folder was last opened with, and say what is different.

    Parameters
    ----------
    pool : Pool
        Today's items.
    former_ids : sequence of str
        The ids of the pool that was last opened.
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
                        "folder for this one; where files were moved and changed, pass their former ids as ids=....")
    if len(pool) > n_same or len(former_ids) > n_same:
        notify(f"{folder.name}: {len(pool) - n_same} new items joined the pool, {len(former_ids) - n_same} are absent.")
