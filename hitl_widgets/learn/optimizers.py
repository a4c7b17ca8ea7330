"""The optimizers of torch that train nets and light models: `AdamW` and `LBFGS`.

Their results are exactly those of torch's own classes. These, however, load torch's compiler, only to exclude their
methods from compilation, which costs two seconds and some 50 MB. Nothing here uses the compiler.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.optim import Optimizer


class _Plain(Optimizer):
    """The methods of an optimizer, without the compiler around each."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        inspect.unwrap(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        inspect.unwrap(Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return dict(inspect.unwrap(Optimizer.state_dict)(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        inspect.unwrap(Optimizer.load_state_dict)(self, state_dict)


class AdamW(_Plain, torch.optim.AdamW):
    """Adam with decoupled weight decay; the parameters are those of ``torch.optim.AdamW``."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Update the weights by their gradients."""
        return inspect.unwrap(torch.optim.AdamW.step)(self, closure)


class LBFGS(_Plain, torch.optim.LBFGS):
    """L-BFGS, a quasi-Newton method; the parameters are those of ``torch.optim.LBFGS``."""

    def step(self, closure: Any) -> Any:  # type: ignore[override]  # as torch's own
        """Update the weights; `closure` computes the loss and its gradients."""
        return super().step(closure)  # type: ignore[no-untyped-call]
