"""Triage of unplaced items: items answered "other" or "unsure", or flagged as not in the taxonomy.

A person sorts several such items at once: assigns them a label, makes a new label of them, leaves them as they are, or
sends them back to the queue. Each act is one event of kind "sorted", stored together with its decisions, and can be
undone at once. Read `UnplacedItems.waiting` and `UnplacedItems.assign` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..errors import BadInput, UnknownDecision
from ..events import Event, decided, decision_of, retracted
from ..events import undo_id as undo_id_of
from ..items.text_features import distinctive_words, readable_texts
from ..records import LABELLING, Decision, Seen, new_id, utc_now
from ..taxonomy import edits
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import members, set_id
from ..taxonomy.labels import Taxonomy
from .evidence import seen_now
from .state import standing_acts

if TYPE_CHECKING:
    from .project import Project

Act = Literal["assigned", "left_out", "sent_back", "undone"]
Why = Literal["other", "unsure", "flagged"]

NAMES = ("other", "others", "something else", "none of these", "miscellaneous", "misc")
N_EXAMPLES = 6  # number of examples of a label that is made of unplaced items
# Number of words that are listed for a group of texts, and of texts of the pool with which the group is compared.
N_WORDS, N_BESIDE = 4, 500


class Unplaced(NamedTuple):
    """An item that waits for triage.

    Parameters
    ----------
    item_id : str
        The item.
    position : int
        Its place in the pool.
    why : {"other", "unsure", "flagged"}
        The kind of answer because of which it waits.
    annotator : str
        The author of that answer.
    note : str or None
        Their note.
    """

    item_id: str
    position: int
    why: Why
    annotator: str
    note: str | None


@dataclass(frozen=True)
class Sorted:
    """One act of triage.

    Parameters
    ----------
    id : str
        Id of the log's event.
    act : {"assigned", "left_out", "sent_back", "undone"}
        What was done.
    item_ids : tuple of str
        The items that it is about.
    annotator : str
        Who did it.
    acted_at : datetime
        When, in UTC.
    label_id, label : str or None
        The label that the items got, and its name at that time.
    edit_id : str or None
        The edit that added the label, if it was made of these items.
    """

    id: str
    act: Act
    item_ids: tuple[str, ...]
    annotator: str
    acted_at: datetime
    label_id: str | None = None
    label: str | None = None
    edit_id: str | None = None

    @classmethod
    def of(cls, event: Event) -> Sorted:
        """Read an event of kind "sorted"."""
        body = event.body
        return cls(event.id, body["act"], tuple(body["item_ids"]), event.annotator, event.acted_at,
                   body.get("label_id"), body.get("label"), body.get("edit_id"))


def other_label(taxonomy: Taxonomy, name: str | None = None) -> str | None:
    """Find the answer that means "something else"; None when there is none.

    Parameters
    ----------
    taxonomy : Taxonomy
        The taxonomy to search.
    name : str, optional
        The name of this answer; by default other, others, something else, none of these, miscellaneous or misc,
        whatever the case.

    Returns
    -------
    str or None
        Its label_id.
    """
    if name is not None:
        return taxonomy.answer(name).id
    matches = [label for label in taxonomy if label.name.casefold() in NAMES]
    return min(matches, key=lambda label: NAMES.index(label.name.casefold())).id if matches else None


class UnplacedItems:
    """The unplaced items of one project, and what can be done with them; the widget `Triage` shows them.

    Parameters
    ----------
    project : Project
        With its pool.
    label : str, optional
        The name of the answer "something else"; by default it is found by its name (`other_label`).

    Raises
    ------
    UnknownLabel
        When there is no such answer.
    """

    def __init__(self, project: Project, label: str | None = None) -> None:
        self.project = project
        self._label = None if label is None else project.taxonomy.answer(label).id

    @property
    def label(self) -> str | None:
        """The label_id of the answer "something else" today; None when there is none."""
        taxonomy = self.project.taxonomy
        if self._label is not None and self._label in taxonomy.label_ids:
            return self._label
        return other_label(taxonomy)

    # 13 branches: why an item waits depends on its row and on later events.
    def waiting(self) -> list[Unplaced]:
        """List the items that wait for triage, each item once, in the order in which they began to wait.

        An item with an answer "other" or "unsure", or the flag "not_in_taxonomy", waits until somebody sorts it; after
        the next such answer it waits again.
        """
        project = self.project
        project.refresh()
        lineage, other = project.lineage, self.label
        sorted_at = {item_id: event.seq or 0 for event in standing_acts(project.log.events(kind="sorted"))
                     for item_id in event.body["item_ids"]}
        waiting: dict[str, Unplaced] = {}
        rows = project.log.unplaced(self._meaning_other(lineage, other))
        places = project.pool.positions([row.item_id for row in rows]).tolist()
        for row, place in zip(rows, places, strict=True):
            is_other = row.verdict != "unsure" and other in members(lineage.exactly(row.label_id, row.taxonomy))
            why: Why = "flagged" if "not_in_taxonomy" in (row.flags or "").split() else \
                "unsure" if row.verdict == "unsure" else "other"
            if place < 0 or row.seq <= sorted_at.get(row.item_id, 0) or (why == "other" and not is_other):
                continue
            waiting[row.item_id] = Unplaced(row.item_id, place, why, row.annotator, row.note)
        return list(waiting.values())

    def _meaning_other(self, lineage: Lineage, other: str | None) -> set[str]:
        """Ids of labels or sets, of any version, by which "something else" may have been answered."""
        if self.project.task == "multilabel":  # any number of sets may contain it
            with self.project.state.lock:
                given = list(self.project.state.label_index.counts())
            return {pair[0] for pair in given if other in members(lineage.exactly(*pair))}
        return {label_id for version, taxonomy in lineage.versions.items() for label_id in taxonomy.label_ids
                if other is not None and lineage.exactly(label_id, version) == other}

    def words(self, groups: Sequence[Sequence[Unplaced]], *, n: int = N_WORDS) -> list[list[str]]:
        """The words that distinguish each group of texts from the others, and from a random sample of the pool.

        Parameters
        ----------
        groups : sequence of sequences of Unplaced
            The groups as they are shown.
        n : int
            Maximum number of words for each group.

        Returns
        -------
        list of lists of str
            The words of each group, the most distinctive first; empty lists for images.
        """
        pool = self.project.pool
        if pool.kind != "text":
            return [[] for _ in groups]
        drawn = np.random.default_rng(self.project.settings["seed"]).permutation(len(pool))[:N_BESIDE]
        waiting = {item.position for group in groups for item in group}
        texts = [[text for text in readable_texts(pool, [item.position for item in group]) if text is not None]
                 for group in groups]
        beside = readable_texts(pool, [place for place in drawn.tolist() if place not in waiting])
        return distinctive_words(texts, n=n, beside=[text for text in beside if text is not None])

    # -- acts: each is one event that can be undone ----------------------------------------------------------

    def assign(self, item_ids: Sequence[str], label: str, *, taxonomy: int | None = None, id: str | None = None,
               annotator: str | None = None, acted_at: datetime | None = None, edit_id: str | None = None) -> Sorted:
        """Answer all these items with one label; the answers are durable when this returns.

        In a multilabel project the item keeps the labels of the answer because of which it waits, and gets this one in
        place of the label "something else". Attribute values are kept if they are asked for this label.

        Each item gets a decision with the verdict "answer", since predictions are hidden in triage, and ``chosen_by``
        "desk". It overrules earlier answers of others (`annotation_tables.votes_by_item`).

        Parameters
        ----------
        item_ids : sequence of str
            The items, at least one.
        label : str
            A name or label_id.
        taxonomy : int, optional
            The taxonomy version of the label, by default today's.
        id : str, optional
            Id of the act, made by the caller; sending it again changes nothing.
        annotator : str, optional
            Who acts, by default the project's annotator.
        acted_at : datetime, optional
            Now by default.
        edit_id : str, optional
            The edit that added the label.

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel, IdReused, ReadOnly, DiskFull, LogBusy
            When an argument can't be used, or the log can't be written. Nothing was stored then.
        """
        project = self.project
        version = self._version(taxonomy)
        offered = project.lineage.versions[version]
        self._check_labels()
        chosen = offered.answer(label)
        act = self._act("assigned", item_ids, id=id, annotator=annotator, acted_at=acted_at,
                        label_id=chosen.id, label=chosen.name, taxonomy=version, edit_id=edit_id)
        if (stored := project.log.get(act.id)) is not None and stored.same_act(act):
            return Sorted.of(stored)
        decisions = []
        whose = {one.item_id: one.annotator for one in self.waiting()} if project.task == "multilabel" else {}
        for n, item_id in enumerate(act.body["item_ids"]):
            position = project.pool.position(item_id)
            before = project.log.standing_of(item_id, act.annotator)
            waits = before if item_id not in whose else project.log.standing_of(item_id, whose[item_id])
            label_id = self._with_label(chosen.id, waits, version) if project.task == "multilabel" else chosen.id
            decision = Decision(f"{act.id}-{n}", item_id, act.annotator, "answer",
                                label=offered.name_as_answered(label_id), label_id=label_id,
                                values=self._values_kept(before, label_id, version),
                                seen=self._seen(position, version), acted_at=act.acted_at,
                                replaces=None if before is None or before.id == f"{act.id}-{n}" else before.id)
            decisions.append(decided(decision, content=project.content(position)))
        return self._store(act, decisions)

    def make_label(self, item_ids: Sequence[str], name: str, *, under: str | None = None, definition: str = "",
                   id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Sorted:
        """Add a label with these items as examples, and answer them with it. An undo takes back both.

        Raises
        ------
        EditError
            When the taxonomy can't have such a label; nothing was changed then.
        """
        act_id = id or new_id()
        if (stored := self.project.log.get(act_id)) is not None and stored.kind == "sorted":
            return Sorted.of(stored)
        self._check_labels()
        ids = self._checked(item_ids)
        path = name.strip() if under is None else f"{self.project.taxonomy.path(under)} / {name.strip()}"
        edit = self.project.apply([edits.add(name, under),
                                   edits.describe(path, examples=ids[:N_EXAMPLES],
                                                  **({"definition": definition} if definition else {}))],
                                  why=f"made of {len(ids)} unplaced items")
        return self.assign(ids, self.project.taxonomy.label(path).id, id=act_id, annotator=annotator,
                           acted_at=acted_at, edit_id=edit.id)

    def leave_out(self, item_ids: Sequence[str], *, id: str | None = None, annotator: str | None = None,
                  acted_at: datetime | None = None) -> Sorted:
        """Leave these items as they are: they no longer wait for triage, and their answers stay valid."""
        return self._store(self._act("left_out", item_ids, id=id, annotator=annotator, acted_at=acted_at))

    def send_back(self, item_ids: Sequence[str], *, id: str | None = None, annotator: str | None = None,
                  acted_at: datetime | None = None) -> Sorted:
        """Send these items back to everybody's queue; their answers stay valid until they are answered again."""
        return self._store(self._act("sent_back", item_ids, id=id, annotator=annotator, acted_at=acted_at))

    def undo(self, act_id: str, *, id: str | None = None, annotator: str | None = None,
             acted_at: datetime | None = None) -> Sorted:
        """Undo one act, with all its decisions and the label that it added; earlier answers are valid again.

        Raises
        ------
        UnknownDecision
            When the log has no such act.
        EditError
            When the label that it added was used or changed since; nothing was undone then.
        """
        project, act = self.project, self.project.log.get(act_id)
        if act is None or act.kind != "sorted" or act.body["act"] == "undone":
            raise UnknownDecision(f"act {act_id!r} of triage isn't in the log, or is itself an undo.")
        undo_id = id or f"undo-{act_id}"[:80]
        stored = project.log.get(undo_id)
        if edit_id := act.body.get("edit_id"):
            reverted_by = project.edits().set_index("id")["reverted_by"]
            if not isinstance(reverted_by.loc[edit_id], str):  # otherwise an interrupted undo is resumed
                project.revert(edit_id, why="undone in triage")
        at = acted_at or utc_now()
        decisions = [event for n in range(len(act.body["item_ids"])) if act.body["act"] == "assigned"
                     and (event := project.log.get(f"{act_id}-{n}")) is not None]
        undone = Event(id=undo_id, kind="sorted", annotator=project.who(annotator),
                       acted_at=at if stored is None else stored.acted_at,
                       body={"act": "undone", "undoes": act_id, "item_ids": list(act.body["item_ids"])})
        return self._store(undone, [retracted(decision_of(event), id=undo_id_of(event.id), acted_at=at,
                                              annotator=undone.annotator)
                                    for event in decisions if not project.log.is_retracted(event)])

    def acts(self) -> list[Sorted]:
        """List the acts of triage that weren't undone, the latest last."""
        return [Sorted.of(event) for event in standing_acts(self.project.log.events(kind="sorted"))]

    def _act(self, act: Act, item_ids: Sequence[str], *, id: str | None, annotator: str | None,
             acted_at: datetime | None, **more: Any) -> Event:
        details = {name: value for name, value in more.items() if value is not None}
        return Event(id=id or new_id(), kind="sorted", annotator=self.project.who(annotator),
                     acted_at=acted_at or utc_now(), body={"act": act, "item_ids": self._checked(item_ids), **details})

    def _store(self, act: Event, decisions: Sequence[Event] = ()) -> Sorted:
        self.project.require("sorted", act.annotator)  # before the answers, for which a lesser role is enough
        # The act is stored after its decisions, so that it is newer than the answers to its items.
        self.project.take_in(*decisions, act)
        return Sorted.of(act)

    def _checked(self, item_ids: Sequence[str]) -> list[str]:
        if isinstance(item_ids, str) or not item_ids:
            raise BadInput(f"item_ids is {item_ids!r:.80}; a list of one item or more is expected.")
        pool = self.project.pool
        return list(dict.fromkeys(str(pool.ids[pool.position(item_id)]) for item_id in item_ids))

    def _check_labels(self) -> None:
        """Raise BadInput in a project without labels."""
        if self.project.task == "scale":
            raise BadInput("this project asks for values of attributes alone, and has no label to give. Send the items "
                           "back to the queue, or leave them out.")

    def _with_label(self, label_id: str, answer: Event | None, version: int) -> str:
        """The id of an answer's set of labels, as far as it is certain, with one label added, in a taxonomy version."""
        has: set[str | None] = set()
        if answer is not None and answer.body["verdict"] in LABELLING:
            then = answer.body.get("seen", {}).get("taxonomy")
            has = {self.project.lineage.exactly(one, then, version) for one in members(answer.body.get("label_id"))}
        return set_id({label_id, *(one for one in has if one is not None and one != self.label)})

    def _values_kept(self, answer: Event | None, label_id: str, version: int) -> dict[str, Any]:
        """The values of an answer that another label has, too, in a taxonomy version: attribute id -> value."""
        if answer is None or not (values := answer.body.get("values")):
            return {}
        lineage, then = self.project.lineage, answer.body.get("seen", {}).get("taxonomy")
        if then is not None and then > version:
            return {}
        asked = {attribute.id for attribute in lineage.versions[version].attributes_of(label_id)}
        kept = {attribute_id: lineage.value(attribute_id, value, then, version)
                for attribute_id, value in values.items() if attribute_id in asked}
        return {attribute_id: value for attribute_id, value in kept.items() if value is not None}

    def _version(self, taxonomy: int | None) -> int:
        if taxonomy is not None and taxonomy not in self.project.lineage.versions:
            self.project.refresh()
        version = self.project.taxonomy.version if taxonomy is None else taxonomy
        if version not in self.project.lineage.versions:
            raise BadInput(f"taxonomy version {version!r} isn't in the log.")
        return version

    def _seen(self, position: int, version: int) -> Seen:
        """Describe the screen: the item among others like it, with its prediction hidden."""
        prediction = self.project.prediction(position)
        shown = self.project.lineage.versions[version]
        known = prediction is not None and prediction.suggestion is not None \
            and set(members(prediction.suggestion)) <= shown.answerable
        return seen_now(prediction if known else None, hidden=True, chosen_by="desk", taxonomy=version)
