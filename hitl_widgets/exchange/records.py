"""Records: the contents of a project or a file in a neutral form, one `Header` and an `ItemRecord` for each item.

Every format is written from these records and read into them. `facts` splits a record into single facts: what a format
loses is the difference between the facts before and after.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from ..errors import UnknownLabel
from ..records import SHAPE_OF, CertaintySource, ObjectAnswer, ObjectReason, Reason, Region, Verdict
from ..taxonomy.labels import Taxonomy
from .label_names import named_labels

# Coordinates are compared to this many decimals of a pixel.
DECIMALS = 3
# The annotator of a consensus.
CONSENSUS = "consensus"

Value = int | float | str
Fact = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An annotator's answer to an item, or the consensus of all.

    Attributes
    ----------
    annotator : str
        `CONSENSUS` for a consensus.
    verdict : "accept", "correct", "answer", "unsure" or "skip"
    label_ids : tuple of str or None
        Labels of the header's taxonomy: one, or any number (also zero) if an item may have several; None if the answer
        has no label, and in tasks of objects and scales.
    certainty : float or None
        From 0 to 10.
    certainty_source : "given", "carried" or None
    flags : tuple of str
        From `records.FLAGS`, sorted.
    note : str or None
    acted_at : datetime or None
        UTC-aware.
    status : "decided", "to_review", "presumed" or "planted"
        The column status of `Workbench.annotations`.
    values : mapping
        Attribute id -> value.
    objects : tuple of ObjectAnswer or None
        In tasks of objects: those that are in the item, and proposals that were deleted. Empty if there are none; None
        if nobody answered that, as in a skip.
    reason : "right", "wrong" or None
        The annotator's judgement of the explanation.
    wrong, missing : Region or None
    seen : mapping
        What was on the screen, as `records.Seen.to_dict` writes it.
    decision_id : str or None
    touched : tuple of str or None
        Ids of labels, attributes or objects that the annotator changed or confirmed by hand.
    first : mapping or None
        The annotator's answer before a suggestion was shown: `events.first_answer`.
    as_decided : tuple of (str or None, str or None, int or None), or None
        label_id, label and version of the taxonomy at the time, if they differ from today's.
    share, n_answers : float and int, or None
        For a consensus: the share of the answers that agree, and their number.
    votes : tuple of Answer
        For a consensus: the answers from which it was computed.
    reasons : tuple of ObjectReason
        The annotator's judgements of the explanations of single objects.
    """

    annotator: str
    verdict: Verdict = "answer"
    label_ids: tuple[str, ...] | None = None
    certainty: float | None = None
    certainty_source: CertaintySource | None = None
    flags: tuple[str, ...] = ()
    note: str | None = None
    acted_at: datetime | None = None
    status: str = "decided"
    values: Mapping[str, Value] = field(default_factory=dict)
    objects: tuple[ObjectAnswer, ...] | None = None
    reason: Reason | None = None
    wrong: Region | None = None
    missing: Region | None = None
    seen: Mapping[str, Any] = field(default_factory=dict)
    decision_id: str | None = None
    touched: tuple[str, ...] | None = None
    first: Mapping[str, Any] | None = None
    as_decided: tuple[str | None, str | None, int | None] | None = None
    share: float | None = None
    n_answers: int | None = None
    votes: tuple[Answer, ...] = ()
    reasons: tuple[ObjectReason, ...] = ()

    def without(self, *names: str) -> Answer:
        """The same answer with these fields at their defaults."""
        empty = Answer("")
        return replace(self, **{name: getattr(empty, name) for name in names})

    def with_plain_objects(self, *kept: str) -> Answer:
        """The same answer without deleted proposals, its objects with only their kind, place, label and `kept`.

        Parameters
        ----------
        *kept : str
            Fields of `ObjectAnswer` beside these, such as "certainty" and "score".
        """
        if self.objects is None:
            return self
        return replace(self, objects=tuple(plain_object(one, kept) for one in self.objects if one.is_there))


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's prediction for an item.

    Attributes
    ----------
    model : str
        Its version, or its name in a file.
    probs : mapping
        label_id -> probability.
    objects : tuple of ObjectAnswer
        Proposals with their scores.
    """

    model: str
    probs: Mapping[str, float] = field(default_factory=dict)
    objects: tuple[ObjectAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item with its answers and predictions.

    Attributes
    ----------
    item_id : str
    name : str or None
        Path of its file, with forward slashes and relative to the folder of all; None if it has no file.
    size : (int, int) or None
        Width and height of an image as it is shown; number of characters and 1 for a text. None if unknown.
    text : str or None
        The item's text, if it is a text.
    split : "train", "holdout" or None
        None for a file that has no split.
    metadata : mapping
        Plain JSON.
    gold_ids : tuple of str or None
        The labels that are known to be right; None if unknown.
    gold_values : mapping
        Attribute id -> value that is known to be right.
    answers : tuple of Answer
    predictions : tuple of Prediction
    """

    item_id: str
    name: str | None = None
    size: tuple[int, int] | None = None
    text: str | None = None
    split: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    gold_ids: tuple[str, ...] | None = None
    gold_values: Mapping[str, Value] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    predictions: tuple[Prediction, ...] = ()

    def without(self, *names: str) -> ItemRecord:
        """The same record with these fields at their defaults."""
        empty = ItemRecord("")
        return replace(self, **{name: getattr(empty, name) for name in names})


@dataclass(frozen=True)
class Header:
    """What all items of a project or a file have in common: task, taxonomy and history.

    Attributes
    ----------
    task : str
        As in `Workbench`: "classify", "multilabel", "scale", "boxes", "polygons", "points" or "spans".
    kind : "image" or "text"
    taxonomy : Taxonomy
        Today's labels and attributes.
    history : tuple of mapping
        Every edit of the taxonomy, the oldest first: bodies of the log's events of kind "taxonomy".
    about : mapping
        Other facts about the project, such as its purpose: plain JSON.
    called : mapping
        label_id -> its name in the file, if the file has nothing but names.
    """

    task: str
    kind: str
    taxonomy: Taxonomy
    history: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> str | None:
        """The kind of object that is asked for: "box", "polygon", "point", "span", or None."""
        return SHAPE_OF.get(self.task)

    @cached_property
    def names(self) -> dict[str, str]:
        """label_id -> its name, or its path where another label has that name too: each is unique."""
        return {label.id: self.called.get(label.id) or self.taxonomy.name_of(label.id)
                for label in self.taxonomy.labels}

    @cached_property
    def ids(self) -> dict[str, str]:
        """Unique name -> label_id."""
        return {name: label_id for label_id, name in self.names.items()}

    def name_of(self, label_id: str) -> str:
        """A label's unique name, or its id where the taxonomy doesn't have it."""
        return self.names.get(label_id, label_id)

    def without(self, *names: str) -> Header:
        """The same header without its "history", its "about", or both."""
        empty: dict[str, Any] = {"history": (), "about": {}}
        return replace(self, **{name: empty[name] for name in names})

    def flat(self) -> Header:
        """The same labels, each with its unique name, its id and nothing else: no hierarchy, no descriptions.

        Labels that can't be an answer are left out, except those in a path that makes another label's name unique.
        Attributes stay.
        """
        ids = {self.names[label_id]: label_id for label_id in self.taxonomy.label_ids}
        if not ids:
            return replace(self, taxonomy=Taxonomy(attributes=self.taxonomy.attributes))
        labels = named_labels(ids, label_ids=ids)
        answers = self.taxonomy.answerable
        attributes = [replace(one, labels=tuple(label_id for above in one.labels for label_id in (
            above, *(label.id for label in self.taxonomy.below(above))) if label_id in answers))
                      for one in self.taxonomy.attributes]
        return replace(self, called=labels.names, taxonomy=Taxonomy(
            labels.taxonomy.labels, inner_answers=labels.taxonomy.inner_answers, attributes=attributes))


def plain_object(one: ObjectAnswer, kept: tuple[str, ...] = ()) -> ObjectAnswer:
    """An object with only its kind, place, label and `kept`."""
    more = {name: getattr(one, name) for name in kept}
    return ObjectAnswer(id=more.pop("id", one.id), kind=one.kind, at=one.at, label_id=one.label_id, label=one.label,
                        **{"quote": one.quote, **more})


# -- facts ---------------------------------------------------------------------------------------------------

# Fields of an answer that are facts as they are -> their names in reports.
ANSWER_FIELDS = {"certainty": "certainty", "certainty_source": "whether a certainty was given or carried over",
                 "note": "note", "acted_at": "time of an answer", "reason": "reason", "decision_id": "id of an answer",
                 "touched": "what was changed by hand", "share": "share of a consensus",
                 "n_answers": "number of answers of a consensus"}
OBJECT_FIELDS = {"certainty": "certainty of an object", "score": "score of a proposal", "iou": "IoU with the proposal"}


def facts(header: Header, record: ItemRecord) -> Counter[Fact]:
    """The facts in a record, one by one.

    Parameters
    ----------
    header : Header
        Its labels.
    record : ItemRecord

    Returns
    -------
    Counter of (str, tuple)
        (kind of fact, as reports name it; the item, whose answer it is, and the value) -> count. Labels are compared by
        their unique names, so that ids made elsewhere make no difference.
    """
    item = record.item_id
    found: Counter[Fact] = Counter({("item", (item,)): 1})

    def put(what: str, *value: Any) -> None:
        found[what, (item, *value)] += 1
    for name, what in (("name", "file name"), ("size", "size of an item"), ("text", "text"), ("split", "split")):
        if getattr(record, name) is not None:
            put(what, getattr(record, name))
    for name, value in record.metadata.items():
        put("metadata", name, _plain(value))
    if record.gold_ids is not None:
        put("gold", *sorted(map(header.name_of, record.gold_ids)))
    for attribute, value in record.gold_values.items():
        put("gold", _attribute(header, attribute), value)
    for answer in record.answers:
        found.update(_of_answer(header, item, answer))
    for one in record.predictions:
        for label_id, p in one.probs.items():
            put("prediction", one.model, header.name_of(label_id), round(float(p), 6))
        for proposal in one.objects:
            put("prediction", one.model, *_where(header, proposal),
                None if proposal.score is None else round(proposal.score, 6))
    return found


def lost_facts(header: Header, record: ItemRecord, reduced: ItemRecord | None) -> Counter[Fact]:
    """The facts that a record has and a reduced one doesn't: ``facts(record) - facts(reduced)``, but quicker.

    Parameters
    ----------
    header : Header
    record : ItemRecord
    reduced : ItemRecord or None
        None if the item is left out.
    """
    if reduced is None:
        return facts(header, record)
    before, after = record.answers, reduced.answers
    if [one.annotator for one in before] != [one.annotator for one in after]:
        return facts(header, record) - facts(header, reduced)
    lost: Counter[Fact] = Counter()
    if any(getattr(record, name) is not getattr(reduced, name) and getattr(record, name) != getattr(reduced, name)
           for name in _OF_ITEM):
        lost.update(facts(header, replace(record, answers=())) - facts(header, replace(reduced, answers=())))
    for one, other in zip(before, after, strict=True):
        if one is not other:
            lost.update(_lost_of_answer(header, record.item_id, one, other))
    return lost


def _lost_of_answer(header: Header, item: str, one: Answer, other: Answer) -> Counter[Fact]:
    """The facts that an answer has and a reduced one doesn't; equal fields are skipped."""
    names = [name for name in _OF_ANSWER if getattr(one, name) is not getattr(other, name)
             and getattr(one, name) != getattr(other, name)]
    lost: Counter[Fact] = Counter()
    for name in names:
        if name in ANSWER_FIELDS and getattr(other, name) is None:
            lost[ANSWER_FIELDS[name], (item, one.annotator)] += 1
        elif name == "seen" and not other.seen:
            lost["what was shown", (item, one.annotator)] += 1
        else:
            break
    else:
        return lost
    return _of_answer(header, item, Answer(one.annotator, **{name: getattr(one, name) for name in names})) \
        - _of_answer(header, item, Answer(one.annotator, **{name: getattr(other, name) for name in names}))


_OF_ITEM = tuple(one.name for one in fields(ItemRecord) if one.name not in ("item_id", "answers"))
_OF_ANSWER = tuple(one.name for one in fields(Answer) if one.name != "annotator")


# 17 branches: one for each thing that an answer can say.
def _of_answer(header: Header, item: str, answer: Answer) -> Counter[Fact]:  # noqa: C901, PLR0912 - see above
    found: Counter[Fact] = Counter()
    who = (item, answer.annotator)

    def put(what: str, *value: Any) -> None:
        found[what, (*who, *value)] += 1
    put("answer")
    put("verdict", answer.verdict if answer.verdict in ("unsure", "skip") else "a label")
    if answer.verdict in ("accept", "correct"):
        put("whether it was accepted or corrected", answer.verdict)
    if answer.status != "decided":
        put("status", answer.status)
    if answer.label_ids is not None:
        put("label", *sorted(map(header.name_of, answer.label_ids)))
    for name, what in ANSWER_FIELDS.items():
        if (value := getattr(answer, name)) is not None:
            put(what, value)
    for flag in answer.flags:
        put("flag", flag)
    for attribute, value in answer.values.items():
        put("value of an attribute", _attribute(header, attribute), value)
    for name in ("wrong", "missing"):
        if (region := getattr(answer, name)) is not None:
            put("marked region", name, _plain(region.to_dict()))
    for judged in answer.reasons:
        put("reason of an object", judged.id, header.name_of(judged.label_id), _plain(
            {name: value for name, value in judged.to_dict().items() if name not in ("id", "label_id")}))
    if answer.seen:
        put("what was shown", _plain(answer.seen))
    if answer.first is not None:
        put("first answer", _plain(answer.first))
    if answer.as_decided is not None:
        put("label as it was decided then", *answer.as_decided)
    if answer.objects is not None:
        put("that objects were looked for")
        for one in answer.objects:
            found.update(_of_object(header, who, one))
    for vote in answer.votes:
        found.update({(f"vote: {what}", value): n for (what, value), n in _of_answer(header, item, vote).items()})
    return found


def _of_object(header: Header, who: tuple[str, str], one: ObjectAnswer) -> Counter[Fact]:
    where = (*who, *_where(header, one))
    found: Counter[Fact] = Counter({("object" if one.is_there else "deleted proposal", where): 1})
    for name, what in OBJECT_FIELDS.items():
        if (value := getattr(one, name)) is not None:
            found[what, (*where, round(float(value), 6))] += 1
    if one.unsure:
        found["object that somebody was unsure of", where] += 1
    if (one.origin, one.act) != ("person", "added") and one.is_there:
        found["what became of a proposal", (*where, one.origin, one.act)] += 1
    if one.was is not None:
        found["what became of a proposal", (*where, _plain(one.was))] += 1
    if one.quote is not None:
        found["quote", (*where, one.quote)] += 1
    return found


def _where(header: Header, one: ObjectAnswer) -> tuple[Any, ...]:
    return one.kind, tuple(round(float(value), DECIMALS) + 0.0 for value in one.at), header.name_of(one.label_id)


def _attribute(header: Header, attribute: str) -> str:
    try:
        return header.taxonomy.attribute(attribute).name
    except UnknownLabel:
        return attribute


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def header_facts(header: Header) -> Counter[Fact]:
    """The facts in a header, one by one: see `facts`."""
    taxonomy = header.taxonomy
    found: Counter[Fact] = Counter({("task", (header.task,)): 1})
    for label in taxonomy.labels:
        name = header.name_of(label.id)
        found["label of the taxonomy" if label.id in taxonomy.answerable else "label above others", (name,)] += 1
        if label.parent is not None:
            found["place of a label in the hierarchy", (name, header.name_of(label.parent))] += 1
        for part, value in label.description().items():
            found["description of a label", (name, part, _plain(value))] += 1
    if taxonomy.inner_answers:
        found["labels above others as answers", ()] += 1
    for attribute in taxonomy.attributes:
        found["attribute", (attribute.name,)] += 1
        found["description of an attribute",
              (attribute.name, _plain({**attribute.to_dict(), "id": "", "labels": sorted(
                  map(header.name_of, attribute.labels))}))] += 1
    for n, step in enumerate(header.history):
        found["edit of the taxonomy", (n, _plain(step))] += 1
    for part, value in header.about.items():
        found["about the project", (part, _plain(value))] += 1
    return found
