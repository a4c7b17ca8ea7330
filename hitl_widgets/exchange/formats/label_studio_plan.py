"""Plan for reading a Label Studio file: its `Header`, which control gives the labels, and which the attributes.

`as_tasks` converts every export to one form; `plan_of` makes the plan for a foreign file, `own_plan` for our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import BadInput
from ...taxonomy.attributes import MAX_CHOICES, MAX_STEPS, Attribute
from ...taxonomy.labels import Label, Taxonomy, label_id_of
from ...taxonomy.yaml import SEPARATOR
from ..files import IMAGE_SUFFIXES
from ..label_names import named_labels, sound_name
from ..plain_records import header_from_dict
from ..records import Header
from .checked_json import inside, listed, mapping, number, text
from .label_studio_interface import LABELS, Control, attribute_tags, result_value
from .label_studio_results import TYPES, shape_of

TASK_OF = {"box": "boxes", "ellipse": "boxes", "polygon": "polygons", "point": "points", "span": "spans"}
_SHAPE_OF_TAG = {"rectanglelabels": "box", "ellipselabels": "ellipse", "polygonlabels": "polygon",
                 "keypointlabels": "point", "labels": "span", "hypertextlabels": "span"}
_KEYS = ("labels", "choices", "taxonomy", "hypertextlabels", "ellipselabels", "brushlabels", *TYPES.values())
# Keys of an entry of JSON-MIN beside the task's data and the controls.
_MIN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement"}
_OWN_STARS = 5


@dataclass(frozen=True)
class Plan:
    """How a file's results are read.

    Attributes
    ----------
    header : Header
    control : str or None
        The name of the control that gives the labels.
    label_ids : mapping
        Label, as results have it -> label_id.
    attributes : mapping
        Name of a control -> the attribute that it asks for, and a mapping of its choices: spelling in results ->
        spelling in the attribute.
    key : str
        The key of `data` that holds what is shown.
    is_own : bool
        Whether we wrote it, so that ids under ``hitl`` are those of the header.
    n_renamed : int
        How many labels couldn't keep their names.
    """

    header: Header
    control: str | None
    label_ids: Mapping[str, str]
    attributes: Mapping[str, tuple[Attribute, Mapping[str, str]]]
    key: str
    is_own: bool = False
    n_renamed: int = 0


# 13 branches: a file may be one task, tasks, JSON-MIN or a mix of these, or from the time of `completions`.
def as_tasks(body: Any, controls: Mapping[str, Control]) -> list[dict[str, Any]]:
    """Convert an export to tasks with data and annotations; BadInput if it isn't an export."""
    entries = [body] if isinstance(body, dict) and ("data" in body or "annotation_id" in body) else body
    if not isinstance(entries, list):
        raise BadInput(f"{str(body)[:80]!r} is no list of tasks. Export JSON or JSON-MIN from Label Studio.")
    for n, entry in enumerate(entries):
        with inside(f"[{n}]"):
            _check_entry(entry)
    if any("data" not in entry for entry in entries):
        names = controls.keys() or _controls_of_min(entries)
        return [entry if "data" in entry else _from_min(entry, names, controls) for entry in entries]
    return [{**entry, "annotations": entry["completions"]} if "completions" in entry and "annotations" not in entry
            else entry for entry in entries]


def _check_entry(entry: Any) -> None:
    mapping(entry)
    if "data" in entry:
        with inside(".data"):
            mapping(entry["data"])
    elif not _MIN_KEYS & entry.keys():
        raise BadInput(f"{str(sorted(entry))[:80]} are its keys; a task has 'data', and 'annotations' where somebody "
                       "answered.")


def _controls_of_min(entries: Sequence[dict[str, Any]]) -> set[str]:
    """The keys of JSON-MIN that hold answers rather than data, for a file without an interface."""
    names: set[str] = set()
    texts: dict[str, list[str]] = {}
    for entry in entries:
        for name, value in entry.items():
            if name in _MIN_KEYS or "data" in entry:
                continue
            if all(isinstance(one, dict) for one in (value if isinstance(value, list) else [value])):
                names.add(name)
            elif isinstance(value, str):
                texts.setdefault(name, []).append(value)
    length = {name: sum(map(len, values)) / len(values) for name, values in texts.items()}
    # What was labelled is the address of an image, else the longest text; others with few distinct texts are answers.
    shown = next((name for name, values in texts.items() if all(map(is_address, values))),
                 max(length, key=length.__getitem__, default=None))
    return names | {name for name, values in texts.items()
                    if name not in (shown, "item_id") and len(set(values)) <= max(20, len(values) // 2)}


def _from_min(entry: Mapping[str, Any], names: Any, controls: Mapping[str, Control]) -> dict[str, Any]:
    results = [result for name in entry if name in names and name not in _MIN_KEYS
               for result in _results_of_min(name, entry[name], controls)]
    annotation = {key: entry[key] for key in ("created_at", "updated_at", "lead_time") if entry.get(key) is not None}
    return {"id": entry.get("id"),
            "data": {name: value for name, value in entry.items() if name not in _MIN_KEYS and name not in names},
            "annotations": [{**annotation, "completed_by": entry.get("annotator"), "result": results}]}


def _results_of_min(name: str, value: Any, controls: Mapping[str, Control]) -> Iterator[dict[str, Any]]:
    tag = controls[name].tag.lower() if name in controls else None
    for n, one in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(one, str) and tag != "textarea":
            one = {"choices": [one]}
        if isinstance(one, dict):
            kind = next((key for key in (tag, *_KEYS, "rating", "number", "text") if key in one), "unknown")
            size = {key: one[key] for key in ("original_width", "original_height") if key in one}
            yield {"id": f"{name}-{n}", "from_name": name, "to_name": "", "type": kind, "value": one, **size}


def is_address(value: str) -> bool:
    """Whether a text is the address of an image."""
    return value.split("?")[0].lower().endswith(IMAGE_SUFFIXES) or "local-files/?d=" in value \
        or value.startswith(("data:image/", "/data/upload/"))


def labels_in(result: Mapping[str, Any]) -> list[str]:
    """The labels of a result, paths joined; none where it has none."""
    value = result["value"]
    kind = str(result["type"]).lower()
    found: Any = next((value[key] for key in (kind, *_KEYS) if key in value), [])
    names = []
    for one in [] if found is None or kind in ("rating", "number") else listed(found):
        path = list(map(text, listed(one))) if isinstance(one, list) else [text(one)]
        if path:
            names.append(SEPARATOR.join(path))
    return names


@dataclass
class _Found:
    """Summary of the results of one control."""

    tag: str
    shapes: dict[str, int] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    most: int = 0
    n: int = 0
    numbers: list[float] = field(default_factory=list)
    is_of_regions: bool = False

    def add(self, result: Mapping[str, Any]) -> None:
        self.n += 1
        value = result["value"]
        if (shape := shape_of(result)) is not None:
            self.shapes[shape] = self.shapes.get(shape, 0) + 1
        names = labels_in(result)
        self.names |= dict.fromkeys(names)
        self.most = max(self.most, len(names))
        if self.tag in ("rating", "number") and self.tag in value:
            low, high = [*self.numbers, number(value[self.tag]), number(value[self.tag])][:2]
            self.numbers = [min(low, value[self.tag]), max(high, value[self.tag])]
        if self.tag in ("choices", "taxonomy", "rating", "number") and shape is not None:
            self.is_of_regions = True


def found_in(results: Iterator[Mapping[str, Any]], controls: Mapping[str, Control]) -> dict[str, _Found]:
    """Name of a control -> summary of its results, controls of the interface first."""
    found = {name: _Found(one.tag.lower(), names={SEPARATOR.join(path): None for path, _ in one.labels},
                          is_of_regions=one.is_of_regions) for name, one in controls.items()}
    for result in results:
        if str(result["type"]).lower() != "relation":
            found.setdefault(result["from_name"], _Found(str(result["type"]).lower())).add(result)
    return found


def _kind(one: _Found) -> str | None:
    """A shape, "choices", "number", or None for what can't be read."""
    if one.tag in ("choices", "taxonomy"):
        return "choices"
    if one.tag in ("rating", "number"):
        return "number"
    shapes = {shape: n for shape, n in one.shapes.items() if shape in TASK_OF}
    if shapes:
        return max(shapes, key=lambda shape: shapes[shape])
    return None if one.shapes else _SHAPE_OF_TAG.get(one.tag)


# 18 branches: most are for a file without labels, or one without an interface.
def plan_of(found: Mapping[str, _Found], controls: Mapping[str, Control], shown: Mapping[str, tuple[str, str]],
            data: Sequence[Mapping[str, Any]], *, control: str | None, task: str | None,
            several: bool = False) -> Plan:
    """Make the plan for a foreign file.

    Parameters
    ----------
    found : dict
        As `found_in` returns it.
    controls, shown : dict
        From the interface; empty without one.
    data : sequence of mapping
        The data of each task.
    control, task : str or None
        The control that gives the labels, and the project's task, if the caller names them.
    several : bool
        Whether an item may have several labels, also if none here has.

    Raises
    ------
    BadInput
        When no control can be read, or there is none of that name.
    """
    kinds = {name: kind for name, one in found.items() if (kind := _kind(one)) is not None}
    name = _chosen(found, kinds, task) if control is None else _checked_control(control, found, kinds)
    attributes = _attributes(found, {other: kind for other, kind in kinds.items() if other != name}, controls)
    if name is None and not attributes:
        raise BadInput("no choices, boxes, polygons, points, spans or ratings are in it: there is nothing to read. An "
                       "interface, config.xml beside tasks.json, gives the labels of tasks that nobody answered.")
    one, its_control = (None, None) if name is None else (found[name], controls.get(name))
    kind = "scale" if name is None else kinds[name]
    if one is not None and kind == "choices":
        kind = "multilabel" if task == "multilabel" or several or _takes_several(one, its_control) else "classify"
    header, ids, n = _header(TASK_OF.get(kind, kind), "image", one, its_control,
                             [attribute for attribute, _ in attributes.values()])
    asking = its_control or next(iter(controls.values()), None)
    tag, key = shown.get("" if asking is None else asking.to_name) or _key(data, kind)
    is_text = kind == "span" or (kind not in TASK_OF and tag.lower() != "image")
    return Plan(replace(header, kind="text" if is_text else "image"), name, ids, attributes, key, n_renamed=n)


def _checked_control(control: str, found: Mapping[str, _Found], kinds: Mapping[str, str]) -> str:
    """The control that somebody named, if it gives labels."""
    if control not in found:
        raise BadInput(f"control={control!r:.80} is no control here; one of {', '.join(found) or 'none'} is expected.")
    if kinds.get(control) not in ("choices", *TASK_OF):
        raise BadInput(f"control {control!r:.80} is a {found[control].tag}, which gives no labels.")
    return control


def _takes_several(one: _Found, control: Control | None) -> bool:
    """Whether an item may have several of a control's choices."""
    return one.most > 1 or (control is not None and control.settings.get("choice", "single") != "single")


def _chosen(found: Mapping[str, _Found], kinds: Mapping[str, str], task: str | None) -> str | None:
    """The control that gives the labels: of those that fit the task, one for objects before choices, the most used."""
    fits = [name for name, kind in kinds.items() if kind != "number" and not found[name].is_of_regions
            and (task is None or TASK_OF.get(kind) == task
                 or (kind == "choices" and task in ("classify", "multilabel")))]
    return max(fits, key=lambda name: (kinds[name] in TASK_OF and found[name].n > 0, found[name].n,
                                       kinds[name] in TASK_OF), default=None)


def _header(task: str, kind: str, one: _Found | None, control: Control | None,
            attributes: Sequence[Attribute]) -> tuple[Header, Mapping[str, str], int]:
    if one is None or not one.names:
        if not attributes:
            raise BadInput("there are no labels in it. config.xml beside tasks.json gives the labels of tasks that "
                           "nobody answered.")
        return Header(task if one is None else "scale", kind, Taxonomy(attributes=attributes)), {}, 0
    labels = named_labels(one.names)
    about = {SEPARATOR.join(path): tag for path, tag in (control.labels if control else ())}
    described = {labels.ids[name]: _description(about[name]) for name in one.names if name in about}
    taxonomy = Taxonomy([replace(label, **described.get(label.id, {})) for label in labels.taxonomy.labels],
                        inner_answers=labels.taxonomy.inner_answers, attributes=attributes)
    return Header(task, kind, taxonomy, called=labels.names), labels.ids, labels.n_changed


def _description(tag: Mapping[str, str]) -> dict[str, Any]:
    colour = tag.get("background", "")
    hint = tag.get("hint", "")
    return {**({"definition": hint} if hint else {}),
            **({"colour": colour} if len(colour) == 7 and colour[0] == "#" and
               all(sign in "0123456789abcdefABCDEF" for sign in colour[1:]) else {})}


def _attributes(found: Mapping[str, _Found], kinds: Mapping[str, str], controls: Mapping[str, Control]
                ) -> dict[str, tuple[Attribute, dict[str, str]]]:
    """Name of a control of the whole item -> its attribute and choices, for each control that can be an attribute."""
    attributes: dict[str, tuple[Attribute, dict[str, str]]] = {}
    for name, kind in kinds.items():
        if found[name].is_of_regions:
            continue
        if (made := _attribute(name, found[name], kind, controls.get(name), attributes)) is not None:
            attributes[name] = made
    return attributes


def _attribute(name: str, one: _Found, kind: str, control: Control | None,
               others: Mapping[str, Any]) -> tuple[Attribute, dict[str, str]] | None:
    title = sound_name(name).replace(SEPARATOR, "/")
    if any(title == attribute.name for attribute, _ in others.values()):
        return None
    if kind == "choices":
        choices = {value: sound_name(value).replace(SEPARATOR, "/") for value in one.names}
        if one.most > 1 or not 2 <= len(choices) <= MAX_CHOICES or len(set(choices.values())) < len(choices):
            return None
        return Attribute(title, choices=tuple(choices.values())), choices
    if kind != "number":
        return None
    scale = _scale(one, control.settings if control else {})
    return None if scale is None else (Attribute(title, scale=scale), {})


def _scale(one: _Found, settings: Mapping[str, str]) -> tuple[float, float] | None:
    """The ends of a scale, from the settings and extended to the numbers that were given; None if there are none."""
    ends = (1, settings.get("maxRating", _OWN_STARS)) if one.tag == "rating" else map(settings.get, ("min", "max"))
    low_end, high_end = map(_numbers_in, ends)
    low = min([*low_end, *one.numbers[:1]], default=None)
    high = max([*high_end, *one.numbers[1:]], default=None)
    if low is None or high is None or not abs(low) <= 1e9 or not abs(high) <= 1e9:
        return None
    high = max(high, low + 1) if high - low < 1e-9 else high
    whole = all(float(end).is_integer() for end in (low, high, *one.numbers)) and high - low < MAX_STEPS \
        and (one.tag == "rating" or settings.get("step") == "1" or not settings)
    return (int(low), int(high)) if whole else (float(low), float(high))


def _numbers_in(setting: str | int | None) -> list[float]:
    """The number in a setting, as a list of one; an empty list if it holds no number."""
    try:
        return [] if setting is None else [float(setting)]
    except ValueError:
        return []


def _key(data: Sequence[Mapping[str, Any]], kind: str) -> tuple[str, str]:
    """Tag and key of what is shown, inferred from the data alone."""
    first = next((one for one in data if one), {})
    texts = {name: value for name, value in first.items() if isinstance(value, str)}
    address = next((name for name, value in texts.items() if is_address(value)), None)
    if kind != "span" and (address is not None or kind in TASK_OF):
        return "Image", address or ("image" if "image" in texts else next(iter(texts), "image"))
    return "Text", "text" if "text" in texts else max(texts, key=lambda name: len(texts[name]), default="text")


def own_plan(body: Any, found: Mapping[str, _Found]) -> Plan:
    """Make the plan for a file that we wrote, from hitl.json; labels that were added in Label Studio are new."""
    header = header_from_dict(body, "the header")
    taxonomy = header.taxonomy
    ids = {result_value(name): label_id for label_id, name in header.names.items()}
    new = [name for name in found[LABELS].names if name not in ids] if LABELS in found else []
    if new and header.task != "scale":
        added: dict[str, str] = {}
        for name in new:
            label_id = label_id_of((sound_name(name),), {*ids.values(), *added.values(), *taxonomy.former_ids})
            added[name] = label_id
        labels = [*taxonomy.labels, *(Label(added[name], sound_name(name).replace(SEPARATOR, "/")) for name in new)]
        header = replace(header, taxonomy=Taxonomy(
            labels, version=taxonomy.version, inner_answers=taxonomy.inner_answers,
            former_ids=taxonomy.former_ids, attributes=taxonomy.attributes))
        ids |= added
    by_id = {attribute.id: attribute for attribute in header.taxonomy.attributes}
    attributes = {name: (by_id[attribute_id], {result_value(choice): choice for choice in by_id[attribute_id].choices})
                  for attribute_id, (name, _) in attribute_tags(header).items()}
    return Plan(header, None if header.task == "scale" else LABELS, ids, attributes, header.kind, is_own=True)
