"""The live progress of a training: curves below the cell in a notebook, one line in a terminal. Read `Live`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np
from IPython.core.getipython import get_ipython
from IPython.display import DisplayHandle, Image
from matplotlib.ticker import MaxNLocator

from ..drawing.figures import BLUE, ORANGE, Drawing, new_figure, png, tidy
from .bars import Bar

REDRAW_S = 0.5


class Live:
    """The progress of one training: a context manager that is called once per epoch.

    Parameters
    ----------
    epochs : int
        Maximum number of epochs.
    title : str
        What is being trained.
    """

    def __init__(self, epochs: int, *, title: str) -> None:
        self.epochs, self.title = epochs, title
        self.rows: list[Mapping[str, Any]] = []
        self._drawn_at = 0.0
        self._handle: DisplayHandle | None = None
        self._bar: Bar | None = None

    def __enter__(self) -> Live:
        shell = get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            self._handle = DisplayHandle()
            self._handle.display(self._picture())
        else:
            self._bar = Bar(self.epochs, title=self.title, unit="epoch", delay_s=0).__enter__()
        return self

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Add one epoch to the curves.

        Parameters
        ----------
        row : mapping
            epoch and loss; accuracy, validation_loss and validation_accuracy where they were measured.
        """
        self.rows.append(dict(row))
        if self._bar is not None:
            self._bar(1, {name: f"{row[name]:.3f}" for name in ("loss", "validation_accuracy")
                          if name in row and row[name] == row[name]})
        elif self._handle is not None and time.monotonic() - self._drawn_at > REDRAW_S:
            self._handle.update(self._picture())
            self._drawn_at = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, traceback)
        if self._handle is not None:
            self._handle.update(self._picture())

    def _picture(self) -> Image:
        figure = self.figure()
        return Image(data=png(figure), format="png", width=int(figure.get_figwidth() * 100))

    def figure(self) -> Drawing:
        """The curves so far."""
        figure = new_figure(7, 2.3)
        loss, accuracy = figure.subplots(1, 2)
        epochs = [row["epoch"] for row in self.rows]
        for axes, title, lines in (
                (loss, "loss", (("loss", "training", BLUE), ("validation_loss", "validation", ORANGE))),
                (accuracy, "accuracy", (("accuracy", "training", BLUE),
                                        ("validation_accuracy", "validation", ORANGE)))):
            for name, label, colour in lines:
                values = [row.get(name, float("nan")) for row in self.rows]
                if np.isfinite(values).any():  # no entry in the legend for what nobody measured
                    # One point makes no line: without a mark nothing would be seen of it.
                    marked = label == "validation" or len(epochs) == 1
                    axes.plot(epochs, values, color=colour, label=label, marker="o" if marked else None, markersize=3,
                              linewidth=1.6)
            axes.set_title(title, fontsize=9, loc="left")
            axes.set_xlim(0.5, max(self.epochs, 2) + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            tidy(axes)
        accuracy.set_ylim(0, 1.02)
        loss.set_xlabel("epoch", fontsize=8)
        accuracy.set_xlabel("epoch", fontsize=8)
        for axes in (loss, accuracy):
            if axes.lines:  # above the panel, where it covers no curve
                axes.legend(fontsize=7, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2,
                            borderaxespad=0)
        title = f"{self.title}: epoch {epochs[-1]} of {self.epochs}" if epochs else self.title
        figure.suptitle(title, fontsize=9, x=0.01, ha="left")
        return figure
