"""How does a net get other outputs, when the taxonomy changes under it?"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..errors import ModelError

_HEADS = (nn.Linear, nn.Conv2d)


def n_outputs(net: nn.Module) -> int | None:
    """How many outputs the last linear or convolutional layer has; None where there is no such layer."""
    heads = [layer for layer in net.modules() if isinstance(layer, _HEADS)]
    if not heads:
        return None
    return heads[-1].out_features if isinstance(heads[-1], nn.Linear) else heads[-1].out_channels


def with_outputs(net: nn.Module, n_outputs: int, *, old: int, rows: np.ndarray | None = None,
                 seed: int = 0) -> nn.Module:
    """The same net with another number of outputs; it is changed in place and given back.

    Parameters
    ----------
    n_outputs, old : how many outputs it shall have, and has
    rows : shape (old, n_outputs): how the old outputs add up to the new ones, as `Lineage.columns` says. A new output
        that one old one became keeps its row, one that several became starts from their mean, any other from fresh
        weights; None makes all of them fresh
    seed : of the fresh weights; torch's own generator is left as it was

    Raises
    ------
    ModelError
        When no last layer with `old` outputs is found.
    """
    found = [(name, layer) for name, layer in net.named_modules()
             if isinstance(layer, _HEADS) and (layer.out_features if isinstance(layer, nn.Linear)
                                               else layer.out_channels) == old]
    if not found:
        raise ModelError(f"no layer with {old} outputs was found that could be given {n_outputs}. Pass a net with "
                         f"{n_outputs} outputs, one per label, whose last layer is an nn.Linear or nn.Conv2d.")
    name, head = found[-1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bias = head.bias is not None
        fresh: nn.Linear | nn.Conv2d
        if isinstance(head, nn.Linear):
            fresh = nn.Linear(head.in_features, n_outputs, bias=bias)
        else:
            fresh = nn.Conv2d(head.in_channels, n_outputs, head.kernel_size, head.stride,  # type: ignore[arg-type]
                              head.padding, head.dilation, head.groups, bias)  # type: ignore[arg-type]
    fresh = fresh.to(head.weight.device, head.weight.dtype)
    if rows is not None:
        with torch.no_grad():
            for column in range(n_outputs):
                # A whole share means carried over; part of one means a split's child, which starts afresh.
                whole = np.flatnonzero(rows[:, column] == 1).tolist()
                if whole:
                    fresh.weight[column] = head.weight[whole].mean(dim=0)
                    if head.bias is not None and fresh.bias is not None:
                        fresh.bias[column] = head.bias[whole].mean()
    parent = net.get_submodule(name.rpartition(".")[0])
    setattr(parent, name.rpartition(".")[2], fresh)
    return net
