"""Prodigy's JSON Lines: what goes out comes back, and what Prodigy's documentation shows is read."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from exchange.loose_records import HEADERS, check_round_trip, items, labels, read_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_texts import texts
from whole_records import write

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.prodigy import FORMAT, _tokens
from hitl_widgets.exchange.records import Answer, Header, ItemRecord
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy

SOME = settings(max_examples=25, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.mark.long
@pytest.mark.parametrize("extras", [True, False])
@pytest.mark.parametrize("task", FORMAT.tasks)
def test_what_is_written_is_read_again(task, extras, tmp_path):
    @SOME
    @given(items(task))
    def holds(some):
        check_round_trip(FORMAT, HEADERS[task], some, tmp_path / "x.jsonl", extras=extras)
    holds()


# -- files of others

def read(tmp_path, *lines, **options):
    return read_lines(FORMAT, tmp_path / "tasks.jsonl", *lines, **options)


def places(header, record):
    return [(one.at, header.name_of(one.label_id)) for answer in record.answers for one in answer.objects or ()]


def test_choices_of_several_people_are_votes_on_one_item(tmp_path):
    options = [{"id": "ham", "text": "Ham"}, {"id": "spam", "text": "Spam"}]
    task = {"text": "Win!", "_input_hash": 17, "options": options, "config": {"choice_style": "single"}}
    header, records, lost = read(
        tmp_path, task | {"accept": ["spam"], "answer": "accept", "_session_id": "news-ada", "_timestamp": 1590581538},
        {"text": "Hello", "_input_hash": 18, "options": options, "answer": "ignore", "_session_id": "news-ada"},
        task | {"accept": ["ham"], "answer": "accept", "_session_id": "news-bob"})
    assert (header.task, header.kind, header.taxonomy.names) == ("classify", "text", ("ham", "spam"))
    by_text = {one.text: one for one in records}
    assert labels(header, by_text["Win!"]) == {"news-ada": ("spam",), "news-bob": ("ham",)}
    assert by_text["Win!"].answers[0].acted_at == datetime(2020, 5, 27, 12, 12, 18, tzinfo=timezone.utc)
    assert by_text["Hello"].answers[0].verdict == "skip"
    assert lost.counts() == {}


def test_several_choices_make_a_task_of_several_labels(tmp_path):
    options = [{"id": 1, "text": "first"}, {"id": 2, "text": "second"}]
    header, records, _ = read(tmp_path, {"text": "a", "options": options, "accept": [1, 2], "answer": "accept"})
    assert header.task == "multilabel"
    assert labels(header, records[0]) == {"": ("first", "second")}


def test_a_rejected_label_is_counted_and_an_accepted_one_is_the_answer(tmp_path):
    header, records, lost = read(tmp_path, {"text": "a", "label": "TECH", "answer": "accept"},
                                 {"text": "b", "label": "TECH", "answer": "reject"})
    assert [labels(header, one) for one in records] == [{"": ("TECH",)}, {}]
    assert lost.counts() == {"rejected answer": 1}


def test_the_last_of_two_answers_of_one_person_counts(tmp_path):
    header, records, lost = read(tmp_path, *({"text": "a", "label": label, "accept": [label], "answer": "accept"}
                                             for label in ("x", "y")))
    assert labels(header, records[0]) == {"": ("y",)}
    assert lost.counts() == {"earlier answer": 1}


def test_entities_as_the_documentation_shows_them(tmp_path):
    header, records, _ = read(tmp_path, {
        "text": "First look at the new MacBook Pro", "_view_id": "ner_manual", "answer": "accept",
        "url": "https://example.org", "meta": {"source": "news"},
        "tokens": [{"text": "First", "start": 0, "end": 5, "id": 0}],
        "spans": [{"start": 22, "end": 33, "label": "PRODUCT", "token_start": 5, "token_end": 6}]})
    assert header.task == "spans"
    assert places(header, records[0]) == [((22, 33), "PRODUCT")]
    assert records[0].answers[0].objects[0].quote == "MacBook Pro"
    assert records[0].metadata == {"source": "news", "url": "https://example.org"}


def test_single_spans_that_one_person_accepted_are_put_together(tmp_path):
    task = {"text": "Ada met Grace", "_input_hash": 1, "_view_id": "ner", "answer": "accept"}
    header, records, _ = read(tmp_path, task | {"spans": [{"start": 0, "end": 3, "label": "P"}]},
                              task | {"spans": [{"start": 8, "end": 13, "label": "P"}]},
                              task | {"spans": [{"start": 4, "end": 7, "label": "P"}], "answer": "reject"})
    assert places(header, records[0]) == [((0, 3), "P"), ((8, 13), "P")]


def test_boxes_and_polygons_of_an_image(tmp_path):
    rect = {"id": "9d76", "label": "CAR", "color": "yellow", "x": 5.5, "y": 10, "height": 20, "width": 30,
            "center": [20.5, 20], "type": "rect", "points": [[5.5, 10], [5.5, 30], [35.5, 30], [35.5, 10]]}
    image = {"image": "https://example.org/a/street.jpg", "width": 800, "height": 600, "answer": "accept",
             "_view_id": "image_manual"}
    header, records, lost = read(tmp_path, image | {"spans": [rect]})
    assert (header.task, records[0].name, records[0].size) == ("boxes", "street.jpg", (800, 600))
    assert places(header, records[0]) == [((5.5, 10, 35.5, 30), "CAR")]
    assert lost.counts() == {"'color' of a span": 1}
    free = {"label": "SKY", "type": "freehand", "points": [[0, 0], [9, 0], [9, 9]]}
    header, records, _ = read(tmp_path, image | {"spans": [rect, free]})
    assert header.task == "polygons"
    assert [at for at, _ in places(header, records[0])] == [(5.5, 10, 5.5, 30, 35.5, 30, 35.5, 10), (0, 0, 9, 0, 9, 9)]


def test_an_image_inside_the_file_is_not_unpacked_and_found_by_its_name(tmp_path):
    data = "data:image/png;base64,iVBORw0KGgo="
    _, records, lost = read(tmp_path, {"image": data, "meta": {"file": "a.png"}, "label": "x", "answer": "accept"},
                            {"image": data, "label": "x", "answer": "accept"}, {"html": "<b>x</b>", "label": "x"})
    assert [(one.item_id, one.name) for one in records] == [("a.png", "a.png")]
    assert lost.counts() == {"image in the file": 1, "task of an image without a name": 1, "task of html": 1}


def test_offsets_in_units_of_browsers_are_mended_where_the_file_has_the_words(tmp_path):
    span = {"start": 6, "end": 10, "label": "P"}
    line = {"text": "🎈 in Rome", "answer": "accept", "spans": [span]}
    header, records, lost = read(tmp_path, line | {"spans": [span | {"text": "Rome"}]})
    assert places(header, records[0]) == [((5, 9), "P")]
    assert lost.counts() == {"offsets in UTF-16 units": 1}
    header, records, lost = read(tmp_path, line)
    assert (records[0].answers, lost.counts()) == ((), {"object": 1, "answer": 1})  # not that there is nothing
    header, records, _ = read(tmp_path, line, offsets="utf16")
    assert records[0].answers[0].objects[0].quote == "Rome"


@pytest.mark.parametrize(("line", "message"), [
    ("{", "line 2 isn't JSON"), ("[1]", "line 2 is a list"), ('{"text": "a", "spans": 3}', "line 2: spans is 3"),
    ('{"text": "a", "spans": [{"start": "0", "end": 1, "label": "x"}]}', "line 2: a span goes from '0'"),
    ('{"text": "a", "spans": [7]}', "line 2: a span is 7"),
    ('{"text": "a", "label": "x", "answer": "yes"}', "line 2: answer is"),
    ('{"text": "a", "spans": [{"start": 0, "end": 1, "label": 5}]}', "line 2: a span has the label 5"),
    ('{"text": "a", "options": [[]]}', "line 2: an option"), ('{"text": "a", "hitl": {"project": 1}}', "line 2"),
    ('{"text": ' + "[" * 100 + "]" * 100 + "}", "nested"), ('{"text": "a", "spans": {}}', "line 2: spans"),
])
def test_a_malformed_line_is_named(line, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        read(tmp_path, {"text": "b", "answer": "accept", "spans": [{"start": 0, "end": 1, "label": "x"}]}, line)


def test_a_malformed_place_in_an_image_is_named(tmp_path):
    for points in ("x", [[1]], [["a", 2]], [[1e400, 0]]):
        with pytest.raises(BadInput, match="line 1: a span has the points"):
            read(tmp_path, {"image": "a.png", "spans": [{"label": "x", "type": "rect", "points": points}]})


def test_an_empty_file_and_one_without_labels_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is empty"):
        read(tmp_path)
    with pytest.raises(BadInput, match="no labels"):
        read(tmp_path, {"text": "a"})


def test_a_view_that_is_no_text_and_numbers_that_are_none_are_passed_over(tmp_path):
    _, (record,), _ = read(tmp_path, {"text": "a", "label": "x", "answer": "accept", "_view_id": ["ner"],
                                      "meta": {"a": float("nan")}, "hitl": {"own": "0" * 16}})
    assert len(record.answers) == 1


# -- what Prodigy gets

def lines_of(header, some, tmp_path, **options):
    write(FORMAT, header, some, tmp_path / "out.jsonl", **options)
    return [json.loads(one) for one in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]


@SOME
@given(texts(), st.data())
def test_tokens_make_the_text_again_and_every_span_fits_them(text, data):
    spans = [tuple(sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))) for _ in range(3)]
    spans = [one for one in spans if one[0] < one[1]]
    cut, words = _tokens(text, spans)
    assert "".join(one["text"] + " " * one["ws"] for one in words) == text
    assert all(text[one["start"]:one["end"]] == one["text"] for one in words)
    assert {start for start, _ in spans} <= {start for start, _ in cut}
    assert {end for _, end in spans} <= {end for _, end in cut}


def test_a_line_has_the_fields_that_prodigy_documents(tmp_path):
    header = Header("spans", "text", Taxonomy(["place", "person"]))
    text = "Ada: 🎈 in Rome"
    one = ObjectAnswer("o", "span", (10, 14), header.ids["place"], "place", quote="Rome")
    line, = lines_of(header, [ItemRecord("7", text=text, size=(14, 1), answers=(
        Answer("ada", objects=(one,), acted_at=datetime(2026, 1, 2, tzinfo=timezone.utc), certainty=7),))], tmp_path)
    assert line["spans"] == [{"start": 10, "end": 14, "token_start": 4, "token_end": 4, "label": "place",
                              "text": "Rome"}]
    assert line["tokens"][3:] == [{"text": "in", "start": 7, "end": 9, "id": 3, "ws": True},
                                  {"text": "Rome", "start": 10, "end": 14, "id": 4, "ws": False}]
    assert {name: line[name] for name in ("answer", "_annotator_id", "_timestamp", "_view_id")} == {
        "answer": "accept", "_annotator_id": "ada", "_timestamp": 1767312000, "_view_id": "spans_manual"}


def test_an_answer_that_was_changed_in_prodigy_is_the_new_one_and_keeps_nothing_of_the_former(tmp_path):
    header = Header("classify", "text", Taxonomy(["ham", "spam"]))
    record = ItemRecord("7", text="Win", size=(3, 1), split="holdout", metadata={"from": ["x"]}, answers=(
        Answer("ada", label_ids=(header.ids["ham"],), certainty=9, note="sure"),))
    line, = lines_of(header, [record], tmp_path)
    new, (back,), lost = read(tmp_path, line | {"accept": ["spam"], "_annotator_id": "bob"})
    assert labels(new, back) == {"bob": ("spam",)}
    assert (back.answers[0].certainty, back.answers[0].note) == (None, None)
    assert (back.split, back.metadata) == ("holdout", {"from": ["x"]})
    assert lost.counts() == {"what stood beside an answer": 1}
    options = [*line["options"], {"id": "eggs", "text": "Eggs"}]
    new, (back,), _ = read(tmp_path, line | {"accept": ["eggs"], "options": options})
    assert labels(new, back) == {"ada": ("eggs",)}
    assert new.taxonomy.names == ("ham", "spam", "eggs")


def test_two_exports_in_one_file_are_refused(tmp_path):
    first, = lines_of(HEADERS["spans"], [ItemRecord("a", text="a", size=(1, 1))], tmp_path)
    second, = lines_of(Header("spans", "text", Taxonomy(["x"])), [ItemRecord("b", text="b", size=(1, 1))], tmp_path)
    with pytest.raises(BadInput, match="line 2 is the first line of another export"):
        read(tmp_path, first, second)
