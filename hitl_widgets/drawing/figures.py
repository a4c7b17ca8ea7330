"""Matplotlib figures that don't use pyplot, whose global state belongs to the user's cells. Start with `new_figure`."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

# From Okabe and Ito's palette, which is safe for colour-blind people.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8a8a"
# Fonts of Linux, macOS and Windows with Chinese, Japanese and Korean characters, which matplotlib's own font lacks.
_WIDE = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "WenQuanYi Zen Hei",
         "WenQuanYi Micro Hei", "Droid Sans Fallback", "PingFang SC", "Hiragino Sans", "Hiragino Sans GB",
         "Apple SD Gothic Neo", "Heiti TC", "Arial Unicode MS", "Microsoft YaHei", "SimHei", "Yu Gothic", "Meiryo",
         "MS Gothic", "Malgun Gothic", "NanumGothic")


class Drawing(Figure):
    """A figure that a notebook displays also without pyplot, which IPython needs for matplotlib's own figures.

    Texts are drawn literally: a ``$`` in a label's name doesn't begin a formula. Characters that matplotlib's font
    lacks are taken from an installed font that has them; otherwise they are boxes, without a warning.
    """

    def draw(self, renderer: RendererBase) -> None:
        """Draw the figure; matplotlib calls it."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
            if not text.get_text().isascii():
                text.set_fontfamily(list(dict.fromkeys((*text.get_fontfamily(), *_wide_fonts()))))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return png(self), {"width": int(100 * self.get_figwidth()), "height": int(100 * self.get_figheight())}


@lru_cache(maxsize=1)
def _wide_fonts() -> tuple[str, ...]:
    """The fonts of `_WIDE` that are installed; matplotlib would warn about the others."""
    there = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _WIDE if name in there)


def new_figure(width: float, height: float) -> Drawing:
    """Make an empty figure outside pyplot.

    Parameters
    ----------
    width, height : float
        Size in inches.
    """
    figure = Drawing(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes) -> None:
    """Give axes the house style: light lines, small numbers, no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)


def png(figure: Figure, *, dpi: int = 160) -> bytes:
    """Draw the figure as a PNG file."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()
