"""Marked words of single spans in the training of a `SpanNet`: a loss on how far a span's tags depend on them.

`object_rationales.marked_objects` collects what people marked, and `SpanRationaleLoss` adds it to each step of a
training, as `text_rationales.TextRationaleLoss` does for nets that classify.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from .object_rationales import MarkedObject
from .rationales import SMOOTH, necessity_of, symmetric_kl
from .span_net import EncodedText, SpanNet, encoded, part_of
from .span_targets import BEGIN, INSIDE, LAST, N_TAGS, UNIT, tokens_of

# Weight of wrong words in the loss. With 5, as for texts that are classified, spans had a mean probability of 0.16
# and 0.60 after 60 steps on 40 texts, and with 1 of 0.98 and 0.99 (two seeds).
WEIGHT = 1.0
# Marked spans beside each batch of texts.
AT_ONCE = 8
# Tokens on either side that a marked token can influence: more than the net's convolutions reach.
AROUND = 16
# Maximum number of tokens of other texts from which replacements are drawn.
DONORS = 2_000


class _Example(NamedTuple):
    """The part of a text around a span's marks, with the positions in it of the span's tokens and of the marks."""

    text: EncodedText
    tokens: npt.NDArray[np.int64]
    tags: npt.NDArray[np.int64]
    label: int
    wrong: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]


class SpanRationaleLoss:
    """The loss of marked spans, a few of them in turn at each step of a training.

    Marked words are replaced by words of other texts, drawn anew each time. Where the marks are wrong reasons, the
    probabilities of the tags of the span's words should stay as they are; where they are missing reasons, the
    probabilities of the right tags should fall.

    Parameters
    ----------
    objects : sequence of MarkedObject
        Those without a word in the span, or without a marked word within 16 tokens of it, are ignored.
    donors : sequence of EncodedText
        Texts from which other words are drawn.
    seed : int
        Seed of the order and of the words drawn.
    weight : float
        Weight of wrong words; missing ones have weight 1.
    """

    def __init__(self, objects: Sequence[MarkedObject], donors: Sequence[EncodedText], *, seed: int,
                 weight: float = WEIGHT) -> None:
        self._examples = [made for one in objects if (made := _example_of(one)) is not None]
        self._weight, self._rng, self._waiting = weight, np.random.default_rng(seed + 1), list[int]()
        avoided = {int(one.text.words[place]) for one in self._examples for place in [*one.wrong, *one.missing]}
        words = [(grams, int(word)) for text in (donors if self._examples else ())
                 for grams, word in zip(text.grams, text.words, strict=True) if int(word) not in avoided]
        self._donors = [words[place] for place in self._rng.permutation(len(words))[:DONORS]]

    def __len__(self) -> int:
        return len(self._examples) if self._donors else 0

    def __call__(self, net: SpanNet) -> Tensor:
        """The loss of the next few spans."""
        n, total = min(AT_ONCE, len(self)), torch.zeros(())
        while len(self._waiting) < n:
            self._waiting += self._rng.permutation(len(self._examples)).tolist()
        some, self._waiting = [self._examples[row] for row in self._waiting[:n]], self._waiting[n:]
        for side in ("wrong", "missing"):
            those = [one for one in some if len(getattr(one, side))]
            if those:
                logits = net.of([*(one.text for one in those), *(self._without(one, getattr(one, side))
                                                                 for one in those)])
                of_side = _wrong_loss(logits, those) * self._weight if side == "wrong" else _missing_loss(logits, those)
                total = total + len(those) / n * of_side
        return total

    def _without(self, one: _Example, places: npt.NDArray[np.int64]) -> EncodedText:
        """A text whose tokens at some places are replaced."""
        grams, words = list(one.text.grams), one.text.words.copy()
        for place, donor in zip(places.tolist(), self._rng.integers(len(self._donors), size=len(places)), strict=True):
            grams[place], words[place] = self._donors[donor]
        return EncodedText(one.text.places, grams, words)


def _tags_of(logits: Tensor, some: Sequence[_Example]) -> Tensor:
    """Log-probabilities of the tags of the spans' tokens: first as the texts are, then without the marked words."""
    each = [logits[place + shift, one.tokens, one.label] for shift in (0, len(some)) for place, one in enumerate(some)]
    return functional.log_softmax(torch.cat(each).view(-1, N_TAGS), dim=-1)


def _wrong_loss(logits: Tensor, some: Sequence[_Example]) -> Tensor:
    logs, others = _tags_of(logits, some).chunk(2)
    return ((symmetric_kl(logs, others) + SMOOTH**2).sqrt() - SMOOTH).mean()


def _missing_loss(logits: Tensor, some: Sequence[_Example]) -> Tensor:
    return necessity_of(_tags_of(logits, some), torch.from_numpy(np.concatenate([one.tags for one in some])))


def _example_of(one: MarkedObject) -> _Example | None:
    """Convert a marked span for the loss; None if it contains no word, or no marked word is near enough."""
    text = encoded(one.image)
    first, last = tokens_of(text.places, int(one.at[0]), int(one.at[1]))
    wrong, missing = (marked[(marked >= first - AROUND) & (marked < last + AROUND)] for marked in
                      (_marked(text, mask) for mask in (one.wrong, one.missing)))
    marked = np.concatenate([wrong, missing])
    if first >= last or not len(marked):
        return None
    # Of a long span, the tokens that a mark may influence; and all tokens that influence these.
    own = np.arange(max(first, int(marked.min()) - AROUND), min(last, int(marked.max()) + 1 + AROUND))
    begin = max(0, int(own[0]) - AROUND)
    tags = np.full(last - first, INSIDE, np.int64)
    tags[0], tags[-1] = (BEGIN, LAST) if len(tags) > 1 else (UNIT, UNIT)
    return _Example(part_of(text, begin, int(own[-1]) + 1 + AROUND), own - begin, tags[own - first], one.label,
                    wrong - begin, missing - begin)


def _marked(text: EncodedText, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.int64]:
    """The tokens with at least one marked character."""
    if mask is None or not len(text.places):
        return np.zeros(0, np.int64)
    before = np.concatenate([[0], np.cumsum(mask.ravel())])
    return np.flatnonzero(before[text.places[:, 1]] > before[text.places[:, 0]])
