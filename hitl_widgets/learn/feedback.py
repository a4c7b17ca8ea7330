"""Feedback on explanations: the regions that people marked, ready for a training.

`feedback_of` collects the current regions and maps them to the net's views; `Feedback.reliance_of` measures how much a
model relies on them. Read these two.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ImageError
from ..project.project import Project
from ..records import Decision
from .predict import NetPredictor
from .preprocess import Preprocess, Probed
from .rationales import Masks, Rationales, place
from .reliance import Reliance, measure_reliance
from .train import LabelledImages

# Items that are asked for a figure of reliance: more narrow its interval little, and cost time.
ENOUGH = 200


@dataclass(frozen=True)
class Feedback:
    """The marked items, of a training set and others.

    Attributes
    ----------
    rationales : the regions on the net's views, by rows of the training set, and wrong regions of unlabelled items
    regions : item_id and regions of all of them, as the log has them
    views, wrong : of the items with a wrong region, up to 200, and where it is
    others : views of items that nobody marked, up to 200, drawn by chance
    """

    rationales: Rationales
    regions: list[Any]
    views: Tensor
    wrong: Tensor
    others: Tensor

    def reliance_of(self, predictor: NetPredictor, *, seed: int) -> Reliance | None:
        """How much a model leans on the wrong regions; None where only missing ones were marked."""
        return measure_reliance(predictor, self.views, self.wrong, self.others, seed=seed) if len(self.views) else None


def feedback_of(project: Project, items: LabelledImages, view_of: Preprocess | Probed) -> Feedback | None:
    """What people marked on the items of a training set, and on those that were skipped or answered unsure; None where
    that is nothing.

    Several annotators' regions of an item are joined. What can't be heard is said.
    """
    n = len(items)
    reasons, answered = project.reasons(), set(items.item_ids)
    beyond = [item_id for item_id in sorted(reasons) if item_id not in answered and _may_teach(project, item_id)]
    names = [*items.item_ids, *beyond]
    known = {row: reasons[item_id] for row, item_id in enumerate(names) if item_id in reasons}
    views: dict[int, Tensor] = {}
    for row in known:
        with suppress(ImageError):
            views[row] = view_of(project.pool.load(project.pool.position(names[row])))
    if not views:
        return None
    size = next(iter(views.values())).shape[1:]
    doubted = np.zeros(n, bool) if items.candidates is None else items.candidates.sum(axis=1) > 1
    placed = place({row: _joined(known[row], answered=row < n and not doubted[row]) for row in views}, view_of.box,
                   (size[0], size[1]))
    for row, why in placed.left_out.items():
        project.notify(f"item {names[row]!r}: {why}, so that the training can't hear it.")
    said = [[names[row], [[None if region is None else region.to_dict() for region in (d.wrong, d.missing)]
                          for d in sorted(known[row], key=lambda decision: decision.annotator)]] for row in views]
    chosen = [i for i in range(len(placed)) if placed.wrong[i].any()][:ENOUGH]
    shown = [views[row] for row in placed.rows[chosen].tolist()]
    return Feedback(_apart(placed, views, n), said, torch.stack(shown) if shown else torch.zeros(0, 1, *size),
                  placed.wrong[chosen], _others(project, view_of, set(reasons), like=next(iter(views.values()))))


def _may_teach(project: Project, item_id: str) -> bool:
    """Whether an item is in the pool, and isn't one that measures."""
    [place] = project.pool.positions([item_id]).tolist()
    return place >= 0 and not project.queue.holdout[place] and not project.queue.gold[place]


def _apart(placed: Rationales, views: Mapping[int, Tensor], n: int) -> Rationales:
    """The marks of the n items of a training set, and beside them those of items beyond, which have no answer."""
    inside = placed.rows < n
    keep, rest = torch.from_numpy(inside), torch.from_numpy(~inside)
    beyond = None if inside.all() else (torch.stack([views[row] for row in placed.rows[~inside].tolist()]),
                                        placed.wrong[rest])
    return Rationales(placed.rows[inside], placed.wrong[keep], placed.missing[keep], placed.left_out, beyond)


def _joined(decisions: list[Decision], *, answered: bool) -> Masks:
    """All wrong regions of an item as one mask, and all missing ones: those ask that its answer's probability falls, so
    that they need one."""
    wrong = [decision.wrong.mask() for decision in decisions if decision.wrong is not None]
    missing = [decision.missing.mask() for decision in decisions if answered and decision.missing is not None]
    return (np.logical_or.reduce(wrong) if wrong else None), (np.logical_or.reduce(missing) if missing else None)


def _others(project: Project, view_of: Preprocess | Probed, marked: set[str], *, like: Tensor) -> Tensor:
    """Views of items that nobody marked, drawn by the project's seed from the whole pool."""
    pool = project.pool
    views: list[Tensor] = []
    rng = np.random.default_rng(project.settings["seed"])
    for position in rng.choice(len(pool), min(len(pool), 2 * ENOUGH), replace=False).tolist():
        if str(pool.ids[position]) not in marked and len(views) < ENOUGH:
            with suppress(ImageError):
                view = view_of(pool.load(position))
                views += [view] if view.shape == like.shape else []
    return torch.stack(views) if views else like.new_zeros(0, *like.shape)
