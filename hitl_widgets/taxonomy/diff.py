"""Taxonomy diff: the edits that lead from one taxonomy to another.

Read `between` first: it finds the labels that are in both, then walks down the new taxonomy and puts each of its labels
in place.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain, count
from typing import Any

from .edits import Edit, add, answers, describe, move, rename, retire
from .labels import DESCRIPTION, Label, Taxonomy
from .yaml import SEPARATOR


def between(old: Taxonomy, new: Taxonomy) -> list[Edit]:
    """Find edits that lead from `old` to a taxonomy with the digest of `new`.

    A label that stayed is recognised by its place, its id, the labels under it, its description, its name elsewhere, or
    a name much like its own. Merges and splits leave no trace in the two: they appear as labels that come and go.
    """
    partner = _partners(old, new)
    tree, edits = _Tree(old), list[Edit]()
    label_ids = _place(new, partner, tree, edits)
    kept = dict.fromkeys(partner.values())
    for label in old.labels:
        if label.id not in kept:
            if label.parent is None or label.parent in kept:  # what lies under a retired label goes with it
                edits.append(retire(tree.call(label.id)))
            tree.remove(label.id)
    _describe({label_id: old.label(label_id).description() for label_id in kept}, new, label_ids, tree, edits)
    return edits if old.inner_answers == new.inner_answers else [*edits, answers(inner=new.inner_answers)]


def told(old: Taxonomy, new: Taxonomy) -> str:
    """Write the differences as prose, one sentence a line.

    >>> print(told(Taxonomy(["T-shirt/top", "Bag"]), Taxonomy([{"name": "T-shirt", "definition": "no collar"}, "Bag"])))
    Rename “T-shirt/top” to “T-shirt”.
    Describe “T-shirt”: definition “no collar”.
    """
    return "\n".join(edit.prose() for edit in between(old, new)) or "Both say the same."


class _Tree:
    """Where each label lies while `between` looks for edits; mutable, since a taxonomy for each edit would be slow."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.name: dict[str, str] = {}
        self.parent: dict[str, str | None] = {}
        self.at: dict[tuple[str | None, str], str] = {}
        self._named: Counter[str] = Counter()
        for label in taxonomy.labels:
            self.put(label.id, label.name, label.parent)

    def put(self, label_id: str, name: str, parent: str | None) -> None:
        if label_id in self.name:
            self.remove(label_id)
        self.name[label_id], self.parent[label_id], self.at[parent, name] = name, parent, label_id
        self._named[name] += 1

    def remove(self, label_id: str) -> None:
        name = self.name.pop(label_id)
        del self.at[self.parent.pop(label_id), name]
        self._named[name] -= 1

    def call(self, label_id: str) -> str:
        """Return the label's name, or its path where the name is ambiguous."""
        name, parent = self.name[label_id], self.parent[label_id]
        if self._named[name] > 1:
            while parent is not None:
                name, parent = f"{self.name[parent]}{SEPARATOR}{name}", self.parent[parent]
        return name

    def free(self, name: str, *places: str | None) -> str:
        """Return the name, or one like it, that nothing in these places has."""
        tries = chain([name], (f"{name[:180]} ({n})" for n in count(2)))
        return next(name for name in tries if all((place, name) not in self.at for place in places))


def _place(new: Taxonomy, partner: Mapping[str, str], tree: _Tree, edits: list[Edit]) -> dict[str, str]:
    """Add, move and rename until each label of `new` is in its place; label_id in `new` -> label_id in the tree."""
    placed: dict[str, str] = {}

    def rename_to(name: str, label_id: str, *places: str | None) -> None:
        """Give the name, or one like it if that isn't free in these places."""
        name = tree.free(name, *places)
        edits.append(rename(tree.call(label_id), name))
        tree.put(label_id, name, tree.parent[label_id])

    for label in new.labels:
        under = None if label.parent is None else placed[label.parent]
        # No id has a plus: the new label can't be mistaken for an old one.
        label_id = placed[label.id] = partner.get(label.id, f"+{label.id}")
        holder = tree.at.get((under, label.name), label_id)
        if holder != label_id:
            rename_to(f"{label.name[:180]} (old)", holder, under)
        if label.id not in partner:
            edits.append(add(label.name, None if under is None else tree.call(under)))
            tree.put(label_id, label.name, under)
            continue
        if tree.parent[label_id] != under:
            if (under, tree.name[label_id]) in tree.at:
                rename_to(label.name, label_id, under, tree.parent[label_id])
            edits.append(move(tree.call(label_id), None if under is None else tree.call(under)))
            tree.put(label_id, tree.name[label_id], under)
        if tree.name[label_id] != label.name:
            rename_to(label.name, label_id, under)
    return placed


def _describe(described: dict[str, dict[str, Any]], new: Taxonomy, label_ids: Mapping[str, str], tree: _Tree,
              edits: list[Edit]) -> None:
    """Give each label the description that it has in `new`, where it has another one."""
    keys = {label.key.casefold(): label_ids[label.id] for label in new.labels if label.key}
    for label_id, before in described.items():
        # Two labels may swap their keys, but never share one.
        if keys.get(before.get("key", "").casefold(), label_id) != label_id:
            edits.append(describe(tree.call(label_id), key=None))
            del before["key"]
    for label in new.labels:
        before, after = described.get(label_ids[label.id], {}), label.description()
        if changed := {name: getattr(label, name) for name in DESCRIPTION if before.get(name) != after.get(name)}:
            edits.append(describe(tree.call(label_ids[label.id]), **changed))


# Long, since its steps share what was paired already and what is left: apart, each would take and give both.
def _partners(old: Taxonomy, new: Taxonomy) -> dict[str, str]:
    """label_id in `new` -> label_id in `old`, for the labels that are in both."""
    pairs: dict[str | None, str | None] = {None: None}  # the top is the top
    left = {label.id: label for label in old.labels}

    def pair(key: Callable[[Taxonomy, Label], Any], *, anywhere: bool) -> None:
        """Pair the labels that alone have a key: among those whose parents are a pair, or anywhere."""
        having: dict[Any, list[str]] = {}
        for label in left.values():
            having.setdefault((anywhere or label.parent, key(old, label)), []).append(label.id)
        waiting = [(label, key(new, label)) for label in new.labels if label.id not in pairs]
        times = Counter((anywhere or label.parent, of) for label, of in waiting)
        for label, of in waiting:
            if of and times[anywhere or label.parent, of] == 1 and (anywhere or label.parent in pairs):
                match = having.get((anywhere or pairs[label.parent], of), [])
                if len(match) == 1 and match[0] in left:
                    pairs[label.id] = match[0]
                    del left[match[0]]

    def pair_by_spelling() -> None:
        """Pair what is left under a pair and has almost the same name."""
        names: dict[str | None, dict[str, str]] = {}
        for label in left.values():
            names.setdefault(label.parent, {})[label.name] = label.id
        for label in new.labels:
            open_ = names.get(pairs[label.parent], {}) if label.parent in pairs and label.id not in pairs else {}
            # Among more, a similar name means little, and takes long to find.
            for name in difflib.get_close_matches(label.name, open_, n=1, cutoff=0.7) if len(open_) <= 50 else ():
                pairs[label.id] = match = open_.pop(name)
                del left[match]

    def name(taxonomy: Taxonomy, label: Label) -> str:
        return label.name

    pair(lambda taxonomy, label: label.id if taxonomy is old or new.has_own_id(label.id) else None, anywhere=True)
    pair(name, anywhere=False)
    for key, anywhere in ((lambda taxonomy, label: label.id, True), (_content, False), (name, True)):
        pair(key, anywhere=anywhere)
        pair(name, anywhere=False)
    pair_by_spelling()
    pair(name, anywhere=False)
    return {label_id: partner for label_id, partner in pairs.items() if label_id and partner}


def _content(taxonomy: Taxonomy, label: Label) -> Any:
    """Return the names of the labels under this one; if there are none, its description."""
    below = sorted(child.name for child in taxonomy.below(label.id) if child.parent == label.id)
    return repr(below or sorted(label.description().items())) if below or label.definition else None
