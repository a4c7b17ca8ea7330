"""Data sets for lessons, made offline from images that scikit-learn and scikit-image carry.

These are 1,797 handwritten digits and some photographs. Use `digits_on_photographs`, `digits_with_stickers` or
`photographs_with_faults`. `side_by_side` makes images with two labels from images with one label each. `cells` draws
images with several objects each, and returns the true objects.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter
from skimage import data
from sklearn.datasets import load_digits, load_sample_images

from ..errors import BadInput
from ..objects.shapes import Box, Point, Polygon, Shape

N_DIGITS = 1_797
# Ten distinguishable colours, in the order of the digits.
# Photographs in scikit-image, each of one surface.
SURFACES = ("brick", "coins", "fur", "grass", "gravel")
# Radius of the Gaussian blur for one step of its scale, as a fraction of the side.
BLUR_A_STEP = 0.006
STICKERS = np.array([[230, 25, 75], [60, 180, 75], [67, 99, 216], [245, 130, 49], [145, 30, 180], [66, 212, 244],
                     [240, 50, 230], [191, 239, 69], [70, 153, 144], [150, 95, 35]], np.uint8)

# Labels of the drawn cells, as in the BCCD data set of blood cells.
CELLS = ("RBC", "WBC", "Platelets")
# Absorbance of each part at its thickest place, for red, green and blue (Beer-Lambert).
RED_CELL, PURPLE, CYTOPLASM = np.array([[0.10, 0.38, 0.33], [0.75, 1.25, 0.42], [0.22, 0.26, 0.10]])
# Length of the shorter side of images for which radii of cells are given.
SIDE = 240
# Directions in which a cell has a radius, in radians.
TURN = np.linspace(0, 2 * np.pi, 360, endpoint=False)
# Maximum number of vertices of a cell's outline.
VERTICES = 18


def digits_on_photographs(n: int = N_DIGITS, *, size: int = 64, mislead: float = 0.0,
                          seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits, drawn over crops of two photographs: a temple and a flower.

    Parameters
    ----------
    n : int
        Number of images, from 1 to 1,797.
    size : int
        Of a side, in pixels, 32 or more.
    mislead : float
        Share, from 0 to 1, of the images whose photograph is determined by the digit (even: flower, odd: temple)
        instead of drawn at random. A net that looks at the background then seems better than it is.
    seed : int
        Seed for the choice of digits, photographs and places.

    Returns
    -------
    images : ndarray of uint8, shape (n, size, size, 3)
    labels : ndarray of str, shape (n,), "0" to "9"

    Raises
    ------
    BadInput
        When n, size or mislead is outside its range.

    References
    ----------
    Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, doi:10.24432/C50P49.

    Examples
    --------
    >>> images, labels = digits_on_photographs(3)
    >>> images.shape, labels.tolist()
    ((3, 64, 64, 3), ['6', '6', '6'])
    """
    if not 1 <= n <= N_DIGITS or size < 32 or not 0 <= mislead <= 1:
        raise BadInput(f"n = {n}, size = {size}, mislead = {mislead}; n from 1 to {N_DIGITS}, size from 32 on and "
                       "mislead from 0 to 1 are expected.")
    rng = np.random.default_rng(seed)
    digits = load_digits()
    chosen = rng.permutation(N_DIGITS)[:n]
    temple, flower = (np.asarray(photograph) for photograph in load_sample_images().images)
    images = np.empty((n, size, size, 3), np.uint8)
    for image, digit, label in zip(images, digits.images[chosen], digits.target[chosen], strict=True):
        by_digit = rng.random() < mislead
        photograph = (flower if label % 2 == 0 else temple) if by_digit else (temple, flower)[rng.integers(2)]
        image[:] = _drawn(digit, _crop(photograph, size, rng), rng)
    return images, digits.target[chosen].astype(str)


def digits_with_stickers(n: int = N_DIGITS, *, size: int = 32, share: float = 0.6,
                         seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Handwritten digits over photographs, some with a sticker in a corner whose colour gives the digit away.

    A net trained on images with stickers is right for the wrong reason; images without stickers reveal it.

    Parameters
    ----------
    n : int
        Number of images, from 1 to 1,797.
    size : int
        Of a side, in pixels, 32 or more.
    share : float
        Share of the images, from 0 to 1, that have a sticker: the first ones.
    seed : int
        Of the choice of digits, photographs and places.

    Returns
    -------
    images : ndarray of uint8, shape (n, size, size, 3)
    labels : ndarray of str, shape (n,), "0" to "9"
    stickers : ndarray of bool, shape (n, size, size), True where the sticker is

    Raises
    ------
    BadInput
        When n, size or share is outside its range.

    References
    ----------
    After the Decoy MNIST of Ross, Hughes and Doshi-Velez (2017), Right for the Right Reasons, arXiv:1703.03717.

    Examples
    --------
    >>> images, labels, stickers = digits_with_stickers(4, share=0.5)
    >>> stickers.any(axis=(1, 2)).tolist()
    [True, True, False, False]
    """
    if not 0 <= share <= 1:
        raise BadInput(f"share = {share!r}; a number from 0 to 1 is expected.")
    images, labels = digits_on_photographs(n, size=size, seed=seed)
    rng, side = np.random.default_rng([seed, 1]), size // 5
    stickers = np.zeros(images.shape[:3], bool)
    for image, label, sticker in zip(images, labels, stickers[:round(share * n)], strict=False):
        top, left = (int(place) for place in rng.integers(0, 2, 2) * (size - side))
        sticker[top:top + side, left:left + side] = True
        image[sticker] = STICKERS[int(label)]
    return images, labels, stickers


def photographs_with_faults(n: int, *, size: int = 32, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Patches of photographs of five surfaces, blurred to a known degree and partly covered by a white disc.

    Parameters
    ----------
    n : int
        Number of images, 1 or more.
    size : int
        Of a side, in pixels, from 16 to 96.
    seed : int
        Seed for the choice of patches and faults.

    Returns
    -------
    images : ndarray of uint8, shape (n, size, size)
    truth : DataFrame, n rows
        `surface` ("brick", "coins", "fur", "grass" or "gravel"), `blur` (int, 0 to 10) and `covered` (the
        part of the image under the disc, a float from 0 to about 0.5; 0 in two fifths of the images).
    discs : ndarray of bool, shape (n, size, size), True where the disc is

    Raises
    ------
    BadInput
        When n or size is outside its range.

    Examples
    --------
    >>> images, truth, discs = photographs_with_faults(3)
    >>> images.shape, truth["covered"].round(3).tolist() == discs.mean(axis=(1, 2)).round(3).tolist()
    ((3, 32, 32), True)
    """
    if n < 1 or not 16 <= size <= 96:
        raise BadInput(f"n = {n}, size = {size}; n from 1 on and size from 16 to 96 are expected.")
    rng, side = np.random.default_rng(seed), 64 if size <= 64 else size
    photographs = {surface: np.asarray(_photograph(surface)) for surface in SURFACES}
    surfaces, blurs = rng.choice(SURFACES, n), rng.integers(11, size=n)
    images, discs = np.empty((n, size, size), np.uint8), np.zeros((n, size, size), bool)
    y, x = np.mgrid[:size, :size] / size
    for image, disc, surface, blur in zip(images, discs, surfaces, blurs, strict=True):
        top, left = (int(rng.integers(extent - side + 1)) for extent in photographs[surface].shape)
        patch = Image.fromarray(photographs[surface][top:top + side, left:left + side])
        patch = patch.resize((size, size), Image.Resampling.LANCZOS)
        image[:] = np.asarray(patch.filter(ImageFilter.GaussianBlur(BLUR_A_STEP * size * int(blur))))
        share, middle = rng.uniform(0.02, 0.5), rng.uniform(0.25, 0.75, 2)
        if rng.random() < 0.6:
            disc[:] = np.hypot(y - middle[0], x - middle[1]) < np.sqrt(share / np.pi)
            image[disc] = 235
    return images, pd.DataFrame({"surface": surfaces, "blur": blurs, "covered": discs.mean(axis=(1, 2))}), discs


def side_by_side(images: np.ndarray, labels: Sequence[Any] | np.ndarray, n: int, *,
                 seed: int = 0) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Pairs of images laid side by side, each with the two labels of its halves.

    Parameters
    ----------
    images : ndarray, shape (n_images, H, W) or (n_images, H, W, C)
        Images of one label each.
    labels : sequence, length n_images
        Their labels, of which there are at least two different ones.
    n : int
        Number of pairs, 1 or more. An image may be in several.
    seed : int
        Seed of the pairs: both halves are drawn at random, and again while they have the same label.

    Returns
    -------
    images : ndarray, shape (n, H, 2 * W) or (n, H, 2 * W, C)
    labels : list of (str, str), length n
        The label on the left and the one on the right, never the same.

    Raises
    ------
    BadInput
        When n is below 1, the numbers of images and labels differ, or all labels are the same.

    Examples
    --------
    >>> digits = load_digits()
    >>> images, labels = side_by_side(digits.images, digits.target, 2)
    >>> images.shape, labels
    ((2, 8, 16), [('2', '5'), ('5', '9')])
    """
    names = np.asarray(labels).astype(str)
    n_different = len(np.unique(names))
    if n < 1 or len(images) != len(names) or n_different < 2:
        raise BadInput(f"n = {n}, {len(images)} images and {len(names)} labels, {n_different} of them different; n "
                       "from 1 on, a label for each image, and two different labels or more are expected.")
    rng = np.random.default_rng(seed)
    halves = rng.integers(len(images), size=(n, 2))
    while (same := names[halves[:, 0]] == names[halves[:, 1]]).any():
        halves[same] = rng.integers(len(images), size=(int(same.sum()), 2))
    left, right = halves.T
    return np.concatenate([images[left], images[right]], axis=2), \
        [(str(one), str(other)) for one, other in zip(names[left], names[right], strict=True)]


def cells(n: int = 120, *, size: tuple[int, int] = (240, 320), task: str = "boxes",
          seed: int = 0) -> tuple[np.ndarray, list[list[Shape]]]:
    """Drawn blood cells under a microscope, with the place and the label of each.

    Red cells ("RBC") are discs with a pale middle that overlap a little, white ones ("WBC", up to two) large with a
    purple nucleus of two or three lobes, platelets ("Platelets", up to five) small and purple. Cells at the edge are
    cut off by it.

    Parameters
    ----------
    n : int
        Number of images, 1 or more.
    size : (int, int)
        Height and width of an image, in pixels, from 64 to 2,000 each. Cells grow with the shorter side.
    task : "boxes", "polygons" or "points"
        What an object is: the box around a cell, its outline in up to 18 vertices, or its middle.
    seed : int
        Seed of the cells. The first images of a larger n are the same.

    Returns
    -------
    images : ndarray of uint8, shape (n, height, width, 3)
    truth : list of list of Box, Polygon or Point, one list for each image
        All cells of the image, white ones first, then platelets and red ones, in pixels. Boxes and polygons end at the
        image's edge.

    Raises
    ------
    BadInput
        When n, size or task is none of these.

    References
    ----------
    After BCCD, blood cells with boxes, github.com/Shenggan/BCCD_Dataset.

    Examples
    --------
    >>> images, truth = cells(2)
    >>> images.shape, sorted({cell.label for cell in truth[0]})
    ((2, 240, 320, 3), ['Platelets', 'RBC', 'WBC'])
    """
    if n < 1 or task not in ("boxes", "polygons", "points") or not all(64 <= side <= 2_000 for side in size):
        raise BadInput(f"n = {n}, size = {size}, task = {task!r}; n from 1 on, a height and a width from 64 to 2,000, "
                       "and boxes, polygons or points are expected.")
    images, truth = np.empty((n, *size, 3), np.uint8), []
    for number, image in enumerate(images):
        rng = np.random.default_rng([seed, number])
        taken = _light_through(placed := _place_cells(size, rng), size, rng)
        light = 255 * _background(size, rng) * np.exp(-gaussian_filter(taken, (0.7, 0.7, 0)))
        image[:] = np.clip(light + 2.5 * rng.standard_normal(light.shape, np.float32), 0, 255)
        truth.append([_as_object(cell, size, task) for cell in placed])
    return images, truth


@dataclass(frozen=True)
class _Cell:
    """A cell: its label, its centre (x, y), and its radius in the directions `TURN`, in pixels."""

    label: str
    x: float
    y: float
    radius: np.ndarray

    @property
    def outline(self) -> np.ndarray:
        """Points around it, shape (360, 2), x and y."""
        return np.array([self.x, self.y]) + self.radius[:, None] * np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def _place_cells(size: tuple[int, int], rng: np.random.Generator) -> list[_Cell]:
    """Cells at random places, which touch or overlap by a seventh of their radii at most; large ones first."""
    height, width = size
    scale, crowd = min(size) / SIDE, height * width / (SIDE * SIDE * 4 / 3) * (SIDE / min(size)) ** 2
    wanted = [("WBC", 27, 33, int(rng.choice(3, p=[0.2, 0.65, 0.15]))), ("Platelets", 4.5, 6.5, int(rng.integers(6))),
              ("RBC", 14, 18, max(1, round(crowd * rng.integers(9, 23))))]
    placed: list[_Cell] = []
    for label, least, most, n in wanted:
        for _ in range(60 * n):
            if sum(cell.label == label for cell in placed) == n:
                break
            middle, mean = rng.uniform((0, 0), (width, height)), scale * rng.uniform(least, most)
            near = 0.86 if label == "RBC" else 1.05
            if all(math.hypot(*(middle - (cell.x, cell.y))) > near * (mean + cell.radius.mean()) for cell in placed):
                lean, dents = rng.uniform(0, 0.09), rng.uniform(0, 0.035)
                radius = mean * (1 + lean * np.cos(2 * (TURN - rng.uniform(0, np.pi)))
                                 + dents * np.cos(3 * TURN + rng.uniform(0, 2 * np.pi)))
                placed.append(_Cell(label, float(middle[0]), float(middle[1]), radius))
    return placed


def _light_through(placed: Sequence[_Cell], size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The absorbance of the cells, shape (height, width, 3)."""
    taken = np.zeros((*size, 3), np.float32)
    y, x = np.mgrid[:size[0], :size[1]] + 0.5
    for cell in placed:
        reach = cell.radius.max() + 2
        rows, columns = (slice(max(0, int(at - reach)), int(at + reach) + 1) for at in (cell.y, cell.x))
        across, down = x[rows, columns] - cell.x, y[rows, columns] - cell.y
        edge = np.interp(np.arctan2(down, across) % (2 * np.pi), TURN, cell.radius, period=2 * np.pi)
        far = np.hypot(across, down)
        inside, depth = np.clip(edge - far + 0.5, 0, 1), far / edge
        if cell.label == "RBC":
            # A disc that is thin in its middle: a torus seen from above.
            thick = rng.uniform(0.85, 1.1) * (0.42 + 0.58 * np.clip((depth - 0.15) / 0.5, 0, 1) ** 2)
            taken[rows, columns] += (inside * thick)[..., None] * RED_CELL
        elif cell.label == "Platelets":
            grain = gaussian_filter(rng.normal(0, 1, far.shape), 1) * 0.6 + 0.62
            taken[rows, columns] += (inside * np.clip(grain, 0.3, 1))[..., None] * PURPLE
        else:
            taken[rows, columns] += inside[..., None] * CYTOPLASM
            taken[rows, columns] += (inside * _nucleus(across, down, cell.radius.mean(), rng))[..., None] * PURPLE
    return taken


def _nucleus(across: np.ndarray, down: np.ndarray, radius: float, rng: np.random.Generator) -> np.ndarray:
    """A nucleus of two or three lobes, from 0 (none) to 1, with some grain."""
    turn, n = rng.uniform(0, 2 * np.pi), int(rng.integers(2, 4))
    there = np.zeros(across.shape)
    for lobe in range(n):
        angle, wide = turn + lobe * 2 * np.pi / n * 0.8, radius * rng.uniform(0.42, 0.52)
        far = np.hypot(across - 0.36 * radius * np.cos(angle), down - 0.36 * radius * np.sin(angle))
        there = np.maximum(there, np.clip((wide - far) / 2 + 0.5, 0, 1))
    return there * np.clip(0.85 + gaussian_filter(rng.normal(0, 1, across.shape), 1.5) * 0.5, 0.5, 1.1)


def _background(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Light without cells: cream, uneven, and a little darker on one side, shape (height, width, 3)."""
    y, x = (at / side for at, side in zip(np.mgrid[:size[0], :size[1]], size, strict=True))
    angle = rng.uniform(0, 2 * np.pi)
    coarse = Image.fromarray(rng.normal(0, 0.014, (4, 5)).astype(np.float32))
    stains = np.asarray(coarse.resize((size[1], size[0]), Image.Resampling.BICUBIC))
    light = 1 - 0.05 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)) + stains
    return light.astype(np.float32)[..., None] * rng.normal((0.925, 0.885, 0.865), 0.008).astype(np.float32)


def _as_object(cell: _Cell, size: tuple[int, int], task: str) -> Shape:
    """The cell as an object, cut off at the image's edge. Its centre is inside, so that part of it is visible."""
    height, width = size
    if task == "points":
        return Point(cell.x, cell.y, cell.label)
    seen = np.clip(cell.outline, 0, (width, height))
    (x0, y0), (x1, y1) = seen.min(axis=0).tolist(), seen.max(axis=0).tolist()
    if task == "boxes":
        return Box(x0, y0, x1, y1, cell.label)
    some = seen[::len(TURN) // VERTICES]
    return Polygon(tuple((x, y) for x, y in dict.fromkeys(map(tuple, some.tolist()))), cell.label)


def _photograph(surface: str) -> Image.Image:
    """A photograph in scikit-image, in grey; for the cat, only the fur without the edges."""
    take: Any = getattr(data, {"fur": "chelsea"}.get(surface, surface))
    whole = Image.fromarray(take()).convert("L")
    return whole.crop((60, 0, 300, whole.height)) if surface == "fur" else whole


def _crop(photograph: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(size, 3 * size))
    side = min(side, *photograph.shape[:2])
    top, left = (int(rng.integers(extent - side + 1)) for extent in photograph.shape[:2])
    crop = Image.fromarray(photograph[top:top + side, left:left + side])
    return np.asarray(crop.resize((size, size), Image.Resampling.LANCZOS))


def _drawn(digit: np.ndarray, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The digit's strokes in white over the background, with a dark rim, so that a person can always read them."""
    size = len(background)
    side = int(rng.integers(int(0.72 * size), int(0.84 * size)))
    strokes = Image.fromarray((digit / 16 * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    middle = (size - side) // 2
    top, left = (int(np.clip(middle + rng.integers(-4, 5), 0, size - side)) for _ in range(2))
    canvas = Image.new("L", (size, size))
    canvas.paste(strokes, (left, top))
    rim = canvas.filter(ImageFilter.GaussianBlur(size / 24))
    ink, shade = (np.clip((np.asarray(layer) / 255 - low) / span, 0, 1)[..., None]
                  for layer, low, span in ((canvas, 0.25, 0.45), (rim, 0.05, 0.4)))
    shaded = background * (1 - 0.75 * shade)
    return (shaded * (1 - ink) + 245 * ink).astype(np.uint8)
