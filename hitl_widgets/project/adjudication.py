"""Adjudication: verdicts on items with competing answers, and an estimate of how many labels are still wrong.

A plan records each item's label and its posterior probability. The least probable labels and a random sample of the
rest are reviewed, until the interval of the residual error lies within a tolerance. Answers are shown without names, in
random order; predictions are never shown. Read `Adjudication.next` and `Adjudication.decide` first.
"""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .. import events
from ..drawing import html
from ..errors import BadInput, IdReused, UnknownDecision, UnknownLabel
from ..items.pool import Pool
from ..records import (
    LONGEST_NOTE,
    Bars,
    Estimate,
    Item,
    check_number,
    is_text,
    new_id,
    no_bars,
    utc_now,
)
from ..sampling.review_order import ResidualError, next_reviews, residual_error
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, set_id
from ..taxonomy.labels import Taxonomy
from .spelling import names_of
from .verdicts import CAUSES_IN_WORDS, Verdict, check_cause

if TYPE_CHECKING:
    from .project import Project

TOLERANCE, CLAIM_S = 0.05, 900
COLUMNS = ["item_id", "before", "label", "changed", "cause", "note", "annotator", "acted_at", "n_answers", "verdict_id"]
_FOR = "adjudication"
_HTML_ROWS = 30
# Maximum number of sets of labels that a page offers.
MOST_SETS = 200


@dataclass(frozen=True)
class CompetingAnswer:
    """One answer to an item, under a letter in place of its author's name.

    Parameters
    ----------
    letter : str
        A, B and so on, in a random order for each item.
    label_id, label : str or None
        The answer under today's labels; None for "unsure" without a guess, or if a taxonomy edit made it ambiguous.
    certainty : float or None
        From 0 to 10; None unless it was given for this item.
    note : str or None
        The annotator's note.
    reason : "right", "wrong" or None
        The person's verdict on the explanation that was on the screen.
    flags : tuple of str
    """

    letter: str
    label_id: str | None
    label: str | None
    certainty: float | None = None
    note: str | None = None
    reason: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """An item to be adjudicated.

    Parameters
    ----------
    item_id : str
    position : int
        Its place in the pool.
    answers : tuple of CompetingAnswer
        The competing answers, without names.
    """

    item_id: str
    position: int
    answers: tuple[CompetingAnswer, ...]

    def __repr__(self) -> str:
        return f"<Case {self.item_id}: {', '.join(f'{one.letter} {one.label!r}' for one in self.answers)}>"


@dataclass(frozen=True)
class _Plan:
    """A plan of a review and its progress. Each array has a value for each item that is still part of the plan."""

    id: str
    item_ids: list[str]
    labels: list[str]
    top: npt.NDArray[np.float64]
    draws: npt.NDArray[np.float64]
    reviewed: npt.NDArray[np.bool_]
    changed: npt.NDArray[np.bool_]
    tolerance: float


class Adjudication:
    """The adjudication of a project: cases, verdicts, and how many labels are still wrong.

    Parameters
    ----------
    project : Project
        With its pool.
    tolerance : float
        Largest acceptable share of wrong labels; fixed when a plan is drawn.
    new : bool
        Draw a new plan from today's answers even if an earlier one isn't finished.
    seed : int, optional
        Seed of the plan's random sample; random by default.
    bars : Bars
        Progress bar for computing the consensus.

    Raises
    ------
    BadInput
        When nobody answered anything, or an argument can't be used.
    """

    def __init__(self, project: Project, *, tolerance: float = TOLERANCE, new: bool = False, seed: int | None = None,
                 bars: Bars = no_bars) -> None:
        project.require_pool()
        if project.task == "scale":
            raise BadInput("verdicts are about labels, and this project asks for values alone; "
                           "wb.consensus(attribute=...) joins the values of several people.")
        self.project = project
        self._tolerance = check_number("tolerance", tolerance, "a share of wrong labels between 0 and 1", 1e-6,
                                       1 - 1e-6)
        self._known, self._read_to = list[events.Event](), 0
        project.refresh()
        if new or not self._plans():
            with bars(None, title="Finding the labels that are in doubt"):
                self._draw(secrets.randbelow(2**31) if seed is None else seed)

    # -- what a script does ----------------------------------------------------------------------------------

    def next(self) -> Case | None:
        """The next item to be decided, held for a quarter of an hour; None when every item is reviewed.

        Reviewing may stop earlier: see `error`.
        """
        return next((self.case(item_id) for item_id in self.cases(1)), None)

    def case(self, item_id: str) -> Case:
        """One item with its answers, whether or not it is in the plan."""
        position = self.project.pool.position(item_id)
        item_id = str(self.project.pool.ids[position])
        return Case(item_id, position, self._answers(item_id))

    # 14 branches: a verdict may lack a label, a note or a plan, or be sent again.
    def decide(self, item_id: Any, label: str | Collection[str] | None, cause: str, *, note: str | None = None,
               id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Verdict:
        """Store the verdict on an item; its label overrules the votes, which are kept as they were given.

        Parameters
        ----------
        item_id : str or Case
            The item.
        label : str, collection of str or None
            A label's name or id; where an item may have several, a list of them, [] for none. None if no label is
            right, as in an honest disagreement: all votes then stay valid, including those of the minority.
        cause : str
            Why the answers differed: "ambiguous" (item), "guideline_gap", "slip", "edge_case" or "disagreement" (an
            honest one).
        note : str, optional
            A note for the team.
        id : str, optional
            Id of the verdict, made by the caller; the same verdict sent again changes nothing.
        annotator : str, optional
            Who decides, if not the project's annotator.
        acted_at : datetime, optional
            When, UTC-aware; by default now.

        Raises
        ------
        BadInput, UnknownItem, UnknownLabel, IdReused, ReadOnly, DiskFull, LogBusy
            When an argument can't be used, or the log can't be written. Nothing was stored then.
        """
        project = self.project
        position = project.pool.position(getattr(item_id, "item_id", item_id))
        item_id, id = str(project.pool.ids[position]), id or new_id()
        if (stored := project.log.get(id)) is not None:
            return self._again(stored, item_id, label, cause)
        if note is not None and (not isinstance(note, str) or len(note) > LONGEST_NOTE or not is_text(note)):
            raise BadInput(f"note is {note!r:.80}; plain text of at most {LONGEST_NOTE:,} characters is expected.")
        project.refresh()
        chosen = None if label is None else self._label_id(label)
        rows = [event.id for event in self._standing(item_id)]
        plan = self._plan()
        place = plan.item_ids.index(item_id) if item_id in plan.item_ids else None
        verdict = Verdict(id, item_id, project.who(annotator), acted_at or utc_now(),
                          check_cause(cause), chosen,
                          None if chosen is None else project.taxonomy.name_as_answered(chosen),
                          project.taxonomy.version, note or None, tuple(rows),
                          plan.id, None if place is None else float(plan.draws[place]),
                          None if place is None else plan.labels[place])
        project.take_in(events.Event(id=id, kind="adjudicated", annotator=verdict.annotator, acted_at=verdict.acted_at,
                                     item_id=item_id, body=verdict.body()))
        return verdict

    def retract(self, verdict_id: str | Verdict, *, id: str | None = None, annotator: str | None = None,
                acted_at: datetime | None = None) -> Verdict:
        """Take a verdict back, so that the votes or an earlier verdict are valid again. A second call changes nothing.

        Raises
        ------
        UnknownDecision
            When the log has no such verdict.
        """
        project, verdict_id = self.project, str(getattr(verdict_id, "id", verdict_id))
        event = project.log.get(verdict_id)
        if event is None or event.kind != "adjudicated" or "undoes" in event.body:
            raise UnknownDecision(f"verdict {verdict_id!r} isn't in the log; .table['verdict_id'] has those that "
                                  "weren't taken back.")
        project.refresh()
        if any(verdict.id == verdict_id for verdict in project.state.verdicts.all()):
            project.take_in(events.Event(
                id=id or events.undo_id(verdict_id), kind="adjudicated", acted_at=acted_at or utc_now(),
                annotator=project.who(annotator), item_id=event.item_id,
                body={"undoes": verdict_id}))
        return Verdict.of(event)

    @property
    def error(self) -> ResidualError:
        """How many labels were wrong and how many still are, with intervals, and whether reviewing may stop."""
        plan = self._plan()
        return residual_error(plan.top, plan.draws, plan.reviewed, plan.changed, tolerance=plan.tolerance)

    @property
    def estimate(self) -> Estimate:
        """Share of labels that are still wrong after reviewed labels are replaced by their verdicts."""
        return self.error.after

    @property
    def table(self) -> pd.DataFrame:
        """One row per verdict that wasn't taken back, the newest first.

        Columns: item_id, before (the label in the plan; missing for an item outside the plan), label (missing where
        none was chosen), changed, cause, note, annotator (the name in the log), acted_at, n_answers, verdict_id.
        """
        plan, lineage = self._plan(), self.project.lineage
        before = dict(zip(plan.item_ids, plan.labels, strict=True))
        rows = []
        for verdict in reversed(self.project.state.verdicts.by_item().values()):
            now, then = lineage.exactly(verdict.label_id, verdict.taxonomy), before.get(verdict.item_id)
            names = [None if label_id is None else lineage.today.name_of(label_id) for label_id in (then, now)]
            rows.append((verdict.item_id, *names, then is not None and _differs(verdict, then, lineage), verdict.cause,
                         verdict.note, verdict.annotator, verdict.acted_at, len(verdict.answers), verdict.id))
        return pd.DataFrame(rows, columns=COLUMNS)

    @property
    def n_new(self) -> int:
        """Number of items first answered after the plan was drawn, which it doesn't cover."""
        planned = set(self._plans()[-1].body["items"])
        return len(self._frame() - planned)

    def __repr__(self) -> str:
        more = f" ({self.n_new:,} items were answered since the plan)" if self.n_new else ""
        return f"{self.error!r}{more}"

    def _repr_html_(self) -> str:
        rows = [(row.item_id, row.before or "", row.label or "no label", CAUSES_IN_WORDS[row.cause], row.note or "")
                for row in self.table.head(_HTML_ROWS).itertuples(index=False)]
        return html.page("Adjudication", html.paragraph(f"{self!r}."), *(
            [html.table(["item", "before", "verdict", "why they differed", "note"], rows)] if rows else []))

    # -- what the widget does --------------------------------------------------------------------------------

    @property
    def project_id(self) -> str:
        """The project's own random id."""
        return self.project.id

    @property
    def annotator(self) -> str:
        """Who adjudicates."""
        return self.project.annotator

    @property
    def taxonomy(self) -> Taxonomy:
        """Today's labels."""
        return self.project.taxonomy

    @property
    def sets(self) -> list[tuple[str, str]]:
        """The sets of labels that the page offers, where an item may have several: id and name, most frequent first.

        These are the sets that people answered, the consensus sets, and each single label. The list is empty if items
        have one label each.
        """
        project = self.project
        if project.task != "multilabel":
            return []
        answers = project.answers()
        counts = Counter(set_ for of_item in answers.given_votes.values() for set_, _ in of_item)
        counts.update(dict.fromkeys((set_ for set_, _ in answers.standing_labels().values()), 0))
        counts.update({set_id(labels): 0 for labels in ([], *([label_id] for label_id in project.taxonomy.label_ids))})
        return [(set_, project.taxonomy.name_of(set_)) for set_, _ in counts.most_common(MOST_SETS)]

    @property
    def pool(self) -> Pool:
        """The items."""
        return self.project.pool

    def item(self, item_id: str) -> Item:
        """Find an item."""
        return self.project.asking.item(item_id)

    def cases(self, n: int, *, showing: Collection[str] = ()) -> list[str]:
        """List the ids of the next n items to adjudicate, without those in `showing`, and claim them."""
        project, plan = self.project, self._plan()
        held = set(project.log.claims(exclude=project.annotator)) | set(showing)
        places = next_reviews(plan.top, plan.draws, plan.reviewed, plan.changed, n=n + len(held),
                              tolerance=plan.tolerance)
        wanted = [item_id for item_id in (plan.item_ids[place] for place in places.tolist()) if item_id not in held][:n]
        got = set(project.log.claim(wanted, project.annotator, seconds=CLAIM_S))
        return [item_id for item_id in wanted if item_id in got]

    def answers(self, item_id: str) -> list[dict[str, Any]]:
        """List the competing answers to an item as plain JSON."""
        return [{"letter": one.letter, "label_id": one.label_id, "label": one.label, "certainty": one.certainty,
                 "note": one.note, "reason": one.reason, "flags": list(one.flags)} for one in self._answers(item_id)]

    def adjudicate(self, item_id: str, label_id: str | None, cause: str, *, note: str | None = None,
                   id: str | None = None, annotator: str | None = None, acted_at: datetime | None = None) -> Verdict:
        """Store a verdict; the same as `decide`, under the name in the interface of the widgets."""
        return self.decide(item_id, label_id, cause, note=note, id=id, annotator=annotator, acted_at=acted_at)

    def progress(self) -> dict[str, Any]:
        """The progress as plain JSON: judged, error, low, high, goal, left, and done (why reviewing may stop)."""
        error, after = self.error, self.estimate
        value, low, high = (None if math.isnan(x) else float(x) for x in (after, after.low, after.high))
        done = None
        if not error.n_items:
            done = "No label of this plan is certain since the taxonomy was edited; a new plan is needed (new=True)."
        elif error.good:
            done = f"At most {error.after.high:.1%} of the labels are still wrong."
        elif error.n_reviewed == error.n_items:
            done = "Every label is reviewed."
        return {"judged": error.n_reviewed, "error": value, "low": low, "high": high, "goal": error.tolerance,
                "left": error.n_needed or None, "done": done}

    def verdicts(self, n: int = 50) -> list[dict[str, Any]]:
        """List the last n verdicts of the annotator that weren't taken back, as plain JSON, the newest at the end."""
        mine = [verdict for verdict in self.project.state.verdicts.all() if verdict.annotator == self.annotator]
        return [{"decision_id": verdict.id, "item_id": verdict.item_id, "label": verdict.label,
                 "cause": verdict.cause} for verdict in mine[-n:]]

    # -- the plan --------------------------------------------------------------------------------------------

    def _plans(self) -> list[events.Event]:
        """The plans of the log, the oldest first; each is read once, since a large pool makes a long event."""
        with self.project.state.lock:
            last = self.project.log.last_seq()
            if last > self._read_to:
                self._known += [event for event in self.project.log.events(self._read_to, kind="planned")
                                if event.body.get("for") == _FOR and (event.seq or 0) <= last]
                self._read_to = last
            return list(self._known)

    def _frame(self) -> set[str]:
        """Ids of the items whose label is from answers: in the pool, and not gold."""
        project = self.project
        given = list(project.answers().given_votes)
        places = project.pool.positions(given)
        return {item_id for item_id, place in zip(given, places.tolist(), strict=True)
                if place >= 0 and not project.queue.gold[place]}

    def _draw(self, seed: int) -> None:
        """Store a new plan: each item's label now, and its posterior."""
        project = self.project
        answers, frame, number = project.answers(), self._frame(), len(self._plans())
        if not frame:
            raise BadInput("nobody answered an item yet whose label could be reviewed.")
        standing = answers.standing_labels()
        items = {item_id: [label_id, round(top, 6)] for item_id, (label_id, top) in sorted(standing.items())
                 if item_id in frame}
        try:
            project.record("planned", {"for": _FOR, "seed": seed, "tolerance": self._tolerance,
                                       "taxonomy": project.taxonomy.version, "items": items},
                           id=f"adjudication-{project.id}-{number}")
        except IdReused:  # somebody else's plan came first
            project.refresh()

    def _plan(self) -> _Plan:
        """The newest plan under today's labels, without items that left the pool or whose label is in doubt now."""
        project, event = self.project, self._plans()[-1]
        project.refresh()
        body, lineage = event.body, project.lineage
        drawn = project.pool.draws(body["seed"])
        places = project.pool.positions(list(body["items"])).tolist()
        verdicts = project.state.verdicts.by_item()
        rows = []
        for (item_id, (label_id, top)), place in zip(body["items"].items(), places, strict=True):
            label = lineage.exactly(label_id, body["taxonomy"])
            if place < 0 or label is None:
                continue
            verdict = verdicts.get(item_id)
            rows.append((item_id, label, top, drawn[place], verdict is not None,
                         verdict is not None and _differs(verdict, label, lineage)))
        item_ids, labels, top, draws, reviewed, changed = zip(*rows, strict=True) if rows else ((),) * 6
        return _Plan(event.id, list(item_ids), list(labels), np.array(top, float), np.array(draws, float),
                     np.array(reviewed, bool), np.array(changed, bool), float(body["tolerance"]))

    # -- answers ---------------------------------------------------------------------------------------------

    def _standing(self, item_id: str) -> list[events.Event]:
        """The current decisions on an item, one for each annotator, in random order."""
        known = list(self.project.log.events_of([item_id]))
        retracted = [event for event in known if event.kind == "retracted"]
        by: dict[str, list[events.Event]] = {}
        for event in known:
            if event.kind == "decided":
                by.setdefault(event.annotator, []).append(event)
        stands = [one for of in by.values() if (one := events.standing([*of, *retracted])) is not None]
        stands = [one for one in stands
                  if one.body["verdict"] != "skip" and not events.is_planted(one.body)]
        seed = f"{self.project.id}\0{item_id}\0"
        return sorted(stands, key=lambda one: blake2b((seed + one.annotator).encode(), digest_size=8).digest())

    def _answers(self, item_id: str) -> tuple[CompetingAnswer, ...]:
        lineage, answers = self.project.lineage, []
        for place, event in enumerate(self._standing(item_id)):
            body = event.body
            first = body.get("first") or {"label_id": body.get("label_id"),
                                          "taxonomy": body.get("seen", {}).get("taxonomy")}
            label_id = lineage.exactly(first["label_id"], first["taxonomy"])
            carried = body.get("seen", {}).get("certainty") == "carried"
            answers.append(CompetingAnswer(
                _letter(place), label_id, None if label_id is None else lineage.today.name_of(label_id),
                None if carried else body.get("certainty"), body.get("note"), body.get("reason"),
                tuple(body.get("flags", ()))))
        return tuple(answers)

    def _label_id(self, label: str | Collection[str]) -> str:
        """The id of the verdict's label, or that of the set where an item may have several."""
        project = self.project
        if project.task != "multilabel":
            return project.taxonomy.answer(label).id  # type: ignore[arg-type]
        names = names_of(label, project.lineage)
        return project.taxonomy.label_set(label if names is None else names)

    def _again(self, stored: events.Event, item_id: str, label: str | Collection[str] | None, cause: str) -> Verdict:
        """The verdict that was sent before, if this is the same one."""
        if stored.kind == "adjudicated" and stored.item_id == item_id and stored.body.get("cause") == cause:
            verdict = Verdict.of(stored)
            if (label is None) == (verdict.label_id is None) and (label is None or self._is_meant(label, verdict)):
                return verdict
        raise IdReused(f"event id {stored.id!r} is in the log already and says something else. A new act needs a new "
                       "id; leave id out to get one.")


    def _is_meant(self, label: str | Collection[str], verdict: Verdict) -> bool:
        """Whether a verdict's label is this one, by the names of the verdict's time."""
        lineage = self.project.lineage
        if not is_set(verdict.label_id):
            return isinstance(label, str) and lineage.means(label, verdict.label_id, verdict.taxonomy)
        then, names = lineage.versions[verdict.taxonomy], names_of(label, lineage)
        try:
            return then.label_set(label if names is None else names) == verdict.label_id
        except UnknownLabel:
            return False


def _differs(verdict: Verdict, label: str, lineage: Lineage) -> bool:
    """Whether a verdict contradicts a label of today; a verdict without a label contradicts none.

    A verdict whose label an edit left in doubt contradicts every label that it can't mean.
    """
    if verdict.label_id is None:
        return False
    now = lineage.exactly(verdict.label_id, verdict.taxonomy)
    return now != label if now is not None else not lineage.may_mean(verdict.label_id, verdict.taxonomy, label)


def _letter(place: int) -> str:
    """A, B, ..., Z, AA, AB, ... ."""
    return (_letter(place // 26 - 1) if place >= 26 else "") + ascii_uppercase[place % 26]
