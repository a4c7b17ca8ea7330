"""Taxonomy diff: the edits that lead from one taxonomy to another.

Read `between` first: it finds the labels that are in both taxonomies, then walks down the new one and puts each label
in place.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain, count
from typing import Any

from .attribute_edits import add_attribute, change_attribute, rename_attribute, retire_attribute
from .attributes import Attribute, attribute_id_of
from .edits import Edit, add, answers, describe, move, rename, retire
from .labels import DESCRIPTION, Label, Taxonomy
from .yaml import SEPARATOR


def between(old: Taxonomy, new: Taxonomy) -> list[Edit]:
    """Find edits that lead from `old` to a taxonomy with the digest of `new`.

    A label that stayed is recognised by its place, its id, the labels under it, its description, its name elsewhere, or
    a name much like its own; an attribute by its id, its name, or what it asks. Merges and splits can't be recognised:
    they appear as labels that are added and retired. Neither can maps: if a scale became choices, its values are asked
    again.
    """
    partner = _partners(old, new)
    tree, edits = _Tree(old), list[Edit]()
    label_ids = _place(new, partner, tree, edits)
    kept = dict.fromkeys(partner.values())
    edits += _of_attributes(old, new, label_ids, set(kept), tree)
    for label in old.labels:
        if label.id not in kept:
            if label.parent is None or label.parent in kept:  # labels under a retired label are retired with it
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
    """The place of each label while `between` looks for edits; mutable, since a taxonomy per edit would be slow."""

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
        """Return the name, or a similar one, that is unused in these places."""
        tries = chain([name], (f"{name[:180]} ({n})" for n in count(2)))
        return next(name for name in tries if all((place, name) not in self.at for place in places))


def _place(new: Taxonomy, partner: Mapping[str, str], tree: _Tree, edits: list[Edit]) -> dict[str, str]:
    """Add, move and rename until each label of `new` is in its place; label_id in `new` -> label_id in the tree."""
    placed: dict[str, str] = {}

    def rename_to(name: str, label_id: str, *places: str | None) -> None:
        """Rename a label to a name, or to a similar one if that is used in these places."""
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
    """Give each label its description in `new`, if it differs."""
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


def _of_attributes(old: Taxonomy, new: Taxonomy, label_ids: Mapping[str, str], kept: set[str], tree: _Tree
                   ) -> list[Edit]:
    """List the edits of attributes. They precede those that retire labels, which may be an attribute's only ones."""
    partner = _attribute_partners(old.attributes, new)
    stays = {one.id for one in partner.values()}
    edits: list[Edit] = [retire_attribute(one.name) for one in old.attributes if one.id not in stays]
    edits += _rename_attributes({one.id: one.name for one in old.attributes if one.id in stays}, new, partner)
    for after in new.attributes:
        labels = [label_ids[label_id] for label_id in after.labels]
        called = tuple(map(tree.call, labels))
        if (before := partner.get(after.id)) is None:
            edits.append(add_attribute(after.name, scale=after.scale, choices=after.choices, labels=called,
                                       definition=after.definition, sensitive=after.sensitive))
        elif changed := _changed(before, after, same_labels=bool(labels) == bool(before.labels) and set(labels)
                                 == {label_id for label_id in before.labels if label_id in kept}):
            edits.append(change_attribute(after.name, **changed | ({"labels": called} if "labels" in changed else {})))
    return edits


def _rename_attributes(names: dict[str, str], new: Taxonomy, partner: Mapping[str, Attribute]) -> list[Edit]:
    """Rename the attributes that stay (id -> name) to their names in `new`; holders of these are renamed first."""
    edits: list[Edit] = []
    for after in new.attributes:
        before = partner.get(after.id)
        if before is None or names[before.id] == after.name:
            continue
        if (holder := next((id for id, name in names.items() if name == after.name), None)) is not None:
            taken = {*names.values(), *(one.name for one in new.attributes)}
            free = next(f"{after.name[:180]} (old{n})" for n in chain([""], count(2))
                        if f"{after.name[:180]} (old{n})" not in taken)
            edits.append(rename_attribute(after.name, free))
            names[holder] = free
        edits.append(rename_attribute(names[before.id], after.name))
        names[before.id] = after.name
    return edits


def _changed(before: Attribute, after: Attribute, *, same_labels: bool) -> dict[str, Any]:
    """Return the changed fields of an attribute, as arguments of `change_attribute`."""
    changed: dict[str, Any] = {} if same_labels else {"labels": ()}
    if before.scale != after.scale or before.choices != after.choices or before.kind != after.kind:
        changed |= {"choices": after.choices} if after.scale is None else {"scale": after.scale}
        if (before.scale is None) != (after.scale is None):
            changed["map"] = {}
    if before.definition != after.definition:
        changed["definition"] = after.definition
    if before.sensitive != after.sensitive:
        changed["sensitive"] = after.sensitive or False
    return changed


def _attribute_partners(left: Iterable[Attribute], new: Taxonomy) -> dict[str, Attribute]:
    """Attribute id in `new` -> the same attribute in the old taxonomy."""
    pairs: dict[str, Attribute] = {}
    open_ = {one.id: one for one in left}

    def is_like(one: Attribute, other: Attribute) -> bool:
        alike = (one.kind, one.scale, one.choices, one.definition) == (
            other.kind, other.scale, other.choices, other.definition)
        return alike and bool(one.definition or difflib.get_close_matches(one.name, [other.name], cutoff=0.7))

    for same in (lambda one, other: one.id == other.id and one.id != attribute_id_of(one.name),
                 lambda one, other: one.name == other.name, lambda one, other: one.id == other.id, is_like):
        for after in new.attributes:
            match = [one for one in open_.values() if same(after, one)] if after.id not in pairs else []
            if len(match) == 1:
                pairs[after.id] = open_.pop(match[0].id)
    return pairs


def _partners(old: Taxonomy, new: Taxonomy) -> dict[str, str]:
    """label_id in `new` -> label_id in `old`, for the labels that are in both."""
    pairing = _Pairing(old, new)
    pairing.pair(lambda taxonomy, label: label.id if taxonomy is old or new.has_own_id(label.id) else None,
                 anywhere=True)
    pairing.pair(_name)
    for key, anywhere in ((lambda taxonomy, label: label.id, True), (_content, False), (_name, True)):
        pairing.pair(key, anywhere=anywhere)
        pairing.pair(_name)
    pairing.pair_by_spelling()
    pairing.pair(_name)
    return {label_id: partner for label_id, partner in pairing.pairs.items() if label_id and partner}


class _Pairing:
    """The labels of `new` that are in `old`, found step by step: each step pairs some of those left by the last."""

    def __init__(self, old: Taxonomy, new: Taxonomy) -> None:
        self._old, self._new = old, new
        self.pairs: dict[str | None, str | None] = {None: None}  # the top is the top
        self._left = {label.id: label for label in old.labels}

    def pair(self, key: Callable[[Taxonomy, Label], Any], *, anywhere: bool = False) -> None:
        """Pair labels by a key that is unique: among labels whose parents are a pair, or anywhere."""
        def place(label: Label) -> str | None:
            return None if anywhere else label.parent

        having: dict[Any, list[str]] = {}
        for label in self._left.values():
            having.setdefault((place(label), key(self._old, label)), []).append(label.id)
        waiting = [(label, key(self._new, label)) for label in self._new.labels if label.id not in self.pairs]
        times = Counter((place(label), of) for label, of in waiting)
        for label, of in waiting:
            if not of or times[place(label), of] > 1 or place(label) not in self.pairs:
                continue
            match = having.get((self.pairs[place(label)], of), [])
            if len(match) == 1 and match[0] in self._left:
                self._put(label.id, match[0])

    def pair_by_spelling(self) -> None:
        """Pair the remaining labels under a pair that have almost the same name."""
        names: dict[str | None, dict[str, str]] = {}
        for label in self._left.values():
            names.setdefault(label.parent, {})[label.name] = label.id
        for label in self._new.labels:
            if label.parent not in self.pairs or label.id in self.pairs:
                continue
            open_ = names.get(self.pairs[label.parent], {})
            # Among more labels, a similar name means little, and takes long to find.
            for name in difflib.get_close_matches(label.name, open_, n=1, cutoff=0.7) if len(open_) <= 50 else ():
                self._put(label.id, open_.pop(name))

    def _put(self, label_id: str, match: str) -> None:
        self.pairs[label_id] = match
        del self._left[match]


def _name(taxonomy: Taxonomy, label: Label) -> str:
    return label.name


def _content(taxonomy: Taxonomy, label: Label) -> Any:
    """Return the names of the labels under this one; if there are none, its description."""
    below = sorted(child.name for child in taxonomy.below(label.id) if child.parent == label.id)
    return repr(below or sorted(label.description().items())) if below or label.definition else None
