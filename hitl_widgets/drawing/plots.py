"""Plots of accuracy, progress, calibration and saliency maps, from plain tables and arrays.

Every number comes with its 95 % interval and its n. Start with `plot_gain`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from PIL import Image

from ..records import Attribution, Estimate
from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy
from .overlay import COLOURS as COLOUR_TABLES
from .overlay import blend

MAX_LABELS = 24
MARKED = COLOUR_TABLES["regions"]["wrong"]
MARKERS = "soD^v<>P"
COLOURS = (BLUE, ORANGE, GREY, "#228833", "#aa3377", "#66ccee", "#ccbb44", "#4477aa")


class Measured(Protocol):
    """Accuracy and recall of a model; `quality.metrics.Metrics` is one."""

    @property
    def n(self) -> int:
        """Number of items measured."""
    @property
    def per_label(self) -> pd.DataFrame:
        """Table of one row per label, indexed by label_id: label, n, recall, recall_low and recall_high."""
    def __getitem__(self, name: str, /) -> Estimate:
        """Estimate called "accuracy"."""


class Goal(Protocol):
    """A target accuracy; `quality.learning_curve.AnswersLeft` is one."""

    @property
    def goal(self) -> float:
        """The target accuracy."""


class Rounds(Protocol):
    """The data that `plot_progress` draws; `report.progress.Progress` is one."""

    @property
    def accuracy(self) -> pd.DataFrame:
        """Columns: source, answers, share, low, high, curve, figure (what the share is), adopted."""
    @property
    def values(self) -> pd.DataFrame:
        """Columns: attribute, answers, measure, value, low, high."""
    @property
    def labels(self) -> pd.DataFrame:
        """Columns: label, answers, recall, adopted."""
    @property
    def suggestions(self) -> pd.DataFrame:
        """Columns: round, label, share, low, high."""
    @property
    def times(self) -> pd.DataFrame:
        """Columns: round, verdict, median_s, low, high."""
    @property
    def likely(self) -> Estimate:
        """The gain in accuracy that the next answers are expected to bring."""
    @property
    def more(self) -> int:
        """Number of these next answers."""
    @property
    def goal(self) -> Goal | None:
        """The requested goal."""


def plot_gain(before: Measured, after: Measured, gain: Estimate, *, of_all: str = "accuracy",
              of_labels: str = "recall") -> Drawing:
    """Plot accuracy and recall per label, before and after, with 95 % intervals.

    Marks differ in shape as well as in colour: hollow circle before, full square after. Where there are more than 24
    labels, the rarest are left out.

    Parameters
    ----------
    before, after : Measured
        Both measured on the same items.
    gain : Estimate
        After minus before in accuracy.
    of_all, of_labels : str
        The figure, and the column of `per_label`, to draw in place of accuracy and recall.
    """
    labels = after.per_label if after.n else before.per_label
    if len(labels) > MAX_LABELS:
        labels = labels.sort_values("n", ascending=False).head(MAX_LABELS)
    figure = new_figure(7, 1.3 + 0.27 * (1 + len(labels)))
    axes = figure.subplots()
    for metrics, name, colour, marker, shift in ((before, "before", ORANGE, "o", -0.14),
                                                 (after, "after", BLUE, "s", 0.14)):
        if not metrics.n:
            continue
        accuracy, columns = metrics[of_all], [of_labels, f"{of_labels}_low", f"{of_labels}_high"]
        recall = metrics.per_label.loc[labels.index, columns].to_numpy(float)
        value, low, high = np.vstack([[accuracy.value, accuracy.low, accuracy.high], recall]).T
        axes.errorbar(value, np.arange(len(value)) + shift, xerr=[value - low, high - value], fmt=marker, color=colour,
                      markersize=5, markerfacecolor="white" if name == "before" else colour, elinewidth=1.2, capsize=2,
                      label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.6)
    rows = [("all", after.n or before.n), *zip(labels["label"], labels["n"], strict=True)]
    axes.set_yticks(range(len(rows)), [f"{name}  (n = {n})" for name, n in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(f"{of_all.replace('_', ' ')} (all) and {of_labels} (per label), with 95 % intervals", fontsize=8)
    tidy(axes)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    if before.n or after.n:
        axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set_title(f"Gain: {gain}", fontsize=9, loc="left", pad=22)
    return figure


def plot_progress(progress: Rounds) -> Drawing:
    """Plot accuracy with the expected gain, recall per label, accepted suggestions, and time per decision.

    The models of rejected rounds are hollow points, which no line joins. Recall is drawn for the labels with the most
    answers, times by verdict.
    """
    figure = new_figure(10, 6)
    (accuracy, labels), (stood, times) = figure.subplots(2, 2)
    first = str(progress.accuracy["figure"].iloc[0]) if len(progress.accuracy) else "accuracy"
    if len(progress.accuracy) or not len(progress.values):
        _plot_accuracy(accuracy, progress)
    else:
        first = "mean absolute error"
        of_scales = progress.values[(progress.values["measure"] == "mae") & ~progress.values["edited"].astype(bool)]
        for (name, table), marker, colour in zip(of_scales.groupby("attribute"), MARKERS, COLOURS, strict=False):
            _points(accuracy, table, "answers", "value", colour=colour, marker=marker, name=str(name))
    frequent = progress.labels.groupby("label")["answers"].max().sort_values(ascending=False).index[:len(MARKERS)]
    for marker, label in zip(MARKERS, frequent, strict=False):
        table = progress.labels[progress.labels["label"] == label]
        kept, rejected = _by_adoption(table)
        (line,) = labels.plot(kept["answers"], kept["recall"], marker=marker, markersize=4, linewidth=1,
                              label=str(label))
        labels.plot(rejected["answers"], rejected["recall"], marker=marker, markersize=4, linestyle="none",
                    color=line.get_color(), markerfacecolor="white")
    share = progress.suggestions[progress.suggestions["label"] == "all"]
    _points(stood, share, "round", "share", colour=BLUE, marker="s", name="suggestions")
    for (verdict, table), marker, colour in zip(progress.times.groupby("verdict"), MARKERS, COLOURS, strict=False):
        _points(times, table, "round", "median_s", colour=colour, marker=marker, name=str(verdict))
    each = first if first in ("map50", "f1") else "recall"
    for axes, title, xlabel, ylabel, nothing in (
            (accuracy, first[0].upper() + first[1:], "answers learnt from", first, "no model was measured yet"),
            (labels, f"{each[0].upper()}{each[1:]} by label", "answers with the label", each,
             "no model was measured yet"),
            (stood, "Suggestions that stood", "round", "share", "nobody has seen a suggestion yet"),
            (times, "Time per decision", "round", "seconds, median", "nobody has decided on the card yet")):
        axes.set_title(title, fontsize=9, loc="left")
        tidy(axes)
        if not axes.get_legend_handles_labels()[0]:
            _say_nothing(axes, nothing)
        else:
            _finish_panel(axes, xlabel, ylabel, are_shares=ylabel not in ("seconds, median", "mean absolute error"))
    rounds = [int(n) for table in (share, progress.times) for n in table["round"]]
    for axes in (stood, times):
        axes.set_xlim(0.5, max([2, *rounds]) + 0.5)
    return figure


def _plot_accuracy(axes: Axes, progress: Rounds) -> None:
    """Draw accuracy by the number of answers, and the gain that the next ones are likely to bring."""
    first = ("holdout", "hold-out") if (progress.accuracy["source"] == "holdout").any() else ("imported", "imported")
    for source, name, colour, marker in ((*first, BLUE, "s"), ("audit", "audit", ORANGE, "o")):
        of_source = progress.accuracy[progress.accuracy["source"] == source]
        kept, rejected = _by_adoption(of_source)
        for k, (_, table) in enumerate(kept.groupby("curve")):  # other labels make another curve
            _points(axes, table, "answers", "share", colour=colour, marker=marker, name="" if k else name)
        _points(axes, rejected, "answers", "share", colour=colour, marker=marker, name=f"{name}, not adopted",
                adopted=False)
    holdout = progress.accuracy[progress.accuracy["source"] == "holdout"]
    if len(progress.accuracy) and progress.goal is not None:
        axes.axhline(progress.goal.goal, color=GREY, linewidth=0.8, linestyle="--", label="goal")
    if len(holdout) and not np.isnan(progress.likely):
        last, gain = holdout.iloc[-1], progress.likely
        place, base = last["answers"] + progress.more, last["share"]
        # The gain is that of the fitted curve, and the last measurement may lie above the curve: the sum may exceed 1.
        value, low, high = np.clip([base + gain, base + gain.low, base + gain.high], 0, 1)
        axes.plot([last["answers"], place], [base, value], linestyle=":", color=GREY)
        axes.errorbar([place], [value], yerr=[[value - low], [high - value]], fmt="D", color=GREY, markersize=5,
                      capsize=2, label="likely")


def _finish_panel(axes: Axes, xlabel: str, ylabel: str, *, are_shares: bool) -> None:
    axes.set_xlabel(xlabel, fontsize=8)
    axes.set_ylabel(ylabel, fontsize=8)
    axes.set_ylim(0, 1.02 if are_shares else None)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    # Beside the panel, so that it covers no point.
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0)


def _say_nothing(axes: Axes, why: str) -> None:
    """Write the reason why a panel is empty."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=GREY)


def _by_adoption(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of models that were adopted, and those of the others."""
    adopted = table["adopted"].astype(bool)
    return table[adopted], table[~adopted]


def _points(axes: Axes, table: pd.DataFrame, x: str, y: str, *, colour: str, marker: str, name: str,
            adopted: bool = True) -> None:
    """Draw a column with its interval; an end that isn't finite is left out.

    The points of models that weren't adopted are hollow, and no line joins them.
    """
    if len(table):
        low, high = (np.where(np.isfinite(table[end]), np.abs(table[end] - table[y]), 0) for end in ("low", "high"))
        axes.errorbar(table[x], table[y], yerr=[low, high], fmt=f"{marker}-" if adopted else marker, color=colour,
                      markersize=5, markerfacecolor=colour if adopted else "white", linewidth=1, elinewidth=1,
                      capsize=2, label=name)


def plot_maps(shown: Sequence[tuple[np.ndarray, Attribution, str]], method: str) -> Drawing:
    """Plot items beside their saliency maps, three to a row.

    Parameters
    ----------
    shown : sequence of (image, attribution, title)
        Images are uint8, shape (H, W) or (H, W, 3).
    method : str
        The title of the figure.
    """
    n_rows = max(1, -(-len(shown) // 3))
    figure = new_figure(9, 0.4 + 1.9 * n_rows)
    grid = figure.subplots(n_rows, 6, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for place, (image, attribution, title) in enumerate(shown):
        # A signed map is white where it is 0 and an unsigned one is dark: over a grey item of the opposite tone both
        # stand out.
        ground = _pale(image) if attribution.signed else _dark(image)
        for axes, picture in zip(grid[2 * place:2 * place + 2], (image, blend(ground, attribution, opacity=1.0)),
                                 strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        grid[2 * place].set_title(title, fontsize=7, loc="left")
    figure.suptitle(method, fontsize=9, x=0.01, ha="left")
    return figure


def plot_flips(shown: Sequence[tuple[bytes, str, str | None]], title: str) -> Drawing:
    """Plot thumbnails of items on which two models differ, four to a row; the frame shows which model was right.

    Parameters
    ----------
    shown : sequence of (png, caption, right)
        png is the bytes of a PNG file. right is "after" (a full, thick frame), "before" (a
        dotted one), or anything else (a thin one): neither, or unknown.
    title : str
        The title of the figure.
    """
    styles = {"after": (BLUE, 2.5, "-"), "before": (ORANGE, 2.5, ":")}
    n_rows = max(1, -(-len(shown) // 4))
    figure = new_figure(8, 0.4 + 2.3 * n_rows)
    grid = figure.subplots(n_rows, 4, squeeze=False).ravel()
    for axes in grid[len(shown):]:
        axes.axis("off")
    for axes, (png, caption, right) in zip(grid, shown, strict=False):
        with Image.open(io.BytesIO(png)) as picture:
            axes.imshow(np.asarray(picture.convert("RGB")))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(caption, fontsize=7, loc="left")
        colour, width, line = styles.get(right or "", (GREY, 0.8, "-"))
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=width, linestyle=line)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def plot_reasons(images: Sequence[np.ndarray], regions: Sequence[np.ndarray], titles: Sequence[str],
                 maps: Sequence[Sequence[tuple[Attribution | None, str]]], method: str) -> Drawing:
    """Plot items with the regions marked as wrong, and below each the maps of the models before and after.

    Parameters
    ----------
    images : sequence of ndarray
        uint8, shape (H, W) or (H, W, 3).
    regions : sequence of ndarray
        bool, shape (H, W); outlined on item and maps.
    titles : sequence of str
        One for each item.
    maps : two sequences of (attribution, text)
        Maps of the model before, then of the one after: each item's map or None, and the text above it. A map is scaled
        by its own largest value.
    method : str
        The method of the maps.
    """
    figure = new_figure(1.1 + 1.9 * len(images), 6.3)
    grid = figure.subplots(3, len(images), squeeze=False)
    for column, (image, region, title) in enumerate(zip(images, regions, titles, strict=True)):
        pictures: list[tuple[np.ndarray, str]] = [(image, title)]
        for row in maps:
            attribution, text = row[column]
            pale = _pale(image)
            pictures.append((pale if attribution is None else blend(pale, attribution, opacity=0.9), text))
        for axes, (picture, text) in zip(grid[:, column], pictures, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            _outline(axes, region)
            axes.set_title(text, fontsize=8, loc="left", wrap=True)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    for axes, name in zip(grid[:, 0], ("marked as wrong", "why, before", "why, after"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    figure.suptitle(f"{method}; each map on a scale of its own", fontsize=9, x=0.01, ha="left")
    return figure


def plot_calibration(curve: pd.DataFrame, table: pd.DataFrame) -> Drawing:
    """Plot the share of right answers at each step of certainty, a panel for each annotator.

    Parameters
    ----------
    curve : DataFrame
        One row per annotator and step: annotator, mean (certainty, 0 to 10), n, share (right), low and high.
    table : DataFrame
        One row per annotator, in the order of the panels: annotator.
    """
    names = table["annotator"].tolist()
    figure = new_figure(1.0 + 2.6 * max(1, len(names)), 3.2)
    for axes, name in zip(figure.subplots(1, max(1, len(names)), squeeze=False, sharey=True)[0], names, strict=False):
        rows = curve[curve["annotator"] == name]
        axes.plot([0, 10], [0, 1], linestyle=":", color="grey", linewidth=1)
        if len(rows):
            ends = [rows["share"] - rows["low"], rows["high"] - rows["share"]]
            axes.errorbar(rows["mean"], rows["share"], yerr=ends, marker="o", linewidth=1, capsize=2)
            for row in rows.itertuples(index=False):
                axes.annotate(f"{row.n}", (row.mean, row.low), xytext=(0, -9), textcoords="offset points", fontsize=7,
                              ha="center")
        axes.set(xlim=(-0.5, 10.5), ylim=(-0.12, 1.05), xlabel="certainty")
        axes.set_title(name, fontsize=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("right")
    return figure


def _pale(image: np.ndarray) -> np.ndarray:
    """Make the item light grey, so that only the map has colours."""
    grey = image if image.ndim == 2 else image.mean(axis=2)
    return (130 + 0.45 * grey).astype(np.uint8)


def _dark(image: np.ndarray) -> np.ndarray:
    """Make the item dark grey, so that the map's light colours stand out."""
    grey = image if image.ndim == 2 else image.mean(axis=2)
    return (0.4 * grey).astype(np.uint8)


def _outline(axes: Axes, region: np.ndarray) -> None:
    """Draw a line around the marked pixels, in the card's colour for wrong regions, over a white line."""
    inside = np.pad(region, 1).astype(np.int8)
    across, down = np.diff(inside, axis=1)[1:-1], np.diff(inside, axis=0)[:, 1:-1].T
    for change, lines in ((across, axes.vlines), (down, axes.hlines)):
        rows, places = np.nonzero(change)
        for colour, width in (("white", 3.0), (MARKED, 1.5)):
            lines(places - 0.5, rows - 0.5, rows + 0.5, colors=colour, linewidth=width)
