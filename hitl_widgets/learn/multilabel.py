"""Light models for items that may have several labels: a logistic head for each label, over the same descriptors.

`fit_light_labels` fits and calibrates heads on rows of descriptors. Labels don't exclude each other: each has a
probability of its own, learnt from the items where it is known. If views are divided into windows
(`descriptors.fitting_form`), an item has a label if one of its windows has it. `learn_label_rows` trains such a model
with the arguments and the result of `train.train`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..quality.out_of_fold import N_FOLDS, folds
from .confidence import MIN_ITEMS
from .data import TrainingData, check_labels
from .descriptors import Descriptors
from .label_calibration import (
    Adjustment,
    fit_calibration,
    item_means,
    known_of,
    label_shares,
    matching_bias,
    prior_shift,
    thresholds_of,
)
from .light import (
    KERNEL_STRENGTH,
    MANY,
    MAX_STEPS,
    N_FOLDS_OF_MANY,
    N_LANDMARKS,
    NARROWER,
    TOLERANCE,
    LabelHead,
    Similarities,
    light_net,
    linear,
    windows_of,
)
from .losses import label_losses, n_correct_sets, rarest_label, smoothed_sets
from .optimizers import LBFGS
from .train import HISTORY, Progress, Trained
from .weights import unset

# Most landmarks of a kernel where a view has several windows.
N_WINDOW_LANDMARKS = 400


class LinearLabelHead(nn.Linear):
    """A linear layer; each label's logits can be multiplied and shifted."""

    def adjust(self, scale: Tensor, bias: Tensor) -> None:
        """Multiply each label's logits, then add to them: shape (n_labels,) each."""
        with torch.no_grad():
            self.weight.mul_(scale[:, None])
            self.bias.mul_(scale).add_(bias)


@dataclass(frozen=True)
class LightLabels:
    """Fitted heads of labels, with their out-of-fold logits and losses.

    Attributes
    ----------
    head : nn.Module
        Calibrated.
    logits : Tensor, shape (n, n_labels)
        Logits of the items that were learnt, out of fold, with the same calibration.
    losses : Tensor, shape (n,)
        Their mean losses over the known labels, in nats, out of fold; NaN where no label is known.
    adjustment : Adjustment
        The scales and biases of the logits, and the labels' thresholds, fitted out of fold.
    calibrated : bool
        Whether there were enough items to fit the scales.
    """

    head: nn.Module
    logits: Tensor
    losses: Tensor
    adjustment: Adjustment
    calibrated: bool


def fit_light_labels(rows: Tensor, on: Tensor, weights: Tensor, *, draws: np.ndarray, n_windows: int = 1,
                     shares: np.ndarray | None = None, strength: float = KERNEL_STRENGTH,
                     fit: Callable[..., nn.Module] | None = None) -> LightLabels:
    """Fit a head for each label, and calibrate it out of fold.

    For a label that is on in few answers, or none, the probability is near the label's share, smoothed towards the mean
    share of all labels; it is never NaN.

    Parameters
    ----------
    rows : Tensor, shape (n, n_windows * n_features)
        Descriptors, without NaN.
    on : Tensor, shape (n, n_labels)
        Whether each label is on, from 0 to 1; NaN where nothing is known.
    weights : Tensor, shape (n,) or (n, n_labels)
        How much each item, or each of its labels, counts.
    draws : ndarray, shape (n,)
        See `light.out_of_fold_logits`.
    n_windows : int
        Number of windows of a view.
    shares : ndarray, shape (n_labels,), optional
        Class priors: the labels' shares in the pool, to which probabilities are adjusted; those of the answers when
        None.
    strength : float
        Inverse of the penalty.
    fit : callable, optional
        `fit_linear_label_heads` for a linear layer on the rows; `fit_label_heads` when None.

    Raises
    ------
    ShapeError
        If they differ in length, or there is none.
    """
    fit = partial(fit_label_heads, n_windows=n_windows) if fit is None else fit
    known, on, weights = known_of(on, weights)
    head = fit(rows, on, weights, strength=strength)
    logits = out_of_fold_label_logits(rows, on, weights, draws=draws, strength=strength, fit=fit)
    of_answers = label_shares(on, weights)
    if calibrated := len(rows) >= 2 * MIN_ITEMS:
        scales, biases = fit_calibration(logits, on, weights)
    else:
        scales, biases = torch.ones(on.shape[1]), matching_bias(logits, of_answers, weights)
    losses = item_means(label_losses(logits * scales + biases, on), weights)
    biases = biases + prior_shift(shares, of_answers)
    assert isinstance(head, (LabelHead, LinearLabelHead))
    head.adjust(scales, biases)
    logits = logits * scales + biases
    thresholds = thresholds_of(logits, on.masked_fill(~known, math.nan), weights)
    return LightLabels(head, logits, losses.masked_fill(~known.any(dim=1), math.nan),
                       Adjustment(scales, biases, thresholds), calibrated)


def fit_label_heads(rows: Tensor, on: Tensor, weights: Tensor, *, n_windows: int = 1,
                    strength: float = KERNEL_STRENGTH) -> LabelHead:
    """Fit uncalibrated heads on the similarities of items, or of their windows, to training ones: all, or some of them.

    Parameters
    ----------
    rows, n_windows, strength
        See `fit_light_labels`.
    on, weights : Tensor, shape (n, n_labels)
        As returned by `known_of`.

    References
    ----------
    See `light.fit_kernel_head`; for windows, Ray and Craven (2005), Supervised versus multiple instance learning,
    doi:10.1145/1102351.1102439.
    """
    windows = windows_of(rows.float(), n_windows)
    some = np.random.default_rng(0).permutation(len(windows))[:N_LANDMARKS if n_windows == 1 else N_WINDOW_LANDMARKS]
    landmarks = windows[torch.from_numpy(np.sort(some))]
    apart = torch.cdist(landmarks.double(), landmarks.double()).square()
    reach = float(apart[apart > 1e-9].median()) / NARROWER if bool((apart > 1e-9).any()) else 1.0
    similar = Similarities(landmarks, reach)
    # In whitened coordinates of the kernel's feature space the penalty is the same in all directions.
    lengths, axes = torch.linalg.eigh((-apart / reach).exp() + 1e-3 * torch.eye(len(landmarks)))
    whitened = (axes * lengths.clamp_min(1e-4).rsqrt()) @ axes.T
    inputs = (similar(windows).double() @ whitened).float().reshape(len(rows), n_windows, -1)
    found = _fit(inputs, smoothed_sets(on), weights, strength=strength)
    last = linear(len(landmarks), on.shape[1])
    with torch.no_grad():
        last.weight.copy_(found[:, :-1].double() @ whitened)
        last.bias.copy_(found[:, -1])
    return LabelHead(similar, last, n_windows=n_windows).eval()


def fit_linear_label_heads(rows: Tensor, on: Tensor, weights: Tensor, *, strength: float) -> LinearLabelHead:
    """Fit a linear layer with an output for each label; not calibrated.

    Parameters
    ----------
    rows : Tensor, shape (n, n_features)
        Such as `text_light.Coordinates.rows`.
    on, weights, strength
        See `fit_label_heads`.
    """
    found = _fit(rows.float()[:, None], smoothed_sets(on), weights, strength=strength)
    head = unset(LinearLabelHead, rows.shape[1], on.shape[1])
    with torch.no_grad():
        head.weight.copy_(found[:, :-1])
        head.bias.copy_(found[:, -1])
    return head.eval()


def _fit(inputs: Tensor, targets: Tensor, weights: Tensor, *, strength: float) -> Tensor:
    """Weights and bias of each label, shape (n_labels, n_features + 1), for inputs (n, n_windows, n_features).

    With several windows the loss has several minima; the search begins at the minimum for the sum of the windows.
    """
    n, n_windows, width = inputs.shape
    n_labels, mean = targets.shape[1], float(weights.double().sum(dim=1).mean().clamp_min(1e-8)) / targets.shape[1]
    weights, inner = weights / (n * mean), inputs.sum(dim=1)
    unit = (inner.square().mean(dim=0) / 4 + 1 / (n * strength)).rsqrt()
    parameters = torch.zeros(n_labels, width + 1, requires_grad=True)

    def descend(of_windows: bool) -> None:
        optimiser = LBFGS([parameters], max_iter=MAX_STEPS, line_search_fn="strong_wolfe", history_size=20,
                          tolerance_grad=TOLERANCE / 4, tolerance_change=1e-9)

        def loss() -> Tensor:
            optimiser.zero_grad()
            weight, bias = parameters[:, :-1] * unit, parameters[:, -1]
            outputs = (inputs @ weight.T + bias).logsumexp(dim=1) if of_windows else inner @ weight.T + bias
            # The bias is penalised a little: that of a label without an answer would fall without end.
            penalty = weight.square().sum() + 0.01 * bias.square().sum()
            total: Tensor = (weights * label_losses(outputs, targets)).sum() + penalty / (2 * strength * n)
            total.backward()
            return total
        with torch.enable_grad():
            optimiser.step(loss)

    descend(of_windows=False)
    if n_windows > 1:
        descend(of_windows=True)
    with torch.no_grad():
        return torch.cat([parameters[:, :-1] * unit, parameters[:, -1:]], dim=1)


def out_of_fold_label_logits(rows: Tensor, on: Tensor, weights: Tensor, *, draws: np.ndarray, n_windows: int = 1,
                             strength: float = KERNEL_STRENGTH, fit: Callable[..., nn.Module] | None = None) -> Tensor:
    """Out-of-fold logits: each item is predicted by heads that weren't trained on it; float32, shape (n, n_labels).

    They are zeros if there is no other item to learn from.

    Parameters
    ----------
    rows, draws, n_windows, strength, fit
        See `fit_light_labels`.
    on, weights : Tensor, shape (n, n_labels)
        As returned by `known_of`.
    """
    fit = partial(fit_label_heads, n_windows=n_windows) if fit is None else fit
    fold = folds(rarest_label(on).numpy(), draws, n_folds=N_FOLDS if len(rows) <= MANY else N_FOLDS_OF_MANY)
    logits = torch.zeros(on.shape)
    for number in np.unique(fold):
        held_out = torch.from_numpy(fold == number)
        if not bool(held_out.all()):
            head = fit(rows[~held_out], on[~held_out], weights[~held_out], strength=strength)
            with torch.no_grad():
                logits[held_out] = head(rows[held_out].float())
    return logits


def learn_label_rows(descriptors: Descriptors, rows: Tensor, data: TrainingData, *, n_labels: int,
                     progress: Progress | None = None) -> Trained:
    """Train the heads of a light net on rows of descriptors that were computed already.

    Parameters
    ----------
    descriptors, rows, n_labels, progress
        See `light.learn_rows`.
    data : TrainingData
        Targets (of `losses.SETS`), weights and draws; its images aren't read.

    Returns
    -------
    Trained
        `validation_loss` is the mean loss of a set out of fold.

    Raises
    ------
    BadInput
        If no label is on for one item and off for another.
    """
    check_labels(data.targets, data.objective)
    draws = np.random.default_rng(0).random(len(rows)) if data.draws is None else data.draws
    light = fit_light_labels(rows, data.targets, data.weights, draws=draws, n_windows=descriptors.n_windows,
                             shares=data.shares)
    return trained_labels(light, light_net(descriptors, light.head), data, n_labels=n_labels, progress=progress)


def trained_labels(light: LightLabels, net: nn.Module, data: TrainingData, *, n_labels: int,
                   progress: Progress | None = None) -> Trained:
    """A light model of items with several labels, in the form that `train.train` returns.

    Parameters
    ----------
    light : LightLabels
        The fitted heads.
    net : nn.Module
        The whole net.
    data, n_labels, progress
        See `learn_label_rows`.

    Returns
    -------
    Trained
        `validation_loss` is the mean loss of a set out of fold.
    """
    n = len(light.logits)
    loss = float(light.losses.nanmean()) * n_labels
    accuracy = n_correct_sets(light.logits, data.targets) / n
    row = dict.fromkeys(HISTORY, math.nan) | {
        "epoch": 1, "step": 1, "loss": loss, "accuracy": accuracy, "validation_loss": loss,
        "validation_accuracy": accuracy, "passes": 1.0}
    if progress is not None:
        progress(row)
    return Trained(net, pd.DataFrame([row], columns=HISTORY), "done", 1, n, n, (),
                   uncalibrated="" if light.calibrated else f"{n} items are too few",
                   n_calibrating=n if light.calibrated else 0, out_of_fold=True, adjustment=light.adjustment)
