"""A model ready for use elsewhere: the net, its labels, and the preprocessing that it was made for.

`Workbench.model` returns a `Model`. Call it on images to get probabilities, or take `.net`, `.preprocess` and
`.labels` into code of your own.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from torch import nn

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..items.pool import Pool
from .predict import NetPredictor
from .preprocess import Preprocess, Probed

N_LABELS_SHOWN = 12


class Model:
    """A version of a project's model.

    Parameters
    ----------
    predictor : NetPredictor
        Has the net and its preprocessing; nobody else may use it.
    labels : sequence of str
        The names of the net's outputs, in their order.

    Attributes
    ----------
    version : str
        Its name, which follows from its weights.
    labels : list of str
        The label of each column, under the name that it had in the model's own taxonomy.
    label_ids : list of str
        Their ids, which stay the same when a label is renamed.
    device : torch.device
        Where calls are computed.

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

    def __init__(self, predictor: NetPredictor, labels: Sequence[str]) -> None:
        if len(labels) != len(predictor.label_ids):
            raise ShapeError(f"there are {len(labels)} names for {len(predictor.label_ids)} labels; one each is "
                             "expected.")
        self.version, self.device = predictor.version, predictor.device
        self.labels, self.label_ids = list(labels), list(predictor.label_ids)
        self._predictor, self._lock = predictor, threading.Lock()

    @property
    def preprocess(self) -> Preprocess | Probed:
        """From an image, a uint8 array (H, W) or (H, W, 3), to the net's view of it: float32, shape (C, h, w)."""
        return self._predictor.preprocess

    @property
    def net(self) -> nn.Module:
        """A copy of the net, on the CPU, in evaluation mode; it takes a batch of views, shape (n, C, h, w).

        It is made once: what you change in it stays changed, and doesn't affect calls of the model.
        """
        with self._lock:
            return self._net

    @cached_property
    def _net(self) -> nn.Module:
        return self._predictor.copy_of_net().cpu()

    def __call__(self, images: Any) -> np.ndarray:
        """The probability of each label for each image.

        Parameters
        ----------
        images : Pool, folder, paths, uint8 arrays, PIL images, or DataFrame
            As for `Pool.from_images`; of a DataFrame the column "path".

        Returns
        -------
        ndarray of float32, shape (n, n_labels)
            Rows sum to 1, in the order of the images; those of a folder are in the order of their paths. An image that
            can't be read gives a row of NaN, and a warning.

        Raises
        ------
        BadInput
            If `images` can't be images.
        ModelError
            If the net fails on one; the message names it.
        """
        predictor = self._predictor.on(images if isinstance(images, Pool) else _as_pool(images))
        probs = predictor.predict(range(len(predictor.pool)))
        if predictor.unreadable:
            warnings.warn(f"{len(predictor.unreadable)} of {len(probs)} images can't be read, and their rows are NaN; "
                          f"the first: {next(iter(predictor.unreadable.values()))}", stacklevel=2)
        return probs

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


def _as_pool(images: Any) -> Pool:
    """A pool of these images in their order; in a list, an image may come twice."""
    if isinstance(images, pd.DataFrame):
        if list(images.columns).count("path") != 1:
            raise BadInput(f"the DataFrame has the columns {list(images.columns)[:20]}; one named 'path', with paths, "
                           "arrays or PIL images, is expected. Or pass the column itself.")
        images = images["path"]
    if isinstance(images, Iterable) and not isinstance(images, (str, os.PathLike, Mapping, np.ndarray, Image.Image)):
        images = list(images)
    ids = map(str, range(len(images))) if isinstance(images, (list, np.ndarray)) else None
    return Pool.from_images(images, ids)
