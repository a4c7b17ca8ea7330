"""Detectors for tests: one that says what it is told, and one of torchvision's convention that learns a single box."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Told:
    """A detector that says what it is told, and counts how often it is asked."""

    version = "told-1"

    def __init__(self, boxes: Any = ((2, 3, 30, 40), (40, 10, 60, 30)), labels: Any = ("disc", "ring"),
                 scores: Any = (0.9, 0.4), **more: Any) -> None:
        self.output = {"boxes": np.array(boxes, np.float32), "labels": list(labels), "scores": list(scores), **more}
        self.n_asked = 0

    def predict(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        """The same for each image."""
        self.n_asked += len(images)
        return [self.output for _ in images]


class OneBox(nn.Module):
    """A net of torchvision's convention with one learnable box."""

    def __init__(self) -> None:
        super().__init__()
        self.box = nn.Parameter(torch.tensor([10.0, 10.0, 30.0, 30.0]))

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None) -> Any:
        """The box in each image, or how far it is from the middle one of the targets."""
        if self.training:
            assert targets is not None
            assert all(target["labels"].min() >= 1 for target in targets)
            far = [(self.box - target["boxes"].mean(0)).abs().mean() for target in targets]
            return {"loss": torch.stack(far).sum()}
        return [{"boxes": self.box[None], "labels": torch.tensor([1]), "scores": torch.tensor([0.8])} for _ in images]
