"""Features of texts: hashed words and character n-grams, reduced to components; and the words that distinguish groups.

`hashed` counts words and character n-grams by feature hashing, without a vocabulary. `TextFeatures` reduces their
weighted counts to dense rows, by which texts are compared: for typical items, near-duplicates and clusters.
`distinctive_words` describes what a cluster is about.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..errors import BadInput, ItemError
from .pool import Pool
from .tokens import tokens

# Maximum number of characters: of longer texts only the beginning is used.
MOST = 20_000
# Lengths of character n-grams, including the blanks around a word; scripts without blanks have bigrams.
LENGTHS = (3, 4, 5)
# Number of hash buckets for n-grams and words. Among 300,000 features, harmful collisions are rare.
N_BUCKETS = 2**18
# Numbers of buckets and of texts to which components are fitted, of components, and of columns of the sketch.
N_KEPT, N_FITTED, N_TEXT_COMPONENTS, N_SKETCH = 8_192, 4_000, 96, 32
# Length of the sketch, as a fraction of the components' length.
OF_SKETCH = 0.2
# Minimum number of standard errors of a distinctive word.
LEAST_APART = 1.3
# Number of characters that are hashed at once, each of which takes 100 bytes.
CHARACTERS_AT_ONCE = 500_000
# First code point of ideographs and other scripts without blanks between words.
_WITHOUT_BLANKS = 0x2e80
_MULTIPLIER, _MIX = np.uint64(0x9e3779b97f4a7c15), np.uint64(0xff51afd7ed558ccd)


def hashed(texts: Sequence[str]) -> sparse.csr_matrix:
    """Counts of each word and each character n-gram of words in each text, by feature hashing.

    Case and amounts of white space make no difference.

    Parameters
    ----------
    texts : sequence of str
        Of each the first 20,000 characters count.

    Returns
    -------
    csr_matrix of float32, shape (n_texts, 262,144)
        The same text has the same row on every machine.

    References
    ----------
    Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning, arXiv:0902.2206.
    """
    parts = [_hashed(some) for some in _batches([" ".join(text[:MOST].casefold().split()) for text in texts])]
    empty = sparse.csr_matrix((0, N_BUCKETS), dtype=np.float32)
    return sparse.vstack([empty, *parts], format="csr")


def _batches(texts: list[str]) -> Iterator[list[str]]:
    ends = np.cumsum([len(text) + 2 for text in texts])
    n_characters = ends[-1] if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(CHARACTERS_AT_ONCE, n_characters, CHARACTERS_AT_ONCE)).tolist()
    for start, end in pairwise(sorted({0, *cuts, len(texts)})):
        yield texts[start:end]


def _hashed(texts: list[str]) -> sparse.csr_matrix:
    codes, text_of = _codes(texts)
    blank = codes == 32
    # Blanks before each place: an n-gram has none inside, and doesn't cross the end of its text.
    before = np.concatenate([[0], np.cumsum(blank)])
    rows, hashes, piece = [], [], codes
    for length in range(2, max(LENGTHS) + 1):
        piece = piece[:-1] * _MULTIPLIER + codes[length - 1:]
        starts = np.arange(len(piece))
        usable = before[starts + length - 1] == before[starts + 1] if length in LENGTHS else \
            (codes[:-1] >= _WITHOUT_BLANKS) & (codes[1:] >= _WITHOUT_BLANKS)
        rows.append(text_of[:len(piece)][usable])
        hashes.append(piece[usable] + np.uint64(length))
    of_words, words = _words(codes, text_of)
    bucket = _bucket(np.concatenate([*hashes, words]))
    row = np.concatenate([*rows, of_words])
    counts = sparse.coo_matrix((np.ones(len(row), np.float32), (row, bucket)), shape=(len(texts), N_BUCKETS))
    return counts.tocsr()


def word_hashes(texts: Sequence[str], *, digits: bool = True) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The words of some texts in order: the index of each word's text, and a hash that equal words share.

    A word is a run of letters, or of letters and digits; what isn't ASCII counts as letters, but for a few signs. Upper
    and lower case make no difference.

    Parameters
    ----------
    texts : sequence of str
        Of each the first 20,000 characters count.
    digits : bool
        Whether digits belong to words.
    """
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]] = []
    start = 0
    for some in _batches([text[:MOST].casefold() for text in texts]):
        codes, text_of = _codes(some)
        of_words, words = _words(codes, text_of, digits=digits)
        found.append((of_words + start, words))
        start += len(some)
    return (np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in found)]),
            np.concatenate([np.empty(0, np.uint64), *(words for _, words in found)]))


def _codes(texts: list[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The code points of texts with a blank at either end, and the text of each."""
    codes = np.frombuffer("".join(f" {text} " for text in texts).encode("utf-32-le", "surrogatepass"), "<u4")
    return codes.astype(np.uint64), np.repeat(np.arange(len(texts)), [len(text) + 2 for text in texts])


def _words(codes: npt.NDArray[np.uint64], text_of: npt.NDArray[np.int64], *, digits: bool = True
           ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
    """The text and the hash of each word, as `word_hashes` says."""
    letter = codes >= 128
    for start, end in _SIGNS:
        letter &= (codes < start) | (codes >= end)
    small = np.minimum(codes, 127).astype(np.int64)
    letter |= (codes < 128) & (_ASCII if digits else _ASCII_LETTERS)[small]
    edges = np.flatnonzero(np.diff(letter.astype(np.int8), prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    # Differences of cumulative sums of letters times powers, in 64 bits, which may overflow.
    powers = np.cumprod(np.full(len(codes) + 1, _MULTIPLIER, np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(codes * powers[:-1], dtype=np.uint64)])
    return text_of[starts], (sums[ends] - sums[starts]) * _inverse_powers(len(codes))[starts] + np.uint64(1)


def _inverse_powers(n: int) -> npt.NDArray[np.uint64]:
    inverse = np.uint64(pow(int(_MULTIPLIER), -1, 2**64))
    return np.concatenate([np.ones(1, np.uint64), np.cumprod(np.full(n, inverse, np.uint64))])


# Beyond ASCII, signs that stand between words: general punctuation, that of ideographs, and both in full width.
_SIGNS = ((0xa0, 0xa1), (0x2000, 0x2070), (0x3000, 0x3020), (0xff00, 0xff10))
_ASCII = np.array([chr(code).isalnum() for code in range(128)])
_ASCII_LETTERS = np.array([chr(code).isalpha() for code in range(128)])


def _bucket(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * _MIX
    return (mixed >> np.uint64(64 - int(math.log2(N_BUCKETS)))).astype(np.int64)


@dataclass(frozen=True)
class TextFeatures:
    """Dense rows of texts: components of weighted counts (latent semantic analysis), and a count sketch of all counts.

    Texts that share words are near each other. The sketch separates texts that the components describe poorly.

    Attributes
    ----------
    buckets : ndarray of int32, shape (n_kept,)
        The buckets that the components were fitted to, ascending.
    weights : ndarray of float32, shape (n_kept,)
        The weight of each bucket: the rarer, the larger.
    axes : ndarray of float32, shape (n_kept, n_components)
        The axes of the components.
    rare : float
        The weight of every other bucket.

    References
    ----------
    Deerwester et al. (1990), Indexing by Latent Semantic Analysis; Charikar, Chen, Farach-Colton (2004), Finding
    frequent items in data streams (the sketch).
    """

    buckets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    rare: float

    @property
    def n_features(self) -> int:
        """Width of a row."""
        return self.axes.shape[1] + N_SKETCH

    def of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Rows of texts: float32, shape (n_texts, n_features); zeros for one without a word or sign."""
        counts = hashed(texts)
        weights = np.full(N_BUCKETS, self.rare, np.float32)
        weights[self.buckets] = self.weights
        weighted = _weighted(counts, weights)
        rows = np.concatenate([_to_length(weighted[:, self.buckets] @ self.axes),
                               OF_SKETCH * (weighted @ _sketch()).toarray()], axis=1)
        return np.asarray(rows, np.float32)


def fit_text_features(texts: Sequence[str], *, seed: int = 0) -> TextFeatures:
    """Fit features to some texts; no label is needed.

    Parameters
    ----------
    texts : sequence of str
        If there are more than 4,000, the first 4,000 are used.
    seed : int
        Seed of the decomposition.

    Raises
    ------
    BadInput
        Without any text.

    References
    ----------
    Halko, Martinsson, Tropp (2011), Finding structure with randomness, doi:10.1137/090771806.
    """
    from sklearn.utils.extmath import randomized_svd
    if not len(texts):
        raise BadInput("no text was given to fit features to; one or more are expected.")
    counts = hashed(texts[:N_FITTED])
    n_with = np.bincount(counts.indices, minlength=N_BUCKETS)
    weights = (np.log((1 + counts.shape[0]) / (1 + n_with)) + 1).astype(np.float32)
    # A feature of a single text says nothing about similarities.
    shared = np.flatnonzero(n_with >= min(2, counts.shape[0]))
    kept = np.sort(shared[np.argsort(-n_with[shared], kind="stable")[:N_KEPT]])
    weighted = _weighted(counts, weights)[:, kept]
    axes = np.zeros((len(kept), N_TEXT_COMPONENTS), np.float32)
    if n := min(N_TEXT_COMPONENTS, *weighted.shape):
        _, _, axes_found = randomized_svd(weighted, n, n_iter=2, random_state=seed)
        axes[:, :n] = axes_found.T
    return TextFeatures(kept.astype(np.int32), weights[kept], axes, float(weights.max()))


def readable_texts(pool: Pool, positions: Iterable[int]) -> list[str | None]:
    """The beginnings of texts of a pool that features are made of; None for one that can't be read."""
    texts: list[str | None] = []
    for position in positions:
        try:
            texts.append(pool.load(int(position))[:MOST])
        except ItemError:
            texts.append(None)
    return texts


def text_features(texts: Sequence[str | None], *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows of texts in memory, by features that are fitted to them: float32; NaN where there is None.

    Examples
    --------
    >>> rows = text_features(["see you at six", "See you at SIX!", "win a prize now", None])
    >>> bool(np.linalg.norm(rows[0] - rows[1]) < np.linalg.norm(rows[0] - rows[2]))
    True
    """
    readable = [text for text in texts if text is not None]
    fitted = fit_text_features(readable, seed=seed) if readable else None
    rows = np.full((len(texts), 0 if fitted is None else fitted.n_features), np.nan, np.float32)
    if fitted is not None:
        rows[[text is not None for text in texts]] = fitted.of(readable)
    return rows


def distinctive_words(groups: Sequence[Sequence[str]], *, n: int = 5, beside: Sequence[str] = ()) -> list[list[str]]:
    """The words that distinguish each group of texts from all others, the most distinctive first.

    A word counts once in a text, in lower case; single letters don't count. Words are compared by their log-odds in the
    group and elsewhere, divided by their standard error, with all texts as the prior. A word is named where more of the
    group's texts have it than chance explains (1.3 standard errors), and two at least where the group has two or more.

    Parameters
    ----------
    groups : sequence of sequences of str
        The texts of each group.
    n : int
        Maximum number of words for each group.
    beside : sequence of str
        Texts outside the groups, to compare with.

    Returns
    -------
    list of lists of str
        The words of each group, in the order of the groups; empty if it has no distinctive words.

    References
    ----------
    Monroe, Colaresi and Quinn (2008), Fightin' Words, doi:10.1093/pan/mpn018.

    Examples
    --------
    >>> distinctive_words([["The bus was late", "No bus at all"], ["The soup was cold", "Cold soup, again"]], n=2)
    [['bus'], ['cold', 'soup']]
    """
    counts = [_text_counts(group) for group in groups]
    every = sum(counts, _text_counts(beside))
    sizes = [len(group) for group in groups]
    n_texts = sum(sizes) + len(beside)
    return [_apart(of_group, size, every, n_texts, n) for of_group, size in zip(counts, sizes, strict=True)]


def _text_counts(texts: Sequence[str]) -> Counter[str]:
    """In how many of the texts each word is."""
    found: Counter[str] = Counter()
    for text in texts:
        begun = text[:MOST].casefold()
        found.update({word for start, end in tokens(begun).tolist()
                      if (word := begun[start:end])[0].isalpha() and (len(word) > 1 or word >= "\u2e80")})
    return found


def _apart(of_group: Counter[str], size: int, every: Counter[str], n_texts: int, n: int) -> list[str]:
    scores: dict[str, float] = {}
    for word, count in of_group.items():
        elsewhere, share = every[word] - count, (every[word] + 1) / (n_texts + 2)
        if count < min(2, size) or n_texts == size:
            continue
        # A prior worth one text on each side, by the share of texts that have the word anywhere.
        on, off = count + share, size - count + 1 - share
        others_on, others_off = elsewhere + share, n_texts - size - elsewhere + 1 - share
        error = math.sqrt(1 / on + 1 / off + 1 / others_on + 1 / others_off)
        scores[word] = (math.log(on / off) - math.log(others_on / others_off)) / error
    best = sorted((word for word, score in scores.items() if score > LEAST_APART),
                  key=lambda word: (-scores[word], word))
    return best[:n]


def _weighted(counts: sparse.csr_matrix, weights: npt.NDArray[np.float32]) -> sparse.csr_matrix:
    """Rows of length 1, with logarithmic counts and larger weights for rare buckets."""
    found = counts.copy()
    found.data = (1 + np.log(found.data)) * weights[found.indices]
    lengths = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    found.data /= np.maximum(np.repeat(lengths, np.diff(found.indptr)), 1e-12).astype(np.float32)
    return found


def _to_length(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of length 1; rows near zero are shorter."""
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 0.05), np.float32)


@cache
def _sketch() -> sparse.csr_matrix:
    """The matrix from buckets to columns of the sketch: each bucket has one column, with a sign."""
    mixed = (np.arange(N_BUCKETS, dtype=np.uint64) + np.uint64(1)) * _MULTIPLIER
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX
    column, sign = (mixed >> np.uint64(40)) % np.uint64(N_SKETCH), (mixed >> np.uint64(20)) % np.uint64(2)
    return sparse.csr_matrix((2 * sign.astype(np.float32) - 1, (np.arange(N_BUCKETS), column.astype(np.int64))),
                             shape=(N_BUCKETS, N_SKETCH))
