"""The last layer of a net: finding it, and changing its outputs when the taxonomy changes.

`find_head` finds the layer, whose input is an item's embedding; `with_outputs` changes its outputs, and `merged_row`
merges several of its rows into one.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError

_HEADS = (nn.Linear, nn.Conv2d)
# Ridge penalty of the fit of a merged row, as a share of the mean square of the embeddings.
RIDGE = 1e-3
# How the user names the layer where it isn't found.
NAME_IT = "Name it: hw.Workbench(..., head='fc'), a name of net.named_modules()"


def n_outputs(net: nn.Module, *, name: str | None = None) -> int | None:
    """Count the outputs of the last linear or convolutional layer, or of the named one; None where there is none."""
    heads = [layer for layer in ([_named(net, name)] if name else net.modules()) if isinstance(layer, _HEADS)]
    return _width(heads[-1]) if heads else None


def find_head(net: nn.Module, n_outputs: int, *, name: str | None = None) -> tuple[str, nn.Module]:
    """Find the layer that computes a net's outputs; return its name and the layer.

    Parameters
    ----------
    net : torch.nn.Module
        It isn't changed.
    n_outputs : int
        Number of the net's outputs.
    name : str or None
        The layer's name in ``net.named_modules()``; None takes the last `nn.Linear` with this many outputs.

    Raises
    ------
    ModelError
        When there is none; the message says how to name it.
    """
    if name is not None:
        return name, _named(net, name)
    fitting = [(name, layer) for name, layer in net.named_modules()
               if isinstance(layer, nn.Linear) and layer.out_features == n_outputs]
    if not fitting:
        raise ModelError(f"the net has no nn.Linear with {n_outputs} outputs, whose input would be an item's "
                         f"embedding. {NAME_IT}, the layer whose input is the embedding.")
    return fitting[-1]


def with_outputs(net: nn.Module, n_outputs: int, *, old: int, rows: np.ndarray | None = None, seed: int = 0,
                 name: str | None = None, embeddings: np.ndarray | None = None) -> nn.Module:
    """Change the number of outputs of a net, in place, and return the net.

    Parameters
    ----------
    net : torch.nn.Module
        It gets a new last layer.
    n_outputs, old : int
        The new number of outputs, and the present one.
    rows : ndarray or None
        Shape (old, n_outputs): how the old outputs add up to the new ones, as returned by `Lineage.columns`. A new
        output that continues one old output keeps its row, one that merges several gets their `merged_row`, any other
        starts from fresh weights; None makes all of them fresh.
    seed : int
        Seed of the fresh weights; torch's own generator is left as it was.
    name : str or None
        Name of the last layer. By default the last linear or convolutional layer with `old` outputs.
    embeddings : ndarray or None
        Embeddings of some items, shape (n, n_features), to which merged rows are fitted.

    Raises
    ------
    ModelError
        When no last layer with `old` outputs is found.
    """
    fitting = [(place, layer) for place, layer in ([(name, _named(net, name))] if name else net.named_modules())
               if isinstance(layer, _HEADS) and _width(layer) == old]
    if not fitting:
        raise ModelError(f"no {'layer' if name is None else f'nn.Linear or nn.Conv2d {name!r}'} with {old} outputs was "
                         f"found that could be given {n_outputs}. {NAME_IT}; or pass a net with {n_outputs} outputs, "
                         "one per label, whose last layer is an nn.Linear or nn.Conv2d.")
    place, head = fitting[-1]
    fresh = _fresh(head, n_outputs, seed=seed)
    if rows is not None:
        with torch.no_grad():
            for column in range(n_outputs):
                # A share of 1 means carried over; a smaller one means a child of a split, which starts afresh.
                whole = np.flatnonzero(rows[:, column] == 1).tolist()
                if whole:
                    bias = None if head.bias is None else head.bias[whole]
                    fresh.weight[column], offset = merged_row(head.weight[whole], bias, embeddings)
                    if fresh.bias is not None:
                        fresh.bias[column] = offset
    parent = net.get_submodule(place.rpartition(".")[0])
    setattr(parent, place.rpartition(".")[2], fresh)
    return net


def _fresh(head: nn.Linear | nn.Conv2d, n_outputs: int, *, seed: int) -> nn.Linear | nn.Conv2d:
    """A layer like this one, with another number of outputs and fresh weights."""
    fresh: nn.Linear | nn.Conv2d
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(head, nn.Linear):
            fresh = nn.Linear(head.in_features, n_outputs, bias=head.bias is not None)
        else:
            fresh = nn.Conv2d(head.in_channels, n_outputs, head.kernel_size, head.stride,  # type: ignore[arg-type]
                              head.padding, head.dilation, head.groups,  # type: ignore[arg-type]
                              head.bias is not None)
    return fresh.to(head.weight.device, head.weight.dtype)


def merged_row(weights: Tensor, biases: Tensor | None, embeddings: np.ndarray | None = None) -> tuple[Tensor, Tensor]:
    """One row of a last layer in place of several, whose probability approximates the sum of theirs.

    Its logit approximates the log-sum-exp of theirs. Without items, it is the rows' mean, with the logarithm of their
    number added to the bias: exact where the old logits agree. With items, it is corrected by least squares, which
    reduces the mean error in probability from 0.19 to 0.01 (docs/benchmarks.md).

    Parameters
    ----------
    weights, biases : Tensor
        Weights and biases of these rows, shapes (n_rows, n_features, ...) and (n_rows,).
    embeddings : ndarray or None
        Inputs of the layer for some items, shape (n, n_features); rows of NaN are left out. Not used where their width
        isn't that of the rows, as for a convolution.

    Returns
    -------
    tuple of Tensor
        (weight, bias) of the new row.
    """
    # To the CPU first, everywhere: Apple's GPUs have no float64.
    flat = weights.detach().cpu().double().flatten(1)
    old = torch.zeros(len(flat), dtype=torch.float64) if biases is None else biases.detach().cpu().double()
    weight, offset = flat.mean(dim=0), old.mean() + math.log(len(flat))
    if len(flat) > 1 and embeddings is not None and embeddings.shape[1:] == flat.shape[1:]:
        inputs = torch.from_numpy(embeddings[~np.isnan(embeddings).any(axis=1)]).double()
        extended = torch.cat([inputs, torch.ones(len(inputs), 0 if biases is None else 1)], dim=1)
        missing = torch.logsumexp(inputs @ flat.T + old, dim=1) \
            - (inputs @ weight + (0 if biases is None else offset))
        square = extended.T @ extended
        if len(inputs) and bool(square.trace() > 0):
            ridge = RIDGE * square.trace() / len(square) * torch.eye(len(square), dtype=torch.float64)
            more = torch.linalg.solve(square + ridge, extended.T @ missing)
            weight, offset = weight + more[:flat.shape[1]], offset + more[flat.shape[1]:].sum()
    return tuple(part.to(weights.dtype).to(weights.device)  # type: ignore[return-value]
                 for part in (weight.reshape(weights.shape[1:]), offset))


def _named(net: nn.Module, name: str) -> nn.Module:
    layers: dict[str, nn.Module] = dict(net.named_modules())
    if not name or name not in layers:
        last = [layer for layer in layers if layer][-8:]
        raise ModelError(f"the net has no layer {name!r}; its last ones are {', '.join(last) or 'none'}. {NAME_IT}.")
    return layers[name]


def _width(layer: nn.Linear | nn.Conv2d) -> int:
    return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
