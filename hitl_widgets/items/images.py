"""Images: files opened safely, and turned into what a person and a net see.

`open_image` makes a Pillow image of a file; `as_seen` makes any Pillow image 8-bit grey or RGB, upright. Colour
profiles are ignored, as a net's usual loader does: what the person sees is what the net sees.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ..errors import BadInput, ImageError, ItemError

# EPS would run Ghostscript on a file that nobody vetted; of the others Pillow reads no more than the header.
_NOT_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}

# What Pillow's plugins raise on damaged files, and words for some of it.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AssertionError, AttributeError,
           EOFError, MemoryError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)
_FAULTS = ((FileNotFoundError, "there is no such file", "Put it back"),
           (PermissionError, "it may not be read ({error})", "Put a copy that may be read in its place"),
           (UnidentifiedImageError, "it isn't an image of a known format", "Save it anew as PNG or JPEG"),
           (MemoryError, "there isn't enough memory for it", "Shrink it"),
           (Image.DecompressionBombError, "it is too large ({error})",
            "Shrink it or cut it into tiles, raise PIL.Image.MAX_IMAGE_PIXELS"),
           (Exception, "it is damaged ({error})", "Replace it by a sound copy"))

_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}


@dataclass(frozen=True, slots=True)
class Picture:
    """An item as the browser gets it: `data` of type `mime`, of an item that is `height` by `width` at full size."""

    data: bytes
    mime: str
    height: int
    width: int


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.ID if name not in _NOT_PICTURES]


def images_in(folder: Path) -> list[str]:
    """The paths, from `folder` on, of the files in and below it whose names end like an image's: posix, sorted."""
    if not folder.is_dir():
        raise BadInput(f"{str(folder)!r} is a file; pass its folder, or [path]." if folder.exists()
                       else f"there is no folder {str(folder)!r}.")
    formats = set(_formats())
    endings = {end for end, name in Image.registered_extensions().items() if name in formats}
    found = []
    for place, folders, files in os.walk(folder):
        # Hidden: .ipynb_checkpoints keeps copies of images, and macOS leaves a ._name beside every name.
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name).relative_to(folder).as_posix() for name in files
                  if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings]
    if not found:
        raise BadInput(f"folder {str(folder)!r} holds no image: no name in it or below it ends in .png, .jpg, .tif or "
                       "another ending that Pillow knows.")
    return sorted(found)


def check_pixels(dtype: np.dtype, shape: tuple[int, ...], name: str) -> None:
    """Refuse, as BadInput, what isn't uint8 and, for each image, of shape (H, W) or (H, W, C)."""
    if dtype != np.uint8:
        cure = {"f": f"({name} * 255).round().astype('uint8') if they run from 0 to 1",
                "b": f"{name}.astype('uint8') * 255",
                "u": f"({name} / 257).round().astype('uint8') if they run from 0 to 65535"}.get(
                    dtype.kind, f"{name}.clip(0, 255).astype('uint8') if they run from 0 to 255")
        raise BadInput(f"{name} holds {dtype} numbers; uint8 from 0 to 255 is expected. Pass {cure}.")
    if len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4):
        raise BadInput(f"{name} has its channels first; they are expected last. Pass np.moveaxis({name}, -3, -1).")
    if len(shape) not in (2, 3) or shape[2:] not in ((), (1,), (3,), (4,)) or 0 in shape:
        raise BadInput(f"{name} has images of shape {shape}; (H, W), or (H, W, C) with C of 1, 3 or 4, is expected "
                       "for each. Pass [image] for a pool of one.")


def open_image(file: BinaryIO) -> Image.Image:
    """The image in an open file, its first frame if there are several; its pixels are read when first used.

    Raises
    ------
    PIL.Image.DecompressionBombError
        If it has more pixels than Pillow's own limit, `PIL.Image.MAX_IMAGE_PIXELS` (89 million unless changed).
    PIL.UnidentifiedImageError
        If it is no image.
    """
    # Image.open(formats=...) would do, but for large images: it warns before their size can be read (a warning can't be
    # silenced without changing the filters of every thread), and from twice its limit on its error lacks the sides.
    start = file.read(16)
    for name in _formats():
        plugin, accepts = Image.OPEN[name]
        try:
            if accepts and accepts(start) is not True:
                continue
            file.seek(0)
            image = plugin(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
        n_pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
        if limit is not None and n_pixels > limit:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} = {n_pixels / 1e6:.0f} megapixels; "
                                               f"at most {limit / 1e6:.0f} are opened")
        return image
    raise UnidentifiedImageError


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn any error in the with block into an ImageError that says what was wrong with `name`, and what to do."""
    try:
        yield
    except ItemError:  # it says so already
        raise
    except _DAMAGE as error:
        fault, cure = next((fault, cure) for kind, fault, cure in _FAULTS if isinstance(error, kind))
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ImageError(f"{name} can't be shown: {fault.format(error=said)}. {cure}, or flag the item as bad data "
                         "and go on.") from error


def _orientation(image: Image.Image) -> int:
    # Pillow turns a TIFF itself, and would read all the pixels of a PNG to look for EXIF behind them.
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:
        return 1  # damaged EXIF says nothing of the pixels


def size_of(image: Image.Image) -> tuple[int, int]:
    """Height and width of the image when upright; its pixels aren't read."""
    width, height = image.size
    return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def reduce(image: Image.Image, height: float, width: float) -> None:
    """Have an image that isn't read yet decoded smaller, at least twice as large as (height, width) when upright.

    A JPEG is decoded at a half, a quarter or an eighth of its size, in a fraction of the time; others stay as they are.
    """
    if _orientation(image) in (5, 6, 7, 8):
        height, width = width, height
    image.draft(None, (math.ceil(2 * width), math.ceil(2 * height)))


def as_seen(image: Image.Image) -> Image.Image:
    """The image as a person should see it: upright by its EXIF, of mode L or RGB. The one given isn't changed.

    Transparent parts are laid over white, for an icon's and a drawing's ink is mostly dark. 16-bit grey is scaled by
    1/257, or from 0..4095 when nothing is brighter (12-bit cameras keep their data so); 32-bit integers and floats
    from their smallest to their largest finite value, where NaN counts as the smallest.
    """
    turn = _TURNS.get(_orientation(image))
    image.load()
    if image.mode[0] in "IF":
        seen = Image.fromarray(_grey8(image))
    elif image.has_transparency_data:
        grey = image.mode in ("1", "L", "LA", "La")
        clear = image.convert("LA" if grey else "RGBA")
        seen = Image.new("L" if grey else "RGB", image.size, "white")
        seen.paste(clear.convert(seen.mode), mask=clear.getchannel("A"))
    elif image.mode in ("L", "RGB"):
        seen = image
    else:
        seen = image.convert("L" if image.mode == "1" else "RGB")
    return seen if turn is None else seen.transpose(turn)


def as_seen_reduced(image: Image.Image, height: float, width: float) -> Image.Image:
    """`as_seen` of an image that isn't read yet, or a smaller copy, at least twice as large as (height, width)."""
    whole, orientation = image.size, _orientation(image)
    reduce(image, height, width)
    seen = as_seen(image)
    # A side that can't be divided is rounded up: what is beyond the image is cut off again, lest it be shifted.
    scale = 2 ** max(0, round(math.log2(max(1.0, whole[0] / image.width, whole[1] / image.height))))
    right, bottom = whole[0] / scale, whole[1] / scale
    if (right, bottom) == image.size:
        return seen
    box = [0.0, 0.0, right, bottom]
    if orientation in (2, 3, 7, 8):
        box[0], box[2] = image.width - right, image.width
    if orientation in (3, 4, 6, 7):
        box[1], box[3] = image.height - bottom, image.height
    if orientation in (5, 6, 7, 8):
        box = [box[1], box[0], box[3], box[2]]
    size = max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))
    return seen.resize(size, Image.Resampling.BILINEAR, box=tuple(box))


def _grey8(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    # Pillow opens a PGM of 16 bits as one of 32.
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        values = values.astype(np.uint16)
        top = 4095 if values.max() < 4096 else 65535
        by_value: np.ndarray = np.rint(np.arange(top + 1) * (255 / top)).astype(np.uint8)
        return np.take(by_value, values)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    scaled = (values - np.float64(low)) * (255 / (high - low or 1.0))
    seen: np.ndarray = np.rint(np.nan_to_num(scaled.clip(0, 255), nan=0.0)).astype(np.uint8)
    return seen


def _shrink(image: Image.Image, side: int) -> Image.Image:
    """The image as seen, with neither side longer than `side` pixels and no memory of its file; never enlarged."""
    height, width = size_of(image)
    scale = min(1.0, side / max(height, width))
    reduce(image, scale * height, scale * width)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = as_seen(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.info = {}  # else colour profile, comment and place of the photograph would go along
    return small


def picture_of(image: Image.Image, max_side: int) -> Picture:
    """The image for the browser: PNG up to a megapixel, JPEG of high quality above."""
    height, width = size_of(image)
    small = _shrink(image, max_side)
    if small.width * small.height <= 1_000_000:
        return Picture(_as_png(small), "image/png", height, width)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=92, subsampling="4:4:4")
    return Picture(data.getvalue(), "image/jpeg", height, width)


def thumbnail_of(image: Image.Image, side: int) -> bytes:
    """The image as a PNG, neither side longer than `side` pixels."""
    return _as_png(_shrink(image, side))


def thumbnail_in(folder: Path, name: str, side: int) -> bytes:
    """A small PNG of an image file inside a folder.

    Raises
    ------
    ImageError
        When the path leads out of the folder, or no image can be read there.
    """
    try:
        path = (folder / name).resolve()
        is_file = path.is_file()
    except (OSError, ValueError) as error:  # too long, or with a NUL
        raise ImageError(f"{name!r:.80} can't be the name of a file: {error}.") from error
    if not path.is_relative_to(folder.resolve()):
        raise ImageError(f"{name!r} lies outside the project's folder; name an item of the pool, or put the image "
                         "there.")
    if not is_file:
        raise ImageError(f"{name!r} is neither an item of the pool nor an image in the project's folder.")
    with explained(name), path.open("rb") as file, open_image(file) as image:
        return thumbnail_of(image, side)


def _as_png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1)  # for speed rather than size
    return data.getvalue()
