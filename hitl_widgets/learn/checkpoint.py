"""Training state: progress, learning-rate schedule, checkpoints.

`Schedule` counts steps and seconds and gives the learning rate; `TrainingState` holds everything the next epoch depends
on. After each epoch it is saved to a `Checkpoint`, one file from which a training that was killed resumes. The file
holds tensors and JSON: nothing is pickled.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..storage.files import write_whole
from .head import find_head, n_outputs
from .rationales import RationaleLoss

StoppedBecause = Literal["done", "early", "budget", "interrupted"]
Groups = dict[str, dict[str, Tensor]]

# For so much of a training the head learns alone, where the layers below it learn more slowly.
HEAD_FIRST = 0.2
FORMAT = "1"


class Schedule:
    """How far a training has come, by steps, and by time when there is a budget."""

    def __init__(self, n_steps: int, budget_s: float | None = None) -> None:
        self.n_steps, self.budget_s, self.step = n_steps, budget_s, 0
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since it began, without those for which it stood still."""
        return time.monotonic() - self._began

    @property
    def out_of_time(self) -> bool:
        """True when the budget is spent."""
        return self.budget_s is not None and self.elapsed_s >= self.budget_s

    @property
    def done(self) -> float:
        """The share that is done, from 0 to 1."""
        by_time = self.elapsed_s / self.budget_s if self.budget_s else 0.0
        return min(1.0, max(self.step / self.n_steps, by_time))

    def rate(self, share: float = 1.0) -> float:
        """The learning rate now, as a share of its largest; for weights that learn at such a share of the head's rate,
        0 as long as the head learns alone."""
        return 0.0 if share < 1 and self.done < HEAD_FIRST else share * one_cycle(self.done)

    def resume(self, *, step: int, elapsed_s: float) -> None:
        """Take up where another left off."""
        self.step, self._began = step, time.monotonic() - elapsed_s


def one_cycle(done: float) -> float:
    """The learning rate's share of its largest, when so much of the training is done: up for a fifth, then down.

    References
    ----------
    Smith and Topin (2019), Super-Convergence, doi:10.1117/12.2520589.
    """
    return 0.05 + 0.95 * done / 0.2 if done < 0.2 else 0.01 + 0.99 * (1 + math.cos(math.pi * (done - 0.2) / 0.8)) / 2


def groups(net: nn.Module, *, body: float = 1.0, head: str | None = None) -> list[dict[str, Any]]:
    """The weights that may change, for an optimizer: the last layer's, and below it the body's at such a share.

    Parameters
    ----------
    body : how fast all but the last layer learns, as a share of the last layer's rate, above 0 and up to 1
    head : name of the last layer; None finds it. Where it can't be found, all weights learn alike

    References
    ----------
    Howard and Ruder (2018), Universal Language Model Fine-tuning, arXiv:1801.06146, for rates by layer and gradual
    unfreezing.
    """
    last: list[nn.Parameter] = []
    if body < 1:
        with suppress(ModelError):
            last = list(find_head(net, n_outputs(net, name=head) or 0, name=head)[1].parameters())
    free = [weight for weight in net.parameters() if weight.requires_grad]
    of_head = {id(weight) for weight in last}
    parts = [{"params": [weight for weight in free if id(weight) in of_head], "share": 1.0},
             {"params": [weight for weight in free if id(weight) not in of_head], "share": body if last else 1.0}]
    return [part for part in parts if part["params"]]


class Checkpoint:
    """The state of one training, in a file.

    Parameters
    ----------
    path : of the file; its folder is made when it is first written
    fingerprint : what the training follows from, such as a hash of its arguments; another training's file is ignored
    """

    def __init__(self, path: str | Path, *, fingerprint: str) -> None:
        self.path, self._about = Path(path), {"format": FORMAT, "of": fingerprint, "torch": torch.__version__}

    def write(self, tensors: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
        """Keep groups of named tensors, and what JSON can say. A disk that is full costs the file, not the training."""
        flat = {f"{group} {name}": value.detach().cpu().clone().contiguous()  # a clone, for weights that are shared
                for group, named in tensors.items() for name, value in named.items() if isinstance(value, Tensor)}
        with suppress(OSError, safetensors.SafetensorError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with write_whole(self.path) as part:
                safetensors.torch.save_file(flat, str(part), {**self._about, "facts": json.dumps(facts)})

    def read(self, *, facts_only: bool = False) -> tuple[Groups, dict[str, Any]] | None:
        """The groups of tensors and the facts; None where there is no such file, or it is another training's."""
        try:
            with safetensors.safe_open(str(self.path), framework="pt") as file:
                about = file.metadata() or {}
                if {name: about.get(name) for name in self._about} != self._about:
                    return None
                tensors: Groups = {}
                for key in () if facts_only else file.keys():
                    group, _, name = key.partition(" ")
                    tensors.setdefault(group, {})[name] = file.get_tensor(key)
                return tensors, json.loads(about["facts"])
        except (OSError, ValueError, KeyError, safetensors.SafetensorError):
            return None

    @property
    def n_epochs(self) -> int:
        """How many epochs it has behind it; 0 where there is nothing to go on from."""
        kept = self.read(facts_only=True)
        return 0 if kept is None else len(kept[1]["history"])

    @contextmanager
    def removed_on(self, kind: type[Exception]) -> Iterator[None]:
        """Remove it when such an error ends what is done: its weights led there."""
        try:
            yield
        except kind:
            self.remove()
            raise

    def remove(self) -> None:
        """Forget it: the training is done."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@dataclass
class TrainingState:
    """All that the next epoch of a training depends on, and what was best so far.

    Attributes
    ----------
    net, optimizer, generator, pace : what learns, how, by which chance, and how far it has come
    extra_loss : the loss of marked items, if there are any; then the last epoch stands, whatever validates
    history : one row an epoch
    best, best_epoch : the weights that stand, and whose they are
    lowest : the loss of each validating item when their sum was lowest
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    pace: Schedule
    extra_loss: RationaleLoss | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_epoch: int = 0
    lowest: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.best = copy.deepcopy(self.net.state_dict())

    def note(self, losses: np.ndarray, row: dict[str, float]) -> None:
        """An epoch has ended: the loss of each validating item, and what the history says of it."""
        self.history.append(row)
        # Of two that are alike the later is the better: its learning rate has come further down.
        if self.lowest is None or self.extra_loss is not None or no_worse(losses, self.lowest):
            self.best, self.best_epoch = copy.deepcopy(self.net.state_dict()), len(self.history)
        if self.lowest is None or losses.sum() < self.lowest.sum():
            self.lowest = losses

    def ended(self, *, epochs: int, patience: int) -> StoppedBecause | None:
        """Why there is no further epoch; None where there is one."""
        if self.history and self.pace.out_of_time:
            return "budget"
        if len(self.history) >= epochs:
            return "done"
        return "early" if len(self.history) - self.best_epoch >= patience else None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write it down."""
        moments = {f"{place} {name}": value for place, state in self.optimizer.state_dict()["state"].items()
                   for name, value in state.items()}
        chance = {"order": self.generator.get_state(), "torch": torch.get_rng_state()}
        if (place := next(self.net.parameters()).device).type == "cuda":
            chance["cuda"] = torch.cuda.get_rng_state(place)
        checkpoint.write({"net": self.net.state_dict(), "best": self.best, "optimizer": moments, "chance": chance,
                          "extra_loss": {} if self.extra_loss is None else self.extra_loss.state(),
                          "lowest": {} if self.lowest is None else {"losses": torch.from_numpy(self.lowest)}},
                         {"history": self.history, "best_epoch": self.best_epoch, "step": self.pace.step,
                          "elapsed_s": self.pace.elapsed_s})

    def resume(self, checkpoint: Checkpoint) -> None:
        """Take up what was written down, if anything was; torch's own generator too."""
        if (kept := checkpoint.read()) is None:
            return
        tensors, facts = kept
        self.net.load_state_dict({**self.net.state_dict(), **tensors["net"]})
        self.best, self.best_epoch = {**self.best, **tensors["best"]}, facts["best_epoch"]
        self.history = facts["history"]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors["optimizer"].items():
            weight, _, name = key.partition(" ")
            state.setdefault(int(weight), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.generator.set_state(tensors["chance"]["order"])
        torch.set_rng_state(tensors["chance"]["torch"])
        if (place := next(self.net.parameters()).device).type == "cuda" and "cuda" in tensors["chance"]:
            torch.cuda.set_rng_state(tensors["chance"]["cuda"], place)
        if self.extra_loss is not None:
            self.extra_loss.resume(tensors["extra_loss"])
        self.lowest = tensors["lowest"]["losses"].numpy() if "lowest" in tensors else None
        self.pace.resume(step=facts["step"], elapsed_s=facts["elapsed_s"])


def no_worse(losses: np.ndarray, lowest: np.ndarray) -> bool:
    """Whether the losses of some items are no higher than others of the same items, give or take a standard error."""
    more = losses - lowest
    return len(more) < 2 or bool(more.mean() <= more.std(ddof=1) / math.sqrt(len(more)))
