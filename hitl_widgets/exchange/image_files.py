"""Images in a folder of annotation files: find the image of an annotation file, and its size. Read `ImageFiles`."""

from __future__ import annotations

from pathlib import PurePosixPath

from PIL import Image

from ..items.images import size_of
from .files import IMAGE_SUFFIXES, Source

# FOLDERS: split -> name of the folder when writing. SPLITS: name of a folder -> split when reading.
FOLDERS = {None: "train", "train": "train", "holdout": "val"}
SPLITS = {"train": "train", "val": "holdout", "valid": "holdout", "validation": "holdout", "test": "holdout"}


def split_of(name: str) -> str | None:
    """The split of a file, from the names of its folders; None if none of them names a split.

    Examples
    --------
    >>> split_of("labels/Valid/a.txt"), split_of("train.txt")
    ('holdout', None)
    """
    return next((SPLITS[part.lower()] for part in PurePosixPath(name).parts[:-1] if part.lower() in SPLITS), None)


class ImageFiles:
    """The images in a folder, found by their paths without the file extension.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sizes: dict[str, tuple[int, int] | None] = {}
        self.names = source.names(*IMAGE_SUFFIXES)
        self._by_path = {name.rpartition(".")[0]: name for name in self.names}
        stems: dict[str, str | None] = {}
        for name in self.names:
            stem = PurePosixPath(name).stem
            stems[stem] = None if stem in stems else name
        self._by_stem = {stem: name for stem, name in stems.items() if name is not None}

    def beside(self, name: str, *folders: tuple[str, str]) -> str | None:
        """Find the image of an annotation file: "labels/a.txt" -> "images/a.png", for example.

        Parameters
        ----------
        name : str
            Path of the annotation file.
        *folders : (str, str)
            Name of a folder of annotation files, and name of the folder that has the images instead.

        Returns
        -------
        str or None
            Path of the image in the folder of images. If it isn't there, the image in the same folder as the
            annotation file; if that isn't there, the only image in any folder with this name; otherwise None.
        """
        path = PurePosixPath(name).with_suffix("")
        parts = list(path.parts)
        for labels, images in folders:
            for n in range(len(parts) - 2, -1, -1):
                if parts[n].lower() == labels:
                    if (found := self._by_path.get("/".join([*parts[:n], images, *parts[n + 1:]]))) is not None:
                        return found
                    break
        return self._by_path.get(path.as_posix()) or self._by_stem.get(path.name)

    def size(self, name: str | None, *others: str | None) -> tuple[int, int] | None:
        """Width and height of an image as it is shown, from the pool or from the header of the image file.

        Parameters
        ----------
        name : str or None
            Path of the image in the folder.
        *others : str or None
            Ids and names that the image may have in the pool.
        """
        if (known := self._source.size_of(*others, name)) is not None or name is None:
            return known
        if name not in self._sizes:
            self._sizes[name] = self._read(name)
        return self._sizes[name]

    def _read(self, name: str) -> tuple[int, int] | None:
        try:
            with Image.open(self._source.file(name)) as image:
                height, width = size_of(image)
                return width, height
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
