"""Small files as other tools write them, by hand: each function writes into a folder and gives the path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image


def _images(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (60 * number, 120, 200)).save(path)


def _json(path: Path, body: Any) -> None:
    path.write_text(json.dumps(body), "utf-8")


def _lines(path: Path, *lines: Any) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def coco(folder: Path) -> dict[str, Any]:
    """As CVAT exports "COCO 1.0": instances_default.json, ids from 1, and the images beside it."""
    _images(folder / "images", "a.jpg", "b.jpg")
    (folder / "annotations").mkdir()
    box = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [], "area": 200.0, "iscrowd": 0,
           "bbox": [10.0, 5.0, 20.0, 10.0], "attributes": {"occluded": False, "rotation": 0.0}}
    _json(folder / "annotations" / "instances_default.json", {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": n, "name": name, "supercategory": ""} for n, name in ((1, "cell"), (2, "debris"))],
        "images": [{"id": n, "width": 64, "height": 48, "file_name": name, "license": 0, "flickr_url": "",
                    "coco_url": "", "date_captured": 0} for n, name in ((1, "a.jpg"), (2, "b.jpg"))],
        "annotations": [box]})
    return {"path": folder}


def yolo(folder: Path) -> dict[str, Any]:
    """As Roboflow exports "YOLOv8": data.yaml, and train, valid and test with images and labels each."""
    _images(folder, "train/images/a_jpg.rf.1f0e.jpg", "valid/images/b_jpg.rf.2a3b.jpg")
    for part, text in (("train/labels/a_jpg.rf.1f0e", "0 0.5 0.5 0.25 0.25\n"), ("valid/labels/b_jpg.rf.2a3b", "")):
        path = folder / f"{part}.txt"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    (folder / "data.yaml").write_text("train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n"
                                      "names: ['cell', 'debris']\n")
    return {"path": folder}


def voc(folder: Path) -> dict[str, Any]:
    """As labelImg writes it: an XML file for each image."""
    _images(folder / "JPEGImages", "a.jpg", "b.jpg")
    (folder / "Annotations").mkdir()
    for name, objects in (("a", "<object><name>cell</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0"
                                "</difficult><bndbox><xmin>11</xmin><ymin>6</ymin><xmax>30</xmax><ymax>15</ymax></bndbox>"
                                "</object>"), ("b", "")):
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation>\n<folder>JPEGImages</folder><filename>{name}.jpg</filename><path>/home/me/{name}.jpg</path>"
            f"<source><database>Unknown</database></source><size><width>64</width><height>48</height><depth>3</depth></size>"
            f"<segmented>0</segmented>{objects}</annotation>\n")
    return {"path": folder}


def image_folders(folder: Path) -> dict[str, Any]:
    """As torchvision's ImageFolder reads it."""
    _images(folder, "cell/a.png", "cell/b.png", "debris/c.png")
    return {"path": folder}


def csv(folder: Path) -> dict[str, Any]:
    """As a spreadsheet saves it."""
    (folder / "labels.csv").write_text('id,text,label\r\n1,"see you, soon",ham\r\n2,win a prize,spam\r\n', "utf-8")
    return {"path": folder / "labels.csv"}


def label_studio(folder: Path) -> dict[str, Any]:
    """As Label Studio exports "JSON"."""
    result = {"id": "abc", "type": "choices", "value": {"choices": ["ham"]}, "origin": "manual", "to_name": "text",
              "from_name": "kind"}
    tasks = [{"id": n, "data": {"text": text}, "meta": {}, "created_at": "2026-01-02T03:04:05.000000Z", "project": 1,
              "annotations": [{"id": n, "completed_by": 1, "result": [{**result, "value": {"choices": [label]}}],
                               "was_cancelled": False, "ground_truth": False, "lead_time": 3.2,
                               "created_at": "2026-01-02T03:04:05.000000Z"}], "predictions": []}
             for n, text, label in ((1, "see you soon", "ham"), (2, "win a prize", "spam"))]
    _json(folder / "project-1.json", tasks)
    return {"path": folder / "project-1.json"}


def prodigy(folder: Path) -> dict[str, Any]:
    """As `prodigy db-out` writes answers of ner.manual."""
    def line(text, spans):
        tokens, at = [], 0
        for number, word in enumerate(text.split(" ")):
            tokens.append({"text": word, "start": at, "end": at + len(word), "id": number, "ws": True})
            at += len(word) + 1
        return {"text": text, "_input_hash": hash(text) % 10**9, "_task_hash": 7, "tokens": tokens, "spans": spans,
                "_view_id": "ner_manual", "answer": "accept", "_timestamp": 1767323045}
    rome = {"start": 4, "end": 8, "token_start": 1, "token_end": 1, "label": "PLACE"}
    ada = {"start": 0, "end": 3, "token_start": 0, "token_end": 0, "label": "PERSON"}
    _lines(folder / "answers.jsonl", line("See Rome today", [rome]), line("Ada came", [ada]))
    return {"path": folder / "answers.jsonl"}


def doccano(folder: Path) -> dict[str, Any]:
    """As doccano exports "JSONL" of sequence labelling."""
    _lines(folder / "all.jsonl", {"id": 1, "text": "See Rome today", "label": [[4, 8, "PLACE"]], "Comments": []},
           {"id": 2, "text": "Ada came", "label": [[0, 3, "PERSON"]], "Comments": []})
    return {"path": folder / "all.jsonl"}


def conll(folder: Path) -> dict[str, Any]:
    """As the files of the CoNLL-2003 task: a document is an item."""
    (folder / "eng.train").write_text("-DOCSTART- -X- O O\n\nSee VB I-VP O\nRome NNP I-NP B-PLACE\n\n"
                                      "-DOCSTART- -X- O O\n\nAda NNP I-NP B-PERSON\ncame VBD I-VP O\n\n", "utf-8")
    return {"path": folder / "eng.train"}
