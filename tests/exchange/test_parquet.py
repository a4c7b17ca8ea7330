"""Parquet tables of this package: everything comes back, and a data scientist loads them with pandas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import whole_records as made
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_widgets.errors import BadInput
from hitl_widgets.exchange.formats.parquet import AT_ONCE, FORMAT
from hitl_widgets.exchange.records import ItemRecord
from hitl_widgets.records import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_field_of_every_task_comes_back(task: str, tmp_path: Path) -> None:
    made.check_every_field_comes_back(FORMAT, task, tmp_path)


@pytest.mark.long
@settings(max_examples=30, deadline=None)
@given(data=st.data(), task=st.sampled_from(TASKS))
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, task: str) -> None:
    made.check_any_texts_come_back(FORMAT, task, data, tmp_path_factory.mktemp("a") / "a")


def test_pandas_loads_the_tables_with_names_and_numbers(tmp_path: Path) -> None:
    path = made.written(FORMAT, made.header("boxes"), made.records("boxes"), tmp_path / "a")
    answers, objects = pd.read_parquet(path / "answers.parquet"), pd.read_parquet(path / "objects.parquet")
    assert answers["annotator"].tolist() == ["consensus", "ann", "bob", "ann", "bob", "eve", "🌞", "ann"]
    assert answers["acted_at"].dt.tz is not None
    assert answers["model"].tolist()[0] == "m1"
    joined = objects.merge(answers, on=["item_id", "answer"])
    assert joined.loc[0, ["x0", "y0", "x1", "y1"]].tolist() == [0, 0, 5.25, 7.125]
    flat = made.written(FORMAT, made.header(), made.records("classify"), tmp_path / "b")
    assert not (flat / "objects.parquet").exists()
    assert pd.read_parquet(flat / "answers.parquet")["label"].dropna().tolist() == ["animal / cat"] * 4
    assert pd.read_parquet(flat / "predictions.parquet")["p"].tolist()[:2] == [0.25, 0.75]


def test_tables_that_pandas_wrote_again_are_read(tmp_path: Path) -> None:
    for task in ("classify", "spans"):
        path = made.written(FORMAT, made.header(task), made.records(task), tmp_path / task)
        for file in path.glob("*.parquet"):
            pd.read_parquet(file).to_parquet(file)
        assert made.read(FORMAT, path)[1] == made.records(task)


def test_no_item_is_a_folder_too(tmp_path: Path) -> None:
    assert made.read(FORMAT, made.written(FORMAT, made.header(), [], tmp_path / "a"))[1] == []


def test_rows_are_written_in_groups_while_records_come(tmp_path: Path) -> None:
    n = 2 * AT_ONCE + 1
    path = made.written(FORMAT, made.header(), (ItemRecord(f"{n:06d}") for n in range(n)), tmp_path / "a")
    assert pq.ParquetFile(path / "items.parquet").metadata.num_row_groups == 3
    assert sum(1 for _ in made.read(FORMAT, path)[1]) == n


def test_unknown_columns_are_counted(tmp_path: Path) -> None:
    path = made.written(FORMAT, made.header(), made.records("classify"), tmp_path / "a")
    pd.read_parquet(path / "items.parquet").assign(mood="good").to_parquet(path / "items.parquet")
    assert made.read(FORMAT, path)[0].lost.counts() == {"unknown column mood": 4}


FORGED: dict[str, Callable[[pd.DataFrame], Any]] = {
    "answers another order": lambda table: table[::-1],
    "answers twice": lambda table: pd.concat([table, table]),
    "answers other items": lambda table: table.assign(item_id="who"),
    "answers no annotator": lambda table: table.assign(annotator=None),
    "answers no column": lambda table: table.drop(columns="verdict"),
    "answers verdict": lambda table: table.assign(verdict="yes"),
    "answers label": lambda table: table.assign(label_ids=[["who"]] * len(table)),
    "answers certainty": lambda table: table.assign(certainty=11.0),
    "answers words": lambda table: table.assign(certainty="high"),
    "answers json": lambda table: table.assign(seen="{"),
    "answers list": lambda table: table.assign(seen="[1]"),
    "answers region": lambda table: table.assign(wrong="3"),
    "answers vote": lambda table: table.assign(vote_of=9),
    "items nothing": lambda table: table.assign(item_id=""),
    "items size": lambda table: table.assign(height=None),
    "items twice": lambda table: pd.concat([table, table]),
    "items gold": lambda table: table.assign(gold_ids="x"),
    "objects number": lambda table: table.assign(answer=77),
    "objects none": lambda table: table.assign(answer=None, prediction=None),
    "objects kind": lambda table: table.assign(kind="circle"),
    "objects place": lambda table: table.assign(x0=None),
    "objects label": lambda table: table.assign(label_id="who"),
    "objects was": lambda table: table.assign(was="{}"),
    "predictions model": lambda table: table.assign(model=None)}


@pytest.mark.parametrize("change", FORGED)
def test_forged_tables_are_refused_with_their_row(change: str, tmp_path: Path) -> None:
    path = made.written(FORMAT, made.header("boxes"), made.records("boxes"), tmp_path / "a")
    file = path / f"{change.split()[0]}.parquet"
    FORGED[change](pd.read_parquet(file)).to_parquet(file, index=False)
    with pytest.raises(BadInput, match=r"\.parquet, (row|column) |no column"):
        made.read(FORMAT, path)


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    path = made.written(FORMAT, made.header(), made.records("classify"), tmp_path / "a")
    whole = (path / "answers.parquet").read_bytes()
    for broken in (b"", b"PAR1", whole[:100], whole[:-20] + b"x" * 12 + whole[-8:], whole[:40] + whole[60:]):
        (path / "answers.parquet").write_bytes(broken)
        with pytest.raises(BadInput, match=r"answers\.parquet"):
            made.read(FORMAT, path)
    (path / "items.parquet").unlink()
    with pytest.raises(BadInput, match=r"no items\.parquet"):
        made.read(FORMAT, path)
    (path / "taxonomy.json").write_text("[]")
    with pytest.raises(BadInput, match="isn't the header"):
        made.read(FORMAT, path)
    (path / "taxonomy.json").unlink()
    with pytest.raises(BadInput, match=r"no taxonomy\.json"):
        made.read(FORMAT, path)


def test_a_text_that_arrow_has_no_form_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"items\.parquet can't hold"):
        made.written(FORMAT, made.header(), [ItemRecord("a", name="\udcff.png")], tmp_path / "a")
