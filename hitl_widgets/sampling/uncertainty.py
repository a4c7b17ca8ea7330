"""Uncertainty of the model's predictions, as scores: items with larger scores are asked earlier.

Read `margin` and `best` first; `strategies` lists the strategies by name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError

Probs = npt.NDArray[np.floating]
Scores = npt.NDArray[np.floating]
Strategy = Callable[..., Scores]

# Column by column is 5 times as fast as sorting rows, for as long as there are few columns.
_FEW_COLUMNS = 48
_ROWS_AT_ONCE = 65_536


def least_confidence(probs: Probs) -> Scores:
    """One minus the largest probability of each row.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        A row of NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to 1 - 1/n_labels.

    Raises
    ------
    ShapeError
        If a row doesn't sum to 1 within 1e-3; the message lists the rows.
    """
    return np.asarray(1 - _checked(probs).max(axis=1))


def margin(probs: Probs) -> Scores:
    """One minus the distance between the two largest probabilities of each row.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        A row of NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to 1 (a tie); all 0 where there is one label only.

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
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        A row of NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to log(n_labels).

    Raises
    ------
    ShapeError
        If a row doesn't sum to 1 within 1e-3; the message lists the rows.

    References
    ----------
    Shannon (1948), A Mathematical Theory of Communication.
    """
    probs = _checked(probs)
    return np.asarray(-(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1))


# A row's score depends on the row alone, so that new predictions don't change other scores.
BY_ROW: dict[str, Strategy] = {"least_confidence": least_confidence, "margin": margin, "entropy": entropy}


def set_least_confidence(probs: Probs) -> Scores:
    """One minus the probability of the likeliest set of labels, with independent labels.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), from 0 to 1
        Probability that each label is on. A row with NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to 1 - 2 ** -n_labels.

    Raises
    ------
    ShapeError
        If a number isn't from 0 to 1.
    """
    probs = _checked_sets(probs)
    return np.asarray(1 - np.maximum(probs, 1 - probs).prod(axis=1))


def set_margin(probs: Probs) -> Scores:
    """One minus the distance between the probabilities of the two likeliest sets of labels.

    The second likeliest differs from the likeliest in the most doubtful label.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), from 0 to 1
        Probability that each label is on. A row with NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to 1 (a tie).

    Raises
    ------
    ShapeError
        If a number isn't from 0 to 1.

    Examples
    --------
    >>> set_margin(np.array([[0.5, 1.0], [0.9, 0.0]])).round(3)
    array([1. , 0.2])
    """
    surest = np.maximum(probs := _checked_sets(probs), 1 - probs)
    least = surest.min(axis=1)
    return np.asarray(1 - surest.prod(axis=1) * (1 - (1 - least) / least))


def set_entropy(probs: Probs) -> Scores:
    """Uncertainty of each predicted set of labels, in nats: the sum of that of its labels.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), from 0 to 1
        Probability that each label is on. A row with NaN (an unreadable item) scores NaN.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 (sure) to n_labels * log(2).

    Raises
    ------
    ShapeError
        If a number isn't from 0 to 1.
    """
    probs = _checked_sets(probs)
    return np.asarray(-(_x_log_x(probs) + _x_log_x(1 - probs)).sum(axis=1))


def _x_log_x(values: Probs) -> Probs:
    return np.asarray(values * np.log(np.where(values > 0, values, 1)))


# The same names as in `BY_ROW`, where an item may have several labels.
BY_ROW_OF_SETS: dict[str, Strategy] = {"least_confidence": set_least_confidence, "margin": set_margin,
                                       "entropy": set_entropy}


def set_disagreement(votes: npt.NDArray[np.floating], probs: Probs | None = None) -> Scores:
    """Disagreement of an item's answers so far about its labels: the sum of the `disagreement` about each label.

    Parameters
    ----------
    votes : ndarray, shape (n_items, 2 * n_labels)
        Number of annotators who said that each label is on, then of those who said that it is off.
    probs : ndarray, shape (n_items, n_labels), from 0 to 1, optional
        Probability that each label is on; rows with NaN don't count.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 to n_labels * log(2); NaN where nobody has answered.

    Raises
    ------
    ShapeError
        If the shapes don't match.

    Examples
    --------
    >>> set_disagreement(np.array([[2, 1, 0, 1], [2, 0, 0, 2], [0, 0, 0, 0]])).round(3)
    array([0.693, 0.   ,   nan])
    """
    votes = np.asarray(votes, np.float64)
    n_labels = votes.shape[1] // 2
    if votes.ndim != 2 or votes.shape[1] % 2 or (probs is not None and probs.shape != (len(votes), n_labels)):
        raise ShapeError(f"votes have shape {votes.shape} and probs {None if probs is None else probs.shape}; "
                         "(n_items, 2 * n_labels) and (n_items, n_labels) are expected.")
    on, off = votes[:, :n_labels], votes[:, n_labels:]
    answered = on + off > 0
    if probs is not None:
        on, off = on + np.nan_to_num(_checked_sets(probs)), off + np.nan_to_num(1 - np.asarray(probs))
    share = on / np.where(answered, on + off, 1)
    each = np.where(answered, -(_x_log_x(share) + _x_log_x(1 - share)), 0)
    return np.asarray(np.where(answered.any(axis=1), each.sum(axis=1), np.nan))


def disagreement(votes: npt.NDArray[np.floating], probs: Probs | None = None) -> Scores:
    """Disagreement of an item's answers so far: the entropy of the shares of the votes, in nats.

    If a model's probabilities are passed, they are used like the vote of one more annotator, so that items whose answer
    the model contradicts come before items whose answer it predicted.

    Parameters
    ----------
    votes : ndarray, shape (n_items, n_labels)
        How many annotators gave each label.
    probs : ndarray, shape (n_items, n_labels), rows sum to 1, optional
        Rows of NaN don't count.

    Returns
    -------
    ndarray, shape (n_items,)
        From 0 to log(n_labels); NaN where nobody has answered.

    Raises
    ------
    ShapeError
        If the shapes differ, or a row of probs doesn't sum to 1 within 1e-3.

    References
    ----------
    Dagan and Engelson (1995), Committee-Based Sampling for Training Probabilistic Classifiers,
    doi:10.1016/B978-1-55860-377-6.50027-X.

    Examples
    --------
    >>> disagreement(np.array([[1, 1], [2, 0], [0, 0]])).round(3)
    array([0.693, 0.   ,   nan])
    """
    votes = np.asarray(votes, np.float64)
    said = np.zeros_like(votes) if probs is None else np.asarray(probs)
    if votes.ndim != 2 or said.shape != votes.shape:
        raise ShapeError(f"votes have shape {votes.shape} and probs {said.shape}; (n_items, n_labels) is expected of "
                         "both.")
    n_votes = votes.sum(axis=1)
    if probs is not None:
        votes = votes + np.nan_to_num(_checked(said))
    share = votes / np.where(n_votes, votes.sum(axis=1), np.nan)[:, None]
    return np.asarray(np.abs((share * np.log(np.where(share > 0, share, 1))).sum(axis=1)))


def balanced(score: Strategy) -> Strategy:
    """Make a strategy that asks about all labels in turn: the label with the fewest answers so far comes first.

    An item belongs to the label that the model suggests. The k-th best item of a label with m answers has the same
    score as the (m + k)-th best item of a label without answers.

    Parameters
    ----------
    score : callable
        A strategy over probabilities.

    Returns
    -------
    callable
        A strategy over probabilities, shape (n_items, n_labels), and counts of answers so far, shape (n_labels,); its
        scores are 0 or less.

    Examples
    --------
    >>> probs = np.array([[0.5, 0.5], [0.6, 0.4], [0.1, 0.9]])
    >>> balanced(margin)(probs, np.array([1, 0])).tolist()
    [-2.0, -3.0, -1.0]
    """
    def in_turn(probs: Probs, counts: npt.NDArray[np.integer]) -> Scores:
        scores = np.asarray(score(probs), np.float32)
        known = np.flatnonzero(~np.isnan(scores))
        suggested = np.asarray(probs)[known].argmax(axis=1)
        order = np.lexsort((-scores[known], suggested))
        starts = np.searchsorted(suggested[order], np.arange(np.shape(probs)[1]))
        place = np.empty(len(known), np.int64)
        place[order] = np.arange(len(known)) - starts[suggested[order]]
        waits = np.full(len(scores), np.nan, np.float32)
        waits[known] = -(1.0 + np.asarray(counts)[suggested] + place)
        return waits
    in_turn.__name__ = f"balanced_{getattr(score, '__name__', 'custom')}"
    return in_turn


def best(scores: Scores, n: int, *, tie_break: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """Places of the n largest scores, largest first; NaN comes last, ties by smallest `tie_break`, then by place.

    Parameters
    ----------
    scores : ndarray, shape (n_items,)
    n : int
    tie_break : ndarray, shape (n_items,)

    Returns
    -------
    ndarray of int, shape (min(n, n_items),)
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
            ties = tie_break[level]
            level = level[ties <= np.partition(ties, room - 1)[room - 1]]
        places = np.concatenate([above, level])
    else:
        places = np.arange(len(known))
    return places[np.lexsort((tie_break[places], -known[places]))[:n]]


def _checked_sets(probs: Probs) -> Probs:
    probs = np.asarray(probs)
    if probs.ndim != 2 or probs.shape[1] == 0:
        raise ShapeError(f"probs has shape {probs.shape}; (n_items, n_labels) is expected.")
    if (odd := np.flatnonzero(((probs < -1e-6) | (probs > 1 + 1e-6)).any(axis=1))).size:
        raise ShapeError(f"rows {odd[:5].tolist()} of probs aren't from 0 to 1. Were logits passed instead of "
                         "probabilities?")
    return probs


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
