"""Tables of predictions, for items with one label or several. Read `label_table` first."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from ..project.project import Project
from ..sampling.ranking import Ranking, likeliest, suggested_sets
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import set_id

AT_ONCE = 1 << 17


def label_table(project: Project, positions: np.ndarray, ranking: Ranking | None = None) -> pd.DataFrame:
    """List a model's suggestions for items that it has predicted; see `Workbench.predict`.

    Parameters
    ----------
    project : Project
    positions : ndarray of int, shape (n,)
    ranking : Ranking, optional
        The model's predictions, as `Ranking.frozen` gives them; by default those of the adopted model.
    """
    # Read once each: a model may be adopted, and the taxonomy edited, while the table is made.
    ranking, lineage = ranking or project.ranking.frozen(), project.lineage
    predictions, taxonomy = ranking.predictions, lineage.today
    assert predictions is not None
    if project.task == "multilabel":
        ids, probs = project.pool.ids[positions], ranking.probs(lineage, positions)
        return _of_sets(ids, probs, ranking, lineage).assign(model=predictions.model)
    names = np.array([taxonomy.name_of(label_id) for label_id in taxonomy.label_ids] + [None], object)
    top = np.empty(len(positions), np.int32)
    confidence, margin = np.empty(len(positions), np.float32), np.empty(len(positions), np.float32)
    item_ids: list[pd.Series] = []
    for start in range(0, max(1, len(positions)), AT_ONCE):  # by block: ten million rows at once take gigabytes
        some, rows = positions[start:start + AT_ONCE], slice(start, start + AT_ONCE)
        probs = ranking.probs(lineage, some)
        best = likeliest(probs, ranking.families(lineage))
        top[rows] = np.where(best.sum(axis=1) == 1, best.argmax(axis=1), -1)
        confidence[rows] = np.where(best.any(axis=1), np.where(best, probs, -1).max(axis=1), np.nan)
        ranked = -np.sort(-ranking.probs_by_family(lineage, some), axis=1)
        margin[rows] = ranked[:, 0] - ranked[:, 1] if ranked.shape[1] > 1 else ranked[:, 0]
        item_ids.append(pd.Series(project.pool.ids[some]))
    return pd.DataFrame({"item_id": pd.concat(item_ids, ignore_index=True), "label": names[top],
                         "confidence": confidence, "margin": margin, "model": predictions.model})


def _of_sets(ids: np.ndarray, probs: np.ndarray, ranking: Ranking, lineage: Lineage) -> pd.DataFrame:
    taxonomy, thresholds = lineage.today, ranking.thresholds
    label_ids = taxonomy.label_ids
    on = suggested_sets(probs, label_ids, thresholds)
    limits = np.array([thresholds.get(label_id, 0.5) for label_id in label_ids])
    unread = np.isnan(probs).all(axis=1)
    sets = [None if nothing else set_id(itertools.compress(label_ids, row))
            for row, nothing in zip(on, unread, strict=True)]
    known = np.where(np.isnan(probs), np.inf, probs)
    sure = np.where(np.isinf(known), np.inf, np.maximum(known, 1 - known))
    return pd.DataFrame({
        "item_id": ids,
        "label": pd.Series([None if one is None else taxonomy.name_of(one) for one in sets], dtype=object),
        "labels": pd.Series([None if one is None else taxonomy.names_in(one) for one in sets], dtype=object),
        "confidence": np.where(unread, np.nan, sure.min(axis=1, initial=np.inf)),
        "margin": np.where(unread, np.nan, np.abs(known - limits).min(axis=1, initial=np.inf))})
