"""Previews of taxonomy edits, the table of earlier edits, and counts of answers per label.

`preview` computes the `Preview` of a change, and changes nothing; `label_counts` counts the answers of each label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..drawing import html
from ..taxonomy.edits import Edit
from ..taxonomy.history import Change, Lineage
from ..taxonomy.label_sets import is_set, members
from ..taxonomy.labels import Taxonomy
from .label_index import LabelIndex, Pair
from .value_index import doubts_of, values_of

# Seconds assumed for a decision as long as none was timed.
ASSUMED_S = 3.0
EDIT_COLUMNS = ["id", "version", "prose", "annotator", "acted_at", "why", "reverts", "reverted_by"]
COUNT_COLUMNS = ["label_id", "label", "decided", "presumed", "in_doubt"]
HTML_LABELS = 20  # rows of a table in a notebook


@dataclass(frozen=True)
class Preview:
    """The effects that a taxonomy edit would have.

    Attributes
    ----------
    prose : str
        What would change, in sentences.
    version : int
        The taxonomy version for which it was computed; pass it as ``wb.apply(..., base=preview.version)``.
    taxonomy : Taxonomy
        The taxonomy after the edit.
    kept : mapping of str to int
        Label -> how many of its answers are carried over unchanged.
    to_review : mapping of str to int
        Label -> how many of its answers would newly be in doubt, that is, may mean one of several labels. Where an item
        may have several labels, `kept` and `to_review` count by sets of labels, such as "indoor, night".
    n_items : int
        Items to review because of this.
    n_settled : int
        Answers and values in doubt that would become certain again.
    seconds_each : float
        Time that one decision takes: the median here, or `ASSUMED_S` if none was timed yet.
    timed : bool
        Whether any decision was timed.
    model : mapping of str to str
        Label -> where its probability comes from until the next training: "kept" (unchanged), "summed" (the sum of
        several labels'), "shared" (divided among several labels) or "new" (the model doesn't know the label); empty
        without a model. Where an item may have several labels, "highest" (the maximum of several labels') and "whole"
        (that of the former label) in place of "summed" and "shared".
    n_presumed : int
        Items in doubt that needn't be reviewed, since their label is presumed.
    values_kept, values_to_review, values_gone : mapping of str to int
        Attribute -> how many of its values are carried over, converted to a new scale; how many would newly be in
        doubt; and how many remain in the log only, since the attribute is no longer asked. Attributes whose values
        don't change are left out.
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
    values_kept: Mapping[str, int] = field(default_factory=dict)
    values_to_review: Mapping[str, int] = field(default_factory=dict)
    values_gone: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_kept(self) -> int:
        """Number of answers that are carried over unchanged."""
        return sum(self.kept.values())

    @property
    def n_to_review(self) -> int:
        """Number of answers that would have to be reviewed."""
        return sum(self.to_review.values())

    @property
    def minutes(self) -> float:
        """Time to review the items, at most, in minutes: items that can be presumed needn't be asked."""
        return self.n_items * self.seconds_each / 60

    @property
    def model_prose(self) -> str:
        """How the model would predict the new labels, in words."""
        return _model_prose(self.model)

    def __repr__(self) -> str:
        whose = ", ".join(f"{n:,} of “{name}”" for name, n in self.to_review.items())
        return f"<Preview for taxonomy v{self.version}\n  " + "\n  ".join([self.prose, *self._lines(whose)]) + ">"

    def _repr_html_(self) -> str:
        labels = sorted({**self.kept, **self.to_review}, key=lambda name: -self.to_review.get(name, 0))
        rows = [(name, n_kept, n_doubt, html.bar(n_kept / (n_kept + n_doubt))) for name in labels[:HTML_LABELS]
                for n_kept, n_doubt in [(self.kept.get(name, 0), self.to_review.get(name, 0))]]
        parts = [html.table(["label", "carried over", "to look at again", "share carried over"], rows)] if rows else []
        if len(labels) > HTML_LABELS:
            parts.append(html.paragraph(f"and {len(labels) - HTML_LABELS:,} labels more"))
        return html.page(f"Preview for taxonomy v{self.version}", html.paragraph(self.prose), *parts,
                         *map(html.paragraph, self._lines()))

    # 13 branches: a sentence for each thing that an edit may do.
    def _lines(self, whose: str = "") -> Iterator[str]:
        if self.n_kept or not (self.values_kept or self.values_to_review or self.values_gone):
            yield f"{_n(self.n_kept, 'answer')} carried over as they are"
        if self.n_items:
            yield (f"{_n(self.n_items, 'item')} to look at again{f' ({whose})' if whose else ''}: "
                   f"at most {_duration(60 * self.minutes)}, at {self.seconds_each:.1f} s a decision"
                   f"{'' if self.timed else ' (assumed: nobody was timed yet)'}")
        else:
            yield "nothing to look at again"
        if self.values_kept or self.values_to_review:
            yield (f"{_n(sum(self.values_kept.values()), 'value')} carried over"
                   + "".join(f"; {n:,} of “{name}” to be given again" for name, n in self.values_to_review.items()))
        for name, n in self.values_gone.items():
            yield f"{_n(n, 'value')} of “{name}” kept in the log only"
        if self.n_presumed:
            yield f"{_n(self.n_presumed, 'item')} presumed, and not asked"
        if self.n_settled:
            yield f"{_n(self.n_settled, 'answer')} no longer in doubt"
        yield self.model_prose


@dataclass(frozen=True)
class Applied:
    """An edit that was made.

    Attributes
    ----------
    id : str
        Pass it to ``wb.revert`` to take the edit back.
    version : int
        The taxonomy version that it led to.
    taxonomy : Taxonomy
        The taxonomy at that version.
    edits : tuple of Edit
        The edits as they were applied; empty for one that reverts another.
    prose : str
        The change in sentences.
    why : str or None
        The reason that was given.
    annotator : str
        Who made it.
    acted_at : datetime
        When, in UTC.
    preview : Preview
        Its effects, computed just before.
    """

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
        """Number of items that people have to answer again after the edit."""
        return self.preview.n_items

    def __repr__(self) -> str:
        asks = f"{_n(self.n_items, 'item')} to look at again" if self.n_items else "nothing to look at again"
        return f"<Taxonomy v{self.version} by {self.annotator}: {self.prose} {asks}; undo with wb.revert({self.id!r})>"


class LabelCount(NamedTuple):
    """Answers of a label and of all labels under it.

    Parameters
    ----------
    certain : int
        Answers that mean the label.
    in_doubt : int
        Answers that may mean the label or another one.
    """

    certain: int
    in_doubt: int


class LabelCounts(NamedTuple):
    """Number of answers, by label and in all.

    Parameters
    ----------
    labels : dict of str to LabelCount
        Counts for every label_id of today with any answers, including parents of other labels.
    all : LabelCount
        Counts of all answers.
    """

    labels: dict[str, LabelCount]
    all: LabelCount


def preview(change: Change, lineage: Lineage, label_index: LabelIndex | None, *, seconds: Sequence[float],
            label_ids: Sequence[str] = (), presumed: Mapping[int, Pair] | None = None, several: bool = False
            ) -> Preview:
    """Compute what a change would do to the answers and to a model.

    Parameters
    ----------
    change : Change
        The change of today's taxonomy.
    lineage : Lineage
        The taxonomy's history until today.
    label_index : LabelIndex or None
        The current answers; None where the project was opened without its pool.
    seconds : sequence of float
        Time that each of the latest decisions took, in seconds.
    label_ids : sequence of str
        The labels of the model's outputs; empty without a model.
    presumed : mapping of int to (label_id, version), optional
        Position -> the label that is presumed for the item.
    several : bool
        Whether an item may have several labels.
    """
    trial = lineage.then(change.event(id="not-stored", annotator="nobody", acted_at=lineage.steps[-1].acted_at))
    answers, values = _Answers(), _Values({}, {}, {})
    n_items = n_presumed = 0
    if label_index is not None:
        answers, values = _answers(label_index, lineage, trial), _values(label_index, lineage, trial)
        if answers.lost:
            spared = [place for place, pair in (presumed or {}).items() if trial.exactly(*pair) is not None]
            n_presumed = sum(not answers.lost.isdisjoint(label_index.of(place).values()) for place in spared)
            n_items = label_index.n_items(answers.lost) - n_presumed
        if trial.mapped or trial.asks:
            new = label_index.values_in_doubt(trial) & ~label_index.values_in_doubt(lineage)
            n_items += int((new & (label_index.look(lambda pair: pair in answers.lost) == 0)).sum())
    return Preview(prose=trial.steps[-1].prose, version=lineage.today.version, taxonomy=change.taxonomy,
                   values_kept=values.kept, values_to_review=values.to_review, values_gone=values.gone,
                   kept=dict(answers.kept), to_review=dict(answers.to_review), n_items=n_items, n_presumed=n_presumed,
                   n_settled=answers.n_settled + values.n_settled, timed=bool(len(seconds)),
                   seconds_each=float(np.median(seconds)) if len(seconds) else ASSUMED_S,
                   model=_outputs(trial, label_ids, several=several))


@dataclass
class _Answers:
    """Counts of answers by the name of their label today; `lost` has the pairs that the change would leave in doubt."""

    kept: Counter[str] = field(default_factory=Counter)
    to_review: Counter[str] = field(default_factory=Counter)
    lost: set[Pair] = field(default_factory=set)
    n_settled: int = 0


def _answers(label_index: LabelIndex, lineage: Lineage, trial: Lineage) -> _Answers:
    found = _Answers()
    for pair, n in label_index.counts().items():
        before, after = lineage.exactly(*pair), trial.exactly(*pair)
        if before is None:
            found.n_settled += n if after is not None else 0
        elif after is not None:
            found.kept[lineage.today.name_of(before)] += n
        else:
            found.to_review[lineage.today.name_of(before)] += n
            found.lost.add(pair)
    return found


class _Values(NamedTuple):
    kept: dict[str, int]
    to_review: dict[str, int]
    gone: dict[str, int]
    n_settled: int = 0


def _values(label_index: LabelIndex, lineage: Lineage, trial: Lineage) -> _Values:
    """Count the effects on the values of each attribute that the newest step changed: attribute -> count."""
    kept, to_review, gone, n_settled = Counter[str](), Counter[str](), Counter[str](), 0
    mapped = trial.steps[-1].values
    names = {one.id: one.name for one in lineage.today.attributes if one.id in mapped}
    stays = {one.id for one in trial.today.attributes}
    alike = Counter[tuple[Any, ...]]()  # thousands of different answers differ in few of these attributes
    for (label_id, version, text), n in label_index.values.counts() if names else ():
        key = (label_id, version, *((id, value) for id, value in values_of(text).items() if id in names))
        alike[key] += n
    for (label_id, version, *given), n in alike.items():
        values = dict(given)
        before, after = (doubts_of(which, label_id, version, values) for which in (lineage, trial))
        for attribute_id in values.keys() & names.keys() - before.keys():
            fate = gone if attribute_id not in stays else to_review if attribute_id in after else kept
            fate[names[attribute_id]] += n
        n_settled += n * len(before.keys() & names.keys() & stays - after.keys())
    return _Values(dict(kept), dict(to_review), dict(gone), n_settled)


def edit_table(lineage: Lineage, *, to_settle: bool = False) -> pd.DataFrame:
    """List every edit, one row each, the oldest first; with `to_settle`, followed by the edits to settle."""
    steps = [step for step in lineage.steps if step.before is not None]
    waiting = lineage.forks.unsettled if to_settle else ()
    rows = [tuple(getattr(step, name) for name in EDIT_COLUMNS) for step in (*steps, *waiting)]
    table: pd.DataFrame = pd.DataFrame(rows, columns=EDIT_COLUMNS)
    return table.assign(to_settle=table["version"] < 0) if to_settle else table


def count_table(lineage: Lineage, label_index: LabelIndex, presumed: Iterable[Pair]) -> pd.DataFrame:
    """Count for each label: answers that mean it, items presumed to have it, and answers that may mean it."""
    counts = {label_id: [0, 0, 0] for label_id in lineage.today.label_ids}
    for pair, n in label_index.counts().items():
        certain, in_doubt = _meanings(lineage, pair)
        for label_id in certain:
            counts[label_id][0] += n
        for label_id in in_doubt:
            counts[label_id][2] += n
    for pair in presumed:
        for label_id in members(lineage.exactly(*pair)):
            counts[label_id][1] += 1
    rows = [(label_id, lineage.today.name_of(label_id), *ns) for label_id, ns in counts.items()]
    table: pd.DataFrame = pd.DataFrame(rows, columns=COUNT_COLUMNS)
    return table


def label_counts(answers: Mapping[Pair, int], lineage: Lineage) -> LabelCounts:
    """Count the answers of each label today, with those of the labels under it.

    Parameters
    ----------
    answers : mapping of (label_id, version) to int
        The label as decided and the taxonomy's version then -> how many such answers there are.
    lineage : Lineage
        The taxonomy's history until today.
    """
    certain, in_doubt, n_certain, n_in_doubt = Counter[str](), Counter[str](), 0, 0
    for pair, n in answers.items():
        for counter, labels in zip((certain, in_doubt), _meanings(lineage, pair), strict=True):
            # An answer in doubt among labels of one parent counts once for the parent.
            places = {place for label in labels for place in (label, *_above(lineage.today, label))}
            counter.update(dict.fromkeys(places, n))
        if lineage.exactly(*pair) is not None:
            n_certain += n
        else:
            n_in_doubt += n
    return LabelCounts({label: LabelCount(certain[label], in_doubt[label])
                        for label in certain.keys() | in_doubt.keys()}, LabelCount(n_certain, n_in_doubt))


def latest_items(answers: Iterable[tuple[str, str, int | None]], lineage: Lineage, most: int = 6
                 ) -> dict[str, list[str]]:
    """List the items that last got each label, each item once: label_id -> item ids.

    Parameters
    ----------
    answers : iterable of (item_id, label_id, version)
        The label as decided and the taxonomy's version then, the latest first.
    lineage : Lineage
        The taxonomy's history until today.
    most : int
        Maximum number of items for each label.
    """
    latest: dict[str, list[str]] = {}
    for item_id, label_id, version in answers:
        for now in members(lineage.exactly(label_id, version)):
            if len(items := latest.setdefault(now, [])) < most and item_id not in items:
                items.append(item_id)
    return latest


def _meanings(lineage: Lineage, pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Today's labels that an answer certainly means (several for a set), and those of which it may mean one."""
    exact = lineage.exactly(*pair)
    if exact is not None:
        return members(exact), ()
    candidates = lineage.candidates(*pair)
    if not is_set(pair[0]):
        return (), candidates
    states = lineage.label_states(*pair)
    return tuple(label_id for label_id, on in states.items() if on), \
        tuple(label_id for label_id in candidates if not states.get(label_id))


def _above(taxonomy: Taxonomy, label_id: str) -> Iterator[str]:
    parent = taxonomy.label(label_id).parent
    while parent is not None:
        yield parent
        parent = taxonomy.label(parent).parent


def _outputs(trial: Lineage, label_ids: Sequence[str], *, several: bool) -> dict[str, str]:
    """How a model with these outputs predicts each label of the new taxonomy: see `Preview.model`."""
    if not label_ids:
        return {}
    shares, outputs = trial.columns(label_ids), dict[str, str]()
    for column, label_id in enumerate(trial.today.label_ids):
        parts = shares[:, column][shares[:, column] > 0]
        shared, summed = ("whole", "highest") if several else ("shared", "summed")
        whole = len(parts) == 1 if several else not (parts < 1).any()
        outputs[trial.today.name_of(label_id)] = "new" if not len(parts) else "kept" if len(parts) == 1 and whole \
            and parts[0] == 1 else summed if len(parts) > 1 and (several or whole) else shared
    return outputs


def _model_prose(model: Mapping[str, str]) -> str:
    if not model:
        return "there is no model that would change"
    meanings = {"summed": "the sum of several labels before",
                "shared": "a share of a label's probability until the next training", "new": "new to it",
                "highest": "the highest probability of several labels before",
                "whole": "the probability of the label before until the next training"}
    parts = [f"the model keeps {sum(word == 'kept' for word in model.values())} of {len(model)} labels as they are"]
    for word, meaning in meanings.items():
        if names := [f"“{name}”" for name, output in model.items() if output == word]:
            parts.append(f"{', '.join(names[:6])}{f' and {len(names) - 6} more' if len(names) > 6 else ''}: {meaning}")
    return "; ".join(parts)


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
