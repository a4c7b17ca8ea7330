"""Superpixels: connected parts of an image that have a similar colour.

`superpixels` is for methods that hide whole parts; `clickable` is for people who mark parts with one click.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..errors import BadInput, ShapeError

SIDE = 320
# Number of parts that a person can distinguish, and a size that a click doesn't miss.
MOST_PARTS, PART_PIXELS = 80, 25


def clickable(image: np.ndarray) -> np.ndarray:
    """The parts of an image for a person to click on: up to about 80, of 25 pixels or more.

    Parameters
    ----------
    image : ndarray, uint8, shape (H, W) or (H, W, 3)
        As a person sees it.

    Returns
    -------
    ndarray, uint16, shape (h, w)
        As `superpixels`, of the image made smaller where its longer side is above 320 pixels.
    """
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
    n = min(MOST_PARTS, max(2, image.shape[0] * image.shape[1] // PART_PIXELS))
    return superpixels(image, n=n).astype(np.uint16)


def superpixels(image: np.ndarray, *, n: int = 30) -> np.ndarray:
    """About n connected parts of an image, by SLIC; squares where the image is too flat to fall into any.

    Parameters
    ----------
    image : ndarray, uint8, shape (H, W) or (H, W, 3)
        As a person sees it.
    n : int
        Number of parts to aim at; there may be fewer or more, but never more than there are pixels.

    Returns
    -------
    ndarray, int64, shape (H, W)
        The number of each pixel's part, from 0 on without gaps. The same image gives the same parts.

    Raises
    ------
    ShapeError, BadInput
        If it is no image, or n isn't 1 or more.

    References
    ----------
    Achanta et al. (2012), SLIC Superpixels Compared to State-of-the-art Superpixel Methods,
    doi:10.1109/TPAMI.2012.120.

    Examples
    --------
    >>> superpixels(np.zeros((2, 4), np.uint8), n=2)
    array([[0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    _check(image, n)
    height, width = image.shape[:2]
    if n == 1 or image.size == 1:
        return np.zeros((height, width), np.int64)
    numbers = _slic(image, n) if image.min() < image.max() else None
    # SLIC may find one part only, where an image is nearly flat.
    return numbers if numbers is not None and numbers.max() else _squares(height, width, n)


def _check(image: np.ndarray, n: int) -> None:
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or not image.size:
        raise ShapeError(f"an image of {image.dtype} and shape {image.shape} was given; uint8 of shape (H, W) or "
                         "(H, W, 3) is expected.")
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise BadInput(f"n is {n!r}; a number of parts, 1 or more, is expected.")


def _slic(image: np.ndarray, n: int) -> np.ndarray:
    from skimage.segmentation import slic  # takes half a second to import

    colour = image.ndim == 3
    segments = slic(image / 255, n_segments=n, compactness=10 if colour else 0.1, channel_axis=-1 if colour else None,
                    start_label=0)
    return np.unique(segments, return_inverse=True)[1].reshape(image.shape[:2]).astype(np.int64)


def _squares(height: int, width: int, n: int) -> np.ndarray:
    down = min(height, max(1, round((n * height / width) ** 0.5)))
    across = min(width, max(1, round(n / down)))
    rows, columns = np.arange(height) * down // height, np.arange(width) * across // width
    numbers: np.ndarray = rows[:, None] * across + columns
    return numbers
