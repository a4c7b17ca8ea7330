"""Coefficients of agreement from counts of votes, with their derivatives.

Items with the same counts are of one kind. Each function takes the kinds and how often each occurs, for many samples at
once, so that a bootstrap is a few products of matrices. Begin with `kinds_of` and `krippendorff_alpha`.

Notation: r[t, k] votes for label k at an item of kind t, m[t] their sum, w[b, t] items of kind t in sample b. The slope
is the derivative of the coefficient with respect to w: its squares, summed over items, are the coefficient's variance
over items.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Measured(NamedTuple):
    """A coefficient in each sample.

    Attributes
    ----------
    value : ndarray of float, shape (n_samples,)
        NaN where it is undefined.
    slope : ndarray of float, shape (n_samples, n_kinds)
        Its derivative with respect to the number of items of each kind.
    """

    value: Floats
    slope: Floats


def kinds_of(counts: Floats) -> tuple[Floats, Ints]:
    """Distinct rows of counts, and the place of each row among them.

    Parameters
    ----------
    counts : ndarray of float, shape (n_items, n_labels)

    Returns
    -------
    kinds : ndarray of float, shape (n_kinds, n_labels)
    place : ndarray of int64, shape (n_items,)
    """
    if not len(counts):
        return counts, np.zeros(0, np.int64)
    whole = np.ascontiguousarray(counts, np.int32)
    _, first, place = np.unique(whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel(),
                                return_index=True, return_inverse=True)
    return counts[first], place.reshape(-1).astype(np.int64)


def ordinal_weights(n_labels: int) -> Floats:
    """Gwet's ordinal weights: 1 for the same label, 0 for the two ends of the scale.

    The weight of two labels is 1 - d (d + 1) / (n (n - 1)) for labels d steps apart on a scale of n labels.

    Returns
    -------
    ndarray of float, shape (n_labels, n_labels)

    References
    ----------
    Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition, section 3.5.

    Examples
    --------
    >>> ordinal_weights(3).round(3).tolist()
    [[1.0, 0.667, 0.0], [0.667, 1.0, 0.667], [0.0, 0.667, 1.0]]
    """
    steps = np.abs(np.subtract.outer(np.arange(n_labels), np.arange(n_labels))).astype(np.float64)
    pairs = steps * (steps + 1) / 2
    return 1 - pairs / max(1.0, float(pairs.max(initial=1.0)))


def set_distances(sets: Sequence[Collection[str]], *, masi: bool = True) -> Floats:
    """Distances of sets of labels: 0 for the same set, 1 for two that have no label in common.

    Jaccard's distance is 1 - (labels in both) / (labels in either). MASI's distance is 1 - m (labels in both) / (labels
    in either), with m = 1 for equal sets, 2/3 if one contains the other, 1/3 if they only overlap. Two empty sets are
    the same, and an empty one has nothing in common with another.

    Parameters
    ----------
    sets : sequence of collections of str, length n_sets
    masi : bool
        Whether the distance is MASI; otherwise Jaccard's.

    Returns
    -------
    ndarray of float, shape (n_sets, n_sets)

    References
    ----------
    Passonneau (2006), Measuring Agreement on Set-valued Items (MASI) for Semantic and Pragmatic Annotation, LREC.

    Examples
    --------
    >>> set_distances([{"a"}, {"a", "b"}, {"b", "c"}]).round(3).tolist()
    [[0.0, 0.667, 1.0], [0.667, 0.0, 0.889], [1.0, 0.889, 0.0]]
    """
    labels = sorted({label for members in sets for label in members})
    on = np.array([[label in members for label in labels] for members in sets], np.float64).reshape(
        len(sets), len(labels))
    size = on.sum(axis=1)
    both = on @ on.T
    either = size[:, None] + size[None, :] - both
    same = np.equal.outer(size, size) & (both == size[:, None])
    alike = np.where(same, 1.0, both / _positive(either))
    if masi:
        inside = (both == size[:, None]) | (both == size[None, :])
        alike = alike * np.where(same, 1.0, np.where(inside, 2 / 3, np.where(both > 0, 1 / 3, 0.0)))
    return 1 - alike


def interval_distances(values: Sequence[float] | Floats) -> Floats:
    """Squared differences of numbers, shape (n_values, n_values).

    Examples
    --------
    >>> interval_distances([0, 1, 3]).tolist()
    [[0.0, 1.0, 9.0], [1.0, 0.0, 4.0], [9.0, 4.0, 0.0]]
    """
    numbers = np.asarray(values, np.float64)
    return np.asarray(np.subtract.outer(numbers, numbers) ** 2)


def percent(kinds: Floats, weights: Floats) -> Measured:
    """Share of pairs of votes that agree, averaged over items with two votes or more.

    Examples
    --------
    >>> percent(np.array([[3.0, 0.0], [1.0, 2.0]]), np.ones((1, 2))).value.round(3).tolist()
    [0.667]
    """
    return _mean_agreement(kinds, weights, np.eye(kinds.shape[1]))


def fleiss_kappa(kinds: Floats, weights: Floats) -> Measured:
    """Fleiss' kappa; each item has the same weight in the labels' shares, however many votes it has.

    Undefined where all votes are for one label.

    References
    ----------
    Fleiss (1971), Measuring nominal scale agreement among many raters, doi:10.1037/h0031619.
    """
    share, slope_of = _shares(kinds, weights)
    return _above_chance(percent(kinds, weights), (share ** 2).sum(axis=1), slope_of(2 * share))


def gwet_ac(kinds: Floats, weights: Floats, credit: Floats | None = None) -> Measured:
    """Gwet's AC1; with `credit` for pairs of labels that are near each other, AC2.

    Undefined where there is one label only.

    Parameters
    ----------
    credit : ndarray of float, shape (n_labels, n_labels), optional
        From 0 to 1, 1 on the diagonal, such as `ordinal_weights`.

    References
    ----------
    Gwet (2008), Computing inter-rater reliability and its variance in the presence of high agreement,
    doi:10.1348/000711006X126600; Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition.
    """
    n_labels = kinds.shape[1]
    credit = np.eye(n_labels) if credit is None else credit
    share, slope_of = _shares(kinds, weights)
    scale = credit.sum() / (n_labels * (n_labels - 1)) if n_labels > 1 else np.nan
    return _above_chance(_mean_agreement(kinds, weights, credit), scale * (share * (1 - share)).sum(axis=1),
                         slope_of(scale * (1 - 2 * share)))


def krippendorff_alpha(kinds: Floats, weights: Floats, *, ordinal: bool = False,
                       distances: Floats | None = None) -> Measured:
    """Krippendorff's alpha over items with two votes or more: nominal, ordinal, or with distances of the labels.

    Undefined where all votes are for one label.

    Parameters
    ----------
    ordinal : bool
        Whether labels are ordered, as their columns are. The distance of two labels is the squared difference of their
        mean ranks among all votes.

    References
    ----------
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, https://repository.upenn.edu/asc_papers/43.

    Examples
    --------
    >>> counts = np.array([[3.0, 0.0], [1.0, 2.0], [0.0, 3.0]])
    >>> krippendorff_alpha(counts, np.ones((1, 3))).value.round(3).tolist()
    [0.6]
    """
    pairable = kinds.sum(axis=1) >= 2
    votes, w = kinds[pairable], weights[:, pairable]
    slope = np.zeros_like(weights)
    # With the number of votes held fixed, so that the slopes add up to 0 over a sample.
    if distances is not None:
        value, slope[:, pairable] = _alpha_of_distances(votes, w, distances)
    else:
        value, slope[:, pairable] = (_ordinal_alpha if ordinal else _nominal_alpha)(votes, w)
    return Measured(value, slope)


def interval_alpha(moments: Floats, weights: Floats) -> Measured:
    """Krippendorff's alpha with the interval distance, from sums; for numbers that are rarely equal.

    Undefined where all values are the same.

    Parameters
    ----------
    moments : ndarray of float, shape (n_kinds, 3)
        For each kind of item the number of values, their sum and the sum of their squares, best of centred values.
    weights : ndarray of float, shape (n_samples, n_kinds)

    Examples
    --------
    >>> interval_alpha(np.array([[2, 3, 5], [2, 9, 41], [2, 6, 18]]), np.ones((1, 3))).value.round(3).tolist()
    [0.833]
    """
    pairable = moments[:, 0] >= 2
    (m, sums, squares), w = moments[pairable].T, weights[:, pairable]
    differing = 2 * (m * squares - sums ** 2) / (m - 1)
    n, of_sum, of_square = w @ m, w @ sums, w @ squares
    expected = 2 * (n * of_square - of_sum ** 2)
    slope_of_expected = 2 * (n[:, None] * squares + np.outer(of_square, m) - 2 * np.outer(of_sum, sums))
    slope = np.zeros_like(weights)
    value, slope[:, pairable] = _alpha_of_sums(m, w, differing, expected, slope_of_expected)
    return Measured(value, slope)


def cohen_kappa(first: Ints, second: Ints, n_labels: int, weights: Floats) -> Measured:
    """Cohen's kappa of two annotators; a kind of item is the pair of their labels.

    Undefined where both gave one and the same label to all items.

    Parameters
    ----------
    first, second : ndarray of int64, shape (n_kinds,)
        Place of the label that each gave.
    weights : ndarray of float, shape (n_samples, n_kinds)
        Items of each kind.

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales, doi:10.1177/001316446002000104.
    """
    n = weights.sum(axis=1, keepdims=True)
    one, other = (weights @ np.eye(n_labels)[of] / _positive(n) for of in (first, second))
    same = (first == second).astype(np.float64)
    observed = weights @ same / _positive(n)[:, 0]
    chance = (one * other).sum(axis=1)
    slope_of_observed = (same - observed[:, None]) / _positive(n)
    slope_of_chance = (other[:, first] + one[:, second] - 2 * chance[:, None]) / _positive(n)
    return _above_chance(Measured(np.where(n[:, 0] > 0, observed, np.nan), slope_of_observed), chance, slope_of_chance)


def standard_error(measured: Measured, weights: Floats) -> Floats:
    """Standard error of a coefficient over items, in each sample, by its slopes (the infinitesimal jackknife)."""
    n = weights.sum(axis=1)
    return np.sqrt(n / np.maximum(n - 1, 1) * np.einsum("bt,bt->b", weights, measured.slope ** 2))


def _positive(n: Floats) -> Floats:
    """Replace 0 in a divisor by 1; the caller marks the quotient as undefined."""
    return np.where(n > 0, n, 1.0)


def _mean_agreement(kinds: Floats, weights: Floats, credit: Floats) -> Measured:
    """Mean credit of an item's pairs of votes, averaged over items with two votes or more."""
    m = kinds.sum(axis=1)
    pairable = m >= 2
    agreeing = np.where(pairable, ((kinds @ credit) * kinds).sum(axis=1) - m, 0.0) / np.where(pairable, m * (m - 1), 1)
    n = weights @ pairable.astype(np.float64)
    value = np.where(n > 0, weights @ agreeing / _positive(n), np.nan)
    return Measured(value, pairable * (agreeing - value[:, None]) / _positive(n)[:, None])


def _shares(kinds: Floats, weights: Floats) -> tuple[Floats, _SlopeOf]:
    """Each label's share, averaged over items, and the function from a derivative by the shares to slopes."""
    m = kinds.sum(axis=1)
    own = kinds / _positive(m)[:, None]
    n = _positive(weights @ (m > 0).astype(np.float64))
    share = weights @ own / n[:, None]

    return share, _SlopeOf(own, (m > 0), share, n)


class _SlopeOf:
    """The chain rule through the labels' shares."""

    def __init__(self, own: Floats, voted: npt.NDArray[np.bool_], share: Floats, n: Floats) -> None:
        self.own, self.voted, self.share, self.n = own, voted, share, n

    def __call__(self, by_share: Floats) -> Floats:
        return self.voted * (by_share @ self.own.T - (by_share * self.share).sum(axis=1)[:, None]) / self.n[:, None]


def _above_chance(observed: Measured, chance: Floats, slope_of_chance: Floats) -> Measured:
    """(observed - chance) / (1 - chance); undefined where chance is 1."""
    left = 1 - chance
    left = np.where(left > 1e-12, left, np.nan)
    return Measured((observed.value - chance) / left,
                    observed.slope / left[:, None]
                    - ((1 - observed.value) / left ** 2)[:, None] * slope_of_chance)


def _nominal_alpha(votes: Floats, w: Floats) -> tuple[Floats, Floats]:
    m = votes.sum(axis=1)
    differing = (m ** 2 - (votes ** 2).sum(axis=1)) / (m - 1)
    n = w @ m
    total, share = _positive(n)[:, None], w @ votes / _positive(n)[:, None]
    observed = w @ differing / total[:, 0]
    expected = 1 - (share ** 2).sum(axis=1)
    expected = np.where((expected > 1e-12) & (n > 1), expected, np.nan)
    fixed = (n - 1) / total[:, 0]
    slope_of_observed = (differing - observed[:, None] * m) / total
    slope_of_expected = -2 * (share @ votes.T - (share ** 2).sum(axis=1)[:, None] * m) / total
    return 1 - fixed * observed / expected, \
        -fixed[:, None] * (slope_of_observed - (observed / expected)[:, None] * slope_of_expected) / expected[:, None]


def _ordinal_alpha(votes: Floats, w: Floats) -> tuple[Floats, Floats]:
    # The ordinal distance is the squared distance of mean ranks: alpha is that of numbers that depend on the votes.
    m, own_rank = votes.sum(axis=1), np.cumsum(votes, axis=1) - votes / 2
    of_label = w @ votes
    n = of_label.sum(axis=1)
    rank = np.cumsum(of_label, axis=1) - of_label / 2
    sums, squares = rank @ votes.T, rank ** 2 @ votes.T
    differing = 2 * (m * squares - sums ** 2) / (m - 1)
    observed = np.einsum("bt,bt->b", w, differing)
    of_rank, of_square = (of_label * rank).sum(axis=1), (of_label * rank ** 2).sum(axis=1)
    expected = 2 * (n * of_square - of_rank ** 2)
    expected = np.where((expected > 1e-9 * np.maximum(1, n) ** 4) & (n > 1), expected, np.nan)
    by_rank = 4 * (rank * (w @ (votes * (m / (m - 1))[:, None])) - (w * sums) @ (votes / (m - 1)[:, None]))
    slope_of_observed = differing + by_rank @ own_rank.T
    by_votes = 2 * of_square[:, None] + 2 * n[:, None] * rank ** 2 - 4 * of_rank[:, None] * rank
    by_rank = 4 * (n[:, None] * rank - of_rank[:, None]) * of_label
    slope_of_expected = by_votes @ votes.T + by_rank @ own_rank.T
    ratio, fixed = (n * observed / expected)[:, None], (n - 1) / _positive(n)
    slope = -(m * (observed / expected)[:, None] + n[:, None] * slope_of_observed / expected[:, None]
              - ratio * slope_of_expected / expected[:, None])
    return 1 - fixed * ratio[:, 0], fixed[:, None] * slope


def _alpha_of_distances(votes: Floats, w: Floats, distances: Floats) -> tuple[Floats, Floats]:
    m = votes.sum(axis=1)
    differing = np.einsum("tk,tk->t", votes @ distances, votes) / (m - 1)
    far = w @ votes @ distances
    return _alpha_of_sums(m, w, differing, np.einsum("bk,bk->b", far, w @ votes), 2 * far @ votes.T)


def _alpha_of_sums(m: Floats, w: Floats, differing: Floats, expected: Floats,
                   slope_of_expected: Floats) -> tuple[Floats, Floats]:
    """Alpha from the distances of pairs within each kind of item (over m - 1), and of all pairs of a sample."""
    n = w @ m
    largest = np.maximum(1e-300, abs(differing).max(initial=0.0)) * np.maximum(1, n)
    expected = np.where((expected > 1e-12 * largest) & (n > 1), expected, np.nan)[:, None]
    observed, n = (w @ differing)[:, None], n[:, None]
    fixed = (n - 1) / _positive(n)
    slope = m * observed / expected + n * differing / expected - n * observed * slope_of_expected / expected ** 2
    return (1 - fixed * n * observed / expected)[:, 0], -fixed * slope
