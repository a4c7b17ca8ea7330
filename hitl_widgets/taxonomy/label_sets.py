"""Label sets: ids for the answers of items that may have several labels, or none.

A set's id is made of its labels' ids, so that the log, votes and suggestions store sets like labels: `set_id` makes
it, `members` reads it. It is "+" before each label's id, which can't contain one.
"""

from __future__ import annotations

from collections.abc import Iterable

MARK = "+"
NONE_OF_THEM = "none of them"


def set_id(label_ids: Iterable[str]) -> str:
    """Make the id of a set of labels.

    Examples
    --------
    >>> set_id(["Lb", "La"])
    '+La+Lb'
    >>> set_id([])
    '+'
    """
    return MARK + MARK.join(sorted(set(label_ids)))


def is_set(label_id: str | None) -> bool:
    """Whether an id is that of a set of labels."""
    return isinstance(label_id, str) and label_id.startswith(MARK)


def members(label_id: str | None) -> tuple[str, ...]:
    """Return the ids of the labels in a set, in alphabetical order; for a single label its own.

    Examples
    --------
    >>> members("+La+Lb"), members("+"), members("La"), members(None)
    (('La', 'Lb'), (), ('La',), ())
    """
    if label_id is None:
        return ()
    return tuple(part for part in label_id[1:].split(MARK) if part) if is_set(label_id) else (label_id,)
