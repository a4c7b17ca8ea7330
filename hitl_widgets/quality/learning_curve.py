"""What will the next answers gain?

A learning curve, fitted to a model's accuracy after each round, and what it says of the answers to come. Read
`expected_gain` first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from ..errors import BadInput, ShapeError
from ..records import Estimate

# How the curve may look before anything was measured: the share of what is missing now that no answer will bring, the
# curve's exponent, how late it begins to bend, in parts of the answers so far, and how far one model lies from the
# curve (another seed, other items): all as likely.
BEYOND = np.linspace(0.0, 1.0, 9)
EXPONENTS = np.array([0.25, 0.5, 1.0, 2.0])
BENDS = np.array([0.0, 0.5, 2.0])
STRAY = np.array([0.003, 0.01, 0.02])
_LEVELS, _WIDTH = 25, 4.0


def expected_gain(answers: Sequence[int] | npt.NDArray[np.integer], right: Sequence[int] | npt.NDArray[np.integer],
                measured: Sequence[int] | npt.NDArray[np.integer], *, more: int = 50, correlation: float = 0.0,
                level: float = 0.95) -> Estimate:
    """How much more accurate the next model will be than the last one, after so many more answers.

    The accuracy after n answers is taken as a - b (n + d)^-c, from which each model strays by a standard deviation that
    isn't known either. What was measured weighs all such curves (Bayes, on a grid); the interval is that of the gain of
    the next model in truth, not as it will be measured on a few items.

    Parameters
    ----------
    answers : how many answers each model learnt from, rising
    right, measured : how many of how many measuring items each model got right
    more : how many answers come until the next model
    correlation : between the models' results over the items, from 0 (other items each time) to below 1
    level : share of such intervals that hold the truth, averaged over curves such as these

    Returns
    -------
    Estimate, from -1 to 1; n is that of the last model's measuring items

    Raises
    ------
    BadInput
        Without a model that was measured.
    ShapeError
        When the three differ in length.

    References
    ----------
    Viering and Loog (2023), The Shape of Learning Curves: A Review, doi:10.1109/TPAMI.2022.3220744, for the power law.

    Examples
    --------
    >>> expected_gain([50, 100, 150, 200], [120, 140, 148, 152], [200] * 4)
    0.017 (-0.025 to 0.057, n = 200)
    """
    n, k, m = (np.asarray(given, np.float64) for given in (answers, right, measured))
    if not n.shape == k.shape == m.shape or n.ndim != 1:
        raise ShapeError(f"answers, right and measured have shapes {n.shape}, {k.shape}, {m.shape}; one number a model "
                         "is expected of each.")
    if not len(n) or (m < 1).any() or (n < 1).any() or more < 1:
        raise BadInput("a learning curve needs a model that learnt from an answer and was measured on an item.")
    found = (k + 0.5) / (m + 1)
    error = np.sqrt(found * (1 - found) / m)
    spread = np.hypot(error[-1], STRAY[-1])
    levels = np.clip(found[-1] + np.linspace(-_WIDTH, _WIDTH, _LEVELS) * spread, 0.001, 0.999)
    now, beyond, exponent, bend, stray = (axis.ravel() for axis in np.meshgrid(
        levels, BEYOND, EXPONENTS, BENDS * n[-1], STRAY, indexing="ij"))
    gap = (1 - beyond) * (1 - now)

    def curve(answers: npt.NDArray[np.floating] | float) -> npt.NDArray[np.floating]:
        return now + gap * (1 - ((answers + bend) / (n[-1] + bend)) ** -exponent)
    apart = found[:, None] - np.stack([curve(one) for one in n])
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
    telling = weights > 1e-6
    weights = weights[telling] / weights[telling].sum()
    gains, left = (curve(n[-1] + more) - now - last)[telling], np.sqrt(left[telling])

    def end(reached: float) -> float:
        low, high = -1.0, 1.0
        while high - low > 1e-5:
            middle = (low + high) / 2
            below = float(weights @ ndtr((middle - gains) / left)) < reached
            low, high = (middle, high) if below else (low, middle)
        return (low + high) / 2
    return Estimate(float(weights @ gains), end((1 - level) / 2), end((1 + level) / 2), n=int(m[-1]))
