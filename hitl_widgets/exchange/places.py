"""Places of objects in files: coordinates to a thousandth of a pixel, and the answer that a plain file can hold.

Read `placed` and `bare_record` first. Coordinates are computed in whole thousandths of a pixel, so that reading a file
returns exactly the numbers that were written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..errors import BadInput
from ..records import ObjectAnswer
from ..taxonomy.labels import Taxonomy
from .files import safe_name
from .format import Options
from .losses import Losses
from .records import DECIMALS, Answer, Header, ItemRecord, Prediction, plain_object

PARTS = 10**DECIMALS


def thousandths(at: Sequence[float]) -> list[int]:
    """Coordinates as whole numbers of thousandths of a pixel."""
    return [round(value * PARTS) for value in at]


def area(kind: str, at: Sequence[float]) -> float:
    """The area of a box or polygon in square pixels, exact for coordinates in thousandths; 0 for a point."""
    whole = thousandths(at)
    if kind == "box":
        return (whole[2] - whole[0]) * (whole[3] - whole[1]) / PARTS**2
    if kind == "point":
        return 0.0
    xs, ys = whole[::2], whole[1::2]
    return abs(sum(xs[n - 1] * ys[n] - xs[n] * ys[n - 1] for n in range(len(xs)))) / 2 / PARTS**2


def corner_and_size(bounds: Sequence[float]) -> list[float]:
    """x, y, width and height of the box x0, y0, x1, y1, to a thousandth."""
    x0, y0, x1, y1 = thousandths(bounds)
    return [x0 / PARTS, y0 / PARTS, (x1 - x0) / PARTS, (y1 - y0) / PARTS]


def placed(header: Header, objects: Sequence[ObjectAnswer]) -> tuple[ObjectAnswer, ...]:
    """The objects of the task's kind and today's labels, rounded to a thousandth, without those that have no area."""
    found: list[ObjectAnswer] = []
    for one in objects:
        if one.kind == header.shape and one.label_id in header.taxonomy.answerable:
            at = tuple(round(value, DECIMALS) + 0.0 for value in one.at)
            if one.kind == "point" or (area(one.kind, at) > 0 and (one.kind != "box" or at[0] < at[2])):
                found.append(one if at == one.at else replace(one, at=at))
    return tuple(found)


def with_placed(header: Header, answer: Answer) -> Answer:
    """Return the answer with `placed` applied to all objects, also those in its votes."""
    votes = tuple(with_placed(header, vote) for vote in answer.votes)
    objects = None if answer.objects is None else placed(header, answer.objects)
    return replace(answer, objects=objects, votes=votes)


def one_answer(header: Header, record: ItemRecord) -> Answer | None:
    """The answer of an item for a file without annotators, with nothing but its objects.

    It is the first answer of somebody who looked for objects and was sure; if there is a consensus, that is the only
    answer. None if there is no such answer.
    """
    for answer in record.answers:
        if answer.objects is not None and answer.verdict not in ("unsure", "skip"):
            plain = Answer(answer.annotator, "answer", objects=answer.objects).with_plain_objects()
            return with_placed(header, plain)
    return None


def bare_header(header: Header, options: Options) -> Header:
    """The header with nothing but the names of its labels."""
    flat = header.flat().without("history", "about")
    return replace(flat, taxonomy=Taxonomy(flat.taxonomy.labels, inner_answers=flat.taxonomy.inner_answers))


def bare_record(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """The record with only the objects' places and labels in one answer; None without an answer, or without a size."""
    answer = one_answer(header, record)
    if answer is None or record.size is None or 0 in record.size:
        return None
    return ItemRecord(record.item_id, record.name, record.size, split=record.split, answers=(answer,))


def with_predictions(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """The record of `bare_record`, with predicted objects that have a score.

    Parameters
    ----------
    header : Header
    record : ItemRecord
    options : mapping
    """
    bare = bare_record(header, record, options)
    if bare is None or not record.predictions:
        return bare
    told = [one for one in (scored(header, prediction) for prediction in record.predictions) if one.objects]
    plain = tuple(replace(one, objects=tuple(plain_object(proposal, ("score",)) for proposal in one.objects))
                  for one in told)
    return replace(bare, predictions=plain)


def bare_reasons(*, answer: str, of_object: str) -> dict[str, str]:
    """Kind of each fact that `bare_record` leaves out, in the words of `records.facts` -> the reason.

    Parameters
    ----------
    answer : str
        Why only one answer is kept.
    of_object : str
        Why only the label and the place of an object are kept.
    """
    return {**dict.fromkeys(("answer", "verdict", "that objects were looked for"), answer),
            **dict.fromkeys(("certainty of an object", "score of a proposal", "IoU with the proposal",
                             "object that somebody was unsure of", "what became of a proposal"), of_object),
            **dict.fromkeys(("file name", "size of an item", "split"), "Its item isn't written.")}


def folder_of(model: str, taken: Collection[str]) -> str:
    """A folder name for a model's predictions, unique also on a case-insensitive file system.

    Parameters
    ----------
    model : str
    taken : collection of str
        Folder names of other models.
    """
    name = safe_name(model)[:100]
    while name.lower() in map(str.lower, taken):
        name += "-"
    return name


def scored(header: Header, prediction: Prediction) -> Prediction:
    """The same prediction, with `placed` applied to its objects; objects without a score are left out."""
    with_score = [one for one in prediction.objects if one.score is not None]
    return Prediction(prediction.model, objects=placed(header, with_score))


def sound(kind: str, at: Sequence[float], lost: Losses, where: str) -> tuple[float, ...] | None:
    """Check the coordinates of an object in another tool's file, and round them to a millionth of a pixel.

    Returns None if the object has no area; this is counted in `lost`.

    Parameters
    ----------
    kind : "box", "polygon" or "point"
    at : sequence of float
        A polygon may repeat its first vertex at the end.
    lost : Losses
    where : str
        The place in the file, for messages.

    Raises
    ------
    BadInput
        When a coordinate isn't a finite number.
    """
    for value in at:
        if isinstance(value, (bool, str)) or not -1e9 < value < 1e9:  # NaN too
            raise BadInput(f"{where} has the coordinates {str(list(at))[:80]}; finite numbers are expected, in pixels.")
    at = tuple([round(float(value), 6) + 0.0 for value in at])
    if kind == "polygon" and len(at) > 6 and at[:2] == at[-2:]:
        at = at[:-2]
    if kind != "point" and (area(kind, at) <= 0 or (kind == "box" and at[0] >= at[2])):
        lost.add("object", "It has no area.")
        return None
    return at
