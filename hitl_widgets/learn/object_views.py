"""Views of annotated images for an `ObjectNet`: resized, flipped, cropped, and with objects pasted in.

`resized` makes a view of an image; `Drawer.batch` draws a batch for training. Coordinates are pixels of the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from .object_net import COARSEST
from .object_targets import Annotated

# An object of which less than this part is in a crop is ignored there.
LEAST_VISIBLE = 0.4
# Objects that are pasted into a view overlap others by at most this part of the smaller one.
MOST_COVERED = 0.15
# Most pixels of a view for training, so that a step takes as long for large images as for small ones.
MOST_PIXELS = 56_000


def resized(image: np.ndarray, side: int) -> tuple[Tensor, tuple[float, float]]:
    """A view of an image, and its scale across and down: pixels of the view per pixel of the image.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
    side : int
        The longest side of the view.

    Returns
    -------
    view : Tensor of uint8, shape (3, h, w)
    scale : tuple of 2 floats
    """
    height, width = image.shape[:2]
    by = side / max(height, width)
    h, w = max(1, round(height * by)), max(1, round(width * by))
    picture = Image.fromarray(image).convert("RGB")
    if (h, w) != (height, width):
        picture = picture.resize((w, h), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous(), (w / width, h / height)


def padded(views: Sequence[Tensor], fill: Tensor) -> Tensor:
    """Views from 0 to 1 in one batch, padded with a colour to the right and below: shape (n, 3, h, w)."""
    height, width = (-(-max(view.shape[axis] for view in views) // COARSEST) * COARSEST for axis in (1, 2))
    batch = fill[None, :, None, None].expand(len(views), 3, height, width).clone()
    for row, view in enumerate(views):
        batch[row, :, :view.shape[1], :view.shape[2]] = view.float() / 255
    return batch


@dataclass(frozen=True)
class Augmentation:
    """How views for training are drawn.

    Attributes
    ----------
    crop : float
        Sides of a view as parts of the working size.
    zoom : float
        Views are enlarged or reduced by up to exp(zoom).
    stretch : float
        Width and height differ by up to exp(stretch).
    mirror, upside_down : bool
        Whether images may be flipped in this way; if both are True, they may also be rotated by 90 degrees.
    colour : float
        How far brightness, contrast and each colour change.
    paste : float
        Probability with which each of three objects is pasted into a view.
    """

    crop: float = 0.8
    zoom: float = 0.25
    stretch: float = 0.1
    mirror: bool = True
    upside_down: bool = True
    colour: float = 0.2
    paste: float = 0.5


class Drawer:
    """Draws views for training.

    Parameters
    ----------
    images : sequence of Annotated
        With views of uint8 in the working size.
    augmentation : Augmentation
    rng : numpy.random.Generator
    mean : Tensor, shape (3,)
        The colour that fills the area outside of an image.
    n_labels : int
    """

    def __init__(self, images: Sequence[Annotated], augmentation: Augmentation, rng: np.random.Generator, *,
                 mean: Tensor, n_labels: int) -> None:
        self._images, self._how, self._rng, self._mean = list(images), augmentation, rng, mean
        sizes = np.array([image.view.shape[1:] for image in images])
        size = np.median(sizes, axis=0) * augmentation.crop
        size = size * min(1.0, np.sqrt(MOST_PIXELS / size.prod()))
        turned = augmentation.mirror and augmentation.upside_down
        self._size = tuple(int(max(COARSEST, round(side / COARSEST) * COARSEST)) for side in size)
        self._turned = turned
        self._n_labels, self._order = n_labels, list[int]()
        self._objects, self._rarity = list[tuple[int, int]](), np.zeros(0)
        self._list_objects()

    def add(self, images: Sequence[Annotated]) -> None:
        """Draw from further images too, beginning with these."""
        self._order += self._rng.permutation(np.arange(len(images)) + len(self._images)).tolist()
        self._images += images
        self._list_objects()

    def _list_objects(self) -> None:
        """List the objects that may be pasted, with their probabilities."""
        counts = np.zeros(self._n_labels)
        for image in self._images:
            counts += np.bincount(image.labels[image.weights > 0], minlength=self._n_labels)
        self._objects = [(number, int(row)) for number, image in enumerate(self._images) for row in np.flatnonzero(
            (image.weights > 0.5) & (np.minimum(*(image.boxes[:, 2:] - image.boxes[:, :2]).T) >= 4))]
        rarity = np.array([1 / counts[self._images[number].labels[row]] for number, row in self._objects])
        self._rarity = rarity / rarity.sum() if len(rarity) else rarity

    def batch(self, n: int) -> list[Annotated]:
        """The next n views, all of the same size, float32 from 0 to 1; images are drawn equally often."""
        views = []
        for _ in range(n):
            views.append(self._crop(self._next(), self._size))
            if self._how.paste and len(self._objects):
                views[-1] = self._pasted(views[-1])
        return [one._replace(view=self._coloured(one.view)) for one in views]

    def _next(self) -> Annotated:
        if not self._order:
            self._order = self._rng.permutation(len(self._images)).tolist()
        return self._images[self._order.pop()]

    def _turn(self) -> np.ndarray:
        """A random matrix that mirrors, turns upside down, or rotates by 90 degrees."""
        rng, how = self._rng, self._how
        turn = np.diag([-1.0 if how.mirror and rng.random() < 0.5 else 1.0,
                        -1.0 if how.upside_down and rng.random() < 0.5 else 1.0])
        return turn[::-1].copy() if self._turned and rng.random() < 0.5 else turn

    def _crop(self, image: Annotated, size: tuple[int, ...], *, centre: np.ndarray | None = None,
              zoom: float = 1.0) -> Annotated:
        """A view of this size, cut from an image that is flipped, rotated and zoomed at random."""
        rng, how = self._rng, self._how
        turn = self._turn()
        scale = zoom * np.exp(rng.uniform(-how.zoom, how.zoom) + rng.uniform(-how.stretch, how.stretch, 2) / 2)
        out, whole = np.array(size[::-1], float), np.array(image.view.shape[:0:-1], float)
        extent = np.abs(turn.T) @ (out / scale)  # of the crop in the image
        if centre is None:
            room = np.abs(whole - extent) / 2
            centre = whole / 2 + rng.uniform(-room, room)
        back = turn.T @ np.diag(1 / scale)  # from the view to the image
        shift = centre - back @ (out / 2)
        view = _sampled(image.view, back, shift, size, self._mean)
        forth = np.linalg.inv(back)

        def moved(boxes: np.ndarray) -> np.ndarray:
            ends = [(corner - shift) @ forth.T for corner in (boxes[:, :2], boxes[:, 2:])]
            return np.hstack([np.minimum(*ends), np.maximum(*ends)]).astype(np.float32)
        return _clipped(image._replace(view=view, boxes=moved(image.boxes), ignored=moved(image.ignored)))

    def _pasted(self, one: Annotated) -> Annotated:
        """Paste up to three objects of any images into the view, where they hardly cover others."""
        rng, (height, width) = self._rng, self._size
        for _ in range(3):
            if rng.random() >= self._how.paste:
                continue
            number, row = self._objects[rng.choice(len(self._objects), p=self._rarity)]
            image = self._images[number]
            x0, y0, x1, y1 = image.boxes[row]
            margin = 1.15
            h, w = (int(np.ceil(side * margin * np.exp(self._how.zoom))) for side in (y1 - y0, x1 - x0))
            h = w = max(h, w)
            if h >= height or w >= width:
                continue
            part = self._crop(image._replace(boxes=image.boxes[row:row + 1], labels=image.labels[row:row + 1],
                                             weights=image.weights[row:row + 1], ignored=image.ignored[:0]),
                              (h, w), centre=np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
            if not len(part.boxes):
                continue
            at = np.array([rng.integers(0, width - w), rng.integers(0, height - h)], np.float32)
            box = part.boxes[0] + np.tile(at, 2)
            if _covered(box, np.vstack([one.boxes, one.ignored])) > MOST_COVERED:
                continue
            mask = _soft_mask(part.boxes[0], h, w)
            x, y = at.astype(int)
            view = one.view.clone()
            view[:, y:y + h, x:x + w] += mask * (part.view - view[:, y:y + h, x:x + w])
            one = one._replace(view=view, boxes=np.vstack([one.boxes, box[None]]),
                               labels=np.append(one.labels, part.labels), weights=np.append(one.weights, part.weights))
        return one

    def _coloured(self, view: Tensor) -> Tensor:
        rng, how = self._rng, self._how.colour
        gains = np.exp(rng.uniform(-how, how) + rng.uniform(-how, how, 3) / 2)
        contrast = np.exp(rng.uniform(-how, how))
        mean = view.mean()
        gain = torch.tensor(gains, dtype=torch.float32)[:, None, None]
        return ((view * gain - mean) * contrast + mean + rng.uniform(-how, how) / 4).clamp_(0, 1)


def _sampled(view: Tensor, back: np.ndarray, shift: np.ndarray, size: tuple[int, ...], mean: Tensor) -> Tensor:
    """Resample a view at this size; `back` and `shift` map coordinates of the result to those of the view."""
    whole, out = np.array(view.shape[:0:-1], float), np.array(size[::-1], float)
    # In torch's coordinates, from -1 to 1.
    theta = np.hstack([2 / whole[:, None] * back * out / 2, (2 * (shift + back @ out / 2) / whole - 1)[:, None]])
    grid = functional.affine_grid(torch.tensor(theta[None], dtype=torch.float32), [1, 3, *size], align_corners=False)
    pixels = view.float() / 255 - mean[:, None, None]
    return functional.grid_sample(pixels[None], grid, align_corners=False)[0] + mean[:, None, None]


def _clipped(one: Annotated) -> Annotated:
    """The view with boxes clipped to it; objects that are mostly outside are ignored."""
    height, width = one.view.shape[1:]
    ends = np.array([width, height, width, height], np.float32)
    boxes, ignored = np.clip(one.boxes, 0, ends), np.clip(one.ignored, 0, ends)
    areas, before = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (boxes, one.boxes))
    seen = areas / np.maximum(before, 1e-6)
    kept = (seen >= LEAST_VISIBLE) & (np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) >= 2)
    partly = ~kept & (areas > 0)
    room = (ignored[:, 2] - ignored[:, 0]) * (ignored[:, 3] - ignored[:, 1]) > 0
    return one._replace(boxes=boxes[kept], labels=one.labels[kept], weights=one.weights[kept],
                        ignored=np.vstack([ignored[room], boxes[partly]]))


def _covered(box: np.ndarray, others: np.ndarray) -> float:
    """The largest overlap of a box with any of some others, as a share of the smaller box of the two."""
    if not len(others):
        return 0.0
    both = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return float((both / np.maximum(np.minimum(areas, (box[2:] - box[:2]).prod()), 1e-6)).max())


def _soft_mask(box: np.ndarray, height: int, width: int) -> Tensor:
    """1 inside the ellipse of a box, falling to 0 around it: shape (height, width)."""
    x, y = (np.arange(n) + 0.5 for n in (width, height))
    (cx, cy), (rx, ry) = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, 1)
    away = np.sqrt(((x[None] - cx) / rx) ** 2 + ((y[:, None] - cy) / ry) ** 2)
    return torch.from_numpy(np.clip((1.25 - away) / 0.2, 0, 1).astype(np.float32))
