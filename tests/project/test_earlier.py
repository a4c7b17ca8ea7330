"""What came before a text in its group."""

from __future__ import annotations

import pandas as pd
import pytest

from hitl_widgets import Pool
from hitl_widgets.project.earlier import CHARACTERS, MOST, EarlierTexts

TALK = ["a", "b", "a", None, "a", "b", None]


def earlier_of(texts: list[str], column: list[object]) -> EarlierTexts:
    pool = Pool.from_texts(texts, ids=[f"m{n}" for n in range(len(texts))], meta=pd.DataFrame({"talk": column}))
    return EarlierTexts(pool, "talk")


def test_texts_of_the_same_group_come_in_the_order_of_the_pool():
    earlier = earlier_of([f"text {n}" for n in range(7)], TALK)
    assert earlier.of(4) == [("m0", "text 0"), ("m2", "text 2")]
    assert earlier.of(5) == [("m1", "text 1")]
    assert earlier.of(0) == []


def test_nothing_comes_before_a_text_without_a_group():
    assert earlier_of([f"text {n}" for n in range(7)], TALK).of(6) == []


def test_the_five_nearest_come_each_by_its_beginning():
    earlier = earlier_of([f"{n} " + "x" * 3000 for n in range(9)], [1] * 9).of(8)
    assert [text[:1] for _, text in earlier] == ["3", "4", "5", "6", "7"]
    assert {len(text) for _, text in earlier} == {CHARACTERS}
    assert len(earlier) == MOST


def test_texts_that_cant_be_read_are_left_out():
    assert earlier_of(["one", " ", "two", "three"], [1] * 4).of(3) == [("m0", "one"), ("m2", "two")]


def test_groups_stay_apart_whose_checksums_are_alike(monkeypatch: pytest.MonkeyPatch):
    earlier = earlier_of(["one", "two", "three"], ["x", "y", "x"])
    monkeypatch.setattr(Pool, "group_sums", lambda self, column: pd.Series([7, 7, 7], dtype="uint32").to_numpy())
    assert earlier.of(2) == [("m0", "one")]
