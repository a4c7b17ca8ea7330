"""Which labels may be presumed of the items that an edit left in doubt, and was that checked?

First it is written down which label each item would be taken for, and in which random order people are asked about
them; then what they say tells how wrong the rest would be (`acceptance.assess`). Read `go_on` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..items.pool import Pool
from .proposal import Proposal
from .relabel import Relabel, told
from .state import State

if TYPE_CHECKING:
    from ..sampling.acceptance import Acceptance

# Of so many items at most, drawn by chance, labels are presumed at once: each has to be looked at.
AT_ONCE = 20_000


@dataclass(frozen=True)
class Presumption:
    """How far the labels of items in doubt can be presumed.

    Attributes
    ----------
    labels : item id -> name of the label that it would be taken for, without those that were checked
    checks : ids of the items that people have to be asked about next, in their order; `wb.review(queue="relabel")` asks
        about them first, blind
    estimate : how wrong the labels are, as far as the checks tell; None as long as nothing can be proposed
    taken : ids of the items that are presumed from now on
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


def go_on(state: State, pool: Pool, relabel: Relabel, *, annotator: str, tolerance: float, seed: int,
          features: Callable[[np.ndarray], np.ndarray], record: Callable[[Mapping[str, Any]], Any]) -> Presumption:
    """The next step: propose, tell which checks are missing, or conclude.

    What was checked and found good is presumed. What wasn't is given up: its checks were answers like any other, and
    the next proposal is checked with items of its own.

    Parameters
    ----------
    features : positions -> float32, shape (n, n_features), NaN for what can't be read
    record : writes the body of an event of kind "presumed" down, and has it taken in
    """
    from ..sampling.acceptance import assess
    with state.lock:
        proposal = Proposal.of(state, pool)
    if proposal is None:
        if (body := _proposed(state, pool, relabel, annotator, tolerance, seed, features)) is None:
            return Presumption({})
        record(body)
    with state.lock:
        proposal = Proposal.of(state, pool)
        if proposal is None:  # an edit came between
            return Presumption({})
        wrong = proposal.wrong()
        seen = set(proposal.body["checks"][:len(wrong)])  # a skipped one was seen, and is still in doubt
        said = assess(wrong, len(proposal.labels), tolerance=proposal.body["tolerance"])
        own, others = relabel.asked(annotator)
        places = pool.positions(list(proposal.labels)).tolist()
        left = {item_id: label_id for (item_id, label_id), place in zip(proposal.labels.items(), places, strict=True)
                if place >= 0 and (own[place] or others[place]) and item_id not in seen}
        checks = tuple(proposal.due())
        names = {item_id: state.lineage.today.name_of(label_id) for item_id, label_id in left.items()}
    if said.verdict == "more":
        return Presumption(names, checks, said)
    taken = left if said.verdict == "good" else {}
    record({"labels": taken, "taxonomy": proposal.body["taxonomy"], "concludes": proposal.id,
            "estimate": said.to_dict()})
    return Presumption(names, (), said, tuple(taken))


def _proposed(state: State, pool: Pool, relabel: Relabel, annotator: str, tolerance: float, seed: int,
              features: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any] | None:
    """What can be proposed of the items that the newest edit left in doubt; None as long as nothing can."""
    from ..sampling import acceptance
    sight = relabel.newest(annotator, AT_ONCE)
    if sight is None or (known := told(sight, features, seed=seed)) is None:
        return None
    positions, family, said = known
    rows = acceptance.presumable(said, tolerance=tolerance)
    if not len(rows):
        return None
    ids, best = pool.ids[positions], said.probs.argmax(axis=1)
    # Another order each time: the same items may be proposed again, and their checks must be drawn anew.
    order = acceptance.check_order(rows, seed=seed + state.n_proposed)
    return {"labels": {}, "proposed": {str(ids[row]): family[best[row]] for row in rows}, "tolerance": tolerance,
            "checks": [str(ids[row]) for row in order[:acceptance.LOOKS[-1]]], "edit": sight.step.id,
            "taxonomy": state.lineage.today.version}
