"""Objects that can't be: each is refused in a clear word, from a script and from a model, and nothing else is lost."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, HitlError, UnknownLabel
from hitl_widgets.events import Event
from hitl_widgets.records import utc_now

BCCD = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd"
NAMES = ["RBC", "WBC", "Platelets"]


@pytest.fixture
def wb(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (12, 60, 80, 3), np.uint8)
    with hw.Workbench(tmp_path / "cells", hw.Pool.from_images(images), NAMES, task="boxes", annotator="ada",
                      holdout=0) as wb:
        yield wb


def refused(wb, match, objects, kind=BadInput):
    """What was stored before is all that is there after objects were refused."""
    wb.decide("0", objects=[hw.Box(1, 2, 30, 40, "RBC")])
    before = wb.objects()
    with pytest.raises(kind, match=match):
        wb.decide("1", objects=objects() if callable(objects) else objects)
    assert wb.objects().equals(before)
    assert len(wb.annotations()) == 1


@pytest.mark.parametrize(("at", "match"), [
    ((10, 10, 10, 20), "has no area"), ((10, 10, 20, 10), "has no area"), ((10, 10, 10, 10), "has no area"),
    ((20, 10, 10, 20), "is inverted"), ((10, 20, 20, 10), "is inverted"),
    ((math.nan, 1, 2, 3), "finite numbers"), ((1, 1, math.inf, 3), "finite numbers"),
    (("a", 1, 2, 3), "finite numbers"),
    ((None, 1, 2, 3), "finite numbers"), ((1, 1, 1e300, 3), "finite numbers")])
def test_a_box_that_is_none_is_refused_with_its_numbers(wb, at, match):
    refused(wb, match, lambda: [hw.Box(*at, "RBC")])
    refused(wb, match, [{"kind": "box", "at": list(at), "label": "RBC"}])


@pytest.mark.parametrize("at", [(-5, 1, 20, 20), (1, -5, 20, 20), (1, 1, 90, 20), (1, 1, 20, 90), (100, 100, 120, 120)])
def test_a_box_outside_its_image_is_refused_with_the_images_size(wb, at):
    how = "lies" if at[0] == 100 else "reaches"
    refused(wb, f"{how} outside its image, which is 80 x 60", [hw.Box(*at, "RBC")])


def test_a_box_that_ends_up_to_a_pixel_beyond_the_edge_is_cut_off_there(wb):
    wb.decide("1", objects=[hw.Box(-1, -0.5, 81, 61, "RBC")])
    assert wb.objects()[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [0, 0, 80, 60]


def test_a_label_that_isnt_there_is_refused_and_so_is_none(wb):
    refused(wb, "is not in taxonomy|isn't in|unknown", [hw.Box(1, 1, 5, 5, "lynx")], UnknownLabel)
    refused(wb, "has no label", [hw.Box(1, 1, 5, 5)])


def test_ten_thousand_boxes_are_refused_at_once_and_a_thousand_are_kept(wb):
    many = [hw.Box(x, y, x + 1, y + 1, "RBC") for x in range(79) for y in range(59)] * 3
    refused(wb, "objects were given for one image; 1,000 are possible", many[:10_000])
    wb.decide("1", objects=many[:1000])
    assert len(wb.objects().query("item_id == '1'")) == 1000


@pytest.mark.parametrize("objects", ["a box", 3, [3], [("box", 1, 2, 3, 4)], {"at": [1, 2, 3, 4]}, [{"kind": "box"}],
                                     [{"kind": "cube", "at": [1, 2, 3, 4]}], [{"kind": "box", "at": [1, 2, 3]}]])
def test_what_is_no_list_of_objects_is_refused(wb, objects):
    refused(wb, "expected", objects)


def test_one_bad_object_among_good_ones_stores_none_of_them_and_the_good_ones_can_be_given_again(wb):
    good = [hw.Box(1, 1, 9, 9, "RBC"), hw.Box(20, 20, 30, 30, "WBC")]
    refused(wb, "outside", [*good, hw.Box(70, 10, 95, 20, "RBC")])
    assert len(wb.decide("1", objects=good).objects) == 2


def test_what_a_model_gives_wrongly_is_left_out_and_said_and_the_rest_is_proposed(tmp_path, capsys):
    class Odd:
        version = "odd-1"

        def predict(self, images):
            boxes = [[1, 1, 20, 20], [5, 5, 5, 30], [30, 5, 10, 20], [np.nan, 1, 2, 3], [200, 200, 300, 300],
                     [-9, -9, 30, 30], [1, 1, 9, 9], [2, 2, 12, 12]]
            return [{"boxes": np.array(boxes, np.float32), "labels": ["RBC"] * 6 + ["lynx", "WBC"],
                     "scores": [0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.6, np.nan]} for _ in images]
    pool = hw.Pool.from_images(np.zeros((3, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", model=Odd()) as wb:
        found = wb.predict_objects().query("item_id == '0'")
        assert found[["x0", "y0", "x1", "y1"]].to_numpy().tolist() == [[1, 1, 20, 20], [0, 0, 30, 30]]
        news = " ".join([*wb.session.news, capsys.readouterr().out])
    for word in ("without area", "inverted", "no number", "outside", "lynx", "score"):
        assert word in news


def test_a_model_that_finds_ten_thousand_boxes_proposes_the_best_hundred(tmp_path):
    class Many:
        version = "many-1"

        def predict(self, images):
            rng = np.random.default_rng(0)
            corners = rng.uniform(0, 40, (10_000, 2))
            return [{"boxes": np.hstack([corners, corners + 10]), "labels": ["RBC"] * 10_000,
                     "scores": rng.uniform(0, 1, 10_000)} for _ in images]
    pool = hw.Pool.from_images(np.zeros((2, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="boxes", model=Many()) as wb:
        found = wb.predict_objects()
        assert found.groupby("item_id").size().tolist() == [100, 100]
        assert found["score"].min() > 0.98


def test_coordinates_are_of_the_image_as_it_is_shown_after_exif_rotation(tmp_path):
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[5:15, 70:95] = 255  # upper right as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)

    class Bright:
        version = "bright-1"

        def predict(self, images):
            found = []
            for image in images:
                y, x = np.nonzero(image[..., 0] > 128)
                found.append({"boxes": [[x.min(), y.min(), x.max() + 1, y.max() + 1]], "labels": ["WBC"],
                              "scores": [0.9]})
            return found
    pool = hw.Pool.from_images(tmp_path)
    with hw.Workbench(tmp_path / "project", pool, NAMES, task="boxes", model=Bright(), holdout=0) as wb:
        assert pool.size(0) == (100, 40)
        [one] = wb.session.proposals(0)
        assert np.abs(np.array(one.at) - [25, 70, 35, 95]).max() <= 1
        wb.decide("turned.jpg", objects=[hw.Box(25, 70, 35, 95, "WBC")])
        body = wb.history().query("kind == 'decided'")["body"].iloc[-1]
        assert body["size"] == [40, 100]
        with pytest.raises(BadInput, match="which is 40 x 100"):
            wb.decide("turned.jpg", objects=[hw.Box(70, 5, 95, 15, "WBC")])


def test_an_image_that_changed_its_size_is_asked_again_in_the_new_size_and_its_objects_are_kept(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (80, 60), "white").save(folder / name)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), NAMES, task="boxes", annotator="ada",
                      holdout=0) as wb:
        wb.decide("a.png", objects=[hw.Box(10, 10, 70, 50, "RBC")])
    Image.new("RGB", (40, 30), "white").save(folder / "a.png")
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), NAMES, annotator="ada") as wb:
        assert wb.objects()[["x0", "y0", "x1", "y1"]].iloc[0].tolist() == [10, 10, 70, 50]
        with pytest.raises(BadInput, match="which is 40 x 30"):
            wb.decide("a.png", objects=[hw.Box(10, 10, 70, 50, "RBC")])
        assert len(wb.objects()) == 1
        assert "has changed ('a.png')" in capsys.readouterr().out
        assert "a.png" in [item.id for item in wb.next(2)]
        wb.decide("b.png", objects=[hw.Box(10, 10, 70, 50, "RBC")])
        wb.decide("a.png", objects=[hw.Box(5, 5, 35, 25, "RBC")])
        assert wb.history().query("kind == 'decided'")["body"].iloc[-1]["size"] == [40, 30]


def test_an_image_that_cant_be_read_any_more_is_refused_without_losing_what_was_said_of_it(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (80, 60), "white").save(folder / name)
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), NAMES, task="boxes", annotator="ada",
                      holdout=0) as wb:
        wb.decide("a.png", objects=[hw.Box(10, 10, 70, 50, "RBC")])
    (folder / "a.png").write_bytes(b"no image")
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(folder), NAMES, annotator="ada") as wb:
        assert len(wb.objects()) == 1
        with pytest.raises(HitlError, match=r"a\.png"):
            wb.decide("a.png", objects=[hw.Box(1, 1, 7, 5, "RBC")])


@pytest.mark.parametrize(("points", "match"), [
    ([(1, 1), (9, 9)], "3 different ones"), ([(1, 1), (1, 1), (1, 1)], "3 different ones"),
    ([(1, 1), (5, 5), (9, 9)], "has no area"), ([(1, 1), (9, 9), (9, 1), (1, 7)], "crosses"),
    ([(1, 1), (9, 1), (math.nan, 4)], "finite numbers"), ([(1, 1), (99, 1), (50, 40)], "reaches outside its image")])
def test_a_polygon_that_is_none_is_refused(tmp_path, points, match):
    pool = hw.Pool.from_images(np.zeros((3, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="polygons") as wb:
        with pytest.raises(BadInput, match=match):
            wb.decide("0", objects=[hw.Polygon(points, "RBC")])
        assert len(wb.annotations()) == 0


@pytest.mark.parametrize(("at", "match"), [((math.nan, 1), "finite numbers"), ((99, 3), "lies outside its image")])
def test_a_point_that_is_none_is_refused(tmp_path, at, match):
    pool = hw.Pool.from_images(np.zeros((3, 60, 80), np.uint8))
    with hw.Workbench(tmp_path / "p", pool, NAMES, task="points") as wb:
        with pytest.raises(BadInput, match=match):
            wb.decide("0", objects=[hw.Point(*at, "RBC")])
        assert len(wb.annotations()) == 0


@pytest.mark.data
def test_the_box_without_area_of_bccd_is_refused_and_the_others_of_its_image_are_kept(tmp_path):
    from xml.etree import ElementTree
    [path] = BCCD.rglob("BloodImage_00338.xml") if BCCD.exists() else [None]
    if path is None:
        pytest.skip("needs ../shared/data/bccd")
    boxes = [(*(float(one.findtext(f"bndbox/{side}") or "nan") for side in ("xmin", "ymin", "xmax", "ymax")),
              one.findtext("name")) for one in ElementTree.parse(path).iter("object")]
    flat = [box for box in boxes if box[0] == box[2] or box[1] == box[3]]
    assert len(flat) == 1
    [picture] = BCCD.rglob("BloodImage_00338.jpg")
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(np.asarray(Image.open(picture))[None]), NAMES,
                      task="boxes") as wb:
        with pytest.raises(BadInput, match="has no area"):
            wb.decide("0", objects=[hw.Box(*box) for box in boxes])
        wb.decide("0", objects=[hw.Box(*box) for box in boxes if box not in flat])
        assert len(wb.objects()) == len(boxes) - 1


def _invented(**more):
    def body(label_id):
        one = {"id": "a", "kind": "box", "at": [1, 1, 9, 9], "label_id": label_id, "label": "RBC"}
        seen = {"taxonomy": 1, "model": "m", "arm": "shown", "arm_probability": 0.5, "threshold": 0.3,
                "threshold_probability": 0.3}
        place = {"id": "q", "kind": "box", "at": [1, 2, 30, 40], "label_id": label_id}
        made = {"verdict": "correct", "label_id": f"+{label_id}", "label": "RBC", "objects": [one], "size": [80, 60],
                "seen": seen}
        for name, value in more.items():
            if name == "one":
                one |= value
            elif name == "seen":
                seen |= value
            elif name in ("withheld", "shown"):
                seen |= {"withheld" if name == "withheld" else "objects": [{**place, **value}]}
            else:
                made[name] = value
        return made
    return body


@pytest.mark.long
@pytest.mark.parametrize("more", [
    {"one": {"score": [1]}}, {"one": {"iou": "x"}}, {"one": {"iou": 10**400}}, {"one": {"act": ["moved"]}},
    {"one": {"was": {"at": "x"}, "act": "moved", "origin": "model"}}, {"one": {"unsure": "yes"}},
    {"one": {"was": {"at": [1, 2], "label_id": ["x"]}, "act": "moved", "origin": "model"}},
    {"one": {"was": "x", "act": "moved", "origin": "model"}},
    {"size": [10**30, 10**30]}, {"size": None}, {"size": "80x60"}, {"objects": {"a": 1}}, {"objects": "abc"},
    {"objects": [None, 3, {}]}, {"withheld": {"kind": None}}, {"withheld": {"at": "abcd"}}, {"withheld": {"at": []}},
    {"withheld": {"at": ["a", 1, 2, 3]}}, {"withheld": {"kind": "cube"}}, {"withheld": {"kind": ["box"]}},
    {"withheld": {"label_id": [1]}}, {"withheld": {"at": [1, 1, 1, 1]}, "one": {"at": [1, 1, 1, 1]}},
    {"withheld": {"score": "y"}}, {"shown": {"score": [1]}}, {"shown": {"was": "x"}}, {"shown": {"at": None}},
    {"seen": {"objects": 3, "withheld": "abc"}}, {"seen": {"threshold": "x", "threshold_probability": "y"}}], ids=str)
def test_an_invented_answer_of_objects_keeps_nothing_else_from_being_read(wb, more):
    for item_id in ("0", "1"):
        for who in ("ada", "bob"):
            wb.decide(item_id, objects=[hw.Box(1, 2, 30, 40, "RBC"), hw.Box(40, 2, 60, 40, "WBC")], annotator=who)
    label_id = wb.taxonomy.label("RBC").id
    wb.project.log.append(*(Event(f"invented-{n}", "decided", who, utc_now(), _invented(**more)(label_id), item_id=item)
                            for n, (who, item) in enumerate([("eve", "0"), ("ada", "2")])))
    with hw.Workbench(wb.folder, wb.pool, annotator="ada", progress=False) as again:
        for table in (again.objects(), again.objects(deleted=True), again.objects(consensus=True)):
            assert len(table[table["item_id"].isin(["0", "1"])]) >= 4
        assert len(again.project.answers().reviewed_images().query("annotator != 'eve' and item_id in ['0', '1']")) == 4
        again.people.bias()
        again.people.agreement()
        again.people.second_looks()
        again.project.reference_objects()
        again.progress()
        again.next(3, strategy="disagreement")
        again.decide("2", objects=[hw.Box(1, 1, 20, 20, "WBC")])
        assert len(again.objects().query("item_id == '2' and annotator == 'ada'")) == 1


def test_known_answers_are_refused_in_words_also_from_an_empty_table_of_objects(wb):
    with pytest.raises(BadInput, match="known answers are about the labels of whole items"):
        wb.gold(wb.objects())
