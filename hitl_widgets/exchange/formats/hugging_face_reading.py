"""Reading of Hugging Face datasets, our own and those of others. Read `read`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import BadInput
from ...records import ObjectAnswer
from ..files import Source, parsed
from ..format import Contents, Options
from ..label_names import NamedLabels, named_labels
from ..losses import Losses
from ..plain_records import header_from_dict, record_from_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord

# The key in the schema under which our own files have the taxonomy.
OURS = "hitl_widgets"
READ_AT_ONCE = 64
_TEXT = ("text", "sentence", "content", "document", "review", "question", "premise")
_LABEL = ("label", "labels", "fine_label", "class", "category", "target")
_ITEM = ("item_id", "id", "idx", "image_id", "file_name", "filename", "uid")
_IMAGE = "Images aren't taken out of a Parquet file; save them to a folder, with dataset[i]['image'].save(path)."
_COLUMN = "A record has no place for a column of this type."


@dataclass(frozen=True)
class _File:
    """A Parquet file of a dataset, with its features and the split that its name says."""

    path: Path
    split: str
    names: tuple[str, ...]
    features: Mapping[str, Any]
    ours: bytes | None
    types: Mapping[str, Any]

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows with their places, for messages."""
        import pyarrow as pa
        import pyarrow.parquet as pq
        number = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(READ_AT_ONCE, columns=list(columns)):
                    for row in batch.to_pylist():
                        yield f"{self.path}, row {number:,}", row
                        number += 1
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{self.path} can't be read as Parquet, from row {number:,} on: {error}") from error


def read(source: Source, options: Options) -> Contents:
    """Read what `write` wrote, or a dataset of others."""
    names = source.names(".parquet") if source.is_folder else [None]
    files = [_opened(source.file(name), name or source.path.name) for name in names]
    if not files:
        raise BadInput(f"{source.path} has no Parquet files. A dataset in memory is written with "
                       "dataset.to_parquet(path).")
    lost = Losses()
    if all(file.ours is not None and "hitl" in file.names for file in files):
        header = _own_header(files)
        return Contents(header, _own_records(files, header, lost), lost)
    plan = _Plan(files, options, lost)
    return Contents(plan.header, plan.records(), lost)


def _opened(path: Path, name: str) -> _File:
    import pyarrow as pa
    import pyarrow.parquet as pq
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path} can't be read as Parquet: {error}") from error
    metadata = {key.decode("utf-8", "replace"): value for key, value in (schema.metadata or {}).items()}
    features: Any = {}
    if "huggingface" in metadata:
        body = parsed(metadata["huggingface"].decode("utf-8", "replace"), f"{path}, its features,")
        info = body.get("info") if isinstance(body, dict) else None
        features = info.get("features") if isinstance(info, dict) else None
        if not isinstance(features, dict):
            features = {}
    parts = {part.lower() for part in PurePosixPath(name).parts[:-1]}
    stem = PurePosixPath(name).stem.lower()
    is_test = any(part in parts or stem.startswith(part) for part in ("test", "validation", "valid", "dev", "val"))
    return _File(path, "holdout" if is_test else "train", tuple(schema.names), features, metadata.get(OURS),
                 {field.name: field.type for field in schema})


# -- our own -------------------------------------------------------------------------------------------------

def _own_header(files: Sequence[_File]) -> Header:
    if len({file.ours for file in files}) > 1:
        raise BadInput(f"{files[0].path.parent} has files of several exports; a folder of one is expected.")
    where = f"{files[0].path}, {OURS} in its schema,"
    assert files[0].ours is not None
    return header_from_dict(parsed(files[0].ours.decode("utf-8", "replace"), where), where)


def _own_records(files: Sequence[_File], header: Header, lost: Losses) -> Iterator[ItemRecord]:
    before = set[str]()
    for file in files:
        for where, row in file.rows([name for name in ("hitl", "text") if name in file.names]):
            if not isinstance(row["hitl"], str):
                raise BadInput(f"{where} has no text in hitl; the record as JSON is expected.")
            body = parsed(row["hitl"], f"{where}, hitl,")
            if not isinstance(body, dict):
                raise BadInput(f"{where} has hitl {row['hitl']!r:.80}; an object is expected.")
            if row.get("text") is not None:
                body = {"text": row["text"], **body}
            record = record_from_dict(header, body, where, lost)
            if record.item_id in before:
                raise BadInput(f"{where} is about item {record.item_id!r:.80}, as a row above it is.")
            before.add(record.item_id)
            yield record


# -- those of others -----------------------------------------------------------------------------------------

def _class_names(feature: Any) -> list[str] | None:
    """The names of a ClassLabel; None for another feature."""
    if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        if isinstance(names, dict):  # as in the YAML of a dataset card
            names = [names[key] for key in sorted(names, key=str)]
        if isinstance(names, list) and names and all(isinstance(one, str) for one in names):
            return list(names)
    return None


def _inner(feature: Any) -> Any:
    """The feature of a list's elements, in any of the forms in which a list is written; else None."""
    if isinstance(feature, dict) and feature.get("_type") in ("Sequence", "List", "LargeList"):
        return feature.get("feature")
    return feature[0] if isinstance(feature, list) and len(feature) == 1 else None


class _Plan:
    """Which columns of a foreign dataset hold the item, its label and its text, and how they are read."""

    def __init__(self, files: Sequence[_File], options: Options, lost: Losses) -> None:
        self._files, self._lost, self._first = files, lost, files[0]
        names = self._first.names
        self._text = self._named(options, "text") or next((one for one in _TEXT if one in names
                                                           and self._is_text(one)), None)
        self._image = next((one for one in names if self._first.features.get(one, {}) == {"_type": "Image"}
                            or (isinstance(self._first.features.get(one), dict)
                                and self._first.features[one].get("_type") == "Image")), None)
        self._item = next((one for one in _ITEM if one in names), None)
        self._task, self._label, given = self._find_label(options)
        self._labels: NamedLabels = named_labels(given)
        self._given = given
        lost.add("name of a label", "A label has 1 to 200 characters without line breaks.", self._labels.n_changed)
        self.header = Header(self._task, "text" if self._text is not None and self._image is None else "image",
                             self._labels.taxonomy, called=self._labels.names)

    def _named(self, options: Options, what: str) -> str | None:
        name = options.get(what)
        if name is not None and name not in self._first.names:
            raise BadInput(f"{what} is {name!r:.80}; one of {', '.join(self._first.names)[:300]} is expected.")
        return name

    def _is_text(self, name: str) -> bool:
        import pyarrow as pa
        return bool(pa.types.is_string(self._first.types[name]) or pa.types.is_large_string(self._first.types[name]))

    def _find_label(self, options: Options) -> tuple[str, str, list[str]]:
        """The task, the column of labels, and their names."""
        wanted = self._named(options, "label")
        if wanted is None and (objects := self._column_of_objects()) is not None:
            return objects
        names = self._first.names if wanted is None else [wanted]
        order = sorted(names, key=lambda name: _LABEL.index(name) if name in _LABEL else len(_LABEL))
        # Beside tokens, a list of classes has one per token, unless label= or its own name says that it is the item's.
        lists = [name for name in order if wanted is not None or name in ("labels", "tags")
                 or "tokens" not in self._first.names]
        texts = [name for name in order if wanted is not None or name in _LABEL]
        features = self._first.features
        ways: tuple[tuple[str, list[str], Callable[[str], list[str] | None]], ...] = (
            ("classify", order, lambda name: _class_names(features.get(name))),
            ("multilabel", lists, lambda name: _class_names(_inner(features.get(name)))),
            ("classify", texts, self._texts_in))
        for task, columns, names_in in ways:
            for column in columns:
                if given := names_in(column):
                    return task, column, given
        raise BadInput(f"{self._first.path} has the columns {', '.join(self._first.names)[:300]!r}, and none is a "
                       "ClassLabel, a list of them, a text column label, or objects with bbox and category. Pass "
                       "label=, the column with the labels.")

    def _column_of_objects(self) -> tuple[str, str, list[str]] | None:
        """The column of boxes with a class each, as `_find_label` returns it; None if there is none."""
        name = next((name for name in ("objects", "annotations") if name in self._first.names), None)
        feature = self._first.features.get(name or "")
        of = _inner(feature) or feature
        if name is None or not isinstance(of, dict) or "bbox" not in of:
            return None
        category = of.get("category") or of.get("label")
        given = _class_names(category) or _class_names(_inner(category))
        return ("boxes", name, given) if given else None

    def _texts_in(self, name: str) -> list[str]:
        """The distinct texts of a column, in their order; empty if it isn't a column of texts."""
        if not self._is_text(name):
            return []
        return list({str(row[name]): None for file in self._files for _, row in file.rows([name])
                     if row.get(name) is not None})

    def records(self) -> Iterator[ItemRecord]:
        """The records, one after the other."""
        before = set[str]()
        for file in self._files:
            if missing := [name for name in (self._label, self._text, self._image, self._item)
                           if name is not None and name not in file.names]:
                raise BadInput(f"{file.path} has no column {missing[0]!r}, as {self._first.path.name} has.")
            more = [name for name in file.names if name not in (self._label, self._text, self._image, self._item)]
            columns = [name for name in file.names if name != self._image]
            if self._image is not None:
                columns.append(f"{self._image}.path")
            for number, (where, row) in enumerate(file.rows(columns)):
                item_id = self._item_id_of(row)
                if item_id is None or item_id in before:
                    item_id = f"{file.path.stem}/{number}"
                before.add(item_id)
                yield self._record(item_id, row, file, more, where)

    def _item_id_of(self, row: Mapping[str, Any]) -> str | None:
        """The id in a row's own column, else the path of its image."""
        item_id = row.get(self._item or "")
        if isinstance(item_id, bool) or not isinstance(item_id, (str, int)) or item_id == "":
            return self._path_of(row)
        return str(item_id)

    def _path_of(self, row: Mapping[str, Any]) -> str | None:
        image = row.get(self._image or "")
        path = image.get("path") if isinstance(image, dict) else None
        return path.replace("\\", "/").rpartition("/")[2] or None if isinstance(path, str) else None

    def _record(self, item_id: str, row: Mapping[str, Any], file: _File, more: Sequence[str], where: str) -> ItemRecord:
        metadata: dict[str, Any] = {}
        for name in more:
            value = row[name]
            if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and value == value):
                metadata[name] = value
            else:
                self._lost.add(f"column {name[:80]}", _COLUMN)
        if self._image is not None:
            self._lost.add("image", _IMAGE)
        text = row.get(self._text) if self._text is not None and self.header.kind == "text" else None
        return ItemRecord(item_id, self._path_of(row), None, text, file.split,
                          {name: value for name, value in metadata.items() if value is not None},
                          answers=self._answers(row.get(self._label), where))

    def _answers(self, value: Any, where: str) -> tuple[Answer, ...]:
        if value is None or value == -1:
            return ()
        if self._task == "boxes":
            return (Answer(CONSENSUS, objects=tuple(self._objects(value, where))),)
        places = value if isinstance(value, list) else [value]
        return (Answer(CONSENSUS, label_ids=tuple(dict.fromkeys(self._label_id(one, where) for one in places))),)

    def _label_id(self, value: Any, where: str) -> str:
        if isinstance(value, str) and value in self._labels.ids:
            return self._labels.ids[value]
        if type(value) is not int or not 0 <= value < len(self._given):
            raise BadInput(f"{where} has the label {value!r:.80}; a number from 0 to {len(self._given) - 1} is "
                           "expected.")
        return self._labels.ids[self._given[value]]

    def _objects(self, value: Any, where: str) -> Iterator[ObjectAnswer]:
        """Boxes, from lists of equal length or from a list of mappings."""
        for number, (box, category) in enumerate(_boxes_and_categories(value, where), 1):
            if not isinstance(box, (list, tuple)) or len(box) != 4 or not all(
                    isinstance(one, (int, float)) and not isinstance(one, bool) and abs(one) < 1e9 for one in box):
                raise BadInput(f"{where} has the bbox {box!r:.80}; [x, y, width, height] is expected.")
            label_id = self._label_id(category, where)
            x, y, width, height = box
            yield ObjectAnswer(str(number), "box", (x, y, x + width, y + height), label_id,
                               self.header.name_of(label_id))


def _boxes_and_categories(value: Any, where: str) -> Iterator[tuple[Any, Any]]:
    """Box and category of each object, from lists of equal length or from a list of mappings."""
    if isinstance(value, dict):
        boxes, categories = value.get("bbox"), value.get("category", value.get("label"))
    elif isinstance(value, list) and all(isinstance(one, dict) for one in value):
        boxes = [one.get("bbox") for one in value]
        categories = [one.get("category", one.get("label")) for one in value]
    else:
        boxes = categories = None
    if not isinstance(boxes, list) or not isinstance(categories, list) or len(boxes) != len(categories):
        raise BadInput(f"{where} has objects {value!r:.80}; bbox and category of each are expected.")
    return zip(boxes, categories, strict=True)
