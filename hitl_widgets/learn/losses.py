"""Losses of labels, probabilities and partial labels (answers that name several candidates, of which one is right).

For example, after the label "top" was split into five labels, an old answer "top" means one of the five. Its loss is
minus the logarithm of the sum of their probabilities. `with_candidates` turns targets into rows; `item_losses` and
`mean_loss` compute the loss of any kind of target. Where an item may have several labels, each label has a binary loss
(`label_losses`). An `Objective` has the functions that a training needs: `ONE_LABEL` for one label an item, `SETS` for
several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ShapeError

# The index of a partial answer; torch's own cross_entropy leaves such items out.
PARTIAL = -100
# Label smoothing of targets given as an index: the probability that is spread over all labels.
SMOOTHING = 0.1
# Label smoothing where an item may have several labels: the probability that is spread over on and off.
SMOOTHING_OF_SETS = 0.05


def with_candidates(targets: Tensor, candidates: Any, *, smoothing: float = SMOOTHING) -> Tensor:
    """Targets as rows, float32, shape (n, n_labels); a partial answer has a one for each of its candidates.

    Parameters
    ----------
    targets : Tensor
        Either int64, shape (n,), or probabilities, shape (n, n_labels); not read where the answer is partial.
    candidates : array_like of bool, shape (n, n_labels)
        The candidate labels of each answer. With more than one, the answer is partial.
    smoothing : float
        Label smoothing of the indices, from 0 to 1.

    Raises
    ------
    ShapeError
        If candidates and targets don't fit.

    Examples
    --------
    >>> with_candidates(torch.tensor([0, PARTIAL]), [[True, False, False], [False, True, True]], smoothing=0.0)
    tensor([[1., 0., 0.],
            [0., 1., 1.]])
    """
    mask = torch.as_tensor(np.asarray(candidates, bool))
    n_labels = mask.shape[-1]
    if mask.ndim != 2 or len(mask) != len(targets) or (targets.ndim == 2 and targets.shape[1] != n_labels):
        raise ShapeError(f"candidates have shape {tuple(mask.shape)} beside targets of shape {tuple(targets.shape)}; "
                         "a row for each image and a column for each label are expected.")
    partial = is_partial(mask.float())
    if targets.ndim == 1:
        indices = targets.masked_fill(partial, 0)
        if int(indices.max()) >= n_labels or int(indices.min()) < 0:
            raise ShapeError(f"targets aren't all indices of {n_labels} labels, though their answers aren't partial.")
        targets = functional.one_hot(indices, n_labels) * (1 - smoothing) + smoothing / n_labels
    return torch.where(partial[:, None], mask.float(), targets.float())


def is_partial(rows: Tensor) -> Tensor:
    """Which rows of targets are partial answers: probabilities sum to one, candidates to more.

    Parameters
    ----------
    rows : Tensor, shape (n, n_labels)
        As returned by `with_candidates`, for example.
    """
    return rows.sum(dim=1) > 1.5


def item_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """The loss of each item, in nats, shape (n,).

    An index is taken as right with probability 0.9, and the rest is shared among all labels: people make mistakes, and
    a net that trusts each answer fully learns the mistakes too.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        The net's outputs.
    targets : Tensor
        Either int64, shape (n,), or rows, shape (n, n_labels): probabilities, which are taken as they are, or the
        candidates of a partial answer.

    References
    ----------
    Szegedy et al. (2016), Rethinking the Inception Architecture, doi:10.1109/CVPR.2016.308; for wrong answers,
    Lukasik et al. (2020), Does label smoothing mitigate label noise?
    """
    if targets.ndim == 2:
        return partial_label_losses(logits, targets, smoothing=SMOOTHING)
    return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=SMOOTHING)


def mean_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of `item_losses`, in nats.

    Parameters
    ----------
    logits, targets : Tensor
        See `item_losses`.
    weights : Tensor, shape (n,)
        How much each item counts, not negative.
    """
    return (weights * item_losses(logits, targets)).sum() / weights.sum().clamp_min(1e-8)


def partial_label_losses(logits: Tensor, rows: Tensor, *, smoothing: float) -> Tensor:
    """The loss of each item, in nats, shape (n,): cross-entropy, and for partial answers that of the candidates' sum.

    Smoothing shares probability between the candidates as a whole and all labels; it prefers no candidate.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        The net's outputs.
    rows : Tensor, shape (n, n_labels)
        As returned by `with_candidates`, for example.
    smoothing : float
        Label smoothing of the partial answers, from 0 to 1.

    References
    ----------
    Cour, Sapp, Taskar (2011), Learning from Partial Labels, JMLR 12; Redmon and Farhadi (2017), doi:
    10.1109/CVPR.2017.690, who sum over the leaves of a hierarchy.

    Examples
    --------
    >>> logits, rows = torch.tensor([[0.5, 0.3, 0.2]]).log(), torch.tensor([[0.0, 1.0, 1.0]])
    >>> partial_label_losses(logits, rows, smoothing=0.0).exp().round(decimals=4)
    tensor([2.])
    """
    losses = functional.cross_entropy(logits, rows, reduction="none")
    partial = is_partial(rows)
    if not bool(partial.any()):
        return losses
    logs, mask = functional.log_softmax(logits[partial], dim=1), rows[partial] > 0.5
    of_sum = logs.masked_fill(~mask, -torch.inf).logsumexp(dim=1)
    share = mask.float().mean(dim=1)
    of_others = logs.masked_fill(mask, 0.0).mean(dim=1)
    return losses.masked_scatter(partial, -(1 - smoothing + smoothing * share) * of_sum - smoothing * of_others)


def n_correct(logits: Tensor, targets: Tensor) -> int:
    """Number of items whose top label is the target, or one of its candidates.

    Parameters
    ----------
    logits, targets : Tensor
        See `item_losses`.
    """
    top = logits.argmax(dim=1).to(targets.device)
    if targets.ndim == 1:
        return int((top == targets).sum())
    return int((targets.gather(1, top[:, None])[:, 0] == targets.max(dim=1).values).sum())


def top_labels(targets: Tensor) -> Tensor:
    """The most probable label of each target, int64, shape (n,).

    Parameters
    ----------
    targets : Tensor
        See `item_losses`.
    """
    return targets if targets.ndim == 1 else targets.argmax(dim=1)


def label_groups(targets: Tensor) -> Tensor:
    """The group of each target, int64, shape (n,): its top label, or a further number for each set of candidates.

    Parameters
    ----------
    targets : Tensor
        See `item_losses`.
    """
    groups = top_labels(targets)
    if targets.ndim == 2 and bool((partial := is_partial(targets)).any()):
        groups[partial] = targets.shape[1] + targets[partial].unique(dim=0, return_inverse=True)[1]
    return groups


def label_losses(logits: Tensor, on: Tensor) -> Tensor:
    """The loss of each label of each item, in nats, shape (n, n_labels): binary cross-entropy.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        The net's outputs.
    on : Tensor, shape (n, n_labels)
        Whether the label is on, from 0 to 1.
    """
    return functional.binary_cross_entropy_with_logits(logits, on, reduction="none")


def set_losses(logits: Tensor, on: Tensor) -> Tensor:
    """The loss of each item of several labels, in nats, shape (n,): that of its whole set.

    The mean over the known labels, times the number of all labels; 0 where no label is known. With label smoothing.

    Parameters
    ----------
    logits : Tensor, shape (n, n_labels)
        The net's outputs.
    on : Tensor, shape (n, n_labels)
        Whether the label is on, from 0 to 1; NaN where nothing is known.
    """
    known = ~on.isnan()
    losses = label_losses(logits, smoothed_sets(on)) * known
    return losses.sum(dim=1) / known.sum(dim=1).clamp_min(1) * on.shape[1]


def mean_set_loss(logits: Tensor, on: Tensor, weights: Tensor) -> Tensor:
    """The weighted mean of the labels' losses, times the number of labels, in nats.

    Parameters
    ----------
    logits, on : Tensor, shape (n, n_labels)
        See `set_losses`.
    weights : Tensor, shape (n,) or (n, n_labels)
        How much each item, or each of its labels, counts, not negative.
    """
    each = (weights[:, None] if weights.ndim == 1 else weights) * ~on.isnan()
    return (each * label_losses(logits, smoothed_sets(on))).sum() / each.sum().clamp_min(1e-8) * on.shape[1]


def smoothed_sets(on: Tensor) -> Tensor:
    """Targets of labels with label smoothing, since people make mistakes; 0 where nothing is known."""
    return (on * (1 - SMOOTHING_OF_SETS) + SMOOTHING_OF_SETS / 2).nan_to_num(0.0)


def n_correct_sets(logits: Tensor, on: Tensor) -> int:
    """Number of items of which every known label is right at a probability of 0.5.

    Parameters
    ----------
    logits, on : Tensor, shape (n, n_labels)
        See `set_losses`.
    """
    on = on.to(logits.device)
    return int((((logits > 0) == (on > 0.5)) | on.isnan()).all(dim=1).sum())


def rarest_label(on: Tensor) -> Tensor:
    """The rarest label that is on for each item, int64, shape (n,); n_labels where no label is on.

    Parameters
    ----------
    on : Tensor, shape (n, n_labels)
        NaN counts as off.

    Examples
    --------
    >>> rarest_label(torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, torch.nan]]))
    tensor([1, 0, 2])
    """
    yes = on.nan_to_num(0.0) > 0.5
    counts = torch.where(yes, yes.sum(dim=0), len(on) + 1)
    return torch.where(yes.any(dim=1), counts.argmin(dim=1), on.shape[1])


class Objective(NamedTuple):
    """The functions by which a training handles its targets.

    Attributes
    ----------
    item_losses : callable
        From logits and targets to the loss of each item.
    mean_loss : callable
        From logits, targets and weights to their weighted mean.
    n_correct : callable
        From logits and targets to the number of items that are right.
    groups : callable
        From targets to the group of each; a share of each group validates.
    marked : callable
        From targets to the argument `labels` of `rationales.RationaleLoss`.
    of_sets : bool
        Whether an item may have several labels.
    """

    item_losses: Callable[[Tensor, Tensor], Tensor]
    mean_loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    n_correct: Callable[[Tensor, Tensor], int]
    groups: Callable[[Tensor], Tensor]
    marked: Callable[[Tensor], Tensor]
    of_sets: bool = False


ONE_LABEL = Objective(item_losses, mean_loss, n_correct, label_groups, top_labels)
SETS = Objective(set_losses, mean_set_loss, n_correct_sets, rarest_label, lambda on: on.nan_to_num(0.0), of_sets=True)
