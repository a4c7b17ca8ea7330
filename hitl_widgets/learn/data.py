"""Training data: labelled items as a torch Dataset, the validation split, balanced batches, augmentation.

`Workbench.training_set` returns a `LabelledImages`; `TrainingData` is the input of `train`. The functions are the data
steps of `train`; each can be used in a training loop of your own.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, replace
from itertools import tee
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from ..errors import BadInput, ItemError, ShapeError, UnknownLabel
from .losses import ONE_LABEL, PARTIAL, Objective, label_groups, with_candidates
from .rationales import Rationales
from .views import Images, KeptViews, TextViews, View, Views, are_of_texts

# Batches of (views, targets, weights); views are a tensor, or a mapping of tensors.
Batches = Iterable[tuple[Any, Tensor, Tensor]]

# With fewer validation items than this, the choice of the best epoch would be mostly chance.
MIN_VALIDATION = 10
# Items of a rare label are drawn at most this many times as often as uniformly, so that the net doesn't memorise them.
MAX_REPEATS = 10
# Views that take less memory than this are read once, others again for each batch.
RESIDENT_BYTES = 256 * 2**20


class LabelledImages(Dataset["tuple[Tensor, int | Tensor, float | Tensor]"]):
    """The labelled items, as a torch Dataset of (view, target, weight).

    Parameters
    ----------
    pool : Images
        The items.
    positions : sequence of int
        Positions of the labelled items in the pool.
    answers : sequence of str, or ndarray of shape (n_items, n_labels)
        The label_id of each item, or its probabilities over the labels; where an item may have several labels, whether
        each is on, from 0 to 1, NaN where nothing is known.
    label_ids : sequence of str
        The labels, in the order of the net's outputs.
    preprocess : callable
        Maps an item to the net's view of it.
    names : sequence of str, optional
        Names of the labels; their ids when None.
    weights : sequence of float, or ndarray of shape (n_items, n_labels), optional
        How much each item, or each of its labels, counts; 1 when None.
    candidates : sequence of (sequence of str or None), optional
        The label_ids that each item may have, where its answer is partial; None or one label_id where it is exact.
    kept : KeptViews, optional
        Views that were kept before, under the same preprocessing.
    objective : Objective
        See `TrainingData`.

    Attributes
    ----------
    item_ids : list of str
        Id of each item.
    targets : ndarray
        Either int64, shape (n_items,), the index of each answer in `label_ids`, and -100 where the answer is partial
        (torch's cross-entropy leaves such items out); or float32, shape (n_items, n_labels).
    candidates : ndarray of bool, shape (n_items, n_labels), or None
        The candidate labels of each item; None where no answer is partial.
    weights : ndarray of float32, shape (n_items,) or (n_items, n_labels)
        How much each item, or each of its labels, counts.
    images : Views
        The views alone: `images[i]` has shape (C, h, w); it is read when it is first asked for, and then kept in a
        temporary file. The view of a text is a tensor, or a mapping of tensors.
    draws : ndarray of float64, shape (n_items,)
        A number in [0, 1) for each item, from `pool_draws`; it decides which items are used for validation.

    Raises
    ------
    ShapeError
        If positions, answers, weights and candidates differ in number.
    UnknownLabel
        If an answer isn't in `label_ids`.
    """

    def __init__(self, pool: Images, positions: Sequence[int], answers: Sequence[str] | np.ndarray,
                 label_ids: Sequence[str], *, preprocess: Callable[[Any], View],
                 names: Sequence[str] | None = None, weights: Sequence[float] | np.ndarray | None = None,
                 candidates: Sequence[Sequence[str] | None] | None = None, kept: KeptViews | None = None,
                 objective: Objective = ONE_LABEL) -> None:
        if not len(positions) == len(answers) == len(answers if weights is None else weights):
            raise ShapeError(f"{len(positions)} positions, {len(answers)} answers and "
                             f"{len(answers if weights is None else weights)} weights were given; one of each for "
                             "every item is expected.")
        self.label_ids, self.names, self.objective = tuple(label_ids), tuple(names or label_ids), objective
        self._columns = {label_id: column for column, label_id in enumerate(self.label_ids)}
        self.item_ids = [str(pool.ids[position]) for position in positions]
        self.targets = self._as_rows(answers) if np.ndim(answers) == 2 else self._as_indices(answers)
        self.candidates = None if candidates is None else self._as_mask(candidates)
        self.weights = np.ones(len(answers), np.float32) if weights is None else np.asarray(weights, np.float32)
        self.images = Views(pool, positions, preprocess, kept=kept)
        self.draws = pool_draws(pool, positions)

    def _as_indices(self, answers: Sequence[str] | np.ndarray) -> np.ndarray:
        if unknown := sorted({str(answer) for answer in answers if answer not in self._columns}):
            raise UnknownLabel(f"answers {unknown[:5]} are not among the {len(self._columns)} labels to be learnt.")
        return np.array([self._columns[answer] for answer in answers], dtype=np.int64)

    def _as_rows(self, answers: Any) -> np.ndarray:
        rows = np.asarray(answers, np.float32)
        if self.objective.of_sets:
            if rows.shape[1] != len(self.label_ids) or (rows < 0).any() or (rows > 1).any():
                raise ShapeError(f"answers have shape {rows.shape}; a number from 0 to 1, or NaN, for each of "
                                 f"{len(self.label_ids)} labels is expected for each item.")
            return rows
        if rows.shape[1] != len(self.label_ids) or (rows < 0).any() \
                or not np.allclose(rows.sum(axis=1), 1, atol=1e-3):
            raise ShapeError(f"answers have shape {rows.shape}; a row of {len(self.label_ids)} probabilities, of which "
                             "the sum is 1, is expected for each item.")
        return rows

    def _as_mask(self, candidates: Sequence[Sequence[str] | None]) -> np.ndarray | None:
        """The candidate labels as a mask. Items with several lose their index."""
        if len(candidates) != len(self.targets):
            raise ShapeError(f"{len(candidates)} candidates and {len(self.targets)} answers were given; one of each "
                             "for every item is expected.")
        partial = {row: labels for row, labels in enumerate(candidates) if labels is not None and len(labels) > 1}
        if not partial:
            return None
        mask = np.zeros((len(candidates), len(self.label_ids)), bool)
        top = self.targets if self.targets.ndim == 1 else self.targets.argmax(axis=1)
        mask[np.arange(len(candidates)), top] = True
        for row, labels in partial.items():
            if unknown := sorted(set(labels) - set(self._columns)):
                raise UnknownLabel(f"candidates {unknown[:5]} are not among the {len(self._columns)} labels to be "
                                   "learnt.")
            mask[row] = [label_id in labels for label_id in self.label_ids]
        if self.targets.ndim == 1:
            self.targets[list(partial)] = PARTIAL
        return mask

    def collate(self, rows: Sequence[tuple[Any, Any, Any]]) -> tuple[Any, Tensor, Tensor]:
        """A batch of rows of this set, for ``DataLoader(collate_fn=...)``: views, targets and weights.

        Texts differ in length, which torch's default collation refuses: shorter ones are padded.

        Parameters
        ----------
        rows : sequence of tuple
            Elements of this set.
        """
        views, targets, weights = zip(*rows, strict=True)
        of_rows = torch.stack if self.targets.ndim == 2 else torch.as_tensor
        of_weights = torch.stack if self.weights.ndim == 2 else torch.as_tensor
        return self.images.batch(views), of_rows(targets), of_weights(weights)

    def why_left_out(self, rows: Sequence[int]) -> str:
        """A sentence on items that can't be used, with the reason of the first.

        Parameters
        ----------
        rows : sequence of int
            Rows of these items; at least one.
        """
        first = rows[0]
        try:
            reason = f"its view has shape {tuple(self.images[first].shape)}, and most have another"
        except ItemError as error:
            reason = str(error)
        return f"{len(rows)} of {len(self)} items can't be used and were left out, the first " \
               f"{self.item_ids[first]!r}: {reason.rstrip('.')}."

    def training_data(self, rationales: Rationales | None = None) -> TrainingData:
        """Convert the set to a `TrainingData`, the input of `train`.

        Parameters
        ----------
        rationales : Rationales, optional
            Regions that people marked on some of the items.
        """
        return TrainingData(self.images, self.targets, weights=self.weights, candidates=self.candidates,
                            draws=self.draws, rationales=rationales, objective=self.objective)

    def __len__(self) -> int:
        return len(self.item_ids)

    def __getitem__(self, index: int) -> tuple[Tensor, int | Tensor, float | Tensor]:
        target, weight = self.targets[index], self.weights[index]
        return (self.images[index], int(target) if self.targets.ndim == 1 else torch.from_numpy(target.copy()),
                float(weight) if self.weights.ndim == 1 else torch.from_numpy(weight.copy()))


# Not `Pool.draws`, which hashes otherwise and depends on a seed: in projects that exist, items that validated so far
# would then train, and their loss would look better than it is.
def item_draws(item_ids: Iterable[str]) -> np.ndarray:
    """A number in [0, 1) for each item, float64: a hash of its id."""
    return np.array([int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=6).digest(), "big")
                     for item_id in item_ids], dtype=np.float64) / 2**48


def pool_draws(pool: Images, positions: Sequence[int] | np.ndarray) -> np.ndarray:
    """A number in [0, 1) for each of some items, float64: a hash of the item's id, or of its text.

    Texts that differ only in case and white space have the same number, so that none of them is used to validate or
    calibrate a net that was trained on another of them.

    Parameters
    ----------
    pool : Images
        The items.
    positions : sequence of int
        Positions of the items in the pool.
    """
    places = np.asarray(positions, np.int64).tolist()
    if getattr(pool, "kind", "image") != "text":
        return item_draws(str(pool.ids[place]) for place in places)
    said = []
    for place in places:
        try:
            said.append(" ".join(str(pool.load(place)).casefold().split()))
        except ItemError:
            said.append(str(pool.ids[place]))
    return item_draws(said)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The data that a net is trained on.

    Parameters
    ----------
    images : Tensor of shape (n, C, h, w), or sequence of Tensor
        The views, such as `LabelledImages.images`.
    targets : array_like
        The index of each image's label, shape (n,), or a row of probabilities for each, shape (n, n_labels).
    weights : array_like, shape (n,), optional
        How much each image counts; all alike when None.
    candidates : array_like of bool, shape (n, n_labels), optional
        The candidate labels, such as `LabelledImages.candidates`. Where a row has more than one, the target isn't read,
        and the loss is that of the sum of their probabilities.
    draws : array_like, shape (n,), optional
        A number in [0, 1) for each image, such as `LabelledImages.draws`. Images with numbers below 0.15 are the
        validation set, so that an item that was in it once is never used for training later. Random when None.
    validation : tuple of (images, targets), optional
        The validation set; when None, 15 % of the images are split off if that makes 10 or more.
    rationales : Rationales, optional
        Regions of some images that people marked as wrong (the net shouldn't use them) or missing (it should).
    shares : array_like, shape (n_labels,), optional
        Class priors: the labels' shares in the pool that the net will predict; those of the targets when None.
    objective : Objective
        `losses.ONE_LABEL`, or `losses.SETS` where an item may have several: each target is then whether each label is
        on, from 0 to 1, shape (n, n_labels), NaN where nothing is known, and weights may have this shape too.

    Raises
    ------
    ShapeError
        If images, targets and candidates don't fit.
    """

    images: Tensor | Sequence[Tensor]
    targets: Any
    weights: Any = None
    candidates: InitVar[Any] = None
    draws: Any = None
    validation: tuple[Tensor | Sequence[Tensor], Any] | None = None
    rationales: Rationales | None = None
    shares: Any = None
    objective: Objective = ONE_LABEL

    def __post_init__(self, candidates: Any) -> None:
        targets = as_targets(self.targets, len(self.images))
        weights = np.ones(len(targets)) if self.weights is None else self.weights
        checked = {"targets": targets if candidates is None else with_candidates(targets, candidates),
                   "weights": torch.as_tensor(np.asarray(weights, np.float32)),
                   "draws": None if self.draws is None else np.asarray(self.draws, np.float64),
                   "validation": self.validation and (self.validation[0], as_targets(self.validation[1],
                                                                                     len(self.validation[0])))}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: np.ndarray) -> TrainingData:
        """Only some of the images, without rationales.

        Parameters
        ----------
        rows : ndarray of int
            Rows of these images.
        """
        images = self.images[rows] if isinstance(self.images, Tensor) else self.images.select(rows.tolist()) \
            if isinstance(self.images, (Views, TextViews)) else [self.images[row] for row in rows]
        return replace(self, images=images, targets=self.targets[rows], weights=self.weights[rows],
                       draws=None if self.draws is None else self.draws[rows], rationales=None)


@dataclass(frozen=True, eq=False)
class SplitData:
    """Training data in memory, split into training and validation rows.

    Attributes
    ----------
    images, targets, weights : Tensor
        All of the training data.
    training : ndarray of int
        Indices of the training rows.
    held_out : tuple of (images, targets)
        The images and targets that `validating` indexes.
    validating : ndarray of int
        Indices of the validation rows.
    readable : ndarray of bool
        Which images can be read.
    objective : Objective
        See `TrainingData`.
    """

    images: Tensor | Sequence[Tensor]
    targets: Tensor
    weights: Tensor
    training: np.ndarray
    held_out: tuple[Tensor | Sequence[Tensor], Tensor]
    validating: np.ndarray
    readable: np.ndarray
    objective: Objective = ONE_LABEL


def split_data(data: TrainingData, *, seed: int) -> SplitData:
    """Read the images, and split them into training and validation images.

    Parameters
    ----------
    data : TrainingData
        Images with marked regions are always training images.
    seed : int
        Seed of the split, where the images have no draws.

    Raises
    ------
    BadInput
        If fewer than two labels are left to learn, or the views differ in shape.
    """
    images, readable = load_views(data.images)
    if data.validation is None:
        training, validating = split_validation(data.targets, draws=data.draws, seed=seed,
                                                groups=data.objective.groups(data.targets))
        held_out, validates = (images, data.targets), readable
        if data.rationales is not None:
            training = np.union1d(training, data.rationales.rows)
            validating = np.setdiff1d(validating, data.rationales.rows)
    else:
        others, validates = load_views(data.validation[0])
        training, validating = np.arange(len(data)), np.arange(len(others))
        held_out = others, data.validation[1]
    training, validating = training[readable[training]], validating[validates[validating]]
    check_labels(data.targets[training], data.objective)
    return SplitData(images, data.targets, data.weights, training, held_out, validating, readable, data.objective)


def split_validation(targets: Tensor, *, share: float = 0.15, draws: Any = None, seed: int = 0,
                     groups: Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training rows and validation rows, whose draws lie below the share.

    With fixed draws for each item, a validation item is never used for training later, whatever answers are added.
    Otherwise the validation loss of a net that has memorised the item would be too low.

    Parameters
    ----------
    targets : Tensor
        As `TrainingData.targets`.
    share : float
        Share of validation rows, from 0 to 1. If that makes fewer than 10 rows, there are none.
    draws : array_like, shape (n,), optional
        Numbers in [0, 1), one for each row. When None, they are drawn by `seed`, stratified by group.
    seed : int
        Seed of the draws.
    groups : Tensor of int64, shape (n,), optional
        The group of each row, such as its label; `losses.label_groups` of the targets when None.
    """
    by_bar, of_each = draws is not None, label_groups(targets) if groups is None else groups
    if draws is None:
        draws = torch.rand(len(targets), generator=torch.Generator().manual_seed(seed))
    draws, names = np.asarray(draws, np.float64), of_each.numpy()
    of_groups = [rows[np.argsort(draws[rows], kind="stable")]
                 for rows in (np.flatnonzero(names == name) for name in np.unique(names))]
    if by_bar:  # if all rows of a group lie below the share, one still trains
        chosen = [rows[:-1][draws[rows[:-1]] < share] for rows in of_groups]
    else:
        chosen = [rows[:round(share * len(rows))] for rows in of_groups]
    validating = np.sort(np.concatenate([np.array([], np.int64), *chosen]))
    if len(validating) < MIN_VALIDATION:
        validating = validating[:0]
    return np.setdiff1d(np.arange(len(names)), validating), validating


def balanced_order(targets: Tensor, n_draws: int, generator: torch.Generator) -> np.ndarray:
    """Draw rows to train on, in order, so that each label occurs equally often, up to a limit for rare labels.

    All rows of a label come before one is repeated, each time in a new order. Those of a rare label come at most 10
    times as often as in uniform draws from the exact answers; the other labels share the rest. Partial answers with the
    same candidates count as one label.

    Parameters
    ----------
    targets : Tensor
        As `TrainingData.targets`.
    n_draws : int
        How many rows to draw, about.
    generator : torch.Generator
        Source of the order.
    """
    groups = label_groups(targets)
    names, counts, quotas = draw_quotas(targets, n_draws)
    drawn = []
    for group, count, share in zip(names.tolist(), counts.tolist(), quotas, strict=True):
        rows, quota = torch.nonzero(groups == group)[:, 0], math.ceil(share)
        turns = [rows[torch.randperm(count, generator=generator)] for _ in range(math.ceil(quota / count))]
        drawn.append(torch.cat(turns)[:quota])
    order = torch.cat(drawn)
    return order[torch.randperm(len(order), generator=generator)].numpy()


def draw_quotas(targets: Tensor, n_draws: int) -> tuple[Tensor, Tensor, list[float]]:
    """How often `balanced_order` draws each group of `losses.label_groups`: group, number of its rows, and draws.

    Parameters
    ----------
    targets : Tensor
        As `TrainingData.targets`.
    n_draws : int
        How many rows to draw, about.
    """
    groups = label_groups(targets)
    names, counts = groups.unique(return_counts=True)
    # Partial answers don't count here: a few exact answers among many partial ones would hardly ever come.
    n_exact = len(groups) if targets.ndim == 1 else int((groups < targets.shape[1]).sum())
    most = [MAX_REPEATS * n_draws * count / max(1, n_exact) for count in counts.tolist()]
    quotas, left = most.copy(), float(n_draws)
    for n_others, place in zip(range(len(most), 0, -1), np.argsort(most).tolist(), strict=True):
        quotas[place] = min(most[place], left / n_others)
        left -= quotas[place]
    return names, counts, quotas


def make_batches(images: Tensor | Sequence[Tensor], targets: Tensor, weights: Tensor | None,
                 rows: Iterable[np.ndarray] | np.ndarray) -> Batches:
    """Batches of (views, targets, weights).

    Parameters
    ----------
    images : Tensor or sequence of Tensor
        The views.
    targets : Tensor
        As `TrainingData.targets`.
    weights : Tensor, optional
        How much each image counts; 1 when None.
    rows : iterable of ndarray, or ndarray
        The rows of each batch; one long array is cut into batches of 64.
    """
    if isinstance(rows, np.ndarray):
        rows = [rows[start:start + 64] for start in range(0, len(rows), 64)]
    for_views, rows = tee(rows)
    batches: Iterable[Any] = images.batches(for_views) if isinstance(images, (Views, TextViews)) else \
        (images[some] if isinstance(images, Tensor) else torch.stack([images[row] for row in some])
         for some in for_views)
    for some, views in zip(rows, batches, strict=True):
        yield views, targets[some], torch.ones(len(some)) if weights is None else weights[some]


# 19 branches: one pass over the views, which may be read from disk; an odd shape is only known once all were seen.
def load_views(images: Tensor | Sequence[Tensor]) -> tuple[Tensor | Sequence[Tensor], np.ndarray]:
    """Load the views as one tensor if they take less than 256 MB, else return them as they are; and a usable mask.

    Views that can't be read, or whose shape isn't that of most, can't be used. Texts may differ in length, and are kept
    one by one.

    Parameters
    ----------
    images : Tensor or sequence of Tensor
        The views.

    Raises
    ------
    BadInput
        If views can be read, and no shape is that of more than half of these.
    """
    if isinstance(images, Tensor):
        return images.float(), np.ones(len(images), bool)
    if are_of_texts(images):
        return _load_texts(images)
    shapes: dict[int, torch.Size] = {}
    whole = None
    for row, view in enumerate(images.each() if isinstance(images, (Views, TextViews)) else _each(images)):
        if isinstance(view, ItemError):
            continue
        if not shapes and view.numel() * 4 * len(images) <= RESIDENT_BYTES:
            whole = torch.zeros(len(images), *view.shape)
        shapes[row] = view.shape
        if whole is not None and view.shape == whole.shape[1:]:
            whole[row] = view
    usual, n_usual = Counter(shapes.values()).most_common(1)[0] if shapes else (torch.Size(), 0)
    if 2 * n_usual <= len(shapes) and shapes:
        some = ", ".join(str(tuple(shape)) for shape in list(dict.fromkeys(shapes.values()))[:5])
        raise BadInput(f"views have the shapes {some}; training needs views of one shape: pass "
                       "preprocess=hw.Preprocess(size, channels=...).")
    usable = np.array([shapes.get(row) == usual for row in range(len(images))], bool) if shapes \
        else np.zeros(len(images), bool)
    if whole is not None and whole.shape[1:] != usual:  # the first was another one
        whole = torch.zeros(len(images), *usual)
        for row in np.flatnonzero(usable).tolist():
            whole[row] = images[row]
    return (images if whole is None else whole), usable


def _load_texts(images: Views | TextViews) -> tuple[Sequence[Any], np.ndarray]:
    """The views of texts, in memory if they take less than 256 MB; and a mask of those that can be used."""
    assert images.of_texts is not None
    kept: list[Any] | None = []
    usable, n_bytes = np.zeros(len(images), bool), 0
    for row, view in enumerate(images.each()):
        read: Any = None if isinstance(view, ItemError) else view
        usable[row] = read is not None
        if kept is not None:
            kept.append(read)
            tensors = [] if read is None else [read] if isinstance(read, Tensor) else list(read.values())
            n_bytes += sum(tensor.nbytes for tensor in tensors)
            kept = kept if n_bytes <= RESIDENT_BYTES else None
    return (images if kept is None else TextViews(kept, images.of_texts)), usable


def _each(images: Sequence[Tensor]) -> Iterator[Tensor | ItemError]:
    for row in range(len(images)):
        try:
            yield images[row]
        except ItemError as error:
            yield error


def as_targets(targets: Any, n_items: int) -> Tensor:
    """Targets as int64, shape (n_items,), or float32, shape (n_items, n_labels).

    Parameters
    ----------
    targets : array_like
        Indices of labels, or rows of probabilities.
    n_items : int
        The number of targets that is expected.

    Raises
    ------
    ShapeError
        If they have another number, or another shape or dtype.
    """
    tensor = torch.as_tensor(targets)
    tensor = tensor.float() if tensor.is_floating_point() else tensor.long()
    if len(tensor) != n_items or tensor.ndim != (2 if tensor.is_floating_point() else 1):
        raise ShapeError(f"targets have shape {tuple(tensor.shape)} and type {tensor.dtype} for {n_items} images; an "
                         "index of a label each, or a row of probabilities each, is expected.")
    return tensor


def check_labels(targets: Tensor, objective: Objective = ONE_LABEL) -> None:
    """Raise BadInput unless there are two labels to tell apart, or one that some items have and others don't.

    Parameters
    ----------
    targets : Tensor
        The targets of the training images; see `TrainingData`.
    objective : Objective
        See `TrainingData`.
    """
    if not len(targets):
        raise BadInput("there is no item to learn from: label some first, with images that can be read.")
    if objective.of_sets:
        if not differ(targets):
            raise BadInput(f"of the {len(targets)} items to learn from, no label is on for one and off for another; "
                           "answer some more, since there is nothing to tell apart.")
        return
    if len(label_groups(targets).unique()) < 2:
        raise BadInput(f"all {len(targets)} items to learn from have one label; label some of another first, since "
                       "there is nothing to tell apart.")


def differ(on: Tensor) -> bool:
    """Whether some label is on for one item and off for another.

    Parameters
    ----------
    on : Tensor, shape (n, n_labels)
        From 0 to 1; NaN where nothing is known.
    """
    return bool(((on > 0.5).any(dim=0) & (on <= 0.5).any(dim=0)).any())


def random_affine(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift, rotate and scale each image a little, padded with its edge; no mirroring, which changes digits.

    Texts stay as they are.

    Parameters
    ----------
    images : Tensor, shape (n, C, h, w)
        The batch.
    generator : torch.Generator
        Source of randomness.
    """
    if not isinstance(images, Tensor) or images.ndim != 4:
        return images

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(len(images), generator=generator) - 1) * limit

    angle, scale = uniform(0.15), 1 + uniform(0.1)
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    moves = torch.stack([cosine, -sine, uniform(0.1), sine, cosine, uniform(0.1)], dim=1).view(-1, 2, 3).to(images)
    grid = functional.affine_grid(moves, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
