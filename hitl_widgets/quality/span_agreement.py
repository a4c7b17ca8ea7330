"""Agreement of several people on the spans of texts: pairwise F1, and Krippendorff's alpha over tokens.

`span_table` makes the table that `object_agreement.agreement_objects` adds where the objects are spans.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..objects.overlap import match_by_overlap, overlaps
from .figures_by_label import ALL
from .object_detection import interval
from .resampling import ALIKE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FIGURES = ("f1_exact", "f1_overlap", "alpha")
IN_WORDS = {"f1_exact": "F1 of each two people, the same characters and label",
            "f1_overlap": "F1 of each two people, a character in common and the same label",
            "alpha": "Krippendorff's alpha over tokens"}
WHY = {"f1_exact": "nobody found a span", "f1_overlap": "nobody found a span",
       "alpha": "all tokens are alike, so that no disagreement is expected by chance"}


class Found(NamedTuple):
    """The spans that one person found in a text: where they are, and the numbers of their labels."""

    ats: Sequence[Sequence[float]]
    labels: Ints


def span_table(texts: Sequence[Sequence[Found]], units: Sequence[Ints], names: Sequence[str], weights: Floats
               ) -> pd.DataFrame:
    """Measure how far people agree on spans, for all labels together and for each.

    Parameters
    ----------
    texts : sequence of sequence of Found
        What each person found in each text, of two people or more. Texts with a label in doubt aren't expected: nobody
        knows whether such a span is the same as another's.
    units : sequence of ndarray of int64, shape (n_units, 2)
        The tokens of each text, [start, end) in characters.
    names : sequence of str
        Names of the labels.
    weights : ndarray, shape (n_samples, n_texts)
        How often each text is in each sample.

    Returns
    -------
    DataFrame
        A row for all labels ("all") and one for each, indexed by name: n_texts (in which somebody found one), n_spans,
        and f1_exact, f1_overlap and alpha, each with its 95 % interval over texts (_low, _high). A token has a label if
        a span with that label contains one of its characters; for all labels its value is the set of its labels.
    """
    rows = []
    for label in (None, *range(len(names))):
        own = [[_of(found, label) for found in people] for people in texts]
        n_spans = np.array([sum(len(found.ats) for found in people) for people in own], np.int64)
        n_with = int((n_spans > 0).sum())
        row: dict[str, Any] = {"n_texts": n_with, "n_spans": int(n_spans.sum())}
        shared = np.array([_shared(people) for people in own], np.float64).reshape(-1, 3)
        for place, name in enumerate(FIGURES[:2]):
            once, again = (_share(2 * shared[:, place], shared[:, 2], of) for of in (np.ones((1, len(own))), weights))
            row |= _ends(name, float(once[0]), again, n_with)
        once, again = _alphas(own, units, len(names), weights)
        row |= _ends("alpha", float(once[0]), again, len(own))
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index([ALL, *names], dtype=object))


def _of(found: Found, label: int | None) -> Found:
    if label is None:
        return found
    places = np.flatnonzero(found.labels == label)
    return Found([found.ats[place] for place in places.tolist()], found.labels[places])


def _shared(people: Sequence[Found]) -> tuple[int, int, int]:
    """Sums over pairs of people: equal spans, overlapping spans, and all spans of both."""
    exact = near = whole = 0
    for one, other in combinations(people, 2):
        whole += len(one.ats) + len(other.ats)
        if not one.ats or not other.ats:
            continue
        overlap = overlaps("span", one.ats, other.ats) * (one.labels[:, None] == other.labels[None, :])
        near += len(match_by_overlap(overlap)[0])
        exact += len(match_by_overlap(np.where(overlap >= 1, 1.0, 0.0))[0])
    return exact, near, whole


def _share(part: Floats, whole: Floats, weights: Floats) -> Floats:
    below = weights @ whole
    return np.where(below > 0, weights @ part / np.where(below > 0, below, 1.0), np.nan)


def _ends(name: str, value: float, samples: Floats, n: int) -> dict[str, float]:
    low, high = (math.nan, math.nan) if math.isnan(value) else \
        interval(value, samples, n) if name != "alpha" else _of_alpha(value, samples, n)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _of_alpha(value: float, samples: Floats, n: int) -> tuple[float, float]:
    from .object_agreement import interval_of_coefficient
    finite = samples[np.isfinite(samples)]
    if len(finite) > 1 and n >= 2 and float(finite.std()) < ALIKE and value < 1:
        return value, value
    return interval_of_coefficient(value, samples, n)


def _alphas(texts: Sequence[Sequence[Found]], units: Sequence[Ints], n_labels: int, weights: Floats
            ) -> tuple[Floats, Floats]:
    """Alpha in all texts, and in each sample of them."""
    differ, sizes = np.zeros(len(texts)), np.zeros(len(texts))
    numbers: dict[bytes, int] = {}
    of_text: list[dict[int, float]] = []
    for row, (people, places) in enumerate(zip(texts, units, strict=True)):
        values = np.array([_values(found, places, n_labels, numbers) for found in people], np.int64)
        m = len(people)
        pairs = sum(int((values[one] != values[other]).sum()) for one, other in combinations(range(m), 2))
        differ[row], sizes[row] = 2 * pairs / (m - 1), values.size
        found, counts = np.unique(values, return_counts=True)
        of_text.append(dict(zip(found.tolist(), counts.tolist(), strict=True)))
    counted = np.zeros((len(texts), max(1, len(numbers))))
    for row, of in enumerate(of_text):
        counted[row, list(of)] = list(of.values())
    return _alpha(differ, sizes, counted, np.ones((1, len(texts)))), _alpha(differ, sizes, counted, weights)


def _values(found: Found, places: Ints, n_labels: int, numbers: dict[bytes, int]) -> Ints:
    """The number of the set of labels that each token has."""
    on = np.zeros((len(places), max(1, n_labels)), bool)
    for (start, end), label in zip(found.ats, found.labels.tolist(), strict=True):
        first = int(np.searchsorted(places[:, 1], start, side="right"))
        last = int(np.searchsorted(places[:, 0], end, side="left"))
        on[first:last, label] = True
    packed = np.packbits(on, axis=1)
    sets, of_unit = np.unique(packed, axis=0, return_inverse=True)
    return np.array([numbers.setdefault(one.tobytes(), len(numbers)) for one in sets],
                    np.int64)[of_unit.reshape(-1)] if len(places) else np.zeros(0, np.int64)


def _alpha(differ: Floats, sizes: Floats, counted: Floats, weights: Floats) -> Floats:
    n, of_value = weights @ sizes, weights @ counted
    alike = (of_value * (of_value - 1)).sum(axis=1)
    expected = n * (n - 1) - alike
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 1e-9, 1 - (weights @ differ) * (n - 1) / expected, np.nan)


def units_of(items: Sequence[Any], texts: Sequence[Sequence[Found]], tokens: Mapping[Any, npt.ArrayLike] | None,
             sizes: Mapping[Any, tuple[float, float]]) -> tuple[list[Ints], str]:
    """Tokens of each text, and notes to report about them.

    Parameters
    ----------
    items : sequence of item_id
    texts : sequence of sequence of Found
    tokens : mapping of item_id to array_like of int, shape (k, 2), or None
        Tokens of each text; without them each character is a unit.
    sizes : mapping of item_id to (height, width)
        The width is the number of characters; where it isn't known, the text ends with the last span.
    """
    if tokens is not None:
        with suppress(KeyError):  # if a text's tokens are missing, all texts are counted by characters
            return [np.asarray(tokens[item], np.int64).reshape(-1, 2) for item in items], ""
    return list(_characters(items, texts, sizes)), (
        "Alpha is over characters, since the tokens aren't known: pass tokens=." + (
            "" if all(item in sizes for item in items) else " Texts whose length isn't known end with the last span."))


def _characters(items: Sequence[Any], texts: Sequence[Sequence[Found]], sizes: Mapping[Any, tuple[float, float]]
                ) -> Iterator[Ints]:
    for item, people in zip(items, texts, strict=True):
        last = max((int(end) for found in people for _, end in found.ats), default=0)
        n = max(last, int(sizes[item][1])) if item in sizes else last
        yield np.column_stack([np.arange(n), np.arange(1, n + 1)])
