r"""Label Studio's JSON: a folder with ``tasks.json``, ``config.xml`` (the labelling interface) and ``hitl.json``.

Make a project in Label Studio, paste ``config.xml`` under Settings > Labeling Interface > Code, then import
``tasks.json``. Every item is a task, every answer one of its annotations, every prediction one of its predictions.

- *Images* lie in ``images/`` where they are copied; else ``data.image`` is the file's name. Label Studio shows local
  files when it is started with ``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true`` and
  ``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`` set to a folder, and the project has a "Local files" storage of a folder
  inside that one. ``image_prefix="/data/local-files/?d=digits/"`` then writes the addresses that it expects, for a
  folder ``digits`` in the document root; without it, ``data.image`` is relative to the folder.
- *Ids* of items are in ``data.item_id``, which every export of Label Studio keeps, and in ``task.meta.hitl``.
- *What Label Studio has no field for* (certainty, flags, notes, what was shown, votes) is written under ``hitl`` in
  ``task.meta``, and in the ``meta`` of an annotation's first result, both of which Label Studio keeps. An annotation
  without results has it in its own ``meta``, which Label Studio drops when it imports. ``hitl.json`` has the taxonomy
  with its ids, hierarchy and history; Label Studio doesn't read it.
- *Annotators* aren't written as ``completed_by``: Label Studio refuses a file with people whom it doesn't know. Their
  names are under ``hitl``.
- *Spans* count Unicode code points, as Label Studio does since 2022. Files of others may count UTF-16 units: the quotes
  beside the spans decide (``offsets="utf16"`` or ``"characters"`` decides instead).
- *Labels* are written as their names, or paths where two share a name. A name with a ``$``, which Label Studio would
  read as the name of a column, becomes an alias. U+FFFE and U+FFFF, which XML can't represent, become ``\ufffe`` and
  ``\uffff``.

Reading takes such a folder, or one file: Label Studio's exports "JSON" and "JSON-MIN", and one task as its cloud
storages get it. Where a task has several controls, ``control="name"`` says which one gives the labels; by default a
control for objects is preferred to one for choices, and then the one used most. Choices, ratings and numbers beside it
become attributes. Nothing that ``data`` names is opened: the address's last part is looked up among the pool's names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import timezone
from typing import Any
from urllib.parse import quote

from ...records import OBJECT_TASKS, TASKS, ObjectAnswer
from ..files import Target, json_text
from ..format import Format, Options
from ..plain_records import answer_to_dict, header_to_dict
from ..records import Answer, Header, ItemRecord, Prediction
from .label_studio_interface import CONTROLS, LABELS, attribute_tags, in_range, interface, result_value
from .label_studio_reading import read
from .label_studio_results import TYPES, region, rounded

# Facts about an object that results have in Label Studio's own fields.
_ORIGINS = {"accepted": "prediction", "moved": "prediction-changed", "relabelled": "prediction-changed"}
_OWN_FIELDS = ("kind", "at", "label_id", "label", "quote")


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """Take away what can't be written: places in an image of unknown size, and what isn't in today's taxonomy."""
    if header.kind == "text" and record.text is None:
        return None
    answers = [one for answer in record.answers if (one := _kept(header, record, answer)) is not None]
    predictions = tuple(_kept_prediction(header, record, one) for one in record.predictions)
    known = record.gold_ids is not None and header.names.keys() >= set(record.gold_ids)
    return replace(record, answers=tuple(answers), predictions=predictions,
                   gold_ids=record.gold_ids if known else None, gold_values=_values(header, record.gold_values))


def _kept(header: Header, record: ItemRecord, answer: Answer) -> Answer | None:
    if answer.label_ids is not None and not header.names.keys() >= set(answer.label_ids):
        return None
    objects = None if answer.objects is None else _objects(header, record, answer.objects)
    votes = [one for vote in answer.votes if (one := _kept(header, record, vote)) is not None]
    return replace(answer, objects=objects, values=_values(header, answer.values), votes=tuple(votes))


def _kept_prediction(header: Header, record: ItemRecord, one: Prediction) -> Prediction:
    return replace(one, probs={label_id: p for label_id, p in one.probs.items() if label_id in header.names},
                   objects=_objects(header, record, one.objects))


def _objects(header: Header, record: ItemRecord, objects: Iterable[ObjectAnswer]) -> tuple[ObjectAnswer, ...]:
    return tuple(replace(one, at=rounded(one.at)) for one in objects
                 if one.label_id in header.names and one.kind == header.shape
                 and (record.size is not None or one.kind == "span"))


def _values(header: Header, values: Mapping[str, Any]) -> dict[str, Any]:
    known = {attribute.id: attribute for attribute in header.taxonomy.attributes}
    return {name: value for name, value in values.items() if name in known and in_range(known[name], value)}


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write tasks, interface and what Label Studio has no field for; one task is held at a time."""
    writer = _Writer(header, target, str(options.get("image_prefix") or ""))
    with target.text("tasks.json") as file:
        file.write("[")
        comma = ""
        for task in writer.tasks(records):  # a line for each
            file.write(f"{comma}\n{json_text(task)}")
            comma = ","
        file.write("\n]\n")
    with target.text("config.xml") as file:
        file.write(interface(header, writer.used))
    with target.text("hitl.json") as file:
        file.write(json_text(header_to_dict(header), indent=1) + "\n")


class _Writer:
    """Writes records as tasks; `used` has the labels that occur in them."""

    def __init__(self, header: Header, target: Target, prefix: str) -> None:
        self._header, self._target, self._prefix = header, target, prefix
        self._attributes = attribute_tags(header)
        self._names = {label_id: result_value(name) for label_id, name in header.names.items()}
        self._order = {label.id: n for n, label in enumerate(header.taxonomy.labels)}
        self.used: set[str] = set()

    def tasks(self, records: Iterable[ItemRecord]) -> Iterator[dict[str, Any]]:
        """A task for each record."""
        for n, record in enumerate(records, 1):
            yield self._task(n, record)

    def _task(self, n: int, record: ItemRecord) -> dict[str, Any]:
        if self._header.kind == "text":
            shown = record.text
        else:
            name = self._target.image(record)
            shown = self._prefix + quote(name) if self._prefix else name
        about = {"item_id": record.item_id, "name": record.name, "split": record.split,
                 "size": None if record.size is None else list(record.size), "metadata": dict(record.metadata)}
        annotations = [self._annotation(record, answer) for answer in record.answers]
        if record.gold_ids is not None or record.gold_values:
            annotations.append(self._gold(record))
        return {"id": n, "data": {self._header.kind: shown, "item_id": record.item_id},
                "meta": {"hitl": {name: value for name, value in about.items() if value not in (None, {})}},
                "annotations": annotations, "predictions": [self._prediction(record, one)
                                                            for one in record.predictions]}

    # 13 branches: each part of an answer goes to Label Studio's results, to its own fields or to `hitl`.
    def _annotation(self, record: ItemRecord, answer: Answer) -> dict[str, Any]:
        results = self._results(answer.label_ids or ()) if self._header.task not in OBJECT_TASKS else []
        there = [one for one in answer.objects or () if one.is_there]
        deleted = tuple(one for one in answer.objects or () if not one.is_there)
        # What Label Studio's own results hold isn't repeated, so that a change made there changes the answer.
        values = {name: value for name, value in answer.values.items() if self._can_be_shown(name, value)}
        rest = {name: value for name, value in answer.values.items() if name not in values}
        said = answer_to_dict(self._header, replace(
            answer, values=rest, label_ids=None if results else answer.label_ids,
            objects=answer.objects if not there else deleted or None))
        results += self._regions(record, there)
        results += self._answered(values)
        annotation: dict[str, Any] = {"result": results, "was_cancelled": answer.verdict == "skip",
                                      "ground_truth": False}
        if answer.acted_at is not None:
            annotation["created_at"] = answer.acted_at.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        if isinstance(ms := answer.seen.get("shown_ms"), (int, float)):
            annotation["lead_time"] = ms / 1000
        _add(annotation, "answer", said)
        return annotation

    def _can_be_shown(self, attribute: str, value: Any) -> bool:
        """Whether a control can have a value; stars and choices have only whole ones."""
        return self._attributes[attribute][1] != "Rating" or float(value).is_integer()

    def _gold(self, record: ItemRecord) -> dict[str, Any]:
        results = self._results(record.gold_ids or ()) + self._answered(record.gold_values)
        annotation = {"result": results, "was_cancelled": False, "ground_truth": True}
        _add(annotation, "gold", sorted(record.gold_ids) if record.gold_ids is not None else None)
        return annotation

    def _prediction(self, record: ItemRecord, one: Prediction) -> dict[str, Any]:
        prediction: dict[str, Any] = {"model_version": one.model, "result": []}
        probs = {label_id: float(p) for label_id, p in one.probs.items()}
        if self._header.task == "multilabel":
            best = tuple(label_id for label_id, p in probs.items() if p >= 0.5)
        else:
            best = tuple(sorted(probs, key=lambda label_id: (-probs[label_id], self._order[label_id]))[:1])
        scores = [probs[label_id] for label_id in best] or [one.score for one in one.objects if one.score is not None]
        if scores and all(0 <= score <= 1 for score in scores):
            prediction["score"] = sum(scores) / len(scores)
        prediction["result"] = self._regions(record, one.objects)
        if self._header.task in ("classify", "multilabel"):
            prediction["result"] += self._results(best)
        if probs:
            _add(prediction, "probs", probs)
        return prediction

    def _result(self, tag: str, name: str, value: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"item-{name}", "from_name": name, "to_name": self._header.kind, "type": tag.lower(),
                "value": value}

    def _results(self, label_ids: Iterable[str]) -> list[dict[str, Any]]:
        ids = sorted(set(label_ids), key=lambda label_id: self._order[label_id])
        if not ids or (tag := CONTROLS.get(self._header.task)) is None or self._header.task in OBJECT_TASKS:
            return []
        self.used |= set(ids)
        return [self._result(tag, LABELS, {"choices": [self._names[label_id] for label_id in ids]})]

    def _answered(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        results = []
        for attribute in self._header.taxonomy.attributes:
            if (value := values.get(attribute.id)) is not None:
                name, tag = self._attributes[attribute.id]
                results.append(self._result(tag, name, {"choices": [result_value(str(value))]} if tag == "Choices"
                                            else {tag.lower(): value}))
        return results

    def _regions(self, record: ItemRecord, objects: Iterable[ObjectAnswer]) -> list[dict[str, Any]]:
        results = []
        ids = Counter[str]()
        for one in objects:
            ids[one.id] += 1
            # Two results of one id would be one region in Label Studio.
            region_id = one.id if ids[one.id] == 1 else f"{one.id}-{ids[one.id]}"
            kind = TYPES[one.kind]
            result = self._result(kind, LABELS, {**region(one.kind, one.at, record.size, record.text),
                                                 kind: [self._names[one.label_id]]})
            self.used.add(one.label_id)
            result["id"], result["origin"] = region_id, _ORIGINS.get(one.act, "manual")
            if one.kind != "span" and record.size is not None:
                result |= {"original_width": record.size[0], "original_height": record.size[1], "image_rotation": 0}
            if one.score is not None:
                result["score"] = float(one.score)
            plain = ObjectAnswer(region_id, one.kind, one.at, one.label_id, one.label)
            more = {f.name: value for f in fields(one) if f.name not in _OWN_FIELDS
                    and (value := getattr(one, f.name)) != getattr(plain, f.name)}
            if one.kind == "span" and one.quote is None:
                more["quote"] = None
            if more:
                result["meta"] = {"hitl": {"object": {name: dict(value) if isinstance(value, Mapping) else value
                                                      for name, value in more.items()}}}
            results.append(result)
        return results


def _add(of: dict[str, Any], name: str, value: Any) -> None:
    """Write what Label Studio has no field for beside the first result, where Label Studio keeps it."""
    holder = of["result"][0] if of["result"] else of
    holder.setdefault("meta", {}).setdefault("hitl", {})[name] = value


_SIZE = "the size of its image isn't known, and Label Studio has places in percent of it"
_TODAY = "today's taxonomy hasn't its label"
FORMAT = Format(
    name="label_studio", title="Label Studio JSON", tasks=TASKS, folder=True, suffixes=(".json",),
    cannot_hold="Places in images of unknown size, and labels that today's taxonomy hasn't. What Label Studio itself "
                "has no field for lies under 'hitl'.",
    reduce=reduce, write=write, read=read, options={"control": None, "offsets": None, "image_prefix": ""},
    why={"item": "the text isn't known, and Label Studio shows it",
         "object": f"{_SIZE}; or {_TODAY}", "deleted proposal": f"{_SIZE}; or {_TODAY}",
         "prediction": f"{_SIZE}; or {_TODAY}", "answer": _TODAY, "label": _TODAY, "gold": _TODAY,
         "value of an attribute": "today's taxonomy hasn't its attribute, or gives it another scale"},
    otherwise="it belongs to an answer, an object or a prediction that can't be written: today's taxonomy hasn't its "
              "label, or the size of its image isn't known")
