"""Feedback on explanations: the regions that people marked, ready for a training.

`feedback_of` collects the current regions and maps them to the net's views; `Feedback.reliance_of` measures how much a
model relies on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..errors import ItemError
from ..project.project import Project
from ..records import Decision
from .data import LabelledImages
from .predict import NetPredictor, is_of_texts
from .preprocess import Preprocess, Probed
from .rationales import Masks, Rationales, regions_on_views
from .reliance import Reliance, measure_reliance
from .text_feedback import TextFeedback, text_feedback_of
from .views import read_view

# Reliance is measured on this many items, at most: more hardly narrow its interval, and cost time.
MAX_MEASURED = 200


@dataclass(frozen=True)
class Feedback:
    """The marked items, of a training set and others.

    Attributes
    ----------
    rationales : Rationales
        The regions on the net's views, by rows of the training set, and wrong regions of unlabelled items.
    regions : list
        item_id and regions of each marked item, as stored in the log.
    views : Tensor, shape (n, C, h, w)
        The items with a wrong region, up to 200.
    wrong : Tensor of bool, shape (n, h, w)
        Their wrong regions.
    others : Tensor, shape (m, C, h, w)
        Items that nobody marked, up to 200, drawn at random.
    """

    rationales: Rationales
    regions: list[Any]
    views: Tensor
    wrong: Tensor
    others: Tensor

    def reliance_of(self, predictor: NetPredictor, *, seed: int) -> Reliance | None:
        """How much a model relies on the wrong regions; None where only missing ones were marked.

        Parameters
        ----------
        predictor : NetPredictor
            The model.
        seed : int
            Seed of the paint over the regions, so that two models see the same.
        """
        return measure_reliance(predictor, self.views, self.wrong, self.others, seed=seed) if len(self.views) else None


# Of images, or of texts.
AnyFeedback: TypeAlias = Feedback | TextFeedback


def feedback_of(project: Project, items: LabelledImages, view_of: Any) -> AnyFeedback | None:
    """The marked regions of a training set's items, and of items that were skipped or answered unsure.

    Several annotators' regions of an item are joined. Regions that can't be used are reported.

    Parameters
    ----------
    project : Project
        The project with the decisions.
    items : LabelledImages
        The training set.
    view_of : Preprocess, Probed, TextPreprocess or ProbedText
        Maps an item to the net's view of it.

    Returns
    -------
    Feedback, TextFeedback or None
        None where no region was marked.
    """
    if is_of_texts(project.pool):
        exact = np.ones(len(items), bool) if items.candidates is None else items.candidates.sum(axis=1) <= 1
        return text_feedback_of(project, items.item_ids, view_of, exact=exact)
    decisions = project.reasons()
    labelled = set(items.item_ids)
    names = [*items.item_ids, *(item_id for item_id in sorted(decisions)
                                if item_id not in labelled and may_teach(project, item_id))]
    views = _views(project, view_of, {row: name for row, name in enumerate(names) if name in decisions})
    if not views:
        return None
    first = next(iter(views.values()))
    # A missing region needs a label, whose probability must fall when the region is hidden.
    exact = np.zeros(len(names), bool)
    exact[:len(items)] = True if items.candidates is None else items.candidates.sum(axis=1) <= 1
    on_views = regions_on_views({row: _joined(decisions[names[row]], missing=bool(exact[row])) for row in views},
                                view_of.box, (first.shape[1], first.shape[2]))
    for row, why in on_views.left_out.items():
        project.notify(f"item {names[row]!r}: {why}, so that the training can't use it.")
    wrong = np.flatnonzero(on_views.wrong.flatten(1).any(dim=1).numpy())[:MAX_MEASURED]
    return Feedback(_with_unlabelled(on_views, views, len(items)),
                    [[names[row], _as_logged(decisions[names[row]])] for row in views],
                    _stacked((views[row] for row in on_views.rows[wrong].tolist()), like=first),
                    on_views.wrong[torch.from_numpy(wrong)], _unmarked(project, view_of, set(decisions), like=first))


def _views(project: Project, view_of: Preprocess | Probed, names: Mapping[int, str]) -> dict[int, Tensor]:
    """Row -> the net's view, of the items that can be read and whose view has the shape of the first."""
    views: dict[int, Tensor] = {}
    for row, name in names.items():
        with suppress(ItemError):
            view = read_view(project.pool, project.pool.position(name), view_of)[0]
            if not views or view.shape == next(iter(views.values())).shape:
                views[row] = view
    return views


def _stacked(views: Iterable[Tensor], *, like: Tensor) -> Tensor:
    """Views as one tensor, also if there are none."""
    listed = list(views)
    return torch.stack(listed) if listed else like.new_zeros(0, *like.shape)


def _as_logged(decisions: list[Decision]) -> list[list[Any]]:
    """Wrong and missing region of each decision, as stored in the log."""
    return [[None if region is None else region.to_dict() for region in (decision.wrong, decision.missing)]
            for decision in sorted(decisions, key=lambda decision: decision.annotator)]


def may_teach(project: Project, item_id: str) -> bool:
    """Whether an item is in the pool, and is neither a hold-out nor a gold item.

    Parameters
    ----------
    project : Project
    item_id : str
    """
    [position] = project.pool.positions([item_id]).tolist()
    return position >= 0 and not project.queue.holdout[position] and not project.queue.gold[position]


def _with_unlabelled(regions: Rationales, views: Mapping[int, Tensor], n_labelled: int) -> Rationales:
    """The regions, with the items whose row is `n_labelled` or more as unlabelled ones."""
    labelled = regions.rows < n_labelled
    keep, rest = torch.from_numpy(labelled), torch.from_numpy(~labelled)
    unlabelled = None if labelled.all() else (
        torch.stack([views[row] for row in regions.rows[~labelled].tolist()]), regions.wrong[rest])
    return Rationales(regions.rows[labelled], regions.wrong[keep], regions.missing[keep], regions.left_out, unlabelled)


def _joined(decisions: list[Decision], *, missing: bool) -> Masks:
    """All wrong regions of an item as one mask, and, if asked for, all missing ones."""
    wrong = [decision.wrong.mask() for decision in decisions if decision.wrong is not None]
    others = [decision.missing.mask() for decision in decisions if missing and decision.missing is not None]
    return (np.logical_or.reduce(wrong) if wrong else None), (np.logical_or.reduce(others) if others else None)


def _unmarked(project: Project, view_of: Preprocess | Probed, marked: set[str], *, like: Tensor) -> Tensor:
    """Views of items that nobody marked, drawn by the project's seed from the whole pool."""
    pool = project.pool
    views: list[Tensor] = []
    rng = np.random.default_rng(project.settings["seed"])
    for position in rng.choice(len(pool), min(len(pool), 2 * MAX_MEASURED), replace=False).tolist():
        if str(pool.ids[position]) not in marked and len(views) < MAX_MEASURED:
            with suppress(ItemError):
                view = read_view(pool, position, view_of)[0]
                views += [view] if view.shape == like.shape else []
    return _stacked(views, like=like)
