"""Items, saliency maps and superpixels packed as messages.

What can't be made is a message with the reason: a broken item is decided all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing.overlay import quantise
from ..errors import HitlError
from ..items.superpixels import clickable
from ..records import Item, Prediction
from .host import CardHost
from .messages import ItemEntry, PushMap, Segments

SHOWN = 5  # predictions on the card


def pack_item(host: CardHost, item: Item, *, blind: bool,
              annotator: str) -> tuple[ItemEntry, Prediction | None, list[bytes]]:
    """Pack an item with its picture, its best predictions, and the annotator's decision on it that stands.

    Returns
    -------
    entry : ItemEntry
    prediction : Prediction or None
        None where there is none that could be shown.
    buffers : list of bytes
        The picture; empty for a broken item.
    """
    entry: ItemEntry = {"item_id": item.id, "chosen_by": item.chosen_by, "blind": blind, "meta": dict(item.meta),
                        "height": 0, "width": 0, "probs": []}
    buffers = []
    try:
        picture = host.pool.picture(item.position)
        entry["mime"], entry["height"], entry["width"] = picture.mime, picture.height, picture.width
        buffers.append(picture.data)
    except HitlError as error:
        entry["broken"] = str(error)
    prediction = None
    try:
        prediction = None if item.arm == "none" else host.prediction(item.position)
    except HitlError as error:
        entry["problem"] = str(error)
    if prediction is not None and not np.isfinite(prediction.probs).all():
        prediction = None
    planted = item.planted if prediction is not None and item.planted in prediction.label_ids else None
    if exposure := _exposure(item, prediction, planted):
        entry["exposure"] = exposure
    if standing := host.standing([item.id], annotator).get(item.id):
        entry["standing"] = standing
    if item.candidates:
        entry["candidates"] = list(item.candidates)
    if prediction is not None:
        probs = prediction.probs if planted is None else _planted_probs(prediction, planted)
        best = np.argsort(-probs, kind="stable")[:SHOWN]
        entry["model"] = prediction.model
        if item.arm == "no_map":
            entry["no_map"] = True
        if item.arm == "answer_first" and item.blind:
            entry["answer_first"] = True
        if (suggestion := planted or prediction.suggestion) is not None:
            entry["suggestion"] = suggestion
        elif not blind and not item.candidates:
            entry["candidates"] = list(prediction.likeliest)
        entry["probs"] = _rounded(prediction, probs, best)
    return entry, prediction, buffers


def _planted_probs(prediction: Prediction, planted: str) -> np.ndarray:
    """What is shown with a suggestion that is wrong on purpose: it and the model's own change places.

    A planted suggestion that stood below another label would give itself away.
    """
    probs = prediction.probs.copy()
    pair = [prediction.label_ids.index(planted), int(np.argmax(probs))]
    probs[pair] = probs[pair[::-1]]
    return probs


def _rounded(prediction: Prediction, probs: np.ndarray, places: np.ndarray) -> list[tuple[str, float]]:
    return [(prediction.label_ids[i], round(float(probs[i]), 4)) for i in places]


def _exposure(item: Item, prediction: Prediction | None, planted: str | None) -> dict[str, Any]:
    """How the item is shown, as fields of `Seen` that come back with its decision."""
    drawn = {} if item.arm is None else {"arm": "none"} if prediction is None else \
        {"arm": item.arm, "arm_probability": item.arm_probability}
    own = {} if planted is None or prediction is None else \
        {"planted": True,  # the log keeps the model's own probabilities
         "probs": dict(_rounded(prediction, prediction.probs, np.argsort(-prediction.probs, kind="stable")[:SHOWN]))}
    return {**drawn, **own, **({"repeat_of": item.repeat_of} if item.repeat_of else {})}


def pack_map(host: CardHost, item: Item, method: str, target: str,
             against: str | None = None) -> tuple[PushMap, list[Any]]:
    """Pack the map of one method for a label, or for the label `target` rather than `against`."""
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
    codes, _ = quantise(attribution.values, signed=attribution.signed)
    message["height"], message["width"] = codes.shape
    x0, y0, x1, y1 = map(float, attribution.box)
    message["box"] = (x0, y0, x1, y1)
    message["signed"], message["target"] = attribution.signed, attribution.target
    message["model"] = attribution.model
    return message, [np.ascontiguousarray(codes)]


def pack_segments(host: CardHost, item: Item) -> tuple[Segments, list[Any]]:
    """Pack the parts of an item, for marking whole parts."""
    message: Segments = {"kind": "segments", "item_id": item.id, "height": 0, "width": 0}
    try:
        numbers = clickable(host.pool.load(item.position))
    except HitlError as error:
        message["problem"] = str(error)
        return message, []
    message["height"], message["width"] = numbers.shape
    return message, [np.ascontiguousarray(numbers, "<u2")]
