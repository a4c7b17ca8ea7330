"""Calibrated confidence: the pool's shares of the labels, and a temperature, both in a net's last layer.

Labels are drawn equally often in training, which makes a net's probabilities those of a pool with equal shares.
`logit_shift` says by how much, and the training's loss adds it to the logits, so that the net itself learns the pool's
shares. `fit_temperature` compares confidence with accuracy on items that didn't train; `LastLayer` finds and changes
the layer.
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

# A temperature is fitted to this many items, or more.
MIN_ITEMS = 10
# Of the logarithm of the temperature, before any item was seen: mean and standard deviation.
EXPECTED, SPREAD = 0.0, 0.3
# Each label's share gets this many more items, spread over all labels.
PSEUDO_COUNT = 1.0
# Steps towards the bias with which mean probabilities are shares.
N_STEPS = 12


class LastLayer:
    """The last layer of a net, where a change of its bias or its scale is one of the logits.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d
        It has a bias.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d) -> None:
        self._layer = layer

    @property
    def n_labels(self) -> int:
        """Number of its outputs."""
        return len(self._layer.weight)

    @classmethod
    def of(cls, net: nn.Module, views: Batch, *, name: str | None = None, of_sets: bool = False) -> LastLayer | None:
        """The last layer of a net; None where it isn't found, has no bias, is frozen, or isn't what gives the logits.

        Parameters
        ----------
        net : nn.Module
            It isn't changed.
        views : Tensor, shape (n, C, h, w), or a batch of texts
            Some views, on the net's device, on which a change of the bias is tried.
        name : str, optional
            Of the layer; found when None.
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
            By what, above 0, and what to add.
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
        As `data.TrainingData.targets`.
    n_labels : int
        Number of the net's outputs.
    among : Tensor, optional
        All answers, of which the targets are some: the exact ones of these tell how frequent a partial answer's
        candidates are. The targets themselves when None.
    """
    if targets.ndim == 1:
        return torch.nn.functional.one_hot(targets, n_labels).double()
    rows, partial = _without_smoothing(targets, n_labels), is_partial(targets)
    # One of the candidates is right: the more frequent it is among exact answers, the more probably it is this one.
    exact = rows[~partial] if among is None else _without_smoothing(among, n_labels)[~is_partial(among)]
    rows = torch.where(partial[:, None], rows * (exact.sum(dim=0) + PSEUDO_COUNT / n_labels), rows)
    return rows / rows.sum(dim=1, keepdim=True)


def _without_smoothing(targets: Tensor, n_labels: int) -> Tensor:
    """Rows of targets as probabilities that weren't smoothed, float64; partial answers as they are."""
    rows, least = targets.double(), SMOOTHING / n_labels
    smoothed = (rows.min(dim=1, keepdim=True).values >= 0.999 * least) & ~is_partial(targets)[:, None]
    return torch.where(smoothed, ((rows - least) / (1 - SMOOTHING)).clamp_min(0), rows)


def logit_shift(targets: Tensor, weights: Tensor, n_labels: int, shares: np.ndarray | None = None) -> Tensor:
    """The logarithm of each label's share in balanced draws over its share in the pool, float32, shape (n_labels,).

    Logits for the pool, plus this, are logits for the draws.

    Parameters
    ----------
    targets, weights : Tensor
        Of the items that train, as in `data.TrainingData`.
    n_labels : int
        Number of the net's outputs.
    shares : ndarray, shape (n_labels,), optional
        The labels' shares in the pool; those of the targets when None.

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
        The labels' shares in the pool.
    targets : Tensor
        Of the answers, as in `data.TrainingData`.
    n_labels : int
        Number of the net's outputs.
    among : Tensor, optional
        As for `label_rows`.
    """
    answered = _smoothed(label_rows(targets, n_labels, among).sum(dim=0), len(targets))
    return (_smoothed(torch.from_numpy(np.asarray(shares, np.float64)), len(targets)) / answered).log().float()


def _smoothed(shares: Tensor, n_items: int) -> Tensor:
    """The shares of n_items and of some more that are spread over all labels."""
    return (n_items * shares / shares.sum() + PSEUDO_COUNT / len(shares)) / (n_items + PSEUDO_COUNT)


def fit_temperature(logits: Tensor, targets: Tensor, all_logits: Tensor, all_targets: Tensor,
                    among: Tensor | None = None) -> tuple[float, Tensor]:
    """Fit a temperature and a bias to some items' answers; the temperature stays near 1 where there are few.

    For each temperature the bias is the one with which the labels' mean probabilities over all items are their shares
    among these: a temperature alone would move them, the more the rarer a label is.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        Of items that didn't train.
    targets : Tensor
        Their targets, as in `data.TrainingData`.
    all_logits, all_targets : Tensor
        The same of items that did and of items that didn't, drawn alike.
    among : Tensor, optional
        The targets of all items of which these were drawn, as for `label_rows`.

    Returns
    -------
    temperature : float
        By which to divide logits; 1 without items that didn't train.
    bias : Tensor of float32, shape (n_labels,)
        To add to them then.

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
