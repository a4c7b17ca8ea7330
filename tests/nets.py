"""Small nets of the kinds that people bring, in plain torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn


class Block(nn.Module):
    """A residual block that works in place, as torchvision's do."""

    def __init__(self, given, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(given, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Conv2d(given, width, 1, stride, bias=False)

    def forward(self, x):
        kept = self.shortcut(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += kept
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, n_labels, channels=1):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.layer1, self.layer2 = Block(8, 8, 2), Block(8, 16, 2)
        self.fc = nn.Linear(16, n_labels)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean(dim=(2, 3)))


class InPlace(nn.Module):
    """Writes into its own input, and again after each layer."""

    def __init__(self, n_labels, channels=1):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, 6, 3, 2), nn.Conv2d(6, 8, 3, 2)
        self.fc = nn.Linear(8, n_labels)

    def forward(self, x):
        x = nn.functional.relu(x.sub_(0.1), inplace=True)
        x = nn.functional.relu(self.conv2(nn.functional.relu(self.conv1(x), inplace=True)), inplace=True)
        return self.fc(x.mean(dim=(2, 3)))


class Perceptron(nn.Sequential):
    def __init__(self, n_labels, n_inputs=28 * 28):
        super().__init__(nn.Flatten(), nn.Linear(n_inputs, 16), nn.ReLU(), nn.Linear(16, n_labels))


class VisionTransformer(nn.Module):
    def __init__(self, n_labels, channels=1, side=28):
        super().__init__()
        self.patches = nn.Conv2d(channels, 16, 7, stride=7)
        self.places = nn.Parameter(torch.randn(1, (side // 7) ** 2, 16) * 0.1)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, n_labels)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.encoder(tokens).mean(dim=1))


@dataclass
class Output:
    logits: torch.Tensor
    loss: None = None


class Wrapped(nn.Module):
    """Answers as Hugging Face's models do."""

    def __init__(self, n_labels):
        super().__init__()
        self.net = ResNet(n_labels)

    def forward(self, pixel_values):
        return Output(logits=self.net(pixel_values))


def seeded(make, *arguments, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(*arguments)


def tiny():
    return seeded(lambda: nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
                                        nn.Dropout(0.2), nn.Linear(8 * 64, 3)))


KINDS = {kind.__name__: kind for kind in (ResNet, InPlace, Perceptron, VisionTransformer, Wrapped)}
LABELS = ("La", "Lb", "Lc")


def noise(n, shape=(28, 28), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
