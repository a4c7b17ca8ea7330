"""Average precision as pycocotools gives it, F1 of points, kinds of errors, and their intervals."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import pandas as pd
import pytest
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scale import tenth

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import compare_detection, detection
from hitl_widgets.quality.object_detection import Detection
from hitl_widgets.quality.object_matching import Reviewed

N_IMAGES, N_LABELS = 6, 4
CORNERS = ["x0", "y0", "x1", "y1"]


def world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """True and predicted boxes of whole pixels: crowds, tied scores, empty images, a label that is never true."""
    rng = np.random.default_rng(seed)
    truth, predictions = [], []
    for image in range(N_IMAGES):
        boxes = []
        for _ in range(rng.integers(0, 7)):
            (x0, y0), (width, height) = rng.integers(0, 150, 2), rng.integers(4, 80, 2)
            boxes.append((x0, y0, x0 + width, y0 + height, int(rng.integers(N_LABELS))))
            truth.append((image, boxes[-1][4], *boxes[-1][:4], rng.random() < 0.1))
        for _ in range(rng.integers(0, 12)):
            (x0, y0), (width, height) = rng.integers(0, 150, 2), rng.integers(4, 80, 2)
            x1, y1, label = x0 + width, y0 + height, int(rng.integers(N_LABELS + 1))
            if boxes and rng.random() < 0.7:
                at, moved = boxes[rng.integers(len(boxes))], rng.integers(-8, 9, 4)
                x0, y0 = at[0] + moved[0], at[1] + moved[1]
                x1, y1 = max(x0 + 1, at[2] + moved[2]), max(y0 + 1, at[3] + moved[3])
                label = at[4] if rng.random() < 0.85 else label
            score = rng.random()
            predictions.append((image, label, x0, y0, x1, y1, round(score, 1) if seed % 2 else score))
    return (pd.DataFrame(truth, columns=["item_id", "label", *CORNERS, "crowd"]).astype({"crowd": bool}),
            pd.DataFrame(predictions, columns=["item_id", "label", *CORNERS, "score"]))


def cocoeval(truth: pd.DataFrame, predictions: pd.DataFrame, *, segm: bool = False) -> COCOeval:
    """What pycocotools makes of the same tables."""
    def entry(row: pd.Series) -> dict[str, object]:
        x0, y0, x1, y1 = (float(row[name]) for name in CORNERS)
        found: dict[str, object] = {"image_id": int(row["item_id"]), "category_id": int(row["label"]),
                                    "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}
        if segm:
            outline = [np.asarray(row["points"]).ravel().tolist()]
            found["segmentation"] = mask.merge(mask.frPyObjects(outline, 240, 240))
            del found["bbox"]
        return found

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": [{"id": image, "width": 240, "height": 240} for image in range(N_IMAGES)],
                        "categories": [{"id": label} for label in range(N_LABELS + 1)],
                        "annotations": [{**entry(row), "id": place + 1, "iscrowd": int(row.get("crowd", False))}
                                        for place, row in truth.reset_index(drop=True).iterrows()]}
        coco.createIndex()
        results = coco.loadRes([{**entry(row), "score": float(row["score"])} for _, row in predictions.iterrows()])
        evaluation = COCOeval(coco, results, "segm" if segm else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def or_nan(values: np.ndarray) -> np.ndarray:
    return np.where(np.asarray(values) == -1, np.nan, values)


def test_average_precision_is_that_of_pycocotools_in_120_cases() -> None:
    n_nan = 0
    for seed in range(tenth(120)):
        truth, predictions = world(seed)
        if not len(predictions):
            continue
        ours, theirs = detection(truth, predictions, resamples=2), cocoeval(truth, predictions)
        assert np.allclose([ours[name].value for name in ("map", "map50", "map75")], or_nan(theirs.stats[:3]),
                           atol=1e-6, equal_nan=True), seed
        assert np.allclose(ours.by_area["map"], or_nan(theirs.stats[3:6]), atol=1e-6, equal_nan=True), seed
        precision = theirs.eval["precision"][:, :, :, 0, 2]
        for label in ours.table.index[1:]:
            of = precision[:, :, int(label)]
            expected = np.nan if (of == -1).all() else of.mean()
            assert ours.table.loc[label, "map"] == pytest.approx(expected, abs=1e-6, nan_ok=True), (seed, label)
            n_nan += np.isnan(expected)
    assert n_nan > 0, "no label was absent"


def test_the_best_hundred_of_an_image_and_label_count() -> None:
    truth = pd.DataFrame({"item_id": 0, "label": 0, "x0": [10], "y0": 10, "x1": 30, "y1": 30, "crowd": False})
    predictions = pd.DataFrame({"item_id": 0, "label": 0, "x0": [50.0] * 100 + [10.0], "y0": 10, "x1": 70, "y1": 30,
                                "score": np.linspace(0.9, 0.1, 101)})
    predictions.loc[100, "x1"] = 30
    assert detection(truth, predictions)["map50"].value == 0 == cocoeval(truth, predictions).stats[1]
    predictions.loc[100, "score"] = 0.95
    assert detection(truth, predictions)["map50"].value == 1 == pytest.approx(cocoeval(truth, predictions).stats[1])


@pytest.mark.long
def test_polygons_overlap_as_pycocotools_masks_do_within_two_hundredths() -> None:
    # Its masks are of whole pixels: overlaps near a threshold may fall on the other side of it.
    differences = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth, predictions = (table.drop(columns="crowd", errors="ignore") for table in world(2 * seed))
        for table in (truth, predictions):
            if len(table):
                turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
                table[CORNERS] = table[CORNERS].to_numpy() + np.array([20, 20, 40, 40])
                table["points"] = [np.column_stack([(x0 + x1 + (x1 - x0) * np.cos(turn)) / 2,
                                                    (y0 + y1 + (y1 - y0) * np.sin(turn)) / 2]).tolist()
                                   for x0, y0, x1, y1 in table[CORNERS].to_numpy()]
                table["kind"] = "polygon"
        if len(truth) and len(predictions):
            predictions["score"] = rng.permutation(len(predictions)) / len(predictions)
            differences.append(detection(truth, predictions, resamples=2)["map50"].value
                               - float(or_nan(cocoeval(truth, predictions, segm=True).stats[1])))
    assert len(differences) > 20
    assert np.nanmean(np.abs(differences)) < 0.02


def test_a_label_that_is_in_no_image_is_nan_and_left_out_of_the_mean() -> None:
    truth, predictions = three_boxes()
    predictions = pd.concat([predictions, predictions.iloc[:1].assign(label="other")])
    found = detection(truth, predictions)
    assert np.isnan(found.table.loc["other", "map50"])
    assert found["map50"].value == 1
    assert found.estimate("map50", "other").why == "no object of this label is known to be there"


def three_boxes() -> tuple[pd.DataFrame, pd.DataFrame]:
    truth = pd.DataFrame({"item_id": ["a", "a", "b"], "object_id": ["t1", "t2", "t3"],
                          "label": ["cell", "cell", "dust"], "x0": [0, 50, 0], "y0": 0, "x1": [40, 90, 40], "y1": 40})
    return truth, truth.assign(score=[0.9, 0.8, 0.7], object_id=["p1", "p2", "p3"])


def test_images_that_were_not_looked_at_can_be_left_out_and_are_named_otherwise() -> None:
    truth, predictions = three_boxes()
    more = pd.concat([predictions, predictions.iloc[:1].assign(item_id="c", score=1.0)])
    assert "1 images have predictions and no true object" in repr(detection(truth, more))
    assert detection(truth, more).estimate("map50", "cell").value < 1
    assert detection(truth, more, images=["a", "b"]).estimate("map50", "cell").value == 1
    truth.attrs["reviewed"] = Reviewed([("a", "ann"), ("b", "ann"), ("c", "bob")])
    assert detection(truth.assign(annotator="ann"), more)["map50"].value == 1
    assert detection(truth, more)["map50"].value < 1


def test_objects_that_somebody_was_unsure_of_need_not_be_found() -> None:
    truth, predictions = three_boxes()
    truth = truth.assign(status=["decided", "unsure", "decided"], act=["added", "added", "deleted"])
    assert detection(truth, predictions[:1])["map50"].value == 1
    assert detection(truth, predictions[:2])["map50"].value == 1


def test_each_kind_of_error_is_told_and_costs_what_mending_it_gains() -> None:
    truth = pd.DataFrame({"item_id": range(5), "object_id": [f"t{k}" for k in range(5)], "label": "cell", "x0": 0,
                          "y0": 0, "x1": 40, "y1": 40})
    truth.loc[4, "label"] = "dust"
    predictions = pd.DataFrame([
        (0, "cell", 0, 0, 40, 40, 0.99), (0, "cell", 1, 0, 40, 40, 0.98),  # right, and its duplicate
        (1, "cell", 0, 0, 40, 16, 0.9),  # overlap 0.4: beside it
        (2, "dust", 0, 0, 40, 40, 0.8),  # another label
        (3, "dust", 0, 0, 40, 16, 0.7),  # both, so that this one is missed
        (4, "dust", 90, 90, 99, 99, 0.6), (4, "dust", 0, 0, 40, 40, 0.5),  # on nothing; right
    ], columns=["item_id", "label", *CORNERS, "score"]).assign(object_id=[f"p{k}" for k in range(7)])
    found = detection(truth, predictions, resamples=50)
    errors = found.errors.set_index("error")
    assert errors["n"].to_dict() == {"classification": 1, "localisation": 1, "both": 1, "duplicate": 1,
                                     "background": 1, "missed": 1}
    cases = found.cases.set_index("error")
    assert cases.loc["classification", "true_id"] == "t2"
    assert cases.loc["localisation", ["object_id", "true_id"]].tolist() == ["p2", "t1"]
    assert cases.loc["localisation", "overlap"] == pytest.approx(0.4)
    assert cases.loc["missed", "true_id"] == "t3"
    # By hand: cell has 4 objects, 1 found first: 26 points of recall at precision 1. Mended, the classification error
    # is a fourth prediction that is right, behind two wrong ones: recall to .5 at precision 2 / 4.
    base = 26 / 101
    assert found.estimate("map50", "cell").value == pytest.approx(base)
    dust = (1 / 4, 1 / 3, 1 / 3, 1 / 3)  # right as the fourth; as the third without an error before it
    assert found.estimate("map50", "dust").value == pytest.approx(dust[0])
    assert errors.loc["classification", "cost"] == pytest.approx((25 * 0.5 / 101 + dust[1] - dust[0]) / 2)
    assert errors.loc["background", "cost"] == pytest.approx((dust[2] - dust[0]) / 2)
    assert errors.loc["missed", "cost"] == pytest.approx((34 / 101 - base) / 2)
    assert (errors["low"] <= errors["cost"]).all()


def test_points_are_found_within_three_percent_of_the_diagonal() -> None:
    truth = pd.DataFrame({"item_id": [0, 0, 1], "kind": "point", "label": "cell", "x0": [10, 100, 50], "y0": 10})
    predictions = pd.DataFrame({"item_id": [0, 0, 0, 1, 1], "kind": "point", "label": "cell",
                                "x0": [10, 114, 300, 66, 50], "y0": 10, "score": [0.9, 0.8, 0.7, 0.6, 0.4]})
    sizes = {0: (400, 300), 1: (400, 300)}  # 15 px are 3 %
    found = detection(truth, predictions, sizes=sizes)
    assert (found["precision"].value, found["recall"].value) == (pytest.approx(2 / 4), pytest.approx(2 / 3))
    assert found["f1"].value == pytest.approx(2 * 2 / (4 + 3))
    assert detection(truth, predictions, sizes=sizes, threshold={"cell": 0.3})["recall"].value == 1
    assert found.errors.set_index("error").loc["localisation", "n"] == 1
    with pytest.raises(BadInput, match="size of image"):
        detection(truth, predictions)


def test_figures_are_written_and_read_again_without_the_objects() -> None:
    found = detection(*three_boxes())
    again = Detection.from_dict(json.loads(json.dumps(found.to_dict())))
    assert repr(again) == repr(found)
    assert again["map"] == found["map"]
    assert again.per_label.loc["cell", "n_objects"] == 2
    with pytest.raises(BadInput, match="only the figures"):
        _ = again.errors


def test_a_gain_is_paired_over_images() -> None:
    truth, predictions = (pd.concat([table.assign(item_id=f"{table_id}-" + table["item_id"].astype(str))
                                     for table_id in range(20)], ignore_index=True) for table in three_boxes())
    rng = np.random.default_rng(0)
    before = predictions[rng.random(len(predictions)) < 0.6]
    gain = compare_detection(truth, before, predictions)
    assert gain.value == pytest.approx(1 - detection(truth, before, images=truth["item_id"])["map50"].value)
    assert 0 < gain.low < gain.value < gain.high <= 1
    same = compare_detection(truth, before, before)
    assert same.low < same.value == 0 < same.high < 0.2  # images that weren't seen may differ


def test_a_model_that_makes_no_error_has_an_interval_all_the_same() -> None:
    truth = pd.DataFrame({"item_id": range(30), "label": "cell", "x0": 0, "y0": 0, "x1": 40, "y1": 40})
    perfect = detection(truth, truth.assign(score=0.5))["map50"]
    assert perfect.value == perfect.high == 1
    assert perfect.low == pytest.approx(0.025 ** (1 / 30))


def test_images_of_a_group_are_resampled_together() -> None:
    truth, predictions = (pd.concat([table.assign(item_id=copy * 10 + np.arange(3)) for copy in range(12)],
                                    ignore_index=True) for table in three_boxes())
    predictions = predictions[predictions["item_id"] >= 60]
    alone = detection(truth, predictions)["map50"]
    grouped = detection(truth, predictions, groups={item: item // 10 // 3 for item in truth["item_id"]})["map50"]
    assert grouped.high - grouped.low > 1.3 * (alone.high - alone.low)


def test_tables_that_cannot_be_compared_are_refused_in_words() -> None:
    truth, predictions = three_boxes()
    with pytest.raises(ShapeError, match="lacks score"):
        detection(truth, truth)
    with pytest.raises(ShapeError, match="lacks item_id"):
        detection(truth.drop(columns="item_id"), predictions)
    with pytest.raises(BadInput, match="annotators"):
        detection(truth.assign(annotator=["ann", "bob", "ann"]), predictions)
    with pytest.raises(BadInput, match="objects of one kind"):
        detection(truth.assign(kind="point"), predictions.assign(kind="box"))
    with pytest.raises(BadInput, match="isn't finite"):
        detection(truth, predictions.assign(score=np.nan))
    with pytest.raises(BadInput, match="coordinate of image 'a'"):
        detection(truth.assign(x1=[np.nan, 1, 1]), predictions)


def test_nothing_found_is_zero_and_nothing_there_is_no_number() -> None:
    truth, predictions = three_boxes()
    assert detection(truth, predictions[:0])["map"].value == 0
    empty = detection(truth[:0], predictions)
    assert np.isnan(empty["map"])
    assert empty.why
    assert detection(truth[:0], predictions[:0]).errors["n"].sum() == 0


def test_the_plot_and_the_table_of_a_notebook_show_every_label() -> None:
    found = detection(*three_boxes())
    texts = [text.get_text() for axes in found.plot().axes for text in [*axes.get_yticklabels(), axes.title]]
    assert "cell  (n = 2)" in texts
    assert "missed  (n = 0)" in texts
    assert "dust" in found._repr_html_()
