"""A small net that tags the tokens of texts: hashed character n-grams, then dilated convolutions over tokens.

`SpanNet` is the net, `encoded` makes its input from a text, `find_spans` returns the spans that it finds.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..items.tokens import tokens
from .span_targets import N_TAGS, OUTSIDE, FoundSpans, decode

# Rows of the embedding tables of n-grams and of words, their columns, and the width of the convolutions.
N_GRAMS, N_WORDS, COLUMNS, WIDTH = 1 << 13, 1 << 12, 32, 64
DILATIONS = (1, 2, 4)
# Tokens that the net reads at a time, and the context tokens on either side.
AT_A_TIME, BESIDE = 2_048, 16
# Tokens whose tags are decoded together, padding included.
DECODED = 16_384
# Characters of a text that are searched, from its beginning.
MOST_READ = 200_000
APOSTROPHES = "'\u2019"
# A token of more characters is read from its beginning and its end.
LONGEST = 24
# Added to the initial bias of the tag OUTSIDE, since most tokens are outside.
FIRST_OUTSIDE = 3.0
_REMEMBERED = 50_000


class EncodedText(NamedTuple):
    """A text in the form of the net's input.

    Attributes
    ----------
    places : ndarray of int32, shape (n_tokens, 2)
        [start, end) of each token, in characters.
    grams : list of ndarray of int64
        Numbers of each token's n-grams.
    words : ndarray of int64, shape (n_tokens,)
        Number of each token as a word in lower case.
    """

    places: npt.NDArray[np.int32]
    grams: list[npt.NDArray[np.int64]]
    words: npt.NDArray[np.int64]


_known: OrderedDict[str, tuple[npt.NDArray[np.int64], int]] = OrderedDict()


def encoded(text: str) -> EncodedText:
    """The tokens of a text's first `MOST_READ` characters, with the numbers of their n-grams.

    A number depends on the token's characters alone, and on whether a line begins with it.

    Examples
    --------
    >>> encoded("To Rome").places.tolist()
    [[0, 2], [3, 7]]
    """
    text = text[:MOST_READ]
    places = pieces(text)
    each = [_numbers(text[start:end], begins=start == 0 or text[start - 1] == "\n")
            for start, end in places.tolist()]
    return EncodedText(places, [grams for grams, _ in each], np.array([word for _, word in each], np.int64))


def pieces(text: str) -> npt.NDArray[np.int32]:
    """The tokens of a text, cut before an apostrophe: in "Ada's trip" a span may end after "Ada".

    Examples
    --------
    >>> pieces("Ada's trip").tolist()
    [[0, 3], [3, 5], [6, 10]]
    """
    places = tokens(text)
    if not any(mark in text for mark in APOSTROPHES):
        return places
    cuts = [at for at, one in enumerate(text) if one in APOSTROPHES]
    inside = [at for at, row in zip(cuts, np.searchsorted(places[:, 0], cuts, side="left") - 1, strict=True)
              if row >= 0 and at < places[row, 1]]
    return np.column_stack([np.sort([*places[:, 0].tolist(), *inside]),
                            np.sort([*places[:, 1].tolist(), *inside])]).astype(np.int32)


def _numbers(token: str, *, begins: bool) -> tuple[npt.NDArray[np.int64], int]:
    key = f"\n{token}" if begins else token
    found = _known.get(key)
    if found is None:
        found = _hashed(token, begins=begins)
        while len(_known) >= _REMEMBERED:
            _known.popitem(last=False)
        _known[key] = found
    return found


def _hashed(token: str, *, begins: bool) -> tuple[npt.NDArray[np.int64], int]:
    short = token if len(token) <= LONGEST else token[:LONGEST // 2] + token[-LONGEST // 2:]
    small = f"<{short.lower()}>"
    grams = [small[at:at + n] for n in (2, 3, 4) for at in range(len(small) - n + 1)]
    shape = "".join("X" if one.isupper() else "x" if one.isalpha() else "0" if one.isdigit() else one for one in short)
    brief = "".join(one for place, one in enumerate(shape) if not place or one != shape[place - 1])
    grams += [f"shape {brief}", f"shape {shape[:2]} {shape[-2:]}", *(["begins"] if begins else [])]
    return np.array([_hash(gram) % N_GRAMS for gram in grams], np.int64), _hash(small) % N_WORDS


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


class SpanNet(nn.Module):
    """A tagger with some 440,000 weights, most of them in its tables of n-grams and words.

    Parameters
    ----------
    n_labels : int
    width : int
        Channels of its convolutions.
    """

    together: Tensor

    def __init__(self, n_labels: int, *, width: int = WIDTH) -> None:
        super().__init__()
        self.n_labels = n_labels
        self.grams = nn.EmbeddingBag(N_GRAMS, COLUMNS, mode="mean")
        self.words = nn.Embedding(N_WORDS, COLUMNS)
        self.first = nn.Linear(2 * COLUMNS, width)
        self.convolutions = nn.ModuleList([nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
                                           for dilation in DILATIONS])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in DILATIONS])
        self.tags = nn.Linear(width, n_labels * N_TAGS)
        # Pairs of labels whose spans may overlap; of two other spans that overlap, the better one is kept.
        self.register_buffer("together", torch.ones(n_labels, n_labels, dtype=torch.bool))
        for table in (self.grams, self.words):
            nn.init.normal_(table.weight, std=0.3)
        with torch.no_grad():
            self.tags.bias.view(n_labels, N_TAGS)[:, OUTSIDE] += FIRST_OUTSIDE

    def forward(self, grams: Tensor, offsets: Tensor, words: Tensor, lengths: Sequence[int], drop: float = 0.0
                ) -> Tensor:
        """Logits of the tags of some texts' tokens.

        Parameters
        ----------
        grams : Tensor of int64, shape (n_grams,)
            Numbers of the n-grams of all tokens of all texts, concatenated.
        offsets, words : Tensor of int64, shape (n_tokens,)
            Where each token's n-grams begin, and its number as a word.
        lengths : sequence of int
            Tokens of each text.
        drop : float
            Share of the words that are hidden in training; a third as many tokens are hidden as a whole.

        Returns
        -------
        Tensor, shape (n_texts, longest, n_labels, 5)
        """
        of_grams, of_words = self.grams(grams, offsets), self.words(words)
        if drop:
            of_words = of_words * (torch.rand(len(words), 1) >= drop)
            seen = (torch.rand(len(words), 1) >= drop / 3).float()
            of_grams, of_words = of_grams * seen, of_words * seen
        flat = functional.gelu(self.first(torch.cat([of_grams, of_words], dim=1)))
        flat = functional.dropout(flat, 0.2, bool(drop))
        rows = torch.nn.utils.rnn.pad_sequence(list(flat.split(list(lengths))), batch_first=True)
        there = (torch.arange(rows.shape[1])[None] < torch.tensor(list(lengths))[:, None])[..., None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            # Padding stays 0, so that a text's tags don't depend on the others of its batch.
            found = functional.gelu(convolution((rows * there).transpose(1, 2)).transpose(1, 2))
            rows = norm(rows + functional.dropout(found, 0.2, bool(drop)))
        return self.tags(rows).view(len(rows), -1, self.n_labels, N_TAGS)

    def of(self, texts: Sequence[EncodedText], drop: float = 0.0) -> Tensor:
        """Logits of the tags of some texts, each with one token or more: see `forward`."""
        grams = [gram for one in texts for gram in one.grams]
        sizes = np.array([len(gram) for gram in grams], np.int64)
        offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64))
        return self(torch.from_numpy(np.concatenate(grams)), offsets,
                    torch.from_numpy(np.concatenate([one.words for one in texts])), [len(one.words) for one in texts],
                    drop)


def part_of(text: EncodedText, first: int, last: int) -> EncodedText:
    """The tokens of a text from `first` up to, but not including, `last`."""
    return EncodedText(text.places[first:last], text.grams[first:last], text.words[first:last])


@torch.no_grad()
def tag_scores(net: SpanNet, texts: Sequence[EncodedText]) -> list[npt.NDArray[np.float32]]:
    """Log probabilities of the tags of some texts' tokens: float32, shape (n_tokens, n_labels, 5) each."""
    parts: list[tuple[int, int, int, EncodedText]] = []  # text, tokens before the part, tokens of the part, with beside
    for row, one in enumerate(texts):
        for start in range(0, len(one.words), AT_A_TIME):
            first, end = max(0, start - BESIDE), min(len(one.words), start + AT_A_TIME)
            parts.append((row, start - first, end - start, part_of(one, first, end + BESIDE)))
    found: list[list[npt.NDArray[np.float32]]] = [[] for _ in texts]
    for batch in _batches(parts):
        scores = functional.log_softmax(net.of([one for _, _, _, one in batch]), dim=-1).numpy()
        for (row, before, n, _), of_part in zip(batch, scores, strict=True):
            found[row].append(of_part[before:before + n])
    empty = np.zeros((0, net.n_labels, N_TAGS), np.float32)
    return [np.concatenate(of_text) if of_text else empty for of_text in found]


def _batches(parts: Sequence[tuple[int, int, int, EncodedText]]) -> list[list[tuple[int, int, int, EncodedText]]]:
    batches: list[list[tuple[int, int, int, EncodedText]]] = []
    longest = 0
    for part in parts:
        longest = max(longest, len(part[3].words))
        if not batches or longest * (len(batches[-1]) + 1) > 2 * AT_A_TIME:
            batches.append([])
            longest = len(part[3].words)
        batches[-1].append(part)
    return batches


def find_spans(net: SpanNet, texts: Sequence[EncodedText]) -> list[FoundSpans]:
    """The spans that a net finds in some texts, the best first."""
    together, found = net.together.numpy(), dict[int, FoundSpans]()
    order = sorted(range(len(texts)), key=lambda row: len(texts[row].words))
    while order:  # texts of similar lengths together
        n = 1
        while n < len(order) and (n + 1) * (1 + len(texts[order[n]].words)) <= DECODED:
            n += 1
        some, order = order[:n], order[n:]
        scores = tag_scores(net, [texts[row] for row in some])
        found |= dict(zip(some, decode(scores, together), strict=True))
    return [found[row] for row in range(len(texts))]
