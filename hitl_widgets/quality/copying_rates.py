"""How often people copy the suggestions that they see, and how accurate these suggestions are.

Both are estimated by a model of votes, a `VoteModel` that was fitted with `copying`. `copy_intervals` returns each
person's rate of copying with an interval; `overall` returns the rate of all people together and the accuracy of the
model that made the suggestions. `misfit` compares a rate with a second estimate, which uses only the difference between
votes with a suggestion and blind votes; `corrected` applies that correction.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.special import expit, logit

from ..records import Estimate
from .vote_models import (
    BLIND_VOTE,
    COPY_PRIOR,
    SHOWN_VOTE,
    TINY,
    Ballots,
    Floats,
    Ints,
    VoteModel,
    posterior,
    without_own,
)

# 95 % of a chi-square of one degree of freedom, halved: how far a log-likelihood may fall within an interval.
DROP, Z = 1.9207, 1.96
# Prior standard deviation of the bias of a rate of copying: where people and model err alike on the same items, errors
# that nobody copied look like copies.
USUAL_MISFIT = 0.1
# Rates at which a person's likelihood is computed, and shifts of the log-odds of their being right.
RATES = np.linspace(0, 1, 201)
SHIFTS = np.linspace(-2.5, 2.5, 15)
# Largest number of people with parameters of their own in the information matrix; of more, some share them.
MOST_PEOPLE = 200


def copy_intervals(model: VoteModel, ballots: Ballots) -> pd.DataFrame:
    """Each person's rate of copying, with a 95 % interval.

    It is a profile likelihood interval: for each rate, the person's accuracy is refitted, and the others' votes replace
    the unknown truth of the item. It contains 0 if the votes can be explained without copying, and it is wide if a
    person has few blind votes or few votes with a suggestion.

    Returns
    -------
    DataFrame
        A row for each person who saw a suggestion: annotator (place), rate, low, high, n_shown and n_blind (votes).
    """
    n = ballots.n_annotators
    shown, known = ballots.channel == SHOWN_VOTE, ballots.channel == BLIND_VOTE
    logs = np.zeros((n, len(SHIFTS), len(RATES)))
    own = _shifted(model, ballots, without_own(model, ballots))
    of_people = _sums(ballots.annotator[known], n) @ np.log(own[known])
    logs += of_people[:, :, None]
    copy = (ballots.label == ballots.suggestion).astype(float)
    for rows in np.array_split(np.flatnonzero(shown), max(1, int(shown.sum()) // 4000)):
        by_person = _sums(ballots.annotator[rows], n)
        for place in range(len(SHIFTS)):
            each = np.log(RATES * copy[rows, None] + (1 - RATES) * own[rows, place, None] + TINY)
            logs[:, place] += by_person @ each
    logs += _shift_prior(model)[:, :, None]
    profile = logs.max(axis=1)
    drop = DROP * _widening(model, ballots)
    inside = profile >= profile.max(axis=1, keepdims=True) - drop[:, None]
    step = RATES[1]
    low = np.maximum(RATES[inside.argmax(axis=1)] - step / 2, 0)
    high = np.minimum(RATES[len(RATES) - 1 - inside[:, ::-1].argmax(axis=1)] + step / 2, 1)
    n_shown = np.bincount(ballots.annotator[shown], minlength=n)
    n_blind = np.bincount(ballots.annotator[known], minlength=n)
    rate = model.copy_rates[:, SHOWN_VOTE]
    table = pd.DataFrame({"annotator": np.arange(n), "rate": rate, "low": np.minimum(low, rate),
                          "high": np.maximum(high, rate), "n_shown": n_shown, "n_blind": n_blind})
    return table[table["n_shown"] > 0].reset_index(drop=True)


class Misfit(NamedTuple):
    """Bias of rates of copying, since people and model err alike, and its standard error."""

    bias: float
    error: float


def misfit(rate: Estimate, blind: Estimate, shown: Estimate, difference: Estimate) -> Misfit:
    """Bias of a rate of copying from a model of votes, estimated from votes whose exposure was drawn at random.

    With P the share of votes that agree with the suggestion, (P(shown) - P(blind)) / (1 - P(blind)) is an unbiased
    estimate of the rate of copying, even if people and model make the same errors. It is imprecise if few votes were
    blind. Then the estimated bias is near 0, with the standard deviation of its prior (`USUAL_MISFIT`).

    Parameters
    ----------
    rate : Estimate
        Rate of copying of all people, from `overall`.
    blind, shown, difference : Estimate
        Shares that agree with the suggestion, and their difference, as `suggestion_effect.agreement_with_model` gives.
    """
    prior = USUAL_MISFIT ** 2
    if any(math.isnan(estimate) for estimate in (rate, blind, shown)) or blind.value >= 1:
        return Misfit(0.0, USUAL_MISFIT)
    of_blind, of_shown, of_difference, of_rate = (((estimate.high - estimate.low) / (2 * Z)) ** 2
                                                  for estimate in (blind, shown, difference, rate))
    together = (of_blind + of_shown - of_difference) / 2
    by_chance = 1 - (1 - shown.value) / (1 - blind.value)
    own = 1 - by_chance
    variance = (of_shown + own ** 2 * of_blind - 2 * own * together) / (1 - blind.value) ** 2
    # The model's rate uses these votes, too, and others: only the rest of the variance is independent of it.
    apart = max(variance - of_rate, 0.1 * variance)
    weight = prior / (prior + apart)
    return Misfit(weight * (rate.value - by_chance), math.sqrt(weight * apart))


def corrected(value: float, low: float, high: float, off: Misfit) -> tuple[float, float, float]:
    """A rate of copying minus its `Misfit`; the interval contains both the rate before and the rate after."""
    less, extra = value - off.bias, Z * off.error
    below, above = less - math.hypot(value - low, extra), less + math.hypot(high - value, extra)
    return min(max(less, 0.0), 1.0), min(low, max(0.0, below)), max(high, min(1.0, above))


def _sums(annotator: Ints, n_annotators: int) -> sparse.csr_matrix:
    """Sums over each annotator's votes, as a matrix of shape (n_annotators, n_votes)."""
    return sparse.csr_matrix((np.ones(len(annotator)), (annotator, np.arange(len(annotator)))),
                             shape=(n_annotators, len(annotator)))


def _widening(model: VoteModel, ballots: Ballots) -> Floats:
    """Factor by which uncertainty about other people and the model widens the variance of each rate, from 1 to 4.

    Shape (n_annotators,): the variance of the rate over what it would be if only the person's own two figures were
    unknown.
    """
    information = _information(model, ballots)
    n = min(ballots.n_annotators, MOST_PEOPLE)
    together = np.diag(np.linalg.pinv(information, hermitian=True))[n:2 * n]
    places = np.arange(n)
    shift, rate, both = (information[places, places], information[n + places, n + places],
                         information[places, n + places])
    alone = 1 / np.maximum(rate - both ** 2 / np.maximum(shift, TINY), TINY)
    return np.asarray(np.clip(together / alone, 1.0, 4.0)[np.arange(ballots.n_annotators) % MOST_PEOPLE])


def _shifted(model: VoteModel, ballots: Ballots, probs: Floats) -> Floats:
    """Probability of each vote as the person's own, at each of `SHIFTS` of accuracy, averaged over the item's truth."""
    right = np.einsum("jkk->jk", model.confusions)[ballots.annotator]  # by truth
    own, given = model.own_probs(ballots), np.arange(ballots.n_labels) == ballots.label[:, None]
    result = np.empty((len(ballots), len(SHIFTS)))
    for place, shift in enumerate(SHIFTS):
        factor = np.where(given, math.exp(shift), 1.0) / (1 - right + right * math.exp(shift))
        result[:, place] = (probs * own * factor).sum(axis=1)
    return np.asarray(np.clip(result, TINY, 1.0))


def _shift_prior(model: VoteModel) -> Floats:
    """Log-density of each person's shifted accuracy, given how much people resemble each other, up to a constant."""
    right = np.clip(np.einsum("jkk->jk", model.confusions).mean(axis=1), 1e-6, 1 - 1e-6)
    centre = float(right.mean())
    shifted = expit(logit(right)[:, None] + SHIFTS)
    density = centre * np.log(shifted + TINY) + (1 - centre) * np.log(1 - shifted + TINY)
    return np.asarray(np.minimum(model.strengths[0], 2.0) * density)


def overall(model: VoteModel, ballots: Ballots, probs: Floats) -> tuple[Estimate, Estimate]:
    """The rate of copying of all people, and the accuracy of the model that made the suggestions.

    Their intervals come from the information in the items' scores (the gradient of each item's log-likelihood), so that
    they allow for uncertainty about the truth, people and the model at once.

    Parameters
    ----------
    model : VoteModel
    ballots : Ballots
    probs : ndarray, shape (n_items, n_labels)
        Probability of each label of each item.

    Returns
    -------
    rate, accuracy : Estimate
        Share of the votes in sight of a suggestion that copied it, and share of the items with a suggestion where it is
        right, of those where that is known; n is the number of such votes or items.
    """
    shown = ballots.channel == SHOWN_VOTE
    n_shown = np.bincount(ballots.annotator[shown], minlength=ballots.n_annotators)
    rows = np.flatnonzero(ballots.item_suggestion >= 0)
    covariance = np.linalg.pinv(_information(model, ballots), hermitian=True)
    n = min(ballots.n_annotators, MOST_PEOPLE)
    rate = Estimate(math.nan, why="no suggestion was visible")
    if shown.any():
        share = n_shown / n_shown.sum()
        value = float(share @ model.copy_rates[:, SHOWN_VOTE])
        grouped = np.bincount(np.arange(ballots.n_annotators) % MOST_PEOPLE, share, n)
        spread = Z * math.sqrt(max(0.0, float(grouped @ covariance[n:2 * n, n:2 * n] @ grouped)))
        rate = Estimate(value, max(0.0, value - spread), min(1.0, value + spread), n=int(shown.sum()))
    if not len(rows):
        return rate, Estimate(math.nan, why="the votes name no suggestion")
    weight, agrees = _judgements(ballots, probs, rows)
    if (n_judged := float(weight.sum())) < 0.5:
        return rate, Estimate(math.nan, why="an edit left in doubt whether the suggestions mean these items' labels")
    of_item, right = weight.sum(axis=1), (weight * agrees).sum(axis=1)
    share = float(right.sum() / n_judged)
    value = float(np.clip(share, 1e-6, 1 - 1e-6))
    if model.model_confusion is None:
        spread = Z * math.sqrt(float(((right - share * of_item) ** 2 + right * (of_item - right)).sum())) \
            / n_judged / (value * (1 - value))
    else:
        spread = Z * math.sqrt(max(0.0, float(covariance[2 * n, 2 * n])))
    low, high = expit(logit(value) - spread), expit(logit(value) + spread)
    return rate, Estimate(share, float(low), float(high), n=round(n_judged))


def _judgements(ballots: Ballots, probs: Floats, rows: Ints) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """For items with a suggestion: probability of each label that judges it, and whether the label is suggested."""
    weight = probs[rows] if ballots.judged is None else np.where(ballots.judged[rows], probs[rows], 0.0)
    return weight, np.arange(ballots.n_labels) == ballots.item_suggestion[rows, None]


def _information(model: VoteModel, ballots: Ballots) -> Floats:
    """Information matrix from items' scores: people's accuracies and rates of copying, the model, and shares of labels.

    With more than `MOST_PEOPLE` people, some share a place.
    """
    n, n_labels = min(ballots.n_annotators, MOST_PEOPLE), ballots.n_labels
    person = ballots.annotator % MOST_PEOPLE
    probs = posterior(model, ballots)
    own, given = model.own_probs(ballots), np.arange(n_labels) == ballots.label[:, None]
    rate = model.copy_rates[ballots.annotator, ballots.channel][:, None]
    copy = (ballots.label == ballots.suggestion)[:, None]
    together, of_votes = rate * copy + (1 - rate) * own, probs[ballots.item]
    right = np.einsum("jkk->jk", model.confusions)
    by_shift = (of_votes * (1 - rate) * own * (given - right[ballots.annotator]) / together).sum(axis=1)
    by_rate = (of_votes * (copy - own) / together).sum(axis=1) * (ballots.channel == SHOWN_VOTE)
    scores = np.zeros((ballots.n_items, 2 * n + n_labels))
    np.add.at(scores, (ballots.item, person), by_shift)
    np.add.at(scores, (ballots.item, n + person), by_rate)
    if model.model_confusion is not None:
        rows = np.flatnonzero(ballots.item_suggestion >= 0)
        weight, agrees = _judgements(ballots, probs, rows)
        scores[rows, 2 * n] = (weight * (agrees - np.diag(model.model_confusion))).sum(axis=1)
    shares = probs.mean(axis=0)
    scores[:, 2 * n + 1:] = (probs - shares)[:, :-1]
    information = scores.T @ scores
    # Priors pull people towards each other, and leave their mean free.
    apart = np.eye(n) - 1 / n
    accuracy = right.mean(axis=1)
    information[:n, :n] += model.strengths[0] * float((accuracy * (1 - accuracy)).mean()) * apart
    mean = float(np.clip(model.copy_rates[:, SHOWN_VOTE].mean(), 0.01, 0.99))
    information[n:2 * n, n:2 * n] += COPY_PRIOR / (mean * (1 - mean)) * apart
    return np.asarray(information)
