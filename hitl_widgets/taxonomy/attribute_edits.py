"""Edits of attributes: changes of what is asked besides the label, and of the values that were given before.

They are edits like those of labels, and users import all of them from `hitl_widgets.edits`. Read `change_attribute`
first; `value_maps` has the maps of values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import EditError, TaxonomyError
from .attributes import Attribute, Value, attribute_id_of
from .checks import check_name
from .edits import Edit, _all, _called, _Change, _check_bool, _new_name, _quoted, _unused_before
from .labels import Label, Taxonomy, plain
from .value_maps import GONE, ValueMap, map_back, map_of


@dataclass(frozen=True, repr=False)
class add_attribute(Edit):
    """Ask for an attribute from now on, besides the label or without one.

    Parameters
    ----------
    name : str
        Its name.
    scale : (int, int) or (float, float), optional
        Its lowest and highest value: whole steps between two whole numbers, any number where one of them is a float.
    choices : sequence of str, optional
        The choices, if it has no scale.
    labels : sequence of str
        Labels whose items are asked for it, also those of labels under them; empty for every item.
    definition : str
        What it means.
    sensitive : str, optional
        Purpose of asking for it, if the property needs care.
    ask : bool
        True to ask again about items that were answered before; by default only new answers have it.
    """

    name: str
    scale: Sequence[float] | None = field(default=None, kw_only=True)
    choices: Sequence[str] = field(default=(), kw_only=True)
    labels: Sequence[str] = field(default=(), kw_only=True)
    definition: str = field(default="", kw_only=True)
    sensitive: str | None = field(default=None, kw_only=True)
    ask: bool = field(default=False, kw_only=True)
    _naming = ("labels",)

    def __post_init__(self) -> None:
        _check_bool(self.ask, "ask")
        one = _attribute(name=self.name, scale=self.scale, choices=self.choices, definition=self.definition,
                         sensitive=self.sensitive)
        self._keep(name=one.name, scale=one.scale, choices=one.choices, definition=one.definition,
                   sensitive=one.sensitive, labels=_all(self.labels, _called, "labels"))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        taken = {attribute.id for attribute in taxonomy.attributes} | taxonomy.former_ids \
            | {label.id for label in taxonomy.labels}
        new = Attribute(_unused_before(self.name), id=attribute_id_of(self.name, taken), scale=self.scale,  # type: ignore[arg-type]
                        choices=tuple(self.choices), labels=tuple(taxonomy.label(name).id for name in self.labels),
                        definition=self.definition, sensitive=self.sensitive)
        return _Change(taxonomy.labels, attributes=[*taxonomy.attributes, new])

    def _prose(self) -> str:
        parts = [f"Add the attribute {_quoted(self.name)}, {_range(self.scale, self.choices)}", *_asked(self.labels)]
        if self.sensitive:
            parts.append(f"for the purpose {_quoted(self.sensitive)}")
        return f"{', '.join(parts)}{'; ask it of items answered before too' if self.ask else ''}."


@dataclass(frozen=True, repr=False)
class rename_attribute(Edit):
    """Give an attribute another name. It keeps its id, and therefore every value.

    Parameters
    ----------
    name : str
        The attribute.
    to : str
        Its new name.
    """

    name: str
    to: str
    _naming = ()

    def __post_init__(self) -> None:
        self._keep(name=_called_attribute(self.name), to=_new_name(self.to))

    def _change(self, taxonomy: Taxonomy) -> _Change:
        one = _found(taxonomy, self.name)
        return _Change(taxonomy.labels, attributes=_with(taxonomy, replace(one, name=_unused_before(self.to))))

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        return rename_attribute(call(_found(before, self.name)), self.to)

    def _prose(self) -> str:
        return f"Rename the attribute {_quoted(self.name)} to {_quoted(self.to)}."


@dataclass(frozen=True, repr=False)
class change_attribute(Edit):
    """Change an attribute; arguments that are left out stay.

    Earlier values are mapped to the new scale or choices. Without a map, scales are mapped linearly, end to end, and
    choices by name. A value that is mapped to nothing is asked again.

    Parameters
    ----------
    name : str
        The attribute.
    scale : (int, int) or (float, float), optional
        New lowest and highest value. On a scale of fewer whole steps a value becomes the nearest step, and is asked
        again if two are equally near; on one of more steps it is asked again if its proportional value isn't a step.
    choices : sequence of str, optional
        New choices.
    labels : sequence of str, optional
        New labels whose items are asked for it; empty for every item. Earlier values stay.
    definition : str, optional
        New definition. Earlier values stay.
    sensitive : str or False, optional
        Purpose of asking for a sensitive attribute; False if it is no longer sensitive.
    map : mapping, optional
        From old to new values, None for a value that is asked again. For a continuous scale, two or more points of a
        line. A choice that isn't in it keeps its name.
    """

    name: str
    scale: Sequence[float] | None = field(default=None, kw_only=True)
    choices: Sequence[str] | None = field(default=None, kw_only=True)
    labels: Sequence[str] | None = field(default=None, kw_only=True)
    definition: str | None = field(default=None, kw_only=True)
    sensitive: str | bool | None = field(default=None, kw_only=True)
    map: Mapping[Value, Value | None] | None = field(default=None, hash=False, kw_only=True)
    _naming = ("labels",)

    # 17 branches: arguments that exclude each other are refused, then each one is checked and kept.
    def __post_init__(self) -> None:
        changes = ("scale", "choices", "labels", "definition", "sensitive")
        if all(getattr(self, name) is None for name in changes):
            raise EditError(f"change_attribute({self.name!r}) was given nothing to change; one or more of "
                            f"{', '.join(changes)} are expected.")
        if self.scale is not None and self.choices is not None:
            raise EditError(f"attribute {self.name!r} was given a scale and choices; one of them is expected.")
        if self.map is not None and self.scale is None and self.choices is None:
            raise EditError(f"map of attribute {self.name!r} is for another scale or other choices; give these too.")
        if self.sensitive is True:
            raise EditError("sensitive is True; the purpose for which it is asked is expected, in words.")
        asks = {"choices": ("-", "--") if self.choices is None else self.choices} if self.scale is None else \
            {"scale": self.scale}
        one = _attribute(name=_called_attribute(self.name), definition=self.definition or "",
                         sensitive=None if self.sensitive is False else self.sensitive, **asks)
        self._keep(name=one.name, scale=one.scale, choices=None if self.choices is None else one.choices,
                   labels=None if self.labels is None else _all(self.labels, _called, "labels"),
                   definition=None if self.definition is None else one.definition,
                   sensitive=one.sensitive or self.sensitive,
                   map=None if self.map is None else _table(self.map, self.name))

    def value_maps(self, before: Taxonomy) -> dict[str, ValueMap]:
        """Return the maps of earlier values: attribute id -> map."""
        return self._maps(before, map_of)

    def value_maps_back(self, before: Taxonomy) -> dict[str, ValueMap]:
        """Return the maps from values after the edit to values without it: attribute id -> map."""
        return self._maps(before, map_back)

    def _maps(self, before: Taxonomy, make: Callable[[Attribute, Attribute, Any], ValueMap | None]
              ) -> dict[str, ValueMap]:
        one = _found(before, self.name)
        made = make(one, self._changed(one), self.map)
        return {} if made is None else {one.id: made}

    def _changed(self, one: Attribute) -> Attribute:
        """The attribute after the edit, with the labels that it had."""
        new: dict[str, Any] = {}
        if self.scale is not None:
            new |= {"scale": self.scale, "choices": ()}
        if self.choices is not None:
            new |= {"scale": None, "choices": self.choices}
        if self.definition is not None:
            new["definition"] = self.definition
        if self.sensitive is not None:
            new["sensitive"] = self.sensitive or None
        return replace(one, **new)

    def _change(self, taxonomy: Taxonomy) -> _Change:
        one = self._changed(_found(taxonomy, self.name))
        self.value_maps(taxonomy)  # raises where there is no such map
        if self.labels is not None:
            one = replace(one, labels=tuple(taxonomy.label(name).id for name in self.labels))
        return _Change(taxonomy.labels, attributes=_with(taxonomy, one))

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        return replace(super()._with_names(before, call), name=call(_found(before, self.name)))  # type: ignore[call-arg]

    def _body(self) -> dict[str, Any]:
        return {name: [list(pair) for pair in value.items()] if name == "map" else value
                for name, value in self._arguments().items()}

    def _prose(self) -> str:
        parts = []
        if self.scale is not None or self.choices is not None:
            how = "" if self.map is None else " by a map" if self.map else ", all values asked again"
            parts.append(f"{_range(self.scale, self.choices or ())}{how}")
        if self.labels is not None:
            parts += _asked(self.labels) or ["asked of every item"]
        if self.definition is not None:
            parts.append(f"definition {_quoted(self.definition) if self.definition else 'nothing'}")
        if self.sensitive is not None:
            parts.append(f"purpose {_quoted(str(self.sensitive))}" if self.sensitive else "not sensitive")
        return f"Change the attribute {_quoted(self.name)}: {'; '.join(parts)}."


@dataclass(frozen=True, repr=False)
class retire_attribute(Edit):
    """Stop asking for an attribute. Its values stay in the log, and nothing is asked again.

    Parameters
    ----------
    name : str
        The attribute.
    """

    name: str
    _naming = ()

    def __post_init__(self) -> None:
        self._keep(name=_called_attribute(self.name))

    def value_maps(self, before: Taxonomy) -> dict[str, ValueMap]:
        """Return the maps of earlier values: attribute id -> map."""
        return {_found(before, self.name).id: GONE}

    def _change(self, taxonomy: Taxonomy) -> _Change:
        gone = _found(taxonomy, self.name)
        return _Change(taxonomy.labels, attributes=[one for one in taxonomy.attributes if one.id != gone.id])

    def _with_names(self, before: Taxonomy, call: Callable[[Label | Attribute], str]) -> Edit:
        return retire_attribute(call(_found(before, self.name)))

    def _prose(self) -> str:
        return f"Retire the attribute {_quoted(self.name)}."


def _attribute(**fields: Any) -> Attribute:
    try:
        return Attribute(**{**fields, "scale": _ends(fields.get("scale"))})
    except TaxonomyError as error:
        raise EditError(str(error)) from error


def _ends(scale: Any) -> Any:
    """Read the ends of a scale that were typed as text: one without a point or an exponent is a whole number."""
    if not isinstance(scale, (list, tuple)) or not any(isinstance(end, str) for end in scale):
        return scale
    try:
        return tuple(int(end) if re.fullmatch(r"[-+]?[0-9]+", str(end)) else float(end) for end in scale)
    except (TypeError, ValueError) as error:
        raise EditError(f"scale is {scale!r:.80}; its lowest and its highest value are expected, such as (0, 10) for "
                        "whole steps or (0., 1.) for any number between.") from error


def _called_attribute(name: Any) -> str:
    try:
        return check_name(name)
    except TaxonomyError as error:
        raise EditError(f"an attribute is called {name!r:.80}; its name or id, as text, is expected.") from error


def _found(taxonomy: Taxonomy, name: str) -> Attribute:
    return taxonomy.attribute(name)


def _with(taxonomy: Taxonomy, one: Attribute) -> list[Attribute]:
    """Return the attributes, with `one` in place of the attribute with its id."""
    return [one if other.id == one.id else other for other in taxonomy.attributes]


def _table(table: Any, name: str) -> dict[Value, Value | None]:
    if isinstance(table, list) and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in table):
        table = dict(table)  # from a log, whose mappings have texts for keys
    if not isinstance(table, Mapping):
        raise EditError(f"map of attribute {name!r} is {table!r:.80}; a mapping from values before to values after is "
                        "expected, such as {3: 1, 4: 2}.")
    return {plain(old): plain(new) for old, new in table.items()}


def _range(scale: Sequence[float] | None, choices: Sequence[str]) -> str:
    if scale is not None:
        low, high = scale
        return f"from {low} to {high}"
    return _quoted(*choices).replace(" and ", " or ")


def _asked(labels: Sequence[str]) -> list[str]:
    return [f"asked of {_quoted(*labels)}"] if labels else []
