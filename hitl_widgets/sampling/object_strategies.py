"""Strategies for images with objects: by doubt about proposals, disagreement of people, and corrections.

They return a score for each image; images with larger scores are asked earlier. Read `doubt_of` first; `strategies`
lists them by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from .diversity import Embeddings, diverse_spread
from .uncertainty import Scores

# Number of most similar answered images that predict how much will be corrected, and the weight of the mean of all.
NEIGHBOURS, PRIOR = 10, 1.0


class OfObjects(Protocol):
    """Scores of a pool's images from their objects; each method has the positions of images as argument.

    A score is NaN if nothing is known about an image. A method returns None if there are no scores at all.
    """

    def state(self, *, of_answers: bool) -> object:
        """A value that changes when scores change; with `of_answers`, when scores that depend on answers change."""

    @property
    def has_model(self) -> bool:
        """Whether a model proposes objects."""

    def doubt(self, positions: np.ndarray) -> Scores | None:
        """How doubtful the proposals of each image are: see `doubt_of`."""

    def contested(self, positions: np.ndarray) -> Scores | None:
        """How far the answers to each image disagree, from 0 to 1."""

    def corrected(self, positions: np.ndarray) -> Scores | None:
        """How much of the proposals of each answered image was corrected, from 0 to 1."""


def doubt_of(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> float:
    """Doubt about the proposals of an image: the sum over proposals that are shown, or nearly.

    A proposal's score is transformed so that its threshold is at 1/2; its doubt is 1 at the threshold, and 0 where the
    score is 0 or 1. Those below half of the threshold aren't counted: most of them are noise.

    Parameters
    ----------
    scores, thresholds : array_like of float, shape (n_proposals,)
        Score of each proposal, and the threshold of its label.

    Returns
    -------
    float
        0 or more.

    References
    ----------
    Brust, Kaeding and Denzler (2019), Active Learning for Deep Object Detection, doi:10.5220/0007248601810190, who
    compare the sum over objects with their mean and maximum, and find the sum best.

    Examples
    --------
    >>> round(doubt_of([0.3, 0.9, 0.1], [0.3, 0.3, 0.3]), 3)
    1.091
    """
    score, at = np.asarray(scores, np.float64), np.asarray(thresholds, np.float64)
    if score.shape != at.shape or score.ndim != 1:
        raise ShapeError(f"scores have shape {score.shape} and thresholds {at.shape}; one of each for every proposal "
                         "is expected.")
    on, off = score * (1 - at), (1 - score) * at
    total = on + off
    moved = np.divide(on, total, out=np.ones_like(total), where=total > 0)
    return float((1 - np.abs(2 * moved - 1))[score >= at / 2].sum())


def doubt(doubt: Scores) -> Scores:
    """Scores that put the images whose objects are least certain first: see `doubt_of`."""
    return np.array(doubt, np.float32)


def diverse_doubt(doubt: Scores, embeddings: Embeddings | None = None, *, n: int,
                  rng: np.random.Generator | None = None) -> Scores:
    """Choose n images whose objects are least certain, and which differ from each other; see `diverse_margin`."""
    return diverse_spread(doubt, embeddings, n=n, rng=rng)


def contested(contested: Scores) -> Scores:
    """Scores by which those images come first on whose objects people, or people and model, disagree most."""
    return np.array(contested, np.float32)


def most_corrected(embeddings: Embeddings, labelled: Embeddings, corrected: Scores) -> Scores:
    """Scores by which those images come first that are similar to images whose proposals were corrected most.

    Parameters
    ----------
    embeddings : ndarray, shape (n_items, n_features)
        Embeddings of the open images; a row with NaN isn't known.
    labelled : ndarray, shape (n_labelled, n_features)
        Embeddings of the answered ones.
    corrected : ndarray, shape (n_labelled,)
        Share of each answered image's proposals that was corrected; NaN if none was shown.

    Returns
    -------
    ndarray of float32, shape (n_items,)
        Mean over the answered images that look most alike, nearer ones counting more, shrunk towards the mean of all;
        NaN where an image isn't known, and everywhere while nothing was corrected.

    Examples
    --------
    >>> most_corrected(np.array([[0.0], [9.0]]), np.array([[0.0], [9.0]]), np.array([0.8, 0.0])).argmax().item()
    0
    """
    rows, known, parts = (np.asarray(some, np.float64) for some in (embeddings, labelled, corrected))
    if len(known) != len(parts):
        raise ShapeError(f"there are {len(known)} rows of answered images and {len(parts)} parts; one of each is "
                         "expected.")
    usable = ~np.isnan(parts) & ~np.isnan(known).any(axis=1)
    known, parts = known[usable], parts[usable]
    scores = np.full(len(rows), np.nan, np.float32)
    there = np.flatnonzero(~np.isnan(rows).any(axis=1))
    if not len(parts) or not len(there):
        return scores
    squares = ((rows[there] ** 2).sum(axis=1)[:, None] + (known ** 2).sum(axis=1) - 2 * rows[there] @ known.T).clip(0)
    k = min(NEIGHBOURS, len(parts))
    nearest = np.argpartition(squares, k - 1, axis=1)[:, :k]
    apart = np.take_along_axis(squares, nearest, axis=1)
    usual = float(np.median(apart)) or 1.0
    weight = np.exp(-apart / usual)
    scores[there] = ((weight * parts[nearest]).sum(axis=1) + PRIOR * parts.mean()) / (weight.sum(axis=1) + PRIOR)
    return scores


def apart(answers: Sequence[Sequence[float]]) -> float:
    """How far the answers to an image disagree: 1 minus the mean share of objects that two of them have in common.

    Parameters
    ----------
    answers : sequence of sequence of float
        For each pair of answers: how many objects they have in common, and how many each has.

    Returns
    -------
    float
        From 0 to 1; NaN without a pair.

    Examples
    --------
    >>> apart([(3, 4, 4), (0, 0, 0)])
    0.125
    """
    if not len(answers):
        return float("nan")
    return 1 - float(np.mean([2 * both / (a + b) if a + b else 1.0 for both, a, b in answers]))
