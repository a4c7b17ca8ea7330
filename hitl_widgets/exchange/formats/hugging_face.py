"""Hugging Face datasets: a folder that ``datasets.load_dataset(folder)`` loads with its features. Read `FORMAT`.

It has ``data/train-00000-of-00001.parquet``, and ``data/test-00000-of-00001.parquet`` with the hold-out. A row is an
item: item_id; file_name; width and height, if known; text, or image (an `Image`, with its bytes) if images are copied;
and n_answers.

Columns of labels:

- label: a `ClassLabel` with the taxonomy's names; where an item may have several labels it is called labels, a list of
  them. The consensus, else the most common answer; missing on a tie.
- soft_label: for each name the share of the answers that have it.
- annotators and votes: who answered, and what.
- gold: the known answer.

Each attribute has a column of its own name: the consensus, else the mean, or the most common of choices. Unsure answers
are left out.

For objects there is a column objects with the lists annotator, category (a `ClassLabel`), certainty, and bbox ([x, y,
width, height]), segmentation ([x, y, x, y ...]), point ([x, y]) or, for spans, start, end and text. Deleted ones are
left out.

The column hitl has the whole record as JSON, like a line of `formats.jsonl`, and the Parquet schema has the taxonomy
under "hitl_widgets": our reader uses these, so nothing is lost. ``dataset.remove_columns("hitl")`` leaves the rest.

The reader takes folders of others, too, with Parquet files: a ClassLabel, a list of them, or a text column label; or
objects with bbox (in COCO's form) and category; the text, or the name of the image. It doesn't extract images from a
file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from ...errors import BadInput
from ...records import LABELLING, TASKS, ObjectAnswer
from ...taxonomy.attributes import Attribute
from ..files import Target, json_text
from ..format import Format, Options
from ..plain_records import header_to_dict, record_to_dict
from ..records import CONSENSUS, Answer, Header, ItemRecord
from .hugging_face_reading import OURS, read

if TYPE_CHECKING:
    import pyarrow as pa

# Rows, and bytes of images and texts, that are held in memory and then written together.
AT_ONCE, MOST_BYTES = 10_000, 2**25
_OWN = frozenset(("item_id", "file_name", "image", "text", "width", "height", "n_answers", "label", "labels",
                  "soft_label", "annotators", "votes", "gold", "objects", "hitl"))
_PLACES = {"box": "bbox", "polygon": "segmentation", "point": "point"}


def reduce(header: Header, record: ItemRecord, options: Options) -> ItemRecord:
    """The record as it is: nothing is lost."""
    return record


# -- features ------------------------------------------------------------------------------------------------

def _value(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "_type": "Value"}


def _list(feature: Any) -> dict[str, Any]:
    return {"feature": feature, "_type": "Sequence"}


def _features(header: Header, *, images: bool) -> dict[str, Any]:
    """The features of a row, as the library writes them into the schema."""
    text, whole, number = _value("string"), _value("int32"), _value("float64")
    names = [header.name_of(label_id) for label_id in header.taxonomy.label_ids]
    label = {"names": names, "_type": "ClassLabel"}
    features: dict[str, Any] = {"item_id": text, "file_name": text}
    if images:
        features["image"] = {"_type": "Image"}
    if header.kind == "text":
        features["text"] = text
    features |= {"width": whole, "height": whole, "n_answers": whole}
    if header.task == "classify":
        features |= {"label": label, "soft_label": _list(number), "annotators": _list(text), "votes": _list(label),
                     "gold": label}
    elif header.task == "multilabel":
        features |= {"labels": _list(label), "soft_label": _list(number), "annotators": _list(text),
                     "votes": _list(_list(label)), "gold": _list(label)}
    elif header.shape is not None:
        place = {"start": _list(whole), "end": _list(whole), "text": _list(text)} if header.shape == "span" else \
            {_PLACES[header.shape]: _list(_list(number))}
        features["objects"] = {"annotator": _list(text), "category": _list(label), "certainty": _list(number), **place}
    for name, attribute in _attribute_columns(header).items():
        features[name] = {"names": list(attribute.choices), "_type": "ClassLabel"} if attribute.choices else number
    return features | {"hitl": text}


def _attribute_columns(header: Header) -> dict[str, Attribute]:
    """Name of a column -> the attribute whose values it has."""
    return {f"{one.name} (attribute)" if one.name in _OWN else one.name: one for one in header.taxonomy.attributes}


def _arrow(feature: Any) -> Any:
    """The type in which Arrow keeps a feature."""
    import pyarrow as pa
    kind = feature.get("_type")
    if kind == "Value":
        return {"string": pa.string(), "int32": pa.int32(), "float64": pa.float64()}[feature["dtype"]]
    if kind == "ClassLabel":
        return pa.int64()
    if kind == "Image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    if kind == "Sequence":
        return pa.list_(_arrow(feature["feature"]))
    return pa.struct([(name, _arrow(one)) for name, one in feature.items()])


def _schema(header: Header, features: Mapping[str, Any]) -> pa.Schema:
    import pyarrow as pa
    return pa.schema([(name, _arrow(feature)) for name, feature in features.items()], metadata={
        "huggingface": json.dumps({"info": {"features": features}}),
        OURS: json_text(header_to_dict(header))})


# -- writing -------------------------------------------------------------------------------------------------

def write(header: Header, records: Iterable[ItemRecord], target: Target, options: Options) -> None:
    """Write a row for each record into the file of its split, in groups of rows."""
    features = _features(header, images=target.copies and header.kind == "image")
    schema, rows = _schema(header, features), _Rows(header, features)
    with ExitStack() as files:
        splits: dict[str, _Split] = {}
        for record in records:
            name = "test" if record.split == "holdout" else "train"
            if name not in splits:
                splits[name] = _Split(name, schema, target, files)
            image = target.image_bytes(record) if "image" in features else None
            splits[name].add(rows.row(record, image), len(image[1]) if image else len(record.text or ""))
        if not splits:
            splits["train"] = _Split("train", schema, target, files)
        for split in splits.values():
            split.flush()


class _Split:
    """The file of a split, which is written in groups of rows."""

    def __init__(self, name: str, schema: pa.Schema, target: Target, files: ExitStack) -> None:
        import pyarrow.parquet as pq
        self._schema, self._rows, self._bytes = schema, list[dict[str, Any]](), 0
        self._writer = files.enter_context(pq.ParquetWriter(
            target.file(f"data/{name}-00000-of-00001.parquet"), schema, compression="zstd"))

    def add(self, row: dict[str, Any], n_bytes: int) -> None:
        """Add a row, with its number of bytes of images and texts."""
        self._rows.append(row)
        self._bytes += n_bytes
        if len(self._rows) >= AT_ONCE or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are held."""
        import pyarrow as pa
        if not self._rows:
            return
        try:
            batch = pa.RecordBatch.from_pylist(self._rows, schema=self._schema)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError) as error:
            raise BadInput(f"a value of items {self._rows[0]['item_id']!r:.80} to {self._rows[-1]['item_id']!r:.80} "
                           f"can't be kept in Parquet: {error}") from error
        self._writer.write_batch(batch)
        self._rows, self._bytes = [], 0


class _Rows:
    """Makes the row of a record."""

    def __init__(self, header: Header, features: Mapping[str, Any]) -> None:
        self._header, self._features = header, features
        self._place = {label_id: place for place, label_id in enumerate(header.taxonomy.label_ids)}
        self._attributes = _attribute_columns(header)

    def row(self, record: ItemRecord, image: tuple[str, bytes] | None) -> dict[str, Any]:
        """The cells of a record."""
        consensus = next((one for one in record.answers if one.annotator == CONSENSUS), None)
        votes = [vote for one in record.answers for vote in (one.votes if one is consensus and one.votes else (one,))]
        width, height = record.size or (None, None)
        cells: dict[str, Any] = {"item_id": record.item_id, "file_name": record.name, "text": record.text,
                                 "width": width, "height": height, "n_answers": len(votes),
                                 "hitl": self._whole(record)}
        if image is not None:
            cells["image"] = {"bytes": image[1], "path": image[0]}
        if self._header.task in ("classify", "multilabel"):
            cells |= self._labels(record, consensus, votes)
        elif self._header.shape is not None:
            cells["objects"] = self._objects(record.answers)
        cells |= self._values(consensus, votes)
        return {name: cells.get(name) for name in self._features}

    def _values(self, consensus: Answer | None, votes: Sequence[Answer]) -> dict[str, Any]:
        """The value of each attribute, by its column."""
        cells = {}
        for name, attribute in self._attributes.items():
            of = [consensus] if consensus is not None and attribute.id in consensus.values else votes
            cells[name] = _joined(attribute, [one.values[attribute.id] for one in of
                                              if attribute.id in one.values and one.verdict in LABELLING])
        return cells

    def _whole(self, record: ItemRecord) -> str:
        try:
            text = json_text(record_to_dict(self._header, record.without("text") if record.text else record))
            text.encode()
        except UnicodeEncodeError:
            return json.dumps(record_to_dict(self._header, record), sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise BadInput(f"item {record.item_id!r:.80} can't be written as JSON: {error}.") from error
        return text

    # 14 branches: a cell has one label or several, and is empty without a consensus, a vote or a label that is known.
    def _labels(self, record: ItemRecord, consensus: Answer | None, votes: Sequence[Answer]) -> dict[str, Any]:
        """The label, the votes and their shares."""
        several = self._header.task == "multilabel"
        given = [(one.annotator, places) for one in votes if one.verdict in LABELLING
                 and (places := self._places(one.label_ids)) is not None]
        stands = None if consensus is None else self._places(consensus.label_ids)
        if consensus is None and given:
            stands = _most_common(places for _, places in given)
        shares = [sum(place in places for _, places in given) / len(given) for place in range(len(self._place))] \
            if given else None
        gold = self._places(record.gold_ids)

        def cell(places: tuple[int, ...] | None) -> Any:
            return None if places is None else list(places) if several else places[0]
        return {"labels" if several else "label": cell(stands), "soft_label": shares, "gold": cell(gold),
                "annotators": [who for who, _ in given], "votes": [cell(places) for _, places in given]}

    def _places(self, label_ids: Sequence[str] | None) -> tuple[int, ...] | None:
        """Indices of labels among the names; None if one is missing, or if an item of one label hasn't exactly one."""
        if label_ids is None or not all(one in self._place for one in label_ids) \
                or (self._header.task == "classify" and len(label_ids) != 1):
            return None
        return tuple(sorted(self._place[one] for one in label_ids))

    def _objects(self, answers: Sequence[Answer]) -> dict[str, list[Any]]:
        """The objects of all answers, as lists of equal length."""
        names = list(self._features["objects"])
        lists: dict[str, list[Any]] = {name: [] for name in names}
        for answer in answers:
            for one in answer.objects or ():
                if one.is_there and one.label_id in self._place:
                    cells = {"annotator": answer.annotator, "category": self._place[one.label_id],
                             "certainty": one.certainty, **_place_of(one)}
                    for name in names:
                        lists[name].append(cells[name])
        return lists


def _most_common(votes: Iterable[tuple[int, ...]]) -> tuple[int, ...] | None:
    """The most common vote; None on a tie."""
    first, *rest = Counter(votes).most_common(2)
    return first[0] if not rest or first[1] > rest[0][1] else None


def _place_of(one: ObjectAnswer) -> dict[str, Any]:
    at = one.at
    if one.kind == "span":
        return {"start": at[0], "end": at[1], "text": one.quote}
    return {_PLACES[one.kind]: [at[0], at[1], at[2] - at[0], at[3] - at[1]] if one.kind == "box" else list(at)}


def _joined(attribute: Attribute, values: Sequence[Any]) -> Any:
    """One value for several: their mean, or the index of the most common choice; None on a tie."""
    if not values:
        return None
    if not attribute.choices:
        return sum(values) / len(values)
    first, *rest = Counter(values).most_common(2)
    return attribute.choices.index(first[0]) if (not rest or first[1] > rest[0][1]) and first[0] in attribute.choices \
        else None


FORMAT = Format(
    name="hugging_face", title="Hugging Face datasets", tasks=TASKS, folder=True, suffixes=(),
    cannot_hold="Nothing is lost.", reduce=reduce, write=write, read=read, extra="pyarrow",
    options={"label": None, "text": None})
