"""Reading of Label Studio's files as records: our own folders, and exports of others. Start with `read`.

A file is read twice: once for its controls, labels and the unit of its offsets, then for its records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import BadInput
from ...records import OBJECT_TASKS, ObjectAnswer, Verdict
from ..files import Source
from ..format import Contents, Options
from ..losses import NOTHING_READ, Losses
from ..plain_records import answer_from_dict
from ..records import Answer, ItemRecord, Prediction
from .checked_json import inside, instant, known_label, listed, mapping, nameable, number, text
from .label_studio_interface import in_range, read_interface
from .label_studio_plan import Plan, as_tasks, found_in, labels_in, own_plan, plan_of
from .label_studio_results import OTHERS, read_region, shape_of
from .offsets import UNITS, Offsets

# Keys that Label Studio uses for itself.
_OF_TASKS = frozenset((
    "id", "data", "meta", "annotations", "completions", "predictions", "drafts", "created_at", "updated_at", "inner_id",
    "total_annotations", "total_predictions", "cancelled_annotations", "comment_count", "unresolved_comment_count",
    "last_comment_updated_at", "project", "updated_by", "comment_authors", "file_upload", "file_upload_id", "overlap",
    "is_labeled", "state", "allow_skip", "agreement", "annotations_results", "predictions_results", "avg_lead_time"))
_OF_ANNOTATIONS = frozenset((
    "id", "result", "completed_by", "was_cancelled", "ground_truth", "created_at", "updated_at", "lead_time", "meta",
    "draft_created_at", "prediction", "result_count", "unique_id", "import_id", "last_action", "bulk_created", "task",
    "project", "updated_by", "parent_prediction", "parent_annotation", "last_created_by", "created_username",
    "created_ago", "state", "skipped"))
_OF_PREDICTIONS = frozenset((
    "id", "result", "model_version", "score", "created_ago", "created_at", "updated_at", "meta", "mislabeling",
    "cluster", "neighbors", "model", "model_run", "task", "project", "state"))
# Fields of an answer that contain ids of labels.
_WITH_IDS = ("label_ids", "labels", "values", "objects", "reasons", "seen", "first", "touched", "as_decided", "votes")
_UPLOADED = re.compile(r"[0-9a-f]{8}-")
# The annotator of answers for which the file names none.
NOBODY = "import"
_WHY = {
    "region": "the project asks for another kind of object",
    "control": "it is of a control that the project doesn't ask",
    "brush": "pixels that were painted are no object here", "size": "the size of its image isn't known, and places are "
    "in percent of it", "empty": "it covers nothing", "quote": "its quote stands elsewhere in the text, where the span "
    "was found", "undecided": "nothing tells whether they count characters or UTF-16 units; characters were taken",
    "outside": "the text has no such place", "ids": "ids of labels are told in hitl.json, which isn't beside it"}


def read(source: Source, options: Options) -> Contents:
    """Read a folder that we wrote or a project of Label Studio's, or one of its exports."""
    if (unit := options.get("offsets")) not in (None, *UNITS):
        raise BadInput(f"offsets is {unit!r:.80}; {', '.join(UNITS)} or None are expected.")
    name = _tasks_file(source)
    file = str(source.file(name))
    controls, shown = read_interface(source.xml("config.xml")) if source.has("config.xml") else ({}, {})
    lost = Losses()
    with inside(file):
        tasks = as_tasks(source.json(name), controls)
        found = found_in(_results_of(tasks), controls)
    if source.has("hitl.json"):
        with inside(str(source.file("hitl.json"))):
            plan = own_plan(source.json("hitl.json"), found)
    else:
        with inside(file):
            plan = plan_of(found, controls, shown, [task["data"] for task in tasks], control=options.get("control"),
                           task=options.get("task"), several=_has_empty_set(tasks))
    lost.add("name of a label", "no label here can have such a name", plan.n_renamed)
    reader = _Reader(source, plan, Offsets("characters" if plan.is_own and unit is None else unit), lost)
    with inside(file):
        items = reader.items(tasks)
    return Contents(plan.header, _placed(file, reader.records(tasks, items)), lost, reader.images)


def _placed(file: str, records: Iterator[ItemRecord]) -> Iterator[ItemRecord]:
    with inside(file):
        yield from records


def _tasks_file(source: Source) -> str | None:
    if not source.is_folder:
        return None
    if source.has("tasks.json"):
        return "tasks.json"
    names = [name for name in source.names(".json") if "/" not in name and name != "hitl.json"]
    if len(names) != 1:
        raise BadInput(f"{source.path} has no tasks.json{f' and {len(names)} other files of JSON' if names else ''}; "
                       "name the file that Label Studio exported.")
    return names[0]


def _results_of(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every result in a file, after a check of the fields that all of them have."""
    for n, task in enumerate(tasks):
        for kind in ("annotations", "predictions"):
            with inside(f"[{n}].{kind}"):
                given = listed(task.get(kind) or [])
            for m, one in enumerate(given):
                with inside(f"[{n}].{kind}[{m}]"):
                    mapping(one)
                    with inside(".result"):
                        results = listed(one.get("result") or [])
                for k, result in enumerate(results):
                    with inside(f"[{n}].{kind}[{m}].result[{k}]"):
                        _check(mapping(result))
                        yield result


def _has_empty_set(tasks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an answer that we wrote is the empty set of labels: then an item may have several."""
    holders = (one for task in tasks for annotation in task.get("annotations") or []
               for one in (annotation, *(annotation.get("result") or [])))
    for holder in holders:
        own = meta.get("hitl") if isinstance(meta := holder.get("meta"), dict) else None
        answer = own.get("answer") if isinstance(own, dict) else None
        if isinstance(answer, dict) and answer.get("label_ids") == []:
            return True
    return False


def _check(result: dict[str, Any]) -> None:
    with inside(".type"):
        kind = text(result.get("type"))
    with inside(".id"):
        if not isinstance(result.get("id"), (int, type(None))):
            text(result["id"])
    if kind.lower() != "relation":
        with inside(".value"):
            mapping(result.get("value"))
        with inside(".from_name"):
            text(result.get("from_name"))


class _Reader:
    """Reads tasks by a plan.

    Parameters
    ----------
    source : Source
    plan : Plan
    offsets : Offsets
    lost : Losses

    Attributes
    ----------
    images : dict
        Item id -> its image in the folder, if it is there; complete once the records were read.
    """

    def __init__(self, source: Source, plan: Plan, offsets: Offsets, lost: Losses) -> None:
        self._source, self._plan, self._offsets, self._lost = source, plan, offsets, lost
        self._header = plan.header
        self.images: dict[str, str] = {}

    # -- items -----------------------------------------------------------------------------------------------

    def items(self, tasks: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        """Item id -> its tasks; learns the unit of offsets on the way."""
        items: dict[str, list[int]] = {}
        for n, task in enumerate(tasks):
            with inside(f"[{n}]"):
                items.setdefault(self._item_id(n, task), []).append(n)
                if self._header.task == "spans":
                    self._learn(task)
        return items

    def _own(self, holder: Any) -> dict[str, Any]:
        """What we wrote under ``hitl`` in something's ``meta``."""
        meta = holder.get("meta")
        if not isinstance(meta, dict) or "hitl" not in meta:
            return {}
        with inside(".meta.hitl"):
            return mapping(meta["hitl"])

    def _item_id(self, n: int, task: Mapping[str, Any]) -> str:
        own = self._own(task)
        for value, where in ((own.get("item_id"), ".meta.hitl.item_id"),
                             (task["data"].get("item_id"), ".data.item_id")):
            if value is not None:
                with inside(where):
                    return nameable(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        if self._header.kind == "image":
            names = _names(self._shown(task))
            for name in names:
                if self._source.pool is not None and (at := self._source.positions.get(name)) >= 0:
                    return str(self._source.pool.ids[at])
            if names:
                return names[0]
        return str(n if task.get("id") is None else task["id"])

    def _shown(self, task: Mapping[str, Any]) -> str:
        value = task["data"].get(self._plan.key)
        if isinstance(value, list) and value and isinstance(value[0], str):
            value = value[0]
        with inside(f".data.{self._plan.key}"):
            return text(value)

    def _learn(self, task: Mapping[str, Any]) -> None:
        shown = self._shown(task)
        for kind in ("annotations", "predictions"):
            for one in task.get(kind) or []:
                for result in one.get("result") or []:
                    if shape_of(result) == "span" and (place := _ends(result["value"])) is not None:
                        self._offsets.learn(shown, *place, _quote(result["value"]))

    # -- records ---------------------------------------------------------------------------------------------

    def records(self, tasks: Sequence[Mapping[str, Any]], items: Mapping[str, list[int]]) -> Iterator[ItemRecord]:
        """A record for each item, of all its tasks."""
        for item_id, numbers in items.items():
            record = None
            for n in numbers:
                with inside(f"[{n}]"):
                    one = self._record(item_id, tasks[n])
                record = one if record is None else replace(
                    record, answers=record.answers + one.answers, predictions=record.predictions + one.predictions,
                    metadata={**one.metadata, **record.metadata}, gold_values={**one.gold_values, **record.gold_values},
                    gold_ids=one.gold_ids if record.gold_ids is None else record.gold_ids)
            assert record is not None
            yield record

    # 14 branches: each field of a record comes from `hitl`, from the task or from the pool, and texts have no names.
    def _record(self, item_id: str, task: Mapping[str, Any]) -> ItemRecord:
        own = self._own(task)
        shown = self._shown(task)
        is_text = self._header.kind == "text"
        names = [] if is_text else _names(shown)
        if not is_text and (inner := next((one for one in (shown, *names) if self._source.has(one)), None)) is not None:
            self.images[item_id] = inner
        size = _size(own.get("size"), ".meta.hitl.size") or self._size_of(item_id, task, shown, names, is_own=bool(own))
        self._count_rest(task)
        record = ItemRecord(item_id, size=size, text=shown if is_text else None, metadata=self._metadata(task, own),
                            name=_optional(own, "name") if own else next(iter(names), None),
                            split=_optional(own, "split"))
        if record.split not in (None, "train", "holdout"):
            raise BadInput(f".meta.hitl.split is {record.split!r:.80}; train or holdout is expected.")
        for n, annotation in enumerate(task.get("annotations") or []):
            with inside(f".annotations[{n}]"):
                record = self._with_annotation(record, annotation)
        predictions = []
        for n, one in enumerate(task.get("predictions") or []):
            with inside(f".predictions[{n}]"):
                predictions += self._prediction(record, one)
        # The pool's own size was only needed to convert percentages; it isn't in the file.
        return replace(record, predictions=tuple(predictions), size=None if own and "size" not in own else record.size)

    def _metadata(self, task: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        rest = {name: value for name, value in task["data"].items() if name not in (self._plan.key, "item_id")}
        meta = task.get("meta")
        more = {name: value for name, value in meta.items() if name != "hitl"} if isinstance(meta, dict) else {}
        with inside(".meta.hitl.metadata"):
            return {**more, **rest, **mapping(own.get("metadata", {}))}

    def _size_of(self, item_id: str, task: Mapping[str, Any], shown: str, names: Sequence[str], *, is_own: bool
                 ) -> tuple[int, int] | None:
        """The size of an item, if we didn't write it into the file."""
        if self._header.kind == "text":
            return None if is_own else (len(shown), 1)
        return self._source.size_of(item_id, *names) or self._size_in(task)

    def _size_in(self, task: Mapping[str, Any]) -> tuple[int, int] | None:
        for kind in ("annotations", "predictions"):
            for one in task.get(kind) or []:
                for result in one.get("result") or []:
                    if result.get("original_width") is not None and result.get("original_height") is not None:
                        return _size([result["original_width"], result["original_height"]], ".original_width")
        return None

    def _count_rest(self, task: Mapping[str, Any]) -> None:
        for name, why in (("drafts", "a draft is no answer yet"), ("comments", "comments of several people on an item "
                                                                             "have no place here")):
            if isinstance(task.get(name), list):
                self._lost.add(name[:-1], why, len(task[name]))
        for name in task.keys() - _OF_TASKS - {"drafts", "comments"}:
            if task[name] not in (None, [], {}, ""):
                self._lost.add(f"{name!r:.40} of a task", "it has no place here")

    # -- answers ---------------------------------------------------------------------------------------------

    # 13 branches: an annotation is gold, an answer, both or nothing, and gold may be written in three ways.
    def _with_annotation(self, record: ItemRecord, annotation: Mapping[str, Any]) -> ItemRecord:
        results = annotation.get("result") or []
        own = self._own_of(annotation, results)
        for name in annotation.keys() - _OF_ANNOTATIONS:
            if annotation[name] not in (None, [], {}, ""):
                self._lost.add(f"{name!r:.40} of an annotation", "it has no place here")
        label_ids, objects, values = self._said(record, results)
        if "gold" in own:
            given = None if own["gold"] is None else self._ids(own["gold"]) if self._plan.is_own else label_ids or ()
            return replace(record, gold_ids=label_ids or given, gold_values=values)
        answer = self._answer(annotation, own.get("answer"), label_ids, objects, values)
        if answer is None:
            return record
        record = replace(record, answers=(*record.answers, answer))
        if annotation.get("ground_truth") is True and "answer" not in own:
            if self._header.task in OBJECT_TASKS:
                self._lost.add("gold", "gold is known of labels and values, not of objects")
            elif answer.verdict not in ("skip", "unsure"):
                record = replace(record, gold_ids=answer.label_ids, gold_values=dict(answer.values))
        return record

    def _ids(self, given: Any) -> tuple[str, ...]:
        with inside(".meta.hitl.gold"):
            return tuple(known_label(one, self._header) for one in listed(given))

    def _own_of(self, holder: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What we wrote about an annotation or a prediction: beside its first result, or in its own ``meta``."""
        own = dict(self._own(holder))
        for n, result in enumerate(results):
            with inside(f".result[{n}]"):
                own |= {name: value for name, value in self._own(result).items() if name != "object"}
        return own

    # 14 branches: without an answer of ours, the verdict follows from what was skipped, chosen, drawn or left empty.
    def _answer(self, annotation: Mapping[str, Any], said: Any, label_ids: tuple[str, ...] | None,
                objects: tuple[ObjectAnswer, ...], values: Mapping[str, Any]) -> Answer | None:
        if said is not None:
            answer = self._own_answer(said, label_ids, objects, values)
            if self._header.task in OBJECT_TASKS and answer.objects is None and annotation.get("result") \
                    and answer.verdict not in ("skip", "unsure"):
                self._lost.add("answer", NOTHING_READ)
                return None
            return answer
        answer = self._empty_answer(annotation)
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            self._lost.add("label", "an answer that was skipped has none", len(label_ids or ()))
            self._lost.add("object", "an answer that was skipped has none", len(objects))
            return replace(answer, verdict="skip")
        if self._header.task in OBJECT_TASKS:
            if annotation.get("result") and not objects and not values:
                self._lost.add("answer", NOTHING_READ)
                return None
            return replace(answer, label_ids=label_ids, values=values, objects=objects)
        if label_ids is None and self._header.task == "multilabel":
            label_ids = ()
        if label_ids is None and not values:
            self._lost.add("answer", "nothing was chosen in it")
            return None
        verdict: Verdict = "unsure" if label_ids is None and self._header.task == "classify" else "answer"
        return replace(answer, verdict=verdict, label_ids=label_ids, values=values)

    def _empty_answer(self, annotation: Mapping[str, Any]) -> Answer:
        """An answer with its annotator, its time and how long it took, and nothing else."""
        seen = {}
        if annotation.get("lead_time") is not None:
            with inside(".lead_time"):
                seen["shown_ms"] = number(annotation["lead_time"]) * 1000
        at = next((one for one in map(annotation.get, ("updated_at", "created_at")) if one is not None), None)
        with inside(".updated_at" if annotation.get("updated_at") is not None else ".created_at"):
            acted_at = None if at is None else instant(at)
        return Answer(_person(annotation.get("completed_by")), acted_at=acted_at, seen=seen)

    def _own_answer(self, said: Any, label_ids: tuple[str, ...] | None, objects: tuple[ObjectAnswer, ...],
                    values: Mapping[str, Any]) -> Answer:
        """An answer that we wrote, updated with its present results."""
        with inside(".meta.hitl.answer"):
            body = mapping(said)
            if not self._plan.is_own:
                body = self._without_ids(body)
        answer = answer_from_dict(self._header, body, ".meta.hitl.answer", self._lost)
        if objects:
            answer = replace(answer, objects=objects + (answer.objects or ()))
        return replace(answer, values={**answer.values, **values},
                       label_ids=answer.label_ids if label_ids is None else label_ids)

    def _without_ids(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of an answer that we wrote that need no ids of labels. That nothing is there needs none."""
        kept: dict[str, Any] = {name: value for name, value in body.items() if name not in _WITH_IDS}
        shown = body.get("seen")
        if isinstance(shown, dict) and shown.get("shown_ms") is not None:
            kept["seen"] = {"shown_ms": shown["shown_ms"]}
        if self._header.task in OBJECT_TASKS and isinstance(body.get("objects"), list):
            kept["objects"] = []  # those that are there are in the results, and deleted proposals have labels
        if self._header.task == "multilabel" and body.get("label_ids") == []:
            kept["label_ids"] = []
        self._lost.add("what was shown, and what else says ids of labels", _WHY["ids"], sum(
            name in body and (body[name] != [] or name not in ("objects", "label_ids", "labels"))
            for name in _WITH_IDS))
        return kept

    # -- results ---------------------------------------------------------------------------------------------

    # 16 branches: one for each kind of result.
    def _said(self, record: ItemRecord, results: Sequence[Mapping[str, Any]], *, score: float | None = None,
              is_prediction: bool = False) -> tuple[tuple[str, ...] | None, tuple[ObjectAnswer, ...], dict[str, Any]]:
        """Labels, objects and values of attributes in some results."""
        label_ids: list[str] | None = None
        objects: list[ObjectAnswer] = []
        values: dict[str, Any] = {}
        labelled = {result.get("id") for result in results if result.get("from_name") == self._plan.control}
        for n, result in enumerate(results):
            with inside(f".result[{n}]"):
                name, kind = result.get("from_name"), str(result["type"]).lower()
                if kind == "relation":
                    self._lost.add("relation between objects", "objects have no relations here")
                elif name == self._plan.control and self._header.task in OBJECT_TASKS:
                    objects += self._object(record, result, n, score=score, is_prediction=is_prediction)
                elif name == self._plan.control:
                    label_ids = [*(label_ids or []), *map(self._label_id, labels_in(result))]
                elif name in self._plan.attributes and shape_of(result) is None:
                    values |= self._value(str(name), result["value"])
                elif not (shape_of(result) is not None and result.get("id") in labelled and not labels_in(result)):
                    self._lose(result, result.get("id") in labelled)
        if label_ids is not None and self._header.task == "classify" and len(label_ids) > 1:
            self._lost.add("label", "an item has one label here", len(label_ids) - 1)
            del label_ids[1:]
        return None if not label_ids else tuple(dict.fromkeys(label_ids)), tuple(objects), values

    def _lose(self, result: Mapping[str, Any], is_of_region: bool) -> None:
        shape, kind = shape_of(result), str(result["type"]).lower()
        if shape in OTHERS:
            self._lost.add(OTHERS[shape], _WHY["brush" if shape in ("brush", "bitmask") else "region"])
        elif kind == "textarea":
            self._lost.add("text that was written", _WHY["control"])
        elif is_of_region or (shape is not None and kind in ("choices", "rating", "number", "taxonomy")):
            self._lost.add("value of an object's attribute", "attributes are asked of items, not of objects")
        else:
            self._lost.add("object" if shape else f"answer to {result.get('from_name')!r:.60}",
                           _WHY["region" if shape else "control"])

    def _label_id(self, name: str) -> str:
        if name not in self._plan.label_ids:
            raise BadInput(f"label {name!r:.80} is unknown; a label of the interface is expected.")
        return self._plan.label_ids[name]

    def _value(self, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
        attribute, choices = self._plan.attributes[name]
        if attribute.scale is not None:
            given = next((value[key] for key in ("rating", "number") if key in value), None)
            with inside(".value"):
                # A consensus may lie between two steps of a scale.
                return {} if given is None else {attribute.id: number(given) if self._plan.is_own and in_range(
                    attribute, number(given)) else attribute.check(given)}
        given = value.get("choices") or value.get("taxonomy")
        with inside(".value.choices"):
            names = [one[-1] if isinstance(one, list) and one else one for one in listed(given or [])]
            return {attribute.id: attribute.check(choices.get(text(names[0]), names[0]))} if names else {}

    # 13 branches: what may keep a region from becoming an object, and what of it is lost, each with its own message.
    def _object(self, record: ItemRecord, result: Mapping[str, Any], n: int, *, score: float | None,
                is_prediction: bool) -> list[ObjectAnswer]:
        names = labels_in(result)
        shape = shape_of(result)
        if not names or shape is None or shape in OTHERS:
            self._lost.add(OTHERS.get(shape or "", "object"),
                           "it has no label" if not names else _WHY["brush" if shape == "brush" else "region"])
            return []
        self._lost.add("second label of an object", "an object has one label here", len(names) - 1)
        quote = None
        with inside(".value"):
            at, quote = self._span(record, result["value"]) if shape == "span" else \
                (self._place(record, result, shape), None)
        if at is None:
            return []
        label_id = self._label_id(names[0])
        more = self._more_of_object(result, score=score, is_prediction=is_prediction)
        comment = result.get("meta")
        if isinstance(comment, dict) and comment.get("text"):
            self._lost.add("comment on an object", "objects have no notes here")
        object_id = result.get("id")
        plain = {"id": object_id if isinstance(object_id, str) and 1 <= len(object_id) <= 80 else f"object-{n}",
                 "kind": self._header.shape, "at": list(at), "label_id": label_id,
                 "label": self._header.taxonomy.name_of(label_id), "quote": quote}
        if odd := more.keys() - {"id", "certainty", "unsure", "origin", "act", "iou", "score", "was", "quote"}:
            raise BadInput(f".meta.hitl.object has the unknown field {min(odd)!r:.80}.")
        return [ObjectAnswer.from_dict({**plain, **more})]

    def _more_of_object(self, result: Mapping[str, Any], *, score: float | None, is_prediction: bool) -> dict[str, Any]:
        """Fields of an object in a result beside its place and label, under our own names."""
        own = self._own(result).get("object", {})
        more: dict[str, Any] = {}
        with inside(".meta.hitl.object"):
            more = dict(mapping(own))
            if not self._plan.is_own:
                more.pop("was", None)
            elif more.get("was") is not None:  # its label may have been retired since
                text(mapping(more["was"]).get("label_id"))
        if result.get("score") is not None or (is_prediction and score is not None):
            with inside(".score"):
                more["score"] = number(score if result.get("score") is None else result["score"])
        if is_prediction and not own:
            more |= {"origin": "model", "act": "accepted"}
        return more

    def _place(self, record: ItemRecord, result: Mapping[str, Any], shape: str) -> tuple[float, ...] | None:
        if record.size is None:
            self._lost.add("object", _WHY["size"])
            return None
        assert self._header.shape is not None
        at, lost = read_region(shape, self._header.shape, result["value"], record.size)
        if at is None:
            self._lost.add("object", _WHY["empty" if shape == self._header.shape else "region"])
        elif lost is not None:
            self._lost.add(lost, "a box is upright here; the one around it was taken")
        if result.get("image_rotation"):
            self._lost.add("rotation of an image", "images are shown as they are")
        return at

    def _span(self, record: ItemRecord, value: Mapping[str, Any]) -> tuple[tuple[int, int] | None, str | None]:
        shown = record.text
        assert shown is not None
        quote, ends = _quote(value), _ends(value)
        # Paths into HTML don't give the place in the text; the span's quote may.
        at, how = self._offsets.place(shown, *(ends or (-1, -1)), quote)
        if at is None:
            self._lost.add("object", _WHY["outside"])
            return None, None
        if how is not None:
            self._lost.add("offsets of a span", _WHY[how])
        return at, shown[at[0]:at[1]]

    # -- predictions -----------------------------------------------------------------------------------------

    def _prediction(self, record: ItemRecord, one: Mapping[str, Any]) -> list[Prediction]:
        results = one.get("result") or []
        own = self._own_of(one, results)
        for name in one.keys() - _OF_PREDICTIONS:
            if one[name] not in (None, [], {}, ""):
                self._lost.add(f"{name!r:.40} of a prediction", "it has no place here")
        version = one.get("model_version")
        with inside(".model_version"):
            model = "undefined" if version is None else text(str(version) if isinstance(version, (int, float)) and
                                                             not isinstance(version, bool) else version)
        with inside(".score"):
            score = None if one.get("score") is None else number(one["score"])
        label_ids, objects, values = self._said(record, results, score=score, is_prediction=True)
        self._lost.add("prediction", "values of attributes that a model predicts aren't taken", len(values))
        if "probs" in own and self._plan.is_own:
            with inside(".meta.hitl.probs"):
                probs = {known_label(label_id, self._header): number(p) for label_id, p in
                         mapping(own["probs"]).items()}
        else:
            probs = self._probs(label_ids or (), results, score)
        return [Prediction(model, probs, objects)]

    def _probs(self, label_ids: Sequence[str], results: Sequence[Mapping[str, Any]],
               score: float | None) -> dict[str, float]:
        """The first score among the results, else `score`, as each label's probability; empty if it isn't one."""
        with inside(".result"):
            p = next((number(result["score"]) for result in results if result.get("score") is not None), score)
        if p is None or not 0 <= p <= 1:
            self._lost.add("prediction", "it has no probability from 0 to 1", len(label_ids))
            return {}
        return dict.fromkeys(label_ids, p)


def _optional(own: Mapping[str, Any], name: str) -> str | None:
    with inside(f".meta.hitl.{name}"):
        return None if own.get(name) is None else text(own[name])


def _size(value: Any, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(
            isinstance(one, (int, float)) and not isinstance(one, bool) and 1 <= one < 10**9 for one in value):
        raise BadInput(f"{where} is {value!r:.80}; width and height in pixels are expected.")
    return int(value[0]), int(value[1])


def _person(given: Any) -> str:
    """The name of an annotator: a name, an e-mail address, or "user" and a number."""
    with inside(".completed_by"):
        if isinstance(given, dict):
            name = " ".join(filter(None, (text(given.get(part) or "") for part in ("first_name", "last_name"))))
            given = given.get("email") or given.get("username") or name or given.get("id")
        if given is None or given == "":
            return NOBODY
        if isinstance(given, int) and not isinstance(given, bool):
            return f"user {given}"
        return nameable(given.strip()[:200] if isinstance(given, str) else given) if given else NOBODY


def _names(address: str) -> list[str]:
    """Names that an address may have in a pool: its path, its last part, and that part without an upload's prefix."""
    if address.startswith("data:"):
        return []
    path = address
    if "://" in address or address.startswith("/"):
        try:
            parts = urlsplit(address)
        except ValueError:
            return []
        path = parse_qs(parts.query).get("d", [""])[0] or unquote(parts.path)
    elif "local-files/?d=" in address:
        path = unquote(address.partition("?d=")[2])
    path = path.replace("\\", "/")
    last = PurePosixPath(path).name
    inner = path.lstrip("/")
    is_upload = "/upload/" in address or "://" in address
    names = [last] if is_upload else [inner, last]
    if is_upload and _UPLOADED.match(last):
        names.append(last[9:])
    return [name for name in dict.fromkeys(names) if name and name not in (".", "..")]


def _ends(value: Mapping[str, Any]) -> tuple[int, int] | None:
    """Start and end of a span; for HTML the offsets in the whole text."""
    offsets = value.get("globalOffsets")
    if isinstance(value.get("start"), str) and not str(value["start"]).isdigit():
        if not isinstance(offsets, dict):
            return None
        value = offsets
    ends = []
    for name in ("start", "end"):
        one = value.get(name)
        with inside(f".{name}"):
            one = int(one) if isinstance(one, str) and one.isdigit() and len(one) < 12 else number(one)
        if one != int(one) or abs(one) > 2**31:
            raise BadInput(f".{name} is {one!r}; a whole number is expected.")
        ends.append(int(one))
    return ends[0], ends[1]


def _quote(value: Mapping[str, Any]) -> str | None:
    quote = value.get("text")
    if quote is None:
        return None
    with inside(".text"):
        return text(quote)
