"""Preprocessing with its geometry: from an item to the net's view of it, and from places on the view back to the item.

Read `Preprocess` and then `as_preprocess`, which accepts a person's own callable and finds out its geometry.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ..errors import BadInput, ModelError, ShapeError, ViewError

Fit = Literal["stretch", "crop", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Box = tuple[float, float, float, float]

# Sizes to try on a net whose input size is unknown, after the items' own; the most usual first.
SIZES = (224, 28, 32, 64, 96, 128, 256, 299, 384)
LARGEST_OWN = 256
# Statistics of ImageNet's images, after division by 255.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Maximum number of characters of a foreign error that a message repeats: some print a page of pixels.
LONGEST_REFUSAL = 200


@dataclass(frozen=True)
class Preprocess:
    """Converts an item to the input of a net (its view): scaled to `size`, divided by 255, and normalised.

    Parameters
    ----------
    size : int or tuple of int
        (height, width) of the view in pixels, or one number for both.
    fit : str
        What to do if item and view have different aspect ratios. "stretch" changes the aspect ratio of the item, "crop"
        cuts off what doesn't fit, and "pad" fills the rest of the view with the mean (with black without a mean).
    mean, std : float or tuple of float, optional
        For normalising after the division by 255: one number, or one for each channel. None for no normalising.
    channels : int or None
        1 (grey) or 3 (RGB). With None, the number of channels that the workbench's net needs; without a workbench, the
        channels of the item aren't changed.
    crop_pct : float
        Above 0 and up to 1: the view shows only the centre of what it would show otherwise, with this fraction of its
        height and width, scaled to `size`. The same parameter exists in timm. Not used with "pad".
    interpolation : str
        How the item is scaled: "nearest", "bilinear", "bicubic" or "lanczos".

    Raises
    ------
    BadInput
        When an argument can't be used.

    Examples
    --------
    >>> view = Preprocess(8, fit="crop", channels=3)
    >>> view(np.zeros((10, 20), np.uint8)).shape, view.box(10, 20)
    (torch.Size([3, 8, 8]), (5.0, 0.0, 15.0, 10.0))
    """

    size: int | tuple[int, int]
    fit: Fit = "stretch"
    mean: float | tuple[float, ...] | None = None
    std: float | tuple[float, ...] | None = None
    channels: int | None = None
    crop_pct: float = 1.0
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        size = self.size if isinstance(self.size, Sequence) else (self.size, self.size)
        if len(size) != 2 or not all(isinstance(side, (int, np.integer)) and 1 <= side <= 10_000 for side in size):
            raise BadInput(f"size {self.size!r} can't be used: (height, width) or one number of pixels is expected.")
        for name, choices in (("fit", Fit), ("interpolation", Interpolation)):
            if getattr(self, name) not in get_args(choices):
                raise BadInput(f"{name} {getattr(self, name)!r} is unknown; one of {', '.join(get_args(choices))} is "
                               "expected.")
        if isinstance(self.crop_pct, bool) or not isinstance(self.crop_pct, (int, float)) or not 0 < self.crop_pct <= 1:
            raise BadInput(f"crop_pct is {self.crop_pct!r}; a share above 0 and up to 1 is expected.")
        if self.channels not in (None, 1, 3):
            raise BadInput(f"channels {self.channels!r} can't be used: 1 (grey), 3 (RGB) or None is expected.")
        object.__setattr__(self, "size", (int(size[0]), int(size[1])))
        for name in ("mean", "std"):
            object.__setattr__(self, name, self._numbers(name))

    def _numbers(self, name: str) -> tuple[float, ...] | None:
        value = getattr(self, name)
        if value is None:
            return None
        numbers = tuple(float(number) for number in np.atleast_1d(np.asarray(value, dtype=np.float64)))
        fits = (1, 3) if self.channels is None else (1, self.channels)
        if len(numbers) not in fits or not all(map(math.isfinite, numbers)) or (name == "std" and min(numbers) <= 0):
            raise BadInput(f"{name} {value!r} can't be used: {' or '.join(map(str, fits))} finite number(s) are "
                           "expected, and a std above 0.")
        return numbers

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the view."""
        height, width = self.size  # type: ignore[misc]
        return height, width

    @property
    def maps_back(self) -> bool:
        """True: a map on the view can be shown on the item."""
        return True

    def __call__(self, image: np.ndarray) -> Tensor:
        """The view of an item, uint8, (H, W) or (H, W, 3): float32, shape (channels, height, width)."""
        height, width = image.shape[:2]
        return self.normalised(self.pixels(image), height, width)

    def pixels(self, image: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """The scaled and cropped item before normalising and padding: uint8, shape (h, w, channels).

        Parameters
        ----------
        image : ndarray
            The item, or a reduced copy of it.
        size : tuple of int, optional
            (height, width) of the item, if `image` is a reduced copy.
        """
        picture = Image.fromarray(np.ascontiguousarray(image))
        if self.channels is not None:
            picture = picture.convert("L" if self.channels == 1 else "RGB")
        height, width = size or image.shape[:2]
        inner, box = self._inner(height, width)[2], None
        if self.fit != "pad":
            (x0, y0, x1, y1), across, down = self.box(height, width), picture.width / width, picture.height / height
            box = (x0 * across, y0 * down, x1 * across, y1 * down)
        resized = np.asarray(picture.resize(inner[::-1], Image.Resampling[self.interpolation.upper()], box=box))
        return resized.reshape(*inner, -1)

    def normalised(self, pixels: np.ndarray, height: int, width: int, out: Tensor | None = None) -> Tensor:
        """The view of an item, from the result of `pixels`: float32, shape (channels, height, width).

        Parameters
        ----------
        pixels : ndarray
            As returned by `pixels`.
        height, width : int
            Size of the item.
        out : Tensor, optional
            Tensor into which the view is written, such as a row of a batch. By default a new tensor is made.

        Raises
        ------
        ShapeError
            If `out` has another shape than the view.
        """
        # A lookup table of the 256 values takes a quarter of the time of arithmetic on all pixels.
        scaled = np.arange(256, dtype=np.float32)[None] / np.float32(255)
        if self.mean is not None:
            scaled = scaled - np.asarray(self.mean, dtype=np.float32)[:, None]
        if self.std is not None:
            scaled = scaled / np.asarray(self.std, dtype=np.float32)[:, None]
        channels = max(len(scaled), pixels.shape[2])  # a grey item gets as many as there are means
        (top, left, inner), shape = self._inner(height, width), (channels, *self.shape)
        if out is not None and out.shape != shape:
            raise ShapeError(f"a view of shape {shape} doesn't fit among others of shape {tuple(out.shape)}.")
        view = np.empty(shape, np.float32) if out is None else out.numpy()
        if self.fit == "pad":
            view[:] = 0
        for channel in range(channels):
            place = view[channel, top:top + inner[0], left:left + inner[1]]
            # With "clip" NumPy writes into `out`; with "raise" it would copy.
            np.take(scaled[channel % len(scaled)], pixels[..., channel % pixels.shape[2]], mode="clip", out=place)
        return torch.from_numpy(view) if out is None else out

    def scaled_size(self, height: int, width: int) -> tuple[float, float]:
        """(height, width) of a whole item of the given size, in pixels of the view (before cropping)."""
        x0, y0, x1, y1 = self.box(height, width)
        return height * self.shape[0] / (y1 - y0), width * self.shape[1] / (x1 - x0)

    def box(self, height: int, width: int) -> Box:
        """(x0, y0, x1, y1): the part of the item that the view shows, in pixels of an item of the given size.

        With "pad" it extends beyond the item.
        """
        if self.fit != "pad":
            down, across = height / self.shape[0], width / self.shape[1]
            if self.fit == "crop":
                down = across = min(down, across)
            top = max(0.0, height - self.crop_pct * down * self.shape[0]) / 2
            left = max(0.0, width - self.crop_pct * across * self.shape[1]) / 2
            return left, top, width - left, height - top
        top, left, (inner_height, inner_width) = self._inner(height, width)
        down, across = height / inner_height, width / inner_width
        return -left * across, -top * down, (self.shape[1] - left) * across, (self.shape[0] - top) * down

    def _inner(self, height: int, width: int) -> tuple[int, int, tuple[int, int]]:
        """Where the item lies in the view: top, left, and (height, width) there."""
        if self.fit != "pad":
            return 0, 0, self.shape
        scale = min(self.shape[0] / height, self.shape[1] / width)
        inner = max(1, round(height * scale)), max(1, round(width * scale))
        return (self.shape[0] - inner[0]) // 2, (self.shape[1] - inner[1]) // 2, inner


class Probed:
    """A user's own preprocessing function. Its geometry (scaling and cropping) is found out by passing test patterns.

    Many functions accept only colour images, while folders of photographs often contain a few grey ones. So if the
    function raises an error for an item, or returns a wrong number of channels, a grey item is tried again as RGB, and
    an RGB item as grey.

    Parameters
    ----------
    function : callable
        From an item, as a uint8 array (H, W[, 3]) or as a PIL image, to the net's view of it: a tensor or array
        (C, h, w), also as a batch of one, or a mapping with `pixel_values`.
    colour : bool
        Whether the items are RGB.
    channels : int or None
        The number of channels that the net expects; None where that isn't known.

    Attributes
    ----------
    random : bool
        Whether the function returned different views of the same item, as random crops do.
    """

    def __init__(self, function: Callable[[Any], Any], *, colour: bool = True, channels: int | None = None) -> None:
        self.function, self.channels, self.random = function, channels, False
        self.colour = colour
        # torchvision's newer transforms let an array pass through untouched instead of refusing it.
        self._picture_first = type(function).__module__.partition(".")[0] == "torchvision"
        self._boxes: dict[tuple[int, int], Box | None] = {}

    def __call__(self, image: np.ndarray) -> Tensor:
        """The view of an item: float32, shape (channels, height, width); ViewError when the function can't take it."""
        refusals, other = [], None
        for form in self._forms(image):
            try:
                view = _as_view(self.function(form))
            except Exception as error:  # a user's own code, which may raise anything
                refusals.append(in_short(error))
                continue
            if self.channels in (None, len(view)):
                return view
            other = view if other is None else other
        if other is not None:
            return other
        raise ViewError(f"preprocess {_name(self.function)} can't take an item of shape {image.shape}, as it is or "
                        f"converted to {'RGB' if image.ndim == 2 else 'grey'}: {' | '.join(dict.fromkeys(refusals))}. "
                        "A function from a uint8 array (H, W) or (H, W, 3), or a PIL image, to a tensor (C, h, w) is "
                        "expected.")

    def _forms(self, image: np.ndarray) -> Iterator[np.ndarray | Image.Image]:
        """The item as an array and as a picture; then the same in RGB if it is grey, or in grey."""
        item = Image.fromarray(np.ascontiguousarray(image))
        for picture in (item, item.convert("RGB" if image.ndim == 2 else "L")):
            array = image if picture is item else np.array(picture)
            yield from (picture, array) if self._picture_first else (array, picture)

    def box(self, height: int, width: int) -> Box | None:
        """(x0, y0, x1, y1) of the view, in pixels of an item of this size; None if it isn't an upright rectangle."""
        if (height, width) not in self._boxes:
            self._boxes[height, width] = find_box(self, height, width, colour=self.colour)
        return self._boxes[height, width]

    @property
    def maps_back(self) -> bool:
        """False when some item's view isn't an upright rectangle of it: show maps on the view itself."""
        return None not in self._boxes.values()

    def __repr__(self) -> str:
        return f"Probed({_name(self.function)})"


def find_box(preprocess: Callable[[np.ndarray], Tensor], height: int, width: int, *,
             colour: bool = True) -> Box | None:
    """The part of an item that a preprocessing shows, as (x0, y0, x1, y1) in the item's pixels.

    Each axis is shown as one period of a wave in four phases, as in structured light: the phase at a pixel of the
    view tells where on the item it came from, whatever was done to brightness and contrast. Bright squares then
    confirm the result.

    Parameters
    ----------
    preprocess : callable
        From an item to its view.
    height, width : int
        Size of the item, in pixels.
    colour : bool
        Whether items are RGB.

    Returns
    -------
    tuple of float, or None
        None when the view isn't an upright rectangle of the item: turned, mirrored, warped or random.
    """
    def show(image: np.ndarray) -> np.ndarray:
        grey = np.round(image).astype(np.uint8)
        view = preprocess(np.repeat(grey[..., None], 3, axis=2) if colour else grey)
        mean: np.ndarray = view.numpy().astype(np.float64).mean(axis=0)
        return mean

    def phasors(wave: np.ndarray) -> np.ndarray:
        shown = [show(np.broadcast_to(127.5 + 120 * np.cos(wave + k * math.pi / 2), (height, width)))
                 for k in range(4)]
        if len({view.shape for view in shown}) > 1:
            return np.zeros((1, 1), complex)
        waves: np.ndarray = (shown[0] - shown[2]) + 1j * (shown[3] - shown[1])
        return waves

    columns = phasors(2 * math.pi * (np.arange(width) + 0.5) / width)
    rows = phasors(2 * math.pi * (np.arange(height)[:, None] + 0.5) / height)
    for sign in (1, -1):  # of brightness: some turn dark to bright
        across, down = _span(sign * columns, width), _span(sign * rows.T, height)
        if across is None or down is None:
            continue
        box = across[0], down[0], across[1], down[1]
        if _finds_squares(show, sign, box, height, width):
            return box
    return None


def _span(phasors: np.ndarray, length: int) -> tuple[float, float] | None:
    """The part of the item's axis that the view's columns cover, from the wave's phase at each pixel."""
    strength = np.abs(phasors)
    strong = strength > 0.5 * strength.max()
    lines = np.flatnonzero(strong.any(axis=0) & (strength.max() > 0))
    if len(lines) < 2 or lines[-1] - lines[0] + 1 != len(lines):
        return None
    mean = np.array([phasors[strong[:, j], j].sum() for j in lines])
    places = np.unwrap(np.angle(mean)) * length / (2 * math.pi)
    # The outermost pixels of a scaled item average over less than the others, which moves them inwards.
    inner = slice(1, -1) if len(lines) > 5 else slice(None)
    step, start = np.polyfit(lines[inner] + 0.5, places[inner], 1)
    start -= length * math.floor((start + step * (lines[0] + lines[-1] + 1) / 2) / length)
    # The accuracy is limited to one pixel of the view, or of the item.
    error = np.angle(phasors * np.exp(-2j * math.pi / length * (start + step * (np.arange(phasors.shape[1]) + 0.5))))
    if step <= 0 or np.quantile(np.abs(error[strong]), 0.98) * length / (2 * math.pi) > max(1.0, step):
        return None
    return float(start), float(start + step * phasors.shape[1])


def _finds_squares(show: Callable[[np.ndarray], np.ndarray], sign: int, box: Box, height: int, width: int) -> bool:
    """Whether two bright squares, shown one at a time, turn up where the box says they should."""
    (x0, x1), (y0, y1) = np.clip(box[::2], 0, width), np.clip(box[1::2], 0, height)
    images, centres = [], []
    for right, down in ((0.125, 0.25), (0.625, 0.5)):
        left, top = round(x0 + right * (x1 - x0)), round(y0 + down * (y1 - y0))
        end, bottom = left + math.ceil((x1 - x0) / 4), top + math.ceil((y1 - y0) / 4)
        image = np.full((height, width), 64.0)
        image[top:bottom, left:end] = 192
        images.append(sign * show(image))
        centres.append(((left + end) / 2, (top + bottom) / 2))
    # Both images are equally bright, so that what a standardisation does to them cancels out.
    change = images[0] - images[1]
    across, down = (box[2] - box[0]) / change.shape[1], (box[3] - box[1]) / change.shape[0]
    for part, (x, y) in zip((change, -change), centres, strict=True):
        if not part.max() > 0:
            return False
        rows, columns = np.nonzero(part > 0.5 * part.max())
        if abs(box[0] + (columns.mean() + 0.5) * across - x) > max(1.5, across) \
                or abs(box[1] + (rows.mean() + 0.5) * down - y) > max(1.5, down):
            return False
    return True


def as_preprocess(preprocess: Preprocess | Probed | Callable[[Any], Any] | None, net: nn.Module | None = None,
                  sample_images: Sequence[np.ndarray] = ()) -> Preprocess | Probed:
    """A preprocessing with its geometry, from whatever a person passed.

    Parameters
    ----------
    preprocess : Preprocess, Probed, callable or None
        A Probed is returned unchanged. A Preprocess without a number of channels gets that of the net. A callable is
        probed. With None, the net's own configuration is used (`configured`); without one, the first usual size that
        the net accepts: the items' own size if they all have the same one, up to 256 pixels, else 224, else others.
    net : torch.nn.Module or None
        The net that will see the items; None when it is yet to be made.
    sample_images : sequence of ndarray
        A few of the items.

    Raises
    ------
    BadInput
        If `preprocess` is none of these.
    ModelError
        If the net accepts none of the usual views, or the callable fails on every item.
    """
    if isinstance(preprocess, Probed):
        return preprocess
    colour = any(image.ndim == 3 for image in sample_images)
    if preprocess is None:
        return _usual_view(net, sample_images, channels=(3, 1) if colour else (1, 3))
    if isinstance(preprocess, Preprocess):
        if preprocess.channels is not None:
            return preprocess
        if 3 in (len(preprocess.mean or ()), len(preprocess.std or ())):  # type: ignore[arg-type]
            return replace(preprocess, channels=3)
        return replace(preprocess, channels=_channels_taken(
            net, sample_images, [preprocess, *(replace(preprocess, channels=n) for n in (3, 1))]))
    if not callable(preprocess):
        raise BadInput(f"preprocess is {preprocess!r}; hw.Preprocess(size), a callable or None is expected.")
    return _probed(preprocess, net, sample_images, colour=colour)


def _probed(function: Callable[[Any], Any], net: nn.Module | None, sample_images: Sequence[np.ndarray], *,
            colour: bool) -> Probed:
    probed = Probed(function, colour=colour)
    taken, refusal = [], ""
    for image in sample_images:
        try:
            probed(image)
            taken.append(image)
        except ViewError as error:
            refusal = refusal or str(error)
    if refusal and not taken:
        raise ModelError(refusal)
    probed.channels = _channels_taken(net, taken, [Probed(function, channels=n) for n in (None, 3, 1)])
    if taken:
        probed.random = not torch.equal(probed(taken[0]), probed(taken[0]))
        probed.box(*taken[0].shape[:2])
    return probed


def _channels_taken(net: nn.Module | None, images: Sequence[np.ndarray],
                    ways: Sequence[Preprocess | Probed]) -> int | None:
    """Find the number of channels that a net accepts, by running it on an item with each; None if it accepts none.

    Without a net, the number that the views in colour have, or the only one.
    """
    if net is None or not images:
        return max((len(ways[0](image)) for image in images), default=None)
    trial = _Trial(net)
    views = (way(image) for image in images[:2] for way in ways)
    return next((len(view) for view in views if trial.refusal(view) is None), None)


class _Trial:
    """A copy of a net, on which views are tried: a forward may leave traces (running means, caches) in the net."""

    def __init__(self, net: nn.Module) -> None:
        self._net = copy.deepcopy(net).eval()
        self._weight = next((p for p in self._net.parameters() if p.is_floating_point()), torch.zeros(()))

    def refusal(self, view: Tensor) -> str | None:
        """The error with which the net refuses a view, or None."""
        try:
            with torch.no_grad():
                self._net(view[None].to(self._weight.device, self._weight.dtype))
        except Exception as error:  # a user's net, which may raise anything
            return in_short(error)
        return None


# 14 branches: the ways in which a view is found, in the order in which they are tried.
def _usual_view(net: nn.Module | None, sample_images: Sequence[np.ndarray], *,
                channels: tuple[int, ...]) -> Preprocess:
    """The first of the usual views that the net accepts; `channels` are tried in this order."""
    shapes = {image.shape[:2] for image in sample_images}
    own = [shape for shape in shapes if len(shapes) == 1 and max(shape) <= LARGEST_OWN]
    sizes = [*own, *((side, side) for side in SIZES)]
    if net is None:
        return Preprocess(sizes[0], channels=channels[0])
    first = next((layer for layer in net.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is not None and first.in_channels in channels:
        channels = (first.in_channels,)
    trial, refusal = _Trial(net), ""
    view = configured(net)
    if view is not None and trial.refusal(torch.zeros(view.channels or 3, *view.shape)) is None:
        return view
    for size, count in itertools.product(sizes, channels):
        refused = trial.refusal(torch.zeros(count, *size))
        if refused is None:
            return Preprocess(size, channels=count)
        refusal = refusal or f"a view of shape {(count, *size)} gave {refused}"
    raise ModelError(f"no usual view of the items fits the net: {refusal}. Say which it takes by "
                     "preprocess=hw.Preprocess(size, channels=...), or pass a callable from an item to a tensor.")


def in_short(error: BaseException) -> str:
    """The kind of an error and the beginning of its first line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:LONGEST_REFUSAL] + ' ...' if len(first) > LONGEST_REFUSAL else first}"


def configured(net: nn.Module) -> Preprocess | None:
    """The view that a net's own configuration names: timm's `pretrained_cfg`, or Hugging Face's `config`.

    Hugging Face's has size and channels only; its mean and std are in the net's image processor.

    Parameters
    ----------
    net : torch.nn.Module
        Its own configuration counts, or that of the first of its modules that has one.

    Returns
    -------
    Preprocess or None
        None if there is no usable configuration.
    """
    for module in net.modules():
        timm = [cfg for name in ("pretrained_cfg", "default_cfg")
                if (cfg := getattr(module, name, None)) is not None and _entry(cfg, "input_size")]
        try:
            if timm:
                return _of_timm(timm[0])
            if (config := getattr(module, "config", None)) is not None and _entry(config, "image_size"):
                channels = _entry(config, "num_channels")
                return Preprocess(_entry(config, "image_size"), channels=channels if channels in (1, 3) else None)
        except (BadInput, TypeError, ValueError, LookupError):
            return None
    return None


def _of_timm(cfg: Any) -> Preprocess:
    """What `timm.data.create_transform` makes of a configuration, with its defaults."""
    channels, *size = _entry(cfg, "input_size")
    fit: Fit = {"squash": "stretch", "border": "pad"}.get(_entry(cfg, "crop_mode"), "crop")  # type: ignore[assignment]
    interpolation = _entry(cfg, "interpolation")
    return Preprocess((size[0], size[1]), fit=fit, channels=channels,
                      mean=_entry(cfg, "mean") or IMAGENET_MEAN, std=_entry(cfg, "std") or IMAGENET_STD,
                      crop_pct=1.0 if fit == "pad" else _entry(cfg, "crop_pct") or 0.875,
                      interpolation=interpolation if interpolation in get_args(Interpolation) else "bicubic")


def _entry(config: Any, name: str) -> Any:
    return config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)


def without_preprocess(net: nn.Module, view: Preprocess | Probed) -> str | None:
    """A notice about a net that came without a preprocessing; None if its configuration has one.

    Parameters
    ----------
    net : torch.nn.Module
        The net.
    view : Preprocess or Probed
        The preprocessing that was chosen for it.
    """
    if not isinstance(view, Preprocess) or view.mean is not None:
        return None
    height, width = view.shape
    said = f"no preprocess was given: views are {height} x {width} pixels, divided by 255, not normalised"
    config = next((module.config for module in net.modules() if hasattr(module, "config")), None)
    if _entry(config, "image_size") or _entry(config, "model_type"):
        name = _entry(config, "_name_or_path") or "..."
        return f"{said}. Hugging Face's nets want their image processor: pass preprocess=AutoImageProcessor." \
               f"from_pretrained({name!r})."
    return f"{said}. If the net was trained on others, pass preprocess=hw.Preprocess(size, mean=..., std=...), or " \
           "the function that it was trained with."


def picture(view: Tensor) -> np.ndarray:
    """The net's view for a person to look at: uint8, (h, w) or (h, w, 3), the darkest black and the brightest white."""
    shown: np.ndarray = view.detach().float().cpu().numpy()
    shown = shown.transpose(1, 2, 0) if len(shown) == 3 else shown.mean(axis=0)
    low, high = float(shown.min()), float(shown.max())
    return np.round((shown - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)


def _as_view(output: Any) -> Tensor:
    if isinstance(output, Mapping):
        output = output["pixel_values"]
    if isinstance(output, (list, tuple)) and len(output) == 1:
        output = output[0]
    view = torch.as_tensor(output).detach().float().cpu()
    if view.ndim == 4 and len(view) == 1:
        view = view[0]
    if view.ndim == 2:
        view = view[None]
    if view.ndim != 3 or not view.numel():
        raise BadInput(f"it gave shape {tuple(view.shape)}; (C, h, w) is expected")
    return view


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", None) or type(function).__qualname__
