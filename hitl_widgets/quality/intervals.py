"""Confidence intervals of proportions, of their differences, of medians and of means.

They are valid for small samples, where the intervals of the normal approximation are too narrow. Read `jeffreys` (one
proportion), `tango` (two, on the same items) and `across` (one, over people who differ) first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, betaincinv, betaln, ndtri, stdtrit

from ..errors import BadInput, ShapeError
from ..records import Estimate

# The grid of `across`: the mean, with Jeffreys' prior, and the correlation of two answers of one person, all equally
# likely beforehand.
_MEANS = (np.arange(200) + 0.5) / 200
_DIFFER = np.array([0.001, 0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3])


def jeffreys(k: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Interval for the share behind k successes in n trials, by Jeffreys' prior.

    Parameters
    ----------
    k, n : float
        Successes and trials, 0 <= k <= n; fractions if trials are worth less than one each (`design_effect`).
    level : float
        Confidence level: share of such intervals that contain the truth, averaged over all truths.

    Returns
    -------
    low, high : float
        From 0 to 1: low is 0 when k is 0, high is 1 when k is n; (0, 1) when n is 0.

    References
    ----------
    Brown, Cai and DasGupta (2001), Interval Estimation for a Binomial Proportion, doi:10.1214/ss/1009213286.

    Examples
    --------
    >>> [round(end, 3) for end in jeffreys(45, 50)]
    [0.795, 0.961]
    """
    tail = _tail(level)
    _check_counts(k, n - k)
    low = float(betaincinv(k + 0.5, n - k + 0.5, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 0.5, n - k + 0.5, 1 - tail)) if k < n else 1.0
    return low, high


def jeffreys_of_pool(k: float, n: float, n_pool: float, *, level: float = 0.95) -> tuple[float, float]:
    """Interval for a share of a pool, from items that were drawn at random without replacement.

    The more of the pool was drawn, the less is left to guess: the sample counts as the number of items of an infinite
    pool with the same standard error (Cochran's finite population correction).

    Parameters
    ----------
    k, n : float
        Successes and items drawn, 0 <= k <= n.
    n_pool : float
        Items of the pool, n or more. All three are fractions if items are worth less than one each (`design_effect`).
    level : float
        See `jeffreys`.

    Returns
    -------
    low, high : float
        From 0 to 1; both are the share itself when the whole pool was drawn.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd edition, 2.6.

    Examples
    --------
    >>> [[round(end, 3) for end in jeffreys_of_pool(45, 50, n_pool)] for n_pool in (10_000, 60)]
    [[0.795, 0.961], [0.862, 0.93]]
    """
    tail = _tail(level)
    _check_counts(k, n - k)
    if n_pool < n:
        raise BadInput(f"{n} items were drawn of a pool of {n_pool}; a pool has at least as many.")
    if n == n_pool and n:
        return k / n, k / n
    worth = (n_pool - 1) / (n_pool - n)
    good, bad = k * worth + 0.5, (n - k) * worth + 0.5
    return float(betaincinv(good, bad, tail)) if k > 0 else 0.0, \
        float(betaincinv(good, bad, 1 - tail)) if k < n else 1.0


def wilson(k: float, n: float, *, level: float = 0.95) -> tuple[float, float]:
    """Interval for the share behind k successes in n trials, by Wilson's score.

    Parameters
    ----------
    k, n : int
        Successes and trials, 0 <= k <= n.
    level : float
        Confidence level, met approximately.

    Returns
    -------
    low, high : float
        From 0 to 1; (0, 1) when n is 0.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    z = -float(ndtri(_tail(level)))
    _check_counts(k, n - k)
    if n == 0:
        return 0.0, 1.0
    share, weight = k / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / n + weight / (4 * n))
    return (max(0.0, middle - half) if k else 0.0), (min(1.0, middle + half) if k < n else 1.0)


def newcombe(k_1: float, n_1: float, k_2: float, n_2: float, *, level: float = 0.95) -> tuple[float, float]:
    """Interval for the difference, first minus second, of two shares counted on different items.

    Wilson's interval of each share, joined by square and add (Newcombe's method 10).

    Parameters
    ----------
    k_1, n_1, k_2, n_2 : int
        Successes and trials of each, 0 <= k <= n.
    level : float
        Confidence level, met approximately.

    Returns
    -------
    low, high : float
        From -1 to 1; (-1, 1) when one of the two has no trials.

    References
    ----------
    Newcombe (1998), Interval estimation for the difference between independent proportions,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    Examples
    --------
    >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    (low_1, high_1), (low_2, high_2) = wilson(k_1, n_1, level=level), wilson(k_2, n_2, level=level)
    if not n_1 or not n_2:
        return -1.0, 1.0
    first, second = k_1 / n_1, k_2 / n_2
    return (first - second - math.hypot(first - low_1, high_2 - second),
            first - second + math.hypot(high_1 - first, second - low_2))


def design_effect(values: npt.ArrayLike, groups: npt.ArrayLike) -> float:
    """Design effect: the variance of a mean if whole groups of items are drawn, relative to independent items.

    It is the variance of the mean over groups, divided by its variance for as many independently drawn items. Counts
    are divided by it, so that intervals are also valid if the items in a group are alike. Student's distribution allows
    for the uncertain variance of few groups.

    Parameters
    ----------
    values : array_like of float, shape (n_items,)
        Values whose mean is estimated, such as whether a model was right.
    groups : array_like, shape (n_items,)
        The group of each item.

    Returns
    -------
    float
        At least 1; the number of items where all are of one group.

    References
    ----------
    Rao and Scott (1992), A Simple Method for the Analysis of Clustered Binary Data, doi:10.2307/2532311; Korn and
    Graubard (1998), Confidence Intervals for Proportions with Small Expected Number of Positive Counts.

    Examples
    --------
    >>> round(design_effect([1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1], [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]), 1)
    10.5
    """
    values, place = np.asarray(values, np.float64), np.unique(np.asarray(groups), return_inverse=True)[1]
    n, n_groups = len(values), int(place.max(initial=-1)) + 1
    if n_groups == n or not n:
        return 1.0
    if n_groups == 1:
        return float(n)
    sums = np.bincount(place, values - values.mean(), n_groups)
    between = n_groups / (n_groups - 1) * float((sums ** 2).sum())
    within = float(((values - values.mean()) ** 2).sum())
    few = (float(stdtrit(n_groups - 1, 0.025)) / float(ndtri(0.025))) ** 2
    sizes = np.bincount(place)  # if all values are equal, their correlation is unknown: each group counts as one item
    return max(1.0, few * between / within) if within else float((sizes ** 2).sum() / n)


def clusters_of(groups: npt.ArrayLike | None, n: int) -> npt.NDArray[np.int64]:
    """Number of the group that each of n items is in, from 0; without groups each item is a group of its own.

    Raises
    ------
    ShapeError
        If there isn't one group for each item.

    Examples
    --------
    >>> clusters_of(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    if groups is None:
        return np.arange(n)
    place = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1).astype(np.int64)
    if len(place) != n:
        raise ShapeError(f"there are {len(place)} groups for {n} items; the group of each item is expected.")
    return place


def across(k: Sequence[int] | npt.NDArray[np.integer], n: Sequence[int] | npt.NDArray[np.integer], *,
           level: float = 0.95) -> tuple[float, float]:
    """Interval for the mean share behind the counts of several people who may differ.

    Each person's own share is modelled as drawn from a beta distribution around the mean; how far people differ is
    estimated from the counts (a beta-binomial model on a grid). Many answers of one person count for less than as many
    answers of several.

    Parameters
    ----------
    k, n : array_like of int, shape (n_people,)
        Successes and trials of each person, 0 <= k <= n.
    level : float
        Confidence level: share of such intervals that contain the truth, averaged over means and differences.

    Returns
    -------
    low, high : float
        From 0 to 1; Jeffreys' interval where there is only one person.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section 5.3.

    Examples
    --------
    >>> [round(end, 2) for end in across([45, 20, 44], [50, 50, 50])]
    [0.44, 0.89]
    """
    tail, good, tried = _tail(level), np.asarray(k, np.float64), np.asarray(n, np.float64)
    _check_counts(*good.tolist(), *(tried - good).tolist())
    if (tried > 0).sum() < 2:
        return jeffreys(int(good.sum()), int(tried.sum()), level=level)
    mean, differ = np.meshgrid(_MEANS, _DIFFER, indexing="ij")
    size = 1 / differ - 1
    alpha, beta = mean * size, (1 - mean) * size
    logs = sum(betaln(alpha + a, beta + b - a) - betaln(alpha, beta) for a, b in zip(good, tried, strict=True)) \
        - 0.5 * np.log(mean * (1 - mean))
    reached = np.cumsum(np.exp(logs - logs.max()).sum(axis=1))
    reached = np.concatenate([[0.0], reached / reached[-1]])
    low, high = np.interp([tail, 1 - tail], reached, np.linspace(0, 1, len(reached)))
    return (float(low) if good.any() else 0.0), (float(high) if (good < tried).any() else 1.0)


def of_median(values: Sequence[float] | npt.NDArray[np.floating], *, level: float = 0.95) -> tuple[float, float]:
    """Interval for the median behind some values, whatever their distribution.

    The ends are interpolated between the ordered values, so that the level is met as exactly as possible.

    Parameters
    ----------
    values : array_like of float, shape (n,)
    level : float
        Confidence level.

    Returns
    -------
    low, high : float
        (-inf, inf) for fewer than 6 values, which are too few at 95 %.

    References
    ----------
    Hettmansperger and Sheather (1986), Confidence intervals based on interpolated order statistics,
    doi:10.1016/0167-7152(86)90021-0.

    Examples
    --------
    >>> [round(end, 3) for end in of_median(range(1, 21))]
    [6.235, 14.765]
    """
    tail, values = _tail(level), np.sort(np.asarray(values, np.float64))
    n = len(values)
    held = 1 - 2 * bdtr(np.arange(n // 2 + 1), n, 0.5)  # by the (d+1)-th smallest and largest value
    fitting = np.flatnonzero(held >= level)
    if not len(fitting):
        return -math.inf, math.inf
    d = int(fitting[-1])
    more, less = held[d], held[d + 1] if d + 1 < len(held) else 0.0
    step = (more - (1 - 2 * tail)) / (more - less)
    inwards = (n - d - 1) * step / (d + 1 + (n - 2 * d - 2) * step)
    return (float((1 - inwards) * values[d] + inwards * values[min(d + 1, n - 1)]),
            float((1 - inwards) * values[n - d - 1] + inwards * values[max(n - d - 2, 0)]))


def student_mean(values: Sequence[float] | npt.NDArray[np.floating], *, level: float = 0.95,
                 within: tuple[float, float] | None = None, why: str = "") -> Estimate:
    """Mean of some values, with Student's interval; values that aren't finite are left out.

    Parameters
    ----------
    values : array_like of float, shape (n,)
    level : float
        Confidence level, exact where values have a normal distribution.
    within : tuple of float, optional
        The smallest and the largest possible value: the interval is clipped to them. For fewer than two values they are
        its ends; without `within` these are NaN then.
    why : str
        The estimate's reason if there are no values.

    Returns
    -------
    Estimate
        NaN without values.

    References
    ----------
    Student (1908), The Probable Error of a Mean, doi:10.2307/2331554.

    Examples
    --------
    >>> student_mean([0.2, 0.4, 0.6], within=(0, 1))
    0.400 (0.000 to 0.897, n = 3: few items)
    """
    tail, finite = _tail(level), np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    least, largest = within or (math.nan, math.nan)
    if (n := len(finite)) < 2:
        return Estimate(finite[0] if n else math.nan, least, largest, n=n, why="" if n else why)
    mean, half = finite.mean(), -stdtrit(n - 1, tail) * finite.std(ddof=1) / math.sqrt(n)
    low, high = np.clip([mean - half, mean + half], *within) if within else (mean - half, mean + half)
    return Estimate(mean, low, high, n=n)


def tango(both: float, only_first: float, only_second: float, neither: float, *,
          level: float = 0.95) -> tuple[float, float]:
    """Interval for the difference, first minus second, of two shares counted on the same items.

    Tango's score interval: all differences that a score test doesn't reject. It works where all items agree, too, and
    stays within -1 to 1. At the level 0.95 it contains the truth in 93 to 97.5 of 100 cases where ten or more items are
    expected to differ, and in at least 93 where fewer are (`benchmarks/intervals.py`).

    Parameters
    ----------
    both, only_first, only_second, neither : int
        Number of items that succeeded under both, one or none of the two.
    level : float
        Confidence level, met approximately.

    Returns
    -------
    low, high : float
        From -1 to 1; (-1, 1) without items.

    References
    ----------
    Tango (1998), Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design, doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Examples
    --------
    >>> [round(end, 3) for end in tango(1, 1, 7, 12)]
    [-0.517, -0.026]
    """
    z = -float(ndtri(_tail(level)))
    _check_counts(both, only_first, only_second, neither)
    n = both + only_first + only_second + neither
    if n == 0:
        return -1.0, 1.0
    difference = (only_first - only_second) / n

    def beyond(true: float, sign: int) -> float:
        # Positive where a true difference is rejected. No quotient: the variance may be 0 at the ends.
        linear = (2 * n - only_first + only_second) * true - only_first - only_second
        share = (math.sqrt(max(0.0, linear ** 2 + 8 * n * only_second * true * (1 - true))) - linear) / (4 * n)
        variance = n * (2 * share + true * (1 - true))
        return sign * n * (difference - true) - z * math.sqrt(max(0.0, variance))

    # Beside the observed difference: at 0 and 1 its variance is 0, so that it is a root itself.
    from scipy.optimize import brentq  # opening a project doesn't need it
    low = -1.0 if beyond(-1.0, 1) <= 0 else float(brentq(beyond, -1.0, difference - 1e-9, args=(1,)))
    high = 1.0 if beyond(1.0, -1) <= 0 else float(brentq(beyond, difference + 1e-9, 1.0, args=(-1,)))
    return low, high


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise BadInput(f"level {level!r} can't be used: a share between 0 and 1 is expected, such as 0.95.")
    return (1 - level) / 2


def _check_counts(*counts: float) -> None:
    if any(count < 0 for count in counts):
        raise BadInput(f"counts {counts} can't be used: none is negative, and no more succeed than were tried.")
