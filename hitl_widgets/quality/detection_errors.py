"""Kinds of errors of an object detector, and the gain from correcting all errors of one kind. Read `cost_table` first.

The kinds are TIDE's: classification, localisation, both, duplicate, background, missed.

References
----------
Bolya et al. (2020), TIDE: A General Toolbox for Identifying Object Detection Errors,
doi:10.1007/978-3-030-58580-8_33.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import BadInput
from .object_matching import (
    BESIDE,
    BESIDE_POINT,
    ON,
    ON_POINT,
    RECALLS,
    Bools,
    Curve,
    Floats,
    Ints,
    Matched,
    over_labels,
    point_figures,
)

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
MEANING = {"classification": "on an object of another label", "localisation": "beside an object of the label",
           "both": "beside an object of another label", "duplicate": "on an object that was found already",
           "background": "on nothing", "missed": "an object that nothing found"}
_CASES = ["item_id", "object_id", "label", "error", "score", "overlap", "true_id", "true_label"]
# Bootstrap samples for the interval of a cost; each needs seven curves.
_SAMPLES = 300


@dataclass(frozen=True, eq=False)
class ErrorKinds:
    """The kind of each error.

    Parameters
    ----------
    kind : ndarray of int64, shape (n_predictions,)
        Place in `KINDS`; -1 where the prediction is right or doesn't count.
    about : ndarray of int64, shape (n_predictions,)
        Place of the true object that the prediction is about, or -1.
    missed : ndarray of int64
        True objects that were missed.
    found : ndarray of bool, shape (n_true,)
        True objects that were found.
    """

    kind: Ints
    about: Ints
    missed: Ints
    found: Bools

    @classmethod
    def of(cls, matched: Matched) -> ErrorKinds:
        """Classify the errors at the first threshold."""
        encoded = matched.encoded
        points = encoded.kind == "point"
        on, beside = (ON_POINT, BESIDE_POINT) if points else (ON, BESIDE)
        right = matched.right[0]
        wrong = matched.kept & ~right & ~matched.on_ignored[0]
        own, other = matched.own, matched.other
        kind = np.select([~wrong, (own >= beside) & (own < on), other >= on, own >= on,
                          np.maximum(own, other) < beside], [-1, 1, 0, 3, 4], 2).astype(np.int64)
        about = np.select([(kind == 1) | (kind == 3), (kind == 0) | (kind == 2)], [matched.own_at, matched.other_at],
                          -1).astype(np.int64)
        found = np.zeros(len(encoded.true), bool)
        found[matched.with_true[0][right]] = True
        named = np.zeros(len(encoded.true), bool)
        named[about[(kind == 0) | (kind == 1)]] = True
        missed = np.flatnonzero(~found & ~named & ~matched.true_ignored)
        return cls(kind, about, missed.astype(np.int64), found)


def cost_table(matched: Matched, weights: npt.NDArray[np.float32] | None) -> pd.DataFrame:
    """One row per kind: error, n, cost, low, high, meaning.

    Parameters
    ----------
    matched : Matched
        Its first threshold counts: an overlap of 0.5.
    weights : ndarray, shape (n_samples, n_images), optional
        See `Curve.average_precision`; without them there are no intervals.
    """
    kinds = ErrorKinds.of(matched)
    some = None if weights is None else weights[:_SAMPLES]
    base = _curves(matched, kinds, None)
    value, again = _mean(matched, base, None), None if some is None else _mean(matched, base, some)
    rows = []
    for place, name in enumerate(KINDS):
        mended = _curves(matched, kinds, place)
        cost = float((_mean(matched, mended, None) - value)[0])
        low = high = np.nan
        if again is not None:
            gains = _mean(matched, mended, some) - again
            gains = gains[np.isfinite(gains)]
            if len(matched.encoded.images) > 1 and len(gains):
                low, high = np.quantile(gains, [0.025, 0.975]).tolist()
                low, high = min(low, cost), max(high, cost)
        n = len(kinds.missed) if name == "missed" else int((kinds.kind == place).sum())
        rows.append((name, n, cost, low, high, MEANING[name]))
    return pd.DataFrame(rows, columns=["error", "n", "cost", "low", "high", "meaning"])


def case_table(matched: Matched) -> pd.DataFrame:
    """One row per error, the best-scored first, missed objects last: see `Detection.cases`."""
    encoded, kinds = matched.encoded, ErrorKinds.of(matched)
    true, predicted = encoded.true, encoded.predicted
    names = np.array([*encoded.names, None], dtype=object)
    places = np.flatnonzero(kinds.kind >= 0)
    places = places[np.argsort(-predicted.score[places], kind="stable")]
    about = kinds.about[places]
    overlap = np.fmax(matched.own, matched.other)[places]
    overlap = np.where(kinds.kind[places] == 0, matched.other[places], np.where(
        (kinds.kind[places] == 1) | (kinds.kind[places] == 3), matched.own[places], overlap))
    # The last place of each is what -1, no object, refers to.
    nothing = np.array([None], dtype=object)
    true_ids, true_labels = (np.concatenate([of, nothing]) for of in (encoded.true_ids, names[true.label]))
    errors = np.array(KINDS, dtype=object)[kinds.kind[places]]
    of, blank = kinds.missed, np.full(len(kinds.missed), None, dtype=object)
    columns = ((np.asarray(encoded.images[predicted.image[places]]), np.asarray(encoded.images[true.image[of]])),
               (encoded.predicted_ids[places], blank), (names[predicted.label[places]], blank),
               (errors, np.full(len(of), "missed", dtype=object)),
               (predicted.score[places], np.full(len(of), np.nan)),
               (np.maximum(overlap, 0.0), np.full(len(of), np.nan)), (true_ids[about], true_ids[of]),
               (true_labels[about], true_labels[of]))
    joined = [np.concatenate(pair) for pair in columns]
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype)
                         for name, values in zip(_CASES, joined, strict=True)})


def curve_table(matched: Matched) -> pd.DataFrame:
    """Precision at 101 points of recall: see `Detection.curves`."""
    if matched.encoded.kind == "point":
        raise BadInput("points have no curve of precision and recall; their figures are at one score.")
    curves = matched.curves()
    rows = []
    each = {name: curve.precisions() for name, curve in zip(matched.encoded.names, curves, strict=True)
            if curve.n_true.any()}
    if each:
        each = {"all": np.mean(list(each.values()), axis=0), **each}
    for name, precision in each.items():
        for threshold, of in zip(matched.thresholds, precision, strict=True):
            rows.append(pd.DataFrame({"label": name, "threshold": round(float(threshold), 2), "recall": RECALLS,
                                      "precision": of}))
    return pd.concat(rows, ignore_index=True) if rows else \
        pd.DataFrame(columns=["label", "threshold", "recall", "precision"])


def _curves(matched: Matched, kinds: ErrorKinds, mended: int | None) -> list[Curve]:
    """Make the labels' curves at the first threshold, with all errors of the kind `mended` corrected."""
    encoded = matched.encoded
    predicted, true = encoded.predicted, encoded.true
    kept, label = matched.kept.copy(), predicted.label.copy()
    right, spared = matched.right[:1].copy(), matched.on_ignored[:1]
    required = ~matched.true_ignored
    if mended == KINDS.index("missed"):
        required[kinds.missed] = False
    elif mended is not None:
        those = np.flatnonzero(kinds.kind == mended)
        kept[those] = False
        if KINDS[mended] in ("classification", "localisation"):
            better = those[np.argsort(-predicted.score[those], kind="stable")]
            better = better[~kinds.found[kinds.about[better]]]
            # Of several about one object the best-scored becomes right, the others would be duplicates.
            better = better[np.unique(kinds.about[better], return_index=True)[1]]
            kept[better], right[0, better] = True, True
            label[better] = true.label[kinds.about[better]]
    return [Curve.of(predicted, np.flatnonzero(kept & (label == k)), right, spared,
                     np.bincount(true.image[required & (true.label == k)], minlength=len(encoded.images)))
            for k in range(len(encoded.labels))]


def _mean(matched: Matched, curves: Sequence[Curve], weights: npt.NDArray[np.float32] | None) -> Floats:
    """Mean over labels of the average precision, or of points' F1, in each sample."""
    if matched.encoded.kind == "point":
        return point_figures(curves, weights)[1]["f1"]
    return over_labels([{"map50": curve.average_precision(weights)[:, 0]} for curve in curves], ["map50"])["map50"]
