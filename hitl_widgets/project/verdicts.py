"""Verdicts of an adjudication: an item's label, and why its annotators differed.

A verdict is an event of kind "adjudicated". It overrules the votes on its item, which are kept as they were given. Read
`Verdicts.labels` first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from ..errors import BadInput
from ..events import Event
from ..taxonomy.history import Lineage

Cause = Literal["ambiguous", "guideline_gap", "slip", "edge_case", "disagreement"]

CAUSES: tuple[str, ...] = get_args(Cause)
CAUSES_IN_WORDS: dict[Cause, str] = {
    "ambiguous": "the item is ambiguous", "guideline_gap": "a gap in the guideline", "slip": "a slip",
    "edge_case": "an edge case", "disagreement": "honest disagreement"}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one item.

    Parameters
    ----------
    id : str
        Id of the log's event.
    item_id : str
        The item.
    annotator : str
        Who decided.
    acted_at : datetime
        When, in UTC.
    cause : {"ambiguous", "guideline_gap", "slip", "edge_case", "disagreement"}
        Why the answers differed.
    label_id, label : str or None
        The label, and its name at that time; None if none was chosen, so that the votes stay valid.
    taxonomy : int
        The taxonomy version of the label.
    note : str or None
        The adjudicator's note.
    answers : tuple of str
        Ids of the decisions that were reviewed.
    plan : str or None
        Id of the plan from which the item was drawn; None for an item that somebody chose.
    draw : float or None
        The item's random number in the plan, from 0 to 1: the smallest numbers form the random sample.
    stood : str or None
        The item's label_id when the plan was drawn; None for an item outside the plan.
    """

    id: str
    item_id: str
    annotator: str
    acted_at: datetime
    cause: Cause
    label_id: str | None
    label: str | None
    taxonomy: int
    note: str | None = None
    answers: tuple[str, ...] = ()
    plan: str | None = None
    draw: float | None = None
    stood: str | None = None

    def __repr__(self) -> str:
        label = "the votes hold" if self.label_id is None else f"label {self.label or self.label_id!r}"
        return f"<Verdict on {self.item_id!r} by {self.annotator}: {label}, {self.cause}>"

    @classmethod
    def of(cls, event: Event) -> Verdict:
        """Read an event of kind "adjudicated" that isn't an undo; ValueError if it doesn't have the right form."""
        body = event.body
        draw, answers = body.get("draw"), body.get("answers", [])
        texts = [body["cause"], *(value for name in ("label_id", "label", "note", "plan", "stood")
                                  if (value := body.get(name)) is not None)]
        if type(body["taxonomy"]) is not int or not isinstance(answers, list) \
                or not all(isinstance(text, str) for text in (*texts, *answers)) \
                or not (draw is None or type(draw) in (int, float)):
            raise ValueError(f"a verdict says {dict(body)!r:.200}")
        return cls(event.id, event.item_id or "", event.annotator, event.acted_at, body["cause"],
                   body.get("label_id"), body.get("label"), body["taxonomy"], body.get("note"),
                   tuple(answers), body.get("plan"), draw, body.get("stood"))

    def body(self) -> dict[str, Any]:
        """The body of its event, without annotator, time and item."""
        fields = {"label_id": self.label_id, "label": self.label, "taxonomy": self.taxonomy, "cause": self.cause,
                  "note": self.note, "answers": list(self.answers), "plan": self.plan,
                  "draw": self.draw, "stood": self.stood}
        return {name: value for name, value in fields.items() if value is not None}


class Verdicts:
    """The verdicts that weren't taken back, up to some event of the log. Not thread-safe; `State` locks it."""

    def __init__(self) -> None:
        self._standing: dict[str, Verdict] = {}

    def take_in(self, events: Iterable[Event]) -> set[str]:
        """Apply "adjudicated" events in the log's order; return the ids of their items."""
        standing, items = dict(self._standing), set[str]()
        for event in events:
            items.add(event.item_id or "")
            if (undone := event.body.get("undoes")) is not None:
                standing.pop(undone, None)
            else:
                standing[event.id] = Verdict.of(event)
        self._standing = standing
        return items

    def all(self) -> list[Verdict]:
        """The verdicts that weren't taken back, the oldest first."""
        return list(self._standing.values())

    def by_item(self) -> dict[str, Verdict]:
        """The last verdict on each item: item_id -> verdict."""
        return {verdict.item_id: verdict for verdict in self._standing.values()}

    def labels(self, lineage: Lineage, changed: Collection[str] = ()) -> dict[str, str]:
        """The labels that overrule votes: item_id -> today's label_id.

        Left out are verdicts that chose no label, verdicts whose label an edit left in doubt, and verdicts on answers
        to items whose content has changed since.

        Parameters
        ----------
        lineage : Lineage
        changed : collection of str
            Ids of the decisions on items whose content has changed since.
        """
        labels = {}
        for item_id, verdict in self.by_item().items():
            today = lineage.exactly(verdict.label_id, verdict.taxonomy)
            if today is not None and not (verdict.answers and changed and set(verdict.answers).issubset(changed)):
                labels[item_id] = today
        return labels

    def states(self, lineage: Lineage, changed: Collection[str] = ()) -> dict[str, dict[str, bool]]:
        """The labels of sets that overrule votes: item_id -> today's label_id -> whether the label is on.

        The verdicts that `labels` leaves out are left out here too. Labels that were added after the verdict are
        missing: the votes decide about them.
        """
        by_item = self.by_item()
        states = {item_id: lineage.label_states(by_item[item_id].label_id or "", by_item[item_id].taxonomy)
                  for item_id in self.labels(lineage, changed)}
        return {item_id: {label_id: on for label_id, on in of_item.items() if on is not None}
                for item_id, of_item in states.items()}


def check_cause(cause: Any) -> Cause:
    """Return the cause, if it is one of `CAUSES`."""
    if cause not in CAUSES:
        raise BadInput(f"cause is {cause!r}; one of {', '.join(CAUSES)} is expected: why the answers differ.")
    known: Cause = cause
    return known
