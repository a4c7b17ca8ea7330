"""One school of thought: a model in which all people draw an item's label from one distribution. Read `fit` first.

It is the null hypothesis that `schools_of_thought` tests. In this model people may still differ in noise, in labels
that they confuse or prefer for all items, and in how often they copy a suggestion that they see.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from .votes import SHOWN, EncodedVotes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# The mixes of two labels that an ambiguous item may have, and how many pairs of labels are tried at most.
MIXES, MAX_PAIRS = (0.25, 0.5, 0.75), 60
# Number of votes by which each row of a person's confusion matrix is shrunk towards everybody's.
BORROWED = 4.0
N_ROUNDS, STILL = 150, 1e-5


@dataclass(frozen=True)
class OneSchool:
    """The fitted model, and the estimates for the items, people and votes to which it was fitted.

    Attributes
    ----------
    kinds : ndarray, shape (n_kinds, n_labels)
        Distributions that an item may have: one label, a mix of two, uniform.
    of_item : ndarray, shape (n_items, n_kinds)
        Probability of each kind for each item, given its votes.
    confusion : ndarray, shape (n_annotators, n_labels, n_labels)
        Probability of each answer of a person (last axis), by the label that was drawn.
    copying : ndarray, shape (n_annotators,)
        How often each person copies a suggestion that they see.
    copied : ndarray, shape (n_votes,)
        Probability that each vote is such a copy.
    """

    kinds: Floats
    of_item: Floats
    confusion: Floats
    copying: Floats
    copied: Floats

    def draw(self, votes: EncodedVotes, rng: np.random.Generator) -> Ints:
        """Labels of the same people for the same items, drawn from this model; shape (n_votes,)."""
        upto = np.cumsum(self.of_item, axis=1)
        kind = _pick(upto, rng)
        says = np.cumsum(np.einsum("my,jyv->jmv", self.kinds, self.confusion), axis=2)
        label = _pick(says[votes.annotator, kind[votes.item]], rng)
        copies = _exposed(votes) & (rng.random(len(label)) < self.copying[votes.annotator])
        return np.where(copies, votes.suggestion, label)


def fit(votes: EncodedVotes) -> OneSchool:
    """Fit one school to votes, by expectation-maximisation (EM).

    Parameters
    ----------
    votes : EncodedVotes
        Each item has at least one vote.
    """
    n_labels, n_people = len(votes.labels), len(votes.annotators)
    kinds = _kinds(votes)
    cell = votes.annotator * n_labels + votes.label
    seen = _exposed(votes)
    copyable = seen & (votes.suggestion == votes.label)
    of_item_sum, of_cell_sum = (_summing(places, n) for places, n in ((votes.item, len(votes.items)),
                                                                      (cell, n_people * n_labels)))
    confusion = np.tile(0.8 * np.eye(n_labels) + 0.2 / n_labels, (n_people, 1, 1))
    copying = np.where(np.bincount(votes.annotator, seen, n_people) > 0, 0.2, 0.0)
    shares, before = np.full(len(kinds), 1 / len(kinds)), -np.inf
    for _ in range(N_ROUNDS):
        says = np.einsum("my,jyv->jvm", kinds, confusion).reshape(-1, len(kinds))
        c = np.where(seen, copying[votes.annotator], 0.0)[:, None]
        own = (1 - c) * says[cell]  # probability of a vote that isn't copied: (n_votes, n_kinds)
        whole = own + np.where(copyable[:, None], c, 0.0)
        logs = np.log(shares) + of_item_sum @ np.log(whole)
        top = logs.max(axis=1, keepdims=True)
        of_item = np.exp(logs - top)
        likelihood = float((top[:, 0] + np.log(of_item.sum(axis=1))).sum())
        of_item /= of_item.sum(axis=1, keepdims=True)
        genuine = of_item[votes.item] * own / whole  # not copied, and of each kind
        copied = np.where(copyable, np.clip(1 - genuine.sum(axis=1), 0.0, 1.0), 0.0)
        if likelihood - before < STILL * len(votes):
            break
        before = likelihood
        shares = (of_item.sum(axis=0) + 0.1) / (len(of_item) + 0.1 * len(kinds))
        # A beta prior keeps the rate away from 0 and 1: one copied vote is no habit.
        copying = np.where(copying > 0, (np.bincount(votes.annotator, copied, n_people) + 0.5)
                           / (np.bincount(votes.annotator, seen, n_people) + 2.5), 0.0)
        heard = (of_cell_sum @ genuine / says).reshape(n_people, n_labels, len(kinds))
        confusion = _smoothed(confusion * np.einsum("my,jvm->jyv", kinds, heard))
    return OneSchool(kinds, of_item, confusion, copying, copied)


def grid(label: Ints, votes: EncodedVotes) -> Ints:
    """Labels as a table, -1 where a person gave none; shape (n_items, n_annotators)."""
    table = np.full((len(votes.items), len(votes.annotators)), -1, np.int64)
    table[votes.item, votes.annotator] = label
    return table


def pairs(table: Ints) -> Floats:
    """Number of items to which each two people gave the same label, from a `grid`; 0 on the diagonal."""
    alike = np.zeros((table.shape[1], table.shape[1]))
    for k in range(int(table.max(initial=-1)) + 1):
        of_label = (table == k).astype(np.float64)
        alike += of_label.T @ of_label
    np.fill_diagonal(alike, 0.0)
    return alike


def _summing(places: Ints, n: int) -> csr_matrix:
    """Matrix that adds up the rows of an array by their places."""
    return csr_matrix((np.ones(len(places)), (places, np.arange(len(places)))), shape=(n, len(places)))


def _smoothed(counts: Floats) -> Floats:
    """Confusion matrices, each shrunk towards everybody's, which is shrunk towards the identity."""
    n_labels = counts.shape[1]
    everybody = counts.sum(axis=0) + np.eye(n_labels) + 0.1
    everybody /= everybody.sum(axis=1, keepdims=True)
    own = counts + BORROWED * everybody
    return own / own.sum(axis=2, keepdims=True)


def _kinds(votes: EncodedVotes) -> Floats:
    """Distributions that an item may have: each label, mixes of two that people give to the same items, uniform."""
    n_labels = len(votes.labels)
    counts = votes.counts()
    together = counts.T @ counts
    two = sorted(combinations(range(n_labels), 2), key=lambda pair: -together[pair])[:MAX_PAIRS]
    pure = np.eye(n_labels)
    rows = [*pure, *(share * pure[a] + (1 - share) * pure[b] for a, b in two for share in MIXES)]
    if n_labels > 2:
        rows.append(np.full(n_labels, 1 / n_labels))
    return np.array(rows)


def _exposed(votes: EncodedVotes) -> npt.NDArray[np.bool_]:
    return (votes.shown == SHOWN) & (votes.suggestion >= 0)


def _pick(upto: Floats, rng: np.random.Generator) -> Ints:
    """Draw one place of each row, by its cumulative probabilities."""
    return (rng.random(len(upto))[:, None] * upto[:, -1:] > upto[:, :-1]).sum(axis=1).astype(np.int64)
