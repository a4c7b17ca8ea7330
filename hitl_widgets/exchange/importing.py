"""Import: the answers in a file of any format, stored in a project's log. Read `import_file`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .. import events
from ..errors import BadInput, HitlError
from ..project.importing import is_known, known_answers
from ..project.importing_objects import COORDINATES
from ..project.names import Pseudonyms
from ..records import (
    LABELLING,
    Bars,
    Decision,
    ObjectAnswer,
    check_annotator,
    new_id,
)
from ..storage.log import gc_paused
from .files import PoolNames, Source
from .format import Contents, Format
from .losses import Losses, in_short, losses_page
from .project_records import header_of
from .recognising import suggesting
from .records import DECIMALS, Answer, ItemRecord, Prediction, header_facts
from .registry import find_format
from .translating import Translator

if TYPE_CHECKING:
    from ..project.project import Project

# Items whose events in the log are read at once.
AT_ONCE = 1_000
_NOT_IN_POOL = "The pool has no item of this id or file name."
_UNDECIDED = {"to_review": "They were to be reviewed in the project that they come from: nobody's answer.",
              "presumed": "They were only presumed in the project that they come from: nobody's answer.",
              "planted": "They were given to a suggestion that was wrong on purpose: nobody's answer."}
# Fields about how an answer was made: they aren't true of an answer that was changed elsewhere.
_OF_THE_SCREEN = ("decision_id", "acted_at", "seen", "first", "touched", "reason", "wrong", "missing",
                  "reasons")
_LATER = "Its annotator answered later in this project, and that stands."
_UNSAID = "The project has it of the same objects and the file doesn't: the project's own stays."
_AS_IT_IS = "The project's own stays as it is."


@dataclass(frozen=True)
class Imported:
    """The outcome of an import: what was stored, what the project had already, and what it can't take.

    Attributes
    ----------
    n_new : int
        Answers that were stored.
    n_known : int
        Answers that the project had already, or once had.
    lost : DataFrame
        A row for each thing in the file that the project can't take: what, n (how often), why.
    n_gold : int
        Items whose known answer was stored.
    predictions : mapping
        Model's name -> its predictions, item_id -> `Prediction`, of the items in the pool.
    n_revised : int
        How many of the new answers replace an earlier answer of their annotator to the same item.
    """

    n_new: int
    n_known: int
    lost: pd.DataFrame
    n_gold: int = 0
    predictions: Mapping[str, Mapping[str, Prediction]] = field(default_factory=dict, repr=False)
    words: str = field(default="", repr=False)
    n_revised: int = 0

    def __repr__(self) -> str:
        known = f", {self.n_known:,} known" if self.n_known else ""
        known = f", {self.n_revised:,} of them in place of an earlier one{known}" if self.n_revised else known
        return f"<Imported {self.n_new:,} new answer{'' if self.n_new == 1 else 's'}{known}, {in_short(self.lost)}>"

    def prediction_table(self, model: str) -> pd.DataFrame:
        """Predictions of a model in the file, a row for each item and label, for `Workbench.import_predictions`.

        For objects, a row for each of them: item_id, kind, label, x0 to y1, points or start and end, score.
        """
        rows: list[dict[str, Any]] = []
        for item_id, one in self.predictions[model].items():
            rows += [{"item_id": item_id, "label": label_id, "confidence": p} for label_id, p in one.probs.items()]
            rows += [{"item_id": item_id, "label": each.label_id, "score": each.score, **place_of(each)}
                     for each in one.objects]
        return pd.DataFrame(rows)

    @staticmethod
    def model_name(name: str) -> str:
        """The name of a file's model in a project; it can't be mistaken for a version."""
        return f"model {name}" if re.fullmatch(r"[0-9a-f]{8,}", name) else name

    def without_predictions(self, model: str, why: str) -> Imported:
        """The same report, with predictions that can't be imported among what was lost."""
        row = pd.DataFrame([("prediction", len(self.predictions[model]), why)], columns=self.lost.columns)
        return replace(self, lost=pd.concat([self.lost, row], ignore_index=True))

    def _repr_html_(self) -> str:
        return losses_page(repr(self)[1:-1], self.lost)


def import_file(project: Project, path: Path, format: str | None = None, *, annotator: str = "import",
                dry_run: bool = False, rename: Mapping[str, str] | None = None,
                options: Mapping[str, Any] | None = None, bars: Bars) -> Imported:
    """Store the answers and gold in a file; see `Workbench.import_file`.

    Raises
    ------
    BadInput, UnknownLabel
        When the file can't be read, or names labels that the taxonomy doesn't have; nothing was stored then.
    """
    if not dry_run:
        project.require_importing()
    with bars(None, title=f"Reading {path.name}"), gc_paused():
        chosen = find_format(format, path)
        with suggesting(chosen, path):
            source = Source(path, project.pool if project.has_pool else None)
            if project.log.redactions:  # a note may hold a forgotten name before the first answer of its person
                for name in _annotators(chosen.opened(source, options)):
                    project.log.who(name.strip())
            contents = chosen.opened(source, options)
            return _Importer(project, contents, chosen, annotator=check_annotator(annotator), rename=rename or {}
                             ).run(dry_run=dry_run)


def _annotators(contents: Contents) -> set[str]:
    return {one.annotator for record in contents.records for answer in record.answers
            for one in (answer, *answer.votes)}


class _Importer:
    """One import: what is new in a file, as events."""

    def __init__(self, project: Project, contents: Contents, format: Format, *, annotator: str,
                 rename: Mapping[str, str]) -> None:
        self._project, self._contents, self._title = project, contents, format.title
        self._losses, self._names = Losses(), PoolNames(project.pool)
        project.refresh()
        header = contents.header
        if header.task != project.task:
            otherwise = f"Read its {project.task} with import_file(path, task={project.task!r}), or make" \
                if format.reads_as(project.task, header.task) else "Make"
            raise BadInput(f"the file has task={header.task!r}, and this project task={project.task!r}. {otherwise} a "
                           "project of the file with hw.Workbench.from_file(path, folder).")
        self._translator = Translator(project, header, self._losses, annotator=annotator, rename=rename)
        self._predictions: dict[str, dict[str, Prediction]] = {}

    def run(self, *, dry_run: bool) -> Imported:
        """Read everything, then store all that is new at once."""
        if dry_run:
            new, n_known, gold = self._read()
            return self._imported(new, n_known, 0, dry_run=True)
        found: list[tuple[list[events.Event], int, dict[str, Any]]] = []

        def make() -> list[events.Event]:
            # After the first call the file isn't read again: its events are compared with the log as it is then.
            found[:] = [self._still_new(*found[0])] if found else [self._read()]
            return found[0][0]
        self._project.take_in_new(make)
        [(new, n_known, gold)] = found
        before, n_gold = self._project.gold(), 0
        if gold:
            n_gold = len(set(self._project.set_gold(gold)) - set(before))
        return self._imported(new, n_known, n_gold, dry_run=False)

    def _imported(self, new: Sequence[events.Event], n_known: int, n_gold: int, *, dry_run: bool) -> Imported:
        n_revised = sum(event.body.get("replaces") is not None for event in new)
        words = self._words(len(new), n_revised, n_known, n_gold, dry_run=dry_run)
        return Imported(len(new), n_known, self._losses.table(), n_gold, self._predictions, words, n_revised)

    def _read(self) -> tuple[list[events.Event], int, dict[str, Any]]:
        """Events of the new answers, the number of answers that the project has already, and the file's gold."""
        new: list[events.Event] = []
        gold: dict[str, Any] = {}
        n_known = 0
        batch: list[tuple[int, ItemRecord]] = []

        def flush() -> None:
            nonlocal n_known
            if self._contents.header.shape is not None:  # their sizes are needed
                self._project.pool.fetch_ahead(position for position, _ in batch)
            made, known = self._events(batch)
            new.extend(made)
            n_known += known
            batch.clear()
        for record in self._contents.records:
            position = self._position(record)
            if position < 0:
                self._losses.add("item", _NOT_IN_POOL)
                continue
            self._note_gold(position, record, gold)
            self._note_rest(position, record)
            batch.append((position, record))
            if len(batch) >= AT_ONCE:
                flush()
        flush()
        self._losses.update(self._contents.lost)
        self._note_header()
        return _once_each(new), n_known, self._new_gold(gold)

    def _still_new(self, new: Sequence[events.Event], n_known: int, gold: dict[str, Any]
                   ) -> tuple[list[events.Event], int, dict[str, Any]]:
        """What `_read` gave, compared again with the log, to which somebody has added since."""
        log, kept = self._project.log, list[events.Event]()
        for start in range(0, len(new), AT_ONCE):
            some = new[start:start + AT_ONCE]
            before, by_id = _said_of(log.events_of(sorted({str(event.item_id) for event in some})))
            for event in some:
                past, decision = before.get((str(event.item_id), event.annotator), []), events.decision_of(event)
                if self._is_known(decision, past, complete=decision.seen.chosen_by != "import"):
                    n_known += 1
                    continue
                own = replace(decision, id=new_id() if event.id in by_id else event.id)
                if (made := self._in_place(own, past)) is not None:
                    kept.append(events.decided(made, content=event.body.get("content"), first=event.body.get("first")))
        return kept, n_known, gold

    def _words(self, n_new: int, n_revised: int, n_known: int, n_gold: int, *, dry_run: bool) -> str:
        known = f", {n_known:,} known already" if n_known else ""
        known = f", {n_revised:,} of them in place of what their annotator said before{known}" if n_revised else known
        gold = f", gold of {n_gold:,} item{'' if n_gold == 1 else 's'}" if n_gold else ""
        lost = f"Not taken:\n{self._losses.in_words()}" if len(self._losses) else "Nothing is lost."
        return f"{n_new:,} new answer{'' if n_new == 1 else 's'}{known}{gold} from {self._title}" \
               f"{' (a dry run: nothing was stored)' if dry_run else ''}. {lost}"

    # -- items -----------------------------------------------------------------------------------------------

    def _position(self, record: ItemRecord) -> int:
        for name in (record.item_id, record.name):
            if name is not None and (position := self._names.get(name)) >= 0:
                return position
        return self._by_text.get(record.text, -1) if record.text is not None else -1

    @cached_property
    def _by_text(self) -> Mapping[str, int]:
        """Position of each text that the pool has once."""
        return texts_of(self._project)

    def _note_header(self) -> None:
        """Count as losses the facts about labels and project in the file that aren't true of this project."""
        theirs, ours = self._contents.header, header_of(self._project, Pseudonyms({}))
        theirs = replace(theirs, about={name: self._translator.people.text(value) if isinstance(value, str) else value
                                        for name, value in theirs.about.items()})
        self._losses.add("edit of the taxonomy", "A project keeps its own history; wb.archive(path) moves a whole "
                                                 "project.", len(theirs.history) - 1)
        for (what, value), n in (header_facts(theirs.without("history")) - header_facts(ours)).items():
            if what == "label of the taxonomy" and theirs.ids.get(value[0]) in self._translator.labels.ids:
                continue  # known by another name
            self._losses.add(what, "The project's taxonomy stays as it is." if what != "about the project"
                             else _AS_IT_IS, n)

    def _note_gold(self, position: int, record: ItemRecord, gold: dict[str, Any]) -> None:
        item_id, task = str(self._project.pool.ids[position]), self._project.task
        values = self._translator.values(record.gold_values)
        if task == "scale":
            if values:
                gold[item_id] = {self._translator.today.attribute(one).name: value for one, value in values.items()}
        elif record.gold_ids is not None:
            if self._contents.header.shape is not None:
                self._losses.add("gold", "A project of objects has no known answers.")
                return
            ids = [self._translator.labels.today(label_id) for label_id in record.gold_ids]
            if task != "multilabel" and len(set(ids)) != 1:
                self._losses.add("gold", "It has no label, or several, and an item of this project has one.")
                return
            gold[item_id] = list(ids) if task == "multilabel" else ids[0]

    def _new_gold(self, gold: Mapping[str, Any]) -> dict[str, Any]:
        """The gold that is new; the project's own stays, and gold that contradicts it is counted as lost.

        Called before anything is stored: it raises an error if gold can't be used.
        """
        state, lineage, found = self._project.state, self._project.lineage, dict[str, Any]()
        for item_id, one in known_answers(self._project, gold).items():
            if one.problem is not None and not is_known(one, state.gold.get(item_id), lineage):
                raise one.problem
            own = state.gold_values_of(item_id)
            if (item_id in state.gold and one.text is not None and not is_known(one, state.gold[item_id], lineage)) \
                    or (own and one.values and own != one.values):
                self._losses.add("gold", "The project has another known answer, which stays as it is.")
            else:
                found[item_id] = gold[item_id]
        return found

    def _note_rest(self, position: int, record: ItemRecord) -> None:
        """Count as losses a record's metadata and split if they differ from the project's; keep its predictions."""
        pool = self._project.pool
        own = pool.meta(position)
        self._losses.add("metadata", _AS_IT_IS,
                         sum(name not in own or own[name] != value for name, value in record.metadata.items()))
        if record.split is not None:
            holdout = bool(self._project.queue.holdout[position])
            if (record.split == "holdout") != holdout:
                self._losses.add("split", "The hold-out is drawn when a project is made, and stays as it was drawn.")
        for one in record.predictions:
            today = self._translator.labels.today
            probs = {today(label_id): p for label_id, p in one.probs.items()}
            objects = tuple(replace(each, label_id=today(each.label_id)) for each in one.objects)
            self._predictions.setdefault(one.model, {})[str(pool.ids[position])] = Prediction(one.model, probs, objects)

    # -- answers ---------------------------------------------------------------------------------------------

    # 13 branches: an answer may be known, changed since, without its forgotten note, or nothing that can be imported.
    def _events(self, batch: Sequence[tuple[int, ItemRecord]]) -> tuple[list[events.Event], int]:
        """Events of the new answers in some records, and the number of answers that the project has already."""
        project = self._project
        ids = [str(project.pool.ids[position]) for position, _ in batch]
        before, by_id = _said_of(project.log.events_of(sorted(set(ids))))
        given = [(position, item_id, answer) for (position, record), item_id in zip(batch, ids, strict=True)
                 for answer in self._given(record)]
        taken = project.log.known_ids([one.decision_id for *_, one in given if one.decision_id is not None])
        content = cache(project.content)  # computed once for an item, however many people answered it
        made: list[events.Event] = []
        n_known = 0
        for position, item_id, answer in given:
            own = answer if answer.decision_id not in taken else answer.without("decision_id")
            decision = self._translator.decision(position, item_id, own)
            if decision is None:
                continue
            past = before.get((item_id, decision.annotator), [])
            if decision.note is not None and any(event.id in self._project.log.redactions.notes for event in past):
                self._losses.add("note", "A note of its annotator on this item was forgotten here.")
                own = own.without("note")
                decision = replace(decision, note=None)
            if self._is_known(decision, past, complete=own.decision_id is not None and bool(own.seen)):
                n_known += 1
                continue
            if answer.decision_id in by_id:  # changed since, in a tool that kept the id
                own = own.without(*_OF_THE_SCREEN)
                decision = self._translator.decision(position, item_id, own)
                assert decision is not None
            if (decision := self._in_place(decision, past)) is not None:
                made.append(events.decided(decision, content=content(position), first=own.first))
        return made, n_known

    def _is_known(self, decision: Decision, past: Sequence[events.Event], *, complete: bool) -> bool:
        """Whether an annotator's past events on an item include the same answer.

        If the file has the answer completely, what it leaves out was removed, so the answer is another one. Otherwise
        the project's certainties and "unsure" of the same objects stay, and are counted as not taken.
        """
        same = [event for event in past if event.kind == "decided"
                and self._says_the_same(decision, event, complete=complete)]
        if same and decision.objects:
            standing = events.standing(past)
            some = [event for event in same if standing is not None and event.id == standing.id] or same
            unsaid = min((_unsaid(decision, event) for event in some), key=sum)
            for what, n in zip(("certainty of an object", "object that somebody was unsure of"), unsaid, strict=True):
                self._losses.add(what, _UNSAID, n)
        return bool(same)

    def _in_place(self, decision: Decision, past: Sequence[events.Event]) -> Decision | None:
        """The decision, set to replace its annotator's standing one; None, and counted, if that is more recent."""
        standing = events.standing(past) if past else None
        # An answer without a time in the file counts as given now.
        if standing is not None and self._translator.now != decision.acted_at < standing.acted_at:
            self._losses.add("answer", _LATER)
            return None
        replaces = None if standing is None else standing.id
        return decision if decision.replaces == replaces else replace(decision, replaces=replaces)

    def _given(self, record: ItemRecord) -> Iterable[Answer]:
        """The answers of people in a record: the votes in place of their consensus."""
        for answer in record.answers:
            for one in answer.votes or (answer,):
                if one.status in _UNDECIDED:
                    self._losses.add("answer", _UNDECIDED[one.status])
                else:
                    yield one

    # 13 branches: verdict, certainty, note, flags, objects, label and values are compared, each in its own way.
    def _says_the_same(self, decision: Decision, event: events.Event, *, complete: bool) -> bool:
        """Whether an event has the same answer as a decision, even if it no longer stands.

        A certainty, note or flag that the decision doesn't have makes it another answer only if it is `complete`.
        """
        body, lineage = event.body, self._project.lineage
        version = body.get("seen", {}).get("taxonomy")
        labelled, before = decision.verdict in LABELLING, body["verdict"] in LABELLING
        flags, own_flags = sorted(decision.flags), sorted(body.get("flags", ()))
        if (decision.verdict != body["verdict"] and not (labelled and before)) \
                or (decision.certainty != body.get("certainty") and (complete or decision.certainty is not None)) \
                or (decision.note != body.get("note") and (complete or decision.note is not None)) \
                or (flags != own_flags and (complete or bool(flags))):
            return False
        if decision.objects is not None:
            return "objects" in body and _same_objects(
                _places(decision.objects, lambda label_id: label_id, is_unsure=decision.verdict == "unsure"), _places(
                    events.objects_in(body["objects"]), lambda label_id: lineage.exactly(label_id, version),
                    is_unsure=body["verdict"] == "unsure"), complete=complete)
        former = body.get("label_id")
        return (None if former is None else lineage.exactly(former, version)) == decision.label_id and \
            {name: lineage.value(name, value, version) for name, value in body.get("values", {}).items()} \
            == dict(decision.values)


def _once_each(new: Sequence[events.Event]) -> list[events.Event]:
    """One answer of each annotator to each item; BadInput if a file has different ones."""
    first: dict[tuple[str | None, str], events.Event] = {}
    for event in new:
        former = first.setdefault((event.item_id, event.annotator), event)
        if former is not event and _answer_in(event) != _answer_in(former):
            labels = former.body.get("label"), event.body.get("label")
            raise BadInput(f"item {event.item_id!r} has two different answers of {event.annotator!r} in the file, "
                           f"{labels[0]!r} and {labels[1]!r}; leave one of them out, or name who gave each."
                           if labels[0] != labels[1] else
                           f"item {event.item_id!r} has two answers of {event.annotator!r} in the file that differ in "
                           "more than their label: in the verdict, certainty, values or objects. Leave one of them "
                           "out, or name who gave each.")
    return list(first.values())


def _said_of(past: Iterable[events.Event]) -> tuple[dict[tuple[str, str], list[events.Event]], set[str]]:
    """Decisions and retractions by item and annotator, and the ids of all events."""
    before: dict[tuple[str, str], list[events.Event]] = {}
    by_id = set[str]()
    for event in past:
        by_id.add(event.id)
        if event.kind in ("decided", "retracted"):
            before.setdefault((str(event.item_id), event.annotator), []).append(event)
    return before, by_id


def _answer_in(event: events.Event) -> tuple[Any, ...]:
    body = event.body
    objects = sorted((one["label_id"], tuple(one["at"]), str(one.get("certainty")), bool(one.get("unsure")))
                     for one in body.get("objects", ()))
    return body["verdict"], body.get("label_id"), body.get("values"), body.get("certainty"), objects


# Label and coordinates -> the certainty of each object there, and whether its annotator was unsure.
_Places = dict[tuple[Any, ...], set[tuple[float | None, bool]]]


def _places(objects: Iterable[ObjectAnswer], today: Callable[[str], str | None], *, is_unsure: bool = False) -> _Places:
    """The objects that weren't deleted, by today's ids of their labels and places to a thousandth of a pixel."""
    found: _Places = {}
    for one in objects:
        if one.is_there:
            place = (today(one.label_id), *(round(float(value), DECIMALS) for value in one.at))
            certainty = None if one.certainty is None else round(float(one.certainty), 6)
            found.setdefault(place, set()).add((certainty, is_unsure or one.unsure))
    return found


def _same_objects(new: _Places, former: _Places, *, complete: bool) -> bool:
    """Whether a file's answer has the objects of a former one, with the same certainties and "unsure".

    Many formats hold neither a certainty nor "unsure" of an object: unless the file has the answer completely, what it
    doesn't say doesn't differ.
    """
    if complete:
        return new == former
    return new.keys() == former.keys() and all(
        any(certainty in (None, own) and (was_unsure or not unsure) for own, was_unsure in former[place])
        for place, some in new.items() for certainty, unsure in some)


def _unsaid(decision: Decision, event: events.Event) -> tuple[int, int]:
    """How many certainties, and how many times "unsure", a former answer has more than the same one in a file."""
    new, body = [one for one in decision.objects or () if one.is_there], event.body
    former = [one for one in events.objects_in(body["objects"]) if one.is_there]
    unsure = 0 if body["verdict"] == "unsure" else sum(one.unsure for one in former) - sum(one.unsure for one in new)
    certain = [sum(one.certainty is not None for one in some) for some in (former, new)]
    return max(certain[0] - certain[1], 0), max(unsure, 0)


def place_of(one: ObjectAnswer) -> dict[str, Any]:
    """Kind and coordinates of an object, under the names of `Workbench.objects`."""
    at = (tuple(zip(one.at[::2], one.at[1::2], strict=True)),) if one.kind == "polygon" else one.at
    return {"kind": one.kind, **dict(zip(COORDINATES[one.kind], at, strict=True))}


def texts_of(project: Project) -> dict[str, int]:
    """Position of each text that a pool has once; empty for a pool of images."""
    if project.pool.kind != "text":
        return {}
    found: dict[str, int] = {}
    many = set[str]()
    for position in range(len(project.pool)):
        try:
            text = project.pool.load(position)
        except HitlError:
            continue
        if found.setdefault(text, position) != position:
            many.add(text)
    return {text: position for text, position in found.items() if text not in many}


