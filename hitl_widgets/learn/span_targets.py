"""Training targets of a span tagger: the tag of each token for each label, and its weight.

Each label has its own row of tags, so that spans of different labels may overlap. `targets_of` makes the tags of an
answered text; `decode` turns a net's tag scores into spans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

# Outside, begin, inside, last, and a span of one token (unit).
OUTSIDE, BEGIN, INSIDE, LAST, UNIT = range(5)
N_TAGS = 5
# Which tag may follow which; the beginning and end of a text count as tokens outside.
MAY_FOLLOW = np.zeros((N_TAGS, N_TAGS), bool)
for _before in (OUTSIDE, LAST, UNIT):
    MAY_FOLLOW[_before, [OUTSIDE, BEGIN, UNIT]] = True
for _before in (BEGIN, INSIDE):
    MAY_FOLLOW[_before, [INSIDE, LAST]] = True
# The second pass over a text lowers the score of OUTSIDE by this (in nats), to find what the first just missed.
LENIENT = 3.0
_NEVER = -1e9


@dataclass(frozen=True)
class CorrectedText:
    """A text as somebody corrected it.

    Attributes
    ----------
    text : str
    shapes : sequence of (start, end)
        Each span, in characters.
    labels : sequence of int
        The number of each span's label.
    weights : sequence of float
        The weight of each span.
    ignored : sequence of (start, end)
        Ranges of characters that are neither certainly a span nor background.
    weight : float
        Weight of the text.
    unknown : tuple of int
        Labels about which nothing is known in this text.
    item_id : str or None
        Answers to one text have one item_id, so that they are all used for training, or all for validation.
    """

    text: str
    shapes: Sequence[Sequence[float]]
    labels: Sequence[int]
    weights: Sequence[float]
    ignored: Sequence[Sequence[float]] = ()
    weight: float = 1.0
    unknown: tuple[int, ...] = ()
    item_id: str | None = None


class Targets(NamedTuple):
    """The targets of a text.

    Attributes
    ----------
    tags : ndarray of int64, shape (n_tokens, n_labels)
    weights : ndarray of float32, shape (n_tokens, n_labels)
        0 where nothing is known.
    """

    tags: Ints
    weights: Floats


class FoundSpans(NamedTuple):
    """Spans that a net found in a text, the best first.

    Attributes
    ----------
    tokens : ndarray of int64, shape (n, 2)
        First token, and the one after the last.
    labels : ndarray of int64, shape (n,)
    scores : ndarray of float32, shape (n,)
        The smallest of its tags' probabilities.
    """

    tokens: Ints
    labels: Ints
    scores: Floats


def tokens_of(places: npt.NDArray[np.int32], start: float, end: float) -> tuple[int, int]:
    """The tokens that contain a range of characters: the first, and the one after the last.

    Parameters
    ----------
    places : ndarray of int32, shape (n_tokens, 2)
        [start, end) of each token, ascending.
    start, end : float

    Examples
    --------
    >>> tokens_of(np.array([[0, 3], [4, 8], [8, 9]], np.int32), 5, 9)
    (1, 3)
    """
    return int(np.searchsorted(places[:, 1], start, side="right")), int(np.searchsorted(places[:, 0], end, side="left"))


def targets_of(one: CorrectedText, places: npt.NDArray[np.int32], n_labels: int) -> Targets:
    """Tags of a text's tokens.

    Of overlapping spans of one label, the longest is learnt; a span that cuts a token is extended to the whole token.
    Ignored ranges don't count as background, for any label.

    Parameters
    ----------
    one : CorrectedText
    places : ndarray of int32, shape (n_tokens, 2)
        [start, end) of each token.
    n_labels : int
    """
    tags = np.zeros((len(places), n_labels), np.int64)
    weights = np.full((len(places), n_labels), one.weight, np.float32)
    weights[:, list(one.unknown)] = 0.0
    for start, end in one.ignored:
        first, last = tokens_of(places, start, end)
        weights[first:last] = 0.0
    order = sorted(range(len(one.shapes)), key=lambda row: one.shapes[row][0] - one.shapes[row][1])
    for row in order:
        first, last = tokens_of(places, *one.shapes[row][:2])
        label = one.labels[row]
        if first >= last or tags[first:last, label].any():
            continue
        tags[first:last, label] = INSIDE
        tags[first, label], tags[last - 1, label] = BEGIN, LAST
        if last - first == 1:
            tags[first, label] = UNIT
        weights[first:last, label] = one.weight * one.weights[row]
    return Targets(tags, weights)


def may_overlap(texts: Sequence[CorrectedText], n_labels: int) -> npt.NDArray[np.bool_]:
    """Which pairs of labels have overlapping spans in some text: shape (n_labels, n_labels)."""
    found = np.zeros((n_labels, n_labels), bool)
    for one in texts:
        order = sorted(range(len(one.shapes)), key=lambda row: one.shapes[row][0])
        open_now: list[int] = []
        for row in order:
            open_now = [other for other in open_now if one.shapes[other][1] > one.shapes[row][0]]
            for other in open_now:
                found[one.labels[row], one.labels[other]] = found[one.labels[other], one.labels[row]] = True
            open_now.append(row)
    return found


def viterbi(scores: npt.NDArray[np.float32]) -> Ints:
    """The most probable valid sequences of tags, for many rows of tokens at once.

    Parameters
    ----------
    scores : ndarray of float32, shape (n_rows, n_tokens, 5)
        Log probabilities. Padding tokens have 0 for OUTSIDE and a very low score for the others.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_tokens)

    References
    ----------
    Viterbi (1967), Error bounds for convolutional codes, doi:10.1109/TIT.1967.1054010; Ratinov and Roth (2009), Design
    Challenges and Misconceptions in Named Entity Recognition, for BILOU.
    """
    n_rows, n_tokens, _ = scores.shape
    if not n_tokens:
        return np.zeros((n_rows, 0), np.int64)
    step = np.where(MAY_FOLLOW, 0.0, _NEVER).astype(np.float32)
    best = scores[:, 0] + step[OUTSIDE]
    came_from = np.zeros((n_tokens, n_rows, N_TAGS), np.int8)
    for token in range(1, n_tokens):
        each = best[:, :, None] + step[None]
        came_from[token] = each.argmax(axis=1)
        best = each.max(axis=1) + scores[:, token]
    tags = np.zeros((n_rows, n_tokens), np.int64)
    tags[:, -1] = (best + step[:, OUTSIDE]).argmax(axis=1)
    rows = np.arange(n_rows)
    for token in range(n_tokens - 1, 0, -1):
        tags[:, token - 1] = came_from[token, rows, tags[:, token]]
    return tags


def decode(scores: Sequence[npt.NDArray[np.float32]], together: npt.NDArray[np.bool_], *, least: float = 0.01,
           most: int = 500) -> list[FoundSpans]:
    """Spans of some texts, from the scores of their tokens' tags.

    A text is searched twice: for the most probable tags, and, where these leave room, for spans that would be found if
    tokens outside were less likely. Of two overlapping spans whose labels may not overlap, the better one is kept.

    Parameters
    ----------
    scores : sequence of ndarray of float32, shape (n_tokens, n_labels, 5)
        Log probabilities of the tags, for each text.
    together : ndarray of bool, shape (n_labels, n_labels)
        Which labels may overlap each other.
    least : float
        Spans with a lower score are left out.
    most : int
        Maximum number of spans of a text.
    """
    if not len(scores):
        return []
    n_labels, longest = scores[0].shape[1], max(1, *map(len, scores))
    padded = np.full((len(scores), n_labels, longest, N_TAGS), _NEVER, np.float32)
    padded[..., OUTSIDE] = 0.0
    for row, one in enumerate(scores):
        padded[row, :, :len(one)] = one.transpose(1, 0, 2)
    flat = padded.reshape(len(scores) * n_labels, longest, N_TAGS)
    lenient = flat.copy()
    lenient[..., OUTSIDE] -= LENIENT
    looks = [_spans_of(viterbi(some), flat) for some in (flat, lenient)]
    found = []
    for row in range(len(scores)):
        kept: list[tuple[float, int, int, int]] = []
        for label in range(n_labels):
            first = looks[0].get(row * n_labels + label, [])
            more = [one for one in looks[1].get(row * n_labels + label, [])
                    if not any(one[1] < other[2] and other[1] < one[2] for other in first)]
            kept += [(score, start, end, label) for score, start, end in (*first, *more) if score >= least]
        kept.sort(key=lambda one: (-one[0], one[1]))
        best = _without_rivals(kept, together)[:most]
        found.append(FoundSpans(np.array([one[1:3] for one in best], np.int64).reshape(-1, 2),
                                np.array([one[3] for one in best], np.int64),
                                np.array([one[0] for one in best], np.float32)))
    return found


def _spans_of(tags: Ints, scores: npt.NDArray[np.float32]) -> dict[int, list[tuple[float, int, int]]]:
    """The spans of each row: score, first token, and the one after the last."""
    rows, firsts = np.nonzero((tags == BEGIN) | (tags == UNIT))
    again, lasts = np.nonzero((tags == LAST) | (tags == UNIT))
    assert np.array_equal(rows, again)  # each span that begins also ends, as viterbi makes them
    of_tag = np.exp(np.take_along_axis(scores, tags[..., None], axis=2)[..., 0])
    spans: dict[int, list[tuple[float, int, int]]] = {}
    for row, first, last in zip(rows.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
        spans.setdefault(row, []).append((float(of_tag[row, first:last + 1].min()), first, last + 1))
    return spans


def _without_rivals(spans: Sequence[tuple[float, int, int, int]], together: npt.NDArray[np.bool_]
                    ) -> list[tuple[float, int, int, int]]:
    """Spans, the best first, after non-maximum suppression: labels that may overlap don't suppress each other."""
    if together.all() or len(spans) < 2:
        return list(spans)
    kept: list[tuple[float, int, int, int]] = []
    taken = np.zeros((together.shape[0], max(end for _, _, end, _ in spans)), bool)
    for one in spans:
        _, start, end, label = one
        rivals = ~together[label]
        rivals[label] = False  # spans of one label are decoded without overlap
        if not taken[rivals, start:end].any():
            taken[label, start:end] = True
            kept.append(one)
    return kept
