"""Progress of a project with objects in images: accuracy of the model, proposals that stood, and times.

Every number comes with its n and its 95 % interval. Read `object_progress` first.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..drawing import html
from ..errors import BadInput
from ..events import Event
from ..objects.shapes import bounds_of
from ..project.first_looks import first_looks
from ..project.project import Project
from ..quality.intervals import design_effect, jeffreys, of_median
from ..quality.object_detection import detection
from ..quality.object_tables import without_unknown
from ..quality.prefill import PrefillBias, prefill_bias
from ..quality.span_metrics import Figures, figures_in, spans
from ..records import SHAPE_OF, Estimate, Proposal, check_count
from ..taxonomy.labels import Taxonomy
from .progress import ACCURACY, NOT_ADOPTED, RECALL, ever_adopted

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

# The main metric of a model: average precision at an overlap of one half; F1 for points and spans.
FIRST = {"box": "map50", "polygon": "map50", "point": "f1", "span": "f1_strict"}
STOOD = {"accepted": True, "moved": False, "relabelled": False, "deleted": False}


@dataclass(frozen=True, repr=False)
class ObjectProgress:
    """Progress of a project of objects over its rounds. All shares stand beside n, low and high (95 %).

    Parameters
    ----------
    accuracy : DataFrame
        A row a round: round, source ("holdout", or "imported" where no hold-out image was answered blind and some have
        imported objects), model, answers (images that it learnt from), n (hold-out images that measure), share (the
        figure), low, high, curve, origin, figure ("map50", of points "f1", of spans "f1_strict"). A model that no round
        trained is measured now, and has the round after the last.
    labels : DataFrame
        The same for each of today's labels: label, round, answers (objects of the label by then), n (images with the
        label), recall (the label's value of the metric), low, high.
    suggestions : DataFrame
        How many of the visible proposals stood as they were: round, label ("all", or the one that was proposed), n
        (proposals), share, low, high. Intervals allow for proposals of one image being alike.
    acts : DataFrame
        Corrections, a row for each round: round, n_images; accepted, moved, relabelled, deleted, added (per image); iou
        (mean overlap of moved objects with their proposals).
    times : DataFrame
        Seconds per image from paint to key press: round, verdict, n, median_s, low, high.
    now : Detection, SpanMetrics or None
        The adopted model on the hold-out images; None if none was answered or there is no model.
    prefill : PrefillBias
        Misses that the proposals cause.
    queue : str
        Which items the queue asks for now, and why.
    """

    accuracy: pd.DataFrame
    labels: pd.DataFrame
    suggestions: pd.DataFrame
    acts: pd.DataFrame
    times: pd.DataFrame
    now: Figures | None
    prefill: PrefillBias
    queue: str
    gained: Estimate
    values: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["attribute", "measure"]))
    likely: Estimate = field(default_factory=lambda: Estimate(math.nan, why="isn't estimated for objects"))
    more: int = 0
    goal: None = None

    def plot(self) -> Drawing:
        """Plot the metric by round and for each label, proposals that stood and time per image, with 95 % intervals."""
        from ..drawing.plots import plot_progress
        return plot_progress(self)

    def __repr__(self) -> str:
        return "\n".join(f"{name:<20} {text}" for name, text in self._lines())

    def _lines(self) -> list[tuple[str, str]]:
        stood = self.suggestions[self.suggestions["label"] == "all"]
        first = "figure" if not len(self.accuracy) else str(self.accuracy["figure"].iloc[-1])
        imported = len(self.accuracy) and self.accuracy["source"].iloc[-1] == "imported"
        return [(f"{first}, imported" if imported else f"hold-out {first}", _latest(self.accuracy)),
                ("proposals stood", _latest(stood)),
                ("last round gained", f"{self.gained}"), ("missed unproposed", f"{self.prefill.missed}"),
                ("the queue asks for", self.queue)]

    def _repr_html_(self) -> str:
        rounds = [(f"{row['round']}{'' if row['adopted'] else NOT_ADOPTED}", row["answers"],
                   html.bar(row["share"], low=row["low"], high=row["high"]),
                   str(Estimate(row["share"], row["low"], row["high"], n=row["n"])))
                  for row in self.accuracy.to_dict("records")]
        acts = [[row["round"], row["n_images"], *(f"{row[name]:.1f}" for name in (*STOOD, "added"))]
                for row in self.acts.to_dict("records")]
        figure = str(self.accuracy["figure"].iloc[-1]) if len(self.accuracy) else ""
        return html.page(
            "Progress", *([html.table(("round", "items learnt from", figure, ""), rounds)] if rounds else []),
            *([html.table(("round", "items", *STOOD, "added"), acts)] if acts else []),
            *(html.paragraph(f"{name}: {text}") for name, text in self._lines()))


def object_progress(project: Project, *, more: int = 50, goal: float | None = None) -> ObjectProgress:
    """Measure the rounds so far of a project that asks for objects.

    Parameters
    ----------
    project : Project
    more : int
        Only checked: the gain from further images isn't estimated.
    goal : float, optional
        Must be None: the number of images until a goal isn't estimated either.

    Raises
    ------
    BadInput
        If more isn't a whole number, 1 or more, or there is a goal.
    """
    check_count("n_answers", more, "a whole number, 1 or more,", least=1)
    if goal is not None:
        raise BadInput("a goal is an accuracy of items with one label each; how many images are left isn't estimated "
                       "where objects are asked for. Leave goal out.")
    project.refresh()
    kind = SHAPE_OF[project.task]
    trained = [event for event in project.log.events(kind="trained") if event.body.get("kind") == "objects"]
    measured = [figures_in(event.body["after"]) for event in trained]
    now, source, adopted = *_now(project, kind, trained, measured), project.adopted()
    looks = first_looks(project)
    ends = [event.seq or 0 for event in trained]
    round_of = {event.id: 1 + bisect_left(ends, event.seq or 0) for event in project.log.events(kind="decided")}
    looks = looks.assign(round=looks["decision_id"].map(round_of).astype(int))
    curves = _curves(trained)
    accuracy, labels = _accuracy(trained, measured, looks, FIRST[kind], project.taxonomy, curves,
                                 ever_adopted(trained, project.log.events(kind="adopted")))
    if now is not None and adopted is not None and all(event.body["model"] != adopted.body["model"]
                                                       for event in trained):
        figure = now[FIRST[kind]]
        same = not trained or set(trained[-1].body["label_ids"]) == set(project.taxonomy.label_ids)
        accuracy.loc[len(accuracy)] = [len(trained) + 1, source, adopted.body["model"], 0, figure.n, figure.value,
                                       figure.low, figure.high, max(curves, default=1) + (not same),
                                       adopted.body.get("origin", "given"), FIRST[kind], True]
    project.selector.default(project.queue, project.lineage)
    return ObjectProgress(accuracy=accuracy, labels=labels, suggestions=_stood(looks), acts=_acts(looks),
                          times=_times(looks), now=now, prefill=prefill_bias(looks), queue=project.selector.why,
                          gained=_gained(trained))


def _now(project: Project, kind: str, trained: Sequence[Event], measured: Sequence[Figures]
         ) -> tuple[Figures | None, str]:
    """The adopted model on the hold-out's images, as its round measured it or measured now, and on which of them."""
    adopted = project.adopted()
    if adopted is None or not project.has_pool:
        return None, ""
    for event, figures in zip(reversed(trained), reversed(measured), strict=True):
        if event.body["model"] == adopted.body["model"]:
            return figures if figures.n_images else None, _source(event)
    from ..learn.object_run import truth_of
    reference = project.reference_objects()
    truth, sizes = truth_of(project, reference, kind)
    if project.propose is None or not len(truth):
        return None, ""
    proposals = {item_id: project.propose(int(place)) for item_id, place in
                 zip(reference["item_id"], reference["position"], strict=True)}
    found = without_unknown(_found_objects(proposals, project.taxonomy, kind), reference)
    items = list(reference["item_id"])
    thresholds: Any = {label_id: adopted.body.get("thresholds", {}).get(label_id, 0.3)
                       for label_id in project.taxonomy.label_ids}
    column = project.settings.get("group")
    groups = None if column is None else dict(zip(
        items, project.pool.group_sums(column)[reference["position"].to_numpy(np.int64)], strict=True))
    now: Figures
    if kind == "span":  # spans are stored as boxes from start to end
        now = spans(truth, found.assign(start=found["x0"], end=found["x1"]), texts=items, threshold=thresholds,
                    groups=groups)
    else:
        now = detection(truth, found, images=items, sizes=sizes, threshold=thresholds, groups=groups)
    return None if math.isnan(now[FIRST[kind]]) else now, str(reference["source"].iloc[0])


def _source(event: Event) -> str:
    """What a round was measured on."""
    return str(event.body.get("measured_on") or "holdout")


def _found_objects(proposals: Mapping[str, Sequence[Proposal]], taxonomy: Taxonomy, kind: str) -> pd.DataFrame:
    """Table of the proposed objects with one of today's labels."""
    rows: list[tuple[Any, ...]] = []
    name_of = {label_id: taxonomy.name_of(label_id) for label_id in taxonomy.label_ids}
    for item_id, objects in proposals.items():
        for one in objects:
            if one.label_id in name_of:
                points = tuple(zip(one.at[::2], one.at[1::2], strict=True)) if kind == "polygon" else None
                rows.append((item_id, kind, one.label_id, name_of[one.label_id], *bounds_of(one.at, kind), points,
                             one.score))
    table = pd.DataFrame(rows, columns=["item_id", "kind", "label_id", "label", "x0", "y0", "x1", "y1", "points",
                                        "score"], dtype=object)
    return table.astype(dict.fromkeys(("x0", "y0", "x1", "y1", "score"), float))


def _curves(trained: Sequence[Event]) -> list[int]:
    """The number of each round's learning curve: a new one begins when the labels change."""
    curves, former = list[int](), None
    for event in trained:
        labels = set(event.body["label_ids"])
        curves.append((curves[-1] if curves else 1) + (former is not None and labels != former))
        former = labels
    return curves


def _accuracy(trained: Sequence[Event], measured: Sequence[Figures], looks: pd.DataFrame, figure: str,
              today: Taxonomy, curves: Sequence[int], in_use: Container[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The metric of each round, over all labels and for each of today's."""
    rows: list[tuple[Any, ...]] = []
    labels: list[tuple[Any, ...]] = []
    counts: Counter[str] = Counter()
    for n_round, (event, after) in enumerate(zip(trained, measured, strict=True), 1):
        for objects in looks.loc[looks["round"] == n_round, "objects"]:
            counts.update(one["label_id"] for one in objects if one.get("act") != "deleted")
        if not after.n_images or math.isnan(after[figure]):
            continue
        one = after[figure]
        rows.append((n_round, _source(event), event.body["model"], int(event.body["n_training"]), one.n, one.value,
                     one.low, one.high, curves[n_round - 1], "round", figure, event.body["model"] in in_use))
        # By its id: a label may have another name now, and its name may be that of another label.
        for name, label_id in after.table["label_id"].iloc[1:].items():
            of_label = after.estimate(figure, str(name))
            if label_id in today.label_ids and not math.isnan(of_label):
                now = today.name_of(label_id)
                labels.append((now, n_round, counts[now], of_label.n, of_label.value, of_label.low, of_label.high,
                               event.body["model"] in in_use))
    return pd.DataFrame(rows, columns=ACCURACY), pd.DataFrame(labels, columns=RECALL)


def _gained(trained: Sequence[Event]) -> Estimate:
    if not trained:
        return Estimate(math.nan, why="no round has ended yet")
    gain = trained[-1].body.get("gain")
    if not gain:
        return Estimate(math.nan, why=str(trained[-1].body.get("why") or "it wasn't measured"))
    value, n, *ends = gain
    low, high = (math.nan if end is None else end for end in ends)  # too few images for an interval
    return Estimate(value, low, high, n=n)


def _stood(looks: pd.DataFrame) -> pd.DataFrame:
    """How many visible proposals stood unchanged, over all labels and for each."""
    rows: list[tuple[Any, ...]] = []
    visible = looks[~looks["hidden"]]
    each = [(n_round, item_id, _proposed_label(one), STOOD[one["act"]]) for n_round, item_id, objects in
            zip(visible["round"], visible["item_id"], visible["objects"], strict=True)
            for one in objects if one.get("origin") == "model" and one.get("act") in STOOD]
    table = pd.DataFrame(each, columns=["round", "item_id", "label", "stood"])
    for n_round, group in table.groupby("round"):
        for label, some in [("all", group), *group.dropna(subset=["label"]).groupby("label")]:
            k, n = int(some["stood"].sum()), len(some)
            effect = design_effect(some["stood"].to_numpy(float), some["item_id"])
            rows.append((n_round, label, n, k / n, *jeffreys(k / effect, n / effect)))
    return pd.DataFrame(rows, columns=["round", "label", "n", "share", "low", "high"])


def _proposed_label(one: Mapping[str, Any]) -> str | None:
    """The label of a proposal, whatever became of it; None where an invented log doesn't say."""
    if (was := one.get("was")) is None and one["act"] == "relabelled":
        return None
    return str((was or one)["label_id"])


def _acts(looks: pd.DataFrame) -> pd.DataFrame:
    """Mean number of each kind of correction per image, where proposals could be seen."""
    rows = []
    for n_round, group in looks[~looks["hidden"] & looks["model"].notna()].groupby("round"):
        acts = Counter(one.get("act") for objects in group["objects"] for one in objects)
        overlap = [one["iou"] for objects in group["objects"] for one in objects
                   if one.get("act") == "moved" and one.get("iou") is not None]
        rows.append((n_round, len(group), *(acts[name] / len(group) for name in (*STOOD, "added")),
                     float(np.mean(overlap)) if overlap else math.nan))
    return pd.DataFrame(rows, columns=["round", "n_images", *STOOD, "added", "iou"])


def _times(looks: pd.DataFrame) -> pd.DataFrame:
    timed = looks[looks["shown_ms"] > 0]
    rows = []
    for n_round, by_round in timed.groupby("round"):
        for verdict, group in [("all", by_round), *by_round.groupby("verdict")]:
            seconds = group["shown_ms"].to_numpy(np.float64) / 1000
            low, high = of_median(seconds)
            rows.append((n_round, verdict, len(group), float(np.median(seconds)), max(0.0, low), high))
    return pd.DataFrame(rows, columns=["round", "verdict", "n", "median_s", "low", "high"])


def _latest(table: pd.DataFrame) -> str:
    if not len(table):
        return "nothing yet"
    row = table.iloc[-1]
    return f"{Estimate(row['share'], row['low'], row['high'], n=int(row['n']))} in round {row['round']}"
