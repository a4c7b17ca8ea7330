"""Predictions of the adopted models for a pool's items, as tables and arrays. Read `predict` first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import BadInput, ModelError
from ..items.pool_part import positions_of
from .services import Services


def check_n(n: int | None) -> None:
    """Raise BadInput unless n is None (for all items) or a whole number, 1 or more."""
    if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
        raise BadInput(f"n is {n!r}; a number of items, 1 or more, is expected, or None for all.")


def _check_budget(budget_s: float | None) -> None:
    """Raise BadInput unless budget_s is None or a number above 0."""
    if budget_s is not None and (isinstance(budget_s, bool) or not isinstance(budget_s, (int, float, np.number))
                                 or not budget_s > 0):
        raise BadInput(f"budget_s is {budget_s!r}; a number of seconds above 0 is expected, or None.")


def next_positions(services: Services, n: int) -> np.ndarray:
    """The positions in the pool of the next n items of the queue."""
    with services.bars(None, title="Choosing the next items"):
        return np.array([item.position for item in services.session.peek(n)], np.int64)


def predict(services: Services, n: int | None, budget_s: float | None, client: Any) -> pd.DataFrame:
    """A table of predicted labels, values or objects, depending on the project's task; see `Workbench.predict`."""
    check_n(n)
    _check_budget(budget_s)
    project = services.project
    if project.task == "scale" or services.asks_for_objects:
        if client is not None:
            raise BadInput(f"this project has task={project.task!r}, and only models of labels run on a cluster; "
                           "leave client out.")
        return predict_objects(services, n) if services.asks_for_objects else predict_values(services, n)
    inference = services.load_inference()
    positions = np.argsort(project.queue.ahead) if n is None else next_positions(services, n)
    if client is None and budget_s is not None:
        services.session.predict(positions, budget_s=budget_s, bars=services.bars)
        ranking = project.ranking.frozen()
    else:
        _, ranking = inference.ask_in_blocks(positions, client=client, budget_s=budget_s, bars=services.bars)
    predictions = ranking.predictions
    assert predictions is not None
    positions = np.sort(positions) if n is None else positions
    from ..report.predictions import label_table
    return label_table(project, positions if budget_s is None else positions[predictions.tried[positions]], ranking)


def predict_values(services: Services, n: int | None) -> pd.DataFrame:
    """The values that the adopted heads predict; see `Workbench.predict_values`."""
    check_n(n)
    from ..learn.predicted_table import predicted_table
    project, registry = services.project, services.registry.values
    registry.follow()
    if (model := registry.adopted) is None:
        raise ModelError(registry.missing or "there are no heads for attributes yet; give some 20 values, then run "
                         "wb.finetune(), or label on with the card open.")
    positions = np.arange(len(project.pool)) if n is None else next_positions(services, n)
    with services.bars(None, title="Predicting values"):
        return predicted_table(registry, model, project.lineage, positions, project.pool.ids[positions])


def predict_objects(services: Services, n: int | None) -> pd.DataFrame:
    """The objects that the adopted detector finds; see `Workbench.predict_objects`."""
    check_n(n)
    detectors = services.detectors
    services.project.require_pool()
    model = detectors.require()
    positions = np.arange(len(services.project.pool)) if n is None else next_positions(services, n)
    with services.bars(len(positions), title="Searching objects") as advance:
        detectors.ask(positions, model, advance)
    return detectors.table(positions, model)


def embeddings(services: Services, item_ids: Any, client: Any) -> np.ndarray:
    """The embedding of each item, the input of the adopted model's last layer; see `Workbench.embeddings`."""
    services.require_labels()
    inference = services.load_inference()
    positions = None if item_ids is None else positions_of(services.project.pool, item_ids)
    return inference.embeddings_in_blocks(positions, client=client, bars=services.bars)
