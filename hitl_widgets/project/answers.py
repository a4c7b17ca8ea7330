"""Current answers under today's taxonomy: consensus, votes and training labels.

`Answers` reads the log's table of annotations once, so that all its tables are of the same moment. `annotation_table`
makes the table of `Workbench.annotations`. An answer is "in doubt" if, since a taxonomy edit, it may mean one of
several labels of today. Read `Answers.training` first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import BadInput
from ..events import Event, standing
from ..items.pool import Pool
from ..quality import annotation_tables as tables
from ..quality.crowd_consensus import Consensus, consensus
from ..quality.object_tables import STORED_COLUMNS as OBJECTS_STORED
from ..quality.object_tables import images_table, objects_table
from ..quality.value_tables import STORED_COLUMNS, value_votes
from ..quality.votes_about import (
    about_attribute,
    about_label,
    cards,
    cards_about_attribute,
    cards_about_labels,
    names_of_states,
)
from ..storage.log import Log, gc_paused
from ..storage.schema import OF_ATTRIBUTES, OF_LABELS, annotation_of
from ..taxonomy.attributes import Attribute
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import NONE_OF_THEM, set_id
from .state import State

# With fewer items that two or more people answered, each person's reliability can't be estimated.
MIN_SHARED = 30


class LabelMatrix(NamedTuple):
    """Which labels items have, where an item may have several.

    Parameters
    ----------
    item_ids : list of str, length n
    positions : ndarray of int, shape (n,)
        Positions of the items in the pool.
    label_ids : tuple of str, length n_labels
        Ids of today's labels.
    on : ndarray of float, shape (n, n_labels)
        Weighted share of the answers in which the label is on; NaN where no answer covers the label.
    weight : ndarray of float, shape (n, n_labels)
        Mean weight of these answers: see `annotation_tables.votes_by_item`.
    n_answers : ndarray of int, shape (n,)
    """

    item_ids: list[str]
    positions: np.ndarray
    label_ids: tuple[str, ...]
    on: np.ndarray
    weight: np.ndarray
    n_answers: np.ndarray


class Answers:
    """The current answers of a project, at the time when the object was made.

    Parameters
    ----------
    log : Log
    state : State
        The project's state, up to the end of the log.
    pool : Pool or None
        None for a project that is opened without its items; then there is only `consensus`.
    task : str
        The project's task; with "multilabel" each label_id is that of a set.
    """

    def __init__(self, log: Log, state: State, pool: Pool | None, *, task: str = "classify") -> None:
        self.lineage, self._log, self.task = state.lineage, log, task
        columns = (*OF_LABELS, *OF_ATTRIBUTES) if state.lineage.today.attributes else None
        self._standing = _without(log.annotations(columns=columns), state.changed)
        self._state, self._pool = state, pool
        self._table = _voting(self._standing)

    @cached_property
    def adjudicated(self) -> dict[str, str]:
        """The labels that were adjudicated, which overrule votes: item_id -> today's label_id."""
        return self._state.verdicts.labels(self.lineage, self._state.changed)

    @cached_property
    def judged_states(self) -> dict[str, dict[str, bool]]:
        """Adjudicated labels of sets: item_id -> today's label_id -> whether the label is on; see `Verdicts`."""
        return self._state.verdicts.states(self.lineage, self._state.changed)

    @cached_property
    def undecided(self) -> dict[str, tuple[str, ...]]:
        """Items that are undecided since an edit left answers in doubt; see `annotation_tables.undecided_by_item`."""
        found = tables.undecided_by_item(self._table, self.lineage)
        return {item_id: between for item_id, between in found.items() if item_id not in self.adjudicated}

    @cached_property
    def undecided_labels(self) -> dict[str, frozenset[str]]:
        """For sets, each item's labels that are undecided since an edit; see `undecided_labels_by_item`."""
        return tables.undecided_labels_by_item(self._table, self.lineage)

    @cached_property
    def given_votes(self) -> tables.VotesByItem:
        """The labels that annotators gave each item, and their weights: see `annotation_tables.votes_by_item`."""
        return tables.votes_by_item(self._table, self.lineage, undecided=self.undecided)

    @cached_property
    def votes(self) -> tables.VotesByItem:
        """The labels and weights of `given_votes`; an adjudicated item has only its adjudicated label."""
        return {**self.given_votes, **{item_id: [(label_id, 1.0)] for item_id, label_id in self.adjudicated.items()}}

    def consensus(self, method: str = "auto") -> pd.DataFrame:
        """One row per item: item_id, label, share, n_answers, tied and prob; see `Workbench.consensus`.

        Where an item may have several labels, each is decided on its own: see `annotation_tables.consensus_of_sets`.
        """
        if self.task == "multilabel":
            return self._consensus_of_sets(method)
        counted = tables.consensus(self.given_votes, self.lineage, self.adjudicated)
        crowd = self.crowd(method) if method != "auto" or self.is_shared() else None
        certain = counted["item_id"].isin(list(self.adjudicated)).map({True: 1.0, False: np.nan})
        if crowd is None:
            return counted.assign(prob=certain.astype(float))
        # An item's only answer is its consensus: the reliability of others can't correct it.
        counted, found = counted.set_index("item_id"), crowd.table.set_index("item_id")
        found = found[(found["n"] > 1) & ~found.index.isin(list(self.adjudicated))]
        counted.loc[found.index, "label"] = found["label"].where(~found["tied"], None)
        counted.loc[~found["tied"].reindex(counted.index, fill_value=True), "tied"] = pd.Series(
            [()] * len(counted), counted.index, dtype=object)
        shares = crowd.shares.to_numpy()[crowd.shares.index.get_indexer(found.index),
                                         crowd.shares.columns.get_indexer(found["label"])]
        counted.loc[found.index, "share"] = shares
        probs = crowd.table.set_index("item_id")["prob"].reindex(counted.index)
        return counted.assign(prob=probs.mask(counted.index.isin(list(self.adjudicated)), 1.0)).reset_index()

    def _consensus_of_sets(self, method: str) -> pd.DataFrame:
        table = tables.consensus_of_sets(tables.label_rows(self._table, self.lineage), self.lineage,
                                         self.judged_states)
        judged = table["item_id"].isin(list(self.adjudicated))
        if method == "auto":
            return table.assign(prob=np.where(judged, 1.0, np.nan))
        probs = self.label_probs(method)
        rows: list[dict[Any, Any]] = []
        for row, certain in zip(table.to_dict("records"), judged, strict=True):
            of_item = {name: p for name, p in probs.loc[row["item_id"]].items() if not np.isnan(p)}
            # An item's only answer is its consensus: the reliability of others can't correct it.
            if not certain and row["n_answers"] > 1:
                # Sums of floats: with as many votes for a label as against it, the share may differ slightly from 0.5.
                tied = tuple(n for n, p in of_item.items() if abs(p - 0.5) < 1e-9)
                labels = tuple(n for n, p in of_item.items() if p > 0.5 and n not in tied)
                row |= {"label": None if tied else ", ".join(map(str, labels)) or NONE_OF_THEM, "labels": labels,
                        "tied": tied}
            row["prob"] = 1.0 if certain else float(np.prod([max(p, 1 - p) for p in of_item.values()]))
            rows.append(row)
        return pd.DataFrame(rows, columns=[*table.columns, "prob"])

    def label_probs(self, method: str = "auto") -> pd.DataFrame:
        """The probability that each item has each label, by a consensus of the votes about it: items x label names.

        NaN where there is no vote.
        """
        names = {label_id: self.lineage.today.name_of(label_id) for label_id in self.lineage.today.label_ids}
        unsaid = self.undecided_labels
        found = {}
        for label_id, name in names.items():
            votes = self.votes_about(label_id)
            decided = [label_id not in unsaid.get(item_id, ()) for item_id in votes["item_id"]]
            found[name] = consensus(votes[np.array(decided, np.bool_)], method, names_of_states(name)).probs[name]
        return pd.DataFrame(found, columns=list(names.values()))

    def standing_labels(self) -> dict[str, tuple[str, float]]:
        """The consensus of each item that has an answer: item_id -> label_id and its probability.

        Of tied labels, the more probable one is chosen. The probability of a set of labels is the product over its
        labels, each estimated from the votes about it.
        """
        if self.task != "multilabel":
            id_of = {self.lineage.today.name_of(label_id): label_id for label_id in self.lineage.today.label_ids}
            crowd, stands = self.crowd(), self.consensus().set_index("item_id")["label"]
            probs = crowd.probs.to_numpy(float)
            rows, columns = ({name: place for place, name in enumerate(index)} for index in
                             (crowd.probs.index, crowd.probs.columns))
            found = dict[str, tuple[str, float]]()
            for item_id in stands.index:
                label = stands[item_id]
                label = label if isinstance(label, str) else str(crowd.labels[item_id])
                found[item_id] = id_of[label], min(max(float(probs[rows[item_id], columns[label]]), 0.0), 1.0)
            return found
        each = tables.label_rows(self._table, self.lineage).groupby(["item_id", "label_id"], sort=False)["value"]
        agreed: dict[str, tuple[list[str], float]] = {}
        for (item_id, label_id), n_on, n in each.agg(["sum", "size"]).itertuples(name=None):
            on, top = agreed.get(item_id, ([], 1.0))
            agreed[item_id] = [*on, label_id] if 2 * n_on > n else on, top * (max(n_on, n - n_on) + 1) / (n + 2)
        judged = self.judged_states
        return {item_id: (set_id([one for one in self.lineage.today.label_ids
                                  if judged.get(item_id, {}).get(one, one in on)]), 1.0 if item_id in judged else top)
                for item_id, (on, top) in agreed.items()}

    def is_shared(self) -> bool:
        """Whether `MIN_SHARED` items have answers by two people, so that each person's reliability can be estimated."""
        return sum(len(of_item) > 1 for of_item in self.given_votes.values()) >= MIN_SHARED

    def decided(self, votes: pd.DataFrame) -> pd.DataFrame:
        """Leave out the votes about items that are undecided since an edit."""
        return votes[self._are_decided(votes)]

    def _are_decided(self, votes: pd.DataFrame) -> np.ndarray:
        of_decided: np.ndarray = ~votes["item_id"].isin(list(self.undecided)).to_numpy()
        return of_decided

    def crowd(self, method: str = "auto", *, probs: pd.DataFrame | None = None) -> Consensus:
        """The consensus of all annotators on each item that has an answer: see `crowd_consensus.consensus`."""
        votes = self.all_votes()
        return consensus(self.decided(votes), method, self.names, probs=probs)

    @property
    def names(self) -> list[str] | None:
        """The names of all possible answers, in order; None where answers are sets of labels."""
        today = self.lineage.today
        return None if self.task == "multilabel" else [today.name_of(label_id) for label_id in today.label_ids]

    def all_votes(self) -> pd.DataFrame:
        """The table of votes, `votes.VOTE_COLUMNS`: a row for each answer, planted and repeated ones included."""
        return self._all_votes

    def comparable_votes(self) -> pd.DataFrame:
        """As `all_votes`; sets of labels have only labels that were known in all answers to their item.

        A label that was added to the taxonomy between two answers is no difference between them.
        """
        return tables.comparable_votes(self._with_repeats, self.lineage) if self.task == "multilabel" \
            else self.all_votes()

    def cards(self) -> pd.DataFrame:
        """The votes for comparing answers with suggestions, also those in doubt: see `votes_about.cards`."""
        return cards(self._with_repeats, self.lineage)

    def cards_about_labels(self) -> dict[str, pd.DataFrame]:
        """The cards of each label, where an item may have several: see `votes_about.cards_about_labels`."""
        return cards_about_labels(self._with_repeats, self.lineage)

    def cards_about_attribute(self, attribute: Attribute) -> pd.DataFrame:
        """The cards of one attribute: see `votes_about.cards_about_attribute`."""
        return cards_about_attribute(self._with_repeats, self.lineage, attribute)

    def label_rows(self) -> pd.DataFrame:
        """Whether each label is on, in every answer that counts: see `annotation_tables.label_rows`."""
        return tables.label_rows(self._table, self.lineage)

    def votes_about(self, label_id: str) -> pd.DataFrame:
        """The table of votes about one label, where an item may have several: see `votes_about.about_label`."""
        return about_label(self._with_repeats, self.lineage, label_id)

    def votes_about_attribute(self, attribute: Attribute) -> pd.DataFrame:
        """The table of votes about one attribute: see `votes_about.about_attribute`."""
        return about_attribute(self._with_repeats, self.lineage, attribute)

    @cached_property
    def _all_votes(self) -> pd.DataFrame:
        return tables.all_votes(self._with_repeats, self.lineage)

    @cached_property
    def _with_repeats(self) -> dict[str, list[Any]]:
        """The log's table of annotations, with repeated answers added and a column repeat_of."""
        repeated = list(self._log.events(kind="repeated"))
        if repeated:  # retracted ones are no votes
            back = {event.body["decision_id"] for event in self._log.events_of([e.item_id or "" for e in repeated])
                    if event.kind == "retracted"}
            repeated = [event for event in repeated if event.id not in back]
        rows = [{**annotation_of(event), "item_id": event.item_id, "annotator": event.annotator, "seq": event.seq}
                for event in repeated]
        table = {name: [*column, *(row[name] for row in rows)] for name, column in self._standing.items()}
        return {**table, "repeat_of": [*[None] * len(self._standing["item_id"]), *(
            event.body["seen"]["repeat_of"] for event in repeated)]}

    def labelled(self) -> list[tuple[int, int]]:
        """Position and label (its index among today's) of every answer to an item of the pool.

        Where items may have several labels, there is one entry for each label and answer: the label's index where it is
        on, and this index plus the number of labels where it is off.
        """
        column = {label_id: k for k, label_id in enumerate(self.lineage.today.label_ids)}
        if self.task == "multilabel":
            rows = self.label_rows()
            place_of = dict(self._places(dict.fromkeys(rows["item_id"])))
            return [(place_of[item_id], column[label_id] + (0 if on else len(column))) for item_id, label_id, on in
                    zip(rows["item_id"], rows["label_id"], rows["value"], strict=True) if item_id in place_of]
        return [(place, column[label_id]) for item_id, place in self._places(self.votes)
                for label_id, _ in self.votes[item_id] if label_id in column]

    def training(self) -> pd.DataFrame:
        """List the labels that a model learns from, one row per item, without hold-out items, gold and ties.

        Returns
        -------
        DataFrame
            item_id, position, label_id (today's), weight (above 0, up to 3: certainty-weighted votes for the label over
            the number of answers), n_answers, share (of the answers that agree, whatever their certainty).

        """
        self._compare_contents()
        rows = []
        for item_id, place in self._teaching(self.votes):
            votes = self.votes[item_id]
            (top, *tied), count = tables.leaders([label_id for label_id, _ in votes])
            if not tied:
                weight = sum(weight for label_id, weight in votes if label_id == top)
                rows.append((item_id, place, top, weight / len(votes), len(votes), count / len(votes)))
        table: pd.DataFrame = pd.DataFrame(rows, columns=["item_id", "position", "label_id", "weight", "n_answers",
                                                          "share"]).sort_values("item_id", ignore_index=True)
        return table

    def label_matrix(self) -> LabelMatrix:
        """List the labels of the training items, where an item may have several, without hold-out items and gold."""
        self._compare_contents()
        rows = tables.label_rows(self._table, self.lineage)
        label_ids = self.lineage.today.label_ids
        judged = [(item_id, *state) for item_id, states in self.judged_states.items() for state in states.items()]
        overruled = pd.MultiIndex.from_tuples([one[:2] for one in judged], names=["item_id", "label_id"])
        rows = rows[~pd.MultiIndex.from_frame(rows[["item_id", "label_id"]]).isin(overruled)]
        rows = pd.concat([rows[["item_id", "label_id", "value", "weight"]], pd.DataFrame(
            [(*one, 1.0) for one in judged], columns=["item_id", "label_id", "value", "weight"])], ignore_index=True)
        teaching = sorted(self._teaching(dict.fromkeys(rows["item_id"])))
        place = {item_id: row for row, (item_id, _) in enumerate(teaching)}
        rows = rows[rows["item_id"].isin(list(place))]
        at = rows["item_id"].map(place).to_numpy(np.int64)
        column = rows["label_id"].map({label_id: k for k, label_id in enumerate(label_ids)}).to_numpy(np.int64)
        shape = (len(teaching), len(label_ids))
        weight, on, n = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
        given = rows["weight"].to_numpy(float)
        np.add.at(weight, (at, column), given)
        np.add.at(on, (at, column), given * rows["value"].to_numpy(bool))
        np.add.at(n, (at, column), 1)
        with np.errstate(invalid="ignore"):
            share = np.where(n > 0, on / weight, np.nan)
        return LabelMatrix([item_id for item_id, _ in teaching], np.array([p for _, p in teaching], np.int64),
                           label_ids, share, weight / np.maximum(n, 1), n.max(axis=1, initial=0))

    def value_votes(self, *, teaching: bool = True) -> pd.DataFrame:
        """List the attribute values that count, a row for each: see `value_tables.value_votes`.

        Parameters
        ----------
        teaching : bool
            Only values of items that a model learns from, without hold-out items and gold; otherwise all.

        Returns
        -------
        DataFrame
            Its columns, and position.
        """
        table = self._log.annotations(columns=STORED_COLUMNS)
        votes = value_votes(table, self.lineage, changed=self._state.changed)
        return self._placed(votes, teaching)

    def objects(self, *, teaching: bool = True) -> pd.DataFrame:
        """List the objects of the current answers, where objects are asked for: see `object_tables.objects_table`.

        Parameters
        ----------
        teaching : bool
            Only objects in images that a model learns from, without hold-out items and gold; otherwise all.

        Returns
        -------
        DataFrame
            Its columns, and position.
        """
        return self._placed(objects_table(self._objects, self.lineage, changed=self._state.changed,
                                          spans=self.task == "spans"), teaching)

    def reviewed_images(self, *, teaching: bool = True) -> pd.DataFrame:
        """List the images that were answered for certain, with their objects: see `object_tables.images_table`.

        Parameters
        ----------
        teaching : bool
            Only images that a model learns from, without hold-out items and gold; otherwise all.

        Returns
        -------
        DataFrame
            Its columns, and position; a row for each image and annotator.
        """
        return self._placed(images_table(self._objects, self.lineage, changed=self._state.changed), teaching)

    @cached_property
    def _objects(self) -> dict[str, list[Any]]:
        self._compare_contents()
        return self._log.annotations(columns=OBJECTS_STORED)

    def _placed(self, table: pd.DataFrame, teaching: bool) -> pd.DataFrame:
        ids = list(dict.fromkeys(table["item_id"]))
        kept = dict(self._teaching(ids) if teaching else self._places(ids))
        table = table[table["item_id"].isin(list(kept))].reset_index(drop=True)
        return table.assign(position=table["item_id"].map(kept).astype(np.int64))

    def partial(self) -> pd.DataFrame:
        """List the items that a model learns from with several candidate labels (partial labels).

        An edit left the item in doubt, or its annotators' votes are tied, and nobody adjudicated it.

        Returns
        -------
        DataFrame
            item_id, position, label_ids (the candidates among today's labels), weight (the mean weight of its answers,
            see `annotation_tables.votes_by_item`), without hold-out items and gold.
        """
        self._compare_contents()
        candidates = tables.candidates_by_item(self._table, self.lineage, undecided=self.undecided) \
            | tables.tied_by_item(self.votes)
        rows = [(item_id, place, *candidates[item_id]) for item_id, place in self._teaching(candidates)
                if item_id not in self.adjudicated]
        table: pd.DataFrame = pd.DataFrame(rows, columns=["item_id", "position", "label_ids", "weight"])
        return table

    def by_annotator(self, *, comparable: bool = False) -> pd.DataFrame:
        """List every answer to a training or gold item, by item and annotator, without hold-out items.

        Parameters
        ----------
        comparable : bool
            Whether sets of labels, the known one among them, are restricted to the labels of which all sets of their
            item tell whether they are on: see `annotation_tables.in_common`.

        Returns
        -------
        DataFrame
            The columns of `annotation_tables.vote_table` without content; position; known (the gold label_id, else
            None).
        """
        self._compare_contents()
        queue, gold = self._state.queue, self._state.gold
        votes = tables.vote_table(self._table, self.lineage)
        places = self._require_pool().positions(votes["item_id"].tolist())
        told = self._are_decided(votes) | queue.gold[places]
        votes = votes.assign(position=places)[told & (places >= 0) & (queue.gold | ~queue.holdout)[places]]
        known = [self.lineage.exactly(*gold[item_id]) if item_id in gold else None for item_id in votes["item_id"]]
        given = votes["label_id"].tolist()
        if comparable and self.task == "multilabel":
            version_of = dict(zip(self._table["decision_id"], self._table["taxonomy"], strict=True))
            versions = [*map(version_of.__getitem__, votes["decision_id"]),
                        *(gold.get(item_id, (None, None))[1] for item_id in votes["item_id"])]
            who = [*votes["annotator"], *[None] * len(votes)]
            both, _ = tables.in_common([*votes["item_id"]] * 2, [*given, *known], versions, who, self.lineage)
            given, known = both[:len(votes)], both[len(votes):]
        table: pd.DataFrame = votes.assign(
            label_id=pd.Series(given, votes.index, dtype=object), known=pd.Series(known, votes.index, dtype=object)
        ).drop(columns="content").sort_values(["item_id", "annotator"], ignore_index=True)
        return table

    def first_asked(self, reasons: Collection[str]) -> set[str]:
        """Find the items that some annotator was first asked about for one of these reasons.

        Only the first time counts: asking an item again, after an edit or at a second look, doesn't change how it was
        drawn, and neither does an edit that leaves its answer in doubt.

        Parameters
        ----------
        reasons : collection of str
            Values of `chosen_by` in the log.

        Returns
        -------
        set of str
            Ids of items that have an answer now.
        """
        return {item_id for (item_id, _), (_, why) in self._first_asked.items() if why in reasons}

    def in_order_asked(self, item_ids: Sequence[str] | np.ndarray, reasons: Collection[str]
                       ) -> tuple[np.ndarray, np.ndarray]:
        """Order items by when they were first asked, and mark those that were asked for one of these reasons.

        Parameters
        ----------
        item_ids : sequence of str, length n
            Items that have an answer.
        reasons : collection of str
            See `first_asked`.

        Returns
        -------
        order : ndarray of int, shape (n,)
            Places in `item_ids`, the item that was asked first at the beginning.
        is_for : ndarray of bool, shape (n,)
            True where the item was asked for one of the reasons; in the order of `item_ids`.
        """
        first: dict[str, tuple[int, Any]] = {}
        for (item_id, _), one in self._first_asked.items():
            first[item_id] = min(first.get(item_id, one), one, key=lambda of_one: of_one[0])
        asked = [first.get(str(item_id), (0, None)) for item_id in item_ids]
        is_for = np.array([why in reasons for _, why in asked], np.bool_)
        return np.argsort([seq for seq, _ in asked], kind="stable"), is_for

    def parts(self, item_ids: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Divide the training items into parts by the people to whom they are assigned.

        Parameters
        ----------
        item_ids : sequence of str, length n
            Items that have an answer.

        Returns
        -------
        part : ndarray of int, shape (n,)
            The number of each item's part; 0 for all items where there are no assignments.
        n_open : ndarray of int, shape (n_parts,)
            Number of unanswered items in each part, without those of `item_ids`.
        """
        queue, assignments = self._state.queue, self._state.assignments
        part = np.zeros(len(queue.draws), np.int64)
        for name in assignments.by_annotator:
            if (mask := assignments.covered(name)) is not None:
                part = np.unique(2 * part + mask, return_inverse=True)[1].reshape(-1)
        open_ = ~(queue.holdout | queue.gold | queue.is_answered())
        places = np.array([place for _, place in self._places(item_ids)], np.int64)
        open_[places] = False
        return part[places], np.bincount(part[open_], minlength=int(part.max(initial=0)) + 1)

    @cached_property
    def _first_asked(self) -> dict[tuple[str, str], tuple[int, Any]]:
        """(item, annotator) of each answer -> when and why it was first asked: number of the event, and reason."""
        again = self._log.revisited_items()
        first = {(item_id, annotator): (seq, why) for seq, item_id, annotator, why in zip(
            *(self._table[name] for name in ("seq", "item_id", "annotator", "chosen_by")), strict=True)}
        revisited = sorted(again.intersection(self._table["item_id"]))
        for event in reversed(list(self._log.events_of(revisited))):
            if event.kind == "decided" and (event.item_id, event.annotator) in first:
                why = event.body.get("seen", {}).get("chosen_by")
                first[event.item_id or "", event.annotator] = event.seq or 0, why
        return first

    def _teaching(self, item_ids: Iterable[str]) -> list[tuple[str, int]]:
        """The items among these that a model learns from, with their positions."""
        queue = self._state.queue
        return [(item_id, place) for item_id, place in self._places(item_ids)
                if not queue.holdout[place] and not queue.gold[place]]

    def _compare_contents(self) -> None:
        """Leave out the answers to items whose content isn't what their annotator saw."""
        places = self._require_pool().positions(self._table["item_id"])
        self._state.compare_contents(self._table, places, budget_s=None)
        if not self._state.changed.isdisjoint(self._table["decision_id"]):
            self._standing = _without(self._standing, self._state.changed)
            self._table = _voting(self._standing)
            for name in ("votes", "given_votes", "undecided", "undecided_labels", "adjudicated", "judged_states",
                         "_all_votes", "_with_repeats", "_first_asked"):
                vars(self).pop(name, None)

    def _places(self, item_ids: Iterable[str]) -> list[tuple[str, int]]:
        """Leave out items that aren't in the pool, and give the others their positions."""
        ids = list(item_ids)
        return [(item_id, place) for item_id, place in
                zip(ids, self._require_pool().positions(ids).tolist(), strict=True) if place >= 0]

    def _require_pool(self) -> Pool:
        if self._pool is None:
            raise BadInput("the project was opened without a pool, for reading; open it with its pool to do this.")
        return self._pool


def _without(table: dict[str, list[Any]], changed: Collection[str]) -> dict[str, list[Any]]:
    """Leave out the rows of these decisions."""
    if not changed:
        return table
    kept = [row for row, decision_id in enumerate(table["decision_id"]) if decision_id not in changed]
    return {name: [column[row] for row in kept] for name, column in table.items()}


def _voting(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The answers that count: without planted suggestions, and as given before the suggestion was shown."""
    if any(table["planted"]):
        kept = [row for row, planted in enumerate(table["planted"]) if not planted]
        table = {name: [column[row] for row in kept] for name, column in table.items()}
    first = [row for row, version in enumerate(table["first_taxonomy"]) if version is not None]
    if first:
        table = {**table, **{name: list(table[name]) for name in ("label_id", "taxonomy", "verdict")}}
        for row in first:
            table["label_id"][row], table["taxonomy"][row] = table["first_label_id"][row], table["first_taxonomy"][row]
            table["verdict"][row] = "unsure" if table["first_label_id"][row] is None else "answer"
    return table


def annotation_table(log: Log, state: State, version: int | None = None) -> pd.DataFrame:
    """List the current annotations, or those of an older version of the taxonomy: one row per item and annotator.

    Parameters
    ----------
    log : Log
    state : State
    version : int or None
        Version of the taxonomy; None for today's.

    Raises
    ------
    BadInput
        When the log has no such version.
    """
    lineage = state.lineage
    if version is None:
        with gc_paused():
            return tables.annotation_table(log.annotations(columns=tables.STORED_COLUMNS), lineage,
                                              presumed=state.presumed_today(), changed=state.changed)
    if version not in list(lineage.versions):
        raise BadInput(f"taxonomy version {version!r} isn't in the log, which has {sorted(lineage.versions)}.")
    return tables.annotation_table(_as_of(log, version, lineage), lineage, version=version)


# 17 branches: joins current annotations, which come as columns, with those that were replaced, which come as events.
def _as_of(log: Log, version: int, lineage: Lineage) -> dict[str, list[Any]]:
    """List the annotations that were current under an older version of the taxonomy.

    Decisions made under later versions are left out; the decisions that they replaced are listed instead.
    """
    table = log.annotations()
    earlier = np.array([lineage.since(made_under or version) <= version for made_under in table["taxonomy"]], np.bool_)
    kept = {name: [column[row] for row in np.flatnonzero(earlier)] for name, column in table.items()}
    later = {(table["item_id"][row], table["annotator"][row]) for row in np.flatnonzero(~earlier)}
    decided: dict[tuple[str, str], list[Event]] = {pair: [] for pair in sorted(later)}
    retracted: dict[str, list[Event]] = {item_id: [] for item_id, _ in later}
    for event in log.events_of(sorted(retracted)):
        item_id = event.item_id or ""
        if event.kind == "retracted":
            retracted[item_id].append(event)
        elif event.kind == "decided" and (item_id, event.annotator) in later and (
                lineage.since(event.body.get("seen", {}).get("taxonomy") or 1) <= version):
            decided[item_id, event.annotator].append(event)
    for (item_id, annotator), events in decided.items():
        if (decision := standing([*events, *retracted[item_id]])) is not None:
            row = {**annotation_of(decision), "item_id": item_id, "annotator": annotator, "seq": decision.seq}
            row["flags"] = tuple(row["flags"].split())
            for name, column in kept.items():
                column.append(row[name])
    return kept
