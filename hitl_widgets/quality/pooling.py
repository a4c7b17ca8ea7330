"""How far is an answer to be believed?

People err, models err, and a certainty may mean much, little or nothing. `calibrate` finds out from answers to items
whose truth is known how much each of them is worth; `beliefs` says what they mean together for each item. Read these
two. In numbers: an item's belief in label z is

    q(z) ~ p(z)^tau * exp(sum of the evidence of the answers that say z, / (1 + 0.25 (m - 1)))
    evidence = a + u + (b + v) * s + w

with p the probability of a model that never saw the item's answers; s the log-odds of the certainty, above or below its
annotator's own mean (0 where none was given); u and v the annotator's own deviations, drawn to 0; w for an unsure; m
the number of the item's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from ..errors import ShapeError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What holds before anything is known, mean and deviation: how sharp the model is, what an answer is worth beyond a
# guess, what a step of certainty is worth, what an unsure takes off, how far annotators and their scales differ.
SHARPNESS, WORTH, STEP, UNSURE = (1.3, 0.5), (0.8, 1.0), (0.4, 0.5), (-1.5, 1.0)
ANNOTATOR, SCALE = 0.5, 0.25
# People err where models err, so that agreement flatters both, by so many nats.
FLATTERY = (1.0, 0.7)
# An answer that a model agrees with is so much of one that a person checked.
AGREEMENT_COUNTS = 0.3
# People err alike: what m of them say of an item counts as m / (1 + 0.25 (m - 1)) answers. Between 0.2 and 0.3 was best
# for each of four crowds (benchmarks/crowd.py); as if all erred independently, 39 answers promised 98 % and held 76 %.
ALIKE = 0.25
# With fewer known items than this, what annotators agree on is taken for truth beside them.
FEWEST_KNOWN = 10
# A mean certainty counts as if so many answers had been in the middle of the scale beside it.
MEAN_STANDS_ON = 5


@dataclass(frozen=True)
class Answers:
    """Answers to some items, as columns of one length.

    Parameters
    ----------
    item : int64, the row of each answer's item
    label : int64, the column of the label that was given; -1 for an unsure without a best guess
    annotator : int64, who gave it, from 0
    certainty : float64, 0 to 10; NaN where none was given
    unsure : bool, where the label is a best guess

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
           unsure: Sequence[bool] | npt.NDArray[np.bool_] | None = None) -> Answers:
        """Answers from any sequences: by one annotator, without certainty and not unsure unless it is said."""
        n = len(item)
        return cls(np.asarray(item, np.int64), np.asarray(label, np.int64),
                   np.zeros(n, np.int64) if annotator is None else np.asarray(annotator, np.int64),
                   np.full(n, np.nan) if certainty is None else np.asarray(certainty, np.float64),
                   np.zeros(n, bool) if unsure is None else np.asarray(unsure, bool))

    def steps(self) -> Floats:
        """Each certainty c as log((c + 1/2) / (10.5 - c)), above or below its annotator's own mean; 0 where none was
        given, and wherever an annotator's are all alike."""
        given = ~np.isnan(self.certainty)
        odds = np.where(given, np.log((self.certainty + 0.5) / (10.5 - self.certainty)), 0.0)
        if not given.any():
            return odds
        n = int(self.annotator.max()) + 1
        counts = np.bincount(self.annotator[given], minlength=n)
        sums = np.bincount(self.annotator[given], weights=odds[given], minlength=n)
        pool = odds[given].mean()
        means = (sums + MEAN_STANDS_ON * pool) / (counts + MEAN_STANDS_ON)
        return np.where(given, odds - means[self.annotator], 0.0)


@dataclass(frozen=True)
class Trust:
    """What model and people are worth; see the module for the formula.

    Attributes
    ----------
    sharpness : tau, what the model's log-probabilities are multiplied by
    worth : a, the evidence of an answer of mean certainty, in nats
    step : b, what a step of certainty adds, in nats; 0 when a certainty says nothing
    unsure : w, what an unsure takes off, in nats
    annotators : float64, shape (n_annotators, 2): u and v of each
    n_known : how many items whose truth is known it rests on
    """

    sharpness: float
    worth: float
    step: float
    unsure: float
    annotators: Floats
    n_known: int = 0

    def evidence(self, answers: Answers) -> Floats:
        """How much each answer speaks for its label against each other one, in nats, shape (n_answers,)."""
        return _design(answers, len(self.annotators)) @ self._vector()[1:]

    def _vector(self) -> Floats:
        return np.concatenate([[self.sharpness, self.worth, self.step, self.unsure], self.annotators.T.ravel()])


def beliefs(trust: Trust, probs: Floats, answers: Answers) -> Floats:
    """What model and answers mean together for each item.

    Parameters
    ----------
    probs : shape (n_items, n_labels), rows sum to 1, of a model that never saw these items' answers

    Returns
    -------
    ndarray, shape (n_items, n_labels), rows sum to 1. An item without answers gets the model's word alone, p^tau; one
    of which people only said that they were unsure gets half of it, p^(tau/2): what they can't tell is hard to tell

    Examples
    --------
    >>> even = Trust(sharpness=1, worth=np.log(9), step=0, unsure=0, annotators=np.zeros((1, 2)))
    >>> beliefs(even, np.array([[0.5, 0.5]]), Answers.of([0], [1])).round(3)
    array([[0.1, 0.9]])
    """
    pooled, named = trust.sharpness * _logs(probs), answers.label >= 0
    pooled[np.setdiff1d(answers.item[~named], answers.item[named])] /= 2
    np.add.at(pooled, (answers.item[named], answers.label[named]), (trust.evidence(answers) * _shares(answers))[named])
    return np.exp(pooled - logsumexp(pooled, axis=1, keepdims=True))


def calibrate(probs: Floats, answers: Answers, known: Ints) -> Trust:
    """Find what model, people and certainty are worth.

    The most probable values, given the truth where it is known, how often the model agrees with the answers elsewhere
    (which tells whether a certainty means anything, even without any truth), and what holds before (`WORTH` and the
    others, so that five known items don't turn everything). With fewer than 10 known items, an answer is also compared
    with what the other annotators of its item agree on, where there are two or more.

    Parameters
    ----------
    probs : shape (n_items, n_labels), of a model that never saw these items' answers
    known : int64, shape (n_items,): the true label's column, -1 where the truth isn't known

    References
    ----------
    A log-linear pool: Genest and Zidek (1986), Combining Probability Distributions, doi:10.1214/ss/1177013825.
    """
    n_labels, n_annotators = probs.shape[1], int(answers.annotator.max()) + 1 if len(answers) else 1
    logs, design, named = _logs(probs), _design(answers, n_annotators), answers.label >= 0
    told = np.flatnonzero(known >= 0)
    truth, n_known, row, shares = known[told], len(told), np.full(len(probs), -1), _shares(answers)
    row[told] = np.arange(len(told))
    row = row[answers.item]  # of each answer among those that can be checked
    if len(told) < FEWEST_KNOWN:
        judged, verdicts = agreed(answers, len(probs), n_labels)
        judged, verdicts = judged[row[judged] < 0], verdicts[row[judged] < 0]
        shares[judged] = 1.0
        row[judged] = len(told) + np.arange(len(judged))
        told, truth = np.concatenate([told, answers.item[judged]]), np.concatenate([truth, verdicts])
    checked, others = np.flatnonzero(named & (row >= 0)), np.flatnonzero(named & (row < 0))
    weighed = design[checked] * shares[checked, None]
    told_logs, spot = logs[told], (row[checked], answers.label[checked])
    item, given, spread = answers.item[others], answers.label[others], np.log(max(1, n_labels - 1))
    means = np.array([SHARPNESS[0], WORTH[0] + spread, STEP[0], UNSURE[0], *np.zeros(2 * n_annotators), FLATTERY[0]])
    spans = np.array([SHARPNESS[1], WORTH[1], STEP[1], UNSURE[1], *np.repeat([ANNOTATOR, SCALE], n_annotators),
                      FLATTERY[1]])

    def cost(values: Floats) -> tuple[float, Floats]:
        tau, weigh, flattery = values[0], values[1:-1], values[-1]
        off = (values - means) / spans
        total, slope = 0.5 * float(off @ off), off / spans
        # Where the truth is known: how improbable it is, after model and answers.
        pooled = tau * told_logs
        np.add.at(pooled, spot, weighed @ weigh)
        pooled -= logsumexp(pooled, axis=1, keepdims=True)
        rows = np.arange(len(told))
        total -= float(pooled[rows, truth].sum())
        miss = np.exp(pooled)
        miss[rows, truth] -= 1
        slope[0] += float((miss * told_logs).sum())
        slope[1:-1] += miss[spot] @ weighed
        # Elsewhere: how improbable the answer is, after the model alone.
        spoken = tau * logs[item]
        spoken -= logsumexp(spoken, axis=1, keepdims=True)
        every = np.arange(len(item))
        said, right = np.exp(spoken[every, given]), expit(design[others] @ weigh + flattery - spread)
        likely = right * said + (1 - right) * (1 - said) / max(1, n_labels - 1)
        total -= AGREEMENT_COUNTS * float(np.log(likely).sum())
        by_right = (said - (1 - said) / max(1, n_labels - 1)) * right * (1 - right) / likely
        by_said = (right - (1 - right) / max(1, n_labels - 1)) / likely \
            * said * (logs[item, given] - (np.exp(spoken) * logs[item]).sum(axis=1))
        slope[0] -= AGREEMENT_COUNTS * float(by_said.sum())
        slope[1:-1] -= AGREEMENT_COUNTS * (by_right @ design[others])
        slope[-1] -= AGREEMENT_COUNTS * float(by_right.sum())
        return total, slope

    # A sharpness below 0 would take the model at the opposite of its word.
    found = minimize(cost, means, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] + [(None, None)] * (len(means) - 1))
    values = found.x
    return Trust(sharpness=float(values[0]), worth=float(values[1]), step=float(values[2]), unsure=float(values[3]),
                 annotators=values[4:-1].reshape(2, n_annotators).T.copy(), n_known=n_known)


def agreed(answers: Answers, n_items: int, n_labels: int) -> tuple[Ints, Ints]:
    """Which answers others can judge, and what these say: those beside two or more other annotators of the item, of
    whom more than half agree.

    Returns
    -------
    Rows of the answers, and the column of the label that the other annotators agree on, for each
    """
    votes = np.zeros((n_items, n_labels), np.int64)
    counted = (answers.label >= 0) & ~answers.unsure
    np.add.at(votes, (answers.item[counted], answers.label[counted]), 1)
    others = votes[answers.item]
    others[np.flatnonzero(counted), answers.label[counted]] -= 1
    n_others = others.sum(axis=1)
    rows = np.flatnonzero((answers.label >= 0) & (n_others >= 2) & (2 * others.max(axis=1, initial=0) > n_others))
    return rows, others[rows].argmax(axis=1)


def _shares(answers: Answers) -> Floats:
    """What is left of each answer's evidence beside the others of its item, above 0 and up to 1."""
    named = answers.label >= 0
    counts = np.bincount(answers.item[named], minlength=int(answers.item.max(initial=-1)) + 1)
    return 1 / (1 + ALIKE * np.maximum(counts[answers.item] - 1, 0))


def _design(answers: Answers, n_annotators: int) -> Floats:
    """What the evidence of each answer is made of: columns of a, b and w, then u and v of each annotator."""
    steps, rows = answers.steps(), np.arange(len(answers))
    table = np.zeros((len(answers), 3 + 2 * n_annotators))
    table[:, 0], table[:, 1], table[:, 2] = 1.0, steps, answers.unsure
    table[rows, 3 + answers.annotator] = 1.0
    table[rows, 3 + n_annotators + answers.annotator] = steps
    return table


def _logs(probs: Floats) -> Floats:
    return np.log(np.clip(np.asarray(probs, np.float64), 1e-9, None))
