"""Hugging Face datasets: what `datasets` loads, with its features; everything comes back; datasets of others."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import whole_records as made
from PIL import Image

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.files import Target
from hitl_widgets.exchange.formats.hugging_face import FORMAT
from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord, facts, header_facts
from hitl_widgets.records import TASKS
from hitl_widgets.taxonomy.labels import Taxonomy

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def loaded(path: Path, tmp_path: Path) -> Any:
    """What the library makes of a folder."""
    return datasets.load_dataset(str(path), cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_every_task_comes_back(task: str, tmp_path: Path) -> None:
    header, records = made.header(task), made.records(task)
    path = made.written(FORMAT, header, records, tmp_path / "a")
    contents, again = made.read(FORMAT, path)
    assert header_facts(contents.header) == header_facts(header)
    order = {record.item_id: record for record in again}
    assert [order[record.item_id] for record in records] == records
    assert [facts(header, order[one.item_id]) for one in records] == [facts(header, one) for one in records]
    assert len(contents.lost) == 0
    other = made.written(FORMAT, header, records, tmp_path / "b")
    for file in path.rglob("*.parquet"):
        assert file.read_bytes() == (other / file.relative_to(path)).read_bytes()


@pytest.mark.parametrize("task", TASKS)
def test_the_library_loads_every_task_with_splits_and_features(task: str, tmp_path: Path) -> None:
    header, records = made.header(task), made.records(task)
    found = loaded(made.written(FORMAT, header, records, tmp_path / "a"), tmp_path)
    assert {split: len(found[split]) for split in found} == {"train": 3, "test": 1}
    assert set(found["train"]["item_id"]) == {one.item_id for one in records if one.split != "holdout"}
    names = [header.name_of(label_id) for label_id in header.taxonomy.label_ids]
    features = found["train"].features
    if task == "classify":
        assert features["label"] == datasets.ClassLabel(names=names)
    if task in ("boxes", "polygons", "points", "spans"):
        row = found["test"][0]["objects"]
        assert [names[one] for one in row["category"]] == ["animal / cat", "=car/van; \"old\""]
        if task == "boxes":
            assert row["bbox"] == [[0, 0, 5.25, 7.125], [10.5, 3.001, 79.5, pytest.approx(44.899)]]
        if task == "spans":
            assert [found["test"][0]["text"][start:end] for start, end in zip(row["start"], row["end"], strict=True)]


def test_votes_and_their_shares_are_soft_labels(tmp_path: Path) -> None:
    header = Header("classify", "image", Taxonomy(["cat", "dog", "owl"]))
    cat, dog, owl = ((label_id,) for label_id in header.taxonomy.label_ids)
    votes = (Answer("a", "answer", cat), Answer("b", "answer", cat), Answer("c", "answer", dog),
             Answer("d", "unsure", owl), Answer("e", "skip"))
    records = [ItemRecord("most", answers=votes), ItemRecord("tie", answers=(votes[0], votes[2])),
               ItemRecord("none"), ItemRecord("consensus", gold_ids=dog, answers=(
                   Answer(CONSENSUS, "answer", dog, share=0.5, n_answers=2, votes=votes[1:3]),))]
    train = loaded(made.written(FORMAT, header, records, tmp_path / "a"), tmp_path)["train"]
    rows = {row["item_id"]: row for row in train}
    assert {name: row["label"] for name, row in rows.items()} == {"most": 0, "tie": None, "none": None, "consensus": 1}
    assert rows["most"]["soft_label"] == [pytest.approx(2 / 3), pytest.approx(1 / 3), 0]
    assert (rows["most"]["annotators"], rows["most"]["votes"]) == (["a", "b", "c"], [0, 0, 1])
    assert rows["consensus"]["soft_label"] == [0.5, 0.5, 0]
    assert (rows["none"]["soft_label"], rows["consensus"]["gold"]) == (None, 1)


def test_several_labels_and_attributes_have_columns(tmp_path: Path) -> None:
    header = dataclasses.replace(made.header("multilabel"), history=(), about={})
    values = [{made.BLUR: 3, made.NOTE: "NA"}, {made.BLUR: 4, made.NOTE: "NA"}]
    records = [ItemRecord("a", answers=tuple(Answer(who, "answer", ids, values=value) for who, ids, value in zip(
        "xyz", (("Lcat", "Lna"), ("Lna", "Lcat"), ()), [*values, {}], strict=True)))]
    train = loaded(made.written(FORMAT, header, records, tmp_path / "a"), tmp_path)["train"]
    names = train.features["labels"].feature.names
    assert sorted(names[one] for one in train[0]["labels"]) == ["NA", "animal / cat"]
    assert train[0]["soft_label"][names.index("NA")] == pytest.approx(2 / 3)
    assert (train[0]["blur"], train.features["note"].names[train[0]["note"]]) == (3.5, "NA")


def test_copied_images_are_inside_as_images(tmp_path: Path) -> None:
    def copy(record: ItemRecord, path: Path) -> None:
        Image.fromarray(np.full((4, 6), int(record.item_id), np.uint8)).save(path, "PNG")
    (tmp_path / "a").mkdir()
    target = Target(tmp_path / "a", folder=True, copy_image=copy)
    FORMAT.write(made.header(), [ItemRecord("7"), ItemRecord("9")], target, {})
    train = loaded(tmp_path / "a", tmp_path)["train"]
    assert [np.asarray(row["image"])[0, 0] for row in train] == [7, 9]
    assert sorted(file.name for file in (tmp_path / "a").rglob("*") if file.is_file()) == [
        "train-00000-of-00001.parquet"]


# -- datasets of others --------------------------------------------------------------------------------------

def folder_of(tmp_path: Path, features: Any, rows: dict[str, list[Any]], split: str = "train") -> Path:
    """A folder with a dataset that the library wrote."""
    path = tmp_path / "theirs"
    path.mkdir(exist_ok=True)
    datasets.Dataset.from_dict(rows, features=datasets.Features(features)).to_parquet(
        str(path / f"{split}-00000-of-00001.parquet"))
    return path


def test_texts_with_a_class_label_are_read(tmp_path: Path) -> None:
    features = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg, ative", "pos"]),
                "stars": datasets.Value("int32")}
    path = folder_of(tmp_path, features, {"text": ["bad", "good", "?"], "label": [0, 1, None], "stars": [1, 5, 3]})
    folder_of(tmp_path, features, {"text": ["fine"], "label": [1], "stars": [4]}, "validation")
    contents, records = made.read(FORMAT, path)
    header = contents.header
    assert (header.task, header.kind, header.taxonomy.names) == ("classify", "text", ("neg, ative", "pos"))
    assert [(one.text, one.split, [header.name_of(label) for each in one.answers for label in each.label_ids or ()])
            for one in records] == [("bad", "train", ["neg, ative"]), ("good", "train", ["pos"]), ("?", "train", []),
                                    ("fine", "holdout", ["pos"])]
    assert records[0].metadata == {"stars": 1}
    assert len({one.item_id for one in records}) == 4


def test_several_labels_boxes_and_images_of_others_are_read(tmp_path: Path) -> None:
    names = datasets.ClassLabel(names=["cat", "dog"])
    path = folder_of(tmp_path / "", {"id": datasets.Value("int64"), "labels": datasets.List(names)},
                     {"id": [7, 8], "labels": [[1, 0], []]})
    contents, records = made.read(FORMAT, path)
    assert contents.header.task == "multilabel"
    assert [(one.item_id, one.answers[0].label_ids) for one in records] == [
        ("7", contents.header.taxonomy.label_ids[::-1]), ("8", ())]
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "PNG")
    boxes = datasets.List(datasets.List(datasets.Value("float32"), 4))
    features = {"image": datasets.Image(), "objects": {"bbox": boxes, "category": datasets.List(names)}}
    path = folder_of(tmp_path / "", features, {"image": [{"bytes": buffer.getvalue(), "path": "x/a.png"}], "objects": [
        {"bbox": [[1, 2, 3.5, 4], [0, 0, 1, 1]], "category": [1, 0]}]})
    contents, (record,) = made.read(FORMAT, path)
    assert (contents.header.task, record.item_id, record.name) == ("boxes", "a.png", "a.png")
    assert [one.at for one in record.answers[0].objects or ()] == [(1, 2, 4.5, 6), (0, 0, 1, 1)]
    assert contents.lost.counts() == {"image": 1}


def test_a_column_can_be_chosen_and_one_that_is_missing_is_named(tmp_path: Path) -> None:
    path = folder_of(tmp_path, {"a": datasets.Value("string"), "b": datasets.Value("string")},
                     {"a": ["x", "y"], "b": ["yes", "no"]})
    contents, records = made.read(FORMAT, path, label="b", text="a")
    assert (contents.header.kind, contents.header.taxonomy.names, records[0].text) == ("text", ("yes", "no"), "x")
    with pytest.raises(BadInput, match="Pass label="):
        made.read(FORMAT, path)
    with pytest.raises(BadInput, match="one of a, b"):
        made.read(FORMAT, path, label="c")


@pytest.mark.parametrize("row", [
    {"bbox": [[1, 2, 3]], "category": [0]}, {"bbox": [[1, 2, 3, 4]], "category": [7]},
    {"bbox": [[1, 2, 3, 4]], "category": []}, {"bbox": [[1, 2, 3, float("nan")]], "category": [0]}])
def test_forged_objects_are_refused_with_their_row(row: dict[str, Any], tmp_path: Path) -> None:
    path = folder_of(tmp_path, {"objects": {"bbox": datasets.List(datasets.List(datasets.Value("float32"))),
                                            "category": datasets.List(datasets.Value("int64"))}}, {"objects": [row]})
    file = next(path.glob("*.parquet"))
    table = pq.read_table(file)
    features = table.schema.metadata[b"huggingface"].replace(
        b'"category": {"feature": {"dtype": "int64", "_type": "Value"}',
        b'"category": {"feature": {"names": ["cat"], "_type": "ClassLabel"}')
    pq.write_table(table.replace_schema_metadata({"huggingface": features}), file)
    with pytest.raises(BadInput, match="row 0"):
        made.read(FORMAT, path)


def test_forged_files_are_refused(tmp_path: Path) -> None:
    path = made.written(FORMAT, made.header(), [ItemRecord("a")], tmp_path / "a")
    (file,) = path.rglob("*.parquet")
    table = pq.read_table(file)
    for change, words in (({"hitl": "{"}, "hitl"), ({"hitl": "[]"}, "hitl"), ({"hitl": None}, "hitl"),
                          ({"hitl": "{\"item_id\": 3}"}, "item_id")):
        place = table.schema.get_field_index("hitl")

        pq.write_table(table.set_column(place, "hitl", pa.array([change["hitl"]], pa.string())).replace_schema_metadata(
            table.schema.metadata), file)
        with pytest.raises(BadInput, match=words):
            made.read(FORMAT, path)
    pq.write_table(table.replace_schema_metadata({"hitl_widgets": "{}"}), file)
    with pytest.raises(BadInput, match="isn't the header"):
        made.read(FORMAT, path)
    file.write_bytes(b"PAR1nonsense")
    with pytest.raises(BadInput, match="can't be read as Parquet"):
        made.read(FORMAT, path)
    file.unlink()
    with pytest.raises(BadInput, match="no Parquet files"):
        made.read(FORMAT, path)
