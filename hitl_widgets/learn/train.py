"""How does a net learn from what people said?

A loop of small steps in plain torch; each is public, so that a person can write another loop from them. Read `train`
first: it is the whole loop. `LabelledImages` is what it learns from.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from ..errors import BadInput, ImageError, ModelError, ShapeError, TrainingStopped, UnknownLabel
from .checkpoint import Checkpoint, Schedule, StoppedBecause, TrainingState, groups
from .losses import PARTIAL, hits, kinds, partial_label_losses, with_candidates
from .microbatch import MicroBatches
from .predict import Images, pick_device, private_copy, read_logits
from .rationales import RationaleMethod, Rationales, rationale_loss

Augment = Callable[[Tensor, torch.Generator], Tensor]

Batches = Iterable[tuple[Tensor, Tensor, Tensor]]
HISTORY = ("epoch", "step", "loss", "accuracy", "validation_loss", "validation_accuracy", "lr", "elapsed_s")

# A set smaller than this is gone through several times an epoch: short epochs would end before much is learnt.
SHORTEST_EPOCH = 512
# How much of each answer is doubted.
SMOOTHING = 0.1
# With fewer validation items than this, the best epoch would be a matter of luck.
FEWEST_VALIDATING = 10
# How much more often than by chance an item of a rare label may come, lest the net learn the item by heart.
MOST_REPEATS = 10
# Views that take less memory than this are read once, others anew for each batch.
RESIDENT_BYTES = 256 * 2**20


class LabelledImages(Dataset):
    """The items that people labelled, as a torch Dataset of (view, target, weight).

    Parameters
    ----------
    pool : where the items are
    positions : of the items in the pool
    answers : the label_id of each item; or probabilities, shape (n_items, n_labels), where it isn't certain
    label_ids : in the order of the net's outputs
    preprocess : from an item to the net's view of it
    names : of the labels; their ids when None
    weights : how much each item counts; 1 when None
    candidates : label_ids that each item may have, where its answer names several; None, or one, where it is exact

    Raises
    ------
    ShapeError
        If positions, answers, weights and candidates differ in number.
    UnknownLabel
        If an answer is none of `label_ids`.

    Attributes
    ----------
    item_ids : list of str
    targets : int64, shape (n_items,), the index of each answer in `label_ids`; -100 where it is in doubt, which torch's
        cross-entropy leaves out; or float32, (n_items, n_labels)
    candidates : bool, shape (n_items, n_labels), what the answers leave open; None where none is in doubt
    weights : float32, shape (n_items,)
    images : the views alone, `images[i]` of shape (C, h, w); read when asked for
    draws : float64, shape (n_items,), in [0, 1), from each item's id alone; says which items validate
    """

    def __init__(self, pool: Images, positions: Sequence[int], answers: Sequence[str] | np.ndarray,
                 label_ids: Sequence[str], *, preprocess: Callable[[np.ndarray], Tensor],
                 names: Sequence[str] | None = None, weights: Sequence[float] | None = None,
                 candidates: Sequence[Sequence[str] | None] | None = None) -> None:
        if not len(positions) == len(answers) == len(answers if weights is None else weights):
            raise ShapeError(f"{len(positions)} positions, {len(answers)} answers and "
                             f"{len(answers if weights is None else weights)} weights were given; one of each for "
                             "every item is expected.")
        self.label_ids, self.names = tuple(label_ids), tuple(names or label_ids)
        self.item_ids = [str(pool.ids[position]) for position in positions]
        self.targets = self._rows(answers) if np.ndim(answers) == 2 else self._columns(answers)
        self.candidates = None if candidates is None else self._open(candidates)
        self.weights = np.ones(len(answers), np.float32) if weights is None else np.asarray(weights, np.float32)
        self.images = Views(pool, positions, preprocess)
        self.draws = item_draws(self.item_ids)

    def _columns(self, answers: Sequence[str] | np.ndarray) -> np.ndarray:
        column = {label_id: i for i, label_id in enumerate(self.label_ids)}
        if unknown := sorted({str(answer) for answer in answers if answer not in column}):
            raise UnknownLabel(f"answers {unknown[:5]} are not among the {len(column)} labels to be learnt.")
        return np.array([column[answer] for answer in answers], dtype=np.int64)

    def _rows(self, answers: Any) -> np.ndarray:
        rows = np.asarray(answers, np.float32)
        if rows.shape[1] != len(self.label_ids) or (rows < 0).any() \
                or not np.allclose(rows.sum(axis=1), 1, atol=1e-3):
            raise ShapeError(f"answers have shape {rows.shape}; a row of {len(self.label_ids)} probabilities, of which "
                             "the sum is 1, is expected for each item.")
        return rows

    def _open(self, candidates: Sequence[Sequence[str] | None]) -> np.ndarray | None:
        """What the answers leave open; those in doubt have no target."""
        if len(candidates) != len(self.targets):
            raise ShapeError(f"{len(candidates)} candidates and {len(self.targets)} answers were given; one of each "
                             "for every item is expected.")
        column = {label_id: i for i, label_id in enumerate(self.label_ids)}
        several = {row: some for row, some in enumerate(candidates) if some is not None and len(some) > 1}
        if not several:
            return None
        open_ = np.zeros((len(candidates), len(self.label_ids)), bool)
        answered = self.targets if self.targets.ndim == 1 else self.targets.argmax(axis=1)
        open_[np.arange(len(candidates)), answered] = True
        for row, some in several.items():
            if unknown := sorted(set(some) - set(column)):
                raise UnknownLabel(f"candidates {unknown[:5]} are not among the {len(column)} labels to be learnt.")
            open_[row] = [label_id in some for label_id in self.label_ids]
        if self.targets.ndim == 1:
            self.targets[list(several)] = PARTIAL
        return open_

    def __len__(self) -> int:
        return len(self.item_ids)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor, float]:
        target = self.targets[index]
        return (self.images[index], int(target) if self.targets.ndim == 1 else torch.from_numpy(target.copy()),
                float(self.weights[index]))


def item_draws(item_ids: Iterable[str]) -> np.ndarray:
    """A number in [0, 1) for each item, float64, that follows from its id alone."""
    return np.array([int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=6).digest(), "big")
                     for item_id in item_ids], dtype=np.float64) / 2**48


class Views(Sequence[Tensor]):
    """The net's views of some items of a pool, each made when it is asked for."""

    def __init__(self, pool: Images, positions: Sequence[int], preprocess: Callable[[np.ndarray], Tensor]) -> None:
        self._pool, self._positions, self._preprocess = pool, [int(position) for position in positions], preprocess

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Views(self._pool, self._positions[index], self._preprocess)
        return self._preprocess(self._pool.load(self._positions[index]))


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes
    ----------
    net : a copy of the net with the best weights, on the CPU, in evaluation mode
    history : one row an epoch: epoch, step, loss, accuracy, validation_loss, validation_accuracy, lr, elapsed_s
    stopped_because : "done", "early" (the validation loss only rose), "budget" or "interrupted"
    best_epoch : whose weights these are: the last whose validation loss was the lowest, give or take a standard error;
        0 when no epoch was finished and nothing was learnt
    n_training, n_validation : number of items
    left_out : rows of the images that couldn't be read
    """

    net: nn.Module
    history: pd.DataFrame
    stopped_because: StoppedBecause
    best_epoch: int
    n_training: int
    n_validation: int
    left_out: tuple[int, ...] = ()

    @property
    def validation_loss(self) -> float:
        """Of these weights, in nats; NaN where nothing validated or nothing was learnt."""
        return float(self.history["validation_loss"].iloc[self.best_epoch - 1]) if self.best_epoch else math.nan


def train(net: nn.Module, images: Tensor | Sequence[Tensor], targets: Any, *, weights: Any = None,
          candidates: Any = None, draws: Any = None,
          validation: tuple[Tensor | Sequence[Tensor], Any] | None = None, epochs: int = 20,
          budget_s: float | None = None, seed: int = 0, lr: float | None = None, weight_decay: float = 0.05,
          batch_size: int = 16, patience: int = 8, augment: Augment | None = None, marks: Rationales | None = None,
          reasons: RationaleMethod = "invariance", body: float = 1.0, head: str | None = None,
          checkpoint: Checkpoint | None = None,
          progress: Callable[[dict[str, float]], None] | None = None, device: str = "auto") -> Trained:
    """Train a copy of a net on labelled images, and keep its best weights.

    AdamW with one cycle of the learning rate, on batches in which each label comes equally often. The same call twice
    on a CPU gives the same weights, unless a budget ends it. Weights that don't require gradients stay as they are.

    Parameters
    ----------
    net : gives logits; it isn't changed
    images : views, shape (n, C, h, w), or a sequence of them such as `LabelledImages.images`
    targets : for each image the index of its label, or a row of probabilities over the labels
    weights : how much each image counts; all alike when None
    candidates : bool, shape (n, n_labels), such as `LabelledImages.candidates`: where more than one is True, the
        target isn't read, and the loss is that of the sum of their probabilities
    draws : numbers in [0, 1) that belong to the images, such as `LabelledImages.draws`: who has the smallest of its
        label validates. With them an item that once validated hardly ever trains later. By `seed` when None
    validation : (images, targets) to validate on; when None, 15 % are split off if that makes 10 or more
    epochs : at most; each draws as many images as there are, and at least 512
    budget_s : seconds, at most; the learning rate then falls with the time that is left
    lr : largest learning rate; when None 0.003, and 0.0003 for nets of a million weights or more
    patience : stop after so many epochs whose validation loss was clearly above the lowest
    augment : changes a batch, given a generator, such as `random_affine`
    marks : regions on some of the images that should not, or should, have counted; they train, and the last epoch
        stands: those who validate hold the same false hints as the others, and would choose the net that trusts them
    reasons : how the loss hears the marks, see `reasons.RationaleLoss`
    body : how fast all but the last layer learns, as a share of `lr`; below 1 the last layer learns alone at first
    head : name of the last layer; found when None
    checkpoint : where the state is kept after each epoch. A training that was stopped goes on from there, and on a CPU
        ends with the weights that it would have had
    progress : called with each new row of the history

    Returns
    -------
    Trained
        Also after an interrupt from the keyboard, with the best weights until then.

    Raises
    ------
    BadInput
        If there is nothing to tell apart: no image, one label only, or no weight that may change.
    ModelError
        If the net raises, or its outputs don't fit the targets.
    TrainingStopped
        If the loss is no number any more.
    """
    targets = as_targets(targets, len(images))
    if candidates is not None:
        targets = with_candidates(targets, candidates, smoothing=SMOOTHING)
    weights = torch.ones(len(images)) if weights is None else torch.as_tensor(np.asarray(weights, np.float32))
    images, readable = resident(images)
    if validation is None:
        rows, validating = split(targets, draws=draws, seed=seed)
        known, answers, validates = images, targets, readable
    else:
        rows, validating = np.arange(len(images)), np.arange(len(validation[0]))
        (known, validates), answers = resident(validation[0]), as_targets(validation[1], len(validation[0]))
    if marks is not None and validation is None:
        rows, validating = np.union1d(rows, marks.rows), np.setdiff1d(validating, marks.rows)
    rows, validating = rows[readable[rows]], validating[validates[validating]]
    check_labels(targets[rows])
    twin, place = trainable_copy(net), pick_device(device)
    learnt = groups(twin.to(place), body=body, head=head)
    lr = lr or (3e-3 if sum(weight.numel() for group in learnt for weight in group["params"]) < 1_000_000 else 3e-4)
    optimizer = torch.optim.AdamW(learnt, lr=lr, weight_decay=weight_decay)
    generator = torch.Generator().manual_seed(seed)
    n_draws, batch_size = max(len(rows), SHORTEST_EPOCH), max(2, batch_size)  # BatchNorm can't learn from one item
    extra_loss = rationale_loss(images, hard(targets), marks, readable, how=reasons, augment=augment, seed=seed)
    pace = Schedule(epochs * max(1, n_draws // batch_size), budget_s)
    course = TrainingState(twin, optimizer, generator, pace, extra_loss)
    stopped_because: StoppedBecause | None = None
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)  # for dropout, which draws from torch's own generator
        if checkpoint is not None:
            course.resume(checkpoint)
        try:
            if progress is not None:
                for row in course.history:
                    progress(row)
            while (stopped_because := course.ended(epochs=epochs, patience=patience)) is None:
                order = balanced(targets[rows], n_draws, generator)
                parts = np.array_split(order, max(1, len(order) // batch_size))  # none is smaller than batch_size
                batches = take(images, targets, weights, (rows[part] for part in parts))
                if augment is not None:
                    batches = ((augment(views, generator), wanted, count) for views, wanted, count in batches)
                loss, accuracy = train_epoch(twin, optimizer, batches, lr=lr, pace=pace, extra_loss=extra_loss)
                losses, valid_accuracy = validate(twin, take(known, answers, None, validating))
                valid_loss = float(losses.mean()) if len(losses) else math.nan
                course.note(losses, dict(zip(HISTORY, (
                    len(course.history) + 1, pace.step, loss, accuracy, valid_loss, valid_accuracy,
                    optimizer.param_groups[0]["lr"], pace.elapsed_s), strict=True)))
                if checkpoint is not None:
                    course.keep(checkpoint)
                if progress is not None:
                    progress(course.history[-1])
        except KeyboardInterrupt:
            stopped_because = "interrupted"
    twin.load_state_dict(course.best)
    return Trained(net=twin.to("cpu").eval(), history=pd.DataFrame(course.history, columns=list(HISTORY)),
                   stopped_because=stopped_because, best_epoch=course.best_epoch, n_training=len(rows),
                   n_validation=len(validating), left_out=tuple(np.flatnonzero(~readable).tolist()))


def train_epoch(net: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches, *, lr: float, pace: Schedule,
                extra_loss: Callable[[nn.Module], Tensor] | None = None) -> tuple[float, float]:
    """One pass over the batches, or as many as the pace has time for: mean loss and accuracy on the way.

    `extra_loss` gives a loss to add at each step, such as `reasons.RationaleLoss`.

    Raises
    ------
    TrainingStopped
        If the loss is no number any more.
    """
    set_training(net)
    losses, n_right, n, parts = 0.0, 0, 0, MicroBatches()
    for views, targets, weights in batches:
        if n and pace.out_of_time:
            break
        for group in optimizer.param_groups:
            group["lr"] = lr * pace.rate(group.get("share", 1.0))
        loss, right = backward(net, views, targets, weights, parts=parts)
        extra = 0.0
        if extra_loss is not None:
            said = extra_loss(net)
            if said.requires_grad:  # not when all regions were moved out of the view
                said.backward()
            extra = said.item()
        pace.step += 1
        if not math.isfinite(loss + extra):
            raise TrainingStopped(f"the loss is {loss + extra} at step {pace.step} of {pace.n_steps}; training "
                                  f"stopped, and nothing was adopted. Try a smaller lr than {lr:g}, and look for "
                                  "items whose view holds NaN.")
        optimizer.step()
        losses += (loss + extra) * len(views)
        n_right += right
        n += len(views)
    return losses / max(1, n), n_right / max(1, n)


def backward(net: nn.Module, views: Tensor, targets: Tensor, weights: Tensor, *,
             parts: MicroBatches) -> tuple[float, int]:
    """Lay the gradients of a batch's loss on the weights, in parts where memory is short: loss, number right."""
    place = next(net.parameters()).device

    def one(rows: np.ndarray) -> tuple[float, int]:
        logits = forward(net, views[rows].to(place), targets[rows])
        share = weights[rows].sum() / weights.sum().clamp_min(1e-8)
        loss = share.to(place) * mean_loss(logits, targets[rows].to(place), weights[rows].to(place))
        loss.backward()
        return loss.item(), hits(logits, targets[rows])

    found = parts.each(one, len(views), afresh=net.zero_grad)
    return sum(loss for loss, _ in found), sum(right for _, right in found)


def validate(net: nn.Module, batches: Batches) -> tuple[np.ndarray, float]:
    """The loss of each item, in nats, and the accuracy (NaN without items) of a net that isn't learning."""
    net.eval()
    place = next(net.parameters()).device
    losses, right = [np.array([], np.float32)], 0
    with torch.no_grad():
        for views, targets, _ in batches:
            logits = forward(net, views.to(place), targets)
            losses.append(item_losses(logits, targets.to(place)).cpu().numpy())
            right += hits(logits, targets)
    found = np.concatenate(losses)
    return found, right / len(found) if len(found) else math.nan


def item_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross-entropy of each item, in nats, shape (n,).

    An index is taken as right with probability 0.9, and the rest shared among all labels: people err, and a net that
    believes each answer wholly learns the errors too.

    Parameters
    ----------
    logits : shape (n, n_labels)
    targets : int64, shape (n,), or probabilities, shape (n, n_labels), which are taken as they are; a row of several
        ones leaves them open (`doubt.partial_label_losses`)

    References
    ----------
    Szegedy et al. (2016), Rethinking the Inception Architecture, doi:10.1109/CVPR.2016.308; for wrong answers,
    Lukasik et al. (2020), Does label smoothing mitigate label noise?
    """
    if targets.ndim == 2:
        return partial_label_losses(logits, targets, smoothing=SMOOTHING)
    return functional.cross_entropy(logits, targets, reduction="none", label_smoothing=SMOOTHING)


def mean_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The mean of `item_losses`, in which each item counts by its weight, not negative, shape (n,)."""
    return (weights * item_losses(logits, targets)).sum() / weights.sum().clamp_min(1e-8)


def forward(net: nn.Module, views: Tensor, targets: Tensor) -> Tensor:
    """The net's logits for a batch; ModelError when it raises, or has no output for a target."""
    try:
        logits = read_logits(net(views.to(next(net.parameters()).dtype)), len(views))
    except ModelError:
        raise
    except Exception as error:  # a user's net, which may raise anything
        raise ModelError(f"the net raised {type(error).__name__} while it learned from views of shape "
                         f"{tuple(views.shape)}: {error}. Does preprocess give what the net was made for? A smaller "
                         "batch_size needs less memory.") from error
    n_labels = targets.shape[1] if targets.ndim == 2 else int(targets.max()) + 1
    if logits.shape[1] < n_labels or (targets.ndim == 2 and logits.shape[1] != n_labels):
        raise ModelError(f"the net gives {logits.shape[1]} outputs an item, but the answers need {n_labels} labels. "
                         "Give it a last layer with one output a label.")
    return logits


def set_training(net: nn.Module) -> None:
    """Training mode, but for layers whose weights are all frozen: their BatchNorm keeps its means."""
    net.train()
    for layer in net.modules():
        own = list(layer.parameters(recurse=False))
        if own and not any(weight.requires_grad for weight in own):
            layer.eval()


def trainable_copy(net: nn.Module) -> nn.Module:
    """A copy to train, in float32 where the net has halves; BadInput when all its weights are frozen."""
    twin = private_copy(net)
    if not any(weight.requires_grad for weight in twin.parameters()):
        raise BadInput("no weight of the net may change: all have requires_grad=False. Free those that should learn, "
                       "such as net.fc.requires_grad_(True).")
    return twin.float() if next(twin.parameters()).dtype in (torch.float16, torch.bfloat16) else twin


def split(targets: Tensor, *, share: float = 0.15, draws: Any = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to validate on: of each label, those with the smallest draws validate.

    With draws that belong to the items, one that validated hardly ever trains later: else a net that learned it
    by heart would look better than it is, and training on from there worse. If fewer than 10 would, none does.
    """
    if draws is None:
        draws = torch.rand(len(targets), generator=torch.Generator().manual_seed(seed))
    draws, labels = np.asarray(draws, np.float64), kinds(targets).numpy()
    chosen = [rows[np.argsort(draws[rows], kind="stable")[:round(share * len(rows))]]
              for rows in (np.flatnonzero(labels == label) for label in np.unique(labels))]
    validating = np.sort(np.concatenate([np.array([], np.int64), *chosen]))
    if len(validating) < FEWEST_VALIDATING:
        validating = validating[:0]
    return np.setdiff1d(np.arange(len(labels)), validating), validating


def balanced(targets: Tensor, n_draws: int, generator: torch.Generator) -> np.ndarray:
    """Rows in the order in which to learn from them, each label as often as any other.

    A label's rows come round in turn, each time in a new order; those of a rare label at most 10 times as often as by
    chance among the answers that are known. All that leave the same labels open count as one label's.
    """
    labels = kinds(targets)
    found, counts = labels.unique(return_counts=True)
    # A few fine answers among many that are in doubt would hardly ever come, if these were counted too.
    n_known = len(labels) if targets.ndim == 1 else int((labels < targets.shape[1]).sum())
    picked = []
    for kind, count in zip(found.tolist(), counts.tolist(), strict=True):
        rows = torch.nonzero(labels == kind)[:, 0]
        quota = math.ceil(min(n_draws / len(found), MOST_REPEATS * n_draws * count / max(1, n_known)))
        turns = [rows[torch.randperm(count, generator=generator)] for _ in range(math.ceil(quota / count))]
        picked.append(torch.cat(turns)[:quota])
    order = torch.cat(picked)
    return order[torch.randperm(len(order), generator=generator)].numpy()


def take(images: Tensor | Sequence[Tensor], targets: Tensor, weights: Tensor | None,
         batches: Iterable[np.ndarray] | np.ndarray) -> Batches:
    """(views, targets, weights) of each batch of rows; of one long array of rows, 64 at a time."""
    if isinstance(batches, np.ndarray):
        batches = [batches[start:start + 64] for start in range(0, len(batches), 64)]
    for rows in batches:
        views = images[rows] if isinstance(images, Tensor) else torch.stack([images[row] for row in rows])
        yield views, targets[rows], torch.ones(len(rows)) if weights is None else weights[rows]


def resident(images: Tensor | Sequence[Tensor]) -> tuple[Tensor | Sequence[Tensor], np.ndarray]:
    """The images as one tensor if they fit into memory, else as they are; and which of them can be read."""
    if isinstance(images, Tensor):
        return images.float(), np.ones(len(images), bool)
    readable = np.ones(len(images), bool)
    shape, whole = None, None
    for row in range(len(images)):
        try:
            view = images[row]
        except ImageError:
            readable[row] = False
            continue
        if shape is None:
            shape = view.shape
            if view.numel() * 4 * len(images) <= RESIDENT_BYTES:
                whole = torch.zeros(len(images), *shape)
        if view.shape != shape:
            raise BadInput(f"view {row} has shape {tuple(view.shape)} and an earlier one {tuple(shape)}; training "
                           "needs views of one shape: pass preprocess=hw.Preprocess(size, channels=...).")
        if whole is not None:
            whole[row] = view
    return (images if whole is None else whole), readable


def as_targets(targets: Any, n_items: int) -> Tensor:
    """Targets as int64 (n_items,) or float32 (n_items, n_labels); ShapeError when they are neither."""
    tensor = torch.as_tensor(targets)
    tensor = tensor.float() if tensor.is_floating_point() else tensor.long()
    if len(tensor) != n_items or tensor.ndim != (2 if tensor.is_floating_point() else 1):
        raise ShapeError(f"targets have shape {tuple(tensor.shape)} and type {tensor.dtype} for {n_items} images; an "
                         "index of a label each, or a row of probabilities each, is expected.")
    return tensor


def hard(targets: Tensor) -> Tensor:
    """The most probable label of each target."""
    return targets if targets.ndim == 1 else targets.argmax(dim=1)


def check_labels(targets: Tensor) -> None:
    """BadInput unless there are two labels to tell apart."""
    found = kinds(targets).unique()
    if not len(targets):
        raise BadInput("there is no item to learn from: label some first, with images that can be read.")
    if len(found) < 2:
        raise BadInput(f"all {len(targets)} items to learn from have one label; label some of another first, since "
                       "there is nothing to tell apart.")


def random_affine(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image a little shifted, turned and scaled, its edge drawn outwards; no mirroring, which changes digits."""
    def some(most: float) -> Tensor:
        return (2 * torch.rand(len(images), generator=generator) - 1) * most

    angle, scale = some(0.15), 1 + some(0.1)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    moves = torch.stack([cosine, -sine, some(0.1), sine, cosine, some(0.1)], dim=1).view(-1, 2, 3).to(images)
    grid = functional.affine_grid(moves, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
