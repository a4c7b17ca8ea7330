"""Tokens of texts: what is a word, what is a sign, and that their offsets are those of the text."""

import csv
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitl_widgets.items.tokens import tokens

# Where offsets are wrong elsewhere: emoji, joiners, marks, line breaks of three kinds, right to left, surrogates.
HARD = ("ab1_ .,:;!'\u2019\"-\t\r\n\0\u00a0\u0301\u0308\u200b\u200d\u200e\u200f\ufe0f\u2028\ud800\udfff\U000e0067"
        "\U0001f44d\U0001f3fd\U0001f469\U0001f525\u2764\U0001f1e9\U0001f1eaسلمअिन्世界こทำ가")
texts = st.text(st.one_of(st.sampled_from(HARD), st.characters()), max_size=60)


def cut(text: str) -> list[str]:
    """The tokens of a text as strings."""
    return [text[start:end] for start, end in tokens(text).tolist()]


@pytest.mark.parametrize(("text", "words"), [
    ("", []),
    (" \t\r\n\u2028\u3000", []),
    ("Don't go: it's 3.50, not 1,000.", ["Don't", "go", ":", "it's", "3.50", ",", "not", "1,000", "."]),
    ("'quoted' (rock'n'roll)…", ["'", "quoted", "'", "(", "rock'n'roll", ")", "…"]),
    ("12:30 a:b a.b snake_case", ["12:30", "a", ":", "b", "a", ".", "b", "snake_case"]),
    ("!!! $$", ["!", "!", "!", "$", "$"]),
    ("\U0001f44d\U0001f3fdok \U0001f468\u200d\U0001f469\u200d\U0001f467\u2764\ufe0f\u200d\U0001f525",
     ["\U0001f44d\U0001f3fd", "ok", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f\u200d\U0001f525"]),
    ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"]),
    ("cafe\u0301 नमस्ते", ["cafe\u0301", "नमस्ते"]),
    ("العالم، سلام", ["العالم", "،", "سلام"]),
    ("世界テスト가나", ["世", "界", "テスト가나"]),
    ("น้ำ", ["น้ำ"]),
    ("a\u200bb", ["a\u200b", "b"]),
    ("a\0\ud800b", ["a", "\0", "\ud800", "b"]),
    (" \u0301x", ["\u0301", "x"]),
])
def test_words_and_signs(text: str, words: list[str]) -> None:
    assert cut(text) == words


@settings(max_examples=500, deadline=None)
@given(texts)
@example("\U0001f44d\u200d ")
@example("e\u200d\u200be")
def test_each_character_that_is_no_white_space_is_in_one_token(text: str) -> None:
    spans = tokens(text)
    assert spans.dtype == np.int32
    assert spans.shape == (len(spans), 2)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    inside = np.zeros(len(text), bool)
    for start, end in spans:
        inside[start:end] = True
    assert inside.tolist() == [not character.isspace() for character in text]


@settings(max_examples=300, deadline=None)
@given(texts)
def test_marks_stay_with_what_they_follow(text: str) -> None:
    for start, _ in tokens(text):
        if unicodedata.category(text[start]) in ("Mn", "Mc", "Me") or text[start] in "\u200d\ufe0f":
            assert start == 0 or text[start - 1].isspace() or text[start - 1] == "\u200b"


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_what_stands_before_a_blank_changes_no_token_behind_it(before: str, after: str) -> None:
    shifted = tokens(after) + np.int32(len(before) + 1)
    np.testing.assert_array_equal(tokens(before + " " + after), np.concatenate([tokens(before), shifted]))


@settings(max_examples=200, deadline=None)
@given(texts)
def test_offsets_count_characters_and_not_the_units_of_utf_16(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass")
    # A pair of lone surrogates that stand side by side is one character in UTF-16: nothing can tell it from one.
    if len(units.decode("utf-16-le", "surrogatepass")) != len(text):
        return
    before = np.cumsum([0, *(2 if ord(character) > 0xffff else 1 for character in text)])
    for start, end in tokens(text):
        quote = units[2 * before[start]:2 * before[end]].decode("utf-16-le", "surrogatepass")
        assert quote == text[start:end]


@pytest.mark.parametrize("text", ["a" * 300_000, "a'" * 150_000, "1." * 150_000, "\u0301" * 300_000,
                                  "\U0001f468\u200d" * 150_000, "\u200b" * 300_000, "a\u0301" * 150_000, " " * 300_000,
                                  "\U0001f1e9" * 300_001, "x" + "\ud800" * 300_000])
def test_no_text_takes_long(text: str) -> None:
    begun = time.process_time()
    spans = tokens(text)
    assert time.process_time() - begun < 5
    assert len(spans) == 0 or spans[-1, 1] == len(text)


def test_a_thousand_short_messages_are_cut_at_once(shared_data: Path) -> None:
    with (shared_data / "text/sms_dev.csv").open(encoding="utf-8", newline="") as file:
        messages = [row["text"] for row in csv.DictReader(file)][:1000]
    tokens("")
    best = min(_seconds(messages) for _ in range(3))
    assert best < 0.3  # 20 ms, and 30 are promised; a machine that is busy takes longer


def _seconds(messages: list[str]) -> float:
    begun = time.process_time()
    for message in messages:
        tokens(message)
    return time.process_time() - begun
