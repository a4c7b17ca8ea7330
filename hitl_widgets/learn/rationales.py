"""Rationale losses: training with the regions that people marked as wrong or missing reasons.

Two losses can be added in a training loop: `gradient_penalty` for a net that is trained from the start, and
`occlusion_invariance` for a net that has already learnt the wrong reason. Read these two first. `train` uses them by
`RationaleLoss`; `regions_on_views` maps the marked regions to the net's view.
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
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import ModelError, ShapeError
from .microbatch import out_of_memory
from .outputs import read_logits
from .preprocess import Box

RationaleMethod = Literal["penalty", "invariance"]
Augment = Callable[[Tensor, torch.Generator], Tensor]
Masks = tuple[np.ndarray | None, np.ndarray | None]

# Marked items beside each batch of 16: with 8, a fine-tuning took 2.1 times as long as a plain one.
BATCH_SIZE = 6
WEIGHTS = {"penalty": 1.0, "invariance": 5.0}
# Below this distance between two predictions, in roots of a nat, the root is smoothed: its derivative is infinite at 0.
SMOOTH = 1e-3
# A pixel of the view is marked where this share of it is; a probed box is accurate to a few hundredths.
MARKED_SHARE = 0.1


@dataclass(frozen=True)
class Rationales:
    """The regions that people marked, on the net's views.

    Parameters
    ----------
    rows : ndarray of int64, shape (n_marked,)
        Rows of the marked images.
    wrong, missing : Tensor of bool, shape (n_marked, h, w)
        Regions that the net shouldn't use, and regions that it should use; either may be empty for an item.
    left_out : mapping of int to str
        Row to the reason why its region can't be used.
    unlabelled : tuple of (views, wrong), optional
        Views, shape (n, C, h, w), and wrong regions, bool, shape (n, h, w), of further items without a label: a wrong
        region can be used without one.

    Raises
    ------
    ShapeError
        If rows and regions differ in number, or the regions in shape.
    """

    rows: np.ndarray
    wrong: Tensor
    missing: Tensor
    left_out: Mapping[int, str]
    unlabelled: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.wrong) == len(self.missing) or self.wrong.shape != self.missing.shape:
            raise ShapeError(f"there are {len(self.rows)} rows, wrong has shape {tuple(self.wrong.shape)} and missing "
                             f"has shape {tuple(self.missing.shape)}; (n_rows, h, w) is expected for both.")

    def __len__(self) -> int:
        return len(self.rows) + (0 if self.unlabelled is None else len(self.unlabelled[0]))

    def where(self, readable: np.ndarray) -> Rationales:
        """The regions of the images that can be read.

        Parameters
        ----------
        readable : ndarray of bool
            One for each image, marked or not.
        """
        keep = readable[self.rows]
        return Rationales(self.rows[keep], self.wrong[torch.from_numpy(keep)], self.missing[torch.from_numpy(keep)],
                          self.left_out, self.unlabelled)


def regions_on_views(masks: Mapping[int, Masks], box_of: Callable[[int, int], Box | None],
                     size: tuple[int, int]) -> Rationales:
    """Map regions from their items to the net's views.

    Parameters
    ----------
    masks : mapping of int to (wrong, missing)
        For each row two bool masks, shape (H, W) at the item's own size, or None.
    box_of : callable
        Maps an item's height and width to the part that its view shows, such as `Preprocess.box`.
    size : tuple of int
        Height and width of the views.

    Returns
    -------
    Rationales
        A region is left out if it lies outside the view, covers all that the view shows of its item, or if the view
        isn't an upright rectangle of the item.
    """
    rows, kept, left_out = [], [], {}
    for row, pair in masks.items():
        regions = np.zeros((2, *size), bool)
        for region, name, mask in zip(regions, ("wrong", "missing"), pair, strict=True):
            if mask is not None and mask.any():
                on_view = _region_on_view(mask, box_of(*mask.shape), size)
                if isinstance(on_view, str):
                    left_out[row] = f"the {name} region {on_view}"
                else:
                    region[:] = on_view
        if regions.any():
            rows.append(row)
            kept.append(regions)
    both = torch.from_numpy(np.stack(kept) if kept else np.zeros((0, 2, *size), bool))
    return Rationales(np.array(rows, np.int64), both[:, 0], both[:, 1], left_out)


def _region_on_view(mask: np.ndarray, box: Box | None, size: tuple[int, int]) -> np.ndarray | str:
    """A region on the view; or the reason why it can't be used."""
    if box is None:
        return "can't be found again on the net's view, which is no upright rectangle of the item"
    region = mask_on_view(mask, box, size)
    if not region.any():
        return "lies outside what the net sees"
    if region.sum() == mask_on_view(np.ones_like(mask), box, size).sum():
        return "covers all that the net sees"
    return region


def mask_on_view(mask: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """A mask of an item as the net's view shows it: bool, shape `size`, True where a tenth of the pixel is marked.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
        At the item's size.
    box : tuple of float
        The view's (x0, y0, x1, y1), in the item's pixels; it may reach beyond the item.
    size : tuple of int
        Height and width of the view.

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


def gradient_penalty(net: nn.Module, views: Tensor, wrong: Tensor, *, directions: int | None = None,
                     generator: torch.Generator | None = None, of_sets: bool = False) -> Tensor:
    r"""How steeply the prediction depends on the wrong regions, in squared nats per squared unit of the view.

    The squared gradients of the log-probabilities, of every label k, over the pixels i of the wrong region A, as a mean
    over the items:

    .. math:: \frac{1}{n} \sum_x \sum_{k} \sum_{i \in A(x)} \left(\frac{\partial \log p_k(x)}{\partial x_i}\right)^2

    Ross, Hughes and Doshi-Velez take the gradient of the sum over k before they square it, in which the derivatives of
    two labels may cancel. Squared one by one they can't, and where the net is sure of one label, others still count.
    This costs one backward pass for each label. With `directions`, random signs v are used instead: since products of
    different labels' derivatives J then cancel on average, E[(sum_k v_k J_ki)^2] is sum_k J_ki^2, and a few are enough.

    Parameters
    ----------
    net : nn.Module
        A net that returns logits.
    views : Tensor, shape (n, C, h, w)
        The items.
    wrong : Tensor of bool, shape (n, h, w)
        Their wrong regions.
    directions : int, optional
        Number of random sums of the labels; each label by itself when None.
    generator : torch.Generator, optional
        Source of the random signs.
    of_sets : bool
        See `log_probs`.

    Returns
    -------
    Tensor
        A scalar with gradients, not negative; 0 for a net that ignores the region.

    References
    ----------
    Ross, Hughes and Doshi-Velez (2017), Right for the Right Reasons, arXiv:1703.03717, equation 2. Hutchinson (1990),
    doi:10.1080/03610919008812866, for the random signs.
    """
    # The other kernels of attention can't be differentiated twice.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        inputs = views.detach().clone().requires_grad_()
        logs = log_probs(net, inputs, of_sets=of_sets)
        n_labels = logs.shape[1]
        if directions is None:
            signs = torch.eye(n_labels)
        else:
            signs = 2.0 * torch.randint(2, (directions, n_labels), generator=generator) - 1
        total = logs.new_zeros(())
        for sign in signs.to(logs):
            [slope] = torch.autograd.grad((logs * sign).sum(), inputs, create_graph=True)
            total = total + (slope.square() * wrong[:, None].to(slope)).sum()
        return total / len(views) / (1 if directions is None else directions)


def occlusion_invariance(net: nn.Module, views: Tensor, repainted: Tensor, *, of_sets: bool = False) -> Tensor:
    r"""How far the prediction moves when the wrong regions are repainted, in roots of a nat.

    The root of the symmetric Kullback-Leibler divergence between the predictions p of an item as it is and q of the
    item repainted, as a mean over the items:

    .. math:: \frac{1}{n} \sum_x \sqrt{\frac{1}{2} \sum_k (p_k - q_k) (\log p_k - \log q_k)}

    Unlike a gradient, it also measures the effect of large changes: a net may depend on a patch although its gradient
    is 0 at each shade of the patch. The divergence itself is steepest for very different predictions, which drives a
    small net to predict the same for everything, and flat near 0, so that some dependence remains. Its root is about
    equally steep everywhere.

    Parameters
    ----------
    net : nn.Module
        A net that returns logits.
    views, repainted : Tensor, shape (n, C, h, w)
        The items, and the same items with their regions repainted, for example by `repaint`.
    of_sets : bool
        See `log_probs`. If True, the divergences of the labels are added up.

    Returns
    -------
    Tensor
        A scalar with gradients, not negative; 0 for a net that ignores the region.
    """
    logs = log_probs(net, torch.cat([views, repainted]), of_sets=of_sets)
    divergence = symmetric_kl(logs[:len(views)], logs[len(views):])
    return ((divergence + SMOOTH**2).sqrt() - SMOOTH).mean()


def necessity_loss(net: nn.Module, views: Tensor, repainted: Tensor, labels: Tensor) -> Tensor:
    r"""Loss of missing regions, in nats: 0 if the label's probability falls to half when they are repainted.

    .. math:: \frac{1}{n} \sum_x \max\left(0, \log q_y - \log p_y + \log 2\right)

    Parameters
    ----------
    net : nn.Module
        A net that returns logits.
    views, repainted : Tensor, shape (n, C, h, w)
        The items, and the same with their regions repainted.
    labels : Tensor of int64, shape (n,), or of float, shape (n, n_labels)
        The index of each item's label y; or how much each label is on, where an item may have several: the mean is then
        over those that are.

    Returns
    -------
    Tensor
        A scalar with gradients; log 2 for a net that ignores the region, 0 once all probabilities fall to half.
    """
    return necessity_of(log_probs(net, torch.cat([views, repainted]), of_sets=labels.ndim == 2), labels)


def necessity_of(logs: Tensor, labels: Tensor) -> Tensor:
    """`necessity_loss` from log-probabilities: first of the items, then of the items with regions repainted.

    Parameters
    ----------
    logs : Tensor, shape (2 * n, n_outputs)
        As returned by `log_probs`.
    labels : Tensor
        See `necessity_loss`.
    """
    n = len(labels)
    if labels.ndim == 2:
        logs = logs[:, :labels.shape[1]]
        lacking = (logs[n:] - logs[:n] + math.log(2)).clamp_min(0)
        return (lacking * labels).sum() / labels.sum().clamp_min(1e-8)
    logs = logs.gather(1, labels.repeat(2)[:, None])[:, 0]
    return (logs[n:] - logs[:n] + math.log(2)).clamp_min(0).mean()


def repaint(views: Tensor, regions: Tensor, generator: torch.Generator, *, others: Tensor | None = None,
            value_range: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """The views with their regions repainted: by one shade, by noise, or by what another item has there, at random.

    Parameters
    ----------
    views : Tensor, shape (n, C, h, w)
        The items.
    regions : Tensor of bool, shape (n, h, w)
        What to repaint.
    generator : torch.Generator
        Source of the paint.
    others : Tensor, shape (m, C, h, w), optional
        Items to take patches from; the views themselves when None.
    value_range : tuple of Tensor, optional
        `channel_range` of the others, if it was computed already.
    """
    others = views if others is None else others
    n, channels, height, width = views.shape
    low, high = channel_range(others) if value_range is None else value_range
    shade = torch.rand(n, 1, 1, 1, generator=generator).expand(n, channels, height, width)
    noise = torch.rand(n, channels, height, width, generator=generator)
    patch = others[torch.randint(len(others), (n,), generator=generator)]
    kind = torch.randint(4, (n, 1, 1, 1), generator=generator)  # a shade half of the time
    paint = torch.where(kind == 0, patch, low + (high - low) * torch.where(kind == 1, noise, shade))
    return torch.where(regions[:, None], paint, views)


def channel_range(views: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest value of each channel, each of shape (1, C, 1, 1).

    Parameters
    ----------
    views : Tensor, shape (n, C, h, w)
        The items.
    """
    return views.amin(dim=(0, 2, 3), keepdim=True), views.amax(dim=(0, 2, 3), keepdim=True)


class RationaleLoss:
    """The loss of marked items at each step of a training: a mini-batch of them, augmented and repainted anew.

    Parameters
    ----------
    views : Tensor, shape (n_marked, C, h, w)
        The marked items alone.
    labels : Tensor of int64, shape (n_marked,), or of float, shape (n_marked, n_labels)
        The index of each item's label; or how much each is on, where an item may have several.
    rationales : Rationales
        Their regions, in the same order.
    method : {"penalty", "invariance"}
        The loss of wrong regions: `gradient_penalty` or `occlusion_invariance`. The loss of missing regions is always
        `necessity_loss`.
    generator : torch.Generator
        Source of order, augmentation and paint.
    weight : float, optional
        Weight of wrong regions; from `WEIGHTS` when None. Missing regions have weight 1.
    others : Tensor, shape (m, C, h, w), optional
        Items to repaint with; the marked ones when None.
    augment : callable, optional
        Moves images, such as `data.random_affine`; called again on the regions with the generator in the same state.

    Examples
    --------
    In a loop of one's own::

        extra_loss = RationaleLoss(views, labels, rationales, method="invariance",
                                   generator=torch.Generator().manual_seed(0))
        loss = mean_loss(net(batch), targets, weights) + extra_loss(net)
    """

    def __init__(self, views: Tensor, labels: Tensor, rationales: Rationales, *, method: RationaleMethod,
                 generator: torch.Generator, weight: float | None = None, others: Tensor | None = None,
                 augment: Augment | None = None) -> None:
        self._views, self._labels, self._rationales, self._method = views, labels, rationales, method
        self._generator, self._augment = generator, augment
        self._others = views if others is None else others
        self._range = channel_range(self._others)
        self._weight = WEIGHTS[method] if weight is None else weight
        self._batch_size, self._waiting = BATCH_SIZE, torch.zeros(0, dtype=torch.int64)

    def __call__(self, net: nn.Module) -> Tensor:
        """The loss of the next mini-batch, without dropout and without a change of running means.

        A mini-batch that doesn't fit into memory is halved, and so are those that follow.

        Parameters
        ----------
        net : nn.Module
            A net that returns logits.
        """
        rows = self._next_rows()
        while True:
            try:
                return self._loss(net, rows)
            except (ModelError, RuntimeError, MemoryError) as error:
                if len(rows) < 2 or not out_of_memory(error):
                    raise
            self._batch_size = len(rows) // 2
            rows = rows[:self._batch_size]

    def _loss(self, net: nn.Module, rows: Tensor) -> Tensor:
        views, regions = self._views[rows], [self._rationales.wrong[rows], self._rationales.missing[rows]]
        if self._augment is not None:
            views, regions = augment_together(views, regions, self._augment, self._generator)
        device = next(net.parameters()).device
        total = torch.zeros((), device=device)
        for marked, loss_of, by_batch in (
                # The penalty is of one view alone: through the means of a batch, it would reach into the others.
                (regions[0], self._wrong_loss, self._method == "invariance"), (regions[1], self._missing_loss, True)):
            has = marked.flatten(1).any(dim=1)  # augmentation may have moved a region out
            if has.any():
                share = has.float().mean().to(device)
                with evaluation_mode(net, by_batch=by_batch):
                    total = total + share * loss_of(net, views[has], marked[has], self._labels[rows][has], device)
        return total

    def _wrong_loss(self, net: nn.Module, views: Tensor, wrong: Tensor, labels: Tensor,
                    device: torch.device) -> Tensor:
        if self._method == "penalty":
            return self._weight * gradient_penalty(net, views.to(device), wrong.to(device), generator=self._generator,
                                                   directions=1, of_sets=labels.ndim == 2)
        return self._weight * occlusion_invariance(net, views.to(device), self._repainted(views, wrong).to(device),
                                                   of_sets=labels.ndim == 2)

    def _missing_loss(self, net: nn.Module, views: Tensor, missing: Tensor, labels: Tensor,
                      device: torch.device) -> Tensor:
        return necessity_loss(net, views.to(device), self._repainted(views, missing).to(device), labels.to(device))

    def _repainted(self, views: Tensor, regions: Tensor) -> Tensor:
        return repaint(views, regions, self._generator, others=self._others, value_range=self._range)

    def _next_rows(self) -> Tensor:
        """Rows of the next mini-batch; the marked items are reshuffled whenever all were used."""
        while len(self._waiting) < min(self._batch_size, len(self._views)):
            self._waiting = torch.cat([self._waiting, torch.randperm(len(self._views), generator=self._generator)])
        rows, self._waiting = self._waiting[:self._batch_size], self._waiting[self._batch_size:]
        return rows

    def state(self) -> dict[str, Tensor]:
        """Everything that the next mini-batches depend on, besides the net."""
        return {"generator": self._generator.get_state(), "waiting": self._waiting,
                "at_once": torch.tensor(self._batch_size)}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Restore a saved state, so that the same mini-batches follow.

        Parameters
        ----------
        state : mapping of str to Tensor
            The value of `state` when it was saved.
        """
        self._generator.set_state(state["generator"])
        self._waiting, self._batch_size = state["waiting"], int(state["at_once"])


def rationale_loss(images: Tensor | Sequence[Tensor], labels: Tensor, rationales: Rationales | None,
                   readable: np.ndarray, *, method: RationaleMethod, augment: Augment | None,
                   seed: int) -> RationaleLoss | None:
    """The loss of those marked images that can be read; None where there are none.

    Parameters
    ----------
    images : Tensor or sequence of Tensor
        All images of a training.
    labels : Tensor
        Labels of all images; see `RationaleLoss`.
    rationales : Rationales, optional
        The regions, by rows of the images.
    readable : ndarray of bool, shape (n,)
        Which images can be read.
    method, augment
        See `RationaleLoss`.
    seed : int
        Seed of its generator.
    """
    if rationales is None or not len(rationales := rationales.where(readable)):
        return None
    marked, wrong, missing = [images[row] for row in rationales.rows.tolist()], rationales.wrong, rationales.missing
    labels = labels[rationales.rows]
    if rationales.unlabelled is not None:
        more, regions = rationales.unlabelled
        marked, wrong, missing = [*marked, *more], torch.cat([wrong, regions]), torch.cat([missing, 0 * regions])
        labels = torch.cat([labels, labels.new_zeros(len(more), *labels.shape[1:])])  # only missing regions use them
    views = torch.stack(marked)
    return RationaleLoss(views, labels, Rationales(np.arange(len(views)), wrong, missing, {}), method=method,
                         augment=augment, others=images if isinstance(images, Tensor) else views,
                         generator=torch.Generator().manual_seed(seed + 1))


def augment_together(views: Tensor, regions: Sequence[Tensor], augment: Augment,
                     generator: torch.Generator) -> tuple[Tensor, list[Tensor]]:
    """Views and their regions after the same augmentation.

    Parameters
    ----------
    views : Tensor, shape (n, C, h, w)
        The items.
    regions : sequence of Tensor of bool, shape (n, h, w)
        Their regions.
    augment : callable
        Called once on the views, and on each of the regions with the generator in the same state.
    generator : torch.Generator
        Source of the augmentation.
    """
    before = generator.get_state()
    images = augment(views, generator)
    moved = []
    for region in regions:
        generator.set_state(before)
        moved.append(augment(region[:, None].expand(views.shape).to(views.dtype), generator)[:, 0] >= MARKED_SHARE)
    return images, moved


@contextmanager
def evaluation_mode(net: nn.Module, *, by_batch: bool = False) -> Iterator[None]:
    """Put the net into evaluation mode, and each of its layers back into its own mode afterwards.

    Parameters
    ----------
    net : nn.Module
        The net.
    by_batch : bool
        Let each BatchNorm in training mode normalise by the batch, as in the steps of the training, but without
        updating its running means. By the running means, which don't change here, smaller weights would give smaller
        outputs for everything; the training wouldn't notice, and the net that predicts would be spoiled.
    """
    modes = [(layer, layer.training) for layer in net.modules()]
    norms = [layer for layer, mode in modes if mode and by_batch and isinstance(layer, _BatchNorm)]
    tracking = [layer.track_running_stats for layer in norms]
    net.eval()
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for layer, mode in modes:
            layer.training = mode
        for norm, tracks in zip(norms, tracking, strict=True):
            norm.track_running_stats = tracks


def log_probs(net: nn.Module, views: Tensor, *, of_sets: bool = False) -> Tensor:
    """The net's log-probabilities, shape (n, n_labels), or (n, 2 * n_labels) `of_sets`.

    Parameters
    ----------
    net : nn.Module
        A net that returns logits.
    views : Tensor, shape (n, C, h, w)
        The items.
    of_sets : bool
        Whether an item may have several labels: columns are then log P(on) of each label, followed by log P(off).

    Raises
    ------
    ModelError
        If the net raises, or doesn't return logits.
    """
    try:
        output = net(views.to(next(net.parameters()).dtype))
    except ModelError:
        raise
    except Exception as error:  # a user's net, which may raise anything
        raise ModelError(f"the net raised {type(error).__name__} on views with marked regions, of shape "
                         f"{tuple(views.shape)}: {error}") from error
    if of_sets:
        logits = read_logits(output, len(views), probabilities=False)
        return functional.logsigmoid(torch.cat([logits, -logits], dim=1))
    return read_logits(output, len(views)).log_softmax(dim=1)


def symmetric_kl(logs: Tensor, others: Tensor) -> Tensor:
    """Half the sum of the two Kullback-Leibler divergences of each row, in nats, shape (n,).

    Parameters
    ----------
    logs, others : Tensor, shape (n, n_labels)
        Log-probabilities.
    """
    return ((logs.exp() - others.exp()) * (logs - others)).sum(dim=1) / 2
