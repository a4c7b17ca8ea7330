"""What does a training look like while it runs?

A curve below the cell in a notebook, one line in a terminal. Read `Live` first. Figures are drawn without pyplot: its
global state belongs to the user's own cells.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, Image
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

# Okabe and Ito's palette, which colour-blind people can tell apart.
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8a8a8a"
REDRAW_S = 0.5


class Live:
    """The progress of one training; a context manager that is called once per epoch.

    Parameters
    ----------
    epochs : how many there will be at most
    title : what is being trained
    """

    def __init__(self, epochs: int, *, title: str) -> None:
        self.epochs, self.title = epochs, title
        self.rows: list[Mapping[str, Any]] = []
        self._drawn_at = 0.0
        self._handle: DisplayHandle | None = None
        self._bar: Any = None

    def __enter__(self) -> Live:
        shell = get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            self._handle = DisplayHandle()
            self._handle.display(self._picture())
        else:
            self._bar = tqdm(total=self.epochs, desc=self.title, unit="epoch", leave=False)
        return self

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Take in one epoch: epoch, loss, and validation_loss or validation_accuracy where they were measured."""
        self.rows.append(dict(row))
        if self._bar is not None:
            self._bar.set_postfix({name: f"{row[name]:.3f}" for name in ("loss", "validation_accuracy")
                                   if row.get(name) == row.get(name)})
            self._bar.update()
        elif self._handle is not None and time.monotonic() - self._drawn_at > REDRAW_S:
            self._handle.update(self._picture())
            self._drawn_at = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._handle is not None:
            self._handle.update(self._picture())

    def _picture(self) -> Image:
        figure = new_figure(7, 2.3)
        loss, accuracy = figure.subplots(1, 2)
        epochs = [row["epoch"] for row in self.rows]
        for axes, title, lines in (
                (loss, "loss", (("loss", "training", BLUE), ("validation_loss", "validation", ORANGE))),
                (accuracy, "accuracy", (("accuracy", "training", BLUE),
                                        ("validation_accuracy", "validation", ORANGE)))):
            for name, label, colour in lines:
                values = [row.get(name, float("nan")) for row in self.rows]
                axes.plot(epochs, values, color=colour, label=label, marker="o" if label == "validation" else None,
                          markersize=3, linewidth=1.6)
            axes.set_title(title, fontsize=9, loc="left")
            axes.set_xlim(0.5, max(self.epochs, 2) + 0.5)
            tidy(axes)
        accuracy.set_ylim(0, 1.02)
        loss.set_xlabel("epoch", fontsize=8)
        accuracy.set_xlabel("epoch", fontsize=8)
        loss.legend(fontsize=7, frameon=False)
        title = f"{self.title}: epoch {epochs[-1]} of {self.epochs}" if epochs else self.title
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        return Image(data=png(figure), format="png", width=int(figure.get_figwidth() * 100))


class Drawing(Figure):
    """A figure that a notebook shows: IPython knows how to show matplotlib's own only once pyplot was imported."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return png(self), {"width": int(100 * self.get_figwidth()), "height": int(100 * self.get_figheight())}


def new_figure(width: float, height: float) -> Drawing:
    """A figure of so many inches, outside pyplot."""
    figure = Drawing(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes) -> None:
    """The house style of a plot: light lines, small numbers, nothing twice."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)


def png(figure: Figure, *, dpi: int = 160) -> bytes:
    """The figure as a PNG file."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()
