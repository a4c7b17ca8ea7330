"""Outputs of nets: the logits in any usual output, and the layer that computes them, found by running the net.

`read_logits` finds the logits; `look_at` runs a net once to find the layer of its outputs, and what these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .text_views import Batch, moved, n_items, run_net

# How far the sum of probabilities may be from 1.
TOLERANCES = {torch.float16: 1e-3, torch.bfloat16: 1e-2}
# Minimum number of items for deciding whether a net's outputs are those of a sigmoid.
FEWEST = 3


class Look(NamedTuple):
    """Properties of a net, found by running it on a few views.

    Attributes
    ----------
    head : str or None
        Name of the linear or convolutional layer that computes the outputs; None if no such layer with `n_outputs`
        outputs was run.
    n_outputs : int
        Number of the net's outputs.
    probabilities : bool
        Whether each row of outputs sums to 1, as after a softmax.
    sigmoid : bool
        Whether the outputs look like those of a sigmoid: they lie between 0 and 1, don't sum to 1, and differ from the
        outputs of the head.
    """

    head: str | None
    n_outputs: int
    probabilities: bool
    sigmoid: bool


# 18 branches: all that is told of a net comes from one run of it, whose outputs every part of this reads.
def look_at(net: nn.Module, views: Batch) -> Look | None:
    """Run a net on a few views; None if it fails on them, or if its outputs aren't logits.

    The head is the last linear or convolutional layer whose outputs, averaged over positions or tokens, give the
    probabilities of the net. If there is no such layer, it is the last one with as many outputs as the net.

    Parameters
    ----------
    net : torch.nn.Module
        In evaluation mode. Pass a copy, since a forward pass may change its state.
    views : Tensor, shape (n, C, h, w), or a batch of texts
        On any device.
    """
    ran: list[tuple[str, Tensor]] = []
    n = n_items(views)

    def keep(name: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim > 1 and len(output) == n:
                ran.append((name, _rows(output, channels_last=isinstance(layer, nn.Linear)).float().cpu()))
        return hook
    hooks = [layer.register_forward_hook(keep(name)) for name, layer in net.named_modules()
             if isinstance(layer, (nn.Linear, nn.Conv2d))]
    weight = next((p for p in net.parameters() if p.is_floating_point()), torch.zeros(()))
    try:
        with torch.no_grad():
            raw = _matrix(run_net(net, moved(views, weight.device, weight.dtype)), n).cpu()
    except Exception:  # a user's net, which may raise anything
        return None
    finally:
        for handle in hooks:
            handle.remove()
    probabilities = are_probabilities(raw)
    probs = raw.float() if probabilities else raw.float().softmax(dim=1)
    fitting = [(name, values) for name, values in ran if values.shape[1:] == raw.shape[1:]]
    near = TOLERANCES.get(raw.dtype, 1e-4)
    giving = [one for one in fitting if torch.allclose(one[1].softmax(dim=1), probs, rtol=0, atol=near)]
    head, values = (giving or fitting)[-1] if fitting else (None, raw)
    untouched = head is not None and torch.allclose(values, raw.float(), rtol=near, atol=near)
    # All zeros are the logits of an untrained net.
    within = len(raw) >= FEWEST and raw.shape[1] > 1 and bool(((raw >= 0) & (raw <= 1)).all() and raw.any())
    return Look(head, raw.shape[1], probabilities, within and not probabilities and not untouched)


class Unsquashed(nn.Module):
    """Wraps a net that ends in a sigmoid, and returns logits instead of its probabilities.

    Parameters
    ----------
    net : nn.Module
        A net with outputs from 0 to 1. It isn't copied.
    """

    NAME = "net"

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *views: Tensor, **named: Tensor) -> Tensor:
        """The log-odds of each output, float32. The views of texts may be passed as keyword arguments."""
        return tensor_of(self.net(*views, **named)).float().logit(eps=1e-6)


def read_logits(output: Any, n_items: int, n_labels: int | None = None, *,
                probabilities: bool | None = None) -> Tensor:
    """Get the logits from a net's output: float32, shape (n_items, n_labels).

    The output may be a tensor, an object with the attribute `logits`, a mapping with the key "logits", or a tuple whose
    first element is the tensor. If the net ends in a softmax, the logarithm of its outputs is returned.

    Parameters
    ----------
    output : tensor, object, mapping or tuple
        What the net returned.
    n_items : int
        Items in the batch.
    n_labels : int or None
        Expected number of columns; None accepts any number.
    probabilities : bool or None
        Whether the net ends in a softmax. None to decide by this output.

    Raises
    ------
    ModelError
        If the output has no such tensor, or its shape is wrong.
    """
    values = _matrix(output, n_items, n_labels)
    if n_labels is not None and values.shape[1] != n_labels:
        raise ModelError(f"the net gives {values.shape[1]} outputs an item, but the taxonomy has {n_labels} labels. "
                         f"Give the net a last layer with {n_labels} outputs, or pass a taxonomy with "
                         f"{values.shape[1]} labels, in the order of the outputs.")
    logits = values.float()
    if probabilities is None:
        probabilities = are_probabilities(values.detach())
    return logits.clamp_min(1e-12).log() if probabilities else logits


def are_probabilities(values: Tensor) -> bool:
    """Whether each row has non-negative numbers that sum to 1, within the precision of their dtype.

    Parameters
    ----------
    values : Tensor, shape (n, n_labels)
        A net's outputs, in their own dtype.
    """
    tolerance = TOLERANCES.get(values.dtype, 1e-4)
    sums = values.float().sum(dim=1)
    return values.shape[1] > 1 and bool((values >= 0).all()) and bool(((sums - 1).abs() < tolerance).all())


def _matrix(output: Any, n_items: int, n_labels: int | None = None) -> Tensor:
    """The tensor with a row per item and a column per label in a net's output; ModelError where there is none."""
    values = tensor_of(output)
    if values.ndim > 2 and values.shape[2:].numel() == 1:
        values = values.flatten(1)
    if values.ndim != 2 or values.shape[0] != n_items:
        raise ModelError(f"the net gave shape {tuple(values.shape)} for {n_items} item(s); ({n_items}, "
                         f"{n_labels or 'n_labels'}) is expected: one row an item, one column a label.")
    return values


def tensor_of(output: Any) -> Tensor:
    """Get the tensor of logits, of any shape, from a net's output; ModelError if there is none.

    Parameters
    ----------
    output : tensor, object, mapping or tuple
        What the net returned.
    """
    logits = output
    if not isinstance(logits, Tensor):
        logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
        if logits is None and isinstance(output, (tuple, list)) and output:
            logits = output[0]
    if not isinstance(logits, Tensor):
        raise ModelError(f"the net gave {type(output).__name__}; a tensor of logits, or an output with .logits, is "
                         "expected. Wrap the net in a module that returns them.")
    return logits


def _rows(output: Tensor, *, channels_last: bool) -> Tensor:
    """A layer's output with a row for each item, averaged over positions or tokens."""
    if channels_last:
        return output.reshape(len(output), -1, output.shape[-1]).float().mean(dim=1)
    return output.flatten(2).float().mean(dim=2)
