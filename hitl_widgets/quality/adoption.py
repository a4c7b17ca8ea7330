"""Adoption: whether a new model replaces the adopted one, compared on the same items. Read `better` first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..records import Estimate
from .metrics import compare
from .multilabel import compare_sets
from .value_metrics import compare_values, mean_of


@dataclass(frozen=True)
class Verdict:
    """Whether a model is adopted, and the reason in words."""

    adopted: bool
    why: str


def better(new: np.ndarray, adopted: np.ndarray, best: np.ndarray | None = None,
           groups: np.ndarray | None = None) -> Verdict:
    """Adopt a new model if it gets more items right than the adopted one, and not fewer than the best so far.

    A tie keeps the adopted model. The decision is by the point estimate, so that a model that is truly worse is adopted
    in fewer than half of the cases, however few items there are. (A rule that rejects only significantly worse models
    would nearly always adopt it if there are few items.) The comparison with the best model so far prevents small
    losses from adding up.

    Parameters
    ----------
    new, adopted : ndarray of bool, shape (n_items,)
        Whether each model was right, on the same items in the same order.
    best : ndarray of bool, shape (n_items,), or None
        The same for the best model so far, if that isn't the adopted one.
    groups : ndarray, shape (n_items,), optional
        See `metrics.compare`.

    Returns
    -------
    Verdict
        Without items the new model is adopted, as "not measured".

    Examples
    --------
    >>> better(np.array([True] * 31 + [False] * 9), np.array([True] * 30 + [False] * 10))
    Verdict(adopted=True, why="1 of 40 items more right than the former model; can't be told apart at n = 40")
    """
    if not (n := len(new)):
        return Verdict(adopted=True, why="not measured")
    gain = int(new.sum()) - int(adopted.sum())
    interval = compare(adopted, new, groups)
    doubt = f"; can't be told apart at n = {n}" if interval.low <= 0 <= interval.high else ""
    if gain <= 0:
        return Verdict(adopted=False, why=(
            f"{-gain} of {n} items fewer right than the former model" if gain else
            f"as many of {n} items right as the former model") + doubt)
    if best is not None and (behind := int(best.sum()) - int(new.sum())) > 0:
        return Verdict(adopted=False, why=f"{gain} of {n} items more right than the former model, but {behind} fewer "
                                          "than the best one so far")
    return Verdict(adopted=True, why=f"{gain} of {n} items more right than the former model{doubt}")


def better_sets(truth: npt.ArrayLike, new: npt.ArrayLike, adopted: npt.ArrayLike, best: npt.ArrayLike | None = None,
                groups: npt.ArrayLike | None = None) -> Verdict:
    """Adopt a new model of sets of labels if its macro-F1 is higher, and not lower than that of the best so far.

    It is the rule of `better`, with macro-F1 in place of the number of right items. If macro-F1 is equal for both
    models, or undefined, the share of an item's labels that are right, averaged over items, is compared instead.

    Parameters
    ----------
    truth : array_like, shape (n_items, n_labels)
        1 (on), 0 (off) or NaN (not known).
    new, adopted : array_like of bool, shape (n_items, n_labels)
        What each model predicts to be on, on the same items in the same order.
    best : array_like of bool, shape (n_items, n_labels), or None
        The same for the best model so far, if that isn't the adopted one.
    groups : array_like, shape (n_items,), optional
        See `multilabel.compare_sets`.

    Returns
    -------
    Verdict
        Without items the new model is adopted, as "not measured".

    Examples
    --------
    >>> truth = np.repeat([[1, 0], [0, 1]], 20, axis=0)
    >>> better_sets(truth, truth, np.ones((40, 2), bool)).why
    'macro-F1 0.333 higher than of the former model, on 40 items'
    """
    true, first, second = np.asarray(truth, np.float64), np.asarray(new, bool), np.asarray(adopted, bool)
    if not (~np.isnan(true)).any():
        return Verdict(adopted=True, why="not measured")
    gain, n = _gain(true, second, first, groups)
    doubt = "" if gain.low > 0 or gain.high < 0 else f"; can't be told apart at n = {n}"
    if not gain > 0:
        return Verdict(adopted=False, why=(
            f"macro-F1 {-gain:.3f} lower than of the former model, on {n} items" if gain < 0 else
            f"as many decisions right as of the former model, on {n} items") + doubt)
    told = f"macro-F1 {gain:.3f} higher than of the former model, on {n} items"
    if best is not None and (behind := _gain(true, first, np.asarray(best, bool), groups)[0]) > 0:
        return Verdict(adopted=False, why=f"{told}, but {behind:.3f} lower than of the best one so far")
    return Verdict(adopted=True, why=told + doubt)


def better_values(new: npt.ArrayLike, adopted: npt.ArrayLike, best: npt.ArrayLike | None = None,
                  groups: npt.ArrayLike | None = None) -> Verdict:
    """Adopt a new model of values if its mean absolute error is lower, and not higher than that of the best so far.

    It is the rule of `better`, with mean absolute errors in place of the number of right items.

    Parameters
    ----------
    new, adopted : array_like of float, shape (n_items,)
        Absolute error of each model, on the same items in the same order.
    best : array_like of float, shape (n_items,), or None
        The same for the best model so far, if that isn't the adopted one.
    groups : array_like, shape (n_items,), optional
        See `value_metrics.compare_values`.

    Returns
    -------
    Verdict
        Without items the new model is adopted, as "not measured".

    Examples
    --------
    >>> better_values(np.full(40, 0.5), np.linspace(0.5, 1.0, 40)).why
    'mean absolute error 0.250 lower than of the former model, on 40 items'
    """
    first, second = np.asarray(new, np.float64), np.asarray(adopted, np.float64)
    if not (n := len(first)):
        return Verdict(adopted=True, why="not measured")
    nothing = np.zeros(n)
    gain = compare_values(nothing, second, first, groups=groups)
    doubt = f"; can't be told apart at n = {n}" if gain.low <= 0 <= gain.high else ""
    if not gain > 0:
        return Verdict(adopted=False, why=(
            f"mean absolute error {-gain:.3f} higher than of the former model, on {n} items" if gain < 0 else
            f"the mean absolute error is that of the former model, on {n} items") + doubt)
    told = f"mean absolute error {gain:.3f} lower than of the former model, on {n} items"
    if best is not None and (behind := float(first.mean() - np.asarray(best, np.float64).mean())) > 0:
        return Verdict(adopted=False, why=f"{told}, but {behind:.3f} higher than of the best one so far")
    return Verdict(adopted=True, why=told + doubt)


def _gain(truth: npt.NDArray[np.float64], before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_],
          groups: npt.ArrayLike | None) -> tuple[Estimate, int]:
    """Gain in macro-F1, or in right decisions if that is 0 or undefined; and the number of items."""
    known = ~np.isnan(truth)
    n = int(known.any(axis=1).sum())
    gain = compare_sets(truth, before, after, groups=groups)
    if not n or not (gain.value == 0 or math.isnan(gain.value)):
        return gain, n
    right = [((on == (truth > 0)) & known).sum(axis=1) / known.sum(axis=1).clip(1) for on in (before, after)]
    return mean_of(right[1] - right[0], groups), n
