"""What is each part's share in what all of them bring about?

KernelSHAP's regression over parts of an item, with coalitions of its own. Read `coalitions` and `shares`. Nothing here
draws from a generator that anybody else uses: the same number of parts is always asked with the same coalitions.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import comb

import numpy as np


@lru_cache(maxsize=64)
def coalitions(n_parts: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Which parts to show, time after time, and how much each time counts.

    The first shows all parts, the second none. All coalitions there are, with Shapley's weights, if that takes no more
    than `n_samples`: the shares are then exact. Else they are drawn by those weights, each with its opposite.

    Returns
    -------
    shown : ndarray, bool, shape (n, n_parts), n at most `n_samples` (but 2 at least)
    weights : ndarray, float64, shape (n,); the first two aren't used, since `shares` holds them exactly

    References
    ----------
    Lundberg and Lee (2017), A Unified Approach to Interpreting Model Predictions, arXiv:1705.07874. Opposites: Covert
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
    """Each part's share, float64, shape (n_parts,), by weighted least squares.

    They add up to the outcome with all parts shown minus that with none, exactly.

    Parameters
    ----------
    shown, weights : as `coalitions` gave them
    outcomes : shape (n,), what came of each
    """
    outcomes = np.asarray(outcomes, np.float64)
    gained = outcomes[0] - outcomes[1]
    if shown.shape[1] == 1:
        return np.array([gained])
    z, root = shown[2:].astype(np.float64), np.sqrt(weights[2:])
    # The last part's share is what the others leave of the gain.
    left = (z[:, :-1] - z[:, -1:]) * root[:, None]
    right = (outcomes[2:] - outcomes[1] - z[:, -1] * gained) * root
    found = np.linalg.lstsq(left, right, rcond=None)[0]
    return np.append(found, gained - found.sum())
