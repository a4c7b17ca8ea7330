"""Schools of thought drawn: who is with whom, and what divides them. Read `plot_schools`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .figures import GREY, Drawing, new_figure, tidy
from .plots import COLOURS

MAX_ITEMS, MAX_NAMES, HATCHES = 12, 60, ("", "///", "...", "\\\\\\", "xx", "++", "oo", "--")


def plot_schools(together: pd.DataFrame, members: pd.Series, dividing: pd.DataFrame, *, title: str) -> Drawing:
    """Who is on one side in half samples, by school, beside the schools' distributions of the items that divide them.

    Parameters
    ----------
    together : DataFrame
        Annotators x annotators: share of half samples in which both are of one school.
    members : Series
        Annotator -> school.
    dividing : DataFrame
        Items, most dividing first, with a column "school g: label" for each school and label; 12 are drawn.
    title : str
    """
    order = members.sort_values(kind="stable").index
    items = dividing.head(MAX_ITEMS)
    figure = new_figure(10, max(3.4, 1.4 + 0.42 * max(len(items), min(len(order), MAX_NAMES) / 2)))
    left, right = figure.subplots(1, 2)
    values = together.loc[order, order].to_numpy(float)
    image = left.imshow(values if values.size else [[np.nan]], vmin=0, vmax=1, cmap="cividis")
    bar = figure.colorbar(image, ax=left, shrink=0.7)
    bar.set_label("share of half samples together", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if len(order) <= MAX_NAMES:
        names = [f"{name} ({school})" for name, school in members[order].items()]
        left.set_xticks(range(len(order)), names, rotation=90, fontsize=7)
        left.set_yticks(range(len(order)), names, fontsize=7)
    for edge in np.flatnonzero(members[order].ne(members[order].shift()).to_numpy(bool, na_value=True))[1:] - 0.5:
        left.axhline(edge, color="white", linewidth=1.5)
        left.axvline(edge, color="white", linewidth=1.5)
    left.set_title("People (school)", fontsize=9, loc="left")
    if not len(items):
        right.set(xticks=[], yticks=[])
        right.spines[:].set_visible(False)
        right.text(0.5, 0.5, "no item divides them", transform=right.transAxes, ha="center", va="center",
                   fontsize=8, color=GREY)
    else:
        _draw_items(right, items)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def _draw_items(axes: Axes, items: pd.DataFrame) -> None:
    columns = [name for name in items.columns if str(name).startswith("school ")]
    schools = list(dict.fromkeys(name.split(": ", 1)[0] for name in columns))
    labels = list(dict.fromkeys(name.split(": ", 1)[1] for name in columns))
    height = 0.8 / len(schools)
    for g, school in enumerate(schools):
        place = np.arange(len(items)) - 0.4 + height * (g + 0.5)
        before = np.zeros(len(items))
        for k, label in enumerate(labels):
            share = items[f"{school}: {label}"].to_numpy(float)
            axes.barh(place, share, height * 0.9, left=before, color=COLOURS[k % len(COLOURS)], edgecolor="white",
                      hatch=HATCHES[k % len(HATCHES)], linewidth=0.4, label=None if g else label)
            before += share
        for y in place:
            axes.text(1.01, y, school.removeprefix("school "), fontsize=6, va="center", color=GREY)
    axes.set_yticks(range(len(items)), [str(name) for name in items.index])
    axes.set_ylim(len(items) - 0.5, -0.5)
    axes.set_xlim(0, 1.04)
    axes.set_xlabel("share of each label, a bar for each school", fontsize=8)
    axes.set_title("Items that divide the schools most", fontsize=9, loc="left", pad=20)
    tidy(axes)
    axes.grid(visible=False)
    axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0)
