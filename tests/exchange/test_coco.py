"""COCO: what is written comes back, pycocotools reads it, and files of others are read with a report."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pytest
import shapely
from exchange import random_boxes as made
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy import ndimage

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats import coco_masks
from hitl_widgets.exchange.formats.coco import FORMAT
from hitl_widgets.exchange.formats.coco_masks import mask_of, outline_of
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, Prediction, facts, header_facts
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy


def opened(path):
    """A file as pycocotools reads it."""
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


@pytest.mark.parametrize("task", ["boxes", "polygons", "points"])
@pytest.mark.parametrize("seed", range(15))
def test_what_is_written_comes_back(task, seed, tmp_path):
    rng = np.random.default_rng(seed)
    header = made.header(rng, task)
    contents, _ = made.check_comes_back(FORMAT, header, made.records(rng, header), tmp_path)
    assert header_facts(contents.header) == header_facts(header)


@pytest.mark.parametrize("task", ["boxes", "polygons", "points"])
def test_nothing_is_lost_of_objects_that_have_an_area(task, tmp_path):
    rng = np.random.default_rng(99)
    header = made.header(rng, task)
    for record in made.records(rng, header, 10):
        assert facts(header, FORMAT.reduce(header, record, {})) == facts(header, record)


def one_box(tmp_path, **fields):
    """A file with one box of another tool, in which fields are changed."""
    body = {"images": [{"id": 7, "width": 100, "height": 80, "file_name": "a.png"}],
            "annotations": [{"id": 3, "image_id": 7, "category_id": 2, "bbox": [10, 20, 30, 40], "area": 1200,
                             "iscrowd": 0}],
            "categories": [{"id": 2, "name": "cat", "supercategory": "animal"}]}
    for name, value in fields.items():
        if isinstance(value, dict):
            body[name][0] |= value
            body[name][0] = {key: one for key, one in body[name][0].items() if one is not ...}
        else:
            body[name] = value
    path = tmp_path / "a.json"
    path.write_text(json.dumps(body), "utf-8")
    return path


def boxes(records):
    """label and place of each object."""
    return [(one.label, one.at) for record in records for answer in record.answers for one in answer.objects]


def test_a_box_of_another_tool_is_an_answer_of_nobody_in_particular(tmp_path):
    contents, (record,) = made.read(FORMAT, one_box(tmp_path))
    assert (contents.header.task, record.item_id, record.size) == ("boxes", "a.png", (100, 80))
    assert boxes([record]) == [("cat", (10, 20, 40, 60))]
    assert record.answers[0].annotator == "consensus"
    assert contents.header.taxonomy.path("cat") == "animal / cat"
    assert len(contents.lost) == 0


def test_fields_are_as_pycocotools_expects_them(tmp_path):
    header = Header("polygons", "image", Taxonomy({"animal": ["cat", "dog"]}))
    _cat, dog = header.taxonomy.label_ids
    polygon = ObjectAnswer("o", "polygon", (0, 0, 10, 0, 10, 5.5, 0, 5.5), dog, "dog", certainty=8)
    record = ItemRecord("i0", "a.png", (20, 10), answers=(Answer("ann", "answer", objects=(polygon,)),))
    made.write(FORMAT, header, [record], tmp_path / "out")
    coco = opened(tmp_path / "out" / "annotations.json")
    assert coco.cats[2] | {"hitl": 0} == {"id": 2, "name": "dog", "supercategory": "animal", "hitl": 0}
    assert coco.imgs[1] | {"hitl": 0} == {"id": 1, "width": 20, "height": 10, "file_name": "a.png", "hitl": 0}
    assert coco.anns[1] == {
        "id": 1, "image_id": 1, "category_id": 2, "bbox": [0, 0, 10, 5.5], "area": 55, "iscrowd": 0,
        "segmentation": [[0, 0, 10, 0, 10, 5.5, 0, 5.5]], "hitl": {"id": "o", "annotator": "ann", "certainty": 8}}
    assert int(mask.area(coco.annToRLE(coco.anns[1]))) == pytest.approx(55, abs=6)


def test_a_point_is_one_keypoint(tmp_path):
    header = Header("points", "image", Taxonomy(["cat"]))
    point = ObjectAnswer("o", "point", (3.25, 4), header.taxonomy.label_ids[0], "cat")
    made.write(FORMAT, header, [ItemRecord("i0", size=(9, 9), answers=(Answer("a", objects=(point,)),))],
                 tmp_path / "out")
    coco = opened(tmp_path / "out" / "annotations.json")
    assert coco.anns[1]["keypoints"] == [3.25, 4, 2]
    assert (coco.anns[1]["num_keypoints"], coco.cats[1]["keypoints"]) == (1, ["point"])


def test_predictions_are_results_that_pycocotools_scores(tmp_path):
    rng = np.random.default_rng(0)
    header = Header("boxes", "image", Taxonomy(["cat", "dog"]))
    some = []
    for n in range(12):
        objects = [ObjectAnswer(f"o{k}", "box", made.place(rng, "box", (300, 200)),
                                str(rng.choice(header.taxonomy.label_ids)), "") for k in range(4)]
        found = [ObjectAnswer(one.id, "box", one.at, one.label_id, "", origin="model", act="accepted", score=0.9)
                 for one in objects[:n % 5]]
        some.append(ItemRecord(f"i{n}", size=(300, 200), answers=(Answer("a", objects=tuple(objects)),),
                               predictions=(Prediction("net/1", {}, tuple(found)),)))
    made.write(FORMAT, header, some, tmp_path / "out")
    truth = opened(tmp_path / "out" / "annotations.json")
    with contextlib.redirect_stdout(io.StringIO()):
        found = COCOeval(truth, truth.loadRes(str(tmp_path / "out" / "predictions" / "net~2F1.json")), "bbox")
        found.evaluate()
        found.accumulate()
        found.summarize()
    # Boxes as they are, of as many as are found: precision 1 up to the share of objects that were found.
    assert 0.4 < found.stats[0] < 0.6
    assert found.stats[8] == pytest.approx(sum(n % 5 for n in range(12)) / 48, abs=0.05)


def test_images_that_are_copied_open(tmp_path):
    made.check_copies_open(FORMAT, tmp_path)


def test_images_at_which_nobody_looked_are_no_images_for_tools(tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat"]))
    some = [ItemRecord("looked", answers=(Answer("a", objects=()),)), ItemRecord("skipped", answers=(
        Answer("a", "skip"),)), ItemRecord("new", split="holdout")]
    made.write(FORMAT, header, some, tmp_path / "out")
    coco = opened(tmp_path / "out" / "annotations.json")
    assert [image["hitl"]["item_id"] for image in coco.imgs.values()] == ["looked"]
    assert {record.item_id for record in made.read(FORMAT, tmp_path / "out")[1]} == {"looked", "skipped", "new"}


# -- files of others


def test_an_image_without_annotations_is_empty_only_where_that_is_said(tmp_path):
    path = one_box(tmp_path, annotations=[])
    contents, (record,) = made.read(FORMAT, path)
    assert record.answers == ()
    assert contents.lost.counts() == {"whether somebody looked for objects": 1}
    assert made.read(FORMAT, path, empty=True)[1][0].answers[0].objects == ()


def test_ids_may_be_texts(tmp_path):
    path = one_box(tmp_path, images={"id": "img"}, annotations={"image_id": "img", "category_id": "2", "id": "x"})
    assert boxes(made.read(FORMAT, path)[1]) == [("cat", (10, 20, 40, 60))]


def test_masks_and_outlines_are_counted_where_boxes_are_asked_for(tmp_path):
    runs = {"size": [80, 100], "counts": [8000]}
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": runs}), task="boxes")
    assert boxes(found) == [("cat", (10, 20, 40, 60))]
    assert contents.lost.counts() == {"outline of an object": 1}
    outline = [[10, 20, 40, 20, 25, 60]]
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": outline}), task="boxes")
    assert contents.header.task == "boxes"
    assert contents.lost.counts() == {"outline of an object": 1}
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": outline}))
    assert contents.header.task == "polygons"
    assert boxes(found) == [("cat", (10, 20, 40, 20, 25, 60))]
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": runs}), task="polygons")
    assert (found[0].answers, contents.lost.counts()) == ((), {"object": 1, "answer": 1})


def masks(seed):
    """A random mask of some blobs, with holes and parts."""
    rng = np.random.default_rng(seed)
    covered = np.zeros((80, 100), bool)
    for _ in range(4):
        y, x, height, width = rng.integers(0, 60), rng.integers(0, 80), rng.integers(3, 20), rng.integers(3, 20)
        covered[y:y + height, x:x + width] |= rng.random((height, width))[: 80 - y, : 100 - x] < rng.choice([0.7, 1])
    return covered


def plain_counts(covered):
    flat = np.concatenate([[False], covered.T.ravel()])
    runs = np.diff(np.concatenate([np.flatnonzero(np.diff(flat.astype(int))), [covered.size]]))
    first = int(np.flatnonzero(np.diff(flat.astype(int)))[0]) if covered.any() else covered.size
    return [first, *map(int, runs)] if covered.any() else [first]


def largest_part(covered):
    """The pixels of the largest part, and all that lies within it."""
    parts, _ = ndimage.label(covered)
    part = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    return ndimage.binary_fill_holes(part)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("compressed", [True, False])
def test_a_mask_becomes_the_outline_along_the_sides_of_its_pixels(seed, compressed, tmp_path):
    covered = masks(seed)
    made_by_others = mask.encode(np.asfortranarray(covered.astype(np.uint8)))
    runs = {"size": [80, 100], "counts": made_by_others["counts"].decode() if compressed else plain_counts(covered)}
    assert np.array_equal(mask_of(runs, "here"), covered)
    assert np.array_equal(mask.decode(made_by_others), mask_of(runs, "here"))
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": runs}))
    assert contents.header.task == "polygons"
    [(_, at)] = boxes(found)
    again = mask.decode(mask.merge(mask.frPyObjects([list(at)], 80, 100)))
    assert np.array_equal(again.astype(bool), largest_part(covered))
    hw.Polygon(np.reshape(at, (-1, 2)).tolist(), "cat")  # it crosses nothing
    assert contents.lost.counts().get("part of an object", 0) == ndimage.label(covered)[1] - 1


def test_holes_of_a_mask_are_counted_and_what_touches_at_a_corner_is_apart(tmp_path):
    covered = np.zeros((80, 100), bool)
    covered[10:30, 10:30] = True
    covered[15:20, 15:20] = False
    covered[30:34, 30:34] = True
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={
        "segmentation": {"size": [80, 100], "counts": plain_counts(covered)}}))
    assert contents.lost.counts() == {"hole in an object": 1, "part of an object": 1}
    [(_, at)] = boxes(found)
    assert {at[n:n + 2] for n in range(0, 8, 2)} == {(10, 10), (30, 10), (30, 30), (10, 30)}


def test_a_mask_of_too_many_corners_has_the_most_that_a_polygon_has_and_says_so():
    comb = np.zeros((3, 2_400), bool)
    comb[2], comb[1, ::2] = True, True
    outline = outline_of(comb)
    assert not outline.exact
    assert len(hw.Polygon(np.reshape(outline.at, (-1, 2)).tolist(), "cat").points) <= 2_000
    assert outline_of(np.zeros((4, 4), bool)) is None


def test_a_mask_of_stripes_is_read_along_them_and_one_of_too_many_pieces_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(coco_masks, "MOST_PIECES", 60)
    n_pieces = []
    box = shapely.box
    monkeypatch.setattr(shapely, "box", lambda *at: n_pieces.append(len(at[0])) or box(*at))
    stripes = np.zeros((80, 100), bool)
    stripes[:, 0], stripes[:, 2::2] = True, True
    stripes[10:20, 3] = True
    outline = outline_of(stripes)
    assert n_pieces == [51], "one for each run of each column; the rows have 50 runs each"
    assert (outline.n_parts, outline.n_holes, outline.exact) == (49, 0, True)
    assert set(zip(outline.at[::2], outline.at[1::2], strict=True)) == {
        (2, 0), (3, 0), (3, 10), (4, 10), (4, 0), (5, 0), (5, 80), (4, 80), (4, 20), (3, 20), (3, 80), (2, 80)}

    chequered = np.indices((80, 100)).sum(axis=0) % 2 == 1
    contents, (record,) = made.read(FORMAT, one_box(tmp_path, annotations={
        "segmentation": {"size": [80, 100], "counts": plain_counts(chequered)}}), task="polygons")
    assert (record.answers, contents.lost.counts()) == ((), {"object": 1, "answer": 1})
    assert any("more than 60 runs of pixels" in why for _, _, why in contents.lost)


def test_a_project_of_boxes_reads_the_boxes_of_a_file_with_masks_where_it_is_told_to(tmp_path):
    covered = np.zeros((80, 100), bool)
    covered[20:60, 10:40] = True
    path = one_box(tmp_path, annotations={"segmentation": {"size": [80, 100], "counts": plain_counts(covered)}})
    of = {"format": "coco", "holdout": 0, "progress": False,
          "images": hw.Pool.from_images(np.zeros((1, 80, 100), np.uint8), ids=["a.png"])}
    with hw.Workbench.from_file(path, tmp_path / "p", task="boxes", **of) as wb:
        assert wb.objects()[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [[10, 20, 40, 60]]
        with pytest.raises(BadInput, match=r"Read its boxes with import_file\(path, task='boxes'\)"):
            wb.import_file(path, "coco")
        again = wb.import_file(path, "coco", task="boxes")
        assert (again.n_new, again.n_known) == (0, 1)
    with pytest.raises(BadInput, match=r"from_file\(path, folder, task='boxes'\) reads its boxes"):
        hw.Workbench.from_file(path, tmp_path / "p", **of)
    with hw.Workbench.from_file(path, tmp_path / "p", task="boxes", **of) as wb:
        assert len(wb.objects()) == 1
    labels = tmp_path / "labels.csv"
    labels.write_text("item_id,label\na.png,cat\n", "utf-8")
    with hw.Workbench.from_file(path, tmp_path / "q", **of) as wb:
        assert wb.project.task == "polygons"
        with pytest.raises(BadInput, match=r"\. Make a project"):
            wb.import_file(labels, "csv")


def test_a_mask_gives_the_box_of_an_object_without_one(tmp_path):
    covered = np.zeros((80, 100), bool)
    covered[5:9, 20:31] = True
    of = {"bbox": ..., "segmentation": {"size": [80, 100], "counts": plain_counts(covered)}}
    _, found = made.read(FORMAT, one_box(tmp_path, annotations=of), task="boxes")
    assert boxes(found) == [("cat", (20, 5, 31, 9))]
    of["segmentation"] = {"size": [80, 100], "counts": [8000]}
    contents, _ = made.read(FORMAT, one_box(tmp_path, annotations=of), task="boxes")
    assert contents.lost.counts()["object"] == 1


@pytest.mark.parametrize(("runs", "words"), [
    ({"size": [80, 100], "counts": [7, 8]}, "15 pixels; 80 x 100 has 8,000"),
    ({"size": [80, 100], "counts": [7, -8]}, "whole numbers from 0"),
    ({"size": [80, 100], "counts": [True, 7999]}, "whole numbers from 0"),
    ({"size": [80, 100], "counts": "é"}, "compressed text"),
    ({"size": [80, 100], "counts": "ooo"}, "midst of a number"),
    ({"size": [80, 100], "counts": "o" * 400}, "midst of a number"),
    ({"size": [80, 100], "counts": "P" * 400 + "0"}, "midst of a number"),
    ({"size": [80, 100], "counts": 3}, "a list of"),
    ({"size": [100, 80], "counts": [8000]}, "its image has 100 x 80"),
    ({"size": [10**9, 10**9], "counts": [10**18]}, "100,000,000 at most"),
    ({"size": "80", "counts": []}, "height, width"), ({"counts": []}, "height, width")])
def test_a_mask_that_cannot_be_is_refused_with_its_place(runs, words, tmp_path):
    with pytest.raises(BadInput, match=f"annotations\\[0\\].*{words}"):
        made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": runs}), task="polygons")


def test_an_outline_that_is_the_box_is_no_loss(tmp_path):
    box = [[10, 20, 40, 20, 40, 60, 10, 60]]
    contents, _ = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": box}))
    assert contents.header.task == "boxes"
    assert len(contents.lost) == 0


def test_the_largest_of_several_rings_is_kept_and_the_others_are_counted(tmp_path):
    rings = [[0, 0, 4, 0, 0, 4], [10, 20, 40, 20, 25, 60], [1, 2, 3, 4]]
    contents, found = made.read(FORMAT, one_box(tmp_path, annotations={"segmentation": rings}))
    assert boxes(found) == [("cat", (10, 20, 40, 20, 25, 60))]
    assert contents.lost.counts() == {"part of an object": 1}


@pytest.mark.parametrize(("change", "lost"), [
    ({"annotations": {"bbox": [5, 5, 0, 3]}}, {"object": 1, "answer": 1}),
    ({"annotations": {"iscrowd": 1}}, {"crowd": 1, "answer": 1}),
    ({"annotations": {"score": 0.5}}, {"score of an annotation": 1}),
    ({"annotations": {"attributes": {"occluded": False}}}, {"attributes of an annotation": 1}),
    ({"annotations": {"keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0], "num_keypoints": 2}}, {"keypoint": 2}),
    ({"categories": {"color": "#ff0000"}}, {"color of a category": 1}),
    ({"categories": {"name": "red\ncar"}}, {"name of a category": 1})])
def test_what_records_cannot_take_is_counted(change, lost, tmp_path):
    contents, _ = made.read(FORMAT, one_box(tmp_path, **change))
    assert contents.lost.counts() == lost


def test_keypoints_without_a_box_are_left_out_with_a_remedy(tmp_path):
    path = one_box(tmp_path, annotations={"bbox": ..., "keypoints": [1, 2, 2]})
    contents, (record,) = made.read(FORMAT, path, task="boxes")
    assert (record.answers, contents.lost.counts()) == ((), {"object": 1, "answer": 1})
    assert any("task='points'" in why for _, _, why in contents.lost)
    _, (record,) = made.read(FORMAT, path, task="points")
    assert [one.at for one in record.answers[0].objects] == [(1.0, 2.0)]


def test_other_fields_of_an_image_are_metadata(tmp_path):
    _, (record,) = made.read(FORMAT, one_box(tmp_path, images={"license": 3, "coco_url": "http://example.org/a.png"}))
    assert record.metadata == {"license": 3, "coco_url": "http://example.org/a.png"}


def test_a_path_that_leads_out_of_the_folder_is_a_name_alone(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "C:\\etc\\passwd"):
        _, (record,) = made.read(FORMAT, one_box(tmp_path / "in", images={"file_name": name}))
        assert record.name == "passwd"


@pytest.mark.parametrize(("change", "words"), [
    ({"images": 3}, "a list is expected"), ({"annotations": [3]}, r"annotations\[0\]"), ({"categories": []}, "no cat"),
    ({"annotations": {"category_id": 9}}, "isn't among the categories"),
    ({"annotations": {"category_id": None}}, "category_id None"), ({"annotations": {"image_id": 1}}, "isn't among"),
    ({"annotations": {"bbox": [1, 2, 3]}}, r"\[x, y, width, height\]"), ({"annotations": {"bbox": ...}}, "bbox None"),
    ({"annotations": {"bbox": [1, 2, "3", 4]}}, "bbox"), ({"annotations": {"bbox": [1, 2, float("nan"), 4]}}, "bbox"),
    ({"annotations": {"hitl": {"certainty": 11}}}, r"annotations\[0\].*certainty"),
    ({"annotations": {"hitl": {"odd": 11}}}, r"annotations\[0\]"),
    ({"images": {"id": ...}}, r"images\[0\] has the id None"), ({"images": {"id": True}}, "id True"),
    ({"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}, "two images of one id"),
    ({"images": [{"id": 1, "file_name": "a"}, {"id": 2, "file_name": "a"}], "annotations": []}, "as another image is"),
    ({"images": {"hitl": {"item_id": 3}}}, r"images\[0\]"),
    ({"images": {"hitl": {"answers": [{"annotator": "a", "verdict": "?"}]}}}, "verdict")])
def test_forged_files_are_refused_with_their_place(change, words, tmp_path):
    with pytest.raises(BadInput, match=words):
        made.read(FORMAT, one_box(tmp_path, **change))


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '{"images": [], "annotations": []}', "[" * 100 + "]" * 100,
                                     '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'])
def test_what_is_no_coco_is_refused(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(BadInput, match=r"a\.json"):
        made.read(FORMAT, tmp_path / "a.json")


def test_a_category_whose_label_id_is_no_text_is_one_of_others(tmp_path):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images([np.zeros((9, 9), np.uint8)]), ["cat"], task="boxes") as wb:
        wb.decide(str(wb.pool.ids[0]), objects=[])
        wb.export(tmp_path / "coco", "coco")
    path = tmp_path / "coco" / "annotations.json"
    body = json.loads(path.read_text())
    body["categories"][0]["hitl"]["label_id"] = {"a": 1}
    path.write_text(json.dumps(body))
    contents, _ = made.read(FORMAT, tmp_path / "coco")
    assert contents.header.taxonomy.names == ("cat",)


def test_results_are_read_beside_their_annotations_alone(tmp_path):
    folder = tmp_path / "in"
    (folder / "predictions").mkdir(parents=True)
    one_box(folder).rename(folder / "annotations.json")
    result = {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.25}
    (folder / "predictions" / "net.json").write_text(json.dumps([result]))
    _, (record,) = made.read(FORMAT, folder)
    assert [(one.model, one.objects[0].at, one.objects[0].score) for one in record.predictions] == [
        ("net", (1, 2, 4, 6), 0.25)]
    for odd in ({"image_id": 8}, {"category_id": 9}, {"score": None}):
        (folder / "predictions" / "net.json").write_text(json.dumps([result | odd]))
        with pytest.raises(BadInput, match=r"net\.json: \[0\]"):
            made.read(FORMAT, folder)


def test_folders_of_splits_are_read_with_their_splits(tmp_path):
    for split in ("train", "valid", "test"):
        (tmp_path / split).mkdir()
        one_box(tmp_path / split).rename(tmp_path / split / "_annotations.coco.json")
    _, records = made.read(FORMAT, tmp_path)
    assert [(record.item_id, record.split) for record in records] == [
        ("test/a.png", "holdout"), ("train/a.png", "train"), ("valid/a.png", "holdout")]


def test_what_another_tool_changed_in_our_file_counts(tmp_path):
    header = Header("boxes", "image", Taxonomy(["cat", "dog"]))
    cat = ObjectAnswer("o", "box", (1, 2, 3, 4), header.taxonomy.label_ids[0], "cat", certainty=3)
    made.write(FORMAT, header, [ItemRecord("i0", answers=(Answer("ann", objects=(cat,)),))], tmp_path / "out")
    path = tmp_path / "out" / "annotations.json"
    body = json.loads(path.read_text("utf-8"))
    body["categories"].append({"id": 9, "name": "lynx"})
    body["annotations"][0]["bbox"] = [1, 2, 5, 5]
    body["annotations"].append({"id": 77, "image_id": 1, "category_id": 9, "bbox": [0, 0, 9, 9]})
    path.write_text(json.dumps(body))
    contents, (record,) = made.read(FORMAT, tmp_path / "out")
    assert contents.header.taxonomy.names == ("cat", "dog", "lynx")
    assert [(one.label, one.at, one.certainty) for one in record.answers[0].objects] == [
        ("cat", (1, 2, 6, 7), 3), ("lynx", (0, 0, 9, 9), None)]


def test_what_somebody_was_unsure_of_is_no_object_to_other_tools(tmp_path):
    pool = hw.Pool.from_images(np.zeros((3, 20, 30), np.uint8), ids=["a", "b", "c"])
    with hw.Workbench(tmp_path / "p", pool, ["cell"], task="boxes", holdout=0) as wb:
        wb.decide("a", objects=[hw.Box(1, 1, 9, 9), hw.Box(10, 1, 19, 9, unsure=True)])
        wb.decide("b", "unsure", objects=[hw.Box(2, 2, 8, 8)])
        wb.decide("c", objects=[])
        wb.export(tmp_path / "coco", format="coco", people="names")
        ours = wb.objects().drop(columns="object_id")
    found = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["images/a.png", "images/c.png"]
    assert [one["iscrowd"] for one in found["annotations"]] == [0, 1]
    with hw.Workbench.from_file(tmp_path / "coco", tmp_path / "q", format="coco", holdout=0) as wb:
        assert wb.objects().drop(columns="object_id").equals(ours)
        assert set(wb.annotations()["item_id"]) == {"a", "b", "c"}
