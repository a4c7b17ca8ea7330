"""Where on the training items did people say that the reason was wrong?

`marked_items` collects the regions that stand and brings them to the net's views; `Marked.rely` asks a model how much
it leans on them. Read these two.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ImageError
from .learn.finetune import LabelledImages
from .learn.predict import NetPredictor
from .learn.reasons import Marks, Masks, place
from .learn.reliance import Reliance, rely
from .records import Decision
from .shelf import Shelf

# Items that are asked for a figure of reliance: more narrow its interval little, and cost time.
ENOUGH = 200


@dataclass(frozen=True)
class Marked:
    """The marked items of a training set.

    Attributes
    ----------
    marks : on the net's views, by their rows in the training set
    said : item_id and regions of all of them, as the log has them
    views, wrong : of the items with a wrong region, up to 200, and where it is
    others : views of items that nobody marked, up to 200, drawn by chance
    """

    marks: Marks
    said: list[Any]
    views: Tensor
    wrong: Tensor
    others: Tensor

    def rely(self, predictor: NetPredictor, *, seed: int) -> Reliance | None:
        """How much a model leans on the wrong regions; None where only missing ones were marked."""
        return rely(predictor, self.views, self.wrong, self.others, seed=seed) if len(self.views) else None


def marked_items(shelf: Shelf, items: LabelledImages) -> Marked | None:
    """What people marked on the items of a training set; None where that is nothing.

    Several annotators' regions of an item are joined. What can't be heard is said.
    """
    reasons, row_of = shelf.project.reasons(), {item_id: row for row, item_id in enumerate(items.item_ids)}
    known = {row_of[item_id]: decisions for item_id, decisions in sorted(reasons.items()) if item_id in row_of}
    views: dict[int, Tensor] = {}
    for row in known:
        with suppress(ImageError):
            views[row] = items.images[row]
    if not views:
        return None
    size = next(iter(views.values())).shape[1:]
    marks = place({row: _joined(known[row]) for row in views}, shelf.view.box, (size[0], size[1]))
    for row, why in marks.left_out.items():
        shelf.project.say(f"item {items.item_ids[row]!r}: {why}, so that the training can't hear it.")
    said = [[items.item_ids[row], [[None if region is None else region.as_body() for region in (d.wrong, d.missing)]
                                  for d in sorted(known[row], key=lambda decision: decision.annotator)]]
            for row in views]
    chosen = [i for i in range(len(marks)) if marks.wrong[i].any()][:ENOUGH]
    shown = [views[row] for row in marks.rows[chosen].tolist()]
    return Marked(marks, said, torch.stack(shown) if shown else torch.zeros(0, 1, *size), marks.wrong[chosen],
                  _others(shelf, set(reasons), like=next(iter(views.values()))))


def _joined(decisions: list[Decision]) -> Masks:
    """All wrong regions of an item as one mask, and all missing ones."""
    wrong = [decision.wrong.mask() for decision in decisions if decision.wrong is not None]
    missing = [decision.missing.mask() for decision in decisions if decision.missing is not None]
    return (np.logical_or.reduce(wrong) if wrong else None), (np.logical_or.reduce(missing) if missing else None)


def _others(shelf: Shelf, marked: set[str], *, like: Tensor) -> Tensor:
    """Views of items that nobody marked, drawn by the project's seed from the whole pool."""
    pool = shelf.project.pool
    views: list[Tensor] = []
    rng = np.random.default_rng(shelf.project.settings["seed"])
    for position in rng.choice(len(pool), min(len(pool), 2 * ENOUGH), replace=False).tolist():
        if str(pool.ids[position]) not in marked and len(views) < ENOUGH:
            with suppress(ImageError):
                view = shelf.view(pool.load(position))
                views += [view] if view.shape == like.shape else []
    return torch.stack(views) if views else like.new_zeros(0, *like.shape)
