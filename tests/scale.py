"""How much of what takes long runs: a seeded tenth in `make test`, the whole of it in `make bench` (HITL_WHOLE=1).

Repetitions within a test are `tenth(n)`. Of the tests marked `long` `make test` draws a tenth; it names the seed of the
draw, HITL_SEED, which depends on the files that are committed: each commit draws others. Without a seed, as when pytest
is called directly, all of them run.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Iterable

WHOLE = bool(os.environ.get("HITL_WHOLE"))
SEED = "" if WHOLE else os.environ.get("HITL_SEED", "")


def tenth(n: int) -> int:
    """How many of n repetitions to run: all of them where the whole was asked for."""
    return n if WHOLE else max(1, n // 10)


def drawn(tests: Iterable[str], seed: str) -> set[str]:
    """The tests that a seed draws: of each function's variants a tenth, rounded up or down by chance.

    Examples
    --------
    >>> len(drawn([f"test_shapes[{n}]" for n in range(40)], "a commit"))
    4
    """
    variants = defaultdict(list)
    for test in tests:
        variants[test.partition("[")[0]].append(test)
    kept = set()
    for function, some in variants.items():
        n = int(len(some) / 10 + _chance(seed, function))
        kept.update(sorted(some, key=lambda test: _chance(seed, test))[:n])
    return kept


def _chance(seed: str, name: str) -> float:
    """A number from 0 to below 1 that depends on nothing else."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:4], "big") / 2**32


def as_promised(share: float, n: int, *, promise: float = 0.95) -> bool:
    """True when a share of n intervals that hold the truth is the promised one: within 0.02, or within three standard
    errors where n is so small that chance alone moves it further."""
    return abs(share - promise) <= max(0.02, 3 * math.sqrt(promise * (1 - promise) / n))
