"""Rationale losses: training with the regions that people marked as wrong or missing reasons.

Two losses to add in a training loop: `penalty` for a net that learns from the start, `invariance` for one that learnt
the wrong reason already. Read these two first; `RationaleLoss` is what `train` makes of them, and `place` maps the
marked regions to the net's view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ModelError, ShapeError
from .microbatch import out_of_memory
from .predict import read_logits
from .preprocess import Box

RationaleMethod = Literal["penalty", "invariance"]
Augment = Callable[[Tensor, torch.Generator], Tensor]
Masks = tuple[np.ndarray | None, np.ndarray | None]

# Feedback items beside each batch of 16: with 8, a fine-tuning took 2.1 times as long as a plain one.
AT_ONCE = 6
WEIGHTS = {"penalty": 1.0, "invariance": 5.0}
# Where two predictions are nearer than this, in nats, their distance is smooth: a root is steep without end at 0.
SMOOTH = 1e-3
# How much of a pixel of the view must be marked, so that the pixel is; a probed box is right to a few hundredths.
MARKED_SHARE = 0.1


@dataclass(frozen=True)
class Rationales:
    """The regions that people marked, on the net's views.

    Attributes
    ----------
    rows : int64, shape (n_marked,), of the images
    wrong, missing : bool, shape (n_marked, h, w): what should not have counted, and what should have; either may be
        empty for an item
    left_out : row -> why its region says nothing to the net
    unanswered : views, shape (n, C, h, w), and wrong regions, bool, shape (n, h, w), of further items that nobody gave
        a label: what should not count can be heard without one
    """

    rows: np.ndarray
    wrong: Tensor
    missing: Tensor
    left_out: Mapping[int, str]
    unanswered: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.wrong) == len(self.missing) or self.wrong.shape != self.missing.shape:
            raise ShapeError(f"{len(self.rows)} rows, wrong regions of shape {tuple(self.wrong.shape)} and missing "
                             f"ones of {tuple(self.missing.shape)} were given; (n_rows, h, w) is expected of both.")

    def __len__(self) -> int:
        return len(self.rows) + (0 if self.unanswered is None else len(self.unanswered[0]))

    def where(self, readable: np.ndarray) -> Rationales:
        """Those of the rows that are True in `readable`."""
        keep = readable[self.rows]
        return Rationales(self.rows[keep], self.wrong[torch.from_numpy(keep)], self.missing[torch.from_numpy(keep)],
                     self.left_out, self.unanswered)


def place(masks: Mapping[int, Masks], box_of: Callable[[int, int], Box | None], size: tuple[int, int]) -> Rationales:
    """Bring regions from their items to the net's views.

    Parameters
    ----------
    masks : row -> (wrong, missing), bool masks (H, W) at the item's own size, or None
    box_of : from an item's height and width to what its view shows of it, such as `Preprocess.box`
    size : (height, width) of the views

    Returns
    -------
    Rationales
        A region that lies outside the view, that covers all that the view shows of its item, or whose view is no
        upright rectangle of the item, is left out.
    """
    rows, placed, left_out = [], [], {}
    for row, pair in masks.items():
        regions = []
        for name, mask in zip(("wrong", "missing"), pair, strict=True):
            region, why = np.zeros(size, bool), None
            if mask is not None and mask.any():
                box = box_of(*mask.shape)
                if box is None:
                    why = "can't be found again on the net's view, which is no upright rectangle of the item"
                else:
                    region = mask_on_view(mask, box, size)
                    if not region.any():
                        why = "lies outside what the net sees"
                    elif region.sum() == mask_on_view(np.ones_like(mask), box, size).sum():
                        why = "covers all that the net sees"
            if why is not None:
                left_out[row] = f"the {name} region {why}"
                region = np.zeros(size, bool)
            regions.append(region)
        if any(region.any() for region in regions):
            rows.append(row)
            placed.append(np.stack(regions))
    both = torch.from_numpy(np.stack(placed) if placed else np.zeros((0, 2, *size), bool))
    return Rationales(np.array(rows, np.int64), both[:, 0], both[:, 1], left_out)


def mask_on_view(mask: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """A mask of an item as the net's view shows it: bool, shape `size`, True where a tenth of the pixel is marked.

    Parameters
    ----------
    mask : bool, shape (H, W), at the item's size
    box : (x0, y0, x1, y1) of the view, in the item's pixels; it may reach beyond the item

    Examples
    --------
    >>> mask_on_view(np.array([[True, False, False, False]] * 2), (0.0, 0.0, 4.0, 2.0), (1, 2))
    array([[ True, False]])
    """
    down = _overlaps(size[0], box[1], box[3], mask.shape[0])
    across = _overlaps(size[1], box[0], box[2], mask.shape[1])
    return np.asarray(down @ mask.astype(np.float64) @ across.T >= MARKED_SHARE)


def _overlaps(n_pixels: int, low: float, high: float, length: int) -> np.ndarray:
    """How much of each of the view's pixels lies in each of the item's, along one axis: (n_pixels, length)."""
    edges, own = np.linspace(low, high, n_pixels + 1), np.arange(length)
    shared = np.minimum(edges[1:, None], own + 1) - np.maximum(edges[:-1, None], own)
    return shared.clip(0) / (high - low) * n_pixels


def penalty(net: nn.Module, views: Tensor, wrong: Tensor, *, directions: int | None = None,
            generator: torch.Generator | None = None) -> Tensor:
    r"""How steeply the prediction depends on what should not have counted: nats squared per squared unit of the view.

    The squared gradients of the log-probabilities, of every label k, over the pixels i of the wrong region A, as a mean
    over the items:

    .. math:: \frac{1}{n} \sum_x \sum_{k} \sum_{i \in A(x)} \left(\frac{\partial \log p_k(x)}{\partial x_i}\right)^2

    Ross, Hughes and Doshi-Velez take the gradient of the sum over k before they square it, in which slopes of two
    labels may cancel; squared one by one none can hide, and where the net is sure of one label, the others still tell.
    It costs one pass back for each label. With `directions`, random signs v instead: since the slopes J of different
    labels then cancel on average, E[(sum_k v_k J_ki)^2] is sum_k J_ki^2, and few of them do.

    Parameters
    ----------
    net : gives logits
    views : shape (n, C, h, w)
    wrong : bool, shape (n, h, w), on the views
    directions : how many random sums of the labels stand for all; None takes each label
    generator : of the random signs

    Returns
    -------
    Tensor
        A number that gradients flow through, not negative; 0 for a net that ignores the region.

    References
    ----------
    Ross, Hughes and Doshi-Velez (2017), Right for the Right Reasons, arXiv:1703.03717, equation 2. Hutchinson (1990),
    doi:10.1080/03610919008812866, for the random signs.
    """
    # The other kernels of attention can't be differentiated twice.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        shown = views.detach().clone().requires_grad_()
        logs = log_probs(net, shown)
        n_labels = logs.shape[1]
        if directions is None:
            signs = torch.eye(n_labels)
        else:
            signs = 2.0 * torch.randint(2, (directions, n_labels), generator=generator) - 1
        total = logs.new_zeros(())
        for sign in signs.to(logs):
            [slope] = torch.autograd.grad((logs * sign).sum(), shown, create_graph=True)
            total = total + (slope.square() * wrong[:, None].to(slope)).sum()
        return total / len(views) / (1 if directions is None else directions)


def invariance(net: nn.Module, views: Tensor, repainted: Tensor) -> Tensor:
    r"""How far the prediction moves when what should not have counted is painted over, in roots of a nat.

    The root of the symmetric Kullback-Leibler divergence between the predictions p of an item as it is and q of the
    item repainted, as a mean over the items:

    .. math:: \frac{1}{n} \sum_x \sqrt{\frac{1}{2} \sum_k (p_k - q_k) (\log p_k - \log q_k)}

    Unlike a gradient it sees far: a net that leans on a patch wholly may be flat around each of its shades. The
    divergence itself pulls hardest where the two are furthest apart, and drives a small net to say the same of
    everything; near 0 it hardly pulls, and leaves a rest. Its root pulls about alike near and far.

    Parameters
    ----------
    net : gives logits
    views, repainted : shape (n, C, h, w), such as `repaint` makes the second from the first

    Returns
    -------
    Tensor
        A number that gradients flow through, not negative; 0 for a net that ignores the region.
    """
    logs = log_probs(net, torch.cat([views, repainted]))
    between = symmetric_kl(logs[:len(views)], logs[len(views):])
    return ((between + SMOOTH**2).sqrt() - SMOOTH).mean()


def fall(net: nn.Module, views: Tensor, repainted: Tensor, answers: Tensor) -> Tensor:
    r"""How far the answer's probability is from falling to half when what should have counted is painted over, in nats.

    .. math:: \frac{1}{n} \sum_x \max\left(0, \log q_y - \log p_y + \log 2\right)

    Parameters
    ----------
    net : gives logits
    views, repainted : shape (n, C, h, w)
    answers : int64, shape (n,), the index of each item's label y

    Returns
    -------
    Tensor
        A number that gradients flow through; log 2 for a net that ignores the region, 0 once all fall to half.
    """
    logs = log_probs(net, torch.cat([views, repainted])).gather(1, answers.repeat(2)[:, None])[:, 0]
    return (logs[len(views):] - logs[:len(views)] + math.log(2)).clamp_min(0).mean()


def repaint(views: Tensor, regions: Tensor, generator: torch.Generator, *, others: Tensor | None = None,
            span: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The views with their regions painted over: by one shade, by noise, or by what another item has there, at random.

    Parameters
    ----------
    views : shape (n, C, h, w)
    regions : bool, shape (n, h, w)
    others : views to take patches from, shape (m, C, h, w); these themselves when None
    span : what `value_range` gives for others, to save the looking; found when None
    """
    others = views if others is None else others
    n, channels, height, width = views.shape
    low, high = value_range(others) if span is None else span
    shade = torch.rand(n, 1, 1, 1, generator=generator).expand(n, channels, height, width)
    noise = torch.rand(n, channels, height, width, generator=generator)
    patch = others[torch.randint(len(others), (n,), generator=generator)]
    way = torch.randint(4, (n, 1, 1, 1), generator=generator)  # a shade half of the time
    paint = torch.where(way == 0, patch, low + (high - low) * torch.where(way == 1, noise, shade))
    return torch.where(regions[:, None], paint, views)


def value_range(views: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest value of each channel, each of shape (1, C, 1, 1)."""
    return views.amin(dim=(0, 2, 3), keepdim=True), views.amax(dim=(0, 2, 3), keepdim=True)


class RationaleLoss:
    """The loss that marked items add at each step of a training: a mini-batch of them, moved and repainted anew.

    Parameters
    ----------
    views : of the marked items alone, shape (n_marked, C, h, w)
    answers : int64, shape (n_marked,), the index of each item's label
    marks : their regions, in the same order
    how : "penalty" or "invariance" for wrong regions; missing ones always take `fall`
    weight : of the loss; of `WEIGHTS` when None; missing regions count 1
    others : views to repaint with; the marked ones when None
    augment : moves images, such as `finetune.random_affine`; called again on the regions with the generator as it was
    generator : where chance comes from

    Examples
    --------
    In a loop of one's own::

        heed = RationaleLoss(views, answers, marks, how="invariance", generator=torch.Generator().manual_seed(0))
        loss = mean_loss(net(batch), targets, weights) + heed(net)
    """

    def __init__(self, views: Tensor, answers: Tensor, marks: Rationales, *, how: RationaleMethod,
                 generator: torch.Generator, weight: float | None = None, others: Tensor | None = None,
                 augment: Augment | None = None) -> None:
        self._views, self._answers, self._marks, self._how = views, answers, marks, how
        self._generator, self._augment = generator, augment
        self._others = views if others is None else others
        self._span = value_range(self._others)
        self._weight = WEIGHTS[how] if weight is None else weight
        self._at_once, self._waiting = AT_ONCE, torch.zeros(0, dtype=torch.int64)

    def __call__(self, net: nn.Module) -> Tensor:
        """The next mini-batch's loss. The net is asked without dropout, and its running means stay untouched.

        A mini-batch that doesn't fit into memory is halved, and so are those that follow.
        """
        rows = self._next_rows()
        while True:
            try:
                return self._loss(net, rows)
            except (ModelError, RuntimeError, MemoryError) as error:
                if len(rows) < 2 or not out_of_memory(error):
                    raise
            self._at_once = len(rows) // 2
            rows = rows[:self._at_once]

    def _loss(self, net: nn.Module, rows: Tensor) -> Tensor:
        views, (wrong, missing) = self._views[rows], (self._marks.wrong[rows], self._marks.missing[rows])
        if self._augment is not None:
            views, (wrong, missing) = moved(views, (wrong, missing), self._augment, self._generator)
        device = next(net.parameters()).device
        total = torch.zeros((), device=device)
        for regions, heard in ((wrong, self._hear_wrong), (missing, self._hear_missing)):
            has = regions.flatten(1).any(dim=1)  # augmentation may have moved a region out
            if has.any():
                share = has.float().mean().to(device)
                # The penalty is of one view alone: through the means of a batch, it would reach into the others.
                by_batch = heard == self._hear_missing or self._how == "invariance"
                with predicting(net, by_batch=by_batch):
                    total = total + share * heard(net, views[has], regions[has], self._answers[rows][has], device)
        return total

    def _hear_wrong(self, net: nn.Module, views: Tensor, wrong: Tensor, answers: Tensor,
                    device: torch.device) -> Tensor:
        if self._how == "penalty":
            return self._weight * penalty(net, views.to(device), wrong.to(device), generator=self._generator,
                                          directions=1)
        painted = repaint(views, wrong, self._generator, others=self._others, span=self._span)
        return self._weight * invariance(net, views.to(device), painted.to(device))

    def _hear_missing(self, net: nn.Module, views: Tensor, missing: Tensor, answers: Tensor,
                      device: torch.device) -> Tensor:
        painted = repaint(views, missing, self._generator, others=self._others, span=self._span)
        return fall(net, views.to(device), painted.to(device), answers.to(device))

    def _next_rows(self) -> Tensor:
        """Rows of the marked items, a few at a time, all in turn, each time in a new order."""
        while len(self._waiting) < min(self._at_once, len(self._views)):
            self._waiting = torch.cat([self._waiting, torch.randperm(len(self._views), generator=self._generator)])
        rows, self._waiting = self._waiting[:self._at_once], self._waiting[self._at_once:]
        return rows

    def state(self) -> dict[str, Tensor]:
        """What the next mini-batches depend on, beside the net."""
        return {"generator": self._generator.get_state(), "waiting": self._waiting,
                "at_once": torch.tensor(self._at_once)}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave: the mini-batches that would have followed follow."""
        self._generator.set_state(state["generator"])
        self._waiting, self._at_once = state["waiting"], int(state["at_once"])


def rationale_loss(images: Tensor | Sequence[Tensor], targets: Tensor, marks: Rationales | None,
                   readable: np.ndarray, *, how: RationaleMethod, augment: Augment | None,
                   seed: int) -> RationaleLoss | None:
    """What makes the loss of those marked images that can be read; None where there are none.

    `targets` holds the index of each image's label; the rest is as for `finetune.train`.
    """
    if marks is None or not len(marks := marks.where(readable)):
        return None
    shown, wrong, missing = [images[row] for row in marks.rows.tolist()], marks.wrong, marks.missing
    answers = targets[marks.rows]
    if marks.unanswered is not None:
        more, regions = marks.unanswered
        shown, wrong, missing = [*shown, *more], torch.cat([wrong, regions]), torch.cat([missing, 0 * regions])
        answers = torch.cat([answers, answers.new_zeros(len(more))])  # which `fall` alone reads, for missing regions
    views = torch.stack(shown)
    return RationaleLoss(views, answers, Rationales(np.arange(len(views)), wrong, missing, {}), how=how,
                         augment=augment, others=images if isinstance(images, Tensor) else views,
                         generator=torch.Generator().manual_seed(seed + 1))


def moved(views: Tensor, regions: Sequence[Tensor], augment: Augment,
          generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
    """Views and their regions after the same augmentation: what lay under a mark lies under it still.

    Parameters
    ----------
    views : shape (n, C, h, w)
    regions : each bool, shape (n, h, w)
    augment : called once on the views, and with the generator in the same state on each of the regions
    """
    before = generator.get_state()
    images = augment(views, generator)
    marks = []
    for region in regions:
        generator.set_state(before)
        marks.append(augment(region[:, None].expand(views.shape).to(views.dtype), generator)[:, 0] >= MARKED_SHARE)
    return images, marks


@contextmanager
def predicting(net: nn.Module, *, by_batch: bool = False) -> Iterator[None]:
    """The net in evaluation mode, and each of its layers back in its own mode afterwards.

    With `by_batch`, each BatchNorm that is learning goes by the means of what it is shown, as it does in the training
    beside, and keeps none of them. By its running means, which stand still, smaller weights would give a fainter answer
    to everything; the training beside doesn't feel it, and the net that predicts is lost.
    """
    modes = [(layer, layer.training) for layer in net.modules()]
    norms = [layer for layer, mode in modes if mode and by_batch and isinstance(layer, _BatchNorm)]
    kept = [layer.track_running_stats for layer in norms]
    net.eval()
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
        for norm, keeps in zip(norms, kept, strict=True):
            norm.track_running_stats = keeps


def log_probs(net: nn.Module, views: Tensor) -> Tensor:
    """The net's log-probabilities, shape (n, n_labels); ModelError when it gives no logits."""
    try:
        output = net(views.to(next(net.parameters()).dtype))
    except ModelError:
        raise
    except Exception as error:  # a user's net, which may raise anything
        raise ModelError(f"the net raised {type(error).__name__} on marked views of shape {tuple(views.shape)}: "
                         f"{error}") from error
    return read_logits(output, len(views)).log_softmax(dim=1)


def symmetric_kl(logs: Tensor, others: Tensor) -> Tensor:
    """Half the sum of the two Kullback-Leibler divergences of each row of log-probabilities, in nats, shape (n,)."""
    return ((logs.exp() - others.exp()) * (logs - others)).sum(dim=1) / 2
