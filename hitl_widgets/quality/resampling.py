"""Intervals of coefficients by resampling items, and by leaving out people.

Items are resampled, never votes or pairs: votes of one item belong together. `Resamples` draws the samples once for all
coefficients; `Resamples.interval` gives the interval of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from .coefficients import Floats, Ints, Measured, kinds_of, standard_error

Measure = Callable[[Floats], Measured]

SAMPLES = 1_000
ALIKE = 1e-9  # with a standard error below this, all items are alike and there is no interval
_FEWEST = 200
_CELLS = 4_000_000  # most cells of the matrix of samples; with many kinds of items fewer samples are drawn


@dataclass(frozen=True)
class OverItems:
    """A coefficient with its interval over items.

    Parameters
    ----------
    value, low, high : float
        NaN where undefined.
    error : float
        Standard error over items.
    bias : float
        Estimated bias of the value; 0 if it wasn't estimated.
    """

    value: float
    low: float
    high: float
    error: float
    bias: float = 0.0

    @property
    def centre(self) -> float:
        """The value without its bias, below 1."""
        return min(self.value - self.bias, (1 + self.value) / 2)


class Resamples:
    """Samples of items, drawn with replacement.

    Parameters
    ----------
    sizes : ndarray of float, shape (n_kinds,)
        Number of items of each kind. The last kind, with 0 items, is an artificial item with one dissenting vote. It is
        used for the interval if no two votes differ.
    rng : Generator
    level : float
        Confidence level.
    """

    def __init__(self, sizes: Floats, rng: np.random.Generator, *, level: float = 0.95) -> None:
        self.sizes, self.level = sizes[None, :], level
        self.n = int(sizes.sum())
        n_samples = int(np.clip(_CELLS // max(1, len(sizes)), _FEWEST, SAMPLES))
        shares = sizes / max(1, self.n)
        self.draws: Floats = rng.multinomial(self.n, shares, n_samples).astype(np.float64)

    def interval(self, measure: Measure, n: int, *, least: float = -1.0) -> OverItems:
        """Compute a coefficient with its interval over items.

        It is a bootstrap-t interval on the scale log(1 - coefficient). Both ends are at least as far from the
        coefficient as those of Student's interval, which uses the standard error from a formula. If no two votes
        differ, the low end is the coefficient for the largest share of items with one dissenting vote that a sample of
        n items may have missed (with a probability of (1 - level) / 2). If the votes differ in the same way in all
        items, there is no interval.

        Parameters
        ----------
        measure : callable
            Takes samples of items, shape (n_samples, n_kinds).
        n : int
            Items with two votes or more.
        least : float
            The smallest possible value; the interval is clipped to it.

        References
        ----------
        DiCiccio and Efron (1996), Bootstrap Confidence Intervals, doi:10.1214/ss/1032280214.
        """
        measured = measure(self.sizes)
        value, error = float(measured.value[0]), float(standard_error(measured, self.sizes)[0])
        if np.isnan(value) or n < 2:
            return OverItems(value, np.nan, np.nan, np.nan)
        if value >= 1 - 1e-12:
            return OverItems(value, max(least, self._if_some_dissented(measure, n)), 1.0, 0.0)
        if error < ALIKE:
            return OverItems(value, np.nan, np.nan, 0.0)
        below, above = self._quantiles(measure, value, error)
        student = -float(stdtrit(n - 1, (1 - self.level) / 2))
        low, high = around(value, error, max(student, -below), max(student, above))
        return OverItems(value, min(value, max(least, low)), high, error)

    def _quantiles(self, measure: Measure, value: float, error: float) -> tuple[float, float]:
        """The bootstrap's quantiles of (estimate - truth) / error, on the scale of log(1 - coefficient)."""
        parts = []
        step = max(1, _CELLS // (4 * self.draws.shape[1]))
        for start in range(0, len(self.draws), step):
            draws = self.draws[start:start + step]
            with np.errstate(invalid="ignore", divide="ignore"):
                again = measure(draws)
                left = 1 - again.value
                parts.append((np.log(left) - np.log(1 - value)) * left / standard_error(again, draws))
        ratios = np.concatenate(parts)
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) < _FEWEST / 2:  # most samples are without disagreement: Student's interval has to do
            return 0.0, 0.0
        tail = (1 - self.level) / 2
        below, above = np.quantile(ratios, [tail, 1 - tail])
        return float(below), float(above)

    def _if_some_dissented(self, measure: Measure, n: int) -> float:
        share = 1 - ((1 - self.level) / 2) ** (1 / n)
        sizes = self.sizes.copy()
        sizes[0, -1] += n * share / (1 - share)
        low = float(measure(sizes).value[0])
        return low if np.isfinite(low) else -np.inf


def around(value: float, error: float, below: float, above: float) -> tuple[float, float]:
    """Interval of `below` and `above` standard errors around a coefficient below 1, on the scale log(1 - coefficient).

    Examples
    --------
    >>> [round(end, 3) for end in around(0.5, 0.1, 2.0, 2.0)]
    [0.254, 0.665]
    """
    left, step = 1 - value, error / (1 - value)
    with np.errstate(over="ignore"):
        return float(1 - left * np.exp(below * step)), float(1 - left * np.exp(-above * step))


class LeaveOut:
    """Computes a coefficient with the votes of one person left out, for each person, and its variance over votes.

    Parameters
    ----------
    counts : ndarray of float, shape (n_items, n_labels)
    item, person, label : ndarray of int64, shape (n_votes,)
    n_people : int
    """

    def __init__(self, counts: Floats, item: Ints, person: Ints, label: Ints, n_people: int) -> None:
        fewer = counts[item]
        fewer[np.arange(len(item)), label] -= 1
        self.kinds, place = kinds_of(np.vstack([counts, fewer]))
        before, self.after = place[:len(counts)], place[len(counts):]
        self.before = before[item]
        self.sizes = np.bincount(before, minlength=len(self.kinds)).astype(np.float64)[None]
        self.person, self.n_people = person, n_people

    def measure(self, coefficient: Callable[[Floats, Floats], Measured]) -> tuple[Floats, float]:
        """Compute a coefficient with one person left out, for each person, and its variance over votes.

        Returns
        -------
        without_each : ndarray of float, shape (n_people,)
            The coefficient without the votes of each person.
        of_votes : float
            Variance of the coefficient if votes were drawn independently, from its derivatives.
        """
        slope = coefficient(self.kinds, self.sizes).slope[0]
        step = max(1, _CELLS // len(self.kinds))
        values = [coefficient(self.kinds, self._weights(first, min(first + step, self.n_people))).value
                  for first in range(0, self.n_people, step)]
        return np.concatenate(values), float(((slope[self.after] - slope[self.before]) ** 2).sum())

    def _weights(self, first: int, last: int) -> Floats:
        """Number of items of each kind if one person's votes are left out, shape (last - first, n_kinds).

        There is a row for each person from number `first` to before `last`. An item's kind is its counts of votes; see
        `kinds_of`.
        """
        weights = np.tile(self.sizes, (last - first, 1))
        theirs = (self.person >= first) & (self.person < last)
        np.add.at(weights, (self.person[theirs] - first, self.before[theirs]), -1.0)
        np.add.at(weights, (self.person[theirs] - first, self.after[theirs]), 1.0)
        return weights


def over_people(estimate: OverItems, without_each: Floats, of_votes: float, *, level: float = 0.95,
                least: float = -1.0) -> tuple[float, float]:
    """Interval over items and people: for the coefficient of other people on other items.

    The variance is that over items plus the jackknife's over people, less that over votes, which is in both.

    Parameters
    ----------
    estimate : OverItems
    without_each : ndarray of float, shape (n_people,)
        The coefficient without each person; NaN where it is undefined then.
    of_votes : float
        Variance over votes.

    Returns
    -------
    low, high : float
        At least as wide as over items.

    References
    ----------
    Cameron, Gelbach and Miller (2011), Robust Inference With Multiway Clustering, doi:10.1198/jbes.2010.07136; Efron
    and Stein (1981), The Jackknife Estimate of Variance, doi:10.1214/aos/1176345462; Satterthwaite (1946).
    """
    rest = without_each[np.isfinite(without_each)]
    if len(rest) < 2 or not np.isfinite(estimate.low):
        return np.nan, np.nan
    if estimate.value >= 1 - 1e-12:
        return estimate.low, estimate.high
    of_people = (len(rest) - 1) / len(rest) * float(((rest - rest.mean()) ** 2).sum())
    variance = estimate.error ** 2 + max(0.0, of_people - of_votes)
    # Satterthwaite's: nearly all uncertainty is in the variance over people.
    freedom = float(np.clip((len(rest) - 1) * (variance / of_people) ** 2, 2, len(rest) - 1)) if of_people else np.inf
    student = -float(stdtrit(freedom, (1 - level) / 2))
    low, high = around(estimate.centre, float(np.sqrt(variance)), student, student)
    return min(max(least, low), estimate.low), max(high, estimate.high)
