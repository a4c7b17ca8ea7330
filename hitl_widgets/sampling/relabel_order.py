"""Which items that an edit left in doubt are worth a person's look, and what may be presumed of the rest?

`order` says what to ask next: typical items first, then, as soon as a light head can be had from the answers, whatever
it doubts most. `presume` says of which items the head is sure enough, and `estimate` whether that may be believed, from
random checks. Everything is arrays: rows are the items in question, columns the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from scipy.stats import betabinom

from ..errors import BadInput, ShapeError

Why = Literal["example", "typical", "doubt"]
Verdict = Literal["good", "bad", "more"]

# The head speaks from so many answers a label on.
ANSWERS_EACH = 5
# How much of an answer the head takes for noise, and how far its answers reach: mean squared distances to the middle.
NOISE, REACH = 0.1, 1.0
# The head learns from at most so many answers: its cost grows with their cube.
MOST_ANSWERS = 2_000
# So much of the tolerance is what the head expects to be wrong: the rest is for its own errors, and for the checks'.
EXPECTED = 1 / 3
# Numbers of checks at which the error of what is presumed is looked at, and the risk taken at each end.
LOOKS, TAIL = (30, 60, 120), 0.0275
_AT_ONCE = 4_096


@dataclass(frozen=True)
class Order:
    """What to ask next.

    Attributes
    ----------
    rows : int64, shape (n_open,), all rows without an answer, the first to be asked first
    probs : float32, shape (n_items, n_labels), over each row's candidates; 1 for an answer, all candidates alike where
        nothing can be told yet
    why : shape (n_open,), of each of `rows`: "example", "typical" or "doubt"
    told : bool, shape (n_items,), True where a head gave the probabilities
    """

    rows: np.ndarray
    probs: np.ndarray
    why: tuple[Why, ...]
    told: np.ndarray


def order(features: np.ndarray, candidates: np.ndarray, answers: np.ndarray, *, examples: Sequence[int] = (),
          seed: int = 0) -> Order:
    """In which order to ask about items in doubt, and what can be told of them from the answers so far.

    Labels that are candidates of one item belong together; each such family is ordered by itself, and the families
    take turns, as often as each has items. A family begins with the examples that were named, then the items nearest to
    the centres of clusters, those of large clusters first. With five answers a label, two labels at least among them,
    its head orders the rest by margin.

    Parameters
    ----------
    features : shape (n_items, n), such as `Shelf.features`; a row of NaN is an item that can't be read, and comes last
    candidates : bool, shape (n_items, n_labels), the labels each item may have, one at least
    answers : int, shape (n_items,), the label that a person said, -1 without one. Rows that were never in doubt may be
        given with their answers: they teach too. One that was no candidate of its row teaches nothing
    examples : rows to be asked first
    seed : of the clusters

    Raises
    ------
    ShapeError
        When the shapes don't fit, or an item has no candidate.

    References
    ----------
    The start: Hacohen, Dekel, Weinshall (2022), Active Learning on a Budget: Opposite Strategies Suit High and Low
    Budgets. The margin: Scheffer, Decomain, Wrobel (2001), Active Hidden Markov Models for Information Extraction.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features = np.concatenate([rng.normal(-1, 0.3, (20, 2)), rng.normal(1, 0.3, (20, 2))])
    >>> answers = np.where(np.arange(40) % 4, -1, np.arange(40) // 20)
    >>> said = order(features, np.ones((40, 2), bool), answers)
    >>> said.probs[[1, 39]].argmax(axis=1), said.why[0]
    (array([0, 1]), 'doubt')
    """
    features, candidates, answers = _checked(features, candidates, answers)
    probs = candidates / candidates.sum(axis=1, keepdims=True)
    told, doubt = np.zeros(len(features), bool), np.full(len(features), -np.inf)
    asked, named = answers >= 0, set(map(int, examples))
    queues: list[list[tuple[float, int, Why]]] = []
    for rows, labels in _families(candidates):
        seen = rows[~np.isnan(features[rows]).any(axis=1)]
        teaches = seen[asked[seen] & candidates[seen, answers[seen]]]
        if len(teaches) >= ANSWERS_EACH * len(labels) and len(np.unique(answers[teaches])) > 1:
            head = _Head(features[teaches], np.searchsorted(labels, answers[teaches]), candidates[teaches][:, labels])
            probs[np.ix_(seen, labels)] = head.probs(features[seen], candidates[seen][:, labels])
            told[seen] = True
        doubt[seen] = 1 - _margins(probs[seen])
        open_ = rows[~asked[rows]]
        known = told[open_].any()
        ranked = open_[np.argsort(-doubt[open_], kind="stable")] if known else \
            _typical(features, open_, ANSWERS_EACH * len(labels), seed=seed)
        kind: Why = "doubt" if known else "typical"
        first = [(row, kind if row not in named else "example") for row in
                 sorted(ranked.tolist(), key=lambda row: row not in named)]
        queues.append([((place + 0.5) / len(first), row, why) for place, (row, why) in enumerate(first)])
    probs[asked] = np.eye(candidates.shape[1])[answers[asked]]
    turns = sorted((turn for queue in queues for turn in queue), key=lambda turn: (turn[2] != "example", turn[0]))
    return Order(rows=np.array([row for _, row, _ in turns], np.int64), probs=probs.astype(np.float32),
                 why=tuple(why for *_, why in turns), told=told)


def alike(features: np.ndarray, examples: Sequence[int], *, n: int = 50, first: Iterable[int] = ()) -> np.ndarray:
    """Rows that may be what a few examples are: `first` (answered "other", or flagged), then the examples' neighbours.

    Parameters
    ----------
    features : shape (n_items, n); a row of NaN is nobody's neighbour
    examples : rows that are it for certain; they aren't given back
    n : of neighbours, the nearest to any example first

    Returns
    -------
    int64 array without doubles; `first` is itself in the order of its distance to the examples

    Examples
    --------
    >>> alike(np.array([[0.0], [0.1], [5.0], [0.3]]), [0], n=1, first=[2])
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


def presume(said: Order, *, tolerance: float = 0.05) -> np.ndarray:
    """Rows of which the head is so sure that together they should be right within a tolerance: the surest first.

    By its own probabilities a third of `tolerance` would be wrong. With just as many as the tolerance, no number of
    checks could tell that there aren't more; a head that chose what to ask is a little too sure, too. `estimate` says
    whether it can be believed, from checks drawn of these rows by `drawn`. Nothing is presumed of a row that no head
    spoke of.
    """
    _check_tolerance(tolerance)
    rows = said.rows[said.told[said.rows]]
    doubt = 1 - said.probs[rows].max(axis=1).astype(np.float64)
    ranked = np.argsort(doubt, kind="stable")
    held = np.cumsum(doubt[ranked]) <= EXPECTED * tolerance * np.arange(1, len(rows) + 1)
    return rows[ranked[:int(held.nonzero()[0].max()) + 1 if held.any() else 0]]


def drawn(rows: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """What is to be presumed in a random order: check from its beginning, as far as `estimate` asks."""
    return np.random.default_rng(seed).permutation(np.sort(np.asarray(rows, np.int64)))


@dataclass(frozen=True)
class Estimate:
    """How wrong presumed labels are, as far as random checks can tell.

    Attributes
    ----------
    verdict : "good" (wholly within the tolerance), "bad" (wholly beyond it, or undecided after the last look), "more"
        (go on checking)
    n_presumed : labels that are to be presumed, without those that were checked: these a person has answered
    error, low, high : share of them that is wrong, and its 95 % interval; (nan, 0, 1) before the first look
    n_checked, n_wrong : what it rests on
    n_needed : checks until the next look; 0 when there is none
    """

    verdict: Verdict
    n_presumed: int
    error: float
    low: float
    high: float
    n_checked: int
    n_wrong: int
    n_needed: int
    tolerance: float

    def __repr__(self) -> str:
        if not self.n_checked:
            return f"nothing can be said of {self.n_presumed} labels before {self.n_needed} checks"
        end = {"good": f"good enough for {self.tolerance:.0%}", "bad": f"not good enough for {self.tolerance:.0%}",
               "more": f"{self.n_needed} more checks are needed"}[self.verdict]
        return (f"{self.error:.1%} of {self.n_presumed} labels wrong ({self.low:.1%} to {self.high:.1%}; "
                f"{self.n_wrong} of {self.n_checked} checks): {end}")


def estimate(wrong: Sequence[bool] | np.ndarray, n_presumed: int, *, tolerance: float = 0.05) -> Estimate:
    """How many of the labels to be presumed are wrong, and whether that was checked enough.

    It is looked at after 30, 60 and 120 checks, or after all where there are fewer, and at no other moment: asked in
    between, it answers what it answered at the last look. The first look that is good or bad stands, whatever is
    checked later. So one may call it after every check without spoiling its figures.

    Each look takes the interval of the unchecked labels' number of wrong ones, under Jeffreys' prior: beta-binomial,
    since there are only so many labels, and a number at its end counts by half (mid-P), since whole numbers would make
    it wider than it says. For the same reason the risk at each end is 2.75 %, not 2.5: so the interval at which one
    stops holds the truth in 97 of 100 times over errors from 1 to 5 %, in 95 from 1 to 10 and in 94 from 0.5 to 20 %,
    all looks included; Clopper and Pearson's in 98 to 99. Of one and the same small error it may be 85 or 100: counts
    of 30 leave no choice between.

    Parameters
    ----------
    wrong : of the checks in the order in which they were drawn, True where the person said another label
    n_presumed : labels from which they were drawn, the checked ones among them
    tolerance : largest share of wrong labels to be put up with

    Raises
    ------
    BadInput
        When there are more checks than labels, or the tolerance is no share.

    References
    ----------
    Brown, Cai and DasGupta (2001), Interval Estimation for a Binomial Proportion, doi:10.1214/ss/1009213286; mid-P:
    Lancaster (1961), doi:10.1080/01621459.1961.10482105; looks: Pocock (1977), doi:10.1093/biomet/64.2.191.

    Examples
    --------
    >>> estimate([False] * 30, 400, tolerance=0.1)
    1.6% of 370 labels wrong (0.0% to 7.8%; 0 of 30 checks): good enough for 10%
    """
    wrong = np.asarray(wrong, bool)
    if len(wrong) > n_presumed:
        raise BadInput(f"{len(wrong)} checks of {n_presumed} labels; there can't be more checks than labels.")
    _check_tolerance(tolerance)
    looks = [look for look in LOOKS if look < n_presumed] or [n_presumed]
    said = Estimate("more", n_presumed, float("nan"), 0.0, 1.0, 0, 0, looks[0] - len(wrong), tolerance)
    for look, following in zip(looks, [*looks[1:], None], strict=True):
        if len(wrong) < look:
            break
        k, left = int(wrong[:look].sum()), n_presumed - look
        low, high = _interval(k, look, left)
        verdict: Verdict = "good" if high <= tolerance else "bad" if low > tolerance or following is None else "more"
        needed = following - len(wrong) if following is not None and verdict == "more" else 0
        said = Estimate(verdict, left, (k + 0.5) / (look + 1) if left else 0.0, low, high, look, k, needed, tolerance)
        if verdict != "more":
            break
    return said


class _Head:
    """Least squares on the labels in the space of a Gaussian kernel, with probabilities that were checked.

    How sharply its scores become probabilities is chosen by the answers themselves: each as told by a head that didn't
    learn from it, which costs no second head.

    References
    ----------
    Rifkin, Yeo, Poggio (2003), Regularized Least-Squares Classification; Rasmussen and Williams (2006), Gaussian
    Processes for Machine Learning, 6.5 and, for leaving one out, 5.4.2.
    """

    def __init__(self, features: np.ndarray, labels: np.ndarray, candidates: np.ndarray) -> None:
        if len(labels) > MOST_ANSWERS:
            chosen = np.sort(np.random.default_rng(0).permutation(len(labels))[:MOST_ANSWERS])
            features, labels, candidates = features[chosen], labels[chosen], candidates[chosen]
        self._middle = features.mean(axis=0)
        spread = ((features - self._middle) ** 2).sum(axis=1).mean()
        self._scale = np.sqrt(REACH / spread) if spread > 1e-12 else 1.0
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
        return (features - self._middle) * self._scale

    def _kernel(self, placed: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(placed, self._seen, "sqeuclidean"))


@lru_cache(maxsize=4_096)
def _interval(k: int, n: int, left: int) -> tuple[float, float]:
    """From k wrong ones of n checks: the share of wrong ones among those that are left."""
    chances = betabinom.pmf(np.arange(left + 1), left, k + 0.5, n - k + 0.5)
    below = chances.cumsum() - chances / 2
    inside = np.flatnonzero((below > TAIL) & (below < 1 - TAIL))
    return (float(inside[0]) / max(1, left) if k else 0.0), float(inside[-1]) / max(1, left)


def _check_tolerance(tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise BadInput(f"tolerance is {tolerance!r}; a share of wrong labels between 0 and 1 is expected, such as "
                       "0.05.")


def _softmax(scores: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    scores = np.where(candidates, scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _margins(probs: np.ndarray) -> np.ndarray:
    """How far the two largest of each row lie apart."""
    if not len(probs) or probs.shape[1] < 2:
        return np.ones(len(probs))
    top = np.partition(probs, -2, axis=1)
    return top[:, -1] - top[:, -2]


def _typical(features: np.ndarray, rows: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """The rows, the most typical first: nearest to the centre of each of n clusters, large clusters first; then by
    chance, and what can't be read last."""
    from sklearn.cluster import KMeans
    rng = np.random.default_rng(seed)
    readable = ~np.isnan(features[rows]).any(axis=1)
    seen = rng.permutation(rows[readable])
    if len(seen) > n:
        some = seen[:_AT_ONCE]
        clusters = KMeans(n, n_init=1, random_state=seed).fit(features[some])
        far = np.linalg.norm(features[some] - clusters.cluster_centers_[clusters.labels_], axis=1)
        kinds, counts = np.unique(clusters.labels_, return_counts=True)
        nearest = [some[(own := np.flatnonzero(clusters.labels_ == kind))[far[own].argmin()]]
                   for kind in kinds[np.argsort(-counts, kind="stable")]]
        seen = np.concatenate([nearest, seen[~np.isin(seen, nearest)]])
    return np.concatenate([seen, rows[~readable]])


def _families(candidates: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and labels that belong together, since some item may be either of two labels."""
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
