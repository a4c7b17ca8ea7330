"""Automatic labels for items that an edit left in doubt, after random checks by people.

An item is in doubt if, since a taxonomy edit, its answer may mean one of several labels. A proposal says which label
each such item would get, and in which random order people check them. The checks estimate how many of the unchecked
labels would be wrong (`acceptance.assess`). No label is proposed for hold-out items. Read `advance` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..items.pool import Pool
from .relabel import Features, Proposal, RelabelQueue, model_order
from .state import State

if TYPE_CHECKING:
    from ..sampling.acceptance import Acceptance

# Maximum number of items for which labels are proposed, drawn at random: the features of each are needed.
N_PROPOSED = 20_000


@dataclass(frozen=True)
class Presumption:
    """The labels that can be presumed for items in doubt, and the checks that are still needed.

    Attributes
    ----------
    labels : mapping of str to str
        Item id -> name of the label that it would get; items that were checked are left out.
    checks : tuple of str
        Ids of the items that people have to check next, in order; ``wb.review(queue="relabel")`` shows them first,
        blind.
    estimate : Acceptance or None
        How many of the labels are wrong, estimated from the checks; None as long as nothing can be proposed.
    taken : tuple of str
        Ids of the items that are presumed from now on.
    """

    labels: Mapping[str, str]
    checks: tuple[str, ...] = ()
    estimate: Acceptance | None = None
    taken: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.estimate is None:
            return "<Presumption: nothing yet; answer more of the items in doubt, 5 for each label at least>"
        done = f"; {len(self.taken):,} are presumed now" if self.taken else ""
        asks = f"; {len(self.checks)} to be checked with wb.review(queue=\"relabel\")" if self.checks else ""
        return f"<Presumption: {self.estimate!r}{asks}{done}>"


def advance(state: State, pool: Pool, queue: RelabelQueue, *, annotator: str, tolerance: float, seed: int,
            features: Features, record: Callable[[Mapping[str, Any]], Any]) -> Presumption:
    """Take the next step: propose labels, list the missing checks, or conclude.

    If the checks find the labels good enough, the rest is presumed. If not, the proposal is dropped: its checks count
    as ordinary answers, and the next proposal is checked on other items.

    Parameters
    ----------
    state : State
        The state of the project.
    pool : Pool
        The items.
    queue : RelabelQueue
        The items in doubt.
    annotator : str
        The annotator whose relabelling queue it is.
    tolerance : float
        The largest acceptable share of wrong labels, above 0 and below 1.
    seed : int
        Seed of the light model's clusters and of the order of the checks.
    features : callable
        Positions -> float32, shape (n, n_features); NaN for an item that can't be read.
    record : callable
        Stores the body of an event of kind "presumed" and updates the state.
    """
    from ..sampling.acceptance import assess
    with state.lock:
        proposal = Proposal.of(state, pool)
    if proposal is None:
        if (body := _proposed(state, pool, queue, annotator, tolerance, seed, features)) is None:
            return Presumption({})
        record(body)
    with state.lock:
        proposal = Proposal.of(state, pool)
        if proposal is None:  # an edit was made meanwhile
            return Presumption({})
        wrong = proposal.wrong()
        checked = set(proposal.body["checks"][:len(wrong)])  # including skipped checks, which are still in doubt
        acceptance = assess(wrong, len(proposal.labels), tolerance=proposal.body["tolerance"])
        own, others = queue.asked(annotator, assigned=False)
        measures = queue.measures()  # a proposal of an earlier version of this package may have hold-out items
        places = pool.positions(list(proposal.labels)).tolist()
        rest = {item_id: label_id for (item_id, label_id), place in zip(proposal.labels.items(), places, strict=True)
                if place >= 0 and (own[place] or others[place]) and item_id not in checked and not measures[place]}
        checks = tuple(proposal.due())
        names = {item_id: state.lineage.today.name_of(label_id) for item_id, label_id in rest.items()}
    if acceptance.verdict == "more":
        return Presumption(names, checks, acceptance)
    taken = rest if acceptance.verdict == "good" else {}
    record({"labels": taken, "taxonomy": proposal.body["taxonomy"], "concludes": proposal.id,
            "estimate": acceptance.to_dict()})
    return Presumption(names, (), acceptance, tuple(taken))


def _proposed(state: State, pool: Pool, queue: RelabelQueue, annotator: str, tolerance: float, seed: int,
              features: Features) -> dict[str, Any] | None:
    """The body of a proposal for items that the newest edit left in doubt; None as long as nothing can be proposed."""
    from ..sampling import acceptance
    doubtful = queue.newest(annotator, N_PROPOSED)
    if doubtful is None or (modelled := model_order(doubtful, features, seed=seed)) is None:
        return None
    positions, label_ids, order = modelled
    ids, best = pool.ids[positions], order.probs.argmax(axis=1)
    with state.lock:
        labels = {row: label_id for row in acceptance.presumable(order, tolerance=tolerance).tolist()
                  if (label_id := queue.settled(int(positions[row]), label_ids[best[row]])) is not None}
    if not labels:
        return None
    rows = np.array(list(labels), np.int64)
    # A new order for each proposal: the same items may be proposed again, and their checks must be drawn anew.
    checks = acceptance.check_order(rows, seed=seed + state.n_proposed)
    return {"labels": {}, "tolerance": tolerance,
            "proposed": {str(ids[row]): label_id for row, label_id in labels.items()},
            "checks": [str(ids[row]) for row in checks[:acceptance.LOOKS[-1]]], "edit": doubtful.step.id,
            "taxonomy": state.lineage.today.version}
