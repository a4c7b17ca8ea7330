"""The choice among the workbench's own nets: the light model, the small CNN, or the average of both.

`train_and_choose` trains a light model and a small CNN on the same answers, and compares them on answers that neither
was trained on. For images the average is the default; for texts it is the light model, because its contributions are
exact. Another net is chosen only if its loss is lower by more than chance explains. When there are few answers to
compare on, always choosing the lowest loss cost twice as much accuracy (docs/benchmarks.md). The hold-out isn't used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..quality.out_of_fold import folds
from ..records import Bars, no_bars
from .average import AverageNet, average_logits, average_set_logits
from .checkpoint import Checkpoint
from .confidence import fit_temperature, label_rows, share_ratio
from .data import TrainingData, differ, load_views, split_data, split_validation
from .descriptors import Descriptors
from .label_calibration import Adjustment, adjust_sets, item_means, known_of
from .light_rows import AVERAGE, CNN, LIGHT, LightRows, light_rows
from .losses import ONE_LABEL, Objective, is_partial, label_groups, label_losses, partial_label_losses
from .text_light import TextPrior
from .train import MAX_ROWS, Trained, TrainingOptions, logits_of, train

# To compare nets by halves of the items, a net is trained with this share of the least number of batches.
SHARE_OF_STEPS = 0.25
# Probabilities are clipped to at least this, so that one item of which a net was wrongly sure doesn't decide alone.
LEAST = 1e-3

# Shows the progress of a training. Called with `title`, it returns a context manager, whose value is called with each
# new row of the training's history.
ShowTraining = Callable[..., AbstractContextManager[Callable[..., object]]]


def show_no_training(*, title: str) -> AbstractContextManager[Callable[..., object]]:
    """Show nothing while nets are trained."""
    return no_bars(None, title=title)


@dataclass(frozen=True)
class Compared:
    """Mean losses of the candidates on the same answers, which none of them was trained on.

    Attributes
    ----------
    losses : dict of str to float
        Name -> mean loss in nats; NaN where there are too few answers.
    n : int
        Number of answers.
    chance : dict of str to float
        Name -> two standard errors of the difference between its loss and that of `in_doubt`: a smaller difference may
        be chance.
    in_doubt : str
        Name of the candidate that is taken unless another's loss is lower by more than chance.
    """

    losses: dict[str, float]
    n: int
    chance: dict[str, float] = field(default_factory=dict)
    in_doubt: str = AVERAGE

    @property
    def best(self) -> str:
        """Name of the candidate that is taken; the light model where there are too few answers to compare."""
        told = {name: loss for name, loss in self.losses.items() if not math.isnan(loss)}
        if not told:
            return LIGHT
        least = min(told, key=lambda name: told[name])
        return self.in_doubt if told[self.in_doubt] - told[least] <= self.chance.get(least, -1.0) else least

    @property
    def why(self) -> str:
        """Sentence that says which candidate is taken, and why."""
        told = {name: f"{loss:.2f}" for name, loss in self.losses.items() if not math.isnan(loss)}
        if not told:
            return f"the {LIGHT}: {self.n} answers are too few to tell which is better"
        others = " and ".join(f"{loss} for the {name}" for name, loss in told.items() if name != self.best)
        doubt = "; neither errs less beyond chance" if self.losses[self.best] > min(self.losses.values()) else ""
        return (f"the {self.best}: mean loss {told[self.best]}, against {others}, on {self.n} answers that neither was "
                f"trained on{doubt}")


def train_and_choose(cnn: nn.Module, source: Descriptors | TextPrior | LightRows, data: TrainingData, n_labels: int,
                     options: TrainingOptions | None = None, *, checkpoint: Checkpoint | None = None,
                     progress: ShowTraining = show_no_training, bars: Bars = no_bars, title: str = "Learning",
                     device: str = "auto") -> tuple[Trained, str]:
    """Train a light model and a small CNN on the same answers, and take the one that errs less, or their average.

    They are compared on the validation items. If there are too few, the items are divided into halves, and each half is
    predicted by nets that were trained on the other half, the CNN with fewer steps. The net with the lowest loss is
    taken then, and the CNN is trained on all items only if it is needed.

    Parameters
    ----------
    cnn : nn.Module
        The net to start from. It must not have been trained on the validation items or, if there are too few of them,
        on any item.
    source : Descriptors, TextPrior, DescriptorRows or TextRows
        The inputs of the light model.
    data : TrainingData
        The training data, with draws.
    n_labels : int
        Number of outputs.
    options : TrainingOptions, optional
        See `train.train`; the budget is that of all the trainings together.
    checkpoint : Checkpoint, optional
        Checkpoint of the CNN's training, as for `train.train`.
    progress : ShowTraining
        Called for each of the two nets.
    bars : Bars
        Shows how many of the trainings that compare the two are done.
    title : str
        Title of the bars; the net's name is added.
    device : str
        See `train.train`.

    Returns
    -------
    tuple of (Trained, str)
        The training that was chosen, and why; "" after an interrupt. For the average it is the CNN's training, with
        the average as its net.
    """
    options, began = options or TrainingOptions(), time.monotonic()
    images, readable = load_views(data.images)
    loaded, rows = replace(data, images=images), np.flatnonzero(readable)
    lights = light_rows(source, data.rationales)
    light, seen = _learn_light(lights, loaded, rows, n_labels, progress=progress, title=title)
    halves = data.validation is None and not len(split_validation(
        data.targets, draws=data.draws, seed=options.seed, groups=data.objective.groups(data.targets))[1])
    compared = None
    if halves:
        with bars(2, title=f"{title}: comparing the two nets", unit="training") as advance:
            compared = _by_halves(cnn, lights, loaded, seen, n_labels, options, rows=rows, device=device,
                                  advance=advance)
        if compared is None:
            return replace(light, stopped_because="interrupted"), ""
        if compared.best == LIGHT:
            return light, compared.why
    left = None if options.budget_s is None else max(0.1 * options.budget_s,
                                                     options.budget_s - (time.monotonic() - began))
    with progress(title=f"{title}, net 2 of 2, the small CNN") as show_row:
        trained = train(cnn, loaded if len(rows) == len(data) else data, replace(options, budget_s=left),
                        checkpoint=checkpoint, progress=show_row, device=device)
    if trained.stopped_because == "interrupted":
        return trained, ""
    if compared is None:
        compared = _on_validation(trained, lights, loaded, seen, n_labels, options, rows=rows)
    if compared.best == AVERAGE:
        net = AverageNet(light.net, trained.net, of_sets=data.objective.of_sets).eval()
        # The light model's thresholds are set on all answers, out of fold, those of the CNN on a few.
        trained = replace(trained, net=net, adjustment=light.adjustment)
    return light if compared.best == LIGHT else trained, compared.why


def _learn_light(lights: LightRows, data: TrainingData, rows: np.ndarray, n_labels: int, *,
                 progress: ShowTraining, title: str) -> tuple[Trained, Any]:
    """Train the light model on the items that can be read; returns it, and the rows (`LightRows.of`) of all items."""
    with progress(title=f"{title}, net 1 of 2, the light model") as show_row:
        some = data.select(rows)
        seen = lights.of(some.images, at=rows, n=len(data))
        light = lights.learn(seen[rows], some, n_labels=n_labels, progress=show_row)
    left_out = np.setdiff1d(np.arange(len(data)), rows)
    return replace(light, left_out=tuple(left_out.tolist())), seen


def _compare(light: Tensor, cnn: Tensor, targets: Tensor, *, by_chance: bool, objective: Objective = ONE_LABEL,
             in_doubt: str = AVERAGE) -> Compared:
    """The mean losses of both nets and of their average, from their logits for the same items.

    Without label smoothing, which would favour the least confident net. With `by_chance`, `in_doubt` is taken unless
    another's loss is lower by more than chance; without it, the candidate with the lowest loss is taken.
    """
    if objective.of_sets:
        return _compare_sets(light, cnn, targets, by_chance=by_chance, in_doubt=in_doubt)
    every, truth = {LIGHT: light, CNN: cnn, AVERAGE: average_logits(torch.stack([light, cnn]))}, \
        label_rows(targets, light.shape[1])
    if targets.ndim == 2:  # of a partial answer each candidate is right
        truth = torch.where(is_partial(targets)[:, None], targets.double(), truth)
    losses = {name: partial_label_losses(logits.double(), truth, smoothing=0.0).clamp_max(-math.log(LEAST))
              for name, logits in every.items()}
    return _compared(losses, by_chance=by_chance, in_doubt=in_doubt)


def _compare_sets(light: Tensor, cnn: Tensor, on: Tensor, *, by_chance: bool, in_doubt: str) -> Compared:
    """`_compare` for items that may have several labels: the mean losses of the known labels."""
    average = average_set_logits(torch.stack([light, cnn]))
    _, truth, weights = known_of(on, torch.ones(len(on)))
    least = torch.tensor(LEAST).logit()
    losses = {name: item_means(label_losses(logits.clamp(least, -least), truth), weights)
              for name, logits in ((LIGHT, light), (CNN, cnn), (AVERAGE, average))}
    return _compared(losses, by_chance=by_chance, in_doubt=in_doubt)


def _compared(losses: dict[str, Tensor], *, by_chance: bool, in_doubt: str) -> Compared:
    """The comparison, from each candidate's losses of the items."""
    n = len(losses[in_doubt])
    chance = {name: 2 * float((each - losses[in_doubt]).std()) / n ** 0.5 for name, each in losses.items()} \
        if by_chance and n > 1 else {}
    return Compared({name: float(each.mean()) for name, each in losses.items()}, n, chance, in_doubt)


def _on_validation(trained: Trained, lights: LightRows, data: TrainingData, seen: Any, n_labels: int,
                   options: TrainingOptions, *, rows: np.ndarray) -> Compared:
    """Compare the nets on the validation items; the light model is fitted to the other items only."""
    split = split_data(data, seed=options.seed)
    training, validating = np.intersect1d(split.training, rows), split.validating
    if data.validation is None:
        validating = np.intersect1d(validating, rows)
        tested, draws = seen[validating], data.draws
    else:
        tested, draws = lights.of([split.held_out[0][row] for row in validating]), None
    n = len(validating)
    if not n:
        return Compared(dict.fromkeys((LIGHT, CNN, AVERAGE), math.nan), n)
    targets = split.held_out[1][validating]
    light = lights.logits(seen[training], data.select(training), n_labels=n_labels, tested=tested)
    cnn = logits_of(trained.net, *split.held_out, validating)
    if trained.adjustment is not None:
        some = training[::math.ceil(len(training) / MAX_ROWS)]
        learnt = logits_of(trained.net, data.images, data.targets, some)
        cnn = _sets_calibrated_apart(cnn, targets, draws=None if draws is None else draws[validating],
                                     beside=(learnt, data.targets[some]), former=trained.adjustment,
                                     shares=data.shares)
    elif not math.isnan(trained.temperature):
        some = training[::math.ceil(len(training) / MAX_ROWS)]
        cnn = _calibrated_apart(trained.temperature * cnn, targets, draws=None if draws is None else draws[validating],
                                beside=(trained.temperature * logits_of(trained.net, data.images, data.targets, some),
                                        data.targets[some]), shares=data.shares)
    return _compare(light, cnn, targets, objective=data.objective, by_chance=True,
                    in_doubt=lights.in_doubt)


def _calibrated_apart(logits: Tensor, targets: Tensor, *, draws: np.ndarray | None, beside: tuple[Tensor, Tensor],
                      shares: np.ndarray | None) -> Tensor:
    """Logits of the validation items, calibrated out of fold: the calibration of each fold is fitted to the others.

    The CNN's own temperature and bias were fitted to all of these items, which would favour it.

    Parameters
    ----------
    logits, targets : Tensor
        Logits before the temperature, and targets, of the validation items.
    draws : ndarray, optional
        See `light.out_of_fold_logits`; no items are grouped when None.
    beside : tuple of Tensor
        Logits and targets of training items.
    shares : ndarray, optional
        Class priors: the labels' shares in the pool.
    """
    apart, n_labels = torch.empty_like(logits), logits.shape[1]
    fold = folds(label_groups(targets).numpy(), np.arange(len(targets)) if draws is None else draws)
    for number in np.unique(fold):
        others, these = torch.from_numpy(fold != number), torch.from_numpy(fold == number)
        answers = torch.cat([beside[1], targets[others]])
        temperature, bias = fit_temperature(logits[others], targets[others],
                                            torch.cat([beside[0], logits[others]]), answers)
        if shares is not None:
            bias = bias + share_ratio(shares, answers, n_labels)
        apart[these] = logits[these] / temperature + bias
    return apart


def _sets_calibrated_apart(logits: Tensor, targets: Tensor, *, draws: np.ndarray | None, beside: tuple[Tensor, Tensor],
                           former: Adjustment, shares: np.ndarray | None) -> Tensor:
    """`_calibrated_apart` for items that may have several labels; `former` is the adjustment in the logits."""
    raw, learnt, apart = former.undone(logits), former.undone(beside[0]), torch.empty_like(logits)
    fold = folds(np.zeros(len(targets), np.int64), np.arange(len(targets)) if draws is None else draws)
    for number in np.unique(fold):
        others, these = torch.from_numpy(fold != number), torch.from_numpy(fold == number)
        found = adjust_sets(raw[others], targets[others], learnt, beside[1], shares=shares)
        apart[these] = raw[these] * found.scales + found.biases
    return apart


def _by_halves(cnn: nn.Module, lights: LightRows, data: TrainingData, seen: Any, n_labels: int,
               options: TrainingOptions, *, rows: np.ndarray, device: str,
               advance: Callable[..., object]) -> Compared | None:
    """Compare the nets on all items, each predicted by nets trained on the other half; NaN with too few labels.

    Items of a group are in one half. None after an interrupt.
    """
    n_steps = max(1, int(SHARE_OF_STEPS * options.n_epochs * options.steps_per_epoch(0)))
    options = replace(options, min_steps=n_steps, budget_s=options.budget_s and 0.1 * options.budget_s)
    groups = data.objective.groups(data.targets)
    assert data.draws is not None
    fold = folds(groups[rows].numpy(), data.draws[rows], n_folds=2)
    light, small = torch.zeros(len(data), n_labels), torch.zeros(len(data), n_labels)
    for number in range(2):
        training, testing = rows[fold != number], rows[fold == number]
        if not differ(data.targets[training]) if data.objective.of_sets else len(groups[training].unique()) < 2:
            return Compared(dict.fromkeys((LIGHT, CNN, AVERAGE), math.nan), len(rows))
        trained = train(cnn, data.select(training), options, device=device)
        if trained.stopped_because == "interrupted":
            return None
        light[testing] = lights.logits(seen[training], data.select(training), n_labels=n_labels,
                                       tested=seen[testing])
        small[testing] = logits_of(trained.net, data.images, data.targets, testing)
        advance(1)
    return _compare(light[rows], small[rows], data.targets[rows], objective=data.objective, by_chance=False,
                    in_doubt=lights.in_doubt)
