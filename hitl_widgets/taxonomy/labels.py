"""Labels and taxonomies: names, definitions and hierarchy of a project's labels.

A `Taxonomy` is immutable; an edit makes a new one. Read `Label` and `Taxonomy` first.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Any

from ..errors import TaxonomyError, UnknownLabel
from . import yaml
from .attributes import Attribute, check_attributes
from .checks import ID, check_name, check_new_name, text, texts
from .keys import DIGITS, KeyPlaces, own_keys
from .label_sets import NONE_OF_THEM, is_set, members, set_id

DESCRIPTION = ("definition", "examples", "counter_examples", "edge_cases", "link", "key", "colour", "attributes",
               "ratings", "sensitive")
# Reasons why an item may be hard to see; a label's guideline shows examples of each.
EDGE_CASES = ("cropped", "occluded", "tiny", "blurred", "group", "drawing")

_WRITTEN = ("name", "id", *DESCRIPTION)
_HTML_LABELS = 50  # rows of the table in a notebook
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
# Links with another scheme may run a script.
_LINK = re.compile(r"https?://\S+\Z")


@dataclass(frozen=True, slots=True)
class Label:
    """One entry of a taxonomy: a permanent id, a name that may change, and a description.

    Parameters
    ----------
    id : str
        1 to 80 letters, digits or ``_ . : -``.
    name : str
        What people see, 1 to 200 characters; unique under its parent.
    definition : str
        When an item has this label and no other.
    examples, counter_examples : tuple of str
        Item ids or images.
    edge_cases : mapping of str to tuple of str
        Examples that are hard to see, by reason: one of `EDGE_CASES` -> item ids or images.
    link : str
        A web address with more information.
    parent : str or None
        label_id of the label above; None at the top.
    key : str or None
        The single character that chooses it; by default a digit (`Taxonomy.keys`).
    colour : str or None
        ``#rrggbb``.
    attributes : mapping of str to str
        Properties of the label that a team defines.
    ratings : mapping of str to float
        Ratings of the label that a team defines, such as ``{"objective-subjective": 2}``.
    sensitive : str or None
        Why care is needed; None if it isn't.

    Raises
    ------
    TaxonomyError
        If a field has an invalid value.
    """

    id: str
    name: str
    definition: str = ""
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    link: str = ""
    parent: str | None = None
    key: str | None = None
    colour: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    ratings: Mapping[str, float] = field(default_factory=dict, hash=False)
    sensitive: str | None = None
    edge_cases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    # 16 branches: one check per field, in the order in which a person meets them.
    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("name", check_name(self.name))
        of = f"label {self.name!r}: "
        for name in ("id", "definition", "link"):
            put(name, text(getattr(self, name), of + name))
        for name in ("parent", "key", "colour", "sensitive"):
            value = getattr(self, name)
            put(name, None if value is None else text(value, of + name) or None)
        for name in ("examples", "counter_examples"):
            put(name, texts(getattr(self, name), of + name))
        put("edge_cases", _edge_cases(self.edge_cases, of))
        put("attributes", {k: text(v, f"{of}attribute {k!r}") for k, v in _pairs(self.attributes, of + "attributes")})
        put("ratings", {k: _number(v, f"{of}rating {k!r}") for k, v in _pairs(self.ratings, of + "ratings")})
        if not ID.match(self.id):
            raise TaxonomyError(f"{of}id is {self.id!r}; 1 to 80 letters, digits or _ . : - are expected. Leave it "
                                "out to get one.")
        if self.key is not None and (len(self.key) != 1 or self.key.isspace() or not self.key.isprintable()):
            raise TaxonomyError(f"{of}key is {self.key!r}; one visible character is expected, such as 't'.")
        if self.colour is not None and not _COLOUR.match(self.colour):
            raise TaxonomyError(f"{of}colour is {self.colour!r}; #rrggbb is expected, such as '#1b9e77'.")
        if self.link and not _LINK.match(self.link):
            raise TaxonomyError(f"{of}link is {self.link!r}; an address that starts with https:// or http:// is "
                                "expected.")

    def description(self) -> dict[str, Any]:
        """Return the fields beyond name and place that aren't empty, as plain JSON."""
        return {name: plain(value) for name in DESCRIPTION if (value := getattr(self, name))}


class Taxonomy:
    """The labels, their hierarchy and what they mean, at a version.

    Parameters
    ----------
    labels : iterable or mapping
        Names; dicts with a ``name``, any other field of `Label` except ``parent``, and ``labels`` for those under it; a
        nested mapping, name -> the labels under it, or a definition; or `Label` objects.
    version : int
        Number of the version, from 1, for people; compare `digest` to see whether two taxonomies have the same content.
    inner_answers : bool
        Whether a label with others under it may be an answer too.
    former_ids : iterable of str
        Ids of removed labels and attributes, which new ones don't get.
    attributes : iterable of Attribute
        What is asked for besides the label. If there are any, labels may be left out.

    Attributes
    ----------
    labels : tuple of Label
        All labels, depth first.
    attributes : tuple of Attribute
        The attributes, in the order in which they are asked.
    answers : tuple of Label
        Labels that may be an answer: those without labels under them, or all with `inner_answers`.
    label_ids : tuple of str
        The answers' ids, in the order of a model's outputs.

    Raises
    ------
    TaxonomyError
        If there are no labels, duplicate names under one parent, duplicate ids or keys, a cycle, too many levels, or
        something that can't be read as a label.

    Examples
    --------
    >>> taxonomy = Taxonomy({"shoe": ["Sneaker", "Boot"], "Bag": "carried, not worn"})
    >>> taxonomy.names
    ('Sneaker', 'Boot', 'Bag')
    >>> taxonomy.path("Boot"), taxonomy.label("Bag").definition
    ('shoe / Boot', 'carried, not worn')
    """

    def __init__(self, labels: Iterable[str | Mapping[str, Any]] | Iterable[Label] | Mapping[str, Any] = (), *,
                 version: int = 1, inner_answers: bool = False, former_ids: Iterable[str] = (),
                 attributes: Iterable[Attribute | Mapping[str, Any]] = ()) -> None:
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise TaxonomyError(f"version is {version!r}; a whole number from 1 on is expected.")
        if not isinstance(inner_answers, bool):
            raise TaxonomyError(f"inner_answers is {inner_answers!r}; True or False is expected.")
        self.version = version
        self.inner_answers = inner_answers
        self.former_ids = frozenset(former_ids)
        attributes = attributes if isinstance(attributes, (str, Mapping)) else tuple(attributes)
        flat, lines = _labels_of(labels, self.former_ids)
        self._by_id = _by_id(flat, lines, may_be_empty=bool(attributes))
        self._paths = _paths(self._by_id, lines)
        self.labels = tuple(self._by_id[label_id] for label_id in self._paths)
        self._inner = {label.parent for label in self.labels}
        self.answers = tuple(label for label in self.labels if inner_answers or label.id not in self._inner)
        self.label_ids = tuple(label.id for label in self.answers)
        self.attributes = check_attributes(attributes, lambda name: self.label(name).id)
        self._places_before: Callable[[], KeyPlaces] = KeyPlaces

    def keeping_keys(self, places: Callable[[], KeyPlaces]) -> Taxonomy:
        """Return this taxonomy, whose answers keep the keys that they had in an earlier version.

        Parameters
        ----------
        places : callable
            Returns the earlier version's `key_places`; called when a key is first asked for.
        """
        self._places_before = places
        return self

    @classmethod
    def from_yaml(cls, source: str | os.PathLike[str]) -> Taxonomy:
        """Read a taxonomy from YAML. Every scalar is text: ``no``, ``1e3`` and ``null`` stay names.

        Parameters
        ----------
        source : str or path
            A path; or text: a string that has a line break, or neither ends in .yaml or .yml nor is a file.

        Raises
        ------
        TaxonomyError
            With file and line, if it can't be read, or has aliases, tags, or a key twice.

        Examples
        --------
        >>> Taxonomy.from_yaml("[no, on, 1e3, null]").names
        ('no', 'on', '1e3', 'null')
        """
        where, arguments = yaml.from_yaml(source)
        try:
            return cls(**arguments)
        except TaxonomyError as error:
            raise TaxonomyError(f"{where}{error}") from error

    def to_yaml(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write the taxonomy as YAML, for a person to read and change; `from_yaml` gives back an equal one.

        An id is written only if it isn't the one that the label's place gives, such as after a rename.

        Parameters
        ----------
        path : str or path, optional
            A file to write it to, in UTF-8.
        """
        below: dict[str | None, list[Any]] = {None: []}
        for label in self.labels:
            entry: dict[str, Any] = {"name": label.name}
            if self.has_own_id(label.id):
                entry["id"] = label.id
            entry |= label.description()
            if label.ratings:
                entry["ratings"] = {name: int(value) if value.is_integer() else value
                                    for name, value in label.ratings.items()}
            if label.id in self._inner:
                entry["labels"] = below[label.id] = []
            below[label.parent].append(label.name if len(entry) == 1 else entry)
        document: dict[str, Any] = {"version": self.version}
        if self.inner_answers:
            document["inner_answers"] = True
        if self.attributes:
            document["attributes"] = [self._written_attribute(attribute) for attribute in self.attributes]
        text = yaml.to_yaml(document | {"labels": below[None]})
        if path is not None:
            Path(path).write_text(text, encoding="utf-8", newline="\n")
        return text

    def _written_attribute(self, attribute: Attribute) -> dict[str, Any]:
        """An attribute's fields for a person to read: labels by name, the id only if its name gives another one."""
        of = attribute.to_dict()
        if attribute.id == Attribute(attribute.name, choices=("a", "b")).id:
            del of["id"]
        return of | ({"labels": list(map(self.name_of, attribute.labels))} if attribute.labels else {})

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Taxonomy:
        """Read what `to_dict` wrote; TaxonomyError when it isn't that."""
        try:
            return cls(**{**body, "labels": [Label(**entry) for entry in body["labels"]]})
        except (KeyError, TypeError) as error:
            raise TaxonomyError(f"a taxonomy can't be read from {body!r:.200}: {error}. What to_dict() wrote is "
                                "expected.") from error

    def to_dict(self) -> dict[str, Any]:
        """Write the whole taxonomy with its ids as plain JSON."""
        return {"version": self.version, "inner_answers": self.inner_answers, "former_ids": sorted(self.former_ids),
                "labels": [{"id": label.id, "name": label.name}
                           | ({"parent": label.parent} if label.parent else {}) | label.description()
                           for label in self.labels],
                **({"attributes": [attribute.to_dict() for attribute in self.attributes]} if self.attributes else {})}

    def at_version(self, version: int) -> Taxonomy:
        """Return the same taxonomy under another version number."""
        return Taxonomy(self.labels, version=version, inner_answers=self.inner_answers, former_ids=self.former_ids,
                        attributes=self.attributes)

    @cached_property
    def digest(self) -> str:
        """A hash of the taxonomy's content, 32 hexadecimal digits.

        Ids, version and the order of the labels don't count: a taxonomy that was made by edits and the same one typed
        as a list have equal digests.
        """
        content = sorted((path, self._by_id[label_id].description()) for label_id, path in self._paths.items())
        attributes = sorted([{**attribute.to_dict(), "id": "", "labels": sorted(map(self.path, attribute.labels))}
                             for attribute in self.attributes], key=lambda attribute: str(attribute["name"]))
        return _hash(json.dumps([self.inner_answers, content, *([attributes] if attributes else [])], sort_keys=True),
                     size=16)

    @cached_property
    def keys(self) -> dict[str, str]:
        """The key of each answer, label_id -> key.

        It is the label's own, else its name if that is a digit, else one of the digits that are left, from 1 to 9 and
        0. Further answers have none. After an edit each answer keeps its digit, and a new one gets the next free digit;
        that of a removed label stays free until the following edit.
        """
        return {label_id: key for label_id, key in self.keys_at(self.key_places).items() if key is not None}

    def keys_at(self, places: KeyPlaces) -> dict[str, str | None]:
        """Return the key of each answer, label_id -> key, or None for those that have no digit at their place."""
        keys: dict[str, str | None] = dict(self._own_keys)
        for label_id in self.without_key:
            place = places.now[label_id]
            keys[label_id] = DIGITS[place] if place < len(DIGITS) else None
        return {label_id: keys[label_id] for label_id in self.label_ids}

    @cached_property
    def key_places(self) -> KeyPlaces:
        """The place of each answer without a key of its own; in a first version by their order."""
        return self._places_before().then(self.without_key, self.own_keys)

    @property
    def own_keys(self) -> frozenset[str]:
        """The keys that are labels' own: those that the taxonomy names, and names that are digits."""
        return frozenset(label.key for label in self.labels if label.key) | frozenset(self._own_keys.values())

    @property
    def without_key(self) -> tuple[str, ...]:
        """The ids of the answers that have no key of their own, in the taxonomy's order."""
        return tuple(label_id for label_id in self.label_ids if label_id not in self._own_keys)

    @cached_property
    def _own_keys(self) -> dict[str, str]:
        return own_keys([(label.id, label.name, label.key) for label in self.answers],
                        [label.key for label in self.labels if label.key])

    @cached_property
    def answerable(self) -> frozenset[str]:
        """The ids of the answers, as a set."""
        return frozenset(self.label_ids)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each answer, or its path if another label has the same name."""
        return tuple(map(self.name_of, self.label_ids))

    def name_of(self, label_id: str) -> str:
        """Return a label's name, or its path if another label has the same name; for a set, the names of its labels.

        Examples
        --------
        >>> scenes = Taxonomy(["indoor", "people", "night"])
        >>> scenes.name_of(scenes.label_set(["night", "indoor"]))
        'indoor, night'
        """
        if is_set(label_id):
            return ", ".join(self.names_in(label_id)) or NONE_OF_THEM
        label = self.label(label_id)
        return label.name if len(self._named[label.name]) == 1 else self.path(label.id)

    def names_in(self, label_id: str) -> tuple[str, ...]:
        """Return the names of the labels in a set, in the taxonomy's order."""
        inside = set(members(label_id))
        ordered = [*(label.id for label in self.labels if label.id in inside),
                   *sorted(inside - self._by_id.keys())]  # the last ones raise
        return tuple(map(self.name_of, ordered))

    def name_as_answered(self, label_id: str) -> str:
        """Return a label's name without its path; for a set, as `name_of`."""
        return self.name_of(label_id) if is_set(label_id) else self.label(label_id).name

    def path(self, name_or_id: str) -> str:
        """Return the label's name after those of the labels above it: "shoe / Sneaker"."""
        return yaml.SEPARATOR.join(self._paths[self.label(name_or_id).id])

    def label(self, name_or_id: str) -> Label:
        """Find the label with this id, path or name; UnknownLabel if there is none, or more than one with that name."""
        if not isinstance(name_or_id, str):
            raise UnknownLabel(f"label {name_or_id!r} is {type(name_or_id).__name__}; a name or id, as text, is "
                               "expected.")
        if name_or_id in self._by_id:
            return self._by_id[name_or_id]
        name = unicodedata.normalize("NFC", name_or_id.strip())
        if name in self._by_path:
            return self._by_path[name]
        named = self._named.get(name, [])
        if len(named) == 1:
            return named[0]
        if named:
            raise UnknownLabel(f"label {name!r} is ambiguous in taxonomy v{self.version}. Give its whole path: "
                               f"{_listed([self.path(label.id) for label in named])}.")
        close = [other for other in self._named if other.casefold() == name.casefold()] \
            or difflib.get_close_matches(name, self._named, n=5)
        raise UnknownLabel(f"label {name!r} is not in taxonomy v{self.version}, which has: {_listed(self.names)}. "
                           + (f"Close to it: {_listed(close)}. " if close else "")
                           + f"Add it with wb.apply(edits.add({name!r})) or choose one of these.")

    def answer(self, name_or_id: str) -> Label:
        """Find the label with this id, path or name, if it may be an answer; UnknownLabel otherwise."""
        label = self.label(name_or_id)
        if not self.inner_answers and label.id in self._inner:
            below = _listed([self.name_of(label.id) for label in self.below(label.id)])
            raise UnknownLabel(f"label {label.name!r} can't be an answer in taxonomy v{self.version}, since others "
                               f"lie under it: {below}. Choose one of these, or allow it with "
                               "wb.apply(edits.answers(inner=True)).")
        return label

    def label_set(self, names: Iterable[str]) -> str:
        """Return the id of a set of answers, from their names, paths or ids: see `label_sets`.

        Raises
        ------
        UnknownLabel
            If one of them isn't an answer.
        """
        if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
            example = self.name_of(self.label_ids[0]) if self.label_ids else "cat"
            raise UnknownLabel(f"labels is {names!r:.80}; a list of names is expected, such as ['{example}'], or [] "
                               "for none of them.")
        return set_id(self.answer(name).id for name in names)

    def attribute(self, name_or_id: str) -> Attribute:
        """Find the attribute of this name or id; UnknownLabel when there is none."""
        for attribute in self.attributes:
            if name_or_id in (attribute.id, attribute.name):
                return attribute
        close = difflib.get_close_matches(str(name_or_id), [attribute.name for attribute in self.attributes], n=3)
        has = _listed([attribute.name for attribute in self.attributes]) or "none"
        raise UnknownLabel(f"attribute {name_or_id!r:.80} is not in taxonomy v{self.version}, which has: {has}."
                           + (f" Close to it: {_listed(close)}." if close else ""))

    def attributes_of(self, label_id: str | None) -> tuple[Attribute, ...]:
        """Return the attributes that are asked for on an item with this label or set of labels.

        Parameters
        ----------
        label_id : str or None
            Id of a label or a set; None for an item without a label, on which only attributes of every item are asked.
        """
        above = {parent for one in members(label_id) if one in self._by_id for parent in self._with_those_above(one)}
        return tuple(attribute for attribute in self.attributes
                     if not attribute.labels or not above.isdisjoint(attribute.labels))

    def _with_those_above(self, label_id: str) -> Iterator[str]:
        at: str | None = label_id
        while at is not None:
            yield at
            at = self._by_id[at].parent

    def below(self, name_or_id: str) -> tuple[Label, ...]:
        """All labels under this one, at any depth, in order."""
        label_id = self.label(name_or_id).id
        # Depth first: labels below a label follow it directly.
        start = end = self._position[label_id] + 1
        while end < len(self.labels) and len(self._paths[self.labels[end].id]) > len(self._paths[label_id]):
            end += 1
        return self.labels[start:end]

    def has_own_id(self, name_or_id: str) -> bool:
        """Whether the label's id isn't the one that its path gives, such as after a rename."""
        label_id = self.label(name_or_id).id
        return label_id != label_id_of(self._paths[label_id])

    def new_id(self, name: str, *, under: str | None = None) -> str:
        """Make an id for a new label with this name: one that no label has, and that isn't in `former_ids`."""
        above = () if under is None else self._paths[self.label(under).id]
        return label_id_of((*above, name), {*self._by_id, *self.former_ids})

    @cached_property
    def _position(self) -> dict[str, int]:
        return {label_id: position for position, label_id in enumerate(self._paths)}

    @cached_property
    def _by_path(self) -> dict[str, Label]:
        return {yaml.SEPARATOR.join(path): self._by_id[label_id] for label_id, path in self._paths.items()}

    @cached_property
    def _named(self) -> dict[str, list[Label]]:
        named: dict[str, list[Label]] = {}
        for label in self.labels:
            named.setdefault(label.name, []).append(label)
        return named

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.answers)

    def __contains__(self, name_or_id: object) -> bool:
        try:
            self.label(name_or_id)  # type: ignore[arg-type]
        except UnknownLabel:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        """Whether both have the same labels with the same ids in the same order, at the same version."""
        if not isinstance(other, Taxonomy):
            return NotImplemented
        return (self.labels, self.version, self.inner_answers, self.attributes) \
            == (other.labels, other.version, other.inner_answers, other.attributes)

    def __hash__(self) -> int:
        return hash((self.labels, self.version, self.inner_answers))

    def __repr__(self) -> str:
        more = f"; attributes: {_listed([attribute.name for attribute in self.attributes])}" if self.attributes else ""
        return f"<Taxonomy v{self.version}, {len(self):,} answers: {_listed(self.names)}{more}>"

    def _repr_html_(self) -> str:
        from ..drawing import html
        rows = [(html.Html("&emsp;" * (len(self._paths[label.id]) - 1) + escape(label.name)),
                 self.keys.get(label.id, ""), label.definition) for label in self.labels[:_HTML_LABELS]]
        more = len(self.labels) - len(rows)
        return html.page(f"Taxonomy v{self.version}, {len(self):,} answers", html.table(["label", "key", "definition"],
                         rows), *([html.paragraph(f"and {more:,} labels more")] if more else []))


def label_id_of(path: Sequence[str], taken: Collection[str] = ()) -> str:
    """Make the id of a new label from the names on its path, so that the same list typed twice has the same ids.

    Parameters
    ----------
    path : sequence of str
        The names of the labels above it, and its own.
    taken : collection of str
        Ids that it can't have.
    """
    text, attempt = "\0".join(path), 1
    label_id = "L" + _hash(text, size=5)
    while label_id in taken:
        attempt += 1
        label_id = "L" + _hash(f"{text}\0\0{attempt}", size=5)
    return label_id


def _hash(text: str, *, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()


def _listed(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _edge_cases(value: Any, of: str) -> dict[str, tuple[str, ...]]:
    cases = {name: texts(examples, f"{of}edge case {name!r}") for name, examples in _pairs(value, of + "edge_cases")}
    if odd := [name for name in cases if name not in EDGE_CASES]:
        raise TaxonomyError(f"{of}edge case {odd[0]!r} is unknown; known are {', '.join(EDGE_CASES)}.")
    return {name: cases[name] for name in EDGE_CASES if cases.get(name)}


def plain(value: Any) -> Any:
    """Return a value of tuples, mappings and texts ready for JSON."""
    return list(value) if isinstance(value, tuple) else \
        {name: plain(of) for name, of in value.items()} if isinstance(value, Mapping) else value


def _pairs(table: Any, what: str) -> list[tuple[str, Any]]:
    if isinstance(table, str) and table == "":
        return []
    if not isinstance(table, Mapping):
        raise TaxonomyError(f"{what} is {yaml.shown(table)}; a mapping from names is expected.")
    return [(text(name, f"a name in {what}"), value) for name, value in table.items()]


def _number(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise TaxonomyError(f"{what} is {yaml.shown(value)}; a number is expected.")
    return number + 0.0  # no -0.0, which equals 0.0 but is written differently


def _labels_of(written: Any, former_ids: Collection[str]) -> tuple[list[Label], dict[str, int]]:
    """Make labels with ids, and label_id -> line for labels from a file."""
    if isinstance(written, Iterator):
        written = list(written)
    if isinstance(written, (list, tuple)) and all(isinstance(label, Label) for label in written):
        return list(written), {}
    drafts = yaml.drafts_of(written, allowed=_WRITTEN)
    taken = {draft.fields["id"] for draft in drafts if isinstance(draft.fields.get("id"), str)} | set(former_ids)
    labels: list[Label] = []
    paths: list[tuple[str, ...]] = []
    lines: dict[str, int] = {}
    for draft in drafts:
        try:
            path = (*(() if draft.parent is None else paths[draft.parent]), check_new_name(draft.fields["name"]))
            label_id = draft.fields.get("id") or label_id_of(path, taken)
            label = Label(**{**draft.fields, "id": label_id,
                             "parent": None if draft.parent is None else labels[draft.parent].id})
        except TaxonomyError as error:
            raise yaml.fault_at(draft.line, str(error)) from error
        if label.id in lines:
            raise yaml.fault_at(draft.line, f"two labels have the id {label.id!r}{_first_at(lines[label.id])}; leave "
                                            "one out to get a new one.")
        labels.append(label)
        paths.append(path)
        taken.add(label.id)
        lines[label.id] = draft.line
    return labels, lines


def _by_id(labels: Sequence[Label], lines: Mapping[str, int], *, may_be_empty: bool = False) -> dict[str, Label]:
    """label_id -> label; raises for an invalid set of labels."""
    if not labels and not may_be_empty:
        raise TaxonomyError("a taxonomy needs at least one label, or attributes; give a list of names.")
    by_id: dict[str, Label] = {}
    keyed: dict[str, Label] = {}
    for label in labels:
        if by_id.setdefault(label.id, label) is not label:
            raise TaxonomyError(f"two labels have the id {label.id!r}: {by_id[label.id].name!r} and {label.name!r}; "
                                "give one of them another.")
        if label.key is not None and (other := keyed.setdefault(label.key.casefold(), label)) is not label:
            raise yaml.fault_at(lines.get(label.id), f"labels {other.name!r} and {label.name!r} share the key "
                                                     f"{label.key!r}; give one of them another.")
    for label in labels:
        if label.parent is not None and label.parent not in by_id:
            raise TaxonomyError(f"label {label.name!r} has the parent {label.parent!r}, and no label has this id. Add "
                                "the parent, or choose another one.")
        if by_id.get(label.name, label) is not label:
            raise yaml.fault_at(lines.get(label.id), f"label {label.name!r} has another's id for a name; rename it.")
    return by_id


def _paths(by_id: Mapping[str, Label], lines: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """label_id -> the names on its path, depth first, siblings in their order; raises for an invalid hierarchy."""
    below: dict[str | None, list[Label]] = {}
    for label in by_id.values():
        below.setdefault(label.parent, []).append(label)
    paths: dict[str, tuple[str, ...]] = {}
    at: dict[tuple[str, ...], str] = {}
    waiting: list[tuple[Label, tuple[str, ...]]] = [(label, ()) for label in reversed(below.get(None, []))]
    while waiting:
        label, above = waiting.pop()
        path = paths[label.id] = (*above, label.name)
        if (first := at.setdefault(path, label.id)) != label.id:
            where = f"under {yaml.SEPARATOR.join(above)!r}" if above else "at the top"
            raise yaml.fault_at(lines.get(label.id), f"two labels {where} are named {label.name!r}"
                                                     f"{_first_at(lines.get(first))}; rename one of them.")
        if len(path) > yaml.MAX_DEPTH:
            raise yaml.too_deep()
        waiting += [(child, path) for child in reversed(below.get(label.id, []))]
    if circle := [label.name for label in by_id.values() if label.id not in paths]:
        raise TaxonomyError(f"labels lie under each other in a circle: {_listed(circle)}. Put one of them elsewhere.")
    return paths


def _first_at(line: int | None) -> str:
    return f" (the first at line {line})" if line else ""
