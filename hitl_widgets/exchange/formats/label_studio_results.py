"""Conversion between our objects and Label Studio's regions: percent of an image, and characters of a text.

`region` writes an object's value, `read_region` reads the value of any region.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import BadInput
from ..records import DECIMALS
from .checked_json import listed, number

# Kind of object -> the type of its results and the key of its labels: the control's tag in lower case.
TYPES = {"box": "rectanglelabels", "polygon": "polygonlabels", "point": "keypointlabels", "span": "labels"}
# The kinds of regions that Label Studio has and we don't.
OTHERS = {"brush": "a brush", "bitmask": "a bitmask", "vector": "a line", "paragraph": "a part of a dialogue",
          "timeseries": "a part of a time series", "video": "an object in a video", "audio": "a part of a recording"}
# Width at which a point is drawn, in percent of the image.
POINT_WIDTH = 0.5


def rounded(at: Sequence[float]) -> tuple[float, ...]:
    """Coordinates as files keep them: to a thousandth of a pixel; characters as they are."""
    return tuple(value if isinstance(value, int) else round(float(value), DECIMALS) + 0.0 for value in at)


def region(kind: str, at: Sequence[float], size: tuple[int, int] | None, text: str | None) -> dict[str, Any]:
    """Write the place of an object as Label Studio does.

    Parameters
    ----------
    kind : "box", "polygon", "point" or "span"
    at : sequence of float
        As in `records.ObjectAnswer`.
    size : (int, int) or None
        Width and height of the image.
    text : str or None
        The text that has the span.

    Examples
    --------
    >>> region("box", (10, 20, 30, 60), (100, 200), None)
    {'x': 10.0, 'y': 10.0, 'width': 20.0, 'height': 20.0, 'rotation': 0}
    """
    if kind == "span":
        assert text is not None
        # Since 2022 Label Studio counts code points in a plain Text, and "\r\n" as two.
        return {"start": at[0], "end": at[1], "text": text[int(at[0]):int(at[1])]}
    assert size is not None
    points = [(_percent(x, size[0]), _percent(y, size[1])) for x, y in zip(at[::2], at[1::2], strict=True)]
    if kind == "box":
        return {"x": points[0][0], "y": points[0][1], "width": _percent(at[2] - at[0], size[0]),
                "height": _percent(at[3] - at[1], size[1]), "rotation": 0}
    if kind == "point":
        return {"x": points[0][0], "y": points[0][1], "width": POINT_WIDTH}
    return {"points": [list(point) for point in points], "closed": True}


def _percent(pixels: float, of: int) -> float:
    percent = pixels / of * 100
    # A rounding error mustn't put the end of a box outside of its image.
    return min(percent, 100.0) if percent < 100 + 1e-9 else percent


# A key that values of only this shape have.
_SHAPE_WITH = {"points": "polygon", "rle": "brush", "vertices": "vector", "radiusX": "ellipse"}


def shape_of(result: Mapping[str, Any]) -> str | None:
    """The shape of a result: "box", "polygon", "point", "ellipse", "span", one of `OTHERS`; None if it is no region."""
    value = result.get("value")
    kind = str(result.get("type", "")).lower()
    if not isinstance(value, Mapping):
        return None
    for start in OTHERS:
        if kind.startswith(start):
            return start
    for key, shape in _SHAPE_WITH.items():
        if key in value:
            return shape
    if "x" in value and "y" in value:
        return "point" if kind.startswith("keypoint") or "height" not in value else "box"
    return "span" if "start" in value and "end" in value else None


# 13 branches: which shapes can become which kinds of object, and what is lost of them, pair by pair.
def read_region(shape: str, kind: str, value: Mapping[str, Any],
                size: tuple[int, int]) -> tuple[tuple[float, ...] | None, str | None]:
    """Read the coordinates of a region in an image.

    Parameters
    ----------
    shape : "box", "polygon", "point" or "ellipse"
        Shape of the region.
    kind : "box", "polygon" or "point"
        Kind of object that the project asks for.
    value : mapping
    size : (int, int)
        Width and height of the image.

    Returns
    -------
    at : tuple of float or None
        Coordinates in pixels; None if the region can't become such an object.
    lost : str or None
        What is lost in the conversion, such as a rotation.

    Raises
    ------
    BadInput
        If a number is missing or isn't a number.
    """
    points, turned = _outline(shape, value, size)
    if kind == "point":
        return (rounded(points[0]), None) if shape == "point" else (None, None)
    if shape == "point" or ((shape == "polygon") != (kind == "polygon") and shape != "box"):
        return None, None
    if kind == "polygon":
        return (rounded([one for point in points for one in point]), None) if len(set(points)) > 2 else (None, None)
    xs, ys = zip(*points, strict=True)
    lost = "shape of an ellipse" if shape == "ellipse" else "rotation of a box" if turned else None
    at = (min(xs), min(ys), max(xs), max(ys))
    return (rounded(at), lost) if at[0] < at[2] and at[1] < at[3] else (None, None)


def _outline(shape: str, value: Mapping[str, Any], size: tuple[int, int]) -> tuple[list[tuple[float, float]], float]:
    """The points of a region in pixels after its rotation, and the rotation in degrees."""
    width, height = size
    if shape == "polygon":
        points = [(_number(pair, 0, "points") * width / 100, _number(pair, 1, "points") * height / 100)
                  for pair in map(listed, listed(value["points"]))]
    else:
        names = {"box": ("x", "y", "width", "height"), "ellipse": ("x", "y", "radiusX", "radiusY"),
                 "point": ("x", "y")}[shape]
        numbers = [_number(value, name, name) * (width, height)[n % 2] / 100 for n, name in enumerate(names)]
        points = _corners(shape, numbers)
    turned = 0.0 if value.get("rotation") is None else _number(value, "rotation", "rotation") % 360
    if turned and shape in ("box", "ellipse"):
        # A box is rotated around its top left corner, an ellipse around its centre.
        points = _turned(points, math.radians(turned), (numbers[0], numbers[1]))
    return points, turned


def _corners(shape: str, numbers: list[float]) -> list[tuple[float, float]]:
    x, y = numbers[:2]
    if shape == "point":
        return [(x, y)]
    if shape == "box":
        w, h = numbers[2:]
        return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
    rx, ry = numbers[2:]
    return [(x + rx * math.cos(step * math.pi / 32), y + ry * math.sin(step * math.pi / 32)) for step in range(64)]


def _turned(points: list[tuple[float, float]], angle: float, around: tuple[float, float]) -> list[tuple[float, float]]:
    (cx, cy), cos, sin = around, math.cos(angle), math.sin(angle)
    return [(cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos) for x, y in points]


def _number(of: Any, name: str | int, what: str) -> float:
    try:
        return number(of[name])
    except (KeyError, IndexError):
        raise BadInput(f"{what} is missing; a number is expected.") from None
