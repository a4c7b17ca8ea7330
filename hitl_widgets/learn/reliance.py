"""Reliance: how much a model's predictions depend on the regions that people marked.

Read `measure_reliance` first. The share of attribution in a region can fall while the prediction depends on the region
as before. Therefore the region is repainted, and the change of the prediction is measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ShapeError
from ..quality.intervals import student_mean
from ..records import Estimate
from .predict import NetPredictor
from .rationales import repaint

PAINTINGS = 4


@dataclass(frozen=True)
class Reliance:
    """How much a model's predictions hang on some regions, each figure from 0 to 1 with its n and 95 % interval.

    Attributes
    ----------
    marked : how far a prediction moves when the item's marked region is repainted: the mean total variation between
        the two, 0 when nothing changes, 1 when all of the probability moves to other labels
    unmarked : the same of other items, with the regions that were marked on the marked ones
    share : of the saliency of the predicted label, the part that lies in the marked regions
    area : of the view, the part that lies in them; a net that looks everywhere alike has this share
    """

    marked: Estimate
    unmarked: Estimate
    share: Estimate
    area: float

    def rows(self) -> dict[str, Estimate]:
        """The figures by what they are called in a table."""
        return {"reliance, marked items": self.marked, "reliance, unmarked items": self.unmarked,
                "attribution in the region": self.share}

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"area": self.area, **{name: None if not (figure := getattr(self, name)).n else
                                      [float(figure), figure.n, figure.low, figure.high]
                                      for name in ("marked", "unmarked", "share")}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Reliance:
        """Read what `to_dict` wrote."""
        marked, unmarked, share = (
            Estimate(math.nan) if body[name] is None else
            Estimate(body[name][0], body[name][2], body[name][3], n=body[name][1])
            for name in ("marked", "unmarked", "share"))
        return cls(marked=marked, unmarked=unmarked, share=share, area=body["area"])


def measure_reliance(predictor: NetPredictor, views: Tensor, regions: Tensor, others: Tensor, *,
                     seed: int = 0) -> Reliance:
    r"""Measure how a model's predictions move when regions are repainted, four times each.

    Of an item with the prediction p, and q_r after the r-th of R repaintings:

    .. math:: \frac{1}{R} \sum_r \frac{1}{2} \sum_k |p_k - q_{rk}|

    Parameters
    ----------
    predictor : its private copy of the net is asked, under its lock
    views : of the marked items, shape (n, C, h, w)
    regions : bool, shape (n, h, w), on them
    others : views of unmarked items, shape (m, C, h, w); they take the regions in turn, and patches come from them
    seed : of the paint, so that two models meet the same

    Raises
    ------
    ShapeError
        If the regions aren't as many or as large as the views.
    """
    if regions.shape != (len(views), *views.shape[2:]):
        raise ShapeError(f"regions have shape {tuple(regions.shape)}; the views ask for "
                         f"{(len(views), *views.shape[2:])}.")
    generator = torch.Generator().manual_seed(seed)
    taken = regions[torch.arange(len(others)) % max(1, len(regions))] if len(regions) else regions
    donors = others if len(others) else views
    return Reliance(marked=_average(_moves(predictor, views, regions, donors, generator)),
                    unmarked=_average(_moves(predictor, others, taken, donors, generator)),
                    share=_average(_shares(predictor, views, regions)),
                    area=float(regions.float().mean()) if len(regions) else math.nan)


def _average(shares: np.ndarray) -> Estimate:
    return student_mean(shares, within=(0, 1), why="no such item")


def _moves(predictor: NetPredictor, views: Tensor, regions: Tensor, donors: Tensor,
           generator: torch.Generator) -> np.ndarray:
    """Each item's mean total variation."""
    if not len(views):
        return np.array([])
    shown, moved = _probs(predictor, views), torch.zeros(len(views))
    for _ in range(PAINTINGS):
        painted = repaint(views, regions, generator, others=donors)
        moved += (_probs(predictor, painted) - shown).abs().sum(dim=1) / 2
    return (moved / PAINTINGS).numpy()


def _probs(predictor: NetPredictor, views: Tensor) -> Tensor:
    found = []
    for part in views.split(predictor.batch_size):
        with predictor.lock, torch.no_grad():
            found.append(predictor.logits(part).softmax(dim=1).cpu())
    return torch.cat(found)


def _shares(predictor: NetPredictor, views: Tensor, regions: Tensor) -> np.ndarray:
    """Each item's share of saliency inside its region; NaN where nothing has any."""
    shares = [np.array([])]
    for part, marked in zip(views.split(predictor.batch_size), regions.split(predictor.batch_size), strict=True):
        with predictor.lock, torch.enable_grad():
            shown = part.clone().to(predictor.device).requires_grad_()
            [slope] = torch.autograd.grad(predictor.logits(shown).amax(dim=1).sum(), shown)
        saliency = slope.abs().sum(dim=1).cpu()
        shares.append(((saliency * marked).sum(dim=(1, 2)) / saliency.sum(dim=(1, 2))).numpy())
    return np.concatenate(shares)
