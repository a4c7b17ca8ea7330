"""Removal of a person's name, or of a note, from a project and everything that it keeps. Read `forget`.

Answers stay: they count under a number in place of the name, and an event of kind "redacted" records the removal. A
`Forgotten` lists what was removed and where, and the places that can't be reached from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..drawing import html
from ..errors import BadInput, HitlError, UnknownDecision
from ..events import Event
from ..records import utc_now
from ..storage import archive
from ..storage.forgetting import Completed, complete, found_in
from ..storage.redaction import (
    KIND,
    NOBODYS,
    NOTES,
    REMOVED,
    SHORTEST_IN_TEXTS,
    as_words,
    body_of_person,
    everybody,
)
from .names import IS_PSEUDONYM, pseudonyms
from .policy import require_owner

if TYPE_CHECKING:
    from ..records import Decision
    from .project import Project

DONE_COLUMNS = ["what", "where", "n"]
LEFT_COLUMNS = ["what", "where", "why"]


@dataclass(frozen=True)
class Forgotten:
    """What was removed and what couldn't be removed. The name isn't repeated here, since a notebook stores its output.

    Attributes
    ----------
    number : str or None
        The text in place of the name, "person 3f2a91bc"; None for a note.
    removed : DataFrame
        A row for each kind of thing that was removed: what, where, n.
    not_reached : DataFrame
        Places that may still hold the name or note: what, where, why.
    """

    number: str | None
    removed: pd.DataFrame
    not_reached: pd.DataFrame

    def __repr__(self) -> str:
        n, left = int(self.removed["n"].sum()), len(self.not_reached)
        now = "the notes" if self.number is None else f"the name, now {self.number!r},"
        return f"<Forgotten {now} in {n:,} place{'' if n == 1 else 's'}; {left} that can't be reached " \
               f"(.not_reached says which)>"

    def _repr_html_(self) -> str:
        rows = [(str(what), str(where), f"{n:,}") for what, where, n in self.removed.itertuples(index=False)]
        left = [tuple(map(str, row)) for row in self.not_reached.itertuples(index=False)]
        return html.page("Forgotten" if self.number is None else f"Forgotten: {self.number}",
                         html.table(["removed", "where", "how often"], rows),
                         html.paragraph("What can't be reached from here, and what to do about it:"),
                         html.table(LEFT_COLUMNS, left))


def write_archive(project: Project, path: Path, *, people: str = "names") -> Path:
    """Write a whole project into one file, with names or with pseudonyms."""
    if people not in ("names", "pseudonyms"):
        raise BadInput(f"people is {people!r}; 'names' or 'pseudonyms' is expected.")
    archive.write(project.folder, project.log, path, called=None if people == "names" else {
        name: other for name, other in pseudonyms(project).items() if name not in NOBODYS})
    note_export(project, path, "archive", people)
    return path


def note_export(project: Project, path: Path, format: str, people: str) -> None:
    """Record an export, so that `forget` can list the places where a name or a note may be."""
    try:
        project.record("exported", {"file": path.name, "format": format, "people": people})
    except HitlError as error:  # the exported file is complete all the same
        project.notify(f"{path.name} was written, but {project.name} has no record of it: {error}")


def forget(project: Project, annotator: str | None = None, *, note_of: str | Decision | None = None,
           texts: bool = True) -> Forgotten:
    """Remove a person's name, or a note, from a project; see `People.forget` of the workbench."""
    if (annotator is None) == (note_of is None):
        raise BadInput("one of annotator= (a name) and note_of= (the id of a decision) is expected.")
    project.refresh()
    if annotator is not None:
        return _forget_person(project, annotator, texts=texts)
    return _forget_note(project, str(getattr(note_of, "id", note_of)))


def _forget_person(project: Project, annotator: str, *, texts: bool) -> Forgotten:
    log = project.log
    number = log.who(annotator)
    if annotator in NOBODYS or IS_PSEUDONYM.match(annotator):
        raise BadInput(f"{annotator!r} is nobody's name; the name of an annotator is expected.")
    if number == annotator:  # otherwise forgotten before: only what has come back since is removed
        if project.annotator != annotator and not _is_owner(project):
            raise BadInput("the name of somebody else is forgotten by the owner of the project, or by themselves; "
                           "somebody else acts now.")
        known = log.read(everybody)
        if annotator not in known:
            raise BadInput("nobody of this name is in the project; wb.people.pseudonyms() lists its people.")
        body = body_of_person(annotator, _salt(project), texts=texts)
        if body["number"] in known:
            raise BadInput(f"{body['number']!r} is somebody else here; nothing was changed.")
        number = body["number"]
        log.append(Event(id=f"redacted-{number.replace(' ', '-')}", kind=KIND, annotator=project.annotator,
                         acted_at=utc_now(), body=body))
    done = complete(log)
    project.refresh()
    project.tell("decisions")
    return Forgotten(number, _removed(project, done, name=True),
                     _left(project, done, annotator, texts=texts, number=number))


def _is_owner(project: Project) -> bool:
    try:
        require_owner(project, "forgets")
    except BadInput:
        return False
    return True


def _salt(project: Project) -> str:
    """The salt of the hashes of names: the same in every copy of the project, and in no export."""
    key = project.settings.get("key")
    return key if isinstance(key, str) else project.id


def _forget_note(project: Project, id: str) -> Forgotten:
    log = project.log
    event = log.get(id)
    if event is None or event.kind not in NOTES:
        raise UnknownDecision(f"{id!r:.90} isn't a decision, a verdict, an edit or a part of a thread in this log; "
                              "wb.annotations()['decision_id'] has the current decisions.")
    if project.annotator != event.annotator and not _is_owner(project):
        raise BadInput("a note is forgotten by who wrote it, or by the owner of the project; somebody else acts now.")
    note = event.body.get(NOTES[event.kind])
    if note in (None, "", REMOVED):
        raise BadInput(f"{event.kind} {id!r} has no note.")
    ids = _with_same_note(project, event, str(note))
    log.append(Event(id=f"redacted-note-{id}"[:80], kind=KIND, annotator=project.annotator, acted_at=utc_now(),
                     body={"of": "note", "events": ids}))
    done = complete(log)
    project.refresh()
    project.tell("decisions")
    project.tell("threads")
    return Forgotten(None, _removed(project, done, name=False), _left(project, done, str(note)))


def _with_same_note(project: Project, event: Event, note: str) -> list[str]:
    """Ids of the events that contain a note: a revision repeats the earlier note, and an edit quotes the question."""
    log, ids = project.log, {event.id}
    if event.item_id is not None and event.kind in ("decided", "repeated"):
        ids |= {one.id for one in log.events_of([event.item_id]) if one.annotator == event.annotator
                and one.kind in ("decided", "repeated") and one.body.get("note") == note}
    if event.kind == "thread":
        thread = event.body.get("thread", event.id)
        ids |= {str(one.body["edit"]) for one in log.events(kind="thread")
                if one.body.get("thread") == thread and one.body.get("edit") is not None}
    return sorted(ids)


def _removed(project: Project, done: Completed, *, name: bool) -> pd.DataFrame:
    rows: list[tuple[str, str, int]] = []
    for where, found in [("the log", done.log), *((f"copies/{path.name}", found) for path, found in done.copies)]:
        rows += [("name of who acted", where, found.n_events), ("name in a text", where, found.n_texts),
                 ("note", where, found.n_notes), ("claim", where, found.n_claims)]
    rows += [("damaged copy of the log, deleted", f"copies/{path.name}", 1) for path in done.deleted]
    return pd.DataFrame([row for row in rows if row[2]], columns=DONE_COLUMNS)


def _left(project: Project, done: Completed, word: str, *, texts: bool = True, number: str | None = None
          ) -> pd.DataFrame:
    """List the places that may still contain a name or a note."""
    rows: list[tuple[str, str, str]] = []
    for event in project.log.events(kind="exported"):
        body = event.body
        if number is None or body.get("people") == "names":
            rows.append(("export" if body.get("format") != "archive" else "archive",
                         f"{body.get('file')}, written {event.acted_at:%Y-%m-%d %H:%M} UTC",
                         "Delete it wherever it went, or write it again."))
    if project.log.folder is not None:
        rows += [("file in the project's folder", file.relative_to(project.folder).as_posix(),
                  "It isn't the project's own. Delete it, or edit it.") for file in _files_with(project, word)]
    else:
        rows.append(("the server's backups and write-ahead log", project.name, "What was backed up before is the "
                     "administrator's to delete."))
        if not done.erased:
            rows.append(("free space in the tables' files", project.name, "The tables belong to another user of the "
                         "server. Whoever made the project there, or an administrator, runs VACUUM (FULL, ANALYZE) on "
                         "event, annotation and claim, or calls the same again."))
    if number is not None:
        rows += _in_guidelines(project, word)
        if not texts or len(word) < SHORTEST_IN_TEXTS:
            rows.append(("notes and other texts", "the log", "They were left as they are"
                         + ("." if not texts else ": so short a name is too often another word.")))
    rows += [("folders that aren't joined yet, and places from which the project was moved", "wherever they are",
              "wb.join(folder) removes it from what comes in; the folder itself keeps it until somebody forgets there, "
              "too. Delete a place from which the project was moved."),
             ("outputs and cells of notebooks", "where they were saved", "Clear the outputs, and the cell with the "
              "name, and save."),
             ("the disk's own free blocks, snapshots and backups of the folder", "outside the project",
              "An encrypted disk, and backups that end, are the remedy.")]
    if number is not None:
        rows.append(("the person's own browser", "until a page of theirs was opened again",
                     "It keeps drafts and unsent answers under the name; these are stored under the number."))
    return pd.DataFrame(rows, columns=LEFT_COLUMNS)


def _files_with(project: Project, word: str) -> Iterable[Path]:
    return found_in(project.folder.absolute(), word)


def _in_guidelines(project: Project, name: str) -> Iterable[tuple[str, str, str]]:
    """Labels whose guideline contains the name: guidelines are never changed automatically."""
    if len(name) < SHORTEST_IN_TEXTS:
        return
    pattern = as_words([name])
    for version, taxonomy in project.lineage.versions.items():
        if any(pattern.search(text) for text in _texts_in(taxonomy.to_dict())):
            yield ("a word of the taxonomy", f"version {version}",
                   "A label's name, definition or example says it. An edit changes today's; earlier versions stay.")


def _texts_in(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts_in(one)
