"""A labeller of ipyannotations before the project's queue: what is pressed is what is stored, and nothing else is."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython.display
import ipywidgets
import numpy as np
import pytest
from PIL import Image

import hitl_widgets as hw
from hitl_widgets import edits, errors
from hitl_widgets.testing import CLOTHES, MemoryHost, rings
from hitl_widgets.widgets.card import Review
from hitl_widgets.widgets.ipyannotations import labeller as adapter
from hitl_widgets.widgets.ipyannotations.labeller import AHEAD, LabellerReview

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from ipyannotations import generic, images, text  # noqa: E402

DOCUMENT = {"tagName": "DIV", "className": "ipyevents-watched"}
FIELD = {"tagName": "INPUT", "className": "widget-input"}


class Plain(ipywidgets.VBox):
    """Somebody's own labeller: no more than the protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Any] = []
        self.fail: Exception | None = None
        self.submitted: list[Callable[[Any], None]] = []
        self.undone: list[Callable[[], None]] = []
        self.on_submit, self.on_undo = self.submitted.append, self.undone.append

    def display(self, item: Any) -> None:
        if self.fail is not None:
            raise self.fail
        self.shown.append(item)

    def submit(self, value: Any) -> None:
        for callback in list(self.submitted):
            callback(value)

    def undo(self) -> None:
        for callback in list(self.undone):
            callback()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """The labellers' clock stands still until it is told how many seconds went by."""
    now = [0.0]
    monkeypatch.setattr(adapter, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What was displayed, as pixels."""
    shown: list[np.ndarray] = []

    def display(thing: Any) -> None:
        shown.append(np.array(Image.open(io.BytesIO(thing.data)) if hasattr(thing, "data") else thing))

    monkeypatch.setattr(IPython.display, "display", display)
    return shown


@pytest.fixture
def open_review(pictures: list[np.ndarray]) -> Iterator[Callable[..., tuple[Any, Any, LabellerReview]]]:
    opened: list[LabellerReview] = []

    def opening(widget: Any = None, desk: Any = None, **settings: Any) -> tuple[Any, Any, LabellerReview]:
        desk = MemoryHost() if desk is None else desk
        widget = images.ClassLabeller(options=CLOTHES) if widget is None else widget
        opened.append(LabellerReview(desk, widget, **settings))
        return desk, widget, opened[-1]

    yield opening
    for review in opened:
        review.close()


def said(review: LabellerReview) -> str:
    """All that stands in the view outside the labeller."""
    def texts(box: Any) -> list[str]:
        if box is review.widget:
            return []
        return [box.value] if isinstance(box, ipywidgets.Label) else \
            [text for child in getattr(box, "children", ()) for text in texts(child)]
    return " ".join(texts(review.view))


def click(widget: Any, label: str) -> None:
    widget.control_elements.buttons[label].button.click()


def press(widget: Any, key: str, target: dict[str, str] = DOCUMENT, **more: Any) -> None:
    """A key, as the browser reports it."""
    widget.event_watcher._handle_mouse_msg(None, {
        "type": "keyup", "event": "keyup", "key": key, "target": target, "altKey": False, "ctrlKey": False,
        "metaKey": False, "shiftKey": False, "repeat": False, **more}, [])


def type_and_enter(widget: Any, text: str) -> None:
    widget.freetext_widget.value = text
    widget.freetext_widget._handle_string_msg(None, {"event": "submit"}, [])
    press(widget, "Enter", FIELD)


def rows(desk: MemoryHost) -> list[tuple[str, str, str | None]]:
    return [(d.item_id, d.verdict, d.label) for d in desk.decisions]


# -- what is pressed is what is stored

def test_a_click_is_an_answer_to_the_item_on_the_screen_and_the_next_one_is_shown(open_review, pictures):
    desk, widget, review = open_review()
    click(widget, "Bag")
    click(widget, "Coat")
    assert rows(desk) == [("item-0000", "answer", "Bag"), ("item-0001", "answer", "Coat")]
    assert len(pictures) == 3
    assert "Stored for item item-0001: Coat" in said(review)
    assert "Item item-0002 · 2 of 200 answered by ada" in said(review)


def test_the_log_tells_that_the_model_spoke_and_that_nobody_saw_it(open_review):
    desk, widget, _ = open_review()
    click(widget, "Bag")
    seen, prediction = desk.decisions[0].seen, desk.prediction(0)
    assert (seen.suggestion, seen.hidden, seen.visible_suggestion) == (prediction.suggestion, True, None)
    assert seen.probs == prediction.top(5)
    assert (seen.model, seen.taxonomy, seen.chosen_by, seen.scripted) == ("a1b2c3", 1, "margin", False)
    assert (seen.method, seen.shown_ms) == (None, None)


def test_without_a_model_the_log_says_so(open_review):
    desk, widget, _ = open_review(desk=MemoryHost(model=None))
    click(widget, "Bag")
    assert (desk.decisions[0].seen.suggestion, desk.decisions[0].seen.model) == (None, None)


def test_skip_is_a_skip_and_the_item_comes_last(open_review):
    desk, widget, _ = open_review(desk=MemoryHost(rings(3)))
    widget.skip_button.click()
    assert rows(desk) == [("item-0000", "skip", None)]
    for label in ("Bag", "Coat", "Dress"):
        click(widget, label)
    assert [item for item, *_ in rows(desk)] == ["item-0000", "item-0001", "item-0002", "item-0000"]


def test_a_name_that_the_taxonomy_lacks_is_kept_as_a_note(open_review):
    desk, widget, review = open_review()
    type_and_enter(widget, " kimono ")
    decision = desk.decisions[0]
    assert (decision.verdict, decision.label, decision.note, decision.flags) == \
        ("unsure", None, "kimono", ("not_in_taxonomy",))
    assert "'kimono' isn't in the taxonomy" in said(review)


def test_a_typed_name_that_the_taxonomy_has_is_an_answer(open_review):
    desk, widget, _ = open_review(images.ClassLabeller(options=CLOTHES[:2]))
    type_and_enter(widget, "Bag")
    assert rows(desk) == [("item-0000", "answer", "Bag")]


def test_enter_in_the_empty_text_field_stores_nothing(open_review):
    desk, widget, review = open_review()
    type_and_enter(widget, "")
    assert desk.decisions == []
    assert "no label was chosen" in said(review)


@pytest.mark.parametrize("name", ["Sneaker", "shoe"])
def test_a_name_that_two_labels_have_or_that_is_no_answer_stays_with_the_person(open_review, name):
    desk = MemoryHost()
    desk.taxonomy = hw.Taxonomy({"shoe": ["Sneaker", "Sandal"], "picture": ["Sneaker"]})
    _, widget, review = open_review(images.ClassLabeller(options=["Sandal"]), desk)
    type_and_enter(widget, name)
    assert desk.decisions == []
    assert "Give its whole path" in said(review) or "can't be an answer" in said(review)


def test_a_list_of_one_is_that_label_and_of_several_none_is_stored(open_review):
    desk, widget, review = open_review(images.MulticlassLabeller(options=CLOTHES))
    widget.data = ["Bag", "Coat"]
    widget.submit_button.click()
    assert desk.decisions == []
    assert "2 labels were chosen (Bag, Coat)" in said(review)
    assert widget.data == ["Bag", "Coat"]
    widget.data = ["Coat"]
    widget.submit_button.click()
    assert rows(desk) == [("item-0000", "answer", "Coat")]
    widget.submit_button.click()
    assert len(desk.decisions) == 1
    assert "no label was chosen" in said(review)


def test_what_no_log_can_keep_is_refused_and_said(open_review):
    desk, widget, review = open_review(Plain())
    widget.submit([{"type": "box", "xyxy": [0, 0, 1, 1]}])
    assert desk.decisions == []
    assert "'polygons', 'points' or 'spans'" in said(review)


# -- undo

def test_undo_takes_the_last_decision_back_and_shows_its_item_again(open_review, pictures):
    desk, widget, review = open_review()
    click(widget, "Bag")
    click(widget, "Coat")
    widget.undo_button.click()
    assert desk.log[-1] == ("retracted", desk.decisions[1].id)
    assert np.array_equal(pictures[-1], pictures[1])
    widget.undo_button.click()
    click(widget, "Dress")
    click(widget, "Shirt")
    assert rows(desk)[2:] == [("item-0000", "answer", "Dress"), ("item-0001", "answer", "Shirt")]
    click(widget, "Shirt")
    assert rows(desk)[-1][0] == "item-0002"
    assert "Stored for item item-0002" in said(review)


def test_undo_means_the_decision_and_not_a_word_typed_for_the_item_before(open_review):
    desk, widget, _ = open_review(images.MulticlassLabeller(options=CLOTHES))
    type_and_enter(widget, "kimono")
    assert desk.decisions == []
    widget.submit_button.click()
    assert [d.note for d in desk.decisions] == ["kimono"]
    widget.undo_button.click()
    assert desk.log[-1] == ("retracted", desk.decisions[0].id)


def test_a_skip_taken_back_leaves_its_item_once_in_the_queue(open_review):
    desk, widget, review = open_review(desk=MemoryHost(rings(2)))
    widget.skip_button.click()
    widget.undo_button.click()
    click(widget, "Bag")
    click(widget, "Coat")
    assert rows(desk)[1:] == [("item-0000", "answer", "Bag"), ("item-0001", "answer", "Coat")]
    assert "Nothing is left to label" in said(review)


# -- a log that refuses, a second press, several threads

@pytest.mark.parametrize("error", [errors.DiskFull("the disk is full."), RuntimeError("boom")])
def test_when_the_log_refuses_the_item_stays_and_the_reason_is_said(open_review, error):
    desk, widget, review = open_review()
    desk.refuse = error
    click(widget, "Bag")
    advice = "repeat it once that is mended" if isinstance(error, OSError) else "The kernel's log has the traceback"
    assert "Not stored" in said(review)
    assert str(error) in said(review)
    assert advice in said(review)
    desk.refuse = None
    click(widget, "Coat")
    assert rows(desk) == [("item-0000", "answer", "Coat")]


def test_an_undo_that_the_log_refuses_can_be_repeated(open_review, monkeypatch):
    desk, widget, review = open_review()
    click(widget, "Bag")
    retract = desk.retract
    monkeypatch.setattr(desk, "retract", lambda *_, **__: (_ for _ in ()).throw(errors.LogBusy("it is held.")))
    widget.undo_button.click()
    assert "it is held" in said(review)
    monkeypatch.setattr(desk, "retract", retract)
    widget.undo_button.click()
    assert desk.log[-1] == ("retracted", desk.decisions[0].id)


def test_a_second_press_decides_nothing_about_an_item_that_nobody_has_seen(open_review, clock, monkeypatch):
    desk, widget, review = open_review()
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.25)
    clock(0.26)
    click(widget, "Bag")
    click(widget, "Bag")
    widget.skip_button.click()
    assert rows(desk) == [("item-0000", "answer", "Bag")]
    assert "Not counted" in said(review)
    clock(0.26)
    click(widget, "Coat")
    assert rows(desk)[1:] == [("item-0001", "answer", "Coat")]


def test_two_presses_at_the_same_moment_on_two_threads_are_one_decision(open_review, clock, monkeypatch):
    desk, widget, _ = open_review(Plain())
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.25)
    together = threading.Barrier(2)

    def submit() -> None:
        together.wait()
        widget.submit("Bag")

    clock(0.26)
    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(desk) == [("item-0000", "answer", "Bag")]


def test_presses_and_undos_from_many_threads_leave_a_log_that_adds_up(open_review):
    desk, widget, _ = open_review(Plain())

    def work(who: int) -> None:
        for i in range(20):
            widget.undo() if i % 5 == 4 else widget.submit("Bag")

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    retracted = {what for kind, what in desk.log if kind == "retracted"}
    standing = [d.item_id for d in desk.decisions if d.id not in retracted]
    assert (len(desk.decisions), len(retracted)) == (64, 16)
    assert len(set(standing)) == len(standing) == 48
    assert sorted(standing) == desk.pool.ids[:48]


def test_items_that_cannot_be_claimed_are_asked_for_again(open_review, monkeypatch):
    desk, widget, review = open_review()
    claim = desk.claim
    monkeypatch.setattr(desk, "claim", lambda *_, **__: (_ for _ in ()).throw(errors.LogBusy("it is held.")))
    for _ in range(AHEAD + 1):
        click(widget, "Bag")
    assert len(desk.decisions) == AHEAD + 1
    assert "Stored for item item-0002: Bag" in said(review)
    assert "can't be prepared: it is held" in said(review)
    monkeypatch.setattr(desk, "claim", claim)
    review._again.click()
    click(widget, "Coat")
    assert rows(desk)[-1] == ("item-0003", "answer", "Coat")


# -- the end, and taking over

def test_after_n_items_the_view_says_so_and_undo_still_works(open_review):
    desk, widget, review = open_review(n=2)
    click(widget, "Bag")
    assert widget in review.view.children
    click(widget, "Coat")
    assert "That was all: 2 items are answered" in said(review)
    assert widget not in review.view.children
    click(widget, "Coat")
    assert len(desk.decisions) == 2
    review._back.click()
    assert widget in review.view.children
    click(widget, "Dress")
    assert rows(desk)[-1] == ("item-0001", "answer", "Dress")
    assert "That was all" in said(review)


def test_an_empty_queue_is_looked_at_again_on_request(open_review):
    desk, widget, review = open_review(desk=MemoryHost(rings(1)))
    click(widget, "Bag")
    assert "Nothing is left to label" in said(review)
    desk.retract(desk.decisions[0].id)
    review._again.click()
    click(widget, "Coat")
    assert rows(desk)[-1] == ("item-0000", "answer", "Coat")


def test_opening_the_card_closes_the_labeller_and_the_other_way_round(open_review):
    desk, widget, review = open_review()
    card = Review(desk)
    assert sorted(desk.released) == desk.pool.ids[:AHEAD + 1]
    assert "Another review has taken over" in said(review)
    assert repr(review) == "<LabellerReview by ada with ClassLabeller: 0 decided, closed>"
    click(widget, "Bag")
    assert desk.decisions == []
    _, again, second = open_review(desk=desk)
    assert card._closed
    click(again, "Bag")
    assert len(desk.decisions) == 1
    assert repr(second) == "<LabellerReview by ada with ClassLabeller: 1 decided, showing item-0001>"


def test_the_same_labeller_behind_two_projects_serves_the_second_only(open_review):
    first, widget, _ = open_review()
    second = MemoryHost()
    second.project_id = "another"
    open_review(widget, second)
    click(widget, "Bag")
    assert (len(first.decisions), len(second.decisions)) == (0, 1)


def test_a_closed_review_leaves_the_labeller_as_it_was(open_review):
    widget = images.ClassLabeller(options=CLOTHES)
    got, draw = [], widget.display_function
    handlers = list(widget.event_watcher._dom_handlers.callbacks)
    widget.on_submit(got.append)
    _, _, review = open_review(widget)
    review.close()
    assert widget.display_function is draw
    assert widget.event_watcher._dom_handlers.callbacks == handlers
    assert (widget.submission_functions, widget.undo_fns) == ([got.append], [])


def test_items_claimed_while_the_review_closes_are_given_back(open_review, monkeypatch):
    desk, widget, review = open_review(Plain())
    claim, entered, go = desk.claim, threading.Event(), threading.Event()

    def slow(*args: Any, **more: Any) -> Any:
        items = claim(*args, **more)
        entered.set()
        go.wait()
        return items

    monkeypatch.setattr(desk, "claim", slow)
    pressing = threading.Thread(target=lambda: [widget.submit("Bag") for _ in range(AHEAD + 1)])
    pressing.start()
    entered.wait()
    review.close()
    go.set()
    pressing.join()
    assert sorted(desk.released) == ["item-0003", "item-0004", "item-0005"]


# -- ipyannotations' faults

def test_a_digit_is_a_shortcut_but_not_in_the_text_field_nor_in_a_cell(open_review):
    desk, widget, _ = open_review()
    press(widget, "3", FIELD)
    press(widget, "3", {"tagName": "TEXTAREA"})
    press(widget, "3", {"tagName": "DIV", "className": "cm-content cm-lineWrapping"})
    press(widget, "3", ctrlKey=True)
    press(widget, "Backspace", FIELD)
    assert desk.log == []
    press(widget, "3")
    press(widget, "Backspace", {"tagName": "BUTTON"})
    assert [kind for kind, _ in desk.log] == ["decided", "retracted"]
    assert rows(desk) == [("item-0000", "answer", "Pullover")]


def test_while_text_stands_in_the_field_no_key_acts_wherever_the_focus_has_gone(open_review):
    desk, widget, review = open_review()
    widget.freetext_widget.value = "size 4"
    press(widget, "4")
    assert desk.log == []
    assert "Keys do nothing while there is text in the field" in said(review)
    widget.freetext_widget.value = ""
    press(widget, "4")
    assert rows(desk) == [("item-0000", "answer", "Dress")]


@pytest.mark.parametrize("labeller", [images.ClassLabeller, images.MulticlassLabeller])
def test_a_digit_chooses_the_label_of_that_name_before_the_one_in_that_place(open_review, labeller):
    desk, widget, _ = open_review(labeller(options=[*"0123456789"]), MemoryHost(labels=[*"0123456789"]))
    press(widget, "3")
    press(widget, "Enter")
    assert rows(desk) == [("item-0000", "answer", "3")]


def test_digits_do_nothing_where_the_labels_are_a_list_and_backspace_undoes(open_review, caplog):
    desk, widget, _ = open_review(images.ClassLabeller(options=CLOTHES, max_buttons=3))
    press(widget, "1")
    assert desk.log == []
    widget.control_elements.dropdown.value = "Bag"
    widget.control_elements.button.click()
    press(widget, "Backspace")
    assert rows(desk) == [("item-0000", "answer", "Bag")]
    assert [kind for kind, _ in desk.log] == ["decided", "retracted"]
    assert caplog.text == ""


def test_the_button_of_the_list_gives_the_label_that_the_list_shows(open_review):
    desk, widget, _ = open_review(images.ClassLabeller(options=CLOTHES, max_buttons=3))
    assert widget.control_elements.button.description == "T-shirt/top"
    widget.control_elements.button.click()
    type_and_enter(widget, "kimono")
    widget.control_elements.button.click()
    assert rows(desk) == [("item-0000", "answer", "T-shirt/top"), ("item-0001", "unsure", None),
                          ("item-0002", "answer", "T-shirt/top")]


def test_enter_submits_the_chosen_label_but_not_on_a_button_or_in_the_field(open_review):
    desk, widget, _ = open_review(images.MulticlassLabeller(options=CLOTHES))
    press(widget, "9")
    press(widget, "Enter", {"tagName": "BUTTON"})
    press(widget, "Enter", FIELD)
    assert desk.log == []
    press(widget, "Enter")
    assert rows(desk) == [("item-0000", "answer", "Bag")]


@pytest.mark.parametrize("labeller", [images.ClassLabeller, images.MulticlassLabeller, generic.ClassLabeller])
def test_pictures_are_shown_with_their_own_contrast_small_ones_in_whole_pixels(open_review, pictures, labeller):
    dull = np.linspace(90, 110, 28 * 28).astype(np.uint8).reshape(1, 28, 28)
    open_review(labeller(options=CLOTHES), MemoryHost(dull))
    assert pictures[0].shape == (28 * 17, 28 * 17)
    assert np.array_equal(pictures[0][8::17, 8::17], dull[0])


def test_ones_own_display_function_gets_the_picture_at_its_own_size(open_review):
    got = []
    open_review(generic.ClassLabeller(options=CLOTHES, display_function=got.append), MemoryHost(rings(3)))
    assert isinstance(got[0], Image.Image)
    assert np.array_equal(np.array(got[0]), rings(3)[0])


# -- what can't be shown, what isn't served

def test_an_item_that_cannot_be_read_is_named_and_the_one_before_is_gone(open_review, pictures):
    desk, widget, review = open_review(desk=MemoryHost(broken=("item-0001",)))
    click(widget, "Bag")
    assert "Item item-0001 can't be shown: item-0001 ends after 12 of 400 bytes" in said(review)
    assert pictures[1].shape != pictures[0].shape
    click(widget, "Coat")
    assert rows(desk)[1] == ("item-0001", "answer", "Coat")
    assert desk.decisions[1].seen.suggestion is None


@pytest.mark.parametrize("own", [False, True])
def test_an_item_that_the_labeller_cannot_show_can_only_be_skipped(open_review, own):
    def fail(_: Any) -> None:
        raise ValueError("no such palette")
    widget = Plain() if own else generic.ClassLabeller(options=CLOTHES, display_function=fail)
    if own:
        widget.fail = ValueError("no such palette")
    desk, _, review = open_review(widget)
    assert "can't show item item-0000 (ValueError: no such palette)" in said(review)
    for callback in list(widget.submitted if own else widget.submission_functions):
        callback("Bag")
    assert desk.decisions == []
    assert "nobody can answer it" in said(review)
    for callback in list(widget.submitted if own else widget.submission_functions):
        callback(None)
    assert rows(desk) == [("item-0000", "skip", None)]


@pytest.mark.parametrize(("make", "why"), [
    (lambda: images.BoxAnnotator(options=CLOTHES), "asks for no boxes"),
    (lambda: images.PolygonAnnotator(options=CLOTHES), "asks for no polygons"),
    (lambda: images.PointAnnotator(options=CLOTHES), "asks for no points"),
    (lambda: text.TextTagger(), "items are images"),
    (lambda: images.FreetextAnnotator(), "captions can't be kept"),
    (lambda: text.ClassLabeller(options=CLOTHES), "items are images"),
    (lambda: text.SentimentLabeller(), "items are images"),
    (lambda: images.ClassLabeller, "make one, such as ClassLabeller"),
    (lambda: ipywidgets.Button(), "has no display and no on_submit and no on_undo"),
    (lambda: images.ClassLabeller(options=["lynx"]), r"options \(lynx\) have no label"),
    (lambda: images.ClassLabeller(), r"options \(none\) have no label"),
])
def test_what_is_not_served_is_refused_before_the_open_review_is_closed(open_review, make, why):
    desk, widget, _ = open_review()
    with pytest.raises(errors.BadInput, match=why):
        LabellerReview(desk, make())
    click(widget, "Bag")
    assert len(desk.decisions) == 1


def test_options_that_are_not_the_taxonomys_are_told_before_the_first_item(open_review):
    desk = MemoryHost(annotator="jovyan", annotator_is_default=True)
    _, _, review = open_review(images.ClassLabeller(options=["Bag", "Lynx"]), desk)
    assert "No labels of taxonomy v1: Lynx." in said(review)
    assert "doesn't offer: T-shirt/top, Trouser" in said(review)
    assert "wb.rename_annotator" in said(review)


def test_what_is_said_is_neither_mathematics_nor_html(open_review):
    _, widget, review = open_review()
    type_and_enter(widget, r"<b>$x$ \(y\)</b>")
    assert "<b>＄x＄ ＼" in said(review)
    for box in (review.view, review._message, review._notices):
        assert not any(isinstance(child, (ipywidgets.HTML, ipywidgets.Output)) for child in box.children)


# -- on a real project

def test_the_examples_in_the_documents_run(pictures):
    page = (Path(__file__).parents[2] / "docs" / "ipyannotations.md").read_text("utf-8")
    one_label, several, boxes, classes, spans = re.findall(r"```python\n(.*?)```", page, re.S)
    names: dict[str, Any] = {}
    exec(one_label, names)
    click(names["review"].widget, "7")
    assert names["wb"].annotations()["label"].tolist() == ["7"]
    names["wb"].close()
    exec(several, names)
    press(names["review"].widget, "3")
    names["review"].widget.submit_button.click()
    assert names["scenes"].annotations()["labels"].tolist() == [("night",)]
    names["scenes"].close()
    exec(boxes, names)
    names["review"].widget.submit()
    assert names["blood"].annotations()["label"].tolist() == ["none of them"]
    names["blood"].close()
    exec(classes, names)
    click(names["review"].widget, "praise")
    assert names["mail"].annotations()["label"].tolist() == ["praise"]
    names["mail"].close()
    exec(spans, names)
    names["review"].widget.submit()
    assert names["notes"].annotations()["label"].tolist() == ["none of them"]
    names["notes"].close()


@pytest.fixture
def wb(tmp_path, pictures) -> Iterator[hw.Workbench]:
    pool = hw.Pool.from_images(rings(20), ids=[f"i{n:02d}" for n in range(20)])
    wb = hw.Workbench(tmp_path / "project", pool, hw.Taxonomy(CLOTHES), annotator="ada")
    yield wb
    wb.close()


def test_a_real_log_holds_what_was_pressed_and_the_holdout_is_answered_blind(wb):
    widget = images.ClassLabeller(options=wb.taxonomy.names)
    review = wb.review(n=20, view=widget)
    for _ in range(18):
        click(widget, "Bag")
    click(widget, "Coat")
    widget.undo_button.click()
    type_and_enter(widget, "kimono")
    click(widget, "Dress")
    table = wb.annotations()
    assert table["label"].value_counts().to_dict() == {"Bag": 18, "Dress": 1}
    assert table["verdict"].value_counts().to_dict() == {"answer": 19, "unsure": 1}
    assert table.set_index("verdict").loc["unsure", "note"] == "kimono"
    assert set(wb.project.reference()) == set(wb.holdout) - set(table.query("verdict == 'unsure'")["item_id"])
    assert "That was all: 20 items" in said(review)


def test_a_label_renamed_meanwhile_is_the_same_label_under_its_former_name(wb):
    widget = images.ClassLabeller(options=wb.taxonomy.names)
    review = wb.review(view=widget)
    wb.apply([edits.rename("Bag", "Handbag"), edits.add("kimono")])
    click(widget, "Bag")
    type_and_enter(widget, "kimono")
    assert wb.annotations()["label"].tolist() == ["Handbag", "kimono"]
    assert "Stored" in said(review)


def test_claims_are_given_back_when_the_card_takes_over(wb):
    review = wb.review(view=images.ClassLabeller(options=wb.taxonomy.names))
    assert len(wb.project.log.claims(exclude="bob")) == AHEAD + 1
    wb.review()
    assert len(wb.project.log.claims(exclude="bob")) == 0
    assert review._closed


def test_a_scale_that_a_labeller_does_not_have_is_refused(wb):
    with pytest.raises(errors.BadInput, match="no scale"):
        wb.review(view=images.ClassLabeller(options=CLOTHES), certainty="ask")
