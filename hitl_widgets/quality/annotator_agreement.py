"""Agreement of annotators: coefficients with intervals, per label, per pair, over time, and with themselves.

`agreement` computes them from a table of votes and returns an `Agreement`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from ..taxonomy.label_sets import is_set, members
from . import coefficients
from .coefficients import Floats, Measured, kinds_of
from .intervals import across, jeffreys
from .pairwise import PAIR_COLUMNS, Pairs
from .resampling import LeaveOut, Measure, OverItems, Resamples, over_people
from .votes import EncodedVotes, encode

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

Distance = Literal["nominal", "ordinal", "interval", "masi", "jaccard"]
DISTANCES: tuple[Distance, ...] = ("nominal", "ordinal", "interval", "masi", "jaccard")
OF_SETS = ("masi", "jaccard")

COEFFICIENTS = ("percent", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha", "gwet_ac1", "gwet_ac2")
COLUMNS = ["coefficient", "value", "low", "high", "n_items", "n_annotators", "over", "why"]

# With fewer people an interval over people says nothing: Student's factor is 4.3 with three of them.
FEWEST_PEOPLE = 5

# Below this many items in common the kappa of a pair is too low on average by 5 % or more.
FEW_IN_COMMON = 10

_NO_PAIRS = "no item has votes of two annotators"
_ONE_LABEL = "all votes are for one label, so that no disagreement is expected by chance"
_ALIKE = "an interval needs items that aren't all alike"
_ONE_ITEM = "an interval needs two items with two votes each"


def agreement(votes: pd.DataFrame, distance: Distance = "nominal", *, labels: Any = None, seed: int = 0) -> Agreement:
    """Inter-annotator agreement, with intervals over items (for the same people), and over items and people.

    Answers to suggestions that were wrong on purpose (`planted`) and repeated questions (`repeat_of`) aren't votes and
    are left out. If an annotator has several rows for an item, the last one counts.

    Parameters
    ----------
    votes : DataFrame
        With the columns item_id, annotator and label, and optionally planted, repeat_of and acted_at; `wb.votes()`
        makes such a table. A set of labels is given as a tuple, list or set of names. If `label` has texts and the
        distance is one of sets, the set ids in `label_id` (such as "+Lab+Lcd") are used.
    distance : "nominal", "ordinal", "interval", "masi" or "jaccard"
        Distance of two labels, for Krippendorff's alpha and Gwet's AC2. The other coefficients are nominal. "interval"
        is the squared difference of numbers; "masi" and "jaccard" are distances of sets of labels
        (`coefficients.set_distances`).
    labels : sequence, optional
        All labels that could have been given; for "ordinal" from the lowest to the highest. By default the labels that
        were given, which have to be numbers for "ordinal" and "interval". Gwet's coefficients depend on the number of
        labels. It isn't used for sets.
    seed : int
        Seed of the bootstrap samples of items.

    Raises
    ------
    BadInput
        If distance is unknown or doesn't fit the labels: their order is unknown, or they aren't numbers or sets.
    ShapeError
        If a column is missing.

    Examples
    --------
    >>> votes = pd.DataFrame({"item_id": [1, 1, 2, 2, 3, 3, 4, 4], "annotator": ["ann", "bob"] * 4,
    ...                       "label": ["cat", "cat", "dog", "dog", "cat", "dog", "dog", "dog"]})
    >>> agreement(votes)["cohen_kappa"].value
    0.5
    """
    if distance not in DISTANCES:
        raise BadInput(f"distance {distance!r} is unknown; {', '.join(map(repr, DISTANCES[:-1]))} or "
                       f"{DISTANCES[-1]!r} is expected.")
    check_count("seed", seed, "a whole number, 0 or more,", least=0)
    if distance in OF_SETS:
        votes, labels = _as_sets(votes), None
    encoded = _in_order(encode(votes, labels), distance, labels is not None)
    return Agreement(_table(encoded, distance, seed), distance, encoded, votes, seed)


@dataclass(frozen=True)
class OneReader:
    """A person who sees other people's figures only in aggregate.

    Attributes
    ----------
    annotator : str
        The person's name.
    fewest : int
        Smallest number of other people whose figures are shown in aggregate.
    """

    annotator: str
    fewest: int

    def own_and_all(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the reader's own rows of a table with a column annotator, and "all" if enough others are in it."""
        people = set(table["annotator"]) - {self.annotator, "all"}
        kept = [self.annotator, *(["all"] if len(people) >= self.fewest else [])]
        mine: pd.DataFrame = table[table["annotator"].isin(kept)].reset_index(drop=True)
        return mine


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """Inter-annotator agreement, as returned by `agreement`.

    Attributes
    ----------
    table : DataFrame
        A row for each coefficient and kind of interval: coefficient, value, low, high, n_items (with two or more
        votes), n_annotators (of these votes), over, why. `over` is "items" (the interval is for the same people on
        similar items) or "items and people" (for similar people on similar items). `why` is the reason if a value or
        interval is missing; with cohen_kappa it may also be a warning.

        - percent: share of agreeing pairs of votes, averaged over items.
        - cohen_kappa: of two annotators; for more annotators the mean over pairs, weighted by the number of common
          items.
        - fleiss_kappa, krippendorff_alpha (by `distance`), gwet_ac1.
        - gwet_ac2: with Gwet's ordinal weights if distance is "ordinal", equal to gwet_ac1 if it is "nominal",
          otherwise with the weights 1 - distance / (largest distance).

        Kappa and alpha fall where one label is rare, and Gwet's coefficients rise; look at both.
    distance : "nominal", "ordinal", "interval", "masi" or "jaccard"
    """

    table: pd.DataFrame
    distance: Distance
    _encoded: EncodedVotes = field(repr=False)
    _votes: pd.DataFrame = field(repr=False)
    _seed: int = 0
    _reader: OneReader | None = None

    def seen_by(self, annotator: str, *, fewest: int) -> Agreement:
        """Return the same figures for somebody who may see other people only in aggregate.

        `pairs` then has one row, this annotator with all others together, and `within` has their own row and "all".
        Figures about others are left out if there are too few of them.

        Parameters
        ----------
        annotator : str
        fewest : int
            Smallest number of other people.
        """
        return replace(self, _reader=OneReader(annotator, fewest))

    def __getitem__(self, coefficient: str) -> Estimate:
        """The estimate of a coefficient, with its interval from resampling items."""
        return self.estimate(coefficient)

    def estimate(self, coefficient: str, over: str = "items") -> Estimate:
        """Return one row of the table.

        Parameters
        ----------
        coefficient : str
            Such as "krippendorff_alpha".
        over : "items" or "items and people"
        """
        rows = self.table[(self.table["coefficient"] == coefficient) & (self.table["over"] == over)]
        if rows.empty:
            raise BadInput(f"there is no {coefficient!r} over {over!r}; coefficients are {', '.join(COEFFICIENTS)}, "
                           "over 'items' or 'items and people'.")
        row = rows.iloc[0]
        return Estimate(row["value"], row["low"], row["high"], int(row["n_items"]), row["why"])

    @property
    def n_repeated(self) -> int:
        """Number of rows left out because a later row has a vote of the same annotator on the same item."""
        return self._encoded.n_repeated

    @cached_property
    def per_label(self) -> pd.DataFrame:
        """Agreement on each label against all other labels, as a table with a row for each label.

        Columns:

        - label, n_votes, share: the label, its number of votes, and its share of all votes.
        - specific: if one vote on an item is for this label, the probability that another vote on the item is, too.
        - krippendorff_alpha, alpha_low, alpha_high, gwet_ac1, ac1_low, ac1_high: nominal coefficients of the two
          categories "this label" and "another label", with 95 % intervals from resampling items.
        - why: the reason if a coefficient has no value.

        If votes are sets of labels, there is a row for each label in the sets, and the two categories are whether it is
        in a set or not.
        """
        counts, labels = self._encoded.counts(), list(self._encoded.labels)
        n_votes = counts.sum(axis=1)
        if self.distance in OF_SETS:
            sets = [_members(label) for label in labels]
            labels = sorted({member for members in sets for member in members})
            counts = counts @ np.array([[label in members for label in labels] for members in sets],
                                       np.float64).reshape(len(sets), len(labels))
        pairable = n_votes >= 2
        rows = []
        for k, label in enumerate(labels):
            own = counts[:, k]
            sample = _Sample(np.column_stack([own, n_votes - own]), np.random.default_rng(self._seed))
            alpha, ac1 = sample.of("krippendorff_alpha"), sample.of("gwet_ac1")
            paired = float((own * (n_votes - 1) / np.maximum(n_votes - 1, 1))[pairable].sum())
            same = float((own * (own - 1) / np.maximum(n_votes - 1, 1))[pairable].sum())
            why = ""
            if np.isnan(alpha.value):
                why = _NO_PAIRS if not pairable.any() else "all votes are for this label, or none is"
                ac1 = alpha
            rows.append([label, int(own.sum()), own.sum() / max(1.0, n_votes.sum()),
                         same / paired if paired else np.nan, alpha.value, alpha.low, alpha.high, ac1.value, ac1.low,
                         ac1.high, why])
        return pd.DataFrame(rows, columns=["label", "n_votes", "share", "specific", "krippendorff_alpha", "alpha_low",
                                           "alpha_high", "gwet_ac1", "ac1_low", "ac1_high", "why"])

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Agreement of each pair of annotators with common items, as a table.

        Columns: first, second, n_items, percent, cohen_kappa, low, high, why. After `seen_by` there is one row for the
        reader with all others: percent is taken over all comparisons, and kappa is the mean over the pairs.
        """
        pairs, annotators = Pairs.of(self._encoded), self._encoded.annotators
        if self._reader is None:
            return pairs.table(annotators)
        name = self._reader.annotator
        mine = pairs.with_one(int(annotators.get_indexer(pd.Index([name]))[0]))
        if len(mine.n) < self._reader.fewest:
            return pd.DataFrame(columns=PAIR_COLUMNS)
        return mine.together(name, len(self._encoded.items))

    @cached_property
    def within(self) -> pd.DataFrame:
        """How far each annotator agrees with themselves, on items that they were asked again.

        A vote with a value in `repeat_of` is compared with the same person's first vote on the item. The table has a
        row for each annotator: annotator, n, value (share of repeats with the same label), low, high (Jeffreys). The
        last row, "all", has the share of all repeats, with an interval that allows for differences between people. The
        table is empty if nothing was repeated.
        """
        table = _within(self._votes)
        return table if self._reader is None else self._reader.own_and_all(table)

    def over_time(self, windows: int | str | None = None) -> pd.DataFrame:
        """Coefficients in windows of time, each item in the window of its last vote.

        Parameters
        ----------
        windows : int or str, optional
            Number of windows with equally many items, or their length in pandas' notation, such as "7D". By default
            windows of 50 items, at least 2 and at most 8 windows.

        Returns
        -------
        DataFrame
            The table's columns (intervals over items), with start and end of each window.

        Raises
        ------
        ShapeError
            If the table of votes has no acted_at.
        """
        encoded = self._encoded
        if "acted_at" not in encoded.rows or (len(encoded) and encoded.rows["acted_at"].isna().all()):
            raise ShapeError("the table of votes has no acted_at; agreement over time needs when each vote was given.")
        acted = pd.to_datetime(encoded.rows["acted_at"], utc=True)
        last = acted.groupby(encoded.item).max().reindex(range(len(encoded.items)))
        n_votes = np.bincount(encoded.item, minlength=len(encoded.items))
        last = last.where(n_votes >= 2)
        frames = []
        for window in _windows(last, windows):
            some = np.isin(encoded.item, window)
            table = _table(_only(encoded, some), self.distance, self._seed, over_people_too=False)
            frames.append(table.assign(start=last[window].min(), end=last[window].max()))
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*COLUMNS, "start", "end"])

    def plot(self) -> Drawing:
        """Draw the coefficients with both intervals (over items; over items and people), and alpha and AC1 by label."""
        from ..drawing.agreement_plot import plot_agreement

        return plot_agreement(self.table, self.per_label)

    def _summary(self) -> str:
        row = self.table.iloc[0]
        repeated = f"; of {self.n_repeated:,} repeated rows the last counted" if self.n_repeated else ""
        return f"{row['n_items']:,} items with two votes or more, {row['n_annotators']} annotators, " \
               f"{self.distance} distance{repeated}"

    def __repr__(self) -> str:
        lines = [f"Agreement: {self._summary()}"]
        for name in COEFFICIENTS:
            lines.append(f"  {name:<19} {self.estimate(name)!r}")
            wider = self.estimate(name, "items and people")
            if np.isfinite(wider.low):
                lines[-1] += f", over people too {wider.low:.3f} to {wider.high:.3f}"
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for name in COEFFICIENTS:
            estimate, wider = self.estimate(name), self.estimate(name, "items and people")
            rows.append([name, html.bar(estimate.value, low=estimate.low, high=estimate.high),
                         _text(estimate.value), _ends(estimate), _ends(wider), estimate.why or wider.why])
        return html.page("Agreement", html.paragraph(self._summary()),
                         html.table(["coefficient", "", "value", "95 % over items", "over items and people", "why not"],
                                    rows))


def _text(value: float) -> str:
    return "none" if np.isnan(value) else f"{value:.3f}"


def _ends(estimate: Estimate) -> str:
    return "none" if np.isnan(estimate.low) else f"{estimate.low:.3f} to {estimate.high:.3f}"


class _Sample:
    """Counts of votes by item, bootstrap samples of the items, and the coefficients computed from them."""

    def __init__(self, counts: Floats, rng: np.random.Generator, distance: Distance = "nominal",
                 distances: Floats | None = None) -> None:
        self.kinds, place = kinds_of(counts)
        sizes = np.bincount(place, minlength=len(self.kinds)).astype(np.float64)
        self.n_items = int((counts.sum(axis=1) >= 2).sum())
        self.measures = _measures(counts.shape[1], distance, distances)
        # An item with one dissenting vote, which gives an interval even if no two votes differ.
        self.with_dissent = np.vstack([self.kinds, _dissent(counts)])
        self.resamples = Resamples(np.append(sizes, 0.0), rng)

    def of(self, coefficient: str) -> OverItems:
        """Measure a coefficient, with its interval over items."""
        kinds = self.with_dissent
        if coefficient == "percent" and kinds.shape[1] == 1:  # whoever dissents gives a label that nobody gave yet
            kinds = np.column_stack([kinds, np.zeros(len(kinds))])
            kinds[-1] = [max(0.0, kinds[:, 0].max() - 1), 1.0]
        measure: Measure = partial(self.measures[coefficient], kinds)
        return self.resamples.interval(measure, self.n_items, least=0.0 if coefficient == "percent" else -1.0)


def _measures(n_labels: int, distance: Distance,
              distances: Floats | None) -> dict[str, Callable[[Floats, Floats], Measured]]:
    credit = coefficients.ordinal_weights(n_labels) if distance == "ordinal" else None
    if distances is not None:
        credit = 1 - distances / max(1e-300, float(distances.max(initial=0.0)))
    return {"percent": coefficients.percent, "fleiss_kappa": coefficients.fleiss_kappa,
            "krippendorff_alpha": partial(coefficients.krippendorff_alpha, ordinal=distance == "ordinal",
                                          distances=distances),
            "gwet_ac1": coefficients.gwet_ac, "gwet_ac2": partial(coefficients.gwet_ac, credit=credit)}


def _distances(encoded: EncodedVotes, distance: Distance) -> Floats | None:
    """Distances of the labels for numbers and sets; None if they are nominal or ordinal."""
    if distance == "interval":
        return coefficients.interval_distances(encoded.labels.to_numpy(np.float64))
    if distance in OF_SETS:
        return coefficients.set_distances([_members(label) for label in encoded.labels], masi=distance == "masi")
    return None


def _as_sets(votes: pd.DataFrame) -> pd.DataFrame:
    """Write each set of labels as one text, so that equal sets are equal labels."""
    if not isinstance(votes, pd.DataFrame) or "label" not in votes:
        return votes  # which `encode` refuses, with its reason
    given = votes["label"]
    if "label_id" in votes and given.map(lambda label: isinstance(label, str)).any():
        given = votes["label_id"]
    return votes.drop(columns="suggestion", errors="ignore").assign(label=given.map(_text_of_set).astype(object))


def _text_of_set(label: Any) -> str | None:
    if isinstance(label, (tuple, list, set, frozenset)):
        return json.dumps(sorted(map(str, label)))
    if isinstance(label, str) and is_set(label):
        return json.dumps(sorted(members(label)))
    if label is None or label != label:
        return None
    raise BadInput(f"label {label!r} is no set of labels; a tuple of names, or a set id such as '+Lab+Lcd', is "
                   "expected.")


def _members(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def _dissent(counts: Floats) -> Floats:
    """Vote counts of an artificial item: one vote for the second commonest label, the others for the commonest."""
    votes = counts.sum(axis=1)
    item = np.zeros((1, counts.shape[1]))
    if counts.shape[1] >= 2 and (votes >= 2).any():
        first, second = np.argsort(-counts.sum(axis=0), kind="stable")[:2]
        item[0, first] = np.floor(np.median(votes[votes >= 2])) - 1
        item[0, second] = 1.0
    return item


def _in_order(encoded: EncodedVotes, distance: Distance, named: bool) -> EncodedVotes:
    """Keep only labels with votes, and sort them if they are numbers.

    If `labels` was passed (`named`), these are kept as they are, except with the distance "interval".
    """
    if named and distance != "interval":
        return encoded
    voted = encoded.labels[np.unique(encoded.label)]
    numbers = pd.to_numeric(pd.Series(voted, dtype=object), errors="coerce").to_numpy(np.float64)
    if distance == "interval" and not np.isfinite(numbers).all():
        raise BadInput(f"the labels {', '.join(map(str, voted[:5]))} aren't all numbers; distance 'interval' needs "
                       "numbers.")
    if distance == "ordinal" and not np.isfinite(numbers).all():
        raise BadInput(f"the order of the labels {', '.join(map(str, voted[:5]))} isn't known; pass labels=[...], from "
                       "the lowest to the highest.")
    labels = voted[np.argsort(numbers, kind="stable")] if np.isfinite(numbers).all() else voted
    place = labels.get_indexer(encoded.labels)
    return replace(encoded, labels=labels, label=place[encoded.label].astype(np.int64))


def _only(encoded: EncodedVotes, some: npt.NDArray[np.bool_]) -> EncodedVotes:
    """Some of the votes, with the items that they are about; annotators and labels stay."""
    items, item = np.unique(encoded.item[some], return_inverse=True)
    return replace(encoded, items=encoded.items[items], item=item.astype(np.int64), annotator=encoded.annotator[some],
                   label=encoded.label[some], shown=encoded.shown[some], suggestion=encoded.suggestion[some],
                   rows=encoded.rows[some].reset_index(drop=True))


# 17 branches: the reasons why a coefficient has no value, no interval over items or none over people.
def _table(encoded: EncodedVotes, distance: Distance, seed: int, *, over_people_too: bool = True) -> pd.DataFrame:
    """All coefficients with their intervals, over items, and over items and people."""
    counts = encoded.counts()
    pairable = (counts.sum(axis=1) >= 2)[encoded.item]
    n_people = len(np.unique(encoded.annotator[pairable]))
    sample = _Sample(counts, np.random.default_rng(seed), distance, _distances(encoded, distance))
    pairs = Pairs.of(encoded)
    wider = over_people_too and n_people >= FEWEST_PEOPLE
    rest = _left_out(encoded, counts, sample, pairs) if wider else {}
    rows = []
    for name in COEFFICIENTS:
        found = _cohen(encoded, pairs, seed) if name == "cohen_kappa" else sample.of(name)
        no_value = "" if np.isfinite(found.value) else _ONE_LABEL if pairable.any() else _NO_PAIRS
        why = no_value or ("" if np.isfinite(found.low) else _ONE_ITEM if sample.n_items < 2 else _ALIKE)
        about = [name, found.value]
        n = [sample.n_items, n_people]
        if name == "cohen_kappa" and not why:
            why = _doubt(pairs)
        rows.append([*about, found.low, found.high, *n, "items", why])
        if over_people_too:
            low, high = over_people(found, *rest[name], least=0.0 if name == "percent" else -1.0) if wider \
                else (np.nan, np.nan)
            rows.append([*about, low, high, *n, "items and people",
                         no_value or ("" if np.isfinite(low) else _too_few(n_people) if not wider else _ALIKE)])
    return pd.DataFrame(rows, columns=COLUMNS)


def _doubt(pairs: Pairs) -> str:
    """Warning about the mean over pairs; empty if there is none."""
    parts = []
    if left_out := int(np.isnan(pairs.kappa).sum()):
        parts.append(f"{left_out:,} of {len(pairs.n):,} pairs are left out: both gave one and the same label to all "
                     "items")
    if len(pairs.n) > 1 and (few := int((pairs.n < FEW_IN_COMMON).sum())):
        parts.append(f"{few:,} of {len(pairs.n):,} pairs have fewer than {FEW_IN_COMMON} items in common, which makes "
                     "their kappa too low on average: see krippendorff_alpha")
    return "; ".join(parts)


def _too_few(n_people: int) -> str:
    return f"an interval over people needs {FEWEST_PEOPLE} annotators or more; there are {n_people}"


def _cohen(encoded: EncodedVotes, pairs: Pairs, seed: int) -> OverItems:
    """Cohen's kappa. The interval is from resampling for two annotators, and from a formula for more."""
    if len(pairs.n) != 1:
        return pairs.mean(len(encoded.items))
    n_labels = len(encoded.labels)
    cells, place = np.unique(pairs.one * n_labels + pairs.other, return_inverse=True)
    commonest = np.argsort(-np.bincount(np.concatenate([pairs.one, pairs.other]), minlength=n_labels), kind="stable")
    one = np.append(cells // n_labels, commonest[0])
    other = np.append(cells % n_labels, commonest[min(1, n_labels - 1)])
    resamples = Resamples(np.append(np.bincount(place), 0).astype(np.float64), np.random.default_rng(seed))
    return resamples.interval(partial(coefficients.cohen_kappa, one, other, n_labels), len(pairs.item))


def _left_out(encoded: EncodedVotes, counts: Floats, sample: _Sample, pairs: Pairs) -> dict[str, tuple[Floats, float]]:
    """Leave-one-person-out values of each coefficient, and its variance over votes."""
    n_people = len(encoded.annotators)
    left_out = LeaveOut(counts, encoded.item, encoded.annotator, encoded.label, n_people)
    found = {name: left_out.measure(measure) for name, measure in sample.measures.items()}
    found["cohen_kappa"] = pairs.leave_out(n_people)
    people = np.unique(np.concatenate([pairs.first, pairs.second]))
    return {name: (rest[people], of_votes) for name, (rest, of_votes) in found.items()}


def _windows(last: pd.Series, windows: int | str | None) -> list[npt.NDArray[np.int64]]:
    """Positions of the items in each window of time, in the order of time. Items without a time are left out."""
    times = last.dropna().sort_values(kind="stable")
    places = times.index.to_numpy(np.int64)
    if isinstance(windows, str):
        try:
            step = pd.Timedelta(windows)
        except ValueError:
            raise BadInput(f"windows is {windows!r}; a length such as '7D', or a number of windows, is "
                           "expected.") from None
        if step <= pd.Timedelta(0):
            raise BadInput(f"windows is {windows!r}; a length above 0 is expected.")
        number = ((times - times.min()) // step).to_numpy() if len(times) else np.zeros(0)
        return [places[number == k] for k in np.unique(number)]
    n_windows = int(np.clip(len(places) // 50, 2, 8)) if windows is None else \
        check_count("windows", windows, "a number of windows, 1 or more, or a length such as '7D',", least=1)
    return [part for part in np.array_split(places, n_windows) if len(part)]


def _within(votes: pd.DataFrame) -> pd.DataFrame:
    columns = ["annotator", "n", "value", "low", "high"]
    if "repeat_of" not in votes:
        return pd.DataFrame(columns=columns)
    rows = votes[votes["label"].notna()]
    if "planted" in rows:
        rows = rows[~rows["planted"].to_numpy(np.bool_, na_value=False)]
    if "acted_at" in rows and rows["acted_at"].notna().all():
        rows = rows.iloc[pd.to_datetime(rows["acted_at"], utc=True).argsort(kind="stable")]
    again = rows["repeat_of"].notna()
    first = rows[~again].drop_duplicates(["item_id", "annotator"])
    both = rows[again].merge(first, on=["item_id", "annotator"], suffixes=("", "_first"))
    if both.empty:
        return pd.DataFrame(columns=columns)
    same = (both["label"] == both["label_first"]).groupby(both["annotator"])
    k, n = same.sum().astype(int), same.size()
    table = [[name, int(n[name]), k[name] / n[name], *jeffreys(k[name], n[name])] for name in n.index]
    table.append(["all", int(n.sum()), k.sum() / n.sum(), *across(k.to_numpy(), n.to_numpy())])
    return pd.DataFrame(table, columns=columns)
