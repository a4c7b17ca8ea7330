"""Which item deserves to be asked next?

A strategy is a function from probabilities to scores: the larger, the sooner. `STRATEGIES` names those that
`wb.next(strategy=...)` knows; any function of the same form serves too.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .errors import BadInput, ShapeError

Probs = npt.NDArray[np.floating]
Scores = npt.NDArray[np.floating]
Strategy = Callable[[Probs], Scores]

# Column by column is 5 times as fast as sorting rows, for as long as there are few columns.
_FEW_COLUMNS = 48
_ROWS_AT_ONCE = 65_536


def least_confidence(probs: Probs) -> Scores:
    """One minus the largest probability of each row.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1; a row of NaN (an unreadable item) scores NaN

    Returns
    -------
    ndarray, shape (n_items,), from 0 (sure) to 1 - 1/n_labels

    Raises
    ------
    ShapeError
        If a row doesn't sum to 1 within 1e-3; the message lists the rows.
    """
    return 1 - _checked(probs).max(axis=1)


def margin(probs: Probs) -> Scores:
    """One minus the distance between the two largest probabilities of each row.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1; a row of NaN scores NaN

    Returns
    -------
    ndarray, shape (n_items,), from 0 (sure) to 1 (a tie); all 0 where there is one label only

    Raises
    ------
    ShapeError
        If a row doesn't sum to 1 within 1e-3; the message lists the rows.

    References
    ----------
    Scheffer, Decomain, Wrobel (2001), Active Hidden Markov Models for Information Extraction.

    Examples
    --------
    >>> margin(np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]))
    array([0.75, 0.  ])
    """
    probs = _checked(probs)
    n_items, n_labels = probs.shape
    if n_labels == 1:
        return np.where(np.isnan(probs[:, 0]), np.nan, 0.0).astype(probs.dtype)
    scores = np.empty(n_items, probs.dtype)
    for start in range(0, n_items, _ROWS_AT_ONCE):
        rows = probs[start:start + _ROWS_AT_ONCE]
        if n_labels <= _FEW_COLUMNS:
            first, second = np.maximum(rows[:, 0], rows[:, 1]), np.minimum(rows[:, 0], rows[:, 1])
            for j in range(2, n_labels):
                column = rows[:, j]
                second = np.maximum(second, np.minimum(first, column))
                first = np.maximum(first, column)
        else:
            top = np.partition(rows, n_labels - 2, axis=1)
            first, second = top[:, -1], top[:, -2]
        scores[start:start + _ROWS_AT_ONCE] = 1 - (first - second)
    return scores


def entropy(probs: Probs) -> Scores:
    """Uncertainty of each prediction, in nats.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1; a row of NaN scores NaN

    Returns
    -------
    ndarray, shape (n_items,), from 0 (sure) to log(n_labels)

    Raises
    ------
    ShapeError
        If a row doesn't sum to 1 within 1e-3; the message lists the rows.

    References
    ----------
    Shannon (1948), A Mathematical Theory of Communication.
    """
    probs = _checked(probs)
    return -(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1)


STRATEGIES: dict[str, Strategy] = {"least_confidence": least_confidence, "margin": margin, "entropy": entropy}


def strategy_named(name: str) -> Strategy:
    """The strategy of that name; BadInput names those there are."""
    if name not in STRATEGIES:
        raise BadInput(f"strategy {name!r} is unknown; 'random', {', '.join(map(repr, STRATEGIES))} or a function "
                       "from probabilities (n_items, n_labels) to scores (n_items,) are expected.")
    return STRATEGIES[name]


def best(scores: Scores, n: int, *, tie_break: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """Places of the n largest scores, largest first; NaN comes last and ties fall by `tie_break`, smallest first.

    Parameters
    ----------
    scores, tie_break : ndarray, shape (n_items,)
    """
    n = min(n, len(scores))
    if n <= 0:
        return np.empty(0, np.intp)
    known = np.where(np.isnan(scores), -np.inf, scores)
    if n < len(known):
        bar = np.partition(known, len(known) - n)[len(known) - n]
        above, level = np.flatnonzero(known > bar), np.flatnonzero(known == bar)
        room = n - len(above)
        if room < len(level):
            level = level[np.argpartition(tie_break[level], room - 1)[:room]]
        places = np.concatenate([above, level])
    else:
        places = np.arange(len(known))
    return places[np.lexsort((tie_break[places], -known[places]))]


def _checked(probs: Probs) -> Probs:
    probs = np.asarray(probs)
    if probs.ndim != 2 or probs.shape[1] == 0:
        raise ShapeError(f"probs has shape {probs.shape}; (n_items, n_labels) is expected.")
    # Single precision and a thousand labels leave a sum within 1e-4; a forgotten softmax doesn't come near.
    sums = probs.sum(axis=1)
    if (odd := np.flatnonzero(np.abs(sums - 1) > 1e-3)).size:
        raise ShapeError(f"rows {odd[:5].tolist()} of probs sum to {np.round(sums[odd[:5]], 4).tolist()}; "
                         "1 is expected. Were logits passed instead of probabilities?")
    return probs
