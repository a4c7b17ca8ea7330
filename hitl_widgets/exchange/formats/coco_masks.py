"""Masks of COCO: run lengths, plain and compressed, and the outline of what they cover.

Read `mask_of` and `outline_of`. A mask's runs go down its columns, and begin with what isn't covered. Compressed runs
are COCO's own: each a text of 5 bits a character, from the third on its difference to the run before the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import shapely

from ...errors import BadInput
from ...objects.shapes import MOST_POINTS

# Pixels of a mask; one that says it has more isn't read, however short its text.
MOST_PIXELS = 100_000_000
# Runs of pixels that an outline is made of: a short text may stand for tens of millions of them.
MOST_PIECES = 200_000
# Bits of a compressed run before its last character; a run, and its difference to another one, needs fewer.
MOST_BITS = 30


class Outline(NamedTuple):
    """The outline of a mask's largest part.

    Attributes
    ----------
    at : list of float
        x0, y0, x1, y1, ... of its corners, in pixels.
    n_parts : int
        Parts of the mask, which touch along no side.
    n_holes : int
        Holes in the largest part, which the outline doesn't show.
    exact : bool
        Whether the outline follows each pixel's side.
    """

    at: list[float]
    n_parts: int
    n_holes: int
    exact: bool


def is_mask(segmentation: Any) -> bool:
    """Whether an annotation's segmentation is a mask of run lengths."""
    return isinstance(segmentation, Mapping) and "counts" in segmentation


def mask_of(segmentation: Mapping[str, Any], where: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """A mask as an array of bool, shape (height, width).

    Parameters
    ----------
    segmentation : mapping
        "size" (height and width) and "counts" (a list of run lengths, or these compressed as a text).
    where : str
        The place in the file, for messages.
    size : (int, int) or None
        Width and height of its image, where they are known.

    Raises
    ------
    BadInput
        When the runs aren't those of its size, or its size isn't that of its image.
    """
    sides = segmentation.get("size")
    if not isinstance(sides, list) or len(sides) != 2 or not all(
            isinstance(side, int) and not isinstance(side, bool) and side >= 1 for side in sides):
        raise BadInput(f"{where} has a mask of the size {sides!r:.60}; [height, width] is expected.")
    height, width = sides
    if height * width > MOST_PIXELS:
        raise BadInput(f"{where} has a mask of {height:,} x {width:,} pixels; {MOST_PIXELS:,} at most are read.")
    if size is not None and size != (width, height):
        raise BadInput(f"{where} has a mask of {width} x {height} pixels, and its image has {size[0]} x {size[1]}.")
    runs = _runs(segmentation["counts"], where)
    if sum(runs) != height * width:
        raise BadInput(f"{where} has a mask whose runs cover {sum(runs):,} pixels; {height} x {width} has "
                       f"{height * width:,}.")
    covered = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(covered.reshape(width, height).T)


def _runs(counts: Any, where: str) -> list[int]:
    """The run lengths, decompressed where they are a text."""
    if isinstance(counts, list):
        if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MOST_PIXELS for one in counts):
            raise BadInput(f"{where} has a mask with the counts {str(counts)[:60]}; whole numbers from 0 are expected.")
        return counts
    if not isinstance(counts, str) or not all("0" <= one <= "o" for one in counts):
        raise BadInput(f"{where} has a mask with the counts {counts!r:.60}; a list of whole numbers is expected, or "
                       "COCO's compressed text of them.")
    runs: list[int] = []
    value = shift = 0
    for one in counts:
        code = ord(one) - 48
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            if shift > MOST_BITS:
                break
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
        if not 0 <= runs[-1] <= MOST_PIXELS:
            break
    if shift or (runs and not 0 <= runs[-1] <= MOST_PIXELS):
        raise BadInput(f"{where} has a mask with the counts {counts!r:.60}, which end in the midst of a number, or "
                       "have a run that can't be.")
    return runs


def extent_of(mask: np.ndarray) -> list[float] | None:
    """The box around what a mask covers: x0, y0, x1, y1; None where it covers nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return None if not len(rows) else [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]


def outline_of(mask: np.ndarray) -> Outline | None:
    """The outline of a mask's largest part, along the sides of its pixels; None where it covers nothing.

    Pixels that touch at a corner alone belong to several parts.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Raises
    ------
    BadInput
        Where it is in more than 200,000 runs, along its rows and along its columns.
    """
    if not mask.any():
        return None
    if _n_runs(mask) <= MOST_PIECES:
        rows, starts, ends = _runs_of_rows(mask)
        pieces = shapely.box(starts, rows, ends, rows + 1)
    elif _n_runs(mask.T) <= MOST_PIECES:
        columns, starts, ends = _runs_of_rows(mask.T)
        pieces = shapely.box(columns, starts, columns + 1, ends)
    else:
        raise BadInput(f"Its mask has more than {MOST_PIECES:,} runs of pixels, along its rows and along its columns.")
    covered = shapely.union_all(pieces)
    parts = shapely.get_parts(covered)
    part = parts[shapely.area(parts).argmax()]
    outline = shapely.Polygon(part.exterior).simplify(0)
    exact = len(outline.exterior.coords) - 1 <= MOST_POINTS
    tolerance = 0.5
    while len(outline.exterior.coords) - 1 > MOST_POINTS:
        outline, tolerance = shapely.Polygon(part.exterior).simplify(tolerance), 2 * tolerance
    at = [float(number) for point in outline.exterior.coords[:-1] for number in point]
    return Outline(at, len(parts), len(part.interiors), exact)


def _n_runs(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask[:, 0]) + np.count_nonzero(mask[:, 1:] > mask[:, :-1]))


def _runs_of_rows(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is covered of each row: the row of each run, its first column, and the one after its last."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]
