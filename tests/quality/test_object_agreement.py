"""Agreement of people on objects: found, named, placed, as curves over the overlap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hitl_widgets.errors import BadInput, ShapeError
from hitl_widgets.quality import agreement_objects
from hitl_widgets.quality.object_agreement import QUESTIONS, THRESHOLDS

SIDES = ["x0", "y0", "x1", "y1"]


def people(seed: int, noise: float, *, n_images: int = 40, n_people: int = 3, misses: float | None = None,
           mistakes: float | None = None, moves: float | None = None) -> pd.DataFrame:
    """Objects of some people who all err alike; the images depend on the seed alone."""
    of_images, of_people = np.random.default_rng(seed), np.random.default_rng([seed, int(1000 * noise)])
    rows = []
    for image in range(n_images):
        n = 1 + of_images.poisson(6)
        corner, side = of_images.uniform(0, 500, (n, 2)), of_images.uniform(25, 70, (n, 2))
        label, sides = of_images.integers(0, 3, n), np.hstack([side, side])
        for person in range(n_people):
            seen = of_people.random(n) >= (noise if misses is None else misses)
            box = np.hstack([corner, corner + side])
            box = box + of_people.normal(0, 1, (n, 4)) * sides * (0.4 * noise if moves is None else moves)
            wrong = of_people.random(n) < (2 * noise if mistakes is None else mistakes)
            named = np.where(wrong, of_people.integers(0, 3, n), label)
            rows.append(pd.DataFrame(box[seen], columns=SIDES).assign(item_id=image, annotator=f"p{person}",
                                                                      label=named[seen]))
    return pd.concat(rows, ignore_index=True)


@pytest.mark.long
def test_noisier_people_are_lower_at_every_threshold() -> None:
    for seed in range(4):
        levels = [agreement_objects(people(seed, noise, n_images=60), resamples=2) for noise in (0.02, 0.06, 0.12)]
        for question in ("found", "placed", "together"):
            values = np.array([[level.at(question, threshold).value for threshold in THRESHOLDS] for level in levels])
            assert (np.diff(values, axis=0) < 0).all(), (seed, question)


def test_people_who_agree_in_all_agree_wholly() -> None:
    found = agreement_objects(people(0, 0.0))
    for question in QUESTIONS:
        assert found[question].value == pytest.approx(1)
        assert found[question].low < 1
    assert found.annotators[["found", "named", "placed"]].to_numpy() == pytest.approx(1)


def test_each_question_is_about_its_own_kind_of_difference() -> None:
    base = {"misses": 0.0, "mistakes": 0.0, "moves": 0.01}
    alike, missing, mistaken, moved = (agreement_objects(people(1, 0.01, **{**base, **more}), resamples=2) for more in
                                       ({}, {"misses": 0.3}, {"mistakes": 0.4}, {"moves": 0.08}))
    assert missing["found"].value < 0.8 < 0.98 < mistaken["found"].value
    assert missing["named"].value == pytest.approx(1)
    assert mistaken["named"].value < 0.7
    assert mistaken["placed"].value == pytest.approx(alike["placed"].value, abs=0.01)
    assert moved["placed"].value < alike["placed"].value - 0.05
    assert moved.at("found", 0.3).value > 0.95 > 0.5 > moved.at("found", 0.9).value


def test_people_who_draw_at_random_agree_no_more_than_chance_would() -> None:
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame(rng.uniform(0, 100, (600, 2)), columns=["x0", "y0"]).assign(
        item_id=np.repeat(range(60), 10), annotator=who, label=rng.integers(0, 2, 600)) for who in ("ann", "bob")]
    objects = pd.concat(frames).assign(x1=lambda table: table["x0"] + 40, y1=lambda table: table["y0"] + 40)
    found = agreement_objects(objects)
    for question in ("found", "together", "named"):
        assert found.at(question, 0.3).low < 0 < found.at(question, 0.3).high
        assert abs(found.at(question, 0.3).value) < 0.12


def test_found_by_hand() -> None:
    # In each image ann and bob have one object in common, and ann has another; nothing overlaps across images.
    rows = [(image, who, "cell", 100 * image + at, 0, 100 * image + at + 10, 10) for image in range(5)
            for who, at in (("ann", 0), ("bob", 0), ("ann", 50))]
    found = agreement_objects(pd.DataFrame(rows, columns=["item_id", "annotator", "label", *SIDES]))
    assert found["found"].value == pytest.approx(1 - 1 / 3)
    assert np.isnan(found["named"])
    assert "one label" in found["named"].why
    assert found.annotators["found"].tolist() == [pytest.approx(2 / 3)] * 2


def test_somebody_who_found_nothing_in_an_image_counts_where_that_is_told() -> None:
    objects = people(2, 0.0, n_people=2, n_images=10)
    objects = objects[(objects["annotator"] == "p0") | (objects["item_id"] > 3)]
    everybody = pd.DataFrame([(image, who) for image in range(10) for who in ("p0", "p1")],
                             columns=["item_id", "annotator"])
    assert agreement_objects(objects)["found"].value == pytest.approx(1)
    assert agreement_objects(objects, reviewed=everybody)["found"].value < 0.9
    assert "reviewed=" in repr(agreement_objects(objects))


def test_points_and_polygons_are_compared_too() -> None:
    boxes = people(3, 0.05, n_images=15)
    points = boxes.assign(kind="point", x0=boxes["x0"], y0=boxes["y0"], width=600, height=600)
    outlines = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in boxes[SIDES].to_numpy()]
    polygons = boxes.assign(kind="polygon", points=outlines)
    assert 0.5 < agreement_objects(points)["found"].value < 1
    assert agreement_objects(polygons)["found"].value == pytest.approx(agreement_objects(boxes)["found"].value)
    with pytest.raises(BadInput, match="size of image"):
        agreement_objects(points.drop(columns=["width", "height"]))


def test_one_person_gives_no_number_but_a_reason() -> None:
    found = agreement_objects(people(0, 0.1, n_people=1))
    assert np.isnan(found["found"])
    assert "two people" in found["found"].why
    assert found.plot() is not None


def test_tables_that_cannot_be_compared_are_refused() -> None:
    objects = people(0, 0.1)
    with pytest.raises(ShapeError, match="lacks annotator"):
        agreement_objects(objects.drop(columns="annotator"))
    with pytest.raises(BadInput, match="one kind"):
        agreement_objects(objects.assign(kind=["box", "point"] * (len(objects) // 2) + ["box"] * (len(objects) % 2)))
    with pytest.raises(BadInput, match=r"thresholds 0\.3 to 0\.9"):
        agreement_objects(objects).at("found", 0.2)


def test_a_single_disagreement_has_an_interval_like_that_of_a_rare_event() -> None:
    ann = people(3, 0.0, n_images=12, n_people=1)
    other = ann.assign(annotator="bob")
    place = ann.index[ann["item_id"] == 4][0]
    named = other.copy()
    named.loc[place, "label"] = (named.loc[place, "label"] + 1) % 3
    for question, bob in (("named", named), ("found", other.drop(place))):
        agreement = agreement_objects(pd.concat([ann, bob], ignore_index=True))
        one, none = agreement[question], agreement["placed"]
        assert 0.5 < one.low <= none.low < one.value < 1, question
        assert (agreement.table.query("question == @question")["low"] > 0).all()


def test_bands_of_the_distance_between_distributions_stay_near_it() -> None:
    agreement = agreement_objects(people(0, 0.05, n_images=15))
    rows = agreement.table[agreement.table["question"] == "ks"]
    assert (rows["low"] > rows["value"] - 0.5).all()


def test_the_plot_has_a_curve_for_each_question() -> None:
    found = agreement_objects(people(0, 0.1, n_images=10))
    assert [axes.get_title(loc="left") for axes in found.plot().axes] == [
        "Found the same objects", "Named them the same", "Placed them the same", "All three together"]
    assert "overlap 0.5" in found._repr_html_()


def pairs(*images: list[tuple[str | None, str | None]]) -> pd.DataFrame:
    """Boxes that ann and bob drew at the same places, with the label of each; no two images have boxes that overlap."""
    rows = [(image, who, label, 1000 * image + 50 * place, 0, 1000 * image + 50 * place + 40, 40)
            for image, labels in enumerate(images) for place, of_both in enumerate(labels)
            for who, label in zip(("ann", "bob"), of_both, strict=True)]
    return pd.DataFrame(rows, columns=["item_id", "annotator", "label", *SIDES])


def test_a_label_in_doubt_is_neither_another_label_nor_the_same_as_another_in_doubt() -> None:
    found = agreement_objects(pairs(*[[("a", "a"), ("b", "b"), ("a", None), (None, None)]] * 20))
    assert found["named"].value == pytest.approx(1)
    assert found["found"].value == found["placed"].value == pytest.approx(1)
    differ = agreement_objects(pairs(*[[("a", "a"), ("a", "b"), (None, None)]] * 20))
    assert differ.annotators["named"].tolist() == [0.5, 0.5]
    # Of the 80 labels of 40 pairs 60 are a: 1 - (20 / 40) / (1 - (60 * 59 + 20 * 19) / (80 * 79)).
    assert differ["named"].value == pytest.approx(1 - 0.5 / (1 - 3920 / 6320))
    assert (differ.table.loc[differ.table["question"] == "named", "n"] == 40).all()


def test_together_is_about_images_without_a_label_in_doubt_and_a_note_says_so() -> None:
    found = agreement_objects(pairs(*[[("a", "a"), ("b", "a")]] * 10, *[[("a", "a"), ("b", None)]] * 20))
    assert found["together"].value == pytest.approx(1 / 2)
    assert (found["together"].n, found["named"].n, found["found"].n) == (10, 30, 30)
    assert any("20 of 30 images have an object whose label is in doubt" in note for note in found.notes)
    assert found.notes[-1] in repr(found)
    assert not any("in doubt" in note for note in agreement_objects(pairs(*[[("a", "b")]] * 9)).notes)


def test_where_all_labels_are_in_doubt_the_reason_says_so() -> None:
    found = agreement_objects(pairs(*[[("a", None), (None, "b")]] * 10))
    assert found["found"].value == pytest.approx(1)
    assert np.isnan(found["named"])
    assert (found["named"].n, found["named"].why) == (0, "all paired objects have a label in doubt")
    assert "without a label in doubt" in found["together"].why


def test_objects_that_are_the_same_everywhere_have_a_reason_of_their_own() -> None:
    found = agreement_objects(pairs(*[[("a", "a")]] * 5).assign(x0=0, x1=40))
    assert "all images have the same objects" in found["found"].why


def test_unsure_objects_count_and_answers_to_planted_suggestions_do_not() -> None:
    objects = pairs(*[[("a", "a"), ("b", "b"), ("a", "b")]] * 10)
    of_bob = objects["annotator"] == "bob"
    status = pd.Series("decided", objects.index)
    unsure = agreement_objects(objects.assign(status=status.mask(of_bob, "unsure")))
    pd.testing.assert_frame_equal(unsure.table, agreement_objects(objects).table)
    planted = agreement_objects(objects.assign(status=status.mask(of_bob & (objects["item_id"] < 4), "planted")))
    assert planted["found"].n == 6


def test_unsure_objects_of_images_that_were_not_answered_for_certain_do_not_count() -> None:
    objects = pairs(*[[("a", "a"), ("b", "b")]] * 10).assign(status="decided")
    objects.loc[(objects["annotator"] == "bob") & (objects["item_id"] < 4), "status"] = "unsure"
    reviewed = objects.loc[objects["status"] == "decided", ["item_id", "annotator"]].drop_duplicates()
    assert agreement_objects(objects, reviewed=reviewed)["found"].n == 6
    nothing = agreement_objects(objects[:0], reviewed=pd.concat([reviewed, reviewed.assign(annotator="cleo")]))
    assert nothing["found"].why == "nobody found an object"
