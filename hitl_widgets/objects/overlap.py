"""Overlaps, distances and matching of objects.

A span of a text is a box of height 1, from its first character to the one after its last.

`overlaps` compares many objects with many; `iou_pair` two. `match_by_score` pairs a model's objects with the true ones
as COCO does, `match_one_to_one` those of two people.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely

from ..errors import BadInput, ShapeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Two points are the same up to this distance, as a part of the image's diagonal.
NEAR = 0.03
# An overlap of 1 that is rounded off still reaches a threshold of 1.
_NEARLY_ONE = 1 - 1e-10


class Shaped(Protocol):
    """Any object in an image or text: `shapes.Box`, `records.ObjectAnswer`, `records.Proposal`."""

    @property
    def kind(self) -> str:
        """"box", "polygon", "point" or "span"."""

    @property
    def at(self) -> Sequence[float]:
        """The coordinates, as in `shapes.shape`."""


def iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Intersection over union of boxes.

    Parameters
    ----------
    a, b : array_like of float, shape (n, 4) and (m, 4)
        x0, y0, x1, y1 in pixels.

    Returns
    -------
    ndarray of float, shape (n, m), from 0 to 1

    Examples
    --------
    >>> iou([[0, 0, 2, 2]], [[0, 0, 2, 1], [1, 1, 3, 3], [5, 5, 6, 6]]).round(3).tolist()
    [[0.5, 0.143, 0.0]]
    """
    both, of_a, of_b, _ = _areas(a, b)
    return _share(both, of_a + of_b - both)


def giou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Generalised intersection over union of boxes: the further apart they are, the nearer to -1.

    Parameters
    ----------
    a, b : array_like of float, shape (n, 4) and (m, 4)

    Returns
    -------
    ndarray of float, shape (n, m), from -1 to 1

    References
    ----------
    Rezatofighi et al. (2019), Generalized Intersection over Union, doi:10.1109/CVPR.2019.00075.

    Examples
    --------
    >>> giou([[0, 0, 1, 1]], [[0, 0, 1, 1], [3, 0, 4, 1]]).tolist()
    [[1.0, -0.5]]
    """
    both, of_a, of_b, around = _areas(a, b)
    union = of_a + of_b - both
    return np.asarray(_share(both, union) - _share(around - union, around))


def covered(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Part of each box of `a` that lies within each box of `b`: the overlap if `b` is a crowd.

    Parameters
    ----------
    a, b : array_like of float, shape (n, 4) and (m, 4)

    Returns
    -------
    ndarray of float, shape (n, m), from 0 to 1
    """
    both, of_a, _, _ = _areas(a, b)
    return _share(both, np.broadcast_to(of_a, both.shape))


def overlaps(kind: str, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], *,
             size: tuple[float, float] | None = None, crowd: npt.ArrayLike | None = None) -> Floats:
    """How far each object of `a` overlaps each of `b`, all of one kind.

    Parameters
    ----------
    kind : "box", "polygon", "point" or "span"
    a, b : sequence of sequence of float, length n and m
        Coordinates, as in `shapes.shape`.
    size : (float, float), optional
        Height and width of the image; only points need it. Two points overlap by 1 - distance / (3 % of the diagonal),
        at least 0.
    crowd : array_like of bool, shape (m,), optional
        Objects of `b` that stand for many: the overlap is the part of `a`'s object within. Not for points.

    Returns
    -------
    ndarray of float, shape (n, m), from 0 to 1

    Raises
    ------
    BadInput
        If the kind is unknown, or points come without a size.

    Examples
    --------
    >>> overlaps("polygon", [(0, 0, 2, 0, 2, 2, 0, 2)], [(0, 0, 2, 0, 2, 1, 0, 1)]).tolist()
    [[0.5]]
    >>> overlaps("span", [(0, 4)], [(0, 2), (4, 6)]).tolist()
    [[0.5, 0.0]]
    >>> overlaps("point", [(10, 10)], [(10, 10), (10, 16), (90, 90)], size=(300, 400)).round(2).tolist()
    [[1.0, 0.6, 0.0]]
    """
    if kind == "point":
        return np.maximum(nearness(a, b, size=size), 0.0)
    many = np.zeros(len(b), bool) if crowd is None else np.asarray(crowd, bool)
    if kind in ("box", "span"):
        one, other = (_rows(some, 4) if kind == "box" else span_boxes(some) for some in (a, b))
        found = iou(one, other)
        if many.any():
            found[:, many] = covered(one, other)[:, many]
        return found
    if kind != "polygon":
        raise BadInput(f"kind {kind!r} is unknown; 'box', 'polygon', 'point' or 'span' is expected.")
    of_a, of_b = polygons(a), polygons(b)
    both = _intersections(of_a, of_b)
    areas = shapely.area(of_a)[:, None]
    return _share(both, np.where(many[None, :], areas, areas + shapely.area(of_b)[None, :] - both))


def nearness(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], *,
             size: tuple[float, float] | None) -> Floats:
    """1 - distance / (3 % of the image's diagonal) of points: 0 or more for points that are the same.

    Parameters
    ----------
    a, b : sequence of (x, y), length n and m
    size : (float, float)
        Height and width of the image.

    Returns
    -------
    ndarray of float, shape (n, m), at most 1
    """
    if size is None or not min(size) > 0:
        raise BadInput(f"the image's size is {size!r}; points need its height and width, since they are the same "
                       f"within {NEAR:.0%} of its diagonal.")
    apart = _rows(a, 2)[:, None, :] - _rows(b, 2)[None, :, :]
    return np.asarray(1 - np.hypot(apart[..., 0], apart[..., 1]) / (NEAR * math.hypot(*size)))


def iou_pair(kind: str, a: Sequence[float], b: Sequence[float], *, size: tuple[float, float]) -> float:
    """Return how far two objects of a kind overlap, from 0 to 1.

    Parameters
    ----------
    kind : "box", "polygon" or "point"
    a, b : sequence of float
        Their coordinates, as in `shapes.shape`.
    size : (float, float)
        Height and width of the image. Points overlap by 1 - distance / (3 % of its diagonal), at least 0.

    Examples
    --------
    >>> iou_pair("box", (0, 0, 10, 10), (5, 0, 15, 10), size=(20, 20))
    0.3333333333333333
    """
    if kind == "span":
        a, b = (a[0], 0, a[1], 1), (b[0], 0, b[1], 1)
    if kind in ("box", "span"):  # without arrays: a decision on 1,000 objects asks 1,000 times
        both = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
        return both / either if either > 0 else 0.0
    return float(overlaps(kind, [a], [b], size=size)[0, 0])


def iou_of(shapes_a: Sequence[Shaped], shapes_b: Sequence[Shaped], *,
           size: tuple[float, float] | None = None) -> Floats:
    """How far objects overlap; objects of different kinds are compared by the boxes around them.

    Points overlap only with points, and spans with spans.

    Parameters
    ----------
    shapes_a, shapes_b : sequence of Box, Polygon, Point, or anything with `kind` and `at`
    size : (float, float), optional
        Height and width of the image; only points need it.

    Returns
    -------
    ndarray of float, shape (n, m), from 0 to 1
    """
    found = np.zeros((len(shapes_a), len(shapes_b)))
    kinds = [np.array([shape.kind for shape in shapes], dtype=object) for shapes in (shapes_a, shapes_b)]
    for one in dict.fromkeys(kinds[0]):
        for other in dict.fromkeys(kinds[1]):
            if one != other and {"point", "span"} & {one, other}:
                continue
            rows, columns = np.flatnonzero(kinds[0] == one), np.flatnonzero(kinds[1] == other)
            ats = [[shapes[int(place)].at for place in places]
                   for shapes, places in ((shapes_a, rows), (shapes_b, columns))]
            if one == other:
                found[np.ix_(rows, columns)] = overlaps(one, *ats, size=size)
            else:
                found[np.ix_(rows, columns)] = iou(bounds(ats[0]), bounds(ats[1]))
    return found


def distances(kind: str, a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], *,
              size: tuple[float, float] | None = None) -> Floats:
    """How far objects lie apart, from 0 (the same place) to 1.

    Parameters
    ----------
    kind : "box", "polygon", "point" or "span"
    a, b : sequence of sequence of float, length n and m
    size : (float, float), optional
        Height and width of the image; only points need it.

    Returns
    -------
    ndarray of float, shape (n, m)
        (1 - GIoU) / 2 for boxes, spans and polygons, with the convex hull around both polygons; for points, the
        distance over the image's diagonal.

    References
    ----------
    Rezatofighi et al. (2019), Generalized Intersection over Union, doi:10.1109/CVPR.2019.00075.

    Examples
    --------
    >>> distances("box", [(0, 0, 1, 1)], [(0, 0, 1, 1), (3, 0, 4, 1)]).tolist()
    [[0.0, 0.75]]
    """
    if kind == "point":
        return np.asarray(np.minimum(1.0, (1 - nearness(a, b, size=size)) * NEAR))
    if kind in ("box", "span"):
        one, other = (_rows(some, 4) if kind == "box" else span_boxes(some) for some in (a, b))
        return np.asarray((1 - giou(one, other)) / 2)
    if kind != "polygon":
        raise BadInput(f"kind {kind!r} is unknown; 'box', 'polygon', 'point' or 'span' is expected.")
    of_a, of_b = polygons(a), polygons(b)
    both = _intersections(of_a, of_b)
    union = shapely.area(of_a)[:, None] + shapely.area(of_b)[None, :] - both
    firsts, seconds = np.broadcast_arrays(of_a[:, None], of_b[None, :])
    hull = shapely.area(shapely.convex_hull(shapely.union(shapely.convex_hull(firsts), shapely.convex_hull(seconds))))
    hull = np.maximum(hull.reshape(union.shape), union)
    return np.asarray((1 - _share(both, union) + _share(hull - union, hull)) / 2)


def pixel_error(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Mean error of the four sides of boxes, over the square root of the mean of their areas.

    An error of some pixels counts more where an object is small.

    Parameters
    ----------
    a, b : array_like of float, shape (n, 4) and (m, 4)

    Returns
    -------
    ndarray of float, shape (n, m), 0 or more

    Examples
    --------
    >>> pixel_error([[0, 0, 10, 10], [0, 0, 40, 40]], [[1, 1, 11, 11]]).round(3)[0].tolist()
    [0.1]
    """
    one, other = _rows(a, 4), _rows(b, 4)
    _, of_a, of_b, _ = _areas(one, other)
    side = np.sqrt((of_a + of_b) / 2)
    return _share(abs(one[:, None, :] - other[None, :, :]).mean(axis=2), np.broadcast_to(side, (len(one), len(other))))


def match_by_score(overlap: npt.ArrayLike, thresholds: npt.ArrayLike, *, ignored: npt.ArrayLike | None = None,
                   crowd: npt.ArrayLike | None = None) -> Ints:
    """Pair predicted objects with true ones as COCO does, for each threshold.

    In order of score, each prediction is paired with the true object that it overlaps most, among free ones that it
    overlaps by the threshold or more; with an ignored one only if there is no other.

    Parameters
    ----------
    overlap : array_like of float, shape (n_predictions, n_true)
        Predictions in order of their scores, best first.
    thresholds : array_like of float, shape (n_thresholds,)
    ignored : array_like of bool, shape (n_true,), optional
        True objects that needn't be found: a prediction on one is neither right nor wrong.
    crowd : array_like of bool, shape (n_true,), optional
        True objects that stand for many: any number of predictions may be on one. They are ignored too.

    Returns
    -------
    ndarray of int64, shape (n_thresholds, n_predictions)
        The true object that each prediction was paired with, -1 for none.

    References
    ----------
    Lin et al. (2014), Microsoft COCO: Common Objects in Context, doi:10.1007/978-3-319-10602-1_48, and its cocoeval.py.

    Examples
    --------
    >>> match_by_score([[.6, .8], [.1, .9]], [.5]).tolist()
    [[1, -1]]
    """
    overlap = np.asarray(overlap, np.float64)
    limits = np.minimum(np.atleast_1d(np.asarray(thresholds, np.float64)), _NEARLY_ONE)[:, None]
    n_predictions, n_true = overlap.shape
    many = np.zeros(n_true, bool) if crowd is None else np.asarray(crowd, bool)
    spare = many if ignored is None else many | np.asarray(ignored, bool)
    found = np.full((len(limits), n_predictions), -1, np.int64)
    if not n_true:
        return found
    free = np.ones((len(limits), n_true), bool)
    rows, some_spared = np.arange(len(limits)), bool(spare.any())
    for place in np.flatnonzero(overlap.max(axis=1) >= limits.min()):
        fits = free & (overlap[place] >= limits)
        if some_spared:
            regular = fits & ~spare
            fits = np.where(regular.any(axis=1)[:, None], regular, fits)
        # Of equal overlaps the last, as in cocoeval.py.
        best = n_true - 1 - np.where(fits, overlap[place], -np.inf)[:, ::-1].argmax(axis=1)
        hit = fits[rows, best]
        found[hit, place] = best[hit]
        taken = hit & ~many[best]
        free[rows[taken], best[taken]] = False
    return found


def match_one_to_one(overlap: npt.ArrayLike, least: float = 0.5) -> tuple[Ints, Ints]:
    """Pair the objects of two people so that the overlaps of all pairs together are largest.

    Parameters
    ----------
    overlap : array_like of float, shape (n, m)
    least : float
        Smallest overlap of a pair.

    Returns
    -------
    first, second : ndarray of int64, shape (n_pairs,)
        Places of the paired objects.

    References
    ----------
    Kuhn (1955), The Hungarian method for the assignment problem, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> [places.tolist() for places in match_one_to_one([[.9, .8], [.85, .1]])]
    [[0, 1], [1, 0]]
    """
    overlap = np.asarray(overlap, np.float64)
    if overlap.ndim != 2:
        raise ShapeError(f"overlap has shape {overlap.shape}; a row for each object of the one and a column for each "
                         "of the other are expected.")
    # A pair below `least` counts 0, so that the others are the best allowed ones.
    from scipy.optimize import linear_sum_assignment  # opening a project doesn't need it
    first, second = linear_sum_assignment(np.where(overlap >= least, overlap, 0.0), maximize=True)
    kept = overlap[first, second] >= least
    return first[kept].astype(np.int64), second[kept].astype(np.int64)


def match_by_overlap(overlap: npt.ArrayLike, least: float = 0.0) -> tuple[Ints, Ints]:
    """Pair the objects of two people, the largest overlaps first.

    The pairs for a higher `least` are a subset of those for a lower one, so that one pairing serves all thresholds.

    Parameters
    ----------
    overlap : array_like of float, shape (n, m)
    least : float
        No pair overlaps less; pairs that don't overlap at all are never made.

    Returns
    -------
    first, second : ndarray of int64, shape (n_pairs,)
        Places of the paired objects, the largest overlap first.

    Examples
    --------
    >>> [places.tolist() for places in match_by_overlap([[.9, .8], [.85, .1]])]
    [[0, 1], [0, 1]]
    """
    overlap = np.asarray(overlap, np.float64)
    rows, columns = np.nonzero((overlap >= least) & (overlap > 0))
    order = np.argsort(-overlap[rows, columns], kind="stable")
    pairs: list[tuple[int, int]] = []
    free_row, free_column = [True] * overlap.shape[0], [True] * overlap.shape[1]
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if free_row[row] and free_column[column]:
            free_row[row] = free_column[column] = False
            pairs.append((row, column))
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    return first, second


def clusters(overlap: npt.ArrayLike, owner: npt.ArrayLike, least: float = 0.5) -> list[Ints]:
    """Group the objects that several people found in one image, at most one object of a person in each group.

    Groups are joined while the mean overlap between two of them is `least` or more, the largest first, and nobody has
    an object in both.

    Parameters
    ----------
    overlap : array_like of float, shape (n, n)
        Overlaps of all objects with each other.
    owner : array_like of int, shape (n,)
        The person whose object each is.
    least : float

    Returns
    -------
    list of ndarray of int64
        Places of the objects of each group, in the order of their first objects.

    References
    ----------
    Sokal and Michener (1958), A Statistical Method for Evaluating Systematic Relationships, for average linkage.

    Examples
    --------
    >>> [group.tolist() for group in clusters([[1, .9, .8], [.9, 1, .6], [.8, .6, 1]], [0, 1, 1])]
    [[0, 1], [2]]
    """
    of, whose = np.asarray(overlap, np.float64), np.asarray(owner, np.int64)
    other = whose[:, None] != whose[None, :]
    near = (of >= least) & other
    from scipy.sparse import csr_matrix  # opening a project doesn't need them
    from scipy.sparse.csgraph import connected_components
    place = connected_components(csr_matrix(near), directed=False)[1]
    found: list[Ints] = []
    for group in np.unique(place).tolist():
        members = np.flatnonzero(place == group)
        inside = near[np.ix_(members, members)]
        if len(members) <= 2 or inside.sum() == len(members) * (len(members) - 1):
            found.append(members)
            continue
        found += [members[part] for part in _linked(of[np.ix_(members, members)], whose[members], least)]
    return sorted(found, key=lambda part: int(part[0]))


def _linked(overlap: Floats, owner: Ints, least: float) -> list[Ints]:
    """Average linkage, with at most one object of a person in a group."""
    n = len(owner)
    total, apart = overlap.copy(), owner[:, None] == owner[None, :]
    size, alive = np.ones(n), [[place] for place in range(n)]
    while True:
        mean = np.where(apart, -1.0, total / (size[:, None] * size[None, :]))
        one, other = divmod(int(mean.argmax()), n)
        if mean[one, other] < least:
            return [np.array(sorted(part), np.int64) for part in alive if part]
        total[one] += total[other]
        total[:, one] = total[one]
        apart[one] |= apart[other]
        apart[:, one] = apart[one]
        apart[one, one] = True
        apart[other], apart[:, other] = True, True
        size[one] += size[other]
        alive[one], alive[other] = alive[one] + alive[other], []


def span_boxes(ats: Sequence[Sequence[float]]) -> Floats:
    """Box of each span: start, 0, end, 1.

    Parameters
    ----------
    ats : sequence of (start, end), length n

    Returns
    -------
    ndarray of float, shape (n, 4)

    Examples
    --------
    >>> span_boxes([(3, 9)]).tolist()
    [[3.0, 0.0, 9.0, 1.0]]
    """
    at = _rows(ats, 2)
    return np.column_stack([at[:, 0], np.zeros(len(at)), at[:, 1], np.ones(len(at))])


def bounds(ats: Sequence[Sequence[float]], kind: str = "") -> Floats:
    """Box around each object, from its flat coordinates; the kind need only be passed for spans.

    Returns
    -------
    ndarray of float, shape (n, 4)
        x0, y0, x1, y1.

    Examples
    --------
    >>> bounds([(0, 0, 4, 1, 2, 5)]).tolist()
    [[0.0, 0.0, 4.0, 5.0]]
    """
    if kind == "span":
        return span_boxes(ats)
    return np.array([(min(at[::2]), min(at[1::2]), max(at[::2]), max(at[1::2])) for at in ats],
                    np.float64).reshape(-1, 4)


def polygons(ats: Sequence[Sequence[float]]) -> npt.NDArray[np.object_]:
    """Make a shapely Polygon of each flat sequence of coordinates; one that crosses itself is repaired.

    Returns
    -------
    ndarray of object, shape (n,)
    """
    made = np.empty(len(ats), dtype=object)
    for place, at in enumerate(ats):
        made[place] = shapely.Polygon(np.asarray(at, np.float64).reshape(-1, 2))
    crossing = ~shapely.is_valid(made) if len(made) else np.zeros(0, bool)
    if crossing.any():
        made[crossing] = shapely.make_valid(made[crossing])
    return made


def _rows(values: Any, width: int) -> Floats:
    rows = np.asarray(values, np.float64)
    if rows.size == 0:
        return rows.reshape(0, width)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ShapeError(f"coordinates have shape {rows.shape}; (n, {width}) is expected.")
    return rows


def _areas(a: Any, b: Any) -> tuple[Floats, Floats, Floats, Floats]:
    """Area of each intersection, of each box of a, of each of b, and of the box around both."""
    one, other = _rows(a, 4)[:, None, :], _rows(b, 4)[None, :, :]
    inner = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    outer = np.maximum(one[..., 2:], other[..., 2:]) - np.minimum(one[..., :2], other[..., :2])
    of_a, of_b = ((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]) for box in (one, other))
    return inner.clip(min=0).prod(axis=-1), of_a, of_b, outer.prod(axis=-1)


def _intersections(a: npt.NDArray[np.object_], b: npt.NDArray[np.object_]) -> Floats:
    """Area of the intersection of each two polygons, computed only for those whose boxes meet."""
    found = np.zeros((len(a), len(b)))
    if not found.size:
        return found
    of_a, of_b = shapely.bounds(a)[:, None, :], shapely.bounds(b)[None, :, :]
    first, second = np.nonzero(((np.minimum(of_a[..., 2:], of_b[..., 2:])
                                 - np.maximum(of_a[..., :2], of_b[..., :2])) > 0).all(axis=-1))
    found[first, second] = shapely.area(shapely.intersection(a[first], b[second]))
    return found


def _share(part: Floats, whole: Floats) -> Floats:
    """The quotient, 0 where the whole is 0."""
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0))
