"""Plots of an object detector's metrics, from plain tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy

MAX_LABELS = 12
# Okabe and Ito's other colours, each with a line style, so that no line is recognised by its colour alone.
_COLOURS = ("#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a5195", "#8a8a8a")
_STYLES = ("-", "--", "-.", ":")


def plot_detection(table: pd.DataFrame, errors: pd.DataFrame, curves: pd.DataFrame | None) -> Drawing:
    """Plot precision against recall, the figures of each label with intervals, and the cost of each kind of error.

    Parameters
    ----------
    table : DataFrame
        A row for all labels and for each label, indexed by their names: n_objects; map50 and map (for points f1), each
        with `_low` and `_high`.
    errors : DataFrame
        A row per kind: error, n, cost, low, high.
    curves : DataFrame or None
        label ("all" for the mean), threshold, recall, precision; None for points.
    """
    commonest = table.iloc[1:].sort_values("n_objects", ascending=False, kind="stable").index[:MAX_LABELS]
    labels = [table.index[0], *commonest]
    figure = new_figure(12 if curves is not None else 8, 1.6 + max(2.4, 0.3 * len(labels)))
    axes = list(figure.subplots(1, 3 if curves is not None else 2))
    if curves is not None:
        _plot_curves(axes[0], curves, labels)
    figures = (("map50", BLUE, "s", -0.14), ("map", ORANGE, "o", 0.14)) if "map" in table else (("f1", BLUE, "s", 0.0),)
    _plot_figures(axes[-2], table.loc[labels], figures)
    _plot_costs(axes[-1], errors, "map50" if "map" in table else "F1")
    return figure


def _plot_curves(axes: Axes, curves: pd.DataFrame, labels: list[str]) -> None:
    tidy(axes)
    told = [label for label in labels if label in set(curves["label"])]
    for place, label in enumerate(told):
        rows = curves[(curves["label"] == label) & (curves["threshold"] == 0.5)]
        first = place == 0
        axes.plot(rows["recall"], rows["precision"], color=BLUE if first else _COLOURS[(place - 1) % len(_COLOURS)],
                  linestyle="-" if first else _STYLES[place % len(_STYLES)], linewidth=2.2 if first else 1.1,
                  label="mean of labels" if first else str(label))
    if told:
        rows = curves[(curves["label"] == told[0]) & (curves["threshold"] == 0.75)]
        axes.plot(rows["recall"], rows["precision"], color=ORANGE, linestyle="--", linewidth=1.8,
                  label="mean, IoU 0.75")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.02, 1.05)
    axes.set_xlabel("recall", fontsize=8)
    axes.set_ylabel("precision", fontsize=8)
    axes.set_title("Precision and recall at an IoU of 0.5", fontsize=9, loc="left")
    if told:
        axes.legend(fontsize=7, frameon=False, loc="best")


def _plot_figures(axes: Axes, rows: pd.DataFrame, figures: tuple[tuple[str, str, str, float], ...]) -> None:
    tidy(axes)
    for name, colour, marker, shift in figures:
        value = rows[name].to_numpy(float)
        there = np.isfinite(value)
        errors = [np.nan_to_num(abs(value - rows[f"{name}_{end}"].to_numpy(float)))[there] for end in ("low", "high")]
        axes.errorbar(value[there], np.flatnonzero(there) + shift, xerr=errors, fmt=marker, color=colour, markersize=5,
                      markerfacecolor=colour if marker == "s" else "white", elinewidth=1.2, capsize=2, label=name)
    for row in np.flatnonzero(~np.isfinite(rows[figures[0][0]].to_numpy(float))):
        axes.text(0.5, float(row), "no object of this label", fontsize=7, color=GREY, va="center", ha="center")
    names = [f"{label}  (n = {n:,})" for label, n in zip(rows.index, rows["n_objects"], strict=True)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_xlabel("with 95 % intervals over images", fontsize=8)
    axes.set_title("Labels, with the number of objects", fontsize=9, loc="left", pad=18)
    axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.985), ncols=2, borderaxespad=0)


def _plot_costs(axes: Axes, errors: pd.DataFrame, figure: str) -> None:
    tidy(axes)
    cost = np.nan_to_num(errors["cost"].to_numpy(float))
    ends = [np.nan_to_num(abs(errors["cost"].to_numpy(float) - errors[end].to_numpy(float))) for end in ("low", "high")]
    axes.barh(np.arange(len(cost)), cost, height=0.55, color=BLUE)
    axes.errorbar(cost, np.arange(len(cost)), xerr=ends, fmt="none", ecolor=ORANGE, elinewidth=1.2, capsize=2)
    axes.set_yticks(range(len(errors)), [f"{name}  (n = {n:,})" for name, n in
                                         zip(errors["error"], errors["n"], strict=True)])
    axes.set_ylim(len(errors) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_xlabel(f"gain in {figure} if all of a kind were mended", fontsize=8)
    axes.set_title("What errors cost", fontsize=9, loc="left")
