"""A model that finds objects, ready for use elsewhere: the detector, its labels and their thresholds.

`Workbench.model` returns a `DetectorModel` in a project that asks for objects or spans. Call it on images or texts.
"""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from ..drawing import html
from ..errors import ItemError, ShapeError
from ..quality.object_tables import SPAN_COLUMNS
from ..records import SHAPE_OF
from .model import as_pool
from .object_predictors import checked, predicted
from .span_predictors import checked_spans, predicted_spans

if TYPE_CHECKING:
    from .model_card import Record
    from .object_registry import ObjectModel

COLUMNS = ["item_id", "kind", "label", "x0", "y0", "x1", "y1", "points", "score"]


class DetectorModel:
    """A version of a project's model that finds objects.

    Parameters
    ----------
    model : ObjectModel
        The model with the detector; it is never changed.
    labels : sequence of str
        Names of the model's labels, in the order of `model.label_ids`.
    task : str
        The project's task: "boxes", "polygons", "points" or "spans".
    numbers : mapping of (int or str) to int
        The detector's own name or number of a label -> its index in `labels`.
    record : callable, optional
        Returns the model's record in the log (`model_card.Record`), for `save`.

    Attributes
    ----------
    version : str
    labels : list of str
        Names of the labels in the model's own taxonomy.
    label_ids : list of str
    thresholds : dict of str to float
        Name of a label -> the score from which its objects are proposed; 0.5 for a label that it lacks.
    """

    def __init__(self, model: ObjectModel, labels: Sequence[str], task: str, *, numbers: Mapping[int | str, int],
                 record: Callable[[], Record] | None = None) -> None:
        if len(labels) != len(model.label_ids):
            raise ShapeError(f"there are {len(labels)} names for {len(model.label_ids)} labels; one each is expected.")
        self.version, self.task, self.kind = model.version, task, SHAPE_OF[task]
        self.labels, self.label_ids = list(labels), list(model.label_ids)
        named = dict(zip(self.label_ids, self.labels, strict=True))
        self.thresholds = {named[label_id]: limit for label_id, limit in model.thresholds.items() if label_id in named}
        self._model, self._numbers, self._record = model, dict(numbers), record

    @property
    def net(self) -> nn.Module | None:
        """A copy of the net, on the CPU; None for a detector that isn't a net, but an object with `predict`."""
        return None if self._model.net is None else copy.deepcopy(self._model.net).cpu().eval()

    def __call__(self, items: Any) -> pd.DataFrame:
        """Find the objects in each image or text: a row for each object, by item, the highest score first.

        Parameters
        ----------
        items : Pool, folder, paths, uint8 arrays, PIL images, or DataFrame; or a list of texts
            Whatever `Pool.from_images` or `Pool.from_texts` accepts.

        Returns
        -------
        DataFrame
            item_id, kind, label, x0, y0, x1, y1, points, score; for spans, also start, end and quote. Every object with
            a score of .01 or more; `thresholds` says which are proposed. An item that can't be read has no rows, and a
            warning is issued.

        Raises
        ------
        BadInput
            If `items` can't be images, or texts.
        ModelError
            If the model fails on one.
        """
        kind = "text" if self.kind == "span" else "image"
        pool = as_pool(items, kind, taken_by=f"the model {self.version} takes")
        rows: list[tuple[Any, ...]] = []
        unreadable: list[str] = []
        for position, item_id in enumerate(pool.ids.tolist()):
            try:
                item = pool.load(position)
            except ItemError as error:
                unreadable.append(str(error))
                continue
            rows += [(item_id, *row) for row in self._rows(item)]
        if unreadable:
            warnings.warn(f"{len(unreadable)} of {len(pool)} {kind}s can't be read, and nothing is found in them; the "
                          f"first: {unreadable[0]}", stacklevel=2)
        columns = [*COLUMNS, *(SPAN_COLUMNS if self.kind == "span" else ())]
        dtypes: dict[str, Any] = {**dict.fromkeys(("x0", "y0", "x1", "y1", "score"), float), "start": "Int64",
                                  "end": "Int64"}
        return pd.DataFrame({name: pd.Series([row[place] for row in rows], dtype=dtypes.get(name, object))
                             for place, name in enumerate(columns)})

    def _rows(self, item: Any) -> list[tuple[Any, ...]]:
        from ..objects.shapes import bounds_of
        detector: Any = self._model.detector
        found = checked_spans(predicted_spans(detector, [item])[0], len(item))[0] if self.kind == "span" else \
            checked(predicted(detector, [item])[0], self.kind, (item.shape[1], item.shape[0]))[0]
        rows: list[tuple[Any, ...]] = []
        for one in found:
            if (number := self._numbers.get(one.label)) is None:
                continue
            points = tuple(zip(one.at[::2], one.at[1::2], strict=True)) if self.kind == "polygon" else None
            box = (None,) * 4 if self.kind == "span" else bounds_of(one.at, self.kind)
            span = (*map(int, one.at), item[slice(*map(int, one.at))]) if self.kind == "span" else ()
            rows.append((self.kind, self.labels[number], *box, points, one.score, *span))
        return rows

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Save the model in a folder of its own; see `Model.save`.

        Parameters
        ----------
        folder : str or path
            A new or empty one.
        overwrite : bool
            Whether a model that was saved there may be replaced.

        Raises
        ------
        BadInput
            When the detector is an object with `predict`, which can't be saved; or the folder isn't empty.
        StoreError
            When the folder can't be written.
        """
        from .model_card import Record
        from .saving import save_detector
        record = Record() if self._record is None else self._record()
        numbers = {name: self.label_ids[number] for name, number in self._numbers.items() if isinstance(name, int)}
        return save_detector(self._model, self.labels, self.task, folder, record, numbers=numbers, overwrite=overwrite)

    def __repr__(self) -> str:
        return f"<DetectorModel {self.version}: finds {self.task} of {len(self.labels)} labels " \
               f"({', '.join(self.labels[:12])})>"

    def _repr_html_(self) -> str:
        proposed = ", ".join(f"{name} {limit:.2f}" for name, limit in self.thresholds.items()) or "0.50"
        return html.page(f"Model {self.version}", html.table(["", ""], [
            ("finds", self.task), ("labels", f"{len(self.labels)}: {', '.join(self.labels[:12])}"),
            ("proposed from a score of", proposed)]))
