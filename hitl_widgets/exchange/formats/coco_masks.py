"""Masks of COCO in run-length encoding (RLE), plain and compressed, and their outlines.

Read `mask_of` and `outline_of`. Runs go down the columns of a mask, and the first one is background. COCO's compressed
RLE is a text with 5 bits of a number in each character; from the fourth run on, the number is the difference to the run
two before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import shapely

from ...errors import BadInput
from ...objects.shapes import MOST_POINTS

# Most pixels of a mask: a larger one isn't read, however short its text is.
MOST_PIXELS = 100_000_000
# Most runs of pixels from which an outline is made: a short text may stand for tens of millions of them.
MOST_PIECES = 200_000
# Most bits of a compressed number before its last character; numbers that are possible need fewer.
MOST_BITS = 30


class Outline(NamedTuple):
    """The outline of a mask's largest part.

    Attributes
    ----------
    at : list of float
        x0, y0, x1, y1, ... of its corners, in pixels.
    n_parts : int
        Number of parts of the mask; two parts share no side of a pixel.
    n_holes : int
        Number of holes in the largest part, which the outline leaves out.
    exact : bool
        Whether the outline follows the sides of the pixels exactly.
    """

    at: list[float]
    n_parts: int
    n_holes: int
    exact: bool


def is_mask(segmentation: Any) -> bool:
    """Whether an annotation's segmentation is an RLE mask."""
    return isinstance(segmentation, Mapping) and "counts" in segmentation


def mask_of(segmentation: Mapping[str, Any], where: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """A mask as an array of bool, shape (height, width).

    Parameters
    ----------
    segmentation : mapping
        "size" (height and width) and "counts" (a list of run lengths, or their compressed text).
    where : str
        The place in the file, for messages.
    size : (int, int) or None
        Width and height of its image, if known.

    Raises
    ------
    BadInput
        When the runs don't add up to its size, or its size isn't that of its image.
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
    """The run lengths, decompressed if they are a text."""
    if isinstance(counts, list):
        if not all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= MOST_PIXELS for one in counts):
            raise BadInput(f"{where} has a mask with the counts {str(counts)[:60]}; whole numbers from 0 are expected.")
        return counts
    if not isinstance(counts, str) or not all("0" <= one <= "o" for one in counts):
        raise BadInput(f"{where} has a mask with the counts {counts!r:.60}; a list of whole numbers is expected, or "
                       "COCO's compressed text of them.")
    return _decompressed(counts, where)


def _decompressed(counts: str, where: str) -> list[int]:
    """The run lengths in COCO's text: five bits a character; a run after the third is told from the one two before."""
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
    """The bounding box of what a mask covers: x0, y0, x1, y1; None if it covers nothing."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return None if not len(rows) else [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]


def outline_of(mask: np.ndarray) -> Outline | None:
    """The outline of a mask's largest part, along the sides of its pixels; None if the mask covers nothing.

    Pixels that touch only at a corner belong to different parts.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Raises
    ------
    BadInput
        If it has more than 200,000 runs both along its rows and along its columns.
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
    """The covered runs along the rows: the row, the first column, and the column after the last, of each."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]
