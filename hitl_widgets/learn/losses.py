"""Losses of labels, probabilities and partial labels (answers that name several candidates, of which one is right).

After "top" was split into five labels, an old answer "top" means one of the five: its loss is that of the sum of their
probabilities. `with_candidates` makes rows of targets, `item_losses` and `mean_loss` give the loss of any target.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ShapeError

# The index of a partial answer; torch's own cross_entropy leaves such items out.
PARTIAL = -100
# How much probability of each label given as an index is shared among all labels.
SMOOTHING = 0.1
# The same of labels of which an item may have several, each between on and off.
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
        Such as `with_candidates` gives.
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
        As for `item_losses`.
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
        Such as `with_candidates` gives.
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
        As for `item_losses`.
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
        As for `item_losses`.
    """
    return targets if targets.ndim == 1 else targets.argmax(dim=1)


def label_groups(targets: Tensor) -> Tensor:
    """The group of each target, int64, shape (n,): its top label, and further numbers for each set of candidates.

    Parameters
    ----------
    targets : Tensor
        As for `item_losses`.
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
