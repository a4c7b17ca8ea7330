"""Rationales of texts: training with the words that people marked as wrong or missing reasons.

`TextRationaleLoss` is for nets: a label's probability should stay when a wrong reason is taken out of a text, and fall
when a missing one is. `feature_penalty` is for the additive net, whose features are fitted with a penalty of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from ..errors import ModelError, ViewError
from ..items.tokens import tokens as tokens_of
from .outputs import read_logits
from .rationales import (
    BATCH_SIZE,
    SMOOTH,
    WEIGHTS,
    Masks,
    RationaleLoss,
    Rationales,
    evaluation_mode,
    necessity_of,
    symmetric_kl,
)
from .text_nets import PAIR, Features, features_of
from .text_views import Batch, collate, moved, padding_shows, run_net, shape_of

# Tokens of a text, [start, end) in characters: int, shape (n, 2).
Tokens: TypeAlias = np.ndarray

# Number of variants of each marked text, in which its marked words are replaced: by blanks in the first, by words of
# other texts in the rest.
N_VARIANTS = 6
# Factor on the penalty of a feature that occurs only in words marked as wrong, and of one that occurs only in words
# marked as missing.
WRONG_PENALTY, MISSING_PENALTY = 1_000.0, 0.1
# If at least this share of the texts with a feature have it marked, it is penalised in full.
ENOUGH = 0.5


@dataclass(frozen=True)
class TextRationales(Rationales):
    """The words that people marked in texts.

    Parameters
    ----------
    rows, left_out
        See `Rationales`.
    wrong, missing : Tensor of bool, shape (n_marked, n_characters)
        The characters that were marked; False after a text's end.
    texts : tuple of str
        The marked texts.
    view_of : callable or None
        Maps a text to a net's view of it.
    loose : tuple of (text, wrong)
        Further texts without a label, each with its wrong characters: bool, shape (n_characters,).
    """

    texts: tuple[str, ...] = ()
    view_of: Any = field(default=None, compare=False)
    loose: tuple[tuple[str, np.ndarray], ...] = ()

    def __len__(self) -> int:
        return len(self.rows) + len(self.loose)

    def where(self, readable: np.ndarray) -> TextRationales:
        """The rationales of the texts that can be read.

        Parameters
        ----------
        readable : ndarray of bool
            One for each text, marked or not.
        """
        keep = readable[self.rows]
        kept = torch.from_numpy(keep)
        return TextRationales(self.rows[keep], self.wrong[kept], self.missing[kept], self.left_out, None,
                              tuple(text for text, there in zip(self.texts, keep, strict=True) if there), self.view_of,
                              self.loose)

    def marked(self) -> list[tuple[str, Tokens, Tokens]]:
        """Each text with its wrong and its missing words; texts without a label last."""
        each = [(text, marked_tokens(text, wrong.numpy()), marked_tokens(text, missing.numpy()))
                for text, wrong, missing in zip(self.texts, self.wrong, self.missing, strict=True)]
        return [*each, *((text, marked_tokens(text, wrong), np.zeros((0, 2), np.int32)) for text, wrong in self.loose)]


def marked_tokens(text: str, mask: np.ndarray) -> Tokens:
    """The words and signs with at least one marked character: int32, shape (n, 2).

    Parameters
    ----------
    text : str
    mask : ndarray of bool
        One for each character; values after the text's end are ignored.

    Examples
    --------
    >>> marked_tokens("so good", np.array([False] * 4 + [True] + [False] * 2)).tolist()
    [[3, 7]]
    """
    found = tokens_of(text)
    before = np.concatenate([[0], np.cumsum(mask[:len(text)])])
    kept: Tokens = found[before[found[:, 1]] > before[found[:, 0]]]
    return kept


def words_in_texts(masks: Mapping[int, Masks], texts: Mapping[int, str], *, view_of: Any = None) -> TextRationales:
    """The marked regions of texts as words.

    Parameters
    ----------
    masks : mapping of int to (wrong, missing)
        For each row two bool masks, shape (1, n_characters), or None.
    texts : mapping of int to str
        The text of each row.
    view_of : callable, optional
        Maps a text to a net's view of it.

    Returns
    -------
    TextRationales
        A region is left out if it contains no word, or all words of its text.
    """
    rows: list[int] = []
    kept: list[list[np.ndarray]] = []
    left_out: dict[int, str] = {}
    for row, pair in masks.items():
        regions = [np.zeros(len(texts[row]), bool), np.zeros(len(texts[row]), bool)]
        for region, name, mask in zip(regions, ("wrong", "missing"), pair, strict=True):
            if mask is None or not mask.any():
                continue
            marked, why = _marked_words(texts[row], mask)
            if why:
                left_out[row] = f"the {name} region {why}"
            for start, end in marked:
                region[start:end] = True
        if regions[0].any() or regions[1].any():
            rows.append(row)
            kept.append(regions)
    longest = max((len(regions[0]) for regions in kept), default=0)
    both = np.zeros((2, len(rows), longest), bool)
    for place, regions in enumerate(kept):
        for side, region in zip(both, regions, strict=True):
            side[place, :len(region)] = region
    return TextRationales(np.array(rows, np.int64), torch.from_numpy(both[0]), torch.from_numpy(both[1]), left_out,
                          texts=tuple(texts[row] for row in rows), view_of=view_of)


def _marked_words(text: str, mask: np.ndarray) -> tuple[Tokens, str]:
    """The words in a region and ""; or, if they can't be used, no words and the reason."""
    marked = marked_tokens(text, mask.ravel())
    if not len(marked):
        return marked, "holds no word"
    return (marked[:0], "covers all words") if len(marked) == len(tokens_of(text)) else (marked, "")


def replaced(text: str, tokens: Tokens, words: Sequence[str]) -> str:
    """A text in which some words are replaced by others.

    Parameters
    ----------
    text : str
    tokens : ndarray of int, shape (n, 2)
        [start, end) in characters, in their order.
    words : sequence of str
        The new word for each token.

    Examples
    --------
    >>> replaced("not so good", np.array([[0, 3], [7, 11]]), ["very", "bad"])
    'very so bad'
    """
    parts, reached = [], 0
    for (start, end), word in zip(tokens.tolist(), words, strict=True):
        parts += [text[reached:start], word]
        reached = end
    return "".join([*parts, text[reached:]])


def variants(text: str, tokens: Tokens, donors: Sequence[str], rng: np.random.Generator, *,
             n: int = N_VARIANTS) -> list[str]:
    """Variants of a text: first with some words replaced by blanks, then by words of other texts.

    Parameters
    ----------
    text : str
    tokens : ndarray of int, shape (n, 2)
    donors : sequence of str
        Words of other texts; if empty, only the variant with blanks is made.
    rng : Generator
    n : int
        Number of texts.
    """
    made = [replaced(text, tokens, [" "] * len(tokens))]
    for _ in range(n - 1 if len(donors) else 0):
        made.append(replaced(text, tokens, [donors[place] for place in rng.integers(len(donors), size=len(tokens))]))
    return made


def donor_words(texts: Sequence[str], rng: np.random.Generator, *, but: Sequence[tuple[str, Tokens]] = (),
                n: int = 2_000) -> list[str]:
    """Words of some texts, drawn at random in proportion to their frequency.

    Parameters
    ----------
    texts : sequence of str
    rng : Generator
    but : sequence of (text, tokens)
        Words that aren't drawn, whether capitalised or not.
    n : int
        Number of words, at most.
    """
    left_out = {text[start:end].lower() for text, tokens in but for start, end in tokens.tolist()}
    words = [word for text in texts for start, end in tokens_of(text).tolist()
             if (word := text[start:end]).lower() not in left_out]
    return [words[place] for place in rng.permutation(len(words))[:n]]


class TextRationaleLoss(RationaleLoss):
    """The loss of marked texts, a few of them at each step of a training, with marked words replaced.

    Parameters
    ----------
    rationales : TextRationales
        The marked words; texts with a label first.
    labels : Tensor
        Labels of all marked texts; see `RationaleLoss`. Any value for texts without a label.
    generator : torch.Generator
        Source of the order and of the replacement words.
    weight : float
        Weight of wrong words; missing ones have weight 1.
    """

    def __init__(self, rationales: TextRationales, labels: Tensor, *, generator: torch.Generator,
                 weight: float = WEIGHTS["invariance"]) -> None:
        self._labels, self._generator, self._weight = labels, generator, weight
        rng = np.random.default_rng(generator.initial_seed())
        marked = rationales.marked()
        donors = donor_words([text for text, *_ in marked], rng,
                             but=[(text, tokens) for text, *pair in marked for tokens in pair])
        self._clean = [rationales.view_of(text) for text, *_ in marked]
        self._without = [[[rationales.view_of(one) for one in variants(text, tokens, donors, rng) if len(tokens)]
                          for tokens in pair] for text, *pair in marked]
        self._view_of, self._pad = rationales.view_of, getattr(rationales.view_of, "pad", 0)
        self._batch_size, self._waiting = BATCH_SIZE, torch.zeros(0, dtype=torch.int64)
        self._views = torch.zeros(len(marked))

    def _loss(self, net: nn.Module, rows: Tensor) -> Tensor:
        device = next(net.parameters()).device
        total = torch.zeros((), device=device)
        drawn = torch.rand(len(rows), generator=self._generator).tolist()
        for side in range(2):
            has = [(row, draw) for row, draw in zip(rows.tolist(), drawn, strict=True) if self._without[row][side]]
            if not has:
                continue
            clean = [self._clean[row] for row, _ in has]
            others = [self._without[row][side][int(draw * len(self._without[row][side]))] for row, draw in has]
            labels = self._labels[[row for row, _ in has]]
            with evaluation_mode(net, by_batch=True):
                logs = self._log_probs(net, [*clean, *others], device, of_sets=labels.ndim == 2)
                if side == 0:
                    apart = symmetric_kl(logs[:len(has)], logs[len(has):])
                    loss = self._weight * ((apart + SMOOTH**2).sqrt() - SMOOTH).mean()
                else:
                    loss = necessity_of(logs, labels.to(device))
            total = total + len(has) / len(rows) * loss
        return total

    def _log_probs(self, net: nn.Module, views: list[Any], device: torch.device, *, of_sets: bool) -> Tensor:
        """Log-probabilities of views: one by one if lengths differ and the net can't tell padding from text."""
        alike = all(padding_shows(view, self._view_of) or shape_of(view) == shape_of(views[0]) for view in views)
        batches = [views] if alike else [[view] for view in views]
        return torch.cat([text_log_probs(net, moved(collate(some, pad=self._pad), device), len(some), of_sets=of_sets)
                          for some in batches])


def text_rationale_loss(labels: Tensor, rationales: TextRationales, readable: np.ndarray, *,
                        seed: int) -> TextRationaleLoss | None:
    """The loss of the marked texts that can be read; None if there are none.

    Parameters
    ----------
    labels : Tensor
        Labels of all texts of a training; see `RationaleLoss`.
    rationales : TextRationales
        The marked words, by rows of the texts.
    readable : ndarray of bool, shape (n,)
        Which texts can be read.
    seed : int
    """
    rationales = rationales.where(readable)
    if not len(rationales):
        return None
    own = labels[rationales.rows]
    return TextRationaleLoss(rationales, torch.cat([own, own.new_zeros(len(rationales.loose), *labels.shape[1:])]),
                             generator=torch.Generator().manual_seed(seed + 1))


def text_log_probs(net: nn.Module, batch: Batch, n: int, *, of_sets: bool = False) -> Tensor:
    """Compute a net's log-probabilities for n texts; see `rationales.log_probs` for images.

    Raises
    ------
    ModelError
        If the net raises, or its outputs aren't logits.
    """
    try:
        output = run_net(net, batch)
    except (ModelError, ViewError):
        raise
    except Exception as error:  # a user's net, which may raise anything
        raise ModelError(f"the net raised {type(error).__name__} on texts with marked words: {str(error)[:200]}"
                         ) from error
    if of_sets:
        logits = read_logits(output, n, probabilities=False)
        return nn.functional.logsigmoid(torch.cat([logits, -logits], dim=1))
    return read_logits(output, n).log_softmax(dim=1)


def feature_penalty(rationales: Rationales | None, rows: sparse.csr_matrix) -> np.ndarray | None:
    r"""The penalty on each feature's weight relative to others: float64, shape (n_buckets,), above 0.

    .. math:: 1000^{\sqrt{\min(1, 2 s)}}

    where s is the share of the texts with a feature in which a word with this feature was marked as wrong. People don't
    mark a word in all texts, so half of them is enough for the full factor of 1,000; a feature that many other words
    share is hardly penalised more. For features of missing words the factor is 0.1 in place of 1,000.

    Parameters
    ----------
    rationales : TextRationales or None
    rows : sparse matrix, shape (n, n_buckets)
        The features of all texts of the training.

    Returns
    -------
    ndarray or None
        None where no word was marked.
    """
    if not isinstance(rationales, TextRationales) or not len(rationales):
        return None
    n_buckets = rows.shape[1]
    marked = rationales.marked()
    found = features_of([text for text, *_ in marked])
    n_texts = np.maximum(np.bincount(rows.indices, minlength=n_buckets), 1)
    wrong, missing = (np.minimum(_n_marked(found, [pair[side] for _, *pair in marked], n_buckets) / n_texts / ENOUGH, 1)
                      for side in range(2))
    factors: np.ndarray = WRONG_PENALTY ** np.sqrt(wrong) * MISSING_PENALTY ** (np.sqrt(missing) * (wrong == 0))
    return factors


def _n_marked(found: Features, tokens: Sequence[Tokens], n_buckets: int) -> np.ndarray:
    """The number of texts in which a marked word has each feature."""
    is_marked = np.concatenate([np.isin(spans[:, 0], some[:, 0]) if len(spans) else np.zeros(0, bool)
                                for spans, some in zip(found.spans, tokens, strict=True)])
    # A pair belongs to its first token and the next one.
    also = (found.kinds == PAIR) & np.append(is_marked[1:], False)[found.tokens]
    chosen = is_marked[found.tokens] | also
    keys = np.unique(found.rows[chosen] * np.int64(n_buckets) + found.buckets(n_buckets)[chosen])
    return np.bincount(keys % n_buckets, minlength=n_buckets)
