"""Bodies of JSON with an odd value at some place, for tests that a reader takes or refuses them with their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ODD: list[Any] = [None, True, 0, -1, 1.5, float("nan"), 10**400, "", "text", [], [1], [[]], {}, {"a": 1}, "\x00",
                  "\ud800"]
Where = tuple[Any, ...]


def forged(sound: Any) -> Iterator[tuple[Where, Any, Any]]:
    """Each place in a body, each odd value, and the body with that value there."""
    for where in list(_places(sound)):
        for odd in ODD:
            yield where, odd, _with(sound, where, odd)


def _places(value: Any, where: Where = ()) -> Iterator[Where]:
    yield where
    for key, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(one, (*where, key))


def _with(value: Any, where: Where, odd: Any) -> Any:
    if not where:
        return odd
    copy = value.copy()
    copy[where[0]] = _with(value[where[0]], where[1:], odd)
    return copy
