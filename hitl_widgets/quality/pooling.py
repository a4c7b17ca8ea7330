"""Pooling of a model's probabilities with people's answers, weighted by how reliable each of them is.

`fit_pool` estimates how reliable each person and the model are, and how much a person's stated certainty means, from
items whose truth is known. `posterior` computes the probability of each label of each item. The pool is log-linear:

    q(z) ~ p(z)^tau * exp(sum of the evidence of the answers that say z, / (1 + 0.25 (m - 1)))
    evidence = a + u + (b + v) * s + w

with p the probability of a model that never saw the item's answers; s the log-odds of the certainty, above or below its
annotator's own mean (0 where none was given); u and v the annotator's own deviations, shrunk towards 0; w for an
unsure; m the number of the item's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logsumexp

from ..errors import ShapeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Priors, mean and standard deviation: tau; a, beyond a guess at random; b; w.
SHARPNESS, ANSWER_EVIDENCE, CERTAINTY_SLOPE, UNSURE_SHIFT = (1.3, 0.5), (0.8, 1.0), (0.4, 0.5), (-1.5, 1.0)
# Standard deviations of u and v: how far annotators, and their scales of certainty, differ.
ANNOTATOR_SPREAD, SLOPE_SPREAD = 0.5, 0.25
# People and models err on the same items, so their agreement makes both look too reliable. Prior mean and standard
# deviation of the correction, in nats.
SHARED_ERRORS = (1.0, 0.7)
# Weight of an answer that can be compared only with the model, relative to an answer whose truth is known.
AGREEMENT_WEIGHT = 0.3
# People err alike: m of their answers to an item count as m / (1 + 0.25 (m - 1)). Chosen on four crowds: 0.2 to 0.3 was
# best for most, 0.5 for one of them (benchmarks/crowd.py); at 0, as if all erred independently, 39 answers promised
# 98 % and held 76 %.
DEPENDENCE = 0.25
# With fewer items of known truth than this, the label that the other annotators agree on counts as the truth.
MIN_KNOWN = 10
# Number of answers by which an annotator's mean certainty is shrunk towards that of all annotators.
MEAN_PRIOR_WEIGHT = 5


@dataclass(frozen=True)
class Votes:
    """Answers to some items, as columns of one length.

    Parameters
    ----------
    item : ndarray of int64
        Row of the item of each answer.
    label : ndarray of int64
        Column of the label that was given; -1 for an unsure without a best guess.
    annotator : ndarray of int64
        Who gave it, from 0.
    certainty : ndarray of float64
        0 to 10; NaN where none was given.
    unsure : ndarray of bool
        True where the label is a best guess.

    Raises
    ------
    ShapeError
        If they differ in length, or a certainty lies outside 0 to 10.
    """

    item: Ints
    label: Ints
    annotator: Ints
    certainty: Floats
    unsure: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.item, self.label, self.annotator, self.certainty, self.unsure)}
        if len(lengths) != 1:
            raise ShapeError(f"the columns of answers have {sorted(lengths)} rows; one number of rows is expected.")
        if ((self.certainty < 0) | (self.certainty > 10)).any():
            raise ShapeError(f"certainties run from {np.nanmin(self.certainty):g} to {np.nanmax(self.certainty):g}; "
                             "0 to 10 is expected.")

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def of(cls, item: Sequence[int] | Ints, label: Sequence[int] | Ints, *,
           certainty: Sequence[float] | Floats | None = None, annotator: Sequence[int] | Ints | None = None,
           unsure: Sequence[bool] | npt.NDArray[np.bool_] | None = None) -> Votes:
        """Make votes from any sequences; by default they are one annotator's, without certainty and not unsure."""
        n = len(item)
        return cls(np.asarray(item, np.int64), np.asarray(label, np.int64),
                   np.zeros(n, np.int64) if annotator is None else np.asarray(annotator, np.int64),
                   np.full(n, np.nan) if certainty is None else np.asarray(certainty, np.float64),
                   np.zeros(n, bool) if unsure is None else np.asarray(unsure, bool))

    def centred_log_odds(self) -> Floats:
        """Log-odds of each certainty c, log((c + 1/2) / (10.5 - c)), minus the mean of its annotator.

        It is 0 for answers without a certainty. The annotator's mean is shrunk towards that of all annotators
        (`MEAN_PRIOR_WEIGHT`).
        """
        rated = ~np.isnan(self.certainty)
        odds = np.where(rated, np.log((self.certainty + 0.5) / (10.5 - self.certainty)), 0.0)
        if not rated.any():
            return odds
        n = int(self.annotator.max()) + 1
        counts = np.bincount(self.annotator[rated], minlength=n)
        sums = np.bincount(self.annotator[rated], weights=odds[rated], minlength=n)
        means = (sums + MEAN_PRIOR_WEIGHT * odds[rated].mean()) / (counts + MEAN_PRIOR_WEIGHT)
        return np.where(rated, odds - means[self.annotator], 0.0)


@dataclass(frozen=True)
class LogLinearPool:
    """How reliable the model and the annotators are; the module has the formula.

    Parameters
    ----------
    sharpness : float
        tau, the factor of the model's log-probabilities.
    answer_evidence : float
        a, the evidence of an answer of mean certainty, in nats.
    certainty_slope : float
        b, the evidence that a unit of log-odds of certainty adds, in nats; 0 where a certainty means nothing.
    unsure_shift : float
        w, the evidence that an unsure adds, in nats; below 0.
    annotators : ndarray of float64, shape (n_annotators, 2)
        u and v of each annotator.
    n_known : int
        Number of items with a known truth that it was fitted to.
    """

    sharpness: float
    answer_evidence: float
    certainty_slope: float
    unsure_shift: float
    annotators: Floats
    n_known: int = 0

    def evidence(self, votes: Votes) -> Floats:
        """Evidence of each answer for its label against each other label, in nats, shape (n_answers,)."""
        weights = [self.answer_evidence, self.certainty_slope, self.unsure_shift, *self.annotators.T.ravel()]
        return np.asarray(_design(votes, len(self.annotators)) @ np.array(weights))


def posterior(pool: LogLinearPool, probs: Floats, votes: Votes) -> Floats:
    """Probability of each label of each item, from the model and the answers together.

    Parameters
    ----------
    pool : LogLinearPool
        From `fit_pool`.
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        Probabilities of a model that never saw these items' answers.
    votes : Votes

    Returns
    -------
    ndarray, shape (n_items, n_labels), rows sum to 1
        An item without answers has the model's p^tau alone. One that only got unsures without a guess has p^(tau/2):
        an item that people can't tell is harder than others.

    Examples
    --------
    >>> even = LogLinearPool(1, answer_evidence=np.log(9), certainty_slope=0, unsure_shift=0,
    ...                      annotators=np.zeros((1, 2)))
    >>> posterior(even, np.array([[0.5, 0.5]]), Votes.of([0], [1])).round(3)
    array([[0.1, 0.9]])
    """
    pooled, named = pool.sharpness * _logs(probs), votes.label >= 0
    pooled[np.setdiff1d(votes.item[~named], votes.item[named])] /= 2
    np.add.at(pooled, (votes.item[named], votes.label[named]), (pool.evidence(votes) * _shares(votes))[named])
    return np.asarray(np.exp(pooled - logsumexp(pooled, axis=1, keepdims=True)))


def fit_pool(probs: Floats, votes: Votes, truth: Ints) -> LogLinearPool:
    """Estimate how reliable the model, the annotators and their certainty are.

    The maximum a posteriori (MAP) estimate, given the truth where it is known, the model's agreement with the answers
    elsewhere (which shows whether a certainty means anything, even without any truth), and priors (`SHARPNESS` and the
    others, so that five known items don't decide alone). With fewer than 10 items of known truth, an answer is also
    compared with what the other annotators of its item agree on, where there are two or more.

    Parameters
    ----------
    probs : ndarray, shape (n_items, n_labels), rows sum to 1
        Probabilities of a model that never saw these items' answers.
    votes : Votes
    truth : ndarray of int64, shape (n_items,)
        Column of the true label; -1 where it isn't known.

    Returns
    -------
    LogLinearPool

    References
    ----------
    A log-linear pool: Genest and Zidek (1986), Combining Probability Distributions, doi:10.1214/ss/1177013825.
    """
    n_labels, n_annotators = probs.shape[1], int(votes.annotator.max()) + 1 if len(votes) else 1
    logs, design, named = _logs(probs), _design(votes, n_annotators), votes.label >= 0
    known = np.flatnonzero(truth >= 0)
    n_known, labels, shares = len(known), truth[known], _shares(votes)
    place = np.full(len(probs), -1)
    place[known] = np.arange(n_known)
    row = place[votes.item]  # of each answer among those that can be checked
    if n_known < MIN_KNOWN:
        judged, agreed_on = agreement_of_others(votes, len(probs), n_labels)
        judged, agreed_on = judged[row[judged] < 0], agreed_on[row[judged] < 0]
        shares[judged] = 1.0
        row[judged] = n_known + np.arange(len(judged))
        known, labels = np.concatenate([known, votes.item[judged]]), np.concatenate([labels, agreed_on])
    checked, others = np.flatnonzero(named & (row >= 0)), np.flatnonzero(named & (row < 0))
    log_guess = np.log(max(1, n_labels - 1))
    means = np.array([SHARPNESS[0], ANSWER_EVIDENCE[0] + log_guess, CERTAINTY_SLOPE[0], UNSURE_SHIFT[0],
                      *np.zeros(2 * n_annotators), SHARED_ERRORS[0]])
    deviations = np.array([SHARPNESS[1], ANSWER_EVIDENCE[1], CERTAINTY_SLOPE[1], UNSURE_SHIFT[1],
                           *np.repeat([ANNOTATOR_SPREAD, SLOPE_SPREAD], n_annotators), SHARED_ERRORS[1]])
    known_cost = _cost_of_known(logs[known], labels, row[checked], votes.label[checked],
                                design[checked] * shares[checked, None])
    agreement_cost = _cost_of_agreement(logs[votes.item[others]], votes.label[others], design[others], n_labels)

    def cost(values: Floats) -> tuple[float, Floats]:
        off = (values - means) / deviations
        total, slope = 0.5 * float(off @ off), off / deviations
        for part in (known_cost, agreement_cost):
            addend, gradient = part(values)
            total, slope = total + addend, slope + gradient
        return total, slope

    # A sharpness below 0 would invert the model's probabilities.
    bounds = [(0.0, None)] + [(None, None)] * (len(means) - 1)
    from scipy.optimize import minimize  # opening a project doesn't need it
    values = minimize(cost, means, jac=True, method="L-BFGS-B", bounds=bounds).x
    return LogLinearPool(float(values[0]), float(values[1]), float(values[2]), float(values[3]),
                         values[4:-1].reshape(2, n_annotators).T.copy(), n_known)


Cost = Callable[[Floats], tuple[float, Floats]]


def _cost_of_known(logs: Floats, truth: Ints, row: Ints, label: Ints, weighed: Floats) -> Cost:
    """Negative log-probability of the truth, given model and answers, and its gradient.

    Parameters
    ----------
    logs, truth : of each item
    row, label, weighed : of each answer: its item, its label, and its row of the design matrix times its factor
    """
    rows = np.arange(len(truth))

    def cost(values: Floats) -> tuple[float, Floats]:
        pooled, slope = values[0] * logs, np.zeros_like(values)
        np.add.at(pooled, (row, label), weighed @ values[1:-1])
        pooled -= logsumexp(pooled, axis=1, keepdims=True)
        miss = np.exp(pooled)
        miss[rows, truth] -= 1
        slope[0] = float((miss * logs).sum())
        slope[1:-1] = miss[row, label] @ weighed
        return -float(pooled[rows, truth].sum()), slope
    return cost


def _cost_of_agreement(logs: Floats, label: Ints, design: Floats, n_labels: int) -> Cost:
    """Negative log-probability of answers to items without a known truth, given only the model, and its gradient."""
    every, n_others, log_guess = np.arange(len(label)), max(1, n_labels - 1), np.log(max(1, n_labels - 1))

    def cost(values: Floats) -> tuple[float, Floats]:
        slope, predicted = np.zeros_like(values), values[0] * logs
        predicted -= logsumexp(predicted, axis=1, keepdims=True)
        model, person = np.exp(predicted[every, label]), expit(design @ values[1:-1] + values[-1] - log_guess)
        likely = person * model + (1 - person) * (1 - model) / n_others
        by_person = (model - (1 - model) / n_others) * person * (1 - person) / likely
        by_model = (person - (1 - person) / n_others) / likely \
            * model * (logs[every, label] - (np.exp(predicted) * logs).sum(axis=1))
        slope[0] = -AGREEMENT_WEIGHT * float(by_model.sum())
        slope[1:-1] = -AGREEMENT_WEIGHT * (by_person @ design)
        slope[-1] = -AGREEMENT_WEIGHT * float(by_person.sum())
        return -AGREEMENT_WEIGHT * float(np.log(likely).sum()), slope
    return cost


def agreement_of_others(votes: Votes, n_items: int, n_labels: int) -> tuple[Ints, Ints]:
    """Answers that the item's other annotators can judge, and the label that these agree on.

    There must be two or more others, of whom more than half agree.

    Parameters
    ----------
    votes : Votes
    n_items, n_labels : int

    Returns
    -------
    rows : ndarray of int64, shape (n_judged,)
        Rows of these answers.
    labels : ndarray of int64, shape (n_judged,)
        The column of the label that the other annotators agree on.
    """
    if not n_labels:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    counts = np.zeros((n_items, n_labels), np.int64)
    counted = (votes.label >= 0) & ~votes.unsure
    np.add.at(counts, (votes.item[counted], votes.label[counted]), 1)
    others = counts[votes.item]
    others[np.flatnonzero(counted), votes.label[counted]] -= 1
    n_others = others.sum(axis=1)
    rows = np.flatnonzero((votes.label >= 0) & (n_others >= 2) & (2 * others.max(axis=1, initial=0) > n_others))
    return rows, others[rows].argmax(axis=1)


def _shares(votes: Votes) -> Floats:
    """Factor by which each answer's evidence is multiplied, since answers to the same item aren't independent.

    It is 1 / (1 + `DEPENDENCE` * (m - 1)) for an item with m answers that have a label.
    """
    named = votes.label >= 0
    counts = np.bincount(votes.item[named], minlength=int(votes.item.max(initial=-1)) + 1)
    return 1 / (1 + DEPENDENCE * np.maximum(counts[votes.item] - 1, 0))


def _design(votes: Votes, n_annotators: int) -> Floats:
    """The design matrix of the evidence: a row per answer, columns for a, b and w, then u and v of each annotator."""
    odds, rows = votes.centred_log_odds(), np.arange(len(votes))
    table = np.zeros((len(votes), 3 + 2 * n_annotators))
    table[:, 0], table[:, 1], table[:, 2] = 1.0, odds, votes.unsure
    table[rows, 3 + votes.annotator] = 1.0
    table[rows, 3 + n_annotators + votes.annotator] = odds
    return table


def _logs(probs: Floats) -> Floats:
    return np.log(np.clip(np.asarray(probs, np.float64), 1e-9, None))
