"""Descriptors (feature vectors) of the items of a project's pool: computed once for each item, and kept on disk.

`PoolDescriptors.net` computes them. It is fitted without answers, to items that models may learn from.
`PoolDescriptors.of` returns the descriptors of some items, a row for each. The queue and the light models use the same
rows.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import ItemError, ModelError
from ..items.pool import Pool
from ..items.reading import is_remote, to_keep
from ..storage.arrays import Rows
from ..storage.files import in_turn, make_folder
from .descriptors import (
    AT_ONCE,
    N_FITTED,
    N_FOR_TONES,
    DescriptorNet,
    Descriptors,
    Form,
    fit_descriptors,
    fitting_form,
    fitting_side,
    holds_descriptors,
    resized,
    unfitted_descriptors,
)
from .one_thread import one_thread
from .views import Images, read_ahead, read_view
from .weights import load_weights, save_weights, weights_version

# Changed whenever the descriptors of the same items change.
FORM = "edges, pixels, patches and tones, 3"
FILE = "net.safetensors"
# Name of an empty lock file: of all kernels with the same pool, the one that holds it computes. Seconds others wait.
_TURN, _TURN_S = "describing", 120.0
# Number of items whose contents go into the folder's name.
_N_NAMED = 8
# Up to so many items, for which a card may be waiting, are computed without waiting for a turn.
_FEW = 16
# Number of items to fit to in a remote pool: more would fetch many files that nobody asked for.
_N_FITTED_REMOTE = 256
# Maximum number of values in the views at their own size to which tones are fitted: 40 MB.
MOST_OF_OWN_SIZE = 10_000_000
# Bytes that all rows may take on disk.
LIMIT = 2**33


class PoolDescriptors:
    """Descriptors of the items of a pool. Safe for many threads.

    Kernels with the same folder take turns, so that each item is described once, on one core, and the others read its
    row. In another user's project, only rows that this account wrote are read.

    Parameters
    ----------
    pool : Pool
        The items.
    folder : Path
        Folder of the descriptors.
    view : callable
        Returns the preprocessing, which maps an item to a net's view of it.
    measures : callable
        Returns a mask of the pool's measuring items (hold-out and gold): bool, shape (n_items,). Descriptors are
        fitted to the other items, if there are any.
    seed : int
        Seed of the draw of items to fit to.
    by_windows : bool
        Whether a long view is described by square windows, each by itself (`descriptors.fitting_form`): for pictures
        with several labels.
    """

    def __init__(self, pool: Pool, folder: Path, *, view: Callable[[], Any],
                 measures: Callable[[], np.ndarray], seed: int, by_windows: bool = False) -> None:
        self.pool, self.seed, self._by_windows = pool, seed, by_windows
        self._folder, self._view, self._measures = folder, view, measures
        self._lock, self._computing = threading.RLock(), threading.Lock()
        self._net: Descriptors | None = None
        self._rows: Rows | None = None
        self._version = ""

    @property
    def net(self) -> Descriptors:
        """The fitted net. It is read or fitted at the first access, which may need seconds.

        Raises
        ------
        ModelError
            When no item can be read.
        """
        with self._lock:
            if self._net is None:
                self._open()
            assert self._net is not None
            return self._net

    @property
    def version(self) -> str:
        """The `weights_version` of the net."""
        self.net  # noqa: B018 - a property that fits
        return self._version

    @property
    def ready(self) -> bool:
        """Whether the net is fitted or was read from disk, so that `stored` is quick."""
        return self._net is not None

    def of(self, positions: np.ndarray) -> np.ndarray:
        """Descriptors of some items; missing ones are computed now.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
            Positions of the items in the pool.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            NaN where an item can't be read.
        """
        net, positions = self.net, np.asarray(positions, np.int64)
        kept = self._rows
        assert kept is not None
        fresh: dict[int, np.ndarray] = {}
        missing = np.unique(kept.missing(positions))
        for start in range(0, len(missing), AT_ONCE):
            wanted = missing[start:start + AT_ONCE]
            are_there = partial(self._are_there, wanted)
            # Two threads wouldn't be faster, and would compute the same rows.
            with self._turn(until=are_there) if len(missing) > _FEW else nullcontext():
                some = kept.missing(wanted)
                with one_thread():
                    rows = self._compute(net, some)
                with suppress(OSError):  # a full disk, or a folder that may only be read: they are computed again
                    to_put = to_keep(self.pool, some, rows)
                    kept.put(some[to_put], rows[to_put])
            fresh.update(zip(some.tolist(), rows, strict=True))
        found = kept.get(positions) if kept.n_features else \
            np.full((len(positions), net.n_features), np.nan, np.float32)
        for row, position in enumerate(positions.tolist() if fresh else []):
            if position in fresh:
                found[row] = fresh[position]
        return found

    def by(self, net: Descriptors, positions: np.ndarray) -> np.ndarray:
        """Compute descriptors of some items by another net, such as an older one; see `of` for their form."""
        with one_thread():
            return self._compute(net, np.asarray(positions, np.int64))

    def holds(self, version: str) -> bool:
        """Whether the net has this version; False if no net was fitted yet (this call fits none).

        Parameters
        ----------
        version : str
            A `weights_version`.
        """
        # Not under the lock, which is held while the net is fitted.
        if self._net is None and (net := self._read(self._home() / FILE)) is not None:
            with self._lock:
                if self._net is None:
                    self._take(net)
        return self._version == version

    def keep(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Keep rows that were computed elsewhere, by the same net.

        Parameters
        ----------
        positions : ndarray of int, shape (n,)
        rows : ndarray of float32, shape (n, n_features)
        """
        self.net  # noqa: B018 - a property that opens the rows
        assert self._rows is not None
        kept = to_keep(self.pool, positions, rows)
        with suppress(OSError):  # a full disk: they are computed again
            self._rows.put(positions[kept], rows[kept])

    @property
    def rows(self) -> Rows:
        """The rows on disk."""
        self.net  # noqa: B018 - a property that opens them
        assert self._rows is not None
        return self._rows

    @property
    def view(self) -> Any:
        """The preprocessing, from an item to the net's view of it."""
        return self._view()

    def stored(self, positions: np.ndarray | None = None) -> np.ndarray | None:
        """Descriptors of some or all items, NaN where they aren't computed yet; None if there are none."""
        rows = self._rows
        return None if rows is None or not rows.n_features else rows.get(positions)

    def some(self, n: int) -> np.ndarray | None:
        """Up to n of the rows that are computed, spread over the pool; None if there are none."""
        rows = self._rows
        return None if rows is None or not rows.n_features else rows.some(n)

    def _open(self) -> None:
        path = self._home() / FILE
        net = self._read(path)
        if net is None:
            with suppress(OSError):
                make_folder(path.parent)
                (path.parent / _TURN).touch()
            with self._turn(until=path.exists):
                net = self._read(path)  # another kernel may have fitted it meanwhile
                if net is None:
                    with one_thread():
                        net = self._fit()
                    with suppress(OSError, SafetensorError):  # a full disk: the next session fits them again
                        save_weights(net, path)
        self._take(net)

    def _are_there(self, positions: np.ndarray) -> bool:
        return not len(self.rows.missing(positions))

    @contextmanager
    def _turn(self, *, until: Callable[[], bool]) -> Iterator[None]:
        """Keep other threads and kernels from describing many items meanwhile; stop waiting once `until` is true."""
        with self._computing, in_turn(self._home() / _TURN, most_s=_TURN_S, until=until):
            yield

    def _take(self, net: Descriptors) -> None:
        version = weights_version(net)
        self._rows = Rows(self._home(), n_items=len(self.pool), name=version, limit=LIMIT)
        self._net, self._version = net, version

    def _home(self) -> Path:
        text = f"{self._form()} {self.pool.digest} {self.seed} {self._contents}{self._whose()}"
        return self._folder / hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def _form(self) -> str:
        """What rows depend on besides the items."""
        return f"{FORM} {self._view()!r}{' by windows' if self._by_windows else ''}"

    @cached_property
    def _contents(self) -> str:
        """The contents of some items: a pool with the same ids may have other images."""
        contents = []
        n = 0 if self.pool.remote else _N_NAMED  # nothing is fetched for it
        for position in np.linspace(0, len(self.pool) - 1, n).astype(int).tolist():
            with suppress(ItemError):
                contents.append(self.pool.content(position))
        return " ".join(contents)

    def _whose(self) -> str:
        """The user's account, if the project's folder is another user's, so that rows aren't shared with them."""
        with suppress(OSError, AttributeError):  # no such folder yet; Windows
            if self._folder.parent.stat().st_uid != os.getuid():
                return f" {os.getuid()}"
        return ""

    def _fit(self) -> Descriptors:
        views, form, of_own_size = self._sample()
        return fit_descriptors(views, seed=self.seed, form=form, of_own_size=of_own_size)

    def _learnable(self) -> np.ndarray:
        """Positions of the items that may be learnt from, in random order."""
        order = np.random.default_rng(self.seed).permutation(np.flatnonzero(~self._measures()))
        # Where every item measures, nothing else is there to fit to.
        return order if len(order) else np.arange(len(self.pool))

    def _sample(self) -> tuple[list[Tensor], Form, list[Tensor]]:
        """Views of items that may be learnt from, drawn at random; their form; and some at their own size."""
        order = self._learnable()
        views: list[Tensor] = []
        of_own_size: list[Tensor] = []
        form = None
        for view in self._views(order[:_N_FITTED_REMOTE if is_remote(self.pool) else N_FITTED]):
            if view is not None and (not views or len(view) == len(views[0])):
                form = form or (fitting_form(view) if self._by_windows else Form(fitting_side(view)))
                if len(of_own_size) < N_FOR_TONES and sum(one.numel() for one in of_own_size) < MOST_OF_OWN_SIZE:
                    of_own_size.append(view)
                views.append(resized(view, form))  # at once: 4,000 views of 96 x 96 in colour would take 440 MB
        if form is None:
            raise ModelError("none of the pool's items can be read, so they have no descriptors.")
        return views, form, of_own_size

    def _views(self, positions: np.ndarray) -> Iterator[Tensor | None]:
        return _views(self.pool, self._view(), positions)

    def _compute(self, net: Descriptors, positions: np.ndarray) -> np.ndarray:
        assert isinstance(net, DescriptorNet)
        return image_rows(net, self.pool, self._view(), positions)

    def _read(self, path: Path) -> Descriptors | None:
        """The net in a file; None if it is missing or unreadable."""
        with suppress(OSError, SafetensorError, ModelError):
            if holds_descriptors(path):
                net = load_weights(unfitted_descriptors(path), path)
                assert isinstance(net, DescriptorNet)
                return net
        return None


def image_rows(net: DescriptorNet, pool: Images, view: Any, positions: np.ndarray) -> np.ndarray:
    """Descriptors of some images: float32, shape (n, n_features), NaN where one can't be read.

    Parameters
    ----------
    net : DescriptorNet
    pool : Images
        The items.
    view : callable
        The preprocessing, from an item to a net's view of it.
    positions : ndarray of int, shape (n,)
        Positions of the items in the pool.
    """
    rows = np.full((len(positions), net.n_features), np.nan, np.float32)
    readable = {row: view for row, view in enumerate(_views(pool, view, positions))
                if view is not None and len(view) == net.channels}
    if readable:
        with torch.no_grad():
            rows[list(readable)] = net.rows_of(list(readable.values())).numpy()
    return rows


def _views(pool: Images, view: Any, positions: np.ndarray) -> Iterator[Tensor | None]:
    for found in read_ahead(lambda position: read_view(pool, position, view)[0], positions.tolist(), pool=pool):
        yield found if isinstance(found, Tensor) else None
