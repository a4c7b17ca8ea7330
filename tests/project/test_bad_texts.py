"""Texts that can't be shown, and very long ones: each is an item with a reason, and nothing else stops."""

import csv
import io
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, TextError
from hitl_widgets.project.triage import UnplacedItems

BAD = ["", " \r\n\u2028", b"\xff\xfe\x00", "half \ud83d of a pair", "x" * 2_000_001]
ODD = ["\0", "\u200b", "👍", "<script>alert(1)</script>", "\ufeffbegins with a mark", "a\r\nb\rc\n", "ن" * 3, "=1+1"]
GOOD = [f"{'train' if row % 2 else 'soup'} number {row} was {'late' if row % 2 else 'cold'} again" for row in range(40)]


@pytest.fixture
def pool() -> hw.Pool:
    """Forty good texts, those that can't be shown, and those that only look as if they couldn't."""
    return hw.Pool.from_texts([*GOOD, *BAD, *ODD])


def test_every_text_is_asked_once_and_decided_whatever_is_in_it(pool: hw.Pool, tmp_path: Path) -> None:
    with hw.Workbench(tmp_path / "p", pool, ["travel", "food", "Other"], holdout=0.2) as wb:
        asked: list[str] = []
        while items := wb.next(20):
            for item in items:
                asked.append(item.id)
                if int(item.id) < 40:
                    wb.decide(item.id, label=["food", "travel"][item.position % 2])
                else:
                    wb.decide(item.id, "unsure", flags=["bad_data"])
        assert sorted(asked, key=int) == pool.ids.tolist()
        rows = wb.registry.descriptors.of(np.arange(len(pool)))
        assert np.isnan(rows).any(axis=1).tolist() == [False] * 40 + [True] * 5 + [False] * 8
        unplaced = UnplacedItems(wb.project)
        assert {item.position for item in unplaced.waiting()} == set(range(40, 53))
        assert len(unplaced.words([unplaced.waiting()])) == 1
    with hw.Workbench(tmp_path / "p", pool) as wb:  # nothing is lost, and nothing has changed
        assert wb.annotations()["verdict"].value_counts().to_dict() == {"answer": 40, "unsure": 13}
        assert not wb.next(5)


def test_what_cant_be_shown_is_refused_only_where_it_has_to_be_read(pool: hw.Pool, tmp_path: Path) -> None:
    with hw.Workbench(tmp_path / "p", pool, ["place"], task="spans") as wb:
        for position, reason in enumerate(("empty", "blank", "UTF-8", "surrogate", "2,000,001"), start=40):
            with pytest.raises(TextError, match=reason):
                wb.decide(str(position), objects=[hw.Span(0, 1, label="place")])
            wb.decide(str(position), "skip")
        for span in ((0, 2), (5, 9)):
            with pytest.raises(BadInput, match=r"outside|characters"):
                wb.decide("45", objects=[hw.Span(*span, label="place")])
        for start, end in ((3, 3), (4, 2), (-1, 2)):
            with pytest.raises(BadInput):
                hw.Span(start, end)
        wb.decide("45", objects=[hw.Span(0, 1, label="place")])
        assert wb.objects()["quote"].tolist() == ["\0"]


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, np.nan])
def test_a_missing_text_is_refused_with_its_row_and_what_to_do(value: object) -> None:
    with pytest.raises(BadInput, match=r"no text in row 1; leave such rows out.*keep_default_na=False"):
        hw.Pool.from_texts(["a", value])
    table = pd.DataFrame({"id": [1, 2], "text": ["a", value]})
    with pytest.raises(BadInput, match="no text in row 1"):
        hw.Pool.from_frame(table)


def test_a_table_with_the_word_na_is_read_as_the_message_says() -> None:
    file = "id,text\n1,NA\n2,null\n3,fine\n"
    with pytest.raises(BadInput, match="no text in row 0, 1;"):
        hw.Pool.from_frame(pd.read_csv(io.StringIO(file)))
    assert hw.Pool.from_frame(pd.read_csv(io.StringIO(file), keep_default_na=False)).load(0) == "NA"


def test_five_megabytes_of_one_text_are_told_and_shown(tmp_path: Path) -> None:
    long, longer = "ن word 👍 " * 222_000, "many words " * 480_000
    assert len(long.encode()) > 2.5e6
    assert len(longer) > 5e6
    begun = time.process_time()
    pool = hw.Pool.from_texts([long, longer, *GOOD])
    with hw.Workbench(tmp_path / "p", pool, ["travel", "food"]) as wb:
        assert pool.snippet(0).startswith("ن word 👍")
        assert pool.picture(0).width == len(long)
        with pytest.raises(TextError, match=re.escape(f"it has {len(longer):,} characters; 2,000,000 are possible")):
            pool.load(1)
        wb.decide("0", label="food")
        wb.decide("1", "unsure", flags=["bad_data"])
        assert len(wb.next(20)) == 20
        assert np.isfinite(wb.registry.descriptors.of(np.array([0]))).all()
    assert time.process_time() - begun < 30  # 2 s


def test_moved_rows_are_told_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(GOOD), ["travel", "food"]) as wb:
        wb.decide("3", label="travel")
        wb.decide("4", label="food")
    capsys.readouterr()
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(GOOD[1:])) as wb:
        told = capsys.readouterr().out
        assert "the content of 2 answered items has changed" in told
        assert "ids=... stay with their texts" in told
        assert wb.annotations()["status"].tolist() == ["to_review", "to_review"]
    with hw.Workbench(tmp_path / "p", hw.Pool.from_texts(GOOD)) as wb:  # as they were: nothing was lost
        assert wb.annotations()["label"].tolist() == ["travel", "food"]
        assert wb.annotations()["status"].tolist() == ["decided", "decided"]


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip),
                 min_size=1, max_size=40)


@settings(max_examples=5, deadline=None)
@given(texts=texts, data=st.data())
def test_spans_have_their_quotes_after_the_log_an_archive_and_a_table(tmp_path_factory: pytest.TempPathFactory,
                                                                     texts: list[str], data: st.DataObject) -> None:
    home, spans = tmp_path_factory.mktemp("spans"), {}
    for row, text in enumerate(texts):
        start = data.draw(st.integers(0, len(text) - 1))
        spans[str(row)] = (start, data.draw(st.integers(start + 1, len(text))))
    pool = hw.Pool.from_texts(texts)
    with hw.Workbench(home / "p", pool, ["x"], task="spans") as wb:
        for item_id, span in spans.items():
            wb.decide(item_id, objects=[hw.Span(*span, label="x")])
        archive = wb.archive(home / "p.zip")
    with hw.Workbench.from_archive(archive, home / "q", pool=pool) as wb:
        table = wb.objects()
    assert {row.item_id: (row.start, row.end) for row in table.itertuples()} == spans
    again = pd.read_csv(io.StringIO(table.to_csv(index=False, quoting=csv.QUOTE_ALL)), keep_default_na=False,
                        dtype={"item_id": str, "quote": str})
    kept = table if any("\0" in text or "\r" in text for text in texts) else again
    for item_id, start, end, quote in kept[["item_id", "start", "end", "quote"]].itertuples(index=False):
        assert texts[int(item_id)][start:end] == quote
