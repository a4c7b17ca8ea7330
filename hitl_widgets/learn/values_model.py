"""Heads for attributes, ready for use elsewhere.

`Workbench.model` returns a `ValuesModel` in a project of values alone; where attributes are asked besides labels,
`Model.values` is one. Call it on images or texts.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from ..errors import HitlError
from .model import as_pool
from .values import predict_values
from .views import read_view

if TYPE_CHECKING:
    from .model_card import ValueRecord
    from .value_registry import ValueModel

COLUMNS = ["item_id", "attribute", "value", "low", "high"]


class ValuesModel:
    """A version of a project's heads for attributes.

    Parameters
    ----------
    model : ValueModel
        The heads, which are never changed.
    kind : "image" or "text"
        Kind of the items.
    preprocess : callable
        Maps an item to the view that the heads' descriptors read.
    record : callable, optional
        Returns the log's record of the heads, a `model_card.ValueRecord`, for `save`.

    Attributes
    ----------
    version : str
    attributes : list of str
        Names of the attributes in the heads' own taxonomy.
    """

    def __init__(self, model: ValueModel, *, kind: str, preprocess: Any,
                 record: Callable[[], ValueRecord] | None = None) -> None:
        self.model, self.preprocess, self.version = model, preprocess, model.version
        self.attributes = [attribute.name for attribute in model.attributes]
        self._kind, self._record = kind, record

    def __call__(self, items: Any) -> pd.DataFrame:
        """The value of each attribute for each image or text.

        Parameters
        ----------
        items : Pool, folder, paths, uint8 arrays, PIL images, or DataFrame; or a list of texts
            See `Pool.from_images` or `Pool.from_texts`.

        Returns
        -------
        DataFrame
            A row for each item that can be read and each attribute: item_id, attribute, value (on the scale, or one of
            the choices, as they were when the heads learnt), low and high, between which the value that a person gives
            lies with 90 % probability; None for choices. A warning reports items that can't be read.
        """
        pool = as_pool(items, self._kind, taken_by=f"the heads {self.version} take")
        rows: list[tuple[Any, ...]] = []
        failed: list[str] = []
        for position, item_id in enumerate(pool.ids):
            try:
                view = read_view(pool, position, self.preprocess)[0]
            except HitlError as error:
                failed.append(str(error))
                continue
            with torch.no_grad():
                of_item = self.model.descriptors.rows_of([view])
            for attribute, (_, head) in zip(self.model.attributes, self.model.heads.each(), strict=True):
                said = predict_values(head, attribute, of_item)
                rows.append((str(item_id), attribute.name, said.values[0], said.low[0], said.high[0]))
        if failed:
            warnings.warn(f"{len(failed)} of {len(pool)} {self._kind}s can't be read and have no rows; the first: "
                          f"{failed[0]}", stacklevel=2)
        return pd.DataFrame(rows, columns=COLUMNS)

    def record(self) -> ValueRecord:
        """The log's record of the heads."""
        from .model_card import ValueRecord
        return ValueRecord() if self._record is None else self._record()

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Save the heads in a folder of their own: see `Model.save`.

        The folder has the weights of descriptors and heads (``values.safetensors``), the attributes
        (``model.json``), the card (``README.md``) and ``load.py``: ``load(folder)(items)`` returns a dict of values for
        each item.

        Parameters
        ----------
        folder : str or path
            A new or empty folder.
        overwrite : bool
            Whether a model that was saved there may be replaced.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        BadInput
            When the folder isn't empty.
        StoreError
            When it can't be written.
        """
        from .saving import save_values
        return save_values(self, folder, overwrite=overwrite)

    def __repr__(self) -> str:
        return f"<ValuesModel {self.version}: {', '.join(self.attributes)}>"
