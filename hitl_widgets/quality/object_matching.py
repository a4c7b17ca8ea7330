"""Matching of predicted with true objects, and figures from the matches under any weights of the images.

`encode` reads two tables of objects, `match` pairs their objects image by image. A `Curve` has the data from which a
label's average precision is computed, so that resamples of the images need no new pairing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput, ShapeError
from ..objects.overlap import bounds, match_by_score, nearness, overlaps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# As in cocoeval.py.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MAX_PREDICTIONS = 100
# Between these a predicted object lies beside a true one (TIDE); for points in units of `overlap.nearness`: 3 and 9 %
# of the diagonal.
ON, BESIDE = 0.5, 0.1
ON_POINT, BESIDE_POINT = 0.0, -2.0
# Objects with this status needn't be found, and may be.
IN_DOUBT = ("unsure", "to_review", "planted")
# Samples times predictions of one step, so that they fit into a processor's cache.
_CELLS = 1_000_000

AP_FIGURES = ("map", "map50", "map75")
POINT_FIGURES = ("f1", "precision", "recall")
_PLACES = {"map": slice(None), "map50": slice(0, 1), "map75": slice(5, 6)}


@dataclass(frozen=True, eq=False)
class Rows:
    """Objects of a table, sorted by image and, for predictions, by descending score if requested.

    Parameters
    ----------
    image, label : ndarray of int64, shape (n,)
        Places of the image and the label; a label of -1 is every label.
    ats : list, length n
        Coordinates, as in `objects.shapes.shape`.
    score : ndarray of float, shape (n,)
        1 for true objects.
    ignored, crowd : ndarray of bool, shape (n,)
    row : ndarray of int64, shape (n,)
        The row of the table.
    first : ndarray of int64, shape (n_images + 1,)
        Where each image's objects begin.
    """

    image: Ints
    label: Ints
    ats: list[Sequence[float]]
    score: Floats
    ignored: Bools
    crowd: Bools
    row: Ints
    first: Ints

    def __len__(self) -> int:
        return len(self.image)


@dataclass(frozen=True, eq=False)
class Encoded:
    """Two tables of objects, with images and labels as numbers.

    Parameters
    ----------
    images : Index
        Ids of the images that count.
    labels, names : list
        Key (label_id where the tables have it) and name of each label.
    kind : "box", "polygon", "point" or "span"
    true, predicted : Rows
    sizes : ndarray of float, shape (n_images, 2)
        Height and width, NaN where not known.
    true_ids, predicted_ids : ndarray of object, shape (n_true,) and (n_predictions,)
        The objects' ids; None where the table has no object_id.
    n_unseen : int
        Images that have predictions and no true object, if it isn't known which images count.
    """

    images: pd.Index
    labels: list[Any]
    names: list[str]
    kind: str
    true: Rows
    predicted: Rows
    sizes: Floats
    true_ids: npt.NDArray[np.object_]
    predicted_ids: npt.NDArray[np.object_]
    n_unseen: int


def encode(truth: pd.DataFrame, predictions: pd.DataFrame, *, images: Iterable[Any] | None = None,
           sizes: Mapping[Any, tuple[float, float]] | None = None, kind: str | None = None,
           best_first: bool = True) -> Encoded:
    """Read two tables of objects, the arguments of `quality.detection`.

    Parameters
    ----------
    truth, predictions, images, sizes
        See `quality.detection`.
    kind : str, optional
        Kind of the objects; by default the one in which the objects of both tables can be compared.
    best_first : bool
        Whether the predictions of an image come best first, and not as in the table.
    """
    truth, predictions = _checked("truth", truth), _checked("predictions", predictions)
    if "score" not in predictions:
        raise ShapeError("the table of predictions lacks score; wb.predict_objects() makes such a table.")
    if not len(predictions):  # an empty table's columns don't have the dtype of numbers
        predictions = predictions.assign(score=np.zeros(0))
    if not np.isfinite(predictions["score"].to_numpy(np.float64)).all():
        raise BadInput("a score of the predictions is missing or isn't finite; a number for each is expected.")
    _one_annotator(truth)
    truth, predictions = with_label_ids(truth), with_label_ids(predictions)
    key = "label_id" if all("label_id" in table for table in (truth, predictions)) else "label"
    told = reviewed_pairs(truth) if images is None else None
    counted = images if told is None else told["item_id"]
    seen = [*truth["item_id"], *predictions["item_id"]]
    index = _in_order(dict.fromkeys(seen if counted is None else counted))
    names = _names([truth, predictions], key)
    labels = list(names)
    kind = _kind(truth, predictions) if kind is None or len(truth) or len(predictions) else kind
    n_unseen = 0 if counted is not None else len(set(predictions["item_id"]) - set(truth["item_id"]))
    true = _rows(truth, index, labels, key, kind)
    predicted = _rows(predictions, index, labels, key, kind, score=predictions["score"].to_numpy(np.float64),
                      best_first=best_first)
    return Encoded(index, labels, list(names.values()), kind, true, predicted,
                   _sizes([truth, predictions], sizes, index), _ids(truth, true), _ids(predictions, predicted),
                   n_unseen)


def _ids(table: pd.DataFrame, rows: Rows) -> npt.NDArray[np.object_]:
    ids = table["object_id"].to_numpy(object) if "object_id" in table else np.full(len(table), None, object)
    return np.asarray(ids[rows.row], dtype=object)


class Reviewed(tuple[tuple[Any, Any], ...]):
    """Who reviewed which images: pairs of item_id and annotator, which a table of objects carries in its `attrs`.

    Images in which somebody found nothing are in no row of the table. pandas copies `attrs` with every step; these
    pairs never change, so that they needn't be copied.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Reviewed:
        """Return the pairs themselves."""
        return self


class Sizes(dict[Any, tuple[int, int]]):
    """Width and height of images by their item_id, which a table of objects carries in its `attrs`.

    They never change, so that they needn't be copied with every step of pandas.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Sizes:
        """Return the sizes themselves."""
        return self


def sizes_told(sizes: Mapping[Any, tuple[float, float]] | None, *tables: pd.DataFrame
               ) -> dict[Any, tuple[float, float]]:
    """Width and height of images: those that are passed, else what the tables carry in their `attrs["sizes"]`."""
    told: dict[Any, tuple[float, float]] = {}
    for table in tables:
        told |= table.attrs.get("sizes", {})
    return told | dict(sizes or {})


def known_sizes(rows: pd.DataFrame, sizes: Mapping[Any, tuple[float, float]] | None) -> dict[Any, tuple[float, float]]:
    """Height and width of images, from the table's columns, its `attrs` and `sizes`; the last one counts."""
    found: dict[Any, tuple[float, float]] = {}
    if {"width", "height"} <= set(rows):
        found = {item: (height, width) for item, height, width in
                 rows[["item_id", "height", "width"]].drop_duplicates("item_id").itertuples(index=False)}
    return found | {item: (height, width) for item, (width, height) in sizes_told(sizes, rows).items()}


def reviewed_pairs(objects: pd.DataFrame) -> pd.DataFrame | None:
    """Read item_id and annotator of all reviewed images from a table's `attrs["reviewed"]`; None if it has none.

    Only annotators with rows in the table count, or everybody if none has any, as in a consensus.
    """
    pairs = objects.attrs.get("reviewed")
    if pairs is None:
        return None
    told = pd.DataFrame(list(pairs), columns=["item_id", "annotator"])
    own = set(objects["annotator"]) if "annotator" in objects else set()
    return told[told["annotator"].isin(own)] if own & set(told["annotator"]) else told


def with_label_ids(objects: pd.DataFrame) -> pd.DataFrame:
    """Add label_id where a table has only labels, from its `attrs["label_ids"]`, if all of them are named there.

    `wb.predict_objects()` makes such tables: a label that was renamed since is still matched with its objects.
    """
    ids = objects.attrs.get("label_ids")
    if not ids or "label" not in objects or "label_id" in objects or not objects["label"].isin(ids).all():
        return objects
    return objects.assign(label_id=objects["label"].map(ids).astype(object))


def _checked(what: str, table: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"{what} is a {type(table).__name__}; a table of objects is expected, as wb.objects() makes it.")
    missing = [name for name in ("item_id", *columns_of(table)[:2]) if name not in table]
    missing += [] if {"label", "label_id"} & set(table) else ["label"]
    if missing:
        raise ShapeError(f"the table of {what} lacks {', '.join(missing)}; item_id, label and x0, y0, x1, y1 are "
                         "expected, as wb.objects() has them.")
    return table[table["act"].ne("deleted").to_numpy(np.bool_)] if "act" in table else table


def _one_annotator(truth: pd.DataFrame) -> None:
    if "annotator" in truth and len(truth):
        several = truth.groupby("item_id")["annotator"].nunique()
        if (several > 1).any():
            raise BadInput(f"image {several.index[several > 1][0]!r} has objects of {several.max()} annotators; one "
                           "truth for each image is expected. Take those of one person, or "
                           "wb.objects(consensus=True).")


def _names(tables: Sequence[pd.DataFrame], key: str) -> dict[Any, str]:
    """Name of each label by its key, in order of appearance."""
    names: dict[Any, str] = {}
    for table in tables:
        told = table["label"] if "label" in table else table[key]
        pairs = pd.DataFrame({"key": table[key], "name": told}).dropna(subset=["key"]).drop_duplicates("key")
        for label, name in zip(pairs["key"], pairs["name"], strict=True):
            names.setdefault(label, str(name))
    return names


def _kind(truth: pd.DataFrame, predictions: pd.DataFrame) -> str:
    """The kind in which both can be compared: polygons and boxes by boxes."""
    kinds = {kind for table in (truth, predictions) for kind in (table["kind"].unique() if "kind" in table else ["box"])
             if len(table)}
    if unknown := kinds - {"box", "polygon", "point", "span"}:
        raise BadInput(f"kind {min(map(str, unknown))!r} is unknown; 'box', 'polygon', 'point' or 'span' is expected.")
    if {"point", "span"} & kinds and len(kinds) > 1:
        raise BadInput(f"there are {'points' if 'point' in kinds else 'spans'} and other objects; objects of one kind "
                       "are expected.")
    return kinds.pop() if len(kinds) == 1 else "box"


def _in_order(images: Iterable[Any]) -> pd.Index:
    """Images sorted by id if ids can be sorted: equal scores are taken in this order, as in cocoeval.py."""
    listed = list(images)
    try:
        return pd.Index(sorted(listed), dtype=object)
    except TypeError:
        return pd.Index(listed, dtype=object)


def _rows(table: pd.DataFrame, images: pd.Index, labels: list[Any], key: str, kind: str,
          score: Floats | None = None, *, best_first: bool = True) -> Rows:
    image = images.get_indexer(pd.Index(table["item_id"], dtype=object))
    label = pd.Index(labels, dtype=object).get_indexer(pd.Index(table[key], dtype=object))
    score = np.ones(len(table)) if score is None else score
    crowd = table["crowd"].to_numpy(np.bool_, na_value=False) if "crowd" in table else np.zeros(len(table), bool)
    doubt = table["status"].isin(IN_DOUBT).to_numpy(np.bool_) if "status" in table else np.zeros(len(table), bool)
    kept = np.flatnonzero((image >= 0) & ((label >= 0) | crowd | doubt))
    ranks = -score[kept] if best_first else np.zeros(len(kept))
    order = kept[np.lexsort((kept, ranks, image[kept]))]  # of equal scores in the table's order
    ats = coordinates(table.iloc[order], kind)
    return Rows(image[order].astype(np.int64), label[order].astype(np.int64), ats, score[order],
                (crowd | doubt)[order], crowd[order], order.astype(np.int64),
                np.searchsorted(image[order], np.arange(len(images) + 1)).astype(np.int64))


def coordinates(table: pd.DataFrame, kind: str) -> list[Sequence[float]]:
    """Flat coordinates of each row of a table of objects.

    Parameters
    ----------
    table : DataFrame
        x0, y0, x1 and y1; `points` for polygons; start and end for spans.
    kind : "box", "polygon", "point" or "span"
        "box" gives the box around polygons.
    """
    if kind == "span":
        return _spans(table)
    if kind == "polygon":
        return [tuple(np.asarray(points, np.float64).ravel().tolist()) for points in table["points"]]
    columns = ["x0", "y0"] if kind == "point" else ["x0", "y0", "x1", "y1"]
    if missing := [name for name in columns if name not in table]:
        raise ShapeError(f"the table of objects lacks {', '.join(missing)}, which a {kind} has.")
    at = table[columns].to_numpy(np.float64)
    if kind == "box" and np.isnan(at).any() and "points" in table:
        holes = np.flatnonzero(np.isnan(at).any(axis=1))
        at[holes] = bounds(coordinates(table.iloc[holes], "polygon"))
    if not np.isfinite(at).all():
        raise BadInput(f"a coordinate of image {table['item_id'].iloc[int(np.argwhere(~np.isfinite(at))[0, 0])]!r} is "
                       "missing or isn't finite.")
    return list(at)


def _spans(table: pd.DataFrame) -> list[Sequence[float]]:
    if missing := [name for name in ("start", "end") if name not in table]:
        raise ShapeError(f"the table of objects lacks {', '.join(missing)}, which a span has.")
    try:
        at = table[["start", "end"]].astype(np.float64).to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"start and end of spans can't be read as numbers ({error}); characters of the text are "
                       "expected.") from error
    wrong = ~np.isfinite(at).all(axis=1) | (at[:, 0] >= at[:, 1]) | (at[:, 0] < 0) | (at != np.floor(at)).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadInput(f"a span of text {table['item_id'].iloc[row]!r} is from {at[row, 0]:g} to {at[row, 1]:g}; whole "
                       "numbers with 0 <= start < end are expected.")
    return [(int(start), int(end)) for start, end in at.tolist()]


def columns_of(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns of coordinates that a table of objects is expected to have: start and end of spans."""
    spans = bool(table["kind"].eq("span").any()) if "kind" in table and len(table) else "x0" not in table
    return ("start", "end") if spans and "start" in table else ("x0", "y0", "x1", "y1")


def kinds_in(table: pd.DataFrame) -> list[str]:
    """The kinds of the objects in a table, at least one: boxes or spans if none is named."""
    if "kind" in table and len(table):
        return [str(kind) for kind in table["kind"].unique()]
    return ["span" if columns_of(table)[0] == "start" else "box"]


def _sizes(tables: Sequence[pd.DataFrame], sizes: Mapping[Any, tuple[float, float]] | None,
           images: pd.Index) -> Floats:
    found = np.full((len(images), 2), np.nan)
    for table in tables:
        if {"width", "height"} <= set(table):
            place = images.get_indexer(pd.Index(table["item_id"], dtype=object))
            found[place[place >= 0]] = table[["height", "width"]].to_numpy(np.float64)[place >= 0]
    for item, (width, height) in sizes_told(sizes, *tables).items():
        if item in images:
            found[images.get_loc(item)] = height, width
    return found


@dataclass(frozen=True, eq=False)
class Matched:
    """Predictions paired with true objects.

    Parameters
    ----------
    encoded : Encoded
    thresholds : ndarray of float, shape (n_thresholds,)
    with_true : ndarray of int64, shape (n_thresholds, n_predictions)
        The true object that each prediction was paired with, -1 for none.
    kept : ndarray of bool, shape (n_predictions,)
        Whether it is among the best 100 of its image and label.
    own, own_at, other, other_at : ndarray, shape (n_predictions,)
        The largest overlap with a true object of the same label, and with one of another label, each with that object's
        place; -inf and -1 if there is none.
    true_ignored : ndarray of bool, shape (n_true,)
        True objects that needn't be found.
    spared : ndarray of bool, shape (n_predictions,)
        Predictions that aren't wrong if they are unpaired.
    """

    encoded: Encoded
    thresholds: Floats
    with_true: Ints
    kept: Bools
    own: Floats
    own_at: Ints
    other: Floats
    other_at: Ints
    true_ignored: Bools
    spared: Bools

    @property
    def on_ignored(self) -> Bools:
        """Predictions, at each threshold, that are neither right nor wrong."""
        hit = self.with_true >= 0
        paired = hit & self.true_ignored[self.with_true] if len(self.true_ignored) else np.zeros_like(hit)
        return np.asarray(paired | (~hit & self.spared[None, :]))

    @property
    def right(self) -> Bools:
        """Predictions, at each threshold, that are right."""
        return np.asarray((self.with_true >= 0) & ~self.on_ignored)

    def curves(self) -> list[Curve]:
        """Make the curve of each label."""
        encoded, right, spared = self.encoded, self.right, self.on_ignored
        required = ~self.true_ignored
        return [Curve.of(encoded.predicted, np.flatnonzero(self.kept & (encoded.predicted.label == label)), right,
                         spared, np.bincount(encoded.true.image[required & (encoded.true.label == label)],
                                             minlength=len(encoded.images)))
                for label in range(len(encoded.labels))]


def match(encoded: Encoded, thresholds: npt.ArrayLike | None = None, *, least: float | npt.ArrayLike = -np.inf,
          area: tuple[float, float] | None = None) -> Matched:
    """Pair the predictions of each image with its true objects, label by label.

    Parameters
    ----------
    encoded : Encoded
    thresholds : array_like of float, optional
        Thresholds of the overlap; by default COCO's ten.
    least : float or array_like of float, shape (n_labels,)
        Predictions below this score are left out.
    area : (float, float), optional
        Objects with an area outside needn't be found; unpaired predictions outside aren't wrong.
    """
    limits = IOU_THRESHOLDS if thresholds is None else np.asarray(thresholds, np.float64)
    true, predicted = encoded.true, encoded.predicted
    n = len(predicted)
    ignored, spared = true.ignored, np.zeros(n, bool)
    if area is not None:
        ignored = ignored | _outside(encoded.kind, true.ats, area)
        spared = _outside(encoded.kind, predicted.ats, area)
    least_of = np.broadcast_to(np.asarray(least, np.float64), (len(encoded.labels),))
    sure = predicted.score >= least_of[predicted.label] if n else np.zeros(0, bool)
    found = Matched(encoded, limits, np.full((len(limits), n), -1, np.int64), np.zeros(n, bool), np.full(n, -np.inf),
                    np.full(n, -1, np.int64), np.full(n, -np.inf), np.full(n, -1, np.int64), ignored, spared)
    for image in np.flatnonzero(np.diff(predicted.first)).tolist():
        places = np.arange(predicted.first[image], predicted.first[image + 1])
        _match_image(found, image, places[sure[places]])
    return found


def _match_image(found: Matched, image: int, places: Ints) -> None:
    """Pair the predictions of one image: fill in its columns."""
    encoded = found.encoded
    true, predicted = encoded.true, encoded.predicted
    start, end = int(true.first[image]), int(true.first[image + 1])
    ats = [predicted.ats[place] for place in places]
    if end == start:
        overlap = np.zeros((len(ats), 0))
    elif encoded.kind == "point":
        height, width = encoded.sizes[image].tolist()
        if not height > 0:
            raise BadInput(f"the size of image {encoded.images[image]!r} isn't known; points need it, as columns width "
                           "and height or as sizes={item_id: (width, height)}.")
        overlap = nearness(ats, true.ats[start:end], size=(height, width))
    else:
        overlap = overlaps(encoded.kind, ats, true.ats[start:end], crowd=true.crowd[start:end])
    labels, of_true = predicted.label[places], true.label[start:end]
    if end > start and len(places):
        single = ~true.crowd[start:end]
        same = labels[:, None] == of_true[None, :]
        for worth, at, some in ((found.own, found.own_at, same), (found.other, found.other_at, ~same)):
            those = np.where(some & single, overlap, -np.inf)
            worth[places] = those.max(axis=1)
            at[places] = np.where(np.isfinite(worth[places]), start + those.argmax(axis=1), -1)
    for label in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == label)[:MAX_PREDICTIONS]
        found.kept[places[rows]] = True
        columns = np.flatnonzero((of_true == label) | (of_true < 0))
        if not len(columns):
            continue
        those = columns[np.argsort(found.true_ignored[start + columns], kind="stable")]
        paired = match_by_score(overlap[np.ix_(rows, those)], found.thresholds,
                                ignored=found.true_ignored[start + those], crowd=true.crowd[start + those])
        found.with_true[:, places[rows]] = np.where(paired >= 0, start + those[paired], -1)


def _outside(kind: str, ats: Sequence[Sequence[float]], area: tuple[float, float]) -> Bools:
    if kind == "point":
        raise BadInput("points have no area; leave area out.")
    if kind == "polygon":
        pairs = [np.asarray(at, np.float64).reshape(-1, 2).T for at in ats]
        areas = np.array([abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 for x, y in pairs])
    else:
        at = np.array(ats, np.float64).reshape(-1, 4)
        areas = (at[:, 2] - at[:, 0]) * (at[:, 3] - at[:, 1])
    return np.asarray((areas < area[0]) | (areas > area[1]))


@dataclass(frozen=True, eq=False)
class Curve:
    """The data behind the precision and recall of a label.

    Parameters
    ----------
    image : ndarray of int64, shape (n_predictions,)
        Image of each prediction, best first over all images.
    right, spared : ndarray of bool, shape (n_thresholds, n_predictions)
        Whether it is right, and whether it is neither right nor wrong.
    n_true : ndarray of int64, shape (n_images,)
        Objects of the label that have to be found.
    score : ndarray of float, shape (n_predictions,)
    """

    image: Ints
    right: Bools
    spared: Bools
    n_true: Ints
    score: Floats

    @classmethod
    def of(cls, predicted: Rows, places: Ints, right: Bools, spared: Bools, n_true: npt.NDArray[Any]) -> Curve:
        """Make the curve of some of the predictions."""
        order = places[np.argsort(-predicted.score[places], kind="stable")]
        return cls(predicted.image[order], right[:, order], spared[:, order], n_true.astype(np.int64),
                   predicted.score[order])

    def average_precision(self, weights: npt.NDArray[Any] | None = None) -> Floats:
        """Average precision at 101 points of recall, at each threshold.

        Parameters
        ----------
        weights : ndarray of whole numbers, shape (n_samples, n_images), optional
            How often each image is in each sample; by default once.

        Returns
        -------
        ndarray of float, shape (n_samples, n_thresholds)
            NaN in samples without an object of the label.
        """
        of = np.ones((1, len(self.n_true))) if weights is None else weights
        step = max(1, _CELLS // max(1, len(self.image)))
        return np.concatenate([self._precisions(of[start:start + step]).mean(axis=2)
                               for start in range(0, len(of), step)])

    def precisions(self) -> Floats:
        """Precision at each of the 101 points of recall, shape (n_thresholds, 101); NaN without a true object."""
        return self._precisions(np.ones((1, len(self.n_true))))[0]

    def _precisions(self, weights: npt.NDArray[Any]) -> Floats:
        n_samples, n_thresholds = len(weights), len(self.right)
        n_true = weights @ self.n_true.astype(weights.dtype)
        found = np.full((n_samples, n_thresholds, len(RECALLS)), np.nan)
        there = np.flatnonzero(n_true > 0)
        if not len(there):
            return found
        found[there] = 0.0
        drawn, n_true = weights[there], n_true[there]
        # Recall rises, and precision can be largest, only at right predictions.
        of_each = drawn[:, self.image]
        until = np.cumsum(of_each, axis=1)
        rows = np.arange(len(there))[:, None]
        for threshold in range(n_thresholds):
            places = np.flatnonzero(self.right[threshold])
            if not len(places):
                continue
            n_right = np.cumsum(of_each[:, places], axis=1)
            n_counted = until[:, places]
            if self.spared[threshold].any():
                n_counted = n_counted - np.cumsum(of_each * self.spared[threshold], axis=1)[:, places]
            precision = n_right / np.maximum(n_counted, 1)
            best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            recall = (n_right / n_true[:, None]).astype(np.float64)
            # One search over all samples: each has its own range of numbers, two apart.
            apart = 2.0 * rows
            first = np.searchsorted((recall + apart).ravel(), (RECALLS[None, :] + apart).ravel())
            first = first.reshape(len(there), -1) - rows * len(places)
            reached = first < len(places)
            found[there, threshold] = np.where(reached, np.take_along_axis(best, np.minimum(first, len(places) - 1),
                                                                           axis=1), 0.0)
        return found

    def counts(self) -> npt.NDArray[np.int64]:
        """Right and wrong predictions and true objects of each image at the first threshold, shape (n_images, 3)."""
        n = len(self.n_true)
        wrong = ~self.right[0] & ~self.spared[0]
        return np.column_stack([np.bincount(self.image[self.right[0]], minlength=n),
                                np.bincount(self.image[wrong], minlength=n), self.n_true]).astype(np.int64)


# A figure of one label or of all, by its name, in each sample.
Figures = dict[str, Floats]


def ap_figures(curves: Sequence[Curve], weights: npt.NDArray[Any] | None) -> tuple[list[Figures], Figures]:
    """Average precisions of each label, and their means over labels, in each sample of the images."""
    each = [curve.average_precision(weights) for curve in curves]
    of_label = [{name: of[:, places].mean(axis=1) for name, places in _PLACES.items()} for of in each]
    return of_label, over_labels(of_label, AP_FIGURES)


def point_figures(curves: Sequence[Curve], weights: npt.NDArray[Any] | None) -> tuple[list[Figures], Figures]:
    """F1, precision and recall of each label, and their means over labels, in each sample of the images."""
    of_label = []
    for curve in curves:
        counts = curve.counts().astype(np.float64)
        right, wrong, there = (counts.sum(axis=0, keepdims=True) if weights is None else weights @ counts).T
        with np.errstate(invalid="ignore", divide="ignore"):
            known = np.where(there > 0, 1.0, np.nan)
            of_label.append({"f1": known * 2 * right / (right + wrong + there),
                             "precision": known * right / (right + wrong), "recall": known * right / there})
    return of_label, over_labels(of_label, POINT_FIGURES)


def over_labels(of_label: Sequence[Figures], figures: Sequence[str]) -> Figures:
    """Mean over the labels that have a figure; NaN where none has."""
    found = {}
    for name in figures:
        each = np.array([of[name] for of in of_label]) if of_label else np.full((1, 1), np.nan)
        n = np.isfinite(each).sum(axis=0)
        found[name] = np.where(n > 0, np.nansum(each, axis=0) / np.maximum(n, 1), np.nan)
    return found
