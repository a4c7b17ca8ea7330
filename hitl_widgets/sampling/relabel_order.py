"""The order in which the items that an edit left in doubt are asked again.

An item is in doubt if, since a taxonomy edit, its answer may mean one of several labels (its candidates). Typical items
come first. Once there are enough answers for a small classifier (the "probe"), the items about which it is least
certain come first. Read `order` first. `acceptance` decides which of the other labels may be presumed. In all arrays,
rows are the items in doubt, and columns the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from ..errors import ShapeError

Why = Literal["example", "typical", "doubt"]

# Number of answers per label from which the probe is used.
ANSWERS_PER_LABEL = 5
# The probe's ridge penalty, and the width of its kernel, in mean squared distances to the mean.
NOISE, WIDTH = 0.1, 1.0
# Largest number of answers that the probe learns from: its cost grows with their cube.
MAX_ANSWERS = 2_000
_AT_ONCE = 4_096


@dataclass(frozen=True)
class RelabelOrder:
    """The order in which to ask, and the probabilities of each item's candidate labels.

    Parameters
    ----------
    rows : ndarray of int64, shape (n_open,)
        All rows without an answer, the first to be asked first.
    probs : ndarray of float32, shape (n_items, n_labels)
        Probabilities over each row's candidates; 1 for an answer, equal if there is no probe.
    why : tuple of str, shape (n_open,)
        The reason for each of `rows`: "example", "typical" or "doubt".
    modelled : ndarray of bool, shape (n_items,)
        True where a probe gave the probabilities.
    """

    rows: np.ndarray
    probs: np.ndarray
    why: tuple[Why, ...]
    modelled: np.ndarray


def order(features: np.ndarray, candidates: np.ndarray, answers: np.ndarray, *, examples: Sequence[int] = (),
          seed: int = 0) -> RelabelOrder:
    """Order the items that an edit left in doubt, and estimate their labels from the answers so far.

    Labels that are candidates of one item form a family; each family is ordered by itself, and families take turns in
    proportion to their items. A family begins with `examples`, then come the items nearest to the centres of clusters,
    large clusters first. With five answers per label, for two labels or more, its probe orders the rest by margin.

    Parameters
    ----------
    features : ndarray, shape (n_items, n)
        A row of NaN is an item that can't be read, and comes last.
    candidates : ndarray of bool, shape (n_items, n_labels)
        The labels that each item may have, at least one.
    answers : ndarray of int, shape (n_items,)
        The label that a person gave, -1 without one. Rows that were never in doubt may be passed with their answers:
        they are learned from too. An answer that isn't a candidate of its row is ignored.
    examples : sequence of int
        Rows to be asked first.
    seed : int
        Seed of the clusters.

    Returns
    -------
    RelabelOrder

    Raises
    ------
    ShapeError
        If the shapes don't fit, or an item has no candidate.

    References
    ----------
    The start: Hacohen, Dekel, Weinshall (2022), Active Learning on a Budget: Opposite Strategies Suit High and Low
    Budgets. The margin: Scheffer, Decomain, Wrobel (2001), Active Hidden Markov Models for Information Extraction.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = np.concatenate([rng.normal(-1, 0.3, (20, 2)), rng.normal(1, 0.3, (20, 2))])
    >>> answers = np.where(np.arange(40) % 4, -1, np.arange(40) // 20)
    >>> ranked = order(features, np.ones((40, 2), bool), answers)
    >>> ranked.probs[[1, 39]].argmax(axis=1), ranked.why[0]
    (array([0, 1]), 'doubt')
    """
    features, candidates, answers = _checked(features, candidates, answers)
    probs = candidates / candidates.sum(axis=1, keepdims=True)
    modelled, doubt = np.zeros(len(features), bool), np.full(len(features), -np.inf)
    asked, named = answers >= 0, set(map(int, examples))
    queues: list[list[tuple[float, int, Why]]] = []
    for rows, labels in _families(candidates):
        seen = rows[_readable(features[rows])]
        teaches = seen[asked[seen] & candidates[seen, answers[seen]]]
        if len(teaches) >= ANSWERS_PER_LABEL * len(labels) and len(np.unique(answers[teaches])) > 1:
            probe = _Probe(features[teaches], np.searchsorted(labels, answers[teaches]), candidates[teaches][:, labels])
            probs[np.ix_(seen, labels)] = probe.probs(features[seen], candidates[seen][:, labels])
            modelled[seen] = True
        doubt[seen] = 1 - _margins(probs[seen])
        open_ = rows[~asked[rows]]
        known = modelled[open_].any()
        ranked = open_[np.argsort(-doubt[open_], kind="stable")] if known else \
            _typical(features, open_, ANSWERS_PER_LABEL * len(labels), seed=seed)
        kind: Why = "doubt" if known else "typical"
        first = [(row, kind if row not in named else "example") for row in
                 sorted(ranked.tolist(), key=lambda row: row not in named)]
        queues.append([((place + 0.5) / len(first), row, why) for place, (row, why) in enumerate(first)])
    probs[asked] = np.eye(candidates.shape[1])[answers[asked]]
    turns = sorted((turn for queue in queues for turn in queue), key=lambda turn: (turn[2] != "example", turn[0]))
    return RelabelOrder(rows=np.array([row for _, row, _ in turns], np.int64), probs=probs.astype(np.float32),
                 why=tuple(why for *_, why in turns), modelled=modelled)


def neighbours(features: np.ndarray, examples: Sequence[int], *, n: int = 50, first: Iterable[int] = ()) -> np.ndarray:
    """Find rows that may have the label of a few examples: those of `first`, then the examples' neighbours.

    Parameters
    ----------
    features : ndarray, shape (n_items, n)
        A row of NaN is never a neighbour.
    examples : sequence of int
        Rows that certainly have the label; they aren't in the result.
    n : int
        How many neighbours, the nearest to any example first.
    first : iterable of int
        Rows that were answered "other", or flagged.

    Returns
    -------
    ndarray of int64
        Without duplicates; `first` is itself in the order of its distance to the examples.

    Examples
    --------
    >>> neighbours(np.array([[0.0], [0.1], [5.0], [0.3]]), [0], n=1, first=[2])
    array([2, 1])
    """
    features, examples = np.asarray(features, np.float64), list(dict.fromkeys(map(int, examples)))
    far = np.full(len(features), np.inf)
    known = np.flatnonzero(~np.isnan(features).any(axis=1))
    if len(shown := [row for row in examples if row in set(known.tolist())]):
        far[known] = np.min([np.linalg.norm(features[known] - features[row], axis=1) for row in shown], axis=0)
    early = np.array(sorted(set(map(int, first)) - set(examples), key=lambda row: (far[row], row)), np.int64)
    far[examples] = far[early] = np.inf
    near = np.argsort(far, kind="stable")[:max(0, n)]
    return np.concatenate([early, near[np.isfinite(far[near])]])


def typical(features: np.ndarray, *, n: int = 20, seed: int = 0) -> np.ndarray:
    """Put the rows nearest to the centres of clusters first, large clusters first, then the others in random order.

    Parameters
    ----------
    features : ndarray, shape (n_items, n)
        A row of NaN comes last.
    n : int
        Number of clusters.
    seed : int

    Returns
    -------
    ndarray of int64, shape (n_items,)
        Every row once.
    """
    features = np.asarray(features, np.float64)
    return _typical(features, np.arange(len(features)), n, seed=seed)


class _Probe:
    """Kernel ridge regression on the labels, with calibrated probabilities.

    The factor that turns its scores into probabilities is chosen by leave-one-out cross-validation on the answers, in
    closed form.

    References
    ----------
    Rifkin, Yeo, Poggio (2003), Regularized Least-Squares Classification; Rasmussen and Williams (2006), Gaussian
    Processes for Machine Learning, 6.5 and, for leaving one out, 5.4.2.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, candidates: np.ndarray) -> None:
        if len(labels) > MAX_ANSWERS:
            chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:MAX_ANSWERS])
            features, labels, candidates = features[chosen], labels[chosen], candidates[chosen]
        self._middle = features.mean(axis=0)
        spread = ((features - self._middle) ** 2).sum(axis=1).mean()
        self._scale = np.sqrt(WIDTH / spread) if spread > 1e-12 else 1.0
        self._seen = self._placed(features)
        wanted = np.eye(candidates.shape[1])[labels]
        self._share = wanted.mean(axis=0)
        kernel = cho_factor(self._kernel(self._seen) + NOISE * np.eye(len(labels)))
        inverse = cho_solve(kernel, np.eye(len(labels)))
        self._weights = inverse @ (wanted - self._share)
        without = wanted - self._weights / np.diag(inverse)[:, None]
        self._sharpness = min(np.geomspace(1, 30, 18), key=lambda sharpness: -np.log(
            _softmax(sharpness * without, candidates)[np.arange(len(labels)), labels] + 1e-9).sum())

    def probs(self, features: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        scores = [self._kernel(self._placed(features[start:start + _AT_ONCE])) @ self._weights + self._share
                  for start in range(0, len(features), _AT_ONCE)]
        return _softmax(self._sharpness * np.concatenate(scores), candidates)

    def _placed(self, features: np.ndarray) -> np.ndarray:
        return np.asarray((features - self._middle) * self._scale)

    def _kernel(self, placed: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-cdist(placed, self._seen, "sqeuclidean")))


def _softmax(scores: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    scores = np.where(candidates, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _margins(probs: np.ndarray) -> np.ndarray:
    """Difference between the two largest probabilities of each row."""
    if not len(probs) or probs.shape[1] < 2:
        return np.ones(len(probs))
    top = np.partition(probs, -2, axis=1)
    return top[:, -1] - top[:, -2]


def _typical(features: np.ndarray, rows: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """Put the rows nearest to the centres of n clusters first, large clusters first; then others in random order.

    Unreadable rows come last, in the given order. So do all rows if there are no features.
    """
    from sklearn.cluster import KMeans
    rng = np.random.default_rng(seed)
    readable = _readable(features[rows])
    seen = rng.permutation(rows[readable])
    some = seen[:_AT_ONCE]
    n = min(n, len(np.unique(features[some], axis=0)))
    if 1 < n < len(seen):
        clusters = KMeans(n, n_init=1, random_state=seed).fit(features[some])
        far = np.linalg.norm(features[some] - clusters.cluster_centers_[clusters.labels_], axis=1)
        kinds, counts = np.unique(clusters.labels_, return_counts=True)
        nearest = [some[(own := np.flatnonzero(clusters.labels_ == kind))[far[own].argmin()]]
                   for kind in kinds[np.argsort(-counts, kind="stable")]]
        seen = np.concatenate([nearest, seen[~np.isin(seen, nearest)]])
    return np.concatenate([seen, rows[~readable]])


def _readable(features: np.ndarray) -> np.ndarray:
    """Mask of the rows with features; all False if there are no features, since all items are alike."""
    return np.full(len(features), features.shape[1] > 0) & ~np.isnan(features).any(axis=1)


def _families(candidates: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and labels of each family: labels are connected if an item may have either."""
    kinds = np.unique(candidates, axis=0)
    together = (kinds.T.astype(np.int64) @ kinds) > 0
    _, family = connected_components(together, directed=False)
    of_row = family[candidates.argmax(axis=1)]
    return [(np.flatnonzero(of_row == one), np.flatnonzero(family == one)) for one in np.unique(of_row)]


def _checked(features: np.ndarray, candidates: np.ndarray, answers: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, candidates = np.asarray(features, np.float64), np.asarray(candidates, bool)
    answers = np.asarray(answers, np.int64)
    if features.ndim != 2 or candidates.ndim != 2 or not len(features) == len(candidates) == len(answers):
        raise ShapeError(f"features {features.shape}, candidates {candidates.shape} and answers {answers.shape} don't "
                         "fit: (n_items, n), (n_items, n_labels) and (n_items,) are expected.")
    if answers.size and not -1 <= answers.min() <= answers.max() < candidates.shape[1]:
        raise ShapeError(f"answers go from {answers.min()} to {answers.max()}; -1 to {candidates.shape[1] - 1} is "
                         "expected, the index of a label, or -1 without an answer.")
    if (none := np.flatnonzero(~candidates.any(axis=1))).size:
        raise ShapeError(f"rows {none[:5].tolist()} have no candidate; an item in doubt has one at least.")
    return features, candidates, answers
