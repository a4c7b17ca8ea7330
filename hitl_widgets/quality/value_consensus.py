"""Consensus of several annotators' values of an attribute, corrected for each annotator's offset and spread.

`value_consensus` computes it from a table of one attribute's values and returns a `ValueConsensus`. The model is

    value = item + offset of the annotator + error,   error ~ t(freedom) * spread of the annotator

where t(freedom) is Student's t distribution with `freedom` degrees of freedom. The model is hierarchical: items,
offsets and spreads have prior distributions, so that estimates from few answers are shrunk. For an attribute with
choices use `crowd_consensus.consensus`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaln, stdtrit

from ..drawing import html
from ..errors import BadInput
from .coefficients import Floats, Ints
from .value_agreement import RatedValues, rated

METHODS = ("auto", "model", "median", "mean")
TABLE_COLUMNS = ["item_id", "value", "low", "high", "n", "spread", "median"]
PEOPLE_COLUMNS = ["annotator", "n", "offset", "offset_low", "offset_high", "spread", "evidence"]
# With fewer items that two people or more answered, offsets and spreads can't be estimated: the median is taken.
FEWEST_SHARED = 10
# Number of answers by which an annotator's spread is shrunk towards that of all, and number of people with an offset of
# half a spread by which the spread of the offsets is shrunk.
SPREAD_PRIOR, OFFSET_PRIOR = 8.0, 2.0
# Degrees of freedom of the errors that are tried: 4 for many outliers, 1,000 for none.
FREEDOMS = (4.0, 6.0, 10.0, 30.0, 1000.0)
_ITERATIONS, _ENOUGH = 200, 1e-5
# The smallest variance of errors, as a part of that of the values; it would be 0 for people who never differ.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class ValueConsensus:
    """Consensus of several annotators on the value of each item.

    Attributes
    ----------
    table : DataFrame
        A row per item: item_id, value, low and high (95 %, for the consensus of these annotators with infinitely many
        answers each), n (answers), spread (standard deviation of the answers, without the annotators' offsets; NaN for
        one answer), median (of the answers as they are).
    annotators : DataFrame
        A row per person: annotator, n (answers), offset (how far above the others they answer, on average), offset_low
        and offset_high (95 %), spread (standard deviation of their errors), evidence (weight of one of their answers, 1
        on average). NaN if the method has no such figure.
    method : "model", "median" or "mean"
    why : str
        Why this method was chosen.
    item_spread : float
        Standard deviation of the items' values; NaN unless the method is "model".
    freedom : float
        Degrees of freedom of the errors: 4 where outliers are frequent, 1,000 where there are none. NaN unless the
        method is "model".
    n_repeated : int
        Rows left out because the same person answered the same item further down.
    """

    table: pd.DataFrame
    annotators: pd.DataFrame
    method: str
    why: str
    item_spread: float = np.nan
    freedom: float = np.nan
    n_repeated: int = 0

    @property
    def values(self) -> pd.Series:
        """The value of each item, by item_id."""
        return self.table.set_index("item_id")["value"]

    def __repr__(self) -> str:
        people = "1 person" if len(self.annotators) == 1 else f"{len(self.annotators)} people"
        lines = [f"{len(self.table)} items, {int(self.table['n'].sum())} values, {people}; {self.method}", self.why]
        columns = (self.annotators[name].tolist() for name in ("annotator", "offset", "offset_low", "offset_high",
                                                               "spread"))
        lines += [f"  {name}: {offset:+.2f} ({low:+.2f} to {high:+.2f}), spread {spread:.2f}"
                  for name, offset, low, high, spread in zip(*columns, strict=True) if np.isfinite(offset)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [[name, n, f"{offset:+.2f}", f"{low:+.2f} to {high:+.2f}", f"{spread:.2f}"] for
                name, n, offset, low, high, spread in self.annotators[PEOPLE_COLUMNS[:6]].to_numpy(object).tolist()]
        return html.page("Consensus of values", html.paragraph(repr(self).splitlines()[0]), html.paragraph(self.why),
                         html.table(["annotator", "values", "offset", "95 %", "spread"], rows))


def value_consensus(values: pd.DataFrame, method: str = "auto", *,
                    scale: tuple[float, float] | None = None) -> ValueConsensus:
    """Estimate the consensus value of each item, and each annotator's offset and spread.

    Parameters
    ----------
    values : DataFrame
        item_id, annotator and value (see `value_agreement.rated`); `weight` (1 by default) is the weight of an answer,
        for example by its certainty.
    method : "auto", "model", "median" or "mean"
        "model" fits the model in this module's docstring; items with few answers are shrunk towards the mean of all
        items. "auto" means "median" if fewer than `FEWEST_SHARED` items were answered by two people or more, otherwise
        "model".
    scale : tuple of float, optional
        The lowest and the highest possible value: consensus and intervals are clipped to them.

    Returns
    -------
    ValueConsensus

    Raises
    ------
    BadInput
        If the method is unknown, a value isn't a number, or a weight is negative.
    ShapeError
        If a column is missing.

    References
    ----------
    Searle, Casella and McCulloch (1992), Variance Components, doi:10.1002/9780470316856; Lange, Little and Taylor
    (1989), Robust Statistical Modeling Using the t Distribution, doi:10.1080/01621459.1989.10478852.

    Examples
    --------
    >>> values = pd.DataFrame({"item_id": np.repeat(range(12), 2), "annotator": ["ann", "bob"] * 12,
    ...                        "value": np.repeat(range(12), 2) + np.tile([0.0, 1.0], 12)})
    >>> value_consensus(values).annotators["offset"].round(1).tolist()
    [-0.5, 0.5]
    """
    if method not in METHODS:
        raise BadInput(f"method {method!r} isn't known; one of {', '.join(METHODS)} is expected.")
    given = rated(values)
    if not (given.weight >= 0).all():
        raise BadInput("the table of values has weights that are below 0 or missing; numbers of 0 or more are "
                       "expected.")
    n = np.bincount(given.item, minlength=len(given.items))
    n_shared = int((n >= 2).sum())
    why = "as asked" if method != "auto" else \
        f"{n_shared} items were answered by two people or more" + (
            "" if n_shared >= FEWEST_SHARED else f"; the model needs {FEWEST_SHARED}")
    if method == "auto":
        method = "model" if n_shared >= FEWEST_SHARED else "median"
    if method == "model" and n_shared and np.ptp(given.value) > 0:
        return _modelled(given, n, why, scale)
    return _counted(given, n, "median" if method == "model" else method, why)


def _counted(given: RatedValues, n: Ints, method: str, why: str) -> ValueConsensus:
    """Median or mean of each item."""
    median = _medians(given)
    value = median if method == "median" else _means(given, given.value)
    centre = _means(replace(given, weight=np.ones(len(given))), given.value)
    table = pd.DataFrame(dict(zip(TABLE_COLUMNS, (given.items, value, np.nan, np.nan, n, _spreads(given, given.value,
                                                                                                centre, n), median),
                                  strict=True)))
    nothing = np.full(len(given.annotators), np.nan)
    n_each = np.bincount(given.annotator, minlength=len(given.annotators))
    people = pd.DataFrame(dict(zip(PEOPLE_COLUMNS, (given.annotators, n_each, *[nothing] * 5), strict=True)))
    return ValueConsensus(table, people, method, why, n_repeated=given.n_repeated)


def _modelled(given: RatedValues, n: Ints, why: str, scale: tuple[float, float] | None) -> ValueConsensus:
    fit = _fit(given)
    half = -float(stdtrit(max(3.0, len(given) - len(given.items) - 1.0), 0.025))
    item_variance, offset_variance = fit.variances()
    error = np.sqrt(item_variance)
    value, low, high = fit.item, fit.item - half * error, fit.item + half * error
    if scale is not None:
        value, low, high = (np.clip(column, *scale) for column in (value, low, high))
    offset, spread = fit.offset, fit.spread * np.sqrt(fit.freedom / (fit.freedom - 2))
    without = given.value - offset[given.annotator]
    centre = _means(replace(given, weight=np.ones(len(given))), without)
    table = pd.DataFrame(dict(zip(TABLE_COLUMNS, (given.items, value, low, high, n,
                                                  _spreads(given, without, centre, n), _medians(given)), strict=True)))
    n_each = np.bincount(given.annotator, minlength=len(given.annotators))
    wide = half * np.sqrt(offset_variance)
    evidence = 1 / fit.spread ** 2
    evidence = evidence / np.average(evidence, weights=n_each)
    people = pd.DataFrame(dict(zip(PEOPLE_COLUMNS, (given.annotators, n_each, offset, offset - wide, offset + wide,
                                                    spread, evidence), strict=True)))
    return ValueConsensus(table, people, "model", why, float(np.sqrt(fit.item_prior)), fit.freedom, given.n_repeated)


@dataclass(frozen=True)
class _Fit:
    """Estimates of the model, and the rows that they rest on.

    Parameters
    ----------
    rows : RatedValues
    item, item_error : ndarray of float, shape (n_items,)
        Value, and its variance if offsets were known.
    offset, offset_variance, spread : ndarray of float, shape (n_annotators,)
    counted : ndarray of float, shape (n_values,)
        Effective weight of each value: its weight, smaller if it is an outlier.
    mean, item_prior, offset_prior : float
        Mean and variance of the items' values, and variance of the offsets.
    freedom : float
    group : ndarray of int64, shape (n_annotators,)
        Group of each annotator: people connected by items in common.
    """

    rows: RatedValues
    item: Floats
    item_error: Floats
    offset: Floats
    offset_variance: Floats
    spread: Floats
    counted: Floats
    mean: float
    item_prior: float
    offset_prior: float
    freedom: float
    group: Ints

    @property
    def precision(self) -> Floats:
        """Precision of each value."""
        return np.asarray(self.counted / self.spread[self.rows.annotator] ** 2)

    def variances(self) -> tuple[Floats, Floats]:
        """Variance of each item's value and of each offset, including the uncertainty of all other estimates."""
        n_items, n_people = len(self.item), len(self.offset)
        precision = csr_matrix((self.precision, (self.rows.item, self.rows.annotator)), (n_items, n_people))
        own = 1 / self.offset_prior + np.asarray(precision.sum(axis=0)).ravel()
        shared = (precision.T @ precision.multiply(self.item_error[:, None])).toarray()
        of_offsets = np.linalg.inv(np.diag(own) - shared)
        of_offsets -= of_offsets.mean(axis=0)  # offsets add up to 0
        of_offsets -= of_offsets.mean(axis=1, keepdims=True)
        through = np.asarray(precision.multiply(precision @ of_offsets).sum(axis=1)).ravel()
        return self.item_error + self.item_error ** 2 * np.maximum(through, 0), np.maximum(np.diag(of_offsets), 0)


def _fit(rows: RatedValues) -> _Fit:
    """Estimate the model by EM."""
    n_items, n_people = len(rows.items), len(rows.annotators)
    item = _medians(rows)  # with means, people who are always wrong couldn't be told from the others
    n = np.bincount(rows.item, minlength=n_items)
    left = rows.value - item[rows.item]
    start = float((left ** 2).sum()) / max(1, len(rows) - n_items)
    start = max(start, _LEAST_VARIANCE * float(np.var(rows.value)))
    of_person = np.bincount(rows.annotator, left ** 2, n_people) + SPREAD_PRIOR * start
    spread = np.sqrt(of_person / (np.bincount(rows.annotator, minlength=n_people) + SPREAD_PRIOR))
    between = max(0.1 * float(np.var(item)), float(np.var(item)) - start * float((1 / n).mean()), 1e-12)
    fit = _Fit(rows, item, start / n, np.zeros(n_people), np.zeros(n_people), spread,
               rows.weight.astype(np.float64), float(item.mean()), between, 0.25 * start, 10.0, _groups(rows))
    for iteration in range(_ITERATIONS):
        again = _step(fit, choose=iteration % 5 == 4)
        moved = float(abs(again.item - fit.item).max())
        fit = again
        if moved < _ENOUGH * np.sqrt(between) and iteration >= 10:
            break
    return fit


def _step(fit: _Fit, *, choose: bool) -> _Fit:
    """Estimate each parameter again, given the others."""
    rows, who, what = fit.rows, fit.rows.annotator, fit.rows.item
    n_items, n_people = len(fit.item), len(fit.offset)
    precision = fit.precision
    item_error = 1 / (1 / fit.item_prior + np.bincount(what, precision, n_items))
    item = item_error * (fit.mean / fit.item_prior
                         + np.bincount(what, precision * (rows.value - fit.offset[who]), n_items))
    offset_variance = 1 / (1 / fit.offset_prior + np.bincount(who, precision, n_people))
    offset = offset_variance * np.bincount(who, precision * (rows.value - item[what]), n_people)
    # Offsets have mean 0 in each group of people who have items in common, since nothing compares two groups.
    offset -= (np.bincount(fit.group, offset) / np.bincount(fit.group))[fit.group]
    squares = (rows.value - item[what] - offset[who]) ** 2 + item_error[what] + offset_variance[who]
    sums, n_each = (np.bincount(who, of, n_people) for of in (fit.counted * squares, rows.weight))
    usual = float(np.exp(np.average(np.log(fit.spread ** 2), weights=n_each + 1e-9)))
    spread = np.sqrt(np.maximum((SPREAD_PRIOR * usual + sums) / (SPREAD_PRIOR + n_each),
                                _LEAST_VARIANCE * float(np.var(rows.value))))
    ratio = squares / spread[who] ** 2
    freedom = _freedom(ratio, rows.weight) if choose else fit.freedom
    mean = float(item.mean())
    return _Fit(rows, item, item_error, offset, offset_variance, spread,
                rows.weight * (freedom + 1) / (freedom + ratio), mean,
                max(1e-12, float(((item - mean) ** 2 + item_error).mean())),
                (OFFSET_PRIOR * usual / 4 + float((offset ** 2 + offset_variance).sum())) / (OFFSET_PRIOR + n_people),
                freedom, fit.group)


def _groups(rows: RatedValues) -> Ints:
    """The number of each annotator's group: people with items in common, directly or through others."""
    answered = csr_matrix((np.ones(len(rows)), (rows.annotator, rows.item)), (len(rows.annotators), len(rows.items)))
    return np.asarray(connected_components(answered @ answered.T, directed=False)[1], np.int64)


def _freedom(ratio: Floats, weight: Floats) -> float:
    """Degrees of freedom with the largest likelihood of these squared errors over the squared spread."""
    def log_likelihood(freedom: float, squeeze: float) -> float:
        return float((weight * (gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(freedom * squeeze)
                                - (freedom + 1) / 2 * np.log1p(ratio / squeeze / freedom))).sum())
    # Each with its own best spread: the current one fits the current degrees of freedom.
    best = {freedom: max(log_likelihood(freedom, squeeze) for squeeze in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5))
            for freedom in FREEDOMS}
    return max(best, key=lambda freedom: best[freedom])


def _means(given: RatedValues, values: Floats) -> Floats:
    weight = np.bincount(given.item, given.weight, len(given.items))
    sums = np.bincount(given.item, given.weight * values, len(given.items))
    return np.asarray(np.where(weight > 0, sums / np.where(weight > 0, weight, 1), np.nan))


def _medians(given: RatedValues) -> Floats:
    medians = pd.Series(given.value).groupby(given.item).median()
    return medians.reindex(range(len(given.items))).to_numpy(np.float64)


def _spreads(given: RatedValues, values: Floats, centre: Floats, n: Ints) -> Floats:
    squares = np.bincount(given.item, (values - centre[given.item]) ** 2, len(given.items))
    return np.asarray(np.where(n >= 2, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan))
