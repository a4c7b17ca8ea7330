"""The objects that are shown to a person when an item is opened.

For a new item, these are some of the model's proposals. For an item that the person has already answered, they are the
objects of this answer. Read `shown` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """The objects that a person is shown for an item.

    Parameters
    ----------
    objects, withheld : tuple of mapping
        See `Seen`.
    threshold, threshold_probability : float or None
        See `Seen`. Both are None without a model that proposes objects; the probability is also None if the threshold
        wasn't drawn at random.
    hidden : bool
        Whether the proposals are hidden from the person. The person's own objects are never hidden.
    model : str or None
        Version of the model that proposed them.
    """

    objects: tuple[Mapping[str, Any], ...] = ()
    withheld: tuple[Mapping[str, Any], ...] = ()
    threshold: float | None = None
    threshold_probability: float | None = None
    hidden: bool = False
    model: str | None = None


def shown(project: Project, item: Item, annotator: str) -> Shown:
    """The objects that a person is shown for an item: the proposals, or the person's own objects in a review.

    Proposals are selected at random: see `threshold_arms`.
    """
    standing = project.log.standing_of(item.id, annotator) if project.queue.has_seen(item.position, annotator) else None
    if standing is not None and "objects" in standing.body:
        former = decision_of(standing)
        seen = former.seen
        doubted = _suspected(project, former) if item.chosen_by == SECOND_LOOK else frozenset()
        objects = ({**one, "doubt": True} if one["id"] in doubted else one
                   for one in revised(former, project.lineage))
        return Shown(tuple(objects), _carried(seen.withheld, seen.taxonomy, project.lineage), seen.threshold,
                     seen.threshold_probability, seen.hidden, seen.model)
    adopted, proposals = _proposed(project, item.position)
    if adopted is None:
        return Shown(hidden=item.blind)
    # Thresholds aren't drawn for hold-out and gold items, scripts and reviews.
    thresholds = todays_thresholds(adopted.body.get("thresholds", {}), adopted.body.get("taxonomy"), project.lineage)
    drawn = draw_proposals(proposals, thresholds, project.taxonomy.label_ids, seed=project.settings["seed"],
                           annotator=annotator, item_id=item.id, drawn=item.arm in ARMS, hidden=item.blind)
    return Shown(proposed(drawn.shown), tuple({**one, "p": WITHHELD} for one in proposed(drawn.withheld)),
                 drawn.threshold, drawn.probability, item.blind, adopted.body["model"])


def todays_thresholds(thresholds: Mapping[str, float], version: int | None, lineage: Lineage) -> dict[str, float]:
    """The score thresholds of proposals with today's labels; for a merged label, the minimum of its parts.

    Parameters
    ----------
    thresholds : mapping
        label_id -> score, for the labels that the model was trained on.
    version : int or None
        The taxonomy version when the model was trained.
    lineage : Lineage
    """
    carried: dict[str, float] = {}
    for label_id, threshold in thresholds.items():
        now = lineage.exactly(label_id, version)
        if now is not None:
            carried[now] = min(threshold, carried.get(now, 1.0))
    return carried


def _proposed(project: Project, position: int) -> tuple[Event | None, Sequence[Proposal]]:
    """The event of the adopted model, and the proposals of this model; None without a usable model."""
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
    """Ids of a decision's objects that may be wrong according to the last estimate of label errors."""
    if project.second_looks is None:
        return frozenset()
    frame = project.second_looks.frame
    return frozenset(frame.loc[frame["decision_id"] == former.id, "object_id"].dropna())


def _carried(withheld: Iterable[Mapping[str, Any]], version: int | None, lineage: Lineage
             ) -> tuple[Mapping[str, Any], ...]:
    """The objects that were withheld under some version, with today's labels where these are certain.

    Where an edit left the label in doubt, or removed it, it stays as it was proposed: the place was withheld from the
    person all the same, so it is still left out of training where they marked nothing there.
    """
    return tuple({**one, "label_id": lineage.exactly(one["label_id"], version) or one["label_id"]} for one in withheld)


def revised(decision: Decision, lineage: Lineage) -> list[dict[str, Any]]:
    """List the objects of a decision under today's labels, as a review shows them.

    An object whose label is in doubt gets the first candidate and ``doubt`` True; objects with a retired label are left
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
