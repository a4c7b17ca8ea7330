"""Shapes of objects: boxes, polygons and points in an image, spans in a text.

Coordinates are floats, in pixels of the image as it is shown: x to the right and y down from the corner at the top
left, so that a box over the whole image is (0, 0, width, height). Those of a span are characters: Unicode code points
of the original text. Read `Box` first.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

import numpy as np
import shapely

from ..errors import BadInput
from ..records import KINDS_OF_SHAPES, check_certainty

# A shape at most this many pixels beyond its image's edge is clipped: some tools count pixels from 1.
BEYOND = 1.0
MOST_POINTS = 2_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box in an image.

    Parameters
    ----------
    x0, y0, x1, y1 : float
        Left, top, right and bottom side, in pixels.
    label : str or None
        A label's name or id.
    certainty : float or None
        From 0 (a guess) to 10 (sure).
    id : str or None
        Id of the object, among those of its image; None for a new one.
    unsure : bool
        Whether the annotator is unsure of this object.

    Raises
    ------
    BadInput
        If the box has no area or a coordinate isn't a number.

    Examples
    --------
    >>> Box(10, 20, 30, 60, label="RBC").at
    (10.0, 20.0, 30.0, 60.0)
    """

    x0: float
    y0: float
    x1: float
    y1: float
    label: str | None = None
    certainty: float | None = None
    id: str | None = field(default=None, kw_only=True)
    unsure: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        given = self.x0, self.y0, self.x1, self.y1
        numbers = _numbers("a box", given)
        if any(map(operator.is_not, numbers, given)):  # not floats
            for name, value in zip(("x0", "y0", "x1", "y1"), numbers, strict=True):
                object.__setattr__(self, name, value)
        if self.x0 >= self.x1 or self.y0 >= self.y1:
            what = "is inverted" if self.x0 > self.x1 or self.y0 > self.y1 else "has no area"
            raise BadInput(f"the box ({self.x0:g}, {self.y0:g}, {self.x1:g}, {self.y1:g}) {what}; x0 < x1 and y0 < y1 "
                           "are expected, in pixels from the corner at the top left.")
        _check_rest(self)

    @property
    def kind(self) -> str:
        """The kind of shape: "box"."""
        return "box"

    @property
    def at(self) -> tuple[float, ...]:
        """The coordinates: (x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The bounding box: (x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon in an image.

    Parameters
    ----------
    points : sequence of (x, y), or of shape (n, 2)
        Its vertices in order, 3 to 2,000, in pixels. The first needn't be repeated at the end.
    label, certainty, id, unsure
        As for a `Box`.

    Raises
    ------
    BadInput
        If there are too few different points or too many, one isn't a number, or the polygon crosses itself.

    Examples
    --------
    >>> Polygon([(0, 0), (10, 0), (0, 10)]).bounds
    (0.0, 0.0, 10.0, 10.0)
    """

    points: tuple[tuple[float, float], ...]
    label: str | None = None
    certainty: float | None = None
    id: str | None = field(default=None, kw_only=True)
    unsure: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        points = _pairs(self.points)
        points = points[:-1] if len(points) > 1 and points[0] == points[-1] else points
        if len(set(points)) < 3 or len(points) > MOST_POINTS:
            raise BadInput(f"a polygon of {len(points)} points was given; 3 different ones are expected, and at most "
                           f"{MOST_POINTS:,}.")
        outline = shapely.Polygon(points)
        if not outline.is_valid or outline.area <= 0:
            raise BadInput(f"the polygon {str(points)[:80]} "
                           f"{'has no area' if outline.area <= 0 else 'crosses or touches itself'}; its vertices are "
                           "expected in the order of its outline.")
        object.__setattr__(self, "points", points)
        _check_rest(self)

    @property
    def kind(self) -> str:
        """The kind of shape: "polygon"."""
        return "polygon"

    @property
    def at(self) -> tuple[float, ...]:
        """The coordinates of the vertices: (x0, y0, x1, y1, ...)."""
        return tuple(number for point in self.points for number in point)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The bounding box: (x0, y0, x1, y1)."""
        return bounds_of(self.at)


@dataclass(frozen=True, slots=True)
class Point:
    """A point in an image.

    Parameters
    ----------
    x, y : float
        In pixels.
    label, certainty, id, unsure
        As for a `Box`.

    Raises
    ------
    BadInput
        If a coordinate isn't a number.
    """

    x: float
    y: float
    label: str | None = None
    certainty: float | None = None
    id: str | None = field(default=None, kw_only=True)
    unsure: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name, value in zip(("x", "y"), _numbers("a point", (self.x, self.y)), strict=True):
            object.__setattr__(self, name, value)
        _check_rest(self)

    @property
    def kind(self) -> str:
        """The kind of shape: "point"."""
        return "point"

    @property
    def at(self) -> tuple[float, ...]:
        """The coordinates: (x, y)."""
        return self.x, self.y

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The bounding box, which has no area: (x, y, x, y)."""
        return self.x, self.y, self.x, self.y


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive characters of a text: ``text[start:end]``.

    Parameters
    ----------
    start, end : int
        The first character, and the one after the last. Characters are Unicode code points of the original text, as
        Python counts them.
    label, certainty, id, unsure
        As for a `Box`.

    Raises
    ------
    BadInput
        If it is empty or inverted, begins before the text, or a number isn't an integer.

    Examples
    --------
    >>> "In 🏙 Rome"[Span(5, 9).start:9], Span(5, 9, label="place").bounds
    ('Rome', (5, 0, 9, 1))
    """

    start: int
    end: int
    label: str | None = None
    certainty: float | None = None
    id: str | None = field(default=None, kw_only=True)
    unsure: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise BadInput(f"{name} is {value!r:.80} of a span; the number of a character is expected, from 0.")
            object.__setattr__(self, name, int(value))
        if not 0 <= self.start < self.end:
            what = "begins before the text" if self.start < 0 else \
                "is empty" if self.start == self.end else "is inverted"
            raise BadInput(f"the span [{self.start}, {self.end}) {what}; 0 <= start < end is expected, in characters.")
        _check_rest(self)

    @property
    def kind(self) -> str:
        """The kind of shape: "span"."""
        return "span"

    @property
    def at(self) -> tuple[int, ...]:
        """The characters that it covers: (start, end)."""
        return self.start, self.end

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The bounding box, if a text is treated as an image of height 1: (start, 0, end, 1)."""
        return self.start, 0, self.end, 1


Shape: TypeAlias = "Box | Polygon | Point | Span"


def shape(kind: str, at: Sequence[float], **more: Any) -> Shape:
    """Make the shape of a kind from its numbers.

    Parameters
    ----------
    kind : "box", "polygon", "point" or "span"
    at : sequence of float
        x0, y0, x1, y1 of a box; x, y of a point; x, y of each vertex of a polygon, one after the other; start, end of a
        span.
    **more
        label, certainty, id and unsure.

    Raises
    ------
    BadInput
        If there is no such kind, or the numbers aren't valid for it.

    Examples
    --------
    >>> shape("point", (3, 4), label="RBC")
    Point(x=3.0, y=4.0, label='RBC', certainty=None, id=None, unsure=False)
    """
    if kind not in KINDS_OF_SHAPES:
        raise BadInput(f"an object is a {kind!r:.80}; {', '.join(KINDS_OF_SHAPES)} are expected.")
    if isinstance(at, (str, bytes)) or not isinstance(at, Iterable):
        raise BadInput(f"a {kind} is at {at!r:.80}; a list of its coordinates is expected.")
    numbers = list(at)
    if kind == "polygon":
        if len(numbers) % 2:
            raise BadInput(f"a polygon is at {len(numbers)} numbers; x and y of each vertex are expected.")
        return Polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)), **more)
    expected = ("x0", "y0", "x1", "y1") if kind == "box" else ("start", "end") if kind == "span" else ("x", "y")
    if len(numbers) != len(expected):
        raise BadInput(f"a {kind} is at {str(numbers)[:80]}; {', '.join(expected)} are expected.")
    if kind == "box":
        x0, y0, x1, y1 = numbers
        return Box(x0, y0, x1, y1, **more)
    if kind == "span":
        return Span(*numbers, **more)  # type: ignore[arg-type]
    x, y = numbers
    return Point(x, y, **more)


def as_shape(given: Any, kind: str) -> Shape:
    """Return an object as a shape, from a shape or a mapping with kind and at.

    Parameters
    ----------
    given : Box, Polygon, Point, Span or mapping
        In a mapping, kind is optional, and the label is `label` or `label_id`.
    kind : str
        The kind of object that the project asks for.

    Raises
    ------
    BadInput
        If it is something else, or a shape of another kind.
    """
    if isinstance(given, Mapping):
        unknown = set(given) - {*(f.name for f in fields(Point)), "kind", "at", "label_id"} | ({"x", "y"} & set(given))
        if unknown or "at" not in given:
            raise BadInput(f"an object has {sorted(map(str, given))}; at, kind, label, and perhaps id, certainty and "
                           "unsure are expected.")
        more = {name: given[name] for name in ("certainty", "id", "unsure") if given.get(name) is not None}
        given = shape(given.get("kind", kind), given["at"], label=given.get("label_id") or given.get("label"), **more)
    if not isinstance(given, (Box, Polygon, Point, Span)):
        raise BadInput(f"an object is {given!r:.80}; hw.{kind.capitalize()}(...) is expected.")
    if given.kind != kind:
        raise BadInput(f"a {given.kind} was given, and this project asks for {_PLURALS[kind]}; pass "
                       f"hw.{kind.capitalize()}(...).")
    return given


# 18 branches: the four edges are compared three times: inside, within a pixel, wholly outside; then it is cut.
def inside(one: Shape, width: float, height: float) -> Shape:
    """Return a shape inside its image, clipped if it reaches up to one pixel beyond the edge.

    A text is `width` characters long, and a span is never clipped.

    Raises
    ------
    BadInput
        If it lies further out.

    Examples
    --------
    >>> inside(Box(-0.5, 3, 20, 9), 20, 30).at
    (0.0, 3.0, 20.0, 9.0)
    """
    x0, y0, x1, y1 = one.bounds
    if isinstance(one, Span) and x1 > width:
        raise BadInput(f"the span [{one.start}, {one.end}) ends outside its text, which has {width:g} characters. "
                       "Offsets count Unicode code points of the text as it came, as Python's len() does; UTF-16 units "
                       "or bytes are more.")
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return one
    if x0 < -BEYOND or y0 < -BEYOND or x1 > width + BEYOND or y1 > height + BEYOND:
        where = f"({x0:g}, {y0:g})" if one.kind == "point" else f"({x0:g}, {y0:g}, {x1:g}, {y1:g})"
        how = "lies" if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height else "reaches"
        raise BadInput(f"the {one.kind} at {where} {how} outside its image, which is {width:g} x {height:g} pixels. "
                       "Coordinates count from the corner at the top left of the image as it is shown.")
    sides = (width, height)
    cut = [min(max(number, 0.0), float(sides[place % 2])) for place, number in enumerate(one.at)]
    if isinstance(one, Box):
        return replace(one, x0=cut[0], y0=cut[1], x1=cut[2], y1=cut[3])
    if isinstance(one, Point):
        return replace(one, x=cut[0], y=cut[1])
    assert isinstance(one, Polygon)
    return replace(one, points=tuple(zip(cut[::2], cut[1::2], strict=True)))


def bounds_of(at: Sequence[float], kind: str = "box") -> tuple[float, float, float, float]:
    """Find the box around the numbers of any shape: x0, y0, x1, y1."""
    if kind == "span":
        return at[0], 0, at[1], 1
    return min(at[::2]), min(at[1::2]), max(at[::2]), max(at[1::2])


_PLURALS = {"box": "boxes", "polygon": "polygons", "point": "points", "span": "spans"}


def _numbers(what: str, values: Iterable[Any]) -> tuple[float, ...]:
    values = tuple(values)
    try:
        numbers = tuple([float(value) for value in values if not isinstance(value, (bool, str))])
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) == len(values):
        for number in numbers:
            if not -1e9 < number < 1e9:  # NaN too
                break
        else:
            return numbers
    raise BadInput(f"{what} is at {str(values)[:80]}; finite numbers are expected, in pixels.")


def _pairs(points: Any) -> tuple[tuple[float, float], ...]:
    try:
        pairs = [tuple(point) for point in points]
    except TypeError:
        pairs = [()]
    if any(len(pair) != 2 for pair in pairs):
        raise BadInput(f"a polygon has the points {str(points)[:80]}; a list of (x, y) is expected.")
    return tuple((x, y) for x, y in (_numbers("a vertex of a polygon", pair) for pair in pairs))


def _check_rest(one: Shape) -> None:
    if (certainty := check_certainty(one.certainty)) is not one.certainty:
        object.__setattr__(one, "certainty", certainty)
    if not isinstance(one.unsure, bool):
        raise BadInput(f"unsure is {one.unsure!r:.80} of a {one.kind}; True or False is expected.")
    for name in ("label", "id"):
        if (value := getattr(one, name)) is not None and not isinstance(value, str):
            raise BadInput(f"{name} is {value!r:.80} of a {one.kind}; a text is expected, or None.")
