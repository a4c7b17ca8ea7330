"""Items, saliency maps and superpixels packed as messages; a text is sent as UTF-8 in place of a picture.

What can't be packed becomes a message with the reason, so that a person can decide on a broken item, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..drawing.overlay import quantise
from ..errors import BadInput, HitlError
from ..items.superpixels import clickable
from ..records import OBJECT_TASKS, Item, PredictedValue, Prediction
from ..taxonomy.label_sets import is_set, members
from ..taxonomy.labels import Label, Taxonomy
from .host import CardHost
from .messages import (
    Archive,
    Examples,
    ItemEntry,
    ObjectEntry,
    PushMap,
    Segments,
    SuggestedValue,
    cases_of,
    examples_of,
    object_target,
    step_of,
    value_target,
)

SHOWN = 5  # predictions on the card
SHOWN_IN_LIST = 30  # predictions shown beside their labels
EXAMPLES = 6  # examples of a label, and as many counter-examples


def pack_item(host: CardHost, item: Item, *, blind: bool, annotator: str) -> tuple[ItemEntry, list[bytes]]:
    """Pack an item with its picture, the models' suggestions, and the annotator's current decision on it.

    Returns
    -------
    entry : ItemEntry
    buffers : list of bytes
        The picture; empty for a broken item.
    """
    entry: ItemEntry = {"item_id": item.id, "chosen_by": item.chosen_by, "blind": blind, "meta": dict(item.meta),
                        "height": 0, "width": 0, "probs": []}
    buffers = _put_picture(host, item, entry)
    if standing := host.standing([item.id], annotator).get(item.id):
        entry["standing"] = standing
    if host.task in OBJECT_TASKS:
        _put_objects(host, item, annotator, entry)
    else:
        _put_suggestions(host, item, entry)
    return entry, buffers


def _put_picture(host: CardHost, item: Item, entry: ItemEntry) -> list[bytes]:
    """Add the item's size and type, and the texts before a text, to `entry`; the picture itself is returned."""
    buffers = []
    try:
        picture = host.pool.picture(item.position)
        entry["mime"], entry["height"], entry["width"] = picture.mime, picture.height, picture.width
        buffers.append(picture.data)
        if host.pool.kind == "text" and (earlier := host.earlier(item.position)):
            entry["before"] = [{"item_id": item_id, "text": text} for item_id, text in earlier]
    except HitlError as error:
        entry["broken"] = str(error)
    return buffers


# 13 branches: a field for each thing that may be suggested or planted, and for each arm of an experiment.
def _put_suggestions(host: CardHost, item: Item, entry: ItemEntry) -> None:
    """Add the models' suggestions of labels and values to `entry`, and how they are shown."""
    prediction, predicted = _predicted(host, item, entry)
    values = _suggested_values(host.taxonomy, predicted)
    planted = _planted(item, prediction)
    if exposure := _exposure(item, prediction, planted, known=prediction is not None or bool(values)):
        entry["exposure"] = exposure
    if item.candidates:
        entry["candidates"] = list(item.candidates)
    if prediction is not None:
        _put_prediction(entry, prediction, planted, most=SHOWN if _is_plain(host) else SHOWN_IN_LIST)
    if values:
        if host.task == "scale":  # the first attribute is selected when the item appears
            first = next(iter(values))
            entry["target"] = value_target(host.taxonomy.attribute(first), values[first]["value"])
        entry["values"], entry["values_model"] = values, next(predicted[name].model for name in values)
    if prediction is not None or values:
        if item.arm == "no_map":
            entry["no_map"] = True
        if item.arm == "answer_first" and item.blind:
            entry["answer_first"] = True


# 13 branches: a field for each thing that the model may have told of its objects, as shown or as withheld.
def _put_objects(host: CardHost, item: Item, annotator: str, entry: ItemEntry) -> None:
    """Add the objects to `entry` that are shown, or would be shown if the item weren't blind.

    Withheld objects are added to `exposure`, which is only stored in the log with the decision.
    """
    try:
        shown = host.shown_objects(item, annotator)
    except HitlError as error:
        entry["problem"], entry["objects"] = str(error), []
        return
    entry["objects"] = cast("list[ObjectEntry]", [dict(one) for one in shown.objects])
    exposure = _exposure(item, None, None, known=shown.model is not None)
    if shown.model is not None:
        entry["model"] = shown.model
    if shown.withheld:
        exposure["withheld"] = [dict(one) for one in shown.withheld]
    if shown.threshold is not None:
        entry["threshold"] = exposure["threshold"] = shown.threshold
        exposure["threshold_probability"] = shown.threshold_probability
    if exposure:
        entry["exposure"] = exposure
    if item.arm == "no_map" and shown.model is not None:
        entry["no_map"] = True
    proposed = [one for one in entry["objects"] if one.get("origin", "model") == "model" and "score" in one]
    if proposed and not entry["blind"]:  # the first that Tab leads to
        entry["target"] = object_target(min(proposed, key=lambda one: one["score"])["id"])


def _is_plain(host: CardHost) -> bool:
    """Whether the project asks for exactly one label and nothing else."""
    return host.task == "classify" and not host.taxonomy.attributes


def _predicted(host: CardHost, item: Item, entry: ItemEntry
               ) -> tuple[Prediction | None, Mapping[str, PredictedValue]]:
    """The models' predictions for an item: of labels, and of attributes by id.

    If a model fails, the reason is stored in `entry["problem"]`. There are no predictions for items that are shown
    without any (arm "none"). If a label has no probability, it is left out of a set; otherwise there is no
    prediction of labels.
    """
    if item.arm == "none":
        return None, {}
    prediction: Prediction | None = None
    values: Mapping[str, PredictedValue] = {}
    try:
        prediction = host.prediction(item.position)
        values = host.predicted_values(item.position)
    except HitlError as error:
        entry["problem"] = str(error)
    if prediction is not None and not np.isfinite(prediction.probs).all():
        prediction = _without_unknown(prediction) if is_set(prediction.suggestion) else None
    return prediction, values


def _without_unknown(prediction: Prediction) -> Prediction | None:
    """Keep the labels with a finite probability; None if there are none."""
    known = np.flatnonzero(np.isfinite(prediction.probs))
    return None if not len(known) else replace(
        prediction, label_ids=tuple(prediction.label_ids[i] for i in known), probs=prediction.probs[known])


def _suggested_values(taxonomy: Taxonomy, predicted: Mapping[str, PredictedValue]) -> dict[str, SuggestedValue]:
    """The suggested values as the card shows them, rounded to the step by which an arrow key changes a value."""
    suggested: dict[str, SuggestedValue] = {}
    for attribute in taxonomy.attributes:
        if (one := predicted.get(attribute.id)) is None:
            continue
        value = one.value
        if attribute.scale is None:
            if value not in attribute.choices:  # it was renamed or removed since
                continue
        elif isinstance(value, str) or not np.isfinite(value):
            continue
        else:
            step = step_of(attribute)
            value = attribute.nearest(round(value / step) * step)
        low, high = (float(end) if np.isfinite(end) else None for end in (one.low, one.high))
        suggested[attribute.id] = {"value": value, "low": low, "high": high}
    return suggested


def _planted(item: Item, prediction: Prediction | None) -> str | None:
    """The planted suggestion (wrong on purpose); None without one, or if the model doesn't know its labels."""
    known = prediction is not None and item.planted is not None and set(members(item.planted)) <= set(
        prediction.label_ids)
    return item.planted if known and is_set(item.planted) == is_set(prediction.suggestion if prediction else None) \
        else None


def _put_prediction(entry: ItemEntry, prediction: Prediction, planted: str | None, *, most: int) -> None:
    probs = prediction.probs if planted is None else _planted_probs(prediction, planted)
    entry["model"] = prediction.model
    if (suggestion := planted or prediction.suggestion) is not None:
        entry["suggestion"] = suggestion
    elif not entry["blind"] and "candidates" not in entry:
        entry["candidates"] = list(prediction.likeliest)
    entry["probs"] = _rounded(prediction, probs, np.argsort(-probs, kind="stable")[:most])
    if is_set(suggestion):
        on = set(members(suggestion))
        entry["target"] = next((label_id for label_id, _ in entry["probs"] if label_id in on), entry["probs"][0][0])


def _planted_probs(prediction: Prediction, planted: str) -> np.ndarray:
    """The probabilities to show with a planted suggestion, which is wrong on purpose.

    The probabilities of the planted label and the likeliest label are swapped, because people would notice a suggestion
    that isn't at the top of the list. If the suggestion is a set, p becomes 1 - p for each label by which it differs
    from the model's own set.
    """
    probs = prediction.probs.copy()
    if is_set(planted):
        differ = set(members(planted)) ^ set(members(prediction.suggestion))
        at = [place for place, label_id in enumerate(prediction.label_ids) if label_id in differ]
        probs[at] = 1 - probs[at]
        return probs
    pair = [prediction.label_ids.index(planted), int(np.argmax(probs))]
    probs[pair] = probs[pair[::-1]]
    return probs


def _rounded(prediction: Prediction, probs: np.ndarray, places: np.ndarray) -> list[tuple[str, float]]:
    return [(prediction.label_ids[i], round(float(probs[i]), 4)) for i in places]


def _exposure(item: Item, prediction: Prediction | None, planted: str | None, *, known: bool) -> dict[str, Any]:
    """How the item is shown, as fields of `Seen` that the browser sends back with the decision."""
    drawn = {} if item.arm is None else {"arm": item.arm, "arm_probability": item.arm_probability} if known else \
        {"arm": "none"}
    own = {} if planted is None or prediction is None else \
        {"planted": True,  # the log keeps the model's own probabilities
         "probs": dict(_rounded(prediction, prediction.probs, np.argsort(-prediction.probs, kind="stable")[:SHOWN]))}
    return {**drawn, **own, **({"repeat_of": item.repeat_of} if item.repeat_of else {})}


def pack_map(host: CardHost, item: Item, method: str, target: str,
             against: str | None = None) -> tuple[PushMap, list[Any]]:
    """Pack the saliency map of one method for the label `target`, or for `target` in contrast to `against`."""
    message: PushMap = {"kind": "map", "item_id": item.id, "method": method, "target": target, "against": against,
                        "height": 0, "width": 0, "box": (0, 0, 0, 0), "signed": False}
    try:
        attribution = host.explanation(item.position, method=method, target=target, against=against)
    except HitlError as error:
        message["problem"] = str(error)
        return message, []
    if attribution is None:
        message["problem"] = f"{method} gave no map for this item."
        return message, []
    if attribution.values.size == 0:
        message["problem"] = "there is no word in this text."
        return message, []
    codes, _ = quantise(attribution.values, signed=attribution.signed)
    message["height"], message["width"] = codes.shape
    x0, y0, x1, y1 = map(float, attribution.box)
    message["box"] = (x0, y0, x1, y1)
    message["signed"], message["model"] = attribution.signed, attribution.model
    if attribution.method != method:
        message["by"] = attribution.method
    if attribution.tokens is not None:
        message["tokens"] = attribution.tokens.ravel().tolist()
    if attribution.delta is not None and np.isfinite(attribution.delta):
        message["delta"] = round(float(attribution.delta), 6)
    return message, [np.ascontiguousarray(codes)]


def pack_segments(host: CardHost, item: Item) -> tuple[Segments, list[Any]]:
    """Pack the parts of an item, for marking whole parts."""
    message: Segments = {"kind": "segments", "item_id": item.id, "height": 0, "width": 0}
    if host.pool.kind == "text":
        message["problem"] = "a text is marked word by word."
        return message, []
    try:
        numbers = clickable(host.pool.load(item.position))
    except HitlError as error:
        message["problem"] = str(error)
        return message, []
    message["height"], message["width"] = numbers.shape
    return message, [np.ascontiguousarray(numbers, "<u2")]


def pack_examples(host: CardHost, label: Label) -> tuple[Examples, list[bytes]]:
    """Pack the examples, counter-examples and hard cases of a label, with their pictures."""
    names = [(against, name) for against, names in ((False, label.examples), (True, label.counter_examples))
             for name in names]
    cases = cases_of(label)
    names += [(False, name) for name in cases if (False, name) not in names]
    examples, buffers = examples_of(names, host.example, EXAMPLES, cases)
    return {"kind": "examples", "label_id": label.id, "examples": examples}, buffers


def pack_archive(host: CardHost) -> tuple[Archive, list[bytes]]:
    """Pack the whole project as an archive to download, or the reason why there is none."""
    name = f"{host.project_id[:8]}-{datetime.now().astimezone():%Y-%m-%d-%H%M}.zip"
    with tempfile.TemporaryDirectory(prefix="hitl-") as folder:
        try:
            data = host.archive(Path(folder, name)).read_bytes()
        except (HitlError, OSError) as error:
            return {"kind": "archive", "name": name, "problem": f"No archive was made: {error}"}, []
    return {"kind": "archive", "name": name}, [data]


def check_size(host: CardHost, item_id: str, size: tuple[int, int]) -> None:
    """Raise BadInput if the size of an item has changed since its objects were marked."""
    height, width = host.pool.size(host.item(item_id).position)
    if size != (width, height) and host.pool.kind == "text":
        raise BadInput(f"the text {item_id!r} has {width:,} characters now, and it had {size[0]:,} when its spans "
                       "were marked. Reload the page to see it as it is; what you marked fits another text.")
    if size != (width, height):
        raise BadInput(f"the image {item_id!r} is {width} x {height} pixels now, and it was {size[0]} x {size[1]} "
                       "when its objects were marked. Reload the page to see it as it is; your objects are kept.")
