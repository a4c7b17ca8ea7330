"""Texts that are known to break offsets: emoji that are joined, marks, both directions, NUL, ends of lines."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = ["👩🏽\u200d🚀", "🎈", "🇪🇺", "🇺", "👨\u200d👩\u200d👧\u200d👦", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3", "🏽",
          "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f",
          "e\u0301", "\u0301", "\u200d", "\ufe0f", "\r\n", "\r", "\n", "\x00", "\ufeff", "\u2028", "\x85",
          "مرحبا", "بِسْمِ", "שָׁלוֹם", "\u202e", "\u2067", "\u2069", "ﷺ", "\u0600", "क्षि", "ไทย", "한", "\u1112\u1161\u11ab",
          "你好", "𝒳", "𐐷", "\U0010ffff", "Z͑ͫ̓ͪ̂ͫ", " ", "word", "It's", "."]


def texts() -> st.SearchStrategy[str]:
    """Texts of all code points but lone surrogates, which no UTF-8 has, and of what is known to break offsets."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
    return st.lists(st.one_of(st.sampled_from(PIECES), anything), min_size=1, max_size=6).map("".join)
