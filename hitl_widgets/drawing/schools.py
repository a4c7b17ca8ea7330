"""A plot of schools of thought: their people, and the items that divide them. Read `plot_schools`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .figures import GREY, Drawing, new_figure, tidy
from .plots import COLOURS

MAX_ITEMS, MAX_NAMES, HATCHES = 12, 60, ("", "///", "...", "\\\\\\", "xx", "++", "oo", "--")


def plot_schools(together: pd.DataFrame, members: pd.Series, dividing: pd.DataFrame, *, sizes: pd.Series, title: str
                 ) -> Drawing:
    """Plot who is together in half samples, by school, and the schools' distributions of the items that divide them.

    Parameters
    ----------
    together : DataFrame
        Annotators x annotators: share of half samples in which both are in one school.
    members : Series
        Annotator -> school.
    dividing : DataFrame
        Items, most dividing first, with a column "school g: label" for each school and label; 12 are drawn.
    sizes : Series
        School -> number of people; drawn in place of `together` if that has fewer than two people.
    title : str
    """
    order = members.sort_values(kind="stable").index
    items = dividing.head(MAX_ITEMS)
    figure = new_figure(10, max(3.4, 1.4 + 0.42 * max(len(items), min(len(order), MAX_NAMES) / 2)))
    left, right = figure.subplots(1, 2)
    if len(order) > 1:
        _draw_people(left, together.loc[order, order].to_numpy(float), members[order])
    else:
        _draw_sizes(left, sizes, members)
    if not len(items):
        right.set(xticks=[], yticks=[])
        right.spines[:].set_visible(False)
        right.text(0.5, 0.5, "no item divides them", transform=right.transAxes, ha="center", va="center",
                   fontsize=8, color=GREY)
    else:
        _draw_items(right, items)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def _draw_people(axes: Axes, values: npt.NDArray[np.float64], members: pd.Series) -> None:
    image = axes.imshow(values, vmin=0, vmax=1, cmap="cividis")
    bar = axes.get_figure(root=True).colorbar(image, ax=axes, shrink=0.7)  # type: ignore[union-attr]
    bar.set_label("share of half samples together", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    if len(members) <= MAX_NAMES:
        names = [f"{name} ({school})" for name, school in members.items()]
        axes.set_xticks(range(len(members)), names, rotation=90, fontsize=7)
        axes.set_yticks(range(len(members)), names, fontsize=7)
    for edge in np.flatnonzero(members.ne(members.shift()).to_numpy(bool, na_value=True))[1:] - 0.5:
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.set_title("People (school)", fontsize=9, loc="left")


def _draw_sizes(axes: Axes, sizes: pd.Series, members: pd.Series) -> None:
    own = {school: f", with {name}" for name, school in members.dropna().items()}
    axes.barh(range(len(sizes)), sizes.to_numpy(), height=0.5, color=GREY)
    axes.set_yticks(range(len(sizes)), [f"school {school}{own.get(school, '')}" for school in sizes.index], fontsize=8)
    axes.set_ylim(max(len(sizes), 1) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("Number of people", fontsize=9, loc="left")
    tidy(axes)


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
