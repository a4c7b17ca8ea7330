"""Annotators of boxes, polygons and points: proposals are on the canvas, and what is drawn is stored."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.objects.dialect import from_dialect, to_dialect, with_ids
from hitl_widgets.records import Proposal
from hitl_widgets.widgets.ipyannotations import labeller as adapter

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from ipyannotations import images  # noqa: E402

PROPOSED: dict[str, list[tuple[float, ...]]] = {
    "box": [(1.25, 1.0, 21.0, 21.0), (30.0, 30.5, 40.0, 50.0)], "point": [(10.25, 11.0), (30.0, 30.0)],
    "polygon": [(1.0, 1.0, 21.0, 1.0, 11.5, 20.0), (30.0, 30.0, 50.0, 30.0, 50.0, 50.0)]}
ANNOTATORS = {"boxes": images.BoxAnnotator, "polygons": images.PolygonAnnotator, "points": images.PointAnnotator}


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.0)


Opened = tuple[Any, Any, Any]


@pytest.fixture
def opened(tmp_path) -> Iterator[Callable[..., Opened]]:
    benches: list[Any] = []

    def opening(task: str = "boxes", *, proposes: bool = True, holdout: float = 0.0, size=(60, 80),
                options: Any = None) -> Opened:
        pixels = np.random.default_rng(0).integers(0, 255, (12, *size, 3), np.uint8)
        wb = hw.Workbench(tmp_path / task, hw.Pool.from_images(pixels), ["RBC", "WBC"], task=task, annotator="ada",
                          holdout=holdout, audit=0)
        benches.append(wb)
        if proposes:
            kind, rbc = {"boxes": "box", "polygons": "polygon", "points": "point"}[task], wb.taxonomy.label("RBC").id
            wb.project.propose = lambda position: tuple(Proposal(f"m.{place}", kind, at, rbc, 0.9 - place / 5)
                                                        for place, at in enumerate(PROPOSED[kind]))
            wb.project.record("adopted", {"model": "m", "label_ids": list(wb.taxonomy.label_ids), "origin": "given",
                                          "own": False, "kind": "objects"})
        annotator = ANNOTATORS[task](options=wb.taxonomy.names if options is None else options)
        return wb, annotator, wb.review(view=annotator)

    yield opening
    for wb in benches:
        wb.close()


def said(review: Any) -> str:
    def texts(box: Any) -> list[str]:
        return [] if box is review.widget else [box.value] if isinstance(box, ipywidgets.Label) else \
            [text for child in getattr(box, "children", ()) for text in texts(child)]
    return " ".join(texts(review.view))


def drag(annotator: Any, start, end) -> None:
    """Press at one place of the item, move, and let go at another."""
    canvas, by = annotator.canvas, annotator.canvas.original_width / 80
    for act, (x, y) in ((canvas.on_click, start), (canvas.on_drag, end), (canvas.on_release, end)):
        act(x * by + canvas.image_extent[0], y * by + canvas.image_extent[1])


def objects_of(wb: Any) -> list[tuple[Any, ...]]:
    return list(wb.objects(deleted=True)[["object_id", "label", "act", "x0", "y0", "x1", "y1"]].itertuples(
        index=False, name=None))


@pytest.mark.parametrize("task", ANNOTATORS)
def test_proposals_that_are_left_are_accepted_without_their_coordinates_being_rounded(opened, task):
    wb, annotator, review = opened(task)
    item = review._item.id
    assert len(annotator.data) == 2
    annotator.submit()
    decision = wb.history().query("kind == 'decided'")["body"].iloc[-1]
    assert decision["verdict"] == "accept"
    kind = decision["objects"][0]["kind"]
    assert [one["at"] for one in decision["objects"]] == [list(at) for at in PROPOSED[kind]]
    assert [one["id"] for one in decision["objects"]] == ["m.0", "m.1"]
    assert wb.objects()["item_id"].tolist() == [item, item]
    assert "2 objects" in said(review)
    assert len(annotator.data) == 2  # of the next item


def test_a_box_that_is_dragged_keeps_its_id_and_a_drawn_one_is_added_between_whole_pixels(opened):
    wb, annotator, _ = opened()
    annotator.edit_button.value = True
    drag(annotator, (21, 21), (27, 25))
    annotator.edit_button.value = False
    annotator.class_selector.value = "WBC"
    drag(annotator, (60, 10), (70.5, 20.25))
    annotator.submit()
    first, second, third = objects_of(wb)
    assert first == ("m.0", "RBC", "moved", 1.25, 1.0, 27.0, 25.0)
    assert second == ("m.1", "RBC", "accepted", 30.0, 30.5, 40.0, 50.0)
    assert third[1:3] == ("WBC", "added")
    assert np.abs(np.array(third[3:]) - [60, 10, 70.5, 20.25]).max() <= 1 / 8


def test_a_chosen_object_can_be_deleted_and_given_another_class_and_both_undone(opened):
    wb, annotator, review = opened()
    chosen, delete, relabel = review._answers.controls[0].children
    chosen.value = 1
    delete.click()
    assert len(annotator.data) == 1
    annotator.undo()
    assert [one["label"] for one in annotator.data] == ["RBC", "RBC"]
    chosen.value, annotator.class_selector.value = 1, "WBC"
    relabel.click()
    chosen.value = 0
    delete.click()
    annotator.submit()
    assert [one[:3] for one in objects_of(wb)] == [("m.1", "WBC", "relabelled"), ("m.0", "RBC", "deleted")]


def test_undo_of_a_decision_shows_what_was_given_and_nothing_drawn_is_lost(opened):
    wb, annotator, review = opened()
    item = review._item.id
    drag(annotator, (50, 5), (60, 15))
    annotator.submit()
    assert review._item.id != item
    annotator.undo()
    assert review._item.id == item
    assert len(annotator.data) == 3
    assert len(wb.objects()) == 0
    annotator.submit()
    assert [one[2] for one in objects_of(wb)] == ["accepted", "accepted", "added"]


def test_undo_never_reaches_what_was_drawn_on_the_image_before(opened):
    _, annotator, review = opened("points", proposes=False)
    drag(annotator, (10, 10), (10, 10))
    annotator.submit()
    second = review._item.id
    assert annotator.data == []
    annotator.undo()  # of ipyannotations 0.5.1 it raises: the canvas still has the point's own undo
    assert review._item.id != second
    assert len(annotator.data) == 1


def test_a_box_that_was_begun_isnt_drawn_on_the_next_image(opened):
    _, annotator, _ = opened(proposes=False)
    drag(annotator, (10, 10), (20, 20))
    canvas = annotator.canvas
    canvas.on_click(canvas.image_extent[0] + 5, canvas.image_extent[1] + 5)
    annotator.submit()
    canvas.on_drag(canvas.image_extent[0] + 50, canvas.image_extent[1] + 50)
    canvas.on_release(canvas.image_extent[0] + 50, canvas.image_extent[1] + 50)
    assert annotator.data == []


def test_a_blind_item_has_no_proposals_and_what_is_drawn_there_is_an_answer(opened):
    wb, annotator, review = opened(holdout=0.9)
    for _ in range(12):
        if review._item is None:
            break
        if wb.project.queue.holdout[review._item.position]:
            assert annotator.data == []
            drag(annotator, (1, 1), (21, 21))
            annotator.submit()
            body = wb.history().query("kind == 'decided'")["body"].iloc[-1]
            assert (body["verdict"], body["seen"]["hidden"], body["objects"][0]["act"]) == ("answer", True, "added")
            return
        annotator.submit()
    raise AssertionError("no item of the hold-out came")


def test_an_image_without_objects_is_an_answer_and_skip_is_a_skip(opened):
    wb, annotator, review = opened(proposes=False)
    first = review._item.id
    annotator.submit()
    annotator.skip()
    verdicts = wb.history().query("kind == 'decided'")["body"].map(lambda body: body["verdict"]).tolist()
    assert verdicts == ["answer", "skip"]
    assert wb.annotations().set_index("item_id")["label"].to_dict()[first] == "none of them"


def test_a_box_without_area_is_left_out_and_said_so(opened):
    wb, annotator, review = opened(proposes=False)
    drag(annotator, (10, 10), (10, 30))
    drag(annotator, (10, 10), (20, 30))
    assert len(annotator.data) == 2
    annotator.submit()
    assert len(wb.objects()) == 1
    assert "without area: 1" in said(review)


def test_a_polygon_ends_where_it_began_and_stays_closed_when_its_first_vertex_moves(opened):
    wb, annotator, _ = opened("polygons", proposes=False)
    for corner in ((10, 10), (40, 10), (40, 40), (10, 40), (10, 10)):
        drag(annotator, corner, corner)
    assert len(annotator.data[0]["points"]) == 5
    annotator.edit_button.value = True
    drag(annotator, (10, 10), (5, 6))
    annotator.submit()
    assert wb.objects()["points"].iloc[0] == ((5, 6), (40, 10), (40, 40), (10, 40))


def test_a_polygon_that_isnt_closed_isnt_lost(opened):
    wb, annotator, review = opened("polygons", proposes=False)
    item = review._item.id
    for corner in ((10, 10), (40, 10), (40, 40)):
        drag(annotator, corner, corner)
    annotator.submit()
    assert "isn't closed" in said(review)
    assert review._item.id == item
    drag(annotator, (10, 10), (10, 10))
    annotator.submit()
    assert len(wb.objects()) == 1


def test_a_polygon_that_crosses_itself_is_refused_and_stays(opened):
    wb, annotator, review = opened("polygons", proposes=False)
    for corner in ((10, 10), (40, 40), (40, 10), (10, 30), (10, 10)):
        drag(annotator, corner, corner)
    annotator.submit()
    assert "crosses" in said(review)
    assert len(annotator.data) == 1
    assert len(wb.objects()) == 0


def test_pictures_are_shown_without_loss_enlarged_in_whole_steps(opened):
    _, annotator, review = opened()
    shown = annotator.canvas.current_image
    picture = np.asarray(Image.open(io.BytesIO(shown.value)))
    assert shown.format == "png"
    assert picture.shape == (8 * 60, 8 * 80, 3)
    own = review.host.pool.load(review._item.position)
    assert (picture.reshape(60, 8, 80, 8, 3) == own[:, None, :, None]).all()


@pytest.mark.long
def test_coordinates_are_of_the_item_where_its_picture_is_reduced(opened):
    wb, annotator, _ = opened(proposes=False, size=(1500, 2000))
    canvas = annotator.canvas
    assert canvas.original_width == 1600
    for act, (x, y) in ((canvas.on_click, (0, 0)), (canvas.on_drag, (350, 250)), (canvas.on_release, (350, 250))):
        act(x + canvas.image_extent[0], y + canvas.image_extent[1])
    annotator.submit()
    [one] = objects_of(wb)
    assert np.abs(np.array(one[3:]) - [0, 0, 1050, 750]).max() < 8


def test_an_annotator_is_as_before_once_its_review_is_closed(opened):
    _, annotator, review = opened()
    review.close()
    assert "re_draw" not in vars(annotator.canvas)
    assert annotator.display.__func__ is images.BoxAnnotator.display
    assert review._on_submit not in annotator.submission_functions


@pytest.mark.parametrize(("task", "view"), [
    ("boxes", images.PolygonAnnotator), ("points", images.BoxAnnotator), ("polygons", images.ClassLabeller)])
def test_annotators_of_other_objects_are_refused_in_words(tmp_path, task, view):
    with hw.Workbench(tmp_path / "p", hw.Pool.from_images(np.zeros((3, 20, 20), np.uint8)), ["a", "b"],
                      task=task) as wb, pytest.raises(BadInput, match=rf"asks for {task}\. Take ipyannotations"):
        wb.review(view=view(options=["a", "b"]))


def test_an_annotator_is_refused_where_labels_are_asked_and_options_that_are_none_too(tmp_path):
    pool = hw.Pool.from_images(np.zeros((3, 20, 20), np.uint8))
    with hw.Workbench(tmp_path / "c", pool, ["a", "b"]) as wb, pytest.raises(BadInput, match="task='boxes'"):
        wb.review(view=images.BoxAnnotator(options=["a", "b"]))
    with hw.Workbench(tmp_path / "b", pool, ["a", "b"], task="boxes") as wb:
        for options in (["a", "c"], []):
            with pytest.raises(BadInput, match=r"options=wb\.taxonomy\.names"):
                wb.review(view=images.BoxAnnotator(options=options))


def test_a_label_that_is_renamed_meanwhile_still_means_itself(opened):
    wb, annotator, _ = opened(proposes=False)
    wb.apply(edits.rename("RBC", "red cell"))
    drag(annotator, (10, 10), (30, 30))
    annotator.submit()
    assert wb.objects()["label"].tolist() == ["red cell"]


# -- the dialect alone


def test_an_image_with_a_withheld_proposal_can_be_answered_again_after_its_label_was_split(opened):
    """No version on a screen had the label of the withheld proposal, so the answer was refused."""
    wb, _, _ = opened(proposes=False)
    rbc = wb.taxonomy.label("RBC").id
    withheld = {"id": "w", "kind": "box", "at": [30, 30, 40, 50], "label_id": rbc, "score": 0.9, "p": 0.05}
    wb.decide("0", objects=[hw.Box(1, 1, 21, 21, "RBC")], seen={"model": "m", "withheld": [withheld]})
    wb.apply(edits.split("RBC", into=["disc", "ring"]))
    annotator = images.BoxAnnotator(options=wb.taxonomy.names)
    wb.review(view=annotator, queue="relabel")
    annotator.submit()
    assert wb.objects()["status"].tolist() == ["decided"]
    [kept] = wb.project.log.standing_of("0", "ada").body["seen"]["withheld"]
    assert kept["label_id"] == rbc


def test_the_dialect_there_and_back():
    objects = [{"kind": "box", "at": (1.25, 2.0, 30.5, 40.0), "label_id": "L1", "id": "a"},
               {"kind": "box", "at": (3.0, 4.0, 5.0, 6.0), "label_id": "L2", "id": "b"}]
    written = to_dialect(objects, (2, 4), {"L1": "RBC", "L2": "WBC"}.__getitem__)
    assert written[0] == {"type": "box", "label": "RBC", "xyxy": (2, 8, 61, 160)}
    read, n_flat = from_dialect(written, "box", (2, 4))
    assert n_flat == 0
    assert with_ids(read, objects, scale=(2, 4), size=(60, 80), label_id_of={"RBC": "L1", "WBC": "L2"}.__getitem__) == \
        [{**one, "at": one["at"]} for one in objects]


def test_ids_go_to_the_nearest_object_of_the_label_first_and_none_is_given_twice():
    shown = [{"id": "a", "kind": "box", "at": (0, 0, 10, 10), "label_id": "L1"},
             {"id": "b", "kind": "box", "at": (6, 0, 16, 10), "label_id": "L1"},
             {"id": "c", "kind": "box", "at": (40, 40, 50, 50), "label_id": "L1"}]
    given = [{"kind": "box", "at": at, "label": label} for at, label in (
        ((5, 0, 15, 10), "L1"), ((0, 0, 10, 10), "L1"), ((41, 40, 50, 50), "L2"), ((70, 70, 80, 80), "L1"))]
    found = with_ids(given, shown, scale=(1, 1), size=(90, 90), label_id_of=str)
    assert [one.get("id") for one in found] == ["b", "a", "c", None]


@pytest.mark.parametrize(("data", "match"), [
    ("RBC", "a list of objects"), ([1], "a list of objects"), ([{"type": "point", "label": "a", "coordinates": (1, 2)}],
                                                               "an object is expected such as"),
    ([{"type": "box", "label": None, "xyxy": (1, 2, 3, 4)}], "has no class"),
    ([{"type": "box", "label": "a", "xyxy": (1, 2, 3)}], "an object is expected such as"),
    ([{"type": "box", "label": "a", "xyxy": (1, 2, 3, float("nan"))}], "an object is expected such as"),
    ([{"type": "box", "label": "a", "xyxy": "none"}], "an object is expected such as")])
def test_what_isnt_the_dialect_is_refused(data, match):
    with pytest.raises(BadInput, match=match):
        from_dialect(data, "box", (1, 1))
