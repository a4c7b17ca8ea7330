"""Weights of nets: safetensors files, and versions by content hash.

A model is named by its weights (`weights_version`); `save_weights` and `load_weights` write and read safetensors, in
which nothing is pickled. `unset` makes a layer whose weights are set later.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..storage.files import write_whole

_Layer = TypeVar("_Layer", bound=nn.Module)


def unset(kind: Callable[..., _Layer], *arguments: Any, **more: Any) -> _Layer:
    """A layer whose weights are set later: initial weights would use up torch's random numbers.

    The same as ``torch.nn.utils.skip_init``, which loads sympy, half a second of a core.

    Parameters
    ----------
    kind : callable
        A class of layers without buffers or layers of their own, such as ``nn.Linear``.
    *arguments, **more
        Arguments of the class.

    Examples
    --------
    >>> unset(nn.Linear, 3, 2, bias=False).weight.shape
    torch.Size([2, 3])
    """
    layer = kind(*arguments, device="meta", **more)
    for name, weight in list(layer.named_parameters(recurse=False)):
        setattr(layer, name, nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype, device="cpu")))
    return layer


def weights_version(net: nn.Module) -> str:
    """The version of a net: 16 hexadecimal digits, a hash of its weights (names, types, shapes and bytes).

    Raises
    ------
    ModelError
        If it isn't a net, or has lazy layers without weights.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name, tensor in _weights(net):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        if tensor.numel():
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _weights(net: nn.Module) -> Iterable[tuple[str, Tensor]]:
    if not isinstance(net, nn.Module):
        raise ModelError(f"model is {type(net).__name__}; a torch.nn.Module that gives logits is expected.")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in net.parameters()):
        raise ModelError("the net has lazy layers without weights yet. Run it once on an item, then pass it.")
    return sorted((name, value) for name, value in net.state_dict().items() if isinstance(value, Tensor))


def save_weights(net: nn.Module, path: str | Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a net's weights as safetensors, completely or not at all.

    Parameters
    ----------
    net : torch.nn.Module
        It isn't changed.
    path : str or Path
        Path of the file.
    metadata : mapping of str to str, optional
        Stored in the file's header.
    """
    with write_whole(Path(path)) as part:
        safetensors.torch.save_model(net, str(part), metadata=dict(metadata or {}))


def shapes_in(path: str | Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in a file of weights; OSError or SafetensorError where it can't be read."""
    with safetensors.safe_open(str(path), framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """A copy of the net with the weights that `save_weights` wrote; the net itself isn't changed.

    Raises
    ------
    ModelError
        If the file can't be read, or holds other weights than the net has; the message names them.
    """
    try:
        in_file = shapes_in(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"the weights in {Path(path).name} can't be read: {error}. Adopt another version, or "
                         "train again: no label is lost.") from error
    in_net = {name: tuple(tensor.shape) for name, tensor in _weights(net)}
    differing = [f"{name} is {in_file[name]} in the file and {in_net[name]} in the net"
                 for name in sorted(in_file.keys() & in_net.keys()) if in_file[name] != in_net[name]]
    differing += [f"{name} is only in the file" for name in sorted(in_file.keys() - in_net.keys())]
    twin = _twin(net)
    if not differing:
        try:
            missing, _ = safetensors.torch.load_model(twin, str(path), strict=False)
        except RuntimeError as error:
            raise ModelError(f"the weights in {Path(path).name} don't fit the net: {error}") from error
        differing = [f"{name} is only in the net" for name in sorted(missing)]
    if differing:
        more = f", and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise ModelError(f"the weights in {Path(path).name} are of another net: {'; '.join(differing[:5])}{more}. "
                         "Pass the model that this project was begun with; if this is it, name its last layer: "
                         "hw.Workbench(..., head='fc').")
    return twin


def _twin(net: nn.Module) -> nn.Module:
    """A copy that shares no weights: a deep copy may share read-only tensors, such as a table."""
    twin = copy.deepcopy(net)
    shared = {tensor.data_ptr() for _, tensor in _weights(net)}
    for module in twin.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.numel() and buffer.data_ptr() in shared:
                setattr(module, name, buffer.clone())
    return twin
