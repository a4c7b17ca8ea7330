"""How does a gain look? Pictures of figures, each with its interval and its n."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from PIL import Image

from .figures import BLUE, GREY, ORANGE, Drawing, new_figure, tidy
from .overlay import COLOURS as TABLE
from .overlay import blend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ..quality.metrics import Metrics
    from ..records import Attribution, Estimate

MOST_LABELS = 24
MARKED = TABLE["regions"]["wrong"]
MARKERS = "soD^v<>P"
COLOURS = (BLUE, ORANGE, GREY, "#228833", "#aa3377", "#66ccee", "#ccbb44", "#4477aa")


def plot_gain(before: Metrics, after: Metrics, gain: Estimate) -> Drawing:
    """Accuracy and recall per label, before and after, with 95 % intervals; past 24 labels the rarest are left out.

    Marks differ in shape as well as in colour: hollow circle before, full square after.
    """
    shown = after.per_label if after.n else before.per_label
    if len(shown) > MOST_LABELS:
        shown = shown.sort_values("n", ascending=False).head(MOST_LABELS)
    rows = [("all", None), *((f"{label}", label_id) for label_id, label in shown["label"].items())]
    figure = new_figure(7, 1.3 + 0.27 * len(rows))
    axes = figure.subplots()
    for metrics, name, colour, marker, shift in ((before, "before", ORANGE, "o", -0.14),
                                                 (after, "after", BLUE, "s", 0.14)):
        if not metrics.n:
            continue
        accuracy, table = metrics["accuracy"], metrics.per_label
        points = [(float(accuracy), accuracy.low, accuracy.high)] + [
            tuple(table.loc[[label_id], ["recall", "recall_low", "recall_high"]].iloc[0]) for _, label_id in rows[1:]]
        value, low, high = np.array(points, float).T
        places = np.arange(len(rows)) + shift
        axes.errorbar(value, places, xerr=[value - low, high - value], fmt=marker, color=colour, markersize=5,
                      markerfacecolor="white" if name == "before" else colour, elinewidth=1.2, capsize=2, label=name)
    axes.axhline(0.5, color=GREY, linewidth=0.6)
    counts = [after.n or before.n, *shown["n"]]
    axes.set_yticks(range(len(rows)), [f"{name}  (n = {n})" for (name, _), n in zip(rows, counts, strict=True)])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel("accuracy (all) and recall (per label), with 95 % intervals", fontsize=8)
    tidy(axes)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    if before.n or after.n:
        axes.legend(fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    axes.set_title(f"Gain: {gain}", fontsize=9, loc="left", pad=22)
    return figure


class Rounds(Protocol):
    """What is pictured of a `hitl_widgets.report.progress.Progress`."""

    @property
    def accuracy(self) -> pd.DataFrame: ...
    @property
    def labels(self) -> pd.DataFrame: ...
    @property
    def suggestions(self) -> pd.DataFrame: ...
    @property
    def times(self) -> pd.DataFrame: ...
    @property
    def likely(self) -> Estimate: ...
    @property
    def more(self) -> int: ...


def plot_progress(progress: Rounds) -> Drawing:
    """Four pictures: accuracy, with what the next answers are likely to gain; recall of the labels with the most
    answers; suggestions that stood by round; and time per decision, by verdict."""
    figure = new_figure(9, 6)
    (accuracy, labels), (stood, times) = figure.subplots(2, 2)
    for source, colour, marker in (("holdout", BLUE, "s"), ("audit", ORANGE, "o")):
        table = progress.accuracy[progress.accuracy["source"] == source]
        _points(accuracy, table, "answers", "share", colour=colour, marker=marker, name=source)
    held = progress.accuracy[progress.accuracy["source"] == "holdout"]
    if len(held) and not np.isnan(progress.likely):
        last, gain = held.iloc[-1], progress.likely
        place, base = last["answers"] + progress.more, last["share"]
        accuracy.plot([last["answers"], place], [base, base + gain], linestyle=":", color=GREY)
        accuracy.errorbar([place], [base + gain], yerr=[[gain - gain.low], [gain.high - gain]], fmt="D", color=GREY,
                          markersize=5, capsize=2, label="likely")
    often = progress.labels.groupby("label")["answers"].max().sort_values(ascending=False).index[:len(MARKERS)]
    for marker, label in zip(MARKERS, often, strict=False):
        table = progress.labels[progress.labels["label"] == label]
        labels.plot(table["answers"], table["recall"], marker=marker, markersize=4, linewidth=1, label=str(label))
    share = progress.suggestions[progress.suggestions["label"] == "all"]
    _points(stood, share, "round", "share", colour=BLUE, marker="s", name="suggestions that stood")
    for (verdict, table), marker, colour in zip(progress.times.groupby("verdict"), MARKERS, COLOURS, strict=False):
        _points(times, table, "round", "median_s", colour=colour, marker=marker, name=str(verdict))
    for axes, across, up in ((accuracy, "answers", "accuracy"), (labels, "answers with the label", "recall"),
                             (stood, "round", "share"), (times, "round", "seconds, median")):
        axes.set_xlabel(across, fontsize=8)
        axes.set_ylabel(up, fontsize=8)
        axes.set_ylim(0, None if axes is times else 1.02)
        tidy(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, frameon=False)
    return figure


def _points(axes: Any, table: pd.DataFrame, across: str, value: str, *, colour: str, marker: str, name: str) -> None:
    """A column with its interval; an end that isn't known is left out."""
    if len(table):
        low, high = (np.where(np.isfinite(table[end]), np.abs(table[end] - table[value]), 0) for end in ("low", "high"))
        axes.errorbar(table[across], table[value], yerr=[low, high], fmt=f"{marker}-", color=colour, markersize=5,
                      linewidth=1, elinewidth=1, capsize=2, label=name)


def plot_maps(shown: Sequence[tuple[np.ndarray, Attribution, str]], method: str) -> Drawing:
    """Items (uint8 images) beside their maps, three to a row, each under its title."""
    n_rows = max(1, -(-len(shown) // 3))
    figure = new_figure(9, 0.4 + 1.8 * n_rows)
    grid = figure.subplots(n_rows, 6, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for place, (image, attribution, title) in enumerate(shown):
        for axes, picture in zip(grid[2 * place:2 * place + 2], (image, blend(image, attribution)), strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        grid[2 * place].set_title(title, fontsize=7, loc="left", parse_math=False)
    figure.suptitle(method, fontsize=9, x=0.01, ha="left")
    return figure


def plot_flips(shown: Sequence[tuple[bytes, str, str | None]], title: str) -> Drawing:
    """Thumbnails (PNG files) under their captions, four to a row; the frame says which model was right: full and thick
    the new one, dotted the former, thin neither or unknown."""
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
        axes.set_title(caption, fontsize=7, loc="left", parse_math=False)  # a $ in a name is a dollar
        colour, width, line = styles.get(right or "", (GREY, 0.8, "-"))
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=width, linestyle=line)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure


def plot_reasons(images: Sequence[np.ndarray], regions: Sequence[np.ndarray], titles: Sequence[str],
                 maps: Sequence[Sequence[tuple[Attribution | None, str]]], method: str) -> Drawing:
    """Items with what was marked on them as wrong, and below each the maps of the model before and of the one after.

    Parameters
    ----------
    images : uint8, shape (H, W) or (H, W, 3)
    regions : bool, shape (H, W), outlined on item and maps
    maps : of the model before, then of the one after: each item's map and a word on it. A map is scaled by its own
        largest value
    """
    figure = new_figure(1.1 + 1.9 * len(images), 6.3)
    grid = figure.subplots(3, len(images), squeeze=False)
    for column, (image, region, title) in enumerate(zip(images, regions, titles, strict=True)):
        shown: list[tuple[np.ndarray, str]] = [(image, title)]
        for row in maps:
            attribution, words = row[column]
            shown.append((_pale(image) if attribution is None else blend(_pale(image), attribution, opacity=0.9),
                          words))
        for axes, (picture, words) in zip(grid[:, column], shown, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
            _outline(axes, region)
            axes.set_title(words, fontsize=8, loc="left", wrap=True)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    for axes, name in zip(grid[:, 0], ("marked as wrong", "why, before", "why, after"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    figure.suptitle(f"{method}; each map on a scale of its own", fontsize=9, x=0.01, ha="left")
    return figure


def plot_calibration(curve: pd.DataFrame, table: pd.DataFrame) -> Drawing:
    """How often answers are right at each step of certainty, a panel for each annotator.

    Parameters
    ----------
    curve, table : as `Calibration` has them
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
    """The item in light grey, so that what has a colour on it is the map's."""
    grey = image if image.ndim == 2 else image.mean(axis=2)
    return (130 + 0.45 * grey).astype(np.uint8)


def _outline(axes: Axes, region: np.ndarray) -> None:
    """A line around the marked pixels, in the card's colour for what is wrong; over white, it shows anywhere."""
    inside = np.pad(region, 1).astype(np.int8)
    across, down = np.diff(inside, axis=1)[1:-1], np.diff(inside, axis=0)[:, 1:-1].T
    for change, lines in ((across, axes.vlines), (down, axes.hlines)):
        rows, places = np.nonzero(change)
        for colour, width in (("white", 3.0), (MARKED, 1.5)):
            lines(places - 0.5, rows - 0.5, rows + 0.5, colors=colour, linewidth=width)
