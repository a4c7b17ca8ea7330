"""Context of a decision: what was on the screen, and the regions that were marked.

Each function checks what a person or a script passed, and gives it the form that the log keeps. Read `seen_on_screen`
first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import BadInput
from ..items.pool import Pool
from ..records import Item, Prediction, Region, Seen
from ..taxonomy.history import Lineage

# So many of the largest probabilities are shown, and kept with a decision.
SHOWN_PROBS = 5


def seen_on_screen(seen: Seen, lineage: Lineage) -> Seen:
    """Complete what was on the screen: label_ids in place of names, and the version of the taxonomy that was offered.

    Parameters
    ----------
    seen : Seen
        Labels by name or label_id; without a version, today's taxonomy was offered.
    lineage : Lineage

    Raises
    ------
    BadInput, UnknownLabel
        When the log has no such version, or the version no such label.
    """
    version = seen.taxonomy or lineage.today.version
    if version not in lineage.versions:
        raise BadInput(f"seen.taxonomy is version {seen.taxonomy!r}; the log has {sorted(lineage.versions)}.")
    offered = lineage.versions[version]
    return replace(seen, taxonomy=version, **_arm_kept(seen),
                   suggestion=None if seen.suggestion is None else offered.label(seen.suggestion).id,
                   target=None if seen.target is None else offered.label(seen.target).id,
                   probs={offered.label(label).id: p for label, p in seen.probs.items()})


def _arm_kept(seen: Seen) -> dict[str, Any]:
    """Leave out an arm that isn't how the item was shown: in a blind review, or looked at again with the suggestion."""
    nothing = seen.suggestion is None and seen.model is None
    if seen.arm in (None, "none") or not (nothing or (seen.hidden if seen.arm in ("shown", "no_map") else
                                                      seen.arm == "blind" and not seen.hidden)):
        return {}
    return {"arm": "none" if nothing else None, "arm_probability": None}


def seen_now(prediction: Prediction | None, *, hidden: bool, chosen_by: str, taxonomy: int, scripted: bool = False
             ) -> Seen:
    """Say what a person would see of an item now: the suggestion and its probabilities, hidden or not.

    There is no suggestion where the model can't tell the likeliest labels apart.
    """
    if prediction is None:
        return Seen(hidden=hidden, chosen_by=chosen_by, taxonomy=taxonomy, scripted=scripted)
    return Seen(suggestion=prediction.suggestion, probs=prediction.top(SHOWN_PROBS), model=prediction.model,
                hidden=hidden, chosen_by=chosen_by, taxonomy=taxonomy, scripted=scripted)


def seen_of(item: Item, prediction: Prediction | None, *, taxonomy: int) -> Seen:
    """Say what a person would see of an item of the queue now, in its arm; without a prediction the arm is "none".

    An item that was drawn when there was no model is shown without a suggestion.
    """
    if prediction is None or item.arm == "none":
        return Seen(hidden=item.blind, chosen_by=item.chosen_by, taxonomy=taxonomy, repeat_of=item.repeat_of,
                    arm=None if item.arm is None else "none")
    seen = seen_now(prediction, hidden=item.blind, chosen_by=item.chosen_by, taxonomy=taxonomy)
    return replace(seen, arm=item.arm, arm_probability=item.arm_probability, repeat_of=item.repeat_of,
                   planted=item.planted is not None, suggestion=item.planted or seen.suggestion)


def explanation_feedback(pool: Pool, position: int, *, reason: str | None, wrong: np.ndarray | Region | None,
                         missing: np.ndarray | Region | None) -> dict[str, Any]:
    """Check an annotator's word on the explanation, as fields of a `Decision`; an empty region is none.

    Parameters
    ----------
    pool : Pool
    position : int
        Of the item in the pool.
    reason : "right", "wrong" or None
        A region says "wrong" by itself.
    wrong, missing : Region, or ndarray of bool, shape (H, W) at the item's size

    Raises
    ------
    BadInput
        When a region is of another size, or covers the whole item.
    """
    regions: dict[str, Region] = {}
    for name, mask in (("wrong", wrong), ("missing", missing)):
        if mask is None:
            continue
        region = mask if isinstance(mask, Region) else Region.of(mask)
        if region.size != (size := pool.size(position)):
            raise BadInput(f"the {name} region has the size {region.size}; item {pool.ids[position]!r} is "
                           f"{size} (height, width), and the mask must be as large.")
        if region.n_pixels == size[0] * size[1]:
            raise BadInput(f"the {name} region covers the whole item, which says nothing of where; mark a part.")
        if region.n_pixels:
            regions[name] = region
    return {"reason": reason or ("wrong" if regions else None), **regions}
