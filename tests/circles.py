"""Drawn images with discs and rings of two labels, for tests of detectors."""

from __future__ import annotations

import numpy as np

NAMES = ["disc", "ring"]


def drawn(seed: int, *, n: int = 4, size: tuple[int, int] = (72, 96), labels: int | None = None
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image with n discs and rings that don't touch: pixels, boxes (n, 4), labels (n)."""
    rng = np.random.default_rng(seed)
    height, width = size
    image = np.full((height, width, 3), 200.0)
    y, x = np.mgrid[:height, :width] + 0.5
    boxes: list[tuple[float, ...]] = []
    kinds: list[int] = []
    for _ in range(200):
        if len(boxes) == n:
            break
        radius = rng.uniform(7, 11)
        cx, cy = rng.uniform(radius + 1, width - radius - 1), rng.uniform(radius + 1, height - radius - 1)
        if any(np.hypot(cx - (b[0] + b[2]) / 2, cy - (b[1] + b[3]) / 2) < radius + (b[2] - b[0]) / 2 + 2
               for b in boxes):
            continue
        kind = int(rng.integers(2)) if labels is None else labels
        far = np.hypot(x - cx, y - cy)
        inside = far <= radius if kind == 0 else (far <= radius) & (far >= 0.5 * radius)
        image[inside] = (90, 60, 160) if kind == 0 else (170, 70, 60)
        boxes.append((cx - radius, cy - radius, cx + radius, cy + radius))
        kinds.append(kind)
    image += rng.normal(0, 4, image.shape)
    return image.clip(0, 255).astype(np.uint8), np.array(boxes, np.float32).reshape(-1, 4), np.array(kinds, np.int64)
