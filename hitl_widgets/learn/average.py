"""The average of two nets, as one net that is stored and explained like any other.

Its probabilities are the mean of a light model's and a small CNN's. If both are about equally accurate, but wrong on
different items, the average is more accurate than either.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .last_layer import with_outputs
from .light import holds_light_net, is_light_net, unfitted_light_net
from .weights import shapes_in


class AverageNet(nn.Module):
    """A net that averages the probabilities of its parts and returns them as logits.

    The last layer of the CNN counts as its last layer (see `last_layer.find_head`), so its embeddings are the CNN's.

    Parameters
    ----------
    *parts : nn.Module
        Two nets with the same outputs: a light net, then a small CNN. They aren't copied.
    of_sets : bool
        Whether an item may have several labels, each with a probability of its own.
    """

    def __init__(self, *parts: nn.Module, of_sets: bool = False) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.of_sets = of_sets
        if of_sets:
            self.register_buffer("sets", torch.tensor(1))  # recorded in the file of weights

    def forward(self, views: Tensor) -> Tensor:
        """The logits for views of shape (n, C, h, w), as a tensor of shape (n, n_labels).

        These are log-probabilities, or log-odds with `of_sets`.
        """
        if self.of_sets:
            return average_set_logits(torch.stack([part(views) for part in self.parts]))
        said = torch.stack([part(views).log_softmax(dim=1) for part in self.parts])
        return average_logits(said)


def average_logits(logits: Tensor) -> Tensor:
    """The logarithm of the mean probabilities, shape (n, n_labels), of logits of shape (n_nets, n, n_labels)."""
    return torch.logsumexp(logits.log_softmax(dim=2), dim=0) - math.log(len(logits))


def average_set_logits(logits: Tensor) -> Tensor:
    """The logarithm of the odds of each label's mean probability, shape (n, n_labels): see `average_logits`."""
    logs = nn.functional.logsigmoid(torch.stack([logits, -logits])).logsumexp(dim=1)
    return logs[0] - logs[1]


def is_average_net(net: nn.Module | None) -> bool:
    """Whether a net is an `AverageNet`."""
    return isinstance(net, AverageNet)


def cnn_of(net: nn.Module) -> nn.Module:
    """The CNN in an `AverageNet`, whose backbone can be trained; any other net is returned as it is."""
    return net.parts[-1] if isinstance(net, AverageNet) else net


def holds_average_net(path: Path) -> bool:
    """Whether a file has the weights of an `AverageNet`; False if it can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    """
    if not holds_light_net(path, prefix="parts.0."):
        return False
    return any(name.startswith("parts.1.") for name in shapes_in(path))


def unfitted_average_net(path: Path, cnn: nn.Module) -> AverageNet:
    """Build an `AverageNet` whose tensors have the same shapes as those in a file, ready to load the file's weights.

    Parameters
    ----------
    path : Path
        The safetensors file.
    cnn : nn.Module
        The second part: a CNN with the same architecture and number of outputs as in the file. It isn't copied.
    """
    return AverageNet(unfitted_light_net(path, prefix="parts.0."), cnn, of_sets="sets" in shapes_in(path)).eval()


def average_with_outputs(net: AverageNet, n_outputs: int, *, old: int, rows: np.ndarray | None = None, seed: int = 0,
                         embeddings: np.ndarray | None = None) -> AverageNet:
    """Change the number of outputs of all parts of a net, in place, and return the net.

    Parameters
    ----------
    net : AverageNet
        Each part gets a new last layer.
    n_outputs, old, rows, seed, embeddings
        See `last_layer.with_outputs`. The embeddings are those of the last part.
    """
    for part in net.parts:
        with_outputs(part, n_outputs, old=old, rows=rows, seed=seed, embeddings=None if is_light_net(part)
                     else embeddings)
    return net
