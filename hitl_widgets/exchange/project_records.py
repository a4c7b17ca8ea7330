"""Records of a project: its items with their current answers, in the form of `records`. Read `ProjectRecords`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .. import events
from ..errors import BadInput, HitlError, ItemError
from ..project.importing_objects import coordinates_of
from ..project.names import Pseudonyms, pseudonyms
from ..records import CLOSING, LABELLING, OBJECT_TASKS, SHAPE_OF, ObjectAnswer, Region
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, members
from .losses import Losses
from .records import CONSENSUS, Answer, Header, ItemRecord, Prediction, Value

if TYPE_CHECKING:
    import pandas as pd

    from ..project.project import Project

Which = Literal["consensus", "annotations"]
Called = Literal["pseudonyms", "names"]
# Items whose events are read at once.
AT_ONCE = 2_000
# How often the consensus is computed again because answers came in meanwhile.
N_TRIALS = 3

LEFT_OUT = {
    "planted": "Their suggestion was wrong on purpose, so they don't count as answers.",
    "to_review": "Their label is uncertain since an edit, or the item has changed; to_review=True writes them.",
    "presumed": "They were assigned automatically after an edit (presumed); presumed=True writes them.",
}
_EARLIER = "Only current answers are written; wb.archive(path) keeps every act."
_REPEATED = "It only compares a person with themselves; wb.archive(path) keeps it."
_UNANSWERED = "Nobody answered them; unanswered=True writes them where the format can hold such items."
_BY_PSEUDONYM = "They appear by pseudonym; people='names' writes them."
_NO_LABEL = "The label was retired, or is uncertain since an edit."
_TIED = "As many annotators gave it as didn't; what they agree on is written. wb.people.adjudicate() settles ties."
_TIED_VALUE = "As many annotators chose another; what they agree on is written."


class ProjectRecords:
    """A project's items as records: iterating gives an `ItemRecord` for each, in the order of the pool.

    Every iteration yields the same records, even if new answers are stored in between.

    Parameters
    ----------
    project : Project
        With its pool.
    labels : "consensus" or "annotations"
        One answer over all annotators, or the answer of each.
    to_review, presumed : bool
        Whether answers of this status are included.
    unanswered : bool
        Whether items without an answer are included.
    predictions : bool
        Whether the adopted model's predictions are included, for items that have them.
    people : "pseudonyms" or "names"
        What annotators are called, also in notes.

    Attributes
    ----------
    header : Header
    lost : Losses
        What is left out of the records: complete after an iteration, and counted again by the next one.
    """

    def __init__(self, project: Project, *, labels: Which = "consensus", to_review: bool = False,
                 presumed: bool = False, unanswered: bool = False, predictions: bool = False,
                 people: Called = "pseudonyms") -> None:
        if people not in ("pseudonyms", "names"):
            raise BadInput(f"people is {people!r}; 'pseudonyms' or 'names' is expected.")
        if labels not in ("consensus", "annotations"):
            raise BadInput(f"labels is {labels!r}; 'consensus' or 'annotations' (everybody's) is expected.")
        project.require_pool()
        self._project, self._labels, self._unanswered, self._predictions = project, labels, unanswered, predictions
        self._people = people
        self._kept = {"decided", *(["to_review"] if to_review else []), *(["presumed"] if presumed else [])}
        for trial in range(N_TRIALS):
            # Everything is of one moment: it is read again if answers come in; in the last trial they have to wait.
            with project.state.lock if trial == N_TRIALS - 1 else nullcontext():
                self._read(labels)
            if project.log.last_seq() == self._until:
                break
        self.lost = Losses()
        self._today: dict[tuple[str | None, int | None], str | None] = {}
        self._names: dict[str | None, str | None] = {}
        self._of_objects = self.header.shape is not None

    def _read(self, labels: Which) -> None:
        """Read what isn't read item by item."""
        project = self._project
        with project.state.lock:
            project.refresh()
            self._lineage: Lineage = project.lineage
            self._changed, self._presumed = project.state.changed, dict(project.state.presumed)
            self._holdout = project.queue.holdout.copy()
            self._gold, self._gold_values = project.gold(), project.gold_values()
            self._until = project.log.last_seq()
            self._called = Pseudonyms(pseudonyms(project) if self._people == "pseudonyms" else {})
            self.header = header_of(project, self._called)
        self._consensus = _consensus(project) if labels == "consensus" else {}

    def __len__(self) -> int:
        """Number of items in the pool."""
        return len(self._project.pool)

    def __iter__(self) -> Iterator[ItemRecord]:
        self.lost, self._renamed = Losses(), {str(step.get("annotator")) for step in self.header.history}
        ids = self._project.pool.ids
        for start in range(0, len(ids), AT_ONCE):
            batch = [str(one) for one in ids[start:start + AT_ONCE]]
            acts = self._acts_of(batch)
            pool, stop = self._project.pool, start + len(batch)
            names, metas, probs = pool.file_names(start, stop), pool.metas(start, stop), self._probs(start, stop)
            if self.header.shape is not None:  # records with objects need the sizes of their items
                pool.fetch_ahead(start + place for place, item_id in enumerate(batch) if item_id in acts)
            for position, item_id in enumerate(batch, start):
                answers = self._answers(acts.get(item_id, ()))
                if not (answers or self._unanswered or item_id in self._gold or item_id in self._gold_values):
                    self.lost.add("item", _UNANSWERED)
                    continue
                row = position - start
                predictions = self._predicted(position) if probs is None else _prediction(probs, row)
                yield self._record(position, item_id, names[row], answers, metas[row], predictions)
        self.lost.add("name of a person", _BY_PSEUDONYM, len(self._renamed & set(self._called.called.values())))

    def _record(self, position: int, item_id: str, name: str | None, answers: Sequence[Answer],
                meta: dict[str, Any], predictions: tuple[Prediction, ...]) -> ItemRecord:
        pool = self._project.pool
        text, size = None, None
        with suppress(ItemError):
            if pool.kind == "text":
                text = str(pool.load(position))
                size = len(text), 1
            elif self.header.shape is not None:
                height, width = pool.size(position)
                size = int(width), int(height)
        gold = self._gold.get(item_id)
        return ItemRecord(
            item_id, name=name, size=size, text=text,
            split="holdout" if self._holdout[position] else "train", metadata=meta,
            gold_ids=None if gold is None else members(gold), gold_values=dict(self._gold_values.get(item_id, {})),
            answers=self._joined(item_id, answers) if self._labels == "consensus" else tuple(answers),
            predictions=predictions)

    # -- answers ---------------------------------------------------------------------------------------------

    def _acts_of(self, item_ids: Sequence[str]) -> dict[str, list[events.Event]]:
        """Item id -> its acts, up to the one with which the export began."""
        acts: dict[str, list[events.Event]] = {}
        for event in self._project.log.events_of(item_ids):
            if (event.seq or 0) <= self._until:
                acts.setdefault(str(event.item_id), []).append(event)
        return acts

    def _answers(self, acts: Iterable[events.Event]) -> list[Answer]:
        """The current answer of each annotator to an item; earlier answers are counted as losses."""
        acts = list(acts)
        by_annotator: dict[str, list[events.Event]] = {}
        undone = [event for event in acts if event.kind == "retracted"]
        for event in acts:
            if event.kind == "decided":
                by_annotator.setdefault(event.annotator, []).append(event)
            elif event.kind == "repeated":
                self.lost.add("repeated answer", _REPEATED)
        answers: list[Answer] = []
        for annotator in sorted(by_annotator, key=self._called.of):  # the order mustn't reveal names either
            given = by_annotator[annotator]
            standing = given[0] if len(given) == 1 and not undone else events.standing([*given, *undone])
            if (n_earlier := len(given) - (standing is not None)):
                self.lost.add("earlier answer", _EARLIER, n_earlier)
            if standing is None:
                continue
            of_answer = Losses()
            answer = self._of_status(self._answer(standing, of_answer), standing)
            if answer is None:
                continue
            answers.append(answer)
            self._renamed.add(answer.annotator)
            if of_answer:
                self.lost.update(of_answer)
        return answers

    def _of_status(self, answer: Answer, standing: events.Event) -> Answer | None:
        """The answer, without its label if answers of its status are left out; None if nothing is left.

        What is left out is counted as a loss.
        """
        if answer.status in self._kept:
            return answer
        reason = LEFT_OUT[answer.status]
        # Values count whatever became of the label, as in `Workbench.consensus(attribute=...)`.
        if not answer.values or answer.status == "planted" or standing.id in self._changed:
            self.lost.add("answer", reason)
            return None
        self.lost.add("label", reason)
        return replace(answer.without("label_ids", "as_decided", "status"), verdict="answer")

    def _answer(self, event: events.Event, lost: Losses) -> Answer:
        body = event.body
        seen = body.get("seen", {})
        version = seen.get("taxonomy")
        status, label_id = self._status(event, version)
        objects: tuple[ObjectAnswer, ...] | None = None
        if self._of_objects and "objects" in body:
            objects = self._objects(body, version, lost)
        note = body.get("note")
        if note is not None and (called := self._called.text(note)) != note:
            note = called
            lost.add("name in a note", _BY_PSEUDONYM)
        reasons = tuple(replace(one, label_id=now) for one in events.reasons_of(body)
                        if (now := self._lineage.exactly(one.label_id, version)) is not None)
        whole = body if "reasons" in body or not reasons else {}
        regions = {name: Region.from_dict(whole[name]) for name in ("wrong", "missing") if name in whole}
        return Answer(
            self._called.of(event.annotator), body["verdict"],
            None if label_id is None or self._of_objects else members(label_id),
            body.get("certainty"), seen.get("certainty"), tuple(sorted(body.get("flags", ()))), note,
            event.acted_at, status, self._values(body, version, lost), objects, whole.get("reason"),
            regions.get("wrong"), regions.get("missing"), seen, event.id,
            None if (touched := body.get("touched")) is None else tuple(touched), body.get("first"),
            self._as_decided(body, version, status, label_id), reasons=reasons)

    def _as_decided(self, body: Mapping[str, Any], version: int | None, status: str, label_id: str | None
                    ) -> tuple[str, str | None, int | None] | None:
        """The label as it was decided; None if it has the same id and name today, and in tasks of objects."""
        former = body.get("label_id")
        if former is None or self._of_objects:
            return None
        is_todays = status == "decided" and label_id == former and (
            is_set(former) or self._name_of(label_id) == body.get("label"))
        return None if is_todays else (former, body.get("label"), version)

    def _status(self, event: events.Event, version: int | None) -> tuple[str, str | None]:
        """The status of an answer, as in `Workbench.annotations`, and today's id of its label."""
        body = event.body
        former = body.get("label_id")
        if (former, version) not in self._today:
            self._today[former, version] = None if former is None else self._lineage.exactly(former, version)
        label_id = self._today[former, version]
        if events.is_planted(body):
            return "planted", label_id
        if event.id in self._changed and body["verdict"] in CLOSING:
            return "to_review", None
        if former is None or label_id is not None or body["verdict"] not in LABELLING:
            return "decided", label_id
        presumed = self._presumed.get(str(event.item_id))
        if presumed is not None and (now := self._lineage.exactly(*presumed)) is not None \
                and self._lineage.may_mean(former, version, now):
            return "presumed", now
        return "to_review", None

    def _name_of(self, label_id: str | None) -> str | None:
        if label_id not in self._names:
            self._names[label_id] = None if label_id is None or is_set(label_id) else \
                self._lineage.today.name_as_answered(label_id)
        return self._names[label_id]

    def _values(self, body: Mapping[str, Any], version: int | None, lost: Losses) -> dict[str, Value]:
        """The attribute values of an answer, under today's scales; values that an edit made uncertain are lost."""
        given = body.get("values", {})
        found: dict[str, Value] = {}
        for attribute in given if isinstance(given, Mapping) else ():
            value = self._lineage.value(attribute, given[attribute], version)
            if value is None:
                lost.add("value of an attribute", "The attribute was retired, or an edit left the value in doubt.")
            else:
                found[attribute] = value
        return found

    def _objects(self, body: Mapping[str, Any], version: int | None, lost: Losses) -> tuple[ObjectAnswer, ...]:
        """The objects of an answer under today's labels; those without a certain label of today are lost."""
        found: list[ObjectAnswer] = []
        for one in events.objects_in(body["objects"]):
            key = one.label_id, version
            if key not in self._today:
                self._today[key] = self._lineage.exactly(*key)
            if (label_id := self._today[key]) is not None:
                found.append(replace(one, label_id=label_id, label=self._lineage.today.name_of(label_id)))
            else:
                lost.add("object" if one.is_there else "deleted proposal", _NO_LABEL)
        return tuple(found)

    # -- consensus -------------------------------------------------------------------------------------------

    def _joined(self, item_id: str, answers: Sequence[Answer]) -> tuple[Answer, ...]:
        """The consensus of an item, with its votes; or its only answer, unchanged, if the item wasn't adjudicated."""
        stands = self._consensus.get(item_id)
        if len(answers) < 2 and (stands is None or not stands.get("judged")):
            return tuple(answers)
        stands = stands or {}
        if not stands.keys() & {"label_ids", "objects"}:
            stands = {**self._of_the_only_one(answers), **stands}
        label_ids: tuple[str, ...] | None = stands.get("label_ids")
        self.lost.add("label", _TIED, stands.get("n_tied", 0))
        self.lost.add("value of an attribute", _TIED_VALUE, stands.get("n_tied_values", 0))
        objects: tuple[ObjectAnswer, ...] | None = stands.get("objects")
        values: Mapping[str, Value] = stands.get("values", {})
        nothing = label_ids is None and objects is None and not values
        return (Answer(CONSENSUS, "unsure" if nothing else "answer", label_ids, values=values, objects=objects,
                       share=stands.get("share"), n_answers=len(answers), votes=tuple(answers)),)

    def _of_the_only_one(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """Fields of the only usable answer, if all others are skips, unsure or ambiguous since an edit; else empty."""
        telling = [one for one in answers if one.verdict in LABELLING and (
            one.label_ids is not None or one.objects is not None or self.header.task == "scale")]
        if len(telling) != 1:
            return {}
        (one,) = telling
        there = None if one.objects is None else tuple(each for each in one.objects if each.is_there)
        return {"label_ids": one.label_ids, "values": one.values, "objects": there, "share": 1.0}

    def _probs(self, start: int, stop: int) -> _Probs | None:
        """The adopted model's probabilities for consecutive items; None without any, and in tasks of objects."""
        project = self._project
        if not self._predictions or project.task in OBJECT_TASKS:
            return None
        with project.state.lock:
            ranking = project.ranking.frozen()  # another model may be adopted meanwhile
            if (predictions := ranking.predictions) is None:
                return None
            probs = np.asarray(ranking.probs(project.lineage, slice(start, stop)))
            return _Probs(predictions.model, project.taxonomy.label_ids, probs.astype(float), ~np.isnan(probs).any(1))

    def _predicted(self, position: int) -> tuple[Prediction, ...]:
        if self._predictions and self._project.task in OBJECT_TASKS:
            with suppress(HitlError):
                return tuple(_proposals(self._project, position, self.header))
        return ()


class _Probs(NamedTuple):
    """A model's probabilities of today's labels for some items, and which of these items have them."""

    model: str
    label_ids: tuple[str, ...]
    probs: np.ndarray
    known: np.ndarray


def _prediction(of: _Probs, row: int) -> tuple[Prediction, ...]:
    return (Prediction(of.model, dict(zip(of.label_ids, of.probs[row].tolist(), strict=True))),) if of.known[row] \
        else ()


def header_of(project: Project, called: Pseudonyms) -> Header:
    """The header of a project, with names of people replaced by `called`."""
    history = tuple({**event.body, **({} if event.body.get("why") is None else {"why": called.text(event.body["why"])}),
                     "acted_at": event.acted_at.isoformat(), "annotator": called.of(event.annotator)}
                    for event in project.log.events(kind="taxonomy"))
    purpose = project.state.agreements.policy.get("purpose")
    return Header(project.task, project.pool.kind, project.taxonomy, history,
                  {"purpose": called.text(purpose)} if purpose else {})


def _proposals(project: Project, position: int, header: Header) -> Iterator[Prediction]:
    if project.propose is None:
        return
    proposals = project.propose(position)
    if proposals and project.state.adopted is not None:
        yield Prediction(str(project.state.adopted.body["model"]), {}, tuple(
            ObjectAnswer(str(n), SHAPE_OF[project.task], one.at, one.label_id,
                         header.name_of(one.label_id), origin="model", act="accepted", score=one.score)
            for n, one in enumerate(proposals)))


def _consensus(project: Project) -> dict[str, dict[str, Any]]:
    """Item id -> fields of its consensus, for items that several people answered or that were adjudicated."""
    if project.task in OBJECT_TASKS:
        return _object_consensus(project)
    found = {} if project.task == "scale" else _label_consensus(project)
    if project.taxonomy.attributes:
        _add_values(project, found)
    return found


def _label_consensus(project: Project) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    ids = {project.taxonomy.name_of(label_id): label_id for label_id in project.taxonomy.label_ids}
    answers, several_each = project.answers(), project.task == "multilabel"
    table = answers.consensus()
    several = (table["n_answers"] > 1) | table["item_id"].isin(list(answers.adjudicated))
    for row in table[several].itertuples(index=False):
        # Tied labels are left out. If no other is left there is no answer: an empty one would mean "no labels".
        named = (row.labels if row.labels or not row.tied else None) if several_each else \
            ((row.label,) if isinstance(row.label, str) else None)
        found[str(row.item_id)] = {"label_ids": None if named is None else tuple(sorted(ids[one] for one in named)),
                                   "share": None if named is None or row.share != row.share else float(row.share),
                                   "judged": str(row.item_id) in answers.adjudicated,
                                   "n_tied": len(row.tied) if several_each and named else 0}
    return found


def _add_values(project: Project, found: dict[str, dict[str, Any]]) -> None:
    """Add the consensus of each attribute's values."""
    from ..report.several_people import value_table
    for attribute in project.taxonomy.attributes:
        try:
            table: pd.DataFrame = value_table(project, attribute.name, "auto")
        except BadInput:  # nobody gave a value yet
            continue
        if attribute.choices:
            for item_id in table["item_id"][table["tied"]]:
                of_item = found.setdefault(str(item_id), {})
                of_item["n_tied_values"] = of_item.get("n_tied_values", 0) + 1
        for row in table[table["value"].notna()].to_dict("records"):
            value: Value = row["value"] if attribute.choices else float(row["value"])
            if attribute.kind == "continuous":
                value = attribute.rounded(float(value))  # as answers are stored
            found.setdefault(str(row["item_id"]), {}).setdefault("values", {})[attribute.id] = value


def _object_consensus(project: Project) -> dict[str, dict[str, Any]]:
    each = project.objects()
    people = Counter(str(item_id) for item_id, _ in (each.attrs.get("reviewed") or ()))
    found: dict[str, dict[str, Any]] = {item_id: {"objects": []} for item_id, n in people.items() if n > 1}
    if not found:
        return {}
    names = project.taxonomy
    for number, row in enumerate(project.objects(consensus=True).to_dict("records")):
        of_item = found.get(str(row["item_id"]))
        if of_item is None or not isinstance(row["label_id"], str):  # None or NaN: in doubt
            continue
        kind = SHAPE_OF[project.task]
        certainty = row.get("certainty")
        of_item["objects"].append(ObjectAnswer(
            str(row.get("object_id") or number), kind, _at(row, kind),  # type: ignore[arg-type]
            row["label_id"], names.name_of(row["label_id"]),
            certainty=None if certainty is None or certainty != certainty else float(certainty),
            unsure=row["status"] == "unsure", quote=row.get("quote") if kind == "span" else None))
    return {item_id: {"objects": tuple(of["objects"])} for item_id, of in found.items()}


def _at(row: Mapping[str, Any], kind: str) -> tuple[Any, ...]:
    return tuple((int if kind == "span" else float)(number) for number in coordinates_of(row, kind))
