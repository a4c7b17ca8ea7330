"""Taxonomy edits: changes of a taxonomy, and of the meaning of earlier answers.

Each kind of edit, such as `merge` or `split`, is a class. An edit is an immutable instance of it, which describes the
change; `Edit.apply` makes the new taxonomy. Read `Edit.apply` and `split` first. Users import the classes from
`hitl_widgets.edits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, replace
from itertools import chain
from typing import Any, ClassVar, NamedTuple

from ..errors import EditError, TaxonomyError, UnknownLabel
from .attributes import Attribute
from .checks import check_name, check_new_name
from .labels import DESCRIPTION, Label, Taxonomy, plain
from .value_maps import ValueMap
from .yaml import SEPARATOR

# label_id of an old answer -> the labels that it may stand for now: one label_id if its meaning is clear, several if it
# may be any of them, none if the item has to be asked again.
Resolution = dict[str, tuple[str, ...]]


class _Change(NamedTuple):
    labels: Sequence[Label]
    became: Mapping[str, tuple[str, ...]] = {}
    inner_answers: bool | None = None
    # None: the same attributes; where their labels have changed, these are replaced.
    attributes: Sequence[Attribute] | None = None


@dataclass(frozen=True, repr=False)
class Edit:
    """A change of a taxonomy: rename, merge, split, add, retire, move, describe or answers, or one of an attribute.

    Labels are called by their names, by path ("shoe / Sneaker") where a name alone is ambiguous, or by id.
    """

    # The fields that name labels of the taxonomy as it was before.
    _naming: ClassVar[tuple[str, ...]] = ("label",)

    def apply(self, taxonomy: Taxonomy) -> tuple[Taxonomy, Resolution]:
        """Make the next version of a taxonomy, and map the former answers to it.

        If other labels are put under a label, so that it can no longer be an answer, its items are asked again.

        Raises
        ------
        EditError
            If the edit doesn't fit: an unknown label, a duplicate name under one parent, a cycle, or no label left.
        """
        try:
            labels, became, inner, attributes = self._change(taxonomy)
            if attributes is None:
                attributes = _asked_of(taxonomy, labels, became)
            if not labels and (taxonomy.labels or not attributes):
                raise EditError(f"no {'label' if taxonomy.labels else 'attribute'} would be left. Add another one "
                                "first.")
            gone = _ids(taxonomy.labels, taxonomy.attributes) - _ids(labels, attributes)
            after = Taxonomy(labels, version=taxonomy.version + 1, former_ids=taxonomy.former_ids | gone,
                             inner_answers=taxonomy.inner_answers if inner is None else inner, attributes=attributes)
            places = taxonomy.key_places
            after.keeping_keys(lambda: places)
            for target in {new for old in taxonomy.label_ids for new in became.get(old, ())}:
                after.answer(target)
        except (UnknownLabel, TaxonomyError, EditError) as error:
            raise EditError(f"{self} doesn't fit taxonomy v{taxonomy.version}: {error}") from error
        stay = set(after.label_ids)
        return after, {old: became.get(old, (old,) if old in stay else ()) for old in taxonomy.label_ids}

    def value_maps(self, before: Taxonomy) -> Mapping[str, ValueMap]:
        """Return the maps of earlier values: attribute id -> map, for attributes whose values change."""
        return {}

    def value_maps_back(self, before: Taxonomy) -> Mapping[str, ValueMap]:
        """Return the maps from values after the edit to values without it: attribute id -> map."""
        return {}

    def prose(self) -> str:
        """Write the edit as a sentence."""
        return self._prose()

    def called(self) -> list[str]:
        """List the names by which the edit calls labels that exist already."""
        values = [getattr(self, name) for name in self._naming]
        return [name for value in values if value is not None
                for name in ((value,) if isinstance(value, str) else value)]

    def with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        """Return the same edit, referring to its labels and attributes by other names.

        Parameters
        ----------
        before : Taxonomy
            The taxonomy that the edit's names refer to.
        call : callable
            Returns the name to use for a label or an attribute.
        """
        return self._with_names(before, call)

    def as_made(self, before: Taxonomy, after: Taxonomy) -> Edit:
        """Return the edit that repeats what this one of a log did, even if names were resolved differently then.

        Parameters
        ----------
        before : Taxonomy
            The taxonomy to which it was applied.
        after : Taxonomy
            The taxonomy after it, possibly after further edits of the same step.
        """
        return self

    def to_dict(self) -> dict[str, Any]:
        """Write the edit as plain JSON; `from_body` reads it."""
        return {"edit": type(self).__name__, **self._body()}

    def __repr__(self) -> str:
        (name, value), *others = self._arguments().items()
        first = f"{name}={value!r}" if isinstance(value, bool) else repr(value)
        return f"edits.{type(self).__name__}({', '.join([first, *(f'{name}={value!r}' for name, value in others)])})"

    def _change(self, taxonomy: Taxonomy) -> _Change:
        raise NotImplementedError

    def _prose(self) -> str:
        raise NotImplementedError

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        def named(value: Any) -> Any:
            return value if value is None else call(before.label(value)) if isinstance(value, str) \
                else tuple(map(named, value))

        return replace(self, **{name: named(getattr(self, name)) for name in self._naming})

    def _body(self) -> dict[str, Any]:
        return self._arguments()

    def _arguments(self) -> dict[str, Any]:
        """Return this edit's arguments, without those at their default."""
        values = {f.name: getattr(self, f.name) for f in fields(self)
                  if f.default is MISSING or getattr(self, f.name) != f.default}
        return {name: plain(value) for name, value in values.items()}

    def _keep(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


# The classes have lower-case names, since they are called like functions: edits.add("lynx").

@dataclass(frozen=True, repr=False)
class rename(Edit):
    """Give a label another name. It keeps its id, and therefore every answer.

    Parameters
    ----------
    label : str
        The label.
    to : str
        Its new name.
    """

    label: str
    to: str

    def __post_init__(self) -> None:
        self._keep(label=_called(self.label), to=_new_name(self.to))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        label = taxonomy.label(self.label)
        return _Change(_replaced(taxonomy, {label.id: [replace(label, name=_unused_before(self.to))]}))

    def _prose(self) -> str:
        return f"Rename {_quoted(self.label)} to {_quoted(self.to)}."


@dataclass(frozen=True, repr=False)
class merge(Edit):
    """Merge several labels into one. Their answers become its answers, exactly.

    Labels under any of them are then under the merged one.

    Parameters
    ----------
    labels : sequence of str
        Two labels or more.
    into : str
        One of them, which then keeps its id; or a new name, whose label takes the place of the first. If several of
        them have this name, it means the one at the top level; if none of these is there, give a path.
    """

    labels: Sequence[str]
    into: str
    _naming = ("labels",)

    def __post_init__(self) -> None:
        self._keep(labels=_all(self.labels, _called, "merge"), into=_called(self.into))
        if len(self.labels) < 2:
            raise EditError(f"merge was given {list(self.labels)}; two labels or more are expected. To give one "
                            "another name, use edits.rename.")

    def _change(self, taxonomy: Taxonomy) -> _Change:
        merged = {label.id: label for label in map(taxonomy.label, self.labels)}
        if len(merged) < len(self.labels):
            raise EditError(f"{_quoted(*self.labels)} are not all different: a label can't be merged with itself.")
        for label in merged.values():
            if inside := [below for below in taxonomy.below(label.id) if below.id in merged]:
                raise EditError(f"{_quoted(inside[0].name)} lies under {_quoted(label.name)}, and can't be merged "
                                "with it. Retire it to a label of the same level, or move it first.")
        first = next(iter(merged.values()))
        one = self._kept(taxonomy)
        stays = first if one is None else one
        if one is None:
            one = _made(taxonomy, self.into, first.parent)
        if one.sensitive is None:
            one = replace(one, sensitive=next((label.sensitive for label in merged.values() if label.sensitive), None))
        labels = _replaced(taxonomy, {**dict.fromkeys(merged, ()), stays.id: [one]})
        return _Change([replace(label, parent=one.id) if label.parent in merged else label for label in labels],
                       dict.fromkeys(merged, (one.id,)))

    def _kept(self, taxonomy: Taxonomy) -> Label | None:
        """Find the merged label that the others become; None if `into` is a new name."""
        merged = [taxonomy.label(name) for name in self.labels]
        with suppress(UnknownLabel):
            if (one := taxonomy.label(self.into)) in merged:
                return one
        named = [label for label in merged if label.name == self.into]
        if len(named) > 1:
            raise EditError(f"into is {_quoted(self.into)}, as several of these labels are called. Give the whole path "
                            f"of one: {_quoted(*(taxonomy.path(label.id) for label in named))}.")
        return named[0] if named else None

    def as_made(self, before: Taxonomy, after: Taxonomy) -> Edit:
        """Return the merge with the kept label referred to by its id."""
        kept = next((label.id for label in map(before.label, self.labels) if label.id in after), None)
        return self if kept is None else replace(self, into=kept)

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        one = self._kept(before)
        return merge([call(before.label(name)) for name in self.labels], self.into if one is None else call(one))

    def _prose(self) -> str:
        return f"Merge {_quoted(*self.labels)} into {_quoted(self.into)}."


@dataclass(frozen=True, repr=False)
class split(Edit):
    """Split one label into several. Its answers are in doubt among them.

    Parameters
    ----------
    label : str
        The label.
    into : sequence of str, or mapping of str to sequence of str
        The names of the new labels, two or more; or each name with its examples, ids of items that show it. Items in
        doubt are asked in an order that begins with the examples.
    keep_parent : bool
        True to put the new labels under the old one, False to put them in its place.
    """

    label: str
    into: Sequence[str] | Mapping[str, Sequence[str]] = field(hash=False)
    keep_parent: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.into, list) and self.into and all(isinstance(pair, list) for pair in self.into):
            self._keep(into=dict(self.into))  # from a log, whose mappings have no order
        names = _all(list(self.into) if isinstance(self.into, Mapping) else self.into, _new_name, "split's into")
        self._keep(label=_called(self.label), into=names if not isinstance(self.into, Mapping) else
                   dict(zip(names, map(_examples, names, self.into.values()), strict=True)))
        if len(set(names)) < max(2, len(names)):
            raise EditError(f"split into {list(self.into)} can't be done; two different names or more are expected. "
                            "To give a label another name, use edits.rename.")
        _check_bool(self.keep_parent, "keep_parent")

    def _change(self, taxonomy: Taxonomy) -> _Change:
        label = taxonomy.label(self.label)
        if taxonomy.below(label.id):
            raise EditError(f"{_quoted(label.name)} has labels under it already. Use edits.add(..., "
                            f"under={label.name!r}) for more.")
        named = self.into if isinstance(self.into, Mapping) else {}
        # If the whole is sensitive, so is each part, until somebody changes that.
        children = [replace(_made(taxonomy, name, label.id if self.keep_parent else label.parent, named.get(name, ())),
                            sensitive=label.sensitive) for name in self.into]
        choices = tuple(child.id for child in children)
        if self.keep_parent and taxonomy.inner_answers:
            choices = (label.id, *choices)
        return _Change(_replaced(taxonomy, {label.id: [label, *children] if self.keep_parent else children}),
                       {label.id: choices})

    def _body(self) -> dict[str, Any]:
        pairs = [[name, list(of)] for name, of in self.into.items()] if isinstance(self.into, Mapping) else self.into
        return {**self._arguments(), "into": list(pairs)}

    def _prose(self) -> str:
        examples = list(chain(*self.into.values())) if isinstance(self.into, Mapping) else []
        return f"Split {_quoted(self.label)} into {_quoted(*self.into)}{' under it' if self.keep_parent else ''}" \
               f"{f', with {len(examples)} examples' if len(examples) > 1 else ', with one example' * len(examples)}."


@dataclass(frozen=True, repr=False)
class add(Edit):
    """Add a label, at the top or under another.

    Parameters
    ----------
    label : str
        Its name.
    under : str, optional
        The parent label.
    like : sequence of str
        Labels as which its items may have been answered: such answers are then in doubt between their label and the new
        one. All other answers stay valid.
    examples : sequence of str
        Ids of items that show it.
    """

    label: str
    under: str | None = None
    like: Sequence[str] = field(default=(), kw_only=True)
    examples: Sequence[str] = field(default=(), kw_only=True)
    _naming = ("under", "like")

    def __post_init__(self) -> None:
        self._keep(label=_new_name(self.label), under=None if self.under is None else _called(self.under),
                   like=_all(self.like, _called, "like"), examples=_examples(self.label, self.examples))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        new = _made(taxonomy, self.label, None if self.under is None else taxonomy.label(self.under).id, self.examples)
        alike = [label for name in self.like for label in (taxonomy.label(name), *taxonomy.below(name))]
        return _Change([*taxonomy.labels, new], {label.id: (label.id, new.id) for label in alike})

    def _prose(self) -> str:
        under = "" if self.under is None else f" under {_quoted(self.under)}"
        return f"Add {_quoted(self.label)}{under}{f', looking among {_quoted(*self.like)}' if self.like else ''}."


@dataclass(frozen=True, repr=False)
class retire(Edit):
    """Remove a label and all labels under it.

    Parameters
    ----------
    label : str
        The label.
    to : str, optional
        The label that gets the answers; without one they have to be asked again.
    """

    label: str
    to: str | None = None
    _naming = ("label", "to")

    def __post_init__(self) -> None:
        self._keep(label=_called(self.label), to=None if self.to is None else _called(self.to))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        label = taxonomy.label(self.label)
        gone = [label.id, *(below.id for below in taxonomy.below(label.id))]
        left = _replaced(taxonomy, dict.fromkeys(gone, ()))
        if self.to is None:
            return _Change(left)
        to = taxonomy.label(self.to)
        if to.id in gone:
            raise EditError(f"{_quoted(to.name)} would be retired too, so that it can't take the answers. Choose "
                            "another, or leave `to` out.")
        return _Change(left, dict.fromkeys(gone, (to.id,)))

    def _prose(self) -> str:
        return f"Retire {_quoted(self.label)}{'' if self.to is None else f'; its answers become {_quoted(self.to)}'}."


@dataclass(frozen=True, repr=False)
class move(Edit):
    """Put a label, with all labels under it, in another place. Its answers stay as they are.

    Parameters
    ----------
    label : str
        The label.
    under : str or None
        The new parent label; None for the top.
    """

    label: str
    under: str | None
    _naming = ("label", "under")

    def __post_init__(self) -> None:
        self._keep(label=_called(self.label), under=None if self.under is None else _called(self.under))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        label = taxonomy.label(self.label)
        parent = None if self.under is None else taxonomy.label(self.under)
        if parent is not None and (parent is label or parent in taxonomy.below(label.id)):
            raise EditError(f"{_quoted(label.name)} can't be moved under itself or under one of its own sublabels. "
                            "Choose another place, or move that sublabel elsewhere first.")
        moved = replace(label, parent=None if parent is None else parent.id)
        return _Change([*_replaced(taxonomy, {label.id: ()}), moved])

    def _prose(self) -> str:
        return f"Move {_quoted(self.label)} {'to the top' if self.under is None else f'under {_quoted(self.under)}'}."


@dataclass(frozen=True, repr=False, init=False)
class describe(Edit):
    """Change the description of a label. Its answers stay as they are.

    Parameters
    ----------
    label : str
        The label.
    **fields
        definition, examples, counter_examples, edge_cases, link, key, colour, attributes, ratings or sensitive, as for
        `Label`.
    """

    label: str
    description: Mapping[str, Any] = field(hash=False)

    def __init__(self, label: str, **fields: Any) -> None:
        odd = [name for name in fields if name not in DESCRIPTION]
        if odd or not fields:
            raise EditError(f"describe was given {odd[0] if odd else 'nothing'!r}; one or more of "
                            f"{', '.join(DESCRIPTION)} are expected. For name and place, use rename and move.")
        try:
            checked = Label("-", _called(label).rpartition(SEPARATOR)[2], **fields)
        except TaxonomyError as error:
            raise EditError(str(error)) from error
        self._keep(label=_called(label), description={name: getattr(checked, name) for name in fields})

    def _change(self, taxonomy: Taxonomy) -> _Change:
        label = taxonomy.label(self.label)
        return _Change(_replaced(taxonomy, {label.id: [replace(label, **self.description)]}))

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        return describe(call(before.label(self.label)), **self.description)

    def _arguments(self) -> dict[str, Any]:
        return {"label": self.label, **{name: plain(value) for name, value in self.description.items()}}

    def _prose(self) -> str:
        parts = [f"{name.replace('_', '-')} {_shown(value)}" for name, value in self.description.items()]
        return f"Describe {_quoted(self.label)}: {'; '.join(parts)}."


@dataclass(frozen=True, repr=False)
class answers(Edit):
    """Allow or forbid answers with labels that have others under them.

    Parameters
    ----------
    inner : bool
        True to allow them; False to forbid them, and ask again about items with such an answer.
    """

    inner: bool = field(kw_only=True)
    _naming = ()

    def __post_init__(self) -> None:
        _check_bool(self.inner, "inner")

    def _change(self, taxonomy: Taxonomy) -> _Change:
        return _Change(taxonomy.labels, inner_answers=self.inner)

    def _prose(self) -> str:
        return f"Labels with others under them {'may be answers too' if self.inner else 'are no answers'}."


def from_body(body: Mapping[str, Any]) -> Edit:
    """Read what `Edit.to_dict` wrote; EditError when it isn't that.

    >>> from_body({"edit": "rename", "label": "top", "to": "upper body"})
    edits.rename('top', to='upper body')
    """
    from . import attribute_edits  # noqa: F401  (its edits are subclasses too)
    kinds: dict[Any, Callable[..., Edit]] = {kind.__name__: kind for kind in Edit.__subclasses__()}
    try:
        return kinds[body["edit"]](**{name: value for name, value in body.items() if name != "edit"})
    except (KeyError, TypeError, AttributeError) as error:
        raise EditError(f"an edit can't be read from {body!r:.200}. What to_dict() wrote is expected, with one of "
                        f"{', '.join(kinds)} as edit.") from error


def as_list(edit: Any) -> list[Edit]:
    """List the edits of one edit or a sequence of them; EditError when there is none, or something else among them."""
    edits = list(edit) if isinstance(edit, Sequence) else [edit]
    if odd := [one for one in edits if not isinstance(one, Edit)]:
        raise EditError(f"{odd[0]!r} isn't an edit; one of hitl_widgets.edits is expected, or a list of them.")
    if not edits:
        raise EditError("no edit was given; one of hitl_widgets.edits is expected, or a list of them.")
    return edits


def apply(taxonomy: Taxonomy, edits: Iterable[Edit]) -> tuple[Taxonomy, Resolution]:
    """Apply edits in turn; return the last taxonomy, and what the answers of the first mean in it.

    Raises
    ------
    EditError
        If one of them doesn't fit.
    """
    resolution: Resolution = {label_id: (label_id,) for label_id in taxonomy.label_ids}
    for edit in edits:
        taxonomy, then = edit.apply(taxonomy)
        resolution = compose(resolution, then)
    return taxonomy, resolution


def compose(first: Mapping[str, Sequence[str]], then: Mapping[str, Sequence[str]]) -> Resolution:
    """Combine the resolutions of two steps; a label that isn't in `then` stays.

    An answer in doubt among several labels is certain again if these become one. If one of them has to be asked again,
    the answer has to be asked again too, since it may have been that one.

    >>> compose({"top": ("T-shirt", "Shirt")}, {"T-shirt": ("upper",), "Shirt": ("upper",)})
    {'top': ('upper',)}
    >>> compose({"top": ("T-shirt", "Shirt")}, {"Shirt": ()})
    {'top': ()}
    """
    def on(stands: Sequence[str]) -> tuple[str, ...]:
        now = [then.get(label_id, (label_id,)) for label_id in stands]
        return tuple(dict.fromkeys(chain.from_iterable(now))) if all(now) else ()

    return {old: on(stands) for old, stands in first.items()}


def _ids(labels: Iterable[Label], attributes: Iterable[Attribute]) -> set[str]:
    return {*(label.id for label in labels), *(attribute.id for attribute in attributes)}


def _asked_of(taxonomy: Taxonomy, labels: Iterable[Label], became: Mapping[str, tuple[str, ...]]) -> list[Attribute]:
    """Return the attributes of a taxonomy, with the labels that theirs became."""
    stay, attributes = {label.id for label in labels}, list[Attribute]()
    for one in taxonomy.attributes:
        left = tuple(dict.fromkeys(new for old in one.labels
                                   for new in ((old,) if old in stay else became.get(old, ()))))
        if one.labels and not left:
            raise EditError(f"the attribute {_quoted(one.name)} is asked only for labels that this edit removes. "
                            f"Retire it first with edits.retire_attribute({one.name!r}), or choose other labels for it "
                            f"with edits.change_attribute({one.name!r}, labels=[...]).")
        attributes.append(one if left == one.labels else replace(one, labels=left))
    return attributes


def _called(name: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise EditError(f"a label is called {name!r}; its name, path or id, as text, is expected.")
    return name.strip()


def _new_name(name: str) -> str:
    try:
        return check_name(name)
    except TaxonomyError as error:
        raise EditError(str(error)) from error


def _all(names: Iterable[str], check: Callable[[str], str], what: str) -> tuple[str, ...]:
    if isinstance(names, (str, Mapping)) or not isinstance(names, Iterable):
        raise EditError(f"{what} is {names!r}; a list of labels is expected, such as [{str(names)!r}].")
    return tuple(map(check, names))


def _examples(name: str, examples: Sequence[str]) -> tuple[str, ...]:
    try:
        return Label("-", name, examples=examples).examples  # type: ignore[arg-type]
    except TaxonomyError as error:
        raise EditError(str(error)) from error


def _check_bool(value: bool, what: str) -> None:
    if not isinstance(value, bool):
        raise EditError(f"{what} is {value!r}; True or False is expected.")


def _unused_before(name: str) -> str:
    """Check a new name; names that a log has already aren't checked again."""
    try:
        return check_new_name(name)
    except TaxonomyError as error:
        raise EditError(str(error)) from error


def _replaced(taxonomy: Taxonomy, by: Mapping[str, Sequence[Label]]) -> list[Label]:
    """Return the taxonomy's labels, with some replaced."""
    return [new for label in taxonomy.labels for new in by.get(label.id, (label,))]


def _made(taxonomy: Taxonomy, name: str, parent: str | None, examples: Sequence[str] = ()) -> Label:
    name = _unused_before(name)
    return Label(taxonomy.new_id(name, under=parent), name, parent=parent, examples=tuple(examples))


def _quoted(*names: str) -> str:
    *others, last = [f"“{name}”" for name in names]
    return f"{', '.join(others)} and {last}" if others else last


def _shown(value: Any) -> str:
    if not value:
        return "nothing"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(of)}" for name, of in value.items())
    return f"{value:g}" if isinstance(value, float) else _quoted(*([value] if isinstance(value, str) else value))
