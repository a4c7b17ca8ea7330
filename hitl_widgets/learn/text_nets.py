"""Nets for texts: an additive one whose contributions are exact, and a small convolutional one.

The input of both is the code points of texts, which they split into tokens like `items.tokens`. `AdditiveTextNet` adds
up the weights of hashed features. Each feature belongs to a token or to two neighbouring tokens, so that a logit is a
bias plus a sum over tokens (`AdditiveTextNet.contributions`). `TextCNN` has embeddings of tokens, from the same
features, and convolutions over them. `features_of` computes the features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
import torch
from torch import Tensor, nn

from ..items.pool import splitmix64
from ..items.tokens import tokens as cut
from .text_views import text_of
from .weights import shapes_in, unset

# Texts are read in batches of up to this many characters: their features take about 100 MB.
AT_ONCE = 200_000
# Hashed features of `AdditiveTextNet`, and rows of the embedding of `TextCNN`.
N_HASHED, N_EMBEDDED = 2**17, 2**14
# Characters in the n-grams of a token, its two ends counting as one each.
SHORTEST, LONGEST = 2, 5
# Kinds of features: n-grams within a token, whole tokens, pairs of neighbours, and shapes (digits, capitals). `COUNTS`
# has the norm of each kind's vector in a text.
N_GRAM, WORD, PAIR, SHAPE = range(4)
COUNTS = (1.0, 1.0, 0.5, 0.5)
# Maximum number of tokens that `TextCNN` reads, from the beginning of a text.
MOST_TOKENS = 2_000
_BEGIN, _END = 0x110000, 0x110001
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class Features(NamedTuple):
    """The hashed features of some texts, one row for each occurrence.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        The text, as a row.
    tokens : ndarray of int, shape (n,)
        The token, counted over all texts; of a pair the first of the two.
    hashes : ndarray of uint64, shape (n,)
        Their first bits are the bucket.
    kinds : ndarray of int8, shape (n,)
        `N_GRAM`, `WORD`, `PAIR` or `SHAPE`.
    spans : list of ndarray
        For each text, the tokens' [start, end) in characters, int32, shape (n_tokens, 2).
    """

    rows: np.ndarray
    tokens: np.ndarray
    hashes: np.ndarray
    kinds: np.ndarray
    spans: list[np.ndarray]

    def buckets(self, n_buckets: int) -> np.ndarray:
        """The bucket of each feature, int64, shape (n,); `n_buckets` is a power of two."""
        return (self.hashes >> np.uint64(64 - n_buckets.bit_length() + 1)).astype(np.int64)


def features_of(texts: Sequence[str]) -> Features:
    """The hashed features of texts. The same text has the same features on every machine.

    Parameters
    ----------
    texts : sequence of str
        Pass few texts at once if they are long: each character has about five features.

    Notes
    -----
    Letters are converted to lower case before hashing, and in pairs of neighbours each digit counts as 0. The shape of
    a token says which of digits, capitals and small letters it has, and how many digits.
    """
    spans = [cut(text) for text in texts]
    n_tokens = np.array([len(each) for each in spans], np.int64)
    text_of = np.repeat(np.arange(len(texts)), n_tokens)
    if not len(text_of):
        nothing = np.zeros(0, np.int64)
        return Features(nothing, nothing, nothing.astype(np.uint64), nothing.astype(np.int8), spans)
    before = np.cumsum([0, *(len(text) for text in texts)])[:-1]
    bounds = np.concatenate(spans).astype(np.int64) + np.repeat(before, n_tokens)[:, None]
    marked = _marked("".join(texts), bounds)
    found = [*_n_grams(marked), *_of_tokens(marked, text_of)]
    of_tokens = np.concatenate([tokens for tokens, _, _ in found])
    return Features(text_of[of_tokens], of_tokens, np.concatenate([hashes for _, hashes, _ in found]),
                    np.concatenate([np.full(len(tokens), kind, np.int8) for tokens, _, kind in found]), spans)


class _Marked(NamedTuple):
    """The characters of tokens, concatenated, with a mark at the beginning and end of each token."""

    token: np.ndarray  # of each character or mark
    place: np.ndarray  # within its token
    lengths: np.ndarray  # of the tokens, with marks
    starts: np.ndarray  # of the tokens
    codes: np.ndarray  # lowered, uint64
    digits: np.ndarray  # bool
    capitals: np.ndarray
    small: np.ndarray


def _marked(text: str, bounds: np.ndarray) -> _Marked:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    kinds, kind_of = np.unique(codes, return_inverse=True)
    letters = [chr(code) for code in kinds.tolist()]
    lowered = np.array([ord(low) if len(low := letter.lower()) == 1 else ord(letter) for letter in letters], np.uint64)
    lengths = bounds[:, 1] - bounds[:, 0] + 2
    starts = np.cumsum(lengths) - lengths
    token = np.repeat(np.arange(len(bounds)), lengths)
    place = np.arange(len(token)) - starts[token]
    inside = (place > 0) & (place < lengths[token] - 1)
    of_letter = kind_of[np.where(inside, bounds[token, 0] + place - 1, 0)]

    def those(name: str) -> np.ndarray:
        return np.array([getattr(letter, name)() for letter in letters], bool)[of_letter] & inside
    marks = np.where(place == 0, np.uint64(_BEGIN), np.uint64(_END))
    return _Marked(token, place, lengths, starts, np.where(inside, lowered[of_letter], marks) + np.uint64(1),
                   those("isdigit"), those("isupper"), those("islower"))


def _n_grams(marked: _Marked) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Tokens and hashes of the n-grams within tokens, one length after the other."""
    left, hashes = marked.lengths[marked.token] - marked.place, marked.codes.copy()
    for n in range(2, min(LONGEST, len(hashes)) + 1):
        hashes = hashes[:-1] * _FACTOR + marked.codes[n - 1:]
        if n >= SHORTEST:
            whole = left[:len(hashes)] >= n
            yield marked.token[:len(hashes)][whole], splitmix64(hashes[whole] + _salt(n)), N_GRAM


def _of_tokens(marked: _Marked, text_of: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Tokens and hashes of whole tokens, of pairs of neighbours, and of shapes."""
    powers = np.full(int(marked.lengths.max()), _FACTOR)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)[marked.place]
    zero = np.uint64(ord("0") + 1)
    exact = np.add.reduceat(marked.codes * powers, marked.starts)
    alike = np.add.reduceat(np.where(marked.digits, zero, marked.codes) * powers, marked.starts)
    yield np.arange(len(exact)), splitmix64(exact + _salt(11)), WORD
    first = np.flatnonzero(text_of[1:] == text_of[:-1])
    yield first, splitmix64(splitmix64(alike[first] + _salt(13)) + alike[first + 1] * np.uint64(3)), PAIR
    digits, capitals, small = (np.add.reduceat(each.astype(np.int64), marked.starts)
                               for each in (marked.digits, marked.capitals, marked.small))
    shape = np.minimum(digits, 15) + 16 * np.minimum(capitals, 2) + 64 * (small > 0) \
        + 128 * (digits == marked.lengths - 2)
    shown = np.flatnonzero((digits > 0) | (capitals > 0))
    yield shown, splitmix64(shape[shown].astype(np.uint64) + _salt(17)), SHAPE


def _salt(number: int) -> np.uint64:
    """The number added to hashes so that features of different kinds differ."""
    return np.uint64(number * int(_FACTOR) % 2**64)


def at_once(texts: Sequence[str]) -> Iterator[list[str]]:
    """Batches of the texts in their order, of a size that suits `features_of`."""
    some: list[str] = []
    n_characters = 0
    for text in texts:
        if some and n_characters + len(text) > AT_ONCE:
            yield some
            some, n_characters = [], 0
        some.append(text)
        n_characters += len(text)
    if some:
        yield some


class Amounts(NamedTuple):
    """The features of some texts with their amounts, one row for each occurrence.

    Attributes
    ----------
    rows, tokens : ndarray of int, shape (n,)
        See `Features`.
    buckets : ndarray of int, shape (n,)
        The bucket of each feature.
    amounts : ndarray of float64, shape (n,)
        Its TF-IDF, see `amounts_of`.
    pairs : ndarray of bool, shape (n,)
        Whether it belongs half to its token and half to the next one.
    spans : list of ndarray
        See `Features`.
    """

    rows: np.ndarray
    tokens: np.ndarray
    buckets: np.ndarray
    amounts: np.ndarray
    pairs: np.ndarray
    spans: list[np.ndarray]


def amounts_of(texts: Sequence[str], rarity: np.ndarray) -> Amounts:
    """The features of texts with their amounts: TF-IDF, normalised for each kind of features.

    Parameters
    ----------
    texts : sequence of str
        See `features_of`.
    rarity : ndarray, shape (n_buckets,)
        Inverse document frequencies.

    Notes
    -----
    A feature that occurs c times counts 1 + log(c) times its rarity, in equal parts for each occurrence. The vector of
    each kind of features of a text is then scaled to its norm in `COUNTS`: a long text counts as much as a short one.
    """
    found = features_of(texts)
    buckets = found.buckets(len(rarity))
    kinds = len(COUNTS) * found.rows + found.kinds
    _, which, times = np.unique(kinds * len(rarity) + buckets, return_inverse=True, return_counts=True)
    counts = times[which]
    each = (1 + np.log(counts)) * rarity[buckets]
    squares = np.bincount(kinds, each ** 2 / counts, minlength=len(COUNTS) * len(texts))
    lengths = np.sqrt(squares)[kinds]
    scale = np.array(COUNTS)[found.kinds] / math.sqrt(sum(count ** 2 for count in COUNTS))
    amounts = each / counts * scale / np.maximum(lengths, 1e-12)
    return Amounts(found.rows, found.tokens, buckets, amounts, found.kinds == PAIR, found.spans)


def rarity_of(texts: Sequence[str], n_buckets: int = N_HASHED) -> np.ndarray:
    """How rare each feature is among texts: the inverse document frequency, float32, shape (n_buckets,).

    Parameters
    ----------
    texts : sequence of str
        For example those of a pool that may be learnt from; no answers are needed.
    n_buckets : int
        Number of hashed features, a power of two.
    """
    counts = np.zeros(n_buckets)
    for some in at_once(texts):
        found = features_of(some)
        keys = np.unique(found.rows * n_buckets + found.buckets(n_buckets))
        counts += np.bincount(keys % n_buckets, minlength=n_buckets)
    rarity: np.ndarray = (np.log((1 + len(texts)) / (1 + counts)) + 1).astype(np.float32)
    return rarity


class AdditiveTextNet(nn.Module):
    """A net whose logits are a bias plus a sum over hashed features, each of which belongs to a token.

    `text_light.fit_text_light` fits it; its weights are 0 before.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    n_buckets : int
        Number of hashed features, a power of two.
    rarity : ndarray of float32, shape (n_buckets,), optional
        As returned by `rarity_of`; equal for all features when None.

    Attributes
    ----------
    last : nn.Linear
        Its weight has a row for each label and a column for each bucket.
    """

    reads_code_points = True
    rarity: Tensor

    def __init__(self, n_labels: int, n_buckets: int = N_HASHED, *, rarity: np.ndarray | None = None) -> None:
        super().__init__()
        self.register_buffer("rarity", torch.ones(n_buckets) if rarity is None else
                             torch.from_numpy(np.array(rarity, np.float32)))
        self.last = unset(nn.Linear, n_buckets, n_labels)  # leaves torch's own generator alone
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    @property
    def n_labels(self) -> int:
        """Number of outputs."""
        return len(self.last.bias)

    def forward(self, views: Tensor) -> Tensor:
        """From views of code points, shape (n, L), -1 after a text's end, to logits, float32, shape (n, n_labels)."""
        texts, weight = [text_of(view) for view in views], self.last.weight
        logits, first = self.last.bias.double().expand(len(texts), -1), 0
        for some in at_once(texts):
            found = self.amounts(some)
            buckets, amounts, rows = (torch.from_numpy(each).to(weight.device)
                                      for each in (found.buckets, found.amounts, first + found.rows))
            logits = logits.index_add(0, rows, weight.T[buckets].double() * amounts[:, None])
            first += len(some)
        return logits.to(weight.dtype)

    def amounts(self, texts: Sequence[str]) -> Amounts:
        """The features of texts with their amounts: see `amounts_of`."""
        return amounts_of(texts, self.rarity.cpu().numpy().astype(np.float64))

    def contributions(self, views: Tensor | Sequence[Tensor]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What each token adds to each label's logit.

        Parameters
        ----------
        views : Tensor of shape (n, L), or sequence of Tensor of shape (L,)
            See `forward`.

        Returns
        -------
        tokens : list of ndarray
            For each text, [start, end) of its tokens in characters: int32, shape (n_tokens, 2).
        values : list of ndarray
            For each text, float64, shape (n_tokens, n_labels). Their sum over the tokens is the logit minus the bias,
            which is the logit of a text without tokens.

        Notes
        -----
        The contribution of a pair of neighbours is split equally. The contributions explain this text as it is: without
        one of its tokens the others would count a little more, since texts of all lengths have the same norm.
        """
        tokens: list[np.ndarray] = []
        values: list[np.ndarray] = []
        weight = self.last.weight.detach().cpu().numpy().astype(np.float64)
        for some in at_once([text_of(view) for view in views]):
            found = self.amounts(some)
            each = weight.T[found.buckets] * (found.amounts * np.where(found.pairs, 0.5, 1.0))[:, None]
            ends = np.cumsum([len(spans) for spans in found.spans])
            sums = np.zeros((int(ends[-1]), self.n_labels))
            for label in range(self.n_labels):
                sums[:, label] = np.bincount(found.tokens, each[:, label], minlength=len(sums)) \
                    + np.bincount(found.tokens[found.pairs] + 1, each[found.pairs, label], minlength=len(sums))
            tokens += found.spans
            values += np.split(sums, ends[:-1])
        return tokens, values


class TokenEmbedding(nn.Module):
    """Embeddings of the tokens of texts: the mean over a token's features of their embeddings.

    Parameters
    ----------
    width : int
        Size of an embedding.
    n_buckets : int
        Number of rows, a power of two; hashed features share them.
    """

    def __init__(self, width: int, n_buckets: int = N_EMBEDDED) -> None:
        super().__init__()
        self.rows = nn.EmbeddingBag(n_buckets, width, mode="mean")
        nn.init.normal_(self.rows.weight, std=1.0)

    def forward(self, views: Tensor) -> Tensor:
        """From views of code points, shape (n, L), to embeddings, shape (n, n_tokens, width): zeros after a text."""
        parts = [self._of(some) for some in at_once([text_of(view) for view in views])]
        longest = max((part.shape[1] for part in parts), default=1)
        return torch.cat([nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts]) if parts \
            else self.rows.weight.new_zeros(0, longest, self.rows.embedding_dim)

    def _of(self, texts: list[str]) -> Tensor:
        found = features_of(texts)
        single = np.flatnonzero(found.kinds != PAIR)
        single = single[np.argsort(found.tokens[single], kind="stable")]
        n_tokens = np.array([len(spans) for spans in found.spans], np.int64)
        device = self.rows.weight.device
        offsets = np.searchsorted(found.tokens[single], np.arange(n_tokens.sum()))
        embedded = self.rows(torch.from_numpy(found.buckets(self.rows.num_embeddings)[single]).to(device),
                             torch.from_numpy(offsets).to(device))
        row = np.repeat(np.arange(len(texts)), n_tokens)
        place = np.arange(len(row)) - np.repeat(np.cumsum(n_tokens) - n_tokens, n_tokens)
        kept = np.flatnonzero(place < MOST_TOKENS)
        longest = max(1, min(MOST_TOKENS, int(n_tokens.max(initial=1))))
        padded = embedded.new_zeros(len(texts), longest, self.rows.embedding_dim)
        return padded.index_put((torch.from_numpy(row[kept]).to(device), torch.from_numpy(place[kept]).to(device)),
                                embedded[torch.from_numpy(kept).to(device)])


class TextCNN(nn.Module):
    """A small net of convolutions over the tokens of a text.

    Parameters
    ----------
    n_labels : int
        Number of outputs.
    width : int
        Size of a token's embedding; convolutions have twice as many channels.
    seed : int
        Seed of the initial weights; torch's own generator is left as it was.

    Attributes
    ----------
    embedding : TokenEmbedding
        Maps code points to embeddings of tokens, shape (n, n_tokens, width).
    """

    reads_code_points = True

    def __init__(self, n_labels: int, *, width: int = 32, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = TokenEmbedding(width)
            self.near = nn.Conv1d(width, 2 * width, 3, padding=1)
            self.far = nn.Conv1d(2 * width, 2 * width, 3, padding=2, dilation=2)
            self.drop = nn.Dropout(0.3)
            self.last = nn.Linear(4 * width, n_labels)

    def forward(self, views: Tensor) -> Tensor:
        """From views of code points, shape (n, L), -1 after a text's end, to logits, shape (n, n_labels)."""
        embedded = self.embedding(views).transpose(1, 2)
        # Counted in the texts, not in the embeddings, which an attribution replaces by zeros.
        n_tokens = torch.tensor([len(spans) for spans in self.token_spans(views)], device=embedded.device)
        there = (torch.arange(embedded.shape[2], device=embedded.device) < n_tokens[:, None])[:, None].to(embedded)
        near = torch.relu(self.near(embedded)) * there
        far = torch.relu(self.far(near)) * there
        pooled = torch.cat([far.amax(dim=2), near.sum(dim=2) / there.sum(dim=2).clamp_min(1)], dim=1)
        logits: Tensor = self.last(self.drop(pooled))
        return logits

    def get_input_embeddings(self) -> nn.Module:
        """The layer whose output is attributed: one row for each token."""
        return self.embedding

    def token_spans(self, views: Tensor | Sequence[Tensor]) -> list[np.ndarray]:
        """[start, end) in characters of the tokens that have an embedding: for each text int32, shape (n_tokens, 2)."""
        return [cut(text_of(view))[:MOST_TOKENS] for view in views]


def is_additive_net(net: nn.Module | None) -> bool:
    """Whether a net is an `AdditiveTextNet`."""
    return isinstance(net, AdditiveTextNet)


def holds_additive_net(path: Path, *, prefix: str = "") -> bool:
    """Whether a file holds the weights of an `AdditiveTextNet`; False for one that can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the weights' names in the file, where the net is a part of another.
    """
    try:
        names = {name.removeprefix(prefix) for name in shapes_in(path) if name.startswith(prefix)}
        return names == {"rarity", "last.weight", "last.bias"}
    except (OSError, safetensors.SafetensorError):
        return False


def unfitted_additive_net(path: Path, *, prefix: str = "") -> AdditiveTextNet:
    """An unfitted `AdditiveTextNet` of the form in a file of weights, to load the weights into.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        See `holds_additive_net`.
    """
    n_labels, n_buckets = shapes_in(path)[f"{prefix}last.weight"]
    return AdditiveTextNet(n_labels, n_buckets).eval()
