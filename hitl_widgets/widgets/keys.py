"""The keys of the card, the taxonomy editor and triage.

The tables lie in ``js/keys``: for each action its keys, and what it does in words. The browser reads keys by them and
shows them as help. Read `configured` first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..records import OBJECT_TASKS

TABLES = Path(__file__).parent / "js" / "keys"
# Tasks -> a table of keys that they share; a task's own table overrides it.
SHARED = dict.fromkeys(OBJECT_TASKS, "objects")
OTHERS = ("Escape", "Tab", "Shift+Tab")  # the first always leaves, the others lead through the page
KEY = re.compile(r"[^\sA-Z\d]|Shift\+[A-Z]|(?:Shift\+)?(?:[A-Z][A-Za-z]+|F\d\d?)")


def configured(keys: Mapping[str, str | Sequence[str]], widget: str = "card",
               task: str = "classify", kind: str = "image") -> dict[str, tuple[list[str], str]]:
    """Read a widget's table of keys; a person's own keys replace the usual ones.

    Parameters
    ----------
    keys : mapping of str to str or sequence of str
        Action -> key or keys, written as in "x", "Enter", "Space", "Shift+E", "ArrowLeft".
    widget : "card", "editor", "triage" or "adjudication"
        The widget whose table is read.
    task : str
        What is asked on the card: where a table ``card.<task>.json`` lies beside the card's, its rows replace those of
        the same action, and an action whose row is null there is none. Tasks that ask for objects have a table
        ``card.objects.json`` in common.
    kind : "image" or "text"
        What the items are: for texts, the rows of ``card.text.json`` replace the card's; those of the task replace
        both.

    Returns
    -------
    dict of str to (list of str, str)
        Action -> its keys, and what it does in words.

    Raises
    ------
    BadInput
        When an action is unknown, a key is no key, or two actions share one.
    """
    table = _usual(widget, task, kind)
    for action, wanted in keys.items():
        if action not in table:
            raise BadInput(f"keys: {action!r} is no action of the keys here; known are {', '.join(table)}. A label's "
                           "key is set in the taxonomy.")
        table[action] = [wanted] if isinstance(wanted, str) else list(wanted), table[action][1]
        for key in table[action][0]:
            if not isinstance(key, str) or not KEY.fullmatch(key) or key in OTHERS:
                raise BadInput(f"keys: {key!r} for {action!r} is no key; a small letter or sign is expected, a name "
                               "such as 'Enter', 'Space', 'ArrowLeft' or 'F2', or 'Shift+' and a capital or a name.")
    owner: dict[str, str] = {}
    for action, (mine, _) in table.items():
        for key in mine:
            if owner.setdefault(key, action) != action:
                raise BadInput(f"keys: {key!r} is wanted for {owner[key]!r} and for {action!r}; give one of them "
                               "another.")
    return table


def _usual(widget: str, task: str, kind: str) -> dict[str, tuple[list[str], str]]:
    defaults = json.loads((TABLES / f"{widget}.json").read_text("utf-8"))
    rows: dict[str, Any] = {}  # an image has no table of its own
    for name in (SHARED.get(task), kind, task):
        if (other := TABLES / f"{widget}.{name}.json").exists():
            rows |= json.loads(other.read_text("utf-8"))
    return {action: (row[0], row[1]) for action, row in {**rows, **defaults, **rows}.items() if row}
