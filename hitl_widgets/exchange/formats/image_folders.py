"""Image folders: an image lies in a folder that is named after its label, as torchvision's ImageFolder reads it.

Writing makes ``train/<label>/<stem>.png`` and ``val/<label>/...`` (the hold-out), always with the images themselves. A
folder has the name of its label, in which "~" and two hexadecimal digits replace what a file name can't contain. Every
label that an image has gets a folder in both, even if it is empty there, so that classes have the same numbers in both;
torchvision needs ``allow_empty=True`` for empty folders. ``hitl.json`` has the labels with their folders,
``items.jsonl`` has the item's id, its own name and who answered, for each image.

Reading takes, from other tools too: folders of labels, inside folders called train, val, valid, validation or test, or
without these. A label's folder may have subfolders. An image in no label's folder is an item without an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from ...errors import BadInput
from ..files import IMAGE_SUFFIXES, Source, Target, json_text, readable_name
from ..format import Contents, Format, Options
from ..image_files import FOLDERS, SPLITS
from ..label_names import labels_of_file
from ..losses import Losses
from ..places import bare_header
from ..plain_records import record_from_dict, record_to_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord

ABOUT, SIDECAR = "hitl.json", "items.jsonl"
_LONGEST = 100


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord | None:
    """Take away everything but the label of one sure answer; None for an item without one."""
    for answer in record.answers:
        if answer.verdict not in ("unsure", "skip") and answer.label_ids is not None and len(answer.label_ids) == 1 \
                and answer.label_ids[0] in header.taxonomy.answerable:
            return ItemRecord(record.item_id, record.name, split=record.split,
                              answers=(Answer(answer.annotator, "answer", answer.label_ids),))
    return None


# -- writing -------------------------------------------------------------------------------------------------


def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write the folders, an image after the other."""
    if not target.copies:
        raise BadInput("image folders hold the images themselves; images='copy' is expected.")
    folders = _folders(header)
    with target.text(ABOUT) as file:
        labels = [{"label_id": label_id, "name": header.names[label_id], "folder": folder}
                  for label_id, folder in folders.items()]
        file.write(json_text({"labels": labels, "task": header.task}, indent=1) + "\n")
    used: dict[str, set[str]] = {}
    with target.text(SIDECAR) as sidecar:
        for record in records:
            (answer,) = record.answers
            label_id = (answer.label_ids or ("",))[0]
            split = FOLDERS[record.split]
            used.setdefault(split, set()).add(label_id)
            about = record_to_dict(header, replace(record, answers=())) | {
                "image": target.image(record, f"{split}/{folders[label_id]}"), "label_id": label_id,
                "annotator": answer.annotator}
            sidecar.write(json_text(about) + "\n")
    for split in used:
        for label_id in set().union(*used.values()):
            (target.path / split / folders[label_id]).mkdir(parents=True, exist_ok=True)


def _folders(header: Header) -> dict[str, str]:
    """label_id -> the name of its folder, unique also on a case-insensitive file system."""
    found: dict[str, str] = {}
    taken = set[str]()
    for label_id in header.taxonomy.label_ids:
        wanted = readable_name(header.names[label_id])
        if len(wanted) > _LONGEST:
            wanted = wanted[:_LONGEST].rpartition("~")[0] if "~" in wanted[_LONGEST - 2:_LONGEST] \
                else wanted[:_LONGEST]
        name, n = wanted, 1
        while name.lower() in taken:
            n += 1
            name = f"{wanted}-{n}"
        taken.add(name.lower())
        found[label_id] = name
    return found


# -- reading -------------------------------------------------------------------------------------------------


def read(source: Source, options: Options) -> Contents:
    """Read a folder of folders.

    Raises
    ------
    BadInput
        When no image lies in a folder of a label, or what we wrote beside them is malformed.
    """
    if not source.is_folder:
        raise BadInput(f"{source.path} is a file; a folder with a folder for each label is expected.")
    images = source.names(*IMAGE_SUFFIXES)
    places = dict(zip(images, _places(images), strict=True))
    own = _own_labels(source)
    names = {folder: name for folder, (name, _) in own.items()}
    found = [*names.values(), *(names.get(folder, folder) for _, folder in places.values() if folder is not None)]
    if not found:
        raise BadInput(f"{source.path} has no image in a folder of a label; <label>/<image>.png or "
                       "train/<label>/<image>.png is expected.")
    labels = labels_of_file(found, dict(own.values()))
    lost = Losses()
    lost.add("name of a label", "It has characters, or a length, that names of labels can't have.", labels.n_changed)
    lost.add("file", "It is no image that can be read here.",
             len(source.names()) - len(images) - sum(map(source.has, (ABOUT, SIDECAR))))
    header = Header("classify", "image", labels.taxonomy, called=labels.names)
    known = _sidecar(source, header, lost)
    paths = {about.item_id: image for image, (about, _) in known.items() if image != about.name}

    def records() -> Iterator[ItemRecord]:
        item_ids = set[str]()
        for image, (split, folder) in places.items():
            record, annotator = known.pop(image, (ItemRecord(image, image, split=split), CONSENSUS))
            if record.item_id in item_ids:
                raise BadInput(f"{source.file(image)} is item {record.item_id!r:.80}, as another image is.")
            item_ids.add(record.item_id)
            answers = () if folder is None else (
                Answer(annotator, "answer", (labels.ids[names.get(folder, folder)],)),)
            yield replace(record, answers=answers)
        lost.add("item", "Its image isn't there.", len(known))
    return Contents(header, records(), lost, paths)


def _places(images: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """The split and the folder of the label of each image, by its path."""
    folders = [PurePosixPath(image).parts[:-1] for image in images]
    inside = [parts for parts in folders if parts]
    above = _above(inside)
    n_above = len(above)
    whole = next((SPLITS[part.lower()] for part in above if part.lower() in SPLITS), None)
    are_splits = whole is None and all(parts[n_above].lower() in SPLITS for parts in inside) and any(
        len(parts) > n_above + 1 for parts in inside)
    for parts in folders:
        rest = parts[n_above:]
        if are_splits and rest:
            yield SPLITS[rest[0].lower()], rest[1] if len(rest) > 1 else None
        else:
            yield whole, rest[0] if rest else None


def _above(folders: Sequence[Sequence[str]]) -> Sequence[str]:
    """Folders at the top that all images share, leaving each at least one folder: they say nothing about an image."""
    n_above = 0
    while folders and all(len(parts) > n_above + 1 and parts[n_above] == folders[0][n_above] for parts in folders):
        n_above += 1
    return folders[0][:n_above] if folders else ()


def _own_labels(source: Source) -> dict[str, tuple[str, str]]:
    """Folder -> name and label_id, as we wrote them."""
    if not source.has(ABOUT):
        return {}
    body, where = source.json(ABOUT), source.file(ABOUT)
    labels = body.get("labels") if isinstance(body, dict) else None
    if not isinstance(labels, list) or not all(isinstance(one, dict) and all(
            isinstance(one.get(field), str) for field in ("folder", "name", "label_id")) for one in labels):
        raise BadInput(f"{where} has labels {str(labels)[:60]!r}; a list of objects with folder, label_id and name is "
                       "expected.")
    found = {one["folder"]: (one["name"], one["label_id"]) for one in labels}
    if min(len(found), len(dict(found.values())), len({label_id for _, label_id in found.values()})) < len(labels):
        raise BadInput(f"{where} has a label twice; leave one out.")
    return found


def _sidecar(source: Source, header: Header, lost: Losses) -> dict[str, tuple[ItemRecord, str]]:
    """Path of an image -> its item, and who answered, as we wrote it."""
    known: dict[str, tuple[ItemRecord, str]] = {}
    if not source.has(SIDECAR):
        return known
    for number, body in source.json_lines(SIDECAR):
        where = f"{source.file(SIDECAR)}, line {number:,}"
        about: Mapping[str, Any] = {name: value for name, value in body.items()
                                    if name not in ("image", "annotator", "label_id")}
        image, annotator = body.get("image"), body.get("annotator", CONSENSUS)
        if not isinstance(image, str) or not isinstance(annotator, str) or image in known:
            raise BadInput(f"{where} has image {image!r:.60} and annotator {annotator!r:.60}; a path that no other "
                           "line has, and a name, are expected.")
        known[image] = record_from_dict(header, about, where, lost), annotator
    return known


_ONE_ANSWER = "An image lies in one folder: that of the consensus, or else of the first answer; jsonl keeps all."
_PLAIN = "A folder has a name, nothing else."

FORMAT = Format(
    name="image_folders", title="Image folders", tasks=("classify",), kinds=("image",), folder=True, suffixes=(),
    images=("copy",),
    cannot_hold="Everything but one label for each image: no certainty, no votes, no notes, no hierarchy of labels.",
    reduce=reduce, reduce_header=bare_header, write=write, read=read,
    why={"item": "Nobody gave it a label and was sure of it, so that there is no folder for it.",
         "answer": _ONE_ANSWER, "verdict": _ONE_ANSWER, "label": _ONE_ANSWER,
         "file name": "Its item isn't written.", "split": "Its item isn't written.",
         "size of an item": "The images say themselves how large they are.",
         "gold": "A folder can't say how a label is known.", "metadata": "Folders have no place for metadata.",
         "prediction": "A folder has what an image is, not what a model says of it.",
         "label above others": _PLAIN, "labels above others as answers": _PLAIN,
         "place of a label in the hierarchy": _PLAIN, "description of a label": _PLAIN,
         "attribute": _PLAIN, "description of an attribute": _PLAIN,
         "edit of the taxonomy": _PLAIN, "about the project": _PLAIN},
    otherwise="An image in a folder says which label it has, nothing else.")
