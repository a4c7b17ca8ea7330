"""Reading of COCO files, our own and those of others. Start with `read`.

- An image's item id is the one under ``hitl``, else its file name.
- Without ``task=`` the task is that of the file: points where most annotations have one keypoint, polygons where most
  have an outline that isn't their box, else boxes. With ``task="boxes"`` outlines and masks become their boxes.
- An image without annotations may be one that nobody looked at: it counts as answered "no objects" only with
  ``empty=True``.
- Of an object in several parts only the largest part is kept; regions of crowds aren't read as objects. Both are
  counted as losses.
- An RLE mask, plain or compressed, becomes the outline along the sides of its pixels; holes are counted as losses.
- A folder may have results beside its annotations, ``predictions/<model>.json``; results alone have no images and no
  labels, and are refused.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from ...errors import BadInput
from ...objects.shapes import MOST_POINTS
from ...records import OBJECT_TASKS, SHAPE_OF, ObjectAnswer
from ...taxonomy.labels import Taxonomy
from ..files import Source, as_mapping, inner_path, json_text, unsafe_name
from ..format import Contents, Options
from ..label_names import labels_of_file, sound_name
from ..losses import NOTHING_READ, Losses
from ..places import area, sound
from ..plain_records import header_from_dict, record_from_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord, Prediction
from .coco_masks import extent_of, is_mask, mask_of, outline_of

TASKS = tuple(task for task in OBJECT_TASKS if task != "spans")
_SPLITS = (("train", "train"), ("val", "holdout"), ("test", "holdout"))
_OF_IMAGES = {"id", "width", "height", "file_name", "hitl"}
_OF_ANNOTATIONS = {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation", "keypoints",
                   "num_keypoints", "hitl"}
_OF_CATEGORIES = {"id", "name", "supercategory", "hitl", "keypoints", "skeleton"}
# Keys under hitl of an annotation that aren't fields of its object.
_OUTSIDE = ("annotator", "answer", "model")
# Supercategories that mean "none".
_NONE = ("", "none", "None")


@dataclass
class _Document:
    """One file: the lists in it, and where it lies."""

    where: str
    body: Mapping[str, Any]
    split: str | None
    folder: str
    # Key of a category -> label_id.
    label_ids: dict[str, str] = field(default_factory=dict)

    def entries(self, name: str) -> list[Mapping[str, Any]]:
        found = self.body.get(name, [])
        if not isinstance(found, list):
            raise BadInput(f"{self.where}: {name} is {type(found).__name__}; a list is expected.")
        for n, one in enumerate(found):
            if not isinstance(one, dict):
                raise BadInput(f"{self.where}: {name}[{n}] is {one!r:.60}; an object in braces is expected.")
        return found

    @property
    def hitl(self) -> Mapping[str, Any]:
        return as_mapping(as_mapping(self.body.get("info")).get("hitl"))


def read(source: Source, options: Options) -> Contents:
    """Read a .json file, or a folder with several.

    Raises
    ------
    BadInput
        With the file and the place in it, where it is malformed, or names images or categories that it doesn't list.
    """
    task = options.get("task")
    if task not in (None, *TASKS):
        raise BadInput(f"task is {task!r:.60}; {', '.join(TASKS)} are expected of COCO, or None.")
    if not isinstance(empty := options.get("empty", False), bool):
        raise BadInput(f"empty is {empty!r:.60}; True or False is expected.")
    lost = Losses()
    documents = [_document(source, *one) for one in _files(source)]
    header = _header(documents, lost, task)
    reader = _Reader(source, header, documents, lost, empty=empty)
    return Contents(header, reader.records(), lost, reader.images)


def _files(source: Source) -> list[tuple[str | None, str | None, str]]:
    """The files of annotations: name, split, and the folder in which their images are."""
    if not source.is_folder:
        return [(None, None, "")]
    source.names()  # many images are looked for
    if source.has("annotations.json"):
        return [("annotations.json", None, "")]
    found = [(name, _split_of(PurePosixPath(name).parent.name), PurePosixPath(name).parent.as_posix())
             for name in source.names(".json") if PurePosixPath(name).name == "_annotations.coco.json"]
    found = found or [(name, _split_of(PurePosixPath(name).stem), "") for name in source.names(".json")
                      if PurePosixPath(name).name.startswith("instances_")]
    alone = [(name, None, "") for name in source.names(".json") if "/" not in name]
    if found or len(alone) == 1:
        return [*found] or [*alone]
    raise BadInput(f"{source.path} has no annotations.json; it, _annotations.coco.json or "
                   "annotations/instances_*.json is expected, or the path of one .json file.")


def _split_of(name: str) -> str | None:
    return next((split for word, split in _SPLITS if word in name.lower()), None)


def _document(source: Source, name: str | None, split: str | None, folder: str) -> _Document:
    body, where = source.json(name), str(source.file(name))
    if isinstance(body, list):
        raise BadInput(f"{where} is a list, as COCO's results are: predictions without images and labels. Put it into "
                       "a folder as predictions/<model>.json, beside the annotations.json that it is about.")
    if not isinstance(body, dict) or not {"images", "annotations"} <= body.keys():
        raise BadInput(f"{where} isn't COCO; an object with images, annotations and categories is expected.")
    return _Document(where, body, split, "" if folder == "." else folder)


# -- labels ---------------------------------------------------------------------------------------------------


@dataclass
class _Categories:
    """The categories of all documents, in their order: where each stands, its key and its name."""

    all: list[tuple[_Document, str, str]] = field(default_factory=list)
    # Name of a category -> its label_id where we wrote it, and its supercategory.
    ids: dict[str, str] = field(default_factory=dict)
    supers: dict[str, str] = field(default_factory=dict)

    def add(self, document: _Document, key: str, category: Mapping[str, Any], lost: Losses) -> None:
        name = category.get("name")
        name = name if isinstance(name, str) and name.strip() else f"category {key}"
        self.all.append((document, key, name))
        above = category.get("supercategory")
        if isinstance(above, str) and above not in (*_NONE, name) and self.supers.setdefault(name, above) != above:
            lost.add("place of a label in the hierarchy", "A category comes twice, under two others.")
        if isinstance(own := as_mapping(category.get("hitl")).get("label_id"), str):
            self.ids[name] = own
        for odd in category.keys() - _OF_CATEGORIES:
            lost.add(f"{odd} of a category", "Labels have no such field here.")


def _categories(documents: Sequence[_Document], lost: Losses) -> _Categories:
    categories = _Categories()
    for document in documents:
        keys = set[str]()
        for n, category in enumerate(document.entries("categories")):
            where = f"{document.where}: categories[{n}]"
            key = _key(category.get("id"), where, "id")
            if key in keys:
                raise BadInput(f"{where} has the id {key} of another category; each needs its own.")
            keys.add(key)
            categories.add(document, key, category, lost)
    if not categories.all:
        raise BadInput(f"{documents[0].where} has no categories; at least one with id and name is expected.")
    return categories


# 13 branches: labels, task, hierarchy and names are gathered in turn, most by comprehensions over the categories.
def _header(documents: Sequence[_Document], lost: Losses, task: str | None) -> Header:
    if len(documents) == 1 and documents[0].hitl and (header := _own_header(documents[0], task)) is not None:
        return header
    categories = _categories(documents, lost)
    labels = labels_of_file([name for *_, name in categories.all], categories.ids)
    if labels.n_changed:
        lost.add("name of a category", "It has characters, or a length, that names of labels can't have.",
                 labels.n_changed)
    for document, key, name in categories.all:
        document.label_ids[key] = labels.ids[name]
    task = task or _own_task(documents) or _task_of(documents)
    supers = {labels.ids[name]: above for name, above in categories.supers.items()}
    taxonomy = _under_supercategories(labels.taxonomy, supers, _used(documents), lost)
    info = {name: value for document in documents[:1] for name in ("info", "licenses")
            if (value := document.body.get(name)) and not as_mapping(value).get("hitl")}
    called = {one: name for one, name in labels.names.items() if " / " in name}
    return Header(task, "image", taxonomy, about=info, called=called)


def _own_header(document: _Document, task: str | None) -> Header | None:
    """The header that we wrote; None if the categories were changed since."""
    header = header_from_dict(document.hitl, f"{document.where}: info.hitl")
    label_ids: dict[str, str] = {}
    for n, category in enumerate(document.entries("categories")):
        label_id = as_mapping(category.get("hitl")).get("label_id")
        if not isinstance(label_id, str) or label_id not in header.taxonomy.answerable \
                or header.names[label_id] != category.get("name"):
            return None
        label_ids[_key(category.get("id"), f"{document.where}: categories[{n}]", "id")] = label_id
    if set(label_ids.values()) != header.taxonomy.answerable:
        return None
    document.label_ids = label_ids
    if task is None and header.task not in TASKS:
        raise BadInput(f"{document.where}: info.hitl has the task {header.task!r}; {', '.join(TASKS)} are expected.")
    return replace(header, task=task or header.task, kind="image")


def _own_task(documents: Sequence[_Document]) -> str | None:
    return next((document.hitl["task"] for document in documents if document.hitl.get("task") in TASKS), None)


def _used(documents: Sequence[_Document]) -> set[str]:
    return {document.label_ids.get(str(one.get("category_id")), "") for document in documents
            for one in document.entries("annotations")}


def _under_supercategories(taxonomy: Taxonomy, supers: Mapping[str, str], used: set[str], lost: Losses) -> Taxonomy:
    """Put labels under their supercategories; no label, if a supercategory has objects or a parent itself."""
    names = {label.name: label.id for label in taxonomy.labels}
    above = {sound_name(one).replace(" / ", "/") for one in supers.values()}
    if not above:
        return taxonomy
    inner = {names[name] for name in above if name in names}
    if inner & (used | supers.keys()) or any(label.parent for label in taxonomy.labels):
        lost.add("place of a label in the hierarchy", "A supercategory is a category with objects of its own, or lies "
                 "under another one.", len(supers))
        return taxonomy
    missing = sorted(above - names.keys())
    fresh = Taxonomy([{"name": name, "labels": []} for name in missing]).labels if missing else ()
    of = names | {label.name: label.id for label in fresh}
    under = {label_id: of[sound_name(name).replace(" / ", "/")] for label_id, name in supers.items()}
    return Taxonomy([*fresh, *(replace(label, parent=under.get(label.id)) for label in taxonomy.labels)])


def _task_of(documents: Sequence[_Document]) -> str:
    n = n_points = n_polygons = 0
    for document in documents:
        for one in document.entries("annotations"):
            n += 1
            n_points += _keypoint(one) is not None
            n_polygons += bool((rings := _rings(one)) and not _is_box(rings, one.get("bbox"))) or \
                (is_mask(one.get("segmentation")) and not one.get("iscrowd"))
    return "points" if 2 * n_points > n else "polygons" if 2 * n_polygons > n else "boxes"


# -- images and annotations -----------------------------------------------------------------------------------


class _Reader:
    """Makes a record of each image."""

    def __init__(self, source: Source, header: Header, documents: Sequence[_Document], lost: Losses, *,
                 empty: bool) -> None:
        self.source, self.header, self.documents, self.lost, self.empty = source, header, documents, lost, empty
        self._item_ids = set[str]()
        self._size: tuple[int, int] | None = None  # of the image whose annotations are read
        self.images: dict[str, str] = {}
        kind = SHAPE_OF[header.task]
        assert kind != "span"
        self.kind = kind

    def records(self) -> Iterator[ItemRecord]:
        results = self._results()
        for document in self.documents:
            of_image: dict[str, list[tuple[int, Mapping[str, Any]]]] = defaultdict(list)
            for n, one in enumerate(document.entries("annotations")):
                of_image[_key(one.get("image_id"), f"{document.where}: annotations[{n}]", "image_id")].append((n, one))
            images = [(_key(image.get("id"), f"{document.where}: images[{n}]", "id"), image)
                      for n, image in enumerate(document.entries("images"))]
            if len(keys := {key for key, _ in images}) < len(images):
                raise BadInput(f"{document.where} has two images of one id; each needs its own.")
            if gone := next((key for key in of_image if key not in keys), None):
                n = of_image[gone][0][0]
                raise BadInput(f"{document.where}: annotations[{n}] is about image {gone!r:.60}, which isn't among the "
                               "images; add it, or take its annotations out.")
            for n, (key, image) in enumerate(images):
                yield self._record(document, f"{document.where}: images[{n}]", image, of_image.get(key, []),
                                   results.get(key, {}))
            rest = as_mapping(document.body.get("hitl")).get("images", [])
            for n, image in enumerate(rest if isinstance(rest, list) else ()):
                yield self._record(document, f"{document.where}: hitl.images[{n}]", as_mapping(image), [], {})

    def _record(self, document: _Document, where: str, image: Mapping[str, Any],
                annotations: Sequence[tuple[int, Mapping[str, Any]]],
                predictions: Mapping[str, list[ObjectAnswer]]) -> ItemRecord:
        hitl = image.get("hitl")
        name = self._name(document, image)
        body = hitl if isinstance(hitl, dict) else {"split": document.split}
        width, height = (_whole(image.get(side)) for side in ("width", "height"))
        record = record_from_dict(self.header, {"item_id": name or str(image.get("file_name") or image.get("id")),
                                                **body}, f"{where}.hitl", self.lost)
        if record.item_id in self._item_ids:
            raise BadInput(f"{where} is about item {record.item_id!r:.80}, as another image is; each image needs a "
                           "file name of its own.")
        self._item_ids.add(record.item_id)
        size = (width, height) if width and height else self.source.size_of(record.item_id, name)
        if hitl is None:
            record = replace(record, name=name)
        elif name is not None and name != record.name and self.source.has(name):
            self.images[record.item_id] = name
        self._size = size
        answers = self._answers(document, record.answers, annotations, is_own=hitl is not None)
        told = [Prediction(model, objects=tuple(objects)) for model, objects in predictions.items()]
        return replace(record, size=size, metadata=self._metadata(image, record.metadata), answers=answers,
                       predictions=(*record.predictions, *told))

    def _answers(self, document: _Document, own: Sequence[Answer],
                 annotations: Sequence[tuple[int, Mapping[str, Any]]], *, is_own: bool) -> tuple[Answer, ...]:
        """The answers on an image with their objects; one answer with all annotations, if `hitl` has none."""
        of_answer: dict[int, list[ObjectAnswer]] = defaultdict(list)
        for n, annotation in annotations:
            one = self._object(document, f"{document.where}: annotations[{n}]", annotation)
            if one is not None:
                n_answer = as_mapping(annotation.get("hitl")).get("answer", 0)
                of_answer[n_answer if n_answer in range(len(own)) else 0].append(one)
        if not own and not of_answer:
            if annotations:
                self.lost.add("answer", NOTHING_READ)
                return ()
            if not self.empty:
                if not is_own:
                    self.lost.add("whether somebody looked for objects", "An image without annotations may be one at "
                                  "which nobody looked; pass empty=True where all images were labelled.")
                return ()
        answers = [*own] or [Answer(CONSENSUS, objects=())]
        for n, objects in of_answer.items():
            answers[n] = replace(answers[n], objects=_of_own_ids([*objects, *(answers[n].objects or ())]))
        return tuple(answers)

    def _name(self, document: _Document, image: Mapping[str, Any]) -> str | None:
        """The path of an image's file inside the folder, if it is there; else the name in the annotations."""
        given = image.get("file_name")
        if not isinstance(given, str) or not given:
            return None
        inner = inner_path(given)
        if inner is None:  # outside of the folder, or an address: nothing there is ever opened
            return PurePosixPath(given.replace("\\", "/")).name or None
        for folder in (document.folder, "", "images"):
            if self.source.has(path := (PurePosixPath(folder) / inner).as_posix()):
                return path
        return (PurePosixPath(document.folder) / inner).as_posix()

    def _metadata(self, image: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
        more = {name: value for name, value in image.items() if name not in _OF_IMAGES and value not in (None, "")}
        try:
            json_text(more)
        except ValueError:  # NaN
            self.lost.add("metadata", "A number in it isn't finite.")
            more = {}
        return {**own, **more}

    def _object(self, document: _Document, where: str, one: Mapping[str, Any]) -> ObjectAnswer | None:
        key = _key(one.get("category_id"), where, "category_id")
        if key not in document.label_ids:
            raise BadInput(f"{where} has category {key!r:.60}, which isn't among the categories; add it there.")
        for odd in one.keys() - _OF_ANNOTATIONS:
            if one[odd] not in (None, "", [], {}):
                self.lost.add(f"{odd} of an annotation", "Objects have no such field here.")
        place = self._place(one, where)
        if place is None or (at := sound(self.kind, place, self.lost, where)) is None:
            return None
        label_id = document.label_ids[key]
        body = {"id": str(one.get("id", where.rpartition("[")[2][:-1]))[:80], "label": self.header.names[label_id],
                **as_mapping(one.get("hitl")), "kind": self.kind, "at": at, "label_id": label_id}
        try:
            return ObjectAnswer.from_dict({name: value for name, value in body.items() if name not in _OUTSIDE})
        except (BadInput, TypeError) as error:
            raise BadInput(f"{where}: {error}") from error

    def _place(self, one: Mapping[str, Any], where: str) -> list[float] | None:
        """Coordinates as the task has them; None, counted, if the annotation has none."""
        if one.get("iscrowd") and as_mapping(one.get("hitl")).get("unsure") is not True:
            self.lost.add("crowd", "The region of a crowd isn't one object.")
            return None
        if self.kind == "point":
            if (point := _keypoint(one)) is None:
                self.lost.add("object", "It isn't one keypoint, and this is about points.")
            return point
        n_keypoints = one.get("num_keypoints")
        if isinstance(n_keypoints, int) and n_keypoints > 0:
            self.lost.add("keypoint", f"This is about {self.header.task}.", n_keypoints)
        return self._polygon(one, where) if self.kind == "polygon" else self._box(one, where)

    def _polygon(self, one: Mapping[str, Any], where: str) -> list[float] | None:
        if is_mask(one.get("segmentation")):
            return self._outline(one, where)
        rings = _rings(one)
        if not rings:
            self.lost.add("object", "It has no outline of points, and this is about polygons: pass task='boxes' for "
                          "its box.")
            return None
        if len(rings) > 1:
            self.lost.add("part of an object", "A polygon is one outline; the largest part is kept.", len(rings) - 1)
        return max(rings, key=lambda ring: area("polygon", ring))

    def _outline(self, one: Mapping[str, Any], where: str) -> list[float] | None:
        """The outline of a mask; the parts and holes that it leaves out are counted."""
        mask = mask_of(one["segmentation"], where, self._size)
        try:
            outline = outline_of(mask)
        except BadInput as error:
            self.lost.add("object", str(error))
            return None
        if outline is None:
            self.lost.add("object", "It has no area.")
            return None
        self.lost.add("part of an object", "A polygon is one outline; the largest part is kept.", outline.n_parts - 1)
        self.lost.add("hole in an object", "A polygon is one outline, and covers its holes.", outline.n_holes)
        if not outline.exact:
            self.lost.add("detail of an outline", f"A polygon has {MOST_POINTS:,} corners at most.")
        return outline.at

    # 16 branches: a bbox, outlines, a mask and keypoints each give the box of an object, or none, in their own way.
    def _box(self, one: Mapping[str, Any], where: str) -> list[float] | None:
        rings, bbox = _rings(one), one.get("bbox")
        if one.get("segmentation") and not (rings and _is_box(rings, bbox)):
            self.lost.add("outline of an object", "This is about boxes.")
        if bbox is None and rings:
            xs, ys = ([value for ring in rings for value in ring[n::2]] for n in (0, 1))
            return [min(xs), min(ys), max(xs), max(ys)]
        if bbox is None and is_mask(one.get("segmentation")):
            if (extent := extent_of(mask_of(one["segmentation"], where, self._size))) is None:
                self.lost.add("object", "It has no area.")
            return extent
        if bbox is None and isinstance(one.get("keypoints"), list):
            self.lost.add("object", "It has keypoints and no bbox, and this is about boxes: pass task='points' for one "
                          "keypoint of each, or add bbox.")
            return None
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
            raise BadInput(f"{where} has the bbox {bbox!r:.60}; [x, y, width, height] is expected, in pixels.")
        return [bbox[0], bbox[1], round(bbox[0] + bbox[2], 6), round(bbox[1] + bbox[3], 6)]

    def _results(self) -> dict[str, dict[str, list[ObjectAnswer]]]:
        """Key of an image -> model -> predicted objects, from the files of results in the folder."""
        found: dict[str, dict[str, list[ObjectAnswer]]] = {}
        if not self.source.is_folder or len(self.documents) != 1:
            return found
        document = self.documents[0]
        keys = {str(image.get("id")) for image in document.entries("images")}
        for file in self.source.names(".json"):
            if not re.fullmatch(r"predictions/[^/]+\.json", file):
                continue
            where, entries = str(self.source.file(file)), self.source.json(file)
            if not isinstance(entries, list):
                raise BadInput(f"{where} is no list; results are expected: [{{image_id, category_id, bbox, score}}].")
            for n, one in enumerate(map(as_mapping, entries)):
                key = _key(one.get("image_id"), at := f"{where}: [{n}]", "image_id")
                if key not in keys:
                    raise BadInput(f"{at} is about image {key!r:.60}, which isn't among those of {document.where}.")
                if not _is_number(score := one.get("score")):
                    raise BadInput(f"{at} has the score {score!r:.60}; a number is expected.")
                hitl, self._size = as_mapping(one.get("hitl")), None
                model = hitl.get("model", unsafe_name(PurePosixPath(file).stem))
                made = self._object(document, at, {name: one[name] for name in one if name in _OF_ANNOTATIONS})
                if made is not None:
                    found.setdefault(key, {}).setdefault(str(model), []).append(replace(
                        made, score=score, origin="model", act="accepted"))
        return found


def _of_own_ids(objects: Sequence[ObjectAnswer]) -> tuple[ObjectAnswer, ...]:
    """The same objects, each with an id that no other of them has."""
    taken = set[str]()
    made = []
    for one in objects:
        new, n = one.id, 1
        while new in taken:
            n += 1
            new = f"{one.id[:70]}-{n}"
        taken.add(new)
        made.append(one if new == one.id else replace(one, id=new))
    return tuple(made)


def _rings(one: Mapping[str, Any]) -> list[list[float]]:
    """The outlines of an annotation's parts, without those of fewer than three points; none of a mask."""
    segmentation = one.get("segmentation")
    if not isinstance(segmentation, list):
        return []
    rings = segmentation if segmentation and isinstance(segmentation[0], list) else [segmentation]
    return [ring for ring in rings if isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0
            and all(map(_is_number, ring))]


def _is_box(rings: Sequence[Sequence[float]], bbox: Any) -> bool:
    """Whether an outline is the box itself, as many tools write one."""
    if len(rings) != 1 or len(rings[0]) not in (8, 10) or not isinstance(bbox, list) or len(bbox) != 4 \
            or not all(map(_is_number, bbox)):
        return False
    (ring,), (x, y, width, height) = rings, bbox
    return all(min(abs(px - x), abs(px - x - width)) < 0.01 and min(abs(py - y), abs(py - y - height)) < 0.01
               for px, py in zip(ring[::2], ring[1::2], strict=True))


def _keypoint(one: Mapping[str, Any]) -> list[float] | None:
    """The x and y of a keypoint, if exactly one is labelled; else None."""
    keypoints = one.get("keypoints")
    if not isinstance(keypoints, list) or not keypoints or len(keypoints) % 3 or not all(map(_is_number, keypoints)):
        return None
    seen = [keypoints[n:n + 2] for n in range(0, len(keypoints), 3) if keypoints[n + 2] > 0]
    return seen[0] if len(seen) == 1 else None


def _key(value: Any, where: str, name: str) -> str:
    """An id as a text; some tools write a number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise BadInput(f"{where} has the {name} {value!r:.60}; a number is expected.")
    return str(value)


def _whole(value: Any) -> int:
    """A width or height; 0 where it isn't one."""
    return int(value) if _is_number(value) and value >= 1 and value == int(value) else 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
