"""Models of votes: how each annotator's votes depend on the truth, fitted without knowing it.

`Ballots` has votes as arrays. `fit` estimates one of `STRUCTURES` or "glad" by expectation-maximisation and returns a
`VoteModel`; `posterior` computes from it the probability of each label for each item. With `copying`, a vote that was
given in sight of a suggestion may be a copy of it:

    p(vote | truth) = c 1[vote = suggestion] + (1 - c) C[truth, vote]

with C the annotator's confusion matrix and c their own rate of copying. A vote that was given blind has c = 0, so that
blind votes separate C from c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import expit, gammaln, logsumexp

from .votes import UNKNOWN

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Strengths = tuple[float, float, float]

# equal: everybody errs equally often. one_coin: an accuracy a person. confusion: a confusion matrix a person (Dawid and
# Skene). centred: the same, relative to the confusions that all people share. mace: a person knows, or guesses by habit
# (Hovy et al.).
STRUCTURES = ("equal", "one_coin", "confusion", "centred", "mace")
# Candidates for `VoteModel.strengths`, in pseudo-votes; the most probable ones are taken.
STRENGTHS = np.array([0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256])
FIRST_STRENGTHS = (8.0, 8.0, 8.0)
LEAST_COUNT = 1e-3
# Number of pseudo-items per item by which the shares of labels are shrunk towards equal ones. At 0 the commonest label
# takes over where people are hardly better than chance.
SHARES_PRIOR = 1.0
# Prior of people's accuracy: this many right votes of this many votes. It keeps few votes from swapping labels.
ACCURACY_PRIOR = (8.0, 10.0)
# Number of suggestions by which a person's rate of copying is shrunk towards that of all. At 4, the mean rate of 300
# people with 8 votes each came out .06 too high; estimated as `STRENGTHS` are, all rates became equal.
COPY_PRIOR = 20.0
MAX_ITERATIONS, TOLERANCE = 300, 1e-4
# Channels of a vote: no suggestion was visible; one was; it isn't known whether one was.
BLIND_VOTE, SHOWN_VOTE, UNKNOWN_VOTE = 0, 1, 2
TINY = 1e-12
# How the evidence of a vote grows with its certainty: candidates, and mean and standard deviation of their prior.
SLOPES, SLOPE_PRIOR, MOST_WEIGHT = np.linspace(0, 1.5, 16), (0.25, 0.3), 4.0


@dataclass(frozen=True)
class Ballots:
    """Votes as arrays, one entry each.

    Parameters
    ----------
    item, annotator, label : ndarray of int64, shape (n_votes,)
    n_items, n_annotators, n_labels : int
    weight : ndarray of float64, shape (n_votes,)
        Weight of each vote's evidence: 1 for an ordinary vote, 0 for one that doesn't count.
    channel, suggestion : ndarray of int64, shape (n_votes,)
        `SHOWN_VOTE` where a suggestion was visible, `UNKNOWN_VOTE` where there was one and it isn't known whether it
        was visible, `BLIND_VOTE` elsewhere; and the suggested label, -1 for none.
    item_suggestion : ndarray of int64, shape (n_items,)
        The model's suggestion for each item, seen or not: its own vote; -1 for none.
    item_logs : ndarray of float64, shape (n_items, n_labels), or None
        Log-probabilities of a model that learnt from no vote in sight of a suggestion.
    judged : ndarray of bool, shape (n_items, n_labels), or None
        Whether it would be known, if the item had the label, that the model's suggestion is right or wrong. By
        default, it is known for all items with a suggestion.
    """

    item: Ints
    annotator: Ints
    label: Ints
    n_items: int
    n_annotators: int
    n_labels: int
    weight: Floats
    channel: Ints
    suggestion: Ints
    item_suggestion: Ints
    item_logs: Floats | None = None
    judged: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, item: Ints, annotator: Ints, label: Ints, *, n_items: int, n_annotators: int, n_labels: int,
           shown: Ints | None = None, suggestion: Ints | None = None, item_suggestion: Ints | None = None,
           weight: Floats | None = None, item_logs: Floats | None = None,
           judged: npt.NDArray[np.bool_] | None = None) -> Ballots:
        """Make ballots from arrays such as those of `votes.encode`."""
        n = len(item)
        suggestion = np.full(n, -1) if suggestion is None else suggestion
        channel = np.zeros(n, np.int64) if shown is None else np.where(shown == UNKNOWN, UNKNOWN_VOTE, shown)
        return cls(item, annotator, label, n_items, n_annotators, n_labels,
                   np.ones(n) if weight is None else weight, np.where(suggestion >= 0, channel, BLIND_VOTE), suggestion,
                   np.full(n_items, -1) if item_suggestion is None else item_suggestion, item_logs, judged)

    def __len__(self) -> int:
        return len(self.item)

    def take(self, rows: npt.NDArray[np.bool_]) -> Ballots:
        """Keep some of the votes, and all data on items."""
        return replace(self, **{name: getattr(self, name)[rows] for name in
                                ("item", "annotator", "label", "weight", "channel", "suggestion")})

    @cached_property
    def sum_by_item(self) -> sparse.csr_matrix:
        """Sums over the votes of each item, as a matrix of shape (n_items, n_votes)."""
        return sparse.csr_matrix((np.ones(len(self)), (self.item, np.arange(len(self)))),
                                 shape=(self.n_items, len(self)))

    @cached_property
    def sum_by_answer(self) -> sparse.csr_matrix:
        """Sums over the votes of each annotator and label, of shape (n_annotators * n_labels, n_votes)."""
        return sparse.csr_matrix((np.ones(len(self)), (self.annotator * self.n_labels + self.label,
                                                       np.arange(len(self)))),
                                 shape=(self.n_annotators * self.n_labels, len(self)))

    @cached_property
    def n_of_item(self) -> Floats:
        """Number of votes of each item."""
        return np.bincount(self.item, minlength=self.n_items).astype(float)

    def vote_shares(self) -> Floats:
        """Share of each label among an item's votes, smoothed a little; shape (n_items, n_labels)."""
        counts = np.full((self.n_items, self.n_labels), 0.1 / self.n_labels)
        np.add.at(counts, (self.item, self.label), 1.0)
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class VoteModel:
    """Fitted model of votes: the probability of each vote, given the true label of its item.

    Parameters
    ----------
    structure : str
        One of `STRUCTURES`, or "glad".
    confusions : ndarray of float64, shape (n_annotators, n_labels, n_labels)
        Probability that an annotator gives a label (last axis), by the true one, when nothing is copied.
    item_log_prior : ndarray of float64, shape (n_items, n_labels)
        Log-probability of each label before any vote: shares of labels, and the model's part.
    copy_rates : ndarray of float64, shape (n_annotators, 3)
        Rates of copying by channel; 0 for blind votes.
    strengths : tuple of three float
        Pseudo-votes of shrinkage: of people towards each other, of a person's truths, and of their errors.
    model_confusion : ndarray of float64, shape (n_labels, n_labels), or None
        Confusion matrix of the model's suggestions.
    model_evidence : ndarray of float64, shape (n_items, n_labels), or None
        Log-probability of the model's suggestions by truth, a part of `item_log_prior`; 0 for items without one.
    sharpness : float
        Factor of the given log-probabilities of a model.
    ease : ndarray of float64, shape (n_items,), or None
        GLAD's inverse difficulty, above 0.
    ability : ndarray of float64, shape (n_annotators,), or None
        GLAD's ability.
    n_iterations : int
    """

    structure: str
    confusions: Floats
    item_log_prior: Floats
    copy_rates: Floats
    strengths: Strengths = FIRST_STRENGTHS
    model_confusion: Floats | None = None
    model_evidence: Floats | None = None
    sharpness: float = 1.0
    ease: Floats | None = None
    ability: Floats | None = None
    n_iterations: int = 0

    def own_probs(self, ballots: Ballots) -> Floats:
        """Probability of each vote by truth, as if nothing were copied; shape (n_votes, n_labels)."""
        if self.ease is not None and self.ability is not None:
            right = expit(self.ability[ballots.annotator] * self.ease[ballots.item] * ballots.weight)
            probs = np.repeat(((1 - right) / max(1, ballots.n_labels - 1))[:, None], ballots.n_labels, axis=1)
            probs[np.arange(len(ballots)), ballots.label] = right
            return np.maximum(probs, TINY)
        return _own_probs(self.confusions, ballots)

    def vote_logs(self, ballots: Ballots) -> Floats:
        """Log-probability of each vote by truth, shape (n_votes, n_labels)."""
        return np.log(_with_copies(self.own_probs(ballots), self.copy_rates, ballots))


def fit(ballots: Ballots, structure: str, *, copying: bool = False, strengths: Strengths | None = None,
        shares_prior: float | None = None, max_iterations: int = MAX_ITERATIONS) -> VoteModel:
    """Estimate how votes depend on the truth, by expectation-maximisation from the shares of votes.

    Parameters
    ----------
    ballots : Ballots
    structure : str
        One of `STRUCTURES`, or "glad".
    copying : bool
        Whether votes in sight of a suggestion may be copies of it, and the model votes too.
    strengths : tuple of three float, optional
        Pseudo-votes by which people are shrunk towards each other, a person's truths towards each other, and errors
        towards each other, 0 or more; by default estimated.
    shares_prior : float, optional
        Strength of the prior of shares; by default `SHARES_PRIOR`, or infinity for "equal".
    max_iterations : int

    Returns
    -------
    VoteModel

    References
    ----------
    Dawid and Skene (1979), doi:10.2307/2346806; Hovy et al. (2013), Learning Whom to Trust with MACE; Whitehill et al.
    (2009), Whose Vote Should Count More (GLAD).
    """
    if shares_prior is None:
        shares_prior = np.inf if structure == "equal" else SHARES_PRIOR
    if structure == "glad":
        return _fit_glad(ballots, shares_prior)
    probs, rates = ballots.vote_shares(), np.zeros((ballots.n_annotators, 3))
    drawn = FIRST_STRENGTHS if strengths is None else strengths
    own_share = np.ones((len(ballots), ballots.n_labels))
    if copying:  # a first guess; at 1 nothing would ever be found to be a copy
        own_share[(ballots.channel != BLIND_VOTE) & (ballots.label == ballots.suggestion)] = 0.6
    for iteration in range(max_iterations):
        of_votes = probs[ballots.item]
        counts = _counts(ballots, of_votes * own_share * ballots.weight[:, None])
        if strengths is None and iteration % 5 == 4:
            drawn = _strengths(counts, structure)
        confusions = _confusions(counts, structure, drawn)
        before = rates
        if copying:
            rates = _copy_rates(ballots, (of_votes * (1 - own_share)).sum(axis=1))
        own = _own_probs(confusions, ballots)
        together = _with_copies(own, rates, ballots)
        own_share = own * (1 - rates[ballots.annotator, ballots.channel])[:, None] / together
        prior, model_confusion, sharpness = _item_log_prior(ballots, probs, shares_prior, voting=copying)
        earlier, probs = probs, _normalised(prior + ballots.sum_by_item @ np.log(together))
        if iteration > 9 and abs(probs - earlier).max(initial=0) < TOLERANCE \
                and abs(rates - before).max() < TOLERANCE:
            break
    return VoteModel(structure, confusions, prior, rates, drawn, model_confusion,
                     _model_evidence(ballots, model_confusion), sharpness, n_iterations=iteration + 1)


def posterior(model: VoteModel, ballots: Ballots, dependence: float = 0.0) -> Floats:
    """Probability of each label of each item, shape (n_items, n_labels), rows sum to 1.

    m votes on an item count as m / (1 + dependence (m - 1)), since people's errors on hard items are correlated. If
    the model votes too, its suggestion is one of these votes.
    """
    evidence, n_of_item = _evidence(model, ballots, model.vote_logs(ballots))
    return _normalised(_before(model) + evidence / _shrink(n_of_item, dependence)[:, None])


def without_own(model: VoteModel, ballots: Ballots, dependence: float = 0.0) -> Floats:
    """Probability of each label of each vote's item without this vote, shape (n_votes, n_labels)."""
    logs = model.vote_logs(ballots)
    evidence, n_of_item = _evidence(model, ballots, logs)
    shrink = _shrink(n_of_item[ballots.item] - 1, dependence)
    return _normalised(_before(model)[ballots.item] + (evidence[ballots.item] - logs) / shrink[:, None])


def predict_votes(model: VoteModel, ballots: Ballots, held_out: Ballots, dependences: Sequence[float]) -> Floats:
    """Log-probability of each held-out vote, given the others, shape (n_dependences, n_held_out)."""
    evidence, n_of_item = _evidence(model, ballots, model.vote_logs(ballots))
    before, logs = _before(model), model.vote_logs(held_out)
    result = np.empty((len(dependences), len(held_out)))
    for row, dependence in enumerate(dependences):
        probs = _normalised(before + evidence / _shrink(n_of_item, dependence)[:, None])
        result[row] = logsumexp(np.log(np.maximum(probs, TINY))[held_out.item] + logs, axis=1)
    return result


def _before(model: VoteModel) -> Floats:
    """Log-probability of each label before any vote, the model's included."""
    return model.item_log_prior if model.model_evidence is None else model.item_log_prior - model.model_evidence


def _evidence(model: VoteModel, ballots: Ballots, logs: Floats) -> tuple[Floats, Floats]:
    """Log-probability of each item's votes by truth, the model's included, and their number."""
    evidence, n_of_item = np.asarray(ballots.sum_by_item @ logs), ballots.n_of_item
    if model.model_evidence is None:
        return evidence, n_of_item
    return evidence + model.model_evidence, n_of_item + (ballots.item_suggestion >= 0)


def _shrink(n_votes: Floats, dependence: float) -> Floats:
    return np.asarray(1 + dependence * np.maximum(n_votes - 1, 0))


def _normalised(logs: Floats) -> Floats:
    logs = logs - logs.max(axis=1, keepdims=True)
    probs = np.exp(logs)
    return np.asarray(probs / probs.sum(axis=1, keepdims=True))


def _counts(ballots: Ballots, weights: Floats) -> Floats:
    """Expected votes by annotator, truth and label, shape (n_annotators, n_labels, n_labels)."""
    n = ballots.n_labels
    return np.asarray((ballots.sum_by_answer @ weights).reshape(ballots.n_annotators, n, n).transpose(0, 2, 1))


def _symmetric(accuracy: Floats | float, n_labels: int) -> Floats:
    """Confusion matrices of people who err towards each label equally often, shape (..., n_labels, n_labels)."""
    right = np.asarray(accuracy, float)[..., None, None]
    return np.asarray(np.where(np.eye(n_labels, dtype=bool), right, (1 - right) / max(1, n_labels - 1)))


def _mean_accuracy(counts: Floats) -> float:
    right, n = ACCURACY_PRIOR
    return float((np.einsum("jkk->", counts) + right) / (counts.sum() + n))


def _confusions(counts: Floats, structure: str, strengths: Strengths) -> Floats:
    """Most probable confusion matrices, given expected votes.

    Each person's accuracy is shrunk towards the accuracy of all people, their accuracy for each true label towards
    their own accuracy, and the frequencies of their errors towards equal ones, by `strengths` pseudo-votes each.
    """
    n_annotators, n_labels = counts.shape[:2]
    mean = _mean_accuracy(counts)
    if structure == "equal":
        return np.repeat(_symmetric(mean, n_labels)[None], n_annotators, axis=0)
    if structure == "mace":
        return _mace(counts)
    accuracy = _drawn(np.einsum("jkk->j", counts), counts.sum(axis=(1, 2)), strengths[0], mean)
    if structure == "one_coin":
        return _symmetric(accuracy, n_labels)
    right = np.einsum("jkk->jk", counts)
    by_truth = _drawn(right, counts.sum(axis=2), strengths[1], accuracy[:, None])
    others, diagonal = max(1, n_labels - 1), np.eye(n_labels, dtype=bool)
    errors = np.where(diagonal, 0.0, counts + (strengths[2] + TINY) / others)
    confusions = (1 - by_truth)[:, :, None] * errors / np.maximum(errors.sum(axis=2, keepdims=True), TINY)
    confusions[:, diagonal] = by_truth
    if structure == "centred":
        n = counts.sum(axis=(1, 2))
        shared = np.exp(np.tensordot(n, np.log(np.maximum(confusions, TINY)), 1) / max(n.sum(), TINY))
        shared /= shared.sum(axis=1, keepdims=True)
        confusions = confusions * _symmetric(float(np.diag(shared).mean()), n_labels) / shared
        confusions /= confusions.sum(axis=2, keepdims=True)
    return np.asarray(confusions)


def _drawn(hits: Floats, n: Floats, strength: float, centre: Floats | float) -> Floats:
    """Shares of hits, shrunk towards a centre by `strength` pseudo-votes."""
    return np.asarray((hits + (strength + TINY) * centre) / (n + strength + TINY))


def _mace(counts: Floats, n_steps: int = 5) -> Floats:
    """Confusion matrices of people who know the truth, or else answer by habit."""
    n_annotators, n_labels = counts.shape[:2]
    mean, answers = _mean_accuracy(counts), counts.sum(axis=1)
    total = answers.sum(axis=1)
    habit = (answers + 1) / (total + n_labels)[:, None]
    right = np.einsum("jkk->jk", counts)
    knows = np.full(n_annotators, mean)
    for _ in range(n_steps):
        known = right * (knows[:, None] / (knows[:, None] + (1 - knows[:, None]) * habit))
        knows = (known.sum(axis=1) + 2 * mean) / (total + 2)
        guessed = answers - known
        habit = (guessed + 1) / (guessed.sum(axis=1) + n_labels)[:, None]
    return np.asarray(knows[:, None, None] * np.eye(n_labels) + ((1 - knows)[:, None] * habit)[:, None, :])


def _strengths(counts: Floats, structure: str) -> Strengths:
    """The most probable of `STRENGTHS`, for each level of shrinkage."""
    if structure in ("equal", "mace"):
        return FIRST_STRENGTHS
    mean, right_by_truth, n_by_truth = _mean_accuracy(counts), np.einsum("jkk->jk", counts), counts.sum(axis=2)
    right, n = right_by_truth.sum(axis=1), n_by_truth.sum(axis=1)
    people = _most_probable(np.stack([right, n - right], axis=-1), np.array([mean, 1 - mean]))
    if structure == "one_coin":
        return people, FIRST_STRENGTHS[1], FIRST_STRENGTHS[2]
    accuracy = _drawn(right, n, people, mean)[:, None]
    truths = _most_probable(np.stack([right_by_truth, n_by_truth - right_by_truth], axis=-1),
                            np.stack([accuracy, 1 - accuracy], axis=-1))
    others = counts.shape[1] - 1
    if others < 2:
        return people, truths, FIRST_STRENGTHS[2]
    errors = counts[:, ~np.eye(others + 1, dtype=bool)].reshape(len(counts), others + 1, others)
    return people, truths, _most_probable(errors, np.full(others, 1 / others))


def _most_probable(cells: Floats, centre: Floats) -> float:
    """The one of `STRENGTHS` under which the cells are most probable, drawn from Dirichlet distributions."""
    some = cells > LEAST_COUNT  # the terms of the others are 0
    counts, centres, rows = cells[some], np.broadcast_to(centre, cells.shape)[some], cells.sum(axis=-1)
    rows = rows[rows > LEAST_COUNT]
    logs = []
    for strength in STRENGTHS:
        prior = strength * centres + TINY
        logs.append((gammaln(prior + counts) - gammaln(prior)).sum()
                    - (gammaln(strength + rows) - gammaln(strength)).sum())
    return float(STRENGTHS[int(np.argmax(logs))])


def _own_probs(confusions: Floats, ballots: Ballots) -> Floats:
    """Probability of each vote by truth, shape (n_votes, n_labels), tempered by the votes' weights."""
    probs = np.maximum(confusions.transpose(0, 2, 1)[ballots.annotator, ballots.label], TINY)
    odd = np.flatnonzero(ballots.weight != 1)
    if len(odd):
        weight = ballots.weight[odd, None]
        logs = weight[:, :, None] * np.log(np.maximum(confusions[ballots.annotator[odd]], TINY))
        probs[odd] = np.exp(weight * np.log(probs[odd]) - logsumexp(logs, axis=2))
    return np.asarray(probs)


def _with_copies(own: Floats, rates: Floats, ballots: Ballots) -> Floats:
    rate = rates[ballots.annotator, ballots.channel]
    if not rate.any():
        return own
    return np.asarray((rate * (ballots.label == ballots.suggestion))[:, None] + (1 - rate)[:, None] * own)


def _copy_rates(ballots: Ballots, copied: Floats) -> Floats:
    """Most probable rates of copying, shape (n_annotators, 3), given the probability that each vote is a copy."""
    rates = np.zeros((ballots.n_annotators, 3))
    for channel in (SHOWN_VOTE, UNKNOWN_VOTE):
        there = ballots.channel == channel
        if not there.any():
            continue
        n = np.bincount(ballots.annotator[there], minlength=ballots.n_annotators)
        copies = np.bincount(ballots.annotator[there], weights=copied[there], minlength=ballots.n_annotators)
        rates[:, channel] = (copies + COPY_PRIOR * copies.sum() / n.sum()) / (n + COPY_PRIOR)
    return np.clip(rates, 0, 1 - 1e-6)


def _item_log_prior(ballots: Ballots, probs: Floats, shares_prior: float, *,
                    voting: bool) -> tuple[Floats, Floats | None, float]:
    """Log-probabilities before any vote, the model's confusion matrix, and the sharpness of its probabilities."""
    n_labels = ballots.n_labels
    if np.isinf(shares_prior):
        shares = np.full(n_labels, 1 / n_labels)
    else:
        shares = probs.sum(axis=0) + shares_prior * len(probs) / n_labels + TINY
        shares /= shares.sum()
    if ballots.item_logs is not None:
        logs = ballots.item_logs
        sharpness = _sharpness(logs, probs)
        return sharpness * logs, None, sharpness
    prior = np.repeat(np.log(shares)[None], len(probs), axis=0)
    rows = np.flatnonzero(ballots.item_suggestion >= 0)
    if not voting or not len(rows):
        return prior, None, 1.0
    said = ballots.item_suggestion[rows]
    counts = np.zeros((n_labels, n_labels))
    np.add.at(counts.T, said, probs[rows])
    drawn = counts + FIRST_STRENGTHS[0] * _symmetric(_mean_accuracy(counts[None]), n_labels)
    confusion = drawn / drawn.sum(axis=1, keepdims=True)
    evidence = _model_evidence(ballots, confusion)
    return prior if evidence is None else prior + evidence, np.asarray(confusion), 1.0


def _model_evidence(ballots: Ballots, confusion: Floats | None) -> Floats | None:
    """Log-probability of each item's suggestion by truth; 0 where there is none."""
    if confusion is None:
        return None
    by_suggestion = np.concatenate([np.log(confusion.T), np.zeros((1, ballots.n_labels))])  # the last one is none, -1
    return np.asarray(by_suggestion[ballots.item_suggestion])


def _sharpness(logs: Floats, probs: Floats) -> float:
    """The factor of log-probabilities that fits the consensus best, from 0 to 3, shrunk towards 1."""
    from scipy.optimize import minimize_scalar  # opening a project doesn't need it
    there = np.isfinite(logs).all(axis=1)

    def cost(factor: float) -> float:
        scaled = factor * logs[there]
        scaled = scaled - logsumexp(scaled, axis=1, keepdims=True)
        return float(-(probs[there] * scaled).sum() + (factor - 1) ** 2 / (2 * 0.5 ** 2))
    return float(minimize_scalar(cost, bounds=(0.0, 3.0), method="bounded", options={"xatol": 1e-3}).x)


def _fit_glad(ballots: Ballots, shares_prior: float, n_rounds: int = 20) -> VoteModel:
    """GLAD: a vote is right with probability expit(ability * ease), with priors N(1, 1) of ability and log ease."""
    probs, n = ballots.vote_shares(), ballots.n_annotators
    values = np.concatenate([np.ones(n), np.zeros(ballots.n_items)])
    log_guess = np.log(max(1, ballots.n_labels - 1))
    rates = np.zeros((n, 3))
    confusions = np.zeros((n, ballots.n_labels, ballots.n_labels))
    for iteration in range(n_rounds):
        right = probs[ballots.item, ballots.label]

        def cost(values: Floats, right: Floats = right) -> tuple[float, Floats]:
            ability, ease = values[:n], np.exp(np.clip(values[n:], -10, 10))
            odds = ability[ballots.annotator] * ease[ballots.item] * ballots.weight
            miss = expit(odds) - right
            by_odds = miss * ballots.weight
            slope = np.concatenate([
                np.bincount(ballots.annotator, by_odds * ease[ballots.item], n),
                np.bincount(ballots.item, by_odds * ability[ballots.annotator], ballots.n_items) * ease])
            off = values - np.concatenate([np.ones(n), np.zeros(ballots.n_items)])
            total = (np.logaddexp(0, odds) - right * odds + (1 - right) * log_guess).sum() + 0.5 * off @ off
            return float(total), slope + off
        from scipy.optimize import minimize  # opening a project doesn't need it
        values = minimize(cost, values, jac=True, method="L-BFGS-B", options={"maxiter": 8}).x
        prior = _item_log_prior(ballots, probs, shares_prior, voting=False)[0]
        model = VoteModel("glad", confusions, prior, rates, ease=np.exp(np.clip(values[n:], -10, 10)),
                          ability=values[:n])
        earlier, probs = probs, posterior(model, ballots)
        if iteration > 4 and abs(probs - earlier).max(initial=0) < 1e-3:
            break
    assert model.ability is not None  # set above
    typical = float(np.exp(np.median(values[n:]))) if ballots.n_items else 1.0
    return replace(model, confusions=_symmetric(expit(model.ability * typical), ballots.n_labels),
                   n_iterations=iteration + 1)


def evidence_weights(odds: Floats, slope: float) -> Floats:
    """Weight of each vote's evidence, from its certainty's log-odds above its annotator's mean."""
    return np.asarray(np.clip(1 + slope * odds, 0, MOST_WEIGHT))


def certainty_slope(ballots: Ballots, odds: Floats) -> float:
    """The slope of `evidence_weights` with which the others' votes predict each vote best.

    It is shrunk towards `SLOPE_PRIOR`, so that few votes don't decide; near 0 if certainty isn't informative.
    """
    model = fit(ballots, "one_coin")
    probs = without_own(model, ballots)
    costs = []
    for slope in SLOPES:
        weighed = replace(ballots, weight=evidence_weights(odds, slope))
        own = (probs * _own_probs(model.confusions, weighed)).sum(axis=1)
        costs.append((slope - SLOPE_PRIOR[0]) ** 2 / (2 * SLOPE_PRIOR[1] ** 2) - np.log(own + TINY).sum())
    return float(SLOPES[int(np.argmin(costs))])
