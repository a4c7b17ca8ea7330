"""Soft labels: the probability of each label of each item, from all answers and from models that never saw them.

`soft_labels` collects the answers of a project, predicts each item by quick models trained on the other items, and
pools the two (`quality.pooling`). Training with ``certainty="soft"`` uses its rows as targets; the least probable
answers are worth a second look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..items.features import Pixels
from ..items.pool import Pool
from ..project.answers import Answers
from ..project.project import Project
from ..quality.out_of_fold import out_of_fold
from ..quality.pooling import LogLinearPool, Votes, agreement_of_others, fit_pool, posterior
from .train import item_draws


@dataclass(frozen=True)
class SoftLabels:
    """What is to be believed of each training item that somebody spoke of.

    Attributes
    ----------
    item_ids, positions : of the items, in the order of their ids
    probs : float64, shape (n_items, n_labels), rows sum to 1, columns in the order of today's labels
    answers : one row per answer that names a label: item_id, position, annotator, decision_id, label_id, certainty,
        unsure, chosen_by and right, the probability that it is
    trust : what model, people and certainty were found to be worth; its annotators in the order of `annotators`
    annotators : who answered
    """

    item_ids: list[str]
    positions: list[int]
    probs: np.ndarray
    answers: pd.DataFrame
    trust: LogLinearPool
    annotators: list[str]


def soft_labels(project: Project, embed: Callable[[list[int]], np.ndarray], *, answers: Answers | None = None
                ) -> SoftLabels:
    """Weigh everything that was said of the training items; gold items calibrate, and aren't among what comes back."""
    spoken, label_ids = (answers or project.answers()).by_annotator(), project.taxonomy.label_ids
    column = {label_id: i for i, label_id in enumerate(label_ids)}
    labels = np.array([column.get(label_id, -1) for label_id in spoken["label_id"]], np.int64)
    item_ids, first, row = np.unique(spoken["item_id"].to_numpy(str), return_index=True, return_inverse=True)
    annotators, who = np.unique(spoken["annotator"].to_numpy(str), return_inverse=True)
    positions = spoken["position"].to_numpy(np.int64)[first]
    known = np.array([column.get(label_id, -1) for label_id in spoken["known"].iloc[first]], np.int64)
    teaches = ~project.queue.gold[positions]
    said = Votes(row.astype(np.int64), labels, who.astype(np.int64), spoken["certainty"].to_numpy(float),
                   spoken["unsure"].to_numpy(bool))
    heard = _heard(said, len(item_ids), len(label_ids))
    probs = out_of_fold(features(project.pool, embed, positions.tolist()), np.where(teaches, heard, -1),
                        len(label_ids), draws=item_draws(item_ids.tolist()))
    trust = fit_pool(probs, said, known)
    found = posterior(trust, probs, said)
    named = (labels >= 0) & teaches[row]
    weighed = spoken[named].drop(columns="known").assign(right=found[row[named], labels[named]])
    return SoftLabels(item_ids[teaches].tolist(), positions[teaches].tolist(), found[teaches],
                    weighed.reset_index(drop=True), trust, annotators.tolist())


def judged(project: Project) -> pd.DataFrame:
    """The answers whose truth is known: annotator, certainty, right, judged_by ("gold", or "others" where most of two
    or more other annotators of the item agree), for `calibration`."""
    spoken, label_ids = project.answers().by_annotator(), project.taxonomy.label_ids
    column = {label_id: i for i, label_id in enumerate(label_ids)}
    item_ids, row = np.unique(spoken["item_id"].to_numpy(str), return_inverse=True)
    labels = np.array([column.get(label_id, -1) for label_id in spoken["label_id"]], np.int64)
    truth = np.array([column.get(label_id, -1) for label_id in spoken["known"]], np.int64)
    rows, verdicts = agreement_of_others(Votes.of(row, labels, unsure=spoken["unsure"].to_numpy(bool)), len(item_ids),
                            len(label_ids))
    by_others = np.isin(np.arange(len(spoken)), rows[truth[rows] < 0])
    truth[rows] = np.where(truth[rows] < 0, verdicts, truth[rows])
    known = spoken.assign(right=labels == truth, judged_by=np.where(by_others, "others", "gold"))
    return known.loc[(labels >= 0) & (truth >= 0), ["annotator", "certainty", "right", "judged_by"]]


def features(pool: Pool, embed: Callable[[list[int]], np.ndarray], positions: list[int]) -> list[np.ndarray]:
    """What quick models see of items: main components of their pixels and of their edges, and what the net as it was
    passed in, before it learned from anybody's answers, makes of them. Zeros where an item can't be read."""
    if not positions:
        return []
    some = _Some(pool, positions)
    kinds = [*(Pixels(some, edges=edges).of(range(len(some))) for edges in (False, True)), embed(positions)]
    return [np.nan_to_num(kind) for kind in kinds]


class _Some:
    """Some items of a pool, so that what is kept of each grows with the answers and not with the pool."""

    def __init__(self, pool: Pool, positions: list[int]) -> None:
        self._pool, self._positions = pool, positions

    def __len__(self) -> int:
        return len(self._positions)

    def load(self, row: int) -> np.ndarray:
        return self._pool.load(self._positions[row])


def _heard(said: Votes, n_items: int, n_labels: int) -> np.ndarray:
    """The label that each item was given most often, guesses last; -1 where nobody named one."""
    votes = np.zeros((n_items, n_labels))
    named = said.label >= 0
    np.add.at(votes, (said.item[named], said.label[named]), np.where(said.unsure[named], 1e-3, 1.0))
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
