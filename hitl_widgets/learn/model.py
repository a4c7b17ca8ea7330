"""A model ready for use elsewhere: the net, its labels, and the preprocessing that it was made for.

`Workbench.model` returns a `Model`. Call it on images or texts to get probabilities, or take `.net`, `.preprocess` and
`.labels` into code of your own.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image
from torch import nn

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..items.pool import Pool
from .predict import NetPredictor, is_of_texts

if TYPE_CHECKING:
    from .model_card import Record
    from .values_model import ValuesModel

N_LABELS_SHOWN = 12


class Model:
    """A version of a project's model.

    Parameters
    ----------
    predictor : NetPredictor
        Has the net and its preprocessing; it must not be shared with other code.
    labels : sequence of str
        The names of the net's outputs, in their order.
    record : callable, optional
        Returns the model's record in the log (`model_card.Record`), for `save`.
    values : ValuesModel, optional
        The adopted heads for attributes.

    Attributes
    ----------
    version : str
        Its name, a hash of its weights.
    labels : list of str
        The label of each column, under the name that it had in the model's own taxonomy.
    label_ids : list of str
        Their ids, which stay the same when a label is renamed.
    device : torch.device
        Where calls are computed.
    values : ValuesModel or None
        The adopted heads for attributes, which are saved with the model; called on items, it returns their values.

    Examples
    --------
    >>> import tempfile, numpy as np, torch, hitl_widgets as hw
    >>> pool = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8))
    >>> net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> wb = hw.Workbench(tempfile.mkdtemp(), pool, ["cat", "dog"], model=net, preprocess=hw.Preprocess(8))
    >>> model = wb.model()
    >>> model.labels, model(np.zeros((5, 8, 8), np.uint8)).shape
    (['cat', 'dog'], (5, 2))
    >>> model.net(torch.stack([model.preprocess(np.zeros((8, 8), np.uint8))])).shape
    torch.Size([1, 2])
    """

    def __init__(self, predictor: NetPredictor, labels: Sequence[str], *,
                 record: Callable[[], Record] | None = None, values: ValuesModel | None = None) -> None:
        self.values = values
        if len(labels) != len(predictor.label_ids):
            raise ShapeError(f"there are {len(labels)} names for {len(predictor.label_ids)} labels; one each is "
                             "expected.")
        self.version, self.device = predictor.version, predictor.device
        self.labels, self.label_ids = list(labels), list(predictor.label_ids)
        self._predictor, self._record, self._lock = predictor, record, threading.Lock()

    @property
    def preprocess(self) -> Any:
        """The preprocessing, from an item to the net's view of it.

        An image is a uint8 array (H, W) or (H, W, 3), its view float32 of shape (C, h, w). The view of a text is a
        tensor, or a mapping of tensors.
        """
        return self._predictor.preprocess

    @property
    def net(self) -> nn.Module:
        """A copy of the net, on the CPU, in evaluation mode; it takes a batch of views, shape (n, C, h, w).

        A net of texts takes the output of `batch`; if that is a mapping, as keyword arguments.

        It is copied once: your changes to it are kept, and don't affect calls of the model.
        """
        with self._lock:
            return self._net

    @cached_property
    def _net(self) -> nn.Module:
        return self._predictor.copy_of_net().cpu()

    def batch(self, items: Sequence[Any]) -> Any:
        """The input of `net` for some items: a tensor, or for some nets of texts a mapping of tensors.

        Parameters
        ----------
        items : sequence of ndarray, or of str
            The inputs of `preprocess`.
        """
        return self._predictor.batch([self.preprocess(item) for item in items])

    def __call__(self, images: Any) -> np.ndarray:
        """The probability of each label for each image or text.

        Parameters
        ----------
        images : Pool, folder, paths, uint8 arrays, PIL images, or DataFrame; or a list of texts
            See `Pool.from_images` or `Pool.from_texts`; for a DataFrame the column "path", or "text".

        Returns
        -------
        ndarray of float32, shape (n, n_labels)
            Rows sum to 1, in the order of the items; those of a folder are in the order of their paths. An item that
            can't be read gives a row of NaN, and a warning.

        Raises
        ------
        BadInput
            If `images` can't be images, or texts.
        ModelError
            If the net fails on one; the message names it.
        """
        kind = "text" if is_of_texts(self._predictor.pool) else "image"
        pool = as_pool(images, kind, taken_by=f"the model {self.version} takes")
        predictor = self._predictor.on(pool)
        probs = predictor.predict(range(len(predictor.pool)))
        if predictor.unreadable:
            warnings.warn(f"{len(predictor.unreadable)} of {len(probs)} {kind}s can't be read, and their rows are NaN; "
                          f"the first: {next(iter(predictor.unreadable.values()))}", stacklevel=2)
        return probs

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Save the model in a folder that needs neither the project nor, for the workbench's own nets, this package.

        The folder has the weights (``model.safetensors``), labels, thresholds and preprocessing (``model.json``), a
        card with the figures that were measured, what it learnt from and what isn't known (``README.md``), and
        ``load.py``, which loads it with torch alone: ``python load.py a.png`` prints probabilities, and
        ``from load import load; model = load(folder); model(items)`` returns them. For a net of yours the script
        imports its class. Heads for attributes are saved too (``values.safetensors``); ``model.values(items)`` returns
        a dict of values for each item.

        Parameters
        ----------
        folder : str or path
            A new or empty one. It is written completely or not at all, and the same model gives the same bytes.
        overwrite : bool
            Whether a model that was saved there may be replaced.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        BadInput
            When the model is a function or an estimator, which can't be saved; or the folder isn't empty.
        StoreError
            When the folder can't be written.
        """
        from .model_card import Record
        from .saving import save_labeller
        record = Record() if self._record is None else self._record()
        return save_labeller(self._predictor, self.labels, folder, record, values=self.values,
                             overwrite=overwrite)

    def __repr__(self) -> str:
        return f"<Model {self.version}: {len(self.labels)} labels ({self._names()}), on {self.device}>"

    def _repr_html_(self) -> str:
        return html.page(f"Model {self.version}", html.table(["", ""], [
            ("labels", f"{len(self.labels)}: {self._names()}"), ("preprocessing", repr(self.preprocess)),
            ("net", f"{type(self._predictor.net).__name__}, {self._n_weights():,} weights"),
            ("device", str(self.device))]))

    def _names(self) -> str:
        more = len(self.labels) - N_LABELS_SHOWN
        return ", ".join(self.labels[:N_LABELS_SHOWN]) + (f" and {more} more" if more > 0 else "")

    def _n_weights(self) -> int:
        return sum(weight.numel() for weight in self._predictor.net.parameters())


def as_pool(images: Any, kind: str, *, taken_by: str) -> Pool:
    """Make a pool of images or texts, in their order; a pool is returned as it is. A list may have an item twice."""
    if isinstance(images, Pool):
        if images.kind != kind:
            raise BadInput(f"these are {images.kind}s; {taken_by} {kind}s.")
        return images
    name, what = ("text", "texts") if kind == "text" else ("path", "paths, arrays or PIL images")
    if isinstance(images, pd.DataFrame):
        if list(images.columns).count(name) != 1:
            raise BadInput(f"the DataFrame has the columns {list(images.columns)[:20]}; one named {name!r}, with "
                           f"{what}, is expected. Or pass the column itself.")
        images = images[name]
    if kind == "text":
        return Pool.from_texts(images)
    if isinstance(images, Iterable) and not isinstance(images, (str, os.PathLike, Mapping, np.ndarray, Image.Image)):
        images = list(images)
    ids = map(str, range(len(images))) if isinstance(images, (list, np.ndarray)) else None
    return Pool.from_images(images, ids)
