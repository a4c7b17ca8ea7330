"""Average precision of object detectors, F1 of point detectors, and the cost of each kind of error.

`detection` compares predicted objects with true ones and returns a `Detection`; `compare_detection` estimates the gain
of one model over another on the same images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit, stdtrit

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from .figures_by_label import ALL, FiguresByLabel, rows_of, table_of
from .intervals import clusters_of
from .object_matching import (
    AP_FIGURES,
    IOU_THRESHOLDS,
    ON_POINT,
    POINT_FIGURES,
    Curve,
    Encoded,
    Floats,
    Matched,
    ap_figures,
    encode,
    match,
    point_figures,
)
from .pairwise import unseen
from .resampling import ALIKE

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# COCO's limits: side lengths of 32 and 96 pixels.
AREAS = {"small": (0.0, 32.0 ** 2), "medium": (32.0 ** 2, 96.0 ** 2), "large": (96.0 ** 2, math.inf)}
RESAMPLES = 1_000
_ONE_IMAGE = "an interval needs two images with objects"


@dataclass(frozen=True, eq=False, repr=False)
class Detection(FiguresByLabel):
    """How well a model finds the objects of images, as `detection` measures it.

    `result["map50"]` is an `Estimate`, so are `["map"]` and `["map75"]`; for points `["f1"]`, `["precision"]` and
    `["recall"]`.

    Attributes
    ----------
    table : DataFrame
        A row for all labels together ("all") and one for each label, indexed by their names: label_id, n_images (that
        have one), n_objects (that have to be found), n_predicted, and each figure with its 95 % interval (`_low`,
        `_high`). A label that is in no image is NaN, and left out of the mean over labels.

        - map: average precision, as pycocotools gives it, averaged over ten thresholds of the overlap (IoU) from 0.5 to
          0.95, and over labels.
        - map50, map75: the same at an overlap of 0.5 and of 0.75.
        - precision, recall, f1: for points, averaged over labels. A predicted point is right within 3 % of the image's
          diagonal.
    kind : "box", "polygon" or "point"
    n_images : int
        Images that were compared.
    notes : tuple of str
        Remarks to show with the figures.
    """

    table: pd.DataFrame
    kind: str
    n_images: int
    notes: tuple[str, ...] = ()
    _matched: Matched | None = field(default=None, repr=False)
    _weights: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    _COUNT, _UNDEFINED = "n_images", "no object of this label is known to be there"

    @property
    def FIGURES(self) -> tuple[str, ...]:  # noqa: N802 - as of the other metrics
        """Names of the figures."""
        return POINT_FIGURES if self.kind == "point" else AP_FIGURES

    @property
    def why(self) -> str:
        """Reason why there are no estimates; empty when there are."""
        return "" if int(self.table["n_objects"].iloc[0]) else "no object is known to be in these images"

    @cached_property
    def errors(self) -> pd.DataFrame:
        """What kinds of errors the model makes, and what each kind costs.

        A row for each of six kinds (TIDE): error, n, cost (how much map50, or F1 of points, rises when all errors of
        this kind are corrected and no others), low and high (95 %), meaning. Costs don't add up: correcting one kind
        may uncover another.

        - classification: on a true object of another label (overlap 0.5 or more).
        - localisation: beside a true object of the label (overlap 0.1 to 0.5).
        - both: beside a true object of another label.
        - duplicate: on a true object that a better-scored prediction found already.
        - background: on nothing (overlap below 0.1).
        - missed: a true object that nothing found, and that no error of the first two kinds is about.

        For points, "on" means within 3 % of the image's diagonal, and "beside" within 9 %.

        References
        ----------
        Bolya et al. (2020), TIDE: A General Toolbox for Identifying Object Detection Errors,
        doi:10.1007/978-3-030-58580-8_33.
        """
        from .detection_errors import cost_table

        return cost_table(self._known(), self._weights)

    @cached_property
    def cases(self) -> pd.DataFrame:
        """Each error, the best-scored first: item_id, object_id and label of the prediction, error, score, overlap.

        true_id and true_label say which true object the error is about, if there is one; for a missed object only these
        are filled.
        """
        from .detection_errors import case_table

        return case_table(self._known())

    @cached_property
    def by_area(self) -> pd.DataFrame:
        """Average precision of small (below 32 x 32 pixels), medium and large (from 96 x 96 on) objects.

        Indexed by size: n_objects, map, map50, map75, over all labels, as pycocotools gives them.
        """
        matched = self._known()
        rows = {}
        for name, area in AREAS.items():
            curves = match(matched.encoded, matched.thresholds, area=area).curves()
            rows[name] = {"n_objects": sum(int(curve.n_true.sum()) for curve in curves),
                          **{figure: float(of[0]) for figure, of in ap_figures(curves, None)[1].items()}}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("size")

    def curves(self) -> pd.DataFrame:
        """Precision at 101 points of recall: label ("all" is the mean), threshold (of the overlap), recall, precision.

        Labels that are in no image are left out. Not for points.
        """
        from .detection_errors import curve_table

        return curve_table(self._known())

    def plot(self) -> Drawing:
        """Draw precision against recall, the figures of each label, and what each kind of error costs."""
        from ..drawing.detection_plot import plot_detection

        curves = None if self.kind == "point" else self.curves()
        return plot_detection(self.table, self.errors, curves)

    def _known(self) -> Matched:
        if self._matched is None:
            raise BadInput("only the figures of this measurement were stored, not the objects; compare them again with "
                           "quality.detection(truth, predictions).")
        return self._matched

    def to_dict(self) -> dict[str, Any]:
        """Write the figures, ready for JSON; `from_dict` reads them."""
        return {"kind": "objects", "shape": self.kind, "n_images": self.n_images, "notes": list(self.notes),
                "rows": rows_of(self.table)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Detection:
        """Read what `to_dict` wrote: the figures, without errors and curves."""
        figures = POINT_FIGURES if body["shape"] == "point" else AP_FIGURES
        return cls(table_of(body["rows"], figures), body["shape"], int(body["n_images"]), tuple(body.get("notes", ())))

    def _summary(self) -> str:
        row = self.table.iloc[0]
        return f"{self.n_images:,} images, {int(row['n_objects']):,} objects, {int(row['n_predicted']):,} predicted"

    def __repr__(self) -> str:
        lines = [f"Detection: {self._summary()}", *(f"  {name:<10} {self[name]!r}" for name in self.FIGURES)]
        main = self.FIGURES[1] if self.kind != "point" else self.FIGURES[0]
        lines += [f"  {main} of {label}: {self.estimate(main, label)!r}" for label in self.table.index[1:21]]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        rows = []
        for label in self.table.index:
            cells: list[object] = [str(label), int(self.table.loc[label, "n_objects"])]
            for figure in self.FIGURES:
                estimate = self.estimate(figure, label)
                cells += ["none", ""] if math.isnan(estimate) else \
                    [f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"]
            rows.append(cells)
        heads = ["label", "objects", *(cell for figure in self.FIGURES for cell in (figure, "95 %"))]
        return html.page("Detection", html.paragraph(self._summary()), html.table(heads, rows),
                         *map(html.paragraph, self.notes))


def detection(truth: pd.DataFrame, predictions: pd.DataFrame, *, images: Iterable[Any] | None = None,
              sizes: Mapping[Any, tuple[float, float]] | None = None,
              threshold: float | Mapping[Any, float] = 0.5, groups: Mapping[Any, Any] | None = None,
              resamples: int = RESAMPLES, seed: int = 0) -> Detection:
    """Compare predicted objects with true ones: average precision, or F1 of points, with intervals over images.

    Parameters
    ----------
    truth : DataFrame
        A row per object, such as `wb.objects()`: item_id, label_id or label, kind (boxes without it) and x0, y0, x1,
        y1; `points` of polygons. Rows with the act "deleted" are ignored. Objects with the status "unsure", "to_review"
        or "planted" are neither counted as missed nor as found. The same holds for objects whose column `crowd` is
        True, and any number of predictions may lie in such an object (COCO's iscrowd).
    predictions : DataFrame
        The same with a score, as returned by `wb.predict_objects()`. The best 100 of each image and label count.
    images : iterable of item_id, optional
        Images that count, also those without an object. By default those in `truth.attrs["reviewed"]`, which
        `wb.objects()` sets, else every image that has an object in one of the tables: a prediction in an image without
        a true object is wrong.
    sizes : mapping of item_id to (width, height), optional
        Size of each image in pixels; only points need it. By default the tables' `attrs["sizes"]`, or the columns width
        and height of either.
    threshold : float or mapping of label to float
        Points with a lower score don't count; by label_id where the tables have it, 0.5 for labels that aren't named.
        Average precision needs none.
    groups : mapping of item_id to group, optional
        Group of each image, if images were drawn by whole groups: these are resampled then.
    resamples : int
        Number of bootstrap samples of images, for the intervals.
    seed : int
        Seed of the samples.

    Returns
    -------
    Detection

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If kinds are mixed, a coordinate or score is missing, an image has objects of several annotators, or the size of
        an image with points isn't known.

    Notes
    -----
    Average precision is that of pycocotools (bbox) to 1e-6. Polygons overlap by their exact areas, whereas pycocotools
    counts pixels. Where one table has polygons and the other boxes, the boxes around them are compared.

    References
    ----------
    Lin et al. (2014), Microsoft COCO, doi:10.1007/978-3-319-10602-1_48; Efron (1987), Better Bootstrap Confidence
    Intervals, doi:10.1080/01621459.1987.10478410.

    Examples
    --------
    >>> truth = pd.DataFrame({"item_id": [1, 1, 2], "label": ["cell", "cell", "dust"], "x0": [0, 50, 0],
    ...                       "y0": 0, "x1": [40, 90, 10], "y1": 40})
    >>> found = truth.assign(score=[.9, .8, .7], x1=[40, 80, 10])
    >>> detection(truth, found)["map50"].value
    1.0
    >>> round(detection(truth, found).estimate("map", "cell").value, 3)
    0.802
    """
    check_count("resamples", resamples, "a number of samples, 2 or more,", least=2)
    encoded = encode(truth, predictions, images=images, sizes=sizes)
    if encoded.kind == "span":
        raise BadInput("these are spans of texts; quality.spans(truth, predictions) measures how well they are found.")
    weights = resampled(encoded, groups, resamples, seed)
    notes: tuple[str, ...] = ()
    if encoded.n_unseen:
        notes = (f"{encoded.n_unseen:,} images have predictions and no true object, so that every prediction there is "
                 "wrong. If they weren't all looked at, pass images=.",)
    matched = _matched(encoded, threshold)
    return Detection(_table(matched, weights, encoded), encoded.kind, len(encoded.images), notes, matched, weights)


def compare_detection(truth: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, figure: str | None = None, *,
                      images: Iterable[Any] | None = None, sizes: Mapping[Any, tuple[float, float]] | None = None,
                      threshold: float | Mapping[Any, float] | Sequence[float | Mapping[Any, float]] = 0.5,
                      groups: Mapping[Any, Any] | None = None, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Gain of one model over another on the same images: after minus before.

    Parameters
    ----------
    truth : DataFrame
        See `detection`.
    before, after : DataFrame
        What each model predicts, as for `detection`.
    figure : str, optional
        "map", "map50" or "map75"; for points "f1", "precision" or "recall". By default map50 and f1.
    threshold : float, mapping, or two of them
        See `detection`. If two are passed, the first is for the model `before`.
    images, sizes, groups, resamples, seed
        See `detection`.

    Returns
    -------
    Estimate
        From -1 to 1, with an interval over images; n is the number of images.

    Examples
    --------
    >>> truth = pd.DataFrame({"item_id": range(30), "label": "cell", "x0": 0, "y0": 0, "x1": 40, "y1": 40})
    >>> found = truth.assign(score=0.9)
    >>> compare_detection(truth, found[:15], found).value.__round__(2)
    0.5
    """
    if images is None and "reviewed" not in truth.attrs:
        images = pd.unique(pd.concat([table["item_id"] for table in (truth, before, after)], ignore_index=True))
    images = None if images is None else list(images)
    limits = list(threshold) if isinstance(threshold, Sequence) else [threshold, threshold]
    values, samples, n = [], [], 0
    for table, limit in zip((before, after), limits, strict=True):
        encoded = encode(truth, table, images=images, sizes=sizes)
        if encoded.kind == "span":
            raise BadInput("these are spans of texts; quality.compare_spans(truth, before, after) compares them.")
        usual, known, of = ("f1", POINT_FIGURES, point_figures) if encoded.kind == "point" else \
            ("map50", AP_FIGURES, ap_figures)
        name = figure or usual
        if name not in known:
            raise BadInput(f"figure {name!r} can't be compared; one of {', '.join(known)} is expected.")
        curves, n = _matched(encoded, limit).curves(), len(encoded.images)
        values.append(float(of(curves, None)[1][name][0]))
        samples.append(of(curves, resampled(encoded, groups, resamples, seed))[1][name])
    gain = values[1] - values[0]
    if math.isnan(gain):
        return Estimate(math.nan, n=n, why="no object is known to be in these images")
    low, high = interval(gain, samples[1] - samples[0], rarest(curves), signed=True)
    return Estimate(gain, low, high, n=n)


def resampled(encoded: Encoded, groups: Mapping[Any, Any] | None, n_samples: int,
              seed: int) -> npt.NDArray[np.float32]:
    """How often each image is in each sample, shape (n_samples, n_images)."""
    n = len(encoded.images)
    if groups is not None and (missing := [image for image in encoded.images if image not in groups]):
        raise ShapeError(f"groups lacks image {missing[0]!r}; the group of each image is expected.")
    place = clusters_of(None if groups is None else [groups[image] for image in encoded.images], n)
    n_groups = int(place.max(initial=-1)) + 1
    if not n_groups:
        return np.zeros((n_samples, 0), np.float32)
    drawn = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_samples)
    return np.asarray(drawn[:, place], np.float32)


def interval(value: float, samples: Floats, n: int, *, signed: bool = False) -> tuple[float, float]:
    """95 % interval of a figure from samples of the images: the wider of Student's and of the percentiles at each end.

    Parameters
    ----------
    value : float
        The figure; a share, or with `signed` a difference of shares.
    samples : ndarray of float, shape (n_samples,)
        The figure in each sample of the images.
    n : int
        Number of images with an object of the rarest label: fewer tell less of the figure.

    Returns
    -------
    low, high : float
        Student's interval of a share is made on the scale of its log odds. If all samples are equal, it allows for the
        share of other images that a sample of n may miss. NaN for fewer than two images.
    """
    finite = samples[np.isfinite(samples)]
    if n < 2 or len(finite) < len(samples) / 2:
        return math.nan, math.nan
    if float(finite.std()) < ALIKE:
        left = float(unseen(n, 0.95))
        return (max(-1.0, value - left) if signed else value * (1 - left)), min(1.0, value + (1 - value) * left)
    scale: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (np.asarray, float) if signed else (logit, expit)
    within = (-1.0, 1.0) if signed else (0.5 / n / 10, 1 - 0.5 / n / 10)
    to, back = scale
    centre, spread = to(np.clip(value, *within)), float(to(np.clip(finite, *within)).std())
    half = -float(stdtrit(n - 1, 0.025)) * spread * math.sqrt(n / (n - 1))
    low, high = np.quantile(finite, [0.025, 0.975])
    low, high = min(float(low), float(back(centre - half))), max(float(high), float(back(centre + half)))
    return min(value, max(-1.0, low)), max(value, min(1.0, high))


def rarest(curves: Sequence[Curve]) -> int:
    """Number of images that have the rarest label, among labels that some image has."""
    return min((n for curve in curves if (n := int((curve.n_true > 0).sum()))), default=0)


def _matched(encoded: Encoded, threshold: Any) -> Matched:
    if encoded.kind != "point":
        return match(encoded, IOU_THRESHOLDS)
    least = [threshold.get(label, 0.5) for label in encoded.labels] if isinstance(threshold, Mapping) else threshold
    return match(encoded, [ON_POINT], least=least)


def _table(matched: Matched, weights: npt.NDArray[np.float32], encoded: Encoded) -> pd.DataFrame:
    curves = matched.curves()
    points = encoded.kind == "point"
    figures, of = (POINT_FIGURES, point_figures) if points else (AP_FIGURES, ap_figures)
    (each, together), (each_again, again) = of(curves, None), of(curves, weights)
    n_of = [(int((curve.n_true > 0).sum()), int(curve.n_true.sum()), len(curve.image)) for curve in curves]
    rows = [{"label_id": None, "n_images": len(encoded.images), "n_objects": sum(n for _, n, _ in n_of),
             "n_predicted": sum(n for _, _, n in n_of), **_ends(figures, together, again, rarest(curves))}]
    for label, counts, values, samples in zip(encoded.labels, n_of, each, each_again, strict=True):
        rows.append({"label_id": label, **dict(zip(("n_images", "n_objects", "n_predicted"), counts, strict=True)),
                     **_ends(figures, values, samples, counts[0])})
    return pd.DataFrame(rows, index=pd.Index([ALL, *encoded.names], dtype=object))


def _ends(figures: Sequence[str], values: dict[str, Floats], samples: dict[str, Floats], n: int) -> dict[str, float]:
    row: dict[str, float] = {}
    for name in figures:
        value = float(values[name][0])
        low, high = (math.nan, math.nan) if math.isnan(value) else interval(value, samples[name], n)
        row |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return row
