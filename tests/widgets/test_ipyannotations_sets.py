"""A labeller of ipyannotations where an item may have several labels: what is on when it is submitted is the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import numpy as np
import pytest

import hitl_widgets as hw
from hitl_widgets import edits
from hitl_widgets.errors import BadInput
from hitl_widgets.storage.arrays import Predictions
from hitl_widgets.testing import rings
from hitl_widgets.widgets.ipyannotations import labeller as adapter

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from ipyannotations import generic, images  # noqa: E402

SCENES = ["indoor", "people", "night"]
ALL_SHOWN = {"blind": 0.0, "no_map": 0.0, "answer_first": 0.0, "shown": 1.0}


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.0)


@pytest.fixture
def project(tmp_path) -> Iterator[Callable[..., hw.Workbench]]:
    opened: list[hw.Workbench] = []

    def opening(**settings: Any) -> hw.Workbench:
        pool = hw.Pool.from_images(rings(12), ids=[f"i{n:02d}" for n in range(12)])
        chosen = {"labels": SCENES, "task": "multilabel", "holdout": 0.0, "audit": 0.0, "arms": ALL_SHOWN} | settings
        opened.append(hw.Workbench(tmp_path / "project", pool, chosen.pop("labels"), annotator="ada", **chosen))
        return opened[-1]

    yield opening
    for wb in opened:
        wb.close()


def let_model_say(wb: hw.Workbench, *names: str) -> None:
    """A model that gives every item these labels."""
    predictions = Predictions(wb.folder / "predictions", model="fake", label_ids=wb.taxonomy.label_ids,
                              ids_digest=wb.pool.digest, n_items=len(wb.pool))
    wb.project.use_predictions(predictions)
    on = {wb.taxonomy.label(name).id for name in names}
    probs = np.array([0.9 / len(on) if label_id in on else 0.1 / (len(wb.taxonomy) - len(on))
                      for label_id in wb.taxonomy.label_ids], np.float32)
    wb.project.ranking.thresholds = dict.fromkeys(wb.taxonomy.label_ids, 0.3)
    wb.project.ranking.put(np.arange(len(wb.pool)), np.tile(probs, (len(wb.pool), 1)), wb.project.lineage)


def labeller(wb: hw.Workbench, **more: Any) -> Any:
    widget = images.MulticlassLabeller(options=more.pop("options", wb.taxonomy.names))
    return widget, wb.review(view=widget, learn=False, **more)


def press(widget: Any, key: str, tag: str = "DIV") -> None:
    widget.event_watcher._handle_mouse_msg(None, {
        "type": "keyup", "event": "keyup", "key": key, "target": {"tagName": tag, "className": ""}, "altKey": False,
        "ctrlKey": False, "metaKey": False, "shiftKey": False, "repeat": False}, [])


def type_and_enter(widget: Any, text: str) -> None:
    widget.freetext_widget.value = text
    widget.freetext_widget._handle_string_msg(None, {"event": "submit"}, [])
    press(widget, "Enter", "INPUT")


def said(review: Any) -> str:
    def texts(box: Any) -> list[str]:
        if box is review.widget:
            return []
        return [box.value] if isinstance(box, ipywidgets.Label) else \
            [text for child in getattr(box, "children", ()) for text in texts(child)]
    return " ".join(texts(review.view))


def rows(wb: hw.Workbench) -> list[tuple[str, tuple[str, ...]]]:
    return [(row.verdict, row.labels) for row in wb.annotations().itertuples()]


def bodies(wb: hw.Workbench) -> list[dict[str, Any]]:
    history = wb.history()
    return list(history[history["kind"] == "decided"]["body"])


def names(wb: hw.Workbench, label_ids: Any) -> set[str]:
    return {wb.taxonomy.name_of(label_id) for label_id in label_ids}


def test_what_is_on_when_it_is_submitted_is_the_answer(project):
    wb = project()
    widget, review = labeller(wb)
    assert widget.data == []
    press(widget, "1")
    press(widget, "3")
    press(widget, "Enter")
    assert rows(wb) == [("answer", ("indoor", "night"))]
    assert "indoor, night" in said(review)
    assert widget.data == []


def test_no_label_on_is_an_answer_and_skip_is_a_skip(project):
    wb = project()
    widget, review = labeller(wb)
    widget.submit_button.click()
    assert rows(wb) == [("answer", ())]
    assert "none of them" in said(review)
    widget.skip_button.click()
    assert [body["verdict"] for body in bodies(wb)] == ["answer", "skip"]


def test_suggested_labels_are_on_already_and_what_is_touched_is_recorded(project):
    wb = project()
    let_model_say(wb, "indoor", "night")
    widget, _ = labeller(wb)
    assert widget.data == ["indoor", "night"]
    press(widget, "Enter")
    press(widget, "1")
    press(widget, "2")
    press(widget, "Enter")
    assert rows(wb) == [("accept", ("indoor", "night")), ("correct", ("people", "night"))]
    assert [names(wb, body["touched"]) for body in bodies(wb)] == [set(), {"indoor", "people"}]
    seen = bodies(wb)[1]["seen"]
    assert (seen["suggestion"], seen.get("hidden", False)) == (wb.taxonomy.label_set(["indoor", "night"]), False)
    assert (seen["model"], seen["arm"], seen.get("method")) == ("fake", "shown", None)


def test_a_label_that_was_turned_off_and_on_again_was_touched(project):
    wb = project()
    let_model_say(wb, "indoor")
    widget, _ = labeller(wb)
    press(widget, "1")
    press(widget, "1")
    press(widget, "Enter")
    assert rows(wb) == [("accept", ("indoor",))]
    assert names(wb, bodies(wb)[0]["touched"]) == {"indoor"}


@pytest.mark.parametrize("arms", [{"blind": 1.0}, {"answer_first": 1.0}])
def test_on_a_blind_item_nothing_is_on_and_the_log_keeps_what_the_model_would_have_said(project, arms):
    wb = project(arms=arms)
    let_model_say(wb, "indoor", "night")
    widget, _ = labeller(wb)
    assert widget.data == []
    press(widget, "2")
    press(widget, "Enter")
    [body] = bodies(wb)
    assert body["seen"]["suggestion"] == wb.taxonomy.label_set(["indoor", "night"])
    assert (body["seen"]["hidden"], body["verdict"]) == (True, "answer")
    assert body["seen"].get("arm") == ("blind" if "blind" in arms else None)


def test_holdout_items_are_blind(project):
    wb = project(holdout=0.5)
    let_model_say(wb, "indoor", "night")
    widget, review = labeller(wb)
    on = {}
    for _ in range(12):
        on[review._item.id] = widget.data
        press(widget, "Enter")
    assert {item_id for item_id, data in on.items() if data == []} == set(wb.holdout)
    assert {item_id for item_id, data in on.items() if data == ["indoor", "night"]} == set(on) - set(wb.holdout)


def test_undo_takes_the_answer_back_and_shows_the_item_with_its_suggestions_again(project):
    wb = project()
    let_model_say(wb, "night")
    widget, review = labeller(wb)
    first = review._item.id
    press(widget, "1")
    press(widget, "Enter")
    press(widget, "1")
    press(widget, "Backspace")
    assert review._item.id == first
    assert widget.data == ["night"]
    assert len(wb.annotations()) == 0
    press(widget, "Enter")
    assert rows(wb) == [("accept", ("night",))]
    assert bodies(wb)[-1]["touched"] == []


def test_a_typed_name_leaves_the_other_labels_on_and_is_kept_as_a_note(project):
    wb = project()
    let_model_say(wb, "night")
    widget, review = labeller(wb)
    press(widget, "1")
    type_and_enter(widget, "snow")
    assert sorted(widget.data) == ["indoor", "night", "snow"]
    assert len(bodies(wb)) == 0
    widget.submit_button.click()
    [body] = bodies(wb)
    assert (body["verdict"], body["note"], body["flags"]) == ("unsure", "snow", ["not_in_taxonomy"])
    assert body["label_id"] == wb.taxonomy.label_set(["indoor", "night"])
    assert names(wb, body["touched"]) == {"indoor"}
    assert "'snow' isn't in the taxonomy" in said(review)


def test_a_typed_name_that_is_taken_back_leaves_the_other_labels_on(project):
    wb = project()
    widget, _ = labeller(wb)
    press(widget, "2")
    type_and_enter(widget, "snow")
    widget.undo_button.click()
    assert widget.data == ["people"]
    widget.submit_button.click()
    assert rows(wb) == [("answer", ("people",))]


def test_a_label_renamed_meanwhile_is_the_same_label_and_one_added_is_unknown_to_this_answer(project):
    wb = project()
    widget, _ = labeller(wb)
    wb.apply([edits.rename("night", "dark"), edits.add("snow")])
    press(widget, "3")
    press(widget, "Enter")
    type_and_enter(widget, "snow")
    press(widget, "1")
    widget.submit_button.click()
    assert rows(wb) == [("answer", ("dark",)), ("answer", ("indoor", "snow"))]
    table = wb.labels_table().pivot(index="item_id", columns="label", values="value").astype(object)
    known = table.notna()["snow"].tolist()
    assert sorted(known) == [False, True]


def test_a_labeller_of_ones_own_gives_lists_and_every_item_is_blind(project):
    class Plain(ipywidgets.VBox):
        def __init__(self) -> None:
            super().__init__()
            self.submitted: list[Callable[[Any], None]] = []
            self.on_submit, self.on_undo = self.submitted.append, lambda callback: None

        def display(self, item: Any) -> None:
            pass

    wb = project()
    let_model_say(wb, "night")
    widget = Plain()
    review = wb.review(view=widget, learn=False)
    widget.submitted[0](["indoor", "indoor", " night "])
    widget.submitted[0]([])
    widget.submitted[0]([{"type": "box"}])
    assert rows(wb) == [("answer", ("indoor", "night")), ("answer", ())]
    assert all(body["seen"]["hidden"] and "touched" not in body for body in bodies(wb))
    assert "task='boxes', 'polygons', 'points' or 'spans'" in said(review)


def test_an_item_that_cannot_be_displayed_is_skipped_without_the_suggestion_of_the_one_before(project):
    wb = project()
    let_model_say(wb, "night")
    widget, review = labeller(wb)
    widget.display = lambda item: 1 / 0
    press(widget, "Enter")
    assert "can't show item" in said(review)
    press(widget, "Enter")
    assert "nobody can answer it" in said(review)
    widget.skip_button.click()
    assert [(body["verdict"], body["seen"].get("hidden", False)) for body in bodies(wb)] == \
        [("accept", False), ("skip", True)]


@pytest.mark.parametrize(("make", "why"), [
    (lambda: images.ClassLabeller(options=SCENES), "gives one label"),
    (lambda: generic.ClassLabeller(options=SCENES), "MulticlassLabeller"),
    (lambda: images.MulticlassLabeller(options=SCENES[:2]), "doesn't offer night, and what isn't")])
def test_a_labeller_that_cannot_say_everything_is_refused_before_the_open_review_is_closed(project, make, why):
    wb = project()
    widget, review = labeller(wb)
    with pytest.raises(BadInput, match=why):
        wb.review(view=make(), learn=False)
    press(widget, "Enter")
    assert rows(wb) == [("answer", ())]
    assert not review._closed


def test_attributes_are_not_asked_and_the_view_says_so(project):
    wb = project(labels=hw.Taxonomy(SCENES, attributes=[hw.Attribute("blur", scale=(0, 10))]))
    _, review = labeller(wb)
    assert "doesn't ask for attributes (blur)" in said(review)


def test_where_values_alone_are_asked_a_labeller_is_refused(project):
    wb = project(labels=hw.Taxonomy(attributes=[hw.Attribute("blur", scale=(0, 10))]), task="scale")
    with pytest.raises(BadInput, match="asks for values of attributes"):
        wb.review(view=images.MulticlassLabeller(options=SCENES), learn=False)


def test_a_closed_review_leaves_the_labeller_as_it_was(project):
    wb = project()
    let_model_say(wb, "night")
    widget, review = labeller(wb)
    review.close()
    assert "rearrange_buttons" not in vars(widget.class_selector)
    n_watching = len(widget._trait_notifiers["data"]["change"])
    _, again = widget, wb.review(view=widget, learn=False)
    again.close()
    assert len(widget._trait_notifiers["data"]["change"]) == n_watching
    assert json.dumps(bodies(wb)) == "[]"
