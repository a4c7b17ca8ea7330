"""A file that is read under the wrong format's name is refused with the name of the right one."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.recognising import recognised

TEXT = "Ada in Rome"
FOREIGN = {
    "prodigy": json.dumps({"text": TEXT, "spans": [{"start": 7, "end": 11, "label": "place"}], "answer": "accept",
                           "_input_hash": 1, "_task_hash": 2}),
    "doccano": json.dumps({"id": 1, "text": TEXT, "label": [[7, 11, "place"]], "Comments": []}),
    "conll": "-DOCSTART- -X- O O\n\nAda NNP B-PER\nin IN O\nRome NNP B-place\n",
    "csv": f"item_id,text,label\n0,{TEXT},place\n",
    "label_studio": json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": []}], indent=2),
    "coco": json.dumps({"info": {}, "images": [], "annotations": [], "categories": []}),
    "voc": "<annotation><filename>a.png</filename></annotation>",
    "hugging_face": "PAR1",
}


@pytest.fixture
def wb(tmp_path):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts([TEXT, "nothing"]), ["place"], task="spans", annotator="ann",
                      holdout=0) as wb:
        wb.decide("0", objects=[hw.Span(7, 11, "place")])
        yield wb


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_tools_are_recognised(tmp_path, name):
    (tmp_path / "file").write_text(FOREIGN[name])
    assert recognised(tmp_path / "file") == name


@pytest.mark.parametrize("text", ["", "{", "[]", "a plain sentence\n", json.dumps({"text": TEXT}), "a,b\n1,2\n",
                                  json.dumps({"text": TEXT, "label": ["a"], "answer": "accept"})])
def test_what_could_be_anything_is_not_guessed(tmp_path, text):
    (tmp_path / "file").write_text(text)
    assert recognised(tmp_path / "file") is None


@pytest.mark.parametrize("name", ["jsonl", "parquet", "csv", "label_studio", "hugging_face", "prodigy", "doccano",
                                  "conll", "ipyannotations"])
def test_every_export_of_texts_is_recognised_and_named_where_it_is_read_as_another(wb, tmp_path, name):
    path = tmp_path / "out"
    wb.export(path, name)
    assert recognised(path) == name
    for wrong in ("jsonl", "csv", "label_studio", "prodigy", "doccano", "conll", "ipyannotations"):
        if wrong != name:
            with pytest.raises(BadInput, match=f"looks like format='{name}'"):
                wb.import_file(path, wrong)


@pytest.mark.parametrize("name", ["coco", "yolo", "voc"])
def test_exports_of_images_are_named_too(tmp_path, name):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(np.zeros((2, 16, 16), np.uint8)), ["a"], task="boxes",
                      annotator="ann", holdout=0) as wb:
        wb.decide("0", objects=[hw.Box(1, 1, 5, 5, "a")])
        wb.export(tmp_path / "out", name)
        with pytest.raises(BadInput, match=f"looks like format='{name}'"):
            wb.import_file(tmp_path / "out", "label_studio")


def test_a_folder_of_our_parquet_files_is_no_data_set_of_hugging_face(wb, tmp_path):
    wb.export(tmp_path / "out", "parquet")
    with pytest.raises(BadInput, match="looks like format='parquet'"):
        wb.import_file(tmp_path / "out", "hugging_face")


def test_a_project_is_not_made_of_a_file_that_is_read_as_another_format(tmp_path):
    (tmp_path / "x.jsonl").write_text(FOREIGN["doccano"])
    with pytest.raises(BadInput, match="looks like format='doccano'"):
        hw.Workbench.from_file(tmp_path / "x.jsonl", tmp_path / "p", "prodigy")


def test_an_error_in_the_right_format_suggests_nothing(tmp_path, wb):
    (tmp_path / "x.jsonl").write_text(FOREIGN["doccano"].replace("place", "person"))
    with pytest.raises(BadInput) as caught:
        wb.import_file(tmp_path / "x.jsonl", "doccano")
    assert "looks like" not in str(caught.value)
