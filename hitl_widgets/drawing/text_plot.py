"""Plots of texts as saliency maps: words that count for a label are tinted orange, words against it blue.

Start with `plot_text_maps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ..records import Attribution
from .figures import BLUE, ORANGE, Drawing
from .html import Html, page, paragraph
from .overlay import quantise

# Number of characters that are drawn of longer texts, around the token that counts most.
MOST_DRAWN = 2_000
# Opacity of the strongest tint: texts stay readable on it in light and dark themes.
OPACITY = 0.6
# Characters per line and lines per text in the figure; width of a character and height of a line in inches.
COLUMNS, LINES, CHARACTER, LINE = 100, 24, 0.0753, 0.2


class Piece(NamedTuple):
    """A token, or the characters between two, with its tint from -1 (against) to 1 (for)."""

    text: str
    tint: float
    value: float | None


class TextDrawing(Drawing):
    """Tinted texts: a notebook shows them as HTML text, which wraps and works with screen readers.

    As a figure, for `savefig`, they are in a monospace font; characters that it lacks are drawn as boxes.
    """

    content = ""

    def _repr_html_(self) -> str:
        return self.content


def pieces_of(text: str, attribution: Attribution) -> Iterator[Piece]:
    """Divide a text into tinted pieces; a long text only around the token that counts most.

    Parameters
    ----------
    text : str
    attribution : Attribution
        A map with tokens.
    """
    assert attribution.tokens is not None
    values = attribution.values.ravel().astype(float)
    codes, _ = quantise(values, signed=attribution.signed) if len(values) else (np.zeros(0, np.uint8), 0.0)
    tints = ((codes.astype(float) - 128) / 127 if attribution.signed else codes / 255).tolist()
    tokens = attribution.tokens.tolist()
    middle = tokens[int(np.abs(values).argmax())][0] if tokens else 0
    first = 0 if len(text) <= MOST_DRAWN else max(0, min(middle - MOST_DRAWN // 2, len(text) - MOST_DRAWN))
    last = min(len(text), first + MOST_DRAWN)
    if first:
        yield Piece("… ", 0.0, None)
    reached = first
    for (start, end), tint, value in zip(tokens, tints, values.tolist(), strict=True):
        if first <= start and end <= last:
            if start > reached:
                yield Piece(text[reached:start], 0.0, None)
            yield Piece(text[start:end], tint, value)
            reached = end
    if reached < last:
        yield Piece(text[reached:last], 0.0, None)
    if last < len(text):
        yield Piece(" …", 0.0, None)


def plot_text_maps(shown: Sequence[tuple[str, Attribution, str]], method: str) -> TextDrawing:
    """Draw texts one below the other, each word tinted by how much it counts.

    Parameters
    ----------
    shown : sequence of (text, attribution, title)
        Each attribution has tokens.
    method : str
        The title of the figure.
    """
    pieces = [list(pieces_of(text, attribution)) for text, attribution, _ in shown]
    titles = [title for *_, title in shown]
    lines = [list(_lines(some)) for some in pieces]
    figure = TextDrawing(figsize=(COLUMNS * CHARACTER + 0.4, 0.5 + LINE * sum(len(some) + 1.5 for some in lines)))
    FigureCanvasAgg(figure)
    _draw(figure, titles, lines, method)
    figure.content = page(method, *(part for title, some in zip(titles, pieces, strict=True)
                                    for part in (paragraph(title), _paragraph(some))))
    return figure


def _paragraph(pieces: Sequence[Piece]) -> Html:
    return Html('<p dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere;color:inherit;font-size:14px;'
                f'line-height:1.7;margin:.1em 0 .9em">{"".join(map(_span, pieces))}</p>')


def _span(piece: Piece) -> str:
    if piece.value is None or round(abs(piece.tint), 2) == 0:
        return escape(piece.text)
    red, green, blue = bytes.fromhex((ORANGE if piece.tint > 0 else BLUE)[1:])
    # Colour isn't the only sign: words against the label have a dotted underline.
    against = ";text-decoration:underline dotted" if piece.tint < 0 else ""
    return f'<span title="{piece.value:+.3g}" style="background:rgba({red},{green},{blue},' \
           f'{OPACITY * abs(piece.tint):.2f});border-radius:2px{against}">{escape(piece.text)}</span>'


def _lines(pieces: Sequence[Piece]) -> Iterator[list[tuple[int, Piece]]]:
    """The pieces of each line, each with its column; only the first lines of a long text."""
    line: list[tuple[int, Piece]] = []
    column, n_lines = 0, 0
    for piece in pieces:
        for number, part in enumerate(piece.text.split("\n")):
            words = [part[start:start + COLUMNS] for start in range(0, max(1, len(part)), COLUMNS)]
            for place, word in enumerate(words):
                if number or place or column + len(word) > COLUMNS:
                    yield line
                    n_lines += 1
                    if n_lines == LINES:
                        return
                    line, column = [], 0
                line.append((column, Piece(word, piece.tint, piece.value)))
                column += len(word)
    yield line


def _draw(figure: Drawing, titles: Sequence[str], lines: Sequence[Sequence[Sequence[tuple[int, Piece]]]],
          method: str) -> None:
    height = figure.get_figheight()
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.axis("off")
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(height, 0))
    axes.text(0.2, 0.25, method, fontsize=9, va="center")
    down = 0.6
    for title, some in zip(titles, lines, strict=True):
        axes.text(0.2, down, _printable(title), fontsize=7, va="center", color="#555555")
        for line in some:
            down += LINE
            for column, piece in line:
                if piece.value is not None and round(abs(piece.tint), 2):
                    axes.barh(down, CHARACTER * len(piece.text), LINE * 0.9, left=0.2 + CHARACTER * column,
                              color=ORANGE if piece.tint > 0 else BLUE, alpha=OPACITY * abs(piece.tint), linewidth=0)
                if piece.text.strip():
                    axes.text(0.2 + CHARACTER * column, down, _printable(piece.text), fontsize=9, va="center",
                              family="DejaVu Sans Mono")
        down += 1.5 * LINE


def _printable(text: str) -> str:
    """Replace each character that the figure's font lacks by a box."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    letters = get_font(findfont(FontProperties(family="DejaVu Sans Mono"))).get_charmap()
    return "".join(letter if ord(letter) in letters or letter == " " else " " if letter.isspace() else "\u25a1"
                   for letter in text)
