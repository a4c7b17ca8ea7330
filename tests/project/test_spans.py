"""Spans of texts: what is decided, what the log keeps of it, and what the tables say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, TextError
from hitl_widgets.objects.shapes import as_shape, shape
from hitl_widgets.records import ObjectAnswer, Region, Seen

TEXTS = ["Ada met Grace in 🏙 Rome.\r\n", "قال أحمد: روما جميلة",
         "e\u0301cole \U0001f468\u200d\U0001f469\u200d\U0001f467 Paris\0", " "]


@pytest.fixture
def wb(tmp_path):
    with hw.Workbench(tmp_path / "places", hw.Pool.from_texts(TEXTS), ["place", "person"], task="spans", holdout=0,
                      annotator="ada") as workbench:
        yield workbench


def test_what_a_span_covers_is_kept_with_it(wb, tmp_path):
    rome = TEXTS[0].index("Rome")
    wb.decide("0", objects=[hw.Span(rome, rome + 4, label="place", certainty=7), hw.Span(0, 3, label="person"),
                            hw.Span(0, 13, label="person", unsure=True)])
    wb.decide("2", objects=[hw.Span(1, 2, label="place")])  # the accent alone, which cuts a grapheme
    wb.decide("1", objects=[])
    for opened in (wb, None):
        if opened is None:
            wb.close()
            opened = hw.Workbench(tmp_path / "places", hw.Pool.from_texts(TEXTS), annotator="ada")
        table = opened.objects()
        assert table["kind"].eq("span").all()
        assert list(zip(table["item_id"], table["start"], table["end"], table["quote"], table["label"],
                        table["status"], strict=True)) == [
            ("0", rome, rome + 4, "Rome", "place", "decided"), ("0", 0, 3, "Ada", "person", "decided"),
            ("0", 0, 13, "Ada met Grace", "person", "unsure"), ("2", 1, 2, "\u0301", "place", "decided")]
        assert table["start"].dtype == "Int64"
        assert table[["x0", "y0", "x1", "y1", "points"]].isna().all(axis=None)
        assert table["certainty"].iloc[0] == 7
        assert len(opened.objects().query("item_id == '1'")) == 0
    [event, *_] = opened.project.log.events(kind="decided")
    assert event.body["content"] == opened.pool.content(0)
    assert event.body["size"] == [len(TEXTS[0]), 1]
    assert event.body["objects"][0] == {
        "id": f"{event.id}.0", "kind": "span", "at": [rome, rome + 4], "label_id": wb.taxonomy.label("place").id,
        "label": "place", "certainty": 7, "origin": "person", "act": "added", "quote": "Rome"}
    opened.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_the_quote_is_the_text_between_the_offsets(tmp_path_factory, data, text):
    if text.isspace():
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    with hw.Workbench(tmp_path_factory.mktemp("one"), hw.Pool.from_texts([text]), ["x"], task="spans") as wb:
        wb.decide("0", objects=[hw.Span(start, end)])
        [row] = wb.objects().itertuples()
        assert text[row.start:row.end] == row.quote


def test_what_became_of_proposals(wb):
    place, person = (wb.taxonomy.label(name).id for name in ("place", "person"))
    proposed = [{"id": name, "kind": "span", "at": at, "label_id": label_id, "score": 0.8} for name, at, label_id in
                (("a", [0, 3], person), ("b", [8, 13], place), ("c", [17, 18], place), ("d", [4, 7], person))]
    seen = Seen(objects=tuple(proposed), model="m")
    decision = wb.decide("0", seen=seen, objects=[
        {"id": "a", "at": [0, 3], "label_id": person}, {"id": "b", "at": [8, 13], "label_id": person},
        {"id": "c", "at": [19, 23], "label_id": place}])
    told = {one.id: one for one in decision.objects}
    assert {name: one.act for name, one in told.items()} == \
        {"a": "accepted", "b": "relabelled", "c": "moved", "d": "deleted"}
    assert decision.verdict == "correct"
    assert (told["c"].quote, told["c"].was["at"], told["d"].quote) == ("Rome", [17, 18], "met")
    assert wb.decide("0", "accept", seen=seen).verdict == "accept"


@pytest.mark.parametrize(("objects", "words"), [
    ([hw.Span(3, 99, label="place")], "the span [3, 99) ends outside its text, which has 26 characters"),
    ([{"at": [3.5, 9], "label": "place"}], "start is 3.5 of a span"),
    ([hw.Box(0, 0, 3, 3, label="place")], "a box was given, and this project asks for spans"),
    ([{"at": [1, 2, 3], "label": "place"}], "a span is at [1, 2, 3]; start, end are expected"),
    ([hw.Span(0, 3)], "a span has no label"), ([hw.Span(0, 3, label="river")], "river"),
    ("Rome", "a list of hw.Span(...) is expected")])
def test_what_is_no_span_of_the_text_is_refused_in_words(wb, objects, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        wb.decide("0", objects=objects)
    assert len(wb.annotations()) == 0


@pytest.mark.parametrize(("at", "words"), [((3, 3), "is empty"), ((5, 3), "is inverted"), ((-1, 3), "begins"),
                                           ((True, 3), "start is True"), ((0, "3"), "end is '3'"),
                                           ((0, 2.0), "end is")])
def test_what_is_no_span_is_refused_in_words(at, words):
    with pytest.raises(BadInput, match=words):
        hw.Span(*at)
    with pytest.raises(BadInput):
        ObjectAnswer("a", "span", at, "L", "x")


def test_a_span_is_like_a_box_that_is_one_high():
    one = shape("span", (np.int64(2), 5), label="place")
    assert one == hw.Span(2, 5, "place")
    assert (one.at, one.bounds, one.kind) == ((2, 5), (2, 0, 5, 1), "span")
    assert as_shape({"at": [2, 5], "label": "place"}, "span") == one
    with pytest.raises(BadInput, match="the quote"):
        ObjectAnswer("a", "span", (2, 5), "L", "x", quote="too long")


def test_a_text_that_cant_be_shown_is_skipped_and_flagged(wb):
    with pytest.raises(TextError, match="it is blank"):
        wb.decide("3", objects=[])
    assert len(wb.annotations()) == 0


@pytest.mark.long
@pytest.mark.parametrize("more", [
    {"at": [0, 10**30], "quote": None}, {"at": [0, 2**31], "quote": None},
    {"at": [0.0, 3.0]}, {"at": [3, 0]}, {"quote": "x" * 100_000}, {"quote": 7},
    {"kind": "box", "at": [0, 0, 3, 1], "quote": None}, {"kind": "point", "at": [0, 0], "quote": None},
    {"kind": "polygon", "at": [0, 0, 3, 0, 3, 1], "quote": None}], ids=lambda more: str(more)[:60])
def test_an_invented_answer_of_spans_keeps_nothing_else_from_being_read(wb, more):
    for item_id in ("0", "1"):
        for who in ("ada", "bob"):
            wb.decide(item_id, objects=[hw.Span(0, 3, label="person")], annotator=who)
    [event, *_] = wb.project.log.events(kind="decided")
    [span] = event.body["objects"]
    made = {name: value for name, value in {**span, **more}.items() if value is not None}
    wb.project.log.append(replace(event, id="invented", annotator="eve", body={**event.body, "objects": [made]}))
    with hw.Workbench(wb.folder, wb.pool, annotator="ada", progress=False) as again:
        for table in (again.objects(), again.objects(deleted=True), again.objects(consensus=True)):
            assert set(table["item_id"]) == {"0", "1"}
            assert all(TEXTS[int(row.item_id)][row.start:row.end] == row.quote for row in table.itertuples())
        assert "eve" not in set(again.objects()["annotator"])
        again.people.agreement()
        again.project.reference_objects()
        again.progress()


def test_tasks_and_pools_that_dont_fit_are_refused_before_a_folder_is_made(tmp_path):
    images, texts = hw.Pool.from_images(np.zeros((3, 8, 8), np.uint8)), hw.Pool.from_texts(TEXTS)
    with pytest.raises(BadInput, match="asks for spans of texts, and the pool has images"):
        hw.Workbench(tmp_path / "a", images, ["x"], task="spans")
    with pytest.raises(BadInput, match="asks for objects in images, and the pool has texts"):
        hw.Workbench(tmp_path / "b", texts, ["x"], task="boxes")
    hw.Workbench(tmp_path / "a", texts, ["x"], task="spans").close()
    with pytest.raises(BadInput, match="asks for spans of texts, and the pool has images"):
        hw.Workbench(tmp_path / "a", images)


def test_reasons_about_words_of_a_text(tmp_path):
    with hw.Workbench(tmp_path / "mail", hw.Pool.from_texts(TEXTS), ["ham", "spam"], holdout=0) as wb:
        decision = wb.decide("0", label="ham", wrong=[(0, 3), hw.Span(8, 13)])
        assert decision.wrong == Region((1, 26), (0, 3, 5, 5, 13))
        assert decision.reason == "wrong"
        mask = np.zeros(len(TEXTS[1]), bool)
        mask[:4] = True
        assert wb.decide("1", label="ham", missing=mask).missing.size == (1, len(TEXTS[1]))
        with pytest.raises(BadInput, match="ends outside its text"):
            wb.decide("1", label="ham", wrong=[(0, 300)])


def test_a_frame_of_no_spans_has_the_columns(wb):
    assert {"start", "end", "quote", "x0"} <= set(wb.objects().columns)
    assert isinstance(wb.objects(), pd.DataFrame)


def test_spans_come_back_from_a_csv_as_they_went(wb, tmp_path):
    rome = TEXTS[0].index("Rome")
    wb.decide("0", objects=[hw.Span(rome, rome + 4, label="place", certainty=7), hw.Span(0, 3, label="person")])
    wb.decide("1", objects=[hw.Span(4, 8, label="person")])
    wb.objects().to_csv(tmp_path / "spans.csv", index=False)
    table = pd.read_csv(tmp_path / "spans.csv")
    table.loc[len(table)] = {"item_id": 2, "annotator": "ada"}  # looked at, and none found
    pool = hw.Pool.from_texts(TEXTS)
    with hw.Workbench(tmp_path / "again", pool, ["place", "person"], task="spans", holdout=0) as again:
        assert again.import_annotations(table) == 3
        assert again.import_annotations(table) == 0
        shown = ["item_id", "annotator", "start", "end", "quote", "label", "certainty"]
        pd.testing.assert_frame_equal(again.objects()[shown], wb.objects()[shown])


@pytest.mark.parametrize(("start", "quote", "words"), [
    (20, "Rome", "UTF-16 units"), (17, "Rome", "Was the text changed"), (18.5, None, "start is 18.5"),
    (24, None, "ends outside its text")])
def test_spans_that_dont_fit_their_text_arent_imported(wb, start, quote, words):
    table = pd.DataFrame({"item_id": ["0"], "label": ["place"], "start": [start], "end": [start + 4],
                          "quote": [quote]})
    with pytest.raises(BadInput, match=f"row.* 0 of the table to import.*{words}"):
        wb.import_annotations(table)
    assert len(wb.annotations()) == 0
