"""YOLO: places come back to a thousandth of a pixel, and folders of others are read with a report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from exchange import random_boxes as made
from PIL import Image
from whole_records import written

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.files import Source
from hitl_widgets.exchange.formats.yolo import FORMAT
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction, facts
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy


@pytest.mark.parametrize("task", ["boxes", "polygons"])
@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_comes_back(task, seed, tmp_path):
    rng = np.random.default_rng(seed)
    header = made.header(rng, task)
    made.check_comes_back(FORMAT, header, made.records(rng, header), tmp_path)


def test_reducing_takes_away_and_never_adds():
    rng = np.random.default_rng(7)
    header = made.header(rng, "boxes")
    flat = FORMAT.reduce_header(header, {})
    for record in made.records(rng, header, 12):
        if (reduced := FORMAT.reduce(flat, record, {})) is not None:
            assert not facts(header, reduced) - facts(header, record)
            assert reduced.answers[0].verdict == "answer"


def test_lines_are_as_ultralytics_expects_them(tmp_path):
    header = Header("boxes", "image", Taxonomy(["no", "cat: big"]))
    box = ObjectAnswer("o", "box", (10, 20, 30, 60), header.taxonomy.label_ids[1], "cat: big")
    records = [ItemRecord("i0", "day 1/a.jpg", (100, 200), split=split, answers=(Answer("ann", objects=objects),))
               for split, objects in (("train", (box,)),)]
    records.append(ItemRecord("i1", "b.jpg", (10, 10), split="holdout", answers=(Answer("ann", objects=()),)))
    made.write(FORMAT, header, records, tmp_path / "out", copy=made.copy_image)
    body = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text("utf-8"))
    assert body["names"] == {0: "no", 1: "cat: big"}
    assert (body["train"], body["val"]) == ("images/train", "images/val")
    (line,) = (tmp_path / "out" / "labels/train/day~201~2Fa.txt").read_text().splitlines()
    assert line.split()[0] == "1"
    assert [float(one) for one in line.split()[1:]] == [0.2, 0.2, 0.2, 0.2]
    assert (tmp_path / "out" / "labels/val/b.txt").read_text() == ""
    assert (tmp_path / "out" / "images/train/day~201~2Fa.png").exists()


def test_an_item_that_nobody_was_sure_of_is_left_out():
    header = Header("boxes", "image", Taxonomy(["cat"]))
    for answers in ((), (Answer("a", "skip"),), (Answer("a", "unsure", objects=()),)):
        assert FORMAT.reduce(header, ItemRecord("i", size=(9, 9), answers=answers), {}) is None
    assert FORMAT.reduce(header, ItemRecord("i", answers=(Answer("a", objects=()),)), {}) is None  # of no size


def test_images_that_are_copied_open(tmp_path):
    made.check_copies_open(FORMAT, tmp_path)


# -- folders of others


def folder(tmp_path, lines="1 0.5 0.5 0.2 0.4\n", data="names: [cat, dog]\ntrain: ../train/images\n"):
    """A folder as Roboflow makes them, with an image of 100 x 80 pixels."""
    for name in ("train/images", "train/labels"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 80)).save(tmp_path / "train/images/a.jpg")
    (tmp_path / "train/labels/a.txt").write_text(lines)
    (tmp_path / "data.yaml").write_text(data, "utf-8")
    return tmp_path


def boxes(records):
    """label and place of each object."""
    return [(one.label, one.at) for record in records for answer in record.answers for one in answer.objects]


def test_a_folder_of_another_tool_is_read_with_sizes_of_its_images(tmp_path):
    contents, (record,) = made.read(FORMAT, folder(tmp_path))
    assert (record.item_id, record.size, record.split) == ("train/images/a.jpg", (100, 80), "train")
    assert boxes([record]) == [("dog", (40, 24, 60, 56))]
    assert contents.header.task == "boxes"
    assert len(contents.lost) == 0


@pytest.mark.parametrize("data", ["names:\n  0: cat\n  1: dog\n", "nc: 2\nnames: ['cat', \"dog\"]\npath: /etc\n",
                                  "names: {1: dog, 0: cat}\nval: http://example.org/x\n"])
def test_names_may_be_a_list_or_a_mapping(data, tmp_path):
    assert boxes(made.read(FORMAT, folder(tmp_path, data=data))[1]) == [("dog", (40, 24, 60, 56))]


def test_names_of_yaml_stay_what_was_written(tmp_path):
    contents, _ = made.read(FORMAT, folder(tmp_path, data="names: [no, 1e3]\n"))
    assert contents.header.taxonomy.names == ("no", "1e3")


def test_darknet_has_labels_beside_images_and_names_in_a_text_file(tmp_path):
    (tmp_path / "obj_train_data").mkdir()
    Image.new("RGB", (10, 10)).save(tmp_path / "obj_train_data/a.png")
    (tmp_path / "obj_train_data/a.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "obj.names").write_text("cat\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.png\n")
    assert boxes(made.read(FORMAT, tmp_path)[1]) == [("cat", (0, 0, 10, 10))]


def test_sizes_come_from_the_pool_where_there_are_no_images(tmp_path):
    class Pool:
        """Knows one item."""

        ids = np.array(["a"])

        def positions(self, names):
            return np.array([0 if name == "a" else -1 for name in names])

        def size(self, position):
            return 80, 100

        def file_name(self, position):
            return None
    (folder(tmp_path) / "train/images/a.jpg").unlink()
    contents = FORMAT.read(Source(tmp_path, Pool()), FORMAT.options)
    assert boxes(contents.records) == [("dog", (40, 24, 60, 56))]
    contents, (record,) = made.read(FORMAT, tmp_path)
    assert record.answers == ()
    assert contents.lost.counts() == {"object": 1}


def test_a_confidence_makes_a_prediction(tmp_path):
    _, (record,) = made.read(FORMAT, folder(tmp_path, "1 0.5 0.5 0.2 0.4 0.75\n"), model="v8")
    assert record.answers == ()
    (prediction,) = record.predictions
    assert (prediction.model, prediction.objects[0].score) == ("v8", 0.75)


def test_polygons_are_told_from_boxes(tmp_path):
    lines = "1 0.1 0.1 0.5 0.1 0.1 0.5\n0 0.5 0.5 0.2 0.4\n1 0.2 0.2 0.4 0.2 0.4 0.4 0.2 0.4\n"
    contents, records = made.read(FORMAT, folder(tmp_path, lines))
    assert contents.header.task == "polygons"
    assert boxes(records)[0] == ("dog", (10, 8, 50, 8, 10, 40))
    assert contents.lost.counts() == {"object": 1}
    contents, records = made.read(FORMAT, tmp_path, task="boxes")
    assert boxes(records)[0] == ("dog", (10, 8, 50, 40))
    assert contents.lost.counts() == {"outline of an object": 2}


def test_an_empty_file_says_that_there_is_nothing_and_a_missing_one_says_nothing(tmp_path):
    folder(tmp_path, "")
    Image.new("RGB", (9, 9)).save(tmp_path / "train/images/b.jpg")
    contents, (record,) = made.read(FORMAT, tmp_path)
    assert record.answers[0].objects == ()
    assert contents.lost.counts() == {"whether somebody looked for objects": 1}
    assert len(made.read(FORMAT, tmp_path, empty=True)[1]) == 2


def test_a_box_without_area_is_counted(tmp_path):
    contents, records = made.read(FORMAT, folder(tmp_path, "1 0.5 0.5 0 0.4\n"))
    assert (records[0].answers, contents.lost.counts()) == ((), {"object": 1, "answer": 1})  # not that there is nothing
    contents, records = made.read(FORMAT, folder(tmp_path, "1 0.5 0.5 0 0.4\n0 0.5 0.5 0.2 0.4\n"))
    assert (len(boxes(records)), contents.lost.counts()) == (1, {"object": 1})


@pytest.mark.parametrize("line", ["1 0.5 0.5 0.2", "x 0.5 0.5 0.2 0.4", "2 0.5 0.5 0.2 0.4", "-1 0.5 0.5 0.2 0.4",
                                  "0.5 0.5 0.5 0.2 0.4", "1 nan 0.5 0.2 0.4", "1 0.5 0.5 inf 0.4", "1 50 50 20 40",
                                  "1, 0.5, 0.5, 0.2, 0.4", "\x00"])
def test_malformed_lines_are_refused_with_their_number(line, tmp_path):
    with pytest.raises(BadInput, match=r"a\.txt, line 2"):
        made.read(FORMAT, folder(tmp_path, "1 0.5 0.5 0.2 0.4\n" + line + "\n"))


@pytest.mark.parametrize("data", [
    "", "names: 3\n", "names: []\n", "names: {0: a, 2: b}\n", "names: {x: a}\n", "names: [a, [b]]\n", "names: [a, a]\n",
    "names: [a\n", "a: &a [x]\nnames: *a\n", "names: " + "[" * 50 + "]" * 50, "- a\n", "? {a: b}\n: c\nnames: [x]\n",
    "names: !!python/object/apply:os.system ['true']\n\x00"])
def test_odd_yaml_is_refused(data, tmp_path):
    with pytest.raises(BadInput, match=r"data\.yaml"):
        made.read(FORMAT, folder(tmp_path, data=data))


def test_a_folder_without_names_is_refused(tmp_path):
    (folder(tmp_path) / "data.yaml").unlink()
    with pytest.raises(BadInput, match="no names of classes"):
        made.read(FORMAT, tmp_path)


@pytest.mark.parametrize("line", ["[]", '{"item_id": "a"}', '{"labels": "labels/train/plain.txt", "item_id": 3}',
                                  '{"labels": "labels/train/plain.txt", "item_id": "a", "size": [1]}'])
def test_a_forged_list_of_items_is_refused(line, tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat"]))
    made.write(FORMAT, header, [ItemRecord("plain", size=(9, 9), answers=(Answer("a", objects=()),))],
                 tmp_path / "out")
    (tmp_path / "out" / "items.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match=r"items\.jsonl, line 1"):
        made.read(FORMAT, tmp_path / "out")


def test_predictions_are_files_of_labels_with_a_score_and_come_back(tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat", "dog"]))
    cat, dog = header.taxonomy.label_ids
    one = ObjectAnswer("o", "box", (10, 20, 40, 60), cat, "cat", origin="model", act="accepted", score=0.875)
    other = replace(one, label_id=dog, label="dog", at=(0.5, 1.25, 7, 9), score=1.0)
    unscored = replace(one, score=None)
    own = ObjectAnswer("a", "box", (1, 2, 3, 4), cat, "cat")
    answer = Answer("ada", "answer", objects=(own,))
    records = [ItemRecord("a", "a.png", (100, 80), split="train", answers=(answer,), predictions=(
                   Prediction("m/1", objects=(one, other)), Prediction("M/1", objects=(one, unscored)))),
               ItemRecord("b", "b.png", (100, 80), split="holdout", answers=(), predictions=(
                   Prediction("m/1", objects=(one,)),))]
    folder = written(FORMAT, header, records, tmp_path / "out")
    texts = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.txt")}
    numbers = [line.split() for line in texts["predictions/m~2F1/train/a.txt"].splitlines()]
    assert [[float(number) for number in line] for line in numbers] == [
        [0, 0.25, 0.5, 0.3, 0.5, 0.875], pytest.approx([1, 0.0375, 5.125 / 80, 0.065, 7.75 / 80, 1], abs=1e-6)]
    assert set(texts) == {"labels/train/a.txt", "predictions/m~2F1/train/a.txt", "predictions/M~2F1-/train/a.txt"}
    contents, (record,) = made.read(FORMAT, folder)
    assert [(told.model, [(each.label, each.at, each.score) for each in told.objects])
            for told in record.predictions] == [
        ("M/1", [("cat", (10, 20, 40, 60), 0.875)]),
        ("m/1", [("cat", (10, 20, 40, 60), 0.875), ("dog", (0.5, 1.25, 7, 9), 1.0)])]
    assert [each.at for each in record.answers[0].objects] == [(1, 2, 3, 4)]
    assert len(contents.lost) == 0
    (folder / "predictions/m~2F1/train/a.txt").unlink()
    contents, (record,) = made.read(FORMAT, folder)
    assert ([told.model for told in record.predictions], contents.lost.counts()) == (["M/1"], {"prediction": 1})


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "predictions/../../secret.txt", "labels/train/a.txt"])
def test_predictions_are_read_from_their_own_folder_alone(path, tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat"]))
    inner = written(FORMAT, header, [ItemRecord("a", "a.png", (100, 80), split="train", answers=(
        Answer("ada", "answer", objects=()),))], tmp_path / "inner")
    (tmp_path / "secret.txt").write_text("0 0.5 0.5 0.2 0.4 0.75\n")
    line = json.loads((inner / "items.jsonl").read_text()) | {"predictions": {"m": path}}
    (inner / "items.jsonl").write_text(json.dumps(line) + "\n")
    contents, (record,) = made.read(FORMAT, inner)
    assert (record.predictions, contents.lost.counts()) == ((), {"prediction": 1})
    (inner / "items.jsonl").write_text(json.dumps(line | {"predictions": ["m"]}) + "\n")
    with pytest.raises(BadInput, match="name of a file for each model"):
        made.read(FORMAT, inner)
