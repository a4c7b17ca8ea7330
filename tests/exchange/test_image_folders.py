"""Image folders: labels come back, images open, and folders of others are read as torchvision reads them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exchange import random_boxes as made
from PIL import Image

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.image_folders import FORMAT
from hitl_widgets.exchange.records import CONSENSUS, Answer, Header, ItemRecord
from hitl_widgets.taxonomy.labels import Taxonomy


def labelled(rng, header, n=10):
    """Items with a label, several labels by several people, an unsure answer, or none."""
    records = []
    for item_id in [str(one) for one in rng.permutation(made.ITEM_IDS)[:n]]:
        votes = tuple(Answer(name, str(rng.choice(["accept", "correct", "answer", "unsure"])),
                             (str(rng.choice(header.taxonomy.label_ids)),), certainty=5.0, note="so")
                      for name in ["ann", "猫"][:int(rng.integers(0, 3))])
        if len(votes) > 1 and rng.random() < 0.5:
            votes = (Answer(CONSENSUS, "answer", votes[0].label_ids, votes=votes),)
        records.append(ItemRecord(item_id, name=f"shots/{len(records)}.jpg" if rng.random() < 0.7 else None,
                                  split=[None, "train", "holdout"][int(rng.integers(3))], answers=votes))
    return records


@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_comes_back(seed, tmp_path):
    rng = np.random.default_rng(seed)
    header = made.header(rng, "classify")
    contents, again = made.check_comes_back(FORMAT, header, labelled(rng, header), tmp_path, copy=made.copy_image)
    for record in again:
        with Image.open(tmp_path / "a" / contents.images[record.item_id]) as image:
            image.load()


def test_both_splits_count_the_classes_alike(tmp_path):
    header = Header("classify", "image", Taxonomy(["cat", "dog", "a/b", "lynx"]))
    cat, dog, slash, _ = header.taxonomy.label_ids
    records = [ItemRecord(f"i{n}", split=split, answers=(Answer("a", "answer", (label_id,)),))
               for n, (split, label_id) in enumerate([("train", cat), ("train", slash), ("holdout", dog)])]
    made.write(FORMAT, header, records, tmp_path / "out", copy=made.copy_image)
    for split in ("train", "val"):
        assert sorted(folder.name for folder in (tmp_path / "out" / split).iterdir()) == ["a~2Fb", "cat", "dog"]
    assert (tmp_path / "out/train/a~2Fb/i1.png").exists()


def test_labels_that_differ_in_case_alone_have_folders_of_their_own(tmp_path):
    header = Header("classify", "image", Taxonomy(["UP", "up", "é" * 150]))
    records = [ItemRecord(f"i{n}", answers=(Answer("a", "answer", (label_id,)),))
               for n, label_id in enumerate(header.taxonomy.label_ids)]
    made.write(FORMAT, header, records, tmp_path / "out", copy=made.copy_image)
    folders = [folder.name for folder in (tmp_path / "out/train").iterdir()]
    assert len({name.lower() for name in folders}) == 3
    assert max(map(len, folders)) <= 100
    contents, again = made.read(FORMAT, tmp_path / "out")
    assert [contents.header.names[record.answers[0].label_ids[0]] for record in sorted(
        again, key=lambda record: record.item_id)] == ["UP", "up", "é" * 150]


def test_images_have_to_be_copied(tmp_path):
    header = Header("classify", "image", Taxonomy(["cat"]))
    with pytest.raises(BadInput, match="images='copy'"):
        made.write(FORMAT, header, [], tmp_path / "out")


# -- folders of others


def folder(tmp_path, *names):
    """Images of these paths."""
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    return tmp_path


def told(contents, records):
    """item_id -> split and label."""
    return {record.item_id: (record.split, *(contents.header.names[answer.label_ids[0]] for answer in record.answers))
            for record in records}


@pytest.mark.parametrize(("names", "expected"), [
    (["cat/a.png", "dog/b.png"], {"cat/a.png": (None, "cat"), "dog/b.png": (None, "dog")}),
    (["train/cat/a.png", "val/dog/b.png", "test/c.png"],
     {"train/cat/a.png": ("train", "cat"), "val/dog/b.png": ("holdout", "dog"), "test/c.png": ("holdout",)}),
    (["set/train/cat/a.png", "set/Test/cat/b.png"],
     {"set/train/cat/a.png": ("train", "cat"), "set/Test/cat/b.png": ("holdout", "cat")}),
    (["train/cat/a.png"], {"train/cat/a.png": ("train", "cat")}),
    (["cat/a.png"], {"cat/a.png": (None, "cat")}),
    (["cat/2020/a.png", "dog/2021/b.png"], {"cat/2020/a.png": (None, "cat"), "dog/2021/b.png": (None, "dog")}),
    (["train/a.png", "plane/b.png"], {"train/a.png": (None, "train"), "plane/b.png": (None, "plane")}),
    (["a.png", "cat/b.png"], {"a.png": (None,), "cat/b.png": (None, "cat")}),
    (["a%20b/a.png", "c/b.png"], {"a%20b/a.png": (None, "a%20b"), "c/b.png": (None, "c")})])
def test_layouts_of_others_are_told_apart(names, expected, tmp_path):
    contents, records = made.read(FORMAT, folder(tmp_path, *names))
    assert told(contents, records) == expected
    assert len(contents.lost) == 0


def test_other_files_are_counted(tmp_path):
    (folder(tmp_path, "cat/a.png") / "cat/notes.txt").write_text("x")
    assert made.read(FORMAT, tmp_path)[0].lost.counts() == {"file": 1}


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no image in a folder of a label"):
        made.read(FORMAT, folder(tmp_path, "a.png"))


@pytest.mark.parametrize(("name", "body"), [
    ("hitl.json", []), ("hitl.json", {"labels": [{"name": 3}]}),
    ("hitl.json", {"labels": [{"name": "a", "folder": "a", "label_id": "x"}] * 2}), ("items.jsonl", []),
    ("items.jsonl", {"image": 3}), ("items.jsonl", {"image": "cat/a.png", "item_id": 3})])
def test_what_was_forged_beside_images_is_refused(name, body, tmp_path):
    (folder(tmp_path, "cat/a.png") / name).write_text(json.dumps(body))
    with pytest.raises(BadInput, match=name):
        made.read(FORMAT, tmp_path)
