"""YOLO: a text file of labels for each image, as Ultralytics, Roboflow and CVAT read and write it.

Writing makes a folder: ``data.yaml`` with the names of the classes, ``labels/train/<stem>.txt`` and ``labels/val/...``
(the hold-out), the images under ``images/`` where they are copied, and ``items.jsonl``, which has for each file of
labels the item's id, the name of its image, its size, its split and who answered; YOLO's tools ignore it. Predictions
of models are in ``predictions/<model>/train/<stem>.txt`` and ``.../val/...``: lines as in files of labels with the
score at their end, as Ultralytics writes them with ``save_conf``; items.jsonl says which model a file belongs to. Paths
in data.yaml are relative to its own folder. A line is ``class cx cy width height`` for a box, ``class x1 y1 x2 y2 ...``
for a polygon, as fractions of the image's width and height, with as many digits as a thousandth of a pixel needs. A
stem is the name of the item's file, or its id, in which "~" and two hexadecimal digits replace what a file name can't
contain.

Reading takes, from other tools too: a folder with data.yaml (names as a list or a mapping), ``classes.txt`` or
``obj.names``, and files of labels in folders called labels, or beside the images. Paths in data.yaml are never
followed; what lies in the folder counts. An empty file of labels means that there are no objects in the image; an image
without a file counts as not looked at, unless ``empty=True`` is passed. A line that ends with a confidence is read as a
prediction (``model=`` names its model). Sizes come from items.jsonl, from the pool, or from the images in the folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import yaml

from ...errors import BadInput
from ...objects.shapes import bounds_of
from ...records import ObjectAnswer
from ..files import Source, Target, json_text
from ..format import Contents, Format, Options
from ..image_files import FOLDERS, ImageFiles, split_of
from ..label_names import labels_of_file
from ..losses import NOTHING_READ, Losses
from ..places import PARTS, bare_header, bare_reasons, folder_of, sound, thousandths, with_predictions
from ..plain_records import record_from_dict, record_to_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord, Prediction

TASKS = ("boxes", "polygons")
SIDECAR = "items.jsonl"
_CLASSES = ("classes.txt", "obj.names", "_darknet.labels")
# Lists of images, and what people write beside labels.
_NO_LABELS = {"classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt", "requirements.txt"}
# Fields of a line of items.jsonl beside those of its item.
_BESIDE = ("labels", "image", "annotator", "predictions")
_LONGEST_YAML, _DEEPEST_YAML = 10_000_000, 20


# -- writing -------------------------------------------------------------------------------------------------


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the folder, one image after another."""
    numbers = {label_id: n for n, label_id in enumerate(header.taxonomy.label_ids)}
    body = {"train": "images/train", "val": "images/val", "nc": len(numbers),
            "names": {n: header.names[label_id] for label_id, n in numbers.items()},
            "hitl": {"task": header.task, "label_ids": list(numbers)}}
    with target.text("data.yaml") as file:
        yaml.dump(body, file, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), allow_unicode=True,
                  sort_keys=False, width=10_000, line_break="\n")
    folders: dict[str, str] = {}
    with target.text(SIDECAR) as sidecar:
        for record in records:
            assert record.size is not None
            split = FOLDERS[record.split]
            name = f"labels/{split}/{target.stem(record)}.txt"
            with target.text(name) as file:
                file.writelines(_line(numbers[one.label_id], one.at, record.size)
                                for one in record.answers[0].objects or ())
            image = target.image(record, f"images/{split}")
            predicted = {}
            for one in record.predictions:
                if one.model not in folders:
                    folders[one.model] = folder_of(one.model, folders.values())
                predicted[one.model] = f"predictions/{folders[one.model]}/{split}/{target.stem(record)}.txt"
                with target.text(predicted[one.model]) as file:
                    file.writelines(_line(numbers[proposal.label_id], proposal.at, record.size, proposal.score)
                                    for proposal in one.objects)
            about = record_to_dict(header, replace(record, answers=(), predictions=())) | {
                "labels": name, "image": image, "annotator": record.answers[0].annotator,
                **({"predictions": predicted} if predicted else {})}
            sidecar.write(json_text(about) + "\n")


def _line(number: int, at: Sequence[float], size: tuple[int, int], score: float | None = None) -> str:
    """A line of a file of labels, with enough digits for a thousandth of a pixel; a score comes at the end."""
    digits = max(6, math.ceil(math.log10(1500 * max(size))) + 1)
    whole = thousandths(at)
    if len(at) == 4:
        x0, y0, x1, y1 = whole
        values = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]
    else:
        values = [*map(float, whole)]
    return f"{number} " + " ".join(
        f"{value / PARTS / size[n % 2]:.{digits}f}" for n, value in enumerate(values)) + (
        "" if score is None else f" {score:.6f}") + "\n"


# -- reading -------------------------------------------------------------------------------------------------


# 13 branches: a check for each option, and what data.yaml may say of labels and task, or leave open.
def read(source: Source, options: Options) -> Contents:
    """Read a folder.

    Raises
    ------
    BadInput
        With the file and line that is malformed, or when there are no names of classes.
    """
    if not source.is_folder:
        raise BadInput(f"{source.path} is a file; the folder with data.yaml and the files of labels is expected.")
    task, model, empty = (options.get(name) for name in ("task", "model", "empty"))
    if task not in (None, *TASKS):
        raise BadInput(f"task is {task!r:.60}; {' or '.join(TASKS)} is expected of YOLO, or None.")
    if not isinstance(model or "", str) or not isinstance(empty, (bool, type(None))):
        raise BadInput(f"model is {model!r:.60} and empty {empty!r:.60}; a name and True or False are expected.")
    names, own = _classes(source)
    label_ids = own.get("label_ids")
    wanted = dict(zip(names, label_ids, strict=True)) if isinstance(label_ids, list) \
        and len(label_ids) == len(names) == len(set(map(str, label_ids))) else {}
    labels = labels_of_file(names, wanted)
    lost = Losses()
    lost.add("name of a class", "It has characters, or a length, that names of labels can't have.", labels.n_changed)
    files = _label_files(source)
    task = task or (own.get("task") if own.get("task") in TASKS else None) or _task_of(source, files)
    header = Header(str(task), "image", labels.taxonomy, called=labels.names)
    reader = _Reader(source, header, [labels.ids[name] for name in names], lost, model=model or "yolo",
                     empty=bool(empty))
    return Contents(header, reader.records(files), lost, reader.images)


def _classes(source: Source) -> tuple[list[str], Mapping[str, Any]]:
    """The names of the classes in their order, and what we wrote beside them."""
    found = [name for name in source.names(".yaml", ".yml") if "/" not in name]
    at = next((name for name in ("data.yaml", "data.yml", "dataset.yaml") if name in found),
              found[0] if len(found) == 1 else None)
    if at is not None:
        return _of_yaml(source, at)
    for name in source.names():
        if PurePosixPath(name).name in _CLASSES:
            names = [line.strip() for _, line in source.lines(name)]
            if names:
                return _each_once(names, str(source.file(name))), {}
    raise BadInput(f"{source.path} has no names of classes; data.yaml with names, or classes.txt with one on each "
                   "line, is expected.")


# 13 branches: names may be a list or a mapping, and each way to get it wrong has its own message.
def _of_yaml(source: Source, name: str) -> tuple[list[str], Mapping[str, Any]]:
    where = str(source.file(name))
    body = _yaml(source.text(name), where)
    names = body.get("names") if isinstance(body, dict) else None
    if isinstance(names, dict):
        try:
            numbers = {int(number): one for number, one in names.items()}
        except ValueError:
            raise BadInput(f"{where}: names has keys that are no numbers; 0: cat is expected.") from None
        if not numbers or sorted(numbers) != list(range(len(numbers))) or len(numbers) != len(names):
            raise BadInput(f"{where}: names has the numbers {str(sorted(numbers))[:60]}; 0, 1, 2, ... are expected, "
                           "without gaps.")
        names = [numbers[number] for number in range(len(numbers))]
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise BadInput(f"{where}: names is {str(names)[:60]!r}; a list of the classes' names is expected, or a mapping "
                       "from their numbers.")
    own = body.get("hitl")
    return _each_once(names, where), own if isinstance(own, dict) else {}


def _each_once(names: Sequence[str], where: str) -> list[str]:
    if len(set(names)) < len(names):
        double = next(name for n, name in enumerate(names) if name in names[:n])
        raise BadInput(f"{where}: two classes are named {double!r:.60}; rename one of them.")
    return list(names)


def _yaml(text: str, where: str) -> Any:
    """The value of a YAML text, in which each scalar is text; aliases, tags and deep nesting are refused."""
    if len(text) > _LONGEST_YAML:
        raise BadInput(f"{where} has {len(text):,} characters; at most {_LONGEST_YAML:,} are read.")
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST_YAML:
                raise BadInput(f"{where} has an alias, or is nested too deeply; write out what the alias stands for.")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}" if mark is not None else ""
        raise BadInput(f"{where}{at} isn't YAML: {getattr(error, 'problem', None) or error}.") from error
    except (ValueError, TypeError) as error:  # a mapping as a key
        raise BadInput(f"{where} can't be read as YAML: {error}.") from error


def _label_files(source: Source) -> list[str]:
    """The files of labels: in folders called labels if there are any, else beside the images."""
    files = [name for name in source.names(".txt") if PurePosixPath(name).name.lower() not in _NO_LABELS
             and not (name.startswith("predictions/") and source.has(SIDECAR))
             and not PurePosixPath(name).name.lower().startswith(("readme", "_readme"))]
    inside = [name for name in files if "labels" in [part.lower() for part in PurePosixPath(name).parts[:-1]]]
    return inside or files


def _task_of(source: Source, files: Sequence[str]) -> str:
    """Whether most of the first lines are polygons."""
    lengths = [len(line.split()) for name in files[:200] for _, line in islice(source.lines(name), 100)]
    return "polygons" if 2 * sum(length >= 7 for length in lengths) > len(lengths) else "boxes"


class _Reader:
    """Makes a record from each file of labels."""

    def __init__(self, source: Source, header: Header, label_ids: Sequence[str], lost: Losses, *, model: str,
                 empty: bool) -> None:
        self._source, self._header, self._label_ids, self._lost = source, header, label_ids, lost
        self._names = [header.names[label_id] for label_id in label_ids]
        self._model, self._empty = model, empty
        self._kind = "box" if header.task == "boxes" else "polygon"
        self._files = ImageFiles(source)
        self.images: dict[str, str] = {}

    def records(self, files: Sequence[str]) -> Iterator[ItemRecord]:
        known = self._sidecar()
        seen = set[str]()
        item_ids = set[str]()
        for name in files:
            image = self._files.beside(name, ("labels", "images"))
            if image is not None:
                seen.add(image)
            record, annotator, predicted = known.pop(name, (None, CONSENSUS, {}))
            record = record or self._foreign(name, image)
            if record.item_id in item_ids:
                raise BadInput(f"{self._source.file(name)} is about item {record.item_id!r:.80}, as another file is; "
                               "each image needs a name of its own.")
            item_ids.add(record.item_id)
            if image is not None and image != record.name:
                self.images[record.item_id] = image
            yield self._with_predictions(self._with_objects(record, name, annotator), predicted)
        self._lost.add("item", "Its file of labels isn't there.", len(known))
        for image in self._files.names:
            if image not in seen and self._empty:
                split = split_of(image)
                yield ItemRecord(image, image, self._files.size(image), split=split,
                                 answers=(Answer(CONSENSUS, objects=()),))
            elif image not in seen:
                self._lost.add("whether somebody looked for objects", "An image without a file of labels may be one at "
                               "which nobody looked; pass empty=True where all images were labelled.")

    def _sidecar(self) -> dict[str, tuple[ItemRecord, str, Mapping[str, str]]]:
        """Name of a file of labels -> its item, who answered, and a mapping of model to its file of predictions."""
        known: dict[str, tuple[ItemRecord, str, Mapping[str, str]]] = {}
        if not self._source.has(SIDECAR):
            return known
        for number, body in self._source.json_lines(SIDECAR):
            where = f"{self._source.file(SIDECAR)}, line {number:,}"
            about = {name: value for name, value in body.items() if name not in _BESIDE}
            labels, annotator = body.get("labels"), body.get("annotator", CONSENSUS)
            predicted = body.get("predictions", {})
            if not isinstance(predicted, dict) or not all(isinstance(one, str) for one in predicted.values()):
                raise BadInput(f"{where} has the predictions {predicted!r:.60}; the name of a file for each model is "
                               "expected.")
            if not isinstance(labels, str) or not isinstance(annotator, str) or labels in known:
                raise BadInput(f"{where} has labels {labels!r:.60} and annotator {annotator!r:.60}; the name of a file "
                               "that no other line has, and a name, are expected.")
            known[labels] = record_from_dict(self._header, about, where, self._lost), annotator, predicted
        return known

    def _foreign(self, name: str, image: str | None) -> ItemRecord:
        item_id = image or PurePosixPath(name).stem
        return ItemRecord(item_id, image, self._files.size(image, item_id), split=split_of(name))

    def _with_objects(self, record: ItemRecord, name: str, annotator: str) -> ItemRecord:
        objects, found, n_lines = self._in_file(name, record.size)
        answered = objects or not n_lines
        if n_lines and not objects and not found and record.size is not None:
            self._lost.add("answer", NOTHING_READ)
        return replace(record, answers=(Answer(annotator, objects=tuple(objects)),) if answered else (),
                       predictions=(Prediction(self._model, objects=tuple(found)),) if found else ())

    def _with_predictions(self, record: ItemRecord, predicted: Mapping[str, str]) -> ItemRecord:
        """The record with the models' predictions, which are in separate files."""
        told = []
        for model, name in predicted.items():
            if not name.startswith("predictions/") or not self._source.has(name):
                self._lost.add("prediction", "Its file isn't there.")
                continue
            _, found, n_lines = self._in_file(name, record.size)
            self._lost.add("prediction", "It has no score, or no place.", n_lines - len(found))
            told += [Prediction(model, objects=tuple(found))] if found else []
        return replace(record, predictions=(*record.predictions, *told)) if told else record

    def _in_file(self, name: str, size: tuple[int, int] | None
                 ) -> tuple[list[ObjectAnswer], list[ObjectAnswer], int]:
        """Read the objects of a file of labels.

        Returns
        -------
        objects : list of ObjectAnswer
            Objects without a score: an annotator's.
        found : list of ObjectAnswer
            Objects with a score: a model's predictions.
        n_lines : int
            Number of lines of the file. Objects without a usable place in the image are counted in the losses.
        """
        objects: list[ObjectAnswer] = []
        found: list[ObjectAnswer] = []
        n_lines = 0
        for number, line in self._source.lines(name):
            n_lines += 1
            where = f"{self._source.file(name)}, line {number:,}"
            n, numbers, score = self._parsed(line, where)
            if size is None:
                self._lost.add("object", "The size of its image isn't known, and YOLO tells places as parts of it; put "
                               "the images into the folder, or pass images=.")
            elif (at := self._place(numbers, size, where)) is not None:
                one = ObjectAnswer(str(number), self._kind, at, self._label_ids[n], self._names[n])  # type: ignore[arg-type]
                if score is None:
                    objects.append(one)
                else:
                    found.append(replace(one, score=score, origin="model", act="accepted"))
        return objects, found, n_lines

    def _parsed(self, line: str, where: str) -> tuple[int, list[float], float | None]:
        """The number of the class, the coordinates, and a confidence if there is one."""
        expected = "class cx cy width height of a box, or class x1 y1 x2 y2 x3 y3 ... of a polygon"
        try:
            first, *numbers = map(float, line.split())
        except ValueError:
            raise BadInput(f"{where} is {line[:60]!r}; {expected} is expected.") from None
        if len(numbers) < 4 or not all(map(math.isfinite, numbers)):
            raise BadInput(f"{where} is {line[:60]!r}; {expected} is expected.")
        if not (first >= 0 and first.is_integer() and first < len(self._label_ids)):
            raise BadInput(f"{where} has class {line.split()[0][:20]}; 0 to {len(self._label_ids) - 1} are named.")
        # A confidence at the end makes the numbers odd.
        score = numbers.pop() if len(numbers) % 2 else None
        if max(numbers) > 2 or min(numbers) < -1:
            raise BadInput(f"{where} has the coordinate {max(numbers, key=abs):g}; parts of the image's sides, from 0 "
                           "to 1, are expected, not pixels.")
        return int(first), numbers, score

    def _place(self, numbers: Sequence[float], size: tuple[int, int], where: str) -> tuple[float, ...] | None:
        pixels = [value * size[n % 2] for n, value in enumerate(numbers)]
        if len(pixels) == 4:
            cx, cy, width, height = pixels
            pixels = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]
            if self._kind == "polygon":
                self._lost.add("object", "It is a box, and this is about polygons; pass task='boxes' for the boxes of "
                               "all objects.")
                return None
        elif self._kind == "box":
            self._lost.add("outline of an object", "This is about boxes.")
            pixels = list(bounds_of(pixels))
        return sound(self._kind, [round(value, 3) for value in pixels], self._lost, where)


FORMAT = Format(
    name="yolo", title="YOLO", tasks=TASKS, kinds=("image",), folder=True, suffixes=(),
    cannot_hold="Everything but the places and labels of one answer for each image, and objects that models predict: "
                "no certainty, no votes, no hierarchy of labels, no attributes.",
    reduce=with_predictions, reduce_header=bare_header, write=write, read=read,
    why={**bare_reasons(
            answer="A file of labels has one answer for an image: the consensus, or else the first; jsonl keeps all.",
            of_object="A line of a file of labels has a class and a place, nothing else."),
         "item": "Nobody looked for objects in it with certainty, or its size isn't known; YOLO takes an image without "
                 "a label for one in which there is nothing.",
         "object": "It belongs to an answer that isn't written (a file of labels has one for an image), or has no "
                   "area.",
         "deleted proposal": "A file of labels has what is there, not what was proposed.",
         "metadata": "YOLO has no place for metadata.",
         "prediction": "A line of a file of predictions is an object with a score and an area, of an image that has a "
                       "file of labels; formats coco and jsonl keep the others.",
         "label above others": "The classes of data.yaml are a plain list.",
         "labels above others as answers": "The classes of data.yaml are a plain list.",
         "place of a label in the hierarchy": "The classes of data.yaml are a plain list.",
         "description of a label": "The classes of data.yaml have names alone.",
         "attribute": "YOLO has no attributes.", "description of an attribute": "YOLO has no attributes.",
         "edit of the taxonomy": "YOLO has today's classes alone.", "about the project": "YOLO has no place for it."},
    otherwise="A file of labels has a class and a place for each object, nothing else.",
    options={"task": None, "model": None, "empty": False})
