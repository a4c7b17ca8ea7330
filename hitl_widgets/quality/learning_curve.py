"""Learning curves: the gain that the next answers are expected to bring, and the number of answers left to a goal.

Read `expected_gain` and `answers_left`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ..errors import BadInput, ShapeError
from ..records import Estimate

# The grid of curves, all equally likely before anything was measured: the share of the present error that no answer
# will remove, the exponent, d as a share of the answers so far, and the standard deviation of one model from the curve
# (another seed, other items).
BEYOND = np.linspace(0.0, 1.0, 9)
EXPONENTS = np.array([0.25, 0.5, 1.0, 2.0])
BENDS = np.array([0.0, 0.5, 2.0])
STRAY = np.array([0.003, 0.01, 0.02])
_LEVELS, _WIDTH = 25, 4.0
# The finer grid of `answers_left`; a curve without any gain left isn't among them. Models deviate from the curve alike
# where the logarithms of their numbers of answers differ by less than ALIKE.
LEFT = np.linspace(0.0, 0.8, 9)
FALLS = np.array([0.25, 0.5, 1.0, 2.0, 3.0])
ALIKE = 0.3


def expected_gain(answers: Sequence[int] | npt.NDArray[np.integer], right: Sequence[int] | npt.NDArray[np.integer],
                measured: Sequence[int] | npt.NDArray[np.integer], *, more: int = 50, correlation: float = 0.0,
                level: float = 0.95) -> Estimate:
    """Gain in accuracy of the next model over the last one, after some more answers.

    The accuracy after n answers is modelled as a - b (n + d)^-c, from which each model deviates by a standard deviation
    that isn't known either. The measurements weight all such curves (Bayes, on a grid). The interval is for the true
    gain of the next model, not for the gain that will be measured on a few items.

    Parameters
    ----------
    answers : array_like of int, shape (n_models,)
        How many answers each model learned from, rising.
    right, measured : array_like of int, shape (n_models,)
        Number of measuring items that each model got right, and number of measuring items.
    more : int
        Number of answers until the next model.
    correlation : float
        Correlation of the models' results over the items, from 0 (other items each time) to below 1.
    level : float
        Confidence level: share of such intervals that contain the truth, averaged over curves such as these.

    Returns
    -------
    Estimate
        From -1 to 1; its n is the number of items that the last model was measured on.

    Raises
    ------
    BadInput
        If no model was measured.
    ShapeError
        If the three differ in length.

    References
    ----------
    Viering and Loog (2023), The Shape of Learning Curves: A Review, doi:10.1109/TPAMI.2022.3220744, for the power law.

    Examples
    --------
    >>> expected_gain([50, 100, 150, 200], [120, 140, 148, 152], [200] * 4)
    0.017 (-0.025 to 0.057, n = 200)
    """
    n, k, m = (np.asarray(column, np.float64) for column in (answers, right, measured))
    if not n.shape == k.shape == m.shape or n.ndim != 1:
        raise ShapeError(f"answers, right and measured have shapes {n.shape}, {k.shape}, {m.shape}; one number per "
                         "model is expected in each.")
    if not len(n) or (m < 1).any() or (n < 1).any() or more < 1:
        raise BadInput("a learning curve needs a model that learnt from an answer and was measured on an item.")
    accuracy = (k + 0.5) / (m + 1)
    error = np.sqrt(accuracy * (1 - accuracy) / m)
    spread = np.hypot(error[-1], STRAY[-1])
    levels = np.clip(accuracy[-1] + np.linspace(-_WIDTH, _WIDTH, _LEVELS) * spread, 0.001, 0.999)
    now, beyond, exponent, bend, stray = (axis.ravel() for axis in np.meshgrid(
        levels, BEYOND, EXPONENTS, BENDS * n[-1], STRAY, indexing="ij"))
    gap = (1 - beyond) * (1 - now)

    def curve(answers: npt.NDArray[np.floating] | float) -> npt.NDArray[np.floating]:
        return np.asarray(now + gap * (1 - ((answers + bend) / (n[-1] + bend)) ** -exponent))
    apart = accuracy[:, None] - np.stack([curve(one) for one in n])
    weights, last, left = np.empty(len(now)), np.empty(len(now)), np.empty(len(now))
    for one in STRAY:
        some = stray == one
        covariance = np.outer(error, error) * correlation
        np.fill_diagonal(covariance, error ** 2 + one ** 2)
        inverse = np.linalg.inv(covariance)
        pulled = inverse @ apart[:, some]
        weights[some] = -0.5 * ((apart[:, some] * pulled).sum(axis=0) + np.linalg.slogdet(covariance)[1])
        # Where the last model is off the curve, the next one is expected back on it.
        last[some] = one ** 2 * pulled[-1]
        left[some] = one ** 2 * (2 - one ** 2 * inverse[-1, -1])
    weights = np.exp(weights - weights.max())
    relevant = weights > 1e-6
    weights = weights[relevant] / weights[relevant].sum()
    gains, left = (curve(n[-1] + more) - now - last)[relevant], np.sqrt(left[relevant])

    from scipy.optimize import brentq

    def end(reached: float) -> float:
        return float(brentq(lambda gain: weights @ ndtr((gain - gains) / left) - reached, -2, 2, xtol=1e-6))
    return Estimate(float(weights @ gains), end((1 - level) / 2), end((1 + level) / 2), n=int(m[-1]))


@dataclass(frozen=True)
class Points:
    """Measured points of a learning curve.

    Attributes
    ----------
    answers : ndarray of float64, shape (n_models,)
        How many answers each model learnt from, rising.
    accuracy : ndarray of float64, shape (n_models,)
        Accuracy of each model on the measuring items.
    covariance : ndarray of float64, shape (n_models, n_models)
        Covariance of these accuracies over draws of the items.
    n : int
        How many items measured the last model.
    n_effective : float
        Effective number of items: as many, drawn one by one, would give the same precision.
    """

    answers: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    covariance: npt.NDArray[np.float64]
    n: int
    n_effective: float


def points_of(answers: Sequence[int] | npt.NDArray[np.integer], right: npt.NDArray[np.bool_], *,
              effect: float = 1.0) -> Points:
    """Points of models that were measured on the same items.

    Where one model is right on an item, the next one mostly is, too: this correlation is estimated from the items.

    Parameters
    ----------
    answers : array_like of int, shape (n_models,)
        See `expected_gain`.
    right : ndarray of bool, shape (n_models, n_items)
        Which items each model got right.
    effect : float
        As returned by `intervals.design_effect`, for items that were drawn by whole groups.

    Raises
    ------
    ShapeError
        If they differ in length.
    BadInput
        If there is no model or no item.
    """
    at, table = np.asarray(answers, np.float64), np.asarray(right, np.float64)
    if table.ndim != 2 or len(at) != len(table):
        raise ShapeError(f"answers has shape {at.shape} and right {table.shape}; one row a model is expected.")
    if not table.size or (at < 1).any():
        raise BadInput("a learning curve needs a model that learnt from an answer and was measured on an item.")
    # Pseudo-items of weight 2 in all, on half of which the models differ: no difference is taken to be certain.
    n_models, n_items = table.shape
    steps = np.tril(np.ones((n_models, n_models)))[1:]
    more = np.vstack([np.ones(n_models), np.zeros(n_models), steps, 1 - steps])
    weights = np.concatenate([np.ones(n_items), [0.5, 0.5], np.full(len(steps) * 2, 0.5 / max(1, len(steps)))])
    rows = np.vstack([table.T, more])
    mean = weights @ rows / weights.sum()
    spread = (rows - mean).T * weights @ (rows - mean) / weights.sum()
    n = n_items / effect
    return Points(at, table.mean(axis=1), spread / n, n_items, n)


def points_of_rounds(answers: Sequence[int] | npt.NDArray[np.integer], right: Sequence[int] | npt.NDArray[np.integer],
                     measured: Sequence[int] | npt.NDArray[np.integer], *, correlation: float = 0.0) -> Points:
    """Points of models of which only counts are known; parameters as for `expected_gain`."""
    at, k, m = (np.asarray(column, np.float64) for column in (answers, right, measured))
    accuracy = (k + 0.5) / (m + 1)
    error = np.sqrt(accuracy * (1 - accuracy) / m)
    covariance = np.outer(error, error) * correlation
    np.fill_diagonal(covariance, error ** 2)
    return Points(at, k / m, covariance, int(m[-1]), float(m[-1]))


@dataclass(frozen=True, repr=False)
class AnswersLeft(Estimate):
    """How many answers are left to a goal: a number with its 95 % interval.

    The number is infinite where the goal is out of reach, and so is an end of the interval.

    Parameters
    ----------
    value, low, high, n, why
        See `Estimate`; n is the number of items that measured the accuracy.
    goal : float
        The target accuracy.
    most : int
        How many answers can still be given; a goal that takes more is out of reach.
    now : Estimate or None
        The current accuracy.
    levels_off : Estimate or None
        The accuracy that is expected after `most` answers.
    """

    goal: float = math.nan
    most: int = 0
    now: Estimate | None = None
    levels_off: Estimate | None = None

    # As `Estimate.__new__`, for the fields that are added here.
    def __new__(cls, value: float, low: float = math.nan, high: float = math.nan, n: int = 0, why: str = "",
                goal: float = math.nan, most: int = 0, now: Estimate | None = None,
                levels_off: Estimate | None = None) -> AnswersLeft:
        """Make the float; the other fields are set by the dataclass."""
        return float.__new__(cls, value)

    @property
    def text(self) -> str:
        """The number, in words."""
        if math.isnan(self):
            return f"none ({self.why})"
        beyond = f"more than {self.most:,}"
        low, high = (beyond if math.isinf(end) else f"{end:,.0f}" for end in (self.low, self.high))
        interval = beyond if math.isinf(self.low) else low if low == high else f"{low} to {high}"
        items = f"n = {self.n} items" + ("" if self.tells else ": few items")
        if math.isinf(self):
            off = self.levels_off
            assert off is not None
            left = "" if math.isinf(self.low) else f"; 95 %: {interval} answers"
            return f"not within reach of the {self.most:,} answers that are left: with all of them the accuracy is " \
                   f"about {off.value:.3f} ({off.low:.3f} to {off.high:.3f}){left} ({items})"
        reached = "probably reached, 0 answers left" if self.value == 0 else f"about {self.value:,.0f} answers left"
        return f"{reached} ({interval}, {items})"

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def answers_left(points: Points, goal: float, *, most: int, level: float = 0.95) -> AnswersLeft:
    """Number of further answers at which the expected accuracy reaches a goal.

    The curves are those of `expected_gain`, on a finer grid and weighted by the measurements. The number is the
    weighted median of the points where they reach the goal.

    Parameters
    ----------
    points : Points
        The measured points.
    goal : float
        Above 0 and below 1.
    most : int
        How many answers can still be given.
    level : float
        See `expected_gain`.

    Raises
    ------
    BadInput
        If the goal isn't above 0 and below 1.
    """
    if not 0 < goal < 1:
        raise BadInput(f"goal is {goal!r}; an accuracy above 0 and below 1 is expected, such as 0.9.")
    last = points.answers[-1]
    now, beyond, exponent, bend, stray = _grid(points)
    gap = (1 - beyond) * (1 - now)
    weights = _weights(points, now, gap, exponent, bend, stray)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        still = np.where(goal <= now, 0.0, (last + bend) * (np.maximum(1 - (goal - now) / gap, 0) ** (-1 / exponent)
                                                            - 1))
    still = np.where(np.isnan(still) | (still > most), math.inf, np.ceil(still))
    off = now + gap * (1 - ((last + most + bend) / (last + bend)) ** -exponent)
    ends = (1 - level) / 2, 0.5, (1 + level) / 2
    value = _quantile(still, weights, 0.5)
    low, high = _shortest(still, weights, level)
    accuracies = [Estimate(middle, bottom, top, n=points.n) for bottom, middle, top in (
        [_quantile(column, weights, end) for end in ends] for column in (now, off))]
    return AnswersLeft(value, low, high, points.n, "", float(goal), int(most), *accuracies)


def _grid(points: Points) -> list[npt.NDArray[np.float64]]:
    from scipy.stats import beta  # takes long to load
    k = points.accuracy[-1] * points.n_effective
    ends = beta.ppf([1e-5, 1 - 1e-5], k + 0.5, points.n_effective - k + 0.5)
    levels = np.linspace(max(ends[0] - 0.02, 0.002), min(ends[1] + 0.02, 0.998), 61)
    return [axis.ravel() for axis in np.meshgrid(levels, LEFT, FALLS, BENDS * points.answers[-1], STRAY,
                                                 indexing="ij")]


def _weights(points: Points, now: npt.NDArray[np.float64], gap: npt.NDArray[np.float64],
             exponent: npt.NDArray[np.float64], bend: npt.NDArray[np.float64], stray: npt.NDArray[np.float64]
             ) -> npt.NDArray[np.float64]:
    """The likelihood of each curve: binomial for the last model, normal for the others' differences from it."""
    at, n = points.answers, points.n_effective
    last = points.accuracy[-1]
    logs = np.empty(len(now))
    for one in np.unique(stray):
        some = np.flatnonzero(stray == one)
        # Models that learnt nearly the same answers deviate alike.
        apart = np.abs(np.log(at[:, None] / at))
        covariance = points.covariance + one ** 2 * np.exp(-apart / ALIKE)
        variance = covariance[-1, -1]
        binomial = n * points.covariance[-1, -1] / variance
        logs[some] = binomial * (last * np.log(now[some]) + (1 - last) * np.log1p(-now[some]))
        logs[some] -= 0.5 * (np.log(now[some]) + np.log1p(-now[some]))  # Jeffreys' prior
        if len(at) < 2:
            continue
        change = np.hstack([np.eye(len(at) - 1), -np.ones((len(at) - 1, 1))])
        pull = change @ covariance[:, -1] / variance
        inner = change @ covariance @ change.T - np.outer(pull, pull) * variance
        inverse = np.linalg.inv(inner)
        curve = gap[some] * (1 - ((at[:-1, None] + bend[some]) / (at[-1] + bend[some])) ** -exponent[some])
        left = (change @ points.accuracy)[:, None] - curve - pull[:, None] * (last - now[some])
        logs[some] += -0.5 * ((left * (inverse @ left)).sum(axis=0) + np.linalg.slogdet(inner)[1])
    weights: npt.NDArray[np.float64] = np.exp(logs - logs.max())
    return weights / weights.sum()


def _shortest(still: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    """Interval for the number of answers: one-sided where it begins at 0 or is unbounded."""
    low, high = (_quantile(still, weights, end) for end in ((1 - level) / 2, (1 + level) / 2))
    if low == 0 and not math.isinf(end := _quantile(still, weights, level)):
        return 0.0, end
    return (_quantile(still, weights, 1 - level), high) if math.isinf(high) else (low, high)


def _quantile(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], share: float) -> float:
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), share))
    return float(values[order[min(place, len(order) - 1)]])
