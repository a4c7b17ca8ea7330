"""Fine-tuning of a user's detector, by torchvision's training convention. Read `finetune_detector` first.

By this convention, a net in training mode is called with a list of images and a list of dicts with boxes, labels (1 is
the first) and masks, and returns a dict of losses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skimage.draw import polygon2mask
from torch import Tensor, nn

from ..errors import ModelError, TrainingStopped
from .object_learning import CorrectedImage, boxes_of
from .optimizers import AdamW
from .predict import private_copy

# Epochs, images in a batch, and the least number of steps.
EPOCHS, BATCH, MIN_STEPS = 10, 2, 40
LR, WEIGHT_DECAY = 1e-4, 1e-4
# Objects of a smaller weight aren't trained on, since such a net takes no weights.
LEAST_WEIGHT = 0.25


@dataclass(frozen=True)
class DetectorOptions:
    """Options of fine-tuning a user's detector: see the arguments of `Workbench.finetune`."""

    kind: str = "box"
    epochs: int = EPOCHS
    lr: float = LR
    weight_decay: float = WEIGHT_DECAY
    batch: int = BATCH
    budget_s: float | None = None
    mirror: bool = True
    seed: int = 0


def finetune_detector(net: nn.Module, images: Sequence[CorrectedImage], number_of: Mapping[int, int],
                      options: DetectorOptions, *, device: torch.device | str = "cpu",
                      show: Callable[[int, int, float], object] = lambda step, steps, loss: None
                      ) -> tuple[nn.Module, list[tuple[int, float]], str]:
    """A copy of a detector that is trained on corrected images; the net itself isn't changed.

    Such a net takes neither weights nor regions to ignore: objects of little weight and ignored regions are painted
    over with the image's mean colour, so that they are neither object nor background.

    Parameters
    ----------
    net : torch.nn.Module
    images : sequence of CorrectedImage
    number_of : mapping of int to int
        A label's number in `images` -> its number in the net, from 1 on; objects of other labels are painted over.
    options : DetectorOptions
    device : torch.device or str
    show : callable
        Called with the number of steps done, the number of all steps, and the loss.

    Returns
    -------
    net, history, stopped
        History as steps and losses; stopped is "done" or "budget".

    Raises
    ------
    ModelError
        When the net doesn't return a dict of losses in training mode.
    TrainingStopped
        When the loss is NaN.
    """
    net, rng = private_copy(net).to(device).train(), np.random.default_rng(options.seed)
    torch.manual_seed(options.seed)
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    optimizer = AdamW(weights, lr=options.lr, weight_decay=options.weight_decay)
    steps = max(MIN_STEPS, options.epochs * -(-len(images) // options.batch))
    began, history, order = time.monotonic(), list[tuple[int, float]](), list[int]()
    for step in range(1, steps + 1):
        while len(order) < options.batch:
            order += rng.permutation(len(images)).tolist()
        some, order = order[:options.batch], order[options.batch:]
        views, targets = zip(*(_example(images[row], number_of, options, rng, device) for row in some), strict=True)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1.0, step / 10) * (0.1 if step > 0.8 * steps else 1.0)
        loss = _loss(net, list(views), list(targets))
        if not torch.isfinite(loss):
            raise TrainingStopped(f"the detector's loss is {loss.item()} in step {step}; nothing was adopted. Pass a "
                                  "smaller lr.")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 10.0)
        optimizer.step()
        history.append((step, round(float(loss.detach()), 4)))
        show(step, steps, history[-1][1])
        if options.budget_s is not None and time.monotonic() - began >= options.budget_s:
            return net.eval(), history, "budget" if step < steps else "done"
    return net.eval(), history, "done"


def _loss(net: nn.Module, views: list[Tensor], targets: list[dict[str, Tensor]]) -> Tensor:
    try:
        losses = net(views, targets)
    except TypeError as error:
        raise ModelError(f"the net can't be called with images and targets, as torchvision's detectors are in training "
                         f"mode: {error}") from error
    if not isinstance(losses, Mapping) or not losses:
        raise ModelError(f"in training mode the net gave {type(losses).__name__}; a dict of losses is expected, as "
                         "torchvision's detectors give it.")
    total: Tensor = torch.stack([loss.sum() for loss in losses.values()]).sum()
    return total


def _example(one: CorrectedImage, number_of: Mapping[int, int], options: DetectorOptions, rng: np.random.Generator,
             device: torch.device | str) -> tuple[Tensor, dict[str, Tensor]]:
    image = one.image if one.image.ndim == 3 else np.repeat(one.image[..., None], 3, axis=2)
    height, width = image.shape[:2]
    boxes = boxes_of(one.shapes, options.kind, (width, height))
    taught = np.array([weight >= LEAST_WEIGHT and label in number_of
                       for label, weight in zip(one.labels, one.weights, strict=True)], bool)
    image = _painted(image, [*one.ignored, *boxes[~taught].tolist()], boxes[taught])
    kept = [row for row in np.flatnonzero(taught).tolist() if (boxes[row, 2:] - boxes[row, :2]).min() >= 1]
    numbers = [number_of[one.labels[row]] for row in kept]
    boxes = boxes[kept].clip(0, [width, height, width, height])
    masks = np.zeros((len(kept), height, width), np.uint8)
    if options.kind == "polygon":
        for place, row in enumerate(kept):
            points = np.reshape(one.shapes[row], (-1, 2))[:, ::-1]
            masks[place] = polygon2mask((height, width), points)  # type: ignore[no-untyped-call]
    if options.mirror and rng.random() < 0.5:
        image, masks = image[:, ::-1], masks[:, :, ::-1]
        boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
    target: dict[str, Any] = {"boxes": boxes.astype(np.float32).reshape(-1, 4), "labels": np.array(numbers, np.int64)}
    if options.kind == "polygon":
        target["masks"] = masks
    view = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float().div(255).to(device)
    return view, {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in target.items()}


def _painted(image: np.ndarray, regions: Sequence[Sequence[float]], kept: np.ndarray) -> np.ndarray:
    """The image with regions in its mean colour, except within the boxes of objects to train on."""
    if not len(regions):
        return image
    covered = np.zeros(image.shape[:2], bool)
    for mark, boxes in ((True, regions), (False, kept)):
        for x0, y0, x1, y1 in np.round(np.asarray(boxes, float)).astype(int).clip(0).tolist():
            covered[y0:y1, x0:x1] = mark
    painted = image.copy()
    painted[covered] = image.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    return painted
