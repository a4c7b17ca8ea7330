"""A head for values on a scale: kernel ridge regression over rows of descriptors, with intervals.

`fit_scale` fits a head that is robust to wrong answers. Its intervals are conformal: they follow from out-of-fold
errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ShapeError
from ..quality.out_of_fold import N_FOLDS, folds
from .light import MANY, N_FOLDS_OF_MANY, N_LANDMARKS, NARROWER, Similarities
from .weights import unset

# Probability with which an interval contains the value that a person gives.
COVERAGE = 0.9
# Weights of the linear kernel, added to the Gaussian one, and strengths of the penalty: all are tried out of fold.
LINEAR_PARTS = (0.0, 0.1, 1.0)
PENALTIES = tuple(10.0 ** (step / 2) for step in range(-7, 9))
# Huber's threshold, in standard deviations, beyond which errors count less; number of reweighting passes.
HUBER, PASSES = 1.5, 2
# Directions of the kernel's space shorter than this share of the longest one are left out.
SHORTEST = 1e-5
# Half width of a normal distribution's central interval with this coverage, in standard deviations.
OF_COVERAGE = float(torch.special.ndtri(torch.tensor((1 + COVERAGE) / 2, dtype=torch.float64)))
# Factor from the median absolute deviation to the standard deviation, for a normal distribution.
OF_MEDIAN = 1.4826


class ScaleHead(nn.Module):
    """Predicts a value from a row of descriptors, by its similarity to rows whose value is known.

    Parameters
    ----------
    n_landmarks, n_features, n_directions : int
        Numbers of rows to which others are compared, of their columns, and of directions of the kernel's space.

    Attributes
    ----------
    similar : light.Similarities
        The Gaussian part of the kernel.
    last : nn.Linear
        Layer over the similarities and the row itself, since the linear part of the kernel is linear in the row.
    whitened, spreads : Tensor, shapes (n_landmarks, n_directions) and (n_directions, n_directions)
        Maps from the kernel to coordinates of its feature space, and from these to the predictive variance.
    centre, middle : Tensor, shapes (n_features,) and (n_directions,)
        The mean row, and the mean of these coordinates.
    units : Tensor, shape (n_features,)
        Factor of each column of a row, applied first.
    numbers : Tensor, shape (6,)
        Weight of the linear kernel, penalty, standard deviation of answers, quantile of the interval, and the ends of
        the scale.
    """

    whitened: Tensor
    spreads: Tensor
    centre: Tensor
    middle: Tensor
    units: Tensor
    numbers: Tensor

    def __init__(self, n_landmarks: int, n_features: int, n_directions: int) -> None:
        super().__init__()
        self.similar = Similarities(torch.zeros(n_landmarks, n_features))
        self.last = unset(nn.Linear, n_landmarks + n_features, 1)
        for name, shape in (("whitened", (n_landmarks, n_directions)), ("spreads", (n_directions, n_directions)),
                            ("centre", (n_features,)), ("middle", (n_directions,)), ("numbers", (6,))):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("units", torch.ones(n_features))

    def forward(self, rows: Tensor) -> Tensor:
        """From rows, shape (n, n_features), to values, shape (n, 1), which may lie beyond the ends of the scale."""
        rows = rows * self.units
        values: Tensor = self.last(torch.cat([self.similar(rows), rows], dim=1))
        return values

    def deviations(self, rows: Tensor) -> Tensor:
        """The standard deviation of the value that a person would give, in units of the scale: shape (n,).

        Parameters
        ----------
        rows : Tensor, shape (n, n_features)
        """
        rows = rows * self.units
        linear, penalty, noise = (float(number) for number in self.numbers[:3])
        kernel = _Kernel(self.similar, self.centre, linear)
        at = kernel(rows) @ self.whitened
        left = (kernel.own(rows) - at.square().sum(dim=1)).clamp_min(0) / penalty
        known = ((at - self.middle) @ self.spreads).square().sum(dim=1)
        return noise * (1 + left + known).sqrt()

    def intervals(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value, lower and upper end for each row, shape (n,) each, within the scale.

        Parameters
        ----------
        rows : Tensor, shape (n, n_features)
        """
        quantile, low, high = (float(number) for number in self.numbers[3:])
        values, wide = self(rows)[:, 0], quantile * self.deviations(rows)
        return values.clamp(low, high), (values - wide).clamp(low, high), (values + wide).clamp(low, high)


class _Kernel:
    """The sum of a Gaussian kernel and a weighted linear one."""

    def __init__(self, similar: Similarities, centre: Tensor, linear: float) -> None:
        self.similar, self.centre, self.linear = similar, centre, linear

    def __call__(self, rows: Tensor) -> Tensor:
        """The kernel of rows with the landmarks: shape (n, n_landmarks)."""
        there = self.similar.landmarks - self.centre
        return self.similar(rows) + self.linear * (rows - self.centre) @ there.T

    def own(self, rows: Tensor) -> Tensor:
        """The kernel of each row with itself: shape (n,)."""
        return 1 + self.linear * (rows - self.centre).square().sum(dim=1)


@dataclass(frozen=True)
class FittedScale:
    """A head, with out-of-fold predictions for the answers.

    Attributes
    ----------
    head : ScaleHead
    values : ndarray of float64, shape (n,)
        Predicted value of each answer's item, out of fold, within the scale.
    deviations : ndarray of float64, shape (n,)
        Out-of-fold standard deviations; see `ScaleHead.deviations`.
    """

    head: ScaleHead
    values: np.ndarray
    deviations: np.ndarray


class _Space:
    """Rows in the coordinates of a kernel's feature space, and ridge regressions there.

    Parameters
    ----------
    rows : Tensor of float64, shape (n, n_features)
    similar : Similarities
        In double precision.
    linear : float
        Weight of the linear kernel.
    """

    def __init__(self, rows: Tensor, similar: Similarities, linear: float) -> None:
        self.kernel = _Kernel(similar, similar.landmarks.mean(dim=0), linear)
        lengths, axes = torch.linalg.eigh(self.kernel(similar.landmarks))
        kept = lengths > SHORTEST * lengths[-1]
        self.whitened = axes[:, kept] * lengths[kept].rsqrt()
        self.at = self.kernel(rows) @ self.whitened
        self.left = (self.kernel.own(rows) - self.at.square().sum(dim=1)).clamp_min(0)

    def solve(self, values: Tensor, weights: Tensor, penalties: Tensor) -> _Solution:
        """Ridge regressions on all rows whose weight isn't 0, one for each penalty."""
        total = weights.sum()
        middle = (weights[:, None] * self.at).sum(dim=0) / total
        mean = (weights * values).sum() / total
        centred = self.at - middle
        lengths, axes = torch.linalg.eigh((centred * weights[:, None]).T @ centred)
        pulls = axes.T @ (centred.T @ (weights * (values - mean)))
        inverse = 1 / (lengths.clamp_min(0)[:, None] + penalties)
        return _Solution(middle, mean, axes, inverse, axes @ (pulls[:, None] * inverse), 1 / total)


@dataclass(frozen=True)
class _Solution:
    """Ridge regressions about `middle` and `mean`: coefficients `slopes`, shape (n_directions, n_penalties)."""

    middle: Tensor
    mean: Tensor
    axes: Tensor
    inverse: Tensor
    slopes: Tensor
    of_mean: Tensor

    def values(self, at: Tensor) -> Tensor:
        """The predicted values, shape (n, n_penalties)."""
        return self.mean + (at - self.middle) @ self.slopes

    def unknown(self, at: Tensor, column: int) -> Tensor:
        """Variance of the value at each row, as a share of the answers' own: shape (n,)."""
        return self.of_mean + ((at - self.middle) @ self.axes).square() @ self.inverse[:, column]


# The steps of one fit: candidates, the best of them out of fold, the interval, and the head itself.
def fit_scale(rows: Tensor, values: np.ndarray, weights: np.ndarray, *, low: float, high: float,
              draws: np.ndarray, units: Tensor | None = None) -> FittedScale:
    """Fit a head to answers on a scale: kernel ridge regression, robust to wrong answers.

    Parameters
    ----------
    rows : Tensor, shape (n, n_features)
        Descriptors, without NaN; one for each answer.
    values, weights : ndarray, shape (n,)
        The answered values, and their weights, above 0.
    low, high : float
        The ends of the scale.
    draws : ndarray, shape (n,)
        A number in [0, 1) for each item, which decides its fold; answers with one number (to one item, or to items of a
        group) are in one fold.
    units : Tensor, shape (n_features,), optional
        Weight of each column in the similarity, besides its own spread; 1 each when None.

    Raises
    ------
    ShapeError
        If rows, values, weights and draws differ in length, or there are fewer than two.

    Notes
    -----
    The kernel, a Gaussian plus a weighted linear one, and the strength of the penalty are those with the smallest
    error out of fold. Answers whose error out of fold is large count less, as in Huber's estimator. Intervals are
    conformal: the errors out of fold, each as a part of the deviation that was expected there, give the quantile.

    References
    ----------
    Saunders, Gammerman and Vovk (1998), Ridge Regression Learning Algorithm in Dual Variables; Huber (1964),
    doi:10.1214/aoms/1177703732; Barber, Candes, Ramdas and Tibshirani (2021), Predictive inference with the
    jackknife+, doi:10.1214/20-AOS1965; Papadopoulos, Gammerman and Vovk (2008), Normalized nonconformity measures for
    regression conformal prediction.
    """
    if not len(rows) == len(values) == len(weights) == len(draws) or len(rows) < 2:
        raise ShapeError(f"{len(rows)} rows, {len(values)} values, {len(weights)} weights and {len(draws)} draws were "
                         "given; one of each for every answer is expected, and two answers at least.")
    given = torch.from_numpy(np.asarray(values, np.float64))
    counts = torch.from_numpy(np.asarray(weights, np.float64))
    penalties = torch.tensor(PENALTIES, dtype=torch.float64)
    units = torch.ones(rows.shape[1]) if units is None else units
    rows = rows.double() * units
    similar = _similarities(rows, draws)
    spaces = [_Space(rows, similar, linear) for linear in LINEAR_PARTS]
    fold = torch.from_numpy(_folds(values, draws))
    robust = torch.ones_like(given)
    for _ in range(PASSES + 1):
        known = counts * robust
        found = [_out_of_fold(space, given, known, penalties, fold).clamp(low, high) for space in spaces]
        losses = torch.stack([(known[:, None] * (values_ - given[:, None]).square()).sum(dim=0) for values_ in found])
        best, column = divmod(int(losses.argmin()), len(penalties))
        errors = found[best][:, column] - given
        scale = _deviation(errors, low, high)
        robust = (HUBER * scale / errors.abs().clamp_min(1e-12)).clamp_max(1)
    space, penalty = spaces[best], penalties[column:column + 1]
    unknown = torch.zeros_like(given)
    for number in fold.unique():
        held_out = fold == number
        solved = space.solve(given, known * ~held_out, penalty)
        unknown[held_out] = solved.unknown(space.at[held_out], 0) + space.left[held_out] / penalty
    deviations = scale * (1 + unknown).sqrt()
    # So the deviations are as large as the errors out of fold are, however small the penalty.
    calibrated = conformal_quantile((errors.abs() / deviations).numpy()) / OF_COVERAGE
    scale, deviations, quantile = scale * calibrated, deviations * calibrated, OF_COVERAGE
    head = _head_of(space, space.solve(given, known, penalty),
                    torch.tensor([LINEAR_PARTS[best], float(penalty), scale, quantile, low, high]), units)
    return FittedScale(head, found[best][:, column].numpy(), deviations.numpy())


def _similarities(rows: Tensor, draws: np.ndarray) -> Similarities:
    """Similarities to landmarks: rows drawn at random if there are many, each item once."""
    first = np.sort(np.unique(draws, return_index=True)[1])
    if len(first) < len(rows) and len(np.unique(rows.numpy(), axis=0)) > len(first):
        first = np.arange(len(rows))  # groups of different items
    some = first[np.sort(np.random.default_rng(0).permutation(len(first))[:N_LANDMARKS])]
    landmarks = rows[torch.from_numpy(some)]
    apart = torch.cdist(landmarks, landmarks).square()
    reach = float(apart[apart > 1e-9].median()) / NARROWER if bool((apart > 1e-9).any()) else 1.0
    return Similarities(landmarks, reach).double()


def _folds(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The fold of each answer; each fold has small and large values."""
    tenth = np.searchsorted(np.quantile(values, np.linspace(0.1, 0.9, 9)), values)
    return folds(tenth.astype(np.int64), draws, n_folds=N_FOLDS if len(values) <= MANY else N_FOLDS_OF_MANY)


def _out_of_fold(space: _Space, values: Tensor, weights: Tensor, penalties: Tensor, fold: Tensor) -> Tensor:
    """Out-of-fold values, each predicted by regressions on the other folds: shape (n, n_penalties)."""
    found = torch.empty(len(values), len(penalties), dtype=torch.float64)
    for number in fold.unique():
        held_out = fold == number
        if bool(held_out.all()):  # one item alone
            found[held_out] = values.mean()
            continue
        found[held_out] = space.solve(values, weights * ~held_out, penalties).values(space.at[held_out])
    return found


def _deviation(errors: Tensor, low: float, high: float) -> float:
    """A robust estimate of the errors' standard deviation; above 0."""
    scale = OF_MEDIAN * float(errors.abs().median())
    if scale <= 0:
        scale = float(errors.square().mean().sqrt())
    return max(scale, 1e-4 * (high - low))


def conformal_quantile(scores: np.ndarray, coverage: float = COVERAGE) -> float:
    """The score that a new score doesn't exceed with this probability; the largest score if there are few.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Out-of-fold errors, divided by the deviations that were expected.
    coverage : float
        The probability.

    Examples
    --------
    >>> conformal_quantile(np.arange(1.0, 20.0))
    18.0
    """
    rank = math.ceil((len(scores) + 1) * coverage)
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def _head_of(space: _Space, solved: _Solution, numbers: Tensor, units: Tensor) -> ScaleHead:
    """The head of a regression, as layers over rows."""
    kernel, linear = space.kernel, space.kernel.linear
    landmarks = kernel.similar.landmarks
    head = ScaleHead(len(landmarks), landmarks.shape[1], space.whitened.shape[1])
    alpha = space.whitened @ solved.slopes[:, 0]
    slope = linear * alpha @ (landmarks - kernel.centre)
    spreads = solved.axes * solved.inverse[:, 0].sqrt()
    with torch.no_grad():
        head.similar = Similarities(landmarks.float(), float(kernel.similar.reach))
        head.last.weight.copy_(torch.cat([alpha, slope])[None])
        head.last.bias.copy_(solved.mean - solved.middle @ solved.slopes[:, 0] - slope @ kernel.centre)
        for name, value in (("whitened", space.whitened), ("spreads", spreads), ("centre", kernel.centre),
                            ("middle", solved.middle), ("numbers", numbers), ("units", units)):
            getattr(head, name).copy_(value)
    return head.eval()
