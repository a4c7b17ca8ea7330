"""Projects: everything that people can do in a project. The module `standing` has the part that only reads.

A `Project` is safe for many threads, and for several processes on one folder: each sees the others' decisions. Read
`Project.decide` and `Project.next` first.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from .. import events
from ..errors import AlreadyDecided, BadInput, HitlError, IdReused, LogDamaged, UnknownDecision
from ..items.pool import Pool
from ..quality.label_errors import SuspectedErrors
from ..records import (
    OBJECT_TASKS,
    TASKS,
    Decision,
    Items,
    PredictedValue,
    Proposal,
    Seen,
    check_annotator,
    check_certainty,
    check_count,
    check_flags,
    check_number,
    is_text,
    new_id,
    utc_now,
)
from ..sampling.queue import AUDIT_SHARE
from ..sampling.ranking import Ranking
from ..sampling.selector import Selector
from ..sampling.uncertainty import Strategy
from ..storage.arrays import Predictions
from ..storage.blobs import TeamFiles
from ..storage.checks import UNREADABLE
from ..storage.forgetting import complete, is_complete
from ..storage.location import cache_folder, locate
from ..storage.log import Log
from ..storage.moved import move_of
from ..storage.roles import FOR_OTHERS, IMPORTING, NEEDS, OWNER, Need
from ..taxonomy import history
from ..taxonomy.edits import as_list
from ..taxonomy.history import Change, Lineage
from ..taxonomy.labels import Taxonomy
from ..taxonomy.revert import revert_step
from . import assignments, opening, policy, threads
from .asking import Asking
from .editing import Editing
from .evidence import explanation_feedback, touched_ids
from .given_answers import answered, as_offered, check_repeat, given_label, sent_before, what_was_seen
from .given_objects import answered_objects, check_given, given_reasons
from .gold import set_gold
from .hidden_tests import HiddenTests, none_plantable, plantable
from .notices import People
from .object_scores import ObjectScores
from .preview import Applied, Preview
from .relabel import Ordering, RelabelQueue
from .standing import Standing
from .state import State, doer, in_words

logger = logging.getLogger(__name__)
# Number of tries at opening while somebody joins logs or redacts.
_TRIES = 5

# Number of times that an import is compared with the log again when somebody answers its items meanwhile.
N_TRIALS = 5


class Project(Standing):
    """A folder with a log, its pool, and today's taxonomy.

    Parameters
    ----------
    folder : str or Path
        Created if it doesn't exist; or the URL of a project on a server, see `storage.location`.
    pool : Pool or None
        The items; None opens the log for reading and for taxonomy edits only.
    taxonomy : Taxonomy or None
        Needed for a new project; later any version that the project ever had, or None.
    annotator : str
        The annotator when no other is named.
    holdout : float
        Share of the pool, from 0 up to (not including) 1, that is for evaluation and never trains. It is fixed when the
        project is created, as are `seed` and `group`; afterwards the folder's own values hold.
    annotators_per_item : int or (int, int)
        Number of annotators who are asked about each item. Two numbers are the minimum and the maximum: between them,
        another annotator is asked where the votes are tied, or the posterior of the leading label is below 0.95.
    seed : int
    audit : float
        Share of the pool, from 0 to 1, that is drawn at random to check suggestions, and share of the items asked that
        come from this sample whatever the strategy; without the hold-out. Half of it is shown blind.
    group : str or None
        A column of the pool's metadata. Items with the same value are either all in the hold-out or none of them is.
    purpose : str or None
        What the project is for, in words for its people.
    names : bool or None
        Whether the owner sees names beside people's figures. Fixed when the project is created; False by default.
    arms : mapping of str to float, or None
        The share of each way of showing an item, see `arms.ARMS`; None for what the project has, or `arms.DEFAULT`.
    task : "classify", "multilabel", "scale", "boxes", "polygons", "points", "spans" or None
        What is asked of an item: one label, any number of labels, values of attributes alone, or the objects in it.
        Fixed when the project is created; None for what the folder has, "classify" for a new one.
    cache : str, Path or None
        For a project on a server, the folder on this machine for models, predictions and maps; None for one in the
        user's cache directory.
    now : function returning an aware datetime
    notify : function taking a sentence
        Called when stored settings override arguments, and when a strategy is replaced by another. The default writes
        to this module's logger.

    Attributes
    ----------
    name : str
        Its name in messages.
    folder : Path
        The folder of its files on this machine: its own, or the cache for a project on a server.
    files : TeamFiles
        The files that other machines need, too.
    log : Log
        The log of all events.
    state : State
        The state that follows from the log.
    ranking : Ranking
        The adopted model's predictions, and scores for the queue.
    selector : Selector
        Chooses the next items.
    settings : dict
        The folder's own ``holdout`` and ``seed``.
    audit_share : float
        Share of the items asked that come from the audit's sample.
    asking : Asking
        Which items an annotator is asked, and how each is shown.
    suggest_values : callable or None
        Position -> the attribute values to suggest, by attribute id; None without a model for them.
    propose : callable or None
        Position -> the objects that the adopted model proposes, best first; None without such a model.
    people : People
        Consent and notices.
    news : list of str
        What others did while this project was open, a sentence each: taxonomy edits, adopted models, questions and
        assignments to this annotator.

    Raises
    ------
    TaxonomyMismatch, WrongPool, ReadOnly, LogDamaged, LogBusy
        When the arguments don't fit the folder, or the folder can't be used.
    """

    # 13 branches: settings are checked, the log is read again while others rewrite it, and closed if anything fails.
    def __init__(self, folder: str | os.PathLike[str], pool: Pool | None = None, taxonomy: Taxonomy | None = None, *,
                 annotator: str, holdout: float = 0.2, annotators_per_item: int | tuple[int, int] = 1, seed: int = 0,
                 audit: float = AUDIT_SHARE, group: str | None = None, purpose: str | None = None,
                 names: bool | None = None, arms: Mapping[str, float] | None = None, task: str | None = None,
                 cache: str | os.PathLike[str] | None = None, now: Callable[[], datetime] = utc_now,
                 notify: Callable[[str], None] = logger.info) -> None:
        check_number("holdout", holdout, "a share of the pool from 0 up to (not including) 1", 0, math.nextafter(1, 0))
        annotators_per_item = opening.check_annotators(annotators_per_item)
        check_count("seed", seed, "a whole number")
        check_number("audit", audit, "a share of what is asked, from 0 to 1,", 0, 1)
        if task is not None and task not in TASKS:
            raise BadInput(f"task is {task!r}; one of {', '.join(TASKS)} is expected.")
        self._annotator = check_annotator(annotator)
        start = policy.at_start(purpose, names, arms)
        self.ranking = Ranking()
        self.selector, self.audit_share = Selector(self.ranking, notify), float(audit)
        self.selector.measured = self._measured
        self.selector.value_model = self._value_model
        self.selector.over_values = lambda: self.task == "scale"
        self.selector.over_objects = lambda: self.task in OBJECT_TASKS
        self.selector.objects = self.object_scores = ObjectScores(self)
        self.suggest_values: Callable[[int], Mapping[str, PredictedValue]] | None = None
        self.propose: Callable[[int], Sequence[Proposal]] | None = None
        self.ordering: Ordering | None = None
        self.second_looks: SuspectedErrors | None = None
        self._pool, self._now, self.notify, self._annotators_per_item = pool, now, notify, annotators_per_item
        self.people, self.asking = People(self), Asking(self)
        self._listeners: list[Callable[[str], None]] = []
        self._listening = threading.Lock()
        self._heard: list[Callable[[], None]] = []
        self._stop_listening: Callable[[], None] | None = None
        self._importing = threading.RLock()  # one import at a time: each is compared with the log
        self._own: set[str] = set()  # ids of the edits and adoptions by this process
        self._n_followed = 0  # number of the state's news taken in
        self._generation = 0  # generation of the state that was followed
        self.news: list[str] = []
        self.log = Log(locate(folder), now=now)
        try:
            self.folder = cache_folder(self.log.name, self.log.id, cache) if self.log.folder is None else Path(folder)
            self.files = TeamFiles(self.log, self.folder)
            if (gone := move_of(self.log.about()).to) is not None:
                notify(f"{self.name} has moved to {gone}; here it can be read, and nothing is stored. Open it there: "
                       f"hw.Workbench({gone!r}, ...).")
            settings = {"holdout": float(holdout), "seed": int(seed), "task": task,
                        **({} if group is None else {"group": group})}
            for tries_left in reversed(range(_TRIES)):
                generation = self.log.generation
                try:
                    self._open(taxonomy, settings, start)
                    break
                except (LogDamaged, *UNREADABLE):
                    self.log.last_seq()
                    # Somebody joined or redacted while it was read: the parts aren't consistent.
                    if not tries_left or self.log.generation == generation:
                        raise
        except BaseException as error:
            self.log.close()
            if isinstance(error, UNREADABLE) and not isinstance(error, HitlError) and not self.log.created:
                raise self.log.unreadable(error) from error
            raise

    @property
    def annotator(self) -> str:
        """The annotator when no other is named; a forgotten name is replaced by its number."""
        return self.log.who(self._annotator)

    @annotator.setter
    def annotator(self, name: str) -> None:
        self._annotator = check_annotator(name)

    @property
    def name(self) -> str:
        """The project's name in messages."""
        return self.log.name

    def abandon(self) -> None:
        """Close the project after a failed opening, and remove a log that was created just now."""
        self.log.discard()

    # -- what a person can do --------------------------------------------------------------------------------

    # 16 branches: most are for parts that were left out, tasks that ask for objects, and decisions sent again.
    def decide(self, item_id: Any, verdict: str | None = None, *, label: str | None = None,
               labels: Iterable[str] | None = None, values: Mapping[str, Any] | None = None,
               objects: Iterable[Any] | None = None, touched: Iterable[str] | None = None,
               certainty: float | None = None, note: str | None = None, flags: Sequence[str] = (),
               reason: str | None = None, wrong: Any = None, missing: Any = None,
               reasons: Mapping[str, Any] | None = None, seen: Seen | Mapping[str, Any] | None = None,
               id: str | None = None, annotator: str | None = None,
               acted_at: datetime | None = None, known: Collection[str] | None = None,
               keep_aside: bool = False) -> Decision:
        """Store one annotator's decision on one item; it is durable when this returns.

        The parameters are the parts of a `Decision`; see `Workbench.decide`.

        Parameters
        ----------
        item_id : str
        verdict : "accept", "correct", "answer", "unsure", "skip" or None
            If only a label is given, the verdict follows from what was seen.
        label : str or None
            A name or a label_id; for "unsure" a best guess. In a multilabel project, only the id of a set.
        labels : iterable of str or None
            In a multilabel project, the item's labels by name or label_id; empty for none.
        values : mapping or None
            Values of attributes, by name or id.
        objects : iterable or None
            Where objects are asked for, all objects in the item; empty for none.
        touched : iterable of str or None
            Names or ids of the labels and attributes that the person changed or confirmed by hand; ids of objects where
            these are asked for. None if that isn't known.
        certainty : float or None
            From 0 (a guess) to 10 (sure).
        note : str or None
        flags : sequence of str
        reason : "right", "wrong" or None
            Feedback on the explanation; a wrong or missing region implies "wrong".
        wrong, missing : Region, or ndarray of bool, shape (H, W) at the item's size
            The region that should not have counted, and the one that should have.
        reasons : mapping or None
            Feedback on the explanations of single objects: an object's id -> "right", "wrong", or a mapping with
            reason, wrong and missing, and method and display of the map that was on the screen.
        seen : Seen, mapping or None
            What was on the screen; without it the current prediction is recorded and the decision marked as scripted.
        id : str or None
            Id of the decision, made by the caller; sending the same decision again changes nothing.
        annotator : str or None
            None for the project's annotator.
        acted_at : datetime or None
            UTC-aware; None for now.
        known : collection of str or None
            Ids of the annotator's decisions on the item that the screen showed. If their current decision is another
            one, and no skip, AlreadyDecided is raised. None replaces their current decision, whichever it is.
        keep_aside : bool
            Store a decision that the annotator's role doesn't allow, but set it aside so that it doesn't count
            (`is_aside`), as a card does. Otherwise it is refused.

        Returns
        -------
        Decision
            The stored decision; if it was sent again, as it was stored the first time.

        Raises
        ------
        UnknownItem, UnknownLabel, BadInput, NotAllowed, IdReused, AlreadyDecided, ReadOnly, DiskFull, LogBusy
            When the decision can't be stored. Nothing was stored then.
        """
        annotator = self.who(annotator)
        position = self.pool.position(item_id)
        check_given(self, objects, reasons, label=label, labels=labels, values=values)
        if id:
            seen = sent_before(self, seen, id, position, annotator)
        seen = what_was_seen(self, seen, position, verdict, annotator)
        generation = self.state.generation  # another thread may take in a join before this is stored
        if self.lineage.forks.steps:
            seen = as_offered(seen, label, self.lineage)
        offered = self.lineage.versions[seen.taxonomy or self.taxonomy.version]
        decision_id = id or new_id()
        of_objects = self.task in OBJECT_TASKS
        answer = answered_objects(self, position, objects, verdict, seen, offered, decision_id) if of_objects else \
            answered(self, verdict, given_label(self, label, labels, offered), values, seen, offered)
        item_id = str(self.pool.ids[position])
        check_repeat(self, seen, item_id, annotator)
        has_seen = self.queue.has_seen(position, annotator) or self.state.changed
        # A repeat of the person's own answer revises nothing.
        standing = self.log.standing_of(item_id, annotator) if has_seen and seen.repeat_of is None else None
        decision = Decision(
            id=decision_id, item_id=item_id, annotator=annotator, **answer,
            touched=touched_ids(touched, offered, objects=of_objects),
            certainty=check_certainty(certainty), note=note, flags=check_flags(flags), seen=seen,
            **explanation_feedback(self.pool, position, reason=reason, wrong=wrong, missing=missing),
            reasons=given_reasons(self, position, reasons, answer.get("objects"), seen),
            acted_at=acted_at or self._now(), replaces=None if standing is None or standing.id == id else standing.id)
        event = events.decided(decision, content=self.content(position), first=events.first_answer(standing),
                               planted=events.planted_before(standing),
                               by=None if keep_aside else self._stand_in(annotator))
        [stored] = self.log.append(event, known=known if event.kind == "decided" else None, keep_aside=keep_aside,
                                   generation=generation)
        if event.kind == "decided" and not stored.aside:
            self.state.apply(position, stored, standing)
        else:
            self.refresh()
        self.tell("decisions")
        # If it was sent again, the first one counts.
        return replace(decision, stored_at=stored.stored_at) if stored.body is event.body \
            else events.decision_of(stored)

    # 13 branches: the decision may be unknown, retracted before or at the same time by others, or kept aside.
    def retract(self, decision_id: str, *, id: str | None = None, acted_at: datetime | None = None,
                annotator: str | None = None, keep_aside: bool = False) -> Decision:
        """Take a decision back; the decision before it is valid again.

        A second call changes nothing. `keep_aside` is as for `decide`.

        Raises
        ------
        UnknownDecision
            When the log has no such decision.
        NotAllowed
            When the annotator's role doesn't allow it.
        """
        known = isinstance(decision_id, str) and is_text(decision_id)
        event = self.log.get(decision_id) if known else None
        if event is None or event.kind not in events.ANSWERS:
            raise UnknownDecision(f"decision {decision_id!r} isn't in the log; wb.annotations()['decision_id'] has "
                                  "the current decisions.")
        decision = events.decision_of(event)
        if not self.log.is_retracted(event):  # otherwise it was retracted before
            if annotator is None:
                self.refresh()
                annotator = self.annotator if self.state.roles.in_force else None  # whose role counts
            elif not keep_aside:
                self.require_for(annotator)
            try:
                self._undo(decision, id or events.undo_id(decision.id), annotator, acted_at, keep_aside=keep_aside)
            except IdReused:
                if not self.log.is_retracted(event):  # otherwise somebody retracted it just now
                    if id is not None or not self.log.is_aside(events.undo_id(decision.id)):
                        raise
                    # An undo of this id is kept aside.
                    self._undo(decision, new_id(), annotator, acted_at, keep_aside=keep_aside)
        self.refresh()
        self.tell("decisions")
        return decision

    def _undo(self, decision: Decision, id: str, annotator: str | None, acted_at: datetime | None, *,
              keep_aside: bool) -> None:
        [stored] = self.log.append(events.retracted(decision, id=id, annotator=annotator,
                                                    acted_at=acted_at or self._now()), keep_aside=keep_aside)
        if stored.aside and not keep_aside:
            raise IdReused(f"event id {id!r} is in the log already, kept aside.")

    def apply(self, edit: Any, *, why: str | None = None, base: int | Preview | None = None) -> Applied:
        """Change the taxonomy by one edit, or by a list of edits, all or none of them.

        Parameters
        ----------
        edit : Edit, or a sequence of them
        why : str or None
            The reason, for the team.
        base : int, Preview or None
            The version for which the edit was made, or its preview; labels that were renamed since are found under
            their new names. None for today's version.

        Raises
        ------
        EditError
            When an edit doesn't fit; then nothing was changed.
        """
        self.refresh()
        made_for = base.version if isinstance(base, Preview) else self.taxonomy.version if base is None else base
        return self.commit(lambda lineage: history.change(as_list(edit), made_for, lineage), why=why)

    def revert(self, edit_id: str, *, why: str | None = None) -> Applied:
        """Revert an edit by making a new edit. Earlier answers get back the meaning that they had before.

        Raises
        ------
        EditError
            When there is no such edit, it was taken back already, or later edits depend on it; the message names them.
        """
        self.refresh()
        return self.commit(lambda lineage: revert_step(lineage, edit_id), why=why)

    def commit(self, make: Callable[[Lineage], Change], *, why: str | None, annotator: str | None = None,
               acted_at: datetime | None = None, beside: Callable[[str], Sequence[events.Event]] | None = None
               ) -> Applied:
        """Change today's taxonomy by the function `make`, and store the edit.

        If `beside` is given, it is called with the edit's id, and the events that it returns are stored with the edit.

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
        """Preview what `apply` or `revert` would do; nothing changes."""
        return self.preview_change(lambda lineage: revert_step(lineage, revert) if revert is not None else
                                   history.change(as_list(edit), lineage.today.version, lineage))

    def preview_change(self, make: Callable[[Lineage], Change]) -> Preview:
        """Preview what `commit` would do; nothing changes."""
        self.refresh()
        lineage = self.lineage
        return self._editing.preview(make(lineage), lineage)

    def presume(self, labels: Mapping[Any, Any], *, estimate: Mapping[str, Any], why: str | None = None) -> list[str]:
        """Assign labels to items in doubt without asking people.

        An item is in doubt if, since a taxonomy edit, its answer may mean one of several labels (its candidates). The
        assigned labels are marked as presumed and never count as a person's answer: they aren't used for consensus,
        training or measuring. A presumed label ends when a person answers the item, or an edit leaves it in doubt
        again. Items that are no longer in doubt are left out, and so are hold-out items.

        Parameters
        ----------
        labels : mapping
            Item id -> one of its candidates; in a multilabel project a collection of labels.
        estimate : mapping
            The evidence for the labels, plain JSON, such as the error with its interval and number of checks.
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
        places = {self.pool.position(item_id): given_label(self, None, label, self.taxonomy) or ""
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
        """Store an event with presumed labels, or with a proposal of these."""
        self.record("presumed", body)
        self.refresh()
        self.tell("decisions")

    def relabel_queue(self, annotator: str | None = None) -> pd.DataFrame:
        """List the items in doubt, in the order in which an annotator is asked about them; see `relabel`."""
        annotator = self.who(annotator)
        self.refresh()
        frame = self.relabel().frame(annotator)
        if self.task not in OBJECT_TASKS:
            return frame
        objects = self.objects()
        doubtful = objects[objects["status"] == "to_review"].groupby(["item_id", "annotator"])["object_id"].agg(tuple)
        return frame.assign(objects=pd.Series([doubtful.get((item_id, whose), ()) for item_id, whose in
                                               zip(frame["item_id"], frame["annotator"], strict=True)], frame.index,
                                              dtype=object))

    def relabel(self) -> RelabelQueue:
        """Make the relabelling queue."""
        return RelabelQueue(self.state, self.pool, ordering=self.ordering)

    def set_gold(self, known: Any) -> dict[str, str]:
        """Store known answers, and return all of them: item_id -> today's label_id.

        Parameters
        ----------
        known : mapping, Series or DataFrame
            Item id -> label, or a table with the columns item_id (or id) and label. Former names of labels are
            accepted if they mean one label today. None instead of a label removes the known answer.
        """
        set_gold(self, known)
        return self.gold()

    def check_plantable(self) -> None:
        """Raise BadInput where no gold item can have a planted suggestion."""
        self.require_pool()
        if self.task == "scale" or self.task in OBJECT_TASKS:
            raise BadInput("suggestions of labels are planted, and this project asks for "
                           f"{'values alone' if self.task == 'scale' else 'the objects in an image'}.")
        with self.state.lock:
            self.refresh()
            if not plantable(self.state):
                raise BadInput(none_plantable(self.state))

    def record(self, kind: str, body: Mapping[str, Any], *, id: str | None = None,
               annotator: str | None = None) -> events.Event:
        """Append an event that isn't about a single item, such as gold, an adopted model or a training."""
        self._own.add(id := id or new_id())
        [event] = self.log.append(events.Event(id=id, kind=kind, annotator=annotator or self.annotator,
                                               acted_at=self._now(), body=body))
        return event

    def require(self, kind: str, annotator: str | None = None) -> None:
        """Raise NotAllowed if a person's role doesn't allow storing events of a kind. The message says who may.

        The log itself refuses events that aren't allowed. Call this before a long computation, so that it isn't done in
        vain.
        """
        self.refresh()
        self.state.roles.require(annotator or self.annotator, kind)

    def may(self, kind: str) -> bool:
        """Whether the annotator's role allows storing events of a kind, by the part of the log that was read so far."""
        return self.state.roles.allows(self.annotator, NEEDS.get(kind, OWNER))

    def require_importing(self) -> None:
        """Raise NotAllowed if the annotator may not import answers."""
        self.require_role(IMPORTING)

    def require_for(self, annotator: str) -> None:
        """Raise NotAllowed if the annotator may not act in the name of this person."""
        if annotator != self.annotator:
            self.require_role(FOR_OTHERS)

    def require_role(self, need: Need) -> None:
        """Raise NotAllowed if the annotator's role is below what an act needs."""
        self.refresh()
        if not self.state.roles.allows(self.annotator, need):
            raise self.state.roles.refusal(self.annotator, need)

    def is_aside(self, id: str) -> bool:
        """Whether the act with this id is stored but doesn't count, because its person's role didn't allow it."""
        return self.state.roles.in_force and self.log.is_aside(id)

    def _stand_in(self, annotator: str) -> str | None:
        """The person whose role counts when they store an answer in the name of somebody else; None without roles."""
        return None if annotator == self.annotator or not self.state.roles.in_force else self.annotator

    def take_in(self, *acts: events.Event) -> None:
        """Append acts that were made elsewhere: all of them or none."""
        self._store(acts)

    def take_in_new(self, make: Callable[[], Sequence[events.Event]]) -> None:
        """Append the new part of an import: all of it or none.

        Parameters
        ----------
        make : callable
            Compares the import with the log, and returns the events that are new. It is called again if something was
            stored about their items meanwhile, by another process or by a person's decision.
        """
        with self._importing:
            for trial in range(N_TRIALS):
                since = self.log.last_seq()
                try:
                    return self._store(make(), since=since)
                except AlreadyDecided:
                    if trial == N_TRIALS - 1:
                        raise
                    self.refresh()

    def _store(self, acts: Sequence[events.Event], *, since: int | None = None) -> None:
        if acts:
            if self.state.roles.in_force:  # in events under other names, the role of the person who stores them counts
                acts = [replace(act, body={**act.body, "by": self.annotator}) if act.kind in events.ANSWERS
                        and act.annotator != self.annotator else act for act in acts]
            self.log.append(*acts, since=since)
            self.refresh()
            self.tell("decisions")

    def note_thread(self, event: events.Event) -> None:
        """Append an event of a thread, and notify the listeners."""
        self._own.add(event.id)
        self.log.append(event)
        self.refresh()
        self.tell("threads")

    def use_predictions(self, predictions: Predictions | None) -> None:
        """Order the queue by these predictions from now on."""
        self.ranking.use(predictions)
        self.tell("model")

    # -- the queue -------------------------------------------------------------------------------------------

    def next(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
             showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next n items for an annotator, best first; nothing is claimed. See `Asking.next`."""
        return self.asking.next(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def claim(self, n: int = 20, *, strategy: str | Strategy | None = None, annotator: str | None = None,
              showing: Collection[str] = (), queue: str | None = None) -> Items:
        """List the next items as `next` does, and hold them for the annotator for a quarter of an hour."""
        return self.asking.claim(n, strategy=strategy, annotator=annotator, showing=showing, queue=queue)

    def subscribe(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener` with "decisions", "taxonomy", "threads", "assigned", "model" or "learning" after each change.

        It is called on the thread that made the change. The function that is returned ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def listen(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Call `heard`, on another thread, when somebody stores something; the function that is returned ends it.

        All listeners of a project share one connection to the server. A folder notifies nobody: see `Log.listen`.
        """
        with self._listening:
            self._heard.append(heard)
            if self._stop_listening is None:
                self._stop_listening = self.log.listen(self._hear)
        return lambda: self._unlisten(heard)

    def _hear(self) -> None:
        for heard in tuple(self._heard):
            heard()

    def _unlisten(self, heard: Callable[[], None]) -> None:
        with self._listening:
            if heard in self._heard:
                self._heard.remove(heard)
            if not self._heard and self._stop_listening is not None:
                self._stop_listening()
                self._stop_listening = None

    def close(self) -> None:
        """Close the log."""
        self.log.close()

    # -- opening: stored settings take precedence ------------------------------------------------------------

    def _open(self, taxonomy: Taxonomy | None, settings: dict[str, Any], start: dict[str, Any]) -> None:
        folder, notify = self.folder, self.notify
        if not is_complete(self.log):
            complete(self.log)  # a redaction was interrupted, or came with another copy of the project
        if self.annotator != self._annotator:
            notify(f"{self.name}: the name that it was opened with was forgotten here; you act as {self.annotator}.")
        if self._pool is not None:  # before the project is created
            opening.check_kind(settings.get("task") or "classify", self._pool)
        self.settings = opening.read_settings(folder, self.log, settings, taxonomy, annotator=self.annotator,
                                              now=self._now, notify=notify, policy=start)
        if self._pool is not None:
            opening.check_kind(self.task, self._pool)
            self.files.fetch_pool()
            self._pool = opening.with_former_ids(self._pool, folder, self.log, notify=notify)
            opening.check_groups(self._pool, folder, self.settings.get("group"))
        self.ranking.multilabel = self.task == "multilabel"
        self.state = State(self.log, self._pool, self.ranking, self.settings, now=self._now, notify=notify,
                           annotators_per_item=self._annotators_per_item, audit=self.audit_share)
        self._generation = self.state.generation
        for line in policy.check_given(start, self.state.policy, self.name):
            notify(line)
        self._editing = Editing(self.log, self.state, self.ranking, has_pool=self._pool is not None, own=self._own,
                                task=self.task)
        if taxonomy is not None:
            opening.check_taxonomy(taxonomy, self.lineage, self.name, notify=notify)
        if self._pool is not None:
            self.hidden_tests = HiddenTests(self.state, self._pool, self.log, seed=self.settings["seed"],
                                            prediction=self.prediction)
        self.state.open(shares=opening.shares_items(self._pool, folder, notify=notify))
        if self._pool is not None:
            self.files.share_pool()
        if "arms" in start:
            policy.set_arms(self, start["arms"])

    def follow(self) -> None:
        """Apply what others have stored, add sentences on events of `state.NEWS` to `news`, and notify the listeners.

        Quick where nothing was stored. A widget calls it every few seconds while it is open.
        """
        with self.state.lock:
            self.refresh()
            events, self._n_followed = self.state.news[self._n_followed:], len(self.state.news)
            events = sorted((event for event in events if event.id not in self._own), key=lambda event: event.seq or 0)
            began_anew, self._generation = self.state.generation != self._generation, self.state.generation
            self.news += [words for event in events if (words := self._in_words(event)) is not None]
        # Listeners are notified of an adopted model once it is in use here.
        for kind, what in (("taxonomy", "taxonomy"), ("thread", "threads"), ("assigned", "assigned"),
                           ("decided", "decisions")):
            if began_anew or any(event.kind == kind for event in events):
                self.tell(what)

    def _in_words(self, event: events.Event) -> str | None:
        """Say in a sentence what somebody else did; None where no sentence, or another one, is needed."""
        if event.kind == "adopted" and event.body["origin"] == "background":  # every few minutes: not worth a notice
            return None
        if event.kind == "assigned":
            return assignments.news_of(event, self.lineage, reader=self.annotator)
        if event.kind != "thread":
            return in_words(event, self.lineage, reader=self.annotator)
        return threads.in_words(event, self.state.threads, self.lineage, who=doer(event, self.annotator))

    def content(self, position: int) -> str | None:
        """The content of an item now, in the form that the log keeps: its hash, and for a file its size and time."""
        self.require_pool()
        return self.state.contents.of(position)

    def tell(self, what: str) -> None:
        """Notify the listeners of what changed; see `subscribe`."""
        for listener in tuple(self._listeners):
            listener(what)
