"""Pascal VOC: an XML file of boxes for each image, as LabelImg, Roboflow and CVAT read and write it.

Writing makes a folder: ``Annotations/<stem>.xml``, ``ImageSets/Main/train.txt`` and ``val.txt`` (the hold-out), the
images under ``JPEGImages/`` where they are copied, and ``hitl.json`` with the labels, also those without a box. VOC's
own tools count pixels from 1 and include the last one, so that a box from x0 to x1 has xmin = x0 + 1 and xmax = x1;
half of all other tools write xmin = x0 and xmax = x1, as ``one_based=False`` does. Each file records which of the two
was written in its element ``hitl``, with the item's id, the name of its image and who answered, as JSON that other
tools ignore. Coordinates keep their decimals. A character that XML can't represent is replaced by U+FFFD in names;
hitl.json has the original names.

Predictions of models are written as VOC's own results, ``results/<model>/comp4_det_<set>_<label>.txt`` with a line
``stem score xmin ymin xmax ymax`` for each box; ``results/hitl.json`` says which model and label each file belongs to.
Results are kept in memory until all images are written.

Reading takes, from other tools too: all .xml files in a folder, or one. Where a file doesn't say, coordinates count
from 1; ``one_based=False`` reads them as they are. A file without objects means that there are none in its image.
Files with a DTD are refused, and paths in files aren't followed.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from ...errors import BadInput
from ...records import ObjectAnswer
from ..files import Source, Target, as_mapping, inner_path, json_text, parsed, safe_name
from ..format import Contents, Format, Options
from ..image_files import FOLDERS, SPLITS, ImageFiles, split_of
from ..label_names import labels_of_file
from ..losses import NOTHING_READ, Losses
from ..places import PARTS, bare_header, bare_reasons, folder_of, sound, thousandths, with_predictions
from ..plain_records import record_from_dict, record_to_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord, Prediction

ABOUT, RESULTS = "hitl.json", "results/hitl.json"
_OF_ANNOTATION = {"folder", "filename", "path", "source", "size", "segmented", "object", "hitl"}
_OF_OBJECT = {"name", "bndbox", "pose", "truncated", "difficult", "occluded"}
# Characters that XML 1.0 can't represent, not even escaped, and those that its readers change.
_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# -- writing -------------------------------------------------------------------------------------------------


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the folder, an image after the other."""
    one_based = _one_based(options)
    one_based = True if one_based is None else one_based
    with target.text(ABOUT) as file:
        labels = [{"label_id": label_id, "name": header.names[label_id]} for label_id in header.taxonomy.label_ids]
        file.write(json_text({"labels": labels, "one_based": one_based, "task": header.task}, indent=1) + "\n")
    names = {label_id: _xml(name) for label_id, name in header.names.items()}
    results = defaultdict[tuple[str, str, str], list[str]](list)
    with target.text("ImageSets/Main/train.txt") as train, target.text("ImageSets/Main/val.txt") as val:
        for record in records:
            stem = target.stem(record)
            if record.split is not None:
                (train if record.split == "train" else val).write(f"{stem}\n")
            image = target.image(record, "JPEGImages")
            with target.text(f"Annotations/{stem}.xml") as file:
                file.writelines(_lines(header, record, names, image, one_based=one_based))
            for prediction in record.predictions:
                for one in prediction.objects:
                    results[prediction.model, FOLDERS[record.split], one.label_id].append(
                        f"{stem} {one.score:.6f} {' '.join(map(_number, _corners(one, one_based=one_based)))}\n")
    if results:
        _write_results(header, results, target)


def _write_results(header: Header, results: Mapping[tuple[str, str, str], list[str]], target: Target) -> None:
    """Write a results file for each model, set of images and label, and a JSON list that says which file is which."""
    taken, folders = set[str](), dict[str, str]()
    about = []
    for (model, images, label_id), lines in sorted(results.items()):
        if model not in folders:
            folders[model] = folder_of(model, folders.values())
        name = f"results/{folders[model]}/comp4_det_{images}_{safe_name(header.names[label_id])[:100]}.txt"
        while name.lower() in taken:
            name = f"{name.removesuffix('.txt')}-.txt"
        taken.add(name.lower())
        with target.text(name) as file:
            file.writelines(lines)
        about.append({"file": name, "model": model, "label": header.names[label_id]})
    with target.text(RESULTS) as file:
        file.write(json_text(about, indent=1) + "\n")


def _corners(one: ObjectAnswer, *, one_based: bool) -> list[int]:
    """xmin, ymin, xmax and ymax in thousandths of a pixel."""
    x0, y0, x1, y1 = thousandths(one.at)
    return [x0 + PARTS, y0 + PARTS, x1, y1] if one_based else [x0, y0, x1, y1]


def _xml(text: str) -> str:
    return escape(_NO_XML.sub("\ufffd", text))


def _lines(header: Header, record: ItemRecord, names: Mapping[str, str], image: str, *,
           one_based: bool) -> Iterator[str]:
    """The lines of a file."""
    assert record.size is not None
    about = record_to_dict(header, replace(record, answers=(), predictions=(), size=None)) | {
        "annotator": record.answers[0].annotator, "one_based": one_based}
    # Only ASCII: an id may have characters that XML can't represent.
    told = json.dumps(about, sort_keys=True, allow_nan=False)
    yield "<annotation>\n\t<folder>JPEGImages</folder>\n"
    yield f"\t<filename>{_xml(PurePosixPath(image).name)}</filename>\n"
    yield "\t<source><database>hitl_widgets</database></source>\n"
    yield f"\t<size><width>{record.size[0]}</width><height>{record.size[1]}</height><depth>3</depth></size>\n"
    yield "\t<segmented>0</segmented>\n"
    for one in record.answers[0].objects or ():
        box = "".join(f"<{name}>{_number(value)}</{name}>" for name, value in zip(
            ("xmin", "ymin", "xmax", "ymax"), _corners(one, one_based=one_based), strict=True))
        yield f"\t<object><name>{names[one.label_id]}</name><pose>Unspecified</pose><truncated>0</truncated>" \
              f"<difficult>0</difficult><bndbox>{box}</bndbox></object>\n"
    yield f"\t<hitl>{escape(told)}</hitl>\n</annotation>\n"


def _number(whole: int) -> str:
    """A number of thousandths as a decimal number, without trailing zeros."""
    return str(whole // PARTS) if whole % PARTS == 0 else f"{whole / PARTS:.3f}".rstrip("0")


def _one_based(options: Options) -> bool | None:
    if not isinstance(given := options.get("one_based"), (bool, type(None))):
        raise BadInput(f"one_based is {given!r:.60}; True, False or None is expected.")
    return given


# -- reading -------------------------------------------------------------------------------------------------


@dataclass
class _File:
    """The contents of one file."""

    name: str | None
    where: str
    filename: str
    size: tuple[int, int] | None
    # Name of a label, and xmin, ymin, xmax, ymax as they are written.
    objects: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)


def read(source: Source, options: Options) -> Contents:
    """Read a folder or one file; all files are parsed before the first record, since each may have new labels.

    Raises
    ------
    BadInput
        With the name of a file that isn't XML, has a DTD, or has a box without its four numbers.
    """
    one_based = _one_based(options)
    lost = Losses()
    names: list[str | None] = [*source.names(".xml")] if source.is_folder else [None]
    if not names and not _own_labels(source):
        raise BadInput(f"{source.path} has no .xml files; a folder with Annotations/*.xml is expected.")
    files = [_parsed(source, name, lost) for name in names]
    wanted = _own_labels(source)
    spelt = {_NO_XML.sub("\ufffd", name): name for name in wanted}
    found = [*wanted, *(name for file in files for name, _ in file.objects if name not in spelt)]
    if not found:
        raise BadInput(f"{source.path} has no objects, so that no labels are known; at least one is expected.")
    labels = labels_of_file(found, wanted)
    lost.add("name of a label", "It has characters, or a length, that names of labels can't have.", labels.n_changed)
    header = Header("boxes", "image", labels.taxonomy, called=labels.names)
    reader = _Reader(source, header, {name: labels.ids[spelt.get(name, name)] for name in [*spelt, *found]}, lost,
                     one_based=one_based)
    return Contents(header, reader.records(files), lost, reader.images)


def _own_labels(source: Source) -> dict[str, str]:
    """Name -> label_id, as we wrote them beside the files."""
    if not source.has(ABOUT):
        return {}
    body, where = source.json(ABOUT), source.file(ABOUT)
    labels = body.get("labels") if isinstance(body, dict) else None
    if not isinstance(labels, list) or not all(
            isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("label_id"), str)
            for one in labels):
        raise BadInput(f"{where} has labels {str(labels)[:60]!r}; a list of objects with label_id and name is "
                       "expected.")
    found = {one["name"]: one["label_id"] for one in labels}
    if len(found) < len(labels) or len(set(found.values())) < len(labels):
        raise BadInput(f"{where} has a label twice; leave one out.")
    return found


def _parsed(source: Source, name: str | None, lost: Losses) -> _File:
    root, where = source.xml(name), str(source.file(name))
    if root.tag != "annotation":
        raise BadInput(f"{where} is <{root.tag[:60]}>; <annotation> is expected, as in Pascal VOC.")
    sides = [_whole(root.findtext(f"size/{side}")) for side in ("width", "height")]
    file = _File(name, where, (root.findtext("filename") or "").strip(),
                 (sides[0], sides[1]) if all(sides) else None)
    if (own := root.findtext("hitl")) is not None:
        body = parsed(own, f"{where}: <hitl>")
        if not isinstance(body, dict):
            raise BadInput(f"{where}: <hitl> is {own[:60]!r}; an object in braces is expected.")
        file.own = body
    else:
        file.metadata = {f"source {one.tag}": text for one in root.iterfind("source/*")
                         if (text := (one.text or "").strip()) not in ("", "Unknown")}
    for one in root:
        if one.tag not in _OF_ANNOTATION:
            lost.add(f"{one.tag[:60]} of an image", "Items have no such field here.")
    for number, one in enumerate(root.iterfind("object"), 1):
        _add_object(file, one, f"{where}, object {number}", lost)
    return file


# 13 branches: a case for each part of an object that is lost, and for what is wrong with it.
def _add_object(file: _File, one: Element, where: str, lost: Losses) -> None:
    name = (one.findtext("name") or "").strip()
    if not name:
        raise BadInput(f"{where} has no name; <name> with its label is expected.")
    for tag in ("truncated", "difficult", "occluded"):
        if (one.findtext(tag) or "").strip().lower() in ("1", "true"):
            lost.add(f"{tag} object", "Objects have no such field here.")
    if (one.findtext("pose") or "").strip().lower() not in ("", "unspecified", "unknown"):
        lost.add("pose of an object", "Objects have no such field here.")
    for more in one:
        if more.tag not in _OF_OBJECT:
            lost.add(f"{more.tag[:60]} of an object", "Objects have no such field here.")
    if (box := one.find("bndbox")) is None:
        lost.add("object", "It has no bndbox, and VOC is about boxes.")
        return
    try:
        x0, y0, x1, y1 = (float(box.findtext(side) or "") for side in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise BadInput(f"{where} has the bndbox {' '.join(''.join(box.itertext()).split())[:60]!r}; numbers xmin, "
                       "ymin, xmax and ymax are expected.") from None
    file.objects.append((name, (x0, y0, x1, y1)))


def _whole(text: str | None) -> int:
    """A side of an image; 0 where it isn't one."""
    try:
        value = float(text or "")
    except ValueError:
        return 0
    return int(value) if 1 <= value < 2**31 and value.is_integer() else 0


class _Reader:
    """Makes a record of each file."""

    def __init__(self, source: Source, header: Header, label_ids: Mapping[str, str], lost: Losses, *,
                 one_based: bool | None) -> None:
        self._source, self._header, self._label_ids, self._lost = source, header, label_ids, lost
        self._one_based = one_based
        self._files = ImageFiles(source) if source.is_folder else None
        self._splits = self._sets()
        self._results = self._predicted()
        self.images: dict[str, str] = {}

    def records(self, files: Iterable[_File]) -> Iterator[ItemRecord]:
        item_ids = set[str]()
        for file in files:
            record = self._record(file)
            if record.item_id in item_ids:
                raise BadInput(f"{file.where} is about item {record.item_id!r:.80}, as another file is; each image "
                               "needs a name of its own.")
            item_ids.add(record.item_id)
            yield record

    # 17 branches: each part of a record comes from <hitl>, from the file's own elements or from the folder.
    def _record(self, file: _File) -> ItemRecord:
        image = self._image(file)
        about = dict(file.own)
        annotator, one_based = about.pop("annotator", CONSENSUS), about.pop("one_based", True)
        if not isinstance(annotator, str) or not isinstance(one_based, bool):
            raise BadInput(f"{file.where}: <hitl> has annotator {annotator!r:.60} and one_based {one_based!r:.60}; a "
                           "name, and true or false, are expected.")
        name = image or (PurePosixPath(file.filename.replace("\\", "/")).name or None)
        stem = PurePosixPath(file.name or self._source.path.name).stem
        if file.own:
            record = record_from_dict(self._header, about, f"{file.where}: <hitl>", self._lost)
        else:
            record = ItemRecord(name or stem, name, split=self._split(file, stem), metadata=file.metadata)
        if image is not None and image != record.name:
            self.images[record.item_id] = image
        size = file.size or (self._files.size(image, record.item_id, name) if self._files is not None
                             else self._source.size_of(record.item_id, name))
        objects = self._objects(file, from_one=one_based if self._one_based is None or file.own else self._one_based)
        if file.objects and not objects:
            self._lost.add("answer", NOTHING_READ)
            return replace(record, size=size)
        if told := self._results.get(stem):
            record = replace(record, predictions=tuple(Prediction(model, objects=tuple(some))
                                                       for model, some in told.items()))
        return replace(record, size=size, answers=(Answer(annotator, objects=objects),))

    def _objects(self, file: _File, *, from_one: bool) -> tuple[ObjectAnswer, ...]:
        """The boxes of a file in pixels from 0 on; those that can't be one are counted."""
        objects: list[ObjectAnswer] = []
        for number, (label, (x0, y0, x1, y1)) in enumerate(file.objects, 1):
            if from_one:
                if x0 < 1 or y0 < 1:
                    self._lost.add("part of an object", "It begins before pixel 1, the first that VOC counts; pass "
                                   "one_based=False where the tool counts from 0.")
                x0, y0 = max(x0 - 1, 0.0), max(y0 - 1, 0.0)
            at = sound("box", (x0, y0, x1, y1), self._lost, f"{file.where}, object {number}")
            if at is not None:
                label_id = self._label_ids[label]
                objects.append(ObjectAnswer(str(number), "box", at, label_id, self._header.names[label_id]))
        return tuple(objects)

    def _image(self, file: _File) -> str | None:
        """The path of the image in the folder; None if it isn't there."""
        if self._files is None or file.name is None:
            return None
        inner = inner_path(file.filename) if file.filename else None
        if inner is not None:
            folder = PurePosixPath(file.name).parent
            for place in (folder, folder.parent / "JPEGImages", folder.parent / "images"):
                if self._source.has(name := (place / inner).as_posix()):
                    return name
        return self._files.beside(file.name, ("annotations", "JPEGImages"), ("annotations", "images"))

    def _split(self, file: _File, stem: str) -> str | None:
        return self._splits.get(stem) or split_of(file.name or "")

    # 14 branches: the list of results, each file in it and each line are checked, with a message of their own.
    def _predicted(self) -> dict[str, dict[str, list[ObjectAnswer]]]:
        """Stem of a file -> model -> predicted objects, as we wrote them beside the files."""
        found: dict[str, dict[str, list[ObjectAnswer]]] = {}
        if not self._source.is_folder or not self._source.has(RESULTS):
            return found
        about, where = self._source.json(RESULTS), self._source.file(RESULTS)
        if not isinstance(about, list) or not all(isinstance(one, dict) and all(
                isinstance(one.get(name), str) for name in ("file", "model", "label")) for one in about):
            raise BadInput(f"{where} is {str(about)[:60]!r}; a list of objects with file, model and label is expected.")
        one_based = as_mapping(self._source.json(ABOUT)).get("one_based") if self._source.has(ABOUT) else None
        for one in about:
            if one["label"] not in self._label_ids:
                raise BadInput(f"{where} has the label {one['label']!r:.60}, which isn't in {ABOUT}; add it there.")
            if not one["file"].startswith("results/") or not self._source.has(one["file"]):
                self._lost.add("prediction", "Its file isn't there.")
                continue
            for number, line in self._source.lines(one["file"]):
                at = f"{self._source.file(one['file'])}, line {number:,}"
                stem, made = self._result(line, at, one["label"], f"{number}", from_one=one_based is not False)
                if made is not None:
                    found.setdefault(stem, {}).setdefault(one["model"], []).append(made)
        return found

    def _result(self, line: str, where: str, label: str, number: str, *, from_one: bool
                ) -> tuple[str, ObjectAnswer | None]:
        """The stem and the box of a line of results."""
        stem, *rest = line.rstrip("\n").rsplit(" ", 5)
        try:
            score, x0, y0, x1, y1 = map(float, rest)
        except ValueError:
            score = math.nan
        if not 0 <= score <= 1:
            raise BadInput(f"{where} is {line[:60]!r}; a name, a score from 0 to 1, xmin, ymin, xmax and ymax are "
                           "expected.")
        at = sound("box", (x0 - from_one, y0 - from_one, x1, y1), self._lost, where)
        label_id = self._label_ids[label]
        return stem, None if at is None else ObjectAnswer(
            f"{number}-{label_id}"[:80], "box", at, label_id, self._header.names[label_id], score=score,
            origin="model", act="accepted")

    def _sets(self) -> dict[str, str]:
        """Stem -> split, of the lists in ImageSets/Main."""
        found: dict[str, str] = {}
        for name, split in SPLITS.items():
            if self._source.has(at := f"ImageSets/Main/{name}.txt"):
                found |= {line.split()[0]: split for _, line in self._source.lines(at)}
        return found


_PLAIN = "Labels of VOC are plain names."

FORMAT = Format(
    name="voc", title="Pascal VOC", tasks=("boxes",), kinds=("image",), folder=True, suffixes=(),
    cannot_hold="Everything but the places and labels of one answer for each image, and objects that models predict: "
                "no certainty, no votes, no hierarchy of labels, no attributes.",
    reduce=with_predictions, reduce_header=bare_header, write=write, read=read,
    why={**bare_reasons(
            answer="A file has one answer for an image: the consensus, or else the first; jsonl and coco keep all.",
            of_object="An object of VOC has a name and a box; its other fields mean something else."),
         "item": "Nobody looked for objects in it with certainty, or its size isn't known; in VOC a file without "
                 "objects says that there are none.",
         "object": "It belongs to an answer that isn't written (a file has one for an image), or has no area.",
         "deleted proposal": "A file has what is there, not what was proposed.",
         "metadata": "VOC has no place for metadata.",
         "prediction": "A line of VOC's results is a box with a score and an area, of an image that is written; "
                       "formats coco and jsonl keep the others.",
         "label above others": _PLAIN, "labels above others as answers": _PLAIN,
         "place of a label in the hierarchy": _PLAIN, "description of a label": _PLAIN,
         "attribute": "VOC has no attributes.", "description of an attribute": "VOC has no attributes.",
         "edit of the taxonomy": "VOC has today's labels alone.", "about the project": "VOC has no place for it."},
    otherwise="A file has a name and a box for each object, nothing else.",
    options={"one_based": None})
