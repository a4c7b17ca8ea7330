"""KernelSHAP with its own sampling of coalitions, without torch's global generator.

Read `coalitions` and `shares`. The same number of parts always gives the same coalitions.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import comb

import numpy as np


@lru_cache(maxsize=64)
def coalitions(n_parts: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Coalitions of parts to show, and their weights.

    The first shows all parts, the second none. If `n_samples` are enough, all coalitions follow with Shapley's weights,
    and the values are exact. Otherwise they are drawn by those weights, each with its complement.

    Parameters
    ----------
    n_parts : int
        Number of parts, 1 or more.
    n_samples : int
        Number of coalitions, at most (but 2 at least).

    Returns
    -------
    shown : ndarray of bool, shape (n, n_parts)
        Which parts each coalition shows.
    weights : ndarray of float64, shape (n,)
        The first two aren't used, since `shares` meets them exactly.

    References
    ----------
    Lundberg and Lee (2017), A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874. Complements: Covert
    and Lee (2021), Improving KernelSHAP, arXiv:2012.01536.
    """
    ends = [np.ones(n_parts, bool), np.zeros(n_parts, bool)]
    if n_parts < 2:
        return np.array(ends), np.ones(2)
    sizes = np.arange(1, n_parts)
    if n_parts < 20 and 2 ** n_parts <= n_samples:
        rest = [np.array(one, bool) for one in product((False, True), repeat=n_parts) if 0 < sum(one) < n_parts]
        weights = [(n_parts - 1) / (comb(n_parts, k) * k * (n_parts - k)) for k in (int(one.sum()) for one in rest)]
        return np.array([*ends, *rest]), np.array([1.0, 1.0, *weights])
    rng = np.random.default_rng(n_parts)
    chance = 1 / (sizes * (n_parts - sizes))
    drawn = []
    for size in rng.choice(sizes, (n_samples - 2) // 2, p=chance / chance.sum()):
        one = np.zeros(n_parts, bool)
        one[rng.permutation(n_parts)[:size]] = True
        drawn += [one, ~one]
    return np.array([*ends, *drawn]), np.ones(2 + len(drawn))


def shares(shown: np.ndarray, weights: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """The Shapley value of each part, float64, shape (n_parts,), by weighted least squares.

    They add up exactly to the outcome with all parts shown minus that with none.

    Parameters
    ----------
    shown, weights : ndarray
        As `coalitions` returns them.
    outcomes : ndarray, shape (n,)
        The outcome of each coalition.
    """
    outcomes = np.asarray(outcomes, np.float64)
    gained = outcomes[0] - outcomes[1]
    if shown.shape[1] == 1:
        return np.array([gained])
    z, root = shown[2:].astype(np.float64), np.sqrt(weights[2:])
    # The last part's value is the gain minus the others' values.
    left = (z[:, :-1] - z[:, -1:]) * root[:, None]
    right = (outcomes[2:] - outcomes[1] - z[:, -1] * gained) * root
    values = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.append(values, gained - values.sum())
