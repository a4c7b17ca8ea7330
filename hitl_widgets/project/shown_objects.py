"""Shown objects: which of the proposals for an item a person sees, and which objects when they look at it again.

Read `shown` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ..events import Event, decision_of
from ..objects.deciding import as_seen, proposed
from ..quality.label_errors import SECOND_LOOK
from ..records import Decision, Item, Proposal
from ..taxonomy.history import Lineage
from .arms import ARMS
from .threshold_arms import WITHHELD, draw_proposals

if TYPE_CHECKING:
    from .project import Project


class Shown(NamedTuple):
    """What a person is shown of an item's objects.

    Parameters
    ----------
    objects, withheld : tuple of mapping
        As in `Seen`.
    threshold, threshold_probability : float or None
        As in `Seen`; None where nothing was proposed, and the probability also where nothing was drawn.
    hidden : bool
        Whether what was proposed is kept from the person. Their own objects never are.
    model : str or None
        What proposed them.
    """

    objects: tuple[Mapping[str, Any], ...] = ()
    withheld: tuple[Mapping[str, Any], ...] = ()
    threshold: float | None = None
    threshold_probability: float | None = None
    hidden: bool = False
    model: str | None = None


def shown(project: Project, item: Item, annotator: str) -> Shown:
    """Tell what a person is shown of an item: the proposals, or their own objects where they look at it again.

    Which proposals these are is drawn: see `threshold_arms`.
    """
    standing = project.log.standing_of(item.id, annotator) if project.queue.has_seen(item.position, annotator) else None
    if standing is not None and "objects" in standing.body:
        former = decision_of(standing)
        seen = former.seen
        doubted = _suspected(project, former) if item.chosen_by == SECOND_LOOK else frozenset()
        objects = ({**one, "doubt": True} if one["id"] in doubted else one
                   for one in revised(former, project.lineage))
        return Shown(tuple(objects), seen.withheld, seen.threshold, seen.threshold_probability, seen.hidden,
                     seen.model)
    adopted, proposals = _proposed(project, item.position)
    if adopted is None:
        return Shown(hidden=item.blind)
    # What measures, what a script answers and what is looked at again was no part of the draw.
    thresholds = todays_thresholds(adopted.body.get("thresholds", {}), adopted.body.get("taxonomy"), project.lineage)
    drawn = draw_proposals(proposals, thresholds, project.taxonomy.label_ids, seed=project.settings["seed"],
                           annotator=annotator, item_id=item.id, drawn=item.arm in ARMS, hidden=item.blind)
    return Shown(proposed(drawn.shown), tuple({**one, "p": WITHHELD} for one in proposed(drawn.withheld)),
                 drawn.threshold, drawn.probability, item.blind, adopted.body["model"])


def todays_thresholds(thresholds: Mapping[str, float], version: int | None, lineage: Lineage) -> dict[str, float]:
    """The score from which objects of today's labels are proposed; for a merged label, the least of its parts'.

    Parameters
    ----------
    thresholds : mapping
        label_id -> score, of the labels that the model learnt.
    version : int or None
        Of the taxonomy then.
    lineage : Lineage
    """
    carried: dict[str, float] = {}
    for label_id, threshold in thresholds.items():
        now = lineage.exactly(label_id, version)
        if now is not None:
            carried[now] = min(threshold, carried.get(now, 1.0))
    return carried


def _proposed(project: Project, position: int) -> tuple[Event | None, Sequence[Proposal]]:
    """The event of the adopted model, and what just this model proposes; None where none can be used."""
    adopted = project.adopted()
    while adopted is not None and (propose := project.propose) is not None:
        proposals = propose(position)
        if project.propose is None or (now := project.adopted()) is None:
            break
        if now.id == adopted.id:
            return adopted, proposals
        adopted = now  # another one was adopted while the image was searched
    return None, ()


def _suspected(project: Project, former: Decision) -> frozenset[str]:
    """The ids of the objects of a decision that may be wrong, as last estimated."""
    if project.second_looks is None:
        return frozenset()
    frame = project.second_looks.frame
    return frozenset(frame.loc[frame["decision_id"] == former.id, "object_id"].dropna())


def revised(decision: Decision, lineage: Lineage) -> list[dict[str, Any]]:
    """List the objects of a decision under today's labels, as they are shown when it is looked at again.

    One whose label is in doubt has the first of its candidates and ``doubt`` True; one whose label is retired is left
    out.
    """
    version, shown = decision.seen.taxonomy, []
    for one in as_seen(decision):
        now = lineage.exactly(one["label_id"], version)
        candidates = () if now is not None else lineage.candidates(one["label_id"], version)
        if now is None and not candidates:
            continue
        was = one.get("was")
        if was is not None:
            one["was"] = {**was, "label_id": lineage.exactly(was["label_id"], version) or was["label_id"]}
        shown.append({**one, "label_id": now or candidates[0], **({} if now is not None else {"doubt": True})})
    return shown
