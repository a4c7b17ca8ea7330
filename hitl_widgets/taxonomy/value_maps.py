"""Value maps: from an attribute's earlier values to those after a change.

A map is a table of values, or a line through some points of a continuous scale. `linear`, `same_names` and `by_table`
make one; read `ValueMap.image` first. A value without an image is in doubt, and asked again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..errors import BadInput, EditError
from .attributes import Attribute, Value

# Numbers with a smaller difference are equal.
_SAME = 1e-9


@dataclass(frozen=True)
class ValueMap:
    """Map from an attribute's values before a step to its values after it.

    Parameters
    ----------
    pairs : tuple of (old, new)
        Values and their images; for a continuous scale points of a line, by ascending old value.
    between : bool
        Whether values between two points have an image too, on the line between them.
    whole : bool
        Whether the image of such a value is the nearest whole number; halfway between two it has none.
    """

    pairs: tuple[tuple[Value, Value], ...]
    between: bool = False
    whole: bool = False

    def image(self, value: Value) -> Value | None:
        """Return what a value means after the step; None where it has no image.

        Examples
        --------
        >>> ValueMap(((0.0, 0), (1.0, 10)), between=True, whole=True).image(0.32)
        3
        """
        if not self.between:
            return next((new for old, new in self.pairs if old == value), None)
        if isinstance(value, str) or not self.pairs[0][0] <= value <= self.pairs[-1][0]:  # type: ignore[operator]
            return None
        points: list[tuple[float, float]] = [(float(old), float(new)) for old, new in self.pairs]
        for (low, start), (high, end) in pairwise(points):
            if value <= high:
                x = start + (end - start) * ((value - low) / (high - low))
                return _nearest(x) if self.whole else x
        return None

    def back(self) -> ValueMap:
        """Return the inverse map; the image of several values has no image in it."""
        news = [new for _, new in self.pairs]
        if self.between:
            rises = not self.whole and all(float(low) < float(high) for low, high in pairwise(news))
            return ValueMap(tuple((new, old) for old, new in self.pairs), between=True) if rises else ValueMap(())
        return ValueMap(tuple((new, old) for old, new in self.pairs if news.count(new) == 1))

    def to_dict(self) -> dict[str, Any]:
        """Write the map as plain JSON; `from_dict` reads it."""
        return {"pairs": [list(pair) for pair in self.pairs],
                **{name: True for name in ("between", "whole") if getattr(self, name)}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> ValueMap:
        """Read what `to_dict` wrote."""
        return cls(tuple((old, new) for old, new in body["pairs"]), bool(body.get("between")), bool(body.get("whole")))


# The map of an attribute that was retired.
GONE = ValueMap(())


def linear(before: Attribute, after: Attribute) -> ValueMap:
    """Map one scale linearly to another, end to end.

    On a scale of fewer whole steps a value becomes the nearest step, and has no image if two are equally near; on one
    of more whole steps it has an image only if that is a step.

    Examples
    --------
    >>> linear(Attribute("blur", scale=(0, 4)), Attribute("blur", scale=(0, 2))).pairs
    ((0, 0), (2, 1), (4, 2))
    """
    assert before.scale is not None
    assert after.scale is not None
    (low, high), (start, end) = before.scale, after.scale
    if not before.steps:
        return ValueMap(((low, start), (high, end)), between=True, whole=after.kind == "ordinal")
    pairs: list[tuple[Value, Value]] = []
    for step in before.steps:
        x = start + (end - start) * ((float(step) - low) / (high - low))
        image = x if after.kind == "continuous" else _nearest(x)
        fits = after.kind == "continuous" or len(after.steps) < len(before.steps) \
            or (image is not None and abs(x - image) < _SAME)
        if image is not None and fits:
            pairs.append((step, after.check(image)))
    return ValueMap(tuple(pairs))


def same_names(before: Attribute, after: Attribute) -> ValueMap:
    """Map each choice to the one with the same name, if there is one."""
    return ValueMap(tuple((choice, choice) for choice in before.choices if choice in after.choices))


def by_table(before: Attribute, after: Attribute, table: Mapping[Any, Any]) -> ValueMap:
    """Map values by a table, in which None is for values that are asked again.

    For a continuous scale the table's values are points of a line. A choice that isn't in the table is mapped to the
    one with the same name, if there is one.

    Raises
    ------
    EditError
        If something in the table isn't a value of the attribute before or after.
    """
    try:
        read = {before.check(old): None if new is None else after.check(new) for old, new in table.items()}
    except BadInput as error:
        raise EditError(f"map is {dict(table)!r:.120}; it maps values before to values after: {error}") from error
    if before.kind == after.kind == "choices":
        read = {**dict(same_names(before, after).pairs), **read}
    if before.kind != "continuous" or after.kind == "choices" or not read:
        return ValueMap(tuple((old, new) for old, new in read.items() if new is not None))
    if len(read) < 2 or None in read.values():
        raise EditError(f"map is {dict(table)!r:.120}; two numbers of the scale or more are expected, with their new "
                        "ones: what lies between them is mapped in proportion.")
    points = sorted(read.items(), key=lambda pair: float(pair[0]))
    return ValueMap(tuple(points), between=True, whole=after.kind == "ordinal")  # type: ignore[arg-type]


def map_of(before: Attribute, after: Attribute, table: Mapping[Any, Any] | None) -> ValueMap | None:
    """Work out the map of a change; None if all values stay as they are.

    Raises
    ------
    EditError
        If a scale becomes choices, or choices a scale, and there is no table.
    """
    if table is not None:
        return by_table(before, after, table)
    if (before.scale, before.choices) == (after.scale, after.choices):
        return None
    if before.scale is not None and after.scale is not None:
        return linear(before, after)
    if before.scale is None and after.scale is None:
        return same_names(before, after)
    raise EditError(f"attribute {before.name!r} would have {'choices' if after.scale is None else 'a scale'} in place "
                    f"of {'choices' if before.scale is None else 'a scale'}; give a map of its values, or map={{}} to "
                    "ask all of them again.")


def map_back(before: Attribute, after: Attribute, table: Mapping[Any, Any] | None) -> ValueMap | None:
    """Work out the map from values after a change to values without it; None if all stay as they are."""
    forth = map_of(before, after, table)
    if forth is None or (table is None and before.scale is not None and after.scale is not None):
        return None if forth is None else linear(after, before)
    return forth.back()


def _nearest(x: float) -> int | None:
    """Return the nearest whole number; None halfway between two."""
    return None if abs(x - math.floor(x) - 0.5) < _SAME else round(x)
