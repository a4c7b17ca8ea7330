"""Counterfactual gaps: how far a classifier's probability moves when a word is swapped for another one.

`swap_gap` measures it, `swapped` makes the texts. A template is a text with a gap where one of the words stood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing import html
from ..errors import BadInput, ShapeError
from ..records import Estimate, check_count
from .intervals import student_mean

# The gap in a template, in place of the word.
GAP = "___"
N_RESAMPLES = 2_000
# Number of texts that are predicted at once.
AT_ONCE = 1_000


@dataclass(frozen=True)
class SwapGap:
    """How far a classifier's probability moves when a word is swapped for another, as `swap_gap` measures it.

    Attributes
    ----------
    gap : Estimate
        The mean distance of the probabilities of two texts that differ in the word alone: 0 if the word has no effect,
        1 if it decides everything. The 95 % interval is over templates; n is their number.
    words : DataFrame
        One row for each word: word, effect (its probability less the mean of all words, averaged over the templates),
        low and high (its interval), the largest effect first.
    templates : DataFrame
        One row for each template: template, gap, least and most, the words with the least and the largest probability.
    table : DataFrame
        One row for each template and word: template, word, text, prob.
    """

    gap: Estimate
    words: pd.DataFrame
    templates: pd.DataFrame
    table: pd.DataFrame

    def since(self, before: SwapGap) -> Estimate:
        """Change of the gap since another model was measured with the same templates; below 0 it shrank.

        Parameters
        ----------
        before : SwapGap

        Returns
        -------
        Estimate
            With its paired 95 % interval over the templates.

        Raises
        ------
        BadInput
            If the templates differ.
        """
        both = self.templates.merge(before.templates, on="template", suffixes=("", "_before"))
        if not len(both) == len(self.templates) == len(before.templates):
            raise BadInput(f"{len(both)} of {len(self.templates)} templates are in both measurements; the same texts "
                           "and words are expected.")
        return _mean(both["gap"].to_numpy(float) - both["gap_before"].to_numpy(float), within=(-1.0, 1.0), seed=0)

    def __repr__(self) -> str:
        return "\n".join([f"counterfactual gap  {self.gap}", self._in_words(), "",
                          self.words.head(10).to_string(index=False, float_format="{:+.3f}".format)])

    def _in_words(self) -> str:
        first, last = self.words.iloc[0], self.words.iloc[-1]
        return f"Over {self.gap.n} templates and {len(self.words)} words: {first.word!r} moves the probability by " \
               f"{first.effect:+.3f} against the mean of all words, {last.word!r} by {last.effect:+.3f}."

    def _repr_html_(self) -> str:
        return html.page("Swapping a word", html.paragraph(f"Counterfactual gap {self.gap}."),
                         html.paragraph(self._in_words()),
                         html.table(["word", "effect", "low", "high"], [
                             (word, *(round(float(each), 3) for each in figures))
                             for word, *figures in self.words.to_numpy().tolist()]))


def swapped(texts: Sequence[str], words: Sequence[str]) -> pd.DataFrame:
    """Make the texts that differ only in which of the words they have.

    Parameters
    ----------
    texts : sequence of str
        Those without any of the words are left out; where a text has several, all are swapped for the same.
    words : sequence of str
        Two or more, which may have blanks; they are looked for as whole words, whatever their capitals are.

    Returns
    -------
    DataFrame
        One row for each template and word: template, word, text. A template that several texts share appears once.

    Raises
    ------
    BadInput
        If there are fewer than two words, or a word is empty.

    Examples
    --------
    >>> swapped(["Being gay is fun", "Hello"], ["gay", "old"])["text"].tolist()
    ['Being gay is fun', 'Being old is fun']
    """
    words = list(dict.fromkeys(words)) if not isinstance(words, str) else []
    if len(words) < 2 or any(not isinstance(word, str) or not word.strip() for word in words):
        raise BadInput(f"words is {words!r:.80}; two or more different words that can take each other's place are "
                       "expected.")
    longest_first = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)
    parts = dict.fromkeys(tuple(pattern.split(text)) for text in texts)
    rows = [(GAP.join(each), word, word.join(each)) for each in parts if len(each) > 1 for word in words]
    return pd.DataFrame(rows, columns=["template", "word", "text"])


def swap_gap(predict: Callable[[list[str]], npt.ArrayLike], texts: Sequence[str], words: Sequence[str], *,
             column: int | None = None, seed: int = 0) -> SwapGap:
    """How far a classifier's probability moves when a word is swapped for another one.

    For each template all pairs of words are compared, and the distances averaged; then the templates' means are.

    Parameters
    ----------
    predict : callable
        From a list of texts to the probability of a label for each, shape (n,), or of each label, (n, n_labels).
    texts : sequence of str
        Texts without any of the words are left out; the word is swapped for each of the others.
    words : sequence of str
        Words that should count alike, such as those for groups of people.
    column : int, optional
        The label's column, if `predict` returns several; by default the last of two.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    SwapGap

    Raises
    ------
    BadInput
        If none of the texts has one of the words, or fewer than two words were given.
    ShapeError
        If predict doesn't give a finite probability for each text.

    References
    ----------
    Garg et al. (2019), Counterfactual Fairness in Text Classification through Robustness, doi:10.1145/3306618.3317950.

    Examples
    --------
    >>> found = swap_gap(lambda texts: [0.9 if "gay" in text else 0.5 for text in texts],
    ...                  ["Being gay is fun", "I am old"], ["gay", "old", "tall"])
    >>> round(float(found.gap), 3), found.words["word"].tolist()
    (0.267, ['gay', 'old', 'tall'])
    """
    if column is not None:
        check_count("column", column, "a column of what predict gives, 0 or more,", least=0)
    table = swapped(texts, words)
    if not len(table):
        raise BadInput(f"none of the {len(texts)} texts has one of the words {', '.join(map(repr, list(words)[:5]))}, "
                       "so that there is nothing to swap.")
    every = table["text"].tolist()
    probs = np.concatenate([_probs(predict(every[start:start + AT_ONCE]), len(every[start:start + AT_ONCE]), column)
                            for start in range(0, len(every), AT_ONCE)])
    names = list(dict.fromkeys(table["word"]))
    by_template = probs.reshape(-1, len(names))
    gaps = _mean_distances(by_template)
    effects = by_template - by_template.mean(axis=1, keepdims=True)
    of_words = [_mean(effects[:, place], within=(-1.0, 1.0), seed=seed) for place in range(len(names))]
    by_word = pd.DataFrame({"word": names, "effect": [float(one) for one in of_words],
                            "low": [one.low for one in of_words], "high": [one.high for one in of_words]})
    templates = pd.DataFrame({"template": table["template"].to_numpy()[::len(names)], "gap": gaps,
                              "least": [names[place] for place in by_template.argmin(axis=1)],
                              "most": [names[place] for place in by_template.argmax(axis=1)]})
    return SwapGap(_mean(gaps, within=(0.0, 1.0), seed=seed),
                   by_word.sort_values("effect", ascending=False, kind="stable", ignore_index=True), templates,
                   table.assign(prob=probs))


def _mean_distances(probs: np.ndarray) -> np.ndarray:
    """The mean distance of two of each row's numbers, over all pairs: shape (n,)."""
    n = probs.shape[1]
    ordered = np.sort(probs, axis=1)
    distances: np.ndarray = ordered @ (2 * np.arange(n) - n + 1) / (n * (n - 1) / 2)
    return distances


def _probs(output: Any, n: int, column: int | None) -> npt.NDArray[np.float64]:
    """The probabilities of one label from what predict gave for n texts."""
    probs = np.asarray(output, np.float64)
    if probs.ndim == 2 and len(probs) == n and (column is not None or probs.shape[1] <= 2):
        probs = probs[:, -1 if column is None else column]
    if probs.shape != (n,) or not np.isfinite(probs).all() or (probs < 0).any() or (probs > 1 + 1e-6).any():
        raise ShapeError(f"predict gave shape {probs.shape} for {n} texts; a probability for each is expected, or for "
                         "each label, with column=... of the one that is meant where there are more than two.")
    return probs


def _mean(values: np.ndarray, *, within: tuple[float, float], seed: int) -> Estimate:
    """A mean with its 95 % interval: at each end the wider of the bootstrap's and Student's.

    The bootstrap alone is too narrow for a few templates.
    """
    n, student = len(values), student_mean(values, within=within)
    if n < 2:
        return student
    rng = np.random.default_rng(seed)
    means = np.concatenate([rng.choice(values, (some, n)).mean(axis=1)
                            for some in np.diff(np.linspace(0, N_RESAMPLES, 1 + -(-n * N_RESAMPLES // 2_000_000))
                                                .astype(int))])
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(student.value, max(within[0], min(low, student.low)), min(within[1], max(high, student.high)), n=n)
