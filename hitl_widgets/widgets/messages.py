"""What is said between the card and Python, and how is it read?

The bodies of what goes to the browser, and the parts of an act that comes from it. Read `taxonomy_body` and `past_body`
first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from ..errors import BadInput, HitlError
from ..records import Decision, Region
from .comm import Message


def taxonomy_body(taxonomy: Any) -> Message:
    """A taxonomy as the card has it: its version, and its answers with their keys and meanings."""
    keys = taxonomy.keys
    labels = [{"label_id": label.id, "name": taxonomy.name_of(label.id), "path": taxonomy.path(label.id),
               "key": keys.get(label.id), "own_key": label.key is not None,
               **{name: value for name in ("definition", "link", "colour", "sensitive")
                  if (value := getattr(label, name))},
               **({"n_examples": n} if (n := len(label.examples) + len(label.counter_examples)) else {})}
              for label in taxonomy]
    return {"version": taxonomy.version, "labels": labels}


def past_body(decision: Decision) -> Message:
    """A past decision as the card has it."""
    regions = {name: None if region is None else region.to_dict()
               for name, region in (("wrong", decision.wrong), ("missing", decision.missing))}
    return {"decision_id": decision.id, "item_id": decision.item_id, "verdict": decision.verdict,
            "label_id": decision.label_id, "label": decision.label, "certainty": decision.certainty,
            "certainty_source": decision.seen.certainty,
            "flags": list(decision.flags), "note": decision.note, "reason": decision.reason, **regions,
            "suggestion": decision.seen.suggestion, "hidden": decision.seen.hidden,
            "chosen_by": decision.seen.chosen_by}


def examples_body(named: Iterable[tuple[bool, str]], picture: Callable[[str], bytes],
                  most: int) -> tuple[list[Message], list[bytes]]:
    """Examples as a card has them, with their pictures: `most` for a label and as many against it.

    Parameters
    ----------
    named : (against, name) of each
    """
    bodies: list[Message] = []
    buffers: list[bytes] = []
    for against, name in named:
        if sum(body["against"] == against for body in bodies) >= most:
            continue
        try:
            buffers.append(picture(name))
            problem = None
        except HitlError as error:
            buffers.append(b"")
            problem = str(error)
        bodies.append({"name": name, "against": against, "problem": problem})
    return bodies, buffers


def regions_of(act: Mapping[str, Any]) -> dict[str, Region]:
    """The regions that an act marks; BadInput where one is none."""
    return {name: Region.from_dict(act[name]) for name in ("wrong", "missing") if act.get(name) is not None}


def needed(act: Mapping[str, Any], name: str) -> str:
    """A text that an act must have."""
    value = act.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"an act of kind {act.get('kind')!r} needs {name}, as text; it has {value!r}.")
    return value


def instant(act: Mapping[str, Any]) -> datetime:
    """When an act was done."""
    text = needed(act, "acted_at")
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput(f"acted_at {text!r} can't be read; an instant such as '2026-03-01T09:30:00.250Z' is expected.")
    return at
