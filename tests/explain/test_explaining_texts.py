"""A workbench of texts explains its model word by word, and learns from marked words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ShapeError

WORDS = ("see", "you", "at", "the", "call", "me")


def texts_of(n):
    rng = np.random.default_rng(0)
    return [" ".join([*rng.choice(WORDS, 4), "free" if row % 2 else "lunch", *rng.choice(WORDS, 3)])
            for row in range(n)]


def says_free(texts):
    spam = np.array([0.9 if "free" in text else 0.2 for text in texts])
    return np.column_stack([1 - spam, spam])


@pytest.fixture
def texts():
    return texts_of(40)


def test_a_function_is_explained_with_tables_of_words(tmp_path, texts):
    wb = hw.Workbench(tmp_path, hw.Pool.from_texts(texts), ["ham", "spam"], model=says_free)
    found = wb.explain([wb.pool.ids[1], wb.pool.ids[0]])
    assert found.method == "erasure"
    table = found.maps[0]
    assert isinstance(table, pd.DataFrame)
    assert table.columns.tolist() == ["token", "start", "end", "value"]
    assert [texts[1][start:end] for start, end in zip(table["start"], table["end"], strict=True)] \
        == table["token"].tolist()
    assert table.loc[table["value"].abs().idxmax(), "token"] == "free"
    assert np.isnan(found.delta).all()
    assert "free" in found.plot()._repr_html_()
    assert repr(found) == "<2 maps of texts by erasure>"
    with pytest.raises(ShapeError, match="DataFrames"):
        np.asarray(found)
    with pytest.raises(BadInput, match="contributions"):
        wb.explain([wb.pool.ids[1]], method="occlusion")
    assert wb.check_explanations(n=4)["method"].tolist() == ["erasure", "kernelshap", "lime"]


@pytest.mark.long
def test_marked_words_reach_the_training_and_what_is_relied_on_is_measured(tmp_path, texts):
    wb = hw.Workbench(tmp_path, hw.Pool.from_texts(texts), ["ham", "spam"], holdout=0.0)
    for row, text in enumerate(texts):
        start = text.find("free")
        wb.decide(wb.pool.ids[row], label="spam" if row % 2 else "ham",
                  **({"wrong": [(start, start + 4)]} if start >= 0 and row < 20 else {}))
    run = wb.finetune(epochs=1)
    assert run.reasons in ("penalty", "invariance")
    assert run.relies_after.marked.n == 10
    assert 0 < run.relies_after.area < 0.3
    found = wb.explain([wb.pool.ids[1]])
    assert found.errors == {}
    assert "free" in found.maps[0]["token"].tolist()


@pytest.mark.long
def test_marked_texts_are_drawn_before_and_after(tmp_path, texts):
    wb = hw.Workbench(tmp_path, hw.Pool.from_texts(texts), ["ham", "spam"], holdout=0.0)
    for row in range(len(texts)):
        wb.decide(wb.pool.ids[row], label="spam" if row % 2 else "ham")
    wb.finetune(epochs=1)
    for row in (1, 3):
        start = texts[row].find("free")
        wb.decide(wb.pool.ids[row], label="spam", wrong=[(start, start + 4)])
    run = wb.finetune(epochs=1, adopt="always")
    page = run.plot_reasons(2)._repr_html_()
    for said in ("1: spam, before", "3: spam, after", "in the region", "&#x27;free&#x27;"):
        assert said in page
