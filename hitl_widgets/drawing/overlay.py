"""Saliency maps: attributions as colours over their items.

`resample` resizes an attribution to the item's size, `blend` draws it over the item. Values that aren't finite count as
0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput, ShapeError
from ..records import Attribution

# The browser reads the same file. Unsigned is inferno (Smith and van der Walt, matplotlib 1.5, CC0): lighter is more,
# also in grey. Signed is blue for evidence against, white for none, orange for evidence for (after ColorBrewer's RdBu
# and PuOr): colour-blind people can tell blue from orange.
COLOURS: dict[str, Any] = json.loads(Path(__file__).with_name("colours.json").read_text("utf-8"))


def _table(colours: list[str], first_code: int, last_code: int) -> np.ndarray:
    """Colour of each code: uint8, shape (256, 3), linear between `colours` at equal steps from first to last."""
    rgb = np.array([list(bytes.fromhex(colour[1:])) for colour in colours])
    codes = np.linspace(first_code, last_code, len(colours))
    table: np.ndarray = np.rint([np.interp(np.arange(256), codes, band) for band in rgb.T]).T.astype(np.uint8)
    return table


UNSIGNED, SIGNED = _table(**COLOURS["unsigned"]), _table(**COLOURS["signed"])


def resample(attribution: Attribution, size: tuple[int, int]) -> np.ndarray:
    """Resize an attribution to the item's size.

    Parameters
    ----------
    attribution : Attribution
        Map whose values fill its box, which may reach beyond the item.
    size : tuple of int
        Height and width of the item.

    Returns
    -------
    ndarray, float32, shape `size`, in the unit of the values
        Bilinear if there are fewer values than pixels, averaged by a triangular filter if there are more; 0 for pixels
        whose centre lies outside the box.

    Raises
    ------
    ShapeError
        If the values aren't of shape (h, w), or the box is empty.
    """
    values, (x0, y0, x1, y1) = _finite(attribution.values), attribution.box
    if values.ndim != 2 or not (x0 < x1 and y0 < y1):
        raise ShapeError(f"an attribution of shape {values.shape} in the box {attribution.box} can't be drawn; "
                         "(h, w), and (x0, y0, x1, y1) with x0 < x1 and y0 < y1, are expected.")
    rows = _weights(size[0], y0, y1, values.shape[0])
    columns = _weights(size[1], x0, x1, values.shape[1])
    resampled: np.ndarray = rows @ values @ columns.T
    return resampled


def _weights(n_pixels: int, start: float, stop: float, n_values: int) -> np.ndarray:
    """Weight of each value at each pixel along a side: float32, (n_pixels, n_values), rows sum to 1 or 0."""
    values_per_pixel = n_values / (stop - start)
    centres = (np.arange(n_pixels) + 0.5 - start) * values_per_pixel
    away = np.abs(centres[:, None] - np.arange(n_values) - 0.5) / max(1.0, values_per_pixel)
    weights: np.ndarray = np.maximum(0.0, 1 - away) * ((centres >= 0) & (centres <= n_values))[:, None]
    sums = weights.sum(axis=1, keepdims=True)
    weights /= np.where(sums > 0, sums, 1)
    return weights.astype(np.float32)


def quantise(values: np.ndarray, *, signed: bool, peak: float | None = None) -> tuple[np.ndarray, float]:
    """Quantise values to bytes.

    Parameters
    ----------
    values : ndarray
        Values of any shape, not empty.
    signed : bool
        False maps values from 0 to `peak` to 0..255 (negative ones to 0); True maps -peak to peak to 1..255, where 128
        is 0.
    peak : float, optional
        By default the 99th percentile of the magnitudes, so that a few extremes don't darken the rest, or the largest
        if that is 0.

    Returns
    -------
    codes : ndarray of uint8, shape of `values`
    peak : float
        The value of the largest byte; 0.0 if all values are 0.

    Raises
    ------
    ShapeError
        If there are no values.

    Examples
    --------
    >>> quantise(np.array([-2.0, 0.0, 1.0, 2.0]), signed=True, peak=2.0)
    (array([  1, 128, 192, 255], dtype=uint8), 2.0)
    """
    values = _finite(values)
    if peak is None:
        sizes = np.abs(values) if signed else np.maximum(values, 0)
        peak = float(np.percentile(sizes, 99)) or float(sizes.max())
    share = np.clip(np.divide(values, peak or 1.0, dtype=np.float64), -1.0 if signed else 0.0, 1.0)
    return np.rint(share * 127 + 128 if signed else share * 255).astype(np.uint8), peak


def colourise(values: np.ndarray, *, signed: bool) -> np.ndarray:
    """Turn values into colours that are safe for colour-blind people: uint8, shape (..., 3).

    Values are scaled by `quantise`. Unsigned values run from black over red to pale yellow; signed ones from blue over
    white (0) to orange.
    """
    codes, _ = quantise(values, signed=signed)
    colours: np.ndarray = (SIGNED if signed else UNSIGNED)[codes]
    return colours


def blend(image: np.ndarray, attribution: Attribution, *, opacity: float = 0.5) -> np.ndarray:
    """Draw an item with its saliency map over it: uint8, shape (H, W, 3).

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        As `Pool.load` gives it.
    attribution : Attribution
        The same item's map.
    opacity : float
        Opacity of the map at its largest value, 0 to 1; where the map is 0 the item is unchanged.

    Raises
    ------
    ShapeError
        If the image or the attribution has an invalid shape.
    BadInput
        If the opacity isn't from 0 to 1.
    """
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise ShapeError(f"an image of {image.dtype} and shape {image.shape} was given; uint8 of shape (H, W) or "
                         "(H, W, 3) is expected, as Pool.load gives it.")
    if not 0 <= opacity <= 1:
        raise BadInput(f"opacity {opacity!r} can't be used; a number from 0 (no map) to 1 is expected.")
    signed = attribution.signed
    _, peak = quantise(attribution.values, signed=signed)  # of the map alone, without the item beyond its box
    codes, _ = quantise(resample(attribution, image.shape[:2]), signed=signed, peak=peak)
    strength = np.abs(codes.astype(np.float32) - 128) / 127 if signed else codes / np.float32(255)
    over = (opacity * strength)[..., None].astype(np.float32)
    under = image if image.ndim == 3 else image[..., None]
    blended: np.ndarray = np.rint(under * (1 - over) + (SIGNED if signed else UNSIGNED)[codes] * over).astype(np.uint8)
    return blended


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.size(values):
        raise ShapeError("an attribution without values was given; at least one is expected.")
    return np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
