"""Light models of several labels an item: one logistic head a label over the same descriptors.

`fit_light_labels` fits and calibrates heads on rows of descriptors. Labels don't exclude each other: each has a
probability of its own, learnt from the items of which something is known about it. A view that is described by windows
(`descriptors.fitting_form`) has a label where one of its windows has it. `label_shares` says how frequent labels are,
`rarest_label` deals items into folds, `fit_calibration` makes logits probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ShapeError
from ..quality.out_of_fold import N_FOLDS, folds
from .confidence import EXPECTED, MIN_ITEMS, SPREAD
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
    linear,
)
from .losses import SMOOTHING_OF_SETS, label_losses

# Windows to which others are compared, at most, where a view has several.
N_WINDOW_LANDMARKS = 400
# Of a label's answers, so many more are taken to be as those of all labels together.
PSEUDO_ANSWERS = 1.0
# The logarithm of the scale of one label's logits, around that of all together: standard deviation.
SPREAD_OF_LABELS = 0.3
# A bias is sought between these.
LARGEST_BIAS, N_HALVINGS = 30.0, 40


@dataclass(frozen=True)
class LightLabels:
    """Heads of labels, with what is known of them.

    Attributes
    ----------
    head : LabelHead
        Calibrated.
    logits : Tensor, shape (n, n_labels)
        Of the items that were learnt, out of fold, calibrated alike.
    losses : Tensor, shape (n,)
        Their mean losses over the labels that are known, in nats, out of fold; NaN where none is.
    scales : Tensor, shape (n_labels,)
        By which logits were multiplied; NaN where too few items were learnt.
    """

    head: LabelHead
    logits: Tensor
    losses: Tensor
    scales: Tensor


def fit_light_labels(rows: Tensor, on: Tensor, weights: Tensor, *, draws: np.ndarray, n_windows: int = 1,
                     shares: np.ndarray | None = None, strength: float = KERNEL_STRENGTH) -> LightLabels:
    """Fit a head for each label, and calibrate it out of fold.

    Of a label with few answers that it is on, or none, the probability is near its share, drawn towards that of all
    labels together; it is never NaN.

    Parameters
    ----------
    rows : Tensor, shape (n, n_windows * n_features)
        Descriptors, without NaN.
    on : Tensor, shape (n, n_labels)
        Whether each label is on, from 0 to 1; NaN where nothing is known.
    weights : Tensor, shape (n,) or (n, n_labels)
        How much each item, or each of its labels, counts.
    draws : ndarray, shape (n,)
        As for `light.out_of_fold_logits`.
    n_windows : int
        Number of windows by which a view is described.
    shares : ndarray, shape (n_labels,), optional
        The labels' shares in the pool, for which probabilities are made; those of the answers when None.
    strength : float
        Inverse of the penalty.

    Raises
    ------
    ShapeError
        If they differ in length, or there is none.
    """
    known, on, weights = known_of(on, weights)
    head = fit_label_heads(rows, on, weights, n_windows=n_windows, strength=strength)
    logits = out_of_fold_label_logits(rows, on, weights, draws=draws, n_windows=n_windows, strength=strength)
    of_answers = label_shares(on, weights)
    scales, biases = torch.full((on.shape[1],), math.nan), torch.zeros(on.shape[1])
    if len(rows) >= 2 * MIN_ITEMS:
        scales, biases = fit_calibration(logits, on, weights)
        factors = scales
    else:
        factors = torch.ones(on.shape[1])
        biases = matching_bias(logits, of_answers, weights)
    losses = item_means(label_losses(logits * factors + biases, on), weights)
    if shares is not None:
        biases = biases + torch.from_numpy(np.asarray(shares, np.float64)).logit(1e-6).float() - of_answers.logit()
    head.adjust(factors, biases)
    return LightLabels(head, logits * factors + biases, losses.masked_fill(~known.any(dim=1), math.nan), scales)


def known_of(on: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which labels of which items are known; the targets with 0 for those that aren't; and weights that are 0 there.

    Parameters
    ----------
    on, weights : Tensor
        As for `fit_light_labels`.

    Returns
    -------
    tuple of Tensor, each of shape (n, n_labels)
    """
    if on.ndim != 2 or len(on) != len(weights) or not len(on):
        raise ShapeError(f"{tuple(on.shape)} targets and {tuple(weights.shape)} weights were given; a row of labels, "
                         "and a weight, for every item are expected, and one item at least.")
    known = ~on.isnan()
    each = weights.float()[:, None].expand(on.shape) if weights.ndim == 1 else weights.float()
    return known, on.float().nan_to_num(0.0), torch.where(known, each, 0.0)


def label_shares(on: Tensor, weights: Tensor) -> Tensor:
    """The share of each label's answers that say on, float32, shape (n_labels,), drawn a little towards all labels'.

    Parameters
    ----------
    on, weights : Tensor, shape (n, n_labels)
        As `known_of` gives them.
    """
    said, n = (weights * on).double().sum(dim=0), weights.double().sum(dim=0)
    pooled = (said.sum() + 0.5) / (n.sum() + 1)
    return ((said + PSEUDO_ANSWERS * pooled) / (n + PSEUDO_ANSWERS)).float()




def fit_label_heads(rows: Tensor, on: Tensor, weights: Tensor, *, n_windows: int = 1,
                    strength: float = KERNEL_STRENGTH) -> LabelHead:
    """Fit heads over the likeness of items, or of their windows, to those that were learnt; not calibrated.

    Parameters
    ----------
    rows, n_windows, strength
        As for `fit_light_labels`.
    on, weights : Tensor, shape (n, n_labels)
        As `known_of` gives them.

    References
    ----------
    As for `light.fit_kernel_head`; for windows, Ray and Craven (2005), Supervised versus multiple instance learning,
    doi:10.1145/1102351.1102439.
    """
    windows = rows.float().reshape(len(rows) * n_windows, -1)
    some = np.random.default_rng(0).permutation(len(windows))[:N_LANDMARKS if n_windows == 1 else N_WINDOW_LANDMARKS]
    landmarks = windows[torch.from_numpy(np.sort(some))]
    apart = torch.cdist(landmarks.double(), landmarks.double()).square()
    reach = float(apart[apart > 1e-9].median()) / NARROWER if bool((apart > 1e-9).any()) else 1.0
    similar = Similarities(landmarks, reach)
    # In the coordinates of the kernel's own space the penalty is the same in all directions.
    lengths, axes = torch.linalg.eigh((-apart / reach).exp() + 1e-3 * torch.eye(len(landmarks)))
    whitened = (axes * lengths.clamp_min(1e-4).rsqrt()) @ axes.T
    inputs = (similar(windows).double() @ whitened).float().reshape(len(rows), n_windows, -1)
    found = _fit(inputs, on * (1 - SMOOTHING_OF_SETS) + SMOOTHING_OF_SETS / 2, weights, strength=strength)
    last = linear(len(landmarks), on.shape[1])
    with torch.no_grad():
        last.weight.copy_(found[:, :-1].double() @ whitened)
        last.bias.copy_(found[:, -1])
    return LabelHead(similar, last, n_windows=n_windows).eval()


def _fit(inputs: Tensor, targets: Tensor, weights: Tensor, *, strength: float) -> Tensor:
    """Weights and bias of each label, shape (n_labels, n_features + 1), of inputs of shape (n, n_windows, n_features).

    With several windows the loss has more than one minimum; the search begins at that of the windows' sum.
    """
    n, n_windows, width = inputs.shape
    n_labels, mean = targets.shape[1], float(weights.double().sum(dim=1).mean().clamp_min(1e-8)) / targets.shape[1]
    weights, inner = weights / (n * mean), inputs.sum(dim=1)
    unit = (inner.square().mean(dim=0) / 4 + 1 / (n * strength)).rsqrt()
    parameters = torch.zeros(n_labels, width + 1, requires_grad=True)

    def descend(of_windows: bool) -> None:
        optimiser = torch.optim.LBFGS([parameters], max_iter=MAX_STEPS, line_search_fn="strong_wolfe",
                                      history_size=20, tolerance_grad=TOLERANCE / 4, tolerance_change=1e-9)

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
                             strength: float = KERNEL_STRENGTH) -> Tensor:
    """Logits of each item by heads that didn't learn it: float32, shape (n, n_labels); zeros from a single item.

    Parameters
    ----------
    rows, draws, n_windows, strength
        As for `fit_light_labels`.
    on, weights : Tensor, shape (n, n_labels)
        As `known_of` gives them.
    """
    fold = folds(rarest_label(on), draws, n_folds=N_FOLDS if len(rows) <= MANY else N_FOLDS_OF_MANY)
    logits = torch.zeros(on.shape)
    for number in np.unique(fold):
        held_out = torch.from_numpy(fold == number)
        if not bool(held_out.all()):
            head = fit_label_heads(rows[~held_out], on[~held_out], weights[~held_out], n_windows=n_windows,
                                   strength=strength)
            with torch.no_grad():
                logits[held_out] = head(rows[held_out].float())
    return logits


def fit_calibration(logits: Tensor, on: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """A scale and a bias for each label, for the best probabilities of some items.

    The scale of a label is near that of all together, where it has few answers; the bias is the one with which its mean
    probability is its share (`label_shares`).

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        Of items that didn't train.
    on, weights : Tensor, shape (n, n_labels)
        As `known_of` gives them.

    Returns
    -------
    scales, biases : Tensor of float32, shape (n_labels,)
        Logits times scales, plus biases, are those of probabilities.

    References
    ----------
    Platt (1999), Probabilistic Outputs for Support Vector Machines.
    """
    shares = label_shares(on, weights)
    logs = torch.linspace(-1.6, 1.6, 33)  # from a fifth to five
    losses = torch.stack([
        (weights * label_losses(scaled + matching_bias(scaled, shares, weights), on)).sum(dim=0)
        for scaled in (logits * float(log.exp()) for log in logs)])  # shape (33, n_labels)
    together = losses.sum(dim=1) + (logs - EXPECTED).square() / (2 * SPREAD ** 2)
    expected = logs[together.argmin()]
    best = (losses + ((logs - expected).square() / (2 * SPREAD_OF_LABELS ** 2))[:, None]).argmin(dim=0)
    scales = logs[best].exp()
    return scales, matching_bias(logits * scales, shares, weights)


def matching_bias(logits: Tensor, shares: Tensor, weights: Tensor) -> Tensor:
    """What to add to each label's logits so that its mean probability is its share: float32, shape (n_labels,).

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
    shares : Tensor, shape (n_labels,)
        Above 0 and below 1.
    weights : Tensor, shape (n, n_labels)
        Of the mean; where all of a label's are 0, all items count alike.
    """
    counted = torch.where(weights.sum(dim=0) > 0, weights, 1.0)
    counted = counted / counted.sum(dim=0)
    low, high = torch.full_like(shares, -LARGEST_BIAS), torch.full_like(shares, LARGEST_BIAS)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        small = (counted * (logits + middle).sigmoid()).sum(dim=0) < shares
        low, high = torch.where(small, middle, low), torch.where(small, high, middle)
    return (low + high) / 2


def item_means(losses: Tensor, weights: Tensor) -> Tensor:
    """The mean of each item's losses over its labels, shape (n,); 0 where none counts.

    Parameters
    ----------
    losses, weights : Tensor, shape (n, n_labels)
    """
    return (losses * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-8)
