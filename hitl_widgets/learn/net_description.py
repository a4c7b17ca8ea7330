"""Descriptions of nets as JSON, without any code, from which another process can build them again.

`describe` walks a net's modules and lists the class and the attributes of each; `build` imports the classes and fills
in the tensors. Nothing is pickled. A net that can't be described in this way is refused with a reason.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, ModuleType, NoneType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError

# Attributes that `nn.Module` itself keeps, besides the user's.
_HELD = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training")
# Further references to the weights of a recurrent net, which it makes itself.
_MADE_ANEW = ("_flat_weights", "_flat_weight_refs")
REMEDY = "Define it in a module (a .py file) that the workers can import, a net's class with numbers, texts and " \
         "modules as attributes; or leave client out."


def describe(net: nn.Module) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Describe a net as JSON values, with its tensors by the names used there.

    Parameters
    ----------
    net : torch.nn.Module
        It isn't changed.

    Returns
    -------
    description : dict
        Texts, numbers, lists and dicts only.
    tensors : dict of str to Tensor
        Parameters and buffers, each once.

    Raises
    ------
    ModelError
        Where a class, or an attribute of a module, can't be described; the message names it.
    """
    described = _Described()
    return described.module(net, ""), described.tensors


def build(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> nn.Module:
    """The net of a description, with these tensors.

    Parameters
    ----------
    description, tensors
        As returned by `describe`.

    Raises
    ------
    ModelError
        Where a class or a function can't be imported here.
    """
    net = _Built(tensors).module(description)
    assert net is not None
    return net


def reference(value: Any, what: str) -> dict[str, str]:
    """The module and the name by which a class or a function can be imported.

    Parameters
    ----------
    value : class or function
    what : str
        Its name in messages.

    Raises
    ------
    ModelError
        Where it can't be imported by name.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if _is_builtin(value):  # such as torch.relu, whose qualified name is that of a class behind it
        name = value.__name__
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        called = name if isinstance(name, str) else _named(value)
        raise ModelError(f"{what}, {called}, has no name by which a worker could import it. {REMEDY}")
    if module == "__main__":
        raise ModelError(f"{what}, {name!r}, is defined in the notebook (or script) itself, and a worker can't import "
                         f"it from there. {REMEDY}")
    try:
        there = imported({"module": module, "name": name})
    except ModelError as error:
        raise ModelError(f"{what}, {module}.{name}, can't be imported by its name. {REMEDY}") from error
    if there is not value:
        raise ModelError(f"{what} isn't what {module}.{name} is now: it was changed, or defined again, since. {REMEDY}")
    return {"module": module, "name": name}


def imported(told: Mapping[str, str]) -> Any:
    """Import the class or function of a `reference`.

    Parameters
    ----------
    told : mapping
        The reference, with "module" and "name".

    Raises
    ------
    ModelError
        Where there is no such module or name here.
    """
    try:
        return functools.reduce(getattr, told["name"].split("."), importlib.import_module(told["module"]))
    except (ImportError, AttributeError) as error:
        raise ModelError(f"{told['module']}.{told['name']} can't be imported ({error}). Install that module where the "
                         "workers run, or send it with client.upload_file(...).") from error


def _named(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


class _Described:
    """The modules and tensors that were described so far."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[tuple[Any, ...], str] = {}
        self._modules: dict[int, str] = {}
        self._kept: list[Any] = []  # so that no id is reused

    # 13 branches: what a module may hold: weights, which may be missing, attributes, and other modules.
    def module(self, module: nn.Module, path: str) -> dict[str, Any]:
        if id(module) in self._modules:
            return {"again": self._modules[id(module)]}
        self._modules[id(module)] = path
        what = f"module {path!r} of the net" if path else "the net"
        self._refuse_hooks(module, what)
        held = vars(module)
        told: dict[str, Any] = {
            "path": path, "class": reference(type(module), f"the class of {what}"), "training": module.training,
            "not_saved": sorted(held["_non_persistent_buffers_set"]), "parameters": {}, "buffers": {}, "modules": {},
            "attributes": {}}
        for kind in ("parameters", "buffers"):
            for name, tensor in held[f"_{kind}"].items():
                told[kind][name] = None if tensor is None else self.tensor(tensor, _below(path, name))
        for name, value in held.items():
            if name in _HELD or name in _hooks() or (isinstance(module, nn.RNNBase) and name in _MADE_ANEW):
                continue
            if callable(getattr(type(module), name, None)):
                raise ModelError(f"{what} has its own {name!r} in place of its class's method, which can't be sent to "
                                 f"a worker. {REMEDY}")
            told["attributes"][name] = self.value(value, _below(path, name))
        for name, child in held["_modules"].items():
            told["modules"][name] = None if child is None else self.module(child, _below(path, name))
        return told

    def tensor(self, tensor: Tensor, name: str) -> dict[str, Any]:
        if isinstance(tensor, (nn.parameter.UninitializedParameter, nn.parameter.UninitializedBuffer)):
            raise ModelError(f"the net's {name!r} has no weights yet. Run the net once on an item, then pass it.")
        if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided or tensor.is_quantized:
            raise ModelError(f"the net's {name!r} is a {_named(tensor)} ({tensor.layout}), and only plain tensors can "
                             f"be sent to a worker. {REMEDY}")
        held = tensor.detach()
        key = (held.data_ptr(), tuple(held.shape), held.stride(), held.dtype) if held.numel() else (name,)
        self._kept.append(tensor)
        if key not in self._names:
            self._names[key] = name
            self.tensors[name] = held
        return {"tensor": self._names[key], "learns": tensor.requires_grad}

    # 17 branches: one for each kind of value.
    def value(self, value: Any, path: str) -> Any:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) is list:
            return [self.value(one, f"{path}.{row}") for row, one in enumerate(value)]
        if type(value) in (tuple, torch.Size, set, frozenset):
            return {"is": type(value).__name__.lower(),
                    "of": [self.value(one, f"{path}.{row}") for row, one in enumerate(value)]}
        if isinstance(value, dict) and type(value).__module__ in ("builtins", "collections") \
                and type(value).__name__ in ("dict", "OrderedDict"):
            return {"is": type(value).__name__, "of": [[self.value(key, path), self.value(one, f"{path}.{key}")]
                                                       for key, one in value.items()]}
        if isinstance(value, (torch.dtype, torch.device)):
            return {"is": "dtype" if isinstance(value, torch.dtype) else "device", "of": str(value)}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"is": "number", "dtype": str(value.dtype), "of": value.item()}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return {"is": "array", "of": self.tensor(torch.from_numpy(np.ascontiguousarray(value)), path)}
        if isinstance(value, Tensor):
            return {"is": "tensor", "of": self.tensor(value, path)}
        return self._by_name(value, path)

    # 14 branches: one for each kind of value that is made anew by a class or a function with a name.
    def _by_name(self, value: Any, path: str) -> dict[str, Any]:
        what = f"attribute {path!r} of the net"
        if isinstance(value, functools.partial):
            return {"is": "partial", "of": self.value(value.func, path), "args": self.value(list(value.args), path),
                    "named": self.value(dict(value.keywords), path)}
        if isinstance(value, tuple) and (names := getattr(type(value), "_fields", None)) is not None:
            return {"is": "record", "of": reference(type(value), f"the class of {what}"),
                    "fields": self.value(dict(zip(names, value, strict=True)), path)}
        if hasattr(type(value), "from_dict") and hasattr(value, "to_dict") and not isinstance(value, type):
            # A configuration of Hugging Face.
            private = {name: one for name, one in vars(value).items() if name.endswith("_implementation_internal")}
            return {"is": "config", "of": reference(type(value), f"the class of {what}"),
                    "fields": self.value(value.to_dict(), path), "private": self.value(private, path)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {"is": "record", "of": reference(type(value), f"the class of {what}"),
                    "fields": self.value({field.name: getattr(value, field.name)
                                          for field in dataclasses.fields(value)}, path)}
        is_function = callable(value) and not isinstance(value, nn.Module) and getattr(value, "__self__", None) is None
        if is_function or _is_builtin(value):
            return {"is": "named", "of": reference(value, what)}
        raise ModelError(f"{what} is a {_named(value)}, which can't be sent to a worker: numbers, texts, tensors, and "
                         f"lists and dicts of them, and functions and classes with a name can. {REMEDY}")

    def _refuse_hooks(self, module: nn.Module, what: str) -> None:
        for name in _hooks():
            if vars(module).get(name) and "state_dict" not in name:
                raise ModelError(f"{what} has hooks ({name.strip('_').replace('_', ' ')}), which are code of this "
                                 f"process and can't be sent to a worker. Remove them, or leave client out.")


class _Built:
    """The modules and parameters that were built so far."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors, self._modules = tensors, dict[str, nn.Module]()
        self._parameters: dict[str, nn.Parameter] = {}

    def module(self, told: Mapping[str, Any]) -> nn.Module:
        if "again" in told:
            return self._modules[told["again"]]
        kind = imported(told["class"])
        if not isinstance(kind, type) or not issubclass(kind, nn.Module):
            raise ModelError(f"{told['class']} is no class of nets (torch.nn.Module).")
        module = kind.__new__(kind)
        nn.Module.__init__(module)
        self._modules[told["path"]] = module
        for name, one in told["parameters"].items():
            module._parameters[name] = None if one is None else self._parameter(one)
        for name, one in told["buffers"].items():
            module._buffers[name] = None if one is None else self._tensors[one["tensor"]]
        module._non_persistent_buffers_set = set(told["not_saved"])
        for name, value in told["attributes"].items():
            module.__dict__[name] = self.value(value)
        for name, child in told["modules"].items():
            module._modules[name] = None if child is None else self.module(child)
        module.training = told["training"]
        if isinstance(module, nn.RNNBase):
            module._init_flat_weights()
        return module

    def _parameter(self, told: Mapping[str, Any]) -> nn.Parameter:
        name = told["tensor"]
        if name not in self._parameters:
            self._parameters[name] = nn.Parameter(self._tensors[name], requires_grad=told["learns"])
        return self._parameters[name]

    def value(self, told: Any) -> Any:
        if isinstance(told, list):
            return [self.value(one) for one in told]
        if not isinstance(told, Mapping):
            return told
        kind, of = told["is"], told["of"]
        simple: dict[str, Callable[[], Any]] = {
            "tuple": lambda: tuple(map(self.value, of)), "size": lambda: torch.Size(map(self.value, of)),
            "set": lambda: set(map(self.value, of)), "frozenset": lambda: frozenset(map(self.value, of)),
            "dict": lambda: {self.value(key): self.value(one) for key, one in of},
            "OrderedDict": lambda: OrderedDict((self.value(key), self.value(one)) for key, one in of),
            "dtype": lambda: getattr(torch, of.removeprefix("torch.")), "device": lambda: torch.device(of),
            "number": lambda: np.dtype(told["dtype"]).type(of), "array": lambda: self._tensors[of["tensor"]].numpy(),
            "tensor": lambda: self._tensors[of["tensor"]].requires_grad_(of["learns"]),
            "partial": lambda: functools.partial(self.value(of), *self.value(told["args"]),
                                                 **self.value(told["named"])),
            "record": lambda: imported(of)(**self.value(told["fields"])),
            "config": lambda: self._config(told), "named": lambda: imported(of)}
        return simple[kind]()

    def _config(self, told: Mapping[str, Any]) -> Any:
        config = imported(told["of"]).from_dict(self.value(told["fields"]))
        vars(config).update(self.value(told["private"]))  # which to_dict leaves out
        return config


@functools.cache
def _hooks() -> tuple[str, ...]:
    """Names of the attributes in which a module keeps its hooks, also those of loading and saving (state_dict)."""
    return tuple(name for name in vars(nn.Module()) if "_hook" in name)


def _is_builtin(value: Any) -> bool:
    """Whether it is a function written in C, such as torch.relu, whose `__self__` is its module."""
    return isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, (ModuleType, type, NoneType))


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
