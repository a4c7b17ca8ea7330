"""Attributes: values on a scale, or choices, that are asked for besides an item's label or alone.

An attribute is part of a `labels.Taxonomy`. It has a permanent id, and a name that may change. Read `Attribute` first;
`check_attributes` checks those of a taxonomy.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from numbers import Real
from typing import Any, Literal

import numpy as np

from ..errors import BadInput, TaxonomyError
from .checks import ID, check_name, text, texts
from .yaml import ATTRIBUTE_FIELDS as FIELDS

Kind = Literal["ordinal", "continuous", "choices"]
# An answer's value of an attribute: a step of an ordinal scale, a number on a continuous one, or a choice.
Value = int | float | str

MAX_STEPS, MAX_CHOICES = 101, 50
# Numbers on a continuous scale are rounded to one of this many parts of its length.
PARTS = 10_000



@dataclass(frozen=True, slots=True)
class Attribute:
    """A property that is asked for: a value on a scale, or one of some choices.

    Parameters
    ----------
    name : str
        What people see, 1 to 200 characters; unique in a taxonomy.
    id : str
        1 to 80 letters, digits or ``_ . : -``; made from the name where it is empty.
    scale : (int, int) or (float, float), optional
        Its lowest and highest value. Two ints, such as ``(0, 10)``, make an ordinal scale of whole steps; with a float,
        such as ``(0., 1.)``, it is continuous.
    choices : sequence of str
        The choices, two or more, each once. An attribute has a scale or choices.
    labels : sequence of str
        Labels whose items are asked for it, also those of labels under them; empty for every item. Names, paths or ids;
        a taxonomy keeps their ids.
    definition : str
        What it means, and what the ends of its scale are.
    sensitive : str, optional
        Purpose of asking for it, if the property needs care, such as somebody's appearance. The card shows the purpose.

    Raises
    ------
    TaxonomyError
        If a field has an invalid value, such as an empty purpose.

    Examples
    --------
    >>> blur = Attribute("blur", scale=(0, 10))
    >>> blur.kind, blur.check(3.0)
    ('ordinal', 3)
    >>> Attribute("view", choices=["front", "side"]).check("front")
    'front'
    """

    name: str
    id: str = ""
    scale: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    definition: str = ""
    sensitive: str | None = None

    # One check per field, in the order in which a person meets them.
    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("name", check_name(self.name))
        of = f"attribute {self.name!r}: "
        put("id", text(self.id, of + "id") or attribute_id_of(self.name))
        if not ID.match(self.id):
            raise TaxonomyError(f"{of}id is {self.id!r}; 1 to 80 letters, digits or _ . : - are expected. Leave it "
                                "out to get one.")
        if isinstance(self.choices, np.ndarray):  # as pandas' `unique` gives them
            put("choices", tuple(self.choices.tolist()))
        if (self.scale is None) == (not self.choices):
            raise TaxonomyError(f"{of}either a scale, such as scale=(0, 10), or choices, such as choices=['front', "
                                "'side'], is expected.")
        if self.scale is None:
            put("choices", _checked_choices(texts(self.choices, of + "choices"), of))
        else:
            put("scale", _checked_scale(self.scale, of))
            put("choices", ())
        put("labels", tuple(dict.fromkeys(texts((self.labels,) if isinstance(self.labels, str) and self.labels
                                                 else self.labels, of + "labels"))))
        put("definition", text(self.definition, of + "definition"))
        if self.sensitive is not None and (not isinstance(self.sensitive, str) or not self.sensitive.strip()):
            raise TaxonomyError(f"{of}sensitive is {self.sensitive!r}; the purpose for which it is asked is expected, "
                                "in words: the card shows it.")
        put("sensitive", None if self.sensitive is None else text(self.sensitive, of + "sensitive").strip())

    @property
    def kind(self) -> Kind:
        """Kind of its values: "ordinal" (whole steps of a scale), "continuous" (numbers on a scale) or "choices"."""
        if self.scale is None:
            return "choices"
        return "ordinal" if isinstance(self.scale[0], int) else "continuous"

    @property
    def steps(self) -> tuple[Value, ...]:
        """All possible values, in order; empty for a continuous scale."""
        if self.scale is None:
            return self.choices
        low, high = self.scale
        return tuple(range(int(low), int(high) + 1)) if self.kind == "ordinal" else ()

    def check(self, value: Any) -> Value:
        """Return a value as it is stored: an int, a float or one of the choices.

        Raises
        ------
        BadInput
            If it isn't a value of this attribute.
        """
        if self.scale is None:
            if not isinstance(value, str) or value not in self.choices:
                raise BadInput(f"attribute {self.name!r} is {value!r:.80}; one of {', '.join(self.choices)} is "
                               "expected.")
            return self.choices[self.choices.index(value)]
        low, high = self.scale
        numeric = isinstance(value, Real) and not isinstance(value, bool)
        # Compared first: a whole number may be too large for a float.
        if not numeric or not low <= value <= high or not math.isfinite(value) \
                or (self.kind == "ordinal" and float(value) != int(value)):
            what = "a whole number" if self.kind == "ordinal" else "a number"
            raise BadInput(f"attribute {self.name!r} is {value!r:.80}; {what} from {low:g} to {high:g} is expected.")
        if self.kind == "ordinal":
            return int(value)
        return min(max(self.rounded(float(value)), float(low)), float(high))

    def rounded(self, value: float) -> float:
        """Round a number on a continuous scale to a ten-thousandth of the scale's length."""
        assert self.scale is not None
        return rounded_on(self.scale, value)

    def nearest(self, value: float) -> Value:
        """The value of the scale that is nearest to a number, such as a prediction.

        Examples
        --------
        >>> Attribute("blur", scale=(0, 10)).nearest(11.3)
        10
        """
        assert self.scale is not None
        inside = min(max(float(value), self.scale[0]), self.scale[1])
        return self.check(round(inside) if self.kind == "ordinal" else inside)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that aren't empty, as plain JSON."""
        of: dict[str, Any] = {"name": self.name, "id": self.id}
        for name in FIELDS[2:]:
            if (value := getattr(self, name)) not in (None, (), ""):
                of[name] = list(value) if isinstance(value, tuple) else value
        return of

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Attribute:
        """Read what `to_dict` wrote; TaxonomyError when it is something else."""
        if not isinstance(body, Mapping) or "name" not in body or (odd := sorted(map(str, set(body) - set(FIELDS)))):
            what = f"it has the unknown fields {odd}" if isinstance(body, Mapping) and "name" in body else "it has none"
            raise TaxonomyError(f"an attribute can't be read from {body!r:.200}: a name and some of "
                                f"{', '.join(FIELDS[1:])} are expected; {what}.")
        scale = body.get("scale")
        return cls(**{**body, **({} if scale is None else {"scale": tuple(scale)})})


def rounded_on(scale: tuple[float, float], value: float) -> float:
    """Round a number to a ten-thousandth of the length of a continuous scale.

    Parameters
    ----------
    scale : (float, float)
    value : float
    """
    digits = max(0, math.ceil(math.log10(PARTS / (scale[1] - scale[0]))))
    return round(value, min(digits, 15)) + 0.0


def _checked_scale(scale: Any, of: str) -> tuple[float, float]:
    fits = isinstance(scale, (tuple, list)) and len(scale) == 2 and all(
        isinstance(end, (int, np.integer, float)) and not isinstance(end, bool) and abs(end) <= 1e9 for end in scale)
    if not fits or not scale[1] - scale[0] >= 1e-9:
        raise TaxonomyError(f"{of}scale is {scale!r:.80}; its lowest and its highest value are expected, such as "
                            "(0, 10) for whole steps or (0., 1.) for any number between.")
    if all(isinstance(end, (int, np.integer)) for end in scale):
        if scale[1] - scale[0] >= MAX_STEPS:
            raise TaxonomyError(f"{of}scale {tuple(scale)!r} has {scale[1] - scale[0] + 1:,} whole steps; {MAX_STEPS} "
                                f"at most are expected. A continuous scale is written ({scale[0]}., {scale[1]}.).")
        return int(scale[0]), int(scale[1])
    return float(scale[0]), float(scale[1])


def _checked_choices(choices: tuple[str, ...], of: str) -> tuple[str, ...]:
    choices = tuple(check_name(choice) for choice in choices)
    if len(set(choices)) < len(choices) or not 2 <= len(choices) <= MAX_CHOICES:
        raise TaxonomyError(f"{of}choices are {', '.join(choices)}; 2 to {MAX_CHOICES} different ones are expected.")
    return choices


def attribute_id_of(name: str, taken: Collection[str] = ()) -> str:
    """Make the id of a new attribute from its name, so that the same name gives the same id.

    Parameters
    ----------
    name : str
        Its name.
    taken : collection of str
        Ids that it can't have.
    """
    attempt, tried = 1, name
    while (made := "A" + blake2b(tried.encode(), digest_size=5).hexdigest()) in taken:
        attempt += 1
        tried = f"{name}\0{attempt}"
    return made


def explained_attribute(target: str, attributes: Iterable[Attribute]) -> Attribute | None:
    """Return the attribute whose value a saliency map explains; None if the map explains something else.

    Parameters
    ----------
    target : str
        What the map explains: a label_id, "object:" and an id, or an attribute's id, optionally with "=" and a choice.
    attributes : iterable of Attribute
    """
    attribute_id = target.partition("=")[0]
    return next((attribute for attribute in attributes if attribute.id == attribute_id), None)


def check_attributes(attributes: Any, label_id_of: Any) -> tuple[Attribute, ...]:
    """Return a taxonomy's attributes, each with the ids of its labels.

    Parameters
    ----------
    attributes : iterable of Attribute or mapping
        Mappings have the fields of `Attribute`.
    label_id_of : callable
        Returns the id of a label from its name, path or id; raises UnknownLabel.

    Raises
    ------
    TaxonomyError
        If one isn't an attribute, or two have the same name or id.
    UnknownLabel
        If one names a label that doesn't exist.
    """
    if isinstance(attributes, (str, bytes, Mapping)) or not isinstance(attributes, Iterable):
        raise TaxonomyError(f"attributes is {attributes!r:.80}; a list of hw.Attribute is expected.")
    read: list[Attribute] = []
    for given in attributes:
        one = Attribute.from_dict(given) if isinstance(given, Mapping) else given
        if not isinstance(one, Attribute):
            raise TaxonomyError(f"an attribute is {given!r:.80} ({type(given).__name__}); hw.Attribute(name, scale=...)"
                                " or hw.Attribute(name, choices=...) is expected.")
        for other in read:
            if one.name == other.name or one.id == other.id:
                raise TaxonomyError(f"two attributes have the {'name' if one.name == other.name else 'id'} "
                                    f"{one.name if one.name == other.name else one.id!r}; rename one of them.")
        read.append(replace(one, labels=tuple(dict.fromkeys(map(label_id_of, one.labels)))))
    return tuple(read)
