"""Labellers of ipyannotations before a project of texts: texts are shown as they are, and what is pressed is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import IPython.display
import ipywidgets
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.widgets.ipyannotations import labeller as adapter
from hitl_widgets.widgets.ipyannotations.texts import PlainText, TaggedText

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

from ipyannotations import generic, images, text  # noqa: E402

HTML = "<img src=x onerror=alert(1)> **bold** $x$ <b>no</b> & so on"
TEXTS = [f"{HTML} {number} 🙂" for number in range(12)]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "UNSEEN_S", 0.0)


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What labellers display in their outputs."""
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda *things, **_: shown.extend(things))
    return shown


@pytest.fixture
def opened(tmp_path, displayed: list[Any]) -> Iterator[Callable[..., Any]]:
    benches: list[Any] = []

    def opening(task: str = "classify", texts: Any = TEXTS, labels: Any = ("ham", "spam")) -> Any:
        wb = hw.Workbench(tmp_path / task, hw.Pool.from_texts(texts), list(labels), task=task, annotator="ada",
                          holdout=0, audit=0)
        benches.append(wb)
        return wb

    yield opening
    for wb in benches:
        wb.close()


def said(review: Any) -> str:
    def texts(box: Any) -> list[str]:
        return [] if box is review.widget else [box.value] if isinstance(box, ipywidgets.Label) else \
            [text for child in getattr(box, "children", ()) for text in texts(child)]
    return " ".join(texts(review.view))


@pytest.mark.parametrize("module", [text, generic], ids=["text", "generic"])
def test_a_text_with_html_in_it_is_shown_as_text_alone_and_a_click_is_an_answer(opened, displayed, module):
    wb = opened()
    widget = module.ClassLabeller(options=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    item = review._item
    assert [isinstance(one, PlainText) for one in displayed] == [True]
    assert displayed[0].text == wb.pool.load(item.position)
    script = str(displayed[0]._esm)
    assert "textContent" in script
    assert "innerHTML" not in script
    widget.control_elements.buttons["spam"].button.click()
    assert wb.annotations()[["item_id", "label"]].to_numpy().tolist() == [[item.id, "spam"]]
    assert displayed[-1].text == wb.pool.load(review._item.position) != TEXTS[item.position]


def test_nothing_that_reads_html_or_markdown_gets_a_text(opened, displayed):
    wb = opened("multilabel")
    widget = text.MulticlassLabeller(options=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    for _ in range(3):
        widget.data = ["ham", "spam"]
        widget.submit()
    assert all(isinstance(one, PlainText) for one in displayed)
    assert wb.annotations()["labels"].tolist() == [("ham", "spam")] * 3
    seen = [one for one in ipywidgets.widgets.widget._instances.values()
            if isinstance(one, (ipywidgets.HTML, ipywidgets.HTMLMath, ipywidgets.Label)) and "onerror" in one.value]
    assert seen == []
    review.close()
    widget.display_function("**as before**")
    assert not isinstance(displayed[-1], PlainText)


def test_sentiment_is_served_where_the_labels_are_its_own(opened):
    wb = opened(labels=("negative", "neutral", "positive"))
    widget = text.SentimentLabeller()
    wb.review(view=widget, learn=False)
    widget.submit(widget.buttons[2])
    assert wb.annotations()["label"].tolist() == ["positive"]


def test_a_text_that_cant_be_shown_is_said_and_can_be_skipped(opened, displayed):
    wb = opened(texts=["", "", ""])
    widget = text.ClassLabeller(options=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    assert displayed[-1].text == "This item can't be shown; see below."
    assert "can't be shown: " in said(review)
    widget.skip_button.click()
    assert wb.history()["body"].iloc[-1]["verdict"] == "skip"


@pytest.mark.parametrize(("make", "task", "why"), [
    (lambda: images.ClassLabeller(options=["ham", "spam"]), "classify", "the pool's items are texts"),
    (lambda: images.BoxAnnotator(options=["ham", "spam"]), "classify", "the pool's items are texts"),
    (lambda: text.FreetextAnnotator(), "classify", "captions"),
    (lambda: text.TextTagger(classes=["ham", "spam"]), "classify", "asks for no spans"),
    (lambda: text.ClassLabeller(options=["ham", "spam"]), "multilabel", "MulticlassLabeller"),
    (lambda: text.ClassLabeller(options=["ham", "spam"]), "spans", "TextTagger"),
    (lambda: text.TextTagger(classes=["ham", "eggs"]), "spans", "eggs"),
])
def test_labellers_of_something_else_are_refused_in_words(opened, make, task, why):
    wb = opened(task)
    with pytest.raises(BadInput, match=why):
        wb.review(view=make(), learn=False)


def test_a_label_that_the_tagger_would_read_as_html_is_refused(opened):
    wb = opened("spans", labels=("<b>place</b>", "person"))
    with pytest.raises(BadInput, match="HTML reads"):
        wb.review(view=text.TextTagger(classes=wb.taxonomy.names), learn=False)


def tag(widget: Any, *spans: tuple[int, int, str]) -> None:
    """What the browser sends: spans in UTF-16 units, those that are there and new ones."""
    widget.text_widget.set_state({"entity_spans": [*widget.text_widget.entity_spans, *spans]})


def test_spans_are_characters_of_the_text_as_it_came_whatever_stands_before_them(opened):
    line = "🙂 <b>Ada</b>\r\nin\tKyōto 👩‍🍳"
    wb = opened("spans", [line] * 12, labels=("place", "person"))
    widget = text.TextTagger(classes=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    on_screen = widget.text_widget.text
    assert not set(on_screen) & set("<>&\r")
    assert len(on_screen) == len(line)
    units = line.encode("utf-16-le")
    ada, kyoto = (len(line[:line.index(word)].encode("utf-16-le")) // 2 for word in ("Ada", "Kyōto"))
    assert units[2 * ada:2 * ada + 6].decode("utf-16-le") == "Ada"
    tag(widget, (kyoto, kyoto + 5, "place"))
    tag(widget, (ada, ada + 3, "person"))
    item = review._item.id
    widget.submit()
    table = wb.objects().sort_values("start")
    assert table[["item_id", "label", "quote"]].to_numpy().tolist() == \
        [[item, "person", "Ada"], [item, "place", "Kyōto"]]
    assert [line[start:end] for start, end in zip(table["start"], table["end"], strict=True)] == table["quote"].tolist()
    assert widget.data == []
    assert "2 objects" in said(review)


def test_white_space_at_the_ends_is_left_out_and_a_span_over_another_one_is_taken_back(opened):
    wb = opened("spans", ["Ada went to Kyoto  "] * 12, labels=("place", "person"))
    widget = text.TextTagger(classes=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    tag(widget, (12, 19, "place"))
    assert widget.text_widget.entity_spans == widget.data == [(12, 17, "place")]
    tag(widget, (9, 14, "person"))
    assert widget.text_widget.entity_spans == widget.data == [(12, 17, "place")]
    assert "overlaps another one" in said(review)
    tag(widget, (3, 4, "person"))
    assert widget.data == [(12, 17, "place")]
    tag(widget, (0, 3, "person"))
    assert "overlaps" not in said(review)
    widget.undo()
    assert widget.data == [(12, 17, "place")]
    widget.undo()
    assert widget.data == []
    widget.undo()
    assert "nothing to undo" in said(review)


def test_undo_shows_the_text_again_with_the_spans_that_were_given(opened):
    wb = opened("spans", ["Ada went to Kyoto"] * 12, labels=("place", "person"))
    widget = text.TextTagger(classes=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    item = review._item.id
    tag(widget, (12, 17, "place"))
    widget.submit()
    assert review._item.id != item
    widget.undo()
    assert (review._item.id, widget.data) == (item, [(12, 17, "place")])
    assert len(wb.objects()) == 0
    widget.submit()
    assert wb.objects()["quote"].tolist() == ["Kyoto"]


def test_nothing_on_the_text_says_that_there_is_nothing_and_a_skip_says_nothing(opened):
    wb = opened("spans", ["Ada went to Kyoto"] * 12, labels=("place", "person"))
    widget = text.TextTagger(classes=wb.taxonomy.names)
    wb.review(view=widget, learn=False)
    widget.submit()
    widget.skip()
    assert [body["verdict"] for body in wb.history().query("kind == 'decided'")["body"]] == ["answer", "skip"]
    assert wb.objects().empty


def test_a_tagger_is_left_as_it_was(opened):
    wb = opened("spans", ["Ada went to Kyoto"] * 12, labels=("place", "person"))
    widget = text.TextTagger(classes=wb.taxonomy.names)
    review = wb.review(view=widget, learn=False)
    review.close()
    widget.display("a < b")
    assert widget.text_widget.text == "a < b"


def test_characters_and_units_are_converted_both_ways_for_every_span_of_a_text():
    line = "a🙂é👩‍🍳 ب😀z"
    widget = text.TextTagger(classes=["x"])
    tagged = TaggedText(widget)
    tagged.display(line)
    for start in range(len(line)):
        for end in range(start + 1, len(line) + 1):
            if line[start:end] == line[start:end].strip():
                tagged.load([(start, end, "x")])
                assert tagged.spans() == [(start, end, "x")]
                units = [line[:at].encode("utf-16-le") for at in (start, end)]
                assert widget.text_widget.entity_spans == [(len(units[0]) // 2, len(units[1]) // 2, "x")]
