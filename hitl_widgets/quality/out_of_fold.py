"""Out-of-fold predictions: each item is predicted by models that were not trained on it.

A net that was trained on a wrong answer often predicts the same wrong answer, which hides the error. So a quick model
is trained on four fifths of the items and predicts the remaining fifth, for each fifth in turn. Read `out_of_fold`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError

Features = npt.NDArray[np.floating]

N_FOLDS = 5
# Number of principal components, and C of the logistic regression: both small, for few labels of which many are wrong.
N_DIRECTIONS, STRENGTH = 60, 0.1


def out_of_fold(features: Sequence[Features], targets: npt.NDArray[np.int64], n_labels: int, *,
                draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probabilities of items' labels, by models that never saw the answers to these items.

    They are the geometric mean of logistic regressions, one for each kind of features, on its principal components. A
    label with m examples gets a probability of at least 1 / (m + 2) before rows are normalised to sum to 1, since a
    model with few examples of a label can't rule it out.

    Parameters
    ----------
    features : sequence of ndarray, shape (n_items, n_features)
        One array for each kind.
    targets : ndarray of int64, shape (n_items,)
        Column of the label that was given; -1 for an item without a label, which is predicted but not trained on.
    n_labels : int
        Columns of the result.
    draws : ndarray, shape (n_items,)
        Numbers in [0, 1) that belong to the items; they decide which fifth an item is in.

    Returns
    -------
    ndarray, shape (n_items, n_labels), rows sum to 1
        Equal probabilities if fewer than two labels have examples to learn from.

    Raises
    ------
    ShapeError
        If features, targets and draws differ in length.

    References
    ----------
    Northcutt, Jiang and Chuang (2021), Confident Learning, doi:10.1613/jair.1.12125.
    """
    n_items = len(targets)
    if any(len(kind) != n_items for kind in features) or len(draws) != n_items:
        raise ShapeError(f"features of {[len(kind) for kind in features]} items, {n_items} targets and {len(draws)} "
                         "draws were given; one of each for every item is expected.")
    fold, kinds = folds(targets, draws), [kind for kind in features if kind.shape[1]]
    probs = np.full((n_items, n_labels), 1 / n_labels)
    for number in range(N_FOLDS):
        held_out = np.flatnonzero(fold == number)
        training = np.flatnonzero((fold != number) & (targets >= 0))
        if kinds and len(held_out) and len(np.unique(targets[training])) >= 2:
            logs = np.mean([_log_probs(kind[training], targets[training], kind[held_out], n_labels)
                            for kind in kinds], axis=0)
            mean = np.exp(logs - logs.max(axis=1, keepdims=True))
            mean /= mean.sum(axis=1, keepdims=True)
            mean = np.maximum(mean, 1 / (np.bincount(targets[training], minlength=n_labels) + 2))
            probs[held_out] = mean / mean.sum(axis=1, keepdims=True)
    return probs


def _log_probs(known: Features, targets: npt.NDArray[np.int64], held_out: Features,
               n_labels: int) -> npt.NDArray[np.float64]:
    """Log-probabilities of the held-out items, shape (len(held_out), n_labels)."""
    # Imported here: they take more than a second, which opening a project needn't wait for.
    from sklearn.decomposition import PCA
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    directions = PCA(min(N_DIRECTIONS, *known.shape), svd_solver="auto", random_state=0).fit(known)
    seen, new = directions.transform(known), directions.transform(held_out)
    scale = float(seen.std(axis=0).mean()) or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an approximate optimum is good enough
        head = LogisticRegression(C=STRENGTH, max_iter=200).fit(seen / scale, targets)
    probs = np.zeros((len(held_out), n_labels))
    probs[:, head.classes_] = head.predict_proba(new / scale)
    return np.log(probs + 1e-6)


def folds(labels: npt.NDArray[np.int64], draws: npt.NDArray[Any], *, n_folds: int = N_FOLDS) -> npt.NDArray[np.int64]:
    """The fold of each item: items are sorted by label, then by draw, and assigned to the folds in turn.

    Parameters
    ----------
    labels : ndarray of int, shape (n_items,)
        The label of each item.
    draws : ndarray, shape (n_items,)
        A number for each item. Items with the same number form a group and share a fold; the group's label is that of
        its first item.
    n_folds : int
        Number of folds.

    Returns
    -------
    ndarray of int64, shape (n_items,)
    """
    names, first, group = np.unique(draws, return_index=True, return_inverse=True)
    of_group = np.empty(len(names), np.int64)
    of_group[np.lexsort((names, labels[first]))] = np.arange(len(names)) % n_folds
    return np.asarray(of_group[group])
