"""How far may a proportion, or the difference of two, lie from what was counted?

Intervals for small samples, where the textbook's normal approximation promises too much. Read `jeffreys` (one
proportion) and `newcombe_paired` (two, on the same items) first.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv, ndtri

from .errors import BadInput


def jeffreys(k: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The interval that holds the share behind k successes in n trials, by Jeffreys' prior.

    Parameters
    ----------
    k, n : counts, 0 <= k <= n
    level : share of such intervals that hold the truth, averaged over all truths

    Returns
    -------
    (low, high), from 0 to 1: low is 0 when k is 0, high is 1 when k is n; (0, 1) when n is 0

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


def wilson(k: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The interval that holds the share behind k successes in n trials, by Wilson's score.

    Parameters
    ----------
    k, n : counts, 0 <= k <= n
    level : share of such intervals that hold the truth, about

    Returns
    -------
    (low, high), from 0 to 1; (0, 1) when n is 0

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


def newcombe_paired(both: int, only_first: int, only_second: int, neither: int, *,
                    level: float = 0.95) -> tuple[float, float]:
    """The interval that holds the difference, first minus second, of two shares counted on the same items.

    Wilson's interval of each share, joined by square and add with the correlation between the two (Newcombe's
    method 10). It holds up where every item agrees, and never leaves -1 to 1.

    Parameters
    ----------
    both, only_first, only_second, neither : number of items that succeeded under both, one or none of the two
    level : share of such intervals that hold the truth, about

    Returns
    -------
    (low, high), from -1 to 1; (-1, 1) without items

    References
    ----------
    Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on paired
    data, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.

    Examples
    --------
    >>> [round(end, 4) for end in newcombe_paired(20, 12, 2, 16)]
    [0.0562, 0.3292]
    """
    _check_counts(both, only_first, only_second, neither)
    n = both + only_first + only_second + neither
    if n == 0:
        return -1.0, 1.0
    first, second = (both + only_first) / n, (both + only_second) / n
    low_1, high_1 = wilson(both + only_first, n, level=level)
    low_2, high_2 = wilson(both + only_second, n, level=level)
    phi = _correlation(both, only_first, only_second, neither)

    def joined(a: float, b: float) -> float:
        return math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b))

    difference = first - second
    return (max(-1.0, difference - joined(first - low_1, high_2 - second)),
            min(1.0, difference + joined(high_1 - first, second - low_2)))


def _correlation(a: int, b: int, c: int, d: int) -> float:
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    excess = float(a * d - b * c)
    if excess > 0:
        excess = max(0.0, excess - (a + b + c + d) / 2)
    return excess / math.sqrt(margins)


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise BadInput(f"level {level!r} can't be used: a share between 0 and 1 is expected, such as 0.95.")
    return (1 - level) / 2


def _check_counts(*counts: int) -> None:
    if any(count < 0 for count in counts):
        raise BadInput(f"counts {counts} can't be used: none is negative, and no more succeed than were tried.")
