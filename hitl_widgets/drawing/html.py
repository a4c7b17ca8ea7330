"""Small HTML fragments for notebooks: headings, tables with bars, thumbnails. Start with `page`.

Colours come from JupyterLab's own variables, with fallbacks for other notebooks, so that a fragment fits a light theme
and a dark one. Every text is escaped; no fragment contains a script.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """<style>
.hitl-html { color: var(--jp-ui-font-color1, inherit); font-family: var(--jp-ui-font-family, sans-serif);
  font-size: 13px; line-height: 1.45; max-width: 60rem; }
.hitl-html h4 { margin: 0 0 .2em; font-size: 14px; }
.hitl-html p { margin: .2em 0; color: var(--jp-ui-font-color2, inherit); }
.hitl-html table { font-size: inherit; color: inherit; border-collapse: collapse; margin: .4em 0; }
.hitl-html table th, .hitl-html table td { padding: 1px 10px 1px 0; text-align: left; border: 0; background: none; }
.hitl-html table th { font-weight: 600; color: var(--jp-ui-font-color2, inherit); }
.hitl-html td.n { text-align: right; font-variant-numeric: tabular-nums; }
.hitl-html .track { position: relative; width: 12rem; height: 10px; border-radius: 2px;
  background: color-mix(in srgb, currentColor 12%, transparent); }
.hitl-html .bar { position: absolute; inset: 0 auto 0 0; border-radius: 2px; background: #0072b2; }
.hitl-html .interval { position: absolute; top: 4px; height: 2px; background: #d55e00; }
.hitl-html img { height: 56px; margin: 2px 4px 2px 0; border-radius: 3px; image-rendering: auto; }
</style>"""


class Html(str):
    """Text that is HTML already: it isn't escaped again."""


def page(title: str, *parts: Html) -> str:
    """Make a fragment with a title above its parts.

    Parameters
    ----------
    title : str
        Plain text; it is escaped.
    *parts : Html
        Made by the functions of this module.
    """
    return f'{_STYLE}<div class="hitl-html"><h4>{escape(title)}</h4>{"".join(parts)}</div>'


def paragraph(text: str) -> Html:
    """Make a line of plain text."""
    return Html(f"<p>{escape(text)}</p>")


def bar(share: float, *, low: float | None = None, high: float | None = None) -> Html:
    """Draw a horizontal bar for a share from 0 to 1, with its interval, if any, as a line.

    Values are clipped to 0 and 1; NaN gives an empty track.
    """
    def percent(value: float) -> float:
        return 0.0 if value != value else round(100 * min(max(value, 0.0), 1.0), 2)

    line = ""
    if low is not None and high is not None and low == low and high == high:
        line = f'<div class="interval" style="left:{percent(low)}%;width:{percent(high) - percent(low):.2f}%"></div>'
    return Html(f'<div class="track"><div class="bar" style="width:{percent(share)}%"></div>{line}</div>')


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Make a table of cells: numbers are aligned right, `Html` stays as it is, everything else is escaped."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return Html(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _cell(cell: object) -> str:
    if isinstance(cell, Html):
        return f"<td>{cell}</td>"
    number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
    return f'<td class="n">{cell:,}</td>' if number else f"<td>{escape(str(cell))}</td>"


def thumbnails(pictures: Iterable[tuple[bytes, str]]) -> Html:
    """Show PNG pictures in a row, each with its text as title and alternative text."""
    return Html("".join(f'<img src="data:image/png;base64,{b64encode(png).decode()}" alt="{escape(text)}" '
                        f'title="{escape(text)}">' for png, text in pictures))


def picture(png: bytes, text: str, *, width: int) -> Html:
    """Show a PNG at a width in pixels, with an alternative text."""
    return Html(f'<img style="height:auto;width:{width:d}px;max-width:100%" alt="{escape(text)}" '
                f'src="data:image/png;base64,{b64encode(png).decode()}">')
