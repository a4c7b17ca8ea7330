"""The data of ipyannotations' widgets, both ways."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exchange.forged import forged
from exchange.labelled_records import headers, records
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ipyannotations.images.canvases.shapes import BoundingBox, Point, Polygon

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.files import Source, Target
from hitl_widgets.exchange.format import Contents
from hitl_widgets.exchange.formats.ipyannotations import FORMAT, TASKS
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, facts, header_facts
from hitl_widgets.records import ObjectAnswer
from hitl_widgets.taxonomy.labels import Taxonomy


def written(path: Path, header: Header, records: list[ItemRecord]) -> Path:
    """Write records into a file."""
    FORMAT.write(header, iter(records), Target(path, folder=False), FORMAT.options)
    return path


def read(path: Path, **options: Any) -> tuple[Contents, list[ItemRecord]]:
    """Read a file and all its records."""
    assert FORMAT.read is not None
    contents = FORMAT.read(Source(path), {**FORMAT.options, **options})
    return contents, list(contents.records)


def foreign(folder: Path, body: Any, **options: Any) -> tuple[Contents, list[ItemRecord]]:
    """Read what somebody else kept."""
    path = folder / "kept.json"
    path.write_text(json.dumps(body), encoding="utf-8")
    return read(path, **options)


@pytest.mark.long
@pytest.mark.parametrize("task", TASKS)
def test_what_is_written_is_read_again(task, tmp_path):
    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        whole = data.draw(headers((task,)))
        header = FORMAT.reduce_header(whole, FORMAT.options)
        given = [quoted(data.draw(records(whole, f"item {n}"))) for n in range(2)]
        kept = [one for record in given if (one := FORMAT.reduce(header, record, FORMAT.options)) is not None]
        before = {record.item_id: facts(whole, record) for record in given}
        for one in kept:
            assert not facts(whole, one) - before[one.item_id], "something is added"
        path = written(tmp_path / "out.json", header, kept)
        contents, back = read(path)
        assert header_facts(contents.header) == header_facts(header)
        assert [facts(contents.header, one) for one in back] == [facts(header, one) for one in kept]
        assert len(contents.lost) == 0
        assert written(tmp_path / "again.json", header, kept).read_bytes() == path.read_bytes()
    check()


def quoted(record: ItemRecord) -> ItemRecord:
    """The same record with the quotes that projects keep of every span."""
    def of(answer: Answer) -> Answer:
        return replace(answer, objects=answer.objects and tuple(
            replace(one, quote=(record.text or "")[slice(*map(int, one.at))]) if one.kind == "span" else one
            for one in answer.objects))
    return replace(record, answers=tuple(map(of, record.answers)))


def test_ipyannotations_reads_what_is_written(tmp_path):
    for task, kind, at, shape in (("boxes", "box", (1.25, 2, 30.5, 40), BoundingBox),
                                  ("points", "point", (1, 2), Point),
                                  ("polygons", "polygon", (1, 2, 30, 2, 9, 44), Polygon)):
        header = Header(task, "image", Taxonomy(["RBC"]))
        one = ObjectAnswer("o", kind, at, header.taxonomy.label_ids[0], "RBC")  # type: ignore[arg-type]
        record = ItemRecord("a.png", answers=(Answer("Ada", objects=(one,)),))
        path = written(tmp_path / f"{task}.json", header, [record])
        body = json.loads(path.read_text())
        assert body["options"] == ["RBC"]
        (data,) = body["items"][0]["data"]
        assert shape.from_data(dict(data)).label == "RBC"
        if task == "polygons":
            assert shape.from_data(dict(data)).closed


def test_what_the_widgets_give_is_read(tmp_path):
    contents, found = foreign(tmp_path, {"a.png": "cat", "b.png": "dog", "c.png": None})
    assert (contents.header.task, contents.header.kind, contents.header.taxonomy.names) == \
        ("classify", "image", ("cat", "dog"))
    assert [(one.item_id, one.answers[0].verdict) for one in found] == \
        [("a.png", "answer"), ("b.png", "answer"), ("c.png", "skip")]
    contents, found = foreign(tmp_path, [["a.png", ["day", "rain"]], ["b.png", []]])
    assert (contents.header.task, [len(one.answers[0].label_ids or ()) for one in found]) == ("multilabel", [2, 0])
    box = {"type": "box", "label": "RBC", "xyxy": [30, 4, 10, 20]}
    contents, (record,) = foreign(tmp_path, [{"image": "a.png", "data": [box, {**box, "xyxy": [1, 1, 1, 9]}]}])
    assert record.answers[0].objects is not None
    assert [one.at for one in record.answers[0].objects] == [(10.0, 4.0, 30.0, 20.0)]
    assert contents.lost.counts() == {"object": 1}


def test_spans_of_the_tagger_count_units_of_utf_16(tmp_path):
    contents, (record,) = foreign(tmp_path, {"In 🏙 Rome": [[6, 10, "city"], [50, 60, "city"]]})
    assert (contents.header.task, contents.header.kind, record.text) == ("spans", "text", "In 🏙 Rome")
    assert record.answers[0].objects is not None
    assert [(one.at, one.quote) for one in record.answers[0].objects] == [((5, 9), "Rome")]
    assert contents.lost.counts() == {"object": 1}


@pytest.mark.parametrize("body", [
    {"task": "boxes", "kind": "image", "options": ["x"], "items": [
        {"item_id": "a", "annotator": "Ada", "name": "a.png",
         "data": [{"type": "box", "label": "x", "xyxy": [1, 2, 3, 4]}]}]},
    {"a text": [[0, 1, "x"]]}, [["a", "cat"]], [{"id": 3, "text": "abc", "data": ["x", "y"]}]])
def test_a_forged_file_is_read_or_refused_with_its_place(body, tmp_path):
    n_refused = 0
    for where, odd, changed in forged(body):
        message = None
        try:
            foreign(tmp_path, changed)
        except BadInput as error:
            message = str(error)
        n_refused += message is not None
        assert message is None or "kept.json" in message, (where, odd, message)
    assert n_refused > 10


def test_a_wrong_label_is_named_with_its_item_and_key(tmp_path):
    with pytest.raises(BadInput, match=r"kept\.json\['a.png'\]\[0\]\.label: 3 is given; a text is expected"):
        foreign(tmp_path, {"a.png": [{"type": "box", "label": 3, "xyxy": [1, 2, 3, 4]}]})
    with pytest.raises(BadInput, match="no data is in it"):
        foreign(tmp_path, {"a.png": None})
