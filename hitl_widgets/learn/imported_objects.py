"""Imported objects as a detector of the project: their coordinates, labels and scores, without a net.

`objects_net_of` makes an `ImportedObjects` from a table; it is versioned, stored and adopted like a detector.
`ImportedDetector` looks objects up in it by the items' ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from ..items.pool import Pool
from ..records import KindOfShape
from .imported import Content, checksums, content_sum, no_net, rows_of_items
from .object_predictors import Candidate
from .weights import shapes_in

# Tensors in a file of imported objects, and their dtypes.
TENSORS = {"items": torch.int64, "contents": torch.int64, "labels": torch.int64, "first": torch.int64,
           "numbers": torch.int64, "scores": torch.float64, "at": torch.float64, "first_at": torch.int64}


class ImportedObjects(nn.Module):
    """Objects of items, stored as the buffers of a module, so that `weights_version` is a hash of them.

    Parameters
    ----------
    items, contents : Tensor of int64, shape (n,)
        Checksums of ids and contents, as for `ImportedNet`.
    labels : Tensor of int64, shape (n_labels,)
        A checksum of each label's id.
    first : Tensor of int64, shape (n + 1,)
        Index of each item's first object, and the number of all objects.
    numbers : Tensor of int64, shape (n_objects,)
        Index of each object's label.
    scores : Tensor of float64, shape (n_objects,)
    at : Tensor of float64, shape (n_coordinates,)
        The coordinates of all objects, concatenated.
    first_at : Tensor of int64, shape (n_objects + 1,)
        Index of each object's first coordinate, and the number of all coordinates.
    """

    items: Tensor
    contents: Tensor
    labels: Tensor
    first: Tensor
    numbers: Tensor
    scores: Tensor
    at: Tensor
    first_at: Tensor

    def __init__(self, **tensors: Tensor) -> None:
        super().__init__()
        for name in TENSORS:
            self.register_buffer(name, tensors[name])

    def __deepcopy__(self, memo: dict[int, Any]) -> ImportedObjects:
        return ImportedObjects(**{name: getattr(self, name) for name in TENSORS})  # shared: nothing changes them

    def forward(self, *views: Any, **named: Any) -> Tensor:
        """Raise ModelError: objects are looked up by item id, and can't be computed from views."""
        raise no_net("search another item")

    def candidates(self, row: int) -> list[Candidate]:
        """The objects of an item by its row, the best first."""
        found = []
        for one in range(int(self.first[row]), int(self.first[row + 1])):
            at = self.at[int(self.first_at[one]):int(self.first_at[one + 1])].tolist()
            found.append(Candidate(tuple(at), int(self.numbers[one]), float(self.scores[one])))
        return found

    def extra_repr(self) -> str:
        """Number of items and of objects."""
        return f"{len(self.items)} items, {len(self.numbers)} objects"


class ImportedDetector:
    """Proposes the objects that an `ImportedObjects` has for the items of a pool, in place of a `Detector`.

    Parameters
    ----------
    net : ImportedObjects
    pool : Pool
    kind : "box", "polygon", "point" or "span"
        What the objects are.
    content : callable
        See `imported.net_of`.
    """

    def __init__(self, net: ImportedObjects, pool: Pool, kind: KindOfShape, *, content: Content) -> None:
        self.net, self.kind, self._content = net, kind, content
        self._rows = rows_of_items(net.items, pool.ids)

    def predict(self, items: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """Raise ModelError: objects are looked up by item id, and can't be found in other images or texts."""
        raise no_net("search another item")

    def candidates(self, position: int) -> list[Candidate]:
        """The objects of the item at a position; empty where the table has none, or the item has changed."""
        row = int(self._rows[position])
        then = 0 if row < 0 else int(self.net.contents[row])
        if row < 0 or (then and content_sum(self._content(position)) != then):
            return []
        found = self.net.candidates(row)
        return [one._replace(at=tuple(map(int, one.at))) for one in found] if self.kind == "span" else found


def objects_net_of(pool: Pool, found: Mapping[int, Sequence[Candidate]], label_ids: Sequence[str], *,
                   content: Content) -> ImportedObjects:
    """Make an `ImportedObjects` from the objects of some items of a pool, for `ObjectRegistry.add_objects`.

    Parameters
    ----------
    pool : Pool
    found : mapping of int to sequence of Candidate
        Position -> its objects in any order, whose labels are indices in `label_ids`.
    label_ids : sequence of str
    content : callable
        See `imported.net_of`.
    """
    positions = np.array(sorted(found), np.int64)
    items = checksums(str(item_id) for item_id in pool.ids[positions])
    order = np.argsort(items)
    positions = positions[order]
    objects = [sorted(found[int(position)], key=lambda one: (-one.score, one.at, one.label)) for position in positions]
    each = [one for some in objects for one in some]
    return ImportedObjects(
        items=torch.from_numpy(items[order]),
        contents=torch.tensor([content_sum(content(int(position))) for position in positions], dtype=torch.int64),
        labels=torch.from_numpy(checksums(label_ids)), first=_begins(len(some) for some in objects),
        numbers=torch.tensor([int(one.label) for one in each], dtype=torch.int64),
        scores=torch.tensor([one.score for one in each], dtype=torch.float64),
        at=torch.tensor([number for one in each for number in one.at], dtype=torch.float64),
        first_at=_begins(len(one.at) for one in each))


def _begins(lengths: Any) -> Tensor:
    return torch.tensor(np.cumsum([0, *lengths]), dtype=torch.int64)


def holds_imported_objects(path: Path) -> bool:
    """Whether a file of weights is that of an `ImportedObjects`; False for one that isn't there or can't be read.

    Parameters
    ----------
    path : Path
        The safetensors file.
    """
    with suppress(OSError, SafetensorError):
        return set(shapes_in(path)) == set(TENSORS)
    return False


def unfilled_imported_objects(path: Path) -> ImportedObjects:
    """A net with the shapes in a file for which `holds_imported_objects` is true, for `load_weights`."""
    return ImportedObjects(**{name: torch.zeros(shape, dtype=TENSORS[name])
                              for name, shape in shapes_in(path).items()})
