"""Losses for partial labels: answers that name several candidate labels, of which one is right.

After "top" was split into five labels, an old answer "top" means one of the five: the loss is that of the sum of their
probabilities. `with_candidates` makes rows of targets, `partial_label_losses` gives their loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ShapeError

# The index of an answer that leaves several labels open; torch's own cross_entropy leaves such items out.
PARTIAL = -100


def with_candidates(targets: Tensor, candidates: Any, *, smoothing: float) -> Tensor:
    """Targets as rows, float32, shape (n, n_labels), those in doubt with a one for each label that they may be.

    Parameters
    ----------
    targets : int64, shape (n,), or probabilities, shape (n, n_labels); not read where the answer is in doubt
    candidates : bool, shape (n, n_labels), the labels that each answer leaves open. More than one: it is in doubt
    smoothing : how much of an index is doubted, as `item_losses` doubts it

    Raises
    ------
    ShapeError
        When candidates and targets don't fit.

    Examples
    --------
    >>> with_candidates(torch.tensor([0, PARTIAL]), [[True, False, False], [False, True, True]], smoothing=0.0)
    tensor([[1., 0., 0.],
            [0., 1., 1.]])
    """
    open_ = torch.as_tensor(np.asarray(candidates, bool))
    n_labels = open_.shape[-1]
    if open_.ndim != 2 or len(open_) != len(targets) or (targets.ndim == 2 and targets.shape[1] != n_labels):
        raise ShapeError(f"candidates have shape {tuple(open_.shape)} beside targets of shape {tuple(targets.shape)}; "
                         "a row for each image and a column for each label are expected.")
    doubted = is_partial(open_.float())
    if targets.ndim == 1:
        if int(targets.masked_fill(doubted, 0).max()) >= n_labels or int(targets.masked_fill(doubted, 0).min()) < 0:
            raise ShapeError(f"targets aren't all indices of {n_labels} labels, though their answers aren't in doubt.")
        targets = functional.one_hot(targets.masked_fill(doubted, 0), n_labels) * (1 - smoothing) + smoothing / n_labels
    return torch.where(doubted[:, None], open_.float(), targets.float())


def is_partial(rows: Tensor) -> Tensor:
    """Which rows of targets leave several labels open: probabilities sum to one, ones to more."""
    return rows.sum(dim=1) > 1.5


def partial_label_losses(logits: Tensor, rows: Tensor, *, smoothing: float) -> Tensor:
    """The loss of each item, in nats, shape (n,): of probabilities the cross-entropy, of an answer in doubt what the
    labels that it leaves open have together.

    Smoothing doubts that answer as a whole, and says nothing of which of them it is.

    References
    ----------
    Cour, Sapp, Taskar (2011), Learning from Partial Labels, JMLR 12; Redmon and Farhadi (2017), doi:
    10.1109/CVPR.2017.690, who sum over the leaves of a hierarchy.

    Examples
    --------
    >>> logits, rows = torch.tensor([[0.5, 0.3, 0.2]]).log(), torch.tensor([[0.0, 1.0, 1.0]])
    >>> partial_label_losses(logits, rows, smoothing=0.0).exp()
    tensor([2.])
    """
    losses = functional.cross_entropy(logits, rows, reduction="none")
    doubted = is_partial(rows)
    if not bool(doubted.any()):
        return losses
    logs, open_ = functional.log_softmax(logits[doubted], dim=1), rows[doubted] > 0.5
    together = logs.masked_fill(~open_, -torch.inf).logsumexp(dim=1)
    share = open_.float().mean(dim=1)
    others = logs.masked_fill(open_, 0.0).mean(dim=1)
    return losses.masked_scatter(doubted, -(1 - smoothing + smoothing * share) * together - smoothing * others)


def hits(logits: Tensor, targets: Tensor) -> int:
    """How many items get a label that their answer says or leaves open."""
    top = logits.argmax(dim=1).to(targets.device)
    if targets.ndim == 1:
        return int((top == targets).sum())
    return int((targets.gather(1, top[:, None])[:, 0] == targets.max(dim=1).values).sum())


def kinds(targets: Tensor) -> Tensor:
    """Which answers are alike, int64, shape (n,): the most probable label, and numbers beyond for each doubt."""
    if targets.ndim == 1:
        return targets
    found, doubted = targets.argmax(dim=1), is_partial(targets)
    if bool(doubted.any()):
        found[doubted] = targets.shape[1] + targets[doubted].unique(dim=0, return_inverse=True)[1]
    return found
