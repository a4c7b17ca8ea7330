"""Offsets of spans in files whose unit isn't known: code points, as in Python, or UTF-16 units, as in browsers.

`Offsets` decides for a whole file, by the quotes that come with its spans; `span_at` decides for each span.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import Any, Literal

from ...errors import BadInput
from ..losses import Losses

Unit = Literal["characters", "utf16"]
UNITS: tuple[Unit, ...] = ("characters", "utf16")
# Label Studio writes a line break in a quote as a backslash and an n, and trims what a browser doesn't show.
_SPACE = re.compile(r"(?:\\n|\\r|\s)+")


def bare(quote: str) -> str:
    """A quote without white space and line breaks, so that differently written quotes can be compared."""
    return _SPACE.sub("", quote)


def units_before(text: str) -> list[int]:
    """Number of UTF-16 units before each character of a text, and in the whole text."""
    counts = [0]
    for character in text:
        counts.append(counts[-1] + 1 + (character > "\uffff"))
    return counts


def in_unit(text: str, start: int, end: int, unit: Unit) -> tuple[int, int] | None:
    """The place in characters of a span in some unit; None if it is empty or lies outside the text.

    A span that begins or ends between the two units of a character covers the whole character.
    """
    if unit == "utf16":
        counts = units_before(text)
        if not 0 <= start < end <= counts[-1]:
            return None
        return bisect_right(counts, start) - 1, bisect_left(counts, end)
    return (start, end) if 0 <= start < end <= len(text) else None


class Offsets:
    """The unit of a file's offsets.

    Parameters
    ----------
    unit : "characters", "utf16" or None
        None lets the quotes decide.
    """

    def __init__(self, unit: Unit | None = None) -> None:
        self.given = unit
        self._votes: dict[Unit, int] = {"characters": 0, "utf16": 0}

    def learn(self, text: str, start: int, end: int, quote: str | None) -> None:
        """Count a span of the file, if its quote shows the unit."""
        if self.given is None and quote is not None and not text.isascii():
            fits = [unit for unit in UNITS if self._fits(text, start, end, unit, quote)]
            if len(fits) == 1:
                self._votes[fits[0]] += 1

    @property
    def unit(self) -> Unit:
        """The unit that most spans of the file have; characters where no span shows it."""
        if self.given is not None:
            return self.given
        return "utf16" if self._votes["utf16"] > self._votes["characters"] else "characters"

    # 13 branches: with a quote, the first unit that fits it; without one, whatever the units agree on.
    def place(self, text: str, start: int, end: int, quote: str | None) -> tuple[tuple[int, int] | None, str | None]:
        """The characters that a span covers.

        Returns
        -------
        at : (int, int) or None
            None if it can't be decided.
        how : str or None
            None if offsets and quote agree, or if there is no quote and both units give the same place; else "quote"
            (found by its quote alone), "undecided" (the unit is unknown) or "outside".
        """
        order = (self.unit, *(one for one in UNITS if one != self.unit)) if self.given is None else (self.unit,)
        if quote is not None and bare(quote):
            for unit in order:
                if self._fits(text, start, end, unit, quote):
                    return in_unit(text, start, end, unit), None
            found = _only(text, quote)
            return (found, "quote") if found is not None else (None, "outside")
        places = list(dict.fromkeys(at for unit in order if (at := in_unit(text, start, end, unit)) is not None))
        at = places[0] if places else None
        unsure = self.given is None and len(places) > 1 and not any(self._votes.values())
        return at, "outside" if at is None else "undecided" if unsure else None

    @staticmethod
    def _fits(text: str, start: int, end: int, unit: Unit, quote: str) -> bool:
        at = in_unit(text, start, end, unit)
        return at is not None and bare(text[slice(*at)]) == bare(quote)


def _only(text: str, quote: str) -> tuple[int, int] | None:
    """The only place of a quote in a text; None if it doesn't occur, or more than once."""
    first = text.find(quote)
    return None if first < 0 or text.find(quote, first + 1) >= 0 else (first, first + len(quote))


def span_at(text: str, start: Any, end: Any, quote: Any, where: str, lost: Losses, *, utf16: bool
            ) -> tuple[int, int] | None:
    """The place of a span in characters; None, and counted, if it isn't a place in the text.

    Parameters
    ----------
    text : str
    start, end : int
        As in the file.
    quote : object
        The characters that it covers, if the file has them: offsets that don't fit it are tried as UTF-16 units.
    where : str
        File and line, for messages.
    lost : Losses
    utf16 : bool
        Whether the offsets count UTF-16 units, as browsers do.
    """
    if type(start) is not int or type(end) is not int:
        raise BadInput(f"{where}: a span goes from {start!r:.40} to {end!r:.40}; two whole numbers are expected.")
    at = in_unit(text, start, end, "utf16" if utf16 else "characters")
    if isinstance(quote, str) and not utf16 and (at is None or text[slice(*at)] != quote):
        at = in_unit(text, start, end, "utf16")
        if at is None or text[slice(*at)] != quote:
            lost.add("object", "The characters at its place aren't those that the file says it covers.")
            return None
        lost.add("offsets in UTF-16 units", "They were counted as browsers do, and are in characters now.")
    if at is None:
        lost.add("object", "It is empty, or lies outside of its text.")
    return at
