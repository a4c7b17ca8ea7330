"""A plot of people's agreement on objects against the overlap from which two objects are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy

TITLES = {"found": "Found the same objects", "named": "Named them the same", "placed": "Placed them the same",
          "together": "All three together"}


def plot_object_agreement(table: pd.DataFrame, overlap: str = "IoU") -> Drawing:
    """Draw found, named, placed and all together as curves over the threshold of the overlap, with their 95 % bands.

    Parameters
    ----------
    table : DataFrame
        A row for each question and threshold: question, threshold, value, low, high. "ks" is drawn beside "placed".
    overlap : str
        Name of the overlap, for the axis.
    """
    figure = new_figure(13, 3.4)
    lowest = float(np.nanmin([0.0, *table["low"].to_numpy(float)]))
    for axes, (question, title) in zip(figure.subplots(1, 4, sharey=True), TITLES.items(), strict=True):
        tidy(axes)
        curves = [(question, BLUE, "-", "s")] + ([("ks", ORANGE, "--", "o")] if question == "placed" else [])
        for name, colour, style, marker in curves:
            rows = table[table["question"] == name]
            axes.fill_between(rows["threshold"], rows["low"], rows["high"], color=colour, alpha=0.18, linewidth=0)
            axes.plot(rows["threshold"], rows["value"], color=colour, linestyle=style, marker=marker, markersize=3.5,
                      linewidth=1.4, label={"ks": "KS distance", "placed": "sigma"}.get(name, name))
        if len(curves) > 1:
            axes.legend(fontsize=7, frameon=False, loc="lower left")
        if not np.isfinite(table.loc[table["question"] == question, "value"].to_numpy(float)).any():
            axes.text(0.6, 0.5, "undefined", fontsize=8, color=GREY, ha="center")
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.set_ylim(max(-1.0, lowest) - 0.03, 1.03)
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel(f"the same from this {overlap} on", fontsize=8)
    figure.axes[0].set_ylabel("agreement, 95 % band over images", fontsize=8)
    return figure
