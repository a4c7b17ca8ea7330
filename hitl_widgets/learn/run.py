"""Fine-tuning runs: training, measurement on the hold-out, adoption.

`finetune` composes four steps: `gather` the data, `start` from a net, `train` it, and `measure` it. A `Recipe` has the
arguments, a `Run` the result.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from torch import nn

from ..drawing import html
from ..errors import BadInput, ModelError, TrainingStopped
from ..events import canonical
from ..project import experiment
from ..project.project import Project
from ..quality.metrics import Metrics
from ..quality.multilabel import MultilabelMetrics, multilabel_metrics
from ..records import Bars, Estimate, no_bars
from ..taxonomy.history import Lineage
from .architecture import Architecture
from .average import cnn_of, is_average_net
from .callables import CallableNet
from .checkpoint import Checkpoint
from .choose import ShowTraining, show_no_training, train_and_choose
from .data import LabelledImages, load_views, random_affine
from .descriptors import Descriptors
from .estimator_fits import UNCALIBRATED, fit_estimator, recipe_of
from .estimator_nets import EstimatorNet
from .feedback import AnyFeedback
from .imported import ImportedNet
from .learnt import learnt_gold, pack
from .light import is_light_net
from .light_rows import LightRows
from .losses import PARTIAL
from .measurement import DECIDING, MANY_ROUNDS, SOURCES, Figure, Figures, Outputs, Reference, figures_of
from .nets import is_kmeans_net, train_head
from .predict import NetPredictor
from .rationales import Augment, RationaleMethod
from .registry import Registry
from .reliance import Reliance
from .set_figures import set_html, set_lines, set_table
from .text_light import TextPrior
from .text_views import n_items
from .train import BATCH_SIZE, DEFAULT_EPOCHS, HISTORY, WEIGHT_DECAY, Trained, TrainingOptions, train
from .training_set import Certainty, Data, gather
from .value_run import ValueRun, fit_and_measure, value_frame, values_digest
from .views import are_of_texts
from .weights import weights_version

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

Start = Literal["adopted", "initial", "frozen"]
Adopt = Literal["better", "always", "never"]
Reasons = Literal["auto", "penalty", "invariance", "off"]

# Called with the number of epochs and a title; its result is called with each new row of the history.
Progress = Callable[..., AbstractContextManager[Callable[[Mapping[str, Any]], object]]]
# Called with the marked regions, a round's number, n and a method; draws the maps of the models before and after.
CompareMaps = Callable[..., "Drawing"]


@dataclass(frozen=True)
class Recipe:
    """The arguments of one run, checked when made.

    Parameters
    ----------
    epochs, budget_s, start, adopt, seed, reasons, certainty, backbone_lr_scale
        See `Workbench.finetune`.
    lr, batch_size, weight_decay, augment, min_steps
        See `Workbench.finetune`.

    Raises
    ------
    BadInput
        When one can't be used.
    """

    epochs: int | None = None
    budget_s: float | None = None
    start: Start | str = "adopted"
    adopt: Adopt | str = "better"
    seed: int = 0
    reasons: Reasons | str = "auto"
    certainty: Certainty | str = "weight"
    backbone_lr_scale: float = 1.0
    lr: float | None = None
    batch_size: int = BATCH_SIZE
    weight_decay: float = WEIGHT_DECAY
    augment: bool | Augment = True
    min_steps: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.augment, bool) and not callable(self.augment):
            raise BadInput(f"augment is {self.augment!r}; True, False, or a function of a batch of views and a "
                           "torch.Generator is expected.")
        self.options()  # the others are checked there
        for name, choices in (("start", Start), ("adopt", Adopt), ("reasons", Reasons), ("certainty", Certainty)):
            if getattr(self, name) not in get_args(choices):
                raise BadInput(f"{name} is {getattr(self, name)!r}; one of {', '.join(get_args(choices))} is expected.")

    def options(self, **more: Any) -> TrainingOptions:
        """How the net is trained.

        Parameters
        ----------
        **more
            Further arguments of `TrainingOptions`.
        """
        augment = {True: random_affine, False: None}[self.augment] if isinstance(self.augment, bool) else self.augment
        return TrainingOptions(self.epochs, self.budget_s, self.seed, lr=self.lr, weight_decay=self.weight_decay,
                               batch_size=self.batch_size, augment=augment, backbone_lr_scale=self.backbone_lr_scale,
                               min_steps=self.min_steps, **more)


@dataclass(frozen=True)
class Run:
    """The result of one fine-tuning.

    Attributes
    ----------
    before, after : Metrics or MultilabelMetrics
        Metrics of the adopted model and of the new one, on the same measuring items, those of `measured_on`;
        MultilabelMetrics where an item may have several labels.
    gain : Estimate
        After minus before in accuracy, with the paired 95 % interval; where an item may have several labels, in macro
        F1.
    model : str
        Version of the new model.
    adopted : bool
        Whether it is the project's model now.
    n_training, n_validation : int
        How many items it learnt from, and on how many others the best epoch was chosen.
    history : DataFrame
        One row per epoch.
    stopped_because : str
        "done", "early" or "budget".
    seconds : float
        How long it took.
    round : int
        Its number, 1 for the project's first.
    net : torch.nn.Module or None
        The trained net itself; None for a run that was read from the log.
    relies_before, relies_after : Reliance or None
        How much each model relies on the regions that were marked as wrong; None where nobody marked any, or there was
        no model before.
    reasons : str
        How the loss used the regions: "penalty", "invariance" or "off".
    taken : str
        Which net was chosen, the light model, the small CNN or the average of both, and why; "" without a choice.
    calibrated : str
        The temperature of its confidence and the number of items that it was fitted to, or why there is none; "" for a
        run of an earlier version.
    compare_maps : callable or None
        Draws the maps for `plot_reasons`; None if nobody marked a region.
    measured_on : str
        What `before`, `after` and `gain` are measured on: "holdout" (blind answers); "gold" if there are none;
        "imported" without gold; "" if there are no measuring items, and for a run of an earlier version, which combined
        all three.
    figures : dict
        For each of these three that has items: name -> `Figure` with before, after and gain. They are never combined.
    verdict : str
        Why the new model was adopted, or wasn't.
    n_gold_learnt : int
        How many gold items were left out of the measurement because a model, or a predecessor of it, learnt from them.
    n_decided_before : int
        How many earlier runs were decided on the items of `measured_on`. On items by which the best of many models was
        selected, it looks better than it is; from three earlier runs on, a note says so.
    of_values : ValueRun or None
        Result for the attributes' heads, where the taxonomy has attributes: `values` is its table. In a project that
        asks for values alone there is no model of labels, and `before` and `after` have no items.
    thresholds : dict of str to float
        label_id -> the probability from which the new model's label counts as on, where an item may have several.
    """

    before: Metrics | MultilabelMetrics
    after: Metrics | MultilabelMetrics
    gain: Estimate
    model: str
    adopted: bool
    n_training: int
    history: pd.DataFrame
    stopped_because: str
    seconds: float
    round: int
    n_validation: int = 0
    net: nn.Module | None = field(default=None, repr=False)
    relies_before: Reliance | None = None
    relies_after: Reliance | None = None
    reasons: str = "off"
    taken: str = ""
    calibrated: str = ""
    compare_maps: CompareMaps | None = field(default=None, repr=False, compare=False)
    measured_on: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    verdict: str = ""
    n_gold_learnt: int = 0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    of_values: ValueRun | None = None
    n_decided_before: int = 0

    @property
    def values(self) -> pd.DataFrame:
        """How well the values of each attribute are predicted before and after: see `value_run.value_frame`."""
        return value_frame({} if self.of_values is None else self.of_values.figures)

    def plot(self) -> Drawing:
        """Draw accuracy and recall per label before and after, with 95 % intervals; F1 where there are several."""
        from ..drawing.plots import plot_gain
        if isinstance(self.after, MultilabelMetrics):
            return plot_gain(self.before, self.after, self.gain, of_all="macro_f1", of_labels="f1")
        return plot_gain(self.before, self.after, self.gain)

    def plot_reasons(self, n: int = 4, *, method: str = "saliency") -> Drawing:
        """Draw some of the items with a region marked as wrong, and the maps of the models before and after.

        Parameters
        ----------
        n : int
            How many items, spread evenly over all that are marked.
        method : str
            See `Workbench.explain`; each map is for the label that people gave the item.

        Raises
        ------
        BadInput
            When no wrong region was marked, or there was no model before.
        ModelError
            When a model's weights were deleted, or the method doesn't work with it.
        """
        if self.compare_maps is None:
            raise BadInput("nobody had marked a region when this run was made; mark some on the card, or with "
                           "wb.decide(..., wrong=mask), and fine-tune again.")
        return self.compare_maps(n=n, method=method)

    def table(self) -> pd.DataFrame:
        """Recall per label before and after: label, n, before, after, gain.

        Then the accuracy in a row "all", the mean of the recalls in a row "balanced accuracy", and where people marked
        regions, how much the models rely on them: the smaller the better. Where an item may have several labels it is
        F1 per label, and then macro F1, micro F1 and exact match, with the gains' intervals (gain_low, gain_high), and
        the thresholds.
        """
        if isinstance(self.after, MultilabelMetrics):
            return set_table(self._figure, self.relies_before, self.relies_after)
        before, after = self.before.per_label, self.after.per_label
        frame = pd.DataFrame({"label": after["label"], "n": after["n"],
                              "before": before["recall"].reindex(after.index), "after": after["recall"]})
        frame.loc["all"] = ["all", self.after.n, float(self.before["accuracy"]), float(self.after["accuracy"])]
        frame.loc["balanced"] = ["balanced accuracy", self.after.n, float(self.before["balanced_accuracy"]),
                                 float(self.after["balanced_accuracy"])]
        for name, estimate in (self.relies_after.rows() if self.relies_after else {}).items():
            former = self.relies_before.rows()[name] if self.relies_before else float("nan")
            frame.loc[name] = [name, estimate.n, float(former), float(estimate)]
        frame["gain"] = frame["after"] - frame["before"]
        table: pd.DataFrame = frame.reset_index(drop=True)
        return table

    @property
    def _figure(self) -> Figure:
        """The figure that `before`, `after` and `gain` come from, with the gains of sets of labels."""
        return self.figures.get(self.measured_on) or Figure(self.before, self.after, self.gain)

    def __repr__(self) -> str:
        if self._is_of_values:
            return "\n".join([self._title(), *self._value_lines()])
        source = [f"measured on      {SOURCES[self.measured_on]}"] if self.measured_on else []
        if isinstance(self.after, MultilabelMetrics):
            return "\n".join([self._title(), self._training(), *source, *set_lines(self._figure), *self._notes(),
                              *self._calibration(), *([f"taken: {self.taken}"] if self.taken else []),
                              *self._reliance(), *self._value_lines()])
        return "\n".join([
            self._title(), self._training(), *source,
            f"accuracy before  {self.before['accuracy'] if self.before.n else f'none ({self.gain.why})'}",
            f"accuracy after   {self.after['accuracy']}",
            f"gain             {self.gain}", *self._notes(), *self._balanced(), *self._calibration(),
            *([f"taken: {self.taken}"] if self.taken else []), *self._reliance(), *self._value_lines()])

    @property
    def _is_of_values(self) -> bool:
        """Whether the run learnt values alone."""
        return self.of_values is not None and self.model == self.of_values.model

    def _value_lines(self) -> list[str]:
        return [] if self.of_values is None else self.of_values.lines()

    def _repr_html_(self) -> str:
        title = _capitalised(self._title())
        if self._is_of_values:
            return html.page(title, *map(html.paragraph, self._value_lines()))
        notes = [html.paragraph(f"{_capitalised(note)}.") for note in self._notes()]
        training = map(html.paragraph, [
            f"{_capitalised(self._training())}.", *self._calibration(),
            *([f"Taken: {self.taken}"] if self.taken else []), *self._reliance(), *self._value_lines()])
        if isinstance(self.after, MultilabelMetrics):
            return html.page(title, *set_html(self._figure, SOURCES.get(self.measured_on, "")),
                             html.paragraph(self._gain_in_words("macro F1")), *notes, *training)
        accuracies = [(f"{kind}{name}", metrics[figure])
                      for kind, figure in (("", "accuracy"), ("balanced, ", "balanced_accuracy"))
                      for name, metrics in (("before", self.before), ("after", self.after))]
        recalls = self.table().iloc[:len(self.after.names)]
        return html.page(
            title,
            html.table([f"accuracy on {SOURCES[self.measured_on]}" if self.measured_on else "accuracy", "", "", "n"], [
                (name, _bar(share), _percent(share, share.low, share.high), share.n) for name, share in accuracies]),
            html.paragraph(self._gain_in_words()), *notes,
            html.table(["recall of", "before", "", "after", "", "n"], [
                (row.label, _bar(row.before), _percent(row.before), _bar(row.after), _percent(row.after), int(row.n))
                for row in recalls.itertuples() if row.n]) if self.after.n else html.Html(), *training)

    def _title(self) -> str:
        verdict = "adopted" if self.adopted else "not adopted: the former model stands"
        return f"round {self.round}: model {self.model}, {verdict}"

    def _training(self) -> str:
        chosen = f"; the best epoch was chosen on {self.n_validation} others" if self.n_validation else ""
        if "loss" in self.history and len(self.history) == 1 and self.history["loss"].isna().all():
            length = "one fit"
        elif "passes" in self.history and len(self.history):
            last = self.history.iloc[-1]
            length = f"{int(last['step'])} {'step' if last['step'] == 1 else 'steps'} = {_passes(last['passes'])}"
        else:
            length = f"{len(self.history)} epochs"
        return f"learned from {self.n_training} items in {length}, {self.seconds:.0f} s{chosen}"

    def _notes(self) -> list[str]:
        """Sentences on who decided, what the measurement lacks, and what else was measured."""
        notes = [f"{'adopted' if self.adopted else 'not adopted'}: {self.verdict}"] if self.verdict else []
        notes += [self.after.coverage] if self.after.coverage else []
        for source, figure in self.figures.items():
            if source != self.measured_on and figure.after.n:
                name = "macro_f1" if isinstance(figure.after, MultilabelMetrics) else "accuracy"
                notes.append(f"{SOURCES[source]}: {name.replace('_f1', ' F1')} after {figure.after[name]}, "
                             f"gain {figure.gain}")
        if self.n_gold_learnt:
            notes.append(f"{self.n_gold_learnt} gold items were learnt before they were gold, so no model is measured "
                         "on them")
        if self.n_decided_before >= MANY_ROUNDS:
            notes.append(f"the same items chose the best of {self.n_decided_before + 1} models by now, so that its "
                         "figure may be some points too high; the audit's, in wb.progress().accuracy, isn't")
        return notes

    def _gain_in_words(self, of: str = "accuracy") -> str:
        gain = self.gain
        if math.isnan(gain):
            return f"Gain: none ({gain.why})."
        verdict = "better than the former model" if gain.low > 0 else "worse than the former model" \
            if gain.high < 0 else "neither clearly better nor clearly worse than the former model"
        doubt = "" if gain.tells else "; these are few items"
        return f"Gain in {of}: {100 * gain:+.1f} percentage points (95 % interval {100 * gain.low:+.1f} to " \
               f"{100 * gain.high:+.1f}, n = {gain.n}): {verdict}{doubt}."

    def _balanced(self) -> list[str]:
        if not self.after.n:
            return []
        before, after = (metrics["balanced_accuracy"] for metrics in (self.before, self.after))
        return [f"balanced accuracy (mean recall of the labels): {before if self.before.n else 'none'} before, "
                f"{after} after"]

    def _calibration(self) -> list[str]:
        lines = [f"confidence: {self.calibrated}"] if self.calibrated else []
        if isinstance(self.before, MultilabelMetrics) or isinstance(self.after, MultilabelMetrics):
            return lines
        if not math.isnan(self.after.ece):
            before = "none" if math.isnan(self.before.ece) else f"{self.before.ece:.3f}"
            lines.append(f"calibration error (ECE, 10 bins, n = {self.after.n}): {before} before, {self.after.ece:.3f} "
                         f"after; exact confidence would have {self.after.ece_by_chance:.3f} by chance")
        return lines

    def _reliance(self) -> list[str]:
        if self.relies_after is None:
            return []
        lines = [f"reasons: {self.reasons}; regions marked as wrong cover {self.relies_after.area:.1%} of their views"]
        for name, estimate in self.relies_after.rows().items():
            lines.append(f"{name}: {self.relies_before.rows()[name] if self.relies_before else 'none'} before, "
                         f"{estimate} after")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The run as the log stores it."""
        return {"model": self.model, "adopted": self.adopted, "n_training": self.n_training,
                "n_validation": self.n_validation, "round": self.round,
                **self._figure.to_dict(), "stopped_because": self.stopped_because, "seconds": self.seconds,
                "accuracy": None if not self.after.n else _share_right(self.after), "n": self.after.n,
                **({"thresholds": dict(self.thresholds)} if self.thresholds else {}),
                "history": [{name: None if value != value else value for name, value in row.items()}
                            for row in self.history.to_dict("records")],
                "measured_on": self.measured_on, "verdict": self.verdict, "n_gold_learnt": self.n_gold_learnt,
                "n_decided_before": self.n_decided_before,
                "figures": {source: figure.to_dict() for source, figure in self.figures.items()
                            if source != self.measured_on},
                **({"taken": self.taken} if self.taken else {}),
                **({} if self.of_values is None else {"values": self.of_values.to_dict()}),
                **({"calibrated": self.calibrated} if self.calibrated else {}),
                **({} if self.relies_after is None else {
                    "reasons": self.reasons, "relies_after": self.relies_after.to_dict(),
                    "relies_before": None if self.relies_before is None else self.relies_before.to_dict()})}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Run:
        """Read what `to_dict` wrote."""
        figure = Figure.from_dict(body)
        measured_on = body.get("measured_on", "")
        others = {source: Figure.from_dict(other) for source, other in body.get("figures", {}).items()}
        relies_before, relies_after = (None if body.get(name) is None else Reliance.from_dict(body[name])
                                       for name in ("relies_before", "relies_after"))
        return cls(before=figure.before, after=figure.after, gain=figure.gain, model=body["model"],
                   measured_on=measured_on, figures={measured_on: figure, **others} if measured_on else others,
                   verdict=body.get("verdict", ""), n_gold_learnt=body.get("n_gold_learnt", 0),
                   n_decided_before=body.get("n_decided_before", 0), adopted=body["adopted"],
                   n_training=body["n_training"], history=pd.DataFrame(body["history"]),
                   stopped_because=body["stopped_because"], seconds=body["seconds"], round=body["round"],
                   n_validation=body["n_validation"], reasons=body.get("reasons", "off"),
                   taken=body.get("taken", ""), calibrated=body.get("calibrated", ""),
                   of_values=None if body.get("values") is None else ValueRun.from_dict(body["values"]),
                   thresholds=body.get("thresholds", {}),
                   relies_before=relies_before, relies_after=relies_after)


def _share_right(metrics: Metrics | MultilabelMetrics) -> float | None:
    """Share of items that are right; with several labels an item, those whose whole set is right."""
    share = float(metrics["exact_match" if isinstance(metrics, MultilabelMetrics) else "accuracy"])
    return None if math.isnan(share) else share


def _passes(n: float) -> str:
    return "1 pass" if n == 1 else f"{n:.0f} passes" if n >= 10 else f"{n:.3g} passes"


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _bar(share: float) -> html.Html:
    return html.bar(float(share), low=getattr(share, "low", None), high=getattr(share, "high", None))


def _percent(share: float, low: float = math.nan, high: float = math.nan) -> str:
    if math.isnan(share):
        return "none"
    return f"{share:.1%}" + ("" if math.isnan(low) else f" ({low:.1%} to {high:.1%})")


@dataclass(frozen=True)
class Nets:
    """The net that a run starts from, and the inputs of the light model that is compared with it, if there is one.

    `anew` is True if the net has its initial weights, although the run was to start from the adopted model.
    """

    net: nn.Module
    light: Descriptors | TextPrior | LightRows | None = None
    anew: bool = False


@dataclass(frozen=True)
class Baseline:
    """The models that a run's result is compared with; outputs are None if there is no such model.

    Attributes
    ----------
    adopted, best : Outputs or None
        Outputs on the measuring items: of the adopted model, and of the best so far if that is another one.
    reliance : Reliance or None
        How much the adopted model relies on marked regions.
    why : str
        Why there is nothing to compare with.
    """

    adopted: Outputs | None
    best: Outputs | None
    reliance: Reliance | None
    why: str = ""


def finetune(project: Project, registry: Registry, recipe: Recipe, *, progress: Progress | None = None,
             bars: Bars = no_bars, compare_maps: CompareMaps | None = None) -> Run:
    """Train on the annotations, measure the gain, and adopt the result unless it is worse; see `Workbench.finetune`.

    If a former session made a run with the same annotations and arguments, it is read from the log instead, so that
    running a notebook again from the top gives the same result.

    Parameters
    ----------
    project : Project
        Has the annotations.
    registry : Registry
        Has the models; it stores the new one.
    recipe : Recipe
        The arguments.
    progress : callable or None
        Called with the number of epochs and ``title=``. Returns a context manager, whose value is called with each new
        row of the history. Where two nets are trained, it is called for each. None shows nothing.
    bars : Bars
        Shows the steps before, between and after the trainings.
    compare_maps : callable or None
        Draws the maps for `Run.plot_reasons`: called with the marked regions, the round's number, n and a method.
    """
    with registry.training:
        return _finetune(project, registry, recipe, progress or no_bars, bars, compare_maps)


def _finetune(project: Project, registry: Registry, recipe: Recipe, progress: Progress, bars: Bars,
              compare_maps: CompareMaps | None) -> Run:
    began = time.monotonic()
    if project.task == "scale":
        return _finetune_values(project, registry, recipe, bars)
    with bars(None, title="Gathering the answers"):
        registry.follow()
        data, n_round = gather(project, registry, certainty=recipe.certainty), project.round
    one = _Finetuning(project, registry, recipe, data, n_round, began, progress, bars)
    key = one.key()
    registry.values.follow()
    if recipe.adopt != "never" and (why := experiment.running(project)):
        project.notify(f"{why} A model that this run adopts changes the suggestions all the same; to keep them, pass "
                       "adopt='never', and adopt it when the experiment is over.")
    if (body := registry.former_run(key)) is not None:
        return _with_maps(one.repeated(Run.from_dict(body)), data.feedback, compare_maps)
    one.look_at_model_before()
    training = one.train(key)
    predictor = registry.architecture.predictor(training.trained.net, data.items.label_ids)
    run, best = one.measured(training, predictor)
    run = one.with_values(one.finished(run, training))
    one.store(key, run, training, best)
    return _with_maps(run, data.feedback, compare_maps)


@dataclass(frozen=True)
class _Training:
    """The trained net. `taken` says which of several it is, and why; `parent` is the model that it was trained from.

    `spent_s` and `trained_s` are the seconds of the run before the training, and up to its end.
    """

    trained: Trained
    taken: str
    parent: str | None
    checkpoint: Checkpoint | None
    spent_s: float
    trained_s: float


class _Finetuning:
    """The steps of a run after the gathering, in the order in which `_finetune` calls them."""

    def __init__(self, project: Project, registry: Registry, recipe: Recipe, data: Data, n_round: int, began: float,
                 progress: Progress, bars: Bars) -> None:
        self.project, self.registry, self.recipe, self.data = project, registry, recipe, data
        self.n_round, self.began, self.progress, self.bars = n_round, began, progress, bars
        self.method = rationale_method(recipe, data.feedback, has_model=teachable(registry))
        estimator = registry.architecture.estimator
        self.fitted = estimator if estimator is not None and estimator.fits else None

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def key(self) -> str:
        """The key of all that the run depends on."""
        key = _with_values(key_of(self.data, self.recipe, self.method), self.project)
        if self.fitted is None:
            return key
        return hashlib.blake2b(f"{key} {recipe_of(self.fitted, seed=self.recipe.seed)}".encode(),
                               digest_size=16).hexdigest()

    def repeated(self, earlier: Run) -> Run:
        """Return the run of an earlier session with the same key, instead of training anew."""
        estimators = self.registry.estimators
        if self.fitted is not None and earlier.adopted and not estimators.is_live(earlier.model):
            with suppress(ModelError):  # the same fit gives the same model, which then can predict new items too
                refit(self.project, self.registry, self.data, self.recipe, "off", bars=self.bars,
                      n_round=earlier.round)
            self.registry.use_live()
        self.project.notify(f"No new annotations since round {earlier.round}: this is that run. To train all the same, "
                            "pass another seed.")
        return earlier

    def look_at_model_before(self) -> None:
        """Measure the model that is adopted now, with which the new one is compared."""
        self.compared_at = self.registry.adopted_at
        with self.bars(None, title=f"Round {self.n_round}: measuring the model before"):
            self.baseline = baseline_of(self.registry, self.data, seed=self.recipe.seed)

    def train(self, key: str) -> _Training:
        """Fit the person's estimator, or train a net."""
        training = self._train_net(key) if self.fitted is None else self._fit()
        if training.trained.stopped_because == "interrupted":
            self.project.notify("Interrupted: nothing was adopted, the former model stands. The same call goes on from "
                                "the last epoch that was finished.")
            raise KeyboardInterrupt
        if training.trained.left_out:
            self.project.notify(self.data.items.why_left_out(training.trained.left_out))
        return training

    def _fit(self) -> _Training:
        spent_s = self.seconds
        trained, taken = refit(self.project, self.registry, self.data, self.recipe, self.method, bars=self.bars,
                               n_round=self.n_round)
        return _Training(trained, taken, None, None, spent_s, self.seconds)

    def _train_net(self, key: str) -> _Training:
        registry, notify = self.registry, self.project.notify
        if registry.architecture.estimator is None and registry.architecture.function is not None:
            notify("The function given has nothing that could learn: a net of the workbench's own is trained, measured "
                   "beside it, and adopted if it is better.")
        with self.bars(None, title=f"Round {self.n_round}: making the net to train"):
            nets = start(registry, self.recipe, self.data.lineage, with_rationales=self.method != "off", notify=notify)
        begun = None if nets.anew else registry.starts_from(self.recipe.start)
        checkpoint = _checkpoint(self.project.folder / "training", key, nets, notify)
        spent_s = self.seconds
        with checkpoint.removed_on(TrainingStopped), limit_torch_threads():
            trained, taken = train_nets(
                nets, self.data, self.recipe, self.method, registry.architecture, spent_s=spent_s,
                checkpoint=checkpoint, progress=partial(self.progress, self.recipe.options().n_epochs), bars=self.bars,
                title=f"Round {self.n_round}: learning from {len(self.data.items)} items")
        parent = None if is_light_net(trained.net) else begun
        return _Training(trained, taken, parent, checkpoint, spent_s, self.seconds)

    def measured(self, training: _Training, predictor: NetPredictor) -> tuple[Run, str | None]:
        """The new model's figures, compared with those of the model that is adopted when they are done."""
        self.registry.follow()
        while True:
            if self.registry.adopted_at != self.compared_at:
                self.project.notify("Another model was adopted meanwhile; the new one is compared with that one.")
                self.look_at_model_before()
            with self.bars(None, title=f"Round {self.n_round}: measuring the new model"):
                run, best = measure(self.project, predictor, training.trained, self.data, self.baseline, self.recipe,
                                    self.method, parent=training.parent)
            self.registry.follow()
            if self.registry.adopted_at == self.compared_at:
                return run, best

    def finished(self, run: Run, training: _Training) -> Run:
        """Complete the run with its round, duration and chosen net; send a notice if it exceeded its budget by much."""
        taken = training.taken
        if self.fitted is None and (cannot := _cannot_learn(self.registry)):
            taken = "; ".join(filter(None, [taken, f"the workbench's own net was trained: {cannot}"]))
        # Somebody else's training may have ended meanwhile: the round is counted again.
        n_before = sum(event.body.get("measured_on") == run.measured_on for event in self.registry.runs())
        run = replace(run, round=self.project.round, taken=taken, seconds=round(self.seconds, 1),
                      n_decided_before=n_before if run.measured_on in DECIDING else 0)
        if (budget_s := self.recipe.budget_s) is not None and run.seconds > 1.1 * budget_s:
            spent_s, trained_s = training.spent_s, training.trained_s
            self.project.notify(f"This took {run.seconds:.0f} s in place of {budget_s:g}: {spent_s:.0f} s before the "
                                f"training, {trained_s - spent_s:.0f} s for reading the items and the training, "
                                f"{run.seconds - trained_s:.0f} s for measuring.")
        return run

    def with_values(self, run: Run) -> Run:
        """The run with its result for the heads of attributes."""
        with self.bars(None, title=f"Round {run.round}: learning values"), limit_torch_threads():
            return replace(run, of_values=fit_and_measure(self.project, self.registry, adopt=self.recipe.adopt,
                                                          certainty=self.recipe.certainty))

    def store(self, key: str, run: Run, training: _Training, best: str | None) -> None:
        """Store the run with its model, and use the model from now on if it was adopted."""
        data, net, former = self.data, training.trained.net, self.baseline.adopted
        taught = [*data.items.item_ids, *(name for name, _ in (data.feedback.regions if data.feedback else ()))]
        self.registry.add(net, key=key, body={
            **run.to_dict(), "start": self.recipe.start, "seed": self.recipe.seed, "parent": training.parent,
            "best": best, "former": None if former is None else former.version,
            "taxonomy": data.lineage.today.version, "learnt": pack(taught), **_named(net)})
        if run.adopted:
            self.registry.install(net, origin="trained", label_ids=data.items.label_ids, thresholds=run.thresholds,
                                  **_named(net))
        elif self.fitted is not None:
            self.registry.use_live()  # it may be the adopted model itself, that was fitted in another session
        self.registry.remove_old()
        if training.checkpoint is not None:
            training.checkpoint.remove()
        self.project.log.keep_copy(f"round-{run.round}")


def _finetune_values(project: Project, registry: Registry, recipe: Recipe, bars: Bars) -> Run:
    """A fine-tuning of a project that asks for values alone: only heads are fitted and measured."""
    began, n_round = time.monotonic(), project.round
    registry.values.follow()
    arguments = {"adopt": recipe.adopt, "certainty": recipe.certainty, "seed": recipe.seed}
    key = _with_values(canonical(arguments), project)
    if (body := registry.former_run(key)) is not None:
        earlier = Run.from_dict(body)
        project.notify(f"No new values since round {earlier.round}: this is that run. To train all the same, pass "
                       "another seed.")
        return earlier
    former = registry.values.version
    with bars(None, title=f"Round {n_round}: learning values"), limit_torch_threads():
        of_values = fit_and_measure(project, registry, adopt=recipe.adopt, certainty=recipe.certainty)
    if of_values is None or not of_values.model:
        raise BadInput("there are no values to learn from yet; answer some items of the queue first. Models never "
                       f"learn from hold-out and gold items.{'' if of_values is None else ' ' + of_values.verdict}")
    nothing = _nothing(project.lineage, "only values are asked: see run.values")
    history = pd.DataFrame([dict.fromkeys(HISTORY, math.nan) | {"epoch": 1, "step": 1, "passes": 1.0}])
    source = next((figure.source for figure in of_values.figures.values()), "")
    run = Run(before=nothing.before, after=nothing.after, gain=of_values.gain, model=of_values.model,
              adopted=of_values.adopted, n_training=of_values.n_training, history=history, stopped_because="done",
              seconds=round(time.monotonic() - began, 1), round=n_round, measured_on=source, verdict=of_values.verdict,
              of_values=of_values)
    registry.add(None, key=key, body={
        **run.to_dict(), "start": recipe.start, "seed": recipe.seed, "parent": None, "best": None, "former": former,
        "taxonomy": project.lineage.today.version})
    project.log.keep_copy(f"round-{n_round}")
    return run


def _with_values(key: str, project: Project) -> str:
    """The key of a run, with the answers about attributes where there are some."""
    digest = values_digest(project)
    return key if digest is None else hashlib.blake2b(f"{key} {digest}".encode(), digest_size=16).hexdigest()


def _with_maps(run: Run, feedback: AnyFeedback | None, compare_maps: CompareMaps | None) -> Run:
    if feedback is None or compare_maps is None:
        return run
    return replace(run, compare_maps=partial(compare_maps, feedback.regions, run.round))


def rationale_method(recipe: Recipe, feedback: AnyFeedback | None, *, has_model: bool
                     ) -> RationaleMethod | Literal["off"]:
    """How the loss uses the marked regions: "penalty", "invariance" or "off".

    "auto" means the penalty for a net that starts from its initial weights, and invariance for one that was trained
    before: a short fine-tuning with the penalty makes the gradient in a wrong region flat, but the net still relies on
    the region.
    """
    if feedback is None or not len(feedback.rationales) or recipe.reasons == "off":
        return "off"
    if recipe.reasons == "auto":
        return "penalty" if recipe.start == "initial" or not has_model else "invariance"
    return "penalty" if recipe.reasons == "penalty" else "invariance"


def key_of(data: Data, recipe: Recipe, method: str) -> str:
    """Key of what a run depends on: annotations, reference labels and arguments, but not the model it starts from.

    The log keeps it: what is hashed must stay as it is, its names included.
    """
    items = data.items
    arguments: dict[str, Any] = {"epochs": recipe.options().n_epochs, "budget_s": recipe.budget_s,
                                 "start": recipe.start, "adopt": recipe.adopt, "seed": recipe.seed}
    if data.feedback is not None:
        arguments |= {"reasons": method, "marks": data.feedback.regions}
    if recipe.certainty != "weight":
        arguments["certainty"] = recipe.certainty
    if recipe.backbone_lr_scale != 1:
        arguments["body"] = recipe.backbone_lr_scale
    arguments |= _unusual(recipe, items)
    answers = [[item_id, _target(items, row), np.round(items.weights[row].astype(float), 6).tolist()]
               for row, item_id in enumerate(items.item_ids)]
    if items.candidates is not None:
        answers.append(np.packbits(items.candidates, axis=1).tolist())
    text = canonical({"said": answers, "truth": dict(data.reference), "labels": list(items.label_ids), **arguments})
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _unusual(recipe: Recipe, items: LabelledImages) -> dict[str, Any]:
    """The arguments that earlier versions didn't have, where they aren't the default."""
    arguments: dict[str, Any] = {name: getattr(recipe, name) for name in ("lr", "batch_size", "weight_decay",
                                                                          "min_steps")
                                 if getattr(recipe, name) != getattr(Recipe, name)}
    if recipe.epochs == DEFAULT_EPOCHS:  # not the same as the default, with which small sets get more passes
        arguments["exactly"] = True
    if not recipe.augment:
        arguments["augment"] = False
    elif callable(recipe.augment):
        arguments["augment"] = _fingerprint(recipe.augment, items)
    return arguments


def _fingerprint(augment: Augment, items: LabelledImages) -> str:
    """A hash of two augmented views, which identifies an augmentation: a function may change and keep its name.

    The views are noise; of texts, those of two items.
    """
    if are_of_texts(items.images):
        return _fingerprint_of_texts(augment, items)
    views = torch.rand(2, *items.images[0].shape, generator=torch.Generator().manual_seed(0))
    try:
        changed = augment(views.clone(), torch.Generator().manual_seed(0))
    except Exception as error:  # a user's function, which may raise anything
        raise BadInput(f"augment raised {type(error).__name__} on views of shape {tuple(views.shape)}: {error}. "
                       "It is called with a batch of views and a torch.Generator.") from error
    if not isinstance(changed, torch.Tensor) or changed.shape != views.shape:
        raise BadInput(f"augment gave {tuple(changed.shape) if isinstance(changed, torch.Tensor) else changed!r} for "
                       f"views of shape {tuple(views.shape)}; views of the same shape are expected.")
    return hashlib.blake2b(changed.float().cpu().numpy().tobytes(), digest_size=8).hexdigest()


def _fingerprint_of_texts(augment: Augment, items: LabelledImages) -> str:
    readable = np.flatnonzero(load_views(items.images)[1])[:2]
    batch: Any = next(iter(items.images.batches([readable])))
    try:
        changed: Any = augment(batch, torch.Generator().manual_seed(0))
    except Exception as error:  # a user's function, which may raise anything
        raise BadInput(f"augment raised {type(error).__name__} on a batch of texts: {error}. It is called with what "
                       "the net takes, and a torch.Generator.") from error
    if type(changed) is not type(batch) or n_items(changed) != n_items(batch):
        raise BadInput(f"augment gave {type(changed).__name__} for a batch of {n_items(batch)} texts; what the net "
                       "takes, of as many, is expected.")
    tensors = changed.values() if isinstance(changed, dict) else [changed]
    return hashlib.blake2b(b"".join(tensor.cpu().numpy().tobytes() for tensor in tensors), digest_size=8).hexdigest()


def _target(items: LabelledImages, row: int) -> Any:
    target = items.targets[row]
    if items.targets.ndim == 2:
        return [None if np.isnan(p) else round(float(p), 3) for p in target]
    return None if target == PARTIAL else items.label_ids[target]


def _checkpoint(folder: Path, key: str, nets: Nets, notify: Callable[[str], None]) -> Checkpoint:
    """The file of the run's state until it is done; files of other runs that were stopped are removed."""
    checkpoint = Checkpoint(folder / f"{key}.safetensors", fingerprint=weights_version(nets.net))
    if folder.exists():
        for other in set(folder.iterdir()) - {checkpoint.path}:
            other.unlink(missing_ok=True)
    if checkpoint.n_epochs:
        notify(f"This training was stopped after epoch {checkpoint.n_epochs}; it goes on from there.")
    return checkpoint


def baseline_of(registry: Registry, data: Data, *, seed: int) -> Baseline:
    """Predict the measuring items with the adopted model and with the best one so far."""
    inference, positions = registry.inference, data.reference_positions
    if inference.missing:
        return Baseline(None, None, None, f"no comparison is possible: {inference.missing}")
    if registry.adopted is None:
        return Baseline(None, None, None, "there was no model before")
    predictor = inference.predictor
    adopted = Outputs(predictor.version, *inference.own_probs(positions, predictor=predictor),
                      registry.thresholds_of(predictor.version))
    best, best_outputs = registry.best(), None
    if best is not None and best.name != predictor.version:
        with suppress(ModelError):  # it is of another build than today's net
            best_outputs = Outputs(best.name, *inference.own_probs(positions, predictor=registry.predictor(best)),
                                   registry.thresholds_of(best.name))
    return Baseline(adopted, best_outputs,
                    _reliance(data, predictor, seed=seed))


def _reliance(data: Data, predictor: NetPredictor, *, seed: int) -> Reliance | None:
    """How much a model relies on marked regions; None where nobody marked any, or it has no gradients."""
    if data.feedback is None or isinstance(predictor.net, ImportedNet):
        return None
    if isinstance(predictor.net, CallableNet) and predictor.net.kind == "image":
        return None
    return data.feedback.reliance_of(predictor, seed=seed)


def teachable(registry: Registry) -> bool:
    """Whether all parts of the adopted model can be trained: some of the workbench's own have fixed parts."""
    if registry.adopted is None or registry.inference.missing or not registry.architecture.own:
        return registry.adopted is not None
    return not _has_frozen_part(registry.inference.predictor.net)


def _has_frozen_part(net: nn.Module) -> bool:
    return is_kmeans_net(net) or is_light_net(net) or is_average_net(net) or has_no_weights(net)


def has_no_weights(net: nn.Module) -> bool:
    """Whether a net has nothing that could learn: a function, or imported predictions."""
    return isinstance(net, (CallableNet, ImportedNet))


def _cannot_learn(registry: Registry) -> str:
    """Why the workbench's own net was trained in place of a model given or imported; "" if there was none."""
    if registry.architecture.own and registry.adopted is not None \
            and isinstance(registry.inference.predictor.net, ImportedNet):
        return "imported predictions can't be"
    if registry.architecture.estimator is not None:
        return f"{registry.architecture.estimator.name} has no fit"
    return "a function can't be" if registry.architecture.function is not None else ""


def refit(project: Project, registry: Registry, data: Data, recipe: Recipe, method: str, *, bars: Bars,
          n_round: int) -> tuple[Trained, str]:
    """Fit a copy of the person's estimator to the answers; return it, and a phrase that names its features.

    Parameters
    ----------
    project, registry, data, recipe
        See `finetune`, `train_nets` and `start`.
    method : str
        How the loss would use marked regions, from which an estimator can't learn.
    bars : Bars
    n_round : int
        Number of the round.

    Raises
    ------
    BadInput
        When `recipe.start` is "frozen".
    ModelError
        When `fit` raises.
    """
    estimator, items = registry.architecture.estimator, data.items
    assert estimator is not None
    if recipe.start == "frozen":
        raise BadInput(f"start='frozen' is for the workbench's own nets; a {estimator.name} is always fitted anew.")
    if method != "off":
        project.notify(f"A {estimator.name} can't use marked regions; it learns from the labels alone.")
    try:
        with bars(None, title=f"Round {n_round}: fitting {estimator.name} to {len(items)} items"):
            fitted = fit_estimator(estimator, items, project.pool.positions(items.item_ids), seed=recipe.seed,
                                   names=items.names)
    except KeyboardInterrupt:
        project.notify("Interrupted: nothing was adopted, the former model stands.")
        raise
    for note in fitted.notes:
        project.notify(note)
    net = registry.estimators.net(fitted.estimator, items.label_ids)
    return Trained(net=net, history=fitted.history, stopped_because="done", best_epoch=1,
                   n_training=fitted.n_training, n_validation=0, left_out=fitted.left_out,
                   uncalibrated=UNCALIBRATED.format(name=estimator.name)), \
        f"{estimator.name}, fitted anew on {estimator.features.name}"


def _named(net: nn.Module) -> dict[str, Any]:
    """The fields of an event that describe an estimator, besides its version."""
    return net.about if isinstance(net, EstimatorNet) else {}


# 21 branches: the nets that a run may start from; the first that fits is taken.
def start(registry: Registry, recipe: Recipe, lineage: Lineage, *, with_rationales: bool,
          notify: Callable[[str], None] = lambda text: None) -> Nets:
    """Make the net to train from and, if it is one of the workbench's own, the inputs of a light model.

    Marked regions can only change a trainable backbone. If the adopted model has none, the CNN starts from its initial
    weights. The additive net for texts can learn from marked words.
    """
    own, goes_on = registry.architecture.own, recipe.start == "adopted"

    def first() -> nn.Module:
        return registry.start("initial", seed=recipe.seed, lineage=lineage)
    if own and goes_on and with_rationales and registry.texts is not None:
        return Nets(first(), registry.light_source, anew=registry.adopted is not None)
    nothing_learns = registry.adopted is not None and has_no_weights(registry.inference.predictor.net)
    if with_rationales and goes_on and registry.adopted is not None and not teachable(registry) and not nothing_learns:
        notify("The adopted model has a frozen backbone, which marked regions can't change: this training starts from "
               "the small CNN's first weights.")
        return Nets(first(), anew=True)
    if not own or not goes_on or with_rationales:
        return Nets(registry.start(recipe.start, seed=recipe.seed, lineage=lineage))
    if (registry.adopted is None or nothing_learns) and not registry.inference.missing:
        return Nets(first(), registry.light_source, anew=True)
    net, fair = registry.start("adopted", seed=recipe.seed, lineage=lineage), _kept_apart(registry)
    if is_kmeans_net(net) or is_light_net(net) or (is_average_net(net) and not fair):
        return Nets(first(), registry.light_source, anew=True)
    return Nets(cnn_of(net), registry.light_source if fair else None)


def _kept_apart(registry: Registry) -> bool:
    """Whether the adopted model and all its predecessors kept the validation items out of training."""
    runs = {event.body["model"]: event.body for event in registry.runs()}
    version = registry.adopted
    while version is not None:
        body = runs.get(version)
        # Marked items train, whatever their draw; a run of an earlier package doesn't say what it began from.
        if body is None or "parent" not in body or not body["n_validation"] or body.get("reasons", "off") != "off":
            return False
        version = body["parent"]
    return True


def train_nets(nets: Nets, data: Data, recipe: Recipe, method: RationaleMethod | Literal["off"],
               architecture: Architecture, *, spent_s: float = 0.0, checkpoint: Checkpoint | None = None,
               progress: ShowTraining = show_no_training, bars: Bars = no_bars,
               title: str = "Learning") -> tuple[Trained, str]:
    """Train the net and the light model, if any; return the chosen one, with the reason ("" without a choice).

    For `progress`, `bars` and `title` see `train_and_choose`. The budget for training is what remains after the time
    spent before and the time reserved for measuring.
    """
    device = architecture.device
    rationales = None if method == "off" or data.feedback is None else data.feedback.rationales
    labelled = replace(data.items.training_data(rationales), shares=data.shares)
    options = recipe.options(rationale_method="invariance" if method == "off" else method, head=architecture.head,
                             n_measured=len(data.reference_positions))
    if options.budget_s is not None:
        options = replace(options, budget_s=max(options.budget_s - spent_s, 0.01 * options.budget_s))
    if nets.light is not None:
        return train_and_choose(nets.net, nets.light, labelled, len(data.items.label_ids), options,
                                checkpoint=checkpoint, progress=progress, bars=bars, title=title, device=device)
    # Rationales train the backbone; without any, a frozen one reads each item only once.
    learn = train_head if is_kmeans_net(nets.net) and rationales is None else train
    with progress(title=title) as show_row:
        return learn(nets.net, labelled, options, checkpoint=checkpoint, progress=show_row, device=device), ""


def measure(project: Project, predictor: NetPredictor, trained: Trained, data: Data, baseline: Baseline, recipe: Recipe,
            method: str, *, parent: str | None) -> tuple[Run, str | None]:
    """Measure the trained net and the baseline under today's labels, and decide whether to adopt the net.

    The run's round and its duration are left at 0, for the caller to fill in. The second value is the version of the
    best model so far.
    """
    thresholds = {} if trained.adjustment is None else {
        label_id: round(float(threshold), 4)
        for label_id, threshold in zip(data.items.label_ids, trained.adjustment.thresholds, strict=True)}
    after = Outputs(predictor.version, predictor.predict(data.reference_positions.tolist()), data.items.label_ids,
                    thresholds)
    versions = [parent, *(model.version for model in (baseline.adopted, baseline.best) if model is not None)]
    # Read now: the taxonomy may have changed during the training.
    reference = Reference.of(project, data.reference_positions.tolist())
    learnt = learnt_gold(project, versions)
    figures = figures_of(reference, new=after, adopted=baseline.adopted, best=baseline.best, why_alone=baseline.why,
                         learnt=learnt, why=data.why_no_reference, of_sets=predictor.multilabel)
    measured_on = next((source for source in SOURCES if source in figures.by_source
                        and figures.by_source[source].after.n), next(iter(figures.by_source), ""))
    figure = figures.by_source.get(measured_on) or _nothing(reference.lineage, data.why_no_reference,
                                                            of_sets=predictor.multilabel)
    adopted, verdict = (figures.verdict.adopted, figures.verdict.why) if recipe.adopt == "better" else \
        (recipe.adopt == "always", f"adopt={recipe.adopt!r}; by the measure: {figures.verdict.why}")
    run = Run(before=figure.before, after=figure.after, gain=figure.gain, measured_on=measured_on,
              figures=figures.by_source, verdict=verdict, model=predictor.version, adopted=adopted,
              n_gold_learnt=len(learnt.intersection(reference.rows)), n_training=trained.n_training,
              n_validation=0 if trained.out_of_fold else trained.n_validation, history=trained.history,
              stopped_because=trained.stopped_because, seconds=0.0, round=0, net=trained.net,
              calibrated=trained.calibrated, thresholds=thresholds)
    best = _best(figures, baseline, predictor.version, adopted=adopted)
    if data.feedback is None:
        return run, best
    return replace(run, reasons=method, relies_before=baseline.reliance,
                   relies_after=_reliance(data, predictor, seed=recipe.seed)), best


def _best(figures: Figures, baseline: Baseline, version: str, *, adopted: bool) -> str | None:
    """The best model so far, of those that were ever adopted; the former best if nothing was measured."""
    former = baseline.best or baseline.adopted
    if figures.best is None:
        return former.version if former is not None else version if adopted else None
    if figures.best == version and not adopted:
        return None if former is None else former.version
    return figures.best


def _nothing(lineage: Lineage, why: str, *, of_sets: bool = False) -> Figure:
    """The figure where no items are measured."""
    today = lineage.today
    names = [today.name_of(label_id) for label_id in today.label_ids]
    if of_sets:
        nothing = np.zeros((0, len(names)))
        empty = multilabel_metrics(nothing, nothing, 0.5, today.label_ids, names)
        return Figure(empty, empty, Estimate(math.nan, why=why))
    none = Metrics(np.zeros((len(today.label_ids),) * 2), today.label_ids,
                   names)
    return Figure(none, none, Estimate(math.nan, why=why))


@contextmanager
def limit_torch_threads() -> Iterator[None]:
    """Let torch use all cores but one.

    Its threads spin while they wait for each other. With one on every core, whatever else runs, such as the browser and
    the card's maps, stops all of them again and again: a training then took eight times as long.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(max(1, min(n_threads, (os.cpu_count() or 1) - 1)))
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
