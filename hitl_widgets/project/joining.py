"""Joining: merging the log of another folder of the same project into this one.

Read `join` first. `storage.joining.union` computes the union of two logs and its order; only `read_other` reads the
other folder's log, and it changes nothing there.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import BadInput, HitlError, IdReused, LogDamaged
from ..events import ANSWERS, Event, canonical, decision_of
from ..records import is_text
from ..sampling.ranking import Ranking
from ..storage import backups, transfer
from ..storage.archive import files_in
from ..storage.blobs import TeamFiles
from ..storage.checks import UNREADABLE
from ..storage.files import make_folder, write_whole
from ..storage.forgetting import complete, is_complete
from ..storage.joining import Act, Union, acts_of, base_id, check_edit, union, with_numbers, write
from ..storage.location import FolderLocation, locate
from ..storage.log import Log
from ..storage.redaction import redact, redactions_in
from ..storage.roles import JOINING
from ..storage.schema import instant, microseconds
from ..taxonomy.history import Change, Lineage, Step
from ..taxonomy.settling import AlreadyThere, settling, unsettled_step

if TYPE_CHECKING:
    from .preview import Applied, Preview
    from .project import Project

COLUMNS = ["kind", "annotator", "new", "same", "conflicting"]
UNSETTLED_COLUMNS = ["id", "version", "prose", "annotator", "acted_at", "why", "holds", "answers"]
# Folders whose missing files are copied: the versions in their names identify the models.
BESIDE = ("models", "predictions")
AHEAD = timedelta(days=1)


@dataclass(frozen=True, repr=False)
class Joined:
    """The result of joining another folder; shown as a table.

    Attributes
    ----------
    table : DataFrame
        One row for each kind of event and each person: kind, annotator, and how many of these events were new here, the
        same in both, and conflicting (same id, different content). All of them are kept.
    edits_to_settle : DataFrame
        The table of ``wb.edits.unsettled()``: edits from diverging copies, which aren't valid until they are settled.
    files : tuple of str
        Models and predictions that were copied.
    on_both : tuple of str
        People with some events only in this folder and others only in the other one: their events form two sequences,
        each with its own numbers (`Event.nth`).
    """

    table: pd.DataFrame
    edits_to_settle: pd.DataFrame
    files: tuple[str, ...] = ()
    on_both: tuple[str, ...] = field(default=())

    @property
    def n_new(self) -> int:
        """How many events were new here."""
        return int(self.table["new"].sum())

    @property
    def n_conflicting(self) -> int:
        """How many events had the id of another event with different content; both are kept."""
        return int(self.table["conflicting"].sum())

    def __str__(self) -> str:
        n_same, n_edits = int(self.table["same"].sum()), len(self.edits_to_settle)
        words = [f"{self.n_new:,} {'event is' if self.n_new == 1 else 'events are'} new here, {n_same:,} "
                 f"{'was' if n_same == 1 else 'were'} here already."]
        if self.n_conflicting:
            words.append(f"{self.n_conflicting:,} had the id of another event; both are kept.")
        if n_edits:
            words.append(f"{n_edits:,} {'edit' if n_edits == 1 else 'edits'} of the taxonomy made apart: settle "
                         f"{'it' if n_edits == 1 else 'them'} with wb.edits.settle(id, apply=True or False).")
        if self.on_both:
            words.append(f"Worked in both folders: {', '.join(self.on_both)}.")
        return " ".join(words)

    def __repr__(self) -> str:
        return f"{self}\n{self.table}"

    def _repr_html_(self) -> str:
        from html import escape
        edits = f"<p>To settle:</p>{self.edits_to_settle.to_html()}" if len(self.edits_to_settle) else ""
        return f"<p>{escape(str(self))}</p>{self.table.to_html()}{edits}"


def join(project: Project, other: str | os.PathLike[str], *, clock_ahead: bool = False) -> Joined:
    """Join another folder's log into a project's; see `Workbench.join`."""
    location = locate(other)
    project.require_role(JOINING)
    with read_other(location) as log:
        _check_same_project(project, log)
        with _redacted(log, project.log, location.name) as redacted:
            _check_readable(project, redacted, location.name)
            _take_redactions(project.log, redacted)
            theirs = acts_of_log(redacted)
        mine = acts_of_log(project.log)
        try:
            _check_text(theirs)
            made = union(mine, theirs)
        except UNREADABLE as error:
            raise _never_written(location.name, error) from error
        if not clock_ahead:
            _check_clock(made.new, project._now(), location.name)
        # First, so that no adopted model is missing; files that are here already aren't replaced.
        files = _copy_files(location.folder, project.folder) if isinstance(location, FolderLocation) else \
            _fetch_models(log, project)
        project.files.share_models(files)
    if made.changed:
        made = project.log.rewrite("before-join", lambda conn: _rewritten(conn, made, mine, theirs))
        if not is_complete(project.log):  # a redaction came in: copies and free pages must be redacted, too
            complete(project.log)
        project.refresh()
        for what in ("taxonomy", "threads", "decisions"):
            project.tell(what)
    return Joined(_table(made), unsettled(project), tuple(files), _on_both(made, mine, theirs))


def _rewritten(conn: Any, made: Union, mine: Sequence[Act], theirs: Sequence[Act]) -> Union:
    """Merge another log's acts into a log, in the transaction of this connection."""
    if (now := acts_of(conn)) != mine:  # somebody decided meanwhile
        made = union(now, theirs)
    if made.changed:
        write(conn, made.acts)
    return made


def acts_of_log(log: Log) -> list[Act]:
    """All acts of a log, in its order."""
    return log.read(acts_of)


@contextmanager
def read_other(location: Any) -> Iterator[Log]:
    """The log of another folder, opened from a copy, so that nothing changes in the folder.

    A join reads the other folder only through this function. A damaged log is refused.
    """
    if not isinstance(location, FolderLocation):
        with Log(location) as log:
            yield log
        return
    folder = location.folder
    if not (folder / "log.db").is_file():
        raise BadInput(f"{folder} has no log.db; the folder of another copy of this project is expected.")
    with tempfile.TemporaryDirectory(prefix="hitl-join-") as temporary:
        try:
            _copy_log(folder, Path(temporary))
            log = Log(temporary)
        except (LogDamaged, sqlite3.DatabaseError) as error:
            raise LogDamaged(f"{folder} can't be joined, since its log is damaged ({error}); nothing was joined. Open "
                             f"it to see which of its copies is good: hw.Workbench({str(folder)!r}).") from error
        with log:
            yield log


def _copy_log(folder: Path, to: Path) -> None:
    path = folder / "log.db"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as source:
            backups.snapshot(source, to / "log.db", derived=False)
            return
    except sqlite3.OperationalError:  # a writer that was killed left a journal, which only a writer can play back
        for name in ("log.db", "log.db-journal"):
            if (folder / name).exists():
                shutil.copyfile(folder / name, to / name)


@contextmanager
def _redacted(theirs: Log, mine: Log, name: str) -> Iterator[Log]:
    """The other log without what was redacted in this one, so that no message can show it.

    On a server only `forget` removes anything, so a copy of a log there is redacted instead.
    """
    if not (own := mine.read(redactions_in)):
        yield theirs
        return
    with ExitStack() as stack:
        if theirs.server is not None:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="hitl-join-"))
            transfer.snapshot(theirs, Path(temporary, "log.db"))
            theirs = stack.enter_context(Log(temporary))
        try:
            theirs.rewrite(None, lambda conn: redact(conn, own))
        except (HitlError, *UNREADABLE) as error:
            raise _never_written(name, error) from error
        yield theirs


def _take_redactions(mine: Log, theirs: Log) -> None:
    """Remove what was redacted in the other log from this one, before the two are compared."""
    redacted = [event.id for event in theirs.events(kind="redacted")]
    if len(mine.known_ids(redacted)) < len(redacted):
        found = theirs.read(redactions_in)
        mine.rewrite(None, lambda conn: redact(conn, found))


def _check_same_project(project: Project, log: Log) -> None:
    if log.id != project.log.id:
        raise BadInput(f"{log.location if log.server else 'the other folder'} is another project ({log.id}; this one "
                       f"is {project.log.id}): only copies of one project can be joined. wb.export() and "
                       "wb.import_file() carry labels from one project to another.")
    created = next(iter(project.log.events(kind="created")))
    other = next((event for event in log.events(kind="created")), None)
    if other is not None and dict(other.body) != dict(created.body):
        raise BadInput("the other folder was made with other settings; nothing was joined.")


def _check_readable(project: Project, log: Log, name: str) -> None:
    """Raise LogDamaged where no project could be opened with the other log, nor with this one after the join."""
    from .state import State  # which imports this module
    try:
        state = State(log, project._pool, Ranking(), project.settings, annotators_per_item=1, audit=0.0,
                      now=project._now, notify=lambda sentence: None)
        state.open(shares=True)
        for event in log.events():  # of all kinds, since `history` reads them all
            check_edit(event, log.id)
            if event.kind in ANSWERS:
                decision_of(event)
            elif event.kind in ("adopted", "imported") and not is_text(event.body["model"]):
                raise ValueError(f"the version of a model is {event.body['model']!r}, which isn't a valid text")
        log.read(redactions_in)
    except (HitlError, *UNREADABLE) as error:
        raise _never_written(name, error) from error


def _check_text(acts: Sequence[Act]) -> None:
    """Raise UnicodeEncodeError if an act contains an unpaired surrogate: later it would look like any other."""
    for act in acts:
        if "\\u" in act.body:
            canonical(json.loads(act.body)).encode()


def _never_written(name: str, error: Exception) -> LogDamaged:
    return LogDamaged(f"{name} can't be joined: its log says something that hitl_widgets never writes ({error}). "
                      "Nothing was joined, and both are as they were.")


def _check_clock(new: Sequence[Act], now: datetime, name: str) -> None:
    latest = max(new, key=lambda act: act.tick, default=None)
    if latest is not None and latest.tick > microseconds(now + AHEAD):
        raise BadInput(f"an event of {name} by {latest.annotator} says that it was stored on "
                       f"{instant(latest.tick):%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} UTC here: one of "
                       "the two clocks is wrong. What is stored after such an event comes after it for ever, in every "
                       "copy. Nothing was joined. Set the clock of this machine if it is the one that is wrong; else "
                       "join with clock_ahead=True, which loses nothing: of edits that were made apart, those of the "
                       "folder whose clock is ahead count as the later ones.")


def _copy_files(source: Path, target: Path) -> list[str]:
    """Copy models and predictions that are missing."""
    copied = []
    for name in BESIDE:
        for file in files_in(source / name) if (source / name).is_dir() else ():
            to = target / (relative := file.relative_to(source))
            if not to.exists():
                make_folder(to.parent)
                with write_whole(to) as part:
                    shutil.copyfile(file, part)
                copied.append(relative.as_posix())
    return copied


def _fetch_models(log: Log, project: Project) -> list[str]:
    """Fetch from a server the models that are missing here; a server keeps no predictions."""
    fetched, damaged = TeamFiles(log, project.folder).fetch_missing_models()
    for name in damaged:
        project.notify(f"{name} is damaged on the server and wasn't fetched; train again, or adopt another version.")
    return fetched


def _table(made: Union) -> pd.DataFrame:
    counts = {name: Counter((act.kind, act.annotator) for act in acts) for name, acts in (
        ("new", made.new), ("same", made.same), ("conflicting", made.conflicting))}
    pairs = dict.fromkeys((act.kind, act.annotator) for act in made.acts)
    rows = [(*pair, *(counts[name][pair] for name in COLUMNS[2:])) for pair in pairs
            if any(counts[name][pair] for name in COLUMNS[2:])]
    table: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS)
    return table


def _on_both(made: Union, mine: Sequence[Act], theirs: Sequence[Act]) -> tuple[str, ...]:
    common = {base_id(act.id) for act in made.same}
    here, there = ({act.annotator for act in acts if base_id(act.id) not in common} for acts in (mine, theirs))
    return tuple(sorted(here & there))


# -- edits from diverging copies -----------------------------------------------------------------------------

def unsettled(project: Project) -> pd.DataFrame:
    """List the edits to settle; see `workbench.Edits.unsettled`."""
    with project.state.lock:
        project.refresh()
        lineage = project.lineage
        answers = Counter[int]()
        if project.has_pool:
            for (_, version), n in project.state.label_index.counts().items():
                answers[version or 0] += n
        rows = [(step.id, step.version, step.prose, step.annotator, step.acted_at, step.why,
                 _holds(lineage, step).prose, answers[step.version]) for step in lineage.forks.unsettled]
    table: pd.DataFrame = pd.DataFrame(rows, columns=UNSETTLED_COLUMNS)
    return table


def _holds(lineage: Lineage, step: Step) -> Step:
    branch = lineage.forks.branch(step.version)
    return next((other for other in lineage.steps if other.before == branch), lineage.steps[-1])


def settle(project: Project, edit_id: str, *, apply: bool, why: str | None = None) -> Applied | None:
    """Settle an edit; see `workbench.Edits.settle`."""
    if type(apply) is not bool:
        raise BadInput(f"apply is {apply!r}; True or False is expected.")
    project.refresh()
    step = unsettled_step(project.lineage, edit_id)
    made = settling(project.lineage, edit_id) if apply else None
    if apply and not isinstance(made, AlreadyThere):
        return project.commit(lambda lineage: _change(lineage, edit_id), why=why)
    try:
        project.record("settled", {"edit": edit_id, "apply": apply, "taxonomy": project.taxonomy.version, "why": why},
                       id=f"settled-{blake2b(step.id.encode(), digest_size=16).hexdigest()}")
    except IdReused:
        project.refresh()
        unsettled_step(project.lineage, edit_id)  # says that somebody else settled it
        raise
    project.refresh()
    project.tell("taxonomy")
    return None


def preview_settling(project: Project, edit_id: str) -> Preview:
    """Preview what applying an edit from a diverging copy would do; nothing changes.

    Raises
    ------
    EditError
        When no edit to settle has this id, or it doesn't fit today's taxonomy.
    """
    def make(lineage: Lineage) -> Change:
        made = settling(lineage, edit_id)
        if isinstance(made, AlreadyThere):  # then the edit only becomes settled
            return Change(lineage.today, {label_id: (label_id,) for label_id in lineage.today.label_ids})
        return made
    return project.preview_change(make)


def _change(lineage: Lineage, edit_id: str) -> Any:
    made = settling(lineage, edit_id)
    if isinstance(made, AlreadyThere):
        raise BadInput("the taxonomy was changed while this edit was settled; try again.")
    return made


def renumbered(events: Sequence[Event], before: Lineage, after: Lineage) -> list[Event]:
    """Renumber the taxonomy versions in events that were made under one lineage for another lineage.

    Raises
    ------
    IdReused
        If one of them is a taxonomy edit: it has to be made again, from the version that holds now.
    """
    if any(event.kind == "taxonomy" for event in events):
        raise IdReused("the taxonomy was changed by a join while an edit was made; make it again.")
    now = {_signature(step): step.version for step in (*after.steps, *after.forks.steps.values())}
    numbers = {step.version: number for step in (*before.steps, *before.forks.steps.values())
               if (number := now.get(_signature(step), step.version)) != step.version}
    return [replace(event, body=with_numbers(dict(event.body), {}, numbers)) if numbers else event for event in events]


def _signature(step: Step) -> tuple[Any, ...]:
    return base_id(step.id), step.acted_at, step.annotator


