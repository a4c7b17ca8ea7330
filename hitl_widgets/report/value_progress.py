"""Progress of attributes: how well their values are predicted, round by round. Read `value_progress`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..events import Event
from ..learn.value_run import ValueRun, without_learnt
from ..project.project import Project
from ..quality.value_metrics import ValueMetrics, value_metrics

if TYPE_CHECKING:
    from ..learn.registry import Registry

COLUMNS = ["round", "attribute", "source", "model", "answers", "measure", "n", "value", "low", "high", "spearman",
           "origin"]


def value_progress(project: Project, trained: Sequence[Event], registry: Callable[[], Registry] | None
                   ) -> pd.DataFrame:
    """List how far predicted values are from known ones: those of each round, and of heads learnt since.

    Parameters
    ----------
    project : Project
    trained : sequence of Event
        The log's events of that kind, in their order.
    registry : callable or None
        Gives the project's models; without it heads that were learnt in the background aren't measured.

    Returns
    -------
    DataFrame
        A row for each round and attribute: round, attribute, source ("holdout", "gold" or "imported"), model (version
        of the heads), answers (items that they learnt from), measure ("mae", the mean absolute error in units of the
        scale, or "accuracy" of choices), n, value, low, high (95 %), spearman (rank correlation; NaN for choices) and
        origin ("round" or "background").
    """
    rows: list[tuple[Any, ...]] = []
    for n_round, event in enumerate(trained, 1):
        if (body := event.body.get("values")) is None:
            continue
        run = ValueRun.from_dict(body)
        rows += [(n_round, name, figure.source, run.model, run.n_training, *_row(figure.after), "round")
                 for name, figure in run.figures.items() if figure.after.n]
    adopted = project.adopted_values()
    if adopted is not None and adopted.body["origin"] == "background" and registry is not None:
        rows += _of_background(project, adopted, registry(), len(trained) + 1)
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_background(project: Project, event: Event, registry: Registry, n_round: int) -> list[tuple[Any, ...]]:
    """Measure the adopted heads on the surest kind of values that measure."""
    known, rows = without_learnt(project.reference_values(), event), list[tuple[Any, ...]]()
    source = next((one for one in ("holdout", "gold", "imported") if (known["source"] == one).any()), "")
    known = known[known["source"] == source]
    registry.values.follow()
    predicted = {position: registry.values.predicted(position) for position in known["position"].unique().tolist()}
    for attribute in project.taxonomy.attributes:
        of = known[known["attribute_id"] == attribute.id]
        of = of[[attribute.id in predicted[position] for position in of["position"].tolist()]]
        if not len(of):
            continue
        said = [predicted[position][attribute.id].value for position in of["position"].tolist()]
        column = project.settings.get("group")
        groups = None if column is None else project.pool.group_sums(column)[of["position"].to_numpy()]
        metrics = value_metrics(of["value"].tolist(), said, attribute.kind, groups=groups)
        rows.append((n_round, attribute.name, source, event.body["model"], int(event.body["n_training"]),
                     *_row(metrics), "background"))
    return rows


def _row(metrics: ValueMetrics) -> tuple[Any, ...]:
    measure = "accuracy" if metrics.kind == "choices" else "mae"
    figure = metrics[measure]
    return measure, metrics.n, figure.value, figure.low, figure.high, float(metrics["spearman"])
