"""Calibration where items may have several labels: each label's scale, bias and threshold.

`fit_calibration` fits scales and biases to logits of items that the net wasn't trained on, `adjust_sets` computes the
adjustment of a trained net, and `label_shares` estimates how frequent labels are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import ShapeError
from ..quality.multilabel import best_thresholds
from .confidence import EXPECTED, SPREAD
from .losses import label_losses

# A label's share is smoothed by this many answers with the share of all labels together, at most MOST_OFTEN, so that a
# label that nobody has answered isn't suggested.
PSEUDO_ANSWERS, MOST_OFTEN = 1.0, 0.2
# Prior standard deviation of the logarithm of a label's scale, around that of all labels together.
SPREAD_OF_LABELS = 0.3
# Biases up to this size, of either sign, are found by bisection in this many steps.
LARGEST_BIAS, N_HALVINGS = 30.0, 40


@dataclass(frozen=True)
class Adjustment:
    """The scale and bias that were applied to each label's logits, and its threshold.

    Attributes
    ----------
    scales, biases : Tensor of float32, shape (n_labels,)
        Logits were multiplied by the first, and the second added.
    thresholds : ndarray of float, shape (n_labels,)
        The probability from which each label counts as on.
    """

    scales: Tensor
    biases: Tensor
    thresholds: np.ndarray

    def undone(self, logits: Tensor) -> Tensor:
        """The logits before the adjustment.

        Parameters
        ----------
        logits : Tensor, shape (n, n_labels)
            Logits after the adjustment.
        """
        return (logits - self.biases) / self.scales

    def unchanged(self, logits: Tensor, on: Tensor) -> Adjustment:
        """An adjustment that leaves the logits unchanged, and only has thresholds.

        Parameters
        ----------
        logits, on : Tensor, shape (n, n_labels)
            Logits and targets of items that the net wasn't trained on.
        """
        return Adjustment(torch.ones_like(self.scales), torch.zeros_like(self.biases), thresholds_of(logits, on))


def adjust_sets(logits: Tensor, on: Tensor, learnt: Tensor, learnt_on: Tensor, *,
                shares: np.ndarray | None = None) -> Adjustment:
    """The adjustment of a net's logits, from validation items and training items.

    Scales are fitted to the validation items. Biases are fitted to all items, since the labels' shares are estimated
    better from more answers.

    Parameters
    ----------
    logits, on : Tensor, shape (n, n_labels)
        Logits and targets of the validation items; may be empty.
    learnt, learnt_on : Tensor, shape (m, n_labels)
        Logits and targets of the training items; one or more.
    shares : ndarray, shape (n_labels,), optional
        Class priors: the labels' shares in the pool. By default the labels' shares in the answers.
    """
    every, weights = torch.cat([learnt_on, on]), torch.ones(len(learnt_on) + len(on), on.shape[1])
    _, every_on, every_weights = known_of(every, weights)
    of_answers = label_shares(every_on, every_weights)
    scales = torch.ones(on.shape[1])
    if len(on):
        _, known_on, known_weights = known_of(on, torch.ones(len(on)))
        scales = fit_calibration(logits, known_on, known_weights)[0]
    # All items of both kinds: a net is too sure of those that trained to fit the bias to them alone.
    biases = matching_bias(torch.cat([learnt, logits]) * scales, of_answers, every_weights)
    biases = biases + prior_shift(shares, of_answers)
    return Adjustment(scales, biases, thresholds_of(logits * scales + biases, on))


def prior_shift(shares: np.ndarray | None, of_answers: Tensor) -> Tensor:
    """What to add to logits to change the class priors from the answers' to the pool's: float32, shape (n_labels,).

    Parameters
    ----------
    shares : ndarray, shape (n_labels,), or None
        The labels' shares in the pool. By default their shares in the answers.
    of_answers : Tensor, shape (n_labels,)
        As returned by `label_shares`.
    """
    if shares is None:
        return torch.zeros_like(of_answers)
    return torch.from_numpy(np.asarray(shares, np.float64)).logit(1e-6).float() - of_answers.logit(1e-6)


def thresholds_of(logits: Tensor, on: Tensor, weights: Tensor | None = None) -> np.ndarray:
    """The probability from which each label should count as on, shape (n_labels,).

    Parameters
    ----------
    logits, on : Tensor, shape (n, n_labels)
        Logits and targets of items that the net wasn't trained on; NaN in `on` where nothing is known.
    weights : Tensor, shape (n, n_labels), optional
        How much each counts.
    """
    if not len(on):
        return np.full(on.shape[1], 0.5)
    return best_thresholds(on.numpy(), logits.sigmoid().numpy(), None if weights is None else weights.numpy())


def known_of(on: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A mask of the known labels, the targets with 0 for unknown ones, and the weights with 0 for unknown ones.

    Parameters
    ----------
    on, weights : Tensor
        See `fit_light_labels`.

    Returns
    -------
    tuple of Tensor, each of shape (n, n_labels)
    """
    if on.ndim != 2 or len(on) != len(weights) or not len(on):
        raise ShapeError(f"targets have shape {tuple(on.shape)} and weights {tuple(weights.shape)}; targets of shape "
                         "(n_items, n_labels) and weights of the same length, for at least one item, are expected.")
    known = ~on.isnan()
    each = weights.float()[:, None].expand(on.shape) if weights.ndim == 1 else weights.float()
    return known, on.float().nan_to_num(0.0), torch.where(known, each, 0.0)


def label_shares(on: Tensor, weights: Tensor) -> Tensor:
    """The share of each label's answers in which it is on, float32, shape (n_labels,), smoothed towards all labels'.

    Parameters
    ----------
    on, weights : Tensor, shape (n, n_labels)
        As returned by `known_of`.
    """
    said, n = (weights * on).double().sum(dim=0), weights.double().sum(dim=0)
    pooled = ((said.sum() + 0.5) / (n.sum() + 1)).clamp_max(MOST_OFTEN)
    return ((said + PSEUDO_ANSWERS * pooled) / (n + PSEUDO_ANSWERS)).float()




def fit_calibration(logits: Tensor, on: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a scale and a bias for each label to some items' answers.

    The scale of a label with few answers is shrunk towards a scale fitted to all labels together. The bias makes the
    label's mean probability equal to its share (`label_shares`).

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        Logits of items that the net wasn't trained on.
    on, weights : Tensor, shape (n, n_labels)
        As returned by `known_of`.

    Returns
    -------
    scales, biases : Tensor of float32, shape (n_labels,)
        Logits times scales, plus biases, are calibrated.

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
        Weights of the mean; where all of a label's are 0, all items count alike.
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
    """The weighted mean of each item's losses over its labels, shape (n,); 0 where all its weights are 0.

    Parameters
    ----------
    losses, weights : Tensor, shape (n, n_labels)
    """
    return (losses * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-8)
