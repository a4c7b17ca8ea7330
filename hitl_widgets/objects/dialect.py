"""Conversion of objects to and from the form of ipyannotations' annotators: boxes, polygons and points as mappings.

`to_dialect` writes it, `from_dialect` reads it. It has whole numbers and no ids; `with_ids` matches its objects with
those on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import BadInput
from .overlap import iou_pair

# Smallest overlap with an object on the screen from which it is the same one: moved if it has the same label, else
# relabelled.
MOVED, RELABELLED = 0.1, 0.5
# The field of the coordinates of each kind of object.
COORDINATES = {"box": "xyxy", "polygon": "points", "point": "coordinates"}


def to_dialect(objects: Iterable[Mapping[str, Any]], scale: tuple[float, float], name_of: Callable[[str], str], *,
               digits: int | None = None) -> list[dict[str, Any]]:
    """Write objects in ipyannotations' form, each as a new dict, since ipyannotations modifies its input.

    Parameters
    ----------
    objects : iterable of mapping
        With kind, at and label_id.
    scale : (float, float)
        Pixels of the picture per pixel of the item, across and down.
    name_of : callable
        Name of a label_id.
    digits : int, optional
        Decimals of the coordinates; None for whole numbers, as ipyannotations has them.

    Examples
    --------
    >>> to_dialect([{"kind": "box", "at": (1.5, 2, 3, 4), "label_id": "L1"}], (2, 2), {"L1": "RBC"}.get)
    [{'type': 'box', 'label': 'RBC', 'xyxy': (3, 4, 6, 8)}]
    """
    written = []
    for one in objects:
        numbers = [round(number * scale[place % 2], digits) for place, number in enumerate(one["at"])]
        at: Any = tuple(numbers) if one["kind"] != "polygon" else list(zip(numbers[::2], numbers[1::2], strict=True))
        written.append({"type": one["kind"], "label": name_of(one["label_id"]), COORDINATES[one["kind"]]: at})
    return written


def from_dialect(data: Any, kind: str, scale: tuple[float, float]) -> tuple[list[dict[str, Any]], int]:
    """Read objects that an annotator gave: kind, at in pixels of the item, and label.

    Parameters
    ----------
    data : list of mapping
        With type, label, and xyxy, points or coordinates.
    kind : "box", "polygon" or "point"
        The kind of object that the project asks for.
    scale : (float, float)
        As for `to_dialect`.

    Returns
    -------
    objects : list of dict
        Without objects that have no area, such as accidental clicks.
    n_without_area : int

    Raises
    ------
    BadInput
        If an object is invalid or has no label.

    Examples
    --------
    >>> from_dialect([{"type": "box", "label": "RBC", "xyxy": (6, 8, 3, 4)}], "box", (2, 2))
    ([{'kind': 'box', 'at': (1.5, 2.0, 3.0, 4.0), 'label': 'RBC'}], 0)
    """
    if not isinstance(data, (list, tuple)) or not all(isinstance(one, Mapping) for one in data):
        raise BadInput(f"the annotator gave {data!r:.80}; a list of objects is expected, such as {_example(kind)}, or "
                       "None for a skip.")
    objects, n_without_area = [], 0
    for one in data:
        if one.get("type") != kind or COORDINATES[kind] not in one:
            raise BadInput(f"the annotator gave {dict(one)!r:.80}; an object is expected such as {_example(kind)}.")
        if not isinstance(label := one.get("label"), str) or not label.strip():
            raise BadInput(f"a {kind} has no class. Choose it in the list of objects, then a class, and press "
                           "'Give it the class'.")
        at = _read(kind, one[COORDINATES[kind]], scale)
        if _is_flat(at) if kind == "polygon" else kind == "box" and (at[0] == at[2] or at[1] == at[3]):
            n_without_area += 1
        else:
            objects.append({"kind": kind, "at": at, "label": label.strip()})
    return objects, n_without_area


# 14 branches: three rounds of matching, each of every object with every one on the screen that is left.
def with_ids(objects: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]], *, scale: tuple[float, float],
             size: tuple[float, float], label_id_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Give each object the id of the same object on the screen, and its exact place if only rounding changed it.

    Parameters
    ----------
    objects : sequence of mapping
        As `from_dialect` gives them.
    shown : sequence of mapping
        What was on the screen: id, kind, at and label_id.
    scale : (float, float)
        As for `to_dialect`.
    size : (float, float)
        Height and width of the item.
    label_id_of : callable
        Maps a label's name to its id.

    Returns
    -------
    list of dict
        kind, at, label_id, and id if the object was on the screen.
    """
    given = [{"kind": one["kind"], "at": one["at"], "label_id": label_id_of(one["label"])} for one in objects]
    rows, columns = list(range(len(given))), list(range(len(shown)))
    pairs: list[tuple[int, int]] = []
    for same_label, least in ((True, 1.0), (True, MOVED), (False, RELABELLED)):
        overlap = np.zeros((len(rows), len(columns)))
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                if (given[row]["label_id"] == shown[column]["label_id"]) is same_label:
                    overlap[i, j] = _same(given[row], shown[column], scale) if least == 1 else \
                        _overlap(given[row], shown[column], size)
        found = [(rows[i], columns[j]) for i, j in _best_first(overlap, least)]
        if least == 1:
            for row, column in found:
                given[row]["at"] = tuple(shown[column]["at"])
        pairs += found
        rows = [row for row in rows if row not in {one for one, _ in found}]
        columns = [column for column in columns if column not in {other for _, other in found}]
    for row, column in pairs:
        given[row]["id"] = shown[column]["id"]
    return given


def _best_first(overlap: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Rows and columns in pairs, the largest overlap first, each row and column in one pair at most."""
    pairs: list[tuple[int, int]] = []
    for i, j in zip(*np.unravel_index(np.argsort(-overlap, axis=None, kind="stable"), overlap.shape), strict=True):
        if overlap[i, j] < least:
            break
        if all(i != row and j != column for row, column in pairs):
            pairs.append((int(i), int(j)))
    return pairs


def _same(one: Mapping[str, Any], other: Mapping[str, Any], scale: tuple[float, float]) -> float:
    """Return 1.0 if both are equal after rounding to whole pixels of the picture, else 0.0."""
    a, b = ([round(number * scale[place % 2]) for place, number in enumerate(whose["at"])] for whose in (one, other))
    return float(a == b)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any], size: tuple[float, float]) -> float:
    (ax, ay), (bx, by) = ((whose["at"][::2], whose["at"][1::2]) for whose in (one, other))
    apart = max(min(bx) - max(ax), min(ax) - max(bx), min(by) - max(ay), min(ay) - max(by))
    return 0.0 if apart > 0 and one["kind"] != "point" else iou_pair(one["kind"], one["at"], other["at"], size=size)


def _read(kind: str, value: Any, scale: tuple[float, float]) -> tuple[float, ...]:
    try:
        numbers = [float(number) for number in np.asarray(value, float).reshape(-1)]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    wrong = len(numbers) != {"box": 4, "point": 2}.get(kind, len(numbers)) or not numbers or len(numbers) % 2
    if wrong or not all(math.isfinite(number) for number in numbers):
        raise BadInput(f"the annotator gave a {kind} at {value!r:.80}; an object is expected such as {_example(kind)}.")
    at = tuple(number / scale[place % 2] for place, number in enumerate(numbers))
    if kind == "box":
        return min(at[::2]), min(at[1::2]), max(at[::2]), max(at[1::2])
    # A closed polygon ends with its first point.
    return at[:-2] if kind == "polygon" and len(at) > 2 and at[:2] == at[-2:] else at


def _is_flat(at: Sequence[float]) -> bool:
    """Whether all vertices of a polygon lie on a line."""
    points = np.array(at).reshape(-1, 2)
    points = points - points[0]
    furthest = points[np.hypot(*points.T).argmax()]
    return bool(np.abs(points[:, 0] * furthest[1] - points[:, 1] * furthest[0]).max() < 1e-9)


def _example(kind: str) -> str:
    at = {"box": (10, 20, 30, 40), "polygon": [(10, 20), (30, 20), (30, 40)], "point": (10, 20)}[kind]
    return str({"type": kind, "label": "...", COORDINATES[kind]: at})
