"""Data of a fine-tuning: the training set, the items on which the model is measured, and the marked regions.

`gather` collects all three from a project; `training_set` makes only the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch

from ..errors import BadInput
from ..project.answers import Answers
from ..project.project import Project
from ..quality.pool_shares import shares_of_parts
from ..taxonomy.history import Lineage
from ..taxonomy.labels import Taxonomy
from .confidence import label_rows
from .data import LabelledImages, item_draws
from .feedback import AnyFeedback, feedback_of
from .label_calibration import known_of, label_shares
from .losses import SETS, SMOOTHING
from .registry import Registry
from .soft_labels import soft_labels

Certainty = Literal["weight", "soft", "off"]

# Reasons for asking an item that mean it was drawn at random.
BY_CHANCE = ("audit", "random")
PER_LABEL = 5


@dataclass(frozen=True)
class Data:
    """The data of one run.

    Attributes
    ----------
    items : LabelledImages
        The training set; at least one item.
    lineage : Lineage
        The taxonomy when the data were collected; later edits don't affect the run.
    reference : mapping of str to str
        item_id -> label_id of the items on which the model is measured: gold items, and hold-out items that were
        answered blind or imported.
    reference_positions : ndarray of int
        Positions of these items in the pool.
    feedback : Feedback, TextFeedback or None
        The regions that people marked; None where there are none.
    why_no_reference : str
        Why there are no measuring items, where there are neither hold-out answers nor gold.
    shares : ndarray of float64, shape (n_labels,), or None
        As returned by `pool_shares`.
    """

    items: LabelledImages
    lineage: Lineage
    reference: Mapping[str, str]
    reference_positions: np.ndarray
    feedback: AnyFeedback | None
    why_no_reference: str
    shares: np.ndarray | None = None


def gather(project: Project, registry: Registry, *, certainty: Certainty | str = "weight") -> Data:
    """Collect the data of a run; BadInput when there is no annotation to learn from."""
    with project.state.lock:  # answers and truth of one moment, under one taxonomy
        answers, measuring = project.answers(), project.measuring().all
    items = training_set(project, registry, certainty=certainty, answers=answers)
    if not len(items):
        raise BadInput("there are no annotations to learn from yet; label some items of the queue first, or bring "
                       "labels with wb.import_annotations(df). Models never learn from hold-out and gold items.")
    why = "no hold-out item has been answered yet; the queue mixes them in" if project.settings["holdout"] else \
        "this project has no hold-out, and no gold"
    reference = {str(project.pool.ids[position]): label_id for position, label_id in measuring.items()}
    return Data(items, answers.lineage, reference, np.fromiter(measuring, np.int64, len(measuring)),
                feedback_of(project, items, registry.architecture.view), why, pool_shares(items, answers))


def pool_shares(items: LabelledImages, answers: Answers) -> np.ndarray:
    """The class priors of the pool, estimated from the training set.

    A strategy picks items whose labels aren't distributed as in the pool. Therefore the priors are estimated from
    answers to items that were drawn at random (`shares_of_parts`), including items that were asked again for other
    reasons. The estimate is shrunk towards the shares among all answers, which have the weight of `PER_LABEL` random
    answers for each label.

    Parameters
    ----------
    items : LabelledImages
        The training set.
    answers : Answers
        The answers that it was made from.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        Sums to 1, unless an item may have several labels: there each is the share of the items that have the label.
    """
    n_labels, data = len(items.label_ids), items.training_data()
    order, by_chance = answers.in_order_asked(items.item_ids, BY_CHANCE)
    part, n_open = answers.parts(items.item_ids)
    if items.objective.of_sets:
        known, on, weights = known_of(data.targets, data.weights)
        rows, every = torch.where(known, on, torch.nan).double().numpy(), label_shares(on, weights).double().numpy()
        found = shares_of_parts(rows[order], by_chance[order], part[order], n_open).towards(every, 2 * PER_LABEL)
        n_pool = len(rows) + int(n_open.sum())  # one more answer, so that no share is exactly 0 or 1
        return (n_pool * found + every) / (n_pool + 1)
    rows = label_rows(data.targets, n_labels).double().numpy()
    estimated = shares_of_parts(rows[order], by_chance[order], part[order], n_open)
    every = rows.mean(axis=0)
    if len(n_open) > 1:  # each answer is weighted by the number of items of its part that it stands for
        stands_for = 1 + n_open / np.bincount(part, minlength=len(n_open)).clip(1)
        every = np.average(rows, axis=0, weights=stands_for[part])
    shares = estimated.towards(every, PER_LABEL * n_labels)
    return shares / shares.sum()


# 13 branches: soft labels and votes are two ways to the same lists, and each list is filled in both.
def training_set(project: Project, registry: Registry, *, certainty: Certainty | str = "weight",
                 answers: Answers | None = None) -> LabelledImages:
    """The current annotations as a torch Dataset: the consensus labels of the training items, with the net's views.

    An answer that may mean several labels, since an edit or as an inner node of the taxonomy, has several candidates
    (`LabelledImages.candidates`). Where an item may have several labels, a label is unknown, and masked, if an edit
    left it in doubt or added it after the answer.

    Parameters
    ----------
    project : Project
        Has the annotations.
    registry : Registry
        Builds the nets that will see the items.
    certainty : str
        With "weight" an item is weighted by its annotators' certainty (`annotation_tables.votes_by_item`), with "off"
        by the share of annotators that agree. With "soft" its target is its row of `soft_labels`.
    answers : Answers, optional
        The project's answers, if they were read already; their taxonomy is used.

    Raises
    ------
    BadInput
        When `certainty` is none of these.
    """
    if certainty not in get_args(Certainty):
        raise BadInput(f"certainty is {certainty!r}; one of {', '.join(get_args(Certainty))} is expected.")
    answers = answers or project.answers()
    taxonomy = answers.lineage.today
    if project.task == "multilabel":
        return _by_group(project, _sets(project, registry, answers, certainty))
    label_ids, partial = taxonomy.label_ids, answers.partial()
    targets: Sequence[str] | np.ndarray
    if certainty == "soft":
        soft = soft_labels(project, registry.untrained_embeddings, answers=answers, predicted=registry.imported_probs)
        partial = partial[~partial["item_id"].isin(soft.item_ids)]
        any_of = [[float(label_id in some) / len(some) for label_id in label_ids] for some in partial["label_ids"]]
        probs = np.array([*soft.probs, *any_of]).reshape(-1, len(label_ids))
        positions, weights = soft.positions, [1.0] * len(soft.positions)
        labels = [label_ids[top] for top in soft.probs.argmax(axis=1)]
        targets = (1 - SMOOTHING) * probs + SMOOTHING / len(label_ids)  # smoothed like any other answer
    else:
        training = answers.training()
        positions, labels = training["position"].tolist(), training["label_id"].tolist()
        weights = training["share" if certainty == "off" else "weight"].tolist()
        targets = labels + [some[0] for some in partial["label_ids"]]
    weights += [1.0] * len(partial) if certainty == "off" else partial["weight"].tolist()
    candidates = {label_id: _candidates(taxonomy, label_id) for label_id in label_ids}
    positions = positions + partial["position"].tolist()
    items = LabelledImages(project.pool, positions, targets, label_ids,
                           preprocess=registry.architecture.view, weights=weights, kept=registry.architecture.kept,
                           candidates=[candidates[label_id] for label_id in labels] + partial["label_ids"].tolist(),
                           names=[taxonomy.name_of(label_id) for label_id in label_ids])
    return _by_group(project, items)


def _by_group(project: Project, items: LabelledImages) -> LabelledImages:
    """The items, with draws by group if the hold-out is drawn by groups."""
    if (column := project.settings.get("group")) is not None:  # whole groups validate, as whole groups measure
        positions = project.pool.positions(items.item_ids)
        items.draws = item_draws(map(str, project.pool.group_sums(column)[positions].tolist()))
    return items


def _sets(project: Project, registry: Registry, answers: Answers, certainty: str) -> LabelledImages:
    """The training set where an item may have several labels.

    For an uncertain answer, "soft" moves the targets towards 0.5, and "weight" lowers its weight.
    """
    matrix, taxonomy = answers.label_matrix(), answers.lineage.today
    on, weights = matrix.on, matrix.weight
    if certainty == "soft":
        sure = weights.clip(0, 1)
        on = sure * on + (1 - sure) / 2
    return LabelledImages(project.pool, matrix.positions.tolist(), on, matrix.label_ids,
                          preprocess=registry.architecture.view, kept=registry.architecture.kept,
                          weights=weights if certainty == "weight" else (~np.isnan(on)).astype(np.float32),
                          names=[taxonomy.name_of(label_id) for label_id in matrix.label_ids], objective=SETS)


def _candidates(taxonomy: Taxonomy, label_id: str) -> tuple[str, ...]:
    """The labels that an answer may mean: its own and, for an inner node, all below it."""
    return (label_id, *(label.id for label in taxonomy.below(label_id)))
