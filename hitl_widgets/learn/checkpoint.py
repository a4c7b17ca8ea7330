"""Training state: progress, learning-rate schedule, checkpoints.

`Schedule` counts steps and seconds and computes the learning rate; `TrainingState` contains everything that the next
epoch depends on. A `Saver` writes the state to a file, a `Checkpoint`: after the first epoch, then at most once a
minute, and when the training ends. A training that was interrupted resumes from the file, which contains tensors and
JSON; nothing is pickled.
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
from ..storage.files import make_folder, write_whole
from .last_layer import find_head, n_outputs
from .rationales import RationaleLoss

StoppedBecause = Literal["done", "early", "budget", "interrupted"]
Groups = dict[str, dict[str, Tensor]]

# For this share of a training the last layer learns alone, where the layers below it have a smaller learning rate.
HEAD_FIRST = 0.2
FORMAT = "2"
# Least number of seconds between checkpoints: one of a large net takes seconds and a gigabyte.
SAVE_EVERY_S = 60.0


class Schedule:
    """Progress of a training, by steps or by time if there is a budget, and the learning rate at each step.

    Parameters
    ----------
    n_steps : int
        Number of batches, at most.
    budget_s : float, optional
        Seconds, at most.
    max_lr : float
        The largest learning rate.

    Attributes
    ----------
    step : int
        Number of batches done.
    reserve_s : float
        Seconds of the budget that are reserved for work after the last batch, such as validation.
    """

    def __init__(self, n_steps: int, budget_s: float | None = None, *, max_lr: float = 1.0) -> None:
        self.n_steps, self.budget_s, self.max_lr, self.step = n_steps, budget_s, max_lr, 0
        self.reserve_s, self._began = 0.0, time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the training began, without the time for which it was stopped."""
        return time.monotonic() - self._began

    @property
    def out_of_time(self) -> bool:
        """True when the budget is spent, except for the seconds kept for what follows the last batch."""
        return self.budget_s is not None and self.elapsed_s + self.reserve_s >= self.budget_s

    @property
    def progress(self) -> float:
        """The share that is done, from 0 to 1."""
        by_time = (self.elapsed_s + self.reserve_s) / self.budget_s if self.budget_s else 0.0
        return min(1.0, max(self.step / self.n_steps, by_time))

    def lr(self, scale: float = 1.0) -> float:
        """The learning rate now.

        Parameters
        ----------
        scale : float
            The learning rate of a group of weights, as a share of the last layer's. If it is below 1, 0 is returned for
            the first part of the training (`HEAD_FIRST`), in which only the last layer is trained.
        """
        return 0.0 if scale < 1 and self.progress < HEAD_FIRST else self.max_lr * (scale * one_cycle(self.progress))

    def resume(self, *, step: int, elapsed_s: float) -> None:
        """Continue from where another schedule stopped.

        Parameters
        ----------
        step : int
            The number of batches it had done.
        elapsed_s : float
            The seconds it had taken.
        """
        self.step, self._began = step, time.monotonic() - elapsed_s


def one_cycle(progress: float) -> float:
    """The learning rate as a share of its largest: up for a fifth of the training, then down.

    Parameters
    ----------
    progress : float
        The share of the training that is done, from 0 to 1.

    References
    ----------
    Smith and Topin (2019), Super-Convergence, doi:10.1117/12.2520589.
    """
    if progress < 0.2:
        return 0.05 + 0.95 * progress / 0.2
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - 0.2) / 0.8)) / 2


def parameter_groups(net: nn.Module, *, backbone_lr_scale: float = 1.0, head: str | None = None
                     ) -> list[dict[str, Any]]:
    """The weights that may change, for an optimizer: the last layer's, and the backbone's with its "lr_scale".

    Parameters
    ----------
    net : nn.Module
        The net.
    backbone_lr_scale : float
        Learning rate of all but the last layer, as a share of the last layer's, above 0 and up to 1.
    head : str, optional
        Name of the last layer; found when None. Where it can't be found, all weights learn at one rate.

    References
    ----------
    Howard and Ruder (2018), Universal Language Model Fine-tuning, arXiv:1801.06146, for rates by layer and gradual
    unfreezing.
    """
    last: list[nn.Parameter] = []
    if backbone_lr_scale < 1:
        with suppress(ModelError):
            last = list(find_head(net, n_outputs(net, name=head) or 0, name=head)[1].parameters())
    free = [weight for weight in net.parameters() if weight.requires_grad]
    of_head = {id(weight) for weight in last}
    groups = [{"params": [weight for weight in free if id(weight) in of_head], "lr_scale": 1.0},
              {"params": [weight for weight in free if id(weight) not in of_head],
               "lr_scale": backbone_lr_scale if last else 1.0}]
    return [group for group in groups if group["params"]]


class Checkpoint:
    """The state of one training, in a file.

    Parameters
    ----------
    path : str or Path
        The file; its folder is made when it is first written.
    fingerprint : str
        Identifies the training, such as a hash of its arguments; another training's file is ignored.
    """

    def __init__(self, path: str | Path, *, fingerprint: str) -> None:
        self.path = Path(path)
        self._metadata = {"format": FORMAT, "of": fingerprint, "torch": torch.__version__}

    def write(self, tensors: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
        """Write the file. An error, such as a full disk, is ignored, and the training goes on.

        Parameters
        ----------
        tensors : mapping of str to (mapping of str to Tensor)
            Groups of named tensors.
        facts : mapping
            Whatever JSON can hold.
        """
        flat = {f"{group} {name}": value.detach().cpu().clone().contiguous()  # a clone, for weights that are shared
                for group, named in tensors.items() for name, value in named.items() if isinstance(value, Tensor)}
        with suppress(OSError, safetensors.SafetensorError):
            make_folder(self.path.parent)
            with write_whole(self.path) as part:
                safetensors.torch.save_file(flat, str(part), {**self._metadata, "facts": json.dumps(facts)})

    def read(self, *, facts_only: bool = False) -> tuple[Groups, dict[str, Any]] | None:
        """The groups of tensors and the facts; None where there is no such file, or it is another training's.

        Parameters
        ----------
        facts_only : bool
            Leave out the tensors.
        """
        try:
            with safetensors.safe_open(str(self.path), framework="pt") as file:
                metadata = file.metadata() or {}
                if {name: metadata.get(name) for name in self._metadata} != self._metadata:
                    return None
                tensors: Groups = {}
                for key in () if facts_only else file.keys():
                    group, _, name = key.partition(" ")
                    tensors.setdefault(group, {})[name] = file.get_tensor(key)
                return tensors, json.loads(metadata["facts"])
        except (OSError, ValueError, KeyError, safetensors.SafetensorError):
            return None

    @property
    def n_epochs(self) -> int:
        """Number of epochs that are saved; 0 where there is nothing to resume from."""
        content = self.read(facts_only=True)
        return 0 if content is None else len(content[1]["history"])

    @contextmanager
    def removed_on(self, error: type[Exception]) -> Iterator[None]:
        """Remove the file when an error of this type passes: its weights led to the error.

        Parameters
        ----------
        error : type
            The type of error, which is raised again.
        """
        try:
            yield
        except error:
            self.remove()
            raise

    def remove(self) -> None:
        """Remove the file, when the training is done."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


@dataclass
class TrainingState:
    """Everything that the next epoch of a training depends on, and the best weights so far.

    Attributes
    ----------
    net : nn.Module
        The net that learns.
    optimizer : Optimizer
        Its optimizer.
    generator : torch.Generator
        Source of randomness for the items' order and augmentation.
    schedule : Schedule
        Progress and learning rate.
    extra_loss : RationaleLoss, optional
        A loss to add at each step; with one, the last epoch's weights are kept, whatever its validation loss.
    history : list of dict
        One row an epoch.
    best : dict
        The weights to keep.
    best_epoch : int
        The epoch of these weights.
    lowest : ndarray, optional
        The loss of each validating item when their sum was lowest.
    shift : Tensor, shape (n_labels,), optional
        What the loss adds to the logits (`confidence.logit_shift`); None where nothing is added.
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    schedule: Schedule
    extra_loss: RationaleLoss | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_epoch: int = 0
    lowest: np.ndarray | None = None
    shift: Tensor | None = None

    def __post_init__(self) -> None:
        self.best = copy.deepcopy(self.net.state_dict())

    def record_epoch(self, losses: np.ndarray, row: dict[str, float]) -> None:
        """Record the end of an epoch.

        Parameters
        ----------
        losses : ndarray
            The loss of each validating item, in nats.
        row : dict
            The epoch's row of the history.
        """
        self.history.append(row)
        # Of two equally good epochs the later is better: its learning rate was lower.
        if self.lowest is None or self.extra_loss is not None or no_worse(losses, self.lowest):
            self.best, self.best_epoch = copy.deepcopy(self.net.state_dict()), len(self.history)
        if self.lowest is None or losses.sum() < self.lowest.sum():
            self.lowest = losses

    def stop_reason(self, *, epochs: int, patience: int | None) -> StoppedBecause | None:
        """The reason why there is no further epoch; None where there is one.

        Parameters
        ----------
        epochs : int
            Number of epochs, at most.
        patience : int or None
            Number of epochs without a new best one, at most; None for any number.
        """
        if self.history and self.schedule.out_of_time:
            return "budget"
        if len(self.history) >= epochs:
            return "done"
        return "early" if patience is not None and len(self.history) - self.best_epoch >= patience else None

    def content(self) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
        """The content of a checkpoint: groups of named tensors, which training doesn't change any more, and facts."""
        moments = {f"{place} {name}": value for place, state in self.optimizer.state_dict()["state"].items()
                   for name, value in state.items()}
        generators = {"order": self.generator.get_state(), "torch": torch.get_rng_state()}
        if (place := next(self.net.parameters()).device).type == "cuda":
            generators["cuda"] = torch.cuda.get_rng_state(place)
        # The names "chance" and "besides" are those of files that exist.
        groups = {"net": self.net.state_dict(), "optimizer": moments, "chance": generators,
                  "besides": {} if self.extra_loss is None else self.extra_loss.state(),
                  "lowest": {} if self.lowest is None else {"losses": torch.from_numpy(self.lowest)}}
        return ({group: {name: value.detach().to("cpu", copy=True) for name, value in named.items()
                         if isinstance(value, Tensor)} for group, named in groups.items()} | {"best": self.best},
                {"history": list(self.history), "best_epoch": self.best_epoch, "step": self.schedule.step,
                 "elapsed_s": self.schedule.elapsed_s})

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue from a saved state, if there is one; torch's own generator too.

        Parameters
        ----------
        checkpoint : Checkpoint
            The file that a `Saver` wrote.
        """
        if (content := checkpoint.read()) is None:
            return
        tensors, facts = content
        self.net.load_state_dict({**self.net.state_dict(), **tensors["net"]})
        self.best, self.best_epoch = {**self.best, **tensors["best"]}, facts["best_epoch"]
        self.history = facts["history"]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors["optimizer"].items():
            weight, _, name = key.partition(" ")
            state.setdefault(int(weight), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        generators = tensors["chance"]
        self.generator.set_state(generators["order"])
        torch.set_rng_state(generators["torch"])
        if (place := next(self.net.parameters()).device).type == "cuda" and "cuda" in generators:
            torch.cuda.set_rng_state(generators["cuda"], place)
        if self.extra_loss is not None:
            self.extra_loss.resume(tensors["besides"])
        self.lowest = tensors["lowest"]["losses"].numpy() if "lowest" in tensors else None
        self.schedule.resume(step=facts["step"], elapsed_s=facts["elapsed_s"] + self.schedule.elapsed_s)


class Saver:
    """Saves the state of a training from time to time.

    Parameters
    ----------
    checkpoint : Checkpoint, optional
        The file to write; nothing is saved when None.
    """

    def __init__(self, checkpoint: Checkpoint | None) -> None:
        self._checkpoint, self._saved_at = checkpoint, -math.inf
        self._waiting: tuple[dict[str, dict[str, Any]], dict[str, Any]] | None = None

    def end_epoch(self, state: TrainingState) -> None:
        """Save the state if nothing was saved for a minute, else keep a copy of it for `close`.

        Parameters
        ----------
        state : TrainingState
            The state at the end of an epoch.
        """
        if self._checkpoint is not None:
            self._waiting = state.content()
            if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
                self.close()
                self._saved_at = time.monotonic()

    def close(self) -> None:
        """Save the last epoch's state, if it isn't saved yet."""
        if self._checkpoint is not None and self._waiting is not None:
            self._checkpoint.write(*self._waiting)
            self._waiting = None


def no_worse(losses: np.ndarray, lowest: np.ndarray) -> bool:
    """Whether the losses are no higher than the lowest so far, give or take a standard error.

    Parameters
    ----------
    losses, lowest : ndarray, shape (n,)
        Losses of the same items.
    """
    differences = losses - lowest
    return len(differences) < 2 or bool(differences.mean() <= differences.std(ddof=1) / math.sqrt(len(differences)))
