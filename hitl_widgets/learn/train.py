"""The training loop, as named steps.

`train` is the whole loop: from `TrainingData` and `TrainingOptions` it makes a `Trained` net. Each step
(`train_epoch`, `backward`, `validate`, and the steps of `data`) can also be used in a loop of your own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..errors import BadInput, ModelError, TrainingStopped
from .checkpoint import Checkpoint, Saver, Schedule, StoppedBecause, TrainingState, parameter_groups
from .confidence import MIN_ITEMS, LastLayer, fit_temperature, logit_shift, share_ratio
from .data import Batches, SplitData, TrainingData, balanced_order, make_batches, split_data
from .label_calibration import Adjustment, adjust_sets
from .losses import ONE_LABEL, Objective, item_losses
from .microbatch import MicroBatches
from .optimizers import AdamW
from .outputs import read_logits
from .predict import pick_device, private_copy
from .rationales import Augment, RationaleLoss, RationaleMethod, rationale_loss
from .text_rationales import TextRationales, text_rationale_loss
from .text_views import Batch, moved, n_items, rows_of, run_net, shape_of

Progress = Callable[[dict[str, float]], object]

# Defaults: number of passes over the training set, and of epochs clearly above the lowest loss before it stops early.
DEFAULT_EPOCHS, PATIENCE = 20, 8
# Minimum number of images drawn in a training whose length isn't set.
MIN_DRAWS = 10_240
WEIGHT_DECAY, BATCH_SIZE = 0.05, 16
# Maximum number of items over which the labels' mean probabilities are taken.
MAX_ROWS = 1_000
# Number of items on which the time of a forward pass is measured.
N_TIMED = 32
HISTORY = ("epoch", "step", "loss", "accuracy", "validation_loss", "validation_accuracy", "lr", "elapsed_s",
           "passes")


@dataclass(frozen=True)
class TrainingOptions:
    """How a net is trained.

    Parameters
    ----------
    epochs : int, optional
        Number of passes over the training images, 1 or more. When None, 20, or more if that is fewer steps than
        `min_steps`.
    budget_s : float, optional
        Maximum number of seconds, above 0, from the call of `train` to its end; the learning rate falls with the time
        that is left. The images are read and at least one batch is learnt, however long that takes.
    seed : int
        Seed of every random choice.
    lr : float, optional
        Largest learning rate, above 0; when None 0.003, and 0.0003 for nets of a million weights or more.
    weight_decay : float
        Weight decay of AdamW, 0 or more.
    batch_size : int
        Images in a batch, 1 or more; 1 means 2, since BatchNorm can't learn from one image.
    patience : int, optional
        Stop after this many epochs whose validation loss was clearly above the lowest. When None 8, and no early stop
        where `epochs` is given.
    min_steps : int, optional
        Minimum number of batches, 1 or more: on a small set, a few passes would end before much is learnt. Epochs are
        then longer than a pass, not more in number. When None, as many as draw 10,240 images (640 batches of 16), and
        1 where `epochs` is given.
    augment : callable, optional
        Changes a batch, given a generator, such as `data.random_affine`.
    rationale_method : {"invariance", "penalty"}
        Which loss uses the wrong regions, see `rationales.RationaleLoss`.
    backbone_lr_scale : float
        Learning rate of all but the last layer, as a share of the last layer's, above 0 and up to 1. Below 1, the last
        layer learns alone at first.
    head : str, optional
        Name of the last layer; found when None.
    n_measured : int
        Number of items that will be predicted after the training, for which time of the budget is reserved.

    Raises
    ------
    BadInput
        If one can't be used; the message has its value and what is expected.
    """

    epochs: int | None = None
    budget_s: float | None = None
    seed: int = 0
    lr: float | None = None
    weight_decay: float = WEIGHT_DECAY
    batch_size: int = BATCH_SIZE
    patience: int | None = None
    augment: Augment | None = None
    rationale_method: RationaleMethod = "invariance"
    backbone_lr_scale: float = 1.0
    head: str | None = None
    min_steps: int | None = None
    n_measured: int = 0

    # 18 branches: each checks one option, with its own message.
    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "min_steps", "patience"):
            value = getattr(self, name)
            if (value is not None or name == "batch_size") and (not _is_int(value) or value < 1):
                raise BadInput(f"{name} is {value!r}; a whole number, 1 or more, is expected.")
        if self.lr is not None and (not _is_number(self.lr) or not 0 < self.lr < math.inf):
            raise BadInput(f"lr is {self.lr!r}; a learning rate above 0 is expected, such as 0.001, or None.")
        if not _is_number(self.weight_decay) or not 0 <= self.weight_decay < math.inf:
            raise BadInput(f"weight_decay is {self.weight_decay!r}; a number, 0 or more, is expected.")
        if self.augment is not None and not callable(self.augment):
            raise BadInput(f"augment is {self.augment!r}; a function of a batch of views and a torch.Generator is "
                           "expected, or None.")
        if self.budget_s is not None and (not _is_number(self.budget_s) or self.budget_s <= 0):
            raise BadInput(f"budget_s is {self.budget_s!r}; a number of seconds above 0 is expected, or None.")
        if not _is_int(self.seed):
            raise BadInput(f"seed is {self.seed!r}; a whole number is expected.")
        if not _is_number(self.backbone_lr_scale) or not 0 < self.backbone_lr_scale <= 1:
            raise BadInput(f"backbone_lr_scale is {self.backbone_lr_scale!r}; a share of the last layer's rate is "
                           "expected, above 0 and up to 1. To leave layers as they are, pass a net whose weights there "
                           "have requires_grad=False.")

    @property
    def n_epochs(self) -> int:
        """Maximum number of epochs, and of rows in the history."""
        return self.epochs or DEFAULT_EPOCHS

    @property
    def n_patient(self) -> int | None:
        """Number of epochs without improvement after which the training stops; None for no early stopping."""
        return PATIENCE if self.patience is None and self.epochs is None else self.patience

    def steps_per_epoch(self, n_training: int) -> int:
        """Number of batches in an epoch: those of a pass, and more where `min_steps` asks for it.

        Parameters
        ----------
        n_training : int
            Number of images that train.
        """
        size = max(2, self.batch_size)
        least = self.min_steps or (math.ceil(MIN_DRAWS / size) if self.epochs is None else 1)
        return max(1, n_training // size, math.ceil(least / self.n_epochs))

    def draws_per_epoch(self, n_training: int) -> int:
        """Number of images drawn in an epoch: all training images once, or more to fill the batches.

        Parameters
        ----------
        n_training : int
            Number of images that train.
        """
        size, n_steps = max(2, self.batch_size), self.steps_per_epoch(n_training)
        return n_steps * size if n_steps > max(1, n_training // size) else n_training


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_int(value) or isinstance(value, (float, np.floating))


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes
    ----------
    net : nn.Module
        A copy of the net with the best weights, on the CPU, in evaluation mode.
    history : DataFrame
        One row an epoch: epoch, step, loss, accuracy, validation_loss, validation_accuracy, lr, elapsed_s, passes (over
        the images that train, up to then).
    stopped_because : {"done", "early", "budget", "interrupted"}
        Why it ended; "early": the validation loss was clearly above the lowest for `patience` epochs.
    best_epoch : int
        The epoch of these weights: the last whose validation loss was the lowest, give or take a standard error; 0 when
        no epoch was finished and nothing was learnt.
    n_training, n_validation : int
        Number of items.
    left_out : tuple of int
        Rows of the images that couldn't be read.
    temperature : float
        Number by which the logits were divided, so that confidence agrees with accuracy on the validation items; NaN if
        they weren't divided.
    uncalibrated : str
        Why they weren't divided.
    n_calibrating : int
        Number of items to which the temperature was fitted.
    out_of_fold : bool
        Whether these are training items, each predicted by a model that wasn't trained on it.
    adjustment : Adjustment or None
        The calibration of each label's logits, and the labels' thresholds, where an item may have several labels.
    """

    net: nn.Module
    history: pd.DataFrame
    stopped_because: StoppedBecause
    best_epoch: int
    n_training: int
    n_validation: int
    left_out: tuple[int, ...] = ()
    temperature: float = math.nan
    uncalibrated: str = ""
    n_calibrating: int = 0
    out_of_fold: bool = False
    adjustment: Adjustment | None = None

    @property
    def calibrated(self) -> str:
        """How confidence was calibrated, in words, or why it wasn't."""
        if self.adjustment is None and math.isnan(self.temperature):
            return f"not calibrated: {self.uncalibrated}"
        told_by = f"{self.n_calibrating} items, each predicted by a model that hadn't learnt it" if self.out_of_fold \
            else f"{self.n_calibrating} items that didn't train"
        if self.adjustment is not None:
            return f"calibrated label by label on {told_by}" if self.n_calibrating else \
                f"not calibrated: {self.uncalibrated}"
        return f"calibrated on {told_by} (temperature {self.temperature:.2f})"

    @property
    def validation_loss(self) -> float:
        """Validation loss of these weights, in nats; NaN if nothing was validated or learnt."""
        return float(self.history["validation_loss"].iloc[self.best_epoch - 1]) if self.best_epoch else math.nan


def train(net: nn.Module, data: TrainingData, options: TrainingOptions | None = None, *,
          checkpoint: Checkpoint | None = None, progress: Progress | None = None, device: str = "auto") -> Trained:
    """Train a copy of a net on labelled images, and keep its best weights.

    AdamW with one cycle of the learning rate, on batches that draw rare labels more often than they occur; the loss
    corrects the logits for it (`confidence.logit_shift`), so that the net learns the pool's class priors. In the end
    the logits are divided by a temperature that is fitted to the validation items (`calibrate`). Both need a last layer
    with a bias (`confidence.LastLayer`). Without one, labels are drawn as often as they occur, and there is no
    temperature.

    The same call twice on a CPU gives the same weights, unless a budget ends it. Weights that don't require gradients
    stay as they are.

    With rationales the last epoch's weights are kept: the validation items contain the same misleading regions as the
    others, so that they would select the net that relies on them.

    Where an item may have several labels (`losses.SETS`), items are drawn as often as they occur, each label's loss is
    masked where its truth is unknown, and each label is calibrated separately (`label_calibration.adjust_sets`), which
    also sets its threshold.

    Parameters
    ----------
    net : nn.Module
        A net that returns logits; it isn't changed.
    data : TrainingData
        What to learn from.
    options : TrainingOptions, optional
        How to learn; the defaults when None.
    checkpoint : Checkpoint, optional
        Where the state is saved, see `checkpoint.Saver`. A training that was stopped resumes from there, and on a CPU
        ends with the weights that it would have had.
    progress : callable, optional
        Called with each new row of the history.
    device : str
        "auto", "cpu", "cuda" ...

    Returns
    -------
    Trained
        Also after a keyboard interrupt, with the best weights so far.

    Raises
    ------
    BadInput
        If nothing can be learnt: there is no image, only one label, or no trainable weight.
    ModelError
        If the net raises, or its outputs don't fit the targets.
    TrainingStopped
        If the loss is no finite number.
    """
    options, began = options or TrainingOptions(), time.monotonic()
    split = split_data(data, seed=options.seed)
    marked = data.objective.marked(split.targets)
    extra_loss = text_rationale_loss(marked, data.rationales, split.readable, seed=options.seed) \
        if isinstance(data.rationales, TextRationales) else \
        rationale_loss(split.images, marked, data.rationales, split.readable, method=options.rationale_method,
                       augment=options.augment, seed=options.seed)
    place = pick_device(device)
    state = initial_state(trainable_copy(net).to(place), options, extra_loss,
                          n_steps=options.n_epochs * options.steps_per_epoch(len(split.training)))
    state.schedule.resume(step=0, elapsed_s=time.monotonic() - began)
    last = last_layer(state.net, split, options)
    if options.budget_s is not None:
        state.schedule.reserve_s = seconds_after(state.net, split, options)
    if last is not None and not data.objective.of_sets:
        state.shift = balance(state.net, last, split, data.shares)
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(options.seed)  # for dropout, which draws from torch's own generator
        if checkpoint is not None:
            state.resume(checkpoint)
        stopped_because = run_epochs(state, split, options, checkpoint=checkpoint, progress=progress)
    state.net.load_state_dict(state.best)
    if data.objective.of_sets:
        return _trained_sets(state, last, split, stopped_because, data.shares)
    temperature, why = calibrate(state, last, split, data.shares)
    return Trained(net=state.net.to("cpu").eval(), history=pd.DataFrame(state.history, columns=list(HISTORY)),
                   stopped_because=stopped_because, best_epoch=state.best_epoch, n_training=len(split.training),
                   n_validation=len(split.validating), left_out=tuple(np.flatnonzero(~split.readable).tolist()),
                   temperature=temperature, uncalibrated=why,
                   n_calibrating=0 if math.isnan(temperature) else len(split.validating))


def _trained_sets(state: TrainingState, last: LastLayer | None, split: SplitData, stopped_because: StoppedBecause,
                  shares: Any) -> Trained:
    """The result of a training where items may have several labels, calibrated label by label."""
    why, adjustment, n = "nothing was learnt", None, 0
    if state.best_epoch:
        validating = split.validating if len(split.validating) >= MIN_ITEMS else split.validating[:0]
        training = split.training[::math.ceil(len(split.training) / MAX_ROWS)]
        n_labels = split.targets.shape[1]
        held_out = logits_of(state.net, *split.held_out, validating).reshape(-1, n_labels)
        learnt = logits_of(state.net, split.images, split.targets, training)
        adjustment = adjust_sets(held_out, split.held_out[1][validating], learnt, split.targets[training],
                                 shares=shares)
        n, why = len(validating), "" if len(validating) else \
            f"{len(split.validating)} items validated, and {MIN_ITEMS} or more are needed"
        if last is None:  # its probabilities stay as they are
            n, why = 0, "the net has no last layer with a bias that gives its logits, as far as could be found"
            adjustment = adjustment.unchanged(held_out, split.held_out[1][validating])
        else:
            last.adjust(adjustment.scales, adjustment.biases)
    return Trained(net=state.net.to("cpu").eval(), history=pd.DataFrame(state.history, columns=list(HISTORY)),
                   stopped_because=stopped_because, best_epoch=state.best_epoch, n_training=len(split.training),
                   n_validation=len(split.validating), left_out=tuple(np.flatnonzero(~split.readable).tolist()),
                   uncalibrated=why, n_calibrating=n, adjustment=adjustment)


def last_layer(net: nn.Module, split: SplitData, options: TrainingOptions) -> LastLayer | None:
    """The net's last layer, tried on a few of the images; None if it has no bias that can be changed.

    Parameters
    ----------
    net : nn.Module
        It isn't changed.
    split : SplitData
        The images.
    options : TrainingOptions
        May name the layer.
    """
    views, targets, _ = next(iter(make_batches(split.images, split.targets, None, [split.training[:8]])))
    views = moved(views, next(net.parameters()).device)
    net.eval()
    with torch.no_grad():
        forward(net, views, targets)  # a net that doesn't fit is refused with a message
    return LastLayer.of(net, views, name=options.head, of_sets=split.objective.of_sets)


def seconds_after(net: nn.Module, split: SplitData, options: TrainingOptions) -> float:
    """Estimated time to validate, calibrate and measure after the last batch, from a few of the images.

    Parameters
    ----------
    net : nn.Module
        It isn't changed.
    split : SplitData
        The images.
    options : TrainingOptions
        Says how many items will be measured.
    """
    began, some = time.monotonic(), split.training[:N_TIMED]
    logits_of(net, split.images, split.targets, some)
    n_after = 2 * len(split.validating) + min(MAX_ROWS, len(split.training)) + options.n_measured
    return (time.monotonic() - began) / len(some) * n_after


def balance(net: nn.Module, last: LastLayer, split: SplitData, shares: Any = None) -> Tensor:
    """Set the bias of a net to the pool's class priors, unless it has them; return the shift for the loss.

    Parameters
    ----------
    net : nn.Module
        The bias of its last layer is changed.
    last : LastLayer
        Its last layer.
    split : SplitData
        What to train on.
    shares : array_like, shape (n_labels,), optional
        See `data.TrainingData`.

    Returns
    -------
    Tensor of float32, shape (n_labels,)
        As returned by `confidence.logit_shift`.
    """
    targets, weights = split.targets[split.training], split.weights[split.training]
    some = split.training[np.linspace(0, len(split.training) - 1, min(256, len(split.training))).astype(int)]
    logits, answers = logits_of(net, split.images, split.targets, some), split.targets[some]
    shift = logit_shift(targets, weights, last.n_labels, shares)
    if item_losses(logits - shift, answers).sum() <= item_losses(logits, answers).sum():
        last.shift(-shift)
    return shift


def calibrate(state: TrainingState, last: LastLayer | None, split: SplitData, shares: Any = None) -> tuple[float, str]:
    """Calibrate the net: to the pool's class priors, and its confidence to its accuracy.

    Parameters
    ----------
    state : TrainingState
        The last layer of its net is changed.
    last : LastLayer or None
        The last layer; None if it wasn't found.
    split : SplitData
        Has the training and validation items.
    shares : array_like, shape (n_labels,), optional
        See `data.TrainingData`.

    Returns
    -------
    tuple of (float, str)
        The temperature by which the logits were divided, or NaN and the reason why they weren't.
    """
    if last is None or state.shift is None:
        return math.nan, "the net has no last layer with a bias that gives its logits, as far as could be found"
    if not state.best_epoch:
        return math.nan, "nothing was learnt"
    validating = split.validating if len(split.validating) >= MIN_ITEMS else split.validating[:0]
    held_out = logits_of(state.net, *split.held_out, validating).reshape(-1, last.n_labels)
    targets = split.held_out[1][validating]
    step = math.ceil(len(split.training) / MAX_ROWS)
    some = split.training[::step]
    # Training and validation items in their own proportion: the more validate, the less the learnt ones matter.
    logits = torch.cat([logits_of(state.net, split.images, split.targets, some), held_out[::step]])
    answers = torch.cat([split.targets[some], targets[::step]])
    every = torch.cat([split.targets[split.training], targets])
    temperature, bias = fit_temperature(held_out + state.shift, targets, logits + state.shift, answers, every)
    if shares is not None:
        bias = bias + share_ratio(shares, answers, last.n_labels, every)
    last.divide(temperature)
    last.shift(state.shift / temperature + bias)
    if not len(validating):
        return math.nan, f"{len(split.validating)} items validated, and {MIN_ITEMS} or more are needed"
    return temperature, ""


def logits_of(net: nn.Module, images: Tensor | Sequence[Tensor], targets: Tensor, rows: np.ndarray) -> Tensor:
    """The net's logits for some images, on the CPU, shape (n, n_labels).

    Parameters
    ----------
    net : nn.Module
        It stays in evaluation mode.
    images, targets : Tensor
        See `data.SplitData`.
    rows : ndarray of int
        Which of the images.
    """
    net.eval()
    place = next(net.parameters()).device
    with torch.no_grad():
        parts = [forward(net, moved(views, place), wanted).cpu() for views, wanted, _ in
                 make_batches(images, targets, None, rows)]
    return torch.cat(parts) if parts else torch.empty(0)


def initial_state(net: nn.Module, options: TrainingOptions, extra_loss: RationaleLoss | None = None, *,
                  n_steps: int) -> TrainingState:
    """The state of a training before its first step: optimizer, generator and schedule.

    Parameters
    ----------
    net : nn.Module
        The net to train, on its device; it will be changed.
    options : TrainingOptions
        How to learn.
    extra_loss : RationaleLoss, optional
        A loss to add at each step.
    n_steps : int
        Number of batches, at most.
    """
    groups = parameter_groups(net, backbone_lr_scale=options.backbone_lr_scale, head=options.head)
    n_weights = sum(weight.numel() for group in groups for weight in group["params"])
    lr = options.lr or (3e-3 if n_weights < 1_000_000 else 3e-4)
    optimizer = _adamw(groups, lr=lr, weight_decay=options.weight_decay)
    return TrainingState(net, optimizer, torch.Generator().manual_seed(options.seed),
                         Schedule(n_steps, options.budget_s, max_lr=lr), extra_loss)


def _adamw(groups: list[dict[str, Any]], *, lr: float, weight_decay: float) -> AdamW:
    """AdamW, in one call for all weights where torch has that: a step of a small net takes a quarter of the time."""
    try:
        return AdamW([dict(group) for group in groups], lr=lr, weight_decay=weight_decay, fused=True)
    except RuntimeError:  # for the CPU since torch 2.4
        return AdamW(groups, lr=lr, weight_decay=weight_decay)


def run_epochs(state: TrainingState, split: SplitData, options: TrainingOptions, *,
               checkpoint: Checkpoint | None = None, progress: Progress | None = None) -> StoppedBecause:
    """Train and validate, epoch by epoch, until there is a reason to stop.

    Parameters
    ----------
    state : TrainingState
        It is changed.
    split : SplitData
        What to train and validate on.
    options : TrainingOptions
        How to learn.
    checkpoint : Checkpoint, optional
        Where the state is saved.
    progress : callable, optional
        Called with each row of the history, also with rows from before a resume.

    Returns
    -------
    {"done", "early", "budget", "interrupted"}
        Why it ended.
    """
    saver, n_training = Saver(checkpoint), len(split.training)
    draws_per_step = options.draws_per_epoch(n_training) / options.steps_per_epoch(n_training)
    try:
        if progress is not None:
            for row in state.history:
                progress(row)
        while (reason := state.stop_reason(epochs=options.n_epochs, patience=options.n_patient)) is None:
            loss, accuracy = train_epoch(state.net, state.optimizer, epoch_batches(state, split, options),
                                         schedule=state.schedule, extra_loss=state.extra_loss,
                                         shift=state.shift, objective=split.objective)
            losses, validation_accuracy = validate(state.net, make_batches(*split.held_out, None, split.validating),
                                                   objective=split.objective)
            state.record_epoch(losses, dict(zip(HISTORY, (
                len(state.history) + 1, state.schedule.step, loss, accuracy,
                float(losses.mean()) if len(losses) else math.nan, validation_accuracy,
                state.optimizer.param_groups[0]["lr"], state.schedule.elapsed_s,
                round(state.schedule.step * draws_per_step / n_training, 3)), strict=True)))
            saver.end_epoch(state)
            if progress is not None:
                progress(state.history[-1])
    except KeyboardInterrupt:
        return "interrupted"
    finally:
        saver.close()
    return reason


def epoch_batches(state: TrainingState, split: SplitData, options: TrainingOptions) -> Batches:
    """The augmented batches of one epoch; rare labels are drawn more often, if the loss can correct for that.

    Parameters
    ----------
    state : TrainingState
        Its generator determines the order of the items and their augmentation.
    split : SplitData
        What to train on.
    options : TrainingOptions
        Size of the batches, and how they are augmented.
    """
    n_draws = options.draws_per_epoch(len(split.training))
    if state.shift is None:
        turns = math.ceil(n_draws / len(split.training))
        places = torch.cat([torch.randperm(len(split.training), generator=state.generator)
                            for _ in range(turns)]).numpy()
    else:
        places = balanced_order(split.targets[split.training], n_draws, state.generator)
    order = split.training[places[:n_draws]]
    rows = np.array_split(order, options.steps_per_epoch(len(split.training)))
    batches = make_batches(split.images, split.targets, split.weights, rows)
    augment = options.augment
    if augment is None:
        return batches
    return ((augment(views, state.generator), targets, weights) for views, targets, weights in batches)


def train_epoch(net: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, *, schedule: Schedule,
                extra_loss: Callable[[nn.Module], Tensor] | None = None,
                shift: Tensor | None = None, objective: Objective = ONE_LABEL) -> tuple[float, float]:
    """Train on the batches, or on as many as time allows; return the mean loss and accuracy on them.

    Parameters
    ----------
    net : nn.Module
        It is changed.
    optimizer : Optimizer
        Its groups may have an "lr_scale", as returned by `checkpoint.parameter_groups`.
    batches : iterable of (views, targets, weights)
        As returned by `data.make_batches`, for example.
    schedule : Schedule
        Gives the learning rate, and counts the steps.
    extra_loss : callable, optional
        Maps the net to a loss that is added at each step, such as `rationales.RationaleLoss`.
    shift : Tensor, shape (n_labels,), optional
        See `backward`.
    objective : Objective
        See `data.TrainingData`.

    Raises
    ------
    TrainingStopped
        If the loss is no finite number.
    """
    set_training_mode(net)
    total, n_right, n_seen, micro_batches = 0.0, 0, 0, MicroBatches()
    for views, targets, weights in batches:
        if n_seen and schedule.out_of_time:
            break
        for group in optimizer.param_groups:
            group["lr"] = schedule.lr(group.get("lr_scale", 1.0))
        loss, right = backward(net, views, targets, weights, micro_batches=micro_batches, shift=shift,
                               objective=objective)
        if extra_loss is not None:
            extra = extra_loss(net)
            if extra.requires_grad:  # not when augmentation moved all regions out of the view
                extra.backward()
            loss += extra.item()
        schedule.step += 1
        if not math.isfinite(loss):
            raise TrainingStopped(f"the loss is {loss} at step {schedule.step} of {schedule.n_steps}; training "
                                  f"stopped, and nothing was adopted. Try a smaller lr than {schedule.max_lr:g}, and "
                                  "look for items whose view holds NaN.")
        optimizer.step()
        total += loss * len(targets)
        n_right += right
        n_seen += len(targets)
    return total / max(1, n_seen), n_right / max(1, n_seen)


def backward(net: nn.Module, views: Batch, targets: Tensor, weights: Tensor, *,
             micro_batches: MicroBatches, shift: Tensor | None = None,
             objective: Objective = ONE_LABEL) -> tuple[float, int]:
    """Backpropagate the loss of one batch, in several parts if it doesn't fit into memory.

    Parameters
    ----------
    net : nn.Module
        Its gradients are set; former ones are cleared.
    views : Tensor, shape (n, C, h, w), or a batch of texts
    targets, weights : Tensor
        As returned by `data.make_batches`.
    micro_batches : MicroBatches
        Remembers into how many parts a batch is divided.
    shift : Tensor, shape (n_labels,), optional
        Added to the logits where draws differ from the pool's class priors (`confidence.logit_shift`).
    objective : Objective
        See `data.TrainingData`.

    Returns
    -------
    tuple of (float, int)
        The loss, and the number of correct predictions.
    """
    place = next(net.parameters()).device

    def part(rows: np.ndarray) -> tuple[float, int]:
        logits = forward(net, moved(rows_of(views, rows), place), targets[rows])
        logits = logits if shift is None else logits + shift.to(logits)
        share = weights[rows].sum() / weights.sum().clamp_min(1e-8)
        loss = share.to(place) * objective.mean_loss(logits, targets[rows].to(place), weights[rows].to(place))
        loss.backward()
        return loss.item(), objective.n_correct(logits, targets[rows])

    parts = micro_batches.map(part, len(targets), reset=net.zero_grad)
    return sum(loss for loss, _ in parts), sum(right for _, right in parts)


def validate(net: nn.Module, batches: Batches, *, objective: Objective = ONE_LABEL) -> tuple[np.ndarray, float]:
    """The loss of each item, in nats, and the accuracy (NaN without items), computed in evaluation mode.

    Parameters
    ----------
    net : nn.Module
        It stays in evaluation mode.
    batches : iterable of (views, targets, weights)
        The weights aren't used.
    objective : Objective
        See `data.TrainingData`.
    """
    net.eval()
    place = next(net.parameters()).device
    losses, right = [np.array([], np.float32)], 0
    with torch.no_grad():
        for views, targets, _ in batches:
            logits = forward(net, moved(views, place), targets)
            losses.append(objective.item_losses(logits, targets.to(place)).cpu().numpy())
            right += objective.n_correct(logits, targets)
    all_losses = np.concatenate(losses)
    return all_losses, right / len(all_losses) if len(all_losses) else math.nan


def forward(net: nn.Module, views: Batch, targets: Tensor) -> Tensor:
    """The net's logits for a batch, shape (n, n_labels).

    Parameters
    ----------
    net : nn.Module
        A net that returns logits.
    views : Tensor, shape (n, C, h, w), or a batch of texts
        On the net's device.
    targets : Tensor
        The targets; the net needs an output for each.

    Raises
    ------
    ModelError
        If the net raises, or has no output for a target.
    """
    try:
        weight = next(net.parameters())
        logits = read_logits(run_net(net, moved(views, weight.device, weight.dtype)), n_items(views))
    except ModelError:
        raise
    except Exception as error:  # a user's net, which may raise anything
        raise ModelError(f"the net raised {type(error).__name__} while it learned from views of shape "
                         f"{shape_of(views)}: {error}. Does preprocess give what the net was made for? A smaller "
                         "batch_size needs less memory.") from error
    n_labels = targets.shape[1] if targets.ndim == 2 else int(targets.max()) + 1
    if logits.shape[1] < n_labels or (targets.ndim == 2 and logits.shape[1] != n_labels):
        raise ModelError(f"the net gives {logits.shape[1]} outputs an item, but the answers need {n_labels} labels. "
                         "Give it a last layer with one output a label.")
    return logits


def set_training_mode(net: nn.Module) -> None:
    """Set training mode, except for layers whose weights are all frozen: their BatchNorm keeps its running means.

    A BatchNorm without weights counts as frozen if the layer with weights before it is.

    Parameters
    ----------
    net : nn.Module
        It is changed.
    """
    net.train()
    frozen = False
    for layer in net.modules():
        if own := list(layer.parameters(recurse=False)):
            frozen = not any(weight.requires_grad for weight in own)
        if frozen and (own or any(True for _ in layer.buffers(recurse=False))):
            layer.eval()


def trainable_copy(net: nn.Module) -> nn.Module:
    """A copy to train, in float32 if the net has half precision.

    Parameters
    ----------
    net : nn.Module
        It isn't changed.

    Raises
    ------
    BadInput
        If all its weights are frozen.
    """
    twin = private_copy(net)
    if not any(weight.requires_grad for weight in twin.parameters()):
        raise BadInput("no weight of the net may change: all have requires_grad=False. Free those that should learn, "
                       "such as net.fc.requires_grad_(True).")
    return twin.float() if next(twin.parameters()).dtype in (torch.float16, torch.bfloat16) else twin
