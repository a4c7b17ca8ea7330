"""Pools of texts: what is taken, what can't be shown, and that no text is changed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hitl_widgets as hw
from hitl_widgets.errors import BadInput, ItemError, TextError
from hitl_widgets.items.texts import MOST_CHARACTERS, snippet

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"


def test_a_text_stays_as_it_came():
    texts = [f"e\u0301te\r\n{FAMILY}\0 end", "\ufeffBOM", "équipe", "a" * 1_000_000]
    pool = hw.Pool.from_texts(texts)
    assert pool.kind == "text"
    assert list(pool.ids) == ["0", "1", "2", "3"]
    assert [pool.load(row) for row in range(4)] == texts
    assert pool[1].text == texts[1]
    assert pool.size(0) == (1, len(texts[0]))
    picture = pool.picture(0)
    assert (picture.mime, picture.height, picture.width) == ("text/plain", 1, len(texts[0]))
    assert picture.data.decode() == texts[0]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_no_text_is_changed(text):
    pool = hw.Pool.from_texts([text, text.encode()])
    if not text.isspace():
        assert pool.load(0) == pool.load(1) == pool.picture(0).data.decode() == text
        assert pool.content(0) == pool.content(1)


@pytest.mark.parametrize(("text", "words"), [
    ("", "it is empty"), (" \r\n", "it is blank"), (b"caf\xe9 au lait", "byte 3 of 12 isn't UTF-8 (0xe9)"),
    ("half \ud83d of it", "character 5 is half of a surrogate pair"),
    ("x" * (MOST_CHARACTERS + 1), "it has 2,000,001 characters; 2,000,000 are possible")])
def test_what_cant_be_shown_is_an_item_all_the_same(text, words):
    pool = hw.Pool.from_texts(["fine", text], ids=["a", "b"])
    with pytest.raises(TextError, match=re.escape(f"item 'b' can't be shown: {words}")) as caught:
        pool.load(1)
    assert isinstance(caught.value, ItemError)
    assert "flag the item" in str(caught.value)
    for read in (pool.size, pool.picture, pool.thumbnail, pool.snippet, pool.content):
        with pytest.raises(TextError):
            read(1)
    assert pool.load(0) == "fine"
    assert pool.stamp(1) is None


@pytest.mark.parametrize(("texts", "words"), [
    (["a", None, float("nan")], r"no text in row 1, 2; leave such rows out"),
    (pd.Series(["a", pd.NA], dtype="string"), "no text in row 1"), (["a", 3], "texts[1] is of type int"),
    ([Path("a.txt")], "texts[0] is a path, 'a.txt'"), ("one text", "a list of texts"), (7, "type int"),
    (pd.DataFrame({"text": ["a"]}), "type DataFrame"), ({"a": "b"}, "list(texts.values())"), ([], "the pool is empty")])
def test_what_is_no_text_is_refused_in_words(texts, words):
    with pytest.raises(BadInput, match=re.escape(words)):
        hw.Pool.from_texts(texts)


def test_a_table_of_texts():
    frame = pd.DataFrame({"id": [7, 8], "text": ["one", "two"], "shop": ["x", None]})
    for pool in (hw.Pool.from_frame(frame), hw.Pool.from_frame(frame.rename(columns={"text": "body"}), text="body")):
        assert pool.kind == "text"
        assert pool["8"].text == "two"
        assert pool.meta(0) == {"shop": "x"}
    assert list(hw.Pool.from_frame(frame, text="text", id=None).ids) == ["0", "1"]
    assert hw.Pool.from_frame(frame.assign(path="a.png")).kind == "image"
    with pytest.raises(BadInput, match=r"with text=... and id=..."):
        hw.Pool.from_frame(frame, text="body")
    with pytest.raises(BadInput, match="3 ids were given for 2 texts"):
        hw.Pool.from_texts(["a", "b"], ids=[1, 2, 3])


def test_ids_of_equal_texts_are_their_rows():
    pool = hw.Pool.from_texts(np.array(["ok", "ok"]))
    assert list(pool.ids) == ["0", "1"]
    assert pool.content(0) == pool.content(1)


def test_an_item_says_what_it_is():
    with pytest.raises(BadInput, match=r"pool of texts; take"):
        _ = hw.Pool.from_texts(["a"])[0].image
    with pytest.raises(BadInput, match=r"pool of images; take"):
        _ = hw.Pool.from_images(np.zeros((1, 8, 8), np.uint8))[0].text


def test_a_pool_is_shown_with_its_beginnings_and_never_as_html():
    pool = hw.Pool.from_texts(["<script>alert(1)</script>  and\n" + "more " * 100, ""])
    page = pool._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "…" in page
    assert "characters of some: 531" in page
    assert repr(pool) == "<Pool of 2 items, texts: '0', '1'>"


@pytest.mark.parametrize(("text", "n", "shown"), [("a\n b", 9, "a b"), ("abcdef", 4, "abc…"), ("abcd", 4, "abcd"),
                                                  ("  " * 100, 4, "…")])
def test_snippets(text, n, shown):
    assert snippet(text, n) == shown
