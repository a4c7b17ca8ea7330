"""Which layer gives the labels' outputs, and how does a net get others when the taxonomy changes under it?

`find_head` finds the last layer, whose input is an item's embedding; `with_outputs` gives it other outputs, of which
`folded` makes one out of several.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError

_HEADS = (nn.Linear, nn.Conv2d)
# How much the fit of a folded row is held back, as a share of what the items weigh.
RIDGE = 1e-3
# How a person names the layer that isn't found.
NAME_IT = "Name it: hw.Workbench(..., head='fc'), a name of net.named_modules()"


def n_outputs(net: nn.Module, *, name: str | None = None) -> int | None:
    """How many outputs the last linear or convolutional layer has, or the named one; None where there is no such."""
    heads = [layer for layer in ([_named(net, name)] if name else net.modules()) if isinstance(layer, _HEADS)]
    return _width(heads[-1]) if heads else None


def find_head(net: nn.Module, n_outputs: int, *, name: str | None = None) -> tuple[str, nn.Module]:
    """The name of the layer that gives a net's outputs, and the layer.

    Parameters
    ----------
    n_outputs : of the net
    name : of the layer, among ``net.named_modules()``; None takes the last `nn.Linear` with so many outputs

    Raises
    ------
    ModelError
        When there is none; the message says how to name it.
    """
    if name is not None:
        return name, _named(net, name)
    found = [(name, layer) for name, layer in net.named_modules()
             if isinstance(layer, nn.Linear) and layer.out_features == n_outputs]
    if not found:
        raise ModelError(f"the net has no nn.Linear with {n_outputs} outputs, whose input would be an item's "
                         f"embedding. {NAME_IT}, whose input is to be taken.")
    return found[-1]


def with_outputs(net: nn.Module, n_outputs: int, *, old: int, rows: np.ndarray | None = None, seed: int = 0,
                 name: str | None = None, seen: np.ndarray | None = None) -> nn.Module:
    """The same net with another number of outputs; it is changed in place and given back.

    Parameters
    ----------
    n_outputs, old : how many outputs it shall have, and has
    rows : shape (old, n_outputs): how the old outputs add up to the new ones, as `Lineage.columns` says. A new output
        that one old one became keeps its row, one that several became gets the row whose probability is nearest to the
        sum of theirs (`folded`), any other starts from fresh weights; None makes all of them fresh
    seed : of the fresh weights; torch's own generator is left as it was
    name : of the last layer; None takes the last linear or convolutional one with `old` outputs
    seen : embeddings of some items, shape (n, n_features), by which `folded` chooses

    Raises
    ------
    ModelError
        When no last layer with `old` outputs is found.
    """
    found = [(place, layer) for place, layer in ([(name, _named(net, name))] if name else net.named_modules())
             if isinstance(layer, _HEADS) and _width(layer) == old]
    if not found:
        raise ModelError(f"no {'layer' if name is None else f'nn.Linear or nn.Conv2d {name!r}'} with {old} outputs was "
                         f"found that could be given {n_outputs}. {NAME_IT}; or pass a net with {n_outputs} outputs, "
                         "one per label, whose last layer is an nn.Linear or nn.Conv2d.")
    place, head = found[-1]
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
                    weight, offset = folded(head.weight[whole], None if head.bias is None else head.bias[whole], seen)
                    fresh.weight[column] = weight
                    if fresh.bias is not None:
                        fresh.bias[column] = offset
    parent = net.get_submodule(place.rpartition(".")[0])
    setattr(parent, place.rpartition(".")[2], fresh)
    return net


def folded(weights: Tensor, biases: Tensor | None, seen: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """One row of a last layer in the place of several: its logit is as near as can be to the logarithm of the sum of
    their exponentials, so that its probability is near to the sum of theirs. (weight, bias) come back.

    Without items, the rows' mean, and the logarithm of their number on the bias: exact where the old logits agree. With
    items, least squares from there, which takes a mean error of 0.19 in probability to 0.01 (docs/benchmarks.md).

    Parameters
    ----------
    weights, biases : of the rows that become one, shapes (n_rows, n_features, ...) and (n_rows,)
    seen : what the layer reads of some items, shape (n, n_features); rows of NaN are left out. Rows of another width,
        such as a convolution's, are as if there were none
    """
    flat = weights.detach().double().flatten(1)
    old = torch.zeros(len(flat), dtype=torch.float64) if biases is None else biases.detach().double().cpu()
    weight, offset = flat.mean(dim=0).cpu(), old.mean() + math.log(len(flat))
    if len(flat) > 1 and seen is not None and seen.shape[1:] == flat.shape[1:]:
        read = torch.from_numpy(seen[~np.isnan(seen).any(axis=1)]).double()
        reads = torch.cat([read, torch.ones(len(read), 0 if biases is None else 1)], dim=1)
        short = torch.logsumexp(read @ flat.cpu().T + old, dim=1) - (read @ weight + (0 if biases is None else offset))
        square = reads.T @ reads
        if len(read) and bool(square.trace() > 0):
            ridge = RIDGE * square.trace() / len(square) * torch.eye(len(square), dtype=torch.float64)
            more = torch.linalg.solve(square + ridge, reads.T @ short)
            weight, offset = weight + more[:flat.shape[1]], offset + more[flat.shape[1]:].sum()
    return weight.reshape(weights.shape[1:]).to(weights), offset.to(weights)


def _named(net: nn.Module, name: str) -> nn.Module:
    layers = dict(net.named_modules())
    if not name or name not in layers:
        last = [layer for layer in layers if layer][-8:]
        raise ModelError(f"the net has no layer {name!r}; its last ones are {', '.join(last) or 'none'}. {NAME_IT}.")
    return layers[name]


def _width(layer: nn.Linear | nn.Conv2d) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
