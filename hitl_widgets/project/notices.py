"""Consent and notices: agreement to planted suggestions, alarms about gold, and reports on what had been planted.

A notice is an event of kind "told" to one person; only their own card shows it, until they have read it. Everybody who
has the project's folder can read the log itself. Read `People` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import BadInput, IdReused
from ..events import Event
from ..quality.annotation_tables import in_common
from ..quality.gold_tests import gold_figures
from ..quality.intervals import across
from ..records import LABELLING, check_annotator, check_event_id, new_id, utc_now
from ..storage.roles import NEEDS
from ..taxonomy.label_sets import is_set
from .hidden_tests import truth_of
from .policy import PLANTED
from .workload import asked_in_words

if TYPE_CHECKING:
    from .project import Project

# Minimum number of people in a figure about others.
FEWEST = 5
# `chosen_by` of answers that aren't tests: nobody saw a screen, or the item was reviewed.
NO_TEST = frozenset({"import", "desk", "revision", "relabel", "check", "second look", "second_look", "planted"})
ANSWER_COLUMNS = ["item_id", "annotator", "label", "truth", "acted_at"]
TABLE_COLUMNS = ["annotator", "n_people", "n", "accuracy", "low", "high", "state"]


class People:
    """The questions and notices that people of a project get on their cards. Safe for many threads.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._tested: dict[str, tuple[object, int]] = {}

    # -- consent

    def about(self, annotator: str) -> dict[str, Any] | None:
        """The public facts about the project: purpose, owner, names, and what this person agreed to.

        `asked` says which items are assigned to this person and how many are done. None if nothing was set and nothing
        is assigned to them.
        """
        project = self._project
        with project.state.lock:
            project.refresh()
            agreements = project.state.agreements
            asked = asked_in_words(project, annotator)
            if not agreements.policy and asked is None:
                return None
            takes_part = bool(agreements.policy.get(PLANTED)) and bool(agreements.consent(annotator, PLANTED))
            return {"purpose": agreements.policy.get("purpose"), "owner": agreements.owner,
                    "names": bool(agreements.policy.get("names")), "takes_part": [PLANTED] * takes_part,
                    **({} if asked is None else {"asked": asked})}

    def asks_consent(self, annotator: str) -> dict[str, str] | None:
        """The question to a person before they get suggestions that are wrong on purpose: `to`, `text` and `policy`.

        None if there is nothing to ask, or they have answered.
        """
        project = self._project
        with project.state.lock:
            project.refresh()
            planted = project.state.policy.get(PLANTED)
            if not planted or project.state.agreements.consent(annotator, PLANTED) is not None \
                    or not project.state.roles.allows(annotator, NEEDS["consented"]):
                return None
            about = project.state.agreements.set_by[PLANTED]
        purpose = planted["purpose"] + ("" if planted["purpose"].endswith((".", "!", "?")) else ".")
        return {"to": PLANTED, "policy": about, "text":
                f"Some suggestions are wrong on purpose in this project, at most {100 * planted['share']:.3g}% of what "
                f"you are asked, to learn how far a suggestion moves an answer. Purpose: {purpose} Such an "
                "answer is no vote. When the sitting is over, you are told which ones they were. You may stop at any "
                "time. Do you agree?"}

    def consent(self, to: str, yes: bool, annotator: str, *, policy: str | None = None, id: str | None = None,
                acted_at: datetime | None = None) -> None:
        """Store a person's yes or no; after a no, no more suggestions are planted for them.

        `policy` is the id from the question that they read; None for the one that holds now.

        Raises
        ------
        BadInput
            When `to` is unknown, there is nothing to agree to, or the question has changed.
        """
        if to != PLANTED or not isinstance(yes, bool):
            raise BadInput(f"consent to {to!r} is {yes!r}; True or False, to {PLANTED!r}, is expected.")
        project = self._project
        with project.state.lock:
            project.refresh()
            agreements = project.state.agreements
            if id is not None and (stored := project.log.get(check_event_id(id))) is not None:
                if (stored.kind, stored.annotator, stored.body.get("to"), stored.body.get("yes")) \
                        == ("consented", annotator, to, yes):
                    return  # sent again, perhaps after what was set has changed
                raise IdReused(f"event id {id!r} is in the log already and says something else. A new act needs a new "
                               "id; leave id out to get one.")
            if yes and not agreements.policy.get(PLANTED):
                raise BadInput("there is nothing to agree to: no suggestion is wrong on purpose in this project.")
            about = agreements.set_by.get(PLANTED)
            if yes and policy is not None and policy != about:
                raise BadInput(f"what {agreements.owner} asks has changed since you read it; read the question again.")
        self._append("consented", {"to": to, "yes": yes, **({} if about is None else {"policy": about})}, annotator,
                     id=id, acted_at=acted_at)

    # -- notices

    def notices(self, annotator: str) -> list[dict[str, Any]]:
        """List this person's unread notices: notice (its id), kind, text and lines."""
        self._tell_of_gold(annotator)
        told = self._project.state.agreements.told.get(annotator, ())
        read = {event.body.get("read") for event in told}
        return [{"notice": event.id, "kind": event.body["kind"], "text": event.body["text"],
                 "lines": list(event.body.get("lines", ()))}
                for event in told if "kind" in event.body and event.id not in read]

    def dismiss(self, notice: str, annotator: str, *, id: str | None = None, acted_at: datetime | None = None) -> None:
        """Mark a notice as read; BadInput where this person has no such notice."""
        self._project.refresh()
        if not any(event.id == notice for event in self._project.state.agreements.told.get(annotator, ())):
            raise BadInput(f"notice {notice!r:.90} isn't one that {annotator} was told.")
        self._append("told", {"read": notice}, annotator, id=id or _id("read", annotator, notice), acted_at=acted_at)

    def end_sitting(self, annotator: str) -> None:
        """Tell a person which suggestions had been planted since the last such notice."""
        project = self._project
        project.refresh()
        if project.state.agreements.consents.get((annotator, PLANTED)) is None:  # nothing was ever planted for them
            return
        planted = self._planted_since_told(annotator)
        if not planted:
            return
        latest = {event.item_id or "": event for event in planted}
        debriefed = [self._debriefed(item_id, event) for item_id, event in latest.items()]
        lines, n_taken = [line for line, _ in debriefed], sum(taken for _, taken in debriefed)
        suggestion = "suggestion" if len(lines) == 1 else "suggestions"
        self._append("told", {
            "kind": "debrief", "text": f"{len(lines)} {suggestion} that you saw in this sitting had been made wrong on "
            f"purpose; you took {n_taken} of them. These answers are no votes.", "lines": lines,
            "decisions": [event.id for event in latest.values()], "upto": planted[-1].seq}, annotator,
            id=_id("debrief", annotator, planted[-1].id))

    def _planted_since_told(self, annotator: str) -> list[Event]:
        """List a person's decisions in sight of planted suggestions since the last notice about these."""
        log, told = self._project.log, self._project.state.agreements.told.get(annotator, ())
        # Joining logs changes the events' numbers and inserts events: all are read again.
        since = 0 if log.generation else max((event.body.get("upto", 0) for event in told), default=0)
        events = list(log.events(since, kind="decided", annotator=annotator))
        known = {decision_id for event in told for decision_id in event.body.get("decisions", ())}
        last = {event.item_id: event.seq or 0 for event in events if event.id in known}
        return [event for event in events if event.body.get("seen", {}).get("planted")
                and (event.seq or 0) > last.get(event.item_id, 0)]

    def planted(self, annotator: str) -> pd.DataFrame:
        """The planted suggestions that a person was told about: item_id, suggestion, label, taken, acted_at."""
        project, rows = self._project, []
        project.refresh()
        for told in project.state.agreements.told.get(annotator, ()):
            for decision_id in told.body.get("decisions", ()):
                if (event := project.log.get(decision_id)) is not None:
                    seen, version = event.body["seen"], event.body["seen"].get("taxonomy")
                    rows.append((event.item_id, self._name(seen["suggestion"], version),
                                 self._name(event.body.get("label_id"), version),
                                 event.body.get("label_id") == seen["suggestion"], event.acted_at))
        return pd.DataFrame(rows, columns=["item_id", "suggestion", "label", "taken", "acted_at"])

    def _debriefed(self, item_id: str, event: Event) -> tuple[str, bool]:
        body, seen, state = event.body, event.body["seen"], self._project.state
        suggestion, label = (self._name(label_id, seen.get("taxonomy"))
                             for label_id in (seen["suggestion"], body.get("label_id")))
        truth = truth_of(state.gold.get(item_id), state.lineage)
        known = "" if truth is None else f"; {state.lineage.today.name_of(truth)!r} is known"
        said = f"you said {label!r}" if label is not None else f"you said {body['verdict']}"
        return f"{item_id}: {suggestion!r} was suggested, {said}{known}.", body.get("label_id") == seen["suggestion"]

    def _name(self, label_id: str | None, version: int | None) -> str | None:
        if label_id is None:
            return None
        lineage = self._project.lineage
        today = lineage.exactly(label_id, version)
        return lineage.today.name_of(today) if today is not None \
            else lineage.versions[version or lineage.today.version].name_of(label_id)

    def _tell_of_gold(self, annotator: str) -> None:
        """Tell a person of an alarm about their gold answers, once; nobody else is told."""
        project = self._project
        with project.state.lock:
            project.refresh()
            state = project.state
            if not state.gold:
                return
            project.require_pool()
            n_closed = int((state.queue.is_closed(annotator) & state.queue.gold).sum())
            key = (n_closed, len(state.gold), state.lineage.today.version)
        if self._tested.get(annotator, (None, 0))[0] == key:
            return
        figures = gold_figures(self.gold_answers([annotator]))
        self._tested[annotator] = (key, len(figures))
        if not len(figures) or not (n_alarms := int(figures["n_alarms"].iloc[0])):
            return
        if n_alarms <= sum(event.body.get("kind") == "alarm" for event in state.agreements.told.get(annotator, ())):
            return
        n, right = int(figures["n"].iloc[0]), int(figures["n_right"].iloc[0])
        sees = bool(state.policy.get("names")) and not state.agreements.is_owner(annotator)
        who = f"{state.agreements.owners_in_words}, can see it" if sees else "Nobody else is told"
        self._append("told", {
            "kind": "alarm", "text": f"Of your {n} answers to items whose answer is known, {n - right} differ from it: "
            f"more than is usual. {who}, and nothing is blocked. The definitions of the labels may help, or a question "
            "to a colleague.", "n_alarms": n_alarms}, annotator, id=_id("alarm", annotator, str(n_alarms)))

    # -- figures about people

    # 14 branches: conditions for the first answer of a person, and for an answer to a test.
    def gold_answers(self, annotators: Sequence[str] | None = None) -> pd.DataFrame:
        """Each person's first answer to each gold item, where it was asked as a test.

        An answer counts if it was given after the item became gold, without sight of a suggestion, and before its
        author had seen the item otherwise. Answers to planted suggestions don't count.

        Parameters
        ----------
        annotators : sequence of str, optional
            Only these people; everybody if missing.

        Returns
        -------
        DataFrame
            item_id, annotator, label and truth (today's label_ids, None where an edit left them in doubt) and acted_at,
            in the order of the log. Sets of labels are restricted to those that both the answer and the known one tell
            of.
        """
        project = self._project
        with project.state.lock:
            project.refresh()
            lineage, gold, since = project.lineage, dict(project.state.gold), dict(project.state.gold_since)
        events = [event for event in project.log.events_of(sorted(gold)) if event.kind in ("decided", "retracted")]
        undone = {event.body["decision_id"] for event in events if event.kind == "retracted"}
        first: dict[tuple[str, str], Event] = {}
        for event in sorted(events, key=lambda event: event.seq or 0):
            if event.kind == "decided" and event.body["verdict"] != "skip" and event.id not in undone \
                    and (annotators is None or event.annotator in annotators):
                first.setdefault((event.item_id or "", event.annotator), event)
        rows = []
        for (item_id, annotator), event in first.items():
            if (event.seq or 0) < since.get(item_id, 0) or not _is_test(event.body):
                continue
            version = event.body.get("seen", {}).get("taxonomy")
            label_id, truth = lineage.exactly(event.body.get("label_id"), version), truth_of(gold[item_id], lineage)
            if truth is not None and is_set(truth):
                (label_id, truth), _ = in_common([item_id] * 2, [label_id, truth], [version, gold[item_id][1]],
                                                  [annotator] * 2, lineage)
            rows.append((item_id, annotator, label_id, truth, event.acted_at))
        return pd.DataFrame(rows, columns=ANSWER_COLUMNS)

    def table(self, reader: str) -> tuple[pd.DataFrame, str]:
        """The accuracy on gold that a reader may see, and a sentence that says why it isn't more.

        Parameters
        ----------
        reader : str
            Who reads it: their own row has their name. Only the owner sees names of others, and only if the project was
            created with that setting; otherwise five or more others share one row.
        """
        project = self._project
        answers = self.gold_answers()
        figures = gold_figures(answers).assign(n_people=1)
        agreements = project.state.agreements
        if agreements.policy.get("names") and agreements.is_owner(reader):
            return figures[TABLE_COLUMNS].reset_index(drop=True), ""
        own, others = figures[figures["annotator"] == reader], figures[figures["annotator"] != reader]
        n = len(others)
        why = f"Figures of others are shown for {FEWEST} people or more together; {n} others have answered gold. " \
            "Names would be shown to the owner only, in a project made with names=True."
        if n < FEWEST:
            return own[TABLE_COLUMNS].reset_index(drop=True), why
        n_answers, value = int(others["n"].sum()), float(others["accuracy"].mean())
        low, high = across(others["n_right"].to_numpy(np.int64), others["n"].to_numpy(np.int64))
        together = pd.DataFrame([[f"{n} others", n, n_answers, value, min(low, value), max(high, value),
                                  f"{int((others['state'] == 'alarm').sum())} in alarm"]], columns=TABLE_COLUMNS)
        return pd.concat([own[TABLE_COLUMNS], together], ignore_index=True) if len(own) else together, why

    def _append(self, kind: str, body: dict[str, Any], annotator: str, *, id: str | None = None,
                acted_at: datetime | None = None) -> None:
        """Store an event of this person, unless another process has stored it already."""
        project = self._project
        try:
            project.take_in(Event(id=id or new_id(), kind=kind, annotator=check_annotator(annotator), body=body,
                                  acted_at=acted_at or utc_now()))
        except IdReused:
            project.refresh()


def _is_test(body: Mapping[str, Any]) -> bool:
    """Whether a decision gives a label as a test asks for it: with no suggestion in sight, and none planted."""
    seen = body.get("seen", {})
    visible = seen.get("suggestion") is not None and not seen.get("hidden", False)
    return body["verdict"] in LABELLING and not visible and not seen.get("planted") \
        and seen.get("chosen_by") not in NO_TEST


def _id(what: str, annotator: str, about: str) -> str:
    """Make the id of a notice, the same in every process, so that it is stored only once."""
    return f"told-{what}-{blake2b(f'{annotator}{chr(0)}{about}'.encode(), digest_size=12).hexdigest()}"
