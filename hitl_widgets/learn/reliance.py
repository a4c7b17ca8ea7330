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

N_REPAINTINGS = 4


@dataclass(frozen=True)
class Reliance:
    """How much a model's predictions depend on some regions; each estimate from 0 to 1 with its 95 % interval.

    Attributes
    ----------
    marked : Estimate
        How far a prediction moves when the item's marked region is repainted: the mean total variation between the two,
        0 when nothing changes, 1 when all of the probability moves to other labels. Of a detector, how far the score of
        an object moves.
    unmarked : Estimate
        The same for other items, which nobody marked, with the regions of the marked items.
    share : Estimate
        The share of the predicted label's saliency that lies in the marked regions.
    area : float
        The share of the view that the marked regions cover. A net that depends on all pixels equally has this `share`.
    """

    marked: Estimate
    unmarked: Estimate
    share: Estimate
    area: float

    def rows(self) -> dict[str, Estimate]:
        """The estimates by their names in a table."""
        return {"reliance, marked items": self.marked, "reliance, unmarked items": self.unmarked,
                "attribution in the region": self.share}

    def to_dict(self) -> dict[str, Any]:
        """The estimates, ready for JSON."""
        return {"area": self.area, **{name: [float(estimate), estimate.n, estimate.low, estimate.high]
                                      if (estimate := getattr(self, name)).n else None
                                      for name in ("marked", "unmarked", "share")}}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Reliance:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        body : mapping
            Its result.
        """
        marked, unmarked, share = (
            Estimate(math.nan) if body[name] is None else
            Estimate(body[name][0], body[name][2], body[name][3], n=body[name][1])
            for name in ("marked", "unmarked", "share"))
        return cls(marked=marked, unmarked=unmarked, share=share, area=body["area"])


def measure_reliance(predictor: NetPredictor, views: Tensor, regions: Tensor, others: Tensor, *,
                     seed: int = 0) -> Reliance:
    r"""Measure how a model's predictions move when regions are repainted, four times each.

    For an item with the prediction p, and q_r after the r-th of R repaintings:

    .. math:: \frac{1}{R} \sum_r \frac{1}{2} \sum_k |p_k - q_{rk}|

    Where an item may have several labels, it is the largest |p_k - q_rk| of its labels in place of half the sum.

    Parameters
    ----------
    predictor : NetPredictor
        Its private copy of the net is used, under its lock.
    views : Tensor, shape (n, C, h, w)
        The marked items.
    regions : Tensor of bool, shape (n, h, w)
        Their regions.
    others : Tensor, shape (m, C, h, w)
        Unmarked items; they take the regions in turn, and patches to repaint with come from them.
    seed : int
        Seed of the paint, so that two models see the same repaintings.

    Raises
    ------
    ShapeError
        If regions and views differ in number or size.
    """
    if regions.shape != (len(views), *views.shape[2:]):
        raise ShapeError(f"regions have shape {tuple(regions.shape)}; the views ask for "
                         f"{(len(views), *views.shape[2:])}.")
    generator = torch.Generator().manual_seed(seed)
    in_turn = regions[torch.arange(len(others)) % max(1, len(regions))] if len(regions) else regions
    donors = others if len(others) else views
    return Reliance(marked=mean_share(_variations(predictor, views, regions, donors, generator)),
                    unmarked=mean_share(_variations(predictor, others, in_turn, donors, generator)),
                    share=mean_share(_saliency_shares(predictor, views, regions)),
                    area=float(regions.float().mean()) if len(regions) else math.nan)


def mean_share(shares: np.ndarray) -> Estimate:
    """The mean of values from 0 to 1 with its interval; those that aren't finite are left out."""
    return student_mean(shares, within=(0, 1), why="no such item")


def _variations(predictor: NetPredictor, views: Tensor, regions: Tensor, donors: Tensor,
                generator: torch.Generator) -> np.ndarray:
    """Each item's mean total variation."""
    if not len(views):
        return np.array([])
    probs, total = _probs(predictor, views), torch.zeros(len(views))
    for _ in range(N_REPAINTINGS):
        repainted = repaint(views, regions, generator, others=donors)
        moved = (_probs(predictor, repainted) - probs).abs()
        total += moved.amax(dim=1) if predictor.multilabel else moved.sum(dim=1) / 2
    return (total / N_REPAINTINGS).numpy()


def _probs(predictor: NetPredictor, views: Tensor) -> Tensor:
    probs = []
    for batch in views.split(predictor.batch_size):
        with predictor.lock, torch.no_grad():
            probs.append(predictor.probs(batch).cpu())
    return torch.cat(probs)


def _saliency_shares(predictor: NetPredictor, views: Tensor, regions: Tensor) -> np.ndarray:
    """Each item's share of saliency inside its region; NaN where all of it is 0."""
    shares = [np.array([])]
    for batch, region in zip(views.split(predictor.batch_size), regions.split(predictor.batch_size), strict=True):
        with predictor.lock, torch.enable_grad():
            inputs = batch.clone().to(predictor.device).requires_grad_()
            [slope] = torch.autograd.grad(predictor.logits(inputs).amax(dim=1).sum(), inputs)
        saliency = slope.abs().sum(dim=1).cpu()
        shares.append(((saliency * region).sum(dim=(1, 2)) / saliency.sum(dim=(1, 2))).numpy())
    return np.concatenate(shares)
