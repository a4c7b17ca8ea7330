"""Tokens of a text: where its words and signs begin and end, in characters.

`tokens` splits a text. Spans don't have to follow the tokens: a person's span may begin and end anywhere.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import chain

import numpy as np

# Each letter is a word: ideographs, hiragana, and the letters of Thai, Lao, Burmese and Khmer, between whose words
# nothing is written.
_BY_ITSELF = ("\u3005-\u3007\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001b001-\U0001b11f"
              "\U00020000-\U0003ffff"
              "\u0e01-\u0e30\u0e32\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0ebd\u0ec0-\u0ec6\u0edc-\u0edf\u1000-\u102a"
              "\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e\u1780-\u17b3"
              "\u17d7\u17dc")
_SKIN_TONES = "\U0001f3fb-\U0001f3ff"
# Vowels that are letters to Unicode, and are drawn as one with the letter before them.
_LIKE_MARKS = "\u0e33\u0eb3"
# The zero-width space ends a word and is invisible: it belongs to the token before it, without further characters.
_ZERO_BLANK = "\u200b"


def tokens(text: str) -> np.ndarray:
    """Where each word and each sign of a text begins and ends.

    A word is a run of letters, digits and underscores, with single apostrophes between letters and single points,
    commas and colons between digits. An ideograph is a word by itself, and so is a letter of hiragana, Thai, Lao,
    Burmese and Khmer. Everything else is a sign by itself, except that what is drawn as one sign is one: a flag, a
    family of emoji. Combining marks, joiners, variation selectors and other characters that aren't seen stay with what
    they follow. No token holds white space, and every other character is in one token. Line breaks are white space.

    Parameters
    ----------
    text : str
        As it came; any string, also with lone surrogates.

    Returns
    -------
    ndarray of int32, shape (n_tokens, 2)
        [start, end) in characters (Unicode code points), ascending; a token ends where the next one begins, or before.

    References
    ----------
    The Unicode Consortium, Unicode Standard Annex #29, Text Segmentation, https://unicode.org/reports/tr29.

    Examples
    --------
    >>> text = "I'd pay $3.50, 👍🏽 ok?"
    >>> [text[start:end] for start, end in tokens(text)]
    ["I'd", 'pay', '$', '3.50', ',', '👍🏽', 'ok', '?']
    """
    spans = chain.from_iterable(map(re.Match.span, _pattern().finditer(text)))
    return np.fromiter(spans, np.int32).reshape(-1, 2)


@cache
def _pattern() -> re.Pattern[str]:
    extends = f"[{_class_of_marks()}{_SKIN_TONES}{_LIKE_MARKS}]"
    letters = rf"(?:[^\W{_BY_ITSELF}{_LIKE_MARKS}]+{extends}*)+"
    inside = rf"(?:['\u2019](?=[^\W\d_{_BY_ITSELF}])|(?<=\d)[.,:](?=\d))"
    # Nothing that follows can fail, so nothing is tried twice: the time is that of the text's length.
    return re.compile("|".join((
        rf"{letters}(?:{inside}{letters})*{_ZERO_BLANK}*",
        rf"[\U0001f1e6-\U0001f1ff]{{2}}{extends}*{_ZERO_BLANK}*",
        rf"[^\w\s\0-\xa8]{extends}*(?:(?<=\u200d)[^\w\s\0-\xa8]{extends}*)*{_ZERO_BLANK}*",
        rf"\S{extends}*{_ZERO_BLANK}*")))


def _class_of_marks() -> str:
    """Combining marks and format characters, as ranges of a regular expression's class."""
    # No script has marks beyond the second plane; the fourteenth has tags and variation selectors.
    codes = [code for code in chain(range(0x2ffff), range(0xe0000, 0xe0200)) if code <= sys.maxunicode
             and unicodedata.category(chr(code)) in ("Mn", "Mc", "Me", "Cf") and chr(code) != _ZERO_BLANK]
    starts = [code for before, code in zip([-2, *codes], codes, strict=False) if code != before + 1]
    ends = [code for code, after in zip(codes, [*codes[1:], -2], strict=True) if after != code + 1]
    return "".join(f"{re.escape(chr(start))}-{re.escape(chr(end))}" for start, end in zip(starts, ends, strict=True))
