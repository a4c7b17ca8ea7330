"""Agreement of annotators about values on a scale: Krippendorff's alpha, and mean differences.

`value_agreement` computes them from a table of one attribute's values and returns a `ValueAgreement`. For an attribute
with choices use `annotator_agreement.agreement`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from . import coefficients
from .annotator_agreement import FEWEST_PEOPLE, OneReader
from .coefficients import Floats, Ints, Measured
from .intervals import student_mean
from .resampling import Resamples, over_people
from .value_metrics import mean_of

Distance = Literal["interval", "ordinal", "nominal"]

COLUMNS = ["coefficient", "value", "low", "high", "n_items", "n_annotators", "over", "why"]
PAIR_COLUMNS = ["first", "second", "n_items", "difference", "low", "high", "mae"]


@dataclass(frozen=True)
class RatedValues:
    """Values as numbers, a row each.

    Attributes
    ----------
    items, annotators : Index
        Keys of the codes in `item` and `annotator`.
    item, annotator : ndarray of int64, shape (n_values,)
    value, weight : ndarray of float, shape (n_values,)
    n_repeated : int
        Rows left out because the same annotator gave the same item a value further down.
    """

    items: pd.Index
    annotators: pd.Index
    item: Ints
    annotator: Ints
    value: Floats
    weight: Floats
    n_repeated: int = 0

    def __len__(self) -> int:
        return len(self.item)


def rated(values: pd.DataFrame) -> RatedValues:
    """Check a table of values of one attribute, and turn it into arrays.

    Rows without a value are left out, and so are planted ones (`planted`, or status "planted") and a person's own
    repeats (`repeat_of`). Where an item and annotator have several rows, the last counts.

    Parameters
    ----------
    values : DataFrame
        item_id, annotator, value; also weight, attribute (one only), status, planted and repeat_of.

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If a value isn't a number, or the table is about several attributes.
    """
    if missing := [name for name in ("item_id", "annotator", "value") if name not in values]:
        raise ShapeError(f"the table of values lacks {', '.join(missing)}; a row for each item and annotator with "
                         "item_id, annotator and value is expected.")
    for name in ("attribute_id", "attribute"):
        if name in values and values[name].nunique() > 1:
            raise BadInput(f"the table has values of {', '.join(map(str, values[name].unique()[:5]))}; those of one "
                           "attribute are expected.")
    kept = np.array(values["value"].notna(), np.bool_)
    if "status" in values:
        kept &= (values["status"] != "planted").to_numpy(np.bool_)
    if "planted" in values:
        kept &= ~values["planted"].to_numpy(np.bool_, na_value=False)
    if "repeat_of" in values:
        kept &= values["repeat_of"].isna().to_numpy(np.bool_)
    rows = values[kept]
    try:
        rows = rows.assign(value=rows["value"].astype(np.float64))
    except (TypeError, ValueError):
        raise BadInput("the table has values that aren't numbers; choices are labels: give them to the functions for "
                       "votes, with the choice as label.") from None
    n_all = len(rows)
    rows = rows.drop_duplicates(["item_id", "annotator"], keep="last")
    item, items = pd.factorize(rows["item_id"])
    annotator, annotators = pd.factorize(rows["annotator"], sort=True)
    weight = rows["weight"].to_numpy(np.float64) if "weight" in rows else np.ones(len(rows))
    return RatedValues(pd.Index(items, name="item_id"), pd.Index(annotators, name="annotator"), item.astype(np.int64),
                       annotator.astype(np.int64), rows["value"].to_numpy(np.float64), weight, n_all - len(rows))


@dataclass(frozen=True, eq=False, repr=False)
class ValueAgreement:
    """Inter-annotator agreement about the values of an attribute.

    Attributes
    ----------
    table : DataFrame
        A row for each kind of interval of Krippendorff's alpha: coefficient, value, low, high, n_items (with two values
        or more), n_annotators (who gave them), over ("items", or "items and people"), why. As in
        `annotator_agreement.Agreement`.
    distance : "interval", "ordinal" or "nominal"
    difference : Estimate
        Mean absolute difference of two annotators' values of an item, averaged over items, in units of the scale.
    """

    table: pd.DataFrame
    distance: Distance
    difference: Estimate
    _rated: RatedValues = field(repr=False)
    _reader: OneReader | None = field(default=None, repr=False)

    def seen_by(self, annotator: str, *, fewest: int) -> ValueAgreement:
        """Return the same figures for somebody who may see other people only in aggregate.

        `pairs` then has one row, this annotator with all others together; it is empty if there are too few others.

        Parameters
        ----------
        annotator : str
        fewest : int
            Smallest number of other people.
        """
        return replace(self, _reader=OneReader(annotator, fewest))

    @property
    def alpha(self) -> Estimate:
        """Krippendorff's alpha, with its interval over items."""
        return self.estimate()

    def estimate(self, over: str = "items") -> Estimate:
        """Return alpha with one of its intervals.

        Parameters
        ----------
        over : "items" or "items and people"
        """
        rows = self.table[self.table["over"] == over]
        if rows.empty:
            raise BadInput(f"there is no interval over {over!r}; 'items' or 'items and people' is expected.")
        row = rows.iloc[0]
        return Estimate(row["value"], row["low"], row["high"], int(row["n_items"]), row["why"])

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Each two annotators with items in common.

        Columns first, second, n_items, difference (the mean of first minus second) with low and high (95 %), and mae
        (the mean absolute difference). After `seen_by` one row: the reader's values minus the mean of all others', over
        items; mae is that of all comparisons.
        """
        wide = pd.DataFrame({"item": self._rated.item, "annotator": self._rated.annotator, "value": self._rated.value}
                            ).pivot(index="item", columns="annotator", values="value")
        if self._reader is not None:
            return self._with_others(wide.set_axis(self._rated.annotators[wide.columns], axis=1), self._reader)
        names, rows = self._rated.annotators, []
        for one, other in combinations(wide.columns, 2):
            apart = (wide[one] - wide[other]).dropna().to_numpy(np.float64)
            if len(apart):
                mean = student_mean(apart)
                rows.append((names[one], names[other], len(apart), mean.value, mean.low, mean.high,
                             float(abs(apart).mean())))
        return pd.DataFrame(rows, columns=PAIR_COLUMNS)

    @staticmethod
    def _with_others(wide: pd.DataFrame, reader: OneReader) -> pd.DataFrame:
        """One row for a reader and all others who gave values of the same items; `wide` is items x annotators."""
        nothing = pd.DataFrame(columns=PAIR_COLUMNS)
        if reader.annotator not in wide:
            return nothing
        apart = -wide.drop(columns=reader.annotator).sub(wide[reader.annotator], axis=0)
        apart = apart.dropna(axis=1, how="all").dropna(axis=0, how="all")
        if apart.shape[1] < reader.fewest:
            return nothing
        mean, each = student_mean(apart.mean(axis=1).to_numpy(np.float64)), apart.to_numpy(np.float64)
        return pd.DataFrame([(reader.annotator, f"{apart.shape[1]} others", len(apart), mean.value, mean.low, mean.high,
                              float(np.nanmean(abs(each))))], columns=PAIR_COLUMNS)

    def __repr__(self) -> str:
        wider = self.estimate("items and people")
        people = f", over people too {wider.low:.3f} to {wider.high:.3f}" if np.isfinite(wider.low) else ""
        return f"krippendorff_alpha ({self.distance}) {self.alpha!r}{people}\n" \
               f"mean difference of two values of an item {self.difference!r}"

    def _repr_html_(self) -> str:
        rows = [[f"Krippendorff's alpha ({self.distance})", repr(self.alpha)],
                ["over items and people", repr(self.estimate("items and people"))],
                ["mean difference of two values of an item", repr(self.difference)]]
        return html.page("Agreement about values", html.table(["", ""], rows))


def value_agreement(values: pd.DataFrame, distance: Distance = "interval", *, seed: int = 0) -> ValueAgreement:
    """Agreement of annotators about the values of one attribute.

    Parameters
    ----------
    values : DataFrame
        item_id, annotator and value (see `rated`), such as the rows of one attribute in `wb.values()`.
    distance : "interval", "ordinal" or "nominal"
        Distance of two values: the squared difference; the squared difference of ranks; or 1 if they differ.
    seed : int
        Seed of the bootstrap samples of items.

    Returns
    -------
    ValueAgreement

    Raises
    ------
    BadInput
        If the distance is unknown, or a value isn't a number.
    ShapeError
        If a column is missing.

    References
    ----------
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, https://repository.upenn.edu/asc_papers/43.

    Examples
    --------
    >>> values = pd.DataFrame({"item_id": [1, 1, 2, 2, 3, 3], "annotator": ["ann", "bob"] * 3,
    ...                        "value": [1, 2, 4, 5, 3, 3]})
    >>> value_agreement(values).alpha.value.__round__(3)
    0.833
    """
    if distance not in ("interval", "ordinal", "nominal"):
        raise BadInput(f"distance {distance!r} is unknown; 'interval', 'ordinal' or 'nominal' is expected.")
    check_count("seed", seed, "a whole number, 0 or more,", least=0)
    encoded = rated(values)
    return ValueAgreement(_table(encoded, distance, seed), distance, _difference(encoded), encoded)


def _difference(encoded: RatedValues) -> Estimate:
    """Mean absolute difference of pairs of values of an item, averaged over items."""
    order = np.lexsort([encoded.value, encoded.item])
    item, value = encoded.item[order], encoded.value[order]
    m = np.bincount(item, minlength=len(encoded.items))
    rank = np.arange(len(item)) - np.repeat(np.cumsum(m) - m, m)  # within the item
    sums = np.bincount(item, (2 * rank - m[item] + 1) * value, len(m))
    pairs = (m * (m - 1) / 2)[m >= 2]
    estimate = mean_of(sums[m >= 2] / pairs, distances=True)
    return estimate if len(pairs) else Estimate(np.nan, why="no item has values of two annotators")


def _table(encoded: RatedValues, distance: Distance, seed: int) -> pd.DataFrame:
    rows, dissent, measure = _rows(encoded, distance)
    m = np.bincount(encoded.item, minlength=len(encoded.items))
    pairable = m >= 2
    n_items, people = int(pairable.sum()), np.unique(encoded.annotator[pairable[encoded.item]])
    kinds = np.vstack([_summed(rows, encoded.item, len(encoded.items)), dissent])
    sizes = np.append(np.ones(len(encoded.items)), 0.0)
    resamples = Resamples(sizes, np.random.default_rng(seed))
    found = resamples.interval(partial(measure, kinds), n_items)
    no_value = "" if np.isfinite(found.value) else "all values are the same" if n_items else \
        "no item has values of two annotators"
    why = no_value or ("" if np.isfinite(found.low) else "an interval needs two items that aren't alike")
    low = high = np.nan
    few = f"an interval over people needs {FEWEST_PEOPLE} annotators or more; there are {len(people)}"
    if len(people) >= FEWEST_PEOPLE and not no_value:
        low, high = over_people(found, *_left_out(encoded, rows, kinds[:-1], measure, people))
        few = "" if np.isfinite(low) else "an interval needs items that aren't all alike"
    about = ["krippendorff_alpha", found.value]
    return pd.DataFrame([[*about, found.low, found.high, n_items, len(people), "items", why],
                         [*about, low, high, n_items, len(people), "items and people", no_value or few]],
                        columns=COLUMNS)


def _rows(encoded: RatedValues,
          distance: Distance) -> tuple[Floats, Floats, Callable[[Floats, Floats], Measured]]:
    """What each value adds to its item, an item with one dissenting value, and the coefficient, given items."""
    value = encoded.value
    m = np.bincount(encoded.item, minlength=len(encoded.items))
    usual = float(np.floor(np.median(m[m >= 2]))) if (m >= 2).any() else 2.0
    if distance == "interval":
        centred = value - value.mean() if len(value) else value
        off = float(centred.std()) if len(value) else 0.0
        rows = np.stack([np.ones(len(value)), centred, centred ** 2], axis=1)
        return rows, np.array([[usual, off, off ** 2]]), coefficients.interval_alpha
    steps, place = np.unique(value, return_inverse=True)
    rows = np.eye(len(steps))[place.reshape(-1)]
    dissent = np.zeros((1, len(steps)))
    if len(steps) >= 2:
        middle = int(np.argsort(-rows.sum(axis=0), kind="stable")[0])
        dissent[0, middle], dissent[0, middle + (1 if middle + 1 < len(steps) else -1)] = usual - 1, 1.0
    return rows, dissent, partial(coefficients.krippendorff_alpha, ordinal=distance == "ordinal")


def _summed(rows: Floats, item: Ints, n_items: int) -> Floats:
    sums = np.zeros((n_items, rows.shape[1]))
    np.add.at(sums, item, rows)
    return sums


def _left_out(encoded: RatedValues, rows: Floats, kinds: Floats, measure: Callable[[Floats, Floats], Measured],
              people: npt.NDArray[np.int64]) -> tuple[Floats, float]:
    """Alpha without each person, and its variance over values."""
    one = np.ones((1, len(kinds)))
    without = np.array([measure(kinds - _summed(rows[mine], encoded.item[mine], len(kinds)), one).value[0]
                        for mine in (encoded.annotator == person for person in people)])
    fewer = kinds[encoded.item] - rows
    slope = measure(np.vstack([kinds, fewer]), np.append(one, np.zeros((1, len(fewer))), axis=1)).slope[0]
    return without, float(((slope[len(kinds):] - slope[encoded.item]) ** 2).sum())
