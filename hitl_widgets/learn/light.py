"""Light models: a head on top of the pool's descriptors, which trains in a fraction of a second.

Descriptors are fixed features of the items. A `light_net` consists of the net that computes them, which isn't trained,
and of a head, which is (`fit_kernel_head`). `out_of_fold_logits` predicts each item by a head that wasn't trained on
it, `fit_light` fits and calibrates a head on rows of descriptors, and `learn_rows` does so with the arguments and the
result of `train.train`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..errors import ShapeError
from ..quality.out_of_fold import N_FOLDS, folds
from .confidence import MIN_ITEMS, fit_temperature, share_ratio
from .data import TrainingData, check_labels
from .descriptors import AT_ONCE, N_COMPONENTS, Descriptors
from .losses import item_losses, label_groups, n_correct
from .optimizers import LBFGS
from .text_descriptors import holds_any_descriptors, unfitted_descriptors_of
from .text_nets import holds_additive_net, is_additive_net, unfitted_additive_net
from .train import HISTORY, Progress, Trained
from .weights import shapes_in, unset

# Inverse strength of the penalty on the weights, as scikit-learn's C: without a kernel, and with one.
STRENGTH, KERNEL_STRENGTH = 10.0, 200.0
# Most landmarks of a kernel, whose reach is the median of their squared distances divided by the second number.
N_LANDMARKS, NARROWER = 300, 0.7
MAX_STEPS = 100
# With more items than this, three folds are nearly as good as five, in half the time.
MANY, N_FOLDS_OF_MANY = 2_000, 3
# A fit ends where no component of the gradient of the mean loss, in nats, is larger.
TOLERANCE = 2e-4


def light_net(descriptors: Descriptors, head: nn.Module) -> nn.Sequential:
    """A net of descriptors with a head on top."""
    return nn.Sequential(descriptors, head).eval()


def is_light_net(net: nn.Module | None) -> bool:
    """Whether a net was made by `light_net`, or is the additive net of texts, which is as light."""
    return is_additive_net(net) or (isinstance(net, nn.Sequential) and len(net) == 2
                                    and isinstance(net[0], Descriptors))


def holds_light_net(path: Path, *, prefix: str = "") -> bool:
    """Whether a file of weights is that of a light net; False for one that can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the weights' names in the file.
    """
    return holds_any_descriptors(path, prefix=f"{prefix}0.") or holds_additive_net(path, prefix=prefix)


def unfitted_light_net(path: Path, *, prefix: str = "") -> nn.Module:
    """Build a light net with the tensor shapes in a file, ready to load the file's weights.

    Parameters
    ----------
    path : Path
        The safetensors file.
    prefix : str
        Prefix of the weights' names in the file.
    """
    if holds_additive_net(path, prefix=prefix):
        return unfitted_additive_net(path, prefix=prefix)
    descriptors = unfitted_descriptors_of(path, prefix=f"{prefix}0.")
    return light_net(descriptors, unfitted_head(shapes_in(path), prefix=f"{prefix}1."))


def unfitted_head(shapes: Mapping[str, Sequence[int]], *, prefix: str = "") -> nn.Module:
    """Build a head with the tensor shapes in a file, ready to load the file's weights.

    Parameters
    ----------
    shapes : mapping of str to sequence of int
        Shapes of all tensors in the file, by name.
    prefix : str
        Prefix of the names of the head's weights.
    """
    kernel = shapes.get(f"{prefix}0.landmarks")
    n_labels, n_inputs = shapes[f"{prefix}{'1.' if kernel else ''}weight"]
    last = linear(n_inputs, n_labels)
    if kernel and f"{prefix}windows" in shapes:
        return LabelHead(Similarities(torch.zeros(*kernel)), last)
    return nn.Sequential(Similarities(torch.zeros(*kernel)), last) if kernel else last


class Similarities(nn.Module):
    """Similarities of descriptors to those of some items (landmarks), from 0 to 1: a Gaussian kernel.

    Parameters
    ----------
    landmarks : Tensor, shape (n_landmarks, n_features)
        Descriptors of the items.
    reach : float
        Square of the distance at which the similarity is 1 / e.
    """

    landmarks: Tensor
    reach: Tensor

    def __init__(self, landmarks: Tensor, reach: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("landmarks", landmarks.clone())
        self.register_buffer("reach", torch.tensor(reach))

    def forward(self, rows: Tensor) -> Tensor:
        """From rows, shape (n, n_features), to similarities, shape (n, n_landmarks)."""
        squares = rows.square().sum(dim=1)[:, None] + self.landmarks.square().sum(dim=1) - 2 * rows @ self.landmarks.T
        return (-squares.clamp_min(0) / self.reach).exp()


def windows_of(rows: Tensor, n_windows: int) -> Tensor:
    """The descriptors of windows, shape (n * n_windows, n_components), from those of views; for one window as they are.

    With several windows the tones, which belong to the whole view, are left out.
    """
    if n_windows == 1:
        return rows
    return rows[:, :n_windows * sum(N_COMPONENTS.values())].reshape(len(rows) * n_windows, -1)


class LabelHead(nn.Sequential):
    """A head for items that may have several labels, on descriptors of windows.

    Each window of a view has its own logits; a label's odds are the sum of the windows' odds, so that it is on where
    one window has it.

    Parameters
    ----------
    similar : Similarities
        Similarities to windows.
    last : nn.Linear
        From similarities to a window's logits.
    n_windows : int
        Number of windows of a view.
    """

    windows: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, similar: Similarities, last: nn.Linear, *, n_windows: int = 1) -> None:
        super().__init__(similar, last)
        self.register_buffer("windows", torch.tensor(n_windows))
        self.register_buffer("scale", torch.ones(last.out_features))
        self.register_buffer("bias", torch.zeros(last.out_features))

    def forward(self, rows: Tensor) -> Tensor:
        """From rows, shape (n, n_windows * n_features), to logits, shape (n, n_labels)."""
        of_windows = windows_of(rows, int(self.windows))
        for layer in self:
            of_windows = layer(of_windows)
        return of_windows.reshape(len(rows), int(self.windows), -1).logsumexp(dim=1) * self.scale + self.bias

    def adjust(self, scale: Tensor, bias: Tensor) -> None:
        """Multiply each label's logits, then add to them: shape (n_labels,) each."""
        self.bias.mul_(scale).add_(bias)
        self.scale.mul_(scale)


def linear(n_inputs: int, n_outputs: int) -> nn.Linear:
    """A linear layer whose weights are set later: initial weights would use up torch's own random numbers."""
    return unset(nn.Linear, n_inputs, n_outputs)


def fit_kernel_head(rows: Tensor, targets: Tensor, weights: Tensor, *, n_labels: int,
                    strength: float = KERNEL_STRENGTH) -> nn.Sequential:
    """Fit a kernel logistic regression: its inputs are an item's similarities to the items that it learnt.

    Parameters
    ----------
    rows, targets, weights, n_labels
        See `fit_head`.
    strength : float
        Inverse of the penalty.

    Returns
    -------
    nn.Sequential
        `Similarities` to the items, or to 300 of them drawn at random, and a last layer.

    References
    ----------
    Zhu and Hastie (2005), Kernel Logistic Regression and the Import Vector Machine, doi:10.1198/106186005X25619;
    Williams and Seeger (2000), Using the Nystrom method to speed up kernel machines.
    """
    some = np.random.default_rng(0).permutation(len(rows))[:N_LANDMARKS]
    landmarks = rows[torch.from_numpy(np.sort(some))].float()
    apart = torch.cdist(landmarks.double(), landmarks.double()).square()
    reach = float(apart[apart > 1e-9].median()) / NARROWER if bool((apart > 1e-9).any()) else 1.0
    similar = Similarities(landmarks, reach)
    # In whitened coordinates of the kernel's feature space the penalty is the same in all directions.
    lengths, axes = torch.linalg.eigh((-apart / reach).exp() + 1e-3 * torch.eye(len(landmarks)))
    whitened = (axes * lengths.clamp_min(1e-4).rsqrt()) @ axes.T
    inner = fit_head((similar(rows.float()).double() @ whitened).float(), targets, weights, n_labels=n_labels,
                     strength=strength)
    last = linear(len(landmarks), n_labels)
    with torch.no_grad():
        last.weight.copy_(inner.weight.double() @ whitened)
        last.bias.copy_(inner.bias)
    return nn.Sequential(similar, last).eval()


def fit_head(rows: Tensor, targets: Tensor, weights: Tensor, *, n_labels: int, strength: float = STRENGTH) -> nn.Linear:
    """Fit a last layer: multinomial logistic regression with a penalty, for any kind of target.

    Parameters
    ----------
    rows : Tensor, shape (n, n_features)
        Descriptors, without NaN.
    targets : Tensor
        The targets of `data.TrainingData`: indices, probabilities, or candidates of partial answers.
    weights : Tensor, shape (n,)
        How much each item counts.
    n_labels : int
        Number of outputs.
    strength : float
        Inverse of the penalty, as scikit-learn's C.

    Raises
    ------
    ShapeError
        If they differ in length, or there is none.
    """
    if not len(rows) == len(targets) == len(weights) or not len(rows):
        raise ShapeError(f"{len(rows)} rows, {len(targets)} targets and {len(weights)} weights were given; one of each "
                         "for every item is expected, and one item at least.")
    n, mean = len(rows), float(weights.double().mean().clamp_min(1e-8))
    rows, weights = rows.float(), weights.float() / (n * mean)
    targets = targets if targets.ndim == 1 else targets.float()
    # Columns are scaled so that the loss has about the same curvature along each: a third as many steps are needed.
    unit = ((rows.square() * weights[:, None]).sum(dim=0) / n_labels + 1 / (n * strength)).rsqrt()
    parameters = torch.zeros(n_labels, rows.shape[1] + 1, dtype=torch.float32, requires_grad=True)
    optimiser = LBFGS([parameters], max_iter=MAX_STEPS, line_search_fn="strong_wolfe", history_size=20,
                      tolerance_grad=TOLERANCE, tolerance_change=1e-9)

    def loss() -> Tensor:
        optimiser.zero_grad()
        weight, bias = parameters[:, :-1] * unit, parameters[:, -1]
        # The bias is penalised a little: that of a label without an answer would fall without end.
        penalty = weight.square().sum() + 0.01 * bias.square().sum()
        total: Tensor = (weights * item_losses(rows @ weight.T + bias, targets)).sum() \
            + penalty / (2 * strength * n)
        total.backward()
        return total

    with torch.enable_grad():
        optimiser.step(loss)
    head = linear(rows.shape[1], n_labels)
    with torch.no_grad():
        head.weight.copy_(parameters[:, :-1] * unit)
        head.bias.copy_(parameters[:, -1])
    return head


def out_of_fold_logits(rows: Tensor, targets: Tensor, weights: Tensor, *, n_labels: int, draws: np.ndarray,
                       fit: Callable[..., nn.Module] = fit_kernel_head) -> Tensor:
    """Out-of-fold logits: each item is predicted by a head that wasn't trained on it; float32, shape (n, n_labels).

    Parameters
    ----------
    rows, targets, weights, n_labels
        See `fit_head`.
    draws : ndarray, shape (n,)
        A number in [0, 1) for each item, which decides its fold; items with the same number (a group) share a fold.
    fit : callable
        `fit_kernel_head` or `fit_head`.

    Returns
    -------
    Tensor
        Zeros where there is too little to learn from.
    """
    n_folds = N_FOLDS if len(rows) <= MANY else N_FOLDS_OF_MANY
    fold = folds(label_groups(targets).numpy(), draws, n_folds=n_folds)
    logits = torch.zeros(len(rows), n_labels)
    for number in np.unique(fold):
        held_out = torch.from_numpy(fold == number)
        if len(label_groups(targets[~held_out]).unique()) > 1:
            head = fit(rows[~held_out], targets[~held_out], weights[~held_out], n_labels=n_labels)
            with torch.no_grad():
                logits[held_out] = head(rows[held_out].float())
    return logits


@dataclass(frozen=True)
class Light:
    """A fitted head, with its out-of-fold logits and losses.

    Attributes
    ----------
    head : nn.Module
        Calibrated; its last layer is an nn.Linear.
    logits : Tensor, shape (n, n_labels)
        Logits of the items that it learnt, out of fold, with the same calibration.
    losses : Tensor, shape (n,)
        Their losses in nats, as `losses.item_losses`.
    temperature : float
        The number by which logits were divided; NaN if there were too few items to fit it.
    """

    head: nn.Module
    logits: Tensor
    losses: Tensor
    temperature: float


def fit_light(rows: Tensor, targets: Tensor, weights: Tensor, *, n_labels: int, draws: np.ndarray,
              shares: np.ndarray | None = None, fit: Callable[..., nn.Module] = fit_kernel_head) -> Light:
    """Fit a head and calibrate it out of fold.

    Parameters
    ----------
    rows, targets, weights, n_labels, draws, fit
        See `out_of_fold_logits`.
    shares : ndarray, shape (n_labels,), optional
        Class priors: the labels' shares in the pool, to which probabilities are adjusted; those of the targets when
        None.
    """
    head = fit(rows, targets, weights, n_labels=n_labels)
    last = last_layer(head)
    logits = out_of_fold_logits(rows, targets, weights, n_labels=n_labels, draws=draws, fit=fit)
    temperature, bias = math.nan, torch.zeros(n_labels)
    if len(rows) >= 2 * MIN_ITEMS:
        temperature, bias = fit_temperature(logits, targets, logits, targets)
        with torch.no_grad():
            last.weight.div_(temperature)
            last.bias.div_(temperature)
        logits = logits / temperature
    losses = item_losses(logits + bias, targets)
    if shares is not None:
        bias = bias + share_ratio(shares, targets, n_labels)
    with torch.no_grad():
        last.bias.add_(bias)
    return Light(head, logits + bias, losses, temperature)


def last_layer(head: nn.Module) -> nn.Linear:
    """The layer that computes a head's outputs."""
    last = head[-1] if isinstance(head, nn.Sequential) else head
    assert isinstance(last, nn.Linear)
    return last


def rows_of(descriptors: Descriptors, images: Tensor | Sequence[Tensor]) -> Tensor:
    """Descriptors of views: float32, shape (n, n_features).

    Parameters
    ----------
    descriptors : Descriptors
        The fitted net.
    images : Tensor of shape (n, C, h, w), or sequence of Tensor
        The views.
    """
    with torch.no_grad():
        batches = (range(start, min(start + AT_ONCE, len(images))) for start in range(0, len(images), AT_ONCE))
        parts = [descriptors.rows_of([images[row].float() for row in batch]) for batch in batches]
    return torch.cat([torch.empty(0, descriptors.n_features), *parts])


def learn_rows(descriptors: Descriptors, rows: Tensor, data: TrainingData, *, n_labels: int,
               progress: Progress | None = None) -> Trained:
    """Train the head of a light net on rows of descriptors that were computed already.

    Parameters
    ----------
    descriptors : Descriptors
        The net that computed the rows.
    rows : Tensor, shape (n, n_features)
        Without NaN.
    data : TrainingData
        Targets, weights and draws; its images aren't read.
    n_labels : int
        Number of outputs.
    progress : callable, optional
        See `train.train`.

    Returns
    -------
    Trained
        `validation_loss` is the mean loss out of fold.

    Raises
    ------
    BadInput
        If fewer than two labels are to be learnt.
    """
    check_labels(data.targets)
    draws = np.random.default_rng(0).random(len(rows)) if data.draws is None else data.draws
    light = fit_light(rows, data.targets, data.weights, n_labels=n_labels, draws=draws, shares=data.shares)
    return trained_light(light, light_net(descriptors, light.head), data, progress=progress)


def trained_light(light: Light, net: nn.Module, data: TrainingData, *, progress: Progress | None = None) -> Trained:
    """A light model, in the form that `train.train` returns.

    Parameters
    ----------
    light : Light
        The fitted head.
    net : nn.Module
        The whole net.
    data : TrainingData
        The data that it learnt.
    progress : callable, optional
        See `train.train`.

    Returns
    -------
    Trained
        `validation_loss` is the mean loss out of fold.

    Raises
    ------
    BadInput
        If fewer than two labels were to be learnt.
    """
    check_labels(data.targets)
    n = len(light.logits)
    loss, accuracy = float(light.losses.mean()), n_correct(light.logits, data.targets) / n
    row = dict.fromkeys(HISTORY, math.nan) | {
        "epoch": 1, "step": 1, "loss": loss, "accuracy": accuracy, "validation_loss": loss,
        "validation_accuracy": accuracy, "passes": 1.0}
    if progress is not None:
        progress(row)
    few = f"{n} items are too few" if math.isnan(light.temperature) else ""
    return Trained(net, pd.DataFrame([row], columns=HISTORY), "done", 1, n, n, (), light.temperature, few, n,
                   out_of_fold=True)
