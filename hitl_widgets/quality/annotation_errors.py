"""Probable annotation errors: objects that a model confidently contradicts, or that it finds missing.

`object_errors` lists them, the least probable first. `suspected_objects` says how one image is judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import BadInput, ShapeError
from ..objects.overlap import bounds
from .object_matching import IN_DOUBT, columns_of, coordinates, kinds_in, known_sizes, with_label_ids
from .suspected_objects import suspicions

COLUMNS = ["item_id", "annotator", "object_id", "error", "score", "label", "label_id", "expected", "expected_id", "x0",
           "y0", "x1", "y1"]


class _Thing(NamedTuple):
    """An object or a proposal, in the form that `suspicions` needs."""

    at: Sequence[float]
    label_id: Any
    score: float
    id: Any
    in_doubt: bool


NOTHING = _Thing((), None, 0.0, None, False)


# 14 branches: the checks of two tables, which may have labels by id or by name, and then a row for each doubt.
def object_errors(objects: pd.DataFrame, predictions: pd.DataFrame, *,
                  sizes: Mapping[Any, tuple[float, float]] | None = None) -> pd.DataFrame:
    """List probable annotation errors: objects that a model confidently contradicts, or that it finds missing.

    Parameters
    ----------
    objects : DataFrame
        A row per object, as returned by `wb.objects()`, with or without deleted ones (`wb.objects(deleted=True)`): a
        deleted proposal says that nothing is there. Objects whose status is in doubt already aren't listed.
    predictions : DataFrame
        Predicted objects with a score, as returned by `wb.predict_objects()`, by a model that didn't learn from these
        images (otherwise it would repeat their errors). Scores are treated as probabilities.
    sizes : mapping of item_id to (width, height), optional
        Size of each image in pixels; only points need it. By default the columns width and height of `objects`.

    Returns
    -------
    DataFrame
        A row per suspected error, the most probable first: item_id, annotator, object_id (None for a missing object),
        error, score (probability that the annotation is wrong, as far as the model's scores tell), label and label_id
        (of the object), expected and expected_id (what the model expects there), x0, y0, x1, y1 (around the object, or
        what is missing); for spans start and end.

        - missing: the model is confident of an object where nobody annotated one.
        - wrong label: the model is confident of another label at this place.
        - wrongly grouped: the model is confident that one annotated object is several, or that several are one.
        - wrong place: the model is confident of an object close to the annotated one, but not in the same place.

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If kinds are mixed.

    References
    ----------
    Tkachenko, Thyagarajan and Mueller (2023), ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection
    Data, arXiv:2309.00832. Its four kinds of errors and its idea of scoring each by the most contradicting prediction
    are taken; wrong groups of objects and wrong places are found by overlaps.

    Examples
    --------
    >>> objects = pd.DataFrame({"item_id": [1, 1], "label": ["cell", "dust"], "x0": [0, 50], "y0": 0, "x1": [40, 90],
    ...                         "y1": 40})
    >>> found = pd.DataFrame({"item_id": 1, "label": "cell", "x0": [1, 50, 200], "y0": 0, "x1": [41, 90, 240], "y1": 40,
    ...                       "score": [.9, .8, .7]})
    >>> object_errors(objects, found)[["error", "label", "expected"]].values.tolist()
    [['wrong label', 'dust', 'cell'], ['missing', None, 'cell']]
    """
    for what, table, needed in (("objects", objects, []), ("predictions", predictions, ["score"])):
        if not isinstance(table, pd.DataFrame):
            raise BadInput(f"{what} is a {type(table).__name__}; a table of objects is expected.")
        if missing := [name for name in ("item_id", *columns_of(table)[:2], *needed) if name not in table]:
            raise ShapeError(f"the table of {what} lacks {', '.join(missing)}; wb.objects() and wb.predict_objects() "
                             "make such tables.")
    objects, predictions = with_label_ids(objects), with_label_ids(predictions)
    key = "label_id" if "label_id" in objects and "label_id" in predictions else "label"
    kinds = {kind for table in (objects, predictions) if len(table) for kind in kinds_in(table)}
    if len(kinds) > 1:
        raise BadInput(f"there are objects of the kinds {', '.join(sorted(map(str, kinds)))}; those of one kind are "
                       "expected.")
    kind = str(next(iter(kinds), "box"))
    names = _names([objects, predictions], key)
    size_of = known_sizes(objects, sizes)
    proposed = _things(predictions, kind, key)
    rows: list[tuple[Any, ...]] = []
    for (item, annotator), there, gone in _images(objects, kind, key, proposed):
        for one in suspicions(kind, there, proposed.get(item, ()), deleted=gone, size=size_of.get(item)):
            thing = NOTHING if one.place is None else there[one.place]
            if not thing.in_doubt:
                rows.append((item, annotator, thing.id, one.error, 1 - one.right, names.get(thing.label_id),
                             thing.label_id, names.get(one.expected_id), one.expected_id,
                             *bounds([one.at], kind)[0].tolist()))
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    table = table.astype(dict.fromkeys(("score", "x0", "y0", "x1", "y1"), np.float64))
    if kind == "span":
        table = table.assign(start=table["x0"].astype("Int64"), end=table["x1"].astype("Int64"),
                             **dict.fromkeys(("x0", "y0", "x1", "y1"), np.nan))
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _things(table: pd.DataFrame, kind: str, key: str) -> dict[Any, list[_Thing]]:
    """The objects of each image."""
    found: dict[Any, list[_Thing]] = {}
    if len(table):
        score = table["score"] if "score" in table else np.ones(len(table))
        ids = table["object_id"] if "object_id" in table else [None] * len(table)
        doubt = table["status"].isin(IN_DOUBT) if "status" in table else [False] * len(table)
        for item, *thing in zip(table["item_id"], coordinates(table, kind), table[key], score, ids, doubt, strict=True):
            found.setdefault(item, []).append(_Thing(*thing))
    return found


def _images(objects: pd.DataFrame, kind: str, key: str, proposed: Mapping[Any, Any]
            ) -> list[tuple[tuple[Any, Any], list[_Thing], list[_Thing]]]:
    """Current and deleted objects of each image and annotator, including reviewed images without objects."""
    some = objects if "annotator" in objects else objects.assign(annotator=None)
    gone = some["act"].eq("deleted").to_numpy(np.bool_) if "act" in some else np.zeros(len(some), bool)
    reviewed = list(objects.attrs.get("reviewed", ()))
    by: dict[tuple[Any, Any], tuple[list[_Thing], list[_Thing]]] = {pair: ([], []) for pair in reviewed}
    for place, rows in enumerate((some[~gone], some[gone])):
        for who, part in rows.groupby(["item_id", "annotator"], sort=False, dropna=False):
            item, annotator = who if isinstance(who, tuple) else (who, None)
            pair = (item, None if pd.isna(annotator) else annotator)
            by.setdefault(pair, ([], []))[place].extend(_things(part, kind, key)[item])
    return [(pair, there, deleted) for pair, (there, deleted) in by.items() if pair[0] in proposed]


def _names(tables: Sequence[pd.DataFrame], key: str) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for table in tables:
        told = table["label"] if "label" in table else table[key]
        for label, name in zip(table[key], told, strict=True):
            names.setdefault(label, name)
    return names
