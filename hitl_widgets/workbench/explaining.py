"""Saliency maps of a pool's items, and checks of whether they can be trusted. Read `explain` first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..records import SHAPE_OF, check_count
from .predicting import check_n, next_positions
from .services import Services

if TYPE_CHECKING:
    from ..explain.explanations import Explanations
    from ..explain.pool_maps import ExplainedPool


def explain(services: Services, item_ids: Any, *, method: str, target: str | Sequence[str | None] | None,
            attribute: str | None, one: Any) -> Explanations:
    """Saliency maps of some items for labels, an attribute's values, or the object `one`; see `Workbench.explain`."""
    project = services.project
    if services.asks_for_objects:
        return _explain_objects(services, item_ids, method, one, target=target, attribute=attribute)
    if one is not None:
        raise BadInput("object=... was given, but this project doesn't ask for objects; leave it out.")
    if attribute is None and project.task == "scale":
        attributes = project.taxonomy.attributes
        if len(attributes) > 1:
            raise BadInput("name the attribute whose values are to be explained: attribute=, one of "
                           f"{', '.join(each.name for each in attributes)}.")
        attribute = attributes[0].id
    if attribute is not None:
        services.follow()
        with services.bars(None, title="Loading the model"):
            from ..explain.explanations import explain_values
            explainer = services.value_explainer
        return explain_values(explainer, services.registry.values, item_ids, bars=services.bars, method=method,
                              attribute=project.taxonomy.attribute(attribute), target=target)
    explainer = services.load_explainer()
    from ..explain.explanations import explain, ids_of
    item_ids = ids_of(item_ids)
    if target is None or (isinstance(target, (tuple, list)) and target[0] is None):
        services.session.predict(np.array([project.pool.position(item_id) for item_id in item_ids], np.int64),
                                 bars=services.bars)
    return explain(explainer, services.inference, item_ids, prediction=project.prediction, method=method,
                   target=target, bars=services.bars)


def _explain_objects(services: Services, item_ids: Any, method: str, one: Any, **others: object) -> Explanations:
    project = services.project
    if given := [name for name, value in others.items() if value is not None]:
        raise BadInput(f"{given[0]}= was given, and this project asks for objects; pass object=, the id of a "
                       f"proposal or hw.{SHAPE_OF[project.task].capitalize()}(..., label=...).")
    with services.bars(None, title="Loading the model"):
        from ..explain.explanations import ids_of
        from ..explain.object_explainer import explain_objects
        maps = services.object_maps
    return explain_objects(maps, ids_of(item_ids), one, method=method, name_of=project.taxonomy.name_of,
                           label_id_of=lambda label: project.taxonomy.answer(label).id, bars=services.bars)


def explain_all(services: Services, method: str, *, n: int | None, client: Any) -> ExplainedPool:
    """Saliency maps of every item, or of the next n in the queue, kept on disk; see `Workbench.explain_all`."""
    services.require_labels()
    check_n(n)
    explainer = services.load_explainer()
    from ..explain.pool_maps import explain_pool
    project, inference = services.project, services.inference
    positions = np.arange(len(project.pool)) if n is None else next_positions(services, n)
    predictor, ranking = inference.ask_in_blocks(positions, client=client, bars=services.bars)
    return explain_pool(explainer, inference, positions, predictor=predictor, method=method, client=client,
                        prediction=lambda position: project.prediction(position, ranking), bars=services.bars)


def check_explanations(services: Services, methods: str | Sequence[str] | None, n: int,
                       budget_s: float) -> pd.DataFrame:
    """Checks of how far each method's maps can be trusted; see `Workbench.check_explanations`."""
    services.require_labels()
    check_count("n", n, "a number of items, 1 or more,", least=1)
    if isinstance(budget_s, bool) or not isinstance(budget_s, (int, float)) or not budget_s > 0:
        raise BadInput(f"budget_s is {budget_s!r}; a number of seconds above 0 is expected.")
    return services.load_explainer().check([methods] if isinstance(methods, str) else methods, n, budget_s=budget_s,
                                           bars=services.bars)
