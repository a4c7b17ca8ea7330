"""Search for objects in items of a pool, and the table of the objects found. Read `search` first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from ..errors import ItemError
from ..items.pool import Pool
from ..objects.shapes import bounds_of
from ..project.project import Project
from ..quality.object_tables import SPAN_COLUMNS
from ..records import SHAPE_OF, Proposal
from .object_predictors import Candidate, Detector, checked, predicted
from .span_predictors import SpanDetector, checked_spans, predicted_spans

PREDICTED_COLUMNS = ["item_id", "object_id", "kind", "label", "x0", "y0", "x1", "y1", "points", "score", "model"]


def search(detector: Detector | SpanDetector, kind: str, pool: Pool, positions: Sequence[int],
           number_of: Mapping[int | str, int]) -> tuple[list[list[Candidate]], Counter[str]]:
    """Find the objects in some items, with labels as indices among the model's; none in unreadable items.

    Parameters
    ----------
    detector : Detector or SpanDetector
    kind : "box", "polygon", "point" or "span"
    pool : Pool
    positions : sequence of int
    number_of : mapping
        The name or number by which the model calls a label -> its index.

    Returns
    -------
    found : list of list of Candidate
        The objects for each position.
    faults : Counter
        Faults of objects that can't be used, and how often each occurs.
    """
    images: dict[int, Any] = {}
    for position in positions:
        with suppress(ItemError):
            images[position] = pool.load(position)
    outputs = outputs_of(detector, kind, images)
    faults, found = Counter[str](), []
    for position in positions:
        kept: list[Candidate] = []
        candidates, wrong = outputs.get(position, ([], Counter[str]()))
        faults += wrong
        for one in candidates:
            number = number_of.get(one.label)
            if number is None:
                faults[f"of the unknown label {one.label!r:.60}"] += 1
            else:
                kept.append(one._replace(label=number))
        found.append(kept)
    return found, faults


def outputs_of(detector: Any, kind: str, items: Mapping[int, Any]) -> dict[int, tuple[list[Candidate], Counter[str]]]:
    """Run a model on some items: position -> the objects that it finds, and counts of the faults in its output."""
    if kind == "span":
        outputs = zip(items.items(), predicted_spans(detector, list(items.values())), strict=True)
        return {position: checked_spans(output, len(text)) for (position, text), output in outputs}
    outputs = zip(items.items(), predicted(detector, list(items.values())), strict=True)
    return {position: checked(output, kind, (image.shape[1], image.shape[0]))
            for (position, image), output in outputs}


def found_table(project: Project, positions: Sequence[int] | np.ndarray,
                proposals: Callable[[int], Sequence[Proposal]], version: str) -> pd.DataFrame:
    """The objects that a model finds in some items, a row for each: see `Workbench.predict_objects`.

    Parameters
    ----------
    project : Project
    positions : sequence of int
    proposals : callable
        From an item's position to the objects that the model finds in it, under today's labels.
    version : str
        The model's version.
    """
    rows: list[tuple[Any, ...]] = []
    today, of_spans = project.lineage.today, SHAPE_OF[project.task] == "span"
    for position in map(int, positions):
        item_id, found = str(project.pool.ids[position]), proposals(position)
        text = project.pool.load(position) if found and of_spans else ""
        for one in found:
            points = tuple(zip(one.at[::2], one.at[1::2], strict=True)) if one.kind == "polygon" else None
            box = (None,) * 4 if one.kind == "span" else bounds_of(one.at)
            rows.append((item_id, one.id, one.kind, today.name_of(one.label_id), *box, points, one.score,
                         version, *((*one.at, text[slice(*map(int, one.at))]) if text else ())))
    dtypes: dict[str, Any] = {**dict.fromkeys(("x0", "y0", "x1", "y1", "score"), float), "start": "Int64",
                              "end": "Int64"}
    columns = {name: pd.Series([row[place] for row in rows], dtype=dtypes.get(name, object)) for place, name in
               enumerate([*PREDICTED_COLUMNS, *(SPAN_COLUMNS if of_spans else ())])}
    table = pd.DataFrame(columns)
    table.attrs["label_ids"] = {today.name_of(label_id): label_id for label_id in today.label_ids}
    return table
