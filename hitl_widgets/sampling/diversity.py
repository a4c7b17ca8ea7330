"""Which items stand for the others?

Strategies over embeddings, for when a model knows too little to doubt well. What each gives are scores, the larger the
sooner; an item that isn't among the n chosen scores NaN. Read `typiclust` and `k_centre` first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from ..errors import ShapeError
from .uncertainty import Scores

Embeddings = npt.NDArray[np.floating]

NEIGHBOURS = 20
SMALLEST = 5
# Past so many clusters more say little (Hacohen et al. stop at 500); past so many items a sample of them serves.
MOST_CLUSTERS = 500
FITTED, COMPARED, PASSES = 20_000, 1_024, 20
_AT_ONCE = 256
_CELLS = 8_000_000


def k_centre(embeddings: Embeddings, labelled: Embeddings | None = None, *, n: int) -> Scores:
    """The n items that leave no other far away: again and again the one farthest from all that are labelled or chosen.

    Exactly the greedy choice, but an item's distance is brought up to date only while it could be the farthest: what it
    was before is never less.

    Parameters
    ----------
    embeddings : ndarray, shape (n_items, n_features); a row with NaN is never chosen
    labelled : ndarray, shape (n_labelled, n_features); without any, the item nearest to the mean comes first
    n : how many to choose

    Returns
    -------
    ndarray, shape (n_items,), from n (chosen first) to 1; NaN for what wasn't chosen

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
    squares = np.einsum("ij,ij->i", points, points)
    if len(centres):
        far, chosen = _nearest(points, centres)[1], []
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
    """The item farthest from everything chosen; `far` holds upper bounds, right as of the first `upto` chosen ones."""
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
    """The n most typical items of parts of the pool that nobody has labelled: for the first answers of all.

    Labelled and other items are parted into as many clusters as there will be labels; from the largest cluster without
    a label comes the item whose 20 nearest neighbours in it are nearest, and so on.

    Parameters
    ----------
    embeddings : ndarray, shape (n_items, n_features); a row with NaN is never chosen
    labelled : ndarray, shape (n_labelled, n_features)
    n : how many to choose
    rng : for the clusters; the same generator gives the same choice

    Returns
    -------
    ndarray, shape (n_items,), from n (chosen first) to 1; NaN for what wasn't chosen

    Raises
    ------
    ShapeError
        If the two don't have the same features.

    Notes
    -----
    Of more than 20,000 items a sample makes the clusters; of a cluster of more than 1,024 a sample is compared.

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
    cluster = clusters(np.concatenate([centres, points]), min(n + len(centres), MOST_CLUSTERS), rng)
    taken, cluster = cluster[:len(centres)], cluster[len(centres):]
    n_clusters = int(max(cluster.max(), taken.max(initial=0))) + 1
    size = np.bincount(cluster, minlength=n_clusters)
    n_taken = np.bincount(taken, minlength=n_clusters).astype(np.float64)
    n_taken[size < min(SMALLEST, size.max())] += n  # outliers come last
    line: dict[int, list[int]] = {}
    chosen: list[int] = []
    while len(chosen) < n:
        n_taken[size == 0] = np.inf
        fewest = np.flatnonzero(n_taken == n_taken.min())
        best = int(fewest[np.argmax(size[fewest])])
        if best not in line:
            members = np.flatnonzero(cluster == best)
            if len(members) > COMPARED:
                members = np.sort(rng.choice(members, COMPARED, replace=False))
            line[best] = members[np.argsort(_crowding(points[members]), kind="stable")][::-1].tolist()
        chosen.append(line[best].pop())
        n_taken[best] += 1
        if not line[best]:
            n_taken[best] = np.inf
            if np.isinf(n_taken).all():  # samples of large clusters are used up
                break
    return _ranked(np.array(chosen, np.intp), embeddings)


def _crowding(points: Embeddings) -> npt.NDArray[np.floating]:
    """Mean distance of each point to its nearest neighbours: the less, the more typical."""
    if len(points) == 1:
        return np.zeros(1)
    k = min(NEIGHBOURS, len(points) - 1)
    distances = np.sqrt(_squared(points, np.einsum("ij,ij->i", points, points), points))
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, :k].mean(axis=1)


def clusters(points: Embeddings, k: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """The cluster of each point, by k-means (Lloyd's); of many points a sample makes the clusters."""
    some = points if len(points) <= FITTED else points[np.sort(rng.choice(len(points), FITTED, replace=False))]
    middles = _spread(some, min(k, len(some)), rng)
    for _ in range(PASSES):
        cluster = _nearest(some, middles)[0]
        members = csr_array((np.ones(len(some), some.dtype), (cluster, np.arange(len(some)))),
                            (len(middles), len(some)))
        size = members.sum(axis=1)[:, None]
        moved = np.where(size > 0, (members @ some) / np.maximum(size, 1), middles)
        if np.allclose(moved, middles, atol=1e-4 * float(np.abs(some).max(initial=1e-9))):
            break
        middles = moved
    return _nearest(points, middles)[0]


def _spread(points: Embeddings, k: int, rng: np.random.Generator) -> Embeddings:
    """k of the points to begin with, each drawn by its squared distance to those before (k-means++).

    References
    ----------
    Arthur and Vassilvitskii (2007), k-means++: The Advantages of Careful Seeding.
    """
    squares = np.einsum("ij,ij->i", points, points)
    chosen = [int(rng.integers(len(points)))]
    far = _squared(points, squares, points[chosen])[:, 0]
    while len(chosen) < k and far.max() > 0:
        reached = np.cumsum(far, dtype=np.float64)
        chosen.append(min(int(np.searchsorted(reached, rng.random() * reached[-1], side="right")), len(points) - 1))
        far = np.minimum(far, _squared(points, squares, points[chosen[-1:]])[:, 0])
    return points[chosen]


def _checked(embeddings: Embeddings, labelled: Embeddings | None) -> tuple[Embeddings, Embeddings]:
    """Items that are known, and labelled ones, float32, both moved so that their mean is the origin."""
    points = np.asarray(embeddings)
    centres = points[:0] if labelled is None else np.asarray(labelled)
    if points.ndim != 2 or centres.ndim != 2 or points.shape[1] != centres.shape[1]:
        raise ShapeError(f"embeddings have shape {points.shape} and labelled {centres.shape}; (n_items, n_features) "
                         "and (n_labelled, n_features) are expected.")
    middle = np.float32(0)
    if (known := _known(points)).any():
        points = points if known.all() else points[known]
        middle = points[::max(1, len(points) // _AT_ONCE)].mean(axis=0).astype(np.float32)  # near zero is near enough
    return (np.subtract(points[:known.sum()], middle, dtype=np.float32),
            np.subtract(centres[_known(centres)], middle, dtype=np.float32))


def _known(rows: Embeddings) -> npt.NDArray[np.bool_]:
    # A sum is NaN where any of its parts is, and takes no second array.
    return ~np.isnan(rows.sum(axis=1))


def _squared(points: Embeddings, squares: npt.NDArray[np.floating], centres: Embeddings) -> npt.NDArray[np.floating]:
    """Squared distances, shape (n_points, n_centres), never below 0."""
    distances = points @ (-2 * centres.T)
    distances += squares[:, None]
    distances += np.einsum("ij,ij->i", centres, centres)
    return np.maximum(distances, 0, out=distances)


def _nearest(points: Embeddings, centres: Embeddings) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.floating]]:
    """Which of the centres is nearest to each point, and its squared distance."""
    offsets, rows = np.einsum("ij,ij->i", centres, centres), max(1, _CELLS // len(centres))
    place, near = np.empty(len(points), np.intp), np.empty(len(points), points.dtype)
    for start in range(0, len(points), rows):
        some = points[start:start + rows]
        distances = some @ (-2 * centres.T)
        distances += offsets
        place[start:start + rows] = found = distances.argmin(axis=1)
        near[start:start + rows] = distances[np.arange(len(some)), found] + np.einsum("ij,ij->i", some, some)
    return place, np.maximum(near, 0)


def _ranked(chosen: npt.NDArray[np.intp], embeddings: Embeddings) -> Scores:
    """Scores of all items from the places, among the known ones, of those chosen, first to last."""
    scores = np.full(len(embeddings), np.nan, np.float32)
    if len(chosen):
        scores[np.flatnonzero(_known(np.asarray(embeddings)))[chosen]] = np.arange(len(chosen), 0, -1)
    return scores
