"""Imported predictions as a model of the project: a table with the probabilities of each item.

`net_of` stores such a table in an `ImportedNet`. This is a torch module, so that it is versioned, saved and adopted
like a trained net, but it has no trained weights. `ImportedPredictor` looks the probabilities up. Methods that need a
real net, such as embeddings or explanations, raise the error that `no_net` makes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..errors import ItemError, ModelError
from ..items.pool import Pool
from ..items.reading import is_remote
from .predict import NetPredictor
from .views import Images, View
from .weights import shapes_in, weights_version

# Names of the tensors in a file of imported probabilities.
TENSORS = frozenset(("items", "contents", "labels", "probs"))
REMEDY = "wb.finetune() trains one from the answers, and wb.adopt(net) takes one of yours."
# From an item's position to an identifier of its content, as `Project.content`; None where it is unknown.
Content = Callable[[int], str | None]


def no_net(what: str, estimator: str = "") -> ModelError:
    """Make the error for something that needs a net, when the adopted model is a table of probabilities.

    Parameters
    ----------
    what : str
        What can't be done: the end of a sentence that begins with "there is no net that could".
    estimator : str
        The class of the estimator whose probabilities were stored; "" where they were imported.
    """
    if estimator:
        return ModelError(f"these are the stored probabilities of a {estimator}, which itself is never stored: there "
                          f"is nothing that could {what}. Pass the {estimator} again, hw.Workbench(..., model=...); "
                          "wb.finetune() fits it anew.")
    return ModelError(f"these predictions were imported: there is no net that could {what}. {REMEDY}")


def refuse_without_net(predictor: NetPredictor) -> None:
    """Raise ModelError if a model is only a table of probabilities, which can't be explained.

    Parameters
    ----------
    predictor : NetPredictor
    """
    if isinstance(predictor, ImportedPredictor):
        raise no_net("be explained", predictor.estimator)


class ImportedNet(nn.Module):
    """Probabilities of items, stored as the buffers of a module, so that `weights_version` is a hash of them.

    Parameters
    ----------
    items : Tensor of int64, shape (n,)
        A checksum of each item's id, in ascending order.
    contents : Tensor of int64, shape (n,)
        A checksum of each item's content when it was predicted; 0 where it couldn't be read.
    labels : Tensor of int64, shape (n_labels,)
        A checksum of each label's id.
    probs : Tensor of float32, shape (n, n_labels)
        The probabilities.

    Attributes
    ----------
    estimator : str
        The class of the estimator that predicted them, which isn't stored; "" where they were imported.
    """

    items: Tensor
    contents: Tensor
    labels: Tensor
    probs: Tensor

    def __init__(self, items: Tensor, contents: Tensor, labels: Tensor, probs: Tensor) -> None:
        super().__init__()
        for name, tensor in (("items", items), ("contents", contents), ("labels", labels), ("probs", probs)):
            self.register_buffer(name, tensor)
        self.estimator = ""

    def __deepcopy__(self, memo: dict[int, Any]) -> ImportedNet:
        twin = ImportedNet(self.items, self.contents, self.labels, self.probs)  # shared: nothing changes them
        twin.estimator = self.estimator
        return twin

    def forward(self, *views: Any, **named: Any) -> Tensor:
        """Raise ModelError: probabilities are looked up by item id, and can't be computed from views."""
        raise no_net("predict another item", self.estimator)

    def rows(self, item_ids: Iterable[str]) -> np.ndarray:
        """The row of each of these items: int64, shape (n,); -1 for items without one."""
        return rows_of_items(self.items, item_ids)

    def extra_repr(self) -> str:
        """Number of items and of labels."""
        return "{} items, {} labels".format(*self.probs.shape)


def net_of(pool: Pool, positions: Sequence[int] | np.ndarray, probs: np.ndarray, label_ids: Sequence[str], *,
           content: Content) -> ImportedNet:
    """Make an `ImportedNet` from the probabilities of some items of a pool, for `Registry.install`.

    The same probabilities of the same items and labels give the same version. The order of the items doesn't matter.

    Parameters
    ----------
    pool : Pool
    positions : sequence of int, shape (n,)
        Positions of the items, each once.
    probs : ndarray, shape (n, n_labels)
        Valid probabilities, with rows that sum to 1 unless an item may have several labels. They are kept as float32.
    label_ids : sequence of str
        The label of each column.
    content : callable
        Position -> an identifier of the item's content; see `Project.content`. An item whose content changes later has
        no prediction any more.

    Returns
    -------
    ImportedNet
    """
    positions = np.asarray(positions, np.int64)
    items = checksums(str(item_id) for item_id in pool.ids[positions])
    order = np.argsort(items)
    contents = np.array([content_sum(content(int(position))) for position in positions[order]], np.int64)
    return ImportedNet(*map(torch.from_numpy, (items[order], contents, checksums(label_ids),
                                               np.ascontiguousarray(probs[order], np.float32))))


def checksums(texts: Iterable[str]) -> np.ndarray:
    """A checksum of each text: int64, shape (n,).

    Examples
    --------
    >>> checksums(["a", "b", "a"])[[0, 2]].tolist() == [checksums(["a"])[0]] * 2
    True
    """
    digests = b"".join(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, "<i8").astype(np.int64)


def rows_of_items(items: Tensor, item_ids: Iterable[str]) -> np.ndarray:
    """The row of each of these items: int64, shape (n,); -1 for those that aren't there.

    Parameters
    ----------
    items : Tensor of int64, shape (n_rows,)
        Checksums of ids, ascending.
    item_ids : iterable of str
    """
    wanted, known = checksums(map(str, item_ids)), items.numpy()
    if not len(known):
        return np.full(len(wanted), -1, np.int64)
    places = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[places] == wanted, places, -1)


def content_sum(content: str | None) -> int:
    """A checksum of `Project.content`, without a file's modification time; 0 where the item can't be read."""
    return 0 if content is None else int(checksums([content.partition(" ")[0]])[0])


def holds_imported_net(path: Path) -> bool:
    """Whether a file of weights is that of an `ImportedNet`; False for one that isn't there or can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    """
    with suppress(OSError, SafetensorError):
        return set(shapes_in(path)) == TENSORS
    return False


def unfilled_imported_net(path: Path) -> ImportedNet:
    """A net with the shapes in a file for which `holds_imported_net` is true, for `load_weights`."""
    shapes = shapes_in(path)
    return ImportedNet(*(torch.zeros(shapes[name], dtype=torch.float32 if name == "probs" else torch.int64)
                         for name in ("items", "contents", "labels", "probs")))


class ImportedPredictor(NetPredictor):
    """Predicts with an `ImportedNet` (`records.Predictor`), as a `NetPredictor` does with a net.

    An item that the table lacks, or whose content has changed since, has a row of NaN, and `unreadable` says why.

    Parameters
    ----------
    net : ImportedNet
    pool : Pool
        The items.
    label_ids : sequence of str
        The label of each column.
    content : callable
        See `net_of`.
    multilabel : bool
        Whether an item may have several labels.

    Raises
    ------
    ModelError
        When the net's columns aren't these labels.
    """

    # There is no torch net to inspect, so the parent's `__init__` isn't called.
    def __init__(self, net: ImportedNet, pool: Images, label_ids: Sequence[str], *, content: Content,
                 multilabel: bool = False) -> None:
        if not np.array_equal(net.labels.numpy(), checksums(label_ids)):
            raise ModelError(f"the {len(net.labels)} columns of the imported probabilities don't match the labels "
                             f"{', '.join(label_ids)[:200]}. Import the table again with wb.import_predictions(...).")
        self.version, self.net = weights_version(net), net
        self.pool, self.label_ids, self.multilabel = pool, tuple(label_ids), multilabel
        self.batch_size, self.device = 64, torch.device("cpu")
        self.lock = threading.RLock()
        self.unreadable: dict[int, str] = {}
        self.preprocess, self.head, self._probabilities = None, None, False
        self._table, self._content = net, content
        self._rows = net.rows(str(item_id) for item_id in pool.ids)

    @property
    def estimator(self) -> str:
        """The class of the estimator that gave the probabilities; "" where they were imported."""
        return self._table.estimator

    @property
    def recipe(self) -> str:
        """A hash of what predictions depend on besides the table: the items' files, or their content in memory."""
        digest, pool = blake2b(b"imported", digest_size=8), self.pool
        for position in range(0 if is_remote(pool) else len(pool)):
            stamp = None
            if isinstance(pool, Pool):
                with suppress(ItemError):  # a file that is gone
                    stamp = pool.stamp(position)
            digest.update(f"{stamp or self._content(position)}\n".encode())
        return digest.hexdigest()

    def predict(self, positions: Sequence[int]) -> np.ndarray:
        """The imported probabilities of the items at some positions; never raises.

        Returns
        -------
        ndarray of float32, shape (len(positions), n_labels)
            A row of NaN for an item that has none, or whose content has changed; `unreadable` then says why.
        """
        places = np.asarray(positions, np.int64).reshape(-1)
        rows = self._rows[places]
        probs = np.full((len(rows), len(self.label_ids)), np.nan, np.float32)
        contents = self._table.contents.numpy()
        for number, (position, row) in enumerate(zip(places.tolist(), rows.tolist(), strict=True)):
            if why := self._why_not(position, 0 if row < 0 else int(contents[row]), is_there=row >= 0):
                self.unreadable[position] = f"item {str(self.pool.ids[position])!r} {why}."
                rows[number] = -1
        probs[rows >= 0] = self._table.probs.numpy()[rows[rows >= 0]]
        return probs

    def _why_not(self, position: int, content: int, *, is_there: bool) -> str:
        """Why an item has no prediction, as the end of a sentence that begins with its id; "" if it has one."""
        if not is_there:
            return f"wasn't predicted by the {self._table.estimator}, which isn't stored: pass it again, " \
                   "hw.Workbench(..., model=...)" if self._table.estimator else "has no row in the imported table"
        if not content or (now := content_sum(self._content(position))) == content:
            return ""
        if not now and is_remote(self.pool):  # nothing is fetched to compare it
            return ""
        return "isn't the one that was predicted: its content has changed since the predictions were imported" \
            if now else "can't be read"

    def predict_and_embed(self, positions: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Predict; the embeddings have no columns."""
        return self.predict(positions), np.zeros((len(positions), 0), np.float32)

    def embed(self, positions: Sequence[int]) -> np.ndarray:
        """Raise ModelError: there is no layer whose input could be an item's embedding."""
        raise no_net("give embeddings", self._table.estimator)

    def on(self, pool: Images) -> NetPredictor:
        """Raise ModelError: other items have no predictions."""
        raise no_net("predict other items", self._table.estimator)

    def copy_of_net(self) -> nn.Module:
        """The `ImportedNet`."""
        return self._table

    def view(self, position: int) -> tuple[View, tuple[int, int]]:
        """Raise ModelError: there is no net that reads items."""
        raise no_net("look at an item", self._table.estimator)

    def logits(self, views: Any) -> Tensor:
        """Raise ModelError: there is no net that reads items."""
        raise no_net("look at an item", self._table.estimator)
