"""Predictions as tables: of one label an item, and of several. Read `label_table` first."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from ..project.project import Project
from ..sampling.ranking import likeliest, suggested_sets
from ..taxonomy.label_sets import set_id


def label_table(project: Project, positions: np.ndarray) -> pd.DataFrame:
    """List what the adopted model suggests for items that it has predicted; see `Workbench.predict`.

    Parameters
    ----------
    project : Project
    positions : ndarray of int, shape (n,)
    """
    predictions, ranking, taxonomy = project.ranking.predictions, project.ranking, project.taxonomy
    assert predictions is not None
    probs = ranking.probs(project.lineage, positions)
    ids = project.pool.ids[positions]
    if project.task == "multilabel":
        return _of_sets(project, ids, probs).assign(model=predictions.model)
    names = np.array([taxonomy.name_of(label_id) for label_id in taxonomy.label_ids] + [None], object)
    best = likeliest(probs, ranking.families(project.lineage))
    top = np.where(best.sum(axis=1) == 1, best.argmax(axis=1), -1)
    confidence = np.where(best, probs, -1).max(axis=1)
    ranked = -np.sort(-ranking.probs_by_family(project.lineage, positions), axis=1)
    return pd.DataFrame({"item_id": ids, "label": names[top],
                         "confidence": np.where(best.any(axis=1), confidence, np.nan),
                         "margin": ranked[:, 0] - ranked[:, 1] if ranked.shape[1] > 1 else ranked[:, 0],
                         "model": predictions.model})


def _of_sets(project: Project, ids: np.ndarray, probs: np.ndarray) -> pd.DataFrame:
    taxonomy, thresholds = project.taxonomy, project.ranking.thresholds
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
