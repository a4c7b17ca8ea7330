"""What a round trip through a format changes, counted by the fields of records, apart from what the package counts.

`said` lists what records say; `faults_of` exports a project, reads the file back, makes a project of it, and lists
every difference from what the report said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from whole_records import bytes_in

import hitl_widgets as hw
from hitl_widgets import Workbench
from hitl_widgets.errors import ItemError
from hitl_widgets.exchange.files import Source
from hitl_widgets.exchange.project_records import ProjectRecords
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction
from hitl_widgets.exchange.registry import find_format
from hitl_widgets.records import SHAPE_OF, ObjectAnswer

# Each field, and what a report calls it. None: told together with others below, or not what anybody said.
ITEM = {"item_id": "item", "name": "file name", "size": "size of an item", "text": "text", "split": "split",
        "metadata": None, "gold_ids": None, "gold_values": None, "answers": None, "predictions": None}
ANSWER = {"annotator": "answer", "verdict": None, "label_ids": None, "certainty": "certainty",
          "certainty_source": "whether a certainty was given or carried over", "flags": None, "note": "note",
          "acted_at": "time of an answer", "status": None, "values": None, "objects": None, "reason": "reason",
          "wrong": None, "missing": None, "reasons": None, "seen": "what was shown", "decision_id": "id of an answer",
          "touched": "what was changed by hand", "first": "first answer", "as_decided": "label as it was decided then",
          "share": "share of a consensus", "n_answers": "number of answers of a consensus", "votes": None}
OBJECT = {"id": None, "kind": None, "at": None, "label_id": None, "label": None, "certainty": "certainty of an object",
          "unsure": None, "origin": None, "act": None, "iou": "IoU with the proposal", "score": "score of a proposal",
          "was": "what became of a proposal", "quote": "quote"}
PREDICTION = ("model", "probs", "objects")
Said = Counter[tuple[str, str]]


def said(header: Header, records: Iterable[ItemRecord]) -> Said:
    """Everything that a header and records say, by the words of a report; labels are told by name."""
    for kind, fields in ((ItemRecord, ITEM), (Answer, ANSWER), (ObjectAnswer, OBJECT), (Prediction, PREDICTION)):
        assert {field.name for field in dataclasses.fields(kind)} == set(fields), "a field that no round trip looks at"
    found = _of_header(header)
    for record in records:
        found += _of_record(header, record)
    return found


def _put(found: Said, what: str, *key: Any) -> None:
    found[what, json.dumps(key, sort_keys=True, default=str, ensure_ascii=False)] += 1


def _name(header: Header, label_id: str) -> str:
    return header.called.get(label_id) or header.taxonomy.name_of(label_id)


def _of_header(header: Header) -> Said:
    found: Said = Counter()
    taxonomy = header.taxonomy
    _put(found, "task", header.task)
    for label in taxonomy.labels:
        name = _name(header, label.id)
        _put(found, "label of the taxonomy" if label in taxonomy.answers else "label above others", name)
        if label.parent is not None:
            _put(found, "place of a label in the hierarchy", name, _name(header, label.parent))
        for field, value in label.description().items():
            _put(found, "description of a label", name, field, value)
    if taxonomy.inner_answers:
        _put(found, "labels above others as answers")
    for attribute in taxonomy.attributes:
        _put(found, "attribute", attribute.name)
        _put(found, "description of an attribute", attribute.name, attribute.scale, attribute.choices,
             attribute.definition, attribute.sensitive, sorted(_name(header, one) for one in attribute.labels))
    for n, step in enumerate(header.history):
        _put(found, "edit of the taxonomy", n, step)
    for name, value in header.about.items():
        _put(found, "about the project", name, value)
    return found


def _of_record(header: Header, record: ItemRecord) -> Said:
    found: Said = Counter()
    item = record.item_id
    for field, what in ITEM.items():
        if what and (value := getattr(record, field)) is not None:
            _put(found, what, item, value)
    for name, value in record.metadata.items():
        _put(found, "metadata", item, name, value)
    if record.gold_ids is not None:
        _put(found, "gold", item, sorted(_name(header, one) for one in record.gold_ids))
    for name, value in record.gold_values.items():
        _put(found, "gold", item, header.taxonomy.attribute(name).name, value)
    for answer in record.answers:
        found += _of_answer(header, item, answer)
    for one in record.predictions:
        for label_id, p in one.probs.items():
            _put(found, "prediction", item, one.model, _name(header, label_id), round(p, 6))
        for each in one.objects:
            score = None if each.score is None else round(each.score, 6)
            _put(found, "prediction", item, one.model, _place(header, each), score)
    return found


def _of_answer(header: Header, item: str, answer: Answer) -> Said:
    found: Said = Counter()
    who = item, answer.annotator
    for field, what in ANSWER.items():
        if what and (value := getattr(answer, field)) not in (None, {}):
            _put(found, what, *who, value)
    _put(found, "verdict", *who, answer.verdict if answer.verdict in ("unsure", "skip") else "")
    if answer.verdict in ("accept", "correct"):
        _put(found, "whether it was accepted or corrected", *who, answer.verdict)
    if answer.status != "decided":
        _put(found, "status", *who, answer.status)
    if answer.label_ids is not None:
        _put(found, "label", *who, sorted(_name(header, one) for one in answer.label_ids))
    for flag in answer.flags:
        _put(found, "flag", *who, flag)
    for name, value in answer.values.items():
        _put(found, "value of an attribute", *who, header.taxonomy.attribute(name).name, value)
    for field in ("wrong", "missing"):
        if (region := getattr(answer, field)) is not None:
            _put(found, "marked region", *who, field, region.size, region.runs)
    for judged in answer.reasons:
        _put(found, "reason of an object", *who, judged.id, judged.reason, judged.at, _name(header, judged.label_id),
             judged.wrong, judged.missing, judged.method, judged.display)
    if answer.objects is not None:
        _put(found, "that objects were looked for", *who)
        for one in answer.objects:
            found += _of_object(header, who, one)
    for vote in answer.votes:
        found += Counter({(f"vote: {what}", key): n for (what, key), n in _of_answer(header, item, vote).items()})
    return found


def _of_object(header: Header, who: tuple[str, str], one: ObjectAnswer) -> Said:
    found: Said = Counter()
    where = (*who, _place(header, one))
    _put(found, "object" if one.act != "deleted" else "deleted proposal", *where)
    for field, what in OBJECT.items():
        if what and (value := getattr(one, field)) is not None:
            _put(found, what, *where, round(value, 6) if isinstance(value, float) else value)
    if one.unsure:
        _put(found, "object that somebody was unsure of", *where)
    if one.act != "deleted" and (one.act != "added" or one.origin != "person"):
        _put(found, "what became of a proposal", *where, one.origin, one.act)
    return found


def _place(header: Header, one: ObjectAnswer) -> Any:
    return one.kind, [round(float(number), 3) + 0.0 for number in one.at], _name(header, one.label_id)


def by_what(found: Said) -> Counter[str]:
    """How much there is of what."""
    counts: Counter[str] = Counter()
    for (what, _), n in found.items():
        counts[what] += n
    return counts


# -- a project and its tables ------------------------------------------------------------------------------

def left_out(wb: Workbench, labels: str) -> Counter[str]:
    """What an export leaves out of a project before any format does, by its tables and its log."""
    counts: Counter[str] = Counter()
    notes = wb.annotations()
    # Values that hold are written without the label beside them that doesn't.
    values = wb.values() if wb.project.task not in SHAPE_OF else None
    holding = set() if values is None else set(values.loc[values["status"] == "decided", "decision_id"])
    alone = notes["status"].isin(["to_review", "presumed"]) & notes["decision_id"].isin(holding)
    counts["label"] = int(alone.sum())
    notes.loc[alone, "status"] = "decided"
    counts["answer"] = int(notes["status"].isin(["to_review", "presumed", "planted"]).sum())
    decided = list(wb.project.log.events(kind="decided"))
    counts["earlier answer"] = len(decided) - len(notes)
    counts["repeated answer"] = sum(1 for _ in wb.project.log.events(kind="repeated"))
    answered = set(notes.loc[notes["status"] == "decided", "item_id"])
    given = answered | set(wb.project.gold()) | set(wb.project.gold_values())
    counts["item"] = len(wb.pool) - len(given)
    kept_rows = notes[notes["status"] == "decided"]
    authors = {event.annotator for event in wb.project.log.events(kind="taxonomy")}
    named = {name for name in {*kept_rows["annotator"], *authors} - {"import", "consensus"}
             if not re.fullmatch("person [0-9a-f]{6,}", name)}
    counts["name of a person"] = len(named)
    everybody = {event.annotator for event in wb.project.log.events()} - {"import"}
    counts["name in a note"] = sum(any(len(name) > 2 and name in re.split(r"[^\w-]+", note) for name in everybody)
                                   for note in kept_rows["note"].dropna())
    if labels == "consensus" and wb.project.task not in SHAPE_OF:
        counts += tied(wb, set(kept_rows["item_id"][kept_rows["item_id"].duplicated()]))
    if wb.project.task in SHAPE_OF:  # objects without a label in answers that are kept
        kept = set(notes.loc[notes["status"] == "decided", ["item_id", "annotator"]].itertuples(index=False, name=None))
        named = wb.objects(deleted=True)
        named = named[named["label"].notna()]
        ids = {(row.item_id, row.annotator, row.object_id) for row in named.itertuples()}
        for event in decided:
            if event.id not in set(notes["decision_id"]) or (event.item_id, event.annotator) not in kept:
                continue
            for one in event.body.get("objects", ()):
                if (event.item_id, event.annotator, one["id"]) not in ids:
                    counts["deleted proposal" if one["act"] == "deleted" else "object"] += 1
    return +counts


def tied(wb: Workbench, several: set[str]) -> Counter[str]:
    """How many labels beside others, and how many choices, are tied, of items that several people answered."""
    counts: Counter[str] = Counter()
    if wb.project.task == "multilabel":
        table = wb.consensus()
        counts["label"] = sum(len(between) for item_id, on, between in zip(
            table["item_id"], table["labels"], table["tied"], strict=True) if item_id in several and on)
    for attribute in wb.taxonomy.attributes:
        if attribute.choices:
            with contextlib.suppress(hw.errors.BadInput):
                table = wb.consensus(attribute=attribute.name)
                counts["value of an attribute"] += int((table["tied"] & table["item_id"].isin(several)).sum())
    return counts


def read_back(path: Path, name: str, wb: Workbench | None = None) -> tuple[Header, list[ItemRecord], Counter[str]]:
    """The header and the records of a file, and what the reader says that it lost."""
    chosen = find_format(name, path)
    assert chosen.read is not None
    contents = chosen.read(Source(path, None if wb is None else wb.pool), dict(chosen.options))
    records = list(contents.records)
    return contents.header, records, Counter(contents.lost.counts())


def faults_of(wb: Workbench, name: str, folder: Path, *, labels: str = "annotations", **options: Any) -> list[str]:
    """Export a project, read it back, and say in words what differs from the report; nothing where all is well.

    Parameters
    ----------
    wb : Workbench
    name : str
        The format.
    folder : Path
        An empty one.
    labels : "annotations" or "consensus"
    **options
        Of `Workbench.export`.
    """
    chosen = find_format(name)
    path = folder / (f"out-{labels}" + ("" if chosen.folder else chosen.suffixes[0] if chosen.suffixes else ".txt"))
    faults: list[str] = []
    with contextlib.redirect_stdout(None):
        planned = wb.export(path, name, labels, dry_run=True, **options)
        if path.exists() or list(folder.iterdir()):
            faults.append("dry_run wrote something")
        done = wb.export(path, name, labels, **options)
        again = wb.export(folder / f"again-{path.name}", name, labels, **options)
    if not planned.lost.equals(done.lost) or planned.n != done.n:
        faults.append("dry_run reports something else than the export")
    if bytes_in(path) != bytes_in(folder / f"again-{path.name}"):
        faults.append("the same project gives other bytes when it is exported again")
    if sorted(done.files) != sorted(again.files if chosen.folder else [path.name]):
        faults.append("another list of files")
    reported: Counter[str] = Counter()
    for what, n in zip(done.lost["what"], done.lost["n"], strict=True):
        reported[what] += int(n)
    if not done.lost["why"].str.len().gt(10).all():
        faults.append("a loss without a reason")
    which = {key: options[key] for key in ("to_review", "presumed", "unanswered") if key in options}
    records = ProjectRecords(wb.project, labels=labels, **which)
    before = said(records.header, list(records))
    header, read, lost = read_back(path, name, wb)
    after = said(header, read)
    faults += [f"invented: {what} {key} ({n} x)" for (what, key), n in (after - before).items()]
    expected = by_what(before - after)
    if not options:
        expected += left_out(wb, labels)
    else:
        expected += Counter(records.lost.counts())
    faults += [f"{what}: {reported[what]} lost by the report, {expected[what]} by the records"
               for what in sorted({*reported, *expected}) if reported[what] != expected[what]]
    faults += [f"the reader lost {n} x {what} of our own file" for what, n in lost.items()]
    if done.n != len(read):
        faults.append(f"{done.n} items were written by the report, {len(read)} are in the file")
    return faults + second_project(wb, path, name, folder, header, read)


# What a project adds to an answer that a file told without it, or knows by itself.
BY_THE_PROJECT = {"time of an answer", "id of an answer", "what was shown", "split", "edit of the taxonomy",
                  "about the project", "whether it was accepted or corrected", "what became of a proposal",
                  "score of a proposal", "IoU with the proposal", "deleted proposal", "first answer",
                  "label as it was decided then",
                  "what was changed by hand", "metadata", "file name", "size of an item", "prediction", "quote",
                  "certainty of an object", "share of a consensus", "number of answers of a consensus", "item", "text",
                  "whether a certainty was given or carried over"}


def second_project(wb: Workbench, path: Path, name: str, folder: Path, header: Header,
                   read: list[ItemRecord]) -> list[str]:
    """What is missing or new when a project is made of a file, and its answers are read out of that project."""
    votes = [vote for record in read for answer in record.answers for vote in answer.votes or (answer,)]
    if any(one.status != "decided" for one in votes) or not votes:
        return []
    images = None
    if wb.pool.kind == "image":
        with contextlib.suppress(ItemError):
            images = wb.pool
    with contextlib.redirect_stdout(None):
        try:
            other = Workbench.from_file(path, folder / "second", name, images=images, holdout=0, progress=False)
        except hw.errors.HitlError as error:
            return [f"no project can be made of the file: {type(error).__name__}: {error}"]
    with other:
        records = ProjectRecords(other.project, labels="annotations")
        now = said(records.header, list(records))
    flat = [dataclasses.replace(record, answers=tuple(
        _as_imported(header, one) for answer in record.answers for one in answer.votes or (answer,)))
            for record in read]
    then = said(dataclasses.replace(header, called={}), flat)  # a project calls labels as its taxonomy does
    return [f"{sign} in a project made of the file: {what} {key} ({n} x)"
            for sign, rest in (("missing", then - now), ("new", now - then))
            for (what, key), n in rest.items() if what not in BY_THE_PROJECT]


def _as_imported(header: Header, answer: Answer) -> Answer:
    """An answer as a project takes it: a consensus is whoever imports it, and no step of a scale lies between two."""
    if answer.annotator not in ("", "consensus"):
        return answer
    ordinal = {one.id for one in header.taxonomy.attributes if one.kind == "ordinal"}
    values = {name: int(value) if name in ordinal else value for name, value in answer.values.items()
              if name not in ordinal or float(value).is_integer()}
    return dataclasses.replace(answer, annotator="import", values=values)
