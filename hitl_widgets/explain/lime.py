"""LIME: the importance of each part of an item, from a linear model of the outcomes when parts are hidden.

Read `samples` and `slopes`. The same number of parts always gives the same samples; no global random generator is used.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# Width of the proximity kernel, and ridge penalty on the coefficients: the authors' values.
WIDTH, PENALTY = 0.25, 1.0


@lru_cache(maxsize=64)
def samples(n_parts: int, n_samples: int) -> np.ndarray:
    """Which parts each sample shows, the first all of them, the others at random: bool, shape (n_samples, n_parts).

    Parameters
    ----------
    n_parts : int
        Number of parts, 1 or more.
    n_samples : int
    """
    shown: np.ndarray = np.random.default_rng(n_parts).random((n_samples, n_parts)) < 0.5
    shown[0] = True
    return shown


def nearness(shown: np.ndarray) -> np.ndarray:
    """Weight of each sample, from 0 to 1, by its cosine distance to the whole item: float64, shape (n,).

    Parameters
    ----------
    shown : ndarray of bool, shape (n, n_parts)
    """
    distance = 1 - np.sqrt(shown.mean(axis=1))
    weights: np.ndarray = np.sqrt(np.exp(-((distance / WIDTH) ** 2)))  # with the root, as in the authors' program
    return weights


def slopes(shown: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Importance of each part: the coefficients of a ridge regression of the outcomes, float64, shape (n_parts,).

    Parameters
    ----------
    shown : ndarray of bool, shape (n, n_parts)
        As `samples` gives them.
    outcomes : ndarray, shape (n,)
        The outcome of each sample.

    References
    ----------
    Ribeiro, Singh and Guestrin (2016), "Why Should I Trust You?", doi:10.1145/2939672.2939778.

    Examples
    --------
    >>> shown = samples(3, 400)
    >>> slopes(shown, shown @ [2.0, -1.0, 0.0]).round(1).tolist() == [2, -1, 0]
    True
    """
    weights, z = nearness(shown), shown.astype(np.float64)
    outcomes = np.asarray(outcomes, np.float64)
    centred = z - weights @ z / weights.sum()
    left = (centred * weights[:, None]).T @ centred + PENALTY * np.eye(z.shape[1])
    right = (centred * weights[:, None]).T @ (outcomes - weights @ outcomes / weights.sum())
    found: np.ndarray = np.linalg.solve(left, right)
    return found
