"""Flips: the items to which two models give different labels.

A gain of two points may be ten items won and eight lost. `Workbench.flips` calls `flips`, which returns `Flips`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..items.pool import Pool
from ..learn.measurement import Outputs
from ..learn.registry import Registry, Version
from ..project.project import Project
from ..sampling.ranking import suggested_sets, todays_probs
from ..taxonomy.label_sets import set_id

if TYPE_CHECKING:
    from ..drawing.figures import Drawing

RIGHT = {"before": "as before", "after": "as after", "neither": "neither"}
N_PLOTTED, SIDE = 12, 160
NUMBERS = ("before_confidence", "after_confidence", "moved")
COLUMNS = ["item_id", "before", "before_confidence", "after", "after_confidence", "moved", "answer", "right", "role",
           "blind"]


class Flips:
    """The items to which two models give different labels.

    Where an item may have several labels, whole sets are compared: the confidence is that of the least certain label,
    and moved is the mean difference of the labels' probabilities.

    Attributes
    ----------
    before, after : str
        Versions of the two models.
    n_items : int
        Number of items that both models predicted, without unreadable ones.
    items : DataFrame
        One row per item that flipped, those that moved most first: item_id; before, before_confidence, after,
        after_confidence (the label each model suggests, and its probability); moved, the total variation between the
        two predictions, from 0 to 1; answer, the known label or None; right, "before", "after", "neither", or None
        without an answer; role, "measures" (hold-out and gold), "teaches", or None; blind, whether all of the item's
        answers were given without sight of a suggestion (None if not recorded): other answers are biased to a model.
    """

    def __init__(self, pool: Pool, *, before: str, after: str, n_items: int, items: pd.DataFrame) -> None:
        self._pool, self.before, self.after, self.n_items, self.items = pool, before, after, n_items, items

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        lines = [f"{self.before} -> {self.after}: {len(self)} of {self.n_items} items flipped"]
        for role, words in (("measures", "whose answer measures"),
                            ("teaches", "that teach, which it may know by heart")):
            n = self.items[self.items["role"] == role]["right"].value_counts()
            if n.sum():
                lines.append(f"of {n.sum()} {words}: {_in_words(n)}")
            known = self.items[(self.items["role"] == role) & self.items["right"].notna()]
            blind = known[known["blind"].eq(True)]
            if role == "teaches" and known["blind"].eq(False).any():
                lines.append(f"of {len(blind)} of these that were answered without sight of a suggestion: "
                             f"{_in_words(blind['right'].value_counts())}")
        return "\n".join(lines)

    def plot(self, n: int = N_PLOTTED) -> Drawing:
        """Draw thumbnails of the first n items, each with both labels and the right one."""
        from ..drawing.plots import plot_flips
        shown = []
        for row in self.items.head(n).itertuples():
            image = self._pool.thumbnail(self._pool.position(row.item_id), side=SIDE)
            answer = "no answer yet" if row.answer is None else f"answer: {row.answer}, {RIGHT[row.right]}"
            shown.append((image, f"{row.item_id}\n{row.before} {row.before_confidence:.2f}\n"
                                 f"> {row.after} {row.after_confidence:.2f}\n{answer}", row.right))
        return plot_flips(shown, f"{len(self)} of {self.n_items} items flipped, {self.before} > {self.after}")


def _in_words(n: pd.Series) -> str:
    return f"{n.get('after', 0)} became right, {n.get('before', 0)} became wrong, " \
           f"{n.get('neither', 0)} were and are wrong"


def flips(project: Project, registry: Registry, before: str | None = None, after: str | None = None, *,
          n: int | None = None) -> Flips:
    """Compare two models item by item; see `Workbench.flips`."""
    inference = registry.inference
    new = registry.find(after or inference.predictor.version)
    old = registry.find(before or _former(project, registry, new.name))
    if old.name == new.name:
        raise BadInput(f"before and after are one model, {new.name}; two versions of wb.models() are expected.")
    # Not the draws of the hold-out: its items have the smallest of these, and would come first.
    positions = np.argsort(inference.pool.draws(project.settings["seed"] + 1), kind="stable")[:n]
    outputs = [_outputs(registry, version, positions) for version in (old, new)]
    # In sets, labels that a model doesn't know yet are off.
    unread = [np.isnan(one.probs).all(axis=1) if project.task == "multilabel" else np.isnan(one.probs).any(axis=1)
              for one in outputs]
    both = np.flatnonzero(~unread[0] & ~unread[1])
    items = _table(project, inference.pool.ids[positions[both]], [_said(project, one, both, positions[both])
                                                                  for one in outputs])
    return Flips(inference.pool, before=old.name, after=new.name, n_items=len(both), items=items)


def _former(project: Project, registry: Registry, version: str) -> str:
    """The adopted model or, if this is the version to compare, the model that was adopted before it."""
    if registry.adopted not in (None, version):
        return str(registry.adopted)
    others = [str(event.body["model"]) for event in project.log.events(kind="adopted")
              if event.body["model"] != version]
    if not others:
        raise BadInput(f"no other model than {version} was ever adopted, so there is nothing to compare it with. "
                       "Fine-tune first, or name two versions of wb.models().")
    return others[-1]


def _outputs(registry: Registry, version: Version, positions: np.ndarray) -> Outputs:
    # Read once: another thread may adopt another model meanwhile.
    predictor = None if registry.adopted is None else registry.inference.predictor
    if predictor is None or predictor.version != version.name:
        predictor = registry.predictor(version)
    return Outputs(version.name, *registry.inference.own_probs(positions, predictor=predictor),
                   registry.thresholds_of(version.name))


class _Said(NamedTuple):
    """Probabilities over today's labels, suggestions, and confidences: for a set, that of its least certain label."""

    probs: np.ndarray
    top: np.ndarray
    sure: np.ndarray


def _said(project: Project, model: Outputs, rows: np.ndarray, places: np.ndarray) -> _Said:
    """A model's predictions for rows of its outputs, at these positions in the pool.

    Between labels that it can't tell apart, such as the parts of a split label for an older model, it guesses: see
    `Outputs.top`.
    """
    lineage, label_ids = project.lineage, project.taxonomy.label_ids
    if project.task != "multilabel":
        probs, top = model.today(lineage, rows), model.top(lineage, rows, places)
        return _Said(probs, np.array(label_ids, object)[top], np.take_along_axis(probs, top[:, None], axis=1)[:, 0])
    probs = np.nan_to_num(todays_probs(model.probs[rows], model.label_ids, lineage, multilabel=True))
    on = suggested_sets(probs, label_ids, model.thresholds)
    sets = np.array([set_id(itertools.compress(label_ids, row)) for row in on] + [None], object)[:-1]
    return _Said(probs, sets, np.maximum(probs, 1 - probs).min(axis=1))


def _table(project: Project, item_ids: np.ndarray, said: Sequence[_Said]) -> pd.DataFrame:
    """`Flips.items` for these items, from the predictions of both models."""
    (was, now), tops, sure = ([getattr(one, name) for one in said] for name in ("probs", "top", "sure"))
    apart = np.abs(was - now)
    moved = apart.mean(axis=1) if project.task == "multilabel" else apart.sum(axis=1) / 2
    flipped = np.flatnonzero(tops[0] != tops[1])
    flipped = flipped[np.argsort(-moved[flipped], kind="stable")]
    measures = project.reference()
    answers = project.answers()
    teaches = dict(answers.training()[["item_id", "label_id"]].itertuples(index=False))
    blind = _answered_blind(answers.all_votes())
    name_of = project.taxonomy.name_of
    rows = []
    for row in flipped.tolist():
        item_id, (old, new) = str(item_ids[row]), (top[row] for top in tops)
        answer = measures.get(item_id, teaches.get(item_id))
        right = None if answer is None else {old: "before", new: "after"}.get(answer, "neither")
        rows.append((item_id, name_of(old), float(sure[0][row]), name_of(new), float(sure[1][row]),
                     float(moved[row]), None if answer is None else name_of(answer), right,
                     "measures" if item_id in measures else "teaches" if item_id in teaches else None,
                     blind.get(item_id)))
    frame: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS, dtype=object).astype(dict.fromkeys(NUMBERS, float))
    return frame


def _answered_blind(votes: pd.DataFrame) -> dict[str, bool | None]:
    """Whether all of an item's answers were given blind; None if that isn't recorded for one, and none was shown."""
    shown = votes["shown"].groupby(votes["item_id"])
    table = pd.DataFrame({"any": shown.any(), "unknown": shown.count() < shown.size()})
    return {str(item_id): False if row_any else None if unknown else True
            for item_id, row_any, unknown in table.itertuples()}
