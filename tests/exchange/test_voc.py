"""Pascal VOC: boxes come back, counted from 0 or from 1, and files of others are read with a report."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from exchange import random_boxes as made
from PIL import Image
from whole_records import written

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.voc import FORMAT
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy


@pytest.mark.parametrize("one_based", [None, False])
@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_comes_back(one_based, seed, tmp_path):
    rng = np.random.default_rng(seed)
    header = made.header(rng, "boxes")
    made.check_comes_back(FORMAT, header, made.records(rng, header), tmp_path, one_based=one_based)


@pytest.mark.parametrize(("one_based", "xmin", "xmax"), [(None, "11", "30.5"), (True, "11", "30.5"),
                                                         (False, "10", "30.5")])
def test_the_standard_counts_from_1_and_the_file_says_so(one_based, xmin, xmax, tmp_path):
    header = Header("boxes", "image", Taxonomy(["<b>\ufffe&"]))
    box = ObjectAnswer("o", "box", (10, 20, 30.5, 60), header.taxonomy.label_ids[0], "")
    record = ItemRecord("i\n0", "day 1/a.jpg", (100, 200), split="holdout", answers=(Answer("ann", objects=(box,)),))
    made.write(FORMAT, header, [record], tmp_path / "out", one_based=one_based)
    root = ElementTree.parse(tmp_path / "out/Annotations/day~201~2Fa.xml").getroot()
    assert root.findtext("object/name") == "<b>\ufffd&"
    assert (root.findtext("object/bndbox/xmin"), root.findtext("object/bndbox/xmax")) == (xmin, xmax)
    assert (root.findtext("size/width"), root.findtext("filename")) == ("100", "a.jpg")
    assert f'"one_based": {str(one_based is not False).lower()}' in root.findtext("hitl")
    assert (tmp_path / "out/ImageSets/Main/val.txt").read_text() == "day~201~2Fa\n"
    contents, (again,) = made.read(FORMAT, tmp_path / "out", one_based=True)  # the file knows better
    assert contents.header.taxonomy.names == ("<b>\ufffe&",)
    assert (again.item_id, again.answers[0].objects[0].at) == ("i\n0", (10, 20, 30.5, 60))


def test_images_that_are_copied_open(tmp_path):
    made.check_copies_open(FORMAT, tmp_path)


# -- files of others

OBJECT = """<object><name>cat</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
<bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>"""


def voc_file(tmp_path, objects=OBJECT, *, more="", head="", size="<width>100</width><height>80</height>"):
    """A file as LabelImg writes it."""
    (tmp_path / "Annotations").mkdir(exist_ok=True)
    (tmp_path / "Annotations/a.xml").write_text(
        f"{head}<annotation><folder>x</folder><filename>a.png</filename><path>/etc/passwd</path>"
        f"<source><database>Unknown</database></source><size>{size}<depth>3</depth></size>{objects}{more}"
        "</annotation>", "utf-8")
    return tmp_path


def places(records):
    """label and place of each object."""
    return [(one.label, one.at) for record in records for answer in record.answers for one in answer.objects]


def test_a_file_of_another_tool_counts_from_1_unless_it_is_said_otherwise(tmp_path):
    contents, (record,) = made.read(FORMAT, voc_file(tmp_path))
    assert (record.item_id, record.name, record.size) == ("a.png", "a.png", (100, 80))
    assert places([record]) == [("cat", (10, 20, 40, 60))]
    assert len(contents.lost) == 0
    assert places(made.read(FORMAT, tmp_path, one_based=False)[1]) == [("cat", (11, 21, 40, 60))]
    assert places(made.read(FORMAT, tmp_path / "Annotations/a.xml")[1]) == [("cat", (10, 20, 40, 60))]


def test_a_box_at_pixel_0_tells_that_the_tool_counts_from_0(tmp_path):
    voc_file(tmp_path, OBJECT.replace("<xmin>11", "<xmin>0"))
    contents, records = made.read(FORMAT, tmp_path)
    assert places(records) == [("cat", (0, 20, 40, 60))]
    assert contents.lost.counts() == {"part of an object": 1}
    assert "one_based=False" in contents.lost.in_words()
    contents, records = made.read(FORMAT, tmp_path, one_based=False)
    assert (places(records), len(contents.lost)) == ([("cat", (0, 21, 40, 60))], 0)


@pytest.mark.parametrize(("objects", "more", "lost"), [
    (OBJECT.replace("<difficult>0", "<difficult>1"), "", {"difficult object": 1}),
    (OBJECT.replace("<truncated>0", "<truncated>1"), "", {"truncated object": 1}),
    (OBJECT.replace("Unspecified", "Left"), "", {"pose of an object": 1}),
    (OBJECT.replace("<bndbox>", "<part><name>head</name></part><bndbox>"), "", {"part of an object": 1}),
    (OBJECT, "<reviewed>1</reviewed>", {"reviewed of an image": 1}),
    (OBJECT.replace("<xmax>40", "<xmax>10"), "", {"object": 1, "answer": 1}),
    (OBJECT + "<object><name>dog</name><polygon><x1>1</x1></polygon></object>", "",
     {"object": 1, "polygon of an object": 1})])
def test_what_records_cannot_take_is_counted(objects, more, lost, tmp_path):
    assert made.read(FORMAT, voc_file(tmp_path, objects, more=more))[0].lost.counts() | lost == lost
    contents, _ = made.read(FORMAT, tmp_path)
    assert contents.lost.counts() == lost


def test_an_image_beside_a_file_gives_its_size(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "JPEGImages/a.png")
    _, (record,) = made.read(FORMAT, voc_file(tmp_path, size=""))
    assert (record.name, record.size) == ("JPEGImages/a.png", (30, 20))


def test_lists_of_images_are_splits(tmp_path):
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/test.txt").write_text("a\n")
    assert made.read(FORMAT, voc_file(tmp_path))[1][0].split == "holdout"


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]>'


@pytest.mark.parametrize(("change", "words"), [
    ({"head": BOMB}, "DTD"), ({"head": '<!DOCTYPE a SYSTEM "file:///etc/passwd">'}, "DTD"),
    ({"more": "<b>"}, "isn't XML"), ({"objects": OBJECT.replace("<xmin>11</xmin>", "")}, "object 1 has the bndbox"),
    ({"objects": OBJECT.replace("11", "x")}, "bndbox"), ({"objects": OBJECT.replace("11", "nan")}, "finite"),
    ({"objects": OBJECT.replace("<name>cat</name>", "")}, "object 1 has no name"),
    ({"objects": ""}, "no objects"), ({"more": "<hitl>{</hitl>"}, "isn't JSON"), ({"more": "<hitl>3</hitl>"}, "braces"),
    ({"more": '<hitl>{"item_id": 3}</hitl>'}, "item_id"), ({"more": '<hitl>{"item_id": "a", "one_based": 1}</hitl>'},
                                                           "one_based")])
def test_forged_files_are_refused_with_their_name(change, words, tmp_path):
    with pytest.raises(BadInput, match=f"(?s){words}"):
        made.read(FORMAT, voc_file(tmp_path, **change))


def test_other_xml_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text("<html/>")
    with pytest.raises(BadInput, match="<annotation> is expected"):
        made.read(FORMAT, tmp_path)


def test_the_files_of_bccd_say_what_its_table_says(shared_data):
    folder = shared_data / "bccd"
    contents, records = made.read(FORMAT, folder, one_based=False)
    with (folder / "boxes.csv").open(encoding="utf-8") as file:
        rows = [(row["image"], row["label"], *(float(row[side]) for side in ("xmin", "ymin", "xmax", "ymax")))
                for row in csv.DictReader(file)]
    expected = sorted((Path(row[0]).stem, *row[1:]) for row in rows if row[2] < row[4] and row[3] < row[5])
    found = sorted((Path(record.item_id).stem, one.label, *one.at) for record in records
                   for one in record.answers[0].objects)
    assert found == expected
    assert contents.lost.counts()["object"] == len(rows) - len(expected) == 1


@pytest.mark.parametrize("one_based", [True, False])
def test_predictions_are_results_as_vocs_own_tools_read_them(one_based, tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat", "a/b"]))
    cat, other = header.taxonomy.label_ids
    one = ObjectAnswer("o", "box", (10, 20, 40, 60), cat, "cat", origin="model", act="accepted", score=0.875)
    two = replace(one, label_id=other, label="a/b", at=(0.5, 1.25, 7, 9), score=1.0)
    answers = (Answer("ada", "answer", objects=()),)
    records = [ItemRecord("a b", "a b.png", (100, 80), split="train", answers=answers, predictions=(
                   Prediction("m/1", objects=(one, two)), Prediction("M/1", objects=(one, replace(one, score=None))))),
               ItemRecord("b", "b.png", (100, 80), split="holdout", answers=answers,
                          predictions=(Prediction("m/1", objects=(one,)),))]
    folder = written(FORMAT, header, records, tmp_path / "out", one_based=one_based)
    [stem] = [path.stem for path in (folder / "Annotations").iterdir() if path.stem != "b"]
    corners = "11 21 40 60" if one_based else "10 20 40 60"
    assert (folder / "results/m~2F1-/comp4_det_train_cat.txt").read_text() == f"{stem} 0.875000 {corners}\n"
    assert (folder / "results/m~2F1-/comp4_det_val_cat.txt").read_text() == f"b 0.875000 {corners}\n"
    contents, found = made.read(FORMAT, folder)
    assert {record.item_id: {(told.model, each.label, each.at, each.score) for told in record.predictions
                             for each in told.objects} for record in found} == {
        "a b": {("m/1", "cat", (10, 20, 40, 60), 0.875), ("m/1", "a/b", (0.5, 1.25, 7, 9), 1.0),
                ("M/1", "cat", (10, 20, 40, 60), 0.875)}, "b": {("m/1", "cat", (10, 20, 40, 60), 0.875)}}
    assert len(contents.lost) == 0


@pytest.mark.parametrize(("change", "words"), [
    ({"file": "../secret.txt"}, None), ({"file": "/etc/passwd"}, None), ({"file": "results/../../secret.txt"}, None),
    ({"file": 3}, "file, model and label"), ({"label": "lynx"}, "'lynx', which isn't in hitl.json"),
    ({"line": "a 0.5 1 2 3"}, "a score from 0 to 1"), ({"line": "a nan 1 2 3 4"}, "a score from 0 to 1"),
    ({"line": "a 0.5 1 2 3 inf"}, "finite numbers")])
def test_forged_results_are_refused_and_no_other_file_is_opened(change, words, tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat"]))
    one = ObjectAnswer("o", "box", (10, 20, 40, 60), header.taxonomy.label_ids[0], "cat", score=0.5)
    folder = written(FORMAT, header, [ItemRecord("a", "a.png", (100, 80), split="train", answers=(
        Answer("ada", "answer", objects=()),), predictions=(Prediction("m", objects=(one,)),))], tmp_path / "out")
    (tmp_path / "secret.txt").write_text("a 0.5 1 2 30 40\n")
    [about] = json.loads((folder / "results/hitl.json").read_text())
    if line := change.get("line"):
        (folder / about["file"]).write_text(line + "\n")
    else:
        (folder / "results/hitl.json").write_text(json.dumps([about | change]))
    if words is None:
        contents, (record,) = made.read(FORMAT, folder)
        assert (record.predictions, contents.lost.counts()) == ((), {"prediction": 1})
        return
    with pytest.raises(BadInput, match=words):
        made.read(FORMAT, folder)
