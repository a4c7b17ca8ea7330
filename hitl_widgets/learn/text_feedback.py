"""Feedback on explanations of texts: the words that people marked, ready for a training.

`text_feedback_of` collects the marked words of a project; `measure_text_reliance` measures how far a model's
predictions move when these words are taken out of their texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import ItemError
from ..items.tokens import tokens as tokens_of
from ..project.project import Project
from ..quality.intervals import student_mean
from ..records import Decision
from .reliance import N_REPAINTINGS, Reliance
from .text_rationales import TextRationales, Tokens, donor_words, replaced, variants, words_in_texts
from .text_scores import text_probs

# Maximum number of texts for reliance, of texts whose words are left out one by one, and of words in each of these.
MAX_MEASURED, MAX_SHARED, MAX_WORDS = 200, 50, 60


@dataclass(frozen=True)
class TextFeedback:
    """The marked texts of a training set, and others; the counterpart of `feedback.Feedback` for texts.

    Attributes
    ----------
    rationales : TextRationales
        The marked words, by rows of the training set.
    regions : list
        item_id and regions of all marked texts, as stored in the log.
    others : list of str
        Texts that nobody marked, up to 200, drawn at random.
    """

    rationales: TextRationales
    regions: list[Any]
    others: list[str]

    def reliance_of(self, predictor: Any, *, seed: int) -> Reliance | None:
        """How much a model relies on the words marked as wrong; None where only missing ones were marked.

        Parameters
        ----------
        predictor : NetPredictor
            The model.
        seed : int
            Seed of the replacement words, so that two models see the same texts.
        """
        marked = [(text, wrong) for text, wrong, _ in self.rationales.marked() if len(wrong)][:MAX_MEASURED]
        return measure_text_reliance(predictor, marked, self.others, seed=seed) if marked else None


# 14 branches: which texts may teach, and why regions in them can't be used.
def text_feedback_of(project: Project, item_ids: Sequence[str], view_of: Any, *, exact: np.ndarray, quiet: bool = False
                     ) -> TextFeedback | None:
    """The marked words of a training set's texts, and of texts that were skipped or answered unsure.

    The words marked in a text by several annotators are joined. Regions that can't be used are reported.

    Parameters
    ----------
    project : Project
        Has the decisions.
    item_ids : sequence of str
        The training set.
    view_of : callable
        Maps a text to the net's view of it.
    exact : ndarray of bool
        For each item of the training set, whether it certainly has one label. Missing words are used only there, since
        the label's probability must fall without the word.
    quiet : bool
        Whether unusable regions go unreported.

    Returns
    -------
    TextFeedback or None
        None where no word was marked.
    """
    decisions, pool = project.reasons(), project.pool
    tell = (lambda said: None) if quiet else project.notify
    labelled = set(item_ids)
    names = [*item_ids, *(item_id for item_id in sorted(decisions)
                          if item_id not in labelled and _may_teach(project, item_id))]
    texts: dict[int, str] = {}
    for row, name in enumerate(names):
        if name in decisions:
            with suppress(ItemError):
                texts[row] = str(pool.load(pool.position(name)))
    if not texts:
        return None
    masks = {row: _joined(decisions[names[row]], missing=row < len(item_ids) and bool(exact[row])) for row in texts}
    fitting = {row: pair for row, pair in masks.items()
               if all(mask is None or mask.size == len(texts[row]) for mask in pair)}
    for row in masks.keys() - fitting.keys():
        tell(f"item {names[row]!r}: its text isn't what it was when words were marked, so that the training can't use "
             "them.")
    found = words_in_texts(fitting, texts, view_of=view_of)
    for row, why in found.left_out.items():
        tell(f"item {names[row]!r}: {why}, so that the training can't use it.")
    return TextFeedback(_with_loose(found, len(item_ids)), [[names[row], _as_logged(decisions[names[row]])]
                                                            for row in texts], _unmarked(project, set(decisions)))


def _may_teach(project: Project, item_id: str) -> bool:
    """Whether an item is in the pool, and neither in the hold-out nor gold."""
    [position] = project.pool.positions([item_id]).tolist()
    return position >= 0 and not project.queue.holdout[position] and not project.queue.gold[position]


def _joined(decisions: Sequence[Decision], *, missing: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
    wrong = [decision.wrong.mask() for decision in decisions if decision.wrong is not None]
    others = [decision.missing.mask() for decision in decisions if missing and decision.missing is not None]
    return (np.logical_or.reduce(wrong) if wrong else None), (np.logical_or.reduce(others) if others else None)


def _as_logged(decisions: Sequence[Decision]) -> list[list[Any]]:
    """Wrong and missing region of each decision, as stored in the log."""
    return [[None if region is None else region.to_dict() for region in (decision.wrong, decision.missing)]
            for decision in sorted(decisions, key=lambda decision: decision.annotator)]


def _with_loose(found: TextRationales, n_labelled: int) -> TextRationales:
    """The rationales, with texts whose row is `n_labelled` or more moved to `loose`, those without a label."""
    labelled = found.rows < n_labelled
    keep = torch.from_numpy(labelled)
    loose = tuple((text, wrong.numpy()[:len(text)]) for text, wrong, there
                  in zip(found.texts, found.wrong, labelled, strict=True) if not there and bool(wrong.any()))
    return TextRationales(found.rows[labelled], found.wrong[keep], found.missing[keep], found.left_out, None,
                          tuple(text for text, there in zip(found.texts, labelled, strict=True) if there),
                          found.view_of, loose)


def _unmarked(project: Project, marked: set[str]) -> list[str]:
    """Texts that nobody marked, drawn by the project's seed from the whole pool."""
    pool, texts = project.pool, list[str]()
    rng = np.random.default_rng(project.settings["seed"])
    for position in rng.choice(len(pool), min(len(pool), 2 * MAX_MEASURED), replace=False).tolist():
        if str(pool.ids[position]) not in marked and len(texts) < MAX_MEASURED:
            with suppress(ItemError):
                texts.append(str(pool.load(position)))
    return texts


def measure_text_reliance(predictor: Any, marked: Sequence[tuple[str, Tokens]], others: Sequence[str], *,
                          seed: int = 0) -> Reliance:
    r"""Measure how a model's predictions move when marked words are taken out, four times each.

    In the first of the four, blanks replace the marked words; in the others, words of other texts. The figures are as
    in `reliance.measure_reliance`; `share` is the marked words' share of the changes from leaving out single words.

    Parameters
    ----------
    predictor : NetPredictor
        Its private copy of the net is used, under its lock.
    marked : sequence of (text, tokens)
        The texts with their marked words.
    others : sequence of str
        Texts that nobody marked; as many of their words, drawn at random, are replaced for comparison.
    seed : int
        Seed of the words drawn, so that two models see the same texts.
    """
    rng = np.random.default_rng(seed)
    donors = donor_words(others or [text for text, _ in marked], rng, but=marked)
    drawn = []
    for place, text in enumerate(others):
        found, n = tokens_of(text), len(marked[place % len(marked)][1])
        if len(found) > 1:
            drawn.append((text, found[np.sort(rng.permutation(len(found))[:min(n, len(found) - 1)])]))
    n_words = sum(len(tokens_of(text)) for text, _ in marked)
    return Reliance(marked=_mean(_variations(predictor, marked, donors, rng)),
                    unmarked=_mean(_variations(predictor, drawn, donors, rng)),
                    share=_mean(_shares(predictor, marked[:MAX_SHARED])),
                    area=sum(len(tokens) for _, tokens in marked) / max(1, n_words))


def _mean(values: np.ndarray) -> Any:
    return student_mean(values, within=(0, 1), why="no such item")


def _variations(predictor: Any, marked: Sequence[tuple[str, Tokens]], donors: Sequence[str],
                rng: np.random.Generator) -> np.ndarray:
    """Each text's mean total variation."""
    texts = [[text, *variants(text, tokens, donors, rng, n=N_REPAINTINGS)] for text, tokens in marked]
    if not texts:
        return np.array([])
    probs = text_probs(predictor, [one for some in texts for one in some])
    moves, start = [], 0
    for some in texts:
        moved = np.abs(probs[start + 1:start + len(some)] - probs[start])
        moves.append(float((moved.max(axis=1) if predictor.multilabel else moved.sum(axis=1) / 2).mean()))
        start += len(some)
    return np.array(moves)


def _shares(predictor: Any, marked: Sequence[tuple[str, Tokens]]) -> np.ndarray:
    """The marked words' share of the changes from leaving out single words, by text; NaN if nothing changes."""
    shares = []
    for text, wrong in marked:
        found = tokens_of(text)[:MAX_WORDS]
        probs = text_probs(predictor, [text, *(replaced(text, token[None], [" "]) for token in found)])
        column = int(probs[0].argmax())
        falls = np.abs(probs[0, column] - probs[1:, column])
        whole = float(falls.sum())
        shares.append(float(falls[np.isin(found[:, 0], wrong[:, 0])].sum()) / whole if whole else float("nan"))
    return np.array(shares)
