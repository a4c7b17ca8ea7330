"""A plot of how far annotators agree, from plain tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy

MAX_LABELS = 24


def plot_agreement(table: pd.DataFrame, per_label: pd.DataFrame) -> Drawing:
    """Plot agreement coefficients and, in a second panel, alpha and AC1 of each label against all other labels.

    Each coefficient has two intervals, one over items and one over items and people. Marks differ in both shape and
    colour. If there are more than 24 labels, the rarest are left out. A row without a value is marked "undefined".

    Parameters
    ----------
    table : DataFrame
        As `quality.annotator_agreement.Agreement.table`.
    per_label : DataFrame
        As `quality.annotator_agreement.Agreement.per_label`.
    """
    labels = per_label.sort_values("n_votes", ascending=False, kind="stable").head(MAX_LABELS)
    names = list(dict.fromkeys(table["coefficient"]))
    figure = new_figure(10, 1.4 + 0.3 * max(len(names), len(labels)))
    left, right = figure.subplots(1, 2)
    for over, shift, colour, marker in (("items", -0.14, BLUE, "s"), ("items and people", 0.14, ORANGE, "o")):
        rows = table[table["over"] == over].set_index("coefficient").reindex(names)
        wide = rows if over == "items" else rows.where(rows["low"].notna())
        _row_marks(left, wide["value"], wide["low"], wide["high"], shift, colour, marker, f"over {over}")
    of_items = table[table["over"] == "items"].set_index("coefficient").reindex(names)
    _say_undefined(left, of_items["value"])
    _rows(left, names, table["low"])
    for name, start, shift, colour, marker in (("krippendorff_alpha", "alpha", -0.14, BLUE, "s"),
                                               ("gwet_ac1", "ac1", 0.14, GREY, "D")):
        _row_marks(right, labels[name], labels[f"{start}_low"], labels[f"{start}_high"], shift, colour, marker, name)
    _say_undefined(right, labels["krippendorff_alpha"])
    _rows(right, [f"{label}  (n = {n:,})" for label, n in zip(labels["label"], labels["n_votes"], strict=True)],
          pd.concat([labels["alpha_low"], labels["ac1_low"]]))
    first = table.iloc[0]
    left.set_title(f"All labels: {first['n_items']:,} items, {first['n_annotators']} annotators", fontsize=9,
                   loc="left", pad=22)
    right.set_title("Each label against the others", fontsize=9, loc="left", pad=22)
    return figure


def _row_marks(axes: Axes, value: pd.Series, low: pd.Series, high: pd.Series, shift: float, colour: str, marker: str,
               name: str) -> None:
    """Draw a value and its interval in each row; values that aren't finite are left out."""
    middle, ends = value.to_numpy(float), [low.to_numpy(float), high.to_numpy(float)]
    there = np.isfinite(middle)
    if not there.any():
        return
    errors = [np.nan_to_num(np.abs(middle - end))[there] for end in ends]
    axes.errorbar(middle[there], np.flatnonzero(there) + shift, xerr=errors, fmt=marker, color=colour, markersize=5,
                  markerfacecolor=colour if marker == "s" else "white", elinewidth=1.2, capsize=2, label=name)


def _say_undefined(axes: Axes, value: pd.Series) -> None:
    for row in np.flatnonzero(np.isnan(value.to_numpy(float))):
        axes.text(0.5, float(row), "undefined", fontsize=7, color=GREY, va="center", ha="center")


def _rows(axes: Axes, names: list[str], low: pd.Series) -> None:
    """Name the rows, from the top, and make room for the lowest end of an interval."""
    tidy(axes)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(1, len(names)) - 0.5, -0.5)
    axes.set_xlim(min(0.0, float(low.fillna(0.0).min()) if len(low) else 0.0) - 0.03, 1.03)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_xlabel("agreement, with 95 % intervals", fontsize=8)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 0.99), ncols=2, borderaxespad=0)
