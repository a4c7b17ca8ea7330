"""A pool that a net learns in a second: pictures that are dark, light or striped, what each is, and a net for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import hitl_widgets as hw

NAMES = ["dark", "light", "striped"]
N_ITEMS = 240


def shades(n=N_ITEMS, *, seed=0):
    """Pictures that a net learns in a second: dark, light or striped; and what each is."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, n)
    images = rng.normal(0, 12, (n, 16, 16)) + np.array([60, 190, 125])[kinds][:, None, None]
    images[kinds == 2, ::4] += 90
    return images.clip(0, 255).astype(np.uint8), [NAMES[kind] for kind in kinds]


IMAGES, KINDS = shades()
POOL = hw.Pool.from_images(IMAGES)
TRUTH = dict(zip(POOL.ids, KINDS, strict=True))


def small_net(n_outputs=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 12, 4, stride=2), nn.BatchNorm2d(12), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
                         nn.Flatten(), nn.Linear(48, n_outputs))


def label_some(wb, n=60):
    for item in wb.next(n):
        wb.decide(item.id, label=TRUTH[item.id])
