"""Forest plots: estimates with their intervals, one below the other, and a line at 0. Read `plot_forest`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..records import Estimate
from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy

MAX_ROWS = 40


def plot_forest(groups: Sequence[tuple[str, Sequence[tuple[str, Estimate]]]], *, xlabel: str,
                title: str = "") -> Drawing:
    """Draw estimates with 95 % intervals, a row each, in groups under headings.

    Estimates without a number are rows with the reason. Estimates from few items have hollow marks.

    Parameters
    ----------
    groups : sequence of (heading, rows), each row (name, estimate)
        Only the first 40 rows are drawn.
    xlabel, title : str
    """
    lines: list[tuple[str, Estimate | None]] = []
    for heading, rows in groups:
        if rows:
            lines += [*([(heading, None)] if heading else []), *rows]
    left_out, lines = len(lines) - MAX_ROWS, lines[:MAX_ROWS]
    figure = new_figure(7, 1.1 + 0.26 * max(2, len(lines)))
    axes = figure.subplots()
    axes.axvline(0, color=GREY, linewidth=0.8)
    ends = [end for _, estimate in lines if estimate is not None
            for end in (estimate.value, estimate.low, estimate.high) if np.isfinite(end)]
    for place, (_, estimate) in enumerate(lines):
        if estimate is not None:
            _draw_estimate(axes, place, estimate)
    axes.set_yticks(range(len(lines)), [name if estimate is None else f"{name}  (n = {estimate.n:,})"
                                        for name, estimate in lines])
    for tick, (_, estimate) in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("bold" if estimate is None else "normal")
    axes.set_ylim(len(lines) - 0.5, -0.5)
    span = [min([-0.1, *ends]), max([0.1, *ends])]
    axes.set_xlim(span[0] - 0.05 * (span[1] - span[0]), span[1] + 0.05 * (span[1] - span[0]))
    axes.set_xlabel(xlabel + (f" ({left_out} more rows not drawn)" if left_out > 0 else ""), fontsize=8)
    tidy(axes)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_title(title, fontsize=9, loc="left")
    return figure


def _draw_estimate(axes: Axes, place: int, estimate: Estimate) -> None:
    """Draw a mark with its interval in a row, or the reason why nothing was measured."""
    if np.isnan(estimate):
        axes.text(0.01, place, estimate.why or "not measured", fontsize=7, color=GREY, va="center",
                  transform=axes.get_yaxis_transform())
        return
    differs = estimate.low > 0 or estimate.high < 0
    colour = ORANGE if differs else BLUE
    axes.errorbar([estimate.value], [place], fmt="s" if differs else "o", color=colour, markersize=5,
                  xerr=[[estimate.value - estimate.low], [estimate.high - estimate.value]], elinewidth=1.2,
                  capsize=2, markerfacecolor=colour if estimate.tells else "white")
