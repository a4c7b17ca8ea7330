"""Learning curves: the gain in accuracy that the next answers are expected to bring. Read `expected_gain`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
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
        How many of how many measuring items each model got right.
    more : int
        How many answers come until the next model.
    correlation : float
        Between the models' results over the items, from 0 (other items each time) to below 1.
    level : float
        Share of such intervals that hold the truth, averaged over curves such as these.

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
        raise ShapeError(f"answers, right and measured have shapes {n.shape}, {k.shape}, {m.shape}; one number a model "
                         "is expected of each.")
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

    def end(reached: float) -> float:
        return float(brentq(lambda gain: weights @ ndtr((gain - gains) / left) - reached, -2, 2, xtol=1e-6))
    return Estimate(float(weights @ gains), end((1 - level) / 2), end((1 + level) / 2), n=int(m[-1]))
