"""A project: every act of a person and every question about what they did, for widgets and scripts alike.

A `Project` is safe for many threads, and for several processes on one folder: each sees the other's decisions. Read
`Project.decide` and `Project.next` first.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import events
from ..errors import BadInput, HitlError, IdReused, UnknownDecision
from ..items.pool import Pool
from ..quality.annotation_tables import history_table, label_rows, with_sets
from ..quality.label_errors import SuspectedErrors
from ..quality.object_tables import STORED_COLUMNS as OBJECTS_STORED
from ..quality.object_tables import images_table, objects_table
from ..quality.value_tables import STORED_COLUMNS, values_table
from ..records import (
    OBJECT_TASKS,
    TASKS,
    Decision,
    Item,
    Items,
    PredictedValue,
    Prediction,
    Proposal,
    Region,
    Seen,
    check_annotator,
    check_certainty,
    check_count,
    check_flags,
    check_number,
    is_text,
    judge,
    judge_values,
    new_id,
    utc_now,
)
from ..sampling.queue import AUDIT_SHARE, Queue
from ..sampling.ranking import Ranking, likeliest, suggested_sets
from ..sampling.selector import Selector
from ..sampling.uncertainty import Strategy
from ..storage.arrays import Predictions
from ..storage.checks import UNREADABLE
from ..storage.log import Log
from ..taxonomy import history
from ..taxonomy.attributes import Value
from ..taxonomy.edits import as_list
from ..taxonomy.history import Change, Lineage
from ..taxonomy.label_sets import is_set, members, set_id
from ..taxonomy.labels import Label, Taxonomy
from ..taxonomy.revert import revert_step
from . import opening, policy, threads
from . import preview as preview_
from .answers import Answers, annotation_table
from .asking import Asking
from .editing import Editing
from .evidence import explanation_feedback, named_values, seen_now, seen_on_screen, touched_ids
from .given_objects import answered_objects, check_given, seen_objects, seen_of_objects
from .hidden_tests import HiddenTests, plantable
from .importing import WITHDRAWN, is_known, known_answers
from .notices import People
from .preview import Applied, LabelCounts, Preview
from .reference import Measuring, first_blind, measuring_values
from .relabel import Ordering, RelabelQueue
from .state import State, doer, in_words, midnight

logger = logging.getLogger(__name__)


class Project:
    """A folder with a log, the pool it is about and the taxonomy that holds today.

    Parameters
    ----------
    folder : str or Path
        Made when it isn't there.
    pool : Pool or None
        The items; None opens the log for reading and for taxonomy edits only.
    taxonomy : Taxonomy or None
        Needed for a new project; later any version that the project ever had, or None.
    annotator : str
        Who acts when nobody else is named.
    holdout : float
        Share of the pool, from 0 up to (not including) 1, that measures and never trains. It is fixed when the project
        is made, as `seed` and `group` are; afterwards the folder's own values hold.
    annotators_per_item : int or (int, int)
        How many annotators are asked about each item. Of two numbers, at least and at most: between them, another one
        is asked where the votes are tied, or the posterior of the leading label is below 0.95.
    seed : int
    audit : float
        Share of the pool, from 0 to 1, that is drawn by chance to check suggestions, and share of the items asked that
        come from it whatever the strategy; hold-out aside. Half of it is shown blind.
    group : str or None
        A column of the pool's metadata. Items with one value of it are all in the hold-out, or none of them is.
    purpose : str or None
        What the project is for, in words for its people.
    names : bool or None
        Whether the owner sees names beside people's figures. Fixed when the project is made; False by default.
    arms : mapping of str to float, or None
        The share of each way of showing an item, see `arms.ARMS`; None for what the project has, or `arms.DEFAULT`.
    task : "classify", "multilabel", "scale", "boxes", "polygons", "points" or None
        What is asked of an item: one label, any number of labels, values of attributes alone, or the objects in it.
        Fixed when the project is made; None for what the folder has, "classify" for a new one.
    now : function returning an aware datetime
    notify : function taking a sentence
        Called when the folder knows better than the arguments, and when a strategy gives way to another. The default
        writes to the log of this module.

    Attributes
    ----------
    log : Log
        What was done, durably.
    state : State
        What follows from the log.
    ranking : Ranking
        The adopted model's predictions, and scores for the queue.
    selector : Selector
        Which item is asked next.
    settings : dict
        The folder's own ``holdout`` and ``seed``.
    audit_share : float
        Share of the items asked that come from the audit's sample.
    asking : Asking
        Which items an annotator is asked, and how each is shown.
    suggest_values : callable or None
        Gives the values of attributes that would be suggested for the item at a position, by their ids; None where
        nothing predicts them.
    propose : callable or None
        Gives the objects that the adopted model proposes for the item at a position, best first; None where nothing
        does.
    people : People
        What people are asked and told.
    news : list of str
        What others did while this project was open, a sentence each: edits of the taxonomy, adopted models, questions.

    Raises
    ------
    TaxonomyMismatch, WrongPool, ReadOnly, LogDamaged, LogBusy
        When folder and arguments don't belong together, or the folder can't be used.
    """

    def __init__(self, folder: str | Path, pool: Pool | None = None, taxonomy: Taxonomy | None = None, *,
                 annotator: str, holdout: float = 0.2,
                 annotators_per_item: int | tuple[int, int] = 1, seed: int = 0,
                 audit: float = AUDIT_SHARE, group: str | None = None, purpose: str | None = None,
                 names: bool | None = None, arms: Mapping[str, float] | None = None, task: str | None = None,
                 now: Callable[[], datetime] = utc_now, notify: Callable[[str], None] = logger.info) -> None:
        check_number("holdout", holdout, "a share of the pool from 0 up to (not including) 1", 0, math.nextafter(1, 0))
        annotators_per_item = opening.check_annotators(annotators_per_item)
        check_count("seed", seed, "a whole number")
        check_number("audit", audit, "a share of what is asked, from 0 to 1,", 0, 1)
        if task is not None and task not in TASKS:
            raise BadInput(f"task is {task!r}; one of {', '.join(TASKS)} is expected.")
        self.annotator = check_annotator(annotator)
        start = policy.at_start(purpose, names, arms)
        self.folder, self.ranking = Path(folder), Ranking()
        self.selector, self.audit_share = Selector(self.ranking, notify), float(audit)
        self.selector.measured = self._measured
        self.selector.value_model = self._value_model
        self.selector.over_values = lambda: self.task == "scale"
        self.suggest_values: Callable[[int], Mapping[str, PredictedValue]] | None = None
        self.propose: Callable[[int], Sequence[Proposal]] | None = None
        self.ordering: Ordering | None = None
        self.second_looks: SuspectedErrors | None = None
        self._pool, self._now, self.notify, self._annotators_per_item = pool, now, notify, annotators_per_item
        self.people, self.asking = People(self), Asking(self)
        self._listeners: list[Callable[[str], None]] = []
        self._own: set[str] = set()  # ids of the edits and adoptions that were made here
        self._n_followed = 0  # of the state's news
        self.news: list[str] = []
        self.log = Log(self.folder, now=now)
        try:
            self._open(taxonomy, {"holdout": float(holdout), "seed": int(seed), "task": task,
                                  **({} if group is None else {"group": group})}, start)
        except BaseException as error:
            self.log.close()
            if isinstance(error, UNREADABLE) and not isinstance(error, HitlError) and not self.log.created:
                raise self.log.unreadable(error) from error
            raise

    @property
    def id(self) -> str:
        """The project's own random id, made once."""
        return self.log.id

    @property
    def task(self) -> str:
        """What is asked of an item: one of `records.TASKS`."""
        task: str = self.settings["task"]
        return task

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's taxonomy."""
        return self.lineage.today

    @property
    def lineage(self) -> Lineage:
        """Every version of the taxonomy."""
        return self.state.lineage

    @property
    def queue(self) -> Queue:
        """Who answered what."""
        return self.state.queue

    @property
    def absent(self) -> tuple[str, ...]:
        """Ids of answered items that aren't in the pool."""
        return self.state.absent

    @property
    def pool(self) -> Pool:
        """The items; BadInput where the project was opened without them."""
        if self._pool is None:
            raise BadInput(f"{self.folder} was opened without a pool, for reading; open it with its pool to do this.")
        return self._pool

    def require_pool(self) -> None:
        """BadInput where the project was opened without its items."""
        self.pool  # noqa: B018

    @property
    def has_pool(self) -> bool:
        """Whether the project was opened with its items."""
        return self._pool is not None

    def abandon(self) -> None:
        """Close the project after a failed opening; a log that was made just now doesn't stay in the way."""
        self.close()
        if self.log.created:
            for name in ("log.db", "log.db-journal", "pool.ids", "pool.groups"):
                (self.folder / name).unlink(missing_ok=True)

    # -- acts: what a person can do --------------------------------------------------------------------------

    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               labels: Iterable[str] | None = None, values: Mapping[str, Any] | None = None,
               objects: Iterable[Any] | None = None, touched: Iterable[str] | None = None,
               certainty: float | None = None, note: str | None = None, flags: Sequence[str] = (),
               reason: str | None = None, wrong: np.ndarray | Region | None = None,
               missing: np.ndarray | Region | None = None, seen: Seen | Mapping[str, Any] | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None,
               known: Collection[str] | None = None) -> Decision:
        """Store one annotator's decision on one item; it is durable when this returns.

        Its parameters are the parts of a `Decision`, each named once; see `Workbench.decide`.

        Parameters
        ----------
        item_id : str
        verdict : "accept", "correct", "answer", "unsure", "skip" or None
            With a label alone it follows from what was seen.
        label : str or None
            A name or a label_id; for "unsure" a best guess. In a multilabel project only the id of a set is taken.
        labels : iterable of str or None
            In a multilabel project the labels that the item has, by name or label_id; empty for none of them.
        values : mapping or None
            Values of attributes, by name or id.
        objects : iterable or None
            Where objects are asked for, all that are in the item; empty for none.
        touched : iterable of str or None
            Names or ids of the labels and attributes that the person changed or confirmed by hand, where that is known;
            ids of objects where these are asked for.
        certainty : float or None
            From 0 (a guess) to 10 (sure).
        note : str or None
        flags : sequence of str
        reason : "right", "wrong" or None
            Of the explanation; a wrong or missing region says "wrong" by itself.
        wrong, missing : Region, or ndarray of bool, shape (H, W) at the item's size
            What should not have counted, and what should have.
        seen : Seen, mapping or None
            What was on the screen; without it the current prediction is recorded and the decision marked as scripted.
        id : str or None
            Made by whoever acts; the same id sent again with the same act changes nothing.
        annotator : str or None
            None for the project's own.
        acted_at : datetime or None
            UTC-aware; None for now.
        known : collection of str or None
            Ids of the annotator's decisions on the item that the screen knows of; where another one stands, this one is
            refused. None revises whatever stands.

        Returns
        -------
        Decision
            As it was stored, the first time where it was sent again.

        Raises
        ------
        UnknownItem, UnknownLabel, BadInput, IdReused, AlreadyDecided, ReadOnly, DiskFull, LogBusy
            Nothing was stored then.
        """
        annotator = check_annotator(annotator or self.annotator)
        position = self.pool.position(item_id)
        check_given(self, objects, label=label, labels=labels, values=values)
        seen = self._seen(seen, position, verdict, annotator)
        offered = self.lineage.versions[seen.taxonomy or self.taxonomy.version]
        decision_id = id or new_id()
        answer: dict[str, Any]
        if self.task in OBJECT_TASKS:
            answer = answered_objects(self, position, objects, verdict, seen, offered, decision_id)
        else:
            answer = self._answered(verdict, self._given_label(label, labels, offered), values, seen, offered)
        item_id = str(self.pool.ids[position])
        self._check_repeat(seen, item_id, annotator)
        has_seen = self.queue.has_seen(position, annotator) or self.state.changed
        # An own repeat revises nothing.
        standing = self.log.standing_of(item_id, annotator) if has_seen and seen.repeat_of is None else None
        decision = Decision(
            id=decision_id, item_id=item_id, annotator=annotator, **answer,
            touched=touched_ids(touched, offered, objects=self.task in OBJECT_TASKS),
            certainty=check_certainty(certainty), note=note, flags=check_flags(flags), seen=seen,
            **explanation_feedback(self.pool, position, reason=reason, wrong=wrong, missing=missing),
            acted_at=acted_at or self._now(), replaces=None if standing is None or standing.id == id else standing.id)
        event = events.decided(decision, content=self.content(position), first=events.first_answer(standing),
                               planted=events.planted_before(standing))
        [stored] = self.log.append(event, known=known if event.kind == "decided" else None)
        if event.kind == "decided":
            self.state.apply(position, stored, standing)
        else:
            self.refresh()
        self.tell("decisions")
        # Sent again, it is the decision of the first time that counts.
        return replace(decision, stored_at=stored.stored_at) if stored.body is event.body \
            else events.decision_of(stored)

    def retract(self, decision_id: str, *, id: str | None = None, acted_at: datetime | None = None,
                annotator: str | None = None) -> Decision:
        """Take a decision back; what stood before it stands again.

        Taking it back twice is taking it back once.

        Raises
        ------
        UnknownDecision
            When the log has no such decision.
        """
        known = isinstance(decision_id, str) and is_text(decision_id)
        event = self.log.get(decision_id) if known else None
        if event is None or event.kind not in events.ANSWERS:
            raise UnknownDecision(f"decision {decision_id!r} isn't in the log; wb.annotations()['decision_id'] has "
                                  "those that stand.")
        decision = events.decision_of(event)
        if not self.log.is_retracted(event):  # else somebody took it back before
            try:
                self.log.append(events.retracted(decision, id=id or events.undo_id(decision.id), annotator=annotator,
                                                 acted_at=acted_at or self._now()))
            except IdReused:
                if not self.log.is_retracted(event):  # somebody took it back just now
                    raise
        self.refresh()
        self.tell("decisions")
        return decision

    def apply(self, edit: Any, *, why: str | None = None, base: int | Preview | None = None) -> Applied:
        """Change the taxonomy by one edit, or by a list of edits of which all hold or none.

        Parameters
        ----------
        edit : Edit, or a sequence of them
        why : str or None
            What the team should know of it.
        base : int, Preview or None
            The version that the edit was made for, or its preview; its labels are found under their names of today.
            None for today's version.

        Raises
        ------
        EditError
            When an edit doesn't fit; then nothing was changed.
        """
        self.refresh()
        made_for = base.version if isinstance(base, Preview) else self.taxonomy.version if base is None else base
        return self.commit(lambda lineage: history.change(as_list(edit), made_for, lineage), why=why)

    def revert(self, edit_id: str, *, why: str | None = None) -> Applied:
        """Take one edit back by a new one: what was answered before it means again what it meant.

        Raises
        ------
        EditError
            When there is no such edit, it was taken back already, or later ones rest on it; the message names them.
        """
        self.refresh()
        return self.commit(lambda lineage: revert_step(lineage, edit_id), why=why)

    def commit(self, make: Callable[[Lineage], Change], *, why: str | None, annotator: str | None = None,
               acted_at: datetime | None = None, beside: Callable[[str], Sequence[events.Event]] | None = None
               ) -> Applied:
        """Change today's taxonomy as `make` says; events that `beside` makes of the edit's id are stored with it.

        Raises
        ------
        EditError
            When the change doesn't fit; then nothing was changed.
        """
        applied = self._editing.commit(make, why=why, annotator=annotator or self.annotator,
                                       acted_at=acted_at or self._now(), beside=beside)
        self.tell("taxonomy")
        if beside is not None:
            self.tell("threads")
        return applied

    def preview(self, edit: Any = None, *, revert: str | None = None) -> Preview:
        """Say what `apply` or `revert` would do; nothing changes."""
        self.refresh()
        lineage = self.lineage
        return self._editing.preview(revert_step(lineage, revert) if revert is not None else
                                     history.change(as_list(edit), lineage.today.version, lineage), lineage)

    def edits(self) -> pd.DataFrame:
        """Every edit of the taxonomy, one row each, the oldest first."""
        self.refresh()
        return preview_.edit_table(self.lineage)

    def counts(self) -> pd.DataFrame:
        """Count the answers that mean each label, are presumed to, or may; quick, however many there are."""
        self.require_pool()
        with self.state.lock:
            self.refresh()
            doubtful = self.state.label_index.doubtful(self.lineage)
            return preview_.count_table(self.lineage, self.state.label_index, [
                pair for place, pair in self.state.presumed_positions().items() if doubtful[place]])

    def label_counts(self) -> LabelCounts:
        """Count the answers of every label today, parents of other labels included; none without a pool."""
        with self.state.lock:
            self.refresh()
            return preview_.label_counts({} if self._pool is None else self.state.label_index.counts(), self.lineage)

    def presume(self, labels: Mapping[Any, Any], *, estimate: Mapping[str, Any], why: str | None = None) -> list[str]:
        """Presume labels for items in doubt, without asking.

        Presumed labels are marked so and never count as a person's answer: they don't vote, teach or measure. One ends
        when a person answers the item, or an edit leaves it in doubt again. Items that are in doubt no more are left
        out, and so are hold-out items, which only measure.

        Parameters
        ----------
        labels : mapping
            Item id -> one of its candidates; in a multilabel project the labels that it has then.
        estimate : mapping
            What the presumption rests on, plain JSON, such as the error with its interval and number of checks.
        why : str or None

        Returns
        -------
        list of str
            Ids of the items whose label is presumed now.

        Raises
        ------
        UnknownItem, UnknownLabel, BadInput
            When a label isn't among an item's candidates; nothing was stored then.
        """
        places = {self.pool.position(item_id): self._given_label(None, label, self.taxonomy) or ""
                  if self.task == "multilabel" else self.taxonomy.answer(label).id for item_id, label in labels.items()}
        with self.state.lock:
            self.refresh()
            open_ = self.relabel().check_labels(places, self.annotator)
        taken = {str(self.pool.ids[place]): label_id for place, label_id in open_.items()}
        if taken:
            self.note_presumed({"labels": taken, "taxonomy": self.taxonomy.version, "estimate": dict(estimate),
                                "why": why})
        return list(taken)

    def note_presumed(self, body: Mapping[str, Any]) -> None:
        """Write down what is presumed, or proposed to be."""
        self.record("presumed", body)
        self.refresh()
        self.tell("decisions")

    def relabel_queue(self, annotator: str | None = None) -> pd.DataFrame:
        """List the items in doubt, in the order in which an annotator would be asked about them."""
        annotator = check_annotator(annotator or self.annotator)
        self.refresh()
        return self.relabel().frame(annotator)

    def relabel(self) -> RelabelQueue:
        """Make the queue of what edits left in doubt."""
        return RelabelQueue(self.state, self.pool, ordering=self.ordering)

    def set_gold(self, known: Any) -> dict[str, str]:
        """Keep known answers, and return all of them: item_id -> today's label_id.

        Parameters
        ----------
        known : mapping, Series or DataFrame
            Item id -> label, or a table with the columns item_id (or id) and label. Labels are known by their former
            names too, where these mean one label today. None in place of a label withdraws the known answer.
        """
        self.refresh()
        answers: dict[str, str | None] = {}
        values: dict[str, dict[str, Value] | None] = {}
        for given, one in known_answers(self, known).items():
            item_id = str(self.pool.ids[self.pool.position(given)])
            if one is WITHDRAWN:
                answers |= {item_id: None} if item_id in self.state.gold else {}
                values |= {item_id: None} if item_id in self.state.gold_values else {}
                continue
            if not is_known(one, self.state.gold.get(item_id), self.lineage):
                if one.problem is not None:
                    raise one.problem
                answers[item_id] = one.label_id
            if one.values and self.state.gold_values_of(item_id) != one.values:
                values[item_id] = dict(one.values)
        if answers or values:
            self.record("gold", {"answers": answers, "taxonomy": self.taxonomy.version,
                                 **({"values": values} if values else {})})
            self.refresh()
            self.tell("decisions")
        return self.gold()

    def gold_values(self) -> dict[str, dict[str, Value]]:
        """List the known values: item_id -> attribute id -> value under today's scales, as far as that is certain."""
        self.refresh()
        return {item_id: found for item_id in self.state.gold_values if (found := self.state.gold_values_of(item_id))}

    def check_plantable(self) -> None:
        """BadInput where no gold item can have a planted suggestion."""
        self.require_pool()
        if self.task == "scale":
            raise BadInput("suggestions of labels are planted, and this project asks for values alone.")
        with self.state.lock:
            self.refresh()
            n_gold, n = len(self.state.gold), len(plantable(self.state))
        if not n:
            raise BadInput(f"suggestions are planted on gold items only, never on hold-out or sensitive ones: of "
                           f"{n_gold:,} gold items none is left. wb.gold({{item_id: label}}) adds some.")

    def record(self, kind: str, body: Mapping[str, Any], *, id: str | None = None,
               annotator: str | None = None) -> events.Event:
        """Append an event that isn't about one item: gold, an adopted model, a training."""
        self._own.add(id := id or new_id())
        [event] = self.log.append(events.Event(id=id, kind=kind, annotator=annotator or self.annotator,
                                               acted_at=self._now(), body=body))
        return event

    def take_in(self, *acts: events.Event) -> None:
        """Append acts that were made elsewhere: all of them or none."""
        if acts:
            self.log.append(*acts)
            self.refresh()
            self.tell("decisions")

    def note_thread(self, event: events.Event) -> None:
        """Append what somebody said in a thread, and tell the listeners."""
        self._own.add(event.id)
        self.log.append(event)
        self.refresh()
        self.tell("threads")

    def use_predictions(self, predictions: Predictions | None) -> None:
        """Order the queue by these predictions from now on."""
        self.ranking.use(predictions)
        self.tell("model")

    # -- the queue: what a person is asked -------------------------------------------------------------------

    def next(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next n items for an annotator, best first; nothing is claimed. See `Asking.next`."""
        return self.asking.next(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next items as `next` does, and hold them for the annotator for a quarter of an hour."""
        return self.asking.claim(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def standing(self, item_ids: Iterable[str], annotator: str | None = None) -> dict[str, str]:
        """List the decisions of an annotator that stand for some items: item_id -> decision id."""
        annotator = check_annotator(annotator or self.annotator)
        events_ = [self.log.standing_of(item_id, annotator) for item_id in item_ids]
        return {event.item_id or "": event.id for event in events_ if event is not None}

    def prediction(self, position: int) -> Prediction | None:
        """Read the current model's prediction of one item under today's labels; None where there is none."""
        with self.state.lock:
            if self.ranking.predictions is None:
                return None
            probs = self.ranking.probs(self.lineage, np.array([position]))
            label_ids, model = self.taxonomy.label_ids, self.ranking.predictions.model
            if self.ranking.multilabel:
                on = suggested_sets(probs, label_ids, self.ranking.thresholds)[0]
                chosen = set_id(label_id for label_id, one in zip(label_ids, on, strict=True) if one)
                return None if np.isnan(probs).all() else \
                    Prediction(str(self.pool.ids[position]), label_ids, probs[0], model, (chosen,))
            best = np.flatnonzero(likeliest(probs, self.ranking.families(self.lineage))[0])
        return Prediction(str(self.pool.ids[position]), label_ids, probs[0], model,
                          tuple(label_ids[column] for column in best)) if len(best) else None

    def predicted_values(self, position: int) -> Mapping[str, PredictedValue]:
        """Read what is suggested for the attributes of one item, by their ids; empty where nothing predicts them."""
        return {} if self.suggest_values is None or not self.taxonomy.attributes else self.suggest_values(position)

    # -- what stands -----------------------------------------------------------------------------------------

    def annotations(self, taxonomy: int | None = None) -> pd.DataFrame:
        """List what stands, one row per item and annotator, under today's labels or as an older version saw them."""
        self.refresh()
        table = annotation_table(self.log, self.state, taxonomy)
        return table if self.task != "multilabel" else \
            with_sets(table, self.taxonomy if taxonomy is None else self.lineage.versions[taxonomy])

    def labels_table(self) -> pd.DataFrame:
        """List which labels each annotator gave each item or not; see `Workbench.labels_table`."""
        if self.task != "multilabel":
            raise BadInput(f"an item has one label at most in a project with task={self.task!r}; wb.annotations() has "
                           "it.")
        self.refresh()
        rows = label_rows(self.log.annotations(), self.lineage)
        rows = rows[~rows["decision_id"].isin(list(self.state.changed))].reset_index(drop=True)
        name_of = {label_id: self.taxonomy.name_of(label_id) for label_id in self.taxonomy.label_ids}
        table: pd.DataFrame = rows.assign(label=rows["label_id"].map(name_of).astype(object))[
            ["item_id", "annotator", "label", "value", "certainty"]]
        return table

    def values(self) -> pd.DataFrame:
        """List the values of attributes that stand; see `Workbench.values`."""
        self.refresh()
        return values_table(self.log.annotations(columns=STORED_COLUMNS), self.lineage, changed=self.state.changed)

    def objects(self, *, deleted: bool = False, consensus: bool = False) -> pd.DataFrame:
        """List the objects that stand; see `Workbench.objects`."""
        if self.task not in OBJECT_TASKS:
            raise BadInput(f"no objects are asked for in a project with task={self.task!r}; wb.annotations() has the "
                           "labels.")
        self.refresh()
        if consensus:
            raise NotImplementedError
        return objects_table(self.log.annotations(columns=OBJECTS_STORED), self.lineage, deleted=deleted,
                             changed=self.state.changed)

    def reference_objects(self) -> pd.DataFrame:
        """List the images that measure, with their objects: of the hold-out, as each annotator answered them blind.

        Returns
        -------
        DataFrame
            As `Answers.reviewed_images`.
        """
        with self.state.lock:
            self.refresh()
            answered = self.pool.ids[self.queue.holdout & self.queue.is_answered()].tolist()
            table = images_table(first_blind(self.log.events_of(answered)), self.lineage, changed=self.state.changed)
            return table.assign(position=self.pool.positions(table["item_id"].tolist()))

    def answers(self) -> Answers:
        """Read the answers that stand now, under today's taxonomy: consensus, and what a model learns from."""
        with self.state.lock:
            self.refresh()
            return Answers(self.log, self.state, self._pool, task=self.task)

    def history(self) -> pd.DataFrame:
        """Every event in the order in which the log got it, one row each."""
        return history_table(self.log.events())

    def latest(self, n: int = 50, annotator: str | None = None) -> list[Decision]:
        """List the last n decisions that an annotator made on a screen and that stand, the newest at the end."""
        return [events.decision_of(event) for event in
                self.log.latest(check_annotator(annotator or self.annotator), n)]

    def reasons(self) -> dict[str, list[Decision]]:
        """List the decisions that stand and mark a region of their item: item_id -> one decision an annotator."""
        marked: dict[str, list[Decision]] = {}
        for event in self.log.marking():
            if event.id in self.state.changed:
                continue
            marked.setdefault(event.item_id or "", []).append(events.decision_of(event))
        return marked

    def gold(self) -> dict[str, str]:
        """List the known answers: item_id -> today's label_id, as far as that is certain."""
        self.refresh()
        return {item_id: label for item_id, given in self.state.gold.items()
                if (label := self.lineage.exactly(*given)) is not None}

    def reference(self) -> dict[str, str]:
        """List what measures: item_id -> today's label_id, of gold and of hold-out items answered blind."""
        measuring = self.measuring()
        return {str(self.pool.ids[place]): label_id for place, label_id in (measuring.holdout | measuring.gold).items()}

    def measuring(self) -> Measuring:
        """List the items that measure by what they are (hold-out, gold, imported), and how many are unsure."""
        with self.state.lock:
            self.refresh()
            return self.state.reference.measuring(self.lineage)

    def reference_values(self) -> pd.DataFrame:
        """List the values of attributes that measure: see `reference.measuring_values`.

        Returns
        -------
        DataFrame
            item_id, position, attribute_id, value, source ("gold", "holdout" or "imported").
        """
        with self.state.lock:
            self.refresh()
            gold = self.gold_values()
            answered = self.pool.ids[self.queue.holdout & self.queue.is_answered()].tolist()
            places = dict(zip(ids := [*answered, *gold], self.pool.positions(ids).tolist(), strict=True))
            return measuring_values(self.log.events_of(answered), {i: p for i, p in places.items() if p >= 0},
                                    self.lineage, changed=self.state.changed, gold=gold)

    def tally(self, annotator: str | None = None) -> dict[str, Any]:
        """Count where an annotator stands.

        Returns
        -------
        dict
            answered (in all), today, in_round, open, items (of the pool), round, taxonomy (its version), holdout (how
            many answers measure).
        """
        annotator = check_annotator(annotator or self.annotator)
        with self.state.lock:
            self.refresh()
            answered, began = self.queue.n_closed(annotator), self.state.trained_at
            return {"answered": answered, "today": self.state.n_acted(annotator, midnight(self._now())),
                    "in_round": self.state.n_acted(annotator, began) if began else answered,
                    "open": self.queue.n_open(annotator), "items": len(self.pool), "round": self.round,
                    "taxonomy": self.taxonomy.version,
                    "holdout": len(self.state.reference.measuring(self.lineage).holdout)}

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with "decisions", "taxonomy", "threads", "model" or "learning" after each change.

        It is called on the thread that made the change. The function that is returned ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def close(self) -> None:
        """Let go of the log."""
        self.log.close()

    # -- opening: the folder wins ----------------------------------------------------------------------------

    def _open(self, taxonomy: Taxonomy | None, settings: dict[str, Any], start: dict[str, Any]) -> None:
        folder, notify = self.folder, self.notify
        self.settings = opening.read_settings(folder, self.log, settings, taxonomy, annotator=self.annotator,
                                              now=self._now, notify=notify, policy=start)
        if self._pool is not None:
            self._pool = opening.with_former_ids(self._pool, folder, self.log, notify=notify)
            opening.check_groups(self._pool, folder, self.settings.get("group"))
        self.ranking.multilabel = self.task == "multilabel"
        self.state = State(self.log, self._pool, self.ranking, self.settings, now=self._now, notify=notify,
                           annotators_per_item=self._annotators_per_item, audit=self.audit_share)
        for line in policy.check_given(start, self.state.policy, folder.name):
            notify(line)
        self._editing = Editing(self.log, self.state, self.ranking, has_pool=self._pool is not None, own=self._own,
                                task=self.task)
        if taxonomy is not None:
            opening.check_taxonomy(taxonomy, self.lineage, folder.name, notify=notify)
        if self._pool is not None:
            self.hidden_tests = HiddenTests(self.state, self._pool, self.log, seed=self.settings["seed"],
                                            prediction=self.prediction)
        self.state.open(shares=opening.shares_items(self._pool, folder, notify=notify))
        if "arms" in start:
            policy.set_arms(self, start["arms"])

    @property
    def round(self) -> int:
        """1 before the first fine-tuning, 2 after it, and so on."""
        with self.state.lock:
            self.refresh()
            return 1 + self.state.n_trained

    def refresh(self) -> None:
        """Take in what this or another process has stored since the last look."""
        self.state.refresh()

    def adopted(self) -> events.Event | None:
        """Read the last "adopted" event, by whichever process; None before the first."""
        with self.state.lock:
            self.refresh()
            return self.state.adopted

    def adopted_values(self) -> events.Event | None:
        """Read the last "adopted_values" event, by whichever process; None before the first."""
        with self.state.lock:
            self.refresh()
            return self.state.adopted_values

    def _value_model(self) -> str | None:
        event = self.state.adopted_values
        return None if event is None else str(event.body["model"])

    def _measured(self) -> Mapping[str, Any] | None:
        event = self.state.adopted
        return None if event is None else event.body.get("out_of_fold")

    def follow(self) -> None:
        """Take in what others have stored, add to `news` who did what, and tell the listeners of an edit.

        Quick where nothing was stored. A widget calls it every few seconds while it is open.
        """
        with self.state.lock:
            self.refresh()
            events, self._n_followed = self.state.news[self._n_followed:], len(self.state.news)
            events = sorted((event for event in events if event.id not in self._own), key=lambda event: event.seq or 0)
            self.news += [words for event in events if (words := self._in_words(event)) is not None]
        # Of an adopted model, listeners are told once it is in use here.
        for kind, what in (("taxonomy", "taxonomy"), ("thread", "threads")):
            if any(event.kind == kind for event in events):
                self.tell(what)

    def _in_words(self, event: events.Event) -> str | None:
        """Say in a sentence what somebody else did; None where another sentence says it."""
        if event.kind == "adopted" and event.body["origin"] == "background":  # every few minutes: no news to anybody
            return None
        if event.kind != "thread":
            return in_words(event, self.lineage, reader=self.annotator)
        return threads.in_words(event, self.state.threads, self.lineage, who=doer(event, self.annotator))

    def _seen(self, seen: Seen | Mapping[str, Any] | None, position: int, verdict: str | None, annotator: str) -> Seen:
        """Complete what was on screen, as the log will keep it; for a script the current prediction."""
        if seen is not None:
            seen = seen if isinstance(seen, Seen) else Seen.from_dict(seen)
        if seen is None or seen.taxonomy not in self.lineage.versions:
            self.refresh()  # the taxonomy may have changed elsewhere; the card says which one it showed
        if seen is not None:
            # The screen named another reason, so as not to tell.
            seen = seen_on_screen(replace(seen, chosen_by="planted") if seen.planted else seen, self.lineage)
            return seen if self.task not in OBJECT_TASKS else \
                seen_objects(seen, self.lineage.versions[seen.taxonomy or self.taxonomy.version])
        # A script that says neither accept nor correct answers an item that is asked blind as a person would.
        hidden = verdict not in ("accept", "correct") and (self.queue.is_blind(position) or (self.queue.audit.is_drawn(
            position) and self.asking.arms.of(annotator, str(self.pool.ids[position]), audited=True).arm == "blind"))
        if self.task in OBJECT_TASKS:
            return seen_of_objects(self, Item(str(self.pool.ids[position]), position, "script", hidden), annotator,
                                   scripted=True)
        return seen_now(self.prediction(position), hidden=hidden, chosen_by="script", taxonomy=self.taxonomy.version,
                        scripted=True, values=self.predicted_values(position))

    def _answered(self, verdict: str | None, given: str | None, values: Mapping[str, Any] | None, seen: Seen,
                  offered: Taxonomy) -> dict[str, Any]:
        """What a label or values say, as fields of a `Decision`: verdict, label, label_id and values."""
        if self.task == "scale":
            checked = named_values(values, offered, None)
            verdict = judge_values(verdict, checked, seen)
            return {"verdict": verdict,
                    "values": dict(seen.visible_values) if verdict == "accept" and not checked else checked}
        verdict, label_id = judge(verdict, given, seen)
        return {"verdict": verdict, "label": None if label_id is None else offered.name_as_answered(label_id),
                "label_id": label_id, "values": named_values(values, offered, label_id)}

    def _check_repeat(self, seen: Seen, item_id: str, annotator: str) -> None:
        """BadInput where an answer repeats something else than an answer of the same person to the same item."""
        if seen.repeat_of is None:
            return
        former = self.log.get(seen.repeat_of)
        if former is None or (former.kind, former.item_id, former.annotator) != ("decided", item_id, annotator):
            raise BadInput(f"seen.repeat_of is {seen.repeat_of!r}; the id of a decision of {annotator} on item "
                           f"{item_id!r} is expected.")

    def _given_label(self, label: str | None, labels: Iterable[str] | None, offered: Taxonomy) -> str | None:
        """The label_id of what was given, or the id of the set; BadInput where the project asks for something else."""
        several = self.task == "multilabel"
        if self.task == "scale" and (label is not None or labels is not None):
            raise BadInput("this project asks for values of attributes alone; pass values={...} without a label.")
        if labels is not None and not several:
            raise BadInput("labels=[...] was given, and this project has one label an item; pass label=..., or make a "
                           "project with task='multilabel'.")
        if not several:
            return None if label is None else self._answer(label, offered).id
        if label is not None and (labels is not None or not is_set(label)):
            raise BadInput(f"label={label!r} was given, and an item of this project may have several labels; pass "
                           f"labels=[{label!r}].")
        if label is not None:
            return offered.label_set(members(label))
        if labels is None:
            return None
        if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
            return offered.label_set(labels)  # raises what is expected
        return set_id(self._answer(one, offered).id for one in labels)

    def _answer(self, name_or_id: str, offered: Taxonomy) -> Label:
        """Find an answer of the taxonomy that was offered; of today's also by its former name."""
        return self.lineage.answer(name_or_id) if offered is self.taxonomy else offered.answer(name_or_id)

    def content(self, position: int) -> str | None:
        """Read what an item holds now, as the log keeps it: its hash, and for a file its size and time."""
        self.require_pool()
        return self.state.contents.of(position)

    def tell(self, what: str) -> None:
        """Tell the listeners what changed; see `subscribe`."""
        for listener in tuple(self._listeners):
            listener(what)
