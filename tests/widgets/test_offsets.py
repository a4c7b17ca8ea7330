"""Offsets of the browser and of Python mean the same characters, in any text: `text[start:end]` is the quote."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_texts import PIECES, texts
from scale import tenth

PROGRAM = Path(__file__).parents[1] / "js" / "quotes.js"
PLACES = st.tuples(st.integers(0, 2**31), st.integers(0, 2**31))

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node isn't installed")


def asked(cases):
    """What the browser's converters say of each text, from one process."""
    lines = "".join(json.dumps({"data": base64.b64encode(text.encode()).decode(), "at": at}) + "\n"
                    for text, at in cases)
    done = subprocess.run(["node", str(PROGRAM)], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.rstrip(b"\n").split(b"\n")]


def range_in(text, places):
    first, second = (place % (len(text) + 1) for place in places)
    if first == second:
        return [max(0, first - 1), max(1, first)]
    return [min(first, second), max(first, second)]


def check(cases):
    for (text, at), told in zip(cases, asked(cases), strict=True):
        assert told["length"] == len(text)
        for (start, end), one in zip(at, told["told"], strict=True):
            assert one["quote"] == text[start:end]
            assert one["back"] == [start, end]
            low, high = one["snapped"]
            assert low <= start < end <= high
            assert one["snapped_quote"] == text[low:high]
        if told["word"]:
            low, high = told["word"]
            assert at[0][0] <= low < high <= len(text)
            assert told["word_quote"] == text[low:high]


@needs_node
@pytest.mark.long
def test_ten_thousand_texts_have_the_same_quotes_in_the_browser_s_converters_and_in_python():
    cases = []

    @settings(max_examples=tenth(10_000), deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))
    @given(texts(), PLACES)
    def gather(text, places):
        cases.append((text, [range_in(text, places)]))

    gather()
    assert len(cases) >= tenth(10_000)
    assert len({text for text, _ in cases}) >= tenth(5_000)
    assert sum(max(text) > "\uffff" for text, _ in cases) > tenth(1_000), "texts in which the two count otherwise"
    check(cases)


@needs_node
def test_a_text_of_a_megabyte_has_the_same_quotes():
    cases = []
    for pieces in (["👩🏽\u200d🚀 مرحبا\r\n"], ["🇪🇺"], ["word "], PIECES):
        text = ("".join(pieces) * (2**20 // len("".join(pieces).encode()) + 1))[:2**20]
        n = len(text)
        cases.append((text, [[0, n], [n // 2, n // 2 + 1], [n // 3, n // 3 + 17], [n - 1, n], [0, 1]]))
    check(cases)


@needs_node
def test_a_mark_of_byte_order_and_nul_are_characters_like_others():
    text = "\ufeffa\x00b🎈\x00"
    check([(text, [[i, i + 1] for i in range(len(text))])])
