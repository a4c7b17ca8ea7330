"""Consensus of several people on the objects of images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import detection
from hitl_widgets.quality.object_consensus import consensus_objects, object_abilities
from hitl_widgets.quality.object_matching import Reviewed

SIDES = ["x0", "y0", "x1", "y1"]


def crowd(seed: int, noises: tuple[float, ...], n_images: int = 30) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The truth, and what people of each noise find: they miss, mistake, misplace and invent objects."""
    rng = np.random.default_rng(seed)
    truth, rows = [], []
    for image in range(n_images):
        n = 1 + rng.poisson(7)
        corner, side = rng.uniform(0, 500, (n, 2)), rng.uniform(25, 70, (n, 2))
        label, box, sides = rng.integers(0, 3, n), np.hstack([corner, corner + side]), np.hstack([side, side])
        truth.append(pd.DataFrame(box, columns=SIDES).assign(item_id=image, label=label))
        for place, noise in enumerate(noises):
            seen = rng.random(n) > noise
            moved = box + rng.normal(0, 0.4 * noise, (n, 4)) * sides
            named = np.where(rng.random(n) < noise, rng.integers(0, 3, n), label)
            extra = rng.uniform(0, 500, (rng.poisson(noise * n), 2))
            boxes = np.vstack([moved[seen], np.hstack([extra, extra + 40])])
            rows.append(pd.DataFrame(boxes, columns=SIDES).assign(
                item_id=image, annotator=f"p{place}", label=[*named[seen], *rng.integers(0, 3, len(extra))]))
    return pd.concat(truth, ignore_index=True), pd.concat(rows, ignore_index=True)


def worth(truth: pd.DataFrame, objects: pd.DataFrame) -> float:
    return detection(truth, objects.drop(columns="annotator").assign(score=1.0), resamples=2)["map"].value


def one(item: int, annotator: str, x0: float, x1: float, label: str = "cell", **more: object) -> dict[str, object]:
    return {"item_id": item, "annotator": annotator, "label": label, "x0": x0, "y0": 0, "x1": x1, "y1": 40, **more}


@pytest.mark.long
@pytest.mark.parametrize("noises", [(0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.1, 0.1), (0.15, 0.15), (0.2, 0.2, 0.2, 0.2)])
def test_the_consensus_is_better_than_any_of_the_people(noises: tuple[float, ...]) -> None:
    for seed in range(3):
        truth, objects = crowd(seed, noises)
        best = max(worth(truth, rows) for _, rows in objects.groupby("annotator"))
        assert worth(truth, consensus_objects(objects)) > best + 0.02, seed


def test_one_careful_person_among_careless_ones_is_found_out() -> None:
    truth, objects = crowd(0, (0.05, 0.3, 0.3))
    people = object_abilities(objects).set_index("annotator")
    assert people["found"].idxmax() == people["named"].idxmax() == people["spread"].idxmin() == "p0"
    unweighted = consensus_objects(objects.assign(annotator=objects["annotator"]))
    careful = objects[objects["annotator"] == "p0"]
    assert worth(truth, unweighted) > 0.9 * worth(truth, careful)


def test_spread_is_that_with_which_sides_were_placed() -> None:
    _, objects = crowd(1, (0.05, 0.1, 0.2), n_images=60)
    assert object_abilities(objects)["spread"].to_numpy() == pytest.approx([0.02, 0.04, 0.08], rel=0.4)


def test_an_object_stands_where_most_of_those_who_reviewed_the_image_found_it() -> None:
    objects = pd.DataFrame([one(1, "ann", 0, 40), one(1, "bob", 1, 41), one(1, "cleo", 200, 240), one(2, "ann", 0, 40)])
    found = consensus_objects(objects)
    assert found["item_id"].tolist() == [1, 2]
    assert found["n"].tolist() == [2, 1]
    assert found["x0"].tolist() == [pytest.approx(0.5), 0]
    assert set(found["annotator"]) == {"consensus"}
    everybody = pd.DataFrame([(item, who) for item in (1, 2) for who in ("ann", "bob", "cleo")],
                             columns=["item_id", "annotator"])
    assert consensus_objects(objects, everybody)["item_id"].tolist() == [1]
    objects.attrs["reviewed"] = Reviewed(everybody.itertuples(index=False, name=None))
    assert consensus_objects(objects)["item_id"].tolist() == [1]


def test_what_one_of_two_people_found_is_listed_as_unsure() -> None:
    found = consensus_objects(pd.DataFrame([one(1, "ann", 0, 40), one(1, "bob", 0, 40), one(1, "bob", 90, 130)]))
    assert found["status"].tolist() == ["decided", "unsure"]
    assert found["share"].tolist() == [1.0, pytest.approx(0.5)]


def test_the_label_is_that_of_the_most_and_a_tie_is_unsure() -> None:
    three = [one(1, "ann", 0, 40, "cell"), one(1, "bob", 0, 40, "dust"), one(1, "cleo", 0, 40, "dust")]
    assert consensus_objects(pd.DataFrame(three))[["label", "status"]].values.tolist() == [["dust", "decided"]]
    assert consensus_objects(pd.DataFrame(three[:2]))["status"].tolist() == ["unsure"]


def test_deleted_and_planted_objects_are_no_votes() -> None:
    objects = pd.DataFrame([one(1, "ann", 0, 40, act="accepted", status="decided"),
                            one(1, "bob", 0, 40, act="deleted", status="decided"),
                            one(1, "bob", 90, 130, act="added", status="planted")])
    assert consensus_objects(objects)[["x0", "n"]].values.tolist() == [[0, 1]]


def test_nobody_has_two_objects_in_one() -> None:
    objects = pd.DataFrame([one(1, "ann", 0, 40), one(1, "ann", 10, 50), one(1, "bob", 4, 44), one(1, "bob", 12, 52)])
    found = consensus_objects(objects)
    assert found["n"].tolist() == [2, 2]
    assert found[["x0", "x1"]].values.tolist() == [[2, 42], [11, 51]]


def test_ids_of_an_image_stay_apart_and_certainty_is_the_mean_of_those_given() -> None:
    objects = pd.DataFrame([one(1, "ann", 0, 40, object_id="o1", certainty=8), one(1, "bob", 0, 40, object_id="o1"),
                            one(1, "ann", 90, 130, object_id="o2"),
                            one(1, "bob", 90, 130, object_id="o1", certainty=4)])
    objects["certainty"] = objects["certainty"].astype(float)
    found = consensus_objects(objects)
    assert found["object_id"].is_unique
    assert found["certainty"].tolist() == [8, 4]


def test_of_polygons_the_one_that_overlaps_the_others_most_is_taken() -> None:
    def square(shift: float) -> tuple[tuple[float, float], ...]:
        return (shift, 0), (shift + 40, 0), (shift + 40, 40), (shift, 40)

    objects = pd.DataFrame([one(1, who, shift, shift + 40, kind="polygon", points=square(shift))
                            for who, shift in (("ann", 0.0), ("bob", 2.0), ("cleo", 9.0))])
    found = consensus_objects(objects)
    assert found["points"].tolist() == [square(2.0)]
    assert found["x0"].tolist() == [2.0]


def test_points_are_joined_within_three_percent_of_the_diagonal() -> None:
    objects = pd.DataFrame([one(1, who, x, x, kind="point", width=400, height=300)
                            for who, x in (("ann", 100), ("bob", 103), ("cleo", 104), ("cleo", 300))])
    found = consensus_objects(objects)
    assert found[["x0", "x1", "n"]].values.tolist() == [[pytest.approx(103, abs=1)] * 2 + [3]]
    with pytest.raises(BadInput, match="size of image"):
        consensus_objects(objects.drop(columns=["width", "height"]))


def test_tables_that_cannot_be_joined_are_refused_and_an_empty_one_is_empty() -> None:
    objects = pd.DataFrame([one(1, "ann", 0, 40), one(1, "bob", 0, 40)])
    assert consensus_objects(objects[:0]).empty
    assert object_abilities(objects[:0]).empty
    with pytest.raises(ShapeError, match="lacks annotator"):
        consensus_objects(objects.drop(columns="annotator"))
    with pytest.raises(BadInput, match="one kind"):
        consensus_objects(objects.assign(kind=["box", "point"]))


def test_a_consensus_of_several_has_nobodys_verdict():
    rows = [("0", "ada", "unsure"), ("0", "bob", "answer")]
    table = pd.DataFrame([{"item_id": item_id, "annotator": annotator, "object_id": annotator, "kind": "box",
                           "label": "A", "label_id": "LA", "x0": 2.0, "y0": 2.0, "x1": 22.0, "y1": 22.0,
                           "points": None, "certainty": np.nan, "origin": "person", "act": "added",
                           "status": "decided", "verdict": verdict} for item_id, annotator, verdict in rows])
    assert consensus_objects(table)["verdict"].isna().tolist() == [True]
