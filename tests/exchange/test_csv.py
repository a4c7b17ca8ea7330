"""CSV: a row an answer or object, that spreadsheets don't run and pandas reads; files of others."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import whole_records as made
from hypothesis import given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats import csv_cells
from hitl_widgets.exchange.formats.csv_cells import MARK, escaped, unescaped
from hitl_widgets.exchange.formats.csv_tables import FORMAT
from hitl_widgets.exchange.records import Answer, Header, ItemRecord, facts, header_facts
from hitl_widgets.records import OBJECT_TASKS, TASKS

RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def reduced(header: Header, records: list[ItemRecord]) -> list[ItemRecord]:
    """What the format can hold of records."""
    flat = FORMAT.reduce_header(header, {})
    return [one for record in records if (one := FORMAT.reduce(flat, record, {})) is not None]


@pytest.mark.parametrize("task", TASKS)
def test_what_is_not_reduced_comes_back(task: str, tmp_path: Path) -> None:
    header, records = made.header(task), made.records(task)
    path = made.written(FORMAT, header, records, tmp_path / "a.csv")
    contents, again = made.read(FORMAT, path)
    assert header_facts(contents.header) == header_facts(FORMAT.reduce_header(header, {}))
    assert [facts(contents.header, one) for one in again] == [facts(header, one) for one in reduced(header, records)]
    assert len(contents.lost) == 0
    assert made.written(FORMAT, header, records, tmp_path / "b.csv").read_bytes() == path.read_bytes()


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(data=st.data(), task=st.sampled_from(TASKS), delimiter=st.sampled_from([",", ";", "\t"]))
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, task: str,
                             delimiter: str) -> None:
    header = data.draw(made.random_headers(task))
    records = data.draw(made.random_records(header))
    path = made.written(FORMAT, header, records, tmp_path_factory.mktemp("c") / "a.csv", delimiter=delimiter)
    contents, again = made.read(FORMAT, path)
    assert header_facts(contents.header) == header_facts(FORMAT.reduce_header(header, {}))
    kept = reduced(header, records)
    if header.kind != "text":
        kept = [record.without("text") for record in kept]
    assert [facts(contents.header, one) for one in again] == [facts(header, one) for one in kept]


@given(st.text(max_size=8) | st.text(st.sampled_from("'=+-@ \t\r\na＝"), max_size=6))
def test_escaping_can_be_undone_and_leaves_nothing_to_run(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert not escaped(text).lstrip(" \xa0").startswith(RUN_BY_SPREADSHEETS)
    assert not escaped(text).startswith("\n")


def test_no_cell_of_a_file_is_run_and_pandas_reads_it(tmp_path: Path) -> None:
    for task in TASKS:
        path = made.written(FORMAT, made.header(task), made.records(task), tmp_path / f"{task}.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        assert [cell for row in rows for cell in row if cell.startswith(RUN_BY_SPREADSHEETS)] == []
        table = pd.read_csv(path, keep_default_na=False)
        assert len(table) == len(rows) - 1
        assert table["item_id"].map(unescaped).unique().tolist() == [one.item_id for one in made.records(task)]
        assert [name for name in table if str(name).startswith(MARK)] == [table.columns[-1]]


def test_rows_sorted_by_something_else_and_without_the_last_column_are_read(tmp_path: Path) -> None:
    records = [ItemRecord(name, answers=tuple(Answer(who, "answer", ("Lcat",)) for who in ("ann", "bob")))
               for name in ("x", "y")]
    path = made.written(FORMAT, made.header(), records, tmp_path / "a.csv")
    table = pd.read_csv(path, dtype=str, keep_default_na=False).sort_values("annotator", kind="stable")
    table.iloc[:, :-1].to_csv(path, index=False)
    contents, again = made.read(FORMAT, path)
    assert [contents.header.names[one] for one in contents.header.taxonomy.label_ids] == ["animal / cat"]
    assert [(one.item_id, len(one.answers)) for one in again] == [("x", 2), ("y", 2)]


# -- files of others -----------------------------------------------------------------------------------------

def foreign(tmp_path: Path, text: str, encoding: str = "utf-8", **options: Any) -> tuple[Header, list[ItemRecord]]:
    """What a CSV of somebody else says."""
    path = tmp_path / "foreign.csv"
    path.write_bytes(text.encode(encoding))
    contents, records = made.read(FORMAT, path, **options)
    return contents.header, records


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_two_columns_are_enough_with_any_delimiter(between: str, encoding: str, tmp_path: Path) -> None:
    header, records = foreign(tmp_path, "file_name,Class,author\r\né.png,NA,\"a, b\"\r\n7,None,\r\n"
                              .replace("\"a, b\"", "somebody").replace(",", between), encoding)
    assert (header.task, header.kind, header.taxonomy.names) == ("classify", "image", ("NA", "None"))
    assert [(one.item_id, [header.name_of(label) for answer in one.answers for label in answer.label_ids or ()],
             dict(one.metadata)) for one in records] == [("é.png", ["NA"], {"author": "somebody"}), ("7", ["None"], {})]


@pytest.mark.parametrize("cell", ["[\"a, b\", \"c\"]", "('a, b', 'c')", "a, b;c", "a, b|c"])
def test_several_labels_in_a_cell_are_read_in_several_ways(cell: str, tmp_path: Path) -> None:
    quoted = cell.replace('"', '""')
    header, records = foreign(tmp_path, f"id,labels\n1,\"{quoted}\"\n2,[]\n")
    assert header.task == "multilabel"
    assert [header.name_of(one) for one in records[0].answers[0].label_ids or ()] == ["a, b", "c"]
    assert records[1].answers[0].label_ids == ()


def test_boxes_and_texts_of_others_are_read(tmp_path: Path) -> None:
    header, records = foreign(tmp_path, "image_id,xmin,ymin,xmax,ymax,class\na,1,2,3.5,4,cat\na,5,6,7,8,dog\n")
    assert header.task == "boxes"
    assert [one.at for one in records[0].answers[0].objects or ()] == [(1, 2, 3.5, 4), (5, 6, 7, 8)]
    header, records = foreign(tmp_path, "id,sentence,category\n1,\"Hi,\nyou\",greeting\n")
    assert (header.kind, records[0].text) == ("text", "Hi,\nyou")


@pytest.mark.parametrize(("text", "words"), [
    ("", "item_id is missing"), ("a,b\n1,2\n", "item_id is missing"),
    ("item_id,b\n1,2\n", "label, labels or coordinates"),
    ("item_id,label\n,cat\n", "line 2 has no item_id"), ("item_id,label\n1,\n", "no label in any row"),
    ("item_id,label\n1,cat,dog\n", "line 2 has 3 cells"), ("item_id,label,label\n1,a,b\n", "two columns"),
    ("item_id,label,certainty\n1,cat,high\n", "line 2: certainty is 'high'"),
    ("item_id,label,certainty\n1,cat,\"7,5\"\n", "with a point"),
    ("item_id,label,verdict\n1,cat,maybe\n", "verdict"), ("item_id,label,status\n1,cat,x\n", "status"),
    ("item_id,label,flags\n1,cat,odd\n", "flag"), ("item_id,label,acted_at\n1,cat,soon\n", "acted_at"),
    ("item_id,labels\n1,\"[1]\"\n", "a list of names"), ("item_id,label,x0,y0,x1,y1\n1,cat,1,2,3,x\n", "y1 is 'x'"),
    ("item_id,x0,y0,x1,y1,label\n1,1,2,3,4,cat\n2,1,2,3,4,\n", "no label"),
    ("item_id,label,points\n1,cat,\"__import__('os')\"\n", "points"),
    ("item_id,label,start,end\n1,cat,1.5,2\n", "start"), ("item_id,label,annotator\n1,cat,\" \"\n", "annotator"),
    ("item_id,label\n1,\"cat\n", "")])
def test_what_cannot_be_read_is_refused_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    if not words:
        assert foreign(tmp_path, text)[0].taxonomy.names == ("cat",)
        return
    with pytest.raises(BadInput, match=words):
        foreign(tmp_path, text)


def test_a_file_in_another_encoding_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="CSV UTF-8"):
        foreign(tmp_path, "item_id,label\n1,Äpfel\n", "latin-1")


@pytest.mark.parametrize("mark", ["{", "[]", "{\"task\": \"x\"}", "{\"task\":\"classify\",\"kind\":\"image\","
                                  "\"labels\":[\"a\"],\"attributes\":[{\"name\":\"b\"}]}"])
def test_a_forged_last_column_is_refused(mark: str, tmp_path: Path) -> None:
    quoted = mark.replace('"', '""')
    with pytest.raises(BadInput):
        foreign(tmp_path, f"item_id,label,\"{MARK}{quoted}\"\n1,a,\n")


@pytest.mark.parametrize("task", ["classify", "multilabel", "boxes", "polygons", "points", "spans"])
def test_the_csv_that_pandas_writes_of_a_project_is_read(task: str, tmp_path: Path) -> None:
    texts = ["one two three", "four five six"]
    pool = hw.Pool.from_texts(texts, ids=["=a", "b, c"])
    if task in ("boxes", "polygons", "points"):
        pool = hw.Pool.from_images(np.zeros((2, 40, 60), np.uint8), ids=["=a", "b, c"])
    objects: dict[str, Any] = {
        "boxes": hw.Box(1, 2, 3.5, 4, label="NA"), "points": hw.Point(1, 2, label="NA"),
        "polygons": hw.Polygon([(1, 2), (10, 2), (10, 9.5)], label="NA"), "spans": hw.Span(0, 3, label="NA")}
    with hw.Workbench(tmp_path / "p", pool, ["NA", "dog, or cat"], task=task) as wb:  # type: ignore[arg-type]
        for item_id in ("=a", "b, c"):
            if task in OBJECT_TASKS:
                wb.decide(item_id, objects=[objects[task]], annotator="ann")
            elif task == "multilabel":
                wb.decide(item_id, labels=["dog, or cat", "NA"], annotator="ann", note="=1\n")
            else:
                wb.decide(item_id, label="dog, or cat", annotator="ann", certainty=7, flags=["bad_data"])
        (wb.objects() if task in OBJECT_TASKS else wb.annotations()).to_csv(tmp_path / "a.csv")
        header, records = made.read(FORMAT, tmp_path / "a.csv")[0].header, made.read(FORMAT, tmp_path / "a.csv")[1]
        assert (header.task, [one.item_id for one in records]) == (task, ["=a", "b, c"])
        (answer,) = records[0].answers
        assert answer.annotator == "ann"
        if task in OBJECT_TASKS:
            (one,) = answer.objects or ()
            assert header.name_of(one.label_id) == "NA"
            assert one.at == {"boxes": (1, 2, 3.5, 4), "points": (1, 2), "polygons": (1, 2, 10, 2, 10, 9.5),
                              "spans": (0, 3)}[task]
        elif task == "multilabel":
            assert sorted(map(header.name_of, answer.label_ids or ())) == ["NA", "dog, or cat"]
            assert answer.note == "=1\n"
        else:
            assert (answer.certainty, answer.flags) == (7, ("bad_data",))


@pytest.mark.parametrize("before", ["\x00", "\x0b", "\x0c", "\u200b", "\ufeff", "\u3000", "\xad", "'\u2060"])
def test_a_formula_behind_what_is_not_seen_is_escaped_and_comes_back(before):
    for text in (f"{before}=1+1", f"'{before}@sum", f"{before}a", f"'{before}a", before):
        assert csv_cells.unescaped(csv_cells.escaped(text)) == text
    assert csv_cells.escaped(f"{before}=1+1").startswith("'" + before)
