"""doccano's JSON Lines: what goes out comes back, and what doccano exports is read."""

from __future__ import annotations

import json

import pytest
from exchange.loose_records import HEADERS, check_round_trip, items, labels, read_lines
from hypothesis import HealthCheck, given, settings
from whole_records import write

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.files import Source
from hitl_widgets.exchange.formats.doccano import FORMAT
from hitl_widgets.exchange.records import Answer, Header, ItemRecord
from hitl_widgets.records import LABELLING, ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy

SOME = settings(max_examples=25, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.mark.long
@pytest.mark.parametrize("task", FORMAT.tasks)
def test_what_is_written_is_read_again(task, tmp_path):
    @SOME
    @given(items(task))
    def holds(some):
        check_round_trip(FORMAT, HEADERS[task], some, tmp_path / "x.jsonl")
    holds()


@SOME
@given(items("spans"))
def test_doccanos_own_fields_say_the_same_spans(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("d") / "x.jsonl"
    header = HEADERS["spans"]
    write(FORMAT, header, some, path)
    lines = [json.loads(one) for one in path.read_text("utf-8").split("\n") if one]
    for line in lines:
        del line["hitl"]
    expected = [sorted((*one.at, header.name_of(one.label_id)) for one in answer.objects or () if one.is_there)
                for record in some for answer in record.answers if answer.verdict in LABELLING]
    assert [[tuple(one) for one in line["label"]] for line, answer in zip(
        lines, [answer for record in some for answer in record.answers or (None,)], strict=True)
        if answer is not None and answer.verdict in LABELLING] == expected
    for line in lines:
        assert all(0 <= start < end <= len(line["text"]) for start, end, _ in line.get("label", ()))


# -- files of others

def read(tmp_path, *lines, **options):
    return read_lines(FORMAT, tmp_path / "all.jsonl", *lines, **options)


def places(header, record):
    return [(one.at, header.name_of(one.label_id), one.quote) for answer in record.answers
            for one in answer.objects or ()]


def test_spans_as_lists_and_as_objects_are_the_same(tmp_path):
    text = "🎈 Ada met Grace"
    for line in ({"label": [[2, 5, "PER"], [10, 15, "PER"]]}, {"labels": [[2, 5, "PER"], [10, 15, "PER"]]},
                 {"entities": [{"id": 7, "label": "PER", "start_offset": 2, "end_offset": 5},
                               {"id": 8, "label": "PER", "start_offset": 10, "end_offset": 15}],
                  "relations": []}):
        header, records, lost = read(tmp_path, {"id": 1, "text": text, **line, "Comments": ["odd"], "source": "news"})
        assert (header.task, header.kind) == ("spans", "text")
        assert places(header, records[0]) == [((2, 5), "PER", "Ada"), ((10, 15), "PER", "Grace")]
        assert (records[0].answers[0].note, records[0].metadata) == ("odd", {"source": "news"})
        assert lost.counts() == {}


def test_relations_are_counted(tmp_path):
    entities = [{"id": k, "label": "ORG", "start_offset": k, "end_offset": k + 1} for k in (0, 1)]
    _, _, lost = read(tmp_path, {"text": "ab", "entities": entities,
                                 "relations": [{"id": 0, "from_id": 0, "to_id": 1, "type": "x"}]})
    assert lost.counts() == {"relation": 1}


def test_one_label_each_is_a_task_of_one_label_and_more_are_one_of_several(tmp_path):
    header, records, _ = read(tmp_path, {"text": "a", "label": ["x"]}, {"text": "b", "label": "y"})
    assert (header.task, header.taxonomy.names) == ("classify", ("x", "y"))
    assert [labels(header, one) for one in records] == [{"": ("x",)}, {"": ("y",)}]
    header, records, _ = read(tmp_path, {"text": "a", "label": ["x", "y, z"]}, {"text": "b", "label": ["x"]})
    assert header.task == "multilabel"
    assert labels(header, records[0]) == {"": ("x", "y, z")}
    header, _, _ = read(tmp_path, {"text": "a", "label": ["x"]}, task="multilabel")
    assert header.task == "multilabel"


def test_an_example_without_labels_is_not_answered_unless_asked(tmp_path):
    lines = {"text": "a", "label": [[0, 1, "x"]]}, {"text": "b", "label": []}
    _, records, lost = read(tmp_path, *lines)
    assert [len(one.answers) for one in records] == [1, 0]
    assert lost.counts() == {"example without labels": 1}
    _, records, lost = read(tmp_path, *lines, empty=True)
    assert records[1].answers[0].objects == ()
    assert lost.counts() == {}


def test_users_of_one_file_and_files_of_users_are_votes(tmp_path):
    header, records, _ = read(tmp_path, {"doc_id": 20, "text": "a", "labels": ["x"], "username": "ada"},
                              {"doc_id": 21, "text": "b", "labels": ["x"], "username": "ada"},
                              {"doc_id": 20, "text": "a", "labels": ["y"], "username": "bob"})
    assert {one.item_id: labels(header, one) for one in records} == {
        "20": {"ada": ("x",), "bob": ("y",)}, "21": {"ada": ("x",)}}
    folder = tmp_path / "export"
    folder.mkdir()
    for name, label in (("ada", "x"), ("bob", "y"), ("unknown", "z")):
        (folder / f"{name}.jsonl").write_text(json.dumps({"id": 20, "text": "a", "label": [label]}), "utf-8")
    contents = FORMAT.read(Source(folder), FORMAT.options)
    record, = contents.records
    assert labels(contents.header, record) == {"ada": ("x",), "bob": ("y",), "": ("z",)}


def test_images_with_labels_and_with_boxes(tmp_path):
    header, records, _ = read(tmp_path, {"filename": "cat.png", "label": ["cat"]}, {"filename": "dog.png", "label": []})
    assert (header.kind, header.task, records[0].name) == ("image", "classify", "cat.png")
    header, records, _ = read(tmp_path, {"filename": "cat.png", "bbox": [
        {"x": 11, "y": 12, "width": 64, "height": 66, "label": "cat"}]})
    assert header.task == "boxes"
    assert places(header, records[0]) == [((11, 12, 75, 78), "cat", None)]


def test_words_beside_a_span_are_compared_and_offsets_of_browsers_are_mended(tmp_path):
    header, records, lost = read(tmp_path, {"text": "🎈 Ada", "label": [[3, 6, "PER", "Ada"], [0, 2, "PER", "no"]]})
    assert places(header, records[0]) == [((2, 5), "PER", "Ada")]
    assert lost.counts() == {"offsets in UTF-16 units": 1, "object": 1}
    header, records, _ = read(tmp_path, {"text": "🎈 Ada", "label": [[3, 6, "PER"]]}, offsets="utf16")
    assert places(header, records[0]) == [((2, 5), "PER", "Ada")]


def test_spans_outside_of_the_text_are_counted(tmp_path):
    spans = [[0, 1, "x"], [2, 9, "x"], [1, 1, "x"], [-1, 2, "x"]]
    header, records, lost = read(tmp_path, {"text": "abc", "label": spans})
    assert len(places(header, records[0])) == 1
    assert lost.counts() == {"object": 3}
    header, records, lost = read(tmp_path, {"text": "abc", "label": spans[1:]})
    assert (records[0].answers, lost.counts()) == ((), {"object": 3, "answer": 1})  # not that there is nothing


@pytest.mark.parametrize(("line", "message"), [
    ('{"text": "a", "label": 3}', "line 2: label is 3"), ('{"text": "a", "label": [3]}', "line 2: a label is 3"),
    ('{"text": "a", "label": [["0", 1, "x"]]}', "line 2: a span goes from '0'"), ("7", "line 2 is a int"),
    ('{"text": "a", "label": [[0, 1, "x", "y", "z"]]}', "line 2: a label"), ('{"text": "a"', "line 2 isn't JSON"),
    ('{"text": "a", "bbox": [{"x": "1"}]}', "line 2: a box is"), ('{"text": "a", "bbox": 1}', "line 2: bbox is 1"),
    ('{"text": "a", "hitl": {"project": []}}', "line 2"),
])
def test_a_malformed_line_is_named(line, message, tmp_path):
    with pytest.raises(BadInput, match=message):
        read(tmp_path, {"text": "b", "label": [[0, 1, "x"]]}, line)


def test_an_empty_file_and_one_without_labels_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is empty"):
        read(tmp_path)
    with pytest.raises(BadInput, match="no labels"):
        read(tmp_path, {"text": "a"})


def test_spans_that_were_changed_in_doccano_are_the_new_ones(tmp_path):
    header = Header("spans", "text", Taxonomy(["place", "person"]))
    one = ObjectAnswer("o", "span", (0, 3), header.ids["person"], "person", quote="Ada", certainty=3)
    record = ItemRecord("x1", text="Ada in Rome", size=(11, 1), metadata={"label": "taken", "site": 3}, answers=(
        Answer("ada", objects=(one,), certainty=8),))
    write(FORMAT, header, [record], tmp_path / "x.jsonl")
    line = json.loads((tmp_path / "x.jsonl").read_text("utf-8"))
    assert (line["label"], line["site"]) == ([[0, 3, "person"]], 3)
    new, (back,), lost = read(tmp_path, line | {"label": [[0, 3, "person"], [7, 11, "place"]]})
    assert places(new, back) == [((0, 3), "person", "Ada"), ((7, 11), "place", "Rome")]
    assert (back.answers[0].certainty, back.metadata) == (None, {"label": "taken", "site": 3})
    assert lost.counts() == {"what stood beside an answer": 1}
