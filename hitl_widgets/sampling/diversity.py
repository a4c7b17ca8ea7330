"""Diverse selection: strategies over embeddings, and groups of items that look alike.

The strategies are for the beginning, when a model was trained on few answers and its uncertainty isn't informative yet.
They return a score for each item: items with a larger score are asked earlier, and items that weren't chosen have NaN.
`groups_of_alike` divides items into groups of similar items, which a person sorts. Read `typiclust` and `k_centre`
first.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from .uncertainty import Probs, Scores, best, margin, set_margin

Embeddings = npt.NDArray[np.floating]

NEIGHBOURS = 20
# A cluster of fewer items counts as outliers.
MIN_CLUSTER = 5
# More clusters than this add little (Hacohen et al. stop at 500). Clusters are fitted to at most MAX_FITTED items, and
# at most MAX_COMPARED items of a cluster are compared; PASSES is the maximum number of iterations of k-means.
MAX_CLUSTERS = 500
MAX_FITTED, MAX_COMPARED, PASSES = 20_000, 1_024, 20
# Up to this number of points, k-means isn't done in mini-batches, and Ward's method is used, whose memory grows with
# the square of the number.
WHOLE_UP_TO = 2_000
# Groups of items that look alike: their approximate size, and how many a person will look through at most.
GROUP_SIZE, MAX_GROUPS = 16, 80
# n diverse items are chosen among the DOUBTFUL * n most uncertain items.
DOUBTFUL = 10
# Near-duplicates: factors of the median distance to the nearest item, and of the median distance of two items. Then the
# number of items from which the medians are estimated, and of the best items that are searched for near-duplicates.
OF_NEAREST, OF_PAIRS = 0.6, 0.25
MAX_SURVEYED, MAX_WALKED = 2_000, 4_000
# Up to this product of points and clusters, k-means isn't done in mini-batches: its clusters are better then.
WHOLE_PRODUCT = 400_000
_AT_ONCE = 256


def k_centre(embeddings: Embeddings, labelled: Embeddings | None = None, *, n: int) -> Scores:
    """Choose n items so that no other is far from all of them (k-centre, greedy).

    Each choice is the item farthest from everything labelled or chosen. An item's distance is updated only while it
    could be the farthest, since it can only have become smaller; the choice is exactly the greedy one.

    Parameters
    ----------
    embeddings : ndarray, shape (n_items, n_features)
        A row with NaN is never chosen.
    labelled : ndarray, shape (n_labelled, n_features), optional
        Without any, the item nearest to the mean comes first.
    n : int
        Number of items to choose.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        From n (chosen first) to 1; NaN for items that weren't chosen.

    Raises
    ------
    ShapeError
        If the two don't have the same features.

    References
    ----------
    Sener and Savarese (2018), Active Learning for Convolutional Neural Networks: A Core-Set Approach, arXiv:1708.00489.
    Lazy evaluation: Minoux (1978), Accelerated greedy algorithms, doi:10.1007/BFb0006528.

    Examples
    --------
    >>> k_centre(np.array([[0.0], [1.0], [5.0]]), np.array([[0.0]]), n=2)
    array([nan,  1.,  2.], dtype=float32)
    """
    points, centres = _checked(embeddings, labelled)
    n = min(n, len(points))
    if not n:
        return _ranked(np.empty(0, np.intp), embeddings)
    from sklearn.metrics import pairwise_distances_argmin_min
    squares = np.einsum("ij,ij->i", points, points)
    if len(centres):
        far, chosen = pairwise_distances_argmin_min(points, centres, metric="sqeuclidean")[1], []
    else:
        first = int(np.argmin(squares))
        far, chosen = _squared(points, squares, points[first:first + 1])[:, 0], [first]
        far[first] = -1
    upto = np.full(len(points), len(chosen))
    while len(chosen) < n:
        farthest = _farthest(points, squares, far, upto, chosen)
        chosen.append(farthest)
        far[farthest] = -1
    return _ranked(np.array(chosen[:n], np.intp), embeddings)


def _farthest(points: Embeddings, squares: npt.NDArray[np.floating], far: npt.NDArray[np.floating],
              upto: npt.NDArray[np.intp], chosen: list[int]) -> int:
    """Find the item farthest from everything chosen; `far` holds bounds, exact for the first `upto` chosen ones."""
    while True:
        some = np.argpartition(far, -_AT_ONCE)[-_AT_ONCE - 1:] if len(far) > _AT_ONCE else np.arange(len(far))
        bar = far[some].min() if len(some) < len(far) else -np.inf
        stale = some[(upto[some] < len(chosen)) & (far[some] >= 0)]
        if len(stale):
            since = np.array(chosen[upto[stale].min():], np.intp)
            far[stale] = np.minimum(far[stale], _squared(points[stale], squares[stale], points[since]).min(axis=1))
            upto[stale] = len(chosen)
        top = some[np.argmax(far[some])]
        if far[top] >= bar:
            return int(top)


def typiclust(embeddings: Embeddings, labelled: Embeddings | None = None, *, n: int,
              rng: np.random.Generator | None = None) -> Scores:
    """Choose the n most typical items of clusters without an answer (TypiClust), for the very first answers.

    All items are divided into as many clusters as there will be labelled items. From the largest cluster without a
    labelled item, the most typical item is chosen: the one with the smallest mean distance to its 20 nearest neighbours
    in the cluster. This is repeated for the next cluster.

    Parameters
    ----------
    embeddings : ndarray, shape (n_items, n_features)
        A row with NaN is never chosen.
    labelled : ndarray, shape (n_labelled, n_features), optional
    n : int
        Number of items to choose.
    rng : numpy.random.Generator, optional
        Generator of the clusters; the same generator gives the same choice.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        From n (chosen first) to 1; NaN for items that weren't chosen.

    Raises
    ------
    ShapeError
        If the two don't have the same features.

    Notes
    -----
    If there are more than 20,000 items, clusters are fitted to a sample of them; in a cluster of more than 1,024 items
    a sample is compared.

    References
    ----------
    Hacohen, Dekel and Weinshall (2022), Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets,
    arXiv:2202.02794.
    """
    points, centres = _checked(embeddings, labelled)
    rng = rng or np.random.default_rng(0)
    n = min(n, len(points))
    if not n:
        return _ranked(np.empty(0, np.intp), embeddings)
    cluster = _kmeans(np.concatenate([centres, points]), min(n + len(centres), MAX_CLUSTERS), rng)
    taken, cluster = cluster[:len(centres)], cluster[len(centres):]
    n_clusters = int(max(cluster.max(), taken.max(initial=0))) + 1
    size = np.bincount(cluster, minlength=n_clusters)
    n_taken = np.bincount(taken, minlength=n_clusters).astype(np.float64)
    n_taken[size < min(MIN_CLUSTER, size.max())] += n  # outliers come last
    line: dict[int, list[int]] = {}
    chosen: list[int] = []
    while len(chosen) < n:
        n_taken[size == 0] = np.inf
        fewest = np.flatnonzero(n_taken == n_taken.min())
        best = int(fewest[np.argmax(size[fewest])])
        if best not in line:
            members = np.flatnonzero(cluster == best)
            if len(members) > MAX_COMPARED:
                members = np.sort(rng.choice(members, MAX_COMPARED, replace=False))
            line[best] = members[np.argsort(_crowding(points[members]), kind="stable")][::-1].tolist()
        chosen.append(line[best].pop())
        n_taken[best] += 1
        if not line[best]:
            n_taken[best] = np.inf
            if np.isinf(n_taken).all():  # samples of large clusters are used up
                break
    return _ranked(np.array(chosen, np.intp), embeddings)


def diverse_margin(probs: Probs, embeddings: Embeddings | None = None, *, n: int,
                   rng: np.random.Generator | None = None) -> Scores:
    """Choose n items whose two most probable labels are close, and which differ from each other.

    The 10 n items with the smallest margin are divided into n clusters, weighted by uncertainty; the most uncertain one
    of each is chosen.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        A row with NaN is never chosen.
    embeddings : ndarray, shape (n_items, n_features), optional
        Items with NaN in their row are chosen only if there are too few others. Without embeddings, items aren't
        chosen: the margin scores of all items are returned.
    n : int
        Number of items to choose.
    rng : numpy.random.Generator, optional
        Generator of the clusters.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        The margin scores of the chosen items, from 0 to 1; the largest is asked first. NaN for all others.

    Raises
    ------
    ShapeError
        If rows of probabilities don't sum to 1, or the two differ in length.

    References
    ----------
    Zhdanov (2019), Diverse mini-batch Active Learning, arXiv:1901.05954.

    Examples
    --------
    >>> probs = np.array([[0.5, 0.5], [0.51, 0.49], [0.6, 0.4]])
    >>> diverse_margin(probs, np.array([[0.0], [0.1], [5.0]]), n=2).round(2)
    array([1. , nan, 0.8], dtype=float32)
    """
    return _unlike_each_other(np.array(margin(probs), np.float32), embeddings, n, rng)


def diverse_set_margin(probs: Probs, embeddings: Embeddings | None = None, *, n: int,
                       rng: np.random.Generator | None = None) -> Scores:
    """Choose n items whose two most probable sets of labels are close, and which differ from each other.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), from 0 to 1
        Probability that each label is on. A row with NaN is never chosen.
    embeddings, n, rng
        See `diverse_margin`.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        The scores (`uncertainty.set_margin`) of the chosen items; the largest is asked first. NaN for all others.

    Raises
    ------
    ShapeError
        If a number isn't from 0 to 1, or the two differ in length.
    """
    return _unlike_each_other(np.array(set_margin(probs), np.float32), embeddings, n, rng)


def spread(spread: Scores) -> Scores:
    """Return the uncertainty of each item's predicted attribute values, as scores.

    Parameters
    ----------
    spread : ndarray, shape (n_items,)
        Predictive spread as a part of the scales' lengths; NaN where it isn't known.
    """
    return np.array(spread, np.float32)


def diverse_spread(spread: Scores, embeddings: Embeddings | None = None, *, n: int,
                   rng: np.random.Generator | None = None) -> Scores:
    """Choose n items whose values are the most uncertain, and which differ from each other.

    The method is that of `diverse_margin`, with the predictive spread of values in place of the margin.

    Parameters
    ----------
    spread : ndarray, shape (n_items,)
        See `spread`.
    embeddings, n, rng
        See `diverse_margin`.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        The spread of the chosen items; the largest is asked first. NaN for all others.

    Raises
    ------
    ShapeError
        If the two differ in length.
    """
    return _unlike_each_other(np.array(spread, np.float32), embeddings, n, rng)


def _unlike_each_other(scores: Scores, embeddings: Embeddings | None, n: int,
                       rng: np.random.Generator | None) -> Scores:
    """Keep the large scores of n items that differ from each other, NaN elsewhere; all scores without embeddings."""
    if embeddings is None:
        return scores
    if len(embeddings) != len(scores):
        raise ShapeError(f"{len(scores)} scores and {len(embeddings)} rows of embeddings were given; one of each for "
                         "every item is expected.")
    known = np.flatnonzero(_known(np.asarray(embeddings)) & ~np.isnan(scores))
    some = known[best(scores[known], DOUBTFUL * n, tie_break=known.astype(float))]
    if len(some) > n:
        weights = scores[some].astype(np.float64) + 1e-6
        cluster = _kmeans(np.asarray(embeddings)[some], n, rng or np.random.default_rng(0), weights=weights)
        some = some[np.unique(cluster, return_index=True)[1]]  # the most uncertain come first in each
    if len(some) < n:
        others = np.setdiff1d(np.arange(len(scores)), some)
        some = np.concatenate([some, others[best(scores[others], n - len(some), tie_break=others.astype(float))]])
    chosen = np.full(len(scores), np.nan, np.float32)
    chosen[some] = scores[some]
    return chosen


def alike_below(rows: Embeddings, *, seed: int = 0) -> float:
    """The distance up to which two items are near-duplicates, from the distances in a pool.

    It is 0.6 of the median distance to the nearest neighbour, and at least a quarter of the median distance of any two
    items. The minimum is for pools in which most items have near-duplicates, such as frames of films.

    Parameters
    ----------
    rows : ndarray, shape (n_items, n_features)
        Descriptors. Of many rows a sample is used, without rows with NaN.
    seed : int
        Seed of the sample.

    Returns
    -------
    float
        0 for fewer than two items, or if most pairs of them are equal: then only equal items are near-duplicates.
    """
    rows = np.asarray(rows)[_known(np.asarray(rows))]
    if len(rows) < 2:
        return 0.0
    rng = np.random.default_rng(seed)
    rows = rows[rng.permutation(len(rows))[:MAX_SURVEYED]]
    some = rows[:MAX_SURVEYED // 4]
    squares = _squared(rows, np.einsum("ij,ij->i", rows, rows), some)
    squares[np.arange(len(some)), np.arange(len(some))] = np.nan
    nearest = float(np.median(np.sqrt(np.nanmin(squares, axis=0))))
    return max(OF_NEAREST * nearest, OF_PAIRS * float(np.sqrt(np.nanmedian(squares))))


def near_duplicates(rows: Embeddings, taken: Embeddings, *, n: int, bar: float) -> npt.NDArray[np.bool_]:
    """Mark the items that are near-duplicates of one of the first n others, or of items that are taken.

    Parameters
    ----------
    rows : ndarray, shape (n_items, n_features)
        Descriptors, the best item first. A row with NaN is no near-duplicate of any other.
    taken : ndarray, shape (n_taken, n_features)
        Descriptors of other items that will be asked anyway.
    n : int
        How many items will be asked: the first n that aren't marked.
    bar : float
        Two items at this distance or nearer are near-duplicates.

    Returns
    -------
    ndarray of bool, shape (n_items,)
    """
    rows, taken = np.asarray(rows, np.float32), np.asarray(taken, np.float32)
    known, limit = _known(rows), bar ** 2 * (1 + 1e-4) + 1e-9
    squares = np.einsum("ij,ij->i", rows, rows)
    taken, marked, n_asked = taken[_known(taken)], np.zeros(len(rows), np.bool_), 0
    if len(taken) and len(rows):
        marked |= (_squared(rows, squares, taken) <= limit).any(axis=1)  # never where a row is NaN
    for place in range(len(rows)):
        if marked[place]:
            continue
        if (n_asked := n_asked + 1) > n:
            break
        if known[place]:
            later = slice(place + 1, None)
            marked[later] |= _squared(rows[later], squares[later], rows[place:place + 1])[:, 0] <= limit
    return marked


def groups_of_alike(features: Embeddings, *, size: int = GROUP_SIZE, seed: int = 0) -> list[npt.NDArray[np.intp]]:
    """Divide items into groups that look alike, of about `size` items, so that a person can sort a group at a time.

    Ward's method on features of length 1; k-means for more than 2,000 items.

    Parameters
    ----------
    features : ndarray, shape (n_items, n_features)
        Rows with NaN, of items that can't be read, form the last group.
    size : int
        Approximate number of items in a group; at most 80 groups are made.
    seed : int
        Seed of k-means.

    Returns
    -------
    list of ndarray of int
        Row numbers; each is in one group. The group whose items are most alike comes first. Groups with fewer than a
        quarter of `size` items come last. In each group the most typical item comes first.

    Raises
    ------
    ShapeError
        If the features aren't a table.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function, doi:10.1080/01621459.1963.10500845.

    Examples
    --------
    >>> groups_of_alike(np.array([[0.0, 1.0], [3.0, 0.1], [0.3, 2.0], [0.1, 1.0], [5.0, 0.0]]), size=3)
    [array([1, 4]), array([3, 2, 0])]
    """
    features = np.asarray(features, np.float64)
    if features.ndim != 2:
        raise ShapeError(f"features have the shape {features.shape}; (n_items, n_features) is expected.")
    unread = np.isnan(features).any(axis=1)
    places = np.flatnonzero(~unread)
    rows = features[places]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    groups = []
    for members in _parted(rows, min(-(-len(places) // size), MAX_GROUPS), seed):
        away = np.linalg.norm(rows[members] - rows[members].mean(axis=0), axis=1)
        groups.append((4 * len(members) < size, away.mean(), places[members[np.lexsort((members, away))]]))
    groups.sort(key=lambda group: (*group[:2], int(group[2][0])))
    in_order = [group for *_, group in groups]
    return [*in_order, np.flatnonzero(unread)] if unread.any() else in_order


def _parted(rows: Embeddings, k: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Divide row numbers into k parts, or fewer if there are fewer than k different rows."""
    k = min(k, len(np.unique(rows, axis=0))) if rows.shape[1] else min(k, 1)
    if k <= 1:
        return [np.arange(len(rows))] if len(rows) else []
    from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans
    method = AgglomerativeClustering(k) if len(rows) <= WHOLE_UP_TO else \
        MiniBatchKMeans(k, n_init=3, random_state=seed)
    part = method.fit_predict(rows)
    return [members for number in range(k) if len(members := np.flatnonzero(part == number))]


def _crowding(points: Embeddings) -> npt.NDArray[np.floating]:
    """Mean distance of each point to its nearest neighbours: the smaller, the more typical."""
    from sklearn.neighbors import NearestNeighbors
    if len(points) == 1:
        return np.zeros(1)
    neighbours = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points) - 1), algorithm="brute").fit(points)
    distances: npt.NDArray[np.floating] = neighbours.kneighbors()[0].mean(axis=1)
    return distances


def _kmeans(points: Embeddings, k: int, rng: np.random.Generator, *,
            weights: npt.NDArray[np.floating] | None = None) -> npt.NDArray[np.intp]:
    """Cluster of each point, from 0; if there are many, without weights, clusters are fitted to a sample."""
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    n = len(points)
    whole = n <= MAX_FITTED or weights is not None
    sample = points if whole else points[np.sort(rng.choice(n, MAX_FITTED, replace=False))]
    method = KMeans if len(sample) <= WHOLE_UP_TO or len(sample) * k <= WHOLE_PRODUCT else MiniBatchKMeans
    kmeans = method(min(k, len(sample)), n_init=1, max_iter=PASSES, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal points make fewer clusters
        kmeans.fit(sample, sample_weight=weights)
    clusters: npt.NDArray[np.intp] = kmeans.predict(points)
    return clusters


def _checked(embeddings: Embeddings, labelled: Embeddings | None) -> tuple[Embeddings, Embeddings]:
    """Drop the rows with NaN from both arrays, and subtract the approximate mean of the embeddings; float32."""
    points = np.asarray(embeddings)
    centres = points[:0] if labelled is None else np.asarray(labelled)
    if points.ndim != 2 or centres.ndim != 2 or points.shape[1] != centres.shape[1]:
        raise ShapeError(f"embeddings have shape {points.shape} and labelled {centres.shape}; (n_items, n_features) "
                         "and (n_labelled, n_features) are expected.")
    if not points.shape[1]:  # all items look the same, such as images that are black throughout
        points, centres = np.zeros((len(points), 1), np.float32), np.zeros((len(centres), 1), np.float32)
    middle = np.float32(0)
    if (known := _known(points)).any():
        points = points if known.all() else points[known]
        middle = points[::max(1, len(points) // _AT_ONCE)].mean(axis=0).astype(np.float32)  # approximate is good enough
    return (np.subtract(points[:known.sum()], middle, dtype=np.float32),
            np.subtract(centres[_known(centres)], middle, dtype=np.float32))


def _known(rows: Embeddings) -> npt.NDArray[np.bool_]:
    # A sum is NaN where any of its parts is, and takes no second array.
    known: npt.NDArray[np.bool_] = ~np.isnan(rows.sum(axis=1))
    return known


def _squared(points: Embeddings, squares: npt.NDArray[np.floating], centres: Embeddings) -> npt.NDArray[np.floating]:
    """Squared distances, shape (n_points, n_centres), never below 0."""
    distances = points @ (-2 * centres.T)
    distances += squares[:, None]
    distances += np.einsum("ij,ij->i", centres, centres)
    return np.asarray(np.maximum(distances, 0, out=distances))


def _ranked(chosen: npt.NDArray[np.intp], embeddings: Embeddings) -> Scores:
    """Scores of all items. `chosen` has indices among the rows without NaN, in the order of choice."""
    scores = np.full(len(embeddings), np.nan, np.float32)
    if len(chosen):
        scores[np.flatnonzero(_known(np.asarray(embeddings)))[chosen]] = np.arange(len(chosen), 0, -1)
    return scores
