"""Progress of attributes: how well their values are predicted, round by round. Read `value_progress`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..events import Event
from ..learn.value_run import ValueRun, without_learnt
from ..project.project import Project
from ..quality.value_metrics import ValueMetrics, value_metrics
from ..taxonomy.history import Lineage

if TYPE_CHECKING:
    from ..learn.registry import Registry

COLUMNS = ["round", "attribute", "source", "model", "answers", "measure", "n", "value", "low", "high", "spearman",
           "origin", "edited", "in_use"]


def value_progress(project: Project, trained: Sequence[Event], registry: Callable[[], Registry] | None
                   ) -> pd.DataFrame:
    """List the errors of predicted values against known ones, for each round and for heads trained since.

    Parameters
    ----------
    project : Project
    trained : sequence of Event
        The log's "trained" events, in their order.
    registry : callable or None
        Returns the project's models; without it, heads that were trained in the background aren't measured.

    Returns
    -------
    DataFrame
        A row for each round and attribute: round, attribute (its name today), source ("holdout", "gold" or
        "imported"), model (version of the heads), answers (items that they learnt from), measure ("mae", the mean
        absolute error in units of the scale, or "accuracy" of choices), n, value, low, high (95 %), spearman (rank
        correlation; NaN for choices), origin ("round" or "background"), edited (whether an edit changed the meaning of
        its values since: the figure is then for the former scale or choices) and in_use (whether these heads are the
        adopted ones).
    """
    adopted = project.adopted_values()
    current = None if adopted is None else adopted.body["model"]
    rows: list[tuple[Any, ...]] = []
    for n_round, event in enumerate(trained, 1):
        if (body := event.body.get("values")) is None:
            continue
        run = ValueRun.from_dict(body)
        rows += [(n_round, *now, figure.source, run.model, run.n_training, *_row(figure.after), "round",
                  run.model == current) for name, figure in run.figures.items()
                 if figure.after.n and (now := _today(project.lineage, name, event.body.get("taxonomy"))) is not None]
    if adopted is not None and adopted.body["origin"] == "background" and registry is not None:
        rows += _of_background(project, adopted, registry(), len(trained) + 1)
    order = ["round", "attribute", "edited", *COLUMNS[2:-2], "in_use"]
    return pd.DataFrame(rows, columns=order)[COLUMNS]


def _today(lineage: Lineage, name: str, version: int | None) -> tuple[str, bool] | None:
    """Today's name of an attribute that a run measured, and whether its values were edited since; None if gone."""
    first = lineage.since(version)
    # A run trains under the taxonomy of its start, and measures under that of its end.
    for then in (one for one in sorted(lineage.versions) if one >= first):
        for attribute in lineage.versions[then].attributes:
            if attribute.name == name:
                now = next((one.name for one in lineage.today.attributes if one.id == attribute.id), None)
                return None if now is None else (now, lineage.moved(attribute.id, then))
    return None


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
        rows.append((n_round, attribute.name, False, source, event.body["model"], int(event.body["n_training"]),
                     *_row(metrics), "background", True))
    return rows


def _row(metrics: ValueMetrics) -> tuple[Any, ...]:
    measure = "accuracy" if metrics.kind == "choices" else "mae"
    figure = metrics[measure]
    return measure, metrics.n, figure.value, figure.low, figure.high, float(metrics["spearman"])
