"""A fine-tuning in a project that asks for objects: training from corrected images, measurement, adoption.

`finetune_objects` does all of it and returns an `ObjectRun`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from torch import nn

from ..drawing import html
from ..errors import BadInput, ItemError, ModelError
from ..events import canonical
from ..objects.shapes import bounds_of
from ..project import experiment
from ..project.project import Project
from ..quality.object_detection import compare_detection, detection
from ..quality.object_tables import without_unknown
from ..quality.span_metrics import Figures, compare_spans, figures_in, spans
from ..records import SHAPE_OF, Bars, Estimate, ObjectAnswer, no_bars
from .imported_objects import ImportedDetector
from .learnt import pack
from .object_finetuning import DetectorOptions, finetune_detector
from .object_learning import LEAST_THRESHOLD, MOST_THRESHOLD, THRESHOLD, CorrectedImage, Fitting, boxes_of, fit_objects
from .object_predictors import Detector, TorchvisionDetector
from .object_rationales import Marked, marked_objects
from .object_registry import ObjectModel, ObjectRegistry
from .object_reliance import Measured, measure_object_reliance
from .object_training import BATCH, STEPS, ObjectOptions
from .rationales import RationaleMethod
from .reliance import Reliance
from .run import limit_torch_threads
from .span_targets import CorrectedText
from .span_training import BATCH as TEXTS
from .span_training import STEPS as SPAN_STEPS
from .span_training import SpanOptions, fit_spans

# Unanswered images on which thresholds are carried over to the final net.
N_UNLABELLED = 24
MAX_WEIGHT = 3.0
START, ADOPT, CERTAINTY = ("adopted", "initial"), ("better", "always", "never"), ("weight", "off")
REASONS = ("auto", "penalty", "invariance", "off")
NO_HOLDOUT = "not measured: no hold-out image was answered blind yet"
MAIN = {"box": "map50", "polygon": "map50", "point": "f1", "span": "f1_strict"}
# The figure that decides where the main one is the same as that of the former model.
FINER = {"map50": "map", "f1_strict": "f1_partial"}
IN_WORDS = {"f1_strict": "F1 of spans with the same characters and label (f1_strict)",
            "f1_exact": "F1 of the same characters (f1_exact)",
            "f1_partial": "F1 with half for some of the characters (f1_partial)",
            "map50": "average precision at an overlap of 0.5 (map50)", "map": "average precision (map)", "f1": "F1",
            "map75": "average precision at an overlap of 0.75", "precision": "precision", "recall": "recall"}


@dataclass(frozen=True)
class ObjectRecipe:
    """The arguments of one run, checked when made.

    Parameters
    ----------
    epochs, budget_s, start, adopt, seed, certainty, lr, reasons
        See `Workbench.finetune`.

    Raises
    ------
    BadInput
        When one can't be used.
    """

    epochs: int | None = None
    budget_s: float | None = None
    start: str = "adopted"
    adopt: str = "better"
    seed: int = 0
    certainty: str = "weight"
    lr: float | None = None
    reasons: str = "auto"

    def __post_init__(self) -> None:
        for name, choices in (("start", START), ("adopt", ADOPT), ("certainty", CERTAINTY), ("reasons", REASONS)):
            if getattr(self, name) not in choices:
                raise BadInput(f"{name} is {getattr(self, name)!r}; one of {', '.join(choices)} is expected where "
                               "objects are learnt.")
        for name, expected in (("budget_s", "a number of seconds above 0, or None,"), ("lr", "a number above 0, or "
                                                                                      "None,")):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float, np.number))
                                      or not 0 < value < math.inf):
                raise BadInput(f"{name} is {value!r}; {expected} is expected.")
        for name, least in (("epochs", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer))
                                      or value < least):
                raise BadInput(f"{name} is {value!r}; a whole number, {least} or more, is expected.")


@dataclass(frozen=True)
class ObjectRun:
    """The result of one fine-tuning of a detector.

    Attributes
    ----------
    before, after : Detection or SpanMetrics
        Figures of the adopted model and of the new one, on the same hold-out images: `after["map50"]`, `["map"]`, for
        points `["f1"]`, for spans `["f1_strict"]`, `["f1_exact"]`, `["f1_partial"]`, `["f1_type"]`, each with its
        interval, and `after.per_label`. Without measured images they are empty.
    gain : Estimate
        After minus before in map50, for points in F1, for spans in f1_strict, with the paired 95 % interval over
        images.
    model : str
        Version of the new model.
    adopted : bool
        Whether it is the project's model now.
    verdict : str
        Why it was adopted, or wasn't.
    n_training, n_objects : int
        Number of images that it learnt from, and of the objects in them.
    n_validation : int
        Number of these images on which the thresholds were chosen, before they were learnt.
    taken : str
        Which net was trained: the workbench's own, or a copy of the user's.
    n_marked : int
        Number of objects with marked regions in the loss.
    relies_before, relies_after : Reliance or None
        How much each model's scores depend on the regions that were marked as wrong; None where nobody marked any, for
        spans, and for a model that can't search repainted images.
    thresholds : dict of str to float
        label_id -> the score from which its objects are proposed.
    history : DataFrame
        step and loss.
    stopped_because : str
        "done" or "budget".
    seconds : float
        Duration.
    round : int
        Its number, 1 for the project's first.
    measured_on : str
        "holdout"; "imported" if no hold-out image was answered blind and some have imported objects; "" if there is no
        image to measure on.
    net : torch.nn.Module or None
        The trained net; None for a run that was read from the log.
    """

    before: Figures
    after: Figures
    gain: Estimate
    model: str
    adopted: bool
    verdict: str
    n_training: int
    n_objects: int
    seconds: float
    round: int
    history: pd.DataFrame
    n_validation: int = 0
    taken: str = ""
    n_marked: int = 0
    relies_before: Reliance | None = None
    relies_after: Reliance | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    stopped_because: str = "done"
    measured_on: str = ""
    net: nn.Module | None = field(default=None, repr=False, compare=False)

    @property
    def main(self) -> str:
        """The figure that decides: "map50", for points "f1", for spans "f1_strict"."""
        return MAIN[self.after.kind]

    def table(self) -> pd.DataFrame:
        """The figure that decides, for each label and for all: label, n (objects), before, after, gain, threshold."""
        after, before = self.after.table, self.before.table
        count = "n_spans" if self.after.kind == "span" else "n_objects"
        rows = []
        for name in after.index:
            was, now = (float(table[self.main].get(name, math.nan)) for table in (before, after))
            rows.append([name, int(after.loc[name, count]), was, now, now - was,
                         self.thresholds.get(after.loc[name, "label_id"], math.nan)])
        table: pd.DataFrame = pd.DataFrame(rows, columns=["label", "n", "before", "after", "gain", "threshold"])
        return table

    def __repr__(self) -> str:
        return "\n".join([self._title(), *self._lines()])

    def _repr_html_(self) -> str:
        def cell(value: float) -> str:
            return "none" if math.isnan(value) else f"{value:.3f}"
        rows = [(row.label, row.n, cell(row.before), cell(row.after), cell(row.threshold))
                for row in _rows(self.table())] if self.after.n_images else []
        return html.page(self._title()[0].upper() + self._title()[1:],
                         html.table([f"{self.main} of", "objects", "before", "after", "proposed from"], rows)
                         if rows else html.Html(),
                         *(html.paragraph(line[0].upper() + line[1:] + ".") for line in self._lines()))

    def _title(self) -> str:
        verdict = "adopted" if self.adopted else "not adopted: the former model stands"
        return f"round {self.round}: model {self.model}, {verdict}"

    # 14 branches: a line for each thing that is known of a run.
    def _lines(self) -> list[str]:
        steps = int(self.history["step"].max()) if len(self.history) else 0
        items, objects = ("texts", "spans") if self.after.kind == "span" else ("images", "objects")
        lines = [f"learned from {self.n_training} {items} with {self.n_objects:,} {objects} in {steps} steps, "
                 f"{self.seconds:.0f} s" + (" (the budget ended it)" if self.stopped_because == "budget" else "")]
        if self.measured_on:
            how = "that were answered blind" if self.measured_on == "holdout" else \
                f"with imported {objects}: nobody recorded what their author had seen"
            lines.append(f"measured on {self.after.n_images} hold-out {items} {how}")
            for name in {"f1": ("f1",), "f1_strict": ("f1_strict", "f1_exact", "f1_partial")}.get(
                    self.main, (self.main, "map")):
                was = self.before[name] if self.before.n_images and not math.isnan(self.before[name]) else "none"
                lines.append(f"{IN_WORDS[name]}: {was} before, {self.after[name]} after")
            if self.before.n_images:
                lines.append(f"gain {self.gain}")
        lines.append(f"{'adopted' if self.adopted else 'not adopted'}: {self.verdict}")
        if self.thresholds:
            found = f"found on {self.n_validation} of these {items} before they were learnt" if self.n_validation \
                else f"the usual ones: there are few {items}"
            names = self.after.per_label["label"].to_dict() if self.after.n_images else {}
            lines.append(f"{objects} are proposed from a score of " + ", ".join(
                f"{value:.2f} ({names.get(label_id, label_id)})" for label_id, value in self.thresholds.items())
                + f"; {found}")
        if self.n_marked:
            lines.append(f"the marked {'words' if objects == 'spans' else 'regions'} of {self.n_marked} {objects} "
                         "were in the loss")
        return [*lines, *self._reliance(), *([self.taken] if self.taken else [])]

    def _reliance(self) -> list[str]:
        if self.relies_after is None:
            return []
        former = {} if self.relies_before is None else self.relies_before.rows()
        lines = [f"regions marked as wrong cover {self.relies_after.area:.1%} of their images"]
        for name, estimate in self.relies_after.rows().items():
            was = former.get(name)
            if estimate.n or (was is not None and was.n):
                lines.append(f"{name.replace('items', 'objects')}: {'none' if was is None else was} before, {estimate} "
                             "after")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The run as plain data, for the log."""
        after = self.after[self.main] if self.after.n_images else math.nan
        return {"model": self.model, "adopted": self.adopted, "verdict": self.verdict, "kind": "objects",
                "n_training": self.n_training, "n_objects": self.n_objects, "n_validation": self.n_validation,
                "round": self.round, "seconds": self.seconds, "stopped_because": self.stopped_because,
                "taken": self.taken, "n_marked": self.n_marked, "thresholds": dict(self.thresholds),
                "measured_on": self.measured_on,
                "before": self.before.to_dict(), "after": self.after.to_dict(),
                "gain": None if math.isnan(self.gain) else [float(self.gain), self.gain.n, *(
                    None if math.isnan(end) else end for end in (self.gain.low, self.gain.high))],
                "why": self.gain.why, "accuracy": None if math.isnan(after) else float(after), "n": self.after.n_images,
                "history": self.history.to_dict("records"),
                **{name: None if one is None else one.to_dict() for name, one in (
                    ("relies_before", self.relies_before), ("relies_after", self.relies_after))
                   if self.relies_after is not None}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ObjectRun:
        """Read what `to_dict` wrote."""
        value, n, *ends = body["gain"] or (math.nan, 0)
        low, high = (math.nan if end is None else float(end) for end in ends or (None, None))
        before, after = (figures_in(body[name]) for name in ("before", "after"))
        relies_before, relies_after = (None if body.get(name) is None else Reliance.from_dict(body[name])
                                       for name in ("relies_before", "relies_after"))
        return cls(before, after, Estimate(math.nan, why=body["why"]) if body["gain"] is None else
                   Estimate(value, low, high, n=n),
                   history=pd.DataFrame(body["history"]), n_marked=body.get("n_marked", 0),
                   relies_before=relies_before, relies_after=relies_after,
                   **{name: body[name] for name in ("model", "adopted", "verdict", "n_training", "n_objects", "round",
                                                    "seconds", "n_validation", "taken", "thresholds",
                                                    "stopped_because", "measured_on")})


class Gathered(NamedTuple):
    """The data of a run: images or texts, their ids, the labels, the taxonomy's version, a digest of all answers.

    `marked` has the objects with marked regions if the training can use them; `judged` has those of images in any case.
    """

    images: list[Any]
    item_ids: list[str]
    label_ids: tuple[str, ...]
    taxonomy: int
    digest: str
    marked: Marked = Marked()
    judged: Marked = Marked()


def finetune_objects(project: Project, registry: ObjectRegistry, recipe: ObjectRecipe, *, bars: Bars = no_bars
                     ) -> ObjectRun:
    """Train a detector on the corrected images, measure it on the hold-out, and adopt it unless it is worse.

    If a run of a former session had the same answers and arguments, it is read from the log instead.

    Parameters
    ----------
    project : Project
    registry : ObjectRegistry
    recipe : ObjectRecipe
    bars : Bars
        Shows progress.

    Raises
    ------
    BadInput
        Where no image was answered yet.
    KeyboardInterrupt
        When it was interrupted: nothing is adopted then.
    """
    with registry.training:
        try:
            return _finetune(project, registry, recipe, bars)
        except KeyboardInterrupt:
            project.notify("Interrupted: nothing was adopted, the former model stands. The same call begins anew; it "
                           "takes about a minute.")
            raise


# 13 branches: the steps of a fine-tuning in their order, and what may come between, each with its own notice.
def _finetune(project: Project, registry: ObjectRegistry, recipe: ObjectRecipe, bars: Bars) -> ObjectRun:
    began = time.monotonic()
    with bars(None, title=f"Gathering the corrected {registry.items}"):
        registry.follow()
        data, n_round = gather(project, certainty=recipe.certainty), project.round
        data = _with_marked(project, registry, recipe, data)
    if recipe.adopt != "never" and (why := experiment.running(project)):
        project.notify(f"{why} A model that this run adopts changes the proposals all the same; to keep them, pass "
                       "adopt='never', and adopt it when the experiment is over.")
    reference = project.reference_objects()
    key = _key(data, reference, recipe)
    if (earlier := _former_run(project, registry, key)) is not None:
        project.notify(f"No new answers since round {earlier.round}: this is that run. To train all the same, pass "
                       "another seed.")
        return earlier
    before = registry.adopted
    budget_s = None if recipe.budget_s is None else max(0.8 * recipe.budget_s - (time.monotonic() - began), 0.1)
    n_items = len(set(data.item_ids))  # several people's answers to one are as many rows
    with limit_torch_threads():
        model, fitted = _trained(project, registry, recipe, data, budget_s, bars,
                                 title=f"Round {n_round}: learning from {n_items} {registry.items}")
        registry.follow()
        before = registry.adopted or before
        project.refresh()
        if project.lineage.today.version != data.taxonomy:  # the labels were edited while it trained
            reference = project.reference_objects()
        with bars(len(reference), title=f"Round {n_round}: measuring on the hold-out") as advance:
            for one in (model, *([] if before is None else [before])):
                registry.ask(reference["position"].tolist(), one, advance if one is model else lambda n: None)
    run = _measured(project, registry, reference, before, model, recipe)
    registry.save(model)
    run = _with_reliance(project, registry, data, run, before, model, seed=recipe.seed)
    run = replace(run, round=n_round, n_training=n_items, seconds=round(time.monotonic() - began, 1),
                  n_objects=sum(len(one.shapes) for one in data.images), **fitted)
    body = {**run.to_dict(), "key": key, "start": recipe.start, "seed": recipe.seed, "label_ids": list(data.label_ids),
            "own": model.own, "taxonomy": model.taxonomy, "parent": None, "best": None, "learnt": pack(data.item_ids),
            "former": None if before is None else before.version}
    for name in ("before", "after"):
        body[name] = {**body[name], "label_ids": list(data.label_ids)}
    registry.trained_here.add(key)
    project.record("trained", body)
    if run.adopted:
        registry.install(model, origin="trained", n_training=n_items, learnt=body["learnt"])
    registry.remove_old()
    project.refresh()
    project.log.keep_copy(f"round-{n_round}")
    return run


# 18 branches: texts or images, with or without certainties; what can't teach is left out.
def gather(project: Project, *, certainty: str = "weight") -> Gathered:
    """The images or texts that people answered for certain, with their objects under today's labels.

    An object's weight is (1 + its certainty) / (1 + the mean of its annotator's), up to 3; 1 without a certainty. Where
    several people answered an image, the weight of each answer is divided by their number.

    Raises
    ------
    BadInput
        Where there is no such image or text.
    """
    answers, kind = project.answers(), SHAPE_OF[project.task]
    table, label_ids = answers.reviewed_images(), answers.lineage.today.label_ids
    number_of = {label_id: number for number, label_id in enumerate(label_ids)}
    means = _mean_certainties(table)
    n_of = table["item_id"].value_counts()
    images, item_ids, left_out, said = list[Any](), [], list[str](), list[Any]()
    word = "text" if kind == "span" else "image"
    for row in _rows(table):
        item = _loaded(project, row, kind)
        if item is None:
            left_out.append(str(row.item_id))
            continue
        objects: Sequence[ObjectAnswer] = [one for one in row.objects if one.label_id in number_of]
        weights = [_weight(one, means.get(str(row.annotator))) if certainty == "weight" else 1.0 for one in objects]
        unknown = tuple(number_of[label_id] for label_id in row.unknown if label_id in number_of)
        weight = (float(row.weight) if certainty == "weight" else 1.0) / n_of[row.item_id]
        numbers, ats = [number_of[one.label_id] for one in objects], [one.at for one in objects]
        images.append(
            CorrectedText(item, ats, numbers, weights, [(x0, x1) for x0, _, x1, _ in row.ignore], weight, unknown,
                          str(row.item_id)) if kind == "span" else
            CorrectedImage(item, ats, numbers, weights, boxes_of(row.ignore, kind, (row.width, row.height)).tolist(),
                           weight, unknown, str(row.item_id)))
        item_ids.append(str(row.item_id))
        said.append([str(row.item_id), str(row.annotator), [[*one.at, one.label_id, round(weight, 4)] for one, weight in
                                                            zip(objects, weights, strict=True)],
                     [list(box) for box in row.ignore], list(unknown)])
    if left_out:
        project.notify(f"{len(left_out)} {word}s aren't used for training: they can't be read, or have another size "
                       "than when they were answered "
                       f"({', '.join(left_out[:3])}{', ...' if len(left_out) > 3 else ''}).")
    if not images:
        raise BadInput(f"no {word} was corrected yet, so there is nothing to learn from; answer some of the queue with "
                       f"wb.review(). Models never learn from hold-out and gold {word}s.")
    digest = hashlib.blake2b(canonical({"said": said, "labels": list(label_ids)}).encode(), digest_size=16).hexdigest()
    return Gathered(images, item_ids, label_ids, answers.lineage.today.version, digest)


def _loaded(project: Project, row: Any, kind: str) -> Any:
    """An answered item; None where it can't be read, or has another size than when it was answered."""
    try:
        item: Any = project.pool.load(int(row.position))
    except ItemError:
        return None
    is_same = len(item) == row.width if kind == "span" else item.shape[:2] == (row.height, row.width)
    return item if is_same else None


def _with_marked(project: Project, registry: ObjectRegistry, recipe: ObjectRecipe, data: Gathered) -> Gathered:
    """The data with the objects whose marked regions the training can use; what can't be used is reported."""
    marked = marked_objects(project, data.label_ids)
    if registry.kind != "span":
        data = data._replace(judged=marked)
    if recipe.reasons == "off" or (not marked.objects and not marked.left_out):
        return data
    for item_id, why in marked.left_out.items():
        project.notify(f"item {item_id!r}: {why}, so that the training can't use its marked regions.")
    regions = f"the marked regions of {len(marked.objects)} objects"
    if isinstance(_given(registry, recipe), TorchvisionDetector):
        project.notify("A net of torchvision's convention computes its loss itself, and the slope of one object's "
                       f"score can't be added there: {regions} don't train it, and stay in the log. The workbench's "
                       "own net learns from them.")
        return data
    return data._replace(marked=marked)


def _given(registry: ObjectRegistry, recipe: ObjectRecipe) -> Any:
    """The detector that a run trains a copy of, where it is a net that can be trained."""
    model = registry.adopted
    imported = model is not None and isinstance(model.detector, ImportedDetector)
    return registry.given if recipe.start == "initial" or model is None or imported else model.detector


def _mean_certainties(table: pd.DataFrame) -> dict[str, float]:
    given: dict[str, list[float]] = {}
    for row in _rows(table):
        given.setdefault(str(row.annotator), []).extend(
            float(one.certainty) for one in row.objects if one.certainty is not None)
    return {annotator: float(np.mean(values)) for annotator, values in given.items() if values}


def _weight(one: ObjectAnswer, mean: float | None) -> float:
    return 1.0 if one.certainty is None or mean is None else min(MAX_WEIGHT, (1 + one.certainty) / (1 + mean))


def _key(data: Gathered, reference: pd.DataFrame, recipe: ObjectRecipe) -> str:
    known = [[str(row.item_id), str(row.decision_id)] for row in _rows(reference)]
    arguments = {name: getattr(recipe, name) for name in ("epochs", "budget_s", "start", "adopt", "seed", "certainty",
                                                          "lr")}
    if data.marked.logged:
        arguments |= {"reasons": recipe.reasons, "marks": data.marked.logged}
    elif judged := [entry for one, entry in zip(data.judged.objects, data.judged.logged, strict=True)
                    if one.wrong is not None]:
        arguments |= {"judged": judged}
    return hashlib.blake2b(canonical({"data": data.digest, "known": known, **arguments}).encode(),
                           digest_size=16).hexdigest()


def _former_run(project: Project, registry: ObjectRegistry, key: str) -> ObjectRun | None:
    if key in registry.trained_here:
        return None
    return next((ObjectRun.from_dict(event.body) for event in reversed(list(project.log.events(kind="trained")))
                 if event.body["key"] == key
                 and (not event.body["adopted"] or event.body["model"] == registry.version)), None)


def _trained(project: Project, registry: ObjectRegistry, recipe: ObjectRecipe, data: Gathered, budget_s: float | None,
             bars: Bars, *, title: str) -> tuple[ObjectModel, dict[str, Any]]:
    """The new model, and the run's attributes about its training."""
    model = registry.adopted
    imported = model is not None and isinstance(model.detector, ImportedDetector)
    given = _given(registry, recipe)
    if isinstance(given, TorchvisionDetector):
        return _trained_of_person(project, registry, recipe, data, given, budget_s, bars, title=title)
    usual, batch = (SPAN_STEPS, TEXTS) if registry.kind == "span" else (STEPS, BATCH)
    steps = usual if recipe.epochs is None else max(1, -(-recipe.epochs * len(data.images) // batch))
    with bars(steps, title=title, unit="step") as advance:
        def show(step: int, loss: float) -> None:
            advance(1, {"loss": f"{loss:.2f}"})
        fitted = _fitted(registry.kind, data, recipe, steps, budget_s, _unlabelled(project, recipe.seed), show)
    limits = np.clip(fitted.thresholds, LEAST_THRESHOLD, MOST_THRESHOLD)
    thresholds = {label_id: round(float(limit), 3) for label_id, limit in zip(data.label_ids, limits, strict=True)}
    taken = "the workbench's own net was trained: imported objects can't be" if imported else \
        "" if registry.given is None else "the workbench's own net was trained: of the model given only predict " \
                                              "is known, which can't be trained"
    return registry.model_of(fitted.net, label_ids=data.label_ids, thresholds=thresholds, taxonomy=data.taxonomy), {
        "history": pd.DataFrame(fitted.history, columns=["step", "loss"]), "stopped_because": fitted.stopped,
        "n_validation": fitted.n_later, "thresholds": thresholds, "taken": taken, "net": fitted.net,
        "n_marked": fitted.n_marked}


def _fitted(kind: str, data: Gathered, recipe: ObjectRecipe, steps: int, budget_s: float | None,
            unlabelled: Sequence[Any], show: Callable[[int, float], object]) -> Any:
    """Train the workbench's own net: the result of `fit_objects` or `fit_spans`."""
    if kind == "span":
        how = SpanOptions(steps=steps, seed=recipe.seed)
        return fit_spans(data.images, len(data.label_ids), how if recipe.lr is None else replace(how, lr=recipe.lr),
                         budget_s=budget_s, unlabelled=unlabelled, marked=data.marked.objects, show=show)
    options = ObjectOptions(steps=steps, seed=recipe.seed)
    options = options if recipe.lr is None else replace(options, lr=recipe.lr)
    # The net begins with fresh weights, which haven't learnt the wrong reason yet: "auto" takes the penalty.
    method: RationaleMethod = "invariance" if recipe.reasons == "invariance" else "penalty"
    return fit_objects(data.images, len(data.label_ids), Fitting(kind, options, budget_s, rationales=method),
                       unlabelled=unlabelled, marked=data.marked.objects, show=show)


def _trained_of_person(project: Project, registry: ObjectRegistry, recipe: ObjectRecipe, data: Gathered,
                       detector: TorchvisionDetector, budget_s: float | None, bars: Bars, *, title: str
                       ) -> tuple[ObjectModel, dict[str, Any]]:
    """Train a copy of a user's net by torchvision's convention; returns the same as `_trained`."""
    numbers = registry.numbers_of_given(data.label_ids)
    if unknown := [project.lineage.today.name_of(label_id) for number, label_id in enumerate(data.label_ids)
                   if number not in numbers]:
        project.notify(f"The net given has no output for {', '.join(unknown)}, and doesn't learn "
                       f"{'it' if len(unknown) == 1 else 'them'}.")
    options = DetectorOptions(registry.kind, budget_s=budget_s, seed=recipe.seed)
    options = options if recipe.lr is None else replace(options, lr=recipe.lr)
    options = options if recipe.epochs is None else replace(options, epochs=recipe.epochs)
    with bars(None, title=title, unit="step") as advance:
        def show(step: int, steps: int, loss: float) -> None:
            advance(1, {"loss": f"{loss:.2f}", "of": f"{steps} steps"})
        net, history, stopped = finetune_detector(detector.net, data.images, numbers, options,
                                                  device=registry.device, show=show)
    former = registry.adopted
    thresholds = {label_id: former.thresholds.get(label_id, THRESHOLD) for label_id in data.label_ids} \
        if former is not None and former.thresholds else dict.fromkeys(data.label_ids, THRESHOLD)
    model = registry.model_of(TorchvisionDetector(net, device=registry.device), label_ids=data.label_ids,
                              thresholds=thresholds, taxonomy=data.taxonomy)
    return model, {"history": pd.DataFrame(history, columns=["step", "loss"]), "stopped_because": stopped,
                   "thresholds": thresholds, "taken": "a copy of the net given was trained", "net": net}


def _unlabelled(project: Project, seed: int) -> list[Any]:
    """Some images or texts that nobody answered, none of them in the hold-out or gold."""
    queue, images = project.queue, list[Any]()
    places = np.flatnonzero(~queue.is_answered() & ~queue.holdout & ~queue.gold)
    for position in np.random.default_rng(seed).permutation(places)[:N_UNLABELLED].tolist():
        try:
            images.append(project.pool.load(position))
        except ItemError:
            continue
    return images


class _Compared:
    """Comparison of former and new model on the same hold-out images: the metrics of both, and the gain."""

    def __init__(self, project: Project, registry: ObjectRegistry, reference: pd.DataFrame, before: ObjectModel | None,
                 model: ObjectModel) -> None:
        self._kind, positions = registry.kind, reference["position"].tolist()
        self._truth, self._sizes = truth_of(project, reference, registry.kind)
        self.item_ids = [str(item_id) for item_id in reference["item_id"]]
        self.n_objects = int((~self._truth["crowd"]).sum())
        column = project.settings.get("group")
        self._groups = None if column is None else dict(zip(
            self.item_ids, project.pool.group_sums(column)[reference["position"].to_numpy(np.int64)], strict=True))
        usual = dict.fromkeys(project.lineage.today.label_ids, THRESHOLD)
        self._limits = [usual | registry.thresholds(one) for one in (before, model)]
        self._tables = [registry.table([], model) if one is None else
                        without_unknown(registry.table(positions, one), reference) for one in (before, model)]
        self.before = self._figures(0, [] if before is None else self.item_ids)
        self.after = self._figures(1, self.item_ids)

    def _figures(self, which: int, item_ids: list[str]) -> Figures:
        truth, limit = self._truth if item_ids else self._truth.iloc[:0], self._limits[which]
        if self._kind == "span":
            return spans(truth, self._tables[which], texts=item_ids, threshold=limit, groups=self._groups)
        return detection(truth, self._tables[which], images=item_ids, sizes=self._sizes, threshold=limit,
                         groups=self._groups)

    def gain(self, figure: str) -> Estimate:
        """How much better the new model is by a figure."""
        before, after = self._tables
        if self._kind == "span":
            return compare_spans(self._truth, before, after, figure, texts=self.item_ids, threshold=self._limits,
                                 groups=self._groups)
        return compare_detection(self._truth, before, after, figure, images=self.item_ids, sizes=self._sizes,
                                 threshold=self._limits, groups=self._groups)


def _measured(project: Project, registry: ObjectRegistry, reference: pd.DataFrame, before: ObjectModel | None,
              model: ObjectModel, recipe: ObjectRecipe) -> ObjectRun:
    """Former and new model on the same hold-out images, and whether the new one is adopted."""
    compared, main = _Compared(project, registry, reference, before, model), MAIN[registry.kind]
    source = str(reference["source"].iloc[0]) if compared.n_objects else ""
    unmeasured = NO_HOLDOUT.replace("image", registry.items[:-1])
    if not compared.n_objects:
        gain = Estimate(math.nan, why=unmeasured)
        adopted, verdict = True, unmeasured if not len(reference) else \
            f"not measured: there is no object in the hold-out {registry.items} that were answered"
    elif before is None:
        gain = Estimate(math.nan, why="there was no model before")
        adopted, verdict = True, "the first model that was measured"
    else:
        gain = compared.gain(main)
        adopted, verdict = _verdict(gain, main, len(reference), registry.items)
        if gain.value == 0 and main in FINER:  # the same objects are found: their coordinates decide
            adopted, verdict = _verdict(compared.gain(FINER[main]), FINER[main], len(reference), registry.items)
            verdict = f"{main} is that of the former model; {verdict}"
    if source == "imported":
        adopted, verdict = True, f"{unmeasured}, and imported ones don't decide"
    if recipe.adopt != "better":
        adopted, verdict = recipe.adopt == "always", f"adopt={recipe.adopt!r}; by the measure: {verdict}"
    return ObjectRun(compared.before, compared.after, gain, model.version, adopted, verdict, 0, 0, 0.0, 0,
                     pd.DataFrame(), measured_on=source)


def _with_reliance(project: Project, registry: ObjectRegistry, data: Gathered, run: ObjectRun,
                   before: ObjectModel | None, model: ObjectModel, *, seed: int) -> ObjectRun:
    """The run with how much both models' scores depend on regions that were marked as wrong."""
    relies = dict[str, Reliance]()
    if not data.judged.objects:
        return run
    with _told(project, "the models rest"), limit_torch_threads():
        models = {name: one for name, one in (("before", before), ("after", model))
                  if one is not None and not isinstance(one.detector, ImportedDetector)}
        called = {name: [registry.labels_of(label_id, one) for label_id in data.label_ids]
                  for name, one in models.items()}
        judged = {entry[0] for entry in data.judged.logged}
        objects = Measured.of(
            data.judged.objects, [one for one in data.images if one.item_id not in judged], registry.kind, seed=seed,
            labels=[number for number, names in enumerate(zip(*called.values(), strict=True)) if all(names)])
        for name, one in models.items() if objects.marked else ():
            with _told(project, f"model {one.version[:7]} rests"):
                relies[name] = measure_object_reliance(cast("Detector", one.detector), objects, registry.kind,
                                                       called[name].__getitem__, seed=seed)
    return replace(run, relies_before=relies.get("before"), relies_after=relies.get("after"))


@contextmanager
def _told(project: Project, whose: str) -> Iterator[None]:
    """Report an error of a measurement in a notice, so that the trained model is kept."""
    try:
        yield
    except Exception as error:  # a person's model may raise anything, and memory may not be enough
        why = str(error) if isinstance(error, ModelError) else f"{type(error).__name__} {error}".strip()
        project.notify(f"How much {whose} on marked regions isn't measured: {why}")


def _verdict(gain: Estimate, main: str, n_images: int, items: str) -> tuple[bool, str]:
    """Adopt the new model if its figure is higher; a tie keeps the former model. See `quality.adoption.better`."""
    doubt = "" if gain.low > 0 or gain.high < 0 else f"; can't be told apart at n = {n_images}"
    if not gain > 0:
        return False, (f"{main} {-gain:.3f} lower than of the former model, on {n_images} {items}" if gain < 0 else
                       f"{main} is that of the former model, on {n_images} {items}") + doubt
    return True, f"{main} {gain:.3f} higher than of the former model, on {n_images} {items}{doubt}"


def _rows(table: pd.DataFrame) -> list[Any]:
    """The rows of a table of images, each with the columns as attributes."""
    return list(table.itertuples())


def truth_of(project: Project, reference: pd.DataFrame, kind: str
             ) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """The objects of hold-out images, as a table for `detection` and `spans`, and the images' sizes.

    Regions in doubt are rows with ``crowd``: what a model finds there is neither right nor wrong.
    """
    rows, sizes, name_of = list[tuple[Any, ...]](), {}, project.lineage.today.name_of
    for image in _rows(reference):
        item_id = str(image.item_id)
        sizes[item_id] = float(image.width), float(image.height)
        for one in image.objects:
            points = tuple(zip(one.at[::2], one.at[1::2], strict=True)) if kind == "polygon" else None
            rows.append((item_id, one.id, kind, name_of(one.label_id), one.label_id, *bounds_of(one.at, kind), points,
                         False))
        for x0, y0, x1, y1 in image.ignore:
            corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
            rows.append((item_id, "", kind, None, None, x0, y0, x1, y1, corners if kind == "polygon" else None, True))
    names = ["item_id", "object_id", "kind", "label", "label_id", "x0", "y0", "x1", "y1", "points", "crowd"]
    table = pd.DataFrame({name: pd.Series([row[place] for row in rows], dtype=bool if name == "crowd" else float if
                                          name in ("x0", "y0", "x1", "y1") else object)
                          for place, name in enumerate(names)})
    if kind == "span":
        table = table.assign(start=table["x0"].astype("Int64"), end=table["x1"].astype("Int64"))
    return table, sizes
