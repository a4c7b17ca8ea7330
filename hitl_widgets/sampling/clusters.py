"""Which items look alike, so that a person can sort them by the handful? Read `clusters`."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError

SIZE = 16
# More pages than that nobody turns.
MOST = 80
# Ward's tree takes the square of this in memory; beyond, k-means sees a part at a time.
WARD_UP_TO = 2_000


def clusters(features: np.ndarray, *, size: int = SIZE, seed: int = 0) -> list[np.ndarray]:
    """Items put together by what is alike in them, about `size` to a cluster: Ward's method on features of length 1,
    k-means on more than 2,000 items.

    Parameters
    ----------
    features : float, shape (n_items, n_features); rows with NaN, of items that can't be read, form the last cluster
    size : of a cluster, about; at most 80 clusters are made, however many items there are
    seed : of k-means

    Returns
    -------
    list of int arrays
        Row numbers, each in one cluster. The cluster whose items are most alike comes first, those of less than a
        quarter of `size` at the end; in each the most typical item comes first.

    Raises
    ------
    ShapeError
        When the features are no table.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function, doi:10.1080/01621459.1963.10500845.

    Examples
    --------
    >>> clusters(np.array([[0.0, 1.0], [3.0, 0.1], [0.3, 2.0], [0.1, 1.0], [5.0, 0.0]]), size=3)
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
    found = []
    for mine in _parted(rows, min(-(-len(places) // size), MOST), seed):
        away = np.linalg.norm(rows[mine] - rows[mine].mean(axis=0), axis=1)
        found.append((4 * len(mine) < size, away.mean(), places[mine[np.lexsort((mine, away))]]))
    found.sort(key=lambda cluster: (*cluster[:2], int(cluster[2][0])))
    groups = [group for *_, group in found]
    return [*groups, np.flatnonzero(unread)] if unread.any() else groups


def _parted(rows: np.ndarray, k: int, seed: int) -> list[np.ndarray]:
    """The numbers of the rows in k parts, fewer where rows are equal."""
    k = min(k, len(np.unique(rows, axis=0))) if rows.shape[1] else min(k, 1)
    if k <= 1:
        return [np.arange(len(rows))] if len(rows) else []
    from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans
    method = AgglomerativeClustering(k) if len(rows) <= WARD_UP_TO else \
        MiniBatchKMeans(k, n_init=3, random_state=seed)
    part = method.fit_predict(rows)
    return [mine for of in range(k) if len(mine := np.flatnonzero(part == of))]
