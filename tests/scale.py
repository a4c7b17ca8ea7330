"""How much of a long simulation runs: a seeded tenth in `make test`, the whole of it in `make bench` (HITL_WHOLE=1)."""

from __future__ import annotations

import math
import os

WHOLE = bool(os.environ.get("HITL_WHOLE"))


def tenth(n: int) -> int:
    """How many of n repetitions to run: all of them where the whole was asked for."""
    return n if WHOLE else max(1, n // 10)


def as_promised(share: float, n: int, *, promise: float = 0.95) -> bool:
    """True when a share of n intervals that hold the truth is the promised one: within 0.02, or within three standard
    errors where n is so small that chance alone moves it further."""
    return abs(share - promise) <= max(0.02, 3 * math.sqrt(promise * (1 - promise) / n))
