"""What would a model say of an item, had it never heard an answer to it?

A net that learned from an answer agrees with it, right or wrong. So quick models learn from all but a fifth of the
items and speak of that fifth, in turn. Read `out_of_fold`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from ..errors import ShapeError

Features = npt.NDArray[np.floating]

N_FOLDS = 5
# Directions that a head looks along, and how far it may follow each: few labels and many wrong ones want both small.
N_DIRECTIONS, STRENGTH = 60, 0.1


def out_of_fold(features: Sequence[Features], targets: npt.NDArray[np.int64], n_labels: int, *,
                draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probabilities of items' labels, by models that never saw the answers to these items.

    A logistic regression on the main directions of each kind of features; their geometric mean. A label with m examples
    gets at least 1 / (m + 2) before the sum is made 1 again: who has seen few of a kind can't rule it out.

    Parameters
    ----------
    features : one array for each kind, shape (n_items, n_features)
    targets : int64, shape (n_items,), the column of the label that was given; -1 where there is none: such an item is
        spoken of and never learnt from
    n_labels : columns of what comes back
    draws : shape (n_items,), numbers in [0, 1) that belong to the items; they say which fifth an item is in

    Returns
    -------
    ndarray, shape (n_items, n_labels), rows sum to 1; all alike where there is too little to learn from

    References
    ----------
    Northcutt, Jiang and Chuang (2021), Confident Learning, doi:10.1613/jair.1.12125.
    """
    n_items = len(targets)
    if any(len(kind) != n_items for kind in features) or len(draws) != n_items:
        raise ShapeError(f"features of {[len(kind) for kind in features]} items, {n_items} targets and {len(draws)} "
                         "draws were given; one of each for every item is expected.")
    fold, told = _folds(targets, draws), [kind for kind in features if kind.shape[1]]
    probs = np.full((n_items, n_labels), 1 / n_labels)
    for number in range(N_FOLDS):
        asked = np.flatnonzero(fold == number)
        learnt = np.flatnonzero((fold != number) & (targets >= 0))
        if told and len(asked) and len(np.unique(targets[learnt])) >= 2:
            logs = np.mean([_head(kind[learnt], targets[learnt], kind[asked], n_labels) for kind in told], axis=0)
            found = np.exp(logs - logs.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
            found = np.maximum(found, 1 / (np.bincount(targets[learnt], minlength=n_labels) + 2))
            probs[asked] = found / found.sum(axis=1, keepdims=True)
    return probs


def _head(known: Features, targets: npt.NDArray[np.int64], asked: Features, n_labels: int) -> npt.NDArray[np.float64]:
    """Log-probabilities of what is asked, shape (len(asked), n_labels)."""
    directions = PCA(min(N_DIRECTIONS, *known.shape), svd_solver="auto", random_state=0).fit(known)
    seen, new = directions.transform(known), directions.transform(asked)
    scale = float(seen.std(axis=0).mean()) or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near the optimum is near enough
        head = LogisticRegression(C=STRENGTH, max_iter=200).fit(seen / scale, targets)
    probs = np.zeros((len(asked), n_labels))
    probs[:, head.classes_] = head.predict_proba(new / scale)
    return np.log(probs + 1e-6)


def _folds(targets: npt.NDArray[np.int64], draws: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Which fifth each item is in: those of one label are dealt out in turn, in the order of their draws."""
    order = np.lexsort((draws, targets))
    fold = np.empty(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % N_FOLDS
    return fold
