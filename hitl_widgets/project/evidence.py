"""Context of a decision: what was on the screen, and the regions that were marked.

Each function checks what a person or a script passed, and converts it to the form that is stored in the log. Read
`seen_on_screen` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import BadInput
from ..items.pool import Pool
from ..objects.shapes import Span, inside
from ..records import OBJECT_TARGET, Item, PredictedValue, Prediction, Region, Seen
from ..taxonomy.attributes import Value, explained_attribute
from ..taxonomy.history import Lineage
from ..taxonomy.label_sets import is_set, members, set_id
from ..taxonomy.labels import Taxonomy

# Number of the largest probabilities that are shown, and kept with a decision.
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
                   suggestion=None if seen.suggestion is None else suggested_id(seen.suggestion, offered),
                   values={offered.attribute(name).id: value for name, value in seen.values.items()},
                   target=None if seen.target is None else seen.target
                   if is_of_attribute(seen.target, offered) or is_of_object(seen.target) else
                   offered.label(seen.target).id,
                   probs={offered.label(label).id: p for label, p in seen.probs.items()})


def is_of_attribute(target: str, taxonomy: Taxonomy) -> bool:
    """Whether a map's target is an attribute: its id, perhaps followed by "=" and a choice."""
    return explained_attribute(target, taxonomy.attributes) is not None


def is_of_object(target: str) -> bool:
    """Whether a map's target is an object: "object:" and its id."""
    return target.startswith(OBJECT_TARGET)


def suggested_id(suggestion: str, offered: Taxonomy) -> str:
    """The label_id of a suggestion, or the id of a set of labels; UnknownLabel where there is no such label."""
    return set_id(offered.label(one).id for one in members(suggestion)) if is_set(suggestion) else \
        offered.label(suggestion).id


def _arm_kept(seen: Seen) -> dict[str, Any]:
    """Leave out an arm that wasn't applied: in a blind review, or when the item was reviewed with the suggestion."""
    nothing = seen.suggestion is None and seen.model is None and not seen.values
    if seen.arm in (None, "none") or not (nothing or (seen.hidden if seen.arm in ("shown", "no_map") else
                                                      seen.arm == "blind" and not seen.hidden)):
        return {}
    return {"arm": "none" if nothing else None, "arm_probability": None}


def seen_now(prediction: Prediction | None, *, hidden: bool, chosen_by: str, taxonomy: int, scripted: bool = False,
             values: Mapping[str, PredictedValue] | None = None) -> Seen:
    """What a person would see of an item now: the suggestion and its probabilities, hidden or not.

    There is no suggestion if the most probable labels are tied. `values` are the attribute values that would be
    suggested.
    """
    if values:
        return replace(seen_now(prediction, hidden=hidden, chosen_by=chosen_by, taxonomy=taxonomy, scripted=scripted),
                       values={name: predicted.value for name, predicted in values.items()},
                       values_model=next(iter(values.values())).model)
    if prediction is None:
        return Seen(hidden=hidden, chosen_by=chosen_by, taxonomy=taxonomy, scripted=scripted)
    return Seen(suggestion=prediction.suggestion, probs=prediction.top(SHOWN_PROBS), model=prediction.model,
                hidden=hidden, chosen_by=chosen_by, taxonomy=taxonomy, scripted=scripted)


def seen_of(item: Item, prediction: Prediction | None, *, taxonomy: int,
            values: Mapping[str, PredictedValue] | None = None) -> Seen:
    """What a person would see of an item of the queue now, in its arm; without a prediction the arm is "none".

    An item that was drawn when there was no model is shown without a suggestion. `values` are the attribute values that
    would be suggested.
    """
    if (prediction is None and not values) or item.arm == "none":
        return Seen(hidden=item.blind, chosen_by=item.chosen_by, taxonomy=taxonomy, repeat_of=item.repeat_of,
                    arm=None if item.arm is None else "none")
    seen = seen_now(prediction, hidden=item.blind, chosen_by=item.chosen_by, taxonomy=taxonomy, values=values)
    return replace(seen, arm=item.arm, arm_probability=item.arm_probability, repeat_of=item.repeat_of,
                   planted=item.planted is not None, suggestion=item.planted or seen.suggestion)


def named_values(values: Mapping[str, Any] | None, offered: Taxonomy, label_id: str | None) -> dict[str, Value]:
    """Check values of attributes that were given by name or id: attribute id -> value, in the taxonomy's order.

    Parameters
    ----------
    values : mapping or None
    offered : Taxonomy
        The version that was on the screen.
    label_id : str or None
        Id of the label, or of the set of labels, that was given with them.

    Raises
    ------
    BadInput
        When an attribute can't have a value, is given twice, or isn't asked for this label.
    UnknownLabel
        When there is no such attribute.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise BadInput(f"values is {values!r:.80}; a mapping is expected, such as {{'blur': 3}}.")
    given: dict[str, Value] = {}
    asked = {attribute.id for attribute in offered.attributes_of(label_id)}
    for name, value in values.items():
        attribute = offered.attribute(name)
        if attribute.id in given:
            raise BadInput(f"attribute {attribute.name!r} was given twice, by name and by id; leave one out.")
        if attribute.id not in asked:
            whose = "an item without a label" if label_id is None else f"{offered.name_of(label_id)!r}"
            of = ", ".join(map(offered.name_of, attribute.labels))
            raise BadInput(f"attribute {attribute.name!r} isn't asked of {whose}, only of {of}. Leave it out.")
        given[attribute.id] = attribute.check(value)
    return {attribute.id: given[attribute.id] for attribute in offered.attributes if attribute.id in given}


def touched_ids(touched: Iterable[str] | None, offered: Taxonomy, *, objects: bool = False) -> tuple[str, ...] | None:
    """The ids of labels and attributes that were touched, by name or id, each once; None where nobody recorded it.

    With `objects` they are ids of objects.
    """
    if touched is None:
        return None
    if isinstance(touched, (str, bytes)) or not isinstance(touched, Iterable):
        raise BadInput(f"touched is {touched!r:.80}; a list of labels and attributes is expected, or None.")
    if objects:
        ids = tuple(dict.fromkeys(map(str, touched)))
        if odd := [one for one in ids if not 1 <= len(one) <= 80 or any(map(str.isspace, one))]:
            raise BadInput(f"touched holds {odd[0]!r:.100}; ids of objects are expected.")
        return ids
    known = {name: attribute.id for attribute in offered.attributes for name in (attribute.id, attribute.name)}
    return tuple(dict.fromkeys(known[one] if one in known and one not in offered else offered.label(one).id
                               for one in touched))


def explanation_feedback(pool: Pool, position: int, *, reason: str | None, wrong: Any,
                         missing: Any) -> dict[str, Any]:
    """Check an annotator's feedback on the explanation, as fields of a `Decision`; an empty region counts as none.

    Parameters
    ----------
    pool : Pool
    position : int
        Position of the item in the pool.
    reason : "right", "wrong" or None
        A region implies "wrong".
    wrong, missing : Region, or ndarray of bool, shape (H, W) at the item's size, or for a text a list of spans
        A span is a `Span`, or its start and end.

    Raises
    ------
    BadInput
        When a region is of another size, or covers the whole item.
    """
    regions: dict[str, Region] = {}
    for name, mask in (("wrong", wrong), ("missing", missing)):
        if mask is None:
            continue
        size = pool.size(position)
        region = mask if isinstance(mask, Region) else _region_of(mask, pool.kind, size)
        if region.size != size:
            raise BadInput(f"the {name} region has the size {region.size}; item {pool.ids[position]!r} is "
                           f"{size} (height, width), and the mask must be as large.")
        if region.n_pixels == size[0] * size[1]:
            raise BadInput(f"the {name} region covers the whole item; mark only the part that matters.")
        if region.n_pixels:
            regions[name] = region
    return {"reason": reason or ("wrong" if regions else None), **regions}


def _region_of(marked: Any, kind: str, size: tuple[int, int]) -> Region:
    """The region of a mask, or of some spans of a text."""
    if kind == "image" or isinstance(marked, np.ndarray):
        mask = np.asarray(marked)
        return Region.of(mask[None] if kind == "text" and mask.ndim == 1 else mask)
    mask = np.zeros(size, bool)
    for one in [marked] if isinstance(marked, Span) else marked:
        if not isinstance(one, Span) and (not isinstance(one, Sequence) or len(one) != 2):
            raise BadInput(f"{marked!r:.80} marks nothing in a text; a list of (start, end), in characters, is "
                           "expected.")
        span = one if isinstance(one, Span) else Span(*one)
        inside(span, size[1], size[0])
        mask[0, span.start:span.end] = True
    return Region.of(mask)
