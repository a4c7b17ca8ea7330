"""Calibrated confidence: the pool's class priors and a temperature, both in a net's last layer.

Training draws rare labels more often than the pool has them. `logit_shift` is the logarithm of each label's share in
the draws over its share in the pool; the loss adds it to the logits, so that the net itself learns the pool's priors
(logit adjustment). `fit_temperature` is fitted on items that weren't trained on; `LastLayer` finds and changes the
layer.
"""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError
from .data import draw_quotas
from .last_layer import find_head
from .losses import SMOOTHING, is_partial, label_groups, partial_label_losses
from .outputs import read_logits
from .text_views import Batch, moved, n_items, run_net

# Least number of items to fit a temperature.
MIN_ITEMS = 10
# Prior mean and standard deviation of the logarithm of the temperature.
EXPECTED, SPREAD = 0.0, 0.3
# Labels' shares are smoothed by this many items more, spread over all labels.
PSEUDO_COUNT = 1.0
# Iterations to find the bias with which the labels' mean probabilities are their shares.
N_STEPS = 12


class LastLayer:
    """The last layer of a net, by whose weights the logits can be shifted and scaled.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d
        A layer with a bias.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        self._layer = layer

    @property
    def n_labels(self) -> int:
        """Number of its outputs."""
        return len(self._layer.weight)

    @classmethod
    def of(cls, net: nn.Module, views: Batch, *, name: str | None = None, of_sets: bool = False) -> LastLayer | None:
        """The last layer of a net; None if it isn't found, has no bias, is frozen, or doesn't compute the logits.

        Parameters
        ----------
        net : nn.Module
            It isn't changed.
        views : Tensor, shape (n, C, h, w), or a batch of texts
            Some views, on which a change of the bias is tried.
        name : str, optional
            The layer's name; found when None.
        of_sets : bool
            Whether an item may have several labels, so that a number added to all logits matters.
        """
        logits = _logits(net, views)
        n_labels = logits.shape[1]
        with suppress(ModelError):
            layer = find_head(net, n_labels, name=name)[1]
            if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None and len(layer.bias) == n_labels \
                    and layer.bias.requires_grad and layer.weight.requires_grad:
                last, change = cls(layer), torch.linspace(-1, 1, n_labels)
                last.shift(change)
                shifted = _logits(net, views)
                last.shift(-change)
                expected = logits + change.to(logits)
                if _same_probabilities(shifted, expected, of_sets=of_sets):
                    return last
        return None

    def shift(self, change: Tensor) -> None:
        """Add a number to each logit, by changing the layer's bias in place.

        Parameters
        ----------
        change : Tensor, shape (n_labels,)
            What to add to each.
        """
        with torch.no_grad():
            bias = self._layer.bias
            assert bias is not None
            bias += change.to(bias)

    def adjust(self, scales: Tensor, biases: Tensor) -> None:
        """Multiply each logit, then add to it.

        Parameters
        ----------
        scales, biases : Tensor, shape (n_labels,)
            The factors, above 0, and what to add.
        """
        with torch.no_grad():
            bias, weight = self._layer.bias, self._layer.weight
            assert bias is not None
            weight *= scales.to(weight).reshape(-1, *[1] * (weight.ndim - 1))
            bias *= scales.to(bias)
        self.shift(biases)

    def divide(self, temperature: float) -> None:
        """Divide the logits.

        Parameters
        ----------
        temperature : float
            The divisor, above 0.
        """
        with torch.no_grad():
            bias = self._layer.bias
            assert bias is not None
            self._layer.weight /= temperature
            bias /= temperature


def _logits(net: nn.Module, views: Batch) -> Tensor:
    net.eval()
    with torch.no_grad():
        weight = next(net.parameters())
        return read_logits(run_net(net, moved(views, weight.device, weight.dtype)), n_items(views))


def _same_probabilities(first: Tensor, second: Tensor, *, of_sets: bool = False) -> bool:
    if of_sets:
        return bool(((first.sigmoid() - second.sigmoid()).abs() < 1e-3).all())
    return bool(((first.softmax(dim=1) - second.softmax(dim=1)).abs() < 1e-3).all())


def label_rows(targets: Tensor, n_labels: int, among: Tensor | None = None) -> Tensor:
    """The probability of each label for each target, float64, shape (n, n_labels); without label smoothing.

    Parameters
    ----------
    targets : Tensor
        The targets of `data.TrainingData`.
    n_labels : int
        Number of the net's outputs.
    among : Tensor, optional
        All answers, which include the targets. A partial answer's candidates are weighted by their frequency among the
        exact ones. The targets themselves when None.
    """
    if targets.ndim == 1:
        return torch.nn.functional.one_hot(targets, n_labels).double()
    rows, partial = _without_smoothing(targets, n_labels), is_partial(targets)
    # One of the candidates is right: each with a probability proportional to its frequency among exact answers.
    exact = rows[~partial] if among is None else _without_smoothing(among, n_labels)[~is_partial(among)]
    rows = torch.where(partial[:, None], rows * (exact.sum(dim=0) + PSEUDO_COUNT / n_labels), rows)
    return rows / rows.sum(dim=1, keepdim=True)


def _without_smoothing(targets: Tensor, n_labels: int) -> Tensor:
    """Rows of targets with label smoothing undone, float64; partial answers as they are."""
    rows, least = targets.double(), SMOOTHING / n_labels
    smoothed = (rows.min(dim=1, keepdim=True).values >= 0.999 * least) & ~is_partial(targets)[:, None]
    return torch.where(smoothed, ((rows - least) / (1 - SMOOTHING)).clamp_min(0), rows)


def logit_shift(targets: Tensor, weights: Tensor, n_labels: int, shares: np.ndarray | None = None) -> Tensor:
    """The logarithm of each label's share in the training's draws over that in the pool, float32, shape (n_labels,).

    Logits for the pool, plus this, are logits for the draws.

    Parameters
    ----------
    targets, weights : Tensor
        Targets and weights of the items that train, as in `data.TrainingData`.
    n_labels : int
        Number of the net's outputs.
    shares : ndarray, shape (n_labels,), optional
        Class priors: the labels' shares in the pool. By default the labels' shares in the targets.

    References
    ----------
    Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314.
    """
    rows = label_rows(targets, n_labels)
    groups = label_groups(targets)
    names, counts, quotas = draw_quotas(targets, len(targets))
    rates = torch.zeros(int(names.max()) + 1, dtype=torch.float64)
    rates[names] = torch.tensor(quotas, dtype=torch.float64) / counts
    drawn = _smoothed(((rates[groups] * weights.double())[:, None] * rows).sum(dim=0), len(rows))
    pool = _smoothed(rows.sum(dim=0) if shares is None else torch.from_numpy(np.asarray(shares, np.float64)), len(rows))
    shift = (drawn / pool).log()
    return (shift - shift.mean()).float()


def share_ratio(shares: np.ndarray, targets: Tensor, n_labels: int, among: Tensor | None = None) -> Tensor:
    """The logarithm of each label's share in the pool over its share among some answers, float32, shape (n_labels,).

    Parameters
    ----------
    shares : ndarray, shape (n_labels,)
        Class priors: the labels' shares in the pool.
    targets : Tensor
        Targets of the answers, as in `data.TrainingData`.
    n_labels : int
        Number of the net's outputs.
    among : Tensor, optional
        See `label_rows`.
    """
    answered = _smoothed(label_rows(targets, n_labels, among).sum(dim=0), len(targets))
    return (_smoothed(torch.from_numpy(np.asarray(shares, np.float64)), len(targets)) / answered).log().float()


def _smoothed(shares: Tensor, n_items: int) -> Tensor:
    """Shares among n_items, smoothed by `PSEUDO_COUNT` items that are spread over all labels."""
    return (n_items * shares / shares.sum() + PSEUDO_COUNT / len(shares)) / (n_items + PSEUDO_COUNT)


def fit_temperature(logits: Tensor, targets: Tensor, all_logits: Tensor, all_targets: Tensor,
                    among: Tensor | None = None) -> tuple[float, Tensor]:
    """Fit a temperature and a bias to some items' answers. With few items the temperature stays near 1.

    For each temperature the bias makes the labels' mean probabilities over all items equal to their shares among them:
    a temperature alone would shift these means, those of rare labels most.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        Logits of items that the net wasn't trained on.
    targets : Tensor
        Their targets, as in `data.TrainingData`.
    all_logits, all_targets : Tensor
        Logits and targets of training items and other items, drawn in the same way.
    among : Tensor, optional
        Targets of all the items from which these were drawn, as for `label_rows`.

    Returns
    -------
    temperature : float
        Divide logits by it; 1 if `logits` is empty.
    bias : Tensor of float32, shape (n_labels,)
        Add it after the division.

    References
    ----------
    Guo et al. (2017), On Calibration of Modern Neural Networks, arXiv:1706.04599, for the temperature; Saerens, Latinne
    and Decaestecker (2002), doi:10.1162/089976602753284446, for the shares.
    """
    n_labels = all_logits.shape[1]
    rows = label_rows(targets, n_labels).float()
    if targets.ndim == 2:
        rows = torch.where(is_partial(targets)[:, None], targets, rows)
    shares = label_rows(all_targets, n_labels, among).float().mean(dim=0)

    def fit(log: float) -> tuple[float, float, Tensor]:
        bias = _matching_bias(all_logits / math.exp(log), shares)
        loss = partial_label_losses(logits / math.exp(log) + bias, rows, smoothing=0.0).sum()
        return float(loss) + (log - EXPECTED) ** 2 / (2 * SPREAD ** 2), log, bias

    if not len(logits):
        return 1.0, fit(0.0)[2]
    _, near, _ = min(map(fit, np.linspace(-1.6, 1.6, 17).tolist()), key=lambda fit: fit[0])  # from a fifth to five
    _, log, bias = min(map(fit, np.linspace(near - 0.16, near + 0.16, 9).tolist()), key=lambda fit: fit[0])
    return math.exp(log), bias


def _matching_bias(logits: Tensor, shares: Tensor) -> Tensor:
    """What to add to the logits so that each label's mean probability is its share."""
    bias, n = torch.zeros_like(shares), len(logits)
    for _ in range(N_STEPS):
        means = (logits + bias).softmax(dim=1).mean(dim=0)
        bias += ((n * shares + PSEUDO_COUNT) / (n * means + PSEUDO_COUNT)).log()
    return bias - bias.mean()
