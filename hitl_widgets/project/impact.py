"""What would an edit of the taxonomy ask of people, and what became of those that were made?

Read `foreseen` first: it makes the `Preview` of an edit, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..taxonomy.edits import Edit, Resolution
from ..taxonomy.history import Lineage, taxonomy_event
from ..taxonomy.labels import Taxonomy
from .label_index import LabelIndex, Pair

# Seconds that a decision takes where nobody was timed yet.
ASSUMED_S = 3.0
EDIT_COLUMNS = ["id", "version", "prose", "annotator", "acted_at", "why", "reverts", "reverted_by"]
COUNT_COLUMNS = ["label_id", "label", "decided", "presumed", "in_doubt"]


class Change(NamedTuple):
    """A step that is about to be made: the taxonomy it leads to, and what becomes of today's answers."""

    taxonomy: Taxonomy
    resolution: Resolution
    edits: Sequence[Edit] = ()
    reverts: str | None = None


@dataclass(frozen=True)
class Preview:
    """What an edit would do, worked out without doing it.

    Attributes
    ----------
    prose : what would change, in sentences
    version : the taxonomy version that it was worked out for; pass it as ``wb.apply(..., base=preview.version)``
    taxonomy : as it would be
    kept : label -> how many of its answers are carried over as they are
    to_review : label -> how many of its answers are in doubt then, and weren't before
    n_items : items to look at again for that
    n_presumed : items left in doubt that needn't be looked at, since they are presumed to be one of their labels
    n_settled : answers in doubt until now that would mean one label again
    seconds_each : what one decision takes: the median here, or `ASSUMED_S` where nobody was timed (`timed` is False)
    model : label -> "kept", "summed" (of several labels' probabilities), "shared" (with others, until the next
        training) or "new" to the model; empty without one
    """

    prose: str
    version: int
    taxonomy: Taxonomy
    kept: Mapping[str, int]
    to_review: Mapping[str, int]
    n_items: int
    n_settled: int
    seconds_each: float
    timed: bool
    model: Mapping[str, str] = field(default_factory=dict)
    n_presumed: int = 0

    @property
    def n_kept(self) -> int:
        """How many answers are carried over as they are."""
        return sum(self.kept.values())

    @property
    def n_to_review(self) -> int:
        """How many answers would have to be looked at again."""
        return sum(self.to_review.values())

    @property
    def minutes(self) -> float:
        """How long looking at them again takes, at most: what can be presumed needn't be asked."""
        return self.n_items * self.seconds_each / 60

    @property
    def model_said(self) -> str:
        """What the model keeps, in words."""
        return _model_said(self.model)

    def __repr__(self) -> str:
        lines = [self.prose, f"{_n(self.n_kept, 'answer')} carried over as they are"]
        if self.n_items:
            whose = ", ".join(f"{n:,} of “{name}”" for name, n in self.to_review.items())
            lines.append(f"{_n(self.n_items, 'item')} to look at again ({whose}): "
                         f"at most {_duration(60 * self.minutes)}, at {self.seconds_each:.1f} s a decision"
                         f"{'' if self.timed else ' (assumed: nobody was timed yet)'}")
        else:
            lines.append("nothing to look at again")
        if self.n_presumed:
            lines.append(f"{_n(self.n_presumed, 'item')} presumed, and not asked")
        if self.n_settled:
            lines.append(f"{_n(self.n_settled, 'answer')} no longer in doubt")
        lines.append(self.model_said)
        return f"<Preview for taxonomy v{self.version}\n  " + "\n  ".join(lines) + ">"


@dataclass(frozen=True)
class Applied:
    """An edit that was made. `id` names it for ``wb.revert``; `preview` tells what it did, as it was foreseen."""

    id: str
    version: int
    taxonomy: Taxonomy
    edits: tuple[Edit, ...]
    prose: str
    why: str | None
    annotator: str
    acted_at: datetime
    preview: Preview

    @property
    def n_items(self) -> int:
        """How many items it left to look at again."""
        return self.preview.n_items

    def __repr__(self) -> str:
        asks = f"{_n(self.n_items, 'item')} to look at again" if self.n_items else "nothing to look at again"
        return f"<Taxonomy v{self.version} by {self.annotator}: {self.prose} {asks}; undo with wb.revert({self.id!r})>"


def foreseen(change: Change, lineage: Lineage, given: LabelIndex | None, *, seconds: Sequence[float],
             label_ids: Sequence[str] = (), presumed: Mapping[int, Pair] | None = None) -> Preview:
    """What a change would do to the answers and to a model.

    Parameters
    ----------
    given : the answers that stand; None where the project was opened without its pool
    seconds : what the latest decisions took
    label_ids : of the model's outputs
    presumed : position -> what the item there is presumed to be
    """
    trial = trial_of(change, lineage)
    kept: dict[str, int] = {}
    to_review: dict[str, int] = {}
    settled, lost = 0, set[Pair]()
    for pair, n in (given.counts() if given is not None else {}).items():
        now, then = lineage.exactly(*pair), trial.exactly(*pair)
        if now is None:
            settled += n if then is not None else 0
            continue
        into = kept if then is not None else to_review
        into[lineage.today.name_of(now)] = into.get(lineage.today.name_of(now), 0) + n
        if then is None:
            lost.add(pair)
    n_items = n_presumed = 0
    if given is not None and lost:
        asked = given.look(lambda pair: int(pair in lost)) > 0
        spared = [place for place, pair in (presumed or {}).items() if trial.exactly(*pair) is not None]
        n_presumed = int(np.count_nonzero(asked[spared]))
        n_items = int(np.count_nonzero(asked)) - n_presumed
    return Preview(prose=trial.steps[-1].prose, version=lineage.today.version, taxonomy=change.taxonomy, kept=kept,
                   to_review=to_review, n_items=n_items, n_presumed=n_presumed, n_settled=settled,
                   timed=bool(len(seconds)), seconds_each=float(np.median(seconds)) if len(seconds) else ASSUMED_S,
                   model=_followed(lineage, trial, label_ids))


def trial_of(change: Change, lineage: Lineage) -> Lineage:
    """The lineage as it would be."""
    return lineage.then(taxonomy_event(change.taxonomy, id="not-stored", annotator="nobody",
                                       acted_at=lineage.steps[-1].acted_at, edits=change.edits,
                                       resolution=change.resolution, reverts=change.reverts))


def history(lineage: Lineage) -> pd.DataFrame:
    """Every edit that was made, one row each, the oldest first."""
    rows = [tuple(getattr(step, name) for name in EDIT_COLUMNS) for step in lineage.steps if step.before is not None]
    return pd.DataFrame(rows, columns=EDIT_COLUMNS)


def counts(lineage: Lineage, given: LabelIndex, presumed: Iterable[Pair]) -> pd.DataFrame:
    """For each label that may be an answer: answers that mean it, items presumed to be it, answers that may mean it."""
    table = {label_id: [0, 0, 0] for label_id in lineage.today.label_ids}
    for pair, n in given.counts().items():
        if (label_id := lineage.exactly(*pair)) is not None:
            table[label_id][0] += n
        else:
            for label_id in lineage.candidates(*pair):
                table[label_id][2] += n
    for pair in presumed:
        if (label_id := lineage.exactly(*pair)) is not None:
            table[label_id][1] += 1
    return pd.DataFrame([(label_id, lineage.today.name_of(label_id), *ns) for label_id, ns in table.items()],
                        columns=COUNT_COLUMNS)


def _followed(lineage: Lineage, trial: Lineage, label_ids: Sequence[str]) -> dict[str, str]:
    """What each label of the taxonomy to come is to a model with these outputs."""
    if not label_ids:
        return {}
    sums, said = trial.columns(label_ids), dict[str, str]()
    for column, label_id in enumerate(trial.today.label_ids):
        parts = sums[:, column][sums[:, column] > 0]
        said[trial.today.name_of(label_id)] = "new" if not len(parts) else "shared" if (parts < 1).any() \
            else "kept" if len(parts) == 1 else "summed"
    return said


def _model_said(model: Mapping[str, str]) -> str:
    if not model:
        return "no model has to follow"
    words = {"summed": "the sum of several labels before", "shared": "a share of a label's probability until the next "
             "training", "new": "new to it"}
    said = [f"the model keeps {sum(word == 'kept' for word in model.values())} of {len(model)} labels as they are"]
    for word, meaning in words.items():
        if names := [f"“{name}”" for name, found in model.items() if found == word]:
            said.append(f"{', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}: {meaning}")
    return "; ".join(said)


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
