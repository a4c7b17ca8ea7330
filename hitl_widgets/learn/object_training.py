"""Training of an `ObjectNet` on annotated views. Read `train_objects` first."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .object_net import Found, ObjectNet, decoded
from .object_targets import OF_SIDES, Annotated, object_loss, targets_of
from .object_views import Augmentation, Drawer, padded
from .optimizers import AdamW

# Steps of a training, and views in a batch; then the part of the steps in which the learning rate rises.
STEPS, BATCH = 180, 8
WARM_UP = 0.08
# Part of the training after which further images join it.
BEFORE_LATER = 0.6


@dataclass(frozen=True)
class ObjectOptions:
    """How an `ObjectNet` is trained.

    Attributes
    ----------
    steps, batch : int
        Number of steps, and of views in each.
    lr, weight_decay : float
        Settings of AdamW; the learning rate rises during the first steps and then falls as a cosine.
    average : float
        Decay of the moving average of the weights, in each step.
    augmentation : Augmentation
    of_sides : float
        See `object_loss`.
    seed : int
        Seed of the views that are drawn.
    """

    steps: int = STEPS
    batch: int = BATCH
    lr: float = 3e-3
    weight_decay: float = 0.02
    average: float = 0.98
    augmentation: Augmentation = field(default_factory=Augmentation)
    of_sides: float = OF_SIDES
    seed: int = 0


def train_objects(net: ObjectNet, images: Sequence[Annotated], options: ObjectOptions, *,
                  later: Sequence[Annotated] = (), join: Callable[[ObjectNet], object] = lambda net: None,
                  show: Callable[[int, float], object] = lambda step, loss: None,
                  until: float | None = None,
                  extra_loss: Callable[[ObjectNet], Tensor] | None = None) -> tuple[ObjectNet, str]:
    """Train a copy of a net on these images; the net itself isn't changed.

    Parameters
    ----------
    net : ObjectNet
    images : sequence of Annotated
        With views of uint8 in the net's working size.
    options : ObjectOptions
    later : sequence of Annotated
        Images that join the training after 60 % of it.
    join : callable
        Called with the averaged net just before they join.
    show : callable
        Called with the number of steps done and the loss.
    until : float or None
        Time of `time.monotonic` by which the training ends: if steps are too slow, fewer are made.
    extra_loss : callable or None
        From the net to a loss that is added in each step, such as an `ObjectRationaleLoss`.

    Returns
    -------
    ObjectNet, str
        The averaged net, and why the training ended: "done" or "budget".
    """
    rng, part = np.random.default_rng(options.seed), 0.0
    net = copy.deepcopy(net).train()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    averaged = copy.deepcopy(net)
    drawer = Drawer(images, options.augmentation, rng, mean=net.mean, n_labels=net.n_labels)
    decays = [weight for weight in net.parameters() if weight.ndim > 1]
    others = [weight for weight in net.parameters() if weight.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": decays}, {"params": others, "weight_decay": 0.0}]
    optimizer = AdamW(groups, lr=options.lr, weight_decay=options.weight_decay)
    began, stopped, step = time.monotonic(), "done", 0
    while part < 1:
        if later and part >= BEFORE_LATER:
            join(averaged.eval())
            drawer.add(later)
            later = ()
        for group in optimizer.param_groups:
            group["lr"] = options.lr * schedule(part)
        views = drawer.batch(options.batch)
        targets = targets_of(views, net.n_labels)
        batch = torch.stack([one.view for one in views]).to(memory_format=torch.channels_last)
        centres, sides = net(batch)
        loss = object_loss(centres, sides, targets, of_sides=options.of_sides)
        if extra_loss is not None:
            loss = loss + extra_loss(net)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimizer.step()
        average(averaged, net, min(options.average, (step + 1) / (step + 10)))
        step += 1
        part = step / options.steps
        if until is not None and (spent := (time.monotonic() - began) / max(until - began, 1e-3)) > part:
            part, stopped = spent, "budget"
        show(step, float(loss.detach()))
    return averaged.eval(), stopped


def schedule(part: float) -> float:
    """The learning rate as a share of the largest, at this share of the training, from 0 to 1."""
    return part / WARM_UP + 0.02 if part < WARM_UP else \
        0.5 * (1 + math.cos(math.pi * (part - WARM_UP) / (1 - WARM_UP))) + 0.005


@torch.no_grad()
def average(averaged: nn.Module, net: nn.Module, stays: float) -> None:
    """Update a moving average of a net's weights, with the decay `stays`."""
    for kept, new in zip(averaged.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - stays)
        else:
            kept.copy_(new)


@torch.no_grad()
def find_objects(net: ObjectNet, views: Sequence[Tensor]) -> list[Found]:
    """The objects in views, in pixels of each view.

    Parameters
    ----------
    net : ObjectNet
    views : sequence of Tensor of uint8, shape (3, h, w)
        In the net's working size.
    """
    batch = padded(views, net.mean).to(memory_format=torch.channels_last)
    centres, sides = net(batch)
    probs, logs = centres.sigmoid(), sides.log()
    n = 1
    for axes, swap in _flips(net):
        more_centres, more_sides = net(batch.flip(axes))
        probs = probs + more_centres.sigmoid().flip(axes)
        logs = logs + more_sides.log().flip(axes)[:, swap]
        n += 1
    probs, sides = probs / n, (logs / n).exp()
    found = []
    for view, one in zip(views, decoded(probs, sides), strict=True):
        height, width = view.shape[1:]
        boxes = np.clip(one.boxes, 0, [width, height, width, height]).astype(np.float32)
        room = ((boxes[:, 2] - boxes[:, 0]) >= 1) & ((boxes[:, 3] - boxes[:, 1]) >= 1)
        found.append(Found(boxes[room], one.labels[room], one.scores[room]))
    return found


def _flips(net: ObjectNet) -> Iterator[tuple[list[int], list[int]]]:
    if net.flips[0]:
        yield [3], [2, 1, 0, 3]
    elif net.flips[1]:
        yield [2], [0, 3, 2, 1]
