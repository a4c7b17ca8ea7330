"""Nets, preprocessing and faulty blocks that the workers of a cluster can import; tests of blocks use them.

Where the environment names a folder (`FOLDER`), each item that is seen leaves a line in its file `seen`, and a file
`kill` there has the first worker that finds it kill itself.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hitl_widgets.learn.blocks import Block, Result, Work, run_block

FOLDER = "HITL_TEST_BLOCKS"


class Residual(nn.Module):
    """A block of a residual net, which keeps a class and a dtype as attributes."""

    def __init__(self, width: int, norm_layer: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self._norm_layer, self.kind = norm_layer, torch.float32
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), norm_layer(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.norm(self.conv(x)))


class ResidualNet(nn.Module):
    """A small residual net in the manner of torchvision's."""

    def __init__(self, n_labels: int = 3) -> None:
        super().__init__()
        self.begin, self.body = nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(Residual(8), Residual(8))
        self.activation = torch.relu
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)
        self.fc = nn.Linear(8, n_labels)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.scale * self.body(self.activation(self.begin(x))).mean(dim=(2, 3)))


def seen(image: np.ndarray) -> Tensor:
    """The view of an image, which leaves a line; its process may be killed by it."""
    array = np.asarray(image)
    if folder := os.environ.get(FOLDER):
        with open(Path(folder) / "seen", "a") as file:
            file.write(f"{os.getpid()} {array.reshape(-1)[:4].tolist()}\n")
        if multiprocessing.parent_process() is not None and claimed(Path(folder) / "kill"):
            os.kill(os.getpid(), signal.SIGKILL)
    return torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1) / 255


def claimed(path: Path) -> bool:
    """Whether this call is the one that removed the file."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def damaged_once(work: Work, block: Block) -> Result:
    """A block whose answer is changed on its way, where a file says so."""
    result = run_block(work, block)
    if claimed(Path(os.environ[FOLDER]) / "damage"):
        result.answers.arrays["probs"][0, 0] += 0.25
    return result


def always_fails(work: Work, block: Block) -> Result:
    """A block that fails."""
    return replace(run_block(work, block), answers=None, error="MemoryError: too little")


def by_length(texts: list[str]) -> np.ndarray:
    """A function of texts as a model: long ones are spam."""
    p = np.array([min(1.0, len(text) / 40) for text in texts])
    return np.stack([p, 1 - p], axis=1)
