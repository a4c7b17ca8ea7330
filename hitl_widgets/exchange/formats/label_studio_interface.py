"""Label Studio's labelling interface, config.xml: generated from a taxonomy, and read. See `interface`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import quoteattr

from ...taxonomy.attributes import Attribute
from ...taxonomy.labels import Label
from ..records import Header

# Task -> the tag of the control that gives the labels.
CONTROLS: Mapping[str, str] = {"classify": "Choices", "multilabel": "Choices", "boxes": "RectangleLabels",
                               "polygons": "PolygonLabels", "points": "KeyPointLabels", "spans": "Labels"}
LABELS = "label"
# Names that an attribute can keep as a control: Label Studio's checks find them in the XML.
_PLAIN_NAME = re.compile(r"[^\W\d_][\w .-]{0,60}\Z")
_RESERVED = {LABELS, "image", "text", "item_id"}
MOST_STARS = 10
# XML can't represent these two characters.
_NOT_IN_XML = re.compile("[\ufffe\uffff]")


@dataclass(frozen=True)
class Control:
    """A control of an interface: its tag, its labels, and the object that it labels.

    Attributes
    ----------
    name : str
        The ``from_name`` of its results.
    tag : str
        "Choices", "RectangleLabels", "Number" ...
    to_name : str
        The object that it labels.
    labels : tuple of (tuple of str, mapping)
        The path of names of each label, and the attributes of its tag.
    settings : mapping
        The attributes of its own tag.
    """

    name: str
    tag: str
    to_name: str
    labels: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_of_regions(self) -> bool:
        """Whether it is about each region rather than the item."""
        return self.settings.get("perRegion", "").lower() == "true"


def result_value(name: str) -> str:
    r"""A label's name in results: two characters that XML can't represent become ``\ufffe`` and ``\uffff``."""
    return _NOT_IN_XML.sub(lambda sign: f"\\u{ord(sign[0]):04x}", name)


def attribute_tags(header: Header) -> dict[str, tuple[str, str]]:
    """Attribute id -> the name of its control and its tag: Rating, Number or Choices."""
    taken: set[str] = set()
    tags = {}
    for attribute in header.taxonomy.attributes:
        name = attribute.name if _PLAIN_NAME.match(attribute.name) and attribute.name.lower() not in _RESERVED \
            and attribute.name not in taken else attribute.id
        taken.add(name)
        tags[attribute.id] = name, _tag_of(attribute)
    return tags


def _tag_of(attribute: Attribute) -> str:
    if attribute.scale is None:
        return "Choices"
    # Stars can't say 0.
    return "Rating" if attribute.kind == "ordinal" and attribute.scale[0] == 1 and attribute.scale[1] <= MOST_STARS \
        else "Number"


def in_range(attribute: Attribute, value: Any) -> bool:
    """Whether a value is one of an attribute's choices, or lies on its scale, also between two steps."""
    if attribute.scale is None:
        return isinstance(value, str) and value in attribute.choices
    return isinstance(value, (int, float)) and attribute.scale[0] <= value <= attribute.scale[1]


def interface(header: Header, more: Collection[str] = ()) -> str:
    """Write the interface in which a project's items are labelled in Label Studio.

    Parameters
    ----------
    header : Header
    more : collection of str
        Ids of labels that occur in the tasks, although they can't be answers today.

    Examples
    --------
    >>> from ...taxonomy.labels import Taxonomy
    >>> print(interface(Header("boxes", "image", Taxonomy(["RBC"]))), end="")
    <View>
      <Image name="image" value="$image" zoom="true" zoomControl="true" rotateControl="false"/>
      <RectangleLabels name="label" toName="image">
        <Label value="RBC"/>
      </RectangleLabels>
    </View>
    """
    lines = ["<View>"]
    if header.kind == "image":
        lines.append('  <Image name="image" value="$image" zoom="true" zoomControl="true" rotateControl="false"/>')
    else:
        lines += ["  <Style>.htx-text { white-space: pre-wrap; unicode-bidi: plaintext; }</Style>",
                  '  <Text name="text" value="$text" granularity="symbol"/>']
    if (tag := CONTROLS.get(header.task)) is not None:
        labels = [label for label in header.taxonomy.labels
                  if label.id in header.taxonomy.answerable or label.id in more]
        choice = f' choice="{"multiple" if header.task == "multilabel" else "single"}"' if tag == "Choices" else ""
        lines.append(f'  <{tag} name="{LABELS}" toName="{header.kind}"{choice}>')
        lines += [f"    <{_label(header, label, tag)}/>" for label in labels]
        lines.append(f"  </{tag}>")
    for attribute in header.taxonomy.attributes:
        lines += _asked(header, attribute, *attribute_tags(header)[attribute.id])
    return "\n".join([*lines, "</View>", ""])


def _label(header: Header, label: Label, tag: str) -> str:
    own = {"hint": label.definition, "hotkey": label.key or "",
           **({} if tag == "Choices" else {"background": label.colour or ""})}
    return ("Choice" if tag == "Choices" else "Label") + _shown(header.names[label.id]) + _written(own)


def _shown(name: str) -> str:
    """A label's value; Label Studio would read a ``$`` as the name of a column, so that such a name is an alias."""
    value = result_value(name)
    return _written({"value": value.replace("$", "\uff04"), "alias": value} if "$" in value else {"value": value})


def _written(attributes: Mapping[str, str]) -> str:
    return "".join(f" {name}={_quoted(_NOT_IN_XML.sub('', value) if name == 'hint' else value)}"
                   for name, value in attributes.items() if value)


def _quoted(value: str) -> str:
    # Line breaks in an attribute become spaces in every reader of XML, unless they are written like this.
    quoted = quoteattr(value, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    return quoted if quoted.startswith('"') else '"' + quoted[1:-1].replace('"', "&quot;") + '"'


def _asked(header: Header, attribute: Attribute, name: str, tag: str) -> Iterator[str]:
    settings = {"name": name, "toName": header.kind}
    names = [header.names[label_id] for label_id in attribute.labels if label_id in header.names]
    if names and tag != "Labels" and header.task in ("classify", "multilabel") \
            and not any("," in one or "$" in one for one in names):
        settings |= {"visibleWhen": "choice-selected", "whenTagName": LABELS,
                     "whenChoiceValue": ",".join(map(result_value, names))}
    yield f"  <Header{_written({'value': attribute.name.replace('$', chr(0xff04)), 'size': '5'})}/>"
    if attribute.scale is None:
        yield f"  <Choices{_written({**settings, 'choice': 'single'})}>"
        yield from (f"    <Choice{_shown(choice)}/>" for choice in attribute.choices)
        yield "  </Choices>"
    elif tag == "Rating":
        yield f"  <Rating{_written({**settings, 'maxRating': str(attribute.scale[1])})}/>"
    else:
        low, high = attribute.scale
        step = {"step": "1"} if attribute.kind == "ordinal" else {}
        yield f"  <Number{_written({**settings, 'min': repr(low), 'max': repr(high), **step})}/>"


def read_interface(root: Element) -> tuple[dict[str, Control], dict[str, tuple[str, str]]]:
    """Read any interface, also of others.

    Returns
    -------
    controls : dict
        Name -> `Control`, in their order.
    shown : dict
        Name of an object -> its tag and the key of `data` that it shows.
    """
    controls: dict[str, Control] = {}
    shown: dict[str, tuple[str, str]] = {}
    found: dict[str, list[tuple[tuple[str, ...], dict[str, str]]]] = {}
    waiting: list[tuple[Element, list[tuple[tuple[str, ...], dict[str, str]]] | None, tuple[str, ...]]] = [
        (root, None, ())]
    while waiting:
        tag, labels, path = waiting.pop()
        name, to_name = tag.get("name"), tag.get("toName")
        below = path
        if name and to_name:
            labels = found[name] = []
            controls[name] = Control(name, tag.tag, to_name.split(",")[0], settings=dict(tag.attrib))
        elif name and (value := tag.get("value", tag.get("valueList"))):
            shown[name] = tag.tag, value.removeprefix("$")
        elif tag.tag in ("Label", "Choice") and labels is not None \
                and (value := tag.get("alias") or tag.get("value")) is not None:
            below = (*path, value)
            labels.append((below, dict(tag.attrib)))
        waiting += [(child, labels, below) for child in reversed(tag)]
    return {name: replace(one, labels=tuple(found[name])) for name, one in controls.items()}, shown
