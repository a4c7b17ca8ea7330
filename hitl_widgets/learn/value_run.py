"""Values of attributes in a fine-tuning: fitting heads, measuring them on blind values of the hold-out, adoption.

`fit_and_measure` does all of it and returns a `ValueRun`; `value_frame` is its table. Adoption is decided on hold-out
values, or on gold if there are none; never on imported values.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..events import Event, canonical
from ..project.project import Project
from ..quality.adoption import Verdict, better_values
from ..quality.value_metrics import ValueMetrics, compare_values, value_metrics
from ..records import Estimate
from ..taxonomy.attributes import Attribute, Value
from ..taxonomy.history import Lineage
from .learnt import unpack
from .measurement import DECIDING, SOURCES
from .registry import Registry
from .value_candidate import ValueCandidate, ValueComparison, fit_value_candidate
from .value_learning import adopt_values
from .value_registry import ValueModel, sorted_ends
from .values import Predicted
from .weights import weights_version

COLUMNS = ["attribute", "measure", "n", "before", "before_low", "before_high", "after", "after_low", "after_high",
           "gain", "gain_low", "gain_high", "spearman_before", "spearman_after", "within"]


@dataclass(frozen=True)
class ValueFigure:
    """The metrics of an attribute's former and new heads on the same items.

    Attributes
    ----------
    before, after : ValueMetrics
        Metrics of the formerly adopted heads, and of the new ones.
    gain : Estimate
        How much smaller the mean absolute error is, in units of the scale; for choices, the gain in accuracy.
    source : str
        "holdout", "gold" or "imported".
    """

    before: ValueMetrics
    after: ValueMetrics
    gain: Estimate
    source: str

    @property
    def measure(self) -> str:
        """The figure that decides: "mae", or "accuracy" for choices."""
        return "accuracy" if self.after.kind == "choices" else "mae"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        gain = None if not self.gain.n else [float(self.gain), self.gain.n, self.gain.low, self.gain.high]
        return {"before": self.before.to_dict(), "after": self.after.to_dict(), "gain": gain, "why": self.gain.why,
                "source": self.source}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ValueFigure:
        """Read what `to_dict` wrote."""
        gain = body["gain"]
        return cls(ValueMetrics.from_dict(body["before"]), ValueMetrics.from_dict(body["after"]),
                   Estimate(math.nan, why=body["why"]) if gain is None else
                   Estimate(gain[0], gain[2], gain[3], n=gain[1]), body["source"])


@dataclass(frozen=True)
class ValueRun:
    """The result of one fine-tuning for the attributes' values.

    Attributes
    ----------
    model : str
        The version of the new heads; "" if there were too few values to learn from.
    adopted : bool
        Whether they were adopted.
    verdict : str
        Why they were adopted or not, or why there are none.
    n_training : int
        How many items they learnt from.
    figures : mapping of str to ValueFigure
        The name of each attribute -> how well its values are predicted.
    """

    model: str = ""
    adopted: bool = False
    verdict: str = ""
    n_training: int = 0
    figures: Mapping[str, ValueFigure] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The fields, as the log stores them."""
        return {"model": self.model, "adopted": self.adopted, "verdict": self.verdict, "n_training": self.n_training,
                "figures": {name: figure.to_dict() for name, figure in self.figures.items()}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ValueRun:
        """Read what `to_dict` wrote."""
        return cls(body["model"], body["adopted"], body["verdict"], body["n_training"],
                   {name: ValueFigure.from_dict(figure) for name, figure in body["figures"].items()})

    @property
    def gain(self) -> Estimate:
        """The gain, if a single attribute was measured; none for several, since their units differ."""
        measured = [figure for figure in self.figures.values() if figure.after.n]
        if len(measured) == 1:
            return measured[0].gain
        return Estimate(math.nan, why="each attribute has a gain of its own: see run.values" if measured else
                        "no value of a hold-out item was given blind yet")

    def lines(self) -> list[str]:
        """Lines of text: one for each attribute, and why the heads were adopted."""
        lines = []
        for name, figure in self.figures.items():
            before, after = (metrics[figure.measure] for metrics in (figure.before, figure.after))
            rank = figure.after["spearman"]
            called = "accuracy" if figure.measure == "accuracy" else "mean absolute error"
            lines.append(f"{name}: {called} {before if figure.before.n else 'none'} before, {after} after; gain "
                         f"{figure.gain}" + ("" if math.isnan(rank) else f"; Spearman's correlation {rank.value:.2f}"))
        heads = f"heads {self.model} {'adopted' if self.adopted else 'not adopted'}, from {self.n_training} items" \
            if self.model else "no heads for attributes"
        return [*lines, f"{heads}: {self.verdict}"]


def value_frame(figures: Mapping[str, ValueFigure]) -> pd.DataFrame:
    """A row for each attribute.

    Returns
    -------
    DataFrame
        attribute, measure ("mae", in units of the scale, or "accuracy"), n (items), before and after with the ends of
        their 95 % intervals, gain (above 0 where the new heads are better) with its ends, spearman_before,
        spearman_after, and within, the share of known values inside the new heads' 90 % intervals.
    """
    rows = []
    for name, figure in figures.items():
        before, after = (metrics[figure.measure] for metrics in (figure.before, figure.after))
        rows.append([name, figure.measure, figure.after.n, *(number for one in (before, after, figure.gain)
                                                             for number in (float(one), one.low, one.high)),
                     float(figure.before["spearman"]), float(figure.after["spearman"]),
                     float(figure.after["within"])])
    table: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS)
    return table


def values_digest(project: Project) -> str | None:
    """A digest of all training and measuring values; None where the taxonomy has no attributes."""
    if not project.taxonomy.attributes:
        return None
    votes, known = project.answers().value_votes(), project.reference_values()
    rows = [sorted(zip(*(table[name].tolist() for name in names), strict=True), key=str) for table, names in (
        (votes, ("item_id", "annotator", "attribute_id", "value", "weight")),
        (known, ("item_id", "attribute_id", "value")))]
    attributes = [attribute.to_dict() for attribute in project.taxonomy.attributes]
    return hashlib.blake2b(canonical({"rows": rows, "attributes": attributes}).encode(), digest_size=16).hexdigest()


def fit_and_measure(project: Project, registry: Registry, *, adopt: str, certainty: str) -> ValueRun | None:
    """Fit heads for attributes to all answers, compare them with the adopted ones, and adopt them if better.

    Hold `registry.training`.

    Parameters
    ----------
    project : Project
    registry : Registry
    adopt : "better", "always" or "never"
        See `Workbench.finetune`.
    certainty : str
        With "off" each answer counts the same.

    Returns
    -------
    ValueRun or None
        None where the taxonomy has no attributes.
    """
    if not project.taxonomy.attributes:
        return None
    registry.values.follow()
    new = fit_value_candidate(project, registry, certainty=certainty)
    if isinstance(new, str):
        return ValueRun(verdict=new)
    net = new.net(registry)
    model = ValueModel(weights_version(net), net, tuple(new.attributes), new.lineage.today.version)
    figures, verdict = _measured(project, registry, new, model)
    adopted, why = (verdict.adopted, verdict.why) if adopt == "better" else \
        (adopt == "always", f"adopt={adopt!r}; by the measure: {verdict.why}")
    if adopted:
        adopt_values(registry, new, ValueComparison(True, why), origin="trained")
    return ValueRun(model.version, adopted, why, len(new.taught), figures)


# 15 branches: there may be no heads before, no items that measure, or none of some attribute.
def _measured(project: Project, registry: Registry, new: ValueCandidate, model: ValueModel
              ) -> tuple[dict[str, ValueFigure], Verdict]:
    """The figures of each attribute, on the items of one source, and the verdict on all attributes together."""
    known, lineage, former = project.reference_values(), project.lineage, registry.values.adopted
    if former is not None and (event := registry.values.adoption) is not None:
        known = without_learnt(known, event)
    source = next((one for one in SOURCES if (known["source"] == one).any()), "")
    known = known[known["source"] == source]
    column = project.settings.get("group")
    rows = registry.values.rows(positions := np.unique(known["position"].to_numpy(np.int64)), model)
    readable = np.isfinite(rows).all(axis=1)
    place_of = {position: row for row, position in enumerate(positions[readable].tolist())}
    said = [None if one is None else _predictions(registry, one, positions[readable], lineage)
            for one in (former, model)]
    figures: dict[str, ValueFigure] = {}
    errors: list[pd.DataFrame] = []
    for attribute in lineage.today.attributes:
        of = known[(known["attribute_id"] == attribute.id) & known["position"].isin(list(place_of))]
        if not len(of) or said[1] is None or attribute.id not in said[1]:
            continue
        at = [place_of[position] for position in of["position"].tolist()]
        groups = None if column is None else project.pool.group_sums(column)[of["position"].to_numpy(np.int64)]
        figure, error = _figure(attribute, of["value"].tolist(), at, said, source, groups)
        figures[attribute.name] = figure
        errors.append(error.assign(position=of["position"].to_numpy()))
    deciding = bool(errors) and source in DECIDING
    return figures, _verdict(figures, pd.concat(errors), project) if deciding else \
        Verdict(adopted=True, why="not measured: no value of a hold-out item was given blind yet")


def without_learnt(known: pd.DataFrame, adoption: Event) -> pd.DataFrame:
    """Measuring values, except gold items that the heads learnt before they became gold.

    Parameters
    ----------
    known : DataFrame
        As returned by `reference.measuring_values`.
    adoption : Event
        The event by which the heads were adopted.
    """
    sums = np.array([zlib.crc32(item_id.encode()) for item_id in known["item_id"]], np.uint32)
    return known[~((known["source"] == "gold") & np.isin(sums, unpack(adoption.body["learnt"])))]


# Predictions on today's scales, by attribute: values, low and high ends.
Said = Mapping[str, tuple[list[Any], list[float], list[float]]]


def _predictions(registry: Registry, model: ValueModel, positions: np.ndarray, lineage: Lineage) -> Said:
    """Predictions for some items, on today's scales; attributes that can't be carried over are left out."""
    predicted = registry.values.predict(positions, model)
    found: dict[str, tuple[list[Any], list[float], list[float]]] = {}
    today = {attribute.id: attribute for attribute in lineage.today.attributes}
    for attribute in model.attributes:
        if attribute.id in today:
            found[attribute.id] = _carried(predicted[attribute.id], attribute, today[attribute.id], lineage,
                                           model.taxonomy)
    return found


def _carried(said: Predicted, was: Attribute, now: Attribute, lineage: Lineage, version: int
             ) -> tuple[list[Any], list[float], list[float]]:
    moved = lineage.moved(was.id, version)

    def today(value: Value | None) -> Any:
        return value if value is None or not moved else lineage.value(was.id, value, version)

    def number(value: Any) -> float:
        return float(value) if isinstance(value, (int, float)) else math.nan
    values = [today(value) for value in said.values]
    ends = [sorted_ends(number(today(low)), number(today(high))) for low, high in zip(said.low, said.high, strict=True)]
    low_ends, high_ends = [low for low, _ in ends], [high for _, high in ends]
    return values if now.scale is None else [number(value) for value in values], low_ends, high_ends


# 13 branches: values on a scale or choices, of a former model that may not know the attribute.
def _figure(attribute: Attribute, known: Sequence[Any], at: list[int], said: Sequence[Said | None], source: str,
            groups: np.ndarray | None) -> tuple[ValueFigure, pd.DataFrame]:
    """The figure of one attribute, and each item's error before and after, as a share of the scale."""
    kind, metrics, columns = attribute.kind, [], []
    nothing: list[Any] = [None if kind == "choices" else math.nan] * len(at)
    for of_model in said:
        values, low, high = nothing, [math.nan] * len(at), [math.nan] * len(at)
        if of_model is not None and attribute.id in of_model:
            values, low, high = ([column[row] for row in at] for column in of_model[attribute.id])
        columns.append(values)
        ends = (None, None) if kind == "choices" else (low, high)
        metrics.append(value_metrics(known, values, kind, low=ends[0], high=ends[1], groups=groups))
    gain = compare_values(known, columns[0], columns[1], kind, groups=groups) if metrics[0].n else \
        Estimate(math.nan, why="there were no heads for it before")
    length = 1.0 if attribute.scale is None else attribute.scale[1] - attribute.scale[0]
    errors = [np.array([value != true if kind == "choices" else abs(value - true) / length
                        for value, true in zip(values, known, strict=True)], np.float64) for values in columns]
    return ValueFigure(metrics[0], metrics[1], gain, source), pd.DataFrame(
        {"before": errors[0] if metrics[0].n else np.nan, "after": errors[1]})


def _verdict(figures: Mapping[str, ValueFigure], errors: pd.DataFrame, project: Project) -> Verdict:
    """Whether the new heads are better over all attributes that both know; errors as shares of the scale."""
    both = errors.dropna()
    if not len(both):
        return Verdict(adopted=True, why="the first heads that were measured")
    of_items = both.groupby("position").mean()
    column = project.settings.get("group")
    groups = None if column is None else project.pool.group_sums(column)[of_items.index.to_numpy(np.int64)]
    verdict = better_values(of_items["after"].to_numpy(), of_items["before"].to_numpy(), groups=groups)
    unit = "as parts of the scales: " if any(figure.measure == "mae" for figure in figures.values()) else \
        "as shares of wrong choices: "
    if not verdict.adopted and errors["before"].isna().any():
        return Verdict(adopted=True, why=f"an attribute had no head before; {unit}{verdict.why}")
    return Verdict(verdict.adopted, unit + verdict.why)
