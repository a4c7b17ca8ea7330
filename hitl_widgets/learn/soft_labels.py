"""Soft labels: the probability of each label of each item, from all answers and from out-of-fold models.

`soft_labels` collects the answers of a project, predicts each item by quick models trained on the other items, and
pools the two (`quality.pooling`). Training with ``certainty="soft"`` uses its rows as targets; the least probable
answers are worth a second look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd

from ..items.features import Pixels
from ..items.pool import Pool
from ..items.text_features import readable_texts, text_features
from ..project.answers import Answers
from ..project.project import Project
from ..quality.out_of_fold import out_of_fold
from ..quality.pooling import LogLinearPool, Votes, agreement_of_others, fit_pool, posterior
from ..quality.votes import is_vote
from .data import pool_draws

# Maps positions to the probabilities that somebody imported, over today's labels, NaN where there are none; None if
# no such model is adopted.
Predicted = Callable[[list[int]], np.ndarray | None]
# Imported probabilities below this are raised to it: a probability rounded to 0 must not decide alone.
LEAST = 1e-3
# The quick models learn from blind answers alone if there are at least this many in all, and for each label.
MIN_BLIND, BLIND_PER_LABEL = 100, 10


@dataclass(frozen=True)
class SoftLabels:
    """The probability of each label of each training item that has an answer.

    Attributes
    ----------
    item_ids, positions : list
        The items, in the order of their ids.
    probs : ndarray of float64, shape (n_items, n_labels)
        Rows sum to 1; columns in the order of today's labels.
    answers : DataFrame
        One row per answer that names a label: item_id, position, annotator, decision_id, label_id, certainty, unsure,
        chosen_by and right, the probability that it is right.
    pooling : LogLinearPool
        How reliable model, annotators and certainty are; its annotators are in the order of `annotators`.
    annotators : list of str
        Those who answered.
    """

    item_ids: list[str]
    positions: list[int]
    probs: np.ndarray
    answers: pd.DataFrame
    pooling: LogLinearPool
    annotators: list[str]


def soft_labels(project: Project, embed: Callable[[list[int]], np.ndarray | None], *,
                answers: Answers | None = None, predicted: Predicted | None = None) -> SoftLabels:
    """Pool all answers to the training items with predictions of models that weren't trained on them.

    Imported predictions are used as they are, in place of the quick models.

    Gold items calibrate the pooling, and aren't part of the result. An adjudicated label is certain; it isn't used for
    calibration, since the items that are adjudicated are the hard ones.

    Parameters
    ----------
    project : Project
        Has the answers.
    embed : callable
        Returns an untrained net's embeddings of the items at some positions, shape (n_items, n_features); None if the
        net has none.
    answers : Answers, optional
        The project's answers, if they were read already.
    predicted : callable, optional
        Returns the imported probabilities of the items at some positions.
    """
    answers = answers or project.answers()
    table, label_ids = answers.by_annotator(), answers.lineage.today.label_ids
    labels = _columns(table["label_id"], label_ids)
    item_ids, first, row = np.unique(table["item_id"].to_numpy(str), return_index=True, return_inverse=True)
    annotators, annotator = np.unique(table["annotator"].to_numpy(str), return_inverse=True)
    positions = table["position"].to_numpy(np.int64)[first]
    truth = _columns(table["known"].iloc[first], label_ids)
    teaches = ~project.queue.gold[positions]
    votes = Votes(row.astype(np.int64), labels, annotator.astype(np.int64), table["certainty"].to_numpy(float),
                  table["unsure"].to_numpy(bool))
    majority = _majority(votes, len(item_ids), len(label_ids))
    known = _from_blind(answers, item_ids, label_ids, np.where(teaches, majority, -1))
    model_probs = _from_outside(None if predicted is None else predicted(positions.tolist()), lambda: out_of_fold(
        features(project.pool, embed, positions.tolist()), known, len(label_ids),
        draws=pool_draws(project.pool, positions)))
    pooling = fit_pool(model_probs, votes, truth)
    probs = posterior(pooling, model_probs, votes)
    if answers.is_shared():  # several people can be compared with each other, and with what they saw
        names = [answers.lineage.today.name_of(label_id) for label_id in label_ids]
        crowd = answers.crowd(probs=pd.DataFrame(model_probs, item_ids, names)).probs
        shared = np.isin(item_ids, crowd.index.to_numpy(str))
        probs[shared] = crowd.loc[item_ids[shared], names].to_numpy()
    judged = _columns(pd.Series([answers.adjudicated.get(item_id) for item_id in item_ids.tolist()], dtype=object),
                      label_ids)
    probs[judged >= 0] = np.eye(len(label_ids))[judged[judged >= 0]]
    named = (labels >= 0) & teaches[row]
    rated = table[named].drop(columns="known").assign(right=probs[row[named], labels[named]])
    return SoftLabels(item_ids[teaches].tolist(), positions[teaches].tolist(), probs[teaches],
                      rated.reset_index(drop=True), pooling, annotators.tolist())


def _from_outside(imported: np.ndarray | None, quick: Callable[[], np.ndarray]) -> np.ndarray:
    """Imported probabilities; for items without any, those of the quick models."""
    if imported is None:
        return quick()
    probs = np.maximum(imported.astype(np.float64), LEAST)
    probs /= probs.sum(axis=1, keepdims=True)
    lacking = np.isnan(probs).any(axis=1)
    if lacking.any():
        probs[lacking] = quick()[lacking]
    return probs


def _from_blind(answers: Answers, item_ids: np.ndarray, label_ids: Sequence[str], majority: np.ndarray) -> np.ndarray:
    """The label of each item for the quick models, -1 for none: from blind answers alone where there are enough.

    A model trained on answers given in sight of suggestions has learnt the suggestions' errors too.
    """
    votes = answers.all_votes()
    shown = votes["shown"].fillna(True) & votes["suggestion"].notna()
    blind = votes[~shown & is_vote(votes)]
    if not shown.any() or len(blind) < max(MIN_BLIND, BLIND_PER_LABEL * len(label_ids)):
        return majority
    row = {item_id: place for place, item_id in enumerate(item_ids.tolist())}
    of = Votes.of([row.get(item_id, -1) for item_id in blind["item_id"]], _columns(blind["label_id"], label_ids))
    kept = of.item >= 0
    from_blind = _majority(Votes.of(of.item[kept], of.label[kept]), len(item_ids), len(label_ids))
    return np.where(majority >= 0, from_blind, -1)


def suspected_answers(project: Project, embed: Callable[[list[int]], np.ndarray | None], *,
                      predicted: Predicted | None = None) -> pd.DataFrame:
    """How probable each answer is, for `label_errors.SuspectedErrors`.

    Where an item may have several labels, a row is about one of them, and value says whether the answer has it.

    Parameters
    ----------
    project : Project
        Has the answers.
    embed, predicted : callable
        See `soft_labels`.

    Returns
    -------
    DataFrame
        The columns of `SoftLabels.answers`; with several labels an item, also value. For attribute values alone see
        `value_suspects.suspected_values`.
    """
    if project.task == "multilabel":
        return _suspected_of_sets(project, embed, predicted)
    return soft_labels(project, embed, predicted=predicted).answers


def _suspected_of_sets(project: Project, embed: Callable[[list[int]], np.ndarray | None],
                       predicted: Predicted | None) -> pd.DataFrame:
    answers = project.answers()
    about = answers.by_annotator().drop(columns=["label_id", "certainty"]).set_index("decision_id")
    about = about[~about["unsure"].astype(bool)]
    rows = answers.label_rows()
    rows = rows[rows["decision_id"].isin(about.index)].drop(columns=["item_id", "annotator"])
    rows = rows.join(about, on="decision_id").reset_index(drop=True)
    item_ids, first, item = np.unique(rows["item_id"].to_numpy(str), return_index=True, return_inverse=True)
    annotator = np.unique(rows["annotator"].to_numpy(str), return_inverse=True)[1]
    positions = rows["position"].to_numpy(np.int64)[first]
    gold = [project.state.gold.get(item_id) for item_id in item_ids.tolist()]
    known = [{} if given is None else answers.lineage.label_states(*given) for given in gold]
    draws = pool_draws(project.pool, positions)

    @cache
    def described() -> list[np.ndarray]:
        return features(project.pool, embed, positions.tolist())

    def quick(majority: np.ndarray) -> np.ndarray:
        return out_of_fold(described(), majority, 2, draws=draws)
    imported = None if predicted is None else predicted(positions.tolist())
    right, teaches = np.full(len(rows), np.nan), ~project.queue.gold[positions]
    for column, label_id in enumerate(answers.lineage.today.label_ids):
        own = np.flatnonzero(rows["label_id"] == label_id)
        votes = Votes(item[own].astype(np.int64), rows["value"].to_numpy(np.int64)[own],
                      annotator[own].astype(np.int64), rows["certainty"].to_numpy(float)[own],
                      np.zeros(len(own), np.bool_))
        truth = np.array([-1 if (is_on := states.get(label_id)) is None else int(is_on) for states in known], np.int64)
        majority = np.where(teaches, _majority(votes, len(item_ids), 2), -1)
        on = None if imported is None else imported[:, column]
        probs = _from_outside(None if on is None else np.stack([1 - on, on], axis=1), partial(quick, majority))
        right[own] = posterior(fit_pool(probs, votes, truth), probs, votes)[votes.item, votes.label]
    kept = teaches[item] & ~np.isnan(right) if len(rows) else np.zeros(0, np.bool_)
    columns = ["item_id", "position", "annotator", "decision_id", "label_id", "value", "certainty", "unsure",
               "chosen_by", "right"]
    table: pd.DataFrame = rows.assign(right=right)[kept][columns].reset_index(drop=True)
    return table


def judged_answers(project: Project) -> pd.DataFrame:
    """The answers whose truth is known, for `quality.calibration`.

    Parameters
    ----------
    project : Project
        Has the answers.

    Returns
    -------
    DataFrame
        One row for each answer: annotator, certainty, right, judged_by ("gold", or "others" if the truth is the
        majority of two or more other annotators).
    """
    given = project.answers()
    answers = given.by_annotator(comparable=True)
    if not len(answers) or project.task == "scale":  # with values alone, only unsure answers would be left
        return pd.DataFrame({"annotator": [], "certainty": [], "right": [], "judged_by": []}).astype(
            {"annotator": object, "certainty": float, "right": bool, "judged_by": object})
    # With several labels an item, an answer is right if its whole set is.
    label_ids: Sequence[str] = given.lineage.today.label_ids if project.task != "multilabel" else \
        sorted({*answers["label_id"].dropna(), *answers["known"].dropna()})
    item_ids, row = np.unique(answers["item_id"].to_numpy(str), return_inverse=True)
    labels, truth = _columns(answers["label_id"], label_ids), _columns(answers["known"], label_ids)
    rows, verdicts = agreement_of_others(Votes.of(row, labels, unsure=answers["unsure"].to_numpy(bool)),
                                         len(item_ids), len(label_ids))
    by_others = np.isin(np.arange(len(answers)), rows[truth[rows] < 0])
    truth[rows] = np.where(truth[rows] < 0, verdicts, truth[rows])
    judged = answers.assign(right=labels == truth, judged_by=np.where(by_others, "others", "gold"))
    return judged.loc[(labels >= 0) & (truth >= 0), ["annotator", "certainty", "right", "judged_by"]]


def _columns(label_ids: pd.Series, today: Sequence[str]) -> np.ndarray:
    """The index of each label among today's, int64; -1 for none."""
    column = {label_id: index for index, label_id in enumerate(today)}
    return np.array([column.get(label_id, -1) for label_id in label_ids], np.int64)


def features(pool: Pool, embed: Callable[[list[int]], np.ndarray | None], positions: list[int]) -> list[np.ndarray]:
    """The features of items that quick models learn from; zeros where an item can't be read.

    Parameters
    ----------
    pool : Pool
        The items.
    embed : callable
        See `soft_labels`.
    positions : list of int
        Which items.

    Returns
    -------
    list of ndarray
        Principal components of the pixels and those of the edges, or features of texts; and the embeddings where there
        are any; empty without positions.
    """
    if not positions:
        return []
    if pool.kind == "text":
        blocks: list[np.ndarray | None] = [text_features(readable_texts(pool, positions)), embed(positions)]
    else:
        subset = _Subset(pool, positions)
        blocks = [*(Pixels(subset, edges=edges).of(range(len(subset))) for edges in (False, True)), embed(positions)]
    return [np.nan_to_num(block) for block in blocks if block is not None]


class _Subset:
    """Some items of a pool, so that memory grows with the answers and not with the pool."""

    def __init__(self, pool: Pool, positions: list[int]) -> None:
        self._pool, self._positions = pool, positions

    def __len__(self) -> int:
        return len(self._positions)

    def load(self, row: int) -> np.ndarray:
        return self._pool.load(self._positions[row])


def _majority(votes: Votes, n_items: int, n_labels: int) -> np.ndarray:
    """The most frequent label of each item, best guesses last; -1 where no answer names one, or several are tied."""
    counts = np.zeros((n_items, n_labels))
    named = votes.label >= 0
    np.add.at(counts, (votes.item[named], votes.label[named]), np.where(votes.unsure[named], 1e-3, 1.0))
    most = counts.max(axis=1, initial=0, keepdims=True)
    alone = (most[:, 0] > 0) & ((counts == most).sum(axis=1) == 1)
    return np.where(alone, counts.argmax(axis=1), -1) if n_labels else np.full(n_items, -1)
