"""Estimators as nets: the probabilities for a pool are stored, the estimator itself never is.

`tabled` makes an `EstimatorNet` with a table of the probabilities for a pool (an `imported.ImportedNet`), which is
saved as its weights; `EstimatorPredictor` predicts with it.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import HitlError, ModelError
from ..items.pool import Pool
from ..items.reading import is_remote
from ..records import Bars, no_bars
from .callables import AsLoaded, CallableNet, image_of
from .estimators import Estimator, Unusable
from .imported import Content, ImportedNet, ImportedPredictor, net_of
from .predict import N_TRIED, NetPredictor, sample_positions
from .preprocess import in_short
from .text_views import TextPreprocess, text_of
from .views import Images
from .weights import weights_version

# Size of a pool up to which all probabilities are computed and stored when an estimator is adopted; in a larger pool
# those of an item are computed when they are first needed.
MOST_STORED = 200_000
# Items in one call.
AT_ONCE = 2_000
# Items on which an estimator is compared with stored probabilities, and items in the fingerprint for a larger pool.
N_COMPARED, N_TOLD = 24, 1_000
# How far probabilities of the same estimator may differ.
ALIKE = 1e-4


class EstimatorNet(CallableNet):
    """An estimator as a net, with a table of its probabilities for the items of a pool if they are stored.

    Its weights are the table's: both have the same version, and the stored file can be read without the estimator.
    Without a table, the weights are a fingerprint of the estimator's outputs for some items.

    Parameters
    ----------
    estimator : Estimator
        Fitted, with its columns in order.
    table : ImportedNet, optional
        Its stored probabilities.
    fingerprint : str
        Distinguishes an estimator without a table from others.
    """

    def __init__(self, estimator: Estimator, table: ImportedNet | None = None, *, fingerprint: str = "") -> None:
        super().__init__(estimator.model, multilabel=estimator.multilabel, kind=estimator.features.pool.kind)
        self.estimator, self._told = estimator, fingerprint
        self._held = (table,)  # not a part of this net, whose weights are the table's
        self.lock = estimator.lock
        if table is not None:
            del self.fingerprint
            for name, tensor in table.named_buffers():
                self.register_buffer(name, tensor)
        else:
            digest = hashlib.blake2b(f"{estimator.name} {fingerprint}".encode(), digest_size=8).digest()
            self.fingerprint = torch.tensor(list(digest), dtype=torch.uint8)

    @property
    def table(self) -> ImportedNet | None:
        """Its probabilities for the pool, where these are stored."""
        return self._held[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> EstimatorNet:
        return EstimatorNet(self.estimator, self.table, fingerprint=self._told)  # both are never changed

    @property
    def name(self) -> str:
        """The class of the estimator."""
        return self.estimator.name

    @property
    def about(self) -> dict[str, Any]:
        """What the log records besides its version: `name`, and `features` where it reads descriptors."""
        features = self.estimator.features.version
        return {"name": self.name, **({"features": features} if features else {})}

    @property
    def classes(self) -> None:
        """None: its columns are already in the order of the labels."""
        return None

    def forward(self, views: Tensor) -> Tensor:
        """Logits of a batch of views: float32, shape (n, n_labels)."""
        read: Callable[[Tensor], Any] = text_of if self.kind == "text" else image_of
        return self.logits([read(view) for view in views]).to(views.device)

    def probs_of(self, items: Iterable[Any]) -> Tensor:
        """The probabilities of some texts or images: float32, shape (n, n_labels)."""
        items = list(items)
        try:
            values = self.estimator.features.of_items(items)
        except HitlError:
            raise
        except Exception as error:  # a person's preprocessing, which may raise anything
            raise ModelError(f"{len(items)} item(s) can't be read as {self.estimator.features.name}: "
                             f"{in_short(error)}.") from error
        return torch.from_numpy(self.estimator.call(values, len(items)))


class EstimatorPredictor(NetPredictor):
    """Predicts with an `EstimatorNet` (`records.Predictor`): from its table, other items with the estimator itself.

    Parameters
    ----------
    net : EstimatorNet
    pool : Pool
        The items.
    label_ids : sequence of str
        The label of each column.
    content : callable
        See `imported.ImportedPredictor`.
    """

    # There is no torch net to inspect, so the parent's `__init__` isn't called.
    def __init__(self, net: EstimatorNet, pool: Images, label_ids: Sequence[str], *, content: Content) -> None:
        self.version, self.net = weights_version(net), net
        self.pool, self.label_ids, self.multilabel = pool, tuple(label_ids), net.multilabel
        self.batch_size, self.device = 64, torch.device("cpu")
        self.lock = net.lock
        self.unreadable: dict[int, str] = {}
        self.preprocess = TextPreprocess() if net.kind == "text" else AsLoaded()
        self.head, self._probabilities, self._dtype = None, False, torch.float32
        self._net, self._own_pool = net, pool
        self._table = None if net.table is None else \
            ImportedPredictor(net.table, pool, label_ids, content=content, multilabel=net.multilabel)

    @cached_property
    def recipe(self) -> str:
        """A digest of everything on which predictions depend, except weights and items."""
        held = "" if self._table is None else self._table.recipe
        text = f"{self._net.name} {self.version} {held}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def predict(self, positions: Sequence[int]) -> np.ndarray:
        """Probabilities of the items at some positions; see `NetPredictor.predict`."""
        if self.pool is not self._own_pool:  # items of another pool, which aren't in the table or the features
            return self._each(positions, self.probs, len(self.label_ids))
        places = np.asarray(positions, np.int64).reshape(-1)
        if self._table is None:
            return predict_live(self._net.estimator, self.pool, places, n_labels=len(self.label_ids),
                                unreadable=self.unreadable)
        probs = self._table.predict(places.tolist())
        missing = np.flatnonzero(np.isnan(probs).any(axis=1))
        if len(missing):
            probs[missing] = predict_live(self._net.estimator, self.pool, places[missing],
                                          n_labels=len(self.label_ids), unreadable=self.unreadable,
                                          others_worked=len(missing) < len(places))
        return probs

    def predict_and_embed(self, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Predict; the embeddings have no columns."""
        return self.predict(positions), np.zeros((len(positions), 0), np.float32)

    def copy_of_net(self) -> nn.Module:
        """The net, which shares the estimator."""
        return copy.deepcopy(self._net)


def predict_live(estimator: Estimator, pool: Images, positions: np.ndarray, *, n_labels: int,
                 unreadable: dict[int, str], others_worked: bool = False, bars: Bars = no_bars,
                 title: str = "") -> np.ndarray:
    """Probabilities of some items of a pool by the estimator itself, in batches.

    Parameters
    ----------
    estimator : Estimator
    pool : Pool
        The pool of its `features`.
    positions : ndarray of int, shape (n,)
        Positions of the items.
    n_labels : int
    unreadable : dict of int to str
        Position -> why is added for each item that can't be predicted.
    others_worked : bool
        Whether the estimator is known to accept some of the pool's items.
    bars : Bars
        Shows how many are done.
    title : str

    Returns
    -------
    ndarray of float32, shape (n, n_labels)
        A row of NaN for an item that can't be read, or on which the estimator raises.

    Raises
    ------
    ModelError
        If the estimator raises on every item, or returns anything but a probability for each label.
    """
    probs = np.full((len(positions), n_labels), np.nan, np.float32)
    with bars(len(positions), title=title) as advance:
        for start in range(0, len(positions), AT_ONCE):
            some = positions[start:start + AT_ONCE]
            rows = estimator.features.of_pool(some)
            for row, why in rows.why.items():
                unreadable[int(some[row])] = why
            for row in np.flatnonzero(~rows.readable).tolist():
                unreadable.setdefault(int(some[row]), f"item {str(pool.ids[some[row]])!r} can't be read")
            readable = np.flatnonzero(rows.readable)
            probs[start + readable] = _halved(estimator, pool, rows.values, some[readable], n_labels, unreadable,
                                              others_worked=others_worked or bool(np.isfinite(probs).any()))
            advance(len(some))
    return probs


def _halved(estimator: Estimator, pool: Images, values: Any, positions: np.ndarray, n_labels: int,
            unreadable: dict[int, str], *, others_worked: bool) -> np.ndarray:
    """Probabilities by row; a batch that fails is halved, until it fits into memory or one item is left."""
    n = len(positions)
    if not n:
        return np.zeros((0, n_labels), np.float32)
    try:
        probs = estimator.call(values, n)
    except Unusable:
        raise
    except (ModelError, MemoryError) as error:
        others_worked = others_worked or _takes_any(estimator, pool)
        if n == 1 or not others_worked:
            failure = ModelError(f"item {str(pool.ids[positions[0]])!r}: {error}")
            if isinstance(error, MemoryError) or not others_worked:
                raise failure from error
            unreadable[int(positions[0])] = str(failure)
            return np.full((n, n_labels), np.nan, np.float32)
        middle = n // 2
        return np.concatenate([_halved(estimator, pool, values[part], positions[part], n_labels, unreadable,
                                       others_worked=True) for part in (slice(middle), slice(middle, None))])
    if probs.shape[1] != n_labels:
        raise ModelError(f"{estimator.name}.predict_proba gives {probs.shape[1]} columns, and there are {n_labels} "
                         "labels. Fit it to these labels, or give the project the labels of the model.")
    return probs


def _takes_any(estimator: Estimator, pool: Images) -> bool:
    """Whether the estimator accepts at least one of a few items spread over the pool."""
    rows = estimator.features.of_pool(np.unique(np.linspace(0, len(pool) - 1, min(N_TRIED, len(pool))).astype(int)))
    for row in range(int(rows.readable.sum())):
        with suppress(ModelError, MemoryError):
            estimator.call(rows.values[row:row + 1], 1)
            return True
    return False


def tabled(estimator: Estimator, pool: Pool, label_ids: Sequence[str], *, content: Content,
           bars: Bars = no_bars) -> EstimatorNet:
    """Make a net from an estimator, with its probabilities for all items of the pool unless the pool is too large.

    Parameters
    ----------
    estimator : Estimator
        Fitted, with its columns in the order of the labels.
    pool : Pool
        The items.
    label_ids : sequence of str
    content : callable
        See `imported.net_of`.
    bars : Bars
        Shows how many items are done.

    Raises
    ------
    ModelError
        See `predict_live`.
    """
    unreadable: dict[int, str] = {}
    if len(pool) > MOST_STORED or is_remote(pool):  # nobody asked for all of a remote pool
        some = np.sort(sample_positions(pool, n=N_TOLD // 4))
        probs = predict_live(estimator, pool, some, n_labels=len(label_ids), unreadable=unreadable)
        return EstimatorNet(estimator, fingerprint=f"{list(label_ids)} {probs.round(4).tolist()}")
    positions = np.arange(len(pool))
    probs = predict_live(estimator, pool, positions, n_labels=len(label_ids), unreadable=unreadable, bars=bars,
                         title=f"Predicting with {estimator.name}")
    known = np.flatnonzero(np.isfinite(probs).all(axis=1))
    return EstimatorNet(estimator, net_of(pool, known, probs[known], label_ids, content=content))


def is_of(table: ImportedNet, estimator: Estimator, pool: Pool, label_ids: Sequence[str], *,
          content: Content) -> bool:
    """Whether stored probabilities are those of an estimator, by a comparison on a few items.

    Parameters
    ----------
    table : ImportedNet
    estimator : Estimator
        Fitted, with its columns in the order of the labels.
    pool, label_ids, content
        See `tabled`.
    """
    held = ImportedPredictor(table, pool, label_ids, content=content, multilabel=estimator.multilabel)
    some = sample_positions(pool, n=N_COMPARED)
    stored = held.predict(some.tolist())
    known = np.isfinite(stored).all(axis=1)
    if not known.any():
        return False
    try:
        probs = predict_live(estimator, pool, some[known], n_labels=len(label_ids), unreadable={})
    except ModelError:
        return False
    return bool(np.allclose(probs, stored[known], atol=ALIKE))
