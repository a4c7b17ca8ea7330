"""Precision, recall and F1 of a model that finds spans in texts, strictly and leniently, with intervals over texts.

`spans` compares predicted spans with true ones and returns a `SpanMetrics`; `compare_spans` estimates the gain of one
model over another on the same texts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from .figures_by_label import ALL, FiguresByLabel, rows_of, table_of
from .object_detection import RESAMPLES, Detection, interval, resampled
from .object_matching import Encoded, Floats, Rows, encode

SCHEMES = ("strict", "exact", "partial", "type")
SPAN_FIGURES = tuple(f"{figure}_{scheme}" for scheme in SCHEMES for figure in ("f1", "precision", "recall"))
IN_WORDS = {"strict": "the same characters and label", "exact": "the same characters, whatever the label",
            "partial": "the same characters, half for some of them", "type": "the same label, some of the characters"}
# A prediction is on a true span if it covers this share of it: nervaluate's 1 %.
ON_SPAN = 0.01
# Categories in which a text's predictions and true spans are counted.
_CORRECT, _INCORRECT, _PARTIAL, _MISSED, _SPURIOUS = range(5)


@dataclass(frozen=True, eq=False, repr=False)
class SpanMetrics(FiguresByLabel):
    """How well a model finds the spans of texts, as `spans` measures it.

    `result["f1_exact"]` is an `Estimate`, and so is each of `FIGURES`: f1, precision and recall of four schemes.

    - strict: a prediction is right if it has the characters and the label of a true span.
    - exact: if it has its characters, whatever the label.
    - partial: if it has its characters; one that has some of them counts half. The label doesn't matter.
    - type: if it has its label and some of its characters.

    Attributes
    ----------
    table : DataFrame
        A row for all labels together ("all": all predictions and true spans) and one for each label, indexed by their
        names: label_id, n_texts (that have one), n_spans (that have to be found), n_predicted, and each figure with its
        95 % interval over texts (`_low`, `_high`). In a label's row its own predictions are compared with its own
        spans, so that strict and exact are the same. NaN where there is neither.
    n_texts : int
        Texts that were compared.
    notes : tuple of str
        Remarks to show with the figures.
    """

    table: pd.DataFrame
    n_texts: int
    notes: tuple[str, ...] = ()

    FIGURES = SPAN_FIGURES
    kind = "span"
    _COUNT, _UNDEFINED = "n_texts", "no span of this label is known to be there"

    @property
    def n_images(self) -> int:
        """Texts that were compared, under the name that other measurements have for it."""
        return self.n_texts

    @property
    def why(self) -> str:
        """Reason why there are no estimates; empty when there are."""
        return "" if int(self.table["n_spans"].iloc[0]) else "no span is known to be in these texts"

    def to_dict(self) -> dict[str, Any]:
        """Write the figures, ready for JSON; `from_dict` reads them."""
        return {"kind": "spans", "shape": "span", "n_images": self.n_texts, "notes": list(self.notes),
                "rows": rows_of(self.table)}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> SpanMetrics:
        """Read what `to_dict` wrote."""
        table = table_of(body["rows"], SPAN_FIGURES)
        table.index = table.index.astype(object)
        return cls(table, int(body["n_images"]), tuple(body.get("notes", ())))

    def _summary(self) -> str:
        row = self.table.iloc[0]
        return f"{self.n_texts:,} texts, {int(row['n_spans']):,} spans, {int(row['n_predicted']):,} predicted"

    def __repr__(self) -> str:
        lines = [f"Spans: {self._summary()}"]
        lines += [f"  f1_{scheme:<8} {self[f'f1_{scheme}']!r} ({IN_WORDS[scheme]})" for scheme in SCHEMES]
        lines += [f"  f1_strict of {label}: {self.estimate('f1_strict', label)!r}" for label in self.table.index[1:21]]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        rows = []
        for label in self.table.index:
            cells: list[object] = [str(label), int(self.table.loc[label, "n_spans"])]
            for scheme in SCHEMES:
                estimate = self.estimate(f"f1_{scheme}", label)
                cells.append("none" if math.isnan(estimate) else
                             f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})")
            rows.append(cells)
        return html.page("Spans", html.paragraph(self._summary()),
                         html.table(["label", "spans", *(f"F1 {scheme}" for scheme in SCHEMES)], rows),
                         *map(html.paragraph, self.notes))


Figures: TypeAlias = Detection | SpanMetrics


def figures_in(body: Mapping[str, Any]) -> Figures:
    """Read a detector's figures from the log: `SpanMetrics` for spans, else `Detection`."""
    return SpanMetrics.from_dict(body) if body.get("shape") == "span" else Detection.from_dict(body)


def spans(truth: pd.DataFrame, predictions: pd.DataFrame, *, texts: Iterable[Any] | None = None,
          threshold: float | Mapping[Any, float] = 0.0, groups: Mapping[Any, Any] | None = None,
          resamples: int = RESAMPLES, seed: int = 0) -> SpanMetrics:
    """Compare predicted spans with true ones: strict, exact, partial and type F1, with intervals over texts.

    Parameters
    ----------
    truth : DataFrame
        A row per span, such as `wb.objects()`: item_id, label_id or label, start and end in characters. Rows whose
        act is "deleted" don't count. Spans whose status is "unsure", "to_review" or "planted", or where `crowd` is
        True, needn't be found, and a prediction that lies on them alone is neither right nor wrong.
    predictions : DataFrame
        Predicted spans, as returned by `wb.predict_objects()`. If two are on one true span, the upper row is matched
        first.
    texts : iterable of item_id, optional
        Texts that count, also those without a span. By default those in `truth.attrs["reviewed"]`, which `wb.objects()`
        sets, else every text that has a span in one of the tables.
    threshold : float or mapping of label to float
        Predictions with a lower score don't count; by label_id where the tables have it.
    groups : mapping of item_id to group, optional
        Group of each text, if texts were drawn by whole groups: these are resampled then.
    resamples : int
        Number of bootstrap samples of texts, for the intervals.
    seed : int
        Seed of the samples.

    Returns
    -------
    SpanMetrics

    Raises
    ------
    ShapeError
        If a column is missing.
    BadInput
        If there are other objects than spans, a span is empty, or a text has spans of several annotators.

    References
    ----------
    Segura-Bedmar et al. (2013), SemEval-2013 Task 9, and Batista's nervaluate, whose counts these are: a prediction is
    on a true span of which it covers 1 % or more.

    Examples
    --------
    >>> truth = pd.DataFrame({"item_id": [1, 1], "label": ["place", "person"], "start": [0, 9], "end": [4, 12]})
    >>> found = pd.DataFrame({"item_id": [1, 1], "label": ["person", "person"], "start": [0, 9], "end": [4, 14]})
    >>> result = spans(truth, found)
    >>> result["f1_exact"].value, result["f1_partial"].value, result["f1_type"].value, result["f1_strict"].value
    (0.5, 0.75, 0.5, 0.0)
    """
    check_count("resamples", resamples, "a number of samples, 2 or more,", least=2)
    counted = _Counted.of(truth, predictions, texts, threshold)
    weights = resampled(counted.encoded, groups, resamples, seed)
    notes: tuple[str, ...] = ()
    if counted.encoded.n_unseen:
        notes = (f"{counted.encoded.n_unseen:,} texts have predictions and no true span, so that every prediction "
                 "there is wrong. If they weren't all looked at, pass texts=.",)
    encoded = counted.encoded
    rows = []
    for place, label_id in enumerate([None, *encoded.labels]):
        counts, n_true, n_predicted = counted.counts[place], counted.n_true[place], counted.n_predicted[place]
        n_with = int((n_true > 0).sum())
        row = {"label_id": label_id, "n_texts": len(encoded.images) if label_id is None else n_with,
               "n_spans": int(n_true.sum()), "n_predicted": int(n_predicted.sum())}
        once, again = figures_of(counts, None), figures_of(counts, weights)
        for name in SPAN_FIGURES:
            value = float(once[name][0])
            low, high = (math.nan, math.nan) if math.isnan(value) else interval(value, again[name], n_with)
            row |= {name: value, f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index([ALL, *encoded.names], dtype=object))
    return SpanMetrics(table, len(encoded.images), notes)


def compare_spans(truth: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame, figure: str = "f1_strict", *,
                  texts: Iterable[Any] | None = None,
                  threshold: float | Mapping[Any, float] | Sequence[float | Mapping[Any, float]] = 0.0,
                  groups: Mapping[Any, Any] | None = None, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """Gain of one model over another on the same texts: after minus before.

    Parameters
    ----------
    truth : DataFrame
        See `spans`.
    before, after : DataFrame
        What each model predicts, as for `spans`.
    figure : str
        One of `SpanMetrics.FIGURES`.
    threshold : float, mapping, or two of them
        See `spans`. If two are passed, the first is for the model `before`.
    texts, groups, resamples, seed
        See `spans`.

    Returns
    -------
    Estimate
        From -1 to 1, with an interval over texts; n is the number of texts.

    Examples
    --------
    >>> truth = pd.DataFrame({"item_id": range(30), "label": "place", "start": 0, "end": 4})
    >>> compare_spans(truth, truth[:15], truth).value.__round__(2)
    0.33
    """
    if figure not in SPAN_FIGURES:
        raise BadInput(f"figure {figure!r} can't be compared; one of {', '.join(SPAN_FIGURES)} is expected.")
    if texts is None and "reviewed" not in truth.attrs:
        texts = pd.unique(pd.concat([table["item_id"] for table in (truth, before, after)], ignore_index=True))
    some = None if texts is None else list(texts)
    limits = list(threshold) if isinstance(threshold, Sequence) else [threshold, threshold]
    values, samples, n, n_with = [], [], 0, 0
    for table, limit in zip((before, after), limits, strict=True):
        counted = _Counted.of(truth, table, some, limit)
        n, n_with = len(counted.encoded.images), int((counted.n_true[0] > 0).sum())
        values.append(float(figures_of(counted.counts[0], None)[figure][0]))
        weights = resampled(counted.encoded, groups, resamples, seed)
        samples.append(figures_of(counted.counts[0], weights)[figure])
    gain = values[1] - values[0]
    if math.isnan(gain):
        return Estimate(math.nan, n=n, why="no span is known to be in these texts")
    low, high = interval(gain, samples[1] - samples[0], n_with, signed=True)
    return Estimate(gain, low, high, n=n)


def figures_of(counts: Mapping[str, Floats], weights: npt.NDArray[Any] | None) -> dict[str, Floats]:
    """Each figure in each sample of the texts, shape (n_samples,); NaN without true and predicted spans.

    Parameters
    ----------
    counts : mapping of scheme to ndarray, shape (n_texts, 5)
        Correct, incorrect, partial, missed, spurious.
    weights : ndarray, shape (n_samples, n_texts), or None
    """
    found: dict[str, Floats] = {}
    for scheme, of_text in counts.items():
        total = (of_text.sum(axis=0, keepdims=True) if weights is None else weights @ of_text).T
        right = total[_CORRECT] + (0.5 * total[_PARTIAL] if scheme == "partial" else 0)
        either = total[_CORRECT] + total[_INCORRECT] + total[_PARTIAL]
        said, there = either + total[_SPURIOUS], either + total[_MISSED]
        known = np.where(said + there > 0, 1.0, np.nan)
        found |= {f"f1_{scheme}": known * 2 * right / np.maximum(said + there, 1),
                  f"precision_{scheme}": known * right / np.maximum(said, 1),
                  f"recall_{scheme}": known * right / np.maximum(there, 1)}
    return found


class _Span(NamedTuple):
    """Where a span is, and the number of its label."""

    start: int
    end: int
    label: int


@dataclass(frozen=True, eq=False)
class _Counted:
    """Counts of each text, first for all labels together, then for each label.

    Parameters
    ----------
    encoded : Encoded
    counts : list of dict of scheme to ndarray, shape (n_texts, 5)
    n_true, n_predicted : list of ndarray of int64, shape (n_texts,)
    """

    encoded: Encoded
    counts: list[dict[str, Floats]]
    n_true: list[npt.NDArray[np.int64]]
    n_predicted: list[npt.NDArray[np.int64]]

    # 17 branches: texts, labels and schemes are counted in turn, with a threshold for all labels or for each.
    @classmethod
    def of(cls, truth: pd.DataFrame, predictions: pd.DataFrame, texts: Iterable[Any] | None,
           threshold: float | Mapping[Any, float]) -> _Counted:
        truth, predictions = _as_spans("truth", truth), _as_spans("predictions", predictions)
        scored = isinstance(predictions, pd.DataFrame) and "score" in predictions
        encoded = encode(truth, predictions if scored else predictions.assign(score=1.0), images=texts,
                         kind="span", best_first=False)
        if encoded.kind != "span":
            raise BadInput(f"there are objects of kind {encoded.kind!r}; spans are expected. quality.detection "
                           "measures the others.")
        limits = np.array([threshold.get(label, 0.0) for label in encoded.labels] if isinstance(threshold, Mapping)
                          else [threshold] * len(encoded.labels), np.float64)
        n, m = len(encoded.images), 1 + len(encoded.labels)
        counts = [{scheme: np.zeros((n, 5)) for scheme in SCHEMES} for _ in range(m)]
        n_true, n_predicted = ([np.zeros(n, np.int64) for _ in range(m)] for _ in range(2))
        for text in range(n):
            there, said = _to_compare(encoded, text, limits)
            for place in range(m):
                own_there, own_said = ([one for one in some if place == 0 or one.label == place - 1]
                                       for some in (there, said))
                n_true[place][text], n_predicted[place][text] = len(own_there), len(own_said)
                if own_there or own_said:
                    for scheme, row in count(own_there, own_said).items():
                        counts[place][scheme][text] = row
        return cls(encoded, counts, n_true, n_predicted)


def _as_spans(what: str, table: pd.DataFrame) -> pd.DataFrame:
    """Check a table of spans for its columns, and note their kind."""
    if not isinstance(table, pd.DataFrame):
        return table  # `encode` refuses it
    if missing := [name for name in ("item_id", "label", "start", "end")
                   if name not in table and not (name == "label" and "label_id" in table)]:
        raise ShapeError(f"the table of {what} lacks {' and '.join(missing)}; item_id, label, start and end "
                         "are expected, as wb.objects() has them.")
    return table if "kind" in table else table.assign(kind="span")


def _to_compare(encoded: Encoded, text: int, limits: Floats) -> tuple[list[_Span], list[_Span]]:
    """List a text's true spans, and its predictions with these scores or more that aren't on ignored spans alone."""
    true, found = encoded.true, encoded.predicted
    there = _of_text(true, text, np.ones(len(true), bool) & ~true.ignored)
    spare = _of_text(true, text, true.ignored)
    said = _of_text(found, text, found.score >= limits[found.label] if len(found) else np.zeros(0, bool))
    return there, [one for one in said if not any(_is_on(one, other) for other in spare)
                   or any(_is_on(one, other) for other in there)]


def _of_text(rows: Rows, text: int, kept: npt.NDArray[np.bool_]) -> list[_Span]:
    places = range(int(rows.first[text]), int(rows.first[text + 1]))
    return [_Span(int(rows.ats[place][0]), int(rows.ats[place][1]), int(rows.label[place])) for place in places
            if kept[place]]


def _is_on(said: _Span, there: _Span) -> bool:
    """Whether a prediction covers enough of a true span."""
    both = min(said.end, there.end) - max(said.start, there.start)
    return both > 0 and both >= ON_SPAN * (there.end - there.start)


def count(there: Sequence[_Span], said: Sequence[_Span]) -> dict[str, tuple[int, int, int, int, int]]:
    """Count the predictions and true spans of one text: correct, incorrect, partial, missed, spurious in each scheme.

    Parameters
    ----------
    there, said : sequence of (start, end, label)
        True spans, and predictions in the order in which they are matched.
    """
    near = [[place for place, true in enumerate(there) if _is_on(one, true)] for one in said]
    return {scheme: _count_in(scheme, there, said, near) for scheme in SCHEMES}


def _count_in(scheme: str, there: Sequence[_Span], said: Sequence[_Span], near: Sequence[Sequence[int]]
              ) -> tuple[int, int, int, int, int]:
    """Count in one scheme; `near` are the places of the true spans that each prediction is on."""
    taken, counts = set[int](), [0, 0, 0, 0, 0]
    for one, places in zip(said, near, strict=True):
        free = [place for place in places if place not in taken]
        right = [place for place in free if _is_right(scheme, one, there[place])]
        if right:
            counts[_CORRECT] += 1
            taken.add(min(right, key=lambda place: _apart(one, there[place])))
        elif free:
            counts[_PARTIAL if scheme == "partial" else _INCORRECT] += 1
            taken.add(free[0])
        else:
            counts[_SPURIOUS] += 1
    counts[_MISSED] = len(there) - len(taken)
    return counts[0], counts[1], counts[2], counts[3], counts[4]


def _is_right(scheme: str, said: _Span, there: _Span) -> bool:
    """Whether a prediction on a true span counts as correct: by its label, by its place, or by both."""
    if scheme == "type":
        return said.label == there.label
    return said[:2] == there[:2] and (scheme != "strict" or said.label == there.label)


def _apart(one: _Span, other: _Span) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)
