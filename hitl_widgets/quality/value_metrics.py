"""Metrics of predicted values of an attribute, each with its n and its 95 % interval.

`value_metrics` returns the `ValueMetrics` of one model; `compare_values` estimates the gain of one model over another
on the same items. An attribute is "ordinal" (whole numbers), "continuous", or "choices" (names).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from ..errors import BadInput, ShapeError
from ..records import Estimate
from .intervals import clusters_of, design_effect, jeffreys
from .metrics import compare, estimate_from_list, estimate_to_list

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

KINDS = ("ordinal", "continuous", "choices")
_NO_ITEM = "no item with a known value"
# Largest number of jackknife samples for the interval of Spearman's coefficient; more groups are left out in batches.
_MOST_PARTS = 200


@dataclass(frozen=True, eq=False, repr=False)
class ValueMetrics:
    """Errors of predicted values of an attribute, and their correlation with known ones.

    Each of `FIGURES` is an `Estimate`, such as `metrics["mae"]`; one that isn't defined for this kind of attribute is
    NaN and says why.

    - mae: mean absolute error, in units of the scale.
    - spearman: Spearman's rank correlation of predicted and known values.
    - mean_error: mean of predicted minus known values: above 0 where predictions are too high.
    - within: share of known values inside the predicted intervals.
    - accuracy: share of items whose value is exactly right; for choices and whole numbers.

    Parameters
    ----------
    kind : "ordinal", "continuous" or "choices"
    figures : mapping of str to Estimate
    n : int
        Number of items measured.
    left_out : int
        Number of items without a prediction.
    constant_mae : float
        Mean absolute error of the best constant, the median of the known values: a model whose error isn't below it has
        learnt nothing. NaN for choices.
    n_items : int or None
        Number of measuring items, such as the whole hold-out; None if that isn't known.
    """

    kind: str
    figures: Mapping[str, Estimate]
    n: int
    left_out: int = 0
    constant_mae: float = math.nan
    n_items: int | None = None

    FIGURES = ("mae", "spearman", "mean_error", "within", "accuracy")

    def __getitem__(self, name: str) -> Estimate:
        """Estimate of one of `FIGURES`; BadInput for another name."""
        if name not in self.figures:
            raise BadInput(f"figure {name!r} is unknown; one of {', '.join(self.FIGURES)} is expected.")
        return self.figures[name]

    @property
    def why(self) -> str:
        """Reason why there are no estimates; empty when there are."""
        if self.n:
            return ""
        return f"none of {self.left_out} items has a prediction" if self.left_out else _NO_ITEM

    @property
    def coverage(self) -> str:
        """How many of the measuring items are answered, in words; empty if that isn't known."""
        if self.n_items is None:
            return ""
        without = f", {self.left_out} of them have no prediction" if self.left_out else ""
        return f"{self.n + self.left_out} of {self.n_items} items answered{without}"

    def __repr__(self) -> str:
        shown = [name for name in self.FIGURES if not math.isnan(self.figures[name])] or ["mae"]
        lines = [f"{name.replace('_', ' '):<12} {self[name]}" for name in shown]
        return "\n".join(lines + ([self.coverage] if self.coverage else []))

    def to_dict(self) -> dict[str, Any]:
        """Write the estimates, ready for JSON."""
        return {"kind": self.kind, "n": self.n, "left_out": self.left_out,
                "figures": {name: estimate_to_list(figure) for name, figure in self.figures.items()},
                **({} if math.isnan(self.constant_mae) else {"constant_mae": self.constant_mae}),
                **({} if self.n_items is None else {"n_items": self.n_items})}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ValueMetrics:
        """Read what `to_dict` wrote."""
        return cls(body["kind"], {name: estimate_from_list(figure) for name, figure in body["figures"].items()},
                   body["n"], body["left_out"], body.get("constant_mae", math.nan), body.get("n_items"))


# 13 branches: which figures there are depends on the kind of attribute, on n, and on intervals and groups.
def value_metrics(truth: npt.ArrayLike, predicted: npt.ArrayLike, kind: str = "continuous", *,
                  low: npt.ArrayLike | None = None, high: npt.ArrayLike | None = None, n_items: int | None = None,
                  groups: npt.ArrayLike | None = None) -> ValueMetrics:
    """Compare predicted values of one attribute with known ones.

    Parameters
    ----------
    truth, predicted : array_like, shape (n_items,)
        Numbers, or names for choices. Items whose truth is missing (NaN or None) are left out; those without a
        prediction too, and counted. A continuous prediction of an ordinal attribute is rounded for the accuracy alone.
    kind : "ordinal", "continuous" or "choices"
    low, high : array_like of float, shape (n_items,), optional
        Ends of the predicted intervals; for `within`.
    n_items : int, optional
        See `ValueMetrics`.
    groups : array_like, shape (n_items,), optional
        The group of each item, if items were drawn by whole groups: intervals are wider if the items in a group are
        alike.

    Returns
    -------
    ValueMetrics

    Raises
    ------
    ShapeError
        If the arrays differ in length.
    BadInput
        If the kind is unknown, or a value of a scale isn't a number.

    References
    ----------
    Bonett and Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
    doi:10.1007/BF02294183; Johnson (1978), Modified t tests and confidence intervals for asymmetrical populations,
    doi:10.1080/01621459.1978.10480051.

    Examples
    --------
    >>> value_metrics([1, 2, 3, 4], [1.5, 2, 2, 4.5])["mae"].value
    0.5
    """
    if kind not in KINDS:
        raise BadInput(f"kind {kind!r} is unknown; one of {', '.join(KINDS)} is expected.")
    true, other = (_column(name, values, kind) for name, values in (("truth", truth), ("predicted", predicted)))
    if true.shape != other.shape:
        raise ShapeError(f"there are {len(true)} true values and {len(other)} predicted ones; the same number is "
                         "expected.")
    told, there = ~_missing(true), ~_missing(other)
    keep = told & there
    left_out, n = int((told & ~there).sum()), int(keep.sum())
    cluster = clusters_of(groups, len(true))[keep]
    true, other = true[keep], other[keep]
    none = Estimate(math.nan, why=f"none of {left_out} items has a prediction" if left_out else _NO_ITEM)
    figures = dict.fromkeys(ValueMetrics.FIGURES, none)
    if kind == "choices":
        scale = Estimate(math.nan, why="choices have no distance")
        figures |= dict.fromkeys(("mae", "spearman", "mean_error", "within"), scale)
        if n:
            figures["accuracy"] = _share(true == other, cluster)
        return ValueMetrics(kind, figures, n, left_out, n_items=n_items)
    if kind == "continuous":
        figures["accuracy"] = Estimate(math.nan, why="a continuous value is hardly ever exactly right")
    if not n:
        return ValueMetrics(kind, figures, n, left_out, n_items=n_items)
    error = other.astype(np.float64) - true.astype(np.float64)
    figures |= {"mae": mean_of(abs(error), cluster, distances=True), "mean_error": mean_of(error, cluster),
                "spearman": spearman(true, other, None if groups is None else cluster)}
    if kind == "ordinal":
        figures["accuracy"] = _share(np.rint(other.astype(np.float64)) == true, cluster)
        n_clusters = len(np.unique(cluster))
        figures |= {name: _of_one_value(figures[name], n_clusters, least) for name, least in
                    (("mae", 0.0), ("mean_error", -math.inf))}
    if low is None or high is None:
        figures["within"] = Estimate(math.nan, why="no intervals were predicted")
    else:
        ends = np.stack([_column("low", low, kind), _column("high", high, kind)])[:, keep]
        figures["within"] = _share((ends[0] <= true) & (true <= ends[1]), cluster)
    return ValueMetrics(kind, figures, n, left_out, float(abs(true - np.median(true)).mean()), n_items)


def compare_values(truth: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike, kind: str = "continuous", *,
                   groups: npt.ArrayLike | None = None) -> Estimate:
    """Gain of one model over another on the same items; above 0 where the second is better.

    Parameters
    ----------
    truth, before, after : array_like, shape (n_items,)
        Known values, and those that each model predicts. Items that lack one of the three are left out.
    kind : "ordinal", "continuous" or "choices"
    groups : array_like, shape (n_items,), optional
        See `value_metrics`.

    Returns
    -------
    Estimate
        How much smaller the mean absolute error is, in units of the scale; for choices, the gain in accuracy.

    Raises
    ------
    ShapeError
        If the three differ in length.

    Examples
    --------
    >>> truth = np.arange(20.0)
    >>> compare_values(truth, truth + 1, truth + np.linspace(0, 1, 20))
    0.500 (0.354 to 0.646, n = 20: few items)
    """
    true, first, second = (_column(name, values, kind) for name, values in
                           (("truth", truth), ("before", before), ("after", after)))
    if not true.shape == first.shape == second.shape:
        raise ShapeError(f"there are {len(true)} true values, {len(first)} before and {len(second)} after; the same "
                         "number is expected.")
    keep = ~(_missing(true) | _missing(first) | _missing(second))
    if not keep.any():
        return Estimate(math.nan, why=_NO_ITEM)
    true, first, second = true[keep], first[keep], second[keep]
    cluster = clusters_of(groups, len(keep))[keep]
    if kind == "choices":
        return compare(first == true, second == true, None if groups is None else cluster)
    errors = abs(first - true), abs(second - true)
    gain = mean_of(errors[0] - errors[1], cluster)
    n_clusters = len(np.unique(cluster))
    # If all predictions are equal, it isn't known how rarely others differ, and by how much.
    unseen = float(ndtri(0.975)) ** 2
    usual = max(float(np.maximum(*errors).mean()), 1.0 if kind == "ordinal" else 0.0)  # a step at least
    least = unseen / (n_clusters + unseen) * usual
    return Estimate(gain.value, min(gain.low, gain.value - least), max(gain.high, gain.value + least), n=gain.n) \
        if not (errors[0] != errors[1]).any() else gain


def spearman(first: npt.ArrayLike, second: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Estimate:
    """Spearman's rank correlation, with its interval.

    Parameters
    ----------
    first, second : array_like of float, shape (n_items,)
    groups : array_like, shape (n_items,), optional
        The group of each item, where items were drawn by whole groups.

    Returns
    -------
    Estimate
        On Fisher's scale with Bonett's and Wright's standard error, or with that of the jackknife over groups if it is
        larger. NaN for fewer than 4 items, or if all values are equal.

    Examples
    --------
    >>> spearman(range(10), [1, 0, 2, 3, 5, 4, 6, 7, 9, 8])
    0.964 (0.800 to 0.994, n = 10: few items)
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    value = _rank_correlation(one, other)
    if n < 4 or math.isnan(value):
        return Estimate(math.nan, n=n, why="a correlation needs 4 items" if n < 4 else "all values are the same")
    z, error, wide = math.atanh(min(max(value, -1 + 1e-9), 1 - 1e-9)), math.sqrt((1 + value ** 2 / 2) / (n - 3)), 0.0
    if groups is not None:
        cluster = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
        n_clusters = int(cluster.max()) + 1
        if n_clusters < 2:
            return Estimate(value, -1.0, 1.0, n=n)
        part = cluster if n_clusters <= _MOST_PARTS else cluster % _MOST_PARTS
        n_parts = int(part.max()) + 1
        without = np.array([_rank_correlation(one[part != k], other[part != k]) for k in range(n_parts)])
        without = np.arctanh(np.clip(without[np.isfinite(without)], -1 + 1e-9, 1 - 1e-9))
        if len(without) >= 2:
            wide = math.sqrt((len(without) - 1) / len(without) * float(((without - without.mean()) ** 2).sum()))
        wide *= float(stdtrit(n_parts - 1, 0.025) / ndtri(0.025))
    half = max(-float(ndtri(0.025)) * error, -float(ndtri(0.025)) * wide)
    return Estimate(value, min(value, math.tanh(z - half)), max(value, math.tanh(z + half)), n=n)


def mean_of(values: npt.ArrayLike, cluster: npt.ArrayLike | None = None, *, distances: bool = False) -> Estimate:
    """Mean of values that may lie in clusters, with Student's interval from the clusters' sums.

    Parameters
    ----------
    values : array_like of float, shape (n_items,)
    cluster : array_like of int, shape (n_items,), optional
        The cluster of each value; by default each is its own cluster.
    distances : bool
        Whether the values are 0 or more, such as absolute errors, and so skewed: the interval is then corrected for
        skewness, and clipped to 0.

    Returns
    -------
    Estimate
        NaN ends where there is one cluster only.

    References
    ----------
    Student (1908), doi:10.2307/2331554; Johnson (1978), doi:10.1080/01621459.1978.10480051, for skewed values.

    Examples
    --------
    >>> mean_of([0.5, 1.0, 1.5, 3.0], distances=True)
    1.500 (0.208 to 3.646, n = 4: few items)
    """
    values = np.asarray(values, np.float64)
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    sums = values - mean if cluster is None else np.bincount(
        np.unique(np.asarray(cluster), return_inverse=True)[1].reshape(-1), values - mean)
    n_clusters = len(sums)
    if n_clusters < 2:
        return Estimate(mean, n=n, why="" if n else _NO_ITEM)
    error = math.sqrt(n_clusters / (n_clusters - 1) * float((sums ** 2).sum())) / n
    if error < 1e-12 * max(1.0, abs(mean)):
        return Estimate(mean, mean, mean, n=n)
    student = -float(stdtrit(n_clusters - 1, 0.025))
    half, shift = student * error, 0.0
    if distances:  # by the third moment of the mean, over its variance
        shift = float((sums ** 3).sum()) / n ** 3 / error ** 2 * (1 + 2 * student ** 2) / 6
    low = min(mean, mean - half + shift)
    return Estimate(mean, max(0.0, low) if distances else low, max(mean, mean + half + shift), n=n)


def _of_one_value(estimate: Estimate, n_clusters: int, least: float) -> Estimate:
    """The mean of errors in whole steps; if all are equal, the share that may be missed counts as a step off."""
    if n_clusters < 2 or estimate.low < estimate.high:
        return estimate
    unseen = float(ndtri(0.975)) ** 2
    step = unseen / (n_clusters + unseen)
    return Estimate(estimate.value, max(least, estimate.value - step), estimate.value + step, n=estimate.n)


def _share(right: npt.NDArray[np.bool_], cluster: Ints) -> Estimate:
    effect, n = design_effect(right, cluster), len(right)
    return Estimate(right.mean(), *jeffreys(right.sum() / effect, n / effect), n=n)


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import rankdata  # takes long to load
    ranks = np.stack([rankdata(one), rankdata(other)]) if len(one) > 1 else np.zeros((2, 0))
    ranks = ranks - ranks.mean(axis=1, keepdims=True) if ranks.size else ranks
    size = math.sqrt(float((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())) if ranks.size else 0.0
    return float(ranks[0] @ ranks[1]) / size if size else math.nan


def _column(name: str, values: npt.ArrayLike, kind: str) -> npt.NDArray[Any]:
    column = np.asarray(values, object if kind == "choices" else None)
    if kind != "choices":
        try:
            column = column.astype(np.float64)
        except (TypeError, ValueError):
            raise BadInput(f"{name} holds values that aren't numbers; numbers, or kind='choices', are expected."
                           ) from None
    if column.ndim != 1:
        raise ShapeError(f"{name} has shape {column.shape}; one value for each item is expected.")
    return column


def _missing(column: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.array([value is None or value != value for value in column], np.bool_) if column.dtype == object \
        else np.isnan(column)
