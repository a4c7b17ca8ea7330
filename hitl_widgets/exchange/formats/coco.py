"""COCO: objects in images as pycocotools, CVAT, detectron2 and many others read them.

Writing makes a folder: `annotations.json` with info, images, categories and annotations, ``predictions/<model>.json``
with the results of each model, and the images where they are copied. Boxes and polygons are as COCO has them (the area
of a polygon is its own, to a millionth of a square pixel); a point is one keypoint, ``[x, y, 2]``, with a box of no
size. Ids count from 1. Everything that COCO has no field for is under the key ``hitl``, which its tools ignore:

- in info the task and the taxonomy with its history;
- in a category the label's id, path and description;
- in an image the item's id, name, split, gold, metadata and each annotator's answer, with votes and what was shown;
- in an annotation its id, who gave it, how certain they were, and what became of the proposal.

Images without a sure answer (nobody looked for objects, or everybody was unsure or skipped the image) are kept under
``hitl`` at the top: other tools would take them for images without objects, or with exactly those given. A single
object of which somebody was unsure is a crowd (``iscrowd`` 1): tools leave it out of training, and count a detection of
it neither as right nor as wrong. With ``labels="annotations"`` an image has everybody's objects.

Reading takes, from other tools too: one .json file, or a folder with ``annotations.json``, with
``_annotations.coco.json`` in folders named train, valid and test, or with ``annotations/instances_*.json``;
`coco_reading` says how.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import IO, Any

from ...objects.shapes import bounds_of
from ...records import ObjectAnswer
from ..files import Target, json_text, safe_name
from ..format import Format, Options
from ..places import area, corner_and_size, scored, with_placed
from ..plain_records import header_to_dict, record_to_dict
from ..records import Answer, Header, ItemRecord
from .coco_reading import read


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord:
    """Take away objects that have no place in COCO, and decimals beyond a thousandth of a pixel."""
    predictions = (scored(header, one) for one in record.predictions)
    gold = None if record.gold_ids is None else tuple(one for one in record.gold_ids if one in header.names)
    return replace(record, text=None, answers=tuple(_held(header, one) for one in record.answers), gold_ids=gold,
                   predictions=tuple(one for one in predictions if one.objects))


def _held(header: Header, answer: Answer) -> Answer:
    bare = with_placed(header, answer)
    if bare.label_ids is None and not bare.votes:
        return bare
    return replace(bare, label_ids=None, votes=tuple(_held(header, vote) for vote in bare.votes))


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the folder; annotations wait in a temporary file until all images are written."""
    with ExitStack() as files:
        spool = files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", newline=""))
        rest = files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", newline=""))
        results = files.enter_context(_results(target))
        file = files.enter_context(target.text("annotations.json"))
        category_ids = {label_id: n for n, label_id in enumerate(header.taxonomy.label_ids, 1)}
        info = {"description": "Labels of a project of hitl_widgets", "hitl": header_to_dict(header)}
        file.write('{"info":' + json_text(info) + ',\n"licenses":[],\n"categories":')
        with _listed(file) as put:
            for category in _categories(header, category_ids):
                put(category)
        file.write(',\n"images":')
        n_objects = n_images = 0
        with _listed(file) as put_image, _listed(spool) as put_object, _listed(rest) as put_rest:
            for record in records:
                if not any(map(_is_sure, record.answers)):
                    put_rest(_image(header, record, target))
                    continue
                n_images += 1
                put_image(_image(header, replace(record, predictions=()), target) | {"id": n_images})
                for n_answer, one in _objects(record):
                    n_objects += 1
                    put_object(_placed(one, category_ids) | {
                        "id": n_objects, "image_id": n_images, "iscrowd": int(one.unsure),
                        "hitl": _hitl(header, one, record.answers[n_answer].annotator, n_answer)})
                for prediction in record.predictions:
                    for one in prediction.objects:
                        results(prediction.model, _placed(one, category_ids) | {
                            "image_id": n_images, "score": one.score,
                            "hitl": {"id": one.id, "model": prediction.model}})
        file.write(',\n"annotations":')
        _append(spool, file)
        file.write(',\n"hitl":{"images":')
        _append(rest, file)
        file.write("}}\n")


def _is_sure(answer: Answer) -> bool:
    """Whether an answer's annotator looked for objects, and wasn't unsure of the image as a whole."""
    return answer.objects is not None and answer.verdict not in ("unsure", "skip")


def _objects(record: ItemRecord) -> Iterator[tuple[int, ObjectAnswer]]:
    """Each object that is there, after the number of the answer that it belongs to."""
    for n_answer, answer in enumerate(record.answers):
        for one in (answer.objects or ()) if _is_sure(answer) else ():
            if one.is_there:
                yield n_answer, one


@contextmanager
def _results(target: Target) -> Iterator[Any]:
    """Files of results, one for each model; a call writes one result."""
    names: dict[str, str] = {}
    put: dict[str, Any] = {}
    with ExitStack() as files:
        def write_one(model: str, entry: Mapping[str, Any]) -> None:
            if model not in put:
                name = safe_name(model)[:100]
                while name.lower() in names.values():
                    name += "-"
                names[model] = name.lower()
                file = files.enter_context(target.text(f"predictions/{name}.json"))
                put[model] = files.enter_context(_listed(file))
            put[model](entry)
        yield write_one


@contextmanager
def _listed(file: IO[str]) -> Iterator[Any]:
    """A JSON list with an object on each line; each call adds one."""
    before = "[\n"

    def put(value: Mapping[str, Any]) -> None:
        nonlocal before
        file.write(before + json_text(value))
        before = ",\n"
    yield put
    file.write("[]" if before == "[\n" else "\n]")


def _append(spool: IO[str], file: IO[str]) -> None:
    spool.flush()
    spool.seek(0)
    shutil.copyfileobj(spool, file)


def _categories(header: Header, category_ids: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    taxonomy = header.taxonomy
    for label in taxonomy.answers:
        more = {"keypoints": ["point"], "skeleton": []} if header.task == "points" else {}
        yield {"id": category_ids[label.id], "name": header.names[label.id],
               "supercategory": "" if label.parent is None else header.names[label.parent],
               "hitl": {"label_id": label.id, "path": taxonomy.path(label.id), **label.description()}, **more}


def _image(header: Header, record: ItemRecord, target: Target) -> dict[str, Any]:
    """The entry of an image, without its objects, which are annotations; what COCO has no field for is under hitl."""
    answers = tuple(answer if answer.objects is None or not _is_sure(answer) else
                    replace(answer, objects=tuple(one for one in answer.objects if not one.is_there))
                    for answer in record.answers)
    about = record_to_dict(header, replace(record, answers=answers, size=None))
    size = {} if record.size is None else {"width": record.size[0], "height": record.size[1]}
    return {"file_name": target.image(record), "hitl": about, **size}


def _placed(one: ObjectAnswer, category_ids: Mapping[str, int]) -> dict[str, Any]:
    """The place and label of an object, as COCO has them."""
    entry: dict[str, Any] = {"category_id": category_ids[one.label_id], "area": area(one.kind, one.at),
                             "bbox": corner_and_size(bounds_of(one.at, one.kind) if one.kind != "box" else one.at)}
    if one.kind == "polygon":
        entry["segmentation"] = [list(one.at)]
    elif one.kind == "point":
        entry |= {"keypoints": [*one.at, 2], "num_keypoints": 1, "segmentation": []}
    else:
        entry["segmentation"] = []
    return entry


def _hitl(header: Header, one: ObjectAnswer, annotator: str, n_answer: int) -> dict[str, Any]:
    """The facts about an object beside its place and label."""
    about = {name: value for name, value in one.to_dict().items() if name not in ("kind", "at", "label_id")
             and (name, value) not in (("origin", "person"), ("act", "added"), ("label", header.names[one.label_id]))}
    about["annotator"] = annotator
    if n_answer:
        about["answer"] = n_answer
    return about


FORMAT = Format(
    name="coco", title="COCO", tasks=("boxes", "polygons", "points"), kinds=("image",), folder=True, suffixes=(),
    cannot_hold="Objects without an area, and proposals without a score; all else that COCO has no word for is kept "
                "under its own key.",
    reduce=reduce, write=write, read=read,
    why={"object": "It has no area at a thousandth of a pixel, or its label can't be an answer any more.",
         "deleted proposal": "It has no area at a thousandth of a pixel, or its label can't be an answer any more.",
         "text": "COCO is about images.", "label": "COCO has labels of objects, none of whole images.",
         "gold": "Its label isn't in the taxonomy any more.",
         "prediction": "COCO's results are objects with a score."},
    otherwise="COCO has no place for it.", options={"task": None, "empty": False})
