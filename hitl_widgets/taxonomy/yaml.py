"""Parsing of taxonomies that people write: names, nested mappings and YAML files.

Read `drafts_of` and `from_yaml` first. Whether the drafts are valid labels is checked in `labels`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..errors import TaxonomyError

MAX_DEPTH = 32
ATTRIBUTE_FIELDS = ("name", "id", "scale", "choices", "labels", "definition", "sensitive")
SEPARATOR = " / "


class Draft(NamedTuple):
    """A label as it was written.

    Parameters
    ----------
    fields : dict
        Its fields, without the labels under it.
    parent : int or None
        The position of its parent's draft; None at the top.
    line : int
        Its line, from 1 on; 0 where there is no file.
    """

    fields: dict[str, Any]
    parent: int | None
    line: int


def drafts_of(entries: Any, *, allowed: Collection[str]) -> list[Draft]:
    """Make a draft of each label, depth first, parents before children.

    Parameters
    ----------
    entries : iterable or mapping
        Names; dicts with a ``name``, other fields and ``labels`` for those under it; or a nested mapping, name -> the
        labels under it, a definition, or nothing.
    allowed : collection of str
        The fields that a label may have besides ``labels``.

    Raises
    ------
    TaxonomyError
        With the line, if there is something else, or more than `MAX_DEPTH` levels.
    """
    drafts: list[Draft] = []
    _gather(entries, None, 1, drafts, (*allowed, "labels"))
    return drafts


def fault(near: Any, message: str) -> TaxonomyError:
    """Make the error, with the line on which `near` was written if it was read from a file."""
    return fault_at(_line(near), message)


def fault_at(line: int | None, message: str) -> TaxonomyError:
    """Make the error, with the line if there is one."""
    return TaxonomyError(f"line {line}: {message}" if line else message)


def from_yaml(source: str | os.PathLike[str]) -> tuple[str, dict[str, Any]]:
    """Read a YAML file or text.

    Parameters
    ----------
    source : str or path
        A path; or text: a string that has a line break, or neither ends in .yaml or .yml nor is a file.

    Returns
    -------
    where : str
        The source's name for messages; "" for text.
    arguments : dict
        Arguments for `Taxonomy`.

    Raises
    ------
    TaxonomyError
        With file and line, if it can't be read.
    """
    where, text = "", source
    if not _is_text(source):
        if not isinstance(source, (str, os.PathLike)):
            raise TaxonomyError(f"from_yaml got {type(source).__name__}; the path of a YAML file, or its text, is "
                                "expected.")
        name = Path(source).name
        try:
            where, text = f"{name}, ", Path(source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise TaxonomyError(f"{name} can't be read: {error}. The path of a YAML file in UTF-8 is expected.") \
                from error
    try:
        return where, _arguments(_load(str(text)))
    except TaxonomyError as error:
        raise TaxonomyError(f"{where}{error}") from error


def to_yaml(document: Mapping[str, Any]) -> str:
    """Write a document as YAML: texts that look like numbers are quoted; several lines become a block."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


# 17 branches: the forms in which a label may be written, and those that are refused, line by line.
def _gather(entries: Any, parent: int | None, depth: int, drafts: list[Draft], allowed: Collection[str]) -> None:
    if isinstance(entries, Mapping):
        entries = _List((_entry_of(name, value) for name, value in entries.items()), line=_line(entries))
    # A set has no order, and keys are assigned by order.
    if isinstance(entries, (str, bytes, set, frozenset)) or not isinstance(entries, Iterable):
        raise fault(entries, f"labels is {shown(entries)}; a list of names, or a mapping from names, is expected.")
    for entry in entries:
        if depth > MAX_DEPTH:
            raise too_deep(_line(entry))
        if isinstance(entry, str):
            entry = _Map({"name": entry}, line=_line(entry))
        if not isinstance(entry, Mapping):
            example = f" such as '{entry}'" if isinstance(entry, (int, float)) else ""
            raise fault(entry, f"a label is {shown(entry)}; a name in quotes{example}, or a mapping with name: in it, "
                               "is expected.")
        if odd := [name for name in entry if name not in allowed]:
            raise fault(odd[0], f"a label has the unknown field {shown(odd[0])}; known are {', '.join(allowed)}.")
        if "name" not in entry:
            raise fault(entry, f"a label has no name, only {', '.join(entry) or 'nothing'}; add name: to it.")
        drafts.append(Draft({k: v for k, v in entry.items() if k != "labels"}, parent, _line(entry)))
        below = entry.get("labels")
        if below is not None and not (isinstance(below, str) and below == ""):
            _gather(below, len(drafts) - 1, depth + 1, drafts, allowed)


def too_deep(line: int = 0) -> TaxonomyError:
    """Make the error for a hierarchy of more than `MAX_DEPTH` levels."""
    return fault_at(line, f"labels lie more than {MAX_DEPTH} levels deep; make the hierarchy flatter.")


def _entry_of(name: Any, value: Any) -> Mapping[str, Any]:
    """Return the entry for `name: value` in a nested mapping."""
    more = {} if value is None else {"definition" if isinstance(value, str) else "labels": value}
    return _Map({"name": name, **more}, line=_line(name))


# Values with the line on which they were written.

class _Text(str):
    line = 0


class _List(list[Any]):
    def __init__(self, values: Iterable[Any] = (), *, line: int = 0) -> None:
        super().__init__(values)
        self.line = line


class _Map(dict[Any, Any]):
    def __init__(self, values: Mapping[Any, Any] | None = None, *, line: int = 0) -> None:
        super().__init__(values or {})
        self.line = line


def _line(value: Any) -> int:
    return getattr(value, "line", 0)


def shown(value: Any) -> str:
    """Write a value for a message."""
    kind = {_List: "a list", _Map: "a mapping"}.get(type(value))
    return kind or (repr(str(value)) if isinstance(value, str) else f"{value!r} ({type(value).__name__})")


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Loader that reads scalars as text, and keeps the line of every value."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> _Text | _List | _Map:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return _List(map(self.construct_object, node.value), line=line)
        if isinstance(node, yaml.ScalarNode):
            text = _Text(node.value)
            text.line = line
            return text
        table = _Map(line=line)
        for name, value in ((self.construct_object(name), value) for name, value in node.value):
            if not isinstance(name, _Text):
                raise fault(name, f"{shown(name)} stands where a name is expected.")
            if name in table:
                raise fault(name, f"{str(name)!r} is given twice; leave one out.")
            table[name] = self.construct_object(value)
        return table


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    pass


def _style(text: str) -> str | None:
    """Style of a text: a block for several lines; quotes if a version of YAML reads it as a number or a boolean."""
    return "|" if "\n" in text else "'" if re.match(r"[-+.\d]|[yYnN]\Z", text) else None


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style=_style(text)))


def _is_text(source: Any) -> bool:
    if not isinstance(source, str) or "\n" in source:
        return isinstance(source, str)
    if source.endswith((".yaml", ".yml")):
        return False
    return not source or "\0" in source or len(source) > 1000 or not os.path.isfile(source)


def _load(text: str) -> Any:
    """Read the text's one document; every scalar in it is text."""
    try:
        _check_events(text)
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        raise fault_at(mark.line + 1 if mark is not None else 0, f"this is not YAML: {problem}.") from error
    if len(documents) != 1:
        raise TaxonomyError(f"{len(documents)} YAML documents were found; one is expected, with labels: in it.")
    return documents[0]


def _check_events(text: str) -> None:
    """Refuse aliases (a short text can expand to gigabytes), tags, and deep nesting before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            line = event.start_mark.line + 1  # type: ignore[union-attr]
            if isinstance(event, yaml.AliasEvent):
                raise fault_at(line, f"the alias *{event.anchor} can't be used here; write out what it stands for.")
            if event.tag not in (None, "!", "tag:yaml.org,2002:str"):  # type: ignore[attr-defined]
                raise fault_at(line, f"the tag {event.tag!r} can't be used here; leave it out.")  # type: ignore[attr-defined]
            depth += isinstance(event, yaml.CollectionStartEvent)
            if depth > 2 * MAX_DEPTH + 3:
                raise too_deep(line)


def _attributes(entries: Any) -> list[dict[str, Any]]:
    """Return the fields of each attribute; the ends of a scale are the only numbers among them."""
    if not isinstance(entries, _List) or not all(isinstance(entry, _Map) for entry in entries):
        raise fault(entries, f"attributes is {shown(entries)}; a list of mappings is expected, each with name: and "
                             "scale: or choices:.")
    for entry in entries:
        if "name" not in entry:
            raise fault(entry, f"an attribute has no name, only {', '.join(entry) or 'nothing'}; add name: to it.")
        if odd := [name for name in entry if name not in ATTRIBUTE_FIELDS]:
            raise fault(odd[0], f"an attribute has the unknown field {shown(odd[0])}; known are "
                                f"{', '.join(ATTRIBUTE_FIELDS)}.")
    return [{**entry, **({"scale": _scale(entry["scale"])} if entry.get("scale") else {})} for entry in entries]


def _scale(ends: Any) -> tuple[float, ...]:
    """Read the ends of a scale; one without a point or an exponent is a whole number."""
    texts = list(ends) if isinstance(ends, _List) else [""]
    try:
        return tuple(int(end) if re.fullmatch(r"[-+]?[0-9]+", end) else float(end) for end in texts)
    except (TypeError, ValueError) as error:
        raise fault(ends, f"scale is {shown(ends)}; its lowest and its highest value are expected, such as [0, 10], or "
                          "[0.0, 1.0] for any number between.") from error


def _arguments(value: Any) -> dict[str, Any]:
    """Return the arguments for a taxonomy: a bare list is its labels."""
    if isinstance(value, _List):
        return {"labels": value}
    if not isinstance(value, _Map):
        raise fault(value, f"{shown(value)} is no taxonomy, nor a file here; labels: with a list of names under it is "
                           "expected.")
    allowed = ("version", "inner_answers", "attributes", "labels")
    if odd := [name for name in value if name not in allowed]:
        raise fault(odd[0], f"the unknown field {shown(odd[0])} stands at the top; known are {', '.join(allowed)}. "
                            "Names of labels go under labels:.")
    if "labels" not in value and not value.get("attributes"):
        raise fault(value, "labels: is missing; write it with a list of names under it.")
    arguments = {"labels": value.get("labels", ())}
    if value.get("attributes"):
        arguments["attributes"] = _attributes(value["attributes"])
    if (version := value.get("version")) is not None:
        if not isinstance(version, str) or not re.fullmatch(r"[0-9]{1,9}", version, re.ASCII):
            raise fault(version, f"version is {shown(version)}; a whole number from 1 on is expected.")
        arguments["version"] = int(version)
    if (inner := value.get("inner_answers")) is not None:
        if inner not in ("true", "false"):
            raise fault(inner, f"inner_answers is {shown(inner)}; true or false is expected.")
        arguments["inner_answers"] = inner == "true"
    return arguments
