"""Metrics of a model on items whose answer is known, each with its n and its 95 % interval.

`measure` returns the `Metrics` of one model; `compare` estimates the gain of one model over another on the same items.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, ShapeError, UnknownLabel
from ..records import Estimate
from .calibration import calibration_error
from .intervals import design_effect as effect_of
from .intervals import jeffreys, tango


class Metrics:
    """Accuracy, precision, recall and F1 of a model, from its confusion matrix.

    `metrics["accuracy"]`, `["balanced_accuracy"]` and `["macro_f1"]` are `Estimate`s; `per_label` and `confusion` are
    tables.

    Parameters
    ----------
    counts : ndarray of int, shape (n_labels, n_labels)
        The confusion matrix: row the true label, column the predicted one.
    label_ids, names : sequence of str
        Ids and names of the labels, in the order of `counts`.
    left_out : int
        Number of items without a prediction: they couldn't be read, or imported predictions lack them.
    n_unsure : int
        Number of items that were asked, but answered "unsure": they have no truth. `bounds` gives the accuracy with all
        of them wrong or right.
    n_tied : int
        Number of items without a truth because their most common labels are tied.
    n_in_doubt : int
        Number of items whose answer means several of today's labels since an edit: they are asked again. Until then the
        figures are about the other items.
    n_items : int or None
        Number of measuring items, such as the whole hold-out; None if that isn't known.
    ece, ece_by_chance : float
        As returned by `calibration.calibration_error`; NaN where they weren't measured.
    design_effect : float
        As returned by `intervals.design_effect`, for items that were drawn by whole groups: intervals are wider by it.

    References
    ----------
    Goutte and Gaussier (2005), A Probabilistic Interpretation of Precision, Recall and F-score,
    doi:10.1007/978-3-540-31865-1_25, for the intervals of precision, recall and F1.
    """

    FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")

    def __init__(self, counts: np.ndarray, label_ids: Sequence[str], names: Sequence[str], *, left_out: int = 0,
                 n_unsure: int = 0, n_tied: int = 0, n_in_doubt: int = 0, n_items: int | None = None,
                 ece: float = math.nan, ece_by_chance: float = math.nan, design_effect: float = 1.0) -> None:
        self.counts = np.asarray(counts, dtype=np.int64)
        self.n_unsure, self.n_tied, self.n_in_doubt, self.n_items = int(n_unsure), int(n_tied), int(n_in_doubt), n_items
        self.ece, self.ece_by_chance = float(ece), float(ece_by_chance)
        self.design_effect = float(design_effect)
        self.label_ids, self.names, self.left_out = tuple(label_ids), tuple(names), int(left_out)
        if self.counts.shape != (len(self.label_ids), len(self.names)) or len(self.label_ids) != len(self.names):
            raise ShapeError(f"counts have shape {self.counts.shape}, with {len(self.label_ids)} label_ids and "
                             f"{len(self.names)} names; one row, one column and one name for each label are expected.")

    @property
    def n(self) -> int:
        """Number of items measured."""
        return int(self.counts.sum())

    @property
    def why(self) -> str:
        """Reason why there are no estimates; empty when there are."""
        if self.n:
            return ""
        return f"none of {self.left_out} items has a prediction" if self.left_out else "no item with a known answer"

    @property
    def bounds(self) -> tuple[float, float]:
        """Accuracy if the model were wrong on every unsure item, and if it were right on all; NaN without items.

        Examples
        --------
        >>> Metrics([[6, 2], [0, 0]], ["a", "b"], ["cat", "dog"], n_unsure=2).bounds
        (0.6, 0.8)
        """
        n, right = self.n + self.n_unsure, int(self.counts.trace())
        return (right / n, (right + self.n_unsure) / n) if n else (math.nan, math.nan)

    @property
    def coverage(self) -> str:
        """How many of the measuring items are answered, in words; empty if that isn't known."""
        parts = [] if self.n_items is None else [f"{self.n + self.left_out} of {self.n_items} items answered"]
        if self.n_unsure:
            low, high = self.bounds
            parts.append(f"{self.n_unsure} unsure (accuracy {low:.3f} to {high:.3f} with all of them wrong or right)")
        if self.left_out and self.n_items is not None:
            parts.append(f"{self.left_out} of them have no prediction")
        if self.n_tied:
            parts.append(f"{self.n_tied} tied between annotators")
        if self.n_in_doubt:
            parts.append(f"{self.n_in_doubt} in doubt since an edit, which will be asked again")
        return ", ".join(parts)

    def __getitem__(self, name: str) -> Estimate:
        """Estimate of one of `FIGURES`; BadInput for another name."""
        if name not in self.FIGURES:
            raise BadInput(f"figure {name!r} is unknown; one of {', '.join(self.FIGURES)} is expected, "
                           "or see .per_label and .confusion.")
        if not self.n:
            return Estimate(math.nan, why=self.why)
        right, n_true, n_predicted = self._margins()
        if name == "accuracy":
            low, high = self.interval(int(right.sum()), self.n)
            return Estimate(right.sum() / self.n, low, high, n=self.n)
        # An error counts against two labels' F1, so these don't err independently: at worst, the variance doubles.
        of, share, shared = (n_true, _same, 1) if name == "balanced_accuracy" \
            else (n_true + n_predicted - right, _f1_of_overlap, 2)
        right, of = right[of > 0], of[of > 0]
        ends = np.array([self.interval(k, n) for k, n in zip(right, of, strict=True)])
        low, high = _around_mean(share(right / of), share(ends), shared=shared)
        return Estimate(share(right / of).mean(), low, high, n=self.n)

    def interval(self, k: int, n: int) -> tuple[float, float]:
        """95 % interval of a share, k of n of the items; wider where whole groups were drawn and their items are alike.

        Parameters
        ----------
        k, n : int
            See `intervals.jeffreys`.
        """
        return jeffreys(int(k) / self.design_effect, int(n) / self.design_effect)

    def _margins(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.diag(self.counts), self.counts.sum(axis=1), self.counts.sum(axis=0)

    @property
    def per_label(self) -> pd.DataFrame:
        """Table of one row per label: label, n, and precision, recall and f1, each with its interval (`_low`, `_high`).

        n is the number of items whose true label this is. A share of nothing is NaN: precision where the label was
        never predicted, recall where it was never true.
        """
        right, n_true, n_predicted = self._margins()
        table: dict[str, Any] = {"label": list(self.names), "n": n_true}
        for name, of, share in (("precision", n_predicted, _same), ("recall", n_true, _same),
                                ("f1", n_true + n_predicted - right, _f1_of_overlap)):
            ends = np.array([self.interval(k, n) if n else (math.nan, math.nan)
                             for k, n in zip(right, of, strict=True)]).reshape(-1, 2)
            with np.errstate(invalid="ignore"):
                table[name] = share(right / np.where(of > 0, of, np.nan))
            table[f"{name}_low"], table[f"{name}_high"] = share(ends[:, 0]), share(ends[:, 1])
        return pd.DataFrame(table, index=pd.Index(self.label_ids, name="label_id"))

    @property
    def confusion(self) -> pd.DataFrame:
        """How often each true label (row) was predicted as each label (column)."""
        return pd.DataFrame(self.counts, index=pd.Index(self.names, name="true"),
                            columns=pd.Index(self.names, name="predicted"))

    def __repr__(self) -> str:
        lines = [f"{name.replace('_', ' '):<18} {self[name]}" for name in self.FIGURES]
        return "\n".join(lines + ([self.coverage] if self.coverage else []))

    def to_dict(self) -> dict[str, Any]:
        """Write the counts above 0, ready for JSON."""
        cells = [[int(row), int(column), int(self.counts[row, column])]
                 for row, column in zip(*np.nonzero(self.counts), strict=True)]
        return {"label_ids": list(self.label_ids), "names": list(self.names), "cells": cells,
                "left_out": self.left_out, **{name: value for name in ("n_unsure", "n_tied", "n_in_doubt", "n_items")
                                              if (value := getattr(self, name))},
                **({} if self.design_effect == 1 else {"design_effect": self.design_effect}),
                **({} if math.isnan(self.ece) else {"ece": [self.ece, self.ece_by_chance]})}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Metrics:
        """Read what `to_dict` wrote."""
        counts = np.zeros((len(body["label_ids"]),) * 2, dtype=np.int64)
        for row, column, count in body["cells"]:
            counts[row, column] = count
        ece, by_chance = body.get("ece", (math.nan, math.nan))  # runs of earlier versions have none
        return cls(counts, body["label_ids"], body["names"], left_out=body["left_out"],
                   n_unsure=body.get("n_unsure", 0), n_tied=body.get("n_tied", 0), n_in_doubt=body.get("n_in_doubt", 0),
                   n_items=body.get("n_items"),
                   ece=ece, ece_by_chance=by_chance, design_effect=body.get("design_effect", 1.0))


def measure(probs: np.ndarray, truth: Sequence[str], label_ids: Sequence[str], names: Sequence[str] | None = None, *,
            n_unsure: int = 0, n_tied: int = 0, n_in_doubt: int = 0, n_items: int | None = None,
            groups: np.ndarray | None = None, top: np.ndarray | None = None) -> Metrics:
    """Compare predictions with known answers.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels)
        Rows of NaN (items that couldn't be read) are left out and counted.
    truth : sequence of str
        The true label_id of each item.
    label_ids : sequence of str
        Ids of the columns of `probs`.
    names : sequence of str, optional
        Names of the labels; by default their ids.
    n_unsure, n_tied, n_in_doubt, n_items : int
        See `Metrics`.
    groups : ndarray, shape (n_items,), optional
        The group of each item, where items were drawn by whole groups.
    top : ndarray of int, shape (n_items,), optional
        The column of the label that is predicted for each item; by default the first of the most probable ones.

    Returns
    -------
    Metrics

    Raises
    ------
    ShapeError
        If the shapes don't match.
    UnknownLabel
        If a true label has no column.

    Examples
    --------
    >>> measure(np.array([[0.9, 0.1], [0.2, 0.8]]), ["cat", "cat"], ["cat", "dog"])["accuracy"]
    0.500 (0.061 to 0.939, n = 2: few items)
    """
    probs, n_labels = np.asarray(probs, dtype=np.float64), len(label_ids)
    if not len(probs):
        probs = probs.reshape(0, n_labels)
    if probs.shape != (len(truth), n_labels):
        raise ShapeError(f"probs have shape {probs.shape}; {len(truth)} true labels and {n_labels} label_ids ask for "
                         f"{(len(truth), n_labels)}.")
    column = {label_id: i for i, label_id in enumerate(label_ids)}
    if unknown := sorted({str(label_id) for label_id in truth if label_id not in column}):
        raise UnknownLabel(f"true labels {unknown[:5]} are not among the {n_labels} labels that the model knows. "
                           "Bring the answers to today's taxonomy first, or leave these items out.")
    known = ~np.isnan(probs).any(axis=1)
    rows = np.array([column[label_id] for label_id in truth], dtype=np.int64)[known]
    counts = np.zeros((n_labels, n_labels), dtype=np.int64)
    top = probs[known].argmax(axis=1) if top is None else np.asarray(top, np.int64)[known]
    np.add.at(counts, (rows, top), 1)
    confidence = np.take_along_axis(probs[known], top[:, None], axis=1)[:, 0]
    ece, by_chance = calibration_error(confidence, top == rows) if len(rows) else (math.nan, math.nan)
    effect = 1.0 if groups is None else effect_of(top == rows, groups[known])
    return Metrics(counts, label_ids, names or label_ids, left_out=int((~known).sum()), n_unsure=n_unsure,
                   n_tied=n_tied, n_in_doubt=n_in_doubt, n_items=n_items, ece=ece, ece_by_chance=by_chance,
                   design_effect=effect)


def compare(before: Sequence[bool] | np.ndarray, after: Sequence[bool] | np.ndarray,
            groups: np.ndarray | None = None) -> Estimate:
    """Gain in accuracy of one model over another: after minus before, on the same items.

    Parameters
    ----------
    before, after : array_like of bool, shape (n_items,)
        True where the model was right, the same items in the same order.
    groups : ndarray, shape (n_items,), optional
        The group of each item, if items were drawn by whole groups: the interval is wider if the items in a group are
        alike.

    Returns
    -------
    Estimate
        From -1 to 1, with Tango's interval for pairs.

    Examples
    --------
    >>> compare([True] * 20 + [False] * 20, [True] * 35 + [False] * 5)
    0.375 (0.242 to 0.530, n = 40)
    """
    before, after = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    if before.shape != after.shape or before.ndim != 1:
        raise ShapeError(f"before has shape {before.shape} and after {after.shape}; one value for each of the same "
                         "items is expected from both.")
    n = len(before)
    if n == 0:
        return Estimate(math.nan, why="no item with a known answer")
    only_after, only_before = int((after & ~before).sum()), int((before & ~after).sum())
    both = int((before & after).sum())
    worth = 1.0 if groups is None else 1 / effect_of(after.astype(int) - before.astype(int), groups)
    low, high = tango(*(worth * k for k in (both, only_after, only_before, n - both - only_after - only_before)))
    return Estimate((only_after - only_before) / n, low, high, n=n)


def _same(share: np.ndarray) -> np.ndarray:
    return share


def _f1_of_overlap(overlap: np.ndarray) -> np.ndarray:
    """F1, from the share of right items among all that are of the label or were predicted to be."""
    return np.asarray(2 * overlap / (1 + overlap))


def _around_mean(shares: np.ndarray, ends: np.ndarray, *, shared: float = 1.0) -> tuple[float, float]:
    """Interval of a mean of shares from the shares' own: square and add (Zou and Donner 2008, doi:10.1002/sim.3095)."""
    low, high = np.sqrt(shared * np.square(ends - shares[:, None]).sum(axis=0)) / len(shares)
    return max(0.0, shares.mean() - low), min(1.0, shares.mean() + high)


def json_number(value: float) -> float | None:
    """Return the number, or None for NaN, which JSON doesn't have."""
    return None if math.isnan(value) else float(value)


def estimate_to_list(estimate: Estimate) -> list[Any]:
    """Write the value, low, high, n and why of an estimate, ready for JSON."""
    return [*(json_number(number) for number in (estimate.value, estimate.low, estimate.high)), estimate.n,
            estimate.why]


def estimate_from_list(figure: Sequence[Any]) -> Estimate:
    """Read what `estimate_to_list` wrote."""
    value, low, high = (math.nan if number is None else number for number in figure[:3])
    return Estimate(value, low, high, n=figure[3], why=figure[4])
